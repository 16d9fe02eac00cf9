"""The open interface, declared: which address takes what and answers what. The routes and their description are both made from this table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, cast

from bot.communities import Community
from console import api_answers as answers
from console.parts import Parts
from rules.activities import Activity
from rules.figures import Where
from rules.levels import level_of
from rules.metrics import GROUPS, LENGTHS, METRICS, Length, first_of
from rules.numerals import whole
from storage.api_tokens import ApiToken
from storage.boards import Period

EVERYWHERE = "~all"
"""Stands for the whole installation where a community is asked for; for tokens of all communities."""
PAGE = 50
MOST_PAGES = 200
MOST_DAYS = 400
FIRST_YEAR = 2000
"""No day before is asked for: weeks and months before a span's first day have to be days too."""
_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PERIODS = ("day", "week", "month", "all")


class BadValue(Exception):
    """A parameter says something that it cannot; the text says what and what would be right, in Chinese."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an address: its JSON schema, what it means, and how it is read; ``fallback`` stands where it is not given."""

    name: str
    schema: Mapping[str, Any]
    meaning: str
    read: Callable[[str], Any]
    fallback: Any = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in. ``community`` is None for the whole installation, and for what is of no community."""

    parts: Parts
    token: ApiToken
    places: Sequence[Community]
    community: Community | None
    values: Mapping[str, Any]

    @property
    def here(self) -> Community:
        """The community that is asked about."""
        assert self.community, "a route of no community asks for one"
        return self.community

    @property
    def where(self) -> Where:
        """The place whose numbers are asked for: a group, a community, or all of it."""
        chat = str(self.values.get("group") or "")
        if self.community is None:
            if chat:
                raise BadValue("看全部社群时不能写 group：群属于一个社群，请写那个社群的 id")
            return Where()
        if chat:
            listed = self.parts.config.community(self.community.id)
            if listed is None or chat not in listed.groups:
                raise BadValue(f"这个社群没有群 {chat[:64]}，有哪些群见 /communities")
        return Where(self.community.id, chat)

    @property
    def today(self) -> date:
        """The day there."""
        return self.parts.numbers.today(Where(self.community.id if self.community else ""))

    def span(self, fallback_days: int = 30) -> tuple[date, date]:
        """First and last day, both of them taken in; the newest whole days where none are given. Raises BadValue."""
        last = self.values["last"] or self.today - timedelta(days=1)
        first = self.values["first"] or last - timedelta(days=fallback_days - 1)
        self.refuse_future(last)
        if not 0 <= (last - first).days < MOST_DAYS:
            raise BadValue(f"first 不能晚于 last，最多 {MOST_DAYS} 天，例如 first=2026-03-01&last=2026-03-31")
        return first, last

    def refuse_future(self, last: date) -> None:
        """Raises BadValue for a day that has not come yet there."""
        if last > self.today:
            raise BadValue(f"last 最晚是今天（{self.today.isoformat()}）")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address: what it answers, and from what. ``{community}`` in its path is checked before; ``everywhere``: it also knows the whole installation."""

    path: str
    id: str
    summary: str
    answer: type[answers.Answer]
    run: Callable[[Asked], answers.Answer]
    parameters: Sequence[Parameter] = field(default=())
    everywhere: bool = False
    needs_names: bool = False

    @property
    def has_community(self) -> bool:
        """Whether its path names a community."""
        return "{community}" in self.path


# Parameters -----------------------------------------------------------------------------------------------------------------


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text if _WRITTEN.fullmatch(text) else "")
    except ValueError:
        raise BadValue("日期要写成 2026-03-31 这样") from None
    if day.year < FIRST_YEAR:
        raise BadValue(f"日期最早是 {FIRST_YEAR}-01-01")
    return day


def _page(text: str) -> int:
    page = whole(text, MOST_PAGES) if text.isascii() else None
    if page is None:
        raise BadValue(f"page 是 1 到 {MOST_PAGES} 的整数")
    return page


def _one_of(name: str, allowed: Iterable[str]) -> Callable[[str], str]:
    words = tuple(allowed)

    def read(text: str) -> str:
        if text not in words:
            raise BadValue(f"{name} 只能是 {'、'.join(words)}")
        return text

    return read


