"""活动: what goes on, what came of it, and how operators begin and end it. Each kind of activity has its own words in a file of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bot.activities.asking import PROMPT, ask_to_begin, desk_of, shown
from bot.activities.desk import ActivityDesk
from bot.context import Context
from bot.errors import UserError
from bot.members import harmless
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from rules.activities import STATES, TITLES, Activity
from rules.activity_words import CLOSES, EXAMPLES, MORNING, OPENS, RequestProblem, check_moment, read_moment
from storage.activities import Changed, Changes

RECENT = 3
"""How many ended activities the list names."""
LOOKED_AT = 20
USAGE = "写法是：活动 编号、活动 结果 编号，例如：活动 3、活动 结果 3。只说“活动”看有哪些。"
OFFICE_USAGE = "运营还可以：活动 开始 3、活动 截止 3、活动 结算 3、活动 取消 3、活动 改期 3 明天20:00、活动 下一步 3、活动 预览 3"
MOVED = "刚刚有人动过这个活动，请再看一眼：活动 {}"
_TIMES = re.compile(f"({'|'.join(sorted((*OPENS, *CLOSES), key=len, reverse=True))})")
_NEVER = frozenset({"不限", "不截止", "没有", "无"})
_NUMBER = re.compile(r"[#第]?(\d{1,6})号?")
_VERB = "结果|预览|开始|截止|结束|结算|取消|改期|下一步|下一题"

router = Router()
Verb = Callable[[Activity, Sequence[str], Message, Context], Reply]


def _not_meant(words: str) -> bool:
    """Whether words behind 活动 are neither a number alone nor a verb: 活动 什么时候有 and 活动 20 号开始 are for others."""
    said = words.split()
    if said and said[0] in _VERBS:
        return False
    return not (said and _NUMBER.fullmatch(said[0]) and (len(said) == 1 or said[1] in _VERBS))


@router.command("活动", "活动列表", "有什么活动", "有哪些活动", takes_words=True, unless=_not_meant)
def activities(message: Message, ctx: Context) -> Reply:
    """活动：现在有什么；活动 3 看一个，活动 结果 3 看结果；运营：活动 开始/截止/结算/取消/改期 3"""
    return _act(ctx.args, message, ctx)


@router.pattern(rf"活动\s*({_VERB})?\s*第?(\d{{1,6}})号?", name="活动3")
@router.pattern(rf"活动\s*第?(\d{{1,6}})号?\s*({_VERB})", name="活动3结果")
@router.pattern(r"活动\s*(改期)\s*第?(\d{1,6})号?\s+(.*)", name="活动改期3")
@router.pattern(r"活动\s*第?(\d{1,6})号?\s*(改期)\s+(.*)", name="活动3改期")
def at_once(message: Message, ctx: Context) -> Reply:
    """活动：和编号写在一起"""
    return _act(" ".join(ctx.args).split(), message, ctx)


@router.prompt(PROMPT)
def settle_draft(message: Message, ctx: Context) -> Reply:
    """活动：用数字决定一个草稿，或确认取消"""
    verb, number = ctx.args[0].split(" ")
    _needs_operator(ctx)
    desk = desk_of(ctx)
    activity = desk.get(int(number))  # whoever was asked about it knows it
    if verb == "keep":
        return Reply(f"好的，存为草稿。要开始时说：活动 开始 {number}；不要了说：活动 取消 {number}")
    if verb in ("drop", "cancel"):
        return _cancelled(desk, activity, message, ctx)
    if activity.opens and activity.opens > ctx.now():
        return _scheduled(desk, activity, message, ctx)
    return _begin(activity, (), message, ctx)


# Everybody ----------------------------------------------------------------------------------------------------------------


def _act(words: Sequence[str], message: Message, ctx: Context) -> Reply:
    if not words:
        return _list(ctx)
    numbers = [at for at, word in enumerate(words[:2]) if _NUMBER.fullmatch(word)]
    if not numbers:
        verb = words[0]
        raise UserError(f"请写活动的编号，例如：活动 {verb} 3。说“活动”看编号。")
    at = numbers[0]
    found = _NUMBER.fullmatch(words[at])
    assert found is not None
    verb = words[1 - at] if len(words) > 1 else ""
    is_operator = may(ctx.role, "operator")
    activity = desk_of(ctx).get(int(found[1]), drafts=is_operator)
    if not verb:
        return _show(activity, ctx)
    if verb not in _VERBS:
        raise UserError(f"{USAGE}{OFFICE_USAGE if is_operator else ''}")
    act, is_open_to_all = _VERBS[verb]
    if not is_open_to_all:
        _needs_operator(ctx)
    return act(activity, words[2:], message, ctx)


def _list(ctx: Context) -> Reply:
    desk, is_operator = desk_of(ctx), may(ctx.role, "operator")
    running = ctx.stores.activities.running(ctx.community.keys)
    _, newest = ctx.stores.activities.newest(ctx.community.keys, LOOKED_AT)
    ended = [one for one in newest if one.state == "settled" or (one.state == "closed" and not is_operator)][:RECENT]
    waiting = [one for one in newest if one.state in ("draft", "closed")] if is_operator else []
    rows = [_line(desk, one) for one in running]
    said = "现在的活动：\n" + "\n".join(rows) + "\n\n说“活动 编号”看怎么参加。" if rows else "现在没有进行中的活动。"
    if waiting:
        said += "\n\n等你处理：\n" + "\n".join(_line(desk, one) for one in waiting)
    if ended:
        said += "\n\n最近结束：\n" + "\n".join(f"{one.number}. {TITLES[one.kind]}“{one.title}”" for one in ended)
        said += f"\n看结果：活动 结果 {ended[0].number}"
    return Reply(said + (f"\n\n{OFFICE_USAGE}" if is_operator and (running or waiting) else ""))


def _line(desk: ActivityDesk, activity: Activity) -> str:
    when = ""
    if activity.state == "scheduled" and activity.opens:
        when = f"，{desk.say(activity.opens)} 开始"
    elif activity.closes and activity.state in ("open", "draft"):
        when = f"，{desk.say(activity.closes)} 截止"
    many = f"，{activity.entries} 人参加" if activity.entries else ""
    return f"{activity.number}. {TITLES[activity.kind]}“{harmless(activity.title)}”（{STATES[activity.state]}{when}{many}）"


def _show(activity: Activity, ctx: Context) -> Reply:
    desk = desk_of(ctx)
    head = f"{TITLES[activity.kind]}“{harmless(activity.title)}”（活动 {activity.number}，{STATES[activity.state]}）"
    standing = desk.standing(activity, ctx.member)
    more = f"看结果：活动 结果 {activity.number}" if activity.state == "settled" else ""
    said = "\n".join(filter(None, (head, standing.text, desk.terms(activity), more)))
    return Reply(said, about=standing.about, note={"activity": activity.number})


def _results(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words, message
    desk = desk_of(ctx)
    if activity.state == "cancelled":
        return Reply(f"“{activity.title}”取消了，没有结果。")
    if activity.state in ("draft", "scheduled"):
        return Reply(f"“{activity.title}”{STATES[activity.state]}，还没有结果。")
    return shown(desk.kind_of(activity).results(desk.stage(activity)), activity)


# Operators ----------------------------------------------------------------------------------------------------------------


def _needs_operator(ctx: Context) -> None:
    if not may(ctx.role, "operator"):
        raise UserError("这个只有运营可以用。想看活动说“活动”，看一个说“活动 3”。")


def _preview(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words, message
    desk = desk_of(ctx)
    if activity.state == "draft":
        return ask_to_begin(desk, activity)
    return Reply(desk.kind_of(activity).preview(desk.stage(activity)))


def _begin(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words
    desk = desk_of(ctx)
    changed = desk.open(activity, ctx.actor, once=message.id)
    if changed.outcome == "moved":
        raise UserError(MOVED.format(activity.number))
    post = desk.kind_of(activity).opening(desk.stage(changed.activity))
    told = f"“{activity.title}”开始了（活动 {activity.number}）。"
    if desk.reaches_group(changed.activity):
        return Reply(f"{told}已经发到群里。", note={"activity": activity.number})
    return replace(shown(post, changed.activity), text=post.text)


def _scheduled(desk: ActivityDesk, activity: Activity, message: Message, ctx: Context) -> Reply:
    changed = desk.schedule(activity, ctx.actor, once=message.id)
    _check_moved(changed)
    at = desk.say(changed.activity.opens) if changed.activity.opens else ""
    return Reply(f"定好了：“{activity.title}”{at} 自动开始（活动 {activity.number}）。要改说：活动 改期 {activity.number} 开始 明天9点")


def _close(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words
    desk = desk_of(ctx)
    closed = desk.close(activity, ctx.actor, once=message.id)
    _check_moved(closed)
    return _settled(desk, closed.activity, message, ctx)


def _settle(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words
    if activity.is_open:
        raise UserError(f"“{activity.title}”还在进行，先截止：活动 截止 {activity.number}")
    if activity.state not in ("closed", "settled"):
        raise UserError(f"“{activity.title}”{STATES[activity.state]}，没有可以结算的。")
    return _settled(desk_of(ctx), activity, message, ctx)


def _settled(desk: ActivityDesk, activity: Activity, message: Message, ctx: Context) -> Reply:
    """Settles what is closed, and says what came of it; who is the clock's may have done it before."""
    if activity.state == "closed":
        activity = desk.settle(activity, ctx.actor, once=f"{message.id}:settle").activity
    if activity.state == "closed":
        standing = desk.standing(activity, ctx.member)
        return Reply(f"“{activity.title}”截止了，还不能结算。{standing.text}", about=standing.about)
    return shown(desk.kind_of(activity).results(desk.stage(activity)), activity)


