"""The connection to Redis: one Lua script is one act and one round trip."""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import redis
from hiredis import pack_command
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    MaxConnectionsError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

LUA = Path(__file__).parent / "lua"
USES = "-- uses: "
"""With this and the name of a file in ``lua/parts`` begins a script that stands on shared functions."""
COOL_DOWN_S = 0.3
"""After a failure the server is left alone this long: callers fail at once instead of queueing up behind a time-out."""
TRUSTED_S = 0.05
"""A connection that answered so short a time ago is used without a look at it: no server is gone and back in less."""

_AWAY = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, MaxConnectionsError)


class StorageAway(Exception):
    """Redis does not answer. Nothing is known about the act that was asked for: repeat it with the same ``once=``."""


class Script:
    """One Lua file of ``storage/lua``; its header says keys, arguments and result.

    A file whose first line is ``-- uses: ledger`` begins with the functions of ``parts/ledger.lua``; several parts stand with commas between.
    """

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str) -> None:
        self.name = name
        self.text, self.sha = _source(name)


@cache
def _source(name: str) -> tuple[str, str]:
    """The text of an act, and the name under which the server knows it; read once in a process, however many stores there are."""
    text = (LUA / f"{name}.lua").read_text(encoding="utf-8")
    first = text.partition("\n")[0]
    if first.startswith(USES):
        parts = first.removeprefix(USES).split(", ")
        text = "\n".join([*((LUA / "parts" / f"{part}.lua").read_text(encoding="utf-8") for part in parts), text])
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """What Redis answers as field, value, field, value (hashes, scores), as a mapping in the same order."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


class Database:
    """A Redis, seen through acts. Threads and forks may share one.

    ``url`` is ``redis://``, ``rediss://`` or ``unix://``. Answers come as the server gives them: text, numbers, flat lists. No command is ever
    sent twice by the client itself: a repeat could apply an act twice. Raises :class:`StorageAway` when the server does not answer in
    ``timeout_s``.
    """

    def __init__(self, url: str, *, timeout_s: float = 1.0, on_round_trip: Callable[[], None] | None = None) -> None:
        self.client = redis.Redis.from_url(
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
        )
        # The client's reshaping of answers differs by command and version; the scripts and stores know what they asked for.
        self.client.response_callbacks.clear()
        self._links = _Links(self.client.connection_pool)
        self._on_round_trip = on_round_trip or (lambda: None)
        self._away_until = 0.0

    def act(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int | float] = ()) -> Any:
        """Runs one Lua act, all of whose ``keys`` share one hash tag; one round trip."""
        try:
            return self._ask(lambda: self._links.ask("EVALSHA", script.sha, len(keys), *keys, *args))
        except NoScriptError:  # after a restart of the server; an unknown script has done nothing, so a repeat is safe
            return self._ask(lambda: self._links.ask("EVAL", script.text, len(keys), *keys, *args))

    def command(self, *words: Any) -> Any:
        """Runs one plain Redis command; one round trip."""
        return self._ask(lambda: self._links.ask(*words))

    def pipeline(self, commands: Iterable[Sequence[Any]]) -> list[Any]:
        """Runs plain commands, answers in order; one round trip, none for no commands."""

        batch = [tuple(words) for words in commands]
        if not batch:
            return []
        answers: list[Any] = self._ask(lambda: self._links.ask_all(batch))
        return answers

    def read_bytes(self, names: Sequence[str]) -> list[bytes]:
        """The raw bytes of string keys (bitmaps are not text), b"" where there is none; one round trip."""

        values = self._ask(lambda: self._links.ask_all([("GET", name) for name in names], as_bytes=True))
        return [value or b"" for value in values]

    def read_parts(self, asked: Sequence[tuple[str, int, int]]) -> list[bytes]:
        """Parts of string keys as raw bytes, by key, first and last byte; b"" where there is nothing; one round trip."""
        parts: list[bytes] = self._ask(lambda: self._links.ask_all([("GETRANGE", *part) for part in asked], as_bytes=True))
        return parts

    def load(self, scripts: Iterable[Script]) -> None:
        """Loads scripts ahead of use, so that the first message does not pay for it; one round trip."""
        self.pipeline([("SCRIPT", "LOAD", script.text) for script in scripts])

    def scan(self, pattern: str, *, count: int = 1000) -> Iterator[str]:
        """All keys that fit the glob: for rare acts of one person's rights and for checks, never for a message."""
        cursor = "0"
        while True:
            cursor, found = self.command("SCAN", cursor, "MATCH", pattern, "COUNT", count)
            yield from found
            if cursor == "0":
                return

    def rows(self, key: str, pattern: str = "*", *, count: int = 1000) -> Iterator[tuple[str, str]]:
        """Field and value of a hash whose fields fit the glob, in no order, some perhaps twice while it changes: for rare acts."""
        cursor = "0"
        while True:
            cursor, flat = self.command("HSCAN", key, cursor, "MATCH", pattern, "COUNT", count)
            yield from zip(flat[::2], flat[1::2], strict=True)
            if cursor == "0":
                return

    def subscribe(self, channel: str) -> Any:
        """A listener on a publish channel; its own connection, closed by the caller."""
        listener = self.client.pubsub(ignore_subscribe_messages=True)
        listener.subscribe(channel)
        return listener

    def setting(self, name: str) -> str | None:
        """A setting of the server, None where it does not tell (managed services forbid CONFIG)."""
        try:
            answer = self.command("CONFIG", "GET", name)
        except ResponseError:
            return None
        return str(answer[1]) if answer else None

    def close(self) -> None:
        """Closes the idle connections."""
        self._links.close()
        self.client.close()

    def _ask(self, send: Callable[[], Any]) -> Any:
        if time.monotonic() < self._away_until:
            raise StorageAway("Redis 暂时不可用：刚才没有应答，稍后自动重试")
        self._on_round_trip()
        try:
            answer = send()
        except ResponseError as error:
            # The disk is full, or the memory: the server answers, but keeps nothing.
            if isinstance(error, OutOfMemoryError) or str(error).startswith("MISCONF"):
                raise StorageAway("Redis 不能写入：磁盘或内存已满") from error
            raise
        except _AWAY as error:
            self._away_until = time.monotonic() + COOL_DOWN_S
            raise StorageAway(f"Redis 不可用：{type(error).__name__}") from error
        self._away_until = 0.0
        return answer


