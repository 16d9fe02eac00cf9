"""The days of all places are closed once they are over, each by its community's own midnight."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from bot.communities import Communities
from bot.config import Config
from bot.live import Contents
from rules.figures import Where
from storage.daybook import AFTER_MIDNIGHT
from storage.moment import DEFAULT_TIMEZONE
from storage.stores import Stores

log = structlog.get_logger(__name__)

LEASE_MS = 590_000
"""One process of all closes days; another does when that one is gone."""
ROUNDS = 25
"""How often at most it goes on while anything is kept: a year of a hundred communities that were brought in is closed within the hour."""


def ring_days(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Closes what is over and not closed yet, those too that were missed; gives how many days of places were kept. Doing it again keeps the same."""
    del config, contents
    if not stores.leases.hold("figures", LEASE_MS):
        return 0
    then = now - AFTER_MIDNIGHT
    todays = {community.id: community.day_of(then) for community in communities.listed}
    other, done = then.astimezone(ZoneInfo(DEFAULT_TIMEZONE)).date(), 0
    for _ in range(ROUNDS):
        troubled: dict[Where, Exception] = {}
        kept = stores.daybook.close(todays, other, now, troubled.__setitem__)
        done += kept
        if not kept:
            break
    for where, error in troubled.items():
        log.error("days could not be closed", community=where.community, chat=where.chat, error=type(error).__name__, reason=str(error))
    return done
