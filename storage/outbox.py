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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import msgspec
from redis.exceptions import RedisError

from storage import keys
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms
from storage.personal import Personal
from storage.tallies import counts_key, place_of

ONCE_LIFE_MS = 7 * 86_400_000
GOT_LIFE_MS = 90 * 86_400_000
"""How long it is known whom a mailing arrived at."""
RECENT_MS = 86_400_000
"""A planned push that was given up in this time may still arrive in its day's figures."""
TakenBack = Literal["stopped", "erased", "opted_out", "crisis", "quiet", "no_way"]
"""Why a unit's delivery leaves its queue unsent: its mailing was stopped; its receiver is forgotten, or wants none any more; marketing, and a crisis began;
the quiet hours began, in which it is not said; its group is in that community no more."""
LANES = ("now", "bulk")
"""The lanes by rank: answers, warnings and alarms go before pushes."""
_NEVER_MS = 2**52
"""A time by which everything is due."""
_DUE_AT_ONCE = 5_000
"""How many due targets of one shard are read in one round trip."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to WeCom.

    ``lane`` is now or bulk. ``via`` is webhook (``community`` and ``chat`` name it, its key is looked up when it is sent), app (``channel``
    and ``member``), response_url or robot_webhook (``url``). ``target`` is a short stable name of whom it goes to:
    ``hook.<community>.<chat>``, ``app.<channel>.<member>``, ``once.<id>``. ``body`` is the request's JSON, for app without receiver and
    agent id. ``member`` is the number of the person it is for, ``message`` the id of the message that it answers, ``attempts`` how often
    it was tried in vain. ``code`` is the one-time secret of app_update (a card's new face).
    ``mergeable`` marks small notices that may share one message with others like them; ``merged`` names those that do.
    ``receivers`` are the members of one app message for many, instead of ``member``. ``about`` are members whom the text
    names: where one of them is forgotten, it goes unsent. via appchat is ``chat``, a group that ``channel`` created.
    ``pushed`` is day|chat of a planned push, which counts there when it arrives or is given up. ``mailing`` is the mailing that queued it, and
    ``whom`` the unit (member number or chat) that it settles there: with the first of several, which is the text, '' for those behind.
    ``counted`` is what that unit took of the caps: the day, then the fields of its counts. It is handed back where nothing arrives.
    ``trial`` is mark|arm of what is tried with it: it counts as shown when it arrives. ``unsure``: an earlier try may have arrived already.
    ``called`` are the members whom a post calls: by name only as it is sent, if they still want to be, so that none of them stands in a queue.
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
    code: str = field(default="", repr=False)
    message: str = ""
    born_ms: int = 0
    attempts: int = 0
    mergeable: bool = False
    merged: tuple[str, ...] = ()
    receivers: tuple[int, ...] = ()
    about: tuple[int, ...] = ()
    pushed: str = ""
    mailing: str = ""
    whom: str = ""
    counted: tuple[str, ...] = ()
    trial: str = ""
    unsure: bool = False
    called: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """A delivery lent to one sender. ``losses`` counts the leases before this one that ran out unsettled: it may have been sent already.

    ``item`` is the delivery as it stands in its queue.
    """

    shard: int
    delivery: Delivery
    fence: str
    losses: int = 0
    item: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery in its queue; ``next_ms`` is when the head of that queue may next be tried."""

    delivery: Delivery
    next_ms: int


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

    PERSONAL = Personal(
        "发件箱",
        "要发出去的消息一条不丢、不发两遍",
        (keys.OUTBOX, keys.OUTBOX_DUE, keys.OUTBOX_LEASES, keys.OUTBOX_DEAD, keys.OUTBOX_SETTLED, keys.OUTBOX_ONCE),
        what="还没发出去的、发送失败的消息",
        erasing="全部删除；别人那里提到他的也删。已经发出的收不回来",
        stays=(keys.OUTBOX_ONCE,),
        stays_why="消息的名字里可能有编号，7 天后自动消失",
        passing=(keys.OUTBOX_ONCE, keys.OUTBOX_SETTLED, keys.OUTBOX_DUE, keys.OUTBOX_LEASES),
        passing_why="只是消息的名字",
    )

    def __init__(self, database: Database, shards: int = keys.SHARDS) -> None:
        self._database = database
        self._shards = shards
        self._enqueue = Script("outbox_enqueue")
        self._lease = Script("outbox_lease")
        self._done = Script("outbox_done")
        self._again = Script("outbox_again")
        self._dead = Script("outbox_dead")
        self._split = Script("outbox_split")
        self._merge = Script("outbox_merge")
        self._replay = Script("outbox_replay")
        self._drop = Script("outbox_drop")
        self._take_back = Script("outbox_take_back")

    def prepare(self) -> None:
        """Loads the scripts."""
        settling = (self._done, self._again, self._dead, self._split, self._merge)
        self._database.load((self._enqueue, self._lease, *settling, self._replay, self._drop, self._take_back))

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
        """Every (shard, lane, target) whose head may be tried: lane now first, then the first of each community, the second of each…

        One round trip, and more only where thousands are due in one shard.
        """
        found, shards = [], list(shards)
        rows = self._database.pipeline(_due_words(shard, now_ms, 0) for shard in shards)
        for shard, members in zip(shards, rows, strict=True):
            turns: Counter[tuple[str, str]] = Counter()
            for lane, target in self._all_due(shard, now_ms, members):
                party = (lane, _party(target))
                found.append((LANES.index(lane), turns[party], shard, lane, target))
                turns[party] += 1
        found.sort(key=lambda place: place[:3])
        return [(shard, lane, target) for _, _, shard, lane, target in found]

    def _all_due(self, shard: int, now_ms: int, members: list[str]) -> Iterator[tuple[str, str]]:
        """(lane, target) pairs, longest waiting first. An answer may stand behind thousands of posts, so none is left out."""
        read = 0
        while members:
            for member in members:
                lane, _, target = member.partition(":")
                yield lane, target
            read += len(members)
            members = self._database.command(*_due_words(shard, now_ms, read)) if len(members) == _DUE_AT_ONCE else []

    def lease(self, shard: int, lane: str, target: str, owner: str, now_ms: int, lease_ms: int) -> Lease | None:
        """Lends the head of a queue to ``owner`` until now + ``lease_ms``; None when it is not due (any more)."""
        return self._lend(shard, (lane,), target, owner, now_ms, lease_ms)

    def lease_first(self, shard: int, target: str, owner: str, now_ms: int, lease_ms: int) -> Lease | None:
        """The same for whichever lane of a target is due, lane now first; one round trip."""
        return self._lend(shard, LANES, target, owner, now_ms, lease_ms)

    def _lend(self, shard: int, lanes: Sequence[str], target: str, owner: str, now_ms: int, lease_ms: int) -> Lease | None:
        queues = [keys.OUTBOX(shard=shard, lane=lane, target=target) for lane in lanes]
        names = [keys.OUTBOX_DUE(shard=shard), keys.OUTBOX_LEASES(shard=shard), keys.MAILINGS_STOPPED(shard=shard), *queues]
        args: list[str | int] = [now_ms, now_ms + lease_ms, owner, *[f"{lane}:{target}" for lane in lanes]]
        while (got := self._database.act(self._lease, names, args)) and len(got) == 1:
            self._withdraw(shard, got[0], "stopped", now_ms)
        if not got:
            return None
        item, fence, losses = got
        return Lease(shard, _decode_delivery(item), fence, int(losses), item)

    def take_back(self, lease: Lease, why: TakenBack, now_ms: int) -> bool:
        """Settles: it goes to nobody any more, and its mailing counts ``why``. False when the lease was lost."""
        return self._withdraw(lease.shard, lease.item, why, now_ms, lease.fence) > 0

    def _withdraw(self, shard: int, item: str, why: TakenBack, now_ms: int, fence: str = "") -> int:
        """Takes a delivery out of its queue as it stands there; gives 1, 0 where it does so no more, or the lease with this ``fence`` was lost."""
        delivery = _decode_delivery(item)
        queue, member, _ = encode_delivery(shard, delivery)
        names = [
            queue, keys.OUTBOX_DUE(shard=shard), keys.OUTBOX_LEASES(shard=shard), keys.MAILINGS_STOPPED(shard=shard),
            keys.EVENTS(shard=shard), *_mailed_in(shard, delivery)[:1], *_capped_in(shard, delivery),
        ]  # fmt: skip
        args: list[str | int] = [
            member, item, now_ms, why, f"{delivery.community}|{delivery.mailing}", delivery.community, delivery.mailing,
            delivery.member or 0, "" if why == "erased" else _told(delivery, why), fence, *delivery.counted[1:],
        ]  # fmt: skip
        return int(self._database.act(self._take_back, names, args))

    def done(self, lease: Lease, now_ms: int, facts: Mapping[str, Any] | None = None, *, is_doubtful: bool = False) -> int:
        """Settles: it arrived. ``facts`` are those of the outbound event; ``is_doubtful``: perhaps it arrived twice. Gives 2 when more waits for this target,
        1 when nothing does, 0 when the lease was lost: nothing was done."""
        delivery = lease.delivery
        event = _encode({**(facts or {}), **_shown(delivery)}).decode()
        args: list[str | int] = [
            now_ms, delivery.community, delivery.member or 0, event, delivery.whom, GOT_LIFE_MS, int(is_doubtful), delivery.id, *delivery.merged
        ]  # fmt: skip
        also = [*_counted_in(lease.shard, delivery), *_mailed_in(lease.shard, delivery)]
        return self._settle(self._done, lease, keys.EVENTS, args, also=also)

    def again(self, lease: Lease, at_ms: int, *, count_attempt: bool, is_unsure: bool = False, lets_pass: bool = False) -> bool:
        """Settles: try again, not before ``at_ms``. False when the lease was lost.

        ``is_unsure``: what was tried may have arrived. ``lets_pass``: others of its queue may go before it; what its mailing has for this target stays
        together.
        """
        delivery = lease.delivery
        attempts = delivery.attempts + lease.losses + int(count_attempt)
        put_off = replace(delivery, attempts=attempts, unsure=delivery.unsure or is_unsure or lease.losses > 0)
        return self._settle(self._again, lease, None, [at_ms, _encode(put_off).decode(), int(lets_pass)]) > 0

    def dead(self, lease: Lease, reason: str, now_ms: int, code: int | None = None) -> bool:
        """Settles: given up, kept as a dead letter. False when the lease was lost."""
        delivery = replace(lease.delivery, attempts=lease.delivery.attempts + lease.losses + 1)
        letter = DeadLetter(delivery, reason, now_ms, code)
        args: list[str | int] = [
            now_ms,
            delivery.id,
            _encode(letter).decode(),
            delivery.community,
            _encode({"failed": delivery.pushed}).decode(),
            int(bool(delivery.whom)),
            *delivery.counted[1:],
        ]
        also = [*_counted_in(lease.shard, delivery), *_mailed_in(lease.shard, delivery), *_capped_in(lease.shard, delivery)]
        return self._settle(self._dead, lease, keys.OUTBOX_DEAD, args, also=also) > 0

    def split(self, lease: Lease, parts: Sequence[Delivery], now_ms: int) -> bool:
        """Settles: ``parts`` take the place of a delivery, in this order. False when the lease was lost: nothing was done."""
        return self._settle(self._split, lease, None, [now_ms, *[_encode(part).decode() for part in parts]]) > 0

    def behind(self, lease: Lease, most: int) -> list[tuple[str, Delivery]]:
        """The next ``most`` deliveries behind a leased head, each with its item as it stands in the queue."""
        queue = keys.OUTBOX(shard=lease.shard, lane=lease.delivery.lane, target=lease.delivery.target)
        return [(item, _decode_delivery(item)) for item in self._database.command("LRANGE", queue, 1, most)]

    def merge(self, lease: Lease, merged: Delivery, items: Sequence[str]) -> bool:
        """Makes ``merged`` of a leased head and the ``items`` right behind it; the lease goes on. False: it was lost, or others stand there."""
        return self._settle(self._merge, lease, None, [_encode(merged).decode(), *items]) > 0

    def waiting(self, shard: int) -> list[Waiting]:
        """What waits in a shard, queue by queue, oldest first in each; for an admin, who looks at all of it."""
        due = self._database.command("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, -1, "WITHSCORES")
        times = dict(zip(due[::2], due[1::2], strict=True))
        queues = [(lane, target) for lane, _, target in (member.partition(":") for member in times)]
        rows = self._database.pipeline(("LRANGE", keys.OUTBOX(shard=shard, lane=lane, target=target), 0, -1) for lane, target in queues)
        return [
            Waiting(_decode_delivery(item), round(float(times[f"{lane}:{target}"])))
            for (lane, target), items in zip(queues, rows, strict=True)
            for item in items
        ]

    def dead_letters(self, shard: int) -> list[DeadLetter]:
        """What was given up in a shard, oldest first."""
        letters = self._database.command("HVALS", keys.OUTBOX_DEAD(shard=shard))
        return sorted((_decode_letter(letter) for letter in letters), key=lambda letter: letter.died_ms)

    def dead_letter(self, shard: int, id: str) -> DeadLetter | None:
        """One of them by its delivery's id; one round trip."""
        raw = self._database.command("HGET", keys.OUTBOX_DEAD(shard=shard), id)
        return _decode_letter(raw) if raw else None

    def dead_reasons(self, shard: int, begin: str) -> dict[str, str]:
        """Why each dead letter was given up whose id begins so, by the id of the whole delivery; one round trip, two where there are some."""
        key = keys.OUTBOX_DEAD(shard=shard)
        ids = [id for id in self._database.command("HKEYS", key) if id.startswith(begin)]
        letters = self._database.command("HMGET", key, *ids) if ids else []
        return {_whole(id): _decode_letter(letter).reason for id, letter in zip(ids, letters, strict=True) if letter}

    def queued(self, shard: int, lane: str, target: str, most: int = 1_000) -> frozenset[str]:
        """The ids of the first deliveries that wait in one queue, of parts that of the whole; one round trip."""
        items = self._database.command("LRANGE", keys.OUTBOX(shard=shard, lane=lane, target=target), 0, most - 1)
        return frozenset(_whole(_decode_delivery(item).id) for item in items)

    def replay(self, shard: int, id: str, now_ms: int, *, once: str = "") -> bool:
        """Puts a dead letter back at the end of its queue, its attempts and age forgotten. False when there is none of this id.

        An act that is named by ``once`` is done once, whatever becomes of the letter; :meth:`settled` tells what it did. A planned push that failed
        lately counts as failed no more.
        """
        dead = keys.OUTBOX_DEAD(shard=shard)
        raw = self._database.command("HGET", dead, id)
        if raw is None:
            return False
        letter = _decode_letter(raw)
        # what failed days ago stays so: its day is closed, and its counters are read no more
        pushed = letter.delivery.pushed if now_ms - letter.died_ms < RECENT_MS else ""
        delivery = replace(letter.delivery, attempts=0, born_ms=now_ms, pushed=pushed)
        queue, member, item = encode_delivery(shard, delivery)
        args: list[str | int] = [
            member, now_ms, id, raw, item, shard, f"{delivery.community}|{letter.reason}", ONCE_LIFE_MS, int(bool(once)), delivery.community,
            _encode({"revived": pushed}).decode(), int(bool(delivery.whom)), *delivery.counted[1:],
        ]  # fmt: skip
        names = [
            queue,
            keys.OUTBOX_DUE(shard=shard),
            dead,
            *_counted_in(shard, delivery),
            *_mailed_in(shard, delivery)[:1],
            *_capped_in(shard, delivery),
            *_settled_by(shard, once),
        ]
        return bool(self._database.act(self._replay, names, args))

    def drop(self, shard: int, id: str, *, once: str = "", told: tuple[str, str] = ("", "")) -> bool:
        """Removes a dead letter for good. False when there is none of this id.

        ``once`` is as for :meth:`replay`; ``told`` are community and reason of the letter, as :meth:`settled` gives them.
        """
        args: list[str | int] = [id, "|".join(told), ONCE_LIFE_MS]
        return bool(self._database.act(self._drop, [keys.OUTBOX_DEAD(shard=shard), *_settled_by(shard, once)], args))

    def drop_dead_letters(self, before: datetime) -> int:
        """Removes what was given up before ``before``, with the texts in it; gives how many went."""
        gone, limit = 0, to_ms(before)
        for shard in range(self._shards):
            for id, letter in self._database.rows(keys.OUTBOX_DEAD(shard=shard)):
                if _decode_letter(letter).died_ms < limit:
                    gone += self.drop(shard, id)
        return gone

    def hold(self, reason: str, now_ms: int) -> int:
        """Gives up all that waits, for an admin to send or to drop; gives how many. A rare act: each is settled like any that cannot be sent."""
        held = 0
        for shard, lane, target in self._queues():
            # lent until now: whoever dies here holds nothing up
            while lease := self.lease(shard, lane, target, "hold", _NEVER_MS, now_ms - _NEVER_MS):
                held += self.dead(lease, reason, now_ms)
        return held

    def settled(self, shard: int, once: str) -> tuple[str, str] | None:
        """Community and reason of the dead letter that an act named ``once`` replayed or dropped, None if it did not; one round trip."""
        community, mark, reason = (self._database.command("GET", *_settled_by(shard, once)) or "").partition("|")
        return (community, reason) if mark else None

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
            "queued": [{"body": d.body, "born_ms": d.born_ms} for d in queued if d.member == number or number in d.receivers],
            "dead": [
                {"body": letter.delivery.body, "born_ms": letter.delivery.born_ms, "reason": letter.reason, "died_ms": letter.died_ms}
                for letter in letters
                if letter.delivery.member == number or number in letter.delivery.receivers
            ],
        }

    def erase_user(self, number: int) -> str:
        """Removes what waits for one member and his dead letters; says what was done. A rare act: looks at every queue."""
        gone = 0
        for shard, lane, target in self._queues():
            queue = keys.OUTBOX(shard=shard, lane=lane, target=target)
            while items := self._of(queue, number):  # what was put off meanwhile stands there in other words
                gone += sum(self._withdraw(shard, item, "erased", 0) for item in items)
        for shard in range(self._shards):
            gone += sum(self.drop(shard, letter.delivery.id) for letter in self.dead_letters(shard) if _concerns(letter.delivery, number))
        return f"已删除待发送和发送失败的消息 {gone} 条；已发出的消息无法收回"

    def _of(self, queue: str, number: int) -> list[str]:
        """The items of a queue that are for a member, or name him."""
        return [item for item in self._database.command("LRANGE", queue, 0, -1) if _concerns(_decode_delivery(item), number)]

    def _queues(self) -> list[tuple[int, str, str]]:
        """Every queue that is not empty."""
        rows = self._database.pipeline(("ZRANGE", keys.OUTBOX_DUE(shard=shard), 0, -1) for shard in range(self._shards))
        return [(shard, lane, target) for shard, row in enumerate(rows) for member in row for lane, _, target in [member.partition(":")]]

    def _settle(
        self, script: Script, lease: Lease, third: keys.Family | None, args: Sequence[str | int], *, also: Sequence[str] = ()
    ) -> int:
        shard, delivery = lease.shard, lease.delivery
        names = [
            keys.OUTBOX(shard=shard, lane=delivery.lane, target=delivery.target),
            keys.OUTBOX_DUE(shard=shard),
            keys.OUTBOX_LEASES(shard=shard),
        ]
        if third:
            names.append(third(shard=shard))
        return int(self._database.act(script, [*names, *also], [_member(delivery), lease.fence, *args]))


