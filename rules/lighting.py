"""How a community's lights are judged: out of its days, and of nothing else, so that they can be worked out anew at any time.

Each light is followed day by day through the last weeks: on every day the span that ends with it is compared with its thresholds. A light turns only
where the figure is clearly beyond, and stays so; what chance alone does to few people turns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from statistics import median

from rules.anomalies import Counted, Course, Way, fallen_silent, is_in_holiday
from rules.figures import Day, Span
from rules.health import COLOURS, Colour, HealthRules, Light, Threshold
from rules.health_words import SILENT, odd_reason, reason_of, remedy_of, silent_reason
from rules.metrics import INLETS, METRICS, Inlet, Metric, missing

FOLLOWED = 21
"""Days through which a light is followed: it is older than that where it never turned in them."""
PAST = 4
"""Spans before with which one is compared."""
TREND = 8
"""Spans that a light's small line shows."""
CHANCE = 2.0
"""A difference of so many standard deviations of chance says something."""
_SIZES = {"day": 1, "week": 7, "month": 30}
DAYS = TREND * 7 + FOLLOWED + 14
"""How many days up to the last whole one are looked at."""
_LEVELS: tuple[Colour, ...] = ("green", "yellow", "red")


WATCHED: Sequence[tuple[str, Way, int, str]] = (
    ("messages", "low", 20, "wau"), ("dau", "low", 10, "wau"), ("missed", "high", 10, "faq_hit"), ("departures", "high", 5, "churn"),
)  # fmt: skip
"""What is watched day by day: the indicator, which way is a trouble, how many of it at least, and the light that tells of the same trouble."""
SILENT_LEAST = 15
"""Where at least so many messages are usual by this hour, none at all is a trouble."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a community is: its lights, the worst first, and which of them are troubles that people must hear of, by name.

    ``is_heard``: whether anything was heard today.
    """

    lights: Sequence[Light]
    troubles: Mapping[str, Light]
    is_heard: bool


def judge(
    days: Sequence[Day], today: Day, hour: int, rules: HealthRules, community: str, inlets: frozenset[Inlet], is_off: Callable[[date], bool]
) -> Judgement:
    """How well a community is. ``days``: :data:`DAYS` whole ones; ``today`` so far, up to ``hour``; ``is_off`` knows which days are not worked."""
    followed = lights(days, rules, community, inlets, is_off)
    red = {light.metric: light for light in followed if light.colour == "red"}
    odd = dict(_oddities(days, inlets, is_off, frozenset(red)))
    odd.update(_silence(days, today, hour, inlets, is_off))
    troubles = red | odd
    return Judgement(_worst_first([*odd.values(), *followed]), troubles, today.counts.get("messages", 0) > 0)


def lights(
    days: Sequence[Day], rules: HealthRules, community: str, inlets: frozenset[Inlet], is_off: Callable[[date], bool]
) -> list[Light]:
    """All lights of a community after its newest day, the worst first. ``days``: up to :data:`DAYS` of them; ``is_off`` knows holidays."""
    found = [_Followed(days, threshold, rules, is_off).light(inlets) for threshold in rules.of(community)]
    return _worst_first(found)


def _worst_first(found: Sequence[Light]) -> list[Light]:
    order = list(COLOURS)
    return sorted(found, key=lambda light: order.index(light.colour))


def _oddities(
    days: Sequence[Day], inlets: frozenset[Inlet], is_off: Callable[[date], bool], told: frozenset[str]
) -> Iterator[tuple[str, Light]]:
    """What the newest days have too little or too much of, by the name of the trouble; each trouble is ``told`` by one light."""
    said = set(told)
    for id, way, least, same in WATCHED:
        if same in said:
            continue
        metric = METRICS[id]
        counted = [Counted(day.day, int(metric.value(Span([day]), None) or 0)) for day in days]
        odd = None if missing(metric, inlets) else Course(counted, is_off).find(way, least)
        if odd:
            said.add(same)
            trend = tuple(float(one.n) for one in counted[-14:])
            reason = odd_reason(metric, days[-1].day, odd)
            yield f"odd:{id}", Light(id, metric.name, "yellow", reason, odd.since, odd.n, odd.usual, trend, remedy_of(id))


