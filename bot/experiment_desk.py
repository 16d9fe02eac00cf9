"""The desk of experiments: counts what came of pushes on trial, says what may be concluded, and has the better wording sent to all.

Chat, console and clock do it here. What is counted comes from the event log and can be counted from it again (:func:`recount`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
import structlog

from bot.communities import Communities, Community
from bot.config import Config
from bot.errors import UserError
from bot.follower import Reader
from bot.live import Contents
from bot.permissions import SYSTEM, Actor
from bot.staff import to_staff
from rules.content_pushes import PUSHES, read_push
from rules.experiments import HOLDOUT, Days, Plan, Tally, Verdict, called, judge, mark_of
from rules.exposures import Anew, Did, Exposed, read_event
from rules.pushes import EVERYWHERE, Push
from storage.community import CommunityKeys
from storage.events import LogEntry
from storage.experiments import Experiment, Row, State, Step
from storage.moment import to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

SETTLES = timedelta(hours=1)
"""A day is looked at so long after it ended: what was logged last has been read by then."""
CONSUMER = "experiments"
STATES: Mapping[str, str] = {"running": "进行中", "decided": "有结论", "same": "没有差别", "rolled_out": "已推广", "over": "已结束"}


@dataclass(frozen=True, slots=True)
class Shown:
    """An experiment with what may be concluded of it now, and what is known by day."""

    experiment: Experiment
    verdict: Verdict
    days: Days

    @property
    def total(self) -> dict[str, Tally]:
        """All that was counted of each arm, also of units whose hours still run."""
        plan = self.experiment.row.plan
        return {name: sum((day.get(name, Tally()) for day in self.days.values()), Tally()) for name in plan.arms}

    @property
    def can_roll_out(self) -> bool:
        """Whether one of its arms can be sent to all."""
        return self.experiment.row.plan.control != HOLDOUT and self.experiment.row.state not in ("rolled_out", "over")


def arm_in_force(stores: Stores, where: CommunityKeys, push: Push) -> str:
    """The arm of a push that everybody gets since it won, '' while it is tried or has none. One round trip, none without a trial."""
    if push.trial is None:
        return ""
    mark, arm = stores.experiments.winner(where, push.id)
    return arm if mark == mark_of(push) and any(one.name == arm for one in push.arms) else ""


@dataclass(frozen=True, slots=True)
class ExperimentDesk:
    """The experiments of a community."""

    stores: Stores
    config: Config
    community: Community
    now: datetime

    def list_all(self) -> list[Shown]:
        """Every experiment with its verdict, the newest first."""
        return [self._shown(one) for one in self.stores.experiments.all(self.community.keys)]

    def get(self, name: str) -> Shown:
        """An experiment by its name, or the newest of a push by that one's id. Raises UserError where there is none."""
        for one in self.stores.experiments.all(self.community.keys):
            if name in (one.name, one.row.push):
                return self._shown(one)
        raise UserError(f"没有实验 {name[:64]}。说“实验”看看有哪些，再说，例如：实验 3")

    def roll_out(self, name: str, arm: str, actor: Actor, *, once: str) -> Shown:
        """Has everybody get one arm from now on. Raises UserError where that cannot be."""
        shown = self.get(name)
        row = shown.experiment.row
        if row.state == "rolled_out" and row.steps[-1].arm == arm:
            return shown
        if row.plan.control == HOLDOUT or arm not in row.plan.arms or arm == HOLDOUT:
            arms = "、".join(one for one in row.plan.arms if one != HOLDOUT)
            raise UserError(f"“{row.title}”没有叫“{arm[:20]}”的一组，有：{arms}。例如：实验 推广 {row.push} {arms.split('、')[0]}")
        if row.state == "over":
            raise UserError(f"“{row.title}”的这个实验已经结束，推送后来改过。看现在的请说：实验 {row.push}")
        after = _moved(
            row, "rolled_out", Step(to_ms(self.now), "rolled_out", actor.member, arm), winner=arm, said=row.said or shown.verdict.said
        )
        return self._settle(shown.experiment, after, arm, actor.id, "推广", called(arm), once)

    def take_back(self, name: str, actor: Actor, *, once: str) -> Shown:
        """Has the arms go on side by side after one was sent to all. Raises UserError where none is."""
        shown = self.get(name)
        row = shown.experiment.row
        if row.state != "rolled_out":
            raise UserError(f"“{row.title}”没有推广，不用撤回。看结论请说：实验 {row.push}")
        state: State = "decided" if any(step.act == "won" for step in row.steps) else "running"
        after = _moved(
            row, state, Step(to_ms(self.now), "taken_back", actor.member, row.winner), winner="" if state == "running" else row.winner
        )
        return self._settle(shown.experiment, after, "", actor.id, "撤回推广", "各组照旧分着发", once)

    def look(self, experiment: Experiment, push: Push | None) -> bool:
        """Looks whether a running experiment is decided; settles it and tells its staff then. ``push`` as it stands now, None: gone."""
        row = experiment.row
        verdict = self._shown(experiment).verdict
        current = push is not None and mark_of(push) == row.mark
        if verdict.state == "won":
            return self._win(experiment, verdict, rolls_out=current and push is not None and bool(push.trial and push.trial.roll_out))
        if verdict.state == "same":
            step = Step(to_ms(self.now), "same")
            return self._end(
                experiment,
                _moved(row, "same", step, said=verdict.said, decided=_iso(verdict)),
                "没有差别",
                "各组可以照旧，也可以选一个推广",
            )
        if verdict.state == "skewed" and not any(step.act == "skewed" for step in row.steps):
            return self._end(
                experiment, _moved(row, "running", Step(to_ms(self.now), "skewed"), said=verdict.said), "分组不对", "数据还会接着数"
            )
        if not current:
            step = Step(to_ms(self.now), "over")
            return self._end(
                experiment, _moved(row, "over", step, said=verdict.said), "结束", "推送改过或者删掉了，这个实验不再数", is_told=False
            )
        return False

    # Inside -----------------------------------------------------------------------------------------------------------------

    def _shown(self, experiment: Experiment) -> Shown:
        row = experiment.row
        days = self.stores.experiments.days(self.community.keys, row.push, row.mark)
        return Shown(experiment, judge(row.plan, days, self.community.day_of(self.now - SETTLES)), days)

    def _win(self, experiment: Experiment, verdict: Verdict, *, rolls_out: bool) -> bool:
        row = experiment.row
        if rolls_out and HOLDOUT not in (verdict.winner, row.plan.control):
            step = Step(to_ms(self.now), "won", 0, verdict.winner), Step(to_ms(self.now), "rolled_out", 0, verdict.winner)
            after = _moved(row, "rolled_out", *step, winner=verdict.winner, said=verdict.said, decided=_iso(verdict))
            return self._end(
                experiment, after, "自动推广", f"以后都发“{verdict.winner}”；不要的话请说：实验 撤回 {row.push}", all_get=verdict.winner
            )
        after = _moved(
            row, "decided", Step(to_ms(self.now), "won", 0, verdict.winner), winner=verdict.winner, said=verdict.said, decided=_iso(verdict)
        )  # fmt: skip
        then = f"要都发这个请说：实验 推广 {row.push} {verdict.winner}" if row.plan.control != HOLDOUT else "发不发由你们决定"
        return self._end(experiment, after, "有结论", then)

    def _end(self, experiment: Experiment, after: Row, act: str, then: str, *, all_get: str = "", is_told: bool = True) -> bool:
        """Settles what the clock found, with its notice and its row in the audit."""
        row = experiment.row
        once = f"{row.push}:{row.mark}:{after.steps[-1].act}:{to_ms(self.now)}"
        text = f"实验“{row.title}”（推送 {row.push}）：{after.said}。{then}。"
        id = f"experiment:{self.community.id}:{row.push}:{row.mark}:{after.steps[-1].act}"
        posts = to_staff(self.stores, self.config, self.community, text, id=id, now_ms=to_ms(self.now)) if is_told else ()
        if not self.stores.experiments.settle(self.community.keys, experiment, after, all_get, posts, self.now, once=once):
            return False
        self._note(row, SYSTEM, act, after.said, once)
        log.info("experiment settled", push=row.push, community=self.community.id, state=after.state)
        return True

    def _settle(self, experiment: Experiment, after: Row, all_get: str, actor: str, act: str, becomes: str, once: str) -> Shown:
        if not self.stores.experiments.settle(self.community.keys, experiment, after, all_get, (), self.now, once=once):
            raise UserError("这个实验刚刚被改过，请看看最新的再决定，例如：实验 " + after.push)
        self._note(experiment.row, actor, act, becomes, once)
        return self.get(experiment.name)

    def _note(self, row: Row, actor: str, act: str, becomes: str, once: str) -> None:
        self.stores.audit.record(
            self.community.id, actor, f"实验 {act}", f"{row.push}（{row.title}）", STATES[row.state], becomes, self.now, once=once
        )


