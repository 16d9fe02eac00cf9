"""The directory: the only place that knows which WeCom user a member number is."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

CACHED = 50_000
"""Members that a process remembers; about 10 MB."""

MOST_ALIKE = 1_000
"""Members of one name who are told apart; where there are more, a name says nothing."""
LEARNED_AT_ONCE = 5_000
ONCE_LIFE_MS = 7 * 86_400_000


class Person(msgspec.Struct, frozen=True, gc=False):  # tens of thousands are remembered: no collection need look at them
    """A member: number, home and the learned name ('' unknown).

    His home is the community where he was last seen in a group ('' never); in a single chat it is the one that he chose for it, if he did.
    """

    number: int
    home: str
    name: str


class Directory:
    """Member numbers, names and homes. Numbers are given once and never again."""

    PERSONAL = Personal(
        "通讯录",
        "知道编号是谁；别处都只有编号",
        (
            keys.MEMBER_IDS,
            keys.MEMBER_USERS,
            keys.MEMBER_NAMES,
            keys.MEMBER_NAMED,
            keys.MEMBER_HOMES,
            keys.MEMBER_CHOSEN,
            keys.PEOPLE_ONCE,
            keys.MEMBER_NEXT,
            keys.DIRECTORY_EPOCH,
        ),
        what="企业微信的 userid 或 external_userid、名字、所在的社群",
        erasing="全部删除；从此编号不再指向任何人",
        passing=(keys.PEOPLE_ONCE, keys.MEMBER_NAMED, keys.MEMBER_NEXT),
        passing_why="由名字算出来的记号",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._enrol = Script("enrol")
        self._erase = Script("erase_person")
        self._rename = Script("rename_person")
        self._convert = Script("convert_names")
        self._choose = Script("choose_home")
        self._cache: OrderedDict[str, Person] = OrderedDict()
        self._lock = Lock()
        self._epoch: str | None = None
        self._learned = 0

    def enrol(self, user: str, *, name: str = "", community: str = "") -> Person:
        """The member behind a WeCom user id, made known at first sight.

        A round trip at first sight, at a new name or home, and for single chats (``community`` empty), whose home another process may have
        changed; none for a member of a group who is remembered.
        """
        known = self._cache.get(user)
        if known and community and known.home == community and (not name or name == known.name):
            return known
        where = [
            keys.MEMBER_IDS(), keys.MEMBER_USERS(), keys.MEMBER_NAMES(), keys.MEMBER_HOMES(), keys.MEMBER_NEXT(), keys.MEMBER_NAMED(),
            keys.MEMBER_CHOSEN(),
        ]  # fmt: skip
        person = Person(*self._database.act(self._enrol, where, [user, name, community, _mark_of(name)]))
        self._remember(user, person)
        return person

    def choose_home(self, number: int, community: str, *, once: str) -> None:
        """Notes which community a member's single chat belongs to from now on; '' is again where he was last seen in a group."""
        self._database.act(self._choose, [keys.MEMBER_CHOSEN(), keys.PEOPLE_ONCE(id=once)], [number, community, ONCE_LIFE_MS])

    def chosen_home(self, number: int) -> str:
        """The community that a member chose for his single chat, '' none."""
        return self._database.command("HGET", keys.MEMBER_CHOSEN(), number) or ""

    def find_number(self, user: str) -> int | None:
        """The member number of a WeCom user id that is known."""
        number = self._database.command("HGET", keys.MEMBER_IDS(), user)
        return int(number) if number else None

    def find_people(self, users: Sequence[str]) -> list[tuple[int, str] | None]:
        """Number and learned name ('' unknown) of each WeCom user id, None where it is not known; two round trips."""
        if not users:
            return []
        numbers = self._database.command("HMGET", keys.MEMBER_IDS(), *users)
        known = [number for number in numbers if number]
        names = dict(zip(known, self._database.command("HMGET", keys.MEMBER_NAMES(), *known), strict=True)) if known else {}
        return [(int(number), names[number] or "") if number else None for number in numbers]

    def find_alike(self, users: Sequence[str]) -> dict[str, str]:
        """Of WeCom user ids, those that nobody has, though somebody has one that differs in upper and lower case only: asked → known.

        Looks at every member, some thousand a round trip, when there is one that nobody has: for rare acts.
        """
        unknown: list[str] = []
        for first in range(0, len(users), LEARNED_AT_ONCE):
            part = users[first : first + LEARNED_AT_ONCE]
            numbers = self._database.command("HMGET", keys.MEMBER_IDS(), *part)
            unknown += [user for user, number in zip(part, numbers, strict=True) if not number]
        wanted, cursor = {user.casefold() for user in unknown}, "0" if unknown else ""
        found: dict[str, str] = {}
        while cursor:
            cursor, flat = self._database.command("HSCAN", keys.MEMBER_IDS(), cursor, "COUNT", 1_000)
            found |= {user.casefold(): user for user in flat[::2] if user.casefold() in wanted}
            cursor = "" if cursor == "0" else cursor
        return {user: found[user.casefold()] for user in unknown if user.casefold() in found}

    def find_user(self, number: int) -> str | None:
        """The WeCom user id of a member, None when he was erased."""
        user: str | None = self._database.command("HGET", keys.MEMBER_USERS(), number)
        return user

    def find_name(self, number: int) -> str:
        """The learned name of a member, '' while it is unknown."""
        return self._database.command("HGET", keys.MEMBER_NAMES(), number) or ""

    def find_names(self, numbers: Sequence[int]) -> dict[int, str]:
        """The learned name of each member, '' while it is unknown; one round trip for all."""
        if not numbers:
            return {}
        names = self._database.command("HMGET", keys.MEMBER_NAMES(), *numbers)
        return {number: name or "" for number, name in zip(numbers, names, strict=True)}

    def find_users(self, numbers: Sequence[int]) -> dict[int, str]:
        """The WeCom user id of each member, '' of one who was erased; one round trip for all."""
        if not numbers:
            return {}
        users = self._database.command("HMGET", keys.MEMBER_USERS(), *numbers)
        return {number: user or "" for number, user in zip(numbers, users, strict=True)}

    def walk_containing(self, part: str) -> Iterator[list[int]]:
        """The numbers of members whose learned name holds ``part``, upper and lower case alike, in batches; one may come twice.

        Looks at every name, some thousand a round trip, until its caller has enough: for rare acts.
        """
        wanted, cursor = part.casefold(), "0"
        while True:
            cursor, flat = self._database.command("HSCAN", keys.MEMBER_NAMES(), cursor, "COUNT", 1_000)
            if found := [int(number) for number, known in zip(flat[::2], flat[1::2], strict=True) if wanted in known.casefold()]:
                yield found
            if cursor == "0":
                return

    def find_named(self, name: str) -> list[int]:
        """The numbers of the members with a learned display name, whatever its case, width and blanks; two round trips, however many there are.

        More than :data:`MOST_ALIKE` says that there are too many: the answer is then not all of them.
        """
        wanted, mark = _plain(name), _mark_of(name)
        if not wanted:
            return []
        marked = self._database.command("ZRANGEBYSCORE", keys.MEMBER_NAMED(), mark, mark, "LIMIT", 0, MOST_ALIKE + 1)
        names = self._database.command("HMGET", keys.MEMBER_NAMES(), *marked) if marked else []
        # Two names may have one mark, and a name may have changed between the two looks.
        return sorted(int(number) for number, known in zip(marked, names, strict=True) if known and _plain(known) == wanted)

    def convert(self) -> None:
        """Makes the members of an older layout known by their names; some thousand a round trip. May be repeated."""
        cursor = "0"
        while True:
            cursor, flat = self._database.command("HSCAN", keys.MEMBER_NAMES(), cursor, "COUNT", 1_000)
            rows = [text for number, name in zip(flat[::2], flat[1::2], strict=True) for text in (number, name, _mark_of(name))]
            if rows:
                self._database.act(self._convert, [keys.MEMBER_NAMES(), keys.MEMBER_NAMED()], rows)
            if cursor == "0":
                return

    def rename(self, old: str, new: str) -> tuple[str, int]:
        """Gives a member a new WeCom user id; his number stays.

        ``renamed`` and the number, ``unknown`` and 0 when nobody has the old id, ``taken`` and the number when the new one is another
        member's: somebody spoke under it before the change was told, and two histories cannot be made one.
        """
        outcome, number = self._database.act(self._rename, [keys.MEMBER_IDS(), keys.MEMBER_USERS(), keys.DIRECTORY_EPOCH()], [old, new])
        self._forget()
        return str(outcome), int(number)

    def keep_up(self) -> None:
        """Remembers the members whom other processes made known since the last call, the newest 50,000 at most, and forgets all it knew
        after an erasure. One round trip when there is nothing new; called once a second, so that a message finds its member remembered."""
        epoch, newest = self._database.pipeline([("GET", keys.DIRECTORY_EPOCH()), ("GET", keys.MEMBER_NEXT())])
        if epoch != self._epoch:
            self._forget()
            self._epoch, self._learned = epoch, 0
        last = int(newest or 0)
        for first in range(max(self._learned, last - CACHED) + 1, last + 1, LEARNED_AT_ONCE):
            self._learn(range(first, min(first + LEARNED_AT_ONCE, last + 1)))
        self._learned = last

    def export_user(self, number: int) -> dict[str, Any]:
        """The person's row: WeCom id, name, home, and the one he chose."""
        user, name, home, chosen = self._database.pipeline(
            [
                ("HGET", keys.MEMBER_USERS(), number),
                ("HGET", keys.MEMBER_NAMES(), number),
                ("HGET", keys.MEMBER_HOMES(), number),
                ("HGET", keys.MEMBER_CHOSEN(), number),
            ]
        )
        return {"编号": number, "企业微信 ID": user, "名字": name, "所在社群": home} | ({"单聊选的社群": chosen} if chosen else {})

    def erase_user(self, number: int) -> str:
        """Removes the row; from then on nothing leads from the number to the person."""
        where = [
            keys.MEMBER_IDS(), keys.MEMBER_USERS(), keys.MEMBER_NAMES(), keys.MEMBER_HOMES(), keys.DIRECTORY_EPOCH(), keys.MEMBER_NAMED(),
            keys.MEMBER_CHOSEN(),
        ]  # fmt: skip
        done = self._database.act(self._erase, where, [number])
        self._forget()
        return "已删除编号与企业微信 ID、名字的对应" if done else "没有这个编号的对应"

    def _learn(self, numbers: range) -> None:
        where = (keys.MEMBER_USERS(), keys.MEMBER_HOMES(), keys.MEMBER_NAMES())
        users, homes, names = self._database.pipeline([("HMGET", key, *numbers) for key in where])
        for number, user, home, name in zip(numbers, users, homes, names, strict=True):
            if user and user not in self._cache:
                self._remember(user, Person(number, home or "", name or ""))

    def _forget(self) -> None:
        with self._lock:
            self._cache.clear()

    def _remember(self, user: str, person: Person) -> None:
        with self._lock:
            self._cache[user] = person
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)


def _plain(name: str) -> str:
    """A name as people mean it. Kept marks stand on it: where this changes, a new layout has to mark everybody again."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _mark_of(name: str) -> int:
    """What stands for a name among the scores of a sorted set, which are exact up to 53 bits."""
    return int.from_bytes(hashlib.blake2b(_plain(name).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 12
