"""签到 and 我的积分: a reward a day, kept in a double-entry ledger."""

from __future__ import annotations

from bot.context import Context
from bot.message import Message, Reply
from bot.router import Router
from storage.points import CheckIn

REASON = "签到"

router = Router()


@router.command("签到", "打卡", "我要签到", "每日签到", "qd")
def check_in(message: Message, ctx: Context) -> Reply:
    """签到：领取今天的积分"""
    done = ctx.stores.points.check_in(
        ctx.community.keys, ctx.member, ctx.now(), today=ctx.today(), rewards=ctx.contents.rewards, reason=REASON, once=message.id
    )
    return Reply(_phrase(done), note={"fresh": done.is_fresh}, counts=("check_ins",) if done.is_fresh else ())


@router.command("我的积分", "积分", "查积分", "积分查询", "查询积分", "余额")
def show_points(message: Message, ctx: Context) -> Reply:
    """我的积分：看看攒了多少"""
    return Reply(f"你现在有 **{ctx.stores.points.balance(ctx.community.keys, ctx.member)}** 积分。说“积分明细”看来源。")


@router.command("积分明细", "积分记录", "明细")
def show_rows(message: Message, ctx: Context) -> Reply:
    """积分明细：最近十笔，每一分的来源"""
    rows = ctx.stores.points.rows(ctx.community.keys, ctx.member)
    if not rows:
        return Reply("还没有积分记录。说“签到”就有第一笔。")
    lines = [f"{row.at.astimezone(ctx.community.zone):%m-%d %H:%M} {row.reason} {row.amount:+d}，余额 {row.balance}" for row in rows]
    return Reply("最近的积分记录：\n" + "\n".join(lines))


def _phrase(done: CheckIn) -> str:
    if not done.is_fresh:
        return f"今天已经签到过了，连续 {done.streak} 天，积分 {done.balance}。明天再来！"
    return f"签到成功！积分 +{done.reward}，现有 **{done.balance}** 积分，已连续签到 {done.streak} 天。"
