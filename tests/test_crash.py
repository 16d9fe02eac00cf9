"""kill -9 of everything, Redis included, in the middle of a storm: what was accepted has one effect and one answer."""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.events import Events
from storage.keys import SHARDS
from tests.outside import aibot_text, await_until, new_id, wecom
from tests.storm import Storm, Tried, check_books
from tests.tree import GROUP, Tree

pytestmark = pytest.mark.xdist_group("crash")


def kill_in_storms(folder: Path, *, runs: int, messages: int, seed: int, once_share: float = 0.1) -> Tried:
    """Kills the whole tree once in each of ``runs`` storms at a random moment, starts it again, and checks the books at the end of all.

    The storms share one bot and its data: what an earlier crash left must survive the later ones too.
    """
    rng, began = random.Random(seed), datetime.now(UTC)
    storms: list[Storm] = []
    with wecom() as side:
        tree = Tree(folder, api_base=side.base)
        try:
            tree.start()
            for _ in range(runs):
                storms.append(storm := Storm(tree, side, rng, messages, once_share=once_share))
                _kill_in(storm, tree, rng)
            with tree.database() as database:
                return check_books(database, [said for storm in storms for said in storm.said], side, began=began)
        finally:
            tree.stop()


def _kill_in(storm: Storm, tree: Tree, rng: random.Random) -> None:
    moment = rng.randrange(len(storm.said) // 10, len(storm.said) * 9 // 10)
    storm.begin()
    await_until(lambda: storm.settled() >= moment, 300, f"{moment} settled messages", every_s=0.001)
    threading.Event().wait(rng.random() * 0.02)  # not always right after an answer
    storm.calm.clear()
    tree.kill(rng)
    storm.flowing.clear()  # a few more run against the closed door, the others wait: a message that is never kept proves nothing
    tree.start()
    storm.flowing.set()
    storm.calm.set()
    storm.end(300)


@pytest.mark.timeout(150)
def test_a_kill_of_the_whole_tree_in_a_storm_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")

    tried = kill_in_storms(tmp_path, runs=3, messages=600, seed=seed)

    print(tried)
    assert tried.accepted > 1_500
    assert tried.in_hand > 1_400


@pytest.mark.timeout(120)
def test_what_a_kill_cut_off_is_answered_actively_when_wecom_does_not_ask_again(tmp_path: Path) -> None:
    with wecom() as side:
        tree = Tree(tmp_path, api_base=side.base)
        try:
            tree.start()
            ids = [new_id() for _ in range(400)]
            with ThreadPoolExecutor(48) as crowd:
                told = [
                    crowd.submit(
                        tree.client.tell,
                        tree.channels["assistant"],
                        aibot_text(f"user{n % 40}", "签到", id=id, chat=GROUP, url=side.url(id)),
                    )
                    for n, id in enumerate(ids)
                ]
                await_until(lambda: sum(one.done() for one in told) > 100, 30, "a hundred answers", every_s=0.001)
                tree.kill()
            in_hand = {id for id, one in zip(ids, told, strict=True) if one.result().plain}

            tree.start()

            with tree.database() as database:
                events = Events(database, SHARDS)
                inbound = {entry.message for entry in events.read() if entry.kind == "inbound"}
                await_until(lambda: _all_decided(events, inbound), 75, "a decision on all that was kept", every_s=0.25)
                queued = {entry.message.partition(":")[2] for entry in events.read() if "response_url" in entry.data.get("queued", ())}
                await_until(lambda: queued == set(side.answers), 60, "every answer that was queued")
            assert queued, "the kill cut nothing off: choose a wider crowd"
            assert not queued & in_hand
            assert all(len(posts) == 1 for posts in side.answers.values())
        finally:
            tree.stop()


def _all_decided(events: Events, inbound: set[str]) -> bool:
    return inbound == {entry.message for entry in events.read() if entry.kind == "decision"}
