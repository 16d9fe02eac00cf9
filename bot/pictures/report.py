"""日报、周报、月报: how a community fares, made to be read on a phone – first what is wrong and what to do, then figures, trend, heat and questions.

What is empty takes no room, so a small picture of the day is the same with fewer parts.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import (
    AMBER,
    CORAL,
    DEEP_CORAL,
    DEEP_GREEN,
    FAINT,
    GREEN,
    GROUND,
    HAIR,
    INK,
    MINT,
    MUTED,
    PALE_GREEN,
    WHITE,
)
from bot.pictures.paragraph import paragraph
from rules.calendar import WEEKDAY_NAMES

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(max_length=16)]
Words = Annotated[str, Meta(max_length=48)]
MOST_POINTS = 31
MOST_FIGURES = 5
LONGEST_REASON, LONGEST_ACT, LONGEST_QUESTION = 56, 40, 24
HOURS, LEVELS = 24, 4
"""A heat map has a digit from 0 to ``LEVELS`` for each hour of a week from Monday on."""

_EDGE, _HEAD, _GAP, _INNER = 48, 236, 24, 40
_ROOM = WIDTH - 2 * _EDGE - 2 * _INNER
_TITLE = Style(34, INK, bold=True)
_REASON, _ACT = Style(38, INK, bold=True), Style(34, MUTED)
_TONES = {"good": DEEP_GREEN, "bad": DEEP_CORAL, "flat": MUTED, "grey": FAINT}
_LAMPS = {"red": CORAL, "yellow": AMBER, "green": GREEN, "grey": FAINT}
_HEAT = (HAIR, PALE_GREEN, MINT, GREEN, DEEP_GREEN)
_CELL, _ROW, _AXIS = 36, 40, 44
_HERO, _CARD, _QUESTION = 216, 204, 70
_PAST = "#c9d1da"


class Figure(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A big figure: how it is called, what it is, how it changed, whether that is well, and what it was before (or why there is none)."""

    name: Name
    value: Name
    change: Name
    tone: Literal["good", "bad", "flat", "grey"]
    hint: Annotated[str, Meta(max_length=28)]


