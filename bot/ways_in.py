"""The ways in: what each kind of channel hears and what it can never hear, where it is set up, and why a message may not arrive.

The facts are WeCom's (paths 100719, 101027, 90239, 90240, 99399, 92130, 91774); the words are what operators read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from bot.canary import UrlChannel, callback_address
from bot.config import AibotWsChannel, AppChannel, ArchiveChannel, ChannelConfig, Config, ContactChannel

TITLES: Mapping[str, str] = {
    "aibot": "智能机器人，URL 回调",
    "aibot_ws": "智能机器人，长连接",
    "app": "自建应用",
    "robot": "群机器人，带回调",
    "contact": "客户联系",
    "archive": "会话内容存档",
}
_YES, _NO = "✓", "–"
_AIBOT = {
    "内部群里 @ 机器人": _YES,
    "内部群里没有 @": _NO,
    "单聊": _YES,
    "外部群、客户群里的话": _NO,
    "图片": "群里须图文混排",
    "文件、视频": "仅单聊",
    "语音": "仅单聊，转成文字",
    "引用的内容": "✓ 不知作者",
    "撤回": _NO,
    "有人进内部群": _NO,
    "机器人被拉进群、移出群": _NO,
    "客户增减，客户群进群、退群": _NO,
    "点卡片": _YES,
    "打开单聊": "每天第一次",
    "成员入职、离职": _NO,
}
_SILENT = dict.fromkeys(_AIBOT, _NO)
HEARS: Mapping[str, Mapping[str, str]] = {
    "aibot": _AIBOT,
    "aibot_ws": _AIBOT,
    "app": _SILENT
    | {
        "单聊": _YES,
        "图片": "仅单聊",
        "文件、视频": "视频；文件没有",
        "语音": "仅单聊，没有文字",
        "点卡片": _YES,
        "打开单聊": "须后台打开",
        "成员入职、离职": "须通讯录权限",
    },
    "robot": _SILENT
    | {
        "内部群里 @ 机器人": _YES,
        "单聊": _YES,
        "图片": "群里须图文混排",
        "点卡片": _YES,
        "打开单聊": _YES,
        "机器人被拉进群、移出群": _YES,
    },
    "contact": _SILENT | {"客户增减，客户群进群、退群": "有提示，再查名单"},
    "archive": _SILENT
    | dict.fromkeys(("内部群里 @ 机器人", "内部群里没有 @", "单聊", "图片", "文件、视频", "语音", "撤回"), "旁听")
    | {"外部群、客户群里的话": "旁听，须客户同意"},
}
"""What each kind of channel hears: row → cell; all kinds have the same rows."""

REASONS: Sequence[tuple[frozenset[str], str, str]] = (
    (frozenset({"aibot", "aibot_ws", "robot"}), "群里没有 @ 机器人", "企业微信只把 @ 了它的话转来。请成员先 @，或与它单聊"),
    (frozenset({"aibot", "aibot_ws", "robot"}), "@ 了却认不出命令", "bot_name 要与企业微信里显示的名字一样，一个字都不差"),
    (frozenset({"aibot", "aibot_ws", "app", "robot"}), "群是外部群或客户群", "企业微信不让机器人和应用听外部群，没有设置可以打开"),
    (frozenset({"aibot", "aibot_ws", "app"}), "成员不在可见范围里", "后台把成员或他的部门加进机器人（应用）的可见范围"),
    (frozenset({"aibot", "aibot_ws", "robot"}), "机器人不在这个群里", "在群设置里添加它；被移出后要重新添加"),
    (frozenset({"aibot", "app", "robot", "contact"}), "Token 或 EncodingAESKey 不同", "日志里有 wrong signature。从后台重新复制，重启"),
    (
        frozenset({"aibot", "app", "robot", "contact"}),
        "企业微信到不了这里",
        "看域名、证书、代理、防火墙。run.py check 会从公网绕回来试一遍",
    ),
    (frozenset({"aibot", "app", "robot", "contact"}), "本机时间不准", "日志里有 stale timestamp。打开时间同步"),
    (frozenset({"aibot", "aibot_ws"}), "URL 回调和长连接选错了", "后台二选一：选了长连接，URL 就不会再有消息，反过来也一样"),
    (frozenset({"aibot_ws"}), "同一个机器人连了两处", "只留一处：新的连接会把旧的踢掉"),
    (frozenset({"app", "contact"}), "听得到，却不能主动说话", "多半是企业可信 IP（60020）或可见范围（81013）"),
    (frozenset({"contact"}), "客户群的事件没有来", "群主要有客户群权限；后台“客户联系 → API”里要配置接收事件"),
    (frozenset({"archive"}), "有的话没有存档", "成员要有存档的席位，客户要同意存档；没有同意的会话拉不到"),
)
"""Why a message may not arrive: for which kinds, the reason, what to do."""


def setting_up(config: Config, number: int) -> list[str]:
    """Where a channel is set up in WeCom's console and what to enter there; secrets by the name of their variable, never by value."""
    channel = config.channels[number]
    return [_menu(channel), *_aligned([("  " + what, value) for what, value in _fields(config, channel, number)])]


