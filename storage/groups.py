"""Unlisted groups: chats that nobody named in the configuration and that became communities of their own."""

from __future__ import annotations

from storage import keys
from storage.connection import Database, Script
from storage.moment import from_ms
from storage.personal import Personal

MOST = 1_000


class Groups:
    """The register of unlisted groups, at most :data:`MOST` of them."""

    PERSONAL = Personal(
        "群",
        "没有登记的群第一次听到的时间",
        (keys.GROUPS,),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._register = Script("register_group")

    def register(self, chat: str, now_ms: int) -> bool:
        """Notes a group at its first message; False when there are too many."""
        return bool(self._database.act(self._register, [keys.GROUPS()], [chat, now_ms, MOST]))

    def all(self) -> dict[str, str]:
        """Chat id → when it was first heard (ISO, UTC)."""
        flat = self._database.command("HGETALL", keys.GROUPS())
        return {chat: from_ms(int(at)).isoformat() for chat, at in zip(flat[::2], flat[1::2], strict=True)}

    def export_user(self, number: int) -> dict[str, object]:
        """Nothing of a person is kept here."""
        return {}

    def erase_user(self, number: int) -> str:
        """Nothing of a person is kept here."""
        return "不保存个人数据"
