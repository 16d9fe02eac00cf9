"""Files that a command reads and writes, and the bar that it shows meanwhile."""

from __future__ import annotations

import errno
import os
import pwd
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click

_CURES = {
    errno.EACCES: "没有权限：用有权限的用户再试，或者换一个地方（写完整的路径）；装成服务的用 qunguanjia 命令，它读写的是服务的用户能读写的文件夹",
    errno.EPERM: "没有权限：用有权限的用户再试，或者换一个地方（写完整的路径）；装成服务的用 qunguanjia 命令，它读写的是服务的用户能读写的文件夹",
    errno.ENOENT: "没有这个文件或文件夹：检查路径，先建好文件夹",
    errno.EEXIST: "那里已经有一个同名的文件：检查路径，或者换一个名字",
    errno.ENOTDIR: "路径中间有一段是文件，不是文件夹：检查路径",
    errno.EISDIR: "这是文件夹，不是文件：检查路径",
    errno.ENAMETOOLONG: "名字太长：换一个短的",
    errno.ENOSPC: "磁盘满了：腾出空间（df -h 看哪一个），或者换一个地方，再来一次；没有写完的已经删掉",
    errno.EDQUOT: "用户的磁盘配额用完了：腾出空间，或者换一个地方，再来一次；没有写完的已经删掉",
    errno.EROFS: "磁盘是只读的：换一个地方，或者重新挂载（磁盘出错时系统会把它改成只读，看 dmesg）",
    errno.EIO: "磁盘读写出错：看 dmesg，多半是磁盘坏了，先把数据复制到别处",
}
"""What an administrator does about a file that cannot be read or written."""


def explain(error: OSError) -> str:
    """Cause and cure of what the file system refused, and who asked; '' for anything else, which is no administrator's to put right."""
    cure = _CURES.get(error.errno or 0)
    if not cure:
        return ""
    return f"{error.filename or '文件'}：{cure}。现在的用户是 {_user()}"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # in a container the number may have no name
        return str(os.geteuid())


def read_file(file: Path, most_bytes: int) -> bytes:
    """The bytes of a file, one more than ``most_bytes`` of a longer one; ends the program with what is wrong when it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(most_bytes + 1)
    except OSError as error:
        refuse(f"读不了 {explain(error) or f'{file}：{error.strerror}'}")


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
        refuse(f"写不了 {explain(error) or f'{file}：{error.strerror}'}")


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
