"""Activities: what members do together – vote, quiz, draw lots, sign up, write – and the one life that all of them have.

``draft → scheduled → open → closed → settled``, or cancelled from anywhere before the end. What a kind of activity asks, counts and awards is its
own; when it may be entered, and that it is settled once, is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

State = Literal["draft", "scheduled", "open", "closed", "settled", "cancelled"]
KindId = Literal["poll", "quiz", "lottery", "chain", "topic", "box", "survey", "contest"]
"""投票, 答题, 抽奖, 接龙, 话题, 树洞, 问卷, 征稿."""

NEXT: Mapping[State, frozenset[State]] = {
    "draft": frozenset({"scheduled", "open", "cancelled"}),
    "scheduled": frozenset({"draft", "open", "cancelled"}),
    "open": frozenset({"closed", "cancelled"}),
    "closed": frozenset({"settled", "cancelled"}),
    "settled": frozenset(),
    "cancelled": frozenset(),
}
"""Where an activity may go from each state. What was closed is never open again."""

STATES: Mapping[State, str] = {
    "draft": "草稿", "scheduled": "待开始", "open": "进行中", "closed": "已截止", "settled": "已结束", "cancelled": "已取消",
}  # fmt: skip
"""What members and operators call the states."""

TITLES: Mapping[KindId, str] = {
    "poll": "投票", "quiz": "答题", "lottery": "抽奖", "chain": "接龙", "topic": "话题", "box": "树洞", "survey": "问卷", "contest": "征稿",
}  # fmt: skip
"""What they call the kinds."""

LONGEST_TITLE = 60
LONGEST_VALUE = 1_000
"""Characters of a title, and of what a member puts in."""
MOST_RUNNING = 50
"""Activities of a community that are scheduled or open at one time."""
MOST_ENTRIES = 200_000
"""Members in one activity."""
MOST_PIECES = 200
"""Pieces of one member's entry."""
MOST_BYTES = 65_536
"""Of what a kind was told, keeps, or gives as result, as JSON."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Who may enter: the id of the lowest level ('' any), a tag ('' none), days since the member was first seen, days of check-in in all, and
    whether he has to have checked in today.
    """

    level: str = ""
    tag: str = ""
    days: int = 0
    check_ins: int = 0
    checked_in: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity of a community. ``number`` is what members call it by, counted per community.

    ``opens`` and ``closes`` are when the clock opens and closes it (None: a command does). An entry costs ``cost`` points; a member's first entry
    brings him ``award``. ``most`` entries are taken (0: any number); ``entries`` are there. ``chat`` is the group where it is told ('' the
    community's first). ``spec`` is what its kind was told when it was made, ``live`` what its kind keeps while it runs, ``result`` what came of it.
    ``revision`` is raised by every change but entries, ``paid`` is how far the payments after its end have come, and ``is_paid`` that all were made.
    ``next_step`` is when its kind has something to do, ``remind`` when members are reminded that it closes soon; None for never.
    """

    number: int
    kind: KindId
    title: str
    state: State
    author: int
    created: datetime
    chat: str = ""
    opens: datetime | None = None
    closes: datetime | None = None
    opened: datetime | None = None
    ended: datetime | None = None
    cost: int = 0
    award: int = 0
    most: int = 0
    conditions: Conditions = Conditions()
    spec: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    round: str = ""
    round_until: datetime | None = None
    entries: int = 0
    revision: int = 1
    paid: int = 0
    is_paid: bool = False
    next_step: datetime | None = None
    remind: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it takes entries."""
        return self.state == "open"

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more but payments."""
        return self.state in ("settled", "cancelled")
