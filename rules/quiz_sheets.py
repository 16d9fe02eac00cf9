"""Question banks as tables: the sheets that people have, with columns known by their heads, in any order.

A question a row: its bank (or the sheet's own name), the question, its options in columns of their own or in one cell, and the right one. What is
wrong is told for every row, with the column and a remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from rules.content_file import ContentProblem, Path
from rules.content_quizzes import QUIZZES
from rules.contents import Wrong, validate
from rules.quiz import LETTERS, Question
from rules.sheets import Sheet
from rules.text import core

HEADS: Mapping[str, tuple[str, ...]] = {
    "bank": ("题库", "题库名称", "分类", "类别", "bank"),
    "question": ("题目", "问题", "题干", "试题", "题目内容", "question"),
    "options": ("选项", "全部选项", "options"),
    "answer": ("答案", "正确答案", "正确选项", "标准答案", "answer"),
    "explanation": ("解析", "答案解析", "说明", "explanation"),
    "id": ("编号", "id"),
}
"""What the columns may be called; the first is what we call them. Besides them 选项A, 选项B … or just A, B … hold one option each."""
OPTION_HEADS = tuple(f"选项{letter}" for letter in LETTERS)
WIDTHS = (14, 40, *[16] * len(LETTERS), 10, 40, 16)
HEAD_ROWS = 10
"""Rows among which the head is looked for."""
NO_BANK = "默认题库"
"""The bank of questions whose sheet names none: what a CSV has without such a column, or Excel's 工作表1."""

_COLUMN_OF = {name.lower(): column for column, names in HEADS.items() for name in names}
_OPTION = re.compile(r"(?:选项|option)?([a-h]|[1-8])", re.IGNORECASE)
_PARTS = re.compile(r"\s*[\n;；|｜]\s*")
_LETTERED = re.compile(r"[A-Ha-h][.、．:：)）]\s*")
_UNNAMED = re.compile(r"(?:sheet|工作表)?\s*\d*", re.IGNORECASE)


def questions_of(sheets: Sequence[Sheet]) -> tuple[Question, ...]:
    """The questions of tables. Raises ContentProblem with every problem of every row."""
    rows, places = list[dict[str, Any]](), list[tuple[str, Mapping[str, str]]]()
    is_read = False
    for sheet in sheets:
        found = _find_head(sheet)
        if found is None:
            continue
        is_read, (at, columns) = True, found
        where = f"工作表“{sheet.name}”" if len(sheets) > 1 else ""
        heads = {column: sheet.rows[at][1][number].strip() for number, column in reversed(columns.items())}
        for line, cells in sheet.rows[at + 1 :]:
            if row := _row(cells, columns):
                rows.append({"bank": _bank_of(sheet), **row})
                places.append((f"{where}第 {line} 行", heads))
    if not is_read:
        raise ContentProblem([f"找不到表头：前 {HEAD_ROWS} 行里要有“题目”“答案”两列，选项写在“选项A”“选项B”……各一列，或者写在一列“选项”里"])
    if not rows:
        raise ContentProblem(["表头下面没有题目，请一行写一道"])
    for row in rows:
        row.setdefault("id", _id_of(row))
    try:
        return validate(QUIZZES, rows)
    except Wrong as wrong:
        raise ContentProblem([_told(places, path, say) for path, say in wrong.found]) from None


def merged(present: Iterable[Question], taken_in: Sequence[Question]) -> tuple[Question, ...]:
    """What is in force after a table is taken in: its banks as the table has them, all others as they were.

    Raises ContentProblem where a question of another bank has the same id.
    """
    banks = {one.bank for one in taken_in}
    kept = [one for one in present if one.bank not in banks]
    elsewhere = {one.id: one.bank for one in kept}
    if clashes := [f"编号“{one.id}”在题库“{elsewhere[one.id]}”里已经用过了，请换一个" for one in taken_in if one.id in elsewhere]:
        raise ContentProblem(clashes)
    return (*kept, *taken_in)


def rows_of(questions: Iterable[Question]) -> Iterator[list[str]]:
    """The table of question banks, its head first."""
    yield [HEADS["bank"][0], HEADS["question"][0], *OPTION_HEADS, HEADS["answer"][0], HEADS["explanation"][0], HEADS["id"][0]]
    for one in questions:
        blank = [""] * (len(LETTERS) - len(one.options))
        yield [one.bank, one.question, *one.options, *blank, LETTERS[one.answer], one.explanation, one.id]


def _find_head(sheet: Sheet) -> tuple[int, dict[int, str]] | None:
    """Where the head is among the rows, and its columns by their number; options are ``0`` … ``7``."""
    for at, (_, cells) in enumerate(sheet.rows[:HEAD_ROWS]):
        columns = {number: column for number, cell in enumerate(cells) if (column := _column(cell))}
        if {"question", "answer"} <= set(columns.values()) and any(name == "options" or name.isdecimal() for name in columns.values()):
            return at, columns
    return None


def _column(head: str) -> str:
    name = re.sub(r"[(（\[【].*|[\s*＊:：]", "", head).lower()
    if option := _OPTION.fullmatch(name):
        return str(int(option[1]) - 1 if option[1].isdecimal() else LETTERS.lower().index(option[1]))
    return _COLUMN_OF.get(name, "")


def _row(cells: Sequence[str], columns: Mapping[int, str]) -> dict[str, Any]:
    """What a row says, by field; empty cells say nothing, but a gap between options stays one: the letters behind it count from it."""
    said = {column: cells[number].strip() for number, column in columns.items() if number < len(cells) and cells[number].strip()}
    options = {at: said.pop(str(at)) for at in range(len(LETTERS)) if str(at) in said}
    listed = [_LETTERED.sub("", part, count=1) for part in _PARTS.split(said.pop("options", "")) if part]
    listed += [options.get(at, "") for at in range(max(options, default=-1) + 1)]
    return {**said, **({"options": listed} if listed else {})}


def _bank_of(sheet: Sheet) -> str:
    return NO_BANK if _UNNAMED.fullmatch(sheet.name) else sheet.name


def _id_of(row: Mapping[str, Any]) -> str:
    """An id for a question without one: the same for the same question of the same bank."""
    asked = row.get("question", "")
    return "q-" + blake2b(f"{row['bank']}|{core(asked) or asked}".encode(errors="replace"), digest_size=6).hexdigest()


def _told(places: Sequence[tuple[str, Mapping[str, str]]], path: Path, say: str) -> str:
    """A problem with its place: the row, and the column as the sheet calls it."""
    at = path[0] if path and isinstance(path[0], int) else 0
    place, heads = places[at]
    column = path[1] if len(path) > 1 and isinstance(path[1], str) else ""
    name = heads.get(column) or HEADS.get(column, (column,))[0]
    if column == "options" and len(path) > 2 and isinstance(path[2], int):
        name = heads.get(str(path[2]), f"{name}{LETTERS[path[2]]}")
    return f"{place}（{name}）：{say}" if name else f"{place}：{say}"
