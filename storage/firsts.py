"""First messages of a day: noted by the act that ends a message, awarded behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from storage import keys
from storage.connection import Database
from storage.personal import Personal

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class First:
    """A member's first message of a day: where, whose, on which day of the community's, and the shard that noted it."""

    shard: int
    community: str
    member: int
    day: date


def first_of_day(community: str, member: int, day: str) -> str:
    """How the first message of a day is noted."""
    return f"{community}|{member}|{day}"


class Firsts:
    """What was noted in all shards and is not awarded yet. A member may stand in two of them: for a group, and for his single chat."""

    PERSONAL = Personal(
        "首次发言",
        "当天第一次说话的积分",
        (keys.FIRSTS,),
        what="等着发的首次发言积分",
        erasing="全部删除",
        passing=(keys.FIRSTS,),
        passing_why="几秒就没了",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def waiting(self, count: int = AT_ONCE) -> list[First]:
        """Some of what waits, at most ``count`` a shard; one round trip."""
        found = self._database.pipeline(("SRANDMEMBER", keys.FIRSTS(shard=shard), count) for shard in range(self._shards))
        return [_first(shard, name) for shard, names in enumerate(found) for name in names]

    def done(self, firsts: Sequence[First]) -> None:
        """Takes off what was awarded; one round trip."""
        words = [("SREM", keys.FIRSTS(shard=one.shard), first_of_day(one.community, one.member, one.day.isoformat())) for one in firsts]
        if words:
            self._database.pipeline(words)

    def export_user(self, number: int) -> dict[str, object]:
        """What waits for seconds is not exported."""
        return {}

    def erase_user(self, number: int) -> str:
        """Takes the member off."""
        gone = 0
        for shard in range(self._shards):
            key = keys.FIRSTS(shard=shard)
            mine = [name for name in self._database.command("SMEMBERS", key) if _first(shard, name).member == number]
            gone += self._database.command("SREM", key, *mine) if mine else 0
        return f"已删除 {gone} 条待发的首次发言积分"


def _first(shard: int, name: str) -> First:
    community, member, day = name.rsplit("|", 2)
    return First(shard, community, int(member), date.fromisoformat(day))
