"""What of a question is compared with what operators wrote, and how much each part weighs.

The parts are characters, pairs of neighbouring characters, and, by the operators' table of synonyms, what is meant by the words: ``=查询`` for
查一下, ``#钱`` for 账单. Characters say what a text is about even where words are cut differently; meanings find what is said in other words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate, takewhile
from operator import add
from pathlib import Path
from typing import Any

import yaml

from rules.text import Words

SHIPPED = Path(__file__).with_name("content") / "synonyms.yaml"
SYNONYM_KINDS = ("spelling", "same", "alike", "field")
MOST_FEATURES = 120
"""Words and characters of a message that are looked at: more is an essay, not a question."""
REMEMBERED_CHARACTERS = 8_192
MOST_JOINED = 4
"""Words that make up one listed phrase (``怎么 才 能``) at the most."""

PAIR = 0.4
CHARACTER = 0.6
SAME = 0.1
ALIKE = 0.3
FIELD = 0.4
"""What each kind of part weighs, before rarity. Chosen in steps of 0.1 on one half of three FAQs' questions; near by nothing changes much."""
_COMMONEST = 0.03
_WIDEST = 0.05
"""Nothing weighs nothing: the least rarity in ordinary Chinese, and the least that a part weighs which every entry has."""


class Synonyms:
    """What words mean, by the operators' table: ``spelling``, ``same``, ``alike`` and ``field``, lists of groups whose first word stands for all.

    A phrase belongs to the first group of its kind that lists it; only fields may share one.
    """

    def __init__(self, table: Mapping[str, Any] | None = None) -> None:
        table = table or {}
        self.table = {kind: [list(map(str, group)) for group in table.get(kind) or ()] for kind in SYNONYM_KINDS}
        """The table itself, to be handed to another process."""
        self._spellings = _stand_ins(table.get("spelling"))
        self._same = _stand_ins(table.get("same"))
        self._alike = _stand_ins(table.get("alike"))
        self._fields: dict[str, tuple[str, ...]] = {}
        for group in table.get("field") or ():
            for phrase in dict.fromkeys(map(_phrase, group)):
                self._fields[phrase] = (*self._fields.get(phrase, ()), f"#{_phrase(group[0])}")
        self._fields_of = self._fields | {
            word: self._fields[meant] for word, meant in self._same.items() if word not in self._fields and meant in self._fields
        }
        self._beginnings = {phrase[:end] for phrase in (*self._same, *self._alike) for end in range(1, len(phrase) + 1)}
        begun = {phrase[:end] for phrase in self._beginnings for end in range(1, len(phrase))}
        self._alone = {word: (self._meant_by(word), word in begun) for word in self._beginnings | self._fields_of.keys()}
        """What a word means by itself, and whether a longer phrase may begin with it, for every word of which either is true."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Synonyms) and self.table == other.table

    __hash__ = None  # type: ignore[assignment]  # what is equal by its contents and holds lists

    def spelt(self, words: Sequence[str]) -> list[str]:
        """The words, each in the spelling that stands for it."""
        spellings = self._spellings
        return [spellings.get(word, word) for word in words]

    def stand_in(self, word: str) -> str:
        """The word that stands for all that say the same or alike."""
        same = self._same.get(word, word)
        return self._alike.get(same, same)

    def _meant_by(self, phrase: str) -> tuple[str, ...]:
        same = (f"={self._same[phrase]}",) if phrase in self._same else ()
        alike = (f"≈{self._alike[phrase]}",) if phrase in self._alike else ()
        return (*self._fields_of.get(phrase, ()), *same, *alike)

    def features(self, words: Sequence[str]) -> set[str]:
        """What the words mean. Of phrases within phrases the longest counts."""
        found: set[str] = set()
        alone, beginnings = self._alone, self._beginnings
        same_from = alike_from = 0
        for at, word in [one for one in enumerate(words) if one[1] in alone]:
            meant, is_begun = alone[word]
            is_first_of_more = is_begun and at + 1 < len(words) and word + words[at + 1] in beginnings
            if not is_first_of_more and same_from <= at >= alike_from:
                found.update(meant)
                continue
            found.update(self._fields_of.get(word, ()))
            phrases = self._phrases_at(words, at)
            for length in range(len(phrases), 0, -1):
                phrase = phrases[length - 1]
                if at >= same_from and phrase in self._same:
                    found.add(f"={self._same[phrase]}")
                    same_from = at + length
                if at >= alike_from and phrase in self._alike:
                    found.add(f"≈{self._alike[phrase]}")
                    alike_from = at + length
        return found

    def _phrases_at(self, words: Sequence[str], at: int) -> list[str]:
        """The words from this place on, joined, as far as a listed phrase may go."""
        return list(takewhile(self._beginnings.__contains__, accumulate(words[at : at + MOST_JOINED])))


def _phrase(written: Any) -> str:
    return str(written).strip().lower()


def _stand_ins(groups: Sequence[Sequence[Any]] | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for group in groups or ():
        for phrase in map(_phrase, group):
            found.setdefault(phrase, _phrase(group[0]))
    return found


@cache
def shipped() -> Synonyms:
    """The table that comes with the product."""
    return Synonyms(yaml.load(SHIPPED.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506


class Terms:
    """What the index of the FAQ is made by: ``~`` and a pair of characters, ``.`` and a character, ``=``, ``≈`` or ``#`` and a meaning."""

    def __init__(self, words: Words, synonyms: Synonyms) -> None:
        self._words = words
        self._rarity = lru_cache(REMEMBERED_CHARACTERS)(words.rarity)
        self._synonyms = synonyms

    def cut(self, asked: str) -> list[str]:
        return self._synonyms.spelt(self._words.cut(asked)[:MOST_FEATURES])

    def features(self, words: Sequence[str]) -> set[str]:
        flat = "".join(words)[:MOST_FEATURES]
        found = self._synonyms.features(words)
        found.update(map(".".__add__, flat))
        found.update(map("~".__add__, map(add, flat, flat[1:])))
        return found

    def sense(self, word: str, owners: int, entries: int) -> tuple[str, float]:
        """What stands for a word, and its rarity in ordinary Chinese and among the entries, as :meth:`weigh` counts them."""
        return self._synonyms.stand_in(word), math.sqrt(max(_COMMONEST, self._words.rarity(word))) * _seldom(owners, entries)

    def within(self, feature: str) -> Sequence[str]:
        return [f".{char}" for char in feature[1:]] if feature[0] == "~" else ()

    def is_indexed(self, feature: str) -> bool:
        return True

    def weigh(self, feature: str, owners: int, entries: int) -> float:
        """By the part's rarity in ordinary Chinese, times 0.2 (every entry has it) to 1 (none has)."""
        return self._basis(feature) * _seldom(owners, entries)

    def _basis(self, feature: str) -> float:
        kind = feature[0]
        if kind == ".":
            return CHARACTER * math.sqrt(max(_COMMONEST, self._rarity(feature[1])))
        if kind == "~":
            return PAIR * math.sqrt(max(_COMMONEST, (self._rarity(feature[1]) + self._rarity(feature[2])) / 2.0))
        return {"=": SAME, "≈": ALIKE, "#": FIELD}[kind]


@lru_cache
def _seldom(owners: int, entries: int) -> float:
    """0.2 for what every entry has, to 1 for what none has."""
    return math.sqrt(max(_WIDEST, math.log((entries + 1) / (owners + 0.5)) / math.log(2 * (entries + 1))))
