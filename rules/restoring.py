"""Disguised words as they were meant: which listed word, read through its disguise, makes a likelier text than what stands there.

A small noisy channel. What is looked for are the words of a vocabulary (rules/models/unmask.npz: words that mostly stand in abuse); how they may
be written instead comes from :mod:`rules.disguises`; how likely a text is, from a table of how often two characters follow each other. A word
is restored where the text becomes so much likelier by it that the disguise's price is paid; where all pairs are ordinary, nothing is looked at.
tools/train_unmask.py makes the tables, docs/models/unmasking.md measures them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise, repeat
from operator import contains
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rules.disguises import Disguises
from rules.disguises import shipped as shipped_disguises
from rules.text import LONGEST

SHIPPED = Path(__file__).parent / "models" / "unmask.npz"
STEPS = {
    "parts": "拆字", "pinyin": "拼音", "initial": "首字母", "sound": "同音字", "shape": "形近字", "emoji": "表情", "number": "数字", "order": "调换次序",
    "repeat": "重复的字",
}  # fmt: skip
"""What each disguise is called."""

_PRICES = {
    "parts": 0.0, "pinyin": 1.0, "initial": 2.0, "sound": 5.0, "shape": 6.0, "emoji": 1.0, "number": 1.0, "order": 5.0, "repeat": 0.0,
}  # fmt: skip
"""What it costs to take a character for one so disguised: bits by which the text must become likelier."""
_FUZZY = 5.0
"""What it costs besides to take zh for z, ng for n and the like."""
_DEAREST = 6.5
"""What a disguise may cost for each character of its word."""
_ENOUGH = {
    "parts": 2.0, "pinyin": 3.0, "initial": 6.0, "sound": 6.0, "shape": 6.0, "emoji": 2.0, "number": 2.0, "order": 6.0, "repeat": 6.0,
}  # fmt: skip
"""Bits by which a text must have become likelier for a word to be restored: less where nobody writes so by accident."""
_LISTED = 2.0
"""So many bits less for a word of the lists, not one that only stands in abuse more often than elsewhere."""
_ODD = 12.0, 7.0, 13.0
"""Bits that a syllable, a letter, and an emoji or a number cost among Chinese characters."""
_REPEATED = 4.0
"""Bits that writing a character once more costs, or a part of one."""
_UNSEEN = 3.0
"""Bits that a pair costs which was never seen, beside its second character."""
_UNKNOWN = 22.0
_ONCE_OR_TWICE = 2
"""A level up to which a pair may have been a disguise itself."""
_AS_CHARACTERS = frozenset({"", "parts", "repeat"})
_LONGEST = 4
_MOST_PLACES = 400
"""Places of a text at which a word is looked for; what is odder than that is not read."""
_NO_KINDS, _STARTS, _ENDS = [""] * LONGEST, range(LONGEST), range(1, LONGEST + 1)
"""The kinds and places of the units of a text that is nothing but characters."""
_MIXED_UP = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("ang", "an"), ("eng", "en"), ("ing", "in"))
RADICALS = "亻氵扌犭忄讠钅纟艹辶衤礻饣疒冫阝刂宀囗彳灬攵丷丨丿亠勹匚卩廾彡夂覀罒糹訁飠𠃊"
"""Parts of characters that are none by themselves."""
_ENGLISH = frozenset(
    "can men she me he man pen long sun ban fan die women wo an en a e o line song one name nice gang tie ping ding ming to so no go do le de bug"
    " lie mine pie lang sale lane male pale mao dao tao wang li wan lan tan chen huang tang ma pa da ha ne bin pin gin shan kong".split()
)
"""Syllables that are read as English or as a name where they stand alone."""
_INITIALS = frozenset("bdmq")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_LATIN = re.compile("[a-z]+")
_LATIN_BEFORE, _LATIN_AFTER = re.compile(r"(?<![a-z])([a-z]+) $"), re.compile(" ([a-z]+)")
_LONE = re.compile("[\u4e00-\u9fff][bdmq](?![a-z0-9])|(?<![a-z0-9])[bdmq][\u4e00-\u9fff]")
"""A single letter beside a character, of those that insults are written with; others (x 元, n 久) are everyday."""
_SPOKEN: Mapping[str, str] = {"4": "死", "8": "八巴", "13": "逼"}
"""Numbers that are written for what they sound or look like, and the characters that they stand for."""
_DIGITS = frozenset("0123456789")
_NUMBER = re.compile("(?<![0-9a-z.:])(?:13|[48])(?=[\u4e00-\u9fff]|$)")
_RUNS = re.compile("[\u4e00-\u9fff]{2,}")
_OWN = re.compile("[\u4e00-\u9fff]{2,8}")
_USUAL_LEVEL = 5
"""How often a pair in an operator's own word counts as seen, as a level: a little more than most pairs of the lists."""


