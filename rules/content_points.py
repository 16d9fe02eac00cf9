"""The point rules as a file of content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

from pydantic import Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Kind, Points, Row, twins
from rules.points import Bonus, CheckInRule, PointRules


class BonusRow(Row):
    """One streak bonus."""

    days: Annotated[int, Field(ge=2, le=3_660)]
    points: Points


class CheckInSheet(Row):
    """What a check-in earns."""

    base: Points = 5
    bonuses: Annotated[tuple[BonusRow, ...], Field(max_length=100)] = ()
    repeat: bool = True


class PointsSheet(Row):
    """The point rules."""

    check_in: CheckInSheet


def _points(sheet: PointsSheet) -> PointRules:
    rule = sheet.check_in
    return PointRules(CheckInRule(rule.base, tuple(Bonus(row.days, row.points) for row in rule.bonuses), rule.repeat))


def _bonus_twins(sheet: PointsSheet) -> Iterator[tuple[Path, str]]:
    days = ((("check_in", "bonuses", n, "days"), str(row.days)) for n, row in enumerate(sheet.check_in.bonuses))
    return twins(days, "第 {name} 天的奖励写了两次，请合并成一条")


POINTS: Kind[PointRules] = Kind("points", "points.yaml", "积分规则", False, TypeAdapter(PointsSheet), _points, asdict, _bonus_twins)
