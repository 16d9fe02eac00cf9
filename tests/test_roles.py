"""Roles: given and taken by somebody higher, in one community or in all; gone with whoever leaves."""

from __future__ import annotations

import pytest
from chat import FAR, Chat, OpenChat

from bot.leavers import note_left
from bot.permissions import Role, outranks, role_in
from storage.connection import Database
from storage.roles import ALL, Roles

pytest_plugins = ("chat",)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot, and two members who have spoken."""
    chat = open_chat()
    chat.says("签到", user="lilei", name="李雷")
    chat.says("签到", user="hanmei", name="韩梅梅")
    return chat


def role(chat: Chat, user: str, community: str = "main") -> Role:
    return role_in(community, user, chat.member(user), chat.config, chat.stores)


def test_an_owner_gives_a_role_and_takes_it_again(chat: Chat) -> None:
    assert "只有管理员可以用" in chat.privately("案件")
    assert "现在是“主群”的版主" in chat.as_admin("角色 @李雷 版主")
    assert "没有待处理的案件" in chat.privately("案件")
    assert "只有管理员可以用" in chat.privately("角色"), "and nothing above it"
    assert "不再有角色" in chat.as_admin("角色 lilei 无")
    assert "只有管理员可以用" in chat.privately("案件")


def test_a_role_holds_in_its_community_only(chat: Chat) -> None:
    chat.as_admin("角色 李雷 管理员")
    assert role(chat, "lilei") == "admin"
    assert role(chat, "lilei", "far") == "member"
    chat.as_admin("角色 李雷 运营 全部")
    assert role(chat, "lilei", "far") == "operator"
    assert role(chat, "lilei") == "admin", "the higher of the two"


def test_only_somebody_higher_gives_and_takes(chat: Chat) -> None:
    chat.as_admin("角色 李雷 管理员")
    assert "现在是“主群”的运营" in chat.privately("角色 韩梅梅 运营")
    assert "只能给出和收回比自己低的角色" in chat.privately("角色 韩梅梅 管理员")
    assert "只能给出和收回比自己低的角色" in chat.privately("角色 李雷 无"), "not even his own"
    assert "全部社群都是管理员" in chat.privately("角色 韩梅梅 版主 全部")
    assert "是所有者" in chat.privately("角色 boss 无")
    assert role(chat, "hanmei") == "operator"


def test_two_of_one_name_are_offered_by_number(chat: Chat) -> None:
    chat.says("签到", user="lilei2", name="李雷")
    said = chat.as_admin("角色 李雷 运营")
    assert "有 2 个人叫“李雷”" in said
    assert "现在是“主群”的运营" in chat.as_admin("2")
    assert (role(chat, "lilei"), role(chat, "lilei2")) == ("member", "operator")


def test_a_choice_is_judged_when_it_is_made(chat: Chat) -> None:
    chat.says("签到", user="lilei2", name="李雷")
    chat.as_admin("角色 韩梅梅 管理员")
    assert "有 2 个人" in chat.privately("角色 李雷 运营", user="hanmei")
    chat.as_admin("角色 韩梅梅 无")
    assert "只有管理员可以用" in chat.privately("1", user="hanmei")
    assert role(chat, "lilei") == "member"


def test_members_of_another_community_are_found_by_their_user_id_only(chat: Chat) -> None:
    chat.says("签到", user="john", name="John", group=FAR)
    number = chat.member("john")
    assert "没有找到“John”" in chat.as_admin("角色 @John 版主")
    assert "没有找到" in chat.as_admin(f"角色 {number} 版主")
    assert "现在是“主群”的版主" in chat.as_admin("角色 john 版主")


@pytest.mark.parametrize("words", ["@李雷", "@李雷 大王", "全部", "运营", "@李雷 运营 全部 再来"])
def test_what_is_not_understood_is_answered_with_an_example(chat: Chat, words: str) -> None:
    assert "写法是：角色 @谁" in chat.as_admin(f"角色 {words}")


def test_roles_are_listed_for_the_community(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    chat.as_admin("角色 韩梅梅 观察员 全部")
    said = chat.as_admin("角色")
    assert "李雷（成员 1）：运营" in said
    assert "韩梅梅（成员 2）：观察员（全部社群）" in said
    assert "boss：所有者" in said
    chat.as_admin("角色 李雷 管理员")
    assert "boss" not in chat.privately("角色"), "who rules elsewhere is not his to know"


def test_who_leaves_loses_his_roles_and_does_not_get_them_back(chat: Chat) -> None:
    chat.as_admin("角色 李雷 管理员 全部")
    note_left(chat.stores, chat.config, "lilei", "test", chat.clock())
    assert role(chat, "lilei") == "member"
    chat.stores.leavers.come_back("lilei")
    assert role(chat, "lilei") == "member"
    assert any(row.act == "收回角色" and row.after == "无（已离职）" for row in chat.stores.audit.newest("", 5))


def test_a_change_of_roles_stands_in_the_audit(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    [row] = chat.stores.audit.newest("main", 5)
    assert (row.actor, row.act, row.subject, row.before, row.after) == (str(chat.member("boss")), "设置角色", "成员 1", "无", "运营")


def test_another_process_hears_of_it_within_two_seconds(database: Database) -> None:
    now = 0.0
    here, there = Roles(database), Roles(database, clock=lambda: now)
    assert there.of_member(1) == {}
    assert here.grant(1, "main", "operator", seen="", once="a")
    assert there.of_member(1) == {}, "not asked again yet"
    now = 2.1
    assert there.of_member(1) == {"main": "operator"}


def test_a_repeat_grants_nothing_again(database: Database) -> None:
    roles = Roles(database)
    assert roles.grant(1, "main", "operator", seen="", once="a")
    assert roles.grant(1, "main", "", seen="operator", once="b")
    assert roles.grant(1, "main", "operator", seen="", once="a"), "a repeat says what the first said"
    assert roles.of_member(1) == {}, "and does nothing"


def test_two_who_decide_at_once_do_not_undo_each_other_unseen(database: Database) -> None:
    roles = Roles(database)
    assert roles.grant(1, ALL, "viewer", seen="", once="a")
    assert not roles.grant(1, ALL, "operator", seen="", once="b")
    assert roles.of_member(1) == {ALL: "viewer"}


def test_an_ordinary_member_costs_no_further_round_trip(chat: Chat) -> None:
    trips = []
    chat.says("怎么退款")
    chat.stores.database._on_round_trip = lambda: trips.append(1)
    chat.says("怎么退款")
    assert len(trips) == 1


def test_an_erased_member_has_no_roles(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    assert chat.stores.roles.export_user(1) == {"main": "operator"}
    chat.erase("lilei")
    assert chat.stores.roles.all() == []


def test_higher_means_strictly_higher() -> None:
    assert outranks("owner", "admin")
    assert not outranks("admin", "admin")
