"""What the console's pages are made from, and who looks at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from flask import g

from bot.communities import Communities, Community
from bot.config import Config
from bot.extensions import Extension
from bot.faq_office import Office, Shelf, office_for
from bot.live import LiveContents
from bot.numbers import Numbers
from bot.permissions import Actor, Role, may
from rules.cells import CellKind
from rules.content_kind import Kind
from rules.entries import Entry
from storage.content import ContentStore
from storage.sessions import Session
from storage.stores import Stores


class WriteTable(Protocol):
    """Rows as a file (name, sheet, rows, what the cells of each column are): see ``rules/sheets.py``."""

    def __call__(self, name: str, title: str, rows: Iterable[Sequence[str]], kinds: Sequence[CellKind] = (), /) -> bytes: ...


class Plan(Protocol):
    """What taking in a file would change: see ``bot/faq_transfer.py``."""

    @property
    def version(self) -> int: ...

    @property
    def changes(self) -> Mapping[str, Entry | None]: ...

    @property
    def summary(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that pages draw from; the same that the pipeline has.

    ``plan_import`` (store, file name, bytes, whether the rest goes) and ``export_file`` (store, file name) read and write files of the FAQ,
    ``write_table`` other tables, ``read_items`` (kind, file name, bytes) and ``table_of`` (kind, items, file name) those of
    other kinds of content; they are handed in because what reads Excel takes a second to load, which only the first
    file is to cost. ``refusal_of`` tries a webhook's key: why nothing can be posted through it, '' where something can.
    """

    config: Config
    stores: Stores
    live: LiveContents
    communities: Communities
    clock: Callable[[], datetime]
    plan_import: Callable[[ContentStore, str, bytes, bool], Plan]
    export_file: Callable[[ContentStore, str], bytes]
    write_table: WriteTable
    read_items: Callable[[Kind[Any], str, bytes], Mapping[str, str]]
    table_of: Callable[[Kind[Any], Mapping[str, str], str], bytes]
    refusal_of: Callable[[str], str] = lambda key: ""
    extensions: Sequence[Extension[Any, Any]] = ()
    shelf: Shelf = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelf", Shelf(self.stores.content))

    @property
    def numbers(self) -> Numbers:
        """The numbers of all places at this moment."""
        return Numbers(self.stores, self.communities, self.clock, self.live.current)

    @property
    def is_https(self) -> bool:
        """Whether visitors come by https, as the public address says."""
        return self.config.server.public_url.startswith("https://")

    @property
    def places(self) -> tuple[Community, ...]:
        """The communities that the console knows: the listed ones, or the one of single chats while none is listed."""
        return self.communities.listed or (self.communities.of_home(""),)

    def office(self, community: Community) -> Office:
        """What the functions of the FAQ want to know of the visitor, and where he is."""
        who, listed = visitor(), len(self.communities.listed)
        actor, contents = who.actor(community.id), self.live.current
        office = office_for(self.stores, contents, community, actor, self.clock, listed=listed, everywhere=who.everywhere)
        return replace(office, shelf=self.shelf)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page: a member with his session and, by community, the roles that let him in. ``cookie`` is his secret."""

    number: int
    name: str
    session: Session
    cookie: str = field(repr=False)
    roles: Mapping[str, Role]
    everywhere: Role

    def actor(self, community: str) -> Actor:
        """The visitor as one who changes something in a community."""
        return Actor(self.number, self.name, self.roles[community])

    def may(self, community: str, needed: Role) -> bool:
        """Whether his role there suffices; never in a community where he has none."""
        return community in self.roles and may(self.roles[community], needed)


def visitor() -> Visitor:
    """Who looks at this page; the door let him in before."""
    found: Any = g.get("visitor")
    assert isinstance(found, Visitor), "a page without the door's look at its visitor"
    return found
