"""Tokens of the open interface: what they open, for how long, and when they were last used. Only digests of them are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms
from storage.personal import Personal

PREFIX = "qgj_"
"""What a token begins with: whoever finds one in a file knows what it is."""
MOST = 200
"""Tokens that are good at a time in one community, and as many for all of them."""
REMEMBERED_MS = 7 * 86_400_000
"""How long at least it is known that a token was ended: a repeat of the form that made it does not bring it back."""
_KEYS = (keys.API_TOKENS(), keys.API_USED(), keys.API_ENDED())
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


class ApiToken(msgspec.Struct, frozen=True):
    """A token: its name, ``place`` (a community's id or ``storage.roles.ALL``), whether ``names`` of members are told; who made it, when, until when (ms)."""

    id: str
    name: str
    place: str
    names: bool
    by: int
    made: int
    until: int

    def is_over(self, now: datetime) -> bool:
        """Whether its time is past."""
        return to_ms(now) >= self.until

    @property
    def lasts(self) -> int:
        """How long it is good altogether, in ms."""
        return self.until - self.made

    @property
    def ends(self) -> datetime:
        """Until when it is good."""
        return from_ms(self.until)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(ApiToken).decode


class TokenRefused(Exception):
    """A token that was not made; the text says why, for the log."""


class TooMany(TokenRefused):
    """Its place has :data:`MOST` of them."""


class ApiTokens:
    """All tokens of the installation. ``key`` is what they are made with."""

    PERSONAL = Personal(
        "接口令牌",
        "让报表等程序读数据",
        (keys.API_TOKENS, keys.API_USED, keys.API_ENDED),
        what="他建的令牌的名称、社群、建立和到期的时间；令牌只存摘要",
        erasing="吊销并删除",
    )

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._key = key
        self._make = Script("make_api_token")
        self._end = Script("end_api_tokens")

    def make(self, name: str, place: str, *, names: bool, by: int, now: datetime, until: datetime, once: str) -> tuple[str, ApiToken]:
        """A new token and what is kept of it; a repeat gives the same. One round trip.

        Raises TooMany, and TokenRefused for a repeat that asks for another token than the first, or for one that was ended since.
        """
        secret = hmac.new(self._key, f"token for {by} {once}".encode(), hashlib.sha256).digest()
        token = f"{PREFIX}{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"
        digest = _digest(token)
        made = ApiToken(digest[:12], name, place, names, by, to_ms(now), to_ms(until))
        found = self._database.act(self._make, _KEYS, [digest, _encode(made), place, MOST, made.made])
        if found == "full":
            raise TooMany(f"there are {MOST} tokens already")
        if found == "ended":
            raise TokenRefused("it was ended before")
        kept = _decode(found)
        if (kept.name, kept.place, kept.names, kept.lasts) != (made.name, made.place, made.names, made.lasts):
            raise TokenRefused("its form made another one before")
        return token, kept

    def find(self, token: str, now: datetime) -> ApiToken | None:
        """What is kept of a token that somebody shows, None when it is none, or over; one round trip."""
        if not _TOKEN.fullmatch(token):
            return None
        kept = self._database.command("HGET", keys.API_TOKENS(), _digest(token))
        found = _decode(kept) if kept else None
        return None if found is None or found.is_over(now) else found

    def all(self) -> list[tuple[ApiToken, date | None]]:
        """Every token with the last day on which it was used, the newest first; one round trip."""
        kept, used = self._database.pipeline([("HVALS", keys.API_TOKENS()), ("HGETALL", keys.API_USED())])
        days = dict(zip(used[::2], used[1::2], strict=True))
        tokens = sorted(map(_decode, kept), key=lambda one: (-one.made, one.id))
        return [(one, date.fromisoformat(days[one.id]) if one.id in days else None) for one in tokens]

    def note_used(self, token: ApiToken, day: date) -> None:
        """Notes that a token was used on a day."""
        self._database.command("HSET", keys.API_USED(), token.id, day.isoformat())

    def revoke(self, id: str, now: datetime) -> ApiToken | None:
        """Ends a token; gives what was kept of it, None where there is none."""
        flat = self._database.command("HGETALL", keys.API_TOKENS())
        for digest, kept in zip(flat[::2], flat[1::2], strict=True):
            found = _decode(kept)
            if found.id == id:
                return found if self._remove([(digest, found)], now) else None
        return None

    def export_user(self, number: int) -> list[dict[str, Any]]:
        """The tokens that the member made."""
        return [
            {"名称": one.name, "社群": one.place, "建立": from_ms(one.made).isoformat(), "到期": one.ends.isoformat()}
            for one, _ in self.all()
            if one.by == number
        ]

    def erase_user(self, number: int) -> str:
        """Ends the tokens that the member made: nobody answers for them any more."""
        flat = self._database.command("HGETALL", keys.API_TOKENS())
        his = [(digest, found) for digest, kept in zip(flat[::2], flat[1::2], strict=True) if (found := _decode(kept)).by == number]
        self._remove(his)
        return f"已吊销 {len(his)} 个接口令牌" if his else "没有接口令牌"

    def _remove(self, tokens: Sequence[tuple[str, ApiToken]], now: datetime | None = None) -> int:
        least = to_ms(now) + REMEMBERED_MS if now else 0
        words = [word for digest, one in tokens for word in (digest, one.id, max(one.until, least))]
        return int(self._database.act(self._end, _KEYS, words)) if words else 0


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
