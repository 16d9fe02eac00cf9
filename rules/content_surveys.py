"""The questionnaires as a file of content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from rules.choices import mixed_up
from rules.content_file import Path
from rules.content_kind import Kind, Row, has_no_line_break, is_sayable, twin_ids, twins
from rules.surveys import Question, QuestionKind, Survey
from rules.text import normalise

MOST_SURVEYS, MOST_QUESTIONS, MOST_OPTIONS = 50, 20, 20

SurveyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Title = Annotated[str, Field(min_length=1, max_length=30), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
Ask = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
OptionText = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
End = Annotated[str, Field(max_length=20), AfterValidator(has_no_line_break)]
Words = Annotated[str, Field(max_length=500)]


class QuestionRow(Row):
    """One question."""

    ask: Ask
    kind: QuestionKind
    options: Annotated[tuple[OptionText, ...], Field(max_length=MOST_OPTIONS)] = ()
    most: Annotated[int, Field(ge=0, le=MOST_OPTIONS)] = 0
    low: End = ""
    high: End = ""
    nps: bool = False
    optional: bool = False

    @model_validator(mode="after")
    def _fits(self) -> QuestionRow:
        has_options = self.kind in ("choice", "multi")
        if has_options and len(self.options) < 2:
            raise ValueError("选择题至少要有两个选项，例如 options: [满意, 一般, 不满意]")
        if not has_options and self.options:
            raise ValueError("只有 choice 和 multi 有选项，请删去 options，或者改 kind")
        if self.most and (self.kind != "multi" or self.most > len(self.options)):
            raise ValueError("most 是多选题最多选几项，不能多于选项数；别的题请删去")
        if (self.low or self.high or self.nps) and self.kind != "score":
            raise ValueError("low、high 和 nps 只有打分题（kind: score）才有，别的题请删去")
        if len({normalise(option) for option in self.options}) < len(self.options):
            raise ValueError("有两个选项是一样的，请改掉一个")
        if mixed := mixed_up(self.options):
            raise ValueError(f"选项“{mixed}”会和选项的编号混在一起，请写得长一点，例如：{mixed} 次")
        return self


class SurveyRow(Row):
    """One questionnaire."""

    id: SurveyId
    title: Title
    text: Words = ""
    questions: Annotated[tuple[QuestionRow, ...], Field(min_length=1, max_length=MOST_QUESTIONS)]
    thanks: Words = ""


def _surveys(rows: Iterable[SurveyRow]) -> tuple[Survey, ...]:
    return tuple(Survey(row.id, row.title, tuple(Question(**dict(one)) for one in row.questions), row.text, row.thanks) for row in rows)


def _rows(surveys: Iterable[Survey]) -> list[dict[str, Any]]:
    return [_row(survey) for survey in surveys]


def _row(survey: Survey) -> dict[str, Any]:
    told = {"id": survey.id, "title": survey.title, "text": survey.text, "questions": [_question(one) for one in survey.questions]}
    return {name: value for name, value in {**told, "thanks": survey.thanks}.items() if value}


def _question(question: Question) -> dict[str, Any]:
    return {name: value for name, value in asdict(question).items() if value}


def _check(rows: tuple[SurveyRow, ...]) -> Iterator[tuple[Path, str]]:
    yield from twin_ids(rows)
    yield from twins((((n, "title"), normalise(row.title)) for n, row in enumerate(rows)), "名称“{name}”已经用过了，请换一个")


SURVEYS: Kind[tuple[Survey, ...]] = Kind(
    "surveys",
    "surveys.yaml",
    "问卷",
    True,
    TypeAdapter(Annotated[tuple[SurveyRow, ...], Field(max_length=MOST_SURVEYS)]),
    _surveys,
    _rows,
    _check,
)
