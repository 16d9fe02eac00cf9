"""A text as one line of a list."""

from __future__ import annotations


def one_line(text: str, most: int) -> str:
    """A text on one line, with … at its end where it has more than ``most`` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
