"""How often one target may be sent to, shared by all processes.

WeCom counts what it gets in a window of time. GCRA with a burst of n lets up to 2n - 1 through in one window; so this keeps the times of
the last n turns instead, and the n-th last decides: never more than n in any window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

Rules = Sequence[tuple[int, float]]
"""(count, period in seconds) pairs that all hold."""

_MARGIN_S = 0.5
"""Added to WeCom's periods: two requests may travel for different times, and arrive closer together than they were sent."""
WEBHOOK: Rules = ((20, 60 + _MARGIN_S),)
"""A webhook: 20 a minute (path 99110)."""
APP_MEMBER: Rules = ((30, 60 + _MARGIN_S), (1000, 3600 + _MARGIN_S))
"""An app to one member: 30 a minute, 1,000 an hour; more is dropped without a word (path 90312)."""
APP_CHAT: Rules = ((100, 60 + _MARGIN_S), (300, 3600 + _MARGIN_S))
"""An app in one group of its own. A member gets 200 a minute and 10,000 a day over all groups, more is dropped without a word (path 90248)."""
AIBOT_CHAT: Rules = ((30, 60 + _MARGIN_S), (1000, 3600 + _MARGIN_S))
"""An aibot in one chat: 30 a minute, 1,000 an hour (path 101463)."""

_HOUR_MS = 3_600_000
TRIAL_MS = 15_000
"""How long a circuit's trial keeps the others out: longer than a request takes at worst."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of asking for a turn.

    ``wait_ms`` 0: it was taken. ``is_near``: less than a quarter of some rule's turns is left. ``failures`` is how often in a row the target
    failed before.
    """

    wait_ms: int
    is_near: bool = False
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """When a circuit opens: after ``failures`` in a row, for ``first_ms``, doubled with every failed trial up to ``longest_ms``."""

    failures: int
    first_ms: int
    longest_ms: int


class Limits:
    """The turns taken at every target. Names are short and stable: ``app.<channel>.<member>``, ``hook.<digest>``."""

    PERSONAL = Personal(
        "发送频率",
        "不超过企业微信的频率限制",
        (keys.LIMIT_LOG, keys.LIMIT_PAUSE, keys.LIMIT_TROUBLE),
        stays=(keys.LIMIT_LOG,),
        stays_why="名字里可能有成员编号，最长一天后自动消失",
        passing=(keys.LIMIT_LOG, keys.LIMIT_PAUSE, keys.LIMIT_TROUBLE),
        passing_why="只有发送的时间",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._acquire = Script("limit_acquire")
        self._failed = Script("circuit_failed")
        self._closed = Script("circuit_closed")

    def prepare(self) -> None:
        """Loads the scripts."""
        self._database.load([self._acquire, self._failed, self._closed])

    def acquire(self, name: str, rules: Rules, now_ms: int) -> int:
        """Takes a turn and gives 0, or takes none and gives the wait in ms. All rules hold, all or none is taken."""
        return self.turn(name, rules, now_ms).wait_ms

    def turn(self, name: str, rules: Rules, now_ms: int) -> Turn:
        """Takes a turn, unless the rules, a pause or an open circuit say no. All rules hold, all or none is taken; one round trip."""
        periods = [(count, round(period_s * 1000)) for count, period_s in rules]
        # the life only sweeps up: an hour more than needed, as a process may live on a clock of its own
        life_ms = max((period for _, period in periods), default=0) + _HOUR_MS
        flat = [number for rule in periods for number in rule]
        names = [keys.LIMIT_LOG(name=name), keys.LIMIT_PAUSE(name=name), keys.LIMIT_TROUBLE(name=name)]
        wait_ms, is_near, failures = self._database.act(self._acquire, names, [now_ms, life_ms, TRIAL_MS, *flat])
        return Turn(int(wait_ms), bool(is_near), int(failures))

    def failed(self, name: str, patience: Patience, now_ms: int) -> tuple[int, bool]:
        """Counts a failure; gives how long the circuit is open now (ms, 0: closed), and whether this failure opened it."""
        args = [now_ms, patience.failures, patience.first_ms, patience.longest_ms]
        open_ms, is_new = self._database.act(self._failed, [keys.LIMIT_TROUBLE(name=name)], args)
        return int(open_ms), bool(is_new)

    def answered(self, name: str) -> int:
        """Forgets failures; gives since when (ms) the circuit was open, 0 when it was not."""
        return int(self._database.act(self._closed, [keys.LIMIT_TROUBLE(name=name)]))

    def pause(self, name: str, until_ms: int, now_ms: int) -> None:
        """Leaves a target alone until then: WeCom said that it had enough."""
        life_ms = max(until_ms - now_ms, 0) + _HOUR_MS
        self._database.command("SET", keys.LIMIT_PAUSE(name=name), until_ms, "PX", life_ms)

    def paused_for(self, name: str, now_ms: int) -> int:
        """How long a pause still lasts, in ms; 0 when there is none."""
        until = self._database.command("GET", keys.LIMIT_PAUSE(name=name))
        return max(int(until or 0) - now_ms, 0)

    def export_user(self, number: int) -> dict[str, Any]:
        """Nothing: the times of sends say nothing of a person, and are gone within hours."""
        return {}

    def erase_user(self, number: int) -> str:
        """Nothing to erase, said in Chinese."""
        return "发送频率只记成员编号和时间，两小时内自动消失"
