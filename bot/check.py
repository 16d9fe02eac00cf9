"""``python run.py check``: what to enter where, everything that would keep the bot from working, each with its cure, and what it can hear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from bot import canary, deliveries, tries, ways_in
from bot.channels.answer import is_address
from bot.client import WeComClient, Wire
from bot.config import AibotWsChannel, AppChannel, ArchiveChannel, ChannelConfig, Config, ContactChannel
from bot.errors import StartError, WiringError
from bot.extensions import find_extensions
from bot.files import FileProblem, Files
from bot.human_desk import roster_problems
from bot.keyring import KEY_FILE, differs
from bot.leavers import left_admins
from bot.live import starting_files
from bot.longholder import try_subscribe
from bot.media import MOST_BYTES
from bot.ports import is_free, who_listens
from bot.tries import BAD, GOOD, NOTE, ODD, Finding
from bot.webhooks import WebhookKeys
from rules import contents
from rules.badges import BadgeRules
from rules.contents import ContentProblem
from rules.duty import DutyPlans
from rules.entries import Entry
from rules.invitations import InvitationRules
from rules.levels import Levels
from rules.references import dangling, without_meaning
from rules.saved_segments import Segments
from rules.shop import Shop
from storage.calls import Calls
from storage.connection import StorageAway
from storage.embedded import EmbeddedServerError
from storage.events import ELSEWHERE
from storage.moment import to_ms
from storage.stores import Stores
from storage.tokens import TokenStore

UNTRUSTED = (
    "server.public_url 是 https，前面有反向代理，但 server.trusted_proxies 空着：所有来访者看起来都是代理这一个地址，登录限次会把大家一起挡住。"
    "写上代理的 IP，例如 trusted_proxies: [127.0.0.1]"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of what is told: its title, lines to read, and what was found."""

    title: str
    lines: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def _away(error: Exception) -> str:
    """Why there is no Redis; what names its own cure is not given another."""
    return f"Redis：{error}。检查 redis.url 与服务是否启动" if isinstance(error, StorageAway) else f"Redis：{error}"


