"""Holds the long connections: of all processes the one with the lease connects, takes callbacks in and sends what others ask it to.

WeCom keeps one connection per bot, and a second one ends the first. So a lease in Redis says whose turn it is; who loses it closes its
connection, and after a crash another process is subscribed within five seconds. A connection that is ended while the lease is still ours was
ended by a stranger with the same secret: administrators hear of it, and nobody fights.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import structlog

from bot import deliveries
from bot.alarms import ALARM
from bot.channels import KINDS
from bot.client import NoAnswer
from bot.config import AibotWsChannel, Config
from bot.errors import ApiError, Refused
from bot.longlink import ACK_S, PING_S, Callback, Ending, LongLink
from bot.message import Message
from bot.metrics import Metrics
from bot.pipeline import Outcome
from storage.calls import Answered, Call, Calls, lease_of
from storage.connection import StorageAway
from storage.keys import shard_of
from storage.leases import Leases
from storage.moment import to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

THREADS = 8
"""How many callbacks one process works on at a time."""
CALLERS = 16
"""How many frames wait for their acknowledgement at a time."""
MOST_WAITING = 10_000
"""So many callbacks wait for Redis; more would be lost, and is said to be."""
MOST_TRIES = 5
DRAIN_S = 5.0
"""How long a process that stops still works on what it has heard."""
ALIVE_MS = 10_000
"""A connection that was alive so short a time ago is not tried from elsewhere: that would end it."""

Alarm = Callable[[str, str], None]
"""Tells administrators: an id that is said once, and the text."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast all this goes, in seconds."""

    lease_life: float = 3.0
    look: float = 1.0
    back_off: float = 1.0
    longest_back_off: float = 30.0
    kicked: float = 60.0
    refused: float = 10.0
    longest_refused: float = 600.0
    steady: float = 60.0
    ping: float = PING_S
    ack: float = ACK_S


