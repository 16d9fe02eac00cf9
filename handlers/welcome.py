"""欢迎: at a member's first message in a group, and when somebody opens the single chat."""

from __future__ import annotations

from bot.context import Context
from bot.message import Message, Reply
from bot.pipeline import Gated
from bot.router import Router
from rules.contents import fill

router = Router()


def gate(message: Message, ctx: Context) -> Gated | None:
    """Welcomes a member at his first message in a group, in front of whatever it is answered with."""
    text = ctx.contents.welcome.first_message
    if not (ctx.is_first and message.chat and message.event is None and ctx.member) or ctx.in_admin_group or not text:
        return None
    return Gated((Reply(_fill(text, ctx), note={"welcomed": True}, counts=("welcomes",)),))


@router.event("enter_chat", "subscribe", "enter_agent")
def greet(message: Message, ctx: Context) -> Reply | None:
    """欢迎：打开单聊时打个招呼"""
    text = ctx.contents.welcome.enter_chat
    return Reply(_fill(text, ctx), note={"welcomed": True}) if text else None


def _fill(text: str, ctx: Context) -> str:
    return fill(text, {"nickname": ctx.nickname})
