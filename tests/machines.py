"""State machines over real Redis: how long they live in ``make test`` and in ``make soak``.

A machine's test module has ``run_machine(url, steps, seed=0) -> int``, which lets it live on that Redis for about so many steps and gives how many it made;
``tests/soak.py`` knows it by a row in ``MACHINES``. ``BOT_STEPS`` sets the number for the test of the suite.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from storage.connection import Database

STEPS = int(os.environ.get("BOT_STEPS", "3000"))
"""Steps that a machine makes in the suite."""
EACH = 50
"""Steps of one life."""
MOST_AT_ONCE = 50_000
"""Steps of one run: Hypothesis remembers all lives of it."""


class Crash(BaseException):
    """The process died."""


class Shaky(Database):
    """A connection whose process is interrupted at one of its calls: ``fuse`` calls from now, before or after the call is made."""

    fuse: int | None = None
    is_after: bool = False
    blow: Callable[[], None] = lambda: None

    def act(self, script: Any, keys: Sequence[str], args: Sequence[Any] = ()) -> Any:
        return self._guarded(lambda: super(Shaky, self).act(script, keys, args))

    def command(self, *words: Any) -> Any:
        return self._guarded(lambda: super(Shaky, self).command(*words))

    def pipeline(self, commands: Any) -> list[Any]:
        found: list[Any] = self._guarded(lambda: super(Shaky, self).pipeline(commands))
        return found

    def _guarded(self, call: Callable[[], Any]) -> Any:
        if self.fuse is None:
            return call()
        self.fuse -= 1
        if self.fuse >= 0:
            return call()
        self.fuse = None
        if not self.is_after:
            self.blow()
            return call()
        found = call()
        self.blow()
        return found


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
