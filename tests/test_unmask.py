"""Ways to read a text: what was put between, disguised words, and where every character stood."""

from __future__ import annotations

import time
from itertools import pairwise
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.judgement import Category
from rules.moderation import Judge
from rules.policy import Policy
from rules.restoring import shipped
from rules.text import LONGEST, normalise
from rules.unmask import GUESSES, View, deepen, glance, read
from rules.wordlist import Lexicon, Word
from tests.timing import SLOWER
from tools.rewritings import DISGUISES, ODDITIES, Rewriter, oddly

INSULT: Category = "insult"
LISTED = ("傻逼", "脑残", "智障", "去你妈的", "王八蛋", "垃圾", "恶心", "婊子")
MOST_VIEWS = 3
ORDINARY = (
    "你好，请问这个订单什么时候发货？",
    "10cm 的 USB 线，SB250 型号，NBA 官网买的",
    "女子监狱和女人的鞋子都在二楼",
    "妈妈看看爸爸，哈哈哈哈哈",
    "ok，app 里 can 看到 WiFi 密码吗",
    "say sb. to do sth. 是什么意思",
    "今天 天气 不错，去 爬山 吗~",
    "订单号 20240115-8827，实付 ¥128.00，谢谢～",
    "好的好的👌谢谢🙏🌹🌹🌹",
    "iPhone 15 Pro Max 256GB 现货 5kg",
    "xswl yyds dbq zqsg",
    "hen hao chi, xie xie",
    "请問這個怎麼買",
    "(｡･ω･｡)ﾉ♡ 晚安",
    "仓库正在拣货，拣货员说下午发",
    "我们4人去, 8点见, 你要8个吗",
    "你家住13楼还是8楼？第4个门",
    "你去4号柜台买8送1共13块8",
    "第13个傻瓜相机和全家4口人的票",
)


def spans_of(word: str, text: str) -> list[str]:
    """What stands in ``text`` where a view of it reads ``word``."""
    reading = read(text)
    return [
        reading.sent[slice(*view.span(view.text.index(word), view.text.index(word) + len(word)))]
        for view in reading.views
        if word in view.text
    ]


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_has_one_view(text: str) -> None:
    assert [view.text for view in read(text).views] == [normalise(text)]


@pytest.mark.parametrize(
    ("text", "meant", "typed", "step"),
    [
        ("你个傻·逼", "傻逼", "傻·逼", "去掉中间的符号"),
        ("傻 逼", "傻逼", "傻 逼", "去掉中间的符号"),
        ("真是傻*逼啊", "傻逼", "傻*逼", "去掉中间的符号"),
        ("傻̶逼̶", "傻逼", "傻̶逼̶", "去掉中间的符号"),
        ("傻傻傻逼逼", "傻逼", "傻傻傻逼逼", "重复的字"),
        ("他女马的", "他妈的", "他女马的", "拆字"),
        ("这人真亚心心", "恶心", "亚心心", "拆字"),
        ("你就是个 zhi zhang 吧", "智障", "zhi zhang", "拼音"),
        ("ＮＡＯcan玩意", "脑残", "ＮＡＯcan", "拼音"),
        ("脑cán玩意", "脑残", "脑cán", "拼音"),
        ("你真是个 SB", "傻逼", "SB", "首字母"),
        ("沙币玩意", "傻逼", "沙币", "同音字"),
        ("你是不是脑惨", "脑残", "脑惨", "同音字"),
        ("看到你就恶⼼", "恶心", "恶⼼", ""),
        ("你是不是脑饯", "脑残", "脑饯", "形近字"),
        ("你们都是圾垃", "垃圾", "圾垃", "调换次序"),
        ("你🐴死了", "你妈死了", "你🐴死了", "表情"),
        ("看着就想吐，真🤮人", "恶心", "🤮", "表情"),
        ("楼上就是个王8蛋", "王八蛋", "王8蛋", "数字"),
        ("你个傻⑬", "傻逼", "傻⑬", "数字"),
        ("你怎么不去４", "去死", "去４", "数字"),
        ("全家都是垃\u200b圾", "垃圾", "垃\u200b圾", ""),
        ("妳們這羣垃圾", "垃圾", "垃圾", ""),
    ],
)
def test_a_disguise_is_seen_through_and_its_place_is_known(text: str, meant: str, typed: str, step: str) -> None:
    assert typed in spans_of(meant, text)
    assert step in {step for view in read(text).views for step in ("", *view.steps)}


