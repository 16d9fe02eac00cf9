"""Firings: each planned moment of a push is claimed once, by whichever process rings first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery

MARKER_LIFE_MS = 40 * 86_400_000


class Firings:
    """Which push fired when, in every community."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claim = Script("claim_firing")

    def claim(
        self, where: CommunityKeys, push: str, planned: datetime, delivery: Delivery, now: datetime, facts: Mapping[str, Any]
    ) -> bool:
        """Claims one planned moment and queues its delivery in the same act; False when another process was first."""
        queue, due_member, item = encode_delivery(where.shard, delivery)
        part = {"shard": where.shard, "community": where.id}
        done = self._database.act(
            self._claim,
            [
                keys.FIRED(**part, push=push, planned=to_ms(planned)),
                keys.FIRED_LAST(**part),
                keys.EVENTS(shard=where.shard),
                keys.OUTBOX_DUE(shard=where.shard),
                queue,
            ],
            [
                to_ms(now), push, to_ms(planned), MARKER_LIFE_MS, where.id, msgspec.json.encode(facts), due_member, item, where.shard,
            ],
        )  # fmt: skip
        return bool(done)

    def last(self, where: CommunityKeys, push: str) -> datetime | None:
        """The planned moment of the last claimed firing, None before the first."""
        kept = self._database.command("HGET", keys.FIRED_LAST(shard=where.shard, community=where.id), push)
        return from_ms(int(kept)) if kept else None

    def note_start(self, where: CommunityKeys, push: str, now: datetime) -> None:
        """Notes when a push was first known, so that only moments after it can have been missed."""
        self._database.command("HSETNX", keys.FIRED_LAST(shard=where.shard, community=where.id), push, to_ms(now))

    def begin_anew(self, where: CommunityKeys, push: str, now: datetime) -> None:
        """Notes that a push was changed: moments before ``now`` were not missed."""
        self._database.command("HSET", keys.FIRED_LAST(shard=where.shard, community=where.id), push, to_ms(now))

    def export_user(self, number: int) -> dict[str, object]:
        """Firings name nobody."""
        return {}

    def erase_user(self, number: int) -> str:
        """Firings name nobody."""
        return "不保存个人数据"
