"""值班: who answers members when, until when an answer is due, and who hears of one that is late. Only minutes on duty count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

DUTY, ADMINS = "duty", "admins"
"""Whom a step of the ladder tells beside user ids: who is on duty (or took the ticket), and the admin group."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FARTHEST_DAYS = 62
"""How far ahead the next duty is looked for."""
_DAY_MINUTES = 24 * 60
_DAYS = re.compile(r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?")
_SPAN = re.compile(r"(?P<hour>\d{1,2}):(?P<minute>\d{2})-(?P<to_hour>\d{1,2}):(?P<to_minute>\d{2})")

Span = tuple[int, int]
"""From when to when on a day, in minutes since midnight; the end is not in it."""
Days = tuple[date, date]
"""A first and a last day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A line of the roster: on which weekdays (0 is Monday), from when to when, and who; nobody named means the owners."""

    weekdays: tuple[int, ...]
    spans: tuple[Span, ...]
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtraDay:
    """A day with a roster of its own, whatever weekday it is and even if it is closed."""

    day: date
    spans: tuple[Span, ...]
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the ladder: after so many minutes on duty without an answer, whom to tell (``duty``, ``admins`` or user ids)."""

    after_minutes: int
    tell: tuple[str, ...]


LADDER = (Step(15, (DUTY,)), Step(30, (DUTY, ADMINS)), Step(60, (ADMINS,)))


@dataclass(frozen=True, slots=True)
class DutyPlan:
    """The roster of a community (``*``: of all that have none of their own)."""

    community: str = "*"
    hours: tuple[Hours, ...] = (Hours(tuple(range(7)), ((9 * 60, 21 * 60),)),)
    closed: tuple[Days, ...] = ()
    extra: tuple[ExtraDay, ...] = ()
    answer_within_minutes: int = 30
    escalation: tuple[Step, ...] = LADDER


@dataclass(frozen=True, slots=True)
class DutyPlans:
    """The rosters of all communities."""

    plans: tuple[DutyPlan, ...] = ()

    def of(self, community: str) -> DutyPlan:
        """The roster of a community: its own, else that for all, else the owners from nine to nine."""
        by_community = {plan.community: plan for plan in self.plans}
        return by_community.get(community) or by_community.get("*") or DutyPlan()


def people_of(plan: DutyPlan) -> tuple[str, ...]:
    """Every user id that a roster names, on duty or on its ladder, each once."""
    people = [*(line.people for line in plan.hours), *(line.people for line in plan.extra)]
    on_duty = (user for line in people for user in line)
    told = (name for step in plan.escalation for name in step.tell if name not in (DUTY, ADMINS))
    return tuple(dict.fromkeys((*on_duty, *told)))


# Reading ------------------------------------------------------------------------------------------------------------------


def parse_when(text: str) -> tuple[tuple[int, ...], tuple[Span, ...]]:
    """Weekdays and spans of ``mon-fri 09:00-12:00,13:30-18:00``. ValueError says in Chinese what is wrong."""
    days, _, spans = text.strip().lower().partition(" ")
    if not spans.strip():
        raise ValueError(f"“{text}”看不懂，要写星期和时间，例如 mon-fri 09:00-18:00")
    return parse_weekdays(days), parse_spans(spans)


def parse_weekdays(text: str) -> tuple[int, ...]:
    """Weekdays (0 is Monday) of ``mon-fri``, ``sat,sun`` or ``daily``. ValueError says in Chinese what is wrong."""
    if text == "daily":
        return tuple(range(7))
    found: set[int] = set()
    for part in text.split(","):
        match = _DAYS.fullmatch(part)
        if not match or match["first"] not in WEEKDAYS or (match["last"] or "mon") not in WEEKDAYS:
            raise ValueError(f"星期“{part}”看不懂，可以写 mon、mon-fri、sat,sun 或 daily")
        first = WEEKDAYS.index(match["first"])
        last = WEEKDAYS.index(match["last"] or match["first"])
        found.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return tuple(sorted(found))


def parse_spans(text: str) -> tuple[Span, ...]:
    """Spans of ``09:00-12:00,13:30-18:00`` in order. ValueError says in Chinese what is wrong."""
    spans = sorted(_parse_span(part.strip()) for part in text.split(","))
    for (_, end), (begin, _) in pairwise(spans):
        if begin < end:
            raise ValueError(f"“{text}”里的时间有重叠，请分开写")
    return tuple(spans)


def _parse_span(text: str) -> Span:
    match = _SPAN.fullmatch(text)
    if not match:
        raise ValueError(f"时间“{text}”看不懂，写成 09:00-18:00 的样子，用半角的冒号和减号")
    begin, end = int(match["hour"]) * 60 + int(match["minute"]), int(match["to_hour"]) * 60 + int(match["to_minute"])
    if max(int(match["minute"]), int(match["to_minute"])) > 59 or max(begin, end) > _DAY_MINUTES:
        raise ValueError(f"没有“{text}”这样的时间，最早 00:00，最晚 24:00")
    if begin >= end:
        raise ValueError(f"“{text}”的结束不在开始之后；跨过半夜请写成两段，例如 22:00-24:00 和 00:00-02:00")
    return begin, end


def parse_days(text: str) -> Days:
    """First and last day of ``2026-10-01`` or ``2026-10-01..2026-10-07``. ValueError says in Chinese what is wrong."""
    first, _, last = text.strip().partition("..")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(f"日期“{text}”看不懂，写成 2026-10-01，连着几天写成 2026-10-01..2026-10-07") from None
    if days[1] < days[0]:
        raise ValueError(f"“{text}”的最后一天早于第一天，请对调")
    return days


def when_text(hours: Hours) -> str:
    """The line that :func:`parse_when` reads back as these weekdays and spans."""
    days = "daily" if len(hours.weekdays) == 7 else ",".join(WEEKDAYS[day] for day in hours.weekdays)
    return f"{days} {spans_text(hours.spans)}"


def spans_text(spans: Sequence[Span]) -> str:
    """The text that :func:`parse_spans` reads back as these spans."""
    return ",".join(f"{a // 60:02}:{a % 60:02}-{b // 60:02}:{b % 60:02}" for a, b in spans)


def days_text(days: Days) -> str:
    """The text that :func:`parse_days` reads back as these days."""
    return days[0].isoformat() if days[0] == days[1] else f"{days[0].isoformat()}..{days[1].isoformat()}"


# Asking -------------------------------------------------------------------------------------------------------------------


def people_on_duty(plan: DutyPlan, zone: tzinfo, at: datetime) -> tuple[str, ...] | None:
    """The user ids of who is on duty, each once (empty: the owners); None when nobody is."""
    lines = [line for line in _lines_of(plan, at.astimezone(zone).date(), zone) if line[0] <= at < line[1]]
    if not lines:
        return None
    return tuple(dict.fromkeys(user for *_, people in lines for user in people))


def due_at(plan: DutyPlan, zone: tzinfo, since: datetime, minutes: int) -> datetime | None:
    """When so many minutes on duty have passed since then; with 0 the next moment on duty. None when there are not so many in two months."""
    left = timedelta(minutes=minutes)
    for begin, end in _spans_from(plan, zone, since):
        begin = max(begin, since.astimezone(UTC))
        if begin < end and begin + left <= end:
            return begin + left
        left -= max(end - begin, timedelta())
    return None


def moments(plan: DutyPlan, zone: tzinfo, since: datetime) -> tuple[datetime | None, ...]:
    """When those on duty are to hear of a question that was asked then, and when each step of the ladder is due; None for never."""
    return tuple(due_at(plan, zone, since, minutes) for minutes in (0, *(step.after_minutes for step in plan.escalation)))


def steps_due(plan: DutyPlan, zone: tzinfo, since: datetime, now: datetime) -> int:
    """How many of :func:`moments` have come: 0 nothing yet, 1 who is on duty is to know, 2 the first step of the ladder…"""
    return sum(1 for moment in moments(plan, zone, since) if moment is not None and moment <= now)


def told_by(plan: DutyPlan, done: int, due: int) -> tuple[str, ...]:
    """Whom the steps after ``done`` up to ``due`` tell, each once: what was missed while nobody rang the bell is made up for in one go."""
    ladder = (Step(0, (DUTY,)), *plan.escalation)
    return tuple(dict.fromkeys(name for step in ladder[done:due] for name in step.tell))


def _spans_from(plan: DutyPlan, zone: tzinfo, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When anybody is on duty, in UTC and in order, from the day of ``since`` on; what touches or overlaps is one."""
    first, open_until = since.astimezone(zone).date(), None
    begun: datetime | None = None
    for day in (first + timedelta(days=n) for n in range(FARTHEST_DAYS)):
        for begin, end, _ in sorted(_lines_of(plan, day, zone)):
            if begun is None or open_until is None or begin > open_until:
                if begun is not None and open_until is not None:
                    yield begun, open_until
                begun, open_until = begin, end
            open_until = max(open_until, end)
    if begun is not None and open_until is not None:
        yield begun, open_until


def _lines_of(plan: DutyPlan, day: date, zone: tzinfo) -> list[tuple[datetime, datetime, tuple[str, ...]]]:
    """The roster of a day: begin and end in UTC, and who."""
    extra = [(line.spans, line.people) for line in plan.extra if line.day == day]
    is_closed = any(first <= day <= last for first, last in plan.closed)
    usual = [] if extra or is_closed else [(line.spans, line.people) for line in plan.hours if day.weekday() in line.weekdays]
    return [(_at(day, a, zone), _at(day, b, zone), people) for spans, people in extra or usual for a, b in spans]


def _at(day: date, minutes: int, zone: tzinfo) -> datetime:
    """A minute of a day by the wall clock there, in UTC; 24:00 is the next day's midnight."""
    days, rest = divmod(minutes, _DAY_MINUTES)
    return datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone).astimezone(UTC)
