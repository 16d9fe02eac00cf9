"""The way out over a long connection: whoever sends asks the process that holds it.

An answer names its callback. When WeCom does not know that any more, or takes it for seconds only (a welcome, a card's new face), the text
goes as a post of its own into the same chat; a card that could not be changed in time is given up. What may have arrived is not sent twice:
the frames of a stream replace each other and are simply repeated, of everything else an administrator hears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.channels.aibot import stream_body
from bot.channels.text import cut
from bot.client import NoAnswer
from bot.errors import ApiError
from bot.longframes import MARKDOWN_BYTES, RESPOND, SEND, UPDATE, WELCOME
from bot.longlink import upload
from bot.media import Account
from bot.message import Message
from bot.uploads import Uploads, is_enclosing
from bot.verdicts import Verdict
from bot.ways import Order, Undeliverable, Way, readable
from storage.calls import Answered, Calls
from storage.connection import StorageAway
from storage.limits import AIBOT_CHAT, Limits
from storage.moment import to_ms
from storage.outbox import Delivery

log = structlog.get_logger(__name__)

WAIT_S = 6.0
"""A little longer than the holder waits for WeCom."""
EVENT_MS = 4_500
"""WeCom takes a welcome and a card's update for 5 seconds."""
STREAM_MS = 360_000
"""A stream ends within six minutes of its first frame."""
UNKNOWN_REQ_ID, STREAM_EXPIRED, UNKNOWN_CHAT = 846605, 846608, 93006
VERDICTS: Mapping[int, Verdict] = {
    UNKNOWN_CHAT: Verdict("dead", "机器人不能在这个聊天里主动发言：要先有人在这里和它说过话"),
    UNKNOWN_REQ_ID: Verdict("dead", "企业微信不再接受对这条消息的回答"),
    STREAM_EXPIRED: Verdict("dead", "分段回答超过了 6 分钟"),
}
"""What codes mean here (protocol reference §1.8)."""
DOUBTFUL = "没有收到应答，消息可能已经送达，请核对后再决定是否重发"


