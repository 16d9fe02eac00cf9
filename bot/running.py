"""What is wrong with the installation, and what to do about each: from its state alone, worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.config import AibotWsChannel, Config
from bot.room import troubles
from bot.ways import hook_name
from bot.webhooks import WebhookKeys
from rules.room import Room
from storage.calls import DEAD_MS, lease_of
from storage.machine import Mark, Process, State, programs
from storage.stores import Stores

LEASES = ("watch", "upkeep", "points")
"""Roles of the clock whose holders are shown."""
LATE_MS = 5 * 60_000
"""What should have been tried so long ago says that nobody sends."""
CROWD = 200
"""So many messages that are not finished say that nobody works, or not fast enough."""
SLOW_MS = 50.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong, in Chinese, and its cure."""

    text: str
    cure: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook and the name under which its posts are counted."""

    community: str
    chat: str
    limit: str


def hooks_of(keys: WebhookKeys) -> list[Hook]:
    """The webhooks in force; those that cannot be used are left out. One round trip."""
    found = ((one.community, one.chat, keys.usable(one.community, one.chat)) for one in keys.all())
    return [Hook(community, chat, hook_name(key)) for community, chat, key in found if key]


def observe(
    stores: Stores, config: Config, hooks: Sequence[Hook], now_ms: int, *, with_letters: bool = True, begin: Mark = (0, 0)
) -> State:
    """The state of everything that ``alarms`` and people look at; three round trips."""
    sockets = sockets_of(config)
    return stores.machine.look(
        now_ms, leases=[*LEASES, *map(lease_of, sockets)], channels=sockets, limits=[*(hook.limit for hook in hooks), host_of(config)],
        with_letters=with_letters, begin=begin,
    )  # fmt: skip


def host_of(config: Config) -> str:
    """The name under which the failures of WeCom's host are counted."""
    return f"host.{urlsplit(config.wecom.api_base).hostname or ''}"


def sockets_of(config: Config) -> list[str]:
    """The channels that are long connections."""
    return [channel.name for channel in config.channels if isinstance(channel, AibotWsChannel)]


def alarms(state: State, config: Config, now_ms: int, room: Room | None = None) -> list[Alarm]:
    """Everything that is wrong, what stops the whole bot first. Without ``room`` nothing is said of memory and disk."""
    alive = [process for process in state.processes if process.is_alive(now_ms)]
    lacking = troubles(room, is_limited=state.server.most_memory > 0) if room else ()
    return [
        *_redis(state),
        *(Alarm(text, cure) for text, cure in lacking),
        *_processes(alive),
        *_ways_in(state, config, now_ms),
        *_queues(state, now_ms),
    ]


def _redis(state: State) -> Iterator[Alarm]:
    server = state.server
    if server.is_written is False:
        yield Alarm(
            "Redis 写不进磁盘：新的消息收不下来", "多半是磁盘满了：df -h 看 data_dir（自带的）或 Redis 所在的磁盘，腾出空间后它自己恢复"
        )
    if server.version and not server.is_appending:
        yield Alarm(
            "Redis 没有开 AOF：断电会丢掉最近的积分和消息", "redis.conf 里写 appendonly yes、appendfsync always 或 everysec，再重启 Redis"
        )
    if server.most_memory and server.policy not in ("", "noeviction"):
        yield Alarm(f"Redis 满了会丢数据（{server.policy}）", "redis.conf 里写 maxmemory-policy noeviction")
    if server.latency_ms > SLOW_MS:
        yield Alarm(f"Redis 应答要 {server.latency_ms:.0f} 毫秒", "看它的机器忙不忙、磁盘慢不慢；机器人和 Redis 要在同一个机房")


def _processes(alive: Sequence[Process]) -> Iterator[Alarm]:
    if not any(process.role == "worker" for process in alive):
        yield Alarm("没有后台进程（worker）在干活：消息发不出去，定时的也不响", "运行 python run.py serve，或者另起 python run.py worker")
    if len(programs(alive)) > 1:
        told = "、".join(f"{program} {n} 个" for program, n in programs(alive).most_common())
        yield Alarm(f"进程跑着不同版本的程序：{told}", "升级以后把所有机器上的进程都重启一遍")


def _ways_in(state: State, config: Config, now_ms: int) -> Iterator[Alarm]:
    for about in sorted(state.told):
        if about.startswith("silence:"):
            yield Alarm(f"渠道 {about.removeprefix('silence:')} 静得不寻常", "运行 python run.py check，它会从外面试一遍，并说明怎么办")
        elif about == "door":
            yield Alarm(f"从 {config.server.public_url} 到不了机器人", "看域名、证书、反向代理和防火墙；python run.py check 会逐项试")
    for channel in sockets_of(config):
        if lease_of(channel) not in state.held:
            yield Alarm(f"长连接 {channel} 没有进程持有", "它由 worker 持有：看 worker 的日志里为什么连不上")
        elif now_ms - state.links.get(channel, 0) > DEAD_MS:
            yield Alarm(f"长连接 {channel} 断着", "看 worker 的日志：多半是 BotID、Secret 不对，或同一个机器人连了两处")


def _queues(state: State, now_ms: int) -> Iterator[Alarm]:
    if state.inbox > CROWD:
        yield Alarm(f"{state.inbox} 条消息收下了还没处理完", "看 CPU 和日志里的 message failed；处理不过来就加 web 和 worker 进程")
    for trouble in state.troubles:
        if trouble.until_ms:
            what = "企业微信没有应答" if trouble.name.startswith("host.") else f"{trouble.name} 连续失败 {trouble.failures} 次"
            cure = (
                "检查网络、代理和 wecom.api_base；恢复后自己接着发"
                if trouble.name.startswith("host.")
                else "看死信里的原因；换 webhook 在“社群”页"
            )
            yield Alarm(f"{what}，先不发，隔一会儿试一次", cure)
    late = [line for line in state.lines if line.next_ms < now_ms - LATE_MS]
    if late:
        yield Alarm(f"{sum(line.waiting for line in late)} 条消息过了点还没发", "没有 worker 活着就启动它；社群暂停着的，恢复后会接着发")
    if state.dead:
        yield Alarm(f"{state.dead} 条没有送达，已放弃", "看下面死信的原因，处理好以后点“重发”；不要了就丢弃")
    if state.buried:
        yield Alarm(
            f"{state.buried} 条消息处理了五次都失败", "这是机器人的毛病：日志里找 message buried，把它交给维护的人；消息留着，到期自动清除"
        )
