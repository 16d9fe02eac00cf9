"""The alarm of a bad mood as a section of the operators' file on moderation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from rules.content_kind import Row, is_sayable
from rules.mood_rules import MoodRules

_DEFAULT = MoodRules()
Share = Annotated[float, Field(ge=0, le=1)]


class MoodSheet(Row):
    """The section ``mood``; what it leaves out is as shipped."""

    alarm_share: Share = _DEFAULT.alarm_share
    alarm_messages: Annotated[int, Field(ge=5, le=100_000)] = _DEFAULT.alarm_messages
    support_share: Share = _DEFAULT.support_share
    response: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(is_sayable)] = _DEFAULT.response


def mood_of(sheet: MoodSheet) -> MoodRules:
    """The rules that a section says."""
    return MoodRules(**dict(sheet))


def mood_sheet(rules: MoodRules) -> dict[str, Any]:
    """The section that says these rules."""
    return asdict(rules)
