"""What operators type to make an activity: a title, lines, settings and moments – 发起投票 周末去哪 | 爬山 | 看电影 | 截止 明天20:00."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from rules.activities import LONGEST_TITLE
from rules.text import normalise

LONGEST_LINE = 1_000
MOST_LINES = 60
END_OF_DAY = time(23, 59)
"""When a day ends that was named without an hour."""
MORNING = time(9, 0)
"""When what begins on a day without an hour begins."""
FURTHEST = timedelta(days=366)
MOST_DIGITS = 9
"""Of a number that is written in Chinese."""
OPENS, CLOSES = ("开始", "开始时间"), ("截止", "截止时间", "结束", "结束时间", "截至")
EXAMPLES = "今晚8点、明天20:00、周五18点、2小时后、30分钟、11-30 20:00、3天后"
"""Moments as they may be written."""

_BLANKS = re.compile(r"(?<!\d)\s+|\s+(?!\d)")
"""All blanks but those between two digits: 11-30 20:00."""
_CUTS = re.compile(r"[\n|｜]")
_DIGITS = {char: n for n, char in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_CHINESE = re.compile(r"(?<=[周期拜])[一二三四五六]|[零〇一二两三四五六七八九十]+")
"""The day behind 周 stands for itself: 周二十点 is Tuesday at ten."""
_SPAN = re.compile(r"(?:过|再过)?(半|\d{1,4}(?:\.5)?)个?(半)?(分钟|分|刻钟|小时|钟头|天|日|周|星期|礼拜)(半)?(?:之?后|以后)?")
_MINUTES = {"分钟": 1, "分": 1, "刻钟": 15, "小时": 60, "钟头": 60, "天": 1440, "日": 1440, "周": 10080, "星期": 10080, "礼拜": 10080}
_DAY_WORDS = (("大后天", 3), ("后天", 2), ("明天", 1), ("明日", 1), ("明", 1), ("今天", 0), ("今日", 0), ("今", 0))
_WEEKDAY = re.compile(r"(下下|下|这|本)?个?(?:周|星期|礼拜)([1-7日天末])")
_DATE = re.compile(r"(?:(\d{4})[-/.年])?(\d{1,2})(?:[-/.](\d{1,2})(?:日|号|(?!\d))|月(\d{1,2})(?:日|号|(?!\d)))")
_PART = re.compile(r"(凌晨|清晨|早上|早晨|早|上午|中午|正午|下午|傍晚|晚上|晚间|夜里|晚)")
_CLOCK = re.compile(r"(\d{1,2})(?:[:点时](\d{1,2})?(半|1刻|3刻)?(?:分|整|钟)?)(?::\d{2})?")
_AFTER_NOON = frozenset({"下午", "傍晚", "晚上", "晚间", "夜里", "晚"})
_NIGHT = frozenset({"晚上", "晚间", "夜里", "晚"})
_BARE_PARTS = {
    "凌晨": time(0), "清晨": time(7), "早上": time(9), "早晨": time(9), "早": time(9), "上午": time(9), "中午": time(12), "正午": time(12),
    "下午": time(15), "傍晚": time(18), "晚上": time(20), "晚间": time(20), "夜里": time(22), "晚": time(20),
}  # fmt: skip
"""What hour is meant where only a part of the day was named."""
_NOON = frozenset({"中午", "正午"})


class RequestProblem(ValueError):
    """What is wrong with a request, in Chinese, with an example of the right way."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants: its title, the lines that are no settings, what each setting was given (in order, as often as it stands there), and when
    it opens and closes.
    """

    title: str
    lines: tuple[str, ...] = ()
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opens: datetime | None = None
    closes: datetime | None = None

    def one(self, name: str, default: str = "") -> str:
        """What a setting was given, the last that stands there; ``default`` where it does not. A setting alone, like 匿名, gives ''."""
        return self.settings.get(name, (default,))[-1]

    def has(self, name: str) -> bool:
        """Whether a setting stands there."""
        return name in self.settings


def read_request(text: str, now: datetime, settings: Collection[str]) -> Request:
    """Reads what stands behind a command like 发起投票. ``now`` is local; ``settings`` are the names that begin a setting.

    Raises RequestProblem.
    """
    cells = [cell.strip() for cell in _CUTS.split(text)]
    cells = [cell for cell in cells if cell]
    if not cells:
        raise RequestProblem("请先写标题，后面用 | 或换行隔开，例如：周末去哪 | 爬山 | 看电影 | 截止 明天20:00")
    title, *rest = cells
    check_sizes(title, rest)
    lines, given, times = list[str](), dict[str, tuple[str, ...]](), dict[str, datetime]()
    for cell in rest:
        name, value = _setting(cell, (*settings, *OPENS, *CLOSES))
        if name in (*OPENS, *CLOSES):
            which = "opens" if name in OPENS else "closes"
            times[which] = _moment(name, value, now, MORNING if which == "opens" else END_OF_DAY)
        elif name:
            given[name] = (*given.get(name, ()), value)
        else:
            lines.append(cell)
    return Request(title, tuple(lines), given, times.get("opens"), times.get("closes"))


def check_sizes(title: str, rest: Sequence[str]) -> None:
    """Raises RequestProblem where a title is missing or too long, or what stands behind it is too much."""
    if not any(map(str.isalnum, title)):
        raise RequestProblem("请先写标题，要有字，例如：周末去哪")
    if len(title) > LONGEST_TITLE:
        raise RequestProblem(
            f"标题最多 {LONGEST_TITLE} 个字（现在 {len(title)} 个）。标题后面用 | 或换行隔开，例如：周末去哪 | 爬山 | 看电影"
        )
    if len(rest) > MOST_LINES or any(len(cell) > LONGEST_LINE for cell in rest):
        raise RequestProblem(f"内容太多了：最多 {MOST_LINES} 项，每项 {LONGEST_LINE} 个字以内。")


def check_moment(name: str, said: str, found: datetime, now: datetime, *, example: str = "") -> None:
    """Raises RequestProblem for a moment that is over, or too far away; ``name`` is its setting, ``said`` how it was written."""
    right = example or f"{name} 明天20:00"
    if found <= now:
        raise RequestProblem(f"“{name} {said[:30]}”已经过了，例如：{right}")
    if found - now > FURTHEST:
        raise RequestProblem(f"“{name} {said[:30]}”太远了，最多一年。例如：{right}")


def read_moment(words: str, now: datetime, *, bare: time = END_OF_DAY) -> datetime | None:
    """The moment that some words mean, seen from ``now`` (local, aware); None where they mean none.

    A day without an hour means ``bare``; an hour that is past today means tomorrow's, a weekday the next one, a date without a year the next one.
    """
    said = _CHINESE.sub(
        lambda found: str(found[0] if (n := read_number(found[0])) is None else n),
        _BLANKS.sub("", normalise(words).strip()).rstrip("。.!！前之"),
    )
    if not said:
        return None
    if found := _SPAN.fullmatch(said):
        return _after(found, now)
    day, rest, is_named = _day(said, now)
    rest = rest.strip()
    if day is None:
        return None
    part, clock = _clock(rest)
    if clock is None and (rest or not is_named):
        return None
    moment = datetime.combine(day, clock or bare, now.tzinfo)
    if is_named or moment > now:
        return moment
    evening = moment + timedelta(hours=12)
    # 8点, said at 15:00, is tonight's; 8:00 is a clock's, and tomorrow's
    return evening if not part and "点" in rest and moment.hour < 12 and evening > now else moment + timedelta(days=1)


def _setting(cell: str, names: Collection[str]) -> tuple[str, str]:
    """The setting that a cell begins with, and its value; ('', '') for a line."""
    for name in sorted(names, key=len, reverse=True):
        rest = cell[len(name) :]
        if cell.startswith(name) and (
            not rest or rest[0] in " \t:：=" or rest[0].isdecimal() or (name in OPENS + CLOSES and _looks_timed(rest))
        ):
            return name, rest.lstrip(" \t:：=").strip()
    return "", ""


def _looks_timed(rest: str) -> bool:
    return read_moment(rest, datetime(2026, 1, 1, 12).astimezone()) is not None


def _moment(name: str, value: str, now: datetime, bare: time) -> datetime:
    found = read_moment(value, now, bare=bare)
    if found is None:
        raise RequestProblem(f"“{name} {value[:30]}”看不懂是什么时候，可以写：{EXAMPLES}")
    check_moment(name, value, found, now)
    return found


def read_number(text: str) -> int | None:
    """A number below a hundred, or digits one by one, in Chinese: 十二, 二十, 二〇二六; None for what is none (十十)."""
    tens, ten, ones = text.partition("十")
    if not text or len(text) > MOST_DIGITS or not all(char in _DIGITS for char in tens + ones):
        return None
    if not ten:
        return int("".join(str(_DIGITS[char]) for char in text))
    if len(tens) > 1 or len(ones) > 1:
        return None
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0)


def _after(found: re.Match[str], now: datetime) -> datetime | None:
    amount = 0.5 if found[1] == "半" else float(found[1]) + (0.5 if found[2] or found[4] else 0)
    minutes = amount * _MINUTES[found[3]]
    return now + timedelta(minutes=minutes) if 0 < minutes <= 2 * 366 * 1440 else None


def _day(said: str, now: datetime) -> tuple[date | None, str, bool]:
    """The day that words begin with, what stands behind it, and whether a day was named."""
    today = now.date()
    for word, days in _DAY_WORDS:
        if said.startswith(word):
            return today + timedelta(days=days), said[len(word) :], True
    if found := _WEEKDAY.match(said):
        return _weekday(found, said[found.end() :], now), said[found.end() :], True
    if found := _DATE.match(said):
        day = _date(found, today)
        return day, said[found.end() :].lstrip("-, "), True
    return today, said, False


def _weekday(found: re.Match[str], rest: str, now: datetime) -> date:
    weekday = {"日": 6, "天": 6, "末": 5}.get(found[2]) if not found[2].isdecimal() else int(found[2]) - 1
    assert weekday is not None
    today = now.date()
    monday = today - timedelta(days=today.weekday())
    if found[1]:
        return monday + timedelta(days=weekday + {"这": 0, "本": 0, "下": 7, "下下": 14}[found[1]])
    day = monday + timedelta(days=weekday)
    _, clock = _clock(rest)
    is_past = day < today or (day == today and clock is not None and clock <= now.time())
    return day + timedelta(days=7) if is_past else day


def _date(found: re.Match[str], today: date) -> date | None:
    year, month, day = int(found[1] or today.year), int(found[2]), int(found[3] or found[4])
    try:
        named = date(year, month, day)
        return named.replace(year=year + 1) if not found[1] and named < today else named
    except ValueError:
        return None


def _clock(rest: str) -> tuple[str, time | None]:
    """The part of the day and the hour that words mean; None for words that mean none. '' means none, too."""
    part = ""
    if found := _PART.match(rest):
        part, rest = found[1], rest[found.end() :]
        if not rest:
            return part, _BARE_PARTS.get(part)
    clock = _CLOCK.fullmatch(rest)
    if clock is None:
        return part, None
    hour = int(clock[1])
    minute = {"半": 30, "1刻": 15, "3刻": 45}.get(clock[3] or "", int(clock[2] or 0))
    if (part in _AFTER_NOON and hour < 12) or (part in _NOON and hour < 3):
        hour += 12
    if minute == 0 and (hour == 24 or (hour == 12 and part in _NIGHT)):
        return part, END_OF_DAY
    return (part, time(hour, minute)) if hour < 24 and minute < 60 else (part, None)
