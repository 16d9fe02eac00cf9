"""Operators' content – FAQ, word lists, texts, pushes – kept by items; every change is a version that can be shown and taken back.

A kind is a set of items, id → text: an entry of the FAQ is an item (its JSON), and a kind that is one document has the single item "". Items
keep the order of their first appearance, also one that is taken away and put back. Up to MOST_AT_ONCE changes are one act. More are written
aside in small pieces and then take the place of what was in force, by one act that only renames: Redis is never held up for long, and
whoever dies halfway leaves nothing but keys that expire.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

MOST_AT_ONCE = 500
"""Changes that are one act; with BYTES_AT_ONCE some 5 ms of Redis."""
BYTES_AT_ONCE = 512 * 1024
MOST_VERSIONS = 500
"""Versions of a kind that are kept, as long as they hold no more than MOST_KEPT changes together."""
MOST_KEPT = 400_000
MOST_TOLD = 5_000
"""Changes that :meth:`ContentStore.changes_since` tells one by one."""
MOST_TRIES = 20
ONCE_LIFE_MS = 7 * 86_400_000
STAGED_LIFE_MS = 3_600_000

STARTING = "起始内容"
"""Whom the first version of each kind is by."""

_PAGE = 500


class Outdated(Exception):
    """Somebody else changed the content meanwhile: ``version`` is in force now. Look again, then decide anew."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} is in force")
        self.version = version


class ChangedSince(Exception):
    """A version cannot be taken back: ``ids`` are the items it changed that were changed again later."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"{len(ids)} items were changed since")
        self.ids = tuple(ids)


class Forgotten(LookupError):
    """What changed cannot be told from the versions that are kept: read all items."""


class NoSuchVersion(LookupError):
    """A version that never was, or is not kept any more."""


@dataclass(frozen=True, slots=True)
class Version:
    """A change of content: its number, who made it, when, why, and how many items it changed."""

    number: int
    author: str
    at: datetime
    note: str
    count: int


@dataclass(frozen=True, slots=True)
class Change:
    """One item's text before and after a version; None where there was, or is, none."""

    id: str
    before: str | None
    after: str | None


class _Head(msgspec.Struct, frozen=True):
    """A version as it is kept; ``changes`` names the key that holds what it changed."""

    by: str
    at: datetime
    note: str
    changes: str
    n: int = 0


@dataclass(frozen=True, slots=True)
class _Placed:
    """An item and its place in the order."""

    place: int
    text: str

    @property
    def kept(self) -> str:
        return f"{self.place}|{self.text}"


@dataclass(frozen=True, slots=True)
class _Put:
    """What is asked for: changes by id (None: away; a place is kept where one is given), and by whom."""

    kind: str
    changes: Mapping[str, _Placed | None]
    head: _Head
    once: str
    on_progress: Callable[[int, int], None]


