"""A place in figures, day by day: what was counted, and how many different members stood behind it.

A place is a community, one of its groups, or the whole installation. What is counted is exact; everything that people look at – indicators, lights,
reports – is worked out from these values and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

COUNTERS: Mapping[str, str] = {
    "messages": "成员说的消息",
    "events": "企业微信送来的事件（进群、点按钮等）",
    "h:": "几点说的：h:9 是 9 点到 10 点的消息",
    "came": "在这里第一次说话或进群的人，以及走了又回来的人",
    "found": "名册里认出的老成员：他们早就在群里",
    "gone": "离开的人：退群，或者删除了自己的数据",
    "joins": "客户群名册里新进群的人次",
    "leaves": "客户群名册里退群的人次",
    "responded": "推送到群后一小时内说话的人，一人一天计一次",
    "welcomes": "欢迎的新人",
    "customers": "加了企业微信的客户收到的欢迎语",
    "faq_hit": "问答答上的问题",
    "faq_offer": "问答给出选项的问题",
    "faq_miss": "问答没答上的问题",
    "hit:": "每条问答答上的次数",
    "useful": "被评为有用的回答（改口时减回去）",
    "useless": "被评为没用的回答（改口时减回去）",
    "tickets": "开出的人工工单",
    "tickets_answered": "第一次得到人工回复的工单",
    "tickets_cancelled": "提问的人取消的工单",
    "tickets_again": "解决后又追问的工单",
    "tickets_solved": "被评为已解决的工单",
    "tickets_unsolved": "被评为没解决的工单",
    "wait:": "工单等了几分钟才有人回复：wait:12 是 12 分钟，最多记 1440",
    "felt": "看过情绪的群消息",
    "unhappy": "其中情绪低落的",
    "cases": "立案的可疑消息",
    "warnings": "发出的警告",
    "ignored": "判定没有问题的案件",
    "reports": "成员的举报",
    "appeals": "提出的申诉",
    "appeals_granted": "成立的申诉",
    "appeals_upheld": "维持原判的申诉",
    "check_ins": "签到",
    "make_ups": "补签",
    "points_in": "成员得到的积分（转赠不算）",
    "points_out": "成员花掉、扣掉、过期的积分（转赠不算）",
    "in:": "得到的积分按缘由分",
    "out:": "减少的积分按缘由分",
    "badges": "颁发的勋章",
    "promotions": "升级",
    "thanks": "成员之间的感谢",
    "orders": "积分兑换的订单",
    "orders_done": "发放完成的订单",
    "orders_cancelled": "成员取消的订单",
    "orders_refunded": "退回的订单",
    "orders_expired": "到期没发放、自动退回的订单",
    "activity_entries": "活动报名",
    "poll_entries": "投票",
    "chain_entries": "接龙",
    "lottery_entries": "抽奖报名",
    "survey_entries": "填完的问卷",
    "nps:": "推荐打分 0–10 分各有几份",
    "quiz_entries": "答题",
    "submissions": "投稿",
    "submissions_approved": "通过的投稿",
    "submissions_rejected": "没通过的投稿",
    "submissions_featured": "评为精华的投稿",
    "topic_replies": "话题回复",
    "featured": "设为精华的消息",
    "likes": "点赞",
    "challenge_joins": "报名挑战",
    "challenge_days": "挑战打卡",
    "challenges_done": "完成挑战",
    "invite_asked": "要邀请海报或邀请码",
    "invited": "说是某人邀请来的新人",
    "invite_credited": "留下来、算数的邀请",
    "invite_reversed": "后来退回的邀请",
    "invite_refused": "不能算数的邀请",
    "invite_held": "等人看的邀请",
    "flows_begun": "开始的流程",
    "flows_done": "走完的流程",
    "pushes_sent": "发到群里的计划推送",
    "pushes_failed": "没发出去的计划推送",
    "opted_out": "说“免打扰”，不要推送了",
    "opted_in": "说“订阅”，又要推送了",
}
"""What the raw counters of a day count; a name that ends with a colon stands for all that begin so."""

TAKES_PART = frozenset(
    {
        "activity_entries", "poll_entries", "chain_entries", "lottery_entries", "survey_entries", "quiz_entries", "submissions", "topic_replies",
        "challenge_joins", "challenge_days",
    }
)  # fmt: skip
"""Counters of a message by which its member took part in something."""

RETURNS = (1, 7, 30)
"""After how many days it is looked who of a day's newcomers is back."""
STAYS = (7, 30)
"""Lengths, in days, of the neighbouring spans whose members are compared: who spoke in both."""


