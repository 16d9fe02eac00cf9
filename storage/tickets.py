"""Tickets: questions that members handed to a person, from the asking to the answer, with the clock of each.

What may happen to a ticket is decided in one act together with what is told of it, so nothing is told that did not happen, and nothing twice.
Numbers are given once for the whole installation; facts are kept for ever, the words of both sides for a while.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Literal

from storage import bells, keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.keys import shard_of
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.tallies import counted_in

ONCE_LIFE_MS = 7 * 86_400_000
TODAY_LIFE_MS = 3 * 86_400_000
MOST_A_DAY = 10
"""Tickets that a member may open in one community on one day."""
MOST_WORDS = 30
"""Words that one ticket holds; each is at most as long as a message."""
NEVER_MS = 9_999_999_999_999
"""Stands for a due time that never comes, behind all others."""
_AT_ONCE = 50

Act = Literal["add", "take", "pass", "answer", "close", "cancel", "step", "reopen", "rate", "erase"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A question that waits for a person, or did.

    ``state`` is open, taken, answered, closed (by staff), cancelled (by the member) or erased. ``chat`` is where it is answered ('' in private),
    ``since`` when its clock began (again), ``due`` until when an answer was promised (None: no duty in sight), ``taker`` who is at it (0
    nobody), ``by`` who ended it, ``steps`` how many steps of the clock are done, ``first_response_ms`` how long the first answer took (0 none
    yet), ``rate`` what the member said of it: 1, -1 or 0, ``message`` the id of the message that opened it.
    """

    number: int
    community: str
    member: int
    state: str
    chat: str
    asked: datetime
    since: datetime
    due: datetime | None
    taker: int
    by: int
    steps: int
    first_response_ms: int
    ended: datetime | None
    rate: int
    message: str = ""

    @property
    def waits(self) -> bool:
        """Whether nobody has answered or closed it."""
        return self.state in ("open", "taken")


