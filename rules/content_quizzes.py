"""The question banks as a file of content: a question a row, each naming its bank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from rules.content_file import Path
from rules.content_kind import Kind, Row, has_no_line_break, is_sayable, twin_ids, twins
from rules.quiz import LETTERS, MOST_OPTIONS, Question
from rules.text import normalise

MOST_QUESTIONS = 5_000
Words = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]


class QuestionRow(Row):
    """One question."""

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,31}$")]
    bank: Annotated[str, Field(min_length=1, max_length=20), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
    question: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(is_sayable)]
    options: Annotated[tuple[Words, ...], Field(min_length=2, max_length=MOST_OPTIONS)]
    answer: Annotated[str, Field(min_length=1, max_length=60)]
    explanation: Annotated[str, Field(max_length=300)] = ""

    @model_validator(mode="after")
    def _has_one_answer(self) -> QuestionRow:
        plain = [normalise(option) for option in self.options]
        if len(set(plain)) < len(plain):
            raise ValueError("有两个选项写得一样，请改掉一个")
        if any(len(text) == 1 and text in LETTERS.lower() for text in plain):
            raise ValueError("选项不能只是一个字母，会和选项的编号混在一起")
        if _right(self.answer, self.options) is None:
            raise ValueError(f"answer 写选项的字母（A 到 {LETTERS[len(self.options) - 1]}）或者选项原文，这里写的是“{self.answer[:20]}”")
        return self


def _right(answer: str, options: tuple[str, ...]) -> int | None:
    """The number of the option that is named by its words or its letter."""
    wanted, plain = normalise(answer).rstrip(".、。"), [normalise(option) for option in options]
    if wanted in plain:
        return plain.index(wanted)
    letters = LETTERS[: len(options)].lower()
    return letters.index(wanted) if len(wanted) == 1 and wanted in letters else None


def _questions(rows: Iterable[QuestionRow]) -> tuple[Question, ...]:
    return tuple(
        Question(row.id, row.bank, row.question, row.options, _right(row.answer, row.options) or 0, row.explanation) for row in rows
    )


def _rows(questions: Iterable[Question]) -> list[dict[str, Any]]:
    return [_plain(one) for one in questions]


def _plain(one: Question) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": one.id,
        "bank": one.bank,
        "question": one.question,
        "options": list(one.options),
        "answer": LETTERS[one.answer],
    }
    return row | ({"explanation": one.explanation} if one.explanation else {})


def _check(rows: tuple[QuestionRow, ...]) -> Iterator[tuple[Path, str]]:
    yield from twin_ids(rows)
    asked = (((n, "question"), f"{row.bank}”里的“{row.question}") for n, row in enumerate(rows))
    yield from twins(asked, "题库“{name}”已经有了，请删去一道")


QUIZZES: Kind[tuple[Question, ...]] = Kind(
    "quizzes",
    "quizzes.yaml",
    "题库",
    True,
    TypeAdapter(Annotated[tuple[QuestionRow, ...], Field(max_length=MOST_QUESTIONS)]),
    _questions,
    _rows,
    _check,
)
