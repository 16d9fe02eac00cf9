"""kill -9 of everything, Redis included, in the middle of a storm: what was accepted has one effect and one answer."""

from __future__ import annotations

import os
import random
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.outside import wecom
from tests.storm import Storm, Tried, check_books
from tests.timing import await_until
from tests.tree import Tree


def kill_in_storms(folder: Path, *, runs: int, messages: int, seed: int) -> Tried:
    """Kills the whole tree once in each of ``runs`` storms at a random moment, starts it again, and checks the books at the end of all.

    The storms share one bot and its data: what an earlier crash left must survive the later ones too. In the last storm WeCom repeats
    nothing, so that all that the kill cut off has to be answered actively.
    """
    rng, began = random.Random(seed), datetime.now(UTC)
    storms: list[Storm] = []
    with wecom() as side:
        tree = Tree(folder, api_base=side.base)
        try:
            tree.start()
            for run in range(runs):
                is_last = run == runs - 1
                storms.append(Storm(tree, side, rng, messages, once_share=1.0 if is_last else 0.1, width=48 if is_last else 24))
                _kill_in(storms[-1], tree, rng)
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
    tree.kill(rng, then=storm.flowing.clear)  # what is said to a closed door proves nothing: the others wait
    tree.start()
    storm.flowing.set()
    storm.calm.set()
    storm.end(300)


@pytest.mark.timeout(240)
def test_kills_of_the_whole_tree_in_storms_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")

    tried = kill_in_storms(tmp_path, runs=3, messages=200, seed=seed)

    print(tried)
    assert tried.accepted > 500
    assert tried.actively > 0, "the last kill cut nothing off"
