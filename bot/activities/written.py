"""What the kinds that members write for have in common: the limits in their specs, and texts as they are quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import UserError
from bot.members import all_called, plain
from rules.lines import one_line
from storage.stores import Stores
from storage.submissions import Submission

LONGEST_NOTE = 500
MOST_PRIZE = 100_000


def note_of(spec: Mapping[str, Any], example: str) -> str:
    """The words that an operator put with it. Raises UserError where they are too long."""
    note = "\n".join(line.strip() for line in str(spec.get("note", "")).splitlines() if line.strip())
    if len(note) > LONGEST_NOTE:
        raise UserError(f"说明有 {len(note)} 个字，最多 {LONGEST_NOTE} 个。例如：{example}")
    return note


def number_of(spec: Mapping[str, Any], name: str, title: str, default: int, least: int, most: int, example: str) -> int:
    """A number of a spec, ``default`` where it has none. Raises UserError for what is no number between ``least`` and ``most``."""
    given = str(spec.get(name, default)).strip().removesuffix("积分").removesuffix("分").removesuffix("条").removesuffix("篇").strip()
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and least <= int(given) <= most):
        raise UserError(f"“{title}”要写 {least} 到 {most} 的整数，例如：{example}")
    return int(given)


def quoted(stores: Stores, found: Sequence[Submission], most: int = 80) -> list[str]:
    """Submissions, each on a line with who wrote it (nobody, of the tree hole), its number and its likes."""
    names = all_called(stores, authors_of(found))
    return [_quoted(one, names, most) for one in found]


def _quoted(one: Submission, names: Mapping[int, str], most: int) -> str:
    text = one_line(plain(one.text), most)
    who = f"{names[one.author]}：" if one.author else ""
    picture = "[图片]" if one.pictures else ""
    return f"{one.number}. {who}{text}{picture}{f'（赞 {one.likes}）' if one.likes else ''}"


def authors_of(found: Sequence[Submission]) -> tuple[int, ...]:
    """Who wrote these, each once, without the tree hole's."""
    return tuple(dict.fromkeys(one.author for one in found if one.author))
