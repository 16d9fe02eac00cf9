"""案件与申诉: the queue, one case with its reasons, appeals, how often people found the judges wrong, and what a trial run would have done."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.case_desk import LONGEST_WHY, CaseDesk
from bot.case_words import (
    APPEAL_STATES,
    JUDGES,
    STATES,
    VERDICTS,
    ground_line,
    marked,
    moderator_lines,
    named,
    percent,
    seen_by,
    text_of,
    told_line,
)
from bot.communities import Community
from bot.errors import UserError
from bot.members import all_called, find_members
from bot.permissions import Role
from bot.trials import course, sum_up, title_of
from console.asked import fresh_once, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from rules.judgement import TITLES
from storage.appeals import Ruling
from storage.cases import Case, Decision, Story

MODERATOR: Role = "moderator"
PAGE = 20
MOST_SIFTED = 500
"""Cases among which a filter looks."""
MOST_TRIED = 100
"""Messages of a trial that a page shows."""
LARGEST = 10**9
"""No case has a larger number."""
DECISIONS: dict[str, Decision] = {"warned": "warned", "ignored": "ignored", "hand": "hand", "merge": "merge"}
RULINGS: dict[str, Ruling] = {"granted": "granted", "upheld": "upheld"}
SHOWN = ("waiting", "mine", "all")


class CasePages:
    """The pages of 案件与申诉."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, MODERATOR)
        for path, name, view in (
            ("cases", "cases", self.listed),
            ("cases/appeals", "cases_appeals", self.appeals),
            ("cases/report", "cases_report", self.report),
            ("cases/trial", "cases_trial", self.trial),
            ("cases/<int:number>", "case", self.show),
        ):
            pages.add_url_rule(f"/in/<place>/{path}", name, guard(view))
        pages.add_url_rule("/in/<place>/cases/<int:number>/act", "case_act", guard(self.act), methods=["POST"])

    def listed(self, community: Community) -> str:
        """The queue, or all cases, by category where one is asked for."""
        wanted = request.args.get("show", "")
        show, category, page = wanted if wanted in SHOWN else "waiting", request.args.get("category", ""), page_of()
        rows, has_more = self._rows(community, show, category, page)
        store = self._parts.stores
        return render_template(
            "cases.html", rows=[(case, text_of(case, visitor().number)) for case in rows], names=named(rows, store), show=show, category=category, page=page,
            has_more=has_more, states=STATES, judges=JUDGES, titles_of=TITLES, **self._counts(community),
        )  # fmt: skip

    def _rows(self, community: Community, show: str, category: str, page: int) -> tuple[list[Case], bool]:
        store, where, skip = self._parts.stores.cases, community.keys, (page - 1) * PAGE
        read = store.newest if show == "all" else store.undecided
        if not category and show != "mine":
            found = read(where, PAGE + 1, skip=skip)
            return found[:PAGE], len(found) > PAGE
        mine = visitor().number if show == "mine" else 0
        sifted = [case for case in read(where, MOST_SIFTED) if category in ("", case.category) and (not mine or case.holder == mine)]
        return sifted[skip : skip + PAGE], len(sifted) > skip + PAGE

    def _counts(self, community: Community) -> dict[str, int]:
        """What waits, for the head of every page here."""
        stores, where = self._parts.stores, community.keys
        return {"waiting": stores.cases.count_undecided(where), "appealing": stores.appeals.count_waiting(where)}

    def show(self, community: Community, number: int) -> str:
        """One case."""
        return self._page(community, number)

    def _page(self, community: Community, number: int, problem: str = "") -> str:
        desk, story = self._desk(community), seen_by(self._get(community, number), visitor().number)
        case, stores = story.case, self._parts.stores
        appeal = stores.appeals.find(community.keys, number)
        names = named([case], stores) | self._called({row.by for row in story.told} | {row.to for row in story.told if row.act == "hand"})
        grounds = [ground_line(one, case.evidence) for one in case.kept.grounds]
        notes = [one for one in story.evidence[0 if case.evidence else 1 :] if one.evidence.note and ".a" not in one.name]
        return render_template(
            "case.html", case=case, text=text_of(case, visitor().number), pieces=marked(case.kept), grounds=grounds, notes=notes,
            more=[one for one in story.evidence[1:] if one.evidence.text not in ("", case.evidence)], names=names,
            told=[told_line(row, names, community.zone) for row in story.told], appeal=appeal, states=STATES, appeal_states=APPEAL_STATES,
            judges=JUDGES, verdicts=VERDICTS, titles_of=TITLES, is_staged=desk.looks_staged(case), tally=desk.error_rate(case.rule),
            percent=percent, problem=problem, once=fresh_once(), typed=request.form, most=LONGEST_WHY,
            deciders=self._called(desk.deciders() - {visitor().number, 0}), **self._counts(community),
        )  # fmt: skip

    def act(self, community: Community, number: int) -> Any:
        """Decides a case or its appeal, hands it over, or merges it: as in chat."""
        self._get(community, number)
        once, act = once_of(), request.form.get("act", "")
        try:
            late = self._act(community, number, act, once)
        except UserError as problem:
            return self._page(community, number, str(problem)), 400
        if late:
            return self._page(community, number, late), 409
        return redirect(url_for("console.case", place=community.id, number=number, said=f"case_{act}"), 303)

    def _act(self, community: Community, number: int, act: str, once: str) -> str:
        """Does what the form asks for; what came in between, '' nothing did."""
        desk, actor, why = self._desk(community), visitor().actor(community.id), words_of("why", LONGEST_WHY)
        if act in RULINGS:
            ruled = desk.rule(number, RULINGS[act], actor, why, once=once).ruled
            return "" if ruled.outcome == "done" else f"案件 {number} 没有等着复核的申诉，可能刚才已经有人复核了。这次没有改动。"
        decision = DECISIONS.get(act) or abort(400)
        done = desk.decide(number, decision, actor, why, to=self._to(community, desk, decision), once=once).done
        return "" if done.done else f"刚才已经有人处理过：{STATES.get(done.before, done.before)}。这次没有改动，要改判请再提交一次。"

    def _to(self, community: Community, desk: CaseDesk, decision: Decision) -> int:
        """To whom a case is handed, or which one it is merged into."""
        words = words_of("to", 64)
        if decision == "hand":
            chosen = int(words) if words.isdecimal() and len(words) < 10 else 0
            found = (chosen,) if chosen in desk.deciders() else find_members(self._parts.stores, words, community.keys) if words else ()
            if len(found) != 1 or found[0] not in desk.deciders():
                raise UserError("请选一位能处理案件的人（版主以上）")
            return found[0]
        if decision == "merge":
            if not words.isdecimal() or len(words) > 9:
                raise UserError("请写上要并入的案件编号，例如：9")
            return int(words)
        return 0

    def appeals(self, community: Community) -> str:
        """Appeals that wait, the oldest first."""
        store, page = self._parts.stores, page_of()
        found = store.appeals.waiting(community.keys, PAGE, skip=(page - 1) * PAGE)
        cases = {case.number: case for case in store.cases.many(community.keys, [one.number for one in found])}
        counts = self._counts(community)
        return render_template(
            "case_appeals.html", rows=[(one, cases[one.number]) for one in found if one.number in cases],
            names=self._called({one.member for one in found}), page=page, has_more=page * PAGE < counts["appealing"],
            now=self._parts.clock(), **counts,
        )  # fmt: skip

    def report(self, community: Community) -> str:
        """How often people found the judges wrong."""
        found = self._desk(community).disagreement()
        names = self._called({one.member for one in found.moderators})
        return render_template(
            "case_report.html", judged=[one for one in found.judged if one.total.n], rules=sorted(found.rules.items(), key=lambda row: -row[1].n),
            moderators=moderator_lines(found, names), has_any=bool(found.rules or found.moderators), judges=JUDGES, verdicts=VERDICTS,
            titles_of=TITLES, percent=percent, **self._counts(community),
        )  # fmt: skip

    def trial(self, community: Community) -> str:
        """What the trial would have done, had it been in earnest."""
        parts = self._parts
        policy = parts.live.current.judge.policy
        found = parts.stores.trials.report(community.keys, policy.ladder)
        rows = found.rows[:MOST_TRIED]
        return render_template(
            "case_trial.html", found=found, rows=[(row, marked(row.evidence)) for row in rows], summary=sum_up(found), title_of=title_of,
            course=course(parts.stores, parts.config, policy, community, parts.clock()), names=self._called({row.member for row in rows}),
            **self._counts(community),
        )  # fmt: skip

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _get(self, community: Community, number: int) -> Story:
        story = self._parts.stores.cases.story(community.keys, number) if 0 < number < LARGEST else None
        return story or abort(404)

    def _desk(self, community: Community) -> CaseDesk:
        parts = self._parts
        return CaseDesk(parts.stores, parts.live.current, parts.config, community, parts.clock())

    def _called(self, numbers: set[int]) -> dict[int, str]:
        wanted = tuple(numbers - {0})
        return all_called(self._parts.stores, wanted) if wanted else {}
