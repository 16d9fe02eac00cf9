"""Feedback: how often an entry's answers were found useful, and how often not. A member counts once for an answer, and may change his mind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.personal import Personal
from storage.tallies import counted_in

ONCE_LIFE_MS = 7 * 86_400_000
Verdict = Literal["useful", "useless", ""]
"""What a member says of an answer; '' takes back what he said."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry's judgements so far."""

    useful: int = 0
    useless: int = 0


class Feedback:
    """The judgements of every community, by entry. Counts only; who judged an answer is remembered for a week, so that he counts once."""

    PERSONAL = Personal(
        "反馈",
        "回答有用没用，只有次数",
        (keys.FEEDBACK,),
        erasing="删掉他评价过哪些",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._judge = Script("judge_answer")

    def give(self, where: CommunityKeys, entry: str, answer: str, member: int, verdict: Verdict, now: datetime) -> Verdict | None:
        """Counts a member's verdict on one ``answer`` (any id of it); gives his verdict before, None when he had said nothing of it."""
        part = {"shard": where.shard, "community": where.id}
        names = [
            keys.ONCE(**part, id=f"feedback:{answer}:{member}"), keys.FEEDBACK(**part), keys.EVENTS(**part), *counted_in(where, where.day_of(now)),
        ]  # fmt: skip
        before: Verdict | None = self._database.act(self._judge, names, [verdict, entry, ONCE_LIFE_MS, to_ms(now), where.id, member])
        return before

    def all(self, where: CommunityKeys) -> dict[str, Judged]:
        """The judgements of every entry that was judged."""
        flat = self._database.command("HGETALL", keys.FEEDBACK(shard=where.shard, community=where.id))
        counts = dict(zip(flat[::2], map(int, flat[1::2]), strict=True))
        entries = dict.fromkeys(name.partition("|")[2] for name in counts)
        return {entry: Judged(counts.get(f"useful|{entry}", 0), counts.get(f"useless|{entry}", 0)) for entry in entries}

    def export_user(self, number: int) -> dict[str, object]:
        """Counts name nobody."""
        return {}

    def erase_user(self, number: int) -> str:
        """Forgets which answers the member judged; the counts stay."""
        for key in self._database.scan(f"qb:{{*}}:*:once:feedback:*:{number}"):
            self._database.command("DEL", key)
        return "已删除评价过哪些回答的记录；有用、没用的次数保留（不指向任何人）"
