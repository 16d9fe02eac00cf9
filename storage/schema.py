"""The version of the data's layout: newer data than the program understands is left alone."""

from __future__ import annotations

from storage import keys
from storage.connection import Database
from storage.layouts import convert

VERSION = 6


class NewerData(Exception):
    """The data were written by a newer version of the program."""


def settle_schema(database: Database, now_ms: int) -> int:
    """Notes the layout's version and the number of shards at first start, converts an older layout; gives the number of shards in force.

    Raises :class:`NewerData` when a newer program has been here.
    """
    first = (("version", VERSION), ("shards", keys.SHARDS), ("first_start_ms", now_ms))
    *_, (version, shards) = database.pipeline(
        [*(("HSETNX", keys.SCHEMA(), field, value) for field, value in first), ("HMGET", keys.SCHEMA(), "version", "shards")]
    )
    if int(version) > VERSION:
        raise NewerData(f"Redis 里的数据是第 {version} 版，本程序只懂第 {VERSION} 版：请升级程序，或换一个 Redis / data_dir")
    if int(version) < VERSION:
        convert(database, int(version))
        database.command("HSET", keys.SCHEMA(), "version", VERSION)
    return int(shards)
