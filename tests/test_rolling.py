"""An end that was asked for: within ten seconds whatever hangs, and one process after the other under load without a lost or doubled message."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from storage.connection import Database
from storage.moment import to_ms
from storage.outbox import Delivery, Outbox
from tests.outside import Answer, Channel, Client, aibot_text, wecom
from tests.storm import Storm, check_books
from tests.timing import SLOWER, await_until
from tests.tree import GROUP, HERE, RedisOfOurs, Tree, free_port

ENDS_WITHIN_S = 10.0
MESSAGES = 240


@pytest.fixture
def deaf() -> Iterator[tuple[str, list[socket.socket]]]:
    """Where everything is taken and nothing ever answered, and who waits there."""
    lines: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    lines.append(door.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}", lines
    for line in lines:
        line.close()


def enqueue(database: Database, n: int) -> None:
    """Puts posts into the outbox, each for a group of its own."""
    for number in range(n):
        body = {"msgtype": "text", "text": {"content": "大家好"}}
        post = Delivery(f"post{number}", "now", f"hook.main.g{number}", "webhook", "main", body, born_ms=to_ms(datetime.now(UTC)))
        Outbox(database).enqueue(0, [post], post.born_ms)


@pytest.mark.timeout(120)
def test_a_whole_bot_ends_within_ten_seconds_while_wecom_hangs(tmp_path: Path, deaf: tuple[str, list[socket.socket]]) -> None:
    base, hanging = deaf
    tree = Tree(tmp_path, api_base=base, communities=[{"id": "main", "name": "主群", "groups": [GROUP], "webhook": "hook"}])
    try:
        tree.start()
        tree.all_pids()
        tree.client.tell(tree.channels["assistant"], aibot_text("lilei", "@小助手 签到", chat=GROUP))
        with tree.database() as database:
            enqueue(database, 40)
            await_until(lambda: len(hanging) > 2, 30, "posts that hang")
        pids = tree.pids()
        assert tree.ends(ENDS_WITHIN_S * SLOWER) == 0
        await_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), what="the end of them all")
    finally:
        tree.stop()


# Rolling --------------------------------------------------------------------------------------------------------------------


class Balanced(Client):
    """Several doors behind one: one that is not ready is passed over, as a balancer does; what was sent is never sent to another."""

    def __init__(self, ports: list[int]) -> None:
        super().__init__(ports[0])
        self._ports = ports
        self._turns = itertools.count()
        self.refused = 0

    def tell(self, channel: Channel, plaintext: str | bytes, *, as_json: bool | None = None) -> Answer:
        first = next(self._turns) % len(self._ports)
        for port in self._ports[first:] + self._ports[:first]:
            if Client(port).ask("GET", "/readyz").status == 200:
                return Client(port).tell(channel, plaintext, as_json=as_json)
        self.refused += 1
        return Answer(0)


class Roles:
    """Two web processes and a worker on one Redis, each started and ended by itself."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {"web1": free_port(), "web2": free_port()}
        settings = yaml.safe_load(tree.config.read_text(encoding="utf-8"))
        for name in ("web1", "web2", "worker1"):
            own = {
                **settings,
                "server": {
                    **settings["server"],
                    "engine": "granian" if name == "web2" else "gthread",
                    "processes": 1,
                    "leave_s": 1,
                    "port": self.ports.get(name, tree.port),
                },
                "data_dir": f"data-{name}",
            }
            (tree.folder / f"{name}.yaml").write_text(yaml.safe_dump(own, allow_unicode=True), encoding="utf-8")

    def start(self, name: str) -> None:
        """Starts one, and waits for its door."""
        log = (self._tree.folder / f"{name}.log").open("ab")
        words = [sys.executable, str(HERE / "run.py"), name[:-1], "--config", str(self._tree.folder / f"{name}.yaml")]
        # one key for all: what one machine sealed another opens
        environment = self._tree.environment() | {"OUT_KEY": "A" * 43 + "="}
        self._running[name] = subprocess.Popen(words, stdout=log, stderr=log, env=environment, start_new_session=True)
        log.close()
        if name in self.ports:
            door = Client(self.ports[name])
            await_until(lambda: door.ask("GET", "/readyz").status == 200, 60, f"{name} that is ready", every_s=0.05)

    def end(self, name: str) -> None:
        """Asks one to end, which it does in time."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDS_WITHIN_S * SLOWER) == 0, (self._tree.folder / f"{name}.log").read_text()[-2000:]

    def kill_all(self) -> None:
        """Leaves nothing behind."""
        for process in self._running.values():
            process.kill()
            process.wait(10)


@pytest.mark.timeout(180)
def test_one_after_the_other_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    redis, began = RedisOfOurs(tmp_path / "redis"), datetime.now(UTC)
    redis.start()
    with wecom() as side:
        tree = Tree(tmp_path / "bot", redis_url=redis.url, api_base=side.base, evidence_key="${OUT_KEY}")
        roles = Roles(tree)
        tree.client = balanced = Balanced(list(roles.ports.values()))
        try:
            for name in ("web1", "web2", "worker1"):
                roles.start(name)
            storm = Storm(tree, side, random.Random(7), MESSAGES, width=8)
            storm.begin()
            for at, name in enumerate(("web1", "worker1", "web2"), 1):
                await_until(lambda at=at: storm.settled() >= MESSAGES * at // 5, 60, f"a part of the storm before {name} ends")  # type: ignore[misc]
                roles.end(name)
                roles.start(name)
            storm.end(90)
            database = Database(redis.url)
            tried = check_books(database, storm.said, side, began=began)
            database.close()
        finally:
            roles.kill_all()
            redis.stop()
    assert balanced.refused == 0, "one of two doors was open at any moment"
    assert [one.key for one in storm.said if any(answer.status != 200 for _, answer in one.answers)] == [], "nobody had to ask twice"
    assert tried.accepted == MESSAGES
