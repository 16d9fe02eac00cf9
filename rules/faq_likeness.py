"""How likely it is that a question asks for an entry: one score from 0 to 1 that means about the same in every FAQ.

Two judges look at all candidates. *Likeness* compares the question with each single wording: twice the weight they share over the weight
of both. *Pattern* compares it with all of an entry's wordings at once, each part counted by how many of them have it (the cosine with their
centroid), so what varies between them matters less than what they have in common. What no entry knows weighs in both: a message about
something else looks different however well its few known words fit.

A third judge, *closeness* (:mod:`rules.faq_closeness`), takes the place of likeness for the best entries with a single wording.

How high these get depends on how many wordings an entry has: five that differ from each other are all rather unlike their own centre,
while a single one is a sharp target. :func:`score` puts that right.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import chain, pairwise
from operator import add

from rules.faq_closeness import UNSEEN, View, closeness, pairs_of, view
from rules.faq_index import REMEMBERED_FEATURES, Feature, Index, Near, Opened, key
from rules.faq_ordinary import Ordinary
from rules.faq_terms import MOST_FEATURES

OFFER_FROM = 0.27
"""Below it nothing is said."""
ANSWER_FROM = 0.7
"""Below it an entry is offered only. Chosen with CLEAR_FROM for all FAQs at once; docs/faq-engine.md shows what other values give."""
OFFERS_AT = (0.25, 0.24, 0.21, 0.18)
ANSWERS_AT = (0.72, 0.52, 0.38, 0.27)
"""What an entry with one, two, three, four or more wordings has to reach to be offered and to be answered."""
_LOGS = tuple(map(math.log, ANSWERS_AT))
PATTERN = 0.6
"""The share of the pattern in what both judges say together, for an entry with several wordings."""
DOUBT = 1.0
"""Added to the weight of both questions: the fewer words there are, the less their agreement proves. (The very same text is found before.)"""
TELLING_FROM = 8.0
"""How surprising in ordinary chat what a question shares with an entry has to be for an answer that no single wording is near enough to give:
about once in 3,000 messages. Of right answers one in twenty falls below, of remarks that only share a word (朋友, 联系) four in five."""
MOST_TOLD = 50
"""Wordings of an entry that are looked at for it."""
MOST_NEAR = 8
"""Entries that are judged, the best by either judge."""
MOST_CLOSE = 8
CLOSE_FROM = 0.5
"""Entries that get a closer look: so many, and none whose likeness is less than this part of the highest."""
CLOSE_AT_LEAST = 0.2
"""The highest likeness below which none gets that look: nothing would be offered."""
REMEMBERED_QUESTIONS = 64
REMEMBERED_ENTRIES = 1_024
REMEMBERED_VIEWS = 2_048
BAR = 0.08
"""The part of a question's weight below which a wording that shares no more is not worth finding."""


