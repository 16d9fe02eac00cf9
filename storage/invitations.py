"""Invitations: codes, who was invited by whom, what became of it, and what inviters are owed. One record a newcomer, for ever.

An inviter's points follow from his credited newcomers and tiers: what was moved by the ledger and what is still owed always sum to that.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal, cast

import msgspec

from rules.invitations import ALPHABET, AWAY, LENGTH, STATES, Act, InvitationRules, State
from rules.points import PointRules
from storage import bells, keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import args_of, keys_of, rows_key
from storage.moment import from_ms, to_ms
from storage.personal import Personal
from storage.tallies import counted_in

DAY_MS = 86_400_000
ONCE_LIFE_MS = 7 * DAY_MS
ERASED_LIFE_MS = 400 * DAY_MS
"""How long it is known that an erased person had been here, so that nobody is paid for bringing him again."""
MOST_LINKS = 50
"""So many links of a chain of invitations are followed; whose is longer is looked at by a person."""
_CHOICES = 8
"""Codes that are offered at once: that all of them are taken does not happen."""
_AT_ONCE = 200
_PAY = "pay:"

How = Literal["code", "name", "link", "roster"]
Outcome = Literal["ok", "held", "same", "taken", "self", "circle", "late", "back", "erased"]
Decision = Literal["told", "approve", "reject"]


@dataclass(frozen=True, slots=True)
class Telling:
    """A change of an inviter's points that he was not told of yet: ``paid`` below 0 was taken; what he has, earned, is owed (below 0: owes)."""

    paid: int
    balance: int
    earned: int
    owed: int
    credited: int
    gained: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Invitation:
    """A newcomer (below 0: one who was erased since) and who brought him (0: likewise). ``number`` is that of its review, 0 where it needs none."""

    newcomer: int
    by: int
    how: str
    at: datetime
    due: datetime
    state: State
    why: str = ""
    n: int = 0
    ended: datetime | None = None
    tell: Telling | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Inviter:
    """What an inviter has: newcomers who stayed, those taken back, points that he is owed (below 0: owes), and tiers with what they brought."""

    credited: int = 0
    reversed: int = 0
    owed: int = 0
    tiers: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """What came of naming an inviter; ``number`` is that of the review it waits for, 0 none."""

    outcome: Outcome
    number: int = 0


@dataclass(frozen=True, slots=True)
class Stepped:
    """What an act did: ``outcome`` done, or the state that it met (gone: there is no such invitation); points and tiers as in the act's header."""

    outcome: str
    paid: int
    balance: int
    earned: int
    credited: int
    owed: int
    n: int
    gained: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether it did what was asked."""
        return self.outcome == "done"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What rosters showed of a member: since when he was there, and when he was first seen to be gone for long (None: never, or not yet)."""

    joined: datetime
    left: datetime | None


@dataclass(frozen=True, slots=True)
class Due:
    """What the clock looks at: an invitation by its newcomer or, with ``is_pay``, what an inviter is still owed."""

    where: CommunityKeys
    member: int
    is_pay: bool


@dataclass(frozen=True, slots=True)
class _Record:
    by: int
    how: str
    at: int
    due: int
    state: State
    why: str = ""
    n: int = 0
    ended: int = 0
    ok: bool = False
    tell: Telling | None = None


@dataclass(frozen=True, slots=True)
class _Own:
    credited: int = 0
    reversed: int = 0
    owed: int = 0
    tiers: tuple[tuple[int, int], ...] = field(default_factory=tuple)


