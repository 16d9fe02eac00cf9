"""@谁: who is meant by a name, here and nowhere else, also when it has blanks and digits in it; and who was erased before somebody chose him."""

from __future__ import annotations

import pytest
from chat import ADMINS, FAR, MAIN, Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.members import behind, find_all_meant, find_meant, find_members
from handlers.levels import crown_months
from rules.contents import KINDS, to_items
from tests.test_privacy import traces

pytest_plugins = ("chat",)

MENTION = "\u2005"
"""The blank that WeCom's clients write behind a mention."""


@pytest.fixture
def met(chat: Chat) -> Chat:
    """李雷 has 100 points. Others have blanks and digits in their names; 远方 was seen in another community only."""
    people = {"lilei": "李雷", "hanmei": "韩梅梅", "wang": "小王", "wang18": "小王 18", "zhang": "张三 13800001111", "tom": "Tom Lee"}
    for user, name in people.items():
        chat.says("群规", user=user, name=name)
    chat.says("群规", user="far", name="远方", group=FAR)
    chat.as_admin("发积分 @李雷 100 开张")
    return chat


# Who is meant ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "user", "left"),
    [
        (f"@小王 18{MENTION}5", "wang18", "5"),
        (f"@小王{MENTION}18 5", "wang", "18 5"),
        ("@小王 18 5", "wang18", "5"),
        ("@小王 5", "wang", "5"),
        ("@张三 13800001111 5", "zhang", "5"),
        ("@Tom Lee 写得好", "tom", "写得好"),
        ("tom lee，写得好", "tom", "写得好"),
        ("＠韩梅梅，你真好", "hanmei", "你真好"),
        ("@韩梅梅", "hanmei", ""),
        ("@hanmei 20 热心", "hanmei", "20 热心"),
    ],
)
def test_the_longest_name_that_is_known_is_meant_or_what_the_mention_ends(met: Chat, words: str, user: str, left: str) -> None:
    meant, rest = find_meant(met.stores, words, met.community.keys)
    assert meant.numbers == (met.member(user),)
    assert rest == left


def test_a_mention_of_nobody_is_not_taken_for_somebody_with_a_shorter_name(met: Chat) -> None:
    with pytest.raises(UserError, match="没有找到“小王 2020”"):
        find_meant(met.stores, f"@小王 2020{MENTION}5", met.community.keys)


def test_all_who_are_mentioned_in_a_row_are_meant(met: Chat) -> None:
    for words in ("@李雷 @Tom Lee @小王 18 20 谢谢@韩梅梅", f"@李雷{MENTION}@Tom Lee{MENTION}，@小王 18{MENTION}20 谢谢@韩梅梅"):
        people, left = find_all_meant(met.stores, words, met.community.keys)
        assert [one.name for one in people] == ["李雷", "Tom Lee", "小王 18"]
        assert left in ("20 谢谢 @韩梅梅", "20 谢谢@韩梅梅")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.text("@＠小王18 \u2005，,5", max_size=20))
def test_no_words_break_the_search(met: Chat, words: str) -> None:
    try:
        people, left = find_all_meant(met.stores, words, met.community.keys)
    except UserError:
        return
    assert len(left) <= len(words) + len(people)
    assert all(one.numbers for one in people)


def test_what_stands_behind_a_command_keeps_the_blank_that_ends_a_mention() -> None:
    assert behind(f"转赠  @小王 18{MENTION}5。") == f"@小王 18{MENTION}5"
    assert behind("转赠") == ""


# Points, thanks and tags with such names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [f"转赠 @小王 18{MENTION}5", "转赠 @小王 18 5", f"转赠 5 @小王 18{MENTION}", "转赠 5 @小王 18"])
def test_points_go_to_whom_the_whole_name_means(met: Chat, words: str) -> None:
    met.says(words)
    assert {user: met.points(user) for user in ("wang", "wang18", "lilei")} == {"wang": 0, "wang18": 5, "lilei": 95}


@pytest.mark.parametrize(("words", "said"), [("转赠 @小王 18", "例如：转赠 @李雷 20"), ("转赠 @韩梅梅 18 5", "不确定送多少")])
def test_points_go_nowhere_where_the_number_is_not_clear(met: Chat, words: str, said: str) -> None:
    assert said in met.says(words)
    assert met.points() == 100


