"""Appeals: a member objects to what was decided of him, and another person decides. One for each decision; what he wrote is sealed evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast

from storage import keys
from storage.cases import ONCE_LIFE_MS, Case
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.evidence import Evidence, Seal
from storage.moment import from_ms, to_ms
from storage.personal import Personal
from storage.tallies import counted_in

WEEK_LIFE_MS = 15 * 86_400_000
Ruling = Literal["granted", "upheld"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of an appeal, and the state of its case: ok; again (against the same decision); week (too many); state (nothing to object to); gone."""

    outcome: Literal["ok", "again", "week", "state", "gone"]
    state: str


@dataclass(frozen=True, slots=True)
class Appeal:
    """The newest appeal of a case; ``words`` are the member's, '' when they have gone. ``by``, ``decided`` and ``why`` once it is decided."""

    number: int
    member: int
    at: datetime
    state: Literal["waiting", "granted", "upheld"]
    words: str = ""
    by: int = 0
    decided: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ruled:
    """What came of deciding an appeal: done; own (it is the actor's); party (he reported it); same (he decided before); soon (as the only one he has
    to wait a little);
    late (it does not wait; ``by`` decided it). ``alone``: he decided on his own decision, as nobody else could.
    """

    outcome: Literal["done", "own", "party", "same", "soon", "late"]
    before: str
    strikes: int
    by: int
    alone: bool


