"""Long Markdown in pieces that WeCom takes: cut between blocks rather than lines, between lines rather than sentences.

Never cut are list items, headings, links, mentions, coloured and quoted words, and code blocks, as long as one alone fits into a piece; a
longer code block is closed at the end of a piece and opened again in the next.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

CHARACTER, SENTENCE, LINE, ITEM, BLOCK = range(5)
"""Where a text may be cut, the better the later."""

LEAST_BYTES = 4
"""The longest character's size."""

_FENCE = re.compile(r"[ ]{0,3}(```+|~~~+)[^\n]*")
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ ]")
_ITEM = re.compile(r"[ ]*(?:[-*+]|\d{1,9}[.)、])[ \t]")
_ATOM = re.compile(
    r"""(?x) !?\[[^\]\n]*\]\([^)\n]*\) | <font[^>\n]*>[^\n]*?</font> | <[^<>\n]{1,200}> | `[^`\n]+` | \*\*[^*\n]+\*\*
        | https?://[^\s)>，。；！？）】]+"""
)
_SENTENCE_END = re.compile(r"[。！？；…](?![。！？；…”」）])|[.!?;][ ]|[ ，,、]")
_LONGEST_OPENING = 64


@dataclass(frozen=True, slots=True)
class _Border:
    """A place (in characters) where the text may be cut; ``fence`` is the line that opened the code block around it."""

    at: int
    rank: int
    fence: str = ""


def split(text: str, limit: int) -> list[str]:
    """``text`` in pieces of at most ``limit`` bytes of UTF-8; joined they are the text again, but for reopened code blocks.

    ``limit`` is at least 4. Characters that WeCom could not be sent (halves of surrogate pairs) must not be in the text.
    """
    if limit < LEAST_BYTES:
        raise ValueError("limit must be at least 4 bytes")
    size = list(accumulate((len(char.encode()) for char in text), initial=0))
    if size[-1] <= limit:
        return [text]
    borders = list(_borders(text, limit, size))
    pieces, start, opening = [], 0, ""
    while size[-1] - size[start] + len(opening.encode()) > limit:
        end = _best(borders, size, start, limit - len(opening.encode())) or _Border(
            _hard(size, start, limit - len(opening.encode())), CHARACTER
        )
        pieces.append(opening + text[start : end.at] + _closing(end.fence))
        start, opening = end.at, _opening(end.fence)
    return [*pieces, opening + text[start:]]


def _best(borders: list[_Border], size: list[int], start: int, room: int) -> _Border | None:
    """The best border that ends a piece from ``start``: one that wastes less than half of it, else any. ``borders`` are in the text's order."""
    first = bisect_right(borders, start, key=lambda border: border.at)
    last = bisect_right(borders, size[start] + room, lo=first, key=lambda border: size[border.at])
    within = [border for border in borders[first:last] if size[border.at] - size[start] + len(_closing(border.fence).encode()) <= room]
    full = [border for border in within if size[border.at] - size[start] > room // 2]
    return max(full or within, key=lambda border: (border.rank, border.at), default=None)


def _hard(size: list[int], start: int, room: int) -> int:
    end = start + 1
    while end + 1 < len(size) and size[end + 1] - size[start] <= room:
        end += 1
    return end


def _borders(text: str, limit: int, size: list[int]) -> Iterator[_Border]:
    at, after_heading = 0, False
    for block, rank in _blocks(text):
        if at:
            yield _Border(at, SENTENCE if after_heading else rank)
        if block.strip():
            after_heading = bool(_HEADING.match(block))
        if _FENCE.match(block):
            yield from _inside_fence(block, at, limit, size)
        elif not (_HEADING.match(block) or _ITEM.match(block)) or size[at + len(block)] - size[at] > limit:
            yield from _inside(block, at)
        at += len(block)


def _blocks(text: str) -> Iterator[tuple[str, int]]:
    """The text's headings, list items, code blocks and other lines, each with how good it is to cut before it."""
    block, rank, fence, was_blank = "", BLOCK, "", True
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        is_blank = not line.strip()
        if fence:
            block += line
            if line.strip().startswith(fence) and not line.strip(" \n`~"):
                yield block, rank
                block, fence, was_blank = "", "", True
            continue
        opened = _FENCE.match(line)
        if not (block and _ITEM.match(block) and not is_blank and line[:2] in ("  ", "\t")) or opened:
            if block:
                yield block, rank
            block, rank = "", _rank(line, is_blank, was_blank)
        block += line
        was_blank = is_blank
        if opened:
            fence = opened[1]
    if block:
        yield block, rank


def _rank(line: str, is_blank: bool, was_blank: bool) -> int:
    if is_blank:
        return LINE
    if was_blank or _HEADING.match(line) or _FENCE.match(line):
        return BLOCK
    return ITEM if _ITEM.match(line) else LINE


def _inside(block: str, at: int) -> Iterator[_Border]:
    """Borders between the words of a line."""
    atoms = [found.span() for found in _ATOM.finditer(block)]
    ends = {found.end() for found in _SENTENCE_END.finditer(block)} | {place + 1 for place, char in enumerate(block) if char == "\n"}
    inside = {place for start, end in atoms for place in range(start + 1, end)}
    for place in range(1, len(block)):
        if place not in inside and not _joins(block[place - 1], block[place]):
            yield _Border(at + place, SENTENCE if place in ends else CHARACTER)


def _inside_fence(block: str, at: int, limit: int, size: list[int]) -> Iterator[_Border]:
    """Borders in a code block that fits into no piece: between its lines."""
    opening = block.split("\n", 1)[0]
    if size[at + len(block)] - size[at] <= limit or len(opening.encode()) > min(_LONGEST_OPENING, limit // 4):
        return
    first = block.find("\n") + 1
    for place in range(first + 1, len(block)):
        if not _joins(block[place - 1], block[place]):
            yield _Border(at + place, LINE if block[place - 1] == "\n" else CHARACTER, opening)


def _joins(before: str, after: str) -> bool:
    """Whether two code points are one character for the eye."""
    return after in "\u200d\ufe0f" or before == "\u200d" or "\U0001f3fb" <= after <= "\U0001f3ff" or bool(unicodedata.combining(after))


def _closing(fence: str) -> str:
    return f"\n{_marks(fence)}" if fence else ""


def _opening(fence: str) -> str:
    return f"{fence}\n" if fence else ""


def _marks(fence: str) -> str:
    found = _FENCE.match(fence)
    return found[1] if found else ""
