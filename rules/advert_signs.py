"""What an advertisement is recognised by besides its wording: words of the trade by what they are for, prices, numbers, ways to reach somebody.

The words stand in rules/advert_signs.txt. Counting them by their purpose, not one by one, is what makes the judge know a product it never saw.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ahocorasick_rs import AhoCorasick, MatchKind
from numpy.typing import NDArray

WORDS = Path(__file__).with_name("advert_signs.txt")

_NUMBER = re.compile(
    r"(?=[0-9a-z])(?:"
    r"(?:h(?:tt|xx)ps?://|(?:www|wap)\.)[!-~]{3,}"
    r"|(?:[a-z0-9-]{1,40}\.){1,4}(?:com|cn|net|cc|top|xyz|org|me|tv|vip|info|shop|club|pw|tk|co|in|asia|mobi|ml|cf|gq|ga|us|wang|site|online|icu)"
    r"(?![a-z])(?:[/?:][!-~]*)?"
    r"|(?<![a-z])x{2,}(?:[ -]x{3,6}){0,4}(?![a-wyz])|[0-9x]*[0-9][0-9x]*(?:[ -][0-9x]{3,6}){0,4})"
)
SHORT, MIDDLE, LONG, PHONE, ACCOUNT, LINK = "\ue001\ue002\ue003\ue004\ue005\ue006"
"""What stands for a number of up to 2, 4, 9, 12 or more digits, and for a link, once :func:`mark` has been there."""
_MARKS = SHORT + MIDDLE + LONG + PHONE + ACCOUNT + LINK
_LENGTHS = (SHORT, SHORT, SHORT, MIDDLE, MIDDLE, *[LONG] * 5, PHONE, PHONE, PHONE)
_PRICE = re.compile(f"[{SHORT}{MIDDLE}{LONG}](?:\\.[{SHORT}])?(?:元|块|万|折|%|厘|/|平|㎡|套|席)|[¥￥]|[一二三四五六七八九]折")
_SIGNATURE = re.compile(r"【[^】]{2,12}】|\[[^\]]{2,12}\]")
IDLE = frozenset({"notice", "news"})
"""What ordinary notices and talk are made of: these words speak against an advertisement."""
MANNER = frozenset({"offer", "gift", "urgent", "invite", "contact", "polite", "holiday"})
"""How something is offered; all other purposes say what."""
_MANNER_OR_IDLE = MANNER | IDLE
_SHOWN = ("long", "phone", "account", "link", "price", "topics", "many", "pull", "hidden", "wechat", "qq")
_PAIRS = (
    ("offer", "price"), ("offer", "invite"), ("urgent", "offer"), ("phone", "contact"), ("phone", "invite"), ("link", "fraud"), ("account", "fraud"),
    ("phone", "topic"), ("bank", "link"), ("bank", "account"), ("bank", "phone"), ("bank", "fraud"), ("fraud", "phone"), ("link", "offer"),
    ("link", "gift"), ("link", "invite"), ("gift", "invite"), ("polite", "offer"), ("polite", "urgent"), ("long", "contact"), ("long", "wechat"),
    ("loan", "contact"), ("finance", "price"), ("urgent", "holiday"), ("topic", "price"), ("many", "topic"), ("hidden", "invite"),
    ("hidden", "topic"), ("pull", "offer"), ("pull", "wechat"), ("topics", "contact"), ("topics", "invite"), ("estate", "price"),
)  # fmt: skip


class Sign(NamedTuple):
    """A word of the trade at ``text[start:end]``; ``purposes`` are what it may be for."""

    word: str
    purposes: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Signs:
    """All words of the trade that stand in a text, the longest where several do; ``trade`` is how many different ones advertisements are made of."""

    found: tuple[Sign, ...]
    trade: int


class SignWords:
    """The words by purpose, in one automaton."""

    def __init__(self, words: Mapping[str, Sequence[str]], titles: Mapping[str, str]) -> None:
        self.titles = titles
        self.purposes = tuple(words)
        purposes: dict[str, list[str]] = {}
        for purpose, listed in words.items():
            for word in listed:
                purposes.setdefault(word, []).append(purpose)
        self._words = [(word, tuple(meant)) for word, meant in purposes.items()]
        self._places = {word: tuple(map(self.purposes.index, meant)) for word, meant in purposes.items()}
        self._is_idle = [IDLE.issuperset(meant) for meant in purposes.values()]
        self._automaton = AhoCorasick([word for word, _ in self._words], matchkind=MatchKind.LeftmostLongest)

    @classmethod
    def read(cls, lines: Iterable[str]) -> SignWords:
        """From lines of purpose, its title, words, between tabs; ``#`` begins a comment."""
        words, titles = {}, {}
        for line in lines:
            if not line.startswith("#"):
                purpose, titles[line.split("\t")[0]], listed = line.rstrip("\n").split("\t")
                words[purpose] = listed.split(" ")
        return cls(words, titles)

    def said(self, without: Collection[str] = ()) -> list[str]:
        """All words, but for those of the purposes that are left out."""
        return [word for word, purposes in self._words if not any(purpose in without for purpose in purposes)]

    def find(self, text: str, least: int = 0) -> Signs:
        """The words that stand in a normalised text; only how many where fewer than ``least`` are of the trade: most texts are not looked at further."""
        hits = self._automaton.find_matches_as_indexes(text)
        is_idle = self._is_idle
        trade = len({which for which, _, _ in hits if not is_idle[which]}) if hits else 0
        if trade < least:
            return Signs((), trade)
        return Signs(tuple(Sign(*self._words[which], start, end) for which, start, end in hits), trade)

    def count(self, signs: Signs) -> list[int]:
        """How many different words there are for each purpose, in the order of ``purposes``."""
        counts = [0] * len(self.purposes)
        for word in {sign.word for sign in signs.found}:
            for place in self._places[word]:
                counts[place] += 1
        return counts


