"""The long connection's client, against WeCom's side of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from websockets.sync.server import ServerConnection, serve

from bot.client import NoAnswer
from bot.errors import ApiError
from bot.longlink import CHUNK_BYTES, Callback, Ending, LongLink
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.longlink import LongLink as PretendLink
from simulator.world import World
from tests.timing import PATIENCE_S

BOT, SECRET, GROUP = "BOTID", "the-secret-of-the-bot", "wrMAIN"


class Peer:
    """A subscribed client, what it heard, and why it ended."""

    def __init__(self, url: str, *, secret: str = SECRET, **pace: float) -> None:
        self.heard: list[Callback] = []
        self.ending: Ending | None = None
        self._changed = threading.Condition()
        self.link = LongLink.open(url, BOT, secret, self._hear, **pace)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def wait_until(self, holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
        with self._changed:
            return self._changed.wait_for(holds, timeout_s)

    def hears_one(self) -> tuple[Callback, dict[str, Any]]:
        assert self.wait_until(lambda: bool(self.heard))
        return self.heard[0], msgspec.json.decode(self.heard[0].payload)

    def ends(self) -> Ending:
        assert self.wait_until(lambda: self.ending is not None)
        assert self.ending
        return self.ending

    def _hear(self, callback: Callback) -> None:
        with self._changed:
            self.heard.append(callback)
            self._changed.notify_all()

    def _read(self) -> None:
        ending = self.link.run()
        with self._changed:
            self.ending = ending
            self._changed.notify_all()


@pytest.fixture
def wecom() -> Iterator[PretendLink]:
    """WeCom's side, with one group and one member."""
    config = SimulatorConfig(
        corp_id="wwCORP",
        channels=(Channel("live", "aibot_ws", bot_id=BOT, secret=SECRET),),
        people=(Person("lilei", "李雷"),),
        groups=(Group(GROUP, "主群", ("lilei",)),),
    )
    with PretendLink(World(config, time.time), time.time) as link:
        yield link


@contextmanager
def connected(url: str, **more: Any) -> Iterator[Peer]:
    peer = Peer(url, **more)
    try:
        yield peer
    finally:
        peer.link.close()
        peer.thread.join(5)


def stream(text: str, *, is_done: bool = True) -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": "S1", "finish": is_done, "content": text}}


def test_a_message_comes_in_and_its_answer_is_shown_part_by_part(wecom: PretendLink) -> None:
    with connected(wecom.url) as peer:
        wecom.say("lilei", "签到", GROUP)
        callback, body = peer.hears_one()

        peer.link.ask("aibot_respond_msg", stream("算", is_done=False), req_id=callback.req_id)
        peer.link.ask("aibot_respond_msg", stream("算好了"), req_id=callback.req_id)

    assert not callback.is_event
    assert body["text"]["content"].endswith("签到")
    assert [(post.text, post.state) for post in wecom.shown(GROUP)] == [("算好了", "")]


def test_an_event_is_told_from_a_message(wecom: PretendLink) -> None:
    with connected(wecom.url) as peer:
        wecom.event("lilei", "enter_chat")
        callback, body = peer.hears_one()
        peer.link.ask("aibot_respond_welcome_msg", {"msgtype": "text", "text": {"content": "欢迎"}}, req_id=callback.req_id)
    assert callback.is_event
    assert body["event"]["eventtype"] == "enter_chat"
    assert [post.text for post in wecom.shown("lilei")] == ["欢迎"]


def test_a_wrong_secret_is_refused_with_wecoms_code_and_stays_untold(wecom: PretendLink) -> None:
    with pytest.raises(ApiError) as caught:
        Peer(wecom.url, secret="wrong-secret")
    assert caught.value.code == 40001
    assert "wrong-secret" not in str(caught.value)


def test_where_nobody_listens_there_is_no_answer() -> None:
    with pytest.raises(NoAnswer) as caught:
        Peer("ws://127.0.0.1:9")
    assert not caught.value.may_have_arrived


def test_a_refusal_bears_wecoms_code(wecom: PretendLink) -> None:
    with connected(wecom.url) as peer, pytest.raises(ApiError) as caught:
        peer.link.ask("aibot_send_msg", {"chatid": "wrNOBODY", "msgtype": "markdown", "markdown": {"content": "你好"}})
    assert caught.value.code == 93006


def test_a_second_subscription_ends_the_first_which_learns_why(wecom: PretendLink) -> None:
    with connected(wecom.url) as first, connected(wecom.url) as second:
        assert first.ends().is_kicked
        wecom.say("lilei", "在吗", GROUP)
        second.hears_one()
    assert not first.heard
    assert not second.ends().is_kicked


def test_a_cut_connection_tells_those_who_wait_that_nobody_knows(wecom: PretendLink) -> None:
    wecom.faults.add("aibot_send_msg", drop="before")
    with connected(wecom.url) as peer:
        with pytest.raises(NoAnswer) as caught:
            peer.link.ask("aibot_send_msg", {"chatid": GROUP, "msgtype": "markdown", "markdown": {"content": "你好"}})
        assert caught.value.may_have_arrived
        assert not peer.ends().is_kicked
        with pytest.raises(NoAnswer) as after:
            peer.link.ask("aibot_send_msg", {})
        assert not after.value.may_have_arrived


def test_an_acknowledgement_that_stays_away_is_not_waited_for_long(wecom: PretendLink) -> None:
    wecom.faults.add("aibot_respond_msg", drop="ack")
    with connected(wecom.url, ack_s=0.2) as peer:
        wecom.say("lilei", "签到", GROUP)
        callback, _ = peer.hears_one()
        with pytest.raises(NoAnswer) as caught:
            peer.link.ask("aibot_respond_msg", stream("好"), req_id=callback.req_id)
        assert caught.value.may_have_arrived
        with pytest.raises(ApiError) as repeated:
            peer.link.ask("aibot_respond_msg", stream("好"), req_id=callback.req_id)
    assert repeated.value.code == 846608, "the repeat got its own acknowledgement"


