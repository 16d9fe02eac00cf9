"""The second look: what was queued in good time goes no more once somebody wants none, a crisis or the night begins, or its push is switched off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from chat import MAIN, SUB, Chat
from ringing import SHANGHAI, Desk, desk_at_half_past_eight
from vendor import Vendor, vendor

from bot.client import WeComClient, Wire
from bot.communities import Communities
from bot.mailing_desk import words_of
from bot.parts import parts_of
from bot.second_look import GOES, SecondLook, Stand
from bot.sender import Sender
from bot.ways import WEBHOOK_BYTES, Lookups, Ways
from storage import keys
from storage.limits import Limits
from storage.moment import to_ms
from storage.outbox import Delivery
from storage.tallies import place_of
from storage.tokens import TokenStore

pytest_plugins = ("chat",)


@pytest.fixture
def desk(chat: Chat) -> Desk:
    return desk_at_half_past_eight(chat)


@pytest.fixture
def outside() -> Iterator[Vendor]:
    """WeCom's side."""
    with vendor() as double:
        yield double


@pytest.fixture
def sender(desk: Desk, outside: Vendor) -> Sender:
    """A worker's; of one thread, so that nobody waits for a token that another fetches."""
    stores, wire = desk.chat.stores, Wire(outside.base)
    client = WeComClient("ww", "S", wire=wire, tokens=TokenStore(stores.database), now=desk.chat.clock)
    lookups = Lookups(webhook_key=lambda community, place: "KEY", user_id=stores.directory.find_user, app=lambda name: (client, 1))
    return Sender(
        stores.outbox, Limits(stores.database), Ways(wire, lookups).table(), now=desk.chat.clock, shards=range(stores.shards),
        on_dead=lambda delivery, reason: None, is_paused=stores.pauses.holds,
        look_again=SecondLook(stores, desk.chat.live, desk.chat.communities), threads=1,
    )  # fmt: skip


def posts(outside: Vendor) -> list[str]:
    """What groups were told."""
    return [body["markdown"]["content"] for body in outside.sent("webhook/send")]


def letters(outside: Vendor) -> list[str]:
    """To whom something was said in private."""
    return [body["touser"] for body in outside.sent("message/send")]


def taken(desk: Desk) -> dict[str, str]:
    """What is counted towards the caps of the day."""
    where, day = desk.chat.community.keys, desk.chat.clock().astimezone(SHANGHAI).date()
    flat = desk.chat.stores.database.command("HGETALL", keys.PUSH_COUNTS(shard=where.shard, community=where.id, day=day.isoformat()))
    return dict(zip(flat[::2], flat[1::2], strict=True))


def withdrawn(desk: Desk) -> list[tuple[int, str]]:
    """Of whom the log tells that something was taken back, and why."""
    return [(one.member, one.data["why"]) for one in desk.chat.log("push") if one.data.get("why")]


@pytest.mark.parametrize(("said", "marketing", "gets"), [("免打扰", False, 1), ("免打扰 营销", True, 1), ("免打扰 营销", False, 2)])
def test_who_wants_none_while_his_letter_waits_does_not_get_it(
    desk: Desk, sender: Sender, outside: Vendor, said: str, marketing: bool, gets: int
) -> None:
    first, _ = desk.members(2)
    sender.drain_once()
    desk.writes(to="members", segment="all", marketing=marketing)
    desk.at(9)
    desk.chat.says(said, user="user0")
    sender.drain_once()
    assert len([user for user in letters(outside) if user.startswith("user")]) == gets
    if gets == 2:
        return
    assert withdrawn(desk) == [(first, "opted_out")]
    assert not any(field.startswith(f"m:{first}|") for field in taken(desk)), "he may be spoken to on that day, should he come back"
    assert (desk.mailing.skipped, desk.mailing.in_flight, desk.mailing.state) == ({"opted_out": 1}, 0, "done")
    assert "免打扰 1" in words_of(desk.mailing)


