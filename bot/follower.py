"""Reads the event log in order, for those who work something out of it: at least once, from where they stopped, at no cost to the message path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.connection import StorageAway
from storage.events import LogEntry, Unread
from storage.stores import Stores

LEASE_MS = 60_000
MOST_PAGES = 80
"""Pages of each shard that one ring reads; what is left waits for the next."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the log, by the name of his lease and of his marks.

    ``consume`` takes entries of a shard; it may get them again, when a process dies over them, and has to make a repeat harmless. ``on_gap``
    is told of a shard whose log was cut behind him, before he gets what is left.
    """

    name: str
    consume: Callable[[int, Sequence[LogEntry]], None]
    on_gap: Callable[[int], None] = lambda shard: None


def read_on(stores: Stores, readers: Iterable[Reader], now: datetime) -> int:
    """Gives each reader what is new to him, and reads it once for all who stand at the same place; gives how many entries were read.

    Each has his own lease and marks: who is read for by another process is left out, and one who fails stays behind without holding up the
    others. What he raised is raised in the end, in an ``ExceptionGroup``.
    """
    held = {reader: fence for reader in readers if (fence := stores.leases.hold(reader.name, LEASE_MS))}
    failures: list[Exception] = []
    read = 0
    for _ in range(MOST_PAGES):
        before = read
        for page in stores.events.unread([reader.name for reader in held], now):
            done: dict[str, int] = {}
            for reader in [one for one in held if one.name in page.names]:
                if failure := _give(reader, page):
                    failures.append(failure)
                    del held[reader]
                else:
                    done[reader.name] = held[reader]
            gone = done.keys() - stores.events.mark_read(page, done, now)
            held = {reader: fence for reader, fence in held.items() if reader.name not in gone}
            read += len(page.entries)
        if read == before:
            break
    if failures:
        raise ExceptionGroup("readers of the log failed", failures)
    return read


def _give(reader: Reader, page: Unread) -> Exception | None:
    try:
        if page.is_cut:
            reader.on_gap(page.shard)
        reader.consume(page.shard, page.entries)
    except StorageAway:
        raise
    except Exception as error:  # noqa: BLE001 - raised by read_on
        return error
    return None
