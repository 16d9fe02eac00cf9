"""Markdown told in plain text, for channels that show its marks as they are."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^[ ]{0,3}(?:```|~~~)[^\n]*$\n?", re.MULTILINE)
_HEADING = re.compile(r"^[ ]{0,3}#{1,6}[ ]+(.*?)[ ]*#*$", re.MULTILINE)
_QUOTE = re.compile(r"^[ ]{0,3}>[ ]?", re.MULTILINE)
_BULLET = re.compile(r"^([ ]*)[-*+][ ]+", re.MULTILINE)
_RULE = re.compile(r"^[ ]{0,3}(?:-{3,}|\*{3,}|_{3,})[ ]*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\(([^)\s]*)\)")
_FONT = re.compile(r"</?font[^>\n]{0,60}>")
_STRONG = re.compile(r"(\*\*|__|~~)(?=\S)([^\n]{1,500}?)(?<=\S)\1")
_CODE = re.compile(r"`([^`\n]+)`")


def without_marks(markdown: str) -> str:
    """The text of ``markdown`` without its marks; a link stands as its words and its address."""
    text = _RULE.sub("————", _FENCE.sub("", markdown))
    text = _BULLET.sub(r"\1• ", _QUOTE.sub("", _HEADING.sub(r"\1", text)))
    text = _CODE.sub(r"\1", _STRONG.sub(r"\2", _FONT.sub("", _LINK.sub(_told, text))))
    return text.strip()


def _told(link: re.Match[str]) -> str:
    words, address = link[1].strip(), link[2]
    return f"{words}：{address}" if words and words != address else address
