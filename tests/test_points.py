"""Check-ins and streaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.points import Bonus, CheckInRule, check_in_reward

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


def test_without_bonuses_every_day_earns_the_base() -> None:
    assert {check_in_reward(day, CheckInRule(2, ())) for day in range(1, 100)} == {2}


@given(st.integers(1, 5_000), rules)
def test_a_reward_is_never_less_than_the_base(streak: int, rule: CheckInRule) -> None:
    assert check_in_reward(streak, rule) >= rule.base
