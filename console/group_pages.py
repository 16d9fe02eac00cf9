"""社群: its groups – how each fares, what posts into it, why nothing may come from it – and the groups that nobody listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from bot.communities import Community
from bot.config import ADMINS
from bot.errors import UserError
from bot.permissions import Role, may
from bot.ways_in import TITLES, reasons_of
from bot.webhooks import Shown, WebhookKeys, chats_of
from console.asked import fresh_once, once_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.figures import Day, Span, Where

ADMIN: Role = "admin"
DAYS = 7
MOST = 50
"""Groups of one page."""
LONGEST = 500
"""Characters of an address."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group with its last seven days: messages, different members who spoke, newcomers, and what posts into it (None: nothing)."""

    chat: str
    messages: int
    spoke: int
    new: int
    webhook: Shown | None = None
    heard: datetime | None = None


class GroupPages:
    """The page of 社群."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._keys = WebhookKeys(parts.config, parts.stores.webhooks)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, ADMIN)
        pages.add_url_rule("/in/<place>/groups", "groups", guard(self.show))
        pages.add_url_rule("/in/<place>/groups/webhook", "group_webhook", guard(self.replace), methods=["POST"])

    def show(self, community: Community) -> str:
        """The community's groups, and for who looks after all communities those that nobody listed, the newest first."""
        return self._page(community)

    def replace(self, community: Community) -> Any:
        """Puts another webhook in force for a group; neither the old nor the new one is ever shown."""
        once, chat, now = once_of(), request.form.get("chat", "")[:128], self._parts.clock()
        try:
            before = self._keys.shown(community.id).get(chat)
            given = words_of("webhook", LONGEST, wanted="请粘贴新的 Webhook 地址，在群机器人的资料里复制")
            admin_group = self._admin_group(community)
            digest = self._keys.replace(community.id, admin_group if chat == ADMINS else chat, given)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        named = "管理群" if chat == ADMINS else chat or "第一个群"
        self._parts.stores.audit.record(
            community.id, str(visitor().number), "换 Webhook", named, before.digest if before else "", digest, now, once=once
        )
        return redirect(url_for("console.groups", place=community.id, said="webhook"), 303)

    def _page(self, community: Community, problem: str = "") -> str:
        parts, listed = self._parts, self._parts.config.community(community.id)
        heard = parts.stores.groups.all() if may(visitor().everywhere, ADMIN) else None
        newest = sorted((heard or {}).items(), key=lambda one: one[1], reverse=True)
        hooks = self._keys.shown(community.id) if listed else {}
        groups = [Where(community.id, chat) for chat in (listed.groups if listed else ())[:MOST]]
        unlisted = [Where(chat) for chat, _ in newest[:MOST]]
        days = self._days(community, [*groups, *unlisted])
        return render_template(
            "groups.html", groups=[_group(where.chat, days[where], hook=hooks.get(where.chat)) for where in groups],
            admin_group=self._admin_group(community), admin_hook=hooks.get(ADMINS), admins=ADMINS, hooks=[*chats_of(listed)] if listed else [],
            unlisted=[_group(where.community, days[where], heard=datetime.fromisoformat((heard or {})[where.community])) for where in unlisted],
            total=len(newest), sees_unlisted=heard is not None, days=DAYS, channels=[(one.name, TITLES[one.kind]) for one in parts.config.channels],
            reasons=reasons_of(parts.config), problem=problem, once=fresh_once(),
        )  # fmt: skip

    def _days(self, community: Community, places: Sequence[Where]) -> Mapping[Where, Sequence[Day]]:
        today = self._parts.clock().astimezone(community.zone).date()
        return self._parts.stores.daybook.many(places, today - timedelta(days=DAYS - 1), today, today) if places else {}

    def _admin_group(self, community: Community) -> str:
        listed = self._parts.config.community(community.id)
        return listed.admin_group if listed else ""


def _group(chat: str, days: Sequence[Day], *, hook: Shown | None = None, heard: datetime | None = None) -> Group:
    span = Span(days)
    return Group(chat, span.count("messages"), span.last.spoke.week, sum(day.new for day in days), hook, heard)
