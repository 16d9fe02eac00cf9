"""How the pictures between words feel: names in brackets ([哈哈]), emoji, faces made of signs, and what is laughed or cried in letters.

``emoticons.tsv`` was written for this project. What means now this, now that ([微笑], 😂, 呵呵) is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rules.text import normalise

SHIPPED = Path(__file__).with_name("emoticons.tsv")
MOST = 3.0
"""How far many pictures together reach; a row of hearts is no happier than three."""
_LETTERS: Mapping[str, float] = {"哈": 1.5, "嘻": 1.0, "嘿": 0.5, "5": -1.5, "呜": -1.5, "嘤": -0.5, "2": 0.5, "6": 1.0}
"""What is laughed or cried: three or more of a letter, or the first of 2333."""
_REPEATED = "哈{3,}|嘻{2,}|嘿{2,}|呜{2,}|嘤{2,}|(?<![0-9a-z])(?:5{3,}|233+|6{3,})(?![0-9a-z])"
_REPEATS = "(?<=哈)哈哈|(?<=嘻)嘻|(?<=嘿)嘿|(?<=呜)呜|(?<=嘤)嘤|(?<=5)55|(?<=2)33|(?<=6)66"
"""The rest of what is repeated, behind its first sign."""


@dataclass(frozen=True, slots=True)
class Emoticons:
    """The listed pictures with how they feel, -2 to 2; found in a normalised text."""

    names: Mapping[str, float]
    signs: Mapping[str, float]
    pattern: re.Pattern[str]
    begin: re.Pattern[str]
    """What any of them begins with: most texts have nothing of it, and are not looked through for each."""

    def feeling(self, plain: str) -> float:
        """How all pictures of a text feel together, from -3 to 3; 0 without any."""
        first = self.begin.search(plain)
        if first is None:
            return 0.0
        return max(-MOST, min(MOST, sum(self._each(plain, first.start()))))

    def _each(self, plain: str, start: int) -> Iterator[float]:
        for match in self.pattern.finditer(plain, start):
            found = match.group()
            if found[0] == "[":
                yield self.names.get(found[1:-1], 0.0)
            else:
                yield self.signs[found] if found in self.signs else _LETTERS[found[0]]


def of_text(text: str) -> Emoticons:
    """The list of a file: kind, how it feels, what feels so, tabs between."""
    listed: dict[str, dict[str, float]] = {"names": {}, "signs": {}}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            kind, feels, each = line.split("\t")
            listed[kind] |= dict.fromkeys(filter(None, map(normalise, each.split())), float(feels))
    signs = listed["signs"]
    faces = "|".join(_pattern_of(sign) for sign in sorted(signs, key=len, reverse=True))
    # one set of characters in front: what has none of them is passed over ten times as fast as by alternatives
    first = re.escape("".join(sorted({sign[0] for sign in signs})))
    begin = f"[{first}[{''.join(_LETTERS)}](?:(?<=[{first}[])|{_REPEATS})"
    return Emoticons(listed["names"], signs, re.compile(rf"\[[^\[\]]{{1,6}}\]|{_REPEATED}|{faces}"), re.compile(begin))


def _pattern_of(sign: str) -> str:
    """A sign; letters are a face only where no others stand beside them: tat, but not status."""
    escaped = re.escape(sign)
    return rf"(?<![0-9a-z]){escaped}(?![0-9a-z])" if re.fullmatch("[a-z._^]+", sign) and sign[0].isalpha() else escaped


@lru_cache(maxsize=1)
def shipped() -> Emoticons:
    """The list that comes with the program."""
    return of_text(SHIPPED.read_text(encoding="utf-8"))
