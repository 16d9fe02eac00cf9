"""Content by items: what is in force, every version of it, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import content, keys
from storage.connection import Database
from storage.content import MOST_AT_ONCE, STARTING, Change, ChangedSince, ContentStore, Forgotten, NoSuchVersion, Outdated

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
MANY = {f"n{number}": f"text {number}" for number in range(MOST_AT_ONCE + 20)}
"""More than one act takes."""


@pytest.fixture
def store(database: Database) -> ContentStore:
    """A store with three entries."""
    store = ContentStore(database)
    store.take_in("faq", {"a": "1", "b": "2", "c": "3"}, NOW)
    return store


def at_once(act: Callable[[int], Any], count: int = 16) -> list[Any]:
    """The results of as many threads."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


# What is in force ----------------------------------------------------------------------------------------------------


def test_starting_content_comes_once(store: ContentStore) -> None:
    assert store.take_in("faq", {"z": "9"}, NOW) == 1
    assert store.items("faq") == {"a": "1", "b": "2", "c": "3"}
    assert store.versions() == {"faq": 1}


def test_an_empty_start_is_a_start(database: Database) -> None:
    store = ContentStore(database)
    assert [store.take_in("faq", items, NOW) for items in ({}, {"a": "1"})] == [1, 1]
    assert store.items("faq") == {}


def test_a_kind_that_is_one_document_has_one_item(store: ContentStore) -> None:
    store.put("welcome", {"": "enter_chat: 你好\n"}, "boss", NOW)
    assert store.items("welcome") == {"": "enter_chat: 你好\n"}


@pytest.mark.parametrize("more", [{}, MANY], ids=["at once", "aside"])
def test_items_keep_the_order_of_their_first_appearance(store: ContentStore, more: dict[str, str | None]) -> None:
    store.put("faq", {"d": "4", "a": "one"}, "boss", NOW)
    store.put("faq", {"b": None, "e": "5", **more}, "boss", NOW)
    store.put("faq", {"f": "6"}, "boss", NOW)
    assert list(store.items("faq")) == ["a", "c", "d", "e", *more, "f"]
    store.undo("faq", 3, "boss", NOW)
    assert list(store.items("faq")) == ["a", "b", "c", "d", "f"]


def test_what_changes_nothing_is_no_version(store: ContentStore) -> None:
    assert store.put("faq", {"a": "1", "gone": None}, "boss", NOW) == 1
    assert store.put("faq", dict.fromkeys(MANY), "boss", NOW) == 1
    assert [version.number for version in store.history("faq", 10)] == [1]


def test_a_repeat_gives_the_first_version(store: ContentStore) -> None:
    for changes in ({"a": "x"}, dict(MANY)):
        first = store.put("faq", changes, "boss", NOW, once=f"m{len(changes)}")
        store.put("faq", {"a": str(first)}, "boss", NOW)
        assert store.put("faq", changes, "boss", NOW, once=f"m{len(changes)}") == first
        assert store.items("faq")["a"] == str(first)


@pytest.mark.parametrize("more", [{}, MANY], ids=["at once", "aside"])
def test_a_decision_on_old_content_is_refused(store: ContentStore, more: dict[str, str | None]) -> None:
    store.put("faq", {"a": "one"}, "boss", NOW)
    with pytest.raises(Outdated) as refused:
        store.put("faq", {"b": "two", **more}, "boss", NOW, expect=1)
    assert refused.value.version == 2
    assert store.items("faq") == {"a": "one", "b": "2", "c": "3"}
    assert store.put("faq", {"b": "two"}, "boss", NOW, expect=2) == 3


def test_everybody_who_changes_something_at_once_gets_a_version(store: ContentStore) -> None:
    def change(n: int) -> int:
        return store.put("faq", {f"t{n}": "x", "shared": str(n)} | (MANY if n == 7 else {}), f"author {n}", NOW)

    assert sorted(at_once(change)) == list(range(2, 18))
    assert {f"t{n}" for n in range(16)} | set(MANY) <= set(store.items("faq"))
    assert {version.author for version in store.history("faq", 16)} == {f"author {n}" for n in range(16)}


# Versions ------------------------------------------------------------------------------------------------------------


def test_a_version_tells_who_changed_what_when_and_why(store: ContentStore) -> None:
    store.put("faq", {"a": "one", "b": None, "d": "4", "c": "3"}, "boss", NOW, note="清理")
    version, changes = store.version("faq", 2)
    assert (version.number, version.author, version.at, version.note, version.count) == (2, "boss", NOW, "清理", 3)
    assert changes == [Change("a", "1", "one"), Change("b", "2", None), Change("d", None, "4")]
    assert store.history("faq", 1) == [version]
    with pytest.raises(NoSuchVersion):
        store.version("faq", 3)


