"""The point rules as a file of content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Kind, Points, Row, has_no_line_break, is_sayable, twins
from rules.points import REASONS, Bonus, CheckInRule, MakeUpRule, PointRules, Reason, ThanksRule, TransferRule

_DEFAULT = PointRules()
"""What holds where the file says nothing."""
_REASON_ID = re.compile(r"[a-z][a-z0-9_]{0,31}")


def _is_reason_id(text: str) -> str:
    if not _REASON_ID.fullmatch(text):
        raise ValueError("只能用小写英文字母、数字和下划线，以字母开头，最多 32 个，例如 thanks")
    return text


ReasonId = Annotated[str, AfterValidator(_is_reason_id)]
Title = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]


class BonusRow(Row):
    """One streak bonus."""

    days: Annotated[int, Field(ge=2, le=3_660)]
    points: Points


class CheckInSheet(Row):
    """What a check-in earns."""

    base: Points = 5
    bonuses: Annotated[tuple[BonusRow, ...], Field(max_length=100)] = ()
    repeat: bool = True


class ReasonRow(Row):
    """What points are given for."""

    id: ReasonId
    title: Title
    points: Points
    per_day: Points = 0


class TransferSheet(Row):
    """What members may hand each other."""

    enabled: bool = _DEFAULT.transfer.enabled
    least: Annotated[int, Field(ge=1, le=100_000)] = _DEFAULT.transfer.least
    most_a_day: Points = _DEFAULT.transfer.most_a_day
    keep: Points = _DEFAULT.transfer.keep


class MakeUpSheet(Row):
    """How missed days are made up."""

    within_days: Annotated[int, Field(ge=0, le=60)] = _DEFAULT.make_up.within_days
    a_month: Annotated[int, Field(ge=0, le=31)] = _DEFAULT.make_up.a_month
    cost_points: Points = _DEFAULT.make_up.cost_points
    card_every: Annotated[int, Field(ge=0, le=3_660)] = _DEFAULT.make_up.card_every
    most_cards: Annotated[int, Field(ge=0, le=1_000)] = _DEFAULT.make_up.most_cards


class ThanksSheet(Row):
    """How often members thank each other."""

    a_day: Annotated[int, Field(ge=0, le=1_000)] = _DEFAULT.thanks.a_day
    a_pair: Annotated[int, Field(ge=0, le=1_000)] = _DEFAULT.thanks.a_pair


class PointsSheet(Row):
    """The point rules."""

    check_in: CheckInSheet = CheckInSheet()
    reasons: Annotated[tuple[ReasonRow, ...], Field(max_length=100)] = ()
    cap_of_day: Points = _DEFAULT.cap_of_day
    expire_after_months: Annotated[int, Field(ge=0, le=120)] = _DEFAULT.expire_after_months
    transfer: TransferSheet = TransferSheet()
    make_up: MakeUpSheet = MakeUpSheet()
    thanks: ThanksSheet = ThanksSheet()
    most_at_once: Annotated[int, Field(ge=1, le=1_000_000)] = _DEFAULT.most_at_once


def _points(sheet: PointsSheet) -> PointRules:
    rule = sheet.check_in
    return PointRules(
        check_in=CheckInRule(rule.base, tuple(Bonus(row.days, row.points) for row in rule.bonuses), rule.repeat),
        reasons={**REASONS, **{row.id: Reason(row.id, row.title, row.points, row.per_day) for row in sheet.reasons}},
        cap_of_day=sheet.cap_of_day,
        expire_after_months=sheet.expire_after_months,
        transfer=TransferRule(**sheet.transfer.model_dump()),
        make_up=MakeUpRule(**sheet.make_up.model_dump()),
        thanks=ThanksRule(**sheet.thanks.model_dump()),
        most_at_once=sheet.most_at_once,
    )


def _sheet(rules: PointRules) -> dict[str, Any]:
    return {**asdict(rules), "reasons": [asdict(reason) for reason in rules.reasons.values()]}


def _twins(sheet: PointsSheet) -> Iterator[tuple[Path, str]]:
    days = ((("check_in", "bonuses", n, "days"), str(row.days)) for n, row in enumerate(sheet.check_in.bonuses))
    yield from twins(days, "第 {name} 天的奖励写了两次，请合并成一条")
    ids = ((("reasons", n, "id"), row.id) for n, row in enumerate(sheet.reasons))
    yield from twins(ids, "理由“{name}”写了两次，请合并成一条")


POINTS: Kind[PointRules] = Kind("points", "points.yaml", "积分规则", False, TypeAdapter(PointsSheet), _points, _sheet, _twins)
