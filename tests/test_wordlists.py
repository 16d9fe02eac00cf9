"""词库 in chat and console: who may change it, what is asked first, what is told, and that an edit is live everywhere."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from chat import Chat, OpenChat
from visits import Visit, met, visit, web

from bot.permissions import COMMAND_LINE
from bot.word_desk import WordDesk
from handlers.contents import current_text, find_kind, publish, undo
from handlers.wordlists import Draft, parse_words
from rules import ordinary_chat
from rules.content_tables import items_of_file, table_of, text_of_table
from rules.content_words import entry_from_json, entry_to_json
from rules.contents import WORDS, ContentProblem, from_items, parse, to_items
from rules.moderation import Judge
from rules.text import normalise
from rules.unmask import read
from rules.wordlist import MOST_ABOVE, MOST_HIDDEN, Allowed, Entry, Lexicon, Word, WordList, id_of
from storage.connection import Database
from storage.content import ContentStore
from storage.embedded import EmbeddedServer
from storage.schema import settle_schema
from tests.timing import SLOWER, START

pytest_plugins = ("chat",)

PAGE = "/console/in/main/words"
SHIPPED = Path(__file__).parent.parent / "rules" / "content" / "words.yaml"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def says(chat: Chat, text: str) -> str:
    """What the owner is answered; then this process has looked for new content, as it does once a second."""
    said = chat.as_admin(text)
    chat.live.refresh()
    return said


def hits(chat: Chat, text: str, community: str = "main") -> tuple[str, ...]:
    """The listed words that are found in a text."""
    return tuple(reason.word for reason in chat.live.current.judge.lexicon.find(read(text), community))


# The list -----------------------------------------------------------------------------------------------------------------
def test_a_community_s_own_entry_counts_before_the_common_one() -> None:
    lexicon = Lexicon(
        [Word("微商", 3, "advert", "共用"), Word("微商", 1, "advert", "自己的", ("far",)), Word("代购", 2, "advert", "甲", ("far",))]
    )
    assert [reason.rule for reason in lexicon.find(read("微商"), "main")] == ["共用"]
    assert [(reason.rule, reason.severity) for reason in lexicon.find(read("微商"), "far")] == [("自己的", 1)]
    assert lexicon.find(read("代购"), "main") == ()
    assert lexicon.find(read("代购")) == ()
    assert [reason.word for reason in lexicon.find(read("代购"), "far")] == ["代购"]


def test_no_two_kinds_of_entries_share_an_id() -> None:
    entries: list[Entry] = [
        Word("放行:甲", 1, "other", "规"),
        Allowed("甲"),
        Word("甲@main", 1, "other", "规"),
        Word("甲", 1, "other", "规", ("main",)),
    ]
    assert len({id_of(entry) for entry in entries}) == 4
    assert all(entry_from_json(entry_to_json(entry)) == entry for entry in entries)


def test_a_list_that_was_edited_finds_what_one_that_was_made_anew_finds() -> None:
    dice, plain = random.Random(7), ["甲乙", "乙丙", "丙丁", "甲乙丙", "丁", "sb", "丁甲"]
    texts = ["".join(dice.choices("甲乙丙丁 sbu", k=12)) for _ in range(60)]
    lexicon, kept = Lexicon(), dict[str, Entry]()
    for step in range(300):
        text = dice.choice(plain)
        entry: Entry = Allowed(text) if dice.random() < 0.3 else Word(text, dice.randint(1, 3), "other", "规", dice.choice([(), ("main",)]))
        change: Entry | None = entry if dice.random() < 0.7 else None
        kept = {id: one for id, one in {**kept, id_of(entry): change}.items() if one}
        lexicon = lexicon.with_changes({id_of(entry): change})
        assert (dict(lexicon.entries), len(lexicon)) == (kept, len(kept))
        if step % 10 == 0:
            anew = Lexicon.of(kept)
            for text in texts:
                for place in ("", "main"):
                    assert set(lexicon.find(read(text), place)) == set(anew.find(read(text), place))


def test_the_worst_words_are_looked_for_in_disguise_and_an_edit_counts_at_once() -> None:
    words = [Word("只记下", 1, "other", ""), Word("割韭菜", 2, "other", ""), Word("毒鸡汤", 3, "insult", "")]
    first = Lexicon(words)
    assert first.worth_hiding == ["毒鸡汤", "割韭菜"]
    edited = first.with_changes({id_of(words[2]): None, "只记下": Word("只记下", 3, "other", "")})
    assert edited.worth_hiding == ["只记下", "割韭菜"]
    assert len(Lexicon(Word(chr(0x4E00 + n) * 2, 2, "other", "") for n in range(MOST_HIDDEN + 500)).worth_hiding) == MOST_HIDDEN


def test_an_own_word_in_disguise_is_shown_to_a_person_and_never_warned_of() -> None:
    judge = Judge(Lexicon([Word("毒鸡汤", 3, "insult", "规")]))
    for verdict in (judge.judge("又来灌毒鸡烫"), *judge.judge_many(["又来灌毒鸡烫"])):
        assert (verdict.verdict, verdict.hits) == ("review", ("毒鸡汤",))
        assert "同音字" in verdict.reasons[0].said


def test_after_many_edits_the_automaton_is_built_anew() -> None:
    lexicon = Lexicon([Word("旧词", 2, "other", "规")]).with_changes(
        {f"词{n}": Word(f"词{n}", 2, "other", "规") for n in range(MOST_ABOVE + 1)}
    )
    assert len(lexicon) == MOST_ABOVE + 2
    assert [reason.word for reason in lexicon.find(read("旧词，词17。"))] == ["旧词", "词17"]


def test_how_much_ordinary_chat_a_word_would_hit_is_counted_by_lines() -> None:
    lines = ordinary_chat.shipped()
    assert len(lines) == 5_000
    assert all(normalise(line) == line for line in lines[::50])
    counts = Lexicon([Word("今天", 2, "other", "规"), Word("从来没有人说过的话", 2, "other", "规")]).count_in(lines)
    assert counts["今天"] == sum("今天" in line for line in lines) > 20
    assert counts["从来没有人说过的话"] == 0


# What is typed ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "draft"),
    [
        ("傻叉", Draft(("傻叉",), "other", 2, False)),
        ("傻叉 煞笔 骂人 3级", Draft(("傻叉", "煞笔"), "insult", 3, False)),
        ("傻叉、你 个 傻；煞笔 3 辱骂", Draft(("傻叉", "你 个 傻", "煞笔"), "insult", 3, False)),
        ("250 辱骂 2", Draft(("250",), "insult", 2, False)),
        ("加我微信 广告 本群", Draft(("加我微信",), "advert", 2, True)),
        ("甲\n乙\n丙 色情", Draft(("甲", "乙", "丙"), "porn", 2, False)),
        ("3", Draft(("3",), "other", 2, False)),
        ("甲 甲，甲", Draft(("甲 甲", "甲"), "other", 2, False)),
        ("", Draft((), "other", 2, False)),
    ],
)
def test_words_are_read_with_what_is_said_of_them(typed: str, draft: Draft) -> None:
    assert parse_words(typed) == draft


def test_a_word_is_added_found_tried_and_taken_away(chat: Chat) -> None:
    assert "已添加 2 个：傻叉叉（辱骂，3 级）、坏种种（辱骂，3 级）" in says(chat, "词库 添加 傻叉叉、坏种种 辱骂 3")
    assert hits(chat, "你这坏种种") == ("坏种种",)
    tried = says(chat, "词库 测试 你这坏·种·种")
    assert "“坏·种·种”读作词库里的“坏种种”（去掉中间的符号）" in tried
    assert "会说的群规：友善交流，不辱骂他人" in tried
    assert "傻叉叉（辱骂，3 级）" in says(chat, "词库 查 叉叉")
    assert "本来就有 1 个" in says(chat, "词库 添加 傻叉叉 辱骂 3")
    assert "已修改 1 个：傻叉叉（辱骂，2 级）" in says(chat, "词库 添加 傻叉叉 辱骂 2")
    assert "已删除：坏种种（辱骂，3 级）" in says(chat, "词库 删除 坏种种")
    assert hits(chat, "你这坏种种") == ()
    assert "已撤销第 4 版" in says(chat, "词库 撤销")
    assert hits(chat, "你这坏种种") == ("坏种种",)
    assert [row.act for row in chat.stores.audit.newest("", 4)] == ["词库 撤销", "词库 删除", "词库 添加", "词库 添加"]
    assert "坏种种（辱骂，3 级）" in chat.stores.audit.newest("", 2)[1].before
    assert "删除 坏种种" in says(chat, "词库 历史")


def test_a_word_that_is_called_like_a_category_may_be_listed(chat: Chat) -> None:
    assert "已添加 1 个：骗子（辱骂，1 级）" in says(chat, "词库 添加 骗子 辱骂 1")


def test_a_phrase_shelters_its_words_everywhere(chat: Chat) -> None:
    says(chat, "词库 添加 坏种种 辱骂 3")
    assert "已添加 1 个：坏种种子（放行）" in says(chat, "词库 放行 坏种种子")
    assert hits(chat, "买了坏种种子") == ()
    assert "什么都没有碰到" in says(chat, "词库 测试 买了坏种种子")
    assert "现在用不上" in says(chat, "词库 放行 天气很好")
    assert "两样只能留一样" in says(chat, "词库 放行 坏种种")
    assert "两样只能留一样" in says(chat, "词库 添加 坏种种子")
    assert "已删除：坏种种子（放行）" in says(chat, "词库 删除 坏种种子")
    assert hits(chat, "买了坏种种子") == ("坏种种",)


def test_a_wide_word_is_asked_about_first(chat: Chat) -> None:
    asked = says(chat, "词库 添加 今天 广告")
    assert re.search(r"“今天”在 5,000 句日常聊天里碰到 \d\d+ 句，例如“.*今天", asked)
    assert hits(chat, "今天吃什么") == ()
    assert "没有添加" in says(chat, "2")
    assert "成员会问的“怎么退款”也在内" in says(chat, "词库 添加 退款 广告")
    assert "已添加 1 个：退款（广告，2 级）" in says(chat, "1")
    assert hits(chat, "我要退款") == ("退款",)
    assert "已添加 1 个" in says(chat, "词库 添加 今天 其他 1"), "what is only noted troubles nobody"


@pytest.mark.parametrize(
    ("typed", "example"),
    [
        ("词库 添加", "例如：词库 添加 傻叉、煞笔 辱骂 3"),
        ("词库 删除", "例如：词库 删除 傻叉"),
        ("词库 放行", "例如：词库 放行 傻瓜相机"),
        ("词库 查", "例如：词库 查 傻"),
        ("词库 测试", "例如：词库 测试 你这个傻·逼"),
        ("词库 撤销 昨天的", "例如：词库 撤销 12"),
        ("词库 撤销 99", "词库 历史"),
        ("词库 撤销", "起始内容"),
        ("词库 撤销 1", "起始内容"),
        ("词库 删除 没有这个词", "例如：词库 查 没"),
        ("词库 添加 " + "长" * 51, "最多 50 个字"),
        ("词库 添加 ·", "例如"),
        ("词库 添加 \u200b", "例如"),
        ("词库 添加 " + "、".join(f"词{n}" for n in range(201)), "一次最多 200 个"),
        ("词库 添加 苹 果 辱骂 4", "例如：词库 添加"),
        ("词库 添加 苹果、香蕉 辱骂 4", "“辱骂”看起来是类别"),
        ("词库 添加 苹 3 果 10级", "例如：词库 添加"),
        ("词库 添加 苹果 辱骂 广告 3", "例如：词库 添加"),
        ("词库 乱写", "词库 添加 傻叉、煞笔 辱骂 3"),
        ("词库添加", "例如：词库 添加"),
    ],
)
def test_a_wrong_typing_is_answered_with_the_right_way(chat: Chat, typed: str, example: str) -> None:
    before = current_text(chat.stores, WORDS)
    assert example in says(chat, typed)
    assert current_text(chat.stores, WORDS) == before


def test_the_summary_counts_and_teaches(chat: Chat) -> None:
    said = says(chat, "词库")
    listed = parse(WORDS, SHIPPED.read_text(encoding="utf-8"))
    assert f"词库 {len(listed.words)} 个词，放行 {len(listed.allow)} 个词组" in said
    assert f"辱骂 {sum(word.category == 'insult' for word in listed.words)}（" in said
    assert "词库 测试 一句话" in said
    assert "已添加 1 个：坏坏坏（其他，2 级）" in says(chat, "词库添加 坏坏坏")


def test_a_moderator_looks_and_an_operator_changes(chat: Chat) -> None:
    assert "只有管理员可以用" in chat.says("词库")
    chat.as_admin("角色 lilei 版主")
    assert "个词" in chat.privately("词库", user="lilei")
    assert "词库里的“傻逼”" in chat.privately("词库 测试 傻逼", user="lilei")
    assert "要有运营角色" in chat.privately("词库 添加 坏坏坏", user="lilei")
    chat.as_admin("角色 lilei 运营")
    assert "坏坏坏（其他，2 级，只在 main）" in chat.privately("词库 添加 坏坏坏", user="lilei")


def test_who_looks_after_one_community_leaves_the_others_alone(chat: Chat) -> None:
    chat.says("签到", user="john", name="John", group="wrFAR")
    chat.as_admin("角色 lilei 运营")
    chat.stores.roles.grant(chat.member("john"), "far", "operator", seen="", once="t")
    chat.privately("词库 添加 坏坏坏 辱骂 3", user="lilei")
    chat.live.refresh()
    assert (hits(chat, "坏坏坏"), hits(chat, "坏坏坏", "far")) == (("坏坏坏",), ())
    assert "没有带“坏坏坏”的词" in chat.privately("词库 查 坏坏坏", user="john")
    assert "没有“坏坏坏”" in chat.privately("词库 删除 坏坏坏", user="john")
    assert "几个社群共用的" in chat.privately("词库 删除 傻逼", user="john")
    assert "几个社群共用的" in chat.privately("词库 放行 傻瓜", user="john")
    assert "已添加 1 个" in chat.privately("词库 添加 傻逼 辱骂 1", user="john")
    chat.live.refresh()
    assert [reason.severity for reason in chat.live.current.judge.lexicon.find(read("傻逼"), "far")] == [1]
    assert [reason.severity for reason in chat.live.current.judge.lexicon.find(read("傻逼"), "main")] == [3]
    assert "不只属于这个社群" in chat.privately("词库 撤销 2", user="john")
    assert "已撤销第 3 版" in chat.privately("词库 撤销", user="john")
    assert [row.act for row in chat.stores.audit.newest("far", 3)][-1:] == ["词库 添加"]


def test_a_repeat_adds_nothing_and_says_the_same(chat: Chat) -> None:
    first = chat.says("词库 添加 坏坏坏 辱骂 3", user="boss", group="wrADMIN", id="W1")
    assert chat.says("词库 添加 坏坏坏 辱骂 3", user="boss", group="wrADMIN", id="W1") == first
    assert chat.stores.content.versions()["words"] == 2
    desk = WordDesk(chat.stores, chat.live.current, chat.community, COMMAND_LINE, chat.clock(), may_share=True)
    word = Word("坏坏坏", 2, "insult", "规")
    done = [desk.put([word], once="same") for _ in range(2)]
    assert done[0] == done[1]
    assert done[0].changed == (word,)
    assert len(chat.stores.audit.newest("", 9)) == 2


def test_an_edit_is_live_in_every_process(open_chat: OpenChat) -> None:
    chat = met(open_chat())
    elsewhere = open_chat(clock=chat.clock)
    chat.as_admin("词库 添加 坏坏坏 辱骂 3")
    elsewhere.live.refresh()
    assert hits(elsewhere, "坏坏坏") == ("坏坏坏",)
    publish(chat.stores, WORDS, "groups: [{category: other, severity: 2, rule: 规, words: [唯一的词]}]\n", "王店长", chat.clock())
    elsewhere.live.refresh()
    assert (hits(elsewhere, "坏坏坏"), hits(elsewhere, "唯一的词")) == ((), ("唯一的词",))
    undo(chat.stores, find_kind("词库"), 3, COMMAND_LINE, chat.clock())
    elsewhere.live.refresh()
    assert hits(elsewhere, "傻逼坏坏坏") == ("傻逼", "坏坏坏")


def test_one_of_20000_words_is_edited_in_a_moment(open_chat: OpenChat) -> None:
    chat = met(open_chat())
    dice = random.Random(3)
    words = list(dict.fromkeys("".join(chr(dice.randrange(0x4E00, 0x9000)) for _ in range(4)) for _ in range(20_000)))
    items = to_items(WORDS, "") | {id_of(word): entry_to_json(word) for word in (Word(text, 2, "other", "规") for text in words)}
    chat.stores.content.put("words", items, "boss", chat.clock())
    chat.live.refresh()
    began = time.process_time()
    assert "已添加 1 个" in chat.as_admin("词库 添加 坏坏坏 辱骂 3")
    chat.live.refresh()
    took = time.process_time() - began
    assert set(hits(chat, f"坏坏坏{words[500]}")) == {"坏坏坏", words[500]}
    assert took < 0.5 * SLOWER, f"{took:.2f} s"


WATCHER = """
import sys
from threading import Event
from bot.live import LiveContents
from rules.text import Words
from rules.unmask import read
from storage.connection import Database
from storage.content import ContentStore
from storage.directory import Directory

