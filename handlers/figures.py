"""数据: the day in figures, for administrators, with a small picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from bot.context import Context
from bot.message import Message, Reply
from bot.numbers import numbers_for
from bot.report_desk import ReportDesk
from bot.report_words import paused, picture_of
from bot.router import Router
from rules.figures import Where
from rules.periods import day_of, day_said

router = Router()


@router.command("数据", "今日数据", "数据 今日", role="viewer")
def show_figures(message: Message, ctx: Context) -> Reply:
    """数据：今天的消息、活跃、签到、问答与情绪，和最近七天的走势"""
    where, desk = ctx.community.keys, ReportDesk(ctx.stores, ctx.config, ctx.contents, numbers_for(ctx), ctx.community, ctx.now())
    report = desk.make(day_of(ctx.today()))
    counts, waits = report.span.last.counts, {one.name: one.count for one in report.waiting}
    hits, misses = counts.get("faq_hit", 0), counts.get("faq_miss", 0)
    mood = ctx.stores.moods.find_group(where)
    lines = [
        f"**{ctx.community.name}** · {ctx.today():%m 月 %d 日}",
        *paused(ctx.pause),
        f"消息 {counts.get('messages', 0)} 条，说过话的成员 {report.span.last.spoke.day} 人（累计 {ctx.stores.roster.count(where)} 人）",
        f"签到 {counts.get('check_ins', 0)} 次，欢迎新人 {counts.get('welcomes', 0)} 位",
        *_customer_groups(counts),
        f"问答：答上 {hits} 次，给出选项 {counts.get('faq_offer', 0)} 次，没答上 {misses} 次" + _rate(hits, misses),
        f"待处理案件 {waits.get('案件', 0)} 件，今天警告 {counts.get('warnings', 0)} 次",
        f"情绪值 {mood.mean:.2f}（0 低落 – 1 高兴，共 {mood.messages} 条）" if mood else "情绪值：还没有足够的消息",
    ]
    return Reply("\n".join(lines), image=picture_of(report, "数据"))


@router.command("数据 本周", "本周数据", role="viewer")
def show_week(message: Message, ctx: Context) -> Reply:
    """数据 本周：最近七天，一天一行"""
    return Reply("正在统计最近七天……", stream="week")


@router.stream("week")
def count_week(message: Message, ctx: Context) -> Iterator[str]:
    """The last seven days, newest first, a line more with each part."""
    lines = [f"**{ctx.community.name}** · 最近七天"]
    for day in reversed(numbers_for(ctx).days(Where(ctx.community.id), ctx.today() - timedelta(days=6), ctx.today())):
        counts = day.counts
        hits, misses = counts.get("faq_hit", 0), counts.get("faq_miss", 0)
        lines.append(
            f"{day_said(day.day)}：消息 {counts.get('messages', 0)}，说过话 {day.spoke.day} 人，签到 {counts.get('check_ins', 0)}，"
            f"答上 {hits}，没答上 {misses}{_rate(hits, misses)}"
        )
        yield "\n".join(lines)


def _customer_groups(counts: Mapping[str, int]) -> Iterator[str]:
    """A line about the day's coming and going in customer groups, if there was any."""
    if counts.get("joins") or counts.get("leaves"):
        yield f"客户群：新加入 {counts.get('joins', 0)} 人，退出 {counts.get('leaves', 0)} 人"


def _rate(hits: int, misses: int) -> str:
    return f"（自助率 {hits / (hits + misses):.0%}）" if hits + misses else ""
