"""Mailings: who gets what a push says, page by page, once; caps, opt-outs, quiet hours, first readers, stopping and going on."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from chat import FAR, MAIN, SUB, Chat, OpenChat, a_config, settings
from ringing import SHANGHAI, Desk, desk_at_half_past_eight

from bot.communities import Communities
from bot.config import AibotWsChannel
from bot.mailing import fire
from bot.mailing_desk import left_of
from bot.push_reach import reach_of
from handlers.contents import publish
from rules.calendar import end_of_quiet
from rules.contents import PUSHES
from rules.levels import level_of
from rules.pushes import Push
from scheduler.clock import Agenda
from storage import keys
from storage.firings import MOST_MOMENTS
from storage.moment import to_ms
from storage.tallies import place_of

pytest_plugins = ("chat",)


@pytest.fixture
def desk(chat: Chat) -> Desk:
    return desk_at_half_past_eight(chat)


def test_one_group_is_one_act_and_counts_as_it_arrives(desk: Desk) -> None:
    desk.at(9)
    assert desk.pushed() == ["push:main:p"]
    assert (desk.mailing.of, desk.mailing.queued, desk.mailing.sent, desk.mailing.state) == (1, 1, 0, "running")
    assert desk.send(9) == 1
    assert (desk.mailing.sent, desk.mailing.state) == (1, "done")
    assert desk.chat.stores.mailings.got(desk.chat.community.keys, "p", desk.mailing.planned, 9) == [MAIN]
    assert {**desk.chat.log("push")[0].data, "planned": ""} == {
        "push": "p", "planned": "", "arm": "", "to": "groups", "late_s": 0.0, "chat": MAIN
    }  # fmt: skip


def test_a_group_that_is_named_and_has_no_way_is_told_of(desk: Desk) -> None:
    desk.writes(groups=[MAIN, SUB])
    desk.at(9)
    assert desk.why() == {MAIN: "", SUB: "no_way"}
    assert (desk.mailing.of, desk.mailing.queued, dict(desk.mailing.skipped)) == (2, 1, {"no_way": 1})


def test_a_group_that_is_named_twice_hears_it_once(desk: Desk) -> None:
    desk.writes(groups=[MAIN, MAIN])
    desk.at(9)
    assert desk.pushed() == ["push:main:p"]
    assert (desk.mailing.of, desk.mailing.queued, desk.mailing.state) == (1, 1, "running")


def test_a_group_of_another_community_hears_nothing_though_a_long_connection_leads_there(desk: Desk) -> None:
    chat = desk.chat
    link = AibotWsChannel.model_validate({"name": "link", "kind": "aibot_ws", "bot_id": "B", "secret": "s"})
    config = chat.config.model_copy(update={"channels": (*chat.config.channels, link)})
    desk.agenda = Agenda(chat.stores, config, chat.live, chat.communities, chat.clock)
    desk.writes(groups=[SUB, FAR])
    desk.at(9)
    assert desk.why() == {SUB: "", FAR: "no_way"}


def test_a_community_without_groups_has_one_place_to_post_to(chat: Chat, tmp_path: Path) -> None:
    tree = settings()
    del tree["communities"][0]["groups"], tree["communities"][0]["admin_group"]
    config = a_config(tmp_path, chat.config.redis.url.get_secret_value(), tree)
    main, now = Communities(config, chat.stores.groups, chat.stores.shards).named("main"), chat.clock()
    assert fire(Push("p", "0 9 * * *", "早安", "main"), main, now, chat.stores, config, chat.live.current, now)
    desk = Desk(chat)
    assert desk.send(9) == 1
    assert (desk.mailing.sent, desk.mailing.state) == (1, "done")


def test_members_are_spoken_to_one_by_one_by_their_names(desk: Desk) -> None:
    members = desk.members(3)
    desk.writes(to="members", segment="all", text="{nickname}，早安")
    desk.at(9)
    texts = {one.member: one.body for one in desk.chat.outbox() if one.id.startswith("push:")}
    assert set(texts) >= set(members)
    assert "成员1，早安\n\n不想收：回复 免打扰" in str(texts[members[1]]).replace("\\n", "\n")
    desk.send(99)
    receivers, mark = desk.chat.stores.mailings.receivers(desk.chat.community.keys, "p", desk.mailing.planned, 0, 99)
    assert set(receivers) == set(texts)
    assert mark is None


def test_a_member_reads_his_own_points_and_level_and_a_group_nobodys(desk: Desk) -> None:
    members = desk.members(2)
    chat = desk.chat
    today = chat.community.day_of(chat.clock())
    chat.stores.points.award(chat.community.keys, members[0], chat.clock(), today=today, reason="gift", points=1_234, once="x")
    desk.writes(to="members", segment="all", text="你有 {points} 分，是{level}")
    desk.at(9)
    texts = {one.member: str(one.body) for one in chat.outbox() if one.mailing}
    for member in members:
        account = chat.stores.points.account(chat.community.keys, member, chat.community.day_of(chat.clock()))
        level = level_of(chat.live.current.levels, account.earned).name
        assert f"你有 {account.balance:,} 分，是{level}" in texts[member]
    assert "1,2" in texts[members[0]]
    refused = chat.as_admin("推送 新建 明天 9:00 你们有 {points} 分")
    assert "{points} 是每个人自己的，只能用在一个一个发的推送里" in refused


def test_who_wants_no_pushes_gets_none_and_is_answered_all_the_same(desk: Desk) -> None:
    first, second, third = desk.members(3)
    assert "不再单独给你发推送" in desk.chat.says("免打扰", user="user0")
    assert "不再单独给你发营销推送" in desk.chat.says("免打扰 营销", user="user1")
    desk.writes(to="members", segment="all", marketing=True)
    desk.at(9)
    assert {who: desk.why()[f"m:{who}"] for who in (first, second, third)} == {first: "opted_out", second: "opted_out", third: ""}
    assert "已经签到过了" in desk.chat.says("签到", user="user0") or "积分" in desk.chat.says("签到", user="user0")
    assert "推送照常给你发" in desk.chat.says("订阅", user="user0")
    assert "停掉营销推送" in desk.chat.says("订阅 状态", user="user1")
    counted = [name for entry in desk.chat.log("decision") for name in entry.data.get("counts", ()) if name.startswith("opted")]
    assert sorted(counted) == ["opted_in", "opted_out", "opted_out"]


def test_a_wish_that_is_repeated_is_counted_once(desk: Desk) -> None:
    desk.chat.says("免打扰")
    desk.chat.says("免打扰")
    counted = [name for entry in desk.chat.log("decision") for name in entry.data.get("counts", ()) if name == "opted_out"]
    assert counted == ["opted_out"]
    assert [entry.data for entry in desk.chat.log("change") if entry.data["act"] == "opt_out"] == [{"act": "opt_out", "of": "all"}]


def test_who_wants_no_pushes_at_all_is_not_talked_down_to_marketing(desk: Desk) -> None:
    desk.chat.says("免打扰", user="user0")
    assert "你已停掉所有推送" in desk.chat.says("免打扰 营销", user="user0")
    assert "你已停掉所有单独发给你的推送" in desk.chat.says("订阅 状态", user="user0")


def test_a_member_hears_no_more_in_a_day_than_the_cap_allows(desk: Desk) -> None:
    members = desk.members(2)
    desk.writes(to="members", segment="all", cron="0 9,15 * * *")
    desk.at(9)
    desk.at(15)
    assert {desk.why()[f"m:{member}"] for member in members} == {"cap"}
    desk.at(9, days=1)
    assert {desk.why()[f"m:{member}"] for member in members} == {""}, "another day"


def test_what_falls_due_at_night_waits_for_the_morning_and_is_the_same_moment(desk: Desk) -> None:
    desk.writes(cron="0 23 * * *")
    desk.at(23)
    assert (desk.mailing.state, desk.pushed()) == ("waits", [])
    planned = desk.mailing.planned
    desk.at(7, 59, days=1)
    assert desk.pushed() == []
    desk.at(8)
    assert desk.pushed() == ["push:main:p"]
    assert desk.mailing.planned == planned


def test_of_the_moments_of_a_night_one_is_said_in_the_morning(desk: Desk) -> None:
    desk.writes(cron="0 1,2,7 * * *")
    for hour in (1, 2, 7):
        desk.at(hour, days=1 if hour == 1 else 0)
    desk.at(8, 1)
    assert desk.pushed() == ["push:main:p"]
    today = desk.chat.clock().astimezone(SHANGHAI).date()
    [receipt] = desk.chat.stores.firings.receipts(desk.chat.community.keys, today, today)
    assert [one.why for one in receipt.moments] == ["", "quiet", "quiet"]


def test_what_is_not_said_at_night_is_told_so(desk: Desk) -> None:
    desk.writes(cron="0 23 * * *", quiet="skip")
    desk.at(23)
    assert desk.pushed() == []
    day = desk.chat.clock().astimezone(SHANGHAI).date()
    [receipt] = desk.chat.stores.firings.receipts(desk.chat.community.keys, day, day)
    assert [moment.why for moment in receipt.moments] == ["quiet"]


def test_what_nobody_agreed_to_is_not_said(desk: Desk) -> None:
    desk.writes(approval="asked", asked_by=1)
    desk.at(9)
    assert desk.pushed() == []
    desk.writes(approval="granted", asked_by=1, granted_by=2)
    desk.at(9, days=1)
    assert desk.pushed() == ["push:main:p"]


def test_the_others_wait_until_the_first_readers_had_it(desk: Desk) -> None:
    desk.members(5)
    desk.writes(to="members", segment="all", first=2, first_minutes=30)
    desk.at(9)
    assert (desk.mailing.state, desk.mailing.queued) == ("first", 2)
    desk.pass_s(29 * 60)
    assert desk.mailing.queued == 2
    desk.pass_s(60)
    assert desk.mailing.queued == desk.mailing.of >= 5


def test_first_readers_are_those_who_get_it_and_not_those_who_were_looked_at(desk: Desk) -> None:
    members = desk.members(6)
    for user in range(3):
        desk.chat.says("免打扰", user=f"user{user}")
    desk.writes(to="members", segment="all", first=2, first_minutes=30)
    desk.at(9)
    desk.pass_s(1)
    desk.pass_s(1)
    assert (desk.mailing.state, desk.mailing.queued) == ("first", 2)
    assert [desk.why().get(f"m:{member}") for member in members] == ["opted_out"] * 3 + ["", "", None]
    desk.pass_s(30 * 60)
    assert desk.mailing.queued == 3


@pytest.mark.parametrize(("minute", "state"), [(15, "running"), (45, "stopped")])
def test_a_mailing_is_given_up_after_a_pause_of_a_day_and_not_a_day_after_its_beginning(desk: Desk, minute: int, state: str) -> None:
    desk.members(4)
    desk.writes(to="members", segment="all", first=1, first_minutes=30)
    desk.at(9)
    planned = desk.mailing.planned
    desk.chat.stores.pauses.set(desk.chat.community.id, "all", once="pause")
    desk.at(9, minute, days=1)
    desk.chat.stores.pauses.set(desk.chat.community.id, "", once="resume")
    desk.pass_s(3 * 3_600)
    mailing = desk.chat.stores.mailings.find(desk.chat.community.keys, "p", planned)
    assert mailing
    assert (mailing.state, mailing.queued) == (state, 4 if state == "running" else 1)


def test_first_readers_are_followed_at_once_where_somebody_says_so(desk: Desk) -> None:
    desk.members(5)
    desk.writes(to="members", segment="all", first=2)
    desk.at(9)
    desk.chat.stores.mailings.go_on(desk.chat.community.keys, "p", desk.mailing.planned, 1, desk.chat.clock(), "go")
    desk.pass_s(1)
    assert desk.mailing.queued == desk.mailing.of


def test_what_is_stopped_is_taken_back_from_the_queue_and_counted(desk: Desk) -> None:
    desk.members(5)
    desk.writes(to="members", segment="all")
    desk.at(9)
    assert desk.send(2) == 2
    stopped = desk.chat.stores.mailings.stop(desk.chat.community.keys, "p", desk.mailing.planned, 1, desk.chat.clock(), "stop")
    assert stopped
    assert stopped.state == "stopped"
    assert desk.send(99) == 0
    assert desk.mailing.sent == 2
    assert desk.mailing.skipped["stopped"] == desk.mailing.queued - 2
    assert desk.mailing.in_flight == 0
    assert desk.pushed() == []
    assert sorted(desk.why().values()) == ["", "", *["stopped"] * desk.mailing.skipped["stopped"]], "the log tells of each"


def test_a_stopped_post_to_a_group_leaves_its_queue_and_holds_up_nothing(desk: Desk) -> None:
    desk.writes()
    desk.at(9)
    stores, now = desk.chat.stores, desk.chat.clock()
    assert stores.mailings.stop(desk.chat.community.keys, "p", desk.mailing.planned, 1, now, "stop")
    assert desk.send(99) == 0
    assert desk.pushed() == []
    assert (desk.mailing.skipped["stopped"], desk.mailing.in_flight) == (desk.mailing.queued, 0)
    desk.writes(text="改好了")
    desk.at(9, days=1)
    assert desk.send(99) == desk.mailing.queued > 0, "the next push to that group goes out"


def test_a_correction_needs_no_room_among_the_caps_and_takes_none(desk: Desk) -> None:
    readers = desk.members(3)
    desk.writes(to="members", segment="all")
    desk.at(9)
    first, got = desk.mailing.planned, desk.send(99)
    assert got == len(readers)
    desk.writes(to="members", text="【更正】是今天", receivers_of=f"p@{to_ms(first)}", cron="0 10 * * *")
    desk.at(10)
    assert (desk.mailing.queued, dict(desk.mailing.skipped)) == (got, {})


def counts_of(desk: Desk) -> dict[str, int]:
    """What counts towards the caps, over all days."""
    found = desk.chat.stores.database
    return {field: int(count) for key in found.scan("qb:*push_counts*") for field, count in found.rows(key)}


def test_what_was_stopped_hands_back_what_it_took_of_the_caps(desk: Desk) -> None:
    members = desk.members(4)
    desk.writes(to="members", segment="all", marketing=True, cron="0 9,15 * * *")
    desk.at(9)
    assert set(counts_of(desk)) > {f"m:{member}|marketing" for member in members}
    assert desk.send(1) == 1
    first = desk.mailing.planned
    desk.chat.stores.mailings.stop(desk.chat.community.keys, "p", first, 1, desk.chat.clock(), "stop")
    assert desk.send(99) == 0
    [got], _ = desk.chat.stores.mailings.receivers(desk.chat.community.keys, "p", first, 0, 99)
    assert {field.partition("|")[0] for field in counts_of(desk)} == {f"m:{got}"}, "all kinds of those who got nothing"
    assert {entry.data["planned"] for entry in desk.chat.log("push")} == {first.isoformat()}, (
        "what was stopped is told of like what was queued"
    )
    desk.at(15)
    assert {member: desk.why()[f"m:{member}"] for member in members} == {member: "cap" if member == got else "" for member in members}


def test_a_group_whose_post_was_stopped_may_be_spoken_to_on_that_day(desk: Desk) -> None:
    desk.at(9)
    assert counts_of(desk)
    desk.chat.stores.mailings.stop(desk.chat.community.keys, "p", desk.mailing.planned, 1, desk.chat.clock(), "stop")
    assert desk.send(99) == 0
    assert counts_of(desk) == {}


def test_what_failed_for_good_hands_its_cap_back_and_takes_it_again_once_it_is_sent_again(desk: Desk) -> None:
    desk.members(2)
    desk.writes(to="members", segment="all")
    desk.at(9)
    before, outbox, shard = counts_of(desk), desk.chat.stores.outbox, desk.chat.community.shard
    assert desk.send(1, is_dead=True) == 1
    [letter] = outbox.dead_letters(shard)
    assert {field for field in before if field not in counts_of(desk)} == {
        f"m:{letter.delivery.member}|{kind}" for kind in kinds_of(before)
    }
    assert outbox.replay(shard, letter.delivery.id, to_ms(desk.chat.clock()), once="again")
    assert not outbox.replay(shard, letter.delivery.id, to_ms(desk.chat.clock()), once="other"), "another was first"
    assert counts_of(desk) == before


def kinds_of(counts: dict[str, int]) -> set[str]:
    """The kinds that are counted."""
    return {field.partition("|")[2] for field in counts}


def test_who_is_forgotten_while_his_letter_waits_does_not_keep_the_mailing_running(desk: Desk) -> None:
    first, _ = desk.members(2)
    desk.writes(to="members", segment="all")
    desk.at(9)
    stores = desk.chat.stores
    assert stores.outbox.erase_user(first).startswith("已删除待发送和发送失败的消息 ")
    assert dict(desk.mailing.skipped) == {"erased": 1}
    assert not [field for field in counts_of(desk) if field.startswith(f"m:{first}|")]
    desk.send(99)
    assert (desk.mailing.in_flight, desk.mailing.state, desk.mailing.sent) == (0, "done", desk.mailing.queued - 1)
    assert desk.mailing.ended
    stopped = stores.mailings.stop(desk.chat.community.keys, "p", desk.mailing.planned, 1, desk.chat.clock(), "late")
    assert stopped
    assert stopped.state == "done", "there is nothing left to stop"


def test_who_was_forgotten_by_the_counts_first_is_not_counted_below_nothing(desk: Desk) -> None:
    [member] = desk.members(1)
    desk.writes(to="members", segment="all")
    desk.at(9)
    desk.chat.stores.mailings.erase_user(member)
    desk.chat.stores.outbox.erase_user(member)
    assert not [field for field in counts_of(desk) if field.startswith(f"m:{member}|")]


def test_a_segment_that_is_gone_takes_only_the_calling_away(desk: Desk) -> None:
    desk.writes(segment="@没有这个群体")
    desk.at(9)
    assert desk.pushed()
    assert not any(one.called for one in desk.chat.outbox())


def test_a_mailing_that_cannot_go_on_holds_up_no_other(desk: Desk) -> None:
    desk.members(4)
    desk.writes(to="members", segment="all", first=1)
    desk.at(9)
    where, planned = desk.chat.community.keys, desk.mailing.planned
    desk.chat.stores.mailings.go_on(where, "p", planned, 1, desk.chat.clock(), "on")
    desk.chat.stores.database.command("HSET", keys.MAILING(shard=where.shard, community=where.id, name=desk.mailing.name), "cursor", "mX")
    desk.pass_s(1)
    assert desk.mailing.next_at
    assert desk.mailing.state == "running"
    due = desk.chat.stores.mailings.next_due([where.shard])
    assert due
    assert due - desk.chat.clock() > timedelta(seconds=30), "it is tried again later"


def test_what_failed_counts_as_failed_and_no_more_once_it_is_sent_again(desk: Desk) -> None:
    desk.at(9)
    assert desk.send(1, is_dead=True) == 1
    assert (desk.mailing.sent, desk.mailing.failed, desk.mailing.state) == (0, 1, "done")
    [letter] = desk.chat.stores.outbox.dead_letters(desk.chat.community.shard)
    assert desk.chat.stores.outbox.replay(desk.chat.community.shard, letter.delivery.id, to_ms(desk.chat.clock()))
    desk.send(1)
    assert (desk.mailing.sent, desk.mailing.failed) == (1, 0)


def test_a_push_that_is_switched_off_stops_its_mailing(desk: Desk) -> None:
    desk.members(5)
    desk.writes(to="members", segment="all", first=2, first_minutes=30)
    desk.at(9)
    desk.writes(to="members", segment="all", first=2, enabled=False)
    desk.pass_s(3_600)
    assert (desk.mailing.state, desk.mailing.looked, desk.mailing.by) == ("stopped", 2, 0)


def test_arms_share_the_readers_and_the_held_out_are_told_of(desk: Desk) -> None:
    members = desk.members(30)
    arms = [{"name": name, "text": f"文案{name}"} for name in "AB"]
    desk.writes(to="members", segment="all", arms=arms, trial={"outcome": "reply", "holdout": 20})
    desk.at(9)
    told = [entry for entry in desk.chat.log("push") if entry.member in members]
    assert {entry.data["arm"] for entry in told} == {"A", "B", ""}
    assert all((entry.data["arm"] == "") == (entry.data.get("why") == "holdout") for entry in told)
    assert {one.trial.partition("|")[2] for one in desk.chat.outbox() if one.mailing} == {
        entry.data["arm"] for entry in told if entry.data["arm"]
    }
    assert {bool(entry.data.get("trial")) for entry in told if entry.data.get("why") == "holdout"} == {True}, (
        "whoever is held out is counted from here on"
    )


def test_a_correction_goes_to_exactly_those_who_got_it(desk: Desk) -> None:
    desk.members(6)
    desk.writes(to="members", segment="all")
    desk.at(9)
    desk.send(3)
    first = desk.mailing
    desk.chat.stores.mailings.stop(desk.chat.community.keys, "p", first.planned, 1, desk.chat.clock(), "stop")
    got, _ = desk.chat.stores.mailings.receivers(desk.chat.community.keys, "p", first.planned, 0, 99)
    desk.send(99)
    desk.writes(id="fix", to="members", text="【更正】", receivers_of=first.name, cron="30 9 * * *")
    desk.at(9, 30)
    assert sorted(one.member or 0 for one in desk.chat.outbox() if one.id.startswith("push:main:fix")) == got


def test_of_processes_that_ring_at_once_one_does_each_page(open_chat: OpenChat, desk: Desk) -> None:
    desk.members(8)
    desk.writes(to="members", segment="all", first=3, first_minutes=1)
    others = [Desk(desk.chat) for _ in range(4)]
    for one in others:
        one.agenda.ring(desk.chat.clock())
    now = desk.chat.clock().astimezone(SHANGHAI)
    for then in (now.replace(hour=9, minute=0), now.replace(hour=9, minute=2)):
        desk.chat.later(seconds=(then - desk.chat.clock()).total_seconds())
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: one.agenda.ring(desk.chat.clock()), others))
    mailing = desk.mailing
    assert mailing.queued == mailing.of == mailing.looked
    assert len(desk.pushed()) == len(set(desk.pushed())) == mailing.of


def test_a_card_is_shown_to_a_group_and_a_picture_goes_behind_the_text(desk: Desk) -> None:
    desk.writes(card={"title": "团建", "text": "周六", "url": "https://example.com/a"}, text="周六团建")
    desk.at(9)
    [post] = [one for one in desk.chat.outbox() if one.id.startswith("push:")]
    assert post.body["msgtype"] == "template_card"
    assert post.body["template_card"]["main_title"]["title"] == "团建"


@pytest.mark.parametrize(
    ("row", "kind"),
    [({"markdown": False}, "text"), ({"articles": [{"title": "一", "url": "https://example.com/1"}]}, "news"), ({}, "markdown")],
)
def test_a_group_is_shown_what_its_webhook_can(desk: Desk, row: dict[str, Any], kind: str) -> None:
    desk.writes(**row)
    desk.at(9)
    [post] = [one for one in desk.chat.outbox() if one.id.startswith("push:")]
    assert post.body["msgtype"] == kind


def test_a_post_to_a_group_calls_those_of_the_segment_who_are_in_it(desk: Desk) -> None:
    members = desk.members(3)
    desk.writes(segment="all")
    desk.at(9)
    [post] = [one for one in desk.chat.outbox() if one.id.startswith("push:")]
    assert set(members) <= set(post.called)
    assert "user0" not in str(post.body), "nobody's name stands in a queue"


def test_a_person_is_forgotten_by_mailings_and_wishes(desk: Desk) -> None:
    [member] = desk.members(1)
    desk.writes(to="members", segment="all")
    desk.at(9)
    desk.send(9)
    desk.chat.says("免打扰", user="user0")
    stores = desk.chat.stores
    assert stores.mailings.export_user(member) == {"main": [desk.mailing.name]}
    assert stores.subscriptions.export_user(member) == {"main": "all"}
    stores.mailings.erase_user(member)
    stores.subscriptions.erase_user(member)
    assert stores.mailings.export_user(member) == stores.subscriptions.export_user(member) == {}
    left = [field for key in stores.database.scan("qb:*push_counts*") for field, _ in stores.database.rows(key)]
    assert not [field for field in left if field.startswith(f"m:{member}|")]


@pytest.mark.parametrize(
    ("span", "at", "end"),
    [
        ("22:00-08:00", "2026-03-10T14:00", "2026-03-11T00:00"),
        ("22:00-08:00", "2026-03-10T23:59", "2026-03-11T00:00"),
        ("22:00-08:00", "2026-03-11T00:00", None),
        ("12:00-14:00", "2026-03-10T05:00", "2026-03-10T06:00"),
        ("12:00-14:00", "2026-03-10T03:59", None),
        ("", "2026-03-10T15:00", None),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_the_place(span: str, at: str, end: str | None) -> None:
    found = end_of_quiet(span, datetime.fromisoformat(f"{at}+00:00"), SHANGHAI)
    assert found == (datetime.fromisoformat(f"{end}+00:00") if end else None)


# Members of several communities, and callings of many groups -----------------------------------------------------------------


def test_what_is_said_to_the_members_of_all_communities_is_said_to_each_once(desk: Desk) -> None:
    members = desk.members(3)
    far = desk.chat.communities.named("far")
    desk.chat.stores.traits.write(far.keys, {member: {"level": 1} for member in members[1:]})
    for member in members[1:]:
        desk.chat.stores.database.command("SETBIT", keys.HERE(shard=far.shard, community="far"), member, 1)
    push = Push("all", "", "放假通知", "*", at="2026-12-01 09:00", to="members", segment="all")
    where = list(desk.chat.communities.listed)
    reach = reach_of(push, where, desk.chat.stores, desk.chat.config, desk.chat.live.current, desk.chat.clock())
    assert (
        reach.people
        == reach_of(
            replace(push, community="main"), where[:1], desk.chat.stores, desk.chat.config, desk.chat.live.current, desk.chat.clock()
        ).people
    )
    desk.writes(community="*", to="members", segment="all", quiet="ignore")
    desk.at(9)
    desk.at(21, 30)  # it is half past nine in New York
    got = Counter(one.member for one in desk.chat.outbox() if one.mailing)
    assert set(members) <= set(got)
    assert set(got.values()) == {1}
    [other] = desk.chat.stores.mailings.of_push(far.keys, "p", 1)
    assert other.skipped["elsewhere"] == 2
    assert desk.chat.stores.mailings.claim_readers(far.keys, "p", "2026-12-01 09:00", members) == frozenset(), (
        "another moment, others may speak"
    )
    desk.chat.stores.mailings.erase_user(members[0])
    for key in desk.chat.stores.database.scan(keys.MAILING_READERS(shard="*", push="*", moment="*")):
        assert str(members[0]) not in desk.chat.stores.database.command("HKEYS", key)


def test_calling_costs_no_more_round_trips_for_many_groups(open_chat: OpenChat) -> None:
    costs = []
    for count in (2, 3, 40):  # the first has the scripts loaded, too
        chats = [MAIN, *(f"wr{number}" for number in range(1, count))]
        chat = open_chat(further=chats[1:])
        where, numbers = chat.community.keys, range(1_000, 1_000 + 3 * count)
        chat.stores.traits.write(where, {number: {"level": 3, "opted_out": number % 3 == 0} for number in numbers})
        for number in numbers:
            for place in (where.id, place_of(where.id, chats[number % count])):
                chat.stores.database.command("SETBIT", keys.HERE(shard=where.shard, community=place), number, 1)
        push = Push(f"p{count}", "0 9 * * *", "早安", "main", segment="level >= 3")
        trips = list[int]()
        chat.stores.database._on_round_trip = partial(trips.append, 1)
        assert fire(push, chat.community, chat.clock(), chat.stores, chat.config, chat.live.current, chat.clock())
        costs.append(len(trips))
        called = [one.body["markdown"]["content"] for one in chat.outbox() if one.id.startswith(f"push:main:p{count}@")]
        assert len(called) == count
    assert 0 < costs[1] == costs[2]


# Time, and several processes ------------------------------------------------------------------------------------------------


def test_a_clock_that_is_ahead_keeps_nobody_waiting(open_chat: OpenChat, desk: Desk) -> None:
    """A process whose clock is an hour ahead begins a mailing; others carry it on by the time that all agree on."""
    desk.members(3)
    desk.writes(to="members", segment="all", first=1, first_minutes=10, quiet="ignore")
    chat = desk.chat
    ahead = Agenda(chat.stores, chat.config, chat.live, chat.communities, lambda: chat.clock() + timedelta(hours=1), agreed=chat.clock)
    ahead.ring(chat.clock() + timedelta(hours=1))
    assert desk.mailing.state == "first"
    assert desk.mailing.next_at
    assert desk.mailing.next_at < chat.clock() + timedelta(minutes=41), "ten minutes after its moment, not after the clock that is ahead"
    there = open_chat(clock=chat.clock)
    behind = Agenda(there.stores, there.config, there.live, there.communities, lambda: chat.clock() - timedelta(hours=1), agreed=chat.clock)
    desk.chat.later(seconds=(desk.mailing.next_at - chat.clock()).total_seconds())
    behind.ring(chat.clock() - timedelta(hours=1))
    assert desk.mailing.looked == desk.mailing.of


def test_processes_at_once_leave_no_room_under_a_cap_for_two(open_chat: OpenChat, desk: Desk) -> None:
    """Eight pushes fall due at one moment, rung by four processes at once: who may hear two a day hears two."""
    members = desk.members(5)
    desk.pushing(caps=[{"kind": "all", "most": 2, "days": 1}], quiet="")
    rows = [{"id": f"p{n}", "cron": "0 9 * * *", "community": "main", "text": f"{n}", "to": "members", "segment": "all"} for n in range(8)]
    publish(desk.chat.stores, PUSHES, msgspec.json.encode(rows).decode(), "boss", desk.chat.clock())
    now = desk.chat.clock().astimezone(SHANGHAI)
    desk.chat.later(seconds=(now.replace(hour=9, minute=0, second=0, microsecond=0) - now).total_seconds())
    chats = [open_chat(clock=desk.chat.clock) for _ in range(4)]
    moment = desk.chat.clock().replace(second=0, microsecond=0)

    def ring(chat: Chat) -> None:
        for push in chat.live.current.pushes:
            fire(push, chat.community, moment, chat.stores, chat.config, chat.live.current, moment)

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=ring, args=(chat,)) for chat in chats]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
    got = Counter(one.member for one in desk.chat.outbox() if one.mailing)
    assert {got[member] for member in members} == {2}
    where = desk.chat.community.keys
    held = sum(desk.chat.stores.mailings.of_push(where, f"p{n}", 1)[0].skipped.get("cap", 0) for n in range(8))
    assert held == 6 * len(got)


def test_a_mailing_is_stopped_in_the_middle_of_a_long_run_through_groups(open_chat: OpenChat) -> None:
    """What was said stays said, what is queued is taken back, the rest is never begun – and every group is accounted for."""
    desk = desk_at_half_past_eight(open_chat(further=[f"wr{number:04}" for number in range(1, 700)]))
    desk.at(9)
    desk.send(40)
    desk.pass_s(1)
    mailing = desk.mailing
    assert (mailing.of, mailing.sent, mailing.state) == (700, 40, "running")
    assert 40 < mailing.queued < 700
    desk.chat.stores.mailings.stop(desk.chat.community.keys, "p", mailing.planned, 1, desk.chat.clock(), "stop")
    assert desk.send(1_000) == 0
    desk.pass_s(5)
    done = desk.mailing
    assert (done.sent, done.skipped, done.in_flight) == (40, {"stopped": done.queued - 40}, 0)
    assert done.looked == mailing.looked
    assert left_of(done) == 700 - done.looked


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_end_the_first_time() -> None:
    zone = ZoneInfo("America/New_York")
    night = datetime(2026, 11, 1, 0, 30, tzinfo=zone)
    end = end_of_quiet("22:00-01:30", night, zone)
    assert end
    assert end.astimezone(UTC) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert end_of_quiet("22:00-01:30", end, zone) is None
    again = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)  # 01:10 for the second time
    later = end_of_quiet("22:00-01:30", again, zone)
    assert later is None or later - again <= timedelta(minutes=20)
    spring = end_of_quiet("22:00-02:30", datetime(2026, 3, 8, 1, 30, tzinfo=zone), zone)
    assert spring
    assert spring.astimezone(UTC) == datetime(2026, 3, 8, 7, 30, tzinfo=UTC), "half past two does not come: it ends when it would have been"


def test_more_moments_of_a_day_than_a_receipt_tells_are_counted_all_the_same(desk: Desk) -> None:
    desk.writes(cron="*/15 9-23 * * *", quiet="ignore")
    desk.chat.stores.pauses.set("main", "posts", once="p")
    for number in range(9 * 4, 24 * 4):
        desk.at(number // 4, number % 4 * 15)
    day = desk.chat.clock().astimezone(SHANGHAI).date()
    [receipt] = [one for one in desk.chat.stores.firings.receipts(desk.chat.community.keys, day, day) if one.push == "p"]
    assert (receipt.count, len(receipt.moments)) == (60, MOST_MOMENTS)
    assert {one.why for one in receipt.moments} == {"paused"}
    assert receipt.moments[-1].planned.astimezone(SHANGHAI).strftime("%H:%M") == "23:45"
