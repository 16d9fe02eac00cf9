"""日历: what is planned to be said, what came of it, and what else stands on the days of a month – seen, made, moved and tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.activities.desk import ActivityDesk
from bot.communities import Community
from bot.errors import UserError
from bot.month_plan import STATE_WORDS, DayPlan, Sort, month_plan
from bot.outlook import DAYS, outlook, share_words
from bot.permissions import Role
from bot.push_desk import Braked, Kept, Moved, PushDesk
from bot.push_reach import Reach
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from console.push_forms import (
    ARM_NAMES,
    EVENTS,
    OUTCOMES,
    QUIETS,
    Bubble,
    bubbles,
    day_of,
    form_of,
    push_of_form,
    typed_number,
    typed_over,
)
from rules.calendar import AT, WEEKDAY_NAMES, WEEKDAYS, parse_at, rhythm_of, say_when
from rules.contents import LONGEST_TITLE, Push
from rules.experiments import say_size
from rules.pushes import is_granted
from rules.workdays import SORTS
from storage.activities import Changed
from storage.moment import from_ms

VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
KINDS: Mapping[str, tuple[Sort, ...]] = {
    "": ("push", "activity", "report"),
    "push": ("push",),
    "activity": ("activity",),
    "report": ("report",),
}
KIND_NAMES: Mapping[str, str] = {"": "全部", "push": "推送", "activity": "活动", "report": "报表"}
DAILY = "daily"
"""The report that comes every day, and is shown only where reports are asked for."""
SHOWN = 4
"""Items of a day that stand in the month; of more the day's own list tells."""
LONGEST_TEXT = 4_000
FIRST_YEAR, LAST_YEAR = 2020, 2099
NINE = time(9)


