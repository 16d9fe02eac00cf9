"""暂停 and 恢复: what nobody asked for stops within a second in all processes, answers go on; 暂停 全部 stops these too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from casework import in_service
from chat import FAR, MAIN, Chat, OpenChat
from vendor import Vendor, vendor

from bot import deliveries
from bot.client import WeComClient, Wire
from bot.mailing import fire
from bot.private import tell
from bot.sender import Sender
from bot.watch import PAUSES_S, keep_up
from bot.ways import Lookups, Ways
from bot.welcomes import ring_welcomes
from rules.contents import Push
from rules.roster import Roster, Seat
from storage.customer_groups import KnownGroup, News
from storage.limits import Limits
from storage.moment import to_ms
from storage.outbox import Delivery, Outbox
from storage.tokens import TokenStore
from tests.outside import aibot_text, wecom
from tests.timing import SLOWER, await_until
from tests.tree import Tree

pytest_plugins = ("chat",)

PUSH = Push("morning", "0 9 * * *", "早安")


def test_answers_go_on_while_pushes_are_stopped(chat: Chat) -> None:
    said = chat.as_admin("暂停")
    assert "已暂停“主群”的推送、警告和欢迎" in said
    assert "积分 +5" in chat.says("签到")
    assert "申请退款" in chat.says("怎么退款")
    assert not fire(PUSH, chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
    assert [d.lane for d in chat.outbox()] == []
    assert "推送、警告和欢迎都停着" in chat.as_admin("数据")
    assert "“主群”已恢复" in chat.as_admin("恢复")
    assert fire(PUSH, chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
    assert "停着" not in chat.as_admin("数据")
    assert "没有暂停" in chat.as_admin("恢复")


def test_everything_stops_for_members_and_nobody_loses_the_way_back(chat: Chat) -> None:
    chat.says("签到", user="hanmei")
    chat.as_admin("角色 hanmei 版主")
    assert "已暂停“主群”的一切" in chat.as_admin("暂停 全部")
    assert (chat.says("签到"), chat.says("怎么退款"), chat.privately("签到"), chat.enters()) == ("", "", "", "")
    assert chat.points() == 0, "what is not answered is not done"
    assert "申请退款" in chat.says("怎么退款", user="hanmei"), "who looks after the community is heard"
    assert "推送、警告、欢迎和回答都停着" in chat.as_admin("数据")
    assert "积分 +5" in chat.says("签到", user="john", group=FAR), "another community goes on"
    assert "已恢复" in chat.as_admin("恢复")
    assert "积分 +5" in chat.says("签到")


def test_a_word_list_still_files_cases_while_everything_is_stopped(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.as_admin("暂停 全部")
    assert chat.says("你个王八蛋") == ""
    assert "王八蛋" in chat.as_admin("案件")


def test_nobody_is_warned_and_the_case_waits_for_a_person(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("签到", user="hanmei")
    chat.as_admin("暂停")
    chat.says("你个王八蛋")
    assert not [d for d in chat.outbox() if d.member == chat.member()]
    assert "先说“恢复”再处理，或者：处理 1 忽略" in chat.as_admin("处理 1 警告")
    assert chat.stores.cases.undecided(chat.community.keys)[0].state == "open"
    chat.as_admin("恢复")
    assert "已警告" in chat.as_admin("处理 1 警告")
    assert [d.lane for d in chat.outbox() if d.member == chat.member()] == ["now"]


def test_newcomers_are_not_welcomed_and_not_afterwards_either(chat: Chat) -> None:
    chat.as_admin("暂停")
    assert "欢迎" not in chat.says("签到", user="newcomer")
    assert chat.enters(user="another") == ""
    number = chat.stores.directory.enrol("wm1", name="甲").number
    group = KnownGroup(MAIN, chat.community.keys, "customers")
    before = chat.stores.customer_groups.look_back(chat.community.keys, MAIN)
    news = News([(number, {"group": "join"})], newcomers=[number])
    roster = Roster("v1", seats={number: Seat(2, 5)})
    assert chat.stores.customer_groups.keep(group, before, roster, news, chat.clock(), "2026-03-10")
    chat.later(minutes=1)
    assert ring_welcomes(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock()) == 0
    chat.as_admin("恢复")
    chat.later(minutes=5)
    assert ring_welcomes(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock()) == 0
    assert chat.outbox() == []


def test_a_push_that_fell_due_meanwhile_is_not_made_up_for(chat: Chat) -> None:
    chat.stores.firings.note_start(chat.community.keys, PUSH.id, chat.clock() - timedelta(days=1))
    chat.as_admin("暂停")
    chat.later(minutes=5)
    assert not fire(PUSH, chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
    last = chat.stores.firings.last(chat.community.keys, PUSH.id)
    assert last
    assert chat.clock() - last < timedelta(minutes=1), "only what falls due from here on can have been missed"


def test_private_news_waits_but_owners_hear_at_once(chat: Chat) -> None:
    chat.says("签到")
    chat.as_admin("暂停")
    tell(chat.stores, chat.config, chat.community, chat.member(), "积分快到期了", chat.clock(), id="a")
    tell(chat.stores, chat.config, chat.community, chat.member("boss"), "有流程等人接手", chat.clock(), id="b")
    assert {d.member: d.lane for d in chat.outbox()} == {chat.member(): "bulk", chat.member("boss"): "now"}


def test_only_administrators_pause_and_a_members_everyday_word_is_a_question(chat: Chat) -> None:
    chat.says("签到", user="hanmei")
    chat.as_admin("角色 hanmei 运营")
    for user in ("lilei", "hanmei"):
        chat.says("暂停", user=user)
        chat.privately("暂停 全部", user=user)
    assert chat.stores.pauses.of("main") == ""
    chat.as_admin("暂停什么时候结束")
    chat.as_admin("恢复 怎么弄")
    assert chat.stores.pauses.of("main") == ""


@pytest.mark.parametrize(
    ("typed", "example"), [("暂停 推送", "暂停 全部"), ("暂停 全部 吧", "写法是：暂停"), ("恢复 全部", "写法是：恢复")]
)
def test_the_wrong_way_of_typing_it_is_answered_with_the_right_one(chat: Chat, typed: str, example: str) -> None:
    assert example in chat.as_admin(typed)
    assert chat.stores.pauses.of("main") == ""


def test_each_change_is_audited_once_and_a_late_repeat_changes_nothing(chat: Chat) -> None:
    first = chat.words("@小助手 暂停", user="boss", group="wrADMIN", id="M-pause")
    chat.hears(first)
    chat.as_admin("暂停")
    chat.as_admin("暂停 全部")
    chat.as_admin("恢复")
    chat.stores.pauses.set("main", "posts", once="assistant:M-pause")
    assert chat.stores.pauses.of("main") == "", "a repeat of what was said before 恢复"
    rows = [(row.act, row.before, row.after) for row in chat.stores.audit.newest("main", 10)]
    everything, posts = "推送、警告、欢迎和回答都已停", "推送、警告和欢迎已停"
    assert rows == [("恢复", everything, "照常"), ("暂停", posts, everything), ("暂停", "照常", posts)]
    assert "暂停 机器人主动发言" in chat.as_admin("审计")


# Processes ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def outside() -> Iterator[Vendor]:
    """WeCom's side."""
    with vendor() as double:
        yield double


