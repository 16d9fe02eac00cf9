"""Activities against a model in plain Python: entered, withdrawn, moved on, drawn, paid, cancelled, forgotten – by two processes and one that dies.

The desk and the kind ``lottery`` are the real ones. Whatever happens, an activity goes its way once, takes no entry when it is closed, keeps every entry
and its number, draws from exactly those, and pays each award and each refund once.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.activities.desk import ActivityDesk
from bot.activities.lottery import Lottery
from bot.communities import Community, listed_community
from bot.config import Config
from bot.errors import UserError
from bot.live import Contents, LiveContents
from bot.permissions import Actor
from rules.activities import NEXT, Activity, State
from rules.lottery import Terms, commit, draw, read_prizes
from rules.points import PointRules
from rules.text import Words
from storage import keys
from storage.activities import Activities, Entered, Entry, Outcome, Payment
from storage.connection import Database, Script, StorageAway
from storage.directory import Directory
from storage.embedded import EmbeddedServer
from storage.outbox import Delivery
from storage.points import Points
from storage.stores import Stores, open_stores
from tests.chat import a_config, settings
from tests.machines import STEPS, live
from tests.test_ledger_machine import Books, Lots

NAMES = itertools.count(1)
START = datetime(2026, 2, 24, 15, 0, tzinfo=UTC)
BOSS = Actor(999_999, "老板", "owner")
MEMBERS = 5
PRIZES = ("积分7 2", "咖啡券 1", "积分3 1")
RULES = replace(PointRules(), cap_of_day=60)
NOT_OPEN: tuple[State, ...] = ("draft", "scheduled")
ENDING: tuple[State, ...] = ("closed", "settled", "cancelled")

clients = st.integers(0, 1)
deaths = st.sampled_from([0] * 8 + [1, 1, 2, 3, 4, 5, 6, 7])
"""After how many acts the process that does something dies; 0 it lives."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a member does: ``act`` is enter, leave, earn, or lose all that he has; with what, and how many points for how many days he earns."""

    place: int
    act: str
    entry: Entry
    n: int
    days: int


def _some(number: int, dice: random.Random) -> Deed:
    """What the member at a place among the people does."""
    pick = dice.choice
    entry = Entry(
        value=pick(["", "1", "2", "3"]), part=pick(["", "", "", "a", "b"]), tallies=pick([(), ("1",), ("2",), ("1", "2")]),
        replaces=pick([False, True]), round=pick([""] * 9 + ["one"]), score=pick([0, 1, 2, 3]), race=pick(["", "", "r"]),
        bonuses=pick([(), (5, 2)]), team=pick(["", "红", "蓝"]), joins=pick([False, True]), forgets=pick([False, False, True]),
        stays=pick([False, True]), unnamed=pick([False, True]),
    )  # fmt: skip
    return Deed(number % MEMBERS, pick(["enter"] * 6 + ["leave"] * 2 + ["earn", "lose"]), entry, pick([1, 5, 30]), pick([0, 3, 60]))


POOL = [_some(number, random.Random(number)) for number in range(2_000)]
deeds = st.tuples(st.integers(0, len(POOL) - 15), st.integers(5, 14)).map(lambda drawn: POOL[drawn[0] : sum(drawn)])
"""What is done, one after the other; a piece of a long row, for drawing each field costs more than the act."""


class Mortal(Database):
    """A process that dies: after so many acts nothing it asks for happens any more; of the last one it never hears."""

    left = 0

    def act(self, script: Script, keys: Any, args: Any = ()) -> Any:
        """Does it, if it is still alive."""
        if self.left <= 0:
            raise StorageAway("dead")
        self.left -= 1
        answer = super().act(script, keys, args)
        if self.left == 0:
            raise StorageAway("dies")
        return answer


@dataclass(slots=True)
class Piece:
    """What the model knows of a piece of an entry."""

    value: str
    score: int = 0
    order: int = 0
    tallies: tuple[str, ...] = ()
    team: str = ""
    stays: bool = False


@dataclass(slots=True)
class Record:
    """What it knows of a member in an activity."""

    pieces: dict[str, Piece] = field(default_factory=dict)
    seq: int = 0
    paid: int = 0
    lots: Lots = field(default_factory=list)
    award: int = 0


