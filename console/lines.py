"""Small lines of figures as drawings that stand in the page itself, so that they need no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, EDGE = 160, 36, 3
"""Of every drawing, in its own units: the page stretches it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line as SVG paths: ``over`` is the line, ``under`` the surface below it, ``dot`` the newest point. Where a figure is missing, it has a gap."""

    over: str
    under: str
    dot: str


def line_of(values: Sequence[float | None]) -> Line | None:
    """The line of figures, the oldest first; None where fewer than two are known."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    low, high = _bounds(known)
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)
    points = [
        None
        if value is None
        else (round(EDGE + at * step, 1), round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / (high - low), 1))
        for at, value in enumerate(values)
    ]
    runs = _runs(points)
    over = " ".join(_path(run) for run in runs)
    under = " ".join(f"{_path(run)} L{run[-1][0]} {HEIGHT} L{run[0][0]} {HEIGHT} Z" for run in runs if len(run) > 1)
    x, y = runs[-1][-1]
    return Line(over, under, f"M{x} {y} h0")


def _bounds(known: Sequence[float]) -> tuple[float, float]:
    """Between which values the line is drawn: always with nothing among them, so that a small change looks small."""
    low, high = min(*known, 0.0), max(*known, 0.0)
    return (low, high) if low < high else (0.0, 1.0)


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(run: Sequence[tuple[float, float]]) -> str:
    first, *rest = run
    return f"M{first[0]} {first[1]} " + (" ".join(f"L{x} {y}" for x, y in rest) or "h0")
