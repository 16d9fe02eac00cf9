"""排行榜: the first ten with bars, and where oneself stands."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import (
    AMBER,
    BAR,
    BLUE,
    DEEP_BLUE,
    INK,
    MEDALS,
    MUTED,
    OWN_ROW,
    PALE_BLUE_GROUND,
    WHITE,
)

Count = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
Name = Annotated[str, Meta(max_length=64)]

_EDGE, _TOP, _ROW = 48, 300, 124


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place on the board; ``own`` is who asked."""

    rank: Count
    name: Name
    points: Count
    own: bool = False


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first places, and the asker's where it is not among them; ``hint`` says what to do next, ``size`` how many are on it."""

    title: Name
    period: Name
    community: Name
    top: Annotated[tuple[Line, ...], Meta(max_length=10)]
    own: Line | None = None
    hint: Name = ""
    size: Count = 0


def paint(studio: Studio, facts: Board) -> bytes:
    """The board as a PNG."""
    rows = max(len(facts.top), 1)
    bottom = _TOP + 32 + rows * _ROW
    own_height = 196 if facts.own else 0
    canvas = Canvas(studio, bottom + own_height + 120, PALE_BLUE_GROUND)
    canvas.panel((0, -60, WIDTH, 400), 60, BLUE)
    canvas.disc(WIDTH - 90, 60, 200, DEEP_BLUE)
    canvas.disc(WIDTH - 360, -40, 100, DEEP_BLUE)
    canvas.write(_EDGE + 16, 104, facts.title, Style(72, WHITE, bold=True), WIDTH - 2 * _EDGE - 32)
    canvas.write(_EDGE + 16, 194, facts.period, Style(36, BAR), WIDTH - 2 * _EDGE - 32)
    canvas.panel((_EDGE, _TOP - 32, WIDTH - _EDGE, bottom), 40, WHITE)
    if not facts.top:
        canvas.write(WIDTH // 2, (_TOP + bottom) // 2 - 16, "还没有人上榜，等你来", Style(40, MUTED, align="middle"))
    most = max((line.points for line in facts.top), default=0)
    for at, line in enumerate(facts.top):
        _line(canvas, _TOP - 8 + at * _ROW, line, most)
    if facts.own:
        canvas.panel((_EDGE, bottom + 24, WIDTH - _EDGE, bottom + 24 + 172), 40, WHITE)
        _line(canvas, bottom + 24 + 24, facts.own, most)
    _foot(canvas, bottom + own_height + 62, facts)
    return canvas.png()


def _line(canvas: Canvas, top: int, line: Line, most: int) -> None:
    left, right, middle = _EDGE + 24, WIDTH - _EDGE - 24, top + _ROW // 2
    if line.own:
        canvas.panel((left - 8, top + 4, right + 8, top + _ROW - 4), 28, OWN_ROW)
    if 1 <= line.rank <= len(MEDALS):
        canvas.disc(left + 56, middle, 34, MEDALS[line.rank - 1])
        canvas.write(left + 56, middle - 1, str(line.rank), Style(36, WHITE, bold=True, align="middle"))
    else:
        rank = f"{line.rank:,}"
        size = 38 if len(rank) <= 3 else 30 if len(rank) <= 5 else 24
        canvas.write(left + 56, middle, rank, Style(size, MUTED, align="middle"), 108)
    start = left + 132
    points = f"{line.points:,}"
    wide = canvas.write(right - 24, middle - 20, points, Style(42, INK, bold=True, align="right"), 330)
    canvas.write(start, middle - 20, canvas.name(line.name), Style(40, INK, bold=line.own), right - 24 - wide - 40 - start)
    room = right - 24 - start
    canvas.panel((start, middle + 22, start + room, middle + 36), 7, PALE_BLUE_GROUND)
    filled = round(room * line.points / most) if most else 0
    if filled:
        colour = AMBER if line.own else BLUE
        canvas.panel((start, middle + 22, start + max(filled, 14), middle + 36), 7, colour)


def _foot(canvas: Canvas, y: int, facts: Board) -> None:
    said = canvas.write(_EDGE + 16, y, facts.hint or f"{facts.size:,} 人上榜", Style(30, MUTED), 600)
    canvas.write(WIDTH - _EDGE - 16, y, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 64 - said)