def test_points_go_to_all_who_are_named_behind_the_number(met: Chat) -> None:
    met.as_admin("发积分 20 @李雷 @韩梅梅 热心解答")
    met.as_admin("发积分 20 @Tom Lee 热心")
    assert [met.points(user) for user in ("lilei", "hanmei", "tom")] == [120, 20, 20]
    assert met.stores.points.rows(met.community.keys, met.member("hanmei"), 1)[0].note == "热心解答"


def test_what_others_have_is_not_told_in_a_group(met: Chat) -> None:
    said = met.says("发积分 @李雷 5 热心", user="boss") + met.says("扣积分 @李雷 500 误发", user="boss")
    assert "李雷 +5" in said
    assert "李雷的积分不够扣 500 分" in said
    assert "105" not in said
    assert "现有 110 积分" in met.as_admin("发积分 @李雷 5 热心")


def test_rows_of_two_with_one_name_are_chosen_by_number(met: Chat) -> None:
    met.says("群规", user="lilei2", name="李雷")
    assert "有 2 个人叫“李雷”，回复数字选一个" in met.as_admin("积分明细 @李雷")
    assert "管理员发放" in met.as_admin("1")
    assert "还没有积分记录" in met.as_admin(f"积分明细 @{met.member('lilei2')}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("谢谢 @韩梅梅，你真好", "感谢了 韩梅梅"),
        ("谢谢@Tom Lee帮我", "没有找到“Tom”"),
        (f"谢谢 @Tom Lee{MENTION}帮我", "感谢了 Tom Lee"),
        ("谢谢@所有人", "例如：谢谢 @李雷"),
    ],
)
def test_thanks_find_the_name_before_what_was_done(met: Chat, words: str, said: str) -> None:
    assert said in met.says(words)


def test_thanks_name_the_cap_that_left_no_points(met: Chat) -> None:
    rules = "cap_of_day: {cap}\nreasons:\n  - {{id: thanks, title: 被人感谢, points: {n}, per_day: 10}}\n"
    for cap, n, said in ((200, 0, "感谢了 韩梅梅！一共被感谢 1 次"), (1, 2, "今天能得的积分已满，一共被感谢 3 次")):
        met.stores.content.put("points", to_items(KINDS["points"], rules.format(cap=cap, n=n)), "boss", met.clock())
        met.live.refresh()
        if cap == 1:
            met.says("谢谢 @韩梅梅", user="tom")  # takes the one point of the day
        assert said in met.says("谢谢 @韩梅梅", user="wang" if cap == 1 else "lilei")


@pytest.mark.parametrize(
    "words", ["标签 @李雷 加老客户", "标签 @李雷 打上老客户", "标签 @Tom Lee 加老客户", f"标签 @Tom Lee{MENTION}加 老客户"]
)
def test_a_tag_may_stand_right_behind_its_verb(met: Chat, words: str) -> None:
    assert "的标签：老客户。" in met.as_admin(words)
    assert "的标签：没有。" in met.as_admin(words.replace("加", "去掉").replace("打上", "去掉"))
    assert "写法是：标签" in met.as_admin("标签 @李雷 老客户")


def test_a_contribution_of_somebody_with_a_blank_in_his_name_is_featured(met: Chat) -> None:
    assert "Tom Lee 的内容被评为精华：写得好" in met.as_admin("精华 @Tom Lee 写得好")


# Only here ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["精华 far 写得好", "授勋 far 社群之光", "标签 far 加 老客户", "标签 @far", "成员 far", "发积分 far 10 热心"]
)
def test_nobody_is_found_in_another_community(met: Chat, words: str) -> None:
    assert "没有来过这里" in met.as_admin(words)
    assert "没有找到“远方”" in met.as_admin(words.replace("far", "远方"))
    assert met.stores.tags.of(met.community.keys, met.member("far")) == ()
    assert met.stores.badges.of(met.community.keys, met.member("far")) == ()


def test_whoever_gets_a_role_need_not_have_been_here(met: Chat) -> None:
    where = met.community.keys
    assert find_members(met.stores, "far", where, strangers=True) == (met.member("far"),)
    assert "版主" in met.as_admin("角色 far 版主")


