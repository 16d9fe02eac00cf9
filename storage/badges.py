"""Badges that members hold, what is counted towards them here, and the honours of a month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from rules.badges import Monthly
from rules.points import PointRules
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import args_of, digest_of, keys_of, month_of, rows_key
from storage.moment import to_ms
from storage.personal import Personal
from storage.points import MOST_NOTE

COUNTED = ("thanks", "featured")
"""What is counted here; other counters belong to the stores of their features."""
MOST_WINNERS = 10
DONE_LIFE_MS = 21 * 86_400_000
LEVEL = "^"
"""Before the id of a level: that it was told about is kept like a badge."""
How = Literal["give", "hand", "take"]
_TAKEN = "-"


@dataclass(frozen=True, slots=True)
class Held:
    """A badge that a member holds, by its id (of a month's badge with the month behind it: ``star@2026-10``), since when."""

    id: str
    since: date


@dataclass(frozen=True, slots=True)
class Recognised:
    """What came of recognising a member: ``state`` done, giver or pair (that limit of the day is used up), what it gave him and what he has."""

    state: str
    n: int
    balance: int
    earned: int
    count: int
    is_fresh: bool


@dataclass(frozen=True, slots=True)
class Crowned:
    """A month's winners with what they earned, best first; whether the community was told."""

    winners: tuple[tuple[int, int], ...]
    is_told: bool


class Badges:
    """The badges of every community."""

    PERSONAL = Personal(
        "勋章",
        "勋章和往月的活跃之星",
        (keys.BADGES, keys.HONOUR_COUNTS, keys.CROWNED),
        what="有哪些勋章、被感谢和精华几次",
        erasing="全部删除，往月的名单里也去掉",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._give = Script("give_badges")
        self._recognise = Script("recognise")
        self._crown = Script("crown_month")

    def give(
        self,
        where: CommunityKeys,
        member: int,
        ids: Iterable[str],
        now: datetime,
        *,
        today: date,
        once: str,
        how: How = "give",
        actor: int = 0,
    ) -> tuple[str, ...]:
        """Gives badges (or takes them); those that it gave or took, for a repeat too. What was taken comes back by a person's ``hand`` only."""
        name = once and f"badges|{member}|{how}|{once}"
        done: list[str] = self._database.act(
            self._give,
            [keys.BADGES(shard=where.shard, community=where.id), keys.EVENTS(shard=where.shard), *keys_of(where, now, today)[9:12]],
            [to_ms(now), where.id, member, digest_of(name), today.toordinal(), how, actor, DONE_LIFE_MS, *ids],
        )
        return tuple(done)

    def recognise(
        self, where: CommunityKeys, giver: int, taker: int, now: datetime, *, today: date, reason: str, counter: str, rules: PointRules,
        once: str, most_of_giver: int = 0, most_of_pair: int = 0, note: str = "", is_work: bool = False,
    ) -> Recognised:  # fmt: skip
        """One more of ``counter`` for the taker and the points of ``reason``, within the giver's limits a day (0 none); one act.

        ``is_work``: it is for a work, which the day's figures counted when it was reviewed.
        """
        why, name = rules.reason(reason), once and f"recognise|{taker}|{reason}|{once}"
        got = self._database.act(
            self._recognise,
            [*keys_of(where, now, today), rows_key(where, taker), keys.HONOUR_COUNTS(shard=where.shard, community=where.id)],
            [
                *args_of(where, now, today, name, rules), giver, taker, reason, why.points, why.per_day, rules.cap_of_day, counter,
                most_of_giver, most_of_pair, _plain(note), int(is_work),
            ],
        )  # fmt: skip
        fresh, state, n, balance, earned, count = got.split("|")
        return Recognised(state, int(n), int(balance), int(earned), int(count), fresh == "1")

    def of(self, where: CommunityKeys, member: int) -> tuple[Held, ...]:
        """A member's badges, oldest first."""
        kept = self._database.command("HGET", keys.BADGES(shard=where.shard, community=where.id), member)
        held = (one for one in _held(kept or "") if not one.id.startswith((_TAKEN, LEVEL)))
        return tuple(sorted(held, key=lambda one: one.since))

    def newest(self, where: CommunityKeys, member: int, badge: str) -> str:
        """Which one of a badge a member got last: of a month's badge with its month; ``badge`` itself where he has none."""
        return next((held.id for held in reversed(self.of(where, member)) if held.id.partition("@")[0] == badge), badge)

    def counts(self, where: CommunityKeys, member: int) -> dict[str, int]:
        """How often a member was thanked and featured."""
        return self.counts_of(where, [member])[member]

    def counts_of(self, where: CommunityKeys, members: Sequence[int]) -> dict[int, dict[str, int]]:
        """The same for many members; one round trip."""
        if not members:
            return {}
        fields = [f"{member}:{name}" for member in members for name in COUNTED]
        found = iter(self._database.command("HMGET", keys.HONOUR_COUNTS(shard=where.shard, community=where.id), *fields))
        return {member: {name: int(next(found) or 0) for name in COUNTED} for member in members}

    def given_today(self, where: CommunityKeys, member: int, today: date, reasons: Sequence[str]) -> dict[str, int]:
        """The points that a member got today for each of some reasons, as far as they count against the day's caps."""
        if not reasons:
            return {}
        key = keys.POINT_CAPS(shard=where.shard, community=where.id, day=today.isoformat())
        found = self._database.command("HMGET", key, *(f"{member}:{reason}" for reason in reasons))
        return {reason: int(n or 0) for reason, n in zip(reasons, found, strict=True)}

    def crown(
        self, where: CommunityKeys, month: date, now: datetime, *, today: date, badge: str, places: int, left_out: Sequence[int] = (),
        by: Monthly = "points",
    ) -> Crowned:  # fmt: skip
        """Gives a month's badge ("" none) to those in its first places, ties at the last one too; who they are, also when crowned before.

        By influence it goes to those who have most of it now.
        """
        part, name = {"shard": where.shard, "community": where.id}, month_of(month)
        board = keys.BOARD_MONTH(**part, month=name) if by == "points" else keys.INFLUENCE(**part)
        told, *flat = self._database.act(
            self._crown,
            [keys.CROWNED(**part), board, keys.BADGES(**part), keys.EVENTS(shard=where.shard)],
            [
                to_ms(now), where.id, _crown(month, by), f"{badge}@{name}" if badge else "", places, today.toordinal(),
                digest_of(f"crown:{_crown(month, by)}"),
                MOST_WINNERS, *left_out,
            ],
        )  # fmt: skip
        return Crowned(tuple(zip(map(int, flat[::2]), map(int, flat[1::2]), strict=True)), bool(told))

    def note_told(self, where: CommunityKeys, month: date, now: datetime, by: Monthly = "points") -> None:
        """Notes that a month's winners were announced."""
        key = keys.CROWNED(shard=where.shard, community=where.id)
        self._database.command("HSET", key, f"{_crown(month, by)}:told", to_ms(now))

    def told_months(self, places: Sequence[CommunityKeys], months: Sequence[date], by: Monthly = "points") -> list[bool]:
        """Whether the winners of each community's month were announced; one round trip."""
        asked = [
            ("HEXISTS", keys.CROWNED(shard=where.shard, community=where.id), f"{_crown(month, by)}:told")
            for where, month in zip(places, months, strict=True)
        ]
        return [bool(answer) for answer in self._database.pipeline(asked)]

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's badges, and how often he was thanked and featured, by community."""
        out: dict[str, Any] = {}
        for where in self._communities():
            badges, counts = self.of(where, number), self.counts(where, number)
            if badges or any(counts.values()):
                out[where.id] = {
                    "勋章": {held.id: held.since.isoformat() for held in badges},
                    "被感谢": counts["thanks"],
                    "精华": counts["featured"],
                }
        return out

    def erase_user(self, number: int) -> str:
        """Removes the member's badges and counts, also from the winners of past months."""
        for where in self._communities():
            part = {"shard": where.shard, "community": where.id}
            fields = [f"{number}:{name}" for name in COUNTED]
            self._database.pipeline([("HDEL", keys.BADGES(**part), number), ("HDEL", keys.HONOUR_COUNTS(**part), *fields)])
            flat = self._database.command("HGETALL", keys.CROWNED(**part))
            for month, winners in zip(flat[::2], flat[1::2], strict=True):
                if not month.endswith(":told") and (left := _without(winners, number)) != winners:
                    self._database.command("HSET", keys.CROWNED(**part), month, left)
        return "已删除勋章、被感谢与精华次数，以及在往月活跃之星里的名字"

    def _communities(self) -> set[CommunityKeys]:
        return {where for family in (keys.BADGES, keys.HONOUR_COUNTS, keys.CROWNED) for where in communities_with(self._database, family)}


def _crown(month: date, by: Monthly) -> str:
    """The name of a month's honour."""
    return month_of(month) if by == "points" else f"{month_of(month)}:{by}"


def _held(kept: str) -> list[Held]:
    rows = (entry.rsplit(":", 1) for entry in kept.split(",") if entry)
    return [Held(id, date.fromordinal(int(day))) for id, day in rows]


def _plain(note: str) -> str:
    """A note as it can stand in a row of the ledger."""
    return " ".join(note.split()).replace("|", "｜")[:MOST_NOTE]


def _without(winners: str, number: int) -> str:
    flat = winners.split(",") if winners else []
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return ",".join(f"{member},{points}" for member, points in pairs if member != str(number))
