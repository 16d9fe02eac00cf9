"""改名: a colleague's user id was changed in the company's directory; his points, cases and figures stay his."""

from __future__ import annotations

from bot.context import Context
from bot.message import Message, Reply
from bot.router import Router

router = Router()


@router.event("change_contact.update_user")
def rename(message: Message, ctx: Context) -> Reply | None:
    """改名：成员的 userid 改了，他的编号不变"""
    if message.event is None or len(message.event.members) != 2:
        return None  # something else about him was changed
    old, new = message.event.members
    outcome, number = ctx.stores.directory.rename(old, new)
    return Reply(note={"rename": outcome, "renamed": number})
