"""Fills the rows of traits: whoever was touched, as the event log says, is looked at anew; and once a day everybody is.

Speech changes nothing but the day it was on, so it costs no reading. Everything put in is as it stands, so doing it again changes nothing.
What no entry tells of a member – his mood, a warning that lapsed, a role that ended with his leaving – is found by the day's round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import TypeVar

from bot.communities import LOBBY, OVERFLOW, Communities, Community
from bot.config import AibotWsChannel, AppChannel, Config
from bot.follower import LEASE_MS, Reader
from bot.live import Contents
from bot.permissions import role_in
from rules.levels import level_of
from rules.people import is_customer
from storage.events import LogEntry
from storage.stores import Stores
from storage.traits import Facts

T = TypeVar("T")

LEASE = "traits"
"""Whoever holds it fills rows, from the log and in the day's round."""
MOST_AT_ONCE = 500
MOST_OF_DAY = 2_000
"""Members looked at anew in one ring of the day's round, so that no ring takes long."""
LOW_MOOD = 5
"""Messages from which a mood is told."""
MOST_ORDERS = 200
ALL = frozenset({"person", "points", "check_ins", "orders", "invited", "praise", "strikes", "mood"})
"""What is read of members, each at once for many."""
_NOTHING: frozenset[str] = frozenset()
_TOUCHED: Mapping[str, frozenset[str]] = {
    "points": frozenset({"points"}),
    "check_in": frozenset({"points", "check_ins"}),
    "make_up": frozenset({"points", "check_ins"}),
    "opening": frozenset({"person", "points", "check_ins"}),
    "order_open": frozenset({"points", "orders"}),
    "recognised": frozenset({"points", "praise"}),
    "welcome": frozenset({"person"}),
    "role": frozenset({"person"}),
    "opt_out": frozenset({"person"}),
    "opt_in": frozenset({"person"}),
    **dict.fromkeys(("activity", "challenge", "flow", "submit"), frozenset({"points"})),
    **dict.fromkeys(("badge", "tag", "untag", "judge", "erased", "experiment", "ticket_open", "ticket_reply", "codes", "stock"), _NOTHING),
}
"""What an act of the log may have changed of its member; one that is not named here, everything."""
_ABOUT = ("from", "to", "by", "of", "about", "member", "inviter", "newcomer")
"""Where an entry names another member whom it touches."""


@dataclass(slots=True)
class _Touched:
    """What of a member is to be looked at, and the last day he spoke on."""

    parts: set[str] = field(default_factory=set)
    spoke: date | None = None


