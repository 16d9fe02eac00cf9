"""Invitations: codes, who was invited by whom as people say it, when a newcomer has stayed, and what the tiers bring."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from rules.questions import is_question

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"
"""What codes are made of: nothing that looks like something else, and no vowels, so that no code is a word."""
LENGTH = 6
_CODE = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}")

State = Literal["waiting", "held", "credited", "reversed", "left", "silent", "rejected"]
STATES: dict[State, str] = {
    "waiting": "等满天数", "held": "等运营看过", "credited": "已计入", "reversed": "已退回", "left": "没留下", "silent": "一直没有出现",
    "rejected": "没有通过",
}  # fmt: skip
"""What an invitation can be, as members read it."""

Act = Literal["credit", "leave", "silent", "later", "done"]
"""What the clock does about an invitation."""

DAY = timedelta(days=1)
AWAY = DAY
"""Who is back within this time (in another group of the community, too) had not left."""


@dataclass(frozen=True, slots=True)
class Tier:
    """What it brings to have ``at`` newcomers who stayed: points, a badge and a tag, each where it is named."""

    at: int
    points: int = 0
    badge: str = ""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class InvitationRules:
    """How invitations count. What one newcomer brings stands with the other reasons for points (``invited``).

    A newcomer can name his inviter within ``claim_days`` of coming, and counts after ``stay_days``; of whom nothing is known by ``wait_days``
    is let go. Who leaves within ``reversal_days`` after he counted does not count any more. Where somebody invites more than ``per_hour`` or
    ``per_day``, people look first. ``link`` is where the QR picture leads, with ``{code}`` in it ('' to the bot's own page).
    """

    enabled: bool = True
    claim_days: int = 7
    stay_days: int = 7
    wait_days: int = 30
    reversal_days: int = 30
    per_hour: int = 5
    per_day: int = 15
    link: str = ""
    sentence: str = "扫一扫，来和我们一起"
    how: str = "请邀请你的朋友把你拉进群，或者把群二维码发给你。"
    tiers: tuple[Tier, ...] = (Tier(1), Tier(3, 30), Tier(10, 100))

    def next_tier(self, credited: int) -> Tier | None:
        """The first tier that somebody with so many newcomers does not have yet."""
        return next((tier for tier in self.tiers if tier.at > credited), None)

    def tier(self, at: int) -> Tier | None:
        """The tier of so many newcomers."""
        return next((tier for tier in self.tiers if tier.at == at), None)


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of a newcomer's being there.

    ``arrived`` tells that a group's roster showed him join, ``left`` since when he is gone (None: he is not), ``spoke`` the last day on
    which he said something. Of groups without a roster only the last is known.
    """

    arrived: bool = False
    left: datetime | None = None
    spoke: date | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What the clock does, and when it looks again."""

    act: Act
    again: datetime | None = None


def judge_waiting(rules: InvitationRules, claimed: datetime, claimed_day: date, due: datetime, seen: Presence, now: datetime) -> Step:
    """What becomes of an invitation that waits: its newcomer stayed until ``due``, left, or nothing is known of him yet.

    Where no roster tells that he is there, he has to have said something on a day after the one on which he was attributed (``claimed_day``).
    """
    if seen.left is not None:
        return _judge_gone(seen.left, now)
    if now < due:
        return Step("later", due)
    if seen.arrived or (seen.spoke is not None and seen.spoke > claimed_day):
        return Step("credit")
    return Step("later", now + DAY) if now < max(due, claimed + timedelta(days=rules.wait_days)) else Step("silent")


def judge_credited(rules: InvitationRules, credited: datetime, seen: Presence, now: datetime) -> Step:
    """What becomes of an invitation that was credited: taken back where its newcomer left in time, else looked at once a day until that is over.

    When he left decides, not when it is looked at: a clock that stood still takes back what it should have, and nothing else.
    """
    over = credited + timedelta(days=rules.reversal_days)
    if seen.left is not None and seen.left <= over:
        return _judge_gone(seen.left, now)
    return Step("later", min(now + DAY, over)) if now < over else Step("done")


def is_back(left: datetime, joined: datetime) -> bool:
    """Whether somebody who was seen to be gone had only moved: he joined (again, or another group) before he was away for long."""
    return joined < left + AWAY


def _judge_gone(left: datetime, now: datetime) -> Step:
    return Step("leave") if now >= left + AWAY else Step("later", left + AWAY)


# Words ------------------------------------------------------------------------------------------------------------------

_ASKED = r"(?!.*(?:谁|什么|哪[个位些]|怎么|如何|吗|没有|不是|多少))"
_INVITES = r"(?:邀请|拉|推荐|介绍)"
_COMES = r"(?:进来|进群|入群|加入|过来|来这里|来群里|来|进)"
CLAIM = (
    rf"{_ASKED}(?:"
    rf"我是(?P<one>(?!被).{{1,40}}?){_INVITES}我?{_COMES}*的"
    rf"|是?(?P<two>(?!是?被).{{1,40}}?){_INVITES}我{_COMES}+的?"
    r"|(?:我的)?邀请人(?:\s*(?:是|为|:|：)\s*|\s+)(?P<three>[^是为:：\s].{0,39})"
    rf"|(?:我的)?邀请码\s*(?:是|为|:|：)\s*(?P<four>[0-9A-Za-z]{{{LENGTH}}})"
    rf"|邀请码(?P<five>[0-9A-Za-z]{{{LENGTH}}})"
    r")"
)
"""Sentences with which a newcomer names who invited him, or that one's code."""
_CLAIM = re.compile(CLAIM)


def read_code(text: str) -> str:
    """The code that some words are, in capitals; '' where they are none."""
    plain = unicodedata.normalize("NFKC", text).strip().upper()
    return plain if _CODE.fullmatch(plain) else ""


def looks_like_code(text: str) -> bool:
    """Whether somebody may have meant a code, though it can be none: six letters and digits, with a digit."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return len(plain) == LENGTH and plain.isascii() and plain.isalnum() and any(map(str.isdecimal, plain))


def is_meant_as_code(text: str) -> bool:
    """Whether somebody tried to write a code: letters and digits in one piece, not many."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return plain.isascii() and plain.isalnum() and len(plain) <= 2 * LENGTH


def read_claim(text: str) -> str:
    """Who, or which code, a newcomer names as what brought him here: 小王 of ``我是小王邀请的``; '' where a text says nothing of it."""
    plain = text.strip(" \n\t。.!！~～")
    found = None if is_question(plain) else _CLAIM.fullmatch(plain)
    return next((name.strip(" @＠\u2005“”\"'") for name in found.groups() if name), "") if found else ""


def tiers_between(rules: InvitationRules, has: Sequence[int], credited: int) -> list[Tier]:
    """The tiers that so many newcomers are enough for and that somebody does not have."""
    return [tier for tier in rules.tiers if tier.at <= credited and tier.at not in has]
