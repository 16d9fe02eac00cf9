"""The calendar: when what is planned falls due – by cron or once, on workdays or days off – and the weeks of a month.

Everything is reckoned by the wall clock of a place. A time that a day does not have, as clocks are put forward, falls due when it would have been; one
that a day has twice falls due the first time: what is said once a day is said once on every day.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import Calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, Protocol

from rules.workdays import SORTS, Sort, Workdays

AT = "%Y-%m-%d %H:%M"
"""How the moment of what falls due once is written."""
FARTHEST_DAYS = 41 * 366
"""How far ahead a next moment is looked for: a 29th of February may have to be a workday, too."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEKDAY_NAMES = "一二三四五六日"
_DAY = timedelta(days=1)
_AT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2})")


class Planned(Protocol):
    """What says when it is due: by ``cron``, on ``days`` of a sort, or once ``at`` a moment; the other one is ''."""

    @property
    def cron(self) -> str: ...

    @property
    def at(self) -> str: ...

    @property
    def days(self) -> Sort: ...


@dataclass(frozen=True, slots=True)
class Due:
    """How often something is due on a day, and when first."""

    first: time
    count: int


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is due: the minutes, hours, days, months (1–12) and weekdays (``mon`` … ``sun``) that fit, each in order."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[str, ...]


