"""What the word list says."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.contents import WORDS, parse
from rules.judgement import Verdict
from rules.moderation import Judge
from rules.unmask import read
from rules.wordlist import Lexicon, Word

SHIPPED = Path(__file__).parent.parent / "rules" / "content" / "words.yaml"
LIST = [
    Word("傻逼", 3, "insult", "友善"),
    Word("傻瓜", 2, "insult", "友善"),
    Word("笨", 1, "insult", "友善"),
    Word("SB", 3, "insult", "友善"),
    Word("加微信免费领", 3, "advert", "不发广告"),
]
JUDGE = Judge(Lexicon(LIST, ["傻瓜相机"]))
ZERO_WIDTH = "\u200b\u200d\u2060\ufeff\u00ad"
any_text = st.text(st.characters(), max_size=60)
near_words = st.lists(st.sampled_from([*"傻逼瓜相机笨好的 .我*", "sb", "u", "加微信免费领"]), max_size=10).map("".join)


@pytest.fixture(scope="module")
def shipped() -> Judge:
    value = parse(WORDS, SHIPPED.read_text(encoding="utf-8"))
    return Judge(Lexicon(value.words, value.allow))


@pytest.mark.parametrize(
    ("said", "verdict", "hits"),
    [
        ("你是傻逼吗", "warn", ("傻逼",)),
        ("你这个傻瓜", "review", ("傻瓜",)),
        ("我真笨", "pass", ("笨",)),
        ("加微信免费领大礼包", "review", ("加微信免费领",)),
        ("傻瓜，加微信免费领", "review", ("加微信免费领", "傻瓜")),
        ("今天天气不错", "pass", ()),
        ("", "pass", ()),
    ],
)
def test_the_worst_word_decides(said: str, verdict: str, hits: tuple[str, ...]) -> None:
    found = JUDGE.judge(said)
    assert (found.verdict, found.hits) == (verdict, hits)


def test_a_verdict_names_severity_category_and_rule() -> None:
    found = JUDGE.judge("傻逼")
    assert (found.verdict, found.severity, found.rule, found.category, found.hits) == ("warn", 3, "友善", "insult", ("傻逼",))
    assert found.categories == {"insult"}


@pytest.mark.parametrize("said", ["傻 逼", "傻.逼", "傻…逼", "傻\u200b逼", "傻**逼", "傻·逼", "傻★逼", "傻_-_逼", "ｓｂ", "SB", "你sb啊"])
def test_what_is_put_between_does_not_help(said: str) -> None:
    assert JUDGE.judge(said).verdict == "warn"


@pytest.mark.parametrize("said", ["usb 接口", "sbin", "他很傻，逼着我去", "装傻！逼真"])
def test_parts_of_words_and_of_two_sentences_are_no_hit(said: str) -> None:
    assert JUDGE.judge(said).verdict == "pass"


def test_an_allowed_phrase_shelters_its_own_words_only() -> None:
    assert JUDGE.judge("这台傻瓜相机多少钱").hits == ()
    assert JUDGE.judge("你这傻瓜，傻瓜相机都不会用").hits == ("傻瓜",)


def test_an_empty_list_passes_everything() -> None:
    assert Judge(Lexicon()).judge("傻逼") == Verdict()


def test_of_two_entries_for_one_word_the_more_severe_counts() -> None:
    both = [Word("笨", 1, "insult", "甲"), Word("笨", 3, "insult", "乙")]
    assert Judge(Lexicon(both)).judge("笨").rule == "乙"
    assert Judge(Lexicon(both[::-1])).judge("笨").rule == "乙"


@given(any_text | near_words)
def test_judging_never_fails_and_a_verdict_is_consistent(text: str) -> None:
    found = JUDGE.judge(text)
    assert (found.severity == 0) == (found.hits == ())
    assert found.verdict == "pass" or found.severity >= 2


@settings(deadline=None)  # the first text loads the tables that undo disguises
@given(near_words, st.data())
def test_zero_width_characters_change_nothing(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    what = data.draw(st.text(st.sampled_from(ZERO_WIDTH), max_size=3))
    hidden, plain = JUDGE.judge(text[:at] + what + text[at:]), JUDGE.judge(text)
    assert (hidden.verdict, hidden.severity, set(hidden.hits)) == (plain.verdict, plain.severity, set(plain.hits))


def test_an_invisible_character_makes_of_what_one_says_of_oneself_nothing_else() -> None:
    assert {JUDGE.judge(said).verdict for said in ("我好sb", "我\xad好sb", "我\u200b好\u2060sb", "我好\xadsb")} == {"pass"}


@given(any_text, st.sampled_from(["傻逼", "加微信免费领"]), any_text)
def test_a_chinese_word_is_found_wherever_it_stands(before: str, word: str, after: str) -> None:
    assert word in JUDGE.judge(before + "。" + word + "。" + after).hits


@pytest.mark.parametrize("said", ["你就是个傻逼", "操 你 妈", "王八蛋，退钱", "你去死吧", "ＮＭＳＬ"])
def test_the_shipped_list_warns_of_clear_insults(shipped: Judge, said: str) -> None:
    assert shipped.judge(said).verdict == "warn"


@pytest.mark.parametrize("said", ["兼职刷单，日结三百", "稳赚不赔的项目了解一下", "诚招代理，一件代发", "加vx领资料"])
def test_the_shipped_list_sends_advertisements_to_a_person(shipped: Judge, said: str) -> None:
    found = shipped.judge(said)
    assert found.verdict == "review"
    assert found.rule


@pytest.mark.parametrize("said", ["你们发货太慢了，太差劲了", "气死我了，客服一直不回", "这质量真垃圾，我要退款", "笑死我了哈哈", "操作步骤发我一下",
                                  "能开发票吗", "加我一个", "吃滚蛋饺子"])  # fmt: skip
def test_the_shipped_list_leaves_complaints_and_chat_alone(shipped: Judge, said: str) -> None:
    assert shipped.judge(said).verdict == "pass"


@pytest.mark.parametrize(
    "said", ["贱卖了贱卖了，宿舍东西低价出", "你算老几，我算老三", "三八妇女节快乐", "滚筒坏了", "2B", "洗衣机的滚筒响得厉害", "水滚了再放面",
             "扫码进群领红包是骗人的，大家别信", "昨天楼下进了小偷，大家把门锁好", "记者问警方抢劫案破了没有"]
)  # fmt: skip
def test_everyday_words_with_a_bad_one_in_them_reach_nobody(shipped: Judge, said: str) -> None:
    assert shipped.judge(said).verdict == "pass"


@pytest.mark.parametrize("padding", ["\u200b", "\ufe0f", " ", "好"])
def test_no_padding_hides_an_insult(shipped: Judge, padding: str) -> None:
    assert shipped.judge(padding * 2_000 + "你是傻逼").hits == ("傻逼",)


@pytest.mark.parametrize("said", ["你个小杂种，冚家铲", "哈麻批", "真是憨批", "生孩子没屁眼"])
def test_the_shipped_list_knows_insults_of_the_south(shipped: Judge, said: str) -> None:
    assert shipped.judge(said).verdict != "pass"


@pytest.mark.parametrize(
    "said", ["杂种水稻的产量", "我家养了条杂种狗", "什么是杂种优势", "身残志坚还是脑残志坚", "去沙比亚旅游", "你怎么傻比如果是我早走了",
             "内射函数是单射", "祝大家三八妇女节快乐", "三八节有活动吗"]
)  # fmt: skip
def test_the_shipped_list_finds_nothing_in_words_that_only_hold_one(shipped: Judge, said: str) -> None:
    assert shipped.lexicon.find(read(said)) == ()


@pytest.mark.parametrize("name", ["nus_sms", "lccc_toy", "kdconv", "crosswoz", "ecd_sample"])
def test_the_shipped_list_hits_one_line_of_real_chat_in_two_thousand_at_most(shipped: Judge, name: str) -> None:
    folder = os.environ.get("BOT_CORPORA")
    if not folder:
        pytest.skip("needs the folder of measuring texts in BOT_CORPORA")
    with (Path(folder) / f"chat_{name}" / "public" / "train.tsv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    found = [shipped.lexicon.find(read(text)) for text in texts]
    assert sum(any(reason.score == 1 for reason in reasons) for reasons in found) / len(texts) <= 0.0005
    assert sum(map(bool, found)) / len(texts) <= 0.001, "with those that are guessed"
