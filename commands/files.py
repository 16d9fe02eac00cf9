"""Files that a command reads and writes, and the bar that it shows meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click


def read_file(file: Path, most_bytes: int) -> bytes:
    """The bytes of a file, one more than ``most_bytes`` of a longer one; ends the program with what is wrong when it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(most_bytes + 1)
    except OSError as error:
        refuse(f"读不了 {file}：{error.strerror}")


def write_file(file: Path, data: bytes, *, is_private: bool = False) -> None:
    """Puts a file in its place as a whole, or ends the program with what is wrong. ``is_private``: only its owner may read it."""
    beside = file.with_name(f".{file.name}.new")
    try:
        if is_private:
            beside.touch(mode=0o600)
        beside.write_bytes(data)
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        refuse(f"写不了 {file}：{error.strerror}")


def refuse(why: str) -> NoReturn:
    """Ends the program with a problem that is explained."""
    click.echo(why, err=True)
    sys.exit(1)


@contextmanager
def shown(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal that moves with (done, total); nothing where nobody looks on."""
    with click.progressbar(length=100, label=title, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def step(done: int, total: int) -> None:
            bar.update(100 * done // max(total, 1) - bar.pos)

        yield step
