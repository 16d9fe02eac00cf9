"""Activities of every community: what they are, who takes part with what, and what is paid for it at the end.

A change of an activity compares its revision; an entry compares its state, its times and its round in the act that takes it, so closed means closed
whoever acts at the same moment. What is owed at the end is paid in batches, each of which compares how far payment has come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypedDict, Unpack, cast

import msgspec

from rules.activities import (
    LONGEST_TITLE,
    LONGEST_VALUE,
    MOST_BYTES,
    MOST_ENTRIES,
    MOST_PIECES,
    MOST_RUNNING,
    Activity,
    Conditions,
    KindId,
    State,
)
from storage import bells, keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.keys import Family
from storage.ledger import Lapses, args_of, digest_of, keys_of, rows_key
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000
LEAST_DAYS = 30
"""Points that go back may be used for so many days at least, whatever became of them meanwhile."""
PAID_AT_ONCE = 200
"""Members who are paid in one act."""
MOST_AWARDS = 10_000
_UNIT = 2**24
_AT_ONCE = 50
ANYBODY = Conditions()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Outcome = Literal["ok", "changed", "same", "already", "closed", "early", "late", "round", "full", "short", "out"]
Mending = Literal["done", "again", "moved", "full"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is needed to make an activity."""

    kind: KindId
    title: str
    author: int
    chat: str = ""
    opens: datetime | None = None
    closes: datetime | None = None
    cost: int = 0
    award: int = 0
    most: int = 0
    conditions: Conditions = ANYBODY
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a member puts in.

    ``part`` '' is the entry itself, which is counted, costs and brings what the activity says; else a further piece of his, like the answer to one
    question: it is taken also from who is not in, unless ``joins`` is set, which takes him in by the same act. ``value`` has at most 1,000
    characters. One that ``replaces`` takes the place of the first. ``round`` has to be the activity's, within its time ('' no matter).

    ``tallies`` are counters that it raises by one, lowered again when it is replaced or withdrawn; one that ``forgets`` does not keep with the member
    which they were, so they can never be lowered. ``score`` is added to the member's, and to his ``team``'s; ``race`` is a counter that tells
    in which order entries arrived (1, 2, 3 …), and ``bonuses`` are further scores of its first, second …. A value that ``stays`` says
    nothing of a person, and is kept when he is erased. ``unnamed``: the event log does not say whose it was.
    ``counts`` are counters of the community's day that it raises, which nothing lowers.
    """

    value: str
    part: str = ""
    tallies: tuple[str, ...] = ()
    replaces: bool = False
    round: str = ""
    score: int = 0
    race: str = ""
    bonuses: tuple[int, ...] = ()
    team: str = ""
    joins: bool = False
    forgets: bool = False
    stays: bool = False
    unnamed: bool = False
    counts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of an entry.

    ``outcome``: ok, changed, same (again the same value), already (one is there), closed, early, late (the round is over), round (it is another one's),
    full, short (too few points); of a withdrawal ok or out (none was there). ``seq`` is the number of the member's entry from 1 in order of arrival
    (kept when it is replaced), ``order`` the place in its race, ``score`` what this entry scored, ``points`` what was awarded for it,
    ``balance`` and ``earned`` the member's points after it, ``entries`` how many members are in, ``value`` what is kept now.
    """

    outcome: Outcome
    seq: int
    order: int
    score: int
    points: int
    balance: int
    earned: int
    entries: int
    value: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry as it is kept; ``seq`` 0 for a piece, ``paid`` the points that it cost."""

    member: int
    seq: int
    at: datetime
    value: str
    part: str = ""
    paid: int = 0
    score: int = 0
    order: int = 0
    team: str = ""


class Changes(TypedDict, total=False):
    """What may be changed of an activity: its fields by name."""

    state: State
    title: str
    chat: str
    opens: datetime | None
    closes: datetime | None
    cost: int
    award: int
    most: int
    conditions: Conditions
    spec: Mapping[str, Any]
    live: Mapping[str, Any]
    result: Mapping[str, Any]
    round: str
    round_until: datetime | None
    next_step: datetime | None
    remind: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change: done, again (a repeat), moved (somebody else changed it meanwhile), full (too many run); the activity as it is now."""

    outcome: Mending
    activity: Activity


