"""扩展: the pages of features from elsewhere – what they want to show, in the console's frame, with its rights and its forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, abort, render_template, request

from bot.communities import Community
from bot.errors import UserError
from bot.extensions import Extension, Field, Form, Page, Part, Scene, Table
from bot.permissions import Actor, Role
from console.asked import fresh_once, once_of
from console.doors import needs
from console.navigation import Entry
from console.parts import Parts, visitor

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
LONGEST, LONGEST_LINES = 200, 4_000
"""Characters of a line, and of a field with several."""
MOST_ROWS = 500
"""Rows of a table that are shown; it says how many more there are."""
Pages = Mapping[str, tuple[Extension[Any, Any], Page]]


def entries(extensions: Iterable[Extension[Any, Any]]) -> tuple[Entry, ...]:
    """The entries of the menu for the extensions that have a page."""
    return tuple(Entry(one.title, "extension", one.page.role, words=one.page.words, name=one.name) for one in extensions if one.page)


class ExtensionPages:
    """One page for each extension that has one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages: Pages = {one.name: (one, one.page) for one in parts.extensions if one.page}

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        pages.add_url_rule("/in/<place>/x/<name>", "extension", needs(self._parts, VIEWER)(self.show))
        pages.add_url_rule("/in/<place>/x/<name>", "extension_act", needs(self._parts, OPERATOR)(self.act), methods=["POST"])

    def show(self, community: Community, name: str) -> str:
        """What the extension shows."""
        extension, page = self._get(community, name)
        return self._page(community, extension, page)

    def act(self, community: Community, name: str) -> Any:
        """Does what a form of the extension asks for, and writes it into the audit."""
        extension, page = self._get(community, name)
        scene, act = self._scene(community, once_of()), request.form.get("act", "")
        form = next((part for part in page.show(scene) if isinstance(part, Form) and part.act == act), None)
        if page.act is None or form is None:
            abort(400)
        try:
            done = page.act(scene, act, _given(form))
        except UserError as problem:
            return self._page(community, extension, page, problem=str(problem)), 400
        self._parts.stores.audit.record(
            community.id, scene.actor.id, f"扩展 {extension.title}：{form.button}", "", "", done, scene.now, once=scene.once
        )
        return self._page(community, extension, page, done=done)

    def _get(self, community: Community, name: str) -> tuple[Extension[Any, Any], Page]:
        if name not in self._pages:
            abort(404)
        extension, page = self._pages[name]
        if not visitor().may(community.id, page.role):
            abort(403)
        return extension, page

    def _page(self, community: Community, extension: Extension[Any, Any], page: Page, *, problem: str = "", done: str = "") -> str:
        shown: Sequence[Part] = page.show(self._scene(community))
        may_act = page.act is not None and visitor().may(community.id, OPERATOR)
        return render_template(
            "extension.html", extension=extension, parts=[(_sort(part), part) for part in shown], may_act=may_act, problem=problem, done=done,
            once=fresh_once(), typed=request.form if problem else {}, longest=LONGEST, longest_lines=LONGEST_LINES, most=MOST_ROWS,
        )  # fmt: skip

    def _scene(self, community: Community, once: str = "") -> Scene:
        return scene_of(self._parts, community, visitor().actor(community.id), once)


def scene_of(parts: Parts, community: Community, actor: Actor, once: str = "") -> Scene:
    """What an extension's page draws from."""
    return Scene(parts.stores, parts.config, parts.live.current, community, actor, parts.clock(), once)


def _sort(part: Part) -> str:
    return "table" if isinstance(part, Table) else "form" if isinstance(part, Form) else "text"


def _given(form: Form) -> dict[str, str]:
    """What was filled in, field by field. Raises UserError."""
    return {one.name: _value(one) for one in form.fields}


def _value(one: Field) -> str:
    text = request.form.get(one.name, "").replace("\r\n", "\n").strip()
    most = LONGEST_LINES if one.kind == "long" else LONGEST
    if not text and one.is_needed:
        raise UserError(f"请填上“{one.title}”。")
    if len(text) > most:
        raise UserError(f"“{one.title}”有 {len(text)} 个字，最多 {most} 个。")
    if one.kind == "choice" and text and text not in one.choices:
        raise UserError(f"“{one.title}”请从列出的几个里选。")
    return text if one.kind == "long" else " ".join(text.split())
