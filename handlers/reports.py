"""举报: a member points at what somebody said, by quoting it or by name. Whoever is reported never learns who did."""

from __future__ import annotations

from bot.case_desk import CaseDesk
from bot.context import Context
from bot.errors import UserError
from bot.members import NobodyFound, find_meant
from bot.message import Message, Reply
from bot.router import Router
from bot.shown_cases import cards_for_staff
from rules.reporting import REPORT, asks_about_pleas, report_in
from storage.reports import Reported

USAGE = "写法是：引用那条消息，对我说“举报”或“举报 原因”；或者：举报 @李雷 他说的原话或原因。私聊我说，别人看不到。"

router = Router()


@router.command("举报", "我要举报", "投诉举报", takes_words=True, unless=asks_about_pleas)
def report(message: Message, ctx: Context) -> list[Reply]:
    """举报：引用一条消息说“举报”，或：举报 @谁 原话或原因"""
    return _report(report_in(message.text) or "", message, ctx)


@router.pattern(REPORT, name="举报 @谁", unless=asks_about_pleas)
def report_at_once(message: Message, ctx: Context) -> list[Reply]:
    """举报@谁：和“举报 @谁”一样"""
    return _report(report_in(message.text) or "", message, ctx)


def _report(words: str, message: Message, ctx: Context) -> list[Reply]:
    quoted = message.quote.text.strip() if message.quote else ""
    shown = bool(message.quote and message.quote.attachments) and not quoted
    about, note = _meant(words.strip(), bool(quoted) or shown, ctx)
    if shown:
        note = f"（引用了一张图片或文件）{note}"
    if not quoted and not note:
        raise UserError(f"请写上他说了什么，或者为什么举报。{USAGE}")
    desk = CaseDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
    found = desk.report(ctx.member, about, quoted, note, chat=message.chat, once=message.id)
    said = Reply(
        _thanks(found, message, ctx), to=None if message.is_private or ctx.in_admin_group else ctx.member,
        note={"case": found.number, "report": found.outcome}, counts=("reports",) if found.outcome in ("filed", "joined") else (),
    )  # fmt: skip
    return [said, *(cards_for_staff(ctx, desk.get(found.number), message.id) if found.outcome == "filed" else ())]


def _meant(words: str, has_quote: bool, ctx: Context) -> tuple[int, str]:
    """Who is reported, 0 where nobody says it, and the words behind his name. With a quote nobody has to be named."""
    is_named = words.startswith(("@", "＠"))
    if not words and not has_quote:
        raise UserError(USAGE)
    if not is_named and has_quote:
        return 0, words
    try:
        meant, note = find_meant(ctx.stores, words, ctx.community.keys)
    except NobodyFound as nobody:
        if is_named:
            raise
        raise UserError(f"不知道举报的是谁。{USAGE}") from nobody
    if len(meant.numbers) > 1:
        first = meant.numbers[0]
        raise UserError(f"有 {len(meant.numbers)} 个人叫“{meant.name}”，请写成员编号，例如：举报 @{first} {note[:20] or '他说的原话'}")
    return meant.numbers[0], note


def _thanks(found: Reported, message: Message, ctx: Context) -> str:
    number, ladder = found.number, ctx.contents.judge.policy.ladder
    match found.outcome:
        case "filed" | "joined":
            quiet = "" if message.is_private else "下次也可以私聊我举报，群里就看不到了。"
            return f"收到，谢谢你告诉我们（案件 {number}）。管理员会来看；被举报的人不会知道是你说的。{quiet}"
        case "again":
            return f"这件事你已经举报过了（案件 {number}），管理员会来看。"
        case "noted":
            return f"你已经举报过他了（案件 {number}），这次说的也记下了，管理员会一起看。"
        case "decided":
            return f"谢谢，这件事管理员已经看过了（案件 {number}）。"
        case "one":
            return f"同一个人一天最多举报 {ladder.reports_of_one_a_day} 次，前面的管理员会看。急事请说“人工 发生了什么”。"
        case _:
            return f"一天最多举报 {ladder.reports_a_day} 次，今天的够了。急事请说“人工 发生了什么”。"
