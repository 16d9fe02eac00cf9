"""Check-ins: a member's streak, his days one by one, and the cards with which he makes up for those that he missed.

A member costs 60 to 130 bytes for his record, and 200 to 300 for his days: the key, and a bit a day.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from rules.check_ins import FIRST_DAY
from rules.points import MakeUpRule
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import Lapses, args_of, keys_of, month_of, rows_key
from storage.personal import Personal
from storage.points import Rewards

ONCE_LIFE_MS = 7 * 86_400_000
EMPTY = "0|0|0|0|0|||"
"""The record of a member who never checked in."""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The result of a check-in: ``is_fresh`` at today's first; streaks and total in days; reward, balance and earned in points.

    ``cards`` are the make-up cards that the member has, ``card_won`` whether this day brought one. ``gap`` are the days that he missed since his
    check-in before, ``made_up`` how many he has made up for this month, ``by_right`` how many of these without a card.
    """

    is_fresh: bool
    streak: int
    longest: int
    total: int
    reward: int
    balance: int
    earned: int
    cards: int = 0
    card_won: bool = False
    gap: int = 0
    made_up: int = 0
    by_right: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a member stands: ``streak`` 0 when it was broken, ``last`` the last day he checked in or made up for, ``made_up`` times this month."""

    streak: int = 0
    longest: int = 0
    total: int = 0
    cards: int = 0
    last: date | None = None
    made_up: int = 0
    by_right: int = 0


@dataclass(frozen=True, slots=True)
class MadeUp:
    """What came of making up for a day: ``outcome`` is ok, or why not, as the header of ``make_up.lua`` lists them.

    ``left`` is how many more this month allows, ``paid`` what it cost in points.
    """

    outcome: str
    day: date | None
    streak: int
    longest: int
    total: int
    cards: int
    left: int
    paid: int
    balance: int


class CheckIns:
    """The check-ins of every community."""

    PERSONAL = Personal(
        "签到",
        "签到、连续天数、补签卡",
        (keys.CHECK_INS, keys.MADE_UP, keys.CHECK_IN_DAYS),
        what="哪些天签到、连续几天、几张补签卡",
        erasing="全部删除",
        passing=(keys.MADE_UP,),
        passing_why="导出里的日期已经包括补签的",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._check_in = Script("check_in")
        self._make_up = Script("make_up")
        self._give_cards = Script("check_in_cards")

    # Acts ---------------------------------------------------------------------------------------------------------------

    def check_in(
        self,
        where: CommunityKeys,
        member: int,
        now: datetime,
        *,
        today: date,
        rewards: Rewards,
        lapses: Lapses,
        once: str,
        card_every: int = 0,
        most_cards: int = 0,
    ) -> CheckIn:
        """Checks a member in, once a day. ``today`` is the day in the community's zone, ``lapses`` when the reward does (``storage.ledger``).

        A make-up card comes with every ``card_every`` days of a streak (0: none), up to ``most_cards``.
        """
        got = self._database.act(
            self._check_in,
            [*keys_of(where, now, today), *_own_keys(where, member)],
            [
                *args_of(where, now, today, once, lapses), member, ",".join(map(str, rewards.by_streak)), int(rewards.repeat),
                FIRST_DAY.toordinal(), card_every, most_cards, month_of(today),
            ],
        )  # fmt: skip
        fresh, streak, longest, total, reward, balance, earned, cards, won, gap, made_up, by_right = map(int, got.split("|"))
        return CheckIn(fresh == 1, streak, longest, total, reward, balance, earned, cards, won == 1, gap, made_up, by_right)

    def make_up(
        self,
        where: CommunityKeys,
        member: int,
        now: datetime,
        *,
        today: date,
        day: date | None,
        rule: MakeUpRule,
        rights: Iterable[tuple[int, int]],
        pays: bool,
        once: str,
    ) -> MadeUp:
        """Makes up for ``day``, or for the latest gap, at the cost of a monthly right, else of a card, else (if he ``pays``) of points.

        ``rights`` are make-ups a month by the points that a member earned, lowest first: ``(500, 2)``.
        """
        got = self._database.act(
            self._make_up,
            [*keys_of(where, now, today), *_own_keys(where, member), keys.MADE_UP(shard=where.shard, community=where.id)],
            [
                *args_of(where, now, today, f"makeup:{once}", None), member, day.toordinal() if day else 0, FIRST_DAY.toordinal(),
                rule.within_days, rule.a_month, month_of(today), ",".join(f"{least}:{n}" for least, n in rights), rule.cost_points, int(pays),
            ],
        )  # fmt: skip
        outcome, made, *numbers = got.split("|")
        return MadeUp(outcome, date.fromordinal(int(made)) if made != "0" else None, *map(int, numbers))

    def give_cards(self, where: CommunityKeys, member: int, n: int, *, once: str) -> int:
        """Gives a member ``n`` make-up cards; gives how many he has then."""
        part = {"shard": where.shard, "community": where.id}
        names = [keys.ONCE(**part, id=f"cards:{once}"), keys.CHECK_INS(**part)]
        return int(self._database.act(self._give_cards, names, [member, n, ONCE_LIFE_MS]))

    # Looking ------------------------------------------------------------------------------------------------------------

    def standing(self, where: CommunityKeys, member: int, today: date) -> Standing:
        """How a member stands on a day; one round trip."""
        return read_standing(self._database.command("HGET", keys.CHECK_INS(shard=where.shard, community=where.id), member), today)

    def standings(self, where: CommunityKeys, members: Sequence[int], today: date) -> Mapping[int, Standing]:
        """How members stand; one round trip."""
        if not members:
            return {}
        records = self._database.command("HMGET", keys.CHECK_INS(shard=where.shard, community=where.id), *members)
        return {member: read_standing(record, today) for member, record in zip(members, records, strict=True)}

    def month(self, where: CommunityKeys, member: int, year: int, month: int) -> frozenset[int]:
        """The days of a month on which a member checked in or made up for it; one round trip."""
        count = calendar.monthrange(year, month)[1]
        first = date(year, month, 1).toordinal() - FIRST_DAY.toordinal()
        [bits] = self._database.read_bytes([_days_key(where, member)])
        return frozenset(day for day in range(1, count + 1) if _has(bits, first + day - 1))

    def made_up(self, where: CommunityKeys, member: int, year: int, month: int) -> frozenset[int]:
        """The days of a month that the member made up for; one round trip."""
        kept = self._database.command("HGET", keys.MADE_UP(shard=where.shard, community=where.id), member) or ""
        days = (date.fromordinal(int(day)) for day in kept.split(",") if day)
        return frozenset(day.day for day in days if (day.year, day.month) == (year, month))

    def days(self, where: CommunityKeys, member: int) -> frozenset[date]:
        """All days that are known one by one."""
        [bits] = self._database.read_bytes([_days_key(where, member)])
        return frozenset(FIRST_DAY + timedelta(days=n) for n in range(len(bits) * 8) if _has(bits, n))

    # Persons and layouts --------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """Streaks, total, cards and days in every community."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.CHECK_INS):
            record = self._database.command("HGET", keys.CHECK_INS(shard=where.shard, community=where.id), number)
            if record:
                days = self.days(where, number)
                kept = read_standing(record, date.min)
                out[where.id] = {
                    "最近签到": str(kept.last or ""), "连续": kept.streak, "最长连续": kept.longest, "累计": kept.total, "补签卡": kept.cards,
                    "日期": [day.isoformat() for day in sorted(days)],
                }  # fmt: skip
        return out

    def erase_user(self, number: int) -> str:
        """Removes record and days in every community."""
        for where in communities_with(self._database, keys.CHECK_INS):
            part = {"shard": where.shard, "community": where.id}
            hashes = (keys.CHECK_INS(**part), keys.MADE_UP(**part))
            days = ("DEL", keys.CHECK_IN_DAYS(**part, member=number))
            self._database.pipeline([*(("HDEL", key, number) for key in hashes), days])
        return "已删除签到记录、日期和补签卡"

    def convert(self) -> int:
        """Brings records of layout 2 (last day and streak: 2026-11-22|5) into their present shape; gives how many. May be repeated."""
        done = 0
        for where in communities_with(self._database, keys.CHECK_INS):
            key = keys.CHECK_INS(shard=where.shard, community=where.id)
            flat = self._database.command("HGETALL", key)
            for member, record in zip(flat[::2], flat[1::2], strict=True):
                if record.count("|") != 1:
                    continue
                day, streak = record.split("|")
                self._database.pipeline(opening(where, int(member), date.fromisoformat(day), int(streak), int(streak), int(streak)))
                done += 1
        return done


