"""暂停 and 恢复: an administrator makes the bot be still in his community – all that nobody asked for, or answers as well – and lets it go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.communities import Community
from bot.context import Context
from bot.errors import UserError
from bot.message import Message, Reply
from bot.permissions import Actor, may
from bot.pipeline import Gated
from bot.router import Router
from rules.questions import asks
from storage.pauses import Pause
from storage.stores import Stores

STOPPED: Mapping[str, str] = {"": "照常", "posts": "推送、警告和欢迎已停", "all": "推送、警告、欢迎和回答都已停"}
EVERYTHING = ("全部", "所有", "回答")
USAGE = "写法是：暂停（推送、警告、欢迎先停，提问照常回答），或：暂停 全部（连回答也停）。恢复请说：恢复"

router = Router()


def gate(message: Message, ctx: Context) -> Gated | None:
    """Where answers are stopped too, only those who look after the community are heard; what a word list found in the message is filed all the same."""
    if ctx.pause != "all" or not ctx.member or may(ctx.role, "viewer"):
        return None
    return Gated((Reply(note={"paused": True}),), stops=True)


@router.command("暂停", role="admin", takes_words=True, is_common=True, unless=asks)
def pause(message: Message, ctx: Context) -> Reply:
    """暂停：这个社群先不发推送、警告和欢迎；暂停 全部：连成员的提问也不回答"""
    word = " ".join(ctx.args)
    if word and word not in EVERYTHING:
        raise UserError(USAGE)
    if word:
        _set("all", "暂停", message, ctx)
        return Reply(
            f"已暂停“{ctx.community.name}”的一切（1 秒内生效）：不发推送、警告和欢迎，成员说话也不回答，只听管理人员的。恢复请说：恢复",
            note={"pause": "all"},
        )
    _set("posts", "暂停", message, ctx)
    return Reply(
        f"已暂停“{ctx.community.name}”的推送、警告和欢迎（1 秒内生效），排着队的也先不发；提问照常回答。"
        "恢复请说：恢复；连回答也停，请说：暂停 全部",
        note={"pause": "posts"},
    )


@router.command("恢复", role="admin", takes_words=True, is_common=True, unless=asks)
def resume(message: Message, ctx: Context) -> Reply:
    """恢复：结束暂停，推送、警告、欢迎和回答照常"""
    if ctx.args:
        raise UserError("写法是：恢复（后面不用写别的）。只恢复回答、推送仍然停着，请说：暂停")
    if not _set("", "恢复", message, ctx):
        return Reply(f"“{ctx.community.name}”没有暂停，一切照常。")
    return Reply(
        f"“{ctx.community.name}”已恢复。排着队的会在 10 秒内接着发（等了超过 24 小时的不再发）；暂停期间到点的定时推送和欢迎不补。",
        note={"pause": ""},
    )


def _set(wanted: Pause, act: str, message: Message, ctx: Context) -> str:
    """Notes what is stopped from now on; gives what was before."""
    return set_pause(ctx.stores, ctx.community, ctx.actor, wanted, act, ctx.now(), once=message.id)


def set_pause(stores: Stores, community: Community, actor: Actor, wanted: Pause, act: str, now: datetime, *, once: str) -> str:
    """Stops so much in a community, or ('') nothing any more, audited as ``act``; gives what was stopped before."""
    before = stores.pauses.set(community.id, wanted, once=once)
    if before != wanted:
        told = STOPPED.get(before, before), STOPPED[wanted]
        stores.audit.record(community.id, actor.id, act, "机器人主动发言", *told, now, once=once)
    return before
