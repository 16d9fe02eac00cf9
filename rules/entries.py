"""What the operators' answers are made of: an entry of the FAQ, the card it may come with, and the variables its text may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b

from rules.text import core

VARIABLES: Mapping[str, str] = {
    "nickname": "提问的人的名字，不知道时是“新朋友”",
    "points": "他现在的积分",
    "streak": "他连续签到的天数",
    "community": "社群的名称",
    "date": "今天的日期，例如 3 月 10 日",
    "weekday": "今天星期几，例如 星期二",
    "time": "现在的时间，例如 10:05",
    "bot_name": "机器人的名字",
}
"""What an answer's text may name in braces, and what stands in its place, for operators to read."""


@dataclass(frozen=True, slots=True)
class LinkCard:
    """A template card: a title, lines below it, where a tap leads, and a picture by its address."""

    title: str
    text: str = ""
    url: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer and how it is asked for. A keyword is a text that suffices when present; ``发票+丢`` needs both parts.

    ``answer`` is text with ``{variables}``, Markdown where ``markdown`` says so. ``image`` and ``file`` are a path below the content's ``files``
    folder or an https address. No ``communities``: shared by all. ``role`` is the least that gets this answer. ``valid_from`` and ``valid_to``
    are days in the community's zone, both included.
    """

    id: str
    question: str
    answer: str
    similar: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    markdown: bool = False
    image: str = ""
    file: str = ""
    card: LinkCard | None = None
    communities: tuple[str, ...] = ()
    role: str = "member"
    valid_from: date | None = None
    valid_to: date | None = None

    def is_valid_on(self, day: date) -> bool:
        """Whether the answer is in force on a day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    def is_for(self, community: str) -> bool:
        """Whether the answer is given in a community."""
        return not self.communities or community in self.communities


def id_of(question: str) -> str:
    """An id for a question without one: the same for the same question, short, and among 100,000 of them no two alike."""
    return "q-" + blake2b((core(question) or question).encode(errors="replace"), digest_size=6).hexdigest()
