"""What a member costs in Redis after a month, and what his rank costs among a million: ``python -m benchmarks.points``.

The month: 25 check-ins, 48 awards, two orders, a badge and a tag, 75 rows in all, made by the stores' own acts. What Redis itself would have dropped by the
month's end (boards of past days, memories of repeats after a week) is dropped; the event log is counted apart.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event

from cryptography.fernet import Fernet

from rules.points import PointRules
from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.ledger import month_of, week_of
from storage.orders import Wish
from storage.points import Rewards
from storage.stores import Stores, open_stores

WHERE = CommunityKeys("bench", 4)
FIRST = date(2026, 3, 1)
CHECK_INS, AWARDS, ORDERS = 25, 48, 2
SAMPLES = 2_000
"""How often a board is asked."""
LIMIT_BYTES = 6 * 1024


def main(words: list[str]) -> int:
    """Measures and prints; 1 when a member costs more than 6 KB."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.points", description=__doc__)
    parser.add_argument("--members", type=int, default=2_000, help="who live through the month")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000], help="sizes of the boards")
    asked = parser.parse_args(words)
    cost = _memory(asked.members)
    with _redis() as stores:
        for size in asked.sizes:
            _ranks(stores, size)
    return int(cost > LIMIT_BYTES)


@contextmanager
def _redis() -> Iterator[Stores]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder), fsync="no") as server:
        database = Database(server.url, timeout_s=60)
        database.command("CONFIG", "SET", "appendonly", "no")  # its buffers would count as the members'
        yield open_stores(database, 16, consumer=lambda: "bench", evidence_key=Fernet.generate_key(), answers_hours=24)
        database.close()


# A month ------------------------------------------------------------------------------------------------------------------


