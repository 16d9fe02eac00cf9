"""The FAQ as a table: our own columns, and the sheets that people have – WeCom's 知识库, other bots' exports, lists kept by hand.

Columns are known by their heads, in any order, with or without spaces. Several wordings stand in one cell (a line each, or with ; or ｜
between), in several columns, or in rows of their own. What is wrong is told for every row, with the column and a remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.content_file import ContentProblem, Path
from rules.contents import FAQ, Wrong, validate
from rules.entries import Entry, id_of
from rules.sheets import Sheet
from rules.text import core

HEADS: Mapping[str, tuple[str, ...]] = {
    "id": ("编号", "id", "问答编号", "知识编号", "知识id"),
    "question": ("问题", "标准问", "标准问题", "标准问法", "主问题", "用户问题", "知识标题", "标题", "question"),
    "similar": ("相似问", "相似问题", "相似问法", "相似说法", "扩展问", "扩展问法", "其他问法", "similar"),
    "keywords": ("关键词", "关键字", "触发词", "keywords"),
    "answer": ("答案", "回答", "回复", "回复内容", "回答内容", "答案内容", "标准答案", "机器人回答", "answer"),
    "markdown": ("Markdown", "是否markdown"),
    "image": ("图片", "图片地址", "image"),
    "file": ("文件", "附件", "file"),
    "card.title": ("卡片标题",),
    "card.text": ("卡片文字",),
    "card.url": ("卡片链接",),
    "card.picture": ("卡片图片",),
    "communities": ("社群", "适用社群", "communities"),
    "role": ("角色", "最低角色", "role"),
    "valid_from": ("生效日期", "生效时间", "开始日期", "开始时间", "valid_from"),
    "valid_to": ("失效日期", "失效时间", "结束日期", "结束时间", "截止日期", "到期日期", "过期时间", "valid_to"),
}
"""What our columns may be called; the first is what we call them."""
UNUSED = frozenset(("分类", "类别", "所属分类", "问题分类", "知识分类", "序号", "category"))
"""Columns that such sheets have and the FAQ has no use for."""
ROLES: Mapping[str, str] = {
    "member": "成员", "viewer": "观察员", "moderator": "版主", "operator": "运营", "admin": "管理员", "owner": "所有者",
}  # fmt: skip
WIDTHS = (16, 32, 40, 20, 60, 10, 20, 20, 16, 20, 24, 20, 16, 10, 12, 12)
HEAD_ROWS = 10
"""Rows among which the head is looked for."""
LONGEST_LIST = 30_000
"""Characters of a list in one cell; what is more goes on in a row of its own."""

_LISTS = ("similar", "keywords", "communities")
_COLUMN_OF = {re.sub(r"\s", "", name).lower(): column for column, names in HEADS.items() for name in names}
_PARTS = re.compile(r'\s*(?:"((?:[^"]|"")*)"[^\S\n]*(?=[\n;；|｜]|\Z)|([^\n;；|｜]+))')
_QUOTED = re.compile(r'[\n;；|｜]|^\s*"')
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?)?")
_FOR_EVER = frozenset(("永久", "长期", "永久有效", "长期有效", "-", "无"))
_WORDS_FOR: Mapping[str, Mapping[str, str]] = {
    "markdown": {"是": "true", "否": "false", "yes": "true", "no": "false"},
    "role": {**{title: name for name, title in ROLES.items()}, "所有人": "member"},
    "valid_from": dict.fromkeys(_FOR_EVER, ""),
    "valid_to": dict.fromkeys(_FOR_EVER, ""),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a table gives: the entries, or every problem that it has; and what the reader should know besides."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


# Out ------------------------------------------------------------------------------------------------------------------
def rows_of(entries: Iterable[Entry]) -> Iterator[list[str]]:
    """The table of a FAQ, its head first."""
    yield [names[0] for names in HEADS.values()]
    for entry in entries:
        lists = {name: list(_cells(getattr(entry, name))) for name in _LISTS}
        yield [lists[name][0] if name in lists else _cell(entry, name) for name in HEADS]
        for more in range(1, max(map(len, lists.values()))):
            cells = {name: cells[more] for name, cells in lists.items() if more < len(cells)}
            yield [cells.get(name, _cell(entry, name) if name in ("id", "question") else "") for name in HEADS]


def _cell(entry: Entry, name: str) -> str:
    if name.startswith("card."):
        return str(getattr(entry.card, name[5:])) if entry.card else ""
    if name == "markdown":
        return "是" if entry.markdown else ""
    if name == "role":
        return "" if entry.role == "member" else ROLES.get(entry.role, entry.role)
    return str(getattr(entry, name) or "")


def _cells(parts: Sequence[str]) -> Iterator[str]:
    """A list as one cell, a line each, or as several if it is long."""
    cell = ""
    for part in parts:
        line = '"' + part.replace('"', '""') + '"' if _QUOTED.search(part) else part
        if len(cell) + len(line) > LONGEST_LIST:
            yield cell
            cell = ""
        cell += f"\n{line}" if cell else line
    yield cell


# In -------------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Gathered:
    """An entry as it is put together from one or more rows."""

    place: str
    row: dict[str, Any]
    heads: Mapping[str, str]
    places: dict[Path, str] = field(default_factory=dict)

    def head(self, column: str) -> str:
        """What the sheet calls a column."""
        return (self.heads.get(column) or HEADS.get(column, (column,))[0]).strip()


class _Gatherer:
    """Goes through the rows of all sheets."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = ids
        self._by_question: dict[str, _Gathered] = {}
        self.found: list[_Gathered] = []
        self.problems: list[str] = []

    def take(self, place: str, row: dict[str, Any], heads: Mapping[str, str]) -> None:
        """The next row: an entry, or more wordings of the one before, or of one that has the same question."""
        question = row.get("question", "").strip()
        if not question:
            self._take_more(place, row, self.found[-1] if self.found else None)
            return
        name = f"{row.get('id') or ''}|{core(question) or question}"
        same = self._by_question.get(name)
        if same is None:
            self._by_question[name] = gathered = _Gathered(place, row, heads)
            row["id"] = row.get("id") or self._ids.get(core(question)) or id_of(question)
            self.found.append(gathered)
        else:
            self._take_more(place, row, same)

    def _take_more(self, place: str, row: Mapping[str, Any], same: _Gathered | None) -> None:
        """More of an entry that was there before; what it says besides wordings must be the same."""
        if same is None or not (row.get("question") or any(row.get(name) for name in _LISTS)):
            self.problems.append(f"{place}（问题）：缺少问题，请补上；不要的行请整行删去")
            return
        for name, value in row.items():
            if name in _LISTS:
                self._add(place, same, name, value)
            elif name not in ("id", "question") and value != same.row.get(name):
                self.problems.append(f"{place}（{same.head(name)}）：和{same.place}是同一个问题，内容却不一样，请只保留一个")

    @staticmethod
    def _add(place: str, same: _Gathered, name: str, parts: Sequence[str]) -> None:
        there = same.row.setdefault(name, [])
        for part in parts:
            if part not in there:
                same.places[("", name, len(there))] = place
                there.append(part)


