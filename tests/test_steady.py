"""What the long soak finds: each way to grow or to be left waiting, planted, is seen, and nothing else is."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.steady import GROUPS, Seen, growing, held_by, judge, trend

MINUTES = 25


def series(value: Callable[[float], float], noise: float = 0.0, seed: int = 1) -> list[tuple[float, float]]:
    """A point every ten seconds."""
    dice = random.Random(seed)
    return [(at, value(at) + dice.gauss(0, noise)) for at in range(0, MINUTES * 60, 10)]


def test_the_line_through_points_is_the_one_they_were_made_of() -> None:
    slope, z = trend(series(lambda at: 5 + 0.01 * at, noise=0.2))
    assert slope == pytest.approx(0.01, rel=0.02)
    assert z > 10
    assert trend(series(lambda at: 7.0)) == (0.0, 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_what_only_trembles_does_not_grow(seed: int) -> None:
    dice = random.Random(seed)
    quiet = {
        "web 1, MB": series(lambda at: 180.0, noise=1.5, seed=seed),
        "web 1, open files": series(lambda at: 31 + dice.choice([0, 0, 1])),
        "worker 2, MB": series(lambda at: 120 + (30 if at % 600 == 0 else 0), noise=0.5, seed=seed),  # a report now and then
        "worker 2, threads": series(lambda at: 40.0),
        "Redis, keys without an end": series(lambda at: 9_000 + at // 60),  # what a push leaves
    }
    assert growing(quiet) == []


@pytest.mark.parametrize(
    ("name", "value", "noise"),
    [
        ("web 1, MB", lambda at: 180 + at * 12 / 3600, 1.0),
        ("worker 2, MB", lambda at: 120 + 2 * (at // 300), 0.5),
        ("web 1, open files", lambda at: 31 + at // 400, 0.0),
        ("worker 2, threads", lambda at: 40 + at // 400, 0.0),
        ("Redis, keys without an end", lambda at: 9_000 + at / 10, 3.0),
    ],
)
def test_what_grows_is_named(name: str, value: Callable[[float], float], noise: float) -> None:
    found = growing({name: series(value, noise), "web 3, MB": series(lambda at: 180.0, 1.0)})
    assert len(found) == 1
    assert found[0].startswith(name)


LEAKING = """
import sys, threading, time
kept = []
for step in range(24):
    kept.append((bytearray(200_000), open("/dev/null")))
    thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)
    thread.start()
    print(step, flush=True)
    sys.stdin.readline()
"""


def test_a_process_that_keeps_memory_files_and_threads_is_seen_to() -> None:
    with subprocess.Popen([sys.executable, "-c", LEAKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as leaking:
        assert leaking.stdin
        assert leaking.stdout
        points: dict[str, list[tuple[float, float]]] = {}
        for step, _ in enumerate(leaking.stdout):
            for unit, value in held_by(leaking.pid).items():
                points.setdefault(f"it, {unit}", []).append((float(step), value))
            leaking.stdin.write("\n")
            leaking.stdin.flush()
    assert {one.partition(":")[0] for one in growing(points)} == {"it, MB", "it, open files", "it, threads"}


def seen(**planted: float) -> Seen:
    found = Seen(asked_s=[0.02] * 99 + [0.3], redis=[(float(n), 5e6 + 1_700 * n) for n in range(100)])
    found.waits |= {"inbox": 0.4, "outbox": 2.0, "log, traits": 6.0} | planted
    return found


def posts(lost: int = 0) -> list[float]:
    began = time.time() // 60 * 60
    whole = [began + minute * 60 + 2 for minute in range(10) for _ in GROUPS]
    return whole[: 5 * len(GROUPS)] + whole[5 * len(GROUPS) + lost :]


def test_who_waits_too_long_is_named() -> None:
    assert judge(seen(), posts()) == []
    for name, waited in (("inbox", 11.0), ("outbox", 61.0), ("log, traits", 61.0)):
        assert [problem.partition(" waited")[0] for problem in judge(seen(**{name: waited}), posts())] == [name]
    slow = seen()
    slow.asked_s += [9.0] * 5
    assert "took 9.0 s" in judge(slow, posts())[0]
    assert "1 of 10 minutes" in judge(seen(), posts(lost=1))[0]
    assert judge(seen(), []) == ["1 of 0 minutes without all their posts"]
    heavy = seen()
    heavy.redis = [(float(n), 5e6 + 3_000 * n) for n in range(100)]
    assert "3000 B a message" in judge(heavy, posts())[0]
