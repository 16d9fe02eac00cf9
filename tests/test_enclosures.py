"""Pictures and files of answers on their way out: uploaded by the sender, shown in WeCom – or given up with a reason."""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chat import Chat, a_config, build

from bot.client import WeComClient, Wire
from bot.config import Config
from bot.drawing import Artist, drawn
from bot.enclosures import enclose, fit
from bot.files import PLACE, Files
from bot.longholder import Pace, holders
from bot.longway import LongWay
from bot.media import Media
from bot.message import Message, Reply
from bot.sender import Sender
from bot.uploads import Uploads
from bot.ways import Lookups, Ways
from rules.contents import FAQ, dump
from rules.entries import Entry
from rules.text import Words
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.longlink import LongLink as PretendLink
from simulator.pretend import PretendWeCom
from simulator.server import serve
from simulator.world import Post, World, single_chat
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.limits import Limits
from storage.media import MediaStore
from storage.outbox import Bell, Delivery, Outbox
from storage.tokens import TokenStore
from tests.timing import Clock, await_until

pytest_plugins = ("chat",)

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
MAIN, HOOK, SECRET = "wrMAIN", "KEY-MAIN", "TOPSECRET"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
BOARD = drawn(
    "board", {"title": "周榜", "period": "本周", "community": "主群", "top": [{"rank": 1, "name": "李雷", "points": 5}]}, about=(1, 2)
)
PEOPLE = (Person("lilei", "李雷"), Person("boss", "老板", admin=True))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A folder with a picture, a file, and what only calls itself a picture."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "地图.png").write_bytes(PNG)
    (folder / "报名表.pdf").write_bytes(b"%PDF-1.4 \n")
    (folder / "page.png").write_bytes(b"<html>nothing to see</html>")
    return Files(folder)


# By app and webhook ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stage:
    """A sender between a real Redis and the pretend WeCom over HTTP."""

    sender: Sender
    outbox: Outbox
    clock: Clock
    server: Any
    dead: list[str] = field(default_factory=list)

    def delivers(self, via: str, kind: str, name: str, id: str = "d1") -> None:
        """Queues and sends a file through a way, as the pipeline would."""
        body = {"msgtype": kind, kind: {PLACE: name}}
        place: dict[str, Any] = {"chat": MAIN} if via == "webhook" else {"channel": "desk", "member": 1}
        now_ms = round(self.clock.unix() * 1000)
        self.outbox.enqueue(7, [Delivery(id, "now", f"t.{via}", via, "main", body, born_ms=now_ms, **place)], now_ms)
        self.sender.drain_once()

    def shown(self, chat: str) -> list[Post]:
        """What stands in a chat."""
        return list(self.server.pretend.world.posts(chat))

    def calls(self, path: str) -> int:
        """How often a page was asked for."""
        return sum(path in row.target for row in self.server.pretend.wire.rows(0))


@pytest.fixture
def stage(database: Database, files: Files) -> Iterator[Stage]:
    """The pretend WeCom with an app and a group that has a robot."""
    channels = (Channel("desk", "app", "token", AES_KEY, agent_id=1000002, secret=SECRET),)
    config = SimulatorConfig(corp_id="ww1", channels=channels, people=PEOPLE, groups=(Group(MAIN, "主群", ("lilei",), webhook_key=HOOK),))
    clock = Clock(NOON)
    with_server = serve(PretendWeCom(config, now=clock.unix))
    wire = Wire(with_server.url)
    client = WeComClient("ww1", SECRET, wire=wire, tokens=TokenStore(database), now=clock)
    lookups = Lookups(lambda *_: HOOK, lambda number: "lilei" if number == 1 else None, lambda channel: (client, 1000002))
    uploads, outbox, dead = Uploads(files, Media(MediaStore(database), clock)), Outbox(database, 16), list[str]()
    sender = Sender(
        outbox, Limits(database), Ways(wire, lookups, uploads).table(), now=clock, shards=range(16),
        on_dead=lambda delivery, reason: dead.append(reason),
    )  # fmt: skip
    yield Stage(sender, outbox, clock, with_server, dead)
    wire.close()
    with_server.close()


def test_a_picture_is_sent_with_a_webhooks_message_itself(stage: Stage) -> None:
    stage.delivers("webhook", "image", "地图.png")
    (post,) = stage.shown(MAIN)
    assert (post.kind, base64.b64decode(str(post.image).split(",")[1])) == ("image", PNG)
    assert stage.calls("upload_media") == 0


def test_a_file_is_uploaded_once_and_named_twice(stage: Stage) -> None:
    stage.delivers("webhook", "file", "报名表.pdf", id="d1")
    stage.delivers("webhook", "file", "报名表.pdf", id="d2")
    assert [(post.kind, post.text) for post in stage.shown(MAIN)] == [("file", "报名表.pdf")] * 2
    assert stage.calls("upload_media") == 1


