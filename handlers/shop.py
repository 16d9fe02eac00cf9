"""商城: what points can be exchanged for, and the exchange. Operators fill the shelves here: stock and codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.cards import Button, ButtonInteraction, Link, TextNotice, task_of
from bot.context import Context
from bot.deliveries import to_member
from bot.errors import UserError
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.praise import praise
from bot.router import Router
from bot.shop_desk import Offer, ShopDesk, read_codes, why_not
from rules.badges import Facts
from rules.questions import is_question
from rules.shop import Item
from rules.text import normalise
from storage.ledger import digest_of
from storage.orders import Bought, Order
from storage.shop import MOST_IN_STOCK

LIST = "shop"
MOST_LISTED = 30
MOST_BUTTONS = 6
FEW_CODES = 5
"""With so few codes left the stocktaking says so."""
_YES = frozenset({"换", "换吧", "要换", "确定", "确认", "是", "是的", "好", "好的", "可以", "要"})
_NO = frozenset({"不换", "不换了", "取消", "不要", "不要了", "算了", "算了吧", "不", "不了", "否", "不用了", "先不换", "先不换了"})
_CODES = re.compile(r"(?s)\s*\S+\s+\S+[ \t　]+([^\n]+)\n(.*)")
"""商城 加码 商品, and the codes on the lines below."""
STOCK_USAGE = "写法是：商城 补货 商品 数量，例如：商城 补货 纪念 T 恤 10（减少就写 -3）"
CODES_USAGE = "写法是：第一行“商城 加码 商品”，下面一行一个兑换码，例如：\n商城 加码 咖啡兑换码\nABCD-1234\nEFGH-5678"
NOT_DONE = "好的，没有兑换，积分没有动。"
BUY_USAGE = "想换什么？写法是：兑换 编号，或：兑换 商品名，例如：兑换 1。说“商城”看有什么。"

router = Router()


def _asks_about(words: str) -> bool:
    """Whether words behind a command ask about the shop, and name nothing in it. A code may end as a question does."""
    return not words.startswith(("加码 ", "加兑换码 ")) and (is_question(words) or words.endswith(("规则", "说明", "流程", "教程", "方法")))


# Words may follow the plain names only: 商店 几点开门 and 我要换 手机号 are questions that others ask.
@router.command("商城", "积分商城", takes_words=True, is_secret=True, unless=_asks_about)
@router.command("商店", "积分商店", "兑换商城", "兑换中心", "积分兑换", "礼品", "可以换什么", "能换什么", is_hidden=True, is_secret=True)
def shop(message: Message, ctx: Context) -> Reply:
    """商城：积分能换什么；商城 编号 看一件；运营：商城 盘点、商城 补货 商品 数量、商城 加码 商品"""
    words = ctx.args
    if words and words[0] in _OFFICE:
        if not may(ctx.role, "operator"):
            raise UserError("这个命令只有运营可以用。说“商城”看可以换什么。")
        if not (message.is_private or ctx.in_admin_group):
            raise UserError("这里人多，请私聊我再说一次。")
        return _OFFICE[words[0]](message, ctx)
    return _details(" ".join(words), ctx) if words else _list(message, ctx)


@router.pattern(
    r"(?:(?:给|往|在|向)?(?:积分|兑换)?(?:商城|商店|中心|礼品)里?|\S{0,30}[码券卡])?[\s:,、。-]*"
    r"(?:加|添加|增加|导入|补充?)(?:几个|一些|新的?)?(?:兑换)?码(?:[\s:,、。].*)?",
    name="商城 加码", is_secret=True,
)  # fmt: skip
def codes_mistyped(message: Message, ctx: Context) -> Reply:
    """商城：加码写错了一点，里面可能有兑换码"""
    if may(ctx.role, "operator") and not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，请私聊我再说一次。")
    raise UserError(CODES_USAGE if may(ctx.role, "operator") else "这个命令只有运营可以用。说“商城”看可以换什么。")


@router.command("兑换", "我要兑换", takes_words=True, unless=_asks_about)
@router.command("我要换", "换购", "积分换", is_hidden=True)
def exchange(message: Message, ctx: Context) -> list[Reply]:
    """兑换 编号/商品名：用积分换商城里的一件"""
    if not ctx.args:
        raise UserError(BUY_USAGE)
    return _wanted(" ".join(ctx.args), message, ctx)


@router.pattern(r"(?:我要)?兑换\s*[:：]?\s*(\d{1,3})", name="兑换1")
def exchange_number(message: Message, ctx: Context) -> list[Reply]:
    """兑换：编号和命令写在一起"""
    return _wanted(ctx.args[0], message, ctx)


@router.prompt("shop")
def choose(message: Message, ctx: Context) -> list[Reply]:
    """商城：用数字选一件"""
    return _exchange(_read_choice(ctx.args[0], message), message, ctx)


@router.prompt("shop sure")
def confirm(message: Message, ctx: Context) -> list[Reply]:
    """商城：用数字确认"""
    return _confirmed(ctx.args[0], message, ctx)


@router.open_prompt("shop sure", lambda words, choices: _said(words) in _YES | _NO)
def confirm_in_words(message: Message, ctx: Context) -> list[Reply]:
    """商城：用“换”“不换”“取消”确认"""
    words, yes, *_ = ctx.args
    return _confirmed(yes if _said(words) in _YES else "", message, ctx)


@router.card("shop")
def click(message: Message, ctx: Context) -> list[Reply]:
    """商城卡片：点按钮兑换"""
    if len(ctx.args) < 3 or ctx.args[0] != ctx.community.id or not ctx.args[2].isdecimal():
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“商城”。")
    id, price, sure, name = (*ctx.args[1:], "", "")[:4]
    item = ctx.contents.shop.find(id)
    row = f"{id} {price} {name}" if name else f"{id} {price}"
    said = [Reply(NOT_DONE)] if sure == "no" else _exchange(_read_choice(row, message), message, ctx, is_sure=sure == "yes")
    head, *rest = said
    if head.prompt and item:
        face: ButtonInteraction | TextNotice = _question(item, head.text, message, ctx)
    else:
        face = TextNotice(title="积分商城", sub_title=head.text, action=Link(ctx.config.server.home))
    return [Reply(head.text, update_card=face, prompt=head.prompt, note=head.note, counts=head.counts), *rest]


# Looking ------------------------------------------------------------------------------------------------------------------


def _desk(ctx: Context) -> ShopDesk:
    return ShopDesk(ctx.stores, ctx.config, ctx.contents.shop, ctx.contents.levels, ctx.community, ctx.now())


def _list(message: Message, ctx: Context) -> Reply:
    desk = _desk(ctx)
    offers = desk.offers(ctx.member)[:MOST_LISTED]
    if not offers:
        return Reply("商城还没有上架商品，过些天再来看看。")
    balance = ctx.stores.points.balance(ctx.community.keys, ctx.member)
    earned = ctx.stores.points.earned(ctx.community.keys, ctx.member)
    rows = tuple(f"{offer.item.id} {offer.item.price}" for offer in offers)  # also for 兑换 1, which may be said again and again
    ctx.stores.listings.keep(ctx.community.keys, ctx.member, LIST, rows)
    lines = [f"{n}. {_line(offer, balance, earned, ctx)}" for n, offer in enumerate(offers, 1)]
    text = f"积分商城，你有 {balance} 积分：\n" + "\n".join(lines) + "\n回复数字，或说“兑换 1”；说“商城 1”看介绍。"
    # A card that somebody clicked in a group would turn into his receipt before everybody's eyes.
    card = _card(offers, balance, message, ctx) if message.is_private and len(offers) <= MOST_BUTTONS else None
    return Reply(text, card=card, keeps_text=True, prompt=_choices(rows, message), note={"shop": len(offers)})


def _line(offer: Offer, balance: int, earned: int, ctx: Context) -> str:
    item, shelf = offer.item, offer.shelf
    left = "" if shelf.left is None else f" · 剩 {shelf.left} 件"
    return f"{item.name} · {item.price} 积分{left}{_hint(offer, balance, earned, ctx)}"


def _hint(offer: Offer, balance: int, earned: int, ctx: Context) -> str:
    """What keeps a member from an item, the first thing only; '' where nothing does."""
    item, shelf, level = offer.item, offer.shelf, offer.level
    if level and earned < level.at:
        return f" · 需要等级 {ctx.contents.levels.number(level)}（再攒 {level.at - earned} 分）"
    if shelf.left == 0:
        return " · 已换完"
    if item.per_member and shelf.mine >= item.per_member:
        return f" · 每人限 {item.per_member} 件，你换过了"
    if (item.per_member_day and shelf.mine_today >= item.per_member_day) or (item.per_day and shelf.today >= item.per_day):
        return " · 今天的换完了"
    return f" · 还差 {item.price - balance} 分" if balance < item.price else ""


def _card(offers: list[Offer], balance: int, message: Message, ctx: Context) -> ButtonInteraction:
    key, name = f"shop:{ctx.community.id}", digest_of(message.id)
    return ButtonInteraction(
        title="积分商城",
        desc=f"你有 {balance} 积分",
        sub_title="点一下就兑换。",
        buttons=tuple(Button(f"{n} {o.item.name}", f"{key}:{o.item.id}:{o.item.price}:one:{name}") for n, o in enumerate(offers, 1)),
        task=task_of("shop", message.id),
    )


def _details(words: str, ctx: Context) -> Reply:
    desk = _desk(ctx)
    row = ctx.stores.listings.find(ctx.community.keys, ctx.member, LIST, int(words)) if words.isdecimal() and len(words) < 4 else None
    by_row = ctx.contents.shop.find(row.partition(" ")[0]) if row else _numbered(words, ctx)
    found = (by_row,) if by_row else ctx.contents.shop.named(ctx.community.id, words)
    if len(found) != 1:
        raise UserError(f"商城里没有“{words[:30]}”。说“商城”看有什么，例如再说：商城 1")
    [offer] = desk.offers(ctx.member, items=found)
    item = offer.item
    balance = ctx.stores.points.balance(ctx.community.keys, ctx.member)
    earned = ctx.stores.points.earned(ctx.community.keys, ctx.member)
    limits = [
        *([f"每人限 {item.per_member} 件"] if item.per_member else []),
        *([f"每人每天 {item.per_member_day} 件"] if item.per_member_day else []),
        *([f"每天共 {item.per_day} 件"] if item.per_day else []),
        *([f"{item.ends.month} 月 {item.ends.day} 日止"] if item.ends else []),
    ]
    lines = [f"**{_line(offer, balance, earned, ctx)}**", item.description, "，".join(limits), f"要换请说：兑换 {item.name}"]
    return Reply("\n".join(filter(None, lines)), image=item.image, markdown=True, note={"item": item.id})


# Exchanging ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants: an item's id, the price that he saw, and the name of the exchange: what has the same name is done once."""

    item: str
    price: int
    once: str