class Appeals:
    """The appeals of every community."""

    PERSONAL = Personal(
        "申诉",
        "处理对警告的申诉",
        (keys.APPEALS, keys.APPEALS_OPEN, keys.APPEALS_WEEK),
        what="哪个案件、什么时候申诉、结果和答复；理由加密，和案件原文在一起",
        erasing="删除申诉；等待中的撤回",
        stays=(keys.APPEALS_WEEK,),
        stays_why="当周的申诉次数，15 天后自动消失，编号不再指向任何人",
        passing=(keys.APPEALS_WEEK,),
        passing_why="只是次数",
    )

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._appeal = Script("appeal_case")
        self._rule = Script("decide_appeal")

    def appeal(
        self, where: CommunityKeys, case: Case, words: str, now: datetime, *, today: date, most_a_week: int, once: str
    ) -> Taken:  # fmt: skip
        """Takes the appeal of the member whom a case is about; one act."""
        part, (year, week, _) = {"shard": where.shard, "community": where.id}, today.isocalendar()
        got = self._database.act(
            self._appeal,
            [
                keys.ONCE(**part, id=f"appeal:{once}"), keys.CASES_STATE(**part), keys.APPEALS(**part), keys.APPEALS_OPEN(**part),
                keys.APPEALS_WEEK(**part, week=f"{year}-{week:02d}"), keys.CASES_TOLD(**part), keys.EVIDENCE(**part),
                keys.EVENTS(shard=where.shard), keys.CASES_OPEN(**part), *counted_in(where, today),
            ],
            [
                to_ms(now), where.id, case.member, once, case.number, self._seal.close(Evidence(note=words, by=case.member)), ONCE_LIFE_MS,
                most_a_week, WEEK_LIFE_MS,
            ],
        )  # fmt: skip
        outcome, state = got.split("|")
        return Taken(cast(Any, outcome), state)

    def rule(
        self, where: CommunityKeys, case: Case, ruling: Ruling, actor: int, now: datetime, *, why: str, is_alone: bool, lapse: timedelta,
        once: str,
    ) -> Ruled:  # fmt: skip
        """Decides the appeal of a case; ``is_alone``: nobody but the actor may decide here. One act."""
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._rule,
            [
                keys.ONCE(**part, id=f"ruling:{once}"), keys.CASES_STATE(**part), keys.APPEALS(**part), keys.APPEALS_OPEN(**part),
                keys.CASES_TOLD(**part), keys.WARNINGS(**part, member=case.member), keys.CASES_OPEN(**part), keys.REPORTS(**part),
                keys.REPORTERS(**part), keys.CASES_COUNTS(**part), keys.EVENTS(shard=where.shard), *counted_in(where, where.day_of(now)),
            ],
            [
                to_ms(now), where.id, actor, once, case.number, ruling, ONCE_LIFE_MS, case.member, why, int(is_alone),
                round(lapse.total_seconds() * 1000), *case.counted,
            ],
        )  # fmt: skip
        outcome, before, strikes, by, alone = got.split("|")
        return Ruled(cast(Any, outcome), before, int(strikes), int(by), alone == "1")

    def find(self, where: CommunityKeys, number: int) -> Appeal | None:
        """The newest appeal of a case; two round trips."""
        kept = self._database.command("HGET", keys.APPEALS(shard=where.shard, community=where.id), number)
        return self._read(where, [(number, kept)])[0] if kept else None

    def waiting(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> list[Appeal]:
        """Appeals that nobody has decided, the oldest first; three round trips."""
        part = {"shard": where.shard, "community": where.id}
        numbers = [int(n) for n in self._database.command("ZRANGE", keys.APPEALS_OPEN(**part), skip, skip + count - 1)]
        rows = self._database.command("HMGET", keys.APPEALS(**part), *numbers) if numbers else []
        return self._read(where, [(number, kept) for number, kept in zip(numbers, rows, strict=True) if kept])

    def count_waiting(self, where: CommunityKeys) -> int:
        """How many appeals nobody has decided."""
        return int(self._database.command("ZCARD", keys.APPEALS_OPEN(shard=where.shard, community=where.id)))

    def overdue(self, where: CommunityKeys, before: datetime) -> list[int]:
        """The cases whose appeals wait since before then, the oldest first; one round trip."""
        key = keys.APPEALS_OPEN(shard=where.shard, community=where.id)
        return [int(number) for number in self._database.command("ZRANGEBYSCORE", key, "-inf", to_ms(before), "LIMIT", 0, 20)]

    # Persons ----------------------------------------------------------------------------------------------------------------

    def export_user(self, number: int) -> dict[str, Any]:
        """The member's appeals, with his words as long as they are kept, and what was decided."""
        found = {where.id: self._of(where, number) for where in communities_with(self._database, keys.APPEALS)}
        return {
            community: [
                {"案件": one.number, "时间": one.at.isoformat(), "理由": one.words, "结果": one.state, "答复": one.why} for one in mine
            ]
            for community, mine in found.items()
            if mine
        }

    def erase_user(self, number: int) -> str:
        """Closes what waits of the member; his words went with the evidence of his cases."""
        for where in communities_with(self._database, keys.APPEALS):
            part = {"shard": where.shard, "community": where.id}
            for one in self._of(where, number):
                self._database.pipeline([("ZREM", keys.APPEALS_OPEN(**part), one.number), ("HDEL", keys.APPEALS(**part), one.number)])
        return "已撤回他等待中的申诉，理由已随案件原文删除"

    def _of(self, where: CommunityKeys, number: int) -> list[Appeal]:
        rows, cursor = list[tuple[int, str]](), "0"
        while True:
            cursor, flat = self._database.command("HSCAN", keys.APPEALS(shard=where.shard, community=where.id), cursor, "COUNT", 1_000)
            rows += [(int(n), kept) for n, kept in zip(flat[::2], flat[1::2], strict=True) if json.loads(kept)["member"] == number]
            if cursor == "0":
                return self._read(where, sorted(rows))

    def _read(self, where: CommunityKeys, rows: list[tuple[int, str]]) -> list[Appeal]:
        if not rows:
            return []
        names = [f"{number}.a{json.loads(kept)['revision']}" for number, kept in rows]
        pieces = self._database.command("HMGET", keys.EVIDENCE(shard=where.shard, community=where.id), *names)
        return list(self._each(rows, names, pieces))

    def _each(self, rows: list[tuple[int, str]], names: list[str], pieces: list[str | None]) -> Iterator[Appeal]:
        for (number, kept), name, sealed in zip(rows, names, pieces, strict=True):
            row = json.loads(kept)
            words = self._seal.open(name, sealed).evidence.note if sealed else ""
            decided = from_ms(int(row["at"])) if row.get("at") else None
            yield Appeal(number, int(row["member"]), from_ms(int(row["t"])), row["state"], words, int(row["by"]), decided, row["why"])
