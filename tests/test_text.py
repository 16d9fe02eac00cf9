"""Texts made comparable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules.text import LONGEST, Words, core, fit, normalise, stands_alone

any_text = st.text(st.characters(), max_size=60)
"""Lone surrogates included: JSON can carry them."""


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Words:
    words = Words(tmp_path_factory.mktemp("jieba"), ["群管家", "会员日"])
    words.cut("读一次词典")
    return words


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("怎么\u200b退\ufeff款", "怎么退款"),
        ("  你好\t\n世界 ", "你好 世界"),
        ("退款\ud800", "退款"),
        ("", ""),
    ],
)
def test_width_case_blanks_and_invisible_characters_do_not_matter(said: str, plain: str) -> None:
    assert normalise(said) == plain


@given(any_text)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(any_text)
def test_a_normalised_text_can_be_encoded_and_holds_no_zero_width(text: str) -> None:
    assert "\u200b" not in normalise(text + "\u200b").encode().decode()


def test_no_more_than_the_limit_is_read() -> None:
    assert len(normalise("字" * 100_000)) == LONGEST
    assert len(normalise("\ufdfa" * LONGEST)) == LONGEST  # one character that NFKC makes eighteen of


@pytest.mark.parametrize("padding", ["\u200b", "\ufe0f", " ", "\n", "\u3000", "好", "\u3164", "\ufdfa", " \u200b"])
@pytest.mark.parametrize("count", [LONGEST, 9_000, 60_000])
def test_padding_hides_nothing_behind_it(padding: str, count: int) -> None:
    said = padding * count + "有话要说"
    assert normalise(said).endswith("有话要说")
    assert len(normalise(said)) <= LONGEST
    assert normalise(normalise(said)) == normalise(said)
    assert normalise("有话要说" + padding * count).startswith("有话要说")


def test_what_is_read_of_a_long_text_is_no_word_that_nobody_wrote() -> None:
    assert fit("傻" * LONGEST) == "傻" * LONGEST
    assert "傻逼" not in fit("傻" * LONGEST + "逼" * LONGEST)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("请问怎么退款呢？", "怎么退款"),
        ("你好，怎么退款", "怎么退款"),
        ("亲，在吗，怎么退款呀~~", "怎么退款"),
        ("想问一下怎么退款🙏", "怎么退款"),
        ("亲子活动几点开始吗", "亲子活动几点开始"),
        ("这是为什么呢", "这是为什么"),
        ("附近有酒吧吗？", "附近有酒吧"),
        ("你好", "你好"),
        ("C++", "c++"),
        ("吗", "吗"),
        ("？？？！", ""),
        ("👍", ""),
    ],
)
def test_the_core_is_the_question_without_what_is_polite(said: str, meant: str) -> None:
    assert core(said) == meant


@given(any_text)
def test_the_core_of_a_core_is_itself(text: str) -> None:
    assert core(core(text)) == core(text)


@given(st.lists(st.sampled_from([*"吗呢啊呀吧么哈？。，! 亲好你", "请问", "怎么", "什么", "酒吧", "在吗"]), max_size=12).map("".join))
def test_the_core_of_a_core_is_itself_for_particles_too(text: str) -> None:
    assert core(core(text)) == core(text)


def test_words_are_cut_without_blanks_and_marks(words: Words) -> None:
    assert words.cut("怎么 申请退款？") == ["怎么", "申请", "退款"]


def test_own_words_stay_whole(words: Words) -> None:
    assert words.cut("群管家的会员日") == ["群管家", "的", "会员日"]


def test_a_common_word_is_less_rare_than_a_rare_one(words: Words) -> None:
    assert 0 <= words.rarity("的") < words.rarity("怎么") < words.rarity("发票") < words.rarity("噫嘻嘻") == 1


def test_the_cache_lies_in_the_folder_that_was_given(tmp_path: Path) -> None:
    Words(tmp_path, is_fast=False).cut("你好")
    assert list(tmp_path.iterdir())


def test_without_a_folder_words_are_cut_the_same(words: Words) -> None:
    text = "积分什么时候过期，发票丢了怎么办"
    assert Words().cut(text) == words.cut(text)


@given(any_text)
def test_cutting_never_fails(words: Words, text: str) -> None:
    assert all(words.cut(text))


@pytest.mark.parametrize(("text", "alone"), [("sb", True), ("你sb吗", True), ("usb", False), ("sb2", False), ("说 sb 呢", True)])
def test_latin_letters_stand_alone_only_as_a_whole_word(text: str, alone: bool) -> None:
    start = text.index("sb")
    assert stands_alone(text, start, start + 2) is alone


@pytest.fixture(scope="module")
def slow(words: Words) -> Words:
    return Words(words.tmp_dir, words.own_words, is_fast=False)


pieces = [*"会员日群管家的积分退款发票vip卡c+1a.%-_# ，", "会员日", "群管家", "怎么", "iphone15"]


@settings(deadline=None)  # the first reads a dictionary
@given(st.one_of(any_text, st.lists(st.sampled_from(pieces), max_size=20).map("".join)))
def test_the_fast_way_cuts_as_jieba_does(words: Words, slow: Words, text: str) -> None:
    assume(not re.search(r"(.)\1\1", text))  # 款款款: 款款/款 and 款/款款 are equally likely, and each takes its own
    assert words.cut(text) == slow.cut(text)
