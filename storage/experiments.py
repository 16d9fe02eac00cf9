"""Experiments: what is tried with pushes in every community, what came of it by day and arm, and which wording all get by now.

While the hours of a unit run it is known what it was shown and who of it did what is looked for; later only that it was reached (a bit a member).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from rules.experiments import Plan, Tally
from rules.exposures import Did, Exposed, Watch, gain
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script, pairs
from storage.moment import to_ms
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000
MOST_TRIES = 20
FORGOTTEN_AFTER = timedelta(days=3)
"""After its hours, measured by what happened since and not by a clock: what a stopped process reads late counts still."""
EARLY = timedelta(hours=2)
"""A single chat is logged in another shard than the push that it answers, and may be read first: so long it waits for it."""
MOST_SWEPT = 1_000
State = Literal["running", "decided", "same", "rolled_out", "over"]
"""Running, decided and not rolled out, looked at to the end without a difference, one wording for all, or followed by another one of the same push."""
LETTERS = "uhps"
"""Of the sums of an arm on a day: units, hits, people, squares."""
MOST_EARLY = 8
_REV, _EARLY = "rev", "?"


class Step(msgspec.Struct, frozen=True):
    """What happened to an experiment: when (ms), what, by whom (0: by itself), and about which arm."""

    at: int
    act: Literal["begun", "won", "same", "rolled_out", "taken_back", "over", "skewed"]
    by: int = 0
    arm: str = ""


class Row(msgspec.Struct, frozen=True):
    """An experiment as it is kept."""

    push: str
    mark: str
    title: str
    plan: Plan
    since: int
    state: State = "running"
    winner: str = ""
    said: str = ""
    decided: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment of a community; ``seen`` is the state that a change is decided on."""

    row: Row
    seen: str = field(repr=False, default="")

    @property
    def name(self) -> str:
        """What it is called in addresses: the push and the experiment's digest."""
        return f"{self.row.push}.{self.row.mark.split('.')[0]}"


@dataclass(slots=True)
class _Sum:
    """What is about to be counted in one community: units whose hours run, what came early, and what changes of all that."""

    units: dict[str, list[Watch]] = field(default_factory=dict)
    early: dict[str, list[Did]] = field(default_factory=dict)
    reached: set[tuple[str, str, str]] = field(default_factory=set)
    new_units: set[str] = field(default_factory=set)
    new_early: set[str] = field(default_factory=set)
    new_reached: list[tuple[str, str, str]] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    sums: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether anything changes."""
        return bool(self.new_units or self.new_early or self.swept)

    def add(self, watch: Watch, tally: Tally) -> None:
        """Adds to the tally of a watch's day and arm."""
        sums = self.sums.setdefault((watch.push, watch.mark), {})
        for letter, n in zip(LETTERS, (tally.units, tally.hits, tally.people, tally.squares), strict=True):
            if n:
                name = f"{letter}|{watch.day.isoformat()}|{watch.arm}"
                sums[name] = sums.get(name, 0) + n

    def expose(self, exposed: Exposed, day: date) -> None:
        """Takes an exposure; the first of a unit counts, and what it did before this was read."""
        name = (exposed.push, exposed.mark, exposed.unit)
        if name in self.reached:
            return
        self.reached.add(name)
        self.new_reached.append(name)
        watch = Watch.begin(exposed, day)
        self.add(watch, Tally(1))
        self.units.setdefault(exposed.unit, []).append(watch)
        self.new_units.add(exposed.unit)
        for did in self.early.get(exposed.unit, ()):
            self.take(did, exposed.unit)

    def take(self, did: Did, unit: str) -> None:
        """Takes what somebody of a unit did."""
        watches = self.units.get(unit, [])
        for at, watch in enumerate(watches):
            if watch.takes(did):
                self.add(watch, gain(len(watch.who)))
                watches[at] = watch.with_one(did.member)
                self.new_units.add(unit)

    def hold(self, did: Did, unit: str) -> None:
        """Keeps what somebody did for an exposure that may be read later."""
        held = self.early.setdefault(unit, [])
        if did not in held:
            self.early[unit] = [*held, did][-MOST_EARLY:]
            self.new_early.add(unit)


