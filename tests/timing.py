"""Time as tests have it: a clock that they move, and waiting for something instead of sleeping."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

PATIENCE_S = 60.0
"""How long anything is waited for at least: it costs nothing where it comes, and nobody knows how busy the machine is."""
SLOWER = 10
"""How many times longer than promised something may take where other tests run too; what a quiet machine needs is in docs/benchmarks.md and docs/soak.md."""
START = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
"""A Tuesday, ten in the morning in Shanghai."""


class Clock:
    """A clock that moves when told, and by a millisecond with every look, so that no two things happen at once; not with ``tick_ms=0``."""

    def __init__(self, start: datetime = START, *, tick_ms: int = 1) -> None:
        self._tick_ms = tick_ms
        self.set(start)

    def __call__(self) -> datetime:
        return self._at + timedelta(milliseconds=self._tick_ms * next(self._looks))

    def unix(self) -> float:
        """The same in Unix seconds."""
        return self().timestamp()

    def later(self, **by: float) -> None:
        """Moves on by ``days=``, ``hours=``, ``minutes=``…"""
        self._at += timedelta(**by)

    def set(self, moment: datetime) -> None:
        """Moves to a moment."""
        self._at, self._looks = moment, itertools.count()


def await_until(holds: Callable[[], Any], within_s: float = PATIENCE_S, what: str = "what was waited for", *, every_s: float = 0.01) -> Any:
    """The first truthy value of ``holds``; AssertionError naming ``what`` when there is none in time.

    That is ``PATIENCE_S`` or more: what has to come sooner is held against a clock by the test that says so.
    """
    within_s = max(within_s, PATIENCE_S)
    until, pause = time.monotonic() + within_s, threading.Event()
    while True:
        if found := holds():
            return found
        if time.monotonic() > until:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        pause.wait(every_s)
