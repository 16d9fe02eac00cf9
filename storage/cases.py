"""Cases: what was filed for review. Numbered, amended, never overwritten; evidence is sealed and goes after a while."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.moment import from_ms, to_ms

ONCE_LIFE_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Case:
    """A case: ``state`` is open, warned or ignored; ``evidence`` the text it is about, '' when it has gone."""

    number: int
    member: int
    rule: str
    category: str
    severity: int
    at: datetime
    state: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A case as filed: its number and how many strikes the member has now."""

    number: int
    strikes: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision: the state before it and how many strikes the member has now.

    ``by`` is who had decided before, so that nothing was done now; None when this decision counted.
    """

    before: str
    strikes: int
    by: int | None = None


class Cases:
    """The cases of every community. ``evidence_key`` is a Fernet key that stays outside Redis."""

    def __init__(self, database: Database, evidence_key: bytes) -> None:
        self._database = database
        self._seal = Fernet(evidence_key)
        self._open = Script("open_case")
        self._decide = Script("decide_case")

    def open(
        self,
        where: CommunityKeys,
        member: int,
        now: datetime,
        *,
        rule: str,
        category: str,
        severity: int,
        evidence: str,
        warned: bool,
        once: str,
    ) -> Filed:
        """Files a case; ``warned`` counts a strike at once."""
        part = {"shard": where.shard, "community": where.id}
        filed = {"member": member, "rule": rule, "category": category, "severity": severity, "t": to_ms(now), "message": once}
        fact = {"rule": rule, "severity": severity, "warned": warned}
        got = self._database.act(
            self._open,
            [
                keys.ONCE(**part, id=f"case:{once}"),
                keys.CASES(**part),
                keys.CASES_STATE(**part),
                keys.CASES_OPEN(**part),
                keys.EVIDENCE(**part),
                keys.STRIKES(**part, member=member),
                keys.EVENTS(shard=where.shard),
            ],
            [
                to_ms(now), where.id, member, once, json.dumps(filed, ensure_ascii=False), "warned" if warned else "open",
                self._seal.encrypt(evidence.encode()).decode(), ONCE_LIFE_MS, json.dumps(fact, ensure_ascii=False),
            ],
        )  # fmt: skip
        number, strikes = map(int, got.split("|"))
        return Filed(number, strikes)

    def find(self, where: CommunityKeys, number: int) -> Case | None:
        """One case by its number."""
        part = {"shard": where.shard, "community": where.id}
        filed, state, sealed = self._database.pipeline(
            [("HGET", keys.CASES(**part), number), ("HGET", keys.CASES_STATE(**part), number), ("HGET", keys.EVIDENCE(**part), number)]
        )
        if not filed:
            return None
        row = json.loads(filed)
        return Case(
            number, row["member"], row["rule"], row["category"], row["severity"], from_ms(row["t"]), state, self._unseal(sealed),
        )  # fmt: skip

    def undecided(self, where: CommunityKeys, count: int = 10) -> list[Case]:
        """Cases that nobody has decided, oldest first."""
        key = keys.CASES_OPEN(shard=where.shard, community=where.id)
        found = [self.find(where, int(number)) for number in self._database.command("ZRANGE", key, 0, count - 1)]
        return [case for case in found if case]

    def count_undecided(self, where: CommunityKeys) -> int:
        """How many cases nobody has decided."""
        return int(self._database.command("ZCARD", keys.CASES_OPEN(shard=where.shard, community=where.id)))

    def count_strikes(self, where: CommunityKeys, member: int) -> int:
        """How many cases count against a member."""
        return int(self._database.command("LLEN", keys.STRIKES(shard=where.shard, community=where.id, member=member)))

    def decide(
        self, where: CommunityKeys, case: Case, state: str, actor: int, now: datetime, *, once: str, only_open: bool = False
    ) -> Decided | None:
        """Sets a case to warned or ignored, counts or lifts the strike, writes the audit row.

        With ``only_open`` the first decision stands: a later one changes nothing and is told who was first.
        """
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._decide,
            [
                keys.ONCE(**part, id=f"decide:{once}"),
                keys.CASES_STATE(**part),
                keys.CASES_OPEN(**part),
                keys.CASES_LOG(**part),
                keys.STRIKES(**part, member=case.member),
                keys.EVENTS(shard=where.shard),
            ],
            [to_ms(now), where.id, actor, once, case.number, state, ONCE_LIFE_MS, case.member, int(only_open)],
        )
        if not got:
            return None
        before, strikes, *by = got.split("|")
        return Decided(before, int(strikes), int(by[0]) if by else None)

    def drop_evidence(self, before: datetime) -> int:
        """Removes evidence that was filed before ``before``; gives how many texts went."""
        gone = 0
        for where in communities_with(self._database, keys.EVIDENCE):
            key = keys.EVIDENCE(shard=where.shard, community=where.id)
            flat = self._database.command("HGETALL", key)
            old = [n for n, value in zip(flat[::2], flat[1::2], strict=True) if int(value.split("|")[0]) < to_ms(before)]
            if old:
                gone += self._database.command("HDEL", key, *old)
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """All cases about the member, with their evidence and decisions."""
        return {
            where.id: [
                {"编号": c.number, "规则": c.rule, "时间": c.at.isoformat(), "状态": c.state, "原文": c.evidence}
                for c in self._about(where, number)
            ]
            for where in communities_with(self._database, keys.CASES)
        }

    def erase_user(self, number: int) -> str:
        """Removes the evidence and the strikes; the cases stay under a number that no longer leads to anybody."""
        for where in communities_with(self._database, keys.CASES):
            part = {"shard": where.shard, "community": where.id}
            for case in self._about(where, number):
                self._database.command("HDEL", keys.EVIDENCE(**part), case.number)
            self._database.command("DEL", keys.STRIKES(**part, member=number))
        return "已删除案件中的原文与警告计数；案件按编号保留（不再指向任何人）"

    def _about(self, where: CommunityKeys, number: int) -> list[Case]:
        flat = self._database.command("HGETALL", keys.CASES(shard=where.shard, community=where.id))
        mine = [int(n) for n, filed in zip(flat[::2], flat[1::2], strict=True) if json.loads(filed)["member"] == number]
        return [case for case in (self.find(where, n) for n in mine) if case]

    def _unseal(self, kept: str | None) -> str:
        if not kept:
            return ""
        try:
            return self._seal.decrypt(kept.split("|", 1)[1].encode()).decode()
        except InvalidToken:
            return "（无法解封：证据密钥已更换）"
