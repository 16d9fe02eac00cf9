"""What the open interface answers: each shape once. The description (``/api/v1/openapi.json``) is made from these, and so is the JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all answers: frozen, fields by name."""


class Community(Answer, frozen=True, kw_only=True):
    """社群"""

    id: str
    name: str
    timezone: Annotated[str, Meta(description="日期和钟点按这个时区。")]
    groups: Annotated[list[str], Meta(description="属于它的群（chatid）。")]


class Communities(Answer, frozen=True, kw_only=True):
    """令牌看得到的社群"""

    items: list[Community]


class Metric(Answer, frozen=True, kw_only=True):
    """指标的定义"""

    id: str
    name: str
    group: str
    group_name: str
    formula: str
    unit: Annotated[
        Literal["people", "times", "share", "ratio", "minutes", "points", "score"],
        Meta(description="share 是 0–1 的小数，minutes 是分钟。"),
    ]
    lengths: list[str]
    good: Annotated[Literal["up", "down", ""], Meta(description="往哪边是好；空的没有好坏。")]
    source: str


class Metrics(Answer, frozen=True, kw_only=True):
    """全部指标的定义"""

    items: list[Metric]


class Figure(Answer, frozen=True, kw_only=True):
    """一个指标在一段时间里的值；没有值时 value 是 null，why_grey 说为什么"""

    metric: str
    name: str
    unit: str
    value: float | None
    before: Annotated[float | None, Meta(description="上一段的值。")]
    change: Annotated[float | None, Meta(description="比上一段变了几成，0.1 是多一成。")]
    base: Annotated[int, Meta(description="背后有多少人、消息或案件；少的时候别当真。")]
    why_grey: str


class Figures(Answer, frozen=True, kw_only=True):
    """一段时间的全部指标"""

    length: str
    first: date
    last: date
    items: list[Figure]


class Point(Answer, frozen=True, kw_only=True):
    """一段时间的最后一天，和那段的值"""

    last: date
    value: float | None


class Series(Answer, frozen=True, kw_only=True):
    """一个指标的走势"""

    metric: str
    name: str
    unit: str
    length: str
    items: list[Point]


class Day(Answer, frozen=True, kw_only=True):
    """一天的原始计数"""

    day: date
    members: Annotated[int, Meta(description="这天结束时的成员数。")]
    new: int
    active: Annotated[int, Meta(description="说过话的人数。")]
    active_7_days: int
    active_30_days: int
    took_part: Annotated[int, Meta(description="参加过活动、挑战或投稿的人数。")]
    counts: Annotated[dict[str, int], Meta(description="各项计数，名称的含义见文档。")]


class Days(Answer, frozen=True, kw_only=True):
    """一段时间，每天一行"""

    items: list[Day]


class Light(Answer, frozen=True, kw_only=True):
    """健康灯"""

    metric: str
    name: str
    colour: Literal["green", "yellow", "red", "grey"]
    since: date | None
    value: float | None
    before: float | None
    reason: str
    remedy: Annotated[str, Meta(description="建议怎么办。")]
    why_grey: str


class Lights(Answer, frozen=True, kw_only=True):
    """健康灯，最要紧的在前"""

    items: list[Light]


class Heat(Answer, frozen=True, kw_only=True):
    """消息的热力图：7 行从周一起，每行 24 个钟点"""

    first: date
    last: date
    messages: list[list[int]]


class Back(Answer, frozen=True, kw_only=True):
    """过了这么多天，已知的 of 人里有 still 人又来过"""

    days: int
    of: int
    still: int


class Cohort(Answer, frozen=True, kw_only=True):
    """某一周新来的人，后来又来了多少"""

    week: date
    size: int
    back: list[Back]


class Cohorts(Answer, frozen=True, kw_only=True):
    """留存，一周一行"""

    items: list[Cohort]


class Activity(Answer, frozen=True, kw_only=True):
    """活动"""

    number: int
    kind: str
    title: str
    state: str
    created: datetime
    opens: datetime | None
    closes: datetime | None
    ended: datetime | None
    entries: int
    cost: int
    award: int


class Activities(Answer, frozen=True, kw_only=True):
    """活动，新的在前"""

    items: list[Activity]
    page: int
    total: int


class Place(Answer, frozen=True, kw_only=True):
    """排行榜上的一位；令牌没有成员权限时 name 是 null"""

    rank: int
    member: int
    name: str | None
    points: int


class Leaderboard(Answer, frozen=True, kw_only=True):
    """积分榜"""

    period: str
    items: list[Place]
    page: int
    total: int


class Member(Answer, frozen=True, kw_only=True):
    """成员"""

    member: int
    name: str
    points: int
    earned: Annotated[int, Meta(description="累计获得的积分。")]
    level: str
    last_active: date | None


class Members(Answer, frozen=True, kw_only=True):
    """有过积分的成员，积分多的在前"""

    items: list[Member]
    page: int
    total: int


class Problem(Answer, frozen=True, kw_only=True):
    """出错了（RFC 9457）"""

    type: str
    title: str
    status: int
    detail: str
