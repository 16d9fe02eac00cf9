"""The indicators: what each is called, how it is worked out, where it comes from, and when it is good.

One table, read by the console, the reports, the lights, the open interface and the docs. An indicator whose inlet is missing has no value: it is
grey, never red.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from rules.figures import Day, Kept, Reach, Span

Group = Literal["scale", "activity", "content", "interaction", "value"]
GROUPS: Mapping[Group, str] = {"scale": "规模与增长", "activity": "活跃", "content": "内容", "interaction": "互动质量", "value": "价值"}
Inlet = Literal["mentions", "roster", "archive", "pushes", "surveys", "invitations"]
"""What has to come in for an indicator to mean something."""
INLET_NAMES: Mapping[Inlet, str] = {
    "mentions": "智能机器人", "archive": "会话存档", "roster": "成员名册", "pushes": "定时推送", "surveys": "推荐打分", "invitations": "邀请",
}  # fmt: skip
"""What the inlets are called."""
INLETS: Mapping[Inlet, str] = {
    "mentions": "还听不到群里的话：在 config.yaml 里接上一个智能机器人，成员 @ 它说的话才进得来",
    "roster": "不知道群里有谁：接上客户联系（contact 渠道）、把客户群交给机器人看，才知道谁进群、谁退群",
    "archive": "只听得到 @ 机器人的话：接上会话内容存档（archive 渠道），才知道谁一直没有说话",
    "pushes": "还没有定时推送：在“日历”里加一条，发出去之后才有数",
    "surveys": "还没有推荐打分：在问卷里写一道 0–10 分的推荐题（nps: true）并发起一次",
    "invitations": "邀请没有打开：在“邀请”的规则里写 enabled: true",
}
"""What is missing where an inlet is, and what would open it."""
Unit = Literal["people", "times", "share", "ratio", "minutes", "points", "score"]
Length = Literal["day", "week", "month"]
LENGTHS: Mapping[Length, str] = {"day": "日", "week": "周", "month": "月"}
_ALL: tuple[Length, ...] = ("day", "week", "month")
_LONG: tuple[Length, ...] = ("week", "month")
_HEARD: frozenset[Inlet] = frozenset({"mentions", "archive"})
_SEEN: frozenset[Inlet] = frozenset({"mentions", "archive", "roster"})
_ROSTER: frozenset[Inlet] = frozenset({"roster"})
_PUSHES: frozenset[Inlet] = frozenset({"pushes"})
_MANUAL, _OURS = "运营手册", "自定"

Formula = Callable[[Span, Span | None], float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """An indicator.

    ``value`` gives its figure for a span and the one before it (None where there is none), None where it cannot be told: no division by nothing, no guess.
    ``formula`` says in Chinese what ``value`` does; ``source`` is 运营手册 or 自定; ``inlets``: any one of them suffices; ``good`` is which way is better.
    ``base`` is how many members, messages or cases stand behind the figure: with few of them it says little.
    """

    id: str
    name: str
    group: Group
    formula: str
    unit: Unit
    lengths: tuple[Length, ...]
    source: str
    inlets: frozenset[Inlet]
    good: Literal["up", "down", ""]
    value: Formula
    base: Callable[[Span], int]


def shown(metric: Metric, value: float | None) -> str:
    """A figure as people read it: with its unit, rounded; “—” where there is none."""
    if value is None:
        return "—"
    match metric.unit:
        case "share":
            return f"{value:.1%}".replace(".0%", "%") if abs(value) < 0.1 else f"{value:.0%}"
        case "minutes":
            return f"{value:.0f} 分钟" if value < 120 else f"{value / 60:.1f} 小时".replace(".0 小时", " 小时")
        case "ratio":
            return f"{value:.2f}"
        case "people":
            return f"{_plain(value)} 人"
        case "times":
            return f"{_plain(value)} 次"
        case "points":
            return f"{_plain(value)} 分"
        case "score":
            return f"{value:+.0f}"


def missing(metric: Metric, inlets: frozenset[Inlet]) -> str:
    """Why an indicator is grey with these inlets, and what would open it; '' where it is not."""
    if metric.inlets & inlets:
        return ""
    wanted = [INLETS[inlet] for inlet in INLETS if inlet in metric.inlets]
    return wanted[0]


def first_of(length: Length, last: date) -> date:
    """The first day of the span of a length that ends with ``last``: of a month's last day its first, else thirty days."""
    if length == "month" and (last + timedelta(days=1)).day == 1:
        return last.replace(day=1)
    return last - timedelta(days={"day": 0, "week": 6, "month": 29}[length])


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


