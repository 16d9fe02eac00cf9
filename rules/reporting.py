"""举报 and 申诉: which message is one, how much a reporter's word weighs, and when several reporters look like one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from rules.judgement import Category
from rules.text import normalise

PLEAS = frozenset({"举报", "投诉举报", "申诉", "我要申诉", "我要举报"})
"""Messages that begin with one of these are pleas: what they quote is not held against who says it."""
SMALLEST_CAMPAIGN = 3
"""So few reporters who only ever report one person are worth a remark."""


_ABOUT: Mapping[Category, re.Pattern[str]] = {
    "scam": re.compile("骗|传销|刷单|赌博|假冒"),
    "porn": re.compile("色情|黄色|黄图|涉黄|裸|骚扰"),
    "threat": re.compile("威胁|恐吓|打我|弄死|人肉|跟踪"),
    "advert": re.compile("广告|推销|拉人|拉群|加微信|兼职|代购|引流|卖货"),
    "flood": re.compile("刷屏|刷的?屏|一直发|不停地?发"),
}
"""What reporters call things, the worst first."""


def category_of(note: str) -> Category:
    """What a reporter complains of, by his own words; an insult or the like where they do not tell."""
    return next((category for category, words in _ABOUT.items() if words.search(note)), "report")


def is_plea(text: str) -> bool:
    """Whether a message is a report or an appeal, by its first word."""
    words = normalise(text[:40]).split(None, 1)
    return bool(words) and words[0].rstrip("：:，,") in PLEAS


def weight(accepted: int, refused: int) -> float:
    """What a report weighs by what came of the reporter's earlier ones: 0.5 of a stranger, near 1 or 0 of one who was mostly right or wrong."""
    return (accepted + 1) / (accepted + refused + 2)


def is_campaign(reported: Sequence[Collection[int]]) -> bool:
    """Whether a case's reporters look like a campaign; given, of each, all members he ever reported, one entry a report.

    Several of them reported more than once, and nobody but the one.
    """
    return sum(len(ever) > 1 and len(set(ever)) == 1 for ever in reported) >= SMALLEST_CAMPAIGN
