"""The app's own interface: every type of message within its limits, who was not reached, recall, groups, menu, and a colleague's new id."""

from __future__ import annotations

import logging
import random
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chat import Chat
from hypothesis import given
from hypothesis import strategies as st

from bot import bodies, deliveries
from bot.app_api import EVERYBODY, AppApi, MenuEntry, MenuError, Receivers, menu_body, parse_menu, read_result
from bot.appchat import REASONS, AppChatError, AppChats
from bot.bodies import Article, BodyError
from bot.channels import KINDS
from bot.client import NoAnswer, WeComClient, Wire
from bot.errors import ApiError, UserError
from bot.recall import recall
from bot.sender import Sender
from bot.ways import Lookups, Ways
from simulator.config import Channel, Person, SimulatorConfig
from simulator.pretend import PIXEL, PretendWeCom
from simulator.server import serve
from simulator.world import single_chat
from storage.app_chats import AppChatStore
from storage.connection import Database
from storage.directory import Directory
from storage.events import Events
from storage.limits import Limits
from storage.moment import to_ms
from storage.outbox import Delivery, Outbox
from storage.tokens import TokenStore

pytest_plugins = ("chat",)

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
SECRET, OTHER_SECRET = "TOPSECRET-desk", "TOPSECRET-other"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
CONFIG = SimulatorConfig(
    corp_id="ww1",
    channels=(
        Channel("desk", "app", "token", AES_KEY, agent_id=1000002, secret=SECRET),
        Channel("other", "app", "token-2", AES_KEY, agent_id=1000003, secret=OTHER_SECRET),
    ),
    people=(Person("lilei", "李雷"), Person("hanmei", "韩梅梅"), Person("boss", "老板"), Person("guest", "客人", external=True)),
)
USERS = {1: "lilei", 2: "hanmei", 3: "boss", 9: "left_long_ago"}
SEND = "/cgi-bin/message/send"
CARD = {
    "card_type": "button_interaction",
    "main_title": {"title": "处理"},
    "button_list": [{"text": "同意", "style": 1, "key": "yes"}],
    "task_id": "task-1",
}
EVERY_BODY: list[dict[str, Any]] = [
    *bodies.texts("你好"),
    *bodies.markdowns("**你好**"),
    bodies.text_card("标题", '<div class="gray">说明</div>', "https://example.com/a"),
    bodies.news([Article("一", "https://example.com/1", "说明", "https://example.com/1.png"), Article("二", "https://example.com/2")]),
    bodies.raw("mpnews", {"articles": [{"title": "T", "thumb_media_id": "M", "content": "C"}]}),
]  # fmt: skip


class Stage:
    """A clock, the pretend WeCom over HTTP, and everything of the bot that speaks to it."""

    def __init__(self, database: Database) -> None:
        self.time, self.dead = NOON, list[tuple[str, str]]()
        self.server = serve(PretendWeCom(CONFIG, now=lambda: to_ms(self.time) / 1000))
        self.world = self.server.pretend.world
        self.wire, tokens = Wire(self.server.url), TokenStore(database)
        self.client = WeComClient("ww1", SECRET, wire=self.wire, tokens=tokens, now=self.now)
        self.api = AppApi(self.client, 1000002)
        self.other = WeComClient("ww1", OTHER_SECRET, wire=self.wire, tokens=tokens, now=self.now)
        self.chats = AppChats(self.client, "desk", AppChatStore(database))
        self.outbox, self.events, self.limits = Outbox(database, 16), Events(database, 16), Limits(database)
        lookups = Lookups(lambda *_: None, USERS.get, lambda channel: (self.client, 1000002) if channel == "desk" else None)
        self.sender = Sender(
            self.outbox, self.limits, Ways(self.wire, lookups).table(), now=self.now, shards=range(16),
            on_dead=lambda delivery, reason: self.dead.append((delivery.id, reason)), rng=random.Random(1),
        )  # fmt: skip

    def now(self) -> datetime:
        return self.time

    def later(self, **by: float) -> None:
        self.time += timedelta(**by)

    def deliver(self, *queued: Delivery) -> None:
        self.outbox.enqueue(7, queued, to_ms(self.time))
        self.sender.drain_once()

    def shown(self, user: str) -> list[str]:
        return [post.text for post in self.world.posts(single_chat("desk", user)) if not post.recalled]

    def sent(self) -> list[dict[str, Any]]:
        return [dict(entry.data) for entry in self.events.read() if entry.kind == "outbound"]

    def close(self) -> None:
        self.wire.close()
        self.server.close()