class CalendarPages:
    """The pages of 日历."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, pages: Blueprint) -> None:
        """Adds the pages to the console."""
        sees, acts = needs(self._parts, VIEWER), needs(self._parts, OPERATOR)
        pages.add_url_rule("/in/<place>/calendar", "calendar", sees(self.show))
        pages.add_url_rule("/in/<place>/calendar/ahead", "calendar_ahead", sees(self.ahead))
        for name, view in (
            ("save", self.save), ("move", self.move), ("remove", self.remove), ("undo", self.undo), ("preview", self.preview), ("try", self.try_out),
            ("switch", self.switch), ("reach", self.reach),
        ):  # fmt: skip
            pages.add_url_rule(f"/in/<place>/calendar/{name}", f"calendar_{name}", acts(view), methods=["POST"])

    def show(self, community: Community) -> str:
        """A month; beside it a day, a push, or a new one."""
        return self._page(community)

    def save(self, community: Community) -> Any:
        """Makes or changes a push."""
        once, id, mark = once_of(), request.form.get("id", "")[:64], request.form.get("mark", "")
        desk = self._desk(community)
        try:
            present = desk.get(id).push if id else _bare(community)
            wanted, typed = push_of_form(present, community), typed_number()
            done = desk.change(id, mark, wanted, once=once, typed=typed) if id else desk.make(wanted, once=once, typed=typed)
        except Braked as brake:
            return self._page(community, str(brake), reach=brake.reach), 400
        except UserError as problem:
            return self._page(community, str(problem)), 400
        except Moved as moved:
            return self._page(community, _told(moved)), 409
        day = parse_at(wanted.at).date() if wanted.at else None
        made = done.after or wanted
        said = "push_drafted" if not made.enabled else "push_saved" if is_granted(made) else "push_asked"
        if said == "push_saved" and share_words(desk, made):
            said = "push_saved_much"
        return self._back(community, said, done.version, day)

    def switch(self, community: Community) -> Any:
        """Has a push be said from now on, agrees to one that waits, or makes it a draft."""
        once, id, mark, act = once_of(), request.form.get("id", "")[:64], request.form.get("mark", ""), request.form.get("act", "")
        desk = self._desk(community)
        try:
            typed = typed_number()
            match act:
                case "grant":
                    done, said = desk.grant(id, mark, once=once, typed=typed), "push_granted"
                case "stop":
                    done, said = desk.switch(id, mark, is_on=False, once=once), "push_drafted"
                case _:
                    return abort(400)
        except Braked as brake:
            return self._page(community, str(brake), reach=brake.reach), 400
        except UserError as problem:
            return self._page(community, str(problem)), 400
        except Moved as moved:
            return self._page(community, _told(moved)), 409
        return self._back(community, said, done.version)

    def ahead(self, community: Community) -> str:
        """What will go out in the next days, and what waits for somebody's consent."""
        desk = self._desk(community)
        waiting = [(kept, desk.reach(kept.push)) for kept in desk.waiting()]
        names = self._parts.stores.directory.find_names([kept.push.asked_by for kept, _ in waiting]) if waiting else {}
        return render_template(
            "calendar_ahead.html", found=outlook(desk), waiting=waiting, names=names, days=DAYS, weekdays=WEEKDAY_NAMES, say_when=say_when,
            reason=desk.why_grant, zone=community.zone,
        )  # fmt: skip

    def reach(self, community: Community) -> str:
        """How many a push would reach as its form stands, or what is wrong with whom it is for."""
        desk = self._desk(community)
        try:
            wanted = push_of_form(_bare(community), community)
        except UserError:  # its time or text is not written yet
            wanted = _bare(community)
            wanted = replace(
                wanted,
                to="members" if request.form.get("to") == "members" else "groups",
                segment=request.form.get("segment", "").strip()[:1_000],
            )
        try:
            reach = desk.reach(wanted)
        except UserError as problem:
            return render_template("_reach.html", problem=str(problem))
        size = say_size(wanted, reach.groups or reach.people) if wanted.trial else ""
        return render_template("_reach.html", reach=reach, reason=desk.why_grant(wanted, reach), size=size)

    def move(self, community: Community) -> Any:
        """Puts a push that is said once, or an activity that has not begun, on another day."""
        once, id, mark, day = once_of(), request.form.get("id", "")[:64], request.form.get("mark", ""), day_of(request.form.get("day", ""))
        if day is None:
            abort(400, "请选一个日期，例如 2026-12-01。")
        try:
            if request.form.get("sort") == "activity":
                self._move_activity(community, id, mark, day, once)
                return self._back(community, "activity_moved", 0, day)
            done = self._desk(community).move(id, mark, day, once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        except Moved as moved:
            return self._page(community, _told(moved)), 409
        return self._back(community, "push_moved", done.version, day)

    def remove(self, community: Community) -> Any:
        """Takes a push away."""
        once, id, mark = once_of(), request.form.get("id", "")[:64], request.form.get("mark", "")
        try:
            done = self._desk(community).remove(id, mark, once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        except Moved as moved:
            return self._page(community, _told(moved)), 409
        return self._back(community, "push_removed", done.version)

    def undo(self, community: Community) -> Any:
        """Takes a version back."""
        once, version = once_of(), request.form.get("version", "")
        if not (version.isdecimal() and version.isascii() and len(version) < 12):
            abort(400)
        try:
            self._desk(community).undo(int(version), once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        return self._back(community, "undone", 0)

    def preview(self, community: Community) -> str:
        """How each version of a push will look where it is read."""
        return render_template("_bubbles.html", bubbles=self._bubbles(community, _shown_push(community)))

    def try_out(self, community: Community) -> Any:
        """Says a push to the visitor alone, each version after the other."""
        once, desk, push = once_of(), self._desk(community), _shown_push(community)
        if not push.text or len(push.text) > LONGEST_TEXT:
            return "请先写上内容，最多 4,000 个字。", 400
        desk.show_to(visitor().number, push, once=once)
        return "已私聊发给你，看看手机。没有应用通道的话，下次你私聊机器人时给你看。"

    # The page ---------------------------------------------------------------------------------------------------------------

    def _page(self, community: Community, problem: str = "", reach: Reach | None = None) -> str:
        desk, typed = self._desk(community), request.form if problem else {}
        today = community.day_of(desk.now)
        asked = {**request.args, **request.form}
        day = day_of(asked.get("day", ""))
        first = _month(asked.get("month", "")) or (day or today).replace(day=1)
        kind = asked.get("kind", "") if asked.get("kind", "") in KINDS else ""
        weeks = month_plan(desk, first.year, first.month, sorts=KINDS[kind])
        if not kind:
            weeks = [
                [replace(one, items=tuple(item for item in one.items if (item.sort, item.id) != ("report", DAILY))) for one in week]
                for week in weeks
            ]
        shown = self._panel(desk, weeks, day, asked, typed)
        return render_template(
            "calendar.html", weeks=weeks, first=first, before=_other(first, -1), after=_other(first, 1), today=today, kind=kind, kinds=KIND_NAMES,
            day=day, states=STATE_WORDS, weekdays=WEEKDAY_NAMES, shown=SHOWN, problem=problem, once=fresh_once(), may_share=desk.may_share,
            is_announced=desk.contents.workdays.is_announced(first.year), is_listed=community.is_listed, is_empty=_is_empty(weeks), reach=reach,
            colours=desk.contents.pushing.colours, waiting=sum(one.push.approval == "asked" for one in desk.pushes()), **shown,
        )  # fmt: skip

    def _panel(
        self, desk: PushDesk, weeks: list[list[DayPlan]], day: date | None, asked: Mapping[str, str], typed: Mapping[str, str]
    ) -> dict[str, Any]:  # fmt: skip
        """What stands beside the month: a push to be edited, or what is on a day."""
        kept: Kept | None = None
        if id := (asked.get("push") or asked.get("id", ""))[:64]:
            try:
                kept = desk.get(id) if asked.get("sort") != "activity" else None
            except UserError:
                kept = None
        is_new = bool(asked.get("new")) or ("text" in typed and not typed.get("id"))
        plan = next((one for week in weeks for one in week if one.day == day), None)
        if kept is None and not is_new:
            return {"form": None, "plan": plan, "kept": None}
        at = datetime.combine(day or (desk.community.day_of(desk.now) + timedelta(days=1)), NINE)
        push = kept.push if kept else replace(_bare(desk.community), at=at.strftime(AT))
        if segment := asked.get("segment", "")[:1_000]:
            push = push if kept else replace(push, to="members", segment=segment)
        may_change = visitor().may(desk.community.id, OPERATOR) and desk.may_change(push)
        return {
            "form": typed_over(form_of(push), typed), "plan": None, "kept": kept, "may_change": may_change,
            "bubbles": self._bubbles(desk.community, _shown_push(desk.community, push) if typed else push), "sorts": SORTS, "quiets": QUIETS,
            "events": EVENTS, "outcomes": OUTCOMES, "arm_names": ARM_NAMES[1:], "groups": self._groups(desk.community),
            "rules": desk.contents.pushing.of(desk.community.id), "may_grant": kept is not None and desk.may_grant(kept.push),
            "asked": self._asked(desk, kept),
            "codes": list(zip(WEEKDAYS, WEEKDAY_NAMES, strict=True)), "longest": LONGEST_TEXT, "longest_title": LONGEST_TITLE,
            "chosen": request.form.getlist("weekday") if typed else [WEEKDAYS[n] for n in rhythm_of(push).weekdays],
            "is_over": bool(kept) and desk.is_over(push),
        }  # fmt: skip

    def _move_activity(self, community: Community, id: str, mark: str, day: date, once: str) -> None:
        """An activity that has not begun begins on another day at the same time, and ends as much later or earlier. Raises UserError, Moved."""
        parts = self._parts
        desk = ActivityDesk(parts.stores, parts.live.current, parts.config, community, parts.clock())
        if not (id.isascii() and id.isdecimal() and len(id) < 7):
            raise UserError("没有这个活动，请刷新日历再试，例如点开那一天看看")
        activity = desk.get(int(id))
        if parts.stores.activities.has_done(community.keys, activity.number, once=once):
            return
        if activity.state not in ("draft", "scheduled") or activity.opens is None:
            raise UserError(f"“{activity.title}”已经开始，不能在日历上挪。时间请在活动页改")
        if str(activity.revision) != mark:
            raise Moved(None)
        local = activity.opens.astimezone(community.zone)
        opens = datetime.combine(day, local.time(), community.zone)
        if opens <= desk.now:
            raise UserError(f"{opens:%Y-%m-%d %H:%M} 已经过了，请选以后的日期")
        closes = activity.closes + (opens - activity.opens) if activity.closes else None
        changed: Changed = desk.edit(activity, visitor().actor(community.id), once=once, opens=opens, closes=closes)
        if changed.outcome == "moved":
            raise Moved(None)

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _bubbles(self, community: Community, push: Push) -> list[Bubble]:
        return bubbles(push, community, community.day_of(self._parts.clock()))

    def _asked(self, desk: PushDesk, kept: Kept | None) -> dict[str, Any] | None:
        """Who asked for consent to a push, why, and whom it would reach; None where nobody did."""
        if kept is None or kept.push.approval != "asked":
            return None
        push, names = kept.push, self._parts.stores.directory.find_names([kept.push.asked_by])
        reach = desk.reach(push)
        return {
            "by": names.get(push.asked_by, f"成员 {push.asked_by}"), "at": from_ms(push.asked_at * 1000).astimezone(desk.community.zone),
            "reach": reach, "why": desk.why_grant(push, reach), "is_braked": desk.is_braked(push, reach),
        }  # fmt: skip

    def _groups(self, community: Community) -> list[tuple[str, str]]:
        """The groups of a community with what they are called, where there are several."""
        listed = self._parts.config.community(community.id)
        chats = listed.groups if listed and len(listed.groups) > 1 else ()
        return [(chat, f"主群 {chat}" if n == 0 else chat) for n, chat in enumerate(chats)]

    def _desk(self, community: Community) -> PushDesk:
        return PushDesk.of(self._parts.office(community), self._parts.config)

    def _back(self, community: Community, words: str, version: int, day: date | None = None) -> Any:
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        month = f"{day:%Y-%m}" if day else request.form.get("month", "") if _month(request.form.get("month", "")) else None
        kind = request.form.get("kind") if request.form.get("kind") in KINDS else None
        return redirect(
            url_for("console.calendar", place=community.id, month=month, kind=kind or None, said=words, version=version or None), 303
        )  # fmt: skip


def _bare(community: Community) -> Push:
    """A push of which nothing is said yet."""
    return Push("", "", "", community.id)


def _shown_push(community: Community, otherwise: Push | None = None) -> Push:
    """The push as far as its form is filled in: what is wrong with its time is told where it is saved, not where it is looked at."""
    push = otherwise or _bare(community)
    try:
        return push_of_form(push, community)
    except UserError:
        return replace(push, text=request.form.get("text", "").replace("\r\n", "\n").strip())


def _month(text: str) -> date | None:
    return day_of(f"{text}-01")


def _other(first: date, step: int) -> date | None:
    """The month before or after, None beyond what is shown."""
    months = first.year * 12 + first.month - 1 + step
    year = months // 12
    return date(year, months % 12 + 1, 1) if FIRST_YEAR <= year <= LAST_YEAR else None


def _is_empty(weeks: list[list[DayPlan]]) -> bool:
    return not any(item.sort != "report" for week in weeks for one in week for item in one.items)


def _told(moved: Moved) -> str:
    if moved.now is None:
        return "这一项刚刚被别人改过或者删掉了，没有改动。下面是最新的，请看看再决定。"
    return f"“{moved.now.label}”刚刚被别人改过，没有改动。下面是最新的，请看看再决定。"