@dataclass(slots=True)
class Play:
    """What it knows of an activity."""

    state: State
    opens: datetime | None
    closes: datetime | None
    cost: int
    award: int
    most: int
    records: dict[int, Record] = field(default_factory=dict)
    seq: int = 0
    tallies: Counter[str] = field(default_factory=Counter)
    races: Counter[str] = field(default_factory=Counter)
    teams: Counter[str] = field(default_factory=Counter)
    scores: dict[int, int] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)
    stamp: int = 0
    round: str = ""
    until: datetime | None = None
    due: datetime = START
    owed: list[Payment] = field(default_factory=list)
    paid: int = 0

    def score(self, member: int, n: int, team: str) -> None:
        """Adds to somebody's score, and his team's."""
        if n == 0:
            return
        self.stamp += 1
        self.scores[member] = self.scores.get(member, 0) + n
        self.reached[member] = self.stamp
        if team:
            self.teams[team] += n

    def take_out(self, member: int, piece: Piece) -> None:
        """What a piece counted for counts no more."""
        self.tallies.subtract(piece.tallies)
        self.score(member, -piece.score, piece.team)

    @property
    def inside(self) -> list[int]:
        """Who is in, in order of arrival."""
        found = [member for member, record in self.records.items() if "" in record.pieces]
        return sorted(found, key=lambda member: self.records[member].seq)


@dataclass(frozen=True, slots=True)
class World:
    """What all lives share: two processes, one that dies, and the settings."""

    stores: tuple[Stores, Stores, Stores]
    mortal: Mortal
    config: Config
    contents: Contents
    community: Community


