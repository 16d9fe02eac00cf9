"""What will go out in the next days: each moment, to how many, what the caps would cut of it, what crowds together, and how much of it is commercial.

Reckoned from the plan, the receipts of the last days and the present counts: what members do until then is not known, so of people who would get too
many it says the most that it can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from bot.errors import UserError
from bot.push_desk import PushDesk
from bot.push_reach import Reach, groups_of
from rules.calendar import due_on, moments_on
from rules.pushes import Cap, Push, is_granted
from storage.firings import Receipt

DAYS = 7
CROWDED = timedelta(hours=1)
"""Two pushes into one group that are closer than that crowd each other."""
MOST_SHOWN = 200
"""Moments that are told; of more the plan itself is to be looked at."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A push on a day: when first (local), how often, to whom, and what has to be minded."""

    at: datetime
    push: Push
    reach: Reach
    count: int = 1
    notes: tuple[str, ...] = ()

    @property
    def day(self) -> date:
        """The day there."""
        return self.at.date()


@dataclass(frozen=True, slots=True)
class Share:
    """How many pushes of how many are commercial: of those of the last days, and of these and the planned ones together."""

    marketing: int
    posts: int
    planned_marketing: int
    planned: int
    most: float

    @property
    def ahead(self) -> float:
        """The share once all that is planned was said."""
        posts = self.posts + self.planned
        return (self.marketing + self.planned_marketing) / posts if posts else 0.0

    @property
    def is_too_much(self) -> bool:
        """Whether that is more than the community's manners say. Of very few pushes a share says nothing."""
        return self.posts + self.planned >= FEW and self.ahead > self.most

    @property
    def words(self) -> str:
        """In words, with what to do where it is too much."""
        marketing, posts = self.marketing + self.planned_marketing, self.posts + self.planned
        told = f"最近和以后的 {posts} 条推送里营销 {marketing} 条（{self.ahead:.0%}）"
        return f"{told}，超过了 {self.most:.0%}：成员会嫌广告多，可以少发一条营销，或者多发有用的" if self.is_too_much else told


FEW = 5
"""Pushes, planned and past, below which a share of them says nothing."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will go out, by time; ``more`` moments are not told."""

    moments: tuple[Moment, ...]
    share: Share
    more: int = 0


@dataclass(slots=True)
class _Load:
    """How many pushes of a kind fall on each day: those that were said, and those that are planned."""

    by_day: dict[date, int] = field(default_factory=dict)

    def add(self, day: date, count: int) -> None:
        self.by_day[day] = self.by_day.get(day, 0) + count

    def within(self, last: date, days: int) -> int:
        """Of ``days`` days of which this is the last."""
        return sum(self.by_day.get(last - timedelta(days=n), 0) for n in range(days))


def outlook(desk: PushDesk, *, instead: Push | None = None) -> Outlook:
    """What goes out in this community in the next :data:`DAYS` days. ``instead`` is looked at as if it stood there in the place of the push of its id."""
    pushes = [one.push for one in desk.pushes() if instead is None or one.push.id != instead.id]
    if instead and desk.sees(instead):
        pushes.append(instead)
    rules = desk.contents.pushing.of(desk.community.id)
    today = desk.community.day_of(desk.now)
    first = today - timedelta(days=max((rules.share_days, *(cap.days for cap in (*rules.caps, *rules.group_caps)))))
    receipts = desk.stores.firings.receipts(desk.community.keys, first, today)
    reaches = _Reaches(desk)
    moments = sorted(
        (one for push in pushes if push.enabled for one in _moments(desk, push, reaches)), key=lambda one: (one.at, one.push.id)
    )
    noted = _noted(desk, moments, pushes, receipts)
    return Outlook(noted[:MOST_SHOWN], _share(desk, moments, pushes, receipts), max(0, len(noted) - MOST_SHOWN))


def share_words(desk: PushDesk, push: Push) -> str:
    """What is to be said about the share of marketing where a push is made or enabled; '' where nothing is."""
    if not (push.marketing and push.enabled and desk.sees(push)):
        return ""
    share = outlook(desk, instead=push).share
    return share.words if share.is_too_much else ""


def next_days(now: datetime, desk: PushDesk) -> Iterator[date]:
    """The days that are looked at, today first."""
    today = desk.community.day_of(now)
    return (today + timedelta(days=n) for n in range(DAYS + 1))


