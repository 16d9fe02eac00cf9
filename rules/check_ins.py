"""Check-ins as days: streaks of them, and what the next ones bring."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import date, timedelta

from rules.points import CheckInRule, bonus_on

FIRST_DAY = date(2024, 1, 1)
"""The day of a member's first bit: days before it count in his record, but are not known one by one."""
ONE = timedelta(days=1)


def streak_to(day: date, days: AbstractSet[date]) -> int:
    """The days in a row that end with ``day``; 0 when that one is missing."""
    length = 0
    while day - length * ONE in days:
        length += 1
    return length


def longest_streak(days: AbstractSet[date]) -> int:
    """The most days in a row among ``days``."""
    return max((streak_to(day, days) for day in days if day + ONE not in days), default=0)


def next_bonus(streak: int, rule: CheckInRule) -> tuple[int, int] | None:
    """After how many more days in a row a bonus comes, and of how many points; None when there is none any more."""
    longest = max((bonus.days for bonus in rule.bonuses), default=0)
    for more in range(1, longest + 1):
        if points := bonus_on(streak + more, rule):
            return more, points
    return None
