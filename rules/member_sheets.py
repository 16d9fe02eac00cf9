"""Members as a table: what another bot, a points system or a list kept by hand knows of them – and our own export.

Columns are known by their heads, in any order, with or without spaces. What is wrong is told for every row, in words that say what to do; the
row's own cells go with it, so that a file of nothing but the bad rows can be handed back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from rules.lines import one_line
from rules.sheets import Sheet

HEADS: Mapping[str, tuple[str, ...]] = {
    "community": ("社群", "社群id", "群", "所在社群", "community"),
    "user": (
        "成员 ID", "企业微信id", "企业微信账号", "用户id", "会员id", "账号", "帐号", "成员账号", "userid", "user", "user_id", "id",
    ),
    "external": ("外部联系人 ID", "外部联系人", "外部id", "客户id", "external_userid", "externaluserid", "external_id"),
    "name": ("名字", "姓名", "昵称", "称呼", "成员", "成员姓名", "客户名称", "客户名", "name", "nickname"),
    "points": ("积分", "当前积分", "剩余积分", "可用积分", "积分余额", "余额", "points", "balance", "score"),
    "earned": ("累计获得", "累计积分", "历史积分", "总积分", "成长值", "经验", "经验值", "earned", "total_points"),
    "lapses": ("积分到期", "到期", "有效期", "过期时间", "lapses", "expires"),
    "level": ("等级", "级别", "会员等级", "level"),
    "streak": ("连续签到", "连续签到天数", "连续天数", "连签", "连签天数", "streak"),
    "longest": ("最长连续", "最长连续签到", "最长连续天数", "最高连续", "最长连签", "longest"),
    "check_ins": ("累计签到", "累计签到天数", "签到天数", "签到次数", "签到总数", "总签到", "check_ins", "checkins"),
    "last": ("最近签到", "最后签到", "最后签到日期", "上次签到", "最近签到日期", "签到日期", "last_check_in"),
    "days": ("签到日", "签到日历", "签到记录", "打卡日期", "days"),
    "cards": ("补签卡", "补签卡数", "补签次数", "cards"),
    "badges": ("勋章", "徽章", "荣誉", "成就", "badges"),
    "tags": ("标签", "用户标签", "成员标签", "客户标签", "tags"),
    "joined": ("入群时间", "入群日期", "加入时间", "加入日期", "进群时间", "注册时间", "joined"),
}  # fmt: skip
"""What our columns may be called; the first is what we call them."""
UNUSED = frozenset(("序号", "编号", "备注", "排名", "名次", "问题", "problem"))
"""Columns that such sheets have and nobody needs: 问题 is the one in which our own report says what is wrong."""
WIDTHS = (14, 24, 24, 16, 10, 10, 26, 12, 10, 10, 10, 14, 40, 10, 34, 30, 14)
HEAD_ROWS = 10
"""Rows among which the head is looked for."""
MOST_POINTS = 1_000_000_000
MOST_DAYS = 36_500
MOST_CARDS = 1_000
MOST_MEMBERS = 200_000
MOST_LISTED = 50
"""Badges or tags of one member."""
MOST_RUNS = 2_000
"""Runs of days in one cell."""
LONGEST_CELL = 32_767
LONGEST_QUOTED = 20
"""Characters of a cell in the problem that it has."""
LONGEST_NAME = 64
LONGEST_ID = 64
NEVER = "永不"

_COLUMN_OF = {re.sub(r"[\s_]", "", name).lower(): column for column, names in HEADS.items() for name in names}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@\-]*")
_NUMBER = re.compile(r"([+-]?\d+)(?:\.0+)?(?:分|积分|天|次|张|个)?")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_BARE_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_LOT = re.compile(r"(\S+?)[ :：=]+(\S+)")
_DATED = re.compile(r"(.+?)\s*[(（]\s*(\d{4}\S*?)\s*[)）]")
_RUN = re.compile(r"(\S+?)(?:\s*(?:~|～|至|到|—)\s*(\S+))?")
_LIST = re.compile(r"[\n;；,，、|｜]+")
_NOTHING = frozenset(("-", "—", "/", "无", "没有", "暂无", "null", "none", "nan", "n/a", "#n/a"))
_EXCEL_ERROR = re.compile(r"#(?:REF|VALUE|NAME|DIV/0|NUM|NULL|N/A|GETTING_DATA)[!?]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that lapse after ``day``."""

    day: date
    points: int


