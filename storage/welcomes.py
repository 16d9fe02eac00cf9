"""Welcomes: who was welcomed in a community, and who waits to be, together with the others that joined his group at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage import bells, keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000
SETTLE_MS = 45_000
"""How long newcomers of one group are waited for before they are welcomed together."""
_AT_ONCE = 50


class Welcomes:
    """The welcomes of every community."""

    PERSONAL = Personal(
        "欢迎",
        "不欢迎两遍",
        (keys.WELCOMED, keys.WELCOMES, keys.WELCOMES_DUE),
        what="欢迎过没有",
        erasing="全部删除",
        passing=(keys.WELCOMES, keys.WELCOMES_DUE),
        passing_why="45 秒就没了",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._claim = Script("welcome_claim")
        self._settle = Script("welcome_settle")

    def claim(self, where: CommunityKeys, member: int, *, once: str) -> bool:
        """Whether the message ``once`` is to welcome a member: True for one message only, and for its repeats."""
        part = {"shard": where.shard, "community": where.id}
        return bool(
            self._database.act(self._claim, [keys.ONCE(**part, id=f"welcome:{once}"), keys.WELCOMED(**part)], [member, ONCE_LIFE_MS])
        )

    def settle(
        self,
        where: CommunityKeys,
        chat: str,
        told: Sequence[int],
        others: Sequence[int],
        deliveries: Sequence[Delivery],
        now: datetime,
        day: str,
    ) -> bool:
        """Ends the wait of newcomers: those ``told`` are welcomed by ``deliveries``, the ``others`` were before. False: look again."""
        part = {"shard": where.shard, "community": where.id, "chat": chat, "day": day}
        rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        names = [
            keys.WELCOMES(**part), keys.WELCOMED(**part), keys.WELCOMES_DUE(**part), keys.EVENTS(**part), keys.COUNTS(**part),
            keys.OUTBOX_DUE(**part), keys.PLACES(**part), *(queue for queue, _, _ in rows),
        ]  # fmt: skip
        args: list[str | bytes | int | float] = [
            to_ms(now), where.id, chat, where.shard, SETTLE_MS, len(told) + len(others), len(told), *told, *others,
            *(piece for _, name, item in rows for piece in (name, item)),
        ]  # fmt: skip
        return bool(self._database.act(self._settle, names, args))

    def ring_later(self, where: CommunityKeys, chat: str, at: datetime) -> None:
        """Has the newcomers of a group wait longer."""
        self._database.command("ZADD", keys.WELCOMES_DUE(shard=where.shard), "XX", to_ms(at), f"{where.id}|{chat}")

    def waiting(self, where: CommunityKeys, chat: str) -> tuple[list[int], list[int]]:
        """Who waits in a group, by when they joined: those not welcomed yet, and those who were meanwhile; two round trips."""
        part = {"shard": where.shard, "community": where.id}
        flat = self._database.command("HGETALL", keys.WELCOMES(**part, chat=chat))
        joined = sorted(zip(map(int, flat[1::2]), map(int, flat[::2]), strict=True))
        if not joined:
            return [], []
        bits = self._database.pipeline([("GETBIT", keys.WELCOMED(**part), member) for _, member in joined])
        paired = [(member, int(bit)) for (_, member), bit in zip(joined, bits, strict=True)]
        return [member for member, bit in paired if not bit], [member for member, bit in paired if bit]

    def due(self, now: datetime) -> list[tuple[CommunityKeys, str]]:
        """Community and group of newcomers who have waited long enough; one round trip."""
        found = bells.ring(self._database, keys.WELCOMES_DUE, self._shards, to_ms(now), most=_AT_ONCE)
        named = ((shard, bell.partition("|")) for shard, bell in found)
        return [(CommunityKeys(community, shard), chat) for shard, (community, _, chat) in named]

    def export_user(self, number: int) -> dict[str, Any]:
        """Where the member was welcomed."""
        places = communities_with(self._database, keys.WELCOMED)
        return {
            where.id: "已欢迎"
            for where in places
            if self._database.command("GETBIT", keys.WELCOMED(shard=where.shard, community=where.id), number)
        }

    def erase_user(self, number: int) -> str:
        """Forgets that the member was welcomed, and that he waits to be."""
        for where in communities_with(self._database, keys.WELCOMED):
            self._database.command("SETBIT", keys.WELCOMED(shard=where.shard, community=where.id), number, 0)
        for key in self._database.scan("qb:{*}:*:welcomes:*"):
            self._database.command("HDEL", key, number)
        return "已删除“欢迎过他”的记录"
