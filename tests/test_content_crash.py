"""kill -9 in the middle of a large import: what was in force stays whole, and the import can be done again."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.connection import Database
from storage.content import ContentStore
from storage.embedded import EmbeddedServer

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
COUNT = 4_000
BEFORE = {f"n{number}": f"old {number}" for number in range(COUNT)}
AFTER = {f"n{number}": f"new {number}" for number in range(10, COUNT + 10)}
IMPORT = """\
import sys
from datetime import UTC, datetime
from storage.connection import Database
from storage.content import ContentStore

def tell(done, total):
    print(done, total, flush=True)
    if done == int(sys.argv[2]) or done == total + int(sys.argv[2]):
        sys.stdin.read()

changes = {f"n{n}": None for n in range(10)} | {f"n{n}": f"new {n}" for n in range(10, 4010)}
ContentStore(Database(sys.argv[1])).put("faq", changes, "boss", datetime.now(UTC), on_progress=tell)
"""


@pytest.mark.parametrize("at", [12, 0], ids=["midway", "just before it is in force"])
def test_a_killed_import_leaves_nothing_half_in_force(redis_server: EmbeddedServer, database: Database, at: int) -> None:
    store = ContentStore(database)
    store.put("faq", BEFORE, "boss", NOW)
    words = [sys.executable, "-c", IMPORT, redis_server.url, str(at)]
    root = Path(__file__).parent.parent
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as importing:
        assert importing.stdout
        for line in importing.stdout:
            done, total = map(int, line.split())
            if done == (at or total):
                break
        importing.send_signal(signal.SIGKILL)

    assert store.snapshot("faq") == (1, BEFORE)
    assert {key for key in database.scan("qb:{content}*") if database.command("PTTL", key) == -1} == {
        "qb:{content}:newest",
        "qb:{content}:faq:items",
        "qb:{content}:faq:history",
        *database.scan(f"qb:{{content}}:faq:changes:{_changes_in_force(database)}"),
    }
    changes: dict[str, str | None] = dict.fromkeys(BEFORE)
    assert store.put("faq", changes | AFTER, "boss", NOW) == 2
    assert store.items("faq") == AFTER


def _changes_in_force(database: Database) -> str:
    return str(database.command("HGET", "qb:{content}:faq:history", 1)).split('"changes":"')[1].split('"')[0]
