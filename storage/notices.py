"""Notices: private words kept for a member's next single chat, where no channel can reach him before."""

from __future__ import annotations

from typing import Any

from storage import keys
from storage.connection import Database, Script

LIFE_MS = 30 * 86_400_000


class Notices:
    """Private words by member; each lies in the shard of that member's single chats, so that accepting his message finds it."""

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._keep = Script("keep_notice")

    def keep(self, shard: int, member: int, text: str, *, once: str) -> bool:
        """Keeps a text; False when this act was done before."""
        names = [keys.NOTICES(shard=shard, member=member), keys.ONCE(shard=shard, community="~single", id=f"notice:{once}")]
        return bool(self._database.act(self._keep, names, [text, LIFE_MS]))

    def export_user(self, number: int) -> dict[str, Any]:
        """What is still to be said to the member."""
        kept = self._database.pipeline(("LRANGE", keys.NOTICES(shard=s, member=number), 0, -1) for s in range(self._shards))
        return {"待转达": [text for texts in kept for text in texts]}

    def erase_user(self, number: int) -> str:
        """Removes what is still to be said."""
        self._database.pipeline(("DEL", keys.NOTICES(shard=s, member=number)) for s in range(self._shards))
        return "已删除待转达的私信"
