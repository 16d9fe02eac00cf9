"""Notices: private words kept for a member's next single chat, where no channel can reach him before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storage import keys
from storage.connection import Database, Script
from storage.personal import Personal

LIFE_MS = 30 * 86_400_000
_ABOUT = "\x1f"
"""Between the words and the numbers of those whom they name."""


class Notices:
    """Private words by member; each lies in the shard of that member's single chats, so that accepting his message finds it."""

    PERSONAL = Personal(
        "待转达",
        "等他下次单聊时说的话",
        (keys.NOTICES,),
        what="还没说的话",
        erasing="全部删除，别人那里提到他的也删",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._keep = Script("keep_notice")

    def keep(self, shard: int, member: int, text: str, *, once: str, about: Sequence[int] = ()) -> bool:
        """Keeps a text that names the members ``about``; False when this act was done before."""
        kept = text.replace(_ABOUT, " ") + (f"{_ABOUT}{','.join(map(str, about))}" if about else "")
        names = [keys.NOTICES(shard=shard, member=member), keys.ONCE(shard=shard, community="~single", id=f"notice:{once}")]
        return bool(self._database.act(self._keep, names, [kept, LIFE_MS]))

    def export_user(self, number: int) -> dict[str, Any]:
        """What is still to be said to the member."""
        kept = self._database.pipeline(("LRANGE", keys.NOTICES(shard=s, member=number), 0, -1) for s in range(self._shards))
        return {"待转达": [read_notice(text)[0] for texts in kept for text in texts]}

    def erase_user(self, number: int) -> str:
        """Removes what is still to be said to the member, and to others where it names him."""
        self._database.pipeline(("DEL", keys.NOTICES(shard=s, member=number)) for s in range(self._shards))
        for key in self._database.scan("qb:{*}:notices:*"):
            for kept in self._database.command("LRANGE", key, 0, -1):
                if number in read_notice(kept)[1]:
                    self._database.command("LREM", key, 0, kept)
        return "已删除待转达的私信（给他的，和提到他的）"


def read_notice(kept: str) -> tuple[str, tuple[int, ...]]:
    """A notice as it is kept: its words, and the members whom they name."""
    text, _, about = kept.partition(_ABOUT)
    return text, tuple(map(int, about.split(","))) if about else ()
