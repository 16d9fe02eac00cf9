"""问答: the list, the form, the trial, what nobody could answer, the history, and files in and out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bot import faq_office
from bot.communities import Community
from bot.errors import UserError
from bot.faq_desk import FAQ as _FAQ
from bot.faq_desk import Breaks, Published
from bot.faq_office import Office, Only
from bot.permissions import TITLES, Role, known_role
from console.asked import fresh_once, once_of
from console.doors import needs
from console.faq_forms import read_entry, scope_of, with_question
from console.parts import Parts
from console.preview import preview
from console.turns import OneAtATime
from handlers.audit import actor_name
from rules.contents import entry_from_json
from rules.entries import VARIABLES, Entry, LinkCard
from storage.content import Forgotten, NoSuchVersion, Outdated

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
FILTERS: Mapping[Only, str] = {"": "全部", "cold": "30 天没人问", "conflicts": "互相冲突", "expired": "已过期"}
MOST_QUESTION = 500
MOST_ID = 64
HISTORY = 30
MOST_READ, MOST_CHANGES = 5_000, 200
"""Changes of one version that are read at most, and entries of it that are shown."""


TITLED = {
    "question": "问题", "similar": "相似问", "keywords": "关键词", "answer": "答案", "markdown": "Markdown", "communities": "社群", "role": "角色",
    "valid_from": "生效日期", "valid_to": "失效日期", "image": "图片", "file": "文件", "card": "卡片",
}  # fmt: skip
"""The parts of an entry, as they are called on pages."""


@dataclass(frozen=True, slots=True)
class Row:
    """One part of an entry in which two differ: its lines, each with ``-`` went, ``+`` came, or a blank for what stayed."""

    title: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Edit:
    """One entry before and after a version; None where there was, or is, none."""

    before: Entry | None
    after: Entry | None

    @property
    def entry(self) -> Entry:
        """The entry that it is about, as it is now or was last."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def rows(self) -> Sequence[Row]:
        """What differs, part by part."""
        return _differences(self.before, self.after)