class Life(RuleBasedStateMachine):
    """A community's activities; every act may be made twice, as after a crash, or again days later; a clock is sometimes behind."""

    steps = ends = 0

    def __init__(self, world: World) -> None:
        super().__init__()
        world.stores[0].database.command("FLUSHDB")
        fresh = [replace(stores, directory=Directory(stores.database)) for stores in world.stores]
        world = replace(world, stores=(fresh[0], fresh[1], fresh[2]))
        self.world, self.where = world, world.community.keys
        self.database = world.stores[0].database
        self.now, self.behind, self.looks = START, timedelta(), 0
        self.lottery = Lottery(random.Random(7).randbytes)  # a life that is lived again draws the same
        self.books, self.given = Books(), Counter[tuple[int, int]]()
        self.plays: dict[int, Play] = {}
        self.done: list[tuple[datetime, Callable[[], Any], Any]] = []
        self.people = [self._enrol() for _ in range(MEMBERS)]
        self.gone, self.touched = set[int](), set[int]()
        for number, n in zip(self.people, (0, 6, 25, 60, 60), strict=True):
            if n:
                self._earn(number, n, 20)
        for closes in (0, 30):
            self._begin(cost=5 if closes else 0, award=2 if closes else 25, most=0, opens=0, closes=closes, client=0, twice=False)
            self._operate(len(self.plays), "open", 0, 0)

    # The clock, and who acts ----------------------------------------------------------------------------------------------

    @property
    def at(self) -> datetime:
        """What the clock of the acting process shows."""
        return self.now - self.behind

    @property
    def today(self) -> date:
        """The day in Shanghai."""
        return (self.at + timedelta(hours=8)).date()

    def _desk(self, client: int) -> ActivityDesk:
        world = self.world
        return ActivityDesk(world.stores[client], world.contents, world.config, world.community, self.at, {"lottery": self.lottery})

    def _activity(self, number: int) -> Activity:
        found = self.world.stores[0].activities.find(self.where, number)
        assert found is not None
        return found

    @rule(hours=st.sampled_from([0, 1, 3, 10, 30]))
    def wait(self, hours: int) -> None:
        """Time passes, or the clock of this process is an hour behind, or right again."""
        self.now += timedelta(hours=hours)
        if not hours:
            self.behind = timedelta(hours=1) if not self.behind else timedelta()

    def _earn(self, member: int, n: int, days: int) -> None:
        last = self.today + timedelta(days=days) if days else None
        self.world.stores[0].points.award(
            self.where, member, self.at, today=self.today, reason="task", points=n, once=f"a{next(NAMES)}", lapses=last
        )  # fmt: skip
        self.books.lapse(member, self.today.toordinal())
        self.given[member, self.today.toordinal()] += n
        self._gives(member, n, last)

    def _lose(self, who: int) -> None:
        """An administrator takes all that a member has."""
        today = self.today
        n = self.books.lasting(who, today.toordinal())
        if n:
            self.books.lapse(who, today.toordinal())
            Points(self.database).adjust(
                self.where, who, -n, self.at, today=today, reason="adjustment", actor=BOSS.member, note="", once=f"l{next(NAMES)}"
            )  # fmt: skip
            self.books.move(who, "treasury", n)
            self.books.take(who, n)
            self.books.count(who, -n, ())

    def _enrol(self) -> int:
        return self.world.stores[0].directory.enrol(f"u{next(NAMES)}").number

    def _gives(self, member: int, n: int, last: date | None) -> None:
        self.books.move("treasury", member, n)
        self.books.put(member, [[last.toordinal(), n]] if last else [])
        self.books.count(member, n, ())

    # Operators and the clock ----------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.plays) < 10)
    @rule(
        cost=st.sampled_from([0, 0, 5, 20]), award=st.sampled_from([0, 2, 25]), most=st.sampled_from([0, 0, 2]), opens=st.sampled_from([0, 2]),
        closes=st.sampled_from([0, 4, 30]), client=clients, twice=st.booleans(), then=st.sampled_from(["open", "open", "open", "schedule", ""]),
    )  # fmt: skip
    def begin(self, cost: int, award: int, most: int, opens: int, closes: int, client: int, twice: bool, then: str) -> None:
        """An operator makes a draft, and perhaps more of it."""
        self._begin(cost, award, most, opens, closes, client, twice)
        if then:
            self._operate(len(self.plays), then, client, 0)

    def _begin(self, cost: int, award: int, most: int, opens: int, closes: int, client: int, twice: bool) -> None:
        at, desk, id = self.at, self._desk(client), f"n{next(NAMES)}"
        opening, closing = (at + timedelta(hours=hours) if hours else None for hours in (opens, closes))

        def act() -> int:
            return desk.draft(
                "lottery", "抽|奖", {"prizes": PRIZES}, author=BOSS.member, chat="", opens=opening, closes=closing, cost=cost, award=award,
                most=most, once=id,
            ).number  # fmt: skip

        number = len(self.plays) + 1
        self._once(act, number, twice)
        self.plays[number] = Play("draft", opening, closing, cost, award, most)

    @rule(data=st.data(), acts=st.lists(st.sampled_from(["open", "open", "schedule", "close", "settle", "cancel"]), min_size=1, max_size=3),
          client=clients, dies=deaths, returns=st.booleans())  # fmt: skip
    def operate(self, data: st.DataObject, acts: list[str], client: int, dies: int, returns: bool) -> None:
        """An operator moves an activity on, or tries to; his process may die over it, and do it again, or leave it as it is."""
        number = self._drawn(data)
        for act in acts:
            self._operate(number, act, client, dies, returns)

    @rule(data=st.data(), dies=st.integers(1, 4), client=clients, races=st.booleans())
    def abandon(self, data: st.DataObject, dies: int, client: int, races: bool) -> None:
        """A process ends an activity in which somebody is, and dies over what it owes; nobody comes back to it but the clock, or a race of two."""
        number = self._drawn_open(data)
        play = self.plays[number]
        if play.state != "open" or not play.inside:
            return
        if play.cost:
            self._operate(number, "cancel", 0, dies, returns=False)
        else:
            self._operate(number, "close", 0, 0)
            self._operate(number, "settle", 0, dies, returns=False)
        if races and play.owed[play.paid :]:
            self._race(number, client)

    def _operate(self, number: int, act: str, client: int, dies: int, returns: bool = True) -> None:
        play, id, activity = self.plays[number], f"o{next(NAMES)}", self._activity(number)
        wanted = self._wanted(play, act)
        if dies:
            self._dying(dies, lambda desk: getattr(desk, act)(activity, BOSS, once=id))
            self._look_at(number)
            if not returns:
                return
            activity = self._activity(number)
        try:
            changed = getattr(self._desk(client), act)(activity, BOSS, once=id)
        except UserError:
            # who had died over it did it before: then it is told what it came to, or there was nothing to do
            assert wanted is None, f"{act} of a {play.state} one was refused"
        else:
            assert wanted is not None, f"{act} of a {play.state} one was done"
            assert changed.activity.state == wanted
            # settling is several acts, so that only who looks anew is told that it was his
            seen = changed.activity if act == "settle" else activity
            again = getattr(self._desk(1 - client), act)(seen, BOSS, once=id)
            assert (again.outcome, again.activity.state) == ("again", wanted)
        self._look_at(number)
        assert play.state == (wanted or play.state)

    def _wanted(self, play: Play, act: str) -> State | None:
        """Where an act leads; None where it is refused."""
        match act:
            case "open":
                return "open" if play.state in NOT_OPEN and (play.closes is None or play.closes > self.at) else None
            case "schedule":
                return "scheduled" if play.state == "draft" and play.opens and play.opens > self.at else None
            case "close":
                return "closed" if play.state == "open" else None
            case "settle":
                return "settled" if play.state == "closed" else None
            case _:
                return "cancelled" if "cancelled" in NEXT[play.state] else None

    @rule(client=clients, dies=deaths, hours=st.sampled_from([0, 0, 3, 30]))
    def ring(self, client: int, dies: int, hours: int) -> None:
        """The clock does what has come; its process may die over it, and another goes on."""
        self.now += timedelta(hours=hours)
        store = self.world.stores[client].activities
        due = {number for where, number in store.due(self.at) if where == self.where}
        for number in sorted(due):
            if dies:
                self._dying(dies, partial(ActivityDesk.ring, number=number))
                self._look_at(number)
            self._desk(client).ring(number)
            self._look_at(number)
        for number, play in self.plays.items():
            wanted = self._after_ring(play)
            assert play.state == wanted, f"{number} should be {wanted} at {self.at}: {self._activity(number)}, {play}"
            assert play.state not in ("settled", "cancelled") or play.due > self.at or play.paid == len(play.owed)

    def _after_ring(self, play: Play) -> State:
        """Where an activity has to stand when the clock has rung."""
        if play.state == "scheduled" and play.opens and play.opens <= self.at:
            return "cancelled" if play.closes and play.closes <= self.at else "open"
        if (play.state == "open" and play.closes and play.closes <= self.at) or (play.state == "closed" and play.due <= self.at):
            return "settled"
        return play.state

    def _race(self, number: int, client: int) -> None:
        """Two processes that saw the same debt pay it: one of them does."""
        activity, stores = self._activity(number), self.world.stores
        owed, reached, is_last = stores[client].activities.owed(self.where, activity)
        known = [one if one.member not in self.gone else replace(one, n=0) for one in owed]
        tries = [
            stores[c].activities.pay(self.where, activity, known, self.at, today=self.today, lapses=RULES, reached=reached, is_last=is_last)
            for c in (client, 1 - client)
        ]  # fmt: skip
        assert tries[0] is not None
        assert tries[1] is None, "a batch was paid twice"
        self._look_at(number)

    @rule(data=st.data(), client=clients, name=st.sampled_from(["one", "one", "two", ""]), hours=st.sampled_from([0, 1, 5]), stale=st.booleans(),
          wanted=deeds, later=st.sampled_from([0, 1, 5]))  # fmt: skip
    def turn_round(
        self, data: st.DataObject, client: int, name: str, hours: int, stale: bool, wanted: list[Deed], later: int
    ) -> None:  # fmt: skip
        """A round begins, and members enter it, now and later; whoever saw an older state of the activity begins none."""
        number = self._drawn_open(data)
        activity, play = self._activity(number), self.plays[number]
        if play.state != "open":
            return
        until = self.at + timedelta(hours=hours) if hours else None
        store = self.world.stores[client].activities
        seen = replace(activity, revision=activity.revision - 1) if stale else activity
        changed = store.change(self.where, seen, self.at, round=name, round_until=until)
        assert changed.outcome == ("moved" if stale else "done")
        if not stale:
            play.round, play.until = name, until
        half = len(wanted) // 2
        for some in wanted[:half], wanted[half:]:
            self._do(
                number, [(self.people[deed.place], replace(deed, entry=replace(deed.entry, round=name))) for deed in some], client, False
            )
            self.now += timedelta(hours=later)

    @rule(data=st.data(), hours=st.sampled_from([2, 40]))
    def put_off(self, data: st.DataObject, hours: int) -> None:
        """An operator moves the end of an activity."""
        number = self._drawn(data)
        play, closes = self.plays[number], self.at + timedelta(hours=hours)
        can = play.state == "open" or (play.state in NOT_OPEN and (play.opens is None or play.opens < closes))
        ahead = {"scheduled": play.opens, "open": play.closes}.get(play.state)
        if ahead and ahead <= self.at:
            can = False  # the clock has something to do about it first
        activity, id = self._activity(number), f"p{next(NAMES)}"
        try:
            outcomes = [self._desk(client).edit(activity, BOSS, closes=closes, once=id).outcome for client in (0, 1)]
        except UserError:
            assert not can
        else:
            assert can
            assert outcomes == ["done", "again"]
            play.closes = closes

    # Members --------------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), wanted=deeds, client=clients, twice=st.booleans())
    def crowd(self, data: st.DataObject, wanted: list[Deed], client: int, twice: bool) -> None:
        """Members come and go."""
        number = self._drawn_open(data)
        self._do(number, [(self.people[deed.place], deed) for deed in wanted], client, twice)

    @rule(data=st.data(), wanted=deeds, client=clients, twice=st.booleans())
    def visit(self, data: st.DataObject, wanted: list[Deed], client: int, twice: bool) -> None:
        """One of them comes and goes, gets and loses points in between; rather one who is in. Twice: then all comes again, in the same order."""
        number = self._drawn_open(data)
        inside = [member for member in self.plays[number].inside if member in self.people]
        member = data.draw(st.sampled_from(inside or self.people))
        before = len(self.done)
        self._do(number, [(member, deed) for deed in wanted], client, False)
        if twice:
            self._again(self.done[before:])

    def _do(self, number: int, wanted: list[tuple[int, Deed]], client: int, twice: bool) -> None:
        for member, deed in wanted:
            match deed.act:
                case "enter":
                    self._enter(number, member, deed.entry, client, twice)
                case "leave":
                    self._withdraw(number, member, deed.entry.part, client, twice)
                case "earn":
                    self._earn(member, deed.n, deed.days)
                case _:
                    self._lose(member)
        type(self).steps += len(wanted) - 1

    def _enter(self, number: int, member: int, entry: Entry, client: int, twice: bool) -> None:
        at, today, id, store = self.at, self.today, f"e{next(NAMES)}", self.world.stores[client].activities
        activity = Activity(number, "lottery", "", "draft", 0, START)
        act = partial(
            store.enter, self.where, activity, member, entry, at, today=today, lapses=RULES, cap_of_day=RULES.cap_of_day, once=id
        )  # fmt: skip
        self._once(act, self._entered(self.plays[number], member, entry), twice)

    def _entered(self, play: Play, member: int, entry: Entry) -> Entered:
        record = play.records.get(member) or Record()
        before = record.pieces.get(entry.part)
        if why := self._refusal(play, entry, before):
            return self._say(why, play, member, entry, before if why in ("already", "same") else None)
        points = 0
        if "" not in record.pieces and (entry.part == "" or entry.joins):
            if play.most and len(play.inside) >= play.most:
                return self._say("full", play, member, entry)
            self.books.lapse(member, self.today.toordinal())
            if self.books.balance(member) < play.cost:
                return self._say("short", play, member, entry)
            points = self._take_in(play, member, record)
        if before:
            play.take_out(member, before)
        play.records[member] = record
        piece = Piece(entry.value, entry.score, 0, () if entry.forgets else entry.tallies, entry.team, entry.stays)
        if entry.race:
            play.races[entry.race] += 1
            piece.order = play.races[entry.race]
            piece.score += entry.bonuses[piece.order - 1] if piece.order <= len(entry.bonuses) else 0
        play.tallies.update(entry.tallies)
        play.score(member, piece.score, piece.team)
        record.pieces[entry.part] = piece
        return self._say("changed" if before else "ok", play, member, entry, piece, points)

    def _refusal(self, play: Play, entry: Entry, before: Piece | None) -> Outcome | None:
        """Why an entry is not taken, before anything is asked of its member's points."""
        checks: tuple[tuple[Outcome, object], ...] = (
            ("early", play.state in NOT_OPEN),
            ("closed", play.state != "open" or (play.closes and self.at >= play.closes)),
            ("round", entry.round and entry.round != play.round),
            ("late", entry.round and play.until and self.at >= play.until),
            ("already", before and not entry.replaces),
            ("same", before and before.value == entry.value),
        )
        return next((why for why, is_so in checks if is_so), None)

    def _say(self, outcome: Outcome, play: Play, member: int, entry: Entry, piece: Piece | None = None, points: int = 0) -> Entered:
        kept = play.records.get(member) or Record()
        found = kept.pieces.get(entry.part)
        value = entry.value if outcome in ("ok", "changed", "same") else found.value if found else ""
        return Entered(
            outcome, kept.seq if "" in kept.pieces else 0, piece.order if piece else 0, piece.score if piece else 0, points,
            self.books.balance(member), self.books.earned.get(member, 0), len(play.inside), value,
        )  # fmt: skip

    def _take_in(self, play: Play, member: int, record: Record) -> int:
        """A member pays, gets his number and his award; gives that."""
        record.paid, record.lots = play.cost, []
        if play.cost:
            self.books.move(member, "events", play.cost)
            record.lots = self.books.take(member, play.cost)
        play.seq += 1
        record.seq = play.seq
        record.pieces[""] = Piece("")
        day = self.today.toordinal()
        points = max(0, min(play.award - record.award, RULES.cap_of_day - self.given[member, day]))
        if points:
            self.given[member, day] += points
            self._gives(member, points, RULES.last_day_of(self.today))
            record.award += points
        return points

    def _withdraw(self, number: int, who: int, part: str, client: int, twice: bool) -> None:
        at, today, id, store = self.at, self.today, f"w{next(NAMES)}", self.world.stores[client].activities
        activity = Activity(number, "lottery", "", "draft", 0, START)
        act = partial(store.withdraw, self.where, activity, who, at, today=today, part=part, once=id)
        self._once(act, self._withdrawn(self.plays[number], who, part), twice)

    def _withdrawn(self, play: Play, member: int, part: str) -> Entered:
        record = play.records.get(member) or Record()
        outcome: Any = "ok"
        if play.state in NOT_OPEN:
            outcome = "early"
        elif play.state != "open" or (play.closes and self.at >= play.closes):
            outcome = "closed"
        elif part not in record.pieces:
            outcome = "out"
        elif part:
            play.take_out(member, record.pieces.pop(part))
        else:
            self._leave(play, member, record)
        kept = record.pieces.get(part)
        seq = record.seq if "" in record.pieces else 0
        return Entered(
            outcome, seq, 0, 0, 0, self.books.balance(member), self.books.earned.get(member, 0), len(play.inside), kept.value if kept else ""
        )  # fmt: skip

    def _leave(self, play: Play, member: int, record: Record) -> None:
        for piece in record.pieces.values():
            play.take_out(member, piece)
        record.pieces = {}
        self.books.lapse(member, self.today.toordinal())
        self._give_back(member, record)
        back = min(record.award, self.books.balance(member))
        if back:
            self.books.move(member, "treasury", back)
            self.books.take(member, back)
            self.books.count(member, -back, ())
        record.award -= back

    def _give_back(self, member: int, record: Record) -> None:
        if record.paid:
            least = self.today.toordinal() + 30
            self.books.move("events", member, record.paid)
            self.books.put(member, [[max(day, least), n] for day, n in record.lots])

    @rule(data=st.data(), client=clients)
    def forget(self, data: st.DataObject, client: int) -> None:
        """A member is erased, rather one whose words stand in something that has ended; he comes again as somebody else."""
        ended = [play for play in self.plays.values() if play.state in ENDING]
        named = {member for play in ended for member in play.records if member in self.people}
        who, stores = data.draw(st.sampled_from(sorted(named) or self.people)), self.world.stores[client]
        stores.activities.erase_user(who)
        stores.directory.erase_user(who)
        self.gone.add(who)
        self.people[self.people.index(who)] = self._enrol()
        self.touched |= {number for number, play in self.plays.items() if who in play.records}
        for play in self.plays.values():
            record = play.records.get(who)
            if record is None:
                continue
            if play.state in ENDING:
                for piece in record.pieces.values():
                    piece.value = piece.value if piece.stays else ""
            else:
                for piece in record.pieces.values():
                    play.take_out(who, piece)
                del play.records[who]

    # Repeats and deaths ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.done)
    @rule(back=st.integers(0, 30), n=st.integers(3, 8))
    def repeat(self, back: int, n: int) -> None:
        """What was done lately, within the last week, is done again: it gets its first result, and nothing moves."""
        self._again(self.done[: len(self.done) - back][-n:])

    def _again(self, done: list[tuple[datetime, Callable[[], Any], Any]]) -> None:
        for at, act, first in done:
            if self.now - at < timedelta(days=6):
                assert _settled(got := act()) == _settled(first), (got, first)

    def _once(self, act: Callable[[], Any], wanted: Any, twice: bool) -> None:
        assert (got := act()) == wanted, (got, wanted)
        if twice:
            assert act() == wanted
        self.done.append((self.now, act, wanted))

    def _dying(self, acts: int, do: Callable[[ActivityDesk], object]) -> None:
        """A process does something and dies after so many acts, or is done by then, or is refused."""
        self.world.mortal.left = acts
        with contextlib.suppress(StorageAway, UserError):
            do(self._desk(2))

    def _drawn(self, data: st.DataObject) -> int:
        """One of the last activities, or of those that are open."""
        return self._one_of(data, [number for number, play in self.plays.items() if play.state == "open"] + list(self.plays)[-3:])

    def _drawn_open(self, data: st.DataObject) -> int:
        """An activity that takes entries, if there is one, else any of the last; seldom one that has ended."""
        taking = [n for n, play in self.plays.items() if play.state == "open" and (play.closes is None or play.closes > self.at)]
        return self._one_of(data, taking * 3 + list(self.plays)[-1:] if taking else list(self.plays)[-3:])

    def _one_of(self, data: st.DataObject, numbers: list[int]) -> int:
        number = data.draw(st.sampled_from(numbers))
        self.touched.add(number)
        return number

    # What holds always ----------------------------------------------------------------------------------------------------

    def _look_at(self, number: int) -> None:
        """Takes over how far an activity has come, if it may have come there; what it owes follows from what the model knows."""
        activity, play = self._activity(number), self.plays[number]
        assert activity.state == play.state or activity.state in _reachable(play.state), f"{play.state} became {activity.state}"
        if activity.state != play.state:
            if activity.state == "settled":
                play.owed = self._drawn_lots(activity, play)
            if activity.state == "cancelled":
                play.owed = [Payment(member, play.records[member].paid) for member in play.inside] if play.cost else []
            play.state = activity.state
        due = activity.next_step if activity.state == "closed" else activity.ended
        if activity.state in ENDING:
            assert due is not None, "nobody will ever go on with it"
            play.due = due
        assert play.paid <= activity.paid <= len(play.owed)
        assert activity.is_paid <= (activity.paid == len(play.owed))
        for one in play.owed[play.paid : activity.paid]:
            if one.member in self.gone:
                continue
            if play.state == "settled":
                self._gives(one.member, one.n, RULES.last_day_of(self.today))
            else:
                self._give_back(one.member, play.records[one.member])
        play.paid = activity.paid

    def _drawn_lots(self, activity: Activity, play: Play) -> list[Payment]:
        """Draws again from what was published, with the model's own list; gives what is to be paid."""
        result, told = activity.result, activity.live
        prizes, inside = read_prizes(PRIZES), play.inside
        assert result["count"] == len(inside)
        won = draw(bytes.fromhex(result["seed"]), told["list"], "", len(inside), prizes)
        assert result["wins"] == [[play.records[inside[place]].seq, prizes.index(prize), inside[place]] for place, prize in won]
        terms = Terms(activity.number, told["begun"], told["title"], prizes, told["witness"])
        assert commit(bytes.fromhex(result["seed"]), terms) == told["commitment"]
        return [Payment(inside[place], prize.points) for place, prize in won if prize.points]

    @invariant()
    def all_is_as_the_model_says(self) -> None:
        """Balances, lots, entries, counters and scores: at each fourth step, for what each act gave was compared anyhow."""
        type(self).steps += 1
        self.looks += 1
        if self.looks % 4 == 0:
            self._compare(self.touched)
            self.touched = set()

    def _compare(self, numbers: Iterable[int]) -> None:
        part = {"shard": self.where.shard, "community": self.where.id}
        balances, lots, running = self.database.pipeline([
            ("HGETALL", keys.BALANCES(**part)), ("HGETALL", keys.LOTS(**part)), ("ZRANGE", keys.ACTIVITIES_RUNNING(**part), 0, -1),
        ])  # fmt: skip
        has = {account: int(n) for account, n in zip(balances[::2], balances[1::2], strict=True)}
        assert sum(has.values()) == 0
        assert (a := {account: n for account, n in has.items() if n}) == (
            b := {account: n for account, n in self.books.balances.items() if n}
        ), (a, b)
        kept = dict(zip(lots[::2], lots[1::2], strict=True))
        assert kept == {str(m): ",".join(f"{day}:{n}" for day, n in mine) for m, mine in self.books.lots.items() if mine}
        assert {int(n) for n in running} == {n for n, play in self.plays.items() if play.state in ("scheduled", "open")}
        for number in numbers:
            self._compare_one(number)

    def _compare_one(self, number: int) -> None:
        play, store, found = self.plays[number], self.world.stores[0].activities, self._activity(number)
        assert (found.state, found.entries, found.closes) == (play.state, len(play.inside), play.closes)
        page = store.all_of(self.where, number)
        assert [pieces[""].member for pieces in page] == play.inside
        for pieces in page:
            member = pieces[""].member
            mine = play.records[member].pieces
            assert {name: (one.value, one.score, one.order, one.team) for name, one in pieces.items()} == {
                name: (one.value, one.score, one.order, one.team) for name, one in mine.items()
            }  # fmt: skip
            assert (pieces[""].seq, pieces[""].paid) == (play.records[member].seq, play.records[member].paid)
        assert store.tally(self.where, number) == {name: n for name, n in play.tallies.items() if n}
        assert store.team_scores(self.where, number) == {name: n for name, n in play.teams.items() if n}
        ranked = sorted(play.scores.items(), key=lambda row: (-row[1], play.reached[row[0]]))
        assert store.scores(self.where, number) == [(member, n) for member, n in ranked if n]

    def teardown(self) -> None:
        """At the end of a life the clock finishes what has come; all is looked at, and what was told was told once.

        Of one that ended with a failure that alone is told: whatever its last step left half done would hide it.
        """
        if sys.exception() is not None:
            return
        type(self).ends += 1
        self.behind = timedelta()
        self.ring(client=0, dies=0, hours=0)
        self._compare(list(self.plays))
        assert Points(self.database).discrepancies(self.where) == []
        told = Counter(delivery.id for delivery in self._outbox())
        assert set(told.values()) <= {1}, "something was told twice"
        for number, play in self.plays.items():
            if play.state == "settled" and play.inside:
                assert told[f"activity:main:{number}:settled"] == 1

    def _outbox(self) -> list[Delivery]:
        queues = list(self.database.scan(f"qb:{{{self.where.shard}}}:out:*"))
        items = [item for queue in queues for item in self.database.command("LRANGE", queue, 0, -1)]
        return [msgspec.json.decode(item, type=Delivery) for item in items]


