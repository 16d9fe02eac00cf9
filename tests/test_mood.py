"""The mood of texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.mood import NEUTRAL, SnowMood

pytestmark = pytest.mark.xdist_group("mood")  # the model is slow and large: one process has it


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
