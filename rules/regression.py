"""What an edit of the FAQ breaks: questions that reached their answer before it and would not after.

A question reaches its entry when that is answered, or is among the choices offered. Looked at are the questions operators stored, the new
wordings of what is edited, and the wordings of its rivals – of the entries that today come next to any wording it has or gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rules.entries import Entry
from rules.faq import Finding, always

OFFERED = 3
"""Candidates that a member is shown."""
MOST_WORDINGS = 200
"""Wordings of edited entries whose rivals are looked for; an edit of more is an import, where a sample of them has to do."""
MOST_CHANGED = 500
"""Entries of one edit that are looked at."""
MOST_RIVALS = 100
HIDDEN = "别的社群的问答"
"""Stands for an entry of a community that is not the reader's."""
MOST_CASES = 2_000
"""Questions that are tried for one edit."""


@dataclass(frozen=True, slots=True)
class FaqTest:
    """A stored question, and the id of the entry it is to reach. ``community`` is the only one that entry is for, '' if there are more."""

    id: str
    question: str
    entry: str
    community: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A question that is tried. ``is_stored``: an operator stored it; else it is a wording of the entry itself."""

    question: str
    entry: str
    is_stored: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A case that an edit breaks; ``before`` and ``after`` say in Chinese what becomes of it. ``before`` is empty for a wording that is new."""

    case: Case
    before: str
    after: str


class Asked(Protocol):
    """A FAQ, as far as it is tried."""

    def ask(self, text: str, *, is_open: Callable[[Entry], bool] = ..., without: str = ...) -> Finding: ...

    def find(self, id: str) -> Entry | None: ...


def cases_of(present: Asked, changes: Mapping[str, Entry | None], stored: Iterable[FaqTest]) -> list[Case]:
    """What is to be tried for an edit: ``changes`` are entries by id, None for one that goes."""
    changes = {id: changes[id] for id in list(changes)[:MOST_CHANGED]}
    found = dict.fromkeys(Case(test.question, test.entry, is_stored=True) for test in stored)
    wordings = [wording for id, entry in changes.items() for wording in {**_wordings(present.find(id)), **_wordings(entry)}]
    rivals = dict.fromkeys(candidate.entry.id for wording in wordings[:MOST_WORDINGS] for candidate in present.ask(wording).candidates)
    edited = {id: entry for id, entry in changes.items() if entry}
    others = [entry for id in list(rivals)[:MOST_RIVALS] if id not in changes and (entry := present.find(id))]
    for entry in (*edited.values(), *others):
        found |= dict.fromkeys(Case(wording, entry.id) for wording in _wordings(entry))
    return list(found)[:MOST_CASES]


def breaks(before: Asked, after: Asked, cases: Sequence[Case], *, sees: Callable[[Entry], bool] = always) -> Iterator[Broken]:
    """The cases that reached their entry before and do not after; and wordings that are new and do not reach theirs.

    Of entries that are not for who ``sees`` only some it says that there is something.
    """
    for case in cases:
        aim = after.find(case.entry)
        outcome = after.ask(case.question, is_open=_beside(aim))
        if aim and reaches(outcome, case.entry):
            continue
        was = before.find(case.entry)
        if was is None:
            if aim:
                yield Broken(_shown(case, aim, sees), "", told(outcome, sees))
            continue
        first = before.ask(case.question, is_open=_beside(was))
        if reaches(first, case.entry):
            yield Broken(_shown(case, was, sees), told(first, sees), told(outcome, sees))
        elif not case.is_stored and case.question not in _wordings(was):
            yield Broken(_shown(case, was, sees), "", told(outcome, sees))


def reaches(finding: Finding, entry: str) -> bool:
    """Whether a member who asks so gets to the entry."""
    if finding.entry:
        return finding.entry.id == entry
    return finding.outcome == "offer" and entry in [candidate.entry.id for candidate in finding.candidates[:OFFERED]]


def told(finding: Finding, sees: Callable[[Entry], bool] = always) -> str:
    """What becomes of a question, in Chinese; of entries that are not for who ``sees`` only some without their words."""
    if finding.entry:
        return f"回答“{finding.entry.question}”（{finding.entry.id}）" if sees(finding.entry) else f"回答{HIDDEN}"
    if finding.outcome == "offer":
        offered = (candidate.entry for candidate in finding.candidates[:OFFERED])
        return "给出选项：" + "、".join(f"“{entry.question}”" if sees(entry) else HIDDEN for entry in offered)
    return "不回答"


def _shown(case: Case, entry: Entry, sees: Callable[[Entry], bool]) -> Case:
    return case if sees(entry) else replace(case, question="别的社群的一个问法", entry=HIDDEN)


def _beside(aim: Entry | None) -> Callable[[Entry], bool]:
    """The entries that a member may meet who is meant to get to ``aim``: those of a community in which it is answered."""
    homes = frozenset(aim.communities) if aim else frozenset()
    return lambda entry: not homes or not entry.communities or not homes.isdisjoint(entry.communities)


def _both(one: Callable[[Entry], bool], other: Callable[[Entry], bool]) -> Callable[[Entry], bool]:
    return lambda entry: one(entry) and other(entry)


def _wordings(entry: Entry | None) -> dict[str, None]:
    return dict.fromkeys((entry.question, *entry.similar)) if entry else {}


# Entries that are in each other's way ------------------------------------------------------------------------------------
CLOSE_FROM = 0.85
"""Score from which an entry is in the way of another that has one wording only."""
LEAVING_OUT = 8
"""What it costs to try a wording with the entry's others, against asking once."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who asks about as in ``wording`` of ``entry`` would be answered with ``rival``; ``score`` from 0 to 1."""

    entry: Entry
    rival: Entry
    wording: str
    score: float


class Changeable(Asked, Protocol):
    """A FAQ that shows what it would be after an edit."""

    def with_changes(self, changes: Mapping[str, Entry | None]) -> Asked: ...


def conflicts_among(
    faq: Changeable, entries: Iterable[Entry], *, sees: Callable[[Entry], bool] = always, most_tried: int = 5_000
) -> Iterator[Conflict]:
    """Pairs of entries one of which is asked for in the words of the other, each pair once, as they are found.

    Only entries that somebody ``sees`` are in each other's way. A wording is left out of its entry and asked: its other wordings are then to
    lead to it, and not those of another entry. ``most_tried`` is about how many questions are asked for it.
    """
    seen: set[frozenset[str]] = set()
    left = most_tried
    for entry in entries:
        for wording in _wordings(entry):
            if left <= 0:
                return
            left -= 1
            found = faq.ask(wording, is_open=_both(_beside(entry), sees), without=entry.id)
            if found.entry is None:
                continue
            pair = frozenset((entry.id, found.entry.id))
            if pair in seen:
                continue
            others = [other for other in _wordings(entry) if other != wording]
            if others:
                left -= LEAVING_OUT
                rest = faq.with_changes({entry.id: replace(entry, question=others[0], similar=tuple(others[1:]))})
                found = rest.ask(wording, is_open=_both(_beside(entry), sees))
            if found.entry and found.entry.id != entry.id and (others or found.score >= CLOSE_FROM):
                seen.add(pair)
                yield Conflict(entry, found.entry, wording, found.score)