def _moments(desk: PushDesk, push: Push, reaches: _Reaches) -> Iterator[Moment]:
    zone, workdays, until = desk.community.zone, desk.contents.workdays, desk.now + timedelta(days=DAYS)
    for day in next_days(desk.now, desk):
        if due_on(push, day, workdays) is None:
            continue
        ahead = [moment for moment in moments_on(push, day, zone, workdays) if desk.now < moment <= until]
        if ahead:
            notes = () if is_granted(push) else ("还没有批准，不批准不发",)
            yield Moment(ahead[0].astimezone(zone), push, reaches.of(push), len(ahead), notes)


class _Reaches:
    """Whom each push reaches here, counted once."""

    def __init__(self, desk: PushDesk) -> None:
        self._desk = desk
        self._known: dict[str, Reach] = {}

    def of(self, push: Push) -> Reach:
        if push.id not in self._known:
            try:
                self._known[push.id] = self._desk.reach_here(push)
            except UserError:  # its segment names one that is gone; what is wrong is told where it is edited
                self._known[push.id] = Reach(0)
        return self._known[push.id]


def _noted(desk: PushDesk, moments: Sequence[Moment], pushes: Sequence[Push], receipts: Sequence[Receipt]) -> tuple[Moment, ...]:
    """The moments with what the caps would cut of them, and what they crowd with."""
    rules, by_id = desk.contents.pushing.of(desk.community.id), {push.id: push for push in pushes}
    past: dict[str, _Load] = {}
    for receipt in receipts:
        push = by_id.get(receipt.push)
        if push and push.to == "groups":
            for kind in push.kinds:
                past.setdefault(kind, _Load()).add(receipt.day, _sent(receipt))
    found: list[Moment] = []
    for n, one in enumerate(moments):
        caps = rules.caps if one.push.to == "members" else rules.group_caps
        cut = [words for cap in caps if cap.kind in one.push.kinds and (words := _cut(cap, one, moments[:n], past))]
        found.append(replace(one, notes=(*one.notes, *cut, *_crowding(desk, one, moments[:n]))))
    return tuple(found)


def _cut(cap: Cap, one: Moment, before: Sequence[Moment], past: Mapping[str, _Load]) -> str:
    """What a cap would cut of a moment, '' nothing."""
    first = one.day - timedelta(days=cap.days - 1)
    others = [other for other in before if other.push.to == one.push.to and cap.kind in other.push.kinds and other.day >= first]
    kind = {"all": "推送", "marketing": "营销"}.get(cap.kind, f"“{cap.kind}”")
    told = f"{cap.days} 天里最多 {cap.most} 条{kind}"
    if one.push.to == "groups":
        load = sum(other.count for other in others) + (past[cap.kind].within(one.day, cap.days) if cap.kind in past else 0)
        over = min(load + one.count - cap.most, one.count)
        return f"超过上限（{told}）：{'不会发' if over >= one.count else f'{over} 次不会发'}" if over > 0 else ""
    readers = sum(other.reach.people * other.count for other in others)
    if one.count > cap.most:
        return f"超过上限（{told}）：一天 {one.count} 次，每人只会收到 {cap.most} 次"
    people = min(one.reach.people, readers // max(cap.most, 1)) if cap.most else one.reach.people
    return f"最多 {people:,} 人会超过上限（{told}），他们不会收到" if people else ""


def _crowding(desk: PushDesk, one: Moment, before: Sequence[Moment]) -> list[str]:
    """Which other pushes go into one of its groups within the hour."""
    if one.push.to != "groups":
        return []
    mine = set(groups_of(one.push, desk.community, desk.config))
    close = [
        other for other in before
        if other.push.to == "groups" and other.push.id != one.push.id and one.at - other.at < CROWDED
        and not mine.isdisjoint(groups_of(other.push, desk.community, desk.config))
    ]  # fmt: skip
    return [f"和“{other.push.label}”只隔 {round((one.at - other.at).total_seconds() / 60)} 分钟，挤在一起" for other in close[:3]]


def _share(desk: PushDesk, moments: Sequence[Moment], pushes: Sequence[Push], receipts: Sequence[Receipt]) -> Share:
    rules, marketing = desk.contents.pushing.of(desk.community.id), {push.id for push in pushes if push.marketing}
    first = desk.community.day_of(desk.now) - timedelta(days=rules.share_days - 1)
    said = [(one.push, _sent(one)) for one in receipts if one.day >= first and not one.push.startswith("report:")]
    return Share(
        sum(count for push, count in said if push in marketing), sum(count for _, count in said),
        sum(one.count for one in moments if one.push.marketing), sum(one.count for one in moments), rules.marketing_share,
    )  # fmt: skip


def _sent(receipt: Receipt) -> int:
    """How often it was said on that day."""
    return receipt.count - sum(bool(moment.why) for moment in receipt.moments)