class Lamp(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A light that matters: its colour, why, and what to do."""

    colour: Literal["red", "yellow", "green", "grey"]
    reason: Annotated[str, Meta(max_length=LONGEST_REASON)]
    act: Annotated[str, Meta(max_length=LONGEST_ACT)]


class Question(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A question and how often it was answered."""

    text: Annotated[str, Meta(max_length=LONGEST_QUESTION)]
    count: Count


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a report shows; ``rest`` tells of the lights that are not among ``lamps``.

    ``trend`` and ``past`` are a figure day by day, in this period and in the one before; ``first`` and ``last`` name its ends.
    """

    title: Words
    subtitle: Words
    community: Words
    lamps: Annotated[tuple[Lamp, ...], Meta(max_length=3)] = ()
    rest: Words = ""
    figures: Annotated[tuple[Figure, ...], Meta(max_length=MOST_FIGURES)] = ()
    trend_name: Words = ""
    trend: Annotated[tuple[Count | None, ...], Meta(max_length=MOST_POINTS)] = ()
    past: Annotated[tuple[Count | None, ...], Meta(max_length=MOST_POINTS)] = ()
    first: Name = ""
    last: Name = ""
    heat: Annotated[str, Meta(pattern=rf"^(|[0-{LEVELS}]{{168}})$")] = ""
    peak: Words = ""
    questions: Annotated[tuple[Question, ...], Meta(max_length=5)] = ()
    note: Words = ""


def paint(studio: Studio, facts: Report) -> bytes:
    """The report as a PNG."""
    lines = [_lamp_lines(studio, lamp) for lamp in facts.lamps]
    heights = (
        _lamps_height(lines, facts.rest),
        _figures_height(len(facts.figures)),
        400 if len(facts.trend) > 1 else 0,
        96 + 7 * _ROW + _AXIS + 24 if facts.heat else 0,
        96 + len(facts.questions) * _QUESTION + 16 if facts.questions else 0,
    )
    bottom = _HEAD + sum(height + _GAP for height in heights if height) - _GAP
    canvas = Canvas(studio, bottom + 110, GROUND)
    _head(canvas, facts)
    tops, top = [], _HEAD
    for height in heights:
        tops.append(top)
        top += height + _GAP if height else 0
    if heights[0]:
        _lamps(canvas, tops[0], heights[0], facts, lines)
    _figures(canvas, tops[1], facts.figures)
    if heights[2]:
        _trend(canvas, tops[2], heights[2], facts)
    if heights[3]:
        _heat(canvas, tops[3], heights[3], facts)
    if heights[4]:
        _questions(canvas, tops[4], heights[4], facts.questions)
    said = canvas.write(_EDGE + 16, bottom + 56, facts.note, Style(30, MUTED), 600)
    canvas.write(WIDTH - _EDGE - 16, bottom + 56, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 64 - said)
    return canvas.png()


def _head(canvas: Canvas, facts: Report) -> None:
    canvas.panel((0, -60, WIDTH, _HEAD + 70), 60, GREEN)
    canvas.disc(WIDTH - 80, 30, 190, DEEP_GREEN)
    canvas.disc(WIDTH - 330, -30, 90, DEEP_GREEN)
    canvas.write(_EDGE + 16, 88, facts.title, Style(60, WHITE, bold=True), WIDTH - 2 * _EDGE - 32)
    canvas.write(_EDGE + 16, 172, facts.subtitle, Style(36, PALE_GREEN), WIDTH - 2 * _EDGE - 32)


# What is wrong, and what to do --------------------------------------------------------------------------------------------


def _lamp_lines(studio: Studio, lamp: Lamp) -> tuple[list[str], list[str]]:
    room = _ROOM - 64
    return paragraph(studio, lamp.reason, _REASON, room, 2), paragraph(studio, f"→ {lamp.act}", _ACT, room, 2) if lamp.act else []


def _lamp_height(lines: tuple[list[str], list[str]]) -> int:
    return 52 * len(lines[0]) + 48 * len(lines[1]) + 24


def _lamps_height(lines: list[tuple[list[str], list[str]]], rest: str) -> int:
    return 40 + sum(map(_lamp_height, lines)) + (56 if rest else 0) if lines else 0


def _lamps(canvas: Canvas, top: int, height: int, facts: Report, lines: list[tuple[list[str], list[str]]]) -> None:
    canvas.panel((_EDGE, top, WIDTH - _EDGE, top + height), 40, WHITE)
    y, left = top + 56, _EDGE + _INNER
    for lamp, (reason, act) in zip(facts.lamps, lines, strict=True):
        canvas.disc(left + 20, y, 20, _LAMPS[lamp.colour])
        for line in reason:
            canvas.write(left + 64, y, line, _REASON, _ROOM)
            y += 52
        for line in act:
            canvas.write(left + 64, y - 2, line, _ACT, _ROOM)
            y += 48
        y += 24
    if facts.rest:
        canvas.write(left, y - 6, facts.rest, Style(32, MUTED), _ROOM)


# Figures ------------------------------------------------------------------------------------------------------------------


def _figures_height(count: int) -> int:
    pairs = count // 2
    return (_HERO if count % 2 else 0) + pairs * _CARD + (count % 2 + pairs - 1) * _GAP if count else 0


def _figures(canvas: Canvas, top: int, figures: tuple[Figure, ...]) -> None:
    """An odd one is shown first and large, the others two by two."""
    rest = list(figures)
    if len(rest) % 2:
        _hero(canvas, top, rest.pop(0))
        top += _HERO + _GAP
    half = (WIDTH - 2 * _EDGE - _GAP) // 2
    for at, figure in enumerate(rest):
        left, row = _EDGE + at % 2 * (half + _GAP), top + at // 2 * (_CARD + _GAP)
        room = half - 2 * 32
        canvas.panel((left, row, left + half, row + _CARD), 36, WHITE)
        canvas.write(left + 32, row + 46, figure.name, Style(32, MUTED), room)
        canvas.write(left + 32, row + 106, figure.value, Style(56, _ink(figure), bold=True), room)
        _changed(canvas, left + 32, row + 168, figure, room)


def _hero(canvas: Canvas, top: int, figure: Figure) -> None:
    left, right = _EDGE + _INNER, WIDTH - _EDGE - _INNER
    canvas.panel((_EDGE, top, WIDTH - _EDGE, top + _HERO), 40, WHITE)
    canvas.write(left, top + 54, figure.name, Style(34, MUTED), 600)
    canvas.write(left, top + 138, figure.value, Style(92, _ink(figure), bold=True), 560)
    canvas.write(right, top + 112, figure.change, Style(56, _TONES[figure.tone], bold=True, align="right"), 320)
    canvas.write(right, top + 172, figure.hint, Style(30, MUTED, align="right"), 320)


def _changed(canvas: Canvas, x: int, y: int, figure: Figure, room: int) -> None:
    said = canvas.write(x, y, figure.change, Style(32, _TONES[figure.tone], bold=True), room) if figure.change else -16
    canvas.write(x + said + 16, y, figure.hint, Style(28, MUTED), room - said - 16)


def _ink(figure: Figure) -> str:
    return FAINT if figure.tone == "grey" else INK


# Trend --------------------------------------------------------------------------------------------------------------------


def _trend(canvas: Canvas, top: int, height: int, facts: Report) -> None:
    canvas.panel((_EDGE, top, WIDTH - _EDGE, top + height), 40, WHITE)
    canvas.write(_EDGE + _INNER, top + 54, facts.trend_name, _TITLE, 560)
    right = WIDTH - _EDGE - _INNER
    for said, colour in (("上期", _PAST), ("本期", GREEN)) if facts.past else ():
        wide = canvas.write(right, top + 54, said, Style(28, MUTED, align="right"))
        canvas.disc(right - wide - 20, top + 54, 9, colour)
        right -= wide + 56
    most = max(4, *(n or 0 for n in (*facts.trend, *facts.past)))
    label = f"{most:,}"
    left, right = _EDGE + _INNER + max(60, canvas.width_of(label, Style(26, MUTED)) + 20), WIDTH - _EDGE - _INNER - 12
    head, floor = top + 112, top + height - 76
    for y, said in ((head, label), ((head + floor) // 2, ""), (floor, "0")):
        canvas.panel((left, y - 1, right, y + 2), 1, HAIR)
        canvas.write(left - 16, y, said, Style(26, MUTED, align="right"))
    points = max(len(facts.trend), len(facts.past), 2)
    for counts, width, colour in ((facts.past, 5, _PAST), (facts.trend, 8, GREEN)):
        line = [
            (left + round((right - left) * at / (points - 1)), floor - round((floor - head) * n / most)) if n is not None else None
            for at, n in enumerate(counts)
        ]
        for one, two in pairwise(line):
            if one and two:
                canvas.line([one, two], width, colour)
        if counts is facts.trend:
            for point in filter(None, line):
                canvas.disc(*point, 12 if points <= 10 else 7, DEEP_GREEN)
    canvas.write(left, floor + 38, facts.first, Style(28, MUTED))
    canvas.write(right, floor + 38, facts.last, Style(28, MUTED, align="right"))


# Heat ---------------------------------------------------------------------------------------------------------------------


def _heat(canvas: Canvas, top: int, height: int, facts: Report) -> None:
    canvas.panel((_EDGE, top, WIDTH - _EDGE, top + height), 40, WHITE)
    canvas.write(_EDGE + _INNER, top + 54, "什么时候热闹", _TITLE, 360)
    canvas.write(WIDTH - _EDGE - _INNER, top + 54, facts.peak, Style(30, MUTED, align="right"), 560)
    left, head = WIDTH - _EDGE - _INNER - HOURS * _CELL, top + 96
    for weekday, said in enumerate(WEEKDAY_NAMES):
        y = head + weekday * _ROW
        canvas.write(left - 16, y + _ROW // 2, said, Style(26, MUTED, align="right"))
        for hour in range(HOURS):
            x, level = left + hour * _CELL, int(facts.heat[weekday * HOURS + hour])
            canvas.panel((x + 2, y + 2, x + _CELL - 2, y + _ROW - 2), 7, _HEAT[level])
    for hour in range(0, HOURS, 6):
        canvas.write(left + hour * _CELL + 2, head + 7 * _ROW + 24, f"{hour} 点", Style(26, MUTED))


# Questions ----------------------------------------------------------------------------------------------------------------


def _questions(canvas: Canvas, top: int, height: int, questions: tuple[Question, ...]) -> None:
    canvas.panel((_EDGE, top, WIDTH - _EDGE, top + height), 40, WHITE)
    canvas.write(_EDGE + _INNER, top + 54, "问得最多的", _TITLE, 600)
    left, right, most = _EDGE + _INNER, WIDTH - _EDGE - _INNER, max(1, *(one.count for one in questions))
    for at, one in enumerate(questions):
        y = top + 96 + at * _QUESTION + _QUESTION // 2
        canvas.panel((left, y - 27, left + max(54, round((right - left) * one.count / most)), y + 27), 16, PALE_GREEN)
        said = canvas.write(right - 16, y, f"{one.count:,} 次", Style(30, MUTED, align="right"))
        shown = canvas.cut(one.text, Style(34, INK), right - left - said - 64)
        canvas.write(left + 20, y, shown or "（表情）", Style(34, INK))
