"""The numbers of a place: its indicators, their course, the heat of the week, who came back, and how well it is.

What chat, console, reports and the open interface show comes from here, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import msgspec

from bot.communities import Communities, Community
from bot.context import Context
from bot.live import Contents
from rules.figures import RETURNS, Day, Kept, Span, Where
from rules.health import Light
from rules.lighting import DAYS, Judgement, judge
from rules.metrics import METRICS, Inlet, Length, Metric, first_of, missing
from storage.customer_groups import KnownGroup
from storage.lights import Looked
from storage.moment import to_ms
from storage.stores import Stores

FRESH_MS = 90 * 60_000
"""How old a look may be that is shown: the clock looks every hour."""
AHEAD_MS = 5 * 60_000
"""Clocks differ by less: what was noted further ahead was noted by a clock that went wrong, and counts as never."""
NOTHING = "这段时间里没有可算的"
_HEARING = frozenset({"aibot", "aibot_ws", "app", "robot"})


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator's figure for a span, and for the one before it; ``why_grey`` says why there is none. ``base``: how many stand behind it."""

    metric: Metric
    value: float | None
    before: float | None
    why_grey: str = ""
    base: int = 0

    @property
    def change(self) -> float | None:
        """By which part of it the figure changed; None where that cannot be said."""
        return None if self.value is None or not self.before else (self.value - self.before) / abs(self.before)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who came in one week (its Monday): how many, and by days since, of how many of them it is known and who was back."""

    week: date
    size: int
    back: dict[int, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a look found, and the versions of the rules that it went by."""

    judged_by: tuple[int, ...]
    lights: tuple[Light, ...]


_NEVER = _Shown((), ())
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Shown).decode


