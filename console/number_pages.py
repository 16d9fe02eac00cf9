"""指标: the figures of a community, of one of its groups or of the whole installation – all of them, one of them over a year, by hour, and who came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from io import BytesIO

from flask import Blueprint, abort, render_template, request, send_file
from werkzeug.wrappers import Response

from bot.communities import Community
from bot.numbers import Cohort, Figure
from bot.permissions import may
from console.doors import needs
from console.lines import Line, line_of
from console.parts import Parts, visitor
from rules.calendar import WEEKDAY_NAMES
from rules.changes import change, tone
from rules.figures import RETURNS, Kept, Where
from rules.metrics import GROUPS, LENGTHS, METRICS, Group, Length, Metric, missing, shown

SPANS: Mapping[Length, int] = {"day": 30, "week": 12, "month": 12}
"""How many spans of a length the small lines show."""
YEAR = timedelta(days=364)
WEEKS = 8
"""Weeks of the heat map and of the triangle."""
LEVELS = 6
"""Shades of a cell, from none on."""
SHADED_FROM = 5
"""From so many newcomers on their share has a shade."""


@dataclass(frozen=True, slots=True)
class Row:
    """An indicator as its row says it."""

    figure: Figure
    value: str
    change: str
    tone: str
    line: Line | None


@dataclass(frozen=True, slots=True)
class Place:
    """Whose numbers a page shows, as the address says it: of one group (``chat``), of everything (``is_all``), else of the community."""

    where: Where
    chat: str
    is_all: bool

    @property
    def args(self) -> dict[str, str]:
        """What an address has to say to lead to the same place."""
        return {**({"chat": self.chat} if self.chat else {}), **({"all": "1"} if self.is_all else {})}


class NumberPages:
    """The pages of 指标."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, "viewer")
        pages.add_url_rule("/in/<place>/numbers", "numbers", guard(self.show))
        pages.add_url_rule("/in/<place>/numbers/of/<metric>", "numbers_of", guard(self.one))
        pages.add_url_rule("/in/<place>/numbers/of/<metric>.<any(csv, xlsx):form>", "numbers_file", guard(self.file))
        pages.add_url_rule("/in/<place>/numbers/hours", "numbers_hours", guard(self.hours))
        pages.add_url_rule("/in/<place>/numbers/retention", "numbers_retention", guard(self.retention))

    def show(self, community: Community) -> str:
        """All indicators of the newest whole span, with their change and their course."""
        numbers, place, length = self._parts.numbers, self._place(community), _length()
        last = numbers.today(place.where) - timedelta(days=1)
        courses = numbers.courses(place.where, length, last, SPANS[length])
        rows: dict[Group, list[Row]] = {group: [] for group in GROUPS}
        for figure in numbers.figures(place.where, length, last):
            rows[figure.metric.group].append(_row(figure, courses.get(figure.metric.id, ())))
        return self._page("numbers.html", community, place, rows=rows, groups=GROUPS, length=length, last=last, spans=SPANS[length])

    def one(self, community: Community, metric: str) -> str:
        """One indicator over a year."""
        found, place = METRICS.get(metric) or abort(404), self._place(community)
        length, points = self._year(place, found)
        known = [(day, value) for day, value in points if value is not None]
        return self._page(
            "numbers_one.html", community, place, metric=found, length=length, points=points, latest=known[-1] if known else None,
            why_grey=missing(found, self._parts.numbers.inlets(community)), group=GROUPS[found.group], is_share=found.unit == "share",
        )  # fmt: skip

    def file(self, community: Community, metric: str, form: str) -> Response:
        """The same as a table to take along."""
        found, place = METRICS.get(metric) or abort(404), self._place(community)
        length, points = self._year(place, found)
        rows = [
            (f"截至（{LENGTHS[length]}）", found.name),
            *((day.isoformat(), "" if value is None else f"{value:.6g}") for day, value in points),
        ]
        name = f"{found.id}-{length}.{form}"
        return send_file(
            BytesIO(self._parts.write_table(name, found.name, rows, ("day", "number"))), as_attachment=True, download_name=name
        )

    def hours(self, community: Community) -> str:
        """When people speak: messages by weekday and hour."""
        numbers, place = self._parts.numbers, self._place(community)
        last = numbers.today(place.where) - timedelta(days=1)
        grid = numbers.heat(place.where, last - timedelta(days=7 * WEEKS - 1), last)
        most = max(max(row) for row in grid)
        busiest = [(n, day, hour) for day, row in enumerate(grid) for hour, n in enumerate(row) if n]
        return self._page(
            "numbers_hours.html", community, place, grid=grid, level=partial(_level, most=most), weekdays=WEEKDAY_NAMES, weeks=WEEKS,
            busiest=sorted(busiest, reverse=True)[:3],
        )  # fmt: skip

    def retention(self, community: Community) -> str:
        """Who came back: newcomers by week."""
        numbers, place = self._parts.numbers, self._place(community)
        last = numbers.today(place.where) - timedelta(days=1)
        cohorts = [one for one in numbers.cohorts(place.where, last - timedelta(days=7 * WEEKS - 1), last) if one.size]
        return self._page(
            "numbers_retention.html",
            community,
            place,
            cohorts=cohorts,
            back=RETURNS,
            share=_share,
            level=_share_level,
            altogether=_altogether(cohorts),
        )

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _place(self, community: Community) -> Place:
        """Raises 404 for a group that is not the community's, 403 for who may not see all communities."""
        chat = request.args.get("chat", "")
        if request.args.get("all"):
            if not may(visitor().everywhere, "viewer"):
                abort(403, "只有在所有社群都有角色的人，才看得到全部加起来的数。")
            return Place(Where(), "", is_all=True)
        if chat and chat not in self._chats(community):
            abort(404)
        return Place(Where(community.id, chat), chat, is_all=False)

    def _chats(self, community: Community) -> Sequence[str]:
        listed = self._parts.config.community(community.id)
        return listed.groups if listed else ()

    def _year(self, place: Place, metric: Metric) -> tuple[Length, list[tuple[date, float | None]]]:
        numbers, length = self._parts.numbers, _length(metric)
        last = numbers.today(place.where) - timedelta(days=1)
        points = numbers.series(place.where, metric.id, last - YEAR, last, length)
        begins = next((at for at, (_, value) in enumerate(points) if value), 0)  # nothing is shown of the time before there was anything
        return length, points[begins:]

    def _page(self, template: str, community: Community, place: Place, **more: object) -> str:
        return render_template(
            template, place=place, chats=self._chats(community), sees_all=may(visitor().everywhere, "viewer") and len(self._parts.places) > 1,
            lengths=LENGTHS, shown=shown, **more,
        )  # fmt: skip


