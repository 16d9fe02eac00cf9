"""The levels as a file of content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Kind, Phrase, Row, has_no_line_break, is_sayable, twins
from rules.levels import BASE, TOPICS, Level, Levels

_PLAIN = re.compile(r"[^\s:,|@^#{}]+")


def is_plain(text: str) -> str:
    """The text, if it can stand in a list of ids."""
    if not _PLAIN.fullmatch(text):
        raise ValueError("不能含空格或 : , | @ ^ # { }，请换一个，例如 gold")
    return text


PlainId = Annotated[str, Field(min_length=1, max_length=32), AfterValidator(is_plain)]
Name = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]


class LevelRow(Row):
    """One level."""

    id: PlainId
    name: Name
    at: Annotated[int, Field(ge=0, le=1_000_000_000)]
    title: Annotated[str, Field(max_length=20), AfterValidator(has_no_line_break)] = ""
    makeup_cards: Annotated[int, Field(ge=0, le=31)] = 0
    transfer: bool = True
    topics: bool = False
    rights: Annotated[tuple[Phrase, ...], Field(max_length=10)] = ()


def _levels(rows: tuple[LevelRow, ...]) -> Levels:
    return Levels(tuple(map(_level, rows)) or (BASE,))


def _level(row: LevelRow) -> Level:
    """The level of a row. Before there was ``topics``, the right stood among the others in words: they mean it still."""
    rights = tuple(right for right in row.rights if right != TOPICS)
    return Level(**{**dict(row), "topics": row.topics or TOPICS in row.rights, "rights": rights})


def _rows(levels: Levels) -> list[dict[str, Any]]:
    return [
        {
            "id": level.id, "name": level.name, "at": level.at, "title": level.title, "makeup_cards": level.makeup_cards,
            "transfer": level.transfer, "topics": level.topics, "rights": list(level.rights),
        }
        for level in levels.steps
    ]  # fmt: skip


def _check(rows: tuple[LevelRow, ...]) -> Iterator[tuple[Path, str]]:
    yield from twins((((n, "id"), row.id) for n, row in enumerate(rows)), "id“{name}”已经用过了，请换一个")
    yield from twins((((n, "name"), row.name) for n, row in enumerate(rows)), "名字“{name}”已经用过了，请换一个")
    if rows and rows[0].at:
        yield (0, "at"), "第一级要从 0 分开始，请写 at: 0"
    for n in range(1, len(rows)):
        if rows[n].at <= rows[n - 1].at:
            yield (n, "at"), "要比上一级高，请按分数从低到高写"


LEVELS: Kind[Levels] = Kind("levels", "levels.yaml", "等级", True, TypeAdapter(tuple[LevelRow, ...]), _levels, _rows, _check)
