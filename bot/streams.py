"""Answers in parts: begun in the callback, made by a worker, asked for by WeCom until they are whole."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import msgspec
import structlog

from bot import deliveries
from bot.channels.aibot import stream_frame, stream_id
from bot.config import Config
from bot.context import Context
from bot.message import Message
from bot.metrics import Metrics
from bot.router import Producer
from storage.connection import StorageAway
from storage.keys import shard_of
from storage.moment import to_ms
from storage.outbox import Bell, Delivery
from storage.stores import Stores
from storage.streams import Shown, StreamWork

log = structlog.get_logger(__name__)

ASKED_FOR_MS = 350_000
"""WeCom asks for six minutes after the question; a little before that a refresh says that the rest comes by itself."""
ACTIVE_FROM_MS = 345_000
"""What is whole only later than this is sent actively. In the five seconds between the two it may be seen twice, but never not at all."""
IDLE_MS = 10_000
"""Work that showed no part for so long is begun anew: its process is gone, or it is slow, and then the first to end counts."""
LOOK_S = 1.0
THREADS = 4
TRIES = 3
FRAME_EVERY_S = 3.0
"""Over the long connection every frame counts against the chat's 30 a minute."""
FORGOTTEN = "这个回答已经过期，请再问一次。"
STILL_AT_WORK = "（还没有算完，好了会再发给您）"
UNREADABLE = "⚠️ 有一个分段回答的任务读不懂（数据损坏，或者由另一个版本写入），已放入死信，编号 {id}。如果刚换过版本，请换回去或升级到最新。"
FAILED = "这次没有成功，请稍后再试，或说“人工”。"

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs to make an answer. ``shows_parts``: WeCom asks for them; else the whole answer is sent when it is there."""

    message: Message
    member: int
    community: str
    name: str
    shows_parts: bool


_decode = msgspec.json.Decoder(Task).decode

Push = Callable[[Message, str, str], None]
"""Shows a part at once where the channel lets us: the question, the stream's id, the text so far. May fail, may not raise."""


def _read(payload: str) -> Task | None:
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return None


def frame(id: str, shown: Shown | None, now_ms: int) -> str:
    """The plaintext that answers WeCom's asking for more of an answer."""
    if shown is None:
        return stream_frame(id, FORGOTTEN, is_done=True)
    if not shown.is_done and now_ms - shown.born_ms > ASKED_FOR_MS:
        return stream_frame(id, f"{shown.text}\n\n{STILL_AT_WORK}", is_done=True)
    return stream_frame(id, shown.text, is_done=shown.is_done)


