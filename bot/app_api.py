"""An app's own interface: messages to members, parties and tags, their recall, and the app's menu (paths 90236, 94867, 90231).

What goes to one member as an answer or a notice travels through the outbox instead (:mod:`bot.ways`); this is for what is asked at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.channels.app import COMMAND_KEY
from bot.errors import ApiError, UserError

EVERYBODY = "@all"
MOST_USERS = 1_000
MOST_PARTIES = 100
MOST_TAGS = 100
DUPLICATE_CHECK_S = 14_400
"""WeCom's longest: the same body to the same receivers within four hours is the same message."""
MOST_BUTTONS = 3
MOST_SUB_BUTTONS = 5
BUTTON_BYTES = 16
SUB_BUTTON_BYTES = 40
KEY_BYTES = 128
URL_BYTES = 1_024


class Client(Protocol):
    """What is asked of a WeComClient."""

    def post(self, url: str, data: Mapping[str, Any] | None = None, **kwargs: Any) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        ...

    def get(self, url: str, **kwargs: Any) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        ...


class MenuError(UserError):
    """A menu that WeCom would refuse; says in Chinese which entry is wrong and what its limit is."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Whom a message is for: user ids (``@all`` alone is everybody in the app's range), party ids, tag ids; at most 1,000, 100 and 100.

    Raises UserError for what WeCom would refuse.
    """

    users: tuple[str, ...] = ()
    parties: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.users or self.parties or self.tags):
            raise UserError("没有写明收件人")
        if len(self.users) > MOST_USERS or len(self.parties) > MOST_PARTIES or len(self.tags) > MOST_TAGS:
            raise UserError(f"一条消息最多 {MOST_USERS} 个成员、{MOST_PARTIES} 个部门、{MOST_TAGS} 个标签的收件人")
        if any("|" in one or not one for one in (*self.users, *self.parties, *self.tags)):
            raise UserError("收件人的编号是空的，或含有 |：一个一个写")
        if EVERYBODY in self.users and len(self.users) > 1:
            raise UserError(f"收件人里有了 {EVERYBODY} 就是所有人，不要再写别的成员")

    @property
    def fields(self) -> dict[str, str]:
        """WeCom's own fields."""
        joined = {"touser": "|".join(self.users), "toparty": "|".join(self.parties), "totag": "|".join(self.tags)}
        return {name: ids for name, ids in joined.items() if ids}


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of an app message. WeCom says "ok" also when it reached some only: the others are named here, as WeCom names them.

    ``msgid`` recalls it within 24 hours; ``response_code`` updates its card, once, within 72.
    """

    msgid: str = ""
    invalid_users: tuple[str, ...] = ()
    invalid_parties: tuple[str, ...] = ()
    invalid_tags: tuple[str, ...] = ()
    unlicensed_users: tuple[str, ...] = ()
    response_code: str = field(default="", repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether everybody was reached, as far as WeCom tells: what is beyond a member's 30 a minute is dropped without a word."""
        return not (self.invalid_users or self.invalid_parties or self.invalid_tags or self.unlicensed_users)

    @property
    def facts(self) -> dict[str, Any]:
        """For the event log: the msgid, and how many of each kind were not reached. No user id: the log knows members by number."""
        missed = {
            "invalid_users": len(self.invalid_users),
            "invalid_parties": len(self.invalid_parties),
            "invalid_tags": len(self.invalid_tags),
            "unlicensed_users": len(self.unlicensed_users),
        }
        return {name: fact for name, fact in {"msgid": self.msgid, **missed}.items() if fact}


