"""Ordinary chat, to see how often a word would be hit before it is listed. No member's: 5,000 published lines that come with the product.

``ordinary_chat.txt`` is made by ``tools/make_ordinary_chat.py``; its head names the sources and their licences.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

SHIPPED = Path(__file__).with_name("ordinary_chat.txt")


@cache
def shipped() -> tuple[str, ...]:
    """The lines, each as :func:`rules.text.normalise` leaves it."""
    return tuple(line for line in SHIPPED.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
