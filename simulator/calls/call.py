"""One REST call as its handler sees it, and the checks many of them share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.limits import SlidingWindow
from simulator.tokens import Tokens
from simulator.world import Media, RefusedError, World

MEDIA_LIFE_S = 3 * 86_400
_MEDIA_BYTES = {"image": 10_485_760, "voice": 2_097_152, "video": 10_485_760, "file": 20_971_520}


_SIGNS: Mapping[str, tuple[bytes, ...]] = {"image": (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"), "voice": (b"#!AMR",)}


@dataclass(frozen=True, slots=True)
class Windows:
    """The frequency limits in force (manual pages 99110 and 90312)."""

    webhook: SlidingWindow = field(default_factory=lambda: SlidingWindow(20, 60))
    member_minute: SlidingWindow = field(default_factory=lambda: SlidingWindow(30, 60))
    member_hour: SlidingWindow = field(default_factory=lambda: SlidingWindow(1_000, 3_600))
    corp_minute: SlidingWindow = field(default_factory=lambda: SlidingWindow(10_000, 60))
    group_day: SlidingWindow = field(default_factory=lambda: SlidingWindow(1_000, 86_400))
    update_hour: SlidingWindow = field(default_factory=lambda: SlidingWindow(1_000, 3_600))
    group_member: SlidingWindow = field(default_factory=lambda: SlidingWindow(200, 60))
    app_day: SlidingWindow = field(default_factory=lambda: SlidingWindow(20_000, 86_400))


@dataclass(frozen=True, slots=True)
class Call:
    """A request: its query arguments, its raw body, an uploaded file if any, and the state it acts on."""

    path: str
    args: Mapping[str, str]
    raw: bytes
    world: World
    tokens: Tokens
    windows: Windows
    upload: tuple[str, str, bytes] | None = None
    base_url: str = ""

    def body(self) -> dict[str, Any]:
        """The JSON object of the body; 40058 when it is none."""
        try:
            found = json.loads(self.raw)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RefusedError(40058, "the body is not a JSON object")
        return found

    def keep_upload(self, owner: str = "") -> dict[str, Any]:
        """Store the uploaded file by WeCom's size rules and answer its media id."""
        kind = self.args.get("type", "")
        if kind not in _MEDIA_BYTES or (owner and kind not in ("file", "voice")):
            raise RefusedError(40004, "invalid media type")
        if self.upload is None or len(self.upload[2]) <= 5:
            raise RefusedError(40006 if self.upload else 44001, "the file is missing or has no more than 5 bytes")
        filename, mime, data = self.upload
        if len(data) > _MEDIA_BYTES[kind]:
            raise RefusedError(40006, "the file is too large")
        if not data.startswith(_SIGNS.get(kind, (b"",))) or (kind == "video" and data[4:8] != b"ftyp"):
            raise RefusedError(40004, f"the file is no {kind}")
        media_id = self.world.store(Media(kind, data, mime, filename, self.world.now() + MEDIA_LIFE_S, owner))
        return {"type": kind, "media_id": media_id, "created_at": str(int(self.world.now()))}


Handler = Callable[[Call], dict[str, Any]]


def required_text(body: Mapping[str, Any], kind: str, limit_bytes: int) -> str:
    """The content of a text or markdown body; 44004 when empty, 45002 when too long."""
    part = body.get(kind)
    content = part.get("content") if isinstance(part, dict) else None
    if not isinstance(content, str) or not content:
        raise RefusedError(44004, f"{kind}.content is empty")
    if len(content.encode()) > limit_bytes:
        raise RefusedError(45002, f"{kind}.content has more than {limit_bytes} bytes")
    return content


def articles_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The 1 to 8 articles of a news body; too long titles are cut as WeCom does."""
    found = (body.get("news") or {}).get("articles") or []
    if len(found) > 8:
        raise RefusedError(45008, "more than 8 articles")
    if not found or any(not item.get("title") or not item.get("url") for item in found):
        raise RefusedError(40058, "an article needs a title and a url")
    return [{**item, "title": _cut(item["title"], 128), "description": _cut(item.get("description", ""), 512)} for item in found]


def digest(body: Mapping[str, Any]) -> str:
    """A fingerprint of a body, for the duplicate check."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode()[:limit_bytes].decode(errors="ignore")
