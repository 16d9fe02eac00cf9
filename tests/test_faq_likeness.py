"""The score: what two judges say, made comparable between entries with one wording and with many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.entries import Entry
from rules.faq import CLEAR_FROM, Faq
from rules.faq_index import Near
from rules.faq_likeness import ANSWER_FROM, ANSWERS_AT, OFFER_FROM, OFFERS_AT, PATTERN, score
from rules.text import Words

shares = st.floats(0, 1)
counts = st.integers(1, 50)
FEES = ("查一下我的话费", "报一下话费", "给我说一下话费", "查手机费", "我的手机话费")


@pytest.fixture(scope="module")
def words(dictionary: Words) -> Words:
    return dictionary


@pytest.mark.parametrize("wordings", [2, 3, 4, 40])
def test_the_thresholds_mean_the_same_however_many_wordings_there_are(wordings: int) -> None:
    at = min(wordings, 4) - 1
    for value, meant in ((OFFERS_AT[at], OFFER_FROM), (ANSWERS_AT[at], ANSWER_FROM)):
        pattern = value / PATTERN  # nothing comes from the likeness
        assert score(Near(0, wordings, 0.0, pattern)) == pytest.approx(meant)


@given(shares, shares, counts)
def test_a_score_is_a_share_and_never_less_than_the_likeness_of_several_wordings(likeness: float, pattern: float, wordings: int) -> None:
    assert (likeness if wordings > 1 else 0.0) <= score(Near(0, wordings, likeness, pattern)) <= 1.0


@given(shares, shares, shares, counts)
def test_more_likeness_or_more_pattern_never_lowers_a_score(likeness: float, pattern: float, more: float, wordings: int) -> None:
    before = score(Near(0, wordings, likeness, pattern))
    assert score(Near(0, wordings, max(likeness, more), pattern)) >= before - 1e-9
    assert score(Near(0, wordings, likeness, max(pattern, more))) >= before - 1e-9


@given(shares, shares)
def test_the_score_of_a_single_wording_knows_no_pattern(likeness: float, pattern: float) -> None:
    assert score(Near(0, 1, likeness, pattern)) == score(Near(0, 1, likeness, 0.0))


def test_the_thresholds_mean_the_same_for_a_single_wording() -> None:
    assert score(Near(0, 1, OFFERS_AT[0], 0.0)) == pytest.approx(OFFER_FROM)
    assert score(Near(0, 1, ANSWERS_AT[0], 0.0)) == pytest.approx(ANSWER_FROM)


def test_several_wordings_show_what_may_vary(words: Words) -> None:
    others = [Entry("points", "查一下积分", "答", ("现在积分是多少", "怎么查积分")), Entry("stop", "办理停机", "答")]
    one = Faq([Entry("fee", FEES[0], "答"), *others], words).ask("帮我看看手机话费还有吗")
    many = Faq([Entry("fee", FEES[0], "答", FEES[1:]), *others], words).ask("帮我看看手机话费还有吗")
    assert many.candidates[0].entry.id == "fee"
    assert many.score > one.score
    assert many.outcome == "answer"


def test_near_twins_are_offered_and_not_answered(words: Words) -> None:
    twins = [
        Entry("change", "固话密码怎么修改", "答", ("我想改固话密码", "固话密码在哪里改")),
        Entry("reset", "固话密码怎么重置", "答", ("我想重置固话密码", "固话密码在哪里重置")),
    ]
    found = Faq(twins, words).ask("固话密码在哪里")
    assert (found.outcome, found.why) == ("offer", "rival")
    assert {each.entry.id for each in found.candidates} == {"change", "reset"}
    assert found.score - found.candidates[1].score < CLEAR_FROM
