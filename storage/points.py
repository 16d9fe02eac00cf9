"""The points bank: a double-entry ledger. Every point comes from an account and goes to one; balances only ever follow rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import Lapses, args_of, keys_of, rows_key
from storage.personal import Personal

MOST = 1_000_000_000
"""Points of one act."""
MOST_NOTE = 200
"""Characters of a row's note."""
_PAGE = 500
AT_ONCE = 200
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Rewards:
    """Points by length of streak, from the first day on; after the last they begin anew (``repeat``) or the last holds on."""

    by_streak: Sequence[int]
    repeat: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What an act on a member's points did: ``n`` may be less than was asked for, where a cap bit; a repeat is not fresh."""

    n: int
    balance: int
    earned: int
    is_fresh: bool


@dataclass(frozen=True, slots=True)
class Transferred:
    """What both have after a transfer."""

    giver_balance: int
    taker_balance: int
    is_fresh: bool


class Short(Exception):
    """A member has fewer points than were to be taken: ``balance``."""

    def __init__(self, balance: int) -> None:
        super().__init__(f"only {balance} points")
        self.balance = balance


class DayFull(Exception):
    """A member has given away what he may on one day: ``left`` of it is left."""

    def __init__(self, left: int) -> None:
        super().__init__(f"only {left} points left today")
        self.left = left


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a member's account: ``amount`` came from ``other`` (a member number or an account), or went there.

    ``actor`` is who did it (his own number: himself; 0: the bot), ``once`` how the digest of the act's name begins, ``balance`` what he had afterwards.
    """

    at: datetime
    amount: int
    other: str
    reason: str
    actor: int
    once: str
    note: str
    balance: int


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that lapse together after a day."""

    last: date
    n: int


@dataclass(frozen=True, slots=True)
class Award:
    """Points for a member: see :meth:`Points.award`."""

    where: CommunityKeys
    member: int
    today: date
    reason: str
    points: int
    once: str
    actor: int = 0
    note: str = ""
    cap_of_reason: int = 0
    cap_of_day: int = 0


