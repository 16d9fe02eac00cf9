"""Which of the operators' answers fits a question, if any: silence rather than a wrong answer.

Three steps, cheapest first: the same question (a dictionary), a keyword (one automaton), a similar question (an inverted index, whose cost
grows with the hits and not with the entries; :mod:`rules.faq_terms` says what is compared, :mod:`rules.faq_likeness` how). docs/faq-engine.md
tells the whole, with what it reaches on real questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from rules.entries import Entry
from rules.faq_explanation import MOST_PARTS, Explanation, Reason, part_of
from rules.faq_index import Index, Near, Opened, Scheme
from rules.faq_likeness import ANSWER_FROM, OFFER_FROM, Likeness, score
from rules.faq_ordinary import shipped as ordinary
from rules.faq_terms import Synonyms, Terms, shipped
from rules.text import Words, core, normalise
from rules.variants import shipped as variants

MOST_CANDIDATES = 5
CLEAR_FROM = 0.07
"""An answer is given when its score is so much higher than the second entry's; else both are offered."""
PLAIN = 0.69
"""The score of an entry that a message resembles only in what people say all the time: offered, never answered."""
KEYWORD_SHARE = 0.45
"""A keyword that makes up this share of what is said answers by itself (``怎么退款``); with less (``快递已经发货了亲``) it is offered."""
KEYWORD_SUFFICES = 0.75
"""From this share on no similar question is looked for."""
REPAIRED = 0.95
"""A question is read without what may be typing mistakes when that fits so much better."""
REMEMBERED_FINDINGS = 2_048
"""What was found for the last so many different questions: people ask the same again and again. About 2 MB at the most."""
LONGEST_REMEMBERED = 60
REMEMBERED_CHARACTERS = 4_096
_SMALL_TALK = re.compile(
    r"(?:好的?|收到|谢谢你?|多谢|感谢|嗯|恩|哈|嘿|呵|哦|噢|啊|ok|在|你好|您好|大家好|早上好|早安|早|中午好|下午好|晚上好|晚安|辛苦了?|可以|不行|行|对|是的?"
    r"|知道|明白|了解|没事|不客气|客气|再见|拜拜|6|赞|1|\+|棒|了|的|呢|呀|吧|啦|滴|哒|[\s!-/:-@。、~])++"
)
"""What asks nothing. Possessive (``++``): tried one way only, so no text can make it try them all."""
_EMPTY_WORDS = ("为什么", "怎么样", "怎么办", "怎么", "怎样", "如何", "什么", "哪里", "哪儿", "多少", "可以", "能不能", "一下")
_EMPTY = frozenset("我你您他她它们的了吗呢吧啊呀嘛是在有想要请就把给和这那个还")
"""What a question consists of besides its subject: words, longer ones first, and characters, which are in none of the words."""


Outcome = Literal["answer", "offer", "silent"]


class Candidate(NamedTuple):
    """An entry that may be meant; ``score`` from 0 to 1."""

    entry: Entry
    score: float


class Finding(NamedTuple):
    """``answer``: ``entry`` is what was asked for. ``offer``: the first three ``candidates`` are to choose from. ``silent``: say nothing.

    ``entry`` is None unless the outcome is ``answer``; ``candidates`` are at most five, best first; ``why`` is for the log: ``empty``,
    ``chat`` (好的, 哈哈哈), ``exact``, ``keyword``, ``similar``, ``rival`` (two entries fit about as well), ``near`` (not similar enough) or ``far``.
    """

    outcome: Outcome
    entry: Entry | None
    score: float
    candidates: tuple[Candidate, ...]
    why: str


class _Remembered(NamedTuple):
    """A finding with its candidates by their numbers: entries with their answers are kept by the index alone, which keeps few."""

    outcome: Outcome
    score: float
    numbers: tuple[int, ...]
    scores: tuple[float, ...]
    why: str


class _Found(NamedTuple):
    """A finding and how it came about: scores by the entries' numbers, as far as keywords and similar questions were looked for."""

    finding: Finding
    numbers: Sequence[int] = ()
    named: Mapping[int, float] = MappingProxyType({})
    near: Sequence[Near] = ()


def always(_: Entry) -> bool:
    """Every entry is open."""
    return True