Repeat = Literal["once", "daily", "weekly", "monthly", "cron"]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When something is due as people think of it: once, every day, on weekdays (0 is Monday) or on a day of the month at one time; else by cron."""

    repeat: Repeat
    at: time = time(9)
    weekdays: tuple[int, ...] = ()
    day: int = 1


# Reading -----------------------------------------------------------------------------------------------------------
_FROM_SUNDAY = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS = (_Field("分", 0, 59), _Field("时", 0, 23), _Field("日", 1, 31), _Field("月", 1, 12, _MONTHS), _Field("星期", 0, 7, _FROM_SUNDAY))
_PART = re.compile("(?P<low>[*]|[a-z]{3}|[0-9]{1,2})(?:-(?P<high>[a-z]{3}|[0-9]{1,2}))?(?:/(?P<step>[0-9]{1,2}))?")


@lru_cache(4_096)
def parse_cron(text: str) -> Cron:
    """The five fields of ``text`` as cron reads them (weekday 0 and 7 are Sunday). ValueError says in Chinese what is wrong.

    Day and weekday cannot both be limited: cron fires when either fits, APScheduler when both do, and operators expect now this, now that.
    """
    words = text.lower().split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"cron 要有 5 段（分 时 日 月 星期），这里有 {len(words)} 段，例如 0 9 * * *")
    minutes, hours, days, months, weekdays = (_parse_field(word, field) for word, field in zip(words, _FIELDS, strict=True))
    if words[2] != "*" and words[4] != "*":
        raise ValueError("日和星期不能同时限定，请把其中一段写成 *")
    if all(min(days) > _LONGEST_MONTH[month - 1] for month in months):
        raise ValueError("这个日期永远不会到来，请检查日和月")
    due = {day % 7 for day in weekdays}
    return Cron(minutes, hours, days, months, tuple(name for n, name in enumerate(WEEKDAYS, 1) if n % 7 in due))


def _parse_field(word: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for part in word.split(","):
        found.update(_parse_part(part, field))
    return tuple(sorted(found))


def _parse_part(part: str, field: _Field) -> range:
    match = _PART.fullmatch(part)
    if match is None or (match["low"] == "*" and match["high"]):
        raise ValueError(f"{field.name}“{part}”看不懂，可以写 *、5、1-5、1,3,5 或 */10")
    step = int(match["step"] or 1)
    everything = match["low"] == "*"
    low = field.first if everything else _number(match["low"], field)
    high = _number(match["high"], field) if match["high"] else field.last if everything or match["step"] else low
    if step == 0 or low > high:
        raise ValueError(f"{field.name}“{part}”没有包含任何时间，请从小写到大，间隔至少是 1")
    return range(low, high + 1, step)


def _number(word: str, field: _Field) -> int:
    if word in field.names:
        return field.names.index(word) + field.first
    if not word.isdigit() or not field.first <= int(word) <= field.last:
        raise ValueError(f"{field.name}“{word}”超出范围，应在 {field.first}–{field.last} 之间")
    return int(word)


def parse_at(text: str) -> datetime:
    """The wall-clock moment of ``2026-12-01 09:00``, without a zone. ValueError says in Chinese what is wrong."""
    match = _AT.fullmatch(text.strip())
    if not match:
        raise ValueError(f"时间“{text[:20]}”看不懂，写成 2026-12-01 09:00 的样子")
    try:
        return datetime.strptime(f"{match[1]} {match[2]}", AT)  # noqa: DTZ007 - a wall clock's, of any zone
    except ValueError:
        raise ValueError(f"没有“{text[:20]}”这个时间，请检查日期和钟点") from None


def moment_in(at: str, zone: tzinfo) -> datetime:
    """The moment of such a text in a zone, in UTC."""
    return parse_at(at).replace(tzinfo=zone).astimezone(UTC)


# When it is due -----------------------------------------------------------------------------------------------------------


def due_on(planned: Planned, day: date, workdays: Workdays) -> Due | None:
    """How often something is due on a day, None where it is not."""
    if planned.at:
        at = parse_at(planned.at)
        return Due(at.time(), 1) if at.date() == day else None
    cron = parse_cron(planned.cron)
    if not _is_day_of(cron, day) or not workdays.fits(day, planned.days):
        return None
    return Due(time(cron.hours[0], cron.minutes[0]), len(cron.hours) * len(cron.minutes))


def moments_on(planned: Planned, day: date, zone: tzinfo, workdays: Workdays) -> Sequence[datetime]:
    """The moments of a day, in UTC and in order; most days have none."""
    due = due_on(planned, day, workdays)
    if due is None:
        return ()
    if planned.at:
        return (moment_in(planned.at, zone),)
    return _cron_moments(planned.cron, day, zone)


def next_moment(planned: Planned, zone: tzinfo, after: datetime, workdays: Workdays) -> datetime | None:
    """The first moment later than ``after``, in UTC; None where there is none within forty years."""
    if planned.at:
        moment = moment_in(planned.at, zone)
        return moment if moment > after else None
    # a day earlier, for a time that its own day does not have may fall on the next
    for day in _days_of(parse_cron(planned.cron), after.astimezone(zone).date() - _DAY):
        moments = moments_on(planned, day, zone, workdays)
        if moments and moments[-1] > after:
            return moments[bisect_right(moments, after)]
    return None


def newest_moments(planned: Planned, zone: tzinfo, after: datetime, until: datetime, workdays: Workdays, most: int) -> list[datetime]:
    """The newest moments in (after, until], ``most`` of them, newest first, in UTC."""
    found: list[datetime] = []
    day, first = until.astimezone(zone).date(), after.astimezone(zone).date() - _DAY
    while day >= first and len(found) < most:
        found += [moment for moment in reversed(moments_on(planned, day, zone, workdays)) if after < moment <= until]
        day -= _DAY
    return found[:most]


@lru_cache(512)
def _cron_moments(cron: str, day: date, zone: tzinfo) -> tuple[datetime, ...]:
    """Those of a day on which a cron is due; a clock that was away for a month asks for each of thousands."""
    found = parse_cron(cron)
    times = (time(hour, minute) for hour in found.hours for minute in found.minutes)
    return tuple(sorted({datetime.combine(day, at, zone).astimezone(UTC) for at in times}))


def _is_day_of(cron: Cron, day: date) -> bool:
    return day.month in cron.months and day.day in cron.days and WEEKDAYS[day.weekday()] in cron.weekdays


def _days_of(cron: Cron, first: date) -> Iterator[date]:
    """The days from the first on that fit, whatever is worked on them."""
    day, last = first, first + timedelta(days=FARTHEST_DAYS)
    while day <= last:
        if day.month in cron.months:
            if _is_day_of(cron, day):
                yield day
            day += _DAY
        else:
            day = date(day.year + day.month // 12, day.month % 12 + 1, 1)


def end_of_quiet(span: str, now: datetime, zone: tzinfo) -> datetime | None:
    """When the quiet hours (22:00-08:00, '' none) end that it is now, in UTC; None where it is not quiet."""
    if not span:
        return None
    first, last = time.fromisoformat(span[:5]), time.fromisoformat(span[6:])
    local = now.astimezone(zone)
    at = local.time()
    is_quiet = first <= at < last if first < last else at >= first or at < last
    if not is_quiet:
        return None
    end = datetime.combine(local.date() + _DAY if at >= last else local.date(), last, zone).astimezone(UTC)
    # in an hour that clocks put back have twice the wall clock alone does not say which one it is
    return end if end > now else end + timedelta(hours=1)


# What people read ---------------------------------------------------------------------------------------------------------


def rhythm_of(planned: Planned) -> Rhythm:
    """When something is due, as people think of it."""
    if planned.at:
        return Rhythm("once", parse_at(planned.at).time())
    if not planned.cron:
        return Rhythm("daily")
    cron = parse_cron(planned.cron)
    if len(cron.hours) * len(cron.minutes) > 1 or len(cron.months) < 12:
        return Rhythm("cron")
    at = time(cron.hours[0], cron.minutes[0])
    if len(cron.days) == 31:
        weekdays = tuple(WEEKDAYS.index(name) for name in cron.weekdays)
        return Rhythm("daily", at) if len(weekdays) == 7 else Rhythm("weekly", at, weekdays)
    return Rhythm("monthly", at, day=cron.days[0]) if len(cron.days) == 1 else Rhythm("cron")


def cron_of(rhythm: Rhythm) -> str:
    """The cron of a rhythm that is neither once nor a cron of its own."""
    days = str(rhythm.day) if rhythm.repeat == "monthly" else "*"
    weekdays = ",".join(WEEKDAYS[day] for day in rhythm.weekdays) if rhythm.repeat == "weekly" else "*"
    return f"{rhythm.at.minute} {rhythm.at.hour} {days} * {weekdays}"


def say_when(planned: Planned) -> str:
    """When something is due, in Chinese: 2026-12-01 09:00, 每天 09:00, 每周一、三 09:00（工作日）."""
    if planned.at:
        return planned.at
    rhythm = rhythm_of(planned)
    said = {
        "daily": "每天",
        "weekly": f"每周{'、'.join(WEEKDAY_NAMES[day] for day in rhythm.weekdays)}",
        "monthly": f"每月 {rhythm.day} 日",
    }.get(rhythm.repeat)
    when = f"{said} {rhythm.at:%H:%M}" if said else f"cron {planned.cron}"
    if planned.days == "all":
        return when
    return f"{SORTS[planned.days]} {rhythm.at:%H:%M}" if rhythm.repeat == "daily" else f"{when}（{SORTS[planned.days]}）"


def weeks_of(year: int, month: int) -> list[list[date]]:
    """The weeks of a month from Monday, whole, with days of the months beside it."""
    return Calendar().monthdatescalendar(year, month)
