"""What is said of a light, and what is suggested."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from rules.anomalies import Odd
from rules.calendar import WEEKDAY_NAMES
from rules.health import Colour, Remedy, Threshold
from rules.metrics import METRICS, Length, Metric, shown

_SPANS: Mapping[Length, str] = {"day": "今天", "week": "最近 7 天", "month": "最近 30 天"}
_LEVELS: Mapping[str, str] = {
    "answer_minutes": "找人工的提问，一半要等 {value}以上（{limit}以内才好）",
    "reply_rate": "找人工的提问只有 {value}得到答复（{limit}以上才好）",
    "faq_hit": "提问只有 {value}直接答上（{limit}以上才好）",
    "negative_share": "聊天里有 {value}听得出不高兴（{limit}以下才好）",
    "warning_rate": "消息里有 {value}被警告（{limit}以下才好）",
    "push_reach": "推送只有 {value}送到（{limit}以上才好）",
    "net_growth": "成员连着 {periods} 周没有长起来：净增长 {value}（高于 {limit}才好）",
    "churn": "一周里走了 {value}的成员（{limit}以下才好）",
    "active_share": "只有 {value}的成员说过话（{limit}以上才好）",
    "month_retention": "上月说过话的成员只有 {value}这个月还在说（{limit}以上才好）",
    "appeals_granted": "有结果的申诉里 {value}成立，判得偏严（{limit}以下才好）",
}
_PASTS: Mapping[str, str] = {
    "wau": "最近 7 天说话的人",
    "week_retention": "上周说过话、这周还来的人",
}
_BACK = Remedy("在日历里排一次推送或活动，请大家回来聊聊", "排一次活动", "calendar", "发起投票 今晚聊什么 | 新品 | 使用心得")
_TICKETS = Remedy("先答等得最久的工单，再看看值班的人够不够", "去答工单", "tickets", "工单")
_CASES = Remedy("看看案件集中在什么事上；判得太严就调宽一点", "看案件", "cases", "案件")
REMEDIES: Mapping[str, Remedy] = {
    "wau": _BACK,
    "week_retention": Remedy("给大家一个每周都来的理由：固定的话题、打卡挑战", "排进日历", "calendar", "挑战"),
    "active_share": _BACK,
    "month_retention": _BACK,
    "silent_share": _BACK,
    "participation": Remedy("发起一次谁都能参加的投票或接龙", "发起活动", "activity_kinds", "发起投票 今晚聊什么 | 新品 | 使用心得"),
    "answer_minutes": _TICKETS,
    "reply_rate": _TICKETS,
    "faq_hit": Remedy("把没答上的问题补进问答，从问得最多的开始", "补问答", "faq_unanswered", "未答"),
    "missed": Remedy("把没答上的问题补进问答，从问得最多的开始", "补问答", "faq_unanswered", "未答"),
    "self_service": Remedy("把没答上的问题补进问答，从问得最多的开始", "补问答", "faq_unanswered", "未答"),
    "negative_share": Remedy("先看大家在为什么不高兴，公开回应一次；必要时停掉营销推送", "看负面走势", "numbers", "情绪"),
    "warning_rate": _CASES,
    "appeals_granted": Remedy("看看哪些规则总被推翻，把判得太严的放宽", "调整治理", "cases", "治理 报告"),
    "push_reach": Remedy("看看哪一条没有送到、为什么；多半是群机器人的 Webhook 失效了", "看没送到的", "running", ""),
    "net_growth": Remedy("请老成员邀请朋友，并看看新人在第一天卡在哪里", "看邀请", "invitations", "邀请"),
    "churn": Remedy("看看走的人多在进群几天后离开，把那几天的安排改好", "看留存", "numbers_retention", "流程"),
    "departures": Remedy("看看走的人是谁、刚发生了什么；有误会就公开说明一次", "看走势", "numbers", "情绪"),
    "k_factor": Remedy("给邀请加一档奖励，再提醒大家一次", "看邀请", "invitations", "邀请榜"),
    "invite_conversion": Remedy("看看邀请来的人为什么没有留下", "看邀请", "invitations", "邀请待审"),
}
"""By indicator: what to do where it is not well."""
LOOK = Remedy("看看是从哪一天开始变的，那天发生了什么", "看走势", "numbers", "数据 本周")
"""Where nothing better is known."""


SILENT = Remedy("多半是企业微信的消息进不来了：看看“运行”里的回调，再在服务器上运行 python run.py check", "看运行", "running", "")


def odd_reason(metric: Metric, day: date, odd: Odd) -> str:
    """What is odd about a day, with the figures in it."""
    changed = f"{'多' if odd.n > odd.usual else '少'}了 {abs(odd.n - odd.usual) / odd.usual:.0%}" if odd.usual else "多得不寻常"
    return (
        f"{_before_a_word(metric.name)}不寻常：{day.month} 月 {day.day} 日比平常的星期{WEEKDAY_NAMES[day.weekday()]}{changed}"
        f"（{_bare(metric.id, round(odd.usual))} → {shown(metric, odd.n)}），从 {odd.since.month} 月 {odd.since.day} 日开始"
    )


def silent_reason(hour: int, usual: float) -> str:
    """That nothing was heard today."""
    return f"今天到 {hour} 点一条消息也没听到，平常这时候有 {usual:.0f} 条"


def remedy_of(metric: str) -> Remedy:
    """What to do about an indicator that is not well."""
    return REMEDIES.get(metric, LOOK)


def reason_of(threshold: Threshold, colour: Colour, value: float, before: float | None) -> str:
    """Why a light has its colour, with the figures in it."""
    metric, limit = METRICS[threshold.metric], threshold.yellow
    if threshold.by == "past" and before is not None:
        what = _PASTS.get(metric.id, f"{_SPANS[threshold.length]}{metric.name}")
        return f"{what}{_changed(value, before)}（{_bare(metric.id, before)} → {shown(metric, value)}）"
    if colour == "green":
        return f"{metric.name} {shown(metric, value)}"
    template = _LEVELS.get(metric.id) or f"{metric.name} {{value}}（{{limit}}{'以上' if metric.good == 'up' else '以下'}才好）"
    is_beyond = value < limit if metric.good == "up" else value > limit
    reason = template.format(
        value=_before_a_word(shown(metric, value)), limit=_before_a_word(shown(metric, limit)), periods=threshold.periods
    )
    reason = reason.replace(" （", "（")
    return reason if is_beyond else f"{reason}，刚刚好转，再看两天"


def _before_a_word(text: str) -> str:
    """What Chinese words follow: with a space where it does not end in one itself."""
    return f"{text} " if text[-1].isascii() else text


def _changed(value: float, before: float) -> str:
    share = abs(value - before) / before if before else 0.0
    if round(100 * share) == 0:
        return "和前几周一样"
    return f"{'多' if value > before else '少'}了 {share:.0%}"


def _bare(metric: str, value: float) -> str:
    """A figure without its unit: it stands before another with one."""
    text = shown(METRICS[metric], value)
    return text.removesuffix(" 人").removesuffix(" 次").removesuffix(" 分")
