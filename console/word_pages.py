"""词库: the list, words put in one by one or pasted, the trial of a sentence, the history, and files in and out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import Role
from bot.word_desk import KIND, WordDesk
from console.asked import fresh_once, number_of, once_of, page_of, words_of
from console.doors import needs
from console.faq_files import MIMES, Report
from console.parts import Parts
from console.turns import FILE_BUSY, OneAtATime
from handlers.audit import actor_name
from rules.content_words import LISTED, rule_of, told
from rules.contents import WORDS, dump, from_items
from rules.judgement import TITLES, Category, Verdict
from rules.wordlist import Allowed, Entry, Word

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
ALLOW = "allow"
KINDS: Mapping[str, str] = {**{category: TITLES[category] for category in LISTED}, ALLOW: "放行"}
"""What an entry can be: a word of a category, or a phrase that is allowed."""
LEVELS: Mapping[int, str] = {1: "只记录", 2: "交给管理员看", 3: "最严重"}
OUTCOMES: Mapping[str, str] = {"pass": "放过", "review": "交给管理员看", "warn": "提醒成员"}
SIZE = 50
HISTORY = 30
LONGEST_TEXT = 500
LONGEST_RULE = 200
MOST_PASTED = 20_000
"""Words of one pasting; more come as a file."""
MOST_CHECKED = 2_000
"""Pasted words that are looked for in ordinary chat."""
MOST_SHOWN = 20

_BETWEEN = re.compile(r"[\n、，,；;]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence; ``is_hit``: what a judge found."""

    text: str
    is_hit: bool


