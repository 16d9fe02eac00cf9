"""订单: what members exchanged, for themselves (我的订单) and for the operators who hand it over (订单)."""

from __future__ import annotations

import re
from functools import partial

from bot.cards import Fact, Link, TextNotice
from bot.context import Context
from bot.errors import UserError
from bot.members import called, name_of
from bot.message import Message, Reply
from bot.permissions import may
from bot.router import Router
from bot.shop_desk import LONGEST_WORDS, STATES, ShopDesk
from rules.numerals import whole
from rules.questions import is_question
from storage.orders import Order, Settled

PAGE = 10
USAGE = "写法是：订单 编号 完成 单号，或：订单 编号 退款 理由，例如：订单 12 完成 顺丰 SF123、订单 12 退款 缺货"
CANCEL_USAGE = "写法是：取消订单 编号，例如：取消订单 12。编号说“我的订单”看。"
NO_ORDERS = "还没有订单。说“商城”看积分能换什么。"
NUMBERED = r"[#＃]?(\d{1,9})"
_TO_ORDER = re.compile(rf"(?s)\s*(?:订单|处理订单)\s*{NUMBERED}\s*[：:，,]?\s*(.*)")
_DONE = re.compile(
    r"""(?sx)(?:已?完成|已?发货|发了|搞定)
    (?: [\s：:，,]+(.*) | ([0-9A-Za-z].*|[\u4e00-\u9fff]{1,6}\s*[A-Za-z]*[0-9]{4}.*) )?"""
)
"""完成 SF123, 完成，SF123, 完成SF123, 完成顺丰SF123; but not 完成不了."""
_REFUND = re.compile(r"""(?sx)(?:退款|退积分|退回|退(?=[\s：:，,]|$)) (?: [\s：:，,]+(.*) | ([^了不没吗中到什].*) )?""")
"""退款 缺货, 退款：缺货, 退款缺货; but not 退款不了."""

router = Router()


# Members ------------------------------------------------------------------------------------------------------------------


@router.command("我的订单", takes_words=True, unless=is_question)
@router.command("我的兑换", "兑换记录", "我的兑换码", "我的奖品", is_hidden=True)
def mine(message: Message, ctx: Context) -> Reply:
    """我的订单：换过什么、到哪一步；私聊里能看兑换码"""
    page = whole(ctx.args[0], 999) if ctx.args else None
    return _mine(page or 1, message, ctx)


@router.command("取消订单", "取消兑换", takes_words=True, is_hidden=True)
def cancel(message: Message, ctx: Context) -> Reply:
    """取消订单 编号：还没处理的可以取消，积分退回"""
    number = re.fullmatch(NUMBERED, "".join(ctx.args)) if ctx.args else None
    if ctx.args and number is None:
        raise UserError(CANCEL_USAGE)
    return _cancel(int(number[1]) if number else _only_waiting(ctx), message, ctx)


@router.pattern(rf"取消(?:订单|兑换)\s*{NUMBERED}", name="取消订单1")
def cancel_glued(message: Message, ctx: Context) -> Reply:
    """取消订单：编号和命令写在一起"""
    return _cancel(int(ctx.args[0]), message, ctx)


# Operators ----------------------------------------------------------------------------------------------------------------


@router.command("订单", "处理订单", takes_words=True, unless=is_question)
@router.command("订单列表", "待发货", is_hidden=True)
def orders(message: Message, ctx: Context) -> list[Reply]:
    """订单：我的订单；运营看等待处理的，说“订单 编号 完成 单号”或“订单 编号 退款 理由”"""
    if not may(ctx.role, "operator") or not (message.is_private or ctx.in_admin_group):
        return [_own(message, ctx)]
    return _one(message, ctx) if ctx.args and not _is_page(ctx.args) else [_queue(ctx)]


@router.pattern(rf"(?s)订单{NUMBERED}(?:[\s：:，,]*(?:已?完成|已?发货|发了|搞定|退).*)?", name="订单1")
def order_glued(message: Message, ctx: Context) -> list[Reply]:
    """订单：编号和命令写在一起"""
    if not may(ctx.role, "operator") or not (message.is_private or ctx.in_admin_group):
        return [_own(message, ctx)]
    return _one(message, ctx)


