"""Traits as columns: of each trait one packed value a member of a community, in blocks that a question reads whole.

Every member has a seat in his community, the place of his values; seats are given once and never again, so a community of few in a company of many
takes little room. What the figures keep anyway – who is here, who spoke on which day, who has a tag – is read from there, live, and not kept a second time.
What a block holds beside that is put in by bot/traits.py and is as old as its last ring.

A member is in a block if he is in the community's groups, or never was in one and spoke with the bot alone; whoever left all groups is not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rules.layers import DOINGS, Doings, layers, stages, trusts
from rules.traits import NEVER, TRAITS, Block
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.personal import Personal
from storage.tallies import place_of

BLOCK = 65_536
"""Seats of a block."""
BUCKET = 128
"""Members whose seats stand in one hash: small enough for Redis to keep it packed."""
ACTIVE_DAYS = 30
_EPOCH = date(2000, 1, 1)
_SHARES = 65_534
_PAGE = 10_000
_AT_ONCE = 500
"""Members written in one round trip."""
ERASED = -1
"""The seat of whoever was erased: nothing is put into it."""
_WHOLE = (0, -1)
"""The first and last byte of a bitmap that is read whole."""

COLUMNS: Mapping[str, np.dtype[Any]] = {
    "number": np.dtype("<u4"), "level": np.dtype("u1"), "strikes": np.dtype("u1"), "spoke": np.dtype("<u2"), "joined": np.dtype("<u2"),
    "points": np.dtype("<i4"), "earned": np.dtype("<u4"), "streak": np.dtype("<u2"), "check_ins": np.dtype("<u2"), "check_in_days": np.dtype("<u2"),
    "orders": np.dtype("<u2"), "order_days": np.dtype("<u2"), "invited": np.dtype("<u2"), "thanks": np.dtype("<u2"), "featured": np.dtype("<u2"),
    "mood": np.dtype("<u2"), "churn": np.dtype("<u2"), "koc": np.dtype("<u2"), "staff": np.dtype("u1"), "customer": np.dtype("u1"),
    "reachable": np.dtype("u1"), "opted_out": np.dtype("u1"),
}  # fmt: skip
"""The columns: days are counted from 2000-01-01 (0 never), shares in 65,534ths from 1 (0 not known)."""
LAYOUT = f"{crc32(repr([(name, kind.str) for name, kind in COLUMNS.items()]).encode()):08x}"
"""Names the columns: with a new one everybody is looked at anew at once. A column whose kind changes gets another name, for its values cannot be read."""
_DAYS = frozenset({"spoke", "joined", "check_in_days", "order_days"})
_SHARED = frozenset({"mood", "churn", "koc"})
_BEHIND: Mapping[str, tuple[str, ...]] = {
    "silent_days": ("spoke",), "active_days": (), "tag": (), "group": (),
    **dict.fromkeys(("stage", "layer", "trust"), ("spoke", *(name for name in DOINGS if name not in ("silent_days", "active_days")))),
}  # fmt: skip
"""The columns that a trait is worked out from; of one that is not named here, its own."""
_BY_PRESENCE = frozenset({"silent_days", "active_days", "stage", "layer", "trust"})
_WORDS = {"stage": stages, "layer": layers, "trust": trusts}

Fact = int | float | bool | date | None
Facts = Mapping[str, Fact]
"""What is known anew of a member, by column; ``spoke``, ``joined``, ``check_in_days`` and ``order_days`` are days. What is not named stays."""


class Traits:
    """The columns of every community."""

    PERSONAL = Personal(
        "画像",
        "分群推送用的数：等级、积分、多久没来",
        (keys.TRAIT_SEATS, keys.TRAIT_SEATS_NEXT, keys.TRAIT_COLUMN, keys.TRAIT_ROUND),
        what="由别处的数据算出来的几十个数",
        erasing="全部清空",
        passing=(keys.TRAIT_SEATS,),
        passing_why="只是他的数排在第几个",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seat = Script("seat_members")

    # Writing ------------------------------------------------------------------------------------------------------------

    def write(self, where: CommunityKeys, facts: Mapping[int, Facts]) -> None:
        """Puts what is known of members into their columns. Who is new gets a seat. Three round trips for every 500 of them; doing it again changes nothing.

        Whoever was erased stays so, also where that happens while he is written.
        """
        numbers = list(facts)
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            seats = self._seats(where, some)
            self._database.pipeline(
                self._at(where, column, seat, _packed(column, value))
                for number, seat in zip(some, seats, strict=True)
                for column, value in {"number": number, **facts[number]}.items()
                if seat != ERASED
            )
            now = self._seats(where, some)
            for seat in (before for before, after in zip(seats, now, strict=True) if after == ERASED != before):
                self._empty(where, seat)

    def put(self, where: CommunityKeys, members: NDArray[np.uint32], scores: Mapping[str, NDArray[np.float64]]) -> None:
        """Puts scores (``churn``, ``koc``: 0–1, NaN not known) of members in; those without a seat are passed over, others keep what they have."""
        order = np.argsort(members)
        known = members[order]
        if not len(known):
            return
        size = self.size(where)
        for first in range(0, size, BLOCK):
            seated, *kept = self._read(where, ("number", *scores), first, min(BLOCK, size - first))
            at = np.minimum(np.searchsorted(known, seated), len(known) - 1)
            hits = (known[at] == seated) & (seated > 0)
            if hits.any():
                for column, values in zip(kept, scores.values(), strict=True):
                    column[hits] = _shares(values[order][at[hits]])
                self._database.pipeline(
                    ("SETRANGE", self._key(where, name, first // BLOCK), 0, column.tobytes())
                    for name, column in zip(scores, kept, strict=True)
                )
                # The columns went back whole: who was erased since they were read would have his scores again.
                [after] = self._read(where, ("number",), first, len(seated))
                for seat in np.flatnonzero((seated > 0) & (after == 0)):
                    self._empty(where, first + int(seat))

    # The round of a day ---------------------------------------------------------------------------------------------------

    def begin_round(self, where: CommunityKeys) -> None:
        """Has everybody of a community be looked at anew, whether he was today or not."""
        self._database.command("DEL", keys.TRAIT_ROUND(shard=where.shard, community=where.id))

    def rounds(self, days: Mapping[CommunityKeys, date]) -> dict[CommunityKeys, str]:
        """The communities whose round of their day is not over, with how far it is; one round trip for all."""
        kept = self._database.pipeline(("GET", keys.TRAIT_ROUND(shard=where.shard, community=where.id)) for where in days)
        found = {}
        for (where, day), mark in zip(days.items(), kept, strict=True):
            begun, _, cursor = (mark or "|").partition("|")
            if begun != _round_of(day):
                found[where] = "0"
            elif cursor:
                found[where] = cursor
        return found

    def next_of_round(self, where: CommunityKeys, cursor: str, most: int) -> tuple[list[int], str]:
        """The next members of a round, about ``most``, and how far it is with them, '' at its end. Some may come twice; who comes meanwhile perhaps not."""
        after, flat = self._database.command("HSCAN", keys.MEMBERS(shard=where.shard, community=where.id), cursor, "COUNT", most)
        return [int(number) for number in flat[::2] if number.isdigit()], "" if int(after) == 0 else str(after)

    def note_round(self, where: CommunityKeys, day: date, cursor: str) -> None:
        """Notes how far the round of a day is, '' over."""
        self._database.command("SET", keys.TRAIT_ROUND(shard=where.shard, community=where.id), f"{_round_of(day)}|{cursor}")

    def without_seat(self, where: CommunityKeys, members: Sequence[int]) -> list[int]:
        """Those of the members who have no row yet; one round trip."""
        part = {"shard": where.shard, "community": where.id}
        asked = [("HEXISTS", keys.TRAIT_SEATS(**part, bucket=number // BUCKET), number % BUCKET) for number in members]
        return [number for number, has in zip(members, self._database.pipeline(asked), strict=True) if not has]

    # Reading ------------------------------------------------------------------------------------------------------------

    def size(self, where: CommunityKeys) -> int:
        """How many seats were given; one round trip."""
        return int(self._database.command("GET", keys.TRAIT_SEATS_NEXT(shard=where.shard, community=where.id)) or 0)

    def blocks(
        self,
        where: CommunityKeys,
        traits: Collection[str],
        names: Collection[tuple[str, str]],
        day: date,
        after: int = 0,
        most: int = BLOCK,
    ) -> Iterator[tuple[int, Block]]:
        """The members who are here, in the order of their seats, with the traits and names asked for as they stand on a day.

        Each block comes with the mark to continue ``after``; it has at most ``most`` seats. Whole blocks share what is live, a bit a
        member and day; smaller ones read of it what they need.
        """
        size = self.size(where)
        if after >= size:
            return
        live = self._live(where, traits, names, day, *_WHOLE) if most >= BLOCK else None
        while after < size:
            end = min(size, after + most, (after // BLOCK + 1) * BLOCK)
            own = live or self._live(where, traits, names, day, *self._span(where, after, end))
            yield end, self._block(where, after, end, traits, own)
            after = end

    def of(self, where: CommunityKeys, number: int, day: date) -> Block | None:
        """What is known of one member, as a block of him alone; None where he has no seat or is not here. Three round trips."""
        bucket, place = divmod(number, BUCKET)
        seat = self._database.command("HGET", keys.TRAIT_SEATS(shard=where.shard, community=where.id, bucket=bucket), place)
        if seat is None or int(seat) == ERASED:
            return None
        live = self._live(where, TRAITS, (), day, number // 8, number // 8)
        found = self._block(where, int(seat), int(seat) + 1, TRAITS, live)
        return found if len(found.members) else None

    def in_group(self, where: CommunityKeys, group: str, members: Sequence[int]) -> list[int]:
        """Those of some members who are in a group; one round trip."""
        here = keys.HERE(shard=where.shard, community=place_of(where.id, group))
        bits = self._database.pipeline(("GETBIT", here, member) for member in members)
        return [member for member, bit in zip(members, bits, strict=True) if bit]

    def _span(self, where: CommunityKeys, first: int, end: int) -> tuple[int, int]:
        """The first and last byte of bitmaps in which the members of some seats stand; one round trip."""
        [numbers] = self._read(where, ("number",), first, end - first)
        there = numbers[numbers > 0]
        return (int(there.min()) // 8, int(there.max()) // 8) if len(there) else (0, 0)

    def _live(
        self, where: CommunityKeys, traits: Collection[str], names: Collection[tuple[str, str]], day: date, first: int, last: int
    ) -> _Live:  # fmt: skip
        """What a question about a day needs besides columns; of bitmaps the bytes from ``first`` to ``last``. A round trip, and some for each tag."""
        part = {"shard": where.shard, "community": where.id}
        days = [day - timedelta(days=back) for back in range(ACTIVE_DAYS)] if not _BY_PRESENCE.isdisjoint(traits) else []
        groups = [name for trait, name in names if trait == "group"]
        wanted = [
            keys.HERE(**part), keys.EVER(**part), *(keys.ACTIVE(**part, day=one.isoformat()) for one in days),
            *(keys.HERE(shard=where.shard, community=place_of(where.id, name)) for name in groups),
        ]  # fmt: skip
        here, ever, *rest = [np.frombuffer(raw, np.uint8) for raw in self._database.read_parts([(key, first, last) for key in wanted])]
        tags = {name: _tagged(self._database, keys.TAGGED(**part, tag=name))[first:] for trait, name in names if trait == "tag"}
        return _Live(day, first, here, ever, rest[: len(days)], dict(zip(groups, rest[len(days) :], strict=True)), tags)

    def _block(self, where: CommunityKeys, first: int, end: int, traits: Collection[str], live: _Live) -> _Block:
        wanted = tuple({"number", "spoke", *(column for trait in traits for column in _BEHIND.get(trait, (trait,)))})
        columns = dict(zip(wanted, self._read(where, wanted, first, end - first), strict=True))
        numbers = columns["number"]
        spots = live.spots(numbers)
        here = (numbers > 0) & (spots.bits(live.here) | ((columns["spoke"] > 0) & ~spots.bits(live.ever)))
        return _Block(columns if here.all() else {name: column[here] for name, column in columns.items()}, live)

    def _read(self, where: CommunityKeys, columns: Sequence[str], first: int, count: int) -> list[NDArray[Any]]:
        """Values of some columns from a seat on, within its block; one round trip."""
        block, at = divmod(first, BLOCK)
        sizes = [COLUMNS[name].itemsize for name in columns]
        raw = self._database.read_parts(
            [(self._key(where, name, block), at * size, (at + count) * size - 1) for name, size in zip(columns, sizes, strict=True)]
        )
        return [_padded(part, COLUMNS[name], count) for part, name in zip(raw, columns, strict=True)]

    # Persons ------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's values in each community, as numbers."""
        return {
            where.id: {
                name: int(column[0])
                for name, column in zip(COLUMNS, self._read(where, list(COLUMNS), seat, 1), strict=True)
                if name != "number"
            }
            for where, _, seat in self._seats_of(number)
        }

    def erase_user(self, number: int) -> str:
        """Empties the member's values. His seats stay empty and are never his again, whatever is written of him later."""
        gone = 0
        for where, bucket, seat in self._seats_of(number):
            self._database.command("HSET", bucket, number % BUCKET, ERASED)
            self._empty(where, seat)
            gone += 1
        return f"已清空 {gone} 个社群里的画像"

    def _empty(self, where: CommunityKeys, seat: int) -> None:
        self._database.pipeline(self._at(where, name, seat, bytes(kind.itemsize)) for name, kind in COLUMNS.items())

    def _seats_of(self, number: int) -> Iterator[tuple[CommunityKeys, str, int]]:
        for where in communities_with(self._database, keys.TRAIT_SEATS_NEXT):
            bucket = keys.TRAIT_SEATS(shard=where.shard, community=where.id, bucket=number // BUCKET)
            seat = self._database.command("HGET", bucket, number % BUCKET)
            if seat is not None and int(seat) != ERASED:
                yield where, bucket, int(seat)

    def _seats(self, where: CommunityKeys, numbers: Sequence[int]) -> list[int]:
        part = {"shard": where.shard, "community": where.id}
        asked = [keys.TRAIT_SEATS_NEXT(**part), *(keys.TRAIT_SEATS(**part, bucket=number // BUCKET) for number in numbers)]
        return list(map(int, self._database.act(self._seat, asked, [number % BUCKET for number in numbers])))

    def _at(self, where: CommunityKeys, column: str, seat: int, value: bytes) -> tuple[str, str, int, bytes]:
        block, at = divmod(seat, BLOCK)
        return "SETRANGE", self._key(where, column, block), at * COLUMNS[column].itemsize, value

    @staticmethod
    def _key(where: CommunityKeys, column: str, block: int) -> str:
        return keys.TRAIT_COLUMN(shard=where.shard, community=where.id, column=column, block=block)


@dataclass(frozen=True, slots=True)
class _Live:
    """What is read once for a question, whatever the number of its blocks: bitmaps by member number from the ``first`` byte on, and who is in a set."""

    day: date
    first: int
    here: NDArray[np.uint8]
    ever: NDArray[np.uint8]
    presence: Sequence[NDArray[np.uint8]]
    """Who spoke, by day, today first."""
    groups: Mapping[str, NDArray[np.uint8]]
    tags: Mapping[str, NDArray[np.uint8]]

    def spots(self, numbers: NDArray[np.uint32]) -> _Spots:
        """Where some members stand in the bitmaps."""
        at = (numbers >> 3).astype(np.intp) - self.first
        return _Spots(at, np.right_shift(128, numbers & 7).astype(np.uint8), int(at.max(initial=0)))


@dataclass(frozen=True, slots=True)
class _Spots:
    """Where members stand in bitmaps by member number: bytes, and the bits in them."""

    at: NDArray[np.intp]
    mask: NDArray[np.uint8]
    top: int

    def bits(self, bitmap: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whose bits are set in a bitmap as Redis keeps it."""
        if not len(bitmap):
            return np.zeros(len(self.at), np.bool_)
        found: NDArray[np.bool_] = (bitmap.take(self.at, mode="clip") & self.mask) != 0
        return found if self.top < len(bitmap) else found & (self.at < len(bitmap))


@dataclass(frozen=True)
class _Block:
    """See :class:`rules.traits.Block`."""

    columns: Mapping[str, NDArray[Any]]
    live: _Live = field(repr=False)

    @property
    def members(self) -> NDArray[np.uint32]:
        """Their numbers."""
        return self.columns["number"]

    def number(self, trait: str) -> NDArray[np.float64]:
        """A number, a share, or days ago."""
        if trait == "active_days":
            return self._presence[0].astype(np.float64)
        if trait == "silent_days":
            return np.minimum(self._presence[1], self._ago("spoke"))
        if trait in _DAYS:
            return self._ago(trait)
        if trait in _SHARED:
            kept = self.columns[trait].astype(np.float64)
            return np.where(kept == 0, np.nan, (kept - 1) / _SHARES)
        return np.asarray(self.columns[trait], np.float64)

    def word(self, trait: str) -> NDArray[np.uint8]:
        """The code of a word."""
        return _WORDS[trait](self._doings)

    def flag(self, trait: str) -> NDArray[np.bool_]:
        """Whether it is so."""
        found: NDArray[np.bool_] = self.columns[trait] != 0
        return found

    def within(self, trait: str, name: str) -> NDArray[np.bool_]:
        """Whether a name is among those of a set."""
        return self._spots.bits(self.live.tags[name] if trait == "tag" else self.live.groups[name])

    @cached_property
    def _doings(self) -> Doings:
        return Doings.of(self)

    @cached_property
    def _spots(self) -> _Spots:
        return self.live.spots(self.members)

    @cached_property
    def _presence(self) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """On how many of the last days they spoke, and how many days ago last."""
        active, silent = np.zeros(len(self.members), np.uint8), np.full(len(self.members), float(NEVER))
        for back, bitmap in reversed(list(enumerate(self.live.presence))):
            spoke = self._spots.bits(bitmap)
            active += spoke
            np.copyto(silent, back, where=spoke)
        return active, silent

    def _ago(self, column: str) -> NDArray[np.float64]:
        days = self.columns[column].astype(np.float64)
        return np.where(days == 0, float(NEVER), np.clip((self.live.day - _EPOCH).days - days, 0, NEVER - 1))


def _round_of(day: date) -> str:
    return f"{LAYOUT}/{day.isoformat()}"


def _packed(column: str, value: Fact) -> bytes:
    """A value as it stands in its column; what is too large for it is as large as there can be."""
    kind = COLUMNS[column]
    if column in _DAYS:
        kept = min(max((value - _EPOCH).days, 1), 65_535) if isinstance(value, date) else 0
    elif column in _SHARED:
        kept = 0 if value is None or isinstance(value, date) else int(_shares(np.array([float(value)]))[0])
    elif value is None or isinstance(value, date):
        raise TypeError(f"{column} is a number")
    else:
        kept = min(max(int(value), np.iinfo(kind).min), np.iinfo(kind).max)
    return np.array([kept], kind).tobytes()


def _shares(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    known = np.rint(np.clip(np.nan_to_num(values), 0, 1) * _SHARES) + 1
    return np.where(np.isnan(values), 0, known).astype(np.uint16)


def _padded(raw: bytes, kind: np.dtype[Any], count: int) -> NDArray[Any]:
    """So many values of raw bytes, 0 where there are too few; free to be changed."""
    values = np.zeros(count, kind)
    found = np.frombuffer(raw[: len(raw) // kind.itemsize * kind.itemsize], kind)[:count]
    values[: len(found)] = found
    return values


def _tagged(database: Database, key: str) -> NDArray[np.uint8]:
    """Who is in an index, as a bitmap; read a page at a time."""
    pages: list[NDArray[np.int64]] = []
    while page := database.command("ZRANGE", key, len(pages) * _PAGE, (len(pages) + 1) * _PAGE - 1):
        pages.append(np.array(page, dtype=np.int64))
    if not pages:
        return np.zeros(0, np.uint8)
    numbers = np.concatenate(pages)
    bits = np.zeros(int(numbers.max()) + 1, np.bool_)
    bits[numbers] = True
    return np.packbits(bits)
