"""Data that each older program left behind, brought into the present layout: right, once, and resumed after any kill."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from rules.contents import FAQ, from_items
from storage import keys
from storage.cases import Cases
from storage.community import CommunityKeys
from storage.connection import Database
from storage.content import ContentStore
from storage.directory import Directory
from storage.embedded import EmbeddedServer
from storage.events import Events
from storage.evidence import Seal
from storage.layouts import STEPS, due
from storage.points import Points
from storage.schema import VERSION, NewerData, find_layout, settle_schema, steps_due
from tests.layout_fixtures import PROGRAMS, load
from tests.tree import HERE

NOW_MS = 1_795_500_000_000
MAIN = CommunityKeys("main", 4)
LAYOUTS = sorted(PROGRAMS)
OLDER = [layout for layout in LAYOUTS if layout < VERSION]


class Killed(BaseException):
    """The process ends here."""


class Dying(Database):
    """A connection whose process is killed before one of its round trips."""

    left = 10**9

    def _ask(self, send: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super()._ask(send)


def everything(database: Database) -> dict[str, object]:
    """All that stands in Redis, key by key, whatever its order of writing was; but for names that chance gives, and what sweeps itself up."""
    reads = {"hash": "HGETALL", "list": "LRANGE", "set": "SMEMBERS", "zset": "ZRANGE", "stream": "XRANGE", "string": "GETRANGE"}
    more = {"list": (0, -1), "zset": (0, -1, "WITHSCORES"), "stream": ("-", "+"), "string": (0, -1)}
    found: dict[str, object] = {}
    for key in database.scan("qb:*"):
        if ":changes:" in key or "{lease:" in key:
            continue
        kind = database.command("TYPE", key)
        value = database.command(reads[kind], key, *more.get(kind, ()))
        if key.endswith(":history"):
            value = [re.sub(r'"changes":"\w+"', "", word) for word in value]
        found[key] = dict(zip(value[::2], value[1::2], strict=True)) if kind == "hash" else sorted(value) if kind == "set" else value
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_an_older_program_left_is_understood(database: Database, layout: int) -> None:
    rows = load(layout, database)
    balances = rows["qb:{4}:main:points:balances"]["hash"]

    assert settle_schema(database, NOW_MS) == 16
    assert (find_layout(database), steps_due(database)) == (VERSION, ())

    points, people = Points(database), Directory(database)
    lilei = people.find_number("lilei")
    assert lilei == 1
    assert points.discrepancies(MAIN) == []
    assert points.discrepancies(CommunityKeys("wrOTHER", 12)) == []
    assert points.balance(MAIN, lilei) == int(balances["1"]) == sum(row.amount for row in points.rows(MAIN, lilei, 50))
    log = list(Events(database, 16).read())
    assert sum(entry.kind == "inbound" for entry in log) == 14
    assert any(entry.id == "refund" for entry in from_items(FAQ, ContentStore(database).items(FAQ.name)))
    assert Cases(database, Seal(Fernet.generate_key())).count_undecided(MAIN) == len(rows["qb:{4}:main:cases:open"].get("zset", {}))


@pytest.mark.parametrize("layout", OLDER)
def test_converting_twice_is_converting_once(database: Database, layout: int) -> None:
    load(layout, database)
    settle_schema(database, NOW_MS)
    once = everything(database)
    for step in STEPS:
        database.command("HSET", keys.SCHEMA(), "version", step.to - 1)
        settle_schema(database, NOW_MS)
    assert everything(database) == once


@pytest.mark.parametrize("layout", OLDER)
def test_a_kill_before_any_round_trip_is_made_up_for_by_the_next_start(
    redis_server: EmbeddedServer, database: Database, layout: int
) -> None:
    load(layout, database)
    counting = Dying(redis_server.url)
    settle_schema(counting, NOW_MS)
    whole, trips = everything(database), 10**9 - counting.left
    for step in random.Random(layout).sample(range(trips), min(trips, 12)):
        database.command("FLUSHALL")
        load(layout, database)
        dying = Dying(redis_server.url)
        dying.left = step
        with pytest.raises(Killed):
            settle_schema(dying, NOW_MS)
        assert (find_layout(database) or 0) <= VERSION
        database.command("DEL", keys.LEASE(name="layout"))  # half a minute later
        settle_schema(database, NOW_MS)
        assert everything(database) == whole, f"killed before round trip {step} of {trips}"
        dying.close()
    counting.close()


def test_a_killed_conversion_goes_on_behind_the_steps_that_were_done(redis_server: EmbeddedServer, database: Database) -> None:
    load(1, database)
    taken: list[int] = []
    dying = Dying(redis_server.url)

    def watch(step: Any) -> Any:
        taken.append(step.to)
        if taken == [2, 3, 4]:
            dying.left = 0
        return _Nothing()

    with pytest.raises(Killed):
        settle_schema(dying, NOW_MS, watch)
    assert find_layout(database) == 3
    assert [step.to for step in steps_due(database)] == [step.to for step in due(3)]
    dying.left = 10**9
    database.command("DEL", keys.LEASE(name="layout"))
    settle_schema(dying, NOW_MS, watch)
    assert taken == [2, 3, 4, *(step.to for step in due(3))]
    dying.close()


class _Nothing:
    def __enter__(self) -> Any:
        return lambda done, total: None

    def __exit__(self, *_: object) -> None:
        return None


def test_a_newer_layout_is_left_alone_and_the_way_back_is_told(database: Database) -> None:
    database.command("HSET", keys.SCHEMA(), "version", VERSION + 1, "shards", 16)
    with pytest.raises(NewerData, match="恢复升级前的备份"):
        settle_schema(database, NOW_MS)
    with pytest.raises(NewerData):
        find_layout(database)


# The command, killed ----------------------------------------------------------------------------------------------------------


def fill_old(database: Database, members: int) -> None:
    """Layout 2 with so many members: a ledger in one stream, check-ins, names."""
    load(2, database)
    for first in range(10, members, 1_000):
        numbers = range(first, min(first + 1_000, members))
        database.pipeline(
            [
                *[
                    ("XADD", "qb:{4}:main:points:ledger", "*", "t", NOW_MS - n, "from", "treasury", "to", n, "n", 5,
 "reason", "签到", "actor", n, "once", f"m{n}")
                    for n in numbers
                ],
                ("HINCRBY", "qb:{4}:main:points:balances", "treasury", -5 * len(numbers)),
                ("HSET", "qb:{4}:main:points:balances", *(word for n in numbers for word in (n, 5))),
                ("HSET", "qb:{people}:names", *(word for n in numbers for word in (n, f"成员{n}"))),
            ]
        )  # fmt: skip
    database.command("DEL", *(f"qb:{{4}}:main:points:rows:{n}" for n in (1, 2, 3)))


def migrate_under_kills(folder: Path, members: int, kills: int, seed: int) -> int:
    """Runs ``run.py migrate`` on an old layout and kills it at random moments until one is through; gives how many were killed. AssertionError: it differs.

    The same data, converted without a kill, is what has to come out.
    """
    rng = random.Random(seed)
    config = folder / "config.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump({"data_dir": str(folder / "data")}))
    words = [sys.executable, str(HERE / "run.py"), "--config", str(config), "migrate"]
    with EmbeddedServer(folder / "redis", fsync="no") as server:
        database = Database(server.url, timeout_s=10)
        fill_old(database, members)
        began = time.monotonic()
        settle_schema(database, NOW_MS)
        took_s, whole = time.monotonic() - began, everything(database)
        database.command("FLUSHALL")
        fill_old(database, members)
        environment = os.environ | {"BOT_REDIS_URL": server.url}
        killed = 0
        for _ in range(kills):
            process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(0.6 + rng.random() * took_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait(10)
                database.command("DEL", keys.LEASE(name="layout"))  # half a minute later
                killed += 1
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
        assert f"第 {VERSION} 版" in done
        there = everything(database)
        assert _timeless(there) == _timeless(whole)
        database.close()
    return killed


def _timeless(found: dict[str, Any]) -> dict[str, Any]:
    """Without what says when something was written."""
    return {key: value for key, value in found.items() if ":history" not in key and key != keys.SCHEMA()}


def test_the_command_may_be_killed_at_any_moment(tmp_path: Path) -> None:
    assert migrate_under_kills(tmp_path, 4_000, 4, seed=3) >= 1


def test_the_plan_says_what_is_due_and_changes_nothing(tmp_path: Path, database: Database, redis_server: EmbeddedServer) -> None:
    load(4, database)
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"data_dir": str(tmp_path / "data")}))
    words = [sys.executable, str(HERE / "run.py"), "--config", str(config), "migrate", "--plan"]
    before = everything(database)
    told = subprocess.run(words, env=os.environ | {"BOT_REDIS_URL": redis_server.url}, capture_output=True, text=True, check=True).stdout
    assert "要做 2 步" in told
    assert STEPS[-1].title in told
    assert everything(database) == before