class ContentStore:
    """The items of every kind of content, and the versions they went through."""

    PERSONAL = Personal(
        "内容",
        "运营者写的问答、话术、规则",
        (keys.CONTENT_NEWEST, keys.CONTENT_ITEMS, keys.CONTENT_HISTORY, keys.CONTENT_CHANGES, keys.CONTENT_STAGED, keys.CONTENT_ONCE),
        what="改内容的人的编号",
        erasing="不删除",
        stays=(keys.CONTENT_HISTORY,),
        stays_why="内容是社群的，版本记录里的编号不再指向任何人",
        passing=(
            keys.CONTENT_HISTORY,
            keys.CONTENT_ITEMS,
            keys.CONTENT_CHANGES,
            keys.CONTENT_NEWEST,
            keys.CONTENT_STAGED,
            keys.CONTENT_ONCE,
        ),
        passing_why="内容是社群的",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._put = Script("content_put")
        self._swap = Script("content_swap")

    # Reading ------------------------------------------------------------------------------------------------------------

    def versions(self) -> dict[str, int]:
        """Kind → number of the version in force; one small round trip, for watchers."""
        flat = self._database.command("HGETALL", keys.CONTENT_NEWEST())
        return {kind: int(number) for kind, number in zip(flat[::2], flat[1::2], strict=True)}

    def items(self, kind: str) -> dict[str, str]:
        """Item id → text of what is in force, in the order of first appearance."""
        return self.snapshot(kind)[1]

    def items_of(self, kinds: Sequence[str]) -> dict[str, dict[str, str]]:
        """Kind → what :meth:`items` gives of it; one round trip for all kinds that have no more than a page of items."""
        answers = self._database.pipeline([command for kind in kinds for command in _first_page(kind)])
        return {kind: _texts(self._read(kind, answers[3 * at : 3 * at + 3])[1]) for at, kind in enumerate(kinds)}

    def snapshot(self, kind: str) -> tuple[int, dict[str, str]]:
        """The number of the version in force (0: none yet) and its items."""
        version, placed = self._read(kind)
        return version, _texts(placed)

    def find(self, kind: str, ids: Sequence[str]) -> dict[str, str]:
        """Those of the named items that there are; a page is one round trip."""
        return {id: item.text for id, item in self._find(kind, ids).items() if item}

    def changes_since(self, kind: str, version: int) -> tuple[int, dict[str, str | None]]:
        """The number of the version in force, and the present text (None: gone) of every item that was changed since ``version``.

        Raises :class:`Forgotten` when there are more than MOST_TOLD, or the versions between are not kept any more.
        """
        newest = self._newest(kind)
        if newest == version:
            return newest, {}
        if not 0 < version < newest or newest - version > MOST_VERSIONS:
            raise Forgotten
        heads = self._heads(kind, range(version + 1, newest + 1))
        if len(heads) < newest - version or sum(head.n for head in heads.values()) > MOST_TOLD:
            raise Forgotten
        names = self._database.pipeline([("HKEYS", keys.CONTENT_CHANGES(kind=kind, change=head.changes)) for head in heads.values()])
        ids = list(dict.fromkeys(name[1:] for named in names for name in named))
        return newest, {id: item.text if item else None for id, item in self._find(kind, ids).items()}

    def history(self, kind: str, count: int) -> list[Version]:
        """The newest versions, newest first."""
        newest = self._newest(kind)
        heads = self._heads(kind, range(newest, max(0, newest - count), -1))
        return [_version(number, head) for number, head in heads.items()]

    def head(self, kind: str, number: int) -> Version | None:
        """A version without what it changed; None when it is not kept."""
        found = self._heads(kind, [number]).get(number)
        return _version(number, found) if found else None

    def newest(self) -> dict[str, Version]:
        """Kind → the version in force without what it changed, for every kind that has one; two round trips."""
        newest = list(self.versions().items())
        kept = self._database.pipeline([("HGET", keys.CONTENT_HISTORY(kind=kind), number) for kind, number in newest])
        rows = zip(newest, kept, strict=True)
        return {kind: _version(number, msgspec.json.decode(text, type=_Head)) for (kind, number), text in rows if text}

    def version(self, kind: str, number: int) -> tuple[Version, list[Change]]:
        """A version and everything it changed. Raises :class:`NoSuchVersion`."""
        head, changes = self._changes(kind, number)
        told = [Change(id, before.text if before else None, after.text if after else None) for id, (before, after) in changes.items()]
        return _version(number, head), told

    # Writing ------------------------------------------------------------------------------------------------------------

    def put(
        self,
        kind: str,
        changes: Mapping[str, str | None],
        author: str,
        now: datetime,
        *,
        note: str = "",
        once: str = "",
        expect: int | None = None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> int:
        """Changes items (None takes one away), in force at once; gives the number of the version, the one in force when nothing differs.

        A repeat with the same ``once`` gives the first number. ``expect`` is the version that the changes were decided on: raises
        :class:`Outdated` when another is in force. ``on_progress`` hears how many of how many pieces of a large change are written.
        """
        return self._write(_Put(kind, _placed_last(changes), _head(author, now, note), once, on_progress), expect)

    def made(self, kind: str, once: str) -> int:
        """The version in force after the change that was made with ``once``; 0 when there was none in the last seven days."""
        return int(self._database.command("GET", keys.CONTENT_ONCE(kind=kind, id=once)) or 0) if once else 0

    def take_in(self, kind: str, items: Mapping[str, str], now: datetime) -> int:
        """Takes the starting items in when the store has none of this kind; gives the number of the version in force."""
        try:
            return self.put(kind, items, STARTING, now, expect=0)
        except Outdated as outdated:
            return outdated.version

    def take_in_all(self, starting: Mapping[str, Mapping[str, str]], now: datetime) -> None:
        """Takes the starting items of each kind in, as :meth:`take_in` does: each by itself, in one round trip but for kinds of many items."""
        puts = [_Put(kind, _placed_last(items), _head(STARTING, now, ""), "", lambda done, total: None) for kind, items in starting.items()]
        self._database.acts(self._put, [self._call(put, 0, [], _words(put)) for put in puts if _is_small(put)])
        for put in puts:
            if not _is_small(put):
                self.take_in(put.kind, starting[put.kind], now)

    def undo(self, kind: str, number: int, author: str, now: datetime, *, note: str = "", once: str = "") -> int:
        """Puts back what a version changed, as a new version; gives its number. A repeat with the same ``once`` gives the first.

        Raises :class:`NoSuchVersion`, or :class:`ChangedSince` for items that were changed again since.
        """
        if first := self.made(kind, once):
            return first
        _, changes = self._changes(kind, number)
        head = _head(author, now, note or f"撤销第 {number} 版")
        back = {id: before for id, (before, _) in changes.items()}
        for _ in range(MOST_TRIES):
            newest = self._newest(kind)
            present = self._find(kind, list(changes))
            since = [id for id, (_, after) in changes.items() if _text(present[id]) != _text(after)]
            if since:
                raise ChangedSince(since)
            try:
                return self._write(_Put(kind, back, head, once, lambda done, total: None), newest)
            except Outdated:
                continue  # somebody changed something meanwhile: it may be one of ours
        raise Outdated(self._newest(kind))

    def export_user(self, number: int) -> dict[str, object]:
        """Content is the operators' own; of its authors it knows no more than a number."""
        return {}

    def erase_user(self, number: int) -> str:
        """Content is the operators' own; of its authors it knows no more than a number."""
        return "不保存个人数据，版本记录里最多有编号（不再指向任何人）"

    # Below: acts ----------------------------------------------------------------------------------------------------------

    def _write(self, put: _Put, expect: int | None) -> int:
        return self._write_at_once(put, expect) if _is_small(put) else self._write_aside(put, expect)

    def _write_at_once(self, put: _Put, expect: int | None) -> int:
        return self._act(self._put, put, expect, [], _words(put))

    def _write_aside(self, put: _Put, expect: int | None) -> int:
        """What comes out is written beside what is in force, and takes its place if nobody else changed that meanwhile."""
        if first := self.made(put.kind, put.once):
            return first
        for _ in range(MOST_TRIES):
            version, present = self._read(put.kind)
            if expect not in (None, version):
                raise Outdated(version)
            if not (differing := _differing(present, put.changes)):
                return self._write_at_once(replace(put, changes={}), version)
            last = int(self._database.command("HGET", keys.CONTENT_HISTORY(kind=put.kind), "place") or 0)
            try:
                return self._stage(put, version, present, _after(present, differing, last), differing)
            except Outdated:
                if expect is not None:
                    raise
        raise Outdated(self._newest(put.kind))

    def _stage(
        self, put: _Put, version: int, present: Mapping[str, _Placed], after: Mapping[str, _Placed], differing: Mapping[str, object]
    ) -> int:
        staged = keys.CONTENT_STAGED(kind=put.kind, change=put.head.changes)
        changes = keys.CONTENT_CHANGES(kind=put.kind, change=put.head.changes)
        told = {f"<{id}": present[id].kept for id in differing if id in present}
        told |= {f">{id}": after[id].kept for id in differing if id in after}
        pieces = [*_pieces(staged, {id: item.kept for id, item in after.items()}), *_pieces(changes, told)]
        try:
            self._database.command("UNLINK", staged, changes)
            for done, (key, piece) in enumerate(pieces):
                self._database.pipeline([("HSET", key, *piece), ("PEXPIRE", key, STAGED_LIFE_MS)])
                put.on_progress(done + 1, len(pieces))
            last = max((item.place for item in after.values()), default=0)
            return self._act(self._swap, put, version, [staged], [len(after), len(told), len(differing), last])
        except Outdated:
            self._database.command("UNLINK", staged, changes)  # what fails otherwise may have been done: then these expire, or are in force
            raise

    def _act(self, script: Script, put: _Put, expect: int | None, more_keys: Sequence[str], more: Sequence[str | int]) -> int:
        number, is_done = self._database.act(script, *self._call(put, expect, more_keys, more))
        if not is_done:
            raise Outdated(int(number))
        return int(number)

    def _call(
        self, put: _Put, expect: int | None, more_keys: Sequence[str], more: Sequence[str | int]
    ) -> tuple[list[str], list[str | bytes | int | float]]:
        """The keys and arguments of an act."""
        kind, change = put.kind, put.head.changes
        old = self._too_old(kind) if expect != 0 else {}  # before the first version there is none
        where = [keys.CONTENT_NEWEST(), keys.CONTENT_ITEMS(kind=kind), keys.CONTENT_HISTORY(kind=kind)]
        where += [keys.CONTENT_CHANGES(kind=kind, change=change), keys.CONTENT_ONCE(kind=kind, id=put.once or change), *more_keys]
        where += [keys.CONTENT_CHANGES(kind=kind, change=head.changes) for head in old.values()]
        head = msgspec.json.encode(put.head)
        return where, [kind, "" if expect is None else expect, head, ONCE_LIFE_MS if put.once else 0, len(old), *old, *more]

    # Below: reading -------------------------------------------------------------------------------------------------------

    def _newest(self, kind: str) -> int:
        return int(self._database.command("HGET", keys.CONTENT_NEWEST(), kind) or 0)

    def _read(self, kind: str, first: Sequence[Any] = ()) -> tuple[int, dict[str, _Placed]]:
        """The version in force and its items in their order, read in pages and again if somebody changed them meanwhile.

        ``first`` are the answers for the first page where they are there already.
        """
        newest = _newest_asked(kind)
        for _ in range(MOST_TRIES):
            found: dict[str, _Placed] = {}
            before, page, after = first or self._database.pipeline(_first_page(kind))
            first = ()
            while True:
                found |= {id: _placed(kept) for id, kept in zip(page[1][::2], page[1][1::2], strict=True)}
                if page[0] in ("0", 0):
                    break
                page, after = self._database.pipeline([("HSCAN", keys.CONTENT_ITEMS(kind=kind), page[0], "COUNT", _PAGE), newest])
            if before == after:
                return int(before or 0), dict(sorted(found.items(), key=lambda one: one[1].place))
        raise Outdated(self._newest(kind))

    def _find(self, kind: str, ids: Sequence[str]) -> dict[str, _Placed | None]:
        found: dict[str, _Placed | None] = {}
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            kept = self._database.command("HMGET", keys.CONTENT_ITEMS(kind=kind), *page)
            found |= {id: _placed(text) if text is not None else None for id, text in zip(page, kept, strict=True)}
        return found

    def _heads(self, kind: str, numbers: Sequence[int]) -> dict[int, _Head]:
        """Those of the versions that are kept."""
        if not numbers:
            return {}
        kept = self._database.command("HMGET", keys.CONTENT_HISTORY(kind=kind), *numbers)
        return {number: msgspec.json.decode(text, type=_Head) for number, text in zip(numbers, kept, strict=True) if text}

    def _changes(self, kind: str, number: int) -> tuple[_Head, dict[str, tuple[_Placed | None, _Placed | None]]]:
        """A version's head, and of every item it changed what was before and after."""
        head = self._heads(kind, [number]).get(number)
        if head is None:
            raise NoSuchVersion(number)
        sides: dict[str, dict[str, _Placed]] = {"<": {}, ">": {}}
        for name, kept in self._scan(keys.CONTENT_CHANGES(kind=kind, change=head.changes)):
            sides[name[0]][name[1:]] = _placed(kept)
        before, after = sides["<"], sides[">"]
        ids = sorted({**before, **after}, key=lambda id: (after.get(id) or before[id]).place)
        return head, {id: (before.get(id), after.get(id)) for id in ids}

    def _scan(self, key: str) -> Iterator[tuple[str, str]]:
        cursor = "0"
        while True:
            cursor, page = self._database.command("HSCAN", key, cursor, "COUNT", _PAGE)
            yield from zip(page[::2], page[1::2], strict=True)
            if cursor in ("0", 0):
                return

    def _too_old(self, kind: str) -> dict[int, _Head]:
        """The versions that go with the next one: what is over the limits, the oldest first; never the newest."""
        oldest, kept = self._database.command("HMGET", keys.CONTENT_HISTORY(kind=kind), "oldest", "kept")
        newest, first, size = self._newest(kind), int(oldest or 1), int(kept or 0)
        gone: dict[int, _Head] = {}
        for number, head in self._heads(kind, range(first, min(first + 20, newest))).items():
            if newest + 1 - number < MOST_VERSIONS and size <= MOST_KEPT:
                break
            gone[number] = head
            size -= head.n
        return gone


def _head(author: str, now: datetime, note: str) -> _Head:
    return _Head(author, now, note, secrets.token_hex(8))


def _version(number: int, head: _Head) -> Version:
    return Version(number, head.by, head.at, head.note, head.n)


def _placed(kept: str) -> _Placed:
    place, _, text = kept.partition("|")
    return _Placed(int(place), text)


def _placed_last(texts: Mapping[str, str | None]) -> dict[str, _Placed | None]:
    """What is asked for, where what is new comes last."""
    return {id: None if text is None else _Placed(0, text) for id, text in texts.items()}


def _texts(placed: Mapping[str, _Placed]) -> dict[str, str]:
    return {id: item.text for id, item in placed.items()}


def _is_small(put: _Put) -> bool:
    """Whether it is one act."""
    size = sum(len(id) + len(item.text if item else "") for id, item in put.changes.items())
    return len(put.changes) <= MOST_AT_ONCE and size * 3 <= BYTES_AT_ONCE


def _words(put: _Put) -> list[str | int]:
    """The changes as the act takes them."""
    return [word for id, item in put.changes.items() for word in (id, "" if item is None else f"={item.text}", item.place if item else 0)]


def _newest_asked(kind: str) -> tuple[str, ...]:
    return ("HGET", keys.CONTENT_NEWEST(), kind)


def _first_page(kind: str) -> list[tuple[Any, ...]]:
    """What reads the first page of a kind's items, between two looks at its version."""
    newest = _newest_asked(kind)
    return [newest, ("HSCAN", keys.CONTENT_ITEMS(kind=kind), 0, "COUNT", _PAGE), newest]


def _text(item: _Placed | None) -> str | None:
    return item.text if item else None


def _differing(present: Mapping[str, _Placed], changes: Mapping[str, _Placed | None]) -> dict[str, _Placed | None]:
    """The changes that change something, with the place of what is there already."""
    found: dict[str, _Placed | None] = {}
    for id, item in changes.items():
        there = present.get(id)
        if _text(there) != _text(item):
            found[id] = _Placed(there.place, item.text) if item and there else item
    return found


def _after(present: Mapping[str, _Placed], differing: Mapping[str, _Placed | None], last: int) -> dict[str, _Placed]:
    """The items once the changes are made; those without a place come behind ``last``."""
    after = {id: item for id, item in present.items() if id not in differing or differing[id]}
    for id, item in differing.items():
        if item and not item.place:
            last += 1
            item = _Placed(last, item.text)
        if item:
            after[id] = item
    return after


def _pieces(key: str, fields: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The fields and values of a hash, in pieces that take Redis a few milliseconds each."""
    left = iter(fields.items())
    while piece := list(islice(left, _PAGE)):
        yield key, [word for pair in piece for word in pair]
