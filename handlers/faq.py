"""问答: the operators' own answers. Near misses are offered by number; what nobody can answer is noted."""

from __future__ import annotations

from bot.context import Context
from bot.message import Message, Prompt, Reply
from bot.router import Router
from rules.contents import fill
from rules.faq import Finding

OFFERED = 3
CHAT = ("chat", "empty")
"""A greeting or thanks is no question: nobody has to write an answer for it."""

router = Router()


@router.fallback
def answer(message: Message, ctx: Context) -> Reply:
    """问答：回答你的问题"""
    finding = ctx.contents.faq.ask(message.text)
    note: dict[str, object] = {"faq": finding.outcome, "score": round(finding.score, 3), "why": finding.why}
    if finding.outcome == "answer" and finding.entry:
        return Reply(_fill(finding.entry.answer, ctx), note=note | {"entry": finding.entry.id}, counts=("faq_hit",))
    if finding.outcome == "offer":
        return _offer(finding, note)
    if finding.why in CHAT:
        return Reply("我在呢。有问题直接问我，或说“帮助”看看我会什么。", note=note)
    return Reply(
        "这个问题我还没有答案，已经记下来请管理员补充。\n可以换个说法再问，或说“帮助”看看我会什么。",
        note=note,
        counts=("faq_miss",),
        unanswered=message.text[:500],
    )


@router.prompt("faq")
def choose(message: Message, ctx: Context) -> Reply:
    """问答：用数字选一个问题"""
    finding = ctx.contents.faq.ask(ctx.args[0])
    if finding.entry is None:
        return Reply("这个问题刚刚被管理员修改了，请再问一次。", note={"faq": "gone"})
    return Reply(_fill(finding.entry.answer, ctx), note={"faq": "chosen", "entry": finding.entry.id}, counts=("faq_hit",))


def _offer(finding: Finding, note: dict[str, object]) -> Reply:
    questions = tuple(candidate.entry.question for candidate in finding.candidates[:OFFERED])
    lines = [f"{number}. {question}" for number, question in enumerate(questions, 1)]
    return Reply(
        "您是想问：\n" + "\n".join(lines) + "\n回复数字即可。",
        prompt=Prompt("faq", questions),
        note=note | {"offered": [candidate.entry.id for candidate in finding.candidates[:OFFERED]]},
        counts=("faq_offer",),
    )


def _fill(text: str, ctx: Context) -> str:
    return fill(text, {"nickname": ctx.nickname})