class LongWay:
    """Sends deliveries ``via="aibot_ws"``.

    ``user_id`` gives WeCom's id for a member number; ``keep_words`` keeps private words for a member's next single chat, where the bot may
    not speak first.
    """

    def __init__(
        self,
        calls: Calls,
        user_id: Callable[[int], str | None],
        keep_words: Callable[[int, str, str], None],
        now: Callable[[], datetime],
        uploads: Uploads | None = None,
    ) -> None:
        self._calls = calls
        self._uploads = uploads
        self._user_id = user_id
        self._keep_words = keep_words
        self._now = now

    def way(self) -> Way:
        """The row of the sender's table."""
        return Way(self._order, verdicts=VERDICTS, host="aibot_ws")

    def _order(self, delivery: Delivery, is_repeat: bool) -> Order:
        name = limit_name(delivery.channel, delivery.chat, delivery.member or 0)
        return Order(name, AIBOT_CHAT, name, lambda: self._send(delivery))

    def _send(self, delivery: Delivery) -> dict[str, Any]:
        cmd, frame = str(delivery.body["cmd"]), delivery.body["frame"]
        if is_enclosing(frame):
            with readable(self._uploads) as uploads:
                return uploads.send(frame, self._account(delivery.channel), lambda filled: self._post(delivery, filled))
        if cmd == SEND:
            return self._post(delivery, frame)
        is_event = cmd in (WELCOME, UPDATE)
        if not (is_event and self._age_ms(delivery) > EVENT_MS):
            # A stream replaces what it showed before, and so does a card's new face.
            answered = self._ask(delivery, cmd, frame, is_repeatable=cmd == UPDATE or frame.get("msgtype") == "stream")
            if answered.code == 0 or self._had_arrived(delivery, answered):
                return answered.body
            if answered.code not in (UNKNOWN_REQ_ID, STREAM_EXPIRED):
                raise ApiError(answered.code, answered.text)
        if cmd == UPDATE:
            raise Undeliverable("卡片没有在 5 秒内更新，企业微信不再接受")
        return self._post(delivery, _as_post(delivery))

    def _post(self, delivery: Delivery, frame: Mapping[str, Any]) -> dict[str, Any]:
        chat = delivery.chat or (self._user_id(delivery.member) if delivery.member else None)
        if not chat:
            raise Undeliverable("成员不在通讯录中（可能已被删除）")
        answered = self._ask(delivery, SEND, {"chatid": chat, **frame}, is_repeatable=False)
        if answered.code == UNKNOWN_CHAT and not delivery.chat and delivery.member:
            self._keep_words(delivery.member, str(delivery.body["text"]), delivery.id)
            return {"kept": True}
        if answered.code != 0:
            raise ApiError(answered.code, answered.text)
        return answered.body

    def _ask(self, delivery: Delivery, cmd: str, frame: Mapping[str, Any], *, is_repeatable: bool) -> Answered:
        """WeCom's word. Raises NoAnswer for what is worth another try, Undeliverable for what may have arrived and must not come twice."""
        req_id = "" if cmd == SEND else delivery.url
        try:
            answered = self._calls.ask(
                delivery.channel,
                cmd,
                req_id,
                frame,
                now_ms=to_ms(self._now()),
                wait_s=WAIT_S,
                once=delivery.id,
                is_repeatable=is_repeatable,
            )
        except StorageAway:  # the delivery's mark tells the next try what became of this one
            raise NoAnswer("Redis 没有应答", may_have_arrived=True) from None
        if answered.code is None and answered.was_unsure and not is_repeatable:
            raise Undeliverable(DOUBTFUL)
        if answered.code is None:
            raise NoAnswer(answered.text, may_have_arrived=answered.may_have_arrived)
        return answered

    def _account(self, channel: str) -> Account:
        """Who uploads over a long connection: only its own bot may send what it uploaded."""

        def ask(cmd: str, body: Mapping[str, Any]) -> dict[str, Any]:
            answered = self._calls.ask(channel, cmd, "", body, now_ms=to_ms(self._now()), wait_s=WAIT_S)
            if answered.code is None:
                raise NoAnswer(answered.text, may_have_arrived=False)  # a part that arrived twice is the same part
            if answered.code != 0:
                raise ApiError(answered.code, answered.text)
            return answered.body

        return Account(f"ws.{channel}", lambda content: {"media_id": upload(ask, content.kind, content.name, content.data)})

    def _had_arrived(self, delivery: Delivery, answered: Answered) -> bool:
        """A stream that is refused as ended was ended by our own first try, whose acknowledgement was lost."""
        is_young = self._age_ms(delivery) < STREAM_MS
        return answered.code == STREAM_EXPIRED and answered.was_unsure and is_young

    def _age_ms(self, delivery: Delivery) -> int:
        return to_ms(self._now()) - delivery.born_ms


class Parts:
    """Shows answers in parts while they are made, over the long connections; elsewhere WeCom asks for them."""

    def __init__(self, calls: Calls, limits: Limits, find_member: Callable[[str], int | None], now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._limits = limits
        self._find_member = find_member
        self._now = now

    def show(self, message: Message, stream: str, text: str) -> None:
        """Shows a part if the chat has a turn left. Never raises ApiError or StorageAway: the next part says all of this one."""
        if not message.reply_id:
            return
        try:
            member = 0 if message.chat else self._find_member(message.user) or 0
            now_ms, body = to_ms(self._now()), stream_body(stream, text, is_done=False)
            if self._limits.acquire(limit_name(message.channel, message.chat, member), AIBOT_CHAT, now_ms):
                return
            self._calls.ask(message.channel, RESPOND, message.reply_id, body, now_ms=now_ms, wait_s=WAIT_S)
        except StorageAway as away:
            log.info("part not shown", id=message.id, reason=str(away))


def limit_name(channel: str, chat: str, member: int) -> str:
    """Under which name all that an aibot says in one chat is counted."""
    return f"aibot.{channel}.{chat or member}"


def _as_post(delivery: Delivery) -> dict[str, Any]:
    """What an answer becomes that can no longer name its callback."""
    frame = delivery.body["frame"]
    if frame.get("msgtype") == "template_card":
        return dict(frame)
    return {"msgtype": "markdown", "markdown": {"content": cut(str(delivery.body["text"]), MARKDOWN_BYTES)}}
