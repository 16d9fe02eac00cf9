"""Every night the models of members are worked out: who will probably not come back, and whose word counts. Between nights the log says who recognised whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import structlog
from numpy.typing import NDArray

from bot.communities import Communities, Community
from bot.config import Config
from bot.follower import Reader
from bot.live import Contents
from rules import churn, koc
from rules.koc import Edges, Influence
from storage.edges import Edge, Found
from storage.events import LogEntry
from storage.stores import Stores

log = structlog.get_logger(__name__)

LEASE_MS = 590_000
"""One process of all works; another does when that one is gone, and goes on with those communities that are not done."""
FIRST_HOUR = 3
"""Not before this hour of a community's day: the day before is closed, and nobody waits for an answer."""
WEIGHTS = {"thanks": 1.0, "featured": 2.0}
"""How much a recognition says, by what it was."""
STAYED = 1.0
"""How much it says of a member that a newcomer whom he brought has stayed."""
_NOBODY = Influence(np.zeros(0, dtype=np.int64), np.zeros(0), 0)


class Recognitions:
    """Notes from the log who recognised whom; told again, it notes nothing twice."""

    def __init__(self, stores: Stores, communities: Communities) -> None:
        self._stores = stores
        self._communities = communities

    def consume(self, shard: int, entries: Sequence[LogEntry]) -> None:
        """Takes in entries of a shard's log, in order."""
        found: dict[str, list[Edge]] = defaultdict(list)
        for entry in entries:
            if entry.kind == "change" and entry.member and (edge := self._edge_of(entry)):
                found[entry.community].append(edge)
        for id, edges in found.items():
            community = self._communities.named(id)
            if community.shard == shard and (told := self._of_known(edges)):
                self._stores.edges.note(community.keys, told)
                for number in {one for edge in told for one in (edge.giver, edge.taker)} - self._known(told):
                    self._stores.edges.erase_user(number)  # he was erased meanwhile

    def _of_known(self, edges: Sequence[Edge]) -> list[Edge]:
        """The edges between members who are still known: the log may tell of somebody after he was erased."""
        known = self._known(edges)
        return [edge for edge in edges if edge.giver in known and edge.taker in known]

    def _known(self, edges: Sequence[Edge]) -> set[int]:
        users = self._stores.directory.find_users(list({one for edge in edges for one in (edge.giver, edge.taker)}))
        return {number for number, user in users.items() if user}

    def miss(self, shard: int) -> None:
        """Entries went before they were read: what they told of is not known, and nothing can be done about it."""
        log.warning("recognitions were not read in time", shard=shard)

    def _edge_of(self, entry: LogEntry) -> Edge | None:
        act, by = entry.data.get("act"), int(entry.data.get("by") or 0)
        day = self._communities.named(entry.community).day_of(entry.at)
        if not by or by == entry.member:
            return None
        if act == "recognised" and (weight := WEIGHTS.get(entry.data.get("what", ""))):
            return Edge(by, entry.member, weight, day, entry.id)
        if act == "invite_credited":
            return Edge(entry.member, by, STAYED, day, entry.id)
        return None


def recognition_reader(stores: Stores, communities: Communities) -> Reader:
    """Takes in what the log tells of who recognised whom."""
    taken = Recognitions(stores, communities)
    return Reader("recognitions", taken.consume, taken.miss)


@dataclass(frozen=True, slots=True)
class _Block:
    """Those of a block who spoke lately: their numbers, their rhythms, on how many days."""

    members: NDArray[np.uint32]
    rhythms: churn.Rhythms
    days: NDArray[np.int64]


