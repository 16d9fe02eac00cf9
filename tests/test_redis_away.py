"""Redis gone for some seconds, three ways: callbacks fail fast, nothing is acknowledged that is not kept, and all is well soon after."""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.outside import aibot_text, wecom
from tests.storm import Storm, Tried, check_books
from tests.timing import await_until
from tests.tree import RedisOfOurs, Tree, is_running

REFUSED_WITHIN_S = 2.0
WELL_WITHIN_S = 5.0
ASKERS = 48


class Proxy:
    """A network between the bot and Redis: carries everything, until it is cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._is_cut = threading.Event()
        self._is_over = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._carry, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Drops all connections, and every new one as soon as it comes."""
        self._is_cut.set()

    def mend(self) -> None:
        """Carries again."""
        self._is_cut.clear()

    def close(self) -> None:
        """Ends it."""
        self._is_over.set()
        self._thread.join(5)
        self._door.close()

    def _carry(self) -> None:
        pairs: dict[socket.socket, socket.socket] = {}
        while not self._is_over.is_set():
            if self._is_cut.is_set():
                for line in pairs:
                    line.close()
                pairs = {}
            ready, _, _ = select.select([self._door, *pairs], [], [], 0.05)
            for line in ready:
                if line is self._door:
                    self._open(pairs)
                elif line in pairs and not _pass_on(line, pairs[line]):
                    other = pairs.pop(line)
                    pairs.pop(other)
                    line.close()
                    other.close()
        for line in pairs:
            line.close()

    def _open(self, pairs: dict[socket.socket, socket.socket]) -> None:
        near, _ = self._door.accept()
        try:
            if self._is_cut.is_set():
                raise ConnectionRefusedError
            far = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            near.close()
            return
        pairs[near], pairs[far] = far, near


def _pass_on(line: socket.socket, other: socket.socket) -> bool:
    try:
        carried = line.recv(65_536)
        other.sendall(carried)
    except OSError:
        return False
    return bool(carried)


@dataclass(frozen=True, slots=True)
class Outage:
    """How Redis goes, and how it comes back."""

    begin: Callable[[], None]
    end: Callable[[], None]


@contextmanager
def redis_behind_proxy(folder: Path) -> Iterator[tuple[str, dict[str, Outage]]]:
    """The address of a Redis of our own, and the ways to take it away: ``stopped``, ``killed`` and started again, or ``cut`` off."""
    redis = RedisOfOurs(folder)
    redis.start()
    proxy = Proxy(redis.port)
    try:
        yield (
            f"redis://127.0.0.1:{proxy.port}/0",
            {
                "stopped": Outage(lambda: redis.signal(signal.SIGSTOP), lambda: redis.signal(signal.SIGCONT)),
                "killed": Outage(lambda: redis.signal(signal.SIGKILL), redis.start),
                "cut": Outage(proxy.cut, proxy.mend),
            },
        )
    finally:
        proxy.close()
        redis.stop()


def take_redis_away(folder: Path, ways: Sequence[str], *, gone_s: float, seed: int, messages: int = 250) -> Tried:
    """Takes Redis away for ``gone_s`` in the middle of a storm, one way after the other, and checks what was promised about it."""
    rng, began = random.Random(seed), datetime.now(UTC)
    storms: list[Storm] = []
    with wecom() as side, redis_behind_proxy(folder / "redis-of-ours") as (url, outages):
        tree = Tree(folder, redis_url=url, api_base=side.base)
        try:
            tree.start()
            before = tree.all_pids()
            for way in ways:
                storms.append(Storm(tree, side, rng, messages))
                _take_away(outages[way], storms[-1], tree, rng, gone_s)
                assert tree.pids() == before
                assert all(is_running(pid) for pid in before)
            with tree.database() as database:
                return check_books(database, [said for storm in storms for said in storm.said], side, began=began, strangers="asker")
        finally:
            tree.stop()


def _take_away(outage: Outage, storm: Storm, tree: Tree, rng: random.Random, gone_s: float) -> None:
    storm.begin()
    await_until(lambda: storm.settled() >= len(storm.said) // 4, 60, "a quarter of the storm", every_s=0.001)

    storm.calm.clear()
    outage.begin()
    away = time.monotonic()
    storm.flowing.clear()
    asked = _ask_until(tree, rng, away + gone_s)
    readiness = tree.client.ask("GET", "/readyz")
    outage.end()
    back = time.monotonic()
    _await_health(tree, rng, back)

    storm.flowing.set()
    storm.calm.set()
    storm.end(120)
    assert readiness.status == 503
    _check_refusals(storm, asked, away, back)


def _ask_until(tree: Tree, rng: random.Random, end: float) -> list[tuple[int, float]]:
    """What callbacks get while Redis is away: status and seconds. More come at once than the bot has threads, for as long as it lasts."""
    told: list[tuple[int, float]] = []
    breath = threading.Event()

    def ask() -> None:
        while time.monotonic() < end - REFUSED_WITHIN_S:  # the last ones, too, are to be answered while it is away
            answer = tree.client.tell(tree.channels["assistant"], aibot_text(f"asker{rng.randrange(50)}", "签到"))
            told.append((answer.status, answer.took_s))
            breath.wait(0.05)  # a thousand a second, and the machine has time for the bot

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(ASKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await_until(lambda: time.monotonic() >= end, 60, "the end of the outage")
    return told


def _await_health(tree: Tree, rng: random.Random, back: float) -> None:
    """Twenty right answers in a row, the last not later than promised."""
    in_a_row = 0
    while in_a_row < 20:
        answer = tree.client.tell(tree.channels["assistant"], aibot_text(f"asker{rng.randrange(50)}", "我的积分"))
        in_a_row = in_a_row + 1 if answer.status == 200 and "积分" in answer.said else 0
        assert time.monotonic() - back < WELL_WITHIN_S, f"not well {WELL_WITHIN_S:g} s after the return of Redis"


def _check_refusals(storm: Storm, asked: list[tuple[int, float]], away: float, back: float) -> None:
    assert len(asked) > 20
    during = [
        (answer.status, answer.took_s)
        for said in storm.said
        for started, answer in said.answers
        if away + 0.1 < started and started + answer.took_s < back
    ]
    for status, took_s in [*asked, *during]:
        assert 500 <= status <= 599, f"a callback got {status} while Redis was away"
        assert took_s < REFUSED_WITHIN_S, f"a refusal took {took_s:.1f} s"


@pytest.mark.timeout(180)
def test_while_redis_is_away_nothing_is_acknowledged_and_afterwards_all_is_well(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")

    tried = take_redis_away(tmp_path, ["stopped", "killed", "cut"], gone_s=3.0, seed=seed)

    print(tried)
    assert tried.accepted > 700
