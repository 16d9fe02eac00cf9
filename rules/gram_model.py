"""Models over a text's runs of characters (:mod:`rules.grams`): one byte a weight, microseconds a text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rules.grams import KINDS, LENGTHS, Grams, grams_of

_HIGHEST = 127
_SPREADS = (*LENGTHS, 3)
"""Characters from the first to the last of a run of each kind."""
_SHARES = [np.full(width, 12 // width, np.int64) for width in _SPREADS]
"""What each of a run's characters has of its weight, in twelfths, which one to four characters share without a rest."""


_DAMAGE = (BadZipFile, EOFError, AttributeError, TypeError, SyntaxError, RuntimeError, MemoryError, zlib.error, struct.error)
"""What comes of a file that was cut off, is empty or another array file, or has bytes changed within: its data, its headers, what says how it is packed."""


def read_arrays(file: Path) -> Mapping[str, Any]:
    """What a model's file keeps, by name. OSError without a file, ValueError where it is damaged or none of ours."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except _DAMAGE as error:
        raise ValueError(f"{file.name} is damaged") from error


@dataclass(frozen=True, slots=True)
class GramModel:
    """``table[bucket]`` is a run's weight in units of ``unit``; ``kinds`` says how many kinds of runs are looked at, the first of ``Grams.hashes``.

    A text's logit is ``bias`` and the sum of its runs' weights, divided by the root of its length: a long text is not surer for being long.
    """

    table: NDArray[np.int8]
    unit: float
    bias: float
    kinds: int

    @classmethod
    def rounded(cls, weights: NDArray[np.floating], bias: float, kinds: int) -> GramModel:
        """The model whose weights are nearest to these with a byte each."""
        unit = float(np.abs(weights).max()) / _HIGHEST or 1.0
        return cls(np.round(weights / unit).astype(np.int8), unit, bias, kinds)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> GramModel:
        """The model of the :meth:`arrays` in a file."""
        table = kept["table"]
        _check(table.ndim == 1, table, kinds := int(kept["kinds"]))
        return cls(table, float(kept["unit"]), float(kept["bias"]), kinds)

    def arrays(self) -> Mapping[str, Any]:
        """What a file keeps of the model."""
        return {"table": self.table, "unit": self.unit, "bias": self.bias, "kinds": self.kinds}

    def logits(self, found: Grams) -> NDArray[np.floating]:
        """For each text how much speaks for it: 0 is as likely as not."""
        logits: NDArray[np.floating] = found.sums(self._weights(found)) * (self.unit / found.roots) + self.bias
        return logits

    def heaviest(self, text: str, most: int = 3) -> Sequence[tuple[int, int]]:
        """Up to ``most`` parts of ``text`` that speak most for it, in their order and apart from each other (start, end exclusive)."""
        weighed = self._spread(text)
        speaks = np.zeros(len(weighed) + 2, bool)
        speaks[1:-1] = weighed > 0
        turns = np.flatnonzero(speaks[1:] != speaks[:-1])
        so_far = np.concatenate(((0,), np.cumsum(weighed)))[turns]
        parts = zip((so_far[::2] - so_far[1::2]).tolist(), turns[::2].tolist(), turns[1::2].tolist(), strict=True)
        return sorted((start, end) for _, start, end in sorted(parts)[:most])

    def _spread(self, text: str) -> NDArray[np.int64]:
        """What each character weighs, in twelfths: a run's weight is shared among its characters, what lies beyond the text included."""
        size = len(text)
        weighed = np.zeros(size, np.int64)
        for run, kernel in zip(self._weights(grams_of(text)), _SHARES, strict=False):
            weighed += np.convolve(run, kernel)[1 : size + 1]
        return weighed

    def _weights(self, found: Grams) -> NDArray[np.int8]:
        """What each run weighs, by kind and place."""
        return self.table.take(found.buckets(len(self.table).bit_length() - 1, self.kinds))


@dataclass(frozen=True, slots=True)
class GramNet:
    """What a sum of weights cannot say: ``table[bucket]`` is a run's place in a small space, in units of ``unit``; a text lies where its runs do
    together, and a layer of ``within`` and ``bend`` finds the regions that speak for it by ``out``.
    """

    table: NDArray[np.int8]
    unit: float
    within: NDArray[np.float32]
    bend: NDArray[np.float32]
    out: NDArray[np.float32]
    bias: float
    kinds: int

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> GramNet:
        """The model of the :meth:`arrays` in a file."""
        table, within, bend, out = (kept[f"net_{name}"] for name in ("table", "within", "bend", "out"))
        wide, hidden = within.shape
        _check(table.shape[1:] == (wide,) and bend.shape == out.shape == (hidden,), table, int(kept["net_kinds"]))
        return cls(table, float(kept["net_unit"]), within, bend, out, float(kept["net_bias"]), int(kept["net_kinds"]))

    def arrays(self) -> Mapping[str, Any]:
        """What a file keeps of the model."""
        names = ("table", "unit", "within", "bend", "out", "bias", "kinds")
        return {f"net_{name}": getattr(self, name) for name in names}

    def logits(self, found: Grams) -> NDArray[np.floating]:
        """For each text how much speaks for it: 0 is as likely as not."""
        places = self.table.take(found.buckets(len(self.table).bit_length() - 1, self.kinds), axis=0)
        scales = self.unit / found.roots
        together = (found.sums(places) * (scales if isinstance(scales, float) else scales[:, None])).astype(np.float32)
        logits: NDArray[np.floating] = np.maximum(together @ self.within + self.bend, 0) @ self.out + self.bias
        return logits


def _check(fits: bool, table: NDArray[Any], kinds: int) -> None:
    """Refuses what cannot be a table of weights with a power of two rows."""
    if not fits or table.dtype != np.int8 or len(table) < 2 or len(table) & (len(table) - 1) or not 1 <= kinds <= KINDS:
        raise ValueError("these are not the tables of a model")
