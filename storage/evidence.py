"""Evidence: what a case is about, sealed under a key that stays outside Redis; and marks by which a text is known again when it has gone."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from rules.judgement import Verdict
from storage.community import CommunityKeys
from storage.moment import from_ms

_SEALED = "\x01"
"""Begins what is sealed as JSON; an older layout sealed the text alone."""
UNREADABLE = "（无法解封：证据密钥已更换）"


class Ground(msgspec.Struct, frozen=True):
    """What a judge found, as it is kept: see :class:`rules.judgement.Reason`."""

    judge: str
    category: str
    score: float
    severity: int
    rule: str
    said: str
    span: tuple[int, int] | None = None
    steps: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True):
    """A text and why it was filed. ``note`` are the words of who sent it (``by``: a reporter or who appeals; 0 nobody)."""

    text: str = ""
    grounds: tuple[Ground, ...] = ()
    note: str = ""
    by: int = 0


def grounds_of(verdict: Verdict) -> tuple[Ground, ...]:
    """What the judges found, as it is kept, worst first."""
    return tuple(
        Ground(found.source, found.category, found.score, found.severity, found.rule, found.said, found.span, found.steps)
        for found in verdict.reasons
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A piece of evidence as it is found: under which name, since when."""

    name: str
    at: datetime
    evidence: Evidence


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Evidence).decode


class Seal:
    """Seals evidence and makes marks. ``key`` is a Fernet key."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._key = key

    def close(self, evidence: Evidence) -> str:
        """Sealed evidence."""
        return self._fernet.encrypt(_SEALED.encode() + _encode(evidence)).decode()

    def open(self, name: str, kept: str) -> Kept:
        """A piece of evidence from what is kept: ``time|sealed``."""
        at, sealed = kept.split("|", 1)
        try:
            text = self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return Kept(name, from_ms(int(at)), Evidence(UNREADABLE))
        found = _decode(text[1:]) if text.startswith(_SEALED) else Evidence(text)
        return Kept(name, from_ms(int(at)), found)

    def mark(self, where: CommunityKeys, text: str) -> str:
        """What stands for a text: nobody can tell it from that without the key, but the same text of a community has the same."""
        return hmac.new(self._key, f"case\x1f{where.id}\x1f{text}".encode(), hashlib.sha256).hexdigest()[:20]