def _length(metric: Metric | None = None) -> Length:
    """The length that is asked for, if the indicator has it; else the first that it has, a week for all of them."""
    offered: Sequence[Length] = metric.lengths if metric else tuple(LENGTHS)
    asked = request.args.get("length", "")
    return next((length for length in offered if length == asked), "week" if "week" in offered else offered[0])


def _row(figure: Figure, course: Sequence[float | None]) -> Row:
    metric, value, before = figure.metric, figure.value, figure.before
    is_flat = not any(course)
    return Row(
        figure, shown(metric, value), change(metric, value, before), tone(metric, value, before),
        None if is_flat else line_of(course),
    )  # fmt: skip


def _level(n: int, *, most: int) -> int:
    """The shade of a cell of the heat map: 0 for nothing, the deepest for the most."""
    return -(-n * (LEVELS - 1) // most) if n and most else 0


def _share(kept: Kept | None) -> str:
    return f"{kept.still / kept.of:.0%}" if kept and kept.of else ""


def _share_level(kept: Kept | None) -> int:
    """The shade of a share; none for so few that one more or less is a step."""
    return -(-kept.still * (LEVELS - 1) // kept.of) if kept and kept.of >= SHADED_FROM else 0


def _altogether(cohorts: Sequence[Cohort]) -> dict[int, Kept]:
    found = {}
    for days in RETURNS:
        known = [one.back[days] for one in cohorts if days in one.back]
        found[days] = Kept(sum(one.of for one in known), sum(one.still for one in known))
    return found
