"""Questions that ask the same come together, in the order of how often they were asked, and quickly."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.clusters import MOST_QUESTIONS, Asked, Pile, pile_up
from rules.text import Words, core
from tests.timing import SLOWER

CORPORA = os.environ.get("BOT_CORPORA", "")


@pytest.fixture(scope="module")
def words(dictionary: Words) -> Words:
    """One dictionary for all tests."""
    return dictionary


def piles(words: Words, *texts: str, unwanted: tuple[str, ...] = ()) -> list[Pile]:
    """The piles of texts that were asked one after the other."""
    return pile_up([Asked(text, at) for at, text in enumerate(texts)], words, unwanted=unwanted)


def test_questions_that_ask_the_same_are_one_pile(words: Words) -> None:
    (pile,) = piles(words, "停车场怎么收费", "停车场收费标准是什么", "请问停车场如何收费？", "停车场收费多少钱")
    assert pile.count == 4
    assert pile.newest == 3
    assert pile.central == "停车场怎么收费"
    assert len(pile.wordings) == 4


def test_what_was_asked_most_comes_first_under_its_shortest_text(words: Words) -> None:
    (pile,) = piles(words, "停车场收费多少钱", "请问停车场怎么收费呢？", "停车场怎么收费", "停车场收费多少")
    assert pile.wordings[0] == "停车场怎么收费"
    assert (len(pile.wordings), pile.count) == (3, 4)


def test_questions_about_something_else_are_another_pile(words: Words) -> None:
    found = piles(words, "班车几点发车", "停车场怎么收费", "班车什么时候发车", "会员卡怎么办理", "停车场收费标准", "班车发车时间")
    assert [sorted(pile.wordings) for pile in found] == [
        ["班车什么时候发车", "班车几点发车", "班车发车时间"],
        ["停车场怎么收费", "停车场收费标准"],
        ["会员卡怎么办理"],
    ]


def test_a_pile_does_not_creep_from_one_subject_to_the_next(words: Words) -> None:
    found = piles(words, "怎么退款", "怎么退货", "怎么换货", "怎么换手机号", "怎么解绑手机号")
    assert all(len(pile.wordings) <= 2 for pile in found)


def test_what_is_unwanted_takes_what_is_like_it_away(words: Words) -> None:
    found = piles(words, "今天吃什么呢", "晚上吃什么", "停车场怎么收费", unwanted=("今天吃什么",))
    assert "停车场怎么收费" in [pile.central for pile in found]
    assert "今天吃什么呢" not in [wording for pile in found for wording in pile.wordings]


def test_nothing_and_marks_make_no_pile(words: Words) -> None:
    assert piles(words) == []
    assert piles(words, "", "？？？", "。") == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="停车场怎么收费退款班车几点发 ?a1😀", max_size=12), max_size=30))
def test_every_question_is_in_exactly_one_pile(words: Words, texts: list[str]) -> None:
    found = piles(words, *texts)
    cores = Counter(core(text) for text in texts if core(text))
    assert sum(pile.count for pile in found) == cores.total()
    assert Counter(core(wording) for pile in found for wording in pile.wordings) == Counter(dict.fromkeys(cores, 1))
    assert [pile.count for pile in found] == sorted((pile.count for pile in found), reverse=True)
    assert piles(words, *texts) == found, "the same again"


def test_of_five_thousand_questions_the_most_asked_are_put_together_within_a_second(words: Words) -> None:
    things = [
        f"{place}{thing}"
        for place in ("一楼", "二楼", "食堂", "宿舍", "东门", "西门", "图书馆", "体育馆")
        for thing in ("停车场", "会员卡", "班车", "打印机", "快递柜")
    ]
    ways = ["怎么收费", "几点开门", "在哪里", "坏了找谁", "可以用多久", "怎么预约", "丢了怎么办", "需要带什么", "能不能带朋友", "周末开吗"]
    texts = [
        f"{start}{thing}{way}{end}"
        for start in ("", "你们", "那个", "我想知道", "麻烦问下")
        for thing in things
        for way in ways
        for end in ("", "呀", "急")
    ]
    words.cut("先读好字典")
    began = time.process_time()
    found = piles(words, *texts[:5_000], *texts[:100])
    took_s = time.process_time() - began
    assert len(texts) >= 5_000
    assert sum(len(pile.wordings) for pile in found) == MOST_QUESTIONS
    assert {core(text) for text in texts[:100]} <= {core(wording) for pile in found for wording in pile.wordings}
    assert took_s < 0.5 * SLOWER, "about half a second on a quiet machine"


@pytest.mark.skipif(not CORPORA, reason="BOT_CORPORA names no labelled questions")
def test_most_questions_lie_with_their_own_kind(words: Words) -> None:
    rows = [line.split("\t") for line in (Path(CORPORA) / "faq_lcqmc/public/queries.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    kind_of = {core(row[3]): row[1] for row in rows if row[2] == "in"}
    found = piles(words, *(row[3] for row in rows if row[2] == "in"))
    own = sum(max(Counter(kind_of[core(wording)] for wording in pile.wordings).values()) for pile in found)
    assert own / len(kind_of) > 0.88
