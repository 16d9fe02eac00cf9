"""The inbox: what was accepted and is not finished. Accepting and finishing are one act each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from redis.exceptions import ResponseError

from rules.judgement import NO_HISTORY, History
from storage import keys
from storage.connection import Database, Script
from storage.firsts import first_of_day
from storage.heard import read_history
from storage.moment import from_ms, to_ms
from storage.moods import Felt, keys_of_moods, pack_felt
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.streams import StreamStart, encode_start
from storage.talk import FIELDS, LIFE_MS, Talk, read_talk
from storage.tallies import ALL, NEW, PART, RESPONDED, SPOKE, counts_key, mark_key, place_of
from storage.work import drop_entries_of, drop_idle_consumers, mark_of

DAY_MS = 86_400_000
TAKEOVER_MS = 4_000
"""A repeat may take over work that is older: a handler needs milliseconds, so its process must be gone."""
STATE_LIFE_MS = 7 * DAY_MS

JOBS_WAITING = 200
"""Background work is no message's own: when this many jobs of a kind wait in a shard, the next messages go unscored, their pictures unseen."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message lives: its shard, its community, its chat ('' in a single chat) and its member (0: nobody)."""

    shard: int
    community: str
    chat: str
    member: int


@dataclass(frozen=True, slots=True)
class Said:
    """What is counted of a message: a ``digest`` of its text ('' where nobody looks for copies), and how much is too much, 0 for no limit.

    The limits are those of ten seconds, of a minute, of the same text, and of others who said it. None instead: not counted.
    """

    digest: str = ""
    limits: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting gave: ``state`` is yours, busy or done; with ``done`` the first answer, with ``yours`` what the gates need to know.

    ``payload`` is what was kept at the first try, where this call takes over; ``history`` what was said before, where it is too much.
    """

    state: str
    answer: str = ""
    entry: str = ""
    is_first: bool = False
    waiting: str = ""
    notices: tuple[str, ...] = ()
    payload: str = ""
    history: History = NO_HISTORY
    talk: Talk = field(default=Talk(), compare=False)


UNTOUCHED = Accepted("yours")
"""What accepting most often tells: nobody saw the message before, its member is known, and nothing waits for him."""


@dataclass(frozen=True, slots=True)
class Ending:
    """All that ends a message, done in one act: its answer, its log, its counts and what is left to do."""

    answer: str = ""
    events: Sequence[tuple[str, Mapping[str, Any]]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    deliveries: Sequence[Delivery] = ()
    prompt: str = ""
    prompt_life_ms: int = 600_000
    unanswered: str = ""
    job: str = ""
    pictures: str = ""
    is_active: bool = False
    takes_part: bool = False
    stream: StreamStart | None = None
    notices_said: Sequence[str] = ()
    was_first: bool = False
    topic: str = ""
    told: str = ""
    asked: str = ""
    pays_first: bool = False
    felt: Felt | None = None
    about: Sequence[int] = ()
    is_confidential: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A message that a crash or a failure left behind: ``tries`` counts this delivery too."""

    shard: int
    entry: str
    payload: str
    tries: int


