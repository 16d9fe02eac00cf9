"""The operators' synonyms, changed in chat: what a change breaks is found before it is published, and every change can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.errors import UserError
from bot.faq_desk import Regression
from bot.live import Contents
from bot.permissions import Actor
from rules.contents import FAQ_TESTS, SYNONYMS, ContentProblem, Wrong, from_items, items_of, validate
from rules.faq import Faq, scheme_of
from rules.faq_index import Index
from rules.faq_terms import SYNONYM_KINDS, Synonyms
from rules.regression import Broken, Case, breaks
from storage.content import ChangedSince, NoSuchVersion, Outdated
from storage.stores import Stores

MOST_TRIED = 2_000
"""Entries up to which a change is tried before it is published: the index of as many is made in a fraction of a second."""
TITLES = {"spelling": "写法", "same": "同义", "alike": "近义", "field": "话题"}
"""What each kind of group is called, from strict to wide."""

Table = dict[str, list[list[str]]]


class SynonymOffice:
    """Changes synonyms for one operator. ``contents`` are those in force in this process, which may be a second behind."""

    def __init__(self, stores: Stores, contents: Contents, actor: Actor, now: datetime) -> None:
        self._stores = stores
        self._contents = contents
        self._actor = actor
        self._now = now

    def groups_with(self, word: str) -> list[tuple[str, list[str]]]:
        """The groups that a word stands in, each with what its kind is called."""
        table = self._read()[1]
        return [(TITLES[kind], group) for kind in SYNONYM_KINDS for group in table[kind] if word in group]

    def counts(self) -> dict[str, int]:
        """How many groups there are of each kind, by what it is called."""
        table = self._read()[1]
        return {TITLES[kind]: len(table[kind]) for kind in SYNONYM_KINDS}

    def add(self, kind: str, words: Sequence[str], *, once: str, force: bool = False) -> tuple[int, list[str], Regression]:
        """Makes words mean the same: joined to the group that has one of them, else a group of their own.

        Gives the version, the group, and what it breaks; with something broken nothing is published unless ``force``. Raises UserError.
        """
        version, table = self._read()
        there = [group for group in table[kind] if set(words) & set(group)]
        if len(there) > 1:
            named = "；".join("、".join(group[:4]) for group in there)
            raise UserError(f"这些词在不同的组里：{named}。要合在一起，请先从一组里删掉：问答 同义词 删除 {there[1][0]}")
        group = list(dict.fromkeys((*(there[0] if there else ()), *words)))
        rest = [one for one in table[kind] if one not in there]
        done, tried = self._publish(version, table | {kind: [*rest, group]}, f"加同义词 {'、'.join(words)}", once=once, force=force)
        return done, group, tried

    def remove(self, word: str, *, once: str, force: bool = False) -> tuple[int, Regression]:
        """Takes a word out of every group that it stands in; a group of one goes with it. Raises UserError."""
        version, table = self._read()
        # a repeat of what was done before finds nothing left to do
        if not any(word in group for kind in SYNONYM_KINDS for group in table[kind]) and not self._stores.content.made(SYNONYMS.name, once):
            raise UserError(f"同义词里没有“{word}”。看它在哪一组：问答 同义词 {word}")
        rest = {kind: [left for group in table[kind] if len(left := [one for one in group if one != word]) > 1] for kind in SYNONYM_KINDS}
        return self._publish(version, rest, f"删同义词 {word}", once=once, force=force)

    def undo(self, *, once: str) -> int:
        """Takes the newest change back; gives the number of the version that did. Raises UserError."""
        newest = self._stores.content.history(SYNONYMS.name, 1)
        if not newest or newest[0].number <= 1:
            raise UserError("同义词还没有改过，没有什么可以撤销。")
        try:
            done = self._stores.content.undo(SYNONYMS.name, newest[0].number, self._actor.id, self._now, once=once)
        except (NoSuchVersion, ChangedSince):
            raise UserError("刚刚又被改过，请再说一次：问答 同义词 撤销") from None
        self._record(done, newest[0].number, "撤销", once)
        return done

    def _read(self) -> tuple[int, Table]:
        version, items = self._stores.content.snapshot(SYNONYMS.name)
        found = from_items(SYNONYMS, items) if items else self._contents.synonyms
        return version, {kind: [list(group) for group in found.table[kind]] for kind in SYNONYM_KINDS}

    def _publish(self, version: int, table: Table, note: str, *, once: str, force: bool) -> tuple[int, Regression]:
        wanted = _checked(table)
        tried = Regression((), 0) if force else self._try(wanted)
        if tried.broken:
            return version, tried
        try:
            done = self._stores.content.put(
                SYNONYMS.name, items_of(SYNONYMS, wanted), self._actor.id, self._now, note=note, once=once, expect=version
            )
        except Outdated:
            raise UserError("同义词刚刚被别人改过，请再说一次") from None
        if done != version:
            self._record(done, version, note, once)
        return done, tried

    def _record(self, done: int, before: int, note: str, once: str) -> None:
        self._stores.audit.record("", self._actor.id, "同义词 发布", f"第 {done} 版", f"第 {before} 版", note, self._now, once=once)

    def _try(self, wanted: Synonyms) -> Regression:
        """What would be broken of the stored questions and of the entries' own wordings; nothing is tried where there are very many."""
        faq, entries = self._contents.faq, tuple(self._contents.faq.entries())
        if len(entries) > MOST_TRIED:
            return Regression((), 0)
        _, items = self._stores.content.snapshot(FAQ_TESTS.name)
        stored = from_items(FAQ_TESTS, items) if items else ()
        cases = [Case(test.question, test.entry, is_stored=True) for test in stored]
        cases += [Case(wording, entry.id) for entry in entries for wording in (entry.question, *entry.similar)]
        after = Faq.over(Index.of(entries, scheme_of(self._contents.words, wanted)))
        found: list[Broken] = list(breaks(faq, after, cases))
        return Regression(tuple(found), len(cases))


def _checked(table: dict[str, Any]) -> Synonyms:
    try:
        return validate(SYNONYMS, table)
    except Wrong as wrong:
        raise UserError("；".join(say for _, say in wrong.found[:3])) from None
    except ContentProblem as problem:
        raise UserError("；".join(problem.problems[:3])) from None
