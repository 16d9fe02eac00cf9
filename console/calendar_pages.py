"""日历: what is planned to be said, what came of it, and what else stands on the days of a month – seen, made, moved and tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, get_args

from flask import Blueprint, abort, redirect, render_template, request, url_for

from bot.activities.desk import ActivityDesk
from bot.communities import Community
from bot.errors import UserError
from bot.month_plan import STATE_WORDS, DayPlan, Sort, month_plan
from bot.permissions import Role
from bot.push_desk import Kept, Moved, PushDesk, said
from console.asked import fresh_once, once_of
from console.doors import needs
from console.parts import Parts, visitor
from console.preview import preview
from rules.calendar import AT, WEEKDAY_NAMES, WEEKDAYS, Repeat, Rhythm, cron_of, parse_at, rhythm_of
from rules.contents import LONGEST_TITLE, Push
from rules.workdays import SORTS
from rules.workdays import Sort as Days
from storage.activities import Changed

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
        for name, view in (
            ("save", self.save), ("move", self.move), ("remove", self.remove), ("undo", self.undo), ("preview", self.preview), ("try", self.try_out),
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
            present = desk.get(id).push if id else Push("", "", "", community.id)
            wanted = _push_of_form(present, community)
            done = desk.change(id, mark, wanted, once=once) if id else desk.make(wanted, once=once)
        except UserError as problem:
            return self._page(community, str(problem)), 400
        except Moved as moved:
            return self._page(community, _told(moved)), 409
        day = parse_at(wanted.at).date() if wanted.at else None
        return self._back(community, "push_saved" if wanted.enabled else "push_drafted", done.version, day)

    def move(self, community: Community) -> Any:
        """Puts a push that is said once, or an activity that has not begun, on another day."""
        once, id, mark, day = once_of(), request.form.get("id", "")[:64], request.form.get("mark", ""), _day(request.form.get("day", ""))
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
        """How a text will look in the group."""
        del community
        text = request.form.get("text", "")[:LONGEST_TEXT]
        return render_template("_preview.html", shown=_shown(text))

    def try_out(self, community: Community) -> Any:
        """Says a text to the visitor alone."""
        once, text = once_of(), request.form.get("text", "").replace("\r\n", "\n").strip()
        if not text or len(text) > LONGEST_TEXT:
            return "请先写上内容，最多 4,000 个字。", 400
        self._desk(community).show_to(visitor().number, text, once=once)
        return "已私聊发给你，看看手机。没有应用通道的话，下次你私聊机器人时给你看。"

    # The page ---------------------------------------------------------------------------------------------------------------

    def _page(self, community: Community, problem: str = "") -> str:
        desk, typed = self._desk(community), request.form if problem else {}
        today = community.day_of(desk.now)
        asked = {**request.args, **request.form}
        day = _day(asked.get("day", ""))
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
            is_announced=desk.contents.workdays.is_announced(first.year), is_listed=community.is_listed, is_empty=_is_empty(weeks), **shown,
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
        push = kept.push if kept else Push("", "", "", desk.community.id, at=at.strftime(AT))
        may_change = visitor().may(desk.community.id, OPERATOR) and desk.may_change(push)
        return {
            "form": _form_of(push) | {name: value for name, value in typed.items() if name in _FIELDS}, "plan": None, "kept": kept,
            "may_change": may_change, "shown_text": _shown(typed.get("text", push.text)), "sorts": SORTS,
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

    def _desk(self, community: Community) -> PushDesk:
        return PushDesk.of(self._parts.office(community), self._parts.config)

    def _back(self, community: Community, words: str, version: int, day: date | None = None) -> Any:
        self._parts.live.refresh()  # this process shows it at once, the others within two seconds
        month = f"{day:%Y-%m}" if day else request.form.get("month", "") if _month(request.form.get("month", "")) else None
        kind = request.form.get("kind") if request.form.get("kind") in KINDS else None
        return redirect(
            url_for("console.calendar", place=community.id, month=month, kind=kind or None, said=words, version=version or None), 303
        )  # fmt: skip


def _shown(text: str) -> str:
    """How a text will look in the group."""
    return preview(said(text), markdown=True) or "（还没有写内容）"


_FIELDS = frozenset({"title", "text", "repeat", "date", "time", "monthday", "cron", "days", "scope", "marketing", "grace"})
"""Fields of the form that a refused one is filled with again."""


def _form_of(push: Push) -> dict[str, Any]:
    """The fields of a push's form."""
    rhythm = rhythm_of(push)
    at = parse_at(push.at) if push.at else None
    return {
        "title": push.title, "text": push.text, "repeat": rhythm.repeat, "date": at.date().isoformat() if at else "", "time": f"{rhythm.at:%H:%M}",
        "monthday": rhythm.day, "cron": push.cron, "days": push.days, "scope": "all" if push.community == "*" else "here",
        "marketing": "on" if push.marketing else "", "grace": push.grace_minutes,
    }  # fmt: skip


def _push_of_form(present: Push, community: Community) -> Push:
    """The push that a form asks for. Raises UserError."""
    form = request.form
    repeat = form.get("repeat", "once")
    if repeat not in get_args(Repeat):
        abort(400)
    days: Days = next((sort for sort in SORTS if sort == form.get("days")), "all")
    grace = form.get("grace", "")
    if not (grace.isascii() and grace.isdecimal() and len(grace) < 5):
        raise UserError("补发时间应该是分钟数，例如 60")
    return replace(
        present, title=" ".join(form.get("title", "").split()), text=form.get("text", "").replace("\r\n", "\n").strip(),
        community="*" if form.get("scope") == "all" else community.id, marketing=bool(form.get("marketing")), grace_minutes=int(grace),
        enabled=form.get("act") != "draft", at=_at_of_form() if repeat == "once" else "", cron="" if repeat == "once" else _cron_of_form(repeat),
        days="all" if repeat == "once" else days,
    )  # fmt: skip


def _at_of_form() -> str:
    day, at = _day(request.form.get("date", "")), _time(request.form.get("time", ""))
    if day is None:
        raise UserError("请选日期，例如 2026-12-01")
    return datetime.combine(day, at).strftime(AT)


def _cron_of_form(repeat: str) -> str:
    form = request.form
    if repeat == "cron":
        return " ".join(form.get("cron", "").split()) or _refuse("请写 cron，五段是：分 时 日 月 星期，例如 0 9 * * 1-5")
    weekdays = tuple(WEEKDAYS.index(code) for code in form.getlist("weekday") if code in WEEKDAYS)
    if repeat == "weekly" and not weekdays:
        raise UserError("请至少勾一个星期几，例如周一")
    day = form.get("monthday", "1")
    if not (day.isascii() and day.isdecimal() and 1 <= int(day[:3]) <= 31):
        raise UserError("每月几号应该在 1 到 31 之间，例如 1")
    at = _time(form.get("time", ""))
    match repeat:
        case "weekly":
            return cron_of(Rhythm("weekly", at, weekdays))
        case "monthly":
            return cron_of(Rhythm("monthly", at, day=int(day)))
        case _:
            return cron_of(Rhythm("daily", at))


def _refuse(words: str) -> str:
    raise UserError(words)


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text[:5])
    except ValueError:
        raise UserError("请写几点，例如 09:00") from None


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found and FIRST_YEAR <= found.year <= LAST_YEAR else None


def _month(text: str) -> date | None:
    return _day(f"{text}-01")


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