def hearing_table(config: Config) -> list[str]:
    """Which messages each configured channel hears, aligned for a terminal."""
    channels = config.channels
    rows = [("", *(channel.name for channel in channels))]
    rows += [(row, *(HEARS[channel.kind][row] for channel in channels)) for row in _AIBOT]
    return _aligned(rows)


def reasons_of(config: Config) -> list[tuple[str, str]]:
    """Why a message may not arrive through the configured channels, each with what to do."""
    kinds = {channel.kind for channel in config.channels}
    return [(why, what) for which, why, what in REASONS if which & kinds]


def reasons(config: Config) -> list[str]:
    """The same, aligned for a terminal."""
    return _aligned(reasons_of(config))


def markdown() -> str:
    """Both tables for all kinds, as a page."""
    kinds = list(TITLES)
    heard = [(row, *(HEARS[kind][row] for kind in kinds)) for row in _AIBOT]
    listed = [("、".join(f"`{kind}`" for kind in kinds if kind in which), why, what) for which, why, what in REASONS]
    return "\n\n".join(
        [
            "## 各种渠道听得到什么",
            _markdown_table(["", *(f"{TITLES[kind]}（`{kind}`）" for kind in kinds)], heard),
            "“旁听”：只记录、只治理，没有 @ 就不回答。",
            "## 为什么可能收不到",
            _markdown_table(["渠道", "原因", "怎么办"], listed),
        ]
    )


def width(text: str) -> int:
    """How many columns a text takes on a terminal: Chinese characters take two."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _menu(channel: ChannelConfig) -> str:
    return {
        "aibot": "工作台 → 智能机器人 → 创建机器人 → API 模式，连接方式选“URL 回调”，填：",
        "aibot_ws": "工作台 → 智能机器人 → 创建机器人 → API 模式，连接方式选“长连接”，抄下：",
        "app": "应用管理 → 自建 → 这个应用 → 接收消息 → 设置 API 接收，填：",
        "robot": "群 → 群机器人 → 这个机器人 → 接收消息配置（内测，不是每个企业都有），填：",
        "contact": "客户与上下游 → 客户联系 → API → 接收事件服务器，填：",
        "archive": "管理工具 → 会话内容存档；拉取程序把消息交给 run.py archive，这里没有要填的",
    }[channel.kind]


def _fields(config: Config, channel: ChannelConfig, number: int) -> list[tuple[str, str]]:
    def named(key: str) -> str:
        variable = config.variable_of(f"channels[{number}].{key}")
        return f"环境变量 {variable} 的值" if variable else f"config.yaml 里 channels[{number}].{key} 的值"

    if isinstance(channel, AibotWsChannel):
        return [("Bot ID", named("bot_id")), ("Secret", named("secret"))]
    if isinstance(channel, ArchiveChannel):
        return []
    found = [("URL", callback_address(config, channel)), ("Token", named("token")), ("EncodingAESKey", named("aes_key"))]
    found += _next_keys(channel, named("token_next"), named("aes_key_next"))
    if isinstance(channel, AppChannel):
        found += [("AgentId", f"{channel.agent_id}（在应用的首页核对）"), ("Secret", f"{named('secret')}（在应用的首页核对）")]
        found.append(("企业可信 IP", "本机的出口 IP（同一页的“开发者接口”里）"))
    if isinstance(channel, ContactChannel):
        found.append(("Secret", f"{named('secret')}（在 API 页核对）"))
    return found


def _next_keys(channel: UrlChannel, token: str, aes_key: str) -> list[tuple[str, str]]:
    """What is to be entered while the keys are being replaced."""
    found = []
    if channel.token_next:
        found.append(("换成的 Token", token))
    if channel.aes_key_next:
        found.append(("换成的 AESKey", aes_key))
    return found


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows]


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
