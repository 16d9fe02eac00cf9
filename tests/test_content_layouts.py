"""Content that an older program kept as whole files is kept by items after the first start of this one, with its versions."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rules.contents import FAQ, PUSHES, from_items
from rules.faq import Entry
from storage.connection import Database
from storage.content import ContentStore
from storage.schema import VERSION, settle_schema

ONE = "- {id: a, question: 问一, answer: 答一}\n- {id: b, question: 问二, answer: 答二}\n"
TWO = "- {id: b, question: 问二, answer: 答三}\n- {id: c, question: 问三, answer: 到 {shop} 来}\n"
OLD = {
    "faq": [ONE, TWO.replace("到 {shop} 来", '"到 {shop} 来"')],
    "welcome": ["# 欢迎\nenter_chat: 你好\n"],
    "pushes": ["- {id: p, cron: '0 9 * * *', text: 早安}\n"],
    "retired": ["a kind that is no more"],
}


@pytest.fixture
def old(database: Database) -> Database:
    """What layout 1 left behind, written as its program wrote it."""
    database.command("HSET", "qb:{meta}:schema", "version", "1", "shards", "16", "first_start_ms", "5")
    for kind, texts in OLD.items():
        for number, text in enumerate(texts, 1):
            kept = json.dumps({"text": text, "by": f"author {number}", "at": f"2026-03-1{number}T02:00:00+00:00"}, ensure_ascii=False)
            database.command("HSET", f"qb:{{content}}:{kind}", number, kept)
        database.command("HSET", "qb:{content}:versions", kind, len(texts))
    return database


def check(database: Database) -> None:
    """Everything is there, in the new layout only."""
    store = ContentStore(database)
    assert store.versions() == {"faq": 2, "welcome": 1, "pushes": 1, "retired": 1}
    assert from_items(FAQ, store.items("faq")) == (Entry("b", "问二", "答三"), Entry("c", "问三", "到 {shop} 来"))
    assert [push.id for push in from_items(PUSHES, store.items("pushes"))] == ["p"]
    assert store.items("welcome") == {"": OLD["welcome"][0]}
    assert [(version.author, version.at.day) for version in store.history("faq", 9)] == [("author 2", 12), ("author 1", 11)]
    assert database.command("HGET", "qb:{meta}:schema", "version") == str(VERSION)
    assert database.command("EXISTS", "qb:{content}:versions", *(f"qb:{{content}}:{kind}" for kind in OLD)) == 0


def test_whole_files_become_items_with_their_versions(old: Database) -> None:
    assert settle_schema(old, 9) == 16
    check(old)
    store = ContentStore(old)
    store.undo("faq", 2, "boss", store.history("faq", 1)[0].at)
    assert from_items(FAQ, store.items("faq")) == (Entry("a", "问一", "答一"), Entry("b", "问二", "答二"))


def test_many_processes_that_start_at_once_convert_it_once(old: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: settle_schema(old, 9), range(8))) == {16}
    check(old)


def test_a_conversion_that_was_cut_short_is_finished(old: Database) -> None:
    kept = old.command("HGETALL", "qb:{content}:faq")
    settle_schema(old, 9)
    old.command("HSET", "qb:{meta}:schema", "version", "1")
    old.command("HSET", "qb:{content}:versions", "faq", 2)
    old.command("HSET", "qb:{content}:faq", *kept)
    settle_schema(old, 9)
    check(old)


def test_a_late_converter_does_not_undo_what_was_edited_meanwhile(old: Database) -> None:
    kept = {key: old.command("HGETALL", key) for key in old.scan("qb:{content}*")}
    settle_schema(old, 9)
    store = ContentStore(old)
    store.put("welcome", {"": "enter_chat: 新的\n"}, "boss", store.history("faq", 1)[0].at)
    for key, flat in kept.items():
        old.command("HSET", key, *flat)
    old.command("HSET", "qb:{meta}:schema", "version", "1")
    settle_schema(old, 9)
    assert store.items("welcome") == {"": "enter_chat: 新的\n"}
    assert store.versions()["welcome"] == 2


def test_a_new_installation_has_nothing_to_convert(database: Database, tmp_path: Path) -> None:
    settle_schema(database, 1)
    assert ContentStore(database).versions() == {}
