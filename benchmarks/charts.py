"""The pictures of docs/benchmarks.md, drawn of the figures that ``make bench`` kept: plain SVG, so that a change is a change of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "images"
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 170, 60, 46, 70
BLUE, GREY, GREEN, RED = "#1565c0", "#757575", "#2e7d32", "#c62828"
NAMES = {"members": "members", "faq": "FAQ entries", "words": "words of the list", "groups": "groups", "history": "entries in the log"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a panel: its name, colour, and points."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: title, lines, whether sizes stand by their powers of ten, and the unit of what goes upwards."""

    title: str
    lines: Sequence[Line]
    is_log: bool
    unit: str


def draw(figures: Mapping[str, Any], folder: Path = FOLDER) -> list[Path]:
    """Draws what there are figures of; gives the files."""
    made = {}
    if "curves" in figures:
        made["bench-curves.svg"] = [_curve(name, points) for name, points in figures["curves"].items()]
    if "path" in figures:
        made["bench-loads.svg"] = _loads(figures["path"]["loads"])
    drawn = []
    for name, panels in made.items():
        drawn.append(folder / name)
        drawn[-1].write_text(picture(panels), encoding="utf-8")
    return drawn


def picture(panels: Sequence[Panel]) -> str:
    """The SVG: panels side by side, three in a row."""
    across, down = min(3, len(panels)), -(-len(panels) // 3)
    width, row = LEFT + across * (WIDTH + GAP), TOP + HEIGHT + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {down * row}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{down * row}" fill="#ffffff"/>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(LEFT + number % 3 * (WIDTH + GAP), TOP + number // 3 * row, panel)
    return "\n".join([*parts, "</svg>", ""])


def _curve(name: str, points: Sequence[Mapping[str, float]]) -> Panel:
    def line(title: str, colour: str, field: str) -> Line:
        return Line(title, colour, [(each["size"], each[field]) for each in points])

    lines = (line("program", BLUE, "program_us"), line("Redis", RED, "redis_us"))
    return Panel(f"µs a message by {NAMES[name]}", lines, is_log=True, unit="")


def _loads(loads: Mapping[str, Mapping[str, Any]]) -> list[Panel]:
    def line(who: str, title: str, colour: str, field: str) -> Line:
        return Line(title, colour, [(float(load) * 100, row[who][field]) for load, row in loads.items()])

    delays = [
        Panel(
            f"{field[:3]}, ms, by load in %",
            (line("full", "the bot", BLUE, field), line("bare", "bare app", GREY, field)),
            is_log=False,
            unit="",
        )
        for field in ("p50_ms", "p99_ms")
    ]
    spent = (line("full", "web", BLUE, "web_us"), line("full", "Redis", RED, "redis_us"), line("bare", "bare: web", GREY, "web_us"))
    return [*delays, Panel("CPU, µs a message, by load in %", spent, is_log=False, unit="")]


def _panel(left: float, top: float, panel: Panel) -> list[str]:
    xs = [_place(x, panel.is_log) for line in panel.lines for x, _ in line.points]
    low, high = min(xs), max(xs)
    most = _round_up(max(y for line in panel.lines for _, y in line.points))
    bottom = top + HEIGHT

    def across(x: float) -> float:
        return left + (_place(x, panel.is_log) - low) / ((high - low) or 1) * WIDTH

    parts = [f'<text x="{left}" y="{top - 14}" font-weight="bold">{panel.title}</text>']
    for part in range(5):
        y = bottom - HEIGHT * part / 4
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{most * part / 4:g}{panel.unit}</text>')
    for x, _ in panel.lines[0].points:
        parts.append(f'<text x="{across(x):.1f}" y="{bottom + 18}" text-anchor="middle">{_short(x)}</text>')
    for number, line in enumerate(panel.lines):
        points = " ".join(f"{across(x):.1f},{bottom - y / most * HEIGHT:.1f}" for x, y in line.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across(x):.1f}" cy="{bottom - y / most * HEIGHT:.1f}" r="3" fill="{line.colour}"/>' for x, y in line.points
        ]
        at = left + number * 90
        parts.append(f'<line x1="{at}" y1="{bottom + 36}" x2="{at + 18}" y2="{bottom + 36}" stroke="{line.colour}" stroke-width="3"/>')
        parts.append(f'<text x="{at + 24}" y="{bottom + 40}">{line.name}</text>')
    return parts


def _place(x: float, is_log: bool) -> float:
    return math.log10(max(x, 1)) if is_log else x


def _round_up(most: float) -> float:
    """The next of 1, 2, 4, 6, 8 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(most or 1))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= most)


def _short(x: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if x >= size:
            return f"{x / size:g}{letter}"
    return f"{x:g}"
