"""A file of questions and answers is read: here, or – what strangers hand in – in a process that may take neither long nor much memory.

``python -m bot.faq_reader PARENT`` is that process: a :class:`Job` on standard input, a :class:`Reading` on standard output. A few kilobytes of
Excel can unpack to minutes of work; in a web process that would be minutes without an answer for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePath

from bot import apart
from rules.contents import FAQ, MOST_ENTRIES, ContentProblem, entry_from_json, parse
from rules.faq_sheets import Reading, entries_of
from rules.sheets import MOST_UNPACKED, Sheet, decode, read_csv, read_excel
from rules.text import core

MOST_CPU_S = 15
MOST_WALL_S = 45.0
MOST_MEMORY = 1024 * 1024 * 1024
"""Bytes of address space; the program itself has some 200 MB of it."""
MOST_UNPACKED_APART = 64 * 1024 * 1024

YAML = (".yaml", ".yml", ".json")
TOO_LONG = "读这个文件花的时间太长，没有读完：请只留下表格，用 Excel 或 WPS 另存一次，还是不行就分成几个文件，或者用命令行导入"
TOO_MUCH = "这个文件展开后太大：请删去图片和格式，只留下表格，还是不行就分成几个文件"
NOT_READ = "这个文件读不下来：请用 Excel 或 WPS 打开后另存一次再试"
NOT_NOW = "现在读不了文件，请过几分钟再试"

SAYS: Mapping[apart.Why, str] = {"long": TOO_LONG, "much": TOO_MUCH, "unread": NOT_READ, "busy": NOT_NOW}
"""What is said where nothing came of reading a file, by the reason."""


class Job(apart.Job, frozen=True, kw_only=True):
    """What the process is told: the file's name and content, what is in force (id → JSON text)."""

    name: str
    data: bytes
    present: dict[str, str]


def read(name: str, data: bytes, present: Mapping[str, str], *, most_unpacked: int = MOST_UNPACKED) -> Reading:
    """What a file gives, in this process; ``name`` says by its ending what kind it is, ``present`` is what is in force (id → JSON text)."""
    kind = ending(name)
    try:
        if kind in YAML:
            return Reading(parse(FAQ, decode(data), most=10 * MOST_ENTRIES), (), ())
        if kind not in _TABLES:
            return Reading((), (unknown(name),), ())
        tables: Mapping[str, Callable[[bytes], Sequence[Sheet]]] = {**_TABLES, ".xlsx": partial(read_excel, most_unpacked=most_unpacked)}
        return entries_of(tables[kind](data), _ids(present))
    except ContentProblem as problem:
        return Reading((), problem.problems, ())


def read_apart(
    name: str,
    data: bytes,
    present: Mapping[str, str],
    *,
    cpu_s: int = MOST_CPU_S,
    wall_s: float = MOST_WALL_S,
    memory: int = MOST_MEMORY,
) -> Reading:
    """What a file gives, read in a process of its own; one that asks for more than is allowed has a problem that says so."""
    if ending(name) not in (*YAML, *_TABLES):
        return read(name, data, present)
    job = Job(name=name, data=data, present=dict(present) if ending(name) in _TABLES else {}, cpu_s=cpu_s, memory=memory)
    try:
        return apart.worked("bot.faq_reader", job, Reading, wall_s)
    except apart.Failed as failed:
        return Reading((), (SAYS[failed.why],), ())


def ending(name: str) -> str:
    """What kind of file a name is of: ``.xlsx``."""
    return PurePath(name).suffix.lower()


def unknown(name: str) -> str:
    """What is said of a file of any other kind."""
    return f"不认识“{ending(name) or name}”这种文件，可以是 .yaml、.csv、.xlsx（.json 也可以导入）"


def main() -> None:
    """The program."""
    apart.work(Job, lambda job: read(job.name, job.data, job.present, most_unpacked=MOST_UNPACKED_APART))


def _ids(present: Mapping[str, str]) -> dict[str, str]:
    """The ids of what is in force, by the core of the question: a sheet seldom has a column for ids."""
    return {core(entry_from_json(text).question): id for id, text in present.items()}


_TABLES: Mapping[str, Callable[[bytes], Sequence[Sheet]]] = {".csv": lambda data: [read_csv(data)], ".xlsx": read_excel}

if __name__ == "__main__":
    main()