def sender_of(chat: Chat, outside: Vendor) -> Sender:
    """The sender of another process."""
    stores, wire = chat.stores, Wire(outside.base)
    client = WeComClient("ww", "S", wire=wire, tokens=TokenStore(stores.database), now=chat.clock)
    lookups = Lookups(webhook_key=lambda community, place: "KEY", user_id=stores.directory.find_user, app=lambda name: (client, 1))
    return Sender(
        stores.outbox, Limits(stores.database), Ways(wire, lookups).table(), now=chat.clock, shards=range(stores.shards),
        on_dead=lambda delivery, reason: None, is_paused=stores.pauses.holds, threads=2,
    )  # fmt: skip


def post(chat: Chat, id: str, lane: str) -> None:
    made = deliveries.to_group(chat.config, "main", "", id, id=id, lane=lane, now_ms=to_ms(chat.clock()))
    assert made
    chat.stores.outbox.enqueue(chat.community.shard, [made], to_ms(chat.clock()))


def said(outside: Vendor) -> list[str]:
    return [body["markdown"]["content"] for body in outside.sent("webhook/send")]


def test_what_is_queued_waits_in_another_process_and_goes_on_afterwards(open_chat: OpenChat, outside: Vendor) -> None:
    here = open_chat()
    there = open_chat(clock=here.clock)
    sender = sender_of(there, outside)
    for number in range(7):
        post(here, f"推送 {number}", "bulk")
    assert sender.drain_once() == 5, "a target's turn"
    here.as_admin("暂停")
    there.stores.pauses.keep_up()
    post(here, "回答", "now")
    sender.drain_once()
    assert said(outside)[5:] == ["回答"]
    here.later(hours=1)
    assert sender.drain_once() == 0
    here.as_admin("恢复")
    there.stores.pauses.keep_up()
    here.later(seconds=10)
    sender.drain_once()
    assert said(outside)[6:] == ["推送 5", "推送 6"]


