"""A text as it was meant: what was put between its characters is taken out, disguised words are restored, and every character knows where it stood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, overload

from rules.restoring import STEPS, Restored, Restorer
from rules.restoring import shipped as shipped_restorer
from rules.text import fit, normalise

GUESSES = frozenset(STEPS[kind] for kind in ("pinyin", "initial", "sound", "shape", "emoji", "number", "order"))
"""Steps that may be wrong: what they lead to is looked at by a person and never warned of by itself."""

SQUEEZED = "去掉中间的符号"
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_COMBINING = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_USUAL = r" .~…,、\-/"
"""Marks that stand between words in ordinary chat as well: between single characters only they are taken out."""
_HIDING = rf"{_COMBINING}·・•*_|\\^+=#&`\u2500-\u27bf\u2b00-\u2bff"
_CALLS = re.compile(rf"[{_HIDING}]|[{_USUAL}][{_CHINESE}](?![{_CHINESE}])")
_BETWEEN = re.compile(
    rf"(?<=[{_CHINESE}])[{_USUAL}{_HIDING}]*[{_HIDING}][{_USUAL}{_HIDING}]*(?=[{_CHINESE}])|[{_COMBINING}]+"
    rf"|(?<=[{_CHINESE}])(?<![{_CHINESE}][{_CHINESE}])[{_USUAL}]+(?=[{_CHINESE}](?![{_CHINESE}]))"
)
_FOREIGN = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüасеохрѕіյьвмткη", "aaaaeeeeiiiioooouuuuvvvvvaceoxpsijbbmtkn")
"""Vowels with a tone, and letters of other scripts that look Latin."""
_HAS_FOREIGN = re.compile(f"[{''.join(map(chr, _FOREIGN))}]")
_KEEPS = "!-~\u3001-\u3011\u4e00-\u9fff\uff01-\uff5e\u201c\u201d\u2018\u2019\u2014\U0001f300-\U0001faff"
_STEADY = re.compile(f"[{_KEEPS}]*(?: [{_KEEPS}]+)*")
"""Texts that keep each character in its place when they are normalised."""


class View(NamedTuple):
    """One way to read a text. ``steps`` name what was done to it.

    ``text[i]`` comes from the text as it was sent, from ``origin[i]`` to ``ends[i]``; both never go back.
    """

    text: str
    origin: Sequence[int]
    steps: tuple[str, ...] = ()
    ends: Sequence[int] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the text as it was sent."""
        return self.origin[start], self.ends[end - 1] if self.ends else self.origin[end - 1] + 1

    @property
    def is_guess(self) -> bool:
        """Whether the text may have been meant otherwise."""
        return not GUESSES.isdisjoint(self.steps)


@dataclass(frozen=True, slots=True)
class Reading:
    """All ways to read a text: the plain one first (``rules.text.normalise``), then those that differ from it and could be meant, at most two.

    ``sent`` is the text as it was sent, of a long one what is read of it (``rules.text.fit``).
    """

    sent: str
    views: tuple[View, ...]

    @property
    def plain(self) -> str:
        """The text in one width and case, simplified, without invisible characters."""
        return self.views[0].text

    @property
    def certain(self) -> Reading:
        """The reading without the ways that are only guessed; itself where there are none."""
        kept = tuple(view for view in self.views if not view.is_guess)
        return self if len(kept) == len(self.views) else Reading(self.sent, kept)


@lru_cache(maxsize=64)
def glance(text: str) -> Reading:
    """The ways to read ``text`` that cost next to nothing: as it stands, and without the marks between its characters."""
    sent = fit(text)
    plain = normalise(sent)
    first = View(plain, _Origin(sent, plain, _STARTS), (), _Origin(sent, plain, _ENDS))
    squeezed = _squeeze(first)
    return Reading(sent, (first, squeezed) if squeezed else (first,))


@lru_cache(maxsize=64)  # gates and features judge the same message, one after the other
def read(text: str, restorer: Restorer | None = None) -> Reading:
    """The ways to read ``text``; an ordinary text has one. ``restorer`` knows an operator's own words besides those that are shipped."""
    found = glance(text)
    return _deeper(found, (restorer or shipped_restorer()).restore(found.views[-1].text))


