"""Cases: what was filed for people to look at. Numbered, amended, never overwritten; evidence is sealed and goes after a while."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from storage import keys
from storage.community import CommunityKeys, communities_with
from storage.connection import Database, Script
from storage.evidence import Evidence, Kept, Seal
from storage.moment import from_ms, to_ms
from storage.personal import Personal
from storage.tallies import counted_in

ONCE_LIFE_MS = 7 * 86_400_000
MOST_ADDED = 20
"""Texts that a case keeps besides its first."""
WEIGHT_OF_SEVERITY = 0.5
"""What a point of severity weighs in the queue, where a stranger's report weighs as much."""

DECIDING = ("warned", "ignored", "granted", "upheld")
"""What happens to a case that counts as deciding of it, as ``cases.has_decided`` in ``lua/parts/cases.lua`` says."""

State = Literal["open", "hinted", "warned", "ignored", "lifted", "merged"]
Act = Literal["file", "hint", "warn"]
Decision = Literal["warned", "ignored", "hand", "merge"]
Outcome = Literal["done", "late", "own", "party", "target", "appealed", "gone"]


@dataclass(frozen=True, slots=True)
class Filing:
    """What is filed: about whom, what its worst reason says, how sure the judge was, and its verdict. ``mark`` stands for the text.

    ``chat`` is the group where it was said, '' alone with the bot.
    """

    member: int
    rule: str
    category: str
    severity: int
    evidence: Evidence
    mark: str
    judge: str = "words"
    score: float = 1.0
    verdict: str = "review"
    chat: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """What came of filing: the case's number, whether it was added to an earlier one, how many strikes the member has, and how the case stands now."""

    number: int
    outcome: Literal["filed", "hinted", "warned", "added"]
    strikes: int
    state: State


@dataclass(frozen=True, slots=True)
class Case:
    """A case. ``member`` 0: nobody knows who said it. ``by`` decided last, 0 the machine; ``holder`` has it in hand, 0 nobody.

    ``reporters`` come with the weight of their reports. ``evidence`` is the text it is about, '' when it has gone, and ``kept`` all that was sealed
    with it; ``again`` says how many more messages belong to it.
    """

    number: int
    member: int
    rule: str
    category: str
    severity: int
    at: datetime
    state: State
    evidence: str
    judge: str = "words"
    score: float = 1.0
    verdict: str = "review"
    by: int = 0
    decided: datetime | None = None
    revision: int = 0
    holder: int = 0
    weight: float = 0.0
    into: int = 0
    again: int = 0
    chat: str = ""
    reporters: Mapping[int, float] = field(default_factory=dict)
    kept: Evidence = field(default_factory=Evidence)

    @property
    def is_claimed(self) -> bool:
        """Whether only a reporter says that these words are the member's: what is quoted does not tell whose it is."""
        return self.judge == "member" and self.member > 0 and bool(self.evidence)

    @property
    def counted(self) -> tuple[str, ...]:
        """What a decision about it is counted under: the judge's verdict by score, and the rule."""
        if self.judge == "fault":  # a failure of ours says nothing about a judge or a rule
            return ()
        judged = f"judge|{self.judge}|{self.category}|{self.verdict}|{min(int(self.score * 50), 49) * 2}"
        return (judged, f"rule|{self.rule}") if self.judge != "member" else (f"rule|{self.rule}",)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened to a case: who did what, when, and why. ``to``: to whom it was handed, or the case that it was merged with."""

    act: str
    by: int
    at: datetime
    before: str = ""
    after: str = ""
    why: str = ""
    to: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """A case with all that happened to it, oldest first, and all of its evidence."""

    case: Case
    told: tuple[Told, ...]
    evidence: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision: the state before it, the member's strikes now, who had decided before where it came late; ``alone``: nobody else could."""

    outcome: Outcome
    before: str
    strikes: int
    by: int
    alone: bool

    @property
    def done(self) -> bool:
        """Whether this decision counted."""
        return self.outcome == "done"


