"""Mailings: what becomes of one planned moment of a push, unit by unit – a group, or a member – from its claim until it is through or stopped.

A mailing is carried on by pages. Each page is one act that compares how far the mailing is with what its maker saw: whoever comes second does nothing,
and who dies has either done all of it or nothing. What a page queues, counts, skips and tells is in that same act.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

import msgspec

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.firings import MARKER_LIFE_MS, MOST_MOMENTS, RECEIPTS_LIFE_MS
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal

LIFE_MS = RECEIPTS_LIFE_MS
COUNTS_LIFE_MS = 100 * 86_400_000
READERS_LIFE_MS = 8 * 86_400_000
MOST_DUE = 100
"""Mailings of a shard that one look goes on with."""

State = Literal["running", "first", "waits", "stopped", "done"]
"""How a mailing stands: it is being queued or sent; its first readers have it and the others wait; it waits for the end of the quiet hours; it was stopped;
all that was to go has gone."""
Skipped = Literal["", "no_way", "opted_out", "cap", "holdout", "quiet", "crisis", "body", "elsewhere", "stopped", "erased"]
"""Why a unit gets nothing: '' it does; no way leads there; it wants none; it had enough; it was held out of a trial; it is night; the community is in a
crisis; what is said cannot be shown there; he gets it in another of his communities; it was taken back from the queue; he was forgotten while it waited
there."""
GivenUp = Literal["", "off", "segment", "paused"]
"""Why a mailing was stopped by itself: '' somebody did; its push was switched off, changed or lost its consent; whom it is for cannot be read; the
community was paused for too long."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """How far a planned moment of a push is: for ``of`` units, of which ``looked`` were gone through, so many ``queued``, ``sent`` and ``failed``.

    ``skipped`` says why the others get nothing, those among them who were queued and ``taken_back``. ``next_at`` is when it goes on. ``by`` is who
    stopped it (0: the bot itself, and ``why``). So many of those that were ``sent`` it may have reached ``twice``.
    """

    push: str
    planned: datetime
    community: str
    to: str
    title: str
    of: int
    looked: int
    queued: int
    sent: int
    failed: int
    skipped: Mapping[str, int]
    state: State
    begun: datetime
    ended: datetime | None
    next_at: datetime | None
    cursor: str
    by: int = 0
    why: GivenUp = ""
    taken_back: int = 0
    twice: int = 0

    @property
    def name(self) -> str:
        """What it is called: push@planned ms."""
        return name_of(self.push, self.planned)

    @property
    def in_flight(self) -> int:
        """How many are queued and not settled."""
        return self.queued - self.sent - self.failed - self.taken_back


@dataclass(frozen=True, slots=True)
class Unit:
    """A group (``chat``) or a member whom a page looks at: what is queued for him, or ``why`` nothing is; ``facts`` are those of its event."""

    facts: Mapping[str, Any]
    deliveries: Sequence[Delivery] = ()
    member: int = 0
    chat: str = ""
    why: Skipped = ""

    @property
    def name(self) -> str:
        """What it is counted under: m:12, g:wrABC."""
        return f"m:{self.member}" if self.member else f"g:{self.chat}"


@dataclass(frozen=True, slots=True)
class Page:
    """So many units in one act. ``cursor`` is how far the mailing was (None: it begins), ``after`` how far it is then.

    ``caps`` are (kind, most, days), ``kinds`` those that each unit counts for, ``day`` the day it counts on. With so many queued as ``first``
    (0: never) the others wait until ``first_until``.
    """

    units: Sequence[Unit]
    cursor: str | None
    after: str
    state: State
    next_at: datetime
    day: date
    kinds: Sequence[str] = ()
    caps: Sequence[tuple[str, int, int]] = ()
    is_marketing: bool = False
    first: int = 0
    first_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a mailing begins with: whom it is to (groups, members), of how many, the day of its receipt."""

    to: str
    title: str
    of: int
    day: date


@dataclass(frozen=True, slots=True)
class Due:
    """A mailing that goes on."""

    where: CommunityKeys
    push: str
    planned: datetime = field()


def name_of(push: str, planned: datetime) -> str:
    """What a mailing is called."""
    return f"{push}@{to_ms(planned)}"


