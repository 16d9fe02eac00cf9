"""How much is logged: turned while the bot runs, in every process, and back by itself."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from bot.logs import CHATTY, set_up_logs, turn_logs
from storage.connection import Database
from storage.machine import Machine
from tests.timing import await_until
from tests.tree import HERE, Tree


def test_the_dial_drops_what_is_below_and_can_be_turned(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, levels = (root.handlers[:], root.level), {name: logging.getLogger(name).level for name in CHATTY}
    try:
        set_up_logs("warning")
        log = structlog.get_logger("x")
        log.info("one")
        assert turn_logs("debug")
        assert not turn_logs("debug")
        assert not turn_logs("loudly"), "what is no level is passed over"
        log.debug("two")
        logging.getLogger("library").info("three")
        assert turn_logs("error")
        log.warning("four")
        log.error("five")
        said = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
        assert said == ["two", "three", "five"]
    finally:
        structlog.reset_defaults()
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def test_what_was_said_ends_by_itself(database: Database) -> None:
    machine = Machine(database, lambda: "web.a.1", 16)
    assert machine.log_level(5_000) == ""
    machine.set_log_level("debug", 65_000, 5_000)
    assert machine.log_level(64_999) == "debug"
    assert machine.log_level(65_000) == ""
    machine.set_log_level("debug", 65_000, 5_000)
    machine.set_log_level("", 0, 5_000)
    assert machine.log_level(6_000) == ""


def test_every_process_of_a_running_bot_hears_of_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    try:
        tree.start()
        tree.all_pids()
        words = [sys.executable, str(HERE / "run.py"), "log-level", "debug", "--minutes", "1", "--config", str(tree.config)]
        done = subprocess.run(words, capture_output=True, text=True, env=tree.environment(), check=False)
        assert "1 分钟内按 debug" in done.stdout, done.stderr
        await_until(lambda: tree.log_text().count("log level changed") == 3, 20, "two web processes and a worker that changed")
    finally:
        tree.stop()
