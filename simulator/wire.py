"""What went over the wire, both ways: the last rows in memory and, if asked for, every row in a file."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

KEEP_ROWS = 2000


@dataclass(frozen=True, slots=True)
class WireRow:
    """One exchange. ``direction`` is callback (we asked the bot) or rest (the bot asked us).

    ``target`` is a channel, a path or a command of the long connection, ``plaintext`` and ``sealed`` what the asker sent, ``answer`` and
    ``answer_sealed`` what came back (sealed is empty for REST and frames), ``status`` the HTTP status (0: no answer), ``problem`` what WeCom
    would have refused, ``at`` Unix seconds.
    """

    direction: str
    target: str
    plaintext: str
    answer: str = ""
    sealed: str = ""
    answer_sealed: str = ""
    query: str = ""
    status: int = 0
    ms: float = 0.0
    attempt: int = 1
    msgid: str = ""
    problem: str = ""
    at: float = 0.0
    n: int = 0


class Wire:
    """The bounded record of rows, numbered from 1; with ``file`` every row is appended there as one JSON line."""

    def __init__(self, file: Path | None = None) -> None:
        self._rows: deque[WireRow] = deque(maxlen=KEEP_ROWS)
        self._count = 0
        self._lock = Lock()
        self._file = file.open("a", encoding="utf-8") if file else None

    def record(self, row: WireRow) -> WireRow:
        """The row with its number."""
        with self._lock:
            self._count += 1
            numbered = replace(row, n=self._count)
            self._rows.append(numbered)
            if self._file:
                self._file.write(json.dumps(asdict(numbered), ensure_ascii=False) + "\n")
                self._file.flush()
            return numbered

    def rows(self, after: int = 0) -> list[WireRow]:
        """The kept rows with a number above ``after``, oldest first."""
        with self._lock:
            return [row for row in self._rows if row.n > after]

    def rest(self, path: str) -> list[dict[str, Any]]:
        """The JSON bodies of the kept REST calls of one path, oldest first: what a test asks for most."""
        return [json.loads(row.plaintext or "{}") for row in self.rows() if row.direction == "rest" and row.target == path]

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()
