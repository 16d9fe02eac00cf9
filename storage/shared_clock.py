"""One time for processes on several machines: that of Redis, which all of them ask.

Limits and leases compare times that different processes noted. Where one machine's clock is ahead, everything that others noted looks old to
it: it would send more than WeCom takes in a minute, and take over what another is still sending. What is said by the calendar keeps the
machine's own clock, which somebody sets; here processes need only agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from storage.connection import Database, StorageAway
from storage.personal import Personal

EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What Redis' clock said, and when that was by a clock of ours that nobody sets."""

    at: datetime
    monotonic_s: float


class SharedClock:
    """Redis' time: asked for every five seconds, counted on in between. Until Redis has answered once it is ``own``, the machine's."""

    PERSONAL = Personal(
        "共同的钟",
        "各台机器的钟差多少",
        (),
    )

    def __init__(self, database: Database, own: Callable[[], datetime], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._own = own
        self._monotonic = monotonic
        self._seen: _Seen | None = None

    def __call__(self) -> datetime:
        """The time; one round trip in five seconds."""
        seen = self._seen
        if seen is None or self._monotonic() - seen.monotonic_s >= EVERY_S:
            seen = self._seen = self._look() or seen
        return seen.at + timedelta(seconds=self._monotonic() - seen.monotonic_s) if seen else self._own()

    def _look(self) -> _Seen | None:
        asked_s = self._monotonic()
        try:
            seconds, micros = self._database.command("TIME")
        except StorageAway:
            return None
        return _Seen(datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros)), asked_s)
