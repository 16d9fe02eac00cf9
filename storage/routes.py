"""Which server a command goes to: the one there is, the master that sentinels name, or the node of a cluster that has the key.

A command is sent again only where the server said that it did not do it (moved, being moved, try again). A connection that broke says nothing
about what became of the command, so that is the caller's to judge.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from storage.links import Links, Resting, TooFewReplicas, key_of, make_pool

LOOK_EVERY_S = 0.1
"""So often, at most, sentinels or nodes are asked how things stand now."""
MAP_WITHIN_S = 1.0
"""How long nodes are asked for the map, one after the other; the last one may take its time-out beyond it."""
MOST_HOPS = 12
"""A slot that is moving away is asked for so often, a little later each time: half a second in all."""
EVERYWHERE = frozenset({"CONFIG", "FLUSHALL", "FLUSHDB", "SCRIPT"})
"""What every master of a cluster has to do."""

Place = tuple[str, int]
_DOWN = frozenset({"s_down", "o_down"})
_LOST = (ConnectionError, TimeoutError, ReadOnlyError, TooFewReplicas)
_ELSEWHERE = (AskError, TryAgainError)  # a MovedError is an AskError


class Route(Protocol):
    """The way to a Redis, whatever it is made of."""

    def ask(self, *words: Any) -> Any:
        """Sends one command and gives its answer."""

    def ask_all(self, commands: Sequence[tuple[Any, ...]], *, as_bytes: bool = False) -> list[Any]:
        """Sends commands together and gives their answers in order."""

    def masters(self) -> Sequence[Links]:
        """All servers that have a part of the data."""

    def close(self) -> None:
        """Closes what is idle."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis is found: its kind ('', 'sentinel', 'cluster'), hosts, and the parts of a plain address for each of its servers."""

    kind: str
    scheme: str
    login: str = field(repr=False)
    hosts: tuple[Place, ...]
    path: str
    options: tuple[tuple[str, str], ...] = field(repr=False)

    def of(self, host: str, port: int, path: str = "0") -> str:
        """The plain address of one server."""
        named = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{self.login}{named}:{port}/{path}" + (f"?{urlencode(self.options)}" if self.options else "")


def read_address(url: str) -> Address:
    """An address taken apart. Raises ValueError, without the address in it: there may be a password in that."""
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if kind not in {"", "sentinel", "cluster"} or scheme not in {"redis", "rediss", "unix"} or (kind and scheme == "unix"):
        raise ValueError(
            "the scheme of a Redis address is redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster"
        )
    login, at, hosts = parts.netloc.rpartition("@")
    port = 26379 if kind == "sentinel" else 6379
    places = tuple(_place(host, port) for host in hosts.split(",")) if kind else ()
    path = parts.path.strip("/")
    if kind == "sentinel" and not path:
        raise ValueError("a sentinel address ends with the name of the service")
    if kind == "cluster" and path not in ("", "0"):
        raise ValueError("a cluster has no databases by number")
    return Address(kind, scheme, login + at, places, path, tuple(parse_qsl(parts.query)))


def _place(host: str, port: int) -> Place:
    name, colon, number = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host.strip("[]"), port
    return name.strip("[]"), int(number)


def open_route(url: str, *, timeout_s: float, replicas: int = 0) -> Route:
    """The way to the Redis of an address; nothing is asked yet. Raises ValueError for an address that is none."""
    address = read_address(url)

    def connect(server: str, greet: Callable[[Any], None] | None = None) -> Links:
        return Links(make_pool(server, timeout_s, greet), replicas=replicas, wait_ms=round(timeout_s * 500))

    if address.kind == "cluster":
        return Cluster(address.hosts, lambda place: connect(address.of(*place)))
    if address.kind == "sentinel":
        service, _, database = address.path.partition("/")
        find, plain = _finder(address, service, min(timeout_s, 0.5)), _without_sentinels(address)
        return Watched(find, lambda place: connect(plain.of(*place, database or "0"), _greet_master(place, find)))
    return Plain(connect(url))


