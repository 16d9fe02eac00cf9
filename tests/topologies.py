"""Redis as it stands on several machines: a master with replicas and sentinels, and a cluster. All on loopback, gone with the test."""

from __future__ import annotations

import contextlib
import functools
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from storage.embedded import find_server
from tests.timing import await_until
from tests.tree import free_port

SERVICE = "qb"
FrontOf = Callable[[int], int]
"""Puts a front before a port and gives its own."""
DOWN_AFTER_MS = 500
NODE_TIMEOUT_MS = 500
SLOTS = 16_384
FAST = {"save": "", "repl-diskless-sync-delay": 0, "repl-ping-replica-period": 1, "bind": "127.0.0.1", "daemonize": "no"}


class Node:
    """One server process, to be stopped, killed and started again on its folder. Others find it at its ``public`` port, behind a ``front`` if it has one."""

    def __init__(self, folder: Path, *, front: FrontOf | None = None, **options: Any) -> None:
        self.port = free_port()
        self.public = front(self.port) if front else self.port
        if front and "cluster-enabled" in options:
            options |= {"cluster-announce-port": self.public}
        elif front:
            options |= {"replica-announce-port": self.public}
        self._folder = folder / str(self.port)
        self._folder.mkdir(parents=True)
        self._options = FAST | {"port": self.port, "dir": self._folder, "logfile": self._folder / "log"} | options
        self._first: tuple[str, ...] = ()
        self._is_stopped = False
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def sentinel(cls, folder: Path, master: int, front: FrontOf | None = None) -> Node:
        """One that watches a master. It keeps what it learns in its own file."""
        node = cls(folder, front=front)
        file = node._folder / "sentinel.conf"
        lines = [
            f"port {node.port}", "bind 127.0.0.1", f"dir {node._folder}", f"logfile {node._folder / 'log'}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master} 2", f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 2000", f"sentinel parallel-syncs {SERVICE} 2", f"sentinel announce-port {node.public}",
        ]  # fmt: skip
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        node._first, node._options = (str(file), "--sentinel"), {}
        return node

    @functools.cached_property
    def client(self) -> Any:
        """A client of its own, not the bot's. One, for it is asked again and again whether its server is there."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def start(self) -> None:
        """Starts it; it need not answer yet."""
        program, _ = find_server()
        words = [str(word) for name, value in self._options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([program, *self._first, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(self) -> bool:
        """Whether it is there. One that we killed or stopped is not: to ask it would take as long as a client has patience."""
        if self._is_stopped or self._process is None or self._process.poll() is not None:
            return False
        with contextlib.suppress(RedisError):
            return bool(self.client.ping())
        return False

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal; returns after the death of one that was killed."""
        assert self._process
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._process.wait(10)
        self._is_stopped = number is signal.SIGSTOP

    def stop(self) -> None:
        """Ends it."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


class Sentinels:
    """One master, replicas, and three sentinels."""

    def __init__(self, folder: Path, *, replicas: int = 2, front: FrontOf | None = None, **options: Any) -> None:
        master = Node(folder, front=front, **options)
        others = (Node(folder, front=front, replicaof=f"127.0.0.1 {master.public}", **options) for _ in range(replicas))
        self.servers = [master, *others]
        self.sentinels = [Node.sentinel(folder, master.public, front) for _ in range(3)]
        self.url = "redis+sentinel://" + ",".join(f"127.0.0.1:{one.public}" for one in self.sentinels) + f"/{SERVICE}"

    def start(self) -> None:
        """Starts all, and waits until they know each other."""
        for node in self.servers:
            node.start()
        await_until(lambda: all(node.answers() for node in self.servers), 10, "servers that answer")
        await_until(lambda: _synced(self.servers[0]) == len(self.servers) - 1, 20, "replicas in step")
        for node in self.sentinels:
            node.start()
        await_until(lambda: all(map(self._knows_all, self.sentinels)), 20, "sentinels that know each other")

    def master(self, key: str = "") -> Node:
        """The server that is master now."""
        ports = {int(one.client.sentinel_get_master_addr_by_name(SERVICE)[1]) for one in self.sentinels}
        return next(node for node in self.servers if node.public in ports)

    def replica(self, key: str = "") -> Node:
        """One that is not."""
        master = self.master()
        return next(node for node in self.servers if node is not master)

    def is_whole(self) -> bool:
        """Whether there is a master with a replica in step."""
        return bool(_synced(self.master()))

    def reader(self) -> Any:
        """A client, not the bot's, that finds every key where it is now."""
        return self.master().client

    def stop(self) -> None:
        """Ends all."""
        for node in (*self.sentinels, *self.servers):
            node.stop()

    def _knows_all(self, sentinel: Node) -> bool:
        with contextlib.suppress(RedisError):
            state = sentinel.client.sentinel_masters()[SERVICE]
            return bool(state["num-other-sentinels"] == 2 and state["num-slaves"] == len(self.servers) - 1)
        return False