@dataclass(frozen=True, slots=True)
class Worn:
    """A badge as a sheet names it (title or id), and since when; None where it does not say."""

    name: str
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Days in a row, both included."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class MemberRow:
    """What a sheet says of a member. None, or an empty tuple: it says nothing about that, and nothing of it is changed."""

    line: int
    user: str
    community: str = ""
    name: str = ""
    points: int | None = None
    earned: int | None = None
    lapses: tuple[Lot, ...] | None = None
    level: str = ""
    streak: int | None = None
    longest: int | None = None
    check_ins: int | None = None
    last: date | None = None
    days: tuple[Run, ...] = ()
    cards: int | None = None
    badges: tuple[Worn, ...] = ()
    tags: tuple[str, ...] = ()
    joined: date | None = None
    place: str = ""
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken in: where it is, what is wrong and what to do about each thing, and its cells as they stood.

    ``row`` is what could be read of it, so that what else is wrong can be told at once.
    """

    line: int
    place: str
    says: tuple[str, ...]
    cells: tuple[str, ...] = ()
    row: MemberRow | None = None

    def __str__(self) -> str:
        return f"{self.place}：{'；'.join(self.says)}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file gives: members, the rows that are wrong, and what its reader should know besides. ``head`` is that of the first table."""

    rows: tuple[MemberRow, ...] = ()
    bad: tuple[BadRow, ...] = ()
    notes: tuple[str, ...] = ()
    head: tuple[str, ...] = ()


class _Wrong(Exception):
    """A cell that is not what its column wants; says the remedy."""


# Out ------------------------------------------------------------------------------------------------------------------
def table_of(rows: Iterable[MemberRow]) -> Iterator[list[str]]:
    """The table of members, its head first. What is None stays empty."""
    yield [names[0] for names in HEADS.values()]
    for row in rows:
        yield [_cell(row, column) for column in HEADS]


def report_of(reading: Reading) -> Iterator[list[str]]:
    """The table of the bad rows, as they stood, with what is wrong in a column of its own: mend it there and import it again."""
    width = max([len(reading.head), *(len(bad.cells) for bad in reading.bad)])
    yield [*_padded(reading.head, width), "问题", "原来的行"]
    for bad in reading.bad:
        yield [*_padded(bad.cells, width), "；".join(bad.says), bad.place]


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]


def _cell(row: MemberRow, column: str) -> str:
    if column == "external":
        return ""
    value = getattr(row, column)
    if column == "lapses":
        return "" if value is None else "、".join(f"{lot.day.isoformat()} {lot.points}" for lot in value) or NEVER
    if column == "days":
        return "、".join(str(run.first) if run.first == run.last else f"{run.first}~{run.last}" for run in value)[:LONGEST_CELL]
    if column == "badges":
        return "、".join(f"{worn.name}（{worn.since.isoformat()}）" if worn.since else worn.name for worn in value)
    if column == "tags":
        return "、".join(value)
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


