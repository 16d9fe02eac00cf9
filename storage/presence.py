"""Presence: on which days the members of a community spoke, read from the day's marks a block of members at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from storage import keys
from storage.connection import Database, pairs
from storage.personal import Personal

BLOCK = 65_536
"""Members of a block, by their numbers."""
_AT_ONCE = 64
"""Bitmaps that are read together: at most half a megabyte."""


class Presence:
    """Reads who spoke when. Keeps nothing: the marks are the daybook's."""

    PERSONAL = Personal(
        "在不在",
        "读每日数字，自己什么也不存",
        (),
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def speakers(self, community: str, first: date, last: date) -> NDArray[np.int64]:
        """How many spoke on each day, the oldest first; whoever spoke in groups and alone with the bot may count twice. Two round trips."""
        asked = self._marks(community, first, last)
        counted = self._database.pipeline(("BITCOUNT", key) for _, key in asked)
        out = np.zeros((last - first).days + 1, dtype=np.int64)
        for (day, _), n in zip(asked, counted, strict=True):
            out[day] += n
        return out

    def blocks(self, community: str, first: date, last: date) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Who spoke: the number of the block's first member, and days (the oldest first) × members. Blocks in which nobody did are left out."""
        asked, days = self._marks(community, first, last), (last - first).days + 1
        lengths = self._database.pipeline(("STRLEN", key) for _, key in asked)
        for start in range(0, 8 * max(lengths, default=0), BLOCK):
            spoke = np.zeros((days, BLOCK // 8), dtype=np.uint8)
            wanted = [one for one, length in zip(asked, lengths, strict=True) if 8 * length > start]
            for at in range(0, len(wanted), _AT_ONCE):
                some = wanted[at : at + _AT_ONCE]
                parts = self._database.read_parts([(key, start // 8, (start + BLOCK) // 8 - 1) for _, key in some])
                for (day, _), part in zip(some, parts, strict=True):
                    spoke[day, : len(part)] |= np.frombuffer(part, dtype=np.uint8)
            if spoke.any():
                yield start, np.unpackbits(spoke, axis=1).view(np.bool_)

    def _marks(self, community: str, first: date, last: date) -> Sequence[tuple[int, str]]:
        """The bitmaps of the days, by the day's place; one round trip."""
        found = self._database.pipeline(("HGETALL", keys.PLACES(shard=shard)) for shard in range(self._shards))
        begun = {shard: begins for shard, flat in enumerate(found) if (begins := pairs(flat).get(community))}
        days = [(at, first + timedelta(days=at)) for at in range((last - first).days + 1)]
        return [
            (at, keys.ACTIVE(shard=shard, community=community, day=day.isoformat()))
            for shard, begins in begun.items() for at, day in days if begins <= day.isoformat()
        ]  # fmt: skip
