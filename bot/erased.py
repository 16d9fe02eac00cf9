"""Who was erased, kept outside Redis: a restored backup is swept against it, or erasing would end with the next restore."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK_LENGTH = 64
REGISTER_FILE = "erased.txt"


@dataclass(frozen=True, slots=True)
class Erased:
    """An erased member: the number he had, and a mark that only his WeCom id under our key gives. It names nobody."""

    number: int
    mark: str


class ErasedRegister:
    """The register in the data folder: a line for each erased member."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._file = folder / REGISTER_FILE
        self._key = key

    def note(self, number: int, user: str) -> None:
        """Adds a member."""
        self._append(f"{number} {self._mark(user)}\n")

    def all(self) -> Iterator[Erased]:
        """Everybody who was noted."""
        yield from read_register(self._file)

    def merge(self, others: Iterable[Path]) -> int:
        """Adds whom other registers name besides: of a backup, of the machine before; gives how many were new."""
        known = set(self.all())
        fresh = [one for one in dict.fromkeys(one for file in others for one in read_register(file)) if one not in known]
        if fresh:
            self._append("".join(f"{one.number} {one.mark}\n" for one in fresh))
        return len(fresh)

    def is_meant(self, erased: Erased, user: str) -> bool:
        """Whether ``user`` is who was erased. After a restore a number may have been given to somebody else, so the number alone does not say."""
        return hmac.compare_digest(self._mark(user), erased.mark)

    def find_erased(self, users: Iterable[str]) -> frozenset[str]:
        """Those of the WeCom ids whose persons were erased."""
        marks = {erased.mark for erased in self.all()}
        return frozenset(user for user in users if self._mark(user) in marks) if marks else frozenset()

    def _append(self, lines: str) -> None:
        """Adds lines, for good. They begin on a new one: a power cut or a full disk may have left half a line, which would swallow the next."""
        with self._file.open("a", encoding="ascii") as out:
            out.write(f"\n{lines}" if out.tell() else lines)
            out.flush()
            os.fsync(out.fileno())

    def _mark(self, user: str) -> str:
        return hmac.new(self._key, user.encode(), hashlib.sha256).hexdigest()


def read_register(file: Path) -> Iterator[Erased]:
    """Everybody whom a register names; nobody where there is none. A power cut may have left half a line."""
    if not file.exists():
        return
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        number, _, mark = line.partition(" ")
        if number.isdecimal() and len(mark) == MARK_LENGTH:
            yield Erased(int(number), mark)
