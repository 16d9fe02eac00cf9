"""A community as its keys see it: its id and the shard it belongs to for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from zoneinfo import ZoneInfo

from storage.connection import Database
from storage.keys import Family
from storage.moment import DEFAULT_TIMEZONE

_DEFAULT_ZONE = ZoneInfo(DEFAULT_TIMEZONE)


@dataclass(frozen=True, slots=True)
class CommunityKeys:
    """The id and the shard of a community, and its zone, by which its days begin (where nobody knows it, that of Shanghai)."""

    id: str
    shard: int
    zone: tzinfo = field(default=_DEFAULT_ZONE, compare=False, repr=False)

    def day_of(self, now: datetime) -> date:
        """The day of a moment there."""
        return now.astimezone(self.zone).date()


def communities_with(database: Database, family: Family) -> Iterator[CommunityKeys]:
    """Every community that has a key of ``family``; scans the keys, so only for rare acts."""
    before, after = family.pattern.split("{community}")
    after_plain = after.split("{")[0]
    seen: set[CommunityKeys] = set()
    for key in database.scan(before.replace("{{{shard}}}", "{*}") + "*" + after_plain + ("*" if "{" in after else "")):
        shard, rest = key[len("qb:{") :].split("}:", 1)
        community = rest[: rest.rindex(after_plain)]
        found = CommunityKeys(community, int(shard))
        if found not in seen:
            seen.add(found)
            yield found
