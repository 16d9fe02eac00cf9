"""成员 @谁: what operators see of a member at a glance."""

from __future__ import annotations

from bot.context import Context
from bot.errors import UserError
from bot.members import find_members, listed, still_here
from bot.message import Message, Prompt, Reply
from bot.permissions import TITLES, may
from bot.praise import badge_name, level_name
from bot.profiles import profile_of
from bot.router import Router

USAGE = "写法是：成员 @谁，例如：成员 @李雷，或者用编号：成员 12"
MOST_BADGES = 10

router = Router()


@router.command("成员", "成员资料", "查成员", role="operator", takes_words=True, private=True, is_common=True)
def show(message: Message, ctx: Context) -> Reply:
    """成员 @谁：一个成员的资料卡"""
    if not ctx.args:
        raise UserError(USAGE)
    who = " ".join(ctx.args).lstrip("@＠")
    found = find_members(ctx.stores, who, ctx.community.keys)
    if len(found) > 1:
        choices = tuple(map(str, found))
        return Reply(f"有 {len(found)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, found)}", prompt=Prompt("profile", choices))
    return _profile(found[0], ctx)


@router.command("导入成员", "成员导入", "导入会员", "导出成员", role="admin", takes_words=True, private=True)
def tell_of_import(message: Message, ctx: Context) -> Reply:
    """导入成员：把以前的积分、等级和签到搬进来（在机器人所在的机器上做），也能全部导出"""
    where = f" --community {ctx.community.id}" if ctx.community.is_listed else ""
    return Reply(
        "聊天里读不了文件，成员名单在机器人所在的机器上导入：\n"
        "1. 准备一张 .xlsx 或 .csv，一人一行，要有“成员 ID”这一列，再加“积分”“等级”“累计签到”这样的列\n"
        f"2. 先检查，什么都不改：python run.py members import 会员.xlsx{where} --dry-run\n"
        f"3. 再导入，同一个文件导入两次不会重复：python run.py members import 会员.xlsx{where}\n"
        "全部导出：python run.py members export 成员.xlsx。每一列怎么写，见 docs/operators/moving-in.md。"
    )


@router.prompt("profile")
def choose(message: Message, ctx: Context) -> Reply:
    """成员：用数字选一个人"""
    if not may(ctx.role, "operator"):
        raise UserError("这个命令只有运营可以用。")
    return _profile(still_here(ctx.stores, ctx.args[0], ctx.community.keys), ctx)


def _profile(number: int, ctx: Context) -> Reply:
    stores, zone = ctx.stores, ctx.community.zone
    user = stores.directory.find_user(number)
    if user is None:
        raise UserError(f"没有这个成员，可能刚刚删除了数据。{USAGE}")
    his = profile_of(stores, ctx.contents, ctx.config, ctx.community, number, user, ctx.now())
    named = "、".join(badge_name(ctx.contents.badges, badge) for badge in his.badges[-MOST_BADGES:])
    lines = [
        f"**{his.name}**（成员 {number}，{TITLES[his.role]}）",
        f"• 第一次发言：{f'{his.since.astimezone(zone):%Y-%m-%d}' if his.since else '还没有在群里发过言'}",
        f"• 最近发言：{his.last_active.isoformat() if his.last_active else '60 天内没有'}",
        f"• 等级：{level_name(ctx.contents.levels, his.level)}",
        f"• 积分：{his.account.balance}，累计获得 {his.account.earned}",
        f"• 签到：连续 {his.standing.streak} 天，最长 {his.standing.longest} 天，共 {his.standing.total} 天",
        f"• 勋章：{f'{len(his.badges)} 枚，{named}' if his.badges else '没有'}",
        f"• 被感谢 {his.thanks} 次，精华 {his.featured} 篇，邀请来 {his.invited} 人",
        *([f"• 情绪：{his.mood}"] if his.mood else []),
        f"• 标签：{'、'.join(his.tags) or '没有'}",
        f"• 待处理的订单：{'、'.join(f'{order.number} {order.name}' for order in his.waiting) or '没有'}",
        f"• 计入的违规：{his.strikes} 次",
    ]
    return Reply("\n".join(lines), note={"profile": number}, about=(number,), markdown=True)
