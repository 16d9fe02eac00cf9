"""情绪 and 危机模式: how the community felt, and marketing that is stopped while it is in trouble."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.context import Context
from bot.drawing import drawn
from bot.errors import UserError
from bot.message import Message, Reply
from bot.moods import set_crisis, topics_now
from bot.router import Router
from rules.numerals import whole
from rules.questions import asks
from storage.moment import from_ms, to_ms
from storage.moods import MoodDay, Window

DAYS, MOST_DAYS = 30, 365
MOST_POINTS = 60
"""Points of the picture: more days are put together by weeks."""
LEAST_CHATS, MOST_CHATS = 2, 5
ON, OFF = ("开启", "开", "启动", "打开", "进入"), ("解除", "关", "关闭", "结束", "退出", "取消")
_VERB = "|".join(ON + OFF)
CRISIS_USAGE = "写法是：危机模式 开启（营销推送先停），或：危机模式 解除。只看现在怎样，请说：危机模式"

router = Router()


@router.command("情绪", "情绪值", "情绪走势", role="moderator", takes_words=True, is_common=True, unless=asks)
def show_mood(message: Message, ctx: Context) -> Reply:
    """情绪：群里最近的情绪、不高兴的占多少、在说什么；“情绪 7”看七天，最多 365 天"""
    days = _days(ctx)
    if not ctx.config.mood.enabled:
        return Reply("没有在算情绪值：配置里的 mood.enabled 关着。")
    line = ctx.stores.moods.line(ctx.community.keys, ctx.today(), days)
    mood = ctx.stores.moods.find_group(ctx.community.keys)
    if not line or mood is None:
        return Reply("还没有可看的情绪：群里的聊天（命令不算）说过几句之后才有。")
    window = ctx.stores.moods.window(ctx.community.keys, to_ms(ctx.now()))
    lines = [
        f"**{ctx.community.name}** · 情绪",
        f"情绪值 {mood.mean:.2f}（0 低落 – 1 高兴，按最近几十条算，共 {mood.messages} 条）",
        f"24 小时：{window.messages} 条，不高兴 {window.unhappy} 条（{window.share:.0%}）" + ("，已提醒管理员" if window.alarm_ms else ""),
        *_topics(ctx, window),
        *_groups(ctx),
        *_crisis_line(ctx),
    ]
    return Reply("\n".join(lines), image=drawn("mood", _facts(line, days, ctx)))


@router.command("危机模式", "危机", role="admin", takes_words=True, is_common=True, unless=asks)
def crisis(message: Message, ctx: Context) -> Reply:
    """危机模式 开启：先停营销推送；危机模式 解除：照常。别的都不受影响"""
    word = " ".join(ctx.args).rstrip("。.!")
    if not word:
        return Reply(
            "\n".join(_crisis_line(ctx)) or f"“{ctx.community.name}”没有开危机模式，营销推送照常。要先停掉营销推送，请说：危机模式 开启"
        )
    if word not in ON + OFF:
        raise UserError(CRISIS_USAGE)
    return _turn(is_on=word in ON, message=message, ctx=ctx)


@router.pattern(rf"危机模式\s*[:,]?\s*({_VERB})[。.!]*|({_VERB})\s*危机模式[。.!]*", name="开启危机模式", role="admin")
def crisis_at_once(message: Message, ctx: Context) -> Reply:
    """开启危机模式、危机模式：解除：和“危机模式 开启”“危机模式 解除”一样"""
    return _turn(is_on=(ctx.args[0] or ctx.args[1]) in ON, message=message, ctx=ctx)


def _turn(*, is_on: bool, message: Message, ctx: Context) -> Reply:
    """Begins or ends a crisis; the same again changes nothing."""
    changed = set_crisis(ctx.stores, ctx.community, ctx.actor, is_on=is_on, now=ctx.now(), once=message.id)
    if is_on:
        began = "已开启危机模式" if changed else "危机模式已经开着"
        return Reply(
            f"{began}：“{ctx.community.name}”的营销推送（1 秒内）停下，别的照常；到点的不补发。事情过去了请说：危机模式 解除\n"
            f"可以这样回应大家：\n{ctx.contents.judge.policy.mood.response}",
            note={"crisis": True},
        )
    ended = "已解除危机模式，营销推送照常" if changed else "没有开危机模式，营销推送本来就照常"
    return Reply(f"“{ctx.community.name}”{ended}。", note={"crisis": False})


def _days(ctx: Context) -> int:
    word = " ".join(ctx.args).removesuffix("天").strip()
    if not word:
        return DAYS
    days = whole(word, MOST_DAYS)
    if days is None:
        raise UserError(f"写法是：情绪，或：情绪 7（看最近几天，1 到 {MOST_DAYS}）")
    return days


def _topics(ctx: Context, window: Window) -> list[str]:
    """What unhappy messages are about, where several members said it."""
    found = topics_now(ctx.stores, ctx.community, window, ctx.now())
    return ["不高兴的在说：" + "、".join(f"{one.word}（{one.unhappy} 条）" for one in found)] if found else []


def _groups(ctx: Context) -> list[str]:
    """The groups one by one, where there are several, the unhappiest first."""
    listed = ctx.config.community(ctx.community.id)
    if listed is None or len(listed.groups) < LEAST_CHATS:
        return []
    moods = ctx.stores.moods.chats(ctx.community.keys, listed.groups)
    if len(moods) < LEAST_CHATS:
        return []
    names = {chat: f"第 {n} 个群" for n, chat in enumerate(listed.groups, 1)}
    ranked = sorted(moods.items(), key=lambda pair: pair[1].mean)[:MOST_CHATS]
    return ["各群：" + "，".join(f"{names[chat]} {mood.mean:.2f}" for chat, mood in ranked)]


def _crisis_line(ctx: Context) -> list[str]:
    since = ctx.stores.pauses.crisis_since(ctx.community.id)
    if not since:
        return []
    return [f"🛑 危机模式从 {from_ms(since).astimezone(ctx.community.zone):%m 月 %d 日 %H:%M} 开着：营销推送停着。解除请说：危机模式 解除"]


def _facts(line: Sequence[MoodDay], days: int, ctx: Context) -> dict[str, object]:
    """What the picture shows: a point a day, or a week where there are many days, back from today."""
    step = 1 if days <= MOST_POINTS else 7
    count = -(-days // step)
    piles: list[list[MoodDay]] = [[] for _ in range(count)]
    for day in line:
        piles[count - 1 - (ctx.today() - day.day).days // step].append(day)
    policy, messages = ctx.contents.judge.policy, sum(day.messages for day in line)
    is_support = policy.place(ctx.community.id).profile == "support"
    told = 0.0 if ctx.config.mood.model == "snownlp" else policy.mood.share(is_support=is_support)
    return {
        "title": f"最近 {days} 天的情绪" if days > 1 else "今天的情绪",
        "subtitle": f"{messages:,} 条聊天" + ("，一点是一周" if step > 1 else ""),
        "community": ctx.community.name[:24],
        "means": [_hundredths([(day.mean, day.messages) for day in pile]) for pile in piles],
        "shares": [_hundredths([(day.share, day.messages) for day in pile]) for pile in piles],
        "first": _named(ctx.today() - timedelta(days=days - 1)),
        "last": _named(ctx.today()),
        "alarm": round(100 * told),
    }


def _hundredths(parts: Sequence[tuple[float, int]]) -> int | None:
    """The mean of values by their messages, in hundredths; None without any."""
    messages = sum(count for _, count in parts)
    return round(100 * sum(value * count for value, count in parts) / messages) if messages else None


def _named(day: date) -> str:
    return f"{day.month} 月 {day.day} 日"
