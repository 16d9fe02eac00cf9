"""工单: questions that wait for a person – read, taken on, answered or closed as in chat."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.communities import Community
from bot.errors import UserError
from bot.human_desk import LONGEST_ANSWER, LONGEST_REASON, STATES, HumanDesk, Thread
from bot.permissions import Role
from console.asked import fresh_once, once_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from storage.tickets import Changed

MODERATOR: Role = "moderator"
MOST_LISTED = 50
LARGEST = 10**9
"""No ticket has a larger number."""
PACE = timedelta(days=30)
WHO = {"member": "成员", "staff": "答复", "note": "关闭原因"}


class TicketPages:
    """The pages of 工单."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        guard = needs(self._parts, MODERATOR)
        pages.add_url_rule("/in/<place>/tickets", "tickets", guard(self.listed))
        pages.add_url_rule("/in/<place>/tickets/<int:number>", "ticket", guard(self.show))
        pages.add_url_rule("/in/<place>/tickets/<int:number>/act", "ticket_act", guard(self.act), methods=["POST"])

    def listed(self, community: Community) -> str:
        """Those that wait, the first due first."""
        desk, store = self._desk(community), self._parts.stores.tickets
        threads = desk.list_tickets(MOST_LISTED)
        total, late = store.count_waiting([community.keys], desk.now)
        usual = store.median_response(community.keys, desk.now - PACE)
        return render_template(
            "tickets.html", threads=threads, names=self._names(threads), left=desk.left, total=total, late=late, states=STATES,
            pace=max(round(usual.total_seconds() / 60), 1) if usual else 0,
        )  # fmt: skip

    def show(self, community: Community, number: int) -> str:
        """One ticket with what was said."""
        return self._page(community, number)

    def act(self, community: Community, number: int) -> Any:
        """Takes a ticket on, answers or closes it; the member is told as in chat."""
        act, once = request.form.get("act", ""), once_of()
        self._get(community, number)
        try:
            done = self._done(self._desk(community), number, act, once)
        except UserError as problem:
            return self._page(community, number, str(problem)), 400
        if not done.done:
            return self._page(community, number, f"工单 {number} {STATES[done.ticket.state]}，这次没有改动。"), 409
        return redirect(url_for("console.ticket", place=community.id, number=number, said=f"ticket_{act}"), 303)

    def _done(self, desk: HumanDesk, number: int, act: str, once: str) -> Changed:
        actor = visitor().actor(desk.community.id)
        match act:
            case "take":
                return desk.take(number, actor, once=once)
            case "answer":
                text = request.form.get("answer", "").replace("\r\n", "\n").strip()
                if not text:
                    raise UserError("请写上答案，例如：请在订单页点“申请退款”")
                if len(text) > LONGEST_ANSWER:
                    raise UserError(f"答案有 {len(text)} 字，最多 {LONGEST_ANSWER} 字，请写短一些。")
                return desk.answer(number, actor, text, once=once)
            case "close":
                reason = words_of("words", LONGEST_REASON, wanted="请写上原因，他会看到，例如：已在群里解答")
                return desk.close(number, actor, reason, once=once)
            case _:
                return abort(400)

    def _page(self, community: Community, number: int, problem: str = "") -> str:
        desk, thread = self._desk(community), self._get(community, number)
        return render_template(
            "ticket.html", ticket=thread.ticket, words=thread.words, names=self._names([thread]), left=desk.left, states=STATES, who=WHO,
            problem=problem, once=fresh_once(), typed=request.form, longest=LONGEST_ANSWER, most=LONGEST_REASON,
        )  # fmt: skip

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _get(self, community: Community, number: int) -> Thread:
        try:
            return self._desk(community).get(number) if 0 < number < LARGEST else abort(404)
        except UserError:
            abort(404)

    def _desk(self, community: Community) -> HumanDesk:
        parts = self._parts
        return HumanDesk(parts.stores, parts.config, parts.live.current.duty, community, parts.clock())

    def _names(self, threads: list[Thread]) -> dict[int, str]:
        tickets = [thread.ticket for thread in threads]
        numbers = {number for one in tickets for number in (one.member, one.taker, one.by) if number}
        numbers |= {row.by for thread in threads for row in thread.words if row.by}
        found = self._parts.stores.directory.find_names(list(numbers)) if numbers else {}
        return {number: found.get(number) or f"成员 {number}" for number in numbers}
