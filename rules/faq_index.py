"""The FAQ's engine room: an inverted index over every wording of every entry, in flat arrays that processes can share.

What a text's features are and what they weigh is the engine's business (``rules/faq.py``), handed in as a :class:`Scheme`. Here features are
64-bit keys; each leads to the wordings that have it. In a large layer a question opens the lists of its heavy features first, but none of a feature that
another brings along, and leaves out what could not lift a wording over the bar, so its cost grows with the hits and not with the entries. The
best are then compared over all their features. In a small one all are compared.

All is kept in a few arrays without one Python object an entry: built in memory (:meth:`Layer.of`), written as bytes (:func:`pack`) and read
from a mapped file (:func:`unpack`). An entry's own texts are decoded when they are asked for. What operators changed since lies in a second,
small layer over the first (:class:`Index`).
"""

from __future__ import annotations

import json
import math
import zlib
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import accumulate, chain, pairwise, repeat
from operator import add
from threading import Lock
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
from ahocorasick_rs import AhoCorasick
from numpy.typing import NDArray

from rules.entries import Entry
from rules.text import core, normalise, stands_alone

MOST_OPENED = 20_000
"""Places that one question looks at in the lists of its features. A list that is longer than what is left of it is passed over: so common a
feature says little, and who has it is seen when the best are compared."""
ENOUGH_OPENED = 12_000
"""Places after which no further list is opened once half of the question's weight is: only a large FAQ gets there."""
MOST_COMPARED = 64
"""Wordings that are compared over all features, the best by what the lists told."""
FEW = 40
"""Places up to which a loop over a dictionary is quicker than arrays."""
SMALL = 30_000
"""Wordings up to which a sum for each of them is quicker than a scratch that is kept."""
WORTH = 0.5
"""The part of the highest sum below which a wording is not compared, where there are very many."""
FAIR = (0.6, 0.3)
"""The parts of the highest value above which the highest few are looked for first, before all values are."""
SHORT = 0.2
"""The part of the doubt that lengthens a question's vector: the shorter it is, the less its direction proves."""
MOST_MARKED = 8
"""Kinds of people and times among a layer's entries up to which it is marked for which of them a question is."""
MOST_NAMED = 1_000
"""Entries that one keyword may name at once."""
REMEMBERED = 8_192
"""Wordings and entries a process keeps decoded, those asked for last: about 20 MB at the most."""
REMEMBERED_FEATURES = 50_000

_NONE = frozenset[int]()
_MAGIC = b"FAQINDEX"
_FORMAT = 3
_BETWEEN = "\x1f"
"""Between the words of a wording. No normalised text has it."""

Array = NDArray[Any]
Arrays = dict[str, Array]
Tally = tuple[Array, Array]
"""Where a feature adds what."""
_TYPES = {
    "keys": "<u8", "weights": "<f4", "owners": "<u4", "post_at": "<u4", "posts": "<u4",
    "word_entry": "<u4", "word_weight": "<f4", "feature_at": "<i8", "features": "<u4", "text_at": "<u4", "texts": "<u1",
    "entry_word_at": "<u4", "entry_class": "<u4", "entry_length": "<f4", "class_entry": "<u4", "row_at": "<u8", "rows": "<u1",
    "exact_keys": "<u8", "exact_entry": "<u4", "id_keys": "<u8", "id_entry": "<u4",
    "parts": "<u1", "lead_at": "<u4", "lead_second": "<u4", "lead_keyword": "<u4", "keyword_entry": "<u4", "keyword_part_at": "<i8", "keyword_part": "<u4",
}  # fmt: skip
"""Every array of a layer with its type. ``x_at`` says where in the array ``x`` the part of each number begins, and has one more at the end."""


class Scheme(Protocol):
    """What the engine makes of texts. Two schemes that differ must not share a file: their maker puts a mark of the scheme on it."""

    def cut(self, asked: str) -> Sequence[str]:
        """The words of a question's core, in their order."""

    def features(self, words: Sequence[str]) -> Iterable[str]:
        """The names of what is compared, such as words and pairs of characters."""

    def sense(self, word: str, owners: int, entries: int) -> tuple[str, float]:
        """What stands for a word of :meth:`cut`, and what it weighs when ``owners`` of so many entries have it."""

    def within(self, feature: str) -> Sequence[str]:
        """Other features that every text has which has this one."""

    def is_indexed(self, feature: str) -> bool:
        """Whether a feature leads to the wordings that have it; the others are only compared."""

    def weigh(self, feature: str, owners: int, entries: int) -> float:
        """What a feature weighs that ``owners`` of so many entries have."""


class Foreign(ValueError):
    """A file that holds no index of ours, or not the one looked for, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to ask for an entry: its words, its features by their keys, and what these weigh together."""

    entry: int
    words: tuple[str, ...]
    features: frozenset[int]
    weight: float


class Near(NamedTuple):
    """An entry that is like a question: ``likeness`` is that of its nearest wording, twice what they share over the weight of both (and a doubt);
    ``resemblance`` the cosine of the question and the centroid of all its ``wordings``."""

    entry: int
    wordings: int
    likeness: float
    resemblance: float


@lru_cache(maxsize=REMEMBERED_FEATURES)
def key(feature: str) -> int:
    """The 64-bit number that stands for a feature or another text, the same in every process."""
    return int.from_bytes(blake2b(feature.encode(errors="replace"), digest_size=8).digest(), "little")


# Building -----------------------------------------------------------------------------------------------------------
def build(entries: Iterable[Entry], scheme: Scheme, beside: Layer | None = None) -> Arrays:
    """The arrays of a layer. ``beside`` is the layer below it, whose weights hold here as well. Entries' ids are different."""
    draft = _Draft(scheme)
    for entry in entries:
        draft.add(entry)
    return draft.arrays(beside)