@pytest.mark.parametrize("row", [{}, {"markdown": False}])
def test_a_post_calls_whoever_still_wants_it_and_is_still_known(desk: Desk, sender: Sender, outside: Vendor, row: dict[str, Any]) -> None:
    desk.members(3)
    sender.drain_once()
    desk.writes(segment="all", **row)
    desk.at(9)
    desk.chat.says("免打扰", user="user0")
    desk.chat.erase("user1")
    before = len(outside.sent("webhook/send"))
    sender.drain_once()
    [post] = [body for body in outside.sent("webhook/send")[before:] if "user" in str(body)]
    assert "user2" in str(post)
    assert "user0" not in str(post)
    assert "user1" not in str(post)
    assert ("mentioned_list" in post.get("text", {})) == (row != {})


def test_a_post_calls_nobody_who_has_left_the_group(desk: Desk, sender: Sender, outside: Vendor) -> None:
    first, _ = desk.members(2)
    sender.drain_once()
    desk.writes(segment="all")
    desk.at(9)
    where = desk.chat.community.keys
    desk.chat.stores.database.command("SETBIT", keys.HERE(shard=where.shard, community=place_of(where.id, MAIN)), first, 0)
    sender.drain_once()
    assert "早安\n<@user1>" in posts(outside)


@pytest.mark.parametrize("row", [{}, {"markdown": False}])
def test_a_long_post_calls_each_once_and_its_parts_name_nobody_while_they_wait(
    desk: Desk, sender: Sender, outside: Vendor, row: dict[str, Any]
) -> None:
    desk.members(3)
    sender.drain_once()
    # with the names it is longer than one Markdown post, without them just not
    desk.writes(segment="all", text="长" * 1_364 if not row else "长" * 1_500, **row)
    desk.at(9)
    before, look = len(outside.sent("webhook/send")), SecondLook(desk.chat.stores, desk.chat.live, desk.chat.communities)
    [post] = [one for one in desk.chat.outbox() if one.called]
    parts = parts_of(post, WEBHOOK_BYTES, look(post, desk.chat.clock()).shown)
    assert len(parts) > 1
    assert "user" not in str([part.body for part in parts])
    assert [bool(part.called) for part in parts] == [False] * (len(parts) - 1) + [True]
    desk.chat.says("免打扰", user="user0")
    for _ in parts:
        sender.drain_once()
    said = [str(body) for body in outside.sent("webhook/send")[before:] if "长" in str(body)]
    assert len(said) == len(parts)
    assert [one.count("user1") for one in said] == [0] * (len(parts) - 1) + [1]
    assert "user0" not in str(said)


def test_what_is_sent_again_after_days_asks_again(desk: Desk, sender: Sender, outside: Vendor) -> None:
    first, _ = desk.members(2)
    sender.drain_once()
    desk.writes(to="members", segment="all")
    desk.at(9)
    desk.send(99, is_dead=True)
    desk.chat.says("免打扰", user="user0")
    desk.chat.later(days=3)
    shard, now = desk.chat.community.shard, to_ms(desk.chat.clock())
    for letter in desk.chat.stores.outbox.dead_letters(shard):
        assert desk.chat.stores.outbox.replay(shard, letter.delivery.id, now)
    sender.drain_once()
    assert (first, "opted_out") in withdrawn(desk)
    assert "user0" not in letters(outside)
    assert "user1" in letters(outside)


def test_marketing_that_waits_when_a_crisis_begins_is_not_said(desk: Desk, sender: Sender, outside: Vendor) -> None:
    desk.writes(marketing=True)
    desk.at(9)
    desk.chat.stores.pauses.set_crisis("main", to_ms(desk.chat.clock()), once="c")
    sender.drain_once()
    assert posts(outside) == []
    assert withdrawn(desk) == [(0, "crisis")]
    assert (desk.mailing.skipped, desk.mailing.state, taken(desk)) == ({"crisis": 1}, "done", {})


@pytest.mark.parametrize(
    ("quiet", "at_night", "in_the_morning"), [("skip", [], []), ("wait", [], ["早安"]), ("ignore", ["早安"], ["早安"])]
)
def test_what_still_waits_when_the_night_begins(
    desk: Desk, sender: Sender, outside: Vendor, quiet: str, at_night: list[str], in_the_morning: list[str]
) -> None:
    desk.writes(cron="59 21 * * *", quiet=quiet)
    desk.at(21, 59)
    desk.at(22, 1)
    sender.drain_once()
    assert posts(outside) == at_night
    desk.at(8, 1, days=1)
    sender.drain_once()
    assert posts(outside) == in_the_morning
    assert desk.mailing.state == "done"
    assert desk.mailing.skipped == ({"quiet": 1} if quiet == "skip" else {})


