"""Notes: what those who look after a community write down about a member for each other. He gets them with his data, and they go with him."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms
from storage.personal import Personal

MOST = 50
"""Notes about one member in one community."""
LONGEST = 500
"""Characters of a note."""
ONCE_LIFE_MS = 7 * 86_400_000
_LAST = "last"


class Full(Exception):
    """There are :data:`MOST` notes about this member already."""


@dataclass(frozen=True, slots=True)
class Note:
    """A note about a member: who wrote it (a member number), and when."""

    number: int
    by: int
    at: datetime
    text: str


class Notes:
    """The notes of every community."""

    PERSONAL = Personal(
        "备注",
        "同事之间交接",
        (keys.NOTES,),
        what="版主写的关于他的备注",
        erasing="全部删除",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._change = Script("change_note")

    def add(self, where: CommunityKeys, member: int, text: str, by: int, now: datetime, *, once: str) -> int:
        """Writes a note; gives its number. Raises Full."""
        got = self._act(where, member, once, json.dumps({"by": by, "t": to_ms(now), "text": text[:LONGEST]}, ensure_ascii=False), 0)
        if got == "full":
            raise Full
        return int(got)

    def remove(self, where: CommunityKeys, member: int, number: int, *, once: str) -> bool:
        """Removes a note; False when there is none of this number."""
        return self._act(where, member, once, "", number) != "gone"

    def of(self, where: CommunityKeys, member: int) -> list[Note]:
        """The notes about a member, the newest first; one round trip."""
        flat = self._database.command("HGETALL", self._key(where, member))
        rows = {int(number): json.loads(row) for number, row in zip(flat[::2], flat[1::2], strict=True) if number != _LAST}
        return [Note(number, row["by"], from_ms(row["t"]), row["text"]) for number, row in sorted(rows.items(), reverse=True)]

    def export_user(self, number: int) -> dict[str, Any]:
        """What was noted about the member, by community; not by whom."""
        found = {where.id: self.of(where, number) for where in self._places(number)}
        return {community: [{"时间": note.at.isoformat(), "备注": note.text} for note in notes] for community, notes in found.items()}

    def erase_user(self, number: int) -> str:
        """Removes the notes about the member; those that he wrote about others name him by his number only."""
        gone = 0
        for where in self._places(number):
            gone += len(self.of(where, number))
            self._database.command("DEL", self._key(where, number))
        return f"已删除 {gone} 条关于他的备注"

    def _places(self, member: int) -> Iterator[CommunityKeys]:
        return (
            where for where in communities_with(self._database, keys.NOTES) if self._database.command("EXISTS", self._key(where, member))
        )

    def _key(self, where: CommunityKeys, member: int) -> str:
        return keys.NOTES(shard=where.shard, community=where.id, member=member)

    def _act(self, where: CommunityKeys, member: int, once: str, note: str, number: int) -> str:
        names = [keys.ONCE(shard=where.shard, community=where.id, id=f"note:{once}"), self._key(where, member)]
        return str(self._database.act(self._change, names, [ONCE_LIFE_MS, MOST, note, number]))
