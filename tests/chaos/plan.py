"""What goes wrong in a run, and when: drawn by a seed from every way in which the world breaks.

A fault is a function that breaks something in a :class:`House` when it begins and mends it when it ends; all that is random about it comes from
the dice that it is handed, so the same seed breaks the same things at the same places of the storm.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import resource
import signal
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import redis

from tests.chaos.house import House
from tests.chaos.record import SHARDS
from tests.timing import await_until
from tests.topologies import ClusterOfOurs, Node

Dice = random.Random
Break = Callable[[House, Dice], AbstractContextManager[None]]

HOOK, APP, ONCE, TOKEN = "/cgi-bin/webhook/send", "/cgi-bin/message/send", "/cgi-bin/aibot/response", "/cgi-bin/gettoken"
HOME = f"qb:{{{zlib.crc32(b'main') % SHARDS}}}:x"
"""In the slot of the community of these lives."""
TORN = b"*1\r\n$5\r\nMULTI\r\n*3\r\n$4\r\nHSET\r\n$20\r\nqb:{0}:main:points:b"
"""The beginning of an act that a power cut tore off: nobody was told that it was done."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to break the world for ``lasts_s``. ``takes_redis`` is whether no machine can keep anything meanwhile: every callback gets a 5xx
    within two seconds then, and all is well soon after. ``hides``, which that is as well: the bot may not learn that what it sent arrived."""

    name: str
    breaks: Break
    lasts_s: tuple[float, float] = (0.3, 1.0)
    takes_redis: bool = False
    hides: bool = False
    needs: str = ""
    """What the bot's Redis has to be: ``one`` server, ``several``, or a ``cluster``."""
    is_rare: bool = False
    """Whether only long lives have it: they have a clock process, and time."""


# Processes ----------------------------------------------------------------------------------------------------------------


def killed(*roles: str) -> Break:
    """kill -9 of one process of these roles; its supervisor starts it again."""

    @contextmanager
    def break_(house: House, dice: Dice) -> Iterator[None]:
        doomed = sorted(pid for role in roles for pid in house.pids().get(role, ()))
        if doomed:
            _end(dice.choice(doomed), signal.SIGKILL)
        yield
        house.revive()

    return break_


@contextmanager
def asked_to_end(house: House, dice: Dice) -> Iterator[None]:
    """SIGTERM to one role of the second machine, as in a rolling restart."""
    role = dice.choice(("web of B", "worker of B"))
    for pid in house.pids().get(role, ()):
        _end(pid, signal.SIGTERM)
        await_until(lambda pid=pid: pid not in house.pids().get(role, ()), 12, "a graceful end")
    yield
    house.revive()


@contextmanager
def blackout(house: House, dice: Dice) -> Iterator[None]:
    """kill -9 of everything, Redis included, in any order."""
    doomed = [pid for pids in house.pids().values() for pid in pids] + [house.redis.pid]
    dice.shuffle(doomed)
    for pid in doomed:
        _end(pid, signal.SIGKILL)
    yield
    await_until(house.redis.has_ended, 10, "the end of Redis")
    house.revive()


