"""What an operator fills in to make an activity of a kind: the same settings as in chat, each with a field of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bot.errors import UserError
from bot.live import Contents
from rules.activity_words import Request, RequestProblem, check_moment, check_sizes


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of a kind. ``name`` is what it is called in chat, ``label`` in the form ('' the same).

    A switch is there or not; of ``choices`` one is chosen; else it is words.
    """

    name: str
    hint: str = ""
    label: str = ""
    is_switch: bool = False
    choices: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """What the form calls it."""
        return self.label or self.name


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a kind. ``example`` is a title; ``lines`` what the lines behind it are called ('' it takes none), ``sample`` how they may look.

    ``titles``: where the title is chosen among what operators wrote before, all of them by what is chosen, with what is shown; ``rules`` is the
    name of the file in which that stands. ``never``: what other kinds have, and this one refuses.
    """

    example: str = ""
    lines: str = "说明"
    sample: str = ""
    hint: str = ""
    fields: tuple[Field, ...] = ()
    titled: str = "标题"
    titles: Callable[[Contents], Mapping[str, str]] | None = None
    rules: str = ""
    never: tuple[str, ...] = ()


COMMON = (
    Field("花费", "参加要花多少积分，例如：5；取消会退回"),
    Field("奖励积分", "参加就得多少积分，例如：2"),
    Field("上限", "最多多少人，例如：50；不写就不限"),
)
"""What every kind may have, besides its times and who may enter."""


def fill(form: Form, given: Mapping[str, str], now: datetime) -> Request:
    """What somebody asks for who filled in a form, as if he had typed it in chat. ``now`` is local.

    ``given`` are the fields by what they are called, ``title``, ``lines`` (one a line), ``opens`` and ``closes``, and the conditions: ``level`` (its
    place on the ladder), ``tag``, ``days``, ``check_ins``, ``checked_in``. Raises UserError.
    """
    flat = {name: " ".join(value.split()) for name, value in given.items()}
    lines = tuple(filter(None, map(str.strip, given.get("lines", "").splitlines()))) if form.lines else ()
    settings = dict[str, tuple[str, ...]]()
    for field in (*form.fields, *COMMON):
        if value := flat.get(field.called, ""):
            settings[field.name] = (*settings.get(field.name, ()), "" if field.is_switch else value)
    if conditions := tuple(f"{said} {flat[name]}".strip() for name, said in _CONDITIONS.items() if flat.get(name)):
        settings["条件"] = conditions
    if flat.get("checked_in"):
        settings["条件"] = (*conditions, "签到")
    try:
        check_sizes(flat.get("title", ""), (*lines, *(value for values in settings.values() for value in values)))
        return Request(flat.get("title", ""), lines, settings, _moment(flat, "opens", now), _moment(flat, "closes", now))
    except RequestProblem as problem:
        raise UserError(str(problem)) from problem


def read_local(text: str, zone: tzinfo) -> datetime | None:
    """A moment as a browser writes it, in a zone; None for an empty field. Raises UserError."""
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip()[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=zone)
    except ValueError:
        raise UserError("时间请这样写：2026-03-01T20:00，或者留空。") from None


def _moment(flat: Mapping[str, str], name: str, now: datetime) -> datetime | None:
    assert now.tzinfo is not None
    found = read_local(flat.get(name, ""), now.tzinfo)
    if found:
        check_moment("开始" if name == "opens" else "截止", f"{found:%m-%d %H:%M}", found, now)
    return found


_CONDITIONS = {"level": "等级", "tag": "标签", "days": "入群", "check_ins": "签到"}