def trait_reader(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> Reader:
    """Looks at whom the log touched."""
    filler = Filler(stores, config, contents, communities, now)

    def take(shard: int, entries: Sequence[LogEntry]) -> None:
        filler.take(shard, entries)
        filler.write()  # before the page counts as read: who dies over it reads it again

    return Reader(LEASE, take, filler.forget)


def ring_traits(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Looks at the next members of the day's round; gives how many. Harmless to repeat."""
    return Filler(stores, config, contents, communities, now).go_round() if stores.leases.hold(LEASE, LEASE_MS) else 0


class Filler:
    """One round of filling rows."""

    def __init__(self, stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> None:
        self._stores = stores
        self._contents = contents
        self._config = config
        self._communities = communities
        self._now = now
        self._found: dict[str, dict[int, _Touched]] = defaultdict(lambda: defaultdict(_Touched))

    def take(self, shard: int, entries: Sequence[LogEntry]) -> None:
        """Notes whom entries touched."""
        del shard
        for entry in entries:
            if entry.community and entry.kind in ("inbound", "change", "admin"):
                self._note(entry)

    def _note(self, entry: LogEntry) -> None:
        members = self._found[entry.community]
        if entry.kind == "inbound":
            if entry.member and entry.data.get("kind") != "event":
                day, touched = self._communities.named(entry.community).day_of(entry.at), members[entry.member]
                touched.spoke = max(touched.spoke or day, day)
            return
        others = [other for name in _ABOUT if isinstance(other := entry.data.get(name), int) and other > 0]
        about = others if entry.kind == "admin" else [entry.member, *others]  # what an administrator did is about others
        for member in filter(None, about):
            members[member].parts |= _TOUCHED.get(str(entry.data.get("act", "")), ALL)

    def forget(self, shard: int) -> None:
        """Has everybody of a shard whose log was cut be looked at again."""
        for community in self.places():
            if community.shard == shard:
                self._stores.traits.begin_round(community.keys)

    def write(self) -> int:
        """Looks at those who were touched and puts them into their rows."""
        done = 0
        for id, members in self._found.items():
            community = self._communities.named(id)
            for some in _pages(members.items(), MOST_AT_ONCE):
                facts = self._facts(community, {member: touched.parts for member, touched in some})
                for member, touched in some:
                    if touched.spoke and member in facts:
                        facts[member] = {**facts[member], "spoke": touched.spoke}
                self._stores.traits.write(community.keys, {member: known for member, known in facts.items() if known})
                done += len(some)
        self._found.clear()
        return done

    def go_round(self, most: int = MOST_OF_DAY) -> int:
        """Looks at the next members of communities whose round of the day is not over; gives how many, and one for each community without any."""
        done, places = 0, {community.keys: community for community in self.places()}
        for where, left in self._stores.traits.rounds({where: one.day_of(self._now) for where, one in places.items()}).items():
            cursor = left
            while cursor and done < most:
                members, cursor = self._stores.traits.next_of_round(where, cursor, min(MOST_AT_ONCE, most - done))
                self._look(places[where], members)
                self._stores.traits.note_round(where, places[where].day_of(self._now), cursor)
                done += max(len(members), 1)  # so that very many small communities take turns too
        return done

    def rebuild(self, community: Community) -> Iterator[int]:
        """Looks at everybody of a community anew; gives how many were by now, again and again."""
        done = 0
        for some in _pages(self._stores.roster.all(community.keys), MOST_AT_ONCE):
            self._look(community, some)
            done += len(some)
            yield done

    def places(self) -> Iterator[Community]:
        """The configured communities, those of groups that are not listed, and where members are who were never in a group."""
        yield from self._communities.listed
        yield from map(self._communities.named, sorted({*self._stores.groups.all(), OVERFLOW, LOBBY}))

    def _look(self, community: Community, members: Sequence[int]) -> None:
        users = self._stores.directory.find_users(members)
        known = [member for member in members if users.get(member)]
        facts = dict(self._facts(community, dict.fromkeys(known, ALL)))
        for member, day in self._stores.roster.last_actives(
            community.keys, {member: users[member] for member in known}, community.day_of(self._now)
        ).items():
            if day and member in facts:
                facts[member] = {**facts[member], "spoke": day}
        self._stores.traits.write(community.keys, facts)

    # What is known ------------------------------------------------------------------------------------------------------

    def _facts(self, community: Community, wanted: Mapping[int, Iterable[str]]) -> dict[int, Facts]:
        """What the stores say of members: of each the parts that are wanted; of who was never in a row, everything."""
        parts = {member: set(some) for member, some in wanted.items()}
        for member in self._stores.traits.without_seat(community.keys, list(parts)):
            parts[member] = set(ALL)
        users = self._stores.directory.find_users(list(parts))
        facts: dict[int, Facts] = {member: {} for member in parts if users.get(member)}
        for part, read in self._readers.items():
            if members := [member for member in facts if part in parts[member]]:
                for member, known in read(community, {member: users[member] for member in members}):
                    facts[member] = {**facts[member], **known}
        return facts

    @property
    def _readers(self) -> Mapping[str, Callable[[Community, Mapping[int, str]], Iterator[tuple[int, Facts]]]]:
        """What reads each part of members (number → WeCom user id), in one or two round trips."""
        return {
            "person": self._person, "points": self._points, "check_ins": self._check_ins, "orders": self._orders, "invited": self._invited,
            "praise": self._praise, "strikes": self._strikes, "mood": self._mood,
        }  # fmt: skip

    def _person(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        since = self._stores.roster.all_since([(community.keys, member) for member in members])
        wishes = self._stores.subscriptions.wishes(community.keys, list(members))
        for (member, user), first in zip(members.items(), since, strict=True):
            yield (
                member,
                {
                    "joined": community.day_of(first) if first else None,
                    "staff": role_in(community.id, user, member, self._config, self._stores) != "member",
                    "customer": is_customer(user),
                    "reachable": _is_reachable(self._config, user),
                    "opted_out": wishes[member] == "all",
                },
            )

    def _points(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        levels = self._contents.levels
        for member, account in self._stores.points.accounts(community.keys, list(members), community.day_of(self._now)).items():
            level = levels.steps.index(level_of(levels, account.earned)) + 1
            yield member, {"points": account.balance, "earned": account.earned, "level": level}

    def _check_ins(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        for member, one in self._stores.check_ins.standings(community.keys, list(members), community.day_of(self._now)).items():
            yield member, {"streak": one.streak, "check_ins": one.total, "check_in_days": one.last}

    def _orders(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        for member, orders in self._stores.orders.of_members(community.keys, list(members), MOST_ORDERS).items():
            kept = [order for order in orders if order.state in ("open", "done")]
            yield member, {"orders": len(kept), "order_days": community.day_of(kept[0].at) if kept else None}

    def _invited(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        for member, inviter in self._stores.invitations.inviters(community.keys, list(members)).items():
            yield member, {"invited": inviter.credited}

    def _praise(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        for member, counts in self._stores.badges.counts_of(community.keys, list(members)).items():
            yield member, {"thanks": counts["thanks"], "featured": counts["featured"]}

    def _strikes(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        lapse = self._contents.judge.policy.ladder.lapse
        for member, strikes in self._stores.cases.strikes_of(community.keys, list(members), self._now, lapse).items():
            yield member, {"strikes": strikes}

    def _mood(self, community: Community, members: Mapping[int, str]) -> Iterator[tuple[int, Facts]]:
        for member, mood in self._stores.moods.of_members(community.keys, list(members)).items():
            yield member, {"mood": mood.mean if mood and mood.messages >= LOW_MOOD else None}


def _is_reachable(config: Config, user: str) -> bool:
    """Whether the bot can begin a talk with somebody: an app reaches colleagues, a long connection everybody who spoke with it."""
    kinds = [type(channel) for channel in config.channels]
    return AibotWsChannel in kinds or (AppChannel in kinds and not is_customer(user))


def _pages(items: Iterable[T], most: int) -> Iterable[list[T]]:
    left = iter(items)
    while page := list(islice(left, most)):
        yield page