def _memory(members: int) -> float:
    with _redis() as stores:
        _warm_up(stores)
        before = _used(stores.database)
        began = time.perf_counter()
        for day in range(30):
            _live(stores, members, FIRST + timedelta(days=day))
        acts = members * (CHECK_INS + AWARDS + ORDERS)
        print(f"{acts} acts in {time.perf_counter() - began:.0f} s: {(time.perf_counter() - began) / acts * 1e6:.0f} µs an act\n")
        log = int(stores.database.command("MEMORY", "USAGE", keys.EVENTS(shard=WHERE.shard), "SAMPLES", 0))
        entries = int(stores.database.command("XLEN", keys.EVENTS(shard=WHERE.shard)))
        stores.database.command("DEL", keys.EVENTS(shard=WHERE.shard))
        _drop_what_has_ended(stores.database)
        cost = (_used(stores.database) - before) / members
        assert stores.points.discrepancies(WHERE) == []
        rows = [len(stores.points.rows(WHERE, member, 1_000)) for member in range(1, members, max(1, members // 20))]
        print(f"| what | bytes a member ({members} members, {statistics.mean(rows):.0f} rows each) |\n|---|---|")
        for family, size in sorted(_by_family(stores.database).items(), key=lambda found: -found[1]):
            print(f"| `{family}` | {size / members:.0f} |")
        print(f"| **all, by the growth of used_memory** | **{cost:.0f}** |")
        print(f"| beside it: the event log ({entries / members:.0f} entries) | {log / members:.0f} |\n")
        return cost


def _warm_up(stores: Stores) -> None:
    """Every script is loaded, so that it does not count as a member's."""
    for day in range(30):
        _live(stores, 1, FIRST + timedelta(days=day))
    stores.database.command("FLUSHALL")


def _live(stores: Stores, members: int, today: date) -> None:
    """One day of everybody."""
    now = datetime(today.year, today.month, today.day, 4, tzinfo=UTC)
    rules, rewards, day = PointRules(), Rewards((5, 5, 10, 5, 5, 5, 20), repeat=True), (today - FIRST).days
    for member in range(1, members + 1):
        dice = random.Random(day * 1_000_003 + member)
        if (member + day) % 6:
            once = f"assistant:{dice.randbytes(12).hex()}"
            stores.check_ins.check_in(WHERE, member, now, today=today, rewards=rewards, lapses=rules, once=once)
        for n in range(AWARDS * (day + 1) // 30 - AWARDS * day // 30):
            reason = dice.choice(["thanks", "task", "challenge", "event"])
            stores.points.award(WHERE, member, now, today=today, reason=reason, points=2, once=f"{day}:{n}:{dice.random()}", lapses=rules)
        if day in (12, 24):
            wish = Wish(item="mug", name="马克杯", kind="manual", price=30, supply="free")
            stores.orders.buy(WHERE, member, wish, now, today=today, once=f"{day}:{member}")
        if day == 6:
            stores.badges.give(WHERE, member, ["streak_7"], now, today=today, once=f"{member}")
            stores.tags.add(WHERE, member, "活跃", now, actor=0, once=f"{member}")


def _drop_what_has_ended(database: Database) -> None:
    """What Redis would have dropped in a month that took a month."""
    part, last = {"shard": WHERE.shard, "community": WHERE.id}, FIRST + timedelta(days=29)
    gone: list[str] = []
    for back in range(30):
        day = last - timedelta(days=back)
        if back >= 2:
            gone += [keys.BOARD_DAY(**part, day=day.isoformat()), keys.POINT_CAPS(**part, day=day.isoformat())]
            gone.append(keys.SHOP_HAD_TODAY(**part, day=day.isoformat()))
        ended = day + timedelta(days=6 - day.weekday())
        if last - ended > timedelta(days=8):
            gone.append(keys.POINTS_DONE(**part, week=week_of(day)))
        if last - ended > timedelta(days=10):
            gone.append(keys.BOARD_WEEK(**part, week=week_of(day)))
    gone += database.scan(keys.ONCE(**part, id="*"))  # seven days
    if gone:
        database.command("DEL", *gone)


def _by_family(database: Database) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    names = list(database.scan("qb:*"))
    sizes = database.pipeline(("MEMORY", "USAGE", name, "SAMPLES", 0) for name in names)
    for name, size in zip(names, sizes, strict=True):
        tail = name.split("}:", 1)[1].removeprefix(f"{WHERE.id}:").split(":")
        found[":".join(part for part in tail if not part[:1].isdecimal())] += int(size)
    return found


def _used(database: Database) -> int:
    """The memory in use, once what was dropped is gone: the server frees it behind its answer."""
    pause = Event()
    while True:
        told = dict(line.split(":", 1) for line in str(database.command("INFO", "memory")).splitlines() if ":" in line)
        if told["lazyfree_pending_objects"] == "0":
            return int(told["used_memory"])
        pause.wait(0.1)


# Ranks --------------------------------------------------------------------------------------------------------------------


def _ranks(stores: Stores, size: int) -> None:
    part, dice = {"shard": WHERE.shard, "community": WHERE.id}, random.Random(size)
    board = keys.BOARD_MONTH(**part, month=month_of(FIRST))
    stores.database.command("DEL", board)
    for start in range(1, size + 1, 5_000):
        flat = [word for member in range(start, min(start + 5_000, size + 1)) for word in (int(dice.paretovariate(0.8) * 5), member)]
        stores.database.command("ZADD", board, *flat)
    asked = _timed(lambda member: stores.boards.page(WHERE, "month", FIRST, member), size)
    now = datetime(2026, 3, 1, 4, tzinfo=UTC)
    moved = _timed(lambda member: stores.points.award(WHERE, member, now, today=FIRST, reason="task", points=1, once=""), size)
    print(f"{size:>9} members: rank, neighbours and top ten {asked}, an award with four boards {moved}")


def _timed(act: Callable[[int], object], size: int) -> str:
    dice, took = random.Random(1), []
    for _ in range(SAMPLES):
        member, began = dice.randint(1, size), time.perf_counter()
        act(member)
        took.append(time.perf_counter() - began)
    took.sort()
    return f"{took[SAMPLES // 2] * 1e6:.0f} µs (p99 {took[SAMPLES * 99 // 100] * 1e6:.0f} µs)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
