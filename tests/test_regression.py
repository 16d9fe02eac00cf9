"""An edit that would make a question miss its answer is noticed before it is published; one that would not is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.entries import Entry
from rules.faq import Faq
from rules.regression import MOST_CASES, Case, FaqTest, breaks, cases_of, conflicts_among
from rules.text import Words

REFUND = Entry("refund", "怎么退款", "点退款", ("如何申请退款", "我想退款"))
INVOICE = Entry("invoice", "怎么开发票", "填抬头", ("电子发票怎么开",))
SHUTTLE = Entry("shuttle", "班车几点发车", "八点", ("班车发车时间",))
CANTEEN = Entry("canteen", "食堂几点开门", "七点", ("食堂开门时间",))
ENTRIES = (REFUND, INVOICE, SHUTTLE, CANTEEN)


@pytest.fixture(scope="module")
def faq(dictionary: Words) -> Faq:
    """Four entries about four things."""
    return Faq(ENTRIES, dictionary)


def broken(faq: Faq, changes: dict[str, Entry | None], *stored: FaqTest) -> dict[str, tuple[str, str]]:
    """What an edit breaks: what becomes of a question, before and after."""
    found = breaks(faq, faq.with_changes(changes), cases_of(faq, changes, stored))
    return {one.case.question: (one.before, one.after) for one in found}


def test_another_answer_breaks_nothing(faq: Faq) -> None:
    assert broken(faq, {"refund": replace(REFUND, answer="不退")}, FaqTest("t", "怎么退款呀", "refund")) == {}


def test_a_stored_question_that_misses_its_answer_is_told(faq: Faq) -> None:
    away = replace(REFUND, question="会议室钥匙找谁", similar=())
    told = broken(faq, {"refund": away}, FaqTest("t", "怎么退款呀", "refund"))
    assert list(told) == ["怎么退款呀"]
    before, after = told["怎么退款呀"]
    assert before == "回答“怎么退款”（refund）"
    assert "退款" not in after


def test_a_stored_question_whose_entry_goes_is_told(faq: Faq) -> None:
    assert list(broken(faq, {"refund": None}, FaqTest("t", "怎么退款呀", "refund"))) == ["怎么退款呀"]


def test_what_was_missed_before_is_no_harm_of_the_edit(faq: Faq) -> None:
    assert (
        broken(faq, {"refund": replace(REFUND, answer="不退")}, FaqTest("t", "量子纠缠", "refund"), FaqTest("u", "怎么退款", "gone")) == {}
    )


def test_a_new_wording_may_share_its_words_with_another_as_long_as_it_is_offered(faq: Faq) -> None:
    assert broken(faq, {"canteen": replace(CANTEEN, similar=("班车发车时间",))}) == {}


def test_wordings_of_rivals_are_tried_as_well(faq: Faq) -> None:
    changes = {"new": Entry("new", "退款", "找人", ("我想要退款",))}
    tried = cases_of(faq, changes, ())
    assert {case.question for case in tried} >= {"我想要退款", "退款", "我想退款", "如何申请退款"}
    assert "食堂几点开门" not in {case.question for case in tried}


def test_another_communitys_entries_are_in_nobodys_way(faq: Faq) -> None:
    far = Entry("far", "怎么退款", "那边不退", communities=("far",))
    here = replace(REFUND, communities=("main",))
    assert broken(faq.with_changes({"refund": here}), {"far": far}) == {}


def test_however_large_an_edit_no_more_is_tried_than_can_be(faq: Faq) -> None:
    changes = {f"n{n}": Entry(f"n{n}", f"{n} 号楼在哪里", "那里", (f"{n} 号楼怎么走",)) for n in range(3_000)}
    stored = [FaqTest(f"t{n}", f"第 {n} 个问题", "refund") for n in range(500)]
    tried = cases_of(faq, dict(changes), stored)
    assert len(tried) <= MOST_CASES
    assert Case("第 499 个问题", "refund", is_stored=True) in tried


def test_entries_that_are_asked_for_in_each_others_words_are_a_pair(faq: Faq) -> None:
    twin = Entry("twin", "班车什么时候发车", "九点", ("班车的发车时间",))
    found = list(conflicts_among(faq.with_changes({"twin": twin}), [*ENTRIES, twin]))
    assert [{one.entry.id, one.rival.id} for one in found] == [{"shuttle", "twin"}]
    assert list(conflicts_among(faq, ENTRIES)) == []
    assert list(conflicts_among(faq.with_changes({"twin": twin}), [*ENTRIES, twin], most_tried=1)) == []