class WordPages:
    """The pages of 词库. One file at a time in a process: the others have members to answer."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = OneAtATime(FILE_BUSY)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, tuple[str, ...]], ...] = (
            ("words", "words", self.listed, VIEWER, ("GET",)),
            ("words/try", "words_try", self.try_text, VIEWER, ("GET", "POST")),
            ("words/history", "words_history", self.history, VIEWER, ("GET",)),
            ("words/new", "words_new", self.new, OPERATOR, ("GET",)),
            ("words/add", "words_add", self.add, OPERATOR, ("POST",)),
            ("words/edit", "words_edit", self.edit, OPERATOR, ("GET",)),
            ("words/save", "words_save", self.save, OPERATOR, ("POST",)),
            ("words/remove", "words_remove", self.remove, OPERATOR, ("POST",)),
            ("words/undo", "words_undo", self.undo, OPERATOR, ("POST",)),
            ("words/files", "words_files", self.files, OPERATOR, ("GET",)),
            ("words/import", "words_import", self.take_in, OPERATOR, ("POST",)),
            ("words/export/<form>", "words_export", self.give_out, OPERATOR, ("GET",)),
        )
        for path, name, view, role, methods in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=methods)

    # Looking ------------------------------------------------------------------------------------------------------------

    def listed(self, community: Community) -> str:
        """The words: searched, filtered, by pages."""
        search, kind = request.args.get("q", "")[:50].strip(), request.args.get("kind", "")
        only_here = request.args.get("here") == "1"
        if kind and kind not in KINDS:
            abort(404)
        desk, severity = self._desk(community), number_of("level", 0, 3)
        found = desk.page(search, category=kind, severity=severity, only_here=only_here, page=page_of(), size=SIZE)
        counts, allowed = desk.counts()
        by_kind = {name: sum(n for (category, _), n in counts.items() if category == name) for name in LISTED} | {ALLOW: allowed}
        return render_template(
            "words.html", found=found, search=search, kind=kind, level=severity, only_here=only_here, kinds=KINDS, levels=LEVELS, counts=by_kind,
            total=sum(counts.values()), desk=desk, is_filtered=bool(search or kind or severity or only_here),
        )  # fmt: skip

    def try_text(self, community: Community) -> str:
        """What would be found in a sentence, how it had to be read for that, and what would come of it."""
        text = request.form.get("text", "")[:LONGEST_TEXT].strip()
        verdict = self._desk(community).judge(text) if text else None
        page = "_word_trial.html" if request.headers.get("HX-Request") else "words_try.html"
        pieces = pieces_of(text, verdict) if verdict else ()
        return render_template(page, text=text, verdict=verdict, pieces=pieces, outcomes=OUTCOMES, titles_of=TITLES)

    def history(self, community: Community) -> str:
        """The newest versions."""
        versions = self._desk(community).history(HISTORY)
        names = {version.author: actor_name(self._parts.stores, version.author) for version in versions}
        return render_template("words_history.html", versions=versions, names=names)

    def new(self, community: Community) -> str:
        """The form for new words."""
        word = request.args.get("word", "")[:50].strip()
        return self._form(community, {"words": word, "kind": "insult", "level": "2"})

    def edit(self, community: Community) -> str:
        """The form of one word or phrase."""
        id = _id(request.args)
        return self._one(community, id, self._entry(community, id))

    # Changing -----------------------------------------------------------------------------------------------------------

    def add(self, community: Community) -> Any:
        """Lists what was typed or pasted, unless it is wrong, or so wide that it wants a second thought."""
        form, desk = request.form, self._desk(community)
        try:
            words = _words(form.get("words", ""))
            entries = [self._entry_of(desk, word, form, only_here=form.get("scope") == "here") for word in words]
            checked = [entry for entry in entries if isinstance(entry, Word)][:MOST_CHECKED]
            wide = [one for one in desk.widths(checked) if one.is_wide] if form.get("force") != "1" else []
            if wide:
                return self._form(community, form, wide=wide[:MOST_SHOWN], more=len(wide) - MOST_SHOWN), 409
            done = desk.put(entries, once=once_of())
        except UserError as problem:
            return self._form(community, form, problem=str(problem)), 400
        return self._done(community, "words_added" if done.added or done.changed else "unchanged", done.version)

    def save(self, community: Community) -> Any:
        """Changes one word, unless somebody else was faster."""
        form, desk, id = request.form, self._desk(community), _id(request.form)
        kept = self._entry(community, id)
        try:
            if form.get("was") != told(kept):
                raise UserError(f"刚刚被别人改过，现在是：{told(kept)}。请看看再决定。")
            word = words_of("word", 50, wanted="请写上词")
            only_here = form.get("scope") == "here"
            entry: Entry = Allowed(word) if isinstance(kept, Allowed) else self._entry_of(desk, word, form, only_here=only_here, kept=kept)
            done = desk.put([entry], once=once_of(), replaces=id)
        except UserError as problem:
            return self._one(community, id, kept, problem=str(problem)), 400
        return self._done(community, "words_saved" if done.added or done.changed or done.removed else "unchanged", done.version)

    def remove(self, community: Community) -> Any:
        """Removes words; the page after it offers to put them back."""
        ids = [id[:200] for id in request.form.getlist("id")[:SIZE] if id]
        if not ids:
            abort(400, "没有选要删除的词。")
        done = self._desk(community).remove(ids, once=once_of())
        return self._done(community, "words_removed", done.version)

    def undo(self, community: Community) -> Any:
        """Puts back what a version changed."""
        digits = request.form.get("version", "")
        if not digits.isdecimal() or len(digits) > 9:
            abort(400)
        try:
            self._desk(community).undo(int(digits), once=once_of())
        except UserError as problem:
            abort(409, str(problem))
        return self._done(community, "undone", None)

    # Files --------------------------------------------------------------------------------------------------------------

    def files(self, community: Community) -> str:
        """The forms."""
        return render_template("words_files.html", may_share=self._desk(community).may_share, report=None)

    def take_in(self, community: Community) -> Any:
        """Takes a file in, or says what is wrong with it, or only what it would change."""
        desk, file = self._shared(community), request.files.get("file")
        if file is None or not file.filename:
            return self._report(Report("没有选文件。", ("请先选一个 .yaml、.csv 或 .xlsx 文件。",)), 400)
        with self._one_at_a_time:
            try:
                return self._import(community, desk, PurePath(file.filename).name[-100:], file.read())
            except UserError as problem:
                lines = tuple(str(problem).splitlines())
                return self._report(Report(f"没有导入：有 {len(lines)} 处要改，一个词都没有动。", lines), 400)

    def give_out(self, community: Community, form: str) -> Response:
        """The file of the whole list in force."""
        desk = self._shared(community)
        if form not in MIMES:
            abort(404)
        with self._one_at_a_time:
            items = desk.stores.content.items(KIND)
            data = dump(WORDS, from_items(WORDS, items)).encode() if form == "yaml" else self._parts.table_of(WORDS, items, f"words.{form}")
        name = f"words-{self._parts.clock().astimezone(community.zone):%Y%m%d}.{form}"
        return Response(data, mimetype=MIMES[form], headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def _import(self, community: Community, desk: WordDesk, name: str, data: bytes) -> Any:
        items = self._parts.read_items(WORDS, name, data)
        plan = desk.plan(items, replace=request.form.get("replace") == "on")
        if request.form.get("dry") == "on" or not plan.changes:
            said = f"会{plan.summary}。" if plan.changes else "和现在的词库一样，什么都不用改。"
            return self._report(Report(said, notes=plan.notes), 200)
        version = desk.take_in(plan, note=f"导入 {name}", once=once_of())
        return self._done(community, "words_imported", version)

    # Small steps --------------------------------------------------------------------------------------------------------

    def _desk(self, community: Community) -> WordDesk:
        return WordDesk.of(self._parts.office(community))

    def _entry(self, community: Community, id: str) -> Entry:
        try:
            return self._desk(community).get(id)
        except UserError:
            abort(404)

    def _entry_of(self, desk: WordDesk, word: str, form: Mapping[str, str], *, only_here: bool, kept: Word | None = None) -> Entry:
        kind, level = form.get("kind", ""), form.get("level", "")
        if kind == ALLOW:
            return Allowed(word)
        category: Category | None = next((name for name in LISTED if name == kind), None)
        if category is None or level not in ("1", "2", "3"):
            raise UserError("请选一个类别和级别，例如：辱骂，2 级。")
        rule = " ".join(form.get("rule", "").split())[:LONGEST_RULE] or rule_of(category)
        communities = kept.communities if kept and form.get("scope") == "keep" else desk.scope(only_here=only_here)
        return Word(word, int(level), category, rule, communities)

    def _form(self, community: Community, typed: Mapping[str, str], *, problem: str = "", wide: Sequence[Any] = (), more: int = 0) -> str:
        return render_template(
            "words_new.html", typed=typed, problem=problem, wide=wide, more=more, kinds=KINDS, levels=LEVELS, once=fresh_once(),
            may_share=self._desk(community).may_share, is_only=len(self._parts.places) == 1,
        )  # fmt: skip

    def _one(self, community: Community, id: str, entry: Entry, *, problem: str = "") -> str:
        desk = self._desk(community)
        scope = "all" if isinstance(entry, Allowed) or not entry.communities else "here" if entry.communities == (community.id,) else "keep"
        return render_template(
            "words_edit.html", id=id, entry=entry, was=told(entry), problem=problem, scope=scope, kinds=KINDS, levels=LEVELS, once=fresh_once(),
            is_phrase=isinstance(entry, Allowed), may_change=desk.may_change(entry), may_share=desk.may_share,
            is_only=len(self._parts.places) == 1,
        )  # fmt: skip

    def _done(self, community: Community, said: str, version: int | None) -> BaseResponse:
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        return redirect(url_for("console.words", place=community.id, said=said, version=version), 303)

    def _report(self, report: Report, status: int) -> tuple[str, int]:
        return render_template("words_files.html", may_share=True, report=report), status

    def _shared(self, community: Community) -> WordDesk:
        """The desk of somebody who may see and change what all communities have."""
        desk = self._desk(community)
        if not desk.may_share:
            abort(403, "文件里有所有社群的词，要在所有社群都是运营才能导入和导出。")
        return desk


def pieces_of(text: str, verdict: Verdict) -> tuple[Piece, ...]:
    """A sentence in pieces: what was found at a place of its own, and what stands between."""
    hit = [False] * len(text)
    for reason in verdict.reasons:
        if reason.span and reason.source != "abuse":  # the model's are whole passages, and it says them itself
            start, end = reason.span
            hit[start:end] = [True] * (min(end, len(text)) - start)
    edges = [0, *(at for at in range(1, len(text)) if hit[at] != hit[at - 1]), len(text)]
    return tuple(Piece(text[start:end], hit[start]) for start, end in pairwise(edges) if start < end)


def _words(text: str) -> list[str]:
    """The words of a field: one a line, or with commas between; each once. Raises UserError."""
    found = list(dict.fromkeys(word for part in _BETWEEN.split(text.replace("\r", "")) if (word := " ".join(part.split()))))
    if not found:
        raise UserError("请写上要添加的词，一行一个，例如：傻叉")
    if len(found) > MOST_PASTED:
        raise UserError(f"一次最多贴 {MOST_PASTED} 个词，更多的请用文件导入。")
    return found


def _id(given: Mapping[str, str]) -> str:
    return given.get("id", "")[:200]
