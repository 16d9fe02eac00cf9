"""Tags: put on members by hand, found by tag, gone with the member."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chat import Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import contents
from storage.community import CommunityKeys
from storage.connection import Database
from storage.tags import MOST_OF_COMMUNITY, MOST_OF_MEMBER, Tags, is_tag
from tests.timing import START

pytest_plugins = ("chat",)

WHERE, OTHER = CommunityKeys("main", 3), CommunityKeys("far", 3)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot, and two members who have spoken."""
    chat = open_chat()
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅")):
        chat.says("群规", user=user, name=name)
    return chat


def test_an_operator_tags_a_member_and_finds_him_by_it(chat: Chat) -> None:
    assert "的标签：老客户、VIP。" in chat.as_admin("标签 @李雷 加 老客户 VIP")
    assert "的标签：VIP。" in chat.as_admin("标签 @韩梅梅 加 VIP")
    said = chat.as_admin("标签 VIP")
    assert "有标签“VIP”的 2 人" in said
    assert said.index("韩梅梅") < said.index("李雷"), "who got it last first"
    assert "VIP（2）、老客户（1）" in chat.as_admin("标签 列表")
    assert "的标签：VIP。" in chat.as_admin("标签 李雷 去 老客户")
    assert "的标签：VIP。" in chat.as_admin("标签 @李雷")
    assert "VIP（2）" in chat.as_admin("标签")
    assert "老客户" not in chat.as_admin("标签")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("标签 @李雷 加", "写法是：标签 @谁 加 名字"),
        ("标签 @李雷 加 a,b:c", "“b:c”不能做标签"),
        ("标签 @李雷 加 " + "长" * 21, "不能做标签：要 20 个字以内"),
        ("标签 @李雷 加 1 2 3 4 5 6", "一次最多 5 个标签"),
        ("标签 没有的", "没有人有标签“没有的”"),
        ("标签 VIP 第二页", "写法是：标签"),
        ("标签 @不在", "没有找到“不在”"),
    ],
)
def test_a_wrong_way_of_typing_it_gets_an_example(chat: Chat, text: str, said: str) -> None:
    assert said in chat.as_admin(text)


def test_tags_are_for_operators_in_private(chat: Chat) -> None:
    assert "只有管理员可以用" in chat.privately("标签 @韩梅梅 加 VIP")
    assert "请私聊我" in chat.says("标签 @韩梅梅", user="boss")


def test_two_of_one_name_are_offered_by_number(chat: Chat) -> None:
    chat.says("群规", user="lilei2", name="李雷")
    assert "有 2 个人叫“李雷”" in chat.as_admin("标签 @李雷 加 VIP 老客户")
    assert "的标签：VIP、老客户。" in chat.as_admin("2")
    assert chat.stores.tags.of(chat.community.keys, chat.member("lilei2")) == ("VIP", "老客户")
    assert chat.stores.tags.of(chat.community.keys, chat.member()) == ()


def test_each_change_is_in_the_audit(chat: Chat) -> None:
    chat.as_admin("标签 @李雷 加 VIP")
    chat.as_admin("标签 @李雷 加 VIP")
    chat.as_admin("标签 @李雷 去 VIP")
    rows = [(row.act, row.before, row.after) for row in chat.stores.audit.newest("main", 10)]
    assert rows == [("标签：去VIP", "VIP", ""), ("标签：加VIP", "", "VIP")]


def test_a_member_who_is_forgotten_has_no_tags_and_is_in_no_index(chat: Chat) -> None:
    chat.as_admin("标签 @李雷 加 VIP")
    chat.as_admin("标签 @韩梅梅 加 VIP")
    number = chat.member()
    assert chat.stores.tags.export_user(number) == {"main": ["VIP"]}
    chat.erase()
    assert chat.stores.tags.export_user(number) == {}
    assert chat.stores.tags.members(chat.community.keys, "VIP") == [chat.member("hanmei")]
    assert chat.stores.tags.all(chat.community.keys) == {"VIP": 1}


