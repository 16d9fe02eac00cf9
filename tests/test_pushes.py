"""推送 in chat: planned, listed, looked at, taken back – and what the desk refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chat import MAIN, Chat, OpenChat

from bot.errors import UserError
from bot.faq_office import office_for
from bot.mailing import fire
from bot.moods import set_crisis
from bot.permissions import Actor
from bot.push_desk import Moved, PushDesk
from handlers.contents import publish
from handlers.pushes import read_plan
from rules.contents import PUSHES, Push

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 10, 5, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Tuesday
OPERATOR = Actor(1, "王店长", "operator")
EVERYBODY = '- {id: morning, cron: "0 9 * * *", community: "*", text: 早安}\n'


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return open_chat()


def in_force(chat: Chat) -> list[Push]:
    chat.live.refresh()
    return list(chat.live.current.pushes)


def desk(chat: Chat, *, may_share: bool = True) -> PushDesk:
    everywhere: Any = "operator" if may_share else "member"
    chat.live.refresh()
    office = office_for(chat.stores, chat.live.current, chat.community, OPERATOR, chat.clock, listed=2, everywhere=everywhere)
    return PushDesk.of(office, chat.config)


@pytest.mark.parametrize(
    ("typed", "at", "text"),
    [
        ("明天 9:00 早上好", "03-11 09:00", "早上好"),
        ("后天下午3点 直播", "03-12 15:00", "直播"),
        ("周五 18:30 下班打卡", "03-13 18:30", "下班打卡"),
        ("下周五 下午 3 点 8折开始", "03-20 15:00", "8折开始"),
        ("12月1日 9:30 开会", "12-01 09:30", "开会"),
        ("明天 9:00 100 份礼物", "03-11 09:00", "100 份礼物"),
        ("明天9点半开会啦", "03-11 09:30", "开会啦"),
        ("明天 早上好", "03-11 09:00", "早上好"),
        ("2小时后 提醒大家", "03-10 12:05", "提醒大家"),
        ("明天 20:00 第一行\n第二行", "03-11 20:00", "第一行\n第二行"),
        ("明天 9:00", "03-11 09:00", ""),
    ],
)
def test_a_moment_and_a_text_are_told_apart(typed: str, at: str, text: str) -> None:
    found = read_plan(typed, NOW)
    assert found
    assert (f"{found[0]:%m-%d %H:%M}", found[1]) == (at, text)


@pytest.mark.parametrize("typed", ["", "早上好", "大家明天 9:00 见", "31 号 9:00 早"])
def test_what_begins_with_no_moment_is_no_plan(typed: str) -> None:
    assert read_plan(typed, NOW) is None


# In chat ------------------------------------------------------------------------------------------------------------------


def test_an_operator_plans_a_push_looks_at_it_and_takes_it_back(chat: Chat) -> None:
    said = chat.as_admin("推送 新建 明天 9:00 早上好，{nickname}")
    push = in_force(chat)[-1]
    assert (push.at, push.community, push.text) == ("2026-03-11 09:00", "main", "早上好，{nickname}")
    assert "3 月 11 日（周三）09:00" in said
    assert f"推送 取消 {push.id}" in said
    listed = chat.as_admin("推送 列表")
    assert listed.index(f"• {push.id}") > 0
    assert "已私聊发给你" in chat.as_admin(f"推送 预览 {push.id}")
    [shown] = [delivery for delivery in chat.outbox() if delivery.id.startswith("push:trial:")]
    assert (shown.member, shown.body["text"]["content"]) == (chat.member("boss"), "【预览，只有你看到】\n早上好，大家")
    assert "留作草稿" in chat.as_admin(f"推送 取消 {push.id}")
    assert [one.enabled for one in in_force(chat) if one.id == push.id] == [False]
    assert "〔草稿〕" in chat.as_admin("推送列表")
    assert "照常发" in chat.as_admin(f"推送 启用 {push.id}")
    assert "已撤销" in chat.as_admin("推送 撤销")
    assert [one.enabled for one in in_force(chat) if one.id == push.id] == [False]
    acts = [row.act for row in chat.stores.audit.newest("main", 10)]
    assert acts == ["推送 撤销", "推送 启用", "推送 取消", "推送 新建"]


def test_a_repeated_message_plans_one_push(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="m1")
    again = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="m1")
    assert made.after
    assert again.after == made.after
    assert len([push for push in in_force(chat) if push.text == "早上好"]) == 1
    gone = desk(chat).remove(made.after.id, desk(chat).get(made.after.id).mark, once="m2")
    assert desk(chat).remove(made.after.id, "whatever it was", once="m2").version == gone.version
    assert len(chat.stores.audit.newest("main", 10)) == 2


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("推送", "推送 新建 明天 9:00"),
        ("推送 发射", "推送 新建 明天 9:00"),
        ("推送 新建", "例如"),
        ("推送 新建 早上好", "例如"),
        ("推送 新建 明天 9:00", "还没有写要发什么"),
        ("推送 新建 今天 9:00 早上好", "已经过了"),
        ("推送 新建 2030-01-01 9:00 早上好", "太远了"),
        ("推送 预览 99", "没有推送 99"),
        ("推送 取消", "例如"),
        ("推送 撤销 九", "例如"),
        ("推送 撤销 99", "没有第 99 版"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_right_way(chat: Chat, typed: str, told: str) -> None:
    assert told in chat.as_admin(typed)


def test_members_do_not_plan_and_their_sentences_are_no_commands(chat: Chat) -> None:
    assert "只有管理员可以用" in chat.privately("推送 列表")
    assert "请私聊我" in chat.says("推送 列表", user="boss", group=MAIN)
    assert all("只有管理员" not in chat.says(asked) for asked in ("推送怎么关", "推送 太多了怎么关？"))


def test_what_goes_to_all_communities_is_changed_only_by_who_may_in_all(chat: Chat) -> None:
    publish(chat.stores, PUSHES, EVERYBODY, "boss", chat.clock())
    kept = desk(chat).get("morning")
    with pytest.raises(UserError, match="所有社群"):
        desk(chat, may_share=False).switch("morning", kept.mark, is_on=False, once="a")
    with pytest.raises(UserError, match="所有社群"):
        desk(chat, may_share=False).make(Push("", "", "早", "*", at="2026-03-12 09:00"), once="b")
    desk(chat).switch("morning", kept.mark, is_on=False, once="c")
    assert [row.act for row in chat.stores.audit.newest("", 5)] == ["推送 取消", "定时推送 发布"]


def test_another_communitys_push_is_not_there(chat: Chat) -> None:
    publish(chat.stores, PUSHES, "- {id: far, at: 2026-03-20 09:00, community: far, text: 远方的事}\n", "boss", chat.clock())
    assert "远方" not in chat.as_admin("推送 列表")
    assert "没有推送" in chat.as_admin("推送 预览 far")


# At the desk --------------------------------------------------------------------------------------------------------------


def test_a_change_is_decided_on_what_its_maker_saw(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="a").after
    assert made
    seen = desk(chat).get(made.id)
    desk(chat).move(made.id, seen.mark, date(2026, 3, 12), once="b")
    with pytest.raises(Moved) as moved:
        desk(chat).move(made.id, seen.mark, date(2026, 3, 13), once="c")
    assert moved.value.now
    assert moved.value.now.at == "2026-03-12 09:00"
    # what others do to another push does not matter
    seen = desk(chat).get(made.id)
    desk(chat).make(Push("", "", "另一条", "main", at="2026-03-11 09:00"), once="d")
    assert desk(chat).move(made.id, seen.mark, date(2026, 3, 13), once="e").after


def test_what_was_said_is_not_moved_and_not_put_back(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-12 09:00"), once="a").after
    assert made
    moved = desk(chat).move(made.id, desk(chat).get(made.id).mark, date(2026, 3, 11), once="b")
    assert moved.after
    chat.later(days=1)
    at = datetime(2026, 3, 11, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert fire(moved.after, chat.community, at, chat.stores, chat.config, chat.live.current, chat.clock())
    with pytest.raises(UserError, match="已经发过"):
        desk(chat).move(made.id, desk(chat).get(made.id).mark, date(2026, 3, 15), once="c")
    with pytest.raises(UserError, match="已经发过"):
        desk(chat).undo(moved.version, once="d")


def test_what_goes_out_in_a_moment_is_not_moved(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="a").after
    assert made
    chat.at("2026-03-11 08:59:55")
    with pytest.raises(UserError, match="几秒钟后"):
        desk(chat).move(made.id, desk(chat).get(made.id).mark, date(2026, 3, 15), once="b")


def test_what_was_changed_again_since_is_not_undone(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="a")
    assert made.after
    desk(chat).move(made.after.id, desk(chat).get(made.after.id).mark, date(2026, 3, 13), once="b")
    with pytest.raises(UserError, match="又改过"):
        desk(chat).undo(made.version, once="c")


def test_a_push_of_a_community_that_is_not_listed_is_refused(chat: Chat) -> None:
    with pytest.raises(UserError, match="没有写进配置"):
        replace(desk(chat), community=chat.communities.named("wrSTRANGER")).make(
            Push("", "", "早", "wrSTRANGER", at="2026-03-12 09:00"), once="a"
        )


def test_receipts_tell_what_became_of_each_moment_for_a_year(chat: Chat) -> None:
    push, now = Push("p", "*/30 * * * *", "早", "main", marketing=True), chat.clock()
    for n in range(50):
        assert fire(
            push,
            chat.community,
            now + timedelta(minutes=n),
            chat.stores,
            chat.config,
            chat.live.current,
            now + timedelta(minutes=n, seconds=3),
        )
    set_crisis(chat.stores, chat.community, OPERATOR, is_on=True, now=now, once="crisis")
    assert not fire(push, chat.community, now + timedelta(hours=2), chat.stores, chat.config, chat.live.current, now + timedelta(hours=2))
    assert not fire(push, chat.community, now + timedelta(hours=2), chat.stores, chat.config, chat.live.current, now + timedelta(hours=2))
    [receipt] = chat.stores.firings.receipts(chat.community.keys, date(2026, 3, 1), date(2026, 4, 1))
    assert (receipt.day, receipt.push, receipt.title, receipt.count) == (date(2026, 3, 10), "p", "早", 51)
    assert len(receipt.moments) == 48, "the oldest are only counted"
    assert [moment.why for moment in receipt.moments[-2:]] == ["", "crisis"]
    assert chat.stores.firings.receipts(chat.community.keys, date(2026, 3, 11), date(2026, 4, 1)) == []


# What came out in review --------------------------------------------------------------------------------------------------


def test_a_push_that_comes_due_while_nobody_rings_is_made_up_for_though_it_was_never_noticed(chat: Chat) -> None:
    asked = chat.clock()
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-10 18:00"), once="a").after
    assert made
    since = chat.stores.firings.last(chat.community.keys, made.id)
    assert since
    assert asked <= since <= chat.clock(), "from then on it can be missed"


def test_taking_back_does_not_put_a_push_into_the_past(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="a").after
    assert made
    moved = desk(chat).move(made.id, desk(chat).get(made.id).mark, date(2026, 3, 20), once="b")
    other = desk(chat).make(Push("", "", "晚上好", "main", at="2026-03-11 09:30"), once="c").after
    assert other
    off = desk(chat).switch(other.id, desk(chat).get(other.id).mark, is_on=False, once="d")
    chat.at("2026-03-12 09:00:00")
    for done in (moved, off):
        with pytest.raises(UserError, match="已经过了"):
            desk(chat).undo(done.version, once=f"undo {done.version}")
    assert desk(chat).get(made.id).push.at == "2026-03-20 09:00"


def test_taking_a_move_back_comes_too_late_as_the_push_goes_out(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-20 09:00"), once="a").after
    assert made
    moved = desk(chat).move(made.id, desk(chat).get(made.id).mark, date(2026, 3, 11), once="b")
    chat.at("2026-03-11 08:59:55")
    with pytest.raises(UserError, match="几秒钟后"):
        desk(chat).undo(moved.version, once="c")


def test_what_is_late_and_may_be_made_up_for_is_not_moved_and_said_twice(chat: Chat) -> None:
    made = desk(chat).make(Push("", "", "早上好", "main", at="2026-03-11 09:00"), once="a").after
    assert made
    chat.at("2026-03-11 09:03:00")
    with pytest.raises(UserError, match="随时会补发"):
        desk(chat).move(made.id, desk(chat).get(made.id).mark, date(2026, 3, 15), once="b")


@pytest.mark.parametrize(
    "typed", ["2月30日 9:00 早", "2月30日9:00早", "二月三十日 早", "12月1日 25:00 早", "12月1日25:00早", "明天 9:75 早", "明天9:75早"]
)
def test_a_moment_that_cannot_be_is_not_cut_into_one_that_can(typed: str) -> None:
    assert read_plan(typed, NOW) is None


def test_a_text_may_begin_with_an_hour_of_its_own() -> None:
    found = read_plan("后天 下午3点 4点开会", NOW)
    assert found
    assert (f"{found[0]:%m-%d %H:%M}", found[1]) == ("03-12 15:00", "4点开会")


def test_taking_back_without_a_number_takes_back_ones_own(chat: Chat) -> None:
    chat.as_admin("推送 新建 明天 9:00 早上好")
    publish(chat.stores, PUSHES, "- {id: far, at: 2026-03-20 09:00, community: far, text: 远方的事}\n", "somebody", chat.clock())
    mine = chat.as_admin("推送 新建 明天 10:00 又一条")
    assert "又一条" in mine
    chat.stores.content.put(PUSHES.name, {"far": None}, "somebody", chat.clock())
    assert "已撤销" in chat.as_admin("推送 撤销")
    assert "又一条" not in chat.as_admin("推送 列表")