class Inbox:
    """The inboxes of all shards. ``consumer`` names the calling process (a fork asks anew)."""

    PERSONAL = Personal(
        "收件箱",
        "收下的消息一条不丢、不做两遍",
        (keys.INBOX, keys.INBOX_DEAD, keys.MESSAGE, keys.WAITING, keys.TALK, keys.PUSHED),
        what="还没处理完的消息、处理失败的消息、为重复回调留的回答、最近问的一句",
        erasing="全部删除；别人收到的回答里提到他的也删",
        passing=(keys.INBOX, keys.WAITING, keys.TALK, keys.MESSAGE, keys.PUSHED),
        passing_why="几秒到一天就没了；处理失败的消息会给",
    )

    def __init__(self, database: Database, consumer: Callable[[], str], *, shards: int = keys.SHARDS, answers_hours: int = 24) -> None:
        self._database = database
        self._consumer = consumer
        self._shards = shards
        self._keep_ms = answers_hours * 3_600_000
        self._accept = Script("accept")
        self._finish = Script("finish")
        self._bury = Script("inbox_bury")

    def prepare(self) -> None:
        """Makes the consumer groups, from the first entry on, and loads the scripts."""
        self._database.load([self._accept, self._finish, self._bury])
        families = (keys.INBOX, keys.JOBS, keys.PICTURES, keys.STREAM_WORK)
        _make_groups(self._database, [family(shard=shard) for shard in range(self._shards) for family in families])

    def accept(
        self, place: Place, message_id: str, payload: str, facts: Mapping[str, Any], now_ms: int, *, is_speech: bool = True,
        said: Said | None = None, is_confidential: bool = False,
    ) -> Accepted:  # fmt: skip
        """Takes a message in, first time only; raises StorageAway when it is not known to be kept. ``is_speech`` makes its member known.

        Of one that ``is_confidential`` the log names neither member nor id.
        """
        got = self._database.act(
            self._accept,
            [
                keys.MESSAGE(shard=place.shard, id=message_id),
                *_keys_of_shard(place.shard, place.community)[:2],
                _members(place),
                _waiting(place),
                keys.NOTICES(shard=place.shard, member=place.member),
                _talk(place),
                *_heard(place, said),
            ],
            [
                now_ms,
                self._consumer(),
                payload,
                message_id,
                place.member,
                place.community,
                _encode(facts),
                TAKEOVER_MS,
                int(is_speech),
                STATE_LIFE_MS,
                _packed(said),
                0 if is_confidential else place.member,
            ],
        )
        if got[0] == "done":
            return Accepted("done", answer=got[1])
        if got[0] == "busy":
            return Accepted("busy")
        return Accepted(
            "yours", entry=got[1], is_first=got[2] == 1, waiting=got[3] or "", notices=tuple(got[4]), payload=got[5],
            talk=read_talk(got[6]), history=read_history(got[7]),
        )  # fmt: skip

    def resume(self, place: Place, message_id: str, left: Left, now_ms: int) -> Accepted | None:
        """What accepting told of a message that was left behind; None while it is postponed, and the try does not count."""
        not_before, seen, waiting, notices, talk = self._database.pipeline(
            [
                ("HGET", keys.MESSAGE(shard=place.shard, id=message_id), "not_before"),
                ("HGET", _members(place), place.member),
                ("GET", _waiting(place)),
                ("LRANGE", keys.NOTICES(shard=place.shard, member=place.member), 0, 9),
                ("HMGET", _talk(place), *FIELDS),
            ]
        )
        if now_ms < int(not_before or 0):
            self._database.command(
                "XCLAIM", keys.INBOX(shard=left.shard), "bot", self._consumer(), 0, left.entry, "RETRYCOUNT", left.tries - 1, "JUSTID"
            )
            return None
        is_first = seen == f"new:{message_id}"
        return Accepted("yours", entry=left.entry, is_first=is_first, waiting=waiting or "", notices=tuple(notices), talk=read_talk(talk))

    def postpone(self, place: Place, message_id: str, until_ms: int) -> None:
        """Leaves a message in the inbox, not to be taken up again before ``until_ms``."""
        self._database.command("HSET", keys.MESSAGE(shard=place.shard, id=message_id), "not_before", until_ms)

    def find_answer(self, shard: int, message_id: str) -> str | None:
        """The kept answer of a finished message, None while it is at work."""
        key = keys.MESSAGE(shard=shard, id=message_id)
        answer: str | None = self._database.command("HGET", key, "answer")
        if answer is not None:
            self._database.confirm(key)  # another process wrote it, and may still wait for the replicas
        return answer

    def finish(self, place: Place, message_id: str, entry: str, day: str, ending: Ending, now_ms: int) -> tuple[bool, str]:
        """Ends a message; gives whether this call did it, and the answer that holds (an earlier one, if it had ended before)."""
        done, answer = self._end(place, message_id, entry, day, ending, now_ms, "", is_speech=True, said=None)
        return done == 1, answer

    def settle(
        self, place: Place, message_id: str, facts: Mapping[str, Any], day: str, ending: Ending, now_ms: int, *, is_speech: bool = True,
        said: Said | None = None, may_choose: bool = True,
    ) -> str | None:  # fmt: skip
        """Takes a message in and ends it in one act; gives the answer that holds, None if ``accept`` must come first.

        It must when another works on it, or when its member is new here, is asked something, has notices waiting or says too
        much: what ``UNTOUCHED`` denies. What he is asked does not matter where only a number answers it and the message is none (not ``may_choose``).
        """
        done, answer = self._end(
            place, message_id, "", day, ending, now_ms, _encode(facts), is_speech=is_speech, said=said, may_choose=may_choose
        )
        return None if done < 0 else answer

    def left_behind(self, shard: int, idle_ms: int) -> Iterator[Left]:
        """Claims what nobody has worked on for ``idle_ms``: what a crash left, and what failed and is to come back.

        One at a time: claiming counts as a try, and a message that kills its worker must not use up the tries of those behind it.
        """
        stream, start = keys.INBOX(shard=shard), "0-0"
        while True:
            start, entries, *_ = self._database.command("XAUTOCLAIM", stream, "bot", self._consumer(), idle_ms, start, "COUNT", 1)
            tries = self._tries(stream, [entry for entry, _ in entries])
            for entry, fields in entries:
                if fields:  # None: acknowledged and deleted in between
                    yield Left(shard, entry, fields[1], tries.get(entry, 1))
            if start == "0-0":
                return

    def bury(self, place: Place, message_id: str, left: Left, reason: str, now_ms: int) -> bool:
        """Moves a message that failed too often to the dead letters; False when it had ended before."""
        letter = {"id": message_id, "t": now_ms, "reason": reason, "tries": left.tries, "payload": left.payload}
        done = self._database.act(
            self._bury,
            [
                keys.MESSAGE(shard=left.shard, id=message_id),
                keys.INBOX(shard=left.shard),
                keys.INBOX_DEAD(shard=left.shard),
                keys.EVENTS(shard=left.shard),
            ],
            [now_ms, left.entry, _encode(letter), message_id, place.community, place.member, _encode({"buried": reason}), STATE_LIFE_MS],
        )
        return bool(done)

    def drop_dead_letters(self, before: datetime) -> int:
        """Removes buried messages, with the texts in them, that were buried before ``before``; gives how many went."""
        gone, limit = 0, to_ms(before)
        for shard in range(self._shards):
            key = keys.INBOX_DEAD(shard=shard)
            for letter in self._database.command("LRANGE", key, 0, -1):
                if json.loads(letter)["t"] < limit:
                    gone += self._database.command("LREM", key, 1, letter)
        return gone

    def depth(self) -> int:
        """How many accepted messages are not finished; one round trip."""
        return sum(self._database.pipeline(("XLEN", keys.INBOX(shard=shard)) for shard in range(self._shards)))

    def oldest_ms(self) -> int:
        """When the oldest message that is not finished came in, by Redis' own clock; 0 where there is none; one round trip."""
        firsts = self._database.pipeline(("XRANGE", keys.INBOX(shard=shard), "-", "+", "COUNT", 1) for shard in range(self._shards))
        return min((int(page[0][0].partition("-")[0]) for page in firsts if page), default=0)

    def drop_idle_consumers(self) -> int:
        """Removes the names of processes that are gone and left nothing; gives how many went."""
        return sum(drop_idle_consumers(self._database, keys.INBOX(shard=shard)) for shard in range(self._shards))

    def export_user(self, number: int) -> list[dict[str, Any]]:
        """The member's messages that failed and were buried; unfinished ones live for seconds and are not exported."""
        mine = mark_of(number)
        letters = (
            json.loads(letter)
            for shard in range(self._shards)
            for letter in self._database.command("LRANGE", keys.INBOX_DEAD(shard=shard), 0, -1)
        )
        return [
            {
                "时间": from_ms(letter["t"]).isoformat(),
                "原因": letter["reason"],
                "原文": json.loads(letter["payload"])["message"].get("text", ""),
            }
            for letter in letters
            if mine in letter["payload"]
        ]

    def erase_user(self, number: int) -> str:
        """Drops the member's messages that are not finished, and those that failed and were buried."""
        mine, gone = mark_of(number), 0
        for shard in range(self._shards):
            stream, dead = keys.INBOX(shard=shard), keys.INBOX_DEAD(shard=shard)
            gone += drop_entries_of(self._database, stream, number)
            for letter in self._database.command("LRANGE", dead, 0, -1):
                if mine in json.loads(letter)["payload"]:
                    gone += self._database.command("LREM", dead, 1, letter)
        return f"已删除 {gone} 条没有处理完或处理失败的消息"

    def _end(
        self, place: Place, message_id: str, entry: str, day: str, ending: Ending, now_ms: int, facts: bytes | str, *, is_speech: bool,
        said: Said | None, may_choose: bool = True,
    ) -> tuple[int, str]:  # fmt: skip
        queues, queued = [], []
        for delivery in ending.deliveries:
            queue, member, item = encode_delivery(place.shard, delivery)
            queues.append(queue)
            queued += [member, item]
        counts = [part for counted in ending.counts.items() for part in counted]
        events: list[Any] = []
        for kind, data in ending.events:
            events += [kind, _encode(data)]
        shard = place.shard
        inbox, log, jobs, unanswered, due = _keys_of_shard(shard, place.community)
        first = first_of_day(place.community, place.member, day) if ending.pays_first else ""
        stream_keys, stream_args = encode_start(shard, ending.stream)
        got = self._database.act(
            self._finish,
            [
                keys.MESSAGE(shard=shard, id=message_id), inbox, log, jobs, *_keys_of_day(shard, place.community, place.chat, day)[:2], _members(place),
                _waiting(place), keys.NOTICES(shard=shard, member=place.member), unanswered, due, _talk(place),
                keys.FIRSTS(shard=shard), *_heard(place, said), *keys_of_moods(shard, place.community, day), keys.PICTURES(shard=shard),
                *_keys_of_day(shard, place.community, place.chat, day)[2:], *queues, *stream_keys,
            ],
            [
                now_ms, entry, message_id, place.community, place.member, ending.answer, self._keep_ms, int(ending.was_first),
                ending.prompt, ending.prompt_life_ms, ending.unanswered, ending.job, JOBS_WAITING,
                int(ending.is_active), int(ending.takes_part), shard, facts, (1 if may_choose else 2) if is_speech else 0, *stream_args,
                ending.topic, ending.told, ending.asked, LIFE_MS, first, _packed(said),
                pack_felt(ending.felt, place.chat, day), ending.pictures, place.chat, 0 if ending.is_confidential else place.member,
                len(ending.counts), *counts, len(ending.events), *events,
                len(ending.notices_said), *ending.notices_said, *queued, "、".join(f"成员 {number}" for number in ending.about),
            ],
        )  # fmt: skip
        return got[0], got[1]

    def _tries(self, stream: str, entries: Sequence[str]) -> dict[str, int]:
        if not entries:
            return {}
        rows = self._database.command("XPENDING", stream, "bot", entries[0], entries[-1], 10_000)
        return {entry: times for entry, _, _, times in rows}


