"""Characters that stand for each other: traditional for simplified, and those mistaken for one another because they sound or look alike.

The table is rules/variants.tsv; tools/make_variants.py makes it and says where it comes from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import add
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("variants.tsv")
MOST_REPAIRED = 2
"""Characters of a question that are taken for typing mistakes: with more it is another question."""
MOST_TRIED = 4
"""Places in a question at which a mistake is looked for."""
LONGEST = 40
"""Characters of a text that is looked at: a longer one is a story, and no single mistake hides what it asks."""


@dataclass(frozen=True, slots=True)
class Variants:
    """The table: traditional character → simplified, and character → those it may have been typed for, alike in sound before alike in shape."""

    simple: Mapping[int, str]
    traditional: re.Pattern[str]
    mistaken: Mapping[str, str]

    @classmethod
    def read(cls, table: str) -> Variants:
        """From lines of kind, tab, characters."""
        simple: dict[int, str] = {}
        mistaken: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for line in table.splitlines():
            kind, *columns = line.split("\t")
            if kind == "simple":
                simple[ord(columns[0])] = columns[1]
            elif kind in {"sound", "shape"}:
                for char in columns[0]:
                    mistaken[char].update(dict.fromkeys(columns[0]))
        others = {char: "".join(other for other in chars if other != char) for char, chars in mistaken.items()}
        return cls(simple, re.compile(f"[{''.join(map(chr, simple))}]" if simple else "(?!)"), others)

    def simplify(self, text: str) -> str:
        """``text`` in simplified characters; doing it twice changes nothing. Character by character, which is right for nearly all of them."""
        return text.translate(self.simple) if self.traditional.search(text) else text

    def repair(self, text: str, knows: Callable[[str], bool], others_for: Callable[[str], str] | None = None) -> str:
        """``text`` without typing mistakes: a character that makes no known pair with its neighbours gives way to one that does with both.

        ``knows`` says whether some entry has a pair of characters. A text all of whose pairs are known, or with nothing alike that is, stays.
        ``others_for`` gives what a character may have been typed for, as far as some entry has it; all that the table has without it.
        """
        others_for = others_for or self.others_for
        repaired = text
        if len(text) > LONGEST:
            return text
        for at in self._suspects(text, knows)[:MOST_TRIED]:
            before, after = repaired[max(0, at - 1) : at], repaired[at + 1 : at + 2]
            others = others_for(text[at])
            fits = others if not before else [other for other in others if knows(before + other)]
            found = next((other for other in fits if not after or knows(other + after)), None)
            if found is not None:
                repaired = repaired[:at] + found + repaired[at + 1 :]
                if sum(one != other for one, other in zip(text, repaired, strict=True)) == MOST_REPAIRED:
                    break
        return repaired

    def others_for(self, char: str) -> str:
        """What a character may have been typed for."""
        return self.mistaken.get(char, "")

    def _suspects(self, text: str, knows: Callable[[str], bool]) -> list[int]:
        known = [False, *map(knows, map(add, text, text[1:])), False]
        return [at for at in range(len(text)) if not (known[at] or known[at + 1])] if True in known else []


@cache
def shipped() -> Variants:
    """The table that comes with the product."""
    return Variants.read(TABLE.read_text(encoding="utf-8"))
