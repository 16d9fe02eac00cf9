"""标签: short words on members, put there by hand; flows put some by themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.context import Context
from bot.errors import UserError
from bot.flow_desk import FlowDesk
from bot.members import behind, find_meant, find_members, listed, name_of, still_here
from bot.message import Message, Prompt, Reply
from bot.permissions import may
from bot.router import Router
from bot.tagging import change_tag
from rules.numerals import whole
from storage.tags import LONGEST, is_tag

ADD = frozenset({"加", "添加", "打", "贴", "+", "＋"})
REMOVE = frozenset({"去", "去掉", "删", "删除", "移除", "摘", "-"})
_JOINED = re.compile(r"(添加|加|打|贴|[+＋]|去掉|去|删除|删|移除|摘|-)(?:上|了)?\s*(.+)", re.DOTALL)
"""A verb and what it is about, written as one word."""
MOST_AT_ONCE = 5
PAGE = 30
USAGE = "写法是：标签 @谁 加 名字、标签 @谁 去 名字、标签 @谁、标签 名字、标签 列表，例如：标签 @李雷 加 老客户"

router = Router()


@router.command("标签", "打标签", "标签列表", role="operator", takes_words=True, private=True, is_common=True)
def tags(message: Message, ctx: Context) -> Reply:
    """标签 @谁 加/去 名字：给成员打标签；标签 @谁、标签 名字、标签 列表 用来查"""
    words = list(ctx.args)
    if not words or words[0] in ("列表", "全部"):
        return Reply(_all(ctx))
    verb = next((at for at, word in enumerate(words) if at and word in ADD | REMOVE), 0)
    if verb:
        return _ask_who(" ".join(words[:verb]), "加" if words[verb] in ADD else "去", read_tags(words[verb + 1 :]), message, ctx)
    if words[0].startswith(("@", "＠")):
        return _ask_joined(message, ctx)
    return Reply(_who_has(words, ctx))


@router.prompt("tag")
def choose(message: Message, ctx: Context) -> Reply:
    """标签：用数字选一个人"""
    if not may(ctx.role, "operator"):
        raise UserError("这个命令只有运营可以用。")
    number, verb, *names = ctx.args[0].split(" ")
    return _settle(still_here(ctx.stores, number, ctx.community.keys), verb, names, message, ctx)


def _ask_joined(message: Message, ctx: Context) -> Reply:
    """标签 @李雷 shows his tags; 标签 @李雷 加老客户 means a verb and a tag, though no blank stands between them."""
    meant, rest = find_meant(ctx.stores, behind(message.text), ctx.community.keys)
    if not rest:
        return _ask(meant.name, meant.numbers, "看", (), message, ctx)
    joined = _JOINED.fullmatch(rest)
    if joined is None:
        raise UserError(USAGE)
    return _ask(meant.name, meant.numbers, "加" if joined[1] in ADD else "去", read_tags(joined[2].split()), message, ctx)


def _ask_who(who: str, verb: str, names: Sequence[str], message: Message, ctx: Context) -> Reply:
    who = who.lstrip("@＠")
    return _ask(who, find_members(ctx.stores, who, ctx.community.keys), verb, names, message, ctx)


def _ask(who: str, found: Sequence[int], verb: str, names: Sequence[str], message: Message, ctx: Context) -> Reply:
    if len(found) > 1:
        choices = tuple(" ".join((str(number), verb, *names)) for number in found)
        return Reply(f"有 {len(found)} 个人叫“{who}”，回复数字选一个：\n{listed(ctx.stores, found)}", prompt=Prompt("tag", choices))
    return _settle(found[0], verb, names, message, ctx)


def _settle(number: int, verb: str, names: Sequence[str], message: Message, ctx: Context) -> Reply:
    desk = FlowDesk(ctx.stores, ctx.contents, ctx.config, ctx.now())
    for name in names:
        change_tag(desk, ctx.community, ctx.actor, number, name, is_added=verb == "加", once=message.id)
    has = ctx.stores.tags.of(ctx.community.keys, number)
    note = {"tags": verb, "of": number} if names else {}
    return Reply(f"{name_of(ctx.stores, number)}（成员 {number}）的标签：{'、'.join(has) or '没有'}。", note=note)


def read_tags(words: Sequence[str]) -> tuple[str, ...]:
    """The tags that somebody wrote, between commas or blanks. Raises UserError."""
    names = tuple(dict.fromkeys(word for part in words for word in part.replace("，", "、").replace(",", "、").split("、") if word))
    if not names:
        raise UserError(USAGE)
    if len(names) > MOST_AT_ONCE:
        raise UserError(f"一次最多 {MOST_AT_ONCE} 个标签，请分开说。")
    wrong = next((name for name in names if not is_tag(name)), "")
    if wrong:
        raise UserError(f"“{wrong[:LONGEST]}”不能做标签：要 {LONGEST} 个字以内，不含标点。例如：标签 @李雷 加 老客户")
    return names


def _all(ctx: Context) -> str:
    found = ctx.stores.tags.all(ctx.community.keys)
    if not found:
        return f"还没有标签。{USAGE}"
    rows = [f"{name}（{n}）" for name, n in found.items()]
    more = f"……一共 {len(rows)} 种" if len(rows) > 100 else ""
    return f"{ctx.community.name} · 标签：" + "、".join(rows[:100]) + more


def _who_has(words: Sequence[str], ctx: Context) -> str:
    name, page = words[0].lstrip("#＃"), words[1] if len(words) == 2 else "1"
    number = whole(page, 9_999)
    if len(words) > 2 or number is None:
        raise UserError(USAGE)
    total = ctx.stores.tags.all(ctx.community.keys).get(name, 0)
    if not total:
        raise UserError(f"没有人有标签“{name[:LONGEST]}”。说“标签 列表”看有哪些；{USAGE}")
    found = ctx.stores.tags.members(ctx.community.keys, name, PAGE, (number - 1) * PAGE)
    who = "\n".join(f"• {name_of(ctx.stores, number)}（成员 {number}）" for number in found) or "没有更多了。"
    more = f"\n说“标签 {name} {number + 1}”看下一页。" if number * PAGE < total else ""
    return f"有标签“{name}”的 {total} 人：\n{who}{more}"