class Cases:
    """The cases of every community."""

    PERSONAL = Personal(
        "案件",
        "处理违规的话，说得清为什么警告",
        (
            keys.CASES,
            keys.CASES_STATE,
            keys.CASES_OPEN,
            keys.CASES_TOLD,
            keys.CASES_LAST,
            keys.CASES_TEXTS,
            keys.CASES_COUNTS,
            keys.EVIDENCE,
            keys.WARNINGS,
        ),
        what="哪条规则、什么时候、怎么决定；他的原话加密；认得出同样的话的指纹",
        erasing="删掉原话、指纹和警告次数",
        stays=(keys.CASES, keys.CASES_STATE, keys.CASES_TOLD),
        stays_why="处理过什么要说得清（管理责任），编号不再指向任何人",
        passing=(keys.CASES_TEXTS, keys.CASES_LAST, keys.CASES_COUNTS, keys.WARNINGS),
        passing_why="由案件算出来的",
    )

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._open = Script("open_case")
        self._decide = Script("decide_case")

    # Acts -----------------------------------------------------------------------------------------------------------------

    def open(
        self, where: CommunityKeys, filing: Filing, act: Act, now: datetime, *, lapse: timedelta = timedelta(0),
        cool_down: timedelta = timedelta(0), once: str,
    ) -> Filed:  # fmt: skip
        """Files a case, or adds to one: nobody is warned twice for one text, nor again within the cool-down. One act."""
        part = {"shard": where.shard, "community": where.id}
        row = filed_row(filing, now, once)
        fact = {"rule": filing.rule, "severity": filing.severity, "warned": act == "warn"}
        got = self._database.act(
            self._open,
            [
                keys.ONCE(**part, id=f"case:{once}"), keys.CASES(**part), keys.CASES_STATE(**part), keys.CASES_OPEN(**part),
                keys.EVIDENCE(**part), keys.WARNINGS(**part, member=filing.member), keys.CASES_LAST(**part), keys.CASES_TEXTS(**part),
                keys.CASES_TOLD(**part), keys.EVENTS(shard=where.shard), *counted_in(where, where.day_of(now)),
            ],
            [
                to_ms(now), where.id, filing.member, once, json.dumps(row, ensure_ascii=False), act, self._seal.close(filing.evidence),
                ONCE_LIFE_MS, json.dumps(fact, ensure_ascii=False), filing.mark, _ms(lapse), _ms(cool_down),
                filing.severity * WEIGHT_OF_SEVERITY, MOST_ADDED,
            ],
        )  # fmt: skip
        number, outcome, strikes, state = got.split("|")
        return Filed(int(number), outcome, int(strikes), cast(State, state))

    def decide(
        self, where: CommunityKeys, case: Case, act: Decision, actor: int, now: datetime, *, why: str = "", to: int = 0,
        only_open: bool = False, is_alone: bool = False, lapse: timedelta = timedelta(0), once: str,
    ) -> Decided:  # fmt: skip
        """Decides a case as it was read: whoever decides on an older state is told who was first. One act.

        With ``only_open`` no decision may stand yet. ``is_alone``: nobody else may decide it.
        ``hand`` gives it to the member ``to``, ``merge`` puts it into the case ``to``.
        """
        part = {"shard": where.shard, "community": where.id}
        got = self._database.act(
            self._decide,
            [
                keys.ONCE(**part, id=f"decide:{once}"), keys.CASES_STATE(**part), keys.CASES_OPEN(**part), keys.CASES_TOLD(**part),
                keys.WARNINGS(**part, member=case.member), keys.EVENTS(shard=where.shard), keys.REPORTS(**part), keys.REPORTERS(**part),
                keys.CASES_COUNTS(**part), keys.APPEALS_OPEN(**part), keys.CASES_LAST(**part), *counted_in(where, where.day_of(now)),
            ],
            [
                to_ms(now), where.id, actor, once, case.number, act, ONCE_LIFE_MS, case.member, "" if only_open else case.revision, why, to,
                _ms(lapse), int(is_alone), to_ms(case.at), *case.counted,
            ],
        )  # fmt: skip
        return decided(got)

    def first_result(self, where: CommunityKeys, once: str) -> Decided | None:
        """What came of a decision that was made under this id before; None when none was. One round trip."""
        kept = self._database.command("GET", keys.ONCE(shard=where.shard, community=where.id, id=f"decide:{once}"))
        return decided(kept) if kept else None

    # Reading --------------------------------------------------------------------------------------------------------------

    def find(self, where: CommunityKeys, number: int) -> Case | None:
        """One case by its number; one round trip."""
        return next(iter(self.many(where, [number])), None)

    def many(self, where: CommunityKeys, numbers: Sequence[int]) -> list[Case]:
        """Cases by their numbers, without those that do not exist; one round trip."""
        if not numbers:
            return []
        part = {"shard": where.shard, "community": where.id}
        families = (keys.CASES, keys.CASES_STATE, keys.EVIDENCE, keys.REPORTS)
        columns = self._database.pipeline([("HMGET", family(**part), *numbers) for family in families])
        rows = zip(numbers, *columns, strict=True)
        return [self._case(*row) for row in rows if row[1]]

    def story(self, where: CommunityKeys, number: int) -> Story | None:
        """A case with all that happened to it; two round trips."""
        case = self.find(where, number)
        if case is None:
            return None
        part = {"shard": where.shard, "community": where.id}
        names = [
            str(number),
            *(f"{number}.{kind}{n}" for kind in ("", "r") for n in range(1, MOST_ADDED + 1)),
            *(f"{number}.a{n}" for n in range(case.revision + 1)),
        ]
        told, pieces = self._database.pipeline([("HGET", keys.CASES_TOLD(**part), number), ("HMGET", keys.EVIDENCE(**part), *names)])
        rows = tuple(_told(json.loads(line)) for line in (told or "").splitlines())
        return Story(case, rows, tuple(self._seal.open(name, kept) for name, kept in zip(names, pieces, strict=True) if kept))

    def deciders(self, where: CommunityKeys, number: int) -> set[int]:
        """Who ever decided of a case, or of an appeal against it; one round trip."""
        told = self._database.command("HGET", keys.CASES_TOLD(shard=where.shard, community=where.id), number)
        rows = (json.loads(line) for line in (told or "").splitlines())
        return {int(row["by"]) for row in rows if row["act"] in DECIDING}

    def undecided(self, where: CommunityKeys, count: int = 10, *, skip: int = 0) -> list[Case]:
        """Cases that no person has decided: what weighs more and is older first; two round trips."""
        key = keys.CASES_OPEN(shard=where.shard, community=where.id)
        return self.many(where, list(map(int, self._database.command("ZRANGE", key, skip, skip + count - 1))))

    def newest(self, where: CommunityKeys, count: int = 20, *, skip: int = 0) -> list[Case]:
        """All cases, the newest first; two round trips."""
        last = self.count(where) - skip
        return self.many(where, list(range(last, max(0, last - count), -1)))

    def of_member(self, where: CommunityKeys, member: int) -> list[Case]:
        """The cases that count against a member, and his newest, newest first; two round trips."""
        part = {"shard": where.shard, "community": where.id}
        warned, last = self._database.pipeline(
            [("ZRANGE", keys.WARNINGS(**part, member=member), 0, -1), ("HGET", keys.CASES_LAST(**part), member)]
        )
        return self.many(where, sorted({*map(int, warned), *((int(last.split("|")[0]),) if last else ())}, reverse=True))

    def count(self, where: CommunityKeys) -> int:
        """How many cases there are."""
        return int(self._database.command("HLEN", keys.CASES(shard=where.shard, community=where.id)))

    def count_undecided(self, where: CommunityKeys) -> int:
        """How many cases no person has decided."""
        return int(self._database.command("ZCARD", keys.CASES_OPEN(shard=where.shard, community=where.id)))

    def count_strikes(self, where: CommunityKeys, member: int, now: datetime, lapse: timedelta = timedelta(0)) -> int:
        """How many warnings count against a member: those that came one after the other without a pause of ``lapse``."""
        return self.strikes_of(where, [member], now, lapse)[member]

    def strikes_of(self, where: CommunityKeys, members: Sequence[int], now: datetime, lapse: timedelta = timedelta(0)) -> dict[int, int]:
        """The same for many members; one round trip."""
        asked = [
            ("ZREVRANGE", keys.WARNINGS(shard=where.shard, community=where.id, member=member), 0, -1, "WITHSCORES") for member in members
        ]
        return {member: _strikes(flat, now, lapse) for member, flat in zip(members, self._database.pipeline(asked), strict=True)}

    def counts(self, where: CommunityKeys) -> dict[str, int]:
        """How often people agreed with judges and rules, and what each moderator decided, as :data:`storage.keys.CASES_COUNTS` says."""
        flat = self._database.command("HGETALL", keys.CASES_COUNTS(shard=where.shard, community=where.id))
        return {name: int(n) for name, n in zip(flat[::2], flat[1::2], strict=True)}

    def mark(self, where: CommunityKeys, text: str) -> str:
        """What stands for a text for ever, without telling it."""
        return self._seal.mark(where, text)

    # Time and persons -------------------------------------------------------------------------------------------------------

    def drop_evidence(self, before: datetime) -> int:
        """Removes evidence that was filed before ``before``; gives how many texts went."""
        gone = 0
        for where in communities_with(self._database, keys.EVIDENCE):
            key = keys.EVIDENCE(shard=where.shard, community=where.id)
            old = [name for name, kept in self._walk(key, "*") if int(kept.split("|", 1)[0]) < to_ms(before)]
            gone += self._database.command("HDEL", key, *old) if old else 0
        return gone

    def export_user(self, number: int) -> dict[str, Any]:
        """All cases about the member, with what he said and what was decided; not who reported him."""
        return {
            where.id: [
                {
                    "编号": case.number, "规则": case.rule, "时间": case.at.isoformat(), "状态": case.state, "原文": "" if case.is_claimed else case.evidence,
                    "又说的": [kept.evidence.text for kept in self._added(where, case)],
                }
                for case in self._about(where, number)
            ]
            for where in communities_with(self._database, keys.CASES)
        }  # fmt: skip

    def erase_user(self, number: int) -> str:
        """Removes the evidence and the strikes; the cases stay under a number that no longer leads to anybody."""
        for where in communities_with(self._database, keys.CASES):
            part = {"shard": where.shard, "community": where.id}
            gone = [name for case in self._about(where, number) for name, _ in self._walk(keys.EVIDENCE(**part), f"{case.number}*")
                    if name.split(".")[0] == str(case.number)]  # fmt: skip
            texts = [name for name, _ in self._walk(keys.CASES_TEXTS(**part), f"{number}:*")]
            decisions = [name for name, _ in self._walk(keys.CASES_COUNTS(**part), f"by|{number}|*")]
            commands = [("HDEL", keys.EVIDENCE(**part), *gone)] if gone else []
            commands += [("HDEL", keys.CASES_TEXTS(**part), *texts)] if texts else []
            commands += [("HDEL", keys.CASES_COUNTS(**part), *decisions)] if decisions else []
            self._database.pipeline(
                [*commands, ("HDEL", keys.CASES_LAST(**part), number, f"warned:{number}"), ("DEL", keys.WARNINGS(**part, member=number))]
            )
        return "已删除案件中的原文与警告计数；案件按编号保留（不再指向任何人）"

    # Small steps ------------------------------------------------------------------------------------------------------------

    def _about(self, where: CommunityKeys, number: int) -> list[Case]:
        rows = self._walk(keys.CASES(shard=where.shard, community=where.id), "*")
        return self.many(where, sorted(int(n) for n, filed in rows if json.loads(filed)["member"] == number))

    def _added(self, where: CommunityKeys, case: Case) -> list[Kept]:
        """What the member himself said besides, of a case."""
        story = self.story(where, case.number)
        return [kept for kept in story.evidence if "." in kept.name and not kept.evidence.by] if story else []

    def _walk(self, key: str, pattern: str) -> Iterator[tuple[str, str]]:
        cursor = "0"
        while True:
            cursor, flat = self._database.command("HSCAN", key, cursor, "MATCH", pattern, "COUNT", 1_000)
            yield from zip(flat[::2], flat[1::2], strict=True)
            if cursor == "0":
                return

    def _case(self, number: int, filed: str, state: str, sealed: str | None, reports: str | None) -> Case:
        row, parts = json.loads(filed), [*(state or "open").split("|"), *[""] * 8]
        kept = self._seal.open(str(number), sealed).evidence if sealed else Evidence()
        reporters = dict(_report(entry) for entry in reports.split(",")) if reports else {}
        return Case(
            number, row["member"], row["rule"], row["category"], row["severity"], from_ms(row["t"]), cast(State, parts[0]), kept.text,
            row.get("judge", "words"), row.get("score", 1.0), row.get("verdict", "review"), int(parts[1] or 0),
            from_ms(int(parts[2])) if int(parts[1] or 0) else None, int(parts[3] or 0), int(parts[4] or 0), float(parts[5] or 0),
            int(parts[6] or 0), int(parts[7] or 0), row.get("chat", ""), reporters, kept,
        )  # fmt: skip


