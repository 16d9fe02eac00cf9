"""A process that makes one FAQ index and ends: ``python -m bot.faq_maker PARENT``, with a :class:`Job` on standard input.

On its own, because half a minute of work inside a web process would hold up every question; and nothing of it stays in that process's memory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from bot.processes import die_with_parent
from rules.contents import entry_from_json
from rules.faq import scheme_of
from rules.faq_index import build, pack
from rules.faq_terms import Synonyms
from rules.text import Words


class Job(msgspec.Struct, frozen=True):
    """What the maker is told: where to put the file, what to write into its head, how to cut words, the entries as JSON, and the
    operators' synonyms where they are not the shipped ones."""

    out: str
    label: dict[str, Any]
    jieba: str | None
    own_words: list[str]
    entries: list[str]
    synonyms: dict[str, list[list[str]]] | None = None


def make(job: Job, words: Words) -> None:
    """Writes the index that the job describes and makes sure that it is on the disk."""
    arrays = build(map(entry_from_json, job.entries), scheme_of(words, Synonyms(job.synonyms) if job.synonyms else None))
    with open(os.open(job.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb") as file:
        file.writelines(pack(arrays, job.label))
        file.flush()
        os.fsync(file.fileno())


def main() -> None:
    """The program."""
    die_with_parent(int(sys.argv[1]))
    os.nice(5)
    try:
        job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
        make(job, Words(Path(job.jieba) if job.jieba else None, job.own_words))
    except OSError as error:  # the disk is full, most likely: its name is all the parent needs
        sys.exit(type(error).__name__ + " " + os.strerror(error.errno or 0))


if __name__ == "__main__":
    main()
