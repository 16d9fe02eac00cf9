"""流程: members are led through what operators wrote as data; 流程 says where one stands, and lets operators try, start, stop and count them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec
import structlog

from bot.cards import Link, TextNotice
from bot.communities import Communities, Community, listed_community
from bot.config import Config
from bot.context import Context
from bot.errors import UserError
from bot.flow_desk import BEGUN, OVER, PROMPT, STATUS, FlowDesk, Progress, Told, community_of, known_of, read_ident
from bot.live import Contents
from bot.members import find_members, listed, name_of, still_here
from bot.message import Message, Prompt, Reply
from bot.permissions import Actor, may
from bot.pipeline import Gated
from bot.router import Router
from rules import flows
from rules.calendar import WEEKDAY_NAMES
from rules.flows import Ask, Effect, Flow, Wait
from rules.people import is_customer
from rules.questions import is_question
from rules.text import normalise
from storage.stores import Stores

log = structlog.get_logger(__name__)

CANCELS = frozenset({"取消", "退出", "不做了", "取消流程", "退出流程", "取消任务", "不想做了"})
RESUMES = frozenset({"继续", "接着来", "接着做", "继续流程", "继续任务"})
GOES_ON = frozenset({"下一步", "下一步吧", "next"})
EVENT_OF: Mapping[str, str] = {"check_ins": "check_in", "orders": "first_order", "thanks": "thanks", "activity_entries": "activity"}
"""The day's counter that says that something happened which flows can wait for."""
TRIAL, CHOICE = "flow trial", "flow who"
TRIAL_LIFE_S = 3_600
OPERATORS = "流程 列表、流程 测试 名字、流程 启动 名字 @谁、流程 停止 名字 @谁、流程 漏斗 名字"
OCCASIONS: Mapping[str, str] = {"joined": "入群", "first_message": "第一次发言", "enter_chat": "打开单聊"}
"""What starts flows by itself, as it is said."""
NO_FLOW = "你现在没有进行中的流程。"
BAR = 8
"""Longer ones break in two on a phone."""

router = Router()


# What starts and moves flows by itself ---------------------------------------------------------------------------------


def gate(message: Message, ctx: Context) -> Gated | None:
    """Starts flows by a member's first message and by the words that they name, and hears 取消 and 继续 where nothing else wants them."""
    if not ctx.member or message.event is not None or message.overheard or ctx.in_admin_group:
        return None
    if ctx.is_unclaimed and (said := _said(message, ctx)):
        return Gated((said,), stops=True)
    if not (ctx.is_first and message.chat and ctx.contents.flows.by_id):
        return None
    # Of many nobody saw how they joined: then their first message is when they did.
    desk, begun = _desk(ctx), list[Told]()
    for occasion in ("first_message", "joined"):
        begun += desk.start_on(ctx.community, ctx.member, occasion, chat=message.chat, once=f"{message.id}:{occasion}")
    return Gated(_replies(begun)) if begun else None


@router.follow
def notice(message: Message, ctx: Context, said: Sequence[Reply]) -> list[Reply] | None:
    """Tells a member's flows what he just did, and adds their next words to the answer; one round trip where flows wait for that."""
    names = {EVENT_OF[count] for reply in said for count in reply.counts if count in EVENT_OF} if ctx.member else set()
    if not names:
        return None  # without a look at the stores: most messages then cost one act instead of two
    desk = _desk(ctx)
    awaited = [event for event in sorted(names) if desk.may_wait(ctx.community, event)]
    told = [one for event in awaited for one in desk.happened(ctx.community, ctx.member, event, chat=message.chat, once=message.id)]
    return list(_replies(told)) or None


def _is_for_flow(words: str, choices: Sequence[str]) -> bool:
    return normalise(words) in CANCELS or flows.could_answer(choices[1], choices[2:], words)


