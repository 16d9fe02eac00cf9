"""精华: a work that was singled out, on a poster that its author likes to show around."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import AMBER, INK, MUTED, PALE_AMBER, WHITE
from bot.pictures.paragraph import paragraph

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(max_length=64)]

_EDGE, _LINE, _MOST_LINES = 96, 76, 14
_STYLE = Style(46, INK, face="serif")


class Gem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A featured work; ``title`` is what it was handed in for."""

    author: Name
    text: Annotated[str, Meta(max_length=300)]
    title: Name = ""
    community: Name = ""
    date: Name = ""
    likes: Count = 0


def paint(studio: Studio, facts: Gem) -> bytes:
    """The poster as a PNG."""
    lines = paragraph(studio, facts.text, _STYLE, WIDTH - 2 * _EDGE, _MOST_LINES) or ["（图片作品）"]
    top, tall = 330, max(3, len(lines)) * _LINE + 300
    height = top + tall + 150
    canvas = Canvas(studio, height, PALE_AMBER)
    canvas.panel((0, -60, WIDTH, 420), 60, AMBER)
    canvas.write(_EDGE, 120, "精华", Style(84, WHITE, bold=True))
    canvas.write(_EDGE, 220, facts.title, Style(38, WHITE), WIDTH - 2 * _EDGE)
    canvas.write(WIDTH - _EDGE, 116, facts.date, Style(32, WHITE, align="right"), 420)
    canvas.panel((_EDGE - 48, top - 40, WIDTH - _EDGE + 48, top + tall), 48, WHITE)
    canvas.write(_EDGE, top + 60, "“", Style(120, AMBER, bold=True, face="serif"))
    for at, line in enumerate(lines):
        canvas.write(_EDGE, top + 130 + at * _LINE, line, _STYLE)
    foot = top + tall - 70
    likes = canvas.write(WIDTH - _EDGE, foot, f"{facts.likes:,} 个赞" if facts.likes else "", Style(34, MUTED, align="right"), 300)
    canvas.write(_EDGE, foot, canvas.name(facts.author), Style(42, INK, bold=True), WIDTH - 2 * _EDGE - likes - 40)
    canvas.write(WIDTH // 2, height - 74, facts.community, Style(32, MUTED, align="middle"), WIDTH - 2 * _EDGE)
    return canvas.png()
