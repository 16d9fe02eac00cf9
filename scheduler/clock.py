"""The clock: rings in every worker and clock process; what rings is claimed in Redis by its planned time, so it happens once.

Each process keeps its own schedule in memory (a shared job store would fire twice, see ``docs/decisions``). A process that starts looks
for moments that passed while nobody was there and makes up for the newest one within the push's grace.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import Any

import structlog
from apscheduler.executors.base import BaseExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from bot.activities.desk import ring_due as ring_activities
from bot.case_desk import remind_of_appeals
from bot.closing import ring_days
from bot.communities import Communities, Community
from bot.config import Config
from bot.experiment_desk import ring_experiments
from bot.health_desk import ring_health
from bot.invitation_desk import ring_invitations
from bot.live import Contents, LiveContents
from bot.mailing import audience, find_in_force, fire, ring_mailings, settle, was_changed_since
from bot.member_models import ring_models
from bot.moods import ring_moods
from bot.readers import ring_log
from bot.report_desk import ring_reports
from bot.shop_desk import ring_due as ring_orders
from bot.submission_desk import remind_reviewers
from bot.traits import ring_traits
from bot.trials import ring_trials
from bot.welcomes import ring_welcomes
from handlers.customers import sweep_groups
from handlers.first_messages import award_firsts
from handlers.flows import ring_flows
from handlers.human import ring as ring_tickets
from handlers.levels import crown_months
from handlers.points import lapse_due
from handlers.privacy import ring_erasures
from handlers.upkeep import clean_up
from rules.calendar import newest_moments, next_moment
from rules.contents import PUSHES, Push
from rules.workdays import Workdays
from storage.connection import StorageAway
from storage.moment import DEFAULT_TIMEZONE
from storage.stores import Stores

log = structlog.get_logger(__name__)

Act = Callable[[Stores, Config, Contents, Communities, datetime], int]
"""What is done where the time for it has come; gives how often."""
NEVER = datetime.max.replace(tzinfo=UTC)
LOOKED_S = 1.0
"""How often APScheduler looks at the time at least."""
AGAIN_AFTER = timedelta(seconds=10)
"""When a push is tried again after Redis was away."""
NOTICED_S = 10
"""What fell due in the last moments before a change was noticed was meant: it is said, a little late."""
MOST_MISSED = 48
"""Missed moments of a push that are told one by one."""
SURELY_MISSED = timedelta(minutes=1)
"""Another process may still be about to ring for what is younger."""
FARTHEST_BACK = timedelta(days=40)
"""How far back moments are looked for that nobody rang; claims are remembered no longer."""
TICKETS_S = 10
"""How often the clocks of tickets are looked at."""
VITALS_S = 60
"""How often each process looks at what monitoring reads."""
HONOURS_S = 15
"""How often the first messages of a day are awarded, and the best of a past month are looked for."""
LAPSE_S = 600
"""How often points whose last day is past are looked for: soon after midnight, wherever that is."""
ERASURES_S = 20
"""How often it is looked who asked to be forgotten."""
DAYS_S = 600
"""How often it is looked which days are over and not closed yet."""
LAPSE_LEASE_MS = 590_000
"""One process of all looks for them; another does when that one is gone."""
ORDERS_S = 60
"""How often it is looked which orders have waited too long, which newcomers have stayed, whether texts wait to be reviewed, and whether a trial is over."""
READ_ON_S = 5
"""How often the log is read on: so old segments may be, and what experiments count."""
TRAITS_S = 5
"""How often some more members are looked at in the day's round."""
HEALTH_S = 300
"""How often it is looked which communities were not judged in this hour."""
VERDICTS_S = 300
"""How often it is looked what is tried with pushes, and whether that is decided."""
MODELS_S = 600
"""How often it is looked in which communities the night has come for the models of members."""
REPORTS_S = 60
"""How often it is looked whether a report is due."""
MAILINGS_S = 1
"""How often it is looked which mailings go on."""
ACTIVITIES_S = 1
"""How often the clocks of activities are looked at: a quiz's questions are timed by the second."""
UPKEEP_LEASE_MS = 3_500_000
SWEEP_LEASE_MS = 3_000_000
"""A process that starts has the customer groups looked at, but not when one did so less than fifty minutes ago."""