@router.card("order", role="operator")
def click(message: Message, ctx: Context) -> list[Reply]:
    """订单卡片：点按钮完成或退款"""
    # Order numbers begin anew in every community.
    if len(ctx.args) != 3 or ctx.args[0] != ctx.community.id or not ctx.args[1].isdecimal() or ctx.args[2] not in ("done", "refund"):
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“订单”。")
    # Such a card is of an order that waited: on one that somebody handed over meanwhile its button does nothing.
    said, *rest = _settle(int(ctx.args[1]), ctx.args[2] == "done", "", message, ctx, seen="waiting")
    face = TextNotice(
        title=f"订单 {ctx.args[1]}", sub_title=said.text, facts=(Fact("处理人", ctx.nickname, user=message.user),),
        action=Link(ctx.config.server.home),
    )  # fmt: skip
    return [Reply(said.text, update_card=face, note=said.note), *rest]


# Inside -------------------------------------------------------------------------------------------------------------------


def _desk(ctx: Context) -> ShopDesk:
    return ShopDesk(ctx.stores, ctx.config, ctx.contents.shop, ctx.contents.levels, ctx.community, ctx.now())


def _mine(page: int, message: Message, ctx: Context) -> Reply:
    found = ctx.stores.orders.of_member(ctx.community.keys, ctx.member, PAGE + 1, skip=(page - 1) * PAGE)
    if not found:
        return Reply(NO_ORDERS if page == 1 else "没有更早的订单了。")
    shown, more = found[:PAGE], f"\n更早的说“我的订单 {page + 1}”。" if len(found) > PAGE else ""
    codes = ctx.stores.orders.codes_of(ctx.community.keys, shown) if message.is_private else {}
    lines = [_line(order, codes.get(order.number, ""), message, ctx) for order in shown]
    return Reply("你的订单：\n" + "\n".join(lines) + more, note={"orders": len(shown)}, is_secret=bool(codes))


def _own(message: Message, ctx: Context) -> Reply:
    """订单 and 订单 12 of somebody who is no operator here."""
    found = _TO_ORDER.fullmatch(message.text)
    if found is None:
        return _mine(1, message, ctx)
    order = _of_member(int(found[1]), ctx)
    if _REFUND.fullmatch(found[2]) and order.waits:
        raise UserError(f"要取消请说：取消订单 {order.number}")
    codes = ctx.stores.orders.codes_of(ctx.community.keys, [order]) if message.is_private else {}
    return Reply(_line(order, codes.get(order.number, ""), message, ctx), is_secret=bool(codes))


def _line(order: Order, code: str, message: Message, ctx: Context) -> str:
    at = order.at.astimezone(ctx.community.zone)
    said = f"订单 {order.number} · {order.name} · {order.price} 积分 · {at:%m-%d %H:%M} · {STATES[order.state]}"
    if order.waits:
        return f"{said}（不要了说“取消订单 {order.number}”）"
    if order.kind == "code":
        return f"{said}，兑换码：{code or '请私聊我说“我的订单”查看'}"
    return f"{said}，备注：{order.words}" if order.words and message.is_private else said


def _of_member(number: int, ctx: Context) -> Order:
    order = ctx.stores.orders.find(ctx.community.keys, number)
    if order is None or order.member != ctx.member:
        raise UserError(f"你没有编号为 {number} 的订单。说“我的订单”看看。")
    return order


def _only_waiting(ctx: Context) -> int:
    """The order that is meant by 取消订单 without a number: the one that waits."""
    waiting = [order for order in ctx.stores.orders.of_member(ctx.community.keys, ctx.member, 100) if order.waits]
    if len(waiting) != 1:
        raise UserError(CANCEL_USAGE if waiting else "你没有等待处理的订单，不用取消。")
    return waiting[0].number


def _cancel(number: int, message: Message, ctx: Context) -> Reply:
    done = _desk(ctx).cancel(_of_member(number, ctx), ctx.member, once=message.id)
    if not done.done:
        return Reply(f"订单 {number} {STATES[done.order.state]}，不能取消了。有问题请说“人工”。", note={"order": number, "late": True})
    text = f"订单 {number}（{done.order.name}）已取消，退回 {done.order.price} 积分，现有 {done.balance} 积分。"
    return Reply(text, note={"order": number, "shop": "cancelled"})


def _is_page(words: tuple[str, ...]) -> bool:
    return words[0].startswith("第") and words[0].endswith("页")


def _queue(ctx: Context) -> Reply:
    page = int(found[1]) if ctx.args and (found := re.fullmatch(r"第(\d{1,4})页", ctx.args[0])) and int(found[1]) else 1
    count = ctx.stores.orders.count_waiting(ctx.community.keys)
    found_orders = ctx.stores.orders.waiting(ctx.community.keys, PAGE, skip=(page - 1) * PAGE)
    if not found_orders:
        return Reply("没有等待处理的订单。" if page == 1 else f"没有第 {page} 页，等待处理的有 {count} 个。")
    desk = _desk(ctx)
    lines = [
        f"{order.number}. {order.name} · {called(ctx.stores, order.member)} · {desk.say(order.at)}"
        + (f"，{desk.say(order.expires)} 自动退款" if order.expires else "")
        for order in found_orders
    ]
    more = f"\n还有 {count - page * PAGE} 个，说“订单 第{page + 1}页”。" if count > page * PAGE else ""
    head = f"{ctx.community.name} · 等待处理的订单 {count} 个，最早的在前："
    return Reply("\n".join([head, *lines]) + f"{more}\n处理：`订单 编号 完成 单号` 或 `订单 编号 退款 理由`")


