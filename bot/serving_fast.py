"""The faster web server: granian, whose Rust threads read and write for Python."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces

from bot.config import ServerConfig
from bot.serving import STOP_S


def serve_granian(server: ServerConfig, target: str) -> None:
    """Serves until SIGTERM. ``target`` is ``module:factory``: each worker builds its own application."""
    Granian(
        target, address=server.host, port=server.port, interface=Interfaces.WSGI, workers=server.processes,
        blocking_threads=server.threads, factory=True, log_access=False, workers_kill_timeout=STOP_S,
    ).serve()  # fmt: skip
