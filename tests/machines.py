"""State machines over real Redis: how long they live in ``make test`` and in ``make soak``.

A machine's test module has ``run_machine(url, steps, seed=0) -> int``, which lets it live on that Redis for about so many steps and gives how many it made;
``tests/soak.py`` knows it by a row in ``MACHINES``. ``BOT_STEPS`` sets the number for the test of the suite.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

STEPS = int(os.environ.get("BOT_STEPS", "10000"))
"""Steps that a machine makes in the suite."""
EACH = 50
"""Steps of one life."""
MOST_AT_ONCE = 50_000
"""Steps of one run: Hypothesis remembers all lives of it."""


def live(machine: Callable[[], RuleBasedStateMachine], steps: int, seed: int = 0) -> None:
    """Lets a machine live as often as ``steps`` takes; raises what it found wrong, with the shortest life that shows it. ``seed`` 0: a new one."""
    for number, first in enumerate(range(0, steps, MOST_AT_ONCE)):

        def born() -> RuleBasedStateMachine:
            return machine()

        factory = hypothesis.seed(seed + number)(born) if seed else born
        run_state_machine_as_test(factory, settings=_settings(min(MOST_AT_ONCE, steps - first)))


def _settings(steps: int) -> settings:
    lives = int(1.06 * steps / EACH) + 10  # some are short
    return settings(max_examples=lives, stateful_step_count=EACH, deadline=None, suppress_health_check=list(HealthCheck), database=None)
