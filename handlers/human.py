"""人工: a question goes to a person on duty, his answer comes back through the bot. Asking is for members, answering for moderators."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.cards import Fact, Link, TextNotice
from bot.communities import Communities, listed_community
from bot.config import CommunityConfig, Config
from bot.context import Context
from bot.errors import UserError
from bot.human_desk import (
    AGAIN_DAYS,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    LONGEST_REASON,
    STATES,
    HumanDesk,
    Thread,
    asked_too_often,
    counts_of,
    rate_newest,
)
from bot.members import find_members, harmless, listed
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Handler, Router
from rules.duty import DutyPlans
from rules.lines import one_line
from storage.moment import to_ms
from storage.stores import Stores
from storage.tickets import Changed, Ticket

ASKED_MS = 600_000
"""How long after a question 人工 alone takes it over."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)
ENOUGH = frozenset({"算了", "取消", "不用了", "没事了", "没了"})
WHO = {"member": "", "staff": "答复", "note": "关闭"}
NO_DESK = "这个群还没有接入人工，请直接联系群主或管理员。"
NONE_OPEN = "你现在没有等待人工的问题。要找人请说“人工 你的问题”。"

DENIED = "这个社群的工单只有它的版主和管理员可以处理。"
NUMBERED = r"\s*[#＃]?(\d{1,9})(?![\d.\-~])"
_TO_NUMBER = re.compile(rf"(?s)\s*[^\s\d#＃]+{NUMBERED}\s*[：:，,]?\s*(.*)")
"""A command to a ticket: 回复 12 答案, 回复12：答案, 回复 #12 答案."""

router = Router()


# What members say -----------------------------------------------------------------------------------------------------


@router.command(
    "人工", "转人工", "人工客服", "人工服务", "找人工", "找客服", "联系客服", "真人", "转接人工", takes_words=True
)  # fmt: skip
def ask(message: Message, ctx: Context) -> Reply:
    """人工 问题：转给值班的人回答；不写问题就转你刚才问的那个"""
    return _ask(_rest(message.text, 1), message, ctx)


@router.pattern(r"(?s)(?:转人工|人工客服|人工服务|人工)\s*[：:，,]\s*(.+)", name="人工：")
def ask_at_once(message: Message, ctx: Context) -> Reply:
    """人工：和问题写在一起"""
    return _ask(_behind_mark(message.text), message, ctx)


@router.open_prompt("human")
def ask_by_words(message: Message, ctx: Context) -> Reply:
    """人工：被问到“想问什么”之后说的话就是问题"""
    if ctx.args[0].strip("。！!~ ") in ENOUGH:
        return Reply("好的，有问题随时问我。", note={"human": "dropped"})
    return _ask(ctx.args[0], message, ctx)


@router.command("补充", takes_words=True, is_hidden=True)
def add(message: Message, ctx: Context) -> Reply:
    """补充 内容：给正在等人工的问题加几句"""
    return _add(_rest(message.text, 1), message, ctx)


@router.pattern(r"(?s)补充\s*[：:，,]\s*(.+)", name="补充：")
def add_at_once(message: Message, ctx: Context) -> Reply:
    """补充：和内容写在一起"""
    return _add(_behind_mark(message.text), message, ctx)


@router.command("取消人工", "不用人工了", "取消转人工", is_hidden=True)
def cancel(message: Message, ctx: Context) -> Reply:
    """取消人工：不等了"""
    ticket = _newest(ctx)
    if ticket is None:
        return Reply(NONE_OPEN)
    done = _desk(ctx).cancel(ticket, once=message.id)
    if not done.done:
        return Reply(f"工单 {ticket.number} {STATES[done.ticket.state]}，不用取消了。")
    return Reply(f"已取消，工单 {ticket.number} 不再等人回复。", note={"ticket": ticket.number}, counts=("tickets_cancelled",))


