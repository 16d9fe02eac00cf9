"""Connections to one server: lent to a thread for one exchange, never used for a repeat."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import redis
from hiredis import pack_command
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry

from storage import keys

COOL_DOWN_S = 0.3
"""After a failure the server is left alone this long: callers fail at once instead of queueing up behind a time-out."""
TRUSTED_S = 0.05
"""A connection that answered so short a time ago is used without a look at it: no server is gone and back in less."""
UNUSED_S = 60.0
"""A connection that nobody needed for so long is closed: what one busy second opened is not held for years."""
MARK_LIFE_MS = 60_000

READS = frozenset(
    "ASKING BGREWRITEAOF BITCOUNT CLUSTER CONFIG DBSIZE DUMP EXISTS GET GETBIT GETRANGE HEXISTS HGET HGETALL HKEYS HLEN "
    "HMGET HSCAN HVALS INFO LINDEX LLEN LRANGE MEMORY OBJECT PING PTTL ROLE SCAN SCARD SCRIPT SISMEMBER SMEMBERS SRANDMEMBER "
    "SSCAN STRLEN TIME TTL TYPE XINFO XLEN XPENDING XRANGE XREVRANGE ZCARD ZCOUNT ZRANGE ZRANGEBYSCORE ZREVRANGE ZREVRANK "
    "ZRANK ZSCAN ZSCORE".split()
)
"""Commands that change nothing; whatever is not among them waits for the replicas, where that is asked for."""


class Resting(ConnectionError):
    """A server that failed a moment ago, and is not asked again yet."""


class TooFewReplicas(RedisError):
    """What was asked for is done, but not on as many replicas as are wanted."""


def make_pool(url: str, timeout_s: float, on_connect: Callable[[Any], None] | None = None) -> Any:
    """How the server of an address is connected to. ``on_connect`` takes the place of the greeting of a new connection."""
    return redis.ConnectionPool.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",  # what is no text is judged by whoever reads it; it must not break the connection
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        max_connections=512,
        protocol=2,
        driver_info=None,  # two more commands for each new connection, and 10 ms to look its own version up
        redis_connect_func=on_connect,
    )


class Links:
    """Idle connections to one server, each lent to one thread at a time.

    The client's own way through its pool, its retries and its observability costs 80 µs a command, this one 30 µs; connecting, packing and
    reading stay the client's. With ``replicas``, what changes something is answered when so many of them have it.
    """

    def __init__(self, pool: Any, *, replicas: int = 0, wait_ms: int = 500) -> None:
        self.pool = pool
        self._replicas = replicas
        words: tuple[Any, ...] = ("WAIT", replicas, wait_ms)
        self._wait = pack_command(words)
        self._idle: deque[tuple[Any, float]] = deque()
        self._pid = os.getpid()
        self._away_until = 0.0

    @property
    def host(self) -> str:
        """Where the server is."""
        return str(self.pool.connection_kwargs.get("host", ""))

    @property
    def is_resting(self) -> bool:
        """Whether it failed a moment ago."""
        return time.monotonic() < self._away_until

    def ask(self, *words: Any) -> Any:
        """Sends one command and gives its answer. A connection that failed is not used again."""
        if self._replicas:
            return self.ask_all([words])[0]
        link = self._borrow()
        try:
            link.send_packed_command([pack_command(words)], check_health=False)
            answer = link.read_response()
        except ResponseError:  # an answer like any other, as far as the connection is concerned
            self._give_back(link)
            raise
        except (ConnectionError, TimeoutError):
            self.rest()
            raise
        self._give_back(link)
        return answer

    def ask_all(self, commands: Sequence[tuple[Any, ...]], *, as_bytes: bool = False) -> list[Any]:
        """Sends commands together and gives their answers in order. All are read also where one is refused, which is raised then."""
        if not commands:
            return []
        answers = self.receive(self.send(commands), as_bytes=as_bytes)
        for answer in answers:
            if isinstance(answer, ResponseError):
                raise answer
        return answers

    def send(self, commands: Sequence[tuple[Any, ...]]) -> tuple[Any, int, bool]:
        """Sends commands in one write; what it gives is for :meth:`receive`."""
        waits = bool(self._replicas) and any(words[0] not in READS for words in commands)
        packed = [pack_command(words) for words in commands]
        if waits:
            packed += [pack_command(_mark(commands)), self._wait]
        link = self._borrow()
        try:
            link.send_packed_command([b"".join(packed)], check_health=False)
        except (ConnectionError, TimeoutError):
            self.rest()
            raise
        return link, len(commands), waits

    def receive(self, sent: tuple[Any, int, bool], *, as_bytes: bool = False) -> list[Any]:
        """The answers to what was sent; a refusal stands in the place of an answer."""
        link, count, waits = sent
        try:
            answers = [_read(link, as_bytes) for _ in range(count)]
            reached = [_read(link, as_bytes), _read(link, as_bytes)][1] if waits else self._replicas
        except (ConnectionError, TimeoutError):
            self.rest()
            raise
        self._give_back(link)
        # What was refused did nothing, and a server that refuses the mark (moved slot, full disk) refused the commands before it as well.
        if waits and not all(isinstance(answer, ResponseError) for answer in answers) and not _is_enough(reached, self._replicas):
            raise TooFewReplicas
        return answers

    def open(self) -> Any:
        """A new connection of the caller's own, which connects with its first command."""
        return self.pool.connection_class(**self.pool.connection_kwargs)

    def rest(self) -> None:
        """Leaves the server alone for a moment."""
        self._away_until = time.monotonic() + COOL_DOWN_S

    def close(self) -> None:
        """Closes what is idle now."""
        while self._idle:
            try:
                self._idle.pop()[0].disconnect()
            except IndexError:  # another thread took the last one
                return

    def _borrow(self) -> Any:
        if self._away_until and time.monotonic() < self._away_until:
            raise Resting
        if self._pid != os.getpid():  # a fork shares its parent's sockets; it must not speak through them
            self._idle, self._pid = deque(), os.getpid()
        try:
            link, used = self._idle.pop()
        except IndexError:
            return self.open()
        if time.monotonic() - used > TRUSTED_S and _has_ended(link):
            link.disconnect()  # it connects anew by itself
        return link

    def _give_back(self, link: Any) -> None:
        """Lends it to the next, who takes what was used last; so the one at the other end is the one that nobody needs."""
        now = time.monotonic()
        self._idle.append((link, now))
        try:
            if now - self._idle[0][1] <= UNUSED_S:
                return
            unused, used = self._idle.popleft()
        except IndexError:  # other threads took them all
            return
        if now - used > UNUSED_S:
            unused.disconnect()
        else:  # another thread closed the old one in between
            self._idle.appendleft((unused, used))