class Likeness:
    """Compares questions with the entries of an index."""

    def __init__(self, index: Index, ordinary: Ordinary) -> None:
        self._index = index
        self._ordinary = ordinary
        self._words = lru_cache(REMEMBERED_QUESTIONS)(index.scheme.cut)
        self._features = lru_cache(REMEMBERED_QUESTIONS)(self._find_features)
        self._sense = lru_cache(REMEMBERED_FEATURES)(self._sense_of)
        self._pairs = lru_cache(REMEMBERED_QUESTIONS)(self._pairs_of)
        self._surprise = lru_cache(REMEMBERED_FEATURES)(self._surprise_of)
        self._held = lru_cache(REMEMBERED_ENTRIES)(self._hold)
        self._views = lru_cache(REMEMBERED_VIEWS)(self._view_of)

    def find(self, asked: str, may: Opened) -> list[Near]:
        """The entries that may be meant, in no order; :func:`score` says how likely."""
        near = self._index.nearest(self._features(asked), may, bar=BAR, most=MOST_NEAR, doubt=DOUBT)
        return self._seen_closely(near, asked) if 1 in [one.wordings for one in near] else near

    def _seen_closely(self, near: list[Near], asked: str) -> list[Near]:
        """The same with the closeness for the likeness of the best entries with one wording, and with less for the others."""
        highest = sorted([one.likeness for one in near], reverse=True)[:MOST_CLOSE]
        if highest[0] < CLOSE_AT_LEAST:
            return near
        least = max(highest[-1], CLOSE_FROM * highest[0])
        words = dict(map(self._sense, self._words(asked)))
        weight, pairs = sum(words.values()), pairs_of("".join(self._words(asked)))
        found = []
        for one in near:
            entry, wordings, likeness, _ = one
            if wordings > 1:
                found.append(one)
            elif likeness < least:
                found.append(Near(entry, 1, UNSEEN * likeness, 0.0))
            else:
                found.append(Near(entry, 1, closeness(words, weight, pairs, self._views(entry), likeness), 0.0))
        return found

    def _view_of(self, entry: int) -> View:
        """How an entry's first wording is seen."""
        words = self._index.wording(self._index.wordings_of(entry)[0]).words
        return view("".join(words), dict(map(self._sense, words)))

    def _sense_of(self, word: str) -> tuple[str, float]:
        """What stands for a word, and what it weighs: the less the commoner it is, in ordinary Chinese and among the entries.

        So 怎么 and 可以 weigh little without a list of such words.
        """
        names = [f"~{one}{other}" for one, other in pairwise(word)] or [f".{word}"]
        owners = min(map(self._index.owners, names))
        return self._index.scheme.sense(word, owners, self._index.entries)

    def is_telling(self, entry: int, asked: str) -> bool:
        """Whether what a question shares with an entry's wordings is more than ordinary chat might share with them by chance."""
        return sum(map(self._surprise, self._held(entry) & self._pairs(asked))) >= TELLING_FROM

    def _pairs_of(self, asked: str) -> frozenset[str]:
        """A question's pairs of neighbouring characters."""
        flat = "".join(self._words(asked))[:MOST_FEATURES]
        return frozenset(map(add, flat, flat[1:]))

    def _surprise_of(self, pair: str) -> float:
        return self._ordinary.surprise([pair])

    def _find_features(self, asked: str) -> list[Feature]:
        return self._index.features(self._words(asked))

    def _hold(self, entry: int) -> frozenset[str]:
        """The pairs of an entry's first wordings."""
        texts = [text[:MOST_FEATURES] for text in self._index.texts_of(entry, MOST_TOLD)]
        return frozenset(chain.from_iterable([map(add, flat, flat[1:]) for flat in texts]))

    def nearest_wording(self, entry: int, asked: str) -> str:
        """The wording of an entry that is most like a question's core: its words, joined."""
        weights = {key(name): weight for name, weight in self.weights(asked).items()}
        wordings = map(self._index.wording, self._index.wordings_of(entry))
        best = max(wordings, key=lambda each: sum(weights.get(feature, 0.0) for feature in each.features) / (each.weight + DOUBT))
        return "".join(best.words)

    def weights(self, asked: str) -> dict[str, float]:
        """The parts of a question's core with what they weigh, those that no entry knows included."""
        scheme = self._index.scheme
        return {name: self._index.weight(name) for name in scheme.features(scheme.cut(asked))}


def score(near: Near) -> float:
    """How likely an entry is meant, from 0 to 1: OFFER_FROM and ANSWER_FROM mean the same whatever the number of its wordings.

    Never less than the likeness if there are several: what is nearly one of the wordings is asked for, however different the others are.
    """
    _, wordings, likeness, resemblance = near
    if wordings == 1:
        return _bent(likeness, 0)
    both = (1.0 - PATTERN) * likeness + (PATTERN * resemblance if resemblance < 1.0 else PATTERN)
    at = wordings - 1 if wordings < len(ANSWERS_AT) else -1
    bent = _bent(both, at)
    return bent if bent > likeness else min(1.0, likeness)


def _bent(value: float, at: int) -> float:
    """Straight lines from 0 to OFFER_FROM at OFFERS_AT and to ANSWER_FROM at ANSWERS_AT, and from there to 1 by the logarithm.

    So the difference of two high scores says how many times better the one is, whatever the number of wordings.
    """
    if value < (offers_at := OFFERS_AT[at]):
        return value / offers_at * OFFER_FROM
    if value < (answers_at := ANSWERS_AT[at]):
        return OFFER_FROM + (value - offers_at) / (answers_at - offers_at) * (ANSWER_FROM - OFFER_FROM)
    return min(1.0, ANSWER_FROM + (1.0 - ANSWER_FROM) * (1.0 - math.log(value) / _LOGS[at]))
