"""The processes that make up a bot: how each is started, and what all of them do when they begin and end."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.build import HERE, Bot, now, watch

if TYPE_CHECKING:
    from bot.processes import Role

Made = TypeVar("Made")
WORKER_AFTER_S = 2.5
STOP_S = 7.0
"""How long what is in hand may take once a process is asked to end: less than its parent, or systemd, waits."""
STATUS_AGAIN_S = 2.0
"""How often a process asks for ``metrics.port`` that another has."""


def bot_roles(path: Path, environment: dict[str, str]) -> list[Role]:
    """What makes up a whole bot: members wait for the web, so it has the processor to itself at first. The worker rings too."""
    from bot.processes import Role

    return [
        Role("web", role_command(path, "web"), environment),
        Role("worker", role_command(path, "worker"), environment, after_s=WORKER_AFTER_S),
    ]


def bot_environment(data: Path, url: str) -> dict[str, str]:
    """What the roles of one tree share: their Redis, and an empty folder in which their figures meet."""
    shutil.rmtree(data / "metrics", ignore_errors=True)
    (data / "metrics").mkdir(parents=True, exist_ok=True)  # who outlives a killed parent by a moment still writes there
    return {
        "BOT_REDIS_URL": url,
        "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics"),
        # With an arena for each of many threads, glibc keeps some 50 MB a process that nobody uses.
        "MALLOC_ARENA_MAX": "2",
    }


def role_command(path: Path, role: str) -> list[str]:
    """The words that start one role."""
    return [sys.executable, str(HERE / "run.py"), "--config", str(path.resolve()), role]


def patiently(make: Callable[[], Made]) -> Made:
    """What ``make`` gives, once Redis answers: a role that is started while it is away waits for it."""
    from storage.connection import StorageAway

    while True:
        try:
            return make()
        except StorageAway as away:
            gc.enable()  # what each attempt left behind must not pile up over a night without Redis
            click.echo(f"等待 Redis：{away}", err=True)
            time.sleep(0.5)


def stop_event() -> threading.Event:
    """What is set when this process is asked to end."""
    from bot.processes import stop_on_signals

    stop = threading.Event()
    stop_on_signals(stop)
    return stop


def end_soon() -> None:
    """Ends the process in seven seconds at the latest, whatever its threads still wait for.

    That is left as a killed process leaves it: its lease runs out, and another looks after it. Python by itself waits for every thread of a pool.
    """
    last = threading.Timer(STOP_S, os._exit, [0])
    last.daemon = True
    last.start()


def refuse_taken_port(host: str, port: int) -> None:
    """Raises StartError, naming who listens on the port."""
    from bot.errors import StartError
    from bot.ports import is_free, who_listens

    if not is_free(host, port):
        raise StartError([f"端口 {port} 已被占用：{who_listens(port)}。请先停掉它，或换一个端口（make run PORT={port + 100}）"])


def tell_status(bot: Bot) -> None:
    """Answers /healthz, /readyz and /metrics on ``metrics.port`` from a thread, where there is one.

    Of several processes of a machine one has the port; the others work and wait for it. Its figures are those of all of them.
    """
    if bot.config.metrics.port:
        threading.Thread(target=_answer_status, args=(bot,), name="status", daemon=True).start()


def _answer_status(bot: Bot) -> None:
    from werkzeug.serving import make_server

    from bot.http import create_status_app

    app = create_status_app(bot.config, bot.metrics, lambda: bool(bot.stores.database.command("PING")))
    host, port = bot.config.server.host, bot.config.metrics.port
    with _awaited_port(host, port) as door:
        server = make_server(host, port, app, threaded=True, fd=door.fileno())
    server.serve_forever()


def _awaited_port(host: str, port: int) -> socket.socket:
    import structlog

    from bot.ports import who_listens

    is_told = False
    while True:
        try:
            return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            if not is_told:
                why = os.strerror(error.errno or 0)
                structlog.get_logger(__name__).warning("metrics.port waits", port=port, reason=why, by=who_listens(port))
            is_told = True
            time.sleep(STATUS_AGAIN_S)


def start_clock(bot: Bot) -> Any:
    """The clock, ringing; new content plans it anew."""
    from bot.vitals import look
    from scheduler.clock import Clock
    from storage.shared_clock import SharedClock

    ringing = Clock(
        bot.stores, bot.config, bot.live, bot.communities, now, bot.metrics.note_tickets,
        on_minute=lambda: look(bot.stores, bot.config, bot.communities, bot.live.current, now, bot.metrics),
        agreed=SharedClock(bot.stores.database, now),
    )  # fmt: skip
    ringing.start()
    watch(bot, ringing.plan)
    return ringing
