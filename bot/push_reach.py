"""Whom a push would reach: how many people, and in how many groups – counted from the columns of traits, never member by member."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import deliveries
from bot.audience import Audience
from bot.communities import Community
from bot.config import Config
from bot.errors import UserError
from bot.live import Contents
from rules.pushes import Push, audience_of
from rules.segments import Query, SegmentError, fits, names_of, traits_of
from storage.moment import from_ms
from storage.stores import Stores

MOST_NAMED = 50
"""Groups that are asked for by name; where a push names more, all members are counted."""


@dataclass(frozen=True, slots=True)
class Reach:
    """So many people read it, in so many groups; ``groups`` None: one by one."""

    people: int
    groups: int | None = None

    @property
    def words(self) -> str:
        """In words: 38 个群的 1,240 人."""
        if self.groups is None:
            return f"{self.people:,} 人"
        return f"{self.groups:,} 个群的 {self.people:,} 人" if self.groups else "0 个群（没有到群里的 webhook 或长连接）"


def reach_of(push: Push, where: Sequence[Community], stores: Stores, config: Config, contents: Contents, now: datetime) -> Reach:
    """Whom a push would reach in these communities at this moment. Raises UserError for a segment that cannot be."""
    audience, people, groups = Audience(stores, contents), 0, 0
    if push.to == "members" and len(where) > 1 and not push.receivers_of:
        return Reach(len(frozenset[int]().union(*(_members_of(push, one, audience, now) for one in where))))
    for one in where:
        if push.receivers_of:
            of, _, planned = push.receivers_of.rpartition("@")
            people += stores.mailings.count_receivers(one.keys, of, from_ms(int(planned)))
            continue
        query = _query(push, one, audience)
        chats = len(groups_of(push, one, config)) if push.to == "groups" else None
        people += 0 if chats == 0 else audience.count(one, query, one.day_of(now)).members
        groups += chats or 0
    return Reach(people, groups if push.to == "groups" else None)


def _members_of(push: Push, where: Community, audience: Audience, now: datetime) -> frozenset[int]:
    """Who is meant in a community, by number: somebody in several gets it once."""
    query, day = _query(push, where, audience), where.day_of(now)
    blocks = audience.stores.traits.blocks(where.keys, traits_of(query), names_of(query), day)
    return frozenset(int(member) for _, block in blocks for member in block.members[fits(query, block)])


def _query(push: Push, where: Community, audience: Audience) -> Query:
    """Who reads a push in a community. Raises UserError for a segment that cannot be."""
    try:
        if push.segment:  # by itself, so that what is wrong is told by its own column
            audience.query(where, push.segment)
        return audience.query(where, _readers(push))
    except SegmentError as wrong:
        raise UserError(str(wrong)) from None


def groups_of(push: Push, community: Community, config: Config) -> tuple[str, ...]:
    """The groups of a community that a push goes to: those that it names, else all to which a way leads."""
    return tuple(dict.fromkeys(push.groups)) or tuple(chat for chat in config.groups_of(community.id) if _has_way(config, community, chat))


def _has_way(config: Config, community: Community, chat: str) -> bool:
    asked = "" if chat == community.main_group else chat
    return deliveries.to_group(config, community.id, asked, "…", id="", lane="bulk", now_ms=0) is not None


def _readers(push: Push) -> str:
    """The expression for all who read a push: of one to groups everybody in them, whomever it mentions."""
    if push.to == "members":
        return audience_of(push)
    if not push.groups or len(push.groups) > MOST_NAMED:
        return "all"
    return " or ".join(f'group:"{chat}"' for chat in push.groups)
