"""Moods: weighted means of groups and members, what was unhappy by hour and day, the words that were said of it, and the alarm when it is much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from storage import keys
from storage.bells import ring
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.personal import Personal
from storage.tallies import counts_key, place_of

HOUR_MS = 3_600_000
WINDOW_H = 24
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Felt:
    """How one message felt: ``score`` 0..1, whether that is unhappy, the words to count, and from which share of unhappy messages among at least
    how many in 24 hours somebody is told (``share`` 0: never).
    """

    score: float
    is_low: bool
    words: tuple[str, ...] = ()
    share: float = 0.0
    least: int = 30


@dataclass(frozen=True, slots=True)
class Scored:
    """A message that was scored behind its answer: its member, its group ('' in a single chat), when, on which day there, and how it felt."""

    member: int
    chat: str
    at_ms: int
    day: str
    score: float
    is_low: bool


@dataclass(frozen=True, slots=True)
class Mood:
    """A mean between 0 (sad) and 1 (glad) and how many messages went into it."""

    mean: float
    messages: int


@dataclass(frozen=True, slots=True)
class MoodDay:
    """A day's messages that were scored, how many were unhappy, and their mean (0..1)."""

    day: date
    messages: int
    unhappy: int
    mean: float

    @property
    def share(self) -> float:
        """The unhappy ones' share."""
        return self.unhappy / self.messages


@dataclass(frozen=True, slots=True)
class Window:
    """The last 24 hours: messages and unhappy ones; since when (ms) an alarm stands, 0 without one."""

    messages: int
    unhappy: int
    alarm_ms: int = 0

    @property
    def share(self) -> float:
        """The unhappy ones' share, 0 without messages."""
        return self.unhappy / self.messages if self.messages else 0.0


@dataclass(frozen=True, slots=True)
class WordCount:
    """In how many unhappy messages a word was said, in how many of those others that are looked at, and by at least how many members unhappily."""

    unhappy: int = 0
    others: int = 0
    people: int = 0