class Check:
    """Looks at everything. ``is_online`` False leaves out whatever goes over the network (WeCom, and our own public address)."""

    def __init__(
        self, config: Config, open_stores: Callable[[], AbstractContextManager[Stores]], now: Callable[[], datetime], *, is_online: bool
    ) -> None:
        self._config = config
        self._open_stores = open_stores
        self._now = now
        self._is_online = is_online
        self._told: set[Finding] = set()
        self._shut: canary.Knock | None = None  # where nobody answers, one channel's wait is enough

    def parts(self) -> Iterator[Part]:
        """Each part as soon as it is known: some take seconds."""
        yield Part("配置和内容", findings=self._written())
        if extensions := _extensions(self._config):
            yield Part("扩展", findings=extensions)
        try:
            with self._open_stores() as stores:
                yield Part("Redis 和密钥", findings=_redis(self._config, stores))
                yield from self._wecom(stores)
        except WiringError:  # told above: without its extensions the bot opens no stores
            yield from self._wecom(None)
        except (StorageAway, StartError, EmbeddedServerError) as error:
            yield Part("Redis 和密钥", findings=[Finding(BAD, _away(error))])
            yield from self._wecom(None)
        if self._config.channels:
            yield Part("听得到什么", ways_in.hearing_table(self._config))
            yield Part("为什么可能收不到", ways_in.reasons(self._config))

    def _written(self) -> list[Finding]:
        config = self._config
        found = [Finding(BAD, f"{where}：直接写出了密钥。改成 ${{变量名}}，由环境变量给出") for where in config.literal_secrets]
        found += [Finding(BAD, problem) for problem in _content(config)]
        if not config.channels:
            found.append(Finding(NOTE, "还没有渠道：机器人能启动，但听不到任何消息。在 config.yaml 的 channels 里加一个"))
        if config.communities and not any(deliveries.to_admins(config, one.id, "", id="", now_ms=0) for one in config.communities):
            found.append(Finding(ODD, "没有一个社群写了 admin_webhook：告警只进日志，没有人会马上看到"))
        if not is_free(config.server.host, config.server.port):
            listener = who_listens(config.server.port)
            found.append(Finding(NOTE, f"端口 {config.server.port} 正被使用：{listener}（机器人正在运行时是正常的）"))
        return found or [Finding(GOOD, "没有问题")]

    def _wecom(self, stores: Stores | None) -> Iterator[Part]:
        """What concerns WeCom; ``stores`` is None when Redis is away, and then nothing is tried that needs an access token."""
        wire = Wire(self._config.wecom.api_base)
        try:
            is_reached = False
            if self._is_online and needs_wecom(self._config):
                findings, is_reached = tries.reach(wire, self._now)
                yield Part("企业微信的接口", findings=findings)
            for number, channel in enumerate(self._config.channels):
                findings = self._tried(channel, wire if is_reached else None, stores)
                title = f"渠道 {channel.name}（{channel.kind}：{ways_in.TITLES[channel.kind]}）"
                yield Part(title, ways_in.setting_up(self._config, number), findings)
            hooks, find = tries.webhooks_of(self._config), self._configured
            if stores:
                keys = WebhookKeys(self._config, stores.webhooks, stores.groups)
                hooks, find = [tries.Hook(one.community, one.chat, one.name) for one in keys.all() if not one.is_idle], keys.find
            if hooks:
                found = tries.try_webhooks(wire, hooks, find) if is_reached else [_untried(len(hooks))]
                yield Part("群的 Webhook", findings=found)
        finally:
            wire.close()

    def _tried(self, channel: ChannelConfig, wire: Wire | None, stores: Stores | None) -> list[Finding]:
        found: list[Finding] = []
        if isinstance(channel, canary.UrlChannel):
            found += self._unless_told(self._address(channel))
            if channel.is_changing_keys:
                found.append(
                    Finding(ODD, "正在换密钥，新旧两组都有效。后台保存新的之后，把 token_next、aes_key_next 移到 token、aes_key，重启")
                )
        if isinstance(channel, AppChannel | ContactChannel) and wire and stores:
            client = self._client(channel.secret.get_secret_value(), wire, stores)
            found += tries.try_app(client, channel) if isinstance(channel, AppChannel) else tries.try_contact(client)
        if isinstance(channel, AibotWsChannel) and self._is_online and stores:
            problem = try_subscribe(channel, self._config, Calls(stores.database), to_ms(self._now()))
            found.append(Finding(BAD, f"长连接：{problem}") if problem else Finding(GOOD, "长连接：连得上"))
        if isinstance(channel, ArchiveChannel):
            found.append(Finding(NOTE, "有消息交进来才知道通不通，没有可以试的"))
        return found

    def _configured(self, community: str, chat: str) -> str | None:
        key = self._config.webhook_for(community, chat)
        return key.get_secret_value() if key else None

    def _client(self, secret: str, wire: Wire, stores: Stores) -> WeComClient:
        return WeComClient(self._config.wecom.corp_id, secret, wire=wire, tokens=TokenStore(stores.database), now=self._now)

    def _address(self, channel: canary.UrlChannel) -> list[Finding]:
        server = self._config.server
        if not server.public_url:
            return [Finding(ODD, "server.public_url 空着：企业微信要能从公网访问回调地址，上面的 URL 只有本机能用")]
        said = [Finding(ODD, UNTRUSTED)] if server.public_url.startswith("https://") and not server.trusted_proxies else []
        if not self._is_online:
            return said
        knock = self._shut or canary.knock(self._config, channel, self._now())
        if not knock.is_answered:
            self._shut = knock
        if knock.problem and is_free(server.host, server.port):
            return [*said, Finding(NOTE, f"机器人没有在运行，回调地址现在不通（{knock.problem.partition('。')[0]}）。启动后再检查一次")]
        return [*said, *tries.judge_knock(knock)]

    def _unless_told(self, findings: list[Finding]) -> list[Finding]:
        """What is wrong with the address is wrong for all channels behind it: it is explained once."""
        told = {finding for finding in findings if finding in self._told}
        self._told |= {finding for finding in findings if finding.mark != GOOD}
        shown = [finding for finding in findings if finding not in told]
        return shown if shown or not findings else [Finding(NOTE, "回调地址：同上")]


