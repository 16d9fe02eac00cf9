"""Who may do what: the one place where roles are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from bot.config import Config
from storage.roles import ALL, Grant
from storage.stores import Stores

Role = Literal["member", "viewer", "moderator", "operator", "admin", "owner"]
_RANK: dict[Role, int] = {"member": 0, "viewer": 1, "moderator": 2, "operator": 3, "admin": 4, "owner": 5}

TITLES: Mapping[Role, str] = {
    "member": "成员", "viewer": "观察员", "moderator": "版主", "operator": "运营", "admin": "管理员", "owner": "所有者",
}  # fmt: skip
"""What roles are called."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, with which role: a member by his number, or a program by its name (then ``member`` is 0)."""

    member: int
    name: str
    role: Role

    @property
    def id(self) -> str:
        """What the audit calls him: his member number, or the program's name."""
        return str(self.member) if self.member else self.name


SYSTEM = "系统"
"""Whom the audit names where the bot acts by itself."""
COMMAND_LINE = Actor(0, "命令行", "owner")
"""Whoever may start programs beside the data."""


def role_of(user: str, config: Config, has_left: Callable[[str], bool], granted: Callable[[], Role] = lambda: "member") -> Role:
    """The role of a WeCom user id: owners are named in the configuration, ``granted`` tells what others were given.

    Who has left the company is a member, whatever anybody says; ``has_left`` is asked about those only who would be more.
    """
    role: Role = "owner" if user in config.admins else granted()
    return "member" if role == "member" or has_left(user) else role


def role_in(community: str, user: str, number: int, config: Config, stores: Stores) -> Role:
    """The role of a member in a community, or in all (``storage.roles.ALL``); ``number`` 0 where nobody knows him.

    No round trip when roles were looked at in the last two seconds, else one.
    """
    return role_of(user, config, stores.leavers.has_left, lambda: granted_in(community, number, stores) if number else "member")


def granted_in(community: str, number: int, stores: Stores) -> Role:
    """What a member was granted that holds in a community: there, or everywhere."""
    places = stores.roles.of_member(number)
    return max((known_role(places.get(place, "")) for place in {community, ALL}), key=_RANK.__getitem__)


def known_role(name: str) -> Role:
    """A role as it is kept; a name that this version does not know is a member."""
    return name if name in _RANK else "member"


def title_of(role: str) -> str:
    """What a role is called, also one that this version does not know."""
    return TITLES.get(cast(Role, role), role) if role else "无"


def may(role: Role, needed: Role) -> bool:
    """Whether ``role`` suffices where ``needed`` is asked for."""
    return _RANK[role] >= _RANK[needed]


def outranks(role: Role, other: Role) -> bool:
    """Whether ``role`` is higher than the other: what it takes to give or take that one."""
    return _RANK[role] > _RANK[other]


def grants_shown(stores: Stores, community: str, everywhere: Role) -> list[Grant]:
    """The roles that an administrator of a community may see: those given there and, if he is one ``everywhere``, those that hold in all."""
    places = (community, ALL) if may(everywhere, "admin") else (community,)
    return [grant for grant in stores.roles.all() if grant.place in places]
