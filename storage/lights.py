"""Lights: how well each community was when it was last looked at, and which of its troubles were told to whom looks after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script, pairs
from storage.moment import to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal

_TOLD = "told:"


@dataclass(frozen=True, slots=True)
class Looked:
    """The last look: its serial and moment (ms), what it showed, and by each trouble that stood when it was told (ms)."""

    serial: int = 0
    at_ms: int = 0
    shown: str = ""
    told: Mapping[str, int] = field(default_factory=dict)


class Lights:
    """The last look at every community. Figures only: they name nobody."""

    PERSONAL = Personal(
        "健康灯",
        "社群好不好",
        (keys.LIGHTS,),
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keep = Script("keep_lights")

    def all(self, places: Sequence[CommunityKeys]) -> list[Looked]:
        """The last looks at some communities, in their order; one round trip."""
        rows = self._database.pipeline(("HGETALL", keys.LIGHTS(shard=where.shard, community=where.id)) for where in places)
        return [_looked(pairs(flat)) for flat in rows]

    def keep(
        self, where: CommunityKeys, before: Looked, shown: str, told: Mapping[str, int], deliveries: Sequence[Delivery], now: datetime
    ) -> bool:
        """Keeps a look with the troubles that stand, and sends what tells of the new ones; False when another was kept since ``before``."""
        rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        names = [keys.LIGHTS(shard=where.shard, community=where.id), keys.OUTBOX_DUE(shard=where.shard), *(queue for queue, _, _ in rows)]
        args: list[str | bytes | int | float] = [
            to_ms(now), before.serial, where.shard, shown, len(told), *(piece for name, at in told.items() for piece in (name, at)),
            *(piece for _, name, item in rows for piece in (name, item)),
        ]  # fmt: skip
        return bool(self._database.act(self._keep, names, args))


def _looked(row: Mapping[str, str]) -> Looked:
    if not row:
        return Looked()
    told = {name.removeprefix(_TOLD): int(at) for name, at in row.items() if name.startswith(_TOLD)}
    return Looked(int(row["serial"]), int(row["at"]), row["shown"], told)
