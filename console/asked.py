"""What an address or a form asks for: read with limits, whoever wrote it."""

from __future__ import annotations

import secrets

from flask import abort, request

from bot.errors import UserError
from console.parts import visitor
from rules.numerals import whole

MOST_PAGES = 500


def number_of(name: str, least: int, most: int) -> int:
    """A number of the address, ``least`` where there is none or it is none."""
    text = request.args.get(name, "")
    return min(max(int(text), least), most) if text.isdecimal() and len(text) < 9 else least


def number_in(name: str, least: int, most: int) -> int:
    """A number of the form. Answers 400 where it is none, or not between these."""
    text = request.form.get(name, "")
    number = whole(text, most, least)
    if number is None:
        abort(400)
    return number


def page_of() -> int:
    """Which page of a list is asked for, from 1."""
    return number_of("page", 1, MOST_PAGES)


def words_of(name: str, most: int, *, wanted: str = "", lines: bool = False) -> str:
    """One line of the form, or with ``lines`` as many as it has. Raises UserError with ``wanted`` where it is empty, and when it is longer than
    ``most`` characters."""
    given = request.form.get(name, "")
    text = "\n".join(" ".join(line.split()) for line in given.strip().splitlines()) if lines else " ".join(given.split())
    if not text and wanted:
        raise UserError(wanted)
    if len(text) > most:
        raise UserError(f"太长了：有 {len(text)} 个字，最多 {most} 个，请写短一些。")
    return text


def fresh_once() -> str:
    """A mark for the forms of one page: what is posted twice with it is done once."""
    return secrets.token_hex(8)


def once_of() -> str:
    """The name of the act that a form asks for, by its mark. Answers 400 for a form without one: it could be done twice."""
    mark = request.form.get("once", "")
    if not (mark.isalnum() and mark.isascii() and len(mark) <= 32):
        abort(400, "这个页面已经过期：请返回、刷新以后再提交一次。")
    return f"console:{visitor().number}:{mark}"