database = Database(sys.argv[1])
live, stop = LiveContents(ContentStore(database), Directory(database), Words(), is_eager=False), Event()
live.refresh()
print("ready", flush=True)
found = lambda: live.current.judge.lexicon.find(read("坏坏坏"))
live.watch(stop, lambda: found() and (print("seen", flush=True), stop.set()))
"""


def test_a_word_added_is_found_by_processes_that_run(database: Database, redis_server: EmbeddedServer) -> None:
    watchers = [subprocess.Popen([sys.executable, "-c", WATCHER, redis_server.url], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        assert [watcher.stdout.readline() for watcher in watchers if watcher.stdout] == ["ready\n"] * 2
        word = Word("坏坏坏", 2, "other", "规")
        ContentStore(database).put("words", {id_of(word): entry_to_json(word)}, "boss", START)
        assert ["seen\n" in iter(watcher.stdout.readline, "") for watcher in watchers if watcher.stdout] == [True, True]
        assert [watcher.wait(20) for watcher in watchers] == [0, 0]
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.communicate()


# How it is kept -----------------------------------------------------------------------------------------------------------
def test_a_list_that_was_kept_as_one_file_is_kept_by_words_afterwards(database: Database) -> None:
    store, raw = ContentStore(database), SHIPPED.read_text(encoding="utf-8")
    database.command("HSET", "qb:{meta}:schema", "version", "4", "shards", "16", "first_start_ms", "5")
    store.put("words", {"": raw}, "起始内容", START)
    for _ in range(2):
        settle_schema(database, 9)
        database.command("HSET", "qb:{meta}:schema", "version", "4")
    version, items = store.snapshot("words")
    assert version == 2
    assert items == to_items(WORDS, raw)
    assert from_items(WORDS, items) == parse(WORDS, raw)
    assert from_items(WORDS, {"": raw}) == parse(WORDS, raw)


def test_words_that_belong_together_stand_together_in_the_file() -> None:
    def row(text: str, severity: int) -> str:
        return entry_to_json(Word(text, severity, "insult", "规"))

    value = from_items(WORDS, {"甲": row("甲", 2), "乙": row("乙", 3), "丙": row("丙", 2)})
    assert [(word.text, word.severity) for word in value.words] == [("甲", 2), ("丙", 2), ("乙", 3)]


TABLE = "词,类别,级别,群规,社群\n坏坏坏,辱骂,3,,\n微商,广告,,不打广告,main；far\n傻瓜相机,放行,,,\n"


def test_a_table_comes_back_the_same() -> None:
    value = WordList((Word("坏坏坏", 3, "insult", "友善"), Word("微商", 2, "advert", "不打广告", ("main", "far"))), ("傻瓜相机",))
    entries: list[Entry] = [*value.words, Allowed("傻瓜相机")]
    items = {id_of(entry): entry_to_json(entry) for entry in entries}
    for name in ("words.csv", "words.xlsx"):
        assert from_items(WORDS, items_of_file(WORDS, name, table_of(WORDS, items, name))).words[0] == value.words[0]
        assert items_of_file(WORDS, name, table_of(WORDS, items, name)) == items


def test_a_table_is_read_with_what_it_leaves_out() -> None:
    value = from_items(WORDS, items_of_file(WORDS, "a.csv", TABLE.encode()))
    assert value.words == (
        Word("坏坏坏", 3, "insult", "友善交流，不辱骂他人"),
        Word("微商", 2, "advert", "不打广告", ("far", "main")),
    )
    assert value.allow == ("傻瓜相机",)


def test_a_table_taken_in_leaves_the_rest(chat: Chat) -> None:
    items = chat.stores.content.items("words")
    merged = parse(WORDS, text_of_table(WORDS, items, "a.csv", "词,类别\n傻瓜相机,其他\n傻逼,放行\n".encode()))
    assert "傻瓜相机" in {word.text for word in merged.words}
    assert "傻瓜相机" not in merged.allow
    assert "傻逼" in merged.allow
    assert "傻逼" not in {word.text for word in merged.words}
    assert "傻叉" in {word.text for word in merged.words}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("词,类别\n坏坏坏,骂街\n", "第 2 行（类别）：只能是 辱骂、威胁、色情、广告、联系方式、诈骗、绝望、其他、放行"),
        ("词,级别\n坏坏坏,5\n", "第 2 行（级别）：不能大于 3"),
        ("词,级别\n坏坏坏,高\n", "第 2 行（级别）：应该是整数"),
        ("词,级别\n,2\n", "第 2 行（词）：是空的"),
        ("词\n坏坏坏\nＳＢ\nsb\n", "第 4 行（词）：“sb”前面已经有了"),
        ("词,类别\n坏坏坏,放行\n坏坏坏,辱骂\n", "“坏坏坏”同时在词库里"),
        ("坏坏坏\n", "找不到表头"),
        ("词\n", "表头下面没有词"),
    ],
)
def test_a_problem_of_a_table_is_told_with_its_row(table: str, said: str) -> None:
    with pytest.raises(ContentProblem) as problem:
        items_of_file(WORDS, "a.csv", table.encode())
    assert said in problem.value.problems[0]


# The console --------------------------------------------------------------------------------------------------------------
@pytest.fixture
def browser(chat: Chat) -> Visit:
    return visit(chat)


def test_the_list_is_searched_and_filtered(browser: Visit) -> None:
    assert ">傻瓜相机<" in browser.opens(PAGE)
    assert ">傻叉<" in browser.opens(f"{PAGE}?q=傻叉")
    assert ">傻瓜相机<" in browser.opens(f"{PAGE}?kind=allow")
    assert ">傻叉<" not in browser.opens(f"{PAGE}?kind=scam")
    assert ">脑残<" in browser.opens(f"{PAGE}?q=脑残&kind=insult&level=2")
    assert "添加“没有这个”" in browser.opens(f"{PAGE}?q=没有这个")
    browser.opens(f"{PAGE}?kind=spam")
    assert browser.status == 404


def test_words_are_pasted_changed_removed_and_put_back(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{PAGE}/new")
    page = browser.posts(f"{PAGE}/add", words="坏坏坏\n坏坏坏\n歹歹歹、孬孬孬", kind="insult", level="3", rule="", scope="all")
    assert "已添加" in page
    assert {*hits(chat, "坏坏坏，歹歹歹，孬孬孬")} == {"坏坏坏", "歹歹歹", "孬孬孬"}
    browser.opens(f"{PAGE}/edit?id=坏坏坏")
    form: dict[str, Any] = browser.form
    assert (form["word"], form["kind"], form["level"], form["rule"]) == ("坏坏坏", "insult", "3", "友善交流，不辱骂他人")
    assert "已修改" in browser.posts(f"{PAGE}/save", **{**form, "word": "坏坏坏坏", "level": "2"})
    assert hits(chat, "坏坏坏") == ()
    assert hits(chat, "坏坏坏坏") == ("坏坏坏坏",)
    browser.opens(f"{PAGE}/edit?id=坏坏坏坏")
    assert "已从词库删除" in browser.posts(f"{PAGE}/remove", id="坏坏坏坏")
    version = browser.field("version")
    assert "已撤销" in browser.posts(f"{PAGE}/undo", version=version)
    assert hits(chat, "坏坏坏坏") == ("坏坏坏坏",)


def test_a_wide_word_wants_a_second_click(chat: Chat, browser: Visit) -> None:
    fields: dict[str, Any] = {"words": "今天", "kind": "advert", "level": "2", "rule": "", "scope": "all"}
    browser.opens(f"{PAGE}/new")
    page = browser.posts(f"{PAGE}/add", **fields)
    assert browser.status == 409
    assert "还没有添加" in page
    assert hits(chat, "今天") == ()
    assert "已添加" in browser.posts(f"{PAGE}/add", **fields, force="1")
    assert hits(chat, "今天") == ("今天",)


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{PAGE}/edit?id=傻叉")
    form: dict[str, Any] = browser.form
    says(chat, "词库 添加 傻叉 辱骂 1")
    page = browser.posts(f"{PAGE}/save", **{**form, "level": "2"})
    assert browser.status == 400
    assert "刚刚被别人改过，现在是：傻叉（辱骂，1 级）" in page
    browser.opens(f"{PAGE}/edit?id=没有这个词")
    assert browser.status == 404


def test_a_sentence_is_tried_with_its_path(browser: Visit) -> None:
    browser.opens(f"{PAGE}/try")
    page = browser.posts(f"{PAGE}/try", text="你这个傻·逼 <b>")
    assert "什么都没有碰到" not in page
    assert "<mark>傻·逼</mark>" in page
    assert "“傻·逼”读作词库里的“傻逼”（去掉中间的符号）" in page
    assert "&lt;b&gt;" in page
    assert "什么都没有碰到" in browser.posts(f"{PAGE}/try", text="今天天气不错")


def test_files_go_out_and_come_in(chat: Chat, browser: Visit) -> None:
    for form in ("yaml", "csv", "xlsx"):
        page = browser.client.get(f"{PAGE}/export/{form}")
        assert items_of_file(WORDS, f"words.{form}", page.data) == chat.stores.content.items("words")
    browser.opens(f"{PAGE}/files")
    said = browser.posts(f"{PAGE}/import", file=(io.BytesIO(f"{TABLE}今天,广告,2,,\n".encode()), "新词.csv"), dry="on")
    assert "会新增 3，修改 0，删除 0" in said
    assert "有 1 个词会碰到平常的话：今天" in said
    assert hits(chat, "坏坏坏") == ()
    assert "一个词都没有动" in browser.posts(f"{PAGE}/import", file=(io.BytesIO("词,级别\n甲乙,9\n".encode()), "a.csv"))
    assert "词库已导入" in browser.posts(f"{PAGE}/import", file=(io.BytesIO(TABLE.encode()), "a.csv"), replace="on")
    assert set(chat.stores.content.items("words")) == {"坏坏坏", "微商＠far，main", "放行：傻瓜相机"}
    assert hits(chat, "坏坏坏") == ("坏坏坏",)
    assert "导入 a.csv" in browser.opens(f"{PAGE}/history")


def test_an_empty_list_teaches(chat: Chat, browser: Visit) -> None:
    chat.stores.content.put("words", dict.fromkeys(chat.stores.content.items("words")), "boss", chat.clock())
    chat.live.refresh()
    assert "词库还是空的" in browser.opens(PAGE)
    assert "还没有" not in browser.opens(f"{PAGE}/history")


def test_rights_are_those_of_the_other_pages(chat: Chat) -> None:
    chat.as_admin("角色 lilei 观察员")
    app = web(chat)
    viewer = visit(chat, "lilei", app=app)
    assert "添加</a>" not in viewer.opens(PAGE)
    assert viewer.status == 200
    for path in ("new", "files", "export/csv", "edit?id=傻叉"):
        viewer.opens(f"{PAGE}/{path}")
        assert viewer.status == 403, path
    viewer.opens(PAGE)
    viewer.posts(f"{PAGE}/add", csrf=viewer.csrf, words="坏坏坏", kind="insult", level="3")
    assert viewer.status == 403
    chat.as_admin("角色 lilei 运营")
    chat.later(seconds=3)
    operator = visit(chat, "lilei", app=app)
    operator.opens(f"{PAGE}/files")
    assert operator.status == 200
    assert "要在所有社群都是运营" in operator.opens(f"{PAGE}/edit?id=傻叉")
    operator.posts(f"{PAGE}/remove", id="傻叉")
    assert operator.status == 400
    operator.opens(f"{PAGE}/export/csv")
    assert operator.status == 403
    operator.opens(f"{PAGE}/new")
    operator.posts(f"{PAGE}/add", words="坏坏坏", kind="insult", level="3", rule="", scope="all")
    assert "坏坏坏＠main" in chat.stores.content.items("words")
