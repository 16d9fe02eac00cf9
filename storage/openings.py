"""Opening entries: what members bring from elsewhere, booked once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

from rules.check_ins import FIRST_DAY
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import Lapses, args_of, digest_of, keys_of, rows_key
from storage.moment import from_ms, to_ms
from storage.personal import Personal

AT_ONCE = 500
"""Members that are read in one go."""
Outcome = Literal["new", "changed", "same", "short"]


@dataclass(frozen=True, slots=True)
class PastDays:
    """Check-ins from elsewhere: the last day, the streak that ended with it, the longest, their number; ``runs`` are further days, from–to."""

    last: date | None
    streak: int
    longest: int
    total: int
    runs: Sequence[tuple[date, date]] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """What a member brings. None says nothing: at first it counts as 0 (``earned``: as many as points), later as what was said before.

    ``lots`` are points by the last day on which they count; the rest of ``points`` never lapses. None: all lapse as if earned now. They are
    heard only where no points were booked before. ``level_at`` is what his level wants: he is raised to it, by what is missing.
    """

    points: int | None = None
    earned: int | None = None
    level_at: int | None = None
    lots: Sequence[tuple[date, int]] | None = None
    cards: int | None = None
    days: PastDays | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of it: ``short`` when more would be taken back than is there – then nothing was done; ``has_own_days`` when he has checked in
    since he was brought, so that these check-ins stay."""

    outcome: Outcome
    booked: int
    balance: int
    earned: int
    has_own_days: bool


