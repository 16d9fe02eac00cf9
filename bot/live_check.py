"""``python run.py check --live``: how the running bot is, with the same alarms and cures as the console's page 运行."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from datetime import datetime

from bot import canary
from bot.check import Part, needs_wecom
from bot.client import Wire
from bot.config import Config
from bot.room import look
from bot.running import alarms, hooks_of, observe
from bot.tries import BAD, GOOD, Finding, judge_knock, reach
from bot.webhooks import WebhookKeys
from rules.room import Room, Store, lasting
from storage.events import ELSEWHERE
from storage.machine import State
from storage.moment import from_ms, to_ms
from storage.stores import Stores

ASK_WITHIN_S = 5.0
SKEW_MS = 2_000
"""A clock so far from that of Redis makes leases end early or late."""
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing is bound here
"""Where one asks who listens everywhere."""


def look_alive(config: Config, stores: Stores, clock: Callable[[], datetime]) -> Iterator[Part]:
    """The doors, WeCom, the processes, the queues, Redis, the room, and last all that is wrong with its cure."""
    now = clock()
    hooks = hooks_of(WebhookKeys(config, stores.webhooks, stores.groups))
    state = observe(stores, config, hooks, to_ms(now), with_letters=False)
    room = look(stores, config, state.server)
    yield Part("网页", findings=[_door(config), *_from_outside(config, now)])
    if needs_wecom(config):
        yield Part("企业微信", findings=_wecom(config, clock))
    yield Part("进程", _processes(state, now))
    yield Part("排着的", _queues(state))
    yield Part("Redis", _redis(state), _clock(stores, now))
    yield Part("空间", _room(room), [] if stores.events.is_whole() else [Finding(BAD, f"记录：{ELSEWHERE}")])
    wrong = [Finding(BAD, f"{alarm.text}。{alarm.cure}") for alarm in alarms(state, config, to_ms(now), room)]
    yield Part("告警", findings=wrong or [Finding(GOOD, "没有告警")])


def _door(config: Config) -> Finding:
    host, port = ANYWHERE.get(config.server.host, config.server.host), config.server.port
    line = http.client.HTTPConnection(host, port, timeout=ASK_WITHIN_S)
    try:
        line.request("GET", "/readyz")
        status = line.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        cure = "启动它（systemctl start qunguanjia，或 python run.py serve）；已经启动的看日志"
        return Finding(BAD, f"{host}:{port} 没有应答（{type(error).__name__}）：网页进程没有启动，或者在别的机器上。{cure}")
    finally:
        line.close()
    if status == 200:
        return Finding(GOOD, f"{host}:{port} 准备好了")
    return Finding(BAD, f"{host}:{port} 回答 {status}：Redis 没有应答，或者进程正在停下。几秒后再试，还是这样就看 Redis")


def _from_outside(config: Config, now: datetime) -> list[Finding]:
    """The way that WeCom takes in, certificate and all: by the first channel, as all have one address."""
    channels = canary.url_channels(config) if config.server.public_url else []
    return judge_knock(canary.knock(config, channels[0], now)) if channels else []


def _wecom(config: Config, clock: Callable[[], datetime]) -> list[Finding]:
    """Whether WeCom's interface can be reached, and whether our clock agrees with its: else its callbacks look stale, or from the future."""
    wire = Wire(config.wecom.api_base)
    try:
        return reach(wire, clock)[0]
    finally:
        wire.close()


def _processes(state: State, now: datetime) -> list[str]:
    rows = [(one, one.is_alive(to_ms(now))) for one in state.processes]
    return [
        f"{one.name}：{from_ms(one.since_ms):%m-%d %H:%M} UTC 启动，程序 {one.program}{'' if is_alive else '，已经没有动静'}"
        for one, is_alive in rows
    ] or ["一个也没有见过"]


def _queues(state: State) -> list[str]:
    return [
        f"收下没处理完 {state.inbox}，等着发 {state.waiting}，要看的图片 {state.pictures}，要算的情绪 {state.jobs}，分段回答 {state.parts}",
        f"放弃了的：收件 {state.buried}，发件 {state.dead}",
    ]


def _redis(state: State) -> list[str]:
    server = state.server
    return [f"{server.version}，应答 {server.latency_ms:.1f} 毫秒，数据第 {state.layout} 版"]


def _clock(stores: Stores, now: datetime) -> list[Finding]:
    seconds, micros = stores.database.command("TIME")
    off_ms = to_ms(now) - int(seconds) * 1000 - int(micros) // 1000
    if abs(off_ms) > SKEW_MS:
        return [Finding(BAD, f"本机的时钟和 Redis 的差 {off_ms / 1000:.1f} 秒。两边都开启时间同步（chrony 或 systemd-timesyncd）")]
    return [Finding(GOOD, "本机和 Redis 的时钟一致")]


def _room(room: Room) -> list[str]:
    return [_filled("内存", room.memory), _filled("磁盘", room.disk), f"事件记录的文件 {room.files} 个，{room.file_bytes / 2**20:.1f} MB"]


def _filled(name: str, store: Store) -> str:
    total = f" / {store.total / 2**30:.1f}" if store.total else ""
    return f"{name}：{store.used / 2**30:.2f}{total} GB，{lasting(store)}"