def needs_wecom(config: Config) -> bool:
    """Whether anything configured is a matter between WeCom's interface and us."""
    return any(isinstance(channel, AppChannel | ContactChannel) for channel in config.channels) or bool(tries.webhooks_of(config))


def _untried(count: int) -> Finding:
    return Finding(NOTE, f"{count} 个，这次没有试")


def _content(config: Config) -> list[str]:
    found = []
    places = [(kind, name, file) for kind in contents.KINDS.values() for name, file in starting_files(kind, config.content_path)]
    for kind, name, file in places:
        try:
            value = contents.parse(kind, file.read_text(encoding="utf-8"))
        except (ContentProblem, UnicodeDecodeError, OSError) as error:
            found += [f"{name}：{line}" for line in str(error).splitlines()]
        else:
            found += [f"{name}：{line}" for line in _files_of(value, config)] if kind is contents.FAQ else []
    return found


def _files_of(entries: Sequence[Entry], config: Config) -> Iterator[str]:
    """What is wrong with the pictures and files of answers."""
    files = Files(config.files_path)
    for entry in entries:
        reads = ((entry.image, files.read_picture), (entry.file, partial(files.read, most_bytes=MOST_BYTES["file"])))
        for name, read in reads:
            try:
                if name and not is_address(name):
                    read(name)
            except FileProblem as problem:
                yield f"“{entry.id}”：{problem}"


def _extensions(config: Config) -> list[Finding]:
    """Features from elsewhere, and what is wrong with them."""
    try:
        return [Finding(GOOD, f"{one.extension.title}（{one.extension.name}）：{one.source}") for one in find_extensions(config)]
    except StartError as wrong:
        return [Finding(BAD, problem) for problem in wrong.problems]


def _redis(config: Config, stores: Stores) -> list[Finding]:
    found = []
    appendonly, appendfsync, policy = (stores.database.setting(name) for name in ("appendonly", "appendfsync", "maxmemory-policy"))
    if appendonly is None or policy is None:
        found.append(Finding(ODD, "Redis：它不让查看设置（托管服务常见），请自行确认 appendonly 是 yes、maxmemory-policy 是 noeviction"))
    elif appendonly != "yes":
        found.append(Finding(BAD, "Redis：没有打开 AOF（appendonly no），重启会丢消息。在 redis.conf 里写 appendonly yes"))
    elif appendfsync != "always":
        found.append(Finding(ODD, f"Redis：appendfsync 是 {appendfsync}，断电时可能丢最后一秒；要一条不丢，改成 always"))
    if policy not in (None, "noeviction"):
        found.append(Finding(BAD, f"Redis：maxmemory-policy 是 {policy}，内存满时会悄悄丢数据。改成 noeviction"))
    found += _replicas(config, stores)
    if not found:
        found.append(Finding(GOOD, "Redis：收下的消息都会落盘"))
    if not stores.events.is_whole():
        found.append(Finding(BAD, f"记录：{ELSEWHERE}"))
    if differs(config):
        told = "evidence_key 和 data_dir 里的 evidence.key 不一样：以前加密的案件证据、webhook 打不开。把 evidence.key 的内容放进环境变量"
        found.append(Finding(BAD, f"密钥：{told}，或者删掉这个文件"))
    elif config.evidence_key:
        found.append(Finding(GOOD, "密钥：证据密钥由环境给出"))
    else:
        found.append(Finding(NOTE, f"密钥：证据密钥在 {config.data_path / KEY_FILE}，请与数据一起备份"))
    if unlisted := stores.groups.all():
        found.append(
            Finding(
                NOTE,
                f"未列入配置的群 {len(unlisted)} 个（只答不推）：{'、'.join(list(unlisted)[:10])}。要推送，把它们写进 communities；"
                "想留住已有的积分，就把 id 也写成这个 chatid",
            )
        )
    return found + _people(config, stores) + _roster(config, stores) + _references(config, stores) + _kept_webhooks(config, stores)