def convert_cases(database: Database) -> None:
    """Layout 4 kept all that happened in one list, and strikes as numbers without their time."""
    for where in list(communities_with(database, keys.CASES_LOG_V4)):
        part = {"shard": where.shard, "community": where.id}
        rows: dict[int, list[str]] = {}
        for line in database.command("LRANGE", keys.CASES_LOG_V4(**part), 0, -1):
            row = json.loads(line)
            told = {"act": row["after"], "by": row["by"], "t": row["t"], "before": row["before"], "after": row["after"], "why": ""}
            rows.setdefault(row["case"], []).append(json.dumps(told))
        database.pipeline(
            [("HSETNX", keys.CASES_TOLD(**part), number, "\n".join(lines)) for number, lines in rows.items()]
            + [("UNLINK", keys.CASES_LOG_V4(**part))]
        )
    for where in list(communities_with(database, keys.STRIKES_V4)):
        part = {"shard": where.shard, "community": where.id}
        for key in list(database.scan(keys.STRIKES_V4(**part, member="*"))):
            numbers = database.command("LRANGE", key, 0, -1)
            filed = database.command("HMGET", keys.CASES(**part), *numbers)
            warnings = keys.WARNINGS(**part, member=key.rpartition(":")[2])
            adds = [("ZADD", warnings, json.loads(row)["t"], number) for number, row in zip(numbers, filed, strict=True) if row]
            database.pipeline([*adds, ("UNLINK", key)])


