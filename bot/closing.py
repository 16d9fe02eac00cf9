"""The days of all places are closed once they are over, each by its community's own midnight."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.communities import Communities
from bot.config import Config
from bot.live import Contents
from storage.daybook import AFTER_MIDNIGHT
from storage.moment import DEFAULT_TIMEZONE
from storage.stores import Stores

LEASE_MS = 590_000
"""One process of all closes days; another does when that one is gone."""


def ring_days(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Closes what is over and not closed yet, those too that were missed; gives how many days of places were kept. Doing it again keeps the same."""
    del config, contents
    if not stores.leases.hold("figures", LEASE_MS):
        return 0
    then = now - AFTER_MIDNIGHT
    todays = {community.id: community.day_of(then) for community in communities.listed}
    return stores.daybook.close(todays, then.astimezone(ZoneInfo(DEFAULT_TIMEZONE)).date(), now)