class Mailings:
    """The mailings of every community."""

    PERSONAL = Personal(
        "推送的去向",
        "不重复推送，数得清送到几个人",
        (keys.MAILING, keys.MAILING_GOT, keys.MAILING_READERS, keys.MAILINGS, keys.MAILINGS_DUE, keys.MAILINGS_STOPPED, keys.PUSH_COUNTS),
        what="收到过哪些推送、一天几条",
        erasing="全部删除；合计不记是谁",
        passing=(keys.PUSH_COUNTS, keys.MAILING_READERS),
        passing_why="由收到的推送算出来的",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._page = Script("mailing_page")
        self._stop = Script("mailing_stop")
        self._claim_readers = Script("claim_readers")

    # Going on -----------------------------------------------------------------------------------------------------------

    def carry_on(self, where: CommunityKeys, push: str, planned: datetime, page: Page, now: datetime, claim: Claim | None = None) -> bool:
        """Does a page, and with a ``claim`` begins the mailing, once; False when another process was first, or the mailing is over."""
        part, name, now_ms = {"shard": where.shard, "community": where.id}, name_of(push, planned), to_ms(now)
        queues: list[str] = []
        units = [self._row(where, _counting(unit, page), queues) for unit in page.units]
        days = max((cap[2] for cap in page.caps), default=1)
        told = {
            "now": now_ms, "shard": where.shard, "community": where.id, "push": push, "planned": str(to_ms(planned)), "cursor": page.cursor,
            "after": page.after, "state": page.state, "next": to_ms(page.next_at), "units": units, "days": days, "kinds": list(page.kinds),
            "caps": [{"kind": kind, "most": most, "days": span} for kind, most, span in page.caps], "marketing": page.is_marketing,
            "life": LIFE_MS, "counts_life": COUNTS_LIFE_MS, "claim": _claim(claim, push, now_ms),
            "first": page.first, "first_until": to_ms(page.first_until) if page.first_until else 0,
        }  # fmt: skip
        month = (claim.day if claim else page.day).strftime("%Y-%m")
        return bool(self._database.act(
            self._page,
            [
                keys.MAILING(**part, name=name), keys.MAILINGS_DUE(shard=where.shard), keys.MAILINGS(**part), keys.EVENTS(shard=where.shard),
                keys.OUTBOX_DUE(shard=where.shard), keys.OPTED_OUT(**part), keys.FIRED(**part, push=push, planned=to_ms(planned)),
                keys.FIRED_LAST(**part), keys.RECEIPTS(**part, month=month),
                *(keys.PUSH_COUNTS(**part, day=page.day - timedelta(days=back)) for back in range(days)), *queues,
            ],
            [msgspec.json.encode(told)],
        ))  # fmt: skip

    def claim_readers(self, where: CommunityKeys, push: str, moment: str, members: Sequence[int]) -> frozenset[int]:
        """Has a community speak to those of the members to whom no other does at a moment (2026-12-01 09:00) of a push to all; gives the others.

        What one community has asked for stays its own, so that a page may be made again.
        """
        if not members:
            return frozenset()
        key = keys.MAILING_READERS(shard=keys.shard_of(push), push=push, moment=moment)
        return frozenset(map(int, self._database.act(self._claim_readers, [key], [where.id, READERS_LIFE_MS, *members])))

    def due(self, shards: Collection[int], now: datetime) -> list[Due]:
        """The mailings of some shards that go on by now, the longest waiting first in each; one round trip."""
        asked = [("ZRANGEBYSCORE", keys.MAILINGS_DUE(shard=shard), "-inf", to_ms(now), "LIMIT", 0, MOST_DUE) for shard in shards]
        rows = zip(shards, self._database.pipeline(asked), strict=True)
        return [_due(shard, member) for shard, members in rows for member in members]

    def next_due(self, shards: Collection[int]) -> datetime | None:
        """When the first mailing of some shards goes on, None where none is under way; one round trip."""
        asked = [("ZRANGE", keys.MAILINGS_DUE(shard=shard), 0, 0, "WITHSCORES") for shard in shards]
        times = [float(first[1]) for first in self._database.pipeline(asked) if first]
        return from_ms(int(min(times))) if times else None

    def put_off(self, where: CommunityKeys, push: str, planned: datetime, until: datetime) -> None:
        """Has a mailing go on later, if it goes on at all."""
        member = f"{where.id}|{name_of(push, planned)}"
        self._database.command("ZADD", keys.MAILINGS_DUE(shard=where.shard), "XX", to_ms(until), member)

    # Looking ------------------------------------------------------------------------------------------------------------

    def find(self, where: CommunityKeys, push: str, planned: datetime) -> Mailing | None:
        """A mailing as it stands, None where there is none; one round trip."""
        return self._read(where, [name_of(push, planned)])[0]

    def of_push(self, where: CommunityKeys, push: str, most: int) -> list[Mailing]:
        """The newest mailings of a push, newest first; two round trips."""
        names = self._database.command("ZREVRANGE", keys.MAILINGS(shard=where.shard, community=where.id), 0, -1)
        wanted = [name for name in names if name.rpartition("@")[0] == push][:most]
        return [found for found in self._read(where, wanted) if found]

    def newest(self, where: CommunityKeys, most: int) -> list[Mailing]:
        """The newest mailings of a community, newest first; two round trips."""
        names = self._database.command("ZREVRANGE", keys.MAILINGS(shard=where.shard, community=where.id), 0, most - 1)
        return [found for found in self._read(where, names) if found]

    def running(self, where: CommunityKeys) -> list[Mailing]:
        """The mailings of a community of the last three days that are not over, newest first."""
        return [one for one in self.newest(where, MOST_DUE) if one.state not in ("done", "stopped")]

    def under_way(self, where: CommunityKeys, push: str) -> list[Mailing]:
        """The mailings of a push that go on some time; two round trips where there are any, else one."""
        begin = f"{where.id}|{push}@"
        rows = self._database.command("ZRANGE", keys.MAILINGS_DUE(shard=where.shard), 0, -1)
        names = [row.partition("|")[2] for row in rows if row.startswith(begin)]
        return [found for found in self._read(where, names) if found] if names else []

    def receivers(self, where: CommunityKeys, push: str, planned: datetime, after: int, most: int) -> tuple[list[int], int | None]:
        """The members whom a mailing arrived at, from the number behind ``after``, in order; and the mark to go on from, None at the end."""
        key = keys.MAILING_GOT(shard=where.shard, community=where.id, name=name_of(push, planned))
        found = [int(one) for one in self._database.command("ZRANGEBYSCORE", key, f"({after}", "+inf", "LIMIT", 0, most)]
        return found, found[-1] if len(found) == most else None

    def count_receivers(self, where: CommunityKeys, push: str, planned: datetime) -> int:
        """How many a mailing arrived at; one round trip."""
        return int(self._database.command("ZCARD", keys.MAILING_GOT(shard=where.shard, community=where.id, name=name_of(push, planned))))

    def got(self, where: CommunityKeys, push: str, planned: datetime, most: int) -> list[str]:
        """The chats of the groups that a mailing arrived in."""
        key = keys.MAILING_GOT(shard=where.shard, community=where.id, name=name_of(push, planned))
        return list(self._database.command("ZRANGE", key, 0, most - 1))

    # Stopping -----------------------------------------------------------------------------------------------------------

    def stop(
        self, where: CommunityKeys, push: str, planned: datetime, by: int, now: datetime, once: str, why: GivenUp = ""
    ) -> Mailing | None:  # fmt: skip
        """Stops a mailing: nothing of it is queued any more, and what is queued is taken back as it is leased. Gives how it stands, None where there is none.

        In force at once for all processes; what a sender has in hand at this moment still goes.
        """
        return self._settle(where, push, planned, "stop", by, now, once, why)

    def go_on(self, where: CommunityKeys, push: str, planned: datetime, by: int, now: datetime, once: str) -> Mailing | None:
        """Has a mailing that waits after its first readers go on now. Gives how it stands, None where there is none."""
        return self._settle(where, push, planned, "go_on", by, now, once)

    def _settle(
        self, where: CommunityKeys, push: str, planned: datetime, act: str, by: int, now: datetime, once: str, why: GivenUp = ""
    ) -> Mailing | None:  # fmt: skip
        name = name_of(push, planned)
        data = {"act": f"mailing_{act}", "push": push, "planned": planned.isoformat()} | ({"why": why} if why else {})
        self._database.act(
            self._stop,
            [
                keys.MAILING(shard=where.shard, community=where.id, name=name), keys.MAILINGS_DUE(shard=where.shard),
                keys.MAILINGS_STOPPED(shard=where.shard), keys.EVENTS(shard=where.shard),
            ],
            [to_ms(now), where.id, name, act, by, msgspec.json.encode(data), LIFE_MS, once, why],
        )  # fmt: skip
        return self.find(where, push, planned)

    # Small steps --------------------------------------------------------------------------------------------------------

    def _read(self, where: CommunityKeys, names: Sequence[str]) -> list[Mailing | None]:
        asked: list[tuple[str, ...]] = []
        for name in names:
            asked.append(("HGETALL", keys.MAILING(shard=where.shard, community=where.id, name=name)))
            asked.append(("HGET", keys.MAILINGS_STOPPED(shard=where.shard), f"{where.id}|{name}"))
        rows = self._database.pipeline(asked)
        return [_mailing(where, name, pairs(rows[2 * n]), int(rows[2 * n + 1] or 0)) for n, name in enumerate(names)]

    @staticmethod
    def _row(where: CommunityKeys, unit: Unit, queues: list[str]) -> dict[str, Any]:
        deliveries: list[tuple[int, str, str]] = []
        for delivery in unit.deliveries:
            queue, member, item = encode_delivery(where.shard, delivery)
            deliveries.append((len(queues), member, item))
            queues.append(queue)
        return {"u": unit.name, "m": unit.member, "why": unit.why, "x": msgspec.json.encode(unit.facts).decode(), "d": deliveries}

    # Persons ------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """Which mailings arrived at a member, by community, as far as it is still known."""
        found: dict[str, Any] = {}
        for where in communities_with(self._database, keys.MAILINGS):
            names = self._names(where)
            scores = self._database.pipeline(
                ("ZSCORE", keys.MAILING_GOT(shard=where.shard, community=where.id, name=name), number) for name in names
            )
            got = [name for name, score in zip(names, scores, strict=True) if score is not None]
            if got:
                found[where.id] = got
        return found

    def erase_user(self, number: int) -> str:
        """Forgets which mailings arrived at a member, and how many he had on which day; how many each reached stays."""
        gone = 0
        for where in communities_with(self._database, keys.MAILINGS):
            part = {"shard": where.shard, "community": where.id}
            gone += sum(self._database.pipeline(("ZREM", keys.MAILING_GOT(**part, name=name), number) for name in self._names(where)))
            for key in self._database.scan(keys.PUSH_COUNTS(**part, day="*")):
                fields = [name for name, _ in self._database.rows(key, f"m:{number}|*")]
                if fields:
                    self._database.command("HDEL", key, *fields)
        for key in self._database.scan(keys.MAILING_READERS(shard="*", push="*", moment="*")):
            self._database.command("HDEL", key, number)
        return f"已删除收到过哪些推送的记录 {gone} 条"

    def _names(self, where: CommunityKeys) -> list[str]:
        return list(self._database.command("ZRANGE", keys.MAILINGS(shard=where.shard, community=where.id), 0, -1))


def _counting(unit: Unit, page: Page) -> Unit:
    """A unit whose deliveries know what they take of the caps, to hand it back if they never arrive."""
    if not page.kinds:
        return unit
    counted = (page.day.isoformat(), *(f"{unit.name}|{kind}" for kind in page.kinds))
    return replace(unit, deliveries=[replace(one, counted=counted) if one.whom else one for one in unit.deliveries])


def _claim(claim: Claim | None, push: str, now_ms: int) -> dict[str, Any] | None:
    if claim is None:
        return None
    return {
        "to": claim.to, "title": claim.title, "of": claim.of, "receipt": f"{claim.day.isoformat()}|{push}", "marker_life": MARKER_LIFE_MS,
        "most_moments": MOST_MOMENTS, "oldest": now_ms - LIFE_MS,
    }  # fmt: skip


def _due(shard: int, member: str) -> Due:
    community, _, name = member.rpartition("|")
    push, _, planned = name.rpartition("@")
    return Due(CommunityKeys(community, shard), push, from_ms(int(planned)))


def _mailing(where: CommunityKeys, name: str, kept: Mapping[str, str], stopped: int) -> Mailing | None:
    if not kept:
        return None
    push, _, planned = name.rpartition("@")
    skipped = {field.removeprefix("skip:"): int(many) for field, many in kept.items() if field.startswith("skip:")}
    if stopped:
        skipped["stopped"] = stopped
    queued, sent, failed, back, twice = (int(kept.get(field, 0)) for field in ("queued", "sent", "failed", "back", "twice"))
    state: Any = kept["state"]
    if state == "done" and queued > sent + failed + stopped + back:
        state = "running"
    ended, why = int(kept.get("ended", 0)), cast(GivenUp, kept.get("why", ""))
    return Mailing(
        push, from_ms(int(planned)), where.id, kept["to"], kept["title"], int(kept["of"]), int(kept.get("looked", 0)), queued, sent, failed, skipped,
        state, from_ms(int(kept["begun"])), from_ms(ended) if ended and state != "running" else None,
        None if state in ("done", "stopped") else from_ms(int(kept["next"])), kept["cursor"], int(kept.get("by", 0)), why,
        stopped + back, twice,
    )  # fmt: skip