def _read_choice(row: str, message: Message) -> Choice:
    """A choice as a list or a question keeps it; one that has no name is named by the message."""
    id, price, *name = row.split(" ")
    return Choice(id, int(price), f"{name[0]}:{id}" if name else message.id)


def _choices(rows: Sequence[str], message: Message) -> Prompt:
    """A list whose every number is one exchange, however often it is said before the answer is seen."""
    return Prompt("shop", tuple(f"{row} {digest_of(message.id)}" for row in rows))


def _wanted(words: str, message: Message, ctx: Context) -> list[Reply]:
    """What is meant by 兑换 …: a number of the list that he was shown, else a name."""
    if words.isdecimal() and len(words) < 4:
        if row := ctx.stores.listings.find(ctx.community.keys, ctx.member, LIST, int(words)):
            return _exchange(_read_choice(row, message), message, ctx)
        if item := _numbered(words, ctx):
            return [_ask(item, "", message, ctx)]  # he may have read it off somebody else's list
    found = ctx.contents.shop.named(ctx.community.id, words)
    if not found:
        return _gone(message.id, message, ctx, f"商城里没有“{words[:30]}”。说“商城”看有什么，例如再说：兑换 1")
    if len(found) > 1:
        lines = [f"{n}. {item.name}（{item.price} 积分）" for n, item in enumerate(found[:9], 1)]
        rows = [f"{item.id} {item.price}" for item in found[:9]]
        return [Reply("是哪一件？回复数字：\n" + "\n".join(lines), prompt=_choices(rows, message))]
    choice = Choice(found[0].id, found[0].price, message.id)
    return _exchange(choice, message, ctx, asks=not found[0].is_called(words))  # of a part of a name he may have meant something else


