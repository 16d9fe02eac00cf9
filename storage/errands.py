"""Errands: what is asked of WeCom without anybody waiting for it. Kept until done, merged by name, done by one process at a time.

An errand is lent until a time: a process that dies gives it back by itself. Asked for while it is being done, it is done anew afterwards, so
nothing that was asked for is lost; what does it has to bear being done twice, or to look at :attr:`Errand.was_begun` first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage import bells, keys
from storage.community import CommunityKeys
from storage.connection import Database, Script, pairs
from storage.personal import Personal

LEASE_MS = 60_000
"""Longer than a roster of 500 takes at worst."""
ONCE_LIFE_MS = 7 * 86_400_000
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Errand:
    """One errand: what ``kind`` of work, with which ``channel``'s rights, for which community, about what (a chat, say), and its facts.

    ``tries`` counts this time too. ``was_begun``: an earlier try noted that it is about to do what may not be done twice.
    """

    kind: str
    channel: str
    subject: str
    where: CommunityKeys
    facts: Mapping[str, str] = field(default_factory=dict, repr=False)
    tries: int = 0
    hints: str = ""
    fence: str = ""

    @property
    def id(self) -> str:
        """Its name: what has one name is one errand."""
        return f"{self.kind}:{self.channel}:{self.subject}"

    @property
    def was_begun(self) -> bool:
        """Whether an earlier try may have done it already."""
        return "begun" in self.facts


class Errands:
    """The errands of all shards."""

    PERSONAL = Personal(
        "跑腿",
        "要请企业微信做的事：读群名册、发欢迎语",
        (keys.ERRANDS, keys.ERRAND),
        stays=(keys.ERRAND,),
        stays_why="做完就没了",
        passing=(keys.ERRAND, keys.ERRANDS),
        passing_why="做完就没了",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._ask = Script("ask_errand")
        self._take = Script("take_errand")
        self._settle = Script("settle_errand")
        self._begin = Script("begin_errand")

    def ask(self, errand: Errand, due_ms: int, *, first: Mapping[str, str] | None = None, once: str = "") -> None:
        """Asks for an errand at ``due_ms`` or, if it was asked for before, when it is due. ``first`` are facts that the first asking decides.

        With ``once`` a repeat of the same asking does nothing, even after the errand was done.
        """
        about = {"kind": errand.kind, "channel": errand.channel, "subject": errand.subject, "community": errand.where.id, **errand.facts}
        newest = [part for fact in about.items() for part in fact]
        kept = [part for fact in (first or {}).items() for part in fact]
        names = self._keys(errand.where.shard, errand.id)
        args: list[str | int] = [errand.id, due_ms, len(about), *newest, *kept]
        if once:
            names.append(keys.ONCE(shard=errand.where.shard, community=errand.where.id, id=f"{once}:errand"))
            args.append(ONCE_LIFE_MS)
        self._database.act(self._ask, names, args)

    def due(self, now_ms: int) -> list[tuple[int, str]]:
        """Shard and name of what may be tried, the longest waiting first; one round trip."""
        return bells.ring(self._database, keys.ERRANDS, self._shards, now_ms, most=_AT_ONCE)

    def take(self, shard: int, id: str, now_ms: int, *, lease_ms: int = LEASE_MS) -> Errand | None:
        """Lends an errand to this process; None when it is not due (any more)."""
        flat = self._database.act(self._take, self._keys(shard, id), [id, now_ms, now_ms + lease_ms])
        if not flat:
            return None
        row = pairs(flat)
        kind, channel, subject, community = (row.pop(name) for name in ("kind", "channel", "subject", "community"))
        tries, hints, fence = int(row.pop("tries")), row.pop("hints"), row.pop("fence")
        return Errand(kind, channel, subject, CommunityKeys(community, shard), row, tries, hints, fence)

    def begin(self, errand: Errand) -> bool:
        """Notes that what may not be done twice is done next: a later try will know. False when it is lent to another or was begun before."""
        return self._mark(errand, 1)

    def take_back(self, errand: Errand) -> bool:
        """Notes that it was not done after all: WeCom said so, or was not reached. False when it is lent to another."""
        return self._mark(errand, 0)

    def done(self, errand: Errand, anew_ms: int) -> bool:
        """Settles: done. If it was asked for meanwhile it is due again at ``anew_ms``. False when it was lent to another: nothing was done."""
        return self._settled(errand, "", anew_ms)

    def again(self, errand: Errand, at_ms: int) -> bool:
        """Settles: to be tried again at ``at_ms``. False when it was lent to another."""
        return self._settled(errand, at_ms, at_ms)

    def depth(self) -> int:
        """How many errands wait; one round trip."""
        return sum(self._database.pipeline(("ZCARD", keys.ERRANDS(shard=shard)) for shard in range(self._shards)))

    def export_user(self, number: int) -> dict[str, object]:
        """Errands are about groups and administrators' own texts, not about members."""
        return {}

    def erase_user(self, number: int) -> str:
        """Errands are about groups and administrators' own texts, not about members."""
        return "不保存个人数据"

    def _mark(self, errand: Errand, begun: int) -> bool:
        return bool(self._database.act(self._begin, [keys.ERRAND(shard=errand.where.shard, id=errand.id)], [errand.fence, begun]))

    def _settled(self, errand: Errand, again_ms: int | str, anew_ms: int) -> bool:
        where = self._keys(errand.where.shard, errand.id)
        return bool(self._database.act(self._settle, where, [errand.id, errand.fence, errand.hints, again_ms, anew_ms]))

    def _keys(self, shard: int, id: str) -> list[str]:
        return [keys.ERRANDS(shard=shard), keys.ERRAND(shard=shard, id=id)]
