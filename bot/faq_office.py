"""What operators do with the FAQ, as plain functions: chat, console and command line call the same ones.

An :class:`Office` says who does it and for which community. Of another community's entries it knows nothing; what several communities share is
changed only by whoever may in all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from threading import Lock
from typing import Any, Literal

from bot.communities import Community
from bot.errors import UserError
from bot.faq_desk import FAQ, TESTS, Desk, Published
from bot.live import Contents
from bot.permissions import Actor, Role, may
from rules.clusters import Asked, pile_up
from rules.contents import entry_from_json
from rules.entries import Entry, id_of
from rules.faq import Candidate, Finding
from rules.faq_explanation import Explanation
from rules.regression import Conflict, FaqTest, conflicts_among
from rules.text import core
from storage.content import Change, ContentStore, Forgotten, NoSuchVersion, Version
from storage.feedback import Judged
from storage.moment import from_ms, to_ms
from storage.proposals import Proposal
from storage.stores import Stores
from storage.tallies import hits_in

COLD_DAYS = 30
DONE = "这一组问题已经处理过了。说“未答”看还有哪些"
MOST_TESTS = 1_000
MOST_SIMILAR = 50
"""Wordings that one cluster brings into an entry; more say nothing new."""
MOST_QUERY = 500
MOST_SHELVED = 8
"""Communities whose entries a process keeps sorted out."""
MOST_OWN = 500
"""Changes of a version that is looked through for whether it is one community's own."""
FEW_WAITING = 300
"""Unanswered questions that are put together while the operator waits: a tenth of a second on a quiet machine."""
Only = Literal["", "cold", "conflicts", "expired", "hidden"]


class Shelf:
    """The texts of the FAQ as one process read them last: to read 100,000 anew for every page takes seconds. Threads may share it."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        self._lock = Lock()
        self._version = -1
        self._items: Mapping[str, str] = {}
        self._of: dict[str, Mapping[str, str]] = {}

    def texts(self, community: str) -> tuple[int, Mapping[str, str]]:
        """The version in force and the texts of a community's entries, in their order; one small round trip while nobody edits."""
        with self._lock:
            if self._version != self._store.versions().get(FAQ, 0):
                self._version, self._items = self._store.snapshot(FAQ)
                self._of.clear()
            if community not in self._of:
                if len(self._of) >= MOST_SHELVED:
                    del self._of[next(iter(self._of))]
                self._of[community] = {id: text for id, text in self._items.items() if _is_of(text, community)}
            return self._version, self._of[community]


@dataclass(frozen=True, slots=True)
class Office:
    """Who looks after the FAQ of which community. ``is_only``: there is no other community, so new entries are shared.

    ``may_share``: he may change what communities share as well, and ``may_agree`` to what others write for all of them. ``shelf`` keeps what was read for
    whoever reads next.
    """

    stores: Stores
    contents: Contents
    community: Community
    actor: Actor
    now: Callable[[], datetime]
    is_only: bool = True
    may_share: bool = True
    shelf: Shelf | None = None
    may_agree: bool = True

    def texts(self) -> tuple[int, Mapping[str, str]]:
        """The version in force, and the texts of this community's entries."""
        return (self.shelf or Shelf(self.stores.content)).texts(self.community.id)

    @property
    def desk(self) -> Desk:
        """Where he edits."""
        return Desk(self.stores, self.contents, self.now, sees=self.sees)

    def sees(self, entry: Entry) -> bool:
        """Whether an entry is this community's, alone or with others."""
        return entry.is_for(self.community.id)

    def is_open(self, entry: Entry) -> bool:
        """Whether a member here would get the entry today."""
        return entry.role == "member" and self.sees(entry) and entry.is_valid_on(self.community.day_of(self.now()))

    def refuse_others(self, entry: Entry | None) -> None:
        """Raises UserError for an entry that he may not change."""
        if entry and not self.sees(entry):
            raise UserError(f"没有“{entry.id}”这条问答。说“问答 列表”看有哪些")
        if entry and not self.may_share and entry.communities != (self.community.id,):
            raise UserError(f"“{entry.question}”由几个社群共用，要有全部社群的运营角色才能改")


