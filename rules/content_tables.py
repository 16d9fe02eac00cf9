"""Kinds of content that may also be written as a table: what a CSV or Excel file changes, and the table of what is in force.

Apart from the kinds themselves because the libraries for Excel take a second to load, which no process but a command needs. The FAQ has a way of its
own (``faq_sheets.py``), as its entries are merged one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rules import push_sheets, quiz_sheets, survey_sheets, word_sheets
from rules.content_file import ContentProblem
from rules.contents import Kind, dump, from_items, items_of, to_items
from rules.sheets import Sheet, decode, read_csv, read_excel, write_csv, write_excel

ENDINGS = (".csv", ".xlsx")


@dataclass(frozen=True, slots=True)
class Table:
    """How one kind is a table: ``read`` gives the value of sheets, ``merged`` what is in force with it, ``rows`` the table of a value, head first."""

    read: Callable[[Sequence[Sheet]], Any]
    merged: Callable[[Any, Any], Any]
    rows: Callable[[Any], Iterable[Sequence[str]]]
    widths: Sequence[int]


TABLES: Mapping[str, Table] = {
    "pushes": Table(push_sheets.pushes_of, push_sheets.merged, push_sheets.rows_of, push_sheets.WIDTHS),
    "quizzes": Table(quiz_sheets.questions_of, quiz_sheets.merged, quiz_sheets.rows_of, quiz_sheets.WIDTHS),
    "surveys": Table(survey_sheets.surveys_of, survey_sheets.merged, survey_sheets.rows_of, survey_sheets.WIDTHS),
    "words": Table(word_sheets.words_of, word_sheets.merged, word_sheets.rows_of, word_sheets.WIDTHS),
}
"""The kinds that may be written as a table, by their names."""


def is_table(name: str) -> bool:
    """Whether a file of that name holds a table."""
    return PurePath(name).suffix.lower() in ENDINGS


def text_of_table(kind: Kind[Any], present: Mapping[str, str], name: str, data: bytes) -> str:
    """The file of a kind as it is once the table in the file ``name`` is taken in; ``present`` are the items in force. Raises ContentProblem."""
    table = _table(kind)
    found = table.read([read_csv(data)] if PurePath(name).suffix.lower() == ".csv" else read_excel(data))
    return dump(kind, table.merged(from_items(kind, present), found))


def items_of_file(kind: Kind[Any], name: str, data: bytes) -> dict[str, str]:
    """The items of a kind that a file holds, a table or YAML, and nothing else of what is in force. Raises ContentProblem."""
    if not is_table(name):
        return to_items(kind, decode(data))
    return items_of(kind, _table(kind).read([read_csv(data)] if PurePath(name).suffix.lower() == ".csv" else read_excel(data)))


def table_of(kind: Kind[Any], items: Mapping[str, str], name: str) -> bytes:
    """The table of what is in force, as a file of the kind that ``name`` says. Raises ContentProblem."""
    table, value = _table(kind), from_items(kind, items)
    rows = table.rows(value)
    return write_csv(rows) if PurePath(name).suffix.lower() == ".csv" else write_excel(kind.title, rows, table.widths)


def _table(kind: Kind[Any]) -> Table:
    found = TABLES.get(kind.name)
    if found is None:
        raise ContentProblem([f"{kind.title}不能写成表格，请用 YAML 文件（content export {kind.name} 得到现在的）"])
    return found