class Invitations:
    """The invitations of every community. ``key`` makes the marks of who was erased."""

    PERSONAL = Personal(
        "邀请",
        "谁邀请了谁，该给谁积分，防止作弊",
        (
            keys.INVITE_CODES,
            keys.INVITE_CODE_OF,
            keys.INVITE_ERASED,
            keys.INVITATIONS,
            keys.INVITED_BY,
            keys.INVITES_HELD,
            keys.INVITERS,
            keys.INVITE_BOARD,
            keys.INVITE_ARRIVED,
            keys.INVITE_STEPS,
        ),
        what="邀请码、被谁邀请、邀请了谁（只有编号）、入群时间",
        erasing="全部删除；他邀请来的人不再记是谁邀请的",
        stays=(keys.INVITE_ERASED,),
        stays_why="不可逆的记号，400 天，只用来认出“删除之后又被邀请一次”",
        passing=(keys.INVITED_BY, keys.INVITE_BOARD, keys.INVITE_STEPS, keys.INVITES_HELD, keys.INVITE_ERASED),
        passing_why="由邀请记录算出来的",
    )

    def __init__(self, database: Database, shards: int, key: bytes) -> None:
        self._database = database
        self._shards = shards
        self._key = key
        self._code = Script("invitation_code")
        self._seen = Script("invitation_seen")
        self._claim = Script("invitation_claim")
        self._step = Script("invitation_step")
        self._erase = Script("invitation_erase")

    # Codes ----------------------------------------------------------------------------------------------------------------

    def code_of(self, where: CommunityKeys, member: int) -> str:
        """A member's own code in a community, made at the first asking and the same ever after; one round trip."""
        fresh = ("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(_CHOICES))
        return str(self._database.act(self._code, [keys.INVITE_CODES(), keys.INVITE_CODE_OF()], [f"{where.id}|{member}", *fresh]))

    def find_owner(self, code: str) -> tuple[str, int] | None:
        """Community and number of the member whose code it is; one round trip."""
        kept = self._database.command("HGET", keys.INVITE_CODES(), code)
        community, _, member = kept.rpartition("|") if kept else ("", "", "")
        return (community, int(member)) if kept else None

    # Newcomers ------------------------------------------------------------------------------------------------------------

    def note_seen(self, where: CommunityKeys, joined: Mapping[int, int], left: Mapping[int, int], now: datetime) -> None:
        """Notes who is there and who left by a roster: member → since when he was there (s). One round trip; a repeat changes nothing."""
        rows = [part for gone, members in ((0, joined), (1, left)) for member, since in members.items() for part in (member, since, gone)]
        if rows:
            away_s = int(AWAY.total_seconds())
            self._database.act(self._seen, [self._key_of(keys.INVITE_ARRIVED, where)], [to_ms(now) // 1000, away_s, *rows])

    def arrival(self, where: CommunityKeys, member: int) -> Arrival | None:
        """What rosters showed of a member; None when none did. One round trip."""
        kept = self._database.command("HGET", self._key_of(keys.INVITE_ARRIVED, where), member)
        return _arrival(kept) if kept else None

    def was_erased(self, where: CommunityKeys, user: str) -> bool:
        """Whether somebody of this WeCom user id had been in the community and was erased, not too long ago; one round trip."""
        return bool(self._database.command("EXISTS", keys.INVITE_ERASED(mark=self._mark(where.id, user))))

    def claim(
        self, where: CommunityKeys, newcomer: int, inviter: int, how: How, now: datetime, *, today: date, due: datetime, rules: InvitationRules,
        why_not: str = "", once: str,
    ) -> Claimed:  # fmt: skip
        """Attributes a newcomer to whoever invited him, unless he is already or ``why_not`` says what is against it; one round trip."""
        part = {"shard": where.shard, "community": where.id, "day": today.isoformat()}
        name = f"invited:{newcomer}:{once}"
        got = self._database.act(
            self._claim,
            [
                keys.ONCE(**part, id=name), keys.INVITATIONS(**part), keys.INVITED_BY(**part, member=inviter), keys.INVITES_HELD(**part),
                keys.INVITERS(**part), keys.INVITE_STEPS(**part), keys.EVENTS(**part), *counted_in(where, today),
            ],
            [
                to_ms(now), where.id, newcomer, inviter, how, name, ONCE_LIFE_MS, why_not, to_ms(due), rules.per_hour, rules.per_day, MOST_LINKS,
            ],
        )  # fmt: skip
        outcome, number = got.split("|")
        return Claimed(cast(Outcome, outcome), int(number))

    # What becomes of them -------------------------------------------------------------------------------------------------

    def step(
        self, where: CommunityKeys, newcomer: int, inviter: int, act: Act | Decision, now: datetime, *, today: date, again: datetime | None,
        next_day: datetime, points: PointRules, rules: InvitationRules, note: str = "", actor: int = 0, once: str = "",
    ) -> Stepped:  # fmt: skip
        """Does to an invitation what was decided, if it is in a state for it; looked at ``again``, or no more. One round trip."""
        name = once and f"invitation|{newcomer}|{act}|{once}"
        own: list[str | int] = [newcomer, inviter, act, to_ms(again) if again else 0]
        return self._stepped(where, inviter, own, now, today, next_day, points, rules, note, actor, name)

    def pay(
        self, where: CommunityKeys, inviter: int, now: datetime, *, today: date, next_day: datetime, points: PointRules, rules: InvitationRules
    ) -> Stepped:  # fmt: skip
        """Gives an inviter what he is owed, as far as this day's caps allow; the rest on ``next_day``. One round trip."""
        return self._stepped(where, inviter, ["", inviter, "pay", 0], now, today, next_day, points, rules, "", 0, "")

    def due(self, now: datetime) -> list[Due]:
        """What is to be looked at by now, over all communities; one round trip."""
        found = bells.ring(self._database, keys.INVITE_STEPS, self._shards, to_ms(now), most=_AT_ONCE)
        rows = [(shard, *name.rpartition("|")) for shard, name in found]
        return [Due(CommunityKeys(id, shard), int(whom.removeprefix(_PAY)), whom.startswith(_PAY)) for shard, id, _, whom in rows]

    def look_later(self, due: Due, at: datetime) -> None:
        """Puts off what is due, after a failure."""
        name = f"{due.where.id}|{_PAY if due.is_pay else ''}{due.member}"
        self._database.command("ZADD", keys.INVITE_STEPS(shard=due.where.shard), "XX", to_ms(at), name)

    def forget_step(self, where: CommunityKeys, newcomer: int) -> None:
        """Looks no more at an invitation that is not there."""
        self._database.command("ZREM", keys.INVITE_STEPS(shard=where.shard), f"{where.id}|{newcomer}")

    # Looking --------------------------------------------------------------------------------------------------------------

    def find(self, where: CommunityKeys, newcomer: int) -> Invitation | None:
        """How a member was invited; one round trip."""
        kept = self._database.command("HGET", self._key_of(keys.INVITATIONS, where), newcomer)
        return _invitation(newcomer, kept) if kept else None

    def of_inviter(self, where: CommunityKeys, inviter: int, count: int = 20, *, skip: int = 0) -> tuple[int, list[Invitation]]:
        """How many a member invited, and the newest of them after ``skip``; two round trips."""
        part = {"shard": where.shard, "community": where.id}
        key = keys.INVITED_BY(**part, member=inviter)
        total, newcomers = self._database.pipeline([("ZCARD", key), ("ZREVRANGE", key, skip, skip + count - 1)])
        return int(total), self._records(where, newcomers)

    def all(self, where: CommunityKeys) -> Iterator[Invitation]:
        """Every invitation of a community, in no order; for tables to take along."""
        for newcomer, kept in self._database.rows(self._key_of(keys.INVITATIONS, where)):
            yield _invitation(int(newcomer), kept)

    def inviter(self, where: CommunityKeys, member: int) -> Inviter:
        """What a member's invitations brought him; one round trip."""
        return self.inviters(where, [member])[member]

    def inviters(self, where: CommunityKeys, members: Sequence[int]) -> dict[int, Inviter]:
        """The same for many members; one round trip."""
        if not members:
            return {}
        kept = self._database.command("HMGET", self._key_of(keys.INVITERS, where), *members)
        owns = [msgspec.json.decode(one, type=_Own) if one else _Own() for one in kept]
        return {member: Inviter(own.credited, own.reversed, own.owed, own.tiers) for member, own in zip(members, owns, strict=True)}

    def held(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> tuple[int, list[Invitation]]:
        """How many wait for somebody to look, and the oldest of them; two round trips."""
        key = self._key_of(keys.INVITES_HELD, where)
        total, flat = self._database.pipeline([("ZCARD", key), ("ZRANGE", key, skip, skip + count - 1, "WITHSCORES")])
        numbers = {int(newcomer): int(float(number)) for newcomer, number in zip(flat[::2], flat[1::2], strict=True)}
        found = self._records(where, [str(newcomer) for newcomer in numbers])
        return int(total), [replace(one, number=numbers[one.newcomer]) for one in found]

    def find_numbered(self, where: CommunityKeys, number: int) -> Invitation | None:
        """The invitation that was put aside under a number, whatever became of it; two round trips."""
        newcomer = self._database.command("HGET", self._key_of(keys.INVITERS, where), f"#{number}")
        record = self.find(where, int(newcomer)) if newcomer else None
        return replace(record, number=number) if record else None

    def board(self, where: CommunityKeys, count: int = 10) -> list[tuple[int, int]]:
        """The inviters with most newcomers who stayed, and how many; one round trip."""
        flat = self._database.command("ZREVRANGE", self._key_of(keys.INVITE_BOARD, where), 0, count - 1, "WITHSCORES")
        return sorted(
            ((int(member), int(float(n))) for member, n in zip(flat[::2], flat[1::2], strict=True)), key=lambda row: (-row[1], row[0])
        )

    def rank(self, where: CommunityKeys, member: int) -> int:
        """A member's place on the board, 0 where he has none; two round trips."""
        key = self._key_of(keys.INVITE_BOARD, where)
        n = self._database.command("ZSCORE", key, member)
        return int(self._database.command("ZCOUNT", key, f"({n}", "+inf")) + 1 if n else 0

    # Persons --------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """A member's codes, how he was invited and whom he invited (by number), in every community."""
        out: dict[str, Any] = {}
        for owner, code in self._codes_of(number).items():
            out.setdefault(owner.rpartition("|")[0], {})["邀请码"] = code
        for where in self._communities():
            mine, (total, others) = self.find(where, number), self.of_inviter(where, number, 10_000)
            arrived = self.arrival(where, number)
            told: dict[str, Any] = {"被邀请": _told(mine)} if mine else {}
            if total:
                own = self.inviter(where, number)
                told |= {
                    "邀请了": [{"成员": max(one.newcomer, 0) or "已删除", **_told(one)} for one in others],
                    "已计入": own.credited,
                    "待结积分": own.owed,
                }
            if arrived:
                told["入群时间"] = arrived.joined.isoformat()
            if told:
                out.setdefault(where.id, {}).update(told)
        return out

    def erase_user(self, number: int) -> str:
        """Removes a member's codes and invitations; whom he invited stays invited, by nobody. A mark stays that leads to nobody."""
        codes = self._codes_of(number)
        if codes:
            self._database.pipeline(
                [("HDEL", keys.INVITE_CODE_OF(), *codes), ("HDEL", keys.INVITE_CODES(), *codes.values())]
            )  # fmt: skip
        self._mark_erased(number)
        for where in self._communities():
            done = -1
            while done < 0:  # who invited him may be noted between the two looks
                mine = self.find(where, number)
                done = self._erase_in(where, number, mine.by if mine else 0)
        return "已删除邀请码和邀请记录，邀请人因他得到的积分在期限内的会收回；留一个不可逆的记号 400 天，只用来认出“删除之后又被邀请一次”"

    def _mark_erased(self, number: int) -> None:
        user = self._database.command("HGET", keys.MEMBER_USERS(), number)
        for where in communities_with(self._database, keys.MEMBERS) if user else ():
            if self._database.command("HEXISTS", keys.MEMBERS(shard=where.shard, community=where.id), number):
                self._database.command("SET", keys.INVITE_ERASED(mark=self._mark(where.id, user)), 1, "PX", ERASED_LIFE_MS)

    def _erase_in(self, where: CommunityKeys, number: int, inviter: int) -> int:
        part = {"shard": where.shard, "community": where.id}
        names = [
            keys.INVITATIONS(**part), keys.INVITED_BY(**part, member=number), keys.INVITED_BY(**part, member=inviter),
            keys.INVITES_HELD(**part), keys.INVITERS(**part), keys.INVITE_BOARD(**part), keys.INVITE_STEPS(**part), keys.INVITE_ARRIVED(**part),
        ]  # fmt: skip
        return int(self._database.act(self._erase, names, [number, where.id, inviter]))

    def _codes_of(self, number: int) -> dict[str, str]:
        """A member's codes by their owner's name: community|number."""
        found: dict[str, str] = {}
        cursor = "0"
        while True:
            cursor, flat = self._database.command("HSCAN", keys.INVITE_CODE_OF(), cursor, "MATCH", f"*|{number}", "COUNT", 1_000)
            found |= zip(flat[::2], flat[1::2], strict=True)
            if cursor == "0":
                return found

    def _communities(self) -> set[CommunityKeys]:
        return {where for family in (keys.INVITATIONS, keys.INVITE_ARRIVED) for where in communities_with(self._database, family)}

    # Inside ---------------------------------------------------------------------------------------------------------------

    def _stepped(
        self, where: CommunityKeys, inviter: int, own: Sequence[str | int], now: datetime, today: date, next_day: datetime, points: PointRules,
        rules: InvitationRules, note: str, actor: int, name: str,
    ) -> Stepped:  # fmt: skip
        reason = points.reason("invited")
        part = {"shard": where.shard, "community": where.id, "day": today.isoformat()}
        got = self._database.act(
            self._step,
            [
                *keys_of(where, now, today), rows_key(where, inviter), keys.INVITATIONS(**part), keys.INVITERS(**part),
                keys.INVITE_BOARD(**part), keys.INVITES_HELD(**part), keys.INVITE_STEPS(**part),
            ],
            [
                *args_of(where, now, today, name, points), *own, reason.points, ",".join(f"{tier.at}:{tier.points}" for tier in rules.tiers),
                reason.per_day, points.cap_of_day, to_ms(next_day), note, actor,
            ],
        )  # fmt: skip
        return msgspec.json.decode(got, type=Stepped)

    def _records(self, where: CommunityKeys, newcomers: Sequence[str]) -> list[Invitation]:
        kept = self._database.command("HMGET", self._key_of(keys.INVITATIONS, where), *newcomers) if newcomers else []
        return [_invitation(int(newcomer), one) for newcomer, one in zip(newcomers, kept, strict=True) if one]

    def _key_of(self, family: keys.Family, where: CommunityKeys) -> str:
        return family(shard=where.shard, community=where.id)

    def _mark(self, community: str, user: str) -> str:
        """What stands for a person here: 32 hex digits that only his WeCom id and our key give."""
        return hmac.new(self._key, f"invited {community} {user}".encode(), hashlib.sha256).hexdigest()[:32]


def _invitation(newcomer: int, kept: str) -> Invitation:
    one = msgspec.json.decode(kept, type=_Record)
    return Invitation(
        newcomer, one.by, one.how, from_ms(one.at), from_ms(one.due), one.state, one.why, one.n, from_ms(one.ended) if one.ended else None,
        one.tell,
    )  # fmt: skip


def _arrival(kept: str) -> Arrival:
    joined, left = (int(part) * 1000 for part in kept.split("|"))
    return Arrival(from_ms(joined), from_ms(left) if left else None)


def _told(one: Invitation) -> dict[str, Any]:
    ended = one.ended.isoformat() if one.ended else None
    return {"时间": one.at.isoformat(), "方式": one.how, "状态": STATES[one.state], "积分": one.n, "结束": ended}
