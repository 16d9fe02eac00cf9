"""The shop as operators wrote it: what there is to exchange points for, for whom and how often, and how long an order may wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

ItemKind = Literal["manual", "code", "makeup_card"]


@dataclass(frozen=True, slots=True)
class Item:
    """Something to exchange points for.

    ``kind`` is manual (somebody hands it over), code (one of the codes that were put in, at once) or makeup_card (at once). ``price`` in points.
    ``per_member`` is how many one member may have ever, ``per_member_day`` on one day, ``per_day`` how many all together may have on one day; 0
    is without limit. ``min_level`` is a level's id ('' everybody); ``starts`` and ``ends`` are the first and the last day; ``communities`` the
    ids where it is offered (empty: all). ``is_counted``: there are only as many as the stock says (codes always are). ``refund_after_days`` is
    how long its orders may wait (None: as all others).
    """

    id: str
    name: str
    price: int
    description: str = ""
    kind: ItemKind = "manual"
    per_member: int = 0
    per_member_day: int = 0
    per_day: int = 0
    min_level: str = ""
    starts: date | None = None
    ends: date | None = None
    communities: tuple[str, ...] = ()
    is_counted: bool = True
    refund_after_days: int | None = None
    image: str = ""

    @property
    def waits_for_somebody(self) -> bool:
        """Whether its orders wait until an operator has handed it over."""
        return self.kind == "manual"

    def is_called(self, words: str) -> bool:
        """Whether ``words`` are its whole name or its id."""
        return _plain(words) in (_plain(self.id), _plain(self.name))

    def is_open(self, today: date) -> bool:
        """Whether it may be had on this day."""
        return (self.starts is None or self.starts <= today) and (self.ends is None or today <= self.ends)

    def is_offered_in(self, community: str) -> bool:
        """Whether the members of a community may have it."""
        return not self.communities or community in self.communities


@dataclass(frozen=True, slots=True)
class Shop:
    """All items, in the order in which they are listed.

    From ``confirm_from`` points on one is asked before the exchange (0: always). An order that nobody handed over is recalled to the operators
    after ``remind_after_days`` and given back after ``refund_after_days`` (0: never).
    """

    items: tuple[Item, ...] = ()
    confirm_from: int = 100
    remind_after_days: int = 3
    refund_after_days: int = 7

    def offered(self, community: str, today: date) -> tuple[Item, ...]:
        """What members of a community may have on this day."""
        return tuple(item for item in self.items if item.is_offered_in(community) and item.is_open(today))

    def of(self, community: str) -> tuple[Item, ...]:
        """What was ever meant for a community, also what is not yet or no longer to be had."""
        return tuple(item for item in self.items if item.is_offered_in(community))

    def find(self, id: str) -> Item | None:
        """One item by its id."""
        return next((item for item in self.items if item.id == id), None)

    def named(self, community: str, words: str) -> tuple[Item, ...]:
        """The items of a community that somebody means by ``words``: one id or name, else all whose names hold them."""
        wanted = _plain(words)
        mine = self.of(community)
        exact = tuple(item for item in mine if item.is_called(words))
        return exact or tuple(item for item in mine if wanted and wanted in _plain(item.name))

    def confirms(self, item: Item) -> bool:
        """Whether one is asked before the exchange."""
        return item.price >= self.confirm_from


def patience(shop: Shop, item: Item) -> tuple[timedelta | None, timedelta | None]:
    """After how long an order for the item is recalled to the operators, and after how long it is given back; None for never.

    A day passes between the two, or half of the time where there is less than two days.
    """
    days = shop.refund_after_days if item.refund_after_days is None else item.refund_after_days
    remind = timedelta(days=shop.remind_after_days) if shop.remind_after_days else None
    if not days:
        return remind, None
    end = timedelta(days=days)
    latest = max(end - timedelta(days=1), end / 2)
    return (min(remind, latest) if remind else None), end


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
