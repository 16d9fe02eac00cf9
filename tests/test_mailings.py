"""Mailings: who gets what a push says, page by page, once; caps, opt-outs, quiet hours, first readers, stopping and going on."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from chat import MAIN, SUB, Chat, OpenChat

from bot.traits import ring_traits
from handlers.contents import publish
from rules.calendar import end_of_quiet
from rules.contents import PUSHES
from scheduler.clock import Agenda
from storage import keys
from storage.mailings import Mailing
from storage.moment import to_ms
from storage.outbox import Lease

pytest_plugins = ("chat",)

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Desk:
    """A chat whose pushes are rung by hand."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock)

    def writes(self, **row: Any) -> None:
        """The only push there is: at nine, to the main community, unless ``row`` says otherwise."""
        pushes = [{"id": "p", "cron": "0 9 * * *", "community": "main", "text": "早安"} | row]
        publish(self.chat.stores, PUSHES, msgspec.json.encode(pushes).decode(), "boss", self.chat.clock())
        self.chat.live.refresh()
        self.agenda.ring(self.chat.clock())

    def pushing(self, **rules: Any) -> None:
        """The manners of pushing everywhere."""
        self.chat.stores.content.put("pushing", {"default": msgspec.json.encode(rules).decode()}, "boss", self.chat.clock())
        self.chat.live.refresh()

    def at(self, hour: int, minute: int = 0, *, days: int = 0) -> None:
        """It becomes so late by the clocks of Shanghai, and everything due is done."""
        now = self.chat.clock().astimezone(SHANGHAI)
        then = now.replace(hour=hour, minute=minute, second=0, microsecond=0) + timedelta(days=days)
        self.chat.later(seconds=(then - now).total_seconds())
        self.agenda.ring(self.chat.clock())

    def pass_s(self, seconds: float) -> None:
        """Seconds pass, and everything due is done."""
        self.chat.later(seconds=seconds)
        self.agenda.ring(self.chat.clock())

    def members(self, count: int) -> list[int]:
        """So many colleagues say something, and are known to segments."""
        for number in range(count):
            self.chat.says("签到", user=f"user{number}", name=f"成员{number}")
        while ring_traits(self.chat.stores, self.chat.config, self.chat.live.current, self.chat.communities, self.chat.clock()):
            pass
        return [self.chat.member(f"user{number}") for number in range(count)]

    @property
    def mailing(self) -> Mailing:
        """The newest mailing of the push."""
        return self.chat.stores.mailings.of_push(self.chat.community.keys, "p", 1)[0]

    def pushed(self) -> list[str]:
        """The ids of what waits to be sent, without the moment."""
        return [re.sub("@[0-9]+", "", one.id) for one in self.chat.outbox() if one.id.startswith("push:")]

    def send(self, count: int, *, is_dead: bool = False) -> int:
        """A sender takes so many of what is queued; gives how many it got."""
        outbox, now, done = self.chat.stores.outbox, to_ms(self.chat.clock()), 0
        for shard, lane, target in outbox.due(range(self.chat.stores.shards), now):
            while done < count and (lease := self._lease(shard, lane, target, now)):
                done += outbox.dead(lease, "没有送到", now) if is_dead else bool(outbox.done(lease, now))
        return done

    def _lease(self, shard: int, lane: str, target: str, now: int) -> Lease | None:
        return self.chat.stores.outbox.lease(shard, lane, target, "sender", now, 30_000) if target else None

    def why(self) -> dict[str, str]:
        """What became of each unit, by the log: '' it was queued."""
        return {(f"m:{one.member}" if one.member else one.data["chat"]): one.data.get("why", "") for one in self.chat.log("push")}


@pytest.fixture
def desk(chat: Chat) -> Desk:
    """08:00 in Shanghai at the latest; nothing is planned but what a test writes."""
    desk = Desk(chat)
    desk.writes()
    now = chat.clock().astimezone(SHANGHAI)
    chat.later(seconds=((now + timedelta(days=1)).replace(hour=8, minute=30, second=0) - now).total_seconds())
    return desk


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
    assert "<@" not in str([one.body for one in desk.chat.outbox()])


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
    assert len({entry.data["trial"] for entry in told}) == 1


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
    desk.members(3)
    desk.writes(segment="all")
    desk.at(9)
    [post] = [one for one in desk.chat.outbox() if one.id.startswith("push:")]
    assert "<@user0>" in post.body["markdown"]["content"]


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
