"""Listings: the last numbered list an operator was shown, so that “2” means what he saw, not what stands there by now; and what lay together in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.personal import Personal

LIFE_MS = 3_600_000
EVERYBODY = 0
"""Stands for the member where a list is the same for all operators; no member has this number."""


class Listings:
    """What stood at each number, by operator and kind of list."""

    PERSONAL = Personal(
        "列表",
        "刚给他看的列表里每个号码是什么",
        (keys.LISTING,),
        what="刚看过的列表的编号",
        erasing="全部删除",
        passing=(keys.LISTING,),
        passing_why="一小时就没了",
    )

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, where: CommunityKeys, member: int, name: str, rows: Sequence[str]) -> None:
        """Remembers for an hour what stands at number 1, 2, 3 …"""
        key = keys.LISTING(shard=where.shard, community=where.id, name=name, member=member)
        self._database.command("SET", key, json.dumps(rows, ensure_ascii=False), "PX", LIFE_MS)

    def find(self, where: CommunityKeys, member: int, name: str, number: int) -> str | None:
        """What stood at ``number``, counted from one; None where there was nothing, or too long ago."""
        kept = self._database.command("GET", keys.LISTING(shard=where.shard, community=where.id, name=name, member=member))
        rows = json.loads(kept) if kept else []
        return str(rows[number - 1]) if 0 < number <= len(rows) else None

    def keep_groups(self, where: CommunityKeys, groups: Mapping[str, Sequence[str]]) -> None:
        """Remembers for an hour, for every operator, the texts of each named group; one round trip."""
        self._database.pipeline([
            ("SET", self._group(where, name), json.dumps(texts, ensure_ascii=False), "PX", LIFE_MS) for name, texts in groups.items()
        ])  # fmt: skip

    def find_group(self, where: CommunityKeys, name: str) -> list[str]:
        """The texts of a group; none where it was not kept, or too long ago."""
        kept = self._database.command("GET", self._group(where, name))
        return list(map(str, json.loads(kept))) if kept else []

    def export_user(self, number: int) -> dict[str, Any]:
        """A list shown an hour ago is nothing of a person's."""
        return {}

    def erase_user(self, number: int) -> str:
        """Removes the lists that the member was shown."""
        for key in self._database.scan(f"qb:{{*}}:*:listing:*:{number}"):
            self._database.command("DEL", key)
        return "已删除最近看过的列表编号"

    def _group(self, where: CommunityKeys, name: str) -> str:
        return keys.LISTING(shard=where.shard, community=where.id, name=f"group-{name}", member=EVERYBODY)
