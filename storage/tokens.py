"""WeCom's access tokens: one for each secret, shared by all processes, fetched by one of them at a time."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

import msgspec

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

SPARE_MS = 60_000
"""A token that lives less than this counts as gone: the request that carries it has to arrive yet."""
LOCK_MS = 20_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str = field(repr=False)
    until_ms: int
    fetched_ms: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no token could be had: WeCom's errcode (None: no answer) and text, and until when it is not worth asking again."""

    code: int | None
    text: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a secret: the token in force and since when, or why there is none. Both may be missing."""

    token: str | None = field(default=None, repr=False)
    fetched_ms: int = 0
    refusal: Refusal | None = None


_encode = msgspec.json.Encoder().encode
_decode_kept = msgspec.json.Decoder(_Kept).decode
_decode_refusal = msgspec.json.Decoder(Refusal).decode


def secret_id(corp_id: str, secret: str) -> str:
    """A name for a secret that does not give it away: 16 hex digits."""
    return hashlib.sha256((corp_id + secret).encode()).hexdigest()[:16]


class TokenStore:
    """Tokens by :func:`secret_id`. Times are ms since 1970."""

    PERSONAL = Personal(
        "企业微信的凭证",
        "access_token",
        (keys.TOKEN, keys.TOKEN_LOCK, keys.TOKEN_REFUSED),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unlock = Script("token_unlock")

    def prepare(self) -> None:
        """Loads the script."""
        self._database.load([self._unlock])

    def find(self, id: str, now_ms: int) -> Found:
        """The token in force and the refusal in force; one round trip."""
        token, refusal = self._database.pipeline([("GET", keys.TOKEN(id=id)), ("GET", keys.TOKEN_REFUSED(id=id))])
        kept = _decode_kept(token) if token else None
        refused = _decode_refusal(refusal) if refusal else None
        if refused and refused.until_ms <= now_ms:
            refused = None
        if kept is None or kept.until_ms - now_ms <= SPARE_MS:
            return Found(refusal=refused)
        return Found(kept.token, kept.fetched_ms, refused)

    def get(self, id: str, now_ms: int) -> str | None:
        """The token in force, None when one has to be fetched."""
        return self.find(id, now_ms).token

    def put(self, id: str, token: str, expires_in_s: int, now_ms: int) -> None:
        """Keeps a token for as long as WeCom says, and forgets an earlier refusal."""
        kept = _Kept(token, now_ms + expires_in_s * 1000, now_ms)
        self._database.pipeline(
            [
                ("SET", keys.TOKEN(id=id), _encode(kept).decode(), "PX", expires_in_s * 1000 + _HOUR_MS),
                ("DEL", keys.TOKEN_REFUSED(id=id)),
            ]
        )

    def refuse(self, id: str, code: int | None, text: str, now_ms: int, life_ms: int) -> None:
        """Remembers that WeCom gave no token, so that nobody asks again before ``life_ms`` have passed."""
        refusal = Refusal(code, text, now_ms + life_ms)
        self._database.command("SET", keys.TOKEN_REFUSED(id=id), _encode(refusal).decode(), "PX", life_ms)

    def lock(self, id: str) -> str | None:
        """The right to fetch, for 20 s of the server's time: a word to give it back with; None while another has it."""
        word = secrets.token_hex(8)
        taken = self._database.command("SET", keys.TOKEN_LOCK(id=id), word, "NX", "PX", LOCK_MS)
        return word if taken else None

    def unlock(self, id: str, word: str) -> bool:
        """Gives the right back; False when it had run out and passed on."""
        return bool(self._database.act(self._unlock, [keys.TOKEN_LOCK(id=id)], [word]))
