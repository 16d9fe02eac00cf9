"""Reads the event log in order, for those who work something out of it: at least once, from where they stopped, at no cost to the message path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from storage.events import LogEntry
from storage.stores import Stores

MOST_PAGES = 20
"""Pages of each shard that one ring reads; what is left waits for the next."""

Consume = Callable[[int, Sequence[LogEntry]], None]
"""Takes entries of a shard. It may get them again, when a process dies over them, and has to make a repeat harmless."""


class Follower:
    """One reader of the log, by its name. ``on_gap`` is told of a shard whose log was cut behind it, before it gets what is left.

    ``fence`` is what taking the reader's lease gave: who lost it while he was at a page does not go on.
    """

    def __init__(
        self, stores: Stores, name: str, consume: Consume, on_gap: Callable[[int], None] = lambda shard: None, *, fence: int
    ) -> None:  # fmt: skip
        self._stores = stores
        self._name = name
        self._consume = consume
        self._on_gap = on_gap
        self._fence = fence

    def go(self, now: datetime) -> int:
        """Reads what is new; gives how many entries there were. One process at a time (a lease is the caller's). A round trip where nothing is new."""
        read = 0
        for _ in range(MOST_PAGES):
            before = read
            for shard, entries, is_cut in self._stores.events.follow(self._name, now, fence=self._fence):
                if is_cut:
                    self._on_gap(shard)
                self._consume(shard, entries)
                read += len(entries)
            if read == before:
                break
        return read
