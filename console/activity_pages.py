"""活动: what runs, what came of it, and beginning, closing, settling or calling off."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from bot.activities.desk import ActivityDesk
from bot.activities.form import read_local
from bot.activities.kind import Post
from bot.activities.lottery import proof_of
from bot.activities.lottery_desk import give_witness, witnessed_in
from bot.activities.survey import answers_of, report
from bot.communities import Community
from bot.drawing import Artist, DrawingProblem, is_drawn
from bot.errors import UserError
from bot.permissions import Role
from console.activity_details import proof_facts, tables, waits
from console.asked import fresh_once, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from handlers.audit import actor_name
from rules.activities import STATES, TITLES, Activity
from rules.cells import TYPES
from storage.activities import Changed
from storage.audit import AuditRow

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
PAGE = 20
LARGEST = 10**6
"""No activity has a larger number."""
FILTERED = 500
"""The newest activities, among which a filter looks."""
FILTERS: Mapping[str, str] = {**{str(kind): title for kind, title in TITLES.items()}, "draft": "草稿"}
"""What the list may be narrowed to."""
AUDITED = 500
"""The newest rows of the audit, among which those of an activity are looked for."""
MOVED = "刚刚有人动过这个活动，下面是它现在的样子，请看过再决定。"


class ActivityPages:
    """The pages of 活动."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._artist = Artist()

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, str], ...] = (
            ("activities", "activities", self.listed, VIEWER, "GET"),
            ("activities/<int:number>", "activity", self.show, VIEWER, "GET"),
            ("activities/<int:number>/picture.png", "activity_picture", self.picture, VIEWER, "GET"),
            ("activities/<int:number>/proof.txt", "activity_proof", self.proof, VIEWER, "GET"),
            ("activities/<int:number>/answers.<ending>", "activity_answers", self.answers, OPERATOR, "GET"),
            ("activities/<int:number>/witness", "activity_witness", self.witness, OPERATOR, "POST"),
            ("activities/<int:number>/act", "activity_act", self.act, OPERATOR, "POST"),
            ("activities/<int:number>/times", "activity_times", self.move, OPERATOR, "POST"),
        )
        for path, name, view, role, method in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=[method])

    # Looking --------------------------------------------------------------------------------------------------------------

    def listed(self, community: Community) -> str:
        """What runs or will, and what was before, the newest first."""
        store, page, only = self._parts.stores.activities, page_of(), request.args.get("only", "")
        running = store.running(community.keys)
        if only in FILTERS:
            found = [one for one in store.newest(community.keys, FILTERED)[1] if only in (one.kind, one.state)]
            total, shown, running = len(found), found[(page - 1) * PAGE : page * PAGE], []
        else:
            total, newest = store.newest(community.keys, PAGE, skip=(page - 1) * PAGE)
            shown = [one for one in newest if one.number not in {other.number for other in running}]
        return render_template(
            "activities.html", running=running if page == 1 else [], others=shown, total=total, page=page, has_more=page * PAGE < total,
            states=STATES, titles_of=TITLES, filters=FILTERS, only=only if only in FILTERS else "",
        )  # fmt: skip

    def show(self, community: Community, number: int) -> str:
        """One activity."""
        return self._page(community, self._get(community, number))

    def _page(self, community: Community, activity: Activity, problem: str = "") -> str:
        desk, may_here = self._desk(community), partial(visitor().may, community.id)
        stage = desk.stage(activity)
        authors = self._parts.stores.directory.find_names([activity.author]) if activity.author else {}
        results = self._results(desk, activity)
        try:
            preview, terms = desk.kind_of(activity).preview(desk.stage(activity)), desk.terms(activity)
        except UserError as unknown:
            preview, terms, problem = "", "", problem or str(unknown)
        return render_template(
            "activity.html", activity=activity, states=STATES, titles_of=TITLES, author=authors.get(activity.author) or "",
            preview=preview, terms=terms, results=results.text if results else "", is_drawn=bool(results and is_drawn(results.image)),
            problem=problem, once=fresh_once(), typed=request.form, proof=proof_facts(stage) if activity.kind == "lottery" else {},
            tables=tables(stage) if may_here(OPERATOR) else [], waits=waits(stage), audit=self._audit(community, activity) if may_here("admin") else [],
        )  # fmt: skip

    def _audit(self, community: Community, activity: Activity) -> list[tuple[AuditRow, str]]:
        """What was done with it and by whom, the newest first."""
        stores, subject = self._parts.stores, f"活动 {activity.number}（"
        rows = [row for row in stores.audit.newest(community.id, AUDITED) if row.subject.startswith(subject)]
        return [(row, actor_name(stores, row.actor)) for row in rows]

    def _results(self, desk: ActivityDesk, activity: Activity) -> Post | None:
        """What came of it so far, as members may see it, or of a survey as its operators do; None before it begins."""
        if activity.state in ("draft", "scheduled", "cancelled"):
            return None
        try:
            if activity.kind == "survey" and visitor().may(desk.community.id, OPERATOR):
                return report(desk.stage(activity))
            return desk.kind_of(activity).results(desk.stage(activity))
        except UserError:
            return None

    def picture(self, community: Community, number: int) -> Response:
        """The picture of what came of it, drawn now."""
        results = self._results(self._desk(community), self._get(community, number))
        if results is None or not is_drawn(results.image):
            abort(404)
        try:
            return Response(self._artist.draw(results.image), mimetype="image/png", headers={"Cache-Control": "no-store"})
        except DrawingProblem:
            abort(404)

    def proof(self, community: Community, number: int) -> Response:
        """The proof of a lottery, which names nobody."""
        activity = self._get(community, number)
        try:
            text = "".join(proof_of(self._parts.stores, self._parts.config, community.keys, activity))
        except UserError as problem:
            abort(404, str(problem))
        return _file(text.encode(), "text/plain; charset=utf-8", f"lottery-{number}.txt", f"抽奖凭证-{number}.txt")

    def answers(self, community: Community, number: int, ending: str) -> Response:
        """The answers to a survey as a table, without names."""
        activity = self._get(community, number)
        if activity.kind != "survey" or ending not in TYPES or activity.state not in ("open", "closed", "settled"):
            abort(404)
        rows = answers_of(self._desk(community).stage(activity))
        data = self._parts.write_table(f"answers.{ending}", "回答", rows)
        return _file(data, TYPES[ending], f"survey-{number}.{ending}", f"问卷-{number}.{ending}")

    # Acts -----------------------------------------------------------------------------------------------------------------

    def act(self, community: Community, number: int) -> Any:
        """Begins, schedules, closes, settles or cancels it, or has its kind take the next step."""
        desk, once, word = self._desk(community), once_of(), request.form.get("act", "")
        acts = {
            "open": desk.open, "schedule": desk.schedule, "close": desk.close, "settle": desk.settle, "cancel": desk.cancel,
            "next": desk.next_step,
        }  # fmt: skip
        if word not in acts:
            abort(400)
        activity, actor = self._seen(community, number), visitor().actor(community.id)
        try:
            changed = acts[word](activity, actor, once=once)
            if word == "close" and changed.activity.state == "closed":
                changed = desk.settle(changed.activity, actor, once=f"{once}:settle")
        except UserError as problem:
            return self._page(community, self._get(community, number), str(problem)), 400
        return self._after(community, changed, f"activity_{word}")

    def move(self, community: Community, number: int) -> Any:
        """Changes when it opens and closes."""
        desk, once, activity = self._desk(community), once_of(), self._seen(community, number)
        try:
            changes = {"closes": self._moment(community, "closes")}
            if not activity.is_open:
                changes["opens"] = self._moment(community, "opens")
            changed = desk.edit(activity, visitor().actor(community.id), once=once, **changes)
        except UserError as problem:
            return self._page(community, self._get(community, number), str(problem)), 400
        return self._after(community, changed, "activity_times")

    def witness(self, community: Community, number: int) -> Any:
        """Keeps the public number that a lottery waits for, for good, and draws."""
        desk, once, activity = self._desk(community), once_of(), self._seen(community, number)
        try:
            if not request.form.get("sure"):
                raise UserError("公证数定了不能再改：请核对一遍，勾上“核对过了”再提交。")
            number_told = witnessed_in(words_of("witness", 100, wanted="请写上公证数，例如：4011.23"))
            changed = give_witness(desk, activity, number_told, visitor().actor(community.id), once=once)
        except UserError as problem:
            return self._page(community, self._get(community, number), str(problem)), 400
        return self._after(community, changed, "activity_witness")

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _after(self, community: Community, changed: Changed, said: str) -> Any:
        if changed.outcome == "moved":
            return self._page(community, changed.activity, MOVED), 409
        return redirect(url_for("console.activity", place=community.id, number=changed.activity.number, said=said), 303)

    def _seen(self, community: Community, number: int) -> Activity:
        """The activity, as the visitor saw it when he decided. Answers 409 where it has moved on."""
        activity = self._get(community, number)
        if request.form.get("state") != activity.state:
            abort(409, MOVED)
        return activity

    def _moment(self, community: Community, name: str) -> datetime | None:
        return read_local(request.form.get(name, ""), community.zone)

    def _get(self, community: Community, number: int) -> Activity:
        found = self._parts.stores.activities.find(community.keys, number) if 0 < number < LARGEST else None
        return found or abort(404)

    def _desk(self, community: Community) -> ActivityDesk:
        return ActivityDesk(self._parts.stores, self._parts.live.current, self._parts.config, community, self._parts.clock())


def _file(data: bytes, type: str, plain: str, name: str) -> Response:
    """A file to keep, by a name that any browser can write and one that people read."""
    disposition = f"attachment; filename={plain}; filename*=UTF-8''{quote(name, safe='')}"
    return Response(data, content_type=type, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})