@dataclass(frozen=True, slots=True)
class Restored:
    """A part of a text is read as ``word``; ``places`` is where each of its characters stands (start, end), ``kinds`` are the disguises, of ``STEPS``."""

    word: str
    places: Sequence[tuple[int, int]]
    kinds: frozenset[str]


class _Units(NamedTuple):
    """A text in pieces that may stand for a character each: what each is known by, how it is written ('' plainly), where it begins and ends."""

    signs: Sequence[str]
    kinds: Sequence[str]
    starts: Sequence[int]
    ends: Sequence[int]


class _Unit(NamedTuple):
    sign: str
    start: int
    end: int
    kind: str = ""


class _Find(NamedTuple):
    gain: float
    first: int
    after: int
    word: str
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pairs:
    """How often characters were seen: ``single`` the logarithm of a character's count, ``following`` the characters that were seen behind it,
    ``levels`` for each of these one more than the logarithm of how often.
    """

    single: Mapping[str, float]
    following: Mapping[str, str]
    levels: Mapping[str, bytes]

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[np.generic]]) -> Pairs:
        """From the arrays that :meth:`arrays` made."""
        chars = kept["chars"].tobytes().decode("utf-16-le")
        ends = np.cumsum(kept["sizes"]).tolist()
        followers = np.cumsum(kept["steps"], dtype=np.uint16)
        text = np.frombuffer(kept["chars"].tobytes(), np.uint16)[followers].tobytes().decode("utf-16-le")
        levels = kept["levels"].tobytes()
        rows = list(zip(chars, [0, *ends[:-1]], ends, strict=True))
        return cls(
            dict(zip(chars, kept["bits"].tolist(), strict=True)),
            {char: text[start:end] for char, start, end in rows},
            {char: levels[start:end] for char, start, end in rows},
        )

    def with_words(self, words: Sequence[str]) -> Pairs:
        """These with the pairs of some words among those that are seen in an ordinary way."""
        single, following, levels = dict(self.single), dict(self.following), dict(self.levels)
        for char in "".join(words):
            single.setdefault(char, float(_USUAL_LEVEL))
        for pair in dict.fromkeys(pair for word in words for pair in pairs_of(word)):
            one, other = pair[0], pair[1]
            at = following.setdefault(one, "").find(other)
            seen = levels.setdefault(one, b"")
            if at < 0:
                following[one], levels[one] = following[one] + other, seen + bytes((_USUAL_LEVEL,))
            elif seen[at] < _USUAL_LEVEL:
                levels[one] = seen[:at] + bytes((_USUAL_LEVEL,)) + seen[at + 1 :]
        return Pairs(single, following, levels)

    def numbers(self) -> NDArray[np.uint32]:
        """Every pair that was seen as a number, in their order, and one above them all."""
        heads = "".join(self.following).encode("utf-16-le"), [*map(len, self.following.values())]
        first = np.repeat(np.frombuffer(heads[0], np.uint16), heads[1]).astype(np.uint32)
        second = np.frombuffer("".join(self.following.values()).encode("utf-16-le"), np.uint16)
        return np.append(np.sort(first << 16 | second), np.uint32(0xFFFF_FFFF))

    @staticmethod
    def arrays(single: Mapping[str, float], pairs: Mapping[str, float]) -> Mapping[str, NDArray[np.generic]]:
        """What a file keeps of these counts; a pair's characters must be among the single ones."""
        chars = sorted(single)
        place = {char: at for at, char in enumerate(chars)}
        keys = sorted((place[pair[0]], -_level(count), place[pair[1]]) for pair, count in pairs.items())  # the commonest are found first
        followers = np.array([other for _, _, other in keys], np.uint16)
        return {
            "chars": np.frombuffer("".join(chars).encode("utf-16-le"), np.uint16),
            "bits": np.array([math.log2(single[char]) for char in chars], np.float16),
            "sizes": np.bincount([one for one, _, _ in keys], minlength=len(chars)).astype(np.uint16),
            "steps": np.diff(followers, prepend=np.uint16(0)),  # wraps where the next character's followers begin
            "levels": np.array([-level for _, level, _ in keys], np.uint8),
        }


