"""How often odd days are seen where there are none, and how soon a drop to six tenths is: ``python -m benchmarks.anomalies [SERIES]``.

The series are synthetic, seeded, and made unlike what the rule supposes: a weekly shape, a level that drifts, days that differ by more than chance
does, and now and then a day with a burst.
"""

from __future__ import annotations

import random
import sys
from datetime import date, timedelta
from statistics import median

from rules.anomalies import Counted, Course
from rules.lighting import DAYS

FIRST = date(2026, 1, 5)
SHAPE = (1.0, 1.05, 1.0, 0.95, 1.1, 0.7, 0.65)
LEAST = 10
LEFT = 0.6
"""What a drop leaves."""
NEVER = 28
"""A drop that nobody saw within four weeks is not seen any more: it is what is usual now."""


def series(chance: random.Random, days: int, level: float, spread: float, drop: int | None = None) -> list[Counted]:
    """Counts of neighbouring days around a level; ``spread`` is by which share of itself a day's level differs by itself."""
    found, drift = [], 1.0
    for at in range(days):
        drift = min(max(drift * (1 + chance.gauss(0, 0.01)), 0.6), 1.6)
        mean = level * SHAPE[at % 7] * drift * chance.gammavariate(1 / spread**2, spread**2)
        mean *= chance.uniform(1.5, 3.0) if chance.random() < 0.01 else 1.0
        mean *= LEFT if drop is not None and at >= drop else 1.0
        found.append(Counted(FIRST + timedelta(days=at), max(round(chance.gauss(mean, mean**0.5)), 0)))
    return found


def false_alarms(seed: int, level: float, spread: float) -> int:
    """Alarms in a year in which nothing happened."""
    counted, alarms, was = series(random.Random(seed), DAYS + 365, level, spread), 0, False
    for end in range(DAYS, len(counted)):
        is_odd = Course(counted[end - DAYS + 1 : end + 1], _is_off).find("low", LEAST) is not None
        alarms += is_odd and not was
        was = is_odd
    return alarms


def delay(seed: int, level: float, spread: float) -> int:
    """Days from a drop to its alarm; :data:`NEVER` where there was none."""
    counted = series(random.Random(seed), DAYS + NEVER, level, spread, drop=DAYS)
    for end in range(DAYS, len(counted)):
        if Course(counted[end - DAYS + 1 : end + 1], _is_off).find("low", LEAST):
            return end - DAYS + 1
    return NEVER


def _is_off(day: date) -> bool:
    return day.weekday() >= 5


def main(count: int) -> None:
    """Prints a row for each kind of community."""
    print("messages a day | days differ by | false alarms a year | days to the alarm: median | nine of ten within")
    for level in (20, 60, 400):
        for spread in (0.15, 0.3):
            alarms = sum(false_alarms(seed, level, spread) for seed in range(count)) / count
            delays = sorted(delay(seed, level, spread) for seed in range(5 * count))
            within = delays[int(0.9 * len(delays))]
            print(f"{level} | {spread:.0%} | {alarms:.1f} | {median(delays):.0f} | {within if within < NEVER else 'not'}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
