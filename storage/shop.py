"""The shop's shelves: how many of each item are left, and the codes that nobody has yet, sealed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from cryptography.fernet import Fernet

from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000
MOST_IN_STOCK = 10_000_000
LONGEST_CODE = 200
"""Characters of one code."""
_CODES_AT_ONCE = 500

Supply = Literal["codes", "counted", "free"]
"""Where an item comes from: one code each, a number that goes down, or as many as are wanted."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is of an item: ``left`` (None: any number), how many were had ``today`` by all, and what one member had, ever and today."""

    left: int | None
    today: int
    mine: int
    mine_today: int


@dataclass(frozen=True, slots=True)
class Added:
    """What came of putting codes in: how many are new, how many had been put in before, how many are there now."""

    new: int
    doubled: int
    left: int


class ShopStore:
    """Stock and codes of every community. ``evidence_key`` is a Fernet key that stays outside Redis."""

    PERSONAL = Personal(
        "商城",
        "商品的库存和还没给人的码",
        (keys.SHOP_STOCK, keys.SHOP_CODES, keys.SHOP_CODES_SEEN),
    )

    def __init__(self, database: Database, evidence_key: bytes) -> None:
        self._database = database
        self._key = evidence_key
        self._seal = Fernet(evidence_key)
        self._stock = Script("shop_stock")
        self._codes = Script("shop_codes")

    def restock(self, where: CommunityKeys, item: str, n: int, now: datetime, *, actor: int, once: str) -> tuple[int, int]:
        """Adds ``n`` (less than 0 takes away, never more than there is) to the stock; gives how many were and are there."""
        part = {"shard": where.shard, "community": where.id}
        names = [keys.ONCE(**part, id=f"stock:{once}"), keys.SHOP_STOCK(**part), keys.EVENTS(shard=where.shard)]
        got = self._database.act(self._stock, names, [to_ms(now), where.id, actor, once, item, n, MOST_IN_STOCK, ONCE_LIFE_MS])
        before, after = map(int, got.split("|"))
        return before, after

    def add_codes(self, where: CommunityKeys, item: str, codes: Sequence[str], now: datetime, *, actor: int, once: str) -> Added:
        """Puts codes to an item, 500 an act; those that were ever put in here, for whichever item, are passed over."""
        part = {"shard": where.shard, "community": where.id}
        new = doubled = left = 0
        for start in range(0, len(codes), _CODES_AT_ONCE):
            batch = codes[start : start + _CODES_AT_ONCE]
            id = f"{once}:{start}"
            names = [
                keys.ONCE(**part, id=f"codes:{id}"), keys.SHOP_CODES(**part, item=item), keys.SHOP_CODES_SEEN(**part),
                keys.EVENTS(shard=where.shard),
            ]  # fmt: skip
            sealed = [text for code in batch for text in (self._digest(code), self._seal.encrypt(code.encode()).decode())]
            got = self._database.act(self._codes, names, [to_ms(now), where.id, actor, id, item, ONCE_LIFE_MS, *sealed])
            fresh, again, left = map(int, got.split("|"))
            new, doubled = new + fresh, doubled + again
        return Added(new, doubled, left)

    def shelves(self, where: CommunityKeys, items: Mapping[str, Supply], today: date, member: int = 0) -> dict[str, Shelf]:
        """What there is of each item, and what a member has had; one round trip."""
        if not items:
            return {}
        part = {"shard": where.shard, "community": where.id}
        mine = [f"{member}:{item}" for item in items]
        day = keys.SHOP_HAD_TODAY(**part, day=today.isoformat())
        stock, had, today_all, today_mine, *codes = self._database.pipeline([
            ("HMGET", keys.SHOP_STOCK(**part), *items),
            ("HMGET", keys.SHOP_HAD(**part), *mine),
            ("HMGET", day, *items),
            ("HMGET", day, *mine),
            *(("LLEN", keys.SHOP_CODES(**part, item=item)) for item in items),
        ])  # fmt: skip
        found = {}
        for n, (item, supply) in enumerate(items.items()):
            left = {"codes": codes[n], "counted": int(stock[n] or 0), "free": None}[supply]
            found[item] = Shelf(left, int(today_all[n] or 0), int(had[n] or 0), int(today_mine[n] or 0))
        return found

    def _digest(self, code: str) -> str:
        return hmac.new(self._key, code.encode(), hashlib.sha256).hexdigest()[:24]
