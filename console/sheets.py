"""What a table to take along is: declared once, with the page that shows it, who may have it, its columns, and where its rows come from.

Rows come one by one, and no more than ``MOST_ROWS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from itertools import islice
from typing import TypeVar

from bot.communities import Community
from bot.faq_office import Office
from bot.permissions import Role
from console.parts import Parts
from rules.cells import CellKind
from rules.figures import COUNTERS

MOST_ROWS = 200_000
AT_ONCE = 200
"""Rows that are read in one go."""
Cells = Sequence[str]
T = TypeVar("T")

COUNTED: Mapping[str, str] = {name: said for name, said in COUNTERS.items() if not name.endswith(":")}
"""The counters that are columns: those whose names are whole."""
_NUMBERS = (
    "编号", "条数", "这一分钟", "每分钟最多", "看到的", "做了的", "看过", "改判", "从几分起",
    "积分", "累计积分", "连续签到", "累计签到", "变动", "余额", "订单", "今天换出", "参加人数", "先后", "得分", "赞", "人数", "案件", "工单",
    "首次回复（分钟）", "级别", "次数", "打卡天数", "完成次数", "消息", "说话的人", "新人", "成员数", "新成员数", "活跃", "7 天活跃", "30 天活跃", "参加活动",
    *COUNTED.values(),
)  # fmt: skip
KINDS: Mapping[str, CellKind] = {
    **dict.fromkeys(_NUMBERS, "number"),
    **dict.fromkeys(("日期", "最近发言", "开始的那天", "开始", "最近用的那天", "哪一周来的"), "day"),
    **dict.fromkeys(
        (
            "时间",
            "第一次发言",
            "结束",
            "建立",
            "截止",
            "处理时间",
            "最近一次",
            "第一次听到",
            "最近打卡",
            "开始时间",
            "下次试",
            "启动",
            "到期",
            "登录",
        ),
        "moment",
    ),
}
"""What stands below a head: a head means the same in every table."""


@dataclass(slots=True)
class Source:
    """What rows are made from: a community, who looks (``office``), and which of its things (the number or id in the address).

    What is about all communities is told in the zone of one of them.
    """

    parts: Parts
    community: Community
    office: Office
    of: str = ""
    everywhere: bool = False
    role: Role = "viewer"
    names: dict[int, str] = field(default_factory=dict)

    def at(self, moment: datetime | None) -> str:
        """A moment as it reads there."""
        return moment.astimezone(self.community.zone).strftime("%Y-%m-%d %H:%M") if moment else ""

    @property
    def today(self) -> date:
        """The day there."""
        return self.community.day_of(self.parts.clock())

    def number(self) -> int:
        """The number that the address names, 0 for none."""
        return int(self.of) if self.of.isdecimal() and len(self.of) < 16 else 0

    def called(self, number: int) -> str:
        """What a member is called, '' for nobody. Names that were looked up are remembered for the rows that follow."""
        if number <= 0:
            return ""
        if number not in self.names:
            self.learn([number])
        return self.names[number]

    def learn(self, numbers: Iterable[int]) -> None:
        """Looks up what some members are called; one round trip."""
        unknown = [number for number in dict.fromkeys(numbers) if number > 0 and number not in self.names]
        if unknown:
            if len(self.names) > 20_000:
                self.names.clear()
            found = self.parts.stores.directory.find_names(unknown)
            self.names.update({number: found.get(number) or f"成员 {number}" for number in unknown})


@dataclass(frozen=True)
class Table:
    """A table to take along. ``page`` is the endpoint (without ``console.``) that shows it, ``of`` the part of its address that says of what.

    ``is_for_all``: it is about all communities, and its role is needed in all. Without ``heads`` the rows bring theirs with them.
    """

    name: str
    title: str
    page: str
    role: Role
    heads: Sequence[str]
    rows: Callable[[Source], Iterator[Cells]]
    of: str = ""
    is_for_all: bool = False

    @cached_property
    def endpoint(self) -> str:
        """The endpoint that gives it out."""
        return f"console.table_{self.name}"

    def path(self, place: str, form: str) -> str:
        """Where it is given out, below the console's own address."""
        return f"{'' if self.is_for_all else f'/in/{place}'}/tables/{self.name}.{form}"

    @property
    def kinds(self) -> Sequence[CellKind]:
        """What the cells of each column are."""
        return [KINDS.get(head, "text") for head in self.heads]

    def lines(self, source: Source) -> Iterator[Cells]:
        """The head and the rows; where there are more than ``MOST_ROWS``, a last line says so."""
        if self.heads:
            yield self.heads
        rows = self.rows(source)
        yield from islice(rows, MOST_ROWS)
        if next(rows, None) is not None:
            yield [f"只导出前 {MOST_ROWS} 行", *([""] * max(len(self.heads) - 1, 0))]


def batches(found: Iterable[T]) -> Iterator[list[T]]:
    """Pieces of ``AT_ONCE``."""
    coming = iter(found)
    while batch := list(islice(coming, AT_ONCE)):
        yield batch


def paged(read: Callable[[int, int], Sequence[T]]) -> Iterator[list[T]]:
    """Everything that pages of (how many, after how many) hold."""
    skip = 0
    while page := list(read(AT_ONCE, skip)):
        yield page
        skip += len(page)
