"""签到日历 and 海报: pictures of one's own to look at and to share, each with its words."""

from __future__ import annotations

import calendar
from datetime import date

from bot.context import Context
from bot.drawing import drawn
from bot.errors import UserError
from bot.members import left_out, name_of
from bot.message import Message, Reply
from bot.router import Router
from rules.levels import level_of
from rules.months import EARLIEST_YEAR, parse_month
from rules.questions import asks

USAGE = "写法是：签到日历 几月，例如：签到日历 3月、签到日历 2026-03、签到日历 上个月。不写就是本月。"
MOST_NAME = 24
SENTENCES = (
    "每天进步一点点，时间会记得你的坚持。",
    "日日行，不怕千万里。",
    "路虽远，行则将至。",
    "把平凡的日子，过成喜欢的样子。",
    "不积跬步，无以至千里。",
    "今天的你，比昨天更好一点。",
    "种一棵树最好的时间，是现在。",
    "热爱可抵岁月漫长。",
    "慢慢来，比较快。",
    "苟日新，日日新，又日新。",
    "你走过的每一步，都算数。",
    "星光不问赶路人。",
    "一群人，可以走得更远。",
    "锲而不舍，金石可镂。",
)

router = Router()


@router.command("签到日历", "打卡日历", "我的日历", "签到月历", takes_words=True, unless=asks)
def show_calendar(message: Message, ctx: Context) -> Reply:
    """签到日历 3月：哪些天签到了，画成一张月历；不写就是本月"""
    today = ctx.today()
    year, month = _month(" ".join(ctx.args), today)
    where = ctx.community.keys
    days = sorted(ctx.stores.check_ins.month(where, ctx.member, year, month))
    standing = ctx.stores.check_ins.standing(where, ctx.member, today)
    is_now = (year, month) == (today.year, today.month)
    facts = {
        "nickname": _called(ctx),
        "community": _place(ctx),
        "year": year,
        "month": month,
        "days": days,
        "made_up": sorted(ctx.stores.check_ins.made_up(where, ctx.member, year, month)),
        "today": today.day if is_now else 0,
        "streak": standing.streak,
        "total": standing.total,
    }
    over = today.day - 1 if is_now else calendar.monthrange(year, month)[1]
    # what lies before his first day of the month is not held against him: he may have been new
    missed = len(set(range(days[0], over + 1)) - set(days)) if days else 0
    said = f"{year} 年 {month} 月你签到了 **{len(days)}** 天{f'，漏了 {missed} 天' if missed else ''}；连续 {standing.streak} 天，累计 {standing.total} 天。"
    if is_now and today.day not in days:
        said += "今天还没签到，说“签到”就行。"
    return Reply(said, image=drawn("calendar", facts, about=(ctx.member,)), markdown=True, note={"month": f"{year}-{month:02}"})


@router.command("海报", "我的海报", "签到海报", "生成海报", "分享海报", "打卡海报", "成就海报", takes_words=True, unless=asks)
def show_poster(message: Message, ctx: Context) -> Reply:
    """海报：把连续签到、排名和等级做成一张可以分享的图"""
    if ctx.args:
        raise UserError("海报画的是你自己，后面不用写别的，直接说：海报")
    today, where = ctx.today(), ctx.community.keys
    standing = ctx.stores.check_ins.standing(where, ctx.member, today)
    out = left_out(ctx.stores, ctx.config, ctx.community.id)
    own = ctx.stores.boards.page(where, "all", today, ctx.member, first=0, around=0, without=out).own
    rank, earned = (own.rank, own.points) if own else (0, ctx.stores.points.earned(where, ctx.member))
    level = level_of(ctx.contents.levels, earned)
    facts = {
        "nickname": _called(ctx),
        "community": _place(ctx),
        "date": f"{today.year} 年 {today.month} 月 {today.day} 日",
        "sentence": SENTENCES[(today.toordinal() + ctx.member) % len(SENTENCES)],
        "streak": standing.streak,
        "total": standing.total,
        "points": earned,
        "rank": rank,
        "level": level.name[:MOST_NAME],
    }
    place = f"，排第 {rank} 名" if rank else ""
    said = f"你的海报来了：{level.name}，连续签到 {standing.streak} 天，累计 {standing.total} 天，挣了 {earned} 积分{place}。"
    return Reply(said, image=drawn("poster", facts, about=(ctx.member,)), note={"poster": True})


def _month(words: str, today: date) -> tuple[int, int]:
    found = parse_month(words, today)
    if found is None:
        raise UserError(f"看不懂“{words[:20]}”是哪个月。{USAGE}")
    if found > (today.year, today.month):
        raise UserError(f"{found[0]} 年 {found[1]} 月还没到呢。{USAGE}")
    if found[0] < EARLIEST_YEAR:
        raise UserError(f"没有那么早的记录。{USAGE}")
    return found


def _called(ctx: Context) -> str:
    """The member's name on his picture; a name that was learned elsewhere is looked up."""
    return (ctx.person.name or name_of(ctx.stores, ctx.member))[:MOST_NAME]


def _place(ctx: Context) -> str:
    """What a picture calls the community; an unlisted group has no name that anybody would know."""
    return ctx.community.name[:MOST_NAME] if ctx.community.is_listed else ""
