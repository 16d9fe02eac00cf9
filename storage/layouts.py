"""Data of older layouts, brought into the present one at the first start of a newer program. Each step may be repeated, and by several at once."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import msgspec

from rules.contents import KINDS, ContentProblem, split, to_items
from storage import keys
from storage.connection import Database
from storage.content import MOST_VERSIONS, ContentStore, Outdated


class _Whole(msgspec.Struct, frozen=True):
    """A version of content as layout 1 kept it: the whole file."""

    text: str
    by: str
    at: datetime


def convert(database: Database, version: int) -> None:
    """Brings data of a layout into the present one."""
    if version < 2:
        _content_by_items(database)


def _content_by_items(database: Database) -> None:
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
