"""生日: members tell their birthday if they like, and everybody sees whose is next. An example of an extension with all its parts.

Copy this file into the folder ``extensions`` beside config.yaml and start the bot anew. What each part may do: docs/extensions.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from bot import extensions
from bot.context import Context
from bot.errors import UserError
from bot.extensions import Extension, Form, Page, Part, Scene, Table
from bot.members import all_called
from bot.message import Message, Reply
from bot.router import Router
from storage.community import CommunityKeys
from storage.extensions import Drawer

MOST_SHOWN = 20
LEAP_YEAR = 2000
"""In which every day of any year exists."""

router = Router()


class Settings(BaseModel):
    """``extensions.settings.birthdays`` of config.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ahead_days: int = Field(default=14, ge=1, le=365)


class Birthdays:
    """Whose birthday is when: a hash for each community, member number → MM-DD. The year is nobody's business and is not asked for."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer

    def note(self, where: CommunityKeys, member: int, day: str) -> None:
        """Keeps a member's day (MM-DD); the same again changes nothing."""
        self._drawer.ask("HSET", self._key(where), member, day)

    def forget(self, where: CommunityKeys, member: int) -> bool:
        """Forgets it; False where there was none."""
        return bool(self._drawer.ask("HDEL", self._key(where), member))

    def all(self, where: CommunityKeys) -> dict[int, str]:
        """Every member's day."""
        flat = self._drawer.ask("HGETALL", self._key(where))
        return {int(member): day for member, day in zip(flat[::2], flat[1::2], strict=True)}

    def export_user(self, number: int) -> dict[str, str]:
        """A member's day, by community."""
        found = {where.id: self._drawer.ask("HGET", self._key(where), number) for where in self._drawer.places()}
        return {place: day for place, day in found.items() if day}

    def erase_user(self, number: int) -> str:
        """Forgets a member everywhere."""
        gone = sum(self.forget(where, number) for where in self._drawer.places())
        return f"删除了 {gone} 个生日"

    def _key(self, where: CommunityKeys) -> str:
        return self._drawer.key(where, "days")


# In the chat ----------------------------------------------------------------------------------------------------------------


@router.command("我的生日", takes_words=True)
def tell(message: Message, ctx: Context) -> Reply:
    """我的生日 3-15：让大家到时候祝福你；“我的生日 忘掉”就不再记着"""
    words = " ".join(ctx.args)
    store, where = extension.store_of(ctx.stores), ctx.community.keys
    if words == "忘掉":
        return Reply("好，忘掉了。" if store.forget(where, ctx.member) else "本来就没有记着你的生日。")
    day = read_day(words)
    store.note(where, ctx.member, day)
    return Reply(f"记下了：{shown(day)}。想收回就说“我的生日 忘掉”。")


@router.command("生日")
def coming(message: Message, ctx: Context) -> Reply:
    """生日：看看最近谁过生日"""
    store, ahead = extension.store_of(ctx.stores), extension.settings_of(ctx.config).ahead_days
    soon = next_ones(store.all(ctx.community.keys), ctx.today(), ahead)
    if not soon:
        return Reply(f"今后 {ahead} 天没有人过生日。说“我的生日 3-15”，让大家记住你的。")
    names = all_called(ctx.stores, [member for member, _ in soon])
    return Reply("\n".join(["最近的生日：", *(f"- {shown(day)} {names[member]}" for member, day in soon)]))


# In the console -------------------------------------------------------------------------------------------------------------


def show(scene: Scene) -> Sequence[Part]:
    """Everybody's day, and a form that takes one out."""
    days = extension.store_of(scene.stores).all(scene.community.keys)
    ahead = extension.settings_of(scene.config).ahead_days
    soon = next_ones(days, scene.now.astimezone(scene.community.zone).date(), ahead)
    names = all_called(scene.stores, [member for member, _ in soon])
    table = Table(
        ("日子", "谁", "编号"), [(shown(day), names[member], str(member)) for member, day in soon], f"今后 {ahead} 天", "没有人过生日。"
    )
    return (
        f"{len(days)} 位成员说过自己的生日。",
        table,
        Form("forget", "忘掉", [extensions.Field("member", "成员编号", "number")], "忘掉一位成员的生日"),
    )


def act(scene: Scene, act: str, given: Mapping[str, str]) -> str:
    """Takes a member's birthday out."""
    number = given["member"]
    if not number.isdecimal() or not extension.store_of(scene.stores).forget(scene.community.keys, int(number)):
        raise UserError("没有记着这位成员的生日，看看编号对不对。")
    return f"忘掉了成员 {number} 的生日。"


# Pure parts -----------------------------------------------------------------------------------------------------------------


def read_day(text: str) -> str:
    """3-15, 3月15日, 3.15 → 03-15. Raises UserError."""
    found = re.fullmatch(r"(\d{1,2})\s*[-月./]\s*(\d{1,2})\s*日?", text.strip())
    try:
        return date(LEAP_YEAR, int(found[1]), int(found[2])).strftime("%m-%d") if found else _refuse()
    except ValueError:
        return _refuse()


def next_ones(days: Mapping[int, str], today: date, ahead: int) -> list[tuple[int, str]]:
    """Members whose day is within the next so many days, the nearest first."""
    away = {member: days_until(day, today) for member, day in days.items()}
    soon = sorted((left, member) for member, left in away.items() if left <= ahead)
    return [(member, days[member]) for _, member in soon[:MOST_SHOWN]]


def days_until(day: str, today: date) -> int:
    """How many days from today; who was born on a leap day celebrates on March 1 in other years."""
    month, of_month = map(int, day.split("-"))
    years = (today.year, today.year + 1)
    dates = [date(year, month, of_month) if (month, of_month) != (2, 29) or _is_leap(year) else date(year, 3, 1) for year in years]
    return min((one - today).days for one in dates if one >= today)


def shown(day: str) -> str:
    """03-15 → 3 月 15 日."""
    month, of_month = map(int, day.split("-"))
    return f"{month} 月 {of_month} 日"


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _refuse() -> Any:
    raise UserError("请写成月和日，例如：我的生日 3-15")


extension: Extension[Settings, Birthdays] = Extension(
    name="birthdays", title="生日", router=router, settings=Settings, store=Birthdays, page=Page(show, act, words="祝福 birthday")
)
