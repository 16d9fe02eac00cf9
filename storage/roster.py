"""The roster as the bot learned it: who was seen in which community, and what was kept to answer repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database
from storage.moment import from_ms


class Roster:
    """Members by community, by their first message."""

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def count(self, where: CommunityKeys) -> int:
        """How many members have been seen in a community."""
        return int(self._database.command("HLEN", keys.MEMBERS(shard=where.shard, community=where.id)))

    def seen(self, where: CommunityKeys, numbers: Sequence[int]) -> list[int]:
        """Those of the members who were seen in a community, in their order."""
        if not numbers:
            return []
        known = self._database.command("HMGET", keys.MEMBERS(shard=where.shard, community=where.id), *numbers)
        return [number for number, since in zip(numbers, known, strict=True) if since]

    def export_user(self, number: int) -> dict[str, Any]:
        """Since when the member is known, by community."""
        out = {}
        for where in communities_with(self._database, keys.MEMBERS):
            if (seen := self._database.command("HGET", keys.MEMBERS(shard=where.shard, community=where.id), number)) and seen.isdigit():
                out[where.id] = from_ms(int(seen)).isoformat()
        return out

    def erase_user(self, number: int) -> str:
        """Removes the member from every roster, with his days of activity, open questions and the answers kept for repeats."""
        for where in communities_with(self._database, keys.MEMBERS):
            self._database.command("HDEL", keys.MEMBERS(shard=where.shard, community=where.id), number)
        for key in self._database.scan("qb:{*}:*:active:*"):
            self._database.command("SETBIT", key, number, 0)
        for key in (key for kind in ("waiting", "talk") for key in self._database.scan(f"qb:{{*}}:{kind}:*:{number}")):
            self._database.command("DEL", key)
        gone = 0
        for key in self._database.scan("qb:{*}:msg:*"):
            member, answer = self._database.command("HMGET", key, "member", "answer")
            if member == str(number) or speaks_of(answer or "", number):
                gone += self._database.command("DEL", key)
        return f"已从成员名册与活跃记录中删除，并删除 {gone} 条为重复回调保留的回答（他的，和提到他的）"


def speaks_of(text: str, number: int) -> bool:
    """Whether a text names a member as administrators see him: 成员 and his number. What it quotes of him goes with him."""
    return re.search(rf"成员 {number}(?!\d)", text) is not None