@router.command("再问", "还想问", takes_words=True, is_hidden=True)
def ask_again(message: Message, ctx: Context) -> Reply:
    """再问 内容：人工答复之后接着问"""
    words, ticket = _rest(message.text, 1), _newest(ctx)
    if ticket is None or not _is_fresh(ticket, ctx):
        return _ask(words, message, ctx)
    if not words:
        raise UserError("还想问什么？请写在一起，例如：再问 那要等几天")
    done = _desk(ctx).ask_again(ticket, _limited(words), message.chat, once=message.id)
    if not done.done:
        return _ask(words, message, ctx)
    said = f"已接着问，工单 {ticket.number}。{_desk(ctx).promise(done.ticket)}。"
    return Reply(said, note={"ticket": ticket.number}, counts=("tickets_again",))


@router.command("解决了", "已解决", "问题解决了", is_hidden=True)
def solved(message: Message, ctx: Context) -> Reply:
    """解决了：人工的答复帮到了你"""
    return _rate(1, "太好了，谢谢反馈！", message, ctx)


@router.command("没解决", "没有解决", "还没解决", "未解决", is_hidden=True)
def unsolved(message: Message, ctx: Context) -> Reply:
    """没解决：人工的答复没帮到你"""
    return _rate(-1, "抱歉没帮上忙。请说“再问 还想问的”，原来的同事会接着答。", message, ctx)


# What those on duty say -----------------------------------------------------------------------------------------------


def _to_ticket(*names: str, glued: str) -> Callable[[Handler], Handler]:
    """A command to a ticket by its number, for whoever is moderator somewhere; ``glued`` is how it is typed without a blank before the number."""

    def add(handler: Handler) -> Handler:
        router.pattern(glued, name=f"{names[0]}1", role="moderator", private=True, anywhere=True)(handler)
        return router.command(*names, role="moderator", takes_words=True, private=True, anywhere=True)(handler)

    return add


@_to_ticket("工单", "人工工单", glued=rf"工单{NUMBERED}")
def show(message: Message, ctx: Context) -> Reply:
    """工单：等人工回复的问题，快到期的在前；工单 编号 看往来"""
    if ctx.args:
        number, _ = _numbered(message, "写法是：工单 编号")
        desk = _desk_of(number, message, ctx)
        return Reply(_thread(desk.get(number), desk, ctx), note={"ticket": number})
    return Reply("\n\n".join(_list(desk, ctx) for desk in _desks(ctx)))


@_to_ticket("接单", glued=rf"接单{NUMBERED}")
def take(message: Message, ctx: Context) -> Reply:
    """接单 编号：告诉大家这个工单由你回复"""
    number, _ = _numbered(message, "写法是：接单 编号。编号可以说“工单”查看")
    return _take(number, message, ctx)


@_to_ticket("回复", "答复", glued=rf"(?s)(?:回复|答复){NUMBERED}.*")
def answer(message: Message, ctx: Context) -> Reply:
    """回复 编号 答案：答复一个工单，由我转给提问的人"""
    usage = "写法是：回复 编号 答案，例如：回复 12 请在订单页点“申请退款”"
    number, text = _numbered(message, usage)
    if not text:
        raise UserError(usage)
    if len(text) > LONGEST_ANSWER:
        raise UserError(f"答案有 {len(text)} 字，最多 {LONGEST_ANSWER} 字，请写短一些。")
    desk = _desk_of(number, message, ctx)
    done = desk.answer(number, ctx.actor, text, once=message.id)
    if not done.done:
        return Reply(_too_late(done, desk, ctx) + "你的答案没有发出。", note={"ticket": number, "late": True})
    return Reply(
        f"工单 {number} 已答复{_called(done.ticket.member, ctx)}。这一问一答也放进了“未答”，可以采纳成问答。",
        note={"ticket": number, "human": "answered"},
    )  # fmt: skip


@_to_ticket("转给", glued=rf"(?s)转给{NUMBERED}[\s：:，,@].*")
def pass_on(message: Message, ctx: Context) -> Reply:
    """转给 编号 @谁：请另一个人回复这个工单"""
    usage = "写法是：转给 编号 @谁，例如：转给 12 @张三"
    number, who = _numbered(message, usage)
    if not who:
        raise UserError(usage)
    desk = _desk_of(number, message, ctx)
    found = find_members(ctx.stores, who, desk.community.keys, strangers=True)
    if len(found) > 1:
        choices = tuple(f"{number} {member}" for member in found)
        return Reply(f"有 {len(found)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, found)}", prompt=Prompt("ticket pass", choices))
    return _pass(number, found[0], message, ctx)


