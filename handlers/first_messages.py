"""The day's first message: what it earns is awarded behind the answers, where nobody waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.communities import Communities, Community
from bot.config import Config
from bot.live import Contents
from bot.praise import praise_alone
from rules.badges import Facts
from storage.firsts import First
from storage.stores import Stores

REASON = "first_message"


def award_firsts(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Awards the first messages that were noted, each once; gives how many. One round trip where there are none, else one for each and some for all."""
    waiting = stores.firsts.waiting()
    places = [communities.named(first.community) for first in waiting]
    users = stores.directory.find_users([first.member for first in waiting])
    grown = _grown(waiting, places, stores, contents)
    awarded = sum(
        _award(first, place, facts, stores, config, contents, now)
        for first, place, facts in zip(waiting, places, grown, strict=True)
        if users[first.member]
    )
    stores.firsts.done(waiting)
    return awarded


def _award(first: First, community: Community, grown: Facts, stores: Stores, config: Config, contents: Contents, now: datetime) -> bool:
    rules, once = contents.points, f"first|{first.member}|{first.day.isoformat()}"
    reason = rules.reason(REASON)
    if not reason.points:
        return False
    done = stores.points.award(
        community.keys, first.member, now, today=first.day, reason=REASON, points=reason.points, once=once, cap_of_reason=reason.per_day,
        cap_of_day=rules.cap_of_day, lapses=rules,
    )  # fmt: skip
    before, after = Facts(earned=done.earned - done.n), replace(grown, earned=done.earned)
    praise_alone(stores, config, contents, community, first.member, before, after, now, once=once)
    return done.is_fresh


def _grown(firsts: Sequence[First], places: Sequence[Community], stores: Stores, contents: Contents) -> list[Facts]:
    """What has grown with no act that says so: how long each is here, if there is a badge for that."""
    if not any(badge.counter == "days" for badge in contents.badges.badges):
        return [Facts()] * len(firsts)
    since = stores.roster.all_since([(place.keys, first.member) for first, place in zip(firsts, places, strict=True)])
    return [
        Facts(days=max(0, (first.day - began.astimezone(place.zone).date()).days) if began else 0)
        for first, place, began in zip(firsts, places, since, strict=True)
    ]
