"""Connections to Redis: as many as are needed at once, and no more for longer than they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest

import storage.links
from storage.embedded import EmbeddedServer
from storage.links import Links, make_pool
from tests.timing import PATIENCE_S, await_until

AT_ONCE = 12


@pytest.fixture
def links(redis_server: EmbeddedServer) -> Iterator[Links]:
    links = Links(make_pool(redis_server.url, 5.0))
    yield links
    links.close()


def count(links: Links) -> int:
    """How many of these connections the server knows."""
    return sum("name=crowd " in line for line in links.ask("CLIENT", "LIST").splitlines())


def crowd(links: Links) -> None:
    """So many threads at work at once that each needs a connection of its own."""
    together = Barrier(AT_ONCE)

    def work() -> None:
        sent = links.send([("CLIENT", "SETNAME", "crowd")])
        together.wait(PATIENCE_S)
        links.receive(sent)

    threads = [Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_what_is_used_again_soon_is_kept(links: Links) -> None:
    crowd(links)
    for _ in range(3 * AT_ONCE):
        assert count(links) == AT_ONCE


def test_what_nobody_needs_any_more_is_closed(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd(links)
    monkeypatch.setattr(storage.links, "UNUSED_S", 0.0)
    await_until(lambda: count(links) == 1, what="one connection, which is in use")
    crowd(links)
    await_until(lambda: count(links) == 1, what="one connection again")


def known(links: Links) -> set[int]:
    """The numbers that the server gave the connections it has."""
    return {int(number) for number in re.findall(r"^id=(\d+) ", links.ask("CLIENT", "LIST"), re.MULTILINE)}


def test_a_fork_speaks_through_a_connection_of_its_own_and_shuts_none_of_its_parents(links: Links) -> None:
    crowd(links)
    ours = known(links)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        ended = 1
        try:
            os.write(writing, str(links.ask("CLIENT", "ID")).encode())
            links.close()
            ended = 0
        finally:
            os._exit(ended)
    assert os.waitpid(child, 0)[1] == 0
    assert int(os.read(reading, 32)) not in ours
    await_until(lambda: known(links) == ours, what="the parent's connections alone")
    assert links.ask("ECHO", "ours") == "ours"
    os.close(reading)
    os.close(writing)
