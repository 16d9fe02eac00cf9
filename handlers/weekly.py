"""日报, 周报 and 月报: how the community fared, as a picture, in words, or as an Excel workbook."""

from __future__ import annotations

from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.numbers import numbers_for
from bot.report_desk import ReportDesk, book_name
from bot.report_words import picture_of
from bot.router import Router
from rules.metrics import Length
from rules.periods import EXAMPLES, NAMES, parse_period
from rules.questions import is_question

TABLES = ("表格", "excel", "xlsx", "数据表", "表")

router = Router()


@router.command("周报", "看周报", role="viewer", private=True, takes_words=True, is_common=True, unless=is_question)
def weekly(message: Message, ctx: Context) -> Reply:
    """周报：这一周到现在怎样，一张图加文字；“周报 上周”看上一周，“周报 上周 表格”得到 Excel"""
    return _report("week", ctx)


@router.command("月报", "看月报", role="viewer", private=True, takes_words=True, is_common=True, unless=is_question)
def monthly(message: Message, ctx: Context) -> Reply:
    """月报：这个月到现在怎样；“月报 上月”看上个月，“月报 上月 表格”得到 Excel"""
    return _report("month", ctx)


@router.command("日报", "简报", "看日报", role="viewer", private=True, takes_words=True, is_common=True, unless=is_question)
def daily(message: Message, ctx: Context) -> Reply:
    """日报：昨天怎样，什么在等着处理；“日报 今天”看今天到现在"""
    return _report("day", ctx)


def _report(length: Length, ctx: Context) -> Reply:
    words = list(ctx.args)
    wants_table = bool(words) and words[-1].lower() in TABLES
    period = parse_period(length, " ".join(words[:-1] if wants_table else words), ctx.today())
    if period is None:
        raise UserError(f"看不懂是哪一份{NAMES[length]}，或者还没到。写法是：{EXAMPLES[length]}")
    if wants_table:
        return Reply(
            f"“{ctx.community.name}”{period.said}的{period.name}，Excel 表格；控制台的“报表”里也能下载。",
            file=book_name(ctx.community, period),
        )
    desk = ReportDesk(ctx.stores, ctx.config, ctx.contents, numbers_for(ctx), ctx.community, ctx.now())
    report = desk.make(period)
    if report.is_empty:
        return Reply(f"“{ctx.community.name}”{period.said}还没有可说的：没有人说话、进出，也没有等着处理的。")
    return Reply(desk.text(report), markdown=True, image=picture_of(report))
