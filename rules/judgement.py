"""What judging a text gives: reasons, each from one judge that explains itself, and the verdict that a policy makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["pass", "review", "warn"]
Category = Literal[
    "insult", "threat", "porn", "advert", "contact", "scam", "flood", "copy", "raid", "report", "despair", "fault", "other",
]  # fmt: skip
Source = Literal["words", "abuse", "adverts", "history", "member", "fault"]
"""Which judge speaks: the word list, the model of abuse, the judge of advertisements, what was said before, a report, a failure of ours."""

TITLES: Mapping[Category, str] = {
    "insult": "辱骂", "threat": "威胁", "porn": "色情", "advert": "广告", "contact": "联系方式", "scam": "诈骗", "flood": "刷屏",
    "copy": "重复发言", "raid": "集中刷屏", "report": "成员举报", "despair": "绝望", "fault": "故障", "other": "其他",
}  # fmt: skip
"""What operators call each category."""
RULES: Mapping[Category, str] = {
    "insult": "友善交流，不辱骂他人", "threat": "不威胁他人", "porn": "不发色情低俗内容", "advert": "未经同意不发广告",
    "contact": "不在群里留联系方式拉人", "scam": "不发诈骗信息", "flood": "不刷屏", "copy": "不反复发同样的话", "raid": "不集中刷屏",
    "report": "友善交流，不辱骂他人", "despair": "", "fault": "自动判断失败，请人工查看", "other": "遵守群规",
}  # fmt: skip
"""The rule that a member is told, where the word list or the policy names no other."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that a judge found.

    ``score`` is how sure it is (0..1; a model's is calibrated: 0.5 is as likely as not), ``severity`` 1 (only noted) to 3 (worst). ``said``
    tells an operator in Chinese what was found and how the text had to be read (``“傻·逼”读作“傻逼”``); ``span`` is where it stands in the text
    as it was sent (characters, end exclusive); ``steps`` are the readings that led to it, none when it stands there as it is listed.
    """

    source: Source
    category: Category
    score: float
    severity: int
    rule: str
    said: str
    span: tuple[int, int] | None = None
    steps: tuple[str, ...] = ()
    word: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What was said before, as far as a judge needs it: counts of the member's and his group's last messages, this one included.

    ``same`` is how often the member said this text within ten minutes; ``same_by_others`` how many other members did in his group;
    ``newcomers`` how many members spoke here for the first time within ten minutes. ``is_newcomer``: his first week. ``is_hushed``: he flooded
    just now, and goes unanswered for a moment.
    """

    in_ten_seconds: int = 0
    in_a_minute: int = 0
    same: int = 0
    same_by_others: int = 0
    newcomers: int = 0
    is_newcomer: bool = False
    is_hushed: bool = False


NO_HISTORY = History()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a text. ``reasons`` are those that count, worst first; ``abuse`` and ``mood`` (0 unhappy .. 1 happy) as :doc:`judge` tells.

    ``abuse`` is calibrated for as much abuse as not: 0.5 is break-even there; the verdict has thresholds of its own.
    """

    verdict: Outcome = "pass"
    severity: int = 0
    reasons: tuple[Reason, ...] = ()
    abuse: float = 0.0
    mood: float = 0.5

    @property
    def rule(self) -> str:
        """The rule that the worst reason names; '' without one."""
        return self.reasons[0].rule if self.reasons else ""

    @property
    def category(self) -> str:
        """The worst reason's category; '' without one."""
        return self.reasons[0].category if self.reasons else ""

    @property
    def categories(self) -> frozenset[str]:
        """All reasons' categories."""
        return frozenset(reason.category for reason in self.reasons)

    @property
    def sources(self) -> frozenset[str]:
        """All reasons' sources."""
        return frozenset(reason.source for reason in self.reasons)

    @property
    def hits(self) -> tuple[str, ...]:
        """The listed words that were found, worst first."""
        return tuple(reason.word for reason in self.reasons if reason.word)