class Faq:
    """Finds answers. Built once for a version of the FAQ, then only read: threads may share it."""

    def __init__(self, entries: Iterable[Entry], words: Words) -> None:
        self._set_up(Index.of(entries, scheme_of(words)))

    @classmethod
    def over(cls, index: Index) -> Faq:
        """A FAQ on an index that is there already, made by :func:`scheme_of`."""
        faq = cls.__new__(cls)
        faq._set_up(index)
        return faq

    def _set_up(self, index: Index) -> None:
        self._index = index
        self._likeness = Likeness(index, ordinary())
        self._others_for = lru_cache(REMEMBERED_CHARACTERS)(self._find_others)
        self._findings: dict[tuple[str, tuple[int | None, ...]], _Remembered] = {}

    def with_changes(self, changes: Mapping[str, Entry | None]) -> Faq:
        """The FAQ as it would be with these entries (None: without that one), to be tried: a small layer over the same index."""
        return Faq.over(self._index.changed(changes))

    def find(self, id: str) -> Entry | None:
        """The entry of an id, None when there is none (any more)."""
        return self._index.find(id)

    def ask(self, text: str, *, is_open: Callable[[Entry], bool] = always, without: str = "") -> Finding:
        """The finding for what a member said; never raises, whatever the text. Entries that are not open are neither answered nor offered.

        ``without`` is the id of an entry that is passed over, to see which others are asked for in its words.
        """
        may = self._index.opened(is_open, without=without)
        marks = may.marks
        if without or None in marks or len(text) > LONGEST_REMEMBERED:
            return self._find(text, may).finding
        if known := self._findings.get((text, marks)):
            return self._recall(known)
        found = self._find(text, may)
        if len(self._findings) >= REMEMBERED_FINDINGS:
            self._findings.clear()  # no order to keep up to date: what is asked all the time is soon back
        finding = found.finding
        scores = tuple([candidate.score for candidate in finding.candidates])
        self._findings[text, marks] = _Remembered(finding.outcome, finding.score, tuple(found.numbers), scores, finding.why)
        return finding

    def _recall(self, known: _Remembered) -> Finding:
        candidates = tuple([Candidate(self._index.entry(number), score) for number, score in zip(known.numbers, known.scores, strict=True)])
        return Finding(known.outcome, candidates[0].entry if known.outcome == "answer" else None, known.score, candidates, known.why)

    def explain(self, text: str, *, is_open: Callable[[Entry], bool] = always) -> Explanation:
        """Why :meth:`ask` finds what it finds."""
        reached = self._find(text, self._index.opened(is_open))
        found, asked, index = reached.finding, core(text), self._index
        weights = self._likeness.weights(asked)
        parts = [part_of(name, weight, index.owners(name)) for name, weight in weights.items()]
        total = sum(weights.values())
        return Explanation(
            asked=asked,
            outcome=found.outcome,
            why=found.why,
            score=found.score,
            parts=tuple(sorted(parts, key=lambda part: (-part.weight, part.text))[:MOST_PARTS]),
            unknown=sum(part.weight for part in parts if not part.entries) / total if total else 0.0,
            reasons=tuple(self._reason(*one, reached, asked) for one in zip(found.candidates, reached.numbers, strict=True)),
            clear_from=CLEAR_FROM,
        )

    def _reason(self, candidate: Candidate, number: int, reached: _Found, asked: str) -> Reason:
        entry = candidate.entry
        said = Reason(entry.id, entry.question, candidate.score, keyword=reached.named.get(number))
        one = next((one for one in reached.near if one.entry == number), None)
        if one is None:
            return said
        nearest = self._likeness.nearest_wording(number, asked)
        return replace(
            said, nearest=nearest, wordings=one.wordings, likeness=one.likeness, pattern=one.resemblance if one.wordings > 1 else None
        )

    def _find(self, text: str, may: Opened) -> _Found:
        found = self._look(text, may)
        if found.finding.outcome == "answer" or found.finding.why not in {"near", "far"}:
            return found
        repaired = variants().repair(core(text), self._index.knows_pair, self._others_for)
        if repaired == core(text):
            return found
        again = self._look(repaired, may)
        return again if REPAIRED * again.finding.score > found.finding.score else found

    def _find_others(self, char: str) -> str:
        return "".join([other for other in variants().others_for(char) if self._index.owners(f".{other}")])

    def _look(self, text: str, may: Opened) -> _Found:
        asked = core(text)
        if not asked:
            return _Found(Finding("silent", None, 0.0, (), "empty"))
        same = self._index.exact(asked, may)
        if same:
            return self._decide(dict.fromkeys(same, 1.0), "exact")
        if _SMALL_TALK.fullmatch(asked):
            return _Found(Finding("silent", None, 0.0, (), "chat"))
        named = self._named(normalise(text), may)
        if max(named.values(), default=0.0) >= _keyword_score(KEYWORD_SUFFICES):
            return self._decide(named, "keyword", named)
        near = self._likeness.find(asked, may)
        scores = self._scores(near, asked)
        why = "similar"
        for entry, by_keyword in named.items():
            if by_keyword > scores.get(entry, 0.0):
                scores[entry] = by_keyword
                why = "keyword"
        return self._decide(scores, why, named, near)

    def _scores(self, near: Iterable[Near], asked: str) -> dict[int, float]:
        """The score of each entry. An answer needs a wording that is near enough, or a pattern whose match says something: else it is PLAIN.

        Whether it does is found out for the best only, until so many stay that no other will be among the candidates.
        """
        scored = [(score(one), one) for one in near]
        high = [each for each in scored if each[0] >= ANSWER_FROM]
        scores = {one.entry: found for found, one in scored}
        kept = 0
        for _, one in sorted(high, key=_by_score):
            if one.likeness >= ANSWER_FROM or self._likeness.is_telling(one.entry, asked):
                kept += 1
                if kept == MOST_CANDIDATES:
                    break
            else:
                scores[one.entry] = PLAIN
        return scores

    def _named(self, plain: str, may: Opened) -> dict[int, float]:
        """The entries one of whose keywords is in the normalised text, with their scores."""
        covered = self._index.keywords_in(plain, may)
        if not covered:
            return {}
        for word in _EMPTY_WORDS:
            plain = plain.replace(word, " " * len(word))
        telling = {at for at, char in enumerate(plain) if char not in _EMPTY and char.isalnum()}
        return {number: _keyword_score(_share(places, telling)) for number, places in covered.items()}

    def _decide(self, scores: Mapping[int, float], why: str, named: Mapping[int, float] | None = None, near: Sequence[Near] = ()) -> _Found:
        numbers = [number for _, number in sorted((-score, number) for number, score in scores.items())[:MOST_CANDIDATES]]
        candidates = tuple([Candidate(self._index.entry(number), scores[number]) for number in numbers])
        return _Found(_decision(candidates, why), numbers, named or {}, near)


