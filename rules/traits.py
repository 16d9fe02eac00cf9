"""Traits: what a segment can ask of a member, and how a block of members answers.

Traits are kept as columns (storage/traits.py), a block of members at a time; a question is answered for the whole block at once, never member by member.
A day is kept as its ordinal and turned into "so many days ago" when it is asked for, so that no night job has to touch a million rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Sort = Literal["number", "days", "share", "word", "flag", "set"]
"""number: counted; days: how many days ago (never: more than any); share: 0–1; word: one of a few; flag: so or not; set: any number of names (tag:新手)."""
NEVER = 32_767
"""Days since what never happened."""


@dataclass(frozen=True, slots=True)
class Trait:
    """A trait by the name that an expression has for it; ``also`` are names that people write instead, ``title`` what it is called in sentences.

    ``words`` are those that a word can be (what is written → code). ``about`` says for operators what it is, how it comes about and how old it may be.
    """

    name: str
    title: str
    sort: Sort
    also: tuple[str, ...] = ()
    unit: str = ""
    words: Mapping[str, int] = field(default_factory=dict)
    about: str = ""


_STAGES = {"新人": 1, "活跃": 2, "稳定": 3, "沉默": 4, "流失": 5}
_LAYERS = {"体验": 1, "核心": 2, "贡献": 3}
_TRUST = {"认知": 1, "信任": 2, "认同": 3}

TRAITS: Mapping[str, Trait] = {
    trait.name: trait
    for trait in (
        Trait("joined", "入群", "days", ("入群", "入群天数"), "天", about="第一次说话或进群到今天几天"),
        Trait("silent_days", "没说话", "days", ("沉默天数", "没说话"), "天", about="最后一次说话到今天几天，单聊机器人也算"),
        Trait("active_days", "30 天里说话的天数", "number", ("活跃天数",), "天", about="最近 30 天里有几天在群里说过话"),
        Trait("level", "等级", "number", ("等级",), "级", about="现在的等级，从 1 起"),
        Trait("points", "积分", "number", ("积分",), "分", about="现在的积分"),
        Trait("earned", "累计积分", "number", ("累计积分",), "分", about="得到过的积分，花掉的也算"),
        Trait("streak", "连续签到", "number", ("连续签到",), "天", about="到最后一次签到为止连续几天"),
        Trait("check_ins", "签到次数", "number", ("签到次数",), "次", about="一共签到几次"),
        Trait("check_in_days", "没签到", "days", ("没签到",), "天", about="最后一次签到到今天几天"),
        Trait("orders", "兑换次数", "number", ("兑换次数",), "次", about="兑换过几次，退回的不算"),
        Trait("order_days", "没兑换", "days", ("没兑换",), "天", about="最后一次兑换到今天几天"),
        Trait("invited", "邀请", "number", ("邀请人数",), "人", about="请来并且留下的人"),
        Trait("thanks", "被感谢", "number", ("被感谢",), "次", about="被别人感谢过几次"),
        Trait("featured", "精华", "number", ("精华",), "次", about="被设为精华几次"),
        Trait("strikes", "警告", "number", ("警告",), "次", about="现在算数的警告"),
        Trait("mood", "情绪", "share", ("情绪",), about="他的消息平均有多愉快，0 到 1；听得太少的人没有"),
        Trait("churn", "流失概率", "share", ("流失概率",), about="他不再来的可能，按他自己的节奏算，每天更新"),
        Trait("koc", "影响力", "share", ("影响力", "KOC"), about="在互相回答、感谢里的分量，0 到 1，每天更新"),
        Trait("stage", "阶段", "word", ("阶段",), words=_STAGES, about="生命周期：新人、活跃、稳定、沉默、流失"),
        Trait("layer", "层", "word", ("层", "层级"), words=_LAYERS, about="按最近、频率、贡献分：体验、核心、贡献"),
        Trait("trust", "信任", "word", ("信任",), words=_TRUST, about="认知、信任、认同"),
        Trait("staff", "有职务", "flag", ("职务",), about="在这个社群有角色的人"),
        Trait("customer", "外部客户", "flag", ("客户",), about="企业外面的人"),
        Trait("reachable", "能私聊", "flag", ("能私聊",), about="机器人能主动私聊他"),
        Trait("opted_out", "免打扰", "flag", ("免打扰",), about="说过“免打扰”，什么推送都不要；只不要营销的不算"),
        Trait("tag", "标签", "set", ("标签",), about="运营或流程打的标签，写法 tag:新手"),
        Trait("group", "群", "set", ("群",), about="最近在哪些群说过话，写法 group:群的编号"),
    )
}
"""Every trait by its name. What is added here has to be filled in bot/traits.py and is then known to expressions, console and docs."""


class Block(Protocol):
    """Some members of a community, and what is known of them: arrays with one value a member, in the same order.

    Of a number NaN, of a word 0 is: not known. ``days`` counts to the day for which the block was asked.
    """

    @property
    def members(self) -> NDArray[np.uint32]:
        """Their numbers; only those who are here."""

    def number(self, trait: str) -> NDArray[np.float64]:
        """A number, a share, or days ago (:data:`NEVER` where it never happened)."""

    def word(self, trait: str) -> NDArray[np.uint8]:
        """The code of a word."""

    def flag(self, trait: str) -> NDArray[np.bool_]:
        """Whether it is so."""

    def within(self, trait: str, name: str) -> NDArray[np.bool_]:
        """Whether ``name`` is among the names of a set."""
