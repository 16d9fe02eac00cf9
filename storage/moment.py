"""Moments: aware datetimes outside, milliseconds since 1970 inside Redis."""

from __future__ import annotations

from datetime import UTC, datetime

DEFAULT_TIMEZONE = "Asia/Shanghai"
"""The zone of a community of which no other is known."""


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """The aware datetime, in UTC, of milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)
