"""Uploaded files: which media id a file has at WeCom right now, shared by all processes, so that each file is uploaded once in three days."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

LIFE_MS = 71 * 3_600_000
"""WeCom keeps a file for 72 hours; in the last one it may be gone before the message that names it arrives."""
LOCK_MS = 90_000
"""Longer than an upload may take; after a crash others wait this long."""


@dataclass(frozen=True, slots=True)
class _Kept:
    media_id: str = field(repr=False)
    until_ms: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode


class MediaStore:
    """Media ids by scope and digest. Times are ms since 1970.

    ``scope`` says who may send the file: ``app.<channel>``, ``hook.<digest of the key>``. ``digest`` stands for kind, name and bytes.
    """

    PERSONAL = Personal(
        "上传的文件",
        "上传到企业微信的文件的编号",
        (keys.MEDIA, keys.MEDIA_LOCK),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unlock = Script("token_unlock")  # removes a value that is still the same

    def find(self, scope: str, digest: str, now_ms: int) -> str | None:
        """The media id that still holds for an hour at least; None when the file has to be uploaded."""
        raw = self._database.command("GET", keys.MEDIA(scope=scope, digest=digest))
        kept = _decode(raw) if raw else None
        return kept.media_id if kept and kept.until_ms > now_ms else None

    def put(self, scope: str, digest: str, media_id: str, now_ms: int) -> None:
        """Keeps a fresh media id."""
        kept = _encode(_Kept(media_id, now_ms + LIFE_MS)).decode()
        self._database.command("SET", keys.MEDIA(scope=scope, digest=digest), kept, "PX", LIFE_MS)

    def forget(self, scope: str, digest: str, media_id: str) -> None:
        """Forgets a media id that WeCom refused; what another process has uploaded since stays."""
        name = keys.MEDIA(scope=scope, digest=digest)
        raw = self._database.command("GET", name)
        if raw and _decode(raw).media_id == media_id:
            self._database.act(self._unlock, [name], [raw])

    def lock(self, scope: str, digest: str) -> str | None:
        """The right to upload, for 90 s of the server's time: a word to give it back with; None while another has it."""
        word = secrets.token_hex(8)
        return word if self._database.command("SET", keys.MEDIA_LOCK(scope=scope, digest=digest), word, "NX", "PX", LOCK_MS) else None

    def unlock(self, scope: str, digest: str, word: str) -> None:
        """Gives the right back, if it is still one's own."""
        self._database.act(self._unlock, [keys.MEDIA_LOCK(scope=scope, digest=digest)], [word])

    def export_user(self, number: int) -> dict[str, Any]:
        """Nothing: a digest says nothing of a person."""
        return {}

    def erase_user(self, number: int) -> str:
        """Nothing to erase, said in Chinese."""
        return "上传过的文件只记摘要和编号，三天内自动消失"
