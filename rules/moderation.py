"""Is this abuse or an advertisement? A word list judges; whether a warning is really sent is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ahocorasick_rs import AhoCorasick

from rules.text import normalise, stands_alone

INSULT = "insult"
WORST = 3

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_BETWEEN = re.compile(rf"(?<=[{_CHINESE}])[ .·・•*_\-~|/\\^+=#&'\"`…\u2500-\u27bf\u2b00-\u2bff]+(?=[{_CHINESE}])")


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of the word list. ``severity`` 1 is only noted, 2 is looked at by a person, 3 is the worst; ``rule`` is told to the member."""

    text: str
    severity: int
    category: str
    rule: str


@dataclass(frozen=True, slots=True)
class WordList:
    """The words, and the ``allow``-ed phrases inside which a hit does not count (傻瓜相机)."""

    words: tuple[Word, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: the worst word decides ``verdict``, ``severity``, ``rule`` and ``category``; ``hits`` are all words, worst first.

    ``categories`` are those of all words.
    """

    verdict: Literal["pass", "review", "warn"] = "pass"
    severity: int = 0
    rule: str = ""
    category: str = ""
    hits: tuple[str, ...] = ()
    categories: frozenset[str] = frozenset()


class Judge:
    """Judges texts by a word list: one automaton, some microseconds a text whatever the list's length."""

    def __init__(self, words: Iterable[Word], allow: Iterable[str] = ()) -> None:
        self._words: dict[str, Word] = {}
        for word in words:
            plain = normalise(word.text)
            known = self._words.get(plain)
            if plain and (known is None or known.severity < word.severity):
                self._words[plain] = word
        self._allow = frozenset(filter(None, map(normalise, allow))) - self._words.keys()
        self._patterns = [*self._words, *sorted(self._allow)]
        self._automaton = AhoCorasick(self._patterns)

    def judge(self, text: str) -> Verdict:
        """The verdict on ``text``, read as it stands and again without what was put between its Chinese characters (``傻.逼``)."""
        plain = normalise(text)
        found = dict.fromkeys(self._hits(plain))
        squeezed = _BETWEEN.sub("", plain)
        if squeezed != plain:
            found |= dict.fromkeys(self._hits(squeezed))
        return _verdict([self._words[hit] for hit in found])

    def _hits(self, text: str) -> Iterator[str]:
        """The listed words in ``text`` that stand for themselves and outside every allowed phrase."""
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        shelters = [(start, end) for which, start, end in matches if self._patterns[which] in self._allow]
        for which, start, end in matches:
            pattern = self._patterns[which]
            if pattern in self._allow or any(left <= start and end <= right for left, right in shelters):
                continue
            if stands_alone(text, start, end):
                yield pattern


def _verdict(hits: Sequence[Word]) -> Verdict:
    if not hits:
        return Verdict()
    ranked = sorted(hits, key=lambda word: (-_weight(word), -word.severity))
    worst = ranked[0]
    verdicts: tuple[Literal["pass", "review", "warn"], ...] = ("pass", "review", "warn")
    texts, categories = tuple(word.text for word in ranked), frozenset(word.category for word in ranked)
    return Verdict(verdicts[_weight(worst)], worst.severity, worst.rule, worst.category, texts, categories)


def _weight(word: Word) -> int:
    """0 pass, 1 review, 2 warn. Only the worst insults warn: an advertisement needs a person's eye, who knows what is allowed to be sold."""
    if word.severity >= WORST and word.category == INSULT:
        return 2
    return 1 if word.severity > 1 else 0
