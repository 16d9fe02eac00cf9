"""Segments made up at random, written in every way that people write them, and answered member by member in plain Python.

Nothing of the parser or the evaluator is used here, so that one mistake cannot hide in both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from rules.segment_tree import SIGNS, And, Compare, Everybody, Flag, Not, Or, Query, Saved, Within, Word
from rules.segments import LONGEST, SegmentError, explain, fits, names_of, parse, traits_of, unparse
from rules.traits import NEVER, TRAITS, Trait

NAMES = ("新手", "a b", "员工", 'x"y', "且", "或许", "VIP", "wrGROUP1", "not", "a:b", "（内）", "@x", "2026届", "👍")
SAVED: Mapping[str, str] = {
    "新人": "joined < 30d", "老成员": "joined >= 1年 and not staff", "两层": "@新人 or @老成员", "绕": "@圈", "圈": "level > 3 or @绕", "坏": "level >",
    "三层": "@两层 and points > 100", "四层": "not @三层", "五层": "@四层", "all": "customer",
}  # fmt: skip
GOOD = ("新人", "老成员", "两层", "三层", "四层")
MEMBERS = 24

Person = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PlainBlock:
    """Some members as a block: each a row of trait → value."""

    people: Sequence[Person]

    @property
    def members(self) -> NDArray[np.uint32]:
        return np.arange(1, len(self.people) + 1, dtype=np.uint32)

    def number(self, trait: str) -> NDArray[np.float64]:
        return np.array([person[trait] for person in self.people], np.float64)

    def word(self, trait: str) -> NDArray[np.uint8]:
        codes = TRAITS[trait].words
        return np.array([codes.get(str(person[trait]), 0) for person in self.people], np.uint8)

    def flag(self, trait: str) -> NDArray[np.bool_]:
        return np.array([person[trait] for person in self.people], np.bool_)

    def within(self, trait: str, name: str) -> NDArray[np.bool_]:
        return np.array([name in person[trait] for person in self.people], np.bool_)  # type: ignore[operator]


def people(dice: Random, count: int = MEMBERS) -> list[Person]:
    """Members with values near those that segments ask for."""
    return [{trait.name: _value(trait, dice) for trait in TRAITS.values()} for _ in range(count)]


def _value(trait: Trait, dice: Random) -> object:
    match trait.sort:
        case "number":
            return dice.choice((math.nan, 0.0, 1.0, 3.0, 5.0, 7.5, 100.0, 10_000.0, float(dice.randrange(20))))
        case "days":
            return dice.choice((math.nan, float(NEVER), 0.0, 1.0, 7.0, 30.0, 90.0, float(dice.randrange(400))))
        case "share":
            return dice.choice((math.nan, 0.0, 0.3, 0.5, 0.7, 1.0, dice.random()))
        case "word":
            return dice.choice(("", *trait.words))
        case "flag":
            return dice.random() < 0.5
        case "set":
            return frozenset(dice.sample(NAMES, dice.randrange(4)))


def is_meant(query: Query, person: Person) -> bool | None:
    """Whether one member is meant, None where nobody can know."""
    match query:
        case Everybody():
            return True
        case Compare(trait, sign, value):
            has = person[trait]
            assert isinstance(has, float)
            return None if math.isnan(has) else bool(SIGNS[sign](has, value))
        case Word(trait, words):
            return person[trait] in words if person[trait] else None
        case Flag(trait):
            return bool(person[trait])
        case Within(trait, name):
            return name in person[trait]  # type: ignore[operator]
        case Saved(_, inner):
            return is_meant(inner, person)
        case Not(part):
            found = is_meant(part, person)
            return None if found is None else not found
        case And(parts):
            answers = [is_meant(part, person) for part in parts]
            return False if False in answers else None if None in answers else True
        case Or(parts):
            answers = [is_meant(part, person) for part in parts]
            return True if True in answers else None if None in answers else False
    raise AssertionError(query)


# Made up ------------------------------------------------------------------------------------------------------------
def made_up(dice: Random, depth: int = 4) -> Query:
    """A query of any shape that can be written."""
    if depth and dice.random() < 0.5:
        kind = dice.choice((Not, And, Or))
        if kind is Not:
            return Not(made_up(dice, depth - 1))
        return kind(tuple(made_up(dice, depth - 1) for _ in range(dice.randrange(2, 4))))
    draw = dice.random()
    if draw < 0.05:
        return Everybody()
    if draw < 0.12:
        name = dice.choice(GOOD)
        return Saved(name, parse(SAVED[name], SAVED.get))
    return _condition(dice.choice(tuple(TRAITS.values())), dice)


def _condition(trait: Trait, dice: Random) -> Query:
    match trait.sort:
        case "flag":
            return Flag(trait.name)
        case "set":
            return Within(trait.name, dice.choice(NAMES))
        case "word":
            return Word(trait.name, tuple(dice.sample(tuple(trait.words), dice.randrange(1, len(trait.words)))))
        case "days":
            if dice.random() < 0.1:
                return Compare(trait.name, dice.choice(("=", "!=")), float(NEVER))
            value = float(dice.choice((0, 7, 30, 90, 365, dice.randrange(NEVER))))
        case "share":
            value = dice.choice((0.0, 0.3, 0.5, 0.7, 1.0, round(dice.random(), dice.randrange(1, 7))))
        case _:
            value = float(dice.choice((0, 1, 3, 5, 7.5, 100, 10_000, -5, round(dice.random() * 10**6, dice.randrange(4)))))
    return Compare(trait.name, dice.choice(tuple(SIGNS)), value)


_SIGN_FORMS = {
    "=": ("=", "==", "＝", "等于"), "!=": ("!=", "≠", "<>", "！＝", "不等于"), "<": ("<", "＜", "小于"), "<=": ("<=", "≤", "＜＝", "不超过"),
    ">": (">", "＞", "超过", "大于"), ">=": (">=", "≥", "=>", "至少"),
}  # fmt: skip


class Writer:
    """Writes a query as somebody might: in either language, with or without blanks, with brackets that nobody needs."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice

    def write(self, query: Query) -> str:
        match query:
            case And(parts) | Or(parts):
                joins = (" and ", "且", " && ", " 并且 ", " AND ") if isinstance(query, And) else (" or ", "或", " || ", " 或者 ")
                return self._dice.choice(joins).join(self._inside(part) for part in parts)
            case Not(part):
                return self._dice.choice(("not ", "非 ", "!", "Not ", "不是 ")) + self._inside(part)
            case _:
                text = self._condition(query)
                return f"({text})" if self._dice.random() < 0.05 else text

    def _inside(self, part: Query) -> str:
        opened, closed = self._dice.choice(("()", "（）"))
        return f"{opened}{self.write(part)}{closed}" if isinstance(part, And | Or) else self.write(part)

    def _condition(self, query: Query) -> str:
        match query:
            case Compare(trait, sign, value):
                return self._space().join((self._trait(trait), self._dice.choice(_SIGN_FORMS[sign]), self._number(TRAITS[trait], value)))
            case Word(trait, words):
                if len(words) == 1 and self._dice.random() < 0.8:
                    return f"{self._trait(trait)}{self._dice.choice((' = ', '=', ' 是 ', ':'))}{words[0]}"
                return f"{self._trait(trait)} in ({self._dice.choice((', ', '，', '、')).join(words)})"
            case Flag(trait):
                return self._trait(trait)
            case Within(trait, name):
                return f"{self._trait(trait)}{self._dice.choice((':', '：', ' = '))}{self._name(name)}"
            case Saved(name, _):
                return f"@{self._name(name)}"
        return self._dice.choice(("all", "全部", "ALL"))

    def _trait(self, name: str) -> str:
        return self._dice.choice((name, *TRAITS[name].also))

    def _space(self) -> str:
        return self._dice.choice((" ", " ", "", "\u3000"))

    def _name(self, name: str) -> str:
        if all(mark not in name for mark in ' "且或（@') and self._dice.random() < 0.6:
            return name
        doubled = name.replace('"', '""')
        return self._dice.choice((f'"{doubled}"', f"「{name}」", f"“{name}”"))

    def _number(self, trait: Trait, value: float) -> str:
        if trait.sort == "days":
            return self._dice.choice(("never", "从未")) if value == NEVER else self._days(int(value))
        if trait.sort == "share":
            whole = round(value * 100)
            return f"{whole}%" if whole / 100 == value and self._dice.random() < 0.7 else f"{value:.6f}"
        text = f"{value:.3f}".rstrip("0").rstrip(".")
        return text + self._dice.choice(("", "", trait.unit))

    def _days(self, value: int) -> str:
        if value and value % 30 == 0 and self._dice.random() < 0.5:
            return f"{value // 30}个月"
        if value and value % 7 == 0 and self._dice.random() < 0.5:
            return self._dice.choice((f"{value // 7}w", f"{value // 7} 周"))
        return f"{value}{self._dice.choice(('', 'd', '天', ' days'))}"


