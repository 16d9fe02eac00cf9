"""Arrivals: how many callbacks came through each channel in each hour, and which silences administrators were told of."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from storage import keys
from storage.connection import Database, StorageAway, pairs
from storage.personal import Personal

HOUR_MS = 3_600_000
DAYS = 36
"""Five weeks: the four that are compared with, and the running one."""
LIFE_MS = DAYS * 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a channel: ``counts`` by hour since 1970, the hour in which counting began, and the last arrival (ms)."""

    counts: dict[int, int]
    first_hour: int
    last_ms: int


class Arrivals:
    """Counts in memory, so that no message pays for it; ``flush`` adds what this process counted to everybody's figures."""

    PERSONAL = Personal(
        "回调计数",
        "每小时来了多少条回调，不记是谁",
        (keys.ARRIVALS, keys.ARRIVALS_FIRST, keys.ARRIVALS_LAST, keys.ARRIVALS_TOLD),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, int], int] = {}
        self._last_ms: dict[str, int] = {}

    def note(self, channel: str, now_ms: int) -> None:
        """One callback came."""
        part = (channel, now_ms // HOUR_MS)
        with self._lock:
            self._counted[part] = self._counted.get(part, 0) + 1
            self._last_ms[channel] = max(now_ms, self._last_ms.get(channel, 0))

    def flush(self) -> int:
        """Adds what was counted since the last time, in one round trip; gives how many. Kept for later when Redis is away (StorageAway)."""
        with self._lock:
            counted, self._counted = self._counted, {}
            last_ms, self._last_ms = self._last_ms, {}
        commands: list[tuple[Any, ...]] = []
        for (channel, hour), count in counted.items():
            key = keys.ARRIVALS(channel=channel, day=hour // 24)
            commands += [
                ("HINCRBY", key, hour % 24, count),
                ("PEXPIRE", key, LIFE_MS),
                ("ZADD", keys.ARRIVALS_FIRST(), "LT", hour, channel),
            ]
        commands += [("ZADD", keys.ARRIVALS_LAST(), "GT", at, channel) for channel, at in last_ms.items()]
        if not commands:
            return 0
        try:
            self._database.pipeline(commands)
        except StorageAway:
            self._put_back(counted, last_ms)
            raise
        return sum(counted.values())

    def heard(self, channels: Iterable[str], now_ms: int) -> dict[str, Heard]:
        """What is known of each channel that was ever heard, of the last five weeks; one round trip."""
        names, today = list(channels), now_ms // HOUR_MS // 24
        days = range(today - DAYS, today + 1)
        asked: list[tuple[Any, ...]] = [("ZRANGE", key, 0, -1, "WITHSCORES") for key in (keys.ARRIVALS_FIRST(), keys.ARRIVALS_LAST())]
        asked += [("HGETALL", keys.ARRIVALS(channel=name, day=day)) for name in names for day in days]
        answers = iter(self._database.pipeline(asked))
        first, last = pairs(next(answers)), pairs(next(answers))
        found = {}
        for name in names:
            counts = {day * 24 + int(hour): int(count) for day in days for hour, count in pairs(next(answers)).items()}
            if name in first and name in last:
                found[name] = Heard(counts, int(float(first[name])), int(float(last[name])))
        return found

    def told(self) -> dict[str, str]:
        """The alarms that administrators were told of and that have not ended: what it is about → since when (ms)."""
        return pairs(self._database.command("HGETALL", keys.ARRIVALS_TOLD()))

    def note_told(self, about: str, since_ms: int) -> None:
        """An alarm was raised."""
        self._database.command("HSET", keys.ARRIVALS_TOLD(), about, since_ms)

    def note_ended(self, about: str) -> None:
        """What was alarming is over."""
        self._database.command("HDEL", keys.ARRIVALS_TOLD(), about)

    def _put_back(self, counted: dict[tuple[str, int], int], last_ms: dict[str, int]) -> None:
        with self._lock:
            for part, count in counted.items():
                self._counted[part] = self._counted.get(part, 0) + count
            for channel, at in last_ms.items():
                self._last_ms[channel] = max(at, self._last_ms.get(channel, 0))
