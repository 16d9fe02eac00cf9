"""Members as they stand in Redis once they are known, put there in bulk: a hundred thousand of them would take minutes to say something first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from storage import keys
from storage.connection import Database

FIRST = 1_000_000
"""The number of the first: those who spoke before stay below."""
PIECE = 1_000


def put(database: Database, users: Sequence[str], *, shard: int, community: str) -> None:
    """Makes ``users`` known, all of one community, each of whom has spoken on some day before."""
    part = {"shard": shard, "community": community}
    for first in range(0, len(users), PIECE):
        named = users[first : first + PIECE]
        numbers = range(FIRST + first, FIRST + first + len(named))
        database.pipeline(
            [
                ("HSET", keys.MEMBER_IDS(), *_pairs(named, numbers)),
                ("HSET", keys.MEMBER_USERS(), *_pairs(numbers, named)),
                ("HSET", keys.MEMBER_HOMES(), *_pairs(numbers, [community] * len(named))),
                ("HSET", keys.MEMBERS(**part), *_pairs(numbers, [1] * len(named))),
            ]
        )
    everybody = bytes(FIRST // 8) + b"\xff" * (len(users) // 8)  # bit n: member n
    database.pipeline([("SET", family(**part), everybody) for family in (keys.EVER, keys.HERE)])
    database.command("SET", keys.MEMBER_NEXT(), FIRST + len(users) - 1)


def _pairs(names: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    return [each for pair in zip(names, values, strict=True) for each in pair]
