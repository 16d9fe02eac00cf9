"""Reports: members who point at what somebody said. Several of one thing are one case; a report weighs what the reporter's earlier ones were worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

from storage import keys
from storage.cases import MOST_ADDED, ONCE_LIFE_MS, Filing, filed_row
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.evidence import Seal
from storage.moment import from_ms, to_ms
from storage.personal import Personal
from storage.tallies import counted_in

DAY_LIFE_MS = 2 * 86_400_000
MOST_REPORTERS = 50
"""Reporters that a case names; those after them change nothing any more."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of a report: its case, whom that is about as far as anybody knows (0 nobody), and what the report weighs.

    again: he had reported it; noted: so, and what he wrote now is kept; decided: people had looked already; day, one: as many reports as a day
    allows, of anybody or of this one.
    """

    outcome: Literal["filed", "joined", "again", "noted", "decided", "day", "one"]
    number: int
    member: int
    weight: float


class Reports:
    """The reports of every community."""

    PERSONAL = Personal(
        "举报",
        "处理举报，不让人滥用",
        (keys.REPORTS, keys.REPORTS_OF, keys.REPORTERS, keys.REPORTS_DAY),
        what="举报了哪些案件、说明（加密）、成立过几次；被举报的人看不到",
        erasing="全部删除",
        stays=(keys.REPORTS_OF, keys.REPORTS_DAY),
        stays_why="别人举报过他的记录是别人的；当天的次数两天后自动消失；编号不再指向任何人",
        passing=(keys.REPORTS, keys.REPORTERS, keys.REPORTS_DAY),
        passing_why="由举报记录来的",
    )

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._report = Script("report_case")
        self._forget = Script("forget_reporter")

    def report(
        self, where: CommunityKeys, reporter: int, filing: Filing, now: datetime, *, today: date, most: int, most_of_one: int,
        same_for: timedelta, once: str,
    ) -> Reported:  # fmt: skip
        """Takes a report into the case about the same words, or a new one; ``filing.member`` is 0 where nobody is named. One act."""
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._report,
            [
                keys.ONCE(**part, id=f"report:{once}"), keys.CASES(**part), keys.CASES_STATE(**part), keys.CASES_OPEN(**part),
                keys.EVIDENCE(**part), keys.CASES_TEXTS(**part), keys.CASES_TOLD(**part), keys.REPORTS(**part), keys.REPORTERS(**part),
                keys.REPORTS_DAY(**part, day=today.isoformat()), keys.REPORTS_OF(**part, member=reporter),
                keys.EVENTS(shard=where.shard), *counted_in(where, today),
            ],
            [
                to_ms(now), where.id, reporter, once, json.dumps(filed_row(filing, now, once), ensure_ascii=False),
                self._seal.close(filing.evidence), ONCE_LIFE_MS, filing.mark, filing.member, DAY_LIFE_MS, most, most_of_one,
                round(same_for.total_seconds() * 1000), MOST_ADDED, MOST_REPORTERS, int(bool(filing.evidence.text)), int(bool(filing.evidence.note)),
            ],
        )  # fmt: skip
        outcome, number, member, weight = got.split("|")
        return Reported(cast(Any, outcome), int(number), int(member), float(weight))

    def ever_reported(self, where: CommunityKeys, reporters: Sequence[int]) -> list[list[int]]:
        """Of each reporter, whom he ever reported: one entry a report, without those whose member nobody knew; one round trip."""
        names = [keys.REPORTS_OF(shard=where.shard, community=where.id, member=reporter) for reporter in reporters]
        rows = self._database.pipeline([("HVALS", name) for name in names])
        return [[int(row.split("|")[0]) for row in found if not row.startswith("0|")] for found in rows]

    def record(self, where: CommunityKeys, reporter: int) -> tuple[int, int]:
        """How many of a member's reports were found right, and wrong."""
        kept = self._database.command("HGET", keys.REPORTERS(shard=where.shard, community=where.id), reporter)
        accepted, refused = (kept or "0|0").split("|")
        return int(accepted), int(refused)

    # Persons ----------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """What the member reported, in his own words as long as they are kept."""
        out = {}
        for where in communities_with(self._database, keys.REPORTS_OF):
            rows = self._of(where, number)
            if rows:
                out[where.id] = {
                    "举报": [
                        {"案件": case, "时间": from_ms(at).isoformat(), "说明": self._notes(where, case, number)} for case, _, at in rows
                    ],
                    "成立与不成立": list(self.record(where, number)),
                }
        return out

    def erase_user(self, number: int) -> str:
        """Removes what the member reported: his name from the cases, his words, his record."""
        for where in communities_with(self._database, keys.REPORTS_OF):
            part = {"shard": where.shard, "community": where.id}
            for case, _, _ in self._of(where, number):
                for place in self._merged(where, case):
                    self._database.act(
                        self._forget, [keys.REPORTS(**part), keys.CASES_STATE(**part), keys.CASES_OPEN(**part)], [place, number]
                    )
                for name, _ in self._written(where, case, number):
                    self._database.command("HDEL", keys.EVIDENCE(**part), name)
            self._database.pipeline([("HDEL", keys.REPORTERS(**part), number), ("DEL", keys.REPORTS_OF(**part, member=number))])
        return "已删除他的举报记录和说明；案件本身保留，不再指向他"

    def _of(self, where: CommunityKeys, number: int) -> list[tuple[int, int, int]]:
        """What a member reported: case, whom (0 nobody knew), when (ms)."""
        flat = self._database.command("HGETALL", keys.REPORTS_OF(shard=where.shard, community=where.id, member=number))
        rows = ((int(case), *map(int, kept.split("|"))) for case, kept in zip(flat[::2], flat[1::2], strict=True))
        return sorted((case, about, at) for case, about, at in rows)

    def _merged(self, where: CommunityKeys, case: int) -> list[int]:
        """A case, and those that it was merged into one after the other: its reporters went along."""
        found = [case]
        while True:
            kept = self._database.command("HGET", keys.CASES_STATE(shard=where.shard, community=where.id), found[-1]) or ""
            into = [*kept.split("|"), *[""] * 7][6]
            if not into or int(into) in found:
                return found
            found.append(int(into))

    def _notes(self, where: CommunityKeys, case: int, number: int) -> list[str]:
        return [note for _, note in self._written(where, case, number)]

    def _written(self, where: CommunityKeys, case: int, number: int) -> list[tuple[str, str]]:
        """What a member wrote to a case: under which name it is kept, and his words."""
        names = [str(case), *(f"{case}.r{n}" for n in range(1, MOST_ADDED + 1))]
        pieces = self._database.command("HMGET", keys.EVIDENCE(shard=where.shard, community=where.id), *names)
        found = [(name, self._seal.open(name, kept).evidence) for name, kept in zip(names, pieces, strict=True) if kept]
        return [(name, evidence.note) for name, evidence in found if evidence.by == number]
