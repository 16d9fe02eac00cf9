"""隐私: what members read of their data; the operator's own words, in versions, and what is true in any case."""

from __future__ import annotations

from chat import Chat, OpenChat

from handlers.privacy import NOTICE

pytest_plugins = ("chat",)


def test_whoever_asks_reads_what_is_kept_and_how_to_see_and_delete_it(chat: Chat) -> None:
    chat.says("帮助")
    for said in (chat.says("隐私"), chat.privately("隐私政策")):
        assert said.startswith(NOTICE)
        assert said.endswith("平时说的话，回答完就不留。")
        for word in ("导出我的数据", "删除我的数据", "免打扰", "人工"):
            assert word in said


def test_that_texts_are_kept_is_always_told(open_chat: OpenChat) -> None:
    chat = open_chat(keep_text=True)
    chat.stores.content.put("welcome", {"": "privacy: 我们什么都不记\n"}, "boss", chat.clock())
    chat.live.refresh()
    said = chat.privately("隐私")
    assert said.startswith("我们什么都不记")
    assert "保存 180 天" in said


def test_the_operators_words_are_kept_in_versions(chat: Chat) -> None:
    for company in ("甲", "乙"):
        chat.stores.content.put("welcome", {"": f"privacy: 你好 {{nickname}}，这里归{company}公司\n"}, "boss", chat.clock())
    chat.live.refresh()
    assert chat.privately("隐私").startswith("你好 新朋友，这里归乙公司")
    assert [version.author for version in chat.stores.content.history("welcome", 2)] == ["boss", "boss"]


def test_who_comes_first_hears_where_to_ask(chat: Chat) -> None:
    assert "说“隐私”" in chat.enters()


def test_the_commands_that_it_names_exist(chat: Chat) -> None:
    for word in ("导出我的数据", "删除我的数据", "免打扰", "人工", "隐私"):
        assert word in chat.router.commands, word
