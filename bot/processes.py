"""Processes: a parent that keeps its roles running, and roles that do not outlive their parent."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

STOP_S = 9.0
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Asks the kernel to kill this process when its parent goes, however it goes. ``parent`` closes the race: gone already → end now.

    On systems without the call (macOS) a thread looks at the parent's id twice a second instead.
    """
    parent = parent or os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


@dataclass(slots=True)
class Role:
    """One child: its name, its command, what its environment adds, and how long after the others it may begin."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0  # or, while there is no process, when there is to be one
    falls: int = 0


def stop_on_signals(stop: threading.Event) -> None:
    """Sets ``stop`` when this process is asked to end.

    From a thread of its own: a signal interrupts the main thread anywhere, also while that holds the lock of the very event to look at it, and a
    handler that wanted the lock then would wait for ever.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: start_new_thread(stop.set, ()))


class ProcessTree:
    """Starts roles, starts them again when they fall, stops them all within ten seconds. Lives in the main thread of its process:
    the kernel's tie between parent and child belongs to the thread that forked."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = list(roles)
        self._stopping = threading.Event()

    def run(self) -> int:
        """Runs until SIGTERM or SIGINT; gives the exit code."""
        stop_on_signals(self._stopping)
        began = time.monotonic()
        for role in self._roles:
            role.started = began + role.after_s
            self._look_after(role)
        while not self._stopping.wait(0.2):
            for role in self._roles:
                self._look_after(role)
        self._stop()
        return 0

    def _start(self, role: Role) -> None:
        environment = {**os.environ, **role.environment, "BOT_PARENT": str(os.getpid())}
        # Its own session: Ctrl-C reaches the parent alone, which then stops its children in order.
        role.process = subprocess.Popen(role.command, env=environment, start_new_session=True)
        role.started = time.monotonic()

    def _look_after(self, role: Role) -> None:
        if role.process is None:
            if time.monotonic() >= role.started:
                self._start(role)
            return
        code = role.process.poll()
        if code is None:
            return
        lived_s = time.monotonic() - role.started
        role.falls = 0 if lived_s > 60 else role.falls + 1
        log.error("role %s ended with code %s after %.1f s, starting it again", role.name, code, lived_s)
        role.process, role.started = None, time.monotonic() + min(30.0, 0.5 * 2 ** min(role.falls, 6))

    def _stop(self) -> None:
        running = [role.process for role in self._roles if role.process]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        until = time.monotonic() + STOP_S
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
