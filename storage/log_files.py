"""The old part of the event log: compressed files, each with a stretch of one shard's stream, in order and word for word.

``<folder>/<shard>/<first id>_<last id>.gz`` holds a line of JSON for each entry, as Redis gives it (``["17-0",["v","1","t","17",…]]``), and at its end
one line more, the index: how many entries there are, when the first and the last happened, and which members they name. The index is a gzip member of
its own, whose length stands in the last bytes, so that it is read without the rest; ``zcat`` reads all. A file is written aside, synced and
renamed: it is whole or not there.
"""

from __future__ import annotations

import fcntl
import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from storage.roster import named_in

Row = list[Any]
"""An entry as XRANGE gives it: its id, and field, value, field, value…"""
Id = tuple[int, int]
"""An entry's id as numbers, which sort."""
LEVEL = 6
MARK = ".folder"
"""The file with the word by which the folder is known."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Any]).decode


class Index(msgspec.Struct, frozen=True):
    """What a file says of itself: entries, the moments (ms) of the first and last, and the members whom its entries are of or speak of."""

    entries: int
    first_ms: int
    last_ms: int
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file: the ids of its first and last entries."""

    path: Path
    first: Id
    last: Id

    def index(self) -> Index:
        """What it holds, without reading it."""
        return msgspec.json.decode(gzip.decompress(self._index_bytes()), type=Index)

    def rows(self) -> Iterator[Row]:
        """Its entries, oldest first; none where another process let go of it meanwhile: what it held was too old."""
        with suppress(FileNotFoundError), gzip.open(self.path, "rb") as lines:
            for line in lines:
                if not line.startswith(b"{"):
                    yield _decode(line)

    def _index_bytes(self) -> bytes:
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(end - _FOOT)
            length = int.from_bytes(file.read(_FOOT)[4:8], "little")
            file.seek(end - _FOOT - length)
            return file.read(length)


class LogFiles:
    """The files of all shards below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mark(self) -> str:
        """The word by which the folder is known, '' where it has none, or is not there."""
        try:
            return (self.folder / MARK).read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def make_mark(self, word: str) -> None:
        """Gives a folder without a word this one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError), open(self.folder / MARK, "x", encoding="ascii", opener=_private) as file:
            file.write(word)

    def of(self, shard: int) -> list[LogFile]:
        """The files of a shard, oldest first."""
        folder = self._folder(shard)
        found = [_file(path) for path in folder.glob("*_*.gz")] if folder.is_dir() else []
        return sorted(found, key=lambda one: one.first)

    def last(self, shard: int) -> Id:
        """The id of the newest entry that stands in a file, (0, 0) where none does."""
        files = self.of(shard)
        return files[-1].last if files else (0, 0)

    def write(self, shard: int, rows: Iterable[Row], place: LogFile | None = None) -> LogFile:
        """Writes entries, at least one, as a file; with a ``place`` in that one's stead, under its name."""
        folder = self._folder(shard)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = folder / f".{os.getpid()}-{id(rows)}.part"
        try:
            first, last = _write(aside, rows)
            target = place.path if place else folder / f"{_text(first)}_{_text(last)}.gz"
            aside.replace(target)
            _sync(folder)
        finally:
            aside.unlink(missing_ok=True)
        return place or LogFile(target, first, last)

    def rewrite(self, shard: int, file: LogFile, stays: Callable[[Row], bool]) -> int:
        """Leaves only the entries that stay, in a new file in the place of the old one; gives how many went. The file goes where none stays."""
        with self.alone(shard):
            if not file.path.exists():  # dropped meanwhile
                return 0
            kept = [row for row in file.rows() if stays(row)]
            gone = file.index().entries - len(kept)
            if not kept:
                self.drop(file)
            elif gone:
                self.write(shard, kept, file)
            return gone

    @contextmanager
    def alone(self, shard: int) -> Iterator[None]:
        """Waits until nobody else puts a file of the shard in another's place: what two read and wrote anew would have only one's change."""
        with open(self._folder(shard) / ".lock", "ab", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the handle, also with a process that is killed
            yield

    def drop(self, file: LogFile) -> None:
        """Removes a file."""
        file.path.unlink(missing_ok=True)
        _sync(file.path.parent)

    def size(self) -> tuple[int, int]:
        """How many files there are, and how many bytes they take."""
        sizes = [path.stat().st_size for path in self.folder.glob("*/*_*.gz")] if self.folder.is_dir() else []
        return len(sizes), sum(sizes)

    def _folder(self, shard: int) -> Path:
        return self.folder / f"{shard:02}"


def id_of(row: Row) -> Id:
    """The id of an entry, as numbers."""
    return parse_id(row[0])


def parse_id(text: str) -> Id:
    """An id as numbers."""
    first, _, second = text.partition("-")
    return int(first), int(second or 0)


def _write(aside: Path, rows: Iterable[Row]) -> tuple[Id, Id]:
    first = last = (0, 0)
    members, count, first_ms, last_ms = set[int](), 0, 0, 0
    with open(aside, "xb", opener=_private) as raw:
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=LEVEL, mtime=0) as out:
            for row in rows:
                out.write(_encode(row) + b"\n")
                last, last_ms = id_of(row), int(row[1][3])
                first, first_ms = (last, last_ms) if not count else (first, first_ms)
                count += 1
                members.update(_members_of(row))
        index = gzip.compress(_encode(Index(count, first_ms, last_ms, tuple(sorted(members)))) + b"\n", mtime=0)
        raw.write(index + _foot(len(index)))
        raw.flush()
        os.fsync(raw.fileno())
    return first, last


def _members_of(row: Row) -> Iterator[int]:
    """Whose entry it is, and whom its words name."""
    if row[1][9] != "0":
        yield int(row[1][9])
    if '"text":' in row[1][13]:
        yield from named_in(row[1][13])


def _foot(length: int) -> bytes:
    """An empty gzip member (RFC 1952) in which the index's length stands where the time would: any reader passes over it."""
    return _EMPTY[:4] + length.to_bytes(4, "little") + _EMPTY[8:]


def _file(path: Path) -> LogFile:
    first, _, last = path.name.removesuffix(".gz").partition("_")
    return LogFile(path, parse_id(first), parse_id(last))


def _text(id: Id) -> str:
    return f"{id[0]}-{id[1]}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_EMPTY = gzip.compress(b"", mtime=0)
_FOOT = len(_EMPTY)
