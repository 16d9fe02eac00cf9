"""Submissions: what members write for an activity, how it was reviewed, who likes it.

What is said to the tree hole stands here without its author: instead of his number there is a mark, a digest of number, community and a salt
under a key that stays outside Redis. Every text has a salt of its own, so that two of one author look like those of two.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, cast

from rules.activities import KindId
from rules.submissions import FROM, Decision, SubmissionState, Works
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import digest_of
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.tallies import counted_in

ONCE_LIFE_MS = 7 * 86_400_000
DAY_LIFE_MS = 2 * 86_400_000
DRAWN = ((1_000, 9_999), (100_000, 999_999), (1_000_000, 9_999_999))
"""The spaces from which numbers of texts without an author are drawn, the next one where those drawn from one are taken."""
DRAWS = 8
"""Numbers that are drawn from each."""
MOST_OWN = 200
"""Texts of an activity among which a member looks for his own in the tree hole, the newest."""
_LIKE = 1_000_000_000
"""What a like weighs in the order of what is shown: more than any number."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Draft:
    """What is handed in. ``author`` is a member number; ``is_unnamed`` keeps it out of Redis. ``most`` and ``most_a_day`` are his limits (0: none).

    ``doubt`` is why a person should look ('' nothing), ``parent`` the number of what it answers (0 nothing).
    """

    author: int
    text: str
    state: SubmissionState
    pictures: int = 0
    doubt: str = ""
    parent: int = 0
    is_unnamed: bool = False
    most: int = 0
    most_a_day: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """What came of it: ok, closed, most, day or gone; its number (0 none), and how many the author has in the activity (0 for the tree hole)."""

    outcome: Literal["ok", "closed", "most", "day", "gone"]
    number: int
    mine: int


