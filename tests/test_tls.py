"""Sentinels and clusters over TLS: what knows the certificate does its work, also when a master dies; what does not know it says nothing to anybody."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from storage.connection import Database, StorageAway
from tests.fronts import Certificate, Front
from tests.timing import await_until
from tests.topologies import TOPOLOGIES, Topology, running

KEYS = [f"qb:{{{shard}}}:tried" for shard in range(16)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def fronts() -> Iterator[list[Front]]:
    made: list[Front] = []
    yield made
    for front in made:
        front.close()


@pytest.mark.parametrize("kind", sorted(TOPOLOGIES))
def test_all_of_it_goes_over_tls_and_a_failover_is_followed(
    kind: str, certificate: Certificate, fronts: list[Front], tmp_path: Path
) -> None:
    def front(port: int) -> int:
        fronts.append(Front(certificate, port))
        return fronts[-1].port

    with running(TOPOLOGIES[kind](tmp_path, front=front)) as topology:
        plain = sum(one.greeted["plain"] for one in fronts)
        _work(topology, f"{topology.url.replace('redis+', 'rediss+')}?{urlencode({'ssl_ca_certs': certificate.file})}")
        assert sum(one.greeted["tls"] for one in fronts) > 0
        stranger = Database(topology.url.replace("redis+", "rediss+"))
        with pytest.raises(StorageAway):
            stranger.command("GET", KEYS[0])
        stranger.close()
        assert plain > 0, "servers talk among themselves"


def _work(topology: Topology, url: str) -> None:
    database = Database(url)
    assert database.pipeline(("SET", key, number) for number, key in enumerate(KEYS)) == ["OK"] * len(KEYS)
    assert set(database.scan("qb:*")) == set(KEYS)
    await_until(topology.is_whole, 20, "replicas in step")
    topology.master(KEYS[0]).signal(signal.SIGKILL)
    await_until(lambda: _found(database) == [str(number) for number in range(len(KEYS))], 30, "another master")
    database.close()


def _found(database: Database) -> list[str]:
    try:
        return [database.command("GET", key) for key in KEYS]
    except StorageAway:
        return []