@router.open_prompt(PROMPT, _is_for_flow)
def answer(message: Message, ctx: Context) -> Reply:
    """流程：回答正在问的问题"""
    words, ident = ctx.args[0], ctx.args[1]
    desk, (asked, _, _) = _desk(ctx), read_ident(ident)
    home = ctx.community if community_of(ident) == ctx.community.id else _elsewhere(ctx, community_of(ident))
    if normalise(words) in CANCELS:  # what just asked is meant, whatever else he is in
        return _reply(desk.cancel(home, ctx.member, asked, once=message.id), NO_FLOW)
    if normalise(words) in RESUMES:
        return _reply(desk.resume(home, ctx.member, asked, chat=message.chat, once=message.id), f"{NO_FLOW}说“流程”看看可以做什么。")
    if (begun := ctx.contents.flows.by_word.get(normalise(words))) and (found := ctx.contents.flows.by_id[begun]) in _open_to(ctx):
        return _start(message, ctx, found)
    told = desk.answer(home, ctx.member, ident, words, chat=message.chat, once=message.id)
    return _reply(told, "这个问题已经过去了。说“流程”看看现在到了哪一步。")


@router.card("flow")
def click(message: Message, ctx: Context) -> list[Reply]:
    """流程：点按钮回答正在问的问题"""
    if len(ctx.args) != 6 or ctx.args[4] != str(ctx.member):
        raise UserError("这是问别人的，你点的不算。想自己做，说“流程”看看有什么。")
    community, flow_id, n, seq, _, choice = ctx.args
    home = ctx.community if community == ctx.community.id else _elsewhere(ctx, community)
    told = _desk(ctx).answer(home, ctx.member, f"{community}|{flow_id}|{n}|{seq}", choice, chat=message.chat, once=message.id)
    face = TextNotice(title="已收到" if told.outcome == "moved" else "这个问题已经过去了", action=Link(ctx.config.server.home))
    return [Reply(update_card=face), *told.replies]


def ring_flows(stores: Stores, config: Config, contents: Contents, communities: Communities, now: datetime) -> int:
    """Does what has come of the flows' clocks; gives how many members moved. Any number of processes may ring."""
    return FlowDesk(stores, contents, config, now).ring_due(communities.named)


# 流程 --------------------------------------------------------------------------------------------------------------------


@router.command("流程", "我的流程", "新人进度", takes_words=True, unless=is_question)
def flow(message: Message, ctx: Context) -> Reply:
    """流程：你做到哪一步了；说“取消”离开，说“继续”回来"""
    act, *words = ctx.args or ("",)
    if act in ("", "进度"):
        return _own(ctx)
    if act in ("取消", "退出"):
        return _cancel(ctx, " ".join(words), message.id)
    if act in ("继续", "恢复"):
        return _resume(message, ctx)
    if act in ("开始", "参加"):
        return _begin(message, ctx, " ".join(words))
    if act in _ACTS:
        _needs_operator(message, ctx)
        return _ACTS[act](message, ctx, tuple(words))
    known = f"运营还可以说：{OPERATORS}" if may(ctx.role, "operator") else ""
    raise UserError(f"写法是：流程、流程 取消、流程 继续。例如：流程 继续。{known}")


def _own(ctx: Context) -> Reply:
    found = _desk(ctx).of_member(ctx.community.keys, ctx.member) if ctx.member else []
    if not found:
        offered = [f"“{one.words[0]}”" for one in _open_to(ctx) if one.words]
        return Reply(f"{NO_FLOW}可以说{'、'.join(offered)}开始。" if offered else NO_FLOW)
    lines = [_progress(one) for one in found]
    if any(one.is_active for one in found):
        lines.append("接着做说“继续”，不做了说“取消”。")
    return Reply("\n".join(lines))


def _begin(message: Message, ctx: Context, name: str) -> Reply:
    found = ctx.contents.flows.find(name) if name else None
    if found is None or found not in _open_to(ctx) or not found.words:
        raise UserError("写法是：流程 开始 名字，例如：流程 开始 新人任务")
    return _start(message, ctx, found)


def _start(message: Message, ctx: Context, found: Flow) -> Reply:
    desk = _desk(ctx)
    told = desk.start(ctx.community, ctx.member, found.id, chat=message.chat, once=message.id)
    if told.outcome == "active":
        told = desk.resume(ctx.community, ctx.member, chat=message.chat, once=message.id)
    said = {"once": f"“{found.title}”你已经做过了，谢谢！", "many": "你同时在做的流程太多了，先说“流程”看看，做完或取消一个。"}
    return _reply(told, said.get(told.outcome, "现在开始不了，请稍后再说一次。"))


