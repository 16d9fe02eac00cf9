"""运营内容: 问答、词库、欢迎语、积分规则、推送 – as files, out and in; every version shown and taken back. Live everywhere within two seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.errors import UserError
from bot.members import name_of
from bot.permissions import Actor
from bot.segment_desk import refuse_unagreed
from rules.content_diff import difference, tell_change
from rules.contents import KINDS, SEGMENTS, ContentProblem, Kind, is_one_of, text_of, to_items
from storage.content import ChangedSince, NoSuchVersion, Outdated, Version
from storage.stores import Stores

MOST_NAMED = 5


def find_kind(name: str) -> Kind[Any]:
    """A kind of content by its name, such as ``faq``, or its Chinese title. Raises UserError."""
    for kind in KINDS.values():
        if name in (kind.name, kind.title):
            return kind
    raise UserError(f"没有“{name}”这种内容，可以是：" + "、".join(f"{kind.name}（{kind.title}）" for kind in KINDS.values()))


def publish(
    stores: Stores, kind: Kind[Any], text: str, author: str, now: datetime, *, note: str = "", expect: int | None = None
) -> int:  # fmt: skip
    """Puts a whole file in force; gives the number of the version, the one before when nothing differs.

    Raises UserError with every problem in the file, or when somebody else changed the content meanwhile: since it was read here, or since the
    version ``expect`` that was edited.
    """
    wanted = _items(kind, text)
    before, present = stores.content.snapshot(kind.name)
    try:
        # One file of a folder speaks for itself only; a list says all that is to be there.
        changes = difference(present, wanted, replace=not is_one_of(kind, text))
        if changes and expect not in (None, before):
            raise Outdated(before)
        _refuse_unagreed(stores, kind, present, changes, now)
        version = stores.content.put(kind.name, changes, author, now, note=note, expect=before)
    except Outdated:
        raise UserError(f"{kind.title}刚刚被别人改过，请重新导出再改，免得盖掉他的修改") from None
    if version != before:
        stores.audit.record("", author, f"{kind.title} 发布", f"第 {version} 版", f"第 {before} 版", f"改 {len(changes)} 处", now, once="")
    return version


def check(stores: Stores, kind: Kind[Any], text: str) -> int:
    """How many items a file would change if it were published. Raises UserError with every problem in it."""
    wanted = _items(kind, text)
    _, present = stores.content.snapshot(kind.name)
    return len(difference(present, wanted, replace=not is_one_of(kind, text)))


def current_text(stores: Stores, kind: Kind[Any]) -> str:
    """The file in force. Raises UserError when there is none yet."""
    version, items = stores.content.snapshot(kind.name)
    if not version:
        raise UserError(f"还没有{kind.title}：机器人第一次启动时才读入初始内容")
    return text_of(kind, items)


def history(stores: Stores, kind: Kind[Any], zone: ZoneInfo, count: int = 20) -> list[str]:
    """The newest versions, a line each: number, when (in ``zone``), who, what for, how many changes."""
    return [_told(stores, version, zone) for version in stores.content.history(kind.name, count)]


def diff(stores: Stores, kind: Kind[Any], number: int, zone: ZoneInfo, *, most: int = 100) -> list[str]:
    """What a version changed, as lines; of more than ``most`` items the rest is counted. Raises UserError."""
    try:
        version, changes = stores.content.version(kind.name, number)
    except NoSuchVersion:
        raise UserError(_no_version(kind, number)) from None
    told = [line for change in changes[:most] for line in tell_change(kind, change.id, change.before, change.after)]
    rest = [f"……还有 {len(changes) - most} 条"] if len(changes) > most else []
    return [_told(stores, version, zone), *told, *rest]


def undo(stores: Stores, kind: Kind[Any], number: int, actor: Actor, now: datetime, *, once: str = "") -> int:
    """Puts back what a version changed, as a new version, and gives its number. Raises UserError, naming what was changed again since.

    The FAQ is undone at its desk (bot/faq_desk.py), which tries the stored questions first.
    """
    try:
        if kind is SEGMENTS and not stores.content.made(kind.name, once):
            _, changes = stores.content.version(kind.name, number)
            present = stores.content.snapshot(kind.name)[1]
            _refuse_unagreed(stores, kind, present, {change.id: change.before for change in changes}, now)
        version = stores.content.undo(kind.name, number, actor.id, now, once=once)
    except NoSuchVersion:
        raise UserError(_no_version(kind, number)) from None
    except ChangedSince as since:
        names = "、".join(filter(None, since.ids[:MOST_NAMED])) or kind.title
        raise UserError(f"不能撤销第 {number} 版：{names} 之后又改过，请先撤销后来的修改，或者直接修改") from None
    stores.audit.record("", actor.id, f"{kind.title} 撤销", f"第 {number} 版", "", f"第 {version} 版", now, once=once)
    return version


def _refuse_unagreed(stores: Stores, kind: Kind[Any], present: Mapping[str, str], changes: Mapping[str, str | None], now: datetime) -> None:
    """Raises UserError for saved segments by whose change a push would go to others than those for whom somebody agreed to it."""
    if kind is SEGMENTS and changes:
        would_be = {id: text for id, text in {**present, **changes}.items() if text is not None}
        refuse_unagreed(stores, present, would_be, now)


def _items(kind: Kind[Any], text: str) -> dict[str, str]:
    try:
        return to_items(kind, text)
    except ContentProblem as problem:
        raise UserError("\n".join(problem.problems)) from problem


def _told(stores: Stores, version: Version, zone: ZoneInfo) -> str:
    who = version.author
    if who.isdigit():
        who = name_of(stores, int(who))
    note = f"  {version.note}" if version.note else ""
    return f"第 {version.number} 版  {version.at.astimezone(zone):%Y-%m-%d %H:%M}  {who}  {version.count} 处{note}"


def _no_version(kind: Kind[Any], number: int) -> str:
    return f"{kind.title}没有第 {number} 版，或者太久了不再保存，请先看历史"
