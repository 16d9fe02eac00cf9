"""The ledger against a model in plain Python: whatever is earned, handed on, spent, given back, repeated or late, the books are as the model says."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storage import keys
from storage.community import CommunityKeys
from storage.connection import LUA, Database, Script
from storage.embedded import EmbeddedServer
from storage.ledger import args_of, keys_of, rows_key, week_of
from storage.points import DayFull, Moved, Points, Short
from tests.machines import STEPS, live

NAMES = itertools.count(1)
START = datetime(2026, 2, 24, 15, 0, tzinfo=UTC)
MEMBERS = (1, 2, 3, 4)
SPEND = """
local before = ledger.first()
if before then return before end
local member, n = ARGV[7], tonumber(ARGV[8])
ledger.lapse(member, KEYS[15])
local taken, short = ledger.move{from = member, to = 'shop', n = n, reason = 'purchase', rows = {[member] = KEYS[15]}}
if short then return ledger.keep('short') end
return ledger.keep('taken ' .. ledger.write_lots(taken))
"""
REFUND = """
local before = ledger.first()
if before then return before end
local member = ARGV[7]
ledger.move{
  from = 'shop', to = member, n = tonumber(ARGV[8]), reason = 'refund', rows = {[member] = KEYS[15]}, lots = ledger.read_lots(ARGV[9]),
}
return ledger.keep(string.format('%d', ledger.balance(member)))
"""
LOOK = """
local told = {}
for at = 1, 2 do told[at] = redis.call('HGETALL', KEYS[at]) end
for at = 3, #KEYS do told[at] = redis.call('ZRANGE', KEYS[at], 0, -1, 'WITHSCORES') end
return told
"""
members = st.sampled_from(MEMBERS)
amounts = st.integers(1, 40)
names = st.integers(0, 30).map(str)
Lots = list[list[int]]


def scripted(text: str, *parts: str) -> Script:
    """An act of the test's own, on the ledger's core as the shop has one, or on nothing."""
    script = Script("points_award")
    script.text = "\n".join([*((LUA / "parts" / f"{part}.lua").read_text(encoding="utf-8") for part in parts), text])
    script.sha = hashlib.sha1(script.text.encode(), usedforsecurity=False).hexdigest()
    return script


SPENDING, REFUNDING, LOOKING = scripted(SPEND, "tally", "ledger"), scripted(REFUND, "tally", "ledger"), scripted(LOOK)


@dataclass(slots=True)
class Books:
    """What the model knows."""

    balances: dict[str, int] = field(default_factory=dict)
    earned: dict[int, int] = field(default_factory=dict)
    lots: dict[int, Lots] = field(default_factory=dict)
    caps: dict[tuple[int, Any], int] = field(default_factory=dict)
    rows: dict[int, list[int]] = field(default_factory=dict)
    boards: dict[tuple[str, int], int] = field(default_factory=dict)

    def balance(self, account: object) -> int:
        """What an account has."""
        return self.balances.get(str(account), 0)

    def move(self, giver: object, taker: object, n: int) -> None:
        """Moves points between two accounts."""
        for account, change in ((giver, -n), (taker, n)):
            self.balances[str(account)] = self.balance(account) + change
            if isinstance(account, int):
                self.rows.setdefault(account, []).append(change)

    def put(self, member: int, lots: Lots) -> None:
        """Adds lots, joined by their last day."""
        days = {lot[0]: lot[1] for lot in self.lots.get(member, [])}
        for day, n in lots:
            days[day] = days.get(day, 0) + n
        self.lots[member] = [[day, n] for day, n in sorted(days.items())]

    def take(self, member: int, n: int) -> Lots:
        """Takes the soonest lots; what never lapses is what is left over."""
        taken, kept = [], []
        for day, has in self.lots.get(member, []):
            part = min(n, has)
            n -= part
            if part:
                taken.append([day, part])
            if has > part:
                kept.append([day, has - part])
        self.lots[member] = kept
        return taken

    def lasting(self, member: int, today: int) -> int:
        """What a member has that is not past; what is stays in his balance until something is done with it."""
        return self.balance(member) - self._past(member, today)

    def _past(self, member: int, today: int) -> int:
        return sum(n for day, n in self.lots.get(member, []) if day < today)

    def lapse(self, member: int, today: int) -> int:
        """Takes what is past."""
        gone = self._past(member, today)
        if gone:
            self.take(member, gone)
            self.move(member, "expiry", gone)
        return gone

    def count(self, member: int, n: int, boards: tuple[str, ...]) -> None:
        """Raises what was earned in all time and on the boards, or lowers it, never below 0."""
        self.earned[member] = max(0, self.earned.get(member, 0) + n)
        for board in boards:
            self.boards[board, member] = max(0, self.boards.get((board, member), 0) + n)


class Ledger(RuleBasedStateMachine):
    """Two processes and a clock that is sometimes behind; every act may be made twice, as after a crash, or again days later."""

    steps = 0

    def __init__(self, clients: tuple[Database, Database]) -> None:
        super().__init__()
        number = next(NAMES)
        self.where = CommunityKeys(f"c{number}", number % 16)
        self.clients = [(database, Points(database)) for database in clients]
        self.database = clients[0]
        self.now, self.behind = START, timedelta()
        self.books = Books()
        self.done: dict[str, tuple[datetime, Callable[[], Any], Any]] = {}
        self.orders: dict[str, tuple[int, int, str]] = {}

    # Time ---------------------------------------------------------------------------------------------------------------

    @property
    def at(self) -> datetime:
        """What the clock of the acting process shows."""
        return self.now - self.behind

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return (self.at + timedelta(hours=8)).date()

    @property
    def boards(self) -> tuple[str, ...]:
        """The boards that are raised now."""
        return f"{self.today:%Y-%m}", week_of(self.today), self.today.isoformat()

    @rule(hours=st.sampled_from([1, 5, 24, 24, 72, 24 * 8, 24 * 35]))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.now += timedelta(hours=hours)

    @rule()
    def turn_back(self) -> None:
        """The clock of this process is an hour behind, or right again."""
        self.behind = timedelta(hours=1) if not self.behind else timedelta()

    # Acts ---------------------------------------------------------------------------------------------------------------

    @rule(
        client=st.integers(0, 1), member=members, n=amounts, reason=st.sampled_from(["thanks", "task"]), name=names, twice=st.booleans(),
        cap_of_reason=st.sampled_from([0, 0, 30]), cap_of_day=st.sampled_from([0, 50]), days=st.sampled_from([0, 0, 2, 30, 365]),
    )  # fmt: skip
    def award(
        self, client: int, member: int, n: int, reason: str, name: str, twice: bool, cap_of_reason: int, cap_of_day: int, days: int
    ) -> None:  # fmt: skip
        """A member earns points, as far as the caps allow."""
        last = self.today + timedelta(days=days) if days else None
        at, today = self.at, self.today

        def act() -> Moved:
            return self.clients[client][1].award(
                self.where, member, at, today=today, reason=reason, points=n, once=name, cap_of_reason=cap_of_reason, cap_of_day=cap_of_day,
                lapses=last,
            )  # fmt: skip

        def expected() -> Moved:
            books, day = self.books, self.today.toordinal()
            books.lapse(member, day)
            fields = [((day, (member, reason)), cap_of_reason), ((day, member), cap_of_day)]
            room = min(cap - books.caps.get(field, 0) if cap else n for field, cap in fields)
            given = max(0, min(n, room))
            for key, _ in fields:
                books.caps[key] = books.caps.get(key, 0) + given
            if given:
                books.move("treasury", member, given)
                books.put(member, [[last.toordinal(), given]] if last else [])
                books.count(member, given, self.boards)
            return Moved(given, books.balance(member), books.earned.get(member, 0), True)

        self._once(f"award|{member}|{reason}|{name}", act, expected, twice)

    @rule(
        client=st.integers(0, 1), giver=members, taker=members, n=amounts, name=names, twice=st.booleans(), most=st.sampled_from([0, 60]),
        keep=st.sampled_from([0, 0, 10]),
    )  # fmt: skip
    def transfer(self, client: int, giver: int, taker: int, n: int, name: str, twice: bool, most: int, keep: int) -> None:
        """A member hands points on, or may not."""
        if giver == taker:
            return
        at, today = self.at, self.today

        def act() -> tuple[Any, ...]:
            try:
                done = self.clients[client][1].transfer(self.where, giver, taker, n, at, today=today, once=name, most_a_day=most, keep=keep)
            except Short as short:
                return "short", short.balance
            except DayFull as full:
                return "full", full.left
            return "done", done.giver_balance, done.taker_balance

        def expected() -> tuple[Any, ...]:
            books, day = self.books, self.today.toordinal()
            books.lapse(giver, day)
            if books.balance(giver) - n < keep:
                return "short", books.balance(giver)
            given = books.caps.get((day, (giver, "given")), 0)
            if most and given + n > most:
                return "full", max(0, most - given)
            books.caps[day, (giver, "given")] = given + n
            books.move(giver, taker, n)
            books.put(taker, books.take(giver, n))
            return "done", books.balance(giver), books.balance(taker)

        self._once(f"transfer|{giver}|{name}", act, expected, twice)

    @rule(client=st.integers(0, 1), member=members, n=amounts, sign=st.sampled_from([1, -1]), name=names, twice=st.booleans())
    def adjust(self, client: int, member: int, n: int, sign: int, name: str, twice: bool) -> None:
        """An administrator gives or takes."""
        at, today = self.at, self.today

        def act() -> Any:
            try:
                return self.clients[client][1].adjust(
                    self.where, member, sign * n, at, today=today, reason="adjustment", actor=9, note="n", once=name
                )
            except Short as short:
                return short.balance

        def expected() -> Any:
            books = self.books
            books.lapse(member, self.today.toordinal())
            if sign < 0 and books.balance(member) < n:
                return books.balance(member)
            if sign > 0:
                books.move("treasury", member, n)
            else:
                books.take(member, n)
                books.move(member, "treasury", n)
            books.count(member, sign * n, self.boards)
            return Moved(sign * n, books.balance(member), books.earned.get(member, 0), True)

        self._once(f"adjust|{member}|{name}", act, expected, twice)

    @rule(client=st.integers(0, 1), member=members, n=amounts, name=names, twice=st.booleans())
    def spend(self, client: int, member: int, n: int, name: str, twice: bool) -> None:
        """A member buys something."""
        act = self._scripted(client, SPENDING, member, [n], f"spend|{member}|{name}")

        def expected() -> str:
            books = self.books
            books.lapse(member, self.today.toordinal())
            if books.balance(member) < n:
                return "short"
            books.move(member, "shop", n)
            lots = ",".join(f"{day}:{part}" for day, part in books.take(member, n))
            self.orders[f"{member}|{name}"] = (member, n, lots)
            return f"taken {lots}"

        self._once(f"spend|{member}|{name}", act, expected, twice)

    @precondition(lambda self: self.orders)
    @rule(client=st.integers(0, 1), data=st.data(), twice=st.booleans())
    def refund(self, client: int, data: st.DataObject, twice: bool) -> None:
        """What was bought is given back, with the days on which the points lapse."""
        order = data.draw(st.sampled_from(sorted(self.orders)))
        member, n, lots = self.orders.pop(order)
        name = f"refund|{order}|{next(NAMES)}"
        act = self._scripted(client, REFUNDING, member, [n, lots], name)

        def expected() -> str:
            self.books.move("shop", member, n)
            self.books.put(member, [[int(part) for part in lot.split(":")] for lot in lots.split(",") if lot])
            return str(self.books.balance(member))

        self._once(name, act, expected, twice)

    @rule(client=st.integers(0, 1))
    def lapse(self, client: int) -> None:
        """The clock takes what is past; a second time there is nothing."""
        today = self.today.toordinal()
        expected = {member: n for member in MEMBERS if (n := self.books.lapse(member, today))}
        assert self.clients[client][1].lapse(self.where, self.at, today=self.today) == expected
        assert self.clients[1 - client][1].lapse(self.where, self.at, today=self.today) == {}

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Something that was done within the last week is done again: it gets its first result, and nothing moves."""
        name = data.draw(st.sampled_from(sorted(self.done)))
        at, act, first = self.done[name]
        if self.now - at < timedelta(days=7):
            assert as_first(act()) == first

    def _once(self, name: str, act: Callable[[], Any], expected: Callable[[], Any], twice: bool) -> None:
        if name in self.done and self.now - self.done[name][0] < timedelta(days=22):
            return  # a repeat with other words is nobody's act
        wanted = expected()
        assert as_first(act()) == wanted
        self.done[name] = (self.now, act, wanted)
        if twice:
            again = act()
            assert as_first(again) == wanted
            assert not (isinstance(again, Moved) and again.is_fresh)

    def _scripted(self, client: int, script: Script, member: int, own: list[Any], name: str) -> Callable[[], str]:
        database, at, today = self.clients[client][0], self.at, self.today
        return lambda: str(
            database.act(
                script,
                [*keys_of(self.where, at, today), rows_key(self.where, member)],
                [*args_of(self.where, at, today, name, None), member, *own],
            )
        )

    # What holds always ----------------------------------------------------------------------------------------------------

    @invariant()
    def the_books_are_as_the_model_says(self) -> None:
        """All balances, lots and boards."""
        type(self).steps += 1
        part = {"shard": self.where.shard, "community": self.where.id}
        month, week, day = self.boards
        names = [
            keys.BALANCES(**part), keys.LOTS(**part), keys.BOARD_ALL(**part), keys.EXPIRING(**part), keys.BOARD_MONTH(**part, month=month),
            keys.BOARD_WEEK(**part, week=week), keys.BOARD_DAY(**part, day=day),
        ]  # fmt: skip
        flat = self.database.act(LOOKING, names)
        balances, lots, earned, expiring, *shown = [dict(zip(one[::2], one[1::2], strict=True)) for one in flat]
        has = {account: int(n) for account, n in balances.items()}
        assert sum(has.values()) == 0
        assert all(n >= 0 for account, n in has.items() if account.isdecimal())
        assert has == self.books.balances
        held = {str(member): kept for member, kept in self.books.lots.items() if kept}
        assert lots == {member: ",".join(f"{day}:{n}" for day, n in kept) for member, kept in held.items()}
        assert {member: int(first) for member, first in expiring.items()} == {member: kept[0][0] for member, kept in held.items()}
        assert {int(member): int(n) for member, n in earned.items()} == {member: n for member, n in self.books.earned.items() if n}
        for name, board in zip(self.boards, shown, strict=True):
            assert {int(m): int(n) for m, n in board.items()} == {m: n for (b, m), n in self.books.boards.items() if b == name and n}

    def teardown(self) -> None:
        """At the end of a life every row is looked at."""
        points = self.clients[0][1]
        assert points.discrepancies(self.where) == []
        for member in MEMBERS:
            rows = points.rows(self.where, member, 1_000)
            assert [row.amount for row in reversed(rows)] == self.books.rows.get(member, [])
            assert [row.balance for row in rows] == list(itertools.accumulate(row.amount for row in reversed(rows)))[::-1]


def as_first(result: Any) -> Any:
    """A result without whether it was a repeat's."""
    return Moved(result.n, result.balance, result.earned, True) if isinstance(result, Moved) else result


def run_machine(url: str, steps: int, seed: int = 0) -> int:
    """Lets the ledger live for so many steps on a Redis; gives how many it made."""
    one, other = Database(url), Database(url)
    Ledger.steps = 0
    try:
        live(lambda: Ledger((one, other)), steps, seed)
    finally:
        one.close()
        other.close()
    return Ledger.steps


def test_the_ledger_is_as_its_model_says_whatever_happens(redis_server: EmbeddedServer, database: Database) -> None:
    assert run_machine(redis_server.url, STEPS) >= STEPS