_DATE = {"type": "string", "format": "date"}
FIRST = Parameter("first", _DATE, "第一天；不写就是最近 30 天", _day)
LAST = Parameter("last", _DATE, "最后一天；不写就是昨天", _day)
LENGTH = Parameter("length", {"type": "string", "enum": list(LENGTHS)}, "按日、周（7 天）还是月", _one_of("length", LENGTHS), "week")
GROUP = Parameter("group", {"type": "string", "maxLength": 64}, "只看一个群（chatid）；不写就是整个社群", lambda text: text[:64], "")
PAGE_OF = Parameter("page", {"type": "integer", "minimum": 1, "maximum": MOST_PAGES}, f"第几页，每页 {PAGE} 条", _page, 1)
PERIOD = Parameter("period", {"type": "string", "enum": list(PERIODS)}, "今天、本周、本月还是全部", _one_of("period", PERIODS), "week")
METRIC = Parameter("metric", {"type": "string", "enum": list(METRICS)}, "指标的 id，见 /metrics", _one_of("metric", METRICS))


# Answers --------------------------------------------------------------------------------------------------------------------


def _communities(asked: Asked) -> answers.Answer:
    return answers.Communities(items=[_community(asked.parts, place) for place in asked.places])


def _community(parts: Parts, place: Community) -> answers.Community:
    listed = parts.config.community(place.id)
    return answers.Community(id=place.id, name=place.name, timezone=str(place.zone), groups=list(listed.groups) if listed else [])


def _metrics(asked: Asked) -> answers.Answer:
    del asked
    return answers.Metrics(
        items=[
            answers.Metric(
                id=one.id, name=one.name, group=one.group, group_name=GROUPS[one.group], formula=one.formula, unit=one.unit,
                lengths=list(one.lengths), good=one.good, source=one.source,
            )
            for one in METRICS.values()
        ]
    )  # fmt: skip


def _figures(asked: Asked) -> answers.Answer:
    length, last = cast(Length, asked.values["length"]), asked.values["last"] or asked.today - timedelta(days=1)
    asked.refuse_future(last)
    found = asked.parts.numbers.figures(asked.where, length, last)
    return answers.Figures(
        length=length, first=first_of(length, last), last=last,
        items=[
            answers.Figure(
                metric=one.metric.id, name=one.metric.name, unit=one.metric.unit, value=one.value, before=one.before, change=one.change,
                base=one.base, why_grey=one.why_grey,
            )
            for one in found
        ],
    )  # fmt: skip


def _series(asked: Asked) -> answers.Answer:
    first, last = asked.span()
    metric, length = METRICS[asked.values["metric"]], cast(Length, asked.values["length"])
    if length not in metric.lengths:
        raise BadValue(f"{metric.id} 只按 {'、'.join(metric.lengths)} 算，例如 length={metric.lengths[0]}")
    points = asked.parts.numbers.series(asked.where, metric.id, first, last, length)
    return answers.Series(
        metric=metric.id, name=metric.name, unit=metric.unit, length=length, items=[answers.Point(last=day, value=value) for day, value in points]
    )  # fmt: skip


def _days(asked: Asked) -> answers.Answer:
    first, last = asked.span()
    return answers.Days(
        items=[
            answers.Day(
                day=one.day, members=one.members, new=one.new, active=one.spoke.day, active_7_days=one.spoke.week, active_30_days=one.spoke.month,
                took_part=one.took_part.day, counts=dict(one.counts),
            )
            for one in asked.parts.numbers.days(asked.where, first, last)
        ]
    )  # fmt: skip


def _lights(asked: Asked) -> answers.Answer:
    return answers.Lights(
        items=[
            answers.Light(
                metric=one.metric, name=one.name, colour=one.colour, since=one.since, value=one.value, before=one.before, reason=one.reason,
                remedy=one.remedy.text if one.remedy else "", why_grey=one.why_grey,
            )
            for one in asked.parts.numbers.lights(asked.here)
        ]
    )  # fmt: skip


def _heat(asked: Asked) -> answers.Answer:
    first, last = asked.span()
    return answers.Heat(first=first, last=last, messages=asked.parts.numbers.heat(asked.where, first, last))


