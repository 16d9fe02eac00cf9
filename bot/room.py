"""The room there is: measured, foretold, and made where there is almost none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from bot.config import Config
from bot.deliveries import to_first_admins
from rules.room import FULL, SHED, Room, Store, lasting
from storage.keys import shard_of
from storage.machine import Server
from storage.moment import DEFAULT_TIMEZONE, to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

TELL_EVERY_MS = 6 * 3_600_000
"""How often administrators are told again that memory is being made free."""


def look(stores: Stores, config: Config, server: Server) -> Room:
    """The room of Redis and of the disk on which our data are, from here; one round trip."""
    days = stores.room.days()
    data = config.data_path if config.data_path.exists() else config.data_path.parent
    disk = shutil.disk_usage(data)
    files, size = stores.events.files.size() if stores.events.files else (0, 0)
    return Room(
        Store(server.memory, server.most_memory or server.machine_memory, days.get("memory", ())),
        Store(disk.used, disk.total, days.get("disk", ())),
        files,
        size,
    )


def note(stores: Stores, room: Room, now: datetime) -> None:
    """Notes how much is taken today, for the forecast."""
    stores.room.note(now.astimezone(ZoneInfo(DEFAULT_TIMEZONE)).date(), {name: store.used for name, store in room.stores.items()})


def troubles(room: Room, *, is_limited: bool) -> Iterator[tuple[str, str]]:
    """What there is too little of, with the cure, in Chinese. ``is_limited``: Redis has a limit of its own, else it is the machine's memory."""
    if room.memory.share >= FULL:
        cure = "调大 maxmemory" if is_limited else "给机器加内存"
        yield (
            f"Redis 的内存用了 {room.memory.share:.0%}，{lasting(room.memory)}",
            f"{cure}，或缩短 config.yaml 里 log.hot_days 和 retention 的天数；到 {SHED:.0%} 会按顺序自动腾地方，账目从不动",
        )
    if room.disk.share >= FULL:
        yield (
            f"data_dir 所在的磁盘用了 {room.disk.share:.0%}，{lasting(room.disk)}",
            "加磁盘，或用 run.py backup --keep 少留几份备份，缩短 retention.events_days；磁盘满了，新消息收不下来",
        )


# Making room ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shed:
    """One thing that may go when memory is short: what it is, what that costs, in Chinese; and how it goes, giving how much."""

    what: str
    costs: str
    act: Callable[[Stores, Config, datetime], int]


def _file_all(stores: Stores, config: Config, now: datetime) -> int:
    return stores.events.file_away(now - timedelta(hours=1), stretch=FILED_AT_LEAST) if config.is_log_filed else 0


FILED_AT_LEAST = 1_000
"""Entries of a file that is written early."""
ORDER: tuple[Shed, ...] = (
    Shed("事件记录写成文件，Redis 里只留最近一小时", "什么也不丢，查旧的慢一些", _file_all),
    Shed("还没算的情绪", "这些消息不计情绪", lambda stores, config, now: stores.jobs.drop()),
    Shed("还没看的图片", "这些图片不查二维码", lambda stores, config, now: stores.pictures.drop()),
    Shed("一天以前的试运行记录", "治理报告只说最近一天", lambda stores, config, now: stores.trials.drop_before(now - timedelta(days=1))),
    Shed(
        "一周以前没答上的问题", "“未答”里只剩最近一周的", lambda stores, config, now: stores.unanswered.drop_before(now - timedelta(days=7))
    ),
    Shed("一周以前的事件记录", "查不到一周以前发生过什么", lambda stores, config, now: stores.events.trim_streams(now - timedelta(days=7))),
)
"""What goes first when memory is short. Never on this list: accounts, orders, cases, members, content, and what waits to be worked on or sent."""


def make_room(stores: Stores, config: Config, room: Room, now: datetime, used: Callable[[], int]) -> Mapping[str, int]:
    """Lets go, step by step, of what matters least until memory is below the mark again; gives what went and how much.

    ``used`` is how much memory is taken now. Administrators hear of it, once in six hours.
    """
    done: dict[str, int] = {}
    if room.memory.share < SHED:
        return done
    for step in ORDER:
        if used() < SHED * room.memory.total:
            break
        if count := step.act(stores, config, now):
            done[step.what] = count
            log.warning("memory is short", gone=step.what, count=count)
    _tell(stores, config, room, done, now)
    return done


def _tell(stores: Stores, config: Config, room: Room, done: Mapping[str, int], now: datetime) -> None:
    went = "；".join(f"{what}（{count}）" for what, count in done.items()) or "已经没有可以腾的了"
    text = f"⚠️ Redis 的内存用了 {room.memory.share:.0%}。已腾出：{went}。请加内存或缩短 retention，见控制台“运行”页。"
    now_ms = to_ms(now)
    delivery = to_first_admins(config, text, id=f"alarm:room:{now_ms // TELL_EVERY_MS}", now_ms=now_ms)
    if delivery:
        stores.outbox.enqueue(shard_of(delivery.community, stores.shards), [delivery], now_ms)
