"""The outbox: what is to be sent, in order, until WeCom has it or an admin has seen why not.

For each lane and target of a shard there is one queue (a list of deliveries as JSON); ``due`` (a zset) says for each queue that is not
empty when its head may next be tried. A sender leases a head, sends it and settles it: done, again or dead. A lease that runs out lets
another sender try; its fence keeps the late one from settling. So order holds within a lane and target, and no delivery is ever lost.

**Enqueueing inside another act** (so that a reply and the change of state it speaks of are one): that act declares ``OUTBOX_DUE`` and
each delivery's queue among its KEYS, takes the triple of :func:`encode_delivery` and does, for each delivery, in this order::

    redis.call('RPUSH', <queue>, <item>)
    redis.call('ZADD', <due>, 'NX', <now_ms>, <member>)

and once at the end ``redis.call('PUBLISH', 'qb:bell', <shard>)``. It has to be idempotent by itself: only :meth:`Outbox.enqueue` knows
which ids were queued before.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from redis.exceptions import RedisError

from storage import keys
from storage.connection import Database, Script

ONCE_LIFE_MS = 7 * 86_400_000
LANES = ("now", "bulk")
"""The lanes by rank: answers, warnings and alarms go before pushes."""
_DUE_AT_ONCE = 5_000
"""How many due targets of one shard are read at a time; more wait for the next look."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to WeCom.

    ``lane`` is now or bulk. ``via`` is webhook (``community`` and ``chat`` name it, its key is looked up when it is sent), app (``channel``
    and ``member``), response_url or robot_webhook (``url``). ``target`` is a short stable name of whom it goes to:
    ``hook.<community>.<chat>``, ``app.<channel>.<member>``, ``once.<id>``. ``body`` is the request's JSON, for app without receiver and
    agent id. ``member`` is the number of the person it is for, ``message`` the id of the message that it answers, ``attempts`` how often
    it was tried in vain.
    """

    id: str
    lane: str
    target: str
    via: str
    community: str
    body: dict[str, Any] = field(repr=False)
    member: int | None = None
    chat: str = ""
    channel: str = ""
    url: str = field(default="", repr=False)
    message: str = ""
    born_ms: int = 0
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery lent to one sender. ``losses`` counts the leases before this one that ran out unsettled: it may have been sent already."""

    shard: int
    delivery: Delivery
    fence: str
    losses: int = 0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that was given up, with the reason (in Chinese, for admins) and WeCom's errcode if there was one."""

    delivery: Delivery
    reason: str
    died_ms: int
    code: int | None = None


_encode = msgspec.json.Encoder().encode
_decode_delivery = msgspec.json.Decoder(Delivery).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode


def encode_delivery(shard: int, delivery: Delivery) -> tuple[str, str, str]:
    """The queue key, the member of due and the item of a delivery: what an act needs to enqueue it (see the head of this file)."""
    queue = keys.OUTBOX(shard=shard, lane=delivery.lane, target=delivery.target)
    return queue, _member(delivery), _encode(delivery).decode()


