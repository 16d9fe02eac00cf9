"""免打扰 and 订阅: a member wants no more pushes, or none that sell, or wants them again. What he asks for is answered as before."""

from __future__ import annotations

from bot.communities import Community, listed_community
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.router import Router
from rules.questions import asks
from storage.subscriptions import Wish

MARKETING = frozenset({"营销", "广告", "促销", "推广", "活动"})
ALL = frozenset({"全部", "所有", "推送"})
OFF = "写法是：免打扰（不再单独推送给你），或：免打扰 营销（只停营销的）。要恢复说：订阅"
ON = "写法是：订阅（恢复推送给你），例如：订阅。只想停掉营销的，说：免打扰 营销"
STANDS = {
    "": "推送照常，营销的也会有。不想收，说“免打扰”；只停营销的，说“免打扰 营销”。",
    "marketing": "你已停掉营销推送，其他照常。全都不要，说“免打扰”；要恢复，说“订阅”。",
    "all": "你已停掉所有单独发给你的推送。你问的我照样回答；要恢复，说“订阅”。",
}

router = Router()


def _not_meant(words: str) -> bool:
    return asks(words) or len(words) > 8


@router.command("免打扰", "退订", "不要推送", "取消订阅", takes_words=True, unless=_not_meant)
def opt_out(message: Message, ctx: Context) -> Reply:
    """免打扰：不再单独推送给你；免打扰 营销：只停营销的，提问照常回答"""
    word = " ".join(ctx.args)
    if word and word not in MARKETING | ALL:
        raise UserError(OFF)
    wish: Wish = "marketing" if word in MARKETING else "all"
    if wish == "marketing" and ctx.stores.subscriptions.of(ctx.community.keys, ctx.member) == "all":
        return Reply("你已停掉所有推送，营销的也在里面。只想停营销的：先说“订阅”，再说“免打扰 营销”")
    is_new = _wishes(wish, message, ctx)
    what = "营销推送" if wish == "marketing" else "推送"
    return Reply(
        f"好的，以后不再单独给你发{what}，群里的推送也不再 @ 你。你问的我照样回答。要恢复，说：订阅",
        note={"opt_out": wish}, counts=("opted_out",) if is_new else (),
    )  # fmt: skip


@router.command("订阅", "恢复推送", "恢复订阅", takes_words=True, is_common=True, unless=_not_meant)
def opt_in(message: Message, ctx: Context) -> Reply:
    """订阅：恢复推送给你；订阅 状态：看现在停了什么"""
    word = " ".join(ctx.args)
    if word in ("状态", "设置"):
        return Reply(STANDS[ctx.stores.subscriptions.of(ctx.community.keys, ctx.member)])
    if word and word not in ALL:
        raise UserError(ON)
    is_new = _wishes("", message, ctx)
    return Reply("好的，推送照常给你发。不想收了，说：免打扰", note={"opt_in": True}, counts=("opted_in",) if is_new else ())


def _wishes(wish: Wish, message: Message, ctx: Context) -> bool:
    """Notes a wish: said in a group for its community, said in private for all of them; gives whether it is new here."""
    everywhere = [listed_community(one, ctx.stores.shards) for one in ctx.config.communities] if message.is_private else []
    others: list[Community] = [one for one in everywhere if one.id != ctx.community.id]
    for one in others:
        ctx.stores.subscriptions.set(one.keys, ctx.member, wish, ctx.now(), once=message.id)
    return ctx.stores.subscriptions.set(ctx.community.keys, ctx.member, wish, ctx.now(), once=message.id) != wish
