"""The FAQ as a file: what an import would change, and the file of what is in force. YAML, JSON, CSV and Excel.

Apart from the desk (bot/faq_desk.py) because the libraries for Excel take a second to load, which no process but a command needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.errors import UserError
from bot.faq_reader import ending, read_apart, unknown
from rules.content_diff import difference
from rules.content_file import MOST_BYTES
from rules.contents import FAQ, MOST_ENTRIES, dump, from_items, items_of
from rules.entries import Entry
from rules.faq_sheets import WIDTHS, Reading, rows_of
from rules.sheets import write_csv, write_excel
from storage.content import ContentStore


class BadFile(UserError):
    """A file that is not taken in: ``problems`` are all of them, with line, column and remedy."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would change of version ``version``: entries by id (None goes), how many are new, changed, gone and the same."""

    version: int
    changes: Mapping[str, Entry | None]
    added: int
    changed: int
    removed: int
    same: int
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The figures in Chinese."""
        return f"新增 {self.added}，修改 {self.changed}，删除 {self.removed}，未变 {self.same}"


def plan_import(
    store: ContentStore,
    name: str,
    data: bytes,
    *,
    replace: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    read: Callable[[str, bytes, Mapping[str, str]], Reading] = read_apart,
) -> Plan:
    """What taking in a file would change; ``name`` says by its ending what kind of file it is. With ``replace`` entries that it does not have go.

    ``on_progress`` hears how many of how many steps are done. ``read`` reads the file; if not said, in a process that may not take long.
    Raises :class:`BadFile` with every problem of every row.
    """
    if len(data) > MOST_BYTES:
        raise BadFile((f"文件超过 {MOST_BYTES // 1024 // 1024} MB，请分成几个或者删去一些",))
    version, present = store.snapshot(FAQ.name)
    on_progress(1, 5)
    reading = read(name, data, present)
    on_progress(4, 5)
    if reading.problems:
        raise BadFile(reading.problems)
    entries = {entry.id: entry for entry in reading.entries}
    differing = difference(present, items_of(FAQ, reading.entries), replace=replace)
    on_progress(5, 5)
    changed = sum(id in present for id, text in differing.items() if text is not None)
    removed = sum(text is None for text in differing.values())
    left = len(present) + len(differing) - changed - 2 * removed
    if left > MOST_ENTRIES:
        raise BadFile((f"导入后一共有 {left} 条，最多 {MOST_ENTRIES} 条，请删去一些",))
    return Plan(
        version,
        {id: None if text is None else entries[id] for id, text in differing.items()},
        added=len(differing) - changed - removed,
        changed=changed,
        removed=removed,
        same=len(present) - changed - removed,
        notes=reading.notes,
    )


def export_file(store: ContentStore, name: str) -> bytes:
    """The file of the FAQ in force; ``name`` says by its ending what kind of file. Raises UserError."""
    write = _WRITERS.get(ending(name))
    if write is None:
        raise UserError(unknown(name))
    version, items = store.snapshot(FAQ.name)
    if not version:
        raise UserError("还没有问答：机器人第一次启动时才读入初始内容")
    return write(from_items(FAQ, items))


_WRITERS: Mapping[str, Callable[[tuple[Entry, ...]], bytes]] = {
    ".yaml": lambda entries: dump(FAQ, entries).encode(),
    ".yml": lambda entries: dump(FAQ, entries).encode(),
    ".csv": lambda entries: write_csv(rows_of(entries)),
    ".xlsx": lambda entries: write_excel("问答", rows_of(entries), WIDTHS),
}