def test_what_waits_for_the_morning_holds_up_nothing_that_may_be_said_at_night(desk: Desk, sender: Sender, outside: Vendor) -> None:
    """A post with its picture waits in one queue with a correction behind it."""
    desk.writes(cron="59 21 * * *")
    desk.at(21, 59)
    outbox, now = desk.chat.stores.outbox, desk.chat.clock()
    [post] = [one for one in desk.chat.outbox() if one.mailing]
    more: list[dict[str, Any]] = [{"id": f"{post.id}:2", "whom": "", "counted": ()}, {"id": "correction", "mailing": "", "whom": ""}]
    for row in more:
        body = {"msgtype": "markdown", "markdown": {"content": row["id"].rpartition(":")[2]}}
        outbox.enqueue(desk.chat.community.shard, [_like(post, body=body, pushed="", **row)], to_ms(now))
    desk.at(22, 1)
    sender.drain_once()
    desk.pass_s(60)
    sender.drain_once()
    assert posts(outside) == ["correction"]
    for _ in range(3):
        desk.pass_s(60)
        sender.drain_once()
    desk.at(8, 1, days=1)
    sender.drain_once()
    assert posts(outside) == ["correction", "早安", "2"], "what belongs together stays in order"


def _like(post: Delivery, **changes: Any) -> Delivery:
    fields = {name: getattr(post, name) for name in post.__dataclass_fields__}
    return Delivery(**(fields | changes))


def test_what_is_queued_of_a_push_that_is_switched_off_goes_no_more_and_it_is_told_why(desk: Desk, sender: Sender, outside: Vendor) -> None:
    desk.at(9)
    desk.writes(enabled=False)
    sender.drain_once()
    assert posts(outside) == []
    assert (desk.mailing.state, desk.mailing.why, desk.mailing.skipped) == ("stopped", "off", {"stopped": 1})
    assert words_of(desk.mailing).startswith("已停下（推送改成了草稿、删掉了，或者不再批准）：发出 0 个群")


def test_a_push_that_this_process_has_not_noticed_yet_goes(desk: Desk, sender: Sender, outside: Vendor) -> None:
    contents = desk.chat.live.current
    desk.writes(text="刚写的")
    desk.at(9)
    desk.chat.live.current = contents
    sender.drain_once()
    assert posts(outside) == ["刚写的"]


def test_a_second_look_costs_a_letter_one_round_trip_and_a_post_none(desk: Desk) -> None:
    desk.members(1)
    look, trips = SecondLook(desk.chat.stores, desk.chat.live, desk.chat.communities), list[int]()
    for to, cost in (("groups", 0), ("members", 1)):
        desk.writes(to=to, cron=f"0 {9 + cost} * * *")
        desk.at(9 + cost)
        [delivery, *_] = [one for one in desk.chat.outbox() if one.mailing and bool(one.member) is (to == "members")]
        desk.chat.stores.database._on_round_trip = lambda: trips.append(1)
        assert look(delivery, desk.chat.clock()) is GOES
        desk.chat.stores.database._on_round_trip = lambda: None
        assert len(trips) == cost


def test_what_waits_for_a_group_that_left_the_community_is_not_said(desk: Desk) -> None:
    desk.writes(groups=[SUB])
    post = Delivery("push:main:p@1:x", "bulk", "ws.link.x", "aibot_ws", "main", {}, chat=SUB, mailing="p@1", whom=SUB)
    config = desk.chat.config
    left = [one.model_copy(update={"groups": (MAIN,)} if one.id == "main" else {}) for one in config.communities]
    for communities, goes in ((config.communities, True), (tuple(left), False)):
        moved = Communities(config.model_copy(update={"communities": communities}), desk.chat.stores.groups, desk.chat.stores.shards)
        stand = SecondLook(desk.chat.stores, desk.chat.live, moved)(post, desk.chat.clock())
        assert stand == (GOES if goes else Stand("no_way"))


