"""The mood of texts: the small model, the pictures between words, and SnowNLP."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.recipes.mood import report
from rules import emoticons, mood_training
from rules.grams import grams_of
from rules.mood import NEGATIVE, NEUTRAL, MoodModel, SnowMood, shipped
from rules.mood_training import PHRASES, WORDINGS, phrases, train, wordings
from rules.unmask import read
from tests.timing import SLOWER

pytestmark = pytest.mark.xdist_group("mood")  # the model is slow and large: one process has it


@pytest.fixture(scope="module")
def mood() -> SnowMood:
    return SnowMood()


@pytest.mark.parametrize("text", ["", "   ", "？！……", "\u200b", "👍", "\ud800"])
def test_a_text_without_a_word_is_neutral(mood: SnowMood, text: str) -> None:
    assert mood.score(text) == NEUTRAL


def test_praise_is_happier_than_a_complaint(mood: SnowMood) -> None:
    assert mood.score("质量很好，服务热情，非常满意") > 0.8
    assert mood.score("太差了，又贵又难用，再也不来了") < 0.3


def test_a_page_of_text_is_cut(mood: SnowMood) -> None:
    assert mood.score("很好" * 5_000) == mood.score("很好" * 250)


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_a_score_is_a_share_whatever_the_text(mood: SnowMood, text: str) -> None:
    assert 0 <= mood.score(text) <= 1


# The small model -------------------------------------------------------------------------------------------------------------


def feels(text: str) -> float:
    return shipped().score(read(text))


@pytest.mark.parametrize("text", ["", "   ", "？！……", "\u200b", "\ud800", "12345", "+1", "13800138000"])
def test_what_holds_no_word_has_no_feeling(text: str) -> None:
    assert feels(text) == NEUTRAL


@pytest.mark.parametrize(
    "text",
    [
        "收到", "签到", "明天下午三点开会", "好的", "怎么退款？", "快递到了吗", "请大家查看群公告", "物业费怎么交", "活动什么时候开始", "我在地铁上",
        "这个多少钱", "周三晚上八点直播", "订单号是 20261122", "今天几号", "帮我问一下老师",
    ],
)  # fmt: skip
def test_everyday_words_are_not_unhappy(text: str) -> None:
    assert feels(text) > NEGATIVE


@pytest.mark.parametrize(
    "text",
    [
        "太差了，气死我了",
        "客服态度恶劣，一直没人处理",
        "退款拖了一个月，失望透顶",
        "好难过，想哭",
        "你们这是骗人，我要投诉",
        "[泪][泪]",
        "烦死了😭",
        "不开心",
    ],
)
def test_unhappy_words_are_unhappy(text: str) -> None:
    assert feels(text) < NEGATIVE


@pytest.mark.parametrize(
    "text",
    [
        "谢谢大家，好开心",
        "哈哈哈哈",
        "味道很好，下次还来",
        "[爱你][爱你]",
        "太棒了👍",
        "恭喜恭喜🎉",
        "客服很耐心，问题解决了",
        "一点也不难吃，很香",
    ],
)
def test_glad_words_are_glad(text: str) -> None:
    assert feels(text) > 0.6


def test_negation_turns_a_feeling() -> None:
    assert feels("不好吃") < feels("好吃")
    assert feels("没有失望，很好") > feels("很失望")


def test_a_picture_outweighs_plain_words_and_many_are_no_more_than_three() -> None:
    assert feels("今天加班[泪]") < NEGATIVE < feels("今天加班")
    assert feels("今天加班[哈哈]") > 0.6
    listed = emoticons.shipped()
    assert listed.feeling("[泪]" * 50) == -emoticons.MOST
    assert listed.feeling("❤" * 50) == emoticons.MOST
    assert listed.feeling("[不认识的]") == 0


@pytest.mark.parametrize("text", ["status", "订单5556667", "合同666888号", "a:b", "http://x.cn/d", "etatqaqx", "12:30 开会"])
def test_letters_and_numbers_are_no_faces(text: str) -> None:
    assert emoticons.shipped().feeling(read(text).plain) == 0


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("555", -1),
        ("我 5555555", -1),
        ("2333", 1),
        ("哈哈哈哈", 1),
        ("呜呜呜", -1),
        ("T_T", -1),
        ("^_^", 1),
        ("orz", -1),
        ("❤️", 1),
        ("(╯°□°)╯︵┻━┻", -1),
    ],
)
def test_faces_made_of_signs_are_found(text: str, sign: int) -> None:
    assert emoticons.shipped().feeling(read(text).plain) * sign > 0


def test_every_listed_picture_is_found_as_it_is_written() -> None:
    listed = emoticons.shipped()
    assert all(listed.feeling(f"[{name}]") == feeling for name, feeling in listed.names.items())
    missed = [sign for sign, feeling in listed.signs.items() if listed.feeling(f"今天 {sign} 啊") * feeling <= 0]
    assert missed == []


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_a_score_is_a_share_alone_as_in_a_batch(text: str) -> None:
    alone = feels(text)
    assert 0 <= alone <= 1
    assert shipped().scores([read("好"), read(text), read("")])[1] == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("text", ["哈" * 2_000, "[" * 2_000, "[]" * 1_000, "5" * 2_000, "😭" * 2_000, "(" * 2_000, "╯" * 2_000])
def test_hostile_texts_cost_little(text: str) -> None:
    reading = read(text)
    grams_of(reading.plain)
    began = time.process_time()
    shipped().score(reading)
    assert time.process_time() - began < 0.05 * SLOWER


def test_a_kept_model_is_the_same_model(tmp_path: Path) -> None:
    shipped().save(tmp_path / "a.npz")
    MoodModel.load(tmp_path / "a.npz").save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert MoodModel.load(tmp_path / "b.npz").score(read("太差了")) == shipped().score(read("太差了"))


# Training --------------------------------------------------------------------------------------------------------------------


def test_a_line_of_phrases_is_spread_over_all_it_may_say() -> None:
    assert sorted(wordings("{太|真}慢{了|}")) == ["太慢", "太慢了", "真慢", "真慢了"]
    assert len(set(wordings("{a|b|c|d}{e|f|g|h}{i|j|k|l}{m|n|o|p}"))) == WORDINGS


def test_phrases_are_made_the_same_every_time() -> None:
    listed = PHRASES.read_text(encoding="utf-8")
    made = list(phrases(listed))
    assert made == list(phrases(listed))
    assert {label for _, label in made} == {0.0, 0.5, 1.0}
    assert all(text.strip() for text, _ in made)


def test_an_operators_own_texts_teach_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mood_training, "STRUNG", 100)
    (tmp_path / "few.txt").write_text("+ {太|真}好{了|}\n- {太|真}差{了|}\n= {今天|明天}开会", encoding="utf-8")
    reviews = [("好", 1.0), ("坏", 0.0)] * 30
    taught = train(reviews, ["今天开会"] * 5, [("阿巴阿巴", 0.0)] * 400, listed=tmp_path / "few.txt")
    untaught = train(reviews, ["今天开会"] * 5, listed=tmp_path / "few.txt")
    assert taught.score(read("阿巴阿巴")) < NEGATIVE < untaught.score(read("阿巴阿巴"))


# On real texts ---------------------------------------------------------------------------------------------------------------

LEAST = {"weibo_senti_100k_sample": 0.90, "waimai_10k": 0.85, "online_shopping_10_cats": 0.87}


@pytest.mark.skipif("BOT_CORPORA" not in os.environ, reason="needs the texts of BOT_CORPORA")
def test_the_shipped_model_is_as_right_as_the_card_says() -> None:
    found = {name: share for name, share, _ in report(Path(os.environ["BOT_CORPORA"]), shipped())}
    assert all(found[f"{name} 判对"] >= least for name, least in LEAST.items()), found
    assert found["weibo_senti_100k_sample 去掉表情判对"] >= 0.62
    assert all(share <= 0.12 for name, share in found.items() if name.endswith("当成不高兴")), found
    assert np.isfinite(list(found.values())).all()
