"""Data of older layouts, brought into the present one at the first start of a newer program. Each step may be repeated, and by several at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from rules.contents import KINDS, WORDS, ContentProblem, split, to_items
from storage import keys
from storage.cases import convert_cases
from storage.check_ins import CheckIns
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.content import MOST_VERSIONS, ContentStore, Outdated
from storage.directory import Directory
from storage.ledger import digest_of, rows_key
from storage.moment import from_ms
from storage.tallies import ALL, COUNTS_LIFE_MS, NEW

_PAGE = 5_000
_REASONS = {"签到": "check_in"}


class _Whole(msgspec.Struct, frozen=True):
    """A version of content as layout 1 kept it: the whole file."""

    text: str
    by: str
    at: datetime


OnPart = Callable[[int, int], None]
"""Hears how many parts of how many of a step are done."""
OnStep = Callable[["Step"], AbstractContextManager[OnPart]]
"""Is entered for each step, and gives what hears of its parts."""


@dataclass(frozen=True, slots=True)
class Step:
    """What brings data to layout ``to``, from the one before; in Chinese what it does. May be repeated, whole or cut short, and by several at once."""

    to: int
    title: str
    take: Callable[[Database, OnPart], None] = field(repr=False)


@contextmanager
def unseen(_step: Step) -> Iterator[OnPart]:
    """Nobody looks on."""
    yield lambda done, total: None


def convert(database: Database, version: int, on_step: OnStep = unseen) -> None:
    """Brings data of a layout into the present one, step by step; each that is done is noted, so that a killed process's work goes on behind it."""
    for step in due(version):
        with on_step(step) as on_part:
            step.take(database, on_part)
        database.command("HSET", keys.SCHEMA(), "version", step.to)


def due(version: int) -> tuple[Step, ...]:
    """The steps from a layout to the present one."""
    return tuple(step for step in STEPS if step.to > version)


def _ledger(database: Database, on_part: OnPart) -> None:
    for where in list(communities_with(database, keys.LEDGER_V2)):
        _ledger_by_members(database, where, on_part)
    CheckIns(database).convert()


def _words_and_cases(database: Database, _on_part: OnPart) -> None:
    _words_by_rows(database)
    convert_cases(database)


def _figures_by_places(database: Database, on_part: OnPart) -> None:
    """Layout 5 counted days of communities only: what is counted where is noted, members as they were first seen, and who spoke in any of a shard."""
    spoke: dict[tuple[int, str], list[str]] = defaultdict(list)
    for key in list(database.scan("qb:{*}:*:active:*")):
        shard, place, day = _of_day(key, ":active:")
        if place != ALL and "/" not in place:
            spoke[shard, day].append(key)
    for (shard, day), found in spoke.items():
        whole = keys.ACTIVE(shard=shard, community=ALL, day=day)
        database.pipeline([("BITOP", "OR", whole, whole, *found), ("PEXPIRE", whole, COUNTS_LIFE_MS)])
    newest: dict[str, str] = {}
    for key in list(database.scan("qb:{*}:*:counts:????-??-??")):
        shard, place, day = _of_day(key, ":counts:")
        newest[place] = max(newest.get(place, day), day)
        begun = database.command("HGET", keys.PLACES(shard=shard), place)
        if not begun or day < begun:
            database.command("HSET", keys.PLACES(shard=shard), place, day)
    places = [where for where in communities_with(database, keys.MEMBERS) if where.id in newest]
    for done, where in enumerate(places, 1):
        _members_by_days(database, where, newest[where.id])
        on_part(done, len(places))


def _members_by_days(database: Database, where: CommunityKeys, newest: str) -> None:
    """Who was first seen in a community came on that day; of whom that is not known any more, it is known that he is there."""
    part = {"shard": where.shard, "community": where.id}
    flat = database.command("HGETALL", keys.MEMBERS(**part))
    begun = database.command("HGET", keys.PLACES(shard=where.shard), where.id) or newest
    come: dict[str, list[int]] = defaultdict(list)
    for number, seen in zip(flat[::2], flat[1::2], strict=True):
        day = where.day_of(from_ms(int(seen))).isoformat() if seen.isdigit() else newest
        come[max(day, begun)].append(int(number))
    for day, members in come.items():
        counts, new = keys.COUNTS(**part, day=day), keys.MARKS(**part, mark=NEW, day=day)
        name = "came" if day > begun else "found"
        bits = [("SETBIT", family(**part), number, 1) for number in members for family in (keys.EVER, keys.HERE)]
        bits += [("SETBIT", keys.EVER(shard=where.shard, community=ALL), number, 1) for number in members]
        bits += [("SETBIT", new, number, 1) for number in members if name == "came"]
        lives = [("PEXPIRE", counts, COUNTS_LIFE_MS), ("PEXPIRE", new, COUNTS_LIFE_MS)]
        database.pipeline([*bits, ("HSET", counts, name, len(members)), *lives])


