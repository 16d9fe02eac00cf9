"""Moods beside the message path: SnowNLP's scores, computed behind the answers by one process; the alarm of a bad mood, and crises."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import msgspec
import structlog

from bot.communities import Communities, Community
from bot.config import Config
from bot.live import Contents
from bot.permissions import Actor
from bot.staff import to_staff
from rules.mood import NEGATIVE, SnowMood
from rules.mood_topics import Said, topics
from storage.connection import StorageAway
from storage.moment import from_ms, to_ms
from storage.moods import Scored, Window
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
    chat: str = ""
    at: int = 0


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
    scored: dict[str, list[Scored]] = {}
    for job in jobs:
        try:
            asked = _decode(job.body)
        except (msgspec.DecodeError, UnicodeError):  # a figure less: nobody need hear of it
            log.error("mood job unreadable", shard=job.shard, entry=job.entry)
            continue
        score = model.score(asked.text)
        day = from_ms(asked.at).astimezone(communities.named(asked.community).zone).date().isoformat()
        scored.setdefault(asked.community, []).append(Scored(asked.member, asked.chat, asked.at, day, score, score < NEGATIVE))
    # Written together: with appendfsync always every act of its own would make the answers wait for the disk once more.
    for community, scores in scored.items():
        stores.moods.mix(communities.named(community).keys, scores)
    stores.jobs.done(jobs)
    rest_s = (time.monotonic() - began) * (1 / PART_OF_TIME - 1)
    return bool(jobs) and not stop.wait(max(rest_s, BUSY_REST_S if machine.busy_share() > BUSY else 0.0))


# The alarm and the crisis ------------------------------------------------------------------------------------------------------


def ring_moods(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Tells those who look after a community, once, that its mood fell, what it is about, and what they may do; gives in how many communities."""
    rung = 0
    for shard, id in stores.moods.ringing(to_ms(now)):
        community = communities.named(id)
        window = stores.moods.window(community.keys, to_ms(now))
        said = alarm_words(stores, contents, community, window, now)
        posts = to_staff(stores, config, community, said, id=f"mood:{id}:{window.alarm_ms}", now_ms=to_ms(now))
        stores.outbox.enqueue(shard, posts, to_ms(now))
        stores.moods.told(shard, id)
        log.info("mood alarm", community=id, messages=window.messages, unhappy=window.unhappy, told=len(posts))
        rung += 1
    return rung


def alarm_words(stores: Stores, contents: Contents, community: Community, window: Window, now: datetime) -> str:
    """The notice: how many are unhappy, of what, what may be answered, and how marketing is stopped."""
    found = topics_now(stores, community, window, now)
    about = "、".join(f"{one.word}（{one.unhappy} 条）" for one in found)
    is_on = stores.pauses.crisis_since(community.id)
    lines = [
        f"🌧 “{community.name}”的情绪在变差：24 小时里 {window.messages} 条消息，{window.unhappy} 条不高兴（{window.share:.0%}）。",
        f"大家在说：{about}。" if about else "还看不出集中在说什么（一个词要有 3 位成员说到才列出来）。",
        f"可以这样回应：\n{contents.judge.policy.mood.response}",
        "危机模式已经开着，营销推送停着。事情过去了请说：危机模式 解除" if is_on else "要先停掉营销推送，请说：危机模式 开启。",
        "看走势请说：情绪",
    ]
    return "\n".join(lines)


def topics_now(stores: Stores, community: Community, window: Window, now: datetime) -> Sequence[Said]:
    """What the unhappy messages of today and yesterday are about."""
    today = community.day_of(now)
    counted = stores.moods.words(community.keys, (today, today - timedelta(days=1)))
    said = (Said(word, count.unhappy, count.others, count.people) for word, count in counted.items())
    return topics(said, window.unhappy, window.messages - window.unhappy)


def set_crisis(stores: Stores, community: Community, actor: Actor, *, is_on: bool, now: datetime, once: str) -> bool:
    """Begins a community's crisis, in which it hears no marketing, or ends it; audited. Gives whether this changed anything, to a repeat too."""
    before = stores.pauses.set_crisis(community.id, to_ms(now) if is_on else 0, once=once)
    if before != is_on:
        was, becomes = ("平常", "营销推送停着") if is_on else ("营销推送停着", "平常")
        stores.audit.record(community.id, actor.id, "危机模式", "营销推送", was, becomes, now, once=once)
    return before != is_on
