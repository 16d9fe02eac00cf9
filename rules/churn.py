"""Churn: how likely it is that a member will not come back, judged by his own rhythm.

What is known of a member is on which days he spoke. Between two of them lies a gap; he has a *rhythm* (how long his gaps are and how regular) and, each
day, a small *hazard* of leaving for good without a word. Neither can be seen. Both are weighed over a grid: 82 rhythms (gaps that are regular, random,
wild, or come in bursts) × 6 hazards. How common each pair is in a community is learned from the community itself (:func:`fit`), beginning with what is
ordinary, so that ten members are judged by common sense and ten thousand by their own kind. From a member's gaps follows how well each rhythm fits him,
from his silence how much of it is left if he stayed, and how much if he left (:func:`gone`). This is the "buy till you die" family of models (Fader,
Hardie, Shang 2010) with free gaps instead of coin tosses.

Days are counted by the pace of the community (:func:`pace`): a holiday on which hardly anybody speaks is nearly no time, so it makes nobody look gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import lgamma

import numpy as np
from numpy.typing import NDArray

DAYS = 180
"""How many days back it is looked: longer ago than that, a rhythm says little of today's."""
AT_RISK = 0.7
"""Above this somebody is told."""
FITTED_BY = 4096
"""So many members are enough to learn from."""
_ORDINARY = 40.0
"""What is ordinary counts as much as so many members."""
_ROUNDS = 40
_EDGES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 18, 23, 30, 40, 55, 80, 120)
"""Gaps are counted by these lower bounds, in days."""
_LONGEST = 2 * DAYS
"""The longest gap (days of the community's pace, which may be more than those of the calendar)."""
_HAZARDS = np.array([0.0004, 0.0015, 0.005, 0.015, 0.05, 0.2])
_HAZARDS_ORDINARY = np.array([0.16, 0.26, 0.26, 0.17, 0.10, 0.05])
_MEANS = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.3, 16.0, 22.6, 32.0, 50.0, 80.0, 130.0, 220.0)
_SHAPES = (1, 3, 8)
_WIDE = ((0.6, 0.45), (0.3, 1.4), (0.1, 3.5))
"""Gaps that differ more than chance alone makes them: so often, so long against the middle one."""
_BURSTS = tuple((often, mean, shape) for often in (0.45, 0.8) for mean in (5.0, 9.0, 16.0, 30.0, 55.0) for shape in (1, 4))
_SLIPS = 0.02
"""Even the most regular has gaps that are of no rhythm, three times as long as his."""
_QUIETEST, _LOUDEST = 0.05, 1.5
_FEW = 3.0
"""So many speakers more or less on a day say nothing."""
_AROUND = 14


@dataclass(frozen=True, slots=True)
class Rhythms:
    """What is needed of members' histories, a row a member: how many gaps of each length (by bins), days from the first to the last on which he spoke,
    and days of silence since; below 0 where he never spoke. All days by the community's pace."""  # fmt: skip

    gaps: NDArray[np.uint8]
    known: NDArray[np.int16]
    silent: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.silent)

    def some(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Rhythms:
        """Some of the rows."""
        return Rhythms(self.gaps[which], self.known[which], self.silent[which])


@dataclass(frozen=True, slots=True)
class Kinds:
    """How common each rhythm with each hazard is in a community: shares, rhythms × hazards."""

    shares: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The rhythms: logarithms of how likely a gap of each bin is, and by days of silence how likely it is to be alive or gone, by rhythm and hazard."""

    fits: NDArray[np.float32]
    alive: NDArray[np.float64]
    gone: NDArray[np.float64]
    ordinary: NDArray[np.float64]


def pace(speakers: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of a day each day was, by how many spoke, oldest first: 1 an ordinary one, near 0 where nearly everybody was silent.

    Ordinary is the middle of the four weeks around it. A community that falls asleep for good is a holiday for two weeks and then its own measure.
    """
    counted = np.asarray(speakers, dtype=np.float64)
    if not len(counted):
        return counted
    padded = np.full(len(counted) + 2 * _AROUND, np.nan)
    padded[_AROUND : len(padded) - _AROUND] = counted
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    ordinary = np.nanmedian(around, axis=1)
    lengths: NDArray[np.float64] = np.clip((counted + _FEW) / (ordinary + _FEW), _QUIETEST, _LOUDEST)
    return lengths


def rhythms(spoke: NDArray[np.bool_], day_lengths: NDArray[np.float64]) -> Rhythms:
    """What follows from who spoke on which day (days × members, oldest first)."""
    days, members = spoke.shape
    clock = np.cumsum(day_lengths)
    gaps = np.zeros((members, len(_EDGES)), dtype=np.uint8)
    first, last = np.full(members, -1.0), np.full(members, -1.0)
    bins = _bins()
    for day in range(days):
        here = np.flatnonzero(spoke[day])
        before = last[here]
        again = here[before >= 0]
        if len(again):
            gap = np.clip(np.rint(clock[day] - before[before >= 0]), 1, _LONGEST).astype(np.intp)
            gaps[again, bins[gap]] += 1  # a member is in a day once, and 180 days fit into a byte
        first[here] = np.where(before < 0, clock[day], first[here])
        last[here] = clock[day]
    never = last < 0
    end = clock[-1] if days else 0.0
    silent = np.where(never, -1, np.clip(np.rint(end - last), 0, _LONGEST))
    known = np.where(never, 0, np.clip(np.rint(last - first), 0, _LONGEST))
    return Rhythms(gaps, known.astype(np.int16), silent.astype(np.int16))


def joined(parts: Sequence[Rhythms]) -> Rhythms:
    """Several as one."""
    return Rhythms(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("gaps", "known", "silent")))


