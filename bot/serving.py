"""The default web server: gunicorn's threads, made safe against strangers."""

from __future__ import annotations

import contextlib
import mmap
import socket
import threading
import time
from collections.abc import Callable
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
READ_WITHIN_S = 5.0
"""How long a request may take to arrive; WeCom gives up on the whole callback after five seconds."""


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's thread worker, made safe against two things that strangers do.

    It quotes a head that it cannot read in its log and its answer – and what follows a body of a wrong length is read as a head. And a
    request that never ends would keep its thread for ever.
    """

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
            "post_fork": lambda _arbiter, _worker: self._start_worker(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = self._build()
        app.extensions["is_leaving"] = lambda: self._leaving[0] == 1
        return app

    def _start_worker(self) -> None:
        die_with_parent()
        self._after_fork()


def serve_gthread(server: ServerConfig, build: Callable[[], Flask], after_fork: Callable[[], None]) -> None:
    """Serves until SIGTERM. ``build`` makes the application once, before the forks; ``after_fork`` runs in each worker."""
    _Gunicorn(server, build, after_fork).run()
