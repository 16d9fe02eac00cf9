"""Sixty days of a community in which honest members and every kind of cheat invite: cheats earn nothing, the honest what the rules say.

The model knows nothing of how it is done: it adds up what each inviter's newcomers did, by the rules as operators read them.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import pytest
from chat import Chat
from inviting import Brought, desk, look, ring

from bot.invitation_desk import ring_invitations
from bot.permissions import COMMAND_LINE
from storage import keys
from storage.invitations import How

pytest_plugins = ("chat",)

DAYS = 60
POINTS, TIERS = 20, {1: 0, 3: 30, 10: 100}
"""What the shipped rules give for a newcomer, and for so many."""
OTHER = "wrY"
"""Another group of the community, to which some move."""
HONEST, CHEATS = 16, 5
"""Honest inviters, and cheats of each kind."""
Act = Callable[[], object]


@dataclass(slots=True)
class Guest:
    """A newcomer: by whom he says he was invited, the day on which he comes, and after how many days he leaves (0: never).

    ``by_roster``: a customer group shows him come and go, else only what he says is known. ``is_silent``: he says nothing on a later day.
    ``counts``: he is one that the rules pay for, as an operator would see it. ``moves``: after so many days he goes to another group of the
    community. ``forgets``: after so many days he has himself forgotten (0: neither).
    """

    user: str
    inviter: str
    day: int
    stays: int = 0
    by_roster: bool = False
    is_silent: bool = False
    counts: bool = True
    moves: int = 0
    forgets: int = 0
    how: How = "code"

    @property
    def is_paid(self) -> bool:
        """Whether he counts in the end: he stayed for seven days, and for thirty more."""
        is_heard_of = self.by_roster or not self.is_silent
        return self.counts and is_heard_of and not self.forgets and (self.stays == 0 or self.stays > 45)


@dataclass(slots=True)
class World:
    """Everybody, what they do on which day, and what it should bring."""

    chat: Chat
    dice: random.Random
    guests: list[Guest] = field(default_factory=list)
    seated: dict[str, Brought] = field(default_factory=dict)
    elsewhere: dict[str, Brought] = field(default_factory=dict)

    def expected(self, inviter: str) -> int:
        """What an inviter's newcomers are worth by the rules."""
        n = sum(guest.is_paid for guest in self.guests if guest.inviter == inviter)
        return n * POINTS + sum(points for at, points in TIERS.items() if at <= n)

    def member(self, user: str) -> int:
        """The number of a user, known from now on."""
        return self.chat.stores.directory.enrol(user, name=user, community="main").number

    def say_something(self, user: str) -> None:
        """A member speaks on this day, as the finishing act notes it."""
        where, today = self.chat.community.keys, self.chat.clock().astimezone(self.chat.community.zone).date()
        part = {"shard": where.shard, "community": where.id}
        number, now_ms = self.member(user), int(self.chat.clock().timestamp() * 1000)
        self.chat.stores.database.pipeline(
            [
                ("HSETNX", keys.MEMBERS(**part), number, now_ms),
                ("SETBIT", keys.ACTIVE(**part, day=today.isoformat()), number, 1),
            ]
        )

    def claim(self, user: str, inviter: str, how: How = "code", *, once: str) -> None:
        """Somebody says who invited him; the message comes up to three times."""
        number, by = self.member(user), self.member(inviter)
        said = {desk(self.chat).claim(number, by, how, once=once).outcome for _ in range(self.dice.randint(1, 3))}
        assert len(said) == 1, "a repeat gets the first result"

    def come_and_claim(self, user: str, inviter: str, once: str) -> None:
        """The first words of a newcomer."""
        self.say_something(user)
        self.claim(user, inviter, once=once)


@pytest.fixture
def world(chat: Chat) -> World:
    world = World(chat, random.Random(20260310))
    chat.at("2026-01-05 09:00")
    old = [f"honest{n}" for n in range(HONEST)]
    old += [f"{kind}{n}" for kind in ("burst", "back", "erase") for n in range(CHEATS)]
    for user in old:
        world.say_something(user)
    look(chat, {f"founder{n}": ("", "") for n in range(CHEATS)})
    look(chat, {"host": ("", "")}, OTHER)
    world.elsewhere = {"host": ("", "")}
    world.seated = {f"founder{n}": ("", "") for n in range(CHEATS)}
    chat.later(days=30)
    world.guests = [*honest_guests(world.dice), *burst_guests(), *erased_guests()]
    return world


