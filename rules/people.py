"""What a WeCom user id says of a person."""

from __future__ import annotations


def is_customer(user: str) -> bool:
    """Whether a WeCom user id is of somebody outside the company: these begin with wm or wo and are long (path 92113)."""
    return user.startswith(("wm", "wo")) and len(user) >= 20
