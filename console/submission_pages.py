"""审稿: what members wrote and waits for somebody to look at, and what was singled out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.permissions import Role
from bot.submission_desk import SubmissionDesk, shown
from console.asked import fresh_once, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.activities import TITLES
from rules.submissions import FROM, LONGEST_REASON, STATES, Decision
from storage.submissions import Submission

VIEWER: Role = "viewer"
MODERATOR: Role = "moderator"
PAGE = 20
LARGEST = 10**9
"""No submission has a larger number."""
_DECISIONS: dict[str, Decision] = {"approved": "approved", "featured": "featured", "rejected": "rejected", "cared": "cared"}


class SubmissionPages:
    """The pages of 审稿 and 精华. What was said to the tree hole has no author here either."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, str], ...] = (
            ("submissions", "submissions", self.listed, MODERATOR, "GET"),
            ("submissions/featured", "submissions_featured", self.featured, VIEWER, "GET"),
            ("submissions/<int:number>", "submission", self.show, MODERATOR, "GET"),
            ("submissions/<int:number>/review", "submission_review", self.review, MODERATOR, "POST"),
        )
        for path, name, view, role, method in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=[method])

    def listed(self, community: Community) -> str:
        """What waits, the oldest first."""
        store, page = self._parts.stores.submissions, page_of()
        total, found = store.count_waiting(community.keys), store.waiting(community.keys, PAGE, skip=(page - 1) * PAGE)
        return self._list(found, total, page, is_featured=False)

    def featured(self, community: Community) -> str:
        """What was singled out, the newest first."""
        store, page = self._parts.stores.submissions, page_of()
        total, found = store.count_featured(community.keys), store.featured(community.keys, PAGE, skip=(page - 1) * PAGE)
        return self._list(found, total, page, is_featured=True)

    def _list(self, found: list[Submission], total: int, page: int, *, is_featured: bool) -> str:
        return render_template(
            "submissions.html", rows=[(one, shown(one)) for one in found], names=self._names(found), total=total, page=page,
            has_more=page * PAGE < total, is_featured=is_featured, states=STATES, titles_of=TITLES,
        )  # fmt: skip

    def show(self, community: Community, number: int) -> str:
        """One submission."""
        return self._page(community, number)

    def _page(self, community: Community, number: int, problem: str = "") -> str:
        one = self._get(community, number)
        may_be = [decision for decision, states in FROM.items() if one.state in states]
        if one.kind == "box":
            may_be = [decision for decision in may_be if decision != "featured"]
        return render_template(
            "submission.html", one=one, text=shown(one), names=self._names([one]), states=STATES, titles_of=TITLES, may_be=may_be,
            problem=problem, once=fresh_once(), typed=request.form, most=LONGEST_REASON,
        )  # fmt: skip

    def review(self, community: Community, number: int) -> Any:
        """Decides; its author is told, and the group of what is shown there."""
        self._get(community, number)
        once, decision = once_of(), _DECISIONS.get(request.form.get("act", "")) or abort(400)
        try:
            wanted = "请写上理由，作者会看到，例如：请补充出处" if decision == "rejected" else ""
            judged = self._desk(community).review(
                number, decision, visitor().actor(community.id), words_of("words", LONGEST_REASON, wanted=wanted), once=once
            )  # fmt: skip
        except UserError as problem:
            return self._page(community, number, str(problem)), 400
        if not judged.is_done:
            return self._page(community, number, f"刚才已经有人处理过：{STATES[judged.reviewed.before]}。这次没有改动。"), 409
        return redirect(url_for("console.submission", place=community.id, number=number, said=f"submission_{decision}"), 303)

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _get(self, community: Community, number: int) -> Submission:
        found = self._parts.stores.submissions.find(community.keys, number) if 0 < number < LARGEST else None
        return found or abort(404)

    def _desk(self, community: Community) -> SubmissionDesk:
        parts = self._parts
        return SubmissionDesk(parts.stores, parts.live.current, parts.config, community, parts.clock())

    def _names(self, found: list[Submission]) -> dict[int, str]:
        numbers = list({number for one in found for number in (one.author, one.reviewer) if number})
        return {number: name or f"成员 {number}" for number, name in self._parts.stores.directory.find_names(numbers).items()} | {
            0: "没有留名"
        }
