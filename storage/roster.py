"""The roster as the bot learned it: who was seen in which community, and what was kept to answer repeats."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database
from storage.keys import shard_of
from storage.moment import from_ms
from storage.personal import Personal


class Roster:
    """Members by community, by their first message."""

    PERSONAL = Personal(
        "成员名册",
        "什么时候第一次来，哪天说过话",
        (keys.MEMBERS, keys.ACTIVE),
        what="第一次来的时间；每天说没说过话，每人一位",
        erasing="全部删除",
        passing=(keys.ACTIVE,),
        passing_why="事件记录里有每次说话的时间",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards

    def count(self, where: CommunityKeys) -> int:
        """How many members have been seen in a community."""
        return int(self._database.command("HLEN", keys.MEMBERS(shard=where.shard, community=where.id)))

    def seen(self, where: CommunityKeys, numbers: Sequence[int]) -> list[int]:
        """Those of the members who were seen in a community, in their order."""
        if not numbers:
            return []
        known = self._database.command("HMGET", keys.MEMBERS(shard=where.shard, community=where.id), *numbers)
        return [number for number, since in zip(numbers, known, strict=True) if since]

    def all(self, where: CommunityKeys) -> Iterator[int]:
        """Everybody who was seen in a community, in no order, some perhaps twice; for tables to take along."""
        return (int(number) for number, _ in self._database.rows(keys.MEMBERS(shard=where.shard, community=where.id)) if number.isdigit())

    def places(self, places: Sequence[CommunityKeys], number: int) -> list[CommunityKeys]:
        """Those of the communities in which a member was seen, in their order; one round trip."""
        asked = [("HEXISTS", keys.MEMBERS(shard=where.shard, community=where.id), number) for where in places]
        found = self._database.pipeline(asked)
        return [where for where, is_seen in zip(places, found, strict=True) if is_seen]

    def since(self, where: CommunityKeys, number: int) -> datetime | None:
        """When a member was first seen in a community; None when he was not, or is being welcomed."""
        seen = self._database.command("HGET", keys.MEMBERS(shard=where.shard, community=where.id), number)
        return from_ms(int(seen)) if seen and seen.isdigit() else None

    def all_since(self, members: Sequence[tuple[CommunityKeys, int]]) -> list[datetime | None]:
        """The same for many members, in their order; one round trip."""
        asked = [("HGET", keys.MEMBERS(shard=where.shard, community=where.id), number) for where, number in members]
        found = self._database.pipeline(asked)
        return [from_ms(int(seen)) if seen and seen.isdigit() else None for seen in found]

    def last_active(self, where: CommunityKeys, number: int, user: str, today: date, days: int = 60) -> date | None:
        """The last of so many days, up to ``today``, on which a member spoke, in a group or (as ``user``) alone; one round trip."""
        past = [today - timedelta(days=back) for back in range(days)]
        shards = sorted({where.shard, shard_of(user, self._shards)})
        asked = [
            ("GETBIT", keys.ACTIVE(shard=shard, community=where.id, day=day.isoformat()), number) for day in past for shard in shards
        ]  # fmt: skip
        bits = self._database.pipeline(asked)
        return next((day for at, day in enumerate(past) if any(bits[at * len(shards) : (at + 1) * len(shards)])), None)

    def last_actives(self, where: CommunityKeys, users: Mapping[int, str], today: date, days: int = 30) -> dict[int, date | None]:
        """The same for many members (number → WeCom user id); one round trip."""
        if not users:
            return {}
        past = [today - timedelta(days=back) for back in range(days)]
        asked = [
            ("GETBIT", keys.ACTIVE(shard=shard, community=where.id, day=day.isoformat()), number)
            for number, user in users.items()
            for day in past
            for shard in (where.shard, shard_of(user, self._shards))
        ]
        bits = iter(self._database.pipeline(asked))
        # both bits of a day are taken, whichever is set
        seen = {number: [day for day in past if any((next(bits), next(bits)))] for number in users}
        return {number: days[0] if days else None for number, days in seen.items()}

    def export_user(self, number: int) -> dict[str, Any]:
        """Since when the member is known, by community."""
        out = {}
        for where in communities_with(self._database, keys.MEMBERS):
            if (seen := self._database.command("HGET", keys.MEMBERS(shard=where.shard, community=where.id), number)) and seen.isdigit():
                out[where.id] = from_ms(int(seen)).isoformat()
        return out

    def erase_user(self, number: int) -> str:
        """Removes the member from every roster, with open questions and the answers kept for repeats; his days of activity go with the figures."""
        for where in communities_with(self._database, keys.MEMBERS):
            self._database.command("HDEL", keys.MEMBERS(shard=where.shard, community=where.id), number)
        for key in (key for kind in ("waiting", "talk") for key in self._database.scan(f"qb:{{*}}:{kind}:*:{number}")):
            self._database.command("DEL", key)
        gone = 0
        for key in self._database.scan("qb:{*}:msg:*"):
            member, answer, about = self._database.command("HMGET", key, "member", "answer", "about")
            if member == str(number) or speaks_of(f"{answer} {about}", number):
                gone += self._database.command("DEL", key)
        return f"已从成员名册中删除，并删除 {gone} 条为重复回调保留的回答（他的，和提到他的）"


def named_in(text: str) -> list[int]:
    """The members of whom :func:`speaks_of` holds."""
    return [int(number) for number in re.findall(r"成员 (\d{1,18})(?!\d)", text)]


def speaks_of(text: str, number: int) -> bool:
    """Whether a text names a member as administrators see him: 成员 and his number. What it quotes of him goes with him."""
    return re.search(rf"成员 {number}(?!\d)", text) is not None
