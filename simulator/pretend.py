"""The pretend WeCom: what members do becomes sealed callbacks to the bot, and what the bot answers becomes posts in their chats."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from simulator import payloads
from simulator.answers import Sent, take_answer
from simulator.calls.call import Windows
from simulator.config import Channel, SimulatorConfig
from simulator.courier import CallbackResult, Courier
from simulator.envelope import Envelope
from simulator.faults import Faults
from simulator.longlink import LongLink
from simulator.tokens import Tokens
from simulator.wire import Wire
from simulator.world import SYSTEM, Media, Post, World, single_chat

RESPONSE_LIFE_S = 3_600
MEDIA_URL_LIFE_S = 300
WELCOME_LIFE_S = 20
CARD_CODE_LIFE_S = 72 * 3_600
STREAM_LIFE_S = 360
APP_RETRIES = 3
KEEP_SENT = 5_000
NOT_HEARD = CallbackResult(status=0, opened=None, problem="without a mention the bot hears nothing in a group")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
"""A one-pixel PNG, for tests that do not care about the picture."""


class PretendWeCom:
    """One corp with its people, groups and callback channels.

    Methods that send a callback wait for the bot's answer (with all repeats) and return it; ``later`` runs one in the background.
    ``bot_url`` and ``base_url`` may be set after the construction, when the ports are known. Not played: WeCom's limit of three messages at
    once per member, because tests send many at a time on purpose.
    """

    def __init__(self, config: SimulatorConfig, now: Callable[[], float] = time.time, record: Path | None = None) -> None:
        self.config = config
        self.now = now
        self.bot_url = config.bot
        self.base_url = "http://127.0.0.1:8081"
        self.world = World(config, now)
        self.tokens = Tokens(config.channels, now)
        self.windows = Windows()
        self.faults = Faults()
        self.wire = Wire(record)
        self.courier = Courier(corp_id=config.corp_id, timeout_s=config.timeout_s, waits_s=config.retry_waits_s, wire=self.wire, now=now)
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="callback")
        self._sent: dict[str, Sent] = {}
        self.link: LongLink | None = None
        if self.world.find_channel("aibot_ws"):
            self.link = LongLink(self.world, now, faults=self.faults, wire=self.wire, port=config.ws_port)

    def close(self) -> None:
        """Stop all background work; what is still to be repeated is given up."""
        self.courier.closing.set()
        if self.link:
            self.link.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.wire.close()

    def later(self, act: Callable[..., CallbackResult | None], *args: Any, **kwargs: Any) -> None:
        """Run one of the methods below in the background."""
        self._pool.submit(act, *args, **kwargs)

    # -- what members say

    def say(
        self,
        user: str,
        text: str,
        chat: str | None = None,
        channel: str = "",
        quote: str | Mapping[str, Any] | None = None,
        mention: bool = True,
    ) -> CallbackResult:
        """A member writes: in a group (``chat``) or in the single chat. ``channel`` defaults to the first aibot.

        ``quote`` is a text or a whole quote object. With ``mention`` the bot's name is put in front in a group unless it is there already;
        without any mention nobody tells the bot. KeyError for an unknown channel or group, ValueError for one who is not in the group.
        """
        heard = f"@{self.config.bot_name} {text}" if chat and mention and not self.mentions(text) else text
        target, quoted = self._channel(channel), _quote_body(quote)
        post = self._show(user, chat, target, "text", text=heard, quote=_quote_shown(quoted))
        if chat and not self.mentions(heard):
            self.world.change(post, state="unheard")
            return NOT_HEARD
        return self._speak(target, user, chat, post, payloads.text(heard), {"Content": heard}, quoted)

    def mentions(self, text: str) -> bool:
        """True if the bot's name is mentioned."""
        return f"@{self.config.bot_name}" in text

    def send_image(self, user: str, channel: str = "", data: bytes = PIXEL, chat: str | None = None, text: str = "") -> CallbackResult:
        """A picture: alone in the single chat, with a mention in front as a mixed message in a group (WeCom knows no other way)."""
        target = self._channel(channel)
        linked, shown = self._store_media(target, "image", data)
        heard = f"@{self.config.bot_name} {text}" if chat and not self.mentions(text) else text
        post = self._show(user, chat, target, "image", image=shown, text=heard)
        body = payloads.mixed(heard, linked) if heard else linked
        media_id = self.world.store(Media("image", data, "image/png", expires_at=self.now() + 3 * 86_400))
        return self._speak(target, user, chat, post, body, {"PicUrl": f"{self.base_url}/{shown}", "MediaId": media_id})

    def send_voice(self, user: str, text: str, channel: str = "") -> CallbackResult:
        """A spoken message in the single chat; the aibot gets it as text, the app as a media id."""
        target = self._channel(channel)
        post = self._show(user, None, target, "voice", text=text)
        media_id = self.world.store(Media("voice", b"#!AMR\n" + text.encode(), "audio/amr", expires_at=self.now() + 3 * 86_400))
        return self._speak(target, user, None, post, payloads.voice(text), {"MediaId": media_id, "Format": "amr"})

    def send_file(self, user: str, data: bytes, channel: str = "", kind: str = "file", filename: str = "file.bin") -> CallbackResult:
        """A file or (``kind="video"``) a video in the single chat."""
        target = self._channel(channel)
        linked, _ = self._store_media(target, kind, data)
        post = self._show(user, None, target, "file", text=filename)
        media_id = self.world.store(Media(kind, data, filename=filename, expires_at=self.now() + 3 * 86_400))
        return self._speak(target, user, None, post, linked, {"MediaId": media_id, "ThumbMediaId": media_id})

    def send_app_fields(self, user: str, kind: str, body: Mapping[str, Any], channel: str = "") -> CallbackResult:
        """Any other app message by its XML elements: location (``Location_X``…) or link (``Title``…)."""
        target = self._channel(channel, "app")
        post = self._show(user, None, target, "text", text=str(body.get("Label") or body.get("Title") or kind))
        return self._speak(target, user, None, post, {"msgtype": kind}, dict(body))

    # -- what members do

    def enter_chat(self, user: str, channel: str = "") -> CallbackResult:
        """A member opens the single chat: enter_chat for the robots, enter_agent for an app."""
        target = self._channel(channel)
        if target.kind == "app":
            return self.app_event(user, "enter_agent", {"EventKey": ""}, channel=target.name)
        if target.kind == "robot":
            return self.robot_event(user, "enter_chat", channel=target.name)
        return self._aibot_event(target, user, "enter_chat", "enter_chat", single_chat(target.name, user))

    def click(self, user: str, card: Post | int | str, key: str, selected: Mapping[str, Sequence[str]] | None = None) -> CallbackResult:
        """A member clicks on a card: a post, its number, or the task id of the card. KeyError when there is none."""
        post = self._card_post(user, card)
        shown, target = post.card_of(user), self.world.channels[post.channel]
        assert shown is not None
        if target.kind == "app":
            code = self.world.give_code("card", CARD_CODE_LIFE_S, channel=target.name, posts=[post.id])
            body = payloads.app_card_click(shown, key, selected or {}, code)
            return self.app_event(user, "template_card_event", body, channel=target.name, clicked=post)
        detail = payloads.card_click(shown, key, selected or {})
        return self._aibot_event(target, user, "template_card_event", "card", post.chat, detail, clicked=post)

    def feedback(
        self, user: str, feedback_id: str, kind: int = 1, content: str = "", channel: str = "", chat: str | None = None
    ) -> CallbackResult:
        """A member rates an answer: ``kind`` 1 accurate, 2 inaccurate, 3 withdrawn."""
        target = self._channel(channel)
        detail: dict[str, Any] = {"id": feedback_id, "type": kind}
        if kind == 2:
            detail |= {"content": content, "inaccurate_reason_list": [3]}
        return self._aibot_event(target, user, "feedback_event", "feedback", chat or single_chat(target.name, user), detail)

    def join(self, user: str, group: str, *, name: str = "", scene: int = 3, form: str = "items") -> CallbackResult | None:
        """Somebody enters a group; the contact channel hears of it. ``form`` of the member list is items, joined or none.

        An unknown user becomes a person of that ``name``. None when nobody is to be told (no contact channel, or no customer group).
        """
        person = self.world.add_person(name or user, user)
        before, after = self.world.change_members(group, joining=[user])
        self.world.post(group, SYSTEM, "system", text=f"{person.name} 加入了群聊")
        return self._tell_members(group, joining=True, scene=scene, users=[user], versions=(before, after), form=form)

    def leave(self, user: str, group: str, *, scene: int = 0, form: str = "items") -> CallbackResult | None:
        """Somebody leaves a group (``scene=1``: removed). None when nobody is to be told."""
        before, after = self.world.change_members(group, leaving=[user])
        name = self.world.people[user].name
        self.world.post(group, SYSTEM, "system", text=f"{name} 退出了群聊" if scene == 0 else f"{name} 被移出了群聊")
        return self._tell_members(group, joining=False, scene=scene, users=[user], versions=(before, after), form=form)

    def change_group(self, group: str, change: str) -> CallbackResult | None:
        """Another change of a customer group: create, dismiss, or an update named change_owner, change_name, change_notice."""
        if change in ("create", "dismiss"):
            self.world.rooms[group].is_dismissed = change == "dismiss"
            return self._tell_contact("change_external_chat", change, {"ChatId": group})
        return self._tell_contact("change_external_chat", "update", {"ChatId": group, "UpdateDetail": change})

    def befriend(self, customer: str, employee: str, *, name: str = "", state: str = "") -> CallbackResult | None:
        """A customer adds an employee: add_external_contact with a welcome code that lives 20 seconds."""
        self.world.add_person(name or customer, customer)
        contact = self.world.find_channel("contact")
        code = self.world.give_code("welcome", WELCOME_LIFE_S, user=customer, channel=contact.name if contact else "")
        body = {"UserID": employee, "ExternalUserID": customer, "State": state or None, "WelcomeCode": code}
        return self._tell_contact("change_external_contact", "add_external_contact", body)

    def subscribe(self, user: str, channel: str = "") -> CallbackResult:
        """A member comes into the app's visible range."""
        return self.app_event(user, "subscribe", channel=channel)

    def unsubscribe(self, user: str, channel: str = "") -> CallbackResult:
        """A member leaves the app's visible range."""
        return self.app_event(user, "unsubscribe", channel=channel)

    def app_event(
        self, user: str, name: str, body: Mapping[str, Any] | None = None, channel: str = "", clicked: Post | None = None
    ) -> CallbackResult:
        """Any app event by its XML elements: click, view, LOCATION, template_card_event…"""
        target = self._channel(channel, "app")
        at = int(self.now())
        plain = payloads.app_event(
            corp_id=self.config.corp_id, user=user, at=at, agent_id=target.agent_id, name=name, body=dict(body or {})
        )
        sent = Sent(
            target, plain, f"event-{secrets.token_hex(8)}", "event", user, single_chat(target.name, user), APP_RETRIES, clicked=clicked
        )
        return self._send(sent)

    def robot_event(self, user: str, name: str, chat: str | None = None, channel: str = "") -> CallbackResult:
        """An event of the group robot: add_to_chat, delete_from_chat or enter_chat."""
        return self._robot(self._channel(channel, "robot"), user, chat, "event", {"event": {"event_type": name}}, None)

    def robot_click(self, user: str, callback_id: str, name: str, value: str, chat: str | None = None, channel: str = "") -> CallbackResult:
        """A click on a button below the group robot's markdown."""
        body = {"attachment": {"callbackid": callback_id, "actions": [{"name": name, "value": value, "type": "button"}]}}
        return self._robot(self._channel(channel, "robot"), user, chat, "attachment", body, None)

    def repeat(self, msgid: str) -> CallbackResult:
        """The same callback once more: same plaintext and id, fresh nonce, time and seal. KeyError for an unknown id."""
        return self._send(self._sent[msgid])

    def verify(self, channel: str = "") -> CallbackResult:
        """The URL verification of a channel; ``problem`` is empty when the bot passes."""
        return self.courier.verify(self.bot_url, self._channel(channel))

    # -- how it is done

    def _channel(self, name: str, kind: str = "aibot") -> Channel:
        if name:
            return self.world.channels[name]
        found = self.world.find_channel(kind) or (self.world.find_channel("aibot_ws") if kind == "aibot" else None)
        if found is None:
            raise KeyError(f"no channel of kind {kind}")
        return found

    def _show(self, user: str, chat: str | None, channel: Channel, kind: str, **fields: Any) -> Post:
        if user not in self.world.people:
            self.world.add_person(user, user)
        if chat and user not in self.world.rooms[chat].members:
            raise ValueError(f"{user} is not a member of {chat}")
        return self.world.post(chat or single_chat(channel.name, user), user, kind, channel=channel.name, state="sending", **fields)

    def _speak(
        self,
        channel: Channel,
        user: str,
        chat: str | None,
        post: Post,
        body: dict[str, Any],
        elements: dict[str, Any],
        quote: dict[str, Any] | None = None,
    ) -> CallbackResult:
        """Send a member's message in the channel's own dialect."""
        if channel.kind == "app":
            return self._app_message(channel, user, post, str(body["msgtype"]), elements)
        if channel.kind == "robot":
            return self._robot(channel, user, chat, str(body["msgtype"]), _robot_body(body), post)
        msgid = _msgid()
        place = chat or single_chat(channel.name, user)
        url = self._response_url(channel, place, user, post.text) if channel.kind == "aibot" else None
        plain = payloads.aibot_message(
            msgid=msgid, aibotid=_aibotid(channel), user=user, chat=chat or "", response_url=url, body=body, quote=quote
        )
        return self._send(Sent(channel, plain, msgid, "message", user, place, self.config.message_retries, post=post))

    def _app_message(self, channel: Channel, user: str, post: Post, kind: str, elements: dict[str, Any]) -> CallbackResult:
        kind = "image" if kind == "mixed" else "video" if kind == "file" else kind
        msgid = str(secrets.randbelow(2**62) + 10**15)
        plain = payloads.app_message(
            corp_id=self.config.corp_id, user=user, at=int(self.now()), msgid=msgid, agent_id=channel.agent_id, kind=kind, body=elements
        )
        return self._send(Sent(channel, plain, msgid, "message", user, post.chat, APP_RETRIES, post=post))

    def _robot(self, channel: Channel, user: str, chat: str | None, kind: str, body: dict[str, Any], post: Post | None) -> CallbackResult:
        msgid, room = _msgid(), self.world.rooms.get(chat or "")
        place = chat or single_chat(channel.name, user)
        code = self.world.give_code("chat_info", 300, chat=chat) if room else ""
        head = {
            "webhook_url": f"{self.base_url}/cgi-bin/webhook/send?key={room.group.webhook_key}" if room else "",
            "msgid": msgid,
            "chatid": place,
            "chattype": "group" if room else "single",
            "get_chat_info_url": f"{self.base_url}/cgi-bin/webhook/get_chat_info?code={code}" if room else "",
        }
        name = self.world.people[user].name if user in self.world.people else user
        plain = payloads.robot_message(form=channel.format, head=head, user=user, name=name, kind=kind, body=body)
        return self._send(Sent(channel, plain, msgid, "message", user, place, APP_RETRIES, post=post))

    def _aibot_event(
        self,
        channel: Channel,
        user: str,
        name: str,
        kind: str,
        place: str,
        detail: dict[str, Any] | None = None,
        clicked: Post | None = None,
    ) -> CallbackResult:
        msgid = _msgid()
        where: dict[str, str] = {}
        if kind != "enter_chat" or channel.kind == "aibot_ws":  # the samples of enter_chat differ
            where = {"chatid": place, "chattype": "group"} if place in self.world.rooms else {"chattype": "single"}
        if kind == "card" and channel.kind == "aibot":
            where["response_url"] = self._response_url(channel, place, user, "")
        plain = payloads.aibot_event(
            msgid=msgid, aibotid=_aibotid(channel), user=user, at=int(self.now()), name=name, detail=detail, **where
        )
        return self._send(Sent(channel, plain, msgid, kind, user, place, 0, clicked=clicked))

    def _tell_members(
        self, group: str, *, joining: bool, scene: int, users: list[str], versions: tuple[str, str], form: str
    ) -> CallbackResult | None:
        if not self.world.rooms[group].group.customer:
            return None
        body = payloads.member_change(chat=group, joining=joining, scene=scene, users=users, versions=versions, form=form)
        return self._tell_contact("change_external_chat", "update", body)

    def _tell_contact(self, name: str, change: str, body: dict[str, Any]) -> CallbackResult | None:
        channel = self.world.find_channel("contact")
        if channel is None:
            return None
        plain = payloads.contact_event(corp_id=self.config.corp_id, at=int(self.now()), name=name, change=change, body=body)
        return self._send(
            Sent(channel, plain, f"event-{secrets.token_hex(8)}", "event", "sys", single_chat(channel.name, "sys"), APP_RETRIES)
        )

    def _send(self, sent: Sent) -> CallbackResult:
        self._remember(sent)
        if sent.channel.kind == "aibot_ws":
            return self._send_over_link(sent)
        result = self.courier.deliver(
            self.bot_url,
            sent.channel,
            sent.plaintext,
            msgid=sent.msgid,
            retries=sent.retries,
            on_retry=lambda: self._mark(sent, "retrying"),
        )
        if result.status != 200:
            self._mark(sent, "failed")
            self._whisper(sent, "刚才的点击没有送达：机器人没有应答")
            return result
        self._mark(sent, "delivered")
        return self._take(sent, result)

    def _send_over_link(self, sent: Sent) -> CallbackResult:
        """Push the callback and wait for an answer that is complete; ``status`` 0 when no bot is connected, ``opened`` the last body."""
        assert self.link is not None
        turn = self.link.deliver(sent)
        if not turn.delivered:
            self._whisper(sent, "刚才的操作没有送达：机器人没有连接")
            return CallbackResult(0, None, sent.msgid, problem="no live connection")
        waits_for_answer = sent.kind in ("message", "enter_chat", "card")
        done = waits_for_answer and self.link.wait_until(lambda: turn.settled, self.config.timeout_s)
        return CallbackResult(200, turn.answers[-1] if turn.answers else None, sent.msgid, problem="" if done else "no complete answer yet")

    def _take(self, sent: Sent, result: CallbackResult) -> CallbackResult:
        """The first good answer counts; a repeat's answer is only looked at."""
        if sent.answered:
            return result
        sent.answered = not result.problem
        problem = result.problem or take_answer(self.world, sent, result.opened)
        if problem:
            self._mark(sent, "refused")
            self._whisper(sent, "企业微信没有接受机器人对这次操作的回答")
        if sent.stream:
            self._pool.submit(self._refresh, sent)
        return _with_problem(result, problem)

    def _refresh(self, sent: Sent) -> None:
        """Ask for more of an unfinished stream until it is finished or six minutes are over."""
        ends_at = self.now() + STREAM_LIFE_S
        while sent.stream and self.now() < ends_at and not self.courier.closing.wait(self.config.refresh_every_s):
            msgid, chat = _msgid(), sent.chat if sent.chat in self.world.rooms else ""
            plain = payloads.aibot_refresh(msgid=msgid, aibotid=_aibotid(sent.channel), user=sent.user, chat=chat, stream_id=sent.stream)
            result = self.courier.deliver(self.bot_url, sent.channel, plain, msgid=msgid, retries=0)
            sent.kind = "refresh"
            if result.status == 200 and result.opened:
                take_answer(self.world, sent, result.opened)

    def _remember(self, sent: Sent) -> None:
        with self.world.lock:
            if len(self._sent) >= KEEP_SENT:
                self._sent.pop(next(iter(self._sent)))
            self._sent[sent.msgid] = sent

    def _mark(self, sent: Sent, state: str) -> None:
        if sent.post is not None and (sent.post.state != "delivered" or state == "refused"):
            self.world.change(sent.post, state=state, msgid=sent.msgid)

    def _whisper(self, sent: Sent, text: str) -> None:
        """A grey line for the one who clicked or came in: there is no message of his that could show what went wrong."""
        if sent.kind in ("card", "enter_chat") or sent.clicked is not None:
            self.world.post(sent.chat, SYSTEM, "system", text=text, only_for=frozenset({sent.user}))

    def _card_post(self, user: str, card: Post | int | str) -> Post:
        if isinstance(card, str):
            return self._post_of_task(user, card)
        post = self.world.find_post(card) if isinstance(card, int) else card
        if post is None or post.card_of(user) is None or post.channel not in self.world.channels:
            raise KeyError(f"no card {card!r} that could be clicked")
        return post

    def _post_of_task(self, user: str, task_id: str) -> Post:
        for post in reversed(self.world.cards()):
            shown = post.card_of(user)
            if shown and shown.get("task_id") == task_id:
                return post
        raise KeyError(f"no card with the task id {task_id!r}")

    def _response_url(self, channel: Channel, place: str, user: str, text: str) -> str:
        quote = {"user": user, "text": text[:120], "post": ""} if place in self.world.rooms else None
        code = self.world.give_code("response", RESPONSE_LIFE_S, channel=channel.name, chat=place, quote=quote)
        return f"{self.base_url}/cgi-bin/aibot/response?response_code={code}"

    def _store_media(self, channel: Channel, kind: str, data: bytes) -> tuple[dict[str, Any], str]:
        """The body the bot is told (its URL gives sealed bytes to an aibot, for five minutes) and the URL the page shows."""
        mime = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg" if kind == "image" else "application/octet-stream"
        shown = self.world.store(Media(kind, data, mime))
        own_key = secrets.token_bytes(32) if channel.kind == "aibot_ws" else b""
        key = base64.b64encode(own_key).decode().rstrip("=") or channel.aes_key
        sealed = Envelope("", key, "").encrypt_media(data) if channel.kind in ("aibot", "aibot_ws") else data
        told = self.world.store(Media(kind, sealed, expires_at=self.now() + MEDIA_URL_LIFE_S))
        return payloads.linked(kind, f"{self.base_url}/media/{told}", base64.b64encode(own_key).decode()), f"media/{shown}"


