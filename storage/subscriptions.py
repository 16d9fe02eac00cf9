"""Subscriptions: who wants no more pushes, in each community. What is asked for, and what concerns a member alone, is never stopped by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000

Wish = Literal["", "marketing", "all"]
"""What a member wants no more of: nothing, marketing, any push to him."""


class Subscriptions:
    """What members want to hear no more."""

    PERSONAL = Personal(
        "免打扰",
        "不想收的就不再推",
        (keys.OPTED_OUT, keys.OPTED_ONCE),
        what="不想收什么",
        erasing="全部删除",
        passing=(keys.OPTED_ONCE,),
        passing_why="只是去重",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._set = Script("opt_out")

    def set(self, where: CommunityKeys, member: int, wish: Wish, now: datetime, *, once: str) -> Wish:
        """Notes a member's wish; gives what it was before, to a repeat too."""
        part = {"shard": where.shard, "community": where.id}
        data = {"act": "opt_out", "of": wish} if wish else {"act": "opt_in"}
        before: Wish = self._database.act(
            self._set,
            [keys.OPTED_OUT(**part), keys.OPTED_ONCE(**part, id=once), keys.EVENTS(shard=where.shard)],
            [member, wish, ONCE_LIFE_MS, to_ms(now), where.id, once, msgspec.json.encode(data)],
        )  # fmt: skip
        return before

    def of(self, where: CommunityKeys, member: int) -> Wish:
        """What a member wants no more of; one round trip."""
        wish: Wish = self._database.command("HGET", keys.OPTED_OUT(shard=where.shard, community=where.id), member) or ""
        return wish

    def wishes(self, where: CommunityKeys, members: Sequence[int]) -> dict[int, Wish]:
        """The same for many members; one round trip."""
        if not members:
            return {}
        found = self._database.command("HMGET", keys.OPTED_OUT(shard=where.shard, community=where.id), *members)
        return {member: wish or "" for member, wish in zip(members, found, strict=True)}

    def opted_out(self, where: CommunityKeys) -> Mapping[int, Wish]:
        """Everybody who wants no more of something; one round trip."""
        flat = self._database.command("HGETALL", keys.OPTED_OUT(shard=where.shard, community=where.id))
        return {int(member): wish for member, wish in zip(flat[::2], flat[1::2], strict=True)}

    def export_user(self, number: int) -> dict[str, str]:
        """What a member wants no more of, by community."""
        found: dict[str, str] = {}
        for where in communities_with(self._database, keys.OPTED_OUT):
            if wish := self.of(where, number):
                found[where.id] = wish
        return found

    def erase_user(self, number: int) -> str:
        """Forgets a member's wishes."""
        gone = 0
        for where in communities_with(self._database, keys.OPTED_OUT):
            gone += self._database.command("HDEL", keys.OPTED_OUT(shard=where.shard, community=where.id), number)
        return f"已删除 {gone} 个社群里的免打扰设置"
