"""What is planned to be said: when, to whom, in which words, and under which conditions.

A push is the operators' content; what becomes of each of its planned moments is a mailing (storage/mailings.py). Here nothing is decided but what
follows from the push alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

from rules.calendar import WEEKDAY_NAMES, due_on, moments_on
from rules.content_kind import fill
from rules.entries import LinkCard
from rules.lines import one_line
from rules.workdays import Sort, Workdays

SHOWN = 20
"""Characters of a text that stand for a title."""
SHOWN_EPISODES = 3
"""Episodes that are shown where a push is looked at."""
EVERYWHERE = "*"
"""The community of a push that goes to all."""

To = Literal["groups", "members"]
"""Whom a push speaks to: groups, or members one by one where the platform lets the bot speak to them alone."""
Outcome = Literal["reply", "check_in", "purchase", "opt_out"]
"""What a trial looks for in the hours after a push: that its reader spoke, checked in, bought with points; or wants no more of it (fewer is better)."""
Event = Literal["joined", "active", "check_in", "order"]
"""What a relative push counts its days from: coming into the community, speaking last, checking in last, ordering last."""
Quiet = Literal["wait", "skip", "ignore"]
"""What happens to what falls due in the quiet hours: said when they end, not said, said all the same."""
Approval = Literal["", "asked", "granted"]
"""Whether another has to look at it first: needs none or was never asked for, asked for, granted."""

EVERYBODY = "大家"
"""What a push to a group calls whom it speaks to."""
VARIABLES = ("nickname", "community", "date", "weekday")
"""What stands in braces in a push: to a member his own name, to a group :data:`EVERYBODY`; the community and the day are the same for all."""
OWN_VARIABLES = ("points", "level")
"""What else stands in braces in a push to members one by one: a reader's own points and level in the community."""
EPISODES_SINCE = date(2024, 1, 1)
"""From when episodes are counted that nobody said a first day of."""
_TRAIT_OF = {"joined": "joined", "active": "silent_days", "check_in": "check_in_days", "order": "order_days"}
"""The trait (rules/traits.py) that counts the days since an event."""
Colour = Literal["", "blue", "green", "orange", "purple", "pink", "grey"]
"""What a recurring column is marked with in the calendar."""

_MARKS = re.compile(r"[*`#>]+")


@dataclass(frozen=True, slots=True)
class Body:
    """What is said. ``text`` knows ``{variables}``; ``image`` and ``file`` are as an answer's (rules/entries.py); ``articles`` is a 图文 of 1–8."""

    text: str
    markdown: bool = True
    image: str = ""
    file: str = ""
    card: LinkCard | None = None
    articles: tuple[LinkCard, ...] = ()


@dataclass(frozen=True, slots=True)
class Arm:
    """One of several wordings that are tried against each other; ``weight`` is its share of the readers among all arms."""

    name: str
    body: Body
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """What the arms of a push are judged by: ``outcome`` within ``within_hours``.

    ``holdout`` per cent of the readers get nothing; ``lift`` is the relative difference that is worth finding (0.2: 20 %), ``baseline`` the share expected
    without one; ``roll_out`` lets the winner be sent to all from the verdict on.
    """

    outcome: Outcome = "reply"
    within_hours: int = 24
    holdout: int = 0
    lift: float = 0.2
    baseline: float = 0.2
    roll_out: bool = False


@dataclass(frozen=True, slots=True)
class After:
    """So many days after something that a member did: a daily push to those whose day it is."""

    event: Event
    days: int


@dataclass(frozen=True, slots=True)
class Push:
    """A text said by the clock: again and again (``cron``, with ``after`` to those whose day it is), or once (``at``, by the wall clock of each community).

    ``community`` is an id or ``*``; ``days`` are those on which what comes again and again is said. One that is not ``enabled`` is a draft. A firing missed
    by up to ``grace_minutes`` is made up for. ``marketing`` is not said while a community is in crisis. ``groups`` are chat ids, none: all groups to which
    a way leads. ``segment`` is who (rules/segments.py): the readers of a push to members; whom one to groups mentions. ``column`` is the recurring
    column that it belongs to; ``episodes`` are texts that are said in turn instead of ``text``. ``first`` readers get it first, the others after
    ``first_minutes`` unless somebody stops it. ``asked_by`` (who wrote it last, when its consent was asked for, in seconds of Unix ``asked_at``) and
    ``granted_by`` are member numbers. ``began`` is the day (2026-12-01) of the first episode. ``receivers_of`` names a mailing, ``id@ms``: a correction
    goes to exactly those who got that one.
    """

    id: str
    cron: str
    text: str
    community: str = EVERYWHERE
    enabled: bool = True
    grace_minutes: int = 60
    marketing: bool = False
    at: str = ""
    days: Sort = "all"
    title: str = ""
    markdown: bool = True
    image: str = ""
    file: str = ""
    card: LinkCard | None = None
    articles: tuple[LinkCard, ...] = ()
    column: str = ""
    episodes: tuple[str, ...] = ()
    to: To = "groups"
    groups: tuple[str, ...] = ()
    segment: str = ""
    after: After | None = None
    quiet: Quiet = "wait"
    first: int = 0
    first_minutes: int = 30
    arms: tuple[Arm, ...] = ()
    trial: Trial | None = None
    approval: Approval = ""
    asked_by: int = 0
    granted_by: int = 0
    asked_at: int = 0
    began: str = ""
    receivers_of: str = ""

    @property
    def label(self) -> str:
        """What it is called in lists: its title, else how its text begins, without the marks of Markdown."""
        return self.title or one_line(_MARKS.sub("", self.text), SHOWN)

    @property
    def body(self) -> Body:
        """What it says where no arm says otherwise."""
        return Body(self.text, self.markdown, self.image, self.file, self.card, self.articles)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of caps that it counts for."""
        return ("all", *(("marketing",) if self.marketing else ()), *((self.column,) if self.column else ()))


@dataclass(frozen=True, slots=True)
class Cap:
    """At most ``most`` pushes of a ``kind`` to one member in ``days`` days: ``all``, ``marketing``, or the name of a column."""

    kind: str
    most: int
    days: int


@dataclass(frozen=True, slots=True)
class PushRules:
    """The manners of pushing in a community, as far as operators set them.

    ``quiet`` is from when until when nothing is said unasked ('' never quiet), e.g. 22:00-08:00. ``caps`` hold for what is said to members one by one;
    ``group_caps`` for what is said in one group. ``marketing_share`` of a community's posts in ``share_days`` days is the most that should be commercial:
    above it operators are warned. Above ``approve_above`` readers, and for all marketing with ``approve_marketing``, another has to agree; above
    ``brake_above`` readers, who sends types their number.
    """

    quiet: str = "22:00-08:00"
    caps: tuple[Cap, ...] = (Cap("all", 1, 1), Cap("marketing", 2, 7))
    group_caps: tuple[Cap, ...] = (Cap("marketing", 1, 1),)
    marketing_share: float = 0.2
    share_days: int = 7
    approve_above: int = 200
    approve_marketing: bool = False
    brake_above: int = 100


@dataclass(frozen=True, slots=True)
class Pushing:
    """The manners of all communities: those of ``places`` by their ids, of any other ``default``; ``colours`` of recurring columns by their names."""

    default: PushRules = PushRules()
    places: Mapping[str, PushRules] = field(default_factory=dict)
    colours: Mapping[str, Colour] = field(default_factory=dict)

    def of(self, community: str) -> PushRules:
        """The manners of a community."""
        return self.places.get(community, self.default)


# What follows from a push alone -------------------------------------------------------------------------------------------


def is_granted(push: Push) -> bool:
    """Whether nobody's consent is missing: without it nothing goes out."""
    return push.approval != "asked"


