"""Workdays in China: which days are off, which weekends are worked to make up for them, and what each is called.

Years that are announced come from the package chinesecalendar, later ones by the statutory days alone (rules/workdays.tsv); what operators wrote down
goes before both.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from chinese_calendar.constants import holidays as _off
from chinese_calendar.constants import workdays as _worked

Sort = Literal["workdays", "holidays", "all", "first_workday", "last_workday"]
"""Which days something is for: those that are worked, those that are not, any, or the first or last of a month that is worked."""
SORTS: Mapping[Sort, str] = {
    "all": "每天", "workdays": "工作日", "holidays": "休息日", "first_workday": "每月第一个工作日", "last_workday": "每月最后一个工作日",
}  # fmt: skip
_NAMES = {
    "New Year's Day": "元旦", "Spring Festival": "春节", "Tomb-sweeping Day": "清明节", "Labour Day": "劳动节", "Dragon Boat Festival": "端午节",
    "National Day": "国庆节", "Mid-autumn Festival": "中秋节", "Anti-Fascist 70th Day": "抗战胜利日",
}  # fmt: skip
_FIRST_YEAR, _LAST_YEAR = min(_off).year, max(_off).year
_TABLE = Path(__file__).with_name("workdays.tsv")


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day that is not what its weekday says, or has a name."""

    day: date
    is_off: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class Workdays:
    """Which days are worked; ``own`` are the operators' special days, which go before all others."""

    own: tuple[SpecialDay, ...] = ()
    _by_day: Mapping[date, SpecialDay] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_day", {special.day: special for special in self.own})

    def find(self, day: date) -> SpecialDay | None:
        """What is special about a day, None for a plain one."""
        return self._by_day.get(day) or _known(day)

    def is_workday(self, day: date) -> bool:
        """Whether a day is worked."""
        special = self.find(day)
        return day.weekday() < 5 if special is None else not special.is_off

    def fits(self, day: date, sort: Sort) -> bool:
        """Whether a day is of a sort."""
        if sort == "all":
            return True
        if sort in ("workdays", "holidays"):
            return self.is_workday(day) is (sort == "workdays")
        return self.is_workday(day) and not any(map(self.is_workday, _rest_of_month(day, is_before=sort == "first_workday")))

    def name(self, day: date) -> str:
        """What a special day is called: 春节, or 春节调休上班 for one that is worked; '' for a plain one."""
        special = self.find(day)
        return special.name if special else ""

    def is_made_up(self, day: date) -> bool:
        """Whether it is a day of the weekend that is worked."""
        return day.weekday() >= 5 and self.is_workday(day)

    @staticmethod
    def is_announced(year: int) -> bool:
        """Whether the make-up days of a year are known; of others there are the statutory days only."""
        return bool(_FIRST_YEAR <= year <= _LAST_YEAR)


def _rest_of_month(day: date, *, is_before: bool) -> Iterator[date]:
    """The days of its month before a day, or behind it; the nearest first, for most often that one decides."""
    days = range(day.day - 1, 0, -1) if is_before else range(day.day + 1, monthrange(day.year, day.month)[1] + 1)
    return (day.replace(day=number) for number in days)


def _known(day: date) -> SpecialDay | None:
    if day in _off:
        return SpecialDay(day, True, _NAMES.get(_off[day], _off[day]))
    if day in _worked:
        return SpecialDay(day, False, f"{_NAMES.get(_worked[day], _worked[day])}调休上班")
    name = _statutory().get(day)
    return SpecialDay(day, True, name) if name else None


@cache
def _statutory() -> Mapping[date, str]:
    rows = (line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {found: name for day, name in rows if (found := date.fromisoformat(day)).year > _LAST_YEAR}
