"""What was just said to a member in a chat: the answer whose topic a short question may take up, and when he was told that nobody knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LIFE_MS = 600_000
"""How long Redis keeps it; who reads decides by the times in it."""
FIELDS = ("topic", "told", "asked")


@dataclass(frozen=True, slots=True)
class Talk:
    """``entry`` is the id of the answer given last, at ``answered_ms``; ``told_ms`` when an unanswered question was last owned up to. 0: never.

    ``asked`` is the member's newest question, at ``asked_ms``, for a person to take over.
    """

    entry: str = ""
    answered_ms: int = 0
    told_ms: int = 0
    asked: str = ""
    asked_ms: int = 0


def read_talk(kept: Sequence[str | None]) -> Talk:
    """What the values of ``FIELDS`` say."""
    topic, told, asked = kept or (None, None, None)
    at, _, entry = (topic or "").partition("|")
    asked_at, _, question = (asked or "").partition("|")
    return Talk(entry, int(at or 0), int(told or 0), question, int(asked_at or 0))


def topic_of(entry: str, now_ms: int) -> str:
    """The value of ``topic`` for an answer given now."""
    return f"{now_ms}|{entry}"


def read_topic(name: str) -> Talk:
    """The answer that ``topic_of`` named; nothing for a name of somebody else's making."""
    at, _, entry = name.partition("|")
    return Talk(entry, int(at)) if at.isdecimal() and len(at) < 16 else Talk()
