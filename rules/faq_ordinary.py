"""How often people say something when they just chat: what tells a question from a remark that shares a word with it.

``faq_ordinary.txt`` holds in how many of so many ordinary messages a pair of neighbouring characters was said; ``tools/train_faq.py`` makes it,
docs/faq-engine.md names its sources and their licences.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

SHIPPED = Path(__file__).with_name("faq_ordinary.txt")


class Ordinary:
    """Counts of pairs in ``messages`` ordinary messages; pairs that were hardly ever said are left out."""

    def __init__(self, messages: int, counts: Mapping[str, int]) -> None:
        self._messages = messages
        self._counts = counts

    def surprise(self, pairs: Iterable[str]) -> float:
        """How surprising it were to find all these pairs in an ordinary message, as if they were independent: minus the logarithm of the chance."""
        return sum(math.log((self._messages + 1) / (self._counts.get(pair, 0) + 0.5)) for pair in pairs)


def to_text(messages: int, counts: Mapping[str, int], about: str) -> str:
    """The file: a line about its making, the number of messages, and for each count a line with its pairs, one after the other."""
    by_count: dict[int, list[str]] = {}
    for pair, count in counts.items():
        by_count.setdefault(count, []).append(pair)
    return "\n".join([f"# {about}", str(messages), *(f"{count} {''.join(sorted(by_count[count]))}" for count in sorted(by_count)), ""])


def of_text(text: str) -> Ordinary:
    """What :func:`to_text` wrote."""
    _, messages, *rows = text.splitlines()
    counts: dict[str, int] = {}
    for row in rows:
        count, _, pairs = row.partition(" ")
        counts.update(dict.fromkeys(map("".join, zip(pairs[::2], pairs[1::2], strict=True)), int(count)))
    return Ordinary(int(messages), counts)


@cache
def shipped() -> Ordinary:
    """The counts that come with the product."""
    return of_text(SHIPPED.read_text(encoding="utf-8"))
