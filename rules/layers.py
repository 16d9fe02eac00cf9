"""Where members stand: the stage of their life in a community, the layer that recency, frequency and contribution put them in, and how far they trust it.

Everything is worked out for whole arrays of members, from what they did and from nothing else.
Days are days ago (:data:`~rules.traits.NEVER` where it never happened), ``churn`` is NaN where nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rules.traits import NEVER, TRAITS, Block

NEW_DAYS = 30
"""So long somebody is new: the manuals follow newcomers for 7 and 30 days."""
SILENT_DAYS = 14
LOST_DAYS = 60
LIVELY_DAYS = 8
"""Days of the last 30 on which the active speak: twice a week."""
LEAVING = 0.7
"""The chance of not coming back from which the manuals step in."""
RECENT = (7, 30)
FREQUENT = (12, 4)
GIVING = (10, 3)
"""From when on recency and frequency earn two points, and one; contribution makes the third layer, and earns one."""
CORE = 3
"""Points of the second layer."""
WORTH_FEATURED, WORTH_INVITED = 3, 5
"""What a featured message and a newcomer who stayed weigh against one thanks."""
REGULAR_CHECK_INS = 7
TRUSTED_THANKS = 5

_STAGE, _LAYER, _TRUST = (TRAITS[name].words for name in ("stage", "layer", "trust"))
Codes = NDArray[np.uint8]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Doings:
    """What stages, layers and trust are worked out from, one value a member."""

    joined: Numbers
    silent_days: Numbers
    active_days: Numbers
    churn: Numbers
    check_ins: Numbers
    orders: Numbers
    invited: Numbers
    thanks: Numbers
    featured: Numbers

    @classmethod
    def of(cls, block: Block) -> Self:
        """Those of a block's members."""
        return cls(*(block.number(name) for name in DOINGS))


DOINGS = tuple(field.name for field in fields(Doings))
"""The traits that stand for them."""


def stages(of: Doings) -> Codes:
    """新人, 活跃, 稳定, 沉默 or 流失. Who is leaving by his own rhythm is silent sooner than by the calendar."""
    leaves = np.nan_to_num(of.churn, nan=0.0) > LEAVING
    is_lost = (of.silent_days > LOST_DAYS) & ((of.silent_days < NEVER) | (of.joined > LOST_DAYS))
    is_silent = (of.silent_days > SILENT_DAYS) & ((of.silent_days < NEVER) | (of.joined > SILENT_DAYS)) | leaves
    is_new = of.joined < NEW_DAYS
    is_lively = of.active_days >= LIVELY_DAYS
    return np.select(
        [is_lost, is_silent, is_new, is_lively], [_STAGE["流失"], _STAGE["沉默"], _STAGE["新人"], _STAGE["活跃"]], _STAGE["稳定"]
    ).astype(np.uint8)  # fmt: skip


def layers(of: Doings) -> Codes:
    """体验, 核心 or 贡献: by recency, frequency and what he gives to others."""
    recency, frequency = _earned(of)
    gives = _given(of)
    is_giving = (gives >= GIVING[0]) & (recency >= 1)
    is_core = recency + frequency + (gives >= GIVING[1]) >= CORE
    return np.select([is_giving, is_core], [_LAYER["贡献"], _LAYER["核心"]], _LAYER["体验"]).astype(np.uint8)


def trusts(of: Doings) -> Codes:
    """认知, 信任 or 认同: who brings or helps others stands for the community; who checks in, buys or speaks regularly trusts it."""
    stands_for = (of.invited >= 1) | (of.featured >= 1) | (of.thanks >= TRUSTED_THANKS)
    has_trust = (of.check_ins >= REGULAR_CHECK_INS) | (of.orders >= 1) | (of.active_days >= LIVELY_DAYS)
    return np.select([stands_for, has_trust], [_TRUST["认同"], _TRUST["信任"]], _TRUST["认知"]).astype(np.uint8)


def _earned(of: Doings) -> tuple[Numbers, Numbers]:
    """The points of recency and of frequency."""
    recency = np.where(of.silent_days <= RECENT[0], 2.0, np.where(of.silent_days <= RECENT[1], 1.0, 0.0))
    frequency = np.where(of.active_days >= FREQUENT[0], 2.0, np.where(of.active_days >= FREQUENT[1], 1.0, 0.0))
    return recency, frequency


