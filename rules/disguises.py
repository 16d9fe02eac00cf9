"""How characters are disguised: what sounds, what looks like them, what they fall into, which emoji or initials stand for them.

The table is rules/disguises.tsv; tools/make_disguises.py makes it and says where it comes from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("disguises.tsv")


@dataclass(frozen=True, slots=True)
class Disguises:
    """The table. ``syllables`` by character; ``sounds`` the characters of a syllable, the commonest first; ``parts`` the ways a character falls apart."""

    syllables: Mapping[str, str]
    sounds: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
    shapes: Mapping[str, str]
    emoji: Mapping[str, tuple[str, ...]]
    initials: Mapping[str, str]

    @classmethod
    def read(cls, table: str) -> Disguises:
        """From lines of kind, tab, head, tab, what belongs to it."""
        rows: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for line in table.splitlines():
            if not line.startswith("#"):
                kind, head, rest = line.split("\t")
                rows[kind][head] = rest
        syllables = {char: syllable for syllable, chars in rows["sound"].items() for char in chars}
        parts, emoji = (({head: tuple(rest.split()) for head, rest in rows[kind].items()}) for kind in ("parts", "emoji"))
        return cls(syllables, rows["sound"], parts, rows["shape"], emoji, rows["initials"])


@cache
def shipped() -> Disguises:
    """The table that comes with the product."""
    return Disguises.read(TABLE.read_text(encoding="utf-8"))
