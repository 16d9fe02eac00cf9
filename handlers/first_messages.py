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
from rules.points import PointRules
from storage.firsts import First
from storage.points import Award
from storage.stores import Stores

REASON = "first_message"


def award_firsts(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Awards the first messages that were noted, each once; gives how many. One round trip where there are none, else some for 200 of them."""
    waiting, reason = stores.firsts.waiting(), contents.points.reason(REASON)
    users = stores.directory.find_users([first.member for first in waiting])
    known = [first for first in waiting if users[first.member]] if reason.points else []
    places = [communities.named(first.community) for first in known]
    awarded = stores.points.award_all(
        [_award(first, place, contents.points) for first, place in zip(known, places, strict=True)], now, lapses=contents.points
    )
    grown = _grown(known, places, stores, contents)
    for first, place, facts, done in zip(known, places, grown, awarded, strict=True):
        before, after = Facts(earned=done.earned - done.n), replace(facts, earned=done.earned)
        praise_alone(stores, config, contents, place, first.member, before, after, now, once=_once(first))
    stores.firsts.done(waiting)
    return sum(done.is_fresh for done in awarded)


def _award(first: First, place: Community, rules: PointRules) -> Award:
    reason = rules.reason(REASON)
    return Award(
        place.keys, first.member, first.day, REASON, reason.points, _once(first), cap_of_reason=reason.per_day, cap_of_day=rules.cap_of_day
    )


def _once(first: First) -> str:
    return f"first|{first.member}|{first.day.isoformat()}"


def _grown(firsts: Sequence[First], places: Sequence[Community], stores: Stores, contents: Contents) -> list[Facts]:
    """What has grown with no act that says so: how long each is here, if there is a badge for that."""
    if not any(badge.counter == "days" for badge in contents.badges.badges):
        return [Facts()] * len(firsts)
    since = stores.roster.all_since([(place.keys, first.member) for first, place in zip(firsts, places, strict=True)])
    return [
        Facts(days=max(0, (first.day - began.astimezone(place.zone).date()).days) if began else 0)
        for first, place, began in zip(firsts, places, since, strict=True)
    ]
