"""Flows against a model in plain Python: whatever is started, answered, waited for, cancelled, edited, repeated or cut off by a crash, every step is
made once, every point given once, and everything said once.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from chat import a_config, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.communities import Community
from bot.config import Config
from bot.faq_live import LazyFaq
from bot.flow_desk import FlowDesk, Told
from bot.live import Contents
from bot.message import Reply
from rules.contents import FLOWS, Welcome, parse
from rules.flows import Flow, after_quiet, flows_of
from rules.moderation import Judge
from rules.people import is_customer
from rules.points import PointRules
from rules.text import Words
from rules.wordlist import Lexicon
from storage import keys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.flows import FlowState
from storage.outbox import Delivery
from storage.points import Rewards
from storage.stores import Stores, open_stores
from tests.machines import STEPS, Crash, Shaky, live

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
NAMES = itertools.count(1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEFT_FOR = 30 * DAY
WORDS = Words()  # nothing is cut with it
EVIDENCE_KEY = b"A" * 43 + b"="

Script = tuple[tuple[str, Any], ...]
ONE_A: Script = (("say", "甲一"), ("ask", (0, 9)), ("award", 3), ("event", 48), ("award", 2), ("tag", "甲"), ("wait", 26), ("say", "甲末"))
ONE_B: Script = (("award", 1), ("ask", (0, 9)), ("say", "乙一"), ("event", 0), ("event", 0), ("award", 4), ("say", "乙末"))
TWO_A: Script = (("say", "丙一"), ("wait", 5), ("award", 7), ("say", "丙二"), ("ask", (5, 6)), ("event", 3), ("award", 1), ("say", "丙末"))
TWO_B: Script = (("tag", "乙"), ("ask", (0, 5)), ("event", 24), ("award", 5), ("ask", (0, 9)), ("award", 6), ("say", "丁末"))
SHORT: Script = (("award", 3), ("say", "戊"))
SHORT_ASK: Script = (("ask", (0, 9)), ("award", 2), ("say", "己"))
VERSIONS: dict[str, tuple[Script, ...]] = {"one": (ONE_A, ONE_B), "two": (TWO_A, TWO_B), "short": (SHORT, SHORT_ASK)}
REMINDERS_H, DEADLINE_H = (24, 72), 24 * 9


def written(id: str, script: Script) -> str:
    """The file of a script: ``one`` reminds, others have a deadline and may be repeated."""
    steps = []
    for n, (act, what) in enumerate(script, 1):
        if act == "ask":
            steps.append(f"{{ask: {{name: a{n}, text: 问{n}？, kind: number, least: {what[0]}, most: {what[1]}}}}}")
        elif act == "award":
            steps.append(f"{{award: {{reason: flow, points: {what}}}}}")
        elif act == "event":
            steps.append(f"{{wait: {{until: check_in{f', timeout: {what}h' if what else ''}}}}}")
        elif act == "wait":
            steps.append(f"{{wait: {{for: {what}h}}}}")
        else:
            steps.append(f"{{{act}: {what}}}" if act == "say" else f"{{tag: {{add: {what}}}}}")
    more = f"remind: [{REMINDERS_H[0]}h, {REMINDERS_H[1]}h]" if id == "one" else f"repeat: true\n  deadline: {DEADLINE_H}h\n  late: 过期了"
    return f"- id: {id}\n  title: {id}\n  {more}\n  steps: [{', '.join(steps)}]\n"


def flow_of(id: str, script: Script) -> Flow:
    """A script as the bot reads it."""
    found: tuple[Flow, ...] = parse(FLOWS, written(id, script))
    return found[0]


FLOW_OF = {(id, n): flow_of(id, script) for id, scripts in VERSIONS.items() for n, script in enumerate(scripts)}


# The model ------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Walk:
    """Where a member is in a flow, as the model has it."""

    id: str
    version: int
    n: int
    began: datetime
    status: str = "waiting"
    step: int = 0
    seq: int = 0
    since: datetime = START
    wake: datetime | None = None
    deadline: datetime | None = None
    ended: datetime | None = None
    reminded: int = 0
    is_held: bool = True
    reached: set[int] = field(default_factory=set)
    later: datetime | None = None

    @property
    def script(self) -> Script:
        return VERSIONS[self.id][self.version]

    @property
    def is_active(self) -> bool:
        return self.status in ("asking", "waiting")

    @property
    def ident(self) -> tuple[int, int]:
        return self.n, self.seq

    def waits_for_event(self) -> bool:
        return self.status == "waiting" and self.script[self.step][0] == "event"


@dataclass(slots=True)
class Person:
    """A member, as the model has him; ``owed`` are words for his next single chat that a crash left to be kept for it."""

    number: int
    user: str
    walks: dict[str, Walk] = field(default_factory=dict)
    points: int = 0
    tags: set[str] = field(default_factory=set)
    owed: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Done:
    """What a message did, under which name, and what it was answered."""

    act: Callable[[FlowDesk], Told]
    once: str
    said: list[str]
    person: Person
    at: datetime


@functools.cache
def contents_of(versions: tuple[tuple[str, int], ...]) -> Contents:
    """What is in force while these versions of the flows are."""
    found = flows_of([FLOW_OF[one] for one in versions])
    points = PointRules(cap_of_day=0, expire_after_months=0)
    return Contents(LazyFaq((), WORDS), WORDS, Judge(Lexicon()), Welcome(), Rewards((), False), (), {}, points=points, flows=found)


class Model:
    """What is to be: a walk is a list of instructions and a place in it."""

    def __init__(self) -> None:
        self.funnel: dict[tuple[str, str, str], int] = {}

    def go(self, person: Person, walk: Walk, at: int, now: datetime) -> list[str]:
        """Walks on from a step until it stops; gives what is said."""
        says: list[str] = []
        day = walk.began.astimezone(ZONE).date().isoformat()
        if walk.seq == 0:
            self.count(walk.id, day, "开始")
        walk.seq += 1
        walk.since, walk.wake, walk.reminded, walk.later = now, None, 0, None
        while at < len(walk.script):
            act, what = walk.script[at]
            if at not in walk.reached:
                walk.reached.add(at)
                self.count(walk.id, day, str(at + 1))
            if act == "ask":
                says.append(f"问{at + 1}？")
                walk.status = "asking"
                break
            if act in ("event", "wait"):
                walk.status = "waiting"
                if what:
                    walk.wake = after_quiet(now.astimezone(ZONE) + what * HOUR)
                break
            if act == "say":
                says.append(what)
            elif act == "award":
                person.points += what
            else:
                person.tags.add(what)
            at += 1
        else:
            walk.status, walk.is_held, walk.ended = "done", False, now
            self.count(walk.id, day, "完成")
        walk.step = at
        return says

    def count(self, flow: str, day: str, label: str) -> None:
        """One more who reached a step."""
        self.funnel[flow, day, label] = self.funnel.get((flow, day, label), 0) + 1


# The machine ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Bench:
    """What all lives share: two processes' stores, one of them shaky, and the configuration."""

    config: Config
    shaky: Shaky
    steady: Database
    mine: Stores
    theirs: Stores


