"""Levels: what a member is by the points he earned in his life. Spending demotes nobody, for only what was earned counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """A level from ``at`` earned points on.

    ``title`` stands beside the name in honours and pictures; ``makeup_cards`` come with every month; ``transfer`` allows giving points away;
    ``topics`` allows proposing a topic, which an operator then begins; ``rights`` are further ones in the operators' own words, kept by people and
    not by the bot.
    """

    id: str
    name: str
    at: int = 0
    title: str = ""
    makeup_cards: int = 0
    transfer: bool = True
    topics: bool = False
    rights: tuple[str, ...] = ()


TOPICS = "可以发起话题"
"""What the right to propose topics is called."""
BASE = Level("0", "成员")
"""What everybody is where operators wrote no levels."""


@dataclass(frozen=True, slots=True)
class Levels:
    """The ladder, lowest first; the first begins at 0."""

    steps: tuple[Level, ...] = (BASE,)

    def find(self, id: str) -> Level | None:
        """The level of an id."""
        return next((level for level in self.steps if level.id == id), None)

    def number(self, level: Level) -> int:
        """Its place on the ladder, from 1."""
        return self.steps.index(level) + 1


def level_of(levels: Levels, earned: int) -> Level:
    """The level of so many points earned."""
    reached = [level for level in levels.steps if level.at <= earned]
    return reached[-1] if reached else levels.steps[0]


def next_level(levels: Levels, earned: int) -> Level | None:
    """The first level that is still to be reached; None at the top."""
    return next((level for level in levels.steps if level.at > earned), None)


def promotion(levels: Levels, before: int, after: int) -> Level | None:
    """The level that was reached between two sums of earned points; the highest, if it was several; None where it stayed the same."""
    reached = level_of(levels, after)
    return reached if before < reached.at <= after else None


def progress(levels: Levels, earned: int) -> float:
    """How much of the way from the level to the next one is done, 0 to below 1; 1 at the top."""
    following = next_level(levels, earned)
    if following is None:
        return 1.0
    begun = level_of(levels, earned).at
    return max(0, earned - begun) / (following.at - begun)


def rights_of(level: Level) -> tuple[str, ...]:
    """What a level allows, in words."""
    cards = (f"每月 {level.makeup_cards} 张补签卡",) if level.makeup_cards else ()
    title = (f"称号“{level.title}”",) if level.title else ()
    return (*title, *cards, *(("可以转赠积分",) if level.transfer else ()), *((TOPICS,) if level.topics else ()), *level.rights)


def new_rights(levels: Levels, level: Level) -> tuple[str, ...]:
    """What a level allows that the one below it did not."""
    at = levels.steps.index(level)
    below = frozenset(rights_of(levels.steps[at - 1])) if at else frozenset[str]()
    return tuple(right for right in rights_of(level) if right not in below)
