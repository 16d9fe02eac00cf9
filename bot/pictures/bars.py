"""投票结果: every option with its votes as a bar, those with the most of them in gold."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import (
    AMBER,
    BLUE,
    GOLD,
    INK,
    MUTED,
    NIGHT,
    NIGHT_HIGH,
    PALE_AMBER,
    PALE_BLUE,
    PALE_BLUE_GROUND,
    WHITE,
)

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Words = Annotated[str, Meta(max_length=64)]

_EDGE, _HEAD, _ROW, _LINE = 48, 330, 124, 48


class Bar(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An option; ``won``: none has more votes. In the facts it is a list, for twenty of them have to fit into a name."""

    number: Count
    text: Words
    votes: Count
    won: bool = False


class Bars(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options in the order in which they are shown; ``voters`` are the whole of which each bar is a part."""

    title: Words
    subtitle: Words
    community: Words
    bars: Annotated[tuple[Bar, ...], Meta(max_length=20)]
    voters: Count
    note: Words = ""


def paint(studio: Studio, facts: Bars) -> bytes:
    """The bars as a PNG."""
    text, room = Style(38, INK), WIDTH - 2 * _EDGE - 140
    measure = Canvas(studio, 1, WHITE)
    rows = [measure.wrap(f"{bar.number}. {_shown(measure, bar.text)}", text, room) for bar in facts.bars]
    bottom = _HEAD + 24 + sum(_height(lines) for lines in rows) + 24
    canvas = Canvas(studio, bottom + 120, PALE_BLUE_GROUND)
    canvas.panel((0, -60, WIDTH, _HEAD + 70), 60, NIGHT)
    canvas.disc(WIDTH - 70, 40, 190, NIGHT_HIGH)
    canvas.disc(60, _HEAD + 10, 110, NIGHT_HIGH)
    heading = Style(60, WHITE, bold=True)
    for at, line in enumerate(titles := canvas.wrap(_shown(canvas, facts.title), heading, WIDTH - 2 * _EDGE - 32)):
        canvas.write(_EDGE + 16, 96 + at * 78, line, heading, WIDTH - 2 * _EDGE - 32)
    canvas.write(_EDGE + 16, 104 + len(titles) * 78, facts.subtitle, Style(34, PALE_BLUE), WIDTH - 2 * _EDGE - 32)
    canvas.panel((_EDGE, _HEAD, WIDTH - _EDGE, bottom), 40, WHITE)
    top = _HEAD + 24
    for bar, lines in zip(facts.bars, rows, strict=True):
        _bar(canvas, top, bar, lines, facts.voters)
        top += _height(lines)
    said = canvas.write(_EDGE + 16, bottom + 60, facts.note, Style(30, MUTED), 640)
    canvas.write(WIDTH - _EDGE - 16, bottom + 60, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 64 - said)
    return canvas.png()


def _shown(canvas: Canvas, text: str) -> str:
    """A text as it can be drawn: one of nothing but emoji is said to be that, for the fonts have none."""
    return canvas.cut(text, Style(38, INK), 100 * WIDTH) or "（表情）"


def _height(lines: list[str]) -> int:
    return _ROW + (len(lines) - 1) * _LINE


def _bar(canvas: Canvas, top: int, bar: Bar, lines: list[str], voters: int) -> None:
    left, right = _EDGE + 40, WIDTH - _EDGE - 40
    height = _height(lines)
    if bar.won:
        canvas.panel((_EDGE + 16, top + 4, WIDTH - _EDGE - 16, top + height - 4), 28, PALE_AMBER)
    for at, line in enumerate(lines):
        canvas.write(left, top + 38 + at * _LINE, line, Style(38, INK, bold=bar.won), right - left)
    share = bar.votes / voters if voters else 0.0
    middle = top + height - 38
    wide = canvas.write(
        right, middle, f"{bar.votes:,} 票 · {int(share * 100 + 0.5)}%", Style(32, INK if bar.won else MUTED, align="right"), 300
    )
    end = right - max(wide, 210) - 28
    canvas.panel((left, middle - 12, end, middle + 12), 12, GOLD if bar.won and not share else "#e8edf6")
    if share:
        canvas.panel((left, middle - 12, left + max(24, round((end - left) * min(share, 1))), middle + 12), 12, AMBER if bar.won else BLUE)
