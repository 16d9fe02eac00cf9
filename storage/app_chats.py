"""Groups that an app created: the only ones it may speak into and change. No data of persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage import keys
from storage.connection import Database, pairs
from storage.personal import Personal


class AppChatStore:
    """Chat id → name, by the channel of the app."""

    PERSONAL = Personal(
        "应用建的群",
        "群的编号和群名",
        (keys.APP_CHATS,),
    )

    def __init__(self, database: Database) -> None:
        self._database = database

    def remember(self, channel: str, chat: str, name: str) -> None:
        """Keeps a group, or its new name."""
        self._database.command("HSET", keys.APP_CHATS(channel=channel), chat, name)

    def forget(self, channel: str, chat: str) -> None:
        """Forgets a group that is gone."""
        self._database.command("HDEL", keys.APP_CHATS(channel=channel), chat)

    def all_of(self, channel: str) -> Mapping[str, str]:
        """Every group of an app with its name when last given."""
        flat = self._database.command("HGETALL", keys.APP_CHATS(channel=channel))
        return pairs(flat)

    def export_user(self, number: int) -> dict[str, Any]:
        """Nothing: who is in a group is known to WeCom alone."""
        return {}

    def erase_user(self, number: int) -> str:
        """Nothing to erase, said in Chinese."""
        return "应用建的群只记编号和群名，成员在企业微信里"
