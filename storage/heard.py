"""What was heard of late: how much a member spoke and who said the same, counted as messages are taken in (``lua/parts/heard.lua``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rules.judgement import NO_HISTORY, History
from storage import keys
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.personal import Personal

NEWCOMERS_MS = 600_000


def read_history(counted: Sequence[int]) -> History:
    """What accepting told of a message that is too much; nothing for any other."""
    if not counted:
        return NO_HISTORY
    in_ten_seconds, in_a_minute, same, others, is_hushed = counted
    return History(in_ten_seconds, in_a_minute, same, others, is_hushed=is_hushed == 1)


class Heard:
    """The counts of every chat; what they need lives for ten minutes."""

    PERSONAL = Personal(
        "发言计数",
        "刷屏和重复的话",
        (keys.SPOKE, keys.SAME, keys.DOUBTFUL),
        what="最近十分钟说话的时间，同样的话的指纹",
        erasing="全部删除",
        passing=(keys.SPOKE, keys.SAME, keys.DOUBTFUL),
        passing_why="十分钟就没了",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hush = Script("hush")
        self._newcomer = Script("doubtful_newcomer")

    def hush(self, shard: int, chat: str, member: int, now: datetime, length: timedelta) -> bool:
        """Leaves a flooder unanswered for a while; whether he was answered until now."""
        key = keys.SPOKE(shard=shard, chat=chat or "~", member=member)
        return bool(self._database.act(self._hush, [key], [to_ms(now), to_ms(now + length)]))

    def count_newcomer(self, shard: int, chat: str, member: int, now: datetime) -> int:
        """Notes one whose first words were doubtful; how many there were in ten minutes, him included. A repeat counts nobody twice."""
        key = keys.DOUBTFUL(shard=shard, chat=chat)
        return int(self._database.act(self._newcomer, [key], [to_ms(now), member, NEWCOMERS_MS]))

    def export_user(self, number: int) -> dict[str, object]:
        """Counts of the last minutes are not exported."""
        return {}

    def erase_user(self, number: int) -> str:
        """Forgets what the member said in the last minutes."""
        gone = sum(self._database.command("DEL", key) for key in self._database.scan(f"qb:{{*}}:spoke:*:{number}"))
        gone += sum(self._database.command("HDEL", key, number) for key in self._database.scan("qb:{*}:same:*"))
        gone += sum(self._database.command("ZREM", key, number) for key in self._database.scan("qb:{*}:doubtful:*"))
        return f"已删除最近十分钟的 {gone} 处发言计数"
