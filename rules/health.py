"""The lights of a community: which indicator is well, which is not, why, and what to do about it; and from where on something is not well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from rules.metrics import METRICS, Inlet, Length

Colour = Literal["green", "yellow", "red", "grey"]
COLOURS: Mapping[Colour, str] = {"red": "🔴", "yellow": "🟡", "green": "🟢", "grey": "⚪"}
"""The colours from the worst on, as they stand in a text."""
Stage = Literal["培育", "成长", "成熟", "衰退"]
STAGES: tuple[Stage, ...] = ("培育", "成长", "成熟", "衰退")
By = Literal["level", "past"]


@dataclass(frozen=True, slots=True)
class Remedy:
    """What is suggested: in words, as a button on a console page (endpoint without ``console.``), and as what may be said in chat ('' nothing)."""

    text: str
    label: str = ""
    endpoint: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Light:
    """One light: its indicator's id and name, colour, since which day it has had it, the plain-words reason, and what to do.

    ``value`` and ``before`` are the figure of the newest whole span and what it is compared with; ``trend`` the figures that a small line shows, the
    oldest first. ``why_grey`` says what is missing.
    """

    metric: str
    name: str
    colour: Colour
    reason: str
    since: date | None = None
    value: float | None = None
    before: float | None = None
    trend: tuple[float | None, ...] = ()
    remedy: Remedy | None = None
    why_grey: str = ""


@dataclass(frozen=True, slots=True)
class Threshold:
    """When the light of an indicator turns.

    ``by`` level: its figure is beyond ``yellow`` or ``red`` (None never), to the side that is not good; past: it is worse by that share than the
    median of the four spans before. ``least``: with fewer behind it the figure is not judged. ``needs``: inlets without which it says too little.
    ``periods``: how many neighbouring spans must be beyond. ``stages``: only in communities of these stages; () in all.
    """

    metric: str
    by: By
    yellow: float
    red: float | None
    least: int
    needs: frozenset[Inlet] = frozenset()
    periods: int = 1
    stages: tuple[Stage, ...] = ()
    on: bool = True

    @property
    def length(self) -> Length:
        """The length of the spans that are judged: a week, if the indicator has any."""
        return "week" if "week" in METRICS[self.metric].lengths else "month"


@dataclass(frozen=True, slots=True)
class Place:
    """What is different in one community."""

    stage: Stage | None = None
    lights: tuple[Threshold, ...] = ()


DEFAULTS = (
    Threshold("wau", "past", 0.1, 0.3, 10),
    Threshold("week_retention", "past", 0.15, 0.35, 10),
    Threshold("answer_minutes", "level", 30, 120, 3),
    Threshold("reply_rate", "level", 0.9, 0.7, 5),
    Threshold("faq_hit", "level", 0.5, 0.3, 20),
    Threshold("negative_share", "level", 0.2, 0.3, 30),
    Threshold("warning_rate", "level", 0.02, 0.05, 50),
    Threshold("push_reach", "level", 0.98, 0.9, 3),
    Threshold("net_growth", "level", 0.0, -0.03, 20, periods=3),
    Threshold("net_growth", "level", 0.05, 0.0, 20, periods=3, stages=("成长",)),
    Threshold("churn", "level", 0.03, 0.06, 20),
    Threshold("active_share", "level", 0.8, 0.5, 20, needs=frozenset({"archive"})),
    Threshold("month_retention", "level", 0.65, 0.4, 20, needs=frozenset({"archive"})),
    Threshold("appeals_granted", "level", 0.3, 0.5, 5),
)
"""As shipped: the manuals' figures where they mean something; where only mentions are heard, a community is compared with its own past."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """From where on something is not well.

    A light gets better only where the figure is better than the threshold by ``margin`` of it, and turns only after ``days`` days of the new colour. A
    trouble that goes on is told again after ``again_days``.
    """

    margin: float = 0.1
    days: int = 2
    again_days: int = 7
    lights: tuple[Threshold, ...] = DEFAULTS
    places: Mapping[str, Place] = field(default_factory=dict)

    def of(self, community: str) -> tuple[Threshold, ...]:
        """The thresholds of a community, one an indicator: its own go first, then those of its stage."""
        place = self.places.get(community, Place())
        found: dict[str, Threshold] = {}
        for threshold in (*self.lights, *place.lights):
            if not threshold.stages or place.stage in threshold.stages:
                found[threshold.metric] = threshold
        return tuple(threshold for threshold in found.values() if threshold.on)
