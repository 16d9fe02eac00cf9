"""报表: every week and month with its picture, its words and its tables; and a button that sends one to the administrators now."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, redirect, render_template, url_for

from bot.communities import Community
from bot.drawing import Artist
from bot.permissions import Role
from bot.report_book import rows_of
from bot.report_desk import ReportDesk
from bot.report_facts import Report
from bot.report_words import MOST_LAMPS, TROUBLES, act_of, peak_of, picture_of, rest_of, subtitle
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.cells import TYPES
from rules.changes import change, tone
from rules.figures import Where
from rules.metrics import shown
from rules.periods import Period, before, find_period, newest, week_of

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
WEEKS, MONTHS = 12, 12
FORMS = {**TYPES, "png": "image/png"}


class ReportPages:
    """The pages of 报表."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._artist = Artist()

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, VIEWER)
        pages.add_url_rule("/in/<place>/reports", "reports", guard(self.newest))
        pages.add_url_rule("/in/<place>/reports/<id>", "report", guard(self.show))
        pages.add_url_rule("/in/<place>/reports/<id>/<any(png, xlsx, csv):form>", "report_file", guard(self.file))
        pages.add_url_rule("/in/<place>/reports/<id>/send", "report_send", needs(self._parts, OPERATOR)(self.send), methods=["POST"])

    def newest(self, community: Community) -> str:
        """The report of the last whole week."""
        return self._page(community, before(week_of(community.day_of(self._parts.clock()))))

    def show(self, community: Community, id: str) -> str:
        """One report."""
        return self._page(community, self._get(community, id))

    def file(self, community: Community, id: str, form: str) -> Response:
        """One report as a picture, a workbook, or the table of its days."""
        period = self._get(community, id)
        desk = self._desk(community)
        report = desk.make(period)
        answer = Response(self._bytes(desk, report, form), content_type=FORMS[form])
        if form != "png":
            name = quote(f"{community.name} {period.name} {period.id}.{form}", safe="")
            answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{name}"
        return answer

    def send(self, community: Community, id: str) -> Any:
        """Sends a report to those who look after the community."""
        period, once = self._get(community, id), once_of()
        if not self._desk(community).send(period, visitor().actor(community.id), once=once):
            abort(409, "没有地方可发：这个社群没有管理群的机器人（admin_webhook），也没有认得的所有者。请先在 config.yaml 里写上。")
        return redirect(url_for("console.report", place=community.id, id=period.id, said="report_sent"), 303)

    def _page(self, community: Community, period: Period) -> str:
        desk = self._desk(community)
        report = desk.make(period)
        lights = [light for light in report.lights if light.colour in TROUBLES]
        return render_template(
            "reports.html", report=report, period=period, subtitle=subtitle(report), lights=lights[:MOST_LAMPS],
            act_of=act_of, rest=rest_of(report.lights), figures=self._figures(report), peak=peak_of(report), text=desk.text(report),
            kinds=self._listed(community), once=fresh_once(),
        )  # fmt: skip

    def _figures(self, report: Report) -> list[tuple[str, str, str, str, str]]:
        """Name, value, the one before, change and its tone of each figure that there is."""
        return [
            (
                one.metric.name, shown(one.metric, one.value), shown(one.metric, one.before), change(one.metric, one.value, one.before),
                tone(one.metric, one.value, one.before),
            )
            for one in report.figures
            if one.value is not None
        ]  # fmt: skip

    def _listed(self, community: Community) -> list[tuple[str, list[tuple[Period, int, bool]]]]:
        """The weeks and months in which something was said, newest first, with how many messages, and whether each is over; one reading of the book."""
        today = community.day_of(self._parts.clock())
        weeks, months = newest("week", today, WEEKS), newest("month", today, MONTHS)
        days = self._parts.numbers.days(Where(community.id), min(weeks[-1].first, months[-1].first), today)
        said = {day.day: day.counts.get("messages", 0) for day in days}
        found = []
        for name, periods in (("周报", weeks), ("月报", months)):
            sums = [(one, sum(n for day, n in said.items() if one.first <= day <= one.last)) for one in periods]
            found.append((name, [(one, n, one.is_over(today)) for one, n in sums if n]))
        return found

    def _bytes(self, desk: ReportDesk, report: Report, form: str) -> bytes:
        if form == "png":
            return self._artist.draw(picture_of(report))
        return desk.book(report) if form == "xlsx" else self._parts.write_table("每日.csv", "每日", rows_of(report))

    def _get(self, community: Community, id: str) -> Period:
        period = find_period(id)
        if period is None or period.first > community.day_of(self._parts.clock()):
            abort(404)
        return period

    def _desk(self, community: Community) -> ReportDesk:
        parts = self._parts
        return ReportDesk(parts.stores, parts.config, parts.live.current, parts.numbers, community, parts.clock())
