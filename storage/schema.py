"""The version of the data's layout: newer data than the program understands is left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from storage import keys
from storage.connection import Database, StorageAway
from storage.layouts import STEPS, OnStep, Step, convert, due, unseen
from storage.leases import Leases

_LEASE = "layout"
LEASE_MS = 30_000
VERSION = STEPS[-1].to


class NewerData(Exception):
    """The data were written by a newer version of the program."""


def settle_schema(database: Database, now_ms: int, on_step: OnStep = unseen) -> int:
    """Notes the layout's version and the number of shards at first start, converts an older layout; gives the number of shards in force.

    Raises :class:`NewerData` when a newer program has been here.
    """
    first = (("version", VERSION), ("shards", keys.SHARDS), ("first_start_ms", now_ms))
    *_, (version, shards) = database.pipeline(
        [*(("HSETNX", keys.SCHEMA(), field, value) for field, value in first), ("HMGET", keys.SCHEMA(), "version", "shards")]
    )
    _refuse_newer(int(version))
    while int(version) < VERSION:
        with _alone(database) as is_ours:
            if is_ours:
                convert(database, int(version), on_step)
        version = database.command("HGET", keys.SCHEMA(), "version")
    return int(shards)


@contextmanager
def _alone(database: Database) -> Iterator[bool]:
    """Whether this process is the one that converts: what another serves already must not be converted once more. Who is not waits a moment.

    Who converts says so again and again, from a thread of its own; where it was killed another goes on after half a minute.
    """
    name = uuid4().hex
    leases, ending = Leases(database, lambda: name), threading.Event()
    if not leases.hold(_LEASE, LEASE_MS):
        time.sleep(0.2)
        yield False
        return
    keeping = threading.Thread(target=_keep, args=(leases, ending), name="layout", daemon=True)
    keeping.start()
    try:
        yield True
    finally:
        ending.set()
        keeping.join()
        leases.release(_LEASE)


def _keep(leases: Leases, ending: threading.Event) -> None:
    while not ending.wait(LEASE_MS / 3_000):
        with suppress(StorageAway):
            leases.hold(_LEASE, LEASE_MS)


def find_layout(database: Database) -> int | None:
    """The layout of the data, None where there are none yet. Raises :class:`NewerData`."""
    version = database.command("HGET", keys.SCHEMA(), "version")
    if version is None:
        return None
    _refuse_newer(int(version))
    return int(version)


def steps_due(database: Database) -> tuple[Step, ...]:
    """What a first start of this program would do with the data. Raises :class:`NewerData`."""
    layout = find_layout(database)
    return () if layout is None else due(layout)


def _refuse_newer(version: int) -> None:
    if version > VERSION:
        raise NewerData(
            f"Redis 里的数据是第 {version} 版，本程序只懂第 {VERSION} 版：请升级程序，或换一个 Redis / data_dir。"
            "要退回旧程序，就恢复升级前的备份（run.py restore）"
        )
