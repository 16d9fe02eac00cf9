"""What an operator types at ``python run.py``, in the test's own process.

A test module says ``pytest_plugins = ("chat", "command_line")`` and asks for ``cli``; the configuration is the file in ``tmp_path``.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

import run
from storage.connection import Database
from storage.embedded import EmbeddedServer


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], redis_server: EmbeddedServer, database: Database
) -> Cli:
    """Runs a command in this process, on the test's empty Redis and the configuration in its folder."""
    monkeypatch.setenv("BOT_REDIS_URL", redis_server.url)
    monkeypatch.setenv("BOT_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.delenv("BOT_PARENT", raising=False)

    def ran(*words: str, types: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        monkeypatch.setattr(sys, "stdin", StringIO(types))
        capsys.readouterr()
        code = 0
        try:
            run.entry()
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    return ran
