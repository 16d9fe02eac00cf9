"""Odd days: what is seen, how soon, and what is not odd at all – a weekend, a holiday, a make-up day, chance."""

from __future__ import annotations

import random
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.anomalies import series
from rules.anomalies import Counted, Course, fallen_silent
from rules.lighting import DAYS
from rules.workdays import Workdays

MONDAY = date(2026, 6, 1)


def weekend(day: date) -> bool:
    return day.weekday() >= 5


def plain(level: int, *last: int, days: int = 70) -> list[Counted]:
    """Days with the same count, half of it on weekends, and then the last ones as given."""
    last_day = MONDAY + timedelta(days=days - 1)
    ordinary = [MONDAY + timedelta(days=at) for at in range(days - len(last))]
    given_days = [last_day - timedelta(days=back) for back in reversed(range(len(last)))]
    return [Counted(day, level // 2 if weekend(day) else level) for day in ordinary] + [
        Counted(day, n) for day, n in zip(given_days, last, strict=True)
    ]


def test_weekends_are_not_odd() -> None:
    counted = plain(60)

    assert all(Course(counted[:end], weekend).find("low", 10) is None for end in range(1, len(counted) + 1))


def test_a_drop_to_six_tenths_is_seen_within_days_and_says_what_is_usual() -> None:
    odd = Course(plain(60, 36, 36, 36, 36, 36, days=75), weekend).find("low", 10)  # 75 days end on a Friday

    assert odd
    assert odd.usual == 60
    assert odd.n == 36
    assert odd.since >= MONDAY + timedelta(days=70)


def test_one_wild_day_is_seen_at_once_and_forgotten_soon() -> None:
    wild = plain(100, 8, days=75)

    assert Course(wild, weekend).find("low", 10)
    later = plain(100, 8, *[50, 50, 100, 100, 100, 100, 100], days=82)
    assert Course(later, weekend).find("low", 10) is None


def test_more_than_usual_is_odd_only_where_more_is_a_trouble() -> None:
    counted = plain(20, 60, 60, days=75)

    assert Course(counted, weekend).find("high", 10)
    assert Course(counted, weekend).find("low", 10) is None


def test_few_are_never_odd() -> None:
    assert Course(plain(8, 0, 0, 0, 0, days=74), weekend).find("low", 10) is None


def test_a_community_of_three_weeks_is_not_judged() -> None:
    assert Course(plain(60, 1, days=21), weekend).find("low", 10) is None


def off(day: date) -> bool:
    return not Workdays().is_workday(day)


def around_national_day(quiet: int, made_up: int) -> list[Counted]:
    """2025: 1 to 8 October are off; Sunday, 28 September, and Saturday, 11 October, are worked."""
    first, last = date(2025, 7, 28), date(2025, 10, 8)
    days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    golden = {date(2025, 10, day) for day in range(1, 9)}
    return [Counted(day, quiet if day in golden else made_up if day == date(2025, 9, 28) else 30 if weekend(day) else 60) for day in days]


def test_a_quiet_national_day_is_no_anomaly() -> None:
    counted = around_national_day(quiet=10, made_up=60)

    assert all(Course(counted[:end], off).find("low", 10) is None for end in range(60, len(counted) + 1))
    assert Course(counted, weekend).find("low", 10)  # which one that knows no holidays would tell


def test_a_sunday_that_is_worked_is_compared_with_workdays() -> None:
    busy, still = around_national_day(quiet=10, made_up=60), around_national_day(quiet=10, made_up=4)
    that_day = [one.day for one in busy].index(date(2025, 9, 28)) + 1

    assert Course(busy[:that_day], off).find("high", 10) is None
    assert Course(still[:that_day], off).find("low", 10)


@given(st.lists(st.integers(0, 1000), min_size=0, max_size=90))
@settings(max_examples=40, deadline=None)
def test_any_counts_can_be_judged(counts: list[int]) -> None:
    counted = [Counted(MONDAY + timedelta(days=at), n) for at, n in enumerate(counts)]
    for way in ("low", "high"):
        odd = Course(counted, weekend).find(way, 10)
        assert odd is None or (odd.n == counts[-1] and MONDAY <= odd.since <= counted[-1].day)


def test_false_alarms_are_rare_and_a_drop_is_found_soon() -> None:
    """A small part of ``benchmarks/anomalies.py``: forty series of four weeks."""
    ordinary = [series(random.Random(seed), DAYS, 100, 0.15) for seed in range(40)]
    dropped = [series(random.Random(seed), DAYS, 100, 0.15, drop=DAYS - 10) for seed in range(40)]

    assert sum(Course(one, weekend).find("low", 10) is not None for one in ordinary) <= 2
    assert sum(Course(one, weekend).find("low", 10) is not None for one in dropped) >= 32


def hours(n: int, weeks: int, today: list[int]) -> list[tuple[date, list[int]]]:
    past = [(MONDAY + timedelta(days=at), [n if 8 <= hour < 22 else 0 for hour in range(24)]) for at in range(7 * weeks)]
    return [*past, (MONDAY + timedelta(days=7 * weeks), today)]


def test_silence_is_told_where_so_much_is_usual_by_the_hour() -> None:
    assert fallen_silent(hours(3, 6, [0] * 24), 14, 15) == 18
    assert fallen_silent(hours(3, 6, [0] * 24), 10, 15) is None  # six are usual by then: too few to wonder
    assert fallen_silent(hours(3, 6, [0, 1] + [0] * 22), 14, 15) is None
    assert fallen_silent(hours(3, 2, [0] * 24), 14, 15) is None  # too young