def _msgid() -> str:
    return secrets.token_urlsafe(24)


def _aibotid(channel: Channel) -> str:
    return channel.bot_id or f"AIB{channel.name}"


def _with_problem(result: CallbackResult, problem: str) -> CallbackResult:
    return CallbackResult(result.status, result.opened, result.msgid, result.attempts, problem, result.ms)


def _quote_body(quote: str | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not quote:
        return None
    return payloads.text(quote) if isinstance(quote, str) else dict(quote)


def _quote_shown(quote: dict[str, Any] | None) -> dict[str, str] | None:
    if quote is None:
        return None
    part = quote.get(str(quote.get("msgtype")))
    return {"user": "", "text": str(part.get("content") or "[图片]")[:120] if isinstance(part, dict) else ""}


def _robot_body(body: dict[str, Any]) -> dict[str, Any]:
    """The aibot's body in the group robot's words: image_url, and mixed_message with msg_type."""
    kind = str(body["msgtype"])
    if kind == "image":
        return {"image": {"image_url": body["image"]["url"]}}
    if kind == "mixed":
        items = [{"msg_type": item["msgtype"], **_robot_item(item)} for item in body["mixed"]["msg_item"]]
        return {"mixed_message": {"msg_item": items}}
    return {key: json.loads(json.dumps(value)) for key, value in body.items() if key != "msgtype"}


def _robot_item(item: dict[str, Any]) -> dict[str, Any]:
    return {"image": {"image_url": item["image"]["url"]}} if item["msgtype"] == "image" else {"text": item["text"]}
