"""What all channels do to text: clean it, take the mention out, cut it to WeCom's bytes, make an id."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

MAX_TEXT_CHARS = 20_000
"""Longer texts are cut at the door; WeCom's own limits are lower."""

MAX_ID_CHARS = 128

# Control characters but newline and tab, halves of surrogate pairs, and the two code points that XML forbids.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BLANK = r"(?:[^\S\n]|[\u200b\u2060\ufeff])"
_AROUND = " \t\n\r\u00a0\u2005\u3000\u200b\u2060\ufeff"
_NUMBERED = re.compile(r"(?:^[0-9]{1,9}[.][ ].*\n?)+", re.MULTILINE)
_MARK = re.compile(r"^([0-9]{1,9})[.][ ]+", re.MULTILINE)
_WIDE = 1_000
_ID = re.compile(r"[0-9A-Za-z_+/=.:@|-]{1,128}")


def clean(text: str) -> str:
    """``text`` without control characters and broken code points; line ends are newlines."""
    if text.isprintable():
        return text
    return _UNSPEAKABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def spoken(text: str, names: tuple[str, ...] = ()) -> str:
    """What the member said: clean, without the bot's mention (``names``) and the blanks around it, at most ``MAX_TEXT_CHARS``."""
    said = clean(text)
    if names and ("@" in said or "＠" in said):
        said = without_mention(said, names)
    return said.strip(_AROUND)[:MAX_TEXT_CHARS]


def without_mention(text: str, names: tuple[str, ...]) -> str:
    """``text`` without ``@name`` and the comma or blanks behind it, wherever it stands as a whole mention.

    WeCom marks mentions in no other way (path 100719). A name may contain spaces; the longest name that fits is taken.
    Part of a longer word is no mention: neither ``mail@bot.com`` nor ``@小助手二号`` mentions 小助手.
    """
    mention = _mention_of(names)
    return mention.sub(_gap, text) if mention else text


def cut(text: str, limit_bytes: int) -> str:
    """``text`` in at most ``limit_bytes`` bytes of UTF-8, cut at a character's border and ended with "…"."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit_bytes:
        return raw.decode("utf-8")
    ending = "…".encode()
    return (raw[: limit_bytes - len(ending)] + ending).decode("utf-8", "ignore")


def keep_numbers(markdown: str) -> str:
    """``markdown`` whose numbered lines are shown with their own numbers.

    A list counts on from its first, so where they jump (2, 3, 5) they make none; nor where there is no room for them before the words.
    """
    return _NUMBERED.sub(_unlisted, markdown)


def sound(text: str) -> str:
    """``text`` with a question mark for every half of a surrogate pair: what can be sent at all."""
    return text.encode("utf-8", "replace").decode("utf-8")


def identity(given: str, *parts: str | Sequence[str]) -> str:
    """WeCom's own message id, or one made from ``parts`` where there is none that could serve as a key."""
    return given if _ID.fullmatch(given) else digest("e", *parts)


def digest(prefix: str, *parts: str | Sequence[str]) -> str:
    """``prefix`` and 31 hex digits that stand for ``parts``: the same parts, the same id."""
    flat = "\x00".join(part if isinstance(part, str) else "\x01".join(part) for part in parts)
    return prefix + hashlib.sha256(flat.encode("utf-8", "replace")).hexdigest()[:31]


def _unlisted(lines: re.Match[str]) -> str:
    numbers = [int(mark[1]) for mark in _MARK.finditer(lines[0])]
    steps = {after - before for before, after in pairwise(numbers)}
    # all the same is how some write a list that is to be counted
    is_list = (steps <= {1} or steps == {0}) and max(numbers) < _WIDE
    return lines[0] if is_list else _MARK.sub(r"\1．", lines[0])


def _gap(found: re.Match[str]) -> str:
    before = found.string[max(found.start() - 1, 0) : found.start()]
    return " " if before and not before.isspace() else ""


@lru_cache(maxsize=256)
def _mention_of(names: tuple[str, ...]) -> re.Pattern[str] | None:
    by_length = sorted({name for name in names if name}, key=len, reverse=True)
    if not by_length:
        return None
    either = "|".join(re.escape(name) for name in by_length)
    return re.compile(rf"(?<![0-9A-Za-z._-])[@＠](?:{either})(?:[,:，：、]?{_BLANK}+|[,:，：、]|(?=[\n.;!?。；！？~～]|\Z))")