class Outbox:
    """The outboxes of ``shards`` shards."""

    def __init__(self, database: Database, shards: int = keys.SHARDS) -> None:
        self._database = database
        self._shards = shards
        self._enqueue = Script("outbox_enqueue")
        self._lease = Script("outbox_lease")
        self._done = Script("outbox_done")
        self._again = Script("outbox_again")
        self._dead = Script("outbox_dead")
        self._replay = Script("outbox_replay")
        self._erase = Script("outbox_erase")

    def prepare(self) -> None:
        """Loads the scripts."""
        self._database.load([self._enqueue, self._lease, self._done, self._again, self._dead, self._replay, self._erase])

    def enqueue(self, shard: int, deliveries: Sequence[Delivery], now_ms: int) -> int:
        """Queues deliveries in this order; an id that was queued in the last 7 days is passed over. Gives how many were new."""
        if not deliveries:
            return 0
        names = [keys.OUTBOX_DUE(shard=shard)]
        args: list[str | int] = [now_ms, ONCE_LIFE_MS, shard]
        for delivery in deliveries:
            queue, member, item = encode_delivery(shard, delivery)
            names += [queue, keys.OUTBOX_ONCE(shard=shard, id=delivery.id)]
            args += [member, item]
        return int(self._database.act(self._enqueue, names, args))

    def due(self, shards: Iterable[int], now_ms: int) -> list[tuple[int, str, str]]:
        """Every (shard, lane, target) whose head may be tried, lane now first, longest waiting first, shards in turn; one round trip."""
        shards = list(shards)
        rows = self._database.pipeline(
            ("ZRANGEBYSCORE", keys.OUTBOX_DUE(shard=shard), "-inf", now_ms, "LIMIT", 0, _DUE_AT_ONCE) for shard in shards
        )
        found = [
            (LANES.index(lane), place, shard, lane, target)
            for shard, members in zip(shards, rows, strict=True)
            for place, (lane, _, target) in enumerate(member.partition(":") for member in members)
        ]
        return [(shard, lane, target) for _, _, shard, lane, target in sorted(found)]

    def lease(self, shard: int, lane: str, target: str, owner: str, now_ms: int, lease_ms: int) -> Lease | None:
        """Lends the head of a queue to ``owner`` until now + ``lease_ms``; None when it is not due (any more)."""
        got = self._database.act(
            self._lease,
            [keys.OUTBOX(shard=shard, lane=lane, target=target), keys.OUTBOX_DUE(shard=shard), keys.OUTBOX_LEASES(shard=shard)],
            [f"{lane}:{target}", now_ms, now_ms + lease_ms, owner],
        )
        if not got:
            return None
        item, fence, losses = got
        return Lease(shard, _decode_delivery(item), fence, int(losses))

    def done(self, lease: Lease, now_ms: int, event: str = "{}") -> bool:
        """Settles: it arrived. ``event`` is the JSON of the outbound event. False when the lease was lost: nothing was done."""
        delivery = lease.delivery
        return self._settle(self._done, lease, keys.EVENTS, [now_ms, delivery.community, delivery.member or 0, delivery.id, event])

    def again(self, lease: Lease, at_ms: int, *, count_attempt: bool) -> bool:
        """Settles: try again, not before ``at_ms``. False when the lease was lost."""
        delivery = lease.delivery
        attempts = delivery.attempts + lease.losses + int(count_attempt)
        return self._settle(self._again, lease, None, [at_ms, _encode(replace(delivery, attempts=attempts)).decode()])

    def dead(self, lease: Lease, reason: str, now_ms: int, code: int | None = None) -> bool:
        """Settles: given up, kept as a dead letter. False when the lease was lost."""
        delivery = replace(lease.delivery, attempts=lease.delivery.attempts + lease.losses + 1)
        letter = DeadLetter(delivery, reason, now_ms, code)
        return self._settle(self._dead, lease, keys.OUTBOX_DEAD, [now_ms, delivery.id, _encode(letter).decode()])

    def dead_letters(self, shard: int) -> list[DeadLetter]:
        """What was given up in a shard, oldest first."""
        letters = self._database.command("HVALS", keys.OUTBOX_DEAD(shard=shard))
        return sorted((_decode_letter(letter) for letter in letters), key=lambda letter: letter.died_ms)

    def replay(self, shard: int, id: str, now_ms: int) -> bool:
        """Puts a dead letter back at the end of its queue, its attempts and age forgotten. False when there is none of this id."""
        dead = keys.OUTBOX_DEAD(shard=shard)
        raw = self._database.command("HGET", dead, id)
        if raw is None:
            return False
        delivery = replace(_decode_letter(raw).delivery, attempts=0, born_ms=now_ms)
        queue, member, item = encode_delivery(shard, delivery)
        args = [member, now_ms, id, raw, item, shard]
        return bool(self._database.act(self._replay, [queue, keys.OUTBOX_DUE(shard=shard), dead], args))

    def drop(self, shard: int, id: str) -> bool:
        """Removes a dead letter for good. False when there is none of this id."""
        return bool(self._database.command("HDEL", keys.OUTBOX_DEAD(shard=shard), id))

    def depth(self) -> int:
        """How many deliveries wait, over all shards; two round trips."""
        queues = self._queues()
        return sum(self._database.pipeline(("LLEN", keys.OUTBOX(shard=s, lane=lane, target=target)) for s, lane, target in queues))

    def count_dead(self) -> int:
        """How many dead letters wait for an admin, over all shards; one round trip."""
        return sum(self._database.pipeline(("HLEN", keys.OUTBOX_DEAD(shard=shard)) for shard in range(self._shards)))

    def export_user(self, number: int) -> dict[str, Any]:
        """What waits for one member, or was given up: ``{"queued": [...], "dead": [...]}`` of bodies with their times (ms)."""
        queues = self._queues()
        rows = self._database.pipeline(
            ("LRANGE", keys.OUTBOX(shard=shard, lane=lane, target=target), 0, -1) for shard, lane, target in queues
        )
        queued = [_decode_delivery(item) for items in rows for item in items]
        letters = [letter for shard in range(self._shards) for letter in self.dead_letters(shard)]
        return {
            "queued": [{"body": d.body, "born_ms": d.born_ms} for d in queued if d.member == number],
            "dead": [
                {"body": letter.delivery.body, "born_ms": letter.delivery.born_ms, "reason": letter.reason, "died_ms": letter.died_ms}
                for letter in letters
                if letter.delivery.member == number
            ],
        }

    def erase_user(self, number: int) -> str:
        """Removes what waits for one member and his dead letters; says what was done. A rare act: looks at every queue."""
        gone = 0
        for shard, lane, target in self._queues():
            queue = keys.OUTBOX(shard=shard, lane=lane, target=target)
            names = [queue, keys.OUTBOX_DUE(shard=shard), keys.OUTBOX_LEASES(shard=shard)]
            gone += self._database.act(self._erase, names, [f"{lane}:{target}", number])
        for shard in range(self._shards):
            gone += sum(self.drop(shard, letter.delivery.id) for letter in self.dead_letters(shard) if letter.delivery.member == number)
        return f"已删除待发送和发送失败的消息 {gone} 条；已发出的消息无法收回"

    def _queues(self) -> list[tuple[int, str, str]]:
        """Every queue that is not empty."""
        rows = self._database.pipeline(("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, -1) for shard in range(self._shards))
        return [(shard, lane, target) for shard, row in enumerate(rows) for member in row for lane, _, target in [member.partition(":")]]

    def _settle(self, script: Script, lease: Lease, third: keys.Family | None, args: Sequence[str | int]) -> bool:
        shard, delivery = lease.shard, lease.delivery
        names = [
            keys.OUTBOX(shard=shard, lane=delivery.lane, target=delivery.target),
            keys.OUTBOX_DUE(shard=shard),
            keys.OUTBOX_LEASES(shard=shard),
        ]
        if third:
            names.append(third(shard=shard))
        return bool(self._database.act(script, names, [_member(delivery), lease.fence, *args]))


class Bell:
    """Rings when something was put into an outbox. For one thread; a ring may be missed, so look by yourself now and then too."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener: Any = None

    def wait(self, timeout_s: float) -> bool:
        """Waits for a ring, at most ``timeout_s``; gives whether there was one. A server that is away is no error here."""
        try:
            if self._listener is None:
                self._listener = self._database.subscribe(keys.BELL)
            rung = self._listener.get_message(timeout=timeout_s) is not None
            while rung and self._listener.get_message(timeout=0) is not None:
                pass  # many rings are one
            return rung
        except RedisError:
            self.close()
            threading.Event().wait(timeout_s)
            return False

    def close(self) -> None:
        """Gives the connection back."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()


def _member(delivery: Delivery) -> str:
    return f"{delivery.lane}:{delivery.target}"
