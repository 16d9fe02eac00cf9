"""Which of the operators' answers fits a question, if any: silence rather than a wrong answer.

Three steps, cheapest first: the same question (a dictionary), a keyword (one automaton), a similar question (an inverted index over words
and character pairs, whose cost grows with the hits and not with the entries).

How similar two questions are: twice the weight they share over the weight of both, where words weigh more than pairs and those more than
single characters, and rare ones more than common ones – rare in ordinary Chinese and rare among the entries. What no entry knows weighs as
well: a message about something else looks different however well its few known words fit.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ahocorasick_rs import AhoCorasick

from rules.text import Words, core, normalise, stands_alone

MOST_CANDIDATES = 5
OFFER_FROM = 0.27
"""Below it nothing is said. Of 17,963 lines of ordinary chat 2.1 % reach it with the shipped FAQ, of customers' own wordings 71–99 %, by the
set of questions: an offer that is wrong costs a glance, so the line lies where chat is safely under 3 %."""
ANSWER_FROM = 0.48
"""Below it an entry is offered only. Six of those 17,963 lines were answered with it; 0.44 would answer 13 for two more right answers in a
hundred."""
CLEAR_FROM = 0.3
RIVAL_WEIGHT = 0.7
"""An answer is given when its score, less RIVAL_WEIGHT times the second entry's, is CLEAR_FROM or more; else both are offered. Found by a
search over FAQs made of paraphrase sets: the most right answers with at most 5 % wrong ones in the set whose entries are near-twins."""
KEYWORD_SHARE = 0.45
"""A keyword that makes up this share of what is said answers by itself (``怎么退款``); with less (``快递已经发货了亲``) it is offered."""
KEYWORD_SUFFICES = 0.75
"""From this share on no similar question is looked for."""
DOUBT = 1.0
"""Added to the weight of both questions: the fewer words there are, the less their agreement proves. (The very same text is found before.)"""
INDEXED = 0.6
"""The part of a shared weight that words and pairs have at the least; the rest are single characters, which are not in the index."""
MOST_FEATURES = 120
"""Words and pairs of a message that are looked up: more is an essay, not a question."""
MOST_COMPARED = 24
"""Questions that are compared in full, the best by the weight found in the index."""
MOST_REMEMBERED = 50_000
"""Features whose weight is remembered."""

_PAIR = 0.5
_SINGLE = 0.4
"""What a pair and a single character weigh against a word of the same rarity."""
_PHRASES = {
    "如何": "怎么",
    "怎样": "怎么",
    "怎么样": "怎么",
    "怎么办": "怎么",
    "咋": "怎么",
    "咋办": "怎么",
    "为何": "为什么",
    "为啥": "为什么",
    "怎么会": "为什么",
    "啥": "什么",
    "哪儿": "哪里",
    "无法": "不能",
    "不可以": "不能",
    "没法": "不能",
    "多长时间": "多久",
    "多少天": "多久",
    "几天": "多久",
    "可不可以": "可以",
    "能不能": "可以",
    "能否": "可以",
    "能": "可以",
    "可否": "可以",
    "是否": "是不是",
    "手机号码": "手机号",
    "您": "你",
}
"""Ways to ask that say the same: the second word stands for the first."""
_SMALL_TALK = re.compile(
    r"(?:好的?|收到|谢谢你?|多谢|感谢|嗯|恩|哈|嘿|呵|哦|噢|啊|ok|在|你好|您好|大家好|早上好|早安|早|中午好|下午好|晚上好|晚安|辛苦了?|可以|不行|行|对|是的?"
    r"|知道|明白|了解|没事|不客气|客气|再见|拜拜|6|赞|1|\+|棒|了|的|呢|呀|吧|啦|滴|哒|[\s!-/:-@。、~])++"
)
"""What asks nothing. Possessive (``++``): tried one way only, so no text can make it try them all."""
_EMPTY = re.compile(
    "为什么|怎么样|怎么办|怎么|怎样|如何|什么|哪里|哪儿|多少|可以|能不能|一下|[我你您他她它们的了吗呢吧啊呀嘛是在有想要请就把给和这那个还]"
)
"""What a question consists of besides its subject."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer and how it is asked for. A keyword is a text that suffices when present; ``发票+丢`` needs both parts."""

    id: str
    question: str
    answer: str
    similar: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that may be meant; ``score`` from 0 to 1."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Finding:
    """``answer``: ``entry`` is what was asked for. ``offer``: the first three ``candidates`` are to choose from. ``silent``: say nothing.

    ``entry`` is None unless the outcome is ``answer``; ``candidates`` are at most five, best first; ``why`` is for the log: ``empty``,
    ``chat`` (好的, 哈哈哈), ``exact``, ``keyword``, ``similar``, ``rival`` (two entries fit about as well), ``near`` (not similar enough) or ``far``.
    """

    outcome: Literal["answer", "offer", "silent"]
    entry: Entry | None
    score: float
    candidates: tuple[Candidate, ...]
    why: str


