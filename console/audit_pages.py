"""审计: who changed what."""

from __future__ import annotations

from flask import Blueprint, render_template

from bot.communities import Community
from bot.permissions import Role, may
from console.asked import number_of
from console.doors import needs
from console.parts import Parts, visitor
from handlers.audit import MOST_PAGES, actor_name, audit_page, change_lines

ADMIN: Role = "admin"
ROWS = 30


class AuditPages:
    """The page of 审计."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the page to the console."""
        pages.add_url_rule("/in/<place>/audit", "audit", needs(self._parts, ADMIN)(self.show))

    def show(self, community: Community) -> str:
        """One page of acts, the newest first; for who looks after all communities with those of the installation."""
        page = number_of("page", 1, MOST_PAGES)
        found = audit_page(self._parts.stores, community.id, page, size=ROWS, everywhere=may(visitor().everywhere, ADMIN))
        names = {row.actor: actor_name(self._parts.stores, row.actor) for row in found.rows}
        told = {row.id: change_lines(row) for row in found.rows}
        return render_template("audit.html", rows=found.rows, names=names, told=told, page=page, has_more=found.has_more)
