"""Traditional characters and typing mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.entries import Entry
from rules.faq import Faq
from rules.text import Words, core, normalise
from rules.variants import MOST_REPAIRED, Variants, shipped

ENTRIES = [
    Entry("refund", "怎么申请退款", "点申请退款"),
    Entry("invoice", "发票在哪里开", "点申请开票"),
    Entry("card", "会员卡有效期多久", "一年", keywords=("会员卡",)),
]


@pytest.fixture(scope="module")
def faq(tmp_path_factory: pytest.TempPathFactory) -> Faq:
    return Faq(ENTRIES, Words(tmp_path_factory.mktemp("jieba")))


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [("請問發票開錯了", "请问发票开错了"), ("會員卡有效期多久", "会员卡有效期多久"), ("乾隆", "乾隆"), ("头发和发票", "头发和发票")],
)
def test_traditional_characters_become_simplified(traditional: str, simplified: str) -> None:
    assert shipped().simplify(traditional) == normalise(traditional) == simplified


@given(st.text(st.characters(min_codepoint=0x3400, max_codepoint=0xFAFF), max_size=30))
def test_simplifying_twice_changes_nothing(text: str) -> None:
    once = shipped().simplify(text)
    assert shipped().simplify(once) == once
    assert len(once) == len(text)


@pytest.mark.parametrize("said", ["會員卡有效期多久", "發票在哪裡開？", "怎麼申請退款"])
def test_a_question_in_traditional_characters_is_answered(faq: Faq, said: str) -> None:
    assert (faq.ask(said).outcome, faq.ask(said).why) == ("answer", "exact")


@pytest.mark.parametrize(("said", "id"), [("怎么申请腿款", "refund"), ("发漂在哪里开", "invoice"), ("怎么申清退款", "refund")])
def test_a_typing_mistake_is_seen_through(faq: Faq, said: str, id: str) -> None:
    found = faq.ask(said)
    assert found.entry is not None
    assert found.entry.id == id


@pytest.mark.parametrize("said", ["今天天气真好", "退一步海阔天空", "腿好酸啊不想走路了"])
def test_chat_is_not_taken_for_a_mistyped_question(faq: Faq, said: str) -> None:
    assert faq.ask(said).outcome == "silent"


@given(st.text(st.sampled_from("怎么申请退款腿清发票漂在哪里开今天气会员卡"), max_size=12))
def test_a_repair_changes_few_characters_and_only_to_known_pairs(text: str) -> None:
    pairs = {entry.question[at : at + 2] for entry in ENTRIES for at in range(len(entry.question) - 1)}
    repaired = shipped().repair(text, pairs.__contains__)
    changed = [at for at in range(len(text)) if repaired[at] != text[at]]
    assert len(repaired) == len(text)
    assert len(changed) <= MOST_REPAIRED
    assert all(repaired[at : at + 2] in pairs or repaired[at - 1 : at + 1] in pairs for at in changed)


@given(st.text(st.sampled_from("怎么申请退款腿清发票漂在哪里开今天气会员卡"), max_size=12))
def test_a_repair_that_tries_only_what_entries_have_is_the_same(text: str) -> None:
    pairs = {entry.question[at : at + 2] for entry in ENTRIES for at in range(len(entry.question) - 1)}
    held = set("".join(pairs))
    table = shipped()
    known = table.repair(text, pairs.__contains__, lambda char: "".join(filter(held.__contains__, table.others_for(char))))
    assert known == table.repair(text, pairs.__contains__)


def test_a_text_that_is_known_throughout_stays() -> None:
    assert shipped().repair("怎么退款", lambda pair: True) == "怎么退款"
    assert shipped().repair("怎么退款", lambda pair: False) == "怎么退款"


def test_an_empty_table_changes_nothing() -> None:
    empty = Variants.read("# nothing\n")
    assert empty.simplify("請問") == "請問"
    assert empty.repair("腿款", lambda pair: pair == "退款") == "腿款"


def test_a_core_is_simplified() -> None:
    assert core("請問怎麼退款呢？") == "怎么退款"
