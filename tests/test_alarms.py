"""Alarms: told by another way than the one that is broken, and never for ever."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chat import a_config, settings

from bot.alarms import ALARM, RELAYED, Alarms
from bot.breaker import Circuit
from bot.config import ADMINS
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.outbox import Delivery, Outbox

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
NOON_MS = 1_795_320_000_000


pytest_plugins = ("chat",)


class Told:
    """Alarms on a real outbox, and what they put there."""

    def __init__(self, database: Database, url: str, folder: Path, **more: Any) -> None:
        self.outbox = Outbox(database, 16)
        config = a_config(folder, url, settings(**more))
        self.alarms = Alarms(self.outbox, config, 16, lambda: NOON, {"boss": 7}.get)

    def ways(self) -> list[tuple[str, str, int | None]]:
        """Way, chat and member of every alarm that waits."""
        waiting = [row.delivery for shard in range(16) for row in self.outbox.waiting(shard)]
        assert all(delivery.id.startswith(ALARM) and delivery.mergeable for delivery in waiting)
        return [(delivery.via, delivery.chat, delivery.member) for delivery in waiting]


@pytest.fixture
def told(database: Database, redis_server: EmbeddedServer, tmp_path: Path) -> Told:
    return Told(database, redis_server.url, tmp_path)


def hook(chat: str, id: str = "x") -> Delivery:
    return Delivery(id, "now", f"hook.main.{chat}", "webhook", "main", {}, chat=chat)


def app(id: str = "x") -> Delivery:
    return Delivery(id, "now", "app.desk.42", "app", "main", {}, 42, channel="desk")


def opened(delivery: Delivery, *, is_open: bool = True) -> Circuit:
    return Circuit("hook.abc", is_host=False, is_open=is_open, since_ms=NOON_MS - 60_000, delivery=delivery)


def test_of_a_broken_group_robot_the_owners_hear_in_private(told: Told) -> None:
    told.alarms.circuit_changed(opened(hook("wrMAIN")))
    assert told.ways() == [("app", "", 7)]


def test_of_a_broken_app_the_admin_group_hears(told: Told) -> None:
    told.alarms.circuit_changed(opened(app()))
    assert told.ways() == [("webhook", ADMINS, None)]


def test_without_an_app_the_admin_group_hears_of_other_robots_but_not_of_its_own(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path
) -> None:
    told = Told(database, redis_server.url, tmp_path, app=False)
    told.alarms.circuit_changed(opened(hook(ADMINS)))
    assert told.ways() == []
    told.alarms.circuit_changed(opened(hook("wrMAIN")))
    assert told.ways() == [("webhook", ADMINS, None)]


def test_an_opening_is_told_once_and_so_is_its_end(told: Told) -> None:
    for _ in range(2):
        told.alarms.circuit_changed(opened(app()))
    told.alarms.circuit_changed(opened(app(), is_open=False))
    texts = [row.delivery.body["markdown"]["content"] for shard in range(16) for row in told.outbox.waiting(shard)]
    assert ["已暂停发送" in texts[0], "持续了 60 秒" in texts[1]] == [True, True]
    assert len(texts) == 2


def test_what_could_not_be_told_one_way_is_told_the_other_once_and_then_only_logged(told: Told) -> None:
    told.alarms.delivery_died(hook(ADMINS, f"{ALARM}something"), "机器人不在群聊中")
    assert told.ways() == [("app", "", 7)]
    for _ in range(3):
        told.alarms.delivery_died(app(f"{ALARM}something:7"), "成员不存在")
    assert told.ways() == [("app", "", 7), ("webhook", ADMINS, None)]
    told.alarms.delivery_died(app(f"{RELAYED}main:成员不存在:1"), "成员不存在")
    assert len(told.ways()) == 2
