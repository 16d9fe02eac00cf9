"""The demo's past in figures: nine weeks of three communities – one well, one plainly not, one too young to tell.

What members do is worked out from their numbers and the day, without dice: on each machine and at each start the lights say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from rules.figures import Where
from rules.invitations import InvitationRules
from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.daybook import Daybook
from storage.directory import Directory
from storage.invitations import Invitations
from storage.keys import shard_of

WEEKS = 9
HOURS = {8: 2, 9: 3, 10: 2, 12: 4, 13: 2, 15: 1, 17: 2, 18: 3, 19: 4, 20: 6, 21: 7, 22: 3}
"""How messages spread over the hours of a day, by weight."""
ASKED = {"hit:refund": 4, "hit:invoice": 2, "hit:shipping-time": 2, "hit:points-use": 1}
"""Which of the shipped answers were given, by weight."""
SICK_DAYS = 10
"""How long the unwell community has not been well."""


@dataclass(frozen=True, slots=True)
class Mood:
    """How a community does on a day: each of its ``regulars`` speaks three days a week; ``waits`` are a day's answered tickets in minutes."""

    regulars: int
    talk: int
    questions: int
    missed: int
    waits: Sequence[int]
    unanswered: int = 0
    unhappy: int = 1
    more: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Past:
    """A community's past: its members by user id, for how many days it exists, and how it did while it was well and of late."""

    community: str
    chat: str
    users: Sequence[str]
    days: int
    well: Mood
    of_late: Mood | None = None

    def mood(self, back: int) -> Mood:
        """How it did so many days ago."""
        return self.of_late if self.of_late and back <= SICK_DAYS else self.well


_USUAL = {"points_in": 140, "in:check_in": 90, "points_out": 60, "flows_begun": 1, "flows_done": 1, "check_ins": 14}


def pasts(everybody: Sequence[str], *, well: tuple[str, str], unwell: tuple[str, str], young: tuple[str, str]) -> list[Past]:
    """The three, each a community and its group; ``everybody`` are the members of the first."""
    newcomers = [f"starter{n:02d}" for n in range(1, 65)]
    return [
        Past(*well, everybody, 7 * WEEKS, Mood(30, 3, 9, 1, (6, 14), more=_USUAL | {"submissions": 1, "poll_entries": 4})),
        Past(
            *unwell, newcomers, 7 * WEEKS, Mood(41, 2, 12, 2, (12, 18, 25), unhappy=3, more=_USUAL),
            Mood(27, 2, 9, 3, (165, 240), unanswered=1, unhappy=11, more={"points_in": 60, "in:check_in": 40, "check_ins": 5}),
        ),
        Past(*young, everybody[24:30], 4, Mood(5, 1, 1, 0, (), unhappy=0)),
    ]  # fmt: skip


def bring_past(database: Database, shards: int, found: Sequence[Past], today: date) -> None:
    """Brings the pasts up to yesterday into the book, of places that nobody has heard of yet; who looked at their lights before saw nothing."""
    daybook, directory = Daybook(database, shards), Directory(database)
    for past in found:
        where = Where(past.community)
        if any(day.counts for day in daybook.days(where, today - timedelta(days=past.days), today - timedelta(days=1), today)):
            continue
        members = [directory.enrol(user).number for user in past.users]
        for back in range(past.days, 0, -1):
            day = today - timedelta(days=back)
            spoke, came = list(_speakers(past, members, day, back)), _newcomers(past, members, back)
            counts = _counts(past.mood(back), len(spoke), day)
            part = spoke[: len(spoke) // 4]
            for place in (where, Where(past.community, past.chat)):
                daybook.bring(place, day, counts=counts, spoke=spoke, came=came, took_part=part)
            daybook.bring(Where(), day, spoke=spoke, came=came, took_part=part)
        database.command("DEL", keys.LIGHTS(shard=shard_of(past.community, shards), community=past.community))


def bring_friend(database: Database, shards: int, past: Past, rules: InvitationRules, now: datetime) -> None:
    """Has the first member of a past have invited the last one just long enough ago: the clock credits it while the visitor looks on."""
    directory, where = Directory(database), CommunityKeys(past.community, shard_of(past.community, shards))
    host, guest = (directory.enrol(user).number for user in (past.users[0], past.users[-1]))
    came = now - timedelta(days=rules.stay_days, hours=1)
    invitations = Invitations(database, shards, key=b"")  # for the marks of who was erased: none is made here
    invitations.note_seen(where, {guest: int(came.timestamp())}, {}, came)
    invitations.claim(
        where, guest, host, "name", came, today=came.date(), due=came + timedelta(days=rules.stay_days), rules=rules, once="past"
    )  # fmt: skip


def _speakers(past: Past, members: Sequence[int], day: date, back: int) -> Iterator[int]:
    """Each regular speaks on three days of any seven, so that in every week all of them do, and now and then besides; two of three newcomers are back."""
    turn, founders = day.toordinal(), 2 * len(past.users) // 3
    spare = 6 if day.weekday() >= 5 else 13  # at the weekend people have time
    for at, member in enumerate(members[: past.mood(back).regulars]):
        since = _begun(past, at) - back
        is_back = at >= founders and since in (0, 1, 7, 30) and at % 3 != 2
        if since >= 0 and ((at + 2 * turn) % 7 in (0, 2, 5) or (at * 5 + turn * turn) % spare == 0 or is_back):
            yield member


def _begun(past: Past, at: int) -> int:
    """How many days ago the member of this place came: the first two thirds at once, the others one after the other."""
    early = 2 * len(past.users) // 3
    return past.days if at < early else max(past.days - 3 - (at - early) * past.days // (len(past.users) - early + 1), 1)


def _newcomers(past: Past, members: Sequence[int], back: int) -> list[int]:
    return [member for at, member in enumerate(members) if _begun(past, at) == back]


def _counts(mood: Mood, speakers: int, day: date) -> dict[str, int]:
    """A day's counters. At the weekend people talk a little more, and nobody takes a day like another."""
    talk = speakers * mood.talk + day.toordinal() % 5 + (4 if day.weekday() >= 5 else 0)
    messages = talk + mood.questions
    counts = {
        "messages": messages, "felt": talk, "unhappy": mood.unhappy, "faq_hit": mood.questions - mood.missed, "faq_miss": mood.missed,
        "useful": mood.questions // 4, "tickets": len(mood.waits) + mood.unanswered, "tickets_answered": len(mood.waits),
        **{f"wait:{minutes + day.toordinal() % 7}": 1 for minutes in mood.waits}, **mood.more,
    }  # fmt: skip
    spread = _spread(messages, {f"h:{hour}": weight for hour, weight in HOURS.items()}) | _spread(mood.questions - mood.missed, ASKED)
    return {name: n for name, n in (counts | spread).items() if n}


def _spread(n: int, weights: Mapping[str, int]) -> dict[str, int]:
    """So many spread over names by weight, none lost to rounding."""
    total, given, passed, found = sum(weights.values()), 0, 0, {}
    for name, weight in weights.items():
        passed += weight
        due = n * passed // total
        found[name] = due - given
        given = due
    return found
