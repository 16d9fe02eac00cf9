"""The badges as a file of content."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from rules.badges import BY, Badge, BadgeRules, Counter, Monthly
from rules.content_file import Path
from rules.content_kind import Kind, Row, has_no_line_break, twins
from rules.content_levels import Name, PlainId


class BadgeRow(Row):
    """One badge."""

    id: PlainId
    name: Name
    icon: Annotated[str, Field(min_length=1, max_length=8), AfterValidator(has_no_line_break)] = "🏅"
    text: Annotated[str, Field(max_length=100), AfterValidator(has_no_line_break)] = ""
    counter: Counter | None = None
    at: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    month_top: Annotated[int, Field(ge=0, le=10)] = 0
    by: Monthly = "points"
    flow: Annotated[str, Field(max_length=40), AfterValidator(has_no_line_break)] = ""


def _badges(rows: tuple[BadgeRow, ...]) -> BadgeRules:
    return BadgeRules(tuple(Badge(**dict(row)) for row in rows))


def _rows(rules: BadgeRules) -> list[dict[str, Any]]:
    return [_row(badge) for badge in rules.badges]


def _row(badge: Badge) -> dict[str, Any]:
    told = {"id": badge.id, "name": badge.name, "icon": badge.icon, "text": badge.text}
    if badge.counter:
        told |= {"counter": badge.counter, **({"flow": badge.flow} if badge.flow else {}), "at": badge.at}  # type: ignore[dict-item]
    if badge.month_top:
        told |= {"month_top": badge.month_top, **({"by": badge.by} if badge.by != "points" else {})}  # type: ignore[dict-item]
    return told


def _check(rows: tuple[BadgeRow, ...]) -> Iterator[tuple[Path, str]]:
    yield from twins((((n, "id"), row.id) for n, row in enumerate(rows)), "id“{name}”已经用过了，请换一个")
    yield from twins((((n, "name"), row.name) for n, row in enumerate(rows)), "名字“{name}”已经用过了，请换一个")
    months: set[str] = set()
    for n, row in enumerate(rows):
        if row.counter and not row.at:
            yield (n, "at"), "写了 counter 就要写 at，例如 at: 7"
        if row.at and not row.counter:
            yield (n, "counter"), "写了 at 就要写 counter，例如 counter: streak"
        if row.flow and (row.counter != "flows" or row.at != 1):
            yield (n, "flow"), "写了 flow（哪一个流程）就要写 counter: flows 和 at: 1"
        if row.month_top and row.counter:
            yield (n, "month_top"), "一枚勋章不能既按计数又按月度名次，请删去一个"
        if row.by != "points" and not row.month_top:
            yield (n, "month_top"), "写了 by 就要写 month_top（前几名），例如 month_top: 3"
        if row.month_top and row.by in months:
            yield (n, "month_top"), f"按月度{BY[row.by]}名次的勋章只能有一枚，请删去一个"
        if row.month_top:
            months.add(row.by)


BADGES: Kind[BadgeRules] = Kind("badges", "badges.yaml", "勋章", True, TypeAdapter(tuple[BadgeRow, ...]), _badges, _rows, _check)