# Erased before he was chosen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "group"),
    [
        ("转赠 @同名 2", MAIN), ("谢谢 @同名", MAIN), ("精华 @同名 好文", ADMINS), ("标签 @同名 加 老客户", ADMINS), ("授勋 @同名 社群之光", ADMINS),
        ("成员 @同名", ADMINS), ("积分明细 @同名", ADMINS),
    ],
)  # fmt: skip
def test_a_number_does_not_reach_who_was_erased_meanwhile(met: Chat, words: str, group: str) -> None:
    who = "lilei" if group == MAIN else "boss"
    for user in ("first", "second"):
        met.says("群规", user=user, name="同名")
    assert "回复数字选一个" in met.says(words, user=who, group=group)
    gone, where = met.member("first"), met.community.keys
    met.erase("first")
    assert "刚刚不在了" in met.says("1", user=who, group=group)
    assert met.stores.points.balance(where, gone) == 0
    assert met.stores.badges.counts(where, gone) == {"thanks": 0, "featured": 0}
    assert (met.stores.tags.of(where, gone), met.stores.badges.of(where, gone)) == ((), ())
    assert met.stores.points.discrepancies(where) == []


def test_transfers_that_were_switched_off_are_off_for_who_chooses_too(met: Chat) -> None:
    met.says("群规", user="hanmei2", name="韩梅梅")
    met.says("转赠 @韩梅梅 2")
    met.stores.content.put("points", to_items(KINDS["points"], "transfer: {enabled: false}\n"), "boss", met.clock())
    met.live.refresh()
    assert met.says("1") == "这里没有开放积分转赠。"


# What names him is not kept ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [True, False])
@pytest.mark.parametrize(
    ("words", "group"),
    [
        ("谢谢 @韩雪雪", MAIN), ("转赠 @韩雪雪 3", MAIN), ("发积分 @韩雪雪 60 热心", ADMINS), ("授勋 @韩雪雪 社群之光", ADMINS),
        ("授勋 @韩雪雪 社群之光", MAIN), ("收回勋章 @韩雪雪 社群之光", ADMINS), ("精华 @韩雪雪 好文", MAIN), ("标签 @韩雪雪 加 老客户", ADMINS),
        ("积分明细 @韩雪雪", ADMINS), ("积分明细", MAIN), ("成员 @韩雪雪", ADMINS), ("流程 启动 newcomer @韩雪雪", ADMINS),
    ],
)  # fmt: skip
def test_no_answer_and_no_post_keeps_an_erased_name(open_chat: OpenChat, words: str, group: str, app: bool) -> None:
    chat = open_chat(app=app)
    for user, name in (("lilei", "李雷"), ("woHan-77", "韩雪雪")):
        chat.says("群规", user=user, name=name)
    chat.as_admin("发积分 @李雷 100 开张")
    if words == "积分明细":
        chat.says("转赠 @韩雪雪 3")
    assert chat.says(words, user="lilei" if group == MAIN and "授勋" not in words and "精华" not in words else "boss", group=group)
    chat.erase("woHan-77")
    assert traces(chat, "韩雪雪", "woHan-77") == set()


@pytest.mark.parametrize("app", [True, False])
def test_what_he_did_for_others_does_not_keep_his_name_either(open_chat: OpenChat, app: bool) -> None:
    chat = open_chat(app=app)
    for user, name in (("lilei", "李雷"), ("woHan-77", "韩雪雪")):
        chat.says("群规", user=user, name=name)
    chat.as_admin("发积分 @韩雪雪 100 开张")
    chat.says("谢谢 @李雷", user="woHan-77")
    chat.says("转赠 @李雷 5", user="woHan-77")
    assert "韩雪雪" in chat.says("积分明细")
    chat.erase("woHan-77")
    assert traces(chat, "韩雪雪", "woHan-77") == set()


def test_the_post_with_a_months_best_does_not_outlive_an_erasure(met: Chat) -> None:
    met.says("签到", user="hanmei")
    met.at("2026-04-01 00:20")
    crown_months(met.stores, met.config, met.live.current, met.communities, met.clock())
    assert any(delivery.id == "crown:main:2026-03" for delivery in met.outbox())
    met.erase("hanmei")
    assert traces(met, "韩梅梅", "hanmei") == set()
