"""邀请海报: a member's invitation code, and the same as a QR code that a telephone reads."""

from __future__ import annotations

from typing import Annotated

import msgspec
import segno
from msgspec import Meta

from bot.pictures.canvas import NOBODY, WIDTH, Canvas, Studio, Style
from bot.pictures.palette import DEEP_GREEN, GREEN, INK, MUTED, PALE_GREEN, WHITE

Name = Annotated[str, Meta(max_length=64)]

_EDGE, _HEIGHT = 88, 1500
_CARD = (_EDGE, 430, WIDTH - _EDGE, 1330)
_QR_TOP, _QR_SIDE = 500, 540


class Invite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An inviter ('' is left out) of a community with his code; ``target`` is what the QR code says, ``hint`` what a newcomer is to do."""

    nickname: Name
    community: Name
    code: Annotated[str, Meta(min_length=1, max_length=16)]
    target: Annotated[str, Meta(min_length=1, max_length=400)]
    sentence: Annotated[str, Meta(max_length=120)] = ""
    hint: Annotated[str, Meta(max_length=120)] = ""


def paint(studio: Studio, facts: Invite) -> bytes:
    """The poster as a PNG."""
    canvas = Canvas(studio, _HEIGHT, GREEN)
    canvas.disc(WIDTH - 40, 90, 300, DEEP_GREEN)
    canvas.disc(60, _HEIGHT - 120, 260, DEEP_GREEN)
    middle, room = WIDTH // 2, WIDTH - 2 * _EDGE
    name = canvas.name(facts.nickname)
    above, says = Style(44, PALE_GREEN, align="middle"), "邀请你加入"
    if facts.nickname and name != NOBODY:
        says = f"{canvas.cut(name, above, room - canvas.width_of(says, above) - 20)} {says}"
    canvas.write(middle, 116, says, above, room)
    canvas.write(middle, 204, canvas.name(facts.community), Style(76, WHITE, bold=True, align="middle"), room)
    style = Style(40, WHITE, face="serif", align="middle")
    for at, line in enumerate(canvas.wrap(facts.sentence, style, room)):
        canvas.write(middle, 306 + 56 * at, line, style, room)
    canvas.panel(_CARD, 56, WHITE)
    _qr(canvas, facts.target, middle - _QR_SIDE // 2, _QR_TOP)
    canvas.write(middle, 1100, "邀请码", Style(34, MUTED, align="middle"))
    canvas.write(middle, 1188, " ".join(facts.code), Style(84, INK, bold=True, align="middle"), room - 80)
    canvas.write(middle, 1276, facts.hint, Style(32, MUTED, align="middle"), room - 60)
    canvas.write(middle, 1416, "长按或扫一扫识别", Style(36, PALE_GREEN, align="middle"))
    return canvas.png()


def _qr(canvas: Canvas, target: str, left: int, top: int) -> None:
    """A QR code within a square of ``_QR_SIDE`` pixels, its modules of a whole number of pixels; the card is the white that it needs around it."""
    modules = segno.make_qr(target, error="m").matrix
    size = max(2, _QR_SIDE // len(modules))
    start = (_QR_SIDE - size * len(modules)) // 2
    for y, row in enumerate(modules):
        for x, is_dark in enumerate(row):
            if is_dark:
                at_x, at_y = left + start + x * size, top + start + y * size
                canvas.panel((at_x, at_y, at_x + size, at_y + size), 0, INK)
