"""The web servers: gunicorn's threads by default, granian as the faster choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from gunicorn.app.base import BaseApplication

from bot.config import ServerConfig
from bot.processes import die_with_parent

STOP_S = 8


class _Gunicorn(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, server: ServerConfig, build: Callable[[], Flask], after_fork: Callable[[], None]) -> None:
        self._server = server
        self._build = build
        self._after_fork = after_fork
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        settings: dict[str, Any] = {
            "bind": f"{host}:{self._server.port}",
            "workers": self._server.processes,
            "threads": self._server.threads,
            "worker_class": "gthread",
            "preload_app": True,  # content is parsed once and its memory shared
            "keepalive": 15,
            "graceful_timeout": STOP_S,
            "loglevel": "warning",
            "control_socket_disable": True,
            "post_fork": lambda arbiter, worker: self._start_worker(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._build()

    def _start_worker(self) -> None:
        die_with_parent()
        self._after_fork()


def serve_gthread(server: ServerConfig, build: Callable[[], Flask], after_fork: Callable[[], None]) -> None:
    """Serves until SIGTERM. ``build`` makes the application once, before the forks; ``after_fork`` runs in each worker."""
    _Gunicorn(server, build, after_fork).run()


def serve_granian(server: ServerConfig, target: str) -> None:
    """Serves until SIGTERM. ``target`` is ``module:factory``: each worker builds its own application."""
    Granian(
        target, address=server.host, port=server.port, interface=Interfaces.WSGI, workers=server.processes,
        blocking_threads=server.threads, factory=True, log_access=False, workers_kill_timeout=STOP_S,
    ).serve()  # fmt: skip
