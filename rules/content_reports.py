"""When reports go out, as a file of content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.calendar import WEEKDAYS
from rules.content_file import Path
from rules.content_kind import Id, Kind, Row, twins
from rules.numerals import whole
from rules.reports import Timetable, Timetables

_TIME = re.compile(r"(\d{1,2}):(\d{2})")


def _time(text: str) -> time | None:
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError("要写成 09:00 这样的时间，不发就空着")
    return time(int(found[1]), int(found[2]))


def _weekly(text: str) -> tuple[int, time] | None:
    day, _, at = text.partition(" ")
    moment = _time(at.strip()) if day in WEEKDAYS else None
    if text and moment is None:
        raise ValueError("要写成“mon 09:30”：星期（mon 到 sun）和时间，不发就空着")
    return (WEEKDAYS.index(day), moment) if moment else None


def _monthly(text: str) -> tuple[int, time] | None:
    day, _, at = text.partition(" ")
    number, moment = whole(day, 28), _time(at.strip())
    if text and (number is None or moment is None):
        raise ValueError("要写成“1 10:00”：几号（1 到 28）和时间，不发就空着")
    return (number, moment) if number and moment else None


def _checked(parse: Any) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


class TimetableRow(Row):
    """The timetable of a community."""

    community: Id = "*"
    brief: Annotated[str, Field(max_length=20), _checked(_time)] = "09:00"
    weekly: Annotated[str, Field(max_length=20), _checked(_weekly)] = "mon 09:30"
    monthly: Annotated[str, Field(max_length=20), _checked(_monthly)] = "1 10:00"
    grace_minutes: Annotated[int, Field(ge=5, le=720)] = 120


class ReportSheet(Row):
    """The timetables."""

    plans: Annotated[tuple[TimetableRow, ...], Field(max_length=1_000)] = ()


def _timetables(sheet: ReportSheet) -> Timetables:
    return Timetables(
        tuple(
            Timetable(row.community, _time(row.brief), _weekly(row.weekly), _monthly(row.monthly), row.grace_minutes) for row in sheet.plans
        )
    )


def _sheet(value: Timetables) -> dict[str, Any]:
    return {"plans": [_row(plan) for plan in value.plans]}


def _row(plan: Timetable) -> dict[str, Any]:
    return {
        "community": plan.community,
        "brief": f"{plan.brief:%H:%M}" if plan.brief else "",
        "weekly": f"{WEEKDAYS[plan.weekly[0]]} {plan.weekly[1]:%H:%M}" if plan.weekly else "",
        "monthly": f"{plan.monthly[0]} {plan.monthly[1]:%H:%M}" if plan.monthly else "",
        "grace_minutes": plan.grace_minutes,
    }


def _check(sheet: ReportSheet) -> Iterator[tuple[Path, str]]:
    places = ((("plans", n, "community"), row.community) for n, row in enumerate(sheet.plans))
    yield from twins(places, "社群“{name}”的时间写了两份，请合并成一份")


REPORTS: Kind[Timetables] = Kind("reports", "reports.yaml", "报表时间", False, TypeAdapter(ReportSheet), _timetables, _sheet, _check)
