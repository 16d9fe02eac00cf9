"""What is said to one member alone where nobody waits for an answer: by the channel that leads to him, else with his next single chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot import deliveries
from bot.communities import Community
from bot.config import Config
from bot.message import Card
from storage.keys import shard_of
from storage.moment import to_ms
from storage.stores import Stores


def tell(
    stores: Stores, config: Config, community: Community, member: int, text: str, now: datetime, *, id: str, about: Sequence[int] = (),
    card: Card | Mapping[str, Any] | None = None, is_answer: bool = False,
) -> None:  # fmt: skip
    """Says something to a member alone, once for each ``id``; kept for his next single chat where no channel leads to him.

    ``about`` are others whom it names: where one of them is forgotten, what is unsaid of it stays unsaid. While the community is paused only its
    owners hear at once; for everybody else it waits. ``card`` is shown instead where the channel can.
    ``is_answer``: he asked for it, so no pause holds it back.
    """
    now_ms, user = to_ms(now), stores.directory.find_user(member)
    private = deliveries.to_member(
        config, member, text, user=user or "", id=id, community=community.id, message="", now_ms=now_ms,
        lane="now" if is_answer or user in config.admins else stores.pauses.lane(community.id),
    )  # fmt: skip
    if private:
        stores.outbox.enqueue(community.shard, [replace(deliveries.as_card(private, card), about=(member, *about))], now_ms)
    elif user:
        stores.notices.keep(shard_of(user, stores.shards), member, text, once=id, about=about)


def keep(stores: Stores, member: int, text: str, *, once: str) -> None:
    """Keeps words for a member's next single chat; nothing where he is not known any more."""
    if user := stores.directory.find_user(member):
        stores.notices.keep(shard_of(user, stores.shards), member, text, once=once)