def ring_models(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Works out the models of every community whose night has come; gives of how many. Doing it again writes the same."""
    del config, contents
    if not stores.leases.hold("models", LEASE_MS):
        return 0
    places = [*communities.listed, *(communities.named(chat) for chat in stores.groups.all())]
    done = 0
    for community, (night, _) in zip(places, stores.edges.nights([one.keys for one in places]), strict=True):
        if night >= _night(community, now).isoformat():
            continue
        if not stores.leases.hold("models", LEASE_MS):  # it took so long that another goes on
            break
        try:
            done += work_out(stores, community, now)
        except Exception:  # what one community suffers from stops no other
            log.exception("models of members could not be worked out", community=community.id)
    return done


def _night(community: Community, now: datetime) -> date:
    """The last day that is over and may be worked with."""
    return (now.astimezone(community.zone) - timedelta(hours=FIRST_HOUR)).date() - timedelta(days=1)


def work_out(stores: Stores, community: Community, now: datetime) -> bool:
    """Works out and keeps the models of one community; False where it was done for this night."""
    night, where = _night(community, now), community.keys
    blocks = list(_blocks(stores, community, night))
    kept = stores.edges.read(where, night)
    influence = _influence(kept.edges, blocks, stores.edges.influence(where))
    known = koc.is_known(kept.edges)
    speakers = sum(len(block.members) for block in blocks)
    standings = koc.standing(influence, speakers)
    kinds = churn.fit(churn.joined([block.rhythms for block in blocks])) if blocks else churn.ordinary()
    members = np.concatenate([np.zeros(0, dtype=np.uint32), *(block.members for block in blocks)])
    gone = np.concatenate([np.zeros(0), *(churn.gone(block.rhythms, kinds) for block in blocks)])
    stores.traits.put(where, members, {"churn": gone, "koc": _of_members(influence.members, standings, members, known)})
    others = _silent(influence.members, members, [int(field.split(">")[1]) for field, _ in kept.faded])
    stores.traits.put(where, others, {"koc": _of_members(influence.members, standings, others, known)})
    found = Found(
        judged=speakers, at_risk=int((gone > churn.AT_RISK).sum()), relations=len(kept.edges.givers), givers=len(np.unique(kept.edges.givers)),
        influential=int((influence.scores > 0).sum()) if known else 0, why="" if known else "few",
    )  # fmt: skip
    return stores.edges.keep(where, night, found, now, influence if known else _NOBODY, kept.faded)


def _blocks(stores: Stores, community: Community, night: date) -> Iterator[_Block]:
    first = night - timedelta(days=churn.DAYS - 1)
    lengths = churn.pace(stores.presence.speakers(community.id, first, night))
    for start, spoke in stores.presence.blocks(community.id, first, night):
        days = spoke.sum(axis=0)
        members = np.flatnonzero(days)
        yield _Block((start + members).astype(np.uint32), churn.rhythms(spoke[:, members], lengths), days[members].astype(np.int64))


def _influence(edges: Edges, blocks: Sequence[_Block], before: Influence) -> Influence:
    """The influence that follows from edges; ``before`` is where the night before ended."""
    last = max((int(block.members[-1]) for block in blocks), default=-1)
    days = np.zeros(last + 1, dtype=np.int64)
    for block in blocks:
        days[block.members] = block.days
    return koc.influence(edges, days, before)


def _of_members(
    heard: NDArray[np.int64], values: NDArray[np.float64], members: NDArray[np.uint32], is_known: bool
) -> NDArray[np.float64]:  # fmt: skip
    """The values of some members, 0 of one who has none; nobody's where they are not known."""
    if not is_known or not len(heard):
        return np.full(len(members), np.nan)
    at = np.minimum(np.searchsorted(heard, members), len(heard) - 1)
    return np.where(heard[at] == members, values[at], 0.0)


def _silent(heard: NDArray[np.int64], spoke: NDArray[np.uint32], faded: Sequence[int]) -> NDArray[np.uint32]:
    """Those of whom somebody said something, now or once, and who did not speak lately themselves."""
    everybody = np.concatenate([heard, np.array(faded, dtype=np.int64)])
    return np.setdiff1d(everybody, spoke).astype(np.uint32)
