"""Tallies: what was counted on a day, kept in the shard of each message and summed when read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from urllib.parse import quote, unquote

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.personal import Personal

_HIT = "hit:"
ALL = "~all"
"""The place that the whole installation is."""
COUNTS_LIFE_MS = 400 * 86_400_000
"""How long counters and marks of a day are kept: as long as lua/parts/tally.lua says."""
SPOKE, PART, NEW, RESPONDED = "spoke", "part", "new", "responded"
"""What members are marked for on a day: they spoke, took part in something, came for the first time, spoke soon after a push."""


@lru_cache(maxsize=4096)
def place_of(community: str, chat: str = "") -> str:
    """The name of a place in keys: a community's, or that of a group in it. Signs that divide names are written as quote() does."""
    return f"{community}/{quote(chat, safe='@')}" if chat else community


def place_named(name: str) -> tuple[str, str]:
    """Community and group ('' none) of the name of a place."""
    community, _, chat = name.partition("/")
    return community, unquote(chat)


def counts_key(shard: int, place: str, day: str) -> str:
    """The key of a day's counters."""
    return keys.COUNTS(shard=shard, community=place, day=day)


def counted_in(where: CommunityKeys, day: date) -> list[str]:
    """The two keys by which an act of a community counts (``lua/parts/tally.lua``): its counters of the day, and the places."""
    return [counts_key(where.shard, where.id, day.isoformat()), keys.PLACES(shard=where.shard)]


def mark_key(shard: int, place: str, mark: str, day: str) -> str:
    """The key of who is marked on a day."""
    if mark == SPOKE:
        return keys.ACTIVE(shard=shard, community=place, day=day)
    return keys.MARKS(shard=shard, community=place, mark=mark, day=day)


def hit_of(entry: str) -> str:
    """The name of the day's counter of an entry of the FAQ: how often it was the answer."""
    return _HIT + entry


def hits_in(counts: Mapping[str, int]) -> dict[str, int]:
    """How often each entry was the answer, out of all counters."""
    return {name.removeprefix(_HIT): n for name, n in counts.items() if name.startswith(_HIT)}


@dataclass(frozen=True, slots=True)
class Tally:
    """One day of one community: counters by name and how many different members spoke."""

    counts: dict[str, int]
    active: int


class Tallies:
    """Counters and activity of every community."""

    PERSONAL = Personal(
        "统计",
        "当天的计数，不记是谁",
        (keys.COUNTS,),
    )

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

    def of_days(self, community: str, today: date, days: int) -> dict[str, int]:
        """All counters of the last ``days`` days together, today included; one round trip."""
        names = [
            keys.COUNTS(shard=shard, community=community, day=(today - timedelta(days=back)).isoformat())
            for back in range(days)
            for shard in range(self._shards)
        ]
        counts: dict[str, int] = {}
        for flat in self._database.pipeline(("HGETALL", name) for name in names):
            for name, n in zip(flat[::2], flat[1::2], strict=True):
                counts[name] = counts.get(name, 0) + int(n)
        return counts

    def export_user(self, number: int) -> dict[str, object]:
        """Counters name nobody."""
        return {}

    def erase_user(self, number: int) -> str:
        """Counters name nobody; days of activity are removed with the roster."""
        return "计数中没有个人数据"
