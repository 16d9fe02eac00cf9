"""签到 and 补签: a reward a day, streaks, and cards that mend them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

from bot.check_ins import check_in as check_in_now
from bot.check_ins import coming
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.praise import praise
from bot.router import Router
from rules.badges import Facts
from rules.levels import level_of
from rules.questions import asks
from rules.text import normalise
from storage.check_ins import MadeUp, Standing

USAGE = "写法是：补签 日期，例如：补签 3月8日。只说“补签”就补最近漏掉的一天。"
BACK = {"昨天": 1, "昨日": 1, "前天": 2, "大前天": 3}
_FULL = re.compile(r"(?:(\d{4})[-年./])?(\d{1,2})[-月./](\d{1,2})[日号]?")
_DAY_ONLY = re.compile(r"(\d{1,2})[日号]?")
_DATE = r"(?:\d{4}[-年./])?\d{1,2}[-月./]\d{1,2}[日号]?|\d{1,2}[日号]|大?前天|昨[天日]"
_PAYS = frozenset({"积分", "用积分", "花积分"})

router = Router()


@router.command("签到", "我要签到", "每日签到", "签个到", "签到打卡", "打卡签到", "我来签到", "qd")
def check_in(message: Message, ctx: Context) -> list[Reply]:
    """签到：领取今天的积分"""
    return check_in_now(message, ctx)


@router.command("我的签到", "签到记录", "连续签到", "签到天数", "补签卡", "我的补签卡", is_hidden=True)
def show(message: Message, ctx: Context) -> Reply:
    """我的签到：连续多少天，有几张补签卡"""
    standing = ctx.stores.check_ins.standing(ctx.community.keys, ctx.member, ctx.today())
    if standing.last is None and not standing.cards:
        return Reply("你还没有签过到。说“签到”，今天就是第一天。")
    return Reply(_standing(standing, ctx), markdown=True)


@router.command("补签", "我要补签", "补打卡", "补签到", takes_words=True, unless=asks)
def make_up(message: Message, ctx: Context) -> list[Reply]:
    """补签：用补签卡补上最近漏签的一天；补签 3月8日 补那一天"""
    return _make_up(list(ctx.args), message, ctx)


@router.pattern(rf"(?:补签|补打卡)\s*[:,，]?\s*({_DATE})(?:的?(?:签到|签))?(?:\s*(用?积分))?", name="补签1日")
def make_up_at_once(message: Message, ctx: Context) -> list[Reply]:
    """补签：和日期写在一起"""
    return _make_up([word for word in ctx.args if word], message, ctx)


# Inside -------------------------------------------------------------------------------------------------------------------


def _make_up(words: Sequence[str], message: Message, ctx: Context) -> list[Reply]:
    pays = any(normalise(word) in _PAYS for word in words)
    day = _day([word for word in words if normalise(word) not in _PAYS], ctx.today())
    rights = [(level.at, level.makeup_cards) for level in ctx.contents.levels.steps]
    done = ctx.stores.check_ins.make_up(
        ctx.community.keys, ctx.member, ctx.now(), today=ctx.today(), day=day, rule=ctx.contents.points.make_up, rights=rights, pays=pays,
        once=message.id,
    )  # fmt: skip
    if done.outcome != "ok":
        return [Reply(_REFUSALS[done.outcome](done, ctx), note={"made_up": done.outcome})]
    news = praise(ctx, Facts(check_ins=done.total - 1), Facts(streak=done.streak, check_ins=done.total), once=message.id)
    return [Reply(_made_up(done, ctx), markdown=True, note={"made_up": "ok"}, counts=("make_ups",)), *news]


def _day(words: Sequence[str], today: date) -> date | None:
    """The day that somebody means, the latest of its name that is not to come; None for no words. Raises UserError."""
    said = normalise("".join(words)).replace(" ", "")
    if not said:
        return None
    if said in BACK:
        return today - timedelta(days=BACK[said])
    try:
        if full := _FULL.fullmatch(said):
            year, month, day = (int(part) if part else 0 for part in full.groups())
            found = date(year or today.year, month, day)
            return found if year or found <= today else date(today.year - 1, month, day)
        if only := _DAY_ONLY.fullmatch(said):
            day = int(only[1])
            return today.replace(day=day) if day <= today.day else (today.replace(day=1) - timedelta(days=1)).replace(day=day)
    except ValueError:
        raise UserError(f"没有“{''.join(words)}”这一天。{USAGE}") from None
    raise UserError(USAGE)


def _standing(standing: Standing, ctx: Context) -> str:
    rule = ctx.contents.points.make_up
    lines = [f"连续签到 **{standing.streak}** 天，最长 {standing.longest} 天，一共 {standing.total} 天。"]
    lines.append("今天已经签到。" if standing.last == ctx.today() else "今天还没有签到，说“签到”就行。")
    if bonus := coming(standing.streak, ctx):
        lines.append(bonus)
    if rule.a_month:
        level = level_of(ctx.contents.levels, ctx.stores.points.earned(ctx.community.keys, ctx.member))
        free = max(0, level.makeup_cards - standing.by_right)
        held = f"补签卡 {standing.cards} 张" + (f"，等级另送本月 {free} 次" if free else "")
        lines.append(f"{held}；本月还能补签 {max(0, rule.a_month - standing.made_up)} 次。")
    return "\n".join(lines)


def _made_up(done: MadeUp, ctx: Context) -> str:
    paid = f"，用了 {done.paid} 积分（还有 {done.balance}）" if done.paid else f"，补签卡还有 {done.cards} 张"
    said = f"补上了 {_name(done.day)}的签到{paid}。"
    streak = f"连续签到 **{done.streak}** 天，最长 {done.longest} 天。"
    return f"{said}{streak}本月还能补 {done.left} 次。补签只接上天数，不另给积分。"


def _name(day: date | None) -> str:
    return f"{day.month} 月 {day.day} 日" if day else ""


def _no_card(done: MadeUp, ctx: Context) -> str:
    every = ctx.contents.points.make_up.card_every
    return "没有补签卡了。" + (f"连续签到每满 {every} 天送一张。" if every else "说“商城”看看能不能换到。")


def _too_many(done: MadeUp, ctx: Context) -> str:
    most = ctx.contents.points.make_up.a_month
    return f"这个月的补签次数用完了（每月 {most} 次），下个月再来。" if most else "这里没有开放补签。"


def _cost(ctx: Context) -> int:
    return ctx.contents.points.make_up.cost_points


def _within(ctx: Context) -> int:
    return ctx.contents.points.make_up.within_days


_REFUSALS: Mapping[str, Callable[[MadeUp, Context], str]] = {
    "never": lambda done, ctx: "你还没有签过到，没有可补的。说“签到”，今天就是第一天。",
    "none": lambda done, ctx: f"最近 {_within(ctx)} 天没有漏签，不用补。",
    "today": lambda done, ctx: "今天不用补，说“签到”就行。",
    "future": lambda done, ctx: f"{_name(done.day)}还没到呢，到那天说“签到”就行。",
    "far": lambda done, ctx: f"只能补最近 {_within(ctx)} 天的，{_name(done.day)}太久了。",
    "had": lambda done, ctx: f"{_name(done.day)}已经签到过了，不用补。",
    "before": lambda done, ctx: f"你是{_name(done.day)}之后才开始签到的，那天补不了。",
    "month": _too_many,
    "card": _no_card,
    "price": lambda done, ctx: f"没有补签卡了。用 {_cost(ctx)} 积分补一次请说“补签 积分”（你有 {done.balance}）。",
    "short": lambda done, ctx: f"积分不足：补签要 {_cost(ctx)} 积分，你有 {done.balance}，还差 {_cost(ctx) - done.balance}。",
}
"""Why a day was not made up for, as the outcomes of ``storage/lua/make_up.lua`` name it."""