def _of_day(key: str, between: str) -> tuple[int, str, str]:
    shard, rest = key.removeprefix("qb:{").split("}:", 1)
    place, _, day = rest.rpartition(between)
    return int(shard), place, day


def _words_by_rows(database: Database) -> None:
    """Layout 4 kept the word list as one file: now each word and each allowed phrase is an item."""
    store = ContentStore(database)
    version, present = store.snapshot(WORDS.name)
    head = store.head(WORDS.name, version)
    if "" not in present or head is None:
        return
    with suppress(Outdated):  # another process is a step ahead: it puts in the same
        rows = _items(WORDS.name, present[""])
        store.put(WORDS.name, {"": None, **rows}, head.author, head.at, note="按词保存", once="layout-4", expect=version)


def _ledger_by_members(database: Database, where: CommunityKeys, on_part: OnPart) -> None:
    """Layout 2 kept the ledger in one stream, and of each member the newest rows: now each member has all of his, and the stream goes.

    What was earned then counts for levels and never lapses; the boards of the day, the week and the month begin anew.
    """
    rows: dict[str, list[str]] = defaultdict(list)
    sums: dict[str, int] = defaultdict(int)
    for entry in _entries(database, keys.LEDGER_V2(shard=where.shard, community=where.id)):
        member, reason = entry["to"], _REASONS.get(entry["reason"], entry["reason"])
        rows[member].append(f"{int(entry['t']) // 1000}|{entry['n']}||{reason}||{digest_of(entry['once'])[:8]}|")
        sums[member] += int(entry["n"])
    convert_rows, board = Script("convert_points"), keys.BOARD_ALL(shard=where.shard, community=where.id)
    for done, (member, kept) in enumerate(rows.items(), 1):
        on_part(done, len(rows))
        whole = f"0|{sums[member]}||erased|||"
        database.act(convert_rows, [rows_key(where, int(member)), board], [member, sums[member], whole, *kept])
    database.command("UNLINK", keys.LEDGER_V2(shard=where.shard, community=where.id))


def _entries(database: Database, key: str) -> Iterator[dict[str, Any]]:
    """What stands in a stream, the oldest first."""
    start = "-"
    while page := database.command("XRANGE", key, start, "+", "COUNT", _PAGE):
        yield from (pairs(flat) for _, flat in page)
        start = f"({page[-1][0]}"


def _content_by_items(database: Database, _on_part: OnPart) -> None:
    """Layout 1 kept whole files by version: the newest are put in again, one after the other, as changes of items."""
    flat = database.command("HGETALL", keys.CONTENT_V1_NEWEST())
    for kind, newest in zip(flat[::2], map(int, flat[1::2]), strict=True):
        numbers = range(max(1, newest - MOST_VERSIONS + 1), newest + 1)
        for number in numbers:
            kept = database.command("HGET", keys.CONTENT_V1(kind=kind), number)
            if kept:
                _put_again(ContentStore(database), kind, number, msgspec.json.decode(kept, type=_Whole))
    database.command("UNLINK", keys.CONTENT_V1_NEWEST(), *[keys.CONTENT_V1(kind=kind) for kind in flat[::2]])


def _put_again(store: ContentStore, kind: str, number: int, whole: _Whole) -> None:
    wanted = _items(kind, whole.text)
    version, present = store.snapshot(kind)
    changes: dict[str, str | None] = {id: None for id in present if id not in wanted}
    with suppress(Outdated):  # another process is a step ahead: it puts in the same
        store.put(kind, {**wanted, **changes}, whole.by, whole.at, once=f"layout-1:{number}", expect=version)


def _items(kind: str, text: str) -> dict[str, str]:
    """The items of a file, also of one that today's rules would refuse: it is in force, so it stays."""
    if kind not in KINDS:
        return {"": text}
    try:
        return to_items(KINDS[kind], text)
    except ContentProblem:
        return split(KINDS[kind], text)


STEPS = (
    Step(2, "内容按条目保存，每次修改一个版本", _content_by_items),
    Step(3, "积分账按成员保存，签到记录带上补签", _ledger),
    Step(4, "名字可以按摘要查找", lambda database, _on_part: Directory(database).convert()),
    Step(5, "词库按词保存，案件有处理经过", _words_and_cases),
    Step(6, "每天的数字按群统计，成员分来和走", _figures_by_places),
)
"""Every layout there was, in order. A new one is a step at the end; what older programs left in kept fixtures (tests/data/layouts) has to come out right."""
