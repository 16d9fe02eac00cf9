"""Answers in parts: what a member is shown so far, and the work that makes the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from storage import keys
from storage.connection import Database, Script
from storage.outbox import Delivery, encode_delivery
from storage.personal import Personal
from storage.work import drop_entries_of, drop_idle_consumers

LIFE_MS = 3_600_000
"""How long what was said is kept: WeCom asks for more for six minutes, an active answer is possible for an hour."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class StreamStart:
    """An answer in parts that begins: its id, what is shown first, and what a worker needs to make the rest (JSON)."""

    id: str
    shown: str
    work: str


@dataclass(frozen=True, slots=True)
class StreamWork:
    """An answer that is to be made: ``tries`` counts this delivery too."""

    shard: int
    entry: str
    payload: str
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Shown:
    """What a member sees of an answer: the text so far, whether it is whole, and when it began (ms)."""

    text: str
    is_done: bool
    born_ms: int


class Streams:
    """The answers in parts of all shards. ``consumer`` names the calling process."""

    PERSONAL = Personal(
        "分段回答",
        "一段一段给出的回答",
        (keys.STREAM, keys.STREAM_WORK),
        what="正在给出的回答和它的问题",
        erasing="全部删除",
        passing=(keys.STREAM_WORK,),
        passing_why="几秒就没了",
    )

    def __init__(self, database: Database, consumer: Callable[[], str], shards: int) -> None:
        self._database = database
        self._consumer = consumer
        self._shards = shards
        self._part = Script("stream_part")
        self._end = Script("stream_end")
        self._bury = Script("inbox_bury")

    def prepare(self) -> None:
        """Loads the scripts."""
        self._database.load([self._part, self._end, self._bury])

    def find(self, shard: int, id: str) -> Shown | None:
        """What is shown of an answer; None when there is none of this id (any more)."""
        text, done, born = self._database.command("HMGET", keys.STREAM(shard=shard, id=id), "text", "done", "born")
        return None if born is None else Shown(text, done == "1", int(born))

    def take(self, room: int = 4) -> list[StreamWork]:
        """New work, at most ``room`` pieces, over all shards; one round trip while there is none. It is this process's until ended."""
        lengths = self._database.pipeline(("XLEN", keys.STREAM_WORK(shard=shard)) for shard in range(self._shards))
        found: list[StreamWork] = []
        for shard in (shard for shard, length in enumerate(lengths) if length):
            if len(found) == room:
                break
            names = ("STREAMS", keys.STREAM_WORK(shard=shard), ">")
            answer = self._database.command("XREADGROUP", "GROUP", "bot", self._consumer(), "COUNT", room - len(found), *names)
            for _, entries in answer or []:
                found += [StreamWork(shard, entry, flat[1]) for entry, flat in entries]
        return found

    def left_behind(self, idle_ms: int) -> Iterator[StreamWork]:
        """Work of processes that are gone, one at a time, so that work that kills its process does not use up the tries of others."""
        for shard in range(self._shards):
            stream = keys.STREAM_WORK(shard=shard)
            _, entries, *_ = self._database.command("XAUTOCLAIM", stream, "bot", self._consumer(), idle_ms, "0-0", "COUNT", 1)
            for entry, flat in entries:
                pending = self._database.command("XPENDING", stream, "bot", entry, entry, 1) if flat else []
                for _, _, _, tries in pending:  # none: another ended it in between
                    yield StreamWork(shard, entry, flat[1], tries)

    def show(self, work: StreamWork, id: str, text: str) -> bool:
        """Replaces what is shown, and keeps the work this process's; False when it has ended."""
        names = [keys.STREAM(shard=work.shard, id=id), keys.STREAM_WORK(shard=work.shard)]
        return bool(self._database.act(self._part, names, [text, work.entry, self._consumer()]))

    def leave(self, work: StreamWork) -> None:
        """Lets another take it at once, from its beginning: this process was asked to end, which is no try that failed."""
        stream = keys.STREAM_WORK(shard=work.shard)
        again = ("IDLE", LIFE_MS, "RETRYCOUNT", work.tries - 1, "JUSTID")
        self._database.command("XCLAIM", stream, "bot", self._consumer(), 0, work.entry, *again)

    def end(
        self, work: StreamWork, id: str, text: str, now_ms: int, *, event: str, message: str, community: str, member: int,
        deliveries: Sequence[Delivery] = (),
    ) -> bool:  # fmt: skip
        """Ends an answer: its last text, its event, and what is to be sent of it, in one act; False when it had ended before."""
        names = [
            keys.STREAM(shard=work.shard, id=id), keys.STREAM_WORK(shard=work.shard), keys.EVENTS(shard=work.shard),
            keys.OUTBOX_DUE(shard=work.shard),
        ]  # fmt: skip
        args: list[Any] = [now_ms, work.entry, text, community, member, message, event, LIFE_MS, work.shard]
        for delivery in deliveries:
            queue, target, item = encode_delivery(work.shard, delivery)
            names.append(queue)
            args += [target, item]
        return bool(self._database.act(self._end, names, args))

    def bury(self, work: StreamWork, id: str, reason: str, now_ms: int) -> bool:
        """Moves work that cannot be done to the dead letters of the inbox; False when it had ended before."""
        letter = {"id": id, "t": now_ms, "reason": reason, "tries": work.tries, "payload": work.payload}
        names = [
            keys.MESSAGE(shard=work.shard, id=id), keys.STREAM_WORK(shard=work.shard), keys.INBOX_DEAD(shard=work.shard),
            keys.EVENTS(shard=work.shard),
        ]  # fmt: skip
        return bool(
            self._database.act(self._bury, names, [now_ms, work.entry, _encode(letter), id, "", 0, _encode({"buried": reason}), LIFE_MS])
        )

    def drop_idle_consumers(self) -> int:
        """Removes the names of processes that are gone and left nothing; gives how many went."""
        return sum(drop_idle_consumers(self._database, keys.STREAM_WORK(shard=shard)) for shard in range(self._shards))

    def depth(self) -> int:
        """How many answers are being made; one round trip."""
        return sum(self._database.pipeline(("XLEN", keys.STREAM_WORK(shard=shard)) for shard in range(self._shards)))

    def export_user(self, number: int) -> dict[str, Any]:
        """What the member was answered in parts in the last hour."""
        return {"分段回答": [text for _, text in self._of(number)]}

    def erase_user(self, number: int) -> str:
        """Drops the member's answers, also those in the making. A rare act: looks at every one."""
        gone = sum(self._database.command("DEL", key) for key, _ in self._of(number))
        for shard in range(self._shards):
            drop_entries_of(self._database, keys.STREAM_WORK(shard=shard), number)
        return f"已删除 {gone} 条分段回答"

    def _of(self, number: int) -> Iterator[tuple[str, str]]:
        for shard in range(self._shards):
            for key in list(self._database.scan(keys.STREAM(shard=shard, id="*"))):
                member, text = self._database.command("HMGET", key, "member", "text")
                if member == str(number):
                    yield key, text or ""


def encode_start(shard: int, start: StreamStart | None) -> tuple[list[str], list[Any]]:
    """The keys and arguments with which an act begins an answer in parts."""
    if start is None:
        return [], ["", "", 0]
    return [keys.STREAM(shard=shard, id=start.id), keys.STREAM_WORK(shard=shard)], [start.work, start.shown, LIFE_MS]
