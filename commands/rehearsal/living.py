"""Lives through a rehearsal: members speak, the clock rings, WeCom gets what is sent, and the virtual clock jumps from one of these to the next."""

from __future__ import annotations

import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from bot.mailing import HINT, ring_mailings
from commands.rehearsal.people import CHATTER, REPLIES, Person, Said, people_of, story_of
from commands.rehearsal.stage import ASSISTANT, DESK, SLOWEST_S, Stage, set_stage
from rules.figures import Where
from simulator.world import Post, single_chat
from storage.moment import from_ms
from storage.openings import Opening

STEP = timedelta(seconds=1)
SLOWEST = timedelta(seconds=SLOWEST_S)
MOST_STEPS = 240
"""Seconds that what is being sent is followed one by one; what is not through by then is looked at with the next ring."""
PATIENCE = 3
"""Letters in a week after which who is little open to them begins to think of saying 免打扰."""
GIVES_UP = 0.06
"""How likely he says it with each further one."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one process rehearses: some communities with all that happens there."""

    settings: Mapping[str, Any]
    content: Path
    items: Mapping[str, Mapping[str, str]]
    begin: datetime
    days: int
    members: int
    messages: int
    first: int
    seed: int
    has_app: bool = True


@dataclass(slots=True)
class Told:
    """What a part saw, in plain values: by community, by push, by member."""

    heard: int = 0
    members: int = 0
    groups: int = 0
    hours: list[int] = field(default_factory=lambda: [0] * 24)
    by_day: Counter[str] = field(default_factory=Counter)
    """Messages of each day."""
    questions: int = 0
    """Questions that stand in the FAQ, as they were asked."""
    answered: int = 0
    days: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By community the counters of its days, summed."""
    events: list[dict[str, Any]] = field(default_factory=list)
    """What the log says of pushes: t (ms), community, push, planned, to, chat, member, why."""
    labels: dict[str, str] = field(default_factory=dict)
    waited: Counter[str] = field(default_factory=Counter)
    """By push how many posts waited more than a minute for a limit."""
    longest_ms: dict[str, int] = field(default_factory=dict)
    receipts: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Community, push, planned moment, why nothing was said ('' it was)."""
    groups_of: dict[str, str] = field(default_factory=dict)
    """The group of each member, by his number (with his community: c|number), where he ever spoke."""
    stays: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """From when until when each member of a group was there."""
    mute: list[str] = field(default_factory=list)
    """Groups into which no webhook leads, and what they are called."""
    marketing: list[str] = field(default_factory=list)
    false_warnings: int = 0
    fair_warnings: int = 0
    rude: int = 0
    gave_up: int = 0
    unanswered: Counter[str] = field(default_factory=Counter)
    flows: dict[str, Counter[str]] = field(default_factory=dict)


def live(part: Part, on_day: Callable[[], None] = lambda: None) -> Told:
    """Lives through a part and tells what it saw. The same part tells the same."""
    dice = random.Random(f"people:{part.seed}:{part.first}")
    groups = [chat for listed in part.settings["communities"] for chat in listed["groups"]]
    people = people_of(dice, groups, part.members, part.begin, part.days, part.first)
    rosters: dict[str, list[str]] = {chat: [] for chat in groups}
    for person in people:
        rosters[person.group].append(person.user)
    begun = part.begin - timedelta(hours=1)
    with (
        tempfile.TemporaryDirectory(prefix="qunbot-rehearsal-") as folder,
        set_stage(Path(folder), part.settings, part.content, part.items, rosters, begun, part.seed, part.has_app) as stage,
    ):
        return _Living(stage, part, people, dice).live(on_day)


