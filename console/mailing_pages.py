"""A mailing in the console: how far it has come, who did not get it and why – stopped, let go on, and put right."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.mailing_desk import MOST, RUNNING, SKIPS, STATES, MailingDesk, left_of, state_of
from bot.permissions import Role
from bot.push_desk import PushDesk
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts
from rules.pushes import texts_of
from storage.mailings import Mailing
from storage.moment import from_ms, to_ms

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
LATEST_MS = 4_102_444_800_000
"""The end of the calendar, in the year 2100."""


class MailingPages:
    """The page of one mailing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        sees, acts = needs(self._parts, VIEWER), needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/calendar/mailing/<push>/<int:planned>", "mailing", sees(self.show))
        pages.add_url_rule("/in/<place>/calendar/mailing/<push>/<int:planned>/act", "mailing_act", acts(self.act), methods=["POST"])

    def show(self, community: Community, push: str, planned: int) -> str:
        """How far it has come."""
        desk = self._desk(community)
        return self._page(desk, self._get(desk, push, planned))

    def act(self, community: Community, push: str, planned: int) -> Any:
        """Stops it, lets it go on, or prepares a correction."""
        once, desk = once_of(), self._desk(community)
        mailing = self._get(desk, push, planned)
        try:
            match request.form.get("act", ""):
                case "stop":
                    desk.stop(mailing, once=once)
                    said = "mailing_stopped"
                case "go":
                    desk.go_on(mailing, once=once)
                    said = "mailing_goes_on"
                case "correct":
                    return self._to_draft(community, desk, mailing, once)
                case _:
                    return abort(400)
        except UserError as problem:
            return self._page(desk, self._get(desk, push, planned), str(problem)), 400
        return redirect(url_for("console.mailing", place=community.id, push=push, planned=planned, said=said), 303)

    def _to_draft(self, community: Community, desk: MailingDesk, mailing: Mailing, once: str) -> Any:
        done = desk.correct(mailing, once=once)
        self._parts.live.refresh()
        made = done.after.id if done.after else None
        return redirect(url_for("console.calendar", place=community.id, push=made, said="push_corrected", version=done.version), 303)

    def _page(self, desk: MailingDesk, mailing: Mailing, problem: str = "") -> str:
        desk_of, where = desk.desk, desk.desk.community
        push = desk.said(mailing)
        others = [one for one in desk_of.stores.mailings.of_push(where.keys, mailing.push, MOST) if one.planned != mailing.planned]
        return render_template(
            "mailing.html", mailing=mailing, state=state_of(mailing), push=push, texts=texts_of(push), left=left_of(mailing), skips=SKIPS,
            states=STATES, is_running=mailing.state in RUNNING, others=others, problem=problem, once=fresh_once(), zone=where.zone, to_ms=to_ms,
        )  # fmt: skip

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _get(self, desk: MailingDesk, push: str, planned: int) -> Mailing:
        if not 0 < planned < LATEST_MS or len(push) > 64:
            abort(404)
        try:
            return desk.get(push, from_ms(planned))
        except UserError:
            abort(404)

    def _desk(self, community: Community) -> MailingDesk:
        return MailingDesk(PushDesk.of(self._parts.office(community), self._parts.config))
