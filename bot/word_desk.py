"""The desk of the word list: what chat and console do with it is done here.

What all communities share is changed only by whoever may in all of them; of another community's words nobody hears.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from bot.communities import Community
from bot.errors import UserError
from bot.faq_office import Office
from bot.live import Contents
from bot.permissions import Actor
from rules import ordinary_chat
from rules.content_diff import difference
from rules.content_words import MOST_WORDS, WordGroupRow, entry_from_json, entry_to_json, told
from rules.contents import WORDS
from rules.judgement import Category, Verdict
from rules.text import normalise
from rules.wordlist import Allowed, Entry, Lexicon, Word, id_of
from storage.content import ChangedSince, Forgotten, NoSuchVersion, Outdated, Version
from storage.stores import Stores

KIND = WORDS.name
WIDE = 3
"""Lines of ordinary chat from which on a word is too wide to be listed without a second thought: one message in 2,000."""
MOST_QUESTIONS = 2_000
"""Entries of the FAQ in whose questions a new word is looked for."""
MOST_NAMED = 10
"""Words that an audit row names."""
MOST_UNDONE = 500
"""Changes of a version that is looked through for whether it is one community's own."""


@dataclass(frozen=True, slots=True)
class Wide:
    """How much that nobody means badly a new word would hit: lines of ordinary chat, of how many, one of them, and questions of the FAQ."""

    word: Word
    lines: int
    of: int
    example: str = ""
    questions: tuple[str, ...] = ()

    @property
    def is_wide(self) -> bool:
        """Whether to ask before it is listed. What is only noted (severity 1) troubles nobody."""
        return self.word.severity > 1 and (self.lines >= WIDE or bool(self.questions))


