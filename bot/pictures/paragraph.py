"""A text of several lines, broken as Chinese is: anywhere but before a closing mark, and Latin words between blanks."""

from __future__ import annotations

from collections.abc import Callable

from bot.pictures.canvas import Studio, Style

_CLOSING = "，。！？；：、”’》）】…—,.!?;:)"


def paragraph(studio: Studio, text: str, style: Style, room: int, most: int) -> list[str]:
    """The text in lines of at most ``room`` pixels, at most ``most`` of them: what is left over is cut with an ellipsis. Empty lines go."""
    font = studio.font(style.face, style.size)
    lines: list[str] = []
    for part in text.splitlines():
        rest = studio.readable(part, style.face)
        while rest:
            end = _fitting(rest, lambda line: font.getlength(line) <= room)
            lines.append(rest[:end].rstrip())
            rest = rest[end:].lstrip()
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and font.getlength(f"{last}…") > room:
        last = last[:-1]
    return [*lines[: most - 1], f"{last.rstrip(_CLOSING)}…"]


def _fitting(text: str, fits: Callable[[str], bool]) -> int:
    """How many characters of a text make a line."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle]) else (low, middle - 1)
    end = low
    if end < len(text) and _is_latin(text[end - 1]) and _is_latin(text[end]) and (blank := text.rfind(" ", 0, end)) > end // 2:
        return blank + 1
    while end > 1 and end < len(text) and text[end] in _CLOSING:
        end -= 1
    return end


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()
