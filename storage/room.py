"""How much room was taken on each day: what the forecast is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from storage import keys
from storage.connection import Database, pairs
from storage.personal import Personal

KEPT_DAYS = 60


class RoomBook:
    """The last measure of each day, by name (memory, disk)."""

    PERSONAL = Personal(
        "内存和磁盘",
        "每天用了多少内存和磁盘，用来预报",
        (keys.ROOM,),
    )

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, day: date, measures: Mapping[str, int]) -> None:
        """Notes how much is taken now; the last note of a day stays."""
        value = "|".join(f"{name}:{n}" for name, n in measures.items())
        self._database.command("HSET", keys.ROOM(), day.isoformat(), value)

    def days(self) -> dict[str, list[tuple[date, int]]]:
        """What was noted, by name, oldest first; one round trip."""
        found: dict[str, list[tuple[date, int]]] = {}
        for day, value in sorted(pairs(self._database.command("HGETALL", keys.ROOM())).items()):
            for part in value.split("|"):
                name, _, n = part.partition(":")
                found.setdefault(name, []).append((date.fromisoformat(day), int(n)))
        return found

    def sweep(self, today: date) -> int:
        """Forgets what is older than the forecast looks back; gives how many days went."""
        limit = (today - timedelta(days=KEPT_DAYS)).isoformat()
        old = [day for day in self._database.command("HKEYS", keys.ROOM()) if day < limit]
        return int(self._database.command("HDEL", keys.ROOM(), *old)) if old else 0
