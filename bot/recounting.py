"""The book of days held against the event log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from bot.communities import Communities
from rules.figures import Day, Kept, Where
from rules.recount import UNTOLD, Told, retell
from storage.stores import Stores

DEPENDS_ON_ALL = ("came", "found", "gone", "responded")
"""Counters that can be counted again only where the log goes back to a place's first day."""


def recount(
    stores: Stores, communities: Communities, first: date, last: date, *, community: str = "", whole: date | None = None
) -> Iterator[str]:
    """Every figure from ``first`` to ``last`` that the log tells otherwise than the book, in Chinese; of one community, or of all.

    What looks back – who is new, who stayed, how many in a month – is compared where the log goes back to a place's first day; ``whole`` is the
    first day of which it tells everything, None for the first of all (:func:`told_from`).
    """
    tales = retell(_told(stores, communities))
    begins = stores.daybook.begins()
    wanted = [where for where in tales if not community or where.community == community]
    book = stores.daybook.many(wanted, first, last, last)
    closed = stores.daybook.closed(wanted)
    for where in wanted:
        begun = begins.get(where) if where.community else min(begins.values(), default=whole)
        is_whole = whole is None or (begun is not None and begun >= whole)
        for kept in book[where]:
            told = tales[where].day(kept.day, closed[where])
            yield from _unlike(where, kept, told, is_whole=is_whole)


def told_from(stores: Stores, communities: Communities, today: date, kept_days: int) -> date | None:
    """The first day of which the log still tells everything, None where it goes back to the beginning. Two round trips.

    ``kept_days`` is how long the log keeps what happened; each shard has a log of its own, and the shortest decides.
    """
    begun, oldest = stores.daybook.begins_in(), stores.events.begins()
    late = []
    for shard, first in begun.items():
        at = oldest.get(shard)
        told = at.astimezone(communities.of_home("").zone).date() if at else today - timedelta(days=kept_days)
        if first < told:
            late.append(told + timedelta(days=1))
    return max(late, default=None)


def _told(stores: Stores, communities: Communities) -> Iterator[Told]:
    for entry in stores.events.read():
        local = entry.at.astimezone(communities.named(entry.community).zone)
        yield Told(entry.at, local.date(), local.hour, entry.kind, entry.community, entry.member, entry.data)


def _unlike(where: Where, kept: Day, told: Day, *, is_whole: bool) -> Iterator[str]:
    place = "/".join(filter(None, (where.community, where.chat))) or "全部"
    skipped = () if is_whole else DEPENDS_ON_ALL
    for name in sorted({*kept.counts, *told.counts}):
        if name.startswith(UNTOLD) or name in skipped:
            continue
        if (mine := kept.counts.get(name, 0)) != (theirs := told.counts.get(name, 0)):
            yield f"{kept.day} {place} {name}：账上 {mine}，事件记录 {theirs}"
    pairs: list[tuple[str, object, object]] = [
        ("说过话的人", kept.spoke.day, told.spoke.day),
        ("参与的人", kept.took_part.day, told.took_part.day),
    ]
    if is_whole:
        pairs = [
            ("说过话的人", kept.spoke, told.spoke), ("参与的人", kept.took_part, told.took_part), ("成员", kept.members, told.members),
            ("新人", kept.new, told.new), ("回来的新人", _some(kept.returned), _some(told.returned)), ("留下的人", _some(kept.stayed), _some(told.stayed)),
        ]  # fmt: skip
    for name, one, other in pairs:
        if one != other:
            yield f"{kept.day} {place} {name}：账上 {one}，事件记录 {other}"


def _some(kept: Mapping[int, Kept]) -> dict[int, Kept]:
    return {n: pair for n, pair in kept.items() if pair.of}
