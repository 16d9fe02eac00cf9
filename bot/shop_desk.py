"""The shop desk: what chat, cards, clock and command line do with items and orders is done here.

An exchange is decided in one act together with points, stock and order (``storage/orders.py``); what the clock does to an order is told in the
same act. What is told of an exchange is queued by its order's number, so a repeat queues nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from bot.cards import Button, ButtonInteraction, Fact, task_of
from bot.communities import Communities, Community
from bot.config import Config
from bot.errors import UserError
from bot.live import Contents
from bot.members import name_of
from bot.permissions import Actor
from bot.private import tell
from bot.staff import to_staff
from rules.levels import Level, Levels
from rules.shop import Item, Shop, patience
from storage.connection import StorageAway
from storage.moment import to_ms
from storage.orders import Bought, Order, Settled, Settling, Wish
from storage.outbox import Delivery
from storage.shop import LONGEST_CODE, Added, Shelf, Supply
from storage.stores import Stores

log = structlog.get_logger(__name__)

MOST_CODES = 20_000
"""Codes that are put in at once."""
LONGEST_WORDS = 200
"""Characters said at an order's end: a parcel's number, a reason."""
STATES = {"waiting": "待处理", "done": "已完成", "refunded": "已退款", "cancelled": "已取消", "expired": "超时已退款"}
PUT_OFF = timedelta(minutes=10)
"""When an order that failed is tried again."""
NEVER = 2**53
"""More points than anybody earns."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An item as a member sees it: what there is of it, and the level that it takes (None: any)."""

    item: Item
    shelf: Shelf
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class ShopDesk:
    """The shop of one community at one moment."""

    stores: Stores
    config: Config
    shop: Shop
    levels: Levels
    community: Community
    now: datetime

    @property
    def today(self) -> date:
        """The day in the community's zone."""
        return self.community.day_of(self.now)

    # Members --------------------------------------------------------------------------------------------------------------

    def offers(self, member: int = 0, *, items: Sequence[Item] | None = None) -> list[Offer]:
        """What may be had today, or ``items``, with what there is of each; one round trip."""
        items = self.shop.offered(self.community.id, self.today) if items is None else items
        shelves = self.stores.shop.shelves(self.community.keys, {item.id: supply_of(item) for item in items}, self.today, member)
        return [Offer(item, shelves[item.id], self.levels.find(item.min_level)) for item in items]

    def buy(self, member: int, item: Item, seen_price: int, *, once: str) -> tuple[Bought, Order | None]:
        """Exchanges points for one item; gives the order too, which a repeat may find further on.

        Refused with ``price`` where it costs something else than was seen, with ``closed`` where it is not to be had.
        """
        remind, end = patience(self.shop, item)
        level = self.levels.find(item.min_level)
        wish = Wish(
            item.id, item.name, item.kind, supply_of(item), item.price, item.per_member, item.per_member_day, item.per_day,
            earned=level.at if level else NEVER if item.min_level else 0, refused=self._refusal(item, seen_price),
            waits=item.waits_for_somebody, remind=self.now + remind if remind else None, expires=self.now + end if end else None,
        )  # fmt: skip
        bought = self.stores.orders.buy(self.community.keys, member, wish, self.now, today=self.today, once=once)
        return bought, self.see_to(bought.number) if bought.number else None

    def see_to(self, number: int) -> Order:
        """Does what comes of an exchange, whatever of it was done before: the card of a make-up, the word to the administrators."""
        order = self.get(number)
        if order.kind == "makeup_card":
            self.stores.check_ins.give_cards(self.community.keys, order.member, 1, once=f"order:{number}")
        if order.kind == "manual":
            self._tell_of_new(order)
        return order

    def cancel(self, order: Order, member: int, *, once: str) -> Settled:
        """Takes an order back at its member's word, while nobody has handed it over; the administrators hear of it."""
        who = name_of(self.stores, member)
        post = self._to_admins(
            f"订单 {order.number}（{order.name}）{who}自己取消了，积分已退回，不用处理。", f"{order.number}:cancelled", member
        )
        return self.stores.orders.settle(
            self.community.keys, order, "cancelled", self.now, today=self.today, actor=member, deliveries=post, once=once
        )  # fmt: skip

    # Operators ------------------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Order:
        """One order. Raises UserError when this community has none of that number."""
        order = self.stores.orders.find(self.community.keys, number)
        if order is None:
            raise UserError(f"没有编号为 {number} 的订单。")
        return order

    def complete(self, number: int, actor: Actor, words: str, *, once: str) -> Settled:
        """An order was handed over; ``words`` (a parcel's number) are for its member."""
        return self._by_operator(self.get(number), "done", "完成订单", actor, words, once=once)

    def refund(self, number: int, actor: Actor, reason: str, *, once: str, seen: str = "") -> Settled:
        """Gives back what an order did cost that waits, or that somebody handed over; what was handed over is not put back in stock.

        ``seen`` is the state in which the operator saw it ('' he did not say): in another one nothing is done.
        """
        order = self.get(number)
        act: Settling = "returned" if (seen or order.state) == "done" else "refunded"
        return self._by_operator(order, act, "订单退款", actor, reason, once=once)

    def restock(self, item: Item, n: int, actor: Actor, *, once: str) -> tuple[int, int]:
        """Adds to an item's stock, or takes away; gives how many were and are there. Raises UserError where nothing is counted."""
        if supply_of(item) == "codes":
            raise UserError(f"“{item.name}”有几个兑换码就有几件，请用：商城 加码 {item.name}（后面一行一个兑换码）")
        if supply_of(item) == "free":
            raise UserError(f"“{item.name}”不限库存，不用补货。要限量请在 shop.yaml 里去掉 counted: false。")
        before, after = self.stores.shop.restock(self.community.keys, item.id, n, self.now, actor=actor.member, once=once)
        self._audit(actor, "商城补货", item, str(before), str(after), once)
        return before, after

    def add_codes(self, item: Item, codes: Sequence[str], actor: Actor, *, once: str) -> Added:
        """Puts codes to an item. Raises UserError where it gives none out, or with what is wrong with them (never saying one)."""
        if item.kind != "code":
            raise UserError(f"“{item.name}”不发兑换码（kind 不是 code）。加数量请用：商城 补货 {item.name} 10")
        added = self.stores.shop.add_codes(self.community.keys, item.id, codes, self.now, actor=actor.member, once=once)
        self._audit(actor, "商城加码", item, str(added.left - added.new), str(added.left), once)
        return added

    # The clock ------------------------------------------------------------------------------------------------------------

    def step(self, number: int) -> bool:
        """Recalls an order that waits to the administrators, or gives back what it cost; True when that was done now."""
        order = self.stores.orders.find(self.community.keys, number)
        if order is None or not order.waits:
            return False
        return self._expire(order) if order.is_reminded else self._remind(order)

    def _remind(self, order: Order) -> bool:
        gap = timedelta(0)
        if order.expires:
            # Whoever was away when it was time to remind them has as long as ever to see to it.
            gap = min(timedelta(days=1), (order.expires - order.at) / 2)
        until = max(order.expires, self.now + gap) if order.expires else None
        waited = f"{max(1, (self.now - order.at).days)} 天"
        ends = f"，{self.say(until)} 自动退积分" if until else ""
        text = f"⏰ 订单 {order.number}（{order.name}，{name_of(self.stores, order.member)}）已经等了 {waited}{ends}。{_how(order.number)}"
        post = self._to_admins(text, f"{order.number}:reminded", order.member, card=self.card(order, "等待处理", "reminded"))
        done = self.stores.orders.settle(
            self.community.keys, order, "reminded", self.now, today=self.today, next_step=until, deliveries=post, once=""
        )  # fmt: skip
        return done.done

    def _expire(self, order: Order) -> bool:
        who = name_of(self.stores, order.member)
        post = self._to_admins(
            f"订单 {order.number}（{order.name}，{who}）超时没有处理，积分已自动退回。", f"{order.number}:expired", order.member
        )
        done = self.stores.orders.settle(self.community.keys, order, "expired", self.now, today=self.today, deliveries=post, once="")
        if done.done:
            words = f"抱歉，你兑换的“{order.name}”（订单 {order.number}）一直没有发出，{order.price} 积分已退回，现有 {done.balance} 积分。"
            tell(self.stores, self.config, self.community, order.member, words, self.now, id=self._id(f"{order.number}:expired:member"))
        return done.done

    # What people read -----------------------------------------------------------------------------------------------------

    def say(self, moment: datetime) -> str:
        """A moment as people of the community say it: 3 月 12 日 09:00."""
        at = moment.astimezone(self.community.zone)
        return f"{at.month} 月 {at.day} 日 {at:%H:%M}"

    def card(self, order: Order, head: str, tag: str) -> ButtonInteraction:
        """An order that waits as a card for operators."""
        key = f"order:{self.community.id}:{order.number}"
        return ButtonInteraction(
            title=f"订单 {order.number} · {head}",
            desc=f"{order.name}（{order.price} 积分）",
            sub_title=_how(order.number),
            facts=(
                Fact("成员", name_of(self.stores, order.member)),
                Fact("时间", self.say(order.at)),
                Fact("社群", self.community.name),
            ),
            buttons=(Button("完成", f"{key}:done", style=1), Button("退款", f"{key}:refund", style=2)),
            task=task_of("order", self.community.id, str(order.number), tag),
        )

    # Inside ---------------------------------------------------------------------------------------------------------------

    def _refusal(self, item: Item, seen_price: int) -> str:
        if not item.is_offered_in(self.community.id) or not item.is_open(self.today):
            return "closed"
        return "" if item.price == seen_price else "price"

    def _tell_of_new(self, order: Order) -> None:
        number, who = order.number, name_of(self.stores, order.member)
        text = f"🛒 新订单 {number}：{order.name}（{who}，{order.price} 积分）。{_how(number)}"
        post = self._to_admins(text, f"{number}:new", order.member, card=self.card(order, "新订单", "new"))
        self.stores.outbox.enqueue(self.community.shard, post, to_ms(self.now))

    def _by_operator(self, order: Order, act: Settling, said: str, actor: Actor, words: str, *, once: str) -> Settled:
        settled = self.stores.orders.settle(
            self.community.keys, order, act, self.now, today=self.today, actor=actor.member, words=words[:LONGEST_WORDS], once=once
        )  # fmt: skip
        if settled.done:
            subject = f"订单 {order.number}（成员 {order.member}）"
            before, after = STATES[settled.was], STATES[settled.order.state]
            self.stores.audit.record(self.community.id, actor.id, said, subject, before, after, self.now, once=once)
        return settled

    def _audit(self, actor: Actor, act: str, item: Item, before: str, after: str, once: str) -> None:
        subject = f"商品 {item.id}（{item.name}）"
        self.stores.audit.record(self.community.id, actor.id, act, subject, f"{before} 件", f"{after} 件", self.now, once=once)

    def _to_admins(self, text: str, tag: str, about: int, *, card: ButtonInteraction | None = None) -> tuple[Delivery, ...]:
        """What those hear who hand things over."""
        id, now_ms = self._id(tag), to_ms(self.now)
        return to_staff(self.stores, self.config, self.community, text, id=id, now_ms=now_ms, card=card, about=(about,))

    def _id(self, tag: str) -> str:
        return f"order:{self.community.id}:{tag}"


