"""Challenges: something to be done on many days, shown or only said, with few misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Proof = Literal["none", "text", "picture"]
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True, slots=True)
class Challenge:
    """``days`` times on the due ``weekdays`` (1 Monday … 7 Sunday), of which at most ``misses`` may be left out.

    ``points`` for each, ``points_end`` more for the last. Between ``start`` and ``end`` where there are such days, else from when a member joins.
    ``min_level`` is the id of the level that it takes, ``badge`` the id of the one that comes with the end; '' for none. ``communities`` empty: all.
    """

    id: str
    title: str
    text: str = ""
    days: int = 21
    weekdays: tuple[int, ...] = EVERY_DAY
    proof: Proof = "none"
    points: int = 2
    points_end: int = 50
    misses: int = 0
    start: date | None = None
    end: date | None = None
    badge: str = ""
    min_level: str = ""
    communities: tuple[str, ...] = ()
    enabled: bool = True

    def is_due(self, day: date) -> bool:
        """Whether something is to be done on a day."""
        return day.isoweekday() in self.weekdays

    def is_over(self, day: date) -> bool:
        """Whether its last day has passed."""
        return self.end is not None and day > self.end


@dataclass(frozen=True, slots=True)
class Run:
    """One member's way through a challenge: ``marks`` tell of each day since ``begin`` whether it was done; ``state`` on, done, failed or left.

    ``act`` stands for what changed it last.
    """

    begin: date
    state: str
    marks: str
    times: int = 0
    act: str = ""

    @property
    def done(self) -> int:
        """How many days are done."""
        return self.marks.count("1")

    def did(self, day: date) -> bool:
        """Whether a day was done."""
        n = (day - self.begin).days
        return 0 <= n < len(self.marks) and self.marks[n] == "1"


def challenges_of(challenges: Sequence[Challenge], community: str, today: date, *, with_over: bool = False) -> list[Challenge]:
    """The challenges that members of a community may see; with ``with_over`` those that are over as well, behind the others."""
    ours = [one for one in challenges if one.enabled and (not one.communities or community in one.communities)]
    return sorted((one for one in ours if with_over or not one.is_over(today)), key=lambda one: one.is_over(today))


def due_days(challenge: Challenge, begin: date, until: date) -> int:
    """How many due days there are from ``begin`` to the day before ``until``."""
    count = (until - begin).days
    if count <= 0:
        return 0
    weeks, rest = divmod(count, 7)
    return weeks * len(set(challenge.weekdays)) + sum(challenge.is_due(begin + timedelta(days=n)) for n in range(rest))


def missed_days(challenge: Challenge, run: Run, today: date) -> int:
    """The due days before today that were not done."""
    return max(0, due_days(challenge, run.begin, today) - run.marks[: max(0, (today - run.begin).days)].count("1"))


def is_open(challenge: Challenge, run: Run, today: date) -> bool:
    """Whether a run can still be finished."""
    return run.state == "on" and missed_days(challenge, run, today) <= challenge.misses and not challenge.is_over(today)


def find_challenge(listed: Sequence[Challenge], words: str) -> Challenge | None:
    """The challenge that somebody means by its number in a list, its id, its title, or by a part of one title only."""
    wanted = words.strip().strip('“”"「」《》').casefold()
    if wanted.isdecimal() and len(wanted) < 4:
        return listed[int(wanted) - 1] if 1 <= int(wanted) <= len(listed) else None
    exact = [one for one in listed if wanted in (one.id.casefold(), one.title.casefold())]
    near = exact or [one for one in listed if wanted and wanted in one.title.casefold()]
    return near[0] if len(near) == 1 else None
