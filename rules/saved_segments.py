"""Segments that operators saved under a name: ``@沉默的老成员`` in another segment, in a push, or in chat stands for the text saved."""

from __future__ import annotations

from dataclasses import dataclass

from rules.segments import Names, Query, parse

EVERYWHERE = "*"
"""The community of a segment that all have."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A saved segment: what it is called, whom its text means, in which community (an id or ``*``), and what for."""

    id: str
    name: str
    text: str
    community: str = EVERYWHERE
    note: str = ""


@dataclass(frozen=True, slots=True)
class Segments:
    """All saved segments. Of two with one name a community means its own."""

    rows: tuple[Segment, ...] = ()

    def of(self, community: str) -> tuple[Segment, ...]:
        """Those that a community has, in the order in which they were written down."""
        own = {row.name for row in self.rows if row.community == community}
        return tuple(row for row in self.rows if row.community == community or (row.community == EVERYWHERE and row.name not in own))

    def find(self, name: str, community: str) -> Segment | None:
        """The segment that a community means by a name; None where it has none of that name."""
        return next((row for row in self.of(community) if row.name == name), None)

    def names_in(self, community: str) -> Names:
        """The texts by their names, as :func:`rules.segments.parse` asks for them."""
        return {row.name: row.text for row in self.of(community)}.get

    def query(self, text: str, community: str) -> Query:
        """What a text asks in a community. Raises SegmentError."""
        return parse(text, self.names_in(community))