class _Links:
    """Idle connections for single commands, each lent to one thread at a time.

    The client's own way through its pool, its retries and its observability costs 80 µs a command, this one 30 µs; connecting, packing and
    reading stay the client's.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._idle: deque[tuple[Any, float]] = deque()
        self._pid = os.getpid()

    def ask(self, *words: Any) -> Any:
        """Sends one command and gives its answer. A connection that failed is not used again."""
        link = self._borrow()
        try:
            link.send_packed_command([pack_command(words)], check_health=False)
            answer = link.read_response()
        except ResponseError:  # an answer like any other, as far as the connection is concerned
            self._idle.append((link, time.monotonic()))
            raise
        self._idle.append((link, time.monotonic()))
        return answer

    def ask_all(self, commands: Sequence[tuple[Any, ...]], *, as_bytes: bool = False) -> list[Any]:
        """Sends commands together and gives their answers in order. All are read also where one is refused, which is raised then."""
        if not commands:
            return []
        link, answers, refused = self._borrow(), list[Any](), None
        link.send_packed_command([b"".join(map(pack_command, commands))], check_health=False)  # one write, not one for each
        for _ in commands:
            try:
                answers.append(link.read_response(disable_decoding=as_bytes))
            except ResponseError as error:
                refused = refused or error
        self._idle.append((link, time.monotonic()))
        if refused:
            raise refused
        return answers

    def close(self) -> None:
        """Closes what is idle now."""
        while self._idle:
            self._idle.pop()[0].disconnect()

    def _borrow(self) -> Any:
        if self._pid != os.getpid():  # a fork shares its parent's sockets; it must not speak through them
            self._idle, self._pid = deque(), os.getpid()
        try:
            link, used = self._idle.pop()
        except IndexError:
            return self._pool.connection_class(**self._pool.connection_kwargs)
        if time.monotonic() - used > TRUSTED_S and _has_ended(link):
            link.disconnect()  # it connects anew by itself
        return link


def _has_ended(link: Any) -> bool:
    """Whether the server closed an idle connection, or says something on it that nobody asked for."""
    try:
        return bool(link.can_read())
    except ConnectionError:
        return True