def filed_row(filing: Filing, now: datetime, once: str) -> dict[str, Any]:
    """A case as it is kept for ever: nothing of its text but the mark."""
    return {
        "member": filing.member, "rule": filing.rule, "category": filing.category, "severity": filing.severity, "t": to_ms(now),
        "message": once, "judge": filing.judge, "score": round(filing.score, 4), "verdict": filing.verdict, "mark": filing.mark,
        "chat": filing.chat,
    }  # fmt: skip


def _strikes(flat: Sequence[str], now: datetime, lapse: timedelta) -> int:
    """How many warnings count, of those that are kept with their moments (ms), the newest first."""
    count, last = 0, to_ms(now)
    for at in map(int, flat[1::2]):
        if lapse and last - at > _ms(lapse):
            break
        count, last = count + 1, at
    return count


def decided(got: str) -> Decided:
    """What the deciding acts give."""
    outcome, before, strikes, by, alone = got.split("|")
    return Decided(cast(Outcome, outcome), before, int(strikes), int(by), alone == "1")


def _told(row: Mapping[str, Any]) -> Told:
    return Told(
        row["act"], int(row["by"]), from_ms(int(row["t"])), row.get("before", ""), row.get("after", ""), row.get("why", ""),
        int(row.get("to") or 0), bool(row.get("alone")),
    )  # fmt: skip


def _report(entry: str) -> tuple[int, float]:
    reporter, weight = entry.split(":")
    return int(reporter), float(weight)


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)
