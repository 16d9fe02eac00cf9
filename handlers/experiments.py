"""实验: what came of wordings that are tried against each other, asked and settled in chat. What is done is done at the desk (bot/experiment_desk.py)."""

from __future__ import annotations

from bot.context import Context
from bot.errors import UserError
from bot.experiment_desk import STATES, ExperimentDesk, Shown
from bot.faq_edits import behind_command, first_word
from bot.message import Message, Reply
from bot.router import Router
from rules.experiments import called, say_level
from rules.questions import asks

MOST_LISTED = 10
USAGE = "写法是：实验、实验 编号、实验 推广 编号 说法、实验 撤回 编号，例如：实验 推广 3 B"

router = Router()


@router.command("实验", "推送实验", role="operator", takes_words=True, private=True, unless=asks)
def experiments(message: Message, ctx: Context) -> Reply:
    """实验 [编号]：哪种说法更好；实验 推广 3 B：以后都发 B；实验 撤回 3"""
    desk = ExperimentDesk(ctx.stores, ctx.config, ctx.community, ctx.now())
    word, rest = first_word(behind_command(message.text))
    push, arm = first_word(rest)
    match word:
        case "" | "列表":
            return _listed(desk)
        case "推广" if push and arm:
            desk.roll_out(push, arm.strip('“”" '), ctx.actor, once=message.id)
            return Reply(f"好的，这条推送以后都发“{arm}”。要撤回请说：实验 撤回 {push}", note={"experiment": push, "arm": arm})
        case "撤回" if push:
            desk.take_back(push, ctx.actor, once=message.id)
            return Reply("已撤回，各组照旧分着发。", note={"experiment": push})
        case "推广" | "撤回":
            raise UserError(USAGE)
    return Reply(_told(desk.get(word)), note={"experiment": word})


def _listed(desk: ExperimentDesk) -> Reply:
    found = desk.list_all()
    if not found:
        return Reply("还没有实验。在控制台的“日历”里给推送写上第二种说法，就能试哪种更好。")
    lines = [
        f"• {one.experiment.row.push} {one.experiment.row.title}（{STATES[one.experiment.row.state]}）：{_said(one)}"
        for one in found[:MOST_LISTED]
    ]
    more = [f"还有 {len(found) - MOST_LISTED} 个，请到控制台看。"] if len(found) > MOST_LISTED else []
    return Reply("\n".join([*lines, *more, "看一个：实验 编号"]))


def _told(shown: Shown) -> str:
    row, total = shown.experiment.row, shown.total
    unit = "人" if row.plan.to == "members" else "个群"
    arms = [f"• {called(name)}：{say_level(row.plan, total[name])}（{total[name].units:,} {unit}）" for name in row.plan.arms]
    return "\n".join([f"“{row.title}”（{STATES[row.state]}）：{_said(shown)}", *arms])


def _said(shown: Shown) -> str:
    row = shown.experiment.row
    return row.said if row.state != "running" and row.said else shown.verdict.said
