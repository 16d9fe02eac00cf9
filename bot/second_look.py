"""The second look: whether what a mailing queued still goes, at the moment when a sender has it in hand.

A page decides whom a push goes to; what it queued may wait behind a limit, an outage, a pause. Meanwhile somebody wants no more pushes, a crisis or the
quiet hours begin, or the push is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from bot.communities import Communities, Community
from bot.live import Contents, LiveContents
from bot.mailing import find_in_force, give_up, may_be_said, willing
from rules.calendar import end_of_quiet
from rules.pushes import Push
from storage.moment import from_ms
from storage.outbox import Delivery, TakenBack, is_later_part
from storage.stores import Stores


@dataclass(frozen=True, slots=True)
class Stand:
    """Whether a delivery goes: ``why`` it does so no more, or ``until`` when it waits; neither: it goes, as ``shown`` if that is given."""

    why: TakenBack | Literal[""] = ""
    until: datetime | None = None
    shown: Delivery | None = None

    @property
    def goes(self) -> bool:
        """Whether it is sent now."""
        return not self.why and self.until is None


GOES = Stand()


class SecondLook:
    """What holds for the deliveries of mailings now. One round trip for what is said to a member alone, three for a post that calls some, else none."""

    def __init__(self, stores: Stores, live: LiveContents, communities: Communities) -> None:
        self._stores = stores
        self._live = live
        self._communities = communities
        self._known: tuple[Contents, Mapping[str, Push]] | None = None

    def __call__(self, delivery: Delivery, now: datetime) -> Stand:
        """How a delivery stands. What has begun to be said is said to its end."""
        if not delivery.mailing or (is_later_part(delivery.id) and not delivery.called):
            return GOES
        community, contents = self._communities.named(delivery.community), self._live.current
        id, _, planned = delivery.mailing.rpartition("@")
        push = self._find(id, contents)
        if is_later_part(delivery.id):
            return Stand(shown=self._calling(delivery, push, community) if push else replace(delivery, called=()))
        if push is None or not may_be_said(push, community):
            give_up(self._stores, community.keys, id, from_ms(int(planned)), "off", now)
            return Stand("stopped")
        if not delivery.member and delivery.chat and not self._communities.is_in(delivery.chat, community.id):
            return Stand("no_way")
        if push.marketing and self._stores.pauses.crisis_since(community.id):
            return Stand("crisis")
        if push.quiet != "ignore" and (until := end_of_quiet(contents.pushing.of(community.id).quiet, now, community.zone)):
            return Stand("quiet") if push.quiet == "skip" else Stand(until=until)
        if delivery.called:
            return Stand(shown=self._calling(delivery, push, community))
        wants = not delivery.member or willing(self._stores, community, push, [delivery.member])
        return GOES if wants else Stand("opted_out")

    def _calling(self, delivery: Delivery, push: Push, community: Community) -> Delivery:
        """A post that calls whoever is still in the group, is known, and wants to be called, where a webhook's text or Markdown can."""
        there = self._stores.traits.in_group(community.keys, delivery.chat or community.main_group, delivery.called)
        members = willing(self._stores, community, push, there)
        users = [user for user in self._stores.directory.find_users(members).values() if user]
        kind, shown = delivery.body.get("msgtype"), replace(delivery, called=())
        if not users or delivery.via != "webhook" or kind not in ("text", "markdown"):
            return shown
        content: Mapping[str, Any] = delivery.body[kind]
        if kind == "text":
            return replace(shown, body={"msgtype": kind, kind: {**content, "mentioned_list": users}})
        called = " ".join(f"<@{user}>" for user in users)
        return replace(shown, body={"msgtype": kind, kind: {**content, "content": f"{content['content']}\n{called}"}})

    def _find(self, id: str, contents: Contents) -> Push | None:
        """The push of an id; what this process has not noticed yet is asked for."""
        known = self._known
        if known is None or known[0] is not contents:
            known = self._known = (contents, {push.id: push for push in contents.pushes if push.enabled})
        return known[1].get(id) or find_in_force(self._stores, id)
