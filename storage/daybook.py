"""The book of days: what was counted in every place, a day at a time.

A message counts in its community, in its group and in the whole installation at once (``lua/parts/tally.lua``). Each shard has counters and bitmaps
of its own; here they are joined. A day that is over is closed: its figures are kept as one row, and no more worked out from what was counted. A
row names nobody and is kept for ever; what it was made of goes after 400 days.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

import msgspec

from rules.figures import RETURNS, STAYS, Day, Joined, Where, work_out
from storage import keys
from storage.connection import Database, Script, StorageAway
from storage.keys import shard_of
from storage.moment import to_ms
from storage.personal import Personal
from storage.tallies import ALL, NEW, PART, SPOKE, counts_key, mark_key, place_named, place_of

LOOKS_BACK: Mapping[str, int] = {SPOKE: 2 * max(STAYS) - 1, PART: 30, NEW: max(RETURNS)}
"""How many days before a day its figures look at marks."""
SETTLES = 2
"""The days before one that is closed are looked at once more: what came late – a post at last delivered – counts on its own day."""
AFTER_MIDNIGHT = timedelta(minutes=10)
"""How long after its end a day is closed: clocks differ, and what was begun before midnight may end behind it."""
_AT_ONCE = 20
"""How many places are closed together; a place needs about a hundred keys."""
_MOST_DAYS, _MOST_ROWS = 20, 400
"""How many days of one place, and about how many rows in all, one closing keeps: what was missed for long is made up for by and by."""
_AHEAD = 60
"""How many days back it is looked for rows that a fast clock kept."""
_OLDEST = timedelta(days=400)
"""What was counted lives so long: where nothing is closed, no day before is worked out, whatever a slow clock counted then."""
_CLOSED = "closed"


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """A closed day, as it is read without further ado. ``marked``: the shards in which anybody was marked, by SPOKE, PART, NEW; ``at``: when (ms)."""

    day: Day
    marked: tuple[tuple[int, ...], ...]
    at: int


_MARKS = (SPOKE, PART, NEW)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Row).decode


@dataclass(slots=True)
class _Place:
    """A place on its way.

    ``begun`` has the shards in which it is counted, since when; ``summed`` those of the places whose counters it sums up; ``until`` is the newest day that
    anything may have been marked on. Then the rows that were read, and what was read of the days that are not closed.
    """

    where: Where
    name: str
    home: int
    begun: Mapping[int, date]
    summed: Mapping[str, Mapping[int, date]]
    until: date
    closed: date | None = None
    rows: dict[date, _Row] = field(default_factory=dict)
    counts: dict[date, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    marks: dict[str, dict[date, int]] = field(default_factory=lambda: {mark: {} for mark in _MARKS})
    marked: dict[date, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(lambda: {mark: set() for mark in _MARKS}))

    @property
    def begins(self) -> date | None:
        """Its first day."""
        return min(self.begun.values(), default=None)

    def bits(self, mark: str, day: date) -> int:
        """Who is marked on a day."""
        return self.marks[mark].get(day, 0)


class Daybook:
    """The days of all places."""

    PERSONAL = Personal(
        "每日数字",
        "每天有多少人说话、参加、新来",
        (keys.PLACES, keys.BOOK, keys.MARKS, keys.EVER, keys.HERE),
        what="哪天参加过、是不是新人，每人一位",
        erasing="全部删除；已结算的数字不记是谁",
        passing=(keys.MARKS, keys.EVER, keys.HERE),
        passing_why="导出里的活跃日期和入群时间已经说了",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._forget = Script("forget_marks")

    # Reading --------------------------------------------------------------------------------------------------------------

    def days(self, where: Where, first: date, last: date, today: date) -> list[Day]:
        """The days from ``first`` to ``last``, the oldest first; those after ``today`` are empty. One round trip where all are closed, else two."""
        return self.many([where], first, last, today)[where]

    def many(self, places: Sequence[Where], first: date, last: date, today: date) -> dict[Where, list[Day]]:
        """The same for several places, in as many round trips."""
        found, wanted = self._opened(places, first, last, today), _span(first, last)
        open_ = [(place, days) for place in found if (days := _still_open(place, min(last, today)))]
        worked = self._work_out(open_)
        out = {}
        for place in found:
            fresh = worked.get(place.name, {})
            rows = place.rows
            out[place.where] = [rows[day].day if day in rows else fresh.get(day) or Day(day) for day in wanted]
        return out

    def begins(self) -> dict[Where, date]:
        """The first day of every place that was ever counted; one round trip."""
        begun = self._begun()
        return {_where(name): min(shards.values()) for name, shards in begun.items()}

    def begins_in(self) -> dict[int, date]:
        """The first day that anything was counted on in each shard; one round trip."""
        found: dict[int, date] = {}
        for shards in self._begun().values():
            for shard, day in shards.items():
                found[shard] = min(found.get(shard, day), day)
        return found

    def closed(self, places: Sequence[Where]) -> dict[Where, date | None]:
        """The last day of places that is closed; one round trip."""
        asked = [
            ("HGET", keys.BOOK(shard=shard_of(where.community or ALL, self._shards), community=_name(where)), _CLOSED) for where in places
        ]
        rows = self._database.pipeline(asked)
        return {where: date.fromisoformat(row) if row else None for where, row in zip(places, rows, strict=True)}

    # Writing --------------------------------------------------------------------------------------------------------------

    def bring(
        self, where: Where, day: date, *, counts: Mapping[str, int] = {}, spoke: Sequence[int] = (), came: Sequence[int] = (),
        took_part: Sequence[int] = (), gone: int = 0,
    ) -> None:  # fmt: skip
        """Adds what happened elsewhere on a day, in exactly this place: counters, and members by number who spoke, came for the first time, took part.

        The whole installation has marks only: its counters are the sums of its communities'.
        """
        place, shard, text = _name(where), shard_of(where.community or ALL, self._shards), day.isoformat()
        commands: list[tuple[Any, ...]] = []
        if where.community:
            moved = {"came": len(came), "gone": gone}
            counted = {name: counts.get(name, 0) + moved.get(name, 0) for name in {**counts, **moved}}
            commands += [("HINCRBY", counts_key(shard, place, text), name, n) for name, n in counted.items() if n]
        for mark, members in ((SPOKE, spoke), (NEW, came), (PART, took_part)):
            commands += [("SETBIT", mark_key(shard, place, mark, text), number, 1) for number in members]
        for number in came:
            commands += [("SETBIT", family(shard=shard, community=place), number, 1) for family in (keys.EVER, keys.HERE)]
        book = keys.BOOK(shard=shard, community=place)
        begun, closed, *_ = self._database.pipeline([("HGET", keys.PLACES(shard=shard), place), ("HGET", book, _CLOSED), *commands])
        if not begun or text < begun:
            self._database.command("HSET", keys.PLACES(shard=shard), place, text)
        if closed and text <= closed:  # it is worked out anew, and what follows it
            self._database.command("HSET", book, _CLOSED, (day - timedelta(days=1)).isoformat())

    def close(
        self, todays: Mapping[str, date], other: date, now: datetime, on_trouble: Callable[[Where, Exception], None] | None = None
    ) -> int:
        """Closes the days that are over: ``todays`` has each community's day of now, ``other`` that of all others. Gives how many rows were kept.

        What was missed while nobody was there is made up for, some of it by each call. Doing it again keeps the same. A place that cannot be closed
        stops no other: ``on_trouble`` hears of it; without that it raises.
        """
        begun = self._begun()
        names = [name for name in begun if name != ALL]
        wanted = {_where(name): todays.get(_where(name).community, other) - timedelta(days=1) for name in names}
        if names:
            wanted[Where()] = min(wanted.values())
        done, places = 0, list(wanted)
        for at in range(0, len(places), _AT_ONCE):
            if done < _MOST_ROWS:
                done += self._close_apart({where: wanted[where] for where in places[at : at + _AT_ONCE]}, begun, now, on_trouble)
        return done

    def _close_apart(
        self, wanted: Mapping[Where, date], begun: Mapping[str, Mapping[int, date]], now: datetime,
        on_trouble: Callable[[Where, Exception], None] | None,
    ) -> int:  # fmt: skip
        """Closes places together; where that fails, one by one."""
        try:
            return self._close_some(wanted, begun, now)
        except StorageAway:
            raise
        except Exception as error:
            if on_trouble is None:
                raise
            if len(wanted) > 1:
                return sum(self._close_apart({where: last}, begun, now, on_trouble) for where, last in wanted.items())
            on_trouble(next(iter(wanted)), error)
            return 0

    def _close_some(self, wanted: Mapping[Where, date], begun: Mapping[str, Mapping[int, date]], now: datetime) -> int:
        due = []
        for place in self._opened(list(wanted), None, None, max(wanted.values()) + timedelta(days=2), begun):
            last = wanted[place.where]
            if place.begins is None or last < place.begins or place.closed == last:
                continue
            if place.closed is not None:
                closed = place.closed if place.closed < last else self._closed_in_time(place, last, now)
                place.closed = max(place.begins - timedelta(days=1), closed - timedelta(days=SETTLES))
            due.append((place, _still_open(place, last)[:_MOST_DAYS]))
        worked, commands = self._work_out(due), []
        for place, days in due:
            rows = [(day.isoformat(), _encode(_row(worked[place.name][day], place.marked[day], now)).decode()) for day in days]
            flat = [part for row in rows for part in row]
            commands.append(("HSET", keys.BOOK(shard=place.home, community=place.name), *flat, _CLOSED, days[-1].isoformat()))
        self._database.pipeline(commands)
        return sum(len(days) for _, days in due)

    def _closed_in_time(self, place: _Place, last: date, now: datetime) -> date:
        """The last day up to ``last`` before every one that a fast clock closed: its row says that it was kept later than it is."""
        days = _span(last - timedelta(days=_AHEAD), last)
        rows = self._database.command("HMGET", keys.BOOK(shard=place.home, community=place.name), *(day.isoformat() for day in days))
        early = [day for day, row in zip(days, rows, strict=True) if row and _decode(row).at > to_ms(now)]
        return min(early, default=last + timedelta(days=1)) - timedelta(days=1)

    def export_user(self, number: int) -> dict[str, object]:
        """Rows name nobody; on which days a member spoke stands in the roster's part."""
        return {}

    def erase_user(self, number: int) -> str:
        """Takes the member out of the marks of all days; rows of days that were closed before name nobody and stay.

        Where he was a member he is gone on the first day that is not closed; by what the log is told the figures can be found again.
        """
        marked = list(dict.fromkeys(key for family in _MARKED for key in self._database.scan(_glob(family))))
        bits = self._database.pipeline(("GETBIT", key, number) for key in marked)
        known: dict[tuple[int, str], list[str]] = defaultdict(list)
        for key in (key for key, bit in zip(marked, bits, strict=True) if bit):
            known[_parsed(key)].append(key)
        begun = self._begun()
        for (shard, place), bitmaps in known.items():
            home = shard_of(_where(place).community or ALL, self._shards)
            closed = self._database.command("HGET", keys.BOOK(shard=home, community=place), _CLOSED)
            begins = min(_begun_of(_where(place), begun).values(), default=None)
            if begins is None:  # nothing is read there
                self._database.pipeline(("SETBIT", key, number, 0) for key in bitmaps)
                continue
            day = date.fromisoformat(closed) + timedelta(days=1) if closed else begins
            here = keys.HERE(shard=shard, community=place)
            names = [here, counts_key(shard, place, day.isoformat()), keys.PLACES(shard=shard), keys.EVENTS(shard=shard)]
            names += [key for key in bitmaps if key != here]
            at = to_ms(datetime.combine(day, time(), UTC))
            community, chat = place_named(place)
            told = f"{community}/{chat}" if chat else community
            args: list[str | bytes | int | float] = [number, _where(place).community, at, told, day.isoformat(), int(place != ALL)]
            self._database.act(self._forget, names, args)
        return "已从每日的发言、参与和新人标记中删除；已结算的日报数字不指向任何人，保留"

    # Small steps ----------------------------------------------------------------------------------------------------------

    def _begun(self) -> dict[str, dict[int, date]]:
        """Every place that was ever counted: by shard, since when."""
        return _joined(self._database.pipeline(self._ask_begun()))

    def _ask_begun(self) -> list[tuple[str, str]]:
        return [("HGETALL", keys.PLACES(shard=shard)) for shard in range(self._shards)]

    def _opened(
        self,
        places: Sequence[Where],
        first: date | None,
        last: date | None,
        until: date,
        begun: Mapping[str, Mapping[int, date]] | None = None,
    ) -> list[_Place]:
        """Places with those rows of the days that are closed, and of the days before them whose marks may be looked at; one round trip."""
        back = max(LOOKS_BACK.values()) + SETTLES
        days = _span(first - timedelta(days=back), last) if first and last else []
        homes = [shard_of(where.community or ALL, self._shards) for where in places]
        asked = self._ask_begun() if begun is None else []
        books = [
            ("HMGET", keys.BOOK(shard=home, community=_name(where)), _CLOSED, *(day.isoformat() for day in days))
            for where, home in zip(places, homes, strict=True)
        ]
        answers = self._database.pipeline([*asked, *books])
        known = _joined(answers[: len(asked)]) if begun is None else begun
        found = []
        for where, home, (closed, *rows) in zip(places, homes, answers[len(asked) :], strict=True):
            name = _name(where)
            summed = (
                {name: known.get(name, {})} if where.community else {one: at for one, at in known.items() if "/" not in one and one != ALL}
            )
            # nothing is over that lies ahead: a clock that was fast closed it
            over = min(date.fromisoformat(closed), until - timedelta(days=1)) if closed else None
            place = _Place(where, name, home, _begun_of(where, known), summed, until, over)
            place.rows = {day: _decode(row) for day, row in zip(days, rows, strict=True) if row and place.closed and day <= place.closed}
            found.append(place)
        return found

    def _work_out(self, open_: Sequence[tuple[_Place, list[date]]]) -> dict[str, dict[date, Day]]:
        """The figures of days that are not closed, by place; two round trips at most."""
        if not open_:
            return {}
        self._read_rows_before(open_)
        self._read_raw(open_)
        out = {}
        for place, days in open_:
            before = place.rows.get(days[0] - timedelta(days=1))
            members, found = before.day.members if before else 0, {}
            spoke, part, new = (Joined(partial(place.bits, mark)) for mark in _MARKS)
            for day in days:
                counts = place.counts.get(day, {})
                members += counts.get("came", 0) + counts.get("found", 0) - counts.get("gone", 0)
                found[day] = work_out(day, counts, spoke=spoke, part=part, new=new, members=members)
            out[place.name] = found
        return out

    def _read_rows_before(self, open_: Sequence[tuple[_Place, list[date]]]) -> None:
        """Reads those rows before the first open day that were not read yet: what ``members`` goes on from, and in which shards marks are."""
        asked = []
        for place, days in open_:
            if place.closed is not None and place.begins is not None:
                first = max(place.begins, days[0] - timedelta(days=max(LOOKS_BACK.values())))
                asked += [(place, day) for day in _span(first, days[0] - timedelta(days=1)) if day not in place.rows]
        commands = (("HGET", keys.BOOK(shard=place.home, community=place.name), day.isoformat()) for place, day in asked)
        for (place, day), row in zip(asked, self._database.pipeline(commands), strict=True):
            if row:
                place.rows[day] = _decode(row)

    def _read_raw(self, open_: Sequence[tuple[_Place, list[date]]]) -> None:
        """Reads counters and marks of the open days, and the marks that these look back at; two round trips."""
        counted = [
            (place, day, counts_key(shard, name, day.isoformat()))
            for place, days in open_ for name, begun in place.summed.items() for shard, begins in begun.items() for day in days if begins <= day
        ]  # fmt: skip
        for (place, day, _), flat in zip(counted, self._database.pipeline(("HGETALL", key) for *_, key in counted), strict=True):
            sums = place.counts[day]
            for name, n in zip(flat[::2], flat[1::2], strict=True):
                sums[name] = sums.get(name, 0) + int(n)
        marked = [asked for place, days in open_ for asked in _asked_marks(place, days)]
        bits = self._database.read_bytes([key for *_, key in marked]) if marked else []
        by_shard: dict[str, dict[tuple[int, date], int]] = defaultdict(dict)
        for (place, mark, shard, day, _), kept in zip(marked, bits, strict=True):
            if not kept:
                continue
            found = int.from_bytes(kept, "little")  # by bytes from the first on, so that lengths need not agree
            if mark == keys.EVER.pattern or (place.name == ALL and mark == NEW):
                by_shard[mark][shard, day] = found
            if mark in place.marks:
                place.marks[mark][day] = place.marks[mark].get(day, 0) | found
                place.marked[day][mark].add(shard)
        for place, _ in open_:
            if place.name == ALL:
                place.marks[NEW] = _new_anywhere(place.marks[NEW], by_shard[NEW], by_shard[keys.EVER.pattern])