def test_a_large_version_tells_the_same(store: ContentStore) -> None:
    store.put("faq", {"a": "one", "b": None, **MANY}, "boss", NOW)
    version, changes = store.version("faq", 2)
    assert version.count == len(changes) == len(MANY) + 2
    assert changes[:3] == [Change("a", "1", "one"), Change("b", "2", None), Change("n0", None, "text 0")]


def test_old_versions_go(store: ContentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MOST_VERSIONS", 5)
    for number in range(12):
        store.put("faq", {"a": f"v{number}"}, "boss", NOW)
    assert [version.number for version in store.history("faq", 100)] == [13, 12, 11, 10, 9]
    assert len(list(store._database.scan("qb:{content}:faq:changes:*"))) == 5
    assert store.items("faq") == {"a": "v11", "b": "2", "c": "3"}


def test_large_versions_go_sooner_but_never_the_newest(store: ContentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MOST_KEPT", 1_200)
    for number in range(5):
        store.put("faq", {id: f"{text} of {number}" for id, text in MANY.items()}, "boss", NOW)
    store.put("faq", {"a": "one"}, "boss", NOW)
    assert [version.number for version in store.history("faq", 100)] == [7, 6, 5]
    assert store.undo("faq", 6, "boss", NOW) == 8
    assert store.items("faq")["n3"] == "text 3 of 3"


def test_what_was_written_aside_and_left_expires(store: ContentStore, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_swap", None)
    with pytest.raises(AttributeError):
        store.put("faq", MANY, "boss", NOW)
    left = [key for key in database.scan("qb:{content}:faq:*") if "staged" in key or database.command("HLEN", key) == len(MANY)]
    assert len(left) == 2
    assert all(0 < database.command("PTTL", key) <= content.STAGED_LIFE_MS for key in left)
    assert ContentStore(database).items("faq") == {"a": "1", "b": "2", "c": "3"}


def test_what_is_in_force_never_expires(store: ContentStore, database: Database) -> None:
    store.put("faq", MANY, "boss", NOW)
    assert {database.command("PTTL", key) for key in database.scan("qb:{content}:*")} == {-1}
    assert list(database.scan("qb:{content}:faq:staged:*")) == []


def test_a_set_that_is_not_whole_is_not_put_in_force(store: ContentStore, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_some(done: int, total: int) -> None:
        for key in database.scan("qb:{content}:faq:staged:*"):
            database.command("UNLINK", key)

    with pytest.raises(Outdated):
        store.put("faq", MANY, "boss", NOW, on_progress=lose_some)
    assert store.items("faq") == {"a": "1", "b": "2", "c": "3"}


# Back ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, MANY], ids=["at once", "aside"])
def test_a_version_can_be_taken_back_and_that_too(store: ContentStore, more: dict[str, str | None]) -> None:
    before = store.items("faq")
    store.put("faq", {"a": "one", "b": None, "d": "4", **more}, "boss", NOW)
    after = store.items("faq")
    assert store.undo("faq", 2, "boss", NOW) == 3
    assert list(store.items("faq").items()) == list(before.items())
    assert store.undo("faq", 3, "boss", NOW) == 4
    assert list(store.items("faq").items()) == list(after.items())
    assert [version.note for version in store.history("faq", 2)] == ["撤销第 3 版", "撤销第 2 版"]


def test_what_was_changed_since_is_not_taken_back(store: ContentStore) -> None:
    store.put("faq", {"a": "one", "b": "two", "c": None}, "boss", NOW)
    store.put("faq", {"a": "uno", "c": "tre", "d": "4"}, "boss", NOW)
    with pytest.raises(ChangedSince) as refused:
        store.undo("faq", 2, "boss", NOW)
    assert refused.value.ids == ("a", "c")
    assert store.versions() == {"faq": 3}


def test_what_was_changed_elsewhere_does_not_hinder(store: ContentStore) -> None:
    store.put("faq", {"a": "one"}, "boss", NOW)
    store.put("faq", {"b": "two"}, "boss", NOW)
    store.undo("faq", 2, "boss", NOW)
    assert store.items("faq") == {"a": "1", "b": "two", "c": "3"}


def test_a_repeated_undo_gives_the_first_version(store: ContentStore) -> None:
    store.put("faq", {"a": "one"}, "boss", NOW)
    assert [store.undo("faq", 2, "boss", NOW, once="m") for _ in range(2)] == [3, 3]
    with pytest.raises(ChangedSince):
        store.undo("faq", 2, "boss", NOW, once="other")


def test_the_same_undo_by_many_is_done_once(store: ContentStore) -> None:
    store.put("faq", {"a": "one"}, "boss", NOW)

    def undo(n: int) -> int:
        try:
            return store.undo("faq", 2, "boss", NOW)
        except ChangedSince:
            return 0

    assert sorted(at_once(undo)) == [0] * 15 + [3]


# What changed --------------------------------------------------------------------------------------------------------


def test_what_changed_since_a_version_is_told(store: ContentStore) -> None:
    store.put("faq", {"a": "one", "b": None}, "boss", NOW)
    store.put("faq", {"a": "uno", "d": "4"}, "boss", NOW)
    assert store.changes_since("faq", 1) == (3, {"a": "uno", "b": None, "d": "4"})
    assert store.changes_since("faq", 2) == (3, {"a": "uno", "d": "4"})
    assert store.changes_since("faq", 3) == (3, {})


@pytest.mark.parametrize("version", [0, 1, 99])
def test_what_cannot_be_told_is_to_be_read_anew(store: ContentStore, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(content, "MOST_TOLD", 3)
    store.put("faq", {"a": "one", "b": None, "d": "1", "e": "2"}, "boss", NOW)
    with pytest.raises(Forgotten):
        store.changes_since("faq", version)


edits = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.none() | st.sampled_from(["x", "y|", "=z", ""]), max_size=4), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits, st.integers(0, 11))
def test_versions_add_up_to_what_is_in_force(database: Database, edits: list[dict[str, str | None]], seen: int) -> None:
    database.command("FLUSHALL")
    store, limits = ContentStore(database), cycle([MOST_AT_ONCE, 0])
    held: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        for number, changes in enumerate(edits):
            patch.setattr(content, "MOST_AT_ONCE", next(limits))  # now at once, now aside: nobody can tell
            store.put("faq", changes, "boss", NOW)
            if number == seen:
                at, held = store.snapshot("faq")
    expected: dict[str, str] = {}
    for version in reversed(store.history("faq", 100)):
        for change in store.version("faq", version.number)[1]:
            assert expected.get(change.id) == change.before
            expected |= {change.id: change.after} if change.after is not None else {}
            if change.after is None:
                del expected[change.id]
    assert store.items("faq") == expected
    if seen < len(edits) and at:
        _, changed = store.changes_since("faq", at)
        assert {id: text for id, text in {**held, **changed}.items() if text is not None} == expected
    for version in store.history("faq", 100):
        store.undo("faq", version.number, "boss", NOW)
    assert store.items("faq") == {}


def test_keys_of_content_are_hashes_of_plain_text(store: ContentStore, database: Database) -> None:
    store.put("faq", {"a": "斜杠/引号\"'\\|"}, "老王/“boss”", NOW, note="换行\n")
    assert database.command("HGET", keys.CONTENT_ITEMS(kind="faq"), "a") == "1|斜杠/引号\"'\\|"
    assert json.loads(database.command("HGET", keys.CONTENT_HISTORY(kind="faq"), 2))["n"] == 1
    assert store.history("faq", 1)[0].author == "老王/“boss”"


def test_starting_items_of_all_kinds_are_taken_in_together_and_only_where_there_is_none(store: ContentStore) -> None:
    store.put("welcome", {"": "ours"}, "boss", NOW)
    many = {str(n): "x" for n in range(MOST_AT_ONCE + 1)}
    store.take_in_all({"shop": {"b": "1", "a": "2"}, "welcome": {"": "theirs"}, "words": many}, NOW)
    assert store.items_of(["shop", "welcome", "words"]) == {"shop": {"b": "1", "a": "2"}, "welcome": {"": "ours"}, "words": many}
    assert list(store.items("shop")) == ["b", "a"]
    assert [version.author for version in store.history("shop", 5)] == [STARTING]
    store.take_in_all({"shop": {"z": "9"}}, NOW)
    assert store.versions() == {"faq": 1, "shop": 1, "welcome": 1, "words": 1}


def test_several_kinds_cost_one_round_trip_to_read_and_one_to_take_in(store: ContentStore) -> None:
    kinds = {f"kind{n}": {"": str(n)} for n in range(20)}
    store.take_in_all(kinds, NOW)  # the server has the script from now on
    trips: list[int] = []
    store._database._on_round_trip = lambda: trips.append(1)
    store.take_in_all(kinds, NOW)
    assert store.items_of(list(kinds)) == kinds
    assert len(trips) == 2
    assert store.items_of(["of nothing"]) == {"of nothing": {}}
