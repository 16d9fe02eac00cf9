"""搜索: one box for pages, members, answers, numbered things and words, as far as the visitor may see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from flask import Blueprint, g, render_template, request, url_for

from bot.case_words import STATES as CASE_STATES
from bot.communities import Community
from bot.faq_office import find_entries
from bot.human_desk import STATES as TICKET_STATES
from bot.permissions import Role
from bot.shop_desk import STATES as ORDER_STATES
from bot.word_desk import WordDesk
from console.doors import find_place
from console.extension_pages import entries
from console.navigation import Menu
from console.parts import Parts, visitor
from console.people import Busy, People
from console.rule_pages import HINTS, KINDS
from rules.activities import TITLES

MOST = 6
"""Hits of one sort."""
LONGEST = 50
BATCHES = 10
"""Of so many batches of names a search looks at one after each key; the page of members looks at all."""
LARGEST = 10**9


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found: where it leads, what it is called, what else tells it from others."""

    title: str
    href: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """The hits of one sort."""

    title: str
    hits: Sequence[Hit]

    @property
    def n(self) -> int:
        """How many they are."""
        return len(self.hits)


class Search:
    """The search box, and its page for who has no scripts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._people = People(parts.stores)

    def add_to(self, pages: Blueprint) -> None:
        """Adds the page to the console."""
        pages.add_url_rule("/search", "search", self.show)

    def show(self) -> str:
        """What fits the words, as a page or, for the box, only the hits."""
        places = {place.id: place for place in self._parts.places}
        first = next(place for place in self._parts.places if place.id in visitor().roles)
        community = g.community = find_place(places.get(request.args.get("in") or first.id))
        words = " ".join(request.args.get("q", "")[:LONGEST].split())
        found = self.found(community, words) if words else []
        name = "_found.html" if request.headers.get("HX-Request") else "search.html"
        return render_template(name, search=words, found=found)

    def found(self, community: Community, words: str) -> list[Part]:
        """Everything that fits, by sort; sorts without a hit are left out."""
        number = int(words) if words.isdecimal() and 0 < int(words[:10]) < LARGEST else 0
        parts = [Part(title, list(islice(look(community, words), MOST))) for title, look in self._by_words(community).items()]
        if number:
            hits = [hit for role, find in self._by_number() if self._may(community, role) for hit in find(community, number)]
            parts.insert(0, Part(f"编号 {number}", hits))
        return [part for part in parts if part.hits]

    def _by_words(self, community: Community) -> dict[str, Callable[[Community, str], Iterable[Hit]]]:
        looks: dict[str, Callable[[Community, str], Iterable[Hit]]] = {
            "页面": self._pages, "成员": self._members, "问答": self._entries, "活动": self._activities, "词库": self._words,
        }  # fmt: skip
        if self._may(community, "operator") and self._parts.office(community).may_share:
            looks["规则"] = self._rules
        return looks

    def _by_number(self) -> tuple[tuple[Role, Callable[[Community, int], Iterator[Hit]]], ...]:
        return ("moderator", self._case), ("moderator", self._ticket), ("viewer", self._order), ("viewer", self._activity)

    # By words -----------------------------------------------------------------------------------------------------------

    def _pages(self, community: Community, words: str) -> Iterable[Hit]:
        wanted = words.casefold()
        menu = Menu(visitor(), community.id, "search", more=entries(self._parts.extensions))
        return (Hit(entry.title, entry.href) for entry in menu.found(lambda text: wanted in text.casefold()))

    def _members(self, community: Community, words: str) -> Iterator[Hit]:
        try:
            numbers = self._people.search(community, words, most=MOST, batches=BATCHES)[:MOST]
        except Busy:
            return
        names = self._parts.stores.directory.find_names(numbers) if numbers else {}
        sees = self._may(community, "moderator")
        for number in numbers:
            own = url_for("console.member", place=community.id, member=number)
            href = own if sees else url_for("console.members", place=community.id, q=number)
            yield Hit(names.get(number) or f"成员 {number}", href, f"成员 {number}")

    def _entries(self, community: Community, words: str) -> Iterator[Hit]:
        for entry in find_entries(self._parts.office(community), words):
            yield Hit(entry.question, url_for("console.faq_edit", place=community.id, id=entry.id), entry.answer[:40])

    def _activities(self, community: Community, words: str) -> Iterator[Hit]:
        wanted = words.casefold()
        for one in self._parts.stores.activities.running(community.keys):
            if wanted in one.title.casefold():
                yield self._activity_hit(community, one.number, one.title, TITLES[one.kind])

    def _words(self, community: Community, words: str) -> Iterator[Hit]:
        desk, sees = WordDesk.of(self._parts.office(community)), self._may(community, "operator")
        for id, entry in desk.page(words, size=MOST).rows.items():
            own = url_for("console.words_edit", place=community.id, id=id)
            yield Hit(entry.text, own if sees else url_for("console.words", place=community.id, q=entry.text))

    def _rules(self, community: Community, words: str) -> Iterator[Hit]:
        wanted = words.casefold()
        for name, kind in KINDS.items():
            if wanted in kind.title.casefold() or wanted in HINTS[name].casefold():
                yield Hit(kind.title, url_for("console.rules", place=community.id, kind=name), HINTS[name])

    # By number ----------------------------------------------------------------------------------------------------------

    def _case(self, community: Community, number: int) -> Iterator[Hit]:
        if case := self._parts.stores.cases.find(community.keys, number):
            yield Hit(f"案件 {number}", url_for("console.case", place=community.id, number=number), CASE_STATES[case.state])

    def _ticket(self, community: Community, number: int) -> Iterator[Hit]:
        if ticket := self._parts.stores.tickets.find(community.keys, number):
            yield Hit(f"工单 {number}", url_for("console.ticket", place=community.id, number=number), TICKET_STATES[ticket.state])

    def _order(self, community: Community, number: int) -> Iterator[Hit]:
        if order := self._parts.stores.orders.find(community.keys, number):
            href = url_for("console.order", place=community.id, number=number)
            yield Hit(f"订单 {number}", href, f"{order.name} · {ORDER_STATES[order.state]}")

    def _activity(self, community: Community, number: int) -> Iterator[Hit]:
        if one := self._parts.stores.activities.find(community.keys, number):
            yield self._activity_hit(community, number, f"活动 {number}", one.title)

    def _activity_hit(self, community: Community, number: int, title: str, about: str) -> Hit:
        return Hit(title, url_for("console.activity", place=community.id, number=number), about)

    def _may(self, community: Community, role: Role) -> bool:
        return visitor().may(community.id, role)
