"""How close a question is to an entry's only wording: a third judge, where there are no other wordings to tell what matters.

Three views are put together: the likeness of their parts (:mod:`rules.faq_likeness`), their *words* by what stands for them in the table of
synonyms, where words that share characters (男人, 男生) count in part, and the *order* of their characters: which come soon after which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import add
from typing import NamedTuple

LIKE, WORDS, ORDER = 0.3, 0.5, 0.2
"""The shares of the three views. Chosen in steps of 0.1; 0.1 more or less of any changes little."""
UNSEEN = 0.7
"""What closeness is of the likeness about, for entries too far behind to be looked at."""
WORD_DOUBT = 0.5
PAIR_DOUBT = 2.0
"""Added to the weight of the words and the number of the pairs of both: the fewer there are, the less their agreement proves."""
MOST_APART = 6
"""How far a character may come after another to make a pair with it."""
MOST_ORDERED = 40
"""Characters whose order is looked at."""
REMEMBERED_WORDS = 16_384


class View(NamedTuple):
    """A text's words with what they weigh, their sum, the words by each of their characters, and the pairs of its characters in their order."""

    words: Mapping[str, float]
    weight: float
    by_char: Mapping[str, Sequence[tuple[str, float]]]
    pairs: frozenset[str]


def view(flat: str, words: Mapping[str, float]) -> View:
    """How a text is seen; ``words`` are what stands for its words, with what each weighs."""
    by_char: dict[str, list[tuple[str, float]]] = {}
    for one in words.items():
        for char in one[0]:
            by_char.setdefault(char, []).append(one)
    return View(words, sum(words.values()), by_char, pairs_of(flat))


def pairs_of(flat: str) -> frozenset[str]:
    """Each character with those that come soon after it."""
    flat = flat[:MOST_ORDERED]
    return frozenset(chain.from_iterable([map(add, flat, flat[apart:]) for apart in range(1, MOST_APART + 1)]))


def closeness(words: Mapping[str, float], weight: float, pairs: frozenset[str], other: View, likeness: float) -> float:
    """From 0 to 1, like ``likeness``, of a question with these words, what they weigh together, and these pairs."""
    by_words = _shared(words, other) / (weight + other.weight + WORD_DOUBT)
    by_order = len(pairs & other.pairs) / (len(pairs) + len(other.pairs) + PAIR_DOUBT)
    return min(1.0, LIKE * likeness + 2.0 * (WORDS * by_words + ORDER * by_order))


def _shared(words: Mapping[str, float], other: View) -> float:
    """The weight of the words that both have; of the others those that share characters, each by its nearest."""
    theirs, by_char = other.words, other.by_char
    shared = 0.0
    for word, weight in words.items():
        if word in theirs:
            shared += weight
            continue
        nearest = 0.0
        for char in word:
            if char in by_char:
                for each, weighs in by_char[char]:
                    if each not in words:
                        nearest = max(nearest, _alike(word, each) * min(weight, weighs))
        shared += nearest
    return shared


@lru_cache(REMEMBERED_WORDS)
def _alike(word: str, other: str) -> float:
    """How much of two words are characters that both have."""
    return 2.0 * len(set(word).intersection(other)) / (len(word) + len(other))