@dataclass(frozen=True, slots=True)
class Account:
    """What a member has: points, how many he earned in his life, and which lapse when, the soonest first."""

    balance: int
    earned: int
    lots: tuple[Lot, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Where a community's points are: ``issued`` (without what was taken back), ``spent`` in the shop, ``lapsed``, and ``held`` by its members."""

    issued: int
    spent: int
    lapsed: int
    held: int


class Points:
    """Balances and ledger of every community."""

    PERSONAL = Personal(
        "积分",
        "积分账本",
        (keys.BALANCES, keys.LEDGER_ROWS, keys.LOTS, keys.EXPIRING, keys.POINT_CAPS, keys.POINTS_DONE, keys.POINTS_WARNED),
        what="余额、每一笔的时间、理由和数目、到期的日子",
        erasing="每一笔并成合计，不再有时间、理由和经手人",
        stays=(keys.BALANCES, keys.LEDGER_ROWS, keys.POINT_CAPS),
        stays_why="账要平：删掉一个人的合计，别人的账就对不上；编号不再指向任何人",
        passing=(keys.POINT_CAPS, keys.POINTS_DONE),
        passing_why="当天的上限，两天就没了",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._award = Script("points_award")
        self._transfer = Script("points_transfer")
        self._adjust = Script("points_adjust")
        self._lapse = Script("points_lapse")
        self._rows = Script("points_rows")
        self._erase = Script("points_erase")

    def award(
        self, where: CommunityKeys, member: int, now: datetime, *, today: date, reason: str, points: int, once: str, actor: int = 0,
        note: str = "", cap_of_reason: int = 0, cap_of_day: int = 0, lapses: Lapses = None,
    ) -> Moved:  # fmt: skip
        """Gives a member points from the treasury, as far as the day's caps (0: none) allow; one round trip.

        ``today`` is the day in the community's zone, ``reason`` an id of the rules, ``actor`` who caused it (0: the bot).
        """
        award = Award(where, member, today, reason, points, once, actor, note, cap_of_reason, cap_of_day)
        return _moved(self._database.act(self._award, *_call_of(award, now, lapses)))

    def award_all(self, awards: Sequence[Award], now: datetime, *, lapses: Lapses = None) -> list[Moved]:
        """The same for many, each by itself; one round trip for 200 of them. All have to have a ``once``."""
        calls = [_call_of(award, now, lapses) for award in awards]
        pages = (self._database.acts(self._award, calls[at : at + AT_ONCE]) for at in range(0, len(calls), AT_ONCE))
        return [_moved(answer) for page in pages for answer in page]

    def transfer(
        self, where: CommunityKeys, giver: int, taker: int, n: int, now: datetime, *, today: date, once: str, note: str = "",
        most_a_day: int = 0, keep: int = 0,
    ) -> Transferred:  # fmt: skip
        """Hands ``n`` points to another member, the soonest to lapse first; they lapse when they would have before. One round trip.

        Raises :class:`Short` when the giver would have less than ``keep`` afterwards, :class:`DayFull` when he would have given more than
        ``most_a_day`` (0: no limit); then nothing was done.
        """
        if giver == taker:
            raise ValueError("nobody hands points to himself")
        names = [*keys_of(where, now, today), rows_key(where, giver), rows_key(where, taker)]
        own: list[str | int] = [giver, taker, _checked(n), _plain(note), most_a_day, keep]
        args = [*args_of(where, now, today, once and f"transfer|{giver}|{once}", None, why=once), *own]
        fresh, said, first, second = self._database.act(self._transfer, names, args).split("|")
        if said == "short":
            raise Short(int(first))
        if said == "full":
            raise DayFull(int(first))
        return Transferred(int(first), int(second), fresh == "1")

    def adjust(
        self, where: CommunityKeys, member: int, n: int, now: datetime, *, today: date, reason: str, actor: int, note: str, once: str,
        lapses: Lapses = None,
    ) -> Moved:  # fmt: skip
        """Gives a member ``n`` points, or takes them where it is below 0, also out of what he earned; one round trip.

        Raises :class:`Short` when he has less than is to be taken; then nothing was done.
        """
        _checked(abs(n))
        names = [*keys_of(where, now, today), rows_key(where, member)]
        common = args_of(where, now, today, once and f"adjust|{member}|{once}", lapses, why=once)
        args = [*common, member, n, _plain(reason), actor, _plain(note)]
        return _moved(self._database.act(self._adjust, names, args))

    def lapse(self, where: CommunityKeys, now: datetime, *, today: date, most: int = 200) -> dict[int, int]:
        """Takes the points whose last day is past from at most ``most`` members; gives who lost how many. Two round trips, none of them a scan."""
        part = {"shard": where.shard, "community": where.id}
        due = self._database.command("ZRANGEBYSCORE", keys.EXPIRING(**part), "-inf", f"({today.toordinal()}", "LIMIT", 0, most)
        if not due:
            return {}
        names = [*keys_of(where, now, today), *(rows_key(where, int(member)) for member in due)]
        gone = self._database.act(self._lapse, names, [*args_of(where, now, today, "", None), *due])
        return {int(member): n for member, n in zip(due, gone, strict=True) if n}

    def has_lapsed(self, places: Sequence[tuple[CommunityKeys, date]]) -> list[bool]:
        """Whether points lapsed before a day, for each community with its day; one round trip for 500 of them."""
        asked = [
            ("ZRANGEBYSCORE", keys.EXPIRING(shard=where.shard, community=where.id), "-inf", f"({today.toordinal()}", "LIMIT", 0, 1)
            for where, today in places
        ]
        return [bool(found) for at in range(0, len(asked), 500) for found in self._database.pipeline(asked[at : at + 500])]

    def to_warn(self, where: CommunityKeys, until: date, *, skip: int, most: int = 500) -> dict[int, list[Lot]]:
        """The next members whose points begin to lapse after the last day that was told of and until ``until``, with what lapses until then.

        Gives at most ``most`` members after ``skip`` of them; three round trips, the length of all lists does not matter.
        """
        part = {"shard": where.shard, "community": where.id}
        told = int(self._database.command("GET", keys.POINTS_WARNED(**part)) or 0)
        due = self._database.command("ZRANGEBYSCORE", keys.EXPIRING(**part), f"({told}", until.toordinal(), "LIMIT", skip, most)
        if not due:
            return {}
        kept = self._database.command("HMGET", keys.LOTS(**part), *due)
        return {int(member): [lot for lot in _lots(text) if lot.last <= until] for member, text in zip(due, kept, strict=True) if text}

    def note_warned(self, where: CommunityKeys, until: date) -> None:
        """Notes that everybody was told of what lapses until a day."""
        self._database.command("SET", keys.POINTS_WARNED(shard=where.shard, community=where.id), until.toordinal())

    def account(self, where: CommunityKeys, member: int, today: date) -> Account:
        """What a member has on a day, without what lapsed before it though nobody has taken it yet; one round trip."""
        part = {"shard": where.shard, "community": where.id}
        wanted = [("HGET", keys.BALANCES(**part), member), ("ZSCORE", keys.BOARD_ALL(**part), member), ("HGET", keys.LOTS(**part), member)]
        balance, earned, kept = self._database.pipeline(wanted)
        return _account(balance, earned, _lots(kept), today)

    def accounts(self, where: CommunityKeys, members: Sequence[int], today: date) -> dict[int, Account]:
        """The accounts of many members, as :meth:`account` gives one; one round trip."""
        if not members:
            return {}
        part = {"shard": where.shard, "community": where.id}
        wanted = [
            ("HMGET", keys.BALANCES(**part), *members),
            ("ZMSCORE", keys.BOARD_ALL(**part), *members),
            ("HMGET", keys.LOTS(**part), *members),
        ]
        rows = zip(members, *self._database.pipeline(wanted), strict=True)
        return {member: _account(balance, earned, _lots(kept), today) for member, balance, earned, kept in rows}

    def totals(self, where: CommunityKeys) -> Totals:
        """Where all points of a community are; one round trip, however many members it has."""
        wanted = self._database.command(
            "HMGET", keys.BALANCES(shard=where.shard, community=where.id), "treasury", "shop", "events", "expiry"
        )
        treasury, shop, events, expiry = (int(n or 0) for n in wanted)
        return Totals(-treasury, shop, expiry, -(treasury + shop + events + expiry))

    def balance(self, where: CommunityKeys, member: int) -> int:
        """A member's points."""
        return int(self._database.command("HGET", keys.BALANCES(shard=where.shard, community=where.id), member) or 0)

    def earned(self, where: CommunityKeys, member: int) -> int:
        """The points that a member earned in his life: what levels go by."""
        return int(self._database.command("ZSCORE", keys.BOARD_ALL(shard=where.shard, community=where.id), member) or 0)

    def rows(self, where: CommunityKeys, member: int, count: int = 10, skip: int = 0) -> list[Row]:
        """A member's newest rows, newest first, after ``skip`` of them; one round trip."""
        balance, _, _, *lines = self._read(where, member, skip + count)
        rows, after = [], int(balance)
        for line in reversed(lines):
            row = _row(line, member, after)
            rows.append(row)
            after -= row.amount
        return rows[skip:]

    def communities(self) -> list[CommunityKeys]:
        """Every community that has points; scans the keys."""
        return sorted(communities_with(self._database, keys.BALANCES), key=lambda where: where.id)

    def count(self, where: CommunityKeys) -> int:
        """How many members have an account."""
        accounts = keys.BALANCES(shard=where.shard, community=where.id)
        others = self._database.command("HMGET", accounts, "treasury", "shop", "events", "expiry")
        return int(self._database.command("HLEN", accounts)) - sum(n is not None for n in others)

    def discrepancies(self, where: CommunityKeys, on_member: Callable[[int], None] = lambda done: None) -> list[str]:
        """What does not add up: the sum of all balances, a balance and its rows, points that lapse and the balance. Reads the whole ledger.

        May run beside the bot: what seems wrong is looked at again. ``on_member`` hears after each batch how many members were looked at.
        """
        members, others, total = self._look_through(where, on_member)
        found = [line for member in members for line in self._look_again(where, member)]
        if others:  # points that moved meanwhile differ each time; what is really wrong does not
            again = self._look_through(where, on_member)[1]
            found += [f"账户 {account}：余额与成员明细相差 {n}" for account, n in others.items() if again.get(account) == n]
        return [*found, f"全部余额合计 {total}，应为 0"] if total else found

    def _look_through(self, where: CommunityKeys, on_member: Callable[[int], None]) -> tuple[list[int], dict[str, int], int]:
        """Members with whom something seems wrong, by how much other accounts differ from the members' rows, and the sum of all balances."""
        part = {"shard": where.shard, "community": where.id}
        balances = {account: int(n) for account, n in _pairs(self._database.command("HGETALL", keys.BALANCES(**part)))}
        lots = dict(_pairs(self._database.command("HGETALL", keys.LOTS(**part))))
        firsts = dict(_pairs(self._database.command("ZRANGE", keys.EXPIRING(**part), 0, -1, "WITHSCORES")))
        members = sorted({int(account) for account in {*balances, *lots, *firsts} if account.isdecimal()})
        others = {account: n for account, n in balances.items() if not account.isdecimal()}
        wrong: list[int] = []
        for start in range(0, len(members), _PAGE):
            batch = members[start : start + _PAGE]
            for member, lines in zip(batch, self._database.pipeline(("LRANGE", rows_key(where, m), 0, -1) for m in batch), strict=True):
                rows = [_row(line, member, 0) for line in lines]
                kept = _lots(lots.get(str(member)))
                if any(_of_member(member, rows, balances.get(str(member), 0), kept, firsts.get(str(member)))):
                    wrong.append(member)
                for row in _until(rows, balances.get(str(member), 0)):
                    if not row.other.isdecimal():
                        others[row.other] = others.get(row.other, 0) + row.amount
            on_member(min(start + _PAGE, len(members)))
        return wrong, {account: n for account, n in others.items() if n}, sum(balances.values())

    def _look_again(self, where: CommunityKeys, member: int) -> list[str]:
        """What does not add up about one member, everything about him being of one moment."""
        balance, kept, first, *lines = self._read(where, member, _ALL)
        return list(_of_member(member, [_row(line, member, 0) for line in lines], int(balance), _lots(kept), first or None))

    def _read(self, where: CommunityKeys, member: int, count: int) -> list[str]:
        """Balance, lots, their first day and the newest rows of one moment."""
        part = {"shard": where.shard, "community": where.id}
        names = [keys.BALANCES(**part), rows_key(where, member), keys.LOTS(**part), keys.EXPIRING(**part)]
        told: list[str] = self._database.act(self._rows, names, [member, count])
        return told

    def export_user(self, number: int) -> dict[str, Any]:
        """Balance, what was earned, what lapses when, and every row, in every community."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.BALANCES):
            part = {"shard": where.shard, "community": where.id}
            has, earned = self._database.pipeline([("HGET", keys.BALANCES(**part), number), ("ZSCORE", keys.BOARD_ALL(**part), number)])
            if has is not None or earned is not None:
                out[where.id] = {
                    "积分": int(has or 0),
                    "累计获得": int(earned or 0),
                    "到期": {lot.last.isoformat(): lot.n for lot in self.account(where, number, date.min).lots},
                    "明细": [_told(row) for row in self.rows(where, number, _ALL)],
                }
        return out

    def erase_user(self, number: int) -> str:
        """Turns a member's rows into their sums, so that the ledger stands under a number that no longer leads to anybody."""
        for where in communities_with(self._database, keys.BALANCES):
            part = {"shard": where.shard, "community": where.id}
            names = [keys.LEDGER_ROWS(**part, member=number), keys.LOTS(**part), keys.EXPIRING(**part)]
            self._database.act(self._erase, names, [number])
        return "已删除积分明细；账本按编号保留合计（编号不再指向任何人）"


def _checked(points: int) -> int:
    if not 0 < points <= MOST:
        raise ValueError(f"1 to {MOST} points, not {points}")
    return points


def _plain(text: str) -> str:
    """What may stand in a row: one line, cut at :data:`MOST_NOTE` characters, without the bar that parts the row."""
    return " ".join(text.replace("|", "/").split())[:MOST_NOTE]


def _call_of(award: Award, now: datetime, lapses: Lapses) -> tuple[list[str], list[str | int]]:
    """Keys and arguments of ``points_award``. Members and reasons share no ``once``: two awards for one message stand apart."""
    where, member = award.where, award.member
    names = [*keys_of(where, now, award.today), rows_key(where, member)]
    name = award.once and f"award|{member}|{award.reason}|{award.once}"
    own: list[str | int] = [
        member, _checked(award.points), _plain(award.reason), award.actor, _plain(award.note), award.cap_of_reason, award.cap_of_day,
    ]  # fmt: skip
    return names, [*args_of(where, now, award.today, name, lapses, why=award.once), *own]


def _moved(got: str) -> Moved:
    fresh, n, balance, earned = got.split("|")
    if n == "short":
        raise Short(int(balance))
    return Moved(int(n), int(balance), int(earned), fresh == "1")


def _row(line: str, member: int, balance: int) -> Row:
    at, n, other, reason, actor, once, note = line.split("|", 6)
    return Row(datetime.fromtimestamp(int(at), UTC), int(n), other or "treasury", reason, int(actor or member), once, note, balance)


def _until(rows: list[Row], balance: int) -> list[Row]:
    """The rows that made a balance, without those that came after it; all of them where none make it."""
    total = sum(row.amount for row in rows)
    for end in range(len(rows), -1, -1):
        if total == balance:
            return rows[:end]
        total -= rows[end - 1].amount if end else 0
    return rows


def _told(row: Row) -> dict[str, Any]:
    return {
        "时间": row.at.isoformat(), "积分": row.amount, "对方": row.other, "原因": row.reason, "操作人": row.actor, "说明": row.note, "余额": row.balance
    }  # fmt: skip


def _account(balance: str | None, earned: str | None, lots: Sequence[Lot], today: date) -> Account:
    past = sum(lot.n for lot in lots if lot.last < today)
    return Account(int(balance or 0) - past, int(earned or 0), tuple(lot for lot in lots if lot.last >= today))


def _lots(text: str | None) -> list[Lot]:
    pairs = (lot.split(":") for lot in text.split(",")) if text else ()
    return [Lot(date.fromordinal(int(day)), int(n)) for day, n in pairs]


def _pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _of_member(member: int, rows: list[Row], balance: int, lots: list[Lot], first: str | None) -> Iterator[str]:
    """What does not add up about one member."""
    if balance != (total := sum(row.amount for row in rows)):
        yield f"成员 {member}：余额 {balance}，明细合计 {total}"
    if balance < 0:
        yield f"成员 {member}：余额 {balance}，不应小于 0"
    if (lapsing := sum(lot.n for lot in lots)) > balance:
        yield f"成员 {member}：余额 {balance}，会到期的却有 {lapsing}"
    if (lots[0].last.toordinal() if lots else None) != (int(first) if first is not None else None):
        yield f"成员 {member}：到期索引与批次不一致"