@contextmanager
def stopped(house: House, dice: Dice) -> Iterator[None]:
    """A process that is not scheduled for a while, and goes on as if nothing had been."""
    role = dice.choice(("web", "worker", "web of B", "worker of B"))
    pids = house.pids().get(role, ())
    for pid in pids:
        _end(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            _end(pid, signal.SIGCONT)


def _end(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


# Redis --------------------------------------------------------------------------------------------------------------------


@contextmanager
def redis_killed(house: House, dice: Dice) -> Iterator[None]:
    """Redis dies and is started again on its data, perhaps with an entry torn in its log."""
    house.redis.signal(signal.SIGKILL)
    yield
    if dice.random() < 0.5:
        tear(house)
    house.redis.start()


@contextmanager
def redis_torn(house: House, dice: Dice) -> Iterator[None]:
    """A power cut: the last, unacknowledged entry of Redis' log is only half there."""
    house.redis.signal(signal.SIGKILL)
    yield
    tear(house)
    house.redis.start()


def tear(house: House) -> None:
    """Leaves the beginning of an act at the end of Redis' log."""
    newest = max(house.redis.folder.glob("appendonlydir/*.incr.aof"), key=lambda file: file.stat().st_mtime)
    with newest.open("ab") as log:
        log.write(TORN)


@contextmanager
def redis_stopped(house: House, dice: Dice) -> Iterator[None]:
    """Redis does not answer."""
    house.redis.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        house.redis.signal(signal.SIGCONT)


@contextmanager
def redis_full(house: House, dice: Dice) -> Iterator[None]:
    """Redis has no memory left, and drops nothing: it reads, and keeps nothing new."""
    house.server.config_set("maxmemory", "1mb")
    try:
        yield
    finally:
        house.server.config_set("maxmemory", "0")


@contextmanager
def disk_full(house: House, dice: Dice) -> Iterator[None]:
    """Redis' log cannot grow: told to keep everything, it ends in the middle of a write rather than acknowledge; there is room again afterwards."""
    size = max(file.stat().st_size for file in house.redis.folder.glob("appendonlydir/*.aof"))
    resource.prlimit(house.redis.pid, resource.RLIMIT_FSIZE, (size + dice.randrange(200, 4_000), resource.RLIM_INFINITY))
    yield
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(house.redis.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    if house.redis.has_ended():
        house.redis.start()


@contextmanager
def failover(house: House, dice: Dice) -> Iterator[None]:
    """The master dies, another is chosen, and the dead one comes back as its replica."""
    assert house.topology
    key = _some_key(dice)
    dead = house.topology.master(key)
    dead.signal(signal.SIGKILL)
    await_until(lambda: _master(house, key) not in (None, dead), 20, "another master")
    yield
    dead.start()
    _await_whole(house, key)


@contextmanager
def master_stopped(house: House, dice: Dice) -> Iterator[None]:
    """The master is silent until another is chosen; then it is back, and does not know yet that it is none any more."""
    assert house.topology
    key = _some_key(dice)
    silent = house.topology.master(key)
    silent.signal(signal.SIGSTOP)
    try:
        await_until(lambda: _master(house, key) not in (None, silent), 20, "another master")
        yield
    finally:
        silent.signal(signal.SIGCONT)
    _await_whole(house, key)


@contextmanager
def replica_killed(house: House, dice: Dice) -> Iterator[None]:
    """A replica dies and comes back; meanwhile its master may be alone with what it keeps."""
    assert house.topology
    key = _some_key(dice)
    dead = house.topology.replica(key)
    dead.signal(signal.SIGKILL)
    yield
    dead.start()
    _await_whole(house, key)


@contextmanager
def slot_moved(house: House, dice: Dice) -> Iterator[None]:
    """A slot goes to another master, key by key, while messages come."""
    assert isinstance(house.topology, ClusterOfOurs)
    key = _some_key(dice)
    house.topology.move(key)
    yield
    _await_whole(house, key)


def _some_key(dice: Dice) -> str:
    """A name in a slot that the bot uses: that of the community of these lives, where most happens, another shard's, or that of all people."""
    return dice.choice((HOME, f"qb:{{{dice.randrange(SHARDS)}}}:x", "qb:{people}:x"))


def _master(house: House, key: str) -> Node | None:
    """The server that calls itself master, where the others agree on it."""
    with contextlib.suppress(redis.RedisError, StopIteration):
        node = house.topology.master(key) if house.topology else None
        return node if node and node.answers() and node.client.execute_command("ROLE")[0] == "master" else None
    return None


def _await_whole(house: House, key: str) -> None:
    """Until there are masters for all, each with a replica in step."""
    await_until(lambda: _master(house, key) is not None and house.topology.is_whole(), 30, "a replica in step")  # type: ignore[union-attr]


# Networks -----------------------------------------------------------------------------------------------------------------


def on_lines(*names: str, how: str) -> Break:
    """Lines to Redis of these machines: cut, frozen, or slow."""

    @contextmanager
    def break_(house: House, dice: Dice) -> Iterator[None]:
        lines = [house.lines[name] for name in names]
        for line in lines:
            line.slow(dice.uniform(0.03, 0.15)) if how == "slow" else getattr(line, how)()
        try:
            yield
        finally:
            for line in lines:
                line.mend()

    return break_


def outside(how: str) -> Break:
    """The line to WeCom: cut, frozen, or slow."""

    @contextmanager
    def break_(house: House, dice: Dice) -> Iterator[None]:
        line = house.outside
        line.slow(dice.uniform(0.1, 0.5)) if how == "slow" else getattr(line, how)()
        try:
            yield
        finally:
            line.mend()

    return break_


# WeCom and clocks ---------------------------------------------------------------------------------------------------------


def wecom(**fault: float | str) -> Break:
    """WeCom answers some calls of each kind wrongly, or takes them and says nothing."""

    @contextmanager
    def break_(house: House, dice: Dice) -> Iterator[None]:
        for path in (HOOK, APP, ONCE):
            house.pretend.faults.add(path, **fault, times=dice.randrange(1, 4))  # type: ignore[arg-type]
        yield
        house.pretend.faults.clear()  # what nobody asked for meanwhile does not lie in wait for later

    return break_


@contextmanager
def token_forgotten(house: House, dice: Dice) -> Iterator[None]:
    """WeCom takes no token that it gave."""
    house.pretend.tokens.forget()
    house.pretend.faults.add(TOKEN, http_status=502)
    yield
    house.pretend.faults.clear()


def clock(*roles: str, by_s: tuple[float, float], most_ahead_s: float = math.inf) -> Break:
    """The clock of these roles of machine B is wrong, one way or the other."""

    @contextmanager
    def break_(house: House, dice: Dice) -> Iterator[None]:
        off_s = min(dice.uniform(*by_s) * dice.choice((-1, 1)), most_ahead_s)
        for role in roles:
            house.second.skew(role).write_text(str(off_s))
        try:
            yield
        finally:
            for role in roles:
                house.second.skew(role).write_text("0")

    return break_


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("a web process killed", killed("web", "web of B")),
        Fault("a worker killed", killed("worker", "worker of B"), hides=True),
        Fault("the parent killed", killed("serve"), hides=True),
        Fault("a role asked to end", asked_to_end),
        Fault("a process stopped", stopped, (1.0, 2.5)),
        Fault("everything killed", blackout, hides=True, needs="one"),
        Fault("redis killed", redis_killed, (0.5, 1.2), takes_redis=True, needs="one"),
        Fault("redis torn", redis_torn, (0.3, 0.6), takes_redis=True, needs="one"),
        Fault("redis stopped", redis_stopped, (2.5, 3.0), takes_redis=True, needs="one"),
        Fault("redis full", redis_full, (0.5, 1.5), takes_redis=True, needs="one"),
        Fault("the disk full", disk_full, (0.5, 1.0), hides=True, needs="one"),
        Fault("a failover", failover, (0.3, 1.0), hides=True, needs="several"),
        Fault("a master silent", master_stopped, (0.0, 0.5), hides=True, needs="several"),
        Fault("a replica killed", replica_killed, (0.3, 1.0), hides=True, needs="several"),
        Fault("a slot moved", slot_moved, (0.0, 0.3), hides=True, needs="cluster"),
        Fault("redis cut off", on_lines("A", "B", how="cut"), (0.5, 1.5), takes_redis=True, needs="one"),
        Fault("redis frozen off", on_lines("A", "B", how="freeze"), (2.5, 3.0), takes_redis=True, needs="one"),
        Fault("redis far away", on_lines("A", "B", how="slow"), (1.0, 2.0), needs="one"),
        Fault("one machine cut off", on_lines("B", how="cut"), (0.5, 1.5), hides=True, needs="one"),
        Fault("one machine far away", on_lines("B", how="slow"), (1.0, 2.0), needs="one"),
        Fault("WeCom cut off", outside("cut"), (0.5, 1.5), hides=True),
        Fault("WeCom far away", outside("slow"), (1.0, 2.0)),
        Fault("WeCom answers 502", wecom(http_status=502)),
        Fault("WeCom is busy", wecom(errcode=-1)),
        Fault("WeCom hears nothing", wecom(drop="before")),
        Fault("WeCom takes it and says nothing", wecom(drop="after")),
        Fault("WeCom takes its time", wecom(delay_s=1.5)),
        Fault("a token forgotten", token_forgotten),
        Fault("a clock wrong by seconds", clock("web", "worker", by_s=(0.5, 8.0)), (1.5, 2.5)),
        Fault("a worker's clock wrong by minutes", clock("worker", by_s=(60.0, 400.0)), (1.0, 2.0)),
        # What a web process answers besides leaves as much later as its clock is ahead: no more than a life may last at its end.
        Fault("a web's clock wrong by minutes", clock("web", by_s=(60.0, 400.0), most_ahead_s=120.0), (1.0, 2.0), is_rare=True),
        Fault("a ringer's clock wrong by minutes", clock("clock", by_s=(60.0, 400.0)), (1.0, 2.0), is_rare=True),
        Fault(
            "a machine's clock wrong by minutes",
            clock("web", "worker", "clock", by_s=(60.0, 400.0), most_ahead_s=120.0),
            (1.0, 2.0),
            is_rare=True,
        ),
        Fault("a ringer killed", killed("clock of B"), hides=True, is_rare=True),
    )
}


@dataclass(frozen=True, slots=True)
class Timed:
    """A fault, where in its storm it begins (a share of the messages), and how long it lasts."""

    fault: str
    at: float
    lasts_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong in one run; ``seed`` gives it again."""

    seed: int
    faults: tuple[Timed, ...]

    def __str__(self) -> str:
        return f"run {self.seed}: " + ", ".join(f"{one.fault} ({one.lasts_s:.1f} s at {one.at:.0%})" for one in self.faults)


def kinds(redis: str, *, with_rare: bool = False) -> list[str]:
    """The faults that can happen to a house whose Redis is ``one``, stands behind ``sentinels``, or is a ``cluster``."""
    given = ("", redis) if redis == "one" else ("", "several", redis)
    return sorted(name for name, fault in FAULTS.items() if fault.needs in given and (with_rare or not fault.is_rare))


def plans(seed: int, runs: int, *, each: int = 3, redis: str = "one", with_rare: bool = False) -> list[Plan]:
    """``runs`` plans of ``each`` faults. The faults are dealt like cards: none comes again before all have come, whatever the seed."""
    dice, deck, dealt = random.Random(seed), list[str](), list[Plan]()
    for run in range(runs):
        names = list[str]()
        while len(names) < each:
            if not deck:
                deck = kinds(redis, with_rare=with_rare)
                dice.shuffle(deck)
            names.append(deck.pop())
        starts = sorted(dice.uniform(0.1, 0.85) for _ in names)
        faults = (Timed(name, at, dice.uniform(*FAULTS[name].lasts_s)) for name, at in zip(names, starts, strict=True))
        dealt.append(Plan(seed + run, tuple(faults)))
    return dealt