def _one(message: Message, ctx: Context) -> list[Reply]:
    found = _TO_ORDER.fullmatch(message.text)
    if found is None:
        raise UserError(USAGE)
    number, said = int(found[1]), found[2].rstrip()
    done, refund = _DONE.fullmatch(said), _REFUND.fullmatch(said)
    if not said or is_question(said):  # 订单 12 完成了吗
        return [_show(_desk(ctx).get(number), message, ctx)]
    if done:
        return _settle(number, True, (done[1] or done[2] or "").strip(), message, ctx)
    if refund is None:
        raise UserError(USAGE)
    words = (refund[1] or refund[2] or "").strip()
    if not words:
        raise UserError(f"请写上理由，成员会看到，例如：订单 {number} 退款 缺货")
    return _settle(number, False, words, message, ctx)


def _show(order: Order, message: Message, ctx: Context) -> Reply:
    desk = _desk(ctx)
    if order.waits:
        return Reply(card=desk.card(order, STATES[order.state], message.id), note={"order": order.number})
    by = f"，{name_of(ctx.stores, order.by)}" if order.by else ""
    at = f"（{desk.say(order.ended)}{by}）" if order.ended else ""
    words = f"，备注：{order.words}" if order.words else ""
    who = name_of(ctx.stores, order.member)
    return Reply(
        f"订单 {order.number}：{order.name}，{who}，{order.price} 积分，{STATES[order.state]}{at}{words}", note={"order": order.number}
    )


def _settle(number: int, is_done: bool, words: str, message: Message, ctx: Context, *, seen: str = "") -> list[Reply]:
    if len(words) > LONGEST_WORDS:
        raise UserError(f"备注有 {len(words)} 字，最多 {LONGEST_WORDS} 字，请写短一些。")
    desk = _desk(ctx)
    act = desk.complete if is_done else partial(desk.refund, seen=seen)
    settled = act(number, ctx.actor, words, once=message.id)
    order = settled.order
    if not settled.done:
        return [Reply(_too_late(settled, desk, ctx), note={"order": number, "late": True})]
    who = name_of(ctx.stores, order.member)
    said = f"订单 {number}（{order.name}，{who}）" + ("已完成" if is_done else f"已退款 {order.price} 积分") + "，已私聊告诉他。"
    if settled.was == "done":
        said += f"它之前已经完成，库存没有动；东西收回来了就说“商城 补货 {order.name} 1”。"
    note = {"order": number, "shop": "done" if is_done else "refunded"}
    return [Reply(said, note=note), Reply(words_of_settling(settled, words), to=order.member)]


def words_of_settling(settled: Settled, words: str) -> str:
    """What a member is told when an operator has handed his order over, or given back what it cost; ``words`` are the operator's."""
    order = settled.order
    if order.state == "done":
        return f"你换的“{order.name}”（订单 {order.number}）已处理好。" + (f"备注：{words}" if words else "")
    why = f"理由：{words}。" if words else ""
    if settled.was == "done":
        return f"你换的“{order.name}”（订单 {order.number}）已退款，{order.price} 积分已退回。{why}现有 {settled.balance} 积分。"
    return f"你换的“{order.name}”（订单 {order.number}）没能发出，{order.price} 积分已退回。{why}现有 {settled.balance} 积分。"


def why_kept(order: Order) -> str:
    """Why nothing goes back of an order that was given out by itself, for an operator."""
    what = "兑换码已经发出，他可能用过了" if order.kind == "code" else f"“{order.name}”已经自动到账，他可能用过了"
    return f"订单 {order.number} 不能退款：{what}。要补偿他，请用“发积分”，例如：发积分 @名字 {order.price or 10} 补偿"


def _too_late(settled: Settled, desk: ShopDesk, ctx: Context) -> str:
    order = settled.order
    if settled.why == "given":
        return why_kept(order)
    by = f"，{name_of(ctx.stores, order.by)}" if order.by else ""
    at = f"（{desk.say(order.ended)}{by}）" if order.ended else ""
    return f"订单 {order.number} {STATES[order.state]}{at}，这次没有改动。"
