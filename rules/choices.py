"""Which of some options are chosen by words: by number (``1 3``, ``第2个``, ``选2``) or by their own words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rules.text import normalise

ENDINGS = " 。.!?~,、;"
"""What may stand around a choice and means nothing."""

_BETWEEN = re.compile(r"[\s,;/+、·|]+")
_NUMBER = re.compile(r"(?:我?[选投]|第)?([0-9]{1,3})(?:[号个项票.)]|分)?")
_NEGATES = re.compile("[不没未非无别勿]")
_ORDINAL = re.compile(r"第\s*([0-9]{1,3})\s*[个项号]?")


def choose(words: str, options: Sequence[str]) -> tuple[tuple[int, ...], str]:
    """The numbers of the chosen options, from 1, in order and each once; and the first part of the words that fits none ('' all fit)."""
    said = normalise(words).strip(ENDINGS)
    if by_words := _named(said, options):
        return (by_words,), ""
    parts = _parts(said)
    numbers = [_numbered(part, options) for part in parts]
    missing = next((part for part, number in zip(parts, numbers, strict=True) if not number), "")
    return tuple(sorted({number for number in numbers if number})), missing


def is_choice(words: str, options: Sequence[str]) -> bool:
    """Whether words are nothing but a choice, or would be one but for a number that there is not."""
    said = normalise(words).strip(ENDINGS)
    parts = _parts(said)
    return bool(_named(said, options)) or (bool(parts) and all(_NUMBER.fullmatch(part) or _named(part, options) for part in parts))


def mixed_up(options: Sequence[str]) -> str:
    """The first option that reads like the number of another one; '' where there is none."""
    for at, option in enumerate(options, 1):
        found = _NUMBER.fullmatch(normalise(option).strip(ENDINGS))
        if found and int(found[1]) != at and 1 <= int(found[1]) <= len(options):
            return option
    return ""


def _parts(said: str) -> list[str]:
    return [part.strip(ENDINGS) for part in _BETWEEN.split(_ORDINAL.sub(r" \1 ", said)) if part.strip(ENDINGS)]


def _numbered(part: str, options: Sequence[str]) -> int:
    found = _NUMBER.fullmatch(part)
    if found and 1 <= int(found[1]) <= len(options):
        return int(found[1])
    return _named(part, options)


def _named(said: str, options: Sequence[str]) -> int:
    """The option that has these words, or that begins with them as no other has them in it; 0 where there is none.

    What stands before or behind words may turn them round: 同意 is neither 不同意 nor 同意不了.
    """
    plain = [normalise(option).strip(ENDINGS) for option in options]
    if said in plain:
        return plain.index(said) + 1
    if said.isdecimal() or len(said) < 2:
        return 0
    having = [number for number, option in enumerate(plain, 1) if said in option]
    rest = plain[having[0] - 1].removeprefix(said) if len(having) == 1 else ""
    is_meant = rest and rest != plain[having[0] - 1] and not _NEGATES.search(rest)
    return having[0] if is_meant else 0
