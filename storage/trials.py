"""Trial runs of moderation: what would have been done, kept for a report, while nothing is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from rules.judgement import Outcome, Verdict
from rules.ladder import Ladder
from rules.text import fit, normalise
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.evidence import Evidence, Seal, grounds_of
from storage.moment import from_ms, to_ms
from storage.personal import Personal

DEFAULT = Ladder()
Step = Literal["warned", "hinted", "added"]
MOST_ROWS = 500
"""Verdicts kept with their texts; more are only counted."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """What would have become of one message, and why."""

    message: str
    at: datetime
    member: int
    outcome: Outcome
    category: str
    evidence: Evidence
    is_newcomer: bool = False


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What a trial would have done since ``since`` (None: it has not begun): ``warned`` messages of ``people`` members, ``reviewed`` messages.

    By the ladder: ``hinted`` newcomers' messages would have brought a hint, and ``added`` ones nothing, being the same again or too soon.
    ``rows`` are the newest kept, newest first; ``is_whole``: all there were.
    """

    since: datetime | None = None
    warned: int = 0
    people: int = 0
    hinted: int = 0
    added: int = 0
    reviewed: int = 0
    by_category: Mapping[str, int] = field(default_factory=dict)
    rows: Sequence[TrialRow] = ()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """When a trial began (None: not yet), and whether its end was told."""

    since: datetime | None
    is_told: bool


class Trials:
    """The trials of every community; the texts lie sealed, as those of cases do."""

    PERSONAL = Personal(
        "试运行",
        "试运行时看判得对不对",
        (keys.TRIAL, keys.TRIAL_ROWS),
        what="会被怎么判、原话（加密）",
        erasing="全部删除；只留总数",
    )

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._note = Script("trial_note")

    def begin(self, where: CommunityKeys, now: datetime) -> datetime:
        """When the community's trial began: now, if it had not."""
        key = keys.TRIAL(shard=where.shard, community=where.id)
        _, since = self._database.pipeline([("HSETNX", key, "since", to_ms(now)), ("HGET", key, "since")])
        return from_ms(int(since))

    def note(
        self, where: CommunityKeys, member: int, verdict: Verdict, text: str, now: datetime, *, is_newcomer: bool = False, once: str
    ) -> None:
        """Keeps what would have become of a message; a repeat changes nothing."""
        part = {"shard": where.shard, "community": where.id}
        sealed = self._seal.close(Evidence(fit(text), grounds_of(verdict)))
        row = {"t": to_ms(now), "m": member, "o": verdict.verdict, "c": verdict.category, "n": int(is_newcomer), "sealed": sealed}
        self._database.act(
            self._note, [keys.TRIAL(**part), keys.TRIAL_ROWS(**part)],
            [to_ms(now), once, json.dumps(row), verdict.verdict, MOST_ROWS],
        )  # fmt: skip

    def report(self, where: CommunityKeys, ladder: Ladder = DEFAULT) -> TrialReport:
        """What the trial would have done by the ladder; one round trip."""
        part = {"shard": where.shard, "community": where.id}
        (since, warned, reviewed), flat = self._database.pipeline(
            [("HMGET", keys.TRIAL(**part), "since", "warn", "review"), ("HGETALL", keys.TRIAL_ROWS(**part))]
        )
        rows = sorted(self._rows(flat), key=lambda row: row.at, reverse=True)
        steps = _steps(rows, ladder)
        return TrialReport(
            from_ms(int(since)) if since else None,
            int(warned or 0) - sum(step != "warned" for _, step in steps),
            len({member for member, step in steps if step == "warned"}),
            sum(step == "hinted" for _, step in steps),
            sum(step == "added" for _, step in steps),
            int(reviewed or 0),
            dict(Counter(row.category for row in rows).most_common()),
            tuple(rows),
            len(rows) >= int(warned or 0) + int(reviewed or 0),
        )

    def standings(self, places: Sequence[CommunityKeys]) -> list[Standing]:
        """How far the trials of some communities are, in their order; one round trip."""
        if not places:
            return []
        asked = [("HMGET", keys.TRIAL(shard=where.shard, community=where.id), "since", "told") for where in places]
        return [Standing(from_ms(int(since)) if since else None, told is not None) for since, told in self._database.pipeline(asked)]

    def note_told(self, where: CommunityKeys) -> None:
        """Notes that the report of the end was told."""
        self._database.command("HSET", keys.TRIAL(shard=where.shard, community=where.id), "told", 1)

    def restart(self, where: CommunityKeys, now: datetime, *, once: str = "") -> None:
        """Begins a trial anew: what was counted goes. A repeat with the same ``once`` takes nothing away."""
        part = {"shard": where.shard, "community": where.id}
        key = keys.TRIAL(**part)
        if once and self._database.command("HGET", key, "once") == once:
            return
        self._database.pipeline([("DEL", key, keys.TRIAL_ROWS(**part)), ("HSET", key, "since", to_ms(now), "once", once)])

    def drop_before(self, before: datetime) -> int:
        """Removes rows, with the texts in them, of messages before ``before``; gives how many went."""
        gone = 0
        for where in communities_with(self._database, keys.TRIAL_ROWS):
            key = keys.TRIAL_ROWS(shard=where.shard, community=where.id)
            flat = self._database.command("HGETALL", key)
            old = [id for id, kept in zip(flat[::2], flat[1::2], strict=True) if json.loads(kept)["t"] < to_ms(before)]
            if old:
                gone += self._database.command("HDEL", key, *old)
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """What would have become of the member's messages, with their texts."""
        found = {}
        for where in communities_with(self._database, keys.TRIAL_ROWS):
            mine = [row for row in self.report(where).rows if row.member == number]
            if mine:
                found[where.id] = [
                    {"时间": row.at.isoformat(), "试判": row.outcome, "类别": row.category, "原文": row.evidence.text} for row in mine
                ]
        return found

    def erase_user(self, number: int) -> str:
        """Removes the member's rows; the sums stay."""
        gone = 0
        for where in communities_with(self._database, keys.TRIAL_ROWS):
            key = keys.TRIAL_ROWS(shard=where.shard, community=where.id)
            mine = [row.message for row in self.report(where).rows if row.member == number]
            if mine:
                gone += self._database.command("HDEL", key, *mine)
        return f"已删除 {gone} 条试运行记录（只留下总数）"

    def _rows(self, flat: Sequence[str]) -> Iterator[TrialRow]:
        for message, kept in zip(flat[::2], flat[1::2], strict=True):
            row = json.loads(kept)
            found = self._seal.open(message, f"{row['t']}|{row['sealed']}")
            yield TrialRow(message, found.at, row["m"], row["o"], row["c"], found.evidence, bool(row.get("n")))


def _steps(rows: Sequence[TrialRow], ladder: Ladder) -> list[tuple[int, Step]]:
    """What each message that would be warned of would bring its member; ``rows`` are newest first."""
    out, texts, last = list[tuple[int, Step]](), set[tuple[int, str]](), dict[int, datetime]()
    for row in reversed(rows):
        if row.outcome != "warn":
            continue
        mark = (row.member, "".join(filter(str.isalnum, normalise(row.evidence.text))))
        before = last.get(row.member)
        if mark in texts or (before is not None and row.at - before < ladder.cool_down):
            out.append((row.member, "added"))
        else:
            last[row.member] = row.at
            out.append((row.member, "hinted" if row.is_newcomer and ladder.spare_newcomers else "warned"))
        texts.add(mark)
    return out
