"""Limits: never more than n in any window, whoever asks and whenever."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.connection import Database
from storage.limits import APP_MEMBER, TRIAL_MS, WEBHOOK, Limits, Patience, Rules, Turn

NOW = 1_795_000_000_000


@pytest.fixture
def limits(database: Database) -> Limits:
    limits = Limits(database)
    limits.prepare()
    return limits


def most_in_a_window(times: list[int], period_ms: int) -> int:
    times = sorted(times)
    return max((sum(1 for t in times[i:] if t < start + period_ms) for i, start in enumerate(times)), default=0)


def test_twenty_turns_are_free_and_the_next_waits_until_the_first_leaves_the_window(limits: Limits) -> None:
    assert [limits.acquire("hook.a", WEBHOOK, NOW + n) for n in range(20)] == [0] * 20
    wait = limits.acquire("hook.a", WEBHOOK, NOW + 20)
    assert wait == 60_500 - 20
    assert limits.acquire("hook.a", WEBHOOK, NOW + 20 + wait - 1) == 1
    assert limits.acquire("hook.a", WEBHOOK, NOW + 20 + wait) == 0


def test_one_target_does_not_wait_for_another(limits: Limits) -> None:
    rules = ((1, 60),)
    assert limits.acquire("a", rules, NOW) == 0
    assert limits.acquire("b", rules, NOW) == 0
    assert limits.acquire("a", rules, NOW) == 60_000


def test_all_rules_hold_and_a_refused_turn_takes_nothing(limits: Limits) -> None:
    rules = ((2, 1), (3, 100))
    assert [limits.acquire("a", rules, NOW), limits.acquire("a", rules, NOW)] == [0, 0]
    assert all(limits.acquire("a", rules, NOW + 1) == 999 for _ in range(5))
    assert limits.acquire("a", rules, NOW + 1_000) == 0
    assert limits.acquire("a", rules, NOW + 2_000) == 98_000


def test_the_hour_holds_for_an_app_member(limits: Limits) -> None:
    now, taken = NOW, []
    while now < NOW + 3_600_000:
        wait = limits.acquire("app.desk.1", APP_MEMBER, now)
        if wait:
            now += wait
        else:
            taken.append(now)
    assert most_in_a_window(taken, 60_000) == 30
    assert len([t for t in taken if t < NOW + 3_600_000]) == 1000


def test_a_pause_holds_everybody_until_it_ends(limits: Limits) -> None:
    limits.pause("a", NOW + 60_000, NOW)
    assert limits.paused_for("a", NOW + 1) == 59_999
    assert limits.acquire("a", ((5, 1),), NOW + 1) == 59_999
    assert limits.acquire("a", ((5, 1),), NOW + 60_000) == 0
    assert limits.paused_for("a", NOW + 60_000) == 0


def test_a_clock_that_was_far_ahead_does_not_stop_a_target_for_ever(limits: Limits) -> None:
    assert limits.acquire("a", ((1, 60),), NOW + 10**10) == 0
    assert limits.acquire("a", ((1, 60),), NOW) == 0
    assert limits.acquire("a", ((1, 60),), NOW) == 60_000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 20)), min_size=1, max_size=2),
    steps=st.lists(st.tuples(st.integers(0, 4000), st.integers(-300, 300)), max_size=60),
)
def test_no_window_ever_holds_more_than_its_rule_even_with_skewed_clocks(
    database: Database, rules: Rules, steps: list[tuple[int, int]]
) -> None:
    """Several processes, each with a clock of its own that is up to 0.3 s off: by the log's own time no window is over-full."""
    database.command("FLUSHALL")
    limits, now, taken = Limits(database), NOW, []
    for step, skew in steps:
        now += step
        if limits.acquire("a", rules, now + skew) == 0:
            taken.append(max(now + skew, taken[-1] if taken else 0))
    for count, period_s in rules:
        assert most_in_a_window(taken, int(period_s * 1000)) <= count


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rules=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 20)), min_size=1, max_size=2), asks=st.integers(1, 40))
def test_waiting_as_long_as_told_always_gets_a_turn(database: Database, rules: Rules, asks: int) -> None:
    database.command("FLUSHALL")
    limits, now = Limits(database), NOW
    for _ in range(asks):
        wait = limits.acquire("a", rules, now)
        now += wait
        if wait:
            assert limits.acquire("a", rules, now) == 0


def _ask(answers: Any, clock: Any, url: str) -> None:
    database, taken = Database(url, timeout_s=10), 0
    limits = Limits(database)
    answers.put("ready")
    while True:
        with clock.get_lock():
            clock.value += 250
            at = clock.value
        if at > 240_000:
            break
        taken += limits.acquire("hook.a", WEBHOOK, NOW + at) == 0
    database.close()
    answers.put(taken)


def test_several_processes_share_one_limit(limits: Limits, redis_server: Any) -> None:
    """Three processes race along one clock, four minutes of it."""
    context = multiprocessing.get_context("fork")
    answers, clock = context.Queue(), context.Value("q", 0)
    processes = [context.Process(target=_ask, args=(answers, clock, redis_server.url)) for _ in range(3)]
    for process in processes:
        process.start()
    got = [answers.get(timeout=30) for _ in range(6)]
    for process in processes:
        process.join(30)
    counts = [count for count in got if count != "ready"]
    assert 60 < sum(counts) <= 20 * 4


def test_a_circuit_opens_after_so_many_failures_and_gives_one_trial_at_a_time(limits: Limits) -> None:
    patience = Patience(failures=3, first_ms=1_000, longest_ms=3_000)
    assert [limits.failed("a", patience, NOW) for _ in range(3)] == [(0, False), (0, False), (1_000, True)]
    assert limits.turn("a", WEBHOOK, NOW + 999).wait_ms == 1
    trial = limits.turn("a", WEBHOOK, NOW + 1_000)
    assert (trial.wait_ms, trial.failures) == (0, 3)
    assert limits.turn("a", WEBHOOK, NOW + 1_000).wait_ms == TRIAL_MS
    assert limits.failed("a", patience, NOW + 1_500) == (2_000, False)
    assert limits.failed("a", patience, NOW + 1_500) == (2_000, False), "what was on its way says nothing new"
    assert limits.turn("a", WEBHOOK, NOW + 3_500).wait_ms == 0
    assert limits.failed("a", patience, NOW + 3_500) == (3_000, False)
    assert limits.turn("a", WEBHOOK, NOW + 6_500).wait_ms == 0
    assert limits.answered("a") == NOW
    assert limits.answered("a") == 0
    assert limits.turn("a", WEBHOOK, NOW + 6_500) == Turn(0, is_near=False, failures=0)


def test_an_answer_between_failures_keeps_the_circuit_closed(limits: Limits) -> None:
    patience = Patience(failures=2, first_ms=1_000, longest_ms=3_000)
    for _ in range(5):
        assert limits.failed("a", patience, NOW) == (0, False)
        assert limits.answered("a") == 0


def test_a_limit_is_near_when_less_than_a_quarter_is_left(limits: Limits) -> None:
    turns = [limits.turn("a", WEBHOOK, NOW).is_near for _ in range(20)]
    assert turns == [False] * 15 + [True] * 5
