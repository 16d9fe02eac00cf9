"""Pushes that are rung by hand: what falls due is done when the test says so, and what is queued is settled by it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from chat import Chat

from bot.readers import ring_log
from handlers.contents import publish
from rules.contents import PUSHES, PUSHING
from scheduler.clock import Agenda
from storage.mailings import Mailing
from storage.moment import to_ms
from storage.outbox import Lease

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Desk:
    """A chat whose pushes are rung by hand."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock)

    def writes(self, **row: Any) -> None:
        """The only push there is: at nine, to the main community, unless ``row`` says otherwise."""
        pushes = [{"id": "p", "cron": "0 9 * * *", "community": "main", "text": "早安"} | row]
        publish(self.chat.stores, PUSHES, msgspec.json.encode(pushes).decode(), "boss", self.chat.clock())
        self.chat.live.refresh()
        self.agenda.ring(self.chat.clock())

    def pushing(self, **rules: Any) -> None:
        """The manners of pushing everywhere."""
        publish(self.chat.stores, PUSHING, msgspec.json.encode(rules).decode(), "boss", self.chat.clock())
        self.chat.live.refresh()

    def at(self, hour: int, minute: int = 0, *, days: int = 0) -> None:
        """It becomes so late by the clocks of Shanghai, and everything due is done."""
        now = self.chat.clock().astimezone(SHANGHAI)
        then = now.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(days=days)
        self.chat.later(seconds=(then - now).total_seconds())
        self.agenda.ring(self.chat.clock())

    def pass_s(self, seconds: float) -> None:
        """Seconds pass, and everything due is done."""
        self.chat.later(seconds=seconds)
        self.agenda.ring(self.chat.clock())

    def members(self, count: int) -> list[int]:
        """So many colleagues say something, and are known to segments."""
        for number in range(count):
            self.chat.says("签到", user=f"user{number}", name=f"成员{number}")
        while ring_log(self.chat.stores, self.chat.config, self.chat.live.current, self.chat.communities, self.chat.clock()):
            pass
        return [self.chat.member(f"user{number}") for number in range(count)]

    @property
    def mailing(self) -> Mailing:
        """The newest mailing of the push."""
        return self.chat.stores.mailings.of_push(self.chat.community.keys, "p", 1)[0]

    def pushed(self) -> list[str]:
        """The ids of what waits to be sent, without the moment."""
        return [re.sub("@[0-9]+", "", one.id) for one in self.chat.outbox() if one.id.startswith("push:")]

    def send(self, count: int, *, is_dead: bool = False) -> int:
        """A sender takes so many of what is queued; gives how many it got."""
        outbox, now, done = self.chat.stores.outbox, to_ms(self.chat.clock()), 0
        for shard, lane, target in outbox.due(range(self.chat.stores.shards), now):
            while done < count and (lease := self._lease(shard, lane, target, now)):
                done += outbox.dead(lease, "没有送到", now) if is_dead else bool(outbox.done(lease, now))
        return done

    def _lease(self, shard: int, lane: str, target: str, now: int) -> Lease | None:
        return self.chat.stores.outbox.lease(shard, lane, target, "sender", now, 30_000) if target else None

    def why(self) -> dict[str, str]:
        """What became of each unit, by the log: '' it was queued."""
        return {(f"m:{one.member}" if one.member else one.data["chat"]): one.data.get("why", "") for one in self.chat.log("push")}


def desk_at_half_past_eight(chat: Chat) -> Desk:
    """08:30 in Shanghai; nothing is planned but what a test writes."""
    desk = Desk(chat)
    desk.writes()
    now = chat.clock().astimezone(SHANGHAI)
    chat.later(seconds=((now + timedelta(days=1)).replace(hour=8, minute=30, second=0) - now).total_seconds())
    return desk