def test_a_late_acknowledgement_of_a_part_does_not_settle_the_last_frame() -> None:
    """The part's comes while the last frame is waited for, and says nothing of it."""

    def answer(socket: ServerConnection) -> None:
        parts = 0
        for data in socket:
            frame = msgspec.json.decode(data)
            req_id, cmd = frame["headers"]["req_id"], frame["cmd"]
            if cmd == "aibot_subscribe":
                socket.send(msgspec.json.encode({"headers": {"req_id": req_id}, "errcode": 0}).decode())
                continue
            parts += 1
            for code in [] if parts == 1 else [0, 846608]:  # the first part is acknowledged late, together with the last frame
                socket.send(msgspec.json.encode({"headers": {"req_id": req_id}, "errcode": code, "errmsg": ""}).decode())

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with connected(f"ws://127.0.0.1:{server.socket.getsockname()[1]}", ack_s=0.3) as peer:
            with pytest.raises(NoAnswer):
                peer.link.ask("aibot_respond_msg", stream("算", is_done=False), req_id="R1")
            with pytest.raises(ApiError) as refused:
                peer.link.ask("aibot_respond_msg", stream("算好了"), req_id="R1")
        server.shutdown()
        thread.join(5)
    assert refused.value.code == 846608


def test_many_ask_at_once_and_each_gets_its_own_answer(wecom: PretendLink) -> None:
    with connected(wecom.url) as peer:
        turns = [wecom.say("lilei", f"第 {number} 句", GROUP) for number in range(20)]
        assert peer.wait_until(lambda: len(peer.heard) == 20)
        failed: list[Exception] = []

        def answer(callback: Callback) -> None:
            try:
                peer.link.ask("aibot_respond_msg", stream(callback.req_id), req_id=callback.req_id)
            except ApiError as error:
                failed.append(error)

        threads = [threading.Thread(target=answer, args=(callback,)) for callback in peer.heard]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
    assert not failed
    assert all(turn.answers[0]["stream"]["content"] == turn.req_id for turn in turns)


@pytest.mark.parametrize("size", [5, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_a_file_goes_up_in_parts_and_can_be_shown(wecom: PretendLink, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    with connected(wecom.url) as peer:
        wecom.say("lilei", "发我", GROUP)
        peer.hears_one()
        media_id = peer.link.upload("file", "报表.csv", content)
        peer.link.ask("aibot_send_msg", {"chatid": GROUP, "msgtype": "file", "file": {"media_id": media_id}})
    found = wecom.world.find_media(media_id)
    assert found
    assert found.data == content
    assert [post.text for post in wecom.shown(GROUP)] == ["报表.csv"]
    chunks = [frame.frame["body"]["chunk_index"] for frame in wecom.frames if frame.cmd == "aibot_upload_media_chunk"]
    assert chunks == list(range(1, (size + CHUNK_BYTES - 1) // CHUNK_BYTES + 1))


def test_what_is_too_large_is_not_sent(wecom: PretendLink) -> None:
    with connected(wecom.url) as peer:
        for kind, content in (("voice", b"x" * (2 * 1_048_576 + 1)), ("file", b"")):
            with pytest.raises(ApiError):
                peer.link.upload(kind, "f", content)
    assert not [frame for frame in wecom.frames if frame.cmd.startswith("aibot_upload")]


def test_the_heartbeat_goes_on_and_two_missed_answers_end_the_connection(wecom: PretendLink) -> None:
    with connected(wecom.url, ping_s=0.1) as peer:
        assert wecom.wait_until(lambda: sum(frame.cmd == "ping" for frame in wecom.frames) >= 4)
        assert peer.ending is None
        assert not peer.link.is_silent
        for _ in range(3):
            wecom.faults.add("ping", drop="ack")
        assert "pings" in peer.ends().reason


def test_frames_that_are_none_are_passed_over() -> None:
    said = ["", "[]", "{", '{"cmd":"aibot_msg_callback"}', '{"cmd":"new"}', '{"cmd":"aibot_msg_callback","headers":7,"body":{"msgid":"m"}}']

    def talk(connection: ServerConnection) -> None:
        asked = msgspec.json.decode(connection.recv())
        for line in said:
            connection.send(line)
        connection.send(msgspec.json.encode({"headers": asked["headers"], "errcode": 0}).decode())
        connection.send(b"\xff\xfe")
        for _ in connection:
            pass

    with serve(talk, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with connected(f"ws://127.0.0.1:{server.socket.getsockname()[1]}") as peer:
            assert peer.wait_until(lambda: bool(peer.heard))
        server.shutdown()
    assert [callback.payload for callback in peer.heard] == ['{"msgid":"m"}']


def test_no_secret_and_no_word_is_logged_even_when_everything_is(wecom: PretendLink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with connected(wecom.url) as peer:
        wecom.say("lilei", "不要记下来", GROUP)
        peer.hears_one()
        peer.link.ask("aibot_respond_msg", stream("也不要"), req_id=peer.heard[0].req_id)
    assert SECRET not in caplog.text
    assert "不要" not in caplog.text


def test_no_secret_is_shown_by_a_callback_or_a_failure(wecom: PretendLink) -> None:
    with connected(wecom.url) as peer:
        wecom.say("lilei", "秘密", GROUP)
        callback, _ = peer.hears_one()
    assert callback.req_id not in repr(callback)
    assert "秘密" not in repr(callback)
    assert SECRET not in str([frame.frame for frame in wecom.frames])
