"""The pushes as a file of content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from rules.calendar import AT, parse_at, parse_cron
from rules.content_enclosures import CardSheet, File, Picture
from rules.content_kind import Body, Id, Kind, Phrase, Row, has_no_line_break, twin_ids
from rules.entries import LinkCard
from rules.pushes import After, Approval, Arm, Event, Outcome, Push, Quiet, To, Trial
from rules.pushes import Body as PushBody
from rules.segments import SegmentError, parse
from rules.workdays import Sort

LONGEST_TITLE = 40
"""Characters of a push's title."""
LONGEST_COLUMN = 20
"""Characters of a column's name."""
MOST_ARMS = 5
MOST_EPISODES = 366
RESERVED = ("all", "marketing")
"""Kinds of caps, which no column may be called."""
_MAILING = re.compile(r"\S{1,64}@[0-9]{1,13}")


def _is_cron(text: str) -> str:
    if text:
        parse_cron(text)
    return " ".join(text.lower().split())


def _is_moment(text: str) -> str:
    return parse_at(text).strftime(AT) if text else ""


def _is_column(text: str) -> str:
    if text in RESERVED:
        raise ValueError(f"栏目不能叫 {text}，这个词有别的意思，请换一个名字，例如 每日一课")
    return text


def _is_segment(text: str) -> str:
    if text:
        try:
            # whether a saved one is there is known only where it is counted
            parse(text, lambda name: "all" if f"@{name}" in text or f'@"{name}"' in text else None)
        except SegmentError as wrong:
            raise ValueError(str(wrong)) from None
    return text


def _is_first_day(text: str) -> str:
    if text:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError("应该是日期，例如 2026-12-01") from None
    return text


def _is_mailing(text: str) -> str:
    if text and not _MAILING.fullmatch(text):
        raise ValueError("请不要手写这一项，更正由控制台准备")
    return text


class BodyRow(Row):
    """What is said."""

    text: Body
    markdown: bool = True
    image: Picture | None = None
    file: File | None = None
    card: CardSheet | None = None
    articles: Annotated[tuple[CardSheet, ...], Field(max_length=8)] = ()


class ArmRow(BodyRow):
    """One of several wordings."""

    name: Phrase
    weight: Annotated[int, Field(ge=1, le=100)] = 1


class TrialRow(Row):
    """What the arms are judged by."""

    outcome: Outcome = "reply"
    within_hours: Annotated[int, Field(ge=1, le=336)] = 24
    holdout: Annotated[int, Field(ge=0, le=90)] = 0
    lift: Annotated[float, Field(ge=0.01, le=10, allow_inf_nan=False)] = 0.2
    baseline: Annotated[float, Field(ge=0.001, le=0.95, allow_inf_nan=False)] = 0.2
    roll_out: bool = False


class AfterRow(Row):
    """So many days after something."""

    event: Event
    days: Annotated[int, Field(ge=0, le=3_650)]


