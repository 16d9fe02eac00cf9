"""Drains the outbox: which delivery is tried when, over which wire, and what becomes of it.

A delivery is leased, sent, settled. What can go wrong between sending and settling makes **the one window in which a message may come
twice**: the process dies there, WeCom gives no answer in time, or Redis stays away until the lease runs out. A ``response_url`` works
once only, so a repeat cannot double; an app message is repeated with WeCom's own duplicate check, so it comes twice at most (its first
sending is not marked: two equal texts of one minute are both meant); a webhook has neither and is repeated a single time after a missing
answer, then given up for an admin to judge.
"""

from __future__ import annotations

import concurrent.futures
import random
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from bot.breaker import Breaker, Circuit
from bot.client import NoAnswer
from bot.errors import ApiError
from bot.parts import MOST_MERGED, merged, parts_of
from bot.second_look import GOES, Stand
from bot.tracing import span
from bot.verdicts import BUG, MOST_ATTEMPTS, NETWORK, UNKNOWN, UNSURE, VERDICTS, Verdict
from bot.ways import Order, Undeliverable, Way
from storage.connection import StorageAway
from storage.limits import Limits, Turn
from storage.moment import to_ms
from storage.outbox import LANES, Bell, Delivery, Lease, Outbox

log = structlog.get_logger(__name__)

THREADS = 32
LEASE_MS = 30_000
"""Longer than a request with a new token usually takes at worst; after a crash the delivery waits this long."""
SWEEP_S = 0.25
"""How often the outbox is looked at when no bell rings: what was put off has no bell."""
TURNS = {"now": 20, "bulk": 5}
"""How many deliveries one thread sends to one target before others get their turn, by lane."""
PAUSE_MS = 60_000
LOOK_S = 0.05
PAUSE_LOOK_MS = 1_000
"""How old at most what a process knows of the pause of a whole app is; a round trip saved for each delivery."""
_AHEAD = 4
"""How many targets for each thread are taken at one look: looking is dear when thousands are due, and an answer waits behind them."""
BROKEN_MS = 15_000
"""How often, at most, a delivery asks whether a broken host answers again: when it does, the others are not to wait much longer."""
FOR_ANSWERS = 4
"""One thread in so many takes no pushes, so that an answer never waits for them."""
HELD_MS = 10_000
"""How often a delivery of a paused community is looked at again."""
QUIET_MS = 60_000
"""How often, at least, what waits for the end of the quiet hours is looked at again: it may be stopped meanwhile."""
SLOWEST_MS = 900_000


NOT_SENT, SENT, MORE = range(3)
"""What became of a delivery, as :meth:`storage.outbox.Outbox.done` says it."""
BUSY = -1
"""The errcode of a target that does not work although the host answers."""

_Place = tuple[int, str, str]
_Busy = concurrent.futures.Future[int]


