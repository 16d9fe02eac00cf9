"""KOC: whose word counts among members, from who thanked whom.

Every relation (thanks, a featured post, a newcomer who stayed) is an edge from giver to taker that loses half its weight in :data:`HALF_LIFE` days. A
member's *influence* is what others hand on to him: each speaks with a voice that grows with the days on which he spoke himself, and whoever is listened
to hands on a part of what he got to those whom he thanks (PageRank, Page et al. 1999, with voices that are not all alike and a walk that soon ends). What
one member says of another again and again counts with falling gain, what two say of each other mostly once. So a thousand accounts of yesterday count
little, and a circle that thanks itself gets hardly more than it brings.

All is linear in the voices: thanks from somebody who did not thank before lower nobody's influence.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HALF_LIFE = 45
"""Days in which a relation loses half of its weight: sooner, and chance decides; later, and who was helpful once stays on top (docs/member-models.md)."""
FADED = 0.02
"""A relation below this is forgotten: one thank of more than eight months ago."""
HANDED_ON = 0.2
"""How much of the influence that somebody has goes on to those whom he thanks."""
RETURNED = 0.7
"""How much is left of what two members thank each other for, if it is little; of much, less and less."""
OFTEN = 5.0
"""So many thanks for the same one count half."""
AT_HOME = 15.0
"""Days with words that make a voice: two thirds of a full one."""
LEAST_GIVERS, LEAST_EDGES = 5, 10
"""With fewer, nobody's influence is known: the members may be silent about it, or the way in shows nobody who answers whom."""
_EXACT = 1e-9
_MOST_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Edges:
    """Who thanked whom, by member numbers, and how much that weighs today."""

    givers: NDArray[np.int64]
    takers: NDArray[np.int64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Influence:
    """What came of it: members who gave or got something, in the order of their numbers, with the influence of each; and how many rounds that took."""

    members: NDArray[np.int64]
    scores: NDArray[np.float64]
    rounds: int


def is_known(edges: Edges) -> bool:
    """Whether there is enough to speak of anybody's influence."""
    return len(edges.givers) >= LEAST_EDGES and len(np.unique(edges.givers)) >= LEAST_GIVERS


def influence(edges: Edges, days_spoken: NDArray[np.int64], begun: Influence | None = None) -> Influence:
    """Everybody's influence. ``days_spoken`` has by member number on how many days each spoke lately; ``begun`` is an earlier result to go on from."""
    is_other = edges.givers != edges.takers
    givers, takers, weights = edges.givers[is_other], edges.takers[is_other], edges.weights[is_other]
    members, at = np.unique(np.concatenate([givers, takers]), return_inverse=True)
    giver, taker = at[: len(givers)], at[len(givers) :]
    n = len(members)
    weights = _damped(giver, taker, weights, n)
    out = _sums(giver, weights, n)
    spoken = np.zeros(n)
    is_numbered = members < len(days_spoken)
    spoken[is_numbered] = days_spoken[members[is_numbered]]
    voices = (1 - np.exp(-spoken / AT_HOME)) * out
    shares = weights / np.maximum(out[giver], 1e-12)
    passed = _begin(members, begun)
    rounds, moved, enough = 0, 1.0, 0.0
    while moved > enough and rounds < _MOST_ROUNDS:
        heard = _sums(taker, (voices + HANDED_ON * passed)[giver] * shares, n)
        moved = float(np.abs(heard - passed).max(initial=0.0))
        passed, enough, rounds = heard, _EXACT * max(1.0, float(heard.max(initial=0.0))), rounds + 1
    return Influence(members, passed, rounds)


def standing(influence: Influence, active: int) -> NDArray[np.float64]:
    """Influence as a place among the ``active`` members of a community: 1 the first, 0.9 the end of the first tenth, 0 whom nobody thanked."""
    scores = influence.scores
    above = len(scores) - np.searchsorted(np.sort(scores), scores * (1 + 1e-6), side="right")
    return np.where(scores > 1e-9, np.clip(1 - above / max(active, len(scores), 1), 0, 1), 0.0)


def _sums(at: NDArray[np.intp], values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """The values added up by place."""
    return np.bincount(at, values, n).astype(np.float64, copy=False)


def _begin(members: NDArray[np.int64], begun: Influence | None) -> NDArray[np.float64]:
    if begun is None or not len(begun.members):
        return np.zeros(len(members))
    at = np.minimum(np.searchsorted(begun.members, members), len(begun.members) - 1)
    return np.where(begun.members[at] == members, begun.scores[at], 0.0)


def _damped(giver: NDArray[np.intp], taker: NDArray[np.intp], weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Weights as they count: less what was thanked back, and with falling gain."""
    if not len(weights):
        return weights
    there, back = giver * n + taker, taker * n + giver
    order = np.argsort(there)
    found = order[np.minimum(np.searchsorted(there[order], back), len(order) - 1)]
    returned = np.minimum(weights, np.where(there[found] == back, weights[found], 0.0))
    counted = weights - returned + RETURNED * returned / (1 + returned)
    damped: NDArray[np.float64] = counted / (1 + counted / OFTEN)
    return damped
