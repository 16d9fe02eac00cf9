"""The ladder as a section of the operators' file on moderation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from rules.content_file import Path
from rules.content_kind import Row, is_sayable, twins, variables_in
from rules.ladder import WORDS, Ladder, LadderStep

_DEFAULT = Ladder()


def _knows_its_words(text: str) -> str:
    unknown = sorted(variables_in(text) - set(WORDS))
    if unknown:
        raise ValueError(f"没有 {{{unknown[0]}}} 这个变量，可以用的是 {{{'}、{'.join(WORDS)}}}")
    if "rule" not in variables_in(text):
        raise ValueError("要写上 {rule}：每条提醒都要说清楚是哪条规则，例如：提醒：你的一条消息触发了规则：{rule}")
    return text


def _names_nobody(text: str) -> str:
    if unknown := sorted(variables_in(text) - {"rule", "community"}):
        raise ValueError(f"公开的提醒不点名，也不说案件，不能用 {{{unknown[0]}}}，可以用的是 {{rule}}、{{community}}")
    return text


Words = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(is_sayable), AfterValidator(_knows_its_words)]
Public = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(is_sayable), AfterValidator(_names_nobody)]
Few = Annotated[int, Field(ge=1, le=100)]


class LadderStepRow(Row):
    """One step of the ladder."""

    strikes: Few
    words: Words
    group: bool = False
    admins: bool = False


class LadderSheet(Row):
    """The section ``ladder``; what it leaves out is as shipped."""

    lapse_days: Annotated[int, Field(ge=0, le=3_650)] = _DEFAULT.lapse_days
    cool_down_minutes: Annotated[int, Field(ge=0, le=10_080)] = _DEFAULT.cool_down_minutes
    spare_newcomers: bool = _DEFAULT.spare_newcomers
    reports_a_day: Few = _DEFAULT.reports_a_day
    reports_of_one_a_day: Few = _DEFAULT.reports_of_one_a_day
    appeals_a_week: Few = _DEFAULT.appeals_a_week
    hint: Words = _DEFAULT.hint
    public: Public = _DEFAULT.public
    steps: Annotated[tuple[LadderStepRow, ...], Field(min_length=1, max_length=10)] = tuple(
        LadderStepRow(**asdict(step)) for step in _DEFAULT.steps
    )


def ladder_of(sheet: LadderSheet) -> Ladder:
    """The ladder that a section says."""
    return Ladder(**{**dict(sheet), "steps": tuple(LadderStep(**dict(row)) for row in sheet.steps)})


def ladder_sheet(ladder: Ladder) -> dict[str, Any]:
    """The section that says a ladder."""
    return {**asdict(ladder), "steps": [asdict(step) for step in ladder.steps]}


def check_ladder(sheet: LadderSheet) -> Iterator[tuple[Path, str]]:
    """What is wrong with a section as a whole; places are within it."""
    yield from twins(((("steps", n, "strikes"), str(row.strikes)) for n, row in enumerate(sheet.steps)), "第 {name} 次写了两遍，请合并")
    if sheet.steps[0].strikes != 1:
        yield ("steps", 0, "strikes"), "第一级要从 1 次开始，请写 strikes: 1"
    for n in range(1, len(sheet.steps)):
        if sheet.steps[n].strikes < sheet.steps[n - 1].strikes:
            yield ("steps", n, "strikes"), "要比上一级多，请从少到多写"