class Sender:
    """Sends what is due in ``shards``; any number of processes may do so side by side.

    ``ways`` is the table of :class:`bot.ways.Ways`. ``on_dead`` is told of each delivery that is given up, with the reason in Chinese;
    ``is_paused`` says whether one is to wait because its community is paused, ``look_again`` whether one still goes now that it is taken in hand.
    ``on_outcome`` is told way and outcome (sent, retry, pause, wait, withdrawn or dead) of each try, ``on_circuit`` of each circuit that opens or closes.
    """

    def __init__(
        self,
        outbox: Outbox,
        limits: Limits,
        ways: Mapping[str, Way],
        *,
        now: Callable[[], datetime],
        shards: Sequence[int],
        on_dead: Callable[[Delivery, str], None],
        is_paused: Callable[[Delivery], bool] = lambda delivery: False,
        look_again: Callable[[Delivery, datetime], Stand] = lambda delivery, now: GOES,
        on_outcome: Callable[[str, str], None] = lambda via, outcome: None,
        on_circuit: Callable[[Circuit], None] = lambda circuit: None,
        rng: random.Random | None = None,
        lease_ms: int = LEASE_MS,
        threads: int = THREADS,
    ) -> None:
        self._outbox = outbox
        self._limits = limits
        self._ways = ways
        self._is_paused = is_paused
        self._look_again = look_again
        self._now = now
        self._shards = tuple(shards)
        self._on_dead = on_dead
        self._on_outcome = on_outcome
        self._breaker = Breaker(limits, on_circuit)
        self._rng = rng or random.Random()
        self._lease_ms = lease_ms
        self._threads = threads
        self._left: dict[str, deque[tuple[int, str]]] = {lane: deque() for lane in LANES}
        self._look_at_s = 0.0
        self._pauses: dict[str, tuple[int, int]] = {}
        self._owner = secrets.token_hex(4)
        self._stopping = threading.Event()

    def run(self, stop: threading.Event, bell: Bell) -> None:
        """Sends until ``stop``; what is being sent then is settled first."""
        self._stopping = stop
        busy: dict[_Busy, _Place] = {}
        with concurrent.futures.ThreadPoolExecutor(self._threads, "sender") as pool:
            while not stop.is_set():
                waiting = self._fill(pool, busy)
                if waiting:
                    concurrent.futures.wait(busy, SWEEP_S, concurrent.futures.FIRST_COMPLETED)
                else:
                    bell.wait(SWEEP_S)
        bell.close()

    def drain_once(self) -> int:
        """Tries everything that is due now, once around; gives how many deliveries arrived."""
        with concurrent.futures.ThreadPoolExecutor(self._threads, "sender") as pool:
            return sum(pool.map(lambda place: self._work(*place), self._due()))

    def _fill(self, pool: concurrent.futures.Executor, busy: dict[_Busy, _Place]) -> bool:
        """Gives the threads the targets whose turn it is; gives whether some are left over."""
        for future in [future for future in busy if future.done()]:
            del busy[future]
        try:
            self._look()
        except StorageAway:
            return False
        taken = {(shard, target) for shard, _, target in busy.values()}
        many = Counter(lane for _, lane, _ in busy.values())
        room = {"now": _AHEAD * self._threads, "bulk": self._threads - max(self._threads // FOR_ANSWERS, 1)}
        for lane in LANES:
            left = self._left[lane]
            while left and many[lane] < room[lane]:
                shard, target = left.popleft()
                if (shard, target) in taken:  # its turn comes when the one before has ended, and it is looked for again
                    continue
                busy[pool.submit(self._work, shard, lane, target)] = (shard, lane, target)
                many[lane] += 1
        return any(self._left.values())

    def _look(self) -> None:
        """Looks what is due; less often the longer it takes, while there is something left from the last time."""
        began_s = time.monotonic()
        if any(self._left.values()) and began_s < self._look_at_s:
            return
        self._left = {lane: deque() for lane in LANES}
        for shard, lane, target in self._due():
            self._left[lane].append((shard, target))
        self._look_at_s = began_s + max(LOOK_S, 4 * (time.monotonic() - began_s))

    def _due(self) -> list[_Place]:
        """The (shard, lane, target) triples that have something due, each target once, those with an answer first."""
        due = self._outbox.due(self._shards, to_ms(self._now()))
        lanes: dict[tuple[int, str], str] = {}
        for shard, lane, target in due:
            lanes.setdefault((shard, target), lane)
        return [(shard, lane, target) for (shard, target), lane in lanes.items()]

    def _work(self, shard: int, lane: str, target: str) -> int:
        """Sends to one target until nothing is due there, it is to wait, or others are to have their turn; gives how many arrived."""
        arrived = 0
        try:
            while arrived < TURNS[lane] and not self._stopping.is_set():
                lease = self._outbox.lease_first(shard, target, self._owner, to_ms(self._now()), self._lease_ms)
                came = self._deliver(lease) if lease else NOT_SENT
                arrived += came > NOT_SENT
                if came < MORE:
                    break
        except StorageAway as error:  # the lease runs out by itself
            log.warning("outbox not reached", shard=shard, error=str(error))
        except Exception:  # a sender never dies of one target
            log.exception("sender failed", shard=shard, target=target)
        return arrived

    def _deliver(self, lease: Lease) -> int:
        """Tries one delivery and settles it; gives NOT_SENT, SENT, or MORE when it arrived and more waits for its target."""
        try:
            return self._try(lease)
        except StorageAway:
            raise
        except Undeliverable as error:
            self._bury(lease, str(error))
        except Exception:  # nor of one delivery
            log.exception("delivery failed by a bug", id=lease.delivery.id)
            self._judge(lease, BUG, None)
        return NOT_SENT

    def _try(self, lease: Lease) -> int:
        delivery, now_ms = lease.delivery, to_ms(self._now())
        if self._is_paused(delivery):
            self._put_off(lease, HELD_MS)
            return NOT_SENT
        if not (stand := self._look_again(delivery, self._now())).goes:
            self._keep_back(lease, stand, now_ms)
            return NOT_SENT
        shown = stand.shown or delivery
        way = self._way(delivery)
        _check_age(delivery, way, now_ms)
        if delivery.attempts + lease.losses > MOST_ATTEMPTS:
            raise Undeliverable(f"{MOST_ATTEMPTS} 次尝试都没有成功")
        if way.can_double and lease.losses and delivery.attempts + lease.losses > 1:
            raise Undeliverable(UNSURE.reason)  # what was lost may have arrived: once more would be the third time
        parts = parts_of(delivery, way.most_bytes, shown)
        if len(parts) > 1:
            self._settled(lease, lambda: self._outbox.split(lease, parts, now_ms))
            return self._try_next(lease)
        return self._ask(lease, way, shown, now_ms)

    def _try_next(self, lease: Lease) -> int:
        """Goes on with the first part of what was split."""
        shard, lane, target = lease.shard, lease.delivery.lane, lease.delivery.target
        first = self._outbox.lease(shard, lane, target, self._owner, to_ms(self._now()), self._lease_ms)
        return self._deliver(first) if first else NOT_SENT

    def _ask(self, lease: Lease, way: Way, shown: Delivery, now_ms: int) -> int:
        """Takes a turn and asks WeCom to deliver what is ``shown`` of a delivery."""
        is_repeat = bool(lease.delivery.attempts or lease.losses)
        order = way.order(shown, is_repeat)
        turn = self._turn(way, order, now_ms)
        if turn.is_near and lease.delivery.mergeable and not is_repeat:
            lease = self._merge(lease, way)
            order = way.order(lease.delivery, is_repeat)
        if turn.wait_ms:
            self._on_outcome(lease.delivery.via, "wait")
            self._put_off(lease, turn.wait_ms)
            return NOT_SENT
        try:
            with span("send", lease.delivery.message or lease.delivery.id) as note:
                note("via", lease.delivery.via)
                note("attempt", lease.delivery.attempts + lease.losses + 1)
                answer = order.send()
        except ApiError as error:
            self._failed(lease, way, order, turn, error)
            return NOT_SENT
        came = self._arrived(lease, way, way.notes(answer))
        # Only now: whatever goes wrong with counting, what arrived is settled and does not come again.
        self._note(lambda: self._breaker.answered(way.host, order.limit, lease.delivery, to_ms(self._now()), failures=turn.failures))
        return came

    def _keep_back(self, lease: Lease, stand: Stand, now_ms: int) -> None:
        """Settles what does not go, or not yet: what waits for long lets others of its target pass."""
        if (why := stand.why) == "":
            at_ms = min(to_ms(stand.until or self._now()), now_ms + QUIET_MS)
            self._settled(lease, lambda: self._outbox.again(lease, at_ms, count_attempt=False, lets_pass=True))
            return
        if self._settled(lease, lambda: self._outbox.take_back(lease, why, now_ms)):
            self._on_outcome(lease.delivery.via, "withdrawn")
            log.info("delivery withdrawn", id=lease.delivery.id, why=why)

    def _way(self, delivery: Delivery) -> Way:
        way = self._ways.get(delivery.via)
        if way is None:
            raise Undeliverable(f"未知的发送方式 {delivery.via}")
        return way

    def _turn(self, way: Way, order: Order, now_ms: int) -> Turn:
        """A turn at the target and all that it counts for, unless one of them, or the host, is to be left alone."""
        paused_ms = self._paused_for(order.pauses, now_ms) if order.pauses != order.limit else 0
        if paused_ms:
            return Turn(paused_ms, is_near=True)
        turn = self._limits.turn(order.limit, order.rules, now_ms)
        for name in order.also:
            turn = turn if turn.wait_ms else replace(turn, wait_ms=self._limits.acquire(name, order.rules, now_ms))
        if turn.wait_ms:
            return turn
        broken_ms = self._breaker.wait_ms(way.host, now_ms)
        return replace(turn, wait_ms=min(broken_ms, round(BROKEN_MS * self._rng.uniform(0.7, 1.0))))

    def _paused_for(self, name: str, now_ms: int) -> int:
        looked_ms, until_ms = self._pauses.get(name, (0, 0))
        if until_ms <= now_ms and abs(now_ms - looked_ms) >= PAUSE_LOOK_MS:
            until_ms = now_ms + self._limits.paused_for(name, now_ms)
            self._pauses[name] = (now_ms, until_ms)
        return max(until_ms - now_ms, 0)

    def _merge(self, lease: Lease, way: Way) -> Lease:
        """The lease on a delivery that says what the small notices behind it say too, where there are some."""
        behind = self._outbox.behind(lease, MOST_MERGED)
        together, taken = merged(lease.delivery, [delivery for _, delivery in behind], way.most_bytes)
        if not taken or not self._outbox.merge(lease, together, [item for item, _ in behind[:taken]]):
            return lease
        log.info("notices merged", id=together.id, ids=list(together.merged))
        return replace(lease, delivery=together)

    def _arrived(self, lease: Lease, way: Way, notes: Mapping[str, Any]) -> int:
        delivery, now_ms = lease.delivery, to_ms(self._now())
        event = {
            **notes,
            "via": delivery.via,
            "lane": delivery.lane,
            **({"pushed": delivery.pushed} if delivery.pushed else {}),
            "message": delivery.message,
            "attempts": delivery.attempts + lease.losses + 1,
            "waited_ms": max(now_ms - delivery.born_ms, 0) if delivery.born_ms else 0,
        }
        is_doubtful = way.can_double and (lease.losses > 0 or delivery.unsure)
        settled = self._settled(lease, lambda: self._outbox.done(lease, now_ms, event, is_doubtful=is_doubtful))
        if settled == NOT_SENT:
            return NOT_SENT
        self._on_outcome(delivery.via, "sent")
        log.info("delivery sent", id=delivery.id, via=delivery.via)
        return settled

    def _failed(self, lease: Lease, way: Way, order: Order, turn: Turn, error: ApiError) -> None:
        now_ms, silent = to_ms(self._now()), isinstance(error, NoAnswer)
        verdict = _verdict(lease, way, error)
        if verdict.act == "pause":
            self._limits.pause(order.pauses, now_ms + PAUSE_MS, now_ms)
            self._pauses[order.pauses] = (now_ms, now_ms + PAUSE_MS)
        self._judge(lease, verdict, error)
        if silent or error.code == BUSY:
            self._note(lambda: self._breaker.failed(way.host, order.limit, lease.delivery, now_ms, host_too=silent))
        elif error.code is not None:
            self._note(lambda: self._breaker.answered(way.host, order.limit, lease.delivery, now_ms, failures=turn.failures))

    def _note(self, count: Callable[[], None]) -> None:
        """Tells the circuits what happened; they may miss something, a delivery may not."""
        try:
            count()
        except StorageAway as away:
            log.warning("circuit not counted", reason=str(away))
        except Exception as error:
            log.error("circuit not counted", error=type(error).__name__, exc_info=True)

    def _judge(self, lease: Lease, verdict: Verdict, error: ApiError | None) -> None:
        """Settles a delivery that failed: by its verdict and how often it was tried."""
        tries = lease.delivery.attempts + lease.losses + 1
        log.warning("delivery failed", id=lease.delivery.id, tries=tries, error=str(error or verdict.reason))
        if verdict.act == "pause":  # not the delivery's fault: only its age ends it
            self._on_outcome(lease.delivery.via, "pause")
            self._put_off(lease, PAUSE_MS)
        elif verdict.act == "dead" or tries >= verdict.most:
            self._bury(lease, _reason(verdict, error), error.code if error else None)
        else:
            self._on_outcome(lease.delivery.via, "retry")
            self._put_off(lease, self._back_off_ms(verdict, tries), count_attempt=True, is_unsure=verdict is UNSURE)

    def _back_off_ms(self, verdict: Verdict, tries: int) -> int:
        if verdict.act == "soon":
            return round(self._rng.uniform(1_000, 3_000))
        return round(min(SLOWEST_MS, 2_000 * 3.0 ** (tries - 1)) * self._rng.uniform(0.8, 1.2))

    def _put_off(self, lease: Lease, wait_ms: int, *, count_attempt: bool = False, is_unsure: bool = False) -> None:
        at_ms = to_ms(self._now()) + wait_ms
        self._settled(lease, lambda: self._outbox.again(lease, at_ms, count_attempt=count_attempt, is_unsure=is_unsure))

    def _bury(self, lease: Lease, reason: str, code: int | None = None) -> None:
        now_ms = to_ms(self._now())
        if self._settled(lease, lambda: self._outbox.dead(lease, reason, now_ms, code)):
            self._on_outcome(lease.delivery.via, "dead")
            self._on_dead(lease.delivery, reason)

    def _settled(self, lease: Lease, settle: Callable[[], int]) -> int:
        """Settles, again and again while Redis is away and the lease may still hold: it is the fence that makes a repeat safe."""
        was_away = False
        for _ in range(max(self._lease_ms // 500, 1)):
            try:
                # a refusal after an answer that was lost most likely means that the first try counted
                settled = settle()
                if settled or was_away:
                    return settled or SENT
                log.warning("lease lost before it was settled", id=lease.delivery.id)
                return NOT_SENT
            except StorageAway:
                was_away = True
                threading.Event().wait(0.5)
        log.error("Redis stayed away, outcome not kept", id=lease.delivery.id)
        return NOT_SENT


def _verdict(lease: Lease, way: Way, error: ApiError) -> Verdict:
    if isinstance(error, NoAnswer):
        return UNSURE if way.can_double and error.may_have_arrived else NETWORK
    if error.code is None:  # an address that was refused, a body that cannot be: asking again changes nothing
        return Verdict("dead", error.text)
    known = way.verdicts.get(error.code) or VERDICTS.get(error.code)
    if known is None and way.unknown_repeat and lease.delivery.attempts + lease.losses:
        return way.unknown_repeat  # which code a used address gives is not documented
    return known or UNKNOWN


def _check_age(delivery: Delivery, way: Way, now_ms: int) -> None:
    if delivery.born_ms and now_ms - delivery.born_ms > way.oldest_ms:
        raise Undeliverable(way.too_old)


def _reason(verdict: Verdict, error: ApiError | None) -> str:
    if error is None or error.code is None:
        return verdict.reason
    return f"{verdict.reason}（错误码 {error.code}）"
