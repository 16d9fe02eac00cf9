"""The figures of days once more, from nothing but the event log: what the book of days is held against.

Whatever is counted is told by an event, except what was said without a name: scores of questionnaires (``nps:``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from rules.figures import RETURNS, STAYS, TAKES_PART, Day, Kept, Reach, Where

UNTOLD = ("nps:",)
"""Counters that no event tells: what was said without a name."""
_HOUR = timedelta(hours=1)
_SETTLES = timedelta(days=2)
"""How many days before one that is closed are worked out once more (storage/daybook.py)."""
_ORDERS = ("order_done", "order_refunded", "order_returned", "order_cancelled", "order_expired", "order_erased")


@dataclass(frozen=True, slots=True)
class Told:
    """An event as the log has it; ``day`` is that of its moment in its community, ``hour`` the hour there."""

    at: datetime
    day: date
    hour: int
    kind: str
    community: str
    member: int
    data: Mapping[str, Any]


@dataclass(slots=True)
class Tale:
    """What the log tells of one place: counters, and members who spoke, took part or were new, by day."""

    counts: dict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    spoke: dict[date, set[int]] = field(default_factory=lambda: defaultdict(set))
    part: dict[date, set[int]] = field(default_factory=lambda: defaultdict(set))
    new: dict[date, set[int]] = field(default_factory=lambda: defaultdict(set))
    ever: set[int] = field(default_factory=set)
    here: set[int] = field(default_factory=set)
    pushed: datetime | None = None
    responded: dict[date, set[int]] = field(default_factory=lambda: defaultdict(set))
    erased: dict[int, date] = field(default_factory=dict)
    """Who was erased, with the first day that was not closed then."""

    @property
    def begins(self) -> date | None:
        """Its first day."""
        return min((*self.counts, *self.spoke, *self.part, *self.new), default=None)

    def day(self, day: date, closed: date | None = None) -> Day:
        """A day's figures, from their definitions. ``closed`` is the last day that is: who was erased is in no row that was made after that."""
        begins = self.begins
        if begins is None or day < begins:
            return Day(day)
        without = {
            member for member, at in self.erased.items() if day >= at or (closed is not None and at <= closed and day >= at - _SETTLES)
        }
        counts = [counted for at, counted in self.counts.items() if at <= day]
        today = self.spoke.get(day, set()) - without
        return Day(
            day, dict(self.counts.get(day, {})), _reach(self.spoke, day, without), _reach(self.part, day, without),
            sum(one["came"] + one["found"] - one["gone"] for one in counts), len(self.new.get(day, set()) - without),
            {n: Kept(len(came := self.new.get(day - timedelta(n), set()) - without), len(came & today)) for n in RETURNS},
            {n: _stayed(self.spoke, day, n, without) for n in STAYS},
        )  # fmt: skip


def _among(marks: Mapping[date, set[int]], first: date, last: date, without: set[int]) -> set[int]:
    days = (first + timedelta(days=at) for at in range((last - first).days + 1))
    return {member for day in days for member in marks.get(day, ())} - without


def _reach(marks: Mapping[date, set[int]], day: date, without: set[int]) -> Reach:
    starts = (day, day - timedelta(6), day - timedelta(29), day - timedelta(day.weekday()), day.replace(day=1))
    return Reach(*(len(_among(marks, start, day, without)) for start in starts))


def _stayed(spoke: Mapping[date, set[int]], day: date, n: int, without: set[int]) -> Kept:
    before = _among(spoke, day - timedelta(2 * n - 1), day - timedelta(n), without)
    return Kept(len(before), len(before & _among(spoke, day - timedelta(n - 1), day, without)))


def retell(events: Iterable[Told]) -> dict[Where, Tale]:
    """The figures of every place, from its events in the order of their shards' logs."""
    recount = _Recount()
    for told in events:
        recount.take(told)
    recount.settle()
    return dict(recount.tales)


