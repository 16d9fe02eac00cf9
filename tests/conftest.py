"""What every test may ask for: a real Redis of its own. Fixtures of one room live in that room's test file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import find, settings
from hypothesis import strategies as st

from rules.text import Words
from storage.connection import Database
from storage.embedded import EmbeddedServer

# The processes that tests start (some two hundred) would compile the whole project each, where Python is told to write nothing.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def alphabet() -> None:
    """Hypothesis makes its table of all characters once (two seconds in a fresh clone): in no test's time, where it counts as a slow one."""
    find(st.text(), lambda text: True, settings=settings(database=None))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A private server for this test process; it keeps nothing that anybody would miss."""
    with EmbeddedServer(tmp_path_factory.mktemp("redis"), fsync="no") as server:
        yield server


@pytest.fixture(scope="session")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Words:
    """One dictionary for all tests: reading it takes half a second."""
    return Words(tmp_path_factory.mktemp("jieba"))


@pytest.fixture
def database(redis_server: EmbeddedServer) -> Iterator[Database]:
    """An empty Redis."""
    database = Database(redis_server.url)
    database.command("FLUSHALL")
    yield database
    database.close()
