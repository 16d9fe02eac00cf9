"""社群治理: what judges find becomes a case; where a person has to be told, he is: in private first, then all without a name, then the administrators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from bot.cards import Fact, Link, TextNotice
from bot.case_desk import CaseDesk, Settled, error_rate_line
from bot.case_words import STATES, appeal_line, card, line, report_lines, seen_by, story_lines
from bot.context import Context
from bot.errors import UserError
from bot.judging import Judged, judged
from bot.members import MENTION_ENDS, all_called, called, find_meant, name_of
from bot.message import Message, Replies, Reply
from bot.pipeline import Gated
from bot.router import Router
from bot.shown_cases import cards_for_staff
from rules.reporting import appeal_in, report_in
from storage.appeals import Ruling
from storage.cases import Case, Decision

DECISIONS: dict[str, Decision] = {"警告": "warned", "忽略": "ignored", "移交": "hand", "合并": "merge"}
RULINGS: dict[str, Ruling] = {"维持": "upheld", "驳回": "upheld", "撤销": "granted", "申诉成立": "granted"}
BUTTONS = ("警告", "忽略")
PAGE = 10
USAGE = "写法是：处理 编号 警告，或：处理 编号 忽略 理由。还可以：移交 @谁、合并 编号；申诉用：维持 理由、撤销 理由。编号可以说“案件”查看。"
USAGE_OF_LIST = "写法是：案件（看队列）、案件 12（看一件）、案件 第2页、案件 申诉、案件 报告"

router = Router()


def gate(message: Message, ctx: Context) -> Gated | None:
    """Files what the judges find and warns by the ladder. Reports and appeals that reach somebody are no cases."""
    if not message.text or not ctx.member or ctx.in_admin_group or (ctx.is_confidential and message.is_private):
        return None
    plea = _plea(message, ctx)
    if plea == "taken":
        return None
    found = judged(message, ctx)
    if found.act == "none" and not found.is_hushed:
        return None
    hushed = (Reply(found.hint),) if found.hint else ()
    if found.act == "none":
        return Gated(hushed, stops=True)
    # Who complains in the wrong way may quote what hurt him: a person looks, nobody is warned of it by a machine.
    gated = _act(replace(found, act="file") if plea else found, message, ctx)
    return Gated((*gated.replies, *hushed), stops=gated.stops or found.is_hushed)


def _plea(message: Message, ctx: Context) -> Literal["", "taken", "misplaced"]:
    """Whether a message is a report or an appeal that will be taken, or one that will be refused: in a group the words alone excuse nothing."""
    report = report_in(message.text)
    if report is None and appeal_in(message.text) is None:
        return ""
    is_taken = message.is_private or (report is not None and (message.quote is not None or _names_somebody(report, ctx)))
    return "taken" if is_taken else "misplaced"


def _names_somebody(words: str, ctx: Context) -> bool:
    try:
        return len(find_meant(ctx.stores, words, ctx.community.keys)[0].numbers) == 1
    except UserError:
        return False


def _act(found: Judged, message: Message, ctx: Context) -> Gated:
    """Files a case, or adds to one, and tells who has to be told."""
    desk, verdict = _desk(ctx), found.verdict
    is_spared = found.is_newcomer and desk.ladder.spare_newcomers
    act = "file" if found.act == "file" else "hint" if is_spared else "warn"
    filed = desk.file(ctx.member, message.text, verdict, act, chat=message.chat, once=message.id)  # type: ignore[arg-type]
    note = {"case": filed.number, "rule": verdict.rule, "verdict": verdict.verdict}
    match filed.outcome:
        case "added":
            is_harmless = filed.state in ("ignored", "lifted")  # people found so: it is said again as any other words are
            return Gated((Reply(note=note | {"added": True}, is_filed=not is_harmless),), stops=act != "file" and not is_harmless)
        case "filed":
            return Gated((Reply(note=note, is_filed=True), *cards_for_staff(ctx, desk.get(filed.number), message.id)))
    strikes = filed.strikes if filed.outcome == "warned" else 0
    to = None if message.is_private else ctx.member
    warning = Reply(desk.warning(verdict.rule, filed.number, strikes), to=to, note=note | {"warned": True})
    if strikes:
        id = f"case:{ctx.community.id}:{filed.number}:strike"
        if message.chat:
            desk.go_public(verdict.rule, strikes, message.chat, id=id)
        desk.call_staff(filed.number, ctx.member, verdict.rule, strikes, id=id)
    return Gated((warning,), stops=True)


# The queue ------------------------------------------------------------------------------------------------------------------


@router.command("案件", "待处理案件", role="moderator", private=True, takes_words=True)
def show_cases(message: Message, ctx: Context) -> Replies:
    """案件：等待处理的案件；案件 编号 看一件，案件 申诉，案件 报告"""
    words = " ".join(ctx.args)
    if not words:
        return _queue(1, message, ctx)
    if words.isdecimal() and len(words) < 10:
        return _story(int(words), message, ctx)
    page = words.removeprefix("第").removesuffix("页").strip()
    if words.startswith("第") and page.isdecimal() and int(page[:6]) > 0:
        return _queue(int(page[:6]), message, ctx)
    if words in ("申诉", "申诉列表"):
        return _appeals(ctx)
    if words in ("报告", "出入"):
        return _disagreement(ctx)
    raise UserError(USAGE_OF_LIST)


def _queue(page: int, message: Message, ctx: Context) -> Replies:
    store, where = ctx.stores.cases, ctx.community.keys
    cases = store.undecided(where, PAGE, skip=(page - 1) * PAGE)
    waiting = ctx.stores.appeals.count_waiting(where)
    appeals = f"⚖️ 有 {waiting} 件申诉等复核，说“案件 申诉”看。" if waiting else ""
    if not cases:
        return Reply("\n".join(filter(None, ["没有待处理的案件。" if page == 1 else "没有更多了。", appeals])))
    more = store.count_undecided(where) - (page - 1) * PAGE - len(cases)
    reader = _reader(message, ctx)
    lines = [line(case, ctx.community.zone, reader(case)) for case in cases]
    lines += [f"……还有 {more} 件，说“案件 第{page + 1}页”看"] if more > 0 else []
    lines += [appeals] if appeals else []
    how = "看一件：`案件 编号`；处理：`处理 编号 警告` 或 `处理 编号 忽略`"
    listed = Reply(f"{ctx.community.name} · 待处理的案件：\n" + "\n".join(lines) + f"\n{how}", about=_named(cases))
    # The card is a reply of its own: where cards are shown, its text would not be, and the other cases would go unseen.
    return (
        [listed, Reply(card=card(cases[0], ctx.community, message.id, reader(cases[0])), about=_named(cases[:1]))] if page == 1 else listed
    )


def _story(number: int, message: Message, ctx: Context) -> Replies:
    desk = _desk(ctx)
    story = ctx.stores.cases.story(ctx.community.keys, number)
    if story is None:
        raise UserError(f"没有编号为 {number} 的案件。说“案件”看还有哪些。")
    reader, appeal = _reader(message, ctx)(story.case), ctx.stores.appeals.find(ctx.community.keys, number)
    is_hidden = bool(story.case.reporters) and reader != ctx.member
    story = seen_by(story, reader)
    said, about = story_lines(story, appeal, ctx.stores, ctx.community.zone)
    if is_hidden:
        said += f"\n这件关于能处理案件的人：谁举报的、怎么说的不在群里显示，请私聊我说“案件 {number}”。"
    if desk.looks_staged(story.case):
        said += "\n⚠️ 这几位举报人只举报过他一个人，请留意是不是约好的。"
    if appeal and appeal.state == "waiting":
        return Reply(f"{said}\n复核申诉：`处理 {number} 维持 理由` 或 `处理 {number} 撤销 理由`", about=about)
    if story.case.into:
        return Reply(f"{said}\n这件已并入案件 {story.case.into}，请看：`案件 {story.case.into}`", about=about)
    if story.case.state != "open":
        return Reply(f"{said}\n要改判：`处理 {number} 警告` 或 `处理 {number} 忽略`", about=about)
    return [Reply(said, about=about), Reply(card=card(story.case, ctx.community, message.id, ctx.member), about=about)]


def _appeals(ctx: Context) -> Reply:
    found = ctx.stores.appeals.waiting(ctx.community.keys, PAGE)
    if not found:
        return Reply("没有等待复核的申诉。")
    more = ctx.stores.appeals.count_waiting(ctx.community.keys) - len(found)
    lines = [appeal_line(one, ctx.community.zone, ctx.now()) for one in found] + ([f"……还有 {more} 件"] if more > 0 else [])
    head = f"{ctx.community.name} · 等待复核的申诉（要由没处理过的一位来复核）："
    said = "\n".join([head, *lines, "先看 `案件 编号`，再说 `处理 编号 维持 理由` 或 `处理 编号 撤销 理由`"])
    return Reply(said, about=tuple({one.member for one in found}))


def _disagreement(ctx: Context) -> Reply:
    found = _desk(ctx).disagreement()
    numbers = [one.member for one in found.moderators]
    lines = report_lines(found, all_called(ctx.stores, numbers) if numbers else {})
    return Reply("\n".join(lines) if lines else "还没有人处理过案件，处理过几件再来看。", about=tuple(numbers))


# Deciding -------------------------------------------------------------------------------------------------------------------


@router.command("处理", role="moderator", takes_words=True, private=True)
def decide(message: Message, ctx: Context) -> Replies:
    """处理 编号 警告/忽略/移交 @谁/合并 编号：决定一个案件；处理 编号 维持/撤销 理由：复核申诉"""
    number, word, rest = _parsed(message.text, ctx.args)
    if word in RULINGS:
        return _rule(number, RULINGS[word], rest, message, ctx)
    return _decide(number, word, rest, message, ctx)


def _parsed(text: str, args: Sequence[str]) -> tuple[int, str, str]:
    """The number, what is to be done, and the words behind it, in which the blank that ends a mention is kept."""
    if len(args) < 2 or not args[0].isdecimal() or args[1] not in (*DECISIONS, *RULINGS):
        raise UserError(USAGE)
    parts = text.split(None, 3)
    return int(args[0][:100]), args[1], parts[3].strip() if len(parts) > 3 else ""


def _decide(number: int, word: str, rest: str, message: Message, ctx: Context) -> Reply:
    decision, to, why, about = DECISIONS[word], 0, " ".join(rest.replace(MENTION_ENDS, " ").split()), tuple[int, ...]()
    if decision == "merge":
        other, _, why = why.partition(" ")
        if not other.isdecimal() or len(other) > 9:
            raise UserError(f"写法是：处理 {number} 合并 编号，例如：处理 12 合并 9")
        to = int(other)
    if decision == "hand":
        to, why = _receiver(number, rest, ctx)
        about = (to,)
    settled = _desk(ctx).decide(number, decision, ctx.actor, why, to=to, once=message.id)
    if not settled.done.done:
        said = f"刚才{_who(settled, ctx)}已经处理了案件 {number}：{STATES.get(settled.done.before, settled.done.before)}。这次没有改动，要改判请再说一次。"
        return Reply(said, note={"case": number, "decided_before": True}, about=_settlers(settled))
    if decision == "hand":
        return Reply(f"案件 {number} 移交给{called(ctx.stores, to)}了，已私下告诉他。", note={"case": number, "handed": to}, about=about)
    return Reply(_said(settled, decision, to, ctx), note={"case": number, "decided": word})


def _receiver(number: int, rest: str, ctx: Context) -> tuple[int, str]:
    """To whom a case is handed, and why: somebody who may decide it."""
    if not rest:
        raise UserError(f"写法是：处理 {number} 移交 @谁，例如：处理 12 移交 @李雷 他认识当事人")
    meant, why = find_meant(ctx.stores, rest, ctx.community.keys)
    if len(meant.numbers) > 1:
        raise UserError(f"有 {len(meant.numbers)} 个人叫“{meant.name}”，请写成员编号，例如：处理 {number} 移交 {meant.numbers[0]}")
    to = meant.numbers[0]
    if to not in _desk(ctx).deciders():
        raise UserError(f"{called(ctx.stores, to)}不是这里的版主，不能处理案件。先给他角色，例如：角色 @谁 版主")
    return to, " ".join(why.split())


@router.card("case", role="moderator")
def decide_by_card(message: Message, ctx: Context) -> list[Reply]:
    """案件卡片：点按钮处理"""
    # Case numbers begin anew in every community, and the one who clicks may have moved on to another since the card was shown.
    if len(ctx.args) != 3 or ctx.args[0] != ctx.community.id or not ctx.args[1].isdecimal() or ctx.args[2] not in BUTTONS:
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“案件”。")
    number, word = int(ctx.args[1]), ctx.args[2]
    settled = _desk(ctx).decide(number, DECISIONS[word], ctx.actor, only_open=True, once=message.id)
    done = settled.done
    if not done.done:
        who = _who(settled, ctx)
        said = f"案件 {number} 已由{who}处理：{STATES[done.before]}。要改判请说：处理 {number} {word}"
        user = ctx.stores.directory.find_user(done.by) or ""
        face = _outcome(number, STATES[done.before], said, Fact("处理人", who, user=user), ctx)
        return [Reply(said, update_card=face, note={"case": number, "decided_before": True}, about=_settlers(settled))]
    said = _said(settled, DECISIONS[word], 0, ctx)
    face = _outcome(
        number, f"{STATES[done.before]} → {STATES[DECISIONS[word]]}", said, Fact("处理人", ctx.actor.name, user=message.user), ctx
    )
    return [Reply(said, update_card=face, note={"case": number, "decided": word})]


def _rule(number: int, ruling: Ruling, why: str, message: Message, ctx: Context) -> Reply:
    found = _desk(ctx).rule(number, ruling, ctx.actor, " ".join(why.split()), once=message.id)
    ruled = found.ruled
    if ruled.outcome == "late":
        who = f"，{called(ctx.stores, ruled.by)}已经复核过" if ruled.by else ""
        return Reply(
            f"案件 {number} 没有等待复核的申诉{who}。", note={"case": number, "decided_before": True}, about=(ruled.by,) if ruled.by else ()
        )
    said = "申诉成立，提醒撤销，已私下道歉" if ruling == "granted" else "维持原判，已私下告诉他理由"
    alone = "没有别人能复核，记录里注明了是一个人决定的。" if ruled.alone else ""
    text = f"{ctx.community.name} · 案件 {number}：{said}。该成员现有 {ruled.strikes} 次警告。{error_rate_line(found.rule)}{alone}"
    return Reply(text, note={"case": number, "ruled": ruling})


# Small steps ----------------------------------------------------------------------------------------------------------------


def _desk(ctx: Context) -> CaseDesk:
    return CaseDesk(ctx.stores, ctx.contents, ctx.config, ctx.community, ctx.now())


def _said(settled: Settled, decision: Decision, to: int, ctx: Context) -> str:
    case, done = settled.case, settled.done
    after = f"并入案件 {to}" if decision == "merge" else STATES[decision]
    strikes = (
        f"该成员现有 {done.strikes} 次警告。" if case.member else "不知道是谁说的，已在群里不点名地提醒。" if decision == "warned" else ""
    )
    alone = "这是关于你自己的，记录里注明了是一个人决定的。" if done.alone else ""
    return f"{ctx.community.name} · 案件 {case.number}：{STATES[done.before]} → {after}。{strikes}{alone}"


def _who(settled: Settled, ctx: Context) -> str:
    by = settled.done.by
    return name_of(ctx.stores, by) if by else "管理员"


def _settlers(settled: Settled) -> tuple[int, ...]:
    return (settled.done.by,) if settled.done.by else ()


def _reader(message: Message, ctx: Context) -> Callable[[Case], int]:
    """For whose eyes cases are shown: in a group whoever one is about may be reading, where he is one of those who decide."""
    deciders = set[int]() if message.is_private else _desk(ctx).deciders()
    return lambda case: case.member if case.member in deciders else ctx.member


def _named(cases: Sequence[Case]) -> tuple[int, ...]:
    """Whose words a list of cases shows: where one is forgotten, the answer is not kept."""
    return tuple({number for case in cases for number in (case.member, *case.reporters)} - {0})


def _outcome(number: int, change: str, said: str, who: Fact, ctx: Context) -> TextNotice:
    return TextNotice(title=f"案件 {number}", desc=change, sub_title=said, facts=(who,), action=Link(ctx.config.server.home))
