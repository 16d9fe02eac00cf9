"""Who is meant by a segment: counted and gone through from the columns of traits, a block of members at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bot.communities import Community
from bot.live import Contents
from rules.segments import Query, fits, names_of, traits_of
from storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Count:
    """So many ``members`` of ``of`` who are here."""

    members: int
    of: int


@dataclass(frozen=True, slots=True)
class Audience:
    """The members of communities, as segments see them."""

    stores: Stores
    contents: Contents

    def query(self, community: Community, text: str) -> Query:
        """What a text asks in a community, whose saved segments it may name. Raises :class:`rules.segments.SegmentError`."""
        return self.contents.segments.query(text, community.id)

    def count(self, community: Community, query: Query, day: date) -> Count:
        """How many fit on a day, and of how many."""
        members = of = 0
        for _, block in self.stores.traits.blocks(community.keys, traits_of(query), names_of(query), day):
            members += int(fits(query, block).sum())
            of += len(block.members)
        return Count(members, of)

    def page(self, community: Community, query: Query, day: date, after: int = 0, most: int = 1_000) -> tuple[list[int], int | None]:
        """Those who fit, in an order that stays, about ``most``; and the mark after which it goes on, None at the end."""
        found: list[int] = []
        for mark, block in self.stores.traits.blocks(community.keys, traits_of(query), names_of(query), day, after, max(most, 4_096)):
            found += block.members[fits(query, block)].tolist()
            after = mark
            if len(found) >= most:
                break
        else:
            return found, None
        return found, after if after < self.stores.traits.size(community.keys) else None
