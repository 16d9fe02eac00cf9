"""The challenges as a file of content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from rules.challenges import EVERY_DAY, Challenge, Proof
from rules.content_file import Path
from rules.content_kind import Day, Id, Kind, Points, Row, has_no_line_break, is_sayable, twin_ids, twins

ChallengeId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Title = Annotated[str, Field(min_length=1, max_length=20), AfterValidator(has_no_line_break), AfterValidator(is_sayable)]
Weekday = Annotated[int, Field(ge=1, le=7)]


class ChallengeRow(Row):
    """One challenge."""

    id: ChallengeId
    title: Title
    text: Annotated[str, Field(max_length=500)] = ""
    days: Annotated[int, Field(ge=1, le=366)] = 21
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)] = EVERY_DAY
    proof: Proof = "none"
    points: Points = 2
    points_end: Points = 50
    misses: Annotated[int, Field(ge=0, le=366)] = 0
    start: Day | None = None
    end: Day | None = None
    badge: Annotated[str, Field(max_length=64)] = ""
    min_level: Annotated[str, Field(max_length=64)] = ""
    communities: Annotated[tuple[Id, ...], Field(max_length=100)] = ()
    enabled: bool = True

    @model_validator(mode="after")
    def _fits(self) -> ChallengeRow:
        if len(set(self.weekdays)) < len(self.weekdays):
            raise ValueError("weekdays 里有重复的星期，1 到 7 每个最多写一次")
        if self.title.isdecimal():
            raise ValueError("名字不能只是数字，会和编号混在一起")
        if not (self.start and self.end):
            return self
        if self.end < self.start:
            raise ValueError("结束日期比开始日期早，请改其中一个")
        due = sum(day.isoweekday() in self.weekdays for day in map(type(self.start).fromordinal, range(*_span(self))))
        if due < self.days:
            raise ValueError(f"从开始到结束只有 {due} 个打卡日，做不满 {self.days} 天，请改日期或 days")
        return self


def _span(row: ChallengeRow) -> tuple[int, int]:
    assert row.start is not None
    assert row.end is not None
    return row.start.toordinal(), min(row.end.toordinal() + 1, row.start.toordinal() + 7 * 366)


def _challenges(rows: Iterable[ChallengeRow]) -> tuple[Challenge, ...]:
    return tuple(Challenge(**dict(row)) for row in rows)


def _rows(challenges: Iterable[Challenge]) -> list[dict[str, Any]]:
    return [_plain(challenge) for challenge in challenges]


def _plain(challenge: Challenge) -> dict[str, Any]:
    days = {name: day.isoformat() for name, day in (("start", challenge.start), ("end", challenge.end)) if day}
    left_out = {name for name in ("start", "end") if name not in days}
    return {name: value for name, value in (asdict(challenge) | days).items() if name not in left_out}


def _check(rows: tuple[ChallengeRow, ...]) -> Iterator[tuple[Path, str]]:
    yield from twin_ids(rows)
    yield from twins((((n, "title"), row.title) for n, row in enumerate(rows)), "名字“{name}”已经用过了，请换一个")


CHALLENGES: Kind[tuple[Challenge, ...]] = Kind(
    "challenges",
    "challenges.yaml",
    "打卡挑战",
    True,
    TypeAdapter(Annotated[tuple[ChallengeRow, ...], Field(max_length=50)]),
    _challenges,
    _rows,
    _check,
)
