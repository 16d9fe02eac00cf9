"""Which activity a member's words mean: those that run, one by its number, and the number that may stand in front of what he says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.context import Context
from bot.errors import UserError
from rules.activities import TITLES, Activity, KindId

MOST_LISTED = 20

# 1号楼302 and 8号那天 are an address and a date: behind the mark of an activity there is a blank, a colon or nothing
_MARKED = re.compile(r"(?s)\s*[#第]?\s*(\d{1,6})\s*号(?:投票|接龙|问卷|话题|征稿)?(?:[\s:：]+(.*?))?\s*")
_FIRST = re.compile(r"(?s)\s*#?(\d{1,6})(?:[\s:：,，、]+(.*?))?\s*")


def running_of(ctx: Context, kind: KindId) -> list[Activity]:
    """The open activities of a kind, in the order of their numbers."""
    return [one for one in ctx.stores.activities.running(ctx.community.keys) if one.kind == kind and one.is_open]


def of_number(ctx: Context, kind: KindId, number: int, example: str) -> Activity:
    """An activity of a kind that is no draft. Raises UserError where no such one has the number."""
    activity = ctx.stores.activities.find(ctx.community.keys, number)
    if activity is None or activity.kind != kind or activity.state == "draft":
        raise UserError(f"没有 {number} 号{TITLES[kind]}。说“{TITLES[kind]}”看有哪些，例如再说：{example}")
    return activity


def listed(running: Sequence[Activity]) -> str:
    """Activities as rows of a list, with their numbers."""
    return "\n".join(f"{one.number}号 {one.title}（{one.entries} 人）" for one in running[:MOST_LISTED])


def marked(words: str) -> tuple[int, str] | None:
    """The number that is said to be an activity's – 5号, 5号投票 – and what stands behind it; None where there is none."""
    found = _MARKED.fullmatch(words)
    return (int(found[1]), found[2] or "") if found else None


def addressed(words: str, running: Sequence[Activity]) -> tuple[Activity | None, str]:
    """Which of those that run words begin with – 5号 我的想法 – and what they say to it; None and all the words where they name none."""
    head = marked(words)
    named = next((one for one in running if head and one.number == head[0]), None)
    return (named, head[1]) if head and named else (None, words)


def numbered(words: str) -> tuple[int, str] | None:
    """The bare number that words begin with, and what stands behind it; None where there is none."""
    found = _FIRST.fullmatch(words)
    return (int(found[1]), found[2] or "") if found else None
