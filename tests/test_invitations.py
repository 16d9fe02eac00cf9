"""Invitations: codes and posters, who was invited by whom, when it counts, and what happens when it should not have."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import zxingcpp
from chat import MAIN, ROOT, Chat, Said
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inviting import ALONE, desk, look, ring
from PIL import Image

from bot.channels import KINDS
from bot.customer_api import CustomerApi
from bot.customers import Customers, ask_for_look
from bot.drawing import Artist, drawn
from bot.invitation_desk import InvitationDesk
from bot.invite_page import PER_ADDRESS, invite_page
from bot.message import Message
from rules import contents
from rules.content_file import ContentProblem
from rules.invitations import (
    ALPHABET,
    InvitationRules,
    Presence,
    Step,
    Tier,
    judge_credited,
    judge_waiting,
    looks_like_code,
    read_claim,
    read_code,
)
from rules.points import PointRules
from storage.community import CommunityKeys
from storage.connection import Database
from storage.invitations import Invitation, Invitations
from storage.limits import Limits
from storage.moment import to_ms
from storage.points import Points

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
RULES = InvitationRules()
codes = st.text(ALPHABET, min_size=6, max_size=6)


# Words --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "who"),
    [
        ("我是小王邀请的", "小王"),
        ("我是小王邀请来的。", "小王"),
        ("我是@小王\u2005邀请进群的！", "小王"),
        ("我是 Jim Green 拉进来的", "Jim Green"),
        ("小王邀请我来的", "小王"),
        ("是小王拉我进群的", "小王"),
        ("小王推荐我加入的", "小王"),
        ("邀请人是小王", "小王"),
        ("邀请人：小王", "小王"),
        ("我的邀请码是K3M7PQ", "K3M7PQ"),
        ("邀请码：k3m7pq", "k3m7pq"),
        ("邀请码K3M7PQ", "K3M7PQ"),
        ("谁邀请我来的", ""),
        ("我是谁邀请的？", ""),
        ("是不是小王邀请我来的", ""),
        ("怎么邀请朋友进群", ""),
        ("邀请有奖励吗", ""),
        ("我是来学习的", ""),
        ("小王邀请我吃饭", ""),
        ("没有人邀请我来的", ""),
        ("邀请人 小王", "小王"),
        ("我的邀请人为小王", "小王"),
        ("邀请人数越多奖励越多", ""),
        ("邀请人数有限制", ""),
        ("邀请人太多会怎样", ""),
        ("邀请人必须是老成员才行", ""),
        ("邀请人和被邀请人都有奖励", ""),
        ("我是被邀请的", ""),
        ("我是被朋友拉进来的", ""),
        ("是被同事邀请我来的", ""),
    ],
)
def test_a_newcomer_names_his_inviter_in_his_own_words(said: str, who: str) -> None:
    assert read_claim(said) == who


@given(codes)
def test_a_code_is_read_in_any_case_and_width(code: str) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) for char in code)
    assert {read_code(code), read_code(code.lower()), read_code(f" {wide} ")} == {code}


def test_codes_hold_nothing_that_looks_like_something_else() -> None:
    assert not set("01OIL" + "AEIU") & set(ALPHABET)
    assert read_code("AB0123") == ""
    assert looks_like_code("AB0123")
    assert not looks_like_code("Rachel")


# When it counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "seen", "step"),
    [
        (6, Presence(arrived=True), Step("later", NOW + timedelta(days=7))),
        (7, Presence(arrived=True), Step("credit")),
        (3, Presence(arrived=True, left=NOW), Step("leave")),
        (3, Presence(arrived=True, left=NOW + timedelta(days=2, hours=1)), Step("later", NOW + timedelta(days=3, hours=1))),
        (7, Presence(), Step("later", NOW + timedelta(days=8))),
        (7, Presence(spoke=date(2026, 3, 10)), Step("later", NOW + timedelta(days=8))),
        (7, Presence(spoke=date(2026, 3, 11)), Step("credit")),
        (29, Presence(spoke=date(2026, 4, 1)), Step("credit")),
        (30, Presence(), Step("silent")),
        (400, Presence(arrived=True), Step("credit")),
    ],
)
def test_who_stayed_counts_and_who_was_not_heard_of_is_let_go(days: int, seen: Presence, step: Step) -> None:
    due = NOW + timedelta(days=7)
    assert judge_waiting(RULES, NOW, date(2026, 3, 10), due, seen, NOW + timedelta(days=days)) == step


@pytest.mark.parametrize(
    ("days", "seen", "act"),
    [
        (1, Presence(arrived=True), "later"),
        (30, Presence(arrived=True), "done"),
        (29, Presence(left=NOW + timedelta(days=29)), "later"),
        (30, Presence(left=NOW + timedelta(days=29)), "leave"),
        (30, Presence(left=NOW + timedelta(days=30)), "later"),
        (31, Presence(left=NOW + timedelta(days=30)), "leave"),
        (400, Presence(left=NOW + timedelta(days=29)), "leave"),
        (35, Presence(left=NOW + timedelta(days=31)), "done"),
    ],
)
def test_who_leaves_in_time_does_not_count_any_more(days: int, seen: Presence, act: str) -> None:
    assert judge_credited(RULES, NOW, seen, NOW + timedelta(days=days)).act == act


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("claim_days: 8", "不能大于 stay_days"),
        ("wait_days: 3", "不能小于 stay_days"),
        ("tiers: [{at: 3}, {at: 3}]", "要比上一档多"),
        ("link: https://x.cn/", "要写一次 {code}"),
        ("link: http://x.cn/{code}", "https"),
        ("tiers: [{at: 1, tag: 两 词}]", "不能含空格"),
        ("points: 5", "没有“points”"),
    ],
)
def test_rules_that_cannot_work_are_refused_with_a_remedy(text: str, problem: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        contents.parse(contents.INVITATIONS, text)
    assert problem in str(caught.value)


def test_the_shipped_rules_are_read_and_written_back_alike() -> None:
    text = (ROOT / "rules" / "content" / "invitations.yaml").read_text(encoding="utf-8")
    rules = contents.parse(contents.INVITATIONS, text)
    assert rules.tiers == (Tier(1, 0, "guide"), Tier(3, 30, "host"), Tier(10, 100, "envoy", "邀请达人"))
    assert replace(rules, tiers=()) == replace(InvitationRules(), tiers=())
    assert contents.parse(contents.INVITATIONS, contents.dump(contents.INVITATIONS, rules)) == rules


# In chat ------------------------------------------------------------------------------------------------------------------


def put_rules(chat: Chat, text: str) -> None:
    chat.stores.content.put("invitations", {"": text}, "boss", chat.clock())
    chat.live.refresh()


def arrive(chat: Chat, user: str, inviter: str = "小王", *, name: str = "") -> Said:
    """A newcomer says who invited him."""
    return chat.says(f"我是{inviter}邀请的", user=user, name=name or user)


def speak_later(chat: Chat, *users: str) -> None:
    """A day later they say something."""
    chat.later(days=1)
    for user in users:
        chat.says("帮助", user=user)


def find(chat: Chat, user: str) -> Invitation | None:
    return chat.stores.invitations.find(chat.community.keys, chat.member(user))


def of(chat: Chat, user: str) -> Invitation:
    found = find(chat, user)
    assert found, f"{user} was not invited"
    return found


def told(chat: Chat, user: str) -> list[str]:
    """What waits to be said to a member alone."""
    return [one.body["text"]["content"] for one in chat.outbox() if one.member == chat.member(user) and "text" in one.body]


@pytest.fixture
def wang(chat: Chat) -> str:
    """小王, who has been here for long, and his code."""
    chat.says("帮助", user="wang", name="小王")
    chat.later(days=40)
    return code_in(chat.says("邀请", user="wang"))


def code_in(said: Said) -> str:
    found = re.search(rf"[{ALPHABET}]{{6}}", said)
    assert found, said
    return found[0]


def test_a_member_has_one_code_for_ever(chat: Chat, wang: str) -> None:
    assert code_in(chat.says("邀请码", user="wang")) == wang
    chat.later(days=90)
    assert code_in(chat.privately("我要邀请", user="wang")) == wang
    assert code_in(chat.says("邀请", user="other")) != wang
    assert code_in(chat.says("邀请", user="wang", group="wrFAR")) != wang, "each community has its own"
    assert chat.stores.invitations.find_owner(wang) == ("main", chat.member("wang"))


def test_who_stays_and_speaks_again_brings_points_a_badge_and_words(chat: Chat, wang: str) -> None:
    assert "记下了：你是 小王 邀请来的" in arrive(chat, "new1", name="新来的")
    assert ring(chat) == 0
    speak_later(chat, "new1")
    chat.later(days=5, hours=23)
    assert ring(chat) == 0
    assert chat.points("wang") == 0
    chat.later(hours=1)
    assert ring(chat) == 1
    assert ring(chat) == 0
    assert chat.points("wang") == 20
    assert of(chat, "new1").state == "credited"
    [said] = [text for text in told(chat, "wang") if "留下来了" in text]
    assert "积分 +20（现有 20）" in said
    assert "邀请满 1 位，另得勋章「引路人」" in said
    assert "再有 2 位就满 3 位，另得 30 积分、勋章「好客之星」" in said
    assert "guide" in [held.id for held in chat.stores.badges.of(chat.community.keys, chat.member("wang"))]
    assert "1 位" in chat.says("邀请榜", user="wang")
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_who_is_never_heard_of_again_is_let_go(chat: Chat, wang: str) -> None:
    arrive(chat, "ghost")
    for _ in range(32):
        chat.later(days=1)
        ring(chat)
    assert of(chat, "ghost").state == "silent"
    assert chat.points("wang") == 0
    chat.says("帮助", user="ghost")
    chat.later(days=1)
    assert ring(chat) == 0


def test_a_late_word_counts_when_it_comes(chat: Chat, wang: str) -> None:
    arrive(chat, "slow")
    chat.later(days=8)
    assert ring(chat) == 0
    chat.says("帮助", user="slow")
    chat.later(days=1)
    assert ring(chat) == 1
    assert chat.points("wang") == 20


def test_a_code_does_what_a_name_does(chat: Chat, wang: str) -> None:
    for n, said in enumerate((f"邀请码 {wang}", f"邀请码：{wang.lower()}", f"我的邀请码是{wang}", f"邀请码{wang}")):
        assert "你是 小王 邀请来的" in chat.privately(said, user=f"c{n}")
        assert of(chat, f"c{n}").how == "code"


def test_names_that_several_have_are_chosen_by_number(chat: Chat, wang: str) -> None:
    chat.says("帮助", user="wang2", name="小王")
    said = arrive(chat, "new1")
    assert "有 2 个人叫“小王”" in said
    assert f"（成员 {chat.member('wang2')}）" in said
    assert "记下了" in chat.says("2", user="new1")
    assert of(chat, "new1").by == chat.member("wang2")


def test_the_first_word_counts(chat: Chat, wang: str) -> None:
    chat.says("帮助", user="zhao", name="小赵")
    arrive(chat, "new1")
    assert "已经记着了：你是 小王" in arrive(chat, "new1")
    assert "已经记过了：你是 小王 邀请来的" in arrive(chat, "new1", "小赵")
    assert of(chat, "new1").by == chat.member("wang")


def test_a_wrong_word_is_answered_by_a_right_one(chat: Chat) -> None:
    for said, answer in (
        ("我是张三丰邀请的", "没有找到“张三丰”"),
        ("邀请码 AB0123", "没有“AB0123”这个邀请码"),
        ("邀请码：AB0123", "没有“AB0123”这个邀请码"),
        ("邀请码 k3m7p", "没有“k3m7p”这个邀请码"),
        ("邀请 K3M7PQ", "邀请码 K3M7PQ"),
        ("我的邀请 随便", "我的邀请 2"),
        ("邀请榜 随便", "写法是：邀请榜"),
        ("邀请 通过 3", "只有运营和管理员"),
    ):
        assert answer in chat.says(said), said


def test_a_repeat_of_a_claim_gets_the_first_answer(chat: Chat, wang: str) -> None:
    chat.says("帮助", user="new1")  # else the first answer welcomes him as well
    first = chat.says("我是小王邀请的", user="new1", id="ONE")
    chat.stores.database.command("DEL", *chat.stores.database.scan("qb:{*}:msg:*ONE"))
    assert chat.says("我是小王邀请的", user="new1", id="ONE") == first
    tally = chat.stores.tallies.of_day("main", chat.clock().date()).counts
    assert tally["invited"] == 1


def test_questions_about_inviting_reach_the_faq(chat: Chat) -> None:
    assert "群二维码" in chat.says("怎么邀请朋友进群")
    assert "群二维码" in chat.says("邀请有奖励吗")


def test_who_only_talks_of_inviting_is_answered_by_the_faq(chat: Chat) -> None:
    assert "想用命令" not in chat.says("邀请码 怎么用")
    for said in ("邀请 大家周末一起爬山", "邀请码 在哪里看", "邀请码 你好", "邀请 随便", "邀请人数有限制", "我是被邀请的"):
        answer = chat.says(said)
        assert "写法" not in answer
        assert "faq" in chat.log("decision")[-1].data, said


def test_a_community_may_do_without(chat: Chat, wang: str) -> None:
    put_rules(chat, "enabled: false")
    assert "没有开邀请" in chat.says("邀请", user="wang")
    assert "没有开邀请" in arrive(chat, "new1")
    assert find(chat, "new1") is None


# What does not count ------------------------------------------------------------------------------------------------------


def test_nobody_invites_himself(chat: Chat) -> None:
    mine = code_in(chat.says("邀请", user="self", name="自己人"))
    assert "自己不能邀请自己" in chat.says(f"邀请码 {mine}", user="self")
    assert "自己不能邀请自己" in chat.says("我是自己人邀请的", user="self")
    [first, _] = [entry for entry in chat.log("change") if entry.data.get("act") == "invite_refused"]
    assert first.data["why"] == "self"


def test_old_members_are_no_newcomers(chat: Chat, wang: str) -> None:
    chat.says("帮助", user="old")
    chat.later(days=8)
    assert "你已经是老朋友啦" in arrive(chat, "old")
    assert find(chat, "old") is None


def test_a_circle_puts_all_its_links_aside(chat: Chat, wang: str) -> None:
    chat.says("帮助", user="a", name="甲")
    arrive(chat, "b", "甲", name="乙")
    arrive(chat, "c", "乙", name="丙")
    assert "不能反过来再算一次" in arrive(chat, "a", "丙")
    assert {of(chat, user).state for user in "bc"} == {"held"}
    assert "互相邀请" in chat.as_admin("邀请 待审")
    speak_later(chat, "a", "b", "c")
    chat.later(days=9)
    assert ring(chat) == 0
    assert {chat.points(user) for user in "abc"} == {0}


def test_a_burst_waits_for_a_person_and_loses_nothing_by_it(chat: Chat, wang: str) -> None:
    users = [f"n{n}" for n in range(6)]
    for user in users:
        said = arrive(chat, user)
    assert "管理员看过后就算数" in said
    assert {of(chat, user).state for user in users} == {"held"}, "the whole burst"
    posts = [one.body for one in chat.outbox() if one.chat == "admins" or "邀请 待审" in json.dumps(one.body, ensure_ascii=False)]
    assert len(posts) == 1, "the administrators hear of it once a day"
    listed = chat.as_admin("邀请待审")
    assert "短时间内邀请的人很多" in listed
    numbers = re.findall(r"^(\d+)\. ", listed, re.MULTILINE)
    assert len(numbers) == 6
    assert "这里人多" in chat.says("邀请 待审", user="boss")
    for number in numbers[:-1]:
        assert "通过了" in chat.as_admin(f"邀请 通过 {number}")
    assert "驳回了" in chat.as_admin(f"邀请驳回 {numbers[-1]} 小号")
    assert "已经处理过了：没有通过" in chat.as_admin(f"邀请 通过 {numbers[-1]}")
    assert "没有编号为 99" in chat.as_admin("邀请 通过 99")
    assert "写法是：邀请 待审" in chat.as_admin("邀请 通过")
    assert "没有等待处理的邀请" in chat.as_admin("邀请 待审")
    speak_later(chat, *users)
    chat.later(days=7)
    assert ring(chat) == 5
    assert chat.points("wang") == 100 + 30, "five newcomers and the tier of three"
    assert "审核邀请" in chat.as_admin("审计")


def test_what_waits_comes_as_a_card_and_numbers_do_what_its_buttons_do(chat: Chat, wang: str) -> None:
    put_rules(chat, "per_hour: 2")
    for user in ("n1", "n2", "n3"):
        arrive(chat, user)
    card = chat.as_admin("邀请 待审 1")
    assert card.choices == ["通过", "驳回"]
    done = chat.clicks(card, "通过")
    assert done.updated
    assert "通过了" in done.updated["sub_title_text"]
    assert of(chat, "n2").state == "held"
    chat.as_admin("邀请 驳回 2")
    last = chat.as_admin("邀请 待审")
    assert last.choices == ["通过", "驳回"], "one alone is shown at once"
    assert "没有编号为 2 的待审" in chat.as_admin("邀请 待审 2")
    late = chat.clicks(card, "驳回")
    assert late.updated
    assert "已经处理过了" in late.updated["sub_title_text"]
    chat.clicks(last, "通过", user="wang")
    assert of(chat, "n3").state == "held", "a member's click does nothing"


def test_whom_a_person_let_pass_is_not_put_aside_again(chat: Chat, wang: str) -> None:
    put_rules(chat, "per_hour: 1")
    arrive(chat, "n1")
    arrive(chat, "n2")
    for number in (1, 2):
        assert "通过了" in chat.as_admin(f"邀请 通过 {number}")
    arrive(chat, "n3")
    assert [of(chat, user).state for user in ("n1", "n2", "n3")] == ["waiting", "waiting", "held"]


def test_the_days_cap_puts_off_and_takes_nothing(chat: Chat, wang: str) -> None:
    put_rules(chat, "{per_hour: 100, per_day: 100, tiers: [{at: 7, points: 50}]}")
    users = [f"n{n}" for n in range(7)]
    for user in users:
        arrive(chat, user)
    speak_later(chat, *users)
    chat.later(days=6)
    assert ring(chat) == 7
    assert chat.points("wang") == 100 + 50, "a tier is paid beside the cap"
    assert "还有 40 分，按每天的上限陆续补上" in chat.privately("我的邀请", user="wang")
    chat.later(days=1)
    ring(chat)
    assert chat.points("wang") == 7 * 20 + 50
    chat.later(days=1)
    ring(chat)
    assert chat.points("wang") == 7 * 20 + 50
    assert chat.stores.points.discrepancies(chat.community.keys) == []


# Customer groups ----------------------------------------------------------------------------------------------------------


def test_a_roster_tells_who_brought_whom_and_who_is_still_there(chat: Chat, wang: str) -> None:
    look(chat, {"founder": ALONE})
    chat.later(hours=1)
    look(chat, {"founder": ALONE, "viaLink": ("", wang), "viaWang": ("wang", ""), "alone": ALONE})
    assert [of(chat, user).how for user in ("viaLink", "viaWang")] == ["roster", "roster"]
    chat.later(days=7)
    assert ring(chat) == 2, "without a word: the roster shows that they are there"
    assert chat.points("wang") == 40
    chat.later(days=5)
    look(chat, {"founder": ALONE, "viaLink": ALONE, "alone": ALONE})
    ring(chat)
    assert chat.points("wang") == 40, "he may have moved only"
    chat.later(days=1)
    ring(chat)
    assert chat.points("wang") == 20
    assert of(chat, "viaWang").state == "reversed"
    chat.later(days=40)
    look(chat, {"founder": ALONE, "alone": ALONE})
    ring(chat)
    assert chat.points("wang") == 20, "after the time for it nothing is taken back"
    assert of(chat, "viaLink").state == "credited"


def test_who_leaves_and_comes_back_earns_nobody_anything(chat: Chat, wang: str) -> None:
    look(chat, {"founder": ALONE})
    chat.later(hours=1)
    look(chat, {"founder": ALONE, "alone": ALONE, "brought": ("", wang)})
    chat.later(days=1)
    look(chat, {})
    chat.later(days=1)
    look(chat, {"founder": ("", wang), "alone": ("", wang), "brought": ("", wang)})
    for user in ("founder", "alone"):
        assert find(chat, user) is None
        assert "欢迎回来" in arrive(chat, user)
    for _ in range(20):
        chat.later(days=1)
        ring(chat)
    assert of(chat, "brought").state == "left"
    assert chat.points("wang") == 0


def test_who_leaves_one_group_of_two_is_still_there(chat: Chat, wang: str) -> None:
    for group in ("wrX", "wrY"):
        look(chat, {"founder": ALONE}, group)
        chat.later(minutes=1)
        look(chat, {"founder": ALONE, "both": ("", wang)}, group)
    chat.later(days=1)
    look(chat, {"founder": ALONE}, "wrX")
    chat.later(days=7)
    assert ring(chat) == 1
    assert chat.points("wang") == 20


@pytest.mark.parametrize(
    ("first", "credited", "hours_between"), [("wrX", False, 0), ("wrY", False, 5), ("wrX", True, 5), ("wrY", True, 0)]
)  # fmt: skip
def test_who_moves_to_another_group_has_not_left(chat: Chat, wang: str, first: str, credited: bool, hours_between: int) -> None:
    look(chat, {"founder": ALONE}, "wrX")
    look(chat, {"other": ALONE}, "wrY")
    chat.later(hours=1)
    look(chat, {"founder": ALONE, "mover": ("", wang)}, "wrX")
    chat.later(days=8 if credited else 3)
    ring(chat)
    after = {"wrX": {"founder": ALONE}, "wrY": {"other": ALONE, "mover": ALONE}}
    for group in (first, *(after.keys() - {first})):
        look(chat, after[group], group)
        ring(chat)
        chat.later(hours=hours_between)
    for _ in range(6):
        chat.later(days=1)
        ring(chat)
    assert of(chat, "mover").state == "credited"
    assert chat.points("wang") == 20
    look(chat, {"other": ALONE}, "wrY")
    for _ in range(2):
        chat.later(days=1)
        ring(chat)
    assert of(chat, "mover").state == "reversed", "now he has"


def test_two_looks_at_once_leave_a_mover_where_he_is(chat: Chat, wang: str) -> None:
    look(chat, {"founder": ALONE})
    look(chat, {"other": ALONE}, "wrY")
    chat.later(hours=1)
    look(chat, {"founder": ALONE, "mover": ("", wang)})
    chat.later(days=1)
    look(chat, {"other": ALONE, "mover": ALONE}, "wrY")
    # the other worker had asked for his seats before this one kept them
    chat.stores.invitations.note_seen(chat.community.keys, {}, {chat.member("mover"): to_ms(chat.clock()) // 1000}, chat.clock())
    look(chat, {"founder": ALONE})
    for _ in range(8):
        chat.later(days=1)
        ring(chat)
    assert of(chat, "mover").state == "credited"


def test_who_joined_anew_between_two_looks_stays_invited_and_an_old_member(chat: Chat, wang: str) -> None:
    look(chat, {"founder": ALONE})
    chat.later(days=10)
    look(chat, {"founder": ALONE, "new1": ("", wang)})
    chat.later(days=1)
    look(chat, {"founder": ("", wang), "new1": ALONE}, anew=("founder", "new1"))
    assert find(chat, "founder") is None
    chat.later(days=7)
    assert ring(chat) == 1
    assert of(chat, "new1").state == "credited"


def test_an_old_member_who_moves_is_no_newcomer_in_the_other_group(chat: Chat, wang: str) -> None:
    look(chat, {"founder": ALONE})
    look(chat, {"other": ALONE}, "wrY")
    chat.later(days=30)
    look(chat, {"other": ALONE, "founder": ALONE}, "wrY")
    look(chat, {"nobody": ALONE})
    chat.later(days=1)
    assert "你已经是老朋友啦" in arrive(chat, "founder")


def test_who_sat_in_a_group_for_long_is_no_newcomer_when_he_first_speaks(chat: Chat, wang: str) -> None:
    look(chat, {"founder": ALONE})
    chat.later(days=30)
    assert "你已经是老朋友啦" in arrive(chat, "founder")


class Told:
    """What WeCom answers for one customer group, whose members change."""

    def __init__(self) -> None:
        self.members: list[dict[str, Any]] = []
        self.version = 0

    def post(self, url: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.version += 1
        head = {"chat_id": MAIN, "name": "客户群", "owner": "boss", "create_time": 1, "member_version": str(self.version)}
        return {"group_chat": {**head, "member_list": self.members}}

    def get(self, url: str) -> dict[str, Any]:
        raise AssertionError(url)


def test_a_worker_reads_who_brought_whom_from_wecom(chat: Chat, wang: str) -> None:
    wecom, now_s = Told(), int(chat.clock().timestamp())
    worker = Customers(
        chat.stores, chat.config, chat.communities, Limits(chat.stores.database), {"customers": CustomerApi(wecom)}, clock=chat.clock,
        compose=lambda community, news: "", see_roster=lambda community, *moves: desk(chat).see_roster(*moves),
    )  # fmt: skip
    for members in (
        [{"userid": "boss", "type": 1, "join_time": now_s - 9}],
        [
            {"userid": "wmCUSTOMER1", "type": 2, "join_time": now_s + 60, "invitor": {"userid": "wang"}, "name": "甲"},
            {"userid": "wmCUSTOMER2", "type": 2, "join_time": now_s + 60, "state": wang, "name": "乙"},
            {"userid": "colleague", "type": 1, "join_time": now_s + 60, "invitor": {"userid": "wang"}, "name": "丙"},
            {"userid": "wmCUSTOMER3", "type": 2, "join_time": now_s + 60, "invitor": "nonsense", "state": 7, "name": "丁"},
        ],
    ):
        wecom.members += members
        chat.later(minutes=2)
        ask_for_look(chat.stores, chat.community, "customers", MAIN, to_ms(chat.clock()))
        assert worker.work_once() == 1
    invited = {user for user in ("wmCUSTOMER1", "wmCUSTOMER2", "colleague", "wmCUSTOMER3") if find(chat, user)}
    assert invited == {"wmCUSTOMER1", "wmCUSTOMER2"}, "colleagues whom somebody puts into a group were not won by him"


def test_a_customer_who_comes_by_a_link_was_invited_by_its_owner(chat: Chat, wang: str) -> None:
    event = (
        "<xml><ToUserName>wwCORP</ToUserName><FromUserName>sys</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>"
        "<Event>change_external_contact</Event><ChangeType>add_external_contact</ChangeType><UserID>boss</UserID>"
        f"<ExternalUserID>wmNEWCUSTOMER0123456789012345678</ExternalUserID><State>{wang}</State></xml>"
    )
    message: Message = KINDS["contact"].parse(event, channel="customers", names=())
    chat.receive(message)
    chat.receive(message)
    found = of(chat, "wmNEWCUSTOMER0123456789012345678")
    assert (found.by, found.how) == (chat.member("wang"), "link")
    other = event.replace(wang, "campaign-7").replace("wmNEW", "wmOLD")
    chat.receive(KINDS["contact"].parse(other, channel="customers", names=()))
    assert chat.stores.directory.find_number("wmOLDCUSTOMER0123456789012345678") is None


def test_who_leaves_the_company_does_not_count_any_more(chat: Chat, wang: str) -> None:
    arrive(chat, "new1")
    speak_later(chat, "new1")
    chat.later(days=6)
    assert ring(chat) == 1
    chat.stores.leavers.leave("new1", chat.clock(), is_admin=False)
    chat.later(days=1)
    assert ring(chat) == 1
    assert chat.points("wang") == 0
    assert of(chat, "new1").state == "reversed"


@pytest.mark.parametrize(("hours_before_the_end", "state"), [(5, "reversed"), (-5, "credited")])
def test_who_leaves_the_company_on_the_last_day_counts_by_his_own_date(
    chat: Chat, wang: str, hours_before_the_end: int, state: str
) -> None:  # fmt: skip
    arrive(chat, "new1")
    speak_later(chat, "new1")
    chat.later(days=6)
    assert ring(chat) == 1
    chat.later(days=30, hours=-hours_before_the_end)
    chat.stores.leavers.leave("new1", chat.clock(), is_admin=False)
    chat.later(days=2)  # the clock stood still
    ring(chat)
    assert of(chat, "new1").state == state


# Taking back --------------------------------------------------------------------------------------------------------------


def test_what_a_reversal_cannot_take_is_paid_off_by_the_next_credits(chat: Chat, wang: str) -> None:
    put_rules(chat, "tiers: [{at: 2, points: 30, badge: host, tag: 达人}]")
    where, number = chat.community.keys, chat.member("wang")
    for user in ("n1", "n2"):
        arrive(chat, user)
    speak_later(chat, "n1", "n2")
    chat.later(days=6)
    assert ring(chat) == 2
    assert chat.points("wang") == 70
    assert chat.stores.tags.of(where, number) == ("达人",)
    chat.says("帮助", user="friend", name="朋友甲")
    chat.says("转赠 朋友甲 65", user="wang")
    chat.stores.leavers.leave("n1", chat.clock(), is_admin=False)
    chat.later(days=1)
    assert ring(chat) == 1
    assert chat.points("wang") == 0
    assert chat.stores.invitations.inviter(where, number).owed == -45, "20 for the newcomer, 30 for the tier, 5 were left"
    assert chat.stores.tags.of(where, number) == ()
    assert "host" not in [held.id for held in chat.stores.badges.of(where, number)]
    [said] = [text for text in told(chat, "wang") if "离开了" in text]
    assert "还差 45 分" in said
    assert "还欠 45 分" in chat.privately("我的邀请", user="wang")
    for user in ("n3", "n4", "n5"):
        arrive(chat, user)
    speak_later(chat, "n3", "n4", "n5")
    chat.later(days=7)
    assert ring(chat) == 3
    assert chat.points("wang") == 4 * 20 + 30 - 65, "as if he had not given away what was not his"
    assert chat.stores.tags.of(where, number) == ("达人",)
    assert chat.stores.points.discrepancies(where) == []


NAMES = itertools.count()
TIERS = {2: 30, 4: 100}
turns = st.lists(st.tuples(st.sampled_from(["credit", "credit", "credit", "leave", "spend", "day"]), st.integers(0, 7)), max_size=40)


@given(turns)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_what_was_moved_and_what_is_owed_are_what_the_newcomers_are_worth(database: Database, turns: list[tuple[str, int]]) -> None:
    number, now = next(NAMES), NOW
    where, store, points = CommunityKeys(f"w{number}", number % 16), Invitations(database, 16, b"key"), Points(database)
    rules = InvitationRules(per_hour=100, per_day=100, tiers=tuple(Tier(*tier) for tier in TIERS.items()))
    shared: dict[str, Any] = {"points": PointRules(), "rules": rules}
    for newcomer in range(8):
        store.claim(where, 100 + newcomer, 1, "code", now, today=now.date(), due=now, rules=rules, once=str(newcomer))
    states, tiers = ["waiting"] * 8, set[int]()
    for act, which in turns:
        today, next_day = now.date(), now + timedelta(days=1)
        if act == "day":
            now = next_day
            store.pay(where, 1, now, today=now.date(), next_day=now + timedelta(days=1), **shared)
        elif act == "spend" and (has := points.balance(where, 1)):
            points.transfer(where, 1, 2, min(has, 10 * which + 1), now, today=today, once="")
        elif act in ("credit", "leave"):
            done = store.step(where, 100 + which, 1, act, now, today=today, again=None, next_day=next_day, **shared)  # type: ignore[arg-type]
            becomes = {("waiting", "credit"): "credited", ("waiting", "leave"): "left", ("credited", "leave"): "reversed"}
            assert done.is_done == ((states[which], act) in becomes)
            states[which] = becomes.get((states[which], act), states[which])
            n = states.count("credited")
            tiers = {at for at in TIERS if at <= n}
        own, moved = store.inviter(where, 1), sum(row.amount for row in points.rows(where, 1, 1_000) if row.reason == "invited")
        assert moved + own.owed == 20 * states.count("credited") + sum(TIERS[at] for at in tiers)
        assert own.credited == states.count("credited")
        assert points.balance(where, 1) >= 0
    assert points.discrepancies(where) == []


def test_a_clock_that_dies_before_telling_tells_later_and_once(chat: Chat, wang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(chat, "new1")
    speak_later(chat, "new1")
    chat.later(days=6)
    with monkeypatch.context() as dying:
        dying.setattr(InvitationDesk, "_announce", lambda self, found: None)
        assert ring(chat) == 1
    assert chat.points("wang") == 20
    assert told(chat, "wang") == []
    for _ in range(3):
        ring(chat)
    assert len([text for text in told(chat, "wang") if "留下来了" in text]) == 1
    assert chat.points("wang") == 20


def test_clocks_that_ring_at_once_credit_once(chat: Chat, wang: str) -> None:
    for user in ("n1", "n2", "n3"):
        arrive(chat, user)
    speak_later(chat, "n1", "n2", "n3")
    chat.later(days=6)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ring, [chat] * 8)) == 3
    assert chat.points("wang") == 3 * 20 + 30
    inviter, where = chat.member("wang"), chat.community.keys
    again = chat.stores.invitations.step(
        where, chat.member("n1"), inviter, "credit", chat.clock(), today=desk(chat).today, again=chat.clock(), next_day=chat.clock(),
        points=chat.live.current.points, rules=desk(chat).rules,
    )  # fmt: skip
    assert (again.outcome, again.paid, again.credited) == ("credited", 0, 3)
    assert len([text for text in told(chat, "wang") if "留下来了" in text]) == 3
    assert chat.stores.points.discrepancies(where) == []


# Looking ------------------------------------------------------------------------------------------------------------------


def test_names_of_newcomers_are_shown_to_their_inviter_alone(chat: Chat, wang: str) -> None:
    for n in range(12):
        if n % 4 == 0:
            chat.later(days=1)
        arrive(chat, f"n{n}", name=f"新人{n}")
    public, private = chat.says("我的邀请", user="wang"), chat.privately("我的邀请", user="wang")
    assert "你邀请了 12 位：等满天数 12 位" in public
    assert "新人" not in public
    assert "新人11" in private
    assert "我的邀请 2" in private
    assert "新人0" in chat.privately("我的邀请 2", user="wang")
    assert "你是 小王 邀请来的" in chat.says("我的邀请", user="n1")
    assert "还没有人上榜" in chat.says("邀请榜")


def test_figures_of_a_day_say_how_invitations_went(chat: Chat, wang: str) -> None:
    arrive(chat, "new1")
    arrive(chat, "wang", name="小王")
    counts = chat.stores.tallies.of_day("main", chat.clock().astimezone(chat.community.zone).date()).counts
    assert {name: counts[name] for name in ("invite_asked", "invited", "invite_refused")} == {
        "invite_asked": 1, "invited": 1, "invite_refused": 1,
    }  # fmt: skip
    speak_later(chat, "new1")
    chat.later(days=6)
    ring(chat)
    assert chat.stores.tallies.of_day("main", chat.clock().astimezone(chat.community.zone).date()).counts["invite_credited"] == 1


def test_one_who_was_forgotten_leaves_no_trace_and_comes_back_for_nothing(chat: Chat, wang: str) -> None:
    arrive(chat, "new1")
    number = chat.member("new1")
    chat.erase("new1")
    assert chat.stores.invitations.find(chat.community.keys, number) is None
    assert "以前来过" in arrive(chat, "new1")
    speak_later(chat, "new1")
    chat.later(days=9)
    assert ring(chat) == 0
    assert chat.points("wang") == 0


def test_a_newcomer_who_has_himself_forgotten_in_time_counts_as_one_who_left(chat: Chat, wang: str) -> None:
    for user in ("new1", "new2"):
        arrive(chat, user)
    speak_later(chat, "new1", "new2")
    chat.later(days=6)
    assert ring(chat) == 2
    chat.later(days=10)
    number = chat.member("new1")
    chat.erase("new1")
    assert chat.stores.invitations.find(chat.community.keys, number) is None
    assert ring(chat) == 1
    assert ring(chat) == 0
    assert chat.points("wang") == 20
    [said] = [text for text in told(chat, "wang") if "离开了" in text]
    assert "你邀请的 （已退出的成员） 离开了" in said
    assert "（已退出的成员）：已退回" in chat.privately("我的邀请", user="wang")
    exported = chat.stores.invitations.export_user(chat.member("wang"))["main"]
    assert [one["成员"] for one in exported["邀请了"]] == [chat.member("new2"), "已删除"]
    assert chat.stores.points.discrepancies(chat.community.keys) == []
    chat.later(days=31)
    ring(chat)
    chat.erase("new2")
    assert ring(chat) == 0
    assert chat.points("wang") == 20, "after the time for it nothing is taken back"
    wang_number = chat.member("wang")
    chat.erase("wang")
    assert chat.stores.invitations.export_user(wang_number) == {}
    assert chat.stores.invitations.find(chat.community.keys, -1) is None


def test_names_mention_nobody(chat: Chat) -> None:
    chat.says("帮助", user="wang", name="<@all>")
    chat.later(days=40)
    put_rules(chat, "per_hour: 1")
    mine = code_in(chat.says("邀请", user="wang"))
    for n in range(3):
        chat.says("帮助", user=f"n{n}", name="<@all>")
    said: list[str] = [chat.says(f"邀请码 {mine}", user=f"n{n}", name="<@all>") for n in range(3)]
    said += [chat.says(words, user="n0") for words in ("我的邀请", f"邀请码 {mine}", "我是<@all>邀请的", "邀请")]
    said += [
        chat.as_admin("邀请 待审"),
        chat.as_admin("邀请 待审 1"),
        chat.as_admin("邀请 通过 1"),
        chat.privately("我的邀请", user="wang"),
    ]
    speak_later(chat, "n0")
    chat.later(days=9)
    assert ring(chat) == 1
    said += [
        chat.says("邀请榜"),
        *told(chat, "wang"),
        *(json.dumps(one.body, ensure_ascii=False) for one in chat.outbox() if not one.member),
    ]
    assert sum("＜@all>" in one for one in said) > 8
    assert [one for one in said if "<@" in one] == []


def test_an_inviter_who_is_forgotten_takes_his_code_with_him(chat: Chat, wang: str) -> None:
    arrive(chat, "new1")
    speak_later(chat, "new1")
    told = chat.stores.invitations.export_user(chat.member("wang"))["main"]
    assert told["邀请码"] == wang
    assert [one["成员"] for one in told["邀请了"]] == [chat.member("new1")]
    chat.erase("wang")
    assert chat.stores.invitations.find_owner(wang) is None
    assert of(chat, "new1").by == 0
    chat.later(days=9)
    assert ring(chat) == 0
    assert "没有“" in chat.says(f"邀请码 {wang}", user="new2")
    assert chat.stores.points.discrepancies(chat.community.keys) == []


# Poster and page ----------------------------------------------------------------------------------------------------------

POSTER = {"nickname": "李雷", "community": "早起读书群", "code": "K3M7PQ", "sentence": "扫一扫", "hint": "进群后说：邀请码 K3M7PQ"}


def read_back(png: bytes) -> str:
    """What a telephone reads in a picture."""
    [found] = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))
    return str(found.text)


@pytest.mark.parametrize(
    "target",
    ["邀请码 K3M7PQ", "https://bot.example.com/i/K3M7PQ", "https://work.weixin.qq.com/ca/caw?customer_channel=K3M7PQ&x=" + "y" * 240],
)
def test_a_telephone_reads_the_poster(target: str) -> None:
    assert read_back(Artist().draw(drawn("invite", {**POSTER, "target": target}))) == target


@pytest.mark.parametrize("nickname", ["", "😀😀", "一个名字特别特别特别特别特别特别特别特别长的群友"])
def test_names_of_all_kinds_leave_the_poster_readable(nickname: str) -> None:
    facts = {**POSTER, "nickname": nickname, "community": "群" * 64, "target": "https://bot.example.com/i/K3M7PQ"}
    assert read_back(Artist().draw(drawn("invite", facts))) == "https://bot.example.com/i/K3M7PQ"


def test_the_picture_leads_where_the_operators_say(chat: Chat, wang: str) -> None:
    assert desk(chat).target(wang) == f"邀请码 {wang}"
    put_rules(chat, "link: https://work.weixin.qq.com/ca/caw?customer_channel={code}")
    assert desk(chat).target(wang) == f"https://work.weixin.qq.com/ca/caw?customer_channel={wang}"


def page(chat: Chat) -> FlaskClient:
    app = Flask("test")
    app.register_blueprint(invite_page(chat.stores, chat.config, chat.live, chat.communities, chat.clock))
    return app.test_client()


def test_the_page_behind_a_code_says_how_to_join_and_names_nobody_else(chat: Chat, wang: str) -> None:
    seen = page(chat).get(f"/i/{wang.lower()}")
    text = seen.get_data(as_text=True)
    assert seen.status_code == 200
    assert "小王 邀请你加入主群" in text
    assert f"邀请码 {wang}" in text
    assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
    assert "noindex" in seen.headers["X-Robots-Tag"]
    chat.says("帮助", user="wang", name="<b>王八蛋</b>")
    assert "王八蛋" not in page(chat).get(f"/i/{wang}").get_data(as_text=True)
    for wrong in ("AAAAAA", "x" * 500, "%3Cscript%3E"):
        answer = page(chat).get(f"/i/{wrong}")
        assert answer.status_code == 404
        assert "<script" not in answer.get_data(as_text=True)


def test_codes_cannot_be_found_by_trying(chat: Chat) -> None:
    visitor = page(chat)
    seen = [visitor.get("/i/BBBBBB").status_code for _ in range(PER_ADDRESS[0][0] + 1)]
    assert seen[-1] == 429
    assert set(seen[:-1]) == {404}


def test_one_subscriber_is_one_visitor_however_many_addresses_he_has(chat: Chat) -> None:
    visitor = page(chat)
    seen = [
        visitor.get("/i/BBBBBB", environ_base={"REMOTE_ADDR": f"2001:db8:1:2::{n:x}"}).status_code for n in range(PER_ADDRESS[0][0] + 1)
    ]
    assert seen[-1] == 429
    assert visitor.get("/i/BBBBBB", environ_base={"REMOTE_ADDR": "2001:db8:1:3::1"}).status_code == 404
