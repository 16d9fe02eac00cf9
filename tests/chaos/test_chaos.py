"""Ten seeded runs of a house that breaks, in one life: nothing lost, nothing doubled, nothing over a limit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.life import SHORT, live
from tests.chaos.plan import kinds, plans

RUNS = 10


@pytest.mark.parametrize("with_rare", [False, True])
@pytest.mark.parametrize("redis", ["one", "sentinels", "cluster"])
def test_the_same_seed_plans_the_same_faults_and_all_kinds_come_before_one_comes_again(redis: str, with_rare: bool) -> None:
    all_kinds = kinds(redis, with_rare=with_rare)
    dealt = plans(7, RUNS, redis=redis, with_rare=with_rare)
    assert dealt == plans(7, RUNS, redis=redis, with_rare=with_rare)
    faults = [timed.fault for plan in dealt for timed in plan.faults]
    assert sorted(faults[: len(all_kinds)]) == all_kinds


def test_a_life_on_several_servers_breaks_them_and_not_the_one() -> None:
    assert {"a failover", "a master silent", "a replica killed"} <= set(kinds("sentinels")) < set(kinds("cluster"))
    assert set(kinds("cluster")) - set(kinds("sentinels")) == {"a slot moved"}
    assert not {"redis killed", "everything killed"} & set(kinds("cluster"))


@pytest.mark.timeout(400)
def test_ten_runs_of_faults_lose_nothing_double_nothing_and_pass_no_limit(tmp_path: Path) -> None:
    seed = int(os.environ.get("BOT_CHAOS_SEED", "510"))  # others every time: make soak
    print(f"seed {seed}")

    life = live(tmp_path, seed, RUNS, SHORT)

    print(life, f"{life.took_s:.0f} s")
    assert not life.verdict.findings, "\n".join(map(str, life.verdict.findings))
    assert life.faults.total() == RUNS * SHORT.faults
    assert life.verdict.counts["accepted"] > RUNS * SHORT.messages * 0.8
    assert life.verdict.counts["transfers"] > 50
    assert life.verdict.counts["pushes"] == 3
