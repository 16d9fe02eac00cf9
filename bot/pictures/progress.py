"""打卡进度: how far somebody has come in a challenge of so many days."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import CORAL, DEEP_CORAL, FAINT, HAIR, INK, MUTED, PALE_CORAL, WHITE

Name = Annotated[str, Meta(max_length=64)]
Days = Annotated[int, Meta(ge=0, le=3_660)]

_EDGE, _HEADER, _MOST_DOTS, _IN_ROW = 48, 760, 100, 7


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``done`` of ``of`` days of a challenge; ``missed`` are days (from 1) without one; ``day`` is today's number, 0 unknown."""

    nickname: Name
    community: Name
    title: Name
    done: Days
    of: Annotated[int, Meta(ge=1, le=3_660)]
    day: Days = 0
    days: Annotated[tuple[Annotated[int, Meta(ge=1, le=3_660)], ...], Meta(max_length=366)] = ()
    sentence: Annotated[str, Meta(max_length=120)] = ""


def paint(studio: Studio, facts: Progress) -> bytes:
    """The progress as a PNG; up to a hundred days are dots, more of them the ring alone."""
    in_row = _IN_ROW if facts.of <= 42 else 10
    rows = -(-facts.of // in_row) if facts.of <= _MOST_DOTS else 0
    step = (WIDTH - 2 * _EDGE - 64) // in_row
    bottom = _HEADER + (rows * step + 64 if rows else 0)
    canvas = Canvas(studio, bottom + 124, "#fbf4f1")
    canvas.panel((0, -60, WIDTH, 420), 60, CORAL)
    canvas.disc(70, 60, 170, DEEP_CORAL)
    canvas.disc(WIDTH - 120, 300, 120, DEEP_CORAL)
    canvas.write(WIDTH // 2, 92, facts.title, Style(64, WHITE, bold=True, align="middle"), WIDTH - 2 * _EDGE)
    canvas.write(WIDTH // 2, 168, canvas.name(facts.nickname), Style(38, PALE_CORAL, align="middle"), WIDTH - 2 * _EDGE)
    _ring(canvas, facts)
    if rows:
        canvas.panel((_EDGE, _HEADER, WIDTH - _EDGE, bottom), 40, WHITE)
        for number in range(1, facts.of + 1):
            row, column = divmod(number - 1, in_row)
            _dot(canvas, _EDGE + 32 + column * step + step // 2, _HEADER + 32 + row * step + step // 2, step * 2 // 5, number, facts)
    said = canvas.write(_EDGE + 16, bottom + 62, facts.sentence, Style(30, MUTED), 680)
    canvas.write(WIDTH - _EDGE - 16, bottom + 62, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 64 - said)
    return canvas.png()


def _ring(canvas: Canvas, facts: Progress) -> None:
    x, y = WIDTH // 2, 460
    canvas.disc(x, y, 246, WHITE)
    canvas.ring(x, y, 214, 30, facts.done / facts.of, colour=CORAL, rest=PALE_CORAL)
    number = str(facts.done)
    canvas.write(x, y - 26, number, Style(150 if len(number) < 3 else 120, INK, bold=True, align="middle"))
    canvas.write(x, y + 78, f"/ {facts.of} 天", Style(44, MUTED, align="middle"))


def _dot(canvas: Canvas, x: int, y: int, radius: int, number: int, facts: Progress) -> None:
    size = radius * 4 // 5
    if number in (facts.days or range(1, facts.done + 1)):
        canvas.disc(x, y, radius, CORAL)
        canvas.write(x, y - 1, str(number), Style(size, WHITE, bold=True, align="middle"))
    elif number == facts.day:
        canvas.disc(x, y, radius, CORAL)
        canvas.disc(x, y, radius - 5, WHITE)
        canvas.write(x, y - 1, str(number), Style(size, CORAL, bold=True, align="middle"))
    else:
        canvas.disc(x, y, radius, HAIR)
        canvas.write(x, y - 1, str(number), Style(size, MUTED if number < facts.day else FAINT, align="middle"))
