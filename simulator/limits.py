"""Counting against WeCom's frequency limits, on a clock that is handed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from threading import Lock


class SlidingWindow:
    """Lets ``limit`` hits through in any ``per_s`` seconds, for each key on its own. RefusedError hits are not counted."""

    def __init__(self, limit: int, per_s: float) -> None:
        self.limit = limit
        self.per_s = per_s
        self._hits: dict[Hashable, deque[float]] = {}
        self._lock = Lock()

    def admit(self, key: Hashable, now: float) -> bool:
        """True and counted, or False."""
        with self._lock:
            hits = self._hits.setdefault(key, deque())
            while hits and hits[0] <= now - self.per_s:
                hits.popleft()
            if len(hits) >= self.limit:
                return False
            hits.append(now)
            return True
