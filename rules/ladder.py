"""The ladder: what a member is told at which strike, how strikes lapse, and how mild the bot is to newcomers. Pure figures and words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

WORDS = ("community", "rule", "case", "strikes")
"""What may stand in braces in the words of a step."""


@dataclass(frozen=True, slots=True)
class LadderStep:
    """From so many strikes on the member reads ``words`` in private; ``group``: a reminder to all that names nobody, too; ``admins``: they hear of it."""

    strikes: int
    words: str
    group: bool = False
    admins: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """The whole ladder. ``lapse_days`` without another strike take all of a member's away; 0 never.

    Within ``cool_down_minutes`` of a warning nobody is warned again. ``spare_newcomers``: in his first days a member gets ``hint`` instead, and no
    strike. Limits: reports of a member a day, and of one and the same person a day; appeals a week.
    """

    steps: tuple[LadderStep, ...] = (
        LadderStep(1, "提醒：你在“{community}”的一条消息触发了规则：{rule}（案件 {case}，第 {strikes} 次提醒）。"),
        LadderStep(
            2, "提醒：你在“{community}”又有一条消息触发了规则：{rule}（案件 {case}，第 {strikes} 次提醒）。请留意一下。", group=True
        ),
        LadderStep(
            3, "提醒：你在“{community}”的消息再次触发了规则：{rule}（案件 {case}，第 {strikes} 次提醒）。管理员会来看看。", admins=True
        ),
    )
    hint: str = "欢迎来到“{community}”！提醒一下这里的规则：{rule}（案件 {case}）。你刚来不久，这次不记警告，以后留意就好。"
    public: str = "💛 提醒大家一下：{rule}。有不同意见可以好好说，需要帮忙请说“人工”。"
    lapse_days: int = 30
    cool_down_minutes: int = 10
    spare_newcomers: bool = True
    reports_a_day: int = 5
    reports_of_one_a_day: int = 2
    appeals_a_week: int = 3

    @property
    def lapse(self) -> timedelta:
        """After how long without another strike they all lapse; 0 never."""
        return timedelta(days=self.lapse_days)

    @property
    def cool_down(self) -> timedelta:
        """How long after a warning its member is not warned again."""
        return timedelta(minutes=self.cool_down_minutes)

    def step(self, strikes: int) -> LadderStep:
        """The step of a member who has so many strikes now."""
        reached = [step for step in self.steps if step.strikes <= strikes]
        return reached[-1] if reached else self.steps[0]


def filled(words: str, *, community: str, rule: str, case: int, strikes: int = 0) -> str:
    """The words of a step for one case; names in braces are replaced, values are never read as such."""
    values = {"community": community, "rule": rule or "遵守群规", "case": str(case), "strikes": str(strikes)}
    out, rest = "", words
    while (start := rest.find("{")) >= 0:
        end = rest.find("}", start)
        name = rest[start + 1 : end] if end > 0 else ""
        out += rest[:start] + (values[name] if name in values else rest[start : start + 1])
        rest = rest[end + 1 :] if name in values else rest[start + 1 :]
    return out + rest


def how_to_appeal(case: int) -> str:
    """What stands below every warning, whatever its words: who sees it, and the way to object."""
    return f"这条提醒只有你能看到。如果判断错了，请私聊我说“申诉 {case} 理由”，会由另一位管理员复核。"
