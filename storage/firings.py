"""Firings: each planned moment of a push is claimed once, by whichever process rings first; a receipt says for a year what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import msgspec

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal

MARKER_LIFE_MS = 40 * 86_400_000
RECEIPTS_LIFE_MS = 400 * 86_400_000
MOST_MOMENTS = 48
"""Moments of one push and day that a receipt tells one by one; older ones are only counted."""
Why = Literal["", "paused", "crisis", "no_way", "missed", "unapproved", "quiet", "segment"]
"""Why nothing was said at a planned moment: '' it was; the community was paused, or in a crisis; no way leads there; nobody was awake; nobody agreed to
it; it was night; whom it is for cannot be read (any more)."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one planned moment, and when that was settled."""

    planned: datetime
    at: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a push on one day of its community: how many moments in all, and the newest of them, oldest first."""

    day: date
    push: str
    title: str
    count: int
    moments: tuple[Settled, ...]


class _Kept(msgspec.Struct):
    n: int
    t: str
    l: list[tuple[int, int, Why]]  # noqa: E741 - as the script names it


_decode = msgspec.json.Decoder(_Kept).decode


class Firings:
    """Which push fired when, in every community."""

    PERSONAL = Personal(
        "推送",
        "哪个推送什么时候发过",
        (keys.FIRED, keys.FIRED_LAST, keys.RECEIPTS),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claim = Script("claim_firing")

    def claim(
        self, where: CommunityKeys, push: str, planned: datetime, deliveries: Sequence[Delivery], now: datetime, facts: Mapping[str, Any] | None,
        *, day: date | None = None, title: str = "", why: Why = "",
    ) -> bool:  # fmt: skip
        """Claims one planned moment and queues its deliveries in the same act; False when another process was first.

        ``facts`` are those of the event (None: there is none). With the ``day`` of the moment there a receipt is kept under the push and its ``title``.
        ``why`` settles a moment at which nothing is said.
        """
        queued = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        part = {"shard": where.shard, "community": where.id}
        planned_day = day or planned.date()
        done = self._database.act(
            self._claim,
            [
                keys.FIRED(**part, push=push, planned=to_ms(planned)),
                keys.FIRED_LAST(**part),
                keys.RECEIPTS(**part, month=f"{planned_day:%Y-%m}"),
                keys.EVENTS(shard=where.shard),
                keys.OUTBOX_DUE(shard=where.shard),
                *(queue for queue, _, _ in queued),
            ],
            [
                to_ms(now), push, to_ms(planned), MARKER_LIFE_MS, where.id, "" if facts is None else msgspec.json.encode(facts), where.shard,
                f"{day.isoformat()}|{push}" if day else "", title, why, RECEIPTS_LIFE_MS, MOST_MOMENTS,
                *(word for _, due_member, item in queued for word in (due_member, item)),
            ],
        )  # fmt: skip
        return bool(done)

    def receipts(self, where: CommunityKeys, first: date, last: date) -> list[Receipt]:
        """What became of what was planned from the first to the last day, in order of days; one round trip."""
        part = {"shard": where.shard, "community": where.id}
        rows = self._database.pipeline([("HGETALL", keys.RECEIPTS(**part, month=month)) for month in _months(first, last)])
        found = [_receipt(name, kept) for flat in rows for name, kept in zip(flat[::2], flat[1::2], strict=True)]
        return sorted((one for one in found if first <= one.day <= last), key=lambda one: (one.day, one.moments[0].planned, one.push))

    def are_claimed(self, push: str, moments: Iterable[tuple[CommunityKeys, datetime]]) -> bool:
        """Whether any of some planned moments of a push was claimed, or settled without a word; one round trip."""
        asked = [
            ("EXISTS", keys.FIRED(shard=where.shard, community=where.id, push=push, planned=to_ms(planned))) for where, planned in moments
        ]
        return any(self._database.pipeline(asked)) if asked else False

    def last(self, where: CommunityKeys, push: str) -> datetime | None:
        """The planned moment of the last claimed firing, None before the first."""
        kept = self._database.command("HGET", keys.FIRED_LAST(shard=where.shard, community=where.id), push)
        return from_ms(int(kept)) if kept else None

    def lasts(self, where: CommunityKeys) -> dict[str, datetime]:
        """The planned moment of the last claimed firing of every push of a community; one round trip."""
        kept = pairs(self._database.command("HGETALL", keys.FIRED_LAST(shard=where.shard, community=where.id)))
        return {push: from_ms(int(planned)) for push, planned in kept.items()}

    def note_start(self, where: CommunityKeys, push: str, now: datetime) -> None:
        """Notes when a push was first known, so that only moments after it can have been missed."""
        self._database.command("HSETNX", keys.FIRED_LAST(shard=where.shard, community=where.id), push, to_ms(now))

    def begin_anew(self, where: CommunityKeys, push: str, now: datetime) -> None:
        """Notes that a push was changed: moments before ``now`` were not missed."""
        self._database.command("HSET", keys.FIRED_LAST(shard=where.shard, community=where.id), push, to_ms(now))

    def begin_all_anew(self, now: datetime) -> int:
        """Notes of every push that ever was: moments before ``now`` were not missed; gives how many pushes. A rare act that looks at every key."""
        begun = 0
        for where in list(communities_with(self._database, keys.FIRED_LAST)):
            names = list(self.lasts(where))
            begun += len(names)
            for name in names:
                self.begin_anew(where, name, now)
        return begun

    def export_user(self, number: int) -> dict[str, object]:
        """Firings name nobody."""
        return {}

    def erase_user(self, number: int) -> str:
        """Firings name nobody."""
        return "不保存个人数据"


def _months(first: date, last: date) -> list[str]:
    months, month = [], first.replace(day=1)
    while month <= last:
        months.append(f"{month:%Y-%m}")
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return months


def _receipt(name: str, kept: str) -> Receipt:
    day, _, push = name.partition("|")
    read = _decode(kept)
    moments = tuple(Settled(from_ms(planned), from_ms(at), why) for planned, at, why in sorted(read.l))
    return Receipt(date.fromisoformat(day), push, read.t, read.n, moments)
