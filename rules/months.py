"""A month as people write it: 3月, 2026-03, 上个月."""

from __future__ import annotations

import re
from datetime import date

EARLIEST_YEAR = 2000
_ALONE = re.compile(r"(?P<month>1[0-2]|0?[1-9])(?:月份?|)")
_WITH_YEAR = re.compile(r"(?P<year>20\d\d|\d\d|今年|去年|前年)(?:年|[-/.]|)(?P<month>1[0-2]|0?[1-9])(?:月份?|)")
_YEARS_AGO = {"今年": 0, "去年": 1, "前年": 2}
_MONTHS_AGO = {"": 0, "本月": 0, "这个月": 0, "当月": 0, "这月": 0, "上月": 1, "上个月": 1, "上上个月": 2, "上上月": 2}
_DIGITS = {"十二": "12", "十一": "11", "十": "10"} | {word: str(n) for n, word in enumerate("一二三四五六七八九", 1)}


def parse_month(words: str, today: date) -> tuple[int, int] | None:
    """Year and month that somebody means, None for what is no month. A month without a year is the latest such one that has begun."""
    said = re.sub(r"\s+", "", words)
    if said in _MONTHS_AGO:
        months = today.year * 12 + today.month - 1 - _MONTHS_AGO[said]
        return months // 12, months % 12 + 1
    for word, digits in _DIGITS.items():
        said = re.sub(rf"{word}(?=月)", digits, said)
    if found := _ALONE.fullmatch(said):
        month = int(found["month"])
        return today.year - (month > today.month), month
    if found := _WITH_YEAR.fullmatch(said):
        named = found["year"]
        year = today.year - _YEARS_AGO[named] if named in _YEARS_AGO else int(named) + (2000 if len(named) == 2 else 0)
        return year, int(found["month"])
    return None