def test_what_is_guessed_is_said_to_be_a_guess() -> None:
    assert not read("傻·逼").views[-1].is_guess
    assert read("沙币玩意").views[-1].is_guess
    assert {step for view in read("沙币玩意").views for step in view.steps} <= GUESSES


@pytest.mark.parametrize("kind", DISGUISES)
def test_most_disguises_of_a_listed_word_are_found(kind: str) -> None:
    """In a sentence that says little of itself, where a guess has to be sure: well-known initials only, and rare look-alikes now and then."""
    lexicon = Lexicon(Word(word, 3, INSULT, "") for word in LISTED)
    disguise, dice = DISGUISES[kind], Random(7)
    written = [f"你真是个{form}吧" for word in LISTED for form in {disguise(word, dice) for _ in range(6)} if form != word]
    found = [text for text in written if lexicon.find(read(text))]
    least = {
        "traditional": 1.0,
        "split": 0.7,
        "shuffle": 0.6,
        "pinyin": 0.6,
        "homophone": 0.6,
        "emoji": 0.5,
        "lookalike": 0.5,
        "initials": 0.2,
    }[kind]
    assert len(found) >= least * len(written), sorted(set(written) - set(found))


@pytest.mark.parametrize(
    ("text", "word", "step"),
    [
        ("这人就是割九菜", "割韭菜", "同音字"),
        ("又来割韭莱的", "割韭菜", "形近字"),
        ("shui jun又来了", "水军", "拼音"),
        ("又来灌毒鸡烫", "毒鸡汤", "同音字"),
    ],
)
def test_an_operators_own_words_are_restored_as_the_shipped_ones_are(text: str, word: str, step: str) -> None:
    own = shipped().with_words(["割韭菜", "水军", "毒鸡汤"])
    assert all(word not in view.text for view in read(text).views)
    last = read(text, own).views[-1]
    assert (word in last.text, step in last.steps) == (True, True)
    assert [reading.views[-1].text for reading in deepen([glance(text)], own)] == [last.text]


@pytest.mark.parametrize("text", ORDINARY)
def test_own_words_leave_ordinary_texts_alone(text: str) -> None:
    assert [view.text for view in read(text, shipped().with_words(["割韭菜", "水军", "毒鸡汤"])).views] == [normalise(text)]


def test_own_words_that_cannot_be_disguised_or_are_known_change_nothing() -> None:
    assert shipped().with_words(["傻逼", "abc", "呸", "5块", "九个字的词没有人会去拆"]) is shipped()


def test_a_list_of_own_words_is_prepared_once_however_often_other_content_is_edited() -> None:
    own = Lexicon([Word("割韭菜", 2, "other", "")])
    first, edited, other = (
        Judge(own),
        Judge(own, Policy(allowed=frozenset({"example.com"}))),
        Judge(Lexicon([Word("水军", 2, "other", "")])),
    )
    assert first._restorer is edited._restorer is not other._restorer
    assert Judge(Lexicon())._restorer is shipped()


@given(st.text(max_size=80))
@example("ﷺ傻·逼")
@example("a\u0301\u0301 ᄀ\u1161\u11a8 ½㎏ … ")
@example("\u200b \u200b傻\u0336逼\u0336\r\n")
def test_every_character_stands_where_it_was_typed(text: str) -> None:
    reading = read(text)
    assert 1 <= len(reading.views) <= MOST_VIEWS
    assert reading.plain == normalise(text)
    for view in reading.views:
        _check_places(view, text)


