"""Draws what the FAQ's threshold gives: ``python -m tools.draw_faq CURVE`` writes ``docs/images/faq-thresholds.svg``.

``CURVE`` is what ``python -m benchmarks.measure_faq --curve CURVE`` wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "faq-thresholds.svg"
WIDTH, HEIGHT, LEFT, TOP, GAP = 260, 200, 50, 50, 60
SHOWN = 0.7
TITLES = {
    "faq_telecom29": "29 entries, 5 wordings each",
    "faq_bq_corpus": "150 near-twins, 1 wording",
    "faq_lcqmc": "400 entries, 1 wording",
}
LINES = (
    ("right", "right", "#2e7d32"),
    ("wrong", "wrong", "#c62828"),
    ("right or offered with right", "right or offered with the right one", "#1565c0"),
    ("silent", "silent", "#757575"),
    ("oos_other_topic answered", "other topics answered", "#ef6c00"),
    ("chat answered", "chat answered", "#6a1b9a"),
)

Point = Mapping[str, float]


def picture(curves: Mapping[str, Sequence[Point]]) -> str:
    """The SVG: a panel a set, threshold from left to right, share of the questions upwards."""
    width = LEFT + len(curves) * (WIDTH + GAP)
    height = TOP + HEIGHT + 50 + 18 * ((len(LINES) + 1) // 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (name, points) in enumerate(curves.items()):
        parts += _panel(LEFT + number * (WIDTH + GAP), TITLES[name], points)
    for number, (_, words, colour) in enumerate(LINES):
        x, y = LEFT + number % 2 * 320, TOP + HEIGHT + 55 + number // 2 * 18
        parts.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 24}" y2="{y - 4}" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 32}" y="{y}">{words}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: float, title: str, points: Sequence[Point]) -> list[str]:
    first, last = points[0]["threshold"], points[-1]["threshold"]

    def x(threshold: float) -> float:
        return left + (threshold - first) / (last - first) * WIDTH

    def y(share: float) -> float:
        return TOP + (1.0 - share) * HEIGHT

    parts = [f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{title}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<line x1="{left}" y1="{y(share):.1f}" x2="{left + WIDTH}" y2="{y(share):.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    parts += (f'<text x="{x(at):.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{at}</text>' for at in (0.3, 0.5, 0.7, 0.9))
    parts.append(f'<line x1="{x(SHOWN):.1f}" y1="{TOP}" x2="{x(SHOWN):.1f}" y2="{TOP + HEIGHT}" stroke="#333333" stroke-dasharray="4 3"/>')
    for figure, _, colour in LINES:
        path = " ".join(f"{x(point['threshold']):.1f},{y(point[figure]):.1f}" for point in points if figure in point)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return parts


def main() -> None:
    """Draws it."""
    PICTURE.write_text(picture(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
