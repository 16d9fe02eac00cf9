"""One time for all processes: whatever their own clocks say, they agree, and limits hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storage.connection import Database
from storage.embedded import EmbeddedServer, ask
from storage.limits import WEBHOOK, Limits
from storage.moment import to_ms
from storage.shared_clock import EVERY_S, SharedClock


def wrong(**off: float) -> datetime:
    return datetime.now(UTC) + timedelta(**off)


def test_machines_whose_clocks_are_minutes_apart_share_one_time(database: Database) -> None:
    ahead = SharedClock(database, lambda: wrong(minutes=5))
    behind = SharedClock(database, lambda: wrong(minutes=-5))
    assert abs(ahead() - behind()) < timedelta(seconds=1)


def test_no_more_than_the_limit_passes_by_processes_whose_clocks_differ(database: Database) -> None:
    limits = Limits(database)
    clocks = [SharedClock(database, lambda: wrong(minutes=5)), SharedClock(database, lambda: wrong(minutes=0))]
    passed = sum(limits.acquire("hook", WEBHOOK, to_ms(clock())) == 0 for clock in clocks for _ in range(30))
    assert passed == 20


def test_a_clock_that_is_put_forward_meanwhile_changes_nothing(database: Database) -> None:
    steady = [100.0]
    clock = SharedClock(database, lambda: wrong(hours=3), lambda: steady[0])
    first = clock()
    steady[0] += EVERY_S / 2
    assert clock() - first == timedelta(seconds=EVERY_S / 2)


def test_before_redis_answers_it_is_the_machine_s_own_time() -> None:
    own = datetime(2026, 3, 1, tzinfo=UTC)
    assert SharedClock(Database("unix:///nowhere/redis.sock"), lambda: own)() == own


@pytest.mark.usefixtures("durable")
def test_while_redis_is_full_it_still_tells_the_time(database: Database, redis_server: EmbeddedServer) -> None:
    ask(redis_server.socket, "CONFIG SET maxmemory 1mb")
    try:
        assert abs(SharedClock(database, lambda: wrong(hours=1))() - datetime.now(UTC)) < timedelta(seconds=2)
    finally:
        ask(redis_server.socket, "CONFIG SET maxmemory 0")
