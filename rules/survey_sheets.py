"""Questionnaires as tables: a question a row, with columns known by their heads, in any order.

A questionnaire begins where its name stands; the rows below it that name none are its further questions. What is wrong is told for every row, with
the column and a remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from rules.content_file import ContentProblem, Path
from rules.content_surveys import SURVEYS
from rules.contents import Wrong, validate
from rules.sheets import Sheet
from rules.surveys import KINDS, Survey
from rules.text import normalise

HEADS: Mapping[str, tuple[str, ...]] = {
    "id": ("编号", "问卷编号", "id"),
    "title": ("问卷", "问卷名称", "名称", "title"),
    "text": ("开头的话", "说明", "问卷说明", "text"),
    "ask": ("题目", "问题", "题干", "ask"),
    "kind": ("题型", "类型", "题目类型", "kind"),
    "options": ("选项", "options"),
    "most": ("最多选", "最多选几项", "most"),
    "low": ("0 分的意思", "最低分的意思", "low"),
    "high": ("10 分的意思", "最高分的意思", "high"),
    "nps": ("算 NPS", "nps"),
    "optional": ("可跳过", "选答", "optional"),
    "thanks": ("答完的话", "结束语", "thanks"),
}
"""What the columns may be called; the first is what we call them."""
WIDTHS = (14, 20, 30, 40, 8, 40, 8, 14, 14, 8, 8, 30)
HEAD_ROWS = 10
"""Rows among which the head is looked for."""

_OF_SURVEY = ("id", "title", "text", "thanks")
_COLUMN_OF = {re.sub(r"\s", "", name).lower(): column for column, names in HEADS.items() for name in names}
_PARTS = re.compile(r"\s*[\n;；|｜]\s*")
_KIND_OF: Mapping[str, str] = {
    **{title: kind for kind, title in KINDS.items()}, "选择": "choice", "单选题": "choice", "多选题": "multi", "评分": "score", "打分题": "score",
    "量表": "score", "填空": "text", "问答题": "text", "简答": "text",
}  # fmt: skip
_WORDS_FOR: Mapping[str, Mapping[str, str]] = {
    "kind": _KIND_OF,
    "nps": {"是": "true", "否": "false"},
    "optional": {"是": "true", "否": "false"},
}


@dataclass(slots=True)
class _Gathered:
    """A questionnaire as it is put together from its rows, and where each of its questions stands."""

    row: dict[str, Any]
    questions: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


def surveys_of(sheets: Sequence[Sheet]) -> tuple[Survey, ...]:
    """The questionnaires of tables. Raises ContentProblem with every problem of every row."""
    gathered, problems = list[_Gathered](), list[str]()
    heads = [_find_head(sheet) for sheet in sheets]
    if not any(heads):
        raise ContentProblem([f"找不到表头：前 {HEAD_ROWS} 行里要有“问卷”“题目”“题型”三列"])
    for sheet, head in zip(sheets, heads, strict=True):
        if head is not None:
            where = f"工作表“{sheet.name}”" if len(sheets) > 1 else ""
            found = _gather(sheet, *head, where)
            gathered += found[0]
            problems += found[1]
    try:
        value = validate(SURVEYS, [{**one.row, "questions": one.questions} for one in gathered])
    except Wrong as wrong:
        problems += [_told(gathered, path, say) for path, say in wrong.found]
    if problems:
        raise ContentProblem(problems)
    return value


def _gather(sheet: Sheet, at: int, columns: Mapping[int, str], where: str) -> tuple[list[_Gathered], list[str]]:
    """The questionnaires of one sheet, and the rows that belong to none."""
    found, problems = list[_Gathered](), list[str]()
    for line, cells in sheet.rows[at + 1 :]:
        row = _row(cells, columns)
        title = row.get("title", "")
        if title and (not found or normalise(title) != normalise(found[-1].row["title"])):
            id = f"s-{blake2b(normalise(title).encode(errors='replace'), digest_size=6).hexdigest()}"
            found.append(_Gathered({"id": id, **{name: row[name] for name in _OF_SURVEY if name in row}}))
        question = {name: value for name, value in row.items() if name not in _OF_SURVEY}
        if not found:
            problems.append(f"{where}第 {line} 行（问卷）：还没有写是哪一份问卷，请在第一题这一行写上名称")
        elif question:
            found[-1].questions.append(question)
            found[-1].places.append(f"{where}第 {line} 行")
    return found, problems


def merged(present: Iterable[Survey], taken_in: Sequence[Survey]) -> tuple[Survey, ...]:
    """What is in force after a table is taken in: its questionnaires as the table has them, all others as they were. Raises ContentProblem."""
    ids = {one.id for one in taken_in}
    kept = [one for one in present if one.id not in ids]
    titles = {normalise(one.title): one.id for one in kept}
    if clashes := [
        f"名称“{one.title}”是问卷 {titles[normalise(one.title)]} 的，请换一个" for one in taken_in if normalise(one.title) in titles
    ]:
        raise ContentProblem(clashes)
    return (*kept, *taken_in)


def rows_of(surveys: Iterable[Survey]) -> Iterator[list[str]]:
    """The table of questionnaires, its head first."""
    yield [names[0] for names in HEADS.values()]
    for survey in surveys:
        for at, question in enumerate(survey.questions):
            own = {"id": survey.id, "title": survey.title, "text": survey.text, "thanks": survey.thanks} if not at else {}
            asked = {
                "ask": question.ask, "kind": KINDS[question.kind], "options": "\n".join(question.options),
                "most": str(question.most or ""), "low": question.low, "high": question.high, "nps": "是" if question.nps else "",
                "optional": "是" if question.optional else "",
            }  # fmt: skip
            yield [{**own, **asked}.get(column, "") for column in HEADS]


def _find_head(sheet: Sheet) -> tuple[int, dict[int, str]] | None:
    for at, (_, cells) in enumerate(sheet.rows[:HEAD_ROWS]):
        columns = {number: column for number, cell in enumerate(cells) if (column := _column(cell))}
        if {"title", "ask", "kind"} <= set(columns.values()):
            return at, columns
    return None


def _column(head: str) -> str:
    return _COLUMN_OF.get(re.sub(r"[(（\[【].*|[\s*＊:：]", "", head).lower(), "")


def _row(cells: Sequence[str], columns: Mapping[int, str]) -> dict[str, Any]:
    """What a row says, by field; empty cells say nothing."""
    row: dict[str, Any] = {}
    for number, column in columns.items():
        cell = cells[number].strip() if number < len(cells) else ""
        if cell:
            said = _WORDS_FOR.get(column, {}).get(cell, cell)
            row[column] = [part for part in _PARTS.split(said) if part] if column == "options" else said
    return row


def _told(gathered: Sequence[_Gathered], path: Path, say: str) -> str:
    """A problem with its place: the row, and the column as we call it."""
    survey = gathered[path[0]] if path and isinstance(path[0], int) else gathered[0]
    places = survey.places or [f"问卷“{survey.row['title']}”"]
    of_question = path[3:] if len(path) > 2 and path[1] == "questions" else path[1:]
    place = places[path[2]] if len(path) > 2 and isinstance(path[2], int) and path[1] == "questions" else places[0]
    name = HEADS.get(str(of_question[0]), (str(of_question[0]),))[0] if of_question else ""
    return f"{place}（{name}）：{say}" if name else f"{place}：{say}"
