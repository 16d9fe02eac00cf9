"""开奖: who won what, by number and name, with the short form of what proves it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bot.pictures.canvas import WIDTH, Canvas, Studio, Style
from bot.pictures.palette import AMBER, CORAL, DEEP_CORAL, HAIR, INK, MUTED, PALE_AMBER, PALE_CORAL, WHITE

Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Words = Annotated[str, Meta(max_length=64)]

_EDGE, _HEAD, _LINE, _PRIZE, _ROW, _FOOT = 48, 330, 76, 92, 84, 190


class Winner(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A ticket's number and whose it is. In the facts it is a list, for many of them have to fit into a name."""

    ticket: Count
    name: Words


class Won(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prize: ``won`` of ``of`` copies were drawn, and some of those who won one."""

    name: Words
    won: Count
    of: Count
    rows: Annotated[tuple[Winner, ...], Meta(max_length=20)]


class Winners(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lottery that was drawn; ``commitment`` and ``listed`` are its hashes, shortened, ``check`` says how to check them."""

    title: Words
    community: Words
    entries: Count
    winners: Count
    prizes: Annotated[tuple[Won, ...], Meta(max_length=20)]
    commitment: Words
    listed: Words
    check: Words


def paint(studio: Studio, facts: Winners) -> bytes:
    """The winners as a PNG, two in a row."""
    heading, room = Style(60, WHITE, bold=True), WIDTH - 2 * _EDGE - 32
    titles = Canvas(studio, 1, WHITE).wrap(facts.title, heading, room)
    head = _HEAD + (len(titles) - 1) * _LINE
    bottom = head + 20 + sum(_PRIZE + -(-_cells(prize) // 2) * _ROW for prize in facts.prizes) + 28
    canvas = Canvas(studio, bottom + _FOOT, "#fbf4f1")
    canvas.panel((0, -60, WIDTH, head + 70), 60, CORAL)
    canvas.disc(WIDTH - 80, 50, 190, DEEP_CORAL)
    canvas.disc(10, head + 30, 110, DEEP_CORAL)
    canvas.write(_EDGE + 16, 92, "开奖啦", Style(40, PALE_CORAL))
    for at, line in enumerate(titles):
        canvas.write(_EDGE + 16, 168 + at * _LINE, line, heading, room)
    canvas.write(_EDGE + 16, head - 84, f"{facts.entries:,} 人参加 · {facts.winners:,} 人中奖", Style(36, PALE_CORAL), room)
    canvas.panel((_EDGE, head, WIDTH - _EDGE, bottom), 40, WHITE)
    top = head + 20
    for at, prize in enumerate(facts.prizes):
        if at:
            canvas.panel((_EDGE + 40, top + 6, WIDTH - _EDGE - 40, top + 8), 0, HAIR)
        top = _prize(canvas, top, prize)
    _proof(canvas, bottom, facts)
    return canvas.png()


def _cells(prize: Won) -> int:
    return len(prize.rows) + (prize.won > len(prize.rows))


def _prize(canvas: Canvas, top: int, prize: Won) -> int:
    left, right, middle = _EDGE + 40, WIDTH - _EDGE - 40, top + 54
    canvas.disc(left + 14, middle, 14, AMBER)
    count = f"{prize.won:,} 份" if prize.won == prize.of else f"抽出 {prize.won:,} / {prize.of:,} 份"
    wide = canvas.write(right, middle, count, Style(32, MUTED, align="right"))
    canvas.write(left + 48, middle, prize.name, Style(42, INK, bold=True), right - wide - left - 80)
    top += _PRIZE
    for at in range(_cells(prize)):
        x, y = left + at % 2 * (right - left + 24) // 2, top + at // 2 * _ROW
        _cell(canvas, x, y, (right - left - 24) // 2, prize, at)
    return top + -(-_cells(prize) // 2) * _ROW


def _cell(canvas: Canvas, x: int, y: int, wide: int, prize: Won, at: int) -> None:
    middle = y + _ROW // 2
    canvas.panel((x, y + 6, x + wide, y + _ROW - 6), 24, PALE_AMBER)
    if at == len(prize.rows):
        canvas.write(x + wide // 2, middle, f"还有 {prize.won - at:,} 人", Style(32, MUTED, align="middle"), wide - 40)
        return
    winner = prize.rows[at]
    used = canvas.write(x + wide - 24, middle, f"{winner.ticket:,} 号", Style(30, MUTED, align="right"), 200)
    canvas.write(x + 28, middle, canvas.name(winner.name), Style(38, INK), wide - used - 76)


def _proof(canvas: Canvas, bottom: int, facts: Winners) -> None:
    left, right = _EDGE + 16, WIDTH - _EDGE - 16
    for at, line in enumerate((f"承诺 {facts.commitment}", f"名单 {facts.listed}")):
        canvas.write(left, bottom + 50 + at * 48, line, Style(30, INK), 640)
    canvas.write(left, bottom + 146, f"{facts.check}，谁都可以重算", Style(28, MUTED), 640)
    canvas.write(right, bottom + 146, facts.community, Style(28, MUTED, align="right"), 300)
