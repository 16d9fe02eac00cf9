"""What strangers hand in is worked on in a process that may take neither long nor much memory.

A module that is such a process says ``work(Job, function)`` in its ``main`` and is run as ``python -m module PARENT``: a job on standard input,
what came of it on standard output. Its parent calls :func:`worked`.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from math import ceil
from pathlib import Path
from time import process_time
from typing import Literal, TypeVar

import msgspec
import structlog

from bot.processes import die_with_parent

log = structlog.get_logger(__name__)

Why = Literal["long", "much", "unread", "busy"]
_ROOT = Path(__file__).resolve().parent.parent
_NICE = 5
_GRACE_S = 5
"""CPU time between the signal that a process may be ended by and the one that ends it."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a process is told: how much CPU time and address space (bytes) it may take; what there is to do stands in what is made of this."""

    cpu_s: int
    memory: int


Given = TypeVar("Given", bound=Job)
Made = TypeVar("Made")


class Failed(Exception):
    """Nothing came of it. ``why``: it took too long or too much memory, could not be read, or no process could be started now."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


def worked(module: str, job: Job, made: type[Made], wall_s: float) -> Made:
    """What a process of its own makes of a job. Raises Failed; the log says more."""
    command = [sys.executable, "-m", module, str(os.getpid())]
    try:
        done = subprocess.run(command, input=msgspec.msgpack.encode(job), cwd=_ROOT, capture_output=True, check=False, timeout=wall_s)
    except subprocess.TimeoutExpired:
        log.warning("file not read", reason="wall time")
        raise Failed("long") from None
    except OSError as error:
        log.error("file not read", reason=str(error))
        raise Failed("busy") from None
    if done.returncode == 0:
        return msgspec.msgpack.decode(done.stdout, type=made)
    said = "".join(done.stderr.decode(errors="replace").strip().splitlines()[-1:])
    log.warning("file not read", code=done.returncode, reason=said[:200])
    if done.returncode == -signal.SIGXCPU:
        raise Failed("long")
    raise Failed("much" if said.startswith("MemoryError") else "unread")


def work(kind: type[Given], make: Callable[[Given], object]) -> None:
    """The program of such a process: reads its job, takes on its limits, and writes what it made of it."""
    die_with_parent(int(sys.argv[1]))
    os.nice(_NICE)
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=kind)
    _limit(job)
    try:
        sys.stdout.buffer.write(msgspec.msgpack.encode(make(job)))
        sys.stdout.buffer.flush()
    except MemoryError:
        os.write(2, b"MemoryError\n")
        os._exit(1)  # an orderly end asks for memory, too


def _limit(job: Job) -> None:
    cpu_s = ceil(process_time()) + job.cpu_s
    for what, soft, hard in (
        (resource.RLIMIT_AS, job.memory, job.memory),
        (resource.RLIMIT_CPU, cpu_s, cpu_s + _GRACE_S),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a system that does not know it, or allows less as it is
            resource.setrlimit(what, (soft, hard))