class FaqPages:
    """The pages of 问答."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = OneAtATime()  # to find entries that are asked for in each other's words is seconds of work

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, tuple[str, ...]], ...] = (
            ("faq", "faq", self.listed, VIEWER, ("GET",)),
            ("faq/edit", "faq_edit", self.edit, VIEWER, ("GET",)),
            ("faq/save", "faq_save", self.save, OPERATOR, ("POST",)),
            ("faq/remove", "faq_remove", self.remove, OPERATOR, ("POST",)),
            ("faq/preview", "faq_preview", self.show_preview, VIEWER, ("POST",)),
            ("faq/try", "faq_try", self.try_question, VIEWER, ("GET", "POST")),
            ("faq/unanswered", "faq_unanswered", self.unanswered, VIEWER, ("GET",)),
            ("faq/unanswered/settle", "faq_settle", self.settle, OPERATOR, ("POST",)),
            ("faq/history", "faq_history", self.history, VIEWER, ("GET",)),
            ("faq/undo", "faq_undo", self.undo, OPERATOR, ("POST",)),
        )
        for path, name, view, role, methods in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=methods)

    # Looking ------------------------------------------------------------------------------------------------------------

    def listed(self, community: Community) -> str:
        """The entries: searched, filtered, by pages."""
        search, asked = request.args.get("q", "")[:100].strip(), request.args.get("only", "")
        page = request.args.get("page", "1")
        number = int(page) if page.isdecimal() and len(page) < 6 else 1
        only = next((name for name in FILTERS if name == asked), None)
        if only is None:
            abort(404)
        office = self._parts.office(community)
        with self._one_at_a_time if only == "conflicts" else nullcontext():
            found = faq_office.list_entries(office, search=search, only=only, page=max(1, number))
        return render_template("faq_list.html", found=found, search=search, only=only, filters=FILTERS)

    def edit(self, community: Community) -> str:
        """The form of an entry, or of a new one."""
        id = request.args.get("id", "")
        if not id:
            question = request.args.get("question", "")[:MOST_QUESTION]
            return self._form(community, with_question(question, ()), is_new=True)
        version = self._version()  # before the entry is read: what is changed in between is noticed
        return self._form(community, self._get(community, id), is_new=False, version=version)

    def show_preview(self, community: Community) -> str:
        """How the answer in the form will look."""
        shown = preview(request.form.get("answer", "")[:10_000], markdown=request.form.get("markdown") == "on")
        return render_template("_preview.html", shown=shown)

    def try_question(self, community: Community) -> str:
        """What the engine makes of a sentence, and why."""
        text = request.form.get("text", "")[:MOST_QUESTION].strip()
        trial = faq_office.try_question(self._parts.office(community), text) if text else None
        entry = trial.finding.entry if trial else None
        shown = preview(entry.answer, markdown=entry.markdown) if entry else ""
        page = "_trial.html" if request.headers.get("HX-Request") else "faq_try.html"
        return render_template(page, trial=trial, shown=shown, text=text)

    def unanswered(self, community: Community) -> str:
        """What nobody could answer, alike questions in one pile, and answers that wait to be taken in."""
        office = self._parts.office(community)
        waiting = faq_office.clusters(office)
        return render_template("faq_unanswered.html", waiting=waiting, once=fresh_once())

    def history(self, community: Community) -> str:
        """The versions, newest first; one of them opened."""
        office = self._parts.office(community)
        text = request.args.get("version", "")
        opened = _number(text)
        shown = self._parts.stores.content.head(_FAQ, opened) if opened else None
        if opened and shown is None:
            abort(404)
        is_large = shown is not None and shown.count > MOST_READ
        changes = self._changes(community, shown.number) if shown and not is_large else ()
        versions = faq_office.history(office, HISTORY)
        names = {version.author: actor_name(self._parts.stores, version.author) for version in versions}
        return render_template("faq_history.html", versions=versions, names=names, opened=opened, changes=changes, is_large=is_large)

    # Changing -----------------------------------------------------------------------------------------------------------

    def save(self, community: Community) -> Any:
        """Publishes the form, unless it is wrong, breaks what was right, or somebody else was faster."""
        form = request.form
        office, of = self._parts.office(community), form.get("of", "")[:MOST_ID]
        kept = self._find(office, of) if of else None
        is_new, version = kept is None, _number(form.get("expect", ""))
        entry = read_entry(form, community.id, kept)
        if of and kept is None:
            return self._conflict(office, replace(entry, id=of), self._version())
        # A new entry belongs to the community at hand, unless it is said to be for all.
        office = replace(office, is_only=office.may_share and not entry.communities)
        try:
            done = self._save(office, entry, is_new=is_new, expect=None if is_new else version)
        except UserError as problem:
            return self._form(community, entry, is_new=is_new, version=version, problem=str(problem)), 400
        except Breaks as breaks:
            return self._form(community, entry, is_new=is_new, version=version, breaks=breaks), 409
        except Outdated as outdated:
            return self._conflict(office, entry, outdated.version)
        return self._done(community, "added" if is_new else "saved", done)

    def remove(self, community: Community) -> Any:
        """Removes an entry; the page after it offers to put it back."""
        kept = self._get(community, request.form.get("of", ""))
        try:
            done = faq_office.remove_entry(self._parts.office(community), kept.id, force=_forced(), once=once_of())
        except Breaks as breaks:
            return self._form(community, kept, is_new=False, version=self._version(), breaks=breaks, removes=True), 409
        return self._done(community, "removed", done)

    def settle(self, community: Community) -> Any:
        """What becomes of a pile of questions, or of a proposal."""
        office, form = self._parts.office(community), request.form
        act, key = form.get("act", ""), form.get("key", "")
        if act == "ignore":
            faq_office.ignore_cluster(office, key)
            return self._to_unanswered(community, "ignored")
        if act == "drop":
            faq_office.ignore_proposal(office, _number(key) or 0)
            return self._to_unanswered(community, "ignored")
        if act not in ("adopt", "merge", "take"):
            abort(400)
        try:
            self._settle(office, act, key)
        except Breaks as breaks:
            return render_template("faq_breaks.html", breaks=breaks, form=form), 409
        return self._to_unanswered(community, "merged" if act == "merge" else "adopted")

    def undo(self, community: Community) -> Any:
        """Puts back what a version changed."""
        number = _number(request.form.get("version", ""))
        if number is None:
            abort(400)
        try:
            done = faq_office.undo(self._parts.office(community), number, force=_forced(), once=once_of())
        except Breaks as breaks:
            return render_template("faq_breaks.html", breaks=breaks, form=request.form), 409
        return self._done(community, "undone", done)

    # Small steps ----------------------------------------------------------------------------------------------------------

    def _save(self, office: Office, entry: Entry, *, is_new: bool, expect: int | None) -> Published:
        """Publishes; what others did to other entries meanwhile is no conflict."""
        force, once = _forced(), once_of()
        try:
            return faq_office.save_entry(office, entry, is_new=is_new, force=force, once=once, expect=expect)
        except Outdated:
            newest, differs = self._changed_since(expect)
            if newest is None or entry.id in differs:
                raise
        return faq_office.save_entry(office, entry, is_new=is_new, force=force, once=once, expect=newest)

    def _changed_since(self, version: int | None) -> tuple[int | None, Mapping[str, str | None]]:
        try:
            return self._parts.stores.content.changes_since(_FAQ, version or 0)
        except Forgotten:
            return None, {}

    def _version(self) -> int:
        return self._parts.stores.content.versions().get(_FAQ, 0)

    def _get(self, community: Community, id: str) -> Entry:
        return self._find(self._parts.office(community), id) or abort(404)

    def _find(self, office: Office, id: str) -> Entry | None:
        found = office.desk.find(id)
        return found if found and office.sees(found) else None

    def _settle(self, office: Office, act: str, key: str) -> Published:
        form = request.form
        if act == "merge":
            return faq_office.merge_cluster(office, key, form.get("entry", "").strip(), force=_forced(), once=once_of())
        if act == "take":
            return faq_office.adopt_proposal(
                office, _number(key) or 0, answer=form.get("answer", "").strip(), force=_forced(), once=once_of()
            )
        question, answer = form.get("question", "").strip(), form.get("answer", "").strip()
        return faq_office.adopt_cluster(office, key, answer, question=question, force=_forced(), once=once_of())

    def _form(
        self, community: Community, entry: Entry, *, is_new: bool, version: int | None = None, problem: str = "",
        breaks: Breaks | None = None, removes: bool = False,
    ) -> str:  # fmt: skip
        return render_template(
            "faq_edit.html", entry=entry, is_new=is_new, version=version, problem=problem, breaks=breaks, removes=removes,
            scope=scope_of(entry, community.id), once=fresh_once(), roles=TITLES, variables=VARIABLES,
            is_only=len(self._parts.places) == 1, may_share=self._parts.office(community).may_share, shown=preview(entry.answer, markdown=entry.markdown),
        )  # fmt: skip

    def _conflict(self, office: Office, entry: Entry, version: int) -> tuple[str, int]:
        theirs = self._find(office, entry.id)
        rows = _differences(theirs, entry)
        page = render_template("faq_conflict.html", entry=entry, theirs=theirs, rows=rows, version=version, form=request.form)
        return page, 409

    def _changes(self, community: Community, number: int) -> tuple[Edit, ...]:
        """What a version changed, as far as this community may know."""
        try:
            _, changes = self._parts.stores.content.version(_FAQ, number)
        except NoSuchVersion:
            abort(404)
        edits = (Edit(_read(change.before), _read(change.after)) for change in changes)
        ours = (edit for edit in edits if all(entry.is_for(community.id) for entry in (edit.before, edit.after) if entry))
        return tuple(islice(ours, MOST_CHANGES))

    def _done(self, community: Community, said: str, done: Published) -> BaseResponse:
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        return redirect(url_for("console.faq", place=community.id, said=said, version=done.version), 303)

    def _to_unanswered(self, community: Community, said: str) -> BaseResponse:
        self._parts.live.refresh()
        return redirect(url_for("console.faq_unanswered", place=community.id, said=said), 303)


def _read(text: str | None) -> Entry | None:
    return entry_from_json(text) if text else None


def _differences(before: Entry | None, after: Entry | None) -> list[Row]:
    texts = ((title, _shown(before, name), _shown(after, name)) for name, title in TITLED.items())
    return [Row(title, _lines(old, new)) for title, old, new in texts if old != new]


def _lines(old: str, new: str) -> list[tuple[str, str]]:
    return [(line[0], line[2:]) for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] != "?"]


def _shown(entry: Entry | None, name: str) -> str:
    value = getattr(entry, name) if entry else ""
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, LinkCard):
        return "\n".join(part for part in (value.title, value.text, value.url, value.picture) if part)
    return "是" if value is True else TITLES[known_role(value)] if name == "role" and value else str(value or "")


def _forced() -> bool:
    return request.form.get("force") == "1"


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 12 else None
