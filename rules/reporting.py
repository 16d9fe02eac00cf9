"""举报 and 申诉: which message is one, how much a reporter's word weighs, and when several reporters look like one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from rules.judgement import Category
from rules.questions import asks_about
from rules.text import normalise

REPORT = r"(?s)\s*(?:我要|我想|投诉)?[举舉][报報](?:(?=[@＠])|\s*[：:，,、]\s*|\s+|$)(.*)"
"""A report and its words, in whichever way people write it."""
APPEAL = r"(?s)\s*(?:我要|我想|案件)?申[诉訴](?:(?=[#＃\d]|案件\s*[#＃]?\d)|\s*[：:，,、]\s*|\s+|$)(.*)"
"""An appeal and its words."""
SMALLEST_CAMPAIGN = 3
"""So few reporters who report one person again and again, and nobody else, are worth a remark."""
SMALLEST_CROWD = 5
"""So few who ever reported but this one, be it once."""
_ENDINGS = " \n\t。.!！?？~～"
_ABOUT_PLEAS = re.compile(
    r"(?:一般|大概)?(?:要|需要)?(?:等)?(?:多久|多长时间|几天).{0,6}|在?哪里?(?:可以|能)?(?:举报|申诉|提交|说)?|(?:怎么|怎样|如何)(?:举报|申诉|提交).{0,6}"
    r"|(?:他|对方|别人|群里)?会(?:不会)?(?:被)?(?:别人|他|人)?(?:知道|看到)(?:吗|么)?"
)
_REPORTS, _APPEALS = re.compile(REPORT), re.compile(APPEAL)

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


def report_in(text: str) -> str | None:
    """What stands behind 举报 in a message; None where it is no report."""
    return _behind(_REPORTS, text)


def appeal_in(text: str) -> str | None:
    """What stands behind 申诉 in a message; None where it is no appeal."""
    return _behind(_APPEALS, text)


def _behind(pattern: re.Pattern[str], text: str) -> str | None:
    text = text.rstrip(_ENDINGS)
    found = pattern.fullmatch(text) or pattern.fullmatch(normalise(text))
    return found[1].strip() if found else None


def asks_about_pleas(words: str) -> bool:
    """Whether a message, or what stands behind its 举报 or 申诉, asks how that works. A case number or a name makes it a plea: 申诉 1 凭什么?"""
    said = next((found for found in (report_in(words), appeal_in(words)) if found is not None), words)
    return asks_about(said) or bool(_ABOUT_PLEAS.fullmatch(said.strip(_ENDINGS)))


def weight(accepted: int, refused: int) -> float:
    """What a report weighs by what came of the reporter's earlier ones: 0.5 of a stranger, near 1 or 0 of one who was mostly right or wrong."""
    return (accepted + 1) / (accepted + refused + 2)


def is_campaign(reported: Sequence[Collection[int]]) -> bool:
    """Whether a case's reporters look like a campaign; given, of each, all members he ever reported, one entry a report.

    Several of them reported more than once, and nobody but the one; or a whole crowd never reported anybody else.
    """
    single = [ever for ever in reported if len(set(ever)) == 1]
    return len(single) >= SMALLEST_CROWD or sum(len(ever) > 1 for ever in single) >= SMALLEST_CAMPAIGN
