"""Moods: an exponentially weighted mean for each group and each member. They feed figures and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script

WEIGHT = 0.05
"""A new message's weight in the mean: about the last forty messages count."""


@dataclass(frozen=True, slots=True)
class Mood:
    """A mean between 0 (sad) and 1 (glad) and how many messages went into it."""

    mean: float
    messages: int


class Moods:
    """The moods of every community."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mix = Script("mix_mood")

    def mix(self, where: CommunityKeys, scores: Sequence[tuple[int, float]]) -> None:
        """Mixes the scores (0..1) of some messages, each with its member, into the members' and the group's means: one act for many."""
        flat = [part for scored in scores for part in scored]
        self._database.act(self._mix, [keys.MOOD(shard=where.shard, community=where.id)], [WEIGHT, *flat])

    def find_group(self, where: CommunityKeys) -> Mood | None:
        """The group's mood, None before the first message."""
        kept = self._database.command("HGET", keys.MOOD(shard=where.shard, community=where.id), "group")
        return _mood(kept) if kept else None

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's mood in every community."""
        out = {}
        for where in communities_with(self._database, keys.MOOD):
            if kept := self._database.command("HGET", keys.MOOD(shard=where.shard, community=where.id), f"m{number}"):
                out[where.id] = {"情绪均值": _mood(kept).mean, "消息数": _mood(kept).messages}
        return out

    def erase_user(self, number: int) -> str:
        """Removes the member's mood; the group's mean stays."""
        for where in communities_with(self._database, keys.MOOD):
            self._database.command("HDEL", keys.MOOD(shard=where.shard, community=where.id), f"m{number}")
        return "已删除个人情绪值"


def _mood(kept: str) -> Mood:
    mean, count = kept.split("|")
    return Mood(float(mean), int(count))
