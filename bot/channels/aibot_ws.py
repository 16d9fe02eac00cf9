"""智能机器人 over a long connection (path 101463): the same messages as by callback, but no response to answer in."""

from __future__ import annotations

from collections.abc import Sequence

from bot.channels import aibot
from bot.message import Message, Reply

parse = aibot.parse


def render(message: Message, replies: Sequence[Reply], *, corp_id: str = "", as_json: bool = False) -> str:
    """Always "": every answer is a frame of its own and travels by the outbox."""
    del message, replies, corp_id, as_json
    return ""