@dataclass(frozen=True, slots=True)
class Submission:
    """What was handed in. ``author`` 0: nobody is named; then ``at`` is the beginning of the day. ``pictures`` counts those shown with it.

    ``reviewer``, ``decided`` and ``why`` are of the last decision.
    """

    number: int
    activity: int
    kind: KindId
    author: int
    text: str
    at: datetime
    state: SubmissionState
    likes: int = 0
    pictures: int = 0
    doubt: str = ""
    parent: int = 0
    reviewer: int = 0
    decided: datetime | None = None
    why: str = ""

    @property
    def is_shown(self) -> bool:
        """Whether others see it."""
        return self.state in ("approved", "featured")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What came of a decision. ``done``: it counted; else ``before`` is the state that did not allow it.

    ``works`` are the author's works now, ``works_before`` before it; ``is_first`` where it is his first approved one in its activity.
    """

    done: bool
    before: SubmissionState
    works: Works
    works_before: Works
    is_first: bool


@dataclass(frozen=True, slots=True)
class Liked:
    """What came of a like: ok, already, own, closed or gone; how many there are."""

    outcome: Literal["ok", "already", "own", "closed", "gone"]
    likes: int


class Submissions:
    """The submissions of every community. ``key`` is a secret that stays outside Redis: with it alone a mark leads to a member."""

    PERSONAL = Personal(
        "投稿",
        "话题、投稿、树洞",
        (
            keys.SUBMISSIONS,
            keys.SUBMISSION_STATES,
            keys.SUBMISSION_NEXT,
            keys.SUBMISSIONS_WAITING,
            keys.SUBMISSIONS_IN,
            keys.SUBMISSIONS_SHOWN,
            keys.SUBMISSIONS_OF,
            keys.SUBMISSIONS_FEATURED,
            keys.SUBMISSION_COUNTS,
            keys.SUBMISSION_DAY,
            keys.SUBMISSION_LIKES,
        ),
        what="他写的，和赞过的；树洞不记是谁",
        erasing="他写的（树洞也是）和他的赞全部删除；赞的个数留着",
        stays=(keys.SUBMISSION_STATES,),
        stays_why="他审过的稿记着审稿人的编号，编号不再指向任何人",
        passing=(keys.SUBMISSION_COUNTS, keys.SUBMISSION_DAY, keys.SUBMISSION_STATES, keys.SUBMISSIONS_WAITING),
        passing_why="由他写的算出来；树洞只在他自己的单聊里看得到",
    )

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key
        self._add = Script("submission_add")
        self._review = Script("submission_review")
        self._like = Script("submission_like")

    # Acts -----------------------------------------------------------------------------------------------------------------

    def add(self, where: CommunityKeys, activity: int, kind: KindId, draft: Draft, now: datetime, *, today: date, once: str) -> Added:
        """Takes something in if the activity is open and the author's limits allow it; one round trip, one act."""
        part, author = {"shard": where.shard, "community": where.id}, 0 if draft.is_unnamed else draft.author
        salt = self._digest("salt", where.id, once) if draft.is_unnamed else ""
        name = self.pseudonym(where, once) if draft.is_unnamed else once
        at = datetime(today.year, today.month, today.day, tzinfo=UTC) if draft.is_unnamed else now
        row = {
            "activity": activity, "kind": kind, "author": author, "text": draft.text, "t": to_ms(at), "pictures": draft.pictures,
            "doubt": draft.doubt, "parent": draft.parent,
        } | ({"salt": salt, "mark": self._mark(where, draft.author, salt)} if draft.is_unnamed else {})  # fmt: skip
        of_day = self._digest("day", where.id, today.isoformat(), str(draft.author)) if draft.is_unnamed else str(draft.author)
        got = self._database.act(
            self._add,
            [
                keys.ONCE(**part, id=f"submission:{name}"), keys.ACTIVITY(**part, number=activity), keys.SUBMISSION_NEXT(**part),
                keys.SUBMISSIONS(**part), keys.SUBMISSION_STATES(**part), keys.SUBMISSIONS_WAITING(**part),
                keys.SUBMISSIONS_IN(**part, activity=activity), keys.SUBMISSIONS_SHOWN(**part, activity=activity),
                keys.SUBMISSION_COUNTS(**part), keys.SUBMISSION_DAY(**part, day=today.isoformat()),
                keys.SUBMISSIONS_OF(**part, member=author), keys.EVENTS(shard=where.shard),
            ],
            [
                to_ms(now), where.id, activity, json.dumps(row, ensure_ascii=False), draft.state, author or "", of_day, draft.most,
                draft.most_a_day, draft.parent or "", ONCE_LIFE_MS, DAY_LIFE_MS, "" if draft.is_unnamed else once,
                ",".join(map(str, _drawn_numbers())) if draft.is_unnamed else "",
            ],
        )  # fmt: skip
        outcome, number, mine = got.split("|")
        return Added(outcome, int(number), int(mine))

    def review(
        self, where: CommunityKeys, found: Submission, decision: Decision, reviewer: int, now: datetime, *, why: str = "",
        counts: bool = False, deliveries: Sequence[Delivery] = (), once: str,
    ) -> Reviewed | None:  # fmt: skip
        """Decides on a submission and queues ``deliveries`` only then; None when it is gone. ``counts``: it is a work of its author."""
        part, activity = {"shard": where.shard, "community": where.id}, found.activity
        rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        got = self._database.act(
            self._review,
            [
                keys.ONCE(**part, id=f"review:{once}"), keys.SUBMISSION_STATES(**part), keys.SUBMISSIONS_WAITING(**part),
                keys.SUBMISSIONS_SHOWN(**part, activity=activity), keys.SUBMISSIONS_FEATURED(**part), keys.SUBMISSION_COUNTS(**part),
                keys.EVENTS(shard=where.shard), keys.OUTBOX_DUE(shard=where.shard), *counted_in(where, where.day_of(now)),
                *(queue for queue, _, _ in rows),
            ],
            [
                to_ms(now), where.id, reviewer, found.number, decision, ",".join(sorted(FROM[decision])), why, ONCE_LIFE_MS,
                found.author if counts and found.author else "", activity, where.shard, once,
                *(part for _, member, item in rows for part in (member, item)),
            ],
        )  # fmt: skip
        if not got:
            return None
        outcome, before, *numbers = got.split("|")
        approved, featured, more, more_featured, first = map(int, numbers)
        works = Works(approved, featured)
        return Reviewed(outcome == "done", before, works, Works(approved - more, featured - more_featured), first == 1)

    def like(self, where: CommunityKeys, found: Submission, member: int, now: datetime, *, once: str) -> Liked:
        """Notes that a member likes a submission; one round trip, one act."""
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._like,
            [
                keys.ACTIVITY(**part, number=found.activity), keys.SUBMISSION_STATES(**part),
                keys.SUBMISSION_LIKES(**part, number=found.number), keys.SUBMISSIONS_SHOWN(**part, activity=found.activity),
            ],
            [to_ms(now), found.number, member, found.author or "", digest_of(once)],
        )  # fmt: skip
        outcome, likes = got.split("|")
        return Liked(outcome, int(likes))

    def pseudonym(self, where: CommunityKeys, once: str) -> str:
        """What stands for an act's name where that would lead to who did it."""
        return self._digest("once", where.id, once)

    # Looking --------------------------------------------------------------------------------------------------------------

    def find(self, where: CommunityKeys, number: int) -> Submission | None:
        """One submission by its number; one round trip."""
        return next(iter(self.many(where, [number])), None)

    def many(self, where: CommunityKeys, numbers: Sequence[int | str]) -> list[Submission]:
        """Submissions by their numbers, in this order, without those that are gone; one round trip."""
        if not numbers:
            return []
        part = {"shard": where.shard, "community": where.id}
        records, states = self._database.pipeline([
            ("HMGET", keys.SUBMISSIONS(**part), *numbers), ("HMGET", keys.SUBMISSION_STATES(**part), *numbers)
        ])  # fmt: skip
        found = zip(numbers, records, states, strict=True)
        return [_submission(int(number), record, state) for number, record, state in found if record and state]

    def waiting(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> list[Submission]:
        """What waits to be reviewed: where help is needed first, then the oldest; two round trips."""
        key = keys.SUBMISSIONS_WAITING(shard=where.shard, community=where.id)
        return self.many(where, self._database.command("ZRANGE", key, skip, skip + count - 1))

    def count_waiting(self, where: CommunityKeys) -> int:
        """How many wait to be reviewed."""
        return int(self._database.command("ZCARD", keys.SUBMISSIONS_WAITING(shard=where.shard, community=where.id)))

    def best(self, where: CommunityKeys, activity: int, count: int = 10) -> list[Submission]:
        """What others see of an activity, the most liked first, of equal ones the earlier; two round trips."""
        key = keys.SUBMISSIONS_SHOWN(shard=where.shard, community=where.id, activity=activity)
        return self.many(where, self._database.command("ZREVRANGE", key, 0, count - 1))

    def count_liked(self, where: CommunityKeys, activity: int, likes: int) -> int:
        """How many of an activity others see and like so often; one round trip."""
        key, top = keys.SUBMISSIONS_SHOWN(shard=where.shard, community=where.id, activity=activity), likes * _LIKE
        return int(self._database.command("ZCOUNT", key, f"({top - _LIKE}", top))

    def count_shown(self, where: CommunityKeys, activity: int) -> int:
        """How many of an activity others see."""
        return int(self._database.command("ZCARD", keys.SUBMISSIONS_SHOWN(shard=where.shard, community=where.id, activity=activity)))

    def newest(self, where: CommunityKeys, activity: int, count: int = 20, *, skip: int = 0) -> list[Submission]:
        """All of an activity, in whatever state, the newest first; two round trips."""
        key = keys.SUBMISSIONS_IN(shard=where.shard, community=where.id, activity=activity)
        numbers = self._database.command("LRANGE", key, -skip - count, -skip - 1 if skip else -1)
        return self.many(where, numbers[::-1])

    def of_member(self, where: CommunityKeys, member: int, count: int = 10) -> list[Submission]:
        """A member's submissions, the newest first, without the tree hole's; two round trips."""
        key = keys.SUBMISSIONS_OF(shard=where.shard, community=where.id, member=member)
        return self.many(where, self._database.command("LRANGE", key, -count, -1)[::-1])

    def unnamed_of(self, where: CommunityKeys, activity: int, member: int) -> list[Submission]:
        """What a member said to a tree hole, the newest first: his own marks are looked for among the last ``MOST_OWN``."""
        key = keys.SUBMISSIONS_IN(shard=where.shard, community=where.id, activity=activity)
        numbers = self._database.command("LRANGE", key, -MOST_OWN, -1)
        records = self._database.command("HMGET", keys.SUBMISSIONS(shard=where.shard, community=where.id), *numbers) if numbers else []
        own = [number for number, kept in zip(numbers, records, strict=True) if kept and self._is_of(where, json.loads(kept), member)]
        return self.many(where, own[::-1])

    def featured(self, where: CommunityKeys, count: int = 10, *, skip: int = 0) -> list[Submission]:
        """Featured works, the newest first; two round trips."""
        key = keys.SUBMISSIONS_FEATURED(shard=where.shard, community=where.id)
        return self.many(where, self._database.command("ZREVRANGE", key, skip, skip + count - 1))

    def count_featured(self, where: CommunityKeys) -> int:
        """How many works are featured."""
        return int(self._database.command("ZCARD", keys.SUBMISSIONS_FEATURED(shard=where.shard, community=where.id)))

    def works(self, where: CommunityKeys, member: int) -> Works:
        """How many works of a member were approved and featured; one round trip."""
        key = keys.SUBMISSION_COUNTS(shard=where.shard, community=where.id)
        approved, featured = self._database.command("HMGET", key, f"{member}:approved", f"{member}:featured")
        return Works(int(approved or 0), int(featured or 0))

    # Time and persons -----------------------------------------------------------------------------------------------------

    def drop_before(self, before: datetime) -> int:
        """Removes what was handed in before, save what is featured; gives how many went. Nobody looks any more at what waited for so long."""
        gone, limit = 0, to_ms(before)
        for where in communities_with(self._database, keys.SUBMISSIONS):
            old = self._numbers(where, lambda row: row["t"] < limit)
            kept = {one.number for one in self.many(where, old) if one.state == "featured"}
            gone += self._remove(where, [number for number in old if number not in kept])
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """What the member handed in under his name, and what he likes. The tree hole's is shown to nobody but himself, in his single chat."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.SUBMISSIONS):
            mine = [_exported(one) for one in self.many(where, self._numbers(where, lambda row: row["author"] == number))]
            liked = [int(key.rpartition(":")[2]) for key in self._likes(where) if self._database.command("HEXISTS", key, number)]
            if mine or liked:
                out[where.id] = {"投稿和话题": mine, "赞过": sorted(liked)}
        return out

    def erase_user(self, number: int) -> str:
        """Removes what the member wrote, under his name or none, and his likes; how many likes something has stays."""
        gone = 0
        for where in communities_with(self._database, keys.SUBMISSIONS):
            part = {"shard": where.shard, "community": where.id}
            mine = self._numbers(where, lambda row, where=where: row["author"] == number or self._is_of(where, row, number))  # type: ignore[misc]
            gone += self._remove(where, mine)
            self._database.command("DEL", keys.SUBMISSIONS_OF(**part, member=number))
            for key in self._likes(where):
                self._database.command("HDEL", key, number)
            self._drop_counts(keys.SUBMISSION_COUNTS(**part), number)
        for key in self._database.scan("qb:{*}:*:submissions:day:*"):
            self._database.command("HDEL", key, number)
        return f"已删除他写的 {gone} 条（话题、投稿、树洞）和他的赞；赞的个数保留"

    # Inside ---------------------------------------------------------------------------------------------------------------

    def _remove(self, where: CommunityKeys, numbers: Sequence[int]) -> int:
        part = {"shard": where.shard, "community": where.id}
        for one in self.many(where, numbers):
            self._database.pipeline([
                ("ZREM", keys.SUBMISSIONS_WAITING(**part), one.number), ("ZREM", keys.SUBMISSIONS_FEATURED(**part), one.number),
                ("ZREM", keys.SUBMISSIONS_SHOWN(**part, activity=one.activity), one.number),
                ("LREM", keys.SUBMISSIONS_IN(**part, activity=one.activity), 0, one.number),
                ("LREM", keys.SUBMISSIONS_OF(**part, member=one.author), 0, one.number),
                ("DEL", keys.SUBMISSION_LIKES(**part, number=one.number)), ("HDEL", keys.SUBMISSION_STATES(**part), one.number),
                ("HDEL", keys.SUBMISSIONS(**part), one.number),
            ])  # fmt: skip
        return len(numbers)

    def _numbers(self, where: CommunityKeys, fits: Callable[[dict[str, Any]], bool]) -> list[int]:
        """The numbers of all records that fit; walks over them, so only for rare acts."""
        rows = self._walk(keys.SUBMISSIONS(shard=where.shard, community=where.id), "*")
        return sorted(int(number) for number, kept in rows if fits(json.loads(kept)))

    def _drop_counts(self, key: str, member: int) -> None:
        for pattern in (f"*|{member}", f"{member}:[af]*", f"[0-9]*:{member}"):
            if fields := [field for field, _ in self._walk(key, pattern)]:
                self._database.command("HDEL", key, *fields)

    def _walk(self, key: str, pattern: str) -> Iterable[tuple[str, str]]:
        cursor = "0"
        while True:
            cursor, flat = self._database.command("HSCAN", key, cursor, "MATCH", pattern, "COUNT", _PAGE)
            yield from zip(flat[::2], flat[1::2], strict=True)
            if cursor == "0":
                return

    def _likes(self, where: CommunityKeys) -> list[str]:
        return list(self._database.scan(keys.SUBMISSION_LIKES(shard=where.shard, community=where.id, number="*")))

    def _is_of(self, where: CommunityKeys, row: dict[str, Any], member: int) -> bool:
        return bool(row.get("mark")) and hmac.compare_digest(row["mark"], self._mark(where, member, row["salt"]))

    def _mark(self, where: CommunityKeys, member: int, salt: str) -> str:
        return self._digest("author", where.id, str(member), salt)

    def _digest(self, *parts: str) -> str:
        return hmac.new(self._key, "\0".join(("submission", *parts)).encode(), hashlib.sha256).hexdigest()[:24]


def _drawn_numbers() -> list[int]:
    return [least + secrets.randbelow(most - least + 1) for least, most in DRAWN for _ in range(DRAWS)]


def _submission(number: int, record: str, state: str) -> Submission:
    row = json.loads(record)
    now, likes, reviewer, decided, _, why = state.split("|", 5)
    return Submission(
        number, row["activity"], row["kind"], row["author"], row["text"], from_ms(row["t"]), cast(SubmissionState, now), int(likes),
        row["pictures"], row["doubt"], row["parent"], int(reviewer), from_ms(int(decided)) if decided != "0" else None, why,
    )  # fmt: skip


def _exported(one: Submission) -> dict[str, Any]:
    return {
        "编号": one.number, "活动": one.activity, "时间": one.at.isoformat(), "文字": one.text, "图片": one.pictures, "状态": one.state,
        "赞": one.likes,
    }  # fmt: skip