class Faq:
    """Finds answers. Built once for a version of the FAQ, then only read: threads may share it."""

    def __init__(self, entries: Iterable[Entry], words: Words) -> None:
        self._entries = tuple(entries)
        self._exact = _by_core(self._entries)
        self._keywords = _Keywords(self._entries)
        self._similar = _Similar(self._entries, words)

    def ask(self, text: str) -> Finding:
        """The finding for what a member said; never raises, whatever the text."""
        asked = core(text)
        if not asked:
            return Finding("silent", None, 0.0, (), "empty")
        same = self._exact.get(asked)
        if same is not None:
            return self._decide(dict.fromkeys(same, 1.0), "exact")
        if _SMALL_TALK.fullmatch(asked):
            return Finding("silent", None, 0.0, (), "chat")
        named = self._keywords.find(normalise(text))
        if max(named.values(), default=0.0) >= _keyword_score(KEYWORD_SUFFICES):
            return self._decide(named, "keyword")
        scores = self._similar.find(asked)
        why = "similar"
        for entry, score in named.items():
            if score > scores.get(entry, 0.0):
                scores[entry] = score
                why = "keyword"
        return self._decide(scores, why)

    def _decide(self, scores: Mapping[int, float], why: str) -> Finding:
        """Answer when the best is good and clear of its rival, offer when it is fair, else be silent."""
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:MOST_CANDIDATES]
        candidates = tuple(Candidate(self._entries[entry], score) for entry, score in ranked)
        best = candidates[0].score if candidates else 0.0
        rival = candidates[1].score if len(candidates) > 1 else 0.0
        if best < OFFER_FROM:
            return Finding("silent", None, best, candidates, "far")
        if best < ANSWER_FROM:
            return Finding("offer", None, best, candidates, "near")
        if best == rival or best - RIVAL_WEIGHT * rival < CLEAR_FROM:
            return Finding("offer", None, best, candidates, "rival")
        return Finding("answer", candidates[0].entry, best, candidates, why)


def _by_core(entries: tuple[Entry, ...]) -> dict[str, tuple[int, ...]]:
    """The entries by the core of each of their questions; two that share one are both named."""
    found: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for number, entry in enumerate(entries):
        for question in (entry.question, *entry.similar):
            found[core(question)][number] = None
    return {asked: tuple(numbers) for asked, numbers in found.items() if asked}