def opening(where: CommunityKeys, member: int, last: date, streak: int, longest: int, total: int, cards: int = 0) -> list[tuple[Any, ...]]:
    """The commands that write a record from elsewhere, with the days of its streak; for a member who has none."""
    part = {"shard": where.shard, "community": where.id}
    bits = range(last.toordinal() - streak + 1 - FIRST_DAY.toordinal(), last.toordinal() + 1 - FIRST_DAY.toordinal())
    days = [("SETBIT", _days_key(where, member), bit, 1) for bit in bits if bit >= 0]
    record = "|".join(map(str, (last.toordinal(), streak, max(longest, streak), max(total, streak), cards, "", "", "")))
    return [*days, ("HSET", keys.CHECK_INS(**part), member, record)]


def read_standing(record: str | None, today: date) -> Standing:
    """What a record says on a day; of a day long ago (``date.min``) the streak as it is kept."""
    day, streak, longest, total, cards, month, *_ = (record or EMPTY).split("|")
    last = int(day)
    holds = last >= today.toordinal() - 1
    of_month, _, made = month.partition(":")
    made_up, by_right = map(int, made.split(":")) if of_month == month_of(today) else (0, 0)
    return Standing(
        int(streak) if holds else 0, int(longest), int(total), int(cards), date.fromordinal(last) if last else None, made_up, by_right
    )


def _own_keys(where: CommunityKeys, member: int) -> list[str]:
    return [rows_key(where, member), keys.CHECK_INS(shard=where.shard, community=where.id), _days_key(where, member)]


def _days_key(where: CommunityKeys, member: int) -> str:
    return keys.CHECK_IN_DAYS(shard=where.shard, community=where.id, member=member)


def _has(bits: bytes, n: int) -> bool:
    return 0 <= n < len(bits) * 8 and bool(bits[n // 8] >> (7 - n % 8) & 1)
