"""健康: the lights of a community, for those who look after it."""

from __future__ import annotations

from bot.context import Context
from bot.health_desk import health_words
from bot.message import Message, Reply
from bot.numbers import numbers_for
from bot.router import Router

router = Router()


@router.command("健康", "健康灯", "社群健康", role="viewer", private=True, is_common=True)
def show_health(message: Message, ctx: Context) -> Reply:
    """健康：社群哪里不好、为什么、可以怎么做；没有数据的指标缺什么"""
    return Reply(health_words(ctx.community, numbers_for(ctx).lights(ctx.community)))
