"""What members ask for with their own data: a copy, at most one an hour, and to be forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from storage import keys
from storage.connection import Database, pairs
from storage.moment import from_ms, to_ms
from storage.personal import Personal

COPY_PAUSE_S = 3600


class Wishes:
    """Members' wishes about their own data, over all communities."""

    PERSONAL = Personal(
        "本人的要求",
        "导出和删除自己的数据",
        (keys.ERASURES, keys.COPY_TAKEN),
        what="什么时候要求删除、刚拿过副本的消息",
        erasing="删完就没有了",
        stays=(keys.ERASURES,),
        stays_why="还在删除，几分钟后自动消失",
        passing=(keys.COPY_TAKEN,),
        passing_why="只是去重",
    )

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_copy(self, member: int, *, once: str) -> bool:
        """Whether the member gets a copy for the message ``once``: not if he had one in the last hour for another message. One round trip."""
        key = keys.COPY_TAKEN(member=member)
        _, holder = self._database.pipeline([("SET", key, once, "NX", "EX", COPY_PAUSE_S), ("GET", key)])
        return bool(holder == once)

    def ask_to_be_erased(self, member: int, now: datetime) -> None:
        """Notes that the member wants to be forgotten; the first moment stays."""
        self._database.command("HSETNX", keys.ERASURES(), member, to_ms(now))

    def to_erase(self, before: datetime) -> list[int]:
        """Who asked for it before a moment and is not forgotten yet, the first who asked first."""
        waiting = pairs(self._database.command("HGETALL", keys.ERASURES()))
        due = sorted((int(at), int(member)) for member, at in waiting.items() if int(at) <= to_ms(before))
        return [member for _, member in due]

    def settle(self, member: int) -> None:
        """Forgets the wish: it was fulfilled, to its end."""
        self._database.command("HDEL", keys.ERASURES(), member)

    def export_user(self, number: int) -> dict[str, Any]:
        """Since when the member wants to be forgotten, if he does."""
        asked = self._database.command("HGET", keys.ERASURES(), number)
        return {"要求删除": from_ms(int(asked)).isoformat()} if asked else {}

    def erase_user(self, number: int) -> str:
        """Forgets the copy; the wish stays until everything else is gone, so that a process that dies meanwhile leaves it to another."""
        self._database.command("DEL", keys.COPY_TAKEN(member=number))
        return "已删除"
