"""The rules of invitations as a file of content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.content_file import Path
from rules.content_kind import Kind, Points, Row, has_no_line_break, is_address, is_sayable
from rules.content_levels import is_plain
from rules.invitations import InvitationRules, Tier

_DEFAULT = InvitationRules()
"""What holds where the file says nothing."""
_HOLE = "{code}"
_TAG = re.compile(r"[^\s,，|:：{}@＠#＃\\\"']*")

Days = Annotated[int, Field(ge=1, le=365)]


def _is_link(text: str) -> str:
    if text and text.count(_HOLE) != 1:
        raise ValueError("要写一次 {code}，邀请码会放在那里，例如 https://work.weixin.qq.com/ca/xxxx?customer_channel={code}")
    is_address(text.replace(_HOLE, "K3M7PQ"))
    return text


def _is_tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        raise ValueError("标签是一个词，不能含空格和标点，例如 邀请达人")
    return text


class TierRow(Row):
    """One tier."""

    at: Annotated[int, Field(ge=1, le=10_000)]
    points: Points = 0
    badge: Annotated[str, Field(max_length=32), AfterValidator(lambda text: is_plain(text) if text else "")] = ""
    tag: Annotated[str, Field(max_length=20), AfterValidator(_is_tag)] = ""


class InvitationSheet(Row):
    """The rules of invitations."""

    enabled: bool = _DEFAULT.enabled
    claim_days: Days = _DEFAULT.claim_days
    stay_days: Days = _DEFAULT.stay_days
    wait_days: Days = _DEFAULT.wait_days
    reversal_days: Annotated[int, Field(ge=0, le=365)] = _DEFAULT.reversal_days
    per_hour: Annotated[int, Field(ge=1, le=500)] = _DEFAULT.per_hour
    per_day: Annotated[int, Field(ge=1, le=500)] = _DEFAULT.per_day
    link: Annotated[str, Field(max_length=300), AfterValidator(_is_link)] = _DEFAULT.link
    sentence: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(has_no_line_break), AfterValidator(is_sayable)] = (
        _DEFAULT.sentence
    )
    how: Annotated[str, Field(min_length=1, max_length=300), AfterValidator(is_sayable)] = _DEFAULT.how
    tiers: Annotated[tuple[TierRow, ...], Field(max_length=20)] = ()


def _check(sheet: InvitationSheet) -> Iterator[tuple[Path, str]]:
    if sheet.claim_days > sheet.stay_days:
        yield ("claim_days",), "不能大于 stay_days：否则互相邀请的，要等已经计入了才看得出来"
    if sheet.wait_days < sheet.stay_days:
        yield ("wait_days",), "不能小于 stay_days，等不到满天数就放弃了"
    for n in range(1, len(sheet.tiers)):
        if sheet.tiers[n].at <= sheet.tiers[n - 1].at:
            yield ("tiers", n, "at"), "要比上一档多，请按人数从少到多写"


def _rules(sheet: InvitationSheet) -> InvitationRules:
    return InvitationRules(**{**dict(sheet), "tiers": tuple(Tier(**dict(row)) for row in sheet.tiers)})


def _sheet(rules: InvitationRules) -> dict[str, Any]:
    return {**asdict(rules), "tiers": [{name: value for name, value in asdict(tier).items() if value} for tier in rules.tiers]}


INVITATIONS: Kind[InvitationRules] = Kind(
    "invitations", "invitations.yaml", "邀请规则", False, TypeAdapter(InvitationSheet), _rules, _sheet, _check
)