def test_what_waits_for_a_community_that_is_gone_is_not_said(desk: Desk) -> None:
    first, _ = desk.members(2)
    desk.writes(to="members", segment="all")
    desk.at(9)
    [letter] = [one for one in desk.chat.outbox() if one.mailing and one.member == first]
    without = desk.chat.config.model_copy(update={"communities": desk.chat.config.communities[1:]})
    communities = Communities(without, desk.chat.stores.groups, desk.chat.stores.shards)
    assert SecondLook(desk.chat.stores, desk.chat.live, communities)(letter, desk.chat.clock()) == Stand("stopped")
    assert (desk.mailing.state, desk.mailing.why) == ("stopped", "off")


def test_a_lease_that_was_lost_takes_nothing_back(desk: Desk) -> None:
    desk.at(9)
    outbox, now = desk.chat.stores.outbox, desk.chat.clock()
    [(shard, lane, target)] = [place for place in outbox.due(range(desk.chat.stores.shards), to_ms(now)) if "main.main" in place[2]]
    lost = outbox.lease(shard, lane, target, "slow", to_ms(now), 1_000)
    assert lost
    held = outbox.lease(shard, lane, target, "quick", to_ms(now + timedelta(seconds=2)), 30_000)
    assert held
    assert not outbox.take_back(lost, "crisis", to_ms(now))
    assert outbox.done(held, to_ms(now))
    assert (desk.mailing.sent, desk.mailing.skipped) == (1, {})
    assert held.losses == 1


def test_what_may_have_arrived_twice_is_counted_as_such(desk: Desk, sender: Sender) -> None:
    desk.at(9)
    outbox, now = desk.chat.stores.outbox, to_ms(desk.chat.clock())
    for shard, lane, target in outbox.due(range(desk.chat.stores.shards), now):
        assert outbox.lease(shard, lane, target, "killed", now, 30_000)
    desk.pass_s(31)
    sender.drain_once()
    assert (desk.mailing.sent, desk.mailing.twice) == (1, 1)
    assert "其中 1 个群可能收到两次" in words_of(desk.mailing)


def test_what_a_restore_holds_counts_as_failed_and_hands_its_cap_back(desk: Desk, sender: Sender, outside: Vendor) -> None:
    desk.at(9)
    outbox, now = desk.chat.stores.outbox, to_ms(desk.chat.clock())
    held = outbox.hold("恢复备份", now)
    assert held == len(outbox.dead_letters(desk.chat.community.shard)) > 0
    assert (desk.mailing.failed, desk.mailing.state, taken(desk)) == (1, "done", {})
    for letter in outbox.dead_letters(desk.chat.community.shard):
        assert outbox.replay(desk.chat.community.shard, letter.delivery.id, now)
    assert desk.mailing.failed == 0
    assert taken(desk) != {}
    sender.drain_once()
    assert (posts(outside), desk.mailing.sent) == (["早安"], 1)


# What was given up is told ------------------------------------------------------------------------------------------------


def test_the_list_tells_what_did_not_go_as_planned(desk: Desk, sender: Sender) -> None:
    desk.writes(cron="", at=f"{desk.chat.clock().astimezone(SHANGHAI):%Y-%m-%d} 09:00")
    desk.at(8, 50)
    desk.chat.stores.pauses.set("main", "posts", once="p")
    desk.at(9)
    desk.chat.stores.pauses.set("main", "", once="q")
    listed = desk.chat.as_admin("推送 列表")
    assert re.search(r"最近没有照常发的：\n• p  早安  \d\d-\d\d 09:00 没有发：社群在暂停", listed)
    desk.chat.later(days=4)
    assert "没有照常发的" not in desk.chat.as_admin("推送 列表")


def test_the_list_tells_what_was_given_up_on_the_way_and_what_did_not_arrive(desk: Desk, sender: Sender) -> None:
    desk.writes(groups=[MAIN])
    desk.at(9)
    assert "没有照常发的" not in desk.chat.as_admin("推送 列表")
    desk.send(1, is_dead=True)
    assert "09:00 发完了：发出 0 个群，没发成 1" in desk.chat.as_admin("推送 列表")
    desk.at(9, days=1)
    desk.writes(groups=[MAIN], enabled=False)
    sender.drain_once()
    assert "09:00 已停下（推送改成了草稿、删掉了，或者不再批准）：发出 0 个群" in desk.chat.as_admin("推送 列表")
    [told] = [entry.data for entry in desk.chat.log("change") if entry.data["act"] == "mailing_stop"]
    assert told["why"] == "off"
