"""What a message costs as things grow: members, FAQ, words, groups, history; how its cost falls into parts; what Redis keeps of it.

All points of a curve run at once, a batch of each in turn, so that the machine's moods meet all of them; each is told beside the first of its curve.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Self

import msgspec

from benchmarks.servers import ROOT
from benchmarks.subject import Cost, Held, Setup

FULL: Mapping[str, Sequence[int]] = {
    "members": (1_000, 10_000, 100_000, 1_000_000),
    "faq": (100, 1_000, 10_000, 100_000),
    "words": (10, 1_000, 20_000),
    "groups": (1, 30, 1_000),
    "history": (0, 30_000, 300_000),
}
QUICK: Mapping[str, Sequence[int]] = {
    "members": (1_000, 100_000),
    "faq": (100, 1_000),
    "words": (10, 1_000),
    "groups": (1, 300),
    "history": (0, 100_000),
}
WARM = 1_200
"""Messages heard before anything is measured: what is learned at first, and one of most members who speak."""


@dataclass(frozen=True, slots=True)
class Point:
    """µs a message in program and Redis, least quarter of the batches; ``more_us`` than the first of the curve in the same round, median."""

    size: int
    program_us: float
    redis_us: float
    more_us: float
    ratio: float
    round_trips: float


@dataclass(frozen=True, slots=True)
class Parts:
    """µs a message by what it is spent on: program and Redis together; ``path`` is what is none of the others."""

    path: float
    faq: float
    moderation: float
    counting: float
    bytes_of_message: float
    log_bytes: float
    bytes_of_member: float


class Running:
    """One subject in a process of its own, while the ``with`` lasts."""

    def __init__(self, setup: Setup) -> None:
        command = [sys.executable, "-m", "benchmarks.subject", msgspec.json.encode(setup).decode()]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.setup = setup

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(30)

    def wait(self) -> Held:
        """Returns what it holds when it is ready."""
        return msgspec.json.decode(self._line(), type=Held)

    def hear(self, messages: int) -> Cost:
        """What so many messages cost it."""
        self._tell(messages)
        return msgspec.json.decode(self._line(), type=Cost)

    def held(self) -> Held:
        """What its Redis holds now."""
        self._tell(0)
        return msgspec.json.decode(self._line(), type=Held)

    def _tell(self, number: int) -> None:
        into = _pipe(self._process.stdin)
        into.write(f"{number}\n")
        into.flush()

    def _line(self) -> str:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"{self.setup} ended: python -m benchmarks.subject '{msgspec.json.encode(self.setup).decode()}' says why")
        return line


def curve(name: str, sizes: Sequence[int], *, batches: int, messages: int) -> list[Point]:
    """A curve over one of the setup's fields."""
    rounds = _measured([msgspec.structs.replace(Setup(), **{name: size}) for size in sizes], batches, messages)
    points = []
    for number, size in enumerate(sizes):
        mine = [each[number] for each in rounds]
        pairs = [(_whole(each[number]), _whole(each[0])) for each in rounds]
        points.append(
            Point(
                size,
                _calm([cost.program for cost in mine]),
                _calm([cost.redis for cost in mine]),
                statistics.median(own - first for own, first in pairs),
                statistics.median(own / first for own, first in pairs),
                statistics.median(cost.round_trips for cost in mine),
            )
        )
    return points


def parts(*, batches: int, messages: int, members: int = 100_000, fresh: bool = False) -> Parts:
    """Where a message's time goes: FAQ and moderation by clocks around them, counting by what is missing without it."""
    setup = Setup(members=members, fresh=fresh)
    rounds = []
    with Running(setup) as whole, Running(msgspec.structs.replace(setup, counts=False)) as bare:
        full = whole.wait()
        bare.wait()
        for each in (whole, bare):
            each.hear(WARM)
        begun = whole.held()
        rounds = [(whole.hear(messages), bare.hear(messages)) for _ in range(batches)]
        held = whole.held()
    counting = statistics.median(_whole(own) - _whole(other) for own, other in rounds)
    faq, moderated = (_calm([getattr(own, part) for own, _ in rounds]) for part in ("faq", "moderation"))
    rest = _calm([_whole(own) for own, _ in rounds]) - faq - moderated - counting
    heard = held.heard - begun.heard
    return Parts(
        rest, faq, moderated, counting, (held.now - begun.now) / heard, (held.log - begun.log) / heard, (full.filled - full.empty) / members
    )


def _measured(setups: Sequence[Setup], batches: int, messages: int) -> list[list[Cost]]:
    running = [Running(setup) for setup in setups]
    try:
        for each in running:
            each.wait()
            each.hear(WARM)
        return [[each.hear(messages) for each in running] for _ in range(batches)]
    finally:
        for each in running:
            each.__exit__()


def _whole(cost: Cost) -> float:
    return cost.program + cost.redis


def _calm(values: Sequence[float]) -> float:
    """What it costs while the machine is quiet: the upper bound of the least quarter."""
    return sorted(values)[len(values) // 4]


def _pipe(found: IO[str] | None) -> IO[str]:
    assert found is not None
    return found
