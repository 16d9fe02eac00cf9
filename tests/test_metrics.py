"""The indicators: every one against figures worked out by hand, and what holds for all of them whatever was counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from statistics import median as plain_median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.figures import COUNTERS, Day, Joined, Span, work_out
from rules.metrics import INLET_NAMES, INLETS, METRICS, Length, Metric, first_of, median, missing, shown
from tests import ten_people

ALL_INLETS = frozenset(INLETS)
NAMES = [name + "7" if name.endswith(":") else name for name in COUNTERS]


def value_of(id: str, length: Length, days: list[Day]) -> float | None:
    """An indicator of the span that ends with the last day."""
    ends = [days[-1].day, first_of(length, days[-1].day) - timedelta(days=1)]
    spans = [[day for day in days if first_of(length, end) <= day.day <= end] for end in ends]
    return METRICS[id].value(Span(spans[0]), Span(spans[1]) if spans[1] else None)


@pytest.mark.parametrize(("length", "expected"), [("week", ten_people.WEEK), ("month", ten_people.MONTH), ("day", ten_people.DAY)])
def test_indicators_of_ten_people_are_as_worked_out_by_hand(length: Length, expected: Mapping[str, float | None]) -> None:
    days = ten_people.days()

    assert {id: value_of(id, length, days) for id in expected} == pytest.approx(expected)


def test_every_indicator_has_been_worked_out_by_hand() -> None:
    assert METRICS.keys() == ten_people.WEEK.keys() | ten_people.MONTH.keys()


def test_a_month_is_the_calendars_on_its_last_day_and_thirty_days_else() -> None:
    assert first_of("month", date(2026, 2, 28)) == date(2026, 2, 1)
    assert first_of("month", date(2026, 3, 31)) == date(2026, 3, 1)
    assert first_of("month", date(2026, 3, 15)) == date(2026, 2, 14)
    assert first_of("week", date(2026, 3, 8)) == date(2026, 3, 2)
    assert first_of("day", date(2026, 3, 8)) == date(2026, 3, 8)


def test_who_spoke_in_a_month_of_31_days_is_counted_over_all_of_them() -> None:
    marks = {date(2026, 3, 1): 0b10, date(2026, 3, 31): 0b100}
    days = [
        work_out(
            date(2026, 3, at),
            {"found": 2} if at == 1 else {},
            members=2,
            spoke=Joined(lambda day: marks.get(day, 0)),
            part=Joined(_nobody),
            new=Joined(_nobody),
        )
        for at in range(1, 32)
    ]

    assert METRICS["active_share"].value(Span(days), None) == 1


class _Spy(dict[str, int]):
    """Counters that remember what they were asked for."""

    def __init__(self, asked: set[str]) -> None:
        super().__init__()
        self.asked = asked

    def get(self, name: str, default: int = 0) -> int:  # type: ignore[override]
        self.asked.add(name)
        return default


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_a_formula_reads_only_what_is_counted(metric: Metric) -> None:
    asked: set[str] = set()
    span = Span([Day(date(2026, 3, 2), _Spy(asked), members=9)])

    metric.value(span, span)
    metric.base(span)

    assert asked <= set(COUNTERS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_an_indicator_says_how_it_is_worked_out_and_what_it_needs(metric: Metric) -> None:
    assert metric.formula
    assert metric.source in ("运营手册", "自定")
    assert metric.lengths
    assert metric.inlets <= ALL_INLETS
    assert missing(metric, ALL_INLETS) == ""
    assert missing(metric, frozenset()) in INLETS.values()


def test_every_inlet_has_a_name_and_a_remedy() -> None:
    assert INLETS.keys() == INLET_NAMES.keys()


def _nobody(day: date) -> int:
    return 0


@st.composite
def spans(draw: st.DrawFn) -> list[Day]:
    """Some days of a place where anything was counted and anybody spoke; members by number up to 7."""
    length = draw(st.integers(2, 12))
    marks = {mark: draw(st.lists(st.integers(0, 255), min_size=length, max_size=length)) for mark in ("spoke", "part", "new")}
    counts = draw(st.lists(st.dictionaries(st.sampled_from(NAMES), st.integers(0, 50), max_size=6), min_size=length, max_size=length))

    def look(mark: str, day: date) -> int:
        at = (day - date(2026, 3, 2)).days
        return marks[mark][at] if 0 <= at < length else 0

    return [
        work_out(
            date(2026, 3, 2) + timedelta(days=at), counts[at], members=draw(st.integers(0, 8)), spoke=Joined(partial(look, "spoke")),
            part=Joined(partial(look, "part")), new=Joined(partial(look, "new")),
        )
        for at in range(length)
    ]  # fmt: skip


@given(spans())
@settings(max_examples=30)
def test_shares_are_between_nothing_and_all_and_nothing_is_divided_by_nothing(days: list[Day]) -> None:
    middle = len(days) // 2
    before, now = Span(days[:middle]), Span(days[middle:])
    for metric in METRICS.values():
        value = metric.value(now, before)
        assert metric.base(now) >= 0
        assert shown(metric, value)
        if metric.unit == "share" and metric.id != "net_growth":
            assert value is None or 0 <= value <= 1, metric.id
        if metric.unit == "score":
            assert value is None or -100 <= value <= 100


@given(spans())
@settings(max_examples=30)
def test_what_is_counted_adds_up_over_neighbouring_spans(days: list[Day]) -> None:
    middle = len(days) // 2
    for id in ("messages", "points_in", "points_out", "missed", "newcomers", "departures"):
        first, second, both = (METRICS[id].value(Span(part), None) for part in (days[:middle], days[middle:], days))
        assert first is not None
        assert second is not None
        assert first + second == both


def test_an_empty_place_has_no_shares() -> None:
    empty = Span([Day(date(2026, 3, 2))])
    for metric in METRICS.values():
        value = metric.value(empty, empty)
        assert value == 0 if metric.unit in ("people", "times", "points") else value is None, metric.id


@given(st.dictionaries(st.integers(0, 1440), st.integers(1, 5), min_size=1, max_size=12))
@settings(max_examples=40)
def test_the_median_of_what_was_counted_is_that_of_its_values(counted: dict[int, int]) -> None:
    assert median(counted) == plain_median([value for value, n in counted.items() for _ in range(n)])


@pytest.mark.parametrize(
    ("id", "value", "text"),
    [
        ("wau", 1234, "1,234 人"), ("dau", 11 / 7, "1.6 人"), ("active_share", 0.345, "34%"), ("churn", 0.031, "3.1%"), ("churn", 0.03, "3%"),
        ("answer_minutes", 28.5, "28 分钟"), ("answer_minutes", 180, "3 小时"), ("nps", 40, "+40"), ("k_factor", 0.2, "0.20"), ("nps", None, "—"),
    ],
)  # fmt: skip
def test_a_figure_is_shown_with_its_unit(id: str, value: float | None, text: str) -> None:
    assert shown(METRICS[id], value) == text