def _read(link: Any, as_bytes: bool) -> Any:
    try:
        return link.read_response(disable_decoding=as_bytes)
    except ResponseError as error:
        return error


def _is_enough(reached: Any, replicas: int) -> bool:
    return isinstance(reached, int) and reached >= replicas


def _mark(commands: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """A write of the same slot: WAIT waits for the connection's own last write, and an act may answer from what another one wrote."""
    key = next((key for words in commands if (key := key_of(words)) is not None), "")
    tag = key[key.find("{") + 1 : key.find("}")] if "{" in key else "meta"
    return "SET", keys.REPLICATED(tag=tag), 1, "PX", MARK_LIFE_MS


def key_of(words: Sequence[Any]) -> str | None:
    """The first key that a command names, None for one that concerns a server as a whole."""
    name = words[0]
    if name in WITHOUT_KEY:
        return None
    if name in KEY_AT:
        return str(words[KEY_AT[name]])
    if name in {"XREADGROUP", "XREAD"}:
        return str(words[words.index("STREAMS") + 1])
    return str(words[1]) if len(words) > 1 else None


WITHOUT_KEY = frozenset("ASKING BGREWRITEAOF CLUSTER CONFIG DBSIZE FLUSHALL FLUSHDB INFO PING PUBLISH ROLE SCAN SCRIPT TIME WAIT".split())
KEY_AT = {"EVALSHA": 3, "EVAL": 3, "XGROUP": 2, "XINFO": 2, "BITOP": 2, "MEMORY": 2, "OBJECT": 2}
"""Where the first key of a command stands, if not behind its name."""


def _has_ended(link: Any) -> bool:
    """Whether the server closed an idle connection, or says something on it that nobody asked for."""
    try:
        return bool(link.can_read())
    except ConnectionError:
        return True