def _ask_to_cancel(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words
    if activity.state == "draft":
        return _cancelled(desk_of(ctx), activity, message, ctx)
    if activity.is_over:
        raise UserError(f"“{activity.title}”{STATES[activity.state]}，不能再取消。")
    back = "，花掉的积分全部退回" if activity.cost else ""
    said = f"取消“{activity.title}”（{activity.entries} 人参加）{back}，不能恢复。回复数字确认：\n1. 取消这个活动"
    return Reply(said, prompt=Prompt(PROMPT, (f"cancel {activity.number}",)))


def _cancelled(desk: ActivityDesk, activity: Activity, message: Message, ctx: Context) -> Reply:
    _check_moved(desk.cancel(activity, ctx.actor, once=message.id))
    return Reply(f"“{activity.title}”取消了" + ("，积分会退回。" if activity.cost and activity.entries else "。"))


def _move_times(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    desk, example = desk_of(ctx), f"活动 改期 {activity.number} 明天20:00，或：活动 改期 {activity.number} 开始 今晚8点 截止 明天20:00"
    now, changes = ctx.now().astimezone(ctx.community.zone), Changes()
    pieces = [piece.strip(" ：:") for piece in _TIMES.split(" ".join(words))]
    first, *named = pieces
    for name, said in [*([("截止", first)] if first else []), *zip(named[::2], named[1::2], strict=True)]:
        moment = read_moment(said, now, bare=MORNING) if name in OPENS else read_moment(said, now)
        if moment is None and said not in _NEVER:
            raise UserError(f"“{said[:30]}”看不懂是什么时候，可以写：{EXAMPLES}。例如：{example}")
        try:
            if moment:
                check_moment(name, said, moment, now, example=example)
        except RequestProblem as problem:
            raise UserError(str(problem)) from problem
        changes["opens" if name in OPENS else "closes"] = moment
    if not changes:
        raise UserError(f"改到什么时候？写法是：{example}")
    changed = desk.edit(activity, ctx.actor, once=message.id, **changes)
    _check_moved(changed)
    return Reply(f"改好了：“{activity.title}”\n" + (desk.terms(changed.activity) or "没有截止时间。"))


def _next(activity: Activity, words: Sequence[str], message: Message, ctx: Context) -> Reply:
    del words
    desk = desk_of(ctx)
    changed = desk.next_step(activity, ctx.actor, once=message.id)
    _check_moved(changed)
    if changed.activity.state == "closed":
        return _settled(desk, changed.activity, message, ctx)
    return shown(desk.standing(changed.activity, ctx.member), activity)


def _check_moved(changed: Changed) -> None:
    if changed.outcome == "moved":
        raise UserError(MOVED.format(changed.activity.number))


_VERBS: Mapping[str, tuple[Verb, bool]] = {
    "结果": (_results, True),
    "预览": (_preview, False),
    "开始": (_begin, False),
    "截止": (_close, False),
    "结束": (_close, False),
    "结算": (_settle, False),
    "取消": (_ask_to_cancel, False),
    "改期": (_move_times, False),
    "下一步": (_next, False),
    "下一题": (_next, False),
}
"""What may be done with an activity by word, and whether everybody may."""
