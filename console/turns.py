"""Work of seconds that a process does for one visitor at a time: the others have members to answer."""

from __future__ import annotations

from threading import Lock

from flask import abort

FILE_BUSY = "正在处理另一个文件，请等一会儿再试。"


class OneAtATime:
    """Lets one in with ``with``; who finds another inside is told ``said`` (429), after ``wait_s`` seconds of waiting for him."""

    def __init__(self, said: str | None = None, *, wait_s: float = 0.0) -> None:
        self._said = said
        self._wait_s = wait_s
        self._lock = Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._wait_s):
            abort(429, self._said)

    def __exit__(self, *_: object) -> None:
        self._lock.release()