@dataclass(frozen=True, slots=True)
class Payment:
    """Points for one member at the end; ``note`` stands in his ledger, '' the activity's name."""

    member: int
    n: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Paid:
    """What was paid by one act: to whom how much, and what each has earned in his life after it."""

    member: int
    n: int
    earned: int


class _Piece(msgspec.Struct):
    s: int = 0
    t: int = 0
    v: str = ""
    n: int = 0
    o: int = 0
    g: str = ""
    d: int = 0


class _Record(msgspec.Struct):
    p: dict[str, _Piece]


_decode = msgspec.json.Decoder(_Record).decode
_TIMES = frozenset({"created", "opens", "closes", "opened", "ended", "round_until", "next_step", "remind"})
_NUMBERS = frozenset({"author", "cost", "award", "most", "entries", "revision", "paid"})
_TREES = frozenset({"spec", "live", "result"})
_WHO_ACTS = frozenset({"number", "entries", "revision"})
"""Fields that are not written by a change: the scripts raise them."""


class Activities:
    """The activities of every community. ``paid_at_once`` members are paid in one act."""

    PERSONAL = Personal(
        "活动",
        "报名、投票、接龙、答题、抽奖的参加和结果",
        (
            keys.ACTIVITIES,
            keys.ACTIVITIES_RUNNING,
            keys.ACTIVITIES_ENDED,
            keys.ACTIVITY,
            keys.ACTIVITY_ENTRIES,
            keys.ACTIVITY_ORDER,
            keys.ACTIVITY_COUNTS,
            keys.ACTIVITY_SCORES,
            keys.ACTIVITY_AWARDS,
            keys.ACTIVITY_BELLS,
        ),
        what="他写的、选的、得的分和奖",
        erasing="正在进行的活动里全部删除；已截止的删掉他写的字",
        stays=(keys.ACTIVITY, keys.ACTIVITY_ENTRIES, keys.ACTIVITY_ORDER, keys.ACTIVITY_SCORES),
        stays_why="已公布的结果要能核对，编号不再指向任何人",
    )

    def __init__(self, database: Database, shards: int, *, paid_at_once: int = PAID_AT_ONCE) -> None:
        self._database = database
        self._shards = shards
        self._paid_at_once = paid_at_once
        self._create = Script("activity_create")
        self._change = Script("activity_change")
        self._enter = Script("activity_enter")
        self._pay = Script("activity_pay")
        self._page = Script("activity_page")
        self._last_running: dict[CommunityKeys, list[str]] = {}

    # What operators and the clock do --------------------------------------------------------------------------------------

    def create(self, where: CommunityKeys, draft: Draft, now: datetime, *, once: str) -> Activity:
        """Makes an activity as a draft; a repeat gives what the first made. Raises ValueError for what is too long or too large."""
        activity = _checked(
            Activity(
                0, draft.kind, draft.title, "draft", draft.author, now, draft.chat, draft.opens, draft.closes, cost=draft.cost,
                award=draft.award, most=draft.most, conditions=draft.conditions, spec=draft.spec,
            )
        )  # fmt: skip
        part = {"shard": where.shard, "community": where.id}
        digest = digest_of(f"{once}:activity") if once else ""
        outcome, number = "moved", 0
        while outcome == "moved":
            number = int(self._database.command("ZCARD", keys.ACTIVITIES(**part))) + 1
            names = [
                keys.ONCE(**part, id=f"activity:{digest}"), keys.ACTIVITIES(**part), keys.ACTIVITY(**part, number=number),
                keys.EVENTS(shard=where.shard),
            ]  # fmt: skip
            made = replace(activity, number=number)
            written = [*_written(made), ("entries", "0"), ("seq", "0"), ("revision", "1")]
            args: list[str | int] = [to_ms(now), where.id, digest, number, draft.author, _event(made, "created"), ONCE_LIFE_MS]
            args += [text for name, value in written if value for text in (name, value)]
            outcome, number = self._database.act(self._create, names, args)
        found = self.find(where, number)
        assert found is not None
        return found

    def change(
        self,
        where: CommunityKeys,
        activity: Activity,
        now: datetime,
        *,
        awards: Sequence[Payment] = (),
        deliveries: Sequence[Delivery] = (),
        actor: int = 0,
        once: str = "",
        **changes: Unpack[Changes],
    ) -> Changed:
        """Changes an activity if it is as ``activity`` shows it (but for its entries); queues ``deliveries`` only then.

        Where it may go from its state is asked before, of ``rules.activities.NEXT``. ``awards`` are what is to be paid once it is settled; what
        a cancelled one's entries did cost is owed by itself. Raises ValueError for what is too long or too large.
        """
        after = _checked(replace(activity, **cast(dict[str, Any], changes)))
        if after.state != activity.state:
            after = _moved_on(after, now)
        return self._keep(where, activity, after, now, awards, deliveries, actor, once)

    def _keep(
        self, where: CommunityKeys, before: Activity, after: Activity, now: datetime, awards: Sequence[Payment],
        deliveries: Sequence[Delivery], actor: int, once: str,
    ) -> Changed:  # fmt: skip
        if len(awards) > MOST_AWARDS:
            raise ValueError(f"{len(awards)} awards are more than {MOST_AWARDS}")
        part, number = {"shard": where.shard, "community": where.id}, after.number
        rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        digest, bell = digest_of(f"{once}:activity:{number}") if once else "", _next_bell(after)
        old = dict(_written(before))
        changed = [(name, text) for name, text in _written(after) if old[name] != text]
        owed = [f"{one.member}|{one.n}|{one.note.replace('|', '/')}" for one in awards]
        names = [
            keys.ONCE(**part, id=f"activity:{digest}"), keys.ACTIVITY(**part, number=number), keys.ACTIVITIES_RUNNING(**part),
            keys.ACTIVITIES_ENDED(**part), keys.ACTIVITY_BELLS(shard=where.shard), keys.ACTIVITY_AWARDS(**part, number=number),
            keys.EVENTS(shard=where.shard), keys.OUTBOX_DUE(shard=where.shard), *(queue for queue, _, _ in rows),
        ]  # fmt: skip
        what = "changed" if after.state == before.state else after.state
        got = self._database.act(self._change, names, [
            to_ms(now), where.id, digest, number, before.revision, actor, to_ms(bell) if bell else "",
            int(after.state in ("scheduled", "open")), int(after.is_over), MOST_RUNNING, _event(after, what), ONCE_LIFE_MS, where.shard,
            len(changed), *(text for pair in changed for text in pair), len(owed), *owed,
            *(text for _, member, item in rows for text in (member, item)),
        ])  # fmt: skip
        outcome, *flat = got
        return Changed(cast(Mending, outcome), _activity(number, flat))

    def has_done(self, where: CommunityKeys, number: int, *, once: str) -> bool:
        """Whether a change of that name was made in the last seven days."""
        digest = digest_of(f"{once}:activity:{number}")
        return bool(once and self._database.command("EXISTS", keys.ONCE(shard=where.shard, community=where.id, id=f"activity:{digest}")))

    # What members do ------------------------------------------------------------------------------------------------------

    def enter(
        self, where: CommunityKeys, activity: Activity, member: int, entry: Entry, now: datetime, *, today: date, lapses: Lapses,
        cap_of_reason: int = 0, cap_of_day: int = 0, once: str,
    ) -> Entered:  # fmt: skip
        """Puts an entry in, with its cost, award, counters and score, or says why not; one round trip. Raises ValueError for what is too long.

        Of ``activity`` only the number is looked at: the act asks the state of this moment. The award counts against the day's caps (0: none).
        """
        _check(entry)
        args = (cap_of_reason, cap_of_day, (today + timedelta(days=LEAST_DAYS)).toordinal())
        got = self._act(where, activity.number, member, "enter", entry, now, today, lapses, once, args)
        return replace(got, value=entry.value) if got.outcome in ("ok", "changed", "same") else got

    def withdraw(
        self, where: CommunityKeys, activity: Activity, member: int, now: datetime, *, today: date, once: str, part: str = "",
        unnamed: bool = False,
    ) -> Entered:  # fmt: skip
        """Takes a member's entry out with all its pieces, or one piece; what it cost goes back, its award is taken back as far as he has it."""
        least = (0, 0, (today + timedelta(days=LEAST_DAYS)).toordinal())
        return self._act(where, activity.number, member, "withdraw", Entry("", part, unnamed=unnamed), now, today, None, once, least)

    def _act(
        self, where: CommunityKeys, number: int, member: int, act: str, entry: Entry, now: datetime, today: date, lapses: Lapses, once: str,
        limits: tuple[int, int, int],
    ) -> Entered:  # fmt: skip
        part = {"shard": where.shard, "community": where.id, "number": number}
        names = [
            *keys_of(where, now, today), rows_key(where, member), keys.ACTIVITY(**part), keys.ACTIVITY_ENTRIES(**part),
            keys.ACTIVITY_ORDER(**part), keys.ACTIVITY_COUNTS(**part), keys.ACTIVITY_SCORES(**part),
        ]  # fmt: skip
        name = f"activity:{number}:{act}:{entry.part}|{once}" if once else ""
        got = self._database.act(self._enter, names, [
            *args_of(where, now, today, name, lapses, why="" if entry.unnamed else None), member, act, entry.part, number, entry.value,
            int(entry.replaces), int(entry.joins), entry.round, entry.score, entry.race, ",".join(map(str, entry.bonuses)), entry.team,
            int(entry.forgets), int(entry.stays), MOST_ENTRIES, MOST_PIECES, *limits, int(entry.unnamed), ",".join(entry.counts), *entry.tallies,
        ])  # fmt: skip
        outcome, *rest = got.split("|", 8)
        seq, order, score, points, balance, earned, entries = map(int, rest[:7])
        return Entered(cast(Outcome, outcome), seq, order, score, points, balance, earned, entries, rest[7])

    # Paying ---------------------------------------------------------------------------------------------------------------

    def owed(self, where: CommunityKeys, activity: Activity) -> tuple[list[Payment], int, bool]:
        """What is paid next of an activity that has ended, how far payment has come with it, and whether nothing is behind it."""
        part = {"shard": where.shard, "community": where.id, "number": activity.number}
        if activity.state == "settled":
            rows = self._database.command("LRANGE", keys.ACTIVITY_AWARDS(**part), 0, self._paid_at_once)
            named = [row.split("|", 2) for row in rows[: self._paid_at_once]]
            return [Payment(int(m), int(n), note) for m, n, note in named], activity.paid + len(named), len(rows) <= self._paid_at_once
        if not activity.cost:
            return [], activity.paid, True
        kept = self.entries(where, activity.number, start=activity.paid, count=self._paid_at_once + 1)
        owed = [Payment(one.member, one.paid) for one in kept[: self._paid_at_once]]
        return owed, activity.paid + len(owed), len(kept) <= self._paid_at_once

    def pay(
        self, where: CommunityKeys, activity: Activity, payments: Sequence[Payment], now: datetime, *, today: date, lapses: Lapses, reached: int,
        is_last: bool,
    ) -> list[Paid] | None:  # fmt: skip
        """Pays what :meth:`owed` named, once; None when somebody else was faster. Whose ``n`` is 0 is passed over."""
        part = {"shard": where.shard, "community": where.id, "number": activity.number}
        names = [
            *keys_of(where, now, today), keys.ACTIVITY(**part), keys.ACTIVITY_AWARDS(**part), keys.ACTIVITY_ENTRIES(**part),
            keys.ACTIVITY_BELLS(shard=where.shard), *(rows_key(where, one.member) for one in payments),
        ]  # fmt: skip
        once = f"activity:{activity.number}:paid:{activity.paid}"
        got = self._database.act(self._pay, names, [
            *args_of(where, now, today, once, lapses), activity.number, activity.paid, reached, int(is_last),
            (today + timedelta(days=LEAST_DAYS)).toordinal(), *(text for one in payments for text in (one.member, one.n, one.note)),
        ])  # fmt: skip
        if len(got) != len(payments):
            return None
        return [Paid(one.member, one.n, int(earned)) for one, earned in zip(payments, got, strict=True)]

    # Looking --------------------------------------------------------------------------------------------------------------

    def find(self, where: CommunityKeys, number: int) -> Activity | None:
        """An activity by its number; one round trip."""
        flat = self._database.command("HGETALL", keys.ACTIVITY(shard=where.shard, community=where.id, number=number))
        return _activity(number, flat) if flat else None

    def find_for(self, where: CommunityKeys, number: int, member: int) -> tuple[Activity | None, dict[str, Kept]]:
        """An activity by its number, with what a member put in by part; one round trip."""
        flat, record = self._database.pipeline(self._looks(where, number, member))
        return _activity(number, flat) if flat else None, _pieces(member, record)

    def running(self, where: CommunityKeys) -> list[Activity]:
        """The scheduled and open ones of a community, at most 50, the oldest first; one round trip where they are those of the last look, else two."""
        return [activity for activity, _ in self.running_for(where, 0)]

    def running_for(self, where: CommunityKeys, member: int) -> list[tuple[Activity, dict[str, Kept]]]:
        """The same, each with what a member (0: nobody) put in by part; in as many round trips."""
        part = {"shard": where.shard, "community": where.id}
        guess = self._last_running.get(where, [])
        numbers, *found = self._database.pipeline(
            [
                ("ZRANGE", keys.ACTIVITIES_RUNNING(**part), 0, -1),
                *(words for number in guess for words in self._looks(where, number, member)),
            ]
        )
        if numbers != guess:
            if len(self._last_running) > 2_000:
                self._last_running.clear()
            self._last_running[where] = numbers
            found = self._database.pipeline([words for number in numbers for words in self._looks(where, number, member)])
        each = 2 if member else 1
        rows = zip(numbers, found[::each], found[1::2] if member else [None] * len(numbers), strict=True)
        activities = [(_activity(int(number), flat), _pieces(member, record)) for number, flat, record in rows if flat]
        return [one for one in activities if one[0].state in ("scheduled", "open")]

    def _looks(self, where: CommunityKeys, number: int | str, member: int) -> list[tuple[Any, ...]]:
        """The commands that read an activity, and what a member put in where one is named."""
        part = {"shard": where.shard, "community": where.id, "number": number}
        looks: list[tuple[Any, ...]] = [("HGETALL", keys.ACTIVITY(**part))]
        return [*looks, ("HGET", keys.ACTIVITY_ENTRIES(**part), member)] if member else looks

    def newest(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> tuple[int, list[Activity]]:
        """How many activities a community has had, and ``count`` of them, the newest first, after ``skip``; two round trips."""
        part = {"shard": where.shard, "community": where.id}
        total = int(self._database.command("ZCARD", keys.ACTIVITIES(**part)))
        numbers = range(total - skip, max(0, total - skip - count), -1)
        found = self._database.pipeline([("HGETALL", keys.ACTIVITY(**part, number=number)) for number in numbers])
        return total, [_activity(number, flat) for number, flat in zip(numbers, found, strict=True) if flat]

    def entry_of(self, where: CommunityKeys, number: int, member: int, part: str = "") -> Kept | None:
        """What a member put in; one round trip."""
        return self.entries_of(where, number, member).get(part)

    def entries_of(self, where: CommunityKeys, number: int, member: int) -> dict[str, Kept]:
        """Everything that a member put in, by part; one round trip."""
        record = self._database.command("HGET", keys.ACTIVITY_ENTRIES(shard=where.shard, community=where.id, number=number), member)
        return _pieces(member, record)

    def entries(self, where: CommunityKeys, number: int, *, start: int = 0, count: int = 1_000) -> list[Kept]:
        """``count`` entries (parts "" only) from the one at ``start`` (0 the first), in order of arrival; one round trip."""
        page = self._in_order(where, number, start, count)
        return [_kept(member, "", record.p[""]) for member, record in page if "" in record.p]

    def order(self, where: CommunityKeys, number: int, *, start: int = 0, count: int = 10_000) -> list[tuple[int, int]]:
        """Number by arrival (``seq``) and member of ``count`` entries from the one at ``start``, in that order; one round trip."""
        key = keys.ACTIVITY_ORDER(shard=where.shard, community=where.id, number=number)
        flat = self._database.command("ZRANGE", key, start, start + count - 1, "WITHSCORES")
        return [(int(seq), int(member)) for member, seq in zip(flat[::2], flat[1::2], strict=True)]

    def all_of(self, where: CommunityKeys, number: int, *, start: int = 0, count: int = 1_000) -> list[dict[str, Kept]]:
        """The same with all pieces of each member, by part."""
        page = self._in_order(where, number, start, count)
        return [{part: _kept(member, part, piece) for part, piece in record.p.items()} for member, record in page]

    def pieces(self, where: CommunityKeys, number: int, part: str = "") -> Iterator[Kept]:
        """The pieces of all members that are called ``part``, in no order; walks over all entries, so only for rare acts."""
        key, cursor = keys.ACTIVITY_ENTRIES(shard=where.shard, community=where.id, number=number), "0"
        seen = set[str]()
        while True:
            cursor, flat = self._database.command("HSCAN", key, cursor, "COUNT", 1_000)
            for member, record in zip(flat[::2], flat[1::2], strict=True):
                if member not in seen and (piece := _decode(record).p.get(part)):
                    yield _kept(int(member), part, piece)
                seen.add(member)
            if cursor == "0":
                return

    def tally(self, where: CommunityKeys, number: int) -> dict[str, int]:
        """The counters that entries raised, those above 0; one round trip."""
        return self._counts(where, number, "tally")

    def scores(self, where: CommunityKeys, number: int, count: int = 100) -> list[tuple[int, int]]:
        """Member and score of those who scored, the best first; of equal ones who reached it first. One round trip."""
        key = keys.ACTIVITY_SCORES(shard=where.shard, community=where.id, number=number)
        flat = self._database.command("ZREVRANGE", key, 0, count - 1, "WITHSCORES")
        return [(int(member), int(float(score)) // _UNIT) for member, score in zip(flat[::2], flat[1::2], strict=True)]

    def team_scores(self, where: CommunityKeys, number: int) -> dict[str, int]:
        """The score of each team, those that are not 0; one round trip."""
        return self._counts(where, number, "team")

    def due(self, now: datetime) -> list[tuple[CommunityKeys, int]]:
        """Community and number of activities whose clock has come, the longest due first; one round trip."""
        found = bells.ring(self._database, keys.ACTIVITY_BELLS, self._shards, to_ms(now), most=_AT_ONCE)
        named = ((shard, name.rpartition("|")) for shard, name in found)
        return [(CommunityKeys(community, shard), int(number)) for shard, (community, _, number) in named]

    def ring_later(self, where: CommunityKeys, number: int, at: datetime) -> None:
        """Has an activity's clock ring later than it would; where it rings no more it stays so."""
        self._database.command("ZADD", keys.ACTIVITY_BELLS(shard=where.shard), "XX", to_ms(at), f"{where.id}|{number}")

    # Time and persons -----------------------------------------------------------------------------------------------------

    def drop_entries(self, before: datetime) -> int:
        """Removes the entries of activities that ended before; gives of how many. What they were and what came of them stays."""
        gone = 0
        for where in communities_with(self._database, keys.ACTIVITIES_ENDED):
            part = {"shard": where.shard, "community": where.id}
            old = self._database.command("ZRANGEBYSCORE", keys.ACTIVITIES_ENDED(**part), "-inf", to_ms(before))
            for number in old:
                names = [family(**part, number=number) for family in _ENTRIES]
                # UNLINK: a hundred thousand entries are freed behind the back of who waits for an answer
                self._database.pipeline([("UNLINK", *names), ("ZREM", keys.ACTIVITIES_ENDED(**part), number)])
            gone += len(old)
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """What the member put into activities, by community."""
        out: dict[str, Any] = {}
        for where, activity, record in self._of_everywhere(number):
            pieces = [_exported(part, piece) for part, piece in sorted(record.p.items())]
            if pieces:
                out.setdefault(where.id, []).append({"活动": activity, "内容": pieces})
        return out

    def erase_user(self, number: int) -> str:
        """Takes the member out of what runs; of what has ended his words go, and what was counted stays under a number that leads to nobody."""
        gone = 0
        for where, activity, _ in list(self._of_everywhere(number)):
            self._act(where, activity, number, "erase", Entry(""), _EPOCH, _EPOCH.date(), None, "", (0, 0, 0))
            gone += 1
        return f"已从 {gone} 个活动中删除他的内容；已截止的活动保留计数和结果（不再指向任何人）"

    def _of_everywhere(self, member: int) -> Iterator[tuple[CommunityKeys, int, _Record]]:
        for where in communities_with(self._database, keys.ACTIVITIES):
            part = {"shard": where.shard, "community": where.id}
            numbers = [int(number) for number in self._database.command("ZRANGE", keys.ACTIVITIES(**part), 0, -1)]
            records = self._database.pipeline(("HGET", keys.ACTIVITY_ENTRIES(**part, number=number), member) for number in numbers)
            for number, record in zip(numbers, records, strict=True):
                if record:
                    yield where, number, _decode(record)

    def _in_order(self, where: CommunityKeys, number: int, start: int, count: int) -> list[tuple[int, _Record]]:
        part = {"shard": where.shard, "community": where.id, "number": number}
        names = [keys.ACTIVITY_ORDER(**part), keys.ACTIVITY_ENTRIES(**part)]
        members, records = self._database.act(self._page, names, [start, start + count - 1])
        return [(int(member), _decode(record)) for member, record in zip(members, records, strict=True) if record]

    def _counts(self, where: CommunityKeys, number: int, of: str) -> dict[str, int]:
        flat = self._database.command("HGETALL", keys.ACTIVITY_COUNTS(shard=where.shard, community=where.id, number=number))
        named = ((name.partition("|"), n) for name, n in zip(flat[::2], flat[1::2], strict=True))
        return {name: int(n) for (group, _, name), n in named if group == of}


_ENTRIES: tuple[Family, ...] = (keys.ACTIVITY_ENTRIES, keys.ACTIVITY_ORDER, keys.ACTIVITY_COUNTS, keys.ACTIVITY_SCORES)


def _checked(activity: Activity) -> Activity:
    if not 0 < len(activity.title) <= LONGEST_TITLE:
        raise ValueError(f"a title of {len(activity.title)} characters")
    for name in ("spec", "live", "result"):
        size = len(_json(getattr(activity, name)).encode())
        if size > MOST_BYTES:
            raise ValueError(f"{name} has {size} bytes")
    return activity


def _check(entry: Entry) -> None:
    if len(entry.value) > LONGEST_VALUE:
        raise ValueError(f"an entry of {len(entry.value)} characters")
    if abs(entry.score) > 1_000_000 or any(not 0 <= bonus <= 1_000_000 for bonus in entry.bonuses):
        raise ValueError("a score above a million")


def _moved_on(activity: Activity, now: datetime) -> Activity:
    """An activity in a state that it has just reached: what begins and ends with it."""
    match activity.state:
        case "open":
            return replace(activity, opened=now)
        case "closed":
            return replace(activity, ended=now, round="", round_until=None, remind=None, next_step=now)  # it may be settled at once
        case "settled":
            return replace(activity, next_step=None)
        case "cancelled":
            return replace(activity, ended=activity.ended or now, round="", round_until=None, remind=None, next_step=None)
        case _:
            return activity


def _next_bell(activity: Activity) -> datetime | None:
    """When the clock has something to do about an activity."""
    match activity.state:
        case "scheduled":
            return activity.opens
        case "open":
            return min((at for at in (activity.closes, activity.next_step, activity.remind) if at), default=None)
        case "closed":
            return activity.next_step
        case "settled" | "cancelled":
            return None if activity.is_paid else activity.ended
        case _:
            return None


def _written(activity: Activity) -> list[tuple[str, str]]:
    """The fields that a change writes, as they are kept; '' is not kept."""
    return [(one.name, _text(getattr(activity, one.name))) for one in fields(activity) if one.name not in _WHO_ACTS]


def _text(value: Any) -> str:
    match value:
        case None | False:
            return ""
        case True:
            return "1"
        case datetime():
            return str(to_ms(value))
        case Conditions():
            return msgspec.json.encode(value).decode()
        case Mapping():
            return _json(value)
        case _:
            return str(value)


def _json(tree: Mapping[str, Any]) -> str:
    return json.dumps(dict(tree), ensure_ascii=False, separators=(",", ":"))


def _activity(number: int, flat: Sequence[str]) -> Activity:
    kept: dict[str, Any] = pairs(flat)
    known = {one.name for one in fields(Activity)}
    values: dict[str, Any] = {"number": number}
    for name, text in kept.items():
        if name not in known:
            continue
        if name in _TIMES:
            values[name] = from_ms(int(text))
        elif name in _NUMBERS:
            values[name] = int(text)
        elif name in _TREES:
            values[name] = json.loads(text)
        elif name == "conditions":
            values[name] = msgspec.json.decode(text, type=Conditions)
        else:
            values[name] = text == "1" if name == "is_paid" else text
    return Activity(**values)


def _event(activity: Activity, what: str) -> str:
    return json.dumps({"act": "activity", "what": what, "activity": activity.number, "kind": activity.kind})


def _kept(member: int, part: str, piece: _Piece) -> Kept:
    return Kept(member, piece.s, from_ms(piece.t), piece.v, part, piece.d, piece.n, piece.o, piece.g)


def _pieces(member: int, record: str | None) -> dict[str, Kept]:
    return {part: _kept(member, part, piece) for part, piece in _decode(record).p.items()} if record else {}


def _exported(part: str, piece: _Piece) -> dict[str, Any]:
    row: dict[str, Any] = {"时间": from_ms(piece.t).isoformat(), "内容": piece.v}
    optional = {"部分": part, "得分": piece.n, "队伍": piece.g, "花费积分": piece.d}
    return row | {name: value for name, value in optional.items() if value}
