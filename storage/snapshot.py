"""The whole of a Redis as of one moment: what a backup keeps of it, and how that comes back.

A snapshot is asked for as a replica would ask: the server forks, so what it writes is one moment, while it goes on answering. It works the same on
the embedded server, on one of your own and behind Sentinel; a Cluster has a snapshot for each master, each of one moment, and every act lies in
one of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import redis
from redis.exceptions import RedisError, ResponseError

from storage import keys
from storage.connection import Database, StorageAway

CHUNK = 1 << 20
WAIT_S = 600.0
"""How long the server may take for its fork and for the first byte; between two bytes as well."""
_PAGE = 500
_OWN = "qb:*"
_FLEETING = (
    "qb:{lease:*}", "qb:{token:*", "qb:{link:*", keys.PROCESSES(), "qb:{console}:login:*", "qb:{console}:of:*", "qb:{media:*:lock",
    keys.ARRIVALS_TOLD(), keys.LOG_FOLDER(),
)  # fmt: skip
"""What was true of the moment of the backup alone: who holds what, tokens of WeCom, who was logged in, where the log's files lay."""

OnBytes = Callable[[int, int], None]
"""Hears how many bytes of how many (0: unknown) have come."""


class NoSnapshot(Exception):
    """Why there is no snapshot, or why it cannot be brought back; in Chinese, an operator reads it."""


def count_snapshots(database: Database) -> int:
    """How many snapshots make up the whole: one, of a Cluster one for each master."""
    return len(database.masters())


def write_snapshot(database: Database, number: int, out: BinaryIO, on_bytes: OnBytes = lambda done, total: None) -> int:
    """Writes the snapshot of a master (by number, from 0) as an RDB file; gives its length. Raises NoSnapshot, StorageAway."""
    link = database.masters()[number]()
    link.socket_timeout = WAIT_S
    try:
        link.connect()
        _announce(link)
        link.send_command("SYNC")
        return _receive(link._sock, out, on_bytes)
    except ResponseError as refused:
        raise NoSnapshot(f"Redis 不给快照（{refused}）：托管的 Redis 常常禁止 SYNC，请用服务商自己的备份") from refused
    except (RedisError, OSError) as away:
        raise StorageAway(f"取快照时 Redis 断开了：{type(away).__name__}") from away
    finally:
        link.disconnect()


def _announce(link: Any) -> None:
    """The server need not keep for us what comes after the snapshot; older ones do not know these words, and go on without."""
    link.send_command("REPLCONF", "rdb-only", "1")
    with suppress(ResponseError):
        link.read_response()


def _receive(line: Any, out: BinaryIO, on_bytes: OnBytes) -> int:
    """Reads ``$<length>`` and so many bytes; while the server prepares them it sends empty lines."""
    line.settimeout(WAIT_S)
    head = b""
    while not head.endswith(b"\n") or not head.strip():
        head = b"" if head.endswith(b"\n") else head
        byte = line.recv(1)
        if not byte:
            raise ConnectionError("closed before the snapshot began")
        head += byte
    told = head.strip().decode("ascii", "replace")
    if told.startswith("-"):
        raise ResponseError(told[1:])
    if not told.startswith("$") or not told[1:].isdecimal():
        raise NoSnapshot(f"没有读懂 Redis 的应答：{told[:60]}")
    total = int(told[1:])
    done = 0
    while done < total:
        part = line.recv(min(CHUNK, total - done))
        if not part:
            raise ConnectionError("closed within the snapshot")
        out.write(part)
        done += len(part)
        on_bytes(done, total)
    return total


def place_snapshot(snapshot: Path, folder: Path) -> None:
    """Puts a snapshot where an embedded server that starts on ``folder`` reads it: as the beginning of its AOF, which may be an RDB."""
    data = folder / "redis"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside, file = data / "appendonly.aof.part", data / "appendonly.aof"
    with snapshot.open("rb") as source, aside.open("wb") as target:
        while part := source.read(CHUNK):
            target.write(part)
        target.flush()
        os.fsync(target.fileno())
    aside.chmod(0o600)
    aside.replace(file)


def count_own(database: Database) -> int:
    """How many of our keys a Redis has; where another program uses it too, only ours count."""
    return sum(1 for _ in database.scan(_OWN))


def drop_own(database: Database) -> int:
    """Removes all our keys; gives how many they were."""
    gone = 0
    for page in _pages(list(database.scan(_OWN))):
        gone += sum(map(int, database.pipeline([("UNLINK", key) for key in page])))
    return gone


def copy_own(source: str, target: Database, on_keys: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Copies all our keys from the server of an address, with what is left of their lives; may be repeated. Gives how many there were.

    Raises NoSnapshot.
    """
    with redis.Redis.from_url(source) as client:
        names = sorted(client.scan_iter(_OWN, count=_PAGE))
        for at, page in enumerate(_pages(names)):
            asking = client.pipeline(transaction=False)
            for name in page:
                asking.pttl(name)
                asking.dump(name)
            found = asking.execute()
            try:
                target.pipeline(
                    [
                        ("RESTORE", name, max(life, 0), kept, "REPLACE")
                        for name, life, kept in zip(page, found[::2], found[1::2], strict=True)
                        if kept
                    ]
                )
            except ResponseError as refused:
                raise NoSnapshot(f"目标 Redis 读不了这份备份（{refused}）：它的版本多半比备份时的旧") from refused
            on_keys(min((at + 1) * _PAGE, len(names)), len(names))
    return len(names)


def _pages(names: list[Any]) -> Iterator[list[Any]]:
    return (names[at : at + _PAGE] for at in range(0, len(names), _PAGE))


def drop_fleeting(database: Database) -> int:
    """Removes what was true of the moment of the backup alone; gives how much."""
    return sum(int(database.command("UNLINK", key)) for key in _fleeting(database))


def _fleeting(database: Database) -> Iterator[str]:
    for pattern in _FLEETING:
        yield from list(database.scan(pattern))
