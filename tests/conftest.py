"""What every test may ask for: a real Redis of its own. Fixtures of one room live in that room's test file."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from rules import contents
from rules.text import Words
from storage.connection import Database
from storage.embedded import EmbeddedServer, ask
from tests.topologies import TOPOLOGIES, Topology, running

# What is imported and collected stays; see pytest_collection_finish.
gc.disable()

# The processes that tests start (some two hundred) would compile the whole project each, where Python is told to write nothing.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine makes nothing wrong
settings.load_profile("suite")

LONG = (
    "demo_page", "chaos", "console_walk", "console_browser", "topologies", "longholder", "rolling", "hostile", "backup", "console_live", "console",
    "console_calendar", "console_experiments", "clock", "console_members", "experiments", "faq_transfer", "sender", "shop", "live_check",
    "log_level", "embedded", "pauses", "sheets", "open_interface", "patterns", "invitations", "customers", "mailings", "live", "watch", "access",
    "architecture", "migrate", "archive", "trials", "app_api", "member_transfer", "console_activities", "points", "security_names", "console_overview",
    "privacy_proof", "extensions", "vendor_peers", "docs", "sender_faults", "faq_journey", "journeys", "month", "simulator", "lotteries",
)  # fmt: skip
"""Files of tests that take longest, about the longest first. A worker has a file to itself, and its servers and browsers once."""


MOST_KEPT, MOST_ROWS = 20_000, 500
"""Characters, and rows, of content that is remembered; what is longer is about its length."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first, so that at the end no worker is alone with it; all else keeps its random order."""
    places = {f"test_{name}": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: no collection of garbage need look at them, again and again, between all that the tests make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def alphabet() -> None:
    """Hypothesis makes its table of all characters once (two seconds in a fresh clone): in no test's time, where it counts as a slow one."""
    find(st.text(), lambda text: True, settings=settings(database=None))


@pytest.fixture(scope="session", autouse=True)
def read_files() -> Iterator[None]:
    """Content that was read is not read again by the next bot: one text gives one value, which nobody may change."""
    parse, to_items, from_items = contents.parse, contents.to_items, contents.from_items
    parsed, taken_apart = lru_cache(300)(parse), lru_cache(300)(to_items)
    joined = lru_cache(300)(lambda kind, items: from_items(kind, dict(items)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "parse", lambda kind, raw, **more: (parsed if len(raw) < MOST_KEPT else parse)(kind, raw, **more))
        patch.setattr(contents, "to_items", lambda kind, raw: dict((taken_apart if len(raw) < MOST_KEPT else to_items)(kind, raw)))
        patch.setattr(
            contents,
            "from_items",
            lambda kind, items: joined(kind, tuple(items.items())) if len(items) < MOST_ROWS else from_items(kind, items),
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_routes() -> Iterator[None]:
    """Werkzeug compiles for each route what writes its addresses: for a hundred and eighty a twentieth of a second, in each web application anew."""
    compile_route, compiled = Rule._compile_builder, dict[tuple[object, ...], Callable[..., tuple[str, str]]]()

    def compile_once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        made_of = (rule.rule, *rule._trace, *sorted((rule.defaults or {}).items()), append_unknown)
        if made_of not in compiled:
            compiled[made_of] = compile_route(rule, append_unknown)
        return compiled[made_of]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_once)
        yield


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer | Topology]:
    """A private server for this test process; it keeps nothing that anybody would miss. ``BOT_TEST_REDIS=cluster`` (or ``sentinel``) asks for more."""
    if kind := os.environ.get("BOT_TEST_REDIS"):
        with running(TOPOLOGIES[kind](tmp_path_factory.mktemp("redis"))) as topology:
            yield topology
        return
    with EmbeddedServer(tmp_path_factory.mktemp("redis"), fsync="no") as server:
        ask(server.socket, "CONFIG SET appendonly no")
        yield server


@pytest.fixture
def durable(redis_server: EmbeddedServer) -> Iterator[None]:
    """The same server as operators have it: what is acknowledged stands in a file."""
    ask(redis_server.socket, "CONFIG SET appendonly yes")
    yield
    ask(redis_server.socket, "CONFIG SET appendonly no")


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
