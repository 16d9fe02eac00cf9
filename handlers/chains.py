"""接龙: members add themselves to a list with a line of their own, change it, or take it away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.activities.asking import desk_of, honours, propose, read_from
from bot.activities.chain import LONGEST_LINE, MOST_TOLD, NEWEST, how_to, rows_of
from bot.activities.meant import listed, marked, numbered, of_number, running_of
from bot.activities.words import short
from bot.cards import Button, ButtonInteraction, Link, TextNotice, task_of
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.router import Router
from rules.activities import Activity
from rules.choices import ENDINGS
from rules.questions import asks
from rules.text import normalise
from storage.activities import Entry

EXAMPLE = "发起接龙 周六爬山 | 早上 8 点南门集合 | 上限 20 | 截止 周五20:00"
USAGE = "写法是：接龙 你要写的话，例如：接龙 我和孩子两人。不去了说：接龙 取消"
CANCELS = frozenset({"取消", "退出", "不去了", "取消报名", "退出接龙", "不参加了", "去不了", "去不了了", "删除"})
LISTS = frozenset({"名单", "列表", "看名单", "都有谁", "看看", "有谁", "人数"})
LONGEST_LISTED = 300
"""Rows that a list asked for by name shows."""

router = Router()


@router.command("发起接龙", "新建接龙", "创建接龙", role="operator", takes_words=True)
def begin(message: Message, ctx: Context) -> Reply:
    """发起接龙 标题 | 说明 | 上限 20：发起一个接龙，可以加 截止、开始"""
    request = read_from(message, ctx, (), f"写法是：{EXAMPLE}")
    return propose(message, ctx, "chain", request)


# 接龙吗 and 接龙 怎么弄 are questions; everything else behind it is somebody's line
@router.command("接龙", "我要接龙", "参加接龙", takes_words=True, unless=asks)
def join(message: Message, ctx: Context) -> Reply | list[Reply]:
    """接龙 要写的话：排进正在进行的接龙；接龙 取消、接龙 名单"""
    return _said(_behind(message), message, ctx)


@router.pattern(rf"接龙(?:\s*[+＋]\s*\d{{0,2}}|\s*[:：,，]\s*\S[\s\S]*|{'|'.join(sorted(CANCELS | LISTS))})", name="接龙+1")
def join_at_once(message: Message, ctx: Context) -> Reply | list[Reply]:
    """接龙：+1、名单、取消和命令写在一起"""
    return _said(re.sub(r"^\s*接龙\s*[:：,，]?\s*", "", message.text), message, ctx)


@router.card("chain")
def click(message: Message, ctx: Context) -> Reply | list[Reply]:
    """接龙卡片：点“+1”排上，点“取消”退出"""
    try:
        head, *rest = _clicked(message, ctx)
    except UserError as refusal:
        # a click has no other answer than the card's new face
        head, rest = Reply(f"{refusal}", note={"refused": True}), []
    face = TextNotice(title="接龙", sub_title=head.text, action=Link(ctx.config.server.home))
    return [Reply(head.text, update_card=face, note=head.note, counts=head.counts, about=head.about), *rest]


def _clicked(message: Message, ctx: Context) -> list[Reply]:
    if len(ctx.args) != 3 or ctx.args[0] != ctx.community.id or not ctx.args[1].isdecimal() or ctx.args[2] not in ("join", "leave"):
        raise UserError("这张卡片属于另一个社群，或已经过期，请再说一次“接龙”。")
    activity = _of_number(int(ctx.args[1]), ctx)
    return _left(activity, message, ctx) if ctx.args[2] == "leave" else _joined(activity, "+1", message, ctx)


def _behind(message: Message) -> str:
    """What stands behind the command, with its line breaks as blanks."""
    return " ".join(message.text.split()[1:])


def _said(words: str, message: Message, ctx: Context) -> Reply | list[Reply]:
    running = running_of(ctx, "chain")
    if not words and len(running) > 1:
        return Reply(f"正在进行的接龙：\n{listed(running)}\n前面写上几号，例如：接龙 {running[0].number}号 我和孩子两人")
    activity, said = _meant(words, running, ctx)
    plain = normalise(said).strip(ENDINGS)
    if not plain:
        return _shown(activity, message, ctx)
    if plain in LISTS:
        return _roll(activity, ctx)
    return _left(activity, message, ctx) if plain in CANCELS else _joined(activity, said, message, ctx)


def _meant(words: str, running: Sequence[Activity], ctx: Context) -> tuple[Activity, str]:
    """Which list words speak of, and what they say: a number in front is the list's where several run. Raises UserError with those that run."""
    by_number = {one.number: one for one in running}
    if (head := marked(words)) and (head[0] in by_number or not running or normalise(head[1]).strip(ENDINGS) in LISTS):
        return by_number.get(head[0]) or _of_number(head[0], ctx), head[1]
    if not running:
        raise UserError(f"现在没有进行中的接龙。看以前的名单说“接龙 3号 名单”。运营可以发起，例如：{EXAMPLE}")
    head = numbered(words)
    if head and head[0] in by_number and (len(running) > 1 or not head[1]):
        return by_number[head[0]], head[1]
    if len(running) == 1:
        return running[0], words
    raise UserError(f"现在有 {len(running)} 个接龙，前面请写是几号：\n{listed(running)}\n例如：接龙 {running[0].number}号 我和孩子两人")


