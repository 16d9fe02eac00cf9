"""How long memory and disk last: from what was measured day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

FULL = 0.7
"""From here on somebody is told, with what to do."""
SHED = 0.85
"""From here on what matters least goes."""
FITTED_DAYS = 14
"""So many days are looked back on: what was long ago says little of what comes."""
FEWEST_DAYS = 3
FAR_DAYS = 3_650
"""What lasts longer than this lasts."""


@dataclass(frozen=True, slots=True)
class Store:
    """Memory or a disk: bytes in use and all there are (0: not known), and the last measure of each of some days, oldest first."""

    used: int
    total: int
    days: Sequence[tuple[date, int]] = ()

    @property
    def share(self) -> float:
        """How full it is."""
        return self.used / self.total if self.total else 0.0

    @property
    def growth(self) -> float | None:
        """Bytes a day, by a straight line through the days; None of too few days."""
        return slope(self.days[-FITTED_DAYS:])

    @property
    def days_left(self) -> int | None:
        """In how many whole days it is full if it goes on so; None where it does not grow, or too little is known."""
        growth = self.growth
        if growth is None or growth <= 0 or not self.total:
            return None
        left = max(self.total - self.used, 0) / growth
        return int(left) if left < FAR_DAYS else None


@dataclass(frozen=True, slots=True)
class Room:
    """All the room there is: of Redis, and of the disk with its data; and the log's files there."""

    memory: Store
    disk: Store
    files: int = 0
    file_bytes: int = 0

    @property
    def stores(self) -> Mapping[str, Store]:
        """Both, by name."""
        return {"memory": self.memory, "disk": self.disk}


def slope(days: Sequence[tuple[date, int]]) -> float | None:
    """How much a day, by least squares; None of fewer than three days."""
    if len(days) < FEWEST_DAYS:
        return None
    xs, ys = [float(day.toordinal()) for day, _ in days], [float(value) for _, value in days]
    middle, level = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle) ** 2 for x in xs)
    return sum((x - middle) * (y - level) for x, y in zip(xs, ys, strict=True)) / spread if spread else None


def lasting(store: Store) -> str:
    """How long it lasts, in words."""
    if store.growth is None:
        return "量满三天才能预测还够多久"
    left = store.days_left
    return "没有在增长" if left is None else f"按最近的增长还够 {left} 天"