def test_a_picture_for_a_member_is_uploaded_by_the_app_and_again_when_it_expired(stage: Stage) -> None:
    stage.delivers("app", "image", "地图.png", id="d1")
    stage.clock.later(days=4)
    stage.delivers("app", "image", "地图.png", id="d2")
    assert [post.kind for post in stage.shown(single_chat("desk", "lilei"))] == ["image", "image"]
    assert stage.calls("media/upload") == 2


@pytest.mark.parametrize(
    ("via", "name", "reason"),
    [("webhook", "无.png", "没有“无.png”这个文件"), ("webhook", "page.png", "不是 JPG 或 PNG"), ("app", "page.png", "只能是 JPG 或 PNG")],
)
def test_what_cannot_be_sent_is_given_up_with_the_reason(stage: Stage, via: str, name: str, reason: str) -> None:
    stage.delivers(via, "image", name)
    assert reason in stage.dead[0]
    assert stage.shown(MAIN) == []


@pytest.mark.parametrize(("via", "chat"), [("webhook", MAIN), ("app", single_chat("desk", "lilei"))])
def test_a_drawn_picture_is_drawn_by_whoever_sends_it(stage: Stage, via: str, chat: str) -> None:
    stage.delivers(via, "image", BOARD)
    (post,) = stage.shown(chat)
    assert post.kind == "image"
    if via == "webhook":
        assert base64.b64decode(str(post.image).split(",")[1]) == Artist().draw(BOARD)
    assert stage.dead == []


def test_a_picture_that_cannot_be_drawn_is_given_up_without_naming_its_facts(stage: Stage) -> None:
    stage.delivers("webhook", "image", "drawn:board:e30")
    assert "排行榜的内容不对" in stage.dead[0]
    assert "e30" not in stage.dead[0]


# Over a long connection -------------------------------------------------------------------------------------------------------


class WallClock(Clock):
    """The real time: a long connection's seconds are real."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def link() -> Iterator[PretendLink]:
    """WeCom's side of a long connection."""
    channels = (Channel("live", "aibot_ws", bot_id="BOTID", secret=SECRET),)
    config = SimulatorConfig(corp_id="wwCORP", channels=channels, people=PEOPLE, groups=(Group(MAIN, "主群", ("lilei",)),))
    with PretendLink(World(config, time.time), time.time) as made:
        yield made


@pytest.fixture
def bot(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Any, files: Files, link: PretendLink
) -> Iterator[Chat]:
    """A bot whose only way in and out is that connection."""
    (tmp_path / "faq.yaml").write_text(
        dump(FAQ, (Entry("map", "会场地图在哪里看", "见下图。", image="地图.png", file="报名表.pdf"),)), encoding="utf-8"
    )
    tree = {
        "wecom": {"ws_url": link.url},
        "mood": {"enabled": False},
        "content": str(tmp_path),
        "channels": [{"name": "live", "kind": "aibot_ws", "bot_id": "BOTID", "secret": SECRET}],
        "communities": [{"id": "main", "name": "主群", "groups": [MAIN]}],
    }
    chat = build(itertools.count(1), a_config(tmp_path, redis_server.url, tree), dictionary, metrics, clock=WallClock())
    stop, clock = threading.Event(), WallClock()
    pace = Pace(lease_life=0.6, look=0.1, back_off=0.1, longest_back_off=0.2, kicked=30.0, refused=30.0)
    (holder,) = holders(chat.config, chat.stores, chat.pipeline.receive, chat.metrics, clock, pace)
    uploads = Uploads(files, Media(MediaStore(database), clock))
    way = LongWay(chat.stores.calls, chat.stores.directory.find_user, lambda *_: None, clock, uploads).way()
    sender = Sender(
        chat.stores.outbox, Limits(database), {"aibot_ws": way}, now=clock, shards=range(chat.stores.shards), on_dead=lambda *_: None
    )
    loops: tuple[Callable[[threading.Event], None], ...] = (holder.run, lambda stop: sender.run(stop, Bell(database)))
    threads = [threading.Thread(target=loop, args=(stop,), daemon=True) for loop in loops]
    for thread in threads:
        thread.start()
    yield chat
    stop.set()
    for thread in threads:
        thread.join(10)
    chat.stores.database.close()


def test_a_picture_and_a_file_follow_their_answer_over_a_long_connection(bot: Chat, link: PretendLink) -> None:
    await_until(lambda: link.live_connections("BOTID") == 1)
    link.say("lilei", "会场地图在哪里看", MAIN)
    posts = await_until(lambda: len(found := link.shown(MAIN)) >= 3 and found)
    assert sorted(post.kind for post in posts) == ["file", "image", "markdown"]
    cmds = [frame.cmd for frame in link.frames if frame.sent_by == "bot"]
    assert cmds.count("aibot_upload_media_finish") == 2
    assert cmds.count("aibot_send_msg") == 2


