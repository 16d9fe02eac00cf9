"""What a report is made of: the figures of a day, week or month with those before, the lights, the heat, the questions, and what waits for somebody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from bot.audience import Audience
from bot.communities import Community
from bot.live import Contents
from bot.numbers import Cohort, Figure, Numbers, heat_of
from rules.churn import AT_RISK
from rules.figures import Day, Span, Where
from rules.health import Light
from rules.metrics import Length
from rules.periods import Period, before
from storage.stores import Stores

TOP = 10
"""Questions of a report."""
COHORT_WEEKS = 8
RECENT = 7
"""Days of the course of a report about one day."""
FRESH = timedelta(days=7)
"""The lights are those of now: a report whose period ended longer ago has none."""
LEAVING = f"churn > {AT_RISK:.0%} and not staff"
"""Who will probably not come back."""
LEADING: Mapping[Length, tuple[str, ...]] = {
    "day": ("dau", "messages", "newcomers", "self_service", "answer_minutes", "negative_share"),
    "week": ("wau", "messages", "newcomers", "self_service", "week_retention", "answer_minutes", "participation", "negative_share"),
    "month": ("mau", "messages", "newcomers", "self_service", "month_retention", "answer_minutes", "participation", "nps"),
}
"""The indicators that lead a report, the most telling first."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody: what it is called, how much of it, and what may be said in chat to see it."""

    name: str
    count: int
    command: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a community. ``last`` is the last day that is in it: today, where its period is not over (``is_over``).

    ``days`` are those of the period, ``past`` those of the one before, ``recent`` the last seven; ``heat`` messages by weekday from Monday and hour.
    """

    community: Community
    period: Period
    last: date
    is_over: bool
    figures: Sequence[Figure]
    days: Sequence[Day]
    past: Sequence[Day]
    recent: Sequence[Day]
    heat: Sequence[Sequence[int]]
    lights: Sequence[Light]
    questions: Sequence[tuple[str, int]]
    waiting: Sequence[Waiting]
    pause: str = ""

    @property
    def span(self) -> Span:
        """Its days."""
        return Span(self.days)

    @property
    def leading(self) -> list[Figure]:
        """The figures that it begins with, at most five; those that cannot be told last."""
        known = {figure.metric.id: figure for figure in self.figures}
        wanted = [known[id] for id in LEADING[self.period.length] if id in known]
        return sorted(wanted, key=lambda figure: figure.value is None)[:5]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say: nobody spoke, came or went, nothing waits, and no light is on."""
        happened = any(day.spoke.day or any(day.counts.values()) for day in self.days)
        return not (happened or self.waiting or any(light.colour in ("red", "yellow") for light in self.lights))


def gather(stores: Stores, contents: Contents, numbers: Numbers, community: Community, period: Period, now: datetime) -> Report:
    """The report of a period that has begun."""
    today, where, keys = community.day_of(now), Where(community.id), community.keys
    last, earlier = min(period.last, today), before(period)
    so_far = (last - period.first).days + 1 if last < period.last else 0
    spans = [(period.first, last), _as_far(earlier, so_far), _as_far(before(earlier), so_far)]
    recent = last - timedelta(days=RECENT - 1)
    read = numbers.days(where, min(spans[-1][0], recent), last)
    days = {day.day: day for day in read}
    within, past = _within(days, period.first, last), _within(days, earlier.first, earlier.last)
    figures = numbers.compared(where, period.length, read, spans)
    if not _was_there(past[0]):
        figures = [replace(figure, before=None) for figure in figures]  # half a month says nothing of a whole one
    is_fresh = today - period.last <= FRESH
    return Report(
        community, period, last, period.is_over(today), figures, within, past, _within(days, recent, last),
        heat_of(within), numbers.lights(community) if is_fresh else (), top_questions(contents, community, Span(within)),
        [one for one in waiting(stores, contents, community, now) if one.count] if is_fresh else (), stores.pauses.of(keys.id),
    )  # fmt: skip


def cohorts_of(numbers: Numbers, report: Report) -> list[Cohort]:
    """Those who came in the weeks up to the report's end."""
    return numbers.cohorts(Where(report.community.id), report.last - timedelta(days=7 * COHORT_WEEKS - 1), report.last)


def top_questions(contents: Contents, community: Community, span: Span) -> list[tuple[str, int]]:
    """The community's entries that answered most often, and how often; what was removed since is left out."""
    hits = sorted(span.counts("hit:").items(), key=lambda one: (-one[1], one[0]))
    found = ((contents.faq.find(id), n) for id, n in hits if n > 0)
    return [(entry.question, n) for entry, n in found if entry and entry.is_for(community.id) and entry.role == "member"][:TOP]


def waiting(stores: Stores, contents: Contents, community: Community, now: datetime) -> Iterator[Waiting]:
    """What waits for somebody in a community, the most pressing first."""
    where = community.keys
    yield Waiting("工单", stores.tickets.count_waiting([where], now)[0], "工单")
    yield Waiting("案件", stores.cases.count_undecided(where), "案件")
    yield Waiting("申诉", stores.appeals.count_waiting(where), "案件 申诉")
    yield Waiting("订单", stores.orders.count_waiting(where), "订单")
    yield Waiting("待审的投稿", stores.submissions.count_waiting(where), "审稿")
    yield Waiting("待看的邀请", stores.invitations.held(where, 1)[0], "邀请 待审")
    yield Waiting("快要流失的人", _leaving(stores, contents, community, now), f"群体 看 {LEAVING}")


def _leaving(stores: Stores, contents: Contents, community: Community, now: datetime) -> int:
    """How many will probably not come back; counted only where last night's work found any."""
    [(_, found)] = stores.edges.nights([community.keys])
    if not found.at_risk:
        return 0
    audience = Audience(stores, contents)
    return audience.count(community, audience.query(community, LEAVING), community.day_of(now)).members


def _was_there(day: Day) -> bool:
    """Whether a community was known on a day: had members, or was heard of."""
    return bool(day.members or day.spoke.day or any(day.counts.values()))


def _as_far(period: Period, days: int) -> tuple[date, date]:
    """The first so many days of a period, all where ``days`` is 0: a week so far is compared with a week as far."""
    return period.first, min(period.last, period.first + timedelta(days=days - 1)) if days else period.last


def _within(days: Mapping[date, Day], first: date, last: date) -> list[Day]:
    return [days[day] for day in sorted(days) if first <= day <= last]