def _reachable(state: State) -> set[State]:
    """Where an activity may come from a state, one way or another."""
    found, new = set[State](), set(NEXT[state])
    while new - found:
        found |= new
        new = {after for before in found for after in NEXT[before]}
    return found


def _settled(result: Any) -> Any:
    """What a repeat says again; an entry that was erased meanwhile, or replaced, is told as it is kept now."""
    return replace(result, value="") if isinstance(result, Entered) else result


@contextlib.contextmanager
def a_world(url: str) -> Iterator[World]:
    """Processes on a Redis, one of which is mortal."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as leaving:
        databases = (Database(url), Database(url), Mortal(url))
        for one in databases:
            leaving.callback(one.close)
        config = a_config(Path(folder), url, settings(app=False))
        stores = [open_stores(one, 16, consumer=lambda: "test", evidence_key=b"0" * 43 + b"=", answers_hours=1) for one in databases]
        stores = [replace(one, activities=Activities(one.database, 16, paid_at_once=1)) for one in stores]
        live_contents = LiveContents(stores[0].content, stores[0].directory, Words(Path(folder)), is_eager=False)
        community = listed_community(config.communities[0], 16)
        contents = replace(live_contents.current, points=RULES)
        yield World((stores[0], stores[1], stores[2]), databases[2], config, contents, community)


def run_machine(url: str, steps: int, seed: int = 0) -> int:
    """Lets communities live for so many steps on a Redis; gives how many they made, each entry counted."""
    Life.steps = Life.ends = 0
    with a_world(url) as world:
        while (left := steps - Life.steps) > 0:  # one of its steps is often several entries
            live(lambda: Life(world), max(50, left // 4), seed and seed + Life.steps)
    assert Life.ends, "no life was looked at when it was over"
    return Life.steps


def test_activities_are_as_their_model_says_whatever_happens(redis_server: EmbeddedServer, database: Database) -> None:
    assert run_machine(redis_server.url, STEPS) >= STEPS


def test_after_whatever_act_the_clock_dies_the_next_one_settles_and_pays_once(redis_server: EmbeddedServer, database: Database) -> None:
    with a_world(redis_server.url) as world:
        for dies in range(1, 13):
            life = Life(world)
            play = life.plays[2]
            life._do(2, [(member, Deed(0, "enter", Entry("1"), 0, 0)) for member in life.people], 0, False)
            assert len(play.inside) == 4  # one cannot pay for it
            life.now += timedelta(hours=30, minutes=30)
            life._dying(dies, partial(ActivityDesk.ring, number=2))
            life._look_at(2)
            life.behind = timedelta(hours=1)  # for this one it has not come
            life.ring(client=1, dies=0, hours=0)
            life.behind = timedelta()
            life.ring(client=0, dies=0, hours=0)
            assert (play.state, play.paid) == ("settled", 3)
            life.teardown()
