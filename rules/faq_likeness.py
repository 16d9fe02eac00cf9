"""How likely it is that a question asks for an entry: one score from 0 to 1 that means about the same in every FAQ.

Two judges look at the best candidates. *Likeness* compares the question with each single wording: twice the weight they share over the weight
of both. *Pattern* compares it with all of an entry's wordings at once, each part counted by how many of them have it (the cosine with their
centroid), so what varies between them matters less than what they have in common. What no entry knows weighs in both: a message about
something else looks different however well its few known words fit.

How high these two get depends on how many wordings an entry has: five that differ from each other are all rather unlike their own centre,
while a single one is a sharp target. :func:`score` puts that right.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import chain

from rules.faq_index import REMEMBERED_FEATURES, Index, Near, Opened, key
from rules.faq_ordinary import Ordinary

OFFER_FROM = 0.27
"""Below it nothing is said."""
ANSWER_FROM = 0.7
"""Below it an entry is offered only. Chosen with CLEAR_FROM for all FAQs at once; docs/faq-engine.md shows what other values give."""
OFFERS_AT = (0.27, 0.24, 0.21, 0.18)
ANSWERS_AT = (0.70, 0.52, 0.38, 0.27)
"""What an entry with one, two, three, four or more wordings has to reach to be offered and to be answered."""
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
REMEMBERED_QUESTIONS = 64
REMEMBERED_ENTRIES = 1_024
BAR = 0.08
"""The part of a question's weight below which a wording that shares no more is not worth finding."""


class Likeness:
    """Compares questions with the entries of an index."""

    def __init__(self, index: Index, ordinary: Ordinary) -> None:
        self._index = index
        self._ordinary = ordinary
        self._names = lru_cache(REMEMBERED_QUESTIONS)(self._name)
        self._surprises = lru_cache(REMEMBERED_QUESTIONS)(self._surprises_of)
        self._surprise = lru_cache(REMEMBERED_FEATURES)(self._surprise_of)
        self._held = lru_cache(REMEMBERED_ENTRIES)(self._hold)

    def find(self, asked: str, may: Opened) -> list[Near]:
        """The entries that may be meant, in no order; :func:`score` says how likely."""
        return self._index.nearest(self._names(asked), may, bar=BAR, most=MOST_NEAR, doubt=DOUBT)

    def is_telling(self, entry: int, asked: str) -> bool:
        """Whether what a question shares with an entry's wordings is more than ordinary chat might share with them by chance."""
        surprises = self._surprises(asked)
        return sum(map(surprises.__getitem__, self._held(entry).intersection(surprises))) >= TELLING_FROM

    def _surprises_of(self, asked: str) -> dict[int, float]:
        """The numbers of a question's pairs with how surprising each is in ordinary chat."""
        return dict(chain.from_iterable(map(self._surprise, self._names(asked))))

    def _surprise_of(self, name: str) -> list[tuple[int, float]]:
        if name[0] != "~":
            return []
        surprise = self._ordinary.surprise([name[1:]])
        return [(number, surprise) for number in self._index.numbers(name)]

    def _name(self, asked: str) -> frozenset[str]:
        scheme = self._index.scheme
        return frozenset(scheme.features(scheme.cut(asked)))

    def _hold(self, entry: int) -> frozenset[int]:
        return self._index.features_of(entry, MOST_TOLD)

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

    Never less than the likeness: what is nearly one of the wordings is asked for, however different the others are.
    """
    _, wordings, likeness, resemblance = near
    if wordings == 1:
        return min(1.0, likeness)
    both = (1.0 - PATTERN) * likeness + PATTERN * min(1.0, resemblance)
    at = min(wordings, len(ANSWERS_AT)) - 1
    return min(1.0, max(likeness, _bent(both, OFFERS_AT[at], ANSWERS_AT[at])))


def _bent(value: float, offers_at: float, answers_at: float) -> float:
    """Straight lines from 0 to OFFER_FROM at ``offers_at`` and to ANSWER_FROM at ``answers_at``, and from there to 1 by the logarithm.

    So the difference of two high scores says how many times better the one is, whatever the number of wordings.
    """
    if value < offers_at:
        return value / offers_at * OFFER_FROM
    if value < answers_at:
        return OFFER_FROM + (value - offers_at) / (answers_at - offers_at) * (ANSWER_FROM - OFFER_FROM)
    return ANSWER_FROM + (1.0 - ANSWER_FROM) * (1.0 - math.log(value) / math.log(answers_at))
