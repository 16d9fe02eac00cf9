"""问答 in files: taken in with a report of every bad row, and given out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage

from bot.communities import Community
from bot.errors import UserError
from bot.faq_desk import Breaks
from bot.faq_office import Office
from bot.permissions import Role
from console.doors import needs
from console.parts import Parts
from console.turns import FILE_BUSY, OneAtATime
from rules.cells import TYPES
from storage.content import Outdated

OPERATOR: Role = "operator"
MIMES = {**TYPES, "yaml": "application/yaml"}
"""The kinds of files that are given out."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file: in one sentence, and every problem that kept it out."""

    summary: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class FaqFiles:
    """The page with files. One at a time in a process: the others have members to answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = OneAtATime(FILE_BUSY)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/faq/files", "faq_files", guard(self.page))
        pages.add_url_rule("/in/<place>/faq/import", "faq_import", guard(self.take_in), methods=["POST"])
        pages.add_url_rule("/in/<place>/faq/export/<form>", "faq_export", guard(self.give_out))

    def page(self, community: Community) -> str:
        """The forms."""
        return render_template("faq_files.html", may_share=self._parts.office(community).may_share)

    def take_in(self, community: Community) -> Any:
        """Takes a file in, or says what is wrong with it, or only what it would change."""
        office, file = self._shared(community), request.files.get("file")
        if file is None or not file.filename:
            return self._report(office, Report("没有选文件。", ("请先选一个 .yaml、.csv 或 .xlsx 文件。",)), 400)
        with self._one_at_a_time:
            try:
                return self._publish(office, file)
            except UserError as problem:
                lines = tuple(str(problem).splitlines())
                return self._report(office, Report(f"没有导入：有 {len(lines)} 处要改，一条都没有动。", lines), 400)
            except Breaks as breaks:
                return render_template("faq_files.html", may_share=True, breaks=breaks), 409
            except Outdated:
                return self._report(office, Report("没有导入。", ("导入期间有人改了问答，请再传一次。",)), 409)

    def give_out(self, community: Community, form: str) -> Response:
        """The file of all entries in force."""
        office = self._shared(community)
        if form not in MIMES:
            abort(404)
        with self._one_at_a_time:
            data = self._parts.export_file(office.stores.content, f"faq.{form}")
        name = f"faq-{self._parts.clock().astimezone(community.zone):%Y%m%d}.{form}"
        return Response(data, mimetype=MIMES[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def _publish(self, office: Office, file: FileStorage) -> Any:
        name = PurePath(file.filename or "").name[-100:]
        plan = self._parts.plan_import(office.stores.content, name, file.read(), request.form.get("replace") == "on")
        if request.form.get("dry") == "on" or not plan.changes:
            said = "会" if plan.changes else "和现在的问答一样，什么都不用改："
            return self._report(office, Report(f"{said}{plan.summary}。", notes=plan.notes), 200)
        note, force = f"导入 {name}", request.form.get("force") == "1"
        done = office.desk.publish(office.actor, plan.changes, force=force, expect=plan.version, note=note)
        self._parts.live.refresh()
        return redirect(url_for("console.faq", place=office.community.id, said="imported", version=done.version), 303)

    def _report(self, office: Office, report: Report, status: int) -> tuple[str, int]:
        return render_template("faq_files.html", may_share=office.may_share, report=report), status

    def _shared(self, community: Community) -> Office:
        """The office of somebody who may see and change what all communities have."""
        office = self._parts.office(community)
        if not office.may_share:
            abort(403, "文件里有所有社群的问答，要在所有社群都是运营才能导入和导出。")
        return office