@router.prompt("ticket pass")
def choose(message: Message, ctx: Context) -> Reply:
    """转给：用数字选一个人"""
    number, member = map(int, ctx.args[0].split(" "))
    if ctx.stores.directory.find_user(member) is None:
        raise UserError("这位成员刚刚不在了（可能删除了数据），请重新说一次：转给 编号 @谁")
    return _pass(number, member, message, ctx)


@_to_ticket("关闭", "关闭工单", glued=rf"(?s)关闭(?:工单)?{NUMBERED}[\s：:，,].*")
def close(message: Message, ctx: Context) -> Reply:
    """关闭 编号 原因：不回答就结束一个工单，原因会告诉提问的人"""
    usage = "写法是：关闭 编号 原因，例如：关闭 12 已在群里解答"
    number, reason = _numbered(message, usage)
    if not reason:
        raise UserError(usage)
    desk = _desk_of(number, message, ctx)
    done = desk.close(number, ctx.actor, reason[:LONGEST_REASON], once=message.id)
    if not done.done:
        return Reply(_too_late(done, desk, ctx), note={"ticket": number, "late": True})
    return Reply(f"工单 {number} 已关闭，原因已告诉提问的人。", note={"ticket": number, "human": "closed"})


@router.card("ticket", role="moderator", anywhere=True)
def click(message: Message, ctx: Context) -> Reply:
    """工单卡片：点按钮接单或看往来"""
    number = int(ctx.args[1]) if len(ctx.args) == 3 and ctx.args[1].isdecimal() else 0
    desk = _desk_of(number, message, ctx)
    if desk.community.id != ctx.args[0]:
        raise UserError("这张卡片已经过期，请再说一次“工单”。")
    said = _take(number, message, ctx) if ctx.args[2] == "take" else Reply(_thread(desk.get(number), desk, ctx), note={"ticket": number})
    link = Link(ctx.config.server.home)
    face = TextNotice(title=f"工单 {number}", sub_title=said.text, facts=(Fact("作答", f"回复 {number} 答案"),), action=link)
    return Reply(said.text, update_card=face, note=said.note)


# What the clock does --------------------------------------------------------------------------------------------------


def ring(stores: Stores, config: Config, plans: DutyPlans, communities: Communities, now: datetime) -> int:
    """Does what has come of every ticket's clock: reminders and escalation; gives how many were told. Any number of processes may ring."""
    told = 0
    for where, number in stores.tickets.due(now):
        told += HumanDesk(stores, config, plans, communities.named(where.id), now).step(number)
    return told


# Inside ---------------------------------------------------------------------------------------------------------------


def _desk(ctx: Context) -> HumanDesk:
    return HumanDesk(ctx.stores, ctx.config, ctx.contents.duty, ctx.community, ctx.now())


def _desk_of(number: int, message: Message, ctx: Context) -> HumanDesk:
    """The desk that a ticket is at: here or, in a single chat, in another community. Raises UserError where the one who speaks may not do this."""
    where = ctx.stores.tickets.find_home(number)
    if where is not None and where.id == ctx.community.id:
        if not may(ctx.role, "moderator"):  # he is let in for a role that he has elsewhere
            raise UserError(DENIED)
        return _desk(ctx)
    listed_there = ctx.config.community(where.id) if where else None
    if where is None or listed_there is None or not message.is_private or not may(ctx.find_role(where.id), "moderator"):
        raise UserError(f"没有编号为 {number} 的工单。说“工单”看还有哪些。")
    return _desk_at(listed_there, ctx)


def _desks(ctx: Context) -> list[HumanDesk]:
    """The desk here or, for who may look at others only, those."""
    if may(ctx.role, "moderator"):
        return [_desk(ctx)]
    return [_desk_at(place, ctx) for place in ctx.config.communities if may(ctx.find_role(place.id), "moderator")]


def _desk_at(place: CommunityConfig, ctx: Context) -> HumanDesk:
    community = listed_community(place, ctx.stores.shards)
    return HumanDesk(ctx.stores, ctx.config, ctx.contents.duty, community, ctx.now())


