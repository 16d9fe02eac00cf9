"""The operators' word lists: words with a severity, and phrases that are allowed all the same; one automaton whatever their length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from rules.judgement import Category, Reason
from rules.text import normalise, stands_alone
from rules.unmask import Reading, View


@dataclass(frozen=True, slots=True)
class Word:
    """One entry of the word list. ``severity`` 1 is only noted, 2 is looked at by a person, 3 is the worst; ``rule`` is told to the member."""

    text: str
    severity: int
    category: Category
    rule: str


@dataclass(frozen=True, slots=True)
class WordList:
    """The words, and the ``allow``-ed phrases inside which a hit does not count (傻瓜相机)."""

    words: tuple[Word, ...] = ()
    allow: tuple[str, ...] = ()


class Lexicon:
    """Finds listed words in texts: one automaton, some microseconds a text whatever the list's length."""

    def __init__(self, words: Iterable[Word] = (), allow: Iterable[str] = ()) -> None:
        self._words: dict[str, Word] = {}
        for word in words:
            plain = normalise(word.text)
            known = self._words.get(plain)
            if plain and (known is None or known.severity < word.severity):
                self._words[plain] = word
        self._allow = frozenset(filter(None, map(normalise, allow))) - self._words.keys()
        self._patterns = [*self._words, *sorted(self._allow)]
        self._automaton = AhoCorasick(self._patterns)

    def find(self, reading: Reading) -> tuple[Reason, ...]:
        """A reason for each listed word in any way to read the text, each word once."""
        found: dict[str, Reason] = {}
        for view in reading.views:
            for pattern, start, end in self._hits(view.text):
                if pattern not in found:
                    found[pattern] = _reason(self._words[pattern], view, start, end, reading.sent)
        return tuple(found.values())

    def _hits(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The listed words in ``text`` that stand for themselves and outside every allowed phrase."""
        matches = self._automaton.find_matches_as_indexes(text, overlapping=True)
        shelters = [(start, end) for which, start, end in matches if self._patterns[which] in self._allow]
        for which, start, end in matches:
            pattern = self._patterns[which]
            if pattern in self._allow or any(left <= start and end <= right for left, right in shelters):
                continue
            if stands_alone(text, start, end):
                yield pattern, start, end


def _reason(word: Word, view: View, start: int, end: int, sent: str) -> Reason:
    span = view.span(start, end)
    seen = sent[slice(*span)]
    said = f"词库里的“{word.text}”" if not view.steps else f"“{seen}”读作词库里的“{word.text}”（{'、'.join(view.steps)}）"
    return Reason("words", word.category, 1.0, word.severity, word.rule, said, span, view.steps, word.text)