def _cancel(ctx: Context, name: str, id: str) -> Reply:
    found = ctx.contents.flows.find(name) if name else None
    if name and found is None:
        raise UserError(f"没有“{name}”这个流程。说“流程”看看你在做什么。")
    told = _desk(ctx).cancel(ctx.community, ctx.member, found.id if found else "", once=id)
    return _reply(told, NO_FLOW)


def _resume(message: Message, ctx: Context) -> Reply:
    told = _desk(ctx).resume(ctx.community, ctx.member, chat=message.chat, once=message.id)
    return _reply(told, f"{NO_FLOW}说“流程”看看可以做什么。")


# What operators do ---------------------------------------------------------------------------------------------------------


def _list(message: Message, ctx: Context, words: tuple[str, ...]) -> Reply:
    lines = []
    for one in ctx.contents.flows.by_id.values():
        state = "" if one.enabled else "（已停用）"
        lines.append(f"{one.title}（{one.id}）{state}：{len(one.steps)} 步；{starts_of(one)}")
    return Reply("\n".join(lines) or "还没有流程。写好后用 content import flows 导入。")


def starts_of(found: Flow) -> str:
    """What starts a flow, in words."""
    starts = [
        *(OCCASIONS.get(name, name) for name in found.on),
        *(f"“{word}”" for word in found.words),
        *(f"标签:{tag}" for tag in found.tags),
    ]
    return "、".join(starts) or "只由运营启动"


def _launch(message: Message, ctx: Context, words: tuple[str, ...]) -> Reply:
    found, who = _named_flow(ctx, words, "写法是：流程 启动 名字 @谁，例如：流程 启动 新人任务 @张三")
    return _on_one(message, ctx, "启动", found, who)


def _halt(message: Message, ctx: Context, words: tuple[str, ...]) -> Reply:
    found, who = _named_flow(ctx, words, "写法是：流程 停止 名字 @谁，例如：流程 停止 新人任务 @张三")
    return _on_one(message, ctx, "停止", found, who)


def _on_one(message: Message, ctx: Context, act: str, found: Flow, who: str) -> Reply:
    members = find_members(ctx.stores, who, ctx.community.keys)
    if len(members) > 1:
        choices = tuple(f"{act} {found.id} {member}" for member in members)
        return Reply(f"有 {len(members)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, members)}", prompt=Prompt(CHOICE, choices))
    return _act_on(message, ctx, act, found, members[0])


@router.prompt(CHOICE)
def choose(message: Message, ctx: Context) -> Reply:
    """流程：用数字选一个人"""
    act, name, member = ctx.args[0].split(" ")
    found = ctx.contents.flows.find(name)
    if found is None or not may(ctx.role, "operator"):
        raise UserError("这个流程已经不在了，说“流程 列表”看看。")
    return _act_on(message, ctx, act, found, still_here(ctx.stores, member, ctx.community.keys))


def _act_on(message: Message, ctx: Context, act: str, found: Flow, member: int) -> Reply:
    called = name_of(ctx.stores, member)
    if why := act_on_member(_desk(ctx), ctx.community, ctx.actor, act, found, member, once=message.id):
        return Reply(f"{called}：“{found.title}”{why}。", note={"flow": found.id, "late": True}, about=(member,))
    return Reply(f"已为{called}{act}“{found.title}”。", note={"flow": found.id, "act": act}, about=(member,))


def act_on_member(desk: FlowDesk, community: Community, actor: Actor, act: str, found: Flow, member: int, *, once: str) -> str:
    """Starts (启动) or stops (停止) a flow for a member by an operator's word, audited; gives '' or why it was not done."""
    begins = act == "启动"
    told = (
        desk.start(community, member, found.id, once=once, alone=True, anew=True)
        if begins
        else desk.stop(community, member, found.id, once=once)
    )
    if told.outcome != "moved":
        return {"active": "已经在里面了", "many": "同时在做的流程太多了", "none": "不在里面"}.get(told.outcome, "没有成功，请再说一次")
    desk.stores.audit.record(community.id, actor.id, f"流程 {act}", f"{found.title} → 成员 {member}", "", act, desk.now, once=once)
    return ""