def _ask(words: str, message: Message, ctx: Context) -> Reply:
    if not ctx.community.is_listed or not ctx.member:
        return Reply(NO_DESK, note={"human": "no desk"})
    ticket = _newest(ctx)
    if ticket and ticket.waits and ticket.message != message.id:  # one of this very message is a repeat: it gets the first answer
        return _add(words, message, ctx) if words else Reply(_state(ticket, ctx), note={"ticket": ticket.number})
    question = words or _just_asked(ctx)
    if not question:
        return Reply("想问什么？请直接说，我转给值班的同事。", prompt=Prompt("human", ()), note={"human": "asks"})
    desk = _desk(ctx)
    opened, ticket = desk.open(ctx.member, _limited(question), message.chat, once=message.id)
    if ticket is None:
        return Reply(asked_too_often(), note={"human": "too often"})
    if opened.outcome == "open":  # another message of his was a moment faster
        return _add(question, message, ctx)
    quoted = "" if words else f"“{one_line(question, 40)}”"
    said = f"已把{quoted or '问题'}转给人工，工单 {ticket.number}。{desk.promise(ticket)}。\n要补充请说“补充 ……”，不等了请说“取消人工”。"
    return Reply(said, note={"ticket": opened.number, "human": "opened"})


def _add(words: str, message: Message, ctx: Context) -> Reply:
    ticket = _newest(ctx)
    if ticket is None:
        return Reply(NONE_OPEN)
    if not words:
        raise UserError("要补充什么？请写在一起，例如：补充 我的订单是昨天下的")
    done = _desk(ctx).add(ticket, _limited(words), message.chat, once=message.id)
    if done.done:
        return Reply(f"已补充到工单 {ticket.number}。{_desk(ctx).promise(done.ticket)}。", note={"ticket": ticket.number})
    if done.why == "full":
        return Reply("这个工单里的话已经太多了，请等同事回复。", note={"ticket": ticket.number})
    return Reply(f"工单 {ticket.number} {STATES[done.ticket.state]}。还要问请说“再问 ……”。", note={"ticket": ticket.number})


def _rate(verdict: int, thanks: str, message: Message, ctx: Context) -> Reply:
    rated = rate_newest(ctx.stores, ctx.community.keys, ctx.member, verdict, EVER, ctx.now(), once=message.id)
    if rated is None:
        help = "，找人请说“人工 你的问题”" if ctx.community.is_listed else ""
        return Reply(f"好的。还有问题随时问我{help}。")
    return Reply(thanks, note={"ticket": rated.ticket.number, "rate": verdict}, counts=counts_of(rated))


def _take(number: int, message: Message, ctx: Context) -> Reply:
    desk = _desk_of(number, message, ctx)
    done = desk.take(number, ctx.actor, once=message.id)
    if done.done:
        return Reply(f"工单 {number} 由你回复，{desk.left(done.ticket)}。答案请说：回复 {number} 答案", note={"ticket": number})
    if done.why == "taken":
        taker = _called(done.ticket.taker, ctx)
        return Reply(
            f"工单 {number} 已由{taker}接单。急的话可以直接“回复 {number} 答案”，先答的算。", note={"ticket": number, "late": True}
        )
    return Reply(_too_late(done, desk, ctx), note={"ticket": number, "late": True})


def _pass(number: int, member: int, message: Message, ctx: Context) -> Reply:
    desk = _desk_of(number, message, ctx)
    done = desk.pass_on(number, ctx.actor, member, once=message.id)
    if not done.done:
        return Reply(_too_late(done, desk, ctx), note={"ticket": number, "late": True})
    return Reply(f"工单 {number} 已转给{_called(member, ctx)}。", note={"ticket": number, "human": "passed"})


def _newest(ctx: Context) -> Ticket | None:
    return ctx.stores.tickets.newest_of(ctx.community.keys, ctx.member) if ctx.member else None


def _just_asked(ctx: Context) -> str:
    """The question that the member asked in this chat just before, '' when there is none."""
    talk = ctx.talk
    return talk.asked if to_ms(ctx.now()) - talk.asked_ms < ASKED_MS else ""