def _silence(
    days: Sequence[Day], today: Day, hour: int, inlets: frozenset[Inlet], is_off: Callable[[date], bool]
) -> Iterator[tuple[str, Light]]:
    """Nothing was heard today at all, on a day and at an hour that it usually is; a holiday may be silent."""
    metric = METRICS["messages"]
    if missing(metric, inlets) or is_in_holiday(today.day, is_off):
        return
    hours = [(day.day, [day.counts.get(f"h:{at}", 0) for at in range(24)]) for day in (*days, today) if not is_in_holiday(day.day, is_off)]
    usual = fallen_silent(hours, hour, SILENT_LEAST)
    if usual is not None:
        yield "silent", Light(metric.id, metric.name, "red", silent_reason(hour, usual), today.day, 0.0, usual, (), SILENT)


@dataclass(frozen=True, slots=True)
class _Point:
    """The span that ends with a day: its figure, that of ordinary spans before it, how many stand behind it."""

    day: date
    value: float | None
    usual: float | None
    base: int
    is_odd: bool


class _Followed:
    """One light through the last weeks."""

    def __init__(self, days: Sequence[Day], threshold: Threshold, rules: HealthRules, is_off: Callable[[date], bool]) -> None:
        self._days = days
        self._threshold = threshold
        self._rules = rules
        self._is_off = is_off
        self._metric: Metric = METRICS[threshold.metric]
        self._size = _SIZES[threshold.length]
        self._values: dict[int, float | None] = {}
        self._bases: dict[int, int] = {}

    def light(self, inlets: frozenset[Inlet]) -> Light:
        """The light as it is now."""
        metric, threshold = self._metric, self._threshold
        if why := missing(metric, inlets) or _lacks(threshold, inlets):
            return Light(metric.id, metric.name, "grey", why, why_grey=why)
        newest = self._point(len(self._days) - 1)
        trend = tuple(self._value(len(self._days) - 1 - self._size * back) for back in range(self._spans() - 1, -1, -1))
        if why := self._too_little(newest, len(self._days) - 1):
            return Light(metric.id, metric.name, "grey", why, value=newest.value, trend=trend, why_grey=why)
        assert newest.value is not None
        level, since = self._follow()
        colour = _LEVELS[level]
        reason = reason_of(threshold, colour, newest.value, newest.usual)
        before = newest.usual if threshold.by == "past" else self._value(len(self._days) - 1 - self._size)
        return Light(metric.id, metric.name, colour, reason, since, newest.value, before, trend, remedy_of(metric.id) if level else None)

    def _follow(self) -> tuple[int, date]:
        """The colour's place in green, yellow, red, and since when."""
        last = len(self._days) - 1
        first = max(last - FOLLOWED + 1, min(self._size * 2 - 1, last))
        level, since, newest = 0, self._days[first].day, list[int]()
        for seen, end in enumerate(self._judged(first, last), 1):
            is_first = seen <= self._rules.days
            newest = [*newest, self._level(self._point(end), end, 0 if is_first else level)][-self._rules.days :]
            if is_first:
                level = min(newest)  # what the first days agree on: one of them alone would say whatever the window happens to begin with
            elif not min(newest) <= level <= max(newest):
                level, since = min(max(level, min(newest)), max(newest)), self._days[end].day
        return level, since

    def _judged(self, first: int, last: int) -> Iterator[int]:
        """The days between two whose spans can be judged."""
        for end in range(first, last + 1):
            point = self._point(end)
            if not point.is_odd and not self._too_little(point, end):
                yield end

    def _level(self, point: _Point, end: int, was: int) -> int:
        """The worst colour whose threshold the figure is beyond; one that it had already it keeps within the margin."""
        for level, limit in ((2, self._threshold.red), (1, self._threshold.yellow)):
            if limit is not None and self._is_beyond(point, end, limit, relaxed=level <= was):
                return level
        return 0

    def _is_beyond(self, point: _Point, end: int, limit: float, *, relaxed: bool) -> bool:
        scale = abs(limit) or abs(self._threshold.yellow - (self._threshold.red or 0.0))
        slack = self._rules.margin * scale if relaxed else 0.0
        if self._threshold.by == "past":
            return self._has_worsened(point, limit - slack)
        ends = [end - self._size * back for back in range(self._threshold.periods)]
        values = [self._value(one) for one in ends]
        if self._metric.good == "up":
            return all(value is not None and value < limit + slack for value in values)
        return all(value is not None and value > limit - slack for value in values)

    def _has_worsened(self, point: _Point, limit: float) -> bool:
        """Whether the figure is worse than usual by a share, and by more than chance does."""
        if point.value is None or not point.usual:
            return False
        worse = point.usual - point.value if self._metric.good == "up" else point.value - point.usual
        return worse > limit * point.usual and worse >= CHANCE * self._chance(point)

    def _chance(self, point: _Point) -> float:
        """The standard deviation that a figure of its kind has by chance."""
        usual = point.usual or 0.0
        if self._metric.unit == "share":
            return sqrt(usual * max(1 - usual, 0.0) / max(point.base, 1))
        return sqrt(usual) if self._metric.unit in ("people", "times") else 0.0

    def _too_little(self, point: _Point, end: int) -> str:
        """Why a figure is not judged; '' where it is."""
        if point.value is None:
            return "这段时间里没有可算的"
        known = point.usual if self._metric.unit == "people" and point.usual else 0.0  # who was many and is few is not too few
        if max(point.base, known) < self._threshold.least and not self._was_enough(point, end):
            return f"数量还少（{point.base}，满 {self._threshold.least} 才看）"
        if self._threshold.by == "past" and point.usual is None:
            return "还没有可比的前几周"
        return ""

    def _was_enough(self, point: _Point, end: int) -> bool:
        """Whether there was enough a moment ago and half of it still is: else a light goes out and on as one more or less stands behind it."""
        least = self._threshold.least
        return point.base * 2 >= least and any(self._base(end - back) >= least for back in range(1, min(self._size, end + 1)))

    def _point(self, end: int) -> _Point:
        day, is_by_past = self._days[end].day, self._threshold.by == "past"
        return _Point(day, self._value(end), self._usual(end) if is_by_past else None, self._base(end), is_by_past and self._is_odd(day))

    def _usual(self, end: int) -> float | None:
        """The median of the spans before; None where there are not two, or nothing was there."""
        before = [self._value(end - self._size * back) for back in range(1, PAST + 1)]
        known = [value for value in before if value is not None]
        return median(known) if len(known) >= 2 and any(known) else None

    def _is_odd(self, day: date) -> bool:
        """Whether a span is no ordinary one: two of its weekdays or more were holidays."""
        return sum(one.weekday() < 5 and self._is_off(one) for one in _back_from(day, min(self._size, 7))) >= 2

    def _value(self, end: int) -> float | None:
        """The figure of the span that ends with a day; None before the place was heard of."""
        if end not in self._values:
            now, before = self._span(end), self._span(end - self._size)
            is_there = now is not None and (now.last.members > 0 or now.count("messages") > 0)
            self._values[end] = self._metric.value(now, before) if now and is_there else None
        return self._values[end]

    def _base(self, end: int) -> int:
        if end not in self._bases:
            span = self._span(end)
            self._bases[end] = self._metric.base(span) if span else 0
        return self._bases[end]

    def _span(self, end: int) -> Span | None:
        first = end - self._size + 1
        return Span(self._days[first : end + 1]) if first >= 0 else None

    def _spans(self) -> int:
        return min(TREND, len(self._days) // self._size)


def _back_from(day: date, count: int) -> Iterator[date]:
    return (day - timedelta(days=back) for back in range(count))


def _lacks(threshold: Threshold, inlets: frozenset[Inlet]) -> str:
    return next((INLETS[inlet] for inlet in sorted(threshold.needs - inlets)), "")
