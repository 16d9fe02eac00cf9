"""A report as an Excel workbook with charts, and its days as a table. Cells are numbers and texts, never formulas, so nothing in them can act."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from bot.numbers import Cohort
from bot.report_facts import Report
from bot.report_words import subtitle
from rules.calendar import WEEKDAY_NAMES
from rules.changes import change
from rules.figures import RETURNS, Day
from rules.health import Light
from rules.metrics import GROUPS, LENGTHS, METRICS, Metric

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

SHEETS = ("概览", "每日", "每小时", "留存", "问答", "指标说明")
GREEN, PALE, DEEP = "#12A67C", "#DFF5EC", "#0C8A67"
LIGHTS = {"red": "红", "yellow": "黄", "green": "绿", "grey": "灰"}
_FORMATS = {
    "people": "#,##0", "times": "#,##0", "points": "#,##0", "share": "0.0%", "ratio": "0.00", "minutes": "0", "score": "0",
}  # fmt: skip
_COLUMNS: tuple[tuple[str, Callable[[Day], int]], ...] = (
    ("说话的人", lambda day: day.spoke.day),
    ("7 天内说话的人", lambda day: day.spoke.week),
    ("消息", lambda day: day.counts.get("messages", 0)),
    ("期末成员", lambda day: day.members),
    ("新成员", lambda day: day.new),
    ("离开", lambda day: day.counts.get("gone", 0)),
    ("参加活动的人", lambda day: day.took_part.day),
    ("签到", lambda day: day.counts.get("check_ins", 0)),
    ("问答答上", lambda day: day.counts.get("faq_hit", 0)),
    ("给出选项", lambda day: day.counts.get("faq_offer", 0)),
    ("没答上", lambda day: day.counts.get("faq_miss", 0)),
    ("人工工单", lambda day: day.counts.get("tickets", 0)),
    ("警告", lambda day: day.counts.get("warnings", 0)),
    ("积分发放", lambda day: day.counts.get("points_in", 0)),
    ("积分消耗", lambda day: day.counts.get("points_out", 0)),
)
"""What a row of 每日 says besides its day."""


def rows_of(report: Report) -> list[list[str]]:
    """The days of a report as a table of texts, its head first."""
    head = ["日期", "星期", *(name for name, _ in _COLUMNS)]
    rows = [
        [day.day.isoformat(), f"周{WEEKDAY_NAMES[day.day.weekday()]}", *(str(value(day)) for _, value in _COLUMNS)] for day in report.days
    ]
    return [head, *rows]


def write_book(report: Report, cohorts: Sequence[Cohort]) -> bytes:
    """The workbook of a report; the same report gives the same bytes."""
    from xlsxwriter import Workbook

    out = io.BytesIO()
    with Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        # what a workbook says of its making would be the moment, and each copy another file
        made = datetime.combine(report.last, time())
        book.set_properties({"title": f"{report.community.name} {report.period.name} {report.period.said}", "created": made})
        sheets = {name: book.add_worksheet(name) for name in SHEETS}
        looks = _Looks(book)
        _overview(sheets["概览"], looks, report)
        _days(book, sheets["每日"], looks, report)
        _hours(book, sheets["每小时"], looks, report)
        _cohorts(sheets["留存"], looks, cohorts)
        _questions(book, sheets["问答"], looks, report)
        _explained(sheets["指标说明"], looks)
    return out.getvalue()


class _Looks:
    """How cells look, made once a workbook."""

    def __init__(self, book: Workbook) -> None:
        self.title = book.add_format({"bold": True, "font_size": 16, "font_color": DEEP})
        self.muted = book.add_format({"font_color": "#7B8794"})
        self.head = book.add_format({"bold": True, "bg_color": PALE, "bottom": 1, "valign": "top"})
        self.plain = book.add_format({"text_wrap": True, "valign": "top"})
        self.day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self.count = book.add_format({"num_format": "#,##0"})
        self.share = book.add_format({"num_format": "0%"})
        self.units = {unit: book.add_format({"num_format": form, "valign": "top"}) for unit, form in _FORMATS.items()}
        colours = {"red": "#FDE6DF", "yellow": "#FDF0D5", "green": PALE, "grey": "#E8ECF1"}
        self.lights = {colour: book.add_format({"bg_color": ground, "valign": "top"}) for colour, ground in colours.items()}


def _head(sheet: Worksheet, looks: _Looks, row: int, names: Sequence[str], widths: Sequence[float]) -> None:
    for column, (name, width) in enumerate(zip(names, widths, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(row, column, name, looks.head)
    sheet.freeze_panes(row + 1, 1)


def _overview(sheet: Worksheet, looks: _Looks, report: Report) -> None:
    sheet.hide_gridlines(2)
    sheet.set_row(0, 26)
    sheet.write_string(0, 0, f"{report.community.name} · {report.period.name}", looks.title)
    sheet.write_string(1, 0, subtitle(report), looks.muted)
    _head(sheet, looks, 3, ("指标", "本期", "上期", "变化", "灯", "说明"), (22, 14, 14, 12, 6, 60))
    lights = {light.metric: light for light in report.lights}
    row = 4
    for group, named in GROUPS.items():
        figures = [figure for figure in report.figures if figure.metric.group == group]
        if figures:
            sheet.write_string(row, 0, named, looks.muted)
            row += 1
        for figure in figures:
            metric, look = figure.metric, looks.units[figure.metric.unit]
            sheet.write_string(row, 0, metric.name, looks.plain)
            for column, value in ((1, figure.value), (2, figure.before)):
                if value is not None:
                    sheet.write_number(row, column, value, look)
            sheet.write_string(row, 3, change(metric, figure.value, figure.before), looks.plain)
            light = lights.get(metric.id)
            if light:
                sheet.write_string(row, 4, LIGHTS[light.colour], looks.lights[light.colour])
            sheet.write_string(row, 5, figure.why_grey or _why(light), looks.plain)
            row += 1


def _why(light: Light | None) -> str:
    """What a light says: why it is as it is, and what to do."""
    if light is None or light.colour not in ("red", "yellow"):
        return ""
    return light.reason + (f" → {light.remedy.text}" if light.remedy else "")


def _days(book: Workbook, sheet: Worksheet, looks: _Looks, report: Report) -> None:
    _head(sheet, looks, 0, ["日期", "星期", *(name for name, _ in _COLUMNS)], [12, 6, *(max(8, 2.2 * len(name)) for name, _ in _COLUMNS)])
    for row, day in enumerate(report.days, 1):
        sheet.write_datetime(row, 0, _midnight(day.day), looks.day)
        sheet.write_string(row, 1, f"周{WEEKDAY_NAMES[day.day.weekday()]}")
        for column, (_, value) in enumerate(_COLUMNS, 2):
            sheet.write_number(row, column, value(day), looks.count)
    last = len(report.days)
    line = book.add_chart({"type": "line"})
    line.add_series({**_series("每日", 2, last, GREEN), "y2_axis": True})
    line.set_y2_axis({"name": "说话的人", "min": 0})
    columns = book.add_chart({"type": "column"})
    columns.add_series(_series("每日", 4, last, "#8FE0C4"))
    columns.combine(line)
    columns.set_title({"name": "消息和说话的人", "name_font": {"size": 12}})
    columns.set_legend({"position": "bottom"})
    columns.set_x_axis({"num_format": "m-d", "text_axis": True})
    columns.set_y_axis({"name": "消息", "min": 0, "major_gridlines": {"visible": True, "line": {"color": "#E8ECF1"}}})
    sheet.insert_chart(last + 3, 1, columns, {"x_scale": 1.6, "y_scale": 1.2})


def _series(sheet: str, column: int, last: int, colour: str) -> dict[str, Any]:
    return {
        "name": [sheet, 0, column],
        "categories": [sheet, 1, 0, last, 0],
        "values": [sheet, 1, column, last, column],
        "line": {"color": colour, "width": 2.5},
        "fill": {"color": colour},
    }


def _hours(book: Workbook, sheet: Worksheet, looks: _Looks, report: Report) -> None:
    _head(sheet, looks, 0, ["星期", *(f"{hour} 点" for hour in range(24))], [8, *[6] * 24])
    for weekday, hours in enumerate(report.heat):
        sheet.write_string(weekday + 1, 0, f"周{WEEKDAY_NAMES[weekday]}")
        for hour, n in enumerate(hours):
            sheet.write_number(weekday + 1, hour + 1, n, looks.count)
    sheet.conditional_format(1, 1, 7, 24, {"type": "2_color_scale", "min_color": "#FFFFFF", "max_color": GREEN})
    sheet.write_string(8, 0, "合计", looks.head)
    for hour in range(24):
        sheet.write_number(8, hour + 1, sum(hours[hour] for hours in report.heat), looks.head)
    chart = book.add_chart({"type": "column"})
    chart.add_series(
        {"name": "消息", "categories": ["每小时", 0, 1, 0, 24], "values": ["每小时", 8, 1, 8, 24], "fill": {"color": GREEN}, "gap": 40}
    )
    chart.set_title({"name": "一天里什么时候热闹", "name_font": {"size": 12}})
    chart.set_legend({"none": True})
    sheet.insert_chart(11, 1, chart, {"x_scale": 1.8})


def _cohorts(sheet: Worksheet, looks: _Looks, cohorts: Sequence[Cohort]) -> None:
    """Who came in a week, and which part of them was back after some days; empty where that is not known yet."""
    _head(sheet, looks, 0, ["来的那一周（周一）", "新成员", *(f"第 {days} 天还在说话" for days in RETURNS)], [20, 10, *[18] * len(RETURNS)])
    for row, cohort in enumerate(cohorts, 1):
        sheet.write_datetime(row, 0, _midnight(cohort.week), looks.day)
        sheet.write_number(row, 1, cohort.size, looks.count)
        for column, days in enumerate(RETURNS, 2):
            kept = cohort.back.get(days)
            if kept and kept.of:
                sheet.write_number(row, column, kept.still / kept.of, looks.share)
    if cohorts:
        scale = {"type": "2_color_scale", "min_type": "num", "min_value": 0, "max_type": "num", "max_value": 1}
        sheet.conditional_format(1, 2, len(cohorts), 1 + len(RETURNS), {**scale, "min_color": "#FFFFFF", "max_color": GREEN})


def _questions(book: Workbook, sheet: Worksheet, looks: _Looks, report: Report) -> None:
    _head(sheet, looks, 0, ("问得最多的问题", "答上几次"), (48, 12))
    for row, (question, n) in enumerate(report.questions, 1):
        sheet.write_string(row, 0, question, looks.plain)
        sheet.write_number(row, 1, n, looks.count)
    last = len(report.questions)
    for row, (name, counter) in enumerate((("答上", "faq_hit"), ("给出选项", "faq_offer"), ("没答上", "faq_miss")), last + 2):
        sheet.write_string(row, 0, f"期内一共{name}", looks.muted)
        sheet.write_number(row, 1, report.span.count(counter), looks.count)
    if not last:
        return
    chart = book.add_chart({"type": "bar"})
    chart.add_series(
        {"name": "答上几次", "categories": ["问答", 1, 0, last, 0], "values": ["问答", 1, 1, last, 1], "fill": {"color": GREEN}, "gap": 50}
    )
    chart.set_title({"name": "问得最多的问题", "name_font": {"size": 12}})
    chart.set_legend({"none": True})
    chart.set_y_axis({"reverse": True})
    sheet.insert_chart(1, 3, chart, {"x_scale": 1.3})


def _explained(sheet: Worksheet, looks: _Looks) -> None:
    _head(sheet, looks, 0, ("指标", "组", "怎么算", "时长", "来源", "哪边好"), (22, 14, 70, 12, 10, 8))
    for row, metric in enumerate(METRICS.values(), 1):
        for column, text in enumerate(_explanation(metric)):
            sheet.write_string(row, column, text, looks.plain)


def _explanation(metric: Metric) -> Iterator[str]:
    yield metric.name
    yield GROUPS[metric.group]
    yield metric.formula
    yield "、".join(LENGTHS[length] for length in metric.lengths)
    yield metric.source
    yield {"up": "高", "down": "低", "": "看情况"}[metric.good]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())
