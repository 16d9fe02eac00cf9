"""Roles that were granted: who may do more than a member, in one community or in all of them. Owners stand in the configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

ALL = "*"
"""The place of a role that holds in every community."""
MOST = 1_000
"""Roles in an installation: each process remembers them all."""
CACHED_S = 2.0
"""How long a process may go on without hearing that a role was granted or taken."""
ONCE_LIFE_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of a member in one place: a community's id, or :data:`ALL`."""

    member: int
    place: str
    role: str


class Roles:
    """The granted roles. Threads share one; what it tells is at most :data:`CACHED_S` old, and fresh where this process changed it."""

    PERSONAL = Personal(
        "角色",
        "谁能管理",
        (keys.ROLES, keys.ROLES_ONCE),
        what="在哪里有什么角色",
        erasing="全部收回",
    )

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._grant = Script("grant_role")
        self._known: tuple[float, Mapping[int, Mapping[str, str]]] = (0.0, {})

    def of_member(self, number: int) -> Mapping[str, str]:
        """Place → role of one member; a round trip for the whole table when it was not looked at for two seconds."""
        return self._table().get(number, {})

    def all(self) -> list[Grant]:
        """Every grant, by member and place; one round trip."""
        return [Grant(member, place, role) for member, places in sorted(self._load().items()) for place, role in sorted(places.items())]

    def granted(self, number: int, place: str) -> str:
        """The role of a member in one place as it is now, '' none; one round trip."""
        return self._database.command("HGET", keys.ROLES(), _field(number, place)) or ""

    def grant(self, number: int, place: str, role: str, *, seen: str, once: str) -> bool:
        """Gives a role, or takes it ('' none); False when it is not the ``seen`` one any more: then nothing was done.

        Raises ValueError when there are :data:`MOST` grants already.
        """
        if role and not seen and self._database.command("HLEN", keys.ROLES()) >= MOST:
            raise ValueError(f"{MOST} roles are granted already")
        args: list[str | int] = [_field(number, place), role, seen, ONCE_LIFE_MS]
        done = bool(self._database.act(self._grant, [keys.ROLES(), keys.ROLES_ONCE(id=once)], args))
        self._known = (0.0, {})
        return done

    def drop(self, number: int) -> list[Grant]:
        """Takes all roles of a member away; gives what he had. Two round trips when he had any."""
        had = [grant for grant in self.all() if grant.member == number]
        if had:
            self._database.command("HDEL", keys.ROLES(), *(_field(number, grant.place) for grant in had))
            self._known = (0.0, {})
        return had

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's roles by community."""
        return {grant.place: grant.role for grant in self.all() if grant.member == number}

    def erase_user(self, number: int) -> str:
        """Takes the member's roles away."""
        return f"已收回 {len(had)} 个角色" if (had := self.drop(number)) else "没有角色"

    def _table(self) -> Mapping[int, Mapping[str, str]]:
        until, table = self._known
        return table if self._clock() < until else self._load()

    def _load(self) -> Mapping[int, Mapping[str, str]]:
        flat = self._database.command("HGETALL", keys.ROLES())
        table: dict[int, dict[str, str]] = {}
        for field, role in zip(flat[::2], flat[1::2], strict=True):
            member, place = field.split("|", 1)
            table.setdefault(int(member), {})[place] = role
        self._known = (self._clock() + CACHED_S, table)
        return table


def _field(number: int, place: str) -> str:
    return f"{number}|{place}"
