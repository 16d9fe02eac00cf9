"""What operators do with the FAQ, as plain functions: chat, console and command line call the same ones.

An :class:`Office` says who does it and for which community. Of another community's entries it knows nothing; what several communities share is
changed only by whoever may in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal

from bot.communities import Community
from bot.errors import UserError
from bot.faq_desk import FAQ, TESTS, Desk, Published
from bot.live import Contents
from bot.permissions import Actor
from rules.clusters import Asked, pile_up
from rules.contents import entry_from_json
from rules.entries import Entry, id_of
from rules.faq import Finding
from rules.faq_explanation import Explanation
from rules.regression import Conflict, FaqTest, conflicts_among
from rules.text import core
from storage.content import Forgotten, NoSuchVersion, Version
from storage.feedback import Judged
from storage.moment import from_ms
from storage.proposals import Proposal
from storage.stores import Stores
from storage.tallies import hits_in

COLD_DAYS = 30
MOST_TESTS = 1_000
MOST_SIMILAR = 50
"""Wordings that one cluster brings into an entry; more say nothing new."""
MOST_QUERY = 500
Only = Literal["", "cold", "conflicts", "expired", "hidden"]


@dataclass(frozen=True, slots=True)
class Office:
    """Who looks after the FAQ of which community. ``is_only``: there is no other community, so new entries are shared.

    ``may_share``: he may change what communities share as well.
    """

    stores: Stores
    contents: Contents
    community: Community
    actor: Actor
    now: Callable[[], datetime]
    is_only: bool = True
    may_share: bool = True

    @property
    def desk(self) -> Desk:
        """Where he edits."""
        return Desk(self.stores, self.contents, self.now)

    def sees(self, entry: Entry) -> bool:
        """Whether an entry is this community's, alone or with others."""
        return entry.is_for(self.community.id)

    def is_open(self, entry: Entry) -> bool:
        """Whether a member here would get the entry today."""
        return entry.role == "member" and self.sees(entry) and entry.is_valid_on(self.now().astimezone(self.community.zone).date())

    def refuse_others(self, entry: Entry | None) -> None:
        """Raises UserError for an entry that he may not change."""
        if entry and not self.sees(entry):
            raise UserError(f"没有“{entry.id}”这条问答。说“问答 列表”看有哪些")
        if entry and not self.may_share and entry.communities != (self.community.id,):
            raise UserError(f"“{entry.question}”由几个社群共用，要有全部社群的运营角色才能改")


