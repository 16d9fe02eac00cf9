"""Days, weeks and months that reports are about: named, said, and understood as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from rules.calendar import WEEKDAY_NAMES
from rules.metrics import Length
from rules.months import parse_month

NAMES: Mapping[Length, str] = {"day": "日报", "week": "周报", "month": "月报"}
EXAMPLES: Mapping[Length, str] = {
    "day": "日报，日报 今天，或 日报 11-21", "week": "周报，周报 上周，或 周报 11-16（那一天所在的一周）", "month": "月报，月报 上月，或 月报 2026-10",
}  # fmt: skip
"""How a report of each length is asked for."""

EARLIEST = date(2000, 1, 1)
"""Nobody has a report of what was before."""
_DAY_ID = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_WEEK_ID = re.compile(r"(\d{4})-W(\d{2})")
_MONTH_ID = re.compile(r"(\d{4})-(\d{2})")
_DATE = re.compile(r"(?:(?P<year>20\d\d)(?:年|[-/.]))?(?P<month>1[0-2]|0?[1-9])(?:月|[-/.])(?P<day>3[01]|[12]\d|0?[1-9])[日号]?")
_DAYS_AGO = {"今天": 0, "今日": 0, "当天": 0, "": 1, "昨天": 1, "昨日": 1, "前天": 2}
_WEEKS_AGO = {"": 0, "本周": 0, "这周": 0, "这一周": 0, "本星期": 0, "上周": 1, "上一周": 1, "上星期": 1, "上上周": 2}


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week from Monday on, or a month; ``last`` is in it."""

    length: Length
    first: date
    last: date

    @property
    def id(self) -> str:
        """What it is called in addresses and file names: 2026-11-21, 2026-W47, 2026-11."""
        if self.length == "day":
            return self.first.isoformat()
        year, week, _ = self.first.isocalendar()
        return f"{year:04}-W{week:02}" if self.length == "week" else f"{self.first.year:04}-{self.first.month:02}"

    @property
    def name(self) -> str:
        """日报, 周报 or 月报."""
        return NAMES[self.length]

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def said(self) -> str:
        """Which days it has, as people say them."""
        if self.length == "day":
            return f"{day_said(self.first)} 周{WEEKDAY_NAMES[self.first.weekday()]}"
        if self.length == "month":
            return f"{self.first.year} 年 {self.first.month} 月"
        return f"{day_said(self.first)} – {day_said(self.last)}"

    def is_over(self, today: date) -> bool:
        """Whether all of it has passed."""
        return self.last < today


def day_said(day: date) -> str:
    """A day without its year: 11 月 21 日."""
    return f"{day.month} 月 {day.day} 日"


def day_of(day: date) -> Period:
    """One day."""
    return Period("day", day, day)


def week_of(day: date) -> Period:
    """The week that a day is in."""
    monday = day - timedelta(days=day.weekday())
    return Period("week", monday, monday + timedelta(days=6))


def month_of(day: date) -> Period:
    """The month that a day is in."""
    first = day.replace(day=1)
    return Period("month", first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


_OF = {"day": day_of, "week": week_of, "month": month_of}


def period_of(length: Length, day: date) -> Period:
    """The period of a length that a day is in."""
    return _OF[length](day)


def before(period: Period) -> Period:
    """The one before, of the same length."""
    return period_of(period.length, period.first - timedelta(days=1))


def newest(length: Length, today: date, count: int) -> list[Period]:
    """The last ``count`` periods, the one that today is in first."""
    found = [period_of(length, today)]
    while len(found) < count:
        found.append(before(found[-1]))
    return found


def find_period(id: str) -> Period | None:
    """The period of an id, None for what is none."""
    try:
        period = _named(id)
    except (ValueError, OverflowError):
        return None
    return period if period and period.first >= EARLIEST else None


def _named(id: str) -> Period | None:
    if found := _DAY_ID.fullmatch(id):
        return day_of(date(*map(int, found.groups())))
    if found := _WEEK_ID.fullmatch(id):
        return week_of(date.fromisocalendar(int(found[1]), int(found[2]), 1))
    if found := _MONTH_ID.fullmatch(id):
        return month_of(date(int(found[1]), int(found[2]), 1))
    return None


def parse_period(length: Length, words: str, today: date) -> Period | None:
    """The period that somebody means by the words behind 日报, 周报 or 月报, None for what is none or has not begun.

    Without words: yesterday, the week that today is in, the month that today is in.
    """
    said = re.sub(r"\s+", "", words)
    try:
        found = _PARSERS[length](said, today)
    except (ValueError, OverflowError):
        return None
    return found if found and EARLIEST <= found.first <= today else None


def _parse_day(said: str, today: date) -> Period | None:
    if said in _DAYS_AGO:
        return day_of(today - timedelta(days=_DAYS_AGO[said]))
    day = _date(said, today)
    return day_of(day) if day else None


def _parse_week(said: str, today: date) -> Period | None:
    if said in _WEEKS_AGO:
        return week_of(today - timedelta(days=7 * _WEEKS_AGO[said]))
    if _WEEK_ID.fullmatch(said.upper()):
        return find_period(said.upper())
    day = _date(said, today)
    return week_of(day) if day else None


def _parse_month(said: str, today: date) -> Period | None:
    found = parse_month(said, today)
    return month_of(date(*found, 1)) if found else None


_PARSERS = {"day": _parse_day, "week": _parse_week, "month": _parse_month}


def _date(said: str, today: date) -> date | None:
    """A day with or without a year; without one the latest such day."""
    found = _DATE.fullmatch(said)
    if found is None:
        return None
    in_year = partial(date, month=int(found["month"]), day=int(found["day"]))
    if found["year"]:
        return in_year(int(found["year"]))
    return in_year(today.year) if in_year(today.year) <= today else in_year(today.year - 1)
