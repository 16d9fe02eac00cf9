"""Days that are not like others: a count against the same weekday of the eight weeks before, and against how much such counts vary by themselves.

Robust on purpose: medians throughout, so that one wild day spoils nothing. Small differences that go on add up (a CUSUM), so that a drop to
six tenths is found within days though no single day of it is striking. A quiet holiday is no anomaly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import median
from typing import Literal

WEEKS = 8
"""How many weeks a day is compared with."""
LEAST_WEEKS = 4
"""With fewer weeks of the same weekday nothing is said."""
FOLLOWED = 28
"""Days through which differences are added up."""
SLACK = 0.75
"""So many standard deviations a day may differ for nothing."""
ALARM = 5.0
"""Where the sum of what goes beyond is this, something is odd; below half of it, it is over."""
MOST = 6.0
"""What one day adds at most: a single wild day is enough, and is forgotten again."""
NORMAL = 1.4826
"""The standard deviation of normal values is this many times their median distance from the median."""
FLOOR = 0.12
"""Counts of people vary by this share of themselves at least, whatever the weeks before say."""

LONGEST_HOLIDAY = timedelta(days=15)

Way = Literal["low", "high"]


@dataclass(frozen=True, slots=True)
class Counted:
    """A day's count."""

    day: date
    n: int


@dataclass(frozen=True, slots=True)
class Odd:
    """What is odd: since which day, the newest day's count, and what would be usual on such a day."""

    since: date
    n: int
    usual: float


class Course:
    """Counts of neighbouring days, the oldest first; ``is_off`` knows which days are not worked."""

    def __init__(self, counted: Sequence[Counted], is_off: Callable[[date], bool]) -> None:
        self._counted = counted
        self._is_holiday = [is_in_holiday(one.day, is_off) for one in counted]
        self._is_made_up = [one.day.weekday() >= 5 and not is_off(one.day) for one in counted]

    def find(self, way: Way, least: float) -> Odd | None:
        """What is odd about the newest day; None where nothing is. Where less than ``least`` (of what is usual, or was counted) is at stake, nothing is."""
        total, since = 0.0, None
        for at in range(max(len(self._counted) - FOLLOWED, 0), len(self._counted)):
            z = self._distance(at, way, least)
            if z is None:
                continue
            total = min(max(total + min(z, MOST + SLACK) - SLACK, 0.0), ALARM * 1.5)
            if since is None and total >= ALARM:
                since = self._counted[at].day
            elif total < ALARM / 2:
                since = None
        if since is None:
            return None
        usual = self._usual(len(self._counted) - 1)
        return Odd(since, self._counted[-1].n, usual) if usual is not None else None

    def _distance(self, at: int, way: Way, least: float) -> float | None:
        """By how many standard deviations a day is worse than usual; None where that cannot be said."""
        usual, n = self._usual(at), self._counted[at].n
        if usual is None or max(usual, n if way == "high" else 0) < least or (way == "low" and self._is_holiday[at]):
            return None
        spread = max(self._spread(at) * usual, sqrt(max(usual, 1.0)), FLOOR * usual)
        return (usual - n if way == "low" else n - usual) / spread

    def _usual(self, at: int) -> float | None:
        """The median of the same weekday of the weeks before, without holidays and make-up days; a make-up day is compared with Fridays."""
        shift = self._counted[at].day.weekday() - 4 if self._is_made_up[at] else 0
        places = (at - shift - 7 * back for back in range(1, WEEKS + 1))
        known = [self._counted[place].n for place in places if 0 <= place < at and self._is_ordinary(place)]
        return median(known) if len(known) >= LEAST_WEEKS else None

    def _is_ordinary(self, at: int) -> bool:
        return not (self._is_holiday[at] or self._is_made_up[at])

    def _spread(self, at: int) -> float:
        """By which share of what is usual the days of the weeks before differ from it: all weekdays together, for eight of one say little."""
        first = max(at - 7 * WEEKS, 0)
        shares = []
        for weekday in range(7):
            known = [self._counted[place].n for place in range(first + weekday, at, 7) if self._is_ordinary(place)]
            middle = median(known) if known else 0
            if middle > 0:
                shares += [abs(n - middle) / middle for n in known]
        return NORMAL * median(shares) if shares else 0.0


def is_in_holiday(day: date, is_off: Callable[[date], bool]) -> bool:
    """Whether a day is one of neighbouring days off of which one at least is no ordinary weekend."""
    if not is_off(day):
        return False
    for step in (timedelta(days=-1), timedelta(days=1)):
        near = day
        while is_off(near) and abs(near - day) <= LONGEST_HOLIDAY:
            if near.weekday() < 5:
                return True
            near += step
    return False


def fallen_silent(hours: Sequence[tuple[date, Sequence[int]]], until: int, least: float) -> float | None:
    """What would be usual by this hour, where nothing at all was counted today though at least ``least`` would be; else None.

    ``hours``: days with their counts by hour, the oldest first, the last of them today up to hour ``until``.
    """
    today, counted = hours[-1]
    if sum(counted[:until]):
        return None
    same = [sum(counts[:until]) for day, counts in hours[:-1] if (today - day) % timedelta(days=7) == timedelta()]
    usual = median(same[-WEEKS:]) if len(same) >= LEAST_WEEKS else 0.0
    return usual if usual >= least else None