def _replicas(config: Config, stores: Stores) -> list[Finding]:
    """Whether what is acknowledged outlives its master, where another takes over."""
    if "+" not in config.redis.url.get_secret_value().partition("://")[0] or config.redis.wait_replicas:
        return []
    if stores.database.setting("min-replicas-to-write") not in (None, "0"):
        return []
    told = "主节点突然没了、由副本接手时，最后几条已经收下的消息可能丢失。在 config.yaml 里写 redis.wait_replicas: 1"
    return [Finding(ODD, f"Redis：{told}，并在每个节点上设 min-replicas-to-write 1（见 docs/redis.md）")]


def _people(config: Config, stores: Stores) -> list[Finding]:
    return [
        Finding(
            ODD, f"admins：{user} 已不在企业里，权限已停用；从 config.yaml 里删掉他。他回来时会自动恢复并告警；弄错了用 run.py rehire 恢复"
        )
        for user in left_admins(config, stores.leavers)
    ]


def _roster(config: Config, stores: Stores) -> list[Finding]:
    kept = stores.content.items(contents.DUTY.name)
    plans = contents.from_items(contents.DUTY, kept) if kept else DutyPlans()
    return [Finding(ODD, problem) for problem in roster_problems(stores, config, plans)]


def _references(config: Config, stores: Stores) -> list[Finding]:
    """What items and challenges in force name that is nowhere; before the first start, those of the starting files."""
    versions = stores.content.versions()

    def find(kind: contents.Kind[Any], otherwise: Any) -> Any:
        if kind.name in versions:
            return contents.from_items(kind, stores.content.items(kind.name))
        file = config.content_path / kind.file
        return contents.parse(kind, file.read_text(encoding="utf-8")) if file.exists() else otherwise

    try:
        shop, challenges = find(contents.SHOP, Shop()), find(contents.CHALLENGES, ())
        levels, badges = find(contents.LEVELS, Levels()), find(contents.BADGES, BadgeRules())
        invitations = find(contents.INVITATIONS, InvitationRules(tiers=()))
        pushes, segments = find(contents.PUSHES, ()), find(contents.SEGMENTS, Segments())
        said = [*dangling(shop, challenges, levels, badges, invitations), *without_meaning(pushes, segments)]
        return [Finding(ODD, line) for line in said]
    except (ContentProblem, UnicodeDecodeError, OSError):
        return []  # a file that cannot be read is named among the starting files


def _kept_webhooks(config: Config, stores: Stores) -> list[Finding]:
    found = []
    for shown in WebhookKeys(config, stores.webhooks, stores.groups).all():
        name = f"webhook：{shown.name}"
        if shown.is_refused:
            found.append(Finding(BAD, f"{name}用的是已被换掉的 key，不会用它发送。运行 run.py webhook set 放入新的"))
        elif not shown.digest:
            found.append(Finding(BAD, f"{name}打不开：evidence.key 换过了。运行 run.py webhook set 重新放入"))
        elif shown.is_idle:
            found.append(
                Finding(
                    ODD,
                    f"{name}用不上了：config.yaml 里这个群换了地方，或者删掉了。运行 run.py webhook remove {shown.community} {shown.chat}",
                )
            )
        elif shown.is_configured and shown.is_kept:
            found.append(Finding(NOTE, f"{name}后来换过（{shown.digest}），config.yaml 里的值不再使用"))
        elif shown.is_kept:
            found.append(Finding(NOTE, f"{name}是在控制台或用命令放进来的（{shown.digest}），config.yaml 里没有"))
    return found