@dataclass(frozen=True, slots=True)
class Done:
    """An edit in force: its version, and what it added, changed and took away; ``same`` were as they should be before."""

    version: int
    added: tuple[Entry, ...] = ()
    changed: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()
    same: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file would change of a version: items by id (None goes), and how many would be new, changed and gone."""

    version: int
    changes: Mapping[str, str | None]
    added: int
    changed: int
    removed: int
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The figures in Chinese."""
        return f"新增 {self.added}，修改 {self.changed}，删除 {self.removed}"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list: rows by id, how many there are altogether, and which page it is of how many."""

    rows: Mapping[str, Entry]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class WordDesk:
    """The word list of a community, and who looks after it. ``may_share``: he may change what all communities have."""

    stores: Stores
    contents: Contents
    community: Community
    actor: Actor
    now: datetime
    may_share: bool

    @classmethod
    def of(cls, office: Office) -> WordDesk:
        """The desk of somebody who also looks after the FAQ: the same rights."""
        return cls(office.stores, office.contents, office.community, office.actor, office.now(), office.may_share)

    @property
    def lexicon(self) -> Lexicon:
        """The list in force in this process."""
        return self.contents.judge.lexicon

    # Looking ------------------------------------------------------------------------------------------------------------

    def sees(self, entry: Entry) -> bool:
        """Whether an entry holds in this community."""
        return isinstance(entry, Allowed) or not entry.communities or self.community.id in entry.communities

    def may_change(self, entry: Entry) -> bool:
        """Whether he may change an entry: what others have as well only with the role in all communities."""
        return self.sees(entry) and (self.may_share or _communities(entry) == (self.community.id,))

    def counts(self) -> tuple[Mapping[tuple[Category, int], int], int]:
        """How many words of each category and severity hold here, and how many phrases are allowed."""
        counts: dict[tuple[Category, int], int] = {}
        allowed = 0
        for entry in self.lexicon.entries.values():
            if isinstance(entry, Allowed):
                allowed += 1
            elif self.sees(entry):
                counts[entry.category, entry.severity] = counts.get((entry.category, entry.severity), 0) + 1
        return counts, allowed

    def page(
        self, search: str = "", *, category: str = "", severity: int = 0, only_here: bool = False, page: int = 1, size: int = 50
    ) -> Page:
        """The entries that hold here, the newest first: those with ``search`` in them, of a category (``allow``: phrases) and a severity."""
        plain = normalise(search)
        found = [
            (id, entry)
            for id, entry in list(self.lexicon.entries.items())[::-1]
            if self.sees(entry) and plain in normalise(entry.text) and _is_of(entry, category, severity, only_here=only_here)
        ]
        pages = max(1, -(-len(found) // size))
        page = min(page, pages)
        return Page(dict(found[(page - 1) * size : page * size]), len(found), page, pages)

    def get(self, id: str) -> Entry:
        """The entry of an id, as the store has it. Raises UserError for one that is gone, or not for this community."""
        kept = self.stores.content.find(KIND, [id]).get(id)
        entry = entry_from_json(kept) if kept else None
        if entry is None or not self.sees(entry):
            raise UserError("词库里没有这个词，可能刚刚被删掉了。")
        return entry

    def named(self, text: str) -> list[Entry]:
        """What holds here under a word or phrase, as the store has it: this community's own first."""
        ids = [id_of(Word(text, 1, "other", "", (self.community.id,))), id_of(Word(text, 1, "other", "")), id_of(Allowed(text))]
        return [entry_from_json(kept) for kept in self.stores.content.find(KIND, ids).values()]

    def judge(self, text: str) -> Verdict:
        """What would be found in a text, and what would come of it."""
        return self.contents.judge.judge(text, community=self.community.id)

    def widths(self, words: Sequence[Word]) -> list[Wide]:
        """For each of some words, how much that is ordinary it would hit."""
        everywhere = Lexicon([Word(word.text, 3, word.category, word.rule) for word in words], self._allowed())
        lines = ordinary_chat.shipped()
        counts = everywhere.count_in(lines)
        asked = self._questions(everywhere)
        return [self._width(word, everywhere, lines, counts[normalise(word.text)], asked) for word in words]

    def _width(self, word: Word, lexicon: Lexicon, lines: Sequence[str], count: int, asked: Mapping[str, list[str]]) -> Wide:
        plain = normalise(word.text)
        hit = (line for line in lines if plain in line and lexicon.count_in([line])[plain]) if count else ()
        example = min(hit, key=len, default="")  # the shortest shows best what would happen
        return Wide(word, count, len(lines), example, tuple(asked.get(plain, ())[:3]))

    def _allowed(self) -> list[str]:
        return [entry.text for entry in self.lexicon.entries.values() if isinstance(entry, Allowed)]

    def _questions(self, lexicon: Lexicon) -> dict[str, list[str]]:
        """Questions of the FAQ that words are in, by word."""
        found: dict[str, list[str]] = {}
        for at, entry in enumerate(self.contents.faq.entries()):
            if at >= MOST_QUESTIONS:
                break
            for wording in (entry.question, *entry.similar) if entry.is_for(self.community.id) else ():
                for plain in lexicon.count_in([normalise(wording)]):
                    found.setdefault(plain, []).append(wording)
        return found

    # Changing -----------------------------------------------------------------------------------------------------------

    def scope(self, *, only_here: bool) -> tuple[str, ...]:
        """The communities that a new word is for: this one, where he may not speak for all."""
        return (self.community.id,) if only_here or not self.may_share else ()

    def put(self, entries: Iterable[Entry], *, once: str, note: str = "", replaces: str = "") -> Done:
        """Lists words, or allows phrases; what is listed already is changed. ``replaces`` is the id of the entry that they take the place of.

        Raises UserError for what may not stand in the list, or is not his to change.
        """
        wanted = {id_of(entry): entry for entry in entries}
        self._refuse_wrong(wanted.values())
        present = self._find([*wanted, *([replaces] if replaces else ())])
        for id, entry in wanted.items():
            self._refuse_others(present.get(id, entry))
        changes: dict[str, Entry | None] = dict(wanted)
        if replaces and replaces not in wanted:
            self._refuse_others(present.get(replaces))
            changes[replaces] = None
        return self._publish(
            "放行" if all(isinstance(entry, Allowed) for entry in wanted.values()) else "添加", present, changes, note, once
        )

    def remove(self, ids: Collection[str], *, once: str) -> Done:
        """Takes entries away. Raises UserError for those that are not his to change."""
        present = self._find(ids)
        for entry in present.values():
            self._refuse_others(entry)
        return self._publish("删除", present, dict.fromkeys(ids), "", once)

    def plan(self, items: Mapping[str, str], *, replace: bool) -> Plan:
        """What taking in a file's items would change, with ``replace`` instead of all there is. Raises UserError for too many."""
        version, present = self.stores.content.snapshot(KIND)
        changes = difference(present, items, replace=replace)
        if not replace:  # what the file lists is not allowed any more, and the other way round
            changes |= {id: None for id in present if _rival(id) in items}
        removed = sum(text is None for text in changes.values())
        changed = sum(id in present for id, text in changes.items() if text is not None)
        left = len(present) + len(changes) - changed - 2 * removed
        if left > MOST_WORDS:
            raise UserError(f"导入后一共有 {left} 个，最多 {MOST_WORDS} 个，请删去一些")
        words = [entry for id, text in changes.items() if text and isinstance(entry := entry_from_json(text), Word)]
        wide = [one.word.text for one in self.widths(words) if one.is_wide]
        notes = (f"有 {len(wide)} 个词会碰到平常的话：{_few(wide)}。请想一想要不要。",) if wide else ()
        return Plan(version, changes, len(changes) - changed - removed, changed, removed, notes)

    def take_in(self, plan: Plan, *, note: str, once: str) -> int:
        """Does what was planned; gives the number of the version. Raises UserError where somebody edited meanwhile."""
        try:
            number = self.stores.content.put(KIND, plan.changes, self.actor.id, self.now, note=note, once=once, expect=plan.version)
        except Outdated:
            raise UserError("导入期间有人改了词库，请再传一次。") from None
        self._note("导入", note, f"第 {plan.version} 版", f"第 {number} 版，{plan.summary}", "", once)
        return number

    def undo(self, number: int, *, once: str) -> int:
        """Puts back what a version changed; gives the number of the new version. Raises UserError."""
        if number == 1 or not all(self._ids(number)):
            raise UserError(f"第 {number} 版是起始内容，不能撤销。说“词库 历史”看有哪些版本")
        if not self.may_share and not self._is_own(number):
            raise UserError(f"没有第 {number} 版，或者它改的词不只属于这个社群。说“词库 历史”看有哪些版本")
        try:
            version = self.stores.content.undo(KIND, number, self.actor.id, self.now, once=once)
        except NoSuchVersion:
            raise UserError(f"词库没有第 {number} 版，或者太久了不再保存。说“词库 历史”看有哪些版本") from None
        except ChangedSince as since:
            names = "、".join(filter(None, since.ids[:MOST_NAMED])) or "词库"
            raise UserError(f"不能撤销第 {number} 版：{names} 之后又改过。请先撤销后来的修改，或者直接改") from None
        self._note("撤销", f"第 {number} 版", "", f"第 {version} 版", "" if self.may_share else self.community.id, once)
        return version

    def history(self, count: int) -> list[Version]:
        """The newest versions, newest first: all of them, or those that are this community's own."""
        versions = self.stores.content.history(KIND, count)
        return versions if self.may_share else [version for version in versions if self._is_own(version.number)]

    # Below --------------------------------------------------------------------------------------------------------------

    def _find(self, ids: Collection[str]) -> dict[str, Entry]:
        return {id: entry_from_json(text) for id, text in self.stores.content.find(KIND, list(ids)).items()}

    def _publish(self, act: str, present: Mapping[str, Entry], changes: Mapping[str, Entry | None], note: str, once: str) -> Done:
        texts = {id: entry_to_json(entry) if entry else None for id, entry in changes.items()}
        before: Mapping[str, str | None] = {id: entry_to_json(entry) for id, entry in present.items()}
        if first := self.stores.content.made(KIND, once):  # done before, by a try of the same message that did not come to its end
            before = {**before, **self._before(first)}
        note = note or f"{act} {_few([entry.text for entry in (*changes.values(), *present.values()) if entry])}"
        number = self.stores.content.put(KIND, texts, self.actor.id, self.now, note=note, once=once)
        done = _done(number, before, texts)
        if touched := (*done.added, *done.changed, *done.removed):
            is_own = all(_communities(entry) == (self.community.id,) for entry in touched)
            old = "、".join(told(present[id]) for id in list(present)[:MOST_NAMED] if present[id] != changes.get(id))
            new = "、".join(told(entry) for entry in (*done.added, *done.changed)[:MOST_NAMED])
            more = f" 等 {len(touched)} 个" if len(touched) > MOST_NAMED else ""
            self._note(
                act, "、".join(entry.text for entry in touched[:MOST_NAMED]) + more, old, new, self.community.id if is_own else "", once
            )
        return done

    def _before(self, number: int) -> dict[str, str | None]:
        try:
            return {change.id: change.before for change in self.stores.content.version(KIND, number)[1]}
        except NoSuchVersion:
            return {}

    def _ids(self, number: int) -> list[str]:
        """What a version changed; the id of what older programs kept as one file is ''."""
        try:
            return [change.id for change in self.stores.content.version(KIND, number)[1]]
        except NoSuchVersion:
            return []

    def _note(self, act: str, subject: str, before: str, after: str, where: str, once: str) -> None:
        self.stores.audit.record(where, self.actor.id, f"词库 {act}", subject, before, after, self.now, once=once)

    def _is_own(self, number: int) -> bool:
        """Whether a version changed this community's own words only."""
        try:
            version, changes = self.stores.content.version(KIND, number)
        except (NoSuchVersion, Forgotten):
            return False
        texts = [text for change in changes[:MOST_UNDONE] for text in (change.before, change.after) if text and change.id]
        is_whole = version.count <= MOST_UNDONE and all(change.id for change in changes)
        return bool(texts) and is_whole and all(_communities(entry_from_json(text)) == (self.community.id,) for text in texts)

    def _refuse_others(self, entry: Entry | None) -> None:
        if entry and not self.may_change(entry):
            raise UserError(
                f"“{entry.text}”是几个社群共用的，要在所有社群都是运营才能改。只想在这里放宽，可以说：词库 添加 {entry.text} 其他 1（只记录）"
            )

    def _refuse_wrong(self, entries: Collection[Entry]) -> None:
        """Raises UserError for words that no list may have, and for what would be listed and allowed at once."""
        for entry in entries:
            try:
                group = {"category": "other", "severity": 1, "rule": "x"} if isinstance(entry, Allowed) else _group_of(entry)
                WordGroupRow.model_validate({**group, "words": (entry.text,)})
            except ValidationError as error:
                raise UserError(f"“{entry.text[:60]}”不能放进词库：{_why(error)}") from None
        lexicon = self.lexicon.entries if len(entries) > MOST_NAMED else {}
        for entry in entries:
            self._refuse_both(entry, lexicon)
        if len(self.lexicon) + len(entries) > MOST_WORDS:
            raise UserError(f"词库最多 {MOST_WORDS} 个词，请先删去一些。")

    def _refuse_both(self, entry: Entry, lexicon: Mapping[str, Entry]) -> None:
        """Raises UserError for a word that is allowed, or a phrase that is listed."""
        rivals = [id_of(Allowed(entry.text))]
        if isinstance(entry, Allowed):
            rivals = [id_of(Word(entry.text, 1, "other", "", places)) for places in ((), (self.community.id,))]
        there = set(rivals) & lexicon.keys() if lexicon else set(self.stores.content.find(KIND, rivals))
        if there:
            state = "在词库里" if isinstance(entry, Allowed) else "是放行的"
            raise UserError(f"“{entry.text}”{state}，两样只能留一样。先说：词库 删除 {entry.text}")


