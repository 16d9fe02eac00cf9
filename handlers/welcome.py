"""欢迎: at a member's first message in a group, and when somebody opens the single chat."""

from __future__ import annotations

from bot.context import Context
from bot.flow_desk import FlowDesk
from bot.message import Message, Reply
from bot.pipeline import Gated
from bot.router import Router
from rules.contents import fill

router = Router()


def gate(message: Message, ctx: Context) -> Gated | None:
    """Welcomes a member at his first message in a group, in front of whatever it is answered with; not who was welcomed when he joined."""
    text = ctx.contents.welcome.first_message
    if not (ctx.is_first and message.chat and message.event is None and ctx.member) or ctx.in_admin_group or ctx.pause or not text:
        return None
    if not ctx.stores.welcomes.claim(ctx.community.keys, ctx.member, once=message.id):
        return None
    return Gated((Reply(_fill(text, ctx), note={"welcomed": True}, counts=("welcomes",)),))


@router.event("enter_chat", "subscribe", "enter_agent")
def greet(message: Message, ctx: Context) -> list[Reply]:
    """欢迎：打开单聊时打个招呼"""
    if ctx.pause:
        return []
    text = ctx.contents.welcome.enter_chat
    said = [Reply(_fill(text, ctx), note={"welcomed": True})] if text else []
    return said + _begun(message, ctx)


def _begun(message: Message, ctx: Context) -> list[Reply]:
    """What flows say that begin when somebody opens the single chat or becomes visible to the app."""
    occasion = "joined" if message.event and message.event.name == "subscribe" else "enter_chat"
    if not ctx.member or not ctx.contents.flows.begins_on(occasion):
        return []
    desk = FlowDesk(ctx.stores, ctx.contents, ctx.config, ctx.now())
    told = desk.start_on(ctx.community, ctx.member, occasion, once=message.id)
    return [reply for one in told for reply in one.replies]


def _fill(text: str, ctx: Context) -> str:
    return fill(text, {"nickname": ctx.nickname})