@lru_cache(maxsize=1)
def shipped_words() -> SignWords:
    """The words that come with the program, read once."""
    return SignWords.read(WORDS.read_text(encoding="utf-8").splitlines())


def mark(text: str) -> str:
    """The normalised ``text`` with one character for each number and link: which one it is says nothing, how long it is does.

    Runs of ``x`` are numbers that somebody masked.
    """
    return _NUMBER.sub(_mark_of, text)


def _mark_of(found: re.Match[str]) -> str:
    number = found[0]
    if "." in number or "/" in number:
        return LINK
    length = len(number) - number.count(" ") - number.count("-")
    return _LENGTHS[length] if length < len(_LENGTHS) else ACCOUNT


def features(signs: Signs, marked: str, kinds: frozenset[str], words: SignWords) -> NDArray[np.float64]:
    """What a text shows, as numbers of about one each. ``kinds`` are the ways to reach somebody that it holds, ``hidden`` if one is disguised."""
    counts = words.count(signs)
    by_purpose = dict(zip(words.purposes, counts, strict=True))
    size, trade = len(marked), signs.trade
    most = max(count for purpose, count in by_purpose.items() if purpose not in _MANNER_OR_IDLE)
    prices, marks, cries = len(_PRICE.findall(marked)), [marked.count(each) for each in _MARKS], marked.count("!")
    has = {purpose for purpose, count in by_purpose.items() if count} | kinds
    has |= {name for name, count in zip(("long", "phone", "account", "link"), marks[2:], strict=True) if count}
    has |= {name for name, is_so in (("price", prices), ("topic", most), ("topics", most >= 3), ("many", trade >= 6)) if is_so}
    return np.array(
        [
            *[min(count, 3) / 3 for count in counts],
            *[3 * math.sqrt(count / (size + 8)) if count else 0.0 for count in counts],
            *[float(name in has) for name in _SHOWN],
            *[float(first in has and second in has) for first, second in _PAIRS],
            math.log1p(trade),
            trade / math.sqrt(size + 8),
            5 * trade / (size + 10),
            sum(count > 0 for purpose, count in by_purpose.items() if purpose not in IDLE) / 5,
            min(most, 6) / 3,
            min(by_purpose["fraud"], 5) / 3,
            float(trade >= 9),
            math.log1p(size) / 5,
            min(prices, 4) / 2,
            min(sum(marks[:2]), 5) / 3,
            float(_SIGNATURE.search(marked) is not None),
            min(cries, 3) / 3,
        ]
    )
