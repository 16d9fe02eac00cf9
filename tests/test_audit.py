"""The audit: every act of those with a role, who did it, and what was before; read by pages, never changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from casework import in_service
from chat import FAR, Chat, OpenChat

from handlers.audit import audit_page

pytest_plugins = ("chat",)


def note(chat: Chat, subject: str, *, community: str = "main", once: str = "") -> None:
    chat.stores.audit.record(community, str(chat.member("boss")), "问答 修改", subject, "旧", "新", chat.clock(), once=once)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot, and an owner who has spoken."""
    chat = open_chat()
    chat.says("签到", user="boss", name="王店长", group="wrADMIN")
    return chat


def test_an_act_is_shown_with_who_and_what(chat: Chat) -> None:
    note(chat, "refund")
    said = chat.as_admin("审计")
    assert "03-10 10:00 王店长 问答 修改 refund：旧 → 新" in said


def test_a_repeat_is_noted_once(chat: Chat) -> None:
    for _ in range(3):
        note(chat, "refund", once="M1")
    note(chat, "other", once="M1")
    note(chat, "no mark")
    note(chat, "no mark")
    assert [row.subject for row in chat.stores.audit.newest("main", 9)] == ["no mark", "no mark", "other", "refund"]


def test_long_texts_are_cut(chat: Chat) -> None:
    note(chat, "长" * 5_000)
    assert len(chat.stores.audit.newest("main", 1)[0].subject) == 2_000


def test_the_newest_stand_first_by_pages(chat: Chat) -> None:
    for number in range(25):
        chat.later(minutes=1)
        note(chat, f"e{number}", community="main" if number % 2 else "")
    assert [row.subject for row in audit_page(chat.stores, "main", 1, size=10, everywhere=True).rows] == [
        f"e{n}" for n in range(24, 14, -1)
    ]
    last = audit_page(chat.stores, "main", 3, size=10, everywhere=True)
    assert [row.subject for row in last.rows] == [f"e{n}" for n in range(4, -1, -1)]
    assert not last.has_more
    assert [row.subject for row in audit_page(chat.stores, "main", 1, size=3).rows] == ["e23", "e21", "e19"]
    assert "更早的：审计 2" in chat.as_admin("审计")
    assert "没有更早的记录" in chat.as_admin("审计 9")
    for wrong in ("0", "x", "999", "1 2", "²"):
        assert "写法是：审计" in chat.as_admin(f"审计 {wrong}")


def test_another_community_and_ordinary_members_see_nothing(chat: Chat) -> None:
    note(chat, "refund")
    chat.says("签到", user="john", name="John", group=FAR)
    assert "只有管理员" in chat.privately("审计", user="john")
    chat.as_admin("角色 john 管理员")
    chat.stores.roles.grant(chat.member("john"), "far", "admin", seen="", once="t")
    assert "还没有记录" in chat.privately("审计", user="john"), "he is at home in New York"


def test_it_is_kept_for_years_and_then_goes(chat: Chat) -> None:
    note(chat, "old")
    note(chat, "old too", community="")
    chat.later(days=1094)
    note(chat, "new")
    assert chat.clean_up()["audit"] == 0
    chat.later(days=2)
    assert chat.clean_up()["audit"] == 2
    assert [row.subject for row in chat.stores.audit.newest("main", 9)] == ["new"]
    assert chat.stores.audit.drop_before(chat.clock() + timedelta(days=1)) == 1


def test_who_acted_can_have_what_is_kept_of_him_but_not_thin_it_out(chat: Chat) -> None:
    note(chat, "refund")
    number = chat.member("boss")
    assert [row["对象"] for row in chat.stores.audit.export_user(number)] == ["refund"]
    assert chat.stores.audit.export_user(number + 1) == []
    chat.erase("boss")
    assert len(chat.stores.audit.newest("main", 9)) == 1


def test_a_decided_case_stands_in_the_audit_once(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("你就是个窝囊废")
    for _ in range(2):
        chat.says("处理 1 忽略", user="boss", group="wrADMIN", id="M-decide")
    assert [(row.act, row.subject) for row in chat.stores.audit.newest("main", 9)] == [("处理案件", f"案件 1（成员 {chat.member()}）")]
    assert f"处理案件 案件 1（成员 {chat.member()}）：" in chat.as_admin("审计")


def test_an_edit_of_the_faq_reads_well(chat: Chat) -> None:
    chat.as_admin("问答 修改 refund 答案 三天到账。")
    said = chat.as_admin("审计")
    assert "问答 修改" in said
    assert "三天到账" in said
    assert '{"id"' not in said
