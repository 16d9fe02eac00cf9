"""How well the models of members judge communities of which the truth is known, and how long they take for a million.

``python -m benchmarks.members [--seeds 5] [--members 1000000]``; ends with 1 when a limit is missed.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import click
import numpy as np

from benchmarks.backtest import FIRST, TOWNS, VILLAGES, WORLDS, Judged, edges_of, judge, listened_to, village
from rules import churn, koc

LEAST = 0.95
"""What a model has to reach of what the hidden truth allows."""
MOST_S = 20.0
BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Mean:
    """Means over several seeds."""

    oracle: float
    model: float
    plain: float

    @property
    def ratio(self) -> float:
        """What the model reaches of what is possible."""
        return self.model / self.oracle


@click.command()
@click.option("--seeds", default=5, show_default=True, help="how many times each community is made up")
@click.option("--members", default=1_000_000, show_default=True, help="how many members are judged for the time")
def main(seeds: int, members: int) -> None:
    """Prints the back-tests and the times."""
    is_good = all([churns(seeds), influences(seeds), times(members)])
    sys.exit(not is_good)


def churns(seeds: int) -> bool:
    """The back-test of churn."""
    click.echo("\n## Churn: AUC, and of those above 70 % how many are gone\n")
    click.echo(
        "| days with words | community | members | possible | model | silent days | model / possible | Brier (possible) | above 70 % | of them gone |"
    )
    click.echo("|---|---|---|---|---|---|---|---|---|---|")
    everything: list[Judged] = []
    ratios = []
    for name, make in WORLDS.items():
        for town in TOWNS:
            judged = [judge(make(town, np.random.default_rng(seed))) for seed in range(seeds)]
            everything += judged
            mean = Mean(*(float(np.mean([getattr(one, which) for one in judged])) for which in ("best_auc", "auc", "silent_auc")))
            ratios.append(mean.ratio)
            sure = [one.world.is_gone[one.chance > churn.AT_RISK] for one in judged]
            click.echo(
                f"| {name} | {town.name} | {len(judged[0].chance)} | {mean.oracle:.3f} | {mean.model:.3f} | {mean.plain:.3f} | {mean.ratio:.3f} "
                f"| {np.mean([one.brier for one in judged]):.3f} ({np.mean([one.best_brier for one in judged]):.3f}) "
                f"| {sum(map(len, sure))} | {np.concatenate(sure).mean():.1%} |"
            )
    click.echo("\n| said | members | gone |\n|---|---|---|")
    for said, n, gone in reliability(everything):
        click.echo(f"| {said} | {n} | {gone:.1%} |")
    click.echo(f"\nworst ratio {min(ratios):.3f}, at least {LEAST}")
    return min(ratios) >= LEAST


def reliability(judged: list[Judged]) -> Iterator[tuple[str, int, float]]:
    """By tenths of what was said: of how many, and how many of them are gone."""
    chance, is_gone = np.concatenate([one.chance for one in judged]), np.concatenate([one.world.is_gone for one in judged])
    for tenth in range(10):
        here = (chance >= tenth / 10) & (chance < (tenth + 1) / 10 + (tenth == 9))
        yield f"{tenth * 10}–{tenth * 10 + 10} %", int(here.sum()), float(is_gone[here].mean())


def influences(seeds: int) -> bool:
    """The back-test of influence."""
    click.echo(f"\n## Influence: how many of the first {FIRST} are truly among the first {FIRST}\n")
    click.echo(
        "| members | thanks of each | rings and bought praise | possible | model | plain count | model / possible |\n|---|---|---|---|---|---|---|"
    )
    ratios = []
    for members, thanks in VILLAGES:
        for is_cheated in (False, True):
            cheats = {} if is_cheated else {"rings": 0, "upstarts": 0}
            seen = [village(members, thanks, np.random.default_rng(seed), **cheats) for seed in range(4 * seeds)]
            mean = Mean(
                *(float(np.mean(found)) for found in zip(*(
                    (one.precision(one.oracle), one.precision(listened_to(one)), one.precision(one.thanked)) for one in seen
                ), strict=True))
            )  # fmt: skip
            ratios.append(mean.ratio)
            what = "yes" if is_cheated else "no"
            click.echo(f"| {members} | {thanks:g} | {what} | {mean.oracle:.3f} | {mean.model:.3f} | {mean.plain:.3f} | {mean.ratio:.3f} |")
    mean_ratio = float(np.mean(ratios))
    click.echo(f"\nmean ratio {mean_ratio:.3f}, at least {LEAST}; worst {min(ratios):.3f}")
    return mean_ratio >= LEAST


def times(members: int) -> bool:
    """How long a night takes for so many members, a block at a time, and how much memory."""
    rng = np.random.default_rng(1)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, parts = time.perf_counter(), []
    making = 0.0
    for start in range(0, members, BLOCK):
        at = time.perf_counter()
        size = min(BLOCK, members - start)
        spoke = rng.random((churn.DAYS, size), dtype=np.float32) < rng.gamma(0.6, 0.15, size).astype(np.float32)
        making += time.perf_counter() - at
        parts.append(churn.rhythms(spoke, np.ones(churn.DAYS)))
    counted = time.perf_counter() - begun - making
    at = time.perf_counter()
    kinds = churn.fit(churn.joined(parts))
    fitted = time.perf_counter() - at
    at = time.perf_counter()
    risky = sum(int((churn.gone(part, kinds) > churn.AT_RISK).sum()) for part in parts)
    judged = time.perf_counter() - at
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss) / 1024
    click.echo(f"\n## Times, {members:,} members\n")
    click.echo(f"gaps {counted:.1f} s, fitting {fitted:.1f} s, judging {judged:.1f} s; {risky:,} above 70 %; +{grown:.0f} MB")
    seen = village(4000, 25, rng)
    edges = edges_of(seen)
    at = time.perf_counter()
    first = koc.influence(edges, seen.days_spoken)
    cold = time.perf_counter() - at
    again = koc.influence(edges, seen.days_spoken, first)
    click.echo(
        f"influence over {len(edges.givers):,} relations: {cold * 1000:.0f} ms, {first.rounds} rounds; from the night before {again.rounds} rounds"
    )
    return counted + fitted + judged <= MOST_S


if __name__ == "__main__":
    main()