@pytest.fixture
def stage(database: Database) -> Iterator[Stage]:
    stage = Stage(database)
    yield stage
    stage.close()


def to_many(*members: int, id: str = "news", text: str = "公告") -> list[Delivery]:
    return deliveries.to_members("desk", members, bodies.texts(text)[0], id=id, community="main", now_ms=to_ms(NOON))


# Bodies -----------------------------------------------------------------------------------------------------------------


def too_long(body: dict[str, Any]) -> bool:
    """An independent reading of the limits on the page of message/send."""
    part = body[body["msgtype"]]
    limits = {"content": 2_048, "title": 128, "description": 512, "url": 2_048, "picurl": 2_048}
    parts = part.get("articles", [part])
    return any(len(str(one.get(name, "")).encode()) > limit for one in parts for name, limit in limits.items()) or len(parts) > 8


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3_000))
def test_a_text_of_any_length_becomes_bodies_within_the_limit_and_loses_nothing_but_blanks(text: str) -> None:
    try:
        made = bodies.texts(text)
    except BodyError:
        made = []
    assert not any(too_long(body) for body in made)
    assert all(body["text"]["content"].strip() for body in made)
    if "```" not in text and "~~~" not in text:
        kept = "".join(body["text"]["content"] for body in made)
        assert kept.split() == bodies.clean(text).split() or "".join(kept.split()) == "".join(bodies.clean(text).split())


@given(st.text(max_size=800), st.text(max_size=800))
def test_titles_and_descriptions_are_cut_to_their_bytes_or_refused_when_empty(title: str, description: str) -> None:
    for make in (
        lambda: bodies.text_card(title, description, "https://example.com/"),
        lambda: bodies.news([Article(title, "https://example.com/", description)] * 8),
        lambda: bodies.video("M", title=title, description=description),
    ):
        try:
            assert not too_long(make())
        except BodyError as error:
            assert "是空的" in str(error)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: bodies.texts(" \n"), "content 是空的"),
        (lambda: bodies.text_card("标题", "说明", "javascript:alert(1)"), "https://"),
        (lambda: bodies.text_card("标题", "说明", "https://example.com/" + "a" * 2_048), "2048 字节"),
        (lambda: bodies.text_card("标题", "说明", "https://example.com/a b"), "空格"),
        (lambda: bodies.text_card("标题", "说明", "https://[::1"), "https://"),
        (lambda: bodies.text_card("标题", "说明", "https://example.com/", button="点这里看看"), "1 到 4 个字"),
        (lambda: bodies.news([]), "1 到 8 条"),
        (lambda: bodies.news([Article("一", "https://example.com/")] * 9), "1 到 8 条"),
        (lambda: bodies.image(""), "media_id 是空的"),
        (lambda: bodies.raw("a b", {}), "消息类型"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_limit(make: Any, why: str) -> None:
    with pytest.raises(BodyError, match=why):
        make()


@pytest.mark.parametrize("body", EVERY_BODY, ids=lambda body: body["msgtype"])
def test_every_type_reaches_a_member_and_a_group(stage: Stage, body: dict[str, Any]) -> None:
    chat = stage.chats.create("小组", ["lilei", "hanmei"], once="1")
    assert stage.api.send(Receivers(("lilei",)), body).is_whole
    stage.chats.send(chat, body)
    assert len(stage.world.posts(single_chat("desk", "lilei"))) == len(stage.world.posts(chat)) == 1


@pytest.mark.parametrize("kind", ["image", "voice", "video", "file"])
def test_every_uploaded_type_reaches_a_member_and_a_group(stage: Stage, kind: str) -> None:
    data = {"image": PIXEL, "voice": b"#!AMR\n" + bytes(10), "video": b"\x00\x00\x00\x18ftypmp42"}.get(kind, b"%PDF-1.7")
    media_id = stage.client.upload(kind, ("a.bin", data, "application/octet-stream"))["media_id"]
    body = getattr(bodies, kind)(media_id)
    chat = stage.chats.create("小组", ["lilei", "hanmei"], once="1")
    assert stage.api.send(Receivers(("lilei",)), body).is_whole
    stage.chats.send(chat, body)
    (post,) = stage.world.posts(single_chat("desk", "lilei"))
    assert (post.text or post.image) == (f"media/{media_id}" if kind == "image" else "a.bin")


def test_a_card_gives_a_code_that_no_repr_shows(stage: Stage) -> None:
    result = stage.api.send(Receivers(("lilei",)), bodies.template_card(CARD))
    assert result.response_code
    assert result.response_code not in repr(result)


# Who was not reached ------------------------------------------------------------------------------------------------------


def test_one_wrong_receiver_among_many_is_named_and_the_others_have_it(stage: Stage) -> None:
    stage.world.unlicensed.add("boss")
    result = stage.api.send(Receivers(("lilei", "nobody", "boss"), ("7",), ("t1", "t2")), bodies.texts("公告")[0])
    assert (result.invalid_users, result.invalid_parties, result.invalid_tags) == (("nobody",), ("7",), ("t1", "t2"))
    assert result.unlicensed_users == ("boss",)
    assert not result.is_whole
    assert (stage.shown("lilei"), stage.shown("boss")) == (["公告"], [])
    assert "nobody" not in str(result.facts)


def test_everybody_is_reached_by_one_word(stage: Stage) -> None:
    assert stage.api.send(Receivers((EVERYBODY,)), bodies.texts("公告")[0]).is_whole
    assert stage.shown("hanmei") == ["公告"]


def test_nobody_valid_is_an_error(stage: Stage) -> None:
    with pytest.raises(ApiError) as raised:
        stage.api.send(Receivers(("nobody",)), bodies.texts("公告")[0])
    assert raised.value.code == 81013


@pytest.mark.parametrize(
    "bad", [{}, {"users": ("a|b",)}, {"users": ("",)}, {"users": (EVERYBODY, "u")}, {"users": ("u",) * 1_001}, {"parties": ("1",) * 101}]
)
def test_receivers_that_cannot_be_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="收件人"):
        Receivers(**bad)


