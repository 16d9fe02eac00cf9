"""The long versions of the hard tests: ``python -m tests.soak --runs 10 --seed 7``. Prints what to add to docs/soak.md.

``--runs`` is the number of kills, and of runs of chaos; ``--only`` picks parts. Each part works in a temporary folder of its own, which is kept when it fails.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent))  # tests name each other as pytest finds them

from benchmarks.backtest import TOWNS, VILLAGES, WORLDS, judge, listened_to, village
from benchmarks.members import LEAST
from storage.embedded import EmbeddedServer
from tests.chaos.life import LONG, live
from tests.fuzz import TARGETS
from tests.fuzz import fuzz as fuzz_one
from tests.segment_texts import fuzz
from tests.steady import hold
from tests.storm import kill_in_storms
from tests.ten_thousand import push_to_many
from tests.test_activity_machine import run_machine as live_as_activities
from tests.test_flow_machine import run_machine as live_as_flows
from tests.test_hostile import withstand
from tests.test_ledger_machine import run_machine as live_as_ledger
from tests.test_log_files import file_under_kills
from tests.test_migrate import migrate_under_kills
from tests.test_month import QUARTER, live_a_month
from tests.test_sender_faults import run_in
from tests.test_shop_machine import run_machine as live_as_shop
from tests.test_topologies import fail_over
from tests.topologies import TOPOLOGIES, Topology, running
from tests.tree import Tree
from tests.year import live_a_year

MESSAGES = 5_000
RUNS_OF_A_LIFE = 10
ATTACKS = 100_000
DELIVERIES = 10_000
MACHINES: Mapping[str, Callable[[str, int, int], int]] = {
    "ledger": live_as_ledger,
    "shop": live_as_shop,
    "flows": live_as_flows,
    "activities": live_as_activities,
}
"""State machines by name: each takes a Redis, a number of steps and a seed, and gives how many steps it made."""


WHOLE: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "walk": (
        "tests/test_console_walk.py",
        "every page of the console as owner, operator and viewer, two widths, by day and by night: nothing sticks out, axe finds nothing serious",
        {"BOT_WALK": "whole"},
    ),
    "pictures": ("tests/test_demo_page.py", "every picture of the demo and of the handbooks is what it says", {"BOT_DRAW": "all"}),
    "doors": (
        "tests/test_security_doors.py",
        "20,000 pages with strange arguments and as many forms with strange fields: none breaks",
        {"BOT_DOORS": "20000"},
    ),
}
"""Files of tests of which the suite runs a part: what they show whole, and what makes them run so."""


@dataclass(frozen=True, slots=True)
class Part:
    """One trial: ``run`` raises AssertionError when a promise was broken, else says what it saw."""

    name: str
    run: Callable[[Path, int], str]


def main(words: list[str]) -> int:
    """Runs the parts that were asked for; gives how many failed."""
    asked = _parser().parse_args(words)
    seed = asked.seed or int.from_bytes(os.urandom(4), "big")
    parts = [part for part in _parts(asked.runs, asked.messages, asked.steps, asked.minutes) if not asked.only or part.name in asked.only]
    print(f"seed {seed}\n", flush=True)
    print("| when (UTC) | part | seed | took | result |\n|---|---|---|---|---|", flush=True)
    return sum(not _try(part, seed) for part in parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="how often the whole tree is killed, runs of chaos")
    parser.add_argument("--seed", type=int, default=0, help="0: a new one")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="messages in each storm")
    parser.add_argument("--steps", type=int, default=1_000_000, help="steps of each state machine, texts of segments")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the highest rate is held")
    parser.add_argument(
        "--only",
        nargs="*",
        default=[],
        help=f"names of parts: kills, chaos, failovers, slots, hostile, sending, month, quarter, year, groups, walk, pictures, doors, fuzz, segments, filing, "
        f"rate, "
        f"migrate, {', '.join(MACHINES)}",
    )
    return parser


def _parts(runs: int, messages: int, steps: int, minutes: float) -> list[Part]:
    return [
        Part("kills", functools.partial(_kills, runs, messages)),
        Part("chaos", functools.partial(_chaos, runs)),
        Part("failovers", functools.partial(_chaos, runs, kind="sentinel")),
        Part("slots", functools.partial(_chaos, runs, kind="cluster")),
        Part("sentinel", functools.partial(_fail_over, "sentinel", messages)),
        Part("cluster", functools.partial(_fail_over, "cluster", messages)),
        Part("hostile", _hostile),
        Part("sending", _sending),
        Part("month", live_a_month),
        Part("quarter", functools.partial(live_a_month, scale=QUARTER)),
        Part("year", live_a_year),
        Part("groups", push_to_many),
        *(Part(name, functools.partial(_whole, *whole)) for name, whole in WHOLE.items()),
        Part("fuzz", functools.partial(_fuzz, steps)),
        Part("segments", functools.partial(_segments, steps)),
        Part("members", _members),
        Part("filing", _filing),
        Part("rate", functools.partial(hold, minutes=minutes)),
        Part("migrate", _migrate),
        *(Part(name, functools.partial(_machine, run_machine, steps)) for name, run_machine in MACHINES.items()),
    ]


def _try(part: Part, seed: int) -> bool:
    folder, started = Path(tempfile.mkdtemp(prefix=f"soak-{part.name}-")), time.monotonic()
    try:
        said, held = part.run(folder, seed), True
    except (AssertionError, ExceptionGroup) as broken:
        traceback.print_exception(broken)  # with the shortest life that shows it, where a machine found one
        said, held = f"BROKEN: {' '.join(str(broken).split())[:400]} (data in {folder})", False
    else:
        shutil.rmtree(folder)
    print(f"| {datetime.now(UTC):%Y-%m-%d %H:%M} | {part.name} | {seed} | {time.monotonic() - started:.0f} s | {said} |", flush=True)
    return held


def _filing(folder: Path, seed: int) -> str:
    return file_under_kills(folder, 200_000, 20, seed)


def _migrate(folder: Path, seed: int) -> str:
    killed = migrate_under_kills(folder, 100_000, 10, seed)
    return f"layout 2 with 100,000 members: run.py migrate killed {killed} times at random moments, then through; what came out is what comes out unkilled"


def _kills(runs: int, messages: int, folder: Path, seed: int) -> str:
    tried = kill_in_storms(folder, runs=runs, messages=messages, seed=seed)
    return (
        f"{runs} × kill -9 of the whole tree in {messages} messages: {tried.accepted} accepted, each with one effect; answers in hand "
        f"{tried.in_hand}, silent as it should be {tried.silent}, delivered actively {tried.actively}, kept but never asked for again {tried.only_kept}; "
        f"{tried.never_kept} never accepted; the ledger sums"
    )


def _chaos(runs: int, folder: Path, seed: int, *, kind: str = "") -> str:
    """Lives of ten runs each, on one Redis or on several of a ``kind``; what a life found wrong ends the part."""
    counts, windows, faults = Counter[str](), Counter[str](), Counter[str]()
    for first in range(0, runs, RUNS_OF_A_LIFE):
        place, many = folder / str(first), min(RUNS_OF_A_LIFE, runs - first)
        with _several(kind, place) if kind else nullcontext() as topology:
            life = live(place / "house", seed + first, many, LONG, topology=topology, tell=_whisper)
        _whisper(f"{first + len(life.plans)} of {runs} runs, seed {seed + first}, {life.took_s:.0f} s: {life}")
        assert not life.verdict.findings, f"seed {seed + first}: " + "; ".join(map(str, life.verdict.findings))
        shutil.rmtree(place)
        counts, windows, faults = counts + life.verdict.counts, windows + life.verdict.windows, faults + life.faults
    return (
        f"{runs} runs with {faults.total()} faults of {len(faults)} kinds: {counts['accepted']} messages accepted, {counts['transfers']} transfers, "
        f"{counts['check-ins']} check-ins, {counts['notices']} notices, {counts['sendings']} sendings, {counts['refusals']} refusals while nothing could be "
        f"kept: none lost, none doubled, none over a limit, the ledger sums; documented windows: {_listed(windows)}"
    )


def _several(kind: str, folder: Path) -> AbstractContextManager[Topology]:
    """A master with two replicas and three sentinels, or a cluster of three masters with a replica each; all keep what they acknowledge."""
    return running(TOPOLOGIES[kind](folder / "redis", appendonly="yes", appendfsync="always"))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "none"


def _whisper(line: str) -> None:
    """Progress, beside the rows of the table."""
    print(line, file=sys.stderr, flush=True)


def _fail_over(kind: str, messages: int, folder: Path, seed: int) -> str:
    return f"{kind}: the master killed in a storm of {messages}, wait_replicas 1: {fail_over(kind, folder, seed, messages)}"


def _hostile(folder: Path, seed: int) -> str:
    del seed  # all attacks in turn: nothing to draw
    tree = Tree(folder)
    try:
        tree.start()
        siege = withstand(tree, ATTACKS)
    finally:
        tree.stop()
    told = ", ".join(f"{status}: {times}" for status, times in sorted(siege.told.items()))
    return f"{ATTACKS} hostile requests ({told}): web processes hold {siege.start_kb} kB, {siege.middle_kb} kB, {siege.end_kb} kB"


def _fuzz(steps: int, folder: Path, seed: int) -> str:
    """Every parser but that of segments, which has a part of its own."""
    del folder
    told = []
    for target in TARGETS.values():
        began = time.monotonic()
        told.append(f"{target.name} {fuzz_one(target, steps, seed)}, {time.monotonic() - began:.0f} s")
        _whisper(told[-1])
    return "; ".join(told)


def _whole(file: str, told: str, environment: Mapping[str, str], folder: Path, seed: int) -> str:
    """A file of tests of which the suite runs a part; all of it, or where that is too much, what the seed deals."""
    words = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--show-capture=no", "--basetemp", str(folder / "whole"), file]
    done = subprocess.run(
        words, env={**os.environ, **environment, "BOT_DOORS_SEED": str(seed)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line.startswith("E "))[-4_000:]
    return told


def _members(folder: Path, seed: int) -> str:
    """The models of members against communities that nobody saw before."""
    del folder
    judged = [judge(make(town, np.random.default_rng([seed, at]))) for make in WORLDS.values() for at, town in enumerate(TOWNS)]
    seen = [village(members, thanks, np.random.default_rng([seed, at])) for members, thanks in VILLAGES for at in range(8)]
    churn_ratio = float(np.mean([one.auc for one in judged]) / np.mean([one.best_auc for one in judged]))
    heard_ratio = float(np.mean([one.precision(listened_to(one)) for one in seen]) / np.mean([one.precision(one.oracle) for one in seen]))
    assert min(churn_ratio, heard_ratio) >= LEAST, f"churn {churn_ratio:.3f}, influence {heard_ratio:.3f} of what is possible"
    return f"{len(judged)} communities and {len(seen)} villages: churn {churn_ratio:.3f}, influence {heard_ratio:.3f} of what is possible"


def _segments(steps: int, folder: Path, seed: int) -> str:
    del folder  # nothing is kept
    return f"{steps} texts of segments: {fuzz(steps, seed)}"


def _machine(run_machine: Callable[[str, int, int], int], steps: int, folder: Path, seed: int) -> str:
    with EmbeddedServer(folder, fsync="no") as server:
        made = run_machine(server.url, steps, seed)
    return f"{made} steps of a life against the model in plain Python, all as it says"


def _sending(folder: Path, seed: int) -> str:
    return run_in(folder, messages=DELIVERIES, seed=seed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
