"""邀请: what invitations brought, and those that somebody has to look at."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.invitation_desk import InvitationDesk, why_held
from bot.permissions import Role
from console.asked import fresh_once, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.invitations import STATES

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
TOP = 20
MOST_HELD = 50
PAGE = 30
HOWS = {"code": "邀请码", "name": "说了名字", "link": "渠道链接", "roster": "群名单"}
"""How it is known who invited somebody."""
DAYS = 30
LARGEST = 10**15
LONGEST_REASON = 100
FIGURES = {"invite_asked": "要过邀请码", "invited": "来了", "invite_credited": "留下并计入", "invite_reversed": "后来退回"}
"""The day's counters of invitations and what they are called, in the order in which people come through."""


class InvitationPages:
    """The pages of 邀请."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        pages.add_url_rule("/in/<place>/invitations", "invitations", needs(self._parts, VIEWER)(self.listed))
        pages.add_url_rule("/in/<place>/invitations/of/<int:member>", "inviter", needs(self._parts, OPERATOR)(self.inviter))
        pages.add_url_rule(
            "/in/<place>/invitations/<int:number>", "invitation_review", needs(self._parts, OPERATOR)(self.review), methods=["POST"]
        )

    def listed(self, community: Community) -> str:
        """The last days in figures, the board, and what waits."""
        return self._page(community)

    def _page(self, community: Community, problem: str = "") -> str:
        stores, rules = self._parts.stores, self._parts.live.current.invitations
        counts = stores.tallies.of_days(community.id, community.day_of(self._parts.clock()), DAYS)
        total, held = stores.invitations.held(community.keys, MOST_HELD) if visitor().may(community.id, OPERATOR) else (0, [])
        top = stores.invitations.board(community.keys, TOP)
        named = {number for number, _ in top} | {number for one in held for number in (one.newcomer, one.by)}
        names = stores.directory.find_names(list(named)) if named else {}
        return render_template(
            "invitations.html", rules=rules, figures=[(said, counts.get(name, 0)) for name, said in FIGURES.items()], top=top, held=held, total=total,
            names={number: names.get(number) or f"成员 {number}" for number in named}, why=why_held, states=STATES, days=DAYS,
            may_share=self._parts.office(community).may_share, problem=problem, once=fresh_once(), most=LONGEST_REASON,
        )  # fmt: skip

    def inviter(self, community: Community, member: int) -> str:
        """One inviter: whom he brought, what became of each, and what he is owed."""
        where, page, store = community.keys, page_of(), self._parts.stores.invitations
        total, brought = store.of_inviter(where, member, PAGE, skip=(page - 1) * PAGE)
        if not total and not self._is_here(community, member):
            abort(404)
        names = self._parts.stores.directory.find_names([member, *(one.newcomer for one in brought)])
        return render_template(
            "inviter.html", member=member, total=total, brought=brought, standing=store.inviter(where, member), states=STATES, why=why_held, page=page,
            has_more=page * PAGE < total, names=names, hows=HOWS,
        )  # fmt: skip

    def _is_here(self, community: Community, member: int) -> bool:
        """Whether somebody was seen in this community: numbers lead to the people of all, and a name is not for another's operators."""
        stores = self._parts.stores
        return bool(member < LARGEST and stores.roster.seen(community.keys, [member]) and stores.directory.find_user(member))

    def review(self, community: Community, number: int) -> Any:
        """Accepts or refuses an invitation that waits."""
        once, approve = once_of(), request.form.get("act") == "approve"
        desk = InvitationDesk(self._parts.stores, self._parts.config, self._parts.live.current, community, self._parts.clock())
        try:
            reason = words_of("words", LONGEST_REASON, wanted="" if approve else "请写上理由，会记在审计里，例如：都是小号")
            found, done = desk.review(number, visitor().actor(community.id), reason, approve=approve, once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        if not done.is_done:
            return self._page(community, f"邀请 {number} 已经处理过了：{STATES[found.state]}。"), 409
        said = "invitation_approved" if approve else "invitation_rejected"
        return redirect(url_for("console.invitations", place=community.id, said=said), 303)