def ordinary() -> Kinds:
    """What is taken for granted of a community of which nothing is known."""
    return Kinds(_grid().ordinary)


def fit(seen: Rhythms) -> Kinds:
    """How common each kind of member is in a community, from (a sample of) its members; by expectation and maximisation over the grid."""
    seen = seen.some(seen.silent >= 0)
    if len(seen) > FITTED_BY:
        seen = seen.some(np.linspace(0, len(seen) - 1, FITTED_BY).astype(np.intp))
    grid = _grid()
    if not len(seen):
        return ordinary()
    fits = _fits(seen)
    likely = (grid.alive + grid.gone)[seen.silent] * fits[:, :, None] * _stayed(seen)[:, None, :]
    flat = likely.reshape(len(seen), -1)
    prior = grid.ordinary.ravel()
    shares = prior
    for _ in range(_ROUNDS):
        weights = flat @ shares
        found = shares * (flat.T @ (1.0 / np.maximum(weights, 1e-300)))
        shares = (found + _ORDINARY * prior) / (found.sum() + _ORDINARY)
    return Kinds(shares.reshape(grid.ordinary.shape))


def gone(seen: Rhythms, kinds: Kinds) -> NDArray[np.float64]:
    """The probability that each has left for good; NaN for those who never spoke in the days that were looked at. Never falls with more silence."""
    out = np.full(len(seen), np.nan)
    spoke = np.flatnonzero(seen.silent >= 0)
    if not len(spoke):
        return out
    grid, known = _grid(), seen.some(spoke)
    fits, stayed = _fits(known), _stayed(known)
    order = np.argsort(known.silent, kind="stable")
    silent, starts = np.unique(known.silent[order], return_index=True)
    for days, rows in zip(silent, np.split(order, starts[1:]), strict=True):
        alive = ((fits[rows] @ (grid.alive[days] * kinds.shares)) * stayed[rows]).sum(axis=1)
        left = ((fits[rows] @ (grid.gone[days] * kinds.shares)) * stayed[rows]).sum(axis=1)
        out[spoke[rows]] = left / (alive + left)
    return out


def _fits(seen: Rhythms) -> NDArray[np.float32]:
    """How well each rhythm fits each member's gaps, the best as 1."""
    logs: NDArray[np.float32] = seen.gaps.astype(np.float32) @ _grid().fits
    logs -= logs.max(axis=1, keepdims=True)
    np.exp(logs, out=logs)
    return logs


def _stayed(seen: Rhythms) -> NDArray[np.float64]:
    """How likely it is by each hazard to have stayed as long as he is known."""
    table = np.exp(-np.outer(np.arange(_LONGEST + 1), _HAZARDS))
    return table[seen.known]


@cache
def _bins() -> NDArray[np.intp]:
    return np.searchsorted(_EDGES, np.arange(_LONGEST + 1), side="right") - 1


@cache
def _grid() -> _Grid:
    chances = np.array([*_regular(), *_wide(), *_bursting()])
    fits = np.add.reduceat(chances, np.array(_EDGES) - 1, axis=1)
    longer = np.clip(1.0 - np.concatenate([np.zeros((len(chances), 1)), np.cumsum(chances, axis=1)], axis=1), 1e-12, 1.0)
    days = np.arange(_LONGEST + 1)
    still = np.exp(-np.outer(days, _HAZARDS))
    left_now = still * (1.0 - np.exp(-_HAZARDS))
    alive = longer.T[:, :, None] * still[:, None, :]
    leaving = longer.T[:, :, None] * left_now[:, None, :]
    gone_by = np.concatenate([np.zeros((1, *leaving.shape[1:])), np.cumsum(leaving, axis=0)[:-1]])
    shares = np.outer(np.full(len(chances), 1 / len(chances)), _HAZARDS_ORDINARY)
    return _Grid(np.log(np.maximum(fits, 1e-9)).T.astype(np.float32), alive, gone_by, shares)


def _regular() -> Iterator[NDArray[np.float64]]:
    for mean in _MEANS:
        for shape in _SHAPES:
            yield (1 - _SLIPS) * _gap(mean, shape) + _SLIPS * _gap(3 * mean, 1)


def _wide() -> Iterator[NDArray[np.float64]]:
    for mean in _MEANS:
        yield np.sum([share * _gap(length * mean, 1) for share, length in _WIDE], axis=0)


def _bursting() -> Iterator[NDArray[np.float64]]:
    for often, mean, shape in _BURSTS:
        yield (1 - _SLIPS) * (often * _gap(1.2, 1) + (1 - often) * _gap(mean, shape)) + _SLIPS * _gap(3 * mean, 1)


def _gap(mean: float, shape: int) -> NDArray[np.float64]:
    """How likely gaps of 1, 2, … days are: an Erlang distribution, cut into days; what is longer than all lies in the last."""
    at = (np.arange(1, _LONGEST + 1) + 0.5) * shape / mean
    terms = [np.exp(k * np.log(at) - at - lgamma(k + 1)) for k in range(shape)]
    below = 1.0 - np.sum(terms, axis=0)
    below[-1] = 1.0
    return np.diff(below, prepend=0.0)