def _given(of: Doings) -> Numbers:
    return of.thanks + WORTH_FEATURED * of.featured + WORTH_INVITED * of.invited


# Why, said of one member ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stand:
    """Where one member stands: a word, and why in Chinese."""

    word: str
    why: str


def stands(of: Doings) -> tuple[Stand, Stand, Stand]:
    """The stage, layer and trust of one member – the doings are of him alone – as :func:`stages`, :func:`layers` and :func:`trusts` say."""
    words = [
        _word(name, int(found[0])) for name, found in (("stage", stages(of)), ("layer", layers(of)), ("trust", trusts(of)))
    ]  # fmt: skip
    whys = (_why_stage(words[0], of), _why_layer(of), _why_trust(words[2], of))
    stage, layer, trust = (Stand(word, why) for word, why in zip(words, whys, strict=True))
    return stage, layer, trust


def _word(trait: str, code: int) -> str:
    return next((word for word, known in TRAITS[trait].words.items() if known == code), "")


def _why_stage(stage: str, of: Doings) -> str:
    joined, silent, active, churn = (float(values[0]) for values in (of.joined, of.silent_days, of.active_days, of.churn))
    said = _silence(joined, silent, active)
    match stage:
        case "新人":
            return f"来了 {joined:.0f} 天，不到 {NEW_DAYS} 天"
        case "活跃":
            return f"最近 30 天有 {active:.0f} 天说话，{LIVELY_DAYS} 天以上算活跃"
        case "稳定":
            return f"{said}，最近 30 天有 {active:.0f} 天说话，不到 {LIVELY_DAYS} 天"
        case "沉默" if silent <= SILENT_DAYS:
            return f"{said}，按他自己的节奏，不再来的可能有 {churn:.0%}"
        case _:
            came = f"来了 {joined:.0f} 天，" if silent >= NEVER > joined else ""
            return f"{came}{said}，超过 {LOST_DAYS if stage == '流失' else SILENT_DAYS} 天"


def _silence(joined: float, silent: float, active: float) -> str:
    if silent >= NEVER:
        return "从没说过话"
    return "今天说过话" if silent < 1 else f"{silent:.0f} 天没说话{_rhythm(joined, silent, active)}"


def _rhythm(joined: float, silent: float, active: float) -> str:
    """How often he spoke before he fell silent, as the last 30 days show it; '' where they show too little."""
    days = min(joined + 1, 30) - silent
    if active < 2 or days < active:
        return ""
    every = round(days / active)
    return f"，平时{f' {every} 天一次' if every > 1 else '差不多每天都说'}"


def _why_layer(of: Doings) -> str:
    recency, frequency = (int(points[0]) for points in _earned(of))
    thanks, featured, invited, gives = (float(values[0]) for values in (of.thanks, of.featured, of.invited, _given(of)))
    what = "、".join(f"{name} {n:.0f} 次" for name, n in (("被感谢", thanks), ("精华", featured), ("邀请", invited)) if n)
    given = f"贡献 {gives:.0f}{f'（{what}）' if what else ''}"
    return (
        f"最近 {recency} 分、频率 {frequency} 分，{given}；贡献满 {GIVING[0]} 并且 {RECENT[1]} 天内来过是贡献层，合计满 {CORE} 分是核心层"
    )


def _why_trust(trust: str, of: Doings) -> str:
    shown = {
        "认同": (("请来了 {:.0f} 人", of.invited), ("精华 {:.0f} 次", of.featured), ("被感谢 {:.0f} 次", of.thanks)),
        "信任": (("签到 {:.0f} 次", of.check_ins), ("兑换 {:.0f} 次", of.orders), ("最近 30 天有 {:.0f} 天说话", of.active_days)),
    }.get(trust, ())
    said = "，".join(words.format(float(values[0])) for words, values in shown if values[0] > 0)
    return said or f"还没有签到满 {REGULAR_CHECK_INS} 次、兑换过东西或常说话"