def _is_fresh(ticket: Ticket, ctx: Context) -> bool:
    return ticket.waits or (
        ticket.state == "answered" and ticket.ended is not None and ctx.now() - ticket.ended < timedelta(days=AGAIN_DAYS)
    )


def _state(ticket: Ticket, ctx: Context) -> str:
    at = "已经有同事接单" if ticket.taker else "还没有人接单"
    return f"你的工单 {ticket.number} 还在等，{at}。{_desk(ctx).promise(ticket)}。\n要补充请说“补充 ……”，不等了请说“取消人工”。"


def _too_late(done: Changed, desk: HumanDesk, ctx: Context) -> str:
    ticket = done.ticket
    by = [_called(ticket.by, ctx)] if ticket.by else []
    at = [desk.say(ticket.ended)] if ticket.ended else []
    return f"工单 {ticket.number} {STATES[ticket.state]}（{'，'.join([*by, *at])}）。"


def _list(desk: HumanDesk, ctx: Context) -> str:
    threads = desk.list_tickets()
    usual = ctx.stores.tickets.median_response(desk.community.keys, ctx.now() - timedelta(days=30))
    pace = f"\n30 天内首次回复的中位数：{max(round(usual.total_seconds() / 60), 1)} 分钟" if usual else ""
    if not threads:
        return f"{desk.community.name} · 没有等待回复的工单。{pace}"
    more = ctx.stores.tickets.count_waiting([desk.community.keys], ctx.now())[0] - len(threads)
    lines = [_row(thread, desk, ctx) for thread in threads] + ([f"……还有 {more} 件"] if more > 0 else [])
    listing = harmless("\n".join(lines))
    return f"{desk.community.name} · 等待回复的工单：\n{listing}{pace}\n作答：`回复 编号 答案`；也可以 `接单`、`转给`、`关闭`，`工单 编号` 看往来。"


def _row(thread: Thread, desk: HumanDesk, ctx: Context) -> str:
    ticket = thread.ticket
    taker = f"，{_called(ticket.taker, ctx)}已接单" if ticket.taker else ""
    words = thread.words[-1].text if thread.words else "（原文已清除）"
    return f"{ticket.number}. {desk.left(ticket)}{taker}，{_called(ticket.member, ctx)}：“{one_line(words, 40)}”"


def _thread(thread: Thread, desk: HumanDesk, ctx: Context) -> str:
    ticket = thread.ticket
    state = STATES[ticket.state] + (f"，{desk.left(ticket)}" if ticket.waits else "")
    taker = f" {_called(ticket.taker, ctx)}" if ticket.taker and ticket.waits else ""
    lines = [f"{desk.say(row.at)} {_called(row.by, ctx)}{WHO[row.who]}：{row.text}" for row in thread.words]
    rated = {1: "\n成员说：解决了", -1: "\n成员说：没解决"}.get(ticket.rate, "")
    words = "\n".join(lines) or "（文字已清除）"
    return f"工单 {ticket.number} · {desk.community.name} · {state}{taker}\n{words}{rated}"


def _called(number: int, ctx: Context) -> str:
    """How those on duty read of a member: with his number, so that what is kept of it goes when he is forgotten."""
    name = ctx.stores.directory.find_name(number)
    return f"{name}（成员 {number}）" if name else f"成员 {number} "


def _limited(words: str) -> str:
    if len(words) > LONGEST_QUESTION:
        raise UserError(f"写了 {len(words)} 字，最多 {LONGEST_QUESTION} 字，请说得短一些。")
    return words


def _numbered(message: Message, usage: str) -> tuple[int, str]:
    """The number of the ticket that a command names, and what stands behind it, its line breaks kept."""
    found = _TO_NUMBER.fullmatch(message.text)
    if found is None:
        raise UserError(usage + "。")
    return int(found[1]), found[2].strip()


def _rest(text: str, words: int) -> str:
    """What stands behind the first ``words`` words of a text, its line breaks kept."""
    parts = text.strip().split(None, words)
    return parts[words].strip() if len(parts) > words else ""


def _behind_mark(text: str) -> str:
    """What stands behind the first colon or comma."""
    return text[min(at for mark in "：:，," if (at := text.find(mark)) >= 0) + 1 :].strip()