# Entries --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Row:
    """An entry and how it fares: answers of 30 days, judgements, ``expired``, ``future`` or in force ('')."""

    entry: Entry
    hits: int
    useful: int
    useless: int
    state: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of entries; ``version`` is what an edit based on it may expect, ``conflicts`` why they are listed where only those in conflict are."""

    rows: tuple[Row, ...]
    total: int
    page: int
    pages: int
    version: int
    conflicts: tuple[Conflict, ...] = ()


def list_entries(office: Office, *, search: str = "", only: Only = "", page: int = 1, size: int = 20) -> Listed:
    """A page of the entries of this community, in their order. Texts are parsed for the page only."""
    version, items = office.stores.content.snapshot(FAQ)
    wanted = search[:MOST_QUERY].strip().casefold()
    texts = {id: text for id, text in items.items() if wanted in text.casefold() and _is_of(text, office.community.id)}
    counts = office.stores.tallies.of_days(office.community.id, _today(office), COLD_DAYS)
    hits = hits_in(counts)
    rivals = conflicts(office) if only == "conflicts" else ()
    ids = _narrowed(office, texts, only, hits) if only != "conflicts" else _in_conflict(texts, rivals)
    pages = max(1, -(-len(ids) // size))
    page = min(max(page, 1), pages)
    judged = office.stores.feedback.all(office.community.keys)
    shown = [entry_from_json(texts[id]) for id in ids[(page - 1) * size : page * size]]
    return Listed(tuple(_row(office, entry, hits, judged) for entry in shown), len(ids), page, pages, version, rivals)


def get_entry(office: Office, id: str) -> Entry:
    """An entry of this community. Raises UserError when there is none."""
    entry = office.desk.find(id)
    if entry is None or not office.sees(entry):
        raise UserError(f"没有“{id}”这条问答。说“问答 列表”看有哪些")
    return entry


def row_of(office: Office, entry: Entry) -> Row:
    """An entry and how it fares."""
    counts = office.stores.tallies.of_days(office.community.id, _today(office), COLD_DAYS)
    return _row(office, entry, hits_in(counts), office.stores.feedback.all(office.community.keys))


def save_entry(
    office: Office,
    entry: Entry,
    *,
    is_new: bool,
    force: bool = False,
    once: str = "",
    expect: int | None = None,
    before: Entry | None = None,
) -> Published:
    """Adds or changes an entry. A new one belongs to this community, if there are others and it names none.

    ``before`` is what the change was made from: another one in force by now is not overwritten. Raises UserError, Breaks, Outdated.
    """
    if is_new:
        entry = entry if entry.id else replace(entry, id=id_for(office, entry.question))
        if not entry.communities and not office.is_only:
            entry = replace(entry, communities=(office.community.id,))
        office.refuse_others(entry)
        if (there := office.desk.find(entry.id)) and not office.sees(there):
            raise UserError(f"id“{entry.id}”已经用过了，请换一个")
        return office.desk.add(office.actor, entry, force=force, once=once, expect=expect)
    office.refuse_others(office.desk.get(entry.id))
    office.refuse_others(entry)
    if before:
        return office.desk.exchange(office.actor, before, entry, force=force, once=once)
    return office.desk.publish(office.actor, {entry.id: entry}, force=force, once=once, expect=expect)


def id_for(office: Office, question: str) -> str:
    """An id for a new entry: made from its question, and another one where a community that is not seen from here asks the same."""
    id = id_of(question)
    there = office.desk.find(id)
    return id if there is None or office.sees(there) else id_of(f"{question} {office.community.id}")


def remove_entry(office: Office, id: str, *, force: bool = False, once: str = "", expect: int | None = None) -> Published:
    """Takes an entry away. Raises UserError, Breaks, Outdated."""
    office.refuse_others(office.desk.find(id))
    return office.desk.remove(office.actor, id, force=force, once=once, expect=expect)


# What nobody could answer --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Pile:
    """Unanswered questions that ask the same. ``key`` names it; ``answered_by`` is the entry that would answer it by now."""

    key: str
    central: str
    wordings: tuple[str, ...]
    count: int
    newest: datetime
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for an answer: piles, most asked first, proposals, newest first, and how many questions there are in all."""

    clusters: tuple[Pile, ...]
    proposals: tuple[Proposal, ...]
    questions: int


def clusters(office: Office, *, most: int = 50) -> Waiting:
    """What members asked in vain, put together by what they meant. What has an answer in these very words by now is left out."""
    piles, questions = _piles(office)
    shown: list[Pile] = []
    for pile in piles:
        if len(shown) == most:
            break
        found = office.contents.faq.ask(pile.central, is_open=office.is_open)
        if found.entry and found.why == "exact":
            questions -= pile.count
        else:
            shown.append(replace(pile, answered_by=found.entry.id if found.entry else ""))
    return Waiting(tuple(shown), tuple(office.stores.proposals.waiting(office.community.id)), questions)


def adopt_cluster(office: Office, key: str, answer: str, *, question: str = "", force: bool = False, once: str = "") -> Published:
    """A new entry out of a cluster: its most central question, or ``question``, and the others as further wordings."""
    pile = _find_pile(office, key)
    asked = _line(question or pile.central)
    similar = tuple(wording for wording in _lines(pile.wordings) if core(wording) != core(asked))
    entry = Entry("", asked, answer, similar[:MOST_SIMILAR])
    done = save_entry(office, entry, is_new=True, force=force, once=once)
    _forget(office, pile)
    return done


