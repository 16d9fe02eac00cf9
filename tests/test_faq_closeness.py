"""The closer look at entries with a single wording: their words and the order of their characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.entries import Entry
from rules.faq import Faq
from rules.faq_closeness import MOST_APART, MOST_ORDERED, View, closeness, pairs_of, view
from rules.text import Words

texts = st.text(st.sampled_from("退款发票积分签到活动时间地址怎么什么"), max_size=12)
worded = st.dictionaries(st.text(st.sampled_from("退款发票积分签到"), min_size=1, max_size=3), st.floats(0.01, 1.0), max_size=6)
PARKING = Entry("parking", "停车场怎么收费", "免费")


@pytest.fixture(scope="module")
def words(dictionary: Words) -> Words:
    return dictionary


def close(one: View, other: View, likeness: float = 0.5) -> float:
    return closeness(one.words, one.weight, one.pairs, other, likeness)


@given(texts, worded, texts, worded, st.floats(0.0, 1.0))
def test_closeness_is_a_share(flat: str, said: dict[str, float], other: str, listed: dict[str, float], likeness: float) -> None:
    assert 0.0 <= close(view(flat, said), view(other, listed), likeness) <= 1.0


@given(texts, worded, st.floats(0.0, 1.0))
def test_more_likeness_is_never_less_close(flat: str, said: dict[str, float], likeness: float) -> None:
    it = view(flat, said)
    assert close(it, it, likeness) <= close(it, it, 1.0)


def test_words_that_share_a_character_are_nearer_than_words_that_share_none() -> None:
    asked = view("男生", {"男生": 1.0})
    assert close(asked, view("男人", {"男人": 1.0})) > close(asked, view("女士", {"女士": 1.0}))


def test_the_order_tells_who_does_what_to_whom() -> None:
    weights = {"狗": 1.0, "咬": 1.0, "人": 1.0}
    asked = view("狗咬人", weights)
    assert close(asked, view("狗咬了人", weights)) > close(asked, view("人咬狗", weights))


def test_a_long_text_has_a_bounded_number_of_pairs() -> None:
    assert len(pairs_of("".join(map(chr, range(0x4E00, 0x4E00 + 500))))) <= MOST_APART * MOST_ORDERED
    assert pairs_of("") == frozenset()


def test_question_words_alone_make_nothing_near(words: Words) -> None:
    asked = ("怎么退款", "怎么开发票", "怎么修改地址", "怎么联系客服", "怎么取消订单", "怎么获得积分")
    faq = Faq([Entry(question, question, "答") for question in asked], words)
    assert faq.ask("停车场怎么收费").outcome == "silent"
    assert faq.ask("停车场怎么收费呀亲").outcome == "silent"


@pytest.mark.parametrize("said", ["停车怎么收费", "停车场如何收费", "停车场的收费是怎么收的"])
def test_an_entry_with_one_wording_is_found_in_other_words(words: Words, said: str) -> None:
    others = [Entry(question, question, "答") for question in ("怎么退款", "怎么开发票", "会员怎么收费", "停车场在哪里")]
    found = Faq([PARKING, *others], words).ask(said)
    assert found.candidates[0].entry == PARKING
    assert found.outcome != "silent"
