"""What members earn points for, how many, and when these lapse."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Bonus:
    """``points`` more on the day a streak reaches ``days``."""

    days: int
    points: int


@dataclass(frozen=True, slots=True)
class CheckInRule:
    """``base`` points a day, ``bonuses`` for streaks; with ``repeat`` they start over after the longest one."""

    base: int = 5
    bonuses: tuple[Bonus, ...] = (Bonus(3, 5), Bonus(7, 15), Bonus(30, 100))
    repeat: bool = True


@dataclass(frozen=True, slots=True)
class Reason:
    """What points are given for: its Chinese ``title``, ``points`` each time (0: never), at most ``per_day`` points a day (0: no limit)."""

    id: str
    title: str
    points: int
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class TransferRule:
    """What members may hand each other: ``least`` points at once, ``most_a_day`` in all (0: no limit); ``keep`` have to stay with the giver."""

    enabled: bool = True
    least: int = 1
    most_a_day: int = 100
    keep: int = 0


@dataclass(frozen=True, slots=True)
class MakeUpRule:
    """A missed day may be made up ``within_days``, ``a_month`` times, for a card, or for ``cost_points`` (0: cards only).

    A card comes with every ``card_every`` days of a streak (0: none), as long as its member has fewer than ``most_cards``.
    """

    within_days: int = 7
    a_month: int = 3
    cost_points: int = 0
    card_every: int = 7
    most_cards: int = 5


@dataclass(frozen=True, slots=True)
class ThanksRule:
    """How often one member may thank on a day, ``a_day`` in all and ``a_pair`` the same other (0: no limit)."""

    a_day: int = 5
    a_pair: int = 1


REASONS: Mapping[str, Reason] = {
    reason.id: reason
    for reason in (
        Reason("first_message", "当天首次发言", 1),
        Reason("introduction", "自我介绍", 10),
        Reason("thanks", "被人感谢", 2, 10),
        Reason("featured", "内容被加精", 20),
        Reason("invited", "邀请新人", 20, 100),
        Reason("event", "参加活动", 10),
        Reason("event_win", "活动奖励", 0),
        Reason("task", "完成任务", 5),
        Reason("challenge", "挑战打卡", 0),
        Reason("flow", "新人引导", 5),
        Reason("makeup", "补签", 0),
    )
}
"""What points are given for where the operators' file does not say otherwise."""

TITLES: Mapping[str, str] = {
    "check_in": "签到",
    "opening": "期初余额",
    "transfer": "转赠",
    "adjustment": "管理员调整",
    "lapse": "到期清零",
    "purchase": "商城兑换",
    "refund": "商城退款",
    "event_cost": "活动花费",
    "event_refund": "活动退回",
    "badge": "获得徽章",
    "level": "升级奖励",
    "makeup_card": "补签卡",
    "": "其他",
}
"""What the bot itself calls the rows that have no reason of the operators'."""


@dataclass(frozen=True, slots=True)
class PointRules:
    """Everything operators decide about points.

    ``cap_of_day``: what a member may earn on one day besides check-ins (0: no limit). ``expire_after_months``: points lapse at the end of the month
    so many months after they were earned (0: never). ``most_at_once``: what an administrator may give or take at once.
    """

    check_in: CheckInRule = CheckInRule()
    reasons: Mapping[str, Reason] = field(default_factory=lambda: dict(REASONS))
    cap_of_day: int = 200
    expire_after_months: int = 12
    transfer: TransferRule = TransferRule()
    make_up: MakeUpRule = MakeUpRule()
    thanks: ThanksRule = ThanksRule()
    most_at_once: int = 10_000

    def last_day_of(self, earned: date) -> date | None:
        """The last day of points that were earned on a day; None where points never lapse."""
        if not self.expire_after_months:
            return None
        months = earned.year * 12 + earned.month - 1 + self.expire_after_months
        year, month = divmod(months, 12)
        return date(year, month + 1, monthrange(year, month + 1)[1])

    def reason(self, id: str) -> Reason:
        """What an id stands for; for an unknown one a reason that gives nothing."""
        return self.reasons.get(id) or Reason(id, TITLES.get(id, id), 0)

    def title_of_reason(self, id: str) -> str:
        """What a row's reason is called in Chinese; an unknown one, such as an administrator's words, as it is."""
        return self.reason(id).title


def check_in_reward(streak_days: int, rule: CheckInRule) -> int:
    """The points for the check-in that makes the streak ``streak_days`` long (1 = the first day)."""
    return rule.base + bonus_on(streak_days, rule)


def bonus_on(streak_days: int, rule: CheckInRule) -> int:
    """The bonus alone: 0 on most days."""
    longest = max((bonus.days for bonus in rule.bonuses), default=0)
    day = (streak_days - 1) % longest + 1 if rule.repeat and longest else streak_days
    return sum(bonus.points for bonus in rule.bonuses if bonus.days == day)