class _Ringer(BaseExecutor):  # type: ignore[misc]  # APScheduler 3 has no types
    """Calls a job with the moment it was planned for, which APScheduler's own executors keep to themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="clock")

    def _do_submit_job(self, job: Any, run_times: Sequence[datetime]) -> None:
        planned = run_times[-1]
        is_late = datetime.now(UTC) - planned >= timedelta(seconds=job.misfire_grace_time)
        if job.id.startswith("push:") and (is_late or len(run_times) > 1):
            planned = NEVER  # the process slept: what is said of these moments, and what is told as missed, is looked at together
        future = self._pool.submit(partial(job.func, *job.args, planned))
        future.add_done_callback(lambda done: self._finish(job.id, done.exception()))

    def _finish(self, job_id: str, error: BaseException | None) -> None:
        self._run_job_success(job_id, [])
        if error:
            log.error("ring failed", job=job_id, error=type(error).__name__, reason=str(error))

    def shutdown(self, wait: bool = True) -> None:
        """Ends the threads."""
        self._pool.shutdown(wait)


@dataclass(slots=True)
class _Turn:
    """A round that is due at ``at`` and every ``every`` after it."""

    act: Callable[[], None]
    every: timedelta
    at: datetime


class Agenda:
    """What falls due and what is done then, without threads and whatever the time is: the clock rings it, and so does whoever makes time go by himself.

    :meth:`ring` does what is due by a moment, and :meth:`next` says when that is the case again. ``slowest_s`` lets rounds be looked at less often than
    in life, for a time that goes by fast; rounds named ``without`` are left out. ``agreed`` is the time that all processes agree on, whatever their own
    ``clock`` shows: mailings go on by it.
    """

    def __init__(
        self, stores: Stores, config: Config, live: LiveContents, communities: Communities, clock: Callable[[], datetime],
        on_tickets: Callable[[int, int], None] = lambda waiting, overdue: None, on_minute: Callable[[], None] = lambda: None, slowest_s: int = 0,
        without: Collection[str] = (), agreed: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._stores = stores
        self._config = config
        self._live = live
        self._communities = communities
        self._clock = clock
        self._agreed = agreed
        self._on_tickets = on_tickets
        self._on_minute = on_minute
        self._slowest_s = slowest_s
        self._without = frozenset(without)
        self._planned: dict[str, str] | None = None
        self._pushes: list[tuple[Push, Community]] = []
        self._moments: list[tuple[datetime, int]] = []
        self._rung_at = datetime.min.replace(tzinfo=UTC)
        self._turns: dict[str, _Turn] = {}
        self._seen: Contents | None = None
        self._mailing_at: datetime | None = None

    # By a time of one's own -----------------------------------------------------------------------------------------------

    def start(self, now: datetime) -> None:
        """Begins: what was missed is made up for, and every round has its first turn."""
        turns = (round for round in self.rounds() if round[0] not in self._without)
        for name, every_s, after_s, act in turns:
            every = timedelta(seconds=every_s if name == "mailings" else max(every_s, self._slowest_s))
            first = now + timedelta(seconds=0 if self._slowest_s else after_s)  # all at once, where looking often costs most
            self._turns[name] = _Turn(partial(self.go_round, name, act), every, first)
        self._begin(now)

    def next(self, after: datetime) -> datetime:
        """The next moment at which anything is due, later than ``after``; what is overdue is due right behind it. One round trip."""
        soonest = min((turn.at for name, turn in self._turns.items() if name != "mailings"), default=after)
        return max(min(soonest, self.next_push(after) or NEVER), after + timedelta(microseconds=1))

    def next_push(self, after: datetime) -> datetime | None:
        """The next moment, later than ``after``, at which a push is due or a mailing goes on; None where none is. One round trip."""
        mailing = self._stores.mailings.next_due({community.shard for community in self._communities.listed})
        self._mailing_at = mailing or NEVER
        found = [moment for moment in (self._moments[0][0] if self._moments else None, mailing) if moment]
        return max(min(found), after + timedelta(microseconds=1)) if found else None

    def ring(self, now: datetime) -> int:
        """Does what is due by now, pushes first; gives how many planned moments were said. A time that was put back rings nothing twice.

        Raises StorageAway; what was not done then is due at the next ring.
        """
        if not self._turns:
            self.start(now)
        if now < self._rung_at:
            self._plan_moments(now)
        self._rung_at = now
        if self._live.current is not self._seen:
            self._begin(now)
        fired = 0
        while self._moments and self._moments[0][0] <= now:
            moment, number = self._moments[0]
            fired += self.attempt(*self._pushes[number], partial(self._ring_push, *self._pushes[number], moment, now))
            heappop(self._moments)
            self._plan_moment(number, now)
        # whoever has just looked when the next mailing goes on need not look again
        idle, self._mailing_at = not fired and self._mailing_at is not None and self._mailing_at > now, None
        for name, turn in self._turns.items():
            if turn.at > now + turn.every:  # the time was put back
                turn.at = now
            if turn.at <= now and not (idle and name == "mailings"):
                turn.act()
                turn.at = max(turn.at + turn.every, now)
        return fired

    def _ring_push(self, push: Push, community: Community, moment: datetime, now: datetime) -> bool:
        is_on_time = now - moment < SURELY_MISSED  # what is late may have been changed by others, and would be told as missed
        found = push if is_on_time else self.in_force(push, community)
        return found is not None and self.make_up(found, community, now)

    def _begin(self, now: datetime) -> None:
        self._pushes, self._seen = self.plan(), self._live.current
        places = {community.id: community for _, community in self._pushes}
        lasts = {id: self._stores.firings.lasts(community.keys) for id, community in places.items()}
        for push, community in self._pushes:
            last = lasts[community.id].get(push.id)
            if last is None or ((missed := next_moment(push, community.zone, last, self._live.current.workdays)) and missed <= now):
                self.attempt(push, community, partial(self.make_up, push, community, now))
        self._plan_moments(now)

    def _plan_moments(self, now: datetime) -> None:
        self._moments = []
        for number in range(len(self._pushes)):
            self._plan_moment(number, now)

    def _plan_moment(self, number: int, now: datetime) -> None:
        push, community = self._pushes[number]
        moment = next_moment(push, community.zone, now, self._live.current.workdays)
        if moment:
            heappush(self._moments, (moment, number))

    # Pushes -----------------------------------------------------------------------------------------------------------------

    def plan(self) -> list[tuple[Push, Community]]:
        """All pushes with where they go; after a change of content: what was changed or switched on then has missed nothing."""
        wanted = [(push, community) for push in self._live.current.pushes for community in audience(push, self._communities)]
        if self._planned is not None:
            for push, community in wanted:
                if self._planned.get(f"{community.id}:{push.id}") != _when(push):
                    self._stores.firings.begin_anew(community.keys, push.id, self._clock() - timedelta(seconds=NOTICED_S))
        # From here on nothing asks Redis without minding that it may be away: a plan is changed whole or not at all.
        self._planned = {f"{community.id}:{push.id}": _when(push) for push, community in wanted}
        return wanted

    def attempt(self, push: Push, community: Community, act: Callable[[], bool]) -> bool:
        """Does something with a push; one that cannot be said holds up no other. Raises StorageAway."""
        try:
            return act()
        except StorageAway:
            raise
        except Exception:
            log.exception("push failed", push=push.id, community=community.id)
            return False

    def make_up(self, push: Push, community: Community, now: datetime) -> bool:
        """Fires the newest moment that passed unclaimed within the push's grace; False when there was none."""
        last = self._stores.firings.last(community.keys, push.id)
        if last is None:
            self._stores.firings.note_start(community.keys, push.id, now)
            # what is said once and came with content that nobody awake noticed may have fallen due since
            [newest] = self._stores.content.history(PUSHES.name, 1) if push.at else [None]
            if newest is None or newest.at >= now:
                return False
            last = newest.at
        workdays = self._live.current.workdays
        missed = newest_moments(push, community.zone, max(last, now - FARTHEST_BACK), now, workdays, MOST_MISSED)
        late = [moment for moment in missed if now - moment < timedelta(minutes=push.grace_minutes)][:1]
        is_fired = bool(late) and self.fire(push, community, late[0], now)
        for moment in missed:
            if moment not in late and now - moment >= SURELY_MISSED:
                settle(push, community, moment, "missed", self._stores, now)
        return is_fired

    def in_force(self, push: Push, community: Community) -> Push | None:
        """The push as it stands in the store, None where it is not said here at these times any more."""
        found = find_in_force(self._stores, push.id)
        return found if found and found.community in ("*", community.id) and _when(found) == _when(push) else None

    def fire(self, push: Push, community: Community, planned: datetime, now: datetime) -> bool:
        """Says what stands in the store at this moment: a change that this process has not noticed yet holds already."""
        found = find_in_force(self._stores, push.id)
        if found is None or found.community not in ("*", community.id):
            return False
        if _when(found) != _when(push) and (push.at or not was_changed_since(self._stores, planned)):
            return False
        if self._agreed:  # rung by this machine's clock, said by that of all: where one is ahead, the others would wait for it
            now = max(self._agreed(), planned)
        return fire(found, community, planned, self._stores, self._config, self._live.current, now)

    # Rounds -----------------------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Has the customer groups looked at, if nobody did so lately."""
        if self._stores.leases.hold("customers", SWEEP_LEASE_MS):
            sweep_groups(self._stores, self._config, self._communities, self._clock())

    def rounds(self) -> Iterator[tuple[str, int, int, Callable[[], None]]]:
        """What is looked after again and again: its name, how often, after how many seconds first, and what is done; each counts once, whoever is first."""
        yield "honours", HONOURS_S, 0, partial(self._do, award_firsts, crown_months)
        yield "flows", TICKETS_S, 0, partial(self._do, ring_flows, ring_welcomes, ring_moods)
        yield "tickets", TICKETS_S, 0, self._ring_tickets
        yield "mailings", MAILINGS_S, 0, self._carry_on
        yield "points", LAPSE_S, 30, self._lapse
        yield "erasures", ERASURES_S, 5, partial(self._do, ring_erasures)
        yield "vitals", VITALS_S, 5, self._on_minute
        yield "figures", DAYS_S, 45, partial(self._do, ring_days)
        yield "activities", ACTIVITIES_S, 0, partial(self._do, ring_activities)
        yield "reports", REPORTS_S, 20, partial(self._do, ring_reports)
        yield "orders", ORDERS_S, 0, partial(self._do, ring_orders, ring_invitations, remind_reviewers, remind_of_appeals, ring_trials)
        yield "log", READ_ON_S, 3, partial(self._do, ring_log)
        yield "traits", TRAITS_S, 10, partial(self._do, ring_traits)
        yield "health", HEALTH_S, 30, partial(self._do, ring_health)
        yield "verdicts", VERDICTS_S, 40, partial(self._do, ring_experiments)
        yield "models", MODELS_S, 60, partial(self._do, ring_models)

    def go_round(self, name: str, act: Callable[[], None]) -> None:
        """Does a round; where Redis is away the next one does it."""
        try:
            act()
        except StorageAway as away:
            log.warning("round waits", round=name, reason=str(away))

    def _ring_tickets(self) -> None:
        ring_tickets(self._stores, self._config, self._live.current.duty, self._communities, self._clock())
        places = [community.keys for community in self._communities.listed]
        self._on_tickets(*self._stores.tickets.count_waiting(places, self._clock()))

    def _do(self, *acts: Act) -> None:
        for act in acts:
            act(self._stores, self._config, self._live.current, self._communities, self._clock())

    def _carry_on(self) -> None:
        ring_mailings(self._stores, self._config, self._live.current, self._communities, (self._agreed or self._clock)())

    def _lapse(self) -> None:
        """Points that lapse; one process looks, each goes once all the same, and nobody is told twice."""
        if not self._stores.leases.hold("points", LAPSE_LEASE_MS):
            return
        unlisted = [self._communities.named(chat) for chat in self._stores.groups.all()]
        lapse_due(self._stores, self._config, [*self._communities.listed, *unlisted], self._clock())

    def keep_up(self) -> None:
        """Cleans up, if nobody did so in this hour."""
        if self._stores.leases.hold("upkeep", UPKEEP_LEASE_MS):
            log.info("cleaned up", **clean_up(self._stores, self._config, self._clock()))


