"""社群治理: what the word list finds is filed for review; only where the trial run is over, and nothing paused, is a member warned, in private."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.cards import Button, ButtonInteraction, Fact, Link, TextNotice, task_of
from bot.context import Context
from bot.deliveries import app_channel
from bot.errors import UserError
from bot.longframes import ws_channel
from bot.message import Message, Replies, Reply
from bot.pipeline import Gated
from bot.router import Router
from rules.judgement import RULES, Reason, Verdict
from storage.cases import Case, Decided

log = structlog.get_logger(__name__)

STATES = {"警告": "warned", "忽略": "ignored"}
MOST_WAITING = 10
"""With more undecided cases than this no more cards are sent: 案件 lists them."""
SHOWN = {"open": "待处理", "warned": "已警告", "ignored": "已忽略"}

router = Router()


def gate(message: Message, ctx: Context) -> Gated | None:
    """Files a case when the word list hits; warns in private, with the rule named and the strike counted, once the trial run is over."""
    if not message.text or not ctx.member or ctx.in_admin_group or (ctx.is_confidential and message.is_private):
        return None
    verdict = _judge(message, ctx)
    if verdict.verdict == "pass":
        return None
    warns = verdict.verdict == "warn" and not ctx.config.moderation.dry_run and ctx.community.is_listed and not ctx.pause
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
        case = Case(filed.number, ctx.member, verdict.rule, verdict.category, verdict.severity, ctx.now(), "open", message.text)
        return Gated((Reply(note=note, counts=("cases",)), *_for_admins(case, message, ctx)))
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
    return [listed, Reply(card=_card(cases[0], ctx, message.id))]


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
    number, word = int(ctx.args[1]), ctx.args[2]
    case, done = _settle(number, word, message, ctx, only_open=True)
    if done.by is not None:
        who = ctx.stores.directory.find_name(done.by) or (f"成员 {done.by}" if done.by else "管理员")
        said = f"案件 {number} 已由{who}处理：{SHOWN[done.before]}。要改判请说：处理 {number} {word}"
        user = ctx.stores.directory.find_user(done.by) or ""
        card = _outcome(number, SHOWN[done.before], said, Fact("处理人", who, user=user), ctx)
        return [Reply(said, update_card=card, note={"case": number, "decided_before": True})]
    said = _said(number, word, done, ctx)
    who = ctx.person.name or f"成员 {ctx.member}"
    card = _outcome(number, f"{SHOWN[done.before]} → {SHOWN[STATES[word]]}", said, Fact("处理人", who, user=message.user), ctx)
    return [Reply(said, update_card=card, note={"case": number, "decided": word}), *_warn_once(case, word, done, ctx)]


def _judge(message: Message, ctx: Context) -> Verdict:
    try:
        return ctx.contents.judge.judge(message.text)
    except Exception as error:
        # The one gate that may not just be passed when it breaks: a person looks instead.
        log.error("judge failed", id=message.id, error=type(error).__name__, exc_info=True)
        return Verdict("review", 1, (Reason("fault", "fault", 1.0, 1, RULES["fault"], RULES["fault"]),))


def _is_decision(words: Sequence[str]) -> bool:
    return len(words) == 2 and words[0].isdecimal() and words[1] in STATES


def _decide(number: int, word: str, message: Message, ctx: Context) -> list[Reply]:
    case, done = _settle(number, word, message, ctx)
    return [Reply(_said(number, word, done, ctx), note={"case": number, "decided": word}), *_warn_once(case, word, done, ctx)]


def _settle(number: int, word: str, message: Message, ctx: Context, *, only_open: bool = False) -> tuple[Case, Decided]:
    case = ctx.stores.cases.find(ctx.community.keys, number)
    if case is None:
        raise UserError(f"没有编号为 {number} 的案件。")
    if word == "警告" and ctx.pause:
        raise UserError(f"这里暂停了，不发警告。先说“恢复”再处理，或者：处理 {number} 忽略")
    state = STATES[word]
    done = ctx.stores.cases.decide(ctx.community.keys, case, state, ctx.member, ctx.now(), once=message.id, only_open=only_open)
    if done is None:
        raise UserError(f"没有编号为 {number} 的案件。")
    if done.by is None:
        before, after = SHOWN[done.before], SHOWN[state]
        ctx.stores.audit.record(
            ctx.community.id, ctx.actor.id, "处理案件", f"案件 {number}（成员 {case.member}）", before, after, ctx.now(), once=message.id
        )
    return case, done


def _said(number: int, word: str, done: Decided, ctx: Context) -> str:
    return f"{ctx.community.name} · 案件 {number}：{SHOWN[done.before]} → {SHOWN[STATES[word]]}。该成员现有 {done.strikes} 次警告。"


def _warn_once(case: Case, word: str, done: Decided, ctx: Context) -> list[Reply]:
    if word != "警告" or done.before == "warned":
        return []
    return [Reply(_warning(ctx, case.rule, case.number, done.strikes), to=case.member, counts=("warnings",))]


def _for_admins(case: Case, message: Message, ctx: Context) -> list[Reply]:
    """The case as a card in private for each administrator who is at home here, where an app or a long connection leads to him.

    Elsewhere they ask for it. A raid files cases by the hundred: when many wait, the list has to do.
    """
    if not ctx.community.is_listed or not (app_channel(ctx.config) or ws_channel(ctx.config)):
        return []
    if ctx.stores.cases.count_undecided(ctx.community.keys) > MOST_WAITING:
        return []
    directory, first = ctx.stores.directory, ctx.config.communities[0].id
    admins = [directory.enrol(user) for user in ctx.config.admins if directory.find_number(user)]
    here = [admin.number for admin in admins if (admin.home or first) == ctx.community.id]
    # In words it goes without the member's own: those are kept sealed, and a notice may wait for days.
    words = f"{ctx.community.name} · 案件 {case.number} 待处理：{case.rule}。请说“案件”查看。"
    return [Reply(words, card=_card(case, ctx, f"{message.id}:{number}"), to=number, about=(case.member,)) for number in here]


def _warning(ctx: Context, rule: str, number: int, strikes: int) -> str:
    return (
        f"提醒：你在“{ctx.community.name}”的一条消息触发了规则：{rule}（案件 {number}，第 {strikes} 次提醒）。\n"
        "这条提醒只有你能看到。如果判断错了，请联系管理员，报上案件编号即可复核。"
    )


def _line(case: Case, ctx: Context) -> str:
    at = case.at.astimezone(ctx.community.zone)
    return f"{case.number}. {at:%m-%d %H:%M} 成员 {case.member}，{case.rule}：“{case.evidence[:60]}”"


def _card(case: Case, ctx: Context, once: str) -> ButtonInteraction:
    # Every message needs a task id of its own, also when it shows the same case again.
    key = f"case:{ctx.community.id}:{case.number}"
    return ButtonInteraction(
        title=f"案件 {case.number} · {case.rule}",
        desc=f"成员 {case.member}",
        sub_title=case.evidence[:100] or "（原文已清除）",
        facts=(Fact("社群", ctx.community.name),),
        buttons=(Button("警告", f"{key}:警告", style=2), Button("忽略", f"{key}:忽略")),
        task=task_of("case", ctx.community.id, str(case.number), once),
    )


def _outcome(number: int, change: str, said: str, who: Fact, ctx: Context) -> TextNotice:
    return TextNotice(title=f"案件 {number}", desc=change, sub_title=said, facts=(who,), action=Link(ctx.config.server.home))
