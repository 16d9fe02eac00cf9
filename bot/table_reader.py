"""A file of operators' content is read in a process that may take neither long nor much memory: ``python -m bot.table_reader PARENT``.

For every kind but the FAQ, which has a reader of its own (bot/faq_reader.py). Standard input has a :class:`Job`, standard output a :class:`Found`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from bot import apart
from bot.errors import UserError
from bot.faq_reader import MOST_CPU_S, MOST_MEMORY, MOST_WALL_S, SAYS
from rules.content_tables import items_of_file
from rules.contents import KINDS, ContentProblem, Kind


class Job(apart.Job, frozen=True, kw_only=True):
    """What the process is told: the kind of content, the file's name and what is in it."""

    kind: str
    name: str
    data: bytes


class Found(msgspec.Struct, frozen=True):
    """What a file gives: items by their ids, or every problem that it has."""

    items: dict[str, str]
    problems: tuple[str, ...] = ()


def read_apart(kind: Kind[Any], name: str, data: bytes) -> dict[str, str]:
    """The items that a file of a kind holds, read in a process of its own. Raises UserError with every problem of the file, a line each."""
    job = Job(kind=kind.name, name=name, data=data, cpu_s=MOST_CPU_S, memory=MOST_MEMORY)
    try:
        found = apart.worked("bot.table_reader", job, Found, MOST_WALL_S)
    except apart.Failed as failed:
        raise UserError(SAYS[failed.why]) from None
    if found.problems:
        raise UserError("\n".join(found.problems))
    return found.items


def read(job: Job) -> Found:
    """What the file of a job gives."""
    try:
        return Found(items_of_file(KINDS[job.kind], job.name, job.data))
    except ContentProblem as problem:
        return Found({}, problem.problems)


def main() -> None:
    """The program."""
    apart.work(Job, read)


if __name__ == "__main__":
    main()
