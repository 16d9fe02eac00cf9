"""What of a question is compared: characters, pairs, and what words mean."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rules import faq_index
from rules.entries import Entry
from rules.faq import Faq, scheme_of
from rules.faq_index import Index
from rules.faq_terms import MOST_FEATURES, MOST_JOINED, SHIPPED, Synonyms, Terms, shipped
from rules.text import Words, core

TABLE = {
    "spelling": [["怎么", "咋"]],
    "same": [["怎么", "如何", "怎么才能"], ["能", "可以"]],
    "alike": [["查询", "查", "查一下"]],
    "field": [["钱", "话费", "账单"], ["手机", "话费"]],
}


@pytest.fixture(scope="module")
def words(dictionary: Words) -> Words:
    return dictionary


@pytest.fixture(scope="module")
def terms(words: Words) -> Terms:
    return Terms(words, Synonyms(TABLE))


def meanings(terms: Terms, *said: str) -> set[str]:
    return {feature for feature in terms.features(said) if feature[0] in "=≈#"}


def test_a_question_is_its_characters_its_pairs_and_its_meanings(terms: Terms) -> None:
    assert terms.features(["查", "话费"]) == {".查", ".话", ".费", "~查话", "~话费", "≈查询", "#钱", "#手机"}


def test_what_is_said_everywhere_weighs_little_without_a_list_of_such_words(terms: Terms) -> None:
    asked, subject = terms.sense("如何", 50, 100), terms.sense("话费", 1, 100)
    assert asked[0] == "怎么"
    assert asked[1] < subject[1] / 2


def test_of_phrases_within_phrases_the_longest_counts(terms: Terms) -> None:
    assert meanings(terms, "怎么", "才", "能") == {"=怎么"}
    assert meanings(terms, "查", "一下") == {"≈查询"}


def longest_first(words: list[str], group: dict[str, str], mark: str) -> set[str]:
    """What the words mean by one kind of groups, told as plainly as it goes: from left to right, of all phrases at a place the longest."""
    found, at = set(), 0
    while at < len(words):
        lengths = [
            length for length in range(1, MOST_JOINED + 1) if at + length <= len(words) and "".join(words[at : at + length]) in group
        ]
        if lengths:
            found.add(mark + group["".join(words[at : at + lengths[-1]])])
        at += max(lengths, default=1)
    return found


@given(st.lists(st.sampled_from(["怎么", "才", "能", "可以", "如何", "查", "一下", "话费", "账单", "才能", "了"]), max_size=8))
def test_of_every_kind_the_longest_phrase_counts_wherever_it_stands(words: list[str]) -> None:
    same = {"怎么": "怎么", "如何": "怎么", "怎么才能": "怎么", "能": "能", "可以": "能"}
    alike = {"查询": "查询", "查": "查询", "查一下": "查询", "才能": "会", "会": "会"}
    fields = {"钱": ["#钱"], "话费": ["#钱", "#手机"], "账单": ["#钱"], "手机": ["#手机"]}
    told = longest_first(words, same, "=") | longest_first(words, alike, "≈") | {each for word in words for each in fields.get(word, [])}
    assert Synonyms({**TABLE, "alike": [*TABLE["alike"], ["会", "才能"]]}).features(words) == told


def test_words_that_only_together_contain_a_phrase_do_not_mean_it(terms: Terms) -> None:
    assert meanings(terms, "检查") == set()


def test_another_spelling_is_the_same_word(terms: Terms) -> None:
    assert terms.cut("咋退款") == terms.cut("怎么退款")


def test_an_essay_has_no_more_parts_than_a_page_of_questions(terms: Terms) -> None:
    essay = terms.cut("".join(chr(0x4E00 + number) for number in range(2_000)))
    assert len(essay) <= MOST_FEATURES
    assert len(terms.features(essay)) <= 3 * MOST_FEATURES


def test_no_table_at_all_leaves_the_characters(words: Words) -> None:
    assert Terms(words, Synonyms()).features(["话费"]) == {".话", ".费", "~话费"}


def test_what_fewer_entries_have_weighs_more(terms: Terms) -> None:
    weights = [terms.weigh("~话费", owners, 100) for owners in (0, 1, 10, 100)]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0


def test_what_is_said_in_other_words_is_found_by_its_meaning(words: Words) -> None:
    fee = Entry("fee", "查一下我的话费", "答")
    stop = Entry("stop", "办理停机", "答")
    without_meanings = Faq.over(Index.of([fee, stop], scheme_of(words, Synonyms())))
    assert Faq([fee, stop], words).ask("账单是多少钱").candidates[0].entry == fee
    assert not without_meanings.ask("账单是多少钱").candidates


# The shipped table ----------------------------------------------------------------------------------------------------
def test_in_the_shipped_table_a_phrase_stands_in_one_group_of_its_kind() -> None:
    table = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert set(table) == {"spelling", "same", "alike", "field"}
    for kind in ("spelling", "same", "alike"):
        phrases = Counter(str(phrase) for group in table[kind] for phrase in set(group))
        assert {phrase: count for phrase, count in phrases.items() if count > 1} == {}
    assert all(len(set(group)) == len(group) > 1 for kind in table.values() for group in kind)


def test_the_shipped_table_is_read_once() -> None:
    assert shipped() is shipped()
    assert SHIPPED.stat().st_size < 100_000


@pytest.mark.parametrize("small", [0, faq_index.SMALL])
@given(wordings=st.lists(st.text(st.sampled_from("退款发票怎么开，a1 "), min_size=1, max_size=6), min_size=1, max_size=4))
def test_an_index_of_any_size_knows_just_the_pairs_of_its_wordings(words: Words, small: int, wordings: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faq_index, "SMALL", small)
        terms = Terms(words, Synonyms())
        listed = [Entry(str(number), wording, "答") for number, wording in enumerate(wordings)]
        index = Index.of(listed[:-1], terms).changed({"last": listed[-1]})
    told = set().union(*(terms.features(terms.cut(core(wording))) for wording in wordings))
    tried = {one + other for one in "退款发票怎么开a1" for other in "退款发票怎么开a1"}
    assert {pair for pair in tried if index.knows_pair(pair)} == {feature[1:] for feature in told if feature[0] == "~"}