def _counted_in(shard: int, delivery: Delivery) -> list[str]:
    """Where a planned push counts: counters of community and group, places, the newest push of the group; and the log."""
    if not delivery.pushed:
        return []
    day, _, chat = delivery.pushed.partition("|")
    group = place_of(delivery.community, chat)
    return [
        counts_key(shard, delivery.community, day), counts_key(shard, group, day), keys.PLACES(shard=shard),
        keys.PUSHED(shard=shard, community=group), keys.EVENTS(shard=shard),
    ]  # fmt: skip


def _mailed_in(shard: int, delivery: Delivery) -> list[str]:
    """Where what settles a unit of a mailing counts: the mailing, and whom it arrived at."""
    if not delivery.whom:
        return []
    part = {"shard": shard, "community": delivery.community, "name": delivery.mailing}
    return [keys.MAILING(**part), keys.MAILING_GOT(**part)]


def _capped_in(shard: int, delivery: Delivery) -> list[str]:
    """Where what a delivery took of the caps is counted."""
    return [keys.PUSH_COUNTS(shard=shard, community=delivery.community, day=delivery.counted[0])] if delivery.counted else []


def _told(delivery: Delivery, why: TakenBack) -> str:
    """What the event tells of a unit that was taken back (JSON), '' where a delivery settles none."""
    if not delivery.whom:
        return ""
    push, _, planned = delivery.mailing.rpartition("@")
    to = "members" if delivery.member else "groups"
    told = {"push": push, "planned": from_ms(int(planned)).isoformat(), "why": why, "to": to}
    return _encode(told if delivery.member else told | {"chat": delivery.whom}).decode()


