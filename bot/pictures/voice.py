"""树洞: words without a name, on a card of the night."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import GOLD, NIGHT, NIGHT_HIGH, NIGHT_HIGHER, PALE_BLUE, WHITE
from bot.pictures.paragraph import paragraph

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]

_EDGE, _LINE, _MOST_LINES = 96, 72, 14
_STYLE = Style(44, WHITE)


class Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of the tree hole under their number; ``parent`` is the number of what they answer, 0 none."""

    number: Count
    text: Annotated[str, Meta(max_length=300)]
    community: Annotated[str, Meta(max_length=64)] = ""
    parent: Count = 0


def paint(studio: Studio, facts: Voice) -> bytes:
    """The card as a PNG."""
    lines = paragraph(studio, facts.text, _STYLE, WIDTH - 2 * _EDGE - 64, _MOST_LINES) or ["……"]
    top, tall = 300, max(3, len(lines)) * _LINE + 128
    height = top + tall + 190
    canvas = Canvas(studio, height, NIGHT)
    canvas.disc(WIDTH - 40, 40, 300, NIGHT_HIGH)
    canvas.disc(WIDTH - 170, 150, 74, GOLD)
    canvas.disc(WIDTH - 140, 130, 64, NIGHT_HIGH)
    for x, y, radius in ((120, 60, 4), (420, 48, 3), (640, 110, 5), (620, 250, 3), (70, height - 70, 4), (WIDTH - 60, height - 150, 5)):
        canvas.disc(x, y, radius, GOLD)
    canvas.write(_EDGE, 136, "树洞", Style(76, WHITE, bold=True))
    answers = f"{facts.number} 号 · 回应 {facts.parent} 号" if facts.parent else f"{facts.number} 号 · 匿名"
    canvas.write(_EDGE, 226, answers, Style(36, PALE_BLUE), 700)
    canvas.panel((_EDGE - 32, top, WIDTH - _EDGE + 32, top + tall), 48, NIGHT_HIGHER)
    first = top + tall // 2 - (len(lines) - 1) * _LINE // 2
    for at, line in enumerate(lines):
        canvas.write(_EDGE, first + at * _LINE, line, _STYLE)
    canvas.write(_EDGE, height - 96, "想回应，请私聊机器人", Style(32, PALE_BLUE), 480)
    canvas.write(WIDTH - _EDGE, height - 96, facts.community, Style(32, PALE_BLUE, align="right"), 400)
    return canvas.png()
