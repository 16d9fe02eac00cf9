"""The ear: what a puller of 会话内容存档 reads to us, line by line, on its way into the inbox. WeCom's own library stays with the puller.

One JSON object a line (path 91774, decrypted, with its ``seq``) comes in; a line ``{"seq":n}`` goes out: everything up to n was taken, go on
behind it. The first such line tells where to begin. A line is taken in before its number is noted and told, and a line that comes again is
known by its number or, before that was noted, by its message id (for ``retention.answers_hours``). So either side may be killed at any moment.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from bot.channels import archive, json
from bot.channels.fields import Tree, number
from bot.config import ArchiveChannel
from bot.errors import Refused, StartError
from bot.message import Message
from bot.pipeline import Pipeline
from storage.archive import ArchiveMarks
from storage.connection import StorageAway

log = structlog.get_logger(__name__)
Got = TypeVar("Got")

MOST_LINE_BYTES = 1_048_576
CHUNK_BYTES = 65_536
TOLD_EVERY = 100
"""Progress is noted and told when the puller waits for us, and else after so many lines: whoever writes a million first can read later."""
ANSWERED_WITHIN_S = 600
"""A mention that is read later than this is only overheard: nobody waits for the answer any more."""
AWAY_S = 1.0
PULLER_S = 30.0
"""How long a puller may leave our words unread before its connection is closed."""
ROBOT = "wb"
"""How WeCom's ids of robots begin, ours among them (path 91774)."""
ID_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``text`` is None when it was too long; ``has_more`` says whether another one is here already."""

    number: int
    text: bytes | None
    has_more: bool


@dataclass(slots=True)
class Tally:
    """What became of the lines so far; ``passed`` are those that are none of our business."""

    taken: int = 0
    repeated: int = 0
    passed: int = 0
    bad: int = 0

    @property
    def lines(self) -> int:
        """All lines."""
        return self.taken + self.repeated + self.passed + self.bad


class Ear:
    """Hears one archive channel. ``complain`` is told of bad lines and of waiting, in Chinese; ``rest`` waits for some seconds."""

    def __init__(
        self,
        pipeline: Pipeline,
        marks: ArchiveMarks,
        channel: ArchiveChannel,
        names: tuple[str, ...],
        *,
        clock: Callable[[], datetime],
        complain: Callable[[str], None],
        rest: Callable[[float], object],
    ) -> None:
        self._pipeline = pipeline
        self._marks = marks
        self._channel = channel
        self._names = names
        self._clock = clock
        self._complain = complain
        self._rest = rest
        self._noted_soon: list[int] = []
        self.tally = Tally()

    def hear(self, read: Callable[[int], bytes], tell: Callable[[int], None], on_line: Callable[[], None] = lambda: None) -> None:
        """Takes in what ``read`` gives (at most so many bytes, b"" at the end), one line after the other, and ``tell``s the mark."""
        told = self._patiently(lambda: self._marks.find_mark(self._channel.name))
        tell(told)
        for line in read_lines(read):
            self._take(line)
            on_line()
            if not line.has_more or len(self._noted_soon) >= TOLD_EVERY:
                mark = self._patiently(self._note)
                if mark != told:
                    tell(mark)
                    told = mark

    def _take(self, line: Line) -> None:
        """Sees one line through."""
        if line.text is not None and not line.text.strip():
            return
        try:
            tree, seq = _read(line)
        except Refused as refused:
            self._skip(line, refused.reason)
            return
        self._patiently(lambda: self._take_in(line, tree, seq))

    def _note(self) -> int:
        """Notes what was taken in; gives the mark."""
        if not self._noted_soon:
            return self._marks.find_mark(self._channel.name)
        mark = self._marks.take(self._channel.name, *self._noted_soon)
        self._noted_soon.clear()
        return mark

    def _take_in(self, line: Line, tree: Tree, seq: int) -> None:
        name = self._channel.name
        if seq in self._noted_soon or self._marks.is_taken(name, seq):
            self.tally.repeated += 1
            return
        try:
            message = self._wanted(archive.from_tree(tree, channel=name, names=self._names))
            if message:
                self._pipeline.receive(message)  # "busy" means that another process has it, and it is kept
            self.tally.taken += message is not None
            self.tally.passed += message is None
        except Refused:
            self._skip(line, "没有 msgid")
        except StorageAway:
            raise
        except Exception as error:
            # One line that breaks us must not hold up all that come behind it: it is named, and passed.
            log.error("archive line failed", channel=name, line=line.number, seq=seq, error=type(error).__name__, exc_info=True)
            self._skip(line, "处理失败，原因在日志里")
        self._noted_soon.append(seq)

    def _wanted(self, message: Message) -> Message | None:
        """The message as it is to be heard; None for what is said between two people or by robots, and for what another channel hears."""
        is_robot = message.user.startswith(ROBOT) and len(message.user) >= ID_LENGTH
        if not message.chat or not message.user or is_robot:
            return None
        if message.overheard or message.event:
            return message
        if not self._channel.answers:
            return None
        is_late = self._clock().timestamp() - message.sent_at > ANSWERED_WITHIN_S
        return replace(message, overheard=is_late)

    def _skip(self, line: Line, why: str) -> None:
        self.tally.bad += 1
        self._complain(f"第 {line.number} 行跳过：{why}")

    def _patiently(self, act: Callable[[], Got]) -> Got:
        """What ``act`` gives, once Redis answers."""
        is_known = False
        while True:
            try:
                return act()
            except StorageAway as away:
                if not is_known:
                    self._complain(f"等待 Redis：{away}")
                is_known = True
                self._rest(AWAY_S)


def _read(line: Line) -> tuple[Tree, int]:
    if line.text is None:
        raise Refused(400, f"超过 {MOST_LINE_BYTES} 字节")
    try:
        tree = json.read(line.text.decode())
    except (Refused, UnicodeDecodeError) as error:
        raise Refused(400, "不是一个 JSON 对象") from error
    if not (seq := number(tree, "seq")):
        raise Refused(400, "没有 seq，或它不是正整数")
    return tree, seq


def read_lines(read: Callable[[int], bytes]) -> Iterator[Line]:
    """The lines of a stream of bytes, numbered from 1, holding no more than one longest line and one chunk at a time."""
    rest, number, is_too_long = b"", 0, False
    while chunk := read(CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for place, text in enumerate(whole, 1):
            number += 1
            is_kept = not is_too_long and len(text) <= MOST_LINE_BYTES
            yield Line(number, text if is_kept else None, has_more=place < len(whole))
            is_too_long = False
        if len(rest) > MOST_LINE_BYTES:
            rest, is_too_long = b"", True
    if rest or is_too_long:
        yield Line(number + 1, None if is_too_long else rest, has_more=False)


def acknowledgement(mark: int) -> bytes:
    """What the puller reads: everything up to ``mark`` was taken."""
    return b'{"seq":%d}\n' % mark


def listen(path: Path) -> socket.socket:
    """A Unix socket at ``path`` that only its owner may open. Raises StartError when another ear listens there, or something else lies there."""
    if path.exists() or path.is_symlink():
        _clear_away(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise StartError(
            [f"不能在 {path} 建立套接字：{error.strerror or error}。换一个路径（不超过 100 个字符），并确认文件夹存在"]
        ) from error
    finally:
        os.umask(before)
    listening.listen(1)
    return listening


def serve_pullers(ear: Ear, listening: socket.socket, on_line: Callable[[], None] = lambda: None) -> None:
    """Hears one puller after the other, for ever."""
    while True:
        puller, _ = listening.accept()
        with puller, suppress(OSError):  # a puller that goes in the middle comes again
            ear.hear(puller.recv, partial(_tell, puller), on_line)


def _tell(puller: socket.socket, mark: int) -> None:
    puller.settimeout(PULLER_S)
    try:
        puller.sendall(acknowledgement(mark))
    finally:
        puller.settimeout(None)  # a quiet group may say nothing for days


def _clear_away(path: Path) -> None:
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise StartError([f"{path} 已经有一个文件。换一个路径"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)  # left behind by one that was killed
            return
        except OSError as error:
            raise StartError([f"不能看清 {path} 上是谁：{error.strerror or error}。换一个路径"]) from error
    raise StartError([f"{path} 上已经有一个正在旁听。先停掉它，或换一个路径"])