def _by_score(scored: tuple[float, Near]) -> tuple[float, int]:
    return -scored[0], scored[1].entry


def _decision(candidates: tuple[Candidate, ...], why: str) -> Finding:
    """Answer when the best is good and clear of its rival, offer when it is fair, else be silent."""
    best = candidates[0].score if candidates else 0.0
    rival = candidates[1].score if len(candidates) > 1 else 0.0
    if best < OFFER_FROM:
        return Finding("silent", None, best, candidates, "far")
    if best < ANSWER_FROM:
        return Finding("offer", None, best, candidates, "near")
    if best - rival < CLEAR_FROM:
        return Finding("offer", None, best, candidates, "exact" if rival == 1.0 and why == "exact" else "rival")
    return Finding("answer", candidates[0].entry, best, candidates, why)


def _share(places: set[int], telling: set[int]) -> float:
    return len(places & telling) / len(telling) if telling else 1.0


def _keyword_score(share: float) -> float:
    """OFFER_FROM for a keyword in a long text, ANSWER_FROM from KEYWORD_SHARE on, 1 for a text that is the keyword."""
    if share < KEYWORD_SHARE:
        return OFFER_FROM + (ANSWER_FROM - OFFER_FROM) * share / KEYWORD_SHARE
    return ANSWER_FROM + (1.0 - ANSWER_FROM) * (share - KEYWORD_SHARE) / (1.0 - KEYWORD_SHARE)


# What is compared ---------------------------------------------------------------------------------------------------
def scheme_of(words: Words, synonyms: Synonyms | None = None) -> Scheme:
    """What the index is made by: the same words and synonyms (the shipped ones by default) give the same index."""
    return Terms(words, shipped() if synonyms is None else synonyms)
