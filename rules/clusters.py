"""Which questions ask the same: what nobody could answer is put together, so that one entry can answer it all.

Questions are taken in the order of how often they were asked. Each joins the pile of the question it is most like, if it is like that pile's
first question as well; else it begins a pile. So a pile cannot creep from one subject to the next. Likeness is twice the shared weight over the
weight of both, of words, pairs of characters and single characters, where what is rare in ordinary Chinese and among these questions weighs more.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest

from rules.text import Words, core

MOST_QUESTIONS = 2_000
"""Different questions that are put together, the most asked (of those asked as often the newest): half a second on a quiet machine. Further ones
are left out until these have been dealt with."""
LIKE_FROM = 0.45
"""Likeness from which a question joins another's pile. In three labelled sets 92 % (400 paraphrased questions), 92 % (29 wide subjects) and 75 %
(150 near-twins) of the questions then lie in a pile of their own kind; from 0.55 on it is 95, 96 and 85 %, in half as many piles again."""
LIKE_FIRST = 0.3
"""The least likeness to the first question of the pile."""
OPENED = 150
"""A word or pair that more questions have than this leads to none of them."""
INDEXED = 0.6
"""The part of a shared weight that words and pairs have at the least; the rest are single characters, which are not looked up."""
COMPARED = 8
"""Questions compared in full, the best by what they share."""
FEWEST = 300
"""Questions that are taken for granted when it is judged what is rare among them: what all of three share is not therefore common."""
MOST_FEATURES = 60
"""Words and characters of a question that are looked at: what is longer is no question."""
MOST_CENTRAL = 40
"""Members of a pile that are compared with each other to find the most central."""

_PAIR = 0.5
_SINGLE = 0.35
_SAME = {
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
    "没法": "不能",
    "不可以": "不能",
    "多长时间": "多久",
    "几天": "多久",
    "能不能": "可以",
    "可不可以": "可以",
    "能否": "可以",
    "可否": "可以",
    "能": "可以",
    "是否": "是不是",
    "您": "你",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked, at some time (any number that grows)."""

    text: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Pile:
    """Questions that ask the same. ``wordings`` are its different texts, most asked first; ``count`` is how often all were asked together."""

    central: str
    wordings: tuple[str, ...]
    count: int
    newest: int


@dataclass(frozen=True, slots=True)
class _Question:
    """One core and all that was said with it."""

    core: str
    text: str
    count: int
    newest: int
    unwanted: bool = False


def pile_up(asked: Iterable[Asked], words: Words, *, unwanted: Iterable[str] = ()) -> list[Pile]:
    """The piles of questions that ask the same, most asked first. What is like an ``unwanted`` question is left out."""
    hidden = {plain for text in unwanted if (plain := core(text))}
    questions = [replace(question, unwanted=True) if question.core in hidden else question for question in _distinct(asked)]
    known = {question.core for question in questions}
    questions += [_Question(plain, plain, 0, 0, unwanted=True) for plain in hidden - known]
    # What is unwanted comes first, so that whatever is like it joins it and no other.
    questions.sort(key=lambda question: (not question.unwanted, -question.count, -question.newest, question.core))
    crowd = _Crowd([question.core for question in questions], words)
    piles = [_shown([questions[place] for place in pile], pile, crowd) for pile in crowd.gather() if not questions[pile[0]].unwanted]
    return sorted(piles, key=lambda pile: (-pile.count, -pile.newest, pile.central))


def _distinct(asked: Iterable[Asked]) -> list[_Question]:
    """The questions by their core, each under its shortest text; the most asked, if there are too many."""
    found: dict[str, _Question] = {}
    for one in asked:
        plain = core(one.text)
        if not plain:
            continue
        known = found.get(plain, _Question(plain, one.text, 0, one.at))
        found[plain] = _Question(plain, min(known.text, one.text, key=len), known.count + 1, max(known.newest, one.at))
    return sorted(found.values(), key=lambda question: (-question.count, -question.newest, question.core))[:MOST_QUESTIONS]


def _shown(members: Sequence[_Question], places: Sequence[int], crowd: _Crowd) -> Pile:
    ranked = sorted(members, key=lambda question: (-question.count, -question.newest, question.core))
    standings = crowd.standings(places, [question.count for question in members])
    central, _ = max(zip(members, standings, strict=False), key=lambda one: (round(one[1], 6), -len(one[0].text), one[0].core))
    return Pile(central.text, tuple(q.text for q in ranked), sum(q.count for q in members), max(q.newest for q in members))