# Small steps ------------------------------------------------------------------------------------------------------------------


def _share(part: float, whole: float) -> float | None:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else None


def _rate(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _sum_of(*names: str) -> Callable[[Span], int]:
    return lambda span: span.count(*names)


def _count_of(*names: str) -> Formula:
    return lambda span, before: float(span.count(*names))


def _alone(value: Callable[[Span], float | None]) -> Formula:
    """A formula that does not look at the span before."""
    return lambda span, before: value(span)


def _share_of(part: Callable[[Span], int], whole: Callable[[Span], int]) -> Formula:
    return lambda span, before: _share(part(span), whole(span))


def _different(span: Span, mark: Callable[[Day], Reach]) -> int:
    """Different members over a whole span: a day, seven days, a week so far from its Monday on, a month from its first day on, or thirty days."""
    reach, first, last = mark(span.last), span.days[0].day, span.last.day
    if len(span.days) == 1:
        return reach.day
    if len(span.days) <= 7:
        return reach.this_week if first.weekday() == 0 else reach.week
    return reach.this_month if first.day == 1 and (first.year, first.month) == (last.year, last.month) else reach.month


def _spoke(span: Span) -> int:
    return _different(span, lambda day: day.spoke)


def _took_part(span: Span) -> int:
    return _different(span, lambda day: day.took_part)


def _members(span: Span) -> int:
    return span.last.members


def _daily(span: Span) -> float:
    return sum(day.spoke.day for day in span.days) / len(span.days)


def _stickiness(span: Span) -> float | None:
    return _share(_daily(span), span.last.spoke.month)


def _grew(span: Span, before: Span | None) -> float | None:
    return None if before is None else _rate(span.count("came") - span.count("gone"), before.last.members + span.count("found"))


def _left(span: Span, before: Span | None) -> float | None:
    return None if before is None else _share(span.count("gone"), before.last.members + span.count("came", "found"))


def _returned(days: int) -> Callable[[Span], Kept]:
    def pool(span: Span) -> Kept:
        found = [day.returned[days] for day in span.days if days in day.returned]
        return Kept(sum(one.of for one in found), sum(one.still for one in found))

    return pool


def _stayed(days: int) -> Callable[[Span], Kept]:
    return lambda span: span.last.stayed.get(days, Kept())


def _kept(pool: Callable[[Span], Kept]) -> Formula:
    return lambda span, before: _share(pool(span).still, pool(span).of)


def _of(pool: Callable[[Span], Kept]) -> Callable[[Span], int]:
    return lambda span: pool(span).of


def _numbered(span: Span, prefix: str) -> dict[int, int]:
    """Counters whose names end in a number, by that number."""
    return {int(rest): n for rest, n in span.counts(prefix).items() if rest.isdecimal() and n > 0}


def median(counted: Mapping[int, int]) -> float | None:
    """The median of values that occurred so often; None without any."""
    total = sum(counted.values())
    if not total:
        return None
    low, high, seen, found = (total - 1) // 2, total // 2, 0, []
    for value in sorted(counted):
        found += [value for place in (low, high) if seen <= place < seen + counted[value]]
        seen += counted[value]
    return sum(found) / 2


def _nps(span: Span) -> float | None:
    scores = _numbered(span, "nps:")
    fans, critics = sum(n for score, n in scores.items() if score >= 9), sum(n for score, n in scores.items() if score <= 6)
    rate = _rate(fans - critics, sum(scores.values()))
    return None if rate is None else 100 * rate


_questions = _sum_of("faq_hit", "faq_offer", "faq_miss")
_posts = _sum_of("pushes_sent", "pushes_failed")
_works = _sum_of("submissions", "topic_replies")
_contents = _sum_of("submissions", "topic_replies", "featured")


def _asked_people(span: Span) -> int:
    return max(span.count("tickets") - span.count("tickets_cancelled"), 0)


def _solved_alone(span: Span) -> int:
    return max(span.count("faq_hit") - span.count("useless"), 0)


def _pushed(span: Span) -> int:
    """Members who could have seen a push, added up over the days that had one."""
    return sum(day.members for day in span.days if day.counts.get("pushes_sent", 0) > 0)


def _k(span: Span, before: Span | None) -> float | None:
    return None if before is None else _rate(span.count("invited"), before.last.members)


def _by_id(metrics: Iterable[Metric]) -> Mapping[str, Metric]:
    return {metric.id: metric for metric in metrics}


# The table ---------------------------------------------------------------------------------------------------------------------
# The order is the one in which people read them: within a group the most telling first.

_SETTLED = ("orders_done", "orders_cancelled", "orders_expired", "orders_refunded")
"""How an order ends."""

METRICS: Mapping[str, Metric] = _by_id(
    (
        # 规模与增长
        Metric(
            "members", "成员数", "scale", "期末还在的成员：在群里说过话，或名单上有，而且没有退出的人；只和机器人单聊的不算", "people",
            _ALL, _MANUAL, _SEEN, "up",
            lambda span, before: float(_members(span)), _members,
        ),
        Metric(
            "newcomers", "新成员", "scale", "期内第一次来到这里的成员", "people", _ALL, _MANUAL, _SEEN, "up",
            lambda span, before: float(sum(day.new for day in span.days)), lambda span: sum(day.new for day in span.days),
        ),
        Metric(
            "departures", "离开人数", "scale", "期内走的：退群的，和删除了自己数据的", "people", _ALL, _OURS, _ROSTER, "down", _count_of("gone"), _members,
        ),
        Metric(
            "net_growth", "净增长率", "scale", "（期内来的 − 期内走的）÷ 期初成员数（上期末的，加上期内初次读名册时补认的）",
            "share", _ALL, _MANUAL, _ROSTER, "up", _grew, _members,
        ),
        Metric(
            "churn", "流失率", "scale", "期内走的 ÷（期初成员数 + 期内来的）", "share", _ALL, _OURS, _ROSTER, "down", _left, _members,
        ),
        Metric(
            "k_factor", "K 因子", "scale", "期内受邀来的新成员 ÷ 上期末成员数：平均一位成员带来几位", "ratio", _LONG, _MANUAL,
            frozenset({"invitations"}), "up", _k, _members,
        ),
        Metric(
            "invite_conversion", "邀请转化率", "scale", "期内计入的邀请（新成员满天数、还在）÷ 期内受邀来的新成员，最多 100%", "share", _LONG, _MANUAL,
            frozenset({"invitations"}), "up", _share_of(_sum_of("invite_credited"), _sum_of("invited")), _sum_of("invited"),
        ),
        # 活跃
        Metric(
            "dau", "日活 DAU", "activity", "每天说过话的不同成员，取期内各天的平均", "people", _ALL, _MANUAL, _HEARD, "up", _alone(_daily),
            lambda span: sum(day.spoke.day for day in span.days),
        ),
        Metric(
            "wau", "周活 WAU", "activity", "到期末为止 7 天里说过话的不同成员", "people", ("week",), _MANUAL, _HEARD, "up",
            lambda span, before: float(span.last.spoke.week), lambda span: span.last.spoke.week,
        ),
        Metric(
            "mau", "月活 MAU", "activity", "到期末为止 30 天里说过话的不同成员", "people", ("month",), _MANUAL, _HEARD, "up",
            lambda span, before: float(span.last.spoke.month), lambda span: span.last.spoke.month,
        ),
        Metric(
            "stickiness", "粘性 DAU/MAU", "activity", "日活（期内平均）÷ 月活", "share", _LONG, _MANUAL, _HEARD, "up", _alone(_stickiness),
            lambda span: span.last.spoke.month,
        ),
        Metric(
            "active_share", "活跃率", "activity", "期内说过话的不同成员 ÷ 期末成员数", "share", _ALL, _MANUAL, _ROSTER, "up",
            _share_of(_spoke, _members), _members,
        ),
        Metric(
            "silent_share", "沉默率", "activity", "到期末为止 30 天里没说过话的成员 ÷ 期末成员数", "share", _LONG, _MANUAL, _ROSTER, "down",
            _share_of(lambda span: max(span.last.members - span.last.spoke.month, 0), _members), _members,
        ),
        Metric(
            "messages", "消息数", "activity", "期内机器人听到的消息", "times", _ALL, _MANUAL, _HEARD, "up", _count_of("messages"),
            _sum_of("messages"),
        ),
        Metric(
            "messages_per_head", "人均消息", "activity", "期内消息数 ÷ 期内说过话的不同成员", "ratio", _ALL, _MANUAL, _HEARD, "up",
            lambda span, before: _rate(span.count("messages"), _spoke(span)), _spoke,
        ),
        *(
            Metric(
                f"retention_d{days}", f"{name}留存 D{days}", "activity",
                f"来了满 {days} 天的新成员（第 {days} 天落在期内的）里，第 {days} 天当天说过话的", "share", _ALL, _MANUAL, _HEARD, "up",
                _kept(_returned(days)), _of(_returned(days)),
            )
            for days, name in ((1, "次日"), (7, "七日"), (30, "三十日"))
        ),
        Metric(
            "week_retention", "周留存", "activity", "上一个 7 天说过话的成员里，最近 7 天也说过话的", "share", ("week",), _MANUAL, _HEARD, "up",
            _kept(_stayed(7)), _of(_stayed(7)),
        ),
        Metric(
            "month_retention", "月留存", "activity", "上一个 30 天说过话的成员里，最近 30 天也说过话的", "share", _LONG, _MANUAL, _HEARD, "up",
            _kept(_stayed(30)), _of(_stayed(30)),
        ),
        # 内容
        Metric(
            "participation", "参与率", "content", "期内参加过活动、挑战或投稿的不同成员 ÷ 期末成员数", "share", _ALL, _MANUAL, _SEEN, "up",
            _share_of(_took_part, _members), _members,
        ),
        Metric(
            "content_completion", "内容完成率", "content", "期内走完的流程（新人引导、学习、任务）÷ 期内开始的流程，最多 100%", "share", _LONG, _MANUAL,
            _HEARD, "up", _share_of(_sum_of("flows_done"), _sum_of("flows_begun")), _sum_of("flows_begun"),
        ),
        Metric(
            "ugc_share", "UGC 占比", "content", "期内成员的作品和话题回复 ÷（它们 + 期内发出的推送）", "share", _LONG, _MANUAL, _HEARD, "up",
            _share_of(_works, _sum_of("submissions", "topic_replies", "pushes_sent")), _sum_of("submissions", "topic_replies", "pushes_sent"),
        ),
        Metric(
            "featured_share", "精华占比", "content", "期内评为精华的发言和作品 ÷（期内的作品、话题回复和评为精华的发言），最多 100%", "share", _LONG, _MANUAL,
            _HEARD, "up", _share_of(_sum_of("featured", "submissions_featured"), _contents), _contents,
        ),
        Metric(
            "push_reach", "推送到达率", "content", "期内送达的推送 ÷（送达的 + 没有送达的）", "share", _ALL, _MANUAL, _PUSHES, "up",
            _share_of(_sum_of("pushes_sent"), _posts), _posts,
        ),
        Metric(
            "push_response", "推送响应率", "content", "推送后一小时内说过话的成员（一人一天算一次）÷ 有推送的各天的成员数之和", "share", _LONG, _MANUAL,
            _PUSHES, "up", _share_of(_sum_of("responded"), _pushed), _pushed,
        ),
        Metric(
            "push_optout", "推送退订率", "content", "期内退订推送的成员 ÷ 期末成员数", "share", _LONG, _MANUAL, frozenset({"pushes"}), "down",
            _share_of(_sum_of("opted_out"), _members), _members,
        ),
        # 互动质量
        Metric(
            "answer_minutes", "首次答复", "interaction", "期内得到答复的人工工单，从提问到第一次答复的分钟数的中位数", "minutes", _ALL, _MANUAL, _HEARD, "down",
            lambda span, before: median(_numbered(span, "wait:")), lambda span: sum(_numbered(span, "wait:").values()),
        ),
        Metric(
            "reply_rate", "回复率", "interaction", "期内答复的人工工单 ÷ 期内的工单（不算自己取消的），最多 100%", "share", _ALL, _MANUAL, _HEARD, "up",
            _share_of(_sum_of("tickets_answered"), _asked_people), _asked_people,
        ),
        Metric(
            "faq_hit", "问答命中率", "interaction", "直接答上的提问 ÷ 全部提问（答上 + 给选项 + 没答上）", "share", _ALL, _MANUAL, _HEARD, "up",
            _share_of(_sum_of("faq_hit"), _questions), _questions,
        ),
        Metric(
            "missed", "没答上的提问", "interaction", "期内问答没有答上的提问", "times", _ALL, _OURS, _HEARD, "down", _count_of("faq_miss"), _questions,
        ),
        Metric(
            "self_service", "自助解决率", "interaction", "直接答上、没有被评为没用的提问 ÷（全部提问 + 人工工单）", "share", _ALL, _MANUAL, _HEARD, "up",
            _share_of(_solved_alone, _sum_of("faq_hit", "faq_offer", "faq_miss", "tickets")),
            _sum_of("faq_hit", "faq_offer", "faq_miss", "tickets"),
        ),
        Metric(
            "negative_share", "负面占比", "interaction", "听出不高兴的聊天 ÷ 看过情绪的聊天", "share", _ALL, _MANUAL, _HEARD, "down",
            _share_of(_sum_of("unhappy"), _sum_of("felt")), _sum_of("felt"),
        ),
        Metric(
            "warning_rate", "警告率", "interaction", "期内的警告 ÷ 期内的消息", "share", _ALL, _MANUAL, _HEARD, "down",
            _share_of(_sum_of("warnings"), _sum_of("messages")), _sum_of("messages"),
        ),
        Metric(
            "appeals_granted", "申诉成立率", "interaction", "期内申诉成立的 ÷ 期内有结果的申诉（成立 + 维持原判）", "share", _LONG, _MANUAL, _HEARD, "down",
            _share_of(_sum_of("appeals_granted"), _sum_of("appeals_granted", "appeals_upheld")), _sum_of("appeals_granted", "appeals_upheld"),
        ),
        # 价值
        Metric(
            "nps", "净推荐值 NPS", "value", "100 ×（打 9–10 分的 − 打 0–6 分的）÷ 期内全部推荐打分", "score", _LONG, _MANUAL, frozenset({"surveys"}),
            "up", _alone(_nps),
            lambda span: sum(_numbered(span, "nps:").values()),
        ),
        Metric(
            "points_in", "积分发放", "value", "期内记到成员名下的积分，退回的和迁移时带来的也算，成员之间转赠不算", "points",
            _ALL, _MANUAL, _HEARD, "", _count_of("points_in"), _sum_of("points_in"),
        ),
        Metric(
            "points_out", "积分消耗", "value", "期内从成员名下划走的积分：花掉的、过期的、扣掉的，成员之间转赠不算", "points",
            _ALL, _MANUAL, _HEARD, "", _count_of("points_out"), _sum_of("points_out"),
        ),
        Metric(
            "points_used", "积分消耗比", "value", "积分消耗 ÷ 积分发放（各自怎么算见上），可以大于 1", "ratio", _LONG, _MANUAL, _HEARD, "up",
            lambda span, before: _rate(span.count("points_out"), span.count("points_in")), _sum_of("points_in"),
        ),
        Metric(
            "redemption", "兑换完成率", "value", "期内完成的兑换 ÷ 期内了结的兑换（完成、取消、到期和退回）", "share", _LONG, _MANUAL, _HEARD, "up",
            _share_of(_sum_of("orders_done"), _sum_of(*_SETTLED)), _sum_of(*_SETTLED),
        ),
    )
)  # fmt: skip
"""Every indicator by its id."""
