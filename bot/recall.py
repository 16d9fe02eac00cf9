"""Takes an app message back: which msgid a delivery became stands in the event log, beside the fact that it was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.app_api import AppApi
from bot.errors import ApiError, UserError
from storage.events import Events

RECALLED_WITHIN = timedelta(hours=24)
"""Later WeCom takes nothing back (path 94867)."""


def recall(events: Events, apps: Callable[[str], AppApi | None], delivery: str, now: datetime) -> int:
    """Recalls what a delivery became, from everybody it reached; gives how many messages that were. Raises UserError in Chinese.

    Only an app's own messages can be taken back: no webhook's post, no answer of an aibot's, no group's.
    """
    sent = events.find_sent(delivery, now - RECALLED_WITHIN)
    if not sent:
        raise UserError(f"24 小时内没有发出过编号为 {delivery} 的消息；更早的不能撤回")
    messages = [(str(entry.data["app"]), str(entry.data["msgid"])) for _, entry in sent if entry.data.get("msgid")]
    if not messages:
        raise UserError("这条消息不是由应用发出的：企业微信不提供撤回 webhook、智能机器人和群消息的接口")
    for channel, msgid in dict.fromkeys(messages):
        _recall(apps, channel, msgid)
    shard, entry = sent[-1]
    facts = {"act": "recall", "of": delivery, "messages": len(set(messages))}
    events.record(shard, "admin", entry.community, now, facts, member=entry.member, message=delivery)
    return len(set(messages))


def _recall(apps: Callable[[str], AppApi | None], channel: str, msgid: str) -> None:
    app = apps(channel)
    if app is None:
        raise UserError(f"没有配置应用 {channel}，不能撤回它发出的消息")
    try:
        app.recall(msgid)
    except ApiError as error:
        raise UserError(f"企业微信没有撤回：{error}") from error
