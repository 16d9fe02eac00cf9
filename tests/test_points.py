"""Check-ins and streaks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.points import Bonus, CheckInRule, bonus_on, check_in_reward, next_bonus, streak_after

TODAY = date(2026, 3, 1)
RULE = CheckInRule(5, (Bonus(3, 5), Bonus(7, 15), Bonus(30, 100)))
rules = st.builds(
    CheckInRule,
    st.integers(0, 100),
    st.lists(st.builds(Bonus, st.integers(2, 60), st.integers(0, 500)), max_size=4, unique_by=lambda bonus: bonus.days).map(tuple),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("streak", "points"), [(1, 5), (2, 5), (3, 10), (4, 5), (7, 20), (8, 5), (30, 105), (31, 5), (33, 10), (37, 20), (60, 105)]
)
def test_the_reward_is_the_base_and_a_bonus_on_the_day_a_streak_is_reached(streak: int, points: int) -> None:
    assert check_in_reward(streak, RULE) == points


def test_without_repeat_there_is_no_bonus_after_the_longest_streak() -> None:
    rule = CheckInRule(5, RULE.bonuses, repeat=False)
    assert check_in_reward(33, rule) == 5
    assert next_bonus(30, rule) is None


def test_without_bonuses_every_day_earns_the_base() -> None:
    assert {check_in_reward(day, CheckInRule(2, ())) for day in range(1, 100)} == {2}


@pytest.mark.parametrize(
    ("streak", "ahead"), [(0, Bonus(3, 5)), (1, Bonus(2, 5)), (3, Bonus(4, 15)), (29, Bonus(1, 100)), (30, Bonus(3, 5))]
)
def test_the_next_bonus_is_announced(streak: int, ahead: Bonus) -> None:
    assert next_bonus(streak, RULE) == ahead


@pytest.mark.parametrize(
    ("last", "streak", "after"),
    [
        (None, 0, 1),
        (TODAY - timedelta(days=1), 4, 5),
        (TODAY - timedelta(days=2), 4, 1),
        (TODAY, 4, 4),
        (TODAY + timedelta(days=1), 4, 4),
        (date(2026, 2, 28), 9, 10),
    ],
)
def test_a_streak_grows_by_a_day_and_breaks_by_a_gap(last: date | None, streak: int, after: int) -> None:
    assert streak_after(last, TODAY, streak) == after


@given(st.integers(1, 5_000), rules)
def test_a_reward_is_never_less_than_the_base(streak: int, rule: CheckInRule) -> None:
    assert check_in_reward(streak, rule) >= rule.base


@given(st.integers(0, 500), rules)
def test_the_announced_bonus_is_the_one_that_comes(streak: int, rule: CheckInRule) -> None:
    ahead = next_bonus(streak, rule)
    if ahead is not None:
        assert bonus_on(streak + ahead.days, rule) == ahead.points
        assert not any(bonus_on(streak + day, rule) for day in range(1, ahead.days))


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_the_streak_is_the_number_of_days_in_a_row(days: list[bool]) -> None:
    last, streak = None, 0
    for offset, came in enumerate(days):
        today = TODAY + timedelta(days=offset)
        if came:
            streak = streak_after(last, today, streak)
            assert streak_after(today, today, streak) == streak
            last = today
            in_a_row = next((back for back in range(offset + 1) if not days[offset - back]), offset + 1)
            assert streak == in_a_row
