"""A month of a community: what is planned for each day, what came of it, and which days are off – read in few round trips, however much stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal

from bot import deliveries
from bot.mailing_desk import words_of
from bot.push_desk import WHYS, Kept, PushDesk
from rules.activities import STATES, TITLES, Activity
from rules.calendar import due_on, moments_on, parse_at, say_when, weeks_of
from rules.pushes import is_granted
from storage.firings import Receipt
from storage.mailings import Mailing, name_of
from storage.moment import to_ms

Sort = Literal["push", "activity", "report"]
State = Literal["planned", "asked", "draft", "sent", "queued", "failed", "held"]
STATE_WORDS: Mapping[State, str] = {
    "planned": "计划", "asked": "等批准", "draft": "草稿", "sent": "已发出", "queued": "排队中", "failed": "没有发成", "held": "没有发",
}  # fmt: skip
NEWEST_MAILINGS = 50
"""Mailings that are looked at for how far they are; older ones are over."""
NEWEST_ACTIVITIES = 100
"""Activities, the newest, among which those of a month are looked for, besides all that run."""
UNSENT_FOR = timedelta(hours=24)
"""How long a delivery may wait in the outbox."""
LATE = timedelta(minutes=2)
"""From when on it is told that a push was late."""
_WHOLE = re.compile(r"push:.*@[0-9]+")
"""How the id of a part begins: with that of the whole."""
REPORT = "report:"
"""How the names of reports begin among the receipts."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something on a day: when first (local), how often, and how it stands. ``mark`` is the state that a change of it is decided on.

    ``stays`` says why it cannot be put on another day; '' where it can.
    """

    sort: Sort
    id: str
    title: str
    at: time
    state: State
    count: int = 1
    note: str = ""
    mark: str = ""
    stays: str = ""
    is_marketing: bool = False
    is_repeated: bool = False
    column: str = ""
    mailing: int = 0
    """The planned moment (ms) of the newest mailing of a day, 0 where nothing was said."""


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A day: whether it belongs to the month, what it is called, whether it is worked, and what stands on it by time."""

    day: date
    is_of_month: bool
    is_today: bool
    name: str
    is_workday: bool
    is_made_up: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of what was queued: why letters are dead, and what still waits, by the id of a delivery."""

    dead: Mapping[str, str]
    queued: frozenset[str]
    parts: frozenset[str] = frozenset()
    """Those of which a part is dead: what was for another group, or for one of many members."""
    mailings: Mapping[str, Mailing] = field(default_factory=dict)
    """The newest mailings by their names."""


def month_plan(desk: PushDesk, year: int, month: int, *, sorts: Sequence[Sort] = ("push", "activity", "report")) -> list[list[DayPlan]]:
    """The weeks of a month, Monday first, each with what stands on its days."""
    weeks = weeks_of(year, month)
    first, last = weeks[0][0], weeks[-1][-1]
    found: dict[date, list[Item]] = {}
    for day, item in _items(desk, first, last, sorts):
        found.setdefault(day, []).append(item)
    workdays, today = desk.contents.workdays, desk.community.day_of(desk.now)

    def plan(day: date) -> DayPlan:
        items = sorted(found.get(day, ()), key=lambda one: (one.at, one.sort, one.id))
        return DayPlan(
            day, day.month == month, day == today, workdays.name(day), workdays.is_workday(day), workdays.is_made_up(day), tuple(items)
        )  # fmt: skip

    return [[plan(day) for day in week] for week in weeks]


def _items(desk: PushDesk, first: date, last: date, sorts: Sequence[Sort]) -> Iterator[tuple[date, Item]]:
    kept = desk.pushes() if "push" in sorts else []
    receipts = desk.stores.firings.receipts(desk.community.keys, first, last) if {"push", "report"} & set(sorts) else []
    if receipts:
        fate = _fate(desk, receipts)
        yield from ((one.day, _settled(desk, one, kept, fate)) for one in receipts if ("report" if _is_report(one) else "push") in sorts)
    told = {(one.day, one.push) for one in receipts}
    for one in kept:
        yield from _planned(desk, one, first, last, told)
    if "activity" in sorts:
        yield from _activities(desk, first, last)
    if "report" in sorts:
        yield from _reports(desk, first, last)


# Pushes -----------------------------------------------------------------------------------------------------------------------


def _planned(desk: PushDesk, kept: Kept, first: date, last: date, told: set[tuple[date, str]]) -> Iterator[tuple[date, Item]]:
    """What is ahead of a push, and of one that is said once also its day when nothing is known of it."""
    push, zone, workdays = kept.push, desk.community.zone, desk.contents.workdays
    today = desk.now.astimezone(zone).date()
    if push.at and first <= (day := parse_at(push.at).date()) <= last and day <= today and (day, push.id) not in told:
        [moment] = moments_on(push, day, zone, workdays)
        if moment <= desk.now:
            note = "是草稿，到点没有发" if not push.enabled else "没有发出的记录"
            yield day, _item(kept, parse_at(push.at).time(), "draft" if not push.enabled else "held", note=note)
            return
    for n in range((last - max(first, today)).days + 1):
        day = max(first, today) + timedelta(days=n)
        due = due_on(push, day, workdays)
        if due is None:
            continue
        at, count = due.first, due.count
        if day == today:  # only what is ahead
            ahead = [moment for moment in moments_on(push, day, zone, workdays) if moment > desk.now]
            if not ahead:
                continue
            at, count = ahead[0].astimezone(zone).time(), len(ahead)
        state: State = "draft" if not push.enabled else "planned" if is_granted(push) else "asked"
        yield day, _item(kept, at, state, count=count)


def _item(kept: Kept, at: time, state: State, *, count: int = 1, note: str = "") -> Item:
    push = kept.push
    stays = "" if push.at else f"“{push.label}”是重复的（{say_when(push)}），不能只挪一天。点开它改时间，或者另建一条只发一次的。"
    return Item(
        "push", push.id, push.label, at, state, count, note or say_when(push), kept.mark, stays, push.marketing, not push.at, push.column
    )  # fmt: skip


def _settled(desk: PushDesk, receipt: Receipt, kept: Sequence[Kept], fate: _Fate) -> Item:
    """What came of a push, or a report, on a day."""
    push = next((one.push for one in kept if one.push.id == receipt.push), None)
    ids = [_delivery_id(desk, receipt.push, moment.planned) for moment in receipt.moments if not moment.why]
    failed = [fate.dead[id] for id in ids if id in fate.dead]
    others = sum(id in fate.parts for id in ids)
    held = [moment.why for moment in receipt.moments if moment.why]
    state: State = "sent"
    notes = [f"发了 {receipt.count - len(held) - len(failed)} 次"] if receipt.count > 1 else []
    mailings = [found for moment in receipt.moments if (found := fate.mailings.get(name_of(receipt.push, moment.planned)))]
    if any(id in fate.queued for id in ids) and not any(one.state == "stopped" for one in mailings):
        state, notes = "queued", [*notes, "排在发送队列里"]
    for one in mailings:
        if one.state == "stopped" or (one.state != "done" and one.of > 1):
            state = "queued" if one.state != "stopped" else "sent" if one.sent else "held"
            notes.append(words_of(one))
    if held:
        state, notes = "held", [*notes, *(_times(WHYS[why], held.count(why), receipt.count) for why in dict.fromkeys(held))]
    if failed:
        state, notes = "failed", [*notes, *(_times(why, failed.count(why), receipt.count) for why in dict.fromkeys(failed))]
    if others:
        notes.append("有几处没有发成，看发送情况")
    first = receipt.moments[0]
    late = first.at - first.planned
    if state == "sent" and late >= LATE and not _is_report(receipt):
        notes.append(f"晚了 {round(late.total_seconds() / 60)} 分钟补发")
    # a report is claimed by the end of what it is about; it is said when it was sent
    at = (first.at if _is_report(receipt) else first.planned).astimezone(desk.community.zone).time()
    return Item(
        "report" if _is_report(receipt) else "push", receipt.push, receipt.title, at, state, receipt.count, "；".join(notes),
        stays=f"“{receipt.title}”已经过去了，不能再挪。", is_marketing=bool(push and push.marketing), is_repeated=bool(push and push.cron),
        column=push.column if push else "", mailing=_mailing_of(receipt),
    )  # fmt: skip


def _mailing_of(receipt: Receipt) -> int:
    """The planned moment (ms) of the newest mailing of a day, 0 where nothing was said."""
    said = [] if _is_report(receipt) else [to_ms(one.planned) for one in receipt.moments if not one.why]
    return max(said, default=0)


def _times(words: str, count: int, of: int) -> str:
    return words if of == 1 else f"{words}（{count} 次）"


def _fate(desk: PushDesk, receipts: Sequence[Receipt]) -> _Fate:
    community, outbox = desk.community, desk.stores.outbox
    queued, mailings = frozenset[str](), dict[str, Mailing]()
    if any(desk.now - moment.at < UNSENT_FOR for one in receipts for moment in one.moments if not moment.why):
        mailings = {one.name: one for one in desk.stores.mailings.newest(community.keys, NEWEST_MAILINGS)}
        post = deliveries.to_group(desk.config, community.id, "", "…", id="", lane="bulk", now_ms=0)
        queued = outbox.queued(community.shard, "bulk", post.target) if post else queued
    dead = outbox.dead_reasons(community.shard, f"push:{community.id}:")
    return _Fate(dead, queued, frozenset(found[0] for id in dead if (found := _WHOLE.match(id)) and found[0] != id), mailings)


def _delivery_id(desk: PushDesk, push: str, planned: datetime) -> str:
    return f"push:{desk.community.id}:{push}@{to_ms(planned)}"


def _is_report(receipt: Receipt) -> bool:
    return receipt.push.startswith(REPORT)


# Activities and reports -------------------------------------------------------------------------------------------------------


def _activities(desk: PushDesk, first: date, last: date) -> Iterator[tuple[date, Item]]:
    store, where = desk.stores.activities, desk.community.keys
    found = {one.number: one for one in (*store.newest(where, NEWEST_ACTIVITIES)[1], *store.running(where))}
    for one in found.values():
        for moment, words, is_begin in ((one.opened or one.opens, "开始", True), (one.ended or one.closes, "截止", False)):
            if moment is not None and one.state != "cancelled" and first <= (at := moment.astimezone(desk.community.zone)).date() <= last:
                yield at.date(), _activity(one, at, words, desk.now, is_begin=is_begin)


def _activity(one: Activity, at: datetime, words: str, now: datetime, *, is_begin: bool) -> Item:
    title = f"{TITLES.get(one.kind, one.kind)}“{one.title}”{words}"
    stays = ""
    if not (is_begin and one.state in ("draft", "scheduled")):
        stays = f"{title}：{'挪它的开始，截止跟着走' if one.state in ('draft', 'scheduled') else '活动已经开始，时间请在活动页改'}。"
    state: State = "draft" if one.state == "draft" else "sent" if at <= now else "planned"
    return Item("activity", str(one.number), title, at.time(), state, note=STATES[one.state], mark=str(one.revision), stays=stays)


def _reports(desk: PushDesk, first: date, last: date) -> Iterator[tuple[date, Item]]:
    """The reports that are ahead."""
    table, zone = desk.contents.reports.of(desk.community.id), desk.community.zone
    stays = "报表按规则页里的时间表发，不能在这里挪。"
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        for id, title, at in (
            ("daily", "日报", table.brief),
            ("weekly", "周报", table.weekly[1] if table.weekly and day.weekday() == table.weekly[0] else None),
            ("monthly", "月报", table.monthly[1] if table.monthly and day.day == table.monthly[0] else None),
        ):
            if at and datetime.combine(day, at, zone) > desk.now:
                yield day, Item("report", id, title, at, "planned", note="发到管理群", stays=stays, is_repeated=True)
