"""定时推送: what goes out when the clock rings. The clock says when; each planned moment is claimed once over all processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import structlog

from bot import deliveries
from bot.communities import Communities, Community
from bot.config import Config
from rules.contents import Push, fill
from storage.moment import to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)


def fire(push: Push, community: Community, planned: datetime, stores: Stores, config: Config, now: datetime) -> bool:
    """Queues a push for one planned moment; False when another process was first, or when no webhook leads into the group.

    What falls due while the community is paused is not made up for, and neither is marketing in a crisis.
    """
    is_unfit = push.marketing and stores.pauses.crisis_since(community.id) > 0
    if is_unfit:
        log.info("marketing withheld in a crisis", push=push.id, community=community.id, planned=planned.isoformat())
    if is_unfit or stores.pauses.of(community.id):
        stores.firings.begin_anew(community.keys, push.id, now)
        return False
    at = to_ms(planned)
    delivery = deliveries.to_group(
        config,
        community.id,
        "",
        fill(push.text, {"nickname": "大家"}),
        id=f"push:{community.id}:{push.id}@{at}",
        lane="bulk",
        now_ms=to_ms(now),
    )
    if delivery is None:
        return False
    facts = {"push": push.id, "planned": planned.isoformat(), "late_s": round((now - planned).total_seconds(), 1)}
    return stores.firings.claim(community.keys, push.id, planned, delivery, now, facts)


def audience(push: Push, communities: Communities) -> Iterable[Community]:
    """The listed communities that a push goes to."""
    if not push.enabled:
        return ()
    return [community for community in communities.listed if push.community in ("*", community.id)]