def _numbered(words: str, ctx: Context) -> Item | None:
    """The item that has this number in the list as it would be shown now."""
    offered = ctx.contents.shop.offered(ctx.community.id, ctx.today())[:MOST_LISTED]
    return offered[int(words) - 1] if words.isdecimal() and len(words) < 4 and 0 < int(words) <= len(offered) else None


def _confirmed(row: str, message: Message, ctx: Context) -> list[Reply]:
    """The answer to 换吗: the choice that it named, '' for no."""
    return _exchange(_read_choice(row, message), message, ctx, is_sure=True) if row else [Reply(NOT_DONE)]


def _exchange(choice: Choice, message: Message, ctx: Context, *, asks: bool = False, is_sure: bool = False) -> list[Reply]:
    """Exchanges what was chosen; asks before where it is dear, or where ``asks``, and nobody ``is_sure`` yet."""
    item = ctx.contents.shop.find(choice.item)
    if item is None:
        return _gone(choice.once, message, ctx)
    if is_sure or not (asks or ctx.contents.shop.confirms(item)):
        return _buy(item, choice, message, ctx)
    if why := _why_not_now(item, ctx):
        return [Reply(f"“{item.name}”（{item.price} 积分）现在换不了：{why}。", note={"item": item.id, "shop": "not now"})]
    changed = f"价格刚刚从 {choice.price} 改成了 {item.price} 积分。" if choice.price != item.price else ""
    return [_ask(item, changed, message, ctx)]


