"""Badges and honours: what a member is seen for. Some come by counters, some at a month's end, some by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Counter = Literal["streak", "check_ins", "earned", "thanks", "featured", "orders", "challenges", "flows", "days"]
COUNTERS: tuple[Counter, ...] = get_args(Counter)
UNITS: Mapping[Counter, str] = {
    "streak": "天连续签到", "check_ins": "次签到", "earned": "分累计获得", "thanks": "次被感谢", "featured": "篇精华", "orders": "次兑换",
    "challenges": "个挑战", "flows": "个流程", "days": "天在群里",
}  # fmt: skip
"""What is counted, as it is said behind a number."""
Monthly = Literal["points", "influence"]
"""What the best of a month are the best in: points earned, or how much they are listened to (rules/koc.py)."""
BY: Mapping[Monthly, str] = {"points": "积分", "influence": "影响力"}


@dataclass(frozen=True, slots=True)
class Facts:
    """A member's counters at a moment; an act that does not touch one leaves it 0 both before and after."""

    streak: int = 0
    check_ins: int = 0
    earned: int = 0
    thanks: int = 0
    featured: int = 0
    orders: int = 0
    challenges: int = 0
    flows: int = 0
    days: int = 0
    finished: frozenset[str] = frozenset()
    """The flows that are counted in ``flows``, by id."""

    def of(self, counter: Counter) -> int:
        """One counter."""
        value: int = getattr(self, counter)
        return value

    def towards(self, badge: Badge) -> int:
        """How far the member is on the way to a badge, in its counter; 0 for one that is not counted."""
        if badge.flow:
            return int(badge.flow in self.finished)
        return self.of(badge.counter) if badge.counter else 0


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge: for ``counter`` reaching ``at``, for being among the ``month_top`` of a month ``by`` points or influence, or given by hand where it has neither.

    Of the counter ``flows``, where a ``flow`` is named, only that one counts.
    """

    id: str
    name: str
    icon: str = "🏅"
    text: str = ""
    counter: Counter | None = None
    at: int = 0
    month_top: int = 0
    by: Monthly = "points"
    flow: str = ""


@dataclass(frozen=True, slots=True)
class BadgeRules:
    """All badges, in the order in which they are shown."""

    badges: tuple[Badge, ...] = ()

    def find(self, id: str) -> Badge | None:
        """The badge of an id; that of a month (``star@2026-10``) is that of ``star``."""
        plain = id.partition("@")[0]
        return next((badge for badge in self.badges if badge.id == plain), None)

    def named(self, words: str) -> Badge | None:
        """The badge that somebody means by its name or id."""
        wanted = words.strip().strip('「」“”"').casefold()
        return next((badge for badge in self.badges if wanted in (badge.name.casefold(), badge.id.casefold())), None)

    def of_month(self, by: Monthly) -> Badge | None:
        """The badge of a month's best in something."""
        return next((badge for badge in self.badges if badge.month_top and badge.by == by), None)


def crossed(rules: BadgeRules, before: Facts, after: Facts) -> tuple[Badge, ...]:
    """The badges whose threshold lies between two moments."""
    return tuple(badge for badge in rules.badges if badge.counter and before.towards(badge) < badge.at <= after.towards(badge))


def reached(rules: BadgeRules, facts: Facts) -> tuple[Badge, ...]:
    """The badges whose threshold is reached."""
    return tuple(badge for badge in rules.badges if badge.counter and badge.at <= facts.towards(badge))


def near(rules: BadgeRules, facts: Facts, held: frozenset[str], most: int = 3) -> list[tuple[Badge, int]]:
    """Badges that are still to be had and how much is missing, those first of which most is done; of each counter the next only."""
    open_ones = list(_next_of_each(rules, facts, held))
    open_ones.sort(key=lambda badge: (-facts.towards(badge) / badge.at, badge.at))
    return [(badge, badge.at - facts.towards(badge)) for badge in open_ones[:most]]


def _next_of_each(rules: BadgeRules, facts: Facts, held: frozenset[str]) -> Iterator[Badge]:
    for counter in COUNTERS:
        due = [badge for badge in rules.badges if badge.counter == counter and badge.id not in held and badge.at > facts.towards(badge)]
        if due:
            yield min(due, key=lambda badge: badge.at)
