"""Reports: when the daily brief, the weekly and the monthly report go out by themselves, and which days each is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from rules.periods import Period, day_of, month_of, week_of


@dataclass(frozen=True, slots=True)
class Timetable:
    """When the reports of a community go out (``*``: of all that have none of their own), by the wall there; None: never.

    ``weekly`` is a weekday (0 is Monday) and a time, ``monthly`` a day of the month and a time. What was missed is made up for within
    ``grace_minutes``.
    """

    community: str = "*"
    brief: time | None = time(9)
    weekly: tuple[int, time] | None = (0, time(9, 30))
    monthly: tuple[int, time] | None = (1, time(10))
    grace_minutes: int = 120


@dataclass(frozen=True, slots=True)
class Timetables:
    """Those of all communities."""

    plans: tuple[Timetable, ...] = ()

    def of(self, community: str) -> Timetable:
        """The timetable of a community: its own, else that for all, else what is usual."""
        by_community = {plan.community: plan for plan in self.plans}
        return by_community.get(community) or by_community.get("*") or Timetable()


def due(plan: Timetable, now: datetime) -> Iterator[Period]:
    """The reports whose moment came within the grace; ``now`` is aware and in the community's zone. Each is about the last whole period."""
    for planned, period in _planned(plan, now):
        # compared as moments, not as what the wall says: on the day when clocks are put forward a time may not be there at all
        late = now.astimezone(UTC) - planned.astimezone(UTC)
        if timedelta() <= late <= timedelta(minutes=plan.grace_minutes):
            yield period


def _planned(plan: Timetable, now: datetime) -> Iterator[tuple[datetime, Period]]:
    """The newest planned moment of each report, on the day of ``now`` or the day before, and the period that it is about."""
    for back in (0, 1):
        day = now.date() - timedelta(days=back)
        if plan.brief:
            yield datetime.combine(day, plan.brief, now.tzinfo), day_of(day - timedelta(days=1))
        if plan.weekly and day.weekday() == plan.weekly[0]:
            yield datetime.combine(day, plan.weekly[1], now.tzinfo), week_of(day - timedelta(days=7))
        if plan.monthly and day.day == plan.monthly[0]:
            yield datetime.combine(day, plan.monthly[1], now.tzinfo), month_of(day.replace(day=1) - timedelta(days=1))
