"""答题: the first three on their steps, the places behind them, and the teams as bars."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import (
    AMBER,
    BAR,
    BLUE,
    GOLD,
    INK,
    MEDALS,
    MUTED,
    NIGHT,
    NIGHT_HIGH,
    NIGHT_HIGHER,
    PALE_BLUE,
    PALE_BLUE_GROUND,
    WHITE,
)

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Name = Annotated[str, Meta(max_length=64)]

_EDGE = 48
_STEPS = 790
"""Where the steps stand, in pixels from the top."""
_PLACES = ((WIDTH // 2, 280), (WIDTH // 2 - 316, 205), (WIDTH // 2 + 316, 150))
"""The middle and the height of the first, second and third step."""
_STEP_WIDTH = 292
_ROW, _TEAM_ROW = 92, 104


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member's place: his score, and how many of the questions he had right."""

    rank: Count
    name: Name
    score: Count
    right: Count = 0


class Team(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A team's place; ``mean`` is a number as it is told."""

    rank: Count
    name: Name
    mean: Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$")]
    members: Count = 0


class Podium(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first places of a quiz with ``of`` questions, and its teams where it has some; ``said`` is the line below the title."""

    title: Name
    community: Name
    said: Name
    top: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=10)]
    of: Count
    teams: Annotated[tuple[Team, ...], Meta(max_length=6)] = ()


def paint(studio: Studio, facts: Podium) -> bytes:
    """The podium as a PNG."""
    rows, teams = facts.top[len(_PLACES) :], facts.teams
    list_height = 40 + len(rows) * _ROW if rows else 0
    teams_height = 128 + len(teams) * _TEAM_ROW if teams else 0
    top = _STEPS + 40
    canvas = Canvas(studio, top + sum(height + 32 for height in (list_height, teams_height) if height) + 88, NIGHT)
    canvas.disc(WIDTH - 60, 40, 260, NIGHT_HIGH)
    canvas.disc(WIDTH - 60, 40, 160, NIGHT_HIGHER)
    canvas.disc(60, 420, 90, NIGHT_HIGH)
    canvas.write(_EDGE + 16, 104, facts.title, Style(64, WHITE, bold=True), WIDTH - 2 * _EDGE - 32)
    canvas.write(_EDGE + 16, 184, facts.said, Style(34, PALE_BLUE), WIDTH - 2 * _EDGE - 32)
    for line, (x, height) in zip(facts.top, _PLACES, strict=False):
        _step(canvas, x, height, line, facts.of)
    canvas.panel((_EDGE, _STEPS - 8, WIDTH - _EDGE, _STEPS + 8), 8, GOLD)
    if rows:
        canvas.panel((_EDGE, top, WIDTH - _EDGE, top + list_height), 36, WHITE)
        for at, line in enumerate(rows):
            _line(canvas, top + 20 + at * _ROW, line, facts.of)
        top += list_height + 32
    if teams:
        canvas.panel((_EDGE, top, WIDTH - _EDGE, top + teams_height), 36, WHITE)
        canvas.write(_EDGE + 32, top + 58, "队伍平均分", Style(36, INK, bold=True))
        for at, team in enumerate(teams):
            _team(canvas, top + 108 + at * _TEAM_ROW, team, max(float(one.mean) for one in teams))
        top += teams_height + 32
    canvas.write(WIDTH - _EDGE - 16, top + 30, facts.community, Style(30, PALE_BLUE, align="right"), WIDTH - 2 * _EDGE - 32)
    return canvas.png()


def _step(canvas: Canvas, x: int, height: int, line: Line, of: int) -> None:
    left, right, top = x - _STEP_WIDTH // 2, x + _STEP_WIDTH // 2, _STEPS - height
    canvas.panel((left, top, right, _STEPS), 24, NIGHT_HIGHER)
    medal = MEDALS[min(max(line.rank, 1), len(MEDALS)) - 1]
    canvas.disc(x, top - 164, 56, medal)
    canvas.write(x, top - 166, str(line.rank), Style(60, WHITE, bold=True, align="middle"))
    canvas.write(x, top - 66, canvas.name(line.name), Style(36, WHITE, bold=True, align="middle"), _STEP_WIDTH + 8)
    canvas.write(x, top + 48, f"{line.score:,}", Style(50, GOLD, bold=True, align="middle"), _STEP_WIDTH - 24)
    canvas.write(x, top + 96, f"答对 {line.right}/{of}", Style(28, PALE_BLUE, align="middle"), _STEP_WIDTH - 24)


def _line(canvas: Canvas, top: int, line: Line, of: int) -> None:
    middle, right = top + _ROW // 2, WIDTH - _EDGE - 32
    canvas.write(_EDGE + 72, middle, str(line.rank), Style(38, MUTED, align="middle"), 90)
    score = canvas.write(right, middle, f"{line.score:,}", Style(40, INK, bold=True, align="right"), 260)
    had = canvas.write(right - score - 28, middle, f"答对 {line.right}/{of}", Style(30, MUTED, align="right"), 220)
    canvas.write(_EDGE + 132, middle, canvas.name(line.name), Style(38, INK), right - score - had - 28 - 32 - _EDGE - 132)


def _team(canvas: Canvas, top: int, team: Team, most: float) -> None:
    left, right, is_first = _EDGE + 32, WIDTH - _EDGE - 32, team.rank == 1 and team.members > 0
    mean = canvas.write(right, top + 26, team.mean, Style(40, INK, bold=True, align="right"), 260)
    name = canvas.write(left, top + 26, canvas.name(team.name), Style(38, INK, bold=is_first), right - left - mean - 180)
    canvas.write(left + name + 20, top + 28, f"{team.members:,} 人", Style(28, MUTED), right - left - mean - name - 40)
    canvas.panel((left, top + 58, right, top + 78), 10, PALE_BLUE_GROUND)
    filled = round((right - left) * float(team.mean) / most) if most else 0
    if filled:
        canvas.panel((left, top + 58, left + max(filled, 20), top + 78), 10, AMBER if is_first else BLUE)
    else:
        canvas.panel((left, top + 58, left + 20, top + 78), 10, BAR)