def _why_not_now(item: Item, ctx: Context) -> str:
    """What stands in the way as it looks before asking; '' where nothing does. The act decides, whatever was seen."""
    [offer] = _desk(ctx).offers(ctx.member, items=(item,))
    if not item.is_open(ctx.today()):
        return "不在兑换日期内"
    balance = ctx.stores.points.balance(ctx.community.keys, ctx.member)
    return _hint(offer, balance, ctx.stores.points.earned(ctx.community.keys, ctx.member), ctx).removeprefix(" · ")


def _ask(item: Item, before: str, message: Message, ctx: Context) -> Reply:
    """The question before an exchange. The exchange has the question's name, so its answer counts once: typed, typed again, or by the button."""
    balance = ctx.stores.points.balance(ctx.community.keys, ctx.member)
    text = f"{before}用 {item.price} 积分换“{item.name}”吗？你有 {balance} 积分。\n1. 换\n2. 不换"
    choices = (f"{item.id} {item.price} {digest_of(message.id)}", "")
    return Reply(text, prompt=Prompt("shop sure", choices), note={"item": item.id, "shop": "asks"})


def _question(item: Item, text: str, message: Message, ctx: Context) -> ButtonInteraction:
    key = f"shop:{ctx.community.id}:{item.id}:{item.price}"
    return ButtonInteraction(
        title=item.name,
        sub_title=text.partition("\n")[0],
        buttons=(Button("换", f"{key}:yes:{digest_of(message.id)}"), Button("不换", f"{key}:no", style=2)),
        task=task_of("shop", message.id, "sure"),
    )


def _said(words: str) -> str:
    return normalise(words).strip(" 。.!,~、;")


def _buy(item: Item, choice: Choice, message: Message, ctx: Context) -> list[Reply]:
    bought, order = _desk(ctx).buy(ctx.member, item, choice.price, once=choice.once)
    if order is not None:
        return _bought(bought, order, message, ctx)
    if bought.why == "price":
        return [_ask(item, f"价格刚刚从 {choice.price} 改成了 {item.price} 积分。", message, ctx)]
    levels = ctx.contents.levels
    numbers = {level.id: levels.number(level) for level in levels.steps}
    return [Reply(why_not(bought, item, numbers, levels.find(item.min_level)), note={"item": item.id, "refused": bought.why})]


def _bought(bought: Bought, order: Order, message: Message, ctx: Context) -> list[Reply]:
    head = f"换到了“{order.name}”，花了 {order.price} 积分，还剩 {bought.balance} 积分。"
    note, counts = {"order": order.number, "item": order.item}, ("orders",)
    praised = praise(ctx, Facts(orders=bought.count - 1), Facts(orders=bought.count), once=message.id) if bought.count else []
    if order.kind == "code":
        return [*_with_code(head, bought.code, order, message, ctx), *praised]
    then = {
        "manual": f"订单 {order.number} 已交给管理员，处理好会私聊告诉你；不要了说“取消订单 {order.number}”。",
        "makeup_card": "补签卡已到账，补签请说“补签”。",
    }[order.kind]
    return [Reply(head + then, note=note, counts=counts), *praised]


def _with_code(head: str, code: str, order: Order, message: Message, ctx: Context) -> list[Reply]:
    """A code is said to its member alone; where no way leads to him, he is told how to ask for it."""
    note, counts = {"order": order.number, "item": order.item}, ("orders",)
    private = f"“{order.name}”的兑换码（订单 {order.number}）：{code}\n以后说“我的订单”可以再看。"
    if message.is_private and message.event is None:  # a card that turns into a receipt is too short for it
        return [Reply(f"{head}\n{private}", note=note, counts=counts, is_secret=True)]
    if to_member(ctx.config, ctx.member, "", user=message.user, id="", community=ctx.community.id, message="", now_ms=0) is None:
        return [Reply(f"{head}兑换码请私聊我说“我的订单”查看。", note=note, counts=counts)]
    return [Reply(f"{head}兑换码已私聊发给你。", note=note, counts=counts), Reply(private, to=ctx.member, is_secret=True)]