def honest_guests(dice: random.Random) -> Iterator[Guest]:
    """One to twelve newcomers for each honest inviter; some leave, early, later or too late to matter, some are never heard of again."""
    for n in range(HONEST):
        for at in range(dice.randint(1, 12)):
            fate = dice.choice(["stays", "stays", "moves", "early", "later", "late", "silent"])
            moves = dice.randint(1, 30) if fate == "moves" else 0
            stays = {"early": dice.randint(1, 5), "later": dice.randint(10, 30), "late": dice.randint(50, 58)}.get(fate, 0)
            day = dice.randint(0, 8 if fate == "late" else 25)
            yield Guest(
                f"guest{n}.{at}",
                f"honest{n}",
                day,
                stays,
                by_roster=dice.random() < 0.5 or stays + moves > 0,
                is_silent=fate == "silent",
                moves=moves,
            )


def burst_guests() -> Iterator[Guest]:
    """Twenty false accounts in one hour for each cheat; they stay and speak."""
    for n in range(CHEATS):
        for at in range(20):
            yield Guest(f"fake{n}.{at}", f"burst{n}", 3 + n, by_roster=at % 2 == 0, counts=False)


def erased_guests() -> Iterator[Guest]:
    """Whoever has himself forgotten within the week and comes back as somebody new, or as soon as he is paid for and stays away."""
    for n in range(CHEATS):
        yield Guest(f"gone{n}", f"erase{n}", 4, counts=False)
        yield Guest(f"paid{n}", f"erase{n}", 4, counts=False, forgets=12 + n)


def test_cheats_earn_nothing_and_the_honest_what_the_rules_say(world: World) -> None:
    chat, dice = world.chat, world.dice
    spent: Counter[str] = Counter()
    for day in range(DAYS):
        acts = list(acts_of(world, day))
        dice.shuffle(acts)  # what happens on one day comes in any order
        for act in acts:
            act()
            if dice.random() < 0.2:
                chat.later(minutes=dice.randint(0, 20))
        for group in dice.sample(["wrX", OTHER], 2):
            look(chat, world.seated if group == "wrX" else world.elsewhere, group)
            if dice.random() < 0.3:
                ring(chat)
        review(world)
        if dice.random() < 0.8:  # a clock that was away for a while makes up for it
            if dice.random() < 0.2:
                ring_behind(world)
            ring(chat)
        if day == 20:
            spent = spend(world)
        chat.at(f"{(chat.clock() + timedelta(days=1)).astimezone(chat.community.zone):%Y-%m-%d} 09:00")
    for _ in range(50):
        chat.later(days=1)
        ring(chat)
    settle_up(world, spent)


def acts_of(world: World, day: int) -> Iterator[Act]:
    """What is done on a day."""
    chat = world.chat
    for guest in world.guests:
        since = day - guest.day
        if since == 0 and guest.by_roster:
            owner = world.member(guest.inviter)
            code = chat.stores.invitations.code_of(chat.community.keys, owner)
            world.seated[guest.user] = ("", code) if guest.how == "code" else (guest.inviter, "")
        elif since == 0:
            yield partial(world.come_and_claim, guest.user, guest.inviter, f"c:{guest.user}")
        if guest.stays and since == guest.stays:
            world.seated.pop(guest.user, None)
        if guest.moves and since == guest.moves:
            world.elsewhere[guest.user] = world.seated.pop(guest.user)
        if guest.forgets and since == guest.forgets:
            chat.erase(guest.user)
        if 0 < since <= (guest.forgets or 13) - 1 and since % 3 == 0 and not guest.is_silent and (not guest.stays or since < guest.stays):
            yield partial(world.say_something, guest.user)
        if since in (2, 5) and guest.inviter.startswith("honest"):  # and again, and by somebody else: the first word counts
            yield partial(world.claim, guest.user, "honest0", once=f"again:{guest.user}:{day}")
    yield from cheating(world, day)
    yield from circling(world, day)


