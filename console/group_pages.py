"""社群: its groups – how each fares, what posts into it, why nothing may come from it – and the groups that nobody listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.config import ADMINS
from bot.errors import UserError
from bot.permissions import Role, may
from bot.ways_in import TITLES, reasons_of
from bot.webhooks import Put, Shown, WebhookKeys
from console.asked import fresh_once, once_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from console.tables import GROUP_DAYS
from rules.figures import Day, Span, Where

ADMIN: Role = "admin"
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
        self._keys = WebhookKeys(parts.config, parts.stores.webhooks, parts.stores.groups)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, ADMIN)
        pages.add_url_rule("/in/<place>/groups", "groups", guard(self.show))
        pages.add_url_rule("/in/<place>/groups/webhook", "group_webhook", guard(self.put), methods=["POST"])
        pages.add_url_rule("/in/<place>/groups/webhook/remove", "group_webhook_remove", guard(self.remove), methods=["POST"])

    def show(self, community: Community) -> str:
        """The community's groups, and for who looks after all communities those that nobody listed, the newest first."""
        return self._page(community)

    def put(self, community: Community) -> Any:
        """Puts a webhook in force for a group, in place of the one it may have; neither is ever shown."""
        where, chat = self._asked(community)
        try:
            given = words_of("webhook", LONGEST, wanted="请粘贴 Webhook 地址，在群机器人的资料里复制")
            put = self._keys.put(where, chat, given, once=once_of(), refusal=self._parts.refusal_of)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        self._record("换 Webhook" if put.before else "添加 Webhook", where, chat, put)
        return redirect(url_for("console.groups", place=community.id, said="webhook" if put.before else "webhook_added"), 303)

    def remove(self, community: Community) -> Any:
        """Takes out a webhook that was put in here."""
        where, chat = self._asked(community)
        try:
            self._record("拿走 Webhook", where, chat, self._keys.remove(where, chat, once=once_of()))
        except UserError as problem:
            return self._page(community, str(problem)), 400
        return redirect(url_for("console.groups", place=community.id, said="webhook_removed"), 303)

    def _asked(self, community: Community) -> tuple[str, str]:
        """Whose webhook it is about, as a community and a chat: of this community, or of a group that nobody listed, if he may see those."""
        chat = request.form.get("chat", "")[:128]
        if not request.form.get("unlisted"):
            return community.id, chat
        if not may(visitor().everywhere, ADMIN) or self._parts.config.community(chat):
            abort(403)
        return chat, chat

    def _record(self, act: str, where: str, chat: str, put: Put) -> None:
        named, now = "管理群" if chat == ADMINS else chat or "第一个群", self._parts.clock()
        self._parts.stores.audit.record(where, str(visitor().number), act, named, put.before, put.digest, now, once=once_of())

    def _page(self, community: Community, problem: str = "") -> str:
        parts, listed = self._parts, self._parts.config.community(community.id)
        heard = parts.stores.groups.all() if may(visitor().everywhere, ADMIN) else None
        newest = sorted((heard or {}).items(), key=lambda one: one[1], reverse=True)
        hooks = self._keys.shown()
        groups = [Where(community.id, chat) for chat in (listed.groups if listed else ())[:MOST]]
        unlisted, ats = [Where(chat) for chat, _ in newest[:MOST]], [datetime.fromisoformat(at) for _, at in newest[:MOST]]
        days = self._days(community, [*groups, *unlisted])
        return render_template(
            "groups.html", groups=[_group(where.chat, days[where], hook=hooks.get((community.id, where.chat))) for where in groups],
            admin_group=listed.admin_group if listed else "", admin_hook=hooks.get((community.id, ADMINS)), admins=ADMINS,
            is_listed=listed is not None,
            unlisted=[
                _group(one.community, days[one], hook=hooks.get((one.community, one.community)), heard=at)
                for one, at in zip(unlisted, ats, strict=True)
            ],
            total=len(newest), sees_unlisted=heard is not None, days=GROUP_DAYS, channels=[(one.name, TITLES[one.kind]) for one in parts.config.channels],
            reasons=reasons_of(parts.config), problem=problem, once=fresh_once(),
        )  # fmt: skip

    def _days(self, community: Community, places: Sequence[Where]) -> Mapping[Where, Sequence[Day]]:
        today = community.day_of(self._parts.clock())
        return self._parts.stores.daybook.many(places, today - timedelta(days=GROUP_DAYS - 1), today, today) if places else {}


def _group(chat: str, days: Sequence[Day], *, hook: Shown | None = None, heard: datetime | None = None) -> Group:
    span = Span(days)
    return Group(chat, span.count("messages"), span.last.spoke.week, sum(day.new for day in days), hook, heard)
