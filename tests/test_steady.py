"""What the long soak finds: each way to grow or to be left waiting, planted, is seen, and nothing else is."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.steady import GROUPS, WARM_UP_S, Seen, growing, held_by, judge, trend

MINUTES = 25


def series(value: Callable[[float], float], noise: float = 0.0, seed: int = 1, minutes: int = MINUTES) -> list[tuple[float, float]]:
    """A point every ten seconds."""
    dice = random.Random(seed)
    return [(at, value(at) + dice.gauss(0, noise)) for at in range(0, minutes * 60, 10)]


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("worker 2, open files", lambda at: 31 + 2 * (at >= 630)),
        ("worker 2, open files", lambda at: 31 + min(9, at // 350)),
        ("web 1, MB", lambda at: 180 + 20 * (at >= 5_000)),
        ("web 1, MB", lambda at: 180 + 20 * (at >= 6_600)),
        ("web 1, MB", lambda at: 180 + 12 * (at % 900 > 800)),
    ],
)
def test_what_is_opened_once_and_kept_does_not_grow(name: str, value: Callable[[float], float]) -> None:
    assert growing({name: series(value, minutes=120)}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("web 1, MB", lambda at: 180 + max(0, at - 6_000) * 0.05),
        ("worker 2, MB", lambda at: 120 + max(0, at - 3_600) * 0.005),
        ("worker 2, threads", lambda at: 40 + max(0, at - 6_000) // 120),
        ("worker 2, open files", lambda at: 31 + at // 1_000),
    ],
)
def test_what_begins_late_is_named_as_well(name: str, value: Callable[[float], float]) -> None:
    assert len(growing({name: series(value, 0.3, minutes=120)})) == 1


LEAKING = """
import sys, threading, time
kept = []
for step in range(48):
    {line}
    print(step, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("unit", "line"),
    [
        ("MB", "kept.append(bytearray(200_000))"),
        ("open files", "kept.append(open('/dev/null'))"),
        ("threads", "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"),
    ],
)
def test_a_process_that_keeps_what_it_took_is_seen_to(unit: str, line: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAKING.format(line=line)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as leaking:
        assert leaking.stdin
        assert leaking.stdout
        points: list[tuple[float, float]] = []
        for step, _ in enumerate(leaking.stdout):
            points.append((float(step), held_by(leaking.pid)[unit]))
            leaking.stdin.write("\n")
            leaking.stdin.flush()
    assert len(growing({f"it, {unit}": points})) == 1


BEGAN = 1_800_000_030.0
"""Half a minute before a whole one."""


def seen(**planted: float) -> Seen:
    noted = (MINUTES * 60 - WARM_UP_S) / 10
    found = Seen(
        seconds=MINUTES * 60,
        began=BEGAN,
        asked_s=[0.02] * 1_200 + [0.3],
        redis=[(float(n), 5e6 + 1_700 * n) for n in range(100)],
        rates=[380.0] * 2 * MINUTES,
        looks=int(noted),
        posts={f"hook{group}": [BEGAN + 32 + minute * 60 for minute in range(MINUTES)] for group in range(len(GROUPS))},
    )
    for name in ("web 1, MB", "worker 2, MB", "redis 3, open files", "parent 4, threads", "Redis, keys without an end"):
        found.series[name] = [(WARM_UP_S + 10 * number, 100.0) for number in range(int(noted))]
    found.waits |= {"inbox": 0.4, "outbox": 2.0, "log, traits": 6.0} | planted
    return found


def test_who_waits_too_long_is_named() -> None:
    assert judge(seen()) == []
    for name, waited in (("inbox", 11.0), ("outbox", 61.0), ("log, traits", 61.0)):
        assert [problem.partition(" waited")[0] for problem in judge(seen(**{name: waited}))] == [name]
    slow = seen()
    slow.asked_s += [9.0] * 25
    assert "took 9.0 s" in judge(slow)[0]
    heavy = seen()
    heavy.redis = [(float(n), 5e6 + 3_000 * n) for n in range(100)]
    assert "3000 B a message" in judge(heavy)[0]


def _one_lost(found: Seen) -> None:
    found.posts["hook7"].pop(12)


def _one_twice(found: Seen) -> None:
    found.posts["hook7"].append(found.posts["hook7"][12] + 0.5)


def _one_group_instead_of_another(found: Seen) -> None:
    found.posts["hook7"] += found.posts.pop("hook8")


def _none_after_a_while(found: Seen) -> None:
    found.posts = {hook: at[:3] for hook, at in found.posts.items()}


@pytest.mark.parametrize(
    "wrong", [_one_lost, _one_twice, _one_group_instead_of_another, _none_after_a_while, lambda found: found.posts.clear()]
)
def test_each_group_has_each_post_once_within_its_minute(wrong: Callable[[Seen], None]) -> None:
    found = seen()
    found.posts["hook3"][9] += 25  # late, and within its minute
    assert judge(found) == []
    wrong(found)
    (problem,) = judge(found)
    assert "missing or double" in problem


def test_silence_proves_nothing() -> None:
    found = seen()
    found.asked_s, found.looks = [], 3
    assert [one.partition(" in")[0] for one in judge(found)] == ["only 3 looks", "only 0 questions"]
    found = seen()
    found.series = {name: points[:40] for name, points in found.series.items() if not name.startswith("web")} | {
        "web 9, MB": [(300.0, 1.0)]
    }
    assert judge(found)[0] == "no web was looked at to the end"
    for rates in ([380.0] * MINUTES + [100.0] * MINUTES, [20.0] * MINUTES, []):
        found = seen()
        found.rates = rates
        assert "answers a second at last" in judge(found)[0]
