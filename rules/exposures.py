"""Exposures and what came of them: how experiments are counted from the event log, live and anew alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from rules.experiments import Tally, read_mark
from rules.pushes import Outcome

HELD_OUT = "holdout"
_COUNTED: Mapping[str, Outcome] = {"check_ins": "check_in", "orders": "purchase", "opted_out": "opt_out"}


@dataclass(frozen=True, slots=True)
class Exposed:
    """A unit was reached by a push for a trial, or held out of it (``arm`` '')."""

    push: str
    mark: str
    arm: str
    unit: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Did:
    """A member did something; ``chat`` is the group where ('' in private)."""

    member: int
    chat: str
    outcomes: frozenset[Outcome]
    at: datetime

    @property
    def units(self) -> tuple[str, ...]:
        """The units that this counts for: he himself, and the group where it was."""
        return (f"m:{self.member}", f"g:{self.chat}") if self.chat else (f"m:{self.member}",)


def read_event(kind: str, member: int, data: Mapping[str, Any], at: datetime) -> Exposed | Did | None:
    """What an entry of the log means for experiments; None: nothing.

    A unit is reached when what was sent to it arrives (``outbound``), and held out when its page is made (``push``). Older logs tell of those that are reached
    when they were queued, by ``push`` alone.
    """
    if kind in ("push", "outbound"):
        if not data.get("trial") or data.get("why", "") not in ("", HELD_OUT):
            return None
        unit = f"m:{member}" if member else f"g:{data['chat']}"
        return Exposed(data["push"], data["trial"], "" if data.get("why") else data["arm"], unit, at)
    if kind != "decision" or not member:
        return None
    found: set[Outcome] = {_COUNTED[name] for name in data.get("counts", ()) if name in _COUNTED}
    if not data.get("event"):
        found.add("reply")
    return Did(member, data.get("chat", ""), frozenset(found), at) if found else None


@dataclass(frozen=True, slots=True)
class Watch:
    """A unit whose hours run: since when, until when, and who of it did what is looked for (a member himself: one)."""

    push: str
    mark: str
    arm: str
    day: date
    since: datetime
    until: datetime
    who: tuple[int, ...] = ()

    @classmethod
    def begin(cls, exposed: Exposed, day: date) -> Watch:
        """What begins with a first exposure."""
        _, hours = read_mark(exposed.mark)
        return cls(exposed.push, exposed.mark, exposed.arm, day, exposed.at, exposed.at + timedelta(hours=hours))

    def takes(self, did: Did) -> bool:
        """Whether something counts here: what is looked for, in time, by somebody who has not done it yet."""
        outcome, _ = read_mark(self.mark)
        return outcome in did.outcomes and self.since < did.at < self.until and did.member not in self.who

    def with_one(self, member: int) -> Watch:
        """With one more who did it."""
        return replace(self, who=(*self.who, member))


def gain(before: int) -> Tally:
    """What one more person adds to the tally of an arm, where so many of his unit did it before."""
    return Tally(0, int(before == 0), 1, 2 * before + 1)


@dataclass(slots=True)
class Anew:
    """One experiment counted anew from the log: first all exposures, then all that was done."""

    push: str
    mark: str
    day_of: Callable[[datetime], date]
    watches: dict[str, Watch] = field(default_factory=dict)

    def expose(self, exposed: Exposed) -> None:
        """Takes an exposure; the first of a unit counts."""
        if (exposed.push, exposed.mark) == (self.push, self.mark) and exposed.unit not in self.watches:
            self.watches[exposed.unit] = Watch.begin(exposed, self.day_of(exposed.at))

    def take(self, did: Did) -> None:
        """Takes what was done."""
        for unit in did.units:
            watch = self.watches.get(unit)
            if watch and watch.takes(did):
                self.watches[unit] = watch.with_one(did.member)

    def days(self) -> dict[date, dict[str, Tally]]:
        """The tallies by day and arm."""
        return tallied(self.watches.values())


def tallied(watches: Iterable[Watch]) -> dict[date, dict[str, Tally]]:
    """The tallies of units, by the day of their exposure and by arm."""
    found: dict[date, dict[str, Tally]] = defaultdict(dict)
    for watch in watches:
        people = len(watch.who)
        found[watch.day][watch.arm] = found[watch.day].get(watch.arm, Tally()) + Tally(1, int(people > 0), people, people * people)
    return dict(found)
