"""Who was erased, kept outside Redis: a restored backup is swept against it, or erasing would end with the next restore."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MARK_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Erased:
    """An erased member: the number he had, and a mark that only his WeCom id under our key gives. It names nobody."""

    number: int
    mark: str


class ErasedRegister:
    """The register in the data folder: a line for each erased member."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._file = folder / "erased.txt"
        self._key = key

    def note(self, number: int, user: str) -> None:
        """Adds a member."""
        with self._file.open("a", encoding="ascii") as out:
            out.write(f"{number} {self._mark(user)}\n")
            out.flush()
            os.fsync(out.fileno())

    def all(self) -> Iterator[Erased]:
        """Everybody who was noted."""
        if not self._file.exists():
            return
        for line in self._file.read_text(encoding="ascii").splitlines():
            number, _, mark = line.partition(" ")
            if number.isdecimal() and len(mark) == MARK_LENGTH:  # a power cut may leave half a line
                yield Erased(int(number), mark)

    def is_meant(self, erased: Erased, user: str) -> bool:
        """Whether ``user`` is who was erased. After a restore a number may have been given to somebody else, so the number alone does not say."""
        return hmac.compare_digest(self._mark(user), erased.mark)

    def find_erased(self, users: Iterable[str]) -> frozenset[str]:
        """Those of the WeCom ids whose persons were erased."""
        marks = {erased.mark for erased in self.all()}
        return frozenset(user for user in users if self._mark(user) in marks) if marks else frozenset()

    def _mark(self, user: str) -> str:
        return hmac.new(self._key, user.encode(), hashlib.sha256).hexdigest()