def needs_grant(push: Push, rules: PushRules, readers: int) -> str:
    """Why another has to agree to a push that reaches so many, in Chinese; '' where nobody has to."""
    if push.marketing and rules.approve_marketing:
        return "营销推送要另一个人批准"
    return f"要发给 {readers:,} 人，超过 {rules.approve_above:,} 人要另一个人批准" if readers > rules.approve_above else ""


def is_same_saying(one: Push, other: Push) -> bool:
    """Whether two pushes say the same to the same at the same time, whatever they are called and whoever agreed."""
    return _essence(one) == _essence(other)


def audience_of(push: Push) -> str:
    """The expression (rules/segments.py) for the readers of a push to members, on the day of a planned moment; 'all' for everybody."""
    if push.after is None:
        return push.segment or "all"
    day = f"{_TRAIT_OF[push.after.event]} = {push.after.days}"
    return f"({push.segment}) and {day}" if push.segment else day


def episode_of(push: Push, planned: datetime, zone: tzinfo, workdays: Workdays) -> int:
    """Which of its episodes a push says at a planned moment: as many as it had moments since it began, over and over.

    Counted from the calendar alone, so that every process says the same one and none is said twice for a moment that was missed.
    """
    if not push.episodes or push.at:
        return 0
    day = planned.astimezone(zone).date()
    began = date.fromisoformat(push.began) if push.began else EPISODES_SINCE
    before = _moments_between(push, began, day, workdays)
    return (before + sum(moment < planned for moment in moments_on(push, day, zone, workdays))) % len(push.episodes)


def body_at(push: Push, planned: datetime, zone: tzinfo, workdays: Workdays, arm: Arm | None = None) -> Body:
    """What is said at a planned moment: what the arm says, else the episode whose turn it is, else what the push says."""
    if arm:
        return arm.body
    if not push.episodes:
        return push.body
    return replace(push.body, text=push.episodes[episode_of(push, planned, zone, workdays)])


def texts_of(push: Push) -> list[str]:
    """What its readers may read, for people to look at: each version, the first episodes, or the text."""
    if push.arms:
        return [f"【版本 {arm.name}】{arm.body.text}" for arm in push.arms]
    return [f"【第 {n} 期】{text}" for n, text in enumerate(push.episodes[:SHOWN_EPISODES], 1)] or [push.text]


def own_words_in(push: Push) -> frozenset[str]:
    """Which of :data:`OWN_VARIABLES` any of the texts of a push asks for."""
    texts = (push.text, *push.episodes, *(arm.body.text for arm in push.arms))
    return frozenset(name for name in OWN_VARIABLES if any(f"{{{name}}}" in text for text in texts))


def said(text: str, *, nickname: str = EVERYBODY, community: str = "", on: date | None = None, own: Mapping[str, str] | None = None) -> str:
    """What is read where ``text`` is said: its variables filled as far as they are known; ``own`` are the reader's (:data:`OWN_VARIABLES`)."""
    values = {"nickname": nickname, **(own or {})} | ({"community": community} if community else {})
    if on:
        values |= {"date": f"{on.month} 月 {on.day} 日", "weekday": f"星期{WEEKDAY_NAMES[on.weekday()]}"}
    return fill(text, values)


def _essence(push: Push) -> Push:
    return replace(push, title="", enabled=True, approval="", asked_by=0, granted_by=0, asked_at=0, began="")


@lru_cache(1_024)
def _moments_between(push: Push, first: date, last: date, workdays: Workdays) -> int:
    """How many moments a push has from the first day on before the last."""
    days = (first + timedelta(days=n) for n in range((last - first).days))
    return sum(due.count for day in days if (due := due_on(push, day, workdays)))
