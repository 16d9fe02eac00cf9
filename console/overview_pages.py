"""总览 of one community: how well it is and why, what waits, its last weeks; and the two switches for when something goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, get_args

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.faq_office import faq_stats
from bot.moods import set_crisis
from console.asked import fresh_once, once_of
from console.doors import needs
from console.glances import WORDS, glances
from console.lines import Line, line_of
from console.parts import Parts, visitor
from handlers.pauses import STOPPED, set_pause
from rules.changes import change, tone
from rules.figures import Where
from rules.metrics import METRICS, Metric, shown
from storage.moment import from_ms
from storage.pauses import Pause

PICTURED = ("dau", "messages", "newcomers", "participation")
"""The indicators whose last weeks are drawn."""
PICTURED_DAYS = 42


@dataclass(frozen=True, slots=True)
class Picture:
    """An indicator's last weeks: today's figure so far, yesterday's, and the line of the whole days."""

    metric: Metric
    today: str
    yesterday: str
    change: str
    tone: str
    line: Line | None


class OverviewPages:
    """The page of one community that one sees first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        pages.add_url_rule("/in/<place>/", "overview", needs(self._parts, "viewer")(self.show))
        pages.add_url_rule("/in/<place>/pause", "pause", needs(self._parts, "admin")(self.pause), methods=["POST"])
        pages.add_url_rule("/in/<place>/crisis", "crisis", needs(self._parts, "admin")(self.crisis), methods=["POST"])

    def show(self, community: Community) -> str:
        """How the community is, and what there is to do."""
        parts = self._parts
        [glance] = glances(parts, {community.id: parts.numbers.lights(community)}, [community])
        mood = parts.stores.moods.find_group(community.keys)
        return render_template(
            "overview.html", glance=glance, words=WORDS, pictures=self._pictures(community), stats=faq_stats(parts.office(community)),
            mood=mood, pause=parts.stores.pauses.of(community.id), stopped=STOPPED, once=fresh_once(),
            crisis_since=self._crisis_since(community), **self._waiting(community),
        )  # fmt: skip

    def pause(self, community: Community) -> Any:
        """Stops what nobody asked for, or all, or lets it go on: as 暂停 and 恢复 in chat."""
        wanted, once, parts = request.form.get("pause", ""), once_of(), self._parts
        found = next((pause for pause in get_args(Pause) if pause == wanted), None)
        if found is None:
            abort(400)
        set_pause(parts.stores, community, visitor().actor(community.id), found, "暂停" if found else "恢复", parts.clock(), once=once)
        return redirect(url_for("console.overview", place=community.id, said="paused" if found else "resumed"), 303)

    def crisis(self, community: Community) -> Any:
        """Stops marketing, or lets it go on: as 危机模式 in chat."""
        wanted, once, parts = request.form.get("crisis", ""), once_of(), self._parts
        if wanted not in ("", "on"):
            abort(400)
        set_crisis(parts.stores, community, visitor().actor(community.id), is_on=bool(wanted), now=parts.clock(), once=once)
        return redirect(url_for("console.overview", place=community.id, said="crisis" if wanted else "crisis_over"), 303)

    def _pictures(self, community: Community) -> list[Picture]:
        numbers, where = self._parts.numbers, Where(community.id)
        courses = numbers.courses(where, "day", numbers.today(where), PICTURED_DAYS + 1)
        return [_picture(METRICS[id], courses[id]) for id in PICTURED]

    def _waiting(self, community: Community) -> Mapping[str, int]:
        """How much waits for somebody who may see to it, and how many activities run."""
        stores, where, may_here = self._parts.stores, community.keys, partial(visitor().may, community.id)
        return {
            "orders": stores.orders.count_waiting(where),
            "running": sum(one.is_open for one in stores.activities.running(where)),
            "tickets": stores.tickets.count_waiting([where], self._parts.clock())[0] if may_here("moderator") else 0,
            "submissions": stores.submissions.count_waiting(where) if may_here("moderator") else 0,
            "invitations": stores.invitations.held(where, 1)[0] if may_here("operator") else 0,
            "cases": (stores.cases.count_undecided(where) or 0) if may_here("moderator") else 0,
            "appeals": stores.appeals.count_waiting(where) if may_here("moderator") else 0,
        }

    def _crisis_since(self, community: Community) -> datetime | None:
        """Since when a community is in crisis, None while it is not."""
        since = self._parts.stores.pauses.crisis_since(community.id)
        return from_ms(since) if since else None


def _picture(metric: Metric, course: list[float | None]) -> Picture:
    """The day that runs is no whole one: it is told, not drawn."""
    *whole, today = course
    yesterday, before = whole[-1], whole[-2]
    return Picture(
        metric, shown(metric, today), shown(metric, yesterday), change(metric, yesterday, before), tone(metric, yesterday, before),
        line_of(whole) if any(whole) else None,
    )  # fmt: skip
