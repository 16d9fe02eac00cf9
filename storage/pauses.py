"""Pauses: the communities in which an administrator told the bot to be still, and how much of what it says stops there; and crises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from storage import keys
from storage.connection import Database, Script
from storage.outbox import Delivery
from storage.personal import Personal

Pause = Literal["", "posts", "all"]
"""What is stopped in a community: nothing; what nobody asked for (pushes, warnings, welcomes); that and the answers to members."""
ONCE_LIFE_MS = 7 * 86_400_000


class Pauses:
    """The paused communities, remembered by each process, so that looking costs nothing. What others changed is known after ``keep_up``."""

    PERSONAL = Personal(
        "暂停",
        "哪里暂停了",
        (keys.PAUSES, keys.CRISES, keys.PAUSES_ONCE),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._set = Script("set_pause")
        self._table: Mapping[str, str] = {}
        self._crises: Mapping[str, str] = {}

    def of(self, community: str) -> str:
        """What is stopped in a community, as a :data:`Pause`; '' where nothing is. No round trip."""
        return self._table.get(community, "")

    def lane(self, community: str) -> str:
        """The outbox lane of what nobody there waits for: bulk, where a sender holds it, while the community is paused, else now."""
        return "bulk" if self.of(community) else "now"

    def holds(self, delivery: Delivery) -> bool:
        """Whether a delivery waits until its community goes on. No round trip."""
        return delivery.lane == "bulk" and bool(self.of(delivery.community))

    def set(self, community: str, pause: Pause, *, once: str) -> str:
        """Stops so much in a community from now on, or ('') nothing any more; gives what was stopped before, to a repeat too."""
        args: list[str | int] = [community, pause, ONCE_LIFE_MS]
        before = self._database.act(self._set, [keys.PAUSES(), keys.PAUSES_ONCE(id=once)], args)
        self.keep_up()
        return str(before)

    def crisis_since(self, community: str) -> int:
        """Since when (ms) a community is in crisis, and hears no marketing; 0 while it is not. No round trip."""
        return int(self._crises.get(community, 0))

    def set_crisis(self, community: str, now_ms: int, *, once: str) -> bool:
        """Notes that a community is in crisis from now on, or with 0 no longer; gives whether it was before, to a repeat too."""
        since = now_ms and (self.crisis_since(community) or now_ms)
        args: list[str | int] = [community, since or "", ONCE_LIFE_MS]
        before = self._database.act(self._set, [keys.CRISES(), keys.PAUSES_ONCE(id=once)], args)
        self.keep_up()
        return bool(before)

    def keep_up(self) -> None:
        """Learns what is paused now; one round trip."""
        paused, crises = self._database.pipeline([("HGETALL", keys.PAUSES()), ("HGETALL", keys.CRISES())])
        self._table = dict(zip(paused[::2], paused[1::2], strict=True))
        self._crises = dict(zip(crises[::2], crises[1::2], strict=True))

    def export_user(self, number: int) -> dict[str, object]:
        """Who paused what stands in the audit."""
        return {}

    def erase_user(self, number: int) -> str:
        """Who paused what stands in the audit."""
        return "不保存个人数据"
