"""The pushes as a table: one a row, with when, where, to whom and what. Versions, cards, pictures and consent are not in it and stay as they are.

The head has to be that of an exported table, so that no column that is left out changes anything unsaid; its columns may stand in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rules.content_file import ContentProblem, Path
from rules.content_pushes import PUSHES
from rules.contents import Wrong, validate
from rules.pushes import Push, is_same_saying
from rules.workdays import SORTS

if TYPE_CHECKING:
    from rules.sheets import Sheet  # its libraries take a second to load, and who shows a change needs none of them

HEADS: Mapping[str, str] = {
    "id": "编号", "title": "标题", "at": "只发一次", "cron": "重复", "days": "哪些天", "community": "社群", "to": "发给", "segment": "群体",
    "text": "内容", "column": "栏目", "marketing": "营销", "quiet": "安静时段", "enabled": "启用",
}  # fmt: skip
"""What the columns are called."""
WIDTHS = (12, 20, 18, 16, 14, 12, 10, 24, 60, 12, 8, 12, 8)
HEAD_ROWS = 10
"""Rows among which the head is looked for."""
_YES_NO = {"是": True, "否": False}
_WORDS: Mapping[str, Mapping[str, Any]] = {
    "days": {word: sort for sort, word in SORTS.items()}, "to": {"群": "groups", "一个一个": "members"}, "marketing": _YES_NO, "enabled": _YES_NO,
    "quiet": {"等到早上": "wait", "不发": "skip", "照发": "ignore"},
}  # fmt: skip
"""What stands in a cell for a value."""


def pushes_of(sheets: Sequence[Sheet]) -> tuple[Push, ...]:
    """The pushes of tables. Raises ContentProblem with every problem of every row."""
    rows, places = list[dict[str, Any]](), list[str]()
    for sheet in sheets:
        head = _find_head(sheet)
        for line, cells in sheet.rows[head[0] + 1 :] if head else ():
            said = {column: cells[at].strip() if at < len(cells) else "" for at, column in head[1].items()} if head else {}
            if any(said.values()):
                rows.append({column: _WORDS.get(column, {}).get(cell, cell) for column, cell in said.items() if cell} | _named(said))
                places.append(f"工作表“{sheet.name}”第 {line} 行" if len(sheets) > 1 else f"第 {line} 行")
    if not rows:
        raise ContentProblem([f"找不到表头，或者下面没有推送。请先导出一份再改，表头要有：{'、'.join(HEADS.values())}"])
    try:
        return validate(PUSHES, rows)
    except Wrong as wrong:
        raise ContentProblem([_told(places, path, say) for path, say in wrong.found]) from None


def merged(present: Iterable[Push], taken_in: Sequence[Push]) -> tuple[Push, ...]:
    """What is in force after a table is taken in: its pushes as it has them, all others as they were. What was agreed to in other words is asked for anew."""
    pushes = {push.id: push for push in present}
    for push in taken_in:
        before = pushes.get(push.id)
        after = replace(before, **{column: getattr(push, column) for column in HEADS}) if before else push
        is_agreed = before is None or not before.approval or is_same_saying(before, after)
        pushes[push.id] = after if is_agreed else replace(after, approval="asked", granted_by=0)
    return tuple(pushes.values())


def rows_of(pushes: Iterable[Push]) -> Iterator[list[str]]:
    """The table of pushes, its head first."""
    yield list(HEADS.values())
    yield from map(_row, pushes)


def changed_cells(before: Push | None, after: Push) -> list[tuple[str, str, str]]:
    """What a push's row would say otherwise: the column as we call it, the cell before and after; of a new push every cell that is not empty."""
    was = _row(before) if before else [""] * len(HEADS)
    return [both for both in zip(HEADS.values(), was, _row(after), strict=True) if both[1] != both[2]]


def _row(push: Push) -> list[str]:
    return [_cell(column, getattr(push, column)) for column in HEADS]


def _cell(column: str, value: Any) -> str:
    words = {value: word for word, value in _WORDS.get(column, {}).items()}
    return str(words.get(value, value))


def _find_head(sheet: Sheet) -> tuple[int, dict[int, str]] | None:
    """Where the head is among the rows, and its columns by their number."""
    column_of = {name: column for column, name in HEADS.items()}
    for at, (_, cells) in enumerate(sheet.rows[:HEAD_ROWS]):
        columns = {number: column for number, cell in enumerate(cells) if (column := column_of.get(cell.strip()))}
        if set(columns.values()) == set(HEADS):
            return at, columns
    return None


def _named(said: Mapping[str, str]) -> dict[str, str]:
    """The id of a row: its own, or one that the same new row has however often it is taken in."""
    told = "|".join(said[column] for column in ("community", "at", "cron", "days", "to", "segment", "text"))
    return {"id": said["id"] or f"t{hashlib.sha256(told.encode()).hexdigest()[:10]}", "community": said["community"]}


def _told(places: Sequence[str], path: Path, say: str) -> str:
    """A problem with its place: the row, and the column as we call it."""
    at = path[0] if path else None
    if not isinstance(at, int):
        return say
    column = str(path[1]) if len(path) > 1 else ""
    if column in _WORDS:
        say = f"只能是 {'、'.join(_WORDS[column])}"
    return f"{places[at]}（{HEADS[column]}）：{say}" if column in HEADS else f"{places[at]}：{say}"
