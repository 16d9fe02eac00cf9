"""签到日历: a month, the days on which a member checked in, and how long he has kept it up."""

from __future__ import annotations

import calendar
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import AMBER, DEEP_GREEN, FAINT, GREEN, GROUND, INK, MINT, MUTED, PALE_AMBER, PALE_GREEN, WHITE
from rules.calendar import WEEKDAY_NAMES

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(max_length=64)]
DayOfMonth = Annotated[int, Meta(ge=1, le=31)]

_EDGE, _HEADER, _CELL, _GAP = 48, 470, 116, 16


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A month: ``days`` were checked in, of which ``made_up`` later; ``today`` is 0 in another month, ``elapsed`` how many days are over."""

    nickname: Name
    community: Name
    year: Annotated[int, Meta(ge=1, le=9999)]
    month: Annotated[int, Meta(ge=1, le=12)]
    days: Annotated[tuple[DayOfMonth, ...], Meta(max_length=31)]
    made_up: Annotated[tuple[DayOfMonth, ...], Meta(max_length=31)] = ()
    today: Annotated[int, Meta(ge=0, le=31)] = 0
    streak: Count = 0
    total: Count = 0


def paint(studio: Studio, facts: Calendar) -> bytes:
    """The month as a PNG."""
    weeks = calendar.Calendar().monthdayscalendar(facts.year, facts.month)
    bottom = _HEADER + 100 + len(weeks) * (_CELL + _GAP) + 24
    canvas = Canvas(studio, bottom + 124, GROUND)
    _header(canvas, facts)
    canvas.panel((_EDGE, _HEADER, WIDTH - _EDGE, bottom), 40, WHITE)
    left = (WIDTH - 7 * _CELL - 6 * _GAP) // 2
    for column, name in enumerate(WEEKDAY_NAMES):
        x = left + column * (_CELL + _GAP) + _CELL // 2
        canvas.write(x, _HEADER + 58, name, Style(32, MUTED, align="middle"))
    for row, week in enumerate(weeks):
        for column, day in enumerate(week):
            if day:
                _cell(canvas, left + column * (_CELL + _GAP), _HEADER + 100 + row * (_CELL + _GAP), day, facts)
    _legend(canvas, bottom + 62, facts)
    return canvas.png()


def _header(canvas: Canvas, facts: Calendar) -> None:
    canvas.panel((0, -60, WIDTH, 400), 60, GREEN)
    canvas.disc(WIDTH - 70, 40, 190, DEEP_GREEN)
    canvas.disc(WIDTH - 330, -50, 110, DEEP_GREEN)
    canvas.write(_EDGE + 16, 92, f"{facts.year} 年 {facts.month} 月", Style(68, WHITE, bold=True))
    canvas.write(_EDGE + 16, 172, f"{canvas.name(facts.nickname)} 的签到日历", Style(38, PALE_GREEN), WIDTH - 2 * _EDGE - 32)
    width = (WIDTH - 2 * _EDGE - 2 * 24) // 3
    for at, (number, title) in enumerate(((len(set(facts.days)), "本月签到"), (facts.streak, "连续签到"), (facts.total, "累计签到"))):
        left = _EDGE + at * (width + 24)
        canvas.panel((left, 236, left + width, 430), 32, WHITE)
        said = f"{number:,}"
        size = 76 if len(said) <= 5 else 48
        canvas.write(left + width // 2, 306, said, Style(size, GREEN if at != 1 else AMBER, bold=True, align="middle"), width - 32)
        canvas.write(left + width // 2, 384, f"{title}（天）", Style(30, MUTED, align="middle"))


def _cell(canvas: Canvas, left: int, top: int, day: int, facts: Calendar) -> None:
    box = (left, top, left + _CELL, top + _CELL)
    x, y = left + _CELL // 2, top + _CELL // 2
    if day in facts.made_up:
        canvas.panel(box, 30, PALE_AMBER)
        canvas.write(x, y - 12, str(day), Style(44, AMBER, bold=True, align="middle"))
        canvas.write(x, y + 34, "补", Style(24, AMBER, align="middle"))
    elif day in facts.days:
        canvas.panel(box, 30, GREEN)
        canvas.write(x, y - 12, str(day), Style(44, WHITE, bold=True, align="middle"))
        canvas.line([(x - 13, y + 33), (x - 4, y + 42), (x + 14, y + 24)], 5, MINT)
    elif day == facts.today:
        canvas.frame(box, 30, GREEN, WHITE, 5)
        canvas.write(x, y - 12, str(day), Style(44, GREEN, bold=True, align="middle"))
        canvas.write(x, y + 34, "今天", Style(24, GREEN, align="middle"))
    else:
        canvas.panel(box, 30, GROUND)
        canvas.write(x, y, str(day), Style(44, FAINT if day > (facts.today or 31) else MUTED, align="middle"))


def _legend(canvas: Canvas, y: int, facts: Calendar) -> None:
    x = _EDGE + 16
    for colour, title in ((GREEN, "已签到"), *(((AMBER, "补签"),) if facts.made_up else ())):
        canvas.disc(x + 12, y, 12, colour)
        x += 36 + canvas.write(x + 36, y, title, Style(28, MUTED)) + 40
    canvas.write(WIDTH - _EDGE - 16, y, facts.community, Style(30, INK, align="right"), WIDTH - x - _EDGE - 40)
