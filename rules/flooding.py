"""Flooding, copies and raids: what was said before, weighed. The counts come from storage; who only looks at one text has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

from rules.judgement import RULES, Category, History, Reason
from rules.text import normalise

_SILENT = re.compile(r"[^0-9a-z\u3400-\u9fff]+")
_ROUTINE = re.compile(r"[+\d\s.、]*(?:收到|谢谢|签到|打卡|接龙|已?报名|祝|恭喜|生日快乐|新年快乐|节日快乐|早上好|晚安|欢迎|辛苦)")
"""What many say alike, one after the other, and nobody minds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From how many messages on it is too much. 0 switches one off.

    ``same`` is the same text by one member within ten minutes, ``same_by_others`` by other members of his group, ``newcomers`` how many who never
    spoke before begin with something doubtful. Texts of fewer than ``shortest`` letters are no copies. ``quiet_s``: how long a flooder goes unanswered.
    """

    ten_seconds: int = 8
    minute: int = 25
    same: int = 4
    same_by_others: int = 6
    newcomers: int = 5
    shortest: int = 8
    quiet_s: int = 60


def copy_digest(text: str, shortest: int) -> str:
    """By what the same text is known again; '' where it is too short to tell, or a thing that many say."""
    if len(text) < shortest:
        return ""
    plain = normalise(text)
    letters = _SILENT.sub("", plain)
    if len(letters) < shortest or _ROUTINE.match(plain):
        return ""
    return blake2b(letters.encode(), digest_size=8).hexdigest()


def find(history: History, limits: Limits) -> tuple[Reason, ...]:
    """A reason for each limit that was passed."""
    return tuple(_passed(history, limits))


def fresh(history: History, limits: Limits) -> History:
    """The history without what was found with an earlier message already, and without raids, which are no single member's."""
    is_new_flood = history.in_ten_seconds == limits.ten_seconds or history.in_a_minute == limits.minute
    return replace(
        history,
        in_ten_seconds=history.in_ten_seconds if is_new_flood else 0,
        in_a_minute=history.in_a_minute if is_new_flood else 0,
        same=history.same if history.same == limits.same else 0,
        same_by_others=0,
        newcomers=0,
    )


def _passed(history: History, limits: Limits) -> Iterator[Reason]:
    if 0 < limits.ten_seconds <= history.in_ten_seconds or 0 < limits.minute <= history.in_a_minute:
        yield _reason("flood", f"10 秒里发了 {history.in_ten_seconds} 条，一分钟里 {history.in_a_minute} 条")
    if 0 < limits.same <= history.same:
        yield _reason("copy", f"10 分钟里把同样的话说了 {history.same} 遍")
    if 0 < limits.same_by_others <= history.same_by_others:
        yield _reason("raid", f"10 分钟里另有 {history.same_by_others} 位成员说了同样的话")
    if 0 < limits.newcomers <= history.newcomers:
        yield _reason("raid", f"10 分钟里有 {history.newcomers} 位第一次说话的成员说了可疑的话")


def _reason(category: Category, said: str) -> Reason:
    return Reason("history", category, 1.0, 2, RULES[category], said)