@dataclass(frozen=True, slots=True)
class Booked:
    """What was booked of what a member brought; ``said`` is what was said to be earned, None while nothing was: then it is as many as points.

    ``lots`` is their digest, '' where nothing was said of them; ``days`` are check-ins as :class:`PastDays` begins: last|streak|longest|total.
    """

    points: int = 0
    said: int | None = None
    cards: int = 0
    level_at: int = 0
    raised: int = 0
    lots: str = ""
    days: str = ""

    @property
    def earned(self) -> int:
        """What counts as earned, without what his level wants."""
        return self.points if self.said is None else self.said

    def after(self, opening: Opening) -> Booked:
        """What will be booked after an opening, as far as it can be said beforehand."""
        days = opening.days
        return replace(
            self,
            points=self.points if opening.points is None else opening.points,
            said=self.said if opening.earned is None else opening.earned,
            cards=self.cards if opening.cards is None else opening.cards,
            level_at=self.level_at if opening.level_at is None else opening.level_at,
            days=f"{_last(days)}|{days.streak}|{days.longest}|{days.total}" if days else self.days,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member has now, and what was booked; None when nothing was."""

    booked: Booked | None
    balance: int
    earned: int
    cards: int
    lots: str
    tags: tuple[str, ...]

    def has_other_lots(self, opening: Opening) -> bool:
        """Whether an opening says of points that were booked that they lapse neither as was said then nor as they do now."""
        if self.booked is None or self.booked.points == 0 or opening.lots is None:
            return False
        said = _lots(opening)
        return said != (self.lots or "-") and digest_of(said) != self.booked.lots


@dataclass(frozen=True, slots=True)
class Known:
    """A member as he would be brought elsewhere; ``balance`` and ``opening.points`` are the same. ``has_badges``, ``has_tags``: whether to ask."""

    number: int
    user: str
    name: str
    opening: Opening
    earned: int
    has_badges: bool
    has_tags: bool


class Openings:
    """The opening entries of every community."""

    PERSONAL = Personal(
        "期初",
        "从别处搬来时带来的积分和签到",
        (keys.OPENINGS,),
        what="搬来的积分、累计、签到天数",
        erasing="删除；账本里的那一笔照账本办",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open = Script("opening")

    def book(
        self,
        where: CommunityKeys,
        member: int,
        opening: Opening,
        now: datetime,
        *,
        today: date,
        lapses: Lapses,
        once: str,
        actor: str = "0",
    ) -> Opened:
        """Books what a member brings, against the treasury; the same again changes nothing, other figures book the difference. One act.

        ``once`` names the act in the ledger; what makes a repeat harmless is what was booked, for as long as the member is known.
        """
        part = {"shard": where.shard, "community": where.id}
        days, lots = opening.days, _lots(opening)
        got = self._database.act(
            self._open,
            [
                *keys_of(where, now, today), rows_key(where, member), keys.OPENINGS(**part), keys.CHECK_INS(**part),
                keys.CHECK_IN_DAYS(**part, member=member), keys.MEMBERS(**part),
            ],
            [
                *args_of(where, now, today, once, lapses), member, _or_nothing(opening.points), _or_nothing(opening.earned),
                lots, _or_nothing(opening.cards),
                *([_last(days), days.streak, days.longest, days.total] if days else [""] * 4), FIRST_DAY.toordinal(),
                to_ms(opening.since) if opening.since else "", actor,
                ",".join(f"{first.toordinal()}:{last.toordinal()}" for first, last in days.runs) if days else "",
                _or_nothing(opening.level_at), digest_of(lots),
            ],
        )  # fmt: skip
        outcome, booked, balance, earned, state, _ = got.split("|")
        return Opened(cast(Outcome, outcome), int(booked), int(balance), int(earned), state == "own")

    def find(self, where: CommunityKeys, members: Sequence[int]) -> list[Standing]:
        """How members stand, in their order; one round trip."""
        part = {"shard": where.shard, "community": where.id}
        hashes = (keys.OPENINGS, keys.BALANCES, keys.CHECK_INS, keys.LOTS, keys.TAGS_OF)
        *found, earned = self._database.pipeline(
            [*(("HMGET", family(**part), *members) for family in hashes), ("ZMSCORE", keys.BOARD_ALL(**part), *members)]
        )
        return [
            Standing(
                booked=_booked(kept) if kept else None,
                balance=int(balance or 0),
                earned=int(points or 0),
                cards=int(record.split("|")[4]) if record else 0,
                lots=lots or "",
                tags=tuple(tags.split(",")) if tags else (),
            )
            for kept, balance, record, lots, tags, points in zip(*found, earned, strict=True)
        ]

    def count(self, where: CommunityKeys) -> int:
        """How many members :meth:`everybody` gives at most; one round trip."""
        return len(self._numbers(where))

    def everybody(self, where: CommunityKeys) -> Iterator[Known]:
        """Every member of a community whose WeCom id is known, by number: what he would bring elsewhere. Some round trips for 500 members."""
        numbers = self._numbers(where)
        for at in range(0, len(numbers), AT_ONCE):
            yield from self._read(where, numbers[at : at + AT_ONCE])

    def export_user(self, number: int) -> dict[str, Any]:
        """What was booked for the member, by community."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.OPENINGS):
            if kept := self._database.command("HGET", keys.OPENINGS(shard=where.shard, community=where.id), number):
                booked = _booked(kept)
                out[where.id] = {
                    "积分": booked.points, "累计获得": booked.earned, "等级起点": booked.level_at, "补签卡": booked.cards, "签到": booked.days,
                }  # fmt: skip
        return out

    def erase_user(self, number: int) -> str:
        """Forgets what was booked; the ledger keeps its own."""
        for where in communities_with(self._database, keys.OPENINGS):
            self._database.command("HDEL", keys.OPENINGS(shard=where.shard, community=where.id), number)
        return "已删除导入时的期初记录"

    def _numbers(self, where: CommunityKeys) -> list[int]:
        part = {"shard": where.shard, "community": where.id}
        found = self._database.pipeline(
            ("HKEYS", family(**part)) for family in (keys.MEMBERS, keys.BALANCES, keys.CHECK_INS, keys.BADGES, keys.TAGS_OF)
        )
        return sorted({int(name) for names in found for name in names if name.isdecimal()})

    def _read(self, where: CommunityKeys, numbers: Sequence[int]) -> Iterator[Known]:
        part = {"shard": where.shard, "community": where.id}
        hashes = (keys.BALANCES, keys.LOTS, keys.CHECK_INS, keys.BADGES, keys.TAGS_OF, keys.MEMBERS)
        users, names = self._database.pipeline(("HMGET", key, *numbers) for key in (keys.MEMBER_USERS(), keys.MEMBER_NAMES()))
        *found, earned = self._database.pipeline(
            [*(("HMGET", family(**part), *numbers) for family in hashes), ("ZMSCORE", keys.BOARD_ALL(**part), *numbers)]
        )
        bits = self._database.read_bytes([keys.CHECK_IN_DAYS(**part, member=number) for number in numbers])
        for number, user, name, points, days, *row in zip(numbers, users, names, earned, bits, *found, strict=True):
            if user:
                balance, lots, record, badges, tags, since = row
                yield Known(
                    number,
                    user,
                    name or "",
                    _opening(int(balance or 0), lots, record, days, since),
                    int(points or 0),
                    bool(badges),
                    bool(tags),
                )


def _opening(balance: int, lots: str | None, record: str | None, days: bytes, since: str | None) -> Opening:
    last, streak, longest, total, cards = map(int, record.split("|")[:5]) if record else (0,) * 5
    return Opening(
        points=balance,
        lots=[(date.fromordinal(int(day)), int(n)) for day, n in (lot.split(":") for lot in (lots or "").split(",") if lot)],
        cards=cards if record else None,
        days=PastDays(date.fromordinal(last) if last else None, streak, longest, total, list(_runs_of(days))) if record else None,
        since=from_ms(int(since)) if since and since.isdecimal() else None,
    )


def _runs_of(bits: bytes) -> Iterator[tuple[date, date]]:
    """The days of a bitmap as runs."""
    text = "".join(f"{byte:08b}" for byte in bits)
    end = 0
    while (start := text.find("1", end)) >= 0:
        end = text.find("0", start)
        end = len(text) if end < 0 else end
        yield FIRST_DAY + timedelta(days=start), FIRST_DAY + timedelta(days=end - 1)


def _booked(kept: str) -> Booked:
    points, said, cards, level_at, raised, lots, days = kept.split("|", 6)
    return Booked(int(points), int(said) if said else None, int(cards), int(level_at), int(raised), lots, days)


def _lots(opening: Opening) -> str:
    """Lots as the ledger reads them: '' nothing is said of them, - never lapse."""
    if opening.lots is None:
        return ""
    return ",".join(f"{day.toordinal()}:{n}" for day, n in sorted(opening.lots) if n) or "-"


def _or_nothing(n: int | None) -> str | int:
    return "" if n is None else n


def _last(days: PastDays) -> int:
    return days.last.toordinal() if days.last else 0