class Makers:
    """Makes answers in parts, in any number of processes; what a crash left is made anew by another."""

    def __init__(
        self,
        stores: Stores,
        config: Config,
        producers: Mapping[str, Producer],
        context_of: Callable[[Message, int, str], Context],
        metrics: Metrics,
        clock: Callable[[], datetime],
        push: Push | None = None,
    ) -> None:
        self._stores = stores
        self._config = config
        self._producers = producers
        self._context_of = context_of
        self._metrics = metrics
        self._clock = clock
        self._push = push
        self._stop: Event | None = None

    def run(self, stop: Event, bell: Bell) -> None:
        """Makes what is asked for until ``stop``; what is being made then is left to others, after the part that is under way."""
        self._stop = stop
        pool, making = ThreadPoolExecutor(THREADS, "streams"), dict[str, Future[None]]()
        while not stop.is_set():
            bell.wait(LOOK_S)
            if stop.is_set():
                break
            try:
                self._begin_some(pool, making)
            except StorageAway as away:
                log.warning("answers in parts wait", reason=str(away))
            except Exception as error:
                # This loop is what makes answers whole: whatever happens, it looks again.
                log.error("answers in parts wait", error=type(error).__name__, exc_info=True)
        pool.shutdown(wait=False)  # nothing queues for a thread, and what was just begun hands itself on
        bell.close()

    def _begin_some(self, pool: ThreadPoolExecutor, making: dict[str, Future[None]]) -> None:
        """Takes up as much as there are threads for: what waited in a queue would count as left behind."""
        for name in [name for name, future in making.items() if future.done()]:
            del making[name]
        if room := THREADS - len(making):
            works = self._stores.streams.take(room) or itertools.islice(self._stores.streams.left_behind(IDLE_MS), room)
            for work in works:
                name = f"{work.shard}:{work.entry}"
                if name not in making:  # a slow one of our own is not begun a second time
                    making[name] = pool.submit(self._make_safely, work)

    def make(self, work: StreamWork) -> bool:
        """Makes one answer; False when it comes back later, or somebody else ended it."""
        if self._hands_on(work, 0):
            return False
        task = _read(work.payload)
        if task is None:
            return self._leave_unread(work)
        id, text, parts = stream_id(task.message), "", 0
        producer = self._producers.get(task.name)
        if producer is None or work.tries > TRIES:
            return self._end(work, task, id, FAILED, parts)
        pushed_at = 0.0
        for text in producer(task.message, self._context_of(task.message, task.member, task.community)):
            parts += 1
            if not self._stores.streams.show(work, id, text):
                return False
            if self._hands_on(work, parts):
                return False
            if self._push and time.monotonic() - pushed_at >= FRAME_EVERY_S:
                self._push(task.message, id, text)
                pushed_at = time.monotonic()
        return self._end(work, task, id, text or FAILED, parts)

    def _hands_on(self, work: StreamWork, parts: int) -> bool:
        """Leaves the work to others, wherever it had come to, where this process was asked to end; False where it was not."""
        if not (self._stop and self._stop.is_set()):
            return False
        self._stores.streams.leave(work)
        log.info("answer in parts left to others", entry=work.entry, parts=parts)
        return True

    def _make_safely(self, work: StreamWork) -> None:
        try:
            self.make(work)
        except StorageAway as away:
            log.warning("answer in parts waits", reason=str(away))
        except Exception as error:
            # Producers are features of many hands. The work stays and comes back; the third failure ends it with an apology.
            self._metrics.failures.labels("stream").inc()
            log.error("answer in parts failed", entry=work.entry, tries=work.tries, error=type(error).__name__, exc_info=True)

    def _end(self, work: StreamWork, task: Task, id: str, text: str, parts: int) -> bool:
        now_ms = to_ms(self._clock())
        shown = self._stores.streams.find(work.shard, id)
        is_late = shown is None or now_ms - shown.born_ms > ACTIVE_FROM_MS
        queued = [] if task.shows_parts and not is_late else self._delivered(task, text, now_ms)
        event = {"stream": task.name, "parts": parts, "bytes": len(text.encode()), "queued": [delivery.via for delivery in queued]}
        return self._stores.streams.end(
            work, id, text, now_ms, event=_encode(event).decode(), message=task.message.id, community=task.community, member=task.member,
            deliveries=queued,
        )  # fmt: skip

    def _leave_unread(self, work: StreamWork) -> bool:
        """What cannot be read comes back, for a newer version may know it, and is buried after the third look."""
        log.error("answer in parts unreadable", shard=work.shard, entry=work.entry, tries=work.tries)
        now_ms, id = to_ms(self._clock()), f"unread:stream:{work.shard}:{work.entry}"
        if work.tries > TRIES and self._stores.streams.bury(work, id, f"读不懂，试过 {work.tries - 1} 次", now_ms):
            alarm = deliveries.to_first_admins(self._config, UNREADABLE.format(id=id), id=f"{id}:buried", now_ms=now_ms)
            if alarm:
                self._stores.outbox.enqueue(shard_of(alarm.community, self._stores.shards), [alarm], now_ms)
        return False

    def _delivered(self, task: Task, text: str, now_ms: int) -> list[Delivery]:
        later = deliveries.answer_later(self._config, task.message, task.community, task.member, text, now_ms=now_ms)
        return [later] if later else []