class Plain:
    """One server."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.ask, self.ask_all, self.close = links.ask, links.ask_all, links.close

    def masters(self) -> Sequence[Links]:
        """The server."""
        return (self._links,)


class Watched:
    """The master of a service that sentinels watch. It is asked for again whenever it does not answer, or is no master any more.

    ``find`` gives where it is, ``make`` the connections to a place.
    """

    def __init__(self, find: Callable[[], Place], make: Callable[[Place], Links]) -> None:
        self._find = find
        self._make = make
        self._known: dict[Place, Links] = {}
        self._links: Links | None = None
        self._turn = _Turn()

    def ask(self, *words: Any) -> Any:
        """Sends one command to the master and gives its answer."""
        links = self._links or self._look()
        try:
            return links.ask(*words)
        except _LOST as error:
            self._doubt(links, error)
            raise

    def ask_all(self, commands: Sequence[tuple[Any, ...]], *, as_bytes: bool = False) -> list[Any]:
        """Sends commands together to the master and gives their answers in order."""
        links = self._links or self._look()
        try:
            return links.ask_all(commands, as_bytes=as_bytes)
        except _LOST as error:
            self._doubt(links, error)
            raise

    def masters(self) -> Sequence[Links]:
        """The master."""
        return (self._links or self._look(),)

    def close(self) -> None:
        """Closes what is idle."""
        for links in self._known.values():
            links.close()

    def _doubt(self, links: Links, error: Exception) -> None:
        """Forgets a master that failed; one that only lacks replicas may be one that was deposed, and is forgotten if sentinels say so."""
        if isinstance(error, TooFewReplicas) and not self._is_deposed(links):
            return
        if self._links is links:
            self._links = None
        links.close()  # connections of before a failover are of no use after it

    def _is_deposed(self, links: Links) -> bool:
        with self._turn.taken() as is_due:
            try:
                return is_due and self._known.get(self._find()) is not links
            except ConnectionError:
                return False

    def _look(self) -> Links:
        with self._turn.taken() as is_due:
            if self._links is None:
                if not is_due:
                    raise Resting
                place = self._find()
                self._links = self._known.setdefault(place, self._known.get(place) or self._make(place))
            return self._links


def _finder(address: Address, service: str, timeout_s: float) -> Callable[[], Place]:
    """Asks sentinels for the master. They have a login of their own, ``?sentinel_username=…&sentinel_password=…``, or none."""
    options = dict(address.options)
    name, password = options.get("sentinel_username", ""), options.get("sentinel_password", "")
    asked = replace(_without_sentinels(address), login=f"{quote(name, safe='')}:{quote(password, safe='')}@" if password else "")
    sentinels = [Links(make_pool(asked.of(*place), timeout_s)) for place in address.hosts]

    def find() -> Place:
        told = [state for links in sentinels if (state := _state(links, service))]
        newest = max((int(state["config-epoch"]) for state in told), default=0)
        for state in told:  # some may not have heard of the last failover yet, and name the master of before
            if int(state["config-epoch"]) == newest and _DOWN.isdisjoint(state["flags"].split(",")):
                return state["ip"], int(state["port"])
        raise ConnectionError("no sentinel names a master that is up")

    return find


def _state(links: Links, service: str) -> dict[str, str]:
    """What one sentinel knows of the master; nothing where it does not answer, or does not watch the service."""
    try:
        flat = links.ask("SENTINEL", "MASTER", service)
    except (RedisError, OSError):
        return {}
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _without_sentinels(address: Address) -> Address:
    return replace(address, options=tuple(pair for pair in address.options if not pair[0].startswith("sentinel_")))


def _greet_master(place: Place, find: Callable[[], Place]) -> Callable[[Any], None]:
    """Begins a connection, if it is to the master.

    A master that died and was started again thinks that it still is one, for seconds, with nothing in it: sentinels know better. One that was
    deposed is a replica, and sentinels may not know yet.
    """

    def greet(connection: Any) -> None:
        connection.on_connect()
        connection.send_command("ROLE")
        if connection.read_response()[0] != "master" or find() != place:
            raise ConnectionError("not the master")

    return greet


class Cluster:
    """The masters of a cluster, each with its slots. The map of them is read from any node, again whenever one is found wrong.

    ``seeds`` are nodes to begin with, ``make`` gives the connections to one.
    """

    def __init__(self, seeds: Sequence[Place], make: Callable[[Place], Links]) -> None:
        self._make = make
        self._nodes: dict[Place, Links] = {place: make(place) for place in seeds}
        self._slots: dict[int, Links] = {}
        self._is_stale = True
        self._turn = _Turn()

    def ask(self, *words: Any) -> Any:
        """Sends one command to the node that has its key, or to all where it concerns all, and gives its answer."""
        if words[0] in EVERYWHERE:
            answers = [links.ask(*words) for links in self.masters()]
            return answers[0]
        links = self._of(key_of(words))
        try:
            return links.ask(*words)
        except _ELSEWHERE as error:
            return self._follow(words, error, links)
        except (ConnectionError, TimeoutError, ClusterDownError):
            self._is_stale = True
            raise

    def ask_all(self, commands: Sequence[tuple[Any, ...]], *, as_bytes: bool = False) -> list[Any]:
        """Sends commands, those of a node together and to all nodes at once, and gives their answers in order.

        Commands about one key are done in their order; between nodes there is none.
        """
        groups: dict[Links, list[int]] = {}
        for place, words in enumerate(commands):
            groups.setdefault(self._of(key_of(words)), []).append(place)
        answers: list[Any] = [None] * len(commands)
        owners = {place: links for links, places in groups.items() for place in places}
        for place, answer in self._exchange(commands, groups, as_bytes=as_bytes):
            answers[place] = answer
        for place, words in enumerate(commands):
            if isinstance(answers[place], _ELSEWHERE):
                answers[place] = self._follow(words, answers[place], owners[place], as_bytes=as_bytes)
            elif isinstance(answers[place], ResponseError):
                self._is_stale = self._is_stale or isinstance(answers[place], ClusterDownError)
                raise answers[place]
        return answers

    def masters(self) -> Sequence[Links]:
        """The nodes that have slots."""
        return list(dict.fromkeys(self._map().values()))

    def close(self) -> None:
        """Closes what is idle."""
        for links in list(self._nodes.values()):
            links.close()

    def _exchange(
        self, commands: Sequence[tuple[Any, ...]], groups: Mapping[Links, Sequence[int]], *, as_bytes: bool
    ) -> Iterator[tuple[int, Any]]:  # fmt: skip
        """The answers of all nodes, with their places; all are read also where one failed, which is raised then."""
        failed: Exception | None = None
        sent = []
        for links, places in groups.items():
            try:
                sent.append((links, places, links.send([commands[place] for place in places])))
            except (ConnectionError, TimeoutError) as error:
                failed = error
        for links, places, lent in sent:
            try:
                yield from zip(places, links.receive(lent, as_bytes=as_bytes), strict=True)
            except (ConnectionError, TimeoutError, TooFewReplicas) as error:
                failed = error
        if failed:
            self._is_stale = True
            raise failed

    def _follow(self, words: tuple[Any, ...], error: Exception, links: Links, *, as_bytes: bool = False) -> Any:
        """Asks where the answer said; that node may know better still, or be in the middle of taking the slot over."""
        for hop in range(MOST_HOPS):
            first: list[tuple[Any, ...]] = []
            if isinstance(error, TryAgainError):
                time.sleep(0.01 * hop)
            else:
                assert isinstance(error, AskError)
                links = self._at(error.host, error.port, links)
                if isinstance(error, MovedError):
                    self._slots = {**self._slots, error.slot_id: links}
                    self._is_stale = True
                else:
                    first = [("ASKING",)]
            try:
                return links.ask_all([*first, words], as_bytes=as_bytes)[-1]
            except _ELSEWHERE as again:
                error = again
            except (ConnectionError, TimeoutError, ClusterDownError):
                self._is_stale = True
                raise
        raise error

    def _of(self, key: str | None) -> Links:
        slots = self._slots if self._slots and not self._is_stale else self._map()
        if key is None:
            return next((links for links in slots.values() if not links.is_resting), next(iter(slots.values())))
        links = slots.get(key_slot(key.encode()))
        if links is None:
            self._is_stale = True
            raise ClusterDownError("CLUSTERDOWN nobody has the slot")
        return links

    def _at(self, host: str, port: int, asked: Links) -> Links:
        place = (host or asked.host, port)
        return self._nodes.setdefault(place, self._nodes.get(place) or self._make(place))

    def _map(self) -> dict[int, Links]:
        """Slots and their nodes, read anew where the map is stale, though not all the time."""
        if self._slots and not self._is_stale:
            return self._slots
        with self._turn.taken() as is_due:
            if self._is_stale and is_due:
                self._read_map()
            if not self._slots:
                raise Resting
            return self._slots

    def _read_map(self) -> None:
        """Asks one node after the other, those that failed last; where nobody answers in time the map stays as it is.

        Nodes whose packets are swallowed cost a time-out each, while everybody else waits for his turn: so the time for all is limited, and the next
        one who looks begins with those that were not asked.
        """
        until = time.monotonic() + MAP_WITHIN_S
        for place, asked in sorted(self._nodes.items(), key=lambda node: node[1].is_resting):
            try:
                ranges = asked.ask("CLUSTER", "SLOTS")
            except (RedisError, OSError):
                ranges = ()
                self._nodes[place] = self._nodes.pop(place)
            if ranges:
                break
            if time.monotonic() > until:
                return
        else:
            return
        self._is_stale = False
        found: dict[int, Links] = {}
        for first, last, *nodes in ranges:
            master, *_ = (
                self._at(host, port, asked) for host, port, *_ in nodes
            )  # replicas are known as well, to be asked when masters are gone
            found |= dict.fromkeys(range(first, last + 1), master)
        self._slots = found


class _Turn:
    """One thread at a time, and not all the time; the others learn whether it is due."""

    def __init__(self) -> None:
        self._lock, self._pid = threading.Lock(), os.getpid()
        self._next = 0.0

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Waits for the turn, a second at most, and gives whether it is time again to look."""
        if self._pid != os.getpid():  # what another thread of the parent held at the fork stays locked for ever
            self._lock, self._pid = threading.Lock(), os.getpid()
        if not self._lock.acquire(timeout=1.0):
            raise Resting
        is_due = time.monotonic() >= self._next
        try:
            yield is_due
        finally:
            if is_due:
                self._next = time.monotonic() + LOOK_EVERY_S
            self._lock.release()