# Keywords -----------------------------------------------------------------------------------------------------------
class _Keywords:
    """All keywords of all entries in one automaton."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self._wanting: defaultdict[str, list[tuple[int, frozenset[str]]]] = defaultdict(list)
        for number, entry in enumerate(entries):
            for keyword in entry.keywords:
                parts = frozenset(filter(None, map(normalise, keyword.split("+"))))
                for part in sorted(parts)[:1]:  # one part leads to the keyword; whether the others are there is looked up then
                    self._wanting[part].append((number, parts))
        everything = {part for wanting in self._wanting.values() for _, parts in wanting for part in parts}
        self._parts = sorted(everything)
        self._automaton = AhoCorasick(self._parts)

    def find(self, plain: str) -> dict[int, float]:
        """The entries one of whose keywords is in the normalised text, with their scores."""
        spans: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for which, start, end in self._automaton.find_matches_as_indexes(plain, overlapping=True):
            if stands_alone(plain, start, end):
                spans[self._parts[which]].append((start, end))
        covered: defaultdict[int, set[int]] = defaultdict(set)
        for part in spans:
            for number, parts in self._wanting.get(part, ()):
                if parts <= spans.keys():
                    covered[number].update(at for each in parts for start, end in spans[each] for at in range(start, end))
        if not covered:
            return {}
        telling = {at for at, char in enumerate(_EMPTY.sub(lambda match: " " * len(match[0]), plain)) if char.isalnum()}
        return {number: _keyword_score(_share(places, telling)) for number, places in covered.items()}


def _share(places: set[int], telling: set[int]) -> float:
    return len(places & telling) / len(telling) if telling else 1.0


def _keyword_score(share: float) -> float:
    """OFFER_FROM for a keyword in a long text, ANSWER_FROM from KEYWORD_SHARE on, 1 for a text that is the keyword."""
    if share < KEYWORD_SHARE:
        return OFFER_FROM + (ANSWER_FROM - OFFER_FROM) * share / KEYWORD_SHARE
    return ANSWER_FROM + (1.0 - ANSWER_FROM) * (share - KEYWORD_SHARE) / (1.0 - KEYWORD_SHARE)


# Similar questions --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Question:
    """One wording of an entry: its features and their weight together."""

    entry: int
    features: frozenset[str]
    weight: float


class _Similar:
    """An inverted index over the questions. Features are words, ``~`` and a pair of characters, ``.`` and a character."""

    def __init__(self, entries: tuple[Entry, ...], words: Words) -> None:
        self._words = words
        asked = {number: {core(q) for q in (entry.question, *entry.similar)} for number, entry in enumerate(entries)}
        cut = [(number, self._features(question)) for number, questions in asked.items() for question in questions if question]
        owners: defaultdict[str, set[int]] = defaultdict(set)
        for number, features in cut:
            for feature in features:
                owners[feature].add(number)
        self._entries = len(entries)
        self._owners = {feature: len(held) for feature, held in owners.items()}
        self._weight = lru_cache(MOST_REMEMBERED)(self._weigh)
        self._questions = [_Question(number, features, sum(map(self._weight, features))) for number, features in cut]
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, question in enumerate(self._questions):
            for feature in question.features:
                if feature[0] != ".":
                    self._places[feature].append(place)

    def find(self, asked: str) -> dict[int, float]:
        """The entries with a similar question, by their number, with the best similarity."""
        features = self._features(asked)
        weights = dict(zip(features, map(self._weight, features), strict=True))
        total = sum(weights.values())
        found: dict[int, float] = {}
        for place in self._promising(weights, total):
            question = self._questions[place]
            shared = sum(map(weights.__getitem__, features & question.features))
            score = 2.0 * shared / (total + question.weight + DOUBT)
            if score > found.get(question.entry, 0.0):
                found[question.entry] = score
        return found

    def _promising(self, weights: Mapping[str, float], total: float) -> list[int]:
        """The questions worth comparing, by the weight of the words and pairs they share.

        Similarity from OFFER_FROM on needs ``least`` shared weight, so the commonest features, whose questions are many, need not be
        opened as long as all that is left unopened weighs less than that.
        """
        least = INDEXED * total * OFFER_FROM / (2.0 - OFFER_FROM)
        places = self._places
        known = sorted((feature for feature in weights if feature in places), key=lambda each: len(places[each]))
        unopened = sum(map(weights.__getitem__, known))
        shared: dict[int, float] = {}
        before = shared.get
        for feature in known:
            if unopened < least:
                break
            weight = weights[feature]
            unopened -= weight
            for place in places[feature]:
                shared[place] = before(place, 0.0) + weight
        return sorted(shared, key=shared.__getitem__, reverse=True)[:MOST_COMPARED]

    def _features(self, asked: str) -> frozenset[str]:
        words = [_PHRASES.get(word, word) for word in self._words.cut(asked)]
        flat = "".join(words)
        pairs = {"~" + flat[at : at + 2] for at in range(min(len(flat) - 1, MOST_FEATURES))}
        return frozenset(words[:MOST_FEATURES]) | pairs | {"." + char for char in flat[:MOST_FEATURES]}

    def _weigh(self, feature: str) -> float:
        return self._basis(feature) * self._specialness(self._owners.get(feature, 0))

    def _basis(self, feature: str) -> float:
        """What a feature weighs by its kind and by its rarity in ordinary Chinese."""
        if feature[0] == "~":
            return _PAIR * math.sqrt(max(0.03, (self._words.rarity(feature[1]) + self._words.rarity(feature[2])) / 2.0))
        if feature[0] == ".":
            return _SINGLE * math.sqrt(max(0.03, self._words.rarity(feature[1])))
        return math.sqrt(max(0.03, self._words.rarity(feature)))

    def _specialness(self, owners: int) -> float:
        """From 0.2 (every entry has it) to 1 (none has)."""
        share = math.log((self._entries + 1) / (owners + 0.5)) / math.log(2 * (self._entries + 1))
        return math.sqrt(max(0.05, share))
