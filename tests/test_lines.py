"""Small lines of figures: they stay in their drawing, begin where nothing is, and have gaps where nothing is known."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from console.lines import HEIGHT, WIDTH, line_of

figures = st.lists(st.none() | st.floats(-1e6, 1e9), max_size=60)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


@given(figures)
def test_a_line_stays_inside_and_has_a_point_for_each_figure_that_is_known(values: list[float | None]) -> None:
    line, known = line_of(values), [value for value in values if value is not None]
    if line is None:
        assert len(known) < 2
        return
    drawn = points(line.over)
    assert len(drawn) == len(known)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)
    for (_, y), (_, z), low, high in zip(drawn, drawn[1:], known, known[1:], strict=False):
        assert (y - z) * (high - low) >= 0, "higher is higher"
    assert points(line.dot) == drawn[-1:]


def test_a_small_change_looks_small() -> None:
    line = line_of([100, 99])
    assert line is not None
    (_, before), (_, after) = points(line.over)
    assert after - before < HEIGHT / 20


def test_what_is_not_known_is_a_gap() -> None:
    line = line_of([1, 2, None, 3, 4])
    assert line is not None
    assert line.over.count("M") == 2
    assert line_of([None, 5, None]) is None
