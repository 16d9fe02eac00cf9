"""A file of members is read in a process that may take neither long nor much memory, whoever handed it in.

``python -m bot.member_reader PARENT`` is that process: a :class:`Job` on standard input, a :class:`~rules.member_sheets.Reading` on standard
output. A few kilobytes of Excel can unpack to minutes of work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import PurePath

from bot import apart
from rules.content_file import ContentProblem
from rules.member_sheets import BadRow, Reading, members_of
from rules.sheets import MOST_BYTES, Sheet, read_csv, read_excel

MOST_CPU_S = 180
"""100,000 members in Excel take some 20 s. It also ends a process that hangs where its memory ended."""
MOST_WALL_S = 600.0
MOST_MEMORY = 1536 * 1024 * 1024
"""Bytes of address space; 100,000 members of sixteen columns take some 400 MB."""
MOST_UNPACKED = 256 * 1024 * 1024
SMALL = 512 * 1024
"""Bytes of a CSV that is read at once: it is no more than it looks."""

TOO_LONG = "读这个文件花的时间太长，没有读完：请只留下成员表，用 Excel 或 WPS 另存一次，还是不行就分成几个文件"
TOO_MUCH = "这个文件展开后太大：请删去图片和格式，只留下成员表，还是不行就分成几个文件"
NOT_READ = "这个文件读不下来：请用 Excel 或 WPS 打开后另存一次再试"
NOT_NOW = "现在读不了文件，请过几分钟再试"
_SAYS: Mapping[apart.Why, str] = {"long": TOO_LONG, "much": TOO_MUCH, "unread": NOT_READ, "busy": NOT_NOW}


class Job(apart.Job, frozen=True, kw_only=True):
    """What the process is told: the file's name and content, the last day that may stand in it, the last check-in of rows without a date."""

    name: str
    data: bytes
    today: date
    as_of: date | None


def read(name: str, data: bytes, *, today: date, as_of: date | None = None) -> Reading:
    """What a file gives, in this process; ``name`` says by its ending what kind it is. A file that cannot be read is one bad row of line 0."""
    if len(data) > MOST_BYTES:
        return _none(f"文件超过 {MOST_BYTES // 1024 // 1024} MB，请分成几个")
    table = _TABLES.get(PurePath(name).suffix.lower())
    if table is None:
        return _none(f"不认识“{PurePath(name).suffix or name}”这种文件，可以是 .xlsx、.csv")
    try:
        return members_of(table(data), today=today, as_of=as_of)
    except ContentProblem as problem:
        return _none(*problem.problems)


def read_apart(
    name: str,
    data: bytes,
    *,
    today: date,
    as_of: date | None = None,
    cpu_s: int = MOST_CPU_S,
    wall_s: float = MOST_WALL_S,
    memory: int = MOST_MEMORY,
) -> Reading:
    """What a file gives, read in a process of its own; one that asks for more than is allowed is one bad row that says so."""
    kind = PurePath(name).suffix.lower()
    if len(data) > MOST_BYTES or kind not in _TABLES or (kind == ".csv" and len(data) <= SMALL):
        return read(name, data, today=today, as_of=as_of)
    job = Job(name=name, data=data, today=today, as_of=as_of, cpu_s=cpu_s, memory=memory)
    try:
        return apart.worked("bot.member_reader", job, Reading, wall_s)
    except apart.Failed as failed:
        return _none(_SAYS[failed.why])


def main() -> None:
    """The program."""
    apart.work(Job, lambda job: read(job.name, job.data, today=job.today, as_of=job.as_of))


def _none(*says: str) -> Reading:
    return Reading((), (BadRow(0, "文件", says),))


_TABLES: Mapping[str, Callable[[bytes], Sequence[Sheet]]] = {
    ".csv": lambda data: [read_csv(data)],
    ".xlsx": lambda data: read_excel(data, most_unpacked=MOST_UNPACKED),
}

if __name__ == "__main__":
    main()
