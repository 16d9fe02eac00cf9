"""A text as it was meant: what was put between its characters is taken out, and every character knows where it stood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rules.text import LONGEST, normalise

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_BETWEEN = re.compile(rf"(?<=[{_CHINESE}])[ .·・•*_\-~|/\\^+=#&'\"`…\u2500-\u27bf\u2b00-\u2bff]+(?=[{_CHINESE}])")


@dataclass(frozen=True, slots=True)
class View:
    """One way to read a text. ``origin[i]`` is where in the text as it was sent ``text[i]`` comes from; ``steps`` name what was done to it."""

    text: str
    origin: Sequence[int]
    steps: tuple[str, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the text as it was sent."""
        return self.origin[start], self.origin[end - 1] + 1


@dataclass(frozen=True, slots=True)
class Reading:
    """All ways to read a text: the plain one first (``rules.text.normalise``), then those that differ from it and could be meant."""

    sent: str
    views: tuple[View, ...]

    @property
    def plain(self) -> str:
        """The text in one width and case, simplified, without invisible characters."""
        return self.views[0].text


@lru_cache(maxsize=64)  # gates and features judge the same message, one after the other
def read(text: str) -> Reading:
    """The ways to read ``text``; an ordinary text has one."""
    sent = text[:LONGEST]
    plain = normalise(sent)
    first = View(plain, range(len(plain)))
    kept = [at for match in _spans(plain) for at in range(*match)]
    if len(kept) == len(plain):
        return Reading(sent, (first,))
    squeezed = View("".join(plain[at] for at in kept), kept, ("去掉中间的符号",))
    return Reading(sent, (first, squeezed))


def _spans(plain: str) -> list[tuple[int, int]]:
    """What stays of ``plain`` when the marks between Chinese characters go."""
    spans, at = [], 0
    for match in _BETWEEN.finditer(plain):
        spans.append((at, match.start()))
        at = match.end()
    return [*spans, (at, len(plain))]
