"""Communities of which the truth is known: who left and who is merely silent, and what can be known of it at best.

Four ways in which days with words come about, none of them the grid of rules/churn.py: gaps drawn from a gamma or a log-normal distribution, a coin
tossed every day with habits of the week, and two states between which a member changes. Members differ in pace, habits and how soon they leave, some come
during the time; holidays silence nearly everybody. ``oracle`` is the probability that a member left, worked out with all that is hidden from the model
but the moment itself: nobody can do better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import erf, gamma

import numpy as np
from numpy.typing import NDArray

from rules import churn, koc
from rules.churn import DAYS

BEFORE = 120
"""Days that are lived before the model begins to look."""
ALL_DAYS = BEFORE + DAYS
_STEPS = 48
"""Into so many parts an oracle cuts a silence."""
_ERF = np.vectorize(erf, otypes=[float])


@dataclass(frozen=True, slots=True)
class World:
    """What there was: who spoke on which of the days that the model sees (days × members), who is gone, and how sure one could be of it."""

    spoke: NDArray[np.bool_]
    is_gone: NDArray[np.bool_]
    oracle: NDArray[np.float64]

    @property
    def silent_days(self) -> NDArray[np.float64]:
        """Days since each spoke last: what people go by without a model."""
        silent: NDArray[np.float64] = np.argmax(self.spoke[::-1], axis=0).astype(np.float64)
        return silent


@dataclass(frozen=True, slots=True)
class Town:
    """A kind of community: how many members, days between two on which a member speaks (the middle one's), and days until half of them have left.

    ``spread`` is how different members' paces are (of the logarithm): with 1, one in six speaks more than 2.7 times as often as the middle one.
    """

    name: str
    members: int
    gap: float
    half_gone: float
    spread: float = 1.0
    has_holidays: bool = True


TOWNS = (
    Town("小而活跃", 80, 2.0, 250),
    Town("小而安静", 150, 9.0, 400),
    Town("大而活跃", 4000, 3.0, 200),
    Town("大而安静", 4000, 12.0, 300),
    Town("来去匆匆", 2000, 3.0, 60),
)


def auc(score: NDArray[np.float64], is_true: NDArray[np.bool_]) -> float:
    """How often one who is gone scores above one who is not; ties count half. NaN where all are alike."""
    _, at, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[at]
    yes = int(is_true.sum())
    no = len(score) - yes
    return float((ranks[is_true].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else float("nan")


def brier(chance: NDArray[np.float64], is_true: NDArray[np.bool_]) -> float:
    """The mean squared error of probabilities."""
    return float(np.mean((chance - is_true) ** 2))


# Worlds -------------------------------------------------------------------------------------------------------------------


def _tempo(town: Town, rng: np.random.Generator) -> NDArray[np.float64]:
    """How much of a day each day is to everybody: quieter weekends, and two holidays, the last of them perhaps right now."""
    days = np.arange(ALL_DAYS)
    tempo = np.where(days % 7 >= 5, rng.uniform(0.5, 1.0), 1.0)
    if town.has_holidays:
        for end in (rng.integers(BEFORE, ALL_DAYS - 40), rng.integers(ALL_DAYS - 12, ALL_DAYS + 1)):
            tempo[max(0, end - 8) : end] *= 0.1
    return tempo


def _arrivals(town: Town, rng: np.random.Generator) -> NDArray[np.float64]:
    """When each came, in days: two thirds were there from the beginning."""
    return np.where(rng.random(town.members) < 0.65, 0.0, rng.uniform(0, ALL_DAYS - 5, town.members))


def _leaving(town: Town, rng: np.random.Generator) -> NDArray[np.float64]:
    """Each one's hazard of leaving, a day."""
    hazards: NDArray[np.float64] = np.log(2) / town.half_gone * rng.gamma(0.8, 1 / 0.8, town.members)
    return hazards


def gamma_gaps(town: Town, rng: np.random.Generator) -> World:
    """Gaps from a gamma distribution of each member's own mean and regularity."""
    shapes = rng.choice([1, 2, 4], town.members, p=[0.5, 0.3, 0.2])
    means = town.gap * np.exp(rng.normal(0, town.spread, town.members))

    def draw() -> NDArray[np.float64]:
        return rng.gamma(shapes, means / shapes)

    def longer(than: NDArray[np.float64]) -> NDArray[np.float64]:
        at = than * (shapes / means)[:, None]
        terms = np.stack([at**k / gamma(k + 1) for k in range(4)])
        counted = np.arange(4)[:, None, None] < shapes[None, :, None]
        left: NDArray[np.float64] = np.exp(-at) * (terms * counted).sum(axis=0)
        return left

    return _renewals(town, rng, draw, longer)


def lognormal_gaps(town: Town, rng: np.random.Generator) -> World:
    """Gaps from a log-normal distribution: most short, some very long."""
    widths = rng.uniform(0.4, 1.1, town.members)
    middles = np.log(town.gap * np.exp(rng.normal(0, town.spread, town.members)))

    def draw() -> NDArray[np.float64]:
        return np.exp(rng.normal(middles, widths))

    def longer(than: NDArray[np.float64]) -> NDArray[np.float64]:
        at = (np.log(np.maximum(than, 1e-9)) - middles[:, None]) / widths[:, None]
        left: NDArray[np.float64] = 0.5 - 0.5 * _ERF(at / np.sqrt(2))
        return left

    return _renewals(town, rng, draw, longer)


def _renewals(
    town: Town,
    rng: np.random.Generator,
    draw: Callable[[], NDArray[np.float64]],
    longer: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> World:
    """Members who speak after gaps of their own, and leave at a moment of their own; time runs by the pace of the days."""
    clock = np.concatenate([[0.0], np.cumsum(_tempo(town, rng))])
    now = clock[-1]
    came = np.interp(_arrivals(town, rng), np.arange(ALL_DAYS + 1), clock)
    hazard = _leaving(town, rng)
    ends = came + rng.exponential(1.0, town.members) / hazard
    spoke = np.zeros((ALL_DAYS, town.members), dtype=bool)
    at, last = came.copy(), np.full(town.members, -1.0)
    while True:
        here = np.flatnonzero((at < now) & (at < ends))
        if not len(here):
            break
        spoke[np.searchsorted(clock, at[here], side="right") - 1, here] = True
        last[here] = at[here]
        at = at + draw()
    silence = np.maximum(now - last, 0.0)
    grid = silence[:, None] * np.linspace(0, 1, _STEPS + 1)
    stays = longer(grid) * 1.0
    rate = np.exp(-hazard[:, None] * grid)
    middle = (stays[:, 1:] + stays[:, :-1]) / 2
    left = (middle * (rate[:, :-1] - rate[:, 1:])).sum(axis=1)
    alive = stays[:, -1] * rate[:, -1]
    return _seen(spoke, ends < now, left / np.maximum(left + alive, 1e-300))


def habits(town: Town, rng: np.random.Generator) -> World:
    """A coin tossed every day: of workdays, of weekends, or of any day, and hardly ever on a holiday."""
    tempo = _tempo(town, rng)
    chance = np.clip(1 / (town.gap * np.exp(rng.normal(0, town.spread, town.members))), 0.01, 0.95)
    kinds = rng.choice(3, town.members, p=[0.5, 0.3, 0.2])
    weekend = np.array([1.0, 0.3, 2.5])[kinds]
    workday = np.array([1.0, 1.3, 0.3])[kinds]
    hazard = 1 - np.exp(-_leaving(town, rng))
    came = _arrivals(town, rng).astype(int)
    spoke = np.zeros((ALL_DAYS, town.members), dtype=bool)
    lives, is_gone = np.ones(town.members), np.zeros(town.members, dtype=bool)
    silent_gone = np.zeros(town.members)
    for day in range(ALL_DAYS):
        here = day >= came
        p = np.clip(chance * (weekend if day % 7 >= 5 else workday) * tempo[day], 0, 0.98)
        is_gone |= here & (day > came) & (rng.random(town.members) < hazard)
        said = here & ~is_gone & ((rng.random(town.members) < p) | (day == came))
        spoke[day] = said
        silent_gone = np.where(said, 0.0, silent_gone + lives * hazard)
        lives = np.where(said, 1.0, lives * (1 - hazard) * (1 - p))
    return _seen(spoke, is_gone, silent_gone / np.maximum(silent_gone + lives, 1e-300))


def bursts(town: Town, rng: np.random.Generator) -> World:
    """Days of talk and days of rest: whoever is in the mood speaks on most days, whoever is not hardly ever."""
    tempo = _tempo(town, rng)
    talks = rng.uniform(0.5, 0.9, town.members)
    whispers = rng.uniform(0.0, 0.04, town.members)
    tires = 1 / rng.uniform(1.5, 6.0, town.members)
    wakes = np.clip(1 / (town.gap * 2.0 * np.exp(rng.normal(0, town.spread, town.members))), 0.01, 0.9)
    hazard = 1 - np.exp(-_leaving(town, rng))
    came = _arrivals(town, rng).astype(int)
    spoke = np.zeros((ALL_DAYS, town.members), dtype=bool)
    is_on, is_gone = np.ones(town.members, dtype=bool), np.zeros(town.members, dtype=bool)
    on, off, dead = np.ones(town.members), np.zeros(town.members), np.zeros(town.members)
    for day in range(ALL_DAYS):
        here = day >= came
        fresh = day == came
        turned = rng.random(town.members) < np.where(is_on, tires, wakes)
        is_on ^= turned & (day > came)
        is_gone |= (day > came) & (rng.random(town.members) < hazard)
        p_on, p_off = talks * tempo[day], whispers * tempo[day]
        said = here & ~is_gone & ((rng.random(town.members) < np.where(is_on, p_on, p_off)) | fresh)
        spoke[day] = said
        # what one knows who knows the habits: chances of each state, given what was heard
        dead = dead + (on + off) * hazard
        on, off = (1 - hazard) * (on * (1 - tires) + off * wakes), (1 - hazard) * (on * tires + off * (1 - wakes))
        on, off = np.where(said, on * p_on, on * (1 - p_on)), np.where(said, off * p_off, off * (1 - p_off))
        dead = np.where(said, 0.0, dead)
        total = on + off + dead
        on, off, dead = (
            np.where(fresh | ~here, start, one / np.maximum(total, 1e-300)) for start, one in ((1.0, on), (0.0, off), (0.0, dead))
        )
    return _seen(spoke, is_gone, dead)


def _seen(spoke: NDArray[np.bool_], is_gone: NDArray[np.bool_], oracle: NDArray[np.float64]) -> World:
    """What the model may see of it: the last days, and of those only who spoke in them."""
    window = spoke[BEFORE:]
    heard = window.any(axis=0)
    return World(window[:, heard], is_gone[heard], oracle[heard])


WORLDS: Mapping[str, Callable[[Town, np.random.Generator], World]] = {
    "gamma 间隔": gamma_gaps,
    "对数正态间隔": lognormal_gaps,
    "按星期的习惯": habits,
    "一阵一阵": bursts,
}


# Who is listened to -------------------------------------------------------------------------------------------------------

LIVED = 240
"""Days of a village."""
FIRST = 10
"""So many are looked for."""
_HELPFUL, _STEADY = 1.3, 0.7
"""How different members are in helpfulness (of the logarithm), and how much of it is the same in both halves of the time (a correlation)."""
_LOGS = np.linspace(-5, 6, 221)


@dataclass(frozen=True, slots=True)
class Village:
    """Who thanked whom in a community whose helpers are known: giver, taker and how many days ago, in order; days on which each spoke; the true best
    and, of every member, what one would think of him who knows all but his helpfulness."""  # fmt: skip

    givers: NDArray[np.int64]
    takers: NDArray[np.int64]
    ago: NDArray[np.int64]
    days_spoken: NDArray[np.int64]
    best: frozenset[int]
    oracle: NDArray[np.float64]

    @property
    def thanked(self) -> NDArray[np.float64]:
        """How often each was thanked: what people go by without a model."""
        return np.bincount(self.takers, minlength=len(self.oracle)).astype(np.float64)

    def precision(self, score: NDArray[np.float64]) -> float:
        """How many of the first ten by a score are among the true best."""
        first = np.argsort(-score, kind="stable")[:FIRST]
        return len(self.best.intersection(first.tolist())) / FIRST


def village(members: int, thanks: float, rng: np.random.Generator, *, rings: int = 2, upstarts: int = 2) -> Village:
    """A community in circles (its groups) whose members thank those who helped them, ``thanks`` times each in the middle.

    Hidden are how helpful each is and how often he thanks; who is more helpful knows better whom to thank. Beside them there are ``rings`` of six old
    accounts that thank each other every few days, ``upstarts`` who are praised by thirty fresh accounts in one week, stars of long ago whom few
    need any more, and people who thank back whoever thanked them.
    """
    circles = np.arange(members) % max(1, members // 120)
    logs = rng.normal(0, _HELPFUL, members)
    helpful, was = np.exp(logs), np.exp(_STEADY * logs + np.sqrt(1 - _STEADY**2) * rng.normal(0, _HELPFUL, members))
    keen = thanks * np.exp(rng.normal(-0.3, 0.9, members))
    discerning = np.clip(0.9 + 0.15 * np.log(helpful), 0.5, 1.5)
    spoken = np.clip(rng.poisson(keen * 4 + 6), 1, DAYS)
    half = LIVED // 2
    given: list[tuple[int, int, int]] = []
    n = np.zeros((2, members))  # of honest thanks, weighted by who gave: the newer half, the older one
    for since, until, quality in ((half, LIVED, was), (0, half, helpful)):
        for giver in range(members):
            tastes = np.where(circles == circles[giver], quality ** discerning[giver], 0.0)
            tastes[giver] = 0.0
            for taker in rng.choice(members, rng.poisson(keen[giver] * (until - since) / LIVED), p=tastes / tastes.sum()):
                ago = int(rng.integers(since, until))
                given.append((giver, int(taker), ago))
                n[int(since > 0), taker] += discerning[giver]
                if rng.random() < 0.2:
                    given.append((int(taker), giver, ago))
    listened = _listened(circles, keen, discerning, helpful, helpful)
    oracle = _listened(circles, keen, discerning, helpful, _think(circles, keen / 2, discerning, (helpful, was), n))
    best = frozenset(np.argsort(-listened)[:FIRST].tolist())
    fresh = members
    for ring in range(rings):
        insiders = rng.choice(np.flatnonzero(helpful < 1), 6, replace=False)
        given += [(int(a), int(b), ago) for a in insiders for b in insiders if a != b for ago in range(ring, LIVED, 9)]
    for _ in range(upstarts):
        praised, week = int(rng.choice(np.flatnonzero(helpful < 1))), int(rng.integers(1, 50))
        given += [(fresh + account, praised, week + account % 7) for account in range(30) for _ in range(2)]
        fresh += 30
    rows = np.array(sorted(given, key=lambda one: -one[2]), dtype=np.int64)
    days_spoken = np.concatenate([spoken, rng.integers(1, 4, fresh - members)])
    return Village(rows[:, 0], rows[:, 1], rows[:, 2], days_spoken, best, np.concatenate([oracle, np.full(fresh - members, -9.0)]))


def _think(
    circles: NDArray[np.intp], keen: NDArray[np.float64], discerning: NDArray[np.float64], halves: Sequence[NDArray[np.float64]],
    n: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """What is to be thought of each one's helpfulness now, given all honest thanks of both halves: Bayes' rule on a grid, with all else known."""
    likely = []
    for given, helpful in zip(n, halves, strict=True):
        expected = np.zeros((len(circles), len(_LOGS)))
        for inside, choice in _circles(circles, discerning, helpful):
            expected[inside] = (keen[inside] / choice) @ np.exp(np.outer(discerning[inside], _LOGS))
        chances = given[:, None] * _LOGS - expected
        likely.append(np.exp(chances - chances.max(axis=1, keepdims=True)))
    spread = _HELPFUL * np.sqrt(1 - _STEADY**2)
    before = np.exp(-0.5 * ((_LOGS[None, :] - _STEADY * _LOGS[:, None]) / spread) ** 2)  # older, given what it is now
    weights = likely[0] * (likely[1] @ before.T) * np.exp(-0.5 * (_LOGS / _HELPFUL) ** 2)
    thought: NDArray[np.float64] = np.exp((weights * _LOGS).sum(axis=1) / weights.sum(axis=1))
    return thought


def _listened(
    circles: NDArray[np.intp],
    keen: NDArray[np.float64],
    discerning: NDArray[np.float64],
    helpful: NDArray[np.float64],
    thought: NDArray[np.float64],
) -> NDArray[np.float64]:
    """How often each will be thanked honestly, if he is as helpful as is thought of him."""
    out = np.zeros(len(circles))
    for inside, choice in _circles(circles, discerning, helpful):
        out[inside] = (keen[inside] / choice * thought[inside][:, None] ** discerning[inside]).sum(axis=1)
    return out


def _circles(
    circles: NDArray[np.intp], discerning: NDArray[np.float64], helpful: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """The members of each circle, and for each of them over how much he divides his thanks."""
    for circle in np.unique(circles):
        inside = np.flatnonzero(circles == circle)
        yield inside, (helpful[inside][:, None] ** discerning[inside][None, :]).sum(axis=0)


# What the models make of it -----------------------------------------------------------------------------------------------

VILLAGES = ((120, 12.0), (300, 6.0), (300, 20.0), (1200, 4.0), (1200, 12.0))
"""Members, and how often the middle one thanks somebody."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A world and what the model says of it."""

    world: World
    chance: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """Of the model."""
        return auc(self.chance, self.world.is_gone)

    @property
    def best_auc(self) -> float:
        """Of whoever knows all but the moment."""
        return auc(self.world.oracle, self.world.is_gone)

    @property
    def silent_auc(self) -> float:
        """Of the days of silence alone."""
        return auc(self.world.silent_days, self.world.is_gone)

    @property
    def brier(self) -> float:
        """Of the model."""
        return brier(self.chance, self.world.is_gone)

    @property
    def best_brier(self) -> float:
        """Of whoever knows all but the moment."""
        return brier(self.world.oracle, self.world.is_gone)


def judge(world: World) -> Judged:
    """What the model of churn says, from who spoke on which day and nothing else."""
    seen = churn.rhythms(world.spoke, churn.pace(world.spoke.sum(axis=1)))
    return Judged(world, churn.gone(seen, churn.fit(seen)))


def edges_of(seen: Village) -> koc.Edges:
    """The relations as they weigh today."""
    n = len(seen.days_spoken)
    pairs, at = np.unique(seen.givers * n + seen.takers, return_inverse=True)
    weights: NDArray[np.float64] = np.bincount(at, 0.5 ** (seen.ago / koc.HALF_LIFE)).astype(np.float64)
    return koc.Edges(pairs // n, pairs % n, weights)


def listened_to(seen: Village) -> NDArray[np.float64]:
    """What the model of influence says, by member."""
    found = koc.influence(edges_of(seen), seen.days_spoken)
    score = np.zeros(len(seen.days_spoken))
    score[found.members] = found.scores
    return score
