"""The watches over the ways in: they notice that WeCom fell silent, and that nobody could get in from outside.

One process of an installation watches, whoever has the lease; every process counts what came in.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from zoneinfo import ZoneInfo

import structlog

from bot import canary, deliveries
from bot.alarms import ALARM
from bot.config import Config
from bot.metrics import Metrics
from rules import silence
from storage.arrivals import Arrivals, Heard
from storage.connection import StorageAway
from storage.keys import shard_of
from storage.machine import Machine
from storage.moment import DEFAULT_TIMEZONE, from_ms, to_ms
from storage.stores import Stores

log = structlog.get_logger(__name__)

FLUSH_S = 20.0
PAUSES_S, WEBHOOKS_S = 0.5, 1.0
LOG_LEVEL_S = 2.0
"""How often a process learns what others changed: what is to stop has to within a second, whatever else is being loaded."""
LOOK_S = 30.0
LEASE = "watch"
LEASE_MS = 90_000
DOOR = "door"
"""What an alarm about the public address is kept under."""
SILENCE = "silence:"
"""What an alarm about a silence is kept under, with the name of the channel."""
AGAIN = timedelta(minutes=1)
"""How soon a failed walk through the way in is repeated: two failures are an alarm."""


def keep_count(arrivals: Arrivals, stop: Event) -> None:
    """Adds what this process counted to everybody's figures, for ever."""
    while not stop.wait(FLUSH_S):
        try:
            arrivals.flush()
        except StorageAway as away:
            log.warning("arrivals wait", reason=str(away))
        except Exception as error:
            log.error("arrivals not counted", error=type(error).__name__, exc_info=True)


def keep_up(name: str, learn: Callable[[], None], every_s: float, stop: Event) -> None:
    """Learns what administrators changed, in this process, until ``stop``; ``name`` says in the log what it is."""
    while not stop.wait(every_s):
        try:
            learn()
        except StorageAway as away:
            log.warning("changes not looked at", what=name, reason=str(away))
        except Exception as error:
            log.error("changes not looked at", what=name, error=type(error).__name__, exc_info=True)


def keep_alive(machine: Machine, clock: Callable[[], datetime], program: Callable[[], str], stop: Event) -> None:
    """Gives signs of life of this process, which runs the ``program`` of this mark, for ever."""
    since, mark = clock(), program()
    while True:
        try:
            machine.beat(to_ms(since), to_ms(clock()), mark)
        except StorageAway as away:
            log.warning("sign of life waits", reason=str(away))
        except Exception as error:
            log.error("no sign of life", error=type(error).__name__, exc_info=True)
        if stop.wait(FLUSH_S):
            return


def leave(machine: Machine, signs: Thread, stop: Event) -> None:
    """Ends the signs of life that the thread ``signs`` gives, at the end of this process: a conversion of the data need not wait for it then."""
    stop.set()
    signs.join(1.0)  # one that waits for Redis is not waited for
    with suppress(StorageAway):
        machine.leave()