class _Living:
    def __init__(self, stage: Stage, part: Part, people: Sequence[Person], dice: random.Random) -> None:
        self._stage = stage
        self._part = part
        self._dice = dice
        self._people = {person.user: person for person in people}
        self._in_group: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            self._in_group[person.group].append(person)
        self._told = Told(members=len(people), groups=len(self._in_group))
        self._rev = 0
        self._said = 0
        self._letters: dict[str, list[datetime]] = defaultdict(list)
        self._quit: set[str] = set()
        self._rude: set[str] = set()
        entries = stage.bot.live.current.faq.entries()
        self._answers: dict[str, list[str]] = defaultdict(list)
        for entry in entries:
            for text in (entry.question, *entry.similar):
                self._answers[text].append(_begin_of(entry.answer))
        self._questions = list(self._answers)
        self._end = part.begin + timedelta(days=part.days)

    def live(self, on_day: Callable[[], None]) -> Told:
        part, stage = self._part, self._stage
        story = story_of(self._dice, list(self._people.values()), self._questions, part.begin, part.days, part.messages)
        self._ahead: list[Said] = story
        self._next = len(story)
        self._settle_in()
        stage.clock.set(part.begin)
        stage.agenda.start(part.begin)
        today = part.begin.date()
        while True:
            ring = self._next_ring(stage.clock())
            if ring >= self._end and (not self._ahead or self._ahead[0].at >= self._end):
                break
            if self._ahead and self._ahead[0].at < ring:
                self._hear(heappop(self._ahead))
            else:
                self._ring(ring)
            if (now := stage.clock().astimezone(part.begin.tzinfo).date()) > today:
                today = now
                on_day()
        stage.clock.set(self._end)
        return self._tell()

    def _settle_in(self) -> None:
        """Who is there from the first day is no newcomer: he has been there for weeks or years, and nobody welcomes him."""
        bot, begin = self._stage.bot, self._part.begin
        homes = {chat: bot.communities.named(listed["id"]) for listed in self._part.settings["communities"] for chat in listed["groups"]}
        dice = random.Random(f"known:{self._part.seed}:{self._part.first}")
        for person in self._people.values():
            if person.joins > begin:
                continue
            where = homes[person.group].keys
            number = bot.stores.directory.enrol(person.user, name=person.name, community=where.id).number
            bot.stores.openings.book(
                where, number, Opening(since=begin - timedelta(days=dice.randrange(20, 500))), self._stage.clock(),
                today=begin.date(), lapses=bot.live.current.points, once=f"known:{number}", actor="",
            )  # fmt: skip

    def _next_ring(self, now: datetime) -> datetime:
        """When a push or a mailing wants something, what was held may go, or the rounds are looked at: all together, so most of a month is jumped over."""
        since = now - self._part.begin
        slot = self._part.begin + (since // SLOWEST + 1) * SLOWEST
        return min(filter(None, (slot, self._stage.agenda.next_push(now), self._stage.held_until())))

    # What happens -------------------------------------------------------------------------------------------------------

    def _hear(self, said: Said) -> None:
        stage, told = self._stage, self._told
        stage.clock.set(max(said.at, stage.clock()))
        self._said += 1
        id = f"r{self._part.first}-{self._said}"
        if said.kind == "rude":
            self._rude.add(f"{ASSISTANT}:{id}")
        answer = stage.hears(said.user, said.name, said.group, said.text, id)
        local = said.at.astimezone(self._part.begin.tzinfo)
        told.heard += 1
        told.hours[local.hour] += 1
        told.by_day[f"{local:%Y-%m-%d}"] += 1
        told.rude += said.kind == "rude"
        if said.kind == "known":
            told.questions += 1
            told.answered += any(start in answer for start in self._answers[said.text])

    def _ring(self, at: datetime) -> None:
        stage = self._stage
        stage.clock.set(max(at, stage.clock()))
        stage.agenda.ring(stage.clock())
        self._follow()
        self._look()

    def _follow(self) -> None:
        """Sends what is due, second by second while anything moves; what members say meanwhile is said in its time."""
        stage, bot = self._stage, self._stage.bot
        for _ in range(MOST_STEPS):
            sent = stage.sender.drain_once()
            done = ring_mailings(bot.stores, bot.config, bot.live.current, bot.communities, stage.clock())
            if not sent and not done:
                break
            stage.clock.set(stage.clock() + STEP)
            while self._ahead and self._ahead[0].at <= stage.clock():
                self._hear(heappop(self._ahead))

    def _look(self) -> None:
        """Members read what is new."""
        world = self._stage.pretend.world
        if world.rev == self._rev:
            return
        since, self._rev = self._rev, world.rev
        for chat in sorted(self._in_group):
            for post in world.posts(chat, since):
                if post.via == "webhook":
                    self._react(chat, post)
        for user in sorted(self._people):
            for post in world.posts(single_chat(DESK, user), since):
                if post.via == "app" and HINT in post.text:
                    self._read_letter(self._people[user], from_ms(post.at_ms))

    def _react(self, chat: str, post: Post) -> None:
        at = from_ms(post.at_ms)
        for person in self._in_group[chat]:
            if person.is_here(at) and self._dice.random() < person.open_to / 3:
                self._will_say(person, at + timedelta(minutes=self._dice.expovariate(1 / 25)), self._dice.choice(REPLIES), chat)

    def _read_letter(self, person: Person, at: datetime) -> None:
        recent = [one for one in self._letters[person.user] if at - one < timedelta(days=7)]
        self._letters[person.user] = [*recent, at]
        if person.user in self._quit:
            return
        if len(recent) >= PATIENCE and self._dice.random() < GIVES_UP * (1 - person.open_to):
            self._quit.add(person.user)
            self._told.gave_up += 1
            self._will_say(person, at + timedelta(minutes=5), "免打扰", "")
        elif self._dice.random() < person.open_to:
            self._will_say(person, at + timedelta(minutes=self._dice.expovariate(1 / 60)), self._dice.choice(REPLIES), "")

    def _will_say(self, person: Person, at: datetime, text: str, chat: str) -> None:
        if at < self._end:
            heappush(self._ahead, Said(at, self._next, person.user, person.name, chat, text))
            self._next += 1

    # What is told -------------------------------------------------------------------------------------------------------

    def _tell(self) -> Told:
        told, bot = self._told, self._stage.bot
        first, last = self._part.begin.date(), (self._end - timedelta(days=1)).date()
        chatter = frozenset((*CHATTER, *REPLIES))
        told.stays = {
            chat: [(person.joins.isoformat(), person.leaves.isoformat()) for person in people]
            for chat, people in sorted(self._in_group.items())
        }
        for listed in self._part.settings["communities"]:
            told.mute += [f"{listed['name']} {chat}" for chat in listed["groups"] if not bot.config.has_webhook(listed["id"], chat)]
        for push in bot.live.current.pushes:
            told.labels[push.id] = push.label
            if push.marketing:
                told.marketing.append(push.id)
        for community in bot.communities.listed:
            for day in bot.stores.daybook.days(Where(community.id), first, last, last):
                told.days[community.id].update({name: n for name, n in day.counts.items() if ":" not in name})
            for receipt in bot.stores.firings.receipts(community.keys, first, last):
                told.receipts += [(community.id, receipt.push, moment.planned.isoformat(), moment.why) for moment in receipt.moments]
            told.unanswered.update(one.text for one in bot.stores.unanswered.questions(community.id) if one.text not in chatter)
            for flow in bot.live.current.flows.by_id.values():
                found = bot.stores.flows.funnel(community.keys, flow.id, last, self._part.days)
                counted = told.flows.setdefault(flow.title, Counter())
                for counts in found.values():
                    counted.update(counts)
        self._tell_events(told)
        return told

    def _tell_events(self, told: Told) -> None:
        stores = self._stage.bot.stores
        for entry in stores.events.read():
            data = entry.data
            if entry.kind == "push":
                wanted = {name: data[name] for name in ("push", "planned", "to", "chat", "why", "arm") if name in data}
                if entry.member and (person := self._people.get(stores.directory.find_user(entry.member) or "")):
                    told.groups_of[f"{entry.community}|{entry.member}"] = person.group
                told.events.append({"t": entry.at.isoformat(), "c": entry.community, "m": entry.member, **wanted})
            elif entry.kind == "outbound" and entry.message.startswith("push:"):
                push = entry.message.split(":", 2)[2].rpartition("@")[0]
                waited = int(data.get("waited_ms", 0))
                if waited > 60_000:
                    told.waited[push] += 1
                told.longest_ms[push] = max(told.longest_ms.get(push, 0), waited)
            elif entry.kind == "decision" and data.get("verdict") in ("warn", "review"):
                told.fair_warnings += entry.message in self._rude
                told.false_warnings += entry.message not in self._rude


def _begin_of(answer: str) -> str:
    """What of an answer is said whoever asks: up to its first variable, or line."""
    return answer.partition("{")[0].strip().partition("\n")[0][:20]
