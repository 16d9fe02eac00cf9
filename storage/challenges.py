"""Challenges: who is in which, the days that are done, and what was shown last as a proof.

A run costs 120 to 150 bytes with its 21 days. Of the proofs a member's last one is kept, for a while; of a picture only that there was one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from rules.challenges import Challenge, Run
from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.ledger import Lapses, args_of, digest_of, keys_of, rows_key
from storage.moment import from_ms, to_ms
from storage.personal import Personal

LONGEST_PROOF = 300
"""Characters of a text that is kept as proof."""
FINISHED = "~"
"""Stands for all challenges, where a member's finished ones are counted."""
_PAGE = 1_000

Act = Literal["join", "check_in", "leave"]


@dataclass(frozen=True, slots=True)
class Stepped:
    """What came of an act: ``outcome`` as the header of ``challenge_act.lua`` lists them; days done and missed; points of this act.

    ``finished``: that was the last day. ``times``: how often the member has finished this challenge. ``begin``: the first day of his run.
    """

    outcome: str
    done: int
    missed: int
    points: int
    balance: int
    earned: int
    finished: bool
    times: int
    begin: date | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A member's last proof."""

    at: datetime
    text: str


class Challenges:
    """The challenges of every community, as their members do them."""

    PERSONAL = Personal(
        "挑战",
        "打卡挑战的进度",
        (keys.CHALLENGE_RUNS, keys.CHALLENGE_PROOFS),
        what="进度和最近一次打卡写的话（不留图片）",
        erasing="全部删除",
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._act = Script("challenge_act")

    def step(
        self,
        where: CommunityKeys,
        member: int,
        challenge: Challenge,
        act: Act,
        now: datetime,
        *,
        today: date,
        lapses: Lapses,
        once: str,
        least_earned: int = 0,
        proof: str = "",
        cap_of_reason: int = 0,
        cap_of_day: int = 0,
    ) -> Stepped:
        """Joins, checks in for today or leaves; one round trip. ``least_earned`` is what it takes to join, ``proof`` is kept.

        A day brings points as far as the day's caps (0: none) allow; what the end brings is exempt.
        """
        part = {"shard": where.shard, "community": where.id}
        weekdays = "".join("1" if (day or 7) in challenge.weekdays else "0" for day in range(7))
        first, last = (day.toordinal() if day else 0 for day in (challenge.start, challenge.end))
        got = self._database.act(
            self._act,
            [
                *keys_of(where, now, today), rows_key(where, member), keys.CHALLENGE_RUNS(**part), keys.CHALLENGE_PROOFS(**part),
            ],
            [
                *args_of(where, now, today, _name(challenge, once), lapses), member, challenge.id, act, challenge.days, challenge.misses, weekdays,
                challenge.points, challenge.points_end, first, last, least_earned, proof[:LONGEST_PROOF], challenge.title.replace("|", "/"),
                cap_of_reason, cap_of_day,
            ],
        )  # fmt: skip
        outcome, *numbers = got.split("|")
        done, missed, points, balance, earned, finished, times, begin = map(int, numbers)
        return Stepped(outcome, done, missed, points, balance, earned, finished == 1, times, date.fromordinal(begin) if begin else None)

    def of_member(self, where: CommunityKeys, member: int, challenges: Sequence[Challenge]) -> Mapping[str, Run]:
        """A member's runs by the challenge's id, those he left aside; one round trip."""
        if not challenges:
            return {}
        key = keys.CHALLENGE_RUNS(shard=where.shard, community=where.id)
        records = self._database.command("HMGET", key, *(f"{challenge.id}|{member}" for challenge in challenges))
        runs = {challenge.id: _run(record) for challenge, record in zip(challenges, records, strict=True) if record}
        return {id: run for id, run in runs.items() if run.state != "left"}

    def finished(self, where: CommunityKeys, member: int) -> int:
        """How often a member has finished any challenge; one round trip."""
        return int(self._database.command("HGET", keys.CHALLENGE_RUNS(shard=where.shard, community=where.id), f"{FINISHED}|{member}") or 0)

    def members(self, where: CommunityKeys, challenge: str) -> Mapping[int, Run]:
        """Everybody's runs of a challenge; walks over all runs of the community, so only for rare acts."""
        found = self._matching(keys.CHALLENGE_RUNS(shard=where.shard, community=where.id), f"{challenge}|*")
        runs = {int(field.split("|")[1]): _run(record) for field, record in found.items()}
        return {member: run for member, run in runs.items() if run.state != "left"}

    def proofs(self, where: CommunityKeys, challenge: str, members: Sequence[int]) -> Mapping[int, Shown]:
        """What members showed last, as far as it is kept; one round trip."""
        if not members:
            return {}
        key = keys.CHALLENGE_PROOFS(shard=where.shard, community=where.id)
        kept = self._database.command("HMGET", key, *(f"{challenge}|{member}" for member in members))
        return {member: _shown(proof) for member, proof in zip(members, kept, strict=True) if proof}

    # Time and persons ---------------------------------------------------------------------------------------------------

    def drop_proofs(self, before: datetime) -> int:
        """Removes proofs that were shown before; gives how many."""
        gone = 0
        for where in communities_with(self._database, keys.CHALLENGE_PROOFS):
            key = keys.CHALLENGE_PROOFS(shard=where.shard, community=where.id)
            old = [field for field, kept in self._matching(key, "*").items() if int(kept.split("|", 1)[0]) < to_ms(before)]
            gone += self._database.command("HDEL", key, *old) if old else 0
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """A member's runs and last proofs in every community."""
        out: dict[str, Any] = {}
        for where in communities_with(self._database, keys.CHALLENGE_RUNS):
            part = {"shard": where.shard, "community": where.id}
            runs = self._matching(keys.CHALLENGE_RUNS(**part), f"[^{FINISHED}]*|{number}")
            proofs = self._matching(keys.CHALLENGE_PROOFS(**part), f"*|{number}")
            if runs:
                out[where.id] = [_exported(field, _run(record), proofs.get(field)) for field, record in runs.items()]
        return out

    def erase_user(self, number: int) -> str:
        """Removes a member's runs and proofs in every community."""
        for where in communities_with(self._database, keys.CHALLENGE_RUNS):
            part = {"shard": where.shard, "community": where.id}
            for key in (keys.CHALLENGE_RUNS(**part), keys.CHALLENGE_PROOFS(**part)):
                if fields := self._matching(key, f"*|{number}"):
                    self._database.command("HDEL", key, *fields)
        return "已删除他的挑战进度和打卡内容"

    def _matching(self, key: str, pattern: str) -> dict[str, str]:
        found: dict[str, str] = {}
        cursor = "0"
        while True:
            cursor, flat = self._database.command("HSCAN", key, cursor, "MATCH", pattern, "COUNT", _PAGE)
            found |= zip(flat[::2], flat[1::2], strict=True)
            if cursor == "0":
                return found


def is_work_of(run: Run, challenge: Challenge, once: str) -> bool:
    """Whether the act of that name was the last that changed a run: then doing it again gives its first result."""
    return run.act == digest_of(_name(challenge, once))


def _name(challenge: Challenge, once: str) -> str:
    return f"challenge:{challenge.id}|{once}"


def _run(record: str) -> Run:
    begin, state, marks, times, act, _ = record.split("|")
    return Run(date.fromordinal(int(begin)), state, marks, int(times), act)


def _shown(kept: str) -> Shown:
    at, text = kept.split("|", 1)
    return Shown(from_ms(int(at)), text)


def _exported(field: str, run: Run, proof: str | None) -> dict[str, Any]:
    shown = _shown(proof) if proof else None
    return {
        "挑战": field.split("|")[0], "开始": run.begin.isoformat(), "状态": run.state, "打卡天数": run.done, "完成次数": run.times,
        "最近打卡内容": {"时间": shown.at.isoformat(), "文字": shown.text} if shown else None,
    }  # fmt: skip
