"""Background work behind the answers: queued by the act that ends a message, done by a worker, once at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage import keys
from storage.connection import Database
from storage.personal import Personal
from storage.work import drop_entries_of, drop_idle_consumers


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: its shard and entry, and what is to be done, as JSON; ``tries`` counts this one too."""

    shard: int
    entry: str
    body: str
    tries: int = 1


class Jobs:
    """The streams of all shards of one kind of work; ``family`` names them."""

    PERSONAL = Personal(
        "后台工作",
        "等着算情绪、看图片的消息",
        (keys.JOBS, keys.PICTURES),
        what="几秒钟的原文",
        erasing="全部删除",
        passing=(keys.JOBS, keys.PICTURES),
        passing_why="几秒就没了",
    )

    def __init__(self, database: Database, consumer: Callable[[], str], shards: int, family: Callable[..., str]) -> None:
        self._database = database
        self._family = family
        self._consumer = consumer
        self._shards = shards

    def take(self, count: int = 20) -> list[Job]:
        """New jobs of all shards, in one round trip; they are this process's until done."""
        asked = (
            ("XREADGROUP", "GROUP", "bot", self._consumer(), "COUNT", count, "STREAMS", self._family(shard=shard), ">")
            for shard in range(self._shards)
        )
        found: list[Job] = []
        for shard, answer in enumerate(self._database.pipeline(asked)):
            for _, entries in answer or []:
                found += [Job(shard, entry, flat[1]) for entry, flat in entries]
        return found

    def left_behind(self, idle_ms: int) -> Iterator[Job]:
        """Jobs of processes that are gone, claimed shard by shard."""
        for shard in range(self._shards):
            stream = self._family(shard=shard)
            _, entries, *_ = self._database.command("XAUTOCLAIM", stream, "bot", self._consumer(), idle_ms, "0-0", "COUNT", 100)
            held = self._database.command("XPENDING", stream, "bot", entries[0][0], entries[-1][0], 10_000) if entries else []
            tries = {entry: times for entry, _, _, times in held}
            yield from (Job(shard, entry, flat[1], tries[entry]) for entry, flat in entries if flat and entry in tries)

    def done(self, jobs: Sequence[Job]) -> None:
        """Takes finished jobs off the streams; one round trip."""
        by_shard: dict[int, list[str]] = {}
        for job in jobs:
            by_shard.setdefault(job.shard, []).append(job.entry)
        commands: list[tuple[Any, ...]] = []
        for shard, entries in by_shard.items():
            stream = self._family(shard=shard)
            commands += [("XACK", stream, "bot", *entries), ("XDEL", stream, *entries)]
        if commands:
            self._database.pipeline(commands)

    def drop(self) -> int:
        """Takes all that is queued away, of which some is being worked on; gives how much."""
        lengths = self._database.pipeline(("XTRIM", self._family(shard=shard), "MAXLEN", 0) for shard in range(self._shards))
        return sum(map(int, lengths))

    def drop_idle_consumers(self) -> int:
        """Removes the names of processes that are gone and left nothing; gives how many went."""
        return sum(drop_idle_consumers(self._database, self._family(shard=shard)) for shard in range(self._shards))

    def export_user(self, number: int) -> dict[str, object]:
        """Queued work lives for seconds and is not exported."""
        return {}

    def erase_user(self, number: int) -> str:
        """Drops the member's queued work."""
        gone = sum(drop_entries_of(self._database, self._family(shard=shard), number) for shard in range(self._shards))
        return f"已删除 {gone} 条排队中的工作"
