"""Customer groups (客户群): who is in them as of the last look. A new look and what it tells are kept in one act, so each change is told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from rules.roster import Roster, Seat
from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database, Script
from storage.moment import to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.tallies import ALL, NEW, counts_key, mark_key, place_of
from storage.welcomes import SETTLE_MS

KEEP_VERSIONS = 8

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at a group: its ``serial`` number ("" before the first), what was seen, when, and whether the group is gone since.

    ``past`` are the versions that were seen before, the newest first.
    """

    serial: str = ""
    roster: Roster | None = None
    at_ms: int = 0
    is_closed: bool = False
    past: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moves:
    """Who moved, by member number: who came, who was ``found`` to have been there, who ``left`` the group, and who of them is ``gone`` from the community."""

    came: Sequence[int] = ()
    found: Sequence[int] = ()
    left: Sequence[int] = ()
    gone: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What a look tells: events as (member, facts), counters of the day, what is to be sent, who is to be welcomed, and who moved."""

    events: Sequence[tuple[int, Mapping[str, Any]]] = ()
    counts: Mapping[str, int] | None = None
    deliveries: Sequence[Delivery] = ()
    newcomers: Sequence[int] = ()
    moves: Moves = Moves()


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A customer group that is open, with the community it belongs to and the channel that reads it."""

    chat: str
    where: CommunityKeys
    channel: str


