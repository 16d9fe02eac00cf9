"""Groups that an app creates and speaks into (paths 90245, 98913, 90247, 90248).

Only an app whose visible range is the whole company may do this, with internal members, and only in groups of its own making; such a group
never calls back, and shows itself to its members with the first message. Taking a member out of it is the one official way to remove
somebody from a group.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bot.errors import ApiError, UserError
from storage.app_chats import AppChatStore

NAME_CHARS = 50
FEWEST_MEMBERS = 2
MOST_MEMBERS = 2_000

REASONS: dict[int, str] = {
    86001: "群聊 ID 不正确",
    86003: "没有给出群聊 ID",
    86004: "群名不正确：不超过 50 个字",
    86005: "群主不正确：必须是成员之一，并且在应用的可见范围内",
    86006: "成员人数不正确：2 到 2000 人",
    86007: "有成员不正确，或不在应用的可见范围内",
    86008: "这个群不是本应用创建的",
    86215: "群聊 ID 已经存在",
    86216: "有成员的 userid 不正确",
    86217: "发送者不在群里",
}
"""What WeCom's codes mean, for admins (protocol reference §2.12)."""
EXISTS, UNKNOWN_CHAT, FOREIGN = 86215, 86001, 86008

_CHAT_ID = re.compile(r"[0-9a-zA-Z]{1,32}")


class AppChatError(UserError):
    """A group that WeCom would refuse; says in Chinese what is wrong."""


class Client(Protocol):
    """What is asked of a WeComClient."""

    def post(self, url: str, data: Mapping[str, Any] | None = None, **kwargs: Any) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        ...

    def get(self, url: str, **kwargs: Any) -> dict[str, Any]:
        """WeCom's answer; raises ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class AppChat:
    """A group as WeCom has it now."""

    id: str
    name: str
    owner: str
    users: tuple[str, ...]


class AppChats:
    """The groups of one app. User ids are WeCom's. Every call raises ApiError, its text being one of REASONS where WeCom's code is known."""

    def __init__(self, client: Client, channel: str, store: AppChatStore) -> None:
        self._client = client
        self._channel = channel
        self._store = store

    def create(self, name: str, users: Sequence[str], *, owner: str = "", once: str) -> str:
        """A new group's chat id, remembered as ours. ``once`` makes a repeat give the first one, also when its answer was lost.

        Raises AppChatError for less than 2 or more than 2,000 members, a name above 50 characters, an owner who is no member.
        """
        members = list(dict.fromkeys(users))
        if problem := _find_problem(name, members, owner):
            raise AppChatError(problem)
        chat = hashlib.sha256(f"{self._channel}\n{once}".encode()).hexdigest()[:32]
        body = {"name": name, "userlist": members, "chatid": chat, **({"owner": owner} if owner else {})}
        try:
            self._post("appchat/create", body)
        except ApiError as error:
            if error.code != EXISTS:  # else an earlier try went through: the id stands for this act alone
                raise
        self._store.remember(self._channel, chat, name)
        return chat

    def get(self, chat: str) -> AppChat:
        """The group as it is now; what is no group of this app (any more) is forgotten."""
        try:
            found = self._client.get("appchat/get", params={"chatid": _checked(chat)})["chat_info"]
            return AppChat(str(found["chatid"]), str(found["name"]), str(found["owner"]), tuple(str(user) for user in found["userlist"]))
        except ApiError as error:
            if error.code in (UNKNOWN_CHAT, FOREIGN):
                self._store.forget(self._channel, chat)
            raise _explained(error) from None
        except (KeyError, TypeError):
            raise ApiError(None, "appchat/get 的应答不完整") from None

    def update(self, chat: str, *, name: str = "", owner: str = "", add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Renames the group, hands it on, takes members in and out. At most 1,000 updates an hour in the whole company."""
        if name and len(name) > NAME_CHARS:
            raise AppChatError(f"群名有 {len(name)} 个字，最多 {NAME_CHARS} 个")
        changes = {"name": name, "owner": owner, "add_user_list": list(add), "del_user_list": list(remove)}
        body = {"chatid": _checked(chat), **{field: value for field, value in changes.items() if value}}
        if len(body) == 1:
            return
        self._post("appchat/update", body)
        if name:
            self._store.remember(self._channel, chat, name)

    def remove(self, chat: str, users: Sequence[str]) -> tuple[str, ...]:
        """Takes members out of the group; gives those who were in it. Two members at least have to stay."""
        now = self.get(chat)
        gone = tuple(user for user in dict.fromkeys(users) if user in now.users)
        if len(now.users) - len(gone) < FEWEST_MEMBERS:
            raise AppChatError(f"群里至少要留 {FEWEST_MEMBERS} 人")
        if now.owner in gone:
            raise AppChatError("不能移出群主，请先转让群主")
        if gone:
            self.update(chat, remove=gone)
        return gone

    def send(self, chat: str, body: Mapping[str, Any]) -> None:
        """Says one body of :mod:`bot.bodies` in the group."""
        self._post("appchat/send", {"chatid": _checked(chat), **body})

    def remembered(self) -> Mapping[str, str]:
        """The groups that this app created: chat id → name when last given."""
        return self._store.all_of(self._channel)

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._client.post(path, body)
        except ApiError as error:
            trouble = _explained(error)
        raise trouble


def _explained(error: ApiError) -> ApiError:
    return ApiError(error.code, REASONS[error.code]) if error.code in REASONS else error


def _checked(chat: str) -> str:
    if not _CHAT_ID.fullmatch(chat):
        raise AppChatError("群聊 ID 应为 1 到 32 个英文字母和数字")
    return chat


def _find_problem(name: str, members: Sequence[str], owner: str) -> str | None:
    if not 1 <= len(name) <= NAME_CHARS:
        return f"群名应为 1 到 {NAME_CHARS} 个字"
    if not FEWEST_MEMBERS <= len(members) <= MOST_MEMBERS:
        return f"群成员应为 {FEWEST_MEMBERS} 到 {MOST_MEMBERS} 人，现为 {len(members)} 人"
    return "群主必须是群成员之一" if owner and owner not in members else None
