"""A text's runs of one to four characters as numbers: what the models of abuse, mood and advertising look at, made once for all of them.

A run is known by 32 bits (a polynomial of its characters, multiplied out so that the highest bits are the best mixed ones), and a model has a
table of weights in which a run's highest bits say where to look. No list of runs is kept, so a word that nobody has seen costs nothing, and a
batch of texts is one flat array: some microseconds a text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LENGTHS = (1, 2, 3, 4)
KINDS = len(LENGTHS) + 1
"""Rows of hashes: runs of each length, then pairs of characters with one between them."""

_EDGE = "\0"
_GAP = _EDGE * len(LENGTHS)
"""Around each text, so that its first and last characters differ from those within; no run reaches from one text into the next."""
_SPREAD, _BASE, _SKIP = 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35
_MIX = np.array(
    [
        [_SPREAD, 0, 0, 0],
        [_SPREAD * _BASE, _SPREAD, 0, 0],
        [_SPREAD * _BASE**2, _SPREAD * _BASE, _SPREAD, 0],
        [_SPREAD * _BASE**3, _SPREAD * _BASE**2, _SPREAD * _BASE, _SPREAD],
        [_SPREAD * _SKIP, 0, _SPREAD, 0],
    ],
    dtype=object,
)
_MIXED: NDArray[np.uint32] = (_MIX % (1 << 32)).astype(np.uint32)
"""For each kind what the four characters from a place on are multiplied by."""


@dataclass(frozen=True, slots=True)
class Grams:
    """The runs of some texts. ``hashes[kind, at]`` is the run of that kind that begins at a place; ``bounds`` says where each text begins and
    ends (start, end, start, end …), its edge before the first character included. Of one text all places are its own.
    """

    hashes: NDArray[np.uint32]
    bounds: NDArray[np.intp]

    def buckets(self, bits: int, kinds: int = KINDS) -> NDArray[np.uint32]:
        """Where in a table of ``2 ** bits`` rows each run of the first ``kinds`` is looked up."""
        return self.hashes[:kinds] >> np.uint32(32 - bits)

    def sums(self, values: NDArray[np.integer]) -> NDArray[np.int32]:
        """For each text the sum of ``values[kind, at]`` over kinds and its places; what stands between two texts is left out."""
        summed: NDArray[np.int32]
        if len(self.bounds) == 2:
            summed = values.sum(axis=(0, 1), dtype=np.int32, keepdims=True)[0]
        else:
            summed = np.add.reduceat(values.sum(axis=0, dtype=np.int32), self.bounds, axis=0)[::2]
        return summed

    @property
    def sizes(self) -> NDArray[np.intp]:
        """For each text how many places it has: its characters and one."""
        return self.bounds[1::2] - self.bounds[::2]

    @property
    def roots(self) -> NDArray[np.float64] | float:
        """The root of each text's size; of one text as a plain number, which is ten times as fast."""
        if len(self.bounds) == 2:
            return math.sqrt(self.hashes.shape[1])
        return np.sqrt(self.sizes)


def grams(texts: Sequence[str]) -> Grams:
    """The runs of many texts, as they are: whoever asks has normalised them."""
    if len(texts) == 1:
        size = len(texts[0]) + 1
        return Grams(_hashes(f"{_EDGE}{texts[0]}{_GAP[1:]}", size), np.array((0, size)))
    joined = _EDGE + _GAP.join(texts) + _GAP
    return Grams(_hashes(joined, len(joined) - len(LENGTHS) + 1), _bounds(texts))


@lru_cache(maxsize=64)  # three models judge the same message, one after the other
def grams_of(text: str) -> Grams:
    """The runs of one text."""
    return grams((text,))


def _hashes(text: str, places: int) -> NDArray[np.uint32]:
    """The runs that begin at each of the first places: the windows of four characters overlap in the same memory."""
    windows: NDArray[np.uint32] = np.ndarray((len(LENGTHS), places), np.dtype("<u4"), text.encode("utf-32-le", "surrogatepass"), 0, (4, 4))
    return _MIXED @ windows


def _bounds(texts: Sequence[str]) -> NDArray[np.intp]:
    sizes = np.fromiter(map(len, texts), np.intp, len(texts)) + len(_GAP)
    ends = np.cumsum(sizes)
    bounds = np.empty(2 * len(texts), np.intp)
    bounds[::2] = ends - sizes
    bounds[1::2] = ends - len(_GAP) + 1
    return bounds