class Moods:
    """The moods of every community."""

    PERSONAL = Personal(
        "情绪",
        "社群气氛变坏时早知道",
        (keys.MOOD, keys.MOOD_LINE, keys.MOOD_WORDS, keys.MOOD_BELLS),
        what="情绪的均值和条数，不留原文；社群两天里的词不记是谁说的",
        erasing="删掉均值，连同他的社群这两天的词",
        passing=(keys.MOOD_WORDS, keys.MOOD_LINE),
        passing_why="不记是谁说的",
    )

    def __init__(self, database: Database, shards: int = keys.SHARDS) -> None:
        self._database = database
        self._shards = shards
        self._mix = Script("mix_mood")

    def mix(self, where: CommunityKeys, scored: Sequence[Scored]) -> None:
        """Adds up messages that were scored behind their answers: one act for many. Nobody is told of these (:class:`rules.mood.SnowMood`)."""
        if not scored:
            return
        flat = [part for one in scored for part in (one.member, one.chat, one.at_ms, one.day, f"{one.score:.4f}", int(one.is_low))]
        felt: dict[tuple[str, str], list[int]] = {}
        for one in scored:
            if one.chat:
                both = felt.setdefault((one.day, one.chat), [0, 0])
                both[0] += 1
                both[1] += int(one.is_low)
        raised = [(place, day, n) for (day, chat), n in felt.items() for place in (where.id, place_of(where.id, chat))]
        events = [_encode({"act": "felt", "day": day, "chat": chat, "felt": n, "unhappy": low}) for (day, chat), (n, low) in felt.items()]
        self._database.act(
            self._mix,
            [
                *keys_of_moods(where.shard, where.id, scored[-1].day), keys.EVENTS(shard=where.shard), keys.PLACES(shard=where.shard),
                *(counts_key(where.shard, place, day) for place, day, _ in raised),
            ],
            [scored[-1].at_ms, where.id, len(raised), *(n for *_, both in raised for n in both), len(events), *events, *flat],
        )  # fmt: skip

    def find_group(self, where: CommunityKeys) -> Mood | None:
        """The community's mood, None before the first message."""
        kept = self._database.command("HGET", keys.MOOD(shard=where.shard, community=where.id), "group")
        return _mood(kept) if kept else None

    def find_member(self, where: CommunityKeys, member: int) -> Mood | None:
        """A member's mood, None before his first message that had one."""
        return self.of_members(where, [member])[member]

    def of_members(self, where: CommunityKeys, members: Sequence[int]) -> dict[int, Mood | None]:
        """The same for many members; one round trip."""
        if not members:
            return {}
        kept = self._database.command("HMGET", keys.MOOD(shard=where.shard, community=where.id), *(f"m{member}" for member in members))
        return {member: _mood(one) if one else None for member, one in zip(members, kept, strict=True)}

    def chats(self, where: CommunityKeys, chats: Sequence[str]) -> dict[str, Mood]:
        """The moods of some of a community's groups, by chat id, without those in which nothing was said; one round trip."""
        if not chats:
            return {}
        rows = self._database.command("HMGET", keys.MOOD(shard=where.shard, community=where.id), *(f"c{chat}" for chat in chats))
        return {chat: _mood(kept) for chat, kept in zip(chats, rows, strict=True) if kept}

    def line(self, where: CommunityKeys, today: date, days: int) -> list[MoodDay]:
        """The last ``days`` days of a community, today included, oldest first, without those on which nothing was said; one round trip."""
        named = [today - timedelta(days=back) for back in reversed(range(days))]
        rows = self._database.command("HMGET", _line(where), *(day.isoformat() for day in named))
        return [_day(day, kept) for day, kept in zip(named, rows, strict=True) if kept]

    def window(self, where: CommunityKeys, now_ms: int) -> Window:
        """The last 24 hours of a community; one round trip."""
        *hours, alarm = self._database.command("HMGET", _line(where), *(f"h{hour}" for hour in range(WINDOW_H)), "alarm")
        hour_now, messages, unhappy = now_ms // HOUR_MS, 0, 0
        for kept in filter(None, hours):
            hour, count, low, _ = map(int, kept.split("|"))
            if hour_now - WINDOW_H < hour <= hour_now:
                messages, unhappy = messages + count, unhappy + low
        since = int(alarm.split("|")[0]) if alarm else 0
        return Window(messages, unhappy, since if since <= now_ms + HOUR_MS else 0)

    def words(self, where: CommunityKeys, days: Sequence[date]) -> Mapping[str, WordCount]:
        """The words of some days, at most a few thousand each; one round trip."""
        asked = (("HGETALL", keys.MOOD_WORDS(shard=where.shard, community=where.id, day=day.isoformat())) for day in days)
        found: dict[str, tuple[int, int, int]] = {}
        for flat in self._database.pipeline(asked):
            for name, kept in zip(flat[::2], flat[1::2], strict=True):
                count, bits = map(int, kept.split("|"))
                unhappy, others, people = found.get(name[1:], (0, 0, 0))
                is_low = name[0] == "-"
                found[name[1:]] = (unhappy + count * is_low, others + count * (not is_low), people | bits * is_low)
        return {word: WordCount(unhappy, others, people.bit_count()) for word, (unhappy, others, people) in found.items()}

    def ringing(self, now_ms: int, most: int = 20) -> list[tuple[int, str]]:
        """Shard and id of the communities whose administrators are to be told; one round trip."""
        return ring(self._database, keys.MOOD_BELLS, self._shards, now_ms, most=most)

    def told(self, shard: int, community: str) -> None:
        """Takes a community off the bells: its administrators' notice is on its way."""
        self._database.command("ZREM", keys.MOOD_BELLS(shard=shard), community)

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's mood in every community; what he said in single chats is weighed in by its number of messages."""
        found: dict[str, list[Mood]] = {}
        for where in communities_with(self._database, keys.MOOD):
            if kept := self._database.command("HGET", keys.MOOD(shard=where.shard, community=where.id), f"m{number}"):
                found.setdefault(where.id, []).append(_mood(kept))
        return {
            community: {
                "情绪均值": round(sum(mood.mean * mood.messages for mood in moods) / sum(mood.messages for mood in moods), 4),
                "消息数": sum(mood.messages for mood in moods),
            }
            for community, moods in found.items()
        }

    def erase_user(self, number: int) -> str:
        """Removes the member's mood, and the words of his communities, one of which may be his name; means and counts stay, which name nobody."""
        for where in communities_with(self._database, keys.MOOD):
            moods, mine = keys.MOOD(shard=where.shard, community=where.id), f"m{number}"
            if not self._database.command("HEXISTS", moods, mine):
                continue
            for name in list(self._database.scan(keys.MOOD_WORDS(shard="*", community="*", day="*"))):
                if f":{where.id}:mood:words:" in name:
                    self._database.command("DEL", name)
            self._database.command("HDEL", moods, mine)  # last: by it a repeat after a crash knows that the words have to go
        return "已删除个人情绪值"


@lru_cache(4096)
def keys_of_moods(shard: int, community: str, day: str) -> tuple[str, str, str, str]:
    """What an act needs that adds up how a message felt: moods, line, words of the day, bells."""
    part = {"shard": shard, "community": community}
    return keys.MOOD(**part), keys.MOOD_LINE(**part), keys.MOOD_WORDS(**part, day=day), keys.MOOD_BELLS(shard=shard)


def pack_felt(felt: Felt | None, chat: str, day: str) -> bytes:
    """How a message felt, as ``lua/parts/mood.lua`` reads it; nothing for None."""
    if felt is None:
        return b""
    return _encode(
        {
            "score": round(felt.score, 4), "low": int(felt.is_low), "chat": chat, "day": day, "words": felt.words,
            "share": felt.share, "least": felt.least,
        }
    )  # fmt: skip


def _line(where: CommunityKeys) -> str:
    return keys.MOOD_LINE(shard=where.shard, community=where.id)


def _mood(kept: str) -> Mood:
    mean, count = kept.split("|")
    return Mood(float(mean), int(count))


def _day(day: date, kept: str) -> MoodDay:
    messages, unhappy, total = kept.split("|")
    return MoodDay(day, int(messages), int(unhappy), float(total) / int(messages))
