"""Behind the answers: what a crash or a failure left undone is done again."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

import structlog

from bot.metrics import Metrics
from bot.pipeline import Pipeline
from storage.connection import StorageAway
from storage.stores import Stores

log = structlog.get_logger(__name__)

IDLE_MS = 15_000
"""Work that nobody has touched for so long was left behind: handlers need milliseconds."""
RECOVER_S = 2.0


def recover(pipeline: Pipeline, stores: Stores, metrics: Metrics, stop: Event) -> None:
    """Does again, for ever, what crashes and failures left in the inboxes."""
    while not stop.wait(RECOVER_S):
        try:
            recover_once(pipeline, stores, idle_ms=IDLE_MS)
            metrics.unfinished.set(stores.inbox.depth())
            oldest_ms = stores.inbox.oldest_ms()
            metrics.unfinished_age.set(max(time.time() - oldest_ms / 1000, 0) if oldest_ms else 0)
        except StorageAway as away:
            log.warning("recovery waits", reason=str(away))
        except Exception as error:
            # This loop is what brings messages back: whatever happens, it looks again.
            log.error("recovery failed", error=type(error).__name__, exc_info=True)


def recover_once(pipeline: Pipeline, stores: Stores, *, idle_ms: int) -> int:
    """One look at every shard; gives how many messages were taken up."""
    taken = 0
    for shard in range(stores.shards):
        for left in stores.inbox.left_behind(shard, idle_ms):
            taken += 1
            try:
                pipeline.recover(left)
            except StorageAway:
                raise
            except Exception as error:
                # One poisonous message must not hold up the others; it is tried again and buried after the fifth time.
                log.error("recovery failed", entry=left.entry, tries=left.tries, error=type(error).__name__, exc_info=True)
    return taken


def start_threads(*loops: tuple[str, Callable[[], None]]) -> list[Thread]:
    """Starts named daemon threads."""
    threads = [Thread(target=loop, name=name, daemon=True) for name, loop in loops]
    for thread in threads:
        thread.start()
    return threads