def _gone(
    once: str, message: Message, ctx: Context, otherwise: str = "这件商品已经下架了，没有扣你的积分。说“商城”看还有什么。"
) -> list[Reply]:
    """There is no such item now; but a repeat of an exchange may have had it when it came first."""
    number = ctx.stores.orders.find_bought(ctx.community.keys, ctx.now(), ctx.today(), once=once)
    if not number:
        raise UserError(otherwise)
    order = _desk(ctx).see_to(number)
    code = ctx.stores.orders.codes_of(ctx.community.keys, [order]).get(number, "")
    return _bought(Bought(number, ctx.stores.points.balance(ctx.community.keys, ctx.member), code=code), order, message, ctx)


# Operators ----------------------------------------------------------------------------------------------------------------


def _take_stock(message: Message, ctx: Context) -> Reply:
    offers = _desk(ctx).offers(items=ctx.contents.shop.of(ctx.community.id))
    waiting = ctx.stores.orders.count_waiting(ctx.community.keys)
    lines = [
        f"• {o.item.name}（{o.item.id}）{o.item.price} 积分：{_stock(o)}，今天换出 {o.shelf.today} 件{_state(o.item, ctx)}" for o in offers
    ]
    return Reply(
        f"{ctx.community.name} · 商城盘点：\n"
        + "\n".join(lines or ["还没有商品，请写在 shop.yaml 里。"])
        + f"\n待处理订单 {waiting} 个，说“订单”查看。"
    )


def _stock(offer: Offer) -> str:
    if offer.shelf.left is None:
        return "不限量"
    if offer.item.kind != "code":
        return f"剩 {offer.shelf.left} 件"
    return f"剩 {offer.shelf.left} 个码" + ("，快没有了" if offer.shelf.left < FEW_CODES else "")


def _state(item: Item, ctx: Context) -> str:
    if item.min_level and ctx.contents.levels.find(item.min_level) is None:
        return f"（没有 {item.min_level} 这个等级，谁也换不了，请改 min_level）"
    return "" if item.is_open(ctx.today()) else "（不在兑换日期内）"


def _restock(message: Message, ctx: Context) -> Reply:
    number = re.fullmatch(r"[+＋]?(-?\d{1,8})(?:件|个)?", ctx.args[-1])
    if len(ctx.args) < 3 or number is None or not int(number[1]) or abs(int(number[1])) > MOST_IN_STOCK:
        raise UserError(STOCK_USAGE)
    item = _item(" ".join(ctx.args[1:-1]), ctx)
    before, after = _desk(ctx).restock(item, int(number[1]), ctx.actor, once=message.id)
    return Reply(f"“{item.name}”库存 {before} → {after} 件。", note={"item": item.id, "stock": after})


def _add_codes(message: Message, ctx: Context) -> Reply:
    found = _CODES.fullmatch(message.text)
    codes = read_codes(found[2].splitlines()) if found else []
    if found is None or not codes:
        raise UserError(CODES_USAGE)
    item = _item(found[1].strip(), ctx, quotes=False)  # what he wrote there may be a code
    added = _desk(ctx).add_codes(item, codes, ctx.actor, once=message.id)
    doubled = f"，{added.doubled} 个以前加过，没有再加" if added.doubled else ""
    return Reply(f"“{item.name}”加了 {added.new} 个兑换码{doubled}，现在有 {added.left} 个。", note={"item": item.id, "codes": added.new})


def _item(words: str, ctx: Context, *, quotes: bool = True) -> Item:
    found = ctx.contents.shop.named(ctx.community.id, words)
    if len(found) == 1:
        return found[0]
    names = "、".join(item.name for item in (found or ctx.contents.shop.of(ctx.community.id))[:20])
    said = f"{'有几件商品都像' if found else '没有商品'}“{words[:30]}”" if quotes else "第一行写的不是一件商品"
    raise UserError(f"{said}，请写全名或 id：{names or '还没有商品'}")


_OFFICE = {
    "盘点": _take_stock, "库存": _take_stock, "补货": _restock, "进货": _restock, "加货": _restock, "加码": _add_codes,
    "加兑换码": _add_codes,
}  # fmt: skip
