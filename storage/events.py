"""The event log: an append-only stream in every shard, each entry naming its community."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, pairs
from storage.moment import from_ms, to_ms
from storage.roster import speaks_of

VERSION = "1"
LOOKED_MS = 3_600_000
"""How often it is noted that a reader found nothing new."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One thing that happened. ``kind`` is inbound, decision, change, outbound, push, admin or error; ``member`` 0 means nobody."""

    id: str
    at: datetime
    kind: str
    community: str
    member: int
    message: str
    data: Mapping[str, Any]


class Events:
    """The event streams of all shards."""

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def record(
        self, shard: int, kind: str, community: str, now: datetime, data: Mapping[str, Any], *, member: int = 0, message: str = ""
    ) -> None:
        """Appends one entry that belongs to no other act."""
        self._database.command(
            "XADD", keys.EVENTS(shard=shard), "*", "v", VERSION, "t", to_ms(now), "kind", kind,
            "c", community, "m", member, "id", message, "data", _encode(data),
        )  # fmt: skip

    def read(self, *, community: str = "", member: int | None = None) -> Iterator[LogEntry]:
        """All entries, oldest first within a shard's page, optionally of one community or one member."""
        for shard in range(self._shards):
            last = "-"
            while page := self._database.command("XRANGE", keys.EVENTS(shard=shard), last, "+", "COUNT", 1_000):
                yield from _wanted(page, community, member)
                last = f"({page[-1][0]}"

    def newest(self, count: int, *, community: str = "", member: int | None = None) -> list[LogEntry]:
        """The newest entries over all shards, oldest first; looks at no more than 50 × ``count`` a shard."""
        pages = self._database.pipeline(("XREVRANGE", keys.EVENTS(shard=s), "+", "-", "COUNT", 50 * count) for s in range(self._shards))
        found = [entry for page in pages for entry in _wanted(page, community, member)]
        return sorted(found, key=_order)[-count:]

    def begins(self) -> dict[int, datetime]:
        """When the oldest entry of each shard's stream happened; shards without any are left out. One round trip."""
        pages = self._database.pipeline(("XRANGE", keys.EVENTS(shard=s), "-", "+", "COUNT", 1) for s in range(self._shards))
        return {shard: next(_wanted(page, "", None)).at for shard, page in enumerate(pages) if page}

    def tail(self) -> dict[int, str]:
        """Where each shard's stream ends now, to follow from."""
        pages = self._database.pipeline(("XREVRANGE", keys.EVENTS(shard=s), "+", "-", "COUNT", 1) for s in range(self._shards))
        return {shard: page[0][0] if page else "0-0" for shard, page in enumerate(pages)}

    def since(self, tail: dict[int, str], *, community: str = "", member: int | None = None) -> list[LogEntry]:
        """What came after ``tail``, in order; moves ``tail`` on."""
        pages = self._database.pipeline(("XRANGE", keys.EVENTS(shard=s), f"({tail[s]}", "+", "COUNT", 1_000) for s in range(self._shards))
        found: list[LogEntry] = []
        for shard, page in enumerate(pages):
            if page:
                tail[shard] = page[-1][0]
                found += _wanted(page, community, member)
        return sorted(found, key=_order)

    def follow(self, name: str, now: datetime, most: int = 1_000) -> Iterator[tuple[int, list[LogEntry], bool]]:
        """What came since the reader of this name looked last, a page of each shard: shard, entries in order, and whether some were lost before.

        A page counts as read once the next is asked for: who dies over it gets it again. Entries are lost when the log was cut behind the reader.
        """
        marks = self._database.pipeline(("HGET", keys.FOLLOWED(shard=shard), name) for shard in range(self._shards))
        begins = [(mark or "0-0|0").split("|") for mark in marks]
        asked = [
            words
            for shard, (last, _) in enumerate(begins)
            for words in (
                ("XRANGE", keys.EVENTS(shard=shard), f"({last}", "+", "COUNT", most),
                ("XRANGE", keys.EVENTS(shard=shard), "-", "+", "COUNT", 1),
            )
        ]
        pages = self._database.pipeline(asked)
        for shard, (last, looked) in enumerate(begins):
            page, first = pages[2 * shard], pages[2 * shard + 1]
            is_cut = bool(first and last != "0-0" and int(first[0][0].partition("-")[0]) > max(int(looked), int(last.partition("-")[0])))
            if page or is_cut:
                yield shard, list(_wanted(page, "", None)), is_cut
            mark = page[-1][0] if page else last
            if page or is_cut or to_ms(now) - int(looked) > LOOKED_MS:
                self._database.command("HSET", keys.FOLLOWED(shard=shard), name, f"{mark}|{to_ms(now)}")

    def look_back(
        self, where: CommunityKeys, number: int, since: datetime, now: datetime, most: int = 20_000
    ) -> tuple[list[LogEntry], datetime]:
        """A member's entries in his community, the newest first, and since when they are whole: ``since``, or where ``most`` entries were looked at."""
        found: list[LogEntry] = []
        last, looked, reached = "+", 0, now
        while looked < most and reached > since:
            page = self._database.command("XREVRANGE", keys.EVENTS(shard=where.shard), last, "-", "COUNT", 2_000)
            if not page:
                return found, since
            looked, last, reached = looked + len(page), f"({page[-1][0]}", from_ms(int(page[-1][1][3]))
            found += [one for one in _wanted([row for row in page if row[1][9] == str(number)], where.id, number) if one.at >= since]
        return found, max(reached, since)

    def find_sent(self, delivery: str, since: datetime) -> list[tuple[int, LogEntry]]:
        """The outbound entries of one delivery (and of its parts ``<delivery>/2``…) since then, each with its shard; a rare act that reads a lot."""
        found: list[tuple[int, LogEntry]] = []
        for shard in range(self._shards):
            last, is_old = "+", False
            while not is_old and (page := self._database.command("XREVRANGE", keys.EVENTS(shard=shard), last, "-", "COUNT", 1_000)):
                entries = list(_wanted(page, "", None))
                found += [(shard, entry) for entry in entries if entry.kind == "outbound" and _is_part(entry.message, delivery)]
                last, is_old = f"({page[-1][0]}", entries[-1].at < since
        return sorted(((shard, entry) for shard, entry in found if entry.at >= since), key=lambda pair: _order(pair[1]))

    def trim(self, before: datetime) -> int:
        """Removes what happened before ``before``; gives how many entries went. Age is read from the entries, never from the server's clock."""
        limit, gone = to_ms(before), 0
        for shard in range(self._shards):
            while page := self._database.command("XRANGE", keys.EVENTS(shard=shard), "-", "+", "COUNT", 1_000):
                old = [entry for entry, flat in page if int(flat[3]) < limit]
                if old:
                    gone += self._database.command("XDEL", keys.EVENTS(shard=shard), *old)
                if len(old) < len(page):
                    break
        return gone

    def export_user(self, number: int) -> list[dict[str, Any]]:
        """All entries that name the member."""
        return [
            {"时间": e.at.isoformat(), "类别": e.kind, "社群": e.community, "消息": e.message, "内容": dict(e.data)}
            for e in self.read(member=number)
        ]

    def erase_user(self, number: int) -> str:
        """Removes the entries that hold the member's texts, or texts about him; others stay under a number that no longer leads to anybody."""
        gone = 0
        for shard in range(self._shards):
            last = "-"
            while page := self._database.command("XRANGE", keys.EVENTS(shard=shard), last, "+", "COUNT", 1_000):
                hold = [entry for entry, flat in page if '"text":' in flat[13] and (flat[9] == str(number) or speaks_of(flat[13], number))]
                if hold:
                    gone += self._database.command("XDEL", keys.EVENTS(shard=shard), *hold)
                last = f"({page[-1][0]}"
        return f"已删除 {gone} 条含原文的记录；其余记录只含编号（不再指向任何人）"


def _wanted(page: list[Any], community: str, member: int | None) -> Iterator[LogEntry]:
    for entry, flat in page:
        row = pairs(flat)
        if community and row["c"] != community:
            continue
        if member is not None and row["m"] != str(member):
            continue
        yield LogEntry(entry, from_ms(int(row["t"])), row["kind"], row["c"], int(row["m"]), row["id"], json.loads(row["data"]))


def _is_part(id: str, delivery: str) -> bool:
    return id == delivery or id.startswith(f"{delivery}/")


def _order(entry: LogEntry) -> tuple[int, int]:
    first, second = entry.id.split("-")
    return int(first), int(second)
