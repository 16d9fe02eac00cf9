"""The due index of a shard: names by when (ms) something is to be done about them, so that no clock looks through all there is."""

from __future__ import annotations

from storage.connection import Database
from storage.keys import Family


def ring(database: Database, index: Family, shards: int, now_ms: int, *, most: int) -> list[tuple[int, str]]:
    """Shard and name of what has come by now, the longest due first, at most ``most`` of each shard; one round trip."""
    asked = (("ZRANGEBYSCORE", index(shard=shard), "-inf", now_ms, "WITHSCORES", "LIMIT", 0, most) for shard in range(shards))
    rows = enumerate(database.pipeline(asked))
    found = [(float(at), shard, name) for shard, flat in rows for name, at in zip(flat[::2], flat[1::2], strict=True)]
    return [(shard, name) for _, shard, name in sorted(found, key=lambda row: row[0])]