def read_result(answer: Mapping[str, Any]) -> SendResult:
    """The whole of an answer to message/send, be its lists joined by ``|`` or JSON lists."""
    return SendResult(
        msgid=str(answer.get("msgid") or ""),
        invalid_users=_ids(answer.get("invaliduser")),
        invalid_parties=_ids(answer.get("invalidparty")),
        invalid_tags=_ids(answer.get("invalidtag")),
        unlicensed_users=_ids(answer.get("unlicenseduser")),
        response_code=str(answer.get("response_code") or ""),
    )


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One entry of the menu: a ``command`` that it types, a ``url`` that it opens, or up to five ``entries`` below it."""

    name: str
    command: str = ""
    url: str = ""
    entries: tuple[MenuEntry, ...] = ()


class AppApi:
    """One app: its client and its agent id. Every call raises ApiError."""

    def __init__(self, client: Client, agent_id: int) -> None:
        self._client = client
        self._agent_id = agent_id

    def send(self, to: Receivers, body: Mapping[str, Any], *, is_repeat: bool = False) -> SendResult:
        """Sends one body of :mod:`bot.bodies`. ``is_repeat``: WeCom is to drop it if the same reached it in the last four hours."""
        request = {**body, **to.fields, "agentid": self._agent_id}
        if is_repeat:
            request |= {"enable_duplicate_check": 1, "duplicate_check_interval": DUPLICATE_CHECK_S}
        return read_result(self._client.post("message/send", request))

    def recall(self, msgid: str) -> None:
        """Takes a message of this app back, within 24 hours, from everybody it reached."""
        self._client.post("message/recall", {"msgid": msgid})

    def put_menu(self, entries: Sequence[MenuEntry]) -> None:
        """Replaces the app's menu; members see it when they next open the chat. Raises MenuError."""
        self._client.post("menu/create", menu_body(entries), params={"agentid": self._agent_id})

    def remove_menu(self) -> None:
        """Removes the app's menu."""
        try:
            self._client.get("menu/delete", params={"agentid": self._agent_id})
        except ApiError as error:
            if error.code != _NO_MENU:
                raise


_NO_MENU = 46003


def menu_body(entries: Sequence[MenuEntry]) -> dict[str, Any]:
    """WeCom's JSON of a menu: at most three entries, five below each. Raises MenuError."""
    if not 1 <= len(entries) <= MOST_BUTTONS:
        raise MenuError(f"菜单应有 1 到 {MOST_BUTTONS} 个入口，现为 {len(entries)} 个")
    return {"button": [_button(entry, BUTTON_BYTES) for entry in entries]}


def parse_menu(items: object) -> tuple[MenuEntry, ...]:
    """The entries of a menu file: a list of ``name`` with ``command``, ``url`` or ``entries``. Raises MenuError."""
    if not isinstance(items, list):
        raise MenuError("菜单文件应是一个列表，每项有 name，以及 command、url 或 entries 之一")
    return tuple(_parse_entry(item) for item in items)


def _parse_entry(item: object) -> MenuEntry:
    if not isinstance(item, dict) or not item.keys() <= {"name", "command", "url", "entries"}:
        raise MenuError("菜单的每一项只能有 name、command、url、entries 四个字段")
    return MenuEntry(
        name=str(item.get("name") or ""),
        command=str(item.get("command") or ""),
        url=str(item.get("url") or ""),
        entries=parse_menu(item["entries"]) if item.get("entries") else (),
    )


def _button(entry: MenuEntry, name_bytes: int) -> dict[str, Any]:
    name, key = entry.name.strip(), COMMAND_KEY + entry.command
    if not name or len(name.encode()) > name_bytes:
        raise MenuError(f"菜单入口“{name}”的名字应为 1 到 {name_bytes} 字节（一个汉字 3 字节）")
    if sum(map(bool, (entry.command, entry.url, entry.entries))) != 1:
        raise MenuError(f"菜单入口“{name}”应有 command、url、entries 中的一个，且只有一个")
    if entry.entries:
        return {"name": name, "sub_button": _sub_buttons(entry)}
    if entry.command:
        if len(key.encode()) > KEY_BYTES:
            raise MenuError(f"菜单入口“{name}”的命令太长")
        return {"type": "click", "name": name, "key": key}
    if not entry.url.startswith(("https://", "http://")) or len(entry.url.encode()) > URL_BYTES:
        raise MenuError(f"菜单入口“{name}”的网址应以 https:// 开头，不超过 {URL_BYTES} 字节")
    return {"type": "view", "name": name, "url": entry.url}


def _sub_buttons(entry: MenuEntry) -> list[dict[str, Any]]:
    if len(entry.entries) > MOST_SUB_BUTTONS:
        raise MenuError(f"菜单入口“{entry.name}”下面最多 {MOST_SUB_BUTTONS} 项，现为 {len(entry.entries)} 项")
    if any(below.entries for below in entry.entries):
        raise MenuError(f"菜单入口“{entry.name}”下面不能再分一层")
    return [_button(below, SUB_BUTTON_BYTES) for below in entry.entries]


def _ids(value: object) -> tuple[str, ...]:
    items = value.split("|") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(str(item) for item in items if str(item))