def _asked_marks(place: _Place, days: Sequence[date]) -> Iterator[tuple[_Place, str, int, date, str]]:
    """The bitmaps that the figures of open days look at: place, mark, shard, day and key. Of closed days only those that are not empty."""
    for mark in _MARKS:
        # who is new to the installation is seen only beside all days since
        last = max(days[-1], place.until) if place.name == ALL and mark == NEW else days[-1]
        for day in _span(days[0] - timedelta(days=LOOKS_BACK[mark]), last):
            row = place.rows.get(day) if day < days[0] else None
            shards = row.marked[_MARKS.index(mark)] if row else [shard for shard, begins in place.begun.items() if begins <= day]
            for shard in shards:
                yield place, mark, shard, day, mark_key(shard, place.name, mark, day.isoformat())
    if place.name == ALL:
        for shard in place.begun:
            yield place, keys.EVER.pattern, shard, days[-1], keys.EVER(shard=shard, community=ALL)


def _new_anywhere(
    new: Mapping[date, int], in_shard: Mapping[tuple[int, date], int], ever: Mapping[tuple[int, date], int]
) -> dict[date, int]:
    """Who was new to the whole installation, by day: new in a shard, and never before in any."""
    out = {}
    for day, found in new.items():
        before = 0
        for (shard, _), known in ever.items():
            since = 0
            for (other, at), marked in in_shard.items():
                if other == shard and at >= day:
                    since |= marked
            before |= known & ~since
        out[day] = found & ~before
    return out


