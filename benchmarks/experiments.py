"""Experiments tried on experiments: how often no effect is taken for one, and how often a true one is found.

``python -m benchmarks.experiments [--tests N] [--seed S]``

Every test takes in its readers over two weeks and looks every day, as the clock does, at the days whose hours are over; the boundaries, the tests, Holm and
the sample size are those of rules/experiments.py. A share is that of those who answer within the trial's hours; a day is looked at when they are over for all
whom it reached, so how late they answer changes nothing. With ``--through N`` so many tests go through :func:`rules.experiments.assign` and
:func:`rules.experiments.judge` themselves, member by member.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from rules.experiments import LEAST, Plan, Tally, assign, holm, judge, looks_at, share_z
from rules.pushes import Arm, Body, Push, Trial

DAYS = 14
BASELINES = (0.02, 0.1, 0.3)
LIFT = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """Of so many ``tests``: how many ended with any verdict, how many for a truly better arm, and days until then, on average."""

    tests: int
    any: float
    better: float
    days: float


def push_with(arms: int, baseline: float, *, lift: float = LIFT, holdout: int = 0) -> Push:
    """A push with so many wordings on trial."""
    return Push(
        "trial", "0 9 * * *", "早", to="members", arms=tuple(Arm("ABCDE"[at], Body(f"说法 {at}")) for at in range(arms)),
        trial=Trial(lift=lift, baseline=baseline, holdout=holdout),
    )  # fmt: skip


def simulate(arms: int, baseline: float, lift: float, tests: int, seed: int) -> Found:
    """Many tests at the sample size that the plan asks for; the last arm is better by ``lift`` (0: none is)."""
    dice = np.random.default_rng(seed)
    plan = Plan.of(push_with(arms, baseline))
    names = list(plan.compared)
    come = np.diff(np.linspace(0, plan.units, DAYS + 1).round().astype(int))
    shares = [baseline] * (arms - 1) + [baseline * (1 + lift)]
    reached = np.cumsum(np.stack([dice.multinomial(n, list(plan.compared.values()), size=tests) for n in come], axis=1), axis=1)
    daily = np.diff(reached, axis=1, prepend=0)
    hits = np.cumsum(np.stack([dice.binomial(daily[:, :, at], shares[at]) for at in range(arms)], axis=2), axis=1)
    looks = looks_at(list(np.cumsum(come)), plan.units)
    places, fractions = [place for place, _ in looks], tuple(fraction for _, fraction in looks)
    paths = {names[at]: _z(hits[:, places], reached[:, places], at) for at in range(1, arms)}
    decided = holm(paths, fractions)
    first = np.full(tests, DAYS)
    for look in range(len(places), 0, -1):
        early = holm({name: path[:, :look] for name, path in paths.items()}, fractions[:look])
        first = np.where(np.any(list(early.values()), axis=0), places[look - 1] + 1, first)
    better = decided[names[-1]] & (paths[names[-1]].max(axis=1) > 0)
    return Found(tests, float(np.mean(np.any(list(decided.values()), axis=0))), float(better.mean()), float(first.mean()))


def _z(hits: NDArray[np.int64], reached: NDArray[np.int64], at: int) -> NDArray[np.float64]:
    z = share_z(*(one[:, :, arm].astype(np.float64) for arm in (0, at) for one in (hits, reached)))
    return np.where(np.minimum(reached[:, :, 0], reached[:, :, at]) >= LEAST["members"], z, 0.0)


def through(arms: int, baseline: float, lift: float, tests: int, seed: int, *, aimed: float = LIFT) -> Found:
    """The same through :func:`assign` and :func:`judge`: every test another push, every reader a member with a number; ``aimed`` sets how many."""
    dice = np.random.default_rng(seed)
    push = push_with(arms, baseline, lift=aimed)
    plan = Plan.of(push)
    last = list(plan.compared)[-1]
    begin, won, right, days = date(2026, 3, 2), 0, 0, 0
    for number in range(tests):
        own, tallies = replace(push, id=f"trial{number}"), _nothing()
        for member in range(plan.units):
            arm = assign(own, f"m:{member}")
            name = arm.name if arm else ""
            hit = int(dice.random() < baseline * (1 + lift * (name == last)))
            day = begin + timedelta(days=member * DAYS // plan.units)
            tallies[day][name] = tallies[day].get(name, Tally()) + Tally(1, hit, hit, hit)
        verdict = judge(plan, tallies, begin + timedelta(days=DAYS + 2))
        won += verdict.state == "won"
        right += verdict.winner == last
        days += (verdict.day - begin).days + 1 if verdict.day else DAYS
    return Found(tests, won / tests, right / tests, days / tests)


def _nothing() -> dict[date, dict[str, Tally]]:
    return defaultdict(dict)


def main() -> None:
    """Prints both rates for several arms and baselines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--through", type=int, default=0, help="that many tests through assign() and judge() too")
    asked = parser.parse_args()
    began = time.perf_counter()
    print(f"{asked.tests} tests each, seed {asked.seed}, {DAYS} daily looks, lift {LIFT:.0%}")
    print(f"{'arms':>4} {'baseline':>8} {'units':>8} {'false':>7} {'power':>7} {'days':>5}")
    for arms in (2, 4):
        for baseline in BASELINES:
            none, true = (simulate(arms, baseline, lift, asked.tests, asked.seed + arms) for lift in (0.0, LIFT))
            units = Plan.of(push_with(arms, baseline)).units
            print(f"{arms:>4} {baseline:>8.0%} {units:>8,} {none.any:>7.2%} {true.better:>7.2%} {true.days:>5.1f}")
    print(f"{time.perf_counter() - began:.1f} s")
    if asked.through:
        show: Mapping[str, Found] = {name: through(2, 0.3, lift, asked.through, asked.seed) for name, lift in (("A/A", 0.0), ("A/B", LIFT))}
        for name, found in show.items():
            print(
                f"through assign() and judge(), {name}, {asked.through} tests: any verdict {found.any:.2%}, for the better arm {found.better:.2%}"
            )


if __name__ == "__main__":
    main()
