"""Edges: which members recognised which others, fading by the day; and what a night's work on members' models came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec
import numpy as np

from rules.koc import FADED, HALF_LIFE, Edges, Influence
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.moment import to_ms
from storage.personal import Personal

MOST_KEPT = 1_000
"""So many of the most influential are kept by name."""
_AT_ONCE = 500
_PAGE = 5_000


class Found(msgspec.Struct, frozen=True):
    """What a night's work came to, in numbers only: ``judged`` members have a churn, ``at_risk`` of them one above 70 %, ``influential`` are listened to.

    ``why`` says why nobody's influence is known ('' it is): ``few``, too few relations were seen.
    """

    act: str = "models"
    judged: int = 0
    at_risk: int = 0
    relations: int = 0
    givers: int = 0
    influential: int = 0
    why: str = "few"


@dataclass(frozen=True, slots=True)
class Edge:
    """A member recognised another: ``weight`` 1 is one thank; ``entry`` is that of the log which tells of it."""

    giver: int
    taker: int
    weight: float
    day: date
    entry: str


@dataclass(frozen=True, slots=True)
class Kept:
    """All edges of a community as they weigh on a day, and the fields of those that faded with their values."""

    edges: Edges
    faded: tuple[tuple[str, str], ...]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Found).decode


class EdgeStore:
    """The edges of every community."""

    PERSONAL = Personal(
        "影响力",
        "看出谁帮了谁，给热心的人机会",
        (keys.EDGES, keys.INFLUENCE, keys.MEMBER_MODELS),
        what="谁感谢过谁",
        erasing="全部删除",
        passing=(keys.INFLUENCE,),
        passing_why="由感谢的关系每天夜里算出来，导出里给关系",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._note = Script("note_edges")
        self._keep = Script("keep_influence")

    def note(self, where: CommunityKeys, edges: Sequence[Edge]) -> int:
        """Notes edges in the order of the log; those that were noted before change nothing. Gives how many were new."""
        done = 0
        for at in range(0, len(edges), _AT_ONCE):
            rows = [
                piece
                for one in edges[at : at + _AT_ONCE]
                for piece in (one.giver, one.taker, one.weight, one.day.toordinal(), one.entry)
            ]  # fmt: skip
            done += self._database.act(self._note, [keys.EDGES(shard=where.shard, community=where.id)], [HALF_LIFE, *rows])
        return done

    def read(self, where: CommunityKeys, day: date) -> Kept:
        """All edges, in pages; a page is one round trip."""
        flat: dict[str, str] = dict(self._database.rows(keys.EDGES(shard=where.shard, community=where.id), count=_PAGE))
        pairs_of = [field.split(">") for field in flat]
        values = [value.split("|") for value in flat.values()]
        weights = np.array([float(value[0]) for value in values])
        days = np.array([int(value[1]) for value in values], dtype=np.int64)
        weights = weights * 0.5 ** (np.maximum(day.toordinal() - days, 0) / HALF_LIFE)
        ends = np.array(pairs_of, dtype=np.int64).reshape(-1, 2)
        lives = weights >= FADED
        faded = tuple(pair for pair, is_alive in zip(flat.items(), lives, strict=True) if not is_alive)
        return Kept(Edges(ends[lives, 0], ends[lives, 1], weights[lives]), faded)

    def influence(self, where: CommunityKeys, most: int = MOST_KEPT) -> Influence:
        """The most influential of the last night."""
        flat = self._database.command("ZREVRANGE", keys.INFLUENCE(shard=where.shard, community=where.id), 0, most - 1, "WITHSCORES")
        rows = sorted((int(member), float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True))
        return Influence(np.array([member for member, _ in rows], dtype=np.int64), np.array([score for _, score in rows]), 0)

    def keep(
        self, where: CommunityKeys, night: date, found: Found, now: datetime, influence: Influence, faded: Iterable[tuple[str, str]]
    ) -> bool:
        """Keeps what a night came to, with the most influential; once, False for a repeat. The log is told where anybody was judged."""
        part = {"shard": where.shard, "community": where.id}
        first = np.argsort(-influence.scores, kind="stable")[:MOST_KEPT]
        ranks = [piece for at in first if influence.scores[at] > 0 for piece in (float(influence.scores[at]), int(influence.members[at]))]
        gone = [pair for _, pair in zip(range(_PAGE), faded, strict=False)]
        names = [keys.EDGES(**part), keys.INFLUENCE(**part), keys.MEMBER_MODELS(**part), keys.EVENTS(shard=where.shard)]
        args = [
            to_ms(now),
            where.id,
            night.isoformat(),
            _encode(found).decode(),
            int(found.judged > 0),
            len(gone),
            *(piece for pair in gone for piece in pair),
            *ranks,
        ]
        return bool(self._database.act(self._keep, names, args))

    def nights(self, places: Sequence[CommunityKeys]) -> list[tuple[str, Found]]:
        """The last night's work of each community (ISO day, '' none) and what came of it; one round trip."""
        rows = self._database.pipeline(("HGETALL", keys.MEMBER_MODELS(shard=where.shard, community=where.id)) for where in places)
        return [(row.get("night", ""), _decode(row["found"]) if "found" in row else Found()) for row in map(pairs, rows)]

    def export_user(self, number: int) -> dict[str, Any]:
        """Whom the member recognised and who recognised him, by community, as numbers of how many; names of others are not his."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.EDGES):
            given, got = self._fields(where, f"{number}>*"), self._fields(where, f"*>{number}")
            if given or got:
                out[where.id] = {"感谢过几个人": len(given), "被几个人感谢过": len(got)}
        return out

    def erase_user(self, number: int) -> str:
        """Removes every edge from and to the member, and his influence."""
        for where in communities_with(self._database, keys.EDGES):
            fields = self._fields(where, f"{number}>*") + self._fields(where, f"*>{number}")
            if fields:
                self._database.command("HDEL", keys.EDGES(shard=where.shard, community=where.id), *fields)
        for where in communities_with(self._database, keys.INFLUENCE):
            self._database.command("ZREM", keys.INFLUENCE(shard=where.shard, community=where.id), number)
        return "已删除他感谢别人、被别人感谢的关系和影响力"

    def _fields(self, where: CommunityKeys, pattern: str) -> list[str]:
        return [field for field, _ in self._database.rows(keys.EDGES(shard=where.shard, community=where.id), pattern)]