def _name(where: Where) -> str:
    return place_of(where.community or ALL, where.chat)


def _where(name: str) -> Where:
    community, chat = place_named(name)
    return Where("" if community == ALL else community, chat)


_MARKED = (keys.ACTIVE, keys.MARKS, keys.EVER, keys.HERE)


def _parsed(key: str) -> tuple[int, str]:
    """Shard and place of a bitmap's key: qb:{7}:main/chat:here."""
    shard, place = re.fullmatch(r"qb:\{(\d+)\}:(.+?):(?:ever|here|active:[\d-]+|mark:[a-z]+:[\d-]+)", key).groups()  # type: ignore[union-attr]
    return int(shard), place


def _glob(family: keys.Family) -> str:
    return family.pattern.format(shard="*", community="*", mark="*", day="*")


def _joined(answers: Iterable[Sequence[str]]) -> dict[str, dict[int, date]]:
    begun: dict[str, dict[int, date]] = defaultdict(dict)
    for shard, flat in enumerate(answers):
        for place, day in zip(flat[::2], flat[1::2], strict=True):
            begun[place][shard] = date.fromisoformat(day)
    return begun


def _begun_of(where: Where, begun: Mapping[str, Mapping[int, date]]) -> Mapping[int, date]:
    """By shard, since when a place is counted; the whole installation since anything is."""
    if where.community:
        return begun.get(_name(where), {})
    found: dict[int, date] = {}
    for shards in begun.values():
        for shard, day in shards.items():
            found[shard] = min(found.get(shard, day), day)
    return found


def _still_open(place: _Place, last: date) -> list[date]:
    """The days up to ``last`` that are worked out from what was counted."""
    if place.begins is None:
        return []
    return _span(place.closed + timedelta(days=1) if place.closed else max(place.begins, place.until - _OLDEST), last)


def _row(day: Day, marked: Mapping[str, set[int]], now: datetime) -> _Row:
    return _Row(day, tuple(tuple(sorted(marked[mark])) for mark in _MARKS), to_ms(now))


def _span(first: date, last: date) -> list[date]:
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]
