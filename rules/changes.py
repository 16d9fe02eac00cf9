"""How a figure changed: in words, and whether that is for the better, as pages, reports and chat say it."""

from __future__ import annotations

from typing import Literal

from rules.metrics import Metric

Tone = Literal["good", "bad", "flat"]

FEW = 10
"""Below so many a change is told as it is: three more than four is not 75 %."""
FLAT = 0.005
"""A change of less than this part is none."""


def change(metric: Metric, value: float | None, before: float | None) -> str:
    """How a value differs from the one before: +12%, -3.2 点 (of a share), +3, 持平; '' where one of them is missing."""
    if value is None or before is None:
        return ""
    if is_flat(metric, value, before):
        return "持平"
    if metric.unit == "share":
        return f"{(value - before) * 100:+.1f} 点"
    if metric.unit not in ("score", "ratio") and abs(before) >= FEW:
        return f"{(value - before) / abs(before):+.0%}"
    difference = value - before
    return f"{difference:+,.0f}" if float(difference).is_integer() else f"{difference:+,.1f}"


def tone(metric: Metric, value: float | None, before: float | None) -> Tone:
    """Whether a change is for the better or the worse; ``flat`` where there is none, or where neither way is better."""
    if value is None or before is None or not metric.good or is_flat(metric, value, before):
        return "flat"
    return "good" if (value > before) == (metric.good == "up") else "bad"


def is_flat(metric: Metric, value: float, before: float) -> bool:
    """Whether two values are the same as far as they are shown."""
    return abs(value - before) < (0.0005 if metric.unit == "share" else max(FLAT * abs(before), 0.05))
