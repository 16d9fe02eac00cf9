"""申诉: whoever was warned may say why that was wrong; another person looks at it."""

from __future__ import annotations

import re

from bot.case_desk import CaseDesk
from bot.case_words import APPEAL_STATES, STATES
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.router import Router
from rules.reporting import APPEAL, appeal_in, asks_about_pleas

USAGE = "写法是：申诉 案件编号 理由，例如：申诉 12 我是在开玩笑，没有骂人。只有一件的话可以不写编号。"
_NUMBERED = re.compile(r"(?s)(?:案件|第|[#＃]|编号)?\s*[#＃]?(\d{1,9})\s*(?:号|号案件)?(?:[\s:：,，]+(.*))?")

router = Router()


@router.command("申诉", "我要申诉", "案件申诉", takes_words=True, private=True, unless=asks_about_pleas)
def appeal(message: Message, ctx: Context) -> Reply:
    """申诉 编号 理由：提醒判错了，请另一位管理员复核"""
    return _appeal(message, ctx)


@router.pattern(APPEAL, name="申诉：", private=True, unless=asks_about_pleas)
def appeal_at_once(message: Message, ctx: Context) -> Reply:
    """申诉：理由，和“申诉 理由”一样"""
    return _appeal(message, ctx)


def _appeal(message: Message, ctx: Context) -> Reply:
    desk = CaseDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())
    number, words = _meant(appeal_in(message.text) or "", desk, ctx)
    if not words:
        raise UserError(f"请写上理由，复核的人会看，例如：申诉 {number} 我是在开玩笑，没有骂人")
    taken = desk.appeal(ctx.member, number, words, once=message.id)
    note, ladder = {"case": number, "appeal": taken.outcome}, desk.ladder
    match taken.outcome:
        case "ok":
            said = f"收到你对案件 {number} 的申诉，会由另一位管理员复核，结果私下告诉你。"
            return Reply(said, note=note)
        case "again":
            return Reply(_so_far(number, ctx), note=note)
        case "week":
            return Reply(f"一周最多申诉 {ladder.appeals_a_week} 次，这周已经用完了，下周可以再来。急事请说“人工”。", note=note)
        case _:
            return Reply(f"案件 {number} 现在是“{STATES.get(taken.state, taken.state)}”，没有提醒算在你头上，不用申诉。", note=note)


def _meant(words: str, desk: CaseDesk, ctx: Context) -> tuple[int, str]:
    """Which case, and why: without a number the only one that there is."""
    if found := _NUMBERED.fullmatch(words):
        return int(found[1]), (found[2] or "").strip()
    cases = desk.appealable(ctx.member)
    if not cases:
        raise UserError(f"在“{ctx.community.name}”没有提醒算在你头上，不用申诉。是别的社群的，先说“切换社群”。")
    if len(cases) > 1:
        listed = "、".join(f"{case.number}（{case.rule}）" for case in cases[:5])
        raise UserError(f"你有 {len(cases)} 件：{listed}。请写上编号，例如：申诉 {cases[0].number} {words[:20] or '理由'}")
    return cases[0].number, words


def _so_far(number: int, ctx: Context) -> str:
    found = ctx.stores.appeals.find(ctx.community.keys, number)
    state = APPEAL_STATES[found.state] if found else "已经处理"
    why = f"：{found.why}" if found and found.why else ""
    return f"案件 {number} 你已经申诉过了，{state}{why}。对同一次处理只能申诉一次，还有疑问可以说“人工”。"
