"""Pictures that are drawn when somebody looks: a name that says which painter and with which facts, and the artist that draws it.

An answer holds such a name where it would name a file, so Redis never keeps a picture, and a repeat shows the same one. A name is bounded,
and so are the facts of each painter: nobody can ask for a picture that takes long.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import msgspec

from bot.errors import UserError
from bot.pictures import bars, board, calendar, gem, invite, mood, podium, poster, progress, replies, report, roll, scores, voice, winners
from bot.pictures.canvas import Studio

PREFIX = "drawn:"
MOST_NAME_BYTES = 4_096
KEPT = 24
"""Pictures that an artist remembers, at most 200 KB each."""

_SHOWN = re.compile(r"成员 (\d{1,15})")


class DrawingProblem(UserError):
    """A picture that cannot be drawn; says in Chinese why, and names no facts."""


@dataclass(frozen=True, slots=True)
class Painter:
    """Facts of one kind, and how they are painted as a PNG. ``title`` names the picture to members."""

    title: str
    facts: type[Any]
    paint: Callable[[Studio, Any], bytes]


PAINTERS: Mapping[str, Painter] = {
    "calendar": Painter("签到日历", calendar.Calendar, calendar.paint),
    "poster": Painter("海报", poster.Poster, poster.paint),
    "board": Painter("排行榜", board.Board, board.paint),
    "progress": Painter("打卡进度", progress.Progress, progress.paint),
    "podium": Painter("答题名次", podium.Podium, podium.paint),
    "bars": Painter("投票结果", bars.Bars, bars.paint),
    "roll": Painter("接龙名单", roll.Roll, roll.paint),
    "scores": Painter("问卷结果", scores.Scores, scores.paint),
    "winners": Painter("开奖结果", winners.Winners, winners.paint),
    "replies": Painter("话题", replies.Replies, replies.paint),
    "voice": Painter("树洞", voice.Voice, voice.paint),
    "invite": Painter("邀请海报", invite.Invite, invite.paint),
    "mood": Painter("情绪走势", mood.MoodLine, mood.paint),
    "gem": Painter("精华", gem.Gem, gem.paint),
    "report": Painter("报表", report.Report, report.paint),
}
"""Every painter by its name."""


def drawn(painter: str, facts: Mapping[str, Any], *, about: Iterable[int] = ()) -> str:
    """The name of a picture, for ``Reply.image``. ``about`` are the members (by number) whom it shows: what is kept of it goes with them.

    Raises DrawingProblem for facts that the painter does not take, and for a name above 4 KB.
    """
    _checked(painter, facts)
    packed = base64.urlsafe_b64encode(msgspec.json.encode(dict(facts))).decode().rstrip("=")
    # in the words by which erasing a member finds the answers that speak of him (storage/roster.py)
    shown = "、".join(f"成员 {number}" for number in about)
    name = f"{PREFIX}{painter}:{packed}" + (f":{shown}" if shown else "")
    if len(name.encode()) > MOST_NAME_BYTES:
        raise DrawingProblem("图片的内容太多，画不下")
    return name


def is_drawn(name: str) -> bool:
    """Whether a name is that of a picture that is drawn, and not of a file."""
    return name.startswith(PREFIX)


def shown_members(name: str) -> tuple[int, ...]:
    """The members (by number) whom a drawn picture shows; none for a file."""
    return tuple(int(number) for number in _SHOWN.findall(name.split(":", 3)[3])) if is_drawn(name) and name.count(":") > 2 else ()


def title_of(name: str) -> str:
    """What a drawn picture is called as a file: 签到日历.png."""
    painter = PAINTERS.get(name.removeprefix(PREFIX).partition(":")[0])
    return f"{painter.title if painter else '图片'}.png"


class Artist:
    """Draws pictures by their names, and remembers the latest. Threads may share one; they wait for each other."""

    def __init__(self) -> None:
        self._studio = Studio()
        self._lock = Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def draw(self, name: str) -> bytes:
        """The PNG of a drawn name; the same name gives the same bytes. Raises DrawingProblem."""
        with self._lock:
            if name not in self._kept:
                painter, facts = _read(name)
                self._kept[name] = PAINTERS[painter].paint(self._studio, facts)
            self._kept.move_to_end(name)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[name]


def _read(name: str) -> tuple[str, Any]:
    if len(name.encode("utf-8", "replace")) > MOST_NAME_BYTES or not is_drawn(name):
        raise DrawingProblem("不是图片的名称，或者太长")
    painter, _, rest = name.removeprefix(PREFIX).partition(":")
    packed = rest.partition(":")[0]
    try:
        plain = msgspec.json.decode(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise DrawingProblem("图片的内容读不出来") from None
    return painter, _checked(painter, plain)


def _checked(painter: str, plain: Any) -> Any:
    if painter not in PAINTERS:
        raise DrawingProblem("没有这种图片")
    try:
        return msgspec.convert(plain, PAINTERS[painter].facts)
    except msgspec.ValidationError:
        raise DrawingProblem(f"{PAINTERS[painter].title}的内容不对") from None