def office_for(
    stores: Stores, contents: Contents, community: Community, actor: Actor, now: Callable[[], datetime], *, listed: int, everywhere: Role
) -> Office:  # fmt: skip
    """The office of who has the role ``everywhere`` in all communities, of which so many are ``listed``.

    A group that is not listed is a community with roles of its own: whoever looks after one shares nothing, unless he may everywhere.
    """
    is_alone = listed == 1 and community.is_listed
    may_share = is_alone or may(everywhere, "operator")
    may_agree = may(actor.role if is_alone else everywhere, "admin")
    return Office(stores, contents, community, actor, now, is_alone or (not listed and may_share), may_share, may_agree=may_agree)


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
    version, ours = office.texts()
    wanted = search[:MOST_QUERY].strip().casefold()
    texts = {id: text for id, text in ours.items() if _mentions(text, wanted)} if wanted else ours
    counts = office.stores.tallies.of_days(office.community.id, _today(office), COLD_DAYS)
    hits = hits_in(counts)
    rivals = conflicts(office) if only == "conflicts" else ()
    ids = _narrowed(office, texts, only, hits) if only != "conflicts" else _in_conflict(texts, rivals)
    pages = max(1, -(-len(ids) // size))
    page = min(max(page, 1), pages)
    judged = office.stores.feedback.all(office.community.keys)
    shown = [entry_from_json(texts[id]) for id in ids[(page - 1) * size : page * size]]
    return Listed(tuple(_row(office, entry, hits, judged) for entry in shown), len(ids), page, pages, version, rivals)


def find_entries(office: Office, search: str) -> Iterator[Entry]:
    """The entries of this community that say what is looked for, in their order, each parsed when it is its turn."""
    wanted = search[:MOST_QUERY].strip().casefold()
    return (entry_from_json(text) for text in office.texts()[1].values() if _mentions(text, wanted))


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
    """Unanswered questions that ask the same. ``key`` names it; ``answered_by`` is the entry that would answer it by now, ``near`` are those that
    might."""

    key: str
    central: str
    wordings: tuple[str, ...]
    count: int
    newest: datetime
    answered_by: str = ""
    near: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for an answer: piles, most asked first, proposals, newest first, and how many questions lie in piles, listed or not."""

    clusters: tuple[Pile, ...]
    proposals: tuple[Proposal, ...]
    questions: int


def takes_long(office: Office) -> bool:
    """Whether so many questions wait that putting them together takes longer than a message may."""
    return office.stores.unanswered.size(office.community.keys) > FEW_WAITING


def asked_in_vain(office: Office) -> list[Pile]:
    """All that members asked in vain, put together by what they meant, most asked first. Takes a second or so of many."""
    return _piles(office)[0]


def clusters(office: Office, *, most: int = 50) -> Waiting:
    """What members asked in vain, put together by what they meant. What has an answer in these very words by now is left out.

    Takes a second or so of many; what is listed is kept for an hour, for whoever deals with it.
    """
    piles, questions = _piles(office)
    shown: list[Pile] = []
    for pile in piles:
        if len(shown) == most:
            break
        found = office.contents.faq.ask(pile.central, is_open=office.is_open)
        if found.entry and found.why == "exact":
            questions -= pile.count
        else:
            shown.append(replace(pile, answered_by=found.entry.id if found.entry else "", near=found.candidates))
    office.stores.listings.keep_groups(office.community.keys, {pile.key: _kept(pile) for pile in shown})
    return Waiting(tuple(shown), tuple(office.stores.proposals.waiting(office.community.id)), questions)


def adopt_cluster(office: Office, key: str, answer: str, *, question: str = "", force: bool = False, once: str = "") -> Published:
    """A new entry out of a cluster: its most central question, or ``question``, and the others as further wordings."""
    pile = _find_pile(office, key)
    if not _is_waiting(office, pile) and not office.stores.content.made(FAQ, once):
        raise UserError(DONE)
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
    if not _is_waiting(office, pile) and not office.stores.content.made(FAQ, once):
        raise UserError(DONE)

    def widened(entry: Entry) -> Entry:
        office.refuse_others(entry)
        known = {core(wording) for wording in (entry.question, *entry.similar)}
        new = tuple(wording for wording in _lines(pile.wordings) if core(wording) not in known)[:MOST_SIMILAR]
        return replace(entry, similar=(*entry.similar, *new))

    done = office.desk.amend(office.actor, entry_id, widened, force=force, once=once)
    _forget(office, pile)
    return done


def ignore_cluster(office: Office, key: str, *, once: str = "") -> int:
    """Takes a cluster away, and whatever is asked like it for the next 30 days; gives how many questions it had when it was listed."""
    pile = _find_pile(office, key)
    # How many, and not what: members' words are kept for a month, the audit for years.
    where, act, subject = office.community.id, "未答 忽略", f"{pile.count} 个问题"
    texts = sorted(_texts_of(office, pile))
    if texts:
        # Written first: after a crash in between, the repeat still finds what is to go, and writes no second row.
        office.stores.audit.record(where, office.actor.id, act, subject, "", "", office.now(), once=once)
        office.stores.unanswered.ignore(office.community.keys, texts, office.now())
    elif not office.stores.audit.holds(where, act, subject, once=once):
        raise UserError(DONE)
    return pile.count


def adopt_proposal(office: Office, number: int, *, answer: str = "", force: bool = False, once: str = "") -> Published:
    """Takes a proposal into the FAQ, with another answer if one is given."""
    proposal = office.stores.proposals.find(office.community.id, number)
    if proposal is None:
        if again := _added_before(office, once):
            return again
        raise UserError("这条待采纳的问答已经处理过了。说“未答”看还有哪些")
    question = _line(proposal.question)
    similar = tuple(wording for wording in _lines(proposal.similar) if core(wording) != core(question))
    entry = Entry("", question, answer or proposal.answer, similar)
    done = save_entry(office, entry, is_new=True, force=force, once=once)
    office.stores.proposals.settle(office.community.id, number)
    return done


def ignore_proposal(office: Office, number: int, *, once: str = "") -> bool:
    """Takes a proposal away; False when somebody did before, and this is no repeat of it."""
    where, act, subject = office.community.id, "未答 不采纳", f"P{number}"
    if office.stores.proposals.find(where, number) is None:
        return office.stores.audit.holds(where, act, subject, once=once)
    office.stores.audit.record(where, office.actor.id, act, subject, "", "", office.now(), once=once)
    office.stores.proposals.settle(where, number)
    return True


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
    return tuple(islice(conflicts_among(office.contents.faq, _entries(office), sees=office.sees, most_tried=most_tried), most))


def cold_entries(office: Office, *, days: int = COLD_DAYS) -> tuple[Entry, ...]:
    """Entries that answered nobody in so many days; what was edited meanwhile has not had its chance and is left out."""
    hits = hits_in(office.stores.tallies.of_days(office.community.id, _today(office), days))
    fresh = _edited_within(office, days)
    return tuple(entry for entry in _entries(office) if not hits.get(entry.id) and (fresh is not None and entry.id not in fresh))


def faq_stats(office: Office, *, days: int = COLD_DAYS) -> Stats:
    """How the FAQ fares."""
    counts = office.stores.tallies.of_days(office.community.id, _today(office), days)
    _, texts = office.texts()
    hits, fresh = hits_in(counts), _edited_within(office, days)
    cold = sum(not hits.get(id) and (fresh is not None and id not in fresh) for id in texts)
    return Stats(
        len(texts), counts.get("faq_hit", 0), counts.get("faq_offer", 0), counts.get("faq_miss", 0),
        max(counts.get("useful", 0), 0), max(counts.get("useless", 0), 0), cold,  # below nothing where a mind of before was changed
        len(office.stores.unanswered.questions(office.community.id)),
    )  # fmt: skip


def history(office: Office, count: int = 20) -> list[Version]:
    """The newest versions of the FAQ, newest first; of those only that he may undo."""
    found = office.stores.content.history(FAQ, count)
    return found if office.may_share else [version for version in found if _is_his(office, version)]


def undo(office: Office, version: int, *, force: bool = False, once: str = "") -> Published:
    """Puts back what a version changed. Raises UserError, Breaks."""
    if not office.may_share and not _is_his(office, office.stores.content.head(FAQ, version)):
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
    """The stored questions that are to reach entries of this community.

    Those whose entry is gone are of the community that had it alone; of any other only who may change what is shared is told.
    """
    tests = office.desk.tests()
    there = office.stores.content.find(FAQ, list({test.entry for test in tests}))

    def is_shown(test: FaqTest) -> bool:
        if test.entry in there:
            return _is_of(there[test.entry], office.community.id)
        return test.community == office.community.id if test.community else office.may_share

    return tuple(filter(is_shown, tests))


def add_test(office: Office, question: str, entry_id: str, *, once: str = "") -> FaqTest:
    """Stores a question with the entry that is to answer it; the same question again, if it is seen from here, changes its entry.

    Raises UserError.
    """
    line, entry = _line(question), get_entry(office, entry_id)
    office.refuse_others(entry)
    if not core(line) or len(line) > MOST_QUERY:
        raise UserError(f"用例要写一个问题，最多 {MOST_QUERY} 个字，例如：问答 用例 添加 钱什么时候退我 => {entry_id}")
    # Another community may ask the same of an entry of its own: the id tells the two apart.
    alone = entry.communities[0] if len(entry.communities) == 1 else ""
    test = FaqTest("t" + id_of(f"{line} {entry.id}")[1:], line, entry.id, alone)
    old = [known.id for known in list_tests(office) if known.question == line and _may_settle(office, known)]
    if not old and len(office.desk.tests()) >= MOST_TESTS:
        raise UserError(f"用例最多 {MOST_TESTS} 条，请先删去一些：问答 用例 删除 编号")
    facts = {"id": test.id, "question": test.question, "entry": test.entry} | ({"community": alone} if alone else {})
    row = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    changes = {**dict.fromkeys(old), test.id: row}
    office.stores.content.put(TESTS, changes, office.actor.id, office.now(), note=f"添加 {test.id}", once=once)
    office.stores.audit.record("", office.actor.id, "问答 用例 添加", test.id, "", row, office.now(), once=once)
    return test


def remove_test(office: Office, id: str, *, once: str = "") -> None:
    """Takes a stored question away. Raises UserError when there is none."""
    before = _removed_before(office, id, once)
    if before is None:
        known = next((test for test in list_tests(office) if test.id == id), None)
        before = office.stores.content.find(TESTS, [id]).get(id)
        if known is None or before is None:
            raise UserError(f"没有“{id}”这条用例。说“问答 用例”看有哪些")
        office.refuse_others(office.desk.find(known.entry))
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


def _mentions(text: str, wanted: str) -> bool:
    """Whether an entry's text says what is looked for. Only what has it anywhere, if only in the name of a field, is parsed."""
    if not wanted:
        return True
    if json.dumps(wanted, ensure_ascii=False)[1:-1] not in text.casefold():
        return False
    entry = entry_from_json(text)
    card = (entry.card.title, entry.card.text) if entry.card else ()
    said = (entry.question, entry.answer, *entry.similar, *entry.keywords, *card)
    return wanted == entry.id.casefold() or any(wanted in one.casefold() for one in said)


def _in_conflict(texts: Iterable[str], rivals: Iterable[Conflict]) -> list[str]:
    found = {id for conflict in rivals for id in (conflict.entry.id, conflict.rival.id)}
    return [id for id in texts if id in found]


def _narrowed(office: Office, texts: Mapping[str, str], only: Only, hits: dict[str, int]) -> list[str]:
    ids = list(texts)
    if only == "cold":
        fresh = _edited_within(office, COLD_DAYS)
        return [id for id in ids if not hits.get(id) and (fresh is not None and id not in fresh)]
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


def _is_his(office: Office, version: Version | None) -> bool:
    if version is None or version.count > MOST_OWN:  # so many come from a file, and files are for those who may share
        return False
    try:
        _, changes = office.stores.content.version(FAQ, version.number)
    except NoSuchVersion:
        return False
    texts = [text for change in changes for text in (change.before, change.after) if text]
    return all(entry_from_json(text).communities == (office.community.id,) for text in texts)


def _piles(office: Office) -> tuple[list[Pile], int]:
    questions = office.stores.unanswered.questions(office.community.id)
    unwanted = office.stores.unanswered.ignored(office.community.keys)
    found = pile_up((Asked(one.text, one.at_ms) for one in questions), office.contents.words, unwanted=unwanted)
    piles = [Pile(_key(pile.central), pile.central, pile.wordings, pile.count, from_ms(pile.newest)) for pile in found]
    return piles, sum(pile.count for pile in piles)


def _kept(pile: Pile) -> list[str]:
    return [pile.central, str(pile.count), str(to_ms(pile.newest)), *pile.wordings]


def _find_pile(office: Office, key: str) -> Pile:
    """The cluster of a key as it was listed; after an hour the one that holds its question by now."""
    if kept := office.stores.listings.find_group(office.community.keys, key):
        central, count, newest, *wordings = kept
        return Pile(key, central, tuple(wordings), int(count), from_ms(int(newest)))
    for pile in _piles(office)[0]:
        if any(_key(wording) == key for wording in pile.wordings):
            return pile
    raise UserError(DONE)


def _is_waiting(office: Office, pile: Pile) -> bool:
    """Whether any of its questions are still without an answer."""
    return bool(_texts_of(office, pile))


def _added_before(office: Office, once: str) -> Published | None:
    """What this message added when it came first, written down if it was not yet; None when it added nothing."""
    changes = _made_before(office, FAQ, once)
    if len(changes) != 1 or changes[0].before or not changes[0].after:
        return None
    return office.desk.publish(office.actor, {changes[0].id: entry_from_json(changes[0].after)}, force=True, once=once)


def _removed_before(office: Office, id: str, once: str) -> str | None:
    """The stored question that this message took away when it came first."""
    gone = (change.before for change in _made_before(office, TESTS, once) if change.id == id and change.after is None)
    return next(gone, None)


def _made_before(office: Office, kind: str, once: str) -> list[Change]:
    """What the version changed that this message made when it came first."""
    try:
        version, changes = office.stores.content.version(kind, office.stores.content.made(kind, once))
    except NoSuchVersion:
        return []
    return changes if version.author == office.actor.id else []


def _may_settle(office: Office, test: FaqTest) -> bool:
    """Whether he may change the entry that a stored question is to reach, and so the question."""
    entry = office.desk.find(test.entry)
    return office.may_share or entry is None or entry.communities == (office.community.id,)


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