class _Crowd:
    """Questions by their place in a list, and how like each other they are."""

    def __init__(self, questions: Sequence[str], words: Words) -> None:
        self._features = [_features(question, words) for question in questions]
        owners = Counter(feature for features in self._features for feature in features)
        self._weights = {feature: _basis(feature, words) * _specialness(n, max(len(questions), FEWEST)) for feature, n in owners.items()}
        self._totals = [sum(map(self._weights.__getitem__, features)) for features in self._features]

    def gather(self) -> list[list[int]]:
        """The places of the questions, by pile; each pile's first began it."""
        piles: list[list[int]] = []
        pile_of: list[int] = []
        holders: defaultdict[str, list[int]] = defaultdict(list)
        for place, features in enumerate(self._features):
            found = self._nearest(place, holders, pile_of, piles)
            if found is None:
                found = len(piles)
                piles.append([])
            piles[found].append(place)
            pile_of.append(found)
            for feature in features:
                if feature[0] != ".":
                    holders[feature].append(place)
        return piles

    def standings(self, places: Sequence[int], counts: Sequence[int]) -> list[float]:
        """How like all the others each of the first places is, weighed by how often those were asked."""
        looked_at = range(min(len(places), MOST_CENTRAL))

        def standing(one: int) -> float:
            return counts[one] + sum(counts[other] * self._likeness(places[one], places[other]) for other in looked_at if other != one)

        return [standing(one) for one in looked_at]

    def _nearest(
        self, place: int, holders: Mapping[str, Sequence[int]], pile_of: Sequence[int], piles: Sequence[Sequence[int]]
    ) -> int | None:
        """The pile that a question joins, None if it is like none."""
        best, likest = None, LIKE_FROM
        for other in self._promising(place, holders):
            likeness = self._likeness(place, other)
            if likeness >= likest and self._likeness(place, piles[pile_of[other]][0]) >= LIKE_FIRST:
                best, likest = pile_of[other], likeness
        return best

    def _promising(self, place: int, holders: Mapping[str, Sequence[int]]) -> list[int]:
        """Earlier questions worth comparing, by the weight of the words and pairs they share, the rarest looked up first.

        Who is like enough shares ``least`` at the least, so what is common need not be looked up once all that is left weighs less.
        """
        known = sorted((feature for feature in self._features[place] if feature in holders), key=lambda feature: len(holders[feature]))
        least = INDEXED * self._totals[place] * LIKE_FROM / (2.0 - LIKE_FROM)
        left = sum(map(self._weights.__getitem__, known))
        shared: dict[int, float] = {}
        before = shared.get
        for feature in known:
            if left < least or len(holders[feature]) > OPENED:
                break
            weight = self._weights[feature]
            left -= weight
            for other in holders[feature]:
                shared[other] = before(other, 0.0) + weight
        return nlargest(COMPARED, [other for other, weight in shared.items() if weight >= least], key=shared.__getitem__)

    def _likeness(self, one: int, other: int) -> float:
        shared = sum(map(self._weights.__getitem__, self._features[one] & self._features[other]))
        return 2.0 * shared / (self._totals[one] + self._totals[other] or 1.0)


def _features(question: str, words: Words) -> frozenset[str]:
    """Words, ``~`` and a pair of characters, ``.`` and a character."""
    cut = [_SAME.get(word, word) for word in words.cut(question)]
    flat = "".join(cut)[:MOST_FEATURES]
    pairs = {"~" + flat[at : at + 2] for at in range(len(flat) - 1)}
    return frozenset(cut[:MOST_FEATURES]) | pairs | {"." + char for char in flat}


def _basis(feature: str, words: Words) -> float:
    """What a feature weighs by its kind and by its rarity in ordinary Chinese."""
    if feature[0] == "~" and len(feature) == 3:
        return _PAIR * math.sqrt(max(0.03, (words.rarity(feature[1]) + words.rarity(feature[2])) / 2.0))
    if feature[0] == "." and len(feature) == 2:
        return _SINGLE * math.sqrt(max(0.03, words.rarity(feature[1])))
    return math.sqrt(max(0.03, words.rarity(feature)))


def _specialness(owners: int, crowd: int) -> float:
    """From 0.2 (all have it) to 1 (one has)."""
    share = math.log((crowd + 1) / (owners + 0.5)) / math.log(2 * (crowd + 1))
    return math.sqrt(max(0.05, share))
