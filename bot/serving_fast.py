"""The faster web server: granian, whose Rust threads read and write for Python."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces

from bot.config import ServerConfig
from bot.serving import READ_WITHIN_S


class _Leaving(Granian):  # type: ignore[misc,valid-type]  # which class it is depends on the interpreter
    """granian's master, which says that it goes before it goes."""

    say_leaving: Callable[[], None]

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Ends in order."""
        self.say_leaving()
        super().signal_handler_interrupt(*args, **kwargs)


def serve_granian(server: ServerConfig, target: str, folder: Path) -> None:
    """Serves until SIGTERM. ``target`` is ``module:factory``: each worker builds its own application. In ``folder`` it is told that the end is near."""
    mark = _mark(folder, os.getpid())
    mark.unlink(missing_ok=True)  # of a process of the same number that was killed

    def say_leaving() -> None:
        mark.touch()
        time.sleep(server.leave_s)

    # WeCom waits no longer than that for an answer; a page of the console that is being kept up to date would wait for ever.
    master = _Leaving(
        target, address=server.host, port=server.port, interface=Interfaces.WSGI, workers=server.processes,
        blocking_threads=server.threads, factory=True, log_access=False, workers_kill_timeout=int(READ_WITHIN_S),
    )  # fmt: skip
    master.say_leaving = say_leaving
    try:
        master.serve()
    finally:
        mark.unlink(missing_ok=True)


def is_leaving(folder: Path) -> bool:
    """Whether the master of this worker was asked to end. The two share no memory, for granian starts its workers afresh."""
    return _mark(folder, os.getppid()).exists()


def _mark(folder: Path, master: int) -> Path:
    return folder / f"leaving-{master}"
