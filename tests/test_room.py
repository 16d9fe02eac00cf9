"""How long memory and disk last, who hears of it, and what goes when there is almost none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from chat import Chat
from hypothesis import given
from hypothesis import strategies as st
from visits import visit

from bot.room import ORDER, look, make_room, note, troubles
from rules.room import SHED, Room, Store, lasting, slope
from storage.connection import Database, StorageAway
from storage.embedded import EmbeddedServer, ask
from storage.events import Events
from storage.log_files import LogFiles

pytest_plugins = ("chat", "visits")
DAY = date(2026, 3, 1)
MB = 1 << 20


def days(*values: int) -> list[tuple[date, int]]:
    return [(DAY + timedelta(days=n), value) for n, value in enumerate(values)]


# The forecast -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "total", "measured", "left"),
    [
        (400, 1_000, days(100, 200, 300, 400), 6),
        (400, 1_000, days(100, 400), None),
        (400, 1_000, days(400, 400, 400), None),
        (400, 1_000, days(500, 450, 400), None),
        (1_000, 1_000, days(800, 900, 1_000), 0),
        (400, 0, days(100, 200, 300), None),
        (400, 10**9, days(398, 399, 400), None),
        (400, 1_000, [*days(0), *((DAY + timedelta(days=30 + n), 100 * n) for n in range(1, 15))], 6),
    ],
)
def test_how_many_days_are_left(used: int, total: int, measured: list[tuple[date, int]], left: int | None) -> None:
    assert Store(used, total, measured).days_left == left


@given(st.integers(1, 10**9), st.integers(-(10**6), 10**6), st.integers(3, 30))
def test_a_straight_line_is_found_again(first: int, growth: int, count: int) -> None:
    found = slope([(DAY + timedelta(days=n), first + growth * n) for n in range(count)])
    assert found == pytest.approx(growth, rel=1e-6, abs=1e-3)


def test_it_is_said_in_words() -> None:
    assert lasting(Store(400, 1_000, days(100, 200, 300, 400))) == "按最近的增长还够 6 天"
    assert lasting(Store(400, 1_000, days(400, 400, 400))) == "没有在增长"
    assert "三天" in lasting(Store(400, 1_000))


def test_at_seventy_per_cent_somebody_is_told_what_to_do() -> None:
    assert list(troubles(Room(Store(69, 100), Store(69, 100)), is_limited=True)) == []
    memory, disk = troubles(Room(Store(70, 100, days(50, 60, 70)), Store(91, 100)), is_limited=True)
    assert "70%" in memory[0]
    assert "还够 3 天" in memory[0]
    assert "maxmemory" in memory[1]
    assert "91%" in disk[0]
    [(_, cure)] = troubles(Room(Store(80, 100), Store(1, 100)), is_limited=False)
    assert "机器加内存" in cure


def test_what_is_measured_each_day_is_the_forecast(chat: Chat) -> None:
    for n in range(4):
        room = look(chat.stores, chat.config, chat.stores.machine.server())
        note(chat.stores, Room(Store(100 + 100 * n, 1_000), room.disk), chat.clock())
        note(chat.stores, Room(Store(110 + 100 * n, 1_000), room.disk), chat.clock())
        chat.later(days=1)
    room = look(chat.stores, chat.config, chat.stores.machine.server())
    assert [value for _, value in room.memory.days] == [110, 210, 310, 410]
    assert room.memory.total > 0
    assert 0 < room.disk.used < room.disk.total
    assert "没有在增长" in visit(chat).opens("/console/running")
    chat.later(days=60)
    assert chat.stores.room.sweep(chat.clock().date()) > 0


# A Redis that is almost full --------------------------------------------------------------------------------------------------


@pytest.fixture
def small(database: Database, redis_server: EmbeddedServer) -> Iterator[Database]:
    """The server of the tests, with little more memory than it takes empty."""
    used = dict(line.partition(":")[::2] for line in database.command("INFO", "memory").splitlines())["used_memory"]
    ask(redis_server.socket, f"CONFIG SET maxmemory {int(used) + 6 * MB}")
    ask(redis_server.socket, "CONFIG SET maxmemory-policy noeviction")
    yield database
    ask(redis_server.socket, "CONFIG SET maxmemory 0")


def fill(chat: Chat, share: float) -> None:
    """Old entries of the log until so much of the memory is taken."""
    events, server = chat.stores.events, chat.stores.machine.server
    least = server().memory + 2 * MB
    while server().memory < max(least, share * server().most_memory):
        for n in range(500):
            events.record(n % 16, "decision", "main", chat.clock() - timedelta(days=2), {"n": n, "route": "command:签到"}, member=1)


def test_near_its_limit_the_log_goes_into_files_and_nothing_is_lost(small: Database, chat: Chat, tmp_path: Path) -> None:
    chat.says("签到")
    before = chat.points()
    fill(chat, 0.95)
    events = Events(small, 16, LogFiles(tmp_path / "log"))
    stores = replace(chat.stores, events=events)
    told, server = list(events.read()), stores.machine.server()
    room = look(stores, chat.config, server)
    assert room.memory.share > SHED
    done = make_room(stores, chat.config, room, chat.clock(), lambda: stores.machine.server().memory)
    assert next(iter(done)) == ORDER[0].what
    assert done[ORDER[0].what] > 10_000
    assert stores.machine.server().memory < server.memory - MB
    assert look(stores, chat.config, server).files > 0
    assert list(events.read()) == told
    assert chat.points() == before
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_it_is_let_go_in_order_and_only_until_there_is_room(chat: Chat) -> None:
    gone: list[int] = []
    left = [90, 90, 80]

    def used() -> int:
        gone.append(1)
        return left.pop(0)

    chat.stores.jobs._database.command("XADD", "qb:{1}:jobs", "*", "k", "v")
    room = Room(Store(90, 100), Store(1, 100))
    done = make_room(chat.stores, chat.config, room, chat.clock(), used)
    assert list(done) == [ORDER[1].what]
    assert len(gone) == 3
    [alarm] = [delivery for delivery in chat.outbox() if delivery.id.startswith("alarm:room:")]
    assert ORDER[1].what in str(alarm.body)
    make_room(chat.stores, chat.config, room, chat.clock(), lambda: 80)
    assert len([delivery for delivery in chat.outbox() if delivery.id.startswith("alarm:room:")]) == 1


def test_nothing_goes_while_there_is_room(chat: Chat) -> None:
    chat.stores.jobs._database.command("XADD", "qb:{1}:jobs", "*", "k", "v")
    assert make_room(chat.stores, chat.config, Room(Store(84, 100), Store(99, 100)), chat.clock(), lambda: 84) == {}
    assert chat.stores.database.command("XLEN", "qb:{1}:jobs") == 1


def test_every_step_leaves_ledger_orders_cases_and_queues_alone(chat: Chat) -> None:
    chat.says("签到")
    chat.says("你这个傻逼，去死吧", user="hanmei")
    kept = {
        key
        for key in chat.stores.database.scan("qb:*")
        if any(part in key for part in ("points", "cases", "orders", ":out:", "inbox", "people"))
    }
    values = {key: chat.stores.database.client.execute_command("DUMP", key, NEVER_DECODE=True) for key in kept}
    chat.later(days=30)
    for step in ORDER:
        step.act(chat.stores, chat.config, chat.clock())
    assert {key: chat.stores.database.client.execute_command("DUMP", key, NEVER_DECODE=True) for key in kept} == values
    assert values


def test_a_full_redis_says_so_and_what_was_kept_is_right(small: Database, chat: Chat) -> None:
    chat.says("签到")
    before = chat.points()
    for size in (100_000, 1_000, 10):
        with pytest.raises(StorageAway, match="内存"):
            stuff(small, size)
    with pytest.raises(StorageAway):
        chat.says("签到", user="hanmei")
    ask_free(small)
    assert chat.points() == before
    assert "签到" in chat.says("签到", user="hanmei")
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def stuff(database: Database, size: int) -> None:
    """Keys of a size until the server takes no more."""
    for n in count():
        database.command("SET", f"qb:{{1}}:fill:{size}:{n}", "x" * size)


def ask_free(database: Database) -> None:
    for key in list(database.scan("qb:{1}:fill:*")):
        database.command("UNLINK", key)
