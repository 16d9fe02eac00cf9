"""A program of its own: runs a server that ends when its owner ends, however the owner ends.

``python -I -S parent_death.py OWNER_PID kernel|watch COMMAND…``

``kernel`` (Linux): the kernel itself keeps the promise (``prctl(PR_SET_PDEATHSIG)``), and this program then *becomes* the command:
no process is left over, and the command has the pid that was started.

``watch`` (macOS, where there is no such call): the program stays beside the command and looks five times a second whether its owner
is still there. Kill -9 of both the owner and this watcher leaves the command running; the lock on the data folder stays taken then.

It stands apart from ``storage.embedded`` so that nothing but a few standard modules is loaded (20 ms), and so that no Python
code has to run between fork and exec of a process that has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.2


def tie_by_kernel(owner: int, command: Sequence[str]) -> None:
    """Becomes the command; the kernel sends it SIGTERM when the thread that started it ends. Linux only."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        watch(owner, command)
    if os.getppid() != owner:  # the owner died before the call above: nobody will send the signal any more
        sys.exit(1)
    os.execv(command[0], list(command))  # noqa: S606 - a server we found ourselves


def watch(owner: int, command: Sequence[str]) -> None:
    """Runs the command as a child and ends it with SIGTERM once the owner is gone. Any POSIX system."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the command gets it too, through the process group; we end after it
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execv(command[0], list(command))  # noqa: S606 - a server we found ourselves
    asked = False
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            sys.exit(abs(os.waitstatus_to_exitcode(status)))
        if os.getppid() != owner and not asked:
            os.kill(child, signal.SIGTERM)
            asked = True
        time.sleep(LOOK_EVERY_S)


def main(words: Sequence[str]) -> None:
    """``OWNER_PID kernel|watch COMMAND…``; does not return while the command runs."""
    owner, way, command = int(words[0]), words[1], words[2:]
    tie = tie_by_kernel if way == "kernel" else watch
    tie(owner, command)


if __name__ == "__main__":
    main(sys.argv[1:])
