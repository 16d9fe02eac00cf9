"""A short question that is unclear alone, joined with what the answer before it was about: ``那多久`` after ``怎么退款`` asks ``退款多久``."""

from __future__ import annotations

import re

from rules.entries import Entry
from rules.faq import Finding
from rules.text import core

LONGEST = 12
"""Characters of a question that may lean on the one before; who says more names his subject."""
LONGEST_SUBJECT = 3
"""Characters that such a question has besides its asking words: ``丢`` in 丢了怎么办, ``过期`` in 会过期吗; with more it names a subject of its own."""
ALONE_FROM, WHOLE_FROM = 0.2, 0.5
"""What an answer needs: to fit the short question alone, by the words that are in it, and well the one joined with the subject. With the shipped
FAQ, of 6,000 short lines of other people's chat said after an answer, one in 200 is taken to be about it: 电话是？, 要多久."""
CLEAR_BY = 0.1
"""By how much both together have to be better than the next answer's."""

_QUESTION = re.compile("[?？吗呢么几哪谁咋啥]|多少|多久|多长|多大|何|为什|怎|什么|能不能|可不可|是不是|有没有|要不要|需不需|行不行")
_LEADING = re.compile(r"^(?:那么?|然后|还有|另外|再问一?下|它|他|这个?|那个|的话|[，,、\s])+")
_ASKING = re.compile(
    "为什么|怎么样|怎么办|怎么回事|怎么|怎样|如何|什么时候|什么|哪里|哪儿|哪个|多少钱|多少|多久|几天|多长时间|可不可以|能不能|可以|是不是|有没有"
    "|请问|一下|[我你您吗呢吧啊呀嘛了的？?！!。，,、\\s]"
)


def may_lean(text: str) -> bool:
    """Whether a text asks, and so briefly that it may be about what was answered before."""
    asked = core(text)
    if not 0 < len(asked) <= LONGEST or _QUESTION.search(text) is None:
        return False
    return len(subject_of(_LEADING.sub("", asked))) <= LONGEST_SUBJECT


def subject_of(question: str) -> str:
    """What a question is about: itself without the words that ask."""
    return _ASKING.sub("", core(question))


def find_meant(alone: Finding, whole: Finding, before: Entry) -> Entry | None:
    """What a short question means: ``alone`` was found for it as it was said, ``whole`` for it joined with the subject of ``before``.

    The answer before is left aside: it fits its own subject whatever is asked, and was given already.
    """
    fits_whole = {candidate.entry.id: candidate.score for candidate in whole.candidates}
    ranked = sorted(
        ((one.score + fits_whole.get(one.entry.id, 0.0), one) for one in alone.candidates if one.entry.id != before.id),
        key=lambda pair: -pair[0],
    )
    if not ranked:
        return None
    both, best = ranked[0]
    is_clear = len(ranked) == 1 or both - ranked[1][0] >= CLEAR_BY
    fits = best.score >= ALONE_FROM and fits_whole.get(best.entry.id, 0.0) >= WHOLE_FROM
    return best.entry if fits and is_clear else None


def joined(before: str, text: str) -> str:
    """The short question ``text`` about the subject of the question before; "" where that has no subject, or is named anyway."""
    subject, rest = subject_of(before), _LEADING.sub("", core(text))
    return f"{subject}{rest}" if subject and rest and subject not in rest else ""
