"""海报: who somebody is here, in a picture that he likes to show around."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import GOLD, NIGHT, NIGHT_HIGH, NIGHT_HIGHER, PALE_BLUE, WHITE

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(max_length=64)]

_HEIGHT, _EDGE = 1560, 88


class Poster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member of a community; ``rank`` 0 and ``level`` "" are left out, ``points`` are all that he ever earned."""

    nickname: Name
    community: Name
    date: Name
    sentence: Annotated[str, Meta(max_length=120)]
    streak: Count = 0
    total: Count = 0
    points: Count = 0
    rank: Count = 0
    level: Name = ""


def paint(studio: Studio, facts: Poster) -> bytes:
    """The poster as a PNG."""
    canvas = Canvas(studio, _HEIGHT, NIGHT)
    canvas.disc(WIDTH - 60, 120, 330, NIGHT_HIGH)
    canvas.disc(80, _HEIGHT - 330, 260, NIGHT_HIGH)
    for x, y, radius in ((150, 560, 5), (930, 520, 6), (240, 480, 4), (1000, 760, 4), (930, 960, 6), (120, 820, 4), (190, 970, 6)):
        canvas.disc(x, y, radius, GOLD)
    canvas.write(_EDGE, 116, facts.community, Style(40, PALE_BLUE), 600)
    canvas.write(WIDTH - _EDGE, 116, facts.date, Style(36, PALE_BLUE, align="right"), 400)
    canvas.write(_EDGE, 262, canvas.name(facts.nickname), Style(84, WHITE, bold=True), WIDTH - 2 * _EDGE)
    if facts.level:
        style = Style(36, NIGHT, bold=True, align="middle")
        wide = min(canvas.width_of(facts.level, style) + 64, 600)
        canvas.panel((_EDGE, 334, _EDGE + wide, 404), 35, GOLD)
        canvas.write(_EDGE + wide // 2, 368, facts.level, style, wide - 56)
    _middle(canvas, facts)
    _sentence(canvas, facts.sentence)
    _strip(canvas, facts)
    return canvas.png()


def _middle(canvas: Canvas, facts: Poster) -> None:
    x, y = WIDTH // 2, 720
    canvas.disc(x, y, 262, NIGHT_HIGHER)
    canvas.ring(x, y, 262, 14, min(facts.streak, 30) / 30, colour=GOLD, rest=NIGHT_HIGH)
    number = f"{facts.streak:,}"
    size = 210 if len(number) <= 2 else 170 if len(number) <= 3 else 110
    canvas.write(x, y - 118, "连续签到", Style(42, PALE_BLUE, align="middle"))
    canvas.write(x, y + 14, number, Style(size, GOLD, bold=True, align="middle"), 440)
    canvas.write(x, y + 148, "天", Style(42, PALE_BLUE, align="middle"))


def _sentence(canvas: Canvas, sentence: str) -> None:
    style = Style(52, WHITE, face="serif", align="middle")
    lines = canvas.wrap(sentence, style, WIDTH - 2 * _EDGE - 40)
    for at, line in enumerate(lines):
        canvas.write(WIDTH // 2, 1150 - 38 * (len(lines) - 1) + 76 * at, line, style)


def _strip(canvas: Canvas, facts: Poster) -> None:
    told = [("累计签到", f"{facts.total:,}", "天"), ("累计积分", f"{facts.points:,}", "分")]
    if facts.rank:
        told.append(("群内排名", f"{facts.rank:,}", "名"))
    canvas.panel((_EDGE - 24, 1270, WIDTH - _EDGE + 24, 1480), 44, WHITE)
    width = (WIDTH - 2 * _EDGE + 48) // len(told)
    for at, (title, number, unit) in enumerate(told):
        x = _EDGE - 24 + width * at + width // 2
        canvas.write(x, 1350, number, Style(64 if len(number) <= 7 else 44, NIGHT, bold=True, align="middle"), width - 20)
        canvas.write(x, 1428, f"{title}（{unit}）", Style(30, "#7b8794", align="middle"))