def _cohorts(asked: Asked) -> answers.Answer:
    first, last = asked.span(84)
    return answers.Cohorts(
        items=[
            answers.Cohort(
                week=one.week, size=one.size,
                back=[answers.Back(days=days, of=kept.of, still=kept.still) for days, kept in sorted(one.back.items())],
            )
            for one in asked.parts.numbers.cohorts(asked.where, first, last)
        ]
    )  # fmt: skip


def _activities(asked: Asked) -> answers.Answer:
    page = asked.values["page"]
    total, found = asked.parts.stores.activities.newest(asked.here.keys, PAGE, skip=(page - 1) * PAGE)
    return answers.Activities(items=[_activity(one) for one in found], page=page, total=total)


def _activity(one: Activity) -> answers.Activity:
    return answers.Activity(
        number=one.number, kind=one.kind, title=one.title, state=one.state, created=one.created, opens=one.opens, closes=one.closes, ended=one.ended,
        entries=one.entries, cost=one.cost, award=one.award,
    )  # fmt: skip


def _leaderboard(asked: Asked) -> answers.Answer:
    page, period, stores = asked.values["page"], cast(Period, asked.values["period"]), asked.parts.stores
    total, places = stores.boards.places(asked.here.keys, period, asked.today, first=(page - 1) * PAGE + 1, count=PAGE)
    names = stores.directory.find_names([place.member for place in places]) if asked.token.names and places else {}
    return answers.Leaderboard(
        period=period, page=page, total=total,
        items=[
            answers.Place(
                rank=one.rank, member=one.member, points=one.points,
                name=(names[one.member] or f"成员 {one.member}") if asked.token.names else None,
            )
            for one in places
        ],
    )  # fmt: skip


def _members(asked: Asked) -> answers.Answer:
    page, stores, where = asked.values["page"], asked.parts.stores, asked.here.keys
    total, places = stores.boards.places(where, "all", asked.today, first=(page - 1) * PAGE + 1, count=PAGE)
    numbers, levels = [place.member for place in places], asked.parts.live.current.levels
    accounts, users = stores.points.accounts(where, numbers, asked.today), stores.directory.find_users(numbers)
    active, names = stores.roster.last_actives(where, users, asked.today), stores.directory.find_names(numbers)
    return answers.Members(
        page=page, total=total,
        items=[
            answers.Member(
                member=number, name=names[number] or f"成员 {number}", points=accounts[number].balance, earned=accounts[number].earned,
                level=level_of(levels, accounts[number].earned).title, last_active=active[number],
            )
            for number in numbers
        ],
    )  # fmt: skip


ENDPOINTS: Sequence[Endpoint] = (
    Endpoint("/communities", "communities", "令牌看得到的社群", answers.Communities, _communities),
    Endpoint("/metrics", "metrics", "全部指标的名称、公式和单位", answers.Metrics, _metrics),
    Endpoint("/communities/{community}/figures", "figures", "一段时间的全部指标", answers.Figures, _figures, (LENGTH, LAST, GROUP), everywhere=True),
    Endpoint(
        "/communities/{community}/series/{metric}", "series", "一个指标的走势", answers.Series, _series, (METRIC, FIRST, LAST, LENGTH, GROUP), everywhere=True
    ),
    Endpoint("/communities/{community}/days", "days", "每天的原始计数", answers.Days, _days, (FIRST, LAST, GROUP), everywhere=True),
    Endpoint("/communities/{community}/lights", "lights", "健康灯，最要紧的在前", answers.Lights, _lights),
    Endpoint("/communities/{community}/heat", "heat", "消息在一周里的分布", answers.Heat, _heat, (FIRST, LAST, GROUP), everywhere=True),
    Endpoint("/communities/{community}/cohorts", "cohorts", "新人的留存", answers.Cohorts, _cohorts, (FIRST, LAST, GROUP), everywhere=True),
    Endpoint("/communities/{community}/activities", "activities", "活动，新的在前", answers.Activities, _activities, (PAGE_OF,)),
    Endpoint("/communities/{community}/leaderboard", "leaderboard", "积分榜", answers.Leaderboard, _leaderboard, (PERIOD, PAGE_OF)),
    Endpoint("/communities/{community}/members", "members", "成员，要有成员权限", answers.Members, _members, (PAGE_OF,), needs_names=True),
)  # fmt: skip