FLOW_IDS = st.sampled_from(sorted(VERSIONS))
WHOM = st.integers(0, 71)
"""Who is picked, and for which flow: mostly one of whom the step is about, else anybody."""
BLOWS = ["crash", "death", "twin", "clock"]
FUSES = st.one_of(st.none(), st.tuples(st.integers(0, 7), st.booleans(), st.sampled_from(BLOWS)))
CLOCK_FUSES = st.one_of(FUSES, st.tuples(st.integers(0, 40), st.booleans(), st.just("crash")))
"""The clock looks at all of them: what it does for the last one comes late."""
HOURS = st.sampled_from([0, 1, 3, 5, 8, 8, 24, 24, 26, 30, 48, 24 * 4, 24 * 31])


class Flows(RuleBasedStateMachine):
    """Three members, one of them a customer, three flows that are edited under way, two processes, and a clock that is sometimes set back."""

    steps = 0

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        number = next(NAMES)
        self.bench, self.now, self.furthest, self.model, self.made = bench, START, START, Model(), 0
        self.community = Community(f"f{number}", "社群", 0, ZONE, True)
        # The clocks of a life that is over would ring for ever: this one's clock looks away, and a shard's due index gives the first hundred only.
        bench.steady.command("DEL", keys.FLOW_STEPS(shard=self.community.shard))
        self.versions = dict.fromkeys(VERSIONS, 0)
        users = [f"u{number}-0", f"u{number}-1", f"wm{number:A>20}"]  # the last one is a customer
        self.people = [Person(bench.theirs.directory.enrol(user, name=f"成员{n}").number, user) for n, user in enumerate(users)]
        self.ids = itertools.count(1)
        self.done: list[Done] = []
        self.cut_off: tuple[int, str] | None = None

    # Steps --------------------------------------------------------------------------------------------------------------

    @rule(whom=WHOM, anew=st.booleans(), fuse=FUSES)
    def starts(self, whom: int, anew: bool, fuse: Any) -> None:
        """Somebody starts a flow, by himself or by an administrator."""
        person, flow, walk = self.picked(whom, lambda walk: walk is None or not walk.is_active)
        now, once = self.now, self.name()
        told = self.did(person, fuse, lambda desk: desk.start(self.community, person.number, flow, once=once, anew=anew), once)
        if walk and walk.is_active:
            assert told.outcome == "active"
        elif walk and walk.status == "left" and walk.is_held and not anew:
            self.took_back(told, person, walk)
        elif walk and flow == "one" and not anew:
            assert told.outcome == "once"
        else:
            fresh = Walk(flow, self.versions[flow], walk.n + 1 if walk else 1, now)
            fresh.deadline = now + DEADLINE_H * HOUR if flow != "one" else None
            person.walks[flow] = fresh
            self.heard(told, self.model.go(person, fresh, 0, now))

    @precondition(lambda self: self.is_any(lambda walk: walk.status == "asking"))
    @rule(whom=WHOM, words=st.sampled_from(["5", "5", "5", "6", "77", "不知道"]), is_stale=st.integers(0, 7), fuse=FUSES)
    def answers(self, whom: int, words: str, is_stale: int, fuse: Any) -> None:
        """Somebody answers what he is asked, or what he was asked before."""
        person, flow, walk = self.picked(whom, lambda walk: walk is not None and walk.status == "asking")
        n, seq = walk.ident if walk else (1, 1)
        once, ident = self.name(), f"{self.community.id}|{flow}|{n}|{seq - 1 if is_stale == 7 else seq}"
        told = self.did(person, fuse, lambda desk: desk.answer(self.community, person.number, ident, words, once=once), once)
        if walk is None or walk.status != "asking" or is_stale == 7:
            assert told.outcome == "stale"
            return
        least, most = walk.script[walk.step][1]
        if not words.isdecimal() or not least <= int(words) <= most:
            assert told.outcome == "wrong"
            return
        self.heard(told, self.model.go(person, walk, walk.step + 1, self.now))

    @rule(whom=WHOM, fuse=FUSES)
    def checks_in(self, whom: int, fuse: Any) -> None:
        """What flows wait for happens."""
        person, _, _ = self.picked(whom, lambda walk: walk is not None and walk.waits_for_event())
        waiting, once = [walk for _, walk in sorted(person.walks.items()) if walk.waits_for_event()], self.name()
        if fuse and fuse[2] == "death" and len(waiting) > 1:  # where all is kept that was to be is not to be seen from one of them
            fuse = (*fuse[:2], "crash")

        def act(desk: FlowDesk) -> Told:
            told = desk.happened(self.community, person.number, "check_in", once=once)
            return told[0] if told else Told("none")

        told = self.did(person, fuse, act, f"{once}:check_in")
        if not waiting:
            assert told.outcome == "none"
            return
        self.heard(told, self.model.go(person, waiting[0], waiting[0].step + 1, self.now))
        alone = [text for walk in waiting[1:] for text in [self.model.go(person, walk, walk.step + 1, self.now)] if text]
        self.was_sent(person, alone)

    @precondition(lambda self: self.made % 4 == 0 and self.is_any(lambda walk: walk.is_active))
    @rule(whom=WHOM, is_by_admin=st.booleans(), fuse=FUSES)
    def leaves(self, whom: int, is_by_admin: bool, fuse: Any) -> None:
        """Somebody leaves a flow, or an administrator ends it."""
        person, flow, walk = self.picked(whom, lambda walk: walk is not None and walk.is_active)
        once = self.name()
        if is_by_admin:
            self.is_stopped(person, flow, walk, once)
            return
        told = self.did(person, fuse, lambda desk: desk.cancel(self.community, person.number, flow, once=once), once)
        if walk is None or not walk.is_active:
            assert told.outcome == "none"
            return
        assert told.outcome == "moved"
        walk.status, walk.ended, walk.later = "left", self.now, None

    def is_stopped(self, person: Person, flow: str, walk: Walk | None, once: str) -> None:
        told = self.desk(self.bench.mine).stop(self.community, person.number, flow, once=once)
        is_in = walk is not None and (walk.is_active or (walk.status == "left" and walk.is_held))
        assert (told.outcome == "moved") == is_in
        if walk and is_in:
            walk.status, walk.is_held, walk.ended = "stopped", False, self.now

    @precondition(lambda self: self.is_any(lambda walk: walk.status == "left"))
    @rule(whom=WHOM, fuse=FUSES)
    def resumes(self, whom: int, fuse: Any) -> None:
        """Somebody comes back to a flow, or asks where he was."""
        person, flow, walk = self.picked(whom, lambda walk: walk is not None and walk.status == "left")
        once = self.name()
        told = self.did(person, fuse, lambda desk: desk.resume(self.community, person.number, flow, once=once), once)
        if walk and walk.is_active:
            assert told.outcome == "active"
        elif walk and walk.status == "left" and walk.is_held:
            self.took_back(told, person, walk)
        else:
            assert told.outcome == "none"

    @precondition(lambda self: self.made % 3 == 0)
    @rule(flow=FLOW_IDS, version=st.integers(0, 1))
    def is_edited(self, flow: str, version: int) -> None:
        """Operators put another version in force: who is inside finishes his own."""
        self.versions[flow] = version

    @precondition(lambda self: self.done)
    @rule(which=st.integers(0, 5), is_late=st.booleans(), fuse=FUSES)
    def comes_again(self, which: int, is_late: bool, fuse: Any) -> None:
        """A message comes once more: it gets its first answer, or none where that is kept no more, and does nothing."""
        done = self.done[-1 - which % len(self.done)]
        if self.now - done.at > 6 * DAY:  # what was done is remembered for a week
            return
        if is_late:
            part = {"shard": self.community.shard, "community": self.community.id, "member": done.person.number}
            told = [keys.FLOWS_TOLD(**part, id=f"{done.once}{end}") for end in ("", ":one", ":two")]
            self.bench.theirs.database.command("DEL", *told)
            done.said = []
        assert lines(self.did(done.person, fuse, done.act, done.once, is_new=False)) == done.said

    @rule(hours=HOURS, is_back=st.integers(0, 12), fuse=CLOCK_FUSES)
    def time_passes(self, hours: int, is_back: int, fuse: Any) -> None:
        """Time passes, or is set back an hour; then the clock looks until it finds nothing more."""
        if (
            hours > 6 * 24
        ):  # a name is remembered for a week: what a crash left to be done is done before, by a clock that looks each second
            self.catches_up()
        self.now += -HOUR if is_back == 0 else timedelta(hours=hours, minutes=1)
        is_ahead, self.furthest = self.now > self.furthest, max(self.now, self.furthest)
        expected = {person.number: self.rung(person) for person in self.people}
        self.arm(fuse, lambda desk: desk.ring_due(lambda id: self.community))
        self.ring_out(self.bench.mine)
        self.bench.shaky.fuse = None
        for person in self.people:
            self.was_sent(person, expected[person.number])
            if is_ahead and not (fuse and fuse[2] in ("crash", "death")):
                assert not any(state.todo for state in self.states(person).values()), "nothing is owed for ever"

    def catches_up(self) -> None:
        furthest = self.furthest
        while self.now <= furthest:
            self.time_passes(1, 1, None)

    def ring_out(self, stores: Stores) -> None:
        """The clock looks until it finds nothing more."""
        for _ in range(40):
            try:
                self.ring(stores, self.now)
            except Crash:
                continue
            if not [one for one in self.bench.theirs.flows.due(self.now) if one[0].id == self.community.id]:
                return
        raise AssertionError("the clock never comes to rest")

    @rule(hours=st.sampled_from([1, 5, 24, 26]), fuse=CLOCK_FUSES)
    def time_goes_on(self, hours: int, fuse: Any) -> None:
        """The same again, so that there is something to hear of."""
        self.time_passes(hours, 1, fuse)

    # The model's clock --------------------------------------------------------------------------------------------------

    def rung(self, person: Person) -> list[list[str]]:
        """What the clock has to say to somebody now, message by message, a flow after the other."""
        said = []
        for walk in person.walks.values():
            while (one := self.rung_once(person, walk)) is not None:
                said += [one] if one else []
        return said

    def rung_once(self, person: Person, walk: Walk) -> list[str] | None:
        now, local = self.now, self.now.astimezone(ZONE)
        if walk.status == "left" and walk.is_held and walk.ended and walk.ended + LEFT_FOR <= now:
            walk.is_held = False
            return []
        due = [at for at in (walk.wake, walk.deadline) if at] if walk.is_active else []
        if self.is_to_be_reminded(walk):
            due.append(after_quiet((walk.since + REMINDERS_H[walk.reminded] * HOUR).astimezone(ZONE)))
        if not due or min(due) > now or (walk.later and walk.later > now):
            return None
        if (morning := after_quiet(local)) != local:
            walk.later = morning
            return None
        walk.later = None
        if walk.deadline and walk.deadline <= now:
            walk.status, walk.is_held, walk.ended = "late", False, now
            return ["过期了"]
        if walk.status == "waiting" and walk.wake and walk.wake <= now:
            return self.model.go(person, walk, walk.step + 1, now)
        walk.reminded = max(walk.reminded + 1, sum(walk.since + hours * HOUR <= now for hours in REMINDERS_H))
        return ["“one”还有一步等着你："]

    # Doing --------------------------------------------------------------------------------------------------------------

    def name(self) -> str:
        return f"{self.community.id}:{next(self.ids)}"

    def desk(self, stores: Stores, now: datetime | None = None) -> FlowDesk:
        return FlowDesk(stores, contents_of(tuple(self.versions.items())), self.bench.config, now or self.now)

    def arm(self, fuse: Any, act: Callable[[FlowDesk], object]) -> None:
        """Has the next thing interrupted: by death, by a twin that does the same, or by the clock of another process."""
        self.bench.shaky.fuse = None
        if fuse is None:
            return
        calls, self.bench.shaky.is_after, kind = fuse

        def die() -> None:
            raise Crash

        def twin() -> None:
            act(self.desk(self.bench.theirs))

        def clock() -> None:
            for where, member, flow in self.bench.theirs.flows.due(self.now + timedelta(seconds=20)):
                if where.id == self.community.id:
                    self.desk(self.bench.theirs).ring(self.community, member, flow)

        self.bench.shaky.blow = {"crash": die, "death": die, "twin": twin, "clock": clock}[kind]
        self.bench.shaky.fuse = calls

    def picked(self, whom: int, fits: Callable[[Walk | None], bool]) -> tuple[Person, str, Walk | None]:
        """Whom a step is about, the flow, and where he is in it; often what a death cut off, for something is owed there."""
        all = [(person, flow, person.walks.get(flow)) for person in self.people for flow in self.versions]
        fitting = [one for one in all if fits(one[2])]
        cut_off = [one for one in fitting if (one[0].number, one[1]) == self.cut_off]
        among = all if whom % 8 == 0 else cut_off if cut_off and whom % 2 else fitting or all
        return among[whom // 8 % len(among)]

    def is_any(self, fits: Callable[[Walk], bool]) -> bool:
        return any(fits(walk) for person in self.people for walk in person.walks.values())

    def did(self, person: Person, fuse: Any, act: Callable[[FlowDesk], Told], once: str, *, is_new: bool = True) -> Told:
        """Does something as a message would have it done: after a crash again, by its recovery; after a death only if it was not kept yet."""
        self.arm(fuse, act)
        try:
            told = act(self.desk(self.bench.mine))
        except Crash:
            told = (self.kept(person, once) if fuse[2] == "death" and is_new else None) or act(self.desk(self.bench.mine))
        self.bench.shaky.fuse = None
        if is_new and told.outcome == "moved":
            self.done.append(Done(act, once, lines(told), person, self.now))
        return told

    def kept(self, person: Person, once: str) -> Told | None:
        """What a recovery would say of something that is kept."""
        key = keys.FLOWS_TOLD(shard=self.community.shard, community=self.community.id, member=person.number, id=once)
        text = self.bench.theirs.database.command("GET", key)
        if text is None:
            return None
        kept = msgspec.json.decode(text)
        self.cut_off = (person.number, kept["flow"])
        return Told("moved", (Reply("\n\n".join(kept["says"])),))

    def ring(self, stores: Stores, now: datetime) -> None:
        for where, member, flow in stores.flows.due(now):
            if where.id == self.community.id:
                self.desk(stores, now).ring(self.community, member, flow)

    def took_back(self, told: Told, person: Person, walk: Walk) -> None:
        """He is where he left; what has come meanwhile, the clock does at once."""
        assert told.outcome == "moved"
        assert walk.ended
        if walk.deadline:
            walk.deadline = self.now + max(timedelta(), walk.deadline - walk.ended)
        walk.status = "asking" if walk.script[walk.step][0] == "ask" else "waiting"
        walk.since, walk.reminded, walk.ended, walk.later = self.now, 0, None, None
        said = self.rung(person)
        self.ring_out(self.bench.theirs)
        self.was_sent(person, said)

    # Looking ------------------------------------------------------------------------------------------------------------

    def heard(self, told: Told, says: list[str]) -> None:
        """What was answered is what the model says, in its order."""
        assert told.outcome == "moved"
        assert lines(told) == says

    def was_sent(self, person: Person, says: list[list[str]]) -> None:
        """What was sent in private is what the model says, each once; what was earned may be told twice after a crash."""
        sent_to = keys.OUTBOX(shard=self.community.shard, lane="now", target=f"app.desk.{person.number}")
        kept_for = keys.NOTICES(shard=0, member=person.number)
        read = [("LRANGE", sent_to, 0, -1), ("LRANGE", kept_for, 0, -1), ("DEL", sent_to), ("DEL", kept_for)]
        items, kept, *_ = self.bench.theirs.database.pipeline(read)
        bodies = [str(msgspec.json.decode(item, type=Delivery).body["text"]["content"]) for item in items]
        assert not (bodies if is_customer(person.user) else kept), "the app leads to colleagues only"
        sent = Counter(first_line(body) for body in [*bodies, *kept] if not body.startswith("🎁"))
        due = Counter(["\n\n".join(one) for one in says]) + person.owed
        assert not sent - due, "nothing is said twice, and nothing else"
        person.owed = due - sent
        if person.owed:
            todos = [todo for state in self.states(person).values() for todo in state.todo if todo.kind == "notice"]
            assert person.owed <= Counter(first_line(todo.value) for todo in todos), "what was not said yet is owed"

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        type(self).steps += 1
        self.made += 1
        if self.made % 6:
            return
        part = {"shard": self.community.shard, "community": self.community.id}
        wanted = [("HGETALL", keys.BALANCES(**part)), ("HGETALL", keys.FLOW_DEFINITIONS(**part)), ("HGETALL", keys.TAGS_OF(**part))]
        wanted += [("ZRANGE", keys.FLOW_STEPS(**part), 0, -1)]  # type: ignore[list-item]
        days = sorted({(flow, day) for flow, day, _ in self.model.funnel})
        wanted += [("HGETALL", keys.FLOW_FUNNEL(**part, flow=flow, day=day)) for flow, day in days]
        wanted += [("HGETALL", keys.FLOWS_OF(**part, member=person.number)) for person in self.people]
        balances, definitions, tags, bells, *more = self.bench.theirs.database.pipeline(wanted)
        funnels, stands = more[: len(days)], [read_states(flat) for flat in more[len(days) :]]
        has = dict(zip(balances[::2], map(int, balances[1::2]), strict=True))
        given = dict(zip(map(int, tags[::2]), tags[1::2], strict=True))
        assert sum(has.values()) == 0
        for person, states in zip(self.people, stands, strict=True):
            if not any(state.todo for state in states.values()):  # else a crash cut him off, and the clock will see to it
                assert has.get(str(person.number), 0) == person.points
                assert set(filter(None, given.get(person.number, "").split(","))) == person.tags
        held: dict[str, int] = {}
        for walk in (walk for person in self.people for walk in person.walks.values() if walk.is_held):
            digest = FLOW_OF[walk.id, walk.version].digest
            held[digest] = held.get(digest, 0) + 1
        kept = dict(zip(definitions[::2], definitions[1::2], strict=True))
        assert {name[:-1]: int(n) for name, n in kept.items() if name.endswith("#")} == held
        assert {name for name in kept if not name.endswith("#")} == held.keys()
        mine = {bell.split("|", 1)[1] for bell in bells if bell.startswith(f"{self.community.id}|")}
        owing = {f"{p.number}|{id}" for p, states in zip(self.people, stands, strict=True) for id, state in states.items() if state.todo}
        assert mine == {f"{p.number}|{id}" for p in self.people for id, walk in p.walks.items() if self.rings(walk)} | owing
        for (flow, day), flat in zip(days, funnels, strict=True):
            counted = dict(zip(flat[::2], map(int, flat[1::2]), strict=True))
            assert counted == {label: n for (f, d, label), n in self.model.funnel.items() if (f, d) == (flow, day)}
        for person, states in zip(self.people, stands, strict=True):
            stood = {id: (state.status, state.step, state.n, state.seq, state.held) for id, state in states.items()}
            assert stood == {id: (walk.status, walk.step, walk.n, walk.seq, walk.is_held) for id, walk in person.walks.items()}

    def states(self, person: Person) -> dict[str, FlowState]:
        return self.bench.theirs.flows.of_member(self.community.keys, person.number)

    @staticmethod
    def rings(walk: Walk) -> bool:
        """Whether the clock still has to do with a walk."""
        if walk.status == "left":
            return walk.is_held
        return walk.is_active and (walk.wake is not None or walk.deadline is not None or Flows.is_to_be_reminded(walk))

    @staticmethod
    def is_to_be_reminded(walk: Walk) -> bool:
        """Whether a member is asked or waited for and may still hear of it again."""
        awaited = walk.status == "asking" or walk.waits_for_event()
        return walk.id == "one" and walk.is_active and walk.reminded < len(REMINDERS_H) and awaited


def first_line(body: str) -> str:
    """A reminder's first line, which is all that the model says of it; of other words all."""
    return body.split("\n")[0] if body.startswith("“one”") else body


def lines(told: Told) -> list[str]:
    """What was said, without what was earned: that is said apart when a crash comes between."""
    said = "\n\n".join(reply.text for reply in told.replies).split("\n\n")
    return [line for line in said if line and not line.startswith("🎁")]


def read_states(flat: list[str]) -> dict[str, FlowState]:
    """A member's states as Redis gives them."""
    decode = msgspec.json.Decoder(FlowState).decode
    return {flow: decode(kept.partition("|")[2]) for flow, kept in zip(flat[::2], flat[1::2], strict=True)}


def run_machine(url: str, steps: int, seed: int = 0) -> int:
    """Lets flows live for so many steps on a Redis; gives how many they made."""
    with TemporaryDirectory() as folder:
        return _run(url, steps, seed, Path(folder))


def _run(url: str, steps: int, seed: int, folder: Path) -> int:
    shaky, steady = Shaky(url), Database(url)
    made = [open_stores(one, 1, consumer=lambda: "test", evidence_key=EVIDENCE_KEY, answers_hours=1) for one in (shaky, steady)]
    bench = Bench(a_config(folder, url, settings()), shaky, steady, made[0], made[1])
    Flows.steps = 0
    try:
        while (left := steps - Flows.steps) > 0:  # some lives are short
            live(lambda: Flows(bench), left, seed + Flows.steps if seed else 0)
    finally:
        shaky.close()
        steady.close()
    return Flows.steps


def test_flows_are_as_their_model_says_whatever_happens(redis_server: EmbeddedServer, database: Database) -> None:
    assert run_machine(redis_server.url, STEPS) >= STEPS
