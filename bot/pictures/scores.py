"""问卷打分: the Net Promoter Score on its scale, or the mean; below it how often each score from 0 to 10 was given."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import (
    AMBER,
    CORAL,
    DEEP_GREEN,
    FAINT,
    GREEN,
    GROUND,
    HAIR,
    INK,
    MINT,
    MUTED,
    PALE_CORAL,
    PALE_GREEN,
    WHITE,
)

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Words = Annotated[str, Meta(max_length=64)]
Hundred = Annotated[float, Meta(ge=-100, le=100)]

_EDGE, _HEAD, _SCALE, _COLUMNS = 48, 330, 400, 560
_NEUTRAL = "#a9b4c4"


class Nps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Net Promoter Score, −100 to 100, and the margin around it; ``said`` is how it is written."""

    score: Hundred
    margin: Annotated[float, Meta(ge=0, le=200)]
    said: Words


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often each score from 0 to 10 was given to a question, and what comes of it: ``nps``, else the ``mean``; neither: only the columns."""

    title: Words
    question: Words
    community: Words
    times: Annotated[tuple[Count, ...], Meta(min_length=11, max_length=11)]
    sentence: Words
    nps: Nps | None = None
    mean: Words = ""
    is_nps: bool = False


def paint(studio: Studio, facts: Scores) -> bytes:
    """The scores as a PNG."""
    bottom = _HEAD + _SCALE + 24 + _COLUMNS
    canvas = Canvas(studio, bottom + 120, GROUND)
    canvas.panel((0, -60, WIDTH, _HEAD + 90), 60, GREEN)
    canvas.disc(WIDTH - 80, 30, 190, DEEP_GREEN)
    canvas.disc(WIDTH - 330, -30, 90, DEEP_GREEN)
    canvas.write(_EDGE + 16, 92, facts.title, Style(60, WHITE, bold=True), WIDTH - 2 * _EDGE - 32)
    asked = Style(36, PALE_GREEN)
    for at, line in enumerate(canvas.wrap(facts.question, asked, WIDTH - 2 * _EDGE - 32)):
        canvas.write(_EDGE + 16, 180 + at * 54, line, asked, WIDTH - 2 * _EDGE - 32)
    canvas.panel((_EDGE, _HEAD, WIDTH - _EDGE, _HEAD + _SCALE), 40, WHITE)
    _scale(canvas, facts)
    canvas.panel((_EDGE, _HEAD + _SCALE + 24, WIDTH - _EDGE, bottom), 40, WHITE)
    _columns(canvas, _HEAD + _SCALE + 24, bottom, facts)
    said = canvas.write(_EDGE + 16, bottom + 60, facts.sentence, Style(30, MUTED), 660)
    canvas.write(WIDTH - _EDGE - 16, bottom + 60, facts.community, Style(30, INK, align="right"), WIDTH - 2 * _EDGE - 64 - said)
    return canvas.png()


def _scale(canvas: Canvas, facts: Scores) -> None:
    middle = WIDTH // 2
    if facts.nps is None:
        big = facts.mean or "人数太少"
        canvas.write(middle, _HEAD + 160, big, Style(150 if facts.mean else 84, INK, bold=True, align="middle"), WIDTH - 2 * _EDGE - 60)
        under = "平均分（0–10）" if facts.mean else f"只有 {sum(facts.times)} 人打分，还不能算{' NPS' if facts.is_nps else '结果'}"
        canvas.write(middle, _HEAD + 290, under, Style(36, MUTED, align="middle"), WIDTH - 2 * _EDGE - 60)
        return
    left, right, y = _EDGE + 64, WIDTH - _EDGE - 64, _HEAD + 270
    canvas.write(middle, _HEAD + 42, "NPS 净推荐值", Style(32, MUTED, align="middle"))
    canvas.write(middle, _HEAD + 136, facts.nps.said, Style(140, INK, bold=True, align="middle"))
    canvas.panel((left, y - 14, right, y + 14), 14, HAIR)
    low, high = (_place(facts.nps.score + way * facts.nps.margin, left, right) for way in (-1, 1))
    if high > low:
        canvas.panel((low, y - 14, high, y + 14), 14, MINT)
    canvas.line([(middle, y - 26), (middle, y + 26)], 4, FAINT)
    canvas.disc(_place(facts.nps.score, left, right), y, 26, DEEP_GREEN if facts.nps.score >= 0 else CORAL)
    for said, x in (("−100", left), ("0", middle), ("+100", right)):
        canvas.write(x, y + 62, said, Style(30, MUTED, align="middle"))


def _place(score: float, left: int, right: int) -> int:
    return round(left + (right - left) * (min(max(score, -100), 100) + 100) / 200)


def _columns(canvas: Canvas, top: int, bottom: int, facts: Scores) -> None:
    left, right, floor = _EDGE + 40, WIDTH - _EDGE - 40, bottom - 150
    step, most, n = (right - left) // 11, max(facts.times), sum(facts.times)
    for score, times in enumerate(facts.times):
        x = left + score * step + step // 2
        high = round((floor - top - 90) * times / most) if most else 0
        canvas.panel((x - 30, floor - max(high, 6), x + 30, floor), min(12, max(high, 6) // 2), _colour(score, facts) if high else HAIR)
        if times:
            canvas.write(x, floor - high - 28, f"{times:,}", Style(30 if times < 10_000 else 22, INK, align="middle"), step)
        canvas.write(x, floor + 32, str(score), Style(34, INK, align="middle"))
    if not facts.is_nps:
        canvas.write(WIDTH // 2, floor + 96, f"{n:,} 人打分", Style(32, MUTED, align="middle"))
        return
    for first, behind, name, ground, ink in (
        (0, 7, "贬损者", PALE_CORAL, CORAL),
        (7, 9, "中立者", HAIR, MUTED),
        (9, 11, "推荐者", PALE_GREEN, DEEP_GREEN),
    ):
        box = (left + first * step + 6, floor + 66, left + behind * step - 6, floor + 126)
        share = sum(facts.times[first:behind]) / n if n else 0
        canvas.panel(box, 20, ground)
        said = f"{name} {int(share * 100 + 0.5)}%"
        canvas.write(
            (box[0] + box[2]) // 2,
            floor + 95,
            said,
            Style(30 if behind - first > 2 else 24, ink, bold=True, align="middle"),
            box[2] - box[0] - 8,
        )


def _colour(score: int, facts: Scores) -> str:
    if not facts.is_nps:
        return AMBER
    return CORAL if score < 7 else _NEUTRAL if score < 9 else GREEN