# A message needs a dozen keys, and most are those of the message before it.


@lru_cache(4096)
def _keys_of_shard(shard: int, community: str) -> tuple[str, str, str, str, str]:
    part = {"shard": shard, "community": community}
    return keys.INBOX(**part), keys.EVENTS(**part), keys.JOBS(**part), keys.UNANSWERED(**part), keys.OUTBOX_DUE(**part)


@lru_cache(4096)
def _keys_of_day(shard: int, community: str, chat: str, day: str) -> tuple[str, ...]:
    """Counters and active members of the community; then the places, and what else counts a message in community, group and installation."""
    group = place_of(community, chat or "~")
    return (
        counts_key(shard, community, day), mark_key(shard, community, SPOKE, day), keys.PLACES(shard=shard),
        *(mark_key(shard, community, mark, day) for mark in (PART, NEW)), *_known_keys(shard, community),
        counts_key(shard, group, day), *(mark_key(shard, group, mark, day) for mark in (SPOKE, PART, NEW)), *_known_keys(shard, group),
        mark_key(shard, group, RESPONDED, day), keys.PUSHED(shard=shard, community=group),
        *(mark_key(shard, ALL, mark, day) for mark in (SPOKE, PART, NEW)), keys.EVER(shard=shard, community=ALL),
        mark_key(shard, community, RESPONDED, day),
    )  # fmt: skip


def _known_keys(shard: int, place: str) -> tuple[str, str]:
    return keys.EVER(shard=shard, community=place), keys.HERE(shard=shard, community=place)


def _members(place: Place) -> str:
    # in a single chat the community's own keys may be in another shard: what is "first" there is the first single chat
    return keys.MEMBERS(shard=place.shard, community=place.community if place.chat else "~single")


def _waiting(place: Place) -> str:
    return keys.WAITING(shard=place.shard, chat=place.chat or "~", member=place.member)


def _talk(place: Place) -> str:
    return keys.TALK(shard=place.shard, chat=place.chat or "~", member=place.member)


def _heard(place: Place, said: Said | None) -> tuple[str, str]:
    chat = place.chat or "~"
    digest = said.digest if said else ""
    return keys.SPOKE(shard=place.shard, chat=chat, member=place.member), keys.SAME(shard=place.shard, chat=chat, digest=digest)


def _packed(said: Said | None) -> str:
    return "|".join((*map(str, said.limits), said.digest)) if said else ""


def _make_groups(database: Database, streams: Iterable[str]) -> None:
    try:  # all are made, also behind one that is there already
        database.pipeline(("XGROUP", "CREATE", stream, "bot", "0", "MKSTREAM") for stream in streams)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
