"""Welcomes in groups: those who joined at about the same time are welcomed together, once, where the bot can write.

Who joined is learned from rosters (``bot/customers.py``); he waits a short while for others. Who spoke first meanwhile was welcomed in his answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot import deliveries
from bot.communities import Communities, Community
from bot.config import Config
from bot.flow_desk import FlowDesk
from bot.live import Contents
from bot.members import unmentioned
from rules.contents import fill
from rules.flows import after_quiet
from storage.connection import StorageAway
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.stores import Stores

log = structlog.get_logger(__name__)

NAMED = 5
"""So many newcomers are welcomed by name; the rest are counted."""
MOST_AT_ONCE = 200
"""So many newcomers of one group are welcomed in one act; further ones a little later."""
AGAIN = timedelta(minutes=10)
"""When newcomers whose welcome failed are tried again."""


@dataclass(frozen=True, slots=True)
class WelcomeDesk:
    """The newcomers of all groups at one moment."""

    stores: Stores
    contents: Contents
    config: Config
    now: datetime

    def ring_due(self, communities: Communities) -> int:
        """Welcomes those who have waited long enough and starts the flows of who joined; gives how many were welcomed."""
        welcomed = 0
        for where, chat in self.stores.welcomes.due(self.now):
            try:
                welcomed += self.welcome(communities.named(where.id), chat)
            except StorageAway:
                raise
            except Exception as error:
                # The newcomers of one group must not keep those of all others waiting.
                log.error("welcome failed", community=where.id, chat=chat, error=type(error).__name__, exc_info=True)
                self.stores.welcomes.ring_later(where, chat, self.now + AGAIN)
        return welcomed

    def welcome(self, community: Community, chat: str) -> int:
        """Welcomes the newcomers of one group; gives how many. At night they wait for the morning."""
        local = self.now.astimezone(community.zone)
        if (morning := after_quiet(local)) != local:
            self.stores.welcomes.ring_later(community.keys, chat, morning)
            return 0
        fresh, others = self.stores.welcomes.waiting(community.keys, chat)
        fresh, others = fresh[:MOST_AT_ONCE], others[:MOST_AT_ONCE]
        desk = FlowDesk(self.stores, self.contents, self.config, self.now)
        for member in [*fresh, *others]:  # before their wait ends: what a crash cuts off is done again, and each flow begins once
            desk.start_on(community, member, "joined", once=f"joined:{chat}:{member}", alone=True)
        post = self._post(community, chat, fresh)
        told, rest = (fresh, others) if post else ([], [*fresh, *others])
        done = self.stores.welcomes.settle(
            community.keys, chat, told, rest, [post] if post else [], self.now, local.date().isoformat()
        )  # fmt: skip
        return len(told) if done else 0

    def _post(self, community: Community, chat: str, members: Sequence[int]) -> Delivery | None:
        """The common welcome; None where there is nobody to welcome, nothing to say or no way into the group, or where it is paused."""
        text = self.contents.welcome.joined
        if not (text and members and community.is_listed) or self.stores.pauses.of(community.id):
            return None
        id = f"welcome:{community.id}:{chat}:{members[0]}:{len(members)}:{to_ms(self.now)}"
        said = fill(text, {"nickname": self._called(members)})
        post = deliveries.to_group(self.config, community.id, chat, said, id=id, lane="now", now_ms=to_ms(self.now))
        return replace(post, about=tuple(members)) if post else None

    def _called(self, members: Sequence[int]) -> str:
        """What the newcomers are called together. A name that a rule objects to is not said."""
        names = [unmentioned(self.stores.directory.find_name(member)) for member in members]
        fit = [name for name in names if name and self.contents.judge.judge(name).verdict == "pass"]
        if not fit:
            return "新朋友" if len(members) == 1 else f"{len(members)} 位新朋友"
        shown = fit[:NAMED]
        return "、".join(shown) + (f" 等 {len(members)} 位新朋友" if len(members) > len(shown) else "")


def ring_welcomes(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Welcomes newcomers whose time has come; gives how many. Any number of processes may ring."""
    return WelcomeDesk(stores, contents, config, now).ring_due(communities)