def pairs_of(word: str) -> Iterator[str]:
    """The pairs of neighbouring characters of a word."""
    return map("".join, pairwise(word))


def _level(count: float) -> int:
    return 1 + max(0, round(math.log2(count)))


class Restorer:
    """Restores the words of a vocabulary, of which the first ``listed`` are those of the lists.

    Never changed; what it remembers of each character grows with use, to some megabytes.
    """

    def __init__(self, words: Sequence[str], listed: int, pairs: Pairs, disguises: Disguises) -> None:
        self._words: tuple[str, ...] = ()
        self._listed = frozenset(words[:listed])
        self._pairs = pairs
        self._usual = pairs.numbers()
        self._disguises = disguises
        self._total = math.log2(sum(2**bits for bits in pairs.single.values()) or 1)
        self._signs = frozenset("".join([RADICALS, *disguises.emoji]))
        self._joins = {way: char for char, ways in disguises.parts.items() for way in reversed(ways)}
        self._emoji_words = {mark: tuple(word for word in words if len(word) > 1) for mark, words in disguises.emoji.items()}
        self._pinyin = lru_cache(maxsize=4096)(self._syllables)
        self._firsts: defaultdict[str, int] = defaultdict(int)
        self._seconds: defaultdict[str, int] = defaultdict(int)
        self._inner: set[str] = set()
        self._by_order: dict[str, str] = {}
        self._mates: set[str] = set()
        self._longer = 0
        self._take_in(words)

    def _take_in(self, words: Sequence[str]) -> None:
        """Makes words of the vocabulary of these as well."""
        for at, word in enumerate(words, start=len(self._words)):
            self._firsts[word[0]] |= 1 << at
            self._seconds[word[1]] |= 1 << at
            self._longer |= (len(word) > 2) << at
            self._inner.update(pairs_of(word))
            self._by_order.setdefault("".join(sorted(word)), word)
            self._mates.update(one + other for one in word for other in word if one <= other)
        self._words += tuple(words)
        self._single, self._following, self._levels = self._pairs.single, self._pairs.following, self._pairs.levels
        self._sought = frozenset("".join(self._words))
        self._shaped = self._alike()
        self._same, self._near, self._letters = self._by_sound()
        self._memory: dict[str, Mapping[str, tuple[float, str]]] = {}
        self._masks: dict[str, tuple[int, int]] = {}

    def with_words(self, own: Iterable[str]) -> Restorer:
        """One that restores an operator's ``own`` words as well, as surely as those of the lists; itself where it knows them. Others are left out:
        a word is two to eight Chinese characters. Costs a twentieth of a second.
        """
        new = [word for word in dict.fromkeys(own) if _OWN.fullmatch(word) and word not in self._listed]
        if not new:
            return self
        made = copy(self)
        made._firsts, made._seconds = self._firsts.copy(), self._seconds.copy()
        made._inner, made._by_order, made._mates = set(self._inner), dict(self._by_order), set(self._mates)
        made._listed, made._pairs = self._listed.union(new), self._pairs.with_words(new)
        made._usual = made._pairs.numbers()
        known = frozenset(self._words)
        made._take_in([word for word in new if word not in known])
        return made

    @classmethod
    def load(cls, file: Path) -> Restorer:
        """From the file that tools/train_unmask.py wrote."""
        with np.load(file, allow_pickle=False) as kept:
            words = kept["words"].tobytes().decode("utf-8").split()
            return cls(words, int(kept["listed"]), Pairs.of(kept), shipped_disguises())

    def is_inside(self, pair: str) -> bool:
        """Whether these two characters follow each other in a word of the vocabulary."""
        return pair in self._inner

    def odd_places(self, plain: str) -> list[int]:
        """Where two Chinese characters follow each other that hardly ever do."""
        following = self._following
        places: list[int] = []
        for match in _RUNS.finditer(plain):
            run = match[0]
            usual = list(map(contains, map(following.get, run, repeat("")), run[1:]))
            if not all(usual):
                places += [match.start() + at for at, is_usual in enumerate(usual) if not is_usual]
        return places

    def odd_places_of(self, plains: Sequence[str]) -> list[list[int]]:
        """:meth:`odd_places` of many texts in a seventh of the time; of one it would take longer."""
        chars = np.frombuffer(("\0".join(plains) + "\0").encode("utf-32-le", "surrogatepass"), np.uint32)
        is_chinese = chars - np.uint32(0x4E00) < np.uint32(0x5200)
        places = np.flatnonzero(is_chinese[:-1] & is_chinese[1:])
        pairs = chars[places] << 16 | chars[places + 1]
        odd = places[self._usual[self._usual.searchsorted(pairs)] != pairs]
        starts = np.cumsum([0, *(len(plain) + 1 for plain in plains)])
        owners = starts.searchsorted(odd, "right") - 1
        found: list[list[int]] = [[] for _ in plains]
        for owner, place in zip(owners.tolist(), (odd - starts[owners]).tolist(), strict=True):
            found[owner].append(place)
        return found

    def is_mixed(self, plain: str, odd: Sequence[int]) -> bool:
        """A quick look: whether something may stand for a character without being one – emoji, parts of characters, letters, numbers, a character repeated."""
        if not self._signs.isdisjoint(plain):
            return True
        if not _DIGITS.isdisjoint(plain) and _NUMBER.search(plain):
            return True
        if not _LETTERS.isdisjoint(plain) and (_LONE.search(plain) or any(map(self._is_promising, _LATIN.findall(plain)))):
            return True
        return any(self._is_repeated(plain, at) for at in odd if plain[at] == plain[at + 1])

    def _is_promising(self, run: str) -> bool:
        return run in self._disguises.initials or run in self._disguises.sounds or 1 < len(self._pinyin(run)) < len(run)

    def _is_repeated(self, plain: str, at: int) -> bool:
        """Whether a word of the vocabulary stands here once a repeated character is written once."""
        char = plain[at]
        before, after = plain[at - 1 : at], plain[at + 1 :].lstrip(char)[:1]
        return bool(after and self.is_inside(char + after)) or bool(before and before != char and self.is_inside(before + char))

    def restore(self, plain: str) -> list[Restored]:
        """The words that ``plain`` hides, in their order, apart from each other."""
        return self._restored(plain, self.odd_places(plain))

    def restore_many(self, plains: Sequence[str]) -> list[list[Restored]]:
        """:meth:`restore` of many texts, in less time."""
        return [self._restored(plain, odd) for plain, odd in zip(plains, self.odd_places_of(plains), strict=True)]

    def _restored(self, plain: str, odd: Sequence[int]) -> list[Restored]:
        if self.is_mixed(plain, odd) or any(plain[at : at + 2] in self._joins or plain[at : at + 3] in self._joins for at in odd):
            units = self._units(plain)
            places = self._places(units)
        elif odd:
            units = _Units(plain, _NO_KINDS, _STARTS, _ENDS)
            places = self._hidden_in(plain, odd)
        else:
            return []
        found = [find for place, hidden in places[:_MOST_PLACES] for find in self._finds(units, place, hidden)]
        if units.kinds is not _NO_KINDS:
            found += [
                _Find(0.1, at, at + 1, units.signs[at], frozenset({"parts"})) for at, kind in enumerate(units.kinds) if kind == "parts"
            ]
        return [_restored(units, find) for find in _apart(found, len(plain))] if found else []

    def _hidden_in(self, plain: str, odd: Sequence[int]) -> list[tuple[int, int]]:
        """:meth:`_places` of a text that is nothing but characters, those only where there is something to weigh."""
        found: list[tuple[int, int]] = []
        for at in odd:
            one, other = plain[at], plain[at + 1]
            if one == other:
                continue
            begins, (first, second) = self._mask("", other)[1], self._mask("", one)
            if at and (longer := self._mask("", plain[at - 1])[0] & second & self._longer):
                found.append((at - 1, longer))
            if (hidden := first & begins) or (one + other if one <= other else other + one) in self._mates:
                found.append((at, hidden))
        return found

    # What a text consists of -------------------------------------------------------------------------------------------

    def _units(self, plain: str) -> _Units:
        units: list[_Unit] = []
        at = 0
        while at < len(plain):
            units += self._next(plain, at)
            at = units[-1].end
        kept = [unit for unit in units if unit.kind != "blank"]
        return _Units([one.sign for one in kept], [one.kind for one in kept], [one.start for one in kept], [one.end for one in kept])

    def _next(self, plain: str, at: int) -> list[_Unit]:
        char = plain[at]
        if "a" <= char <= "z":
            return self._latin(plain, at)
        if char in _DIGITS and (number := _NUMBER.match(plain, at)):
            return [_Unit(number[0], at, number.end(), "number")]
        if char in self._disguises.emoji:
            return [_Unit(char, at, at + 1, "emoji")]
        flag = plain[at : at + 2]
        if flag in self._disguises.emoji:
            return [_Unit(flag, at, at + 2, "emoji")]
        if char == " " and (plain[at - 1 : at].isascii() or plain[at + 1 : at + 2].isascii()):
            return [_Unit(char, at, at + 1, "blank")]  # around syllables
        for size in (3, 2):
            joined = self._joins.get(plain[at : at + size])
            if joined and at + size <= len(plain) and self._is_split(plain, at, size, joined):
                return [_Unit(joined, at, at + size, "parts")]
        end = at + 1
        while plain[end : end + 1] == char and _is_chinese(char):
            end += 1
        return [_Unit(char, at, end, "repeat" if end > at + 1 else "")]

    def _latin(self, plain: str, at: int) -> list[_Unit]:
        match = _LATIN.match(plain, at)
        assert match
        run, is_alone = match[0], not (plain[at - 1 : at].isdigit() or plain[match.end() : match.end() + 1].isdigit())
        if is_alone and run in self._disguises.initials and not _is_english(plain, at, match.end()):
            return [_Unit(run, at, match.end(), "initials")]
        syllables = self._pinyin(run)
        if syllables and len(run) > len(syllables) and is_alone and not self._is_foreign(plain, at, match.end()):
            ends = np.cumsum([len(one) for one in syllables]).tolist()
            return [_Unit(one, at + end - len(one), at + end, "pinyin") for one, end in zip(syllables, ends, strict=True)]
        if run in _INITIALS and is_alone:
            return [_Unit(run, at, at + 1, "initial")]
        return [_Unit("", at, match.end(), "other")]

    def _is_foreign(self, plain: str, start: int, end: int) -> bool:
        """Whether the letters are an English word rather than a syllable: they could be one, and neither a character nor a clear syllable is beside them."""
        if plain[start:end] not in _ENGLISH or _is_chinese(plain[start - 1 : start]) or _is_chinese(plain[end : end + 1]):
            return False
        before, after = _LATIN_BEFORE.search(plain[max(0, start - 8) : start]), _LATIN_AFTER.match(plain, end)
        return not any(match and match[1] not in _ENGLISH and self._pinyin(match[1]) for match in (before, after))

    def _syllables(self, run: str) -> tuple[str, ...]:
        """The fewest syllables that ``run`` consists of; none if it does not."""
        best: list[tuple[str, ...] | None] = [()] + [None] * len(run)
        for start in range(len(run)):
            for end in range(start + 1, min(len(run), start + 6) + 1):
                so_far = best[start]
                if so_far is not None and run[start:end] in self._disguises.sounds:
                    known = best[end]
                    if known is None or len(so_far) + 1 < len(known):
                        best[end] = (*so_far, run[start:end])
        return best[-1] or ()

    def _is_split(self, plain: str, at: int, size: int, joined: str) -> bool:
        """Whether these characters are more likely the parts of one: as a rule, if one of them is no character, or no pair of them is ever seen."""
        parts = plain[at : at + size]
        if any(part in RADICALS for part in parts):
            return True
        if not all(map(_is_chinese, parts)) or any(
            self._seen(parts[place], parts[place + 1]) > _ONCE_OR_TWICE for place in range(size - 1)
        ):
            return False
        before, after = plain[at - 1 : at] if at else "", plain[at + size : at + size + 1]
        return self._likelier(before, joined, parts, after) > _ENOUGH["parts"] + _UNSEEN

    # How likely a text is ----------------------------------------------------------------------------------------------

    def _seen(self, one: str, other: str) -> int:
        """How often ``other`` followed ``one``: 0 never, else one more than the logarithm."""
        at = self._following.get(one, "").find(other)
        return self._levels[one][at] if at >= 0 else 0

    def _bits(self, one: str, other: str) -> float:
        """What ``other`` costs behind ``one``, '' behind what is no Chinese character."""
        alone = self._total - self._single.get(other, self._total - _UNKNOWN)
        if not _is_chinese(one):
            return alone
        seen = self._seen(one, other)
        return min(alone + _UNSEEN, max(0.0, self._single.get(one, 0.0) - (seen - 1))) if seen else alone + _UNSEEN

    def _cost(self, before: str, text: str, after: str) -> float:
        following = text + after if _is_chinese(after) else text
        return sum(map(self._bits, chain((before,), following), following))

    def _likelier(self, before: str, word: str, text: str, after: str) -> float:
        return self._cost(before, text, after) - self._cost(before, word, after)

    def _written(self, before: str, units: _Units, first: int, after: int, following: str) -> float:
        """What the units cost as they stand there."""
        bits = 0.0
        for at in range(first, after):
            sign, kind = units.signs[at], units.kinds[at]
            if kind in _AS_CHARACTERS and _is_chinese(sign):
                bits += self._bits(before, sign) + (units.ends[at] - units.starts[at] - 1) * _REPEATED
                before = sign
            else:
                bits += {"pinyin": _ODD[0], "initial": _ODD[1]}.get(kind, _ODD[2])
                before = ""
        return bits + (self._bits(before, following) if _is_chinese(following) else 0.0)

    # Which words it may hide --------------------------------------------------------------------------------------------

    def _places(self, units: _Units) -> list[tuple[int, int]]:
        """Where a hidden word may begin, and which, as bits: near what is no plain character, and at two that hardly ever follow each other.

        One further ahead only a longer word may, which has them inside.
        """
        near: dict[int, int] = {}
        signs, kinds = units.signs, units.kinds
        for at, kind in enumerate(kinds):
            if kind:
                near |= dict.fromkeys(range(max(0, at - 2), at + 1), -1)
            elif at + 1 < len(signs) and not kinds[at + 1] and self._is_odd(signs[at], signs[at + 1]):
                near[at] = -1
                if at:
                    near.setdefault(at - 1, self._longer)
        return [(at, self._hidden_at(units, at) & among) for at, among in sorted(near.items())]

    def _hidden_at(self, units: _Units, at: int) -> int:
        """The words whose first two characters these units may be, as bits."""
        if at + 1 >= len(units.signs):
            return 0
        return self._mask(units.kinds[at], units.signs[at])[0] & self._mask(units.kinds[at + 1], units.signs[at + 1])[1]

    def _is_odd(self, one: str, other: str) -> bool:
        return _is_chinese(one) and _is_chinese(other) and one != other and not self._seen(one, other)

    def _finds(self, units: _Units, at: int, hidden: int) -> Iterator[_Find]:
        sign, kind = units.signs[at], units.kinds[at]
        if kind == "emoji":
            for word in self._emoji_words.get(sign, ()):
                yield from self._weighed(units, at, at + 1, word, _PRICES["emoji"], frozenset({"emoji"}))
        if kind == "initials":
            yield _Find(_ENOUGH["initial"], at, at + 1, self._disguises.initials[sign], frozenset({"initial"}))
        while hidden:
            lowest = hidden & -hidden
            hidden ^= lowest
            word = self._words[lowest.bit_length() - 1]
            price, kinds = self._price(units, at, word)
            if kinds:
                yield from self._weighed(units, at, at + len(word), word, price, kinds)
        for size, signs in self._mixed_up(units, at):
            word = self._by_order.get("".join(sorted(signs)), "")
            if word and word != signs:
                yield from self._weighed(units, at, at + size, word, _PRICES["order"], frozenset({"order"}))

    def _mixed_up(self, units: _Units, at: int) -> Iterator[tuple[int, str]]:
        """The characters from here on as long as each two neighbours are in one word of the vocabulary."""
        signs = ""
        for size, (sign, kind) in enumerate(zip(units.signs[at : at + _LONGEST], units.kinds[at : at + _LONGEST], strict=False), start=1):
            if kind or (signs and min(signs[-1], sign) + max(signs[-1], sign) not in self._mates):
                return
            signs += sign
            if size > 1:
                yield size, signs

    def _price(self, units: _Units, at: int, word: str) -> tuple[float, frozenset[str]]:
        """What it costs to read the units from there on as ``word``, and by which disguises; none when that cannot be or is no change."""
        if len(units.signs) < at + len(word):
            return 0.0, frozenset()
        price, kinds = 0.0, set[str]()
        for place, char in enumerate(word, start=at):
            one = self._meant(units.kinds[place], units.signs[place]).get(char)
            if one is None:
                return 0.0, frozenset()
            price += one[0]
            kinds.add(one[1])
        return (price, frozenset(kinds - {""})) if price <= _DEAREST * len(word) else (0.0, frozenset())

    def _weighed(self, units: _Units, first: int, after: int, word: str, price: float, kinds: frozenset[str]) -> Iterator[_Find]:
        before = units.signs[first - 1] if first and units.kinds[first - 1] in _AS_CHARACTERS else ""
        following = units.signs[after] if after < len(units.signs) and units.kinds[after] in _AS_CHARACTERS else ""
        gain = self._written(before, units, first, after, following) - self._cost(before, word, following) - price
        if gain > max(_ENOUGH[kind] for kind in kinds) - _LISTED * (word in self._listed):
            yield _Find(gain, first, after, word, kinds)

    def _mask(self, kind: str, sign: str) -> tuple[int, int]:
        """The words that may begin with such a unit, and those whose second character it may be, as bits."""
        key = kind + sign
        masks = self._masks.get(key)
        if masks is None:
            first = second = 0
            for char in self._meant(kind, sign):
                first |= self._firsts.get(char, 0)
                second |= self._seconds.get(char, 0)
            masks = self._masks[key] = (first, second)
        return masks

    def _meant(self, kind: str, sign: str) -> Mapping[str, tuple[float, str]]:
        """The characters that such a unit may stand for, each with its price and the disguise."""
        key = kind + sign
        known = self._memory.get(key)
        if known is None:
            known = self._memory[key] = self._look_up(kind, sign)
        return known

    def _look_up(self, kind: str, sign: str) -> Mapping[str, tuple[float, str]]:
        if kind in {"other", "initials"}:
            return {}
        if kind == "pinyin":
            near = dict.fromkeys(self._near.get(_fuzzy(sign), ()), (_PRICES["pinyin"] + _FUZZY, "pinyin"))
            return near | dict.fromkeys(self._same.get(sign, ()), (_PRICES["pinyin"], "pinyin"))
        if kind == "initial":
            return dict.fromkeys(self._letters.get(sign, ()), (_PRICES["initial"], "initial"))
        if kind == "emoji":
            return self._behind_emoji(sign)
        if kind == "number":
            return dict.fromkeys(_SPOKEN[sign], (_PRICES["number"], "number"))
        found = dict.fromkeys(self._shaped.get(sign, ()), (_PRICES["shape"], "shape"))
        syllable = self._disguises.syllables.get(sign, "")
        if syllable:
            found |= dict.fromkeys(self._near.get(_fuzzy(syllable), set()) - found.keys(), (_PRICES["sound"] + _FUZZY, "sound"))
            found |= dict.fromkeys(self._same.get(syllable, ()), (_PRICES["sound"], "sound"))
        if kind:
            found = {char: (price + _PRICES[kind], kind) for char, (price, _) in found.items()}
        return found | {sign: (_PRICES.get(kind, 0.0), kind)}

    def _behind_emoji(self, mark: str) -> Mapping[str, tuple[float, str]]:
        meant = [word for word in self._disguises.emoji[mark] if len(word) == 1]
        found: dict[str, tuple[float, str]] = {}
        for char in meant:
            found |= dict.fromkeys(self._same.get(self._disguises.syllables.get(char, ""), ()), (_PRICES["sound"], "emoji"))
        return found | dict.fromkeys(meant, (_PRICES["emoji"], "emoji"))

    def _alike(self) -> Mapping[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for char, others in self._disguises.shapes.items():
            for other in others:
                if char in self._sought:
                    found[other].add(char)
                if other in self._sought:
                    found[char].add(other)
        return found

    def _by_sound(self) -> tuple[Mapping[str, set[str]], Mapping[str, set[str]], Mapping[str, set[str]]]:
        same: defaultdict[str, set[str]] = defaultdict(set)
        near: defaultdict[str, set[str]] = defaultdict(set)
        letters: defaultdict[str, set[str]] = defaultdict(set)
        for char in self._sought:
            syllable = self._disguises.syllables.get(char)
            if syllable:
                same[syllable].add(char)
                near[_fuzzy(syllable)].add(char)
                letters[syllable[0]].add(char)
        return same, near, letters


def _restored(units: _Units, find: _Find) -> Restored:
    """The find with its places: a character's own where one unit stands for each, else all of it for each."""
    first, last = find.first, find.after - 1
    if find.after - first == len(find.word) and "order" not in find.kinds:
        return Restored(find.word, list(zip(units.starts[first : find.after], units.ends[first : find.after], strict=True)), find.kinds)
    return Restored(find.word, [(units.starts[first], units.ends[last])] * len(find.word), find.kinds)


def _is_english(plain: str, start: int, end: int) -> bool:
    """Whether the letters stand among other Latin words: ``sb. else``."""
    before, after = plain[:start].rstrip()[-1:], plain[end:].lstrip(" .")[:1]
    return bool(_LATIN.match(before) or _LATIN.match(after))


def _fuzzy(syllable: str) -> str:
    for long, short in _MIXED_UP:
        syllable = syllable.replace(long, short)
    return syllable


def _is_chinese(text: str) -> bool:
    return "\u4e00" <= text <= "\u9fff"


def _apart(found: Sequence[_Find], size: int) -> list[_Find]:
    """Those of the finds, none over another, that gain most together."""
    ending: defaultdict[int, list[_Find]] = defaultdict(list)
    for find in found:
        ending[find.after].append(find)
    if not ending:
        return []
    best: list[tuple[float, _Find | None]] = [(0.0, None)] * (size + 1)
    for after in range(1, size + 1):
        best[after] = (best[after - 1][0], None)
        for find in ending.get(after, ()):
            together = best[find.first][0] + find.gain
            if together > best[after][0]:
                best[after] = (together, find)
    chosen, after = [], size
    while after:
        last = best[after][1]
        if last:
            chosen.append(last)
        after = last.first if last else after - 1
    return chosen[::-1]


@lru_cache(maxsize=1)
def shipped() -> Restorer:
    """The restorer that comes with the product, read once."""
    return Restorer.load(SHIPPED)


@lru_cache(maxsize=2)
def shipped_with(own: tuple[str, ...]) -> Restorer:
    """The shipped one with an operator's ``own`` words; made once for a list, which stays the same while FAQ, policy and texts are edited."""
    return shipped().with_words(own)
