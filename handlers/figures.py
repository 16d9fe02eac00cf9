"""数据: the day in figures, for administrators."""

from __future__ import annotations

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
        f"消息 {counts.get('messages', 0)} 条，说过话的成员 {tally.active} 人（累计 {ctx.stores.roster.count(where)} 人）",
        f"签到 {counts.get('check_ins', 0)} 次，欢迎新人 {counts.get('welcomes', 0)} 位",
        f"问答：答上 {hits} 次，给出选项 {counts.get('faq_offer', 0)} 次，没答上 {misses} 次" + _rate(hits, misses),
        f"待处理案件 {ctx.stores.cases.count_undecided(where)} 件，今天警告 {counts.get('warnings', 0)} 次",
        f"情绪值 {mood.mean:.2f}（0 低落 – 1 高兴，共 {mood.messages} 条）" if mood else "情绪值：还没有足够的消息",
    ]
    return Reply("\n".join(lines))


def _rate(hits: int, misses: int) -> str:
    return f"（自助率 {hits / (hits + misses):.0%}）" if hits + misses else ""
