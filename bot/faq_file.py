"""A large FAQ's index as a file that all processes of a machine map into memory: made once, by a process of its own, and never half.

The file is written beside and renamed, and says in its head which content and which program made it. What cannot be read, is damaged, or was
made by another program is not used: it is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec
import structlog

from bot.faq_maker import Job
from rules.faq_index import Foreign, Layer, unpack
from rules.faq_terms import Synonyms
from rules.text import Words

log = structlog.get_logger(__name__)

_ROOT = Path(__file__).resolve().parent.parent
_RULES = _ROOT / "rules"
NAME = "index"


class NotMade(Exception):
    """The index was not made: the disk is full, or its maker was killed. What served before may go on."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a file was made of: the number of the content's version and what tells this version from another of the same number."""

    version: int
    mark: str


@dataclass(frozen=True, slots=True)
class Shared:
    """A mapped file: its label and its entries."""

    label: Label
    layer: Layer


class FaqFile:
    """The index file of one folder; any number of processes may hold one. ``run`` does the making, in a process of its own if not said."""

    def __init__(self, folder: Path, words: Words, run: Callable[[Job], None] | None = None) -> None:
        self._run = run or run_apart
        self._folder = folder
        self._words = words
        self._synonyms: Synonyms | None = None
        self._rules = _digest_of_rules()
        self._program = _program(self._rules, words)
        self._seen: tuple[int, int, int] | None = None

    def use(self, synonyms: Synonyms) -> None:
        """Makes and opens only what was made with these synonyms from now on."""
        self._synonyms, self._program = synonyms, _program(self._rules, self._words, synonyms)

    def is_changed(self) -> bool:
        """Whether there is another file than the one opened last."""
        return self._look() != self._seen

    def open(self, is_ours: Callable[[Label], bool]) -> Shared | None:
        """The file in place, mapped and checked; None when there is none that may be used, or ``is_ours`` says no to its label."""
        look = self._look()
        found = self._read()
        kept = found if found and is_ours(found.label) else None
        self._seen = look
        return kept

    def find_label(self) -> Label | None:
        """What the file in place was made of, None when there is none that may be used; does not count as opening it."""
        found = self._read()
        return found.label if found else None

    def _read(self) -> Shared | None:
        try:
            arrays, label = unpack(_mapped(self._folder / NAME))
            if label["program"] != self._program:
                return None
            return Shared(Label(int(label["version"]), str(label["mark"])), Layer(arrays))
        except FileNotFoundError:
            return None
        except (Foreign, OSError, ValueError, KeyError) as error:
            log.warning("FAQ index not used, it is made anew", reason=str(error), error=type(error).__name__)
            return None

    @contextlib.contextmanager
    def turn(self, *, is_waiting: bool) -> Iterator[bool]:
        """Whether it is this process's turn to make the file; another's ends with it, however it ends. Raises :class:`NotMade`."""
        with _or_not_made():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with _or_not_made():
                is_mine = _lock(held, is_waiting=is_waiting)
            yield is_mine
        finally:
            os.close(held)

    def make(self, label: Label, entries: Sequence[str]) -> None:
        """Makes the file of these entries (JSON texts); half a minute for 100,000. Only who has the turn may. Raises :class:`NotMade`."""
        beside = self._folder / f"{NAME}.{os.getpid()}.new"
        jieba = self._words.tmp_dir
        written = {"program": self._program, "version": label.version, "mark": label.mark}
        with _or_not_made():
            for left in self._folder.glob(f"{NAME}.*.new"):  # by a maker that was killed
                left.unlink(missing_ok=True)
            try:
                self._run(
                    Job(
                        str(beside),
                        written,
                        str(jieba) if jieba else None,
                        list(self._words.own_words),
                        list(entries),
                        self._synonyms.table if self._synonyms else None,
                    )
                )
                os.replace(beside, self._folder / NAME)
            finally:
                beside.unlink(missing_ok=True)

    def drop(self) -> None:
        """Takes the file away: the FAQ is small again."""
        try:
            (self._folder / NAME).unlink(missing_ok=True)
        except OSError as error:
            log.warning("FAQ index no longer needed, but not removed", reason=str(error))
        self._seen = self._look()

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = (self._folder / NAME).stat()
        except OSError:  # no file, or a folder that nobody lets us into
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def run_apart(job: Job) -> None:
    """Does the job in a process of its own. Raises NotMade."""
    command = [sys.executable, "-m", "bot.faq_maker", str(os.getpid())]
    done = subprocess.run(command, input=msgspec.msgpack.encode(job), cwd=_ROOT, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise NotMade(f"exit code {done.returncode} {''.join(said)}".strip())


@contextlib.contextmanager
def _or_not_made() -> Iterator[None]:
    """Whatever the disk refuses – no room, no right, no folder – is NotMade."""
    try:
        yield
    except OSError as error:
        raise NotMade(f"{type(error).__name__} {error.strerror}") from error


def _lock(held: int, *, is_waiting: bool) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX if is_waiting else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _mapped(path: Path) -> memoryview:
    """The bytes of a file of our own, shared with every process that maps it."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
            raise Foreign("not a file of ours")
        return memoryview(mmap.mmap(opened, 0, prot=mmap.PROT_READ, flags=mmap.MAP_SHARED))
    finally:
        os.close(opened)


def _digest_of_rules() -> bytes:
    """Of every file that has a say in what an index holds."""
    content = blake2b(digest_size=16)
    for path in sorted(_RULES.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            content.update(path.relative_to(_RULES).as_posix().encode() + b"\0" + path.read_bytes())
    return content.digest()


def _program(rules: bytes, words: Words, synonyms: Synonyms | None = None) -> str:
    """What tells one program's indexes from another's: its rules, what cuts, the operators' own words and their synonyms."""
    content = blake2b(rules, digest_size=16)
    content.update(f"{words.cutter}\0".encode())
    content.update("\0".join(words.own_words).encode(errors="replace"))
    if synonyms:
        content.update(msgspec.json.encode(synonyms.table))
    return content.hexdigest()
