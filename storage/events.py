"""The event log: an append-only stream in every shard, each entry naming its community, and files of what is old."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile, zip_longest
from typing import Any

import msgspec

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script, pairs
from storage.log_files import Id, Index, LogFile, LogFiles, Row, id_of, parse_id
from storage.moment import from_ms, to_ms
from storage.personal import Personal
from storage.roster import speaks_of

VERSION = "1"
PAGE = 250
"""Entries that a reader of the log gets at once: Redis does nothing else while it gathers them."""
LOOKED_MS = 3_600_000
"""How often it is noted that a reader found nothing new."""
STRETCH = 50_000
"""Entries of a file: 6.5 MB in Redis, 1.6 MB compressed. A small installation never has so many in a shard, and so never has a file."""
ELSEWHERE = (
    "事件记录的旧文件在另一个文件夹里，这台机器看不到：log.folder 没有写、没有挂上，或者指向别处，在这里读到的不完整。请在有那个文件夹的机器上做，"
    "或把 log.folder 指向它。那个文件夹确实没有了：python run.py log --files-lost"
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class LogTangled(Exception):
    """Stream and files of a shard contradict each other: somebody put other files there, or another Redis. Nothing was trimmed."""


class LogElsewhere(Exception):
    """The log's files lie in a folder that this machine does not see: what is read here is not whole, and nobody's entries can be erased."""

    def __init__(self) -> None:
        super().__init__(ELSEWHERE)


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


@dataclass(frozen=True, slots=True)
class Unread:
    """A page of a shard that readers of the log have not done yet: who, the entries in order, whether some were lost to them, the id where it ends."""

    shard: int
    names: tuple[str, ...]
    entries: Sequence[LogEntry]
    is_cut: bool
    end: str


class Events:
    """The event streams of all shards, and the files into which their oldest entries went: read as one log."""

    PERSONAL = Personal(
        "事件记录",
        "统计、排错、补算",
        (keys.EVENTS, keys.FOLLOWED),
        what="什么时候做了什么；默认没有原文，旧的在压缩的文件里",
        erasing="删掉含原文的，文件里的也删；其余只有编号",
        stays=(keys.EVENTS,),
        stays_why="统计要能重算，编号不再指向任何人。打开 log.keep_text 时，别人说的话里提到他的名字，是别人的话，随 retention.events_days 清除",
    )

    def __init__(self, database: Database, shards: int, files: LogFiles | None = None) -> None:
        self._database = database
        self._shards = shards
        self.files = files
        self._follow = Script("follow_log")

    def record(
        self, shard: int, kind: str, community: str, now: datetime, data: Mapping[str, Any], *, member: int = 0, message: str = ""
    ) -> None:
        """Appends one entry that belongs to no other act."""
        self._database.command(
            "XADD", keys.EVENTS(shard=shard), "*", "v", VERSION, "t", to_ms(now), "kind", kind,
            "c", community, "m", member, "id", message, "data", _encode(data),
        )  # fmt: skip

    def is_whole(self) -> bool:
        """Whether all of the log's files are to be seen from here; one round trip."""
        mark = self._database.command("GET", keys.LOG_FOLDER())
        return not mark or (self.files is not None and self.files.mark() == mark)

    def need_whole(self) -> None:
        """Raises LogElsewhere where the log cannot be read as a whole."""
        if not self.is_whole():
            raise LogElsewhere

    def forget_files(self) -> bool:
        """Takes note that the folder of the files is gone for good: the log is what is left of it. Whether one was known."""
        return bool(self._database.command("DEL", keys.LOG_FOLDER()))

    def read(self, *, community: str = "", member: int | None = None) -> Iterator[LogEntry]:
        """All entries, oldest first within a shard's page, optionally of one community or one member. Raises LogElsewhere."""
        self.need_whole()
        for shard in range(self._shards):
            for page in self._pages(shard, member):
                yield from _wanted(page, community, member)

    def newest(self, count: int, *, community: str = "", member: int | None = None) -> list[LogEntry]:
        """The newest entries over all shards, oldest first; looks at no more than 50 × ``count`` a shard, and into files where the streams have too few."""
        pages = self._database.pipeline(("XREVRANGE", keys.EVENTS(shard=s), "+", "-", "COUNT", 50 * count) for s in range(self._shards))
        found = [entry for page in pages for entry in _wanted(page, community, member)]
        if len(found) < count:
            for shard, page in enumerate(pages):
                found += _wanted(self._filed_before(shard, page, 50 * count - len(page)), community, member)
        return sorted(found, key=_order)[-count:]

    def begins(self) -> dict[int, datetime]:
        """When the oldest entry of each shard's log happened; shards without any are left out. Two round trips. Raises LogElsewhere."""
        self.need_whole()
        pages = self._database.pipeline(("XRANGE", keys.EVENTS(shard=s), "-", "+", "COUNT", 1) for s in range(self._shards))
        found = {shard: next(_wanted(page, "", None)).at for shard, page in enumerate(pages) if page}
        oldest = {shard: next(_indexed(self._files_of(shard)), None) for shard in range(self._shards)}
        return found | {shard: from_ms(filed[1].first_ms) for shard, filed in oldest.items() if filed}

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

    def unread(self, names: Iterable[str], now: datetime, most: int = PAGE) -> Iterator[Unread]:
        """What came since the readers of these names were here last, a page of each shard; those who stand at the same place share it.

        Two round trips where nothing is new, one more for each page. A page is theirs once :meth:`mark_read` says so: who dies over it gets it
        again. Entries are lost to a reader when the log was cut behind him.
        """
        names = list(names)
        marks = self._database.pipeline(("HMGET", keys.FOLLOWED(shard=shard), *names) for shard in range(self._shards) if names)
        places: dict[tuple[int, str], list[str]] = defaultdict(list)
        for shard, told in enumerate(marks):
            for name, mark in zip(names, told, strict=True):
                places[shard, mark or "0-0|0"].append(name)
        looks = self._database.pipeline(
            ("XRANGE", keys.EVENTS(shard=shard), begin, "+", "COUNT", 1)
            for shard, mark in places
            for begin in (f"({mark.partition('|')[0]}", "-")
        )
        for number, ((shard, mark), here) in enumerate(places.items()):
            last, looked = mark.split("|")
            first = looks[2 * number + 1]
            if page := self._filed_after(shard, parse_id(last), most):
                first = [[_text(self._files_of(shard)[0].first)]]
            elif looks[2 * number]:
                page = self._database.command("XRANGE", keys.EVENTS(shard=shard), f"({last}", "+", "COUNT", most)
            is_cut = bool(first and last != "0-0" and int(first[0][0].partition("-")[0]) > max(int(looked), int(last.partition("-")[0])))
            if page or is_cut or to_ms(now) - int(looked) > LOOKED_MS:
                yield Unread(shard, tuple(here), list(_wanted(page, "", None)), is_cut, page[-1][0] if page else last)

    def mark_read(self, page: Unread, fences: Mapping[str, int], now: datetime) -> set[str]:
        """Notes that these readers (name → number of the reader's lease, 0 without one) have done a page; gives who of them did; one round trip.

        Who lost his lease meanwhile cannot put the mark of the next one back.
        """
        key, mark = [keys.FOLLOWED(shard=page.shard)], f"{page.end}|{to_ms(now)}"
        calls: list[tuple[list[str], list[str | bytes | int | float]]] = [(key, [name, mark, fence]) for name, fence in fences.items()]
        return {name for name, is_noted in zip(fences, self._database.acts(self._follow, calls), strict=True) if is_noted}

    def look_back(
        self, where: CommunityKeys, number: int, since: datetime, now: datetime, most: int = 20_000
    ) -> tuple[list[LogEntry], datetime]:
        """A member's entries in his community, the newest first, and since when they are whole: ``since``, or where ``most`` entries were looked at."""
        found: list[LogEntry] = []
        looked, reached = 0, now
        for page in self._pages_back(where.shard, 2_000):
            looked, reached = looked + len(page), from_ms(int(page[-1][1][3]))
            found += [one for one in _wanted([row for row in page if row[1][9] == str(number)], where.id, number) if one.at >= since]
            if looked >= most or reached <= since:
                return found, max(reached, since)
        return found, since

    def find_sent(self, delivery: str, since: datetime) -> list[tuple[int, LogEntry]]:
        """The outbound entries of one delivery (and of its parts ``<delivery>/2``…) since then, each with its shard; a rare act that reads a lot."""
        found: list[tuple[int, LogEntry]] = []
        for shard in range(self._shards):
            for page in self._pages_back(shard, 1_000):
                entries = list(_wanted(page, "", None))
                found += [(shard, entry) for entry in entries if entry.kind == "outbound" and _is_part(entry.message, delivery)]
                if entries[-1].at < since:
                    break
        return sorted(((shard, entry) for shard, entry in found if entry.at >= since), key=lambda pair: _order(pair[1]))

    def trim(self, before: datetime) -> int:
        """Removes what happened before ``before``; gives how many entries went. Age is read from the entries, never from the server's clock."""
        return self.trim_streams(before) + sum(self._trim_files(shard, to_ms(before)) for shard in range(self._shards))

    def trim_streams(self, before: datetime) -> int:
        """Removes what happened before ``before`` from the streams alone: where there are files it stands there already; gives how many entries went."""
        limit, gone = to_ms(before), 0
        for shard in range(self._shards):
            while page := self._database.command("XRANGE", keys.EVENTS(shard=shard), "-", "+", "COUNT", 1_000):
                old = [entry for entry, flat in page if int(flat[3]) < limit]
                if old:
                    gone += self._database.command("XDEL", keys.EVENTS(shard=shard), *old)
                if len(old) < len(page):
                    break
        return gone

    # Into files -----------------------------------------------------------------------------------------------------------

    def file_away(self, before: datetime, *, stretch: int = STRETCH, is_last: bool = False) -> int:
        """Moves whole stretches of entries that happened before ``before`` out of the streams into files; gives how many entries. One process at a time.

        ``is_last`` moves what is less than a stretch as well. A file that was read back and found to say what the stream says is what lets go of the
        stream: a process that dies at any moment leaves entries in the stream, in both, or in the file, and both are read as one.

        The folder is known by a word that Redis and it have: where another machine writes to another folder, nothing is moved. Raises LogElsewhere.
        """
        if self.files is None:
            return 0
        self.need_whole()
        return sum(self._file_away(shard, to_ms(before), stretch, is_last) for shard in range(self._shards))

    def _know_folder(self, files: LogFiles) -> None:
        files.make_mark(secrets.token_hex(16))
        mark = files.mark()
        self._database.command("SET", keys.LOG_FOLDER(), mark, "NX")
        self.need_whole()

    def _file_away(self, shard: int, limit: int, stretch: int, is_last: bool) -> int:
        assert self.files
        moved = self._let_go(shard)  # of what was written and not trimmed yet
        while rows := self._stretch(shard, limit, stretch):
            if len(rows) < stretch and not is_last:
                break
            self._know_folder(self.files)
            self.files.write(shard, rows)
            moved += self._let_go(shard, is_fresh=True)
        return moved

    def _stretch(self, shard: int, limit: int, most: int) -> list[Row]:
        """The oldest entries of a stream, as far as all before them are old."""
        rows: list[Row] = []
        while len(rows) < most:
            begin = f"({rows[-1][0]}" if rows else "-"
            page = self._database.command("XRANGE", keys.EVENTS(shard=shard), begin, "+", "COUNT", min(1_000, most - len(rows)))
            old = list(takewhile(lambda row: int(row[1][3]) < limit, page))
            rows += old
            if not old or len(old) < len(page):
                break
        return rows

    def _let_go(self, shard: int, *, is_fresh: bool = False) -> int:
        """Trims what stands in files, after comparing both word for word; where somebody was erased meanwhile the file is written anew."""
        gone = 0
        for file in self._files_of(shard):
            head = self._database.command("XRANGE", keys.EVENTS(shard=shard), "-", _text(file.last), "COUNT", 1)
            if head and id_of(head[0]) < file.first:
                raise LogTangled(f"shard {shard}: the stream has entries from before the file {file.path.name} that stand in no file")
            if head:
                self._make_equal(shard, file)
                gone += int(self._database.command("XTRIM", keys.EVENTS(shard=shard), "MINID", "=", f"{file.last[0]}-{file.last[1] + 1}"))
            elif is_fresh and self.files and file == self._files_of(shard)[-1]:
                self.files.drop(file)  # all of it was erased while it was written
        return gone

    def _make_equal(self, shard: int, file: LogFile) -> None:
        """Sees that a file says what the stream says between its ends."""
        assert self.files
        with self.files.alone(shard):
            kept = (row for page in self._between(shard, file.first, file.last) for row in page)
            if any(one != other for one, other in zip_longest(kept, file.rows())):
                self.files.write(shard, [row for page in self._between(shard, file.first, file.last) for row in page], file)

    def _between(self, shard: int, first: Id, last: Id) -> Iterator[list[Row]]:
        begin = _text(first)
        while page := self._database.command("XRANGE", keys.EVENTS(shard=shard), begin, _text(last), "COUNT", 1_000):
            yield page
            begin = f"({page[-1][0]}"

    def _trim_files(self, shard: int, limit: int) -> int:
        gone = 0
        for file, index in _indexed(self._files_of(shard)):
            if self.files is None or index.first_ms >= limit:
                break
            if index.last_ms < limit:
                gone += index.entries
                self.files.drop(file)
            else:
                gone += self.files.rewrite(shard, file, lambda row: int(row[1][3]) >= limit)
        return gone

    # As one log -----------------------------------------------------------------------------------------------------------

    def _files_of(self, shard: int) -> list[LogFile]:
        return self.files.of(shard) if self.files else []

    def _pages(self, shard: int, member: int | None = None) -> Iterator[list[Row]]:
        """The log of a shard from its beginning. What is moved into a file while it is read is found there; a member's need not all be opened."""
        last: Id = (0, 0)
        while True:
            newer = [file for file in self._files_of(shard) if file.last > last]
            for file in newer:
                if member is None or any(member in index.members for _, index in _indexed([file])):
                    yield from _paged(row for row in file.rows() if id_of(row) > last)
                last = file.last
            if newer:
                continue
            page = self._database.command("XRANGE", keys.EVENTS(shard=shard), f"({_text(last)}", "+", "COUNT", 1_000)
            if any(file.last > last for file in self._files_of(shard)):
                continue  # moved between our two looks
            if not page:
                return
            yield page
            last = id_of(page[-1])

    def _pages_back(self, shard: int, most: int) -> Iterator[list[Row]]:
        """The log of a shard from its end, the newest entry first."""
        last = "+"
        while page := self._database.command("XREVRANGE", keys.EVENTS(shard=shard), last, "-", "COUNT", most):
            yield page
            last = f"({page[-1][0]}"
        end = (2**63, 0) if last == "+" else parse_id(last.removeprefix("("))
        for file in reversed(self._files_of(shard)):
            if file.first < end:
                rows = [row for row in file.rows() if id_of(row) < end]
                yield from _paged(reversed(rows), most)

    def _filed_after(self, shard: int, last: Id, most: int) -> list[Row]:
        """The first entries after one that stand in a file, none where those after it are in the stream."""
        file = next((file for file in self._files_of(shard) if file.last > last), None)
        return list(islice((row for row in file.rows() if id_of(row) > last), most)) if file else []

    def _filed_before(self, shard: int, page: list[Row], most: int) -> list[Row]:
        """The newest entries that stand in files alone, before the oldest of a page of the stream (newest first)."""
        end = id_of(page[-1]) if page else (2**63, 0)
        found: list[Row] = []
        for file in reversed(self._files_of(shard)):
            if len(found) < most and file.first < end:
                found = [row for row in file.rows() if id_of(row) < end] + found
        return found[-most:] if most > 0 else []

    # Persons --------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> list[dict[str, Any]]:
        """All entries that name the member."""
        return [
            {"时间": e.at.isoformat(), "类别": e.kind, "社群": e.community, "消息": e.message, "内容": dict(e.data)}
            for e in self.read(member=number)
        ]

    def erase_user(self, number: int) -> str:
        """Removes the entries that hold the member's texts, or texts about him; others stay under a number that leads to nobody. Raises LogElsewhere.

        Streams come before files: what is moved in between is compared with its stream once more before that lets go of it.
        """
        self.need_whole()
        gone = 0
        for shard in range(self._shards):
            last = "-"
            while page := self._database.command("XRANGE", keys.EVENTS(shard=shard), last, "+", "COUNT", 1_000):
                hold = [row[0] for row in page if _tells_of(row, number)]
                if hold:
                    gone += self._database.command("XDEL", keys.EVENTS(shard=shard), *hold)
                last = f"({page[-1][0]}"
            for file, index in _indexed(self._files_of(shard)):
                if self.files and number in index.members:
                    gone += self.files.rewrite(shard, file, lambda row: not _tells_of(row, number))
        return f"已删除 {gone} 条含原文的记录；其余记录只含编号（不再指向任何人）"


