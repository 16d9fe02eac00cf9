"""How the machine is: what waits and where, what is left alone, who is alive, how Redis does. Read in three round trips, whatever there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database, pairs
from storage.outbox import DeadLetter
from storage.personal import Personal

MOST_LINES = 100
"""Queues of the outbox that are named, the longest overdue first; of each shard so many are counted."""
MOST_LETTERS = 100
"""Dead letters of a page, at least, where there are more: a shard gives them in an order of Redis' own, some more at a time."""
Mark = tuple[int, int]
"""Where a page of dead letters begins: the shard, and how far in it."""
DAY_MS = 86_400_000
AWAY_MS = 75_000
"""A process that gave no sign of life for so long is gone, or hangs: it gives one every twenty seconds."""
MINUTE_MS = 60_500
"""The minute in which a webhook takes twenty posts, as it is counted."""

_decode_letter = msgspec.json.Decoder(DeadLetter).decode


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its name (``web.host.17``): since when it runs, its last sign of life (ms), and a mark of the program that it runs."""

    name: str
    since_ms: int
    seen_ms: int
    program: str

    @property
    def role(self) -> str:
        """web, worker or clock."""
        return self.name.partition(".")[0]

    def is_alive(self, now_ms: int) -> bool:
        """Whether it gave a sign of life of late."""
        return now_ms - self.seen_ms < AWAY_MS


@dataclass(frozen=True, slots=True)
class Line:
    """One queue of the outbox: how many deliveries wait in it, and when its head is tried next (ms)."""

    lane: str
    target: str
    waiting: int
    next_ms: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A target or host that failed: how often in a row, until when it is left alone and since when (ms, 0: it is not)."""

    name: str
    failures: int
    until_ms: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, and the shard that has it."""

    shard: int
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class Server:
    """Redis: its version, bytes in use and allowed (0: no limit), whether what it acknowledges is on disk, and how long an answer took (ms).

    ``machine_memory`` is all that its machine has. ``is_written`` is None where it does not tell.

    Of a cluster it is the worst of its ``masters``; ``replicas`` are those of the one with the fewest.
    """

    version: str = ""
    memory: int = 0
    most_memory: int = 0
    policy: str = ""
    is_appending: bool = False
    is_written: bool | None = None
    uptime_s: int = 0
    latency_ms: float = 0.0
    masters: int = 1
    replicas: int = 0
    machine_memory: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """All of it. Queues are counted over all shards; ``waiting`` is at least so many where ``is_more``.

    ``held`` are leases with their holders, ``turns`` the posts of the last minute by limit.

    ``arrivals`` and ``links`` are moments (ms) by channel, ``told`` alarms that have not ended. ``letters`` are a page of the dead letters, the newest
    first; ``more`` is where the next begins, None where there is none.
    """

    inbox: int
    buried: int
    jobs: int
    pictures: int
    parts: int
    waiting: int
    lines: tuple[Line, ...]
    hidden: int
    is_more: bool
    dead: int
    letters: tuple[Letter, ...]
    processes: tuple[Process, ...]
    held: dict[str, str]
    turns: dict[str, int]
    troubles: tuple[Trouble, ...]
    arrivals: dict[str, int]
    links: dict[str, int]
    told: dict[str, str]
    layout: int
    server: Server
    more: Mark | None = None


class Machine:
    """The state of the installation, and the signs of life of its processes. ``name`` names the calling one."""

    PERSONAL = Personal(
        "运行情况",
        "哪些进程在运行",
        (keys.PROCESSES, keys.LOG_LEVEL),
    )

    def __init__(self, database: Database, name: Callable[[], str], shards: int) -> None:
        self._database = database
        self.name = name
        self._shards = range(shards)

    def beat(self, since_ms: int, now_ms: int, program: str) -> None:
        """This process, which runs since then, gives a sign of life."""
        self._database.command("HSET", keys.PROCESSES(), self.name(), f"{since_ms}|{now_ms}|{program}")

    def leave(self) -> None:
        """This process ends: nobody need wait until its last sign of life is old."""
        self._database.command("HDEL", keys.PROCESSES(), self.name())

    def server(self) -> Server:
        """How Redis does; one round trip, of a cluster one for each master."""
        return _together(self._database.servers())

    def processes(self) -> tuple[Process, ...]:
        """The processes that gave signs of life, those that are gone by now among them."""
        return _processes(self._database.command("HGETALL", keys.PROCESSES()))

    def lines(self) -> Iterator[Line]:
        """Every queue, the longest overdue of each shard first; two round trips a shard."""
        for shard in self._shards:
            places = _places([self._database.command("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, -1, "WITHSCORES")])
            waiting = self._database.pipeline(("LLEN", keys.OUTBOX(shard=shard, lane=lane, target=target)) for _, lane, target, _ in places)
            for (_, lane, target, at), n in zip(places, waiting, strict=True):
                yield Line(lane, target, int(n), at)

    def set_log_level(self, level: str, until_ms: int, now_ms: int) -> None:
        """Lets all processes log from a level on until then; '' takes that back."""
        if level:
            self._database.command("SET", keys.LOG_LEVEL(), f"{level}|{until_ms}", "PX", max(until_ms - now_ms, 1))
        else:
            self._database.command("DEL", keys.LOG_LEVEL())

    def log_level(self, now_ms: int) -> str:
        """What was said about it and holds now, '' for nothing."""
        level, _, until = (self._database.command("GET", keys.LOG_LEVEL()) or "|0").partition("|")
        return str(level) if until.isdecimal() and int(until) > now_ms else ""

    def sweep(self, now_ms: int) -> int:
        """Forgets the processes that have been gone for a day; gives how many."""
        gone = [one.name for one in _processes(self._database.command("HGETALL", keys.PROCESSES())) if now_ms - one.seen_ms > DAY_MS]
        return int(self._database.command("HDEL", keys.PROCESSES(), *gone)) if gone else 0

    def look(
        self, now_ms: int, *, leases: Sequence[str], channels: Sequence[str], limits: Sequence[str],
        with_letters: bool = True, begin: Mark = (0, 0),
    ) -> State:  # fmt: skip
        """All of it, for these leases, channels and names of limits (hosts are ``host.…``); three round trips.

        Dead letters are long: who looks every few seconds goes without them, and gets their number alone. Who leafs through them says where the
        page is to ``begin``: each is on one of the pages, on two at most where others came or went meanwhile.
        """
        server = self.server()
        rows = iter(self._database.pipeline([*self._counts(), *self._names(leases, channels)]))
        inbox, jobs, pictures, parts, buried, dead, queues = (
            [next(rows) for _ in self._shards] for _ in range(7)
        )  # fmt: skip
        due = [next(rows) for _ in self._shards]
        held = {name: holder for name in leases if (holder := next(rows))}
        processes, arrivals, told, layout = _processes(next(rows)), pairs(next(rows)), pairs(next(rows)), next(rows)
        links = {channel: int(at) for channel in channels if (at := next(rows))}
        places = _places(due)
        full = [shard for shard, n in enumerate(dead) if n and with_letters and shard >= begin[0]]
        later = iter(self._database.pipeline(self._details(places, full, limits, begin)))
        lines = [Line(lane, target, int(next(later)), at) for _, lane, target, at in places]
        letters, more = _page([(shard, next(later)) for shard in full])
        sent = {name: next(later) for name in limits}
        found = (_trouble(name, next(later)) for name in limits)
        return State(
            inbox=sum(inbox), buried=sum(buried), jobs=sum(jobs), pictures=sum(pictures), parts=sum(parts),
            waiting=sum(line.waiting for line in lines), lines=tuple(lines[:MOST_LINES]), hidden=max(sum(queues) - MOST_LINES, 0),
            is_more=sum(queues) > len(places), dead=sum(dead),
            letters=tuple(sorted(letters, key=lambda one: -one.letter.died_ms)), more=more, processes=processes, held=held,
            turns={name: sum(int(at) > now_ms - MINUTE_MS for at in times) for name, times in sent.items()},
            troubles=tuple(one for one in found if one.failures), arrivals={name: int(float(at)) for name, at in arrivals.items()}, links=links,
            told=told, layout=int(layout or 0), server=server,
        )  # fmt: skip

    def _counts(self) -> Iterator[tuple[Any, ...]]:
        for family in (keys.INBOX, keys.JOBS, keys.PICTURES, keys.STREAM_WORK):
            yield from (("XLEN", family(shard=shard)) for shard in self._shards)
        yield from (("LLEN", keys.INBOX_DEAD(shard=shard)) for shard in self._shards)
        yield from (("HLEN", keys.OUTBOX_DEAD(shard=shard)) for shard in self._shards)
        yield from (("ZCARD", keys.OUTBOX_DUE(shard=shard)) for shard in self._shards)
        yield from (("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, MOST_LINES - 1, "WITHSCORES") for shard in self._shards)

    def _names(self, leases: Sequence[str], channels: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        yield from (("GET", keys.LEASE(name=name)) for name in leases)
        yield "HGETALL", keys.PROCESSES()
        yield "ZRANGE", keys.ARRIVALS_LAST(), 0, -1, "WITHSCORES"
        yield "HGETALL", keys.ARRIVALS_TOLD()
        yield "HGET", keys.SCHEMA(), "version"
        yield from (("GET", keys.LINK_ALIVE(channel=channel)) for channel in channels)

    def _details(
        self, places: Sequence[tuple[int, str, str, int]], full: Sequence[int], limits: Sequence[str], begin: Mark
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        yield from (("LLEN", keys.OUTBOX(shard=shard, lane=lane, target=target)) for shard, lane, target, _ in places)
        yield from (("HSCAN", keys.OUTBOX_DEAD(shard=one), begin[1] if one == begin[0] else 0, "COUNT", MOST_LETTERS) for one in full)
        yield from (("LRANGE", keys.LIMIT_LOG(name=name), 0, -1) for name in limits)
        yield from (("HMGET", keys.LIMIT_TROUBLE(name=name), "fails", "open_until", "since") for name in limits)


def _page(scanned: Sequence[tuple[int, Any]]) -> tuple[list[Letter], Mark | None]:
    """The letters of as many shards as make a page, and where the next begins; a shard that is not read to its end is gone on with first."""
    letters: list[Letter] = []
    for shard, (cursor, flat) in scanned:
        if len(letters) >= MOST_LETTERS:
            return letters, (shard, 0)
        letters += [Letter(shard, _decode_letter(raw)) for raw in flat[1::2]]
        if int(cursor):
            return letters, (shard, int(cursor))
    return letters, None


def _together(told: Sequence[tuple[dict[str, str], float]]) -> Server:
    """One server, or the masters of a cluster as if they were one: of everything the worst, memory of the fullest."""
    servers = [_server(facts, took_ms) for facts, took_ms in told]
    fullest = max(servers, key=lambda one: (one.memory / one.most_memory if one.most_memory else 0, one.memory))
    written = {one.is_written for one in servers}
    return Server(
        version=" / ".join(dict.fromkeys(one.version for one in servers)),
        memory=fullest.memory, most_memory=fullest.most_memory, policy=" / ".join(dict.fromkeys(one.policy for one in servers)),
        is_appending=all(one.is_appending for one in servers), is_written=False if False in written else None if None in written else True,
        uptime_s=min(one.uptime_s for one in servers), latency_ms=max(one.latency_ms for one in servers),
        masters=len(servers), replicas=min(one.replicas for one in servers), machine_memory=fullest.machine_memory,
    )  # fmt: skip


def _server(facts: Mapping[str, str], took_ms: float) -> Server:
    is_appending = facts.get("aof_enabled") == "1"
    last = "aof_last_write_status" if is_appending else "rdb_last_bgsave_status"
    return Server(
        version=f"Valkey {facts['valkey_version']}" if "valkey_version" in facts else f"Redis {facts.get('redis_version', '?')}",
        memory=int(facts.get("used_memory", 0)), most_memory=int(facts.get("maxmemory", 0)), policy=facts.get("maxmemory_policy", ""),
        is_appending=is_appending, is_written=facts[last] == "ok" if last in facts else None,
        uptime_s=int(facts.get("uptime_in_seconds", 0)), latency_ms=took_ms, replicas=int(facts.get("connected_slaves", 0)),
        machine_memory=int(facts.get("total_system_memory", 0)),
    )  # fmt: skip


def _places(due: Sequence[Sequence[str]]) -> list[tuple[int, str, str, int]]:
    """Shard, lane, target and next moment of every queue, the longest overdue first."""
    found = []
    for shard, flat in enumerate(due):
        for member, at in zip(flat[::2], flat[1::2], strict=True):
            lane, _, target = member.partition(":")
            found.append((shard, lane, target, round(float(at))))
    return sorted(found, key=lambda place: place[3])


def _processes(flat: Sequence[str]) -> tuple[Process, ...]:
    found = []
    for name, kept in zip(flat[::2], flat[1::2], strict=True):
        since, seen, program = kept.split("|", 2)
        found.append(Process(name, int(since), int(seen), program))
    return tuple(sorted(found, key=lambda one: (one.role, one.name)))


def programs(processes: Sequence[Process]) -> Counter[str]:
    """How many processes run which program."""
    return Counter(one.program for one in processes)


def _trouble(name: str, kept: Sequence[str | None]) -> Trouble:
    failures, until, since = (int(value or 0) for value in kept)
    return Trouble(name, failures, until, since)
