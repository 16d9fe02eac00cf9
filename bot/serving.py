"""The default web server: gunicorn's threads, made safe against strangers."""

from __future__ import annotations

import contextlib
import mmap
import socket
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName, ParseException
from gunicorn.util import write_error
from gunicorn.workers.gthread import ThreadWorker

from bot.config import ServerConfig
from bot.logs import Seldom
from bot.processes import die_with_parent

log = structlog.get_logger(__name__)

STOP_S = 6
LEAVE_TO_OTHERS_S = 0.001
"""How long a process leaves a new connection to those that hold fewer: as long as one that has nothing to do needs to take it."""
READ_WITHIN_S = 5.0
"""How long a request may take to arrive; WeCom gives up on the whole callback after five seconds."""


class _Held:
    """How many connections each web process holds, in memory that all forks share."""

    _NOBODY = 2**16 - 1

    def __init__(self, most: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 2 * most)).cast("H")
        self._counts[:] = memoryview(b"\xff" * 2 * most).cast("H")

    def take_seat(self, taken: Collection[int]) -> int | None:
        """A seat for a new process, None where all are taken."""
        free = next((seat for seat in range(len(self._counts)) if seat not in taken), None)
        if free is not None:
            self._counts[free] = 0
        return free

    def leave_seat(self, seat: int) -> None:
        """Its process is gone."""
        self._counts[seat] = self._NOBODY

    def note(self, seat: int, connections: int) -> None:
        """A process says how many it holds."""
        self._counts[seat] = min(connections, self._NOBODY - 1)

    def is_above(self, connections: int) -> bool:
        """Whether some process holds fewer."""
        return connections > min(self._counts)


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's thread worker, made safe against two things that strangers do, and fair to the other workers.

    It quotes a head that it cannot read in its log and its answer – and what follows a body of a wrong length is read as a head. And a
    request that never ends would keep its thread for ever. Of connections that come in a row, the process that is awake takes nearly all;
    where they are kept open, as proxies do, it would then have nearly all the work, and the other cores none.
    """

    held: _Held
    seat: int | None = None

    def init_process(self) -> None:
        """Begins to serve."""
        self._reading: dict[Any, float] = {}
        self._seldom = Seldom()
        threading.Thread(target=self._hang_up, name="hang-up", daemon=True).start()
        super().init_process()

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Stops: what holds an answer open for minutes (``extensions["at_exit"]`` of the application) ends first."""
        for end in self.wsgi.extensions.get("at_exit", ()):
            end()
        super().handle_exit(sig, frame)

    def accept(self, listener: Any) -> None:
        """Takes a new connection, unless a process that holds fewer is quicker."""
        if self.seat is not None and self.held.is_above(self.nr_conns):
            time.sleep(LEAVE_TO_OTHERS_S)
        super().accept(listener)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One turn of the loop that hands requests to threads."""
        super().wait_for_and_dispatch_events(timeout)
        if self.seat is not None:
            self.held.note(self.seat, self.nr_conns)

    def handle(self, conn: Any) -> Any:
        """Serves one request of a connection."""
        self._reading[conn] = time.monotonic() + READ_WITHIN_S
        try:
            return super().handle(conn)
        finally:
            self._reading.pop(conn, None)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answers a request that cannot be read."""
        if not isinstance(exc, ParseException) or isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName):
            super().handle_error(req, client, addr, exc)
            return
        address = addr[0] if isinstance(addr, tuple) else ""
        kept_back = self._seldom.admits(type(exc).__name__, time.time())
        if kept_back is not None:
            log.warning("request refused", status=400, reason=type(exc).__name__, address=address, not_logged_before=kept_back)
        with contextlib.suppress(OSError):
            write_error(client, 400, "Bad Request", "")

    def _hang_up(self) -> None:
        """Stops reading from those who take too long; what is being answered is answered."""
        while True:
            time.sleep(1)
            for conn, until in list(self._reading.items()):
                if time.monotonic() > until:
                    with contextlib.suppress(OSError):
                        conn.sock.shutdown(socket.SHUT_RD)


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's master, which says that it goes before it goes: until then nobody finds a closed door, or is forgotten in front of it."""

    def handle_term(self) -> None:
        """Ends in order."""
        self.app.say_leaving()
        super().handle_term()


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, server: ServerConfig, build: Callable[[], Flask], after_fork: Callable[[], None]) -> None:
        self._server = server
        self._build = build
        self._after_fork = after_fork
        self._leaving = mmap.mmap(-1, 1)  # seen by the master and by all its forks
        self._held = _Held(server.processes)
        super().__init__()

    def run(self) -> None:
        """Serves until SIGTERM."""
        _Arbiter(self).run()

    def say_leaving(self) -> None:
        """Lets /readyz say no for as long as a balancer needs to hear it, while everything is served as before."""
        self._leaving[0] = 1
        time.sleep(self._server.leave_s)

    def load_config(self) -> None:
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        settings: dict[str, Any] = {
            "bind": f"{host}:{self._server.port}",
            "workers": self._server.processes,
            "threads": self._server.threads,
            "worker_class": _Worker,
            "preload_app": True,  # content is parsed once and its memory shared
            "keepalive": 15,
            "graceful_timeout": STOP_S,
            "loglevel": "warning",
            "control_socket_disable": True,
            "pre_fork": self._give_seat,
            "post_fork": lambda _arbiter, _worker: self._start_worker(),
            "child_exit": self._free_seat,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = self._build()
        app.extensions["is_leaving"] = lambda: self._leaving[0] == 1
        return app

    def _give_seat(self, arbiter: Any, worker: Any) -> None:
        worker.held, worker.seat = self._held, self._held.take_seat({one.seat for one in arbiter.WORKERS.values()})

    def _free_seat(self, _arbiter: Any, worker: Any) -> None:
        if worker.seat is not None:
            self._held.leave_seat(worker.seat)

    def _start_worker(self) -> None:
        die_with_parent()
        self._after_fork()


def serve_gthread(server: ServerConfig, build: Callable[[], Flask], after_fork: Callable[[], None]) -> None:
    """Serves until SIGTERM. ``build`` makes the application once, before the forks; ``after_fork`` runs in each worker."""
    _Gunicorn(server, build, after_fork).run()