@given(
    st.dictionaries(
        st.sampled_from(["invaliduser", "invalidtag", "unlicenseduser", "msgid"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()),
    )
)
def test_any_answer_is_read(answer: dict[str, Any]) -> None:
    result = read_result(answer)
    assert all(result.invalid_users)
    assert isinstance(result.facts, dict)


def test_a_repeat_is_dropped_by_wecom(stage: Stage) -> None:
    for is_repeat in (True, True):
        stage.api.send(Receivers(("lilei",)), bodies.texts("公告")[0], is_repeat=is_repeat)
    assert stage.shown("lilei") == ["公告"]


def test_a_delivery_to_many_records_whom_it_missed_and_does_not_repeat_to_the_others(stage: Stage) -> None:
    stage.deliver(*to_many(1, 9, 2, 77))
    stage.later(minutes=10)
    stage.sender.drain_once()
    assert (stage.shown("lilei"), stage.shown("hanmei")) == (["公告"], ["公告"])
    assert [event["missed"] for event in stage.sent()] == [[9, 77]]
    assert stage.dead == []
    assert "left_long_ago" not in str(stage.sent())


def test_a_delivery_to_many_that_reaches_none_is_given_up(stage: Stage) -> None:
    stage.world.unlicensed |= {"lilei", "hanmei"}
    for queued in (to_many(1, 2), to_many(9, id="gone"), to_many(77, id="erased")):
        stage.deliver(*queued)
    assert {id for id, _ in stage.dead} == {"news:0", "gone:0", "erased:0"}
    assert "许可" in dict(stage.dead)["news:0"]


def test_a_delivery_to_many_counts_against_the_limit_of_each(stage: Stage) -> None:
    single = deliveries.to_members("desk", [1], bodies.texts("x")[0], id="x", community="main", now_ms=to_ms(NOON))[0]
    for number in range(30):
        stage.deliver(Delivery(f"s{number}", "now", "app.desk.1", "app", "main", single.body, 1, channel="desk", born_ms=to_ms(NOON)))
    stage.deliver(*to_many(2, 1))
    assert stage.shown("hanmei") == []
    stage.later(seconds=61)
    stage.sender.drain_once()
    assert stage.shown("hanmei") == ["公告"]
    assert len(stage.shown("lilei")) == 31


def test_many_members_are_a_hundred_a_delivery_and_each_once() -> None:
    queued = to_many(*range(1, 251))
    assert [len(delivery.receivers) for delivery in queued] == [100, 100, 50]
    assert [number for delivery in queued for number in delivery.receivers] == list(range(1, 251))
    assert len({delivery.id for delivery in queued}) == 3


# Recall -------------------------------------------------------------------------------------------------------------------


def test_an_admin_takes_back_what_a_delivery_became(stage: Stage) -> None:
    stage.deliver(*to_many(1, 2), *to_many(3, id="other"))
    assert recall(stage.events, lambda channel: stage.api, "news:0", stage.time) == 1
    assert (stage.shown("lilei"), stage.shown("hanmei"), stage.shown("boss")) == ([], [], ["公告"])
    assert [entry.data["act"] for entry in stage.events.read() if entry.kind == "admin"] == ["recall"]


def test_after_a_day_nothing_is_taken_back(stage: Stage) -> None:
    stage.deliver(*to_many(1))
    stage.later(hours=24, seconds=1)
    with pytest.raises(UserError, match="24 小时内没有"):
        recall(stage.events, lambda channel: stage.api, "news:0", stage.time)
    assert stage.shown("lilei") == ["公告"]


def test_only_an_apps_own_messages_are_taken_back(stage: Stage) -> None:
    stage.deliver(*to_many(1))
    foreign = AppApi(stage.other, 1000003)
    with pytest.raises(UserError, match="没有撤回：40058"):
        recall(stage.events, lambda channel: foreign, "news:0", stage.time)
    with pytest.raises(UserError, match="没有配置应用 desk"):
        recall(stage.events, lambda channel: None, "news:0", stage.time)
    stage.events.record(3, "outbound", "main", stage.time, {"via": "webhook"}, message="hook-1")
    with pytest.raises(UserError, match="不是由应用发出的"):
        recall(stage.events, lambda channel: stage.api, "hook-1", stage.time)


# Groups -------------------------------------------------------------------------------------------------------------------


def test_a_group_is_made_once_however_often_it_is_asked_for(stage: Stage) -> None:
    stage.server.pretend.faults.add("/cgi-bin/appchat/create", drop="after")
    with pytest.raises(NoAnswer):
        stage.chats.create("读书会", ["lilei", "hanmei"], owner="hanmei", once="act-1")
    chat = stage.chats.create("读书会", ["lilei", "hanmei"], owner="hanmei", once="act-1")
    assert stage.chats.create("读书会", ["lilei", "hanmei"], owner="hanmei", once="act-1") == chat
    assert stage.chats.create("读书会", ["lilei", "hanmei"], once="act-2") != chat
    assert len(stage.world.app_groups) == 2
    assert stage.chats.remembered()[chat] == "读书会"
    found = stage.chats.get(chat)
    assert (found.name, found.owner, found.users) == ("读书会", "hanmei", ("lilei", "hanmei"))


def test_a_group_is_renamed_handed_on_and_members_come_and_go(stage: Stage) -> None:
    chat = stage.chats.create("读书会", ["lilei", "hanmei"], once="1")
    stage.chats.update(chat, name="读书会二", owner="boss", add=["boss"])
    assert stage.chats.remove(chat, ["lilei", "somebody"]) == ("lilei",)
    found = stage.chats.get(chat)
    assert (found.name, found.owner, found.users) == ("读书会二", "boss", ("hanmei", "boss"))
    assert stage.chats.remembered() == {chat: "读书会二"}


def test_two_members_stay_and_the_owner_too(stage: Stage) -> None:
    chat = stage.chats.create("读书会", ["lilei", "hanmei", "boss"], owner="boss", once="1")
    with pytest.raises(AppChatError, match="群主"):
        stage.chats.remove(chat, ["boss"])
    with pytest.raises(AppChatError, match="2 人"):
        stage.chats.remove(chat, ["lilei", "hanmei"])


@pytest.mark.parametrize(
    ("name", "users", "owner", "why"),
    [
        ("", ["a", "b"], "", "群名"),
        ("名" * 51, ["a", "b"], "", "群名"),
        ("名", ["a"], "", "2 到 2000 人"),
        ("名", ["a", "a"], "", "2 到 2000 人"),
        ("名", [f"u{n}" for n in range(2_001)], "", "2 到 2000 人"),
        ("名", ["a", "b"], "c", "群主"),
    ],
)
def test_a_group_that_cannot_be_is_refused_before_the_request(stage: Stage, name: str, users: list[str], owner: str, why: str) -> None:
    with pytest.raises(AppChatError, match=why):
        stage.chats.create(name, users, owner=owner, once="1")
    assert stage.server.pretend.wire.rest("/cgi-bin/appchat/create") == []


def test_wecoms_own_refusals_are_said_in_words(stage: Stage) -> None:
    chat = stage.chats.create("读书会", ["lilei", "hanmei"], once="1")
    foreign = AppChats(stage.other, "other", stage.chats._store)
    said = []
    for act in (
        lambda: stage.chats.create("名", ["lilei", "nobody"], once="2"),
        lambda: stage.chats.create("名", ["lilei", "guest"], once="3"),
        lambda: stage.chats.get("unknown"),
        lambda: foreign.get(chat),
        lambda: foreign.send(chat, bodies.texts("x")[0]),
        lambda: stage.chats.update(chat, owner="boss"),
        lambda: stage.chats.update(chat, remove=["lilei"]),
    ):
        with pytest.raises(ApiError) as raised:
            act()
        assert raised.value.code in REASONS
        said.append((raised.value.code, raised.value.text))
    assert said == [(code, REASONS[code]) for code in (86216, 86007, 86001, 86008, 86008, 86005, 86006)]


@pytest.mark.parametrize("code", REASONS)
def test_every_code_of_the_interface_has_its_words(stage: Stage, code: int) -> None:
    stage.server.pretend.faults.add("/cgi-bin/appchat/update", errcode=code)
    with pytest.raises(ApiError, match=REASONS[code]):
        stage.chats.update("chat", name="x")


def test_a_group_that_is_gone_is_forgotten(stage: Stage) -> None:
    chat = stage.chats.create("读书会", ["lilei", "hanmei"], once="1")
    stage.world.app_groups.clear()
    with pytest.raises(ApiError):
        stage.chats.get(chat)
    assert stage.chats.remembered() == {}


def test_a_post_into_a_group_goes_through_the_outbox_and_calls_members(stage: Stage) -> None:
    chat = stage.chats.create("读书会", ["lilei", "hanmei"], once="1")
    body = bodies.texts("今晚八点", mentions=["@all"])[0]
    stage.deliver(deliveries.to_app_chat("desk", chat, body, id="p", community="main", now_ms=to_ms(NOON)))
    assert [post.text for post in stage.world.posts(chat)] == ["今晚八点 <@@all>"]
    assert [event["via"] for event in stage.sent()] == ["appchat"]


def test_a_group_without_its_app_is_given_up(stage: Stage) -> None:
    stage.deliver(deliveries.to_app_chat("nobody", "c", bodies.texts("x")[0], id="p", community="main", now_ms=to_ms(NOON)))
    assert stage.dead == [("p", "没有配置应用 nobody")]


def test_a_group_that_is_not_ours_is_given_up_at_once_with_the_reason(stage: Stage) -> None:
    stage.deliver(deliveries.to_app_chat("desk", "unknown", bodies.texts("x")[0], id="p", community="main", now_ms=to_ms(NOON)))
    assert stage.dead == [("p", "群聊 ID 不正确（错误码 86001）")]


# Menu ---------------------------------------------------------------------------------------------------------------------

MENU = [
    {"name": "签到", "command": "签到"},
    {"name": "更多", "entries": [{"name": "我的积分", "command": "我的积分"}, {"name": "官网", "url": "https://example.com"}]},
]


def test_a_menu_is_put_replaced_and_removed(stage: Stage) -> None:
    stage.api.put_menu(parse_menu(MENU))
    assert stage.world.menus["desk"][0] == {"type": "click", "name": "签到", "key": "cmd:签到"}
    assert [below["type"] for below in stage.world.menus["desk"][1]["sub_button"]] == ["click", "view"]
    stage.api.put_menu([MenuEntry("帮助", command="帮助")])
    assert len(stage.world.menus["desk"]) == 1
    stage.api.remove_menu()
    stage.api.remove_menu()  # what is gone is gone
    assert stage.world.menus == {}


@pytest.mark.parametrize(
    ("menu", "why"),
    [
        ([], "1 到 3 个"),
        ([{"name": "x", "command": "x"}] * 4, "1 到 3 个"),
        ("签到", "一个列表"),
        (["签到"], "四个字段"),
        ([{"name": "x", "command": "x", "colour": "red"}], "四个字段"),
        ([{"name": "", "command": "x"}], "1 到 16 字节"),
        ([{"name": "一二三四五六", "command": "x"}], "1 到 16 字节"),
        ([{"name": "x"}], "且只有一个"),
        ([{"name": "x", "command": "x", "url": "https://example.com"}], "且只有一个"),
        ([{"name": "x", "url": "ftp://example.com"}], "https://"),
        ([{"name": "x", "command": "令" * 50}], "命令太长"),
        ([{"name": "x", "entries": [{"name": "y", "command": "y"}] * 6}], "最多 5 项"),
        ([{"name": "x", "entries": [{"name": "y", "entries": [{"name": "z", "command": "z"}]}]}], "再分一层"),
    ],
)
def test_a_menu_that_wecom_would_refuse_is_refused_with_its_limit(menu: Any, why: str) -> None:
    with pytest.raises(MenuError, match=why):
        menu_body(parse_menu(menu))


def click(key: str, *, at: int = 1700000000, event: str = "click") -> str:
    return (
        f"<xml><ToUserName>wwCORP</ToUserName><FromUserName>lilei</FromUserName><CreateTime>{at}</CreateTime><MsgType>event</MsgType>"
        f"<Event>{event}</Event><EventKey><![CDATA[{key}]]></EventKey><AgentID>1000002</AgentID></xml>"
    )


def test_a_click_on_the_menu_is_as_if_the_command_had_been_typed(chat: Chat) -> None:
    message = KINDS["app"].parse(click("cmd:签到"), channel="desk")
    assert "积分 +" in chat.hears(message)
    assert "积分 +" in chat.hears(message)  # WeCom's repeat gets the first answer
    again = KINDS["app"].parse(click("cmd:签到", at=1700000001), channel="desk")
    assert "已经签到过了" in chat.hears(again)
    assert chat.points() == 5


def test_a_click_reaches_commands_with_words_and_is_guarded_like_them(chat: Chat) -> None:
    denied = chat.hears(KINDS["app"].parse(click("cmd:案件"), channel="desk"))
    assert "只有管理员" in denied


@pytest.mark.parametrize(
    ("key", "event"), [("MENU_KEY", "click"), ("cmd:", "click"), ("cmd:签到", "scancode_push"), ("https://e.com", "view")]
)
def test_any_other_click_stays_an_event(chat: Chat, key: str, event: str) -> None:
    message = KINDS["app"].parse(click(key, event=event), channel="desk")
    assert (message.kind, message.event and message.event.key) == ("event", key)
    assert chat.hears(message) == ""


# The company's directory ---------------------------------------------------------------------------------------------------


def renamed(old: str, new: str, *, at: int = 1700000000) -> str:
    return (
        f"<xml><ToUserName>wwCORP</ToUserName><FromUserName>sys</FromUserName><CreateTime>{at}</CreateTime><MsgType>event</MsgType>"
        f"<Event>change_contact</Event><ChangeType>update_user</ChangeType><UserID>{old}</UserID>"
        f"{f'<NewUserID>{new}</NewUserID>' if new else ''}</xml>"
    )


@pytest.mark.parametrize("times", [1, 2])
def test_a_colleague_with_a_new_id_keeps_what_is_his(chat: Chat, times: int) -> None:
    chat.says("签到")
    number = chat.member("lilei")
    for _ in range(times):
        assert chat.hears(KINDS["app"].parse(renamed("lilei", "lilei001"), channel="desk")) == ""
    assert "已经签到过了" in chat.says("签到", user="lilei001")
    assert chat.member("lilei001") == number
    assert chat.stores.directory.find_number("lilei") is None
    assert [entry.data["rename"] for entry in chat.log("decision") if "rename" in entry.data] == ["renamed"]


def test_another_change_of_a_colleague_changes_nothing_here(chat: Chat) -> None:
    chat.says("签到")
    chat.hears(KINDS["app"].parse(renamed("lilei", ""), channel="desk"))
    chat.hears(KINDS["app"].parse(renamed("never_seen", "never_seen_2"), channel="desk"))
    assert chat.stores.directory.find_number("lilei") == chat.member()
    assert chat.stores.directory.find_number("never_seen") is None
    assert chat.stores.directory.find_number("never_seen_2") is None


def test_an_id_that_somebody_else_has_is_not_taken_from_him(database: Database) -> None:
    directory = Directory(database)
    one, two = directory.enrol("one").number, directory.enrol("two").number
    assert directory.rename("one", "two") == ("taken", one)
    assert (directory.find_user(one), directory.find_user(two)) == ("one", "two")


def test_another_process_drops_the_old_id_from_memory(database: Database) -> None:
    here, there = Directory(database), Directory(database)
    number = here.enrol("old", community="main").number
    there.keep_up()
    assert here.rename("old", "new") == ("renamed", number)
    there.keep_up()
    assert there.enrol("new", community="main").number == number
    assert there.enrol("old", community="main").number != number


# Faults -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "then"),
    [
        ({"http_status": 502}, "sent"),
        ({"drop": "before"}, "sent"),
        ({"drop": "after"}, "sent"),
        ({"delay_s": 1.5}, "sent"),
        ({"errcode": -1}, "sent"),
        ({"errcode": 45009}, "sent"),
        ({"errcode": 45033}, "sent"),
        ({"errcode": 60111}, "dead"),
    ],
)
def test_a_delivery_to_many_arrives_once_at_each_in_spite_of_trouble(stage: Stage, fault: dict[str, Any], then: str) -> None:
    stage.server.pretend.faults.add(SEND, **fault)
    if "delay_s" in fault:
        stage.client.timeout = (1.0, 0.5)
    stage.deliver(*to_many(1, 2))
    stage.client.timeout = (3.0, 8.0)
    for _ in range(4):
        stage.later(seconds=70)
        stage.sender.drain_once()
    assert len(stage.dead) == (then == "dead")
    for user in ("lilei", "hanmei"):
        assert stage.shown(user) == ([] if then == "dead" else ["公告"])


