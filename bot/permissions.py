"""Who may do what: the one place where roles are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from bot.config import Config

Role = Literal["member", "viewer", "moderator", "operator", "admin", "owner"]
_RANK: dict[Role, int] = {"member": 0, "viewer": 1, "moderator": 2, "operator": 3, "admin": 4, "owner": 5}


def role_of(user: str, config: Config, has_left: Callable[[str], bool]) -> Role:
    """The role of a WeCom user id: owners are named in the configuration, everybody else is a member.

    Who has left the company is a member, whatever the configuration says; ``has_left`` is asked about administrators only.
    """
    return "owner" if user in config.admins and not has_left(user) else "member"


def may(role: Role, needed: Role) -> bool:
    """Whether ``role`` suffices where ``needed`` is asked for."""
    return _RANK[role] >= _RANK[needed]
