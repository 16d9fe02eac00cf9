"""A simulated month: what the stores say at its end is what the event log alone says."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.metrics import Metrics
from bot.recounting import recount as unlike_the_log
from commands.build import COLLECT_AFTER
from rules.figures import Where
from rules.text import Words
from storage import keys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from tests.chat import Chat, a_config, build
from tests.month import COMMUNITIES, FIRST_DAY, GROUPS_EACH, ZONE, Month, Scale, a_tree, differences, people_of, story_of
from tests.timing import Clock

pytest_plugins = ("chat",)

WHOLE = Scale(members=2_000, messages=30_000)
QUARTER = Scale(members=2_000, messages=15_000, days=90, ring_every=timedelta(hours=6))
SMALL = Scale(members=150, messages=1_500, ring_every=timedelta(hours=6))


@pytest.fixture
def processes(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None
) -> Iterator[tuple[Chat, Chat]]:
    """Two processes of one bot."""
    opened = two_processes(redis_server.url, tmp_path, dictionary, metrics)
    yield opened
    for one in opened:
        one.stores.database.close()


def two_processes(url: str, folder: Path, dictionary: Words, metrics: Metrics) -> tuple[Chat, Chat]:
    """Two copies of the bot on one Redis, each with a clock of its own."""
    config = a_config(folder, url, a_tree())
    first, second = (build(iter(()), config, dictionary, metrics, clock=Clock()) for _ in range(2))
    return first, second


def test_after_a_month_every_total_is_what_the_event_log_says(processes: tuple[Chat, Chat]) -> None:
    lived = Month(*processes, seed=7, scale=SMALL).live()
    found, recount = differences(processes[0])
    assert (lived.wrong, found) == ([], [])
    assert lived.repeats > 10
    done = [count for count in recount.communities.values() if count.orders]
    assert sum(len(count.days) for count in recount.communities.values()) > 50
    assert done
    assert any(count.challenges for count in done)
    assert_the_book_is_true(processes[0])
    assert_tampering_is_found(processes[0])


def assert_the_book_is_true(chat: Chat) -> None:
    """Every figure of every day, of each community, group and of all together, is what the log tells; what it does not tell is found."""
    today = chat.clock().astimezone(ZONE).date()
    first = FIRST_DAY.date() - timedelta(days=2)
    assert list(unlike_the_log(chat.stores, chat.communities, first, today)) == []
    where = Where("c0", "wrC0G0")
    assert any(day.spoke.month > day.spoke.day for day in chat.stores.daybook.days(where, first, today, today))
    chat.stores.daybook.bring(where, today - timedelta(days=3), counts={"messages": 1}, spoke=[1])
    assert any("c0/wrC0G0 messages" in line for line in unlike_the_log(chat.stores, chat.communities, first, today, community="c0"))


def assert_tampering_is_found(chat: Chat) -> None:
    """What the log does not know of is told: a point too many, a place on a board, a day of a streak, one more in stock."""
    place = chat.communities.listed[0]
    part = {"shard": place.shard, "community": place.id}
    member, record = chat.stores.database.command("HGETALL", keys.CHECK_INS(**part))[:2]
    last, streak, rest = record.split("|", 2)
    for words in (
        ("HINCRBY", keys.BALANCES(**part), member, 1),
        ("ZINCRBY", keys.BOARD_ALL(**part), 5, member),
        ("HSET", keys.CHECK_INS(**part), member, f"{last}|{int(streak) + 1}|{rest}"),
        ("HINCRBY", keys.SHOP_STOCK(**part), "tshirt", 1),
    ):
        chat.stores.database.command(*words)
    told = "\n".join(differences(chat)[0])
    assert all(
        f"{place.id}: {what} of {name}: kept" in told for what, name in (("balance", member), ("board all", member), ("check-ins", member))
    )
    assert f"{place.id}: stock of tshirt: kept" in told


def test_one_seed_is_one_month() -> None:
    first, again, other = (story_of(dice := random.Random(seed), people_of(dice, SMALL), SMALL) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    assert abs(len(first) - SMALL.messages) < SMALL.messages / 3


def redis_cpu_s(chat: Chat) -> float:
    """Seconds of CPU that the server has used."""
    told = dict(line.split(":", 1) for line in chat.stores.database.command("INFO", "cpu").splitlines() if ":" in line)
    return float(told["used_cpu_sys"]) + float(told["used_cpu_user"])


def bare_round_trip_us(chat: Chat) -> float:
    """Microseconds on the wall of a command that does nothing: how fast this machine is now."""
    began = time.perf_counter()
    for _ in range(5_000):
        chat.stores.database.command("PING")
    return (time.perf_counter() - began) / 5_000 * 1e6


def live_a_month(folder: Path, seed: int, scale: Scale = WHOLE) -> str:
    """A whole month on a Redis of its own; AssertionError when a total is not what the log says."""
    (folder / "bot").mkdir()
    (folder / "words").mkdir()
    with EmbeddedServer(folder, fsync="no") as server:
        first, second = two_processes(server.url, folder / "bot", Words(folder / "words"), Metrics())
        bare_us = [bare_round_trip_us(first)]
        gc.set_threshold(*COLLECT_AFTER)  # as the bot's processes do
        gc.freeze()
        lived = Month(first, second, seed, scale).live()
        bare_us.append(bare_round_trip_us(first))
        redis_s = redis_cpu_s(first)
        found, recount = differences(first)
        first_day, last_day = FIRST_DAY.date(), first.clock().astimezone(ZONE).date()
        found += unlike_the_log(first.stores, first.communities, first_day - timedelta(days=2), last_day)
        assert (lived.wrong, found) == ([], []), [*lived.wrong, *found][:5]
    counts = recount.communities.values()
    return (
        f"{scale.members} members in {COMMUNITIES * GROUPS_EACH} groups, {lived.messages} messages, {lived.repeats} of them repeats, "
        f"in {lived.wall_s:.0f} s, CPU {lived.cpu_s:.0f} s and Redis' {redis_s:.0f} s (a bare round trip took {bare_us[0]:.0f} and {bare_us[1]:.0f} µs): "
        f"{sum(recount.events.values())} events give every balance, board, streak, order, stock, "
        f"level, badge, challenge and day counter, and every figure of {scale.days} days of every place; "
        f"{sum(sum(count.check_ins.values()) for count in counts)} check-ins, "
        f"{sum(len(count.orders) for count in counts)} orders"
    )
