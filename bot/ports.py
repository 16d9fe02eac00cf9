"""Who has a port: asked before a start, so that the answer to "taken" is a name and not a traceback."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_LISTENING = "0A"


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def who_listens(port: int) -> str:
    """The program that listens on a TCP port: ``python run.py serve（进程 4711）``; 另一个程序 where the system does not say (not Linux, not ours)."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(Path("/proc/net") / table, port)}
    # The oldest first: a child that was just forked holds its parent's sockets for a moment.
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda found: int(found.name)) if inodes else ():
        if _holds(process, inodes):
            command = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            return f"{command[:120]}（进程 {process.name}）"
    return "另一个程序"


def _listeners(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rsplit(":", 1)[1], 16) == port]


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        files = list(process.joinpath("fd").iterdir())
    except OSError:  # gone, or somebody else's
        return False
    return any(_target(file) in inodes for file in files)


def _target(file: Path) -> str:
    try:
        return os.readlink(file)
    except OSError:  # closed in between
        return ""
