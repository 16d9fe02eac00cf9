"""Redis on several machines: everything that holds on one server holds behind sentinels and on a cluster, also while servers die."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chat import a_config, build, settings
from redis.crc import key_slot
from redis.exceptions import RedisError, ResponseError

from bot.check import _redis
from bot.metrics import Metrics
from rules.text import Words
from storage import keys
from storage.connection import Database, Script, StorageAway
from storage.routes import read_address
from tests.outside import aibot_text, wecom
from tests.storm import Storm, Tried, check_books
from tests.timing import SLOWER, await_until
from tests.topologies import TOPOLOGIES, ClusterOfOurs, Topology, running
from tests.tree import Tree

pytest_plugins = ("chat",)

WELL_AFTER_S = 2.0
"""So long after a failover all callbacks have to be answered again."""
SHARDS = range(16)


@pytest.fixture(scope="module", params=sorted(TOPOLOGIES))
def topology(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """Sentinels, then a cluster."""
    with running(TOPOLOGIES[request.param](tmp_path_factory.mktemp(request.param))) as started:
        yield started


@pytest.fixture
def database(topology: Topology) -> Iterator[Database]:
    """It, empty and whole."""
    await_until(topology.is_whole, 20, "replicas in step")
    database = Database(topology.url)
    await_until(lambda: _flushed(database), 10, "an empty Redis")
    yield database
    database.close()


def _flushed(database: Database) -> bool:
    try:
        return bool(database.command("FLUSHALL"))
    except StorageAway:
        return False


def test_acts_commands_and_pipelines_reach_the_server_that_has_the_key(database: Database) -> None:
    lease = Script("hold_lease")
    names = [f"qb:{{{shard}}}:x" for shard in SHARDS]
    for shard in SHARDS:
        assert database.act(lease, [keys.LEASE(name=shard), keys.LEASE_FENCE(name=shard)], ["me", 60_000]) == 1
    assert database.pipeline([words for name in names for words in (("SET", name, name), ("GET", name))]) == [
        answer for name in names for answer in ("OK", name)
    ]
    assert database.command("GET", names[3]) == names[3]
    assert database.read_bytes([*names, "qb:{1}:none"]) == [*(name.encode() for name in names), b""]
    assert database.read_parts([(name, 0, 1) for name in names]) == [b"qb"] * len(names)
    assert sorted(database.scan("qb:{*}:x")) == sorted(names)
    database.command("HSET", "qb:{3}:h", "a", 1, "b", 2)
    assert dict(database.rows("qb:{3}:h")) == {"a": "1", "b": "2"}


def test_a_refusal_in_a_pipeline_is_raised_and_spoils_nothing(database: Database) -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        database.pipeline([("SET", "qb:{1}:x", 1), ("HGET", "qb:{1}:x", "a"), ("SET", "qb:{2}:x", 2)])
    assert database.pipeline([("GET", "qb:{1}:x"), ("GET", "qb:{2}:x"), ("GET", "qb:{3}:x")]) == ["1", "2", None]


def test_scripts_are_loaded_everywhere_and_known_again_where_they_were_lost(database: Database) -> None:
    lease = Script("hold_lease")
    database.load([lease])
    for links in database._route.masters():
        assert links.ask("SCRIPT", "EXISTS", lease.sha) == [1]
        links.ask("SCRIPT", "FLUSH")
    assert [database.act(lease, [keys.LEASE(name=n), keys.LEASE_FENCE(name=n)], ["me", 60_000]) for n in SHARDS] == [1] * 16


def test_a_bell_rung_in_an_act_on_any_server_is_heard(database: Database) -> None:
    listener = database.subscribe("bell")
    await_until(lambda: listener.subscribed, what="a listener")
    heard = set[int]()

    def ring_and_listen() -> bool:
        for shard in set(SHARDS) - heard:  # a bell is heard by who listens: servers that have just met pass nothing on yet
            database.command("EVAL", "redis.call('PUBLISH', 'bell', ARGV[1]) return 1", 1, f"qb:{{{shard}}}:x", shard)
        while told := listener.get_message(timeout=0.1):
            heard.add(int(told["data"]))
        return heard == set(SHARDS)

    await_until(ring_and_listen, what="all bells")
    listener.close()


def test_every_server_tells_of_itself_and_settings_that_differ_are_told_apart(topology: Topology, database: Database) -> None:
    servers = database.servers()
    assert len(servers) == (3 if isinstance(topology, ClusterOfOurs) else 1)
    assert all(facts["role"] == "master" and took_ms > 0 for facts, took_ms in servers)
    assert database.setting("maxmemory-policy") == "noeviction"
    database._route.masters()[-1].ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    told = database.setting("maxmemory-policy")
    database._route.masters()[-1].ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert told == ("noeviction / allkeys-lru" if isinstance(topology, ClusterOfOurs) else "allkeys-lru")


def test_a_replica_that_dies_is_no_event(topology: Topology, database: Database) -> None:
    replica = topology.replica("qb:{0}:x")
    replica.signal(signal.SIGKILL)
    for shard in SHARDS:
        database.command("SET", f"qb:{{{shard}}}:x", shard)
    assert database.read_bytes([f"qb:{{{shard}}}:x" for shard in SHARDS]) == [str(shard).encode() for shard in SHARDS]
    replica.start()
    await_until(topology.is_whole, 20, "the replica's return")


def test_who_waits_for_replicas_gets_no_answer_while_they_are_behind(topology: Topology, database: Database) -> None:
    sure = Database(topology.url, wait_replicas=1, timeout_s=0.5)
    lease, names = Script("hold_lease"), [keys.LEASE(name="mood"), keys.LEASE_FENCE(name="mood")]
    assert sure.act(lease, names, ["me", 60_000]) == 1
    stopped = [node for node in topology.servers if node is not topology.master(names[0])]
    if isinstance(topology, ClusterOfOurs):
        stopped = [topology.replica(names[0])]
    for node in stopped:
        node.signal(signal.SIGSTOP)
    try:
        with pytest.raises(StorageAway, match="副本"):
            sure.act(lease, names, ["me", 60_000])
        with pytest.raises(StorageAway, match="副本"):
            sure.act(lease, names, ["other", 60_000])  # which changed nothing: but what it answers from is not safe yet
        with pytest.raises(StorageAway, match="副本"):
            sure.confirm(names[0])
        assert sure.command("GET", names[0]) == "me", "reading goes on"
        assert database.act(lease, names, ["me", 60_000]) == 1, "who does not wait is not stopped"
    finally:
        for node in stopped:
            node.signal(signal.SIGCONT)
    await_until(lambda: _is_served(lambda: sure.act(lease, names, ["me", 60_000])), 10, "the replicas' answer")
    sure.close()


def test_a_master_that_misses_its_replicas_takes_nothing_in(topology: Topology, database: Database) -> None:
    node = topology.master("qb:{5}:x")
    node.client.config_set("min-replicas-to-write", 9)
    try:
        with pytest.raises(StorageAway, match="min-replicas-to-write"):
            database.command("SET", "qb:{5}:x", 1)
        with pytest.raises(StorageAway, match="min-replicas-to-write"):
            database.act(Script("hold_lease"), ["qb:{5}:x", "qb:{5}:y"], ["me", 60_000])
    finally:
        node.client.config_set("min-replicas-to-write", 0)


def test_check_tells_of_a_failover_that_could_lose_what_was_acknowledged(
    topology: Topology, database: Database, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None
) -> None:
    def told() -> str:
        return "\n".join(finding.text for finding in _redis(chat.config, chat.stores))

    chat = build(iter(range(1, 100)), a_config(tmp_path, topology.url, settings()), dictionary, metrics)
    assert "redis.wait_replicas: 1" in told()
    for links in database._route.masters():
        links.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    assert "wait_replicas" not in told()
    for links in database._route.masters():
        links.ask("CONFIG", "SET", "min-replicas-to-write", 0)
    assert "积分" in chat.privately("我的积分"), "and the bot itself answers"
    chat.stores.database.close()


def test_threads_share_one_way(database: Database) -> None:
    def count(shard: int) -> None:
        for _ in range(50):
            database.command("INCR", f"qb:{{{shard}}}:n")

    threads = [threading.Thread(target=count, args=(n % 4,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.pipeline([("GET", f"qb:{{{shard}}}:n") for shard in range(4)]) == ["150"] * 4


@pytest.mark.parametrize("topology", ["cluster"], indirect=True)
def test_a_slot_that_moves_is_followed_and_nothing_is_done_twice(topology: Topology, database: Database) -> None:
    name, other = "qb:{7}:n", "qb:{7}:m"
    giver = topology.master(name)
    taker = next(node for node in topology.servers if node is not giver and node.client.execute_command("ROLE")[0] == "master")
    slot, ids = key_slot(name.encode()), {node: node.client.execute_command("CLUSTER", "MYID") for node in (giver, taker)}
    both = [("INCR", name), ("INCR", other)]
    assert database.pipeline(both) == [1, 1]

    taker.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[giver])
    giver.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[taker])
    giver.client.execute_command("MIGRATE", "127.0.0.1", taker.port, name, 0, 5000)
    assert database.pipeline([*both, *both]) == [2, 2, 3, 3], "one key is here, the other there"
    assert database.command("INCR", name) == 4
    assert database.read_bytes([name, other]) == [b"4", b"3"]
    with pytest.raises(StorageAway):  # an act on both can be done nowhere now
        database.act(Script("hold_lease"), [name, other], ["me", 1])

    giver.client.execute_command("MIGRATE", "127.0.0.1", taker.port, other, 0, 5000)
    for node in (taker, giver):
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[taker])
    assert database.pipeline(both) == [5, 4]
    assert topology.master(name) is taker


@pytest.mark.parametrize("url", ["redis+sentinel://h1,h2", "redis+cluster://h1/3", "unix+cluster:///x", "http://h", "redis+other://h/x"])
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="a") as refused:
        read_address(url.replace("://", "://:geheim@", 1))
    assert "geheim" not in str(refused.value)


def test_addresses_are_taken_apart() -> None:
    found = read_address("rediss+sentinel://bot:p%40ss@h1,[::1]:7000/main/2?sentinel_password=x&ssl_cert_reqs=none")
    assert (found.kind, found.scheme, found.hosts, found.path) == ("sentinel", "rediss", (("h1", 26379), ("::1", 7000)), "main/2")
    assert found.of("::1", 6379, "2").startswith("rediss://bot:p%40ss@[::1]:6379/2?")
    assert "p%40ss" not in repr(found), "an address has a password in it"


# Failover ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failover:
    """What a failover under load came to: seconds until there was a master again, and until every callback was answered again."""

    took_s: float
    refused_s: float
    tried: Tried

    def __str__(self) -> str:
        return f"master back after {self.took_s:.1f} s, callbacks after {self.refused_s:.1f} s; {self.tried}"


def fail_over(kind: str, folder: Path, seed: int, messages: int) -> Failover:
    """Kills the master of the main community in the middle of a storm, has it started again as a supervisor does, and checks the books."""
    rng, began = random.Random(seed), datetime.now(UTC)
    with wecom() as side, running(TOPOLOGIES[kind](folder / "redis")) as topology:
        tree = Tree(folder / "bot", redis_url=topology.url, api_base=side.base, redis={"url": topology.url, "wait_replicas": 1})
        try:
            tree.start()
            before = tree.all_pids()
            storm = Storm(tree, side, rng, messages)
            storm.begin()
            await_until(lambda: storm.settled() >= messages // 4, 60, "a quarter of the storm", every_s=0.001)
            storm.calm.clear()
            key = keys.INBOX(shard=keys.shard_of("main"))
            dead = topology.master(key)
            dead.signal(signal.SIGKILL)
            killed = time.monotonic()
            await_until(lambda: _is_promoted(topology, key, dead), 20, "another master", every_s=0.005)
            dead.start()
            await_until(lambda: _waits(topology, key), 20, "a master with a replica in step", every_s=0.005)
            took_s = time.monotonic() - killed
            refused_s = _await_health(tree, rng, killed + took_s) - killed
            storm.calm.set()
            storm.end(120)
            assert tree.pids() >= before, "no process died of it"
            with tree.database() as database:
                tried = check_books(database, storm.said, side, began=began, strangers="asker")
            return Failover(took_s, refused_s, tried)
        finally:
            tree.stop()


def _is_promoted(topology: Topology, key: str, dead: Any) -> bool:
    try:
        master = topology.master(key)
        return master is not dead and master.client.execute_command("ROLE")[0] == "master"
    except (RedisError, StopIteration):
        return False


def _waits(topology: Topology, key: str) -> bool:
    """Whether a write reaches a replica."""
    try:
        with topology.master(key).client.client() as one:
            one.set("{" + key[key.find("{") + 1 : key.find("}")] + "}", 1)
            return bool(one.wait(1, 100))
    except (RedisError, StopIteration):
        return False


def _await_health(tree: Tree, rng: random.Random, since: float) -> float:
    """When the first of twenty right answers in a row came, the last not later than promised."""
    in_a_row, first = 0, time.monotonic()
    while in_a_row < 20:
        answer = tree.client.tell(tree.channels["assistant"], aibot_text(f"asker{rng.randrange(50)}", "我的积分", chat="wrOUTmain"))
        in_a_row = in_a_row + 1 if answer.status == 200 else 0
        first = time.monotonic() if in_a_row <= 1 else first
        assert time.monotonic() - since < WELL_AFTER_S * SLOWER, f"not well {WELL_AFTER_S:g} s after the failover"
    return first


def _is_served(act: Any) -> bool:
    try:
        act()
    except StorageAway:
        return False
    return True


class Writers:
    """Threads that write for as long as they are let; each write once, whatever becomes of it."""

    def __init__(self, url: str) -> None:
        self.kept: list[tuple[int, str]] = []
        self.refused_at = 0.0
        self._database = Database(url, wait_replicas=1, timeout_s=0.5)
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,), daemon=True) for n in range(8)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Lets them finish."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(10)
        self._database.close()

    def _write(self, number: int) -> None:
        for at in range(10**6):
            if self._is_over.wait(0.002):
                return
            shard, word = (number + at) % 16, f"{number}.{at}"
            try:
                self._database.command("RPUSH", f"qb:{{{shard}}}:kept", word)
            except StorageAway:
                self.refused_at = time.monotonic()
            else:
                self.kept.append((shard, word))


def test_a_failover_under_load_keeps_every_acknowledged_write_once(topology: Topology, database: Database) -> None:
    key = "qb:{3}:kept"
    writers = Writers(topology.url)
    await_until(lambda: len(writers.kept) > 500, 20, "a load")
    dead = topology.master(key)
    dead.signal(signal.SIGKILL)
    killed = time.monotonic()
    await_until(lambda: _is_promoted(topology, key, dead), 20, "another master", every_s=0.005)
    dead.start()
    await_until(lambda: _waits(topology, key), 20, "a master with a replica in step", every_s=0.005)
    took_s, before = time.monotonic() - killed, len(writers.kept)
    await_until(lambda: len(writers.kept) > before + 500 and time.monotonic() - killed > took_s + WELL_AFTER_S, 20, "a load again")
    writers.end()
    await_until(lambda: _is_served(lambda: database.command("PING")), 5, "a connection to the new master")
    found = {shard: database.command("LRANGE", f"qb:{{{shard}}}:kept", 0, -1) for shard in SHARDS}
    assert [one for one in writers.kept if found[one[0]].count(one[1]) != 1] == []
    assert all(len(set(words)) == len(words) for words in found.values()), "also of what was not acknowledged nothing is there twice"
    assert killed < writers.refused_at < killed + took_s + WELL_AFTER_S * SLOWER


def test_a_failover_in_a_storm_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    done = fail_over("cluster", tmp_path, seed=1, messages=40)
    assert done.tried.accepted > 20