def merge_cluster(office: Office, key: str, entry_id: str, *, force: bool = False, once: str = "") -> Published:
    """Makes the questions of a cluster further wordings of an entry."""
    pile, entry = _find_pile(office, key), get_entry(office, entry_id)
    office.refuse_others(entry)
    known = {core(wording) for wording in (entry.question, *entry.similar)}
    new = tuple(wording for wording in _lines(pile.wordings) if core(wording) not in known)[:MOST_SIMILAR]
    done = office.desk.change(office.actor, entry_id, force=force, once=once, similar=(*entry.similar, *new))
    _forget(office, pile)
    return done


def ignore_cluster(office: Office, key: str, *, once: str = "") -> int:
    """Takes a cluster away, and whatever is asked like it for the next 30 days; gives how many questions went."""
    pile = _find_pile(office, key)
    gone = office.stores.unanswered.ignore(office.community.keys, sorted(_texts_of(office, pile)), office.now())
    # How many, and not what: members' words are kept for a month, the audit for years.
    office.stores.audit.record(office.community.id, office.actor.id, "未答 忽略", f"{gone} 个问题", "", "", office.now(), once=once)
    return gone


def adopt_proposal(office: Office, number: int, *, answer: str = "", force: bool = False, once: str = "") -> Published:
    """Takes a proposal into the FAQ, with another answer if one is given."""
    proposal = office.stores.proposals.find(office.community.id, number)
    if proposal is None:
        raise UserError("这条待采纳的问答已经处理过了。说“未答”看还有哪些")
    question = _line(proposal.question)
    similar = tuple(wording for wording in _lines(proposal.similar) if core(wording) != core(question))
    entry = Entry("", question, answer or proposal.answer, similar)
    done = save_entry(office, entry, is_new=True, force=force, once=once)
    office.stores.proposals.settle(office.community.id, number)
    return done


def ignore_proposal(office: Office, number: int, *, once: str = "") -> bool:
    """Takes a proposal away; False when somebody did before."""
    done = office.stores.proposals.settle(office.community.id, number)
    if done:
        office.stores.audit.record(office.community.id, office.actor.id, "未答 不采纳", f"P{number}", "", "", office.now(), once=once)
    return done


# Health ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Stats:
    """The FAQ of a community in figures, of the last days."""

    entries: int
    hits: int
    offers: int
    misses: int
    useful: int
    useless: int
    cold: int
    waiting: int


def conflicts(office: Office, *, most: int = 50, most_tried: int = 2_000) -> tuple[Conflict, ...]:
    """Entries that are asked for in each other's words, as far as so many wordings tell: about a second for 2,000 on a quiet machine."""
    return tuple(islice(conflicts_among(office.contents.faq, _entries(office), most_tried=most_tried), most))


def cold_entries(office: Office, *, days: int = COLD_DAYS) -> tuple[Entry, ...]:
    """Entries that answered nobody in so many days; what was edited meanwhile has not had its chance and is left out."""
    hits = hits_in(office.stores.tallies.of_days(office.community.id, _today(office), days))
    fresh = _edited_within(office, days)
    return tuple(entry for entry in _entries(office) if not hits.get(entry.id) and (fresh is not None and entry.id not in fresh))


def faq_stats(office: Office, *, days: int = COLD_DAYS) -> Stats:
    """How the FAQ fares."""
    counts = office.stores.tallies.of_days(office.community.id, _today(office), days)
    judged = office.stores.feedback.all(office.community.keys)
    entries = list(_entries(office))
    hits, fresh = hits_in(counts), _edited_within(office, days)
    cold = sum(not hits.get(entry.id) and (fresh is not None and entry.id not in fresh) for entry in entries)
    return Stats(
        len(entries), counts.get("faq_hit", 0), counts.get("faq_offer", 0), counts.get("faq_miss", 0),
        sum(one.useful for one in judged.values()), sum(one.useless for one in judged.values()), cold,
        len(office.stores.unanswered.questions(office.community.id)),
    )  # fmt: skip


