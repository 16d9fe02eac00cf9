"""社群治理: what the word list finds is filed for review; only where the trial run is over is a member warned, in private."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Replies, Reply
from bot.pipeline import Gated
from bot.router import Router
from rules.moderation import Verdict
from storage.cases import Case

log = structlog.get_logger(__name__)

STATES = {"警告": "warned", "忽略": "ignored"}
SHOWN = {"open": "待处理", "warned": "已警告", "ignored": "已忽略"}

router = Router()


def gate(message: Message, ctx: Context) -> Gated | None:
    """Files a case when the word list hits; warns in private, with the rule named and the strike counted, once the trial run is over."""
    if not message.text or not ctx.member or ctx.in_admin_group:
        return None
    verdict = _judge(message, ctx)
    if verdict.verdict == "pass":
        return None
    warns = verdict.verdict == "warn" and not ctx.config.moderation.dry_run and ctx.community.is_listed
    filed = ctx.stores.cases.open(
        ctx.community.keys,
        ctx.member,
        ctx.now(),
        rule=verdict.rule,
        category=verdict.category,
        severity=verdict.severity,
        evidence=message.text,
        warned=warns,
        once=message.id,
    )
    note = {"case": filed.number, "rule": verdict.rule, "verdict": verdict.verdict}
    if not warns:
        return Gated((Reply(note=note, counts=("cases",)),))
    warning = _warning(ctx, verdict.rule, filed.number, filed.strikes)
    to = None if message.is_private else ctx.member
    return Gated((Reply(warning, to=to, note=note | {"warned": True}, counts=("cases", "warnings")),), stops=True)


@router.command("案件", "待处理案件", role="moderator", private=True)
def show_cases(message: Message, ctx: Context) -> Replies:
    """案件：等待处理的案件"""
    cases = ctx.stores.cases.undecided(ctx.community.keys)
    if not cases:
        return Reply("没有待处理的案件。")
    more = ctx.stores.cases.count_undecided(ctx.community.keys) - len(cases)
    lines = [_line(case, ctx) for case in cases] + ([f"……还有 {more} 件"] if more else [])
    listed = Reply(f"{ctx.community.name} · 待处理的案件：\n" + "\n".join(lines) + "\n处理：`处理 编号 警告` 或 `处理 编号 忽略`")
    # The card is a reply of its own: where cards are shown, its text would not be, and the other cases would go unseen.
    return [listed, Reply(card=_card(cases[0], ctx))]


@router.command("处理", role="moderator", takes_words=True, private=True)
def decide(message: Message, ctx: Context) -> list[Reply]:
    """处理 编号 警告/忽略：决定一个案件"""
    if not _is_decision(ctx.args):
        raise UserError("写法是：处理 编号 警告，或：处理 编号 忽略。编号可以说“案件”查看。")
    return _decide(int(ctx.args[0]), ctx.args[1], message, ctx)


@router.card("case", role="moderator")
def decide_by_card(message: Message, ctx: Context) -> list[Reply]:
    """案件卡片：点按钮处理"""
    # Case numbers begin anew in every community, and the one who clicks may have moved on to another since the card was shown.
    if len(ctx.args) != 3 or ctx.args[0] != ctx.community.id or not _is_decision(ctx.args[1:]):
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“案件”。")
    number, word = ctx.args[1:]
    replies = _decide(int(number), word, message, ctx)
    said = replies[0].text
    card = {
        "card_type": "text_notice",
        "main_title": {"title": f"案件 {number}", "desc": said[:30]},
        "card_action": {"type": 1, "url": _link(ctx)},
    }
    return [Reply(update_card=card, note=replies[0].note), *replies[1:]]


def _judge(message: Message, ctx: Context) -> Verdict:
    try:
        return ctx.contents.judge.judge(message.text)
    except Exception as error:
        # The one gate that may not just be passed when it breaks: a person looks instead.
        log.error("judge failed", id=message.id, error=type(error).__name__, exc_info=True)
        return Verdict("review", 1, rule="自动判断失败，请人工查看", category="故障")


def _is_decision(words: Sequence[str]) -> bool:
    return len(words) == 2 and words[0].isdecimal() and words[1] in STATES


def _decide(number: int, word: str, message: Message, ctx: Context) -> list[Reply]:
    case = ctx.stores.cases.find(ctx.community.keys, number)
    if case is None:
        raise UserError(f"没有编号为 {number} 的案件。")
    done = ctx.stores.cases.decide(ctx.community.keys, case, STATES[word], ctx.member, ctx.now(), once=message.id)
    if done is None:
        raise UserError(f"没有编号为 {number} 的案件。")
    said = Reply(
        f"{ctx.community.name} · 案件 {number}：{SHOWN[done.before]} → {SHOWN[STATES[word]]}。该成员现有 {done.strikes} 次警告。",
        note={"case": number, "decided": word},
    )
    if word == "警告" and done.before != "warned":
        return [said, Reply(_warning(ctx, case.rule, number, done.strikes), to=case.member, counts=("warnings",))]
    return [said]


def _warning(ctx: Context, rule: str, number: int, strikes: int) -> str:
    return (
        f"提醒：你在“{ctx.community.name}”的一条消息触发了规则：{rule}（案件 {number}，第 {strikes} 次提醒）。\n"
        "这条提醒只有你能看到。如果判断错了，请联系管理员，报上案件编号即可复核。"
    )


def _line(case: Case, ctx: Context) -> str:
    at = case.at.astimezone(ctx.community.zone)
    return f"{case.number}. {at:%m-%d %H:%M} 成员 {case.member}，{case.rule}：“{case.evidence[:60]}”"


def _card(case: Case, ctx: Context) -> dict[str, object]:
    return {
        "card_type": "button_interaction",
        "main_title": {"title": f"案件 {case.number} · {case.rule}"[:26], "desc": f"成员 {case.member}"},
        "sub_title_text": case.evidence[:100] or "（原文已清除）",
        "button_list": [
            {"text": "警告", "style": 2, "key": f"case:{ctx.community.id}:{case.number}:警告"},
            {"text": "忽略", "style": 1, "key": f"case:{ctx.community.id}:{case.number}:忽略"},
        ],
        "task_id": f"case-{ctx.community.shard}-{case.number}-{int(ctx.now().timestamp() * 1000)}",
    }


def _link(ctx: Context) -> str:
    return ctx.config.server.public_url or "https://work.weixin.qq.com/"
