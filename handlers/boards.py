"""排行榜: who earned most today, this week, this month and in all time, with one's own place and neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.context import Context
from bot.drawing import drawn
from bot.errors import UserError
from bot.members import left_out
from bot.message import Message, Reply
from bot.router import Router
from rules.questions import asks
from storage.boards import Board, Period, Place

FIRST, AROUND = 10, 1
IN_WORDS = 3
"""The first places that are told in words as well: the picture beside them shows ten."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A board that can be asked for: its title, its period, and how many periods ago it was."""

    title: str
    period: Period
    ago: int = 0


DAY, WEEK, MONTH, EVER = Kind("今日积分榜", "day"), Kind("本周积分榜", "week"), Kind("本月积分榜", "month"), Kind("积分总榜", "all")
YESTERDAY, LAST_WEEK, LAST_MONTH = Kind("昨日积分榜", "day", 1), Kind("上周积分榜", "week", 1), Kind("上月积分榜", "month", 1)
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("今日", "今天", "日", "当天", "今日榜", "日榜"), DAY),
    **dict.fromkeys(("本周", "这周", "周", "这个星期", "本周榜", "周榜"), WEEK),
    **dict.fromkeys(("本月", "这个月", "月", "当月", "本月榜", "月榜"), MONTH),
    **dict.fromkeys(("总榜", "总", "全部", "累计", "历史", "总排行", "所有"), EVER),
    **dict.fromkeys(("昨日", "昨天", "昨日榜"), YESTERDAY),
    **dict.fromkeys(("上周", "上个星期", "上周榜"), LAST_WEEK),
    **dict.fromkeys(("上月", "上个月", "上月榜"), LAST_MONTH),
}
USAGE = "写法是：排行榜 今日/本周/本月/总榜，例如：排行榜 本月；也可以写昨日、上周、上月。不写就是本周。"
MEDALS: Mapping[int, str] = {1: "🥇 ", 2: "🥈 ", 3: "🥉 "}
MOST_NAME = 24
_MARKS = str.maketrans("[]*`<>", "［］＊＇＜＞")

router = Router()


@router.command("排行榜", "排行", "榜单", "积分榜", "积分排行", "积分排行榜", "排名", "我的排名", "排名榜", takes_words=True, unless=asks)
def board(message: Message, ctx: Context) -> Reply:
    """排行榜 今日/本周/本月/总榜：谁挣的积分最多，自己排第几"""
    kind = KINDS.get("".join(ctx.args) or "本周")
    if kind is None:
        raise UserError(f"没有“{' '.join(ctx.args)[:20]}”这个榜。{USAGE}")
    return show(kind, ctx)


@router.command("今日榜", "今日排行", "今日排行榜", "今天排行榜", "日榜", is_hidden=True)
def board_of_day(message: Message, ctx: Context) -> Reply:
    """今日榜：今天挣的积分"""
    return show(DAY, ctx)


@router.command("本周榜", "周榜", "本周排行", "本周排行榜", "周排行榜", is_hidden=True)
def board_of_week(message: Message, ctx: Context) -> Reply:
    """本周榜：这周挣的积分"""
    return show(WEEK, ctx)


@router.command("本月榜", "月榜", "本月排行", "本月排行榜", "月排行榜", is_hidden=True)
def board_of_month(message: Message, ctx: Context) -> Reply:
    """本月榜：这个月挣的积分"""
    return show(MONTH, ctx)


@router.command("总榜", "总排行", "总排行榜", "积分总榜", is_hidden=True)
def board_of_all(message: Message, ctx: Context) -> Reply:
    """总榜：一直以来挣的积分"""
    return show(EVER, ctx)


@router.command("昨日榜", "昨天排行榜", "昨日排行榜", is_hidden=True)
def board_of_yesterday(message: Message, ctx: Context) -> Reply:
    """昨日榜：昨天挣的积分"""
    return show(YESTERDAY, ctx)


@router.command("上周榜", "上周排行", "上周排行榜", is_hidden=True)
def board_of_last_week(message: Message, ctx: Context) -> Reply:
    """上周榜：上周挣的积分"""
    return show(LAST_WEEK, ctx)


@router.command("上月榜", "上月排行", "上月排行榜", "上个月排行榜", is_hidden=True)
def board_of_last_month(message: Message, ctx: Context) -> Reply:
    """上月榜：上个月挣的积分"""
    return show(LAST_MONTH, ctx)


