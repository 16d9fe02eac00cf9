"""The directory: the only place that knows which WeCom user a member number is."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from storage import keys
from storage.connection import Database, Script

CACHED = 50_000
"""Members that a process remembers; about 10 MB."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member: number, the community where last seen in a group ('' never) and the learned name ('' unknown)."""

    number: int
    home: str
    name: str


class Directory:
    """Member numbers, names and homes. Numbers are given once and never again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._enrol = Script("enrol")
        self._erase = Script("erase_person")
        self._cache: OrderedDict[str, Person] = OrderedDict()
        self._lock = Lock()

    def enrol(self, user: str, *, name: str = "", community: str = "") -> Person:
        """The member behind a WeCom user id, made known at first sight.

        A round trip at first sight, at a new name or home, and for single chats (``community`` empty), whose home another process may have
        changed; none for a member of a group who is remembered.
        """
        known = self._cache.get(user)
        if known and community and known.home == community and (not name or name == known.name):
            return known
        where = [keys.MEMBER_IDS(), keys.MEMBER_USERS(), keys.MEMBER_NAMES(), keys.MEMBER_HOMES(), keys.MEMBER_NEXT()]
        person = Person(*self._database.act(self._enrol, where, [user, name, community]))
        self._remember(user, person)
        return person

    def find_number(self, user: str) -> int | None:
        """The member number of a WeCom user id that is known."""
        number = self._database.command("HGET", keys.MEMBER_IDS(), user)
        return int(number) if number else None

    def find_user(self, number: int) -> str | None:
        """The WeCom user id of a member, None when he was erased."""
        user: str | None = self._database.command("HGET", keys.MEMBER_USERS(), number)
        return user

    def find_name(self, number: int) -> str:
        """The learned name of a member, '' while it is unknown."""
        return self._database.command("HGET", keys.MEMBER_NAMES(), number) or ""

    def find_home(self, number: int) -> str:
        """The community where a member was last seen in a group, '' when never."""
        return self._database.command("HGET", keys.MEMBER_HOMES(), number) or ""

    def epoch(self) -> str:
        """Changes with every erasure; a process that sees a new one calls :meth:`forget_cached`."""
        return self._database.command("GET", keys.DIRECTORY_EPOCH()) or "0"

    def forget_cached(self) -> None:
        """Drops what this process remembers."""
        with self._lock:
            self._cache.clear()

    def export_user(self, number: int) -> dict[str, Any]:
        """The person's row: WeCom id, name, home."""
        user, name, home = self._database.pipeline(
            [
                ("HGET", keys.MEMBER_USERS(), number),
                ("HGET", keys.MEMBER_NAMES(), number),
                ("HGET", keys.MEMBER_HOMES(), number),
            ]
        )
        return {"编号": number, "企业微信 ID": user, "名字": name, "所在社群": home}

    def erase_user(self, number: int) -> str:
        """Removes the row; from then on nothing leads from the number to the person."""
        where = [keys.MEMBER_IDS(), keys.MEMBER_USERS(), keys.MEMBER_NAMES(), keys.MEMBER_HOMES(), keys.DIRECTORY_EPOCH()]
        done = self._database.act(self._erase, where, [number])
        self.forget_cached()
        return "已删除编号与企业微信 ID、名字的对应" if done else "没有这个编号的对应"

    def _remember(self, user: str, person: Person) -> None:
        with self._lock:
            self._cache[user] = person
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
