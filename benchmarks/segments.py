"""How long a segment takes among very many members: ``python -m benchmarks.segments``.

A community gets its members' rows, a month of presence, and a tag that a fifth of them have. Told is how long it takes to count who fits, and to go
through them page by page with how much memory that takes above what the program had; what a member costs in Redis; and how long a change of one takes.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml

from bot.audience import Audience
from bot.communities import Community
from bot.config import load
from bot.readers import ring_log
from commands.build import Bot, build
from rules.segments import parse
from storage import keys
from storage.embedded import EmbeddedServer
from storage.moment import to_ms
from storage.stores import Stores
from storage.traits import ACTIVE_DAYS, BLOCK, BUCKET, COLUMNS

LIMIT_S = 1.0
DAY = date(2026, 11, 20)
TODAY = (DAY - date(2000, 1, 1)).days
REPEATS = 5
PAGE = 1_000
TOUCHED, ENTRIES = 2_000, 20_000
TAG = "员工"
SEGMENTS = (
    "level >= 3",
    "silent_days > 7",
    f"level >= 3 and silent_days > 7 and not tag:{TAG} and joined < 400d",
    "stage = 沉默 or churn > 90%",
    "layer = 贡献 and not opted_out",
)


def main(words: list[str]) -> int:
    """Measures and prints; 1 when a count takes longer than a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.segments", description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    asked = parser.parse_args(words)
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder), fsync="no") as server:
        tree = {"communities": [{"id": "main", "groups": ["wrGROUP1"]}], "admins": ["boss"], "data_dir": folder}
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        config = load(path, {"BOT_REDIS_URL": server.url})
        bot = build(config, "web")
        [community] = bot.communities.listed
        before = _memory(bot.stores)
        _fill(bot.stores, community, asked.members)
        print(
            f"{asked.members:,} members; Redis holds {(_memory(bot.stores) - before) / asked.members:.0f} B of each, presence and tags included"
        )
        audience = Audience(bot.stores, bot.live.current)
        for text in SEGMENTS:
            query, took, spent = parse(text), [], time.process_time()
            for _ in range(REPEATS):
                began = time.perf_counter()
                count = audience.count(community, query, DAY)
                took.append(time.perf_counter() - began)
            slowest = max(slowest, statistics.median(took))
            worked = (time.process_time() - spent) / REPEATS
            print(
                f"{statistics.median(took) * 1000:7.0f} ms ({worked * 1000:3.0f} ms of them at work)  {count.members:>9,} of {count.of:,}  {text}"
            )
        _go_through(audience, community, SEGMENTS[1])
        _touch(bot.stores, community)
        _follow(bot, community)
    print(f"slowest: {slowest:.2f} s (at most {LIMIT_S:.0f})")
    return int(slowest > LIMIT_S)


def _fill(stores: Stores, community: Community, members: int) -> None:
    """Columns as bot/traits.py would write them, whole blocks at a time; seats as they are given, presence and a tag as they come about."""
    dice, part = np.random.default_rng(7), {"shard": community.shard, "community": community.id}
    put = stores.database.pipeline
    for first in range(0, members, BLOCK):
        count = min(BLOCK, members - first)
        columns = {
            "number": np.arange(first + 1, first + count + 1),
            "level": dice.integers(1, 8, count),
            "joined": TODAY - dice.integers(0, 800, count),
            "spoke": TODAY - np.minimum(dice.geometric(0.02, count), TODAY),
            "thanks": dice.geometric(0.5, count) - 1,
            "check_ins": dice.integers(0, 60, count),
            "churn": dice.integers(1, 65_535, count),
            "opted_out": dice.random(count) < 0.03,
        }
        full = {name: columns.get(name, np.ones(count)).astype(kind).tobytes() for name, kind in COLUMNS.items()}
        put([("SET", keys.TRAIT_COLUMN(**part, column=name, block=first // BLOCK), values) for name, values in full.items()])
        put(_seats(part, first, count))
    for back in range(ACTIVE_DAYS):
        day = (DAY - timedelta(days=back)).isoformat()
        put([("SET", keys.ACTIVE(**part, day=day), np.packbits(dice.random(members + 8) < 0.07).tobytes())])
    put([("SET", keys.HERE(**part), np.packbits(np.ones(members + 8, bool)).tobytes()), ("SET", keys.TRAIT_SEATS_NEXT(**part), members)])
    tagged = dice.choice(members, members // 5, replace=False) + 1
    for start in range(0, len(tagged), 10_000):
        put([("ZADD", keys.TAGGED(**part, tag=TAG), *(word for number in tagged[start : start + 10_000] for word in (start, int(number))))])


def _seats(part: dict[str, object], first: int, count: int) -> Iterator[tuple[object, ...]]:
    for bucket in range((first + 1) // BUCKET, (first + count) // BUCKET + 1):
        numbers = range(max(bucket * BUCKET, first + 1), min((bucket + 1) * BUCKET, first + count + 1))
        yield ("HSET", keys.TRAIT_SEATS(**part, bucket=bucket), *(word for number in numbers for word in (number % BUCKET, number - 1)))


def _go_through(audience: Audience, community: Community, text: str) -> None:
    query, found, pages = parse(text), 0, 0
    after: int | None = 0
    peak, began = _peak_mb(), time.perf_counter()
    while after is not None:
        page, after = audience.page(community, query, DAY, after, PAGE)
        found, pages = found + len(page), pages + 1
    took = time.perf_counter() - began
    print(f"{found:,} gone through in {pages} pages of about {PAGE}: {took:.1f} s; the most memory grew by {_peak_mb() - peak:.0f} MB")


def _touch(stores: Stores, community: Community) -> None:
    took = []
    for number in range(1, 201):
        began = time.perf_counter()
        stores.traits.write(community.keys, {number: {"points": number}})
        took.append(time.perf_counter() - began)
    print(f"one member's change: {statistics.median(took) * 1e6:.0f} µs")


def _follow(bot: Bot, community: Community) -> None:
    """How fast the log is read on: messages alone, then entries that have points be read anew."""
    stores, now, events = bot.stores, datetime(2026, 11, 20, 4, tzinfo=UTC), keys.EVENTS(shard=community.shard)
    stores.database.pipeline([("HSET", keys.MEMBER_USERS(), *(word for n in range(1, TOUCHED + 1) for word in (n, f"user{n}")))])
    for name, kind, data in (("messages", "inbound", '{"kind":"text"}'), ("changes of points", "change", '{"act":"points"}')):
        ring_log(stores, bot.config, bot.live.current, bot.communities, now)
        head = ("XADD", events, "*", "v", "1", "t", to_ms(now), "kind", kind, "c", community.id)
        stores.database.pipeline((*head, "m", n % TOUCHED + 1, "id", "x", "data", data) for n in range(ENTRIES))
        began = time.perf_counter()
        ring_log(stores, bot.config, bot.live.current, bot.communities, now)
        print(f"{name}: {ENTRIES / (time.perf_counter() - began):,.0f} entries a second, of {TOUCHED:,} members")


def _memory(stores: Stores) -> int:
    info = dict(line.split(":", 1) for line in stores.database.command("INFO", "memory").splitlines() if ":" in line)
    return int(info["used_memory"])


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
