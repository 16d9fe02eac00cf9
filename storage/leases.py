"""Leases: a role that only one process may have at a time, for as long as it renews it."""

from __future__ import annotations

from collections.abc import Callable

from storage import keys
from storage.connection import Database, Script


class Leases:
    """Leases by name. ``holder`` names the calling process."""

    def __init__(self, database: Database, holder: Callable[[], str]) -> None:
        self._database = database
        self._holder = holder
        self._hold = Script("hold_lease")
        self._release = Script("release_lease")

    def hold(self, name: str, life_ms: int) -> bool:
        """Takes or renews a lease; False while another process holds it."""
        return bool(self._database.act(self._hold, [keys.LEASE(name=name)], [self._holder(), life_ms]))

    def release(self, name: str) -> bool:
        """Gives a lease back ahead of its end; False when it was not one's own (any more)."""
        return bool(self._database.act(self._release, [keys.LEASE(name=name)], [self._holder()]))
