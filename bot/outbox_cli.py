"""What waits in the outbox and what was given up, for an operator at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.parts import opening
from bot.ways_in import width
from storage.outbox import Outbox

_TITLES = ("编号", "社群", "方式", "目标", "状态", "等了", "次数", "原因", "内容")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery. ``state`` is waiting or dead, ``age_s`` since it was made, ``next_s`` until it may be tried (waiting only).

    ``opening`` is how its text begins; neither keys nor addresses nor receivers are in it.
    """

    shard: int
    id: str
    state: str
    community: str
    way: str
    lane: str
    target: str
    age_s: int
    tries: int
    next_s: int
    reason: str
    code: int | None
    opening: str

    def as_json(self) -> dict[str, Any]:
        """The row in plain types."""
        return asdict(self)


def rows_of(outbox: Outbox, shard: int, now_ms: int, *, community: str = "", only_dead: bool = False) -> list[Row]:
    """What a shard holds: what waits, queue by queue, then the dead letters, oldest first."""
    rows = []
    for waiting in [] if only_dead else outbox.waiting(shard):
        d, next_s = waiting.delivery, max(waiting.next_ms - now_ms, 0) // 1000
        age_s = max(now_ms - d.born_ms, 0) // 1000 if d.born_ms else 0
        rows.append(Row(shard, d.id, "waiting", d.community, d.via, d.lane, d.target, age_s, d.attempts, next_s, "", None, opening(d)))
    for letter in outbox.dead_letters(shard):
        d = letter.delivery
        age_s = max(now_ms - (d.born_ms or letter.died_ms), 0) // 1000
        rows.append(
            Row(shard, d.id, "dead", d.community, d.via, d.lane, d.target, age_s, d.attempts, 0, letter.reason, letter.code, opening(d))
        )
    return [row for row in rows if not community or row.community == community]


def table(rows: Sequence[Row]) -> Iterable[str]:
    """The rows as lines of a table, aligned for a terminal."""
    cells = [_TITLES, *(_cells(row) for row in rows)]
    widths = [max(width(line[column]) for line in cells) for column in range(len(_TITLES))]
    for line in cells:
        yield "  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True)).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    state = "死信" if row.state == "dead" else f"等待 {age(row.next_s)}" if row.next_s else "待发"
    target = row.target if len(row.target) <= _LONGEST else f"{row.target[:_LONGEST]}…"
    return row.id, row.community, row.way, target, state, age(row.age_s), str(row.tries), row.reason or "—", row.opening


def age(seconds: int) -> str:
    """A length of time as people say it, in its largest unit."""
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} 秒"
