"""What processes use, read from /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of CPU, user and system, that the processes have used so far. FileNotFoundError when one is gone."""
    return sum(sum(map(int, _stat(pid)[11:13])) for pid in pids) / _TICKS_PER_S


def descendants(pid: int) -> dict[int, int]:
    """The process and all below it, each with its parent, parents first."""
    below: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (folder / "stat").exists():
            below.setdefault(_parent(int(folder.name)), []).append(int(folder.name))
    found, reached = {pid: 0}, [pid]
    for parent in reached:
        children = below.get(parent, [])
        found |= dict.fromkeys(children, parent)
        reached += children
    return found


def command(pid: int) -> list[str]:
    """The words of a process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def program(pid: int) -> str:
    """The name of the program that a process runs, whatever it calls itself; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def memory_mb(pids: Iterable[int]) -> float:
    """Megabytes in use; what processes share is counted once (PSS)."""
    return sum(int(found[1]) for pid in pids if (found := _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text()))) / 1024


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    # The name in the second field may hold anything, so what follows is counted from its closing bracket.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