class Watch:
    """Looks, judges, and tells administrators: once when something begins, once when it is over."""

    def __init__(
        self, stores: Stores, config: Config, metrics: Metrics, clock: Callable[[], datetime], *, tls: ssl.SSLContext | None = None
    ) -> None:
        self._stores = stores
        self._config = config
        self._metrics = metrics
        self._clock = clock
        self._tls = tls
        self._zone = ZoneInfo(config.communities[0].timezone if config.communities else DEFAULT_TIMEZONE)
        self._since = clock()  # what was before is not this watch's to judge: nobody may have been there to hear
        self._next_knock = clock()
        self._failures = 0

    def run(self, stop: Event) -> None:
        """Watches, for ever, while this process has the lease."""
        while not stop.wait(LOOK_S):
            try:
                self.look()
            except StorageAway as away:
                log.warning("watch waits", reason=str(away))
                self._since = self._clock()  # while Redis was away nobody counted
            except Exception as error:
                log.error("watch failed", error=type(error).__name__, exc_info=True)

    def look(self) -> None:
        """One look at everything that is due; nothing without the lease."""
        if not self._stores.leases.hold(LEASE, LEASE_MS):
            self._since = self._next_knock = self._clock()
            self._failures = 0
            return
        told = self._stores.arrivals.told()
        self._listen(told)
        self._knock(told)

    # Silence ------------------------------------------------------------------------------------------------------------

    def _listen(self, told: dict[str, str]) -> None:
        now_ms = to_ms(self._clock())
        names = [channel.name for channel in self._config.channels]
        for about in told:
            if about.startswith(SILENCE) and about.removeprefix(SILENCE) not in names:
                self._stores.arrivals.note_ended(about)  # the channel was taken out of the configuration
        heard = self._stores.arrivals.heard(names, now_ms)
        for channel, known in heard.items():
            if SILENCE + channel in told:
                self._end_silence(channel, int(told[SILENCE + channel]), known, now_ms)
            else:
                self._judge_silence(channel, known, now_ms)
        self._metrics.silent.set(sum(1 for about in self._stores.arrivals.told() if about.startswith(SILENCE)))

    def _judge_silence(self, channel: str, known: Heard, now_ms: int) -> None:
        since_ms = max(known.last_ms, to_ms(self._since))
        missed = silence.missed(known.counts, known.first_hour, since_ms / 1000, now_ms / 1000)
        if not silence.is_news(missed, (now_ms - since_ms) / 1000):
            return
        text = (
            f"⚠️ 渠道 {channel} 从 {self._local(known.last_ms)} 起没有收到企业微信的任何消息，平时这段时间大约有 {missed:.0f} 条。\n"
            "如果今天本来就没人说话，不用管；否则请运行 python run.py check，它会逐项试一遍，并说明怎么办。"
        )
        self._tell(text, f"{ALARM}silence:{channel}:{known.last_ms}", now_ms)
        self._stores.arrivals.note_told(SILENCE + channel, known.last_ms)
        log.warning("silence", channel=channel, silent_s=(now_ms - since_ms) // 1000, missed=round(missed))

    def _end_silence(self, channel: str, since_ms: int, known: Heard, now_ms: int) -> None:
        if known.last_ms <= since_ms:
            return
        text = f"✅ 渠道 {channel} 又有消息了（{self._local(known.last_ms)}）。"
        self._tell(text, f"{ALARM}silence-over:{channel}:{since_ms}", now_ms)
        self._stores.arrivals.note_ended(SILENCE + channel)
        log.info("silence over", channel=channel, silent_s=(known.last_ms - since_ms) // 1000)

    # Our own way in -----------------------------------------------------------------------------------------------------

    def _knock(self, told: dict[str, str]) -> None:
        server, now = self._config.server, self._clock()
        channels = canary.url_channels(self._config)
        if not (server.public_url and server.canary_minutes and channels) or now < self._next_knock:
            return
        problems = {channel.name: canary.knock(self._config, channel, self._clock(), tls=self._tls).problem for channel in channels}
        problems = {name: problem for name, problem in problems.items() if problem}
        self._failures = self._failures + 1 if problems else 0
        self._metrics.door.set(0 if problems else 1)
        self._next_knock = now + (AGAIN if self._failures == 1 else timedelta(minutes=server.canary_minutes))
        if problems:
            log.warning("public address not reachable", channels=list(problems), reason=next(iter(problems.values())))
        if self._failures >= 2 and DOOR not in told:
            self._shut(problems, now)
        elif not problems and DOOR in told:
            self._open(int(told[DOOR]), now)

    def _shut(self, problems: dict[str, str], now: datetime) -> None:
        reasons = "\n".join(f"- {'、'.join(name for name in problems if problems[name] == reason)}：{reason}" for reason in _each(problems))
        text = (
            f"⚠️ 从 {self._config.server.public_url} 到不了机器人，企业微信的消息多半也进不来：\n{reasons}\n"
            "如果成员和机器人说话一切正常，可能只是这台机器访问不了自己的公网地址：把 server.canary_minutes 改成 0。"
        )
        self._tell(text, f"{ALARM}door:{to_ms(now)}", to_ms(now))
        self._stores.arrivals.note_told(DOOR, to_ms(now))

    def _open(self, since_ms: int, now: datetime) -> None:
        self._tell(f"✅ 从 {self._config.server.public_url} 又到得了机器人了。", f"{ALARM}door-open:{since_ms}", to_ms(now))
        self._stores.arrivals.note_ended(DOOR)
        log.info("public address reachable again", shut_s=(to_ms(now) - since_ms) // 1000)

    # Telling ------------------------------------------------------------------------------------------------------------

    def _tell(self, text: str, id: str, now_ms: int) -> None:
        """Tells the administrators of the first community that has a way to them; the same ``id`` is told once."""
        alarm = deliveries.to_first_admins(self._config, text, id=id, now_ms=now_ms)
        if alarm:
            self._stores.outbox.enqueue(shard_of(alarm.community, self._stores.shards), [alarm], now_ms)
            return
        log.error("nobody to tell", id=id, remedy="admin_webhook")

    def _local(self, ms: int) -> str:
        """A moment as administrators read it, in the zone of the first community."""
        return f"{from_ms(ms).astimezone(self._zone):%m 月 %d 日 %H:%M}"


def _each(problems: dict[str, str]) -> list[str]:
    return list(dict.fromkeys(problems.values()))