@given(st.text(st.sampled_from("傻逼你妈的操女马亻夋又鸟垃圾亚心 sbhaodecnm🐴💩·*.~1的是\u0336\u200bＳ"), max_size=40))
def test_views_of_disguises_are_in_place_and_reading_them_again_finds_no_more_marks(text: str) -> None:
    for view in read(text).views:
        _check_places(view, text)
    last = read(text).views[-1].text
    assert read(last).plain == " ".join(last.split())


def _check_places(view: View, sent: str) -> None:
    assert len(view.text) == len(view.origin) == len(view.ends)
    places = [(view.origin[at], view.ends[at]) for at in range(len(view.text))]
    assert all(0 <= start < end <= len(sent) for start, end in places)
    assert all(one[0] <= other[0] and one[1] <= other[1] for one, other in pairwise(places))


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=30))
def test_what_is_plain_stands_at_its_own_place(text: str) -> None:
    first = read(text).views[0]
    assert [first.span(at, at + 1) for at in range(len(text))] == [(at, at + 1) for at in range(len(text))]


@pytest.mark.parametrize(
    "text",
    [
        "·" * 10_000,
        "🐴" * 10_000,
        "傻·" * 5_000,
        "a" * 10_000,
        "sha" * 3_000,
        "亻夋" * 5_000,
        "龘靐" * 5_000,
        "沙币" * 5_000,
        "\u0336" * 10_000,
        "s b " * 3_000,
    ],
    ids=lambda text: text[:2],
)
def test_hostile_texts_cost_little(text: str) -> None:
    read("热身")
    before = time.process_time()
    reading = read(text)
    assert time.process_time() - before < 0.5 * SLOWER
    assert len(reading.sent) == LONGEST
    assert all(len(view.text) <= 2 * LONGEST for view in reading.views)


def test_the_generator_disguises_what_bears_the_blame_and_is_repeatable() -> None:
    rewriter = Rewriter({"垃圾": 3.0, "恶心": 2.0})
    text = "楼上这个垃圾真让人恶心,今天天气不错"
    once = {kind: rewriter.rewrite(kind, text, Random(1)) for kind in DISGUISES}
    assert once == {kind: rewriter.rewrite(kind, text, Random(1)) for kind in DISGUISES}
    assert once["shuffle"] == "楼上这个圾垃真让人心恶,今天天气不错"
    assert all("今天天气不错" in written for written in once.values())
    assert all(once[kind] != text for kind in ("split", "pinyin", "initials", "homophone", "lookalike", "shuffle", "emoji"))


@pytest.mark.parametrize("kind", ODDITIES)
def test_harmless_texts_are_written_oddly_the_same_way_every_time(kind: str) -> None:
    written = [oddly(kind, text, Random(3)) for text in ("今天我们去学校门口吃小馄饨吧", "妈妈说明天下雨")]
    assert written == [oddly(kind, text, Random(3)) for text in ("今天我们去学校门口吃小馄饨吧", "妈妈说明天下雨")]
    assert kind in {"harmless emoji", "traditional chat"} or written[0] != "今天我们去学校门口吃小馄饨吧"


@given(
    st.lists(
        st.one_of(st.sampled_from(ORDINARY), st.text("傻逼沙币s b女又子-龘我们今天😀\0", max_size=12), st.text(max_size=20)), max_size=6
    )
)
def test_many_are_read_as_one_by_one(texts: list[str]) -> None:
    whole = deepen([glance(text) for text in texts])
    assert [[view.text for view in each.views] for each in whole] == [[view.text for view in read(text).views] for text in texts]
    plains = [normalise(text) for text in texts]
    assert shipped().odd_places_of(plains) == [shipped().odd_places(plain) for plain in plains]


def test_a_table_of_pairs_comes_back_from_its_arrays() -> None:
    pairs = shipped()
    assert pairs.odd_places("我们今天去学校") == []
    assert pairs.odd_places("龘们今天") == [0]
    assert pairs.is_inside("傻逼")
