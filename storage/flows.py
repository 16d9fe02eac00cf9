"""Where members stand in flows: one state a member and flow, moved by one act that compares what it was decided on.

What a state still owes to other stores (points, tags, a ticket, words for a single chat) stands in it as ``todo`` until it is done; the due index
brings back whoever has something to do, so a crash between two acts loses nothing. A member finishes the version of a flow that he began: its
definition is kept under its digest for as long as somebody holds on to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from rules.content_flows import flow_from_source
from storage import bells, keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import digest_of, week_of
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.tallies import counted_in

DONE_LIFE_MS = 8 * 86_400_000
"""How long a week's memory of repeats is kept after its last act: each for seven days at least."""
FUNNEL_LIFE_MS = 400 * 86_400_000
AWAITED_FOR = timedelta(minutes=1)
"""How long it is remembered what members in former versions wait for."""
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Todo:
    """Something that is still to be done elsewhere: award, tag, untag, human, notice (words for a single chat), ask (open a question),
    finished (look whether that earned a badge).
    """

    kind: str
    value: str = ""
    n: int = 0


@dataclass(frozen=True, slots=True)
class FlowState:
    """Where a member stands in a flow. Moments are in ms, 0 where there is none.

    ``status`` is asking, waiting, done, left (he cancelled and may resume), late (the deadline passed), stopped (by an administrator) or broken.
    ``n`` counts how often he was in it, ``revision`` every write, ``seq`` every step on: what belongs to one step is named by it. ``held``: he
    holds on to the definition ``digest``. ``reached`` has a bit for every step that he came to, ``day`` is when he began.
    """

    flow: str
    n: int
    revision: int
    seq: int
    digest: str
    status: str
    step: int
    since: int
    began: int
    day: str
    held: bool = True
    wake: int = 0
    deadline: int = 0
    ended: int = 0
    chat: str = ""
    event: str = ""
    reached: int = 0
    reminded: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    todo: tuple[Todo, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether it goes on by an answer, an event or the clock."""
        return self.status in ("asking", "waiting")


@dataclass(frozen=True, slots=True)
class Stepped:
    """What came of a step: done, moved (he stands elsewhere, nothing was done) or again (a repeat, with the first ``result``)."""

    outcome: str
    result: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known of any question that waits: its kind, when it was asked (ms), and for how long it waits."""

    kind: str
    at: int
    life_s: int = 600


@dataclass(frozen=True, slots=True)
class _Awaited:
    """What members of a community were found to wait for, as long as these flows are in force and until then."""

    events: frozenset[str]
    flows: object
    until: datetime


_encode = msgspec.json.Encoder().encode
_decode_asked = msgspec.json.Decoder(_Asked).decode
_decode = msgspec.json.Decoder(FlowState).decode


class FlowStates:
    """The flows of every community's members."""

    PERSONAL = Personal(
        "流程",
        "新人任务等一步步的对话",
        (keys.FLOWS_OF, keys.FLOWS_TOLD, keys.FLOWS_DONE, keys.FLOW_DEFINITIONS, keys.FLOW_FUNNEL, keys.FLOW_STEPS),
        what="走到哪一步、回答了什么",
        erasing="全部删除；漏斗只有人数",
        passing=(keys.FLOWS_TOLD, keys.FLOWS_DONE, keys.FLOW_STEPS, keys.FLOW_DEFINITIONS),
        passing_why="由进度来的，或者是运营者写的流程",
    )

    def __init__(self, database: Database, shards: int, *, answers_hours: int) -> None:
        self._database = database
        self._shards = shards
        self._told_life_ms = answers_hours * 3_600_000
        self._awaited: dict[str, _Awaited] = {}
        self._step = Script("flow_step")
        self._erase = Script("flow_erase")
        self._ask = Script("flow_ask")
        self._drop = Script("flow_drop")

    # Acts ---------------------------------------------------------------------------------------------------------------

    def step(
        self,
        where: CommunityKeys,
        member: int,
        after: FlowState,
        now: datetime,
        *,
        expect: int,
        due: datetime | None,
        hold: str = "",
        release: str = "",
        reached: Iterable[str] = (),
        told: dict[str, Any] | None = None,
        counts: Sequence[str] = (),
        result: str = "",
        brief: str = "",
        deliveries: Sequence[Delivery] = (),
        once: str,
    ) -> Stepped:
        """Puts a member's new state in force if he still stands at revision ``expect`` (0: nowhere), and all that goes with it.

        ``hold`` is the definition of ``after.digest``, given when he takes hold of it; ``release`` the digest of one he lets go of. A repeat of ``once``
        gets ``result`` while the first answers to messages are kept, then ``brief``, for a week at least.
        """
        part = {"shard": where.shard, "community": where.id, "member": member, "flow": after.flow, "day": after.day}
        rows = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        labels = list(reached)
        got = self._database.act(
            self._step,
            [
                keys.FLOWS_TOLD(**part, id=once), keys.FLOWS_OF(**part), keys.FLOW_DEFINITIONS(**part), keys.FLOW_STEPS(**part),
                keys.FLOW_FUNNEL(**part), keys.EVENTS(**part), keys.OUTBOX_DUE(**part), *_done_keys(where, now),
                *counted_in(where, where.day_of(now)), *(queue for queue, _, _ in rows),
            ],
            [
                to_ms(now), where.id, member, once, after.flow, expect, f"{after.revision}|{_text(after)}",
                to_ms(due) if due else "", after.digest if hold else "", hold, release, result, self._told_life_ms, brief,
                digest_of(f"{member}:{once}"), DONE_LIFE_MS, FUNNEL_LIFE_MS,
                json.dumps(told, ensure_ascii=False, separators=(",", ":")) if told else "", where.shard,
                ",".join(counts), len(labels), *labels, *(piece for _, name, item in rows for piece in (name, item)),
            ],
        )  # fmt: skip
        return Stepped(got[0], got[1])

    def ring_later(self, where: CommunityKeys, member: int, flow: str, at: datetime) -> None:
        """Has a flow's clock ring later than it would; where it rings no more it stays so."""
        self._database.command("ZADD", keys.FLOW_STEPS(shard=where.shard), "XX", to_ms(at), _bell(where, member, flow))

    def open_question(self, shard: int, chat: str, member: int, waiting: str, life_ms: int, asked_ms: int) -> bool:
        """Has the next words of a member in a chat taken for an answer; False where something was asked of him there after ``asked_ms``."""
        key = keys.WAITING(shard=shard, chat=chat or "~", member=member)
        return bool(self._database.act(self._ask, [key], [asked_ms, waiting, life_ms]))

    def drop_question(self, shard: int, chat: str, member: int, name: str) -> None:
        """Has a member's next words in a chat not taken for the answer to the question ``name`` any more; one round trip."""
        self._database.act(self._drop, [keys.WAITING(shard=shard, chat=chat or "~", member=member)], [name])

    def busy_until(self, shard: int, chat: str, member: int) -> datetime | None:
        """Until when a member's next words in a chat are waited for by something else than a flow; None where nothing does. One round trip."""
        kept = self._database.command("GET", keys.WAITING(shard=shard, chat=chat or "~", member=member))
        asked = _decode_asked(kept) if kept else None
        return from_ms(asked.at + asked.life_s * 1000) if asked and asked.kind != "flow" else None

    # Looking ------------------------------------------------------------------------------------------------------------

    def of_member(self, where: CommunityKeys, member: int) -> dict[str, FlowState]:
        """Where a member stands, by flow; one round trip."""
        return _states(self._database.command("HGETALL", keys.FLOWS_OF(shard=where.shard, community=where.id, member=member)))

    def load(self, where: CommunityKeys, member: int, now: datetime, *, once: str) -> tuple[dict[str, FlowState], str]:
        """Where a member stands, by flow, and what the act of this ``once`` gave before ('' nothing); one round trip."""
        part = {"shard": where.shard, "community": where.id, "member": member}
        asked: list[tuple[Any, ...]] = [("HGETALL", keys.FLOWS_OF(**part)), ("GET", keys.FLOWS_TOLD(**part, id=once))]
        asked += [("HGET", key, digest_of(f"{member}:{once}")) for key in _done_keys(where, now)]
        flat, *first = self._database.pipeline(asked)
        return _states(flat), next(filter(None, first), "")

    def definition(self, where: CommunityKeys, digest: str) -> str | None:
        """A definition that somebody holds on to."""
        found = self._database.command("HGET", keys.FLOW_DEFINITIONS(shard=where.shard, community=where.id), digest)
        return str(found) if found else None

    def awaited(self, where: CommunityKeys, flows: object, now: datetime) -> frozenset[str]:
        """The events that members in former versions may wait for, known for a minute and until other ``flows`` are in force; then one round trip."""
        known = self._awaited.get(where.id)
        if known is None or known.flows is not flows or known.until < now:
            kept = self._database.command("HVALS", keys.FLOW_DEFINITIONS(shard=where.shard, community=where.id))
            events = (event for text in kept if not text.isdecimal() for event in _awaits(text))
            known = self._awaited[where.id] = _Awaited(frozenset(events), flows, now + AWAITED_FOR)
        return known.events

    def due(self, now: datetime) -> list[tuple[CommunityKeys, int, str]]:
        """Community, member and flow of those whose clock has come, the longest due first; one round trip."""
        found = bells.ring(self._database, keys.FLOW_STEPS, self._shards, to_ms(now), most=_AT_ONCE)
        named = ((shard, bell.rsplit("|", 2)) for shard, bell in found)
        return [(CommunityKeys(community, shard), int(member), flow) for shard, (community, member, flow) in named]

    def next_due(self, where: CommunityKeys, flow: str, *, most: int = 50, looked_at: int = 5_000) -> list[tuple[int, FlowState, datetime]]:
        """Members who are in a flow, where they stand and when their clock next rings, the soonest first; a few round trips.

        Of a shard's clocks the next ``looked_at`` are looked at; who waits without a clock is not among them.
        """
        found: list[tuple[int, datetime]] = []
        key = keys.FLOW_STEPS(shard=where.shard)
        for skip in range(0, looked_at, 1_000):
            flat = self._database.command("ZRANGE", key, skip, skip + 999, "WITHSCORES")
            for bell, at in zip(flat[::2], flat[1::2], strict=True):
                community, member, its_flow = bell.rsplit("|", 2)
                if (community, its_flow) == (where.id, flow):
                    found.append((int(member), from_ms(int(float(at)))))
            if len(flat) < 2_000 or len(found) >= most:
                break
        return self._with_states(where, flow, found[:most])

    def _with_states(self, where: CommunityKeys, flow: str, found: Sequence[tuple[int, datetime]]) -> list[tuple[int, FlowState, datetime]]:
        part = {"shard": where.shard, "community": where.id}
        kept = self._database.pipeline([("HGET", keys.FLOWS_OF(**part, member=member), flow) for member, _ in found])
        return [(member, _state(text), at) for (member, at), text in zip(found, kept, strict=True) if text]

    def funnel(self, where: CommunityKeys, flow: str, until: date, days: int = 30) -> dict[str, dict[str, int]]:
        """How many who began on each of the last days reached each step, by day; days on which nobody began are left out. One round trip."""
        names = [(until - timedelta(days=ago)).isoformat() for ago in range(days)]
        part = {"shard": where.shard, "community": where.id, "flow": flow}
        rows = self._database.pipeline([("HGETALL", keys.FLOW_FUNNEL(**part, day=day)) for day in names])
        return {
            day: {label: int(n) for label, n in zip(flat[::2], flat[1::2], strict=True)}
            for day, flat in zip(names, rows, strict=True)
            if flat
        }

    # Persons ------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """The flows that the member is or was in, with what he answered."""
        found: dict[str, Any] = {}
        for where in communities_with(self._database, keys.FLOWS_OF):
            if states := self.of_member(where, number):
                found[where.id] = {
                    flow: {"状态": state.status, "开始": from_ms(state.began).isoformat(), "回答": state.answers}
                    for flow, state in states.items()
                }
        return found

    def erase_user(self, number: int) -> str:
        """Forgets where the member stands and what he answered; how many reached each step stays counted."""
        gone = 0
        for where in communities_with(self._database, keys.FLOWS_OF):
            part = {"shard": where.shard, "community": where.id, "member": number}
            names = [keys.FLOWS_OF(**part), keys.FLOW_DEFINITIONS(**part), keys.FLOW_STEPS(**part)]
            gone += int(self._database.act(self._erase, names, [where.id, number]))
        for key in self._database.scan(keys.FLOWS_TOLD(shard="*", community="*", member=number, id="*")):  # it quotes what he answered
            self._database.command("DEL", key)
        return f"已删除他在 {gone} 个流程里的进度和回答；漏斗只留人数"


def _done_keys(where: CommunityKeys, now: datetime) -> list[str]:
    """The memories of repeats of this week and of those around it: a clock may be behind, and a repeat come late."""
    weeks = (now.astimezone(UTC).date() + timedelta(days=days) for days in (0, -7, 7))
    return [keys.FLOWS_DONE(shard=where.shard, community=where.id, week=week_of(day)) for day in weeks]


def _awaits(definition: str) -> frozenset[str]:
    try:
        return flow_from_source(definition).awaits
    except ValueError:  # of another version of the program: nothing of it goes on here
        return frozenset()


def _bell(where: CommunityKeys, member: int, flow: str) -> str:
    return f"{where.id}|{member}|{flow}"


def _text(state: FlowState) -> str:
    """A state as it is kept: what is as it mostly is takes no room."""
    kept = {one.name: getattr(state, one.name) for one in fields(state)}
    return _encode({name: value for name, value in kept.items() if value != _MOSTLY.get(name)}).decode()


_MOSTLY = {one.name: one.default for one in fields(FlowState)} | {"answers": {}}


def _states(flat: Sequence[str]) -> dict[str, FlowState]:
    return {flow: _state(kept) for flow, kept in zip(flat[::2], flat[1::2], strict=True)}


def _state(kept: str) -> FlowState:
    return _decode(kept.partition("|")[2])