@dataclass(frozen=True, slots=True)
class Words:
    """What one side said: ``who`` is member, staff or note (why it was closed), ``by`` the member number."""

    who: str
    by: int
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of asking: ``opened``, ``open`` (one waits already) or ``many`` (too many that day), with the ticket's number."""

    outcome: str
    number: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of an act: whether it was done, else why not (ended, taken, moved, newer, full); the ticket as it is now.

    Of a rating that was done ``why`` is ``again`` where the answer had been rated before.
    """

    done: bool
    why: str
    ticket: Ticket


class Tickets:
    """The tickets of every community."""

    PERSONAL = Personal(
        "人工工单",
        "请真人回答",
        (
            keys.TICKET_NUMBERS,
            keys.TICKET_STEPS,
            keys.TICKETS,
            keys.TICKET_TEXTS,
            keys.TICKETS_OPEN,
            keys.TICKETS_OF,
            keys.TICKETS_TODAY,
            keys.TICKET_TIMES,
        ),
        what="双方说的话、时间、谁处理的",
        erasing="删掉双方的话，等待中的结束",
        stays=(keys.TICKETS,),
        stays_why="处理得及不及时要算得清，编号不再指向任何人",
        passing=(keys.TICKETS_OPEN, keys.TICKETS_TODAY, keys.TICKET_STEPS, keys.TICKETS_OF),
        passing_why="由工单来的",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._number = Script("number_ticket")
        self._open = Script("open_ticket")
        self._change = Script("change_ticket")

    # Acts ---------------------------------------------------------------------------------------------------------------

    def give_number(self, where: CommunityKeys) -> int:
        """A number for a ticket that is about to be opened."""
        return int(self._database.act(self._number, [keys.TICKET_NUMBERS()], [where.id]))

    def find_outcome(self, where: CommunityKeys, member: int, day: date, *, once: str) -> Opened | None:
        """What came, or would come, of asking so without a number: the first result of a repeat, or ``many``; None: take a number and open."""
        part = {"shard": where.shard, "community": where.id}
        today = keys.TICKETS_TODAY(**part, day=day.isoformat())
        first, count = self._database.pipeline([("GET", keys.ONCE(**part, id=f"ticket:{once}")), ("HGET", today, member)])
        if first:
            outcome, given = first.split("|")
            return Opened(outcome, int(given))
        return Opened("many", int(count)) if int(count or 0) >= MOST_A_DAY else None

    def open(
        self,
        where: CommunityKeys,
        number: int,
        member: int,
        question: str,
        now: datetime,
        *,
        chat: str,
        day: date,
        due: datetime | None,
        steps: int,
        next_step: datetime | None,
        deliveries: Sequence[Delivery],
        once: str,
    ) -> Opened:
        """Opens a ticket under a number of :meth:`give_number` and queues ``deliveries``; ``steps`` of its clock are done by that."""
        at, due_ms = to_ms(now), to_ms(due) if due else NEVER_MS
        facts = {
            "member": member, "state": "open", "chat": chat, "asked": at, "since": at, "due": due_ms, "taker": 0, "by": 0, "steps": steps,
            "first": 0, "ended": 0, "rate": 0, "message": once,
        }  # fmt: skip
        words = [{"who": "member", "by": member, "at": at, "text": question}]
        names = self._names(where, now, once)
        names[5] = keys.TICKETS_TODAY(shard=where.shard, community=where.id, day=day.isoformat())
        queues, queued = _encoded(where, deliveries)
        args = [
            at, where.id, member, once, number, json.dumps(facts), json.dumps(words, ensure_ascii=False), due_ms,
            to_ms(next_step) if next_step else "", MOST_A_DAY, TODAY_LIFE_MS, ONCE_LIFE_MS, where.shard, *queued,
        ]  # fmt: skip
        outcome, given = self._database.act(self._open, [*names, *queues], args).split("|")
        return Opened(outcome, int(given))

    def change(
        self,
        where: CommunityKeys,
        number: int,
        act: Act,
        now: datetime,
        *,
        actor: int = 0,
        text: str = "",
        to: int = 0,
        steps: int = 0,
        due: datetime | None = None,
        next_step: datetime | None = None,
        chat: str = "",
        deliveries: Sequence[Delivery] = (),
        once: str,
    ) -> Changed | None:
        """Does one thing to a ticket if its state allows it, and queues ``deliveries`` only then; None when there is no such ticket.

        ``to`` is the member it passes to, the steps that were done before, or 1 and -1 of a rating; ``steps`` how many are done then.
        ``chat`` is where added words were said: elsewhere than the ticket's own makes it a private one from then on.
        ``once`` '' is for the clock's steps, each of which is compared with what was done before.
        """
        queues, queued = _encoded(where, deliveries)
        args = [
            to_ms(now), where.id, actor, once, number, act, text, to, steps, to_ms(due) if due else NEVER_MS,
            to_ms(next_step) if next_step else "", ONCE_LIFE_MS, MOST_WORDS, where.shard, chat, *queued,
        ]  # fmt: skip
        kept = self._database.act(self._change, [*self._names(where, now, f"{once}:{act}"), *queues], args)
        if not kept:
            return None
        got = json.loads(kept)
        return Changed(got["done"], got["why"], _ticket(number, where.id, got["ticket"]))

    # Looking ------------------------------------------------------------------------------------------------------------

    def find_home(self, number: int) -> CommunityKeys | None:
        """The community of a ticket's number."""
        community = self._database.command("HGET", keys.TICKET_NUMBERS(), number)
        return CommunityKeys(community, shard_of(community, self._shards)) if community else None

    def find(self, where: CommunityKeys, number: int) -> Ticket | None:
        """One ticket of a community by its number."""
        kept = self._database.command("HGET", keys.TICKETS(shard=where.shard, community=where.id), number)
        return _ticket(number, where.id, json.loads(kept)) if kept else None

    def newest_of(self, where: CommunityKeys, member: int) -> Ticket | None:
        """The newest ticket of a member, None when he never opened one."""
        number = self._database.command("HGET", keys.TICKETS_OF(shard=where.shard, community=where.id), member)
        return self.find(where, int(number)) if number else None

    def words(self, where: CommunityKeys, number: int) -> list[Words]:
        """What both sides said, oldest first; empty when it is gone."""
        return _words(self._database.command("HGET", keys.TICKET_TEXTS(shard=where.shard, community=where.id), number))

    def waiting(self, where: CommunityKeys, count: int = 20) -> list[Ticket]:
        """Tickets that nobody has answered, the first due first; two round trips."""
        part = {"shard": where.shard, "community": where.id}
        numbers = self._database.command("ZRANGE", keys.TICKETS_OPEN(**part), 0, count - 1)
        if not numbers:
            return []
        kept = self._database.command("HMGET", keys.TICKETS(**part), *numbers)
        return [_ticket(int(number), where.id, json.loads(text)) for number, text in zip(numbers, kept, strict=True) if text]

    def all(self, where: CommunityKeys) -> Iterator[Ticket]:
        """Every ticket there is of a community, in no order, without what was said; for tables to take along."""
        for number, kept in self._database.rows(keys.TICKETS(shard=where.shard, community=where.id)):
            yield _ticket(int(number), where.id, json.loads(kept))

    def count_waiting(self, where: Sequence[CommunityKeys], now: datetime) -> tuple[int, int]:
        """How many tickets wait in these communities, and how many of them are overdue; one round trip."""
        if not where:
            return 0, 0
        names = [keys.TICKETS_OPEN(shard=each.shard, community=each.id) for each in where]
        answers = self._database.pipeline([*(("ZCARD", name) for name in names), *(("ZCOUNT", name, "-inf", to_ms(now)) for name in names)])
        return sum(answers[: len(names)]), sum(answers[len(names) :])

    def median_response(self, where: CommunityKeys, since: datetime) -> timedelta | None:
        """The median time to the first answer since then, of the newest 1,000; None when there was none."""
        kept = self._database.command("LRANGE", keys.TICKET_TIMES(shard=where.shard, community=where.id), 0, -1)
        rows = (map(int, row.split("|")) for row in kept)
        times = [took for at, took in rows if at >= to_ms(since)]
        return timedelta(milliseconds=median(times)) if times else None

    def due(self, now: datetime) -> list[tuple[CommunityKeys, int]]:
        """Community and number of tickets whose next step has come, the longest due first; one round trip."""
        found = bells.ring(self._database, keys.TICKET_STEPS, self._shards, to_ms(now), most=_AT_ONCE)
        named = ((shard, name.rpartition("|")) for shard, name in found)
        return [(CommunityKeys(community, shard), int(number)) for shard, (community, _, number) in named]

    # Time and persons ---------------------------------------------------------------------------------------------------

    def drop_texts(self, before: datetime) -> int:
        """Removes the words of tickets in which nothing was said since; gives of how many. The facts stay."""
        gone = 0
        for where in communities_with(self._database, keys.TICKET_TEXTS):
            key = keys.TICKET_TEXTS(shard=where.shard, community=where.id)
            flat = self._database.command("HGETALL", key)
            old = [n for n, kept in zip(flat[::2], flat[1::2], strict=True) if int(kept.split("|", 1)[0]) < to_ms(before)]
            if old:
                gone += self._database.command("HDEL", key, *old)
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """All tickets of the member, with what was said."""
        found = {where.id: [self._exported(where, ticket) for ticket in self._of(where, number)] for where in self._places()}
        return {community: tickets for community, tickets in found.items() if tickets}

    def erase_user(self, number: int) -> str:
        """Removes the words of the member's tickets and ends those that wait; the facts stay under a number that no longer leads to anybody."""
        for where in self._places():
            part = {"shard": where.shard, "community": where.id}
            for ticket in self._of(where, number):
                self.change(where, ticket.number, "erase", from_ms(to_ms(ticket.asked)), once=f"erase:{ticket.number}")
                self._database.command("HDEL", keys.TICKET_TEXTS(**part), ticket.number)
            self._database.command("HDEL", keys.TICKETS_OF(**part), number)
        for key in self._database.scan("qb:{*}:*:tickets:today:*"):
            self._database.command("HDEL", key, number)
        return "已删除他的人工工单里的文字，等待中的工单已结束；工单按编号保留（不再指向任何人）"

    def _exported(self, where: CommunityKeys, ticket: Ticket) -> dict[str, Any]:
        said = [{"谁": row.who, "时间": row.at.isoformat(), "文字": row.text} for row in self.words(where, ticket.number)]
        return {"编号": ticket.number, "状态": ticket.state, "时间": ticket.asked.isoformat(), "往来": said}

    def _places(self) -> list[CommunityKeys]:
        return list(communities_with(self._database, keys.TICKETS))

    def _of(self, where: CommunityKeys, member: int) -> list[Ticket]:
        flat = self._database.command("HGETALL", keys.TICKETS(shard=where.shard, community=where.id))
        all_ = (_ticket(int(n), where.id, json.loads(kept)) for n, kept in zip(flat[::2], flat[1::2], strict=True))
        return [ticket for ticket in all_ if ticket.member == member]

    @staticmethod
    def _names(where: CommunityKeys, now: datetime, once: str) -> list[str]:
        part = {"shard": where.shard, "community": where.id}
        return [
            keys.ONCE(**part, id=f"ticket:{once}"), keys.TICKETS(**part), keys.TICKET_TEXTS(**part), keys.TICKETS_OPEN(**part),
            keys.TICKETS_OF(**part), keys.TICKET_TIMES(**part), keys.TICKET_STEPS(shard=where.shard), keys.EVENTS(shard=where.shard),
            keys.OUTBOX_DUE(shard=where.shard), *counted_in(where, where.day_of(now)),
        ]  # fmt: skip


def _encoded(where: CommunityKeys, deliveries: Sequence[Delivery]) -> tuple[list[str], list[str]]:
    """The queues of deliveries, and what an act is given to enqueue them."""
    rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
    return [queue for queue, _, _ in rows], [part for _, member, item in rows for part in (member, item)]


def _ticket(number: int, community: str, facts: dict[str, Any]) -> Ticket:
    due, ended = int(facts["due"]), int(facts["ended"])
    return Ticket(
        number, community, int(facts["member"]), facts["state"], facts["chat"], from_ms(int(facts["asked"])), from_ms(int(facts["since"])),
        from_ms(due) if due < NEVER_MS else None, int(facts["taker"]), int(facts["by"]), int(facts["steps"]), int(facts["first"]),
        from_ms(ended) if ended else None, int(facts["rate"]), facts["message"],
    )  # fmt: skip


def _words(kept: str | None) -> list[Words]:
    if not kept:
        return []
    return [Words(row["who"], int(row["by"]), from_ms(int(row["at"])), row["text"]) for row in json.loads(kept.split("|", 1)[1])]
