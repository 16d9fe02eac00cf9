"""Mass messages (群发) that were started: what WeCom calls them, and how much of a group's monthly budget they use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class MassRecord:
    """A task of WeCom's: its id, with which channel's rights it was made, by which employee it is to be confirmed, for how many groups."""

    msgid: str
    channel: str
    sender: int
    groups: int
    started_ms: int
    opening: str = ""


_decode = msgspec.json.Decoder(MassRecord).decode


class MassMessages:
    """The mass messages of all communities."""

    PERSONAL = Personal(
        "群发",
        "群主确认的群发",
        (keys.MASS, keys.MASS_BUDGET),
        what="要确认群发的员工的编号",
        erasing="不删除",
        stays=(keys.MASS,),
        stays_why="群发过什么要说得清，编号不再指向任何人",
        passing=(keys.MASS,),
        passing_why="群发是社群的",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._record = Script("record_mass")
        self._remind = Script("remind_mass")

    def record(self, where: CommunityKeys, mass: MassRecord, chats: Sequence[str], month: str, *, once: str) -> int:
        """Records a task and gives its number in the community; a repeat gets the first one. ``month`` is like 2026-11."""
        part = {"shard": where.shard, "community": where.id}
        where_kept = [keys.MASS(**part), keys.MASS_BUDGET(**part), keys.ONCE(**part, id=once)]
        return int(self._database.act(self._record, where_kept, [_encode(mass), month, ONCE_LIFE_MS, *chats]))

    def find(self, where: CommunityKeys, number: int) -> MassRecord | None:
        """A task by its number."""
        kept = self._database.command("HGET", keys.MASS(shard=where.shard, community=where.id), number)
        return _decode(kept) if kept else None

    def used(self, where: CommunityKeys, chats: Sequence[str], month: str) -> dict[str, int]:
        """How many tasks of a month were for each of the groups."""
        if not chats:
            return {}
        fields = [f"{month}|{chat}" for chat in chats]
        counts = self._database.command("HMGET", keys.MASS_BUDGET(shard=where.shard, community=where.id), *fields)
        return {chat: int(count or 0) for chat, count in zip(chats, counts, strict=True)}

    def take_reminder(self, where: CommunityKeys, number: int, now: datetime, *, once: str) -> int:
        """Takes one of the three reminders that WeCom grants in 24 hours; gives how many are left, -1 when there was none. A repeat gets the
        first answer."""
        part = {"shard": where.shard, "community": where.id}
        where_kept = [keys.MASS(**part), keys.ONCE(**part, id=once)]
        return int(self._database.act(self._remind, where_kept, [f"{number}:reminded", to_ms(now), ONCE_LIFE_MS]))

    def export_user(self, number: int) -> dict[str, object]:
        """Mass messages are administrators' words to groups."""
        return {}

    def erase_user(self, number: int) -> str:
        """Mass messages are administrators' words to groups; an employee who was to confirm one stays as a number."""
        return "群发记录只含编号（不再指向任何人）"
