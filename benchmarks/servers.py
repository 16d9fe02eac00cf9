"""The two servers to compare, each on a port and a Redis of its own, both of one kind."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import yaml
from prometheus_client.multiprocess import MultiProcessCollector

from benchmarks import people, questions, usage
from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer, socket_path
from storage.keys import shard_of
from storage.traits import Traits

ROOT = Path(__file__).resolve().parent.parent
COMMUNITY = "bench"
CHATS = tuple(f"wrBENCH{number:04d}" for number in range(200))
"""WeCom lets no more than 500 people into a group of customers: so many groups make ``MEMBERS``."""
MEMBERS = tuple(f"member{number:06d}" for number in range(500 * len(CHATS)))
SPEAKERS = MEMBERS[::10]
"""Those who say something on this day."""
START_WITHIN_S = 90.0
DRAIN_WITHIN_S = 90.0
ROLES = ("web", "redis", "worker", "mood")
_ROUND_TRIPS = "bot_redis_round_trips_total"


def chat_of(user: str) -> str:
    """The group in which a member speaks."""
    number = user.removeprefix("member")
    return CHATS[int(number) // 10 % len(CHATS)] if number.isdecimal() else CHATS[0]


class Secrets:
    """The token and key that both sides share, made for one run."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(18)
        self.aes_key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")


class Server(ABC):
    """A server while the ``with`` lasts; ``engine`` is gthread or granian."""

    name: str

    def __init__(self, folder: Path, engine: str, shared: Secrets) -> None:
        self.port = _free_port()
        self.engine = engine
        self._folder = folder
        self._shared = shared
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
            self._wait_until_ready()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @abstractmethod
    def processes(self) -> Mapping[str, list[int]]:
        """The process ids by what they do: web, redis, worker, mood, and the parent of them."""

    @abstractmethod
    def round_trips(self) -> Mapping[str, float]:
        """Round trips to Redis so far: of the web processes, and of all."""

    @abstractmethod
    def wait_until_idle(self) -> None:
        """Returns when no work is left from the last round."""

    @abstractmethod
    def _start(self) -> None: ...

    def _launch(self, command: list[str], environment: Mapping[str, str]) -> int:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment})
        self._stack.callback(_end, process)
        return process.pid

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + START_WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)


class FullPath(Server):
    """The bot as ``run.py serve`` starts it: web, worker (which rings too), mood and its Redis, 1,000 FAQ entries, 100,000 members."""

    name = "full"

    def __init__(self, folder: Path, engine: str, shared: Secrets, processes: int = 2) -> None:
        super().__init__(folder, engine, shared)
        self._web_processes = processes

    def processes(self) -> Mapping[str, list[int]]:
        roles: dict[int, str] = {}
        for pid, parent in usage.descendants(self._pid).items():
            name = "redis" if usage.program(pid) in {"valkey-server", "redis-server"} else "".join(usage.command(pid)[-1:])
            roles[pid] = name if name in ROLES else roles.get(parent, "parent")
        return {role: [pid for pid in roles if roles[pid] == role] for role in (*ROLES, "parent")}

    def round_trips(self) -> Mapping[str, float]:
        files = {int(file.stem.rpartition("_")[2]): str(file) for file in (self._folder / "data" / "metrics").glob("counter_*.db")}
        web = [files[pid] for pid in self.processes()["web"] if pid in files]
        return {"web": _sum_of(_ROUND_TRIPS, web), "all": _sum_of(_ROUND_TRIPS, list(files.values()))}

    def wait_until_idle(self) -> None:
        until = time.monotonic() + DRAIN_WITHIN_S
        jobs = [("XLEN", keys.JOBS(shard=shard)) for shard in range(keys.SHARDS)]
        while any(self._database.pipeline(jobs)):
            if time.monotonic() > until:
                raise TimeoutError("the worker does not get through its jobs")
            time.sleep(0.1)

    def events(self) -> int:
        """How many events stand in the log."""
        return sum(self._database.pipeline(("XLEN", keys.EVENTS(shard=shard)) for shard in range(keys.SHARDS)))

    def _start(self) -> None:
        content = self._folder / "content"
        shutil.copytree(ROOT / "rules" / "content", content)
        (content / "faq.yaml").write_text(questions.as_yaml(questions.entries()), encoding="utf-8")
        config = self._folder / "config.yaml"
        config.write_text(yaml.safe_dump(self._config(), allow_unicode=True), encoding="utf-8")
        self._pid = self._launch(
            [sys.executable, str(ROOT / "run.py"), "serve", "--config", str(config)],
            {"BENCH_TOKEN": self._shared.token, "BENCH_KEY": self._shared.aes_key, "BOT_PARENT": str(os.getpid())},
        )
        self._database = Database(f"unix://{socket_path(self._folder / 'data')}")
        self._stack.callback(self._database.close)

    def _wait_until_ready(self) -> None:
        super()._wait_until_ready()
        home = CommunityKeys(COMMUNITY, shard_of(COMMUNITY, keys.SHARDS))
        people.put(self._database, MEMBERS, shard=home.shard, community=home.id)
        # once a day everybody is looked at, in minutes of little work: it is over before anything is measured
        Traits(self._database).note_round(home, home.day_of(datetime.now(UTC)), "")

    def _config(self) -> dict[str, object]:
        channel = {"name": "assistant", "kind": "aibot", "token": "${BENCH_TOKEN}", "aes_key": "${BENCH_KEY}"}
        return {
            "server": {"port": self.port, "engine": self.engine, "processes": self._web_processes},
            "channels": [channel],
            "communities": [{"id": COMMUNITY, "name": "测量", "groups": list(CHATS)}],
            "content": str(self._folder / "content"),
            "data_dir": str(self._folder / "data"),
        }


class BareApp(Server):
    """``benchmarks/bare.py`` on the same kind of server, with a Redis of the same kind."""

    name = "bare"

    def processes(self) -> Mapping[str, list[int]]:
        return {"web": list(usage.descendants(self._pid)), "redis": [self._redis.pid or 0]}

    def round_trips(self) -> Mapping[str, float]:
        return {}

    def wait_until_idle(self) -> None:
        return

    def _start(self) -> None:
        self._redis = self._stack.enter_context(EmbeddedServer(self._folder))
        settings = {
            "PORT": self.port,
            "ENGINE": self.engine,
            "REDIS": self._redis.url,
            "TOKEN": self._shared.token,
            "KEY": self._shared.aes_key,
        }
        self._pid = self._launch(
            [sys.executable, "-m", "benchmarks.bare"], {f"BARE_{name}": str(value) for name, value in settings.items()}
        )


def _sum_of(name: str, files: list[str]) -> float:
    found = MultiProcessCollector.merge(files, accumulate=False)  # type: ignore[no-untyped-call]
    return sum(float(sample.value) for metric in found for sample in metric.samples if sample.name == name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
