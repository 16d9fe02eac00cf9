"""导出我的数据 and 删除我的数据: asked alone, answered with a file, done by the clock to the end."""

from __future__ import annotations

import json

import pytest
from chat import Chat

from bot.errors import UserError
from handlers import privacy
from handlers.privacy import CONFIRM, COPIES, copy_file, ring_erasures
from storage import keys

pytest_plugins = ("chat",)


def ring(chat: Chat) -> int:
    return ring_erasures(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def wishes_to_go(chat: Chat, user: str = "lilei") -> None:
    chat.privately("删除我的数据", user=user)
    assert "几分钟内全部删除" in chat.privately(CONFIRM, user=user)


@pytest.mark.parametrize("words", ["导出我的数据", "删除我的数据"])
def test_in_a_group_it_is_asked_for_in_private(chat: Chat, words: str) -> None:
    chat.says("签到")
    assert "私聊我" in chat.says(words)
    assert "私聊我" in chat.as_admin(words)
    assert chat.stores.wishes.export_user(chat.member()) == {}


def test_a_copy_is_a_file_that_is_made_when_it_is_sent(chat: Chat) -> None:
    chat.says("签到", name="李雷")
    assert "记着的" in chat.privately("导出我的数据", through="desk")
    sent = [delivery for delivery in chat.outbox() if delivery.body["msgtype"] == "file"]
    name = sent[0].body["file"]["file_to_show"]
    assert [one.member for one in sent] == [chat.member()]
    assert name.startswith(f"{COPIES}:{chat.member()}/")
    data = json.loads(copy_file(chat.stores, name.partition(":")[2]))
    assert data["通讯录"]
    assert "李雷" in json.dumps(data, ensure_ascii=False)
    assert "积分" in data


def test_a_second_copy_waits_an_hour_and_a_repeat_is_the_first(chat: Chat) -> None:
    first = chat.privately("导出我的数据", id="one")
    assert "JSON" in first
    assert chat.privately("导出我的数据", id="one") == first
    assert "一小时" in chat.privately("导出我的数据")
    assert chat.stores.wishes.take_copy(chat.member(), once="assistant:one")


def test_there_is_no_file_of_another_name(chat: Chat) -> None:
    with pytest.raises(UserError):
        copy_file(chat.stores, "../x")


def test_nobody_is_forgotten_without_the_word(chat: Chat) -> None:
    chat.says("签到")
    assert CONFIRM in chat.privately("删除我的数据")
    chat.privately("等一下")
    chat.later(minutes=11)
    assert "几分钟内" not in chat.privately(CONFIRM)
    assert ring(chat) == 0
    assert chat.stores.directory.find_number("lilei")


def test_who_asked_for_it_is_forgotten_by_the_clock(chat: Chat) -> None:
    chat.says("签到", name="李雷")
    number = chat.member()
    wishes_to_go(chat)
    assert ring(chat) == 0, "his last message is still being answered"
    chat.later(seconds=11)
    assert ring(chat) == 1
    assert chat.stores.directory.find_number("lilei") is None
    assert ring(chat) == 0
    rows = [(row.actor, row.act) for row in chat.stores.audit.newest("", 10) if row.subject == f"成员 {number}"]
    assert rows == [("系统", "删除个人数据"), ("本人", "要求删除个人数据")]
    assert chat.stores.wishes.to_erase(chat.clock()) == [], "he was looked for once more"
    chat.says("签到")
    assert chat.member() != number


def test_what_a_killed_process_left_is_done_by_another(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.says("签到")
    number = chat.member()
    wishes_to_go(chat)
    chat.later(seconds=11)
    whole = privacy.erase_person

    def half(*who: object) -> object:
        steps = whole(*who)  # type: ignore[arg-type]
        yield next(steps)
        yield next(steps)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(privacy, "erase_person", half)
        with pytest.raises(KeyboardInterrupt):
            ring(chat)
    assert chat.stores.wishes.to_erase(chat.clock()) == [number]
    assert ring(chat) == 1
    assert chat.stores.directory.find_number("lilei") is None


def test_one_process_at_a_time(chat: Chat) -> None:
    chat.says("签到")
    wishes_to_go(chat)
    chat.later(seconds=11)
    chat.stores.database.command("SET", "qb:{lease:erasures}", "another")
    assert ring(chat) == 0
    assert chat.stores.directory.find_number("lilei")


def test_an_owner_is_kept_until_another_takes_over(chat: Chat) -> None:
    assert "所有者" in chat.privately("删除我的数据", user="boss")
    assert "所有者" not in chat.privately("删除我的数据", user="lilei")


def test_a_moderator_loses_his_role_with_his_data(chat: Chat) -> None:
    chat.says("签到")
    chat.as_admin("角色 lilei 运营")
    wishes_to_go(chat)
    chat.later(seconds=11)
    assert ring(chat) == 1
    chat.says("签到")
    assert chat.stores.roles.export_user(chat.member()) in ({}, [])


def test_whom_a_store_cannot_forget_holds_up_nobody(chat: Chat) -> None:
    chat.says("签到", user="lilei")
    chat.says("签到", user="hanmei")
    first, second = chat.member("lilei"), chat.member("hanmei")
    assert first < second
    wishes_to_go(chat, "lilei")
    wishes_to_go(chat, "hanmei")
    damaged = keys.LEDGER_ROWS(shard=chat.community.shard, community=chat.community.id, member=first)
    database = chat.stores.database
    database.pipeline([("RENAME", damaged, f"{damaged}:whole"), ("SET", damaged, "no list")])
    chat.later(seconds=11)
    assert ring(chat) == 1
    assert chat.stores.directory.find_number("hanmei") is None
    assert first in chat.stores.wishes.to_erase(chat.clock()), "he waits"
    database.command("RENAME", f"{damaged}:whole", damaged)
    assert ring(chat) == 1
    assert chat.stores.directory.find_number("lilei") is None
