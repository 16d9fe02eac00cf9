"""Alarms: what administrators must hear of, once, in their own group."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from bot import deliveries
from bot.config import ADMINS, Config
from storage.keys import shard_of
from storage.moment import to_ms
from storage.outbox import Delivery, Outbox

log = structlog.get_logger(__name__)


class Alarms:
    """Tells administrators through the outbox; an alarm about an alarm is only logged."""

    def __init__(self, outbox: Outbox, config: Config, shards: int, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._config = config
        self._shards = shards
        self._clock = clock

    def delivery_died(self, delivery: Delivery, reason: str) -> None:
        """A delivery was given up: the community's administrators hear why, at most once an hour for one target and reason."""
        log.error("delivery given up", id=delivery.id, via=delivery.via, community=delivery.community, reason=reason)
        if delivery.chat == ADMINS:
            return
        now_ms = to_ms(self._clock())
        text = f"⚠️ 一条消息没有送达：{reason}。已放入死信，编号 {delivery.id}。"
        id = f"alarm:{delivery.target}:{reason}:{now_ms // 3_600_000}"
        alarm = deliveries.to_admins(self._config, delivery.community, text, id=id, now_ms=now_ms)
        if alarm:
            self._outbox.enqueue(shard_of(delivery.community, self._shards), [alarm], now_ms)