class Intake:
    """Takes what a connection hears through ``receive``, in a few threads, again and again until it is kept."""

    def __init__(
        self,
        channel: str,
        names: tuple[str, ...],
        receive: Callable[[Message], Outcome],
        metrics: Metrics,
        now: Callable[[], datetime],
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._channel = channel
        self._names = names
        self._receive = receive
        self._metrics = metrics
        self._now = now
        self._waiting: queue.Queue[tuple[Callback, int]] = queue.Queue(most_waiting)
        self._stopping = threading.Event()

    def offer(self, callback: Callback) -> None:
        """Puts a callback in line and returns at once."""
        try:
            self._waiting.put_nowait((callback, to_ms(self._now())))
        except queue.Full:
            self._count("lost")
            log.error("callback lost: too many wait for Redis", channel=self._channel)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Works meanwhile; at the end what was heard is worked on for ``DRAIN_S`` more."""
        threads = [threading.Thread(target=self._work, name=f"{self._channel}-{number}", daemon=True) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            deadline = time.monotonic() + DRAIN_S
            self._stopping.set()
            for thread in threads:
                thread.join(max(deadline - time.monotonic(), 0))
            if left := self._waiting.qsize() + sum(thread.is_alive() for thread in threads):
                log.error("callbacks left undone at the end", channel=self._channel, count=left)

    def _work(self) -> None:
        while True:
            try:
                callback, arrived_ms = self._waiting.get(timeout=0.2)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                continue
            try:
                self._see_through(callback, arrived_ms)
            except Exception as error:  # one callback must not end the thread
                self._count("failed")
                log.exception("callback failed", channel=self._channel, error=type(error).__name__)

    def _see_through(self, callback: Callback, arrived_ms: int) -> None:
        try:
            message = KINDS["aibot_ws"].parse(callback.payload, channel=self._channel, names=self._names)
        except Refused as refused:
            self._count("refused")
            log.warning("callback refused", channel=self._channel, reason=refused.reason)
            return
        message = replace(message, reply_id=callback.req_id, arrived_ms=arrived_ms)
        began, bugs = time.perf_counter(), 0
        for tries in itertools.count():
            try:
                outcome = self._receive(message)
                self._count(outcome.state)
                if outcome.state != "busy":
                    break
            except StorageAway as away:
                self._count("away")
                if tries == 0:
                    log.warning("callback not kept yet", channel=self._channel, id=message.id, reason=str(away))
            except Exception as error:
                bugs += 1
                if bugs == MOST_TRIES:
                    raise
                log.warning("callback comes back", channel=self._channel, id=message.id, error=type(error).__name__)
            threading.Event().wait(min(0.1 * 2.0 ** min(tries, 8), 2.0) * random.uniform(0.7, 1.3))
        self._metrics.duration.observe(time.perf_counter() - began)

    def _count(self, outcome: str) -> None:
        self._metrics.callbacks.labels(self._channel, outcome).inc()


class Holder:
    """One channel's long connection, held by this process whenever it has the lease."""

    def __init__(
        self,
        channel: AibotWsChannel,
        url: str,
        intake: Intake,
        leases: Leases,
        calls: Calls,
        metrics: Metrics,
        *,
        now: Callable[[], datetime],
        on_gap: Callable[[str, int, int], None],
        alarm: Alarm,
        pace: Pace | None = None,
    ) -> None:
        self._channel = channel
        self._url = url
        self._intake = intake
        self._leases = leases
        self._calls = calls
        self._metrics = metrics
        self._now = now
        self._on_gap = on_gap
        self._alarm = alarm
        self._pace = pace or Pace()
        self._lease = lease_of(channel.name)
        self._is_mine = threading.Event()
        self._held_at = float("-inf")
        self._stop = threading.Event()
        self._link: LongLink | None = None
        self._failures = self._kicks = self._refusals = 0

    def run(self, stop: threading.Event) -> None:
        """Contends for the lease, and holds the connection while it has it, until ``stop``."""
        self._stop = stop
        keeper = threading.Thread(target=self._keep, name=f"{self._channel.name}-lease", daemon=True)
        with self._intake.working():
            keeper.start()
            while not stop.is_set():
                if self._is_mine.wait(0.2):
                    self._rest(self._connect_safely())
            keeper.join(self._pace.look * 2)

    # The lease ----------------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        """Renews the lease, or looks whether it is free; the end of the lease is the end of the connection."""
        while not self._stop.is_set():
            self._look()
            self._stop.wait(self._pace.look)
        self._let_go()

    def _look(self) -> None:
        try:
            asked_at = time.monotonic()
            is_mine = self._leases.hold(self._lease, round(self._pace.lease_life * 1000))
            self._held_at = asked_at if is_mine else self._held_at
            if is_mine and self._link and not (self._link.is_over or self._link.is_silent):
                self._calls.note_alive(self._channel.name, to_ms(self._now()))
        except StorageAway:
            return  # what is connected stays so, and what is heard waits in memory; nothing new is begun (see _is_sure)
        except Exception as error:
            log.exception("lease not looked at", channel=self._channel.name, error=type(error).__name__)
            return
        if is_mine:
            self._is_mine.set()
        elif self._is_mine.is_set():
            log.warning("long connection goes to another process", channel=self._channel.name)
            self._is_mine.clear()
            self._hang_up()

    def _is_sure(self) -> bool:
        """Whether the lease is ours as far as anybody can know: who cannot ask any more must not push the next holder off."""
        return self._is_mine.is_set() and not self._stop.is_set() and time.monotonic() - self._held_at < self._pace.lease_life

    def _let_go(self) -> None:
        """First the connection, then the lease: the next one must find the place free."""
        self._is_mine.clear()
        self._hang_up()
        try:
            self._leases.release(self._lease)
        except StorageAway as away:
            log.warning("lease not given back, it ends by itself", channel=self._channel.name, reason=str(away))

    def _hang_up(self) -> None:
        if link := self._link:
            link.close()

    def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._is_mine.is_set() and not self._stop.is_set() and (left_s := until - time.monotonic()) > 0:
            self._stop.wait(min(left_s, 0.2))

    # The connection -----------------------------------------------------------------------------------------------------

    def _connect_safely(self) -> float:
        """The same, whatever happens: a holder that died while its lease is renewed would leave the bot deaf everywhere."""
        if not self._is_sure():
            return 0.2
        try:
            return self._connect_once()
        except Exception as error:
            log.error("long connection failed", channel=self._channel.name, error=type(error).__name__, exc_info=True)
            self._hang_up()
            return self._back_off()

    def _connect_once(self) -> float:
        """One connection from its beginning to its end; gives how many seconds to wait before the next."""
        channel, pace = self._channel, self._pace
        try:
            link = LongLink.open(
                self._url, channel.bot_id, channel.secret.get_secret_value(), self._intake.offer, ping_s=pace.ping, ack_s=pace.ack
            )
        except NoAnswer as error:
            self._count("unreachable")
            log.warning("long connection not reached", channel=channel.name, error=error.text)
            return self._back_off()
        except ApiError as error:
            return self._refused(error)
        return self._ended(*self._live(link))

    def _live(self, link: LongLink) -> tuple[Ending, float]:
        began = time.monotonic()
        self._link, self._refusals = link, 0
        if not self._is_sure():  # lost while connecting
            link.close()
        self._count("connected")
        log.info("long connection is there", channel=self._channel.name)
        self._tell_gap()
        answering = threading.Thread(target=self._answer_calls, args=(link,), name=f"{self._channel.name}-calls", daemon=True)
        answering.start()
        ending = link.run()
        answering.join(2)
        return ending, time.monotonic() - began

    def _ended(self, ending: Ending, lasted_s: float) -> float:
        if self._stop.is_set() or not self._is_mine.is_set():
            return 0.0
        log.warning("long connection ended", channel=self._channel.name, reason=ending.reason, seconds=round(lasted_s))
        if ending.is_kicked:
            return self._kicked(lasted_s)
        self._count("ended")
        if lasted_s > self._pace.steady:
            self._failures = 0
        return self._back_off()

    def _back_off(self) -> float:
        wait_s = min(self._pace.longest_back_off, self._pace.back_off * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return wait_s * random.uniform(0.5, 1.0)

    def _refused(self, error: ApiError) -> float:
        """WeCom does not take the bot: that is for a person to mend, and asking often makes it worse."""
        self._count("refused")
        log.error("long connection refused", channel=self._channel.name, code=error.code, remedy=_remedy(error))
        if self._refusals == 0:
            self._warn("refused", f"⚠️ 智能机器人“{self._channel.name}”连不上企业微信：{_remedy(error)}")
        wait_s = min(self._pace.longest_refused, self._pace.refused * 2.0 ** min(self._refusals, 16))
        self._refusals += 1
        return wait_s

    def _kicked(self, lasted_s: float) -> float:
        self._look()  # one of ours may have taken over, rightly
        if not self._is_sure():
            return 0.0
        self._count("kicked")
        if lasted_s > self._pace.longest_refused:
            self._kicks = 0
        wait_s = min(self._pace.longest_refused, self._pace.kicked * 2.0 ** min(self._kicks, 16))
        self._kicks += 1
        text = (
            f"⚠️ 智能机器人“{self._channel.name}”的长连接被别处的连接顶掉了：有另一个程序在用同一个 BotID 和 Secret。"
            f"请停掉它，或在管理后台重置 Secret。机器人 {round(wait_s)} 秒后再连，这段时间收不到消息。"
        )
        log.error("long connection taken by a stranger", channel=self._channel.name, wait_s=round(wait_s))
        self._warn("kicked", text)
        return wait_s

    def _warn(self, what: str, text: str) -> None:
        try:
            self._alarm(f"ws:{self._channel.name}:{what}:{to_ms(self._now())}", text)
        except StorageAway as away:
            log.warning("alarm not kept", channel=self._channel.name, reason=str(away))

    def _tell_gap(self) -> None:
        """Says for how long nothing could be heard: WeCom's manual does not tell whether it repeats what came meanwhile."""
        now_ms = to_ms(self._now())
        try:
            last_ms = self._calls.last_alive(self._channel.name)
            self._calls.note_alive(self._channel.name, now_ms)
            if last_ms and now_ms > last_ms:
                self._metrics.link_gaps.labels(self._channel.name).inc((now_ms - last_ms) / 1000)
                self._on_gap(self._channel.name, last_ms, now_ms)
        except StorageAway as away:
            log.warning("gap not noted", channel=self._channel.name, reason=str(away))

    # Calls of other threads and processes -------------------------------------------------------------------------------

    def _answer_calls(self, link: LongLink) -> None:
        with concurrent.futures.ThreadPoolExecutor(CALLERS, f"{self._channel.name}-call") as pool:
            while not link.is_over:
                try:
                    call = self._calls.take(self._channel.name, to_ms(self._now()))
                    if call:
                        pool.submit(self._answer_call, link, call)
                except StorageAway:
                    threading.Event().wait(0.3)
                except Exception as error:
                    log.exception("call not taken", channel=self._channel.name, error=type(error).__name__)
                    threading.Event().wait(0.3)

    def _answer_call(self, link: LongLink, call: Call) -> None:
        try:
            self._calls.answer(self._channel.name, call, self._carry_out_once(link, call))
        except StorageAway as away:  # who asked finds that he does not know
            log.warning("answer to a call not kept", channel=self._channel.name, cmd=call.cmd, reason=str(away))
        except Exception as error:
            log.exception("call failed", channel=self._channel.name, cmd=call.cmd, error=type(error).__name__)

    def _carry_out_once(self, link: LongLink, call: Call) -> Answered:
        """Sends a frame, unless the same delivery was sent before; what may have arrived is sent again only if that changes nothing."""
        before = self._calls.begin(self._channel.name, call)
        if before is not None and (before.code == 0 or not call.is_repeatable):
            return replace(before, was_unsure=before.code is None)
        answered = replace(_carry_out(link, call), was_unsure=before is not None)
        self._calls.end(self._channel.name, call, answered)
        return answered

    def _count(self, outcome: str) -> None:
        self._metrics.links.labels(self._channel.name, outcome).inc()


def holders(
    config: Config,
    stores: Stores,
    receive: Callable[[Message], Outcome],
    metrics: Metrics,
    now: Callable[[], datetime],
    pace: Pace | None = None,
) -> list[Holder]:
    """A holder for every long connection of the configuration."""
    return [
        Holder(
            channel,
            config.wecom.ws_url,
            Intake(channel.name, config.mention_names(channel.name), receive, metrics, now),
            stores.leases,
            stores.calls,
            metrics,
            now=now,
            on_gap=partial(_note_gap, stores, now),
            alarm=partial(_alarm, config, stores, now),
            pace=pace,
        )
        for channel in config.channels
        if isinstance(channel, AibotWsChannel)
    ]


def try_subscribe(channel: AibotWsChannel, config: Config, calls: Calls, now_ms: int) -> str | None:
    """What keeps a channel from subscribing, in Chinese with its cure; None when nothing does, or when the bot is connected already.

    A second connection would end the first, so none is made while one is alive.
    """
    if now_ms - calls.last_alive(channel.name) < ALIVE_MS:
        return None
    if calls.is_held(channel.name):
        return "机器人正在运行，但长连接断着，它会自己再连。原因在日志里，找 “long connection”"
    try:
        link = LongLink.open(config.wecom.ws_url, channel.bot_id, channel.secret.get_secret_value(), lambda callback: None)
    except NoAnswer as error:
        return f"连不上 {config.wecom.ws_url}（{error.text}）。检查网络、代理和防火墙是否放行这个地址的 443 端口"
    except ApiError as error:
        return _remedy(error)
    link.close()
    return None


def _note_gap(stores: Stores, now: Callable[[], datetime], channel: str, from_ms: int, until_ms: int) -> None:
    """A line in the log, and an event for ``run.py log``."""
    facts = {
        "channel": channel,
        "from": _clock_time(from_ms),
        "to": _clock_time(until_ms),
        "seconds": round((until_ms - from_ms) / 1000, 1),
    }
    log.warning("long connection was away: what came meanwhile may be lost", **facts)
    stores.events.record(0, "link", "", now(), facts | {"note": "断开期间的消息可能丢失"})


def _clock_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")


def _alarm(config: Config, stores: Stores, now: Callable[[], datetime], id: str, text: str) -> None:
    """Tells the administrators of the first community that has some."""
    now_ms = to_ms(now())
    for listed in config.communities:
        if alarm := deliveries.to_admins(config, listed.id, text, id=f"{ALARM}{id}", now_ms=now_ms):
            stores.outbox.enqueue(shard_of(listed.id, stores.shards), [alarm], now_ms)
            return


def _carry_out(link: LongLink, call: Call) -> Answered:
    try:
        return Answered(0, body=link.ask(call.cmd, call.body, req_id=call.req_id))
    except NoAnswer as error:
        return Answered(None, error.text, may_have_arrived=error.may_have_arrived)
    except ApiError as error:
        return Answered(error.code, error.text)


def _remedy(error: ApiError) -> str:
    return (
        f"订阅被拒绝（错误码 {error.code}：{error.text}）。请核对 bot_id 与 secret，"
        "并在管理后台确认这个智能机器人的 API 模式选的是“长连接”，不是 URL 回调"
    )