class ClusterOfOurs:
    """Masters that share the slots, and one replica for each."""

    def __init__(self, folder: Path, *, masters: int = 3, replicas: int = 1, front: FrontOf | None = None, **options: Any) -> None:
        more = {"cluster-enabled": "yes", "cluster-node-timeout": NODE_TIMEOUT_MS, "cluster-replica-validity-factor": 0}
        self._masters = masters
        self.servers = [
            Node(folder, front=front, **more, **options, **{"cluster-port": free_port()}) for _ in range(masters * (1 + replicas))
        ]
        self.url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.public}" for node in self.servers[:2])

    def start(self) -> None:
        """Starts all, deals the slots out, and waits until the cluster works."""
        for node in self.servers:
            node.start()
        await_until(lambda: all(node.answers() for node in self.servers), 10, "servers that answer")
        first, *others = self.servers
        for node in others:
            node.client.execute_command("CLUSTER", "MEET", "127.0.0.1", first.port, first._options["cluster-port"])
        for at, node in enumerate(self.servers[: self._masters]):
            start, end = SLOTS * at // self._masters, SLOTS * (at + 1) // self._masters - 1
            node.client.execute_command("CLUSTER", "ADDSLOTSRANGE", start, end)
        await_until(lambda: all(_known(node) == len(self.servers) for node in self.servers), 20, "nodes that know each other")
        for at, node in enumerate(self.servers[self._masters :]):
            node.client.execute_command("CLUSTER", "REPLICATE", _id(self.servers[at % self._masters]))
        await_until(self.is_whole, 30, "a cluster with its replicas")

    def master(self, key: str = "qb:{0}:inbox") -> Node:
        """The server that has a key now."""
        return self._nodes_of(key)[0]

    def replica(self, key: str = "qb:{0}:inbox") -> Node:
        """A replica of the server that has a key."""
        return self._nodes_of(key)[1]

    def is_whole(self) -> bool:
        """Whether all slots are served, and every master has a replica in step that all know of."""
        with contextlib.suppress(RedisError, StopIteration):
            alive = [node for node in self.servers if node.answers()]
            masters = [node for node in alive if node.client.execute_command("ROLE")[0] == "master"]
            return all(_is_content(node) for node in alive) and all(map(_synced, masters))
        return False

    def reader(self) -> Any:
        """A client, not the bot's, that finds every key where it is now."""
        return self._reader

    def move(self, key: str) -> None:
        """Moves the slot of a key, with all that is in it, to another master, as who adds a machine does."""
        slot, giver = key_slot(key.encode()), self.master(key)
        masters = [node for node in self.servers if node.answers() and node.client.execute_command("ROLE")[0] == "master"]
        taker = next(node for node in masters if node is not giver)
        taker.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", _id(giver))
        giver.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", _id(taker))
        while names := giver.client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 50):
            giver.client.execute_command("MIGRATE", "127.0.0.1", taker.port, "", 0, 5_000, "KEYS", *names)
        for node in (taker, giver, *(node for node in masters if node not in (taker, giver))):
            node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", _id(taker))

    def stop(self) -> None:
        """Ends all."""
        if "_reader" in vars(self):
            self._reader.close()
        for node in self.servers:
            node.stop()

    @functools.cached_property
    def _reader(self) -> Any:
        return redis.RedisCluster("127.0.0.1", self.servers[0].public, decode_responses=True, socket_timeout=10)

    def _nodes_of(self, key: str) -> Sequence[Node]:
        slot, by_port = key_slot(key.encode()), {node.public: node for node in self.servers}
        asked = next(node for node in self.servers if node.answers())
        for first, last, *nodes in asked.client.execute_command("CLUSTER SLOTS"):
            if first <= slot <= last:
                return [by_port[int(port)] for _, port, *_ in nodes]
        raise AssertionError(f"nobody has {key}")


Topology = Sentinels | ClusterOfOurs


@contextlib.contextmanager
def running(topology: Topology) -> Iterator[Topology]:
    """Several servers for the length of a ``with``."""
    try:
        topology.start()
        yield topology
    finally:
        topology.stop()


TOPOLOGIES: dict[str, Callable[..., Topology]] = {"sentinel": Sentinels, "cluster": ClusterOfOurs}


def _synced(master: Node) -> int:
    """How many replicas have all that the master has."""
    with contextlib.suppress(RedisError):
        told = master.client.info("replication")
        return sum(one.get("state") == "online" for name, one in told.items() if name.startswith("slave") and isinstance(one, dict))
    return 0


def _known(node: Node) -> int:
    return len(str(node.client.execute_command("CLUSTER", "NODES")).splitlines()) if node.answers() else 0


def _is_content(node: Node) -> bool:
    """Whether all slots are served as this one sees it, each by a master with a replica."""
    slots = node.client.execute_command("CLUSTER SLOTS")
    return "cluster_state:ok" in str(node.client.execute_command("CLUSTER", "INFO")) and all(len(nodes) > 1 for _, _, *nodes in slots)


def _id(node: Node) -> str:
    return str(node.client.execute_command("CLUSTER", "MYID"))