class _Recount:
    def __init__(self) -> None:
        self.tales: dict[Where, Tale] = defaultdict(Tale)
        self._first: dict[int, date] = {}
        self._found: set[int] = set()
        self._takes: Mapping[str, Callable[[Told], None]] = {
            "points": self._points, "amend_case": self._amended, "decide_case": self._decided, "decide_appeal": self._ruled, "review": self._reviewed,
            "ticket_open": self._ticket, "ticket_answer": self._ticket, "judge": self._judged, "felt": self._felt, "recognised": self._recognised,
            "erased": self._erased, "flow": self._named, "welcome": self._welcomed,
            **dict.fromkeys(_ORDERS, self._order),
            **dict.fromkeys(("invited", "invite_held", "invite_refused", "invite_credited", "invite_reversed"), self._invited),
        }  # fmt: skip

    def take(self, told: Told) -> None:
        """Counts what one event tells."""
        data = told.data
        if told.kind == "decision":
            self._said(told)
        elif told.kind == "outbound":
            self._sent(told)
        elif "group" in data:
            self._moved(told)
        elif act := self._takes.get(data.get("act", "")):
            act(told)
        elif "case" in data and told.kind == "change":
            names = ["appeals"] if data.get("appeal") else ["cases", "warnings"] if data.get("warned") else ["cases"]
            self._count(told, *names)

    def settle(self) -> None:
        """What of the whole installation is known when all shards have told: who is new to it, and the sums of its communities."""
        everywhere = self.tales[Where()]
        for where, tale in list(self.tales.items()):
            if where.community and not where.chat:
                for day, counts in tale.counts.items():
                    everywhere.counts[day].update(counts)
        everywhere.new.clear()
        for member, day in self._first.items():
            if member not in self._found:
                everywhere.new[day].add(member)

    def _count(self, told: Told, *names: str, chat: str = "", day: date | None = None, n: int = 1) -> None:
        for place in self._places(told, chat):
            for name in names:
                place.counts[day or told.day][name] += n

    def _places(self, told: Told, chat: str) -> list[Tale]:
        community = self.tales[Where(told.community)]
        return [community, self.tales[Where(told.community, chat)]] if chat else [community]

    # Messages -------------------------------------------------------------------------------------------------------------

    def _said(self, told: Told) -> None:
        data, chat, member = told.data, told.data.get("chat", ""), told.member
        names = list(data.get("counts", ()))
        is_event = data.get("event", False)
        self._count(told, *(["events"] if is_event else ["messages", f"h:{told.hour}"]), *names, chat=chat)
        if "felt" in data:
            self._count(told, *(["felt", "unhappy"] if data["felt"] else ["felt"]), chat=chat)
        if not member:
            return
        everywhere = self.tales[Where()]
        places = self._places(told, chat)
        if not is_event:
            for place in (*places, everywhere):
                place.spoke[told.day].add(member)
            if chat:
                self._came(told, chat)
            self._responds(told, chat)
        if not TAKES_PART.isdisjoint(names):
            for place in (*places, everywhere):
                place.part[told.day].add(member)

    def _responds(self, told: Told, chat: str) -> None:
        group = self.tales[Where(told.community, chat)] if chat else None
        if group is None or group.pushed is None or not timedelta(0) <= told.at - group.pushed < _HOUR:
            return
        for place in self._places(told, chat):
            if told.member not in place.responded[told.day]:
                place.responded[told.day].add(told.member)
                place.counts[told.day]["responded"] += 1

    def _sent(self, told: Told) -> None:
        for field_, name, n in (("pushed", "pushes_sent", 1), ("failed", "pushes_failed", 1), ("revived", "pushes_failed", -1)):
            if told.data.get(field_):
                day, _, chat = told.data[field_].partition("|")
                self._count(told, name, chat=chat, day=date.fromisoformat(day), n=n)
                if field_ == "pushed" and chat:
                    self.tales[Where(told.community, chat)].pushed = told.at

    # Who is there ---------------------------------------------------------------------------------------------------------

    def _came(self, told: Told, chat: str, name: str = "came") -> None:
        member = told.member
        for place in self._places(told, chat):
            if member not in place.here:
                place.here.add(member)
                place.counts[told.day][name] += 1
            if member not in place.ever and name == "came":
                place.new[told.day].add(member)
            place.ever.add(member)
        if name == "found":
            if member not in self._first:
                self._found.add(member)
        elif member not in self._found:
            self._first[member] = min(self._first.get(member, told.day), told.day)

    def _moved(self, told: Told) -> None:
        what, chat = told.data["group"], told.data.get("chat", "")
        if what in ("join", "leave"):
            self._count(told, f"{what}s", chat=chat)
        if what == "join":
            self._came(told, chat)
        elif what == "found":
            self._came(told, chat, "found")
        elif what == "out":
            community, group = self._places(told, chat)
            for place in (group, community) if told.data["gone"] else (group,):
                if told.member in place.here:
                    place.here.discard(told.member)
                    place.counts[told.day]["gone"] += 1

    def _erased(self, told: Told) -> None:
        name, day = told.data["place"], date.fromisoformat(told.data["day"])
        community, _, chat = name.partition("/")
        place = self.tales[Where() if community == "~all" else Where(community, chat)]
        place.erased[told.member] = day
        if told.data["gone"]:
            place.counts[day]["gone"] += 1
            place.here.discard(told.member)

    # Acts -----------------------------------------------------------------------------------------------------------------

    def _points(self, told: Told) -> None:
        giver, taker = str(told.data["from"]), str(told.data["to"])
        if giver.isdecimal() != taker.isdecimal():
            way, day, n = "in" if taker.isdecimal() else "out", date.fromordinal(told.data["day"]), told.data["n"]
            self._count(told, f"points_{way}", f"{way}:{told.data['reason']}", day=day, n=n)

    def _amended(self, told: Told) -> None:
        if told.data["after"] == "warned":
            self._count(told, "warnings")

    def _decided(self, told: Told) -> None:
        after = told.data["after"]
        if after != told.data["before"] and after in ("warned", "ignored"):
            self._count(told, "warnings" if after == "warned" else "ignored")

    def _ruled(self, told: Told) -> None:
        self._count(told, f"appeals_{told.data['ruling']}")

    def _reviewed(self, told: Told) -> None:
        if told.data["after"] != "cared" and not told.data.get("again"):
            self._count(told, f"submissions_{told.data['after']}")

    def _ticket(self, told: Told) -> None:
        if told.data["act"] == "ticket_open":
            self._count(told, "tickets")
        elif "waited" in told.data:
            self._count(told, "tickets_answered", f"wait:{told.data['waited']}")

    def _order(self, told: Told) -> None:
        if ended := told.data.get("ended"):
            self._count(told, f"orders_{ended}")

    def _judged(self, told: Told) -> None:
        for name, n in ((told.data["before"], -1), (told.data["after"], 1)):
            if name:
                self._count(told, name, n=n)

    def _felt(self, told: Told) -> None:
        day, chat = date.fromisoformat(told.data["day"]), told.data["chat"]
        self._count(told, "felt", chat=chat, day=day, n=told.data["felt"])
        self._count(told, "unhappy", chat=chat, day=day, n=told.data["unhappy"])

    def _recognised(self, told: Told) -> None:
        if told.data["what"] == "featured" and not told.data.get("work"):
            self._count(told, "featured")

    def _invited(self, told: Told) -> None:
        self._count(told, told.data["act"])

    def _named(self, told: Told) -> None:
        self._count(told, *told.data.get("counts", ()))

    def _welcomed(self, told: Told) -> None:
        self._count(told, "welcomes")