def _of_number(number: int, ctx: Context) -> Activity:
    return of_number(ctx, "chain", number, "接龙 我和孩子两人")


# Joining and leaving ------------------------------------------------------------------------------------------------------


def _joined(activity: Activity, said: str, message: Message, ctx: Context) -> list[Reply]:
    line = " ".join(said.split())
    if not any(map(str.isalnum, line)):
        raise UserError(USAGE)
    if len(line) > LONGEST_LINE:
        raise UserError(f"太长了，一行最多 {LONGEST_LINE} 个字，例如：接龙 我和孩子两人")
    if ctx.contents.judge.judge(line).verdict != "pass":
        raise UserError("这句话里有不合适的内容，没有排上。请换个说法，例如：接龙 我和孩子两人")
    desk = desk_of(ctx)
    done = desk.enter(activity, ctx.member, Entry(line, replaces=True), once=message.id)
    note = {"activity": activity.number, "outcome": done.outcome}
    if done.outcome not in ("ok", "changed", "same"):
        return [Reply(desk.words_of(done, activity), note=note)]
    head = {"ok": "排上了", "changed": "已改成你刚写的", "same": "你已经这样排着了"}[done.outcome]
    points = f"积分 +{done.points}，现有 {done.balance} 积分。" if done.points else ""
    rows, about = rows_of(desk.stage(replace(activity, entries=done.entries)), NEWEST)
    room = f"/{activity.most}" if activity.most else ""
    text = f"{head}。{points}\n📝 {activity.title}（{done.entries}{room} 人）\n{rows}\n改一下再说一次“接龙 …”，不去了说“接龙 取消”。"
    counts = ("chain_entries",) if done.outcome == "ok" else ()
    return [Reply(text, note=note, counts=counts, about=about), *honours(ctx, done, once=f"{activity.number}|{message.id}")]


def _left(activity: Activity, message: Message, ctx: Context) -> list[Reply]:
    desk = desk_of(ctx)
    done = desk.withdraw(activity, ctx.member, once=message.id)
    note = {"activity": activity.number, "outcome": done.outcome, "left": True}
    if done.outcome == "ok":
        back = "花掉的积分已经退回。" if activity.cost else ""
        return [Reply(f"已从“{activity.title}”里退出，还有 {done.entries} 人。{back}想再来说“接龙 …”。", note=note)]
    return [Reply(desk.words_of(done, activity), note=note)]


# Looking ------------------------------------------------------------------------------------------------------------------


def _shown(activity: Activity, message: Message, ctx: Context) -> Reply:
    desk = desk_of(ctx)
    rows, about = rows_of(desk.stage(activity), NEWEST)
    head = f"📝 接龙（{activity.number} 号）：{activity.title}"
    parts = (head, str(activity.spec.get("note", "")), desk.terms(activity), rows, how_to(activity) if activity.is_open else "")
    card = _card(activity, message, ctx) if message.is_private and activity.is_open else None
    return Reply("\n".join(filter(None, parts)), card=card, keeps_text=True, about=about)


def _card(activity: Activity, message: Message, ctx: Context) -> ButtonInteraction:
    key = f"chain:{ctx.community.id}:{activity.number}"
    room = f"，上限 {activity.most}" if activity.most else ""
    return ButtonInteraction(
        title=short(activity.title, 60).strip() or "接龙",
        desc=f"接龙 · {activity.entries} 人{room}",
        sub_title="要写别的话，直接说“接龙 …”。",
        buttons=(Button("+1", f"{key}:join"), Button("取消", f"{key}:leave", style=2)),
        task=task_of("chain", ctx.community.id, str(activity.number), message.id),
    )


def _roll(activity: Activity, ctx: Context) -> Reply:
    desk = desk_of(ctx)
    stage = desk.stage(activity)
    if activity.entries <= MOST_TOLD:
        post = desk.kind_of(activity).results(stage)
        return Reply(post.text, image=post.image, about=post.about)
    rows, about = rows_of(stage, LONGEST_LISTED)
    return Reply(f"📝 接龙“{activity.title}”共 {activity.entries} 人：\n{rows}", about=about)
