"""Tallies: what was counted on a day, kept in the shard of each message and summed when read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from storage import keys
from storage.connection import Database
from storage.moment import to_ms


@dataclass(frozen=True, slots=True)
class Tally:
    """One day of one community: counters by name and how many different members spoke."""

    counts: dict[str, int]
    active: int


class Tallies:
    """Counters and activity of every community, and the questions nobody could answer."""

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def of_day(self, community: str, day: date) -> Tally:
        """All counters of one day, in two round trips."""
        part = {"community": community, "day": day.isoformat()}
        counts: dict[str, int] = {}
        for flat in self._database.pipeline(("HGETALL", keys.COUNTS(shard=s, **part)) for s in range(self._shards)):
            for name, n in zip(flat[::2], flat[1::2], strict=True):
                counts[name] = counts.get(name, 0) + int(n)
        active = 0
        for bitmap in self._database.read_bytes([keys.ACTIVE(shard=s, **part) for s in range(self._shards)]):
            active |= int.from_bytes(bitmap, "little")  # by bytes from the first on, so that lengths need not agree
        return Tally(counts, active.bit_count())

    def drop_unanswered(self, before: datetime) -> int:
        """Removes unanswered questions older than ``before``; gives how many went."""
        gone, limit = 0, to_ms(before)
        for key in self._database.scan("qb:{*}:*:unanswered"):
            while (oldest := self._database.command("LINDEX", key, 0)) and int(oldest.split("|", 1)[0]) < limit:
                self._database.command("LREM", key, 1, oldest)
                gone += 1
        return gone

    def export_user(self, number: int) -> dict[str, object]:
        """Counters name nobody."""
        return {}

    def erase_user(self, number: int) -> str:
        """Counters name nobody; days of activity are removed with the roster."""
        return "计数中没有个人数据"