def deepen(glances: Sequence[Reading], restorer: Restorer | None = None) -> list[Reading]:
    """What :func:`read` makes of texts of which there is a glance, in less time."""
    restored = (restorer or shipped_restorer()).restore_many([found.views[-1].text for found in glances])
    return [_deeper(found, words) for found, words in zip(glances, restored, strict=True)]


def _squeeze(view: View) -> View | None:
    """The view without the marks between its characters, None where there are none that should not be there."""
    text = view.text
    kept: list[int] = []
    at = 0
    if _CALLS.search(text):
        for match in _BETWEEN.finditer(text):
            kept += range(at, match.start())
            at = match.end()
    letters = text.translate(_FOREIGN) if _HAS_FOREIGN.search(text) else text
    if not at and letters == text:
        return None
    kept += range(at, len(text))
    return View("".join(letters[at] for at in kept), [view.origin[at] for at in kept], (SQUEEZED,), [view.ends[at] for at in kept])


# What is restored ------------------------------------------------------------------------------------------------------


def _deeper(reading: Reading, found: Sequence[Restored]) -> Reading:
    """The reading with one more view if disguised words were found in its last one."""
    return Reading(reading.sent, (*reading.views, _restore(reading.views[-1], found))) if found else reading


def _restore(view: View, found: Sequence[Restored]) -> View:
    """The view with its disguised words as they were meant."""
    text = view.text
    pieces: list[str] = []
    origin: list[int] = []
    ends: list[int] = []
    at = 0
    for one in found:
        start, end = _with_blanks(text, one, at)
        pieces += [text[at:start], one.word]
        origin += [*view.origin[at:start], *(view.origin[place] for place, _ in one.places)]
        ends += [*view.ends[at:start], *(view.ends[place - 1] for _, place in one.places)]
        at = end
    steps = dict.fromkeys([*view.steps, *(STEPS[kind] for one in found for kind in sorted(one.kinds))])
    return View(
        "".join([*pieces, text[at:]]),
        [*origin, *view.origin[at:]],
        tuple(steps),
        [*ends, *view.ends[at:]],
    )


def _with_blanks(text: str, found: Restored, last: int) -> tuple[int, int]:
    """From where to where the text is replaced: with the blanks that set syllables apart from characters, behind ``last``."""
    start, end = found.places[0][0], found.places[-1][1]
    if found.kinds & {"pinyin", "initial"}:
        start -= start > last and text[start - 1] == " "
        end += text[end : end + 1] == " "
    return start, end


# Where characters stood ------------------------------------------------------------------------------------------------

_STARTS, _ENDS = 0, 1


class _Origin(Sequence[int]):
    """Where each character of a normalised text begins (or ends) in the text as it was sent; found out when somebody asks."""

    __slots__ = ("_plain", "_sent", "_which")

    def __init__(self, sent: str, plain: str, which: int) -> None:
        self._sent, self._plain, self._which = sent, plain, which

    def __len__(self) -> int:
        return len(self._plain)

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[int]: ...
    def __getitem__(self, at: int | slice) -> int | Sequence[int]:
        return _aligned(self._sent, self._plain)[self._which][at]


@lru_cache(maxsize=64)
def _aligned(sent: str, plain: str) -> tuple[Sequence[int], Sequence[int]]:
    """For each character of ``plain`` where it begins and ends in ``sent``."""
    if len(sent) == len(plain) and _STEADY.fullmatch(sent):
        return range(len(sent)), range(1, len(sent) + 1)
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _clusters(sent):
        form = normalise(sent[start:end]) or (" " if sent[start:end].isspace() else "")
        at = plain.find(form, len(starts), len(starts) + len(form) + 3) if form else -1
        if at < 0:
            continue
        while len(starts) < at:  # something composed across clusters: it belongs to what came before
            starts.append(start)
            ends.append(start + 1)
        starts += [start] * len(form)
        ends += [end] * len(form)
    missing = len(plain) - len(starts)
    starts += [max(0, len(sent) - 1)] * missing
    ends += [len(sent)] * missing
    return list(accumulate(starts[: len(plain)], max)), list(accumulate(ends[: len(plain)], max))


def _clusters(sent: str) -> Iterator[tuple[int, int]]:
    """Where each character with the marks that combine with it begins and ends."""
    start = 0
    for at in range(1, len(sent) + 1):
        if at == len(sent) or not (unicodedata.combining(sent[at]) or "\u1160" <= sent[at] <= "\u11ff"):
            yield start, at
            start = at