# Spoilt -------------------------------------------------------------------------------------------------------------
_PIECES = (
    "and", "or", "not", "且", "或", "非", "(", ")", "（", "）", ",", "，", ":", "：", "@", '"', "“", "”", "=", "!=", "<", ">=", "≥", "in", "between", "%",
    "-", ".", "3", "30d", "70%", "1e9", "99999999999", "never", "level", "等级", "tag", "stage", "沉默", "churn", "customer", "@新人", "@绕", "@坏", "@五层",
    "all", " ", "\u3000", "\n", "\t", "\u200b", "\x00", "👍", "ａｎｄ", "İ", "ß", "²", "٣", "\ud800", "；", "。", "'", "[", "个月", "万", "不超过", "到",
)  # fmt: skip


def spoilt(text: str, dice: Random) -> str:
    """A text with a few pieces cut out, doubled, exchanged or put in."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        at, end = sorted((dice.randrange(len(text) + 1), dice.randrange(len(text) + 1)))
        end = min(end, at + 8)
        text = text[:at] + dice.choice(("", text[at:end] * 2, dice.choice(_PIECES), text[at:end][::-1])) + text[dice.choice((at, end)) :]
    return text


def noise(dice: Random) -> str:
    """Pieces in any order, or any characters."""
    if dice.random() < 0.7:
        return dice.choice(("", " ")).join(dice.choices(_PIECES, k=dice.randrange(1, 25)))
    return "".join(
        chr(dice.choice((dice.randrange(0x80), dice.randrange(0x3000, 0x9FFF), dice.randrange(0x110000))))
        for _ in range(dice.randrange(40))
    )


# Tried --------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Tried:
    """How many inputs of each sort came out how."""

    written: int = 0
    understood: int = 0
    refused: int = 0

    def __str__(self) -> str:
        return (
            f"{self.written} queries written in many ways and read back, {self.understood} spoilt texts that mean what their canonical text means, "
            f"{self.refused} refused with a place in the text"
        )


def fuzz(inputs: int, seed: int) -> Tried:
    """Tries so many inputs. Raises AssertionError with the input that shows a fault."""
    dice, tried = Random(seed), Tried()
    writer, asked = Writer(dice), people(dice)
    while inputs > 0:
        if not inputs % 1_000:
            asked = people(dice)
        query = made_up(dice)
        text = writer.write(query)
        if len(text) <= LONGEST:
            understand(text, query)
            assert _agrees(query, asked), text
            tried.written += 1
            inputs -= 1
        for other in (spoilt(text, dice), noise(dice))[: max(0, inputs)]:
            found = survive(other)
            tried.understood += found is not None
            tried.refused += found is None
            assert found is None or _agrees(found, asked[:6]), other
            inputs -= 1
    return tried


def understand(text: str, query: Query) -> None:
    """A text means this query, and so does its canonical text."""
    found = parse(text, SAVED.get)
    assert found == query, text
    _holds_together(found, text)


def survive(text: str) -> Query | None:
    """What a text means, if anything: canonical text and meaning agree, and an error points into the text."""
    try:
        found = parse(text, SAVED.get)
    except SegmentError as error:
        assert 1 <= error.column <= len(text) + 1, (text, error)
        assert 0 <= error.length <= len(text) + 1 - error.column, (text, error)
        assert error.message, text
        assert str(error).startswith(f"第 {error.column} 个字"), (text, error)
        assert error.mark(text).replace("【", "").replace("】", "") == text.replace("【", "").replace("】", ""), (text, error)
        return None
    _holds_together(found, text)
    return found


def _holds_together(query: Query, text: str) -> None:
    canonical = unparse(query)
    assert parse(canonical, SAVED.get, longest=100_000) == query, (text, canonical)
    assert explain(query), text


def _agrees(query: Query, asked: Sequence[Person]) -> bool:
    """Whether the block answers as each member does alone, and nothing is read that was not said to be."""
    block = _Watched(PlainBlock(asked), traits_of(query), names_of(query))
    return [bool(one) for one in fits(query, block)] == [is_meant(query, person) is True for person in asked]


class _Watched:
    """A block that gives only what it was told would be asked for, and each number once."""

    def __init__(self, block: PlainBlock, traits: frozenset[str], names: frozenset[tuple[str, str]]) -> None:
        self._block = block
        self._traits = set(traits)
        self._names = names
        self.members = block.members

    def number(self, trait: str) -> NDArray[np.float64]:
        self._traits.remove(trait)
        return self._block.number(trait)

    def word(self, trait: str) -> NDArray[np.uint8]:
        assert trait in self._traits
        return self._block.word(trait)

    def flag(self, trait: str) -> NDArray[np.bool_]:
        assert trait in self._traits
        return self._block.flag(trait)

    def within(self, trait: str, name: str) -> NDArray[np.bool_]:
        assert (trait, name) in self._names
        return self._block.within(trait, name)