class PushRow(BodyRow):
    """One push."""

    id: Id
    cron: Annotated[str, Field(max_length=200), AfterValidator(_is_cron)] = ""
    at: Annotated[str, Field(max_length=20), AfterValidator(_is_moment)] = ""
    days: Sort = "all"
    title: Annotated[str, Field(max_length=LONGEST_TITLE), AfterValidator(has_no_line_break)] = ""
    community: Id = "*"
    enabled: bool = True
    grace_minutes: Annotated[int, Field(ge=0, le=1_440)] = 60
    marketing: bool = False
    column: Annotated[str, Field(max_length=LONGEST_COLUMN), AfterValidator(has_no_line_break), AfterValidator(_is_column)] = ""
    episodes: Annotated[tuple[Body, ...], Field(max_length=MOST_EPISODES)] = ()
    to: To = "groups"
    groups: Annotated[tuple[Id, ...], Field(max_length=10_000)] = ()
    segment: Annotated[str, Field(max_length=1_000), AfterValidator(has_no_line_break), AfterValidator(_is_segment)] = ""
    after: AfterRow | None = None
    quiet: Quiet = "wait"
    first: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    first_minutes: Annotated[int, Field(ge=1, le=1_440)] = 30
    arms: Annotated[tuple[ArmRow, ...], Field(max_length=MOST_ARMS)] = ()
    trial: TrialRow | None = None
    approval: Approval = ""
    asked_by: Annotated[int, Field(ge=0)] = 0
    granted_by: Annotated[int, Field(ge=0)] = 0
    asked_at: Annotated[int, Field(ge=0)] = 0
    began: Annotated[str, Field(max_length=10), AfterValidator(_is_first_day)] = ""
    receivers_of: Annotated[str, Field(max_length=81), AfterValidator(_is_mailing)] = ""

    @model_validator(mode="after")
    def _is_due_somehow(self) -> PushRow:
        if bool(self.cron) == bool(self.at):
            raise ValueError("cron（每天、每周……重复发）和 at（只发一次，例如 2026-12-01 09:00）要写一个，只写一个")
        if self.at and self.days != "all":
            raise ValueError("只发一次的不用写 days，日期已经定了")
        return self

    @model_validator(mode="after")
    def _speaks_to_somebody(self) -> PushRow:
        if self.after and (not self.cron or self.to != "members"):
            raise ValueError("after（入群几天后……）要配 cron（每天几点看一遍）和 to: members（一个一个发），例如 cron: 0 10 * * *")
        if self.to == "members" and self.groups:
            raise ValueError("一个一个发（to: members）的不写 groups，要限定群请写 segment: group:群的编号")
        if self.first and not self.first_minutes:
            raise ValueError("先发一部分（first）要写等多少分钟再发其余的，例如 first_minutes: 30")
        if self.groups and self.community == "*":
            raise ValueError("限定了 groups 的推送要写是哪个社群的，不能是“*”")
        return self

    @model_validator(mode="after")
    def _is_a_fair_trial(self) -> PushRow:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("两个版本叫同一个名字，请各起一个，例如 A、B")
        if len(self.arms) == 1:
            raise ValueError("只有一个版本没法比较，请再写一个，或者去掉 arms")
        if bool(self.arms) is not bool(self.trial):
            raise ValueError("arms（几个版本）和 trial（比什么）要一起写，例如 trial: {outcome: reply, within_hours: 24}")
        if self.arms and self.episodes:
            raise ValueError("轮流的内容（episodes）不能同时比较几个版本（arms），请分成两条推送")
        return self


def push_row(push: Push) -> dict[str, Any]:
    """The row of a push, in plain types, without what says nothing."""
    row = asdict(push)
    row["arms"] = [{"name": arm["name"], "weight": arm["weight"], **arm["body"]} for arm in row["arms"]]
    told = {name: value for name, value in row.items() if name in _ALWAYS or value != _DEFAULTS.get(name, MISSING)}
    return {name: value if name in _ALWAYS else _bare(value) for name, value in told.items()}


def _bare(value: Any) -> Any:
    """Without the fields of what stands inside a row that say nothing."""
    if isinstance(value, Mapping):
        return {name: _bare(part) for name, part in value.items() if part not in ("", None, ())}
    if isinstance(value, list | tuple):
        return [_bare(part) for part in value]
    return value


def push_of(row: PushRow) -> Push:
    """The push of a row."""
    plain = dict(row)
    plain.update(_body(plain))
    plain["after"] = After(row.after.event, row.after.days) if row.after else None
    plain["trial"] = Trial(**dict(row.trial)) if row.trial else None
    plain["arms"] = tuple(Arm(arm.name, PushBody(**_body(dict(arm))), arm.weight) for arm in row.arms)
    return Push(**plain)


def read_push(item: str) -> Push:
    """The push of a kept item."""
    return push_of(PushRow.model_validate_json(item))


def _body(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a body, as values."""
    card, articles = row["card"], row["articles"]
    return {
        "text": row["text"], "markdown": row["markdown"], "image": row["image"] or "", "file": row["file"] or "",
        "card": LinkCard(**dict(card)) if card else None, "articles": tuple(LinkCard(**dict(one)) for one in articles),
    }  # fmt: skip


_DEFAULTS = {one.name: one.default for one in fields(Push)}
_ALWAYS = frozenset({"id", "text", "community", "enabled", "grace_minutes", "marketing"})
PUSHES: Kind[tuple[Push, ...]] = Kind(
    "pushes",
    "pushes.yaml",
    "定时推送",
    True,
    TypeAdapter(tuple[PushRow, ...]),
    lambda rows: tuple(map(push_of, rows)),
    lambda pushes: [push_row(push) for push in pushes],
    twin_ids,
)
