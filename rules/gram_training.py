"""Fits the models of :mod:`rules.gram_model` to labelled texts with numpy alone: the same texts and seed give the same weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.gram_model import GramModel, GramNet
from rules.grams import grams

_AT_ONCE = 4096
"""Texts whose runs are made in one go while the table is filled; bounds the memory."""
_MEMORY = 10
"""Steps that the search remembers of how the slope changed (L-BFGS)."""
_ENOUGH = 1e-5
_SHORTEST = 1e-10
_HIGHEST = 127


@dataclass(frozen=True, slots=True)
class Texts:
    """What is learned from: texts as the model will read them, how likely each is of the kind sought (0..1), and how much each counts."""

    texts: Sequence[str]
    labels: NDArray[np.float64]
    weights: NDArray[np.float64]


class Table:
    """Which of the runs that are common enough each text has: rows of column numbers, one after the other."""

    def __init__(self, texts: Sequence[str], bits: int, kinds: int, least: int) -> None:
        found = [_buckets_of(texts[at : at + _AT_ONCE], bits, kinds) for at in range(0, len(texts), _AT_ONCE)]
        runs = np.concatenate([runs for runs, _ in found])
        owners = np.repeat(np.arange(len(texts)), np.concatenate([sizes for _, sizes in found]) * kinds)
        self.counts = np.bincount(runs, minlength=1 << bits)
        self.buckets = np.flatnonzero(self.counts >= least)
        column = np.full(1 << bits, -1)
        column[self.buckets] = np.arange(len(self.buckets))
        columns = column[runs]
        kept = columns >= 0
        self.columns, self.owners = columns[kept], owners[kept]
        self.rows = len(texts)
        self.lengths = np.sqrt(np.concatenate([sizes for _, sizes in found]))

    def times(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each text the sum of its columns' values."""
        return np.bincount(self.owners, vector[self.columns], minlength=self.rows).astype(np.float64, copy=False)

    def back(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each column the sum of its texts' values."""
        return np.bincount(self.columns, vector[self.owners], minlength=len(self.buckets)).astype(np.float64, copy=False)


def fit(
    given: Texts,
    *,
    bits: int = 20,
    kinds: int = 3,
    least: int = 2,
    penalty: float = 1.0,
    steps: int = 60,
    start: NDArray[np.float64] | None = None,
    is_centred: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> GramModel:
    """The model that tells ``given`` apart best, its weights held small by ``penalty``; runs met fewer than ``least`` times weigh nothing.

    ``start`` holds the texts' logits by another model, to which this one adds; ``is_centred`` keeps the bias at 0.
    """
    table = Table(given.texts, bits, kinds, least)
    rarity = np.log((table.rows + 1) / (table.counts[table.buckets] + 1)) + 1
    lengths, offsets = table.lengths, 0.0 if start is None else start
    weights = given.weights / given.weights.mean()

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = offsets + at[-1] + table.times(at[:-1] * rarity) / lengths
        odd = weights * (_sigmoid(logits) - given.labels)
        value = float(weights @ (np.logaddexp(0, logits) - given.labels * logits) + penalty / 2 * (at[:-1] @ at[:-1]))
        slope = np.append(table.back(odd / lengths) * rarity + penalty * at[:-1], 0.0 if is_centred else odd.sum())
        return value, slope

    best = minimise(loss, np.zeros(len(table.buckets) + 1), steps, on_progress)
    dense = np.zeros(1 << bits)
    dense[table.buckets] = best[:-1] * rarity
    return GramModel.rounded(dense, float(best[-1]), kinds)


def minimise(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: NDArray[np.float64],
    steps: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Where ``loss`` (value, slope) is smallest, by L-BFGS with a line search that halves its step."""
    at = start
    value, slope = loss(at)
    past: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for step in range(steps):
        on_progress(step, steps)
        way = -_curved(slope, past)
        length = 1.0 if past else 1.0 / max(1.0, float(np.abs(slope).sum()))
        downhill = float(way @ slope)
        while True:
            there = at + length * way
            new_value, new_slope = loss(there)
            if new_value <= value + 1e-4 * length * downhill or length < _SHORTEST:
                break
            length /= 2
        moved, bent = there - at, new_slope - slope
        if float(moved @ bent) > 0:
            past = [*past[-_MEMORY + 1 :], (moved, bent)]
        gained = value - new_value
        at, value, slope = there, new_value, new_slope
        if gained < _ENOUGH * abs(value):
            break
    on_progress(steps, steps)
    return at


def _curved(slope: NDArray[np.float64], past: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """The slope as it would be if the ground were equally steep in all directions."""
    way, shares = slope.copy(), []
    for moved, bent in reversed(past):
        share = float(moved @ way) / float(moved @ bent)
        way -= share * bent
        shares.append(share)
    if past:
        moved, bent = past[-1]
        way *= float(moved @ bent) / float(bent @ bent)
    for (moved, bent), share in zip(past, reversed(shares), strict=True):
        way += moved * (share - float(bent @ way) / float(moved @ bent))
    return way


def _buckets_of(texts: Sequence[str], bits: int, kinds: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The texts' buckets one text after the other, and how many places each text has."""
    found = grams(texts)
    within = np.zeros(found.hashes.shape[1] + 1, np.intp)
    within[found.bounds[::2]] = 1
    within[found.bounds[1::2]] -= 1
    places = np.cumsum(within)[:-1] > 0
    return found.buckets(bits, kinds)[:, places].T.ravel().astype(np.intp), found.sizes


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


@dataclass(frozen=True, slots=True)
class NetShape:
    """How large a :class:`GramNet` is, and how it is trained. ``dropped`` is the share of runs that is hidden each time, so that none is relied on."""

    bits: int = 17
    kinds: int = 2
    least: int = 3
    wide: int = 32
    hidden: int = 48
    rounds: int = 5
    at_once: int = 256
    dropped: float = 0.5
    haste: float = 0.1


def fit_net(given: Texts, shape: NetShape, seed: int, on_progress: Callable[[int, int], None] = lambda done, total: None) -> GramNet:
    """The net that tells ``given`` apart, by Adagrad over small batches."""
    table = Table(given.texts, shape.bits, shape.kinds, shape.least)
    net = _Net(table, shape, np.random.default_rng(seed))
    labels, weights = given.labels.astype(np.float32), (given.weights / given.weights.mean()).astype(np.float32)
    steps = -(-table.rows // shape.at_once)
    for turn in range(shape.rounds):
        order = net.dice.permutation(table.rows)
        for step in range(steps):
            chosen = order[step * shape.at_once : (step + 1) * shape.at_once]
            net.learn(chosen, labels[chosen], weights[chosen], haste=1 - 0.7 * turn / shape.rounds)
            on_progress(turn * steps + step + 1, shape.rounds * steps)
    return net.rounded()


class _Net:
    """A :class:`GramNet` that still learns."""

    def __init__(self, table: Table, shape: NetShape, dice: np.random.Generator) -> None:
        self.table, self.shape, self.dice = table, shape, dice
        self._firsts = np.concatenate(([0], np.cumsum(np.bincount(table.owners, minlength=table.rows))))
        self._scales = (1 / table.lengths).astype(np.float32)
        self._places = (dice.normal(size=(len(table.buckets), shape.wide)) * 0.1).astype(np.float32)
        self._within = (dice.normal(size=(shape.wide, shape.hidden)) * np.sqrt(2 / shape.wide)).astype(np.float32)
        self._bend = np.zeros(shape.hidden, np.float32)
        self._out = (dice.normal(size=shape.hidden) / np.sqrt(shape.hidden)).astype(np.float32)
        self._bias = np.zeros(1, np.float32)
        self._pasts = [np.full(part.shape, 1e-6, np.float32) for part in (self._within, self._bend, self._out, self._bias)]
        self._past = np.full(len(table.buckets), 1e-6, np.float32)

    def learn(self, chosen: NDArray[np.intp], labels: NDArray[np.float32], weights: NDArray[np.float32], haste: float) -> None:
        """One step on some texts."""
        columns, owners = self._runs(chosen)
        scales = self._scales[chosen] / (1 - self.shape.dropped)
        together = _summed(owners, self._places[columns], len(chosen)) * scales[:, None]
        bent = np.maximum(together @ self._within + self._bend, 0)
        odd = (_sigmoid(bent @ self._out + self._bias[0]) - labels) * weights / len(chosen)
        odd = odd.astype(np.float32)
        back = np.outer(odd, self._out) * (bent > 0)
        moves = (together.T @ back, back.sum(axis=0), bent.T @ odd, odd.sum(keepdims=True))
        self._move_places(columns, owners, (back @ self._within.T) * scales[:, None], haste * self.shape.haste)
        for part, past, move in zip((self._within, self._bend, self._out, self._bias), self._pasts, moves, strict=True):
            past += move * move
            part -= 0.02 * haste * move / np.sqrt(past)

    def _runs(self, chosen: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The chosen texts' columns, some hidden, and which of them each belongs to."""
        counts = self._firsts[chosen + 1] - self._firsts[chosen]
        before = np.cumsum(counts) - counts
        at = np.arange(counts.sum()) + np.repeat(self._firsts[chosen] - before, counts)
        shown = self.dice.random(len(at)) >= self.shape.dropped
        return self.table.columns[at[shown]], np.repeat(np.arange(len(chosen)), counts)[shown]

    def _move_places(self, columns: NDArray[np.intp], owners: NDArray[np.intp], back: NDArray[np.float32], haste: float) -> None:
        order = np.argsort(columns, kind="stable")
        known = columns[order]
        firsts = np.flatnonzero(np.concatenate(([True], known[1:] != known[:-1]))) if len(known) else np.empty(0, np.intp)
        if not len(firsts):
            return
        rows, moves = known[firsts], np.add.reduceat(back[owners[order]], firsts, axis=0)
        self._past[rows] += (moves * moves).mean(axis=1)
        self._places[rows] -= haste * moves / np.sqrt(self._past[rows])[:, None]

    def rounded(self) -> GramNet:
        """What was learned, a byte each."""
        unit = float(np.abs(self._places).max()) / _HIGHEST
        dense = np.zeros((1 << self.shape.bits, self.shape.wide), np.int8)
        dense[self.table.buckets] = np.round(self._places / unit)
        return GramNet(dense, unit, self._within, self._bend, self._out, float(self._bias[0]), self.shape.kinds)


def _summed(owners: NDArray[np.intp], values: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """For each row the sum of the values that it owns; the owners come in their order."""
    sums = np.zeros((rows, values.shape[1]), np.float32)
    if len(owners):
        firsts = np.flatnonzero(np.concatenate(([True], owners[1:] != owners[:-1])))
        sums[owners[firsts]] = np.add.reduceat(values, firsts, axis=0)
    return sums