def test_a_token_that_ends_early_is_fetched_once_more(stage: Stage) -> None:
    stage.deliver(*to_many(1, id="a"))
    stage.server.pretend.tokens.forget()
    stage.later(seconds=5)
    stage.deliver(*to_many(1, id="b", text="又一条"))
    assert stage.shown("lilei") == ["公告", "又一条"]
    assert stage.server.pretend.tokens.calls["desk"] == 2


def test_no_secret_is_in_what_is_raised_logged_or_kept(stage: Stage, caplog: pytest.LogCaptureFixture, database: Database) -> None:
    caplog.set_level(logging.DEBUG)
    faults, said = stage.server.pretend.faults, list[str]()
    for path in ("/cgi-bin/gettoken", SEND, "/cgi-bin/message/recall", "/cgi-bin/appchat/create", "/cgi-bin/menu/create"):
        for fault in ({"errcode": 40001}, {"http_status": 500}, {"drop": "before"}):
            faults.add(path, **fault)
            for act in (
                lambda: stage.api.send(Receivers(("lilei",)), bodies.template_card(CARD)),
                lambda: stage.api.recall("msgid"),
                lambda: stage.chats.create("名", ["lilei", "hanmei"], once="1"),
                lambda: stage.api.put_menu(parse_menu(MENU)),
            ):
                try:
                    said.append(repr(act()))
                except ApiError as error:
                    said += [str(error), repr(error), "".join(traceback.format_exception(error))]
            faults.clear()
            stage.later(minutes=2)
    token = stage.client.access_token
    kept = [str(database.command("GET", key)) for key in database.scan("qb:{limit:*")] + [str(stage.sent())]
    text = "\n".join([*said, *kept, repr(stage.client), repr(stage.api), caplog.text])
    assert len(said) > 20
    assert not any(secret in text for secret in (SECRET, token))
