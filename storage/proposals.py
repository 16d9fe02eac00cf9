"""Proposals: questions with an answer at hand, such as a human gave it, waiting for an operator to take them into the FAQ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.keys import shard_of
from storage.moment import from_ms, to_ms
from storage.personal import Personal

ONCE_LIFE_MS = 7 * 86_400_000
MOST_WAITING = 500
"""Proposals of one community that wait; the oldest go when there are more."""
MOST_QUESTION, MOST_ANSWER, MOST_SIMILAR = 500, 4_000, 20
"""Characters of a question and an answer, and how many further wordings: longer ones are cut."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question with its answer. ``source`` says in Chinese where it came from; who asked is kept beside it, for his erasure only."""

    number: int
    question: str
    answer: str
    similar: tuple[str, ...]
    source: str
    at: datetime


class Proposals:
    """The proposals of every community."""

    PERSONAL = Personal(
        "待采纳",
        "从工单里学到的问答，等人采纳",
        (keys.PROPOSALS, keys.PROPOSALS_NEXT),
        what="由他的工单得来、还没采纳的问答",
        erasing="删除；已采纳的是社群的内容，留下",
    )

    def __init__(self, database: Database, shards: int) -> None:
        self._database = database
        self._shards = shards
        self._add = Script("add_proposal")

    def add(
        self, community: str, question: str, answer: str, similar: Sequence[str], source: str, now: datetime, *, member: int = 0, once: str
    ) -> int:  # fmt: skip
        """Keeps a proposal; gives its number, the same for a repeat. ``member`` is whose words the question is in, 0 nobody's."""
        part = self._part(community)
        row = {
            "question": question[:MOST_QUESTION],
            "answer": answer[:MOST_ANSWER],
            "similar": [wording[:MOST_QUESTION] for wording in similar[:MOST_SIMILAR]],
            "source": source[:200],
            "t": to_ms(now),
            "member": member,
        }
        names = [keys.ONCE(**part, id=f"proposal:{once}"), keys.PROPOSALS(**part), keys.PROPOSALS_NEXT(**part)]
        return int(self._database.act(self._add, names, [json.dumps(row, ensure_ascii=False), ONCE_LIFE_MS, MOST_WAITING]))

    def waiting(self, community: str) -> list[Proposal]:
        """All that wait, newest first."""
        flat = self._database.command("HGETALL", keys.PROPOSALS(**self._part(community)))
        found = [_read(int(number), row) for number, row in zip(flat[::2], flat[1::2], strict=True)]
        return sorted(found, key=lambda proposal: -proposal.number)

    def find(self, community: str, number: int) -> Proposal | None:
        """One that waits."""
        row = self._database.command("HGET", keys.PROPOSALS(**self._part(community)), number)
        return _read(number, row) if row else None

    def settle(self, community: str, number: int) -> bool:
        """Takes a proposal away, for it was taken in or refused; False when it was gone before."""
        return bool(self._database.command("HDEL", keys.PROPOSALS(**self._part(community)), number))

    def drop_before(self, before: datetime) -> int:
        """Removes proposals older than ``before``; gives how many went."""
        gone, limit = 0, to_ms(before)
        for key in self._database.scan("qb:{*}:*:proposals"):
            flat = self._database.command("HGETALL", key)
            old = [number for number, row in zip(flat[::2], flat[1::2], strict=True) if json.loads(row)["t"] < limit]
            gone += self._database.command("HDEL", key, *old) if old else 0
        return gone

    def export_user(self, number: int) -> dict[str, object]:
        """The proposals in which the member's own question stands, by community."""
        found: dict[str, object] = {}
        for where in communities_with(self._database, keys.PROPOSALS):
            if rows := [row for _, row in self._of(where, number)]:
                found[where.id] = [
                    {"时间": from_ms(row["t"]).isoformat(), "问题": row["question"], "答案": row["answer"], "来源": row["source"]}
                    for row in rows
                ]
        return found

    def erase_user(self, number: int) -> str:
        """Takes away the proposals in which the member's own question stands."""
        gone = 0
        for where in communities_with(self._database, keys.PROPOSALS):
            if waiting := [each for each, _ in self._of(where, number)]:
                gone += self._database.command("HDEL", keys.PROPOSALS(shard=where.shard, community=where.id), *waiting)
        return f"已删除 {gone} 条由他的工单得来的待采纳问答；已采纳的问答是社群的内容，留下"

    def _of(self, where: CommunityKeys, member: int) -> list[tuple[str, dict[str, Any]]]:
        flat = self._database.command("HGETALL", keys.PROPOSALS(shard=where.shard, community=where.id))
        rows = ((number, json.loads(kept)) for number, kept in zip(flat[::2], flat[1::2], strict=True))
        return [(number, row) for number, row in rows if member and row.get("member") == member]

    def _part(self, community: str) -> dict[str, object]:
        where = CommunityKeys(community, shard_of(community, self._shards))
        return {"shard": where.shard, "community": where.id}


def _read(number: int, row: str) -> Proposal:
    kept = json.loads(row)
    return Proposal(number, kept["question"], kept["answer"], tuple(kept["similar"]), kept["source"], from_ms(kept["t"]))
