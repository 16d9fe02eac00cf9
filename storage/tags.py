"""Tags: short words that operators and flows put on members, with an index by tag."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, cast

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000
MOST_OF_MEMBER = 30
MOST_OF_COMMUNITY = 500
LONGEST = 20
"""Characters of a tag."""
Outcome = Literal["done", "same", "full", "many"]
"""What came of a change: done, nothing to do, too many on the member, or too many in the community."""
_FORBIDDEN = frozenset(",，|:：{}@＠#＃\\\"'")


def is_tag(text: str) -> bool:
    """Whether a text can be a tag: 1 to 20 characters, one word, none of the signs that lists and keys are made of."""
    return 0 < len(text) <= LONGEST and text.isprintable() and not any(sign.isspace() or sign in _FORBIDDEN for sign in text)


class Tags:
    """The tags of every community."""

    PERSONAL = Personal(
        "标签",
        "给成员分组",
        (keys.TAGS_OF, keys.TAGS, keys.TAGGED),
        what="有哪些标签",
        erasing="全部摘掉",
        passing=(keys.TAGGED,),
        passing_why="同一件事反过来记一遍",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._change = Script("change_tag")

    def add(self, where: CommunityKeys, member: int, tag: str, now: datetime, *, actor: int, once: str) -> Outcome:
        """Puts a tag on a member. Raises ValueError for what is no tag."""
        return self._put(where, member, tag, now, actor, once, is_added=True)

    def remove(self, where: CommunityKeys, member: int, tag: str, now: datetime, *, actor: int, once: str) -> Outcome:
        """Takes a tag off a member."""
        return self._put(where, member, tag, now, actor, once, is_added=False)

    def of(self, where: CommunityKeys, member: int) -> tuple[str, ...]:
        """A member's tags, oldest first."""
        kept = self._database.command("HGET", keys.TAGS_OF(shard=where.shard, community=where.id), member)
        return tuple(kept.split(",")) if kept else ()

    def members(self, where: CommunityKeys, tag: str, count: int = 50, skip: int = 0) -> list[int]:
        """Members with a tag, those that got it last first."""
        key = keys.TAGGED(shard=where.shard, community=where.id, tag=tag)
        return [int(member) for member in self._database.command("ZREVRANGE", key, skip, skip + count - 1)]

    def all(self, where: CommunityKeys) -> dict[str, int]:
        """Every tag of a community and how many members have it, the commonest first."""
        flat = self._database.command("HGETALL", keys.TAGS(shard=where.shard, community=where.id))
        found = zip(flat[::2], map(int, flat[1::2]), strict=True)
        return dict(sorted(found, key=lambda row: (-row[1], row[0])))

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's tags by community."""
        found = {where.id: list(self.of(where, number)) for where in communities_with(self._database, keys.TAGS_OF)}
        return {community: tags for community, tags in found.items() if tags}

    def erase_user(self, number: int) -> str:
        """Takes all tags off the member."""
        gone = 0
        for where in communities_with(self._database, keys.TAGS_OF):
            for tag in self.of(where, number):
                gone += self._act(where, number, tag, 0, "", is_added=False, data="") == "done"
        return f"已摘掉 {gone} 个标签"

    def _put(self, where: CommunityKeys, member: int, tag: str, now: datetime, actor: int, once: str, *, is_added: bool) -> Outcome:
        if not is_tag(tag):
            raise ValueError(f"{len(tag)} characters are no tag")
        data = json.dumps({"act": "tag" if is_added else "untag", "tag": tag, "actor": actor}, ensure_ascii=False)
        name = f"tag:{once}:{member}:{tag}" if once else ""
        return self._act(where, member, tag, to_ms(now), name, is_added=is_added, data=data)

    def _act(self, where: CommunityKeys, member: int, tag: str, now_ms: int, once: str, *, is_added: bool, data: str) -> Outcome:
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._change,
            [
                keys.ONCE(**part, id=once), keys.TAGS_OF(**part), keys.TAGGED(**part, tag=tag), keys.TAGS(**part),
                keys.EVENTS(shard=where.shard),
            ],
            [now_ms, where.id, member, tag, int(is_added), once, ONCE_LIFE_MS, MOST_OF_MEMBER, MOST_OF_COMMUNITY, data],
        )  # fmt: skip
        return cast(Outcome, got)
