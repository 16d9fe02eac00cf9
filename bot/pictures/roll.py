"""接龙: who signed up, in order, with what he wrote."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import AMBER, DEEP_GREEN, GREEN, GROUND, HAIR, INK, MUTED, PALE_GREEN, WHITE

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Words = Annotated[str, Meta(max_length=64)]

MOST_SHOWN = 20
_EDGE, _HEAD, _ROW = 48, 330, 96


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One who signed up. In the facts it is a list, for twenty of them have to fit into a name."""

    number: Count
    name: Words
    words: Words


class Roll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last rows of a list; ``size`` are in all, of at most ``most`` (0: any number)."""

    title: Words
    community: Words
    rows: Annotated[tuple[Row, ...], Meta(max_length=MOST_SHOWN)]
    size: Count
    most: Count = 0


def paint(studio: Studio, facts: Roll) -> bytes:
    """The list as a PNG."""
    is_cut = facts.size > len(facts.rows) > 0
    bottom = _HEAD + 48 + max(len(facts.rows), 2) * _ROW + 60 * is_cut
    canvas = Canvas(studio, bottom + 120, GROUND)
    canvas.panel((0, -60, WIDTH, _HEAD + 70), 60, GREEN)
    canvas.disc(WIDTH - 70, 50, 180, DEEP_GREEN)
    canvas.disc(WIDTH - 300, -30, 90, DEEP_GREEN)
    heading = Style(60, WHITE, bold=True)
    for at, line in enumerate(titles := canvas.wrap(facts.title, heading, WIDTH - 2 * _EDGE - 32)):
        canvas.write(_EDGE + 16, 96 + at * 78, line, heading, WIDTH - 2 * _EDGE - 32)
    size = f"接龙 · {facts.size:,} 人" + (f"（上限 {facts.most:,}）" if facts.most else "")
    canvas.write(_EDGE + 16, 104 + len(titles) * 78, size, Style(34, PALE_GREEN), WIDTH - 2 * _EDGE - 32)
    canvas.panel((_EDGE, _HEAD, WIDTH - _EDGE, bottom), 40, WHITE)
    if not facts.rows:
        canvas.write(WIDTH // 2, (_HEAD + bottom) // 2, "还没有人接龙，等你第一个", Style(40, MUTED, align="middle"))
    top = _HEAD + 24
    if is_cut:
        canvas.write(_EDGE + 40, top + 32, f"前面还有 {facts.size - len(facts.rows):,} 人……", Style(32, MUTED))
        top += 60
    for row in facts.rows:
        _row(canvas, top, row)
        top += _ROW
    canvas.write(WIDTH - _EDGE - 16, bottom + 60, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 64)
    return canvas.png()


def _row(canvas: Canvas, top: int, row: Row) -> None:
    left, right, middle = _EDGE + 40, WIDTH - _EDGE - 40, top + _ROW // 2
    number = f"{row.number:,}"
    canvas.disc(left + 32, middle, 30, AMBER if row.number <= 3 else HAIR)
    style = Style(32 if len(number) < 3 else 26 if len(number) < 4 else 20, WHITE if row.number <= 3 else MUTED, bold=True, align="middle")
    canvas.write(left + 32, middle - 1, number, style, 60)
    start = left + 84
    wide = canvas.write(start, middle, canvas.name(row.name), Style(38, INK, bold=True), 330)
    canvas.write(start + wide + 28, middle, row.words, Style(36, MUTED), right - start - wide - 28)
