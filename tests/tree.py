"""A real bot: ``run.py serve`` with all its processes, on a folder and a port of its own, to be asked, stopped and killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from storage.connection import Database
from storage.embedded import find_server, socket_path
from storage.machine import Machine, Process
from tests.outside import Channel, Client, make_channel
from tests.timing import PATIENCE_S, await_until

HERE = Path(__file__).resolve().parent.parent
CORP = "wwOUTSIDE00000000"
GROUP = "wrOUTmain"
PROCESSES = 2
READY_WITHIN_S = 60.0


def make_channels() -> dict[str, Channel]:
    """One channel of each kind, by name."""
    made = [
        make_channel("assistant", "aibot"),
        make_channel("desk", "app", CORP),
        make_channel("robot", "robot"),
        make_channel("customers", "contact", CORP),
    ]
    return {channel.name: channel for channel in made}


class Tree:
    """One bot on ``folder``; start, kill and start again on the same data."""

    def __init__(
        self, folder: Path, *, redis_url: str = "embedded", api_base: str = "https://qyapi.weixin.qq.com", **settings: Any
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.channels = make_channels()
        self.client = Client(self.port, within_s=PATIENCE_S)
        self.log = folder / "stderr.log"
        self._redis_url = redis_url
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.yaml"
        self.config.write_text(yaml.safe_dump(self._settings(api_base) | settings, allow_unicode=True), encoding="utf-8")

    def start(self) -> None:
        """Starts all processes and waits until they are ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "run.py"), "serve", "--config", str(self.config)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment(), start_new_session=True,
            )  # fmt: skip
        try:
            await_until(self._is_up, READY_WITHIN_S, "a bot that is ready", every_s=0.05)
        except AssertionError as late:
            raise AssertionError(f"{late}; its log ends with:\n{self.log_text()[-2000:]}") from late

    def revive(self) -> None:
        """Starts it again if it ended, and waits until it is ready."""
        if self._process is None or self._process.poll() is not None:
            self.start()
        await_until(self._is_up, READY_WITHIN_S, "a bot that is ready again", every_s=0.05)

    def environment(self) -> dict[str, str]:
        """What its processes see: nothing of this machine's own settings, and its secrets."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("BOT_", "PROMETHEUS_"))}
        return inherited | {f"OUT_{name.upper()}_{what}": value for name, what, value in self._secrets()}

    def kill(self, rng: random.Random | None = None, *, then: Callable[[], None] = lambda: None) -> None:
        """kill -9 of every process, Redis included, in any order; does ``then`` at once, and returns when all are gone."""
        doomed = sorted(self.pids())
        (rng or random.Random()).shuffle(doomed)
        for pid in doomed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        then()
        assert self._process
        self._process.wait(10)
        await_until(lambda: not any(is_running(pid) for pid in doomed), 10, "the death of the whole tree")

    def stop(self) -> None:
        """Asks it to end, as an operator does, and kills what is left."""
        if self._process is None or self._process.poll() is not None:
            return
        doomed = self.pids()
        self._process.terminate()
        try:
            self._process.wait(20)
        finally:
            for pid in doomed:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def ends(self, within_s: float) -> int:
        """Asks it to end, as an operator does, and leaves nothing to force; gives its exit code."""
        assert self._process
        self._process.terminate()
        return self._process.wait(within_s)

    @property
    def pid(self) -> int:
        """The process that looks after the others."""
        assert self._process
        return self._process.pid

    def pids(self) -> set[int]:
        """All its processes."""
        assert self._process
        return {self._process.pid, *_below(self._process.pid)}

    def web_workers(self) -> list[int]:
        """The processes that answer callbacks, by number."""
        return sorted(pid for pid in self.pids() if " web" in _command(pid) and _below(pid) == set())

    def workers(self) -> list[int]:
        """The processes that recover, send and ring."""
        return [pid for pid in self.pids() if _command(pid).endswith(" worker ")]

    def all_pids(self) -> set[int]:
        """All its processes, once the worker is at work: it begins after the web processes answer."""
        with self.database() as database:
            machine = Machine(database, str, 16)
            await_until(lambda: any(_number(one) in self.pids() for one in machine.processes() if one.role == "worker"), what="a worker")
        return self.pids()

    def memory_kb(self) -> int:
        """What the web processes hold, added up."""
        return sum(_resident_kb(pid) for pid in self.web_workers())

    def log_text(self) -> str:
        """All that its processes wrote to stdout and stderr."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        """A look at what it keeps."""
        url = f"unix://{quote(str(socket_path(self.folder / 'data')))}" if self._redis_url == "embedded" else self._redis_url
        database = Database(url, timeout_s=5.0)
        try:
            yield database
        finally:
            database.close()

    def _is_up(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise AssertionError(f"the bot ended at its start:\n{self.log_text()[-2000:]}")
        return self.client.ask("GET", "/readyz").status == 200 and len(self.web_workers()) == PROCESSES

    def _secrets(self) -> Iterator[tuple[str, str, str]]:
        for channel in self.channels.values():
            yield channel.name, "TOKEN", channel.token
            yield channel.name, "KEY", channel.aes_key
            yield channel.name, "SECRET", f"secret-of-{channel.name}"

    def _settings(self, api_base: str) -> dict[str, Any]:
        return {
            "server": {"host": "127.0.0.1", "port": self.port, "processes": PROCESSES, "threads": 16},
            "redis": {"url": self._redis_url},
            "wecom": {"corp_id": CORP, "api_base": api_base},
            "bot_name": "小助手",
            "admins": ["boss"],
            "moderation": {"dry_run": False},
            "channels": [
                self._channel("assistant"),
                self._channel("desk") | {"agent_id": 1000002, "secret": "${OUT_DESK_SECRET}"},
                self._channel("robot"),
                self._channel("customers") | {"secret": "${OUT_CUSTOMERS_SECRET}"},
            ],
            "communities": [{"id": "main", "name": "主群", "groups": [GROUP]}],
            "content": str(HERE / "rules" / "content"),
            "data_dir": "data",
            "mood": {"enabled": False},  # its model costs seconds and 400 MB, and nothing here is about it
        }

    def _channel(self, name: str) -> dict[str, Any]:
        upper = name.upper()
        return {"name": name, "kind": self.channels[name].kind, "token": f"${{OUT_{upper}_TOKEN}}", "aes_key": f"${{OUT_{upper}_KEY}}"}


class RedisOfOurs:
    """A Redis on a TCP port, outside of the bot's tree: to be stopped, killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Starts it and waits for its answer."""
        program, _ = find_server()
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "appendonly": "yes", "appendfsync": "always", "save": ""}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        # Python ignores SIGXFSZ, and so does what it starts: a file that may not grow is a write that fails, as on a full disk.
        self._process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, restore_signals=False)
        await_until(self.answers, 10, "a Redis that answers")

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._process is None or self._process.poll() is not None

    def answers(self) -> bool:
        """Whether it is there and has its data."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal; returns after the death of one that was killed."""
        assert self._process
        self._process.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._process.wait(10)

    def stop(self) -> None:
        """Ends it."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    return _fields(pid)[:1] not in ([], ["Z"])


def _number(process: Process) -> int:
    """The process id in a name such as ``worker.host.17``."""
    return int(process.name.rpartition(".")[2])


def _below(root: int) -> set[int]:
    """All descendants of a process."""
    parents = {int(entry): int(fields[1]) for entry in os.listdir("/proc") if entry.isdigit() and (fields := _fields(int(entry)))}
    found, new = set[int](), {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _fields(pid: int) -> Sequence[str]:
    """State, parent and so on, as the kernel tells them; nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
