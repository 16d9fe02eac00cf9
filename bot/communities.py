"""Which community a chat belongs to, and what a community is to handlers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from bot.config import CommunityConfig, Config
from storage.community import CommunityKeys
from storage.groups import Groups
from storage.keys import shard_of
from storage.moment import DEFAULT_TIMEZONE

LOBBY = "~lobby"
"""The community of single chats with people who were never seen in a group, when none is configured."""
OVERFLOW = "~overflow"
"""The community of all unlisted groups above the limit: they are answered, but share their points."""
_PLAIN = re.compile(r"[\w@.+=-]+")
"""Ids that WeCom gives. An unlisted group's id names its community: one with signs that divide names shares a community."""


@dataclass(frozen=True, slots=True)
class Community:
    """A community: where its keys are, what it is called, its zone. Only a listed one gets pushes and warnings."""

    id: str
    name: str
    shard: int
    zone: tzinfo
    is_listed: bool
    main_group: str = ""

    @property
    def keys(self) -> CommunityKeys:
        """What stores want to know of it."""
        return CommunityKeys(self.id, self.shard, self.zone)

    def day_of(self, now: datetime) -> date:
        """The day of a moment there."""
        return now.astimezone(self.zone).date()


class Communities:
    """The configured communities, and those that unlisted groups become at their first message."""

    def __init__(self, config: Config, groups: Groups, shards: int) -> None:
        self._groups = groups
        self._shards = shards
        self._channels = frozenset(channel.kind for channel in config.channels)
        self._known = {listed.id: listed_community(listed, shards) for listed in config.communities}
        self._unlisted: dict[str, Community] = {}
        self._admin_groups = frozenset(listed.admin_group for listed in config.communities if listed.admin_group)
        self._by_chat = {
            chat: self._known[listed.id] for listed in config.communities for chat in (*listed.groups, listed.admin_group) if chat
        }

    @property
    def listed(self) -> tuple[Community, ...]:
        """The communities of the configuration."""
        return tuple(self._known.values())

    @property
    def channels(self) -> frozenset[str]:
        """The kinds of channels through which anything is heard of them."""
        return self._channels

    def of_chat(self, chat: str, now_ms: int) -> Community:
        """The community of a group; an unlisted group's first message costs a round trip."""
        if listed := self._by_chat.get(chat):
            return listed
        if chat not in self._unlisted:
            is_named = _PLAIN.fullmatch(chat) is not None and self._groups.register(chat, now_ms)
            self._unlisted[chat] = self._bare(chat if is_named else OVERFLOW)
        return self._unlisted[chat]

    def of_home(self, home: str) -> Community:
        """The community of a single chat, by where the member was last seen in a group."""
        if home:
            return self._by_chat.get(home) or self.named(home)
        return self.listed[0] if self._known else self._bare(LOBBY)

    def named(self, id: str) -> Community:
        """The community of an id."""
        return self._known.get(id) or self._bare(id)

    def is_in(self, chat: str, id: str) -> bool:
        """Whether the configuration puts a group into the community of an id."""
        found = self._by_chat.get(chat)
        return found is not None and found.id == id

    def is_admin_group(self, chat: str) -> bool:
        """Whether commands typed in this chat steer a community."""
        return chat in self._admin_groups

    def _bare(self, id: str) -> Community:
        return Community(id, id, shard_of(id, self._shards), _zone(DEFAULT_TIMEZONE), False)


def listed_community(listed: CommunityConfig, shards: int) -> Community:
    """A community of the configuration, where there are so many shards."""
    main = listed.groups[0] if listed.groups else ""
    return Community(listed.id, listed.name or listed.id, shard_of(listed.id, shards), _zone(listed.timezone), True, main)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
