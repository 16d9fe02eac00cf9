"""The console's doors: login codes that work once, and the sessions they begin. Only digests of secrets are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage import keys
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms
from storage.personal import Personal

LOGIN_LIFE_MS = 5 * 60_000
IDLE_MS = 30 * 60_000
LONGEST_MS = 12 * 3_600_000
MOST_SESSIONS = 20
"""Sessions of one member; a further one ends his oldest."""
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""What a login code is made of: nothing that is mistaken for something else when it is typed."""
_CODE = 16
_COOKIE = re.compile(r"([1-9]\d{0,17})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Session:
    """A console session: whose, since when, last used, and the digest that tells it from his others.

    ``way`` is how he came in (``link``, ``password``), ``browser`` its family, ``network`` a mark that is the same for his other sessions from the
    same network and leads nowhere; '' where an older version kept none.
    """

    member: int
    began: datetime
    seen: datetime
    digest: str
    way: str = "link"
    browser: str = ""
    network: str = ""


class Sessions:
    """Login codes and sessions of all members. ``key`` keeps networks from being guessed from their marks."""

    PERSONAL = Personal(
        "控制台",
        "控制台的登录",
        (keys.CONSOLE_LOGIN, keys.CONSOLE_SESSIONS),
        what="什么时候、怎么登录的、浏览器种类、网络的记号",
        erasing="全部结束",
        stays=(keys.CONSOLE_LOGIN,),
        stays_why="一次性登录码，五分钟后自动消失",
        passing=(keys.CONSOLE_LOGIN,),
        passing_why="五分钟就没了",
    )

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key
        self._begin = Script("begin_session")
        self._touch = Script("touch_session")

    def invite(self, number: int, now: datetime) -> str:
        """A login code for a member: 16 characters in groups of four, good once and for five minutes."""
        code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE))
        until = to_ms(now) + LOGIN_LIFE_MS
        self._database.command("SET", keys.CONSOLE_LOGIN(digest=_digest(code)), f"{number}|{until}", "PX", LOGIN_LIFE_MS)
        return "-".join(code[at : at + 4] for at in range(0, _CODE, 4))

    def redeem(self, code: str, now: datetime) -> int | None:
        """Uses up a login code, however it was typed; gives the member it was made for, None when there is none such (any more)."""
        plain = "".join(letter for letter in code[:64].upper() if letter in _LETTERS)
        if len(plain) != _CODE:
            return None
        invited = self._database.command("GETDEL", keys.CONSOLE_LOGIN(digest=_digest(plain)))
        if not invited:
            return None
        number, until = map(int, invited.split("|"))
        return number if to_ms(now) < until else None

    def begin(self, number: int, now: datetime, *, way: str = "link", browser: str = "", network: str = "") -> str:
        """Begins a session of a member; gives what its cookie holds. ``network`` is whence he comes; only a mark of it is kept."""
        secret = secrets.token_urlsafe(32)
        mark = hmac.new(self._key, f"network {number} {network}".encode(), hashlib.sha256).hexdigest()[:8] if network else ""
        args: list[str | int] = [_digest(secret), to_ms(now), LONGEST_MS, MOST_SESSIONS, f"{way}|{browser}|{mark}"]
        self._database.act(self._begin, [keys.CONSOLE_SESSIONS(member=number)], args)
        return f"{number}.{secret}"

    def touch(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie, kept awake; None when there is none, or it slept for 30 minutes, or is 12 hours old."""
        found = _COOKIE.fullmatch(cookie)
        if found is None:
            return None
        number, digest = int(found[1]), _digest(found[2])
        row = self._database.act(self._touch, [keys.CONSOLE_SESSIONS(member=number)], [digest, to_ms(now), IDLE_MS, LONGEST_MS])
        return _session(number, digest, row) if row else None

    def look(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie as :meth:`touch` finds it, but not kept awake: for what a page asks by itself, while nobody may be there."""
        found = _COOKIE.fullmatch(cookie)
        if found is None:
            return None
        number, digest = int(found[1]), _digest(found[2])
        row = self._database.command("HGET", keys.CONSOLE_SESSIONS(member=number), digest)
        return _session(number, digest, row) if row and _is_awake(row, to_ms(now)) else None

    def of(self, number: int, now: datetime) -> list[Session]:
        """The sessions of a member that may still be used, the one last used first; one round trip."""
        return self.of_many([number], now)

    def of_many(self, numbers: Sequence[int], now: datetime) -> list[Session]:
        """The sessions of some members that may still be used, the one last used first; one round trip."""
        tables = self._database.pipeline([("HGETALL", keys.CONSOLE_SESSIONS(member=number)) for number in numbers])
        found = [
            _session(number, digest, row)
            for number, flat in zip(numbers, tables, strict=True)
            for digest, row in zip(flat[::2], flat[1::2], strict=True)
            if _is_awake(row, to_ms(now))
        ]
        return sorted(found, key=lambda one: one.seen, reverse=True)

    def end_cookie(self, cookie: str) -> None:
        """Ends the session of a cookie, if it is one."""
        if found := _COOKIE.fullmatch(cookie):
            self._database.command("HDEL", keys.CONSOLE_SESSIONS(member=int(found[1])), _digest(found[2]))

    def end(self, session: Session) -> None:
        """Ends one session."""
        self._database.command("HDEL", keys.CONSOLE_SESSIONS(member=session.member), session.digest)

    def end_others(self, session: Session) -> int:
        """Ends all sessions of a member but this one; gives how many they were."""
        key = keys.CONSOLE_SESSIONS(member=session.member)
        others = [digest for digest in self._database.command("HKEYS", key) if digest != session.digest]
        return int(self._database.command("HDEL", key, *others)) if others else 0

    def end_all(self, number: int) -> int:
        """Ends all sessions of a member; gives how many they were."""
        key = keys.CONSOLE_SESSIONS(member=number)
        return int(self._database.pipeline([("HLEN", key), ("DEL", key)])[0])

    def count(self, number: int, now: datetime) -> int:
        """How many sessions of a member may still be used."""
        return len(self.of(number, now))

    def export_user(self, number: int) -> dict[str, Any]:
        """Since when the member has sessions of the console."""
        rows = self._database.command("HVALS", keys.CONSOLE_SESSIONS(member=number))
        return {"控制台登录": sorted(from_ms(int(row.split("|")[0])).isoformat() for row in rows)}

    def erase_user(self, number: int) -> str:
        """Ends the member's sessions."""
        return f"已结束 {self.end_all(number)} 个控制台登录"


def _is_awake(row: str, now_ms: int) -> bool:
    began, seen = map(int, row.split("|")[:2])
    return now_ms - seen < IDLE_MS and now_ms - began < LONGEST_MS


def _session(number: int, digest: str, row: str) -> Session:
    began, seen, *more = row.split("|")
    return Session(number, from_ms(int(began)), from_ms(int(seen)), digest, *more)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
