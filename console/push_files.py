"""日历 in files: the pushes as Excel or CSV, given out, and taken in after a look at what it would change."""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import Role
from bot.push_desk import PushDesk
from bot.push_intake import Intake, take_in, weigh
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from console.turns import FILE_BUSY, OneAtATime
from rules.calendar import say_when
from rules.cells import TYPES
from rules.contents import PUSHES

OPERATOR: Role = "operator"
ENDINGS = tuple(f".{form}" for form in TYPES)
MOST_BYTES = 2 * 1024 * 1024
"""Of a file: a thousand pushes are some hundred kilobytes."""


class PushFiles:
    """The page with files. One at a time in a process: the others have members to answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = OneAtATime(FILE_BUSY)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/calendar/files", "calendar_files", guard(self.page))
        pages.add_url_rule("/in/<place>/calendar/import", "calendar_import", guard(self.take_in), methods=["POST"])
        pages.add_url_rule("/in/<place>/calendar/export/<form>", "calendar_export", guard(self.give_out))

    def page(self, community: Community) -> str:
        """The forms."""
        return render_template("calendar_files.html")

    def take_in(self, community: Community) -> Any:
        """Shows what a file would change, or what is wrong with it; what was shown and agreed to is put in force."""
        name, data = _file()
        with self._one_at_a_time:
            try:
                return self._taken(community, name, data)
            except UserError as problem:
                return render_template("calendar_files.html", problems=str(problem).splitlines()), 400

    def give_out(self, community: Community, form: str) -> Response:
        """The file of the pushes that this community hears."""
        if form not in TYPES:
            abort(404)
        parts, now = self._parts, self._parts.clock()
        with self._one_at_a_time:
            seen = {kept.push.id for kept in self._desk(community).pushes()}
            items = {id: text for id, text in parts.stores.content.items(PUSHES.name).items() if id in seen}
            data = parts.table_of(PUSHES, items, f"pushes.{form}")
        parts.stores.audit.record(community.id, str(visitor().number), "导出表格", "推送", "", form, now, once="")
        name = f"pushes-{now.astimezone(community.zone):%Y%m%d}.{form}"
        return Response(data, mimetype=TYPES[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def _taken(self, community: Community, name: str, data: bytes) -> Any:
        desk, seen = self._desk(community), request.form.get("seen", "")
        if seen and (done := desk.stores.content.made(PUSHES.name, once_of())):  # the same form once more
            return self._done(community, done)
        intake = weigh(desk, self._parts.read_items(PUSHES, name, data))
        if not seen or not intake.changes:
            return self._shown(intake, name, data)
        if seen != str(intake.version):
            return self._shown(intake, name, data, problem="刚刚有人改过推送，还没有导入。下面是现在会改的，请再看一遍。"), 409
        return self._done(community, take_in(desk, intake, note=f"导入 {name}", once=once_of()))

    def _shown(self, intake: Intake, name: str, data: bytes, *, problem: str = "") -> str:
        return render_template(
            "calendar_files.html", intake=intake, name=name, data=base64.b64encode(data).decode(), once=fresh_once(), say_when=say_when,
            problems=[problem] if problem else [],
        )  # fmt: skip

    def _done(self, community: Community, version: int) -> Any:
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        return redirect(url_for("console.calendar", place=community.id, said="pushes_imported", version=version), 303)

    def _desk(self, community: Community) -> PushDesk:
        return PushDesk.of(self._parts.office(community), self._parts.config)


def _file() -> tuple[str, bytes]:
    """The name of the file that was sent, and what is in it: uploaded, or carried along by the page that showed what it would change."""
    file = request.files.get("file")
    try:
        data = file.read() if file else base64.b64decode(request.form.get("data", ""), validate=True)
    except binascii.Error:
        abort(400)
    name = PurePath(file.filename or "" if file else request.form.get("name", "")).name[-100:]
    if not name or len(data) > MOST_BYTES or PurePath(name).suffix.lower() not in ENDINGS:
        abort(400, "请选一个 .xlsx 或 .csv 文件，最大 2 MB。")
    return name, data
