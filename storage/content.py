"""Operators' content: FAQ, word lists, texts, pushes. One mechanism for all: every version is kept, the newest is in force."""

from __future__ import annotations

import json
from datetime import datetime

from storage import keys
from storage.connection import Database, Script


class ContentStore:
    """Versions of every kind of content, as the text that was put in."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._put = Script("put_content")

    def take_in(self, kind: str, text: str, now: datetime) -> int:
        """Takes the starting text in when the store has none of this kind; gives the number of the version in force."""
        return self._add(kind, text, "起始内容", now, only_first=True)

    def put(self, kind: str, text: str, author: str, now: datetime) -> int:
        """Adds a version, which is in force at once; gives its number."""
        return self._add(kind, text, author, now, only_first=False)

    def versions(self) -> dict[str, int]:
        """Kind → number of the version in force; one small round trip, for watchers."""
        flat = self._database.command("HGETALL", keys.CONTENT_VERSIONS())
        return {kind: int(number) for kind, number in zip(flat[::2], flat[1::2], strict=True)}

    def text(self, kind: str, version: int) -> str:
        """The text of one version."""
        kept = self._database.command("HGET", keys.CONTENT(kind=kind), version)
        return str(json.loads(kept)["text"])

    def export_user(self, number: int) -> dict[str, object]:
        """Content is the operators' own; nothing of a member is in it."""
        return {}

    def erase_user(self, number: int) -> str:
        """Content is the operators' own; nothing of a member is in it."""
        return "不保存个人数据"

    def _add(self, kind: str, text: str, author: str, now: datetime, *, only_first: bool) -> int:
        version = json.dumps({"text": text, "by": author, "at": now.isoformat()}, ensure_ascii=False)
        return int(self._database.act(self._put, [keys.CONTENT_VERSIONS(), keys.CONTENT(kind=kind)], [kind, version, int(only_first)]))
