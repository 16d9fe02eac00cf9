"""Which of many things of one kind the suite looks at: others every day, so that all have their turn.

``BOT_DRAW=20777`` is one day again, ``BOT_DRAW=all`` is all of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

Thing = TypeVar("Thing")
DAY = os.environ.get("BOT_DRAW", "") or str(datetime.now(UTC).toordinal())


def drawn(things: Sequence[Thing], parts: int) -> list[Thing]:
    """Every so-many-th of them, beginning with another each day; says which."""
    if DAY == "all":
        return list(things)
    print(f"BOT_DRAW={DAY}: one in {parts} of {len(things)}")
    return list(things[int(DAY) % parts :: parts])
