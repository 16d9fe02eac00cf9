"""流程 and 挑战: how far members come, who is inside, and starting or stopping one for somebody."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.flow_desk import BEGUN, OVER, STATUS, FlowDesk
from bot.members import find_members, listed, name_of
from bot.permissions import Role
from console.asked import fresh_once, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from console.turns import OneAtATime
from handlers.challenges import rules_of, standing_of
from handlers.flows import act_on_member, funnel_rows, starts_of
from rules.challenges import Challenge, challenges_of, is_open
from rules.contents import FLOWS, text_of_one
from rules.flows import Flow

VIEWER: Role = "viewer"
MODERATOR: Role = "moderator"
OPERATOR: Role = "operator"
DAYS = 30
MOST_INSIDE = 50
PAGE = 20
WHO = {"all": "所有成员", "customers": "客户", "employees": "员工"}


class FlowPages:
    """The pages of 流程."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, str], ...] = (
            ("flows", "flows", self.listed, VIEWER, "GET"),
            ("flows/<flow>", "flow", self.show, VIEWER, "GET"),
            ("flows/<flow>/member", "flow_member", self.act, OPERATOR, "POST"),
        )
        for path, name, view, role, method in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=[method])

    def listed(self, community: Community) -> str:
        """The flows of the community, and how many began and came through."""
        found = [one for one in self._parts.live.current.flows.by_id.values() if _is_here(one, community)]
        rows = [(one, starts_of(one), dict(self._funnel(community, one))) for one in found]
        return render_template("flows.html", rows=rows, begun=BEGUN, over=OVER, may_share=self._parts.office(community).may_share)

    def show(self, community: Community, flow: str) -> str:
        """One flow."""
        return self._page(community, self._get(community, flow))

    def _page(self, community: Community, found: Flow, problem: str = "") -> str:
        stores = self._parts.stores
        inside = stores.flows.next_due(community.keys, found.id, most=MOST_INSIDE)
        names = stores.directory.find_names([member for member, _, _ in inside])
        labels = {n: step.label for n, step in enumerate(found.steps)}
        return render_template(
            "flow.html", flow=found, starts=starts_of(found), who=WHO[found.who], funnel=self._funnel(community, found), inside=inside,
            names=names, labels=labels, status=STATUS, most=MOST_INSIDE, text=text_of_one(FLOWS, found.source), once=fresh_once(),
            problem=problem, typed=request.form, may_share=self._parts.office(community).may_share,
        )  # fmt: skip

    def act(self, community: Community, flow: str) -> Any:
        """Starts or stops a flow for a member, whom the form names by his number or as people write him."""
        found, once, act = self._get(community, flow), once_of(), "停止" if request.form.get("act") == "stop" else "启动"
        desk = FlowDesk(self._parts.stores, self._parts.live.current, self._parts.config, self._parts.clock())
        try:
            who = words_of("who", 100, wanted="请写成员的名字、编号或 userid，例如：李雷")
            member = self._find(community, who)
            if why := act_on_member(desk, community, visitor().actor(community.id), act, found, member, once=once):
                raise UserError(f"{name_of(self._parts.stores, member)}：“{found.title}”{why}。")
        except UserError as problem:
            return self._page(community, found, str(problem)), 400
        said = "flow_stopped" if act == "停止" else "flow_started"
        if request.form.get("back") == "member":
            return redirect(url_for("console.member", place=community.id, member=member, said=said), 303)
        return redirect(url_for("console.flow", place=community.id, flow=found.id, said=said), 303)

    def _find(self, community: Community, who: str) -> int:
        found = find_members(self._parts.stores, who, community.keys)
        if len(found) > 1:
            raise UserError(f"有 {len(found)} 个人叫“{who}”，请写成员编号：\n{listed(self._parts.stores, found)}")
        return found[0]

    def _get(self, community: Community, flow: str) -> Flow:
        found = self._parts.live.current.flows.by_id.get(flow)
        return found if found and _is_here(found, community) else abort(404)

    def _funnel(self, community: Community, found: Flow) -> list[tuple[str, int]]:
        today = community.day_of(self._parts.clock())
        return funnel_rows(found, self._parts.stores.flows.funnel(community.keys, found.id, today, DAYS))


class ChallengePages:
    """The pages of 挑战."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_at_a_time = OneAtATime(wait_s=2)  # to find who takes part means to walk through all that take part in anything

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        pages.add_url_rule("/in/<place>/challenges", "challenges", needs(self._parts, VIEWER)(self.listed))
        pages.add_url_rule("/in/<place>/challenges/members", "challenge", needs(self._parts, MODERATOR)(self.show))

    def listed(self, community: Community) -> str:
        """The challenges, and by which rules."""
        rows = [(one, rules_of(one)) for one in self._challenges(community)]
        today = community.day_of(self._parts.clock())
        return render_template("challenges.html", rows=rows, today=today, may_share=self._parts.office(community).may_share)

    def show(self, community: Community) -> str:
        """Who takes part in a challenge and how far he is; what was shown last, as in chat for moderators."""
        found = next((one for one in self._challenges(community) if one.id == request.args.get("id")), None) or abort(404)
        stores, where, today, page = self._parts.stores, community.keys, community.day_of(self._parts.clock()), page_of()
        with self._one_at_a_time:
            runs = stores.challenges.members(where, found.id)
        order = sorted(runs, key=lambda member: (-runs[member].done, member))
        shown = order[(page - 1) * PAGE : page * PAGE]
        names, proofs = stores.directory.find_names(shown), stores.challenges.proofs(where, found.id, shown)
        rows = [
            (member, names[member] or f"成员 {member}", runs[member], standing_of(found, runs[member], today), proofs.get(member))
            for member in shown
        ]
        return render_template(
            "challenge.html", challenge=found, rules=rules_of(found), rows=rows, total=len(order), page=page, has_more=page * PAGE < len(order),
            going=sum(is_open(found, run, today) for run in runs.values()), finished=sum(run.times > 0 for run in runs.values()),
        )  # fmt: skip

    def _challenges(self, community: Community) -> list[Challenge]:
        today = community.day_of(self._parts.clock())
        return challenges_of(self._parts.live.current.challenges, community.id, today, with_over=True)


def _is_here(flow: Flow, community: Community) -> bool:
    """Whether a flow is for a community, alone or with others."""
    return not flow.communities or community.id in flow.communities