def show(kind: Kind, ctx: Context) -> Reply:
    """A board as text and as a picture; two round trips, where nobody is left out by his role."""
    day, where = day_of(kind, ctx.today()), ctx.community.keys
    out = left_out(ctx.stores, ctx.config, ctx.community.id)
    seen = ctx.stores.boards.page(where, kind.period, day, ctx.member, first=FIRST, around=AROUND, without=out)
    if not seen.top:
        return Reply(f"{kind.title}是空的。" if kind.ago else f"{kind.title}还空着。说“签到”，你就是第一名！")
    shown = list(dict.fromkeys(place.member for place in (*seen.top, *seen.around)))
    known = ctx.stores.directory.find_names(shown)
    names = {number: _short(known[number]) or f"成员 {number}" for number in shown}
    span, hint = _span(kind.period, day), _hint(kind, seen, is_left_out=ctx.member in out)
    return Reply(
        _words(f"**{kind.title}**（{span}）", seen, names, ctx.member, hint),
        image=_picture(kind, seen, names, ctx, span),
        markdown=True,
        about=tuple(shown),
        note={"board": kind.period, "ago": kind.ago, "rank": seen.own.rank if seen.own else 0},
    )


def _words(title: str, seen: Board, names: Mapping[int, str], asker: int, hint: str) -> str:
    lines = [_line(place, names, asker) for place in seen.top[:IN_WORDS]]
    listed = {place.member for place in seen.top[:IN_WORDS]}
    if seen.own and seen.own.member not in listed:
        near = [place for place in seen.around if place.member not in listed]
        follows = len(near) < len(seen.around) or near[0] in seen.top[: IN_WORDS + 1]
        lines += [*([] if follows else ["……"]), *(_line(place, names, asker) for place in near)]
    return "\n".join([title, *lines, "", hint])


def _line(place: Place, names: Mapping[int, str], own: int) -> str:
    return f"{MEDALS.get(place.rank, f'{place.rank}、')}{_plain(names[place.member])}{'（你）' if place.member == own else ''} {place.points} 分"


def _hint(kind: Kind, seen: Board, *, is_left_out: bool) -> str:
    if is_left_out:
        return "你在这里有角色，按设置不上榜。"
    if seen.own is None:
        return "你没有上榜。" if kind.ago else "你还没有上榜，说“签到”就能上。"
    if seen.gap == 0:
        tied = sum(place.rank == 1 for place in seen.top) > 1
        return f"你{'并列' if tied else '是'}第一名，共 {seen.size} 人上榜。"
    return f"你第 {seen.own.rank} 名，共 {seen.size} 人上榜，距上一名{'' if kind.ago else '还'}差 {seen.gap} 分。"


def _picture(kind: Kind, seen: Board, names: Mapping[int, str], ctx: Context, span: str) -> str:
    def line(place: Place) -> dict[str, object]:
        own = {"own": True} if place.member == ctx.member else {}
        return {"rank": place.rank, "name": names[place.member], "points": place.points, **own}

    is_below = seen.own is not None and all(place.member != ctx.member for place in seen.top)
    facts = {
        "title": kind.title,
        "period": span,
        "community": ctx.community.name[:MOST_NAME] if ctx.community.is_listed else "",
        "top": [line(place) for place in seen.top],
        "size": seen.size,
        **({"own": line(seen.own), "hint": f"距上一名差 {seen.gap:,} 分"} if seen.own and is_below else {}),
    }
    return drawn("board", facts, about=[place.member for place in seen.top] + ([ctx.member] if is_below else []))


def day_of(kind: Kind, today: date) -> date:
    """A day of the period that is meant."""
    if kind.period == "month":
        return today.replace(day=1) - timedelta(days=1) if kind.ago else today
    return today - timedelta(days=kind.ago * (7 if kind.period == "week" else 1))


def _span(period: Period, today: date) -> str:
    match period:
        case "day":
            return _day(today)
        case "week":
            monday = today - timedelta(days=today.weekday())
            return f"{_day(monday)} – {_day(monday + timedelta(days=6))}"
        case "month":
            return f"{today.year} 年 {today.month} 月"
        case "all":
            return f"截至 {_day(today)}"


def _day(day: date) -> str:
    return f"{day.month} 月 {day.day} 日"


def _short(name: str) -> str:
    return " ".join(name.split())[:MOST_NAME]


def _plain(name: str) -> str:
    """A name that makes no link and no bold text where Markdown is shown."""
    return name.translate(_MARKS)
