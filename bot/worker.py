"""Behind the answers: what a crash left is done again, what is to be sent is sent, moods are computed."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import msgspec
import structlog

from bot.communities import Communities
from bot.metrics import Metrics
from bot.pipeline import Pipeline
from rules.mood import SnowMood
from storage.connection import StorageAway
from storage.jobs import Job
from storage.stores import Stores

log = structlog.get_logger(__name__)

IDLE_MS = 15_000
"""Work that nobody has touched for so long was left behind: handlers need milliseconds."""
RECOVER_S = 2.0
MOOD_LEASE_MS = 15_000
IDLE_JOB_MS = 60_000


def recover(pipeline: Pipeline, stores: Stores, metrics: Metrics, stop: Event) -> None:
    """Does again, for ever, what crashes and failures left in the inboxes."""
    while not stop.wait(RECOVER_S):
        try:
            recover_once(pipeline, stores, idle_ms=IDLE_MS)
            metrics.unfinished.set(stores.inbox.depth())
        except StorageAway as away:
            log.warning("recovery waits", reason=str(away))


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


def keep_moods(stores: Stores, communities: Communities, stop: Event) -> None:
    """Computes moods while this process holds the lease: the model costs 420 MB, so one process in the installation has it."""
    model: SnowMood | None = None
    while not stop.wait(1.0):
        try:
            if not stores.leases.hold("mood", MOOD_LEASE_MS):
                continue
            model = model or SnowMood()
            while not stop.is_set() and _score_some(stores, communities, model):
                stores.leases.hold("mood", MOOD_LEASE_MS)
        except StorageAway as away:
            log.warning("moods wait", reason=str(away))


def _score_some(stores: Stores, communities: Communities, model: SnowMood) -> bool:
    jobs = stores.jobs.take() or list(stores.jobs.left_behind(IDLE_JOB_MS))
    for job in jobs:
        _score(stores, communities, model, job)
    stores.jobs.done(jobs)
    return bool(jobs)


def _score(stores: Stores, communities: Communities, model: SnowMood, job: Job) -> None:
    asked = msgspec.json.decode(job.body)
    stores.moods.mix(communities.named(asked["community"]).keys, asked["member"], model.score(asked["text"]))


def start_threads(*loops: tuple[str, Callable[[], None]]) -> list[Thread]:
    """Starts named daemon threads."""
    threads = [Thread(target=loop, name=name, daemon=True) for name, loop in loops]
    for thread in threads:
        thread.start()
    return threads
