"""节假日 as operators' content: days off and make-up workdays that nobody announced yet, or that are the community's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Day, Kind, Row, has_no_line_break, twins
from rules.workdays import SpecialDay, Workdays


class SpecialDayRow(Row):
    """A day off (``work: false``), or one that is worked though it is a weekend or a holiday."""

    day: Day
    work: bool
    name: Annotated[str, Field(max_length=20), AfterValidator(has_no_line_break)] = ""


class WorkdaysSheet(Row):
    """The special days."""

    days: Annotated[tuple[SpecialDayRow, ...], Field(max_length=1_000)] = ()


def _workdays(sheet: WorkdaysSheet) -> Workdays:
    return Workdays(tuple(SpecialDay(row.day, not row.work, row.name) for row in sheet.days))


def _sheet(value: Workdays) -> dict[str, Any]:
    return {"days": [{"day": one.day.isoformat(), "work": not one.is_off, **({"name": one.name} if one.name else {})} for one in value.own]}


def _twins(sheet: WorkdaysSheet) -> Iterator[tuple[Path, str]]:
    days = ((("days", n, "day"), row.day.isoformat()) for n, row in enumerate(sheet.days))
    return twins(days, "{name} 这一天写了两次，请合并成一条")


WORKDAYS: Kind[Workdays] = Kind("workdays", "workdays.yaml", "节假日", False, TypeAdapter(WorkdaysSheet), _workdays, _sheet, _twins)
