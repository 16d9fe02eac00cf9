"""The FAQ's arrays: they find what a plain look at every wording finds, survive a file, and take changes above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import faq_index
from rules.entries import Entry
from rules.faq_index import Foreign, Index, Layer, build, key, pack, unpack
from rules.text import core, normalise

REFUND = Entry("refund", "怎么退款", "点申请退款", ("如何申请退款",), ("退款+订单", "退钱"))
INVOICE = Entry("invoice", "怎么开发票", "点申请开票", valid_from=date(2026, 3, 1))
STAFF = Entry("staff", "后台密码怎么改", "找管理员", communities=("staff",), role="operator")


class Pairs:
    """Characters are the words; features are these and their pairs. A feature weighs more the fewer have it."""

    def cut(self, asked: str) -> list[str]:
        return [char for char in asked if char.isalnum()]

    def features(self, words: Sequence[str]) -> set[str]:
        return {*words, *map("".join, pairwise(words))}

    def sense(self, word: str, owners: int, entries: int) -> tuple[str, float]:
        return word, 1.0

    def within(self, feature: str) -> Sequence[str]:
        return feature if len(feature) == 2 else ()

    def is_indexed(self, feature: str) -> bool:
        return len(feature) == 2

    def weigh(self, feature: str, owners: int, entries: int) -> float:
        return len(feature) * (1.0 + (entries - owners) / (entries + 1.0))


def anyone(_: Entry) -> bool:
    return True


questions = st.text(st.sampled_from("退款发票积分签到活动时间地址"), min_size=2, max_size=8)
entry_lists = st.lists(st.lists(questions, min_size=1, max_size=3), min_size=1, max_size=12).map(
    lambda asked: [Entry(str(n), one[0], "答", tuple(one[1:])) for n, one in enumerate(asked)]
)


def likeness(index: Index, asked: str) -> dict[int, float]:
    """The shared weight of every wording that has a pair in common with the question, found by looking at all of them."""
    names = Pairs().features(Pairs().cut(core(asked)))
    weights = {key(name): index.weight(name) for name in names}
    pairs = {key(name) for name in names if len(name) == 2}
    wordings = [(number, index.wording(number)) for number in range(index.wordings)]
    return {
        number: sum(weights[each] for each in wording.features & weights.keys()) for number, wording in wordings if wording.features & pairs
    }


def found(index: Index, asked: str, most: int = 10_000) -> list[tuple[int, float]]:
    names = Pairs().features(Pairs().cut(core(asked)))
    return index.search({name: index.weight(name) for name in names}, index.opened(anyone), bar=0.0, most=most)


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize("small", [0, 10_000])
@settings(max_examples=25, deadline=None)
@given(entries=entry_lists, asked=questions)
def test_every_wording_with_a_pair_in_common_is_found_with_its_weight(few: int, small: int, entries: list[Entry], asked: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faq_index, "FEW", few)
        patch.setattr(faq_index, "SMALL", small)
        patch.setattr(faq_index, "WORTH", 0.0)
        index = Index.of(entries, Pairs())
        for _ in range(2):  # the second time in a scratch that was used
            hits = found(index, asked)
            assert dict(hits) == pytest.approx(likeness(index, asked), rel=1e-5)
            alike = [shared / (index.wording(number).weight + 1.0) for number, shared in hits]
            assert len(hits) == len(set(dict(hits))) == len(alike)


@settings(max_examples=25, deadline=None)
@given(entries=entry_lists, asked=questions)
def test_the_most_alike_come_first(entries: list[Entry], asked: str) -> None:
    index = Index.of(entries, Pairs())
    names = Pairs().features(Pairs().cut(asked))
    total = sum(map(index.weight, names)) + 1.0
    alike = [shared / (total + index.wording(number).weight) for number, shared in found(index, asked)]
    assert alike == sorted(alike, reverse=True)


def test_a_list_that_lifts_nothing_over_the_bar_stays_closed() -> None:
    index = Index.of([Entry(str(n), f"退款{n}", "答") for n in range(50)] + [REFUND], Pairs())
    names = {"怎么": 3.0, "么退": 3.0, "退款": 0.5}
    hits = index.search(names, index.opened(anyone), bar=1.0)
    assert {index.entry(index.entry_of(number)).id for number, _ in hits} == {"refund"}


def test_an_exact_question_is_found_whatever_stands_around_it() -> None:
    index = Index.of([REFUND, INVOICE], Pairs())
    may = index.opened(anyone)
    assert [index.entry(number) for number in index.exact(core("请问怎么退款呢？"), may)] == [REFUND]
    assert index.exact(core("怎么退"), may) == []


@pytest.mark.parametrize(
    ("said", "ids"), [("订单能退款吗", {"refund"}), ("能退款吗", set()), ("退钱", {"refund"}), ("usb", set()), ("sb 是谁", {"latin"})]
)
def test_a_keyword_needs_all_its_parts(said: str, ids: set[str]) -> None:
    index = Index.of([REFUND, INVOICE, Entry("latin", "问", "答", keywords=("sb",))], Pairs())
    assert {index.entry(number).id for number in index.keywords_in(normalise(said), index.opened(anyone))} == ids


keyword_lists = st.lists(st.lists(st.sampled_from(["退款", "发票", "积分", "退", "分"]), min_size=1, max_size=4), max_size=12)


@settings(max_examples=100, deadline=None)
@given(keywords=keyword_lists, said=st.text(st.sampled_from("退款发票积分"), max_size=10))
def test_a_keyword_is_found_just_when_each_of_its_parts_is_said(keywords: list[list[str]], said: str) -> None:
    index = Index.of([Entry(str(n), "问", "答", keywords=("+".join(parts),)) for n, parts in enumerate(keywords)], Pairs())
    found = index.keywords_in(said, index.opened(anyone))
    assert set(found) == {number for number, parts in enumerate(keywords) if all(part in said for part in parts)}
    for number, places in found.items():
        assert {said[at] for at in places} == set("".join(keywords[number]))


class Everything(Pairs):
    def is_indexed(self, feature: str) -> bool:
        return True


@settings(max_examples=50, deadline=None)
@given(entries=entry_lists, asked=questions)
def test_a_large_layer_says_no_more_of_an_entry_than_a_small_one(entries: list[Entry], asked: str) -> None:
    seen = []
    for small in (10_000, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(faq_index, "SMALL", small)
            index = Index.of(entries, Everything())
            features = index.features(Everything().cut(asked))
            seen.append({one.entry: one for one in index.nearest(features, index.opened(anyone), bar=0.0, most=8, doubt=1.0)})
    for entry in seen[0].keys() & seen[1].keys():
        assert seen[1][entry].likeness <= seen[0][entry].likeness * (1.0 + 1e-4)  # there, not all of its wordings may be seen
        if seen[0][entry].wordings > 1:
            assert seen[0][entry].resemblance == pytest.approx(seen[1][entry].resemblance, rel=1e-4)
    assert bool(seen[0]) == bool(seen[1])


@pytest.mark.parametrize("few", [0, 10_000])
def test_who_is_not_let_in_finds_nothing(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faq_index, "FEW", few)
    index = Index.of([REFUND, replace(STAFF, keywords=("密码",)), INVOICE], Pairs())
    may = index.opened(lambda entry: not entry.communities)
    assert index.exact(core(STAFF.question), may) == []
    assert index.keywords_in("密码", may) == {}
    assert [index.entry_of(number) for number, _ in index.search({"怎么": 1.0}, may, bar=0.0)] == [0, 2, 0][: len(REFUND.similar) + 1]
    assert [may(number) for number in range(3)] == [True, False, True]


def test_only_one_entry_of_a_kind_is_asked_whether_it_is_open() -> None:
    asked: list[str] = []
    index = Index.of([replace(REFUND, id=str(n)) for n in range(100)] + [INVOICE], Pairs())
    may = index.opened(lambda entry: asked.append(entry.id) is None)
    index.exact(core(REFUND.question), may)
    index.search({"怎么": 1.0, "退款": 1.0}, may, bar=0.0)
    assert sorted(asked) == ["0", "invoice"]


# As a file ----------------------------------------------------------------------------------------------------------
@settings(max_examples=20, deadline=None)
@given(entries=entry_lists, asked=questions)
def test_a_file_answers_like_the_memory_it_was_written_from(entries: list[Entry], asked: str) -> None:
    arrays = build(entries, Pairs())
    read, label = unpack(memoryview(b"".join(pack(arrays, {"version": 7}))))
    assert label == {"version": 7}
    assert found(Index(Pairs(), Layer(read)), asked) == found(Index(Pairs(), Layer(arrays)), asked)
    assert list(Index(Pairs(), Layer(read)).all()) == entries


def test_the_same_entries_give_the_same_file() -> None:
    once, again = (b"".join(pack(build([REFUND, INVOICE, STAFF], Pairs()), {})) for _ in range(2))
    assert once == again


@settings(max_examples=150, deadline=None)
@given(at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_damaged_file_is_never_trusted(at: int, bit: int) -> None:
    whole = bytearray(b"".join(pack(build([REFUND, INVOICE], Pairs()), {"version": 1})))
    whole[at % len(whole)] ^= 1 << bit
    with pytest.raises(Foreign):
        unpack(memoryview(whole))


@pytest.mark.parametrize("held", [b"", b"FAQINDEX", b"\0" * 100, b"PK\3\4" + b"x" * 5_000])
def test_a_foreign_file_is_never_trusted(held: bytes) -> None:
    with pytest.raises(Foreign):
        unpack(memoryview(held))


def test_a_file_cut_short_is_never_trusted() -> None:
    whole = b"".join(pack(build([REFUND, INVOICE], Pairs()), {}))
    for length in range(0, len(whole), 97):
        with pytest.raises(Foreign):
            unpack(memoryview(whole)[:length])


# Changes above a base -----------------------------------------------------------------------------------------------
def test_a_changed_entry_is_asked_for_in_its_new_words_only() -> None:
    index = Index.of([REFUND, INVOICE], Pairs())
    edited = index.changed({"refund": replace(REFUND, question="退钱流程", similar=(), keywords=("流程",))})
    may = edited.opened(anyone)
    assert edited.exact(core("怎么退款"), may) == []
    assert [edited.entry(number).question for number in edited.exact(core("退钱流程"), may)] == ["退钱流程"]
    assert edited.keywords_in("退钱", may) == {}
    assert [edited.entry(number).id for number in edited.keywords_in("流程", may)] == ["refund"]
    assert "退钱流程" not in [entry.question for entry in index.all()]


@settings(max_examples=25, deadline=None)
@given(entries=entry_lists, later=entry_lists, gone=st.sets(st.integers(0, 11).map(str)), asked=questions)
def test_changes_above_a_base_hold_what_a_new_base_would(entries: list[Entry], later: list[Entry], gone: set[str], asked: str) -> None:
    changes: dict[str, Entry | None] = {entry.id: entry for entry in later} | dict.fromkeys(gone)
    wanted = {entry.id: entry for entry in entries}
    for id, change in changes.items():
        if change is None:
            wanted.pop(id, None)
        else:
            wanted[id] = change
    index = Index.of(entries, Pairs()).changed(changes)
    assert list(index.all()) == list(wanted.values())
    assert all(index.find(id) == wanted.get(id) for id in map(str, range(13)))
    fresh = Index.of(wanted.values(), Pairs())
    assert {index.entry(index.entry_of(number)).id for number, _ in found(index, asked)} == {
        fresh.entry(fresh.entry_of(number)).id for number, _ in found(fresh, asked)
    }
    assert {index.entry(number).id for number in index.exact(core(asked), index.opened(anyone))} == {
        entry.id for entry in wanted.values() if core(asked) in map(core, (entry.question, *entry.similar))
    }


def test_numbers_lead_to_the_same_wordings_in_both_layers() -> None:
    index = Index.of([REFUND, INVOICE], Pairs()).changed({"new": replace(REFUND, id="new"), "invoice": None})
    number = next(number for number in range(index.entries) if index.entry(number).id == "new")
    assert [index.wording(each).entry for each in index.wordings_of(number)] == [number] * 2
    assert ["".join(index.wording(each).words) for each in index.wordings_of(number)] == ["怎么退款", "如何申请退款"]
    assert index.owners("退款") == 2