def _shown(delivery: Delivery) -> dict[str, str]:
    """What the event of a delivery tells that shows a unit what is tried, nothing for any other."""
    if not delivery.whom or not delivery.trial:
        return {}
    mark, _, arm = delivery.trial.partition("|")
    told = {"push": delivery.mailing.rpartition("@")[0], "trial": mark, "arm": arm}
    return told if delivery.member else told | {"chat": delivery.whom}


def _settled_by(shard: int, once: str) -> list[str]:
    return [keys.OUTBOX_SETTLED(shard=shard, id=once)] if once else []


def is_later_part(id: str) -> bool:
    """Whether a delivery is a part of a long one whose first part goes before it."""
    return _whole(id) != id and not id.endswith("/1")


def _whole(id: str) -> str:
    """The id of the delivery that one with ``/2`` at its end is a part of."""
    whole, _, part = id.rpartition("/")
    return whole if whole and part.isdecimal() else id


class Bell:
    """Rings when something was put into an outbox. For one thread; a ring may be missed, so look by yourself now and then too."""

    def __init__(self, database: Database, channel: str = keys.BELL) -> None:
        self._database = database
        self._channel = channel
        self._listener: Any = None

    def wait(self, timeout_s: float) -> bool:
        """Waits for a ring, at most ``timeout_s``; gives whether there was one. A server that is away is no error here."""
        try:
            if self._listener is None:
                self._listener = self._database.subscribe(self._channel)
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


def _due_words(shard: int, now_ms: int, first: int) -> tuple[str | int, ...]:
    return "ZRANGEBYSCORE", keys.OUTBOX_DUE(shard=shard), "-inf", now_ms, "LIMIT", first, _DUE_AT_ONCE


def _party(target: str) -> str:
    """Whose turn it is counted as: ``hook.<community>`` of ``hook.<community>.<chat>``, ``app.<channel>`` of ``app.<channel>.<member>``."""
    return target[: target.find(".", target.find(".") + 1)]


def _concerns(delivery: Delivery, number: int) -> bool:
    """Whether a delivery is for a member, or names him."""
    return delivery.member == number or number in delivery.about


def _member(delivery: Delivery) -> str:
    return f"{delivery.lane}:{delivery.target}"
