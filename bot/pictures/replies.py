"""话题: the best replies to a topic, the first of them in full."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import CORAL, DEEP_CORAL, HAIR, INK, MEDALS, MUTED, PALE_CORAL, WHITE
from bot.pictures.paragraph import paragraph

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(max_length=64)]

_EDGE, _TOP, _LINE = 48, 330, 58
_ROOM = WIDTH - 2 * _EDGE - 176
_STYLE = Style(38, INK)
_LINES_OF_FIRST, _LINES = 6, 3


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reply; ``place`` is its rank by likes."""

    place: Count
    author: Name
    text: Annotated[str, Meta(max_length=160)]
    likes: Count


class Replies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The best replies, best first; ``people`` and ``total`` are how many replied, and how often."""

    title: Name
    community: Name
    best: Annotated[tuple[Said, ...], Meta(max_length=5)]
    people: Count = 0
    total: Count = 0
    is_over: bool = True


def paint(studio: Studio, facts: Replies) -> bytes:
    """The board as a PNG."""
    broken = [
        paragraph(studio, one.text, _STYLE, _ROOM, _LINES if at else _LINES_OF_FIRST) or ["（表情或图片）"]
        for at, one in enumerate(facts.best)
    ]
    heights = [len(lines) * _LINE + 130 for lines in broken]
    bottom = _TOP + sum(heights) + (24 if broken else 220)
    canvas = Canvas(studio, bottom + 110, PALE_CORAL)
    canvas.panel((0, -60, WIDTH, 420), 60, CORAL)
    canvas.disc(WIDTH - 80, 70, 190, DEEP_CORAL)
    for at, line in enumerate(paragraph(studio, facts.title, Style(60, WHITE, bold=True), WIDTH - 2 * _EDGE - 32, 2)):
        canvas.write(_EDGE + 16, (96 if len(facts.title) < 16 else 70) + at * 76, line, Style(60, WHITE, bold=True))
    said = f"{'话题结果' if facts.is_over else '话题进行中'} · {facts.people:,} 人说了 {facts.total:,} 条"
    canvas.write(_EDGE + 16, 230, said, Style(34, WHITE), WIDTH - 2 * _EDGE - 32)
    canvas.panel((_EDGE, _TOP - 40, WIDTH - _EDGE, bottom), 40, WHITE)
    if not broken:
        canvas.write(WIDTH // 2, _TOP + 70, "还没有人说", Style(40, MUTED, align="middle"))
    y = _TOP
    for at, (one, lines, tall) in enumerate(zip(facts.best, broken, heights, strict=True)):
        if at:
            canvas.panel((_EDGE + 40, y - 8, WIDTH - _EDGE - 40, y - 6), 1, HAIR)
        _reply(canvas, y, one, lines)
        y += tall
    canvas.write(_EDGE + 16, bottom + 56, facts.community, Style(30, MUTED), WIDTH - 2 * _EDGE)
    return canvas.png()


def _reply(canvas: Canvas, top: int, one: Said, lines: list[str]) -> None:
    left = _EDGE + 40
    is_first = 1 <= one.place <= len(MEDALS)
    if is_first:
        canvas.disc(left + 36, top + 44, 34, MEDALS[one.place - 1])
    canvas.write(left + 36, top + 43, str(one.place), Style(34, WHITE if is_first else MUTED, bold=is_first, align="middle"), 68)
    likes = canvas.write(WIDTH - _EDGE - 40, top + 44, f"{one.likes:,} 赞", Style(34, CORAL, bold=True, align="right"), 260)
    canvas.write(left + 96, top + 44, canvas.name(one.author), Style(34, MUTED), WIDTH - 2 * _EDGE - 40 - 136 - likes - 30)
    for at, line in enumerate(lines):
        canvas.write(left + 96, top + 108 + at * _LINE, line, _STYLE)