def knows(chat: Chat, pause: str) -> bool:
    return chat.stores.pauses.of("main") == pause


def test_another_process_learns_of_it_within_a_second(open_chat: OpenChat) -> None:
    here, there = open_chat(), open_chat()
    stop = threading.Event()
    thread = threading.Thread(target=keep_up, args=("pauses", there.stores.pauses.keep_up, PAUSES_S, stop), daemon=True)
    thread.start()
    try:
        for typed, known in (("暂停", "posts"), ("暂停 全部", "all"), ("恢复", "")):
            here.as_admin(typed)
            began = time.monotonic()
            await_until(partial(knows, there, known), what="the other process to know")
            assert time.monotonic() - began < 1 * SLOWER
    finally:
        stop.set()
        thread.join(5)


def test_a_process_that_starts_knows_what_is_paused(open_chat: OpenChat) -> None:
    open_chat().as_admin("暂停 全部")
    assert open_chat().says("签到") == ""


def test_a_real_bot_sends_nothing_any_more_a_second_after_it_was_told_to_stop(tmp_path: Path) -> None:
    with wecom() as side:
        tree = Tree(tmp_path, api_base=side.base)
        try:
            tree.start()
            tree.all_pids()
            tree.client.tell(tree.channels["assistant"], aibot_text("boss", "签到"))
            with tree.database() as database:
                outbox = Outbox(database, 16)

                def push(id: str) -> None:
                    now_ms = round(time.time() * 1000)
                    made = Delivery(
                        id, "bulk", f"app.desk.{id}", "app", "main", {"msgtype": "text", "text": {"content": id}}, member=1, channel="desk",
                        born_ms=now_ms,
                    )  # fmt: skip
                    assert outbox.enqueue(3, [made], now_ms) == 1

                def arrived() -> list[str]:
                    return [body["text"]["content"] for body in side.sent["boss"]]

                push("before")
                await_until(lambda: arrived() == ["before"], 20, "a push to arrive")
                assert "已暂停" in tree.client.tell(tree.channels["assistant"], aibot_text("boss", "暂停")).said
                told = time.monotonic()
                await_until(lambda: time.monotonic() - told >= 3, what="a second to pass, on a busy machine three")
                for number in range(20):
                    push(f"late {number}")
                # each was looked at, and put off by the ten seconds that what is held waits
                await_until(lambda: not outbox.due([3], round(time.time() * 1000)), 10, "all to be looked at")
                assert arrived() == ["before"]
                assert outbox.depth() == 20
        finally:
            tree.stop()