def history(office: Office, count: int = 20) -> list[Version]:
    """The newest versions of the FAQ, newest first; of those only that he may undo."""
    found = office.stores.content.history(FAQ, count)
    return found if office.may_share else [version for version in found if _is_his(office, version.number)]


def undo(office: Office, version: int, *, force: bool = False, once: str = "") -> Published:
    """Puts back what a version changed. Raises UserError, Breaks."""
    if not office.may_share and not _is_his(office, version):
        raise UserError(f"没有第 {version} 版，或者它改的问答不只属于这个社群")
    return office.desk.undo(office.actor, version, force=force, once=once)


@dataclass(frozen=True, slots=True)
class Trial:
    """What a member would hear if he asked."""

    text: str
    finding: Finding
    explanation: Explanation


def try_question(office: Office, text: str) -> Trial:
    """What the FAQ makes of a question here and today, without counting or noting it."""
    faq = office.contents.faq
    return Trial(text, faq.ask(text, is_open=office.is_open), faq.explain(text, is_open=office.is_open))


# Stored questions -----------------------------------------------------------------------------------------------------
def list_tests(office: Office) -> tuple[FaqTest, ...]:
    """The stored questions that are to reach entries of this community."""
    tests = office.desk.tests()
    there = office.stores.content.find(FAQ, list({test.entry for test in tests}))
    return tuple(test for test in tests if test.entry not in there or _is_of(there[test.entry], office.community.id))


def add_test(office: Office, question: str, entry_id: str, *, once: str = "") -> FaqTest:
    """Stores a question with the entry that is to answer it; the same question again changes its entry. Raises UserError."""
    line, entry = _line(question), get_entry(office, entry_id)
    office.refuse_others(entry)
    if not core(line) or len(line) > MOST_QUERY:
        raise UserError(f"用例要写一个问题，最多 {MOST_QUERY} 个字，例如：问答 用例 添加 钱什么时候退我 => {entry_id}")
    test = FaqTest("t" + id_of(line)[1:], line, entry.id)
    if len(office.desk.tests()) >= MOST_TESTS:
        raise UserError(f"用例最多 {MOST_TESTS} 条，请先删去一些：问答 用例 删除 编号")
    row = json.dumps({"id": test.id, "question": test.question, "entry": test.entry}, ensure_ascii=False, separators=(",", ":"))
    office.stores.content.put(TESTS, {test.id: row}, office.actor.id, office.now(), note=f"添加 {test.id}", once=once)
    office.stores.audit.record("", office.actor.id, "问答 用例 添加", test.id, "", row, office.now(), once=once)
    return test


def remove_test(office: Office, id: str, *, once: str = "") -> None:
    """Takes a stored question away. Raises UserError when there is none."""
    before = office.stores.content.find(TESTS, [id]).get(id)
    if before is None or id not in {test.id for test in list_tests(office)}:
        raise UserError(f"没有“{id}”这条用例。说“问答 用例”看有哪些")
    office.stores.content.put(TESTS, {id: None}, office.actor.id, office.now(), note=f"删除 {id}", once=once)
    office.stores.audit.record("", office.actor.id, "问答 用例 删除", id, before, "", office.now(), once=once)


# Below: small steps ---------------------------------------------------------------------------------------------------
def _today(office: Office) -> Any:
    return office.now().astimezone(office.community.zone).date()


def _entries(office: Office) -> Iterator[Entry]:
    """The entries of this community that are in force in this process."""
    return (entry for entry in office.contents.faq.entries() if office.sees(entry))


