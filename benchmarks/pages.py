"""How long the console's pages take, over a year of many communities: ``python -m benchmarks.pages``.

The year is brought into the book day by day, as a migration would, and closed, as the clock does every night. Pages are opened in this process through the
real application and a real Redis, each several times; told is the median, and the first opening, when nobody looked at the lights before. Besides the
pages of figures it opens every page of the route table that needs to know no more than the community.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import yaml
from flask import Flask

from benchmarks import people
from bot.communities import Community
from bot.config import load
from bot.health_desk import ring_health
from commands.build import build, create_web, now
from console.doors import COOKIE, PATH
from rules.figures import Where
from rules.points import PointRules
from storage.embedded import EmbeddedServer
from storage.points import Rewards
from storage.stores import Stores

SPEAK = 40
"""Members who speak on a day."""
REPEATS = 7
LIMIT_MS = 500
NUMBERS = "/console/in/c0/numbers"
PAGES = (
    "/console/", "/console/in/c0/", NUMBERS, f"{NUMBERS}?length=month", f"{NUMBERS}?all=1", f"{NUMBERS}/of/dau?length=day", f"{NUMBERS}/hours",
    f"{NUMBERS}/retention",
)  # fmt: skip
_NO_PAGES = ("console.live", "console.login", "console.logout", "console.numbers")


def main(words: list[str]) -> int:
    """Measures and prints; 1 when a page takes longer than half a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--communities", type=int, default=100)
    parser.add_argument("--members", type=int, default=500, help="of each community")
    parser.add_argument("--days", type=int, default=365)
    asked = parser.parse_args(words)
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder), fsync="no") as server:
        config = load(_config(Path(folder), asked.communities), {"BOT_REDIS_URL": server.url})
        bot = build(config, "web")
        _settle(bot.stores, bot.communities.named("c0"), asked.members)
        _live_through(bot.stores, asked.communities, asked.members, asked.days)
        began = time.perf_counter()
        ring_health(bot.stores, config, bot.live.current, bot.communities, now())  # as the clock does every hour
        print(f"the lights of all of them looked at in {time.perf_counter() - began:.1f} s")
        web = create_web(bot)
        client = web.test_client()
        boss = bot.stores.directory.enrol("boss").number
        client.set_cookie(COOKIE, bot.stores.sessions.begin(boss, now()), path=PATH)
        for page in dict.fromkeys((*PAGES, *_plain_pages(web))):
            took, worked = [], []
            for _ in range(REPEATS):
                began, cpu = time.perf_counter(), time.process_time()
                answer = client.get(page)
                took.append((time.perf_counter() - began) * 1000)
                worked.append((time.process_time() - cpu) * 1000)
                if answer.status_code == 404 and page not in PAGES:  # it wants to know more
                    break
                assert answer.status_code == 200, (page, answer.status_code)
            else:
                slowest = max(slowest, statistics.median(took))
                print(
                    f"{page:44} {statistics.median(took):5.0f} ms (CPU {statistics.median(worked):.0f} ms; first {took[0]:.0f} ms),"
                    f" {len(answer.data) / 1000:.0f} KB"
                )
    return int(slowest > LIMIT_MS)


def _settle(stores: Stores, community: Community, members: int) -> None:
    """Makes the members of the first community known, each with some points and check-ins."""
    people.put(stores.database, [f"person{n:05d}" for n in range(members)], shard=community.shard, community=community.id)
    today, rules = now().date(), PointRules()
    for member in range(people.FIRST, people.FIRST + members):
        for days in (3, 2, 1):
            moment, day = now() - timedelta(days=days), today - timedelta(days=days)
            once = f"{member}:{days}"
            stores.check_ins.check_in(
                community.keys, member, moment, today=day, rewards=Rewards((5,), repeat=True), lapses=rules, once=once
            )
            stores.points.award(community.keys, member, moment, today=day, reason="task", points=2, once=once, lapses=rules)


def _plain_pages(web: Flask) -> Iterator[str]:
    """Every page that is read by nothing but a community's id, in the first one; no files, and no streams."""
    for rule in web.url_map.iter_rules():
        is_page = rule.endpoint.startswith("console.") and rule.endpoint not in _NO_PAGES and "GET" in (rule.methods or ())
        if is_page and rule.arguments <= {"place"}:
            yield rule.rule.replace("<place>", "c0")


def _live_through(stores: Stores, communities: int, members: int, days: int) -> None:
    """Brings the days before today in: in each community everybody speaks about every twelfth day."""
    began, today = time.perf_counter(), now().date()
    for at in range(communities):
        where, first = Where(f"c{at}"), at * members + 2
        for back in range(days, 0, -1):
            spoke = [first + (back * 41 + 12 * n) % members for n in range(SPEAK)]
            counts = {
                "messages": 3 * SPEAK,
                "faq_hit": 9,
                "faq_miss": 2,
                "h:20": 2 * SPEAK,
                "h:9": SPEAK,
                "felt": 90,
                "unhappy": at % 40,
                "tickets": 2,
            }
            came = range(first, first + members) if back == days else ()
            stores.daybook.bring(
                where, today - timedelta(days=back), counts=counts | {"tickets_answered": 2, "wait:15": 2}, spoke=spoke, came=came
            )
    brought = time.perf_counter()
    rows = 0
    while kept := stores.daybook.close({}, today, now()):
        rows += kept
    closed = time.perf_counter()
    print(
        f"{communities} communities, {members} members, {days} days: brought in {brought - began:.0f} s, {rows} closed in {closed - brought:.0f} s"
    )


def _config(folder: Path, communities: int) -> Path:
    file = folder / "config.yaml"
    listed = [{"id": f"c{at}", "name": f"社群 {at}", "groups": [f"wr{at}"]} for at in range(communities)]
    file.write_text(
        yaml.safe_dump({"wecom": {"corp_id": "wwBENCH"}, "admins": ["boss"], "communities": listed, "data_dir": "data"}), encoding="utf-8"
    )
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