class _Draft:
    """Gathers entries into growing arrays; features are numbered as they come and sorted by key in the end."""

    def __init__(self, scheme: Scheme) -> None:
        self._scheme = scheme
        self._numbers: dict[str, int] = {}
        self._entries = 0
        self._words: dict[str, array[int]] = {name: array("q", [0]) for name in ("feature_at", "text_at", "entry_word_at")}
        self._word_entry = array("I")
        self._features = array("I")
        self._texts = bytearray()
        self._rows = bytearray()
        self._row_at = array("Q", [0])
        self._exact: list[tuple[int, int]] = []
        self._ids: list[tuple[int, int]] = []
        self._classes: dict[object, int] = {}
        self._class_entry = array("I")
        self._entry_class = array("I")
        self._keywords: list[tuple[int, tuple[str, ...]]] = []

    def add(self, entry: Entry) -> None:
        """The next entry with all its wordings."""
        for asked in filter(None, dict.fromkeys(map(core, (entry.question, *entry.similar)))):
            self._exact.append((key(asked), self._entries))
            self._add_wording(asked)
        self._keywords += ((self._entries, parts) for parts in map(_parts, entry.keywords) if parts)
        whom = (entry.communities, entry.role, entry.valid_from, entry.valid_to)
        if whom not in self._classes:
            self._classes[whom] = len(self._classes)
            self._class_entry.append(self._entries)
        self._entry_class.append(self._classes[whom])
        self._ids.append((key(entry.id), self._entries))
        self._rows += msgspec.msgpack.encode(entry)
        self._row_at.append(len(self._rows))
        self._words["entry_word_at"].append(len(self._word_entry))
        self._entries += 1

    def _add_wording(self, asked: str) -> None:
        words = self._scheme.cut(asked)
        numbers = self._numbers
        features = {numbers.setdefault(name, len(numbers)) for name in self._scheme.features(words)}
        if not features:
            return
        self._features.extend(features)
        self._words["feature_at"].append(len(self._features))
        self._texts += _BETWEEN.join(words).encode(errors="replace")
        self._words["text_at"].append(len(self._texts))
        self._word_entry.append(self._entries)

    def arrays(self, beside: Layer | None) -> Arrays:
        """All that was gathered, as :data:`_TYPES` says."""
        names = list(self._numbers)
        keys = np.fromiter(map(key.__wrapped__, names), "<u8", len(names))
        order = np.argsort(keys, kind="stable")
        rank = np.empty(len(names), "<u4")
        rank[order] = np.arange(len(names), dtype="<u4")
        found: Arrays = {name: np.asarray(held, _TYPES[name]) for name, held in self._words.items()}
        found |= {
            "keys": keys[order],
            "features": rank[np.asarray(self._features, "<u4")],
            "word_entry": np.asarray(self._word_entry, "<u4"),
        }
        held = _held(found, len(names))
        found["owners"] = np.bincount(held.feature, minlength=len(names)).astype("<u4")
        weights = np.fromiter(self._weights(names, found["owners"][rank], beside), "<f4", len(names))
        found["weights"] = weights[order]
        found["entry_length"] = _lengths(held, found["weights"], found["entry_word_at"])
        found |= _weights_of_words(found) | _postings(found, np.fromiter(map(self._scheme.is_indexed, names), bool, len(names))[order])
        found |= {"texts": np.frombuffer(bytes(self._texts), "<u1"), "rows": np.frombuffer(bytes(self._rows), "<u1")}
        found |= {"row_at": np.asarray(self._row_at, "<u8"), "entry_class": np.asarray(self._entry_class, "<u4")}
        found |= {"class_entry": np.asarray(self._class_entry, "<u4")}
        found |= _sorted("exact", self._exact) | _sorted("id", self._ids) | _keywords(self._keywords)
        return found

    def _weights(self, names: Sequence[str], owners: Array, beside: Layer | None) -> Iterator[float]:
        entries = self._entries + (beside.entries if beside else 0)
        for name, held in zip(names, owners.tolist(), strict=True):
            below = beside.number(key(name)) if beside else -1
            yield beside.weight(below) if beside and below >= 0 else self._scheme.weigh(name, held, entries)


def _highest(values: Array, most: int) -> Array:
    """Where the highest values are, in no order. Most are far below the highest, so few need to be put in order."""
    if len(values) <= most:
        return np.arange(len(values))
    highest = np.maximum.reduce(values)
    for part in FAIR:
        high: Array = (values >= part * highest).nonzero()[0]
        if len(high) >= most:
            return high if len(high) == most else high[values[high].argpartition(-most)[-most:]]
    return values.argpartition(-most)[-most:]


def _parts(keyword: str) -> tuple[str, ...]:
    return tuple(sorted(set(filter(None, map(normalise, keyword.split("+"))))))


@dataclass(frozen=True, slots=True)
class _Held:
    """Which entry has which feature, and in how many of its wordings."""

    entry: Array
    feature: Array
    count: Array