class Numbers:
    """The numbers of all places at one moment. Made anew for each page or message; nothing is kept."""

    def __init__(self, stores: Stores, communities: Communities, clock: Callable[[], datetime], contents: Contents) -> None:
        self._stores = stores
        self._communities = communities
        self._clock = clock
        self._contents = contents
        self._rostered: list[KnownGroup] | None = None

    def today(self, where: Where) -> date:
        """The day at a place, in its zone."""
        community = self._communities.named(where.community) if where.community else self._communities.of_home("")
        return community.day_of(self._clock())

    def days(self, where: Where, first: date, last: date) -> list[Day]:
        """The days from first to last, the oldest first; also empty ones."""
        return self._stores.daybook.days(where, first, last, self.today(where))

    def figures(self, where: Where, length: Length, last: date) -> list[Figure]:
        """All indicators of the span of a length that ends with ``last``; without its inlet one has no value. Three round trips at most."""
        ends = [last]
        for _ in range(2):
            ends.append(first_of(length, ends[-1]) - timedelta(days=1))
        days = self.days(where, first_of(length, ends[-1]), last)
        return self.compared(where, length, days, [(first_of(length, end), end) for end in ends])

    def compared(self, where: Where, length: Length, days: Sequence[Day], spans: Sequence[tuple[date, date]]) -> list[Figure]:
        """The indicators of a length for a span of one's own: its first and last day, those of the one before, and those of the one before that.

        ``days`` are neighbours and hold them all.
        """
        now, before, past = (_part(days, first, last) for first, last in spans)
        inlets = self._inlets_of(where)
        wanted = [metric for metric in METRICS.values() if length in metric.lengths]
        return [_figure(metric, now, before, past, missing(metric, inlets)) for metric in wanted]

    def series(self, where: Where, metric_id: str, first: date, last: date, length: Length = "day") -> list[tuple[date, float | None]]:
        """An indicator's course: for each span of a length that ends between first and last (counted back from last), its last day and the figure."""
        metric, ends = METRICS[metric_id], _ends(first, last, length)
        if not ends or missing(metric, self._inlets_of(where)):
            return [(end, None) for end in ends]
        beginning = first_of(length, first_of(length, ends[0]) - timedelta(days=1))
        days = self.days(where, beginning, last)
        return [(end, _value(metric, days, length, end)) for end in ends]

    def courses(self, where: Where, length: Length, last: date, spans: int) -> dict[str, list[float | None]]:
        """The course of every indicator over the newest so many spans, the oldest first; read once for all of them."""
        ends = [last]
        while len(ends) <= spans:
            ends.insert(0, first_of(length, ends[0]) - timedelta(days=1))
        days, inlets = self.days(where, first_of(length, ends[0]), last), self._inlets_of(where)
        return {
            metric.id: [None if missing(metric, inlets) else _value(metric, days, length, end) for end in ends[1:]]
            for metric in METRICS.values() if length in metric.lengths
        }  # fmt: skip

    def heat(self, where: Where, first: date, last: date) -> list[list[int]]:
        """Messages by weekday (from Monday) and hour of day."""
        return heat_of(self.days(where, first, last))

    def cohorts(self, where: Where, first: date, last: date) -> list[Cohort]:
        """Those who came in the weeks from first's to last's, and who of them was back; of days that are not over nothing is said."""
        monday = first - timedelta(days=first.weekday())
        until = min(last + timedelta(days=max(RETURNS)), self.today(where) - timedelta(days=1))
        days = {day.day: day for day in self.days(where, monday, max(until, last))}
        weeks = [monday + timedelta(days=7 * n) for n in range((last - monday).days // 7 + 1)]
        return [_cohort(week, days, min(last, week + timedelta(days=6)), until) for week in weeks]

    def lights(self, community: Community) -> list[Light]:
        """How well a community is, the worst first; what an hour old look found, if there is one."""
        return self.lights_of([community])[community.id]

    def lights_of(self, communities: Sequence[Community]) -> dict[str, list[Light]]:
        """The same of several communities, by their ids; those that were looked at within the hour cost one round trip together."""
        return self.lights_at_hand(communities, len(communities))[0]

    def lights_at_hand(self, communities: Sequence[Community], most: int) -> tuple[dict[str, list[Light]], int]:
        """The lights of many communities, of which so many at most are judged anew; the others have those of an older look, or none.

        Gives how many those are, too: the clock has yet to look at them.
        """
        looks = self._stores.lights.all([community.keys for community in communities])
        shown = {community.id: (looked.at_ms, _read(looked)) for community, looked in zip(communities, looks, strict=True)}
        late = [community for community in communities if not self._is_current(*shown[community.id])]
        judged = self.judge(late[:most])
        found = {id: list(judged[id].lights if id in judged else look.lights) for id, (_, look) in shown.items()}
        return found, len(late[most:])

    def judge(self, communities: Sequence[Community]) -> dict[str, Judgement]:
        """How well some communities are by now, by their ids, worked out anew."""
        rules, workdays, judged = self._contents.health, self._contents.workdays, {}
        for today, places in self._by_today(communities).items():
            first = today - timedelta(days=DAYS)
            book = self._stores.daybook.many([Where(community.id) for community in places], first, today, today)
            for community in places:
                days = book[Where(community.id)]
                hour = self._clock().astimezone(community.zone).hour
                judged[community.id] = judge(
                    days[:-1], days[-1], hour, rules, community.id, self.inlets(community), lambda day: not workdays.is_workday(day)
                )
        return judged

    def pack(self, lights: Sequence[Light]) -> str:
        """Lights as a look keeps them, with what they were judged by."""
        return _encode(_Shown(self._judged_by, tuple(lights))).decode()

    def _is_current(self, at_ms: int, shown: _Shown) -> bool:
        """Whether what a look showed (at a moment, ms) is not too old and the same rules hold."""
        is_young = not is_ahead(at_ms, self._clock()) and to_ms(self._clock()) - at_ms <= FRESH_MS
        return is_young and shown.judged_by == self._judged_by

    @property
    def _judged_by(self) -> tuple[int, ...]:
        return tuple(self._contents.versions.get(kind, 0) for kind in ("health", "workdays"))

    def _by_today(self, communities: Sequence[Community]) -> dict[date, list[Community]]:
        """Communities by the day that it is there."""
        found: dict[date, list[Community]] = {}
        for community in communities:
            found.setdefault(self.today(Where(community.id)), []).append(community)
        return found

    def inlets(self, community: Community) -> frozenset[Inlet]:
        """What comes in of a community."""
        return self._inlets_of(Where(community.id))

    def _inlets_of(self, where: Where) -> frozenset[Inlet]:
        channels, found = self._communities.channels, set[Inlet]()
        if channels & _HEARING:
            found.add("mentions")
        if "archive" in channels:
            found.add("archive")
        if "contact" in channels and self._has_roster(where):
            found.add("roster")
        if any(push.enabled and push.community in ("*", where.community or push.community) for push in self._contents.pushes):
            found.add("pushes")
        if any(question.nps for survey in self._contents.surveys for question in survey.questions):
            found.add("surveys")
        if self._contents.invitations.enabled:
            found.add("invitations")
        return frozenset(found)

    def _has_roster(self, where: Where) -> bool:
        if self._rostered is None:
            self._rostered = list(self._stores.customer_groups.all_open())
        return any(where.community in ("", group.where.id) and where.chat in ("", group.chat) for group in self._rostered)


def _read(looked: Looked) -> _Shown:
    """What a look kept; nothing where there was none, or another version of the program kept it."""
    try:
        return _decode(looked.shown) if looked.shown else _NEVER
    except msgspec.DecodeError:
        return _NEVER


def is_ahead(at_ms: int, now: datetime) -> bool:
    """Whether a moment (ms) that was noted lies in the future."""
    return at_ms > to_ms(now) + AHEAD_MS


def heat_of(days: Sequence[Day]) -> list[list[int]]:
    """Messages by weekday (from Monday) and hour of day."""
    grid = [[0] * 24 for _ in range(7)]
    for day in days:
        for hour in range(24):
            grid[day.day.weekday()][hour] += day.counts.get(f"h:{hour}", 0)
    return grid


def numbers_for(ctx: Context) -> Numbers:
    """The numbers as a handler sees them."""
    return Numbers(ctx.stores, Communities(ctx.config, ctx.stores.groups, ctx.stores.shards), ctx.clock, ctx.contents)


def _part(days: Sequence[Day], first: date, last: date) -> Span:
    at = (first - days[0].day).days
    return Span(days[at : at + (last - first).days + 1])


def _figure(metric: Metric, now: Span, before: Span, past: Span, why_grey: str) -> Figure:
    if why_grey:
        return Figure(metric, None, None, why_grey)
    value = metric.value(now, before)
    return Figure(metric, value, metric.value(before, past), "" if value is not None else NOTHING, metric.base(now))


def _value(metric: Metric, days: Sequence[Day], length: Length, end: date) -> float | None:
    first = first_of(length, end)
    earlier = first - timedelta(days=1)
    return metric.value(_part(days, first, end), _part(days, first_of(length, earlier), earlier))


def _ends(first: date, last: date, length: Length) -> list[date]:
    """The last days of the spans that end between first and last, counted back from last."""
    ends, end = [], last
    while end >= first:
        ends.append(end)
        end = first_of(length, end) - timedelta(days=1)
    return ends[::-1]


def _cohort(week: date, days: dict[date, Day], last: date, until: date) -> Cohort:
    came = [week + timedelta(days=n) for n in range((last - week).days + 1)]
    back = {}
    for after in RETURNS:
        due = [days[day + timedelta(days=after)] for day in came if day + timedelta(days=after) <= until]
        known = [day.returned.get(after, Kept()) for day in due]
        if known:
            back[after] = Kept(sum(one.of for one in known), sum(one.still for one in known))
    return Cohort(week, sum(days[day].new for day in came), back)
