"""The mood of texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.mood import NEUTRAL, SnowMood, ewma

shares = st.floats(0, 1)


@pytest.fixture(scope="module")
def mood() -> SnowMood:
    return SnowMood()


@pytest.mark.parametrize("text", ["", "   ", "？！……", "\u200b", "👍", "\ud800"])
def test_a_text_without_a_word_is_neutral(mood: SnowMood, text: str) -> None:
    assert mood.score(text) == NEUTRAL


def test_praise_is_happier_than_a_complaint(mood: SnowMood) -> None:
    assert mood.score("质量很好，服务热情，非常满意") > 0.8
    assert mood.score("太差了，又贵又难用，再也不来了") < 0.3


def test_a_page_of_text_is_cut(mood: SnowMood) -> None:
    assert mood.score("很好" * 5_000) == mood.score("很好" * 250)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_a_score_is_a_share_whatever_the_text(mood: SnowMood, text: str) -> None:
    assert 0 <= mood.score(text) <= 1


def test_the_first_score_is_the_mean() -> None:
    assert ewma(None, 0.3, 0.1) == 0.3


@given(shares, shares, shares)
def test_the_mean_lies_between_what_was_and_what_came(previous: float, score: float, weight: float) -> None:
    after = ewma(previous, score, weight)
    assert min(previous, score) - 1e-12 <= after <= max(previous, score) + 1e-12


@given(shares, shares)
def test_weight_one_forgets_and_weight_zero_ignores(previous: float, score: float) -> None:
    assert ewma(previous, score, 1.0) == pytest.approx(score)
    assert ewma(previous, score, 0.0) == previous