def _funnel(message: Message, ctx: Context, words: tuple[str, ...]) -> Reply:
    found = ctx.contents.flows.find(" ".join(words)) if words else None
    if found is None:
        raise UserError("写法是：流程 漏斗 名字，例如：流程 漏斗 新人任务。名字说“流程 列表”看。")
    days = ctx.stores.flows.funnel(ctx.community.keys, found.id, ctx.today())
    if not days:
        return Reply(f"“{found.title}”最近 30 天没有人开始。")
    reached = funnel_rows(found, days)
    begun = max(1, reached[0][1])
    lines = [f"{label} {_bar(n, begun)} {n}（{n * 100 // begun}%）" for label, n in reached]
    newest = "；".join(f"{day[5:]} 开始 {row.get(BEGUN, 0)}，完成 {row.get(OVER, 0)}" for day, row in list(days.items())[:7])
    return Reply(f"“{found.title}”最近 30 天：\n" + "\n".join(lines) + f"\n按开始的那天：{newest}")


def funnel_rows(found: Flow, days: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int]]:
    """How many began, came to each question and wait that anybody came to, and went through to the end, over all ``days``."""
    total: dict[str, int] = {}
    for row in days.values():
        for label, n in row.items():
            total[label] = total.get(label, 0) + n
    shown = [BEGUN, *(step.label for step in found.steps if step.label in total and isinstance(step.act, Ask | Wait)), OVER]
    return [(label, total.get(label, 0)) for label in shown]


