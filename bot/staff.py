"""What those are told who look after a community: its admin group, else its owners one by one; whom no way leads to sees it where he asks."""

from __future__ import annotations

from dataclasses import replace

from bot import deliveries
from bot.cards import ButtonInteraction
from bot.communities import Community
from bot.config import Config
from bot.members import unmentioned
from storage.outbox import Delivery
from storage.stores import Stores


def to_staff(
    stores: Stores, config: Config, community: Community, text: str, *, id: str, now_ms: int, card: ButtonInteraction | None = None,
    about: tuple[int, ...] = (),
) -> tuple[Delivery, ...]:  # fmt: skip
    """The deliveries of a notice, with a card where its way shows one; nothing for a community that nobody configured."""
    posts = [deliveries.to_admins(config, community.id, unmentioned(text), id=id, now_ms=now_ms)]
    if posts == [None] and community.is_listed:
        posts = [
            deliveries.to_member(config, number, text, user=user, id=f"{id}:{number}", community=community.id, message="", now_ms=now_ms)
            for user in config.admins
            if (number := stores.directory.find_number(user))
        ]
    return tuple(replace(deliveries.as_card(post, card), about=about) for post in posts if post)