def _held(found: Arrays, features: int) -> _Held:
    counts = np.diff(found["feature_at"])
    pairs = np.repeat(found["word_entry"].astype("<u8"), counts) * np.uint64(max(1, features)) + found["features"]
    pairs, times = np.unique(pairs, return_counts=True)
    return _Held((pairs // np.uint64(max(1, features))).astype("<i8"), (pairs % np.uint64(max(1, features))).astype("<i8"), times)


def _lengths(held: _Held, weights: Array, entry_word_at: Array) -> Array:
    """How long the centroid of each entry's wordings is, every feature counted by its weight and the share of the wordings that have it."""
    wordings = np.diff(entry_word_at)
    parts = weights[held.feature].astype("<f8") * held.count / np.maximum(1, wordings)[held.entry]
    return np.sqrt(np.bincount(held.entry, parts * parts, minlength=len(wordings))).astype("<f4")


def _weights_of_words(found: Arrays) -> Arrays:
    sums = np.concatenate(([0.0], np.cumsum(found["weights"][found["features"]], dtype="<f8")))
    return {"word_weight": np.diff(sums[found["feature_at"]]).astype("<f4")}


def _postings(found: Arrays, is_indexed: Array) -> Arrays:
    """For each feature the wordings that have it, in rising order; none for those that are not indexed."""
    wordings = np.repeat(np.arange(len(found["word_entry"]), dtype="<u4"), np.diff(found["feature_at"]))
    kept = is_indexed[found["features"]]
    features, wordings = found["features"][kept], wordings[kept]
    counts = np.bincount(features, minlength=len(is_indexed))
    return {
        "posts": wordings[np.argsort(features, kind="stable")],
        "post_at": np.concatenate(([0], np.cumsum(counts))).astype("<u4"),
    }


def _sorted(name: str, pairs: Sequence[tuple[int, int]]) -> Arrays:
    ordered = sorted(pairs)
    return {
        f"{name}_keys": np.array([one for one, _ in ordered], "<u8"),
        f"{name}_entry": np.array([other for _, other in ordered], "<u4"),
    }


def _keywords(keywords: Sequence[tuple[int, tuple[str, ...]]]) -> Arrays:
    """One part of each keyword leads to it, the one that leads to the fewest, together with the next of these if it has more than one.

    Whether the others are there is looked up then.
    """
    names = sorted({part for _, parts in keywords for part in parts})
    numbers = {part: number for number, part in enumerate(names)}
    named = [0] * len(names)
    for _, parts in keywords:
        for part in parts:
            named[numbers[part]] += 1
    leading: list[list[tuple[int, int]]] = [[] for _ in names]
    for keyword, (_, parts) in enumerate(keywords):
        first, *others = sorted((numbers[part] for part in parts), key=lambda part: (named[part], part))
        leading[first].append((others[0] if others else first, keyword))
    led = [one for held in leading for one in sorted(held)]
    return {
        "parts": np.frombuffer("\n".join(names).encode(errors="replace"), "<u1"),
        "lead_at": np.array([0, *accumulate(map(len, leading))], "<u4"),
        "lead_second": np.array([second for second, _ in led], "<u4"),
        "lead_keyword": np.array([keyword for _, keyword in led], "<u4"),
        "keyword_entry": np.array([entry for entry, _ in keywords], "<u4"),
        "keyword_part_at": np.array([0, *accumulate(len(parts) for _, parts in keywords)], "<i8"),
        "keyword_part": np.array([numbers[part] for _, parts in keywords for part in parts], "<u4"),
    }


# As a file ----------------------------------------------------------------------------------------------------------
def pack(arrays: Arrays, label: Mapping[str, Any]) -> Iterator[bytes | memoryview]:
    """The pieces of a file: magic, length and checksum of the rest, a description with ``label``, the arrays one after the other."""
    places: dict[str, tuple[int, int]] = {}
    at = 0
    for name in _TYPES:
        places[name] = (at, arrays[name].nbytes)
        at += _padded(arrays[name].nbytes)
    described = json.dumps({"label": dict(label), "places": places, "size": at}).encode()
    described += b" " * (_padded(len(described)) - len(described))
    pieces: list[bytes | memoryview] = [described]
    for name, type in _TYPES.items():
        plain = np.ascontiguousarray(arrays[name], type)
        pieces += [plain.data.cast("B") if plain.nbytes else b"", bytes(_padded(plain.nbytes) - plain.nbytes)]
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    yield _MAGIC + _FORMAT.to_bytes(4, "little") + len(described).to_bytes(4, "little") + checksum.to_bytes(8, "little")
    yield from pieces


def unpack(held: memoryview) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a file, as views into it, and its label. Raises Foreign unless every byte is as it was written."""
    begin = len(_MAGIC) + 16
    if len(held) < begin or bytes(held[:8]) != _MAGIC or int.from_bytes(held[8:12], "little") != _FORMAT:
        raise Foreign("no index of this format")
    if zlib.crc32(held[begin:]) != int.from_bytes(held[16:24], "little"):
        raise Foreign("the checksum does not fit")
    arrays_at = begin + int.from_bytes(held[12:16], "little")
    try:
        described = json.loads(bytes(held[begin:arrays_at]))
        arrays = {name: _view(held, arrays_at, name, described["places"][name]) for name in _TYPES}
        return arrays, dict(described["label"])
    except (ValueError, KeyError, TypeError) as error:  # written by a program that is not ours, with a right checksum
        raise Foreign("the description does not fit") from error


def _view(held: memoryview, begin: int, name: str, place: Sequence[int]) -> Array:
    at, size = place
    if at < 0 or size < 0 or begin + at + size > len(held):
        raise ValueError(name)
    return np.frombuffer(held[begin + at : begin + at + size], _TYPES[name])


def _padded(size: int) -> int:
    return -(-size // 8) * 8


# Asking -------------------------------------------------------------------------------------------------------------
class Layer:
    """The arrays of some entries, and what can be asked of them. Never changed: threads and processes share it."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self.entries = len(arrays["entry_class"])
        self.wordings = len(arrays["word_entry"])
        self.features = len(arrays["keys"])
        self.classes = len(arrays["class_entry"])
        self.is_small = self.wordings <= SMALL
        self._view = {name: held.data for name, held in arrays.items()}  # a number out of a plain view costs a third of what numpy asks
        self._decode = msgspec.msgpack.Decoder(Entry).decode
        self._scratch: list[_Scratch] = []
        self._lock = Lock()
        self._automaton: AhoCorasick | None = None
        self.entry = lru_cache(REMEMBERED)(self._read_entry)
        self.wording = lru_cache(REMEMBERED)(self._read_wording)

    @classmethod
    def of(cls, entries: Iterable[Entry], scheme: Scheme, beside: Layer | None = None) -> Layer:
        """A layer in memory."""
        return cls(build(entries, scheme, beside))

    def number(self, wanted: int) -> int:
        """The number of a feature by its key, or -1."""
        if self.is_small:
            return self._numbers.get(wanted, -1)
        keys = self._view["keys"]
        at = bisect_left(keys, wanted)
        return at if at < len(keys) and keys[at] == wanted else -1

    @cached_property
    def _numbers(self) -> dict[int, int]:
        """The numbers of all features by their keys: a third of what a search among them costs, and about 100 bytes a feature."""
        return {wanted: number for number, wanted in enumerate(self._arrays["keys"].tolist())}

    def weight(self, number: int) -> float:
        """What a feature weighs."""
        return float(self._view["weights"][number])

    def owners(self, number: int) -> int:
        """How many entries have a feature."""
        return int(self._view["owners"][number])

    def find_id(self, id: str) -> int | None:
        """The number of the entry with this id."""
        return next((number for number in self._equal("id", key(id)) if self.entry(number).id == id), None)

    def exact(self, asked: int) -> list[int]:
        """The entries one of whose questions has this core, by its key."""
        keys = self._view["exact_keys"]
        at = bisect_left(keys, asked)
        return list(dict.fromkeys(self._equal("exact", asked))) if at < len(keys) and keys[at] == asked else []

    def entry_of(self, wording: int) -> int:
        """The entry that a wording asks for."""
        return int(self._view["word_entry"][wording])

    def classes_of(self, entries: Array) -> Array:
        """For each entry a number that it shares with all that are for the same people at the same time."""
        return self._arrays["entry_class"][entries]

    @cached_property
    def is_marked(self) -> bool:
        """Whether it is cheap to find out which classes are open: they are few, and none depends on a role, which may have to be looked up."""
        return self.classes <= MOST_MARKED and all(self.of_class(number).role == "member" for number in range(self.classes))

    def class_of(self, entry: int) -> int:
        """The class of one entry."""
        return int(self._view["entry_class"][entry])

    def of_class(self, number: int) -> Entry:
        """One entry of a class."""
        return self.entry(self._view["class_entry"][number])

    def wordings_of(self, entry: int) -> range:
        """The wordings of an entry."""
        at = self._view["entry_word_at"]
        return range(at[entry], at[entry + 1])

    @cached_property
    def pairs(self) -> frozenset[str]:
        """The pairs of neighbouring characters in all wordings, for small layers: made at the first question that needs them, for all at once."""
        at, texts = self._view["text_at"], bytes(self._view["texts"])
        wordings = [texts[start:end].decode().replace(_BETWEEN, "") for start, end in pairwise(at)]
        return frozenset(chain.from_iterable([map(add, wording, wording[1:]) for wording in wordings]))

    def texts_of(self, entry: int, most: int) -> list[str]:
        """The first ``most`` wordings of an entry, each as its words joined."""
        held = self.wordings_of(entry)[:most]
        at, texts = self._view["text_at"], self._view["texts"]
        return [bytes(texts[at[each] : at[each + 1]]).decode().replace(_BETWEEN, "") for each in held]

    def search(self, asked: Asked, doors: Doors) -> list[tuple[int, float]]:
        """Wordings with the weight they share with the question, most alike first."""
        lists = self._opened(asked)
        if not lists:
            return []
        if sum(end - start for _, start, end in lists) <= FEW:
            return self._search_few(lists, asked, doors)
        return self._search_many(lists, asked, doors)

    def nearest_of_all(self, tallies: Sequence[Tally], base: float, length: float, most: int, doors: Doors) -> list[Near]:
        """The entries most like a question with these tallies, compared with everything there is; right when every feature is indexed.

        ``base`` is added to a wording's own weight, ``length`` is that of the question's own vector.
        """
        each_places, each_values = zip(*tallies, strict=True)
        places, values = np.concatenate(each_places, dtype="<i8"), np.concatenate(each_values)
        if self._is_of_single_wordings:
            return self._nearest_of_singles(places, values, base, most, doors)
        sums = np.bincount(places, values, self.wordings + self.entries)
        likeness = sums[: self.wordings] / (self._weights_of_words + base)
        alike = sums[self.wordings :]
        if not doors.are_all_open:
            alike *= doors.are_open(np.arange(self.entries))
            likeness *= alike[self._arrays["word_entry"]] > 0.0
        best: dict[int, float] = {}
        top = _highest(likeness, 2 * most)
        for entry, alike_to in zip(self._arrays["word_entry"][top].tolist(), likeness[top].tolist(), strict=True):
            if alike_to > best.get(entry, 0.0):
                best[entry] = alike_to
        at = self._view["entry_word_at"]
        for entry in _highest(alike, most // 2).tolist():
            if entry not in best and (alike_to := max(likeness[at[entry] : at[entry + 1]].tolist(), default=0.0)):
                best[entry] = alike_to
        resemblance = alike.item
        return [Near(entry, at[entry + 1] - at[entry], 2.0 * one, resemblance(entry) / length) for entry, one in best.items()]

    def _nearest_of_singles(self, places: Array, values: Array, base: float, most: int, doors: Doors) -> list[Near]:
        """The same where every entry has one wording: then its likeness says all."""
        likeness: Array = np.bincount(places, values, self.wordings) / (self._weights_of_words + base)
        if not doors.are_all_open:
            likeness *= doors.are_open(np.arange(self.entries))
        top = _highest(likeness, most)
        return [Near(entry, 1, 2.0 * one, 0.0) for entry, one in zip(top.tolist(), likeness[top].tolist(), strict=True) if one]

    @cached_property
    def _is_of_single_wordings(self) -> bool:
        return self.wordings == self.entries and bool((np.diff(self._arrays["entry_word_at"]) == 1).all())

    @cached_property
    def _weights_of_words(self) -> Array:
        """The weights of all wordings, in the type that sums have."""
        return self._arrays["word_weight"].astype("<f8")

    def tally(self, number: int) -> Tally:
        """What a feature adds, and where: its weight to each wording that has it, and after the wordings its part of the centroid to their entries.

        The latter only if there are entries with several wordings.
        """
        begins, places, values = self._tallies
        start, end = begins[number], begins[number + 1]
        return places[start:end], values[start:end]

    @cached_property
    def _tallies(self) -> tuple[memoryview, Array, Array]:
        """Where the tally of each feature begins, and all of them: made at the first question, for all at once.

        Values are of the type that sums have. Places are not: what is seldom in the processor's cache costs less to read when it is half as long.
        """
        arrays = self._arrays
        counts = np.diff(arrays["post_at"].astype("<i8"))
        places = [arrays["posts"].astype("<i4")]
        values = [np.repeat(arrays["weights"].astype("<f8"), counts)]
        if self._is_of_single_wordings:
            return self._view["post_at"], places[0], values[0]
        features = np.repeat(np.arange(self.features), counts)
        pairs, times = np.unique(features * self.entries + arrays["word_entry"][places[0]], return_counts=True)
        owned, entries = pairs // self.entries, pairs % self.entries
        lengths = arrays["entry_length"].astype("<f8") * np.diff(arrays["entry_word_at"])
        places.append((entries + self.wordings).astype("<i4"))
        values.append(times * arrays["weights"].astype("<f8")[owned] ** 2 / np.where(lengths > 0.0, lengths, 1.0)[entries])
        order = np.argsort(np.concatenate((features, owned)), kind="stable")
        begins = np.concatenate(([0], np.cumsum(counts + np.bincount(owned, minlength=self.features))))
        return begins.data, np.concatenate(places)[order], np.concatenate(values)[order]

    def nearest(self, asked: Asked, length: float, doors: Doors) -> list[Near]:
        """The entries most like the question, of those that the lists of the heavier features lead to. ``length`` is that of its own vector."""
        entries, weighed = self._view["word_entry"], self._view["word_weight"]
        best: dict[int, float] = {}
        for place, shared in self.search(asked, doors):
            likeness = 2.0 * shared / (asked.base + weighed[place])
            if likeness > best.get(entries[place], 0.0):
                best[entries[place]] = likeness
        found = sorted(best, key=lambda entry: -best[entry])[: asked.most // 2]
        alike = self._resembles(found, asked, length) if found else []
        return [Near(entry, len(self.wordings_of(entry)), best[entry], each) for entry, each in zip(found, alike, strict=True)]

    def _resembles(self, entries: Sequence[int], asked: Asked, length: float) -> list[float]:
        at = self._view["entry_word_at"]
        spans = [(at[entry], at[entry + 1]) for entry in entries]
        counts = np.array([end - start for start, end in spans])
        places = np.concatenate([np.arange(start, end) for start, end in spans])
        scratch = self._take_scratch()
        shared = self._compare(places, asked.numbers, asked.weights * asked.weights, scratch)
        self._scratch.append(scratch)
        sums = np.add.reduceat(shared, np.cumsum(counts) - counts) / counts
        return list((sums / (self._arrays["entry_length"][list(entries)] * length)).tolist())

    def keywords_in(self, plain: str, doors: Doors) -> dict[int, set[int]]:
        """The entries one of whose keywords is in the normalised text, with the places in it that these cover."""
        matches = (self._automaton or self.read_keywords()).find_matches_as_indexes(plain, overlapping=True)
        if not matches:
            return {}
        spans: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for which, start, end in matches:
            if (plain[start] > "\x7f" and plain[end - 1] > "\x7f") or stands_alone(plain, start, end):
                spans[which].append((start, end))
        covered: defaultdict[int, set[int]] = defaultdict(set)
        for lead in spans:
            for entry, parts in self._led_by(lead, spans, doors):
                for part in parts:
                    for start, end in spans[part]:
                        covered[entry].update(range(start, end))
        return covered

    def read_keywords(self) -> AhoCorasick:
        """The automaton of all keywords; made once, whichever thread comes first. Each process has its own."""
        with self._lock:
            if self._automaton is None:
                whole = bytes(self._view["parts"]).decode()
                self._automaton = AhoCorasick(whole.split("\n") if whole else [])
            return self._automaton

    def _equal(self, name: str, wanted: int) -> Iterator[int]:
        keys, entries = self._view[f"{name}_keys"], self._view[f"{name}_entry"]
        at = bisect_left(keys, wanted)
        while at < len(keys) and keys[at] == wanted:
            yield entries[at]
            at += 1

    def _opened(self, asked: Asked) -> list[tuple[float, int, int]]:
        """The lists to be opened, as beginning and end, each with its feature's weight: the heaviest first, until the rest lifts nothing."""
        at = self._view["post_at"]
        lists = [(weight, at[number], at[number + 1]) for number, weight in asked.leading if at[number] != at[number + 1]]
        lists.sort(key=lambda each: (-each[0], each[2] - each[1]))
        unopened = sum(weight for weight, _, _ in lists)
        half = unopened / 2.0
        opened: list[tuple[float, int, int]] = []
        size = 0
        for weight, start, end in lists:
            if unopened < asked.bar or (size > ENOUGH_OPENED and unopened < half):
                break
            if not opened or size + end - start <= MOST_OPENED:
                opened.append((weight, start, end))
                unopened -= weight
                size += end - start
        return opened

    def _search_few(self, lists: list[tuple[float, int, int]], asked: Asked, doors: Doors) -> list[tuple[int, float]]:
        sums: dict[int, float] = {}
        before = sums.get
        posts = self._view["posts"]
        for weight, start, end in lists:
            for place in posts[start:end].tolist():
                sums[place] = before(place, 0.0) + weight
        entries, weighed = self._view["word_entry"], self._view["word_weight"]
        places = list(sums) if doors.are_all_open else [place for place in sums if doors.is_open(entries[place])]
        places.sort(key=lambda place: (-sums[place] / (asked.base + weighed[place]), place))
        full = [(place, asked.shares(self.wording(place).features)) for place in places[: asked.most]]
        return sorted(full, key=lambda one: (-one[1] / (asked.base + weighed[one[0]]), one[0]))

    def _search_many(self, lists: list[tuple[float, int, int]], asked: Asked, doors: Doors) -> list[tuple[int, float]]:
        scratch = self._take_scratch()
        places, sums = self._gather(lists, scratch)
        if not doors.are_all_open:
            kept = doors.are_open(self._arrays["word_entry"][places])
            places, sums = places[kept], sums[kept]
        weighed = self._arrays["word_weight"]
        compared = max(asked.most, MOST_COMPARED)
        if len(places) > compared:
            places = places[np.argpartition(-sums / (asked.base + weighed[places]), compared)[:compared]]
        found: list[tuple[int, float]] = []
        if len(places):
            sums = self._compare(places, asked.numbers, asked.weights, scratch)
            best = np.lexsort((places, -sums / (asked.base + weighed[places])))[: asked.most]
            found = list(zip(places[best].tolist(), sums[best].tolist(), strict=True))
        self._scratch.append(scratch)
        return found

    def _take_scratch(self) -> _Scratch:
        try:
            return self._scratch.pop()
        except IndexError:  # the first question, or other threads are asking as well
            sums = np.zeros(self.wordings if self.wordings > SMALL else 0, "<f4")
            return _Scratch(sums, np.zeros(len(self._arrays["keys"]), "<f4"))

    def _gather(self, lists: list[tuple[float, int, int]], scratch: _Scratch) -> tuple[Array, Array]:
        """The wordings in the lists, once each, with the sum of the weights; of very many only those with a fair part of the highest sum."""
        posts = self._arrays["posts"]
        if self.wordings <= SMALL:
            weights = np.repeat([weight for weight, _, _ in lists], [end - start for _, start, end in lists])
            gathered = np.bincount(np.concatenate([posts[start:end] for _, start, end in lists]), weights)
            found = np.flatnonzero(gathered)
            return found, gathered[found]
        sums = scratch.by_wording
        # the type that numpy need not turn into another
        places = np.concatenate([posts[start:end] for _, start, end in lists], dtype="<i8")
        np.add.at(sums, places, np.repeat(np.array([weight for weight, _, _ in lists], "<f4"), [end - start for _, start, end in lists]))
        gathered = sums.take(places)
        high = np.flatnonzero(gathered >= WORTH * gathered.max())
        found, gathered = places[high], gathered[high]
        sums[found] = marks = np.arange(len(found), dtype="<f4")
        once = sums[found] == marks  # of several marks in one place the last one stays
        sums[places] = 0.0
        return found[once], gathered[once]

    def _compare(self, places: Array, numbers: Array, weights: Array, scratch: _Scratch) -> Array:
        """What each wording shares with the question over all features."""
        at = self._arrays["feature_at"]
        starts = at[places]
        counts = at[places + 1] - starts
        ends = np.cumsum(counts)
        begins = ends - counts
        features = self._arrays["features"][np.arange(ends[-1]) + np.repeat(starts - begins, counts)]
        scratch.by_feature[numbers] = weights
        sums = np.add.reduceat(scratch.by_feature[features], begins)
        scratch.by_feature[numbers] = 0.0
        return sums

    def _led_by(self, lead: int, spans: Mapping[int, object], doors: Doors) -> Iterator[tuple[int, Sequence[int]]]:
        """The entries of the keywords that a part leads to and whose other parts are there too, with all these parts."""
        view = self._view
        seconds, keywords, entries = view["lead_second"], view["lead_keyword"], view["keyword_entry"]
        places, parts = view["keyword_part_at"], view["keyword_part"]
        start, end = view["lead_at"][lead], view["lead_at"][lead + 1]
        for second in spans if start < end else ():
            at = bisect_left(seconds, second, start, end)
            last = min(end, at + MOST_NAMED)
            while at < last and seconds[at] == second:
                number = keywords[at]
                needed = parts[places[number] : places[number + 1]].tolist()
                if (len(needed) < 3 or all(map(spans.__contains__, needed))) and doors.is_open(entries[number]):
                    yield entries[number], needed
                at += 1

    def _read_entry(self, number: int) -> Entry:
        at = self._view["row_at"]
        return self._decode(self._view["rows"][at[number] : at[number + 1]])

    def _read_wording(self, number: int) -> Wording:
        view = self._view
        start, end = view["text_at"][number], view["text_at"][number + 1]
        words = tuple(bytes(view["texts"][start:end]).decode().split(_BETWEEN))
        start, end = view["feature_at"][number], view["feature_at"][number + 1]
        features = frozenset(map(view["keys"].__getitem__, view["features"][start:end]))
        return Wording(view["word_entry"][number], words, features, view["word_weight"][number])


@dataclass(frozen=True, slots=True)
class _Scratch:
    """Room for sums, all zeros between two questions; one for each thread that asks at the same time."""

    by_wording: Array
    by_feature: Array


@dataclass(frozen=True)
class Asked:
    """A question as one layer sees it: ``known`` are the numbers of the features it has, with their weights, ``leading`` those whose lists may be
    opened, with what they count then; ``base`` is added to a wording's own weight when likeness is reckoned, ``bar`` the least weight worth
    finding, ``most`` how many wordings are wanted."""

    known: Sequence[tuple[int, float]]
    leading: Sequence[tuple[int, float]]
    by_key: Mapping[int, float]
    base: float
    bar: float
    most: int

    @cached_property
    def numbers(self) -> Array:
        """The numbers of the features that the layer has."""
        return np.array([number for number, _ in self.known], "<i8")

    @cached_property
    def weights(self) -> Array:
        """Their weights, in the same order."""
        return np.array([weight for _, weight in self.known], "<f4")

    def shares(self, features: frozenset[int]) -> float:
        """The weight of what a wording has in common with the question."""
        return sum(map(self.by_key.__getitem__, self.by_key.keys() & features))


class Doors:
    """Which entries of a layer may be said. Entries for the same people at the same time share the answer, so it is found out once for all."""

    def __init__(self, layer: Layer, is_open: Callable[[Entry], bool], gone: frozenset[int] = frozenset()) -> None:
        self._layer = layer
        self._is_open = is_open
        self._gone = gone
        self._by_class: dict[int, bool] = {}
        self.are_all_open = not gone and layer.classes == 1 and self._is_class_open(0)

    def is_open(self, entry: int) -> bool:
        """Whether this entry may be said."""
        return entry not in self._gone and self._is_class_open(self._layer.class_of(entry))

    def are_open(self, entries: Array) -> Array:
        """The same of many, as an array."""
        classes, where = np.unique(self._layer.classes_of(entries), return_inverse=True)
        kept = np.fromiter(map(self._is_class_open, classes.tolist()), bool, len(classes))[where]
        return kept & ~np.isin(entries, np.fromiter(self._gone, "<u4", len(self._gone))) if self._gone else kept

    @property
    def mark(self) -> int | None:
        """A number that is the same for all to whom the same entries may be said; None when it would cost too much to find."""
        if self.are_all_open:
            return -1
        if not self._layer.is_marked:
            return None
        return sum([self._is_class_open(number) << number for number in range(self._layer.classes)])

    def _is_class_open(self, number: int) -> bool:
        found = self._by_class.get(number)
        if found is None:
            found = self._by_class[number] = self._is_open(self._layer.of_class(number))
        return found


class _Known(dict[str, "Feature"]):
    """Features by their names, found when first asked for. Emptied when full: to keep an order, as a cache does, costs a fiftieth of a question."""

    def __init__(self, find: Callable[[str], Feature]) -> None:
        self._find = find

    def __missing__(self, name: str) -> Feature:
        if len(self) >= REMEMBERED_FEATURES:
            self.clear()
        found = self[name] = self._find(name)
        return found


class Index:
    """All entries in force: a base, and over it a small layer of what was changed since. Numbers go on from the one to the other.

    ``changes`` is everything that differs from the base: id → entry, or None where it was taken away.
    """

    def __init__(self, scheme: Scheme, base: Layer, changes: Mapping[str, Entry | None] | None = None) -> None:
        self.scheme = scheme
        self.base = base
        self._changes = dict(changes or {})
        self._gone = frozenset(number for number in map(base.find_id, self._changes) if number is not None)
        above = [entry for entry in self._changes.values() if entry is not None]
        self._layers: tuple[Layer, ...] = (base, Layer.of(above, scheme, base)) if above else (base,)
        self.entries = sum(layer.entries for layer in self._layers)
        """How many numbers entries have, those gone included."""
        self.wordings = sum(layer.wordings for layer in self._layers)
        self._known = _Known(self._find_feature)
        self._feature = self._known.__getitem__

    @classmethod
    def of(cls, entries: Iterable[Entry], scheme: Scheme) -> Index:
        """An index in memory, of this process alone."""
        return cls(scheme, Layer.of(entries, scheme))

    def changed(self, changes: Mapping[str, Entry | None]) -> Index:
        """The index with more changes: id → entry, or None to take it away. The base is the same, so the cost is that of all changes to it."""
        return Index(self.scheme, self.base, self._changes | dict(changes))

    def all(self) -> Iterator[Entry]:
        """Every entry in force, a changed one in its old place, new ones in the end."""
        told = set()
        for number in range(self.base.entries):
            entry = self.base.entry(number)
            if number not in self._gone:
                yield entry
            elif (above := self._find_above(entry.id)) is not None:
                told.add(entry.id)
                yield above
        for layer in self._layers[1:]:
            yield from (entry for entry in map(layer.entry, range(layer.entries)) if entry.id not in told)

    def find(self, id: str) -> Entry | None:
        """The entry of this id."""
        above = self._find_above(id)
        if above is not None:
            return above
        number = self.base.find_id(id)
        return None if number is None or number in self._gone else self.base.entry(number)

    def _find_above(self, id: str) -> Entry | None:
        found = ((layer, layer.find_id(id)) for layer in self._layers[1:])
        return next((layer.entry(number) for layer, number in found if number is not None), None)

    def opened(self, is_open: Callable[[Entry], bool], *, without: str = "") -> Opened:
        """Who is asking, made ready for the calls below. ``is_open`` may look at communities, role and validity only.

        ``without`` names an entry that is passed over.
        """
        gone: tuple[frozenset[int], ...] = (self._gone, _NONE)
        if without:
            found = [layer.find_id(without) for layer in self._layers]
            gone = tuple([before if number is None else before | {number} for before, number in zip(gone, found, strict=False)])
        return Opened(list(map(Doors, self._layers, repeat(is_open), gone)), self.base.entries)

    def entry(self, number: int) -> Entry:
        """An entry by its number."""
        return self.base.entry(number) if number < self.base.entries else self._layers[1].entry(number - self.base.entries)

    def entry_of(self, wording: int) -> int:
        """The number of the entry that a wording asks for."""
        below = self.base.wordings
        return self.base.entry_of(wording) if wording < below else self._layers[1].entry_of(wording - below) + self.base.entries

    def wording(self, number: int) -> Wording:
        """A wording by its number."""
        if number < self.base.wordings:
            return self.base.wording(number)
        found = self._layers[1].wording(number - self.base.wordings)
        return replace(found, entry=found.entry + self.base.entries)

    def wordings_of(self, entry: int) -> range:
        """The numbers of an entry's wordings."""
        if entry < self.base.entries:
            return self.base.wordings_of(entry)
        found = self._layers[1].wordings_of(entry - self.base.entries)
        return range(found.start + self.base.wordings, found.stop + self.base.wordings)

    def texts_of(self, entry: int, most: int) -> list[str]:
        """The first ``most`` wordings of an entry, each as its words joined."""
        if entry < self.base.entries:
            return self.base.texts_of(entry, most)
        return self._layers[1].texts_of(entry - self.base.entries, most)

    def features(self, words: Sequence[str]) -> list[Feature]:
        """The features of a text of these words, each once."""
        return list(map(self._feature, self.scheme.features(words)))

    def weight(self, feature: str) -> float:
        """What a feature weighs, as the scheme says; also one that no entry has."""
        return self._feature(feature).weight

    def owners(self, feature: str) -> int:
        """How many entries have the feature; 0 when no entry knows it."""
        return self._feature(feature).owners

    def exact(self, asked: str, opened: Opened) -> list[int]:
        """The entries one of whose questions has this very core."""
        found = []
        wanted = key.__wrapped__(asked)
        begin = 0
        for layer, doors in zip(self._layers, opened.doors, strict=True):
            if same := layer.exact(wanted):
                found += [entry + begin for entry in same if doors.is_open(entry)]
            begin += layer.entries
        return found

    def keywords_in(self, plain: str, opened: Opened) -> dict[int, set[int]]:
        """The entries one of whose keywords is in the normalised text, with the places in it that these cover."""
        found: dict[int, set[int]] = {}
        begin = 0
        for layer, doors in zip(self._layers, opened.doors, strict=True):
            if covered := layer.keywords_in(plain, doors):
                found |= {entry + begin: places for entry, places in covered.items()} if begin else covered
            begin += layer.entries
        return found

    def search(
        self, weights: Mapping[str, float], opened: Opened, *, bar: float, most: int = 48, doubt: float = 1.0
    ) -> list[tuple[int, float]]:
        """Wordings with the weight they share with a question, most alike first: by shared weight over that of both and ``doubt``.

        ``weights`` has the question's features, ``bar`` is the weight below which a wording is not worth finding. No more than ``most`` of
        each layer. A wording whose only common features are very common ones may be missed.
        """
        features = [(self._feature(name), weight) for name, weight in weights.items()]
        by_key = {feature.key: weight for feature, weight in features}
        base = sum(weights.values()) + doubt
        found: list[tuple[int, float]] = []
        begin = 0
        for at, layer in enumerate(self._layers):
            known = [(feature.numbers[at], weight) for feature, weight in features if feature.numbers[at] >= 0]
            hits = layer.search(Asked(known, known, by_key, base, bar, most), opened.doors[at])
            found += [(place + begin, shared) for place, shared in hits] if begin else hits
            begin += layer.wordings
        return found

    def nearest(self, features: Sequence[Feature], opened: Opened, *, bar: float, most: int, doubt: float) -> list[Near]:
        """The entries most like a question with these features, in no order, no more than ``most`` of each layer. Needs every feature indexed.

        ``bar`` is the part of the question's weight below which a wording is not worth finding among very many, ``doubt`` is added to the
        weight of both.
        """
        weights = [feature.weight for feature in features]
        total = sum(weights)
        length = math.hypot(*weights, math.sqrt(doubt * SHORT))
        found: list[Near] = []
        begin = 0
        for at, layer in enumerate(self._layers):
            near: list[Near] = []
            if layer.is_small:
                tallies = [tally for feature in features if (tally := feature.tallies[at])]
                near = layer.nearest_of_all(tallies, total + doubt, length, most, opened.doors[at]) if tallies else []
            elif known := [(feature.numbers[at], feature.weight) for feature in features if feature.numbers[at] >= 0]:
                by_key = {feature.key: feature.weight for feature in features}
                leading = self._leading(features, at)
                near = layer.nearest(Asked(known, leading, by_key, total + doubt, bar * total, 2 * most), length, opened.doors[at])
            found += [each._replace(entry=each.entry + begin) for each in near] if begin else near
            begin += layer.entries
        return found

    @cached_property
    def knows_pair(self) -> Callable[[str], bool]:
        """Says whether some entry has a pair of neighbouring characters: in large layers by the scheme's feature ``~`` and the pair."""
        if all(layer.is_small for layer in self._layers):
            return frozenset[str]().union(*[layer.pairs for layer in self._layers]).__contains__
        return lru_cache(REMEMBERED_FEATURES)(self._find_pair)

    def _find_pair(self, pair: str) -> bool:
        name = f"~{pair}"
        if (known := self._known.get(name)) is not None:  # most are asked about right after they were looked up
            return known.owners > 0
        wanted = key.__wrapped__(name)
        return any(layer.number(wanted) >= 0 for layer in self._layers)

    def _leading(self, features: Sequence[Feature], at: int) -> list[tuple[int, float]]:
        """The features of a large layer by which a question's wordings are found: none that another one brings along, which counts for it.

        So a pair of characters stands for them both, in a list that is much shorter than theirs.
        """
        weights = {feature.name: feature.weight for feature in features}
        led = set(chain.from_iterable([feature.within for feature in features if feature.within and feature.numbers[at] >= 0]))
        return [
            (feature.numbers[at], feature.weight + sum([weights[other] for other in feature.within]) / 2.0)
            for feature in features
            if feature.numbers[at] >= 0 and feature.name not in led
        ]

    def _find_feature(self, name: str) -> Feature:
        wanted = key.__wrapped__(name)
        numbers, tallies, owners, weight = [], [], 0, None
        for layer in self._layers:
            number = layer.number(wanted)
            numbers.append(number)
            tallies.append(layer.tally(number) if number >= 0 and layer.is_small else None)
            if number >= 0:
                owners += layer.owners(number)
                weight = layer.weight(number) if weight is None else weight
        if weight is None:
            weight = self.scheme.weigh(name, 0, self.entries)
        return Feature(name, wanted, tuple(numbers), tuple(tallies), owners, weight, tuple(self.scheme.within(name)))


class Feature(NamedTuple):
    """A feature, its number in each layer (-1: not there) and its tally in the small ones, its owners in all, its weight, and what it brings along."""

    name: str
    key: int
    numbers: tuple[int, ...]
    tallies: tuple[Tally | None, ...]
    owners: int
    weight: float
    within: tuple[str, ...]


class Opened(NamedTuple):
    """The doors of each layer for one question; called with an entry's number, says whether it may be said."""

    doors: Sequence[Doors]
    below: int

    @property
    def marks(self) -> tuple[int | None, ...]:
        """The marks of the doors: an index answers those alike who have the same, if none is None."""
        return tuple([each.mark for each in self.doors])

    def __call__(self, entry: int) -> bool:
        return self.doors[0].is_open(entry) if entry < self.below else self.doors[1].is_open(entry - self.below)
