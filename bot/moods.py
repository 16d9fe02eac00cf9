"""Moods, computed behind the answers by one process of the installation. They feed figures and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
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
PART_OF_TIME = 0.1
"""The model's part of one processor, at most. Even at the lowest priority it slows its neighbours: two processors are often halves of one."""
BUSY = 0.5
"""A machine that is busier than this has better things to do than figures: then there is a batch every ``BUSY_REST_S``."""
BUSY_REST_S = 5.0


@dataclass(frozen=True, slots=True)
class _Job:
    """A text whose mood is to be computed, as the pipeline queues it."""

    member: int
    community: str
    text: str


_decode = msgspec.json.Decoder(_Job).decode


def keep_moods(stores: Stores, communities: Communities, stop: Event) -> None:
    """Computes moods while this process holds the lease: the model costs 420 MB, so one process in the installation has it."""
    model: SnowMood | None = None
    machine = Machine()
    while not stop.wait(1.0):
        try:
            if not stores.leases.hold("mood", LEASE_MS):
                continue
            model = model or SnowMood()
            while _score_some(stores, communities, model, machine, stop):
                stores.leases.hold("mood", LEASE_MS)
        except StorageAway as away:
            log.warning("moods wait", reason=str(away))


class Machine:
    """How busy all processors are, from ``/proc/stat``; never busy where there is none."""

    def __init__(self, file: Path = Path("/proc/stat")) -> None:
        self._file = file
        self._total, self._idle = self._read()

    def busy_share(self) -> float:
        """The part of the processors' time that was used since the last call, from 0 to 1."""
        total, idle = self._read()
        passed, unused = total - self._total, idle - self._idle
        self._total, self._idle = total, idle
        return 1.0 - unused / passed if passed > 0 else 0.0

    def _read(self) -> tuple[int, int]:
        try:
            times = [int(ticks) for ticks in self._file.read_text().split("\n", 1)[0].split()[1:9]]
        except OSError:
            return 0, 0
        return sum(times), times[3] + times[4]  # idle, and waiting for a disk


def _score_some(stores: Stores, communities: Communities, model: SnowMood, machine: Machine, stop: Event) -> bool:
    """Scores some messages, then rests; False when there were none or it is time to stop."""
    began = time.monotonic()
    jobs = stores.jobs.take() or list(stores.jobs.left_behind(IDLE_JOB_MS))
    scored: dict[str, list[tuple[int, float]]] = {}
    for job in jobs:
        try:
            asked = _decode(job.body)
        except (msgspec.DecodeError, UnicodeError):  # a figure less: nobody need hear of it
            log.error("mood job unreadable", shard=job.shard, entry=job.entry)
            continue
        scored.setdefault(asked.community, []).append((asked.member, model.score(asked.text)))
    # Written together: with appendfsync always every act of its own would make the answers wait for the disk once more.
    for community, scores in scored.items():
        stores.moods.mix(communities.named(community).keys, scores)
    stores.jobs.done(jobs)
    rest_s = (time.monotonic() - began) * (1 / PART_OF_TIME - 1)
    return bool(jobs) and not stop.wait(max(rest_s, BUSY_REST_S if machine.busy_share() > BUSY else 0.0))