def _bar(n: int, of: int) -> str:
    full = min(BAR, n * BAR // of)
    return "▇" * full + "▁" * (BAR - full)


# A trial: nothing is kept, given or tagged ------------------------------------------------------------------------------


def _trial(message: Message, ctx: Context, words: tuple[str, ...]) -> Reply:
    found = ctx.contents.flows.find(" ".join(words)) if words else None
    if found is None:
        raise UserError("写法是：流程 测试 名字，例如：流程 测试 新人任务。名字说“流程 列表”看。")
    head = f"试走“{found.title}”：等待用“下一步”跳过，什么都不会真的发。说“退出”结束。"
    return _try_from(ctx, found, 0, {}, head)


@router.open_prompt(TRIAL)
def try_on(message: Message, ctx: Context) -> Reply:
    """流程 测试：试走时说的话"""
    words, flow_id, at, kept = ctx.args
    found = ctx.contents.flows.by_id.get(flow_id)
    if normalise(words) in CANCELS or found is None or found.digest != kept[:16]:
        return Reply("试走结束。" if found is not None and found.digest == kept[:16] else "这个流程刚刚改过，试走结束，请重新开始。")
    answers = msgspec.json.decode(kept[16:], type=dict[str, str])
    act = found.steps[int(at)].act
    if isinstance(act, Ask):
        value = flows.read_answer(act, words, ctx.today())
        if value is None:
            return Reply(f"没看懂。{flows.example_of(act)}", prompt=_trial_prompt(found, int(at), answers))
        return _try_from(ctx, found, int(at) + 1, {**answers, act.name: value}, "")
    if normalise(words) not in GOES_ON:
        return Reply("试走停在等待上：说“下一步”往下走，说“退出”结束。", prompt=_trial_prompt(found, int(at), answers))
    return _try_from(ctx, found, int(at) + 1, answers, "")


def _try_from(ctx: Context, found: Flow, at: int, answers: dict[str, str], head: str) -> Reply:
    known = known_of(_desk(ctx), ctx.community, ctx.member, ctx.nickname, found.uses)
    run = flows.run(found, at, answers, known)
    lines = [*([head] if head else []), *run.says[: -1 if _asks(found, run.step) else None], *map(_would, run.effects)]
    lines += run.says[-1:] if _asks(found, run.step) else []
    if run.is_at_end:
        return Reply("\n\n".join([*lines, "（到这里结束）"]), note={"trial": found.id})
    act = found.steps[run.step].act
    if isinstance(act, Wait):
        lines.append(f"（等{_wait(act)}。说“下一步”）")
    return Reply("\n\n".join(lines), prompt=_trial_prompt(found, run.step, answers), note={"trial": found.id})


def _asks(found: Flow, at: int) -> bool:
    return at < len(found.steps) and isinstance(found.steps[at].act, Ask)


def _trial_prompt(found: Flow, at: int, answers: dict[str, str]) -> Prompt:
    return Prompt(TRIAL, (found.id, str(at), found.digest + msgspec.json.encode(answers).decode()), life_s=TRIAL_LIFE_S)


def _would(effect: Effect) -> str:
    what = {"award": "会发积分，原因", "tag": "会打标签", "untag": "会去掉标签", "human": "会转人工"}[effect.kind]
    return f"（{what}：{effect.value}{f'，{effect.n} 分' if effect.n else ''}）"


def _wait(act: Wait) -> str:
    if act.event:
        return f"到他{flows.EVENTS[act.event]}"
    if act.weekday >= 0:
        return f"到周{WEEKDAY_NAMES[act.weekday]} {act.at:%H:%M}"
    if act.day >= 0:
        return f"到开始后第 {act.day} 天 {act.at:%H:%M}"
    days, minutes = divmod(act.minutes, 1_440)
    return f" {days} 天" if days and not minutes else f" {act.minutes} 分钟"


# Inside --------------------------------------------------------------------------------------------------------------------


def _said(message: Message, ctx: Context) -> Reply | None:
    """What is said to words that start a flow, or that only mean one while somebody is in it."""
    plain = normalise(message.text).strip(" 。.!！?？~～")
    if flow_id := ctx.contents.flows.by_word.get(plain):
        found = ctx.contents.flows.by_id[flow_id]
        return _start(message, ctx, found) if found in _open_to(ctx) else None
    if plain not in CANCELS | RESUMES:
        return None
    desk = _desk(ctx)
    if plain in CANCELS:
        told = desk.cancel(ctx.community, ctx.member, once=message.id)
    else:
        told = desk.resume(ctx.community, ctx.member, chat=message.chat, once=message.id)
    return told.replies[0] if told.replies else _nothing_open(plain)


def _nothing_open(plain: str) -> Reply | None:
    """The answer to 取消 and 继续 alone where there is nothing of the kind; longer words may be a question for the FAQ."""
    said = {
        "取消": "没有什么要取消的。想做什么直接说，或说“帮助”看看我会什么。",
        "继续": "没有进行到一半的事。想做什么直接说，或说“帮助”看看我会什么。",
    }
    return Reply(said[plain], note={"flow": "none"}) if plain in said else None


def _open_to(ctx: Context) -> list[Flow]:
    user = ctx.stores.directory.find_user(ctx.member) or ""
    return [one for one in ctx.contents.flows.by_id.values() if one.is_for(ctx.community.id, is_customer=is_customer(user))]


def _elsewhere(ctx: Context, community: str) -> Community:
    listed_there = ctx.config.community(community)
    if listed_there is None:
        raise UserError("这个问题已经过去了。说“流程”看看现在到了哪一步。")
    return listed_community(listed_there, ctx.stores.shards)


def _needs_operator(message: Message, ctx: Context) -> None:
    if not may(ctx.role, "operator"):
        raise UserError("这个命令只有运营和管理员可以用。你可以说：流程、流程 取消、流程 继续。")
    if not (message.is_private or ctx.in_admin_group):
        raise UserError("这里人多，请私聊我再说一次。")


def _named_flow(ctx: Context, words: tuple[str, ...], usage: str) -> tuple[Flow, str]:
    """The flow and the member that a command names: the last word is the member."""
    found = ctx.contents.flows.find(" ".join(words[:-1])) if len(words) >= 2 else None
    if len(words) < 2:
        raise UserError(usage)
    if found is None:
        raise UserError(f"没有“{' '.join(words[:-1])}”这个流程。{usage}。名字说“流程 列表”看。")
    return found, words[-1]


def _desk(ctx: Context) -> FlowDesk:
    return FlowDesk(ctx.stores, ctx.contents, ctx.config, ctx.now())


def _reply(told: Told, otherwise: str) -> Reply:
    return told.replies[0] if told.replies else Reply(otherwise, note={"flow": told.outcome})


def _replies(told: Sequence[Told]) -> tuple[Reply, ...]:
    return tuple(reply for one in told for reply in one.replies if reply.text)


def _progress(one: Progress) -> str:
    at = f"，{one.asks.splitlines()[0][:60]}" if one.asks else ""
    return f"“{one.title}”{STATUS[one.status]}（{one.done}/{one.total} 步）{at}"


_ACTS: Mapping[str, Callable[[Message, Context, tuple[str, ...]], Reply]] = {
    "列表": _list, "测试": _trial, "试走": _trial, "启动": _launch, "停止": _halt, "漏斗": _funnel,
}  # fmt: skip
