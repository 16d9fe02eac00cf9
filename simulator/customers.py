"""What 客户联系 keeps: mass-message tasks, group welcome templates, intercept rules, and how long a roster takes to show a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REMINDERS = 3
REMINDERS_WITHIN_S = 86_400


@dataclass(slots=True)
class MassTask:
    """A mass message that an employee is to confirm. ``results`` are the receivers with 0 waiting, 1 sent, 2 failed, 3 too many this month."""

    kind: str
    sender: str
    text: str
    created: int
    results: dict[str, int]
    reminded: list[float] = field(default_factory=list)
    is_cancelled: bool = False


@dataclass(slots=True)
class CustomerDesk:
    """The state behind the calls. ``roster_lag_s`` is how long a change stays out of sight; ``most_visible`` members may be listed unfiltered."""

    roster_lag_s: float = 0.0
    most_visible: int = 1_000
    tasks: dict[str, MassTask] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: int = 0

    def next_id(self, prefix: str) -> str:
        """A fresh id."""
        self._last += 1
        return f"{prefix}{self._last:06d}"

    def confirm(self, msgid: str, month_limit: int, sent_before: dict[str, int]) -> None:
        """The employee presses 发送: everybody who may get one more this month gets it. KeyError for an unknown task."""
        task = self.tasks[msgid]
        for receiver, state in task.results.items():
            if state == 0 and not task.is_cancelled:
                task.results[receiver] = 1 if sent_before.get(receiver, 0) < month_limit else 3