def entries_of(sheets: Sequence[Sheet], ids: Mapping[str, str]) -> Reading:
    """The entries of tables. ``ids`` names those there are, by the core of their question, for rows without an id."""
    gatherer, notes, is_read = _Gatherer(ids), [], False
    for sheet in sheets:
        head = _find_head(sheet)
        if head is None:
            if sheet.rows and len(sheets) > 1:
                notes.append(f"工作表“{sheet.name}”没有“问题”和“答案”两列，没有读")
            continue
        is_read = True
        at, columns, unknown = head
        if unknown:
            notes.append("没有用到的列：" + "、".join(unknown))
        heads = {column: sheet.rows[at][1][number] for number, column in reversed(columns.items())}
        where = f"工作表“{sheet.name}”" if len(sheets) > 1 else ""
        for line, cells in sheet.rows[at + 1 :]:
            if row := _row(cells, columns):
                gatherer.take(f"{where}第 {line} 行", row, heads)
    if not is_read:
        asked = "、".join(HEADS["question"][:4]), "、".join(HEADS["answer"][:4])
        return Reading((), (f"找不到表头：前 {HEAD_ROWS} 行里要有一列问题（{asked[0]}……）和一列答案（{asked[1]}……）",), tuple(notes))
    return _checked(gatherer, notes)


def _checked(gatherer: _Gatherer, notes: Sequence[str]) -> Reading:
    entries: tuple[Entry, ...] = ()
    problems = gatherer.problems
    try:
        entries = validate(FAQ, [gathered.row for gathered in gatherer.found])
    except Wrong as wrong:
        problems = [*problems, *(_told(gatherer.found[int(path[0])], path, say) for path, say in wrong.found)]
    except ContentProblem as problem:
        problems = list(problem.problems)
    return Reading(() if problems else entries, tuple(sorted(problems, key=_line_in)), tuple(notes))


def _told(gathered: _Gathered, path: Path, say: str) -> str:
    """A problem with its place: the row, and the column as the sheet calls it."""
    column = ".".join(str(step) for step in path[1:] if isinstance(step, str))
    place = gathered.places.get(("", *path[1:3]), gathered.place)
    return f"{place}（{gathered.head(column)}）：{say}" if column else f"{place}：{say}"


def _line_in(problem: str) -> int:
    found = re.search(r"第 (\d+) 行", problem)
    return int(found[1]) if found else 0


def _find_head(sheet: Sheet) -> tuple[int, dict[int, str], list[str]] | None:
    """Where the head is among the rows, its columns by their number, and those nobody knows."""
    for at, (_, cells) in enumerate(sheet.rows[:HEAD_ROWS]):
        columns = {number: column for number, cell in enumerate(cells) if (column := _column(cell))}
        if {"question", "answer"} <= set(columns.values()):
            unknown = [cell.strip() for number, cell in enumerate(cells) if cell.strip() and number not in columns]
            return at, columns, unknown
    return None


def _column(head: str) -> str | None:
    """The column of a head: ``相似问法 2（选填）`` is one of the wordings."""
    name = re.sub(r"[(（\[【].*|[\s*＊:：]", "", head).lower()
    return _COLUMN_OF.get(name) or _COLUMN_OF.get(name.rstrip("0123456789一二三四五六七八九十"))


def _row(cells: Sequence[str], columns: Mapping[int, str]) -> dict[str, Any]:
    """What a row says, by field; empty cells say nothing."""
    row: dict[str, Any] = {}
    for number, column in columns.items():
        cell = cells[number].strip() if number < len(cells) else ""
        cell = _WORDS_FOR.get(column, {}).get(cell, cell)
        if not cell:
            continue
        if column in _LISTS:
            row[column] = list(dict.fromkeys([*row.get(column, ()), *_parts(cell)]))
        elif column.startswith("card."):
            row.setdefault("card", {})[column[5:]] = cell
        else:
            row.setdefault(column, _day(cell) if column.startswith("valid_") else cell)
    return row


def _parts(cell: str) -> list[str]:
    """The parts of a list in a cell; one in double quotes may hold what else divides them."""
    found = (quoted.replace('""', '"') if quoted else plain.strip() for quoted, plain in _PARTS.findall(cell))
    return [part for part in found if part]


def _day(cell: str) -> str:
    found = _DAY.fullmatch(cell)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else cell
