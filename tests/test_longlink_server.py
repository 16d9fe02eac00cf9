"""The pretend WeCom's long connection: it does what the manual says, so that a client that passes here has something to be proud of."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from simulator.config import Channel, Group, Person, SimulatorConfig, parse_config
from simulator.link_commands import CHUNK_BYTES, Turn
from simulator.longlink import LongLink
from simulator.pretend import PIXEL, PretendWeCom
from simulator.server import serve
from simulator.world import World
from tests.timing import SLOWER, Clock

SECRET = "the-bots-secret"
CARD = {"card_type": "text_notice", "main_title": {"title": "T"}, "card_action": {"type": 1, "url": "https://e.com"}}
BUTTONS = {
    "card_type": "button_interaction",
    "main_title": {"title": "T"},
    "button_list": [{"text": "好", "key": "ok"}],
    "task_id": "task-1",
}
CONFIG = SimulatorConfig(
    corp_id="ww1",
    channels=(
        Channel("live", "aibot_ws", bot_id="BOT1", secret=SECRET),
        Channel("other", "aibot_ws", bot_id="BOT2", secret="another"),
    ),
    people=(Person("zhang", "张三"),),
    groups=(Group("g1", "大群", ("zhang", "li")),),
)


class Bot:
    """A client of a few lines: what it says and hears are plain frames."""

    def __init__(self, link: LongLink) -> None:
        self.socket: ClientConnection = connect(link.url, ping_interval=None, close_timeout=1, proxy=None, legacy=True)
        self.count = 0

    def ask(self, cmd: str, body: dict[str, Any] | None = None, req_id: str = "") -> dict[str, Any]:
        """The acknowledgement of a command; pushed frames before it are dropped."""
        req_id = self.tell(cmd, body, req_id)
        while (ack := self.hear()).get("cmd") or ack["headers"]["req_id"] != req_id:
            pass
        return ack

    def code(self, cmd: str, body: dict[str, Any] | None = None, req_id: str = "") -> int:
        return int(self.ask(cmd, body, req_id)["errcode"])

    def tell(self, cmd: str, body: dict[str, Any] | None = None, req_id: str = "") -> str:
        self.count += 1
        req_id = req_id or f"{cmd}_{self.count}"
        self.socket.send(json.dumps({"cmd": cmd, "headers": {"req_id": req_id}, **({} if body is None else {"body": body})}))
        return req_id

    def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(self.socket.recv(timeout=5))
        return heard

    def subscribe(self, bot_id: str = "BOT1", secret: str = SECRET) -> int:
        return self.code("aibot_subscribe", {"bot_id": bot_id, "secret": secret})

    def stream(self, turn: Turn, content: str, *, finish: bool = True, stream_id: str = "S1", **more: Any) -> int:
        stream = {"id": stream_id, "finish": finish, "content": content, **more}
        return self.code("aibot_respond_msg", {"msgtype": "stream", "stream": stream}, turn.req_id)


@pytest.fixture
def clock() -> Clock:
    return Clock(tick_ms=0)


@pytest.fixture
def link(clock: Clock) -> Iterator[LongLink]:
    with LongLink(World(CONFIG, clock.unix), clock.unix) as link:
        yield link


@pytest.fixture
def bot(link: LongLink) -> Iterator[Bot]:
    bot = Bot(link)
    assert bot.subscribe() == 0
    yield bot
    bot.socket.close()


def markdown(text: str) -> dict[str, Any]:
    return {"msgtype": "markdown", "markdown": {"content": text}}


def words(link: LongLink, chat: str) -> list[str]:
    return [post.text for post in link.shown(chat)]


# -- the connection


def test_a_bot_subscribes_with_its_id_and_secret_and_nobody_else_does(link: LongLink) -> None:
    bot = Bot(link)
    assert bot.code("ping") == 40058
    assert bot.subscribe(secret="guess") == 40001
    assert bot.subscribe("BOT9") == 40001
    assert link.live_connections("BOT1") == 0
    assert bot.subscribe() == 0
    assert bot.ask("ping")["errmsg"] == "ok"
    assert link.live_connections("BOT1") == 1
    bot.socket.close()
    assert link.wait_until(lambda: link.live_connections("BOT1") == 0)


def test_the_secret_is_in_no_record(link: LongLink, bot: Bot) -> None:
    assert bot.ask("ping")["errcode"] == 0
    assert SECRET not in repr(link.frames)
    assert link.frames[0].frame["body"] == {"bot_id": "BOT1", "secret": "***"}
    assert [frame.sent_by for frame in link.frames] == ["bot", "wecom", "bot", "wecom"]


def test_a_second_connection_pushes_the_first_one_out(link: LongLink, bot: Bot) -> None:
    second = Bot(link)
    assert second.subscribe() == 0
    told = bot.hear()
    assert told["cmd"] == "aibot_event_callback"
    assert told["body"]["event"] == {"eventtype": "disconnected_event"}
    with pytest.raises(ConnectionClosed):
        bot.hear()
    assert link.live_connections("BOT1") == 1
    link.say("zhang", "你好")
    assert second.hear()["body"]["text"] == {"content": "你好"}
    second.socket.close()


def test_however_many_subscribe_at_once_one_is_left(link: LongLink) -> None:
    bots = [Bot(link) for _ in range(12)]
    threads = [threading.Thread(target=bot.subscribe) for bot in bots]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert link.wait_until(lambda: len([frame for frame in link.frames if "disconnected_event" in str(frame.frame)]) == 11)
    turn = link.say("zhang", "谁在")
    assert (turn.delivered, link.live_connections("BOT1")) == (True, 1)
    heard = [frame.line for frame in link.frames if frame.cmd == "aibot_msg_callback"]
    pushed_out = {frame.line for frame in link.frames if "disconnected_event" in str(frame.frame)}
    assert len(heard) == 1
    assert heard[0] not in pushed_out
    for bot in bots:
        bot.socket.close()


def test_two_bots_do_not_push_each_other_out_nor_answer_for_each_other(link: LongLink, bot: Bot) -> None:
    other = Bot(link)
    assert other.subscribe("BOT2", "another") == 0
    turn = link.say("zhang", "你好")
    assert other.stream(turn, "不是我的") == 846605
    assert bot.stream(turn, "我的") == 0
    other.socket.close()


def test_what_is_no_frame_ends_the_connection(bot: Bot) -> None:
    bot.socket.send("hello")
    with pytest.raises(ConnectionClosed):
        bot.hear()


def test_what_is_said_without_a_connection_is_lost(link: LongLink) -> None:
    turn = link.say("zhang", "有人吗")
    assert not turn.delivered
    assert turn.sent.post is not None
    assert turn.sent.post.state == "failed"


# -- answers


def test_a_message_has_the_shape_of_the_manual(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "签到", chat="g1")
    assert bot.hear() == {
        "cmd": "aibot_msg_callback",
        "headers": {"req_id": turn.req_id},
        "body": {
            "msgid": turn.sent.msgid,
            "aibotid": "BOT1",
            "chatid": "g1",
            "chattype": "group",
            "from": {"userid": "zhang"},
            "msgtype": "text",
            "text": {"content": "@小助手 签到"},
        },
    }


def test_a_stream_replaces_what_it_showed_until_it_is_finished(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "讲个故事", chat="g1")
    assert bot.stream(turn, "从前", finish=False) == 0
    assert words(link, "g1") == ["从前"]
    assert not turn.settled
    assert bot.stream(turn, "从前有座山") == 0
    assert [(post.text, post.state) for post in link.shown("g1")] == [("从前有座山", "")]
    assert turn.settled
    assert bot.stream(turn, "再说一句") == 846608


def test_a_stream_ends_six_minutes_after_its_first_frame(link: LongLink, bot: Bot, clock: Clock) -> None:
    turn = link.say("zhang", "讲个故事")
    assert bot.stream(turn, "从前", finish=False) == 0
    clock.later(seconds=361)
    assert bot.stream(turn, "从前有座山") == 846608
    assert words(link, "zhang") == ["从前"]


def test_an_answer_needs_a_req_id_of_the_last_24_hours(link: LongLink, bot: Bot, clock: Clock) -> None:
    turn = link.say("zhang", "你好")
    assert bot.code("aibot_respond_msg", markdown("x"), "no-such-id") == 846605
    clock.later(seconds=24 * 3_600)
    assert bot.code("aibot_respond_msg", markdown("还行"), turn.req_id) == 0
    clock.later(seconds=1)
    assert bot.code("aibot_respond_msg", markdown("晚了"), turn.req_id) == 846605


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"msgtype": "stream", "stream": {"finish": True, "content": "x"}}, 40058),
        ({"msgtype": "stream", "stream": {"id": "S", "finish": True, "content": "字" * 6_827}}, 45002),
        ({"msgtype": "stream", "stream": {"id": "S", "finish": True, "content": "x", "feedback": {"id": "f" * 257}}}, 40058),
        ({"msgtype": "stream", "stream": {"id": "S", "finish": True, "content": "x", "msg_item": [{"msgtype": "image"}]}}, 40058),
        (markdown(""), 44004),
        (markdown("x" * 20_481), 45002),
        ({"msgtype": "template_card", "template_card": {"card_type": "text_notice"}}, 40058),
        ({"msgtype": "poem"}, 40008),
        ({"msgtype": "file", "file": {"media_id": "none"}}, 40007),
    ],
)
def test_an_answer_out_of_order_is_refused_and_shown_to_nobody(link: LongLink, bot: Bot, body: dict[str, Any], code: int) -> None:
    turn = link.say("zhang", "你好")
    assert bot.code("aibot_respond_msg", body, turn.req_id) == code
    assert link.shown("zhang") == []
    assert turn.answers == []


def test_a_card_comes_once_with_a_stream(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "菜单")
    body = {"msgtype": "stream_with_template_card", "stream": {"id": "S", "finish": False, "content": "看"}, "template_card": CARD}
    assert bot.code("aibot_respond_msg", body, turn.req_id) == 0
    assert bot.code("aibot_respond_msg", body, turn.req_id) == 40058
    assert [post.kind for post in link.shown("zhang")] == ["markdown", "card"]


@pytest.mark.parametrize(("waited_s", "code"), [(5, 0), (6, 846605)])
def test_a_welcome_is_in_time_for_five_seconds_and_comes_once(link: LongLink, bot: Bot, clock: Clock, waited_s: int, code: int) -> None:
    turn, hello = link.event("zhang", "enter_chat"), {"msgtype": "text", "text": {"content": "你好"}}
    assert bot.hear()["body"]["event"] == {"eventtype": "enter_chat"}
    clock.later(seconds=waited_s)
    assert bot.code("aibot_respond_welcome_msg", hello, turn.req_id) == code
    assert bot.code("aibot_respond_welcome_msg", hello, turn.req_id) == 846605
    assert len(link.shown("zhang")) == (1 if code == 0 else 0)


@pytest.mark.parametrize(("waited_s", "code"), [(5, 0), (6, 846605)])
def test_a_card_is_updated_within_five_seconds_of_the_click(link: LongLink, bot: Bot, clock: Clock, waited_s: int, code: int) -> None:
    asked = link.say("zhang", "菜单")
    assert bot.code("aibot_respond_msg", {"msgtype": "template_card", "template_card": BUTTONS}, asked.req_id) == 0
    click = link.click("zhang", link.shown("zhang")[0], "ok")
    clock.later(seconds=waited_s)
    changed = {**BUTTONS, "main_title": {"title": "谢谢"}}
    wrong = {"response_type": "update_template_card", "template_card": {**changed, "task_id": "task-2"}}
    assert bot.code("aibot_respond_update_msg", wrong, click.req_id) == (code or 40058)
    assert bot.code("aibot_respond_update_msg", {"response_type": "update_template_card", "template_card": changed}, click.req_id) == code
    card = link.shown("zhang")[0].card
    assert card is not None
    assert card["main_title"]["title"] == ("T" if code else "谢谢")


def test_a_welcome_or_an_update_does_not_answer_a_message(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "你好")
    assert bot.code("aibot_respond_welcome_msg", {"msgtype": "text", "text": {"content": "你好"}}, turn.req_id) == 846605
    assert bot.code("aibot_respond_update_msg", {"response_type": "update_template_card", "template_card": BUTTONS}, turn.req_id) == 846605


# -- by itself


def test_a_push_needs_somebody_who_spoke_there_and_the_id_as_it_is_written(link: LongLink, bot: Bot) -> None:
    assert bot.code("aibot_send_msg", {"chatid": "zhang", **markdown("早")}) == 93006
    link.say("zhang", "你好")
    assert bot.code("aibot_send_msg", {"chatid": "ZHANG", **markdown("早")}) == 93006
    assert bot.code("aibot_send_msg", {"chatid": "zhang", "chat_type": 1, **markdown("早")}) == 0
    assert bot.code("aibot_send_msg", {"chatid": "g1", **markdown("早")}) == 93006
    link.say("li", "你好", chat="g1")
    assert bot.code("aibot_send_msg", {"chatid": "g1", **markdown("大家早")}) == 0
    assert (words(link, "zhang"), words(link, "g1")) == (["早"], ["大家早"])


def test_replies_and_pushes_of_one_chat_share_30_a_minute_and_1000_an_hour(link: LongLink, bot: Bot, clock: Clock) -> None:
    turn = link.say("zhang", "你好")
    assert [bot.stream(turn, f"{n}", stream_id=f"S{n}") for n in range(15)] == [0] * 15
    codes = [bot.code("aibot_send_msg", {"chatid": "zhang", **markdown("x")}) for _ in range(16)]
    assert codes == [0] * 15 + [45009]
    clock.later(seconds=60)
    assert bot.code("aibot_send_msg", {"chatid": "zhang", **markdown("x")}) == 0
    for _ in range(33):
        clock.later(seconds=60)
        for _ in range(30):
            bot.code("aibot_send_msg", {"chatid": "zhang", **markdown("x")})
    clock.later(seconds=60)
    assert bot.code("aibot_send_msg", {"chatid": "zhang", **markdown("x")}) == 45009


def test_the_frames_of_one_stream_count_as_one_message(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "讲个故事")
    assert {bot.stream(turn, f"{n}", finish=False) for n in range(40)} == {0}


# -- media


def upload(bot: Bot, data: bytes, kind: str = "image", first: int = 1, **other: Any) -> dict[str, Any]:
    """The acknowledgement of the first step that fails, or of the last."""
    chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    start = {"type": kind, "filename": "a.bin", "total_size": len(data), "total_chunks": len(chunks), "md5": md5, **other}
    begun = bot.ask("aibot_upload_media_init", start)
    if begun["errcode"]:
        return begun
    for index, chunk in enumerate(chunks, first):
        part = {"upload_id": begun["body"]["upload_id"], "chunk_index": index, "base64_data": base64.b64encode(chunk).decode()}
        if (ack := bot.ask("aibot_upload_media_chunk", part))["errcode"]:
            return ack
    return bot.ask("aibot_upload_media_finish", {"upload_id": begun["body"]["upload_id"]})


@pytest.mark.parametrize("first", [0, 1])
def test_a_picture_in_chunks_can_be_sent_for_three_days(link: LongLink, bot: Bot, clock: Clock, first: int) -> None:
    link.say("zhang", "你好")
    done = upload(bot, PIXEL * 10_000, first=first)["body"]
    assert done["type"] == "image"
    send = {"chatid": "zhang", "msgtype": "image", "image": {"media_id": done["media_id"]}}
    assert bot.code("aibot_send_msg", send) == 0
    assert bot.code("aibot_send_msg", {"chatid": "zhang", "msgtype": "file", "file": {"media_id": done["media_id"]}}) == 40007
    found = link.world.find_media(done["media_id"])
    assert found is not None
    assert found.data == PIXEL * 10_000
    clock.later(seconds=3 * 86_400)
    assert bot.code("aibot_send_msg", send) == 40007


@pytest.mark.parametrize(
    ("size", "other", "code"),
    [
        (4, {}, 40006),
        (2_097_153, {"type": "voice"}, 40006),
        (20, {"type": "song"}, 40004),
        (20, {"total_chunks": 101}, 40058),
        (20, {"total_chunks": 2}, 40058),
        (20, {"total_size": 21}, 40006),
        (20, {"md5": "0" * 32}, 40058),
        (20, {"filename": ""}, 40058),
    ],
)
def test_an_upload_beyond_its_limits_gives_no_media(bot: Bot, size: int, other: dict[str, Any], code: int) -> None:
    assert upload(bot, b"x" * size, **other)["errcode"] == code


def test_a_chunk_has_512_kb_at_most_and_an_upload_30_minutes(bot: Bot, clock: Clock) -> None:
    start = {"type": "file", "filename": "a", "total_size": CHUNK_BYTES + 1, "total_chunks": 2}
    upload_id = bot.ask("aibot_upload_media_init", start)["body"]["upload_id"]
    big = {"upload_id": upload_id, "chunk_index": 1, "base64_data": base64.b64encode(bytes(CHUNK_BYTES + 1)).decode()}
    assert bot.code("aibot_upload_media_chunk", big) == 40006
    assert bot.code("aibot_upload_media_chunk", {"upload_id": upload_id, "chunk_index": 3, "base64_data": "eA=="}) == 40058
    assert bot.code("aibot_upload_media_chunk", {"upload_id": upload_id, "chunk_index": 1, "base64_data": "!"}) == 40058
    clock.later(seconds=1_801)
    assert bot.code("aibot_upload_media_finish", {"upload_id": upload_id}) == 40058


# -- trouble on demand


def test_a_lost_acknowledgement_is_an_answer_that_was_shown(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "你好")
    link.faults.add("aibot_respond_msg", drop="ack")
    bot.tell("aibot_respond_msg", markdown("在"), turn.req_id)
    assert bot.code("ping") == 0
    assert words(link, "zhang") == ["在"]


@pytest.mark.parametrize(("drop", "shown"), [("before", []), ("after", ["在"])])
def test_a_connection_is_cut_before_or_behind_a_frame(link: LongLink, bot: Bot, drop: str, shown: list[str]) -> None:
    turn = link.say("zhang", "你好")
    bot.hear()
    link.faults.add("aibot_respond_msg", drop=drop)
    bot.tell("aibot_respond_msg", markdown("在"), turn.req_id)
    with pytest.raises(ConnectionClosed):
        bot.hear()
    assert link.wait_until(lambda: link.live_connections("BOT1") == 0)
    assert words(link, "zhang") == shown


def test_a_slow_acknowledgement_does_not_hold_up_the_next(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "你好")
    bot.hear()
    link.faults.add("aibot_respond_msg", delay_s=0.2)
    bot.tell("aibot_respond_msg", markdown("慢"), turn.req_id)
    bot.tell("ping")
    assert [bot.hear()["headers"]["req_id"].split("_")[0] for _ in range(2)] == ["ping", turn.req_id.split("_", maxsplit=1)[0]]


def test_an_ordered_refusal_has_no_effect(link: LongLink, bot: Bot) -> None:
    turn = link.say("zhang", "你好")
    link.faults.add("aibot_respond_msg", errcode=-1)
    assert bot.code("aibot_respond_msg", markdown("在"), turn.req_id) == -1
    assert words(link, "zhang") == []


def test_the_network_is_torn(link: LongLink, bot: Bot) -> None:
    link.cut("BOT1")
    with pytest.raises(ConnectionClosed):
        bot.hear()
    link.cut("BOT1")


# -- within the whole simulator


def test_what_members_do_in_the_simulator_goes_over_the_long_connection() -> None:
    raw = {"corp_id": "ww1", "channels": [{"name": "live", "kind": "aibot_ws", "bot_id": "BOT1", "secret": SECRET}], "timeout_s": 0.1}
    with serve(PretendWeCom(parse_config(raw))) as server:
        assert server.pretend.link is not None
        assert server.pretend.say("zhang", "有人吗").status == 0
        bot = Bot(server.pretend.link)
        assert bot.subscribe() == 0
        result = server.pretend.say("zhang", "你好")
        assert (result.status, result.problem) == (200, "no complete answer yet")
        assert "response_url" not in bot.hear()["body"]
        assert server.pretend.repeat(result.msgid).msgid == result.msgid
        assert bot.hear()["body"]["msgid"] == result.msgid
        server.pretend.send_image("zhang")
        assert len(base64.b64decode(bot.hear()["body"]["image"]["aeskey"])) == 32
        with urlopen(f"{server.url}/_/link?after=1") as answer:
            seen = json.load(answer)
        assert seen["bots"] == ["BOT1"]
        assert seen["frames"][0]["n"] == 2
        assert SECRET not in json.dumps(seen)
        urlopen(Request(f"{server.url}/_/link", b'{"bot_id": "BOT1"}', {"Content-Type": "application/json"})).close()
        with pytest.raises(ConnectionClosed):
            bot.hear()


def test_a_channel_without_its_secrets_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="needs bot_id and secret"):
        parse_config({"corp_id": "ww1", "channels": [{"name": "live", "kind": "aibot_ws"}]})


def test_a_client_that_says_goodbye_and_keeps_its_socket_holds_nobody_up(clock: Clock) -> None:
    with LongLink(World(CONFIG, clock.unix), clock.unix) as link, socket.create_connection(("127.0.0.1", link.port)) as client:
        key = base64.b64encode(bytes(16)).decode()
        client.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n".encode())
        client.sendall(b"Sec-WebSocket-Version: 13\r\n\r\n")
        assert b"101" in client.recv(1_000)
        client.sendall(b"\x88\x80\x00\x00\x00\x00")
        assert client.recv(10)
        started = time.monotonic()
        link.close()
        assert time.monotonic() - started < 2 * SLOWER
