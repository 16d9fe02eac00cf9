"""Numbers that people write with digits."""

from __future__ import annotations


def whole(text: str, most: int, least: int = 1) -> int | None:
    """The number that a text of digits is; None where it is anything else, or not between ``least`` and ``most``.

    A text with more digits than ``most`` is not looked at: Python refuses to read thousands of digits, and Redis keeps no more than 19.
    """
    if not text.isdecimal() or len(text) > len(str(most)):
        return None
    number = int(text)
    return number if least <= number <= most else None
