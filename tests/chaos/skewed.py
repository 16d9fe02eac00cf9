"""run.py with a clock that is wrong: ``python -m tests.chaos.skewed FILE <what run.py takes>``; FILE holds by how many seconds, read at each look.

The bot has one clock, ``commands.build.now``; it alone is put forward or back here, in a real process, before anything runs.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import commands.build
import run


class Wrong(datetime):
    """A datetime whose now is off."""

    file = Path(sys.argv.pop(1))

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        try:
            off_s = float(cls.file.read_text())
        except (OSError, ValueError):  # being written
            off_s = 0.0
        return datetime.now(tz) + timedelta(seconds=off_s)  # type: ignore[return-value]


vars(commands.build)["datetime"] = Wrong
run.entry()
