"""离职: when the company's directory says that somebody left, his rights end; when he is back, that is told too."""

from __future__ import annotations

from bot.context import Context
from bot.leavers import note_back, note_left
from bot.message import Message
from bot.pipeline import Gated


def gate(message: Message, ctx: Context) -> Gated | None:
    """Hears who left, which administrator was renamed and who came (change_contact, subscribe). Says nothing and stops nothing."""
    event = message.event
    if event is None:
        return None
    if event.name == "subscribe" and message.user:
        note_back(ctx.stores, ctx.config, message.user, "subscribe", ctx.now())
    elif event.name == "change_contact" and event.members:
        _hear(event.detail, event.members, ctx)
    return None


def _hear(detail: str, members: tuple[str, ...], ctx: Context) -> None:
    if detail == "delete_user":
        note_left(ctx.stores, ctx.config, members[0], detail, ctx.now())
    elif detail == "update_user" and len(members) == 2 and members[0] != members[1] and members[0] in ctx.config.admins:
        # The old id, to which the rights belong, is nobody's now, and may be given to somebody else.
        note_left(ctx.stores, ctx.config, members[0], "renamed", ctx.now())
    elif detail == "create_user":
        note_back(ctx.stores, ctx.config, members[0], detail, ctx.now())
