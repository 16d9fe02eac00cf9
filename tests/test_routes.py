"""How a cluster's map is looked for while its nodes swallow every packet: nobody waits for all of them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from storage import routes
from storage.links import Links, Resting, make_pool
from storage.routes import Cluster, Place

TIMEOUT_S = 0.2
NODES = 12


class Counted(Links):
    """Connections that note when they are asked."""

    def __init__(self, place: Place, asked: list[Place]) -> None:
        super().__init__(make_pool(f"redis://{place[0]}:{place[1]}", TIMEOUT_S))
        self._place, self._asked = place, asked

    def ask(self, *words: object) -> object:
        self._asked.append(self._place)
        return super().ask(*words)


@pytest.fixture
def deaf() -> Iterator[list[Place]]:
    """Nodes that take every connection and say nothing."""
    with ExitStack() as stack:
        doors = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(NODES)]
        yield [("127.0.0.1", door.getsockname()[1]) for door in doors]


def test_a_map_that_nobody_gives_is_given_up_in_time_and_the_next_one_asks_the_others(deaf: list[Place]) -> None:
    asked: list[Place] = []
    cluster = Cluster(deaf, lambda place: Counted(place, asked))
    with pytest.raises(Resting):
        cluster.masters()
    first = list(asked)
    assert len(first) <= routes.MAP_WITHIN_S / TIMEOUT_S + 1 < NODES, "each costs a time-out, and others wait meanwhile"
    threading.Event().wait(routes.LOOK_EVERY_S)
    asked.clear()
    with pytest.raises(Resting):
        cluster.masters()
    assert asked[0] == deaf[len(first)], "it goes on where the one before gave up"
    cluster.close()