class Experiments:
    """The experiments of every community."""

    PERSONAL = Personal(
        "实验",
        "比较两种推送哪种好",
        (
            keys.EXPERIMENTS,
            keys.EXPERIMENT_WINNERS,
            keys.EXPERIMENT_OPEN,
            keys.EXPERIMENT_CLOSING,
            keys.EXPERIMENT_DAYS,
            keys.EXPERIMENT_MEMBERS,
            keys.EXPERIMENT_CHATS,
        ),
        what="在哪些进行中的实验里、收到哪一种",
        erasing="从进行中的实验里删除；合计不记是谁",
        passing=(keys.EXPERIMENT_CLOSING, keys.EXPERIMENT_MEMBERS),
        passing_why="和进行中的实验是一回事",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._count = Script("experiment_count")
        self._settle = Script("experiment_settle")

    # Which there are --------------------------------------------------------------------------------------------------------

    def begin(self, where: CommunityKeys, push: str, mark: str, title: str, plan: Plan, now: datetime) -> bool:
        """Notes an experiment, as it was planned when it began; True the first time."""
        row = Row(push, mark, title, plan, to_ms(now), steps=(Step(to_ms(now), "begun"),))
        part = {"shard": where.shard, "community": where.id}
        made, _ = self._database.pipeline([
            ("HSETNX", keys.EXPERIMENTS(**part), f"{push}|{mark}", msgspec.json.encode(row)),
            ("HSETNX", keys.EXPERIMENT_OPEN(**part), _REV, "1"),
        ])  # fmt: skip
        return bool(made)

    def all(self, where: CommunityKeys) -> list[Experiment]:
        """Every experiment, the newest first."""
        kept = self._database.command("HVALS", keys.EXPERIMENTS(shard=where.shard, community=where.id))
        return sorted(map(_experiment, kept), key=lambda one: (-one.row.since, one.row.push, one.row.mark))

    def find(self, where: CommunityKeys, push: str, mark: str) -> Experiment | None:
        """One experiment, None where there is none."""
        kept = self._database.command("HGET", keys.EXPERIMENTS(shard=where.shard, community=where.id), f"{push}|{mark}")
        return _experiment(kept) if kept else None

    def winner(self, where: CommunityKeys, push: str) -> tuple[str, str]:
        """Which experiment's mark decided what all get of a push, and which arm that is; both '' where nothing was rolled out."""
        kept = self._database.command("HGET", keys.EXPERIMENT_WINNERS(shard=where.shard, community=where.id), push)
        mark, _, arm = (kept or "").partition("|")
        return mark, arm

    def settle(
        self, where: CommunityKeys, before: Experiment, after: Row, all_get: str, deliveries: Sequence[Delivery], now: datetime, *, once: str
    ) -> bool:  # fmt: skip
        """Changes the state of an experiment that was seen so; ``all_get`` is the arm for all ('' none). False when it was changed meanwhile."""
        queued = [encode_delivery(where.shard, delivery) for delivery in deliveries]
        part = {"shard": where.shard, "community": where.id}
        facts = {
            "act": "experiment",
            "push": after.push,
            "mark": after.mark,
            "state": after.state,
            "arm": all_get or after.winner,
            "by": after.steps[-1].by,
        }
        done = self._database.act(
            self._settle,
            [
                keys.EXPERIMENTS(**part), keys.EXPERIMENT_WINNERS(**part), keys.ONCE(**part, id=f"experiment:{once}"), keys.EVENTS(shard=where.shard),
                keys.OUTBOX_DUE(shard=where.shard), *(queue for queue, _, _ in queued),
            ],
            [
                to_ms(now), where.id, f"{after.push}|{after.mark}", before.seen, msgspec.json.encode(after), after.push,
                f"{after.mark}|{all_get}" if all_get else "", once, ONCE_LIFE_MS, json.dumps(facts, ensure_ascii=False), where.shard,
                *(word for _, due_member, item in queued for word in (due_member, item)),
            ],
        )  # fmt: skip
        return bool(done)

    # What came of them ------------------------------------------------------------------------------------------------------

    def days(self, where: CommunityKeys, push: str, mark: str) -> dict[date, dict[str, Tally]]:
        """The tallies of an experiment by the day of first exposure and by arm."""
        kept = pairs(self._database.command("HGETALL", self._days(where, push, mark)))
        found: dict[date, dict[str, list[int]]] = {}
        for name, n in kept.items():
            letter, day, arm = name.split("|", 2)
            found.setdefault(date.fromisoformat(day), {}).setdefault(arm, [0, 0, 0, 0])[LETTERS.index(letter)] = int(n)
        return {day: {arm: Tally(*four) for arm, four in arms.items()} for day, arms in sorted(found.items())}

    def are_watched(self, places: Sequence[CommunityKeys]) -> list[bool]:
        """In which communities anything was ever tried; one round trip."""
        asked = [("HEXISTS", keys.EXPERIMENT_OPEN(shard=where.shard, community=where.id), _REV) for where in places]
        return [bool(one) for one in self._database.pipeline(asked)] if asked else []

    def count(self, where: CommunityKeys, told: Sequence[Exposed | Did], *, is_home: bool) -> None:
        """Counts what happened, in the order of one shard's log.

        Repeats change nothing. ``is_home``: it comes from the shard of the community itself, where its pushes are logged.
        """
        for _ in range(MOST_TRIES):
            rev, sums = self._look(where, told)
            for one in told:
                if isinstance(one, Exposed):
                    sums.expose(one, where.day_of(one.at))
                    continue
                for unit in one.units:
                    sums.take(one, unit)
                if not is_home:
                    sums.hold(one, f"m:{one.member}")
            if not sums.is_new or self._keep(where, rev, sums):
                return
        raise RuntimeError("experiments are counted by several processes at once")

    def export_user(self, number: int) -> dict[str, Any]:
        """In which running experiments the member is, by community."""
        found = {}
        for where in communities_with(self._database, keys.EXPERIMENT_OPEN):
            kept = self._database.command("HGET", keys.EXPERIMENT_OPEN(shard=where.shard, community=where.id), f"m:{number}")
            if kept:
                found[where.id] = [{"推送": one.push, "收到的": one.arm, "从": one.since.isoformat()} for one in _watches.decode(kept)]
        return found

    def erase_user(self, number: int) -> str:
        """Forgets the member; what he did stays in sums that name nobody."""
        for where in list(communities_with(self._database, keys.EXPERIMENT_OPEN)):
            self._forget(where, number)
            part = {"shard": where.shard, "community": where.id}
            bits = [
                ("SETBIT", keys.EXPERIMENT_MEMBERS(**part, push=one.row.push, mark=one.row.mark), number, 0) for one in self.all(where)
                if one.row.plan.to == "members"
            ]  # fmt: skip
            if bits:
                self._database.pipeline(bits)
        return "已从进行中的实验里删除；实验的合计不含个人"

    # Inside -----------------------------------------------------------------------------------------------------------------

    def _look(self, where: CommunityKeys, told: Sequence[Exposed | Did]) -> tuple[str, _Sum]:
        """The state that is counted on: the revision, the units that are meant, who was reached before, whose hours are long over; one round trip."""
        part = {"shard": where.shard, "community": where.id}
        units = sorted({unit for one in told for unit in (one.units if isinstance(one, Did) else (one.unit,))})
        exposed = sorted({(one.push, one.mark, one.unit) for one in told if isinstance(one, Exposed)})
        over = to_ms(max(one.at for one in told) - FORGOTTEN_AFTER)
        kept, swept, *was = self._database.pipeline([
            ("HMGET", keys.EXPERIMENT_OPEN(**part), _REV, *units, *(f"{_EARLY}{unit}" for unit in units)),
            ("ZRANGEBYSCORE", keys.EXPERIMENT_CLOSING(**part), "-inf", over, "LIMIT", 0, MOST_SWEPT),
            *(_was_reached(part, *one) for one in exposed),
        ])  # fmt: skip
        rows = dict(zip((*units, *(f"{_EARLY}{unit}" for unit in units)), kept[1:], strict=True))
        sums = _Sum(
            reached={one for one, is_so in zip(exposed, was, strict=True) if is_so}, swept=[unit for unit in swept if not rows.get(unit)]
        )
        sums.units = {unit: _watches.decode(rows[unit]) for unit in units if rows[unit]}
        sums.early = {unit: _early.decode(early) for unit in units if (early := rows[f"{_EARLY}{unit}"])}
        return kept[0] or "", sums

    def _keep(self, where: CommunityKeys, rev: str, sums: _Sum) -> bool:
        """Keeps what was counted; False when something else was meanwhile."""
        part = {"shard": where.shard, "community": where.id}
        changed: list[str | bytes | int] = []
        for unit in sorted(sums.new_units):
            watches = sums.units.get(unit)
            changed += [unit, _encode(watches) if watches else "", to_ms(max(one.until for one in watches)) if watches else 0]
        for unit in sorted(sums.new_early):
            early = sums.early.get(unit)
            changed += [f"{_EARLY}{unit}", _encode(early) if early else "", to_ms(early[-1].at + EARLY - FORGOTTEN_AFTER) if early else 0]
        for unit in sums.swept:
            changed += [unit, "", 0]
        names = sorted({(push, mark) for push, mark, _ in sums.new_reached} | set(sums.sums))
        places = {name: at for at, name in enumerate(names)}
        sums_flat = [piece for name, fields in sums.sums.items() for field_, n in fields.items() for piece in (places[name], field_, n)]
        done = self._database.act(
            self._count,
            [
                keys.EXPERIMENT_OPEN(**part), keys.EXPERIMENT_CLOSING(**part),
                *(family(**part, push=push, mark=mark) for push, mark in names for family in _OF_ONE),
            ],
            [
                rev, len(changed) // 3, *changed,
                len(sums.new_reached), *(piece for push, mark, unit in sums.new_reached for piece in (places[push, mark], unit)),
                len(sums_flat) // 3, *sums_flat,
            ],
        )  # fmt: skip
        return bool(done)

    def _forget(self, where: CommunityKeys, number: int) -> None:
        """Takes a member out of what is open: himself, and from among those of groups who did something."""
        kept = pairs(self._database.command("HGETALL", keys.EXPERIMENT_OPEN(shard=where.shard, community=where.id)))
        sums, own = _Sum(), f"m:{number}"
        for unit, row in kept.items():
            if unit == own:
                sums.new_units.add(unit)
            elif unit == f"{_EARLY}{own}":
                sums.new_early.add(own)
            elif unit.startswith("g:") and any(number in one.who for one in _watches.decode(row)):
                sums.units[unit] = [replace(one, who=tuple(0 if who == number else who for who in one.who)) for one in _watches.decode(row)]
                sums.new_units.add(unit)
        if sums.is_new and not self._keep(where, kept.get(_REV, ""), sums):
            self._forget(where, number)

    def _days(self, where: CommunityKeys, push: str, mark: str) -> str:
        return keys.EXPERIMENT_DAYS(shard=where.shard, community=where.id, push=push, mark=mark)


def _was_reached(part: Mapping[str, Any], push: str, mark: str, unit: str) -> tuple[Any, ...]:
    if unit.startswith("m:"):
        return "GETBIT", keys.EXPERIMENT_MEMBERS(**part, push=push, mark=mark), unit[2:]
    return "SISMEMBER", keys.EXPERIMENT_CHATS(**part, push=push, mark=mark), unit[2:]


def _experiment(kept: str) -> Experiment:
    return Experiment(msgspec.json.decode(kept, type=Row), kept)


_encode = msgspec.json.encode
_watches = msgspec.json.Decoder(list[Watch])
_early = msgspec.json.Decoder(list[Did])
_OF_ONE = (keys.EXPERIMENT_DAYS, keys.EXPERIMENT_MEMBERS, keys.EXPERIMENT_CHATS)
