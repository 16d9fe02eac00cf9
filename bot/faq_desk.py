"""The desk at which the FAQ is edited: whoever edits, and through whichever door, his edit is tried, put in force and written down here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.errors import UserError
from bot.live import Contents
from bot.permissions import Actor
from rules.contents import ContentProblem, check_entry, entry_from_json, entry_to_json
from rules.entries import Entry, id_of
from rules.faq import always
from rules.regression import MOST_CHANGED, Broken, FaqTest, breaks, cases_of
from storage.content import Change, ChangedSince, NoSuchVersion, Outdated
from storage.stores import Stores

FAQ, TESTS = "faq", "faq_tests"
MOST_AUDITED = 20
"""Entries of one edit that get an audit row each; of more there is one row, and the version holds the rest."""
NAMED = 3
"""Entries that the note of a version names."""
TRIES = 5


@dataclass(frozen=True, slots=True)
class Published:
    """An edit in force: its version, the entry if it was one that stays, and how many questions were tried before."""

    version: int
    entry: Entry | None = None
    checked: int = 0


@dataclass(frozen=True, slots=True)
class Regression:
    """What trying an edit found: the questions it breaks, of how many that were tried."""

    broken: tuple[Broken, ...]
    total: int


class Breaks(Exception):
    """An edit that was not published: it breaks questions that were answered rightly. With ``force`` it is published all the same."""

    def __init__(self, regression: Regression) -> None:
        super().__init__(f"这次修改会让 {regression.total} 条用例中的 {len(regression.broken)} 条答错")
        self.broken = regression.broken
        self.total = regression.total


class Desk:
    """Edits the FAQ. ``contents`` are those in force in this process, which may be a second behind.

    What is told of entries that are not for who ``sees`` only some goes without their words.
    """

    def __init__(self, stores: Stores, contents: Contents, now: Callable[[], datetime], *, sees: Callable[[Entry], bool] = always) -> None:
        self._sees = sees
        self._stores = stores
        self._contents = contents
        self._now = now

    def add(self, actor: Actor, entry: Entry, *, force: bool = False, once: str = "", expect: int | None = None) -> Published:
        """Puts a new entry in force; without an id it gets one, made from its question. Raises UserError, Breaks, Outdated."""
        new = entry if entry.id else replace(entry, id=id_of(entry.question))

        def decide() -> Entry:
            there = self.find(new.id)
            if there and there != new:
                raise UserError(f"id“{new.id}”已经用过了（{there.question}），请换一个，或者修改那一条")
            if there is None and (same := self._same_question(new)):
                if not self._sees(same):
                    raise UserError("别的社群已经有一样的问题，请只加在这个社群里，或者换个问法")
                raise UserError(f"已经有一样的问题：{same.question}（{same.id}）。要改答案请说：问答 修改 {same.id} 答案 新的答案")
            return new

        return self._publish_decided(decide, actor, force=force, once=once, expect=expect)

    def change(self, actor: Actor, id: str, *, force: bool = False, once: str = "", expect: int | None = None, **fields: Any) -> Published:
        """Changes fields of an entry, ``answer="…"``; decided anew when somebody else edits meanwhile. Raises UserError, Breaks, Outdated."""
        return self.amend(actor, id, lambda entry: replace(entry, **fields), force=force, once=once, expect=expect)

    def amend(
        self, actor: Actor, id: str, make: Callable[[Entry], Entry], *, force: bool = False, once: str = "", expect: int | None = None
    ) -> Published:
        """Puts what ``make`` makes of an entry in its place; made anew when somebody else edits meanwhile. Raises UserError, Breaks, Outdated."""
        return self._publish_decided(lambda: make(self.get(id)), actor, force=force, once=once, expect=expect)

    def exchange(self, actor: Actor, before: Entry, after: Entry, *, force: bool = False, once: str = "") -> Published:
        """Puts an entry in the place of what it was made from. Raises UserError when that was changed meanwhile; Breaks, Outdated."""

        def decide() -> Entry:
            if self.get(before.id) not in (before, after):
                raise UserError(f"“{before.question}”（{before.id}）刚刚被别人改过，请先看看：问答 查看 {before.id}")
            return after

        return self._publish_decided(decide, actor, force=force, once=once, expect=None)

    def remove(self, actor: Actor, id: str, *, force: bool = False, once: str = "", expect: int | None = None) -> Published:
        """Takes an entry away. Raises UserError, Breaks, Outdated."""
        if not once:
            self.get(id)
        return self.publish(actor, {id: None}, force=force, once=once, expect=expect)

    def publish(
        self,
        actor: Actor,
        changes: Mapping[str, Entry | None],
        *,
        force: bool = False,
        once: str = "",
        expect: int | None = None,
        note: str = "",
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Published:
        """Puts changed entries in force (None takes one away). Raises UserError with every problem, Breaks, Outdated.

        ``on_progress`` hears how many of how many pieces of a large change are written.
        """
        _refuse_bad(changes)
        tried = None if force else self.check(changes)
        if tried and tried.broken:
            raise Breaks(tried)
        texts = {id: entry_to_json(entry) if entry else None for id, entry in changes.items()}
        told = note or _note(changes, self._stores.content.find(FAQ, list(texts)[:NAMED]))
        version = self._stores.content.put(FAQ, texts, actor.id, self._now(), note=told, once=once, expect=expect, on_progress=on_progress)
        self._write_down(actor, version, texts)
        kept = [entry for entry in changes.values() if entry]
        return Published(version, kept[0] if len(kept) == 1 else None, tried.total if tried else 0)

    def undo(self, actor: Actor, version: int, *, force: bool = False, once: str = "") -> Published:
        """Puts back what a version changed. Raises UserError, naming what was changed again since; Breaks."""
        try:
            _, changes = self._stores.content.version(FAQ, version)
            tried = None if force else self.check({change.id: _read(change.before) for change in changes})
            if tried and tried.broken:
                raise Breaks(tried)
            back = self._stores.content.undo(FAQ, version, actor.id, self._now(), once=once)
        except NoSuchVersion:
            raise UserError(f"没有第 {version} 版，或者已经太久，不再保存。说“问答 历史”看有哪些") from None
        except ChangedSince as since:
            raise UserError(f"不能撤销第 {version} 版：{'、'.join(since.ids[:5])} 之后又改过，请先撤销后来的修改，或者直接修改") from None
        self._write_down(actor, back, {change.id: change.before for change in changes})
        return Published(back, None, tried.total if tried else 0)

    def check(self, changes: Mapping[str, Entry | None]) -> Regression:
        """Tries an edit without publishing it."""
        present = self._contents.faq
        cases = cases_of(present, changes, self.tests())
        after = present.with_changes({id: changes[id] for id in list(changes)[:MOST_CHANGED]})
        return Regression(tuple(breaks(present, after, cases, sees=self._sees)), len(cases))

    def tests(self) -> tuple[FaqTest, ...]:
        """The stored questions with the entries they are to reach."""
        rows = map(json.loads, self._stores.content.items(TESTS).values())
        return tuple(FaqTest(row["id"], row["question"], row["entry"], row.get("community", "")) for row in rows)

    def find(self, id: str) -> Entry | None:
        """The entry in force of an id, as the store has it now."""
        return _read(self._stores.content.find(FAQ, [id]).get(id))

    def get(self, id: str) -> Entry:
        """The same. Raises UserError when there is none."""
        entry = self.find(id)
        if entry is None:
            raise UserError(f"没有“{id}”这条问答。说“问答 列表”看有哪些")
        return entry

    def _publish_decided(self, decide: Callable[[], Entry], actor: Actor, *, force: bool, once: str, expect: int | None) -> Published:
        """Publishes what ``decide`` makes of what is in force, anew when somebody else edits in between and no version was expected."""
        for _ in range(TRIES):
            version = self._version() if expect is None else expect
            entry = decide()
            try:
                return self.publish(actor, {entry.id: entry}, force=force, once=once, expect=version)
            except Outdated:
                if expect is not None:
                    raise
        raise Outdated(self._version())

    def _version(self) -> int:
        return self._stores.content.versions().get(FAQ, 0)

    def _same_question(self, entry: Entry) -> Entry | None:
        """Another entry that is asked for in the same words, where this one will be answered."""

        def meets(other: Entry) -> bool:
            return not (entry.communities and other.communities) or not set(entry.communities).isdisjoint(other.communities)

        found = self._contents.faq.ask(entry.question, is_open=meets)
        return found.entry if found.why == "exact" and found.entry and found.entry.id != entry.id else None

    def _write_down(self, actor: Actor, version: int, texts: Mapping[str, str | None]) -> None:
        """One audit row an entry. What a repeat did the first time is written from the version itself; nothing where none was made for it."""
        now, head = self._now(), self._stores.content.head(FAQ, version)
        if head is None or head.author != actor.id:
            return  # nothing differed: the version is somebody else's edit
        once = f"faq:{version}"  # a version is written down once, also when somebody saves again what he saved
        if len(texts) > MOST_AUDITED:
            self._stores.audit.record("", actor.id, "问答 批量修改", f"第 {version} 版", "", f"{len(texts)} 条", now, once=once)
            return
        _, changes = self._stores.content.version(FAQ, version)
        if any(texts.get(change.id, "-") != change.after for change in changes):
            return  # nothing differed: the version is an earlier edit, and not this one
        for change in changes:
            act = "问答 添加" if change.before is None else "问答 删除" if change.after is None else "问答 修改"
            self._stores.audit.record(
                _community_of(change), actor.id, act, change.id, change.before or "", change.after or "", now, once=once
            )


def _refuse_bad(changes: Mapping[str, Entry | None]) -> None:
    problems = [
        f"{id}：{problem}" if len(changes) > 1 else problem for id, entry in changes.items() if entry for problem in check_entry(entry)
    ]
    if problems:
        raise UserError("\n".join(problems[:10]))


def _read(text: str | None) -> Entry | None:
    try:
        return entry_from_json(text) if text else None
    except ContentProblem as problem:
        raise UserError("这条问答的格式已经不认识了：" + "；".join(problem.problems)) from problem


def _note(changes: Mapping[str, Entry | None], present: Mapping[str, str]) -> str:
    """What an edit does, for the list of versions."""
    done = [("添加" if id not in present else "修改") + f" {id}" if entry else f"删除 {id}" for id, entry in changes.items()]
    return "、".join(done[:NAMED]) + (f" 等 {len(done)} 条" if len(done) > NAMED else "")


def _community_of(change: Change) -> str:
    """Whose audit an edit of an entry belongs to: the one community's it is for, else the installation's."""
    entry = _read(change.after or change.before)
    return entry.communities[0] if entry and len(entry.communities) == 1 else ""
