"""情绪: how a community felt, day by day or week by week – the mean as a line, below it the share of unhappy messages as columns."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import CORAL, DEEP_GREEN, FAINT, GREEN, GROUND, HAIR, INK, MINT, MUTED, PALE_CORAL, PALE_GREEN, WHITE

Hundredth = Annotated[int, Meta(ge=0, le=100)]
Words = Annotated[str, Meta(max_length=64)]
MOST = 60

_EDGE, _HEAD, _LINE, _COLUMNS = 48, 250, 460, 400
_LEFT, _RIGHT = _EDGE + 110, WIDTH - _EDGE - 48


class MoodLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Hundredths of the mean and of the unhappy ones' share, a pair for each stretch of time, None where nothing was said.

    ``first`` and ``last`` name the ends; ``alarm`` is the share from which it is too much, 0 for never.
    """

    title: Words
    subtitle: Words
    community: Words
    means: Annotated[tuple[Hundredth | None, ...], Meta(min_length=1, max_length=MOST)]
    shares: Annotated[tuple[Hundredth | None, ...], Meta(min_length=1, max_length=MOST)]
    first: Words
    last: Words
    alarm: Hundredth = 0


def paint(studio: Studio, facts: MoodLine) -> bytes:
    """The line as a PNG."""
    bottom = _HEAD + _LINE + 24 + _COLUMNS
    canvas = Canvas(studio, bottom + 110, GROUND)
    canvas.panel((0, -60, WIDTH, _HEAD + 90), 60, GREEN)
    canvas.disc(WIDTH - 80, 30, 190, DEEP_GREEN)
    canvas.disc(WIDTH - 330, -30, 90, DEEP_GREEN)
    canvas.write(_EDGE + 16, 92, facts.title, Style(60, WHITE, bold=True), WIDTH - 2 * _EDGE - 32)
    canvas.write(_EDGE + 16, 180, facts.subtitle, Style(34, PALE_GREEN), WIDTH - 2 * _EDGE - 32)
    canvas.panel((_EDGE, _HEAD, WIDTH - _EDGE, _HEAD + _LINE), 40, WHITE)
    canvas.panel((_EDGE, _HEAD + _LINE + 24, WIDTH - _EDGE, bottom), 40, WHITE)
    _means(canvas, facts)
    _shares(canvas, facts, _HEAD + _LINE + 24, bottom)
    canvas.write(WIDTH - _EDGE - 16, bottom + 55, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 32)
    return canvas.png()


def _means(canvas: Canvas, facts: MoodLine) -> None:
    top, floor = _HEAD + 120, _HEAD + _LINE - 60
    canvas.write(_EDGE + 40, _HEAD + 54, "情绪值", Style(34, INK, bold=True))
    canvas.write(WIDTH - _EDGE - 48, _HEAD + 54, "0 低落 – 1 高兴", Style(28, MUTED, align="right"))
    for value in (0, 50, 100):
        y = _height(value, top, floor)
        canvas.panel((_LEFT, y - 1, _RIGHT, y + 2), 1, HAIR if value != 50 else FAINT)
        canvas.write(_LEFT - 20, y, f"{value / 100:g}", Style(26, MUTED, align="right"))
    points = [(x, _height(mean, top, floor)) if mean is not None else None for x, mean in zip(_places(facts), facts.means, strict=True)]
    for one, two in pairwise(points):
        if one and two:
            canvas.line([one, two], 6, MINT)
    for point in filter(None, points):
        canvas.disc(*point, 8 if len(facts.means) > 10 else 13, DEEP_GREEN)


def _shares(canvas: Canvas, facts: MoodLine, top: int, bottom: int) -> None:
    head, floor = top + 110, bottom - 80
    canvas.write(_EDGE + 40, top + 54, "不高兴的消息", Style(34, INK, bold=True))
    most = max(40, facts.alarm, *(share or 0 for share in facts.shares))
    places = _places(facts)
    half = max(4, min(30, (_RIGHT - _LEFT) // len(places) // 3))
    canvas.panel((_LEFT, floor, _RIGHT, floor + 2), 1, HAIR)
    for x, share in zip(places, facts.shares, strict=True):
        if share is not None:
            high = max(6, round((floor - head) * share / most))
            is_much = 0 < facts.alarm <= share
            canvas.panel(
                (x - half, floor - high, x + half, floor), min(10, half, high // 2), CORAL if is_much else PALE_CORAL if share else HAIR
            )
    if facts.alarm:
        y = floor - round((floor - head) * facts.alarm / most)
        canvas.panel((_LEFT, y - 1, _RIGHT, y + 2), 1, CORAL)
        canvas.write(_LEFT - 16, y, f"{facts.alarm}%", Style(26, CORAL, align="right"))
        canvas.write(WIDTH - _EDGE - 48, top + 54, f"到 {facts.alarm}% 会提醒管理员", Style(28, MUTED, align="right"))
    if len(places) == 1:
        canvas.write(places[0], floor + 40, facts.last, Style(28, MUTED, align="middle"))
        return
    canvas.write(_LEFT, floor + 40, facts.first, Style(28, MUTED))
    canvas.write(_RIGHT, floor + 40, facts.last, Style(28, MUTED, align="right"))


def _places(facts: MoodLine) -> list[int]:
    """Where each stretch of time stands, from left to right."""
    step = (_RIGHT - _LEFT) / len(facts.means)
    return [round(_LEFT + step * (at + 0.5)) for at in range(len(facts.means))]


def _height(hundredths: int, top: int, floor: int) -> int:
    return round(floor - (floor - top) * hundredths / 100)
