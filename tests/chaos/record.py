"""What is known of a run when it is over, from outside: what WeCom's side said and heard, and what stands in Redis.

Read by commands of Redis alone. Nothing of the bot is imported here: its own reading of its books would share its mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Reader = Any
"""A client of redis-py: of one server, or of a cluster, which finds each key."""
SHARDS = 16
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Told:
    """What one delivery of a message was answered: HTTP status (0: the connection broke) and the opened answer, '' for an empty one."""

    at: float
    status: int
    plain: str = ""
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Said:
    """A message as WeCom's side knows it: ``told`` for each delivery, ``later`` what came by its own address; ``id`` is the bot's."""

    id: str
    user: str
    words: str
    told: tuple[Told, ...]
    later: tuple[str, ...] = ()
    will_repeat: bool = False
    """Whether WeCom would have delivered it once more, had it not been answered."""


@dataclass(frozen=True, slots=True)
class Post:
    """Something of the bot's own accord that members see. ``via`` is webhook, app or response; ``place`` a webhook's group or a user."""

    at: float
    via: str
    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """A sending that reached WeCom: to whom (``hook.<key>``, ``app.<user>``), when, and whether its answer was sent back."""

    at: float
    target: str
    text: str
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the event log."""

    shard: int
    at_ms: int
    kind: str
    community: str
    member: int
    id: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A member's side of one move of points."""

    n: int
    other: str
    reason: str
    actor: str
    digest: str
    note: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that was given up: why, and what it said."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which the world was broken, for a reason. ``hides``: the bot may not have learnt that what it sent then arrived."""

    why: str
    begin: float
    end: float
    hides: bool = False


@dataclass(frozen=True, slots=True)
class Books:
    """All of it."""

    said: Sequence[Said]
    posts: Sequence[Post]
    requests: Sequence[Request]
    lines: Sequence[Line]
    numbers: Mapping[str, int]
    rows: Mapping[tuple[str, int], Sequence[Row]]
    balances: Mapping[str, Mapping[str, int]]
    orders: Mapping[tuple[str, int], Mapping[str, Any]]
    dead: Mapping[str, Letter]
    """What was given up, by delivery."""
    buried: int = 0
    unfinished: int = 0
    unsent: int = 0
    spans: Sequence[Span] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands in Redis."""

    lines: list[Line]
    numbers: dict[str, int]
    rows: dict[tuple[str, int], list[Row]]
    balances: dict[str, dict[str, int]]
    orders: dict[tuple[str, int], dict[str, Any]]
    dead: dict[str, Letter]
    buried: int
    unfinished: int
    unsent: int


def read(server: Reader) -> Kept:
    """Everything in Redis that a check asks for."""
    rows, balances, orders = {}, {}, {}
    for name in server.scan_iter("qb:{*}:*:points:*", count=PAGE):
        _, _, community, _, *rest = name.split(":")
        if rest == ["balances"]:
            balances[community] = {account: int(n) for account, n in server.hgetall(name).items()}
        elif rest[0] == "rows":
            rows[community, int(rest[1])] = [_row(text) for text in server.lrange(name, 0, -1)]
    for name in server.scan_iter("qb:{*}:*:orders", count=PAGE):
        orders |= {(name.split(":")[2], int(number)): json.loads(text) for number, text in server.hgetall(name).items()}
    return Kept(
        lines=[line for shard in range(SHARDS) for line in _lines(server, shard)],
        numbers={user: int(number) for user, number in server.hgetall("qb:{people}:ids").items()},
        rows=rows,
        balances=balances,
        orders=orders,
        dead={id: _letter(text) for shard in range(SHARDS) for id, text in server.hgetall(f"qb:{{{shard}}}:dead").items()},
        buried=sum(server.llen(f"qb:{{{shard}}}:inbox:dead") for shard in range(SHARDS)),
        unfinished=unfinished(server),
        unsent=unsent(server),
    )


def unfinished(server: Reader) -> int:
    """How many messages were taken in and are not done."""
    return sum(server.xlen(f"qb:{{{shard}}}:inbox") for shard in range(SHARDS))


def unsent(server: Reader) -> int:
    """How many queues of deliveries are not empty."""
    return sum(server.zcard(f"qb:{{{shard}}}:due") for shard in range(SHARDS))


def _lines(server: Reader, shard: int) -> list[Line]:
    found: list[Line] = []
    last = "-"
    while page := server.xrange(f"qb:{{{shard}}}:events", last, "+", PAGE):
        found += [
            Line(shard, int(flat["t"]), flat["kind"], flat["c"], int(flat["m"]), flat["id"], json.loads(flat["data"])) for _, flat in page
        ]
        last = f"({page[-1][0]}"
    return found


def _letter(raw: str) -> Letter:
    letter = json.loads(raw)
    body = letter["delivery"]["body"]
    return Letter(letter["reason"], str(body.get(body.get("msgtype", ""), {}).get("content", "")))


def _row(text: str) -> Row:
    _, n, other, reason, actor, digest, note = text.split("|", 6)
    return Row(int(n), other, reason, actor, digest, note)