def _is_of(entry: Entry, category: str, severity: int, *, only_here: bool) -> bool:
    if isinstance(entry, Allowed):
        return category in ("", "allow") and not severity and not only_here
    return category in ("", entry.category) and severity in (0, entry.severity) and (bool(entry.communities) or not only_here)


def _rival(id: str) -> str:
    """The id under which a word would be allowed, or a phrase listed everywhere."""
    plain = id.removeprefix("放行：")
    return plain if plain != id else f"放行：{id.partition('＠')[0]}"


def _few(texts: Sequence[str]) -> str:
    """Some texts, and how many there are where they are many."""
    few = dict.fromkeys(texts)
    return "、".join(list(few)[:MOST_NAMED]) + (f" 等 {len(few)} 个" if len(few) > MOST_NAMED else "")


def _communities(entry: Entry) -> tuple[str, ...]:
    return entry.communities if isinstance(entry, Word) else ()


def _group_of(word: Word) -> dict[str, object]:
    return {"category": word.category, "severity": word.severity, "rule": word.rule, "communities": word.communities}


_FIELDS = {"words": "词", "rule": "群规", "category": "类别", "severity": "级别", "communities": "社群"}


def _why(error: ValidationError) -> str:
    first = error.errors()[0]
    field = _FIELDS.get(str(first["loc"][0]), "") if first["loc"] else ""
    if first["type"] == "value_error":
        return f"{field}{first['ctx']['error']}"
    if first["type"] == "string_too_long":
        return f"{field}最多 {first['ctx']['max_length']} 个字"
    return f"{field}写法不对"


def _done(number: int, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> Done:
    sorts: dict[str, list[Entry]] = {"added": [], "changed": [], "removed": [], "same": []}
    for id, text in after.items():
        was = before.get(id)
        if text is None:
            sorts["removed"] += [entry_from_json(was)] if was else []
        else:
            sorts["same" if was == text else "changed" if was else "added"].append(entry_from_json(text))
    return Done(number, **{name: tuple(entries) for name, entries in sorts.items()})


def to_payload(entries: Sequence[Entry]) -> str:
    """Entries as text, to be kept while somebody thinks them over."""
    return json.dumps([entry_to_json(entry) for entry in entries], ensure_ascii=False)


def of_payload(text: str) -> list[Entry]:
    """The entries of such a text."""
    return [entry_from_json(row) for row in json.loads(text)]
