"""The pretend WeCom: its envelope, its limits and error codes, how it delivers callbacks, and its chat page."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote
from urllib.request import Request, urlopen

import pytest
from flask import Flask, Response, request
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from simulator.config import Channel, Group, Person, SimulatorConfig, parse_config
from simulator.envelope import Envelope, EnvelopeError, Sealed
from simulator.pretend import PretendWeCom
from simulator.server import Server, serve
from simulator.web import build_app
from simulator.xmltext import from_xml, to_xml
from tests.timing import Clock, await_until

KEY = base64.b64encode(bytes(range(32))).decode()[:43]
CORP = "wwcorp"
CHANNELS = (
    Channel("assistant", "aibot", "tok-a", KEY),
    Channel("desk", "app", "tok-d", KEY, agent_id=1000002, secret="sec-desk"),
    Channel("customers", "contact", "tok-c", KEY, secret="sec-contact"),
    Channel("robot", "robot", "tok-r", KEY),
)
CONFIG = SimulatorConfig(
    corp_id=CORP,
    channels=CHANNELS,
    people=(Person("lilei", "李雷"), Person("hanmei", "韩梅梅"), Person("boss", "老板", admin=True)),
    groups=(Group("wrMAIN", "主群", ("lilei", "hanmei"), "abc"), Group("wrADMIN", "管理员群", ("boss",), "def", customer=False)),
    retry_waits_s=(0.0,),
    timeout_s=2.0,
    refresh_every_s=0.01,
)

CARD = {
    "card_type": "button_interaction",
    "main_title": {"title": "处理"},
    "button_list": [{"text": "同意", "style": 1, "key": "yes"}],
    "task_id": "task-1",
}
CHROMIUM = "/usr/bin/chromium"
NOTICE = {"card_type": "text_notice", "main_title": {"title": "T"}, "card_action": {"type": 1, "url": "https://e.com"}}


class EchoBot:
    """A bot of the test's own: opens what it gets, keeps it, and answers what ``answer`` says."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.nonces: list[str] = []
        self.statuses: list[int] = []
        self.answer: Callable[[Any], Any] = self.echo
        app = Flask("echo")
        app.add_url_rule("/wecom/<name>", "door", self.door, methods=["GET", "POST"])
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def door(self, name: str) -> Response:
        channel = next(channel for channel in CHANNELS if channel.name == name)
        envelope = Envelope(channel.token, channel.aes_key, CORP if channel.kind in ("app", "contact") else "")
        signature, stamp, nonce = (request.args[key] for key in ("msg_signature", "timestamp", "nonce"))
        if request.method == "GET":
            return Response(envelope.open(Sealed(request.args["echostr"], signature, stamp, nonce)))
        is_json = channel.kind == "aibot"
        encrypt = request.get_json()["encrypt"] if is_json else from_xml(request.get_data(as_text=True))["Encrypt"]
        plain = envelope.open(Sealed(encrypt, signature, stamp, nonce))
        message = json.loads(plain) if is_json else from_xml(plain)
        self.heard.append(message)
        self.nonces.append(nonce)
        status = self.statuses.pop(0) if self.statuses else 200
        answer = self.answer(message) if status == 200 else None
        if not answer:
            return Response("", status)
        sealed = envelope.seal(answer if isinstance(answer, str) else json.dumps(answer), stamp, nonce)
        if is_json:
            body = {"encrypt": sealed.encrypt, "msgsignature": sealed.signature, "timestamp": int(stamp), "nonce": nonce}
            return Response(json.dumps(body))
        return Response(to_xml({"Encrypt": sealed.encrypt, "MsgSignature": sealed.signature, "TimeStamp": int(stamp), "Nonce": nonce}))

    def echo(self, message: Any) -> Any:
        if message.get("msgtype") == "text":
            return stream(f"回声：{message['text']['content']}")
        if message.get("MsgType") == "text" and "AgentID" in message:
            return to_xml({"MsgType": "text", "Content": f"回声：{message['Content']}"})
        return None


def stream(content: str, *, finish: bool = True) -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": "s1", "finish": finish, "content": content}}


@pytest.fixture(scope="module")
def echo_server() -> Iterator[EchoBot]:
    bot = EchoBot()
    yield bot
    bot.server.shutdown()
    bot.server.server_close()


@pytest.fixture
def bot(echo_server: EchoBot) -> EchoBot:
    echo_server.heard, echo_server.nonces, echo_server.statuses, echo_server.answer = [], [], [], echo_server.echo
    return echo_server


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC), tick_ms=0)


@pytest.fixture
def wecom(bot: EchoBot, clock: Clock) -> Iterator[PretendWeCom]:
    pretend = PretendWeCom(CONFIG, now=clock.unix)
    pretend.bot_url = bot.url
    yield pretend
    pretend.close()