def ring_due(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Recalls and gives back what is due of every community's orders; gives how many. Any number of processes may ring, each act is done once."""
    done = 0
    for where, number in stores.orders.due(now):
        try:
            done += ShopDesk(stores, config, contents.shop, contents.levels, communities.named(where.id), now).step(number)
        except StorageAway:
            raise
        except Exception as error:
            # One order that cannot be read must not stop the clock of all others.
            log.error("order failed", community=where.id, order=number, error=type(error).__name__, exc_info=True)
            stores.orders.step_later(where, number, now + PUT_OFF)
    if done:
        log.info("orders stepped", n=done)
    return done


def supply_of(item: Item) -> Supply:
    """Where an item comes from."""
    if item.kind == "code":
        return "codes"
    return "counted" if item.is_counted else "free"


def read_codes(lines: Sequence[str]) -> list[str]:
    """Codes, one a line, without blank lines and doubles. Raises UserError, naming the line, where one is no code."""
    codes: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        code = line.strip().strip("\ufeff")
        if len(code) > LONGEST_CODE or any(not char.isprintable() for char in code):
            raise UserError(f"第 {number} 行不像兑换码：最多 {LONGEST_CODE} 个字，不含特殊字符。一行写一个。")
        if code:
            codes[code] = None
    if len(codes) > MOST_CODES:
        raise UserError(f"一次最多加 {MOST_CODES} 个兑换码，请分几次。")
    return list(codes)


def why_not(bought: Bought, item: Item, levels: Mapping[str, int], level: Level | None) -> str:
    """Why an exchange was refused, for its member. ``levels``: level id → its number."""
    number = f"等级 {levels[level.id]}（{level.name}）" if level and level.id in levels else ""
    return {
        "short": f"积分不足，还差 {bought.n} 分：“{item.name}”要 {item.price} 积分，你有 {bought.balance}。",
        "level": f"“{item.name}”需要{number}，再攒 {bought.n} 分就到了。" if number else f"“{item.name}”的等级门槛写错了，请告诉管理员。",
        "ever": f"“{item.name}”每人限 {bought.n} 件，你已经换过了。",
        "day": f"“{item.name}”每人每天限 {bought.n} 件，明天再来。",
        "all_day": f"“{item.name}”今天的已经换完，明天再来。",
        "gone": f"“{item.name}”已经换完了，补货后再来。",
        "price": f"“{item.name}”的价格刚刚改成了 {item.price} 积分，没有扣你的积分。",
        "closed": f"“{item.name}”现在不能兑换。说“商城”看还有什么。",
    }[bought.why]


def _how(number: int) -> str:
    return f"处理好了说“订单 {number} 完成 单号”，发不了说“订单 {number} 退款 理由”。"
