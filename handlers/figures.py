"""数据: the day in figures, for administrators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from bot.context import Context
from bot.message import Message, Reply
from bot.router import Router

router = Router()


@router.command("数据", "今日数据", "数据 今日", role="viewer")
def show_figures(message: Message, ctx: Context) -> Reply:
    """数据：今天的消息、活跃、签到、问答与情绪"""
    where, day = ctx.community.keys, ctx.today()
    tally = ctx.stores.tallies.of_day(ctx.community.id, day)
    counts = tally.counts
    hits, misses = counts.get("faq_hit", 0), counts.get("faq_miss", 0)
    mood = ctx.stores.moods.find_group(where)
    lines = [
        f"**{ctx.community.name}** · {day:%m 月 %d 日}",
        *_paused(ctx.pause),
        f"消息 {counts.get('messages', 0)} 条，说过话的成员 {tally.active} 人（累计 {ctx.stores.roster.count(where)} 人）",
        f"签到 {counts.get('check_ins', 0)} 次，欢迎新人 {counts.get('welcomes', 0)} 位",
        *_customer_groups(counts),
        f"问答：答上 {hits} 次，给出选项 {counts.get('faq_offer', 0)} 次，没答上 {misses} 次" + _rate(hits, misses),
        f"待处理案件 {ctx.stores.cases.count_undecided(where)} 件，今天警告 {counts.get('warnings', 0)} 次",
        f"情绪值 {mood.mean:.2f}（0 低落 – 1 高兴，共 {mood.messages} 条）" if mood else "情绪值：还没有足够的消息",
    ]
    return Reply("\n".join(lines))


@router.command("数据 本周", "本周数据", role="viewer")
def show_week(message: Message, ctx: Context) -> Reply:
    """数据 本周：最近七天，一天一行"""
    return Reply("正在统计最近七天……", stream="week")


@router.stream("week")
def count_week(message: Message, ctx: Context) -> Iterator[str]:
    """The last seven days, newest first, a line more with each part."""
    lines = [f"**{ctx.community.name}** · 最近七天"]
    for back in range(7):
        day = ctx.today() - timedelta(days=back)
        tally = ctx.stores.tallies.of_day(ctx.community.id, day)
        counts, hits, misses = tally.counts, tally.counts.get("faq_hit", 0), tally.counts.get("faq_miss", 0)
        lines.append(
            f"{day:%m 月 %d 日}：消息 {counts.get('messages', 0)}，说过话 {tally.active} 人，签到 {counts.get('check_ins', 0)}，"
            f"答上 {hits}，没答上 {misses}{_rate(hits, misses)}"
        )
        yield "\n".join(lines)


def _customer_groups(counts: Mapping[str, int]) -> Iterator[str]:
    """A line about the day's coming and going in customer groups, if there was any."""
    if counts.get("joins") or counts.get("leaves"):
        yield f"客户群：新加入 {counts.get('joins', 0)} 人，退出 {counts.get('leaves', 0)} 人"


def _paused(pause: str) -> list[str]:
    """A line that reminds of a pause: nobody else would."""
    return [f"⏸ 已暂停：{'推送、警告、欢迎和回答' if pause == 'all' else '推送、警告和欢迎'}都停着。恢复请说：恢复"] if pause else []


def _rate(hits: int, misses: int) -> str:
    return f"（自助率 {hits / (hits + misses):.0%}）" if hits + misses else ""
