"""Figures of a model, each with how far chance alone might move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DRAWS = 200
_SURE = 1.96
"""Standard deviations to each side of an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` and the 95 % interval ``low`` to ``high``, seen in ``texts`` texts."""

    name: str
    value: float
    low: float
    high: float
    texts: int

    @classmethod
    def share(cls, name: str, value: float, texts: int) -> Figure:
        """A share of ``texts``, with Wilson's interval."""
        if not texts:
            return cls(name, value, 0.0, 1.0, 0)
        middle = (value + _SURE**2 / (2 * texts)) / (1 + _SURE**2 / texts)
        side = _SURE * np.sqrt(value * (1 - value) / texts + _SURE**2 / (4 * texts**2)) / (1 + _SURE**2 / texts)
        return cls(name, value, max(0.0, float(middle - side)), min(1.0, float(middle + side)), texts)

    @classmethod
    def ranking(cls, name: str, scores: Sequence[float], labels: Sequence[float]) -> Figure:
        """How often a text of the kind sought scores above another one (the area under the curve), with an interval by drawing the texts anew."""
        given, sought = np.asarray(scores, float), np.asarray(labels, float) > 0.5
        dice = np.random.default_rng(1)
        drawn = [dice.integers(len(given), size=len(given)) for _ in range(_DRAWS)]
        low, high = np.quantile([_area(given[some], sought[some]) for some in drawn], (0.025, 0.975))
        return cls(name, _area(given, sought), float(low), float(high), len(given))


def _area(scores: NDArray[np.float64], sought: NDArray[np.bool_]) -> float:
    """The area under the ROC curve by ranks, ties shared; 0.5 where one kind is missing."""
    many, few = int(sought.sum()), int((~sought).sum())
    if not many or not few:
        return 0.5
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return float((ranks[sought].sum() - many * (many + 1) / 2) / (many * few))
