"""Leases: a role that only one process may have at a time, for as long as it renews it."""

from __future__ import annotations

from collections.abc import Callable

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal


class Leases:
    """Leases by name. ``holder`` names the calling process."""

    PERSONAL = Personal(
        "分工",
        "哪个进程在做哪件事",
        (keys.LEASE, keys.LEASE_FENCE),
    )

    def __init__(self, database: Database, holder: Callable[[], str]) -> None:
        self._database = database
        self._holder = holder
        self._hold = Script("hold_lease")
        self._release = Script("release_lease")

    def hold(self, name: str, life_ms: int) -> int:
        """Takes or renews a lease; gives the holder's number, greater than that of all before him, or 0 while another process holds it.

        A process may learn late that its lease ran out. What it would then write over the work of the next holder carries this number, and is
        refused (``Events.follow``); what is the same whoever writes it, or is done once by its own mark, needs none.
        """
        return int(self._database.act(self._hold, [keys.LEASE(name=name), keys.LEASE_FENCE(name=name)], [self._holder(), life_ms]))

    def release(self, name: str) -> bool:
        """Gives a lease back ahead of its end; False when it was not one's own (any more)."""
        return bool(self._database.act(self._release, [keys.LEASE(name=name)], [self._holder()]))
