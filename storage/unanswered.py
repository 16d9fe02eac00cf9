"""Unanswered questions: what members asked and nobody could answer, without who asked; and what operators do not want to see again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.moment import to_ms
from storage.personal import Personal

MOST_READ = 5_000
"""Questions that are looked at, the newest; a community that misses more than these in a month has other worries."""
MOST_IGNORED = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One question nobody could answer, and when it was asked (ms since 1970)."""

    text: str
    at_ms: int


class Unanswered:
    """The questions of every community. They lie in the shard of the message that brought them, so one community's are read from all."""

    PERSONAL = Personal(
        "没答上的问题",
        "补充问答",
        (keys.UNANSWERED, keys.UNANSWERED_IGNORED),
        passing=(keys.UNANSWERED, keys.UNANSWERED_IGNORED),
        passing_why="从来不记是谁问的，所以找不出哪条是他的",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def questions(self, community: str, most: int = MOST_READ) -> list[Asked]:
        """The newest questions of a community, oldest first; one round trip."""
        found = [_read(line) for _, line in self._lines(community)]
        return sorted(found, key=lambda asked: asked.at_ms)[-most:]

    def size(self, where: CommunityKeys) -> int:
        """How many questions a community has, with those it does not want to see again; one round trip."""
        counts = [("LLEN", keys.UNANSWERED(shard=shard, community=where.id)) for shard in range(self._shards)]
        ignored = ("ZCARD", keys.UNANSWERED_IGNORED(shard=where.shard, community=where.id))
        return sum(map(int, self._database.pipeline([*counts, ignored])))

    def forget(self, community: str, texts: Collection[str]) -> int:
        """Removes questions that have been dealt with; gives how many went. Doing it again is no harm."""
        done = [(key, line) for key, line in self._lines(community) if _read(line).text in texts]
        return sum(self._database.pipeline(("LREM", key, 0, line) for key, line in done)) if done else 0

    def ignore(self, where: CommunityKeys, texts: Sequence[str], now: datetime) -> int:
        """Removes questions nobody wants to answer, and remembers them so that they stay away; gives how many went."""
        key = keys.UNANSWERED_IGNORED(shard=where.shard, community=where.id)
        moment = to_ms(now)
        self._database.pipeline([
            ("ZADD", key, *(part for text in texts for part in (moment, text))),
            ("ZREMRANGEBYRANK", key, 0, -MOST_IGNORED - 1),
        ])  # fmt: skip
        return self.forget(where.id, set(texts))

    def ignored(self, where: CommunityKeys) -> list[str]:
        """The questions that are to stay away."""
        kept: list[str] = self._database.command("ZRANGE", keys.UNANSWERED_IGNORED(shard=where.shard, community=where.id), 0, -1)
        return kept

    def drop_before(self, before: datetime) -> int:
        """Removes questions older than ``before``, the ignored ones among them; gives how many went."""
        gone, limit = 0, to_ms(before)
        for key in self._database.scan("qb:{*}:*:unanswered"):
            while (oldest := self._database.command("LINDEX", key, 0)) and _read(oldest).at_ms < limit:
                self._database.command("LREM", key, 1, oldest)
                gone += 1
        for key in self._database.scan("qb:{*}:*:unanswered:ignored"):
            gone += self._database.command("ZREMRANGEBYSCORE", key, "-inf", f"({limit}")
        return gone

    def export_user(self, number: int) -> dict[str, object]:
        """Nobody's questions: their senders were never written down."""
        return {}

    def erase_user(self, number: int) -> str:
        """Nothing leads to the member."""
        return "没答上来的问题不记是谁问的，没有个人数据"

    def _lines(self, community: str) -> list[tuple[str, str]]:
        names = [keys.UNANSWERED(shard=shard, community=community) for shard in range(self._shards)]
        kept = self._database.pipeline(("LRANGE", name, 0, -1) for name in names)
        return [(name, line) for name, lines in zip(names, kept, strict=True) for line in lines]


def _read(line: str) -> Asked:
    at_ms, _, text = line.partition("|")
    return Asked(text, int(at_ms))
