"""新活动: which kinds there are, and the form of each; what is filled in becomes a draft, as if it had been typed in chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.activities.asking import draft_of
from bot.activities.desk import ActivityDesk
from bot.activities.form import COMMON, fill
from bot.activities.kinds import KINDS
from bot.communities import Community
from bot.errors import UserError
from bot.permissions import Role
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.activities import LONGEST_TITLE, TITLES, KindId

OPERATOR: Role = "operator"
TOLD: Mapping[KindId, str] = {
    "poll": "几个选项选一个或几个，可以匿名。",
    "quiz": "从题库随机抽题：大家抢答同一题，或者各答各的。",
    "lottery": "每人一个号码，到时间自动开奖；种子先公布承诺，谁都可以验证。",
    "chain": "报名、点单：每人排进名单，写一句话。",
    "topic": "大家各说几句，互相点赞，赞最多的是最佳；可以每周一期。",
    "box": "匿名说心里话，先审后发，谁也查不到是谁说的。",
    "survey": "一题一题私聊回答，结果不带名字；NPS 自动算。",
    "contest": "征集作品，审过的发出来，好的评为精华。",
}
"""What each kind is for."""


class ActivityForms:
    """The pages of a new activity."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/activities/new", "activity_kinds", guard(self.choose))
        pages.add_url_rule("/in/<place>/activities/new/<kind>", "activity_new", guard(self.ask))
        pages.add_url_rule("/in/<place>/activities/new/<kind>", "activity_make", guard(self.make), methods=["POST"])

    def choose(self, community: Community) -> str:
        """The kinds."""
        del community
        return render_template("activity_kinds.html", kinds=[(id, title, TOLD[id]) for id, title in TITLES.items()])

    def ask(self, community: Community, kind: str) -> str:
        """The empty form of a kind."""
        return self._page(community, _known(kind))

    def make(self, community: Community, kind: str) -> Any:
        """Makes a draft, whose page shows how members will see it; nothing is told to anybody yet."""
        known, once, parts = _known(kind), once_of(), self._parts
        desk = ActivityDesk(parts.stores, parts.live.current, parts.config, community, parts.clock())
        given = {name: value.replace("\r\n", "\n") for name, value in request.form.items()}
        try:
            asked = fill(KINDS[known].form, given, desk.now.astimezone(community.zone))
            made = draft_of(desk, known, asked, author=visitor().number, chat="", once=once)
        except UserError as problem:
            return self._page(community, known, str(problem)), 400
        return redirect(url_for("console.activity", place=community.id, number=made.number, said="activity_made"), 303)

    def _page(self, community: Community, kind: KindId, problem: str = "") -> str:
        form, contents = KINDS[kind].form, self._parts.live.current
        return render_template(
            "activity_new.html", kind=kind, title=TITLES[kind], form=form,
            common=[one for one in COMMON if one.name not in form.never], titles=form.titles(contents) if form.titles else None,
            levels=contents.levels.steps, problem=problem, typed=request.form, once=fresh_once(), most=LONGEST_TITLE,
            may_share=self._parts.office(community).may_share, groups=self._groups(community),
        )  # fmt: skip

    def _groups(self, community: Community) -> int:
        return next((len(listed.groups) for listed in self._parts.config.communities if listed.id == community.id), 1)


def _known(kind: str) -> KindId:
    found = next((id for id in KINDS if id == kind), None)
    return found or abort(404)
