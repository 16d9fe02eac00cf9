"""What a check-in earns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bonus:
    """``points`` more on the day a streak reaches ``days``."""

    days: int
    points: int


@dataclass(frozen=True, slots=True)
class CheckInRule:
    """``base`` points a day, ``bonuses`` for streaks; with ``repeat`` they start over after the longest one."""

    base: int = 5
    bonuses: tuple[Bonus, ...] = (Bonus(3, 5), Bonus(7, 15), Bonus(30, 100))
    repeat: bool = True


@dataclass(frozen=True, slots=True)
class PointRules:
    """Everything operators decide about points."""

    check_in: CheckInRule = CheckInRule()


def check_in_reward(streak_days: int, rule: CheckInRule) -> int:
    """The points for the check-in that makes the streak ``streak_days`` long (1 = the first day)."""
    return rule.base + bonus_on(streak_days, rule)


def bonus_on(streak_days: int, rule: CheckInRule) -> int:
    """The bonus alone: 0 on most days."""
    longest = max((bonus.days for bonus in rule.bonuses), default=0)
    day = (streak_days - 1) % longest + 1 if rule.repeat and longest else streak_days
    return sum(bonus.points for bonus in rule.bonuses if bonus.days == day)