def test_a_drawn_picture_follows_its_answer_over_a_long_connection(bot: Chat, link: PretendLink) -> None:
    await_until(lambda: link.live_connections("BOTID") == 1)
    link.say("lilei", "海报", MAIN)
    posts = await_until(lambda: len(found := link.shown(MAIN)) >= 2 and found)
    assert "image" in {post.kind for post in posts}


# Which way ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def every_channel(tmp_path: Path) -> Config:
    """A configuration with every kind of channel, and a webhook for the main group only."""
    keys = {"token": "t", "aes_key": AES_KEY}
    tree = {
        "wecom": {"corp_id": "ww1"},
        "channels": [
            {"name": "assistant", "kind": "aibot", **keys},
            {"name": "desk", "kind": "app", **keys, "agent_id": 1000002, "secret": "s"},
            {"name": "robot", "kind": "robot", **keys},
            {"name": "live", "kind": "aibot_ws", "bot_id": "B", "secret": "s"},
        ],
        "communities": [{"id": "main", "name": "主群", "groups": [MAIN, "wrSUB"], "webhook": HOOK}],
    }
    return a_config(tmp_path, "redis://127.0.0.1:1", tree)


@pytest.mark.parametrize(
    ("channel", "chat", "kind", "in_time", "via"),
    [
        ("assistant", MAIN, "image", True, "in the answer"),
        ("assistant", "", "image", True, "in the answer"),
        ("assistant", MAIN, "image", False, "webhook"),
        ("assistant", MAIN, "file", True, "webhook"),
        ("assistant", "wrSUB", "file", True, "aibot_ws"),
        ("assistant", "", "file", True, "app"),
        ("desk", "", "image", True, "app"),
        ("robot", MAIN, "image", True, "robot_webhook"),
        ("live", "", "image", True, "aibot_ws"),
        ("live", MAIN, "file", True, "aibot_ws"),
    ],
)
def test_each_way_in_has_its_way_out(every_channel: Config, channel: str, chat: str, kind: str, in_time: bool, via: str) -> None:
    message = Message("m", channel, "text", "lilei", chat=chat, reply_url="https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K")
    reply = Reply("见下图", image="地图.png") if kind == "image" else Reply("见下图", file="地图.png")
    (said,), beside = enclose(every_channel, message, [reply], "main", 1, in_time=in_time, now_ms=1)
    assert said.text == "见下图"
    if via == "in the answer":
        assert (said.image, beside) == ("地图.png", [])
        return
    (delivery,) = beside
    assert (delivery.via, said.image, said.file) == (via, "", "")


def test_a_drawn_picture_without_a_way_is_called_by_its_title(tmp_path: Path) -> None:
    robot = {"name": "robot", "kind": "robot", "token": "t", "aes_key": AES_KEY}
    config = a_config(tmp_path, "redis://127.0.0.1:1", {"wecom": {"corp_id": "ww1"}, "channels": [robot]})
    asked = Message("m", "robot", "text", "lilei", chat="wrSTRANGER")
    (said,), beside = enclose(config, asked, [Reply("榜单如下", image=BOARD)], "x", 1, in_time=True, now_ms=1)
    assert (said.text, beside) == ("榜单如下\n\n（图片“排行榜.png”在这里发不了，请联系管理员）", [])


def test_a_picture_on_its_way_goes_unsent_when_somebody_on_it_is_forgotten(every_channel: Config) -> None:
    _, (delivery,) = enclose(
        every_channel, Message("m", "desk", "text", "lilei"), [Reply("", image=BOARD)], "main", 1, in_time=True, now_ms=1
    )
    assert delivery.about == (1, 2)


def test_what_is_for_another_member_encloses_nothing(every_channel: Config) -> None:
    reply = Reply("给你", to=2, image="地图.png")
    assert enclose(every_channel, Message("m", "desk", "text", "lilei"), [reply], "main", 1, in_time=True, now_ms=1) == ([reply], [])


@pytest.mark.parametrize(("channel", "via"), [("desk", "app"), ("robot", "robot_webhook")])
def test_the_rest_of_a_long_text_follows_by_the_way_back(every_channel: Config, channel: str, via: str) -> None:
    text = "第一段。\n\n" + "字" * 1_500
    back = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K" if channel == "robot" else ""
    message = Message("m", channel, "text", "lilei", reply_url=back)
    (first,), (rest,) = fit(every_channel, message, [Reply(text)], "main", 1, now_ms=1)
    assert len(first.text.encode()) <= 2_048
    assert rest.via == via
    assert fit(every_channel, message, [Reply("短")], "main", 1, now_ms=1) == ([Reply("短")], [])
