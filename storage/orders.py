"""Orders: what members exchanged points for, from the exchange until it was handed over or given back.

Points, stock, limits and the order itself change in one act (``storage/lua/shop_buy.lua``, ``shop_settle.lua``), so none is ever without the
others. Codes are sealed; whoever may not read one is not shown it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

from cryptography.fernet import Fernet, InvalidToken

from storage import bells, keys, ledger
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.shop import Supply

DAY_LIFE_MS = 3 * 86_400_000
LEAST_DAYS = 30
"""Points that go back may be used for so many days at least, whatever became of them meanwhile."""
_AT_ONCE = 50

Settling = Literal["done", "refunded", "returned", "cancelled", "expired", "reminded", "erased"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a member wants to exchange: the item as it is offered, its limits (0 none), and ``earned``, the points of life that it takes.

    ``refused`` says why the rules refuse it ('' they do not); ``waits`` whether somebody has to hand it over, and until when it is recalled
    (``remind``) or given back (``expires``).
    """

    item: str
    name: str
    kind: str
    supply: Supply
    price: int
    per_member: int = 0
    per_member_day: int = 0
    per_day: int = 0
    earned: int = 0
    refused: str = ""
    waits: bool = False
    remind: datetime | None = None
    expires: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bought:
    """What came of it: the order's number, or 0 and ``why`` not with ``n``, what is missing (level, short) or the limit (ever, day, all_day).

    Other reasons are ``gone`` (none left) and what the rules said. ``balance`` in points after it, ``count`` how many orders the member has made,
    with this one. ``code`` is a secret.
    """

    number: int
    balance: int
    why: str = ""
    n: int = 0
    count: int = 0
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """An order. ``state`` is waiting, done, refunded, cancelled (by the member) or expired; ``by`` who ended it (0: nobody, the clock).

    ``day`` is the day of the community on which it was made (known while points may go back, else that of ``at``), ``words`` what was said at
    its end.
    """

    number: int
    member: int
    item: str
    name: str
    kind: str
    price: int
    state: str
    at: datetime
    day: date
    expires: datetime | None = None
    ended: datetime | None = None
    by: int = 0
    words: str = field(default="", repr=False)
    is_reminded: bool = False

    @property
    def waits(self) -> bool:
        """Whether somebody has to hand it over still."""
        return self.state == "waiting"

    @property
    def may_be_returned(self) -> bool:
        """Whether its points may go back though somebody handed it over."""
        return self.state == "done" and self.kind == "manual"


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of an act: whether it was done, else why not (ended, given, early, foreign); the order as it is now, the member's points, and the
    order's state before.
    """

    done: bool
    why: str
    order: Order
    balance: int
    was: str


class Orders:
    """The orders of every community. ``evidence_key`` is a Fernet key that stays outside Redis."""

    PERSONAL = Personal(
        "订单",
        "商城兑换",
        (keys.ORDERS, keys.ORDER_CODES, keys.ORDERS_WAITING, keys.ORDERS_OF, keys.ORDER_STEPS, keys.SHOP_HAD, keys.SHOP_HAD_TODAY),
        what="换了什么、什么时候、花了多少积分、给了什么码（加密）、备注",
        erasing="退回等待中的，删掉码和备注",
        stays=(keys.ORDERS,),
        stays_why="交易记录按《电子商务法》第三十一条留存，编号不再指向任何人",
        passing=(keys.ORDERS_WAITING, keys.ORDER_STEPS, keys.SHOP_HAD, keys.SHOP_HAD_TODAY),
        passing_why="由订单来的",
    )

    def __init__(self, database: Database, shards: int, evidence_key: bytes) -> None:
        self._database = database
        self._shards = shards
        self._seal = Fernet(evidence_key)
        self._buy = Script("shop_buy")
        self._settle = Script("shop_settle")

    # Acts -----------------------------------------------------------------------------------------------------------------

    def buy(self, where: CommunityKeys, member: int, wish: Wish, now: datetime, *, today: date, once: str) -> Bought:
        """Exchanges points for one item, or says why not. ``today`` is the day in the community's zone."""
        part = {"shard": where.shard, "community": where.id}
        names = [
            *ledger.keys_of(where, now, today), ledger.rows_key(where, member), keys.SHOP_STOCK(**part),
            keys.SHOP_CODES(**part, item=wish.item), keys.ORDERS(**part), keys.ORDER_CODES(**part), keys.ORDERS_WAITING(**part),
            keys.ORDERS_OF(**part, member=member), keys.SHOP_HAD(**part), keys.SHOP_HAD_TODAY(**part, day=today.isoformat()),
            keys.ORDER_STEPS(shard=where.shard),
        ]  # fmt: skip
        step = wish.remind or wish.expires
        args = [
            *ledger.args_of(where, now, today, f"{once}:buy", None), member, wish.item, wish.supply, wish.price, wish.per_member,
            wish.per_member_day, wish.per_day, wish.earned, wish.refused, json.dumps(_draft(member, wish, now, today), ensure_ascii=False),
            to_ms(step) if step and wish.waits else "", DAY_LIFE_MS,
        ]  # fmt: skip
        outcome, *got = self._database.act(self._buy, names, args).split("|")
        if outcome == "no":
            return Bought(0, int(got[1]), got[0], int(got[2]))
        return Bought(int(got[0]), int(got[1]), count=int(got[2]), code=self._unseal(got[3]))

    def settle(
        self,
        where: CommunityKeys,
        order: Order,
        act: Settling,
        now: datetime,
        *,
        today: date,
        actor: int = 0,
        words: str = "",
        next_step: datetime | None = None,
        deliveries: Sequence[Delivery] = (),
        once: str,
    ) -> Settled:
        """Does one thing to an order that waits, and queues ``deliveries`` only then; ``once`` '' is for the clock, whose acts compare.

        All but done and reminded give back what it cost. ``returned`` is for an order that is done: points and the member's share of the limits go
        back, what was sent does not go back to the stock.
        """
        part = {"shard": where.shard, "community": where.id}
        rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        names = [
            *ledger.keys_of(where, now, today), ledger.rows_key(where, order.member), keys.SHOP_STOCK(**part), keys.ORDERS(**part),
            keys.ORDERS_WAITING(**part), keys.SHOP_HAD(**part), keys.SHOP_HAD_TODAY(**part, day=order.day.isoformat()),
            keys.ORDER_STEPS(shard=where.shard), keys.ORDER_CODES(**part), keys.OUTBOX_DUE(shard=where.shard),
            *(queue for queue, _, _ in rows),
        ]  # fmt: skip
        args = [
            *ledger.args_of(where, now, today, f"{once}:order:{order.number}" if once else "", None), order.number, act, actor, words,
            (today + timedelta(days=LEAST_DAYS)).toordinal(), to_ms(next_step) if next_step else "", where.shard,
            *(text for _, member, item in rows for text in (member, item)),
        ]  # fmt: skip
        got = json.loads(self._database.act(self._settle, names, args))
        return Settled(got["done"], got["why"], _order(order.number, got["order"]), int(got["balance"]), got["was"])

    # Looking --------------------------------------------------------------------------------------------------------------

    def find(self, where: CommunityKeys, number: int) -> Order | None:
        """One order of a community by its number."""
        kept = self._database.command("HGET", keys.ORDERS(shard=where.shard, community=where.id), number)
        return _order(number, json.loads(kept)) if kept else None

    def find_bought(self, where: CommunityKeys, now: datetime, today: date, *, once: str) -> int:
        """The number of the order that was made with ``once``, 0 when there is none: for repeats whose item is gone by now."""
        digest = ledger.digest_of(f"{once}:buy")
        kept = self._database.pipeline(("HGET", key, digest) for key in ledger.keys_of(where, now, today)[9:12])
        first = next(filter(None, kept), "")
        return int(first.split("|")[1]) if first.startswith("bought|") else 0

    def waiting(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> list[Order]:
        """Orders that wait for somebody, the oldest first; two round trips."""
        numbers = self._database.command("ZRANGE", keys.ORDERS_WAITING(shard=where.shard, community=where.id), skip, skip + count - 1)
        return self._all(where, numbers)

    def count_waiting(self, where: CommunityKeys) -> int:
        """How many orders wait for somebody."""
        return int(self._database.command("ZCARD", keys.ORDERS_WAITING(shard=where.shard, community=where.id)))

    def newest(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> tuple[int, list[Order]]:
        """How many orders a community has, and ``count`` of them, the newest first, after ``skip``; two round trips. Numbers have no gaps."""
        total = int(self._database.command("HLEN", keys.ORDERS(shard=where.shard, community=where.id)))
        return total, self._all(where, [str(number) for number in range(total - skip, max(0, total - skip - count), -1)])

    def of_member(self, where: CommunityKeys, member: int, count: int = 10, *, skip: int = 0) -> list[Order]:
        """A member's orders, the newest first; two round trips."""
        key = keys.ORDERS_OF(shard=where.shard, community=where.id, member=member)
        return self._all(where, self._database.command("LRANGE", key, -count - skip, -1 - skip)[::-1])

    def of_members(self, where: CommunityKeys, members: Sequence[int], count: int) -> dict[int, list[Order]]:
        """The same for many members, the ``count`` newest of each; two round trips."""
        asked = [("LRANGE", keys.ORDERS_OF(shard=where.shard, community=where.id, member=member), -count, -1) for member in members]
        numbers = dict(zip(members, self._database.pipeline(asked), strict=True))
        found = {str(order.number): order for order in self._all(where, [number for own in numbers.values() for number in own])}
        return {member: [found[number] for number in reversed(own) if number in found] for member, own in numbers.items()}

    def codes_of(self, where: CommunityKeys, orders: Sequence[Order]) -> dict[int, str]:
        """The codes of orders by number, those that have one; secrets, for their member only. One round trip."""
        numbers = [order.number for order in orders if order.kind == "code"]
        if not numbers:
            return {}
        kept = self._database.command("HMGET", keys.ORDER_CODES(shard=where.shard, community=where.id), *numbers)
        return {number: self._unseal(sealed) for number, sealed in zip(numbers, kept, strict=True) if sealed}

    def due(self, now: datetime) -> list[tuple[CommunityKeys, int]]:
        """Community and number of orders that are to be recalled or given back by now, the longest due first; one round trip."""
        found = bells.ring(self._database, keys.ORDER_STEPS, self._shards, to_ms(now), most=_AT_ONCE)
        named = ((shard, name.rpartition("|")) for shard, name in found)
        return [(CommunityKeys(community, shard), int(number)) for shard, (community, _, number) in named]

    def step_later(self, where: CommunityKeys, number: int, at: datetime) -> None:
        """Puts off what the clock owes an order, if it still owes anything."""
        self._database.command("ZADD", keys.ORDER_STEPS(shard=where.shard), "XX", to_ms(at), f"{where.id}|{number}")

    # Persons --------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's orders in every community, with the codes that he was given."""
        found = {}
        for where in communities_with(self._database, keys.ORDERS):
            orders = self.of_member(where, number, 100_000)
            codes = self.codes_of(where, orders)
            if orders:
                found[where.id] = [_exported(order, codes.get(order.number, "")) for order in orders]
        return found

    def erase_user(self, number: int) -> str:
        """Gives back what waits, drops codes and words; the orders stay under a number that no longer leads to anybody."""
        for where in communities_with(self._database, keys.ORDERS):
            part = {"shard": where.shard, "community": where.id}
            for order in self.of_member(where, number, 100_000):
                # An erasure has no clock; the moment of the order itself is one that its community has seen.
                self.settle(where, order, "erased", order.at, today=order.day, actor=number, once="")
            had = [field for field in self._database.command("HKEYS", keys.SHOP_HAD(**part)) if field.startswith(f"{number}:")]
            names = [keys.SHOP_HAD(**part), *self._database.scan(keys.SHOP_HAD_TODAY(**part, day="*"))]
            self._database.pipeline([*(("HDEL", name, *had) for name in names if had), ("DEL", keys.ORDERS_OF(**part, member=number))])
        return "已退回等待中的订单，删除兑换码与备注；订单按编号保留（不再指向任何人）"

    def _all(self, where: CommunityKeys, numbers: Sequence[str]) -> list[Order]:
        if not numbers:
            return []
        kept = self._database.command("HMGET", keys.ORDERS(shard=where.shard, community=where.id), *numbers)
        return [_order(int(number), json.loads(text)) for number, text in zip(numbers, kept, strict=True) if text]

    def _unseal(self, sealed: str) -> str:
        try:
            return self._seal.decrypt(sealed.encode()).decode() if sealed else ""
        except InvalidToken:
            return "（无法解封：证据密钥已更换，请联系管理员）"


def _draft(member: int, wish: Wish, now: datetime, today: date) -> dict[str, Any]:
    """An order as it is kept, before it has a number."""
    draft: dict[str, Any] = {
        "member": member, "item": wish.item, "name": wish.name, "kind": wish.kind, "price": wish.price,
        "state": "waiting" if wish.waits else "done", "at": to_ms(now),
    }  # fmt: skip
    if wish.waits:
        draft |= {"day": today.isoformat()} | ({"expires": to_ms(wish.expires)} if wish.expires else {})
        if wish.remind is None:
            draft["reminded"] = 1  # nobody is to be recalled to it: what comes next is its end
    if wish.supply == "counted":
        draft["counted"] = True
    return draft


def _order(number: int, kept: dict[str, Any]) -> Order:
    expires, ended, at = int(kept.get("expires", 0)), int(kept.get("ended", 0)), from_ms(int(kept["at"]))
    return Order(
        number, int(kept["member"]), kept["item"], kept["name"], kept["kind"], int(kept["price"]), kept["state"], at,
        date.fromisoformat(kept["day"]) if "day" in kept else at.date(),
        expires=from_ms(expires) if expires else None, ended=from_ms(ended) if ended else None, by=int(kept.get("by", 0)),
        words=kept.get("words", ""), is_reminded=bool(kept.get("reminded")),
    )  # fmt: skip


def _exported(order: Order, code: str) -> dict[str, Any]:
    row = {"编号": order.number, "商品": order.name, "积分": order.price, "状态": order.state, "时间": order.at.isoformat()}
    return row | ({"兑换码": code} if code else {}) | ({"备注": order.words} if order.words else {})