@dataclass(frozen=True, slots=True)
class Where:
    """A place whose figures are asked for: a community (its id), a group of it (``chat``), or, with neither, the whole installation."""

    community: str = ""
    chat: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Different members who did something: on the day; in the 7 and the 30 days that end with it; since Monday; since the first of the month."""

    day: int = 0
    week: int = 0
    month: int = 0
    this_week: int = 0
    this_month: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """Of ``of`` members, how many are ``still`` there."""

    of: int = 0
    still: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one place.

    ``counts`` are the raw counters by name; ``spoke`` and ``took_part`` (in an activity, a challenge, a work) members; ``members`` those who came and did not
    go, at the day's end; ``new`` those who came for the first time; ``returned[n]`` the newcomers of n days before, and who of them spoke today;
    ``stayed[n]`` who spoke in the n days before the last n, and who of them spoke in these.
    """

    day: date
    counts: Mapping[str, int] = field(default_factory=dict)
    spoke: Reach = Reach()
    took_part: Reach = Reach()
    members: int = 0
    new: int = 0
    returned: Mapping[int, Kept] = field(default_factory=dict)
    stayed: Mapping[int, Kept] = field(default_factory=dict)


Marks = Callable[[date], int]
"""Who is marked on a day: an integer of which each bit that is set stands for one member, always the same one."""


class Joined:
    """Who is marked in spans of neighbouring days. Spans of 2, 4, 8… days are joined once; any other is two of them, which may overlap."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._known: dict[tuple[int, int], int] = {}

    def until(self, last: date, days: int) -> int:
        """Who is marked on any of so many days (one at least) that end with ``last``."""
        end, size = last.toordinal(), 1 << (days.bit_length() - 1)
        found = self._span(end, size)
        return found if size == days else found | self._span(end - days + size, size)

    def _span(self, end: int, size: int) -> int:
        """The same of a power of two of days, that end with a day by its number."""
        known = self._known.get((end, size))
        if known is None:
            half = size // 2
            known = self._span(end, half) | self._span(end - half, half) if half else self._marks(date.fromordinal(end))
            self._known[end, size] = known
        return known


def work_out(day: date, counts: Mapping[str, int], *, spoke: Joined, part: Joined, new: Joined, members: int) -> Day:
    """A day out of its counters and marks, with those of the days before it; ``members`` is how many there were at its end."""
    today = spoke.until(day, 1)
    return Day(
        day, counts, _reach(day, spoke), _reach(day, part), members, new.until(day, 1).bit_count(),
        {n: _kept(new.until(day - timedelta(days=n), 1), today) for n in RETURNS},
        {n: _kept(spoke.until(day - timedelta(days=n), n), spoke.until(day, n)) for n in STAYS},
    )  # fmt: skip


def _reach(day: date, marks: Joined) -> Reach:
    return Reach(*(marks.until(day, days).bit_count() for days in (1, 7, 30, day.weekday() + 1, day.day)))


def _kept(of: int, still: int) -> Kept:
    return Kept(of.bit_count(), (of & still).bit_count())


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring days of one place, the oldest first; never empty."""

    days: Sequence[Day]

    @property
    def last(self) -> Day:
        """The newest of the days."""
        return self.days[-1]

    def count(self, *names: str) -> int:
        """The sum of some counters over all days."""
        return sum(day.counts.get(name, 0) for day in self.days for name in names)

    def counts(self, prefix: str) -> dict[str, int]:
        """The sums of all counters whose names begin so, by the rest of the name."""
        found: dict[str, int] = {}
        for day in self.days:
            for name, n in day.counts.items():
                if name.startswith(prefix):
                    found[name[len(prefix) :]] = found.get(name[len(prefix) :], 0) + n
        return found