def circling(world: World, day: int) -> Iterator[Act]:
    """Circles of two to seven, in which each says that the next one invited him."""
    for n in range(CHEATS):
        everybody = [f"circle{n}.{at}" for at in range(n + 2)]
        for at, user in enumerate(everybody if 6 <= day < 30 and day % 3 == 0 else ()):
            world.say_something(user)
            if day == 6:
                yield partial(world.claim, user, everybody[at - 1], "name", once=user)


def cheating(world: World, day: int) -> Iterator[Act]:
    """What cheats do on a day, besides bringing false accounts."""
    chat = world.chat
    for n in range(CHEATS):
        if day in (1, 5, 7):
            yield partial(world.come_and_claim, f"self{n}", f"self{n}", f"self{n}:{day}")
        # who was here before leaves and comes back with a code, again and again
        if day % 8 == 2:
            world.seated.pop(f"founder{n}", None)
        if day % 8 == 5:
            owner = world.member(f"back{n}")
            world.seated[f"founder{n}"] = ("", chat.stores.invitations.code_of(chat.community.keys, owner))
            yield partial(world.claim, f"founder{n}", f"back{n}", once=f"back{n}:{day}")
        if day == 8:
            chat.erase(f"gone{n}")
        if day in (8, 10):
            yield partial(world.come_and_claim, f"gone{n}", f"erase{n}", f"erased{n}:{day}")


def review(world: World) -> None:
    """An operator looks at what waits: families pass, false accounts do not; nobody of a circle does."""
    chat, actor_turn = world.chat, world.chat.clock().isoformat()
    names = {world.member(guest.user): guest for guest in world.guests}
    for one in chat.stores.invitations.held(chat.community.keys, 500)[1]:
        guest = names.get(one.newcomer)
        passes = guest is not None and guest.counts
        desk(chat).review(one.number, COMMAND_LINE, "", approve=passes, once=actor_turn)


def ring_behind(world: World) -> None:
    """A process whose clock is three hours behind rings."""
    chat = world.chat
    ring_invitations(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock() - timedelta(hours=3))


def spend(world: World) -> Counter[str]:
    """Some honest inviters give all that they have away before it is taken back."""
    chat, spent = world.chat, Counter[str]()
    today = chat.clock().astimezone(chat.community.zone).date()
    for user in (f"honest{n}" for n in range(0, HONEST, 3)):
        has = chat.points(user)
        if has:
            chat.stores.points.transfer(
                chat.community.keys, world.member(user), world.member("founder0"), has, chat.clock(), today=today, once=f"spend:{user}"
            )
            spent[user] = has
    return spent


def settle_up(world: World, spent: Counter[str]) -> None:
    """Compares everybody's points with the model, and the ledger with itself."""
    chat, where = world.chat, world.chat.community.keys
    assert sum(spent.values()) > 0
    wrong = {}
    fates: dict[str, int] = defaultdict(int)
    for user in [f"honest{n}" for n in range(HONEST)]:
        own = chat.stores.invitations.inviter(where, world.member(user))
        rows = chat.stores.points.rows(where, world.member(user), 10_000)
        moved = sum(row.amount for row in rows if row.reason == "invited")
        if moved + own.owed != world.expected(user) or (own.owed != 0 and user not in spent):
            wrong[user] = (moved, own, world.expected(user))
        assert own.owed <= 0
        assert chat.points(user) == moved - spent[user]
    assert wrong == {}
    for guest in world.guests:
        found = chat.stores.invitations.find(where, world.member(guest.user))
        fates[found.state if found else "none"] += 1
    assert {"credited", "reversed", "left", "silent", "rejected"} <= set(fates), "or the world was too simple"
    cheats = [f"{kind}{n}" for kind in ("burst", "back", "erase", "self") for n in range(CHEATS)]
    cheats += [f"circle{n}.{at}" for n in range(CHEATS) for at in range(n + 2)]
    assert {user: chat.points(user) for user in cheats if chat.points(user)} == {}
    assert chat.stores.points.discrepancies(where) == []
    refused = Counter(
        str(entry.data["why"]) for entry in chat.stores.events.read(community="main") if entry.data.get("act") == "invite_refused"
    )
    assert {"self", "circle", "back", "erased"} <= set(refused), "every refusal is in the log with its reason"
