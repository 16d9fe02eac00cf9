"""What a segment asks, as a tree, and how a block of members answers it.

A block is asked for whole arrays, each trait once. Every part of a tree says of a member *yes*, *no*, or neither: a number that nobody knows fits no
comparison, and turning that comparison round with ``not`` does not make it fit (three-valued logic, as SQL has it). Who is meant are those of whom the
whole says yes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rules.traits import TRAITS, Block

Sign = Literal["=", "!=", "<", "<=", ">", ">="]
SIGNS: Mapping[Sign, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Query:
    """A part of a tree, or the whole of it."""

    __slots__ = ()

    def __and__(self, other: Query) -> Query:
        """Who fits both."""
        if isinstance(self, Everybody):
            return other
        return self if isinstance(other, Everybody) else And((self, other))


@dataclass(frozen=True, slots=True)
class Everybody(Query):
    """All members."""


@dataclass(frozen=True, slots=True)
class Compare(Query):
    """A number, a share (0–1) or days ago against a value; :data:`~rules.traits.NEVER` for what never happened."""

    trait: str
    sign: Sign
    value: float


@dataclass(frozen=True, slots=True)
class Word(Query):
    """A word trait that is one of ``words``, as they are written in TRAITS."""

    trait: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag(Query):
    """A flag that is set."""

    trait: str


@dataclass(frozen=True, slots=True)
class Within(Query):
    """A set that has ``name``."""

    trait: str
    name: str


@dataclass(frozen=True, slots=True)
class Saved(Query):
    """A saved segment by its name, with what it asks at this moment."""

    name: str
    query: Query


@dataclass(frozen=True, slots=True)
class Not(Query):
    """Who does not fit."""

    part: Query


@dataclass(frozen=True, slots=True)
class And(Query):
    """Who fits all of two or more."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or(Query):
    """Who fits one at least of two or more."""

    parts: tuple[Query, ...]


def parts_of(query: Query) -> tuple[Query, ...]:
    """What a part is made of; () of a condition."""
    if isinstance(query, And | Or):
        return query.parts
    if isinstance(query, Not):
        return (query.part,)
    return (query.query,) if isinstance(query, Saved) else ()


def conditions_of(query: Query) -> Iterator[Query]:
    """The single conditions, those of saved segments too, each of these once."""
    seen: set[str] = set()
    waiting = [query]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Saved):
            if part.name in seen:
                continue
            seen.add(part.name)
        inner = parts_of(part)
        waiting.extend(reversed(inner))
        if not inner:
            yield part


def traits_of(query: Query) -> frozenset[str]:
    """Every trait that has to be read; sets are read by name (:func:`names_of`) and stand here too."""
    return frozenset(part.trait for part in conditions_of(query) if isinstance(part, Compare | Word | Flag | Within))


def names_of(query: Query) -> frozenset[tuple[str, str]]:
    """Every (trait, name) of a set that has to be read."""
    return frozenset((part.trait, part.name) for part in conditions_of(query) if isinstance(part, Within))


# Answers ------------------------------------------------------------------------------------------------------------
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Of each member, whether it is so and whether it is not so; neither where nobody knows."""

    yes: Mask
    no: Mask


def fits(query: Query, block: Block) -> Mask:
    """Whether each member of a block is meant."""
    return _Asking(block).of(query).yes


class _Asking:
    """One block being asked: what was read and which saved segments were answered is kept for the other parts of the tree."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self._numbers: dict[str, tuple[NDArray[np.float64], Mask | None]] = {}
        self._known: dict[object, _Verdict] = {}

    def of(self, query: Query) -> _Verdict:
        """What each member's answer is."""
        if isinstance(query, Not):
            turned = self.of(query.part)
            return _Verdict(turned.no, turned.yes)
        if isinstance(query, And):
            parts = [self.of(part) for part in query.parts]
            return _Verdict(reduce(np.logical_and, (part.yes for part in parts)), reduce(np.logical_or, (part.no for part in parts)))
        if isinstance(query, Or):
            parts = [self.of(part) for part in query.parts]
            return _Verdict(reduce(np.logical_or, (part.yes for part in parts)), reduce(np.logical_and, (part.no for part in parts)))
        key = ("@", query.name) if isinstance(query, Saved) else query
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self.of(query.query) if isinstance(query, Saved) else self._condition(query)
        return found

    def _condition(self, query: Query) -> _Verdict:
        if isinstance(query, Compare):
            values, unknown = self._number(query.trait)
            yes = SIGNS[query.sign](values, query.value)
            return _Verdict(yes, ~yes) if unknown is None else _Verdict(yes & ~unknown, ~yes & ~unknown)
        if isinstance(query, Word):
            codes = self._block.word(query.trait)
            yes = np.isin(codes, [TRAITS[query.trait].words[word] for word in query.words])
            return _Verdict(yes, ~yes & (codes != 0))
        if isinstance(query, Flag):
            yes = np.asarray(self._block.flag(query.trait), bool)
        elif isinstance(query, Within):
            yes = np.asarray(self._block.within(query.trait, query.name), bool)
        else:
            yes = np.ones(len(self._block.members), bool)
        return _Verdict(yes, ~yes)

    def _number(self, trait: str) -> tuple[NDArray[np.float64], Mask | None]:
        """The values of a trait, and where they are not known; None where all are."""
        found = self._numbers.get(trait)
        if found is None:
            values = self._block.number(trait)
            unknown = np.isnan(values)
            found = self._numbers[trait] = values, unknown if unknown.any() else None
        return found