def _is_of(text: str, community: str) -> bool:
    """Whether an entry's text is for a community; most name none, and are not parsed for it."""
    return '"communities":' not in text or entry_from_json(text).is_for(community)


def _in_conflict(texts: Iterable[str], rivals: Iterable[Conflict]) -> list[str]:
    found = {id for conflict in rivals for id in (conflict.entry.id, conflict.rival.id)}
    return [id for id in texts if id in found]


def _narrowed(office: Office, texts: dict[str, str], only: Only, hits: dict[str, int]) -> list[str]:
    ids = list(texts)
    if only == "cold":
        fresh = _edited_within(office, COLD_DAYS)
        return [id for id in ids if not hits.get(id) and (fresh is not None and id not in fresh)]
    if only == "conflicts":
        found = {id for conflict in conflicts(office) for id in (conflict.entry.id, conflict.rival.id)}
        return [id for id in ids if id in found]
    if only == "expired":
        return [id for id in ids if '"valid_' in texts[id] and _state(office, entry_from_json(texts[id])) == "expired"]
    if only == "hidden":
        return [id for id in ids if '"role":' in texts[id] and entry_from_json(texts[id]).role != "member"]
    return ids


def _row(office: Office, entry: Entry, hits: dict[str, int], judged: dict[str, Judged]) -> Row:
    said = judged.get(entry.id, Judged())
    return Row(entry, hits.get(entry.id, 0), said.useful, said.useless, _state(office, entry))


def _state(office: Office, entry: Entry) -> str:
    today = _today(office)
    if entry.is_valid_on(today):
        return ""
    return "expired" if entry.valid_to and entry.valid_to < today else "future"


def _edited_within(office: Office, days: int) -> set[str] | None:
    """The ids of what was edited in the last days; None when that is more than can be told, or all of it."""
    since = office.now() - timedelta(days=days)
    older = next((version for version in office.stores.content.history(FAQ, 500) if version.at <= since), None)
    if older is None:
        return None
    try:
        return set(office.stores.content.changes_since(FAQ, older.number)[1])
    except Forgotten:
        return None


def _is_his(office: Office, number: int) -> bool:
    try:
        _, changes = office.stores.content.version(FAQ, number)
    except NoSuchVersion:
        return False
    texts = [text for change in changes for text in (change.before, change.after) if text]
    return len(changes) <= MOST_QUERY and all(entry_from_json(text).communities == (office.community.id,) for text in texts)


def _piles(office: Office) -> tuple[list[Pile], int]:
    questions = office.stores.unanswered.questions(office.community.id)
    unwanted = office.stores.unanswered.ignored(office.community.keys)
    found = pile_up((Asked(one.text, one.at_ms) for one in questions), office.contents.words, unwanted=unwanted)
    piles = [Pile(_key(pile.central), pile.central, pile.wordings, pile.count, from_ms(pile.newest)) for pile in found]
    return piles, sum(pile.count for pile in piles)


def _find_pile(office: Office, key: str) -> Pile:
    """The cluster that holds the question of a key; others may have been asked since."""
    for pile in _piles(office)[0]:
        if any(_key(wording) == key for wording in pile.wordings):
            return pile
    raise UserError("这一组问题已经处理过了。说“未答”看还有哪些")


def _key(question: str) -> str:
    return blake2b(core(question).encode(), digest_size=8).hexdigest()


def _texts_of(office: Office, pile: Pile) -> set[str]:
    cores = {core(wording) for wording in pile.wordings}
    return {one.text for one in office.stores.unanswered.questions(office.community.id) if core(one.text) in cores}


def _forget(office: Office, pile: Pile) -> None:
    office.stores.unanswered.forget(office.community.id, _texts_of(office, pile))


def _line(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())[:MOST_QUERY]


def _lines(texts: Iterable[str]) -> Sequence[str]:
    """Different texts as lines that an entry may have as its wordings."""
    return list({core(line): line for text in texts if core(line := _line(text))}.values())
