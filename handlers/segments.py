"""群体: operators ask in a chat whom a condition means, and save conditions under a name. What they do is done at the desk (bot/segment_desk.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.context import Context
from bot.errors import UserError
from bot.faq_edits import behind_command, first_word, office_of
from bot.members import all_called
from bot.message import Message, Reply
from bot.router import Router
from bot.segment_desk import EXAMPLE, Look, Moved, SegmentDesk
from rules.questions import asks
from rules.saved_segments import Segment
from rules.segments import SegmentError, written

MOST_LISTED = 30
MOST_NAMED = 10
"""Members of a segment that are named."""
WITHIN_S = 1.0
"""How long counting for the list may take; without figures it is still a list."""
USAGE = """群体怎么用（把“哪些人”存成名字，推送时写 @名字）：
• 群体 列表：有哪些，各多少人
• 群体 看 level >= 3 且 silent_days > 7d：这样的有多少人、是谁；也可以写存好的名字：群体 看 核心成员
• 群体 新建 老朋友 joined > 90d 且 非 staff：存起来
• 群体 修改 老朋友 joined > 180d；群体 删除 老朋友
• 群体 撤销：收回最近一次修改
能写哪些条件，看控制台的“群体”。"""
LOOK_USAGE = f"写法是：群体 看 名字，或者：群体 看 条件，{EXAMPLE}"
NEW_USAGE = "写法是：群体 新建 名字 条件，例如：群体 新建 老朋友 joined > 90d"
CHANGE_USAGE = "写法是：群体 修改 名字 新条件，例如：群体 修改 老朋友 joined > 180d"
REMOVE_USAGE = "写法是：群体 删除 名字，例如：群体 删除 老朋友"
UNDO_USAGE = "写法是：群体 撤销，或者：群体 撤销 版本号，例如：群体 撤销 12"
_VERBS = "列表|清单|看|查看|预览|新建|添加|新增|修改|改|删除|删|撤销"

_QUOTED = re.compile(r"\s*(?:\"([^\"]+)\"|“([^”]+)”|「([^」]+)」)\s*(.*)", re.DOTALL)

router = Router()


@router.command("群体", role="operator", takes_words=True, private=True, is_common=True, unless=asks)
def segments(message: Message, ctx: Context) -> Reply:
    """群体 列表/看/新建/修改/删除/撤销：按条件找成员、存成名字，只说“群体”看全部用法"""
    word, rest = first_word(behind_command(message.text))
    return _act(word, rest, message, ctx)


@router.pattern(rf"(?s)\s*群体({_VERBS})(?:[\s:：]+(.*))?", name="群体列表", role="operator", private=True)
def segments_joined(message: Message, ctx: Context) -> Reply:
    """群体：动词和命令写在一起"""
    return _act(ctx.args[0], ctx.args[1] or "", message, ctx)


def _act(word: str, rest: str, message: Message, ctx: Context) -> Reply:
    act = _ACTS.get(word)
    if act is None:
        raise UserError(USAGE)
    try:
        return act(" ".join(rest.split()), message, ctx)
    except Moved:
        raise UserError("这个群体刚刚被别人改过，请再看一次：群体 列表") from None


def _list(rest: str, message: Message, ctx: Context) -> Reply:
    del rest, message
    desk = _desk(ctx)
    found = [kept.segment for kept in desk.segments()]
    if not found:
        return Reply(f"还没有存过群体。先看看一个条件有多少人，{EXAMPLE}")
    counts = desk.count(found, within_s=WITHIN_S).members
    rows = [f"• {one.name}{_people(counts.get(one.id))}  {one.text}" for one in found[:MOST_LISTED]]
    more = [f"……还有 {len(found) - MOST_LISTED} 个，请到控制台的“群体”看"] if len(found) > MOST_LISTED else []
    return Reply("\n".join([f"“{ctx.community.name}”的群体（{len(found)} 个）：", *rows, *more, "看是谁：群体 看 名字；推送时写 @名字"]))


def _show(rest: str, message: Message, ctx: Context) -> Reply:
    del message
    if not rest:
        raise UserError(LOOK_USAGE)
    desk = _desk(ctx)
    name = rest.removeprefix("@").removeprefix("＠")
    saved = next((kept.segment for kept in desk.segments() if kept.segment.name == name), None)
    looked = _looked(desk, saved.text if saved else rest)
    head = f"“{saved.name}”（{saved.text}）：" if saved else ""
    note = f"\n{saved.note}" if saved and saved.note else ""
    save = f"推送给他们：写 @{written(saved.name)}" if saved else f"常用就存起来：群体 新建 起个名字 {rest}"
    return Reply(f"{head}{looked.words}。\n{_counted(looked)}{_who(looked, ctx)}{note}\n{save}")


def _make(rest: str, message: Message, ctx: Context) -> Reply:
    name, text = _name_and_text(rest, NEW_USAGE)
    desk = _desk(ctx)
    looked = _looked(desk, text)
    done = desk.make(Segment("", name, text, ctx.community.id), once=message.id)
    return Reply(f"存好了“{name}”：{looked.words}。\n{_counted(looked)}\n推送时写 @{written(name)}。收回：群体 撤销 {done.version}")


def _change(rest: str, message: Message, ctx: Context) -> Reply:
    name, text = _name_and_text(rest, CHANGE_USAGE)
    desk = _desk(ctx)
    kept = desk.get(name)
    looked = _looked(desk, text)
    done = desk.change(kept.segment.id, kept.mark, replace(kept.segment, text=text), once=message.id)
    return Reply(f"“{kept.segment.name}”改成：{looked.words}。\n{_counted(looked)}\n改回去：群体 撤销 {done.version}")


def _remove(rest: str, message: Message, ctx: Context) -> Reply:
    if not rest:
        raise UserError(REMOVE_USAGE)
    desk = _desk(ctx)
    kept = desk.get(_unquoted(rest))
    done = desk.remove(kept.segment.id, kept.mark, once=message.id)
    return Reply(f"“{kept.segment.name}”删掉了。要找回来：群体 撤销 {done.version}")


def _undo(rest: str, message: Message, ctx: Context) -> Reply:
    if rest and not (rest.isascii() and rest.isdecimal() and len(rest) < 8):
        raise UserError(UNDO_USAGE)
    desk = _desk(ctx)
    number = int(rest) if rest else desk.newest_version()
    if not number:
        raise UserError("最近没有你改过的群体。要收回别人改的，请写版本号，例如：群体 撤销 12")
    version = desk.undo(number, once=message.id)
    return Reply(f"已撤销群体的第 {number} 版。要再改回来：群体 撤销 {version}")


_Act = Callable[[str, Message, Context], Reply]
_ACTS: Mapping[str, _Act] = {
    **dict.fromkeys(("列表", "清单", "列出"), _list),
    **dict.fromkeys(("看", "查看", "预览"), _show),
    **dict.fromkeys(("新建", "添加", "新增"), _make),
    **dict.fromkeys(("修改", "改"), _change),
    **dict.fromkeys(("删除", "删"), _remove),
    "撤销": _undo,
}


# Small steps ----------------------------------------------------------------------------------------------------------------
def _desk(ctx: Context) -> SegmentDesk:
    return SegmentDesk.of(office_of(ctx))


def _looked(desk: SegmentDesk, text: str) -> Look:
    """Whom a text means. Raises UserError that shows the place in the text."""
    try:
        return desk.look(text, first=MOST_NAMED)
    except SegmentError as error:
        raise UserError(f"这个条件看不懂，{error}\n{error.mark(text)}\n正确的写法，{EXAMPLE}") from None


def _name_and_text(rest: str, usage: str) -> tuple[str, str]:
    if match := _QUOTED.fullmatch(rest):
        name, text = match[1] or match[2] or match[3], match[4]
    else:
        name, _, text = rest.partition(" ")
    name = name.removeprefix("@").removeprefix("＠").rstrip("：:").strip()
    if not name or not text.strip():
        raise UserError(usage)
    return name, text.strip()


def _unquoted(rest: str) -> str:
    match = _QUOTED.fullmatch(rest)
    return (match[1] or match[2] or match[3]) if match else rest


def _people(count: int | None) -> str:
    return "" if count is None else f"（{count:,} 人）"


def _counted(looked: Look) -> str:
    if not looked.of:
        return "现在还没有成员的资料：有人说过话以后几秒钟就有了。"
    return f"现在 {looked.members:,} 人，占 {looked.of:,} 人的 {looked.share:.1%}。"


def _who(looked: Look, ctx: Context) -> str:
    if not looked.first:
        return ""
    called = all_called(ctx.stores, looked.first)
    more = " 等" if looked.members > len(looked.first) else ""
    return "\n" + "、".join(f"{called[number]}（成员 {number}）" for number in looked.first) + more
