"""成员: the list, and one member with all that he has and all that operators may do for him."""

from __future__ import annotations

import calendar
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bot.communities import Community
from bot.errors import UserError
from bot.flow_desk import STATUS, FlowDesk, Progress
from bot.members import name_of
from bot.permissions import Actor, Role, may
from bot.praise import badge_name, praise_alone
from bot.private import tell
from bot.profiles import Event, habits_of, past_of, portrait_of, profile_of
from bot.shop_desk import STATES
from bot.tagging import change_tag
from console.asked import fresh_once, once_of, page_of, words_of
from console.doors import needs
from console.parts import Parts, visitor
from console.people import Busy, People
from handlers.levels import ACTS, honour, words_of_honour
from handlers.points import adjust_points, title_of_row, words_of_adjustment
from handlers.privacy import export_person
from handlers.tags import read_tags
from rules.badges import Facts
from rules.levels import Level, level_of, next_level, progress
from rules.months import EARLIEST_YEAR
from storage.boards import Place
from storage.check_ins import Standing
from storage.notes import LONGEST, MOST, Full
from storage.points import MOST_NOTE, Account

VIEWER: Role = "viewer"
MODERATOR: Role = "moderator"
OPERATOR: Role = "operator"
ADMIN: Role = "admin"
PAGE = 20
ROWS = 12
ORDERS = 5
NEWEST = 8
"""What happened last, as the member's page shows it; the rest has a page of its own."""
EVENTS = 30
MOST_FOUND = 200
"""With so many found a search ends; whoever is among more is found by a longer part of his name."""
MOST_SHOWN_TAGS = 40
LARGEST = 10**15
"""No member number is larger."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member as a line of the list; ``rank`` 0 where the list is not in the order of points."""

    number: int
    name: str
    account: Account
    level: Level
    standing: Standing
    last_active: date | None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of members; ``total`` is how many there are on all of them."""

    people: Sequence[Person]
    total: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Month:
    """A month of check-ins: weeks from Monday, days with whether he checked in (None: no day of this month); the neighbours as addresses."""

    year: int
    month: int
    weeks: Sequence[Sequence[tuple[int, str] | None]]
    count: int
    before: str
    after: str


class MemberPages:
    """The pages of 成员."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._search = People(parts.stores)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        rules: tuple[tuple[str, str, Any, Role, str], ...] = (
            ("members", "members", self.listed, VIEWER, "GET"),
            ("members/<int:member>", "member", self.show, MODERATOR, "GET"),
            ("members/<int:member>/past", "member_past", self.past, MODERATOR, "GET"),
            ("members/<int:member>/habits", "member_habits", self.habits, MODERATOR, "GET"),
            ("members/<int:member>/notes", "member_notes", self.note, MODERATOR, "POST"),
            ("members/<int:member>/points", "member_points", self.adjust, OPERATOR, "POST"),
            ("members/<int:member>/tags", "member_tags", self.tag, OPERATOR, "POST"),
            ("members/<int:member>/badges", "member_badges", self.honour, OPERATOR, "POST"),
            ("members/<int:member>/data", "member_data", self.give_away, ADMIN, "POST"),
            ("members/<int:member>/erase", "member_erase", self.erase, ADMIN, "POST"),
        )
        for path, name, view, role, method in rules:
            pages.add_url_rule(f"/in/<place>/{path}", name, needs(self._parts, role)(view), methods=[method])

    # The list -----------------------------------------------------------------------------------------------------------

    def listed(self, community: Community) -> str:
        """Members by points, by a tag, or those whom a search fits."""
        search, tag, page = request.args.get("q", "")[:50].strip(), request.args.get("tag", "")[:50], page_of()
        found = (
            self._searched(community, search) if search else self._tagged(community, tag, page) if tag else self._ranked(community, page)
        )
        tags = dict(list(self._parts.stores.tags.all(community.keys).items())[:MOST_SHOWN_TAGS])
        count = self._parts.stores.roster.count(community.keys)
        return render_template("members.html", found=found, search=search, tag=tag, tags=tags, page=page, count=count)

    def _ranked(self, community: Community, page: int) -> Listed:
        first = (page - 1) * PAGE + 1
        total, places = self._parts.stores.boards.places(community.keys, "all", self._today(community), first=first, count=PAGE)
        return Listed(self._people(community, [place.member for place in places], places), total, first + PAGE <= total)

    def _tagged(self, community: Community, tag: str, page: int) -> Listed:
        tags = self._parts.stores.tags
        total = tags.all(community.keys).get(tag, 0)
        numbers = tags.members(community.keys, tag, PAGE, (page - 1) * PAGE) if total else []
        return Listed(self._people(community, numbers), total, page * PAGE < total)

    def _searched(self, community: Community, search: str) -> Listed:
        """Whom a member number, a WeCom user id or a part of a name fits, as far as he was seen here."""
        try:
            found = self._search.search(community, search, most=MOST_FOUND)
        except Busy:
            abort(429)
        return Listed(self._people(community, found[:PAGE]), len(found), has_more=False)

    def _people(self, community: Community, numbers: Sequence[int], places: Sequence[Place] = ()) -> list[Person]:
        """Members with what a line of the list says; five round trips, however many they are."""
        stores, where, today = self._parts.stores, community.keys, self._today(community)
        names, users = stores.directory.find_names(numbers), stores.directory.find_users(numbers)
        accounts, standings = stores.points.accounts(where, numbers, today), stores.check_ins.standings(where, numbers, today)
        active = stores.roster.last_actives(where, users, today)
        ranks = {place.member: place.rank for place in places}
        levels = self._parts.live.current.levels
        return [
            Person(
                number, names[number] or f"成员 {number}", accounts[number], level_of(levels, accounts[number].earned), standings[number],
                active[number], ranks.get(number, 0),
            )
            for number in numbers
        ]  # fmt: skip

    # One member -----------------------------------------------------------------------------------------------------------

    def show(self, community: Community, member: int) -> str:
        """One member."""
        return self._page(community, member)

    def _page(self, community: Community, member: int, problem: str = "") -> str:
        stores, where, now = self._parts.stores, community.keys, self._parts.clock()
        user, contents, page = self._user_of(community, member), self._parts.live.current, page_of()
        rows, called = stores.points.rows(where, member, ROWS + 1, (page - 1) * ROWS), self._caller()
        his = profile_of(stores, contents, self._parts.config, community, member, user, now)
        flows = FlowDesk(stores, contents, self._parts.config, now).of_member(where, member)
        past, notes = past_of(stores, contents, community, member, now), stores.notes.of(where, member)
        return render_template(
            "member.html", his=his, number=member, portrait=portrait_of(stores, community, member, now),
            levels=contents.levels, following=next_level(contents.levels, his.account.earned),
            progress=progress(contents.levels, his.account.earned),
            rows=[(row, title_of_row(row, contents.points, called, owner="他")) for row in rows[:ROWS]], page=page, has_more=len(rows) > ROWS,
            badges=[(held, badge_name(contents.badges, held), contents.badges.find(held.id)) for held in his.badges],
            given=[badge for badge in contents.badges.badges if not badge.month_top], all_tags=list(stores.tags.all(where))[:MOST_SHOWN_TAGS],
            month=self._month(community, member), orders=stores.orders.of_member(where, member, ORDERS), states=STATES,
            flows=flows, status=STATUS, startable=self._startable(community, flows), most=contents.points.most_at_once,
            past=[(event, self._link(community, event)) for event in past[:NEWEST]], has_past=len(past) > NEWEST,
            notes=[(note, called(note.by)) for note in notes], longest=LONGEST, once=fresh_once(), problem=problem, typed=request.form,
            may_all=may(visitor().everywhere, ADMIN),
        )  # fmt: skip

    def past(self, community: Community, member: int) -> str:
        """All that happened to a member, by pages."""
        self._user_of(community, member)
        page = page_of()
        past = past_of(self._parts.stores, self._parts.live.current, community, member, self._parts.clock())
        shown = past[(page - 1) * EVENTS : page * EVENTS]
        return render_template(
            "member_past.html", number=member, name=name_of(self._parts.stores, member), page=page, has_more=len(past) > page * EVENTS,
            past=[(event, self._link(community, event)) for event in shown],
        )  # fmt: skip

    def habits(self, community: Community, member: int) -> str:
        """When a member speaks and what he asked; asked for by his page once it is shown, for the log is long."""
        self._user_of(community, member)
        parts = self._parts
        return render_template("_habits.html", found=habits_of(parts.stores, parts.live.current, community, member, parts.clock()))

    def _link(self, community: Community, event: Event) -> str:
        """Where an event is looked at, '' nowhere."""
        rights: Mapping[str, Role] = {"inviter": OPERATOR}
        if not event.page or not visitor().may(community.id, rights.get(event.page, VIEWER)):
            return ""
        arguments: dict[str, Any] = {"member" if event.page in ("member", "inviter") else "number": event.number}
        return url_for(f"console.{event.page}", place=community.id, **arguments)

    def _startable(self, community: Community, inside: Sequence[Progress]) -> list[tuple[str, str]]:
        active = {one.flow for one in inside if one.is_active}
        flows = self._parts.live.current.flows.by_id.values()
        return [
            (one.id, one.title)
            for one in flows
            if one.enabled and one.id not in active and (not one.communities or community.id in one.communities)
        ]

    def _month(self, community: Community, member: int) -> Month:
        today = self._today(community)
        year, month = _asked_month(request.args.get("month", ""), today)
        days = self._parts.stores.check_ins.month(community.keys, member, year, month)
        is_now = (year, month) == (today.year, today.month)

        def mark(day: int) -> tuple[int, str]:
            future = is_now and day > today.day
            return day, "did" if day in days else "future" if future else "today" if is_now and day == today.day else ""

        weeks = [[mark(day) if day else None for day in week] for week in calendar.Calendar().monthdayscalendar(year, month)]
        months = year * 12 + month - 1
        before, after = (f"{n // 12}-{n % 12 + 1:02}" for n in (months - 1, months + 1))
        return Month(year, month, weeks, len(days), before if months > EARLIEST_YEAR * 12 else "", "" if is_now else after)

    # Acts -----------------------------------------------------------------------------------------------------------------

    def adjust(self, community: Community, member: int) -> Any:
        """Gives points, or takes some; the member is told, and of a level that they bring."""
        return self._done(community, member, self._adjust)

    def _adjust(self, community: Community, member: int, actor: Actor, once: str) -> str:
        parts, now = self._parts, self._parts.clock()
        note = words_of("note", MOST_NOTE, wanted="请写上理由，成员的积分明细里会看到，例如：热心解答")
        digits, sign = request.form.get("n", "").strip(), -1 if request.form.get("act") == "take" else 1
        if not digits.isdecimal() or len(digits) > 9:
            raise UserError("积分请写一个整数，例如：20")
        rules = parts.live.current.points
        moved = adjust_points(parts.stores, rules, community, actor, member, sign * int(digits), note, now, once=once)
        told = words_of_adjustment(moved, note, community)
        tell(parts.stores, parts.config, community, member, told, now, id=f"adjusted:{community.id}:{member}:{once}")
        if sign > 0:
            before, after = Facts(earned=moved.earned - moved.n), Facts(earned=moved.earned)
            praise_alone(
                parts.stores, parts.config, parts.live.current, community, member, before, after, now, once=f"{once}:{member}"
            )  # fmt: skip
        return "given" if sign > 0 else "taken"

    def tag(self, community: Community, member: int) -> Any:
        """Puts tags on a member, or takes one off."""
        return self._done(community, member, self._tag)

    def _tag(self, community: Community, member: int, actor: Actor, once: str) -> str:
        is_added = request.form.get("act") != "remove"
        tags = read_tags(words_of("tag", 200, wanted="请写标签，例如：老客户").split(" "))
        desk = FlowDesk(self._parts.stores, self._parts.live.current, self._parts.config, self._parts.clock())
        for tag in tags:
            change_tag(desk, community, actor, member, tag, is_added=is_added, once=once)
        return "tagged" if is_added else "untagged"

    def honour(self, community: Community, member: int) -> Any:
        """Gives a badge by hand, or takes one back."""
        return self._done(community, member, self._honour)

    def _honour(self, community: Community, member: int, actor: Actor, once: str) -> str:
        parts, now, act = self._parts, self._parts.clock(), request.form.get("act", "")
        badge = parts.live.current.badges.find(request.form.get("badge", "")[:64])
        if badge is None or act not in ACTS:
            raise UserError("没有这枚勋章，请从列表里选一枚。")
        if not honour(parts.stores, community, actor, member, act, badge, now, once=once):
            raise UserError(f"他{'已经有' if ACTS[act] == 'hand' else '没有'}“{badge.name}”这枚勋章。")
        if ACTS[act] == "take":
            return "badge_taken"
        tell(
            parts.stores,
            parts.config,
            community,
            member,
            words_of_honour(badge, community),
            now,
            id=f"honour:{community.id}:{member}:{once}",
        )
        return "badge_given"

    def note(self, community: Community, member: int) -> Any:
        """Writes a note about a member, or removes one; the audit says that it was done, and not what it says: it goes with the member."""
        return self._done(community, member, self._note)

    def _note(self, community: Community, member: int, actor: Actor, once: str) -> str:
        notes, audit, now = self._parts.stores.notes, self._parts.stores.audit, self._parts.clock()
        act = request.form.get("act")
        if act not in ("add", "remove"):
            abort(400)
        if act == "remove":
            number = request.form.get("number", "")
            if not (number.isdecimal() and len(number) < 9 and notes.remove(community.keys, member, int(number), once=once)):
                raise UserError("这条备注刚刚已经删掉了。")
            audit.record(community.id, actor.id, "删除备注", f"成员 {member}", f"第 {number} 条", "", now, once=once)
            return "note_removed"
        text = words_of("words", LONGEST, wanted="请写备注，例如：对新品感兴趣，下周回访", lines=True)
        try:
            number = str(notes.add(community.keys, member, text, actor.member, now, once=once))
        except Full:
            raise UserError(f"一个人最多 {MOST} 条备注，请先删掉一些，例如最早的那条。") from None
        audit.record(community.id, actor.id, "写备注", f"成员 {member}", "", f"第 {number} 条，{len(text)} 字", now, once=once)
        return "noted"

    # His own data: they are of all communities, so it takes an administrator of all ---------------------------------------------

    def give_away(self, community: Community, member: int) -> Any:
        """Everything that is kept of a member, as a file."""
        self._user_of(community, member)
        actor, once = self._keeper(community), once_of()
        stores = self._parts.stores
        try:
            kept = export_person(stores, member)
        except UserError as problem:
            return self._page(community, member, str(problem)), 409
        stores.audit.record("", actor.id, "导出个人数据", f"成员 {member}", "", "", self._parts.clock(), once=once)
        data = json.dumps(kept, ensure_ascii=False, indent=2).encode()
        headers = {"Content-Disposition": f'attachment; filename="member-{member}.json"', "Cache-Control": "no-store"}
        return Response(data, mimetype="application/json", headers=headers)

    def erase(self, community: Community, member: int) -> Any:
        """Has a member forgotten, by whichever process looks next; not an owner, and not without his number typed once more."""
        self._keeper(community)
        return self._done(community, member, self._erase)

    def _erase(self, community: Community, member: int, actor: Actor, once: str) -> str:
        parts, now = self._parts, self._parts.clock()
        if parts.stores.directory.find_user(member) in parts.config.admins:
            raise UserError("他是所有者（写在 config.yaml 的 admins 里）：先从那里去掉，再来删除。")
        if request.form.get("typed", "").strip() != str(member):
            raise UserError(f"没有删除。删除以后不能恢复：确定的话，在框里填他的编号 {member}。")
        parts.stores.audit.record("", actor.id, "要求删除个人数据", f"成员 {member}", "", "", now, once=once)
        parts.stores.wishes.ask_to_be_erased(member, now)
        return "erasing"

    def _keeper(self, community: Community) -> Actor:
        if not may(visitor().everywhere, ADMIN):
            abort(403, "一个人的数据关系到所有社群，要在所有社群都是管理员才能导出和删除。")
        return visitor().actor(community.id)

    def _done(self, community: Community, member: int, act: Callable[[Community, int, Actor, str], str]) -> Any:
        """Does an act for a member and goes back to his page, which says so or what was wrong."""
        self._user_of(community, member)
        once = once_of()
        try:
            said = act(community, member, visitor().actor(community.id), once)
        except UserError as problem:
            return self._page(community, member, str(problem)), 400
        return _to_member(community, member, said)

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _user_of(self, community: Community, member: int) -> str:
        """The WeCom user id of a member of this community; 404 for anybody else."""
        stores = self._parts.stores
        user = stores.directory.find_user(member) if 0 < member < LARGEST else None
        if user is None or not stores.roster.seen(community.keys, [member]):
            abort(404)
        return user

    def _caller(self) -> Callable[[int], str]:
        """Names members, asking for each once."""
        names: dict[int, str] = {}

        def called(number: int) -> str:
            if number not in names:
                names[number] = name_of(self._parts.stores, number)
            return names[number]

        return called

    def _today(self, community: Community) -> date:
        return community.day_of(self._parts.clock())


def _to_member(community: Community, member: int, said: str) -> BaseResponse:
    return redirect(url_for("console.member", place=community.id, member=member, said=said), 303)


def _asked_month(text: str, today: date) -> tuple[int, int]:
    """The month of an address, this one where it is none or has not begun."""
    year, _, month = text.partition("-")
    if not (year.isdecimal() and month.isdecimal() and len(text) == 7 and 1 <= int(month) <= 12):
        return today.year, today.month
    asked = int(year), int(month)
    return asked if (EARLIEST_YEAR, 1) <= asked <= (today.year, today.month) else (today.year, today.month)
