"""When silence is news: what did not come is held against what came in the same hours of past weeks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

WEEK_HOURS = 168
WEEKS = 4
LEAST_WEEKS = 2
"""With fewer weeks to compare with, nothing can be said: one odd week would raise alarms or hide them."""
BURST = 4
"""People speak in bursts: so many callbacks count as one arrival that chance alone decides."""
UNLIKELY = 1e-5
"""An alarm is raised when chance would leave such a gap less often than this: some gaps in a hundred thousand."""
SHORTEST_S = 900
HOUR_S = 3600.0
LONGEST_S = WEEK_HOURS * HOUR_S
"""A silence is not looked at further back: what is not news after a week will not become it."""


def missed(counts: Mapping[int, int], first_hour: int, since_s: float, until_s: float) -> float:
    """How many callbacks usually come between two moments (Unix seconds): the median of the same hours of up to four past weeks.

    0 without enough weeks to compare with. ``counts`` is by hour since 1970, and has none for an hour in which nothing came; in
    ``first_hour`` counting began.
    """
    since_s = max(since_s, until_s - LONGEST_S)
    totals = [
        _between(counts, since_s - back * LONGEST_S, until_s - back * LONGEST_S)
        for back in range(1, WEEKS + 1)
        if since_s // HOUR_S - back * WEEK_HOURS > first_hour
    ]
    return median(totals) if len(totals) >= LEAST_WEEKS else 0.0


def is_news(missed_callbacks: float, silent_s: float) -> bool:
    """Whether a silence is so unlikely (Poisson, by bursts) that somebody should look."""
    return silent_s >= SHORTEST_S and missed_callbacks / BURST >= -math.log(UNLIKELY)


def _between(counts: Mapping[int, int], since_s: float, until_s: float) -> float:
    """How many came between two moments, as if those of an hour were spread evenly over it."""
    total, at_s = 0.0, since_s
    while at_s < until_s:
        hour = int(at_s // HOUR_S)
        end_s = min(until_s, (hour + 1) * HOUR_S)
        total += counts.get(hour, 0) * (end_s - at_s) / HOUR_S
        at_s = end_s
    return total