# In -------------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Gatherer:
    """Goes through the rows of all tables."""

    today: date
    as_of: date | None
    rows: list[MemberRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def take(self, line: int, place: str, cells: Sequence[str], columns: Mapping[int, str], head: Sequence[str]) -> None:
        """The next row."""
        said, wrong = _read_cells(cells, columns, head)
        wrong += self._contradictions(said) if not wrong else []
        said["user"] = said.pop("external", "") or said.get("user", "")
        row = MemberRow(line=line, place=place, cells=tuple(cells), **said)
        if wrong:
            self.bad.append(BadRow(line, place, tuple(wrong), tuple(cells), row))
        else:
            self.rows.append(row)

    def _contradictions(self, said: dict[str, Any]) -> list[str]:
        wrong: list[str] = []
        users = [said[column] for column in ("user", "external") if said.get(column)]
        if len(set(users)) != 1:
            both = "“成员 ID”和“外部联系人 ID”只能填一个" if users else "没有成员 ID：请填企业微信的 userid，外部联系人填 external_userid"
            return [both]
        said.update(self._checked_in(said, wrong))
        late = {column: day for column in ("last", "joined") if (day := said.get(column)) and day > self.today}
        wrong += [f"{_title(column)} {day.isoformat()} 在今天以后，请改正" for column, day in late.items()]
        if sum(lot.points for lot in said.get("lapses") or ()) > (said.get("points") or 0):
            wrong.append("“积分到期”里的分数加起来比积分还多，请改正")
        return wrong

    def _checked_in(self, said: Mapping[str, Any], wrong: list[str]) -> dict[str, Any]:
        """The check-ins of a row, made whole: a streak is at least as long as nothing, the longest at least as long as it, the total as that."""
        streak, longest, total, last = (said.get(name) for name in ("streak", "longest", "check_ins", "last"))
        runs: tuple[Run, ...] = said.get("days") or ()
        if streak is None and longest is None and total is None and not runs:
            return {}
        if runs:
            last = last or runs[-1].last
            streak = len(runs[-1]) if streak is None else streak
            longest = max(longest or 0, streak, *map(len, runs))
            total = max(total or 0, sum(map(len, runs)))
            if last < runs[-1].last:
                wrong.append(f"最近签到（{last}）比“签到日”里的最后一天（{runs[-1].last}）早，请改正")
        last = last or (self.as_of if streak else None)
        if streak and last is None:
            wrong.append("有连续签到，却没有“最近签到”的日期，请加上这一列；大家都签到到同一天的，可以用 --as-of 日期")
        if longest is not None and longest < (streak or 0):
            wrong.append(f"最长连续（{longest}）比现在的连续签到（{streak}）短，请改正")
        streak = max(streak or 0, 1) if last else streak  # on his last day he did check in
        whole_longest = max(longest or 0, streak or 0)
        if total is not None and total < whole_longest:
            wrong.append(f"累计签到（{total}）比连续签到（{whole_longest}）少，请改正")
        return {"streak": streak or 0, "longest": whole_longest, "check_ins": max(total or 0, whole_longest), "last": last}


def members_of(sheets: Iterable[Sheet], *, today: date, as_of: date | None = None) -> Reading:
    """The members of tables. ``today`` is the last day that may stand in it; ``as_of`` the last check-in of those whose row has no date for it."""
    gatherer, notes, first = _Gatherer(today, as_of), list[str](), tuple[str, ...]()
    listed = list(sheets)
    for sheet in listed:
        found = _find_head(sheet)
        if found is None:
            if sheet.rows and len(listed) > 1:
                notes.append(f"工作表“{sheet.name}”没有“成员 ID”一列，没有读")
            continue
        at, columns, unknown = found
        head = sheet.rows[at][1]
        first = first or tuple(head)
        if unknown:
            notes.append("没有用到的列：" + "、".join(unknown))
        where = f"工作表“{sheet.name}”" if len(listed) > 1 else ""
        for line, cells in sheet.rows[at + 1 :]:
            if not any(cell.strip() for cell in cells):
                continue
            gatherer.take(line, f"{where}第 {line} 行", cells, columns, head)
            if len(gatherer.rows) > MOST_MEMBERS:
                return Reading((), (BadRow(line, f"第 {line} 行", (f"一个文件最多 {MOST_MEMBERS} 人，请分成几个",)),), tuple(notes), first)
    if not first:
        asked = "、".join(HEADS["user"][:4])
        says = f"前 {HEAD_ROWS} 行里要有一列成员 ID（{asked}……）和至少一列别的内容（积分、连续签到、等级……）"
        return Reading((), (BadRow(0, "找不到表头", (says,)),), tuple(notes))
    return Reading(tuple(gatherer.rows), tuple(gatherer.bad), tuple(notes), first)


def _find_head(sheet: Sheet) -> tuple[int, dict[int, str], list[str]] | None:
    """Where the head is among the rows, its columns by their number, and those that nobody knows."""
    for at, (_, cells) in enumerate(sheet.rows[:HEAD_ROWS]):
        columns: dict[int, str] = {}
        for number, cell in enumerate(cells):
            if (column := _column(cell)) and column not in columns.values():
                columns[number] = column
        if {"user", "external"} & set(columns.values()) and len(columns) > 1:
            unknown = [cell.strip() for number, cell in enumerate(cells) if cell.strip() and number not in columns and not _is_unused(cell)]
            return at, columns, unknown
    return None


def _column(head: str) -> str | None:
    return _COLUMN_OF.get(_bare(head))


def _is_unused(head: str) -> bool:
    return _bare(head) in UNUSED or _bare(head) == "原来的行"


def _bare(head: str) -> str:
    return re.sub(r"[(（\[【].*|[\s*＊:：_]", "", unicodedata.normalize("NFKC", head)).lower()


def _read_cells(cells: Sequence[str], columns: Mapping[int, str], head: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """What a row says by column, and every cell that is not what its column wants."""
    said: dict[str, Any] = {}
    wrong: list[str] = []
    for number, column in columns.items():
        cell = cells[number].strip() if number < len(cells) else ""
        if not cell or (column not in ("name", "tags") and cell.lower() in _NOTHING):
            continue
        try:
            said[column] = _READERS[column](cell)
        except _Wrong as remedy:
            wrong.append(f"{head[number].strip()}“{one_line(cell, LONGEST_QUOTED)}”{remedy}")
    return said, wrong


def _title(column: str) -> str:
    return HEADS[column][0]


def _number(most: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        plain = re.sub(r"[,，\s]", "", unicodedata.normalize("NFKC", cell))
        if _EXCEL_ERROR.fullmatch(plain):
            raise _Wrong("是表格里算错的公式，请改成数")
        found = _NUMBER.fullmatch(plain) if len(plain) <= 40 else None
        if found is None:
            raise _Wrong("不是整数，例如：120")
        number = int(found[1])
        if number < 0:
            raise _Wrong("是负数，请改成 0 或者正数")
        if number > most:
            raise _Wrong(f"太大了，最多 {most}")
        return number

    return read


def _day(cell: str) -> date:
    plain = unicodedata.normalize("NFKC", cell).strip()
    found = (_DAY.fullmatch(plain) or _BARE_DAY.fullmatch(plain)) if len(plain) <= 40 else None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2200:
        raise _Wrong("不是日期，例如：2026-03-08")
    return day


def _user(cell: str) -> str:
    if len(cell) > LONGEST_ID or not _ID.fullmatch(cell):
        raise _Wrong(f"不是企业微信的 ID：只有字母、数字和 _ - @ .，最多 {LONGEST_ID} 个字。名字请放在“名字”一列")
    if re.fullmatch(r"\d(?:\.\d+)?[eE]\+?\d+", cell):
        raise _Wrong("被 Excel 写成了科学记数，请把这一列设成“文本”，重新填")
    return cell


def _plain(most: int) -> Callable[[str], str]:
    def read(cell: str) -> str:
        flat = " ".join(cell.split())
        if len(flat) > most or not flat.isprintable():
            raise _Wrong(f"太长，或者有看不见的字符，最多 {most} 个字")
        return flat

    return read


def _listed(cell: str, most: int = MOST_LISTED) -> tuple[str, ...]:
    if len(cell) > LONGEST_CELL:
        raise _Wrong(f"太长，一格最多 {LONGEST_CELL} 个字")
    parts = tuple(dict.fromkeys(" ".join(part.split()) for part in _LIST.split(cell) if part.strip()))
    if len(parts) > most:
        raise _Wrong(f"太多了，最多 {most} 个")
    if long := next((part for part in parts if len(part) > LONGEST_NAME or not part.isprintable()), ""):
        raise _Wrong(f"里的“{one_line(long, LONGEST_QUOTED)}”太长，最多 {LONGEST_NAME} 个字；几个之间用顿号或分号隔开")
    return tuple(part for part in parts if part.lower() not in _NOTHING)


def _badges(cell: str) -> tuple[Worn, ...]:
    worn = (_DATED.fullmatch(part) for part in _listed(cell))
    pairs = zip(_listed(cell), worn, strict=True)
    return tuple(Worn(found[1], _day(found[2])) if found else Worn(part) for part, found in pairs)


def _lots(cell: str) -> tuple[Lot, ...]:
    """``2027-03-31 100、2027-04-30 20``; 永不: none of the points lapses."""
    if cell in (NEVER, "永久", "长期", "永久有效", "长期有效"):
        return ()
    lots = []
    for part in _listed(cell):
        found = _LOT.fullmatch(part)
        if found is None:
            raise _Wrong(f"看不懂，写法是：日期 分数，例如：2027-03-31 100、2027-04-30 20；都不过期写：{NEVER}")
        lots.append(Lot(_day(found[1]), _number(MOST_POINTS)(found[2])))
    return tuple(sorted(lots, key=lambda lot: lot.day))


def _runs(cell: str) -> tuple[Run, ...]:
    """``2026-03-01~2026-03-09、2026-03-12``, joined where they touch."""
    runs: list[Run] = []
    for first, last in sorted(map(_run, _listed(cell, MOST_RUNS))):
        if runs and (first - runs[-1].last).days <= 1:
            runs[-1] = Run(runs[-1].first, max(runs[-1].last, last))
        else:
            runs.append(Run(first, last))
    return tuple(runs)


def _run(part: str) -> tuple[date, date]:
    found = _RUN.fullmatch(part)
    if found is None:
        raise _Wrong(f"里的“{one_line(part, LONGEST_QUOTED)}”看不懂，例如：2026-03-01~2026-03-09、2026-03-12")
    first = _day(found[1])
    last = _day(found[2]) if found[2] else first
    if last < first:
        raise _Wrong(f"里的“{one_line(part, LONGEST_QUOTED)}”前后反了")
    return first, last


_READERS: Mapping[str, Callable[[str], Any]] = {
    "community": _plain(LONGEST_ID),
    "user": _user,
    "external": _user,
    "name": _plain(LONGEST_NAME),
    "points": _number(MOST_POINTS),
    "earned": _number(MOST_POINTS),
    "lapses": _lots,
    "level": _plain(LONGEST_NAME),
    "streak": _number(MOST_DAYS),
    "longest": _number(MOST_DAYS),
    "check_ins": _number(MOST_DAYS),
    "last": _day,
    "days": _runs,
    "cards": _number(MOST_CARDS),
    "badges": _badges,
    "tags": _listed,
    "joined": _day,
}