def test_a_list_of_many_comes_in_pages(chat: Chat) -> None:
    for member in range(100, 135):
        chat.stores.tags.add(chat.community.keys, member, "VIP", chat.clock(), actor=1, once="")
    first, second = chat.as_admin("标签 VIP"), chat.as_admin("标签 VIP 2")
    assert first.count("•") == 30
    assert "说“标签 VIP 2”看下一页" in first
    assert second.count("•") == 5
    assert "下一页" not in second


def test_a_tag_begins_the_flow_that_waits_for_it(chat: Chat) -> None:
    flow = "- id: vip\n  title: 贵宾\n  start: {tags: [VIP]}\n  steps:\n  - say: 欢迎成为贵宾\n"
    chat.stores.content.put("flows", contents.to_items(contents.KINDS["flows"], flow), "boss", chat.clock())
    chat.live.refresh()
    chat.as_admin("标签 @李雷 加 VIP")
    told = [str(delivery.body) for delivery in chat.outbox()]
    assert len([text for text in told if "欢迎成为贵宾" in text]) == 1


# The act --------------------------------------------------------------------------------------------------------------------


def test_a_member_and_a_community_have_so_many_tags_and_no_more(database: Database) -> None:
    tags = Tags(database)
    for n in range(MOST_OF_MEMBER):
        assert tags.add(WHERE, 1, f"t{n}", START, actor=2, once="") == "done"
    assert tags.add(WHERE, 1, "more", START, actor=2, once="") == "full"
    for n in range(MOST_OF_MEMBER, MOST_OF_COMMUNITY):
        assert tags.add(WHERE, n, f"t{n}", START, actor=2, once="") == "done"
    assert tags.add(WHERE, 2, "more", START, actor=2, once="") == "many"
    assert tags.add(WHERE, 2, "t0", START, actor=2, once="") == "done", "one that is there already"


def test_what_one_community_tags_is_not_seen_in_another(database: Database) -> None:
    tags = Tags(database)
    tags.add(WHERE, 1, "VIP", START, actor=2, once="")
    assert tags.of(OTHER, 1) == ()
    assert tags.all(OTHER) == {}
    assert tags.members(OTHER, "VIP") == []


def test_a_repeat_changes_nothing_though_somebody_changed_it_meanwhile(database: Database) -> None:
    tags = Tags(database)
    assert tags.add(WHERE, 1, "VIP", START, actor=2, once="a") == "done"
    assert tags.remove(WHERE, 1, "VIP", START, actor=3, once="b") == "done"
    assert tags.add(WHERE, 1, "VIP", START, actor=2, once="a") == "done"
    assert tags.of(WHERE, 1) == ()


@pytest.mark.parametrize("text", ["", "a b", "a\tb", "甲,乙", "a:b", "a|b", "{a}", "@a", "x" * 21, "\n", "a\u200bb\n"])
def test_what_would_break_a_list_or_a_key_is_no_tag(database: Database, text: str) -> None:
    assert not is_tag(text)
    with pytest.raises(ValueError, match="no tag"):
        Tags(database).add(WHERE, 1, text, START, actor=2, once="")


acts = st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.sampled_from(["甲", "乙", "VIP", "a.b"])), max_size=40)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_tags_and_their_index_agree_with_a_plain_model(database: Database, acts: list[tuple[bool, int, str]]) -> None:
    database.command("FLUSHALL")
    tags, model = Tags(database), set[tuple[int, str]]()
    for is_added, member, tag in acts:
        change: Callable[..., str] = tags.add if is_added else tags.remove
        outcome = change(WHERE, member, tag, START, actor=9, once="")
        assert outcome == ("same" if ((member, tag) in model) == is_added else "done")
        model = model | {(member, tag)} if is_added else model - {(member, tag)}
    assert {(member, tag) for member in range(1, 5) for tag in tags.of(WHERE, member)} == model
    assert {(member, tag) for tag in tags.all(WHERE) for member in tags.members(WHERE, tag)} == model
    assert tags.all(WHERE) == {tag: sum(has == tag for _, has in model) for tag in sorted({tag for _, tag in model})}