class CustomerGroups:
    """The customer groups of all communities."""

    PERSONAL = Personal(
        "客户群",
        "知道客户群里有谁，好欢迎和统计",
        (keys.CUSTOMER_GROUPS, keys.CUSTOMER_GROUP, keys.CUSTOMER_SEATS),
        what="在哪些客户群、什么时候进的",
        erasing="从名册里删除",
        passing=(keys.CUSTOMER_GROUP,),
        passing_why="群主是群的资料",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._keep = Script("keep_roster")

    def look_back(self, where: CommunityKeys, chat: str) -> Look:
        """The last look at a group; one round trip."""
        part = {"shard": where.shard, "community": where.id, "chat": chat}
        # The head first: if another look is kept between the two, its serial gives that away when ours is to be kept.
        head, seats = self._database.pipeline([("HGETALL", keys.CUSTOMER_GROUP(**part)), ("HGETALL", keys.CUSTOMER_SEATS(**part))])
        row = dict(zip(head[::2], head[1::2], strict=True))
        if not row:
            return Look()
        seated = {int(number): _seat(kept) for number, kept in zip(seats[::2], seats[1::2], strict=True)}
        roster = Roster(row["version"], int(row["owner"]), row["name"], row["notice"], seated)
        return Look(row["serial"], roster, int(row["read"]), "closed" in row, tuple(filter(None, row["past"].split(","))))

    def keep(self, group: KnownGroup, before: Look, after: Roster, news: News, now: datetime, day: str) -> bool:
        """Keeps a look and tells its news in the same act; False when another look was kept since ``before``: nothing was done."""
        head = {"version": after.version, "owner": after.owner, "name": after.name, "notice": after.notice, "read": to_ms(now)}
        head["past"] = ",".join(_past(before, after.version))
        known = before.roster.seats if before.roster else {}
        gone = [number for number in known if number not in after.seats]
        seats = {number: seat for number, seat in after.seats.items() if known.get(number) != seat}
        entry = _encode([group.where.id, group.channel]).decode()
        return self._kept(group, before, entry, head, gone, seats, news, now, day)

    def close(self, group: KnownGroup, before: Look, news: News, now: datetime, day: str) -> bool:
        """Keeps that a group is no more, and who was in it no longer; False when another look was kept since ``before``."""
        return self._kept(group, before, "", {"read": to_ms(now)}, (), {}, news, now, day)

    def all_open(self) -> Iterator[KnownGroup]:
        """Every open group, over all shards; one round trip."""
        rows = self._database.pipeline(("HGETALL", keys.CUSTOMER_GROUPS(shard=shard)) for shard in range(self._shards))
        for shard, flat in enumerate(rows):
            for chat, entry in zip(flat[::2], flat[1::2], strict=True):
                community, channel = msgspec.json.decode(entry)
                yield KnownGroup(chat, CommunityKeys(community, shard), channel)

    def owned_by(self, where: CommunityKeys, owner: int) -> list[str]:
        """The open customer groups of a community that a member owns; two round trips."""
        chats = [group.chat for group in self.all_open() if group.where == where]
        heads = (("HGET", keys.CUSTOMER_GROUP(shard=where.shard, community=where.id, chat=chat), "owner") for chat in chats)
        owners = self._database.pipeline(heads)
        return [chat for chat, found in zip(chats, owners, strict=True) if found == str(owner)]

    def seats_of(self, where: CommunityKeys, member: int) -> list[Seat]:
        """Where a member sits in the open groups of a community, as of their last looks; two round trips."""
        asked = [("HGET", key, member) for key in self._seats_in(where, "")]
        return [_seat(kept) for kept in self._database.pipeline(asked) if kept]

    def seated(self, where: CommunityKeys, members: Sequence[int], *, without: str) -> set[int]:
        """Those of the members who sit in another open group of the community than ``without``; two round trips."""
        asked = [("HMGET", key, *members) for key in self._seats_in(where, without)] if members else []
        rows = self._database.pipeline(asked)
        return {member for row in rows for member, kept in zip(members, row, strict=True) if kept}

    def _seats_in(self, where: CommunityKeys, without: str) -> list[str]:
        flat = self._database.command("HGETALL", keys.CUSTOMER_GROUPS(shard=where.shard))
        chats = (chat for chat, entry in zip(flat[::2], flat[1::2], strict=True) if msgspec.json.decode(entry)[0] == where.id)
        return [keys.CUSTOMER_SEATS(shard=where.shard, community=where.id, chat=chat) for chat in chats if chat != without]

    def export_user(self, number: int) -> dict[str, Any]:
        """The customer groups that the member is in, by chat id, with since when."""
        found = {}
        for group in self.all_open():
            part = {"shard": group.where.shard, "community": group.where.id, "chat": group.chat}
            kept = self._database.command("HGET", keys.CUSTOMER_SEATS(**part), number)
            if kept:
                found[group.chat] = {"社群": group.where.id, "入群时间": _seat(kept).joined_s}
        return found

    def erase_user(self, number: int) -> str:
        """Removes the member from every roster. WeCom's own roster still names him while he is in the group."""
        gone = sum(self._database.command("HDEL", key, number) for key in self._database.scan("qb:{*}:*:customers:*:seats"))
        for group in self.all_open():
            head = keys.CUSTOMER_GROUP(shard=group.where.shard, community=group.where.id, chat=group.chat)
            if self._database.command("HGET", head, "owner") == str(number):
                self._database.command("HSET", head, "owner", 0)
        return f"已从 {gone} 个客户群的名册中删除（他仍在群里的话，企业微信自己的名册里还有他）"

    def _kept(
        self,
        group: KnownGroup,
        before: Look,
        entry: str,
        head: Mapping[str, Any],
        gone: Sequence[int],
        seats: Mapping[int, Seat],
        news: News,
        now: datetime,
        day: str,
    ) -> bool:
        where, queues, queued = group.where, [], []
        for delivery in news.deliveries:
            queue, member, item = encode_delivery(where.shard, delivery)
            queues.append(queue)
            queued += [member, item]
        counts, moves = news.counts or {}, news.moves
        part = {"shard": where.shard, "community": where.id, "chat": group.chat, "day": day}
        got = self._database.act(
            self._keep,
            [
                keys.CUSTOMER_GROUP(**part), keys.CUSTOMER_SEATS(**part), keys.CUSTOMER_GROUPS(**part), keys.EVENTS(**part),
                keys.COUNTS(**part), keys.OUTBOX_DUE(**part), keys.WELCOMES(**part), keys.WELCOMES_DUE(**part),
                *_counted_in(where, group.chat, day), *queues,
            ],
            [
                to_ms(now), before.serial, where.id, group.chat, entry, where.shard, to_ms(now) + SETTLE_MS,
                len(head), *(part for field in head.items() for part in field),
                len(gone), *gone,
                len(seats), *(part for number, seat in seats.items() for part in (number, f"{seat.kind}|{seat.joined_s}")),
                len(counts), *(part for counted in counts.items() for part in counted),
                len(news.events), *(part for member, facts in news.events for part in (member, _encode(facts))),
                len(news.newcomers), *news.newcomers,
                *(word for moved in (moves.left, moves.gone, moves.found, moves.came) for word in (len(moved), *moved)),
                *queued,
            ],
        )  # fmt: skip
        return int(got) > 0


def _counted_in(where: CommunityKeys, chat: str, day: str) -> list[str]:
    """Where who comes and goes counts, besides the counters of the community: in it, in the group, and in the whole installation."""
    shard, group = where.shard, place_of(where.id, chat)
    own = [(mark_key(shard, place, NEW, day), keys.EVER(shard=shard, community=place)) for place in (where.id, group, ALL)]
    here = [keys.HERE(shard=shard, community=place) for place in (where.id, group)]
    return [keys.PLACES(shard=shard), counts_key(shard, group, day), *own[0], here[0], *own[1], here[1], *own[2]]


def _past(before: Look, version: str) -> list[str]:
    newest = [before.roster.version] if before.roster else []
    return [one for one in (*newest, *before.past) if one and one != version][:KEEP_VERSIONS]


def _seat(kept: str) -> Seat:
    kind, joined = kept.split("|")
    return Seat(int(kind), int(joined))