@pytest.fixture
def server(bot: EchoBot, clock: Clock) -> Iterator[Server]:
    pretend = PretendWeCom(CONFIG, now=clock.unix)
    pretend.bot_url = bot.url
    with serve(pretend) as running:
        yield running


def call(wecom: PretendWeCom, path: str, body: Any = None, **query: str) -> dict[str, Any]:
    """One REST call and its JSON answer."""
    client = build_app(wecom).test_client()
    answer = client.post(path, query_string=query or None, json=body) if body is not None else client.get(path, query_string=query)
    return dict(answer.get_json())


def token(wecom: PretendWeCom, secret: str = "sec-desk") -> str:
    return str(call(wecom, "/cgi-bin/gettoken", corpid=CORP, corpsecret=secret)["access_token"])


def send(wecom: PretendWeCom, **body: Any) -> dict[str, Any]:
    whole = {"touser": "lilei", "msgtype": "text", "agentid": 1000002, "text": {"content": "你好"}} | body
    return call(wecom, "/cgi-bin/message/send", whole, access_token=token(wecom))


def push(wecom: PretendWeCom, body: dict[str, Any], key: str = "abc") -> int:
    return int(call(wecom, "/cgi-bin/webhook/send", body, key=key)["errcode"])


def text(content: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": content}}


def seen(wecom: PretendWeCom, chat: str) -> list[str]:
    """What the bot said in a chat."""
    return [post.text for post in wecom.world.posts(chat) if post.sender == "bot"]


# -- the envelope

V1_KEY, V1_TOKEN, V1_CORP = "6qkdMrq68nTKduznJYO1A37W2oEgpkMUvkttRToqhUt", "hJqcu3uJ9Tn2gXPmxx2w9kkCkCE2EPYo", "ww1436e0e65a779aee"
V5_KEY, V5_TOKEN, V5_CORP = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "QDG6eK", "wx5823bf96d3bd56c7"
VECTORS = [
    ("V1", V1_TOKEN, V1_KEY, V1_CORP, "012bc692d0a58dd4b10f8dfe5c4ac00ae211ebeb", "1476416373", "47744683",
     "fsi1xnbH4yQh0+PJxcOdhhK6TDXkjMyhEPA7xB2TGz6b+g7xyAbEkRxN/3cNXW9qdqjnoVzEtpbhnFyq6SVHyA==", "1288432023552776189"),
    ("V2", V1_TOKEN, V1_KEY, V1_CORP, "0c3914025cb4b4d68103f6bfc8db550f79dcf48e", "1476422779", "1597212914",
     ("Kl7kjoSf6DMD1zh7rtrHjFaDapSCkaOnwu3bqLc5tAybhhMl9pFeK8NslNPVdMwmBQTNoW4mY7AIjeLvEl3NyeTkAgGzBhzTtRLNshw2AEew+kkYcD+Fq72Kt00fT0WnN87h"
     "GrW8SqGc+NcT3mu87Ha3dz1pSDi6GaUA6A0sqfde0VJPQbZ9U+3JWcoD4Z5jaU0y9GSh010wsHF8KZD24YhmZH4ch4Ka7ilEbjbfvhKkNL65HHL0J6EYJIZUC2pFrdkJ7Mhm"
     "EbU2qARR4iQHE7wy24qy0cRX3Mfp6iELcDNfSsPGjUQVDGxQDCWjayJOpcwocugux082f49HKYg84EpHSGXAyh+/oxwaWbvL6aSDPOYuPDGOCI8jmnKiypE+"), "你好"),
    ("V3", V1_TOKEN, V1_KEY, V1_CORP, "e3647471e395139e2308c1fa963f2d648a00b90e", "1409659813", "1372623149",
     ("cjhLUX7UU4yCSelv1vz7T0zT8huF51bAMVWriNvO1FMegHrQZNrtvRxbwf0fUPsFvwqR0U0fgiJNEA5Y30F2MoI2S7vv3EjVQ68C0cjw9frBoUE2Hj0BvFp9h3u6Vbsg4lc1"
     "C8AtHdaN8orKuNKkLRLuYEL52R1J3v8olJGZRLnRdVKIivixmX/eQpzgeExtp20jI1HxRP1AAZ6xZoILdqDPO549LO4WeG+685JRUTdiwcY5fjZlqeMxuT4PpMn1X9OWsS7N"
     "Rj06Wa5E3Tvg4twjWp39KPfOdRte6P1T4JU="), "mycreate"),
    ("V4", "xxx", "x" * 43, "", "09380007d4f0891d966988e5450ad794c77fa01c", "1703041184", "1703023880",
     unquote("oCdlC8pJ%2FDIjXnC8F9reyjDYlSImCmIgxA4prPD%2Bl2Fj5qBHjFiWnpelQofsDCJrSEvNVTET6oQmoXLQxzUkyQ%3D%3D"), "6534946348215556778"),
    ("V5", V5_TOKEN, V5_KEY, V5_CORP, "477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149",
     ("RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchr"
     "RYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMn"
     "vw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCm"
     "JU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="), "hello"),
    ("V6", V5_TOKEN, V5_KEY, V5_CORP, "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780",
     unquote("P9nAzCzyDtyTWESHep1vC5X9xho%2FqYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp%2B4RPcs8TgAE7OaBO%2BFZXvnaqQ%3D%3D"), "1616140317555161061"),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_the_envelope_opens_the_public_samples(vector: tuple[str, ...]) -> None:
    _, own_token, key, receiver, signature, stamp, nonce, encrypt, plain = vector

    opened = Envelope(own_token, key, receiver).open(Sealed(encrypt, signature, stamp, nonce))

    assert plain in opened


@given(st.text(max_size=300), st.sampled_from(["", CORP]))
def test_what_is_sealed_opens_again(words: str, receiver: str) -> None:
    envelope = Envelope("t", KEY, receiver)

    assert envelope.open(envelope.seal(words, "1", "2")) == words


@pytest.mark.parametrize("change", ["signature", "nonce", "encrypt", "timestamp"])
def test_a_changed_envelope_does_not_open(change: str) -> None:
    sealed = Envelope("t", KEY, "").seal("hallo", "1700000000", "42")
    parts = {name: getattr(sealed, name) for name in ("encrypt", "signature", "timestamp", "nonce")}
    parts[change] = parts[change][:-1] + ("0" if parts[change][-1] != "0" else "1")

    with pytest.raises(EnvelopeError):
        Envelope("t", KEY, "").open(Sealed(**parts))


def test_an_envelope_for_another_corp_does_not_open() -> None:
    with pytest.raises(EnvelopeError, match="another receiver"):
        Envelope("t", KEY, "").open(Envelope("t", KEY, CORP).seal("x", "1", "2"))


@given(st.dictionaries(st.sampled_from(["A", "B", "C"]), st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1)))
def test_xml_fields_come_back(fields: dict[str, str]) -> None:
    assert from_xml(to_xml(fields)) == fields or not fields


def test_an_unknown_kind_of_channel_is_named() -> None:
    with pytest.raises(ValueError, match="kind 'fax'"):
        parse_config({"corp_id": "ww", "channels": [{"name": "x", "kind": "fax", "token": "t", "aes_key": KEY}]})


# -- callbacks


def test_a_group_message_reaches_the_bot_and_its_answer_the_group(wecom: PretendWeCom, bot: EchoBot) -> None:
    result = wecom.say("lilei", "签到", chat="wrMAIN")

    assert result.status == 200
    assert result.text == "回声：@小助手 签到"
    assert bot.heard[0]["from"] == {"userid": "lilei"}
    assert (bot.heard[0]["chatid"], bot.heard[0]["chattype"]) == ("wrMAIN", "group")
    assert seen(wecom, "wrMAIN") == ["回声：@小助手 签到"]


def test_without_a_mention_the_bot_hears_nothing(wecom: PretendWeCom, bot: EchoBot) -> None:
    result = wecom.say("lilei", "大家好", chat="wrMAIN", mention=False)

    assert result.status == 0
    assert bot.heard == []
    assert [post.state for post in wecom.world.posts("wrMAIN")] == ["unheard"]


def test_the_single_chat_needs_no_mention_and_quotes_without_author(wecom: PretendWeCom, bot: EchoBot) -> None:
    wecom.say("lilei", "这是什么", quote="测试情况")

    assert "chatid" not in bot.heard[0]
    assert bot.heard[0]["chattype"] == "single"
    assert bot.heard[0]["quote"] == {"msgtype": "text", "text": {"content": "测试情况"}}


def test_a_repeat_is_the_same_message_under_a_fresh_seal(wecom: PretendWeCom, bot: EchoBot) -> None:
    first = wecom.say("lilei", "签到", chat="wrMAIN")

    wecom.repeat(first.msgid)

    assert bot.heard[0] == bot.heard[1]
    assert bot.nonces[0] != bot.nonces[1]
    assert len(seen(wecom, "wrMAIN")) == 1


def test_an_unanswered_message_comes_three_times_in_all(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.statuses = [500, 503, 302]

    result = wecom.say("lilei", "签到", chat="wrMAIN")

    assert (result.status, result.attempts) == (302, 3)
    assert [post.state for post in wecom.world.posts("wrMAIN")] == ["failed"]


def test_an_app_message_comes_four_times_in_all(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.statuses = [500, 500, 500]

    result = wecom.say("lilei", "帮助", channel="desk")

    assert (result.status, result.attempts) == (200, 4)
    assert result.text == "回声：帮助"
    assert {message["MsgId"] for message in bot.heard} == {result.msgid}


def test_a_bot_that_is_down_gives_status_nought(wecom: PretendWeCom) -> None:
    wecom.bot_url = "http://127.0.0.1:9"

    assert wecom.say("lilei", "签到", chat="wrMAIN").status == 0


def test_a_plain_text_answer_to_a_message_is_refused(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: text("hello")

    result = wecom.say("lilei", "hi")

    assert "not with text" in result.problem
    assert seen(wecom, "single|assistant|lilei") == []


def test_an_answer_above_20480_bytes_is_refused(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: stream("啊" * 6_827)

    assert "20480" in wecom.say("lilei", "hi").problem


def test_an_unfinished_stream_is_asked_for_until_it_is_finished(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda message: stream("一二三" if len(bot.heard) > 2 else "一", finish=len(bot.heard) > 2)

    wecom.say("lilei", "讲", chat="wrMAIN")

    await_until(lambda: seen(wecom, "wrMAIN") == ["一二三"])
    assert bot.heard[1]["stream"] == {"id": "s1"}


def test_entering_the_single_chat_may_be_answered_with_text(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: text("欢迎")

    wecom.enter_chat("lilei")

    assert bot.heard[0]["event"] == {"eventtype": "enter_chat"}
    assert seen(wecom, "single|assistant|lilei") == ["欢迎"]


def test_a_click_updates_the_card(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: {"msgtype": "template_card", "template_card": CARD}
    wecom.say("boss", "审批")
    bot.answer = lambda _: {"response_type": "update_template_card", "template_card": {**CARD, "main_title": {"title": "已同意"}}}

    result = wecom.click("boss", "task-1", "yes", {"q": ["a", "b"]})

    event = bot.heard[1]["event"]["template_card_event"]
    assert (event["event_key"], event["task_id"]) == ("yes", "task-1")
    assert event["selected_items"]["selected_item"] == [{"question_key": "q", "option_ids": {"option_id": ["a", "b"]}}]
    assert result.problem == ""
    assert [post.card["main_title"]["title"] for post in wecom.world.cards() if post.card] == ["已同意"]


def test_a_lost_card_event_is_not_repeated(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: {"msgtype": "template_card", "template_card": CARD}
    wecom.say("boss", "审批")
    bot.statuses = [500]

    assert wecom.click("boss", "task-1", "yes").attempts == 1


@pytest.mark.parametrize(("form", "shape"), [("items", {"Item": "lucy"}), ("joined", "lucy"), ("none", None)])
def test_a_new_member_is_told_to_the_contact_channel(wecom: PretendWeCom, bot: EchoBot, form: str, shape: Any) -> None:
    before = wecom.world.rooms["wrMAIN"].version

    wecom.join("lucy", "wrMAIN", name="露西", form=form)

    event = bot.heard[0]
    assert (event["Event"], event["UpdateDetail"], event["ChatId"]) == ("change_external_chat", "add_member", "wrMAIN")
    assert event.get("MemChangeList") == shape
    assert event["LastMemVer"] == before
    assert event["CurMemVer"] == wecom.world.rooms["wrMAIN"].version


def test_an_internal_group_tells_nobody_of_its_members(wecom: PretendWeCom, bot: EchoBot) -> None:
    assert wecom.join("lucy", "wrADMIN", name="露西") is None
    assert bot.heard == []


def test_the_group_robot_speaks_xml(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: to_xml({"MsgType": "markdown", "Markdown": {"Content": "**好**"}})

    result = wecom.say("lilei", "hi", chat="wrMAIN", channel="robot")

    assert bot.heard[0]["From"]["Name"] == "李雷"
    assert bot.heard[0]["Text"]["Content"] == "@小助手 hi"
    assert result.text == "**好**"


def test_a_picture_is_stored_sealed_for_five_minutes(wecom: PretendWeCom, bot: EchoBot, clock: Clock) -> None:
    wecom.send_image("lilei", data=b"\xff\xd8\xffpicture")
    path = bot.heard[0]["image"]["url"].replace(wecom.base_url, "")
    client = build_app(wecom).test_client()

    assert Envelope("tok-a", KEY, "").decrypt_media(client.get(path).data) == b"\xff\xd8\xffpicture"
    clock.later(seconds=301)
    assert client.get(path).status_code == 403


def test_the_address_of_a_channel_can_be_verified(wecom: PretendWeCom) -> None:
    assert [wecom.verify(channel.name).problem for channel in CHANNELS] == ["", "", "", ""]


# -- tokens and app messages


def test_a_wrong_secret_and_a_wrong_corp_are_told_apart(wecom: PretendWeCom) -> None:
    assert call(wecom, "/cgi-bin/gettoken", corpid=CORP, corpsecret="no")["errcode"] == 40001
    assert call(wecom, "/cgi-bin/gettoken", corpid="ww", corpsecret="sec-desk")["errcode"] == 40013
    assert wecom.tokens.calls == {"": 1}


def test_tokens_are_missing_unknown_expired_or_of_the_wrong_kind(wecom: PretendWeCom, clock: Clock) -> None:
    good = token(wecom)
    path, body = "/cgi-bin/message/send", {"touser": "lilei", "msgtype": "text", "agentid": 1000002, "text": {"content": "x"}}

    assert call(wecom, path, body)["errcode"] == 41001
    assert call(wecom, path, body, access_token="made-up")["errcode"] == 40014
    assert call(wecom, path, body, access_token=token(wecom, "sec-contact"))["errcode"] == 48002
    clock.later(seconds=7_200)
    assert call(wecom, path, body, access_token=good)["errcode"] == 42001


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"touser": "nobody"}, 81013),
        ({"touser": ""}, 82001),
        ({"text": {"content": "x" * 2_049}}, 45002),
        ({"text": {"content": ""}}, 44004),
        ({"msgtype": "smoke"}, 40008),
        ({"agentid": 7}, 301002),
        ({"msgtype": "template_card", "template_card": {"card_type": "button_interaction"}}, 40058),
        ({"msgtype": "image", "image": {"media_id": "none"}}, 40007),
        ({"touser": "lilei"}, 0),
        ({"text": {"content": "x" * 2_048}}, 0),
    ],
)
def test_an_app_message_is_judged(wecom: PretendWeCom, body: dict[str, Any], errcode: int) -> None:
    assert send(wecom, **body)["errcode"] == errcode


def test_a_partly_wrong_receiver_list_is_still_a_success(wecom: PretendWeCom) -> None:
    answer = send(wecom, touser="lilei|ghost|hanmei")

    assert (answer["errcode"], answer["invaliduser"]) == (0, "ghost")
    assert seen(wecom, "single|desk|hanmei") == ["你好"]


def test_the_31st_message_of_a_minute_is_dropped_without_a_word(wecom: PretendWeCom, clock: Clock) -> None:
    codes = {send(wecom, text={"content": str(number)})["errcode"] for number in range(31)}

    assert codes == {0}
    assert len(seen(wecom, "single|desk|lilei")) == 30
    clock.later(seconds=60)
    send(wecom)
    assert len(seen(wecom, "single|desk|lilei")) == 31


def test_a_duplicate_is_shown_once_when_asked_for(wecom: PretendWeCom, clock: Clock) -> None:
    for _ in range(2):
        send(wecom, enable_duplicate_check=1, duplicate_check_interval=60)

    assert len(seen(wecom, "single|desk|lilei")) == 1
    clock.later(seconds=61)
    send(wecom, enable_duplicate_check=1, duplicate_check_interval=60)
    assert len(seen(wecom, "single|desk|lilei")) == 2


def test_a_message_can_be_recalled_for_a_day(wecom: PretendWeCom, clock: Clock) -> None:
    first, second = send(wecom)["msgid"], send(wecom)["msgid"]

    assert call(wecom, "/cgi-bin/message/recall", {"msgid": first}, access_token=token(wecom))["errcode"] == 0
    assert [post.recalled for post in wecom.world.posts("single|desk|lilei")] == [True, False]
    clock.later(seconds=24 * 3_600)
    assert call(wecom, "/cgi-bin/message/recall", {"msgid": second}, access_token=token(wecom))["errcode"] == 40058


def test_a_card_of_the_app_is_updated_once(wecom: PretendWeCom) -> None:
    code = send(wecom, msgtype="template_card", template_card=CARD)["response_code"]
    body = {"userids": ["lilei", "ghost"], "agentid": 1000002, "response_code": code, "button": {"replace_name": "已处理"}}

    first = call(wecom, "/cgi-bin/message/update_template_card", body, access_token=token(wecom))
    again = call(wecom, "/cgi-bin/message/update_template_card", body, access_token=token(wecom))

    assert (first["errcode"], first["invaliduser"], again["errcode"]) == (0, ["ghost"], 40058)
    assert [post.card["replace_text"] for post in wecom.world.cards() if post.card] == ["已处理"]


def test_a_click_on_the_apps_card_can_be_answered_in_xml(wecom: PretendWeCom, bot: EchoBot) -> None:
    send(wecom, msgtype="template_card", template_card=CARD)
    new = {"CardType": "text_notice", "MainTitle": {"Title": "已处理"}, "HorizontalContentList": [{"KeyName": "谁", "Value": "李雷"}]}
    bot.answer = lambda _: to_xml({"MsgType": "update_template_card", "TemplateCard": new})

    wecom.click("lilei", "task-1", "yes")

    shown = wecom.world.cards()[0].card_of("lilei")
    assert shown
    assert (bot.heard[0]["Event"], bot.heard[0]["EventKey"]) == ("template_card_event", "yes")
    assert shown["horizontal_content_list"] == [{"keyname": "谁", "value": "李雷"}]


# -- webhook and one-time answers


def test_the_webhook_takes_twenty_a_minute(wecom: PretendWeCom, clock: Clock) -> None:
    codes = [push(wecom, text(str(number))) for number in range(21)]

    assert codes == [0] * 20 + [45009]
    assert push(wecom, text("other group"), key="def") == 0
    clock.later(seconds=60)
    assert push(wecom, text("again")) == 0


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (text("x" * 2_049), 45002),
        (text("汉" * 682), 0),
        ({"msgtype": "markdown", "markdown": {"content": "x" * 4_097}}, 45002),
        ({"msgtype": "markdown_v2", "markdown_v2": {"content": "x" * 4_096}}, 0),
        ({"msgtype": "template_card", "template_card": NOTICE}, 0),
        ({"msgtype": "template_card", "template_card": CARD}, 40058),
        ({"msgtype": "image", "image": {"base64": "AAAA", "md5": "no"}}, 40058),
        ({"msgtype": "news", "news": {"articles": [{"title": "T", "url": "U"}] * 9}}, 45008),
        ({"msgtype": "file", "file": {"media_id": "none"}}, 40007),
        ({"msgtype": "smoke"}, 40008),
        ([], 40058),
    ],
)
def test_a_webhook_message_is_judged(wecom: PretendWeCom, body: Any, errcode: int) -> None:
    assert push(wecom, body) == errcode


def test_an_unknown_key_is_93000(wecom: PretendWeCom) -> None:
    assert push(wecom, text("x"), key="nope") == 93000


def test_a_file_belongs_to_the_robot_that_uploaded_it(server: Server) -> None:
    boundary, data = secrets.token_hex(8), b"1234567"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="media"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
    body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
    url = f"{server.url}/cgi-bin/webhook/upload_media?key=abc&type=file"
    with urlopen(Request(url, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}), timeout=5) as answer:
        media = json.load(answer)

    message = {"msgtype": "file", "file": {"media_id": media["media_id"]}}
    assert push(server.pretend, message) == 0
    assert push(server.pretend, message, key="def") == 40007


def test_the_response_url_works_once_and_for_an_hour(wecom: PretendWeCom, bot: EchoBot, clock: Clock) -> None:
    for _ in range(2):
        wecom.say("lilei", "hi", chat="wrMAIN")
    first, second = (message["response_url"].replace(wecom.base_url, "") for message in bot.heard)
    body = {"msgtype": "markdown", "markdown": {"content": "晚一点的回答"}}

    assert [call(wecom, first, body)["errcode"] for _ in range(2)] == [0, 40058]
    clock.later(seconds=3_600)
    assert call(wecom, second, body)["errcode"] == 40058


def test_a_card_through_the_response_url_is_for_single_chats(wecom: PretendWeCom, bot: EchoBot) -> None:
    wecom.say("lilei", "hi", chat="wrMAIN")
    wecom.say("lilei", "hi")
    body = {"msgtype": "template_card", "template_card": NOTICE}

    assert [call(wecom, m["response_url"].replace(wecom.base_url, ""), body)["errcode"] for m in bot.heard] == [40058, 0]


# -- customer groups


def test_the_roster_of_a_group_is_read_with_names(wecom: PretendWeCom) -> None:
    path, key = "/cgi-bin/externalcontact/groupchat/get", token(wecom, "sec-contact")
    wecom.join("wmX", "wrMAIN", name="新人")

    group = call(wecom, path, {"chat_id": "wrMAIN", "need_name": 1}, access_token=key)["group_chat"]

    assert [member["name"] for member in group["member_list"]] == ["李雷", "韩梅梅", "新人"]
    assert group["member_version"] == wecom.world.rooms["wrMAIN"].version
    assert call(wecom, path, {"chat_id": "wrADMIN"}, access_token=key)["errcode"] == 90501


def test_the_groups_are_listed_page_by_page(wecom: PretendWeCom) -> None:
    wecom.world.add_room(Group("wrSUB", "分群", ("hanmei",)))
    path, key = "/cgi-bin/externalcontact/groupchat/list", token(wecom, "sec-contact")

    first = call(wecom, path, {"limit": 1}, access_token=key)
    second = call(wecom, path, {"limit": 1, "cursor": first["next_cursor"]}, access_token=key)

    assert [group["chat_id"] for page in (first, second) for group in page["group_chat_list"]] == ["wrMAIN", "wrSUB"]
    assert "next_cursor" not in second


def test_a_welcome_code_lives_twenty_seconds_and_works_once(wecom: PretendWeCom, bot: EchoBot, clock: Clock) -> None:
    wecom.befriend("wmX", "lilei", name="新客")
    wecom.befriend("wmY", "lilei", name="慢客")
    path, key = "/cgi-bin/externalcontact/send_welcome_msg", token(wecom, "sec-contact")
    bodies = [{"welcome_code": event["WelcomeCode"], "text": {"content": "欢迎"}} for event in bot.heard]

    assert [call(wecom, path, bodies[0], access_token=key)["errcode"] for _ in range(2)] == [0, 41050]
    clock.later(seconds=20)
    assert call(wecom, path, bodies[1], access_token=key)["errcode"] == 41050


# -- trouble on demand, the record, the control


def test_an_ordered_error_hits_as_often_as_ordered_and_has_no_effect(wecom: PretendWeCom) -> None:
    wecom.faults.add(path="/cgi-bin/webhook/send", errcode=45009, times=2)

    assert [push(wecom, text("x")) for _ in range(3)] == [45009, 45009, 0]
    assert len(seen(wecom, "wrMAIN")) == 1


def test_a_connection_cut_after_the_act_loses_only_the_answer(server: Server) -> None:
    server.pretend.faults.add(path="/cgi-bin/webhook/send", drop=True)

    with pytest.raises(OSError):  # noqa: PT011 - the ways a cut connection shows differ by timing
        urlopen(Request(f"{server.url}/cgi-bin/webhook/send?key=abc", json.dumps(text("x")).encode()), timeout=5)

    assert seen(server.pretend, "wrMAIN") == ["x"]


def test_the_record_keeps_both_sides_and_the_file_too(bot: EchoBot, tmp_path: Any) -> None:
    pretend = PretendWeCom(CONFIG, record=tmp_path / "wire.jsonl")
    pretend.bot_url = bot.url
    pretend.say("lilei", "签到", chat="wrMAIN")
    push(pretend, text("推送"))
    pretend.close()

    callback, rest = (json.loads(line) for line in (tmp_path / "wire.jsonl").read_text().splitlines())
    assert json.loads(callback["plaintext"])["text"]["content"] == "@小助手 签到"
    assert json.loads(callback["answer"])["stream"]["content"] == "回声：@小助手 签到"
    assert "签到" not in callback["sealed"]
    assert json.loads(rest["plaintext"])["text"]["content"] == "推送"


def test_another_process_can_drive_it(server: Server) -> None:
    body = json.dumps({"user": "lilei", "text": "签到", "chat": "wrMAIN"}).encode()
    with urlopen(Request(f"{server.url}/_/say", body, {"Content-Type": "application/json"}), timeout=5) as answer:
        said = json.load(answer)
    with urlopen(f"{server.url}/_/wire?after=0", timeout=5) as answer:
        rows = json.load(answer)["rows"]

    assert (said["status"], said["text"]) == (200, "回声：@小助手 签到")
    assert [row["msgid"] for row in rows] == [said["msgid"]]


def test_the_control_names_what_is_wrong(wecom: PretendWeCom) -> None:
    client = build_app(wecom).test_client()

    assert client.post("/_/act", json={"act": "fly"}).status_code == 400
    assert client.post("/_/say", json={"user": "lilei", "text": "x", "chat": "none"}).status_code == 400
    assert client.post("/_/faults", json={"path": "/x", "drop": "sometimes"}).status_code == 400


# -- the page


def updates(wecom: PretendWeCom, who: str, after: int = 0) -> dict[str, Any]:
    client = build_app(wecom).test_client()
    epoch = client.get("/demo/api/start").get_json()["epoch"]
    return dict(client.get("/demo/api/updates", query_string={"who": who, "after": after, "epoch": epoch}).get_json())


def test_the_page_needs_nothing_from_outside(wecom: PretendWeCom) -> None:
    client = build_app(wecom).test_client()

    for name in ("", "chat.js", "card.js", "wire.js", "markdown.js", "style.css"):
        answer = client.get(f"/demo/{name}")
        assert answer.status_code == 200
        assert 'src="http' not in answer.text
        assert 'href="/' not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_says_and_sees_the_answer(wecom: PretendWeCom) -> None:
    client = build_app(wecom).test_client()

    client.post("/demo/api/say", json={"who": "lilei", "chat": "wrMAIN", "text": "@小助手 签到"})

    await_until(lambda: any(post["sender"] == "bot" for post in updates(wecom, "hanmei")["posts"]))
    found = updates(wecom, "hanmei")
    assert updates(wecom, "hanmei", after=found["rev"])["posts"] == []


def test_the_page_shows_single_chats_to_their_member_only(wecom: PretendWeCom) -> None:
    send(wecom, touser="lilei", text={"content": "只给李雷"})

    assert [post["text"] for post in updates(wecom, "lilei")["posts"]] == ["只给李雷"]
    assert updates(wecom, "hanmei")["posts"] == []


def test_somebody_new_joins_and_leaves_on_the_page(wecom: PretendWeCom, bot: EchoBot) -> None:
    client = build_app(wecom).test_client()

    user = client.post("/demo/api/join", json={"chat": "wrMAIN", "name": "王小明"}).get_json()["user"]
    await_until(lambda: len(bot.heard) == 1)
    client.post("/demo/api/leave", json={"who": user, "chat": "wrMAIN"})
    await_until(lambda: len(bot.heard) == 2)

    assert [event["UpdateDetail"] for event in bot.heard] == ["add_member", "del_member"]
    assert [post.text for post in wecom.world.posts("wrMAIN")] == ["王小明 加入了群聊", "王小明 退出了群聊"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("say", {"who": "ghost", "chat": "wrMAIN", "text": "x"}),
        ("say", {"who": "boss", "chat": "wrMAIN", "text": "x"}),
        ("say", {"who": "lilei", "chat": "single|assistant|hanmei", "text": "x"}),
        ("say", {"who": "lilei", "chat": "wrMAIN", "text": "  "}),
        ("image", {"who": "lilei", "chat": "wrMAIN", "data": "AAAA"}),
        ("join", {"chat": "wrMAIN", "name": ""}),
        ("leave", {"who": "boss", "chat": "wrMAIN"}),
    ],
)
def test_what_a_page_cannot_do_is_explained(wecom: PretendWeCom, path: str, body: dict[str, Any]) -> None:
    answer = build_app(wecom).test_client().post(f"/demo/api/{path}", json=body)

    assert answer.status_code == 400
    assert answer.get_json()["error"]


def test_the_page_is_told_no_secrets(wecom: PretendWeCom) -> None:
    secret = token(wecom)
    send(wecom)
    wecom.say("lilei", "hi")
    code = json.loads(wecom.wire.rows()[-1].plaintext)["response_url"].rsplit("=", 1)[1]

    shown = build_app(wecom).test_client().get("/demo/api/wire").text

    assert secret not in shown
    assert "sec-desk" not in shown
    assert code not in shown


def test_the_picture_of_a_webhook_is_shown(wecom: PretendWeCom) -> None:
    data = b"\x89PNG1234"
    image = {"base64": base64.b64encode(data).decode(), "md5": hashlib.md5(data).hexdigest()}

    assert push(wecom, {"msgtype": "image", "image": image}) == 0
    assert updates(wecom, "lilei")["posts"][0]["image"].startswith("data:image/png;base64,")


def test_a_click_that_gets_lost_is_said_to_the_one_who_clicked(wecom: PretendWeCom, bot: EchoBot) -> None:
    bot.answer = lambda _: {"msgtype": "template_card", "template_card": CARD}
    wecom.say("lilei", "审批", chat="wrMAIN")
    bot.statuses = [500]

    wecom.click("hanmei", "task-1", "yes")

    assert updates(wecom, "hanmei")["posts"][-1]["text"] == "刚才的点击没有送达：机器人没有应答"
    assert updates(wecom, "lilei")["posts"][-1]["kind"] == "card"


def test_who_is_outside_or_came_later_does_not_see_what_was_said(wecom: PretendWeCom, clock: Clock) -> None:
    wecom.say("lilei", "旧消息", chat="wrMAIN", mention=False)
    clock.later(seconds=60)
    wecom.join("lucy", "wrMAIN", name="露西")

    assert [post["text"] for post in updates(wecom, "lucy")["posts"]] == ["露西 加入了群聊"]
    assert updates(wecom, "boss")["posts"] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real headless Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield running
        running.close()


def test_a_member_chats_in_a_real_browser(server: Server, bot: EchoBot, browser: Any) -> None:
    page, errors = browser.new_page(viewport={"width": 1200, "height": 800}), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server.url}/demo/?who=lilei&chat=wrMAIN")

    page.get_by_test_id("input").fill("大家好")
    page.get_by_test_id("input").press("Enter")
    page.get_by_text("机器人听不到").wait_for()
    page.get_by_test_id("mention").click()
    page.get_by_test_id("input").press_sequentially("**签到** <img src=x onerror=alert(1)>")
    page.get_by_test_id("send").click()
    answer = page.locator("[data-testid=message][data-from=bot]")
    answer.wait_for()

    assert answer.locator("strong").inner_text() == "签到"
    assert "<img src=x onerror=alert(1)>" in answer.inner_text()
    assert page.locator(".talk img").count() == 0
    assert errors == []
    page.close()


def test_a_card_is_pressed_in_a_real_browser(server: Server, bot: EchoBot, browser: Any) -> None:
    bot.answer = lambda message: (
        {"response_type": "update_template_card", "template_card": {**CARD, "main_title": {"title": "已同意"}}}
        if message["msgtype"] == "event"
        else {"msgtype": "template_card", "template_card": CARD}
    )
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{server.url}/demo/?who=boss&chat=wrADMIN")

    page.get_by_role("button", name="签到").click()
    page.get_by_test_id("card-button").click()
    page.get_by_role("heading", name="已同意").wait_for()
    page.get_by_test_id("wire-toggle").click()

    page.get_by_test_id("wire-row").nth(1).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
