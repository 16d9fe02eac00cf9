"""A table of pushes, taken in at their desk: first it is shown what it would change, then that is put in force, as one version that can be taken back.

A table says nothing of consent and types no number: what would need either comes as a draft, to be put in force by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import UserError
from bot.push_desk import KIND, MOST_PUSHES, MOST_UNDONE, PushDesk
from rules.content_pushes import read_push
from rules.push_sheets import changed_cells, merged
from rules.pushes import Push
from storage.content import Outdated

MOST_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Change:
    """What a row would do: the push before (None: it is new) and after. ``is_held``: it would be said, but comes as a draft."""

    before: Push | None
    after: Push
    is_held: bool

    @property
    def cells(self) -> list[tuple[str, str, str]]:
        """The cells that differ: column, before, after."""
        return changed_cells(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Intake:
    """What a table would change of a version of the pushes; ``same`` of its rows would change nothing."""

    version: int
    changes: tuple[Change, ...]
    same: int

    @property
    def summary(self) -> str:
        """The figures in Chinese."""
        new = sum(one.before is None for one in self.changes)
        return f"新增 {new} 条，修改 {len(self.changes) - new} 条，不变 {self.same} 条"


def weigh(desk: PushDesk, items: Mapping[str, str]) -> Intake:
    """What the rows of a table (pushes by their ids, as JSON) would change. Raises UserError with a line for every row that cannot be."""
    version, kept = desk.stores.content.snapshot(KIND)
    present = {id: read_push(text) for id, text in kept.items()}
    rows = [read_push(text) for text in items.values()]
    wanted = {push.id: push for push in merged(present.values(), rows)}
    changes, problems = list[Change](), list[str]()
    for number, id in enumerate((row.id for row in rows), 1):
        before, after = present.get(id), wanted[id]
        if after == before:
            continue
        try:
            changes.append(_change(desk, before, after))
        except UserError as problem:
            problems.append(f"第 {number} 条推送“{after.label}”：{problem}")
    if not problems and len(changes) > MOST_UNDONE:
        problems = [f"一次最多改 {MOST_UNDONE} 条，这样才能一下子撤销；这份表要改 {len(changes)} 条，请分几次"]
    if not problems and len(present.keys() | wanted.keys()) > MOST_PUSHES:
        problems = [f"推送最多 {MOST_PUSHES} 条，请先在日历里删去发过的"]
    if problems:
        raise UserError("\n".join(problems[:MOST_PROBLEMS]))
    return Intake(version, tuple(changes), len(rows) - len(changes))


def take_in(desk: PushDesk, intake: Intake, *, note: str, once: str) -> int:
    """Puts it in force; gives the number of the version. Raises UserError where somebody changed the pushes meanwhile."""
    try:
        return desk.take_in([(one.before, one.after) for one in intake.changes], intake.version, note=note, once=once)
    except Outdated:
        raise UserError("刚刚有人改过推送，请再看一遍这份表会改什么") from None


def _change(desk: PushDesk, before: Push | None, wanted: Push) -> Change:
    if before and not desk.sees(before):
        raise UserError("这个编号别的社群在用。新的推送请把“编号”留空")
    after = desk.drawn_up(wanted, before)
    return Change(before, after, is_held=wanted.enabled and not after.enabled)
