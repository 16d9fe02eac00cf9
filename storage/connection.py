"""The connection to Redis: one Lua script is one act and one round trip."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from storage import keys
from storage.links import MARK_LIFE_MS, Links, Resting, TooFewReplicas
from storage.routes import open_route

LUA = Path(__file__).parent / "lua"
USES = "-- uses: "
"""With this and the name of a file in ``lua/parts`` begins a script that stands on shared functions."""
_AWAY = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, AskError, ClusterDownError, TryAgainError)


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

    ``url`` is ``redis://``, ``rediss://`` or ``unix://`` for one server, ``redis+sentinel://host,host/service`` for the master that sentinels name,
    ``redis+cluster://host,host`` for a cluster. Answers come as the server gives them: text, numbers, flat lists. No command is ever sent twice
    by the client itself unless the server said that it did not do it: a repeat could apply an act twice. Raises :class:`StorageAway` when the
    server does not answer in ``timeout_s``, or fewer than ``wait_replicas`` replicas have what was done.
    """

    def __init__(
        self, url: str, *, timeout_s: float = 1.0, wait_replicas: int = 0, on_round_trip: Callable[[], None] | None = None
    ) -> None:  # fmt: skip
        self._route = open_route(url, timeout_s=timeout_s, replicas=wait_replicas)
        self._send, self._send_all = self._route.ask, self._route.ask_all
        self._wait_replicas = wait_replicas
        self._on_round_trip = on_round_trip or (lambda: None)

    @property
    def client(self) -> Any:
        """The library's own client of the (first) server, for what is not an act."""
        return _client(self._route.masters()[0])

    def act(self, script: Script, keys: Sequence[str], args: Sequence[str | bytes | int | float] = ()) -> Any:
        """Runs one Lua act, all of whose ``keys`` share one hash tag; one round trip."""
        try:
            return self._ask(lambda: self._send("EVALSHA", script.sha, len(keys), *keys, *args))
        except NoScriptError:  # after a restart of the server; an unknown script has done nothing, so a repeat is safe
            return self._ask(lambda: self._send("EVAL", script.text, len(keys), *keys, *args))

    def acts(self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str | bytes | int | float]]]) -> list[Any]:
        """Runs one Lua act for each of ``calls``, its keys and its arguments; answers in order, one round trip in all.

        Each stands by itself and has to take a repeat: where one server of several had forgotten the script, all are asked again.
        """
        batch = [("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls]
        try:
            return self.pipeline(batch)
        except NoScriptError:
            self.load([script])
            return self.pipeline(batch)

    def command(self, *words: Any) -> Any:
        """Runs one plain Redis command; one round trip."""
        return self._ask(lambda: self._send(*words))

    def pipeline(self, commands: Iterable[Sequence[Any]]) -> list[Any]:
        """Runs plain commands, answers in order; one round trip, none for no commands."""

        batch = [tuple(words) for words in commands]
        if not batch:
            return []
        answers: list[Any] = self._ask(lambda: self._send_all(batch))
        return answers

    def read_bytes(self, names: Sequence[str]) -> list[bytes]:
        """The raw bytes of string keys (bitmaps are not text), b"" where there is none; one round trip."""

        values = self._ask(lambda: self._send_all([("GET", name) for name in names], as_bytes=True))
        return [value or b"" for value in values]

    def read_parts(self, asked: Sequence[tuple[str, int, int]]) -> list[bytes]:
        """Parts of string keys as raw bytes, by key, first and last byte; b"" where there is nothing; one round trip."""
        parts: list[bytes] = self._ask(lambda: self._send_all([("GETRANGE", *part) for part in asked], as_bytes=True))
        return parts

    def load(self, scripts: Iterable[Script]) -> None:
        """Loads scripts ahead of use, so that the first message does not pay for it; one round trip a server."""
        batch = [("SCRIPT", "LOAD", script.text) for script in scripts]
        for links in self._masters():
            self._ask(partial(links.ask_all, batch))

    def confirm(self, key: str) -> None:
        """Returns when all that the key's server has done by now is on as many replicas as are wanted; at once where none are."""
        if self._wait_replicas:
            tag = key[key.find("{") + 1 : key.find("}")]
            self.command("SET", keys.REPLICATED(tag=tag), 1, "PX", MARK_LIFE_MS)

    def scan(self, pattern: str, *, count: int = 1000) -> Iterator[str]:
        """All keys that fit the glob: for rare acts of one person's rights and for checks, never for a message."""
        for links in self._masters():
            cursor = "0"
            while True:
                cursor, found = self._ask(partial(links.ask, "SCAN", cursor, "MATCH", pattern, "COUNT", count))
                yield from found
                if cursor == "0":
                    break

    def rows(self, key: str, pattern: str = "*", *, count: int = 1000) -> Iterator[tuple[str, str]]:
        """Field and value of a hash whose fields fit the glob, in no order, some perhaps twice while it changes: for rare acts."""
        cursor = "0"
        while True:
            cursor, flat = self.command("HSCAN", key, cursor, "MATCH", pattern, "COUNT", count)
            yield from zip(flat[::2], flat[1::2], strict=True)
            if cursor == "0":
                return

    def subscribe(self, channel: str) -> Any:
        """A listener on a publish channel; its own connection, closed by the caller. What is published on one node of a cluster is heard on all."""
        alive = [links for links in self._route.masters() if not links.is_resting]
        if not alive:
            raise Resting
        listener = _client(alive[0]).pubsub(ignore_subscribe_messages=True)
        listener.subscribe(channel)
        return listener

    def setting(self, name: str) -> str | None:
        """A setting of the server, None where it does not tell (managed services forbid CONFIG); what masters of a cluster differ in, one / other."""
        try:
            answers = [self._ask(partial(links.ask, "CONFIG", "GET", name)) for links in self._masters()]
        except ResponseError:
            return None
        told = dict.fromkeys(str(answer[1]) for answer in answers if answer)
        return " / ".join(told) or None

    def masters(self) -> list[Callable[[], Any]]:
        """For each server that has a part of the data what opens a connection of the caller's own to it."""
        return [links.open for links in self._masters()]

    def rewrite_log(self) -> None:
        """Asks the masters to write their append-only files anew: until then what was deleted still stands in them.

        One that keeps none, writes it already, or is told by others (managed services) does nothing.
        """
        if self.setting("appendonly") != "yes":
            return
        for links in self._masters():
            with contextlib.suppress(ResponseError):
                self._ask(partial(links.ask, "BGREWRITEAOF"))

    def servers(self) -> list[tuple[dict[str, str], float]]:
        """What every master tells about itself (INFO), and how long its answer took (ms)."""
        return [self._look_at(links) for links in self._masters()]

    def close(self) -> None:
        """Closes the idle connections."""
        self._route.close()

    def _masters(self) -> Sequence[Links]:
        try:
            return self._route.masters()
        except _AWAY as error:
            raise _away(error) from error

    def _look_at(self, links: Links) -> tuple[dict[str, str], float]:
        began = time.perf_counter()
        text = self._ask(partial(links.ask, "INFO"))
        took_ms = (time.perf_counter() - began) * 1000
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line), took_ms

    def _ask(self, send: Callable[[], Any]) -> Any:
        self._on_round_trip()
        try:
            return send()
        except _AWAY as error:
            raise _away(error) from error
        except TooFewReplicas as error:
            raise StorageAway("Redis 的副本没有及时确认，不能算已经收下") from error
        except ResponseError as error:
            # The disk is full, or the memory, or replicas are gone: the server answers, but keeps nothing.
            if isinstance(error, OutOfMemoryError) or str(error).startswith("MISCONF"):
                raise StorageAway("Redis 不能写入：磁盘或内存已满") from error
            if str(error).startswith("NOREPLICAS"):
                raise StorageAway("Redis 不能写入：在线的副本少于 min-replicas-to-write") from error
            raise


def _away(error: Exception) -> StorageAway:
    reason = "刚才没有应答，稍后自动重试" if isinstance(error, Resting) else type(error).__name__
    return StorageAway(f"Redis 暂时不可用：{reason}")


def _client(links: Links) -> Any:
    """The client of one server. Its reshaping of answers differs by command and version; scripts and stores know what they asked for."""
    client = redis.Redis(connection_pool=links.pool)
    client.response_callbacks.clear()
    return client