class Clock:
    """Rings for pushes and upkeep."""

    def __init__(
        self, stores: Stores, config: Config, live: LiveContents, communities: Communities, clock: Callable[[], datetime],
        on_tickets: Callable[[int, int], None] = lambda waiting, overdue: None, on_minute: Callable[[], None] = lambda: None,
        agreed: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._agenda = Agenda(stores, config, live, communities, clock, on_tickets, on_minute, agreed=agreed)
        self._live = live
        self._clock = clock
        self._scheduler = _Scheduler(
            timezone=UTC, executors={"default": _Ringer()}, job_defaults={"coalesce": True, "misfire_grace_time": 3600, "max_instances": 4}
        )

    def start(self) -> None:
        """Starts ringing; first makes up for what was missed."""
        self.plan()
        self._scheduler.add_job(self._keep_up, IntervalTrigger(hours=1, start_date=self._clock() + timedelta(minutes=1)), id="upkeep")
        self._scheduler.add_job(
            self._sweep, CronTrigger(hour=3, minute=20, timezone=DEFAULT_TIMEZONE), id="customers",
            next_run_time=self._clock() + timedelta(seconds=20),
        )  # fmt: skip
        for name, every_s, after_s, act in self._agenda.rounds():
            trigger = IntervalTrigger(seconds=every_s, start_date=self._clock() + timedelta(seconds=after_s))
            self._scheduler.add_job(self._go_round, trigger, args=[name, act], id=name, max_instances=1)
        self._scheduler.start()

    def plan(self) -> None:
        """Plans all pushes, anew after a change of content."""
        wanted = self._agenda.plan()
        for job in self._scheduler.get_jobs():
            if job.id.startswith(("push:", "again:")):
                job.remove()
        for push, community in wanted:
            self._plan_push(push, community)

    def stop(self) -> None:
        """Stops ringing."""
        self._scheduler.shutdown(wait=False)

    def _plan_push(self, push: Push, community: Community) -> None:
        trigger, now = trigger_of(push, community, self._live.current.workdays), self._clock()
        self._catch_up(push, community)
        self._scheduler.add_job(
            self._ring, trigger, args=[push, community], id=f"push:{community.id}:{push.id}",
            next_run_time=trigger.get_next_fire_time(None, now),  # catching up with many takes a while: what falls due meanwhile is rung
            misfire_grace_time=max(NOTICED_S, push.grace_minutes * 60), coalesce=False,  # _Ringer is to see that there were several
            max_instances=MOST_MISSED,  # one that waits for a thread is not to have the next one passed over
        )  # fmt: skip

    # APScheduler checks a job's arguments before _Ringer adds the planned moment; hence the defaults; a push is rung with it after its grace.

    def _ring(self, push: Push, community: Community, planned: datetime = NEVER) -> None:
        now = self._clock()
        is_waiting = self._scheduler.get_job(f"again:{community.id}:{push.id}")  # what waited for Redis is not to be passed over
        try:
            if planned == NEVER or is_waiting:
                self._let_go(push, community, now)
            elif self._agenda.fire(push, community, planned, now):
                log.info("push fired", push=push.id, community=community.id, planned=planned.isoformat())
        except StorageAway as away:
            log.warning("push waits", push=push.id, community=community.id, reason=str(away))
            self._try_again(push, community)

    def _let_go(self, push: Push, community: Community, now: datetime) -> None:
        """Tells what a process slept through, as one that starts would."""
        if found := self._agenda.in_force(push, community):
            self._agenda.make_up(found, community, now)

    def _try_again(self, push: Push, community: Community) -> None:
        self._scheduler.add_job(
            self._catch_up, DateTrigger(self._clock() + AGAIN_AFTER), args=[push, community], id=f"again:{community.id}:{push.id}",
            replace_existing=True,
        )  # fmt: skip

    def _catch_up(self, push: Push, community: Community, planned: datetime = NEVER) -> None:
        del planned  # its own; what counts is the moment that was missed
        try:
            self._agenda.attempt(push, community, partial(self._agenda.make_up, push, community, self._clock()))
        except StorageAway:
            self._try_again(push, community)

    def _sweep(self, planned: datetime = NEVER) -> None:
        del planned  # its own; what counts is what has come by now
        self._agenda.sweep()

    def _keep_up(self, planned: datetime = NEVER) -> None:
        del planned
        self._agenda.keep_up()

    def _go_round(self, name: str, act: Callable[[], None], planned: datetime = NEVER) -> None:
        del planned
        self._agenda.go_round(name, act)


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # APScheduler 3 has no types
    """Looks at the time each second, and goes on at once where that was put back: rounds would wait for the old time, an hour maybe."""

    _looked_at = datetime.min.replace(tzinfo=UTC)

    def _process_jobs(self) -> float:
        now = datetime.now(self.timezone)
        rounds = [job for job in self.get_jobs() if isinstance(job.trigger, IntervalTrigger)] if now < self._looked_at else []
        for job in rounds:
            if job.next_run_time > now + job.trigger.interval:
                job.modify(next_run_time=now)
        self._looked_at = now
        wait_s = super()._process_jobs()
        return LOOKED_S if wait_s is None else min(wait_s, LOOKED_S)


class _PushTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler 3 has no types
    """Rings at the moments of a push in its community's zone."""

    __slots__ = ("_community", "_push", "_workdays")

    def __init__(self, push: Push, community: Community, workdays: Workdays) -> None:
        self._push = push
        self._community = community
        self._workdays = workdays

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first moment after the one before, or from now on."""
        after = previous_fire_time or now - timedelta(microseconds=1)
        return next_moment(self._push, self._community.zone, after, self._workdays)


def trigger_of(push: Push, community: Community, workdays: Workdays) -> _PushTrigger:
    """APScheduler's trigger for a push, in the community's zone."""
    return _PushTrigger(push, community, workdays)


def _when(push: Push) -> str:
    """All that says when a push is due; what was changed in it has missed nothing."""
    return f"{push.cron}|{push.at}|{push.days}"
