"""Alarms: what administrators must hear of, once, in their own group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from bot import deliveries
from bot.breaker import Circuit
from bot.config import ADMINS, Config
from storage.keys import shard_of
from storage.moment import to_ms
from storage.outbox import Delivery, Outbox

log = structlog.get_logger(__name__)

ALARM = "alarm:"
"""Begins the id of every alarm: an alarm may go where any post goes."""
RELAYED = f"{ALARM}relayed:"
"""Begins the id of an alarm that could not be told in private and goes to the admin group instead."""


class Alarms:
    """Tells administrators through the outbox, by another way than the one that is broken.

    ``find_member`` gives the number of an owner's WeCom user id, None while he is unknown. An alarm that dies is told once more by another
    way, and then only logged.
    """

    def __init__(
        self,
        outbox: Outbox,
        config: Config,
        shards: int,
        clock: Callable[[], datetime],
        find_member: Callable[[str], int | None] = lambda user: None,
    ) -> None:
        self._outbox = outbox
        self._config = config
        self._shards = shards
        self._clock = clock
        self._find_member = find_member

    def delivery_died(self, delivery: Delivery, reason: str) -> None:
        """A delivery was given up: the community's administrators hear why, at most once an hour for one target and reason."""
        log.error("delivery given up", id=delivery.id, via=delivery.via, community=delivery.community, reason=reason)
        if delivery.id.startswith(ALARM) and delivery.chat != ADMINS:
            self._relay(delivery, reason)
            return
        text = f"⚠️ 一条消息没有送达：{reason}。已放入死信，编号 {delivery.id}。"
        hour = to_ms(self._clock()) // 3_600_000
        is_alarm_way = delivery.chat == ADMINS
        self._tell(
            delivery.community, text, f"{ALARM}{_known_as(delivery)}:{reason}:{hour}", in_private=is_alarm_way, in_group=not is_alarm_way
        )

    def _relay(self, delivery: Delivery, reason: str) -> None:
        """A private alarm that died goes to the admin group, once an hour for one reason; what died there too is only logged."""
        hour = to_ms(self._clock()) // 3_600_000
        text = f"⚠️ 给管理员的一条告警没能私下送达：{reason}。\n{_words(delivery)}"
        self._tell(delivery.community, text, f"{RELAYED}{delivery.community}:{reason}:{hour}", in_private=False, in_group=True)

    def circuit_changed(self, circuit: Circuit) -> None:
        """A way out failed again and again and is left alone for a while, or it works again."""
        delivery, now_ms = circuit.delivery, to_ms(self._clock())
        log.warning(
            "circuit open" if circuit.is_open else "circuit closed", name=circuit.name, via=delivery.via, community=delivery.community
        )
        what = "企业微信没有应答，消息暂时发不出去" if circuit.is_host else f"{_place(delivery)}连续发送失败"
        if circuit.is_open:
            text = f"⚠️ {what}。已暂停发送，隔一会儿试一次，恢复后自动继续。"
        else:
            text = f"✓ 已恢复：{what}，持续了 {max(now_ms - circuit.since_ms, 0) // 1000} 秒。"
        id = f"{ALARM}circuit:{circuit.name}:{circuit.since_ms}:{'open' if circuit.is_open else 'closed'}"
        is_app = delivery.via.startswith("app")
        self._tell(delivery.community, text, id, in_private=not is_app, in_group=is_app or delivery.chat != ADMINS)

    def _tell(self, community: str, text: str, id: str, *, in_private: bool, in_group: bool) -> None:
        """Tells the owners in private if there is a way, else, or without ``in_private``, the admin group."""
        now_ms = to_ms(self._clock())
        told = self._privately(community, text, id, now_ms) if in_private else []
        if in_group and not told:
            alarm = deliveries.to_admins(self._config, community, text, id=id, now_ms=now_ms)
            told = [alarm] if alarm else []
        if told:
            self._outbox.enqueue(shard_of(community, self._shards), told, now_ms)

    def _privately(self, community: str, text: str, id: str, now_ms: int) -> list[Delivery]:
        owners = [(user, number) for user in self._config.admins if (number := self._find_member(user))]
        found = (
            deliveries.to_member(self._config, number, text, user=user, id=f"{id}:{number}", community=community, message="", now_ms=now_ms)
            for user, number in owners
        )
        return [replace(delivery, mergeable=True) for delivery in found if delivery]


def _words(delivery: Delivery) -> str:
    """What an alarm says, whichever way it was to go."""
    said = delivery.body.get("text") or delivery.body.get("markdown") or ""
    return str(said.get("content", "") if isinstance(said, dict) else said)


def _known_as(delivery: Delivery) -> str:
    """What counts as one target: one-time addresses and codes of a community are one, or each greeting that came late would be an alarm."""
    return f"{delivery.via}.{delivery.community}" if delivery.target.startswith("once.") else delivery.target


def _place(delivery: Delivery) -> str:
    if delivery.via.startswith("app"):
        return f"应用 {delivery.channel} 给成员 {delivery.member} "
    return f"社群 {delivery.community} 的{'管理群' if delivery.chat == ADMINS else '群'}机器人"
