"""Moods, computed behind the answers by one process of the installation. They feed figures and nothing else."""

from __future__ import annotations

import time
from threading import Event

import msgspec
import structlog

from bot.communities import Communities
from rules.mood import SnowMood
from storage.connection import StorageAway
from storage.stores import Stores

log = structlog.get_logger(__name__)

LEASE_MS = 15_000
IDLE_JOB_MS = 60_000


def keep_moods(stores: Stores, communities: Communities, stop: Event) -> None:
    """Computes moods while this process holds the lease: the model costs 420 MB, so one process in the installation has it."""
    model: SnowMood | None = None
    while not stop.wait(1.0):
        try:
            if not stores.leases.hold("mood", LEASE_MS):
                continue
            model = model or SnowMood()
            while _score_some(stores, communities, model, stop):
                stores.leases.hold("mood", LEASE_MS)
        except StorageAway as away:
            log.warning("moods wait", reason=str(away))


def _score_some(stores: Stores, communities: Communities, model: SnowMood, stop: Event) -> bool:
    """Scores some messages, then rests three times as long; False when there were none or it is time to stop."""
    began = time.monotonic()
    jobs = stores.jobs.take() or list(stores.jobs.left_behind(IDLE_JOB_MS))
    scored: dict[str, list[tuple[int, float]]] = {}
    for job in jobs:
        asked = msgspec.json.decode(job.body)
        scored.setdefault(asked["community"], []).append((asked["member"], model.score(asked["text"])))
    # Written together: with appendfsync always every act of its own would make the answers wait for the disk once more.
    for community, scores in scored.items():
        stores.moods.mix(communities.named(community).keys, scores)
    stores.jobs.done(jobs)
    # Even at the lowest priority it would slow its neighbours down: two processors are often two halves of one.
    return bool(jobs) and not stop.wait(3 * (time.monotonic() - began))
