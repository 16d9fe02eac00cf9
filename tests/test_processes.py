"""What keeps the processes running must not fall itself."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from chat import Chat
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from bot.config import load
from bot.errors import StartError
from bot.keyring import differs, evidence_key, sealing_key
from bot.processes import ProcessTree, Role
from commands.build import Bot
from commands.roles import patiently, tell_status
from storage.connection import StorageAway
from tests.outside import Client
from tests.timing import await_until
from tests.tree import free_port

pytest_plugins = ("chat",)


def test_a_role_that_falls_for_days_is_started_again_all_the_same() -> None:
    role = Role("falling", [sys.executable, "-c", ""], falls=5_000)
    role.process = subprocess.Popen(role.command)
    role.started = time.monotonic()
    role.process.wait()
    tree = ProcessTree([role])
    tree._look_after(role)
    assert role.process is None
    assert role.started - time.monotonic() <= 30


def test_garbage_is_collected_while_a_role_waits_for_redis() -> None:
    collected: list[bool] = []

    def make() -> list[bool]:
        collected.append(gc.isenabled())
        if len(collected) < 2:
            raise StorageAway("away")
        return collected

    gc.disable()  # as a role begins
    try:
        assert patiently(make) == [False, True]
    finally:
        gc.enable()


def test_a_signal_that_comes_while_the_event_is_looked_at_ends_the_process_all_the_same() -> None:
    program = """
import os, signal, threading
from bot.processes import stop_on_signals
stop = threading.Event()
stop_on_signals(stop)
with stop._cond:  # as in the midst of stop.wait()
    os.kill(os.getpid(), signal.SIGTERM)
assert stop.wait(5)
print("ended")
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20).stdout == "ended\n"


def test_of_two_processes_one_has_the_port_of_the_figures_and_the_other_works_and_follows(chat: Chat) -> None:
    port = free_port()
    config = chat.config.model_copy(update={"metrics": chat.config.metrics.model_copy(update={"port": port})})
    bot = Bot(config, chat.stores, chat.live, chat.communities, chat.pipeline, chat.metrics)
    asked = Client(port)
    with capture_logs() as logs, socket.create_server(("127.0.0.1", port)):
        tell_status(bot)  # it returns: the process goes on
        (told,) = await_until(lambda: logs, what="a word about the port")
    assert (told["event"], told["port"], str(os.getpid()) in told["by"]) == ("metrics.port waits", port, True)
    await_until(lambda: asked.ask("GET", "/healthz").status == 200, what="the port, once it is free")


def test_of_many_that_start_together_one_makes_the_key_and_all_have_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: evidence_key(tmp_path / "data"), range(64)))
    assert len(keys) == 1
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["evidence.key"]
    assert (tmp_path / "data" / "evidence.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_the_environment_gives_seals_and_no_other_is_made(tmp_path: Path) -> None:
    file, key = tmp_path / "config.yaml", Fernet.generate_key()
    file.write_text('evidence_key: "${EVIDENCE_KEY}"\n', encoding="utf-8")
    config = load(file, {"EVIDENCE_KEY": key.decode()})
    assert sealing_key(config) == key
    assert key.decode() not in repr(config)
    assert not config.data_path.exists()
    assert not differs(config)
    evidence_key(config.data_path)
    assert differs(config), "what was sealed with the file's key could not be read"
    with pytest.raises(StartError) as refused:
        load(file, {"EVIDENCE_KEY": "too short"})
    assert "evidence_key" in str(refused.value)
    assert "too short" not in str(refused.value)
