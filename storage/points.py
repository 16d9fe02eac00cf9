"""The points bank: a double-entry ledger. Every point comes from an account and goes to one; balances only ever follow rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms

ONCE_LIFE_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The result of a check-in: ``is_fresh`` at today's first; streak in days; reward and balance in points."""

    is_fresh: bool
    streak: int
    reward: int
    balance: int


@dataclass(frozen=True, slots=True)
class Rewards:
    """Points by length of streak, from the first day on; after the last they begin anew (``repeat``) or the last holds on."""

    by_streak: Sequence[int]
    repeat: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a member's account."""

    at: datetime
    amount: int
    reason: str
    balance: int


class Points:
    """Balances, ledger and check-ins of every community."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._check_in = Script("check_in")

    def check_in(
        self, where: CommunityKeys, member: int, now: datetime, *, today: date, rewards: Rewards, reason: str, once: str
    ) -> CheckIn:
        """Checks a member in. ``today`` is the day in the community's zone; ``rewards`` by length of streak."""
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._check_in,
            [
                keys.ONCE(**part, id=once),
                keys.CHECK_INS(**part),
                keys.BALANCES(**part),
                keys.LEDGER(**part),
                keys.LEDGER_ROWS(**part, member=member),
                keys.EVENTS(shard=where.shard),
            ],
            [
                to_ms(now), member, where.id, once, today.isoformat(), (today - timedelta(days=1)).isoformat(),
                ",".join(map(str, rewards.by_streak)), reason, ONCE_LIFE_MS, int(rewards.repeat),
            ],
        )  # fmt: skip
        fresh, streak, reward, balance = map(int, got.split("|"))
        return CheckIn(fresh == 1, streak, reward, balance)

    def balance(self, where: CommunityKeys, member: int) -> int:
        """A member's points."""
        return int(self._database.command("HGET", keys.BALANCES(shard=where.shard, community=where.id), member) or 0)

    def streak(self, where: CommunityKeys, member: int, today: date) -> int:
        """The days in a row on which a member checked in, up to today or yesterday; 0 when it was broken."""
        day, _, days = (self._database.command("HGET", keys.CHECK_INS(shard=where.shard, community=where.id), member) or "").partition("|")
        return int(days) if day >= (today - timedelta(days=1)).isoformat() else 0

    def rows(self, where: CommunityKeys, member: int, count: int = 10) -> list[Row]:
        """A member's newest rows, newest first."""
        key = keys.LEDGER_ROWS(shard=where.shard, community=where.id, member=member)
        return [_row(line) for line in reversed(self._database.command("LRANGE", key, -count, -1))]

    def discrepancies(self, where: CommunityKeys) -> list[str]:
        """What does not add up: balances that do not sum to zero, or differ from the sum of their rows. Reads the whole ledger."""
        flat = self._database.command("HGETALL", keys.BALANCES(shard=where.shard, community=where.id))
        balances = {account: int(n) for account, n in zip(flat[::2], flat[1::2], strict=True)}
        sums: dict[str, int] = {}
        for giver, taker, amount in self._ledger(where):
            sums[giver] = sums.get(giver, 0) - amount
            sums[taker] = sums.get(taker, 0) + amount
        found = [
            f"账户 {a}：余额 {balances.get(a, 0)}，流水合计 {sums.get(a, 0)}"
            for a in balances | sums
            if balances.get(a, 0) != sums.get(a, 0)
        ]
        if total := sum(balances.values()):
            found.append(f"全部余额合计 {total}，应为 0")
        return found

    def export_user(self, number: int) -> dict[str, Any]:
        """Balance, newest rows and check-ins in every community."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.BALANCES):
            part = {"shard": where.shard, "community": where.id}
            balance, last = self._database.pipeline([("HGET", keys.BALANCES(**part), number), ("HGET", keys.CHECK_INS(**part), number)])
            if balance is not None or last is not None:
                rows = [
                    {"时间": r.at.isoformat(), "积分": r.amount, "原因": r.reason, "余额": r.balance} for r in self.rows(where, number, 50)
                ]
                out[where.id] = {"积分": int(balance or 0), "最近签到": last, "明细": rows}
        return out

    def erase_user(self, number: int) -> str:
        """Removes check-ins and the rows' copies; the ledger keeps its sums under a number that no longer leads to anybody."""
        for where in communities_with(self._database, keys.BALANCES):
            part = {"shard": where.shard, "community": where.id}
            self._database.pipeline([("HDEL", keys.CHECK_INS(**part), number), ("DEL", keys.LEDGER_ROWS(**part, member=number))])
        return "已删除签到记录与明细副本；账本按编号保留合计（编号不再指向任何人）"

    def _ledger(self, where: CommunityKeys) -> Any:
        key, start = keys.LEDGER(shard=where.shard, community=where.id), "-"
        while entries := self._database.command("XRANGE", key, start, "+", "COUNT", 5_000):
            for _, flat in entries:
                row = dict(zip(flat[::2], flat[1::2], strict=True))
                yield row["from"], row["to"], int(row["n"])
            start = f"({entries[-1][0]}"


def _row(line: str) -> Row:
    at, amount, reason, balance = line.split("|")
    return Row(from_ms(int(at)), int(amount), reason, int(balance))
