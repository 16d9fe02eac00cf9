"""The word list as a table: a word a row, with its category, severity, rule and communities; columns are known by their heads, in any order.

A phrase that is allowed has the category 放行. What is wrong is told for every row, with the column and a remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.content_file import ContentProblem, Path
from rules.content_words import LISTED, WORDS, rule_of
from rules.contents import Wrong, validate
from rules.judgement import TITLES, Category
from rules.sheets import Sheet
from rules.text import normalise
from rules.wordlist import WordList, id_of

HEADS: Mapping[str, tuple[str, ...]] = {
    "words": ("词", "词语", "敏感词", "违禁词", "关键词", "word"),
    "category": ("类别", "分类", "类型", "category"),
    "severity": ("级别", "等级", "严重程度", "severity"),
    "rule": ("群规", "规则", "说明", "rule"),
    "communities": ("社群", "适用社群", "communities"),
}
"""What the columns may be called; the first is what we call them."""
WIDTHS = (24, 12, 8, 32, 20)
HEAD_ROWS = 10
"""Rows among which the head is looked for."""
ALLOW = "放行"
NO_CATEGORY, NO_SEVERITY = "other", "2"
"""What a word is of which the table says nothing."""

_COLUMN_OF = {name: column for column, names in HEADS.items() for name in names}
_CATEGORIES = {TITLES[category]: category for category in LISTED} | {category: category for category in LISTED}
_PARTS = re.compile(r"[\n;；,，、|]+")


def words_of(sheets: Sequence[Sheet]) -> WordList:
    """The word list of tables. Raises ContentProblem with every problem of every row."""
    groups, group_places = list[dict[str, Any]](), list[str]()
    allow, allow_places = list[str](), list[str]()
    is_read = False
    for sheet in sheets:
        found = _find_head(sheet)
        if found is None:
            continue
        is_read, (at, columns) = True, found
        where = f"工作表“{sheet.name}”" if len(sheets) > 1 else ""
        for line, cells in sheet.rows[at + 1 :]:
            said = {column: cells[number].strip() for number, column in columns.items() if number < len(cells) and cells[number].strip()}
            place = f"{where}第 {line} 行"
            if said.get("category") == ALLOW:
                allow.append(said.get("words", ""))
                allow_places.append(place)
            elif said:
                groups.append(_group(said))
                group_places.append(place)
    if not is_read:
        raise ContentProblem([f"找不到表头：前 {HEAD_ROWS} 行里要有“词”这一列；别的列可以有“类别”“级别”“群规”“社群”"])
    if not groups and not allow:
        raise ContentProblem(["表头下面没有词，请一行写一个"])
    try:
        return validate(WORDS, {"groups": groups, "allow": allow})
    except Wrong as wrong:
        raise ContentProblem([_told(group_places, allow_places, path, say) for path, say in wrong.found]) from None


def merged(present: WordList, taken_in: WordList) -> WordList:
    """What is in force after a table is taken in: its words as it has them, all others as they were."""
    words = {id_of(word): word for word in (*present.words, *taken_in.words)}
    listed = {normalise(word.text) for word in taken_in.words}
    allowed = {normalise(phrase): phrase for phrase in (*present.allow, *taken_in.allow)}
    newly = {normalise(phrase) for phrase in taken_in.allow}
    return WordList(
        tuple(word for word in words.values() if normalise(word.text) not in newly),
        tuple(phrase for plain, phrase in allowed.items() if plain not in listed),
    )


def rows_of(value: WordList) -> Iterator[list[str]]:
    """The table of a word list, its head first."""
    yield [names[0] for names in HEADS.values()]
    for word in value.words:
        yield [word.text, TITLES[word.category], str(word.severity), word.rule, "；".join(word.communities)]
    for phrase in value.allow:
        yield [phrase, ALLOW, "", "", ""]


def _find_head(sheet: Sheet) -> tuple[int, dict[int, str]] | None:
    """Where the head is among the rows, and its columns by their number."""
    for at, (_, cells) in enumerate(sheet.rows[:HEAD_ROWS]):
        columns = {number: column for number, cell in enumerate(cells) if (column := _COLUMN_OF.get(cell.strip().lower()))}
        if "words" in columns.values():
            return at, columns
    return None


def _group(said: Mapping[str, str]) -> dict[str, Any]:
    """A row as the group of one word that it is."""
    given = said.get("category", NO_CATEGORY)
    category: Category | str = _CATEGORIES.get(given, given)
    communities = [part.strip() for part in _PARTS.split(said.get("communities", "")) if part.strip()]
    rule = said.get("rule") or (rule_of(_CATEGORIES[given]) if given in _CATEGORIES else "-")
    severity = said.get("severity", NO_SEVERITY).removesuffix("级").strip()
    return {"category": category, "severity": severity, "rule": rule, "communities": communities, "words": [said.get("words", "")]}


def _told(groups: Sequence[str], allow: Sequence[str], path: Path, say: str) -> str:
    """A problem with its place: the row, and the column as we call it."""
    rows, at = (allow if path[:1] == ("allow",) else groups), path[1] if len(path) > 1 else None
    if not isinstance(at, int):
        return say
    column = "words" if rows is allow else str(path[2]) if len(path) > 2 else ""
    if column == "category":
        say = f"只能是 {'、'.join(TITLES[category] for category in LISTED)}、{ALLOW}"
    return f"{rows[at]}（{HEADS[column][0]}）：{say}" if column in HEADS else f"{rows[at]}：{say}"
