"""The shop against a model in plain Python: whatever is bought, settled, filled, repriced, repeated or late, nobody gets what there is not."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.orders import LEAST_DAYS, Bought, Order, Orders, Settled, Wish
from storage.points import Points
from storage.shop import Added, ShopStore, Supply
from tests.machines import STEPS, live
from tests.test_ledger_machine import Books, Lots

NAMES = itertools.count(1)
START = datetime(2026, 2, 24, 15, 0, tzinfo=UTC)
KEY = Fernet.generate_key()
MEMBERS = (1, 2, 3)
ITEMS: dict[str, Supply] = {"mug": "counted", "hat": "counted", "coffee": "codes", "card": "free"}
OPEN = Wish("", "", "", "free", 10)
members, items, clients = st.sampled_from(MEMBERS), st.sampled_from(sorted(ITEMS)), st.integers(0, 1)
patiences = st.sampled_from([2, 72, 72, 0])
"""Hours until an order is recalled, and again until it is given back; 0 never."""


@dataclass(slots=True)
class Sold:
    """What the model knows of an order."""

    member: int
    item: str
    price: int
    day: date
    lots: Lots
    state: str = "waiting"
    reminded: bool = False
    step: datetime | None = None
    expires: datetime | None = None
    code: str = ""


@dataclass(slots=True)
class Shelves:
    """What the model knows of the shop."""

    books: Books = field(default_factory=Books)
    stock: Counter[str] = field(default_factory=Counter)
    codes: list[str] = field(default_factory=list)
    ever_put: list[str] = field(default_factory=list)
    had: Counter[Any] = field(default_factory=Counter)
    orders: dict[int, Sold] = field(default_factory=dict)

    def refusal(self, member: int, wish: Wish, today: date) -> tuple[str, int]:
        """Why an exchange may not be, and by how much or at which limit; '' where it may."""
        earned, balance = self.books.earned.get(member, 0), self.books.balance(member)
        left = {"codes": len(self.codes), "counted": self.stock[wish.item], "free": 1}[wish.supply]
        checks = (
            (bool(wish.refused), wish.refused, 0),
            (earned < wish.earned, "level", wish.earned - earned),
            (0 < wish.per_member <= self.had[member, wish.item], "ever", wish.per_member),
            (0 < wish.per_member_day <= self.had[today, member, wish.item], "day", wish.per_member_day),
            (left <= 0, "gone", 0),
            (0 < wish.per_day <= self.had[today, wish.item], "all_day", wish.per_day),
            (balance < wish.price, "short", wish.price - balance),
        )
        return next(((why, n) for is_so, why, n in checks if is_so), ("", 0))

    def count(self, sold: Sold, by: int) -> None:
        """Counts what somebody had, or what went back."""
        for name in ((sold.member, sold.item), (sold.day, sold.member, sold.item), (sold.day, sold.item)):
            self.had[name] += by

    def give_back(self, sold: Sold, today: int, *, to_stock: bool = True) -> None:
        """Points of an order go back, and to the stock what was not sent."""
        self.books.lapse(sold.member, today)
        if sold.price:
            self.books.move("shop", sold.member, sold.price)
            self.books.put(sold.member, [[max(day, today + LEAST_DAYS), n] for day, n in sold.lots])
        if to_stock and ITEMS[sold.item] == "counted":
            self.stock[sold.item] += 1
        self.count(sold, -1)


class Shop(RuleBasedStateMachine):
    """Two processes and a clock that is sometimes behind; every act may be made twice, as after a crash, or again days later."""

    steps = 0

    def __init__(self, databases: tuple[Database, Database]) -> None:
        super().__init__()
        number = next(NAMES)
        self.where = CommunityKeys(f"s{number}", number % 16)
        self.database = databases[0]
        self.database.command("DEL", keys.ORDER_STEPS(shard=self.where.shard))  # of an earlier life on this shard
        self.points = Points(databases[0])
        self.orders = [Orders(database, 16, KEY) for database in databases]
        self.shelves = [ShopStore(database, KEY) for database in databases]
        self.now, self.behind, self.looks = START, timedelta(), 0
        self.model = Shelves()
        self.wishes = {
            item: replace(OPEN, item=item, name=item, kind="manual" if supply == "counted" else supply, supply=supply)
            for item, supply in ITEMS.items()
        }
        self.done: list[tuple[datetime, Callable[[], Any], Any]] = []
        for item in ("mug", "hat"):
            self.restock(item, 4, 0, True)
        self.put_codes(0, 3, 0, True)
        for member, days in zip(MEMBERS, (0, 3, 20), strict=True):
            self.earn(member, 70, days)

    @property
    def at(self) -> datetime:
        """What the clock of the acting process shows."""
        return self.now - self.behind

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return (self.at + timedelta(hours=8)).date()

    # Time and content -----------------------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 5, 24, 24, 24 * 4, 24 * 40]))
    def wait(self, hours: int) -> None:
        """Time passes."""
        self.now += timedelta(hours=hours)

    @rule()
    def turn_back(self) -> None:
        """The clock of this process is an hour behind, or right again."""
        self.behind = timedelta(hours=1) if not self.behind else timedelta()

    @rule(
        item=items, price=st.sampled_from([0, 1, 7, 20]), ever=st.sampled_from([0, 0, 0, 1, 3]), day=st.sampled_from([0, 0, 1]),
        all_day=st.sampled_from([0, 0, 2]), earned=st.sampled_from([0, 0, 0, 120]), refused=st.sampled_from([""] * 7 + ["closed"]),
    )  # fmt: skip
    def rewrite(self, item: str, price: int, ever: int, day: int, all_day: int, earned: int, refused: str) -> None:
        """An operator changes the price and the limits."""
        self.wishes[item] = replace(
            self.wishes[item], price=price, per_member=ever, per_member_day=day, per_day=all_day, earned=earned, refused=refused
        )  # fmt: skip

    @rule(item=st.sampled_from(["mug", "hat"]), n=st.sampled_from([1, 2, 5, -1, -3]), client=clients, twice=st.booleans())
    def restock(self, item: str, n: int, client: int, twice: bool) -> None:
        """An operator adds to the stock, or takes away."""
        before = self.model.stock[item]
        self.model.stock[item] = max(0, before + n)
        id, at = f"r{next(NAMES)}", self.at
        self._once(
            lambda: self.shelves[client].restock(self.where, item, n, at, actor=9, once=id), (before, self.model.stock[item]), twice
        )  # fmt: skip

    @rule(old=st.integers(0, 5), new=st.integers(0, 3), client=clients, twice=st.booleans())
    def put_codes(self, old: int, new: int, client: int, twice: bool) -> None:
        """An operator puts codes in, some of them for the second time."""
        model = self.model
        again, fresh = model.ever_put[:old], [f"C{next(NAMES)}" for _ in range(new)]
        if not again and not fresh:
            return
        model.codes += fresh
        model.ever_put += fresh
        id, at = f"c{next(NAMES)}", self.at
        self._once(
            lambda: self.shelves[client].add_codes(self.where, "coffee", [*again, *fresh], at, actor=9, once=id),
            Added(len(fresh), len(again), len(model.codes)), twice,
        )  # fmt: skip

    # Members --------------------------------------------------------------------------------------------------------------

    @rule(member=members, n=st.sampled_from([1, 3, 9, 10, 19, 40]), days=st.sampled_from([0, 3, 20, 60]))
    def earn(self, member: int, n: int, days: int) -> None:
        """A member earns points."""
        books, today = self.model.books, self.today
        last = today + timedelta(days=days) if days else None
        self.points.award(self.where, member, self.at, today=today, reason="task", points=n, once=f"a{next(NAMES)}", lapses=last)
        books.lapse(member, today.toordinal())
        books.move("treasury", member, n)
        books.put(member, [[last.toordinal(), n]] if last else [])
        books.count(member, n, ())

    @rule(wanted=st.lists(st.tuples(members, items), min_size=1, max_size=3), client=clients, twice=st.booleans(), hours=patiences)
    def buy(self, wanted: list[tuple[int, str]], client: int, twice: bool, hours: int) -> None:
        """Members exchange points for something, or are told why not."""
        for member, item in wanted:
            self._buy(member, item, client, twice, hours)
        type(self).steps += len(wanted) - 1

    def _buy(self, member: int, item: str, client: int, twice: bool, hours: int) -> None:
        at, today, id = self.at, self.today, f"b{next(NAMES)}"
        waits = ITEMS[item] == "counted"
        remind = at + timedelta(hours=hours) if hours else None
        wish = replace(self.wishes[item], waits=waits, remind=remind, expires=at + 2 * timedelta(hours=hours) if hours else None)

        def act() -> Bought:
            return self.orders[client].buy(self.where, member, wish, at, today=today, once=id)

        self._once(act, self._bought(member, wish, today), twice)

    def _bought(self, member: int, wish: Wish, today: date) -> Bought:
        model = self.model
        model.books.lapse(member, today.toordinal())
        why, n = model.refusal(member, wish, today)
        if why:
            return Bought(0, model.books.balance(member), why, n)
        sold = Sold(member, wish.item, wish.price, today, [], expires=wish.expires, step=wish.remind)
        if wish.price:
            model.books.move(member, "shop", wish.price)
            sold.lots = model.books.take(member, wish.price)
        if wish.supply == "counted":
            model.stock[wish.item] -= 1
        if wish.supply == "codes":
            sold.code = model.codes.pop(0)
        if not wish.waits:
            sold.state, sold.step = "done", None
        model.count(sold, 1)
        number = len(model.orders) + 1
        model.orders[number] = sold
        mine = sum(other.member == member for other in model.orders.values())
        return Bought(number, model.books.balance(member), count=mine, code=sold.code)

    # Orders ---------------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.orders)
    @rule(
        data=st.data(), acts=st.lists(st.sampled_from(["done", "refunded", "cancelled", "returned"]), min_size=1, max_size=5), client=clients,
        twice=st.booleans(), actor=members,
    )  # fmt: skip
    def settle(self, data: st.DataObject, acts: list[Any], client: int, twice: bool, actor: int) -> None:
        """An operator or a member ends an order, or somebody else's, or one that ended before; or takes back what was handed over."""
        newest = st.integers(max(1, len(self.model.orders) - 4), len(self.model.orders))
        for act in acts:
            self._settle(data.draw(newest), act, client, twice, actor)
        type(self).steps += len(acts) - 1

    def _settle(self, number: int, act: Any, client: int, twice: bool, actor: int) -> None:
        sold, id, at, today = self.model.orders[number], f"s{next(NAMES)}", self.at, self.today
        order = self.orders[client].find(self.where, number)
        assert order is not None

        def do() -> tuple[Any, ...]:
            return told(self.orders[client].settle(self.where, order, act, at, today=today, actor=actor, once=id))

        why = "ended" if sold.state != "waiting" else "foreign" if act == "cancelled" and actor != sold.member else ""
        if act == "returned":
            why = "ended" if sold.state != "done" else "" if ITEMS[sold.item] == "counted" else "given"
        if not why:
            sold.state, sold.step = "refunded" if act == "returned" else act, None
            if act != "done":
                self.model.give_back(sold, today.toordinal(), to_stock=act != "returned")
        self._once(do, (not why, why, sold.state, self.model.books.balance(sold.member)), twice)

    @rule(client=clients, is_late=st.booleans(), hours=st.sampled_from([0, 3, 80, 80]))
    def ring(self, client: int, is_late: bool, hours: int) -> None:
        """After a while the clock recalls what waits and gives back what waited too long; another process that saw the same comes too late."""
        self.now += timedelta(hours=hours)
        orders, at, today = self.orders[client], self.at, self.today
        due = [number for where, number in orders.due(at) if where == self.where]
        wanted = {number for number, sold in self.model.orders.items() if sold.step and sold.step <= at}
        assert set(due) == wanted
        for number in due:
            order, sold = orders.find(self.where, number), self.model.orders[number]
            assert order is not None
            act: Any = "expired" if sold.reminded else "reminded"
            other: Any = "reminded" if sold.reminded else "expired"
            early = told(orders.settle(self.where, order, other, at, today=today, once=""))
            assert early == (False, "early", "waiting", self.model.books.balance(sold.member))
            until = max(sold.expires, at + timedelta(hours=1)) if sold.expires else None
            tries = [
                told(self.orders[c].settle(self.where, order, act, at, today=today, next_step=until, once=""))
                for c in ((client, 1 - client) if is_late else (client,))
            ]
            assert [done for done, *_ in tries] == [True, False][: len(tries)]
            if act == "expired":
                sold.state, sold.step = "expired", None
                self.model.give_back(sold, today.toordinal())
            else:
                sold.reminded, sold.step = True, until

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """Something that was done within the last week is done again: it gets its first result, and nothing moves."""
        at, act, first = self.done[data.draw(st.integers(max(0, len(self.done) - 10), len(self.done) - 1))]
        if self.now - at < timedelta(days=6):
            assert act() == first

    def _once(self, act: Callable[[], Any], wanted: Any, twice: bool) -> None:
        assert act() == wanted
        if twice:
            assert act() == wanted
        self.done.append((self.now, act, wanted))

    # What holds always ----------------------------------------------------------------------------------------------------

    @invariant()
    def the_shop_is_as_the_model_says(self) -> None:
        """Balances, lots, stock, codes, and which orders wait: at each fourth step, for what each act gave was compared anyhow."""
        type(self).steps += 1
        self.looks += 1
        if self.looks % 4 == 0:
            self._compare()

    def _compare(self) -> None:
        part, model = {"shard": self.where.shard, "community": self.where.id}, self.model
        balances, lots, stock, codes, waiting, steps = self.database.pipeline([
            ("HGETALL", keys.BALANCES(**part)),
            ("HGETALL", keys.LOTS(**part)),
            ("HGETALL", keys.SHOP_STOCK(**part)),
            ("LLEN", keys.SHOP_CODES(**part, item="coffee")),
            ("ZRANGE", keys.ORDERS_WAITING(**part), 0, -1),
            ("ZRANGE", keys.ORDER_STEPS(shard=self.where.shard), 0, -1),
        ])  # fmt: skip
        has = paired(balances)
        assert sum(map(int, has.values())) == 0
        assert all(int(n) >= 0 for account, n in has.items() if account.isdecimal())
        assert {account: int(n) for account, n in has.items()} == model.books.balances
        assert paired(lots) == {str(m): ",".join(f"{day}:{n}" for day, n in kept) for m, kept in model.books.lots.items() if kept}
        assert all(int(n) >= 0 for n in paired(stock).values()), "oversold"
        assert {item: int(n) for item, n in paired(stock).items() if int(n)} == {item: n for item, n in model.stock.items() if n}
        assert codes == len(model.codes)
        assert {int(number) for number in waiting} == {number for number, sold in model.orders.items() if sold.state == "waiting"}
        mine = {int(name.rpartition("|")[2]) for name in steps if name.startswith(f"{self.where.id}|")}
        assert mine == {number for number, sold in model.orders.items() if sold.step}

    def teardown(self) -> None:
        """At the end of a life every order is looked at: each code was given once, and none is lost."""
        self._compare()
        orders, model = self.orders[0], self.model
        found = {number: orders.find(self.where, number) for number in model.orders}
        assert {n: order and order.state for n, order in found.items()} == {n: sold.state for n, sold in model.orders.items()}
        sold: list[Order] = [replace(order, kind="code") for order in found.values() if order and order.item == "coffee"]
        given = list(orders.codes_of(self.where, sold).values())
        kept = {"shard": self.where.shard, "community": self.where.id}
        left = self.database.command("LRANGE", keys.SHOP_CODES(**kept, item="coffee"), 0, -1)
        assert sorted([*given, *(Fernet(KEY).decrypt(code.encode()).decode() for code in left)]) == sorted(model.ever_put)
        assert self.points.discrepancies(self.where) == []
        had = paired(self.database.command("HGETALL", keys.SHOP_HAD(**kept)))
        assert {name: int(n) for name, n in had.items() if int(n)} == {
            f"{who}:{item}": model.had[who, item] for who in MEMBERS for item in ITEMS if model.had[who, item]
        }  # fmt: skip


def paired(flat: list[str]) -> dict[str, str]:
    """A flat answer of the server as names and values."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def told(settled: Settled) -> tuple[Any, ...]:
    """What was said of an act on an order."""
    return settled.done, settled.why, settled.order.state, settled.balance


def run_machine(url: str, steps: int, seed: int = 0) -> int:
    """Lets the shop live for so many steps on a Redis; gives how many it made, each exchange counted."""
    one, other = Database(url), Database(url)
    Shop.steps = 0
    try:
        while (left := steps - Shop.steps) > 0:  # one of its steps is often several exchanges
            live(lambda: Shop((one, other)), max(500, left * 8 // 10), seed and seed + Shop.steps)
    finally:
        one.close()
        other.close()
    return Shop.steps


def test_the_shop_is_as_its_model_says_whatever_happens(redis_server: EmbeddedServer, database: Database) -> None:
    assert run_machine(redis_server.url, STEPS) >= STEPS
