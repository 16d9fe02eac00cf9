"""商城: what there is to exchange points for, and the orders that wait for somebody."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import Role
from bot.private import tell
from bot.shop_desk import LONGEST_WORDS, MOST_CODES, STATES, ShopDesk, read_codes
from console.asked import fresh_once, number_of, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from handlers.orders import why_kept, words_of_settling
from rules.shop import Item
from storage.orders import Order
from storage.shop import MOST_IN_STOCK

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
PAGE = 20
FEW = 5
"""With so few left an item is marked."""
KINDS = {"manual": "由人发货", "code": "自动发兑换码", "makeup_card": "补签卡，自动到账"}
LARGEST = 10**9
"""No order number is larger."""


class ShopPages:
    """The pages of 商城 and 订单."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, str], ...] = (
            ("shop", "shop", self.listed, VIEWER, "GET"),
            ("shop/stock", "shop_stock", self.restock, OPERATOR, "POST"),
            ("shop/codes", "shop_codes", self.add_codes, OPERATOR, "POST"),
            ("orders", "orders", self.orders, VIEWER, "GET"),
            ("orders/<int:number>", "order", self.show, VIEWER, "GET"),
            ("orders/<int:number>/settle", "order_settle", self.settle, OPERATOR, "POST"),
        )
        for path, name, view, role, method in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=[method])

    # Items --------------------------------------------------------------------------------------------------------------

    def listed(self, community: Community) -> str:
        """The items, with what there is of each."""
        return self._items(community)

    def _items(self, community: Community, problem: str = "", of: str = "") -> str:
        desk = self._desk(community)
        offers = desk.offers(items=desk.shop.of(community.id))
        return render_template(
            "shop.html", offers=offers, kinds=KINDS, today=desk.today, few=FEW, waiting=self._parts.stores.orders.count_waiting(community.keys),
            once=fresh_once(), problem=problem, of=of,
            added=number_of("n", 0, MOST_CODES), doubled=number_of("doubled", 0, MOST_CODES), may_share=self._parts.office(community).may_share,
        )  # fmt: skip

    def restock(self, community: Community) -> Any:
        """Adds to an item's stock, or takes away."""
        item, once, number = self._item(community), once_of(), re.fullmatch(r"[+＋]?(-?\d{1,8})", request.form.get("n", "").strip())
        try:
            if number is None or not 0 < abs(int(number[1])) <= MOST_IN_STOCK:
                raise UserError("数量请写一个整数，例如：10；减少就写 -3")
            self._desk(community).restock(item, int(number[1]), visitor().actor(community.id), once=once)
        except UserError as problem:
            return self._items(community, str(problem), item.id), 400
        return self._to_shop(community, "restocked")

    def add_codes(self, community: Community) -> Any:
        """Puts codes to an item; nobody is ever shown them here again."""
        item, once = self._item(community), once_of()
        try:
            codes = read_codes(request.form.get("codes", "").splitlines())
            if not codes:
                raise UserError("请贴上兑换码，一行一个。")
            added = self._desk(community).add_codes(item, codes, visitor().actor(community.id), once=once)
        except UserError as problem:
            return self._items(community, str(problem), item.id), 400
        return self._to_shop(community, "codes_added", n=added.new, doubled=added.doubled or None)

    # Orders -------------------------------------------------------------------------------------------------------------

    def orders(self, community: Community) -> str:
        """The orders that wait, the oldest first; or all, the newest first."""
        store, where, page = self._parts.stores.orders, community.keys, page_of()
        shows_all, skip = request.args.get("only") == "all", (page_of() - 1) * PAGE
        waiting = store.count_waiting(where)
        if shows_all:
            total, found = store.newest(where, PAGE, skip=skip)
        else:
            total, found = waiting, store.waiting(where, PAGE, skip=skip)
        return render_template(
            "orders.html", orders=found, names=self._names(found), states=STATES, waiting=waiting, shows_all=shows_all, page=page,
            total=total, has_more=skip + PAGE < total,
        )  # fmt: skip

    def show(self, community: Community, number: int) -> str:
        """One order."""
        return self._order(community, number)

    def _order(self, community: Community, number: int, problem: str = "") -> str:
        order = self._parts.stores.orders.find(community.keys, number) if 0 < number < LARGEST else None
        if order is None:
            abort(404)
        is_known = self._parts.stores.directory.find_user(order.member) is not None  # else he was erased, and his page with him
        return render_template(
            "order.html", order=order, names=self._names([order]), is_known=is_known, states=STATES, kinds=KINDS, once=fresh_once(), problem=problem,
            typed=request.form, most=LONGEST_WORDS,
        )  # fmt: skip

    def settle(self, community: Community, number: int) -> Any:
        """Notes that an order was handed over, or gives back what it cost; its member is told."""
        act, once, desk, actor = request.form.get("act", ""), once_of(), self._desk(community), visitor().actor(community.id)
        if act not in ("done", "refund"):
            abort(400)
        try:
            words = words_of("words", LONGEST_WORDS, wanted="" if act == "done" else "请写上理由，成员会看到，例如：缺货")
            if act == "done":
                settled = desk.complete(number, actor, words, once=once)
            else:
                settled = desk.refund(number, actor, words, once=once, seen="done" if request.form.get("seen") == "done" else "waiting")
        except UserError as problem:
            return self._order(community, number, str(problem)), 400
        order = settled.order
        if not settled.done:
            why = why_kept(order) if settled.why == "given" else f"这个订单{STATES[order.state]}，这次没有改动。"
            return self._order(community, number, why), 409
        told, id = words_of_settling(settled, words), f"order:{community.id}:{number}:{order.state}:member"
        tell(self._parts.stores, self._parts.config, community, order.member, told, desk.now, id=id)
        said = "order_done" if act == "done" else "order_refunded"
        return redirect(url_for("console.order", place=community.id, number=number, said=said), 303)

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _desk(self, community: Community) -> ShopDesk:
        contents = self._parts.live.current
        return ShopDesk(self._parts.stores, self._parts.config, contents.shop, contents.levels, community, self._parts.clock())

    def _item(self, community: Community) -> Item:
        item = self._parts.live.current.shop.find(request.form.get("item", "")[:64])
        return item if item and item.is_offered_in(community.id) else abort(404)

    def _names(self, orders: list[Order]) -> dict[int, str]:
        numbers = list({number for order in orders for number in (order.member, order.by) if number})
        return {number: name or f"成员 {number}" for number, name in self._parts.stores.directory.find_names(numbers).items()}

    def _to_shop(self, community: Community, said: str, **more: Any) -> BaseResponse:
        return redirect(url_for("console.shop", place=community.id, said=said, **more), 303)