def ring_experiments(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Notes what is tried, and settles what is decided by now; gives how many were settled. Cheap where nothing is tried: a round trip a community."""
    settled = 0
    for community in communities.listed:
        pushes = {push.id: push for push in contents.pushes if push.community in (EVERYWHERE, community.id)}
        for push in pushes.values():
            if push.enabled and push.trial:
                _begin(stores, community.keys, push, now)
        desk = ExperimentDesk(stores, config, community, now)
        for one in stores.experiments.all(community.keys):
            if one.row.state == "running":
                settled += desk.look(one, pushes.get(one.row.push))
    return settled


def counting_reader(stores: Stores, communities: Communities) -> Reader:
    """Counts what the log tells of experiments."""
    counting = Counting(stores, communities)
    return Reader(CONSUMER, counting.consume, counting.miss)


class Counting:
    """Counts experiments from the event log; a consumer of bot/follower.py."""

    def __init__(self, stores: Stores, communities: Communities) -> None:
        self._stores = stores
        self._communities = communities

    def consume(self, shard: int, entries: Sequence[LogEntry]) -> None:
        """Takes a page of one shard's log, in order. Repeats change nothing."""
        told: dict[str, list[Exposed | Did]] = defaultdict(list)
        for entry in entries:
            if found := read_event(entry.kind, entry.member, entry.data, entry.at):
                told[entry.community].append(found)
        if not told:
            return
        places = {id: self._communities.named(id).keys for id in told}
        watched = self._stores.experiments.are_watched(list(places.values()))
        for (id, where), is_watched in zip(places.items(), watched, strict=True):
            exposed = [one for one in told[id] if isinstance(one, Exposed)]
            if exposed:
                self._begin(where, exposed)
            if exposed or is_watched:
                self._stores.experiments.count(where, told[id], is_home=shard == where.shard)

    def miss(self, shard: int) -> None:
        """Is told of a shard whose log was cut before it was read: what stood there is not counted, and a recount will say so."""
        log.warning("experiments missed a part of the log", shard=shard)

    def _begin(self, where: CommunityKeys, exposed: Sequence[Exposed]) -> None:
        """Notes what is tried by a push that fell due before the clock saw it."""
        first = {(one.push, one.mark): one.at for one in reversed(exposed)}
        known = {(one.row.push, one.row.mark) for one in self._stores.experiments.all(where)}
        if missing := first.keys() - known:
            items = self._stores.content.find(PUSHES.name, [push for push, _ in missing])
            for id, mark in missing:
                push = read_push(items[id]) if items.get(id) else None
                if push and mark_of(push) == mark:
                    _begin(self._stores, where, push, first[id, mark])


def _begin(stores: Stores, where: CommunityKeys, push: Push, now: datetime) -> None:
    try:
        plan = Plan.of(push)
    except ValueError:
        return
    if stores.experiments.begin(where, push.id, mark_of(push), push.label, plan, now):
        log.info("experiment begun", push=push.id, community=where.id, units=plan.units)


def recount(stores: Stores, communities: Communities, push: str) -> Iterator[str]:
    """What the log tells otherwise of the experiments of a push than was counted, in Chinese, community by community. Reads the log twice."""
    anew: dict[str, dict[str, Anew]] = defaultdict(dict)
    for community, told in _told(stores):
        if isinstance(told, Exposed) and told.push == push:
            where = communities.named(community).keys
            anew[community].setdefault(told.mark, Anew(push, told.mark, where.day_of)).expose(told)
    for community, told in _told(stores):
        if isinstance(told, Did):
            for one in anew.get(community, {}).values():
                one.take(told)
    for place in {*anew, *(place.id for place in communities.listed)}:
        where = communities.named(place).keys
        marks = {one.row.mark for one in stores.experiments.all(where) if one.row.push == push}
        for mark in sorted(marks | anew.get(place, {}).keys()):
            told_days = anew[place][mark].days() if mark in anew.get(place, {}) else {}
            yield from _unlike(place, mark, stores.experiments.days(where, push, mark), told_days)


def _told(stores: Stores) -> Iterator[tuple[str, Exposed | Did]]:
    for entry in stores.events.read():
        if found := read_event(entry.kind, entry.member, entry.data, entry.at):
            yield entry.community, found


def _unlike(place: str, mark: str, kept: Days, told: Days) -> Iterator[str]:
    for day in sorted({*kept, *told}):
        mine, theirs = kept.get(day, {}), told.get(day, {})
        for arm in sorted({*mine, *theirs}):
            one, other = mine.get(arm, Tally()), theirs.get(arm, Tally())
            if one != other:
                yield f"{day} {place} {mark} {called(arm)}：账上 {_four(one)}，事件记录 {_four(other)}"


def _four(tally: Tally) -> str:
    return f"{tally.units}/{tally.hits}/{tally.people}/{tally.squares}"


def _moved(row: Row, state: State, *steps: Step, **more: str) -> Row:
    return msgspec.structs.replace(row, state=state, steps=(*row.steps, *steps), **more)


def _iso(verdict: Verdict) -> str:
    return verdict.day.isoformat() if verdict.day else ""