def _tells_of(row: Row, number: int) -> bool:
    """Whether an entry holds texts of a member, or about him."""
    flat = row[1]
    return '"text":' in flat[13] and (flat[9] == str(number) or speaks_of(flat[13], number))


def _indexed(files: Iterable[LogFile]) -> Iterator[tuple[LogFile, Index]]:
    """Files with what each holds; without those that another process let go of meanwhile, for what they held was too old."""
    for file in files:
        try:
            index = file.index()
        except FileNotFoundError:
            continue
        yield file, index


def _text(id: Id) -> str:
    return f"{id[0]}-{id[1]}"


def _paged(rows: Iterable[Row], most: int = 1_000) -> Iterator[list[Row]]:
    source = iter(rows)
    while page := list(islice(source, most)):
        yield page


def _wanted(page: list[Any], community: str, member: int | None) -> Iterator[LogEntry]:
    for entry, flat in page:
        row = pairs(flat)
        if community and row["c"] != community:
            continue
        if member is not None and row["m"] != str(member):
            continue
        yield LogEntry(entry, from_ms(int(row["t"])), row["kind"], row["c"], int(row["m"]), row["id"], _read(row["data"]))


def _read(data: str) -> dict[str, Any]:
    found: dict[str, Any]
    try:
        found = _decode(data)
    except msgspec.DecodeError:  # half a surrogate pair, say, in what an older version wrote
        found = json.loads(data)
    return found


def _is_part(id: str, delivery: str) -> bool:
    return id == delivery or id.startswith(f"{delivery}/")


def _order(entry: LogEntry) -> tuple[int, int]:
    first, second = entry.id.split("-")
    return int(first), int(second)
