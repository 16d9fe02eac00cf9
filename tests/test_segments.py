"""The language of segments: what a text means, whom it fits, and what is said where it cannot be understood."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import contents
from rules.content_segments import SEGMENTS, read_segment, wrong_with
from rules.contents import KINDS, ContentProblem, to_items
from rules.pushes import Push
from rules.references import without_meaning
from rules.saved_segments import Segment, Segments
from rules.segment_parser import DEEPEST, LONGEST, LONGEST_NAME, MOST_CONDITIONS
from rules.segment_tree import And, Compare, Everybody, Flag, Not, Or, Query, Within, Word
from rules.segments import SegmentError, explain, fits, names_of, parse, traits_of, unparse
from rules.traits import NEVER, TRAITS
from tests.segment_texts import SAVED, PlainBlock, fuzz, is_meant, made_up, people, survive

SHIPPED = Path(__file__).parent.parent / "rules" / "content" / "segments.yaml"
INPUTS = int(os.environ.get("BOT_STEPS", "3000"))
LEVEL, QUIET = Compare("level", ">=", 3), Compare("silent_days", ">", 7)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (
            "level >= 3 and silent_days > 7 and not tag:员工 and joined < 30d",
            And((LEVEL, QUIET, Not(Within("tag", "员工")), Compare("joined", "<", 30))),
        ),
        ("等级>=3且沉默天数＞7天且非标签：员工", And((LEVEL, QUIET, Not(Within("tag", "员工"))))),
        ("（等级 ≥ 3 或 客户） AND NOT staff", And((Or((LEVEL, Flag("customer"))), Not(Flag("staff"))))),
        ("level >= 3 or customer and staff", Or((LEVEL, And((Flag("customer"), Flag("staff")))))),
        ("churn > 70%", Compare("churn", ">", 0.7)),
        ("流失概率 ＞ ７０％", Compare("churn", ">", 0.7)),
        ("joined < 2w", Compare("joined", "<", 14)),
        ("入群 < 3个月", Compare("joined", "<", 90)),
        ("joined > 1年", Compare("joined", ">", 365)),
        ("active_days >= 2周", Compare("active_days", ">=", 14)),
        ("积分 > 1.5万分", Compare("points", ">", 15_000)),
        ("等级大于3级", Compare("level", ">", 3)),
        ("没签到 = 从未", Compare("check_in_days", "=", NEVER)),
        ("points > -5", Compare("points", ">", -5)),
        ("stage = 沉默", Word("stage", ("沉默",))),
        ("阶段 不是 沉默", Not(Word("stage", ("沉默",)))),
        ("stage in (沉默、流失)", Word("stage", ("沉默", "流失"))),
        ("stage not in (沉默，流失)", Not(Word("stage", ("沉默", "流失")))),
        ("level in (1, 2)", Or((Compare("level", "=", 1), Compare("level", "=", 2)))),
        ("level between 3 and 5", And((LEVEL, Compare("level", "<=", 5)))),
        ("等级 介于 3 和 5 且 客户", And((And((LEVEL, Compare("level", "<=", 5))), Flag("customer")))),
        ("level not between 3 and 5", Not(And((LEVEL, Compare("level", "<=", 5))))),
        ('tag:"a b"', Within("tag", "a b")),
        ("tag:“他说”", Within("tag", "他说")),
        ('tag:"x""y"', Within("tag", 'x"y')),
        ("tag = 新手", Within("tag", "新手")),
        ("tag != 新手", Not(Within("tag", "新手"))),
        ("tag in (新手, 老手)", Or((Within("tag", "新手"), Within("tag", "老手")))),
        ("tag:and and tag:2026届", And((Within("tag", "and"), Within("tag", "2026届")))),
        ("全部", Everybody()),
        ("not not customer", Not(Not(Flag("customer")))),
        ("非客户", Not(Flag("customer"))),
    ],
)
def test_a_text_has_its_meaning(text: str, query: Query) -> None:
    assert parse(text) == query
    assert parse(unparse(query)) == query


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("lvel > 3", "lvel", "没有 lvel，是不是 level？"),
        ("等极 > 3", "等极", "是不是 等级？"),
        ("level > 沉默", "沉默", "level 是数字，不能和“沉默”比"),
        ("level >= 3 and", "", "还缺一个条件"),
        ("level >= 3 nad customer", "nad", "是不是 and？"),
        ("level >= 3 customer", "customer", "两个条件之间要写 and"),
        ("level >= 3，customer", "，", "不写逗号"),
        ("(level >= 3", "(", "没有关上"),
        ("level >= 3)", ")", "多了一个右括号"),
        ("level", "level", "要写和什么比"),
        ("level > orders", "orders", "只能和数字比"),
        ("stage > 沉默", ">", "没有大小"),
        ("stage = 沉没", "沉没", "是不是 沉默？"),
        ("沉默", "沉默", "stage = 沉默"),
        ("新人 or customer", "新人", "stage = 新人"),
        ("两层 or customer", "两层", "前面加 @：@两层"),
        ("customer = 1", "=", "不是就写 not customer"),
        ("tag", "tag", "tag:新手"),
        ("tag:", "", "冒号后面写名字"),
        ('tag:"新', '"', "引号没有关上"),
        ('tag:""', '""', "没有名字"),
        ("churn > 70", "70", "写成 70% 或者 0.7"),
        ("churn > 3天", "天", "70%"),
        ("silent_days > 7.5", "7.5", "天数写整数"),
        ("silent_days > 40000", "40000", "最多写 32766 天"),
        ("silent_days > never", "never", "只能写 = 或 !="),
        ("silent_days > 7次", "次", "单位“次”不认识"),
        ("silent_days > -7", "7", "没有负的"),
        ("积分 > 3x", "x", "按分数"),
        ("points > 1234567890", "1234567890", "数字太长"),
        ("points > 100000万", "100000", "小于 10 亿"),
        ("level in 3", "3", "in 后面写括号"),
        ("level in (3; 4)", ";", "之间写逗号"),
        ("level between 3", "", "between 要写两头"),
        ("3 <= level", "3", "条件要从名字写起"),
        ("@没有这个", "@没有这个", "没有存着叫“没有这个”的群体"),
        ("@", "", "@ 后面写群体的名字"),
        ("customer and @绕", "@绕", "绕回到了它自己：绕 → 圈 → 绕"),
        ("@坏", "@坏", "里面有问题（第 8 个字："),
        ("@五层", "@五层", "最多 4 层"),
        ("level > 3\u200b", "\u200b", "看不见的字符"),
        ("level > 3 # x", "#", "看不懂“#”"),
        ("  ", "", "要所有人就写 all"),
        (f"tag:{'长' * (LONGEST_NAME + 1)}", "长" * (LONGEST_NAME + 1), "名字最多 64 个字"),
        (f"customer {'x' * LONGEST}", "x" * 9, "最多 1000 个字"),
    ],
)
def test_an_error_points_at_the_word_and_says_what_to_write(text: str, place: str, words: str) -> None:
    with pytest.raises(SegmentError) as caught:
        parse(text, SAVED.get)
    error = caught.value
    assert text[error.column - 1 : error.column - 1 + error.length] == place
    assert words in str(error)
    assert error.mark(text).count(f"【{place}】") == 1


def test_what_is_too_deep_or_too_much_is_refused() -> None:
    parse("(" * DEEPEST + "customer" + ")" * DEEPEST)
    parse("not " * (DEEPEST - 1) + "customer")
    parse(" and ".join(["staff"] * MOST_CONDITIONS))
    for text, words in (
        ("(" * 500, "括号里套括号最多"),
        ("not " * 200 + "all", "一层套一层最多"),
        (" or ".join(["staff"] * (MOST_CONDITIONS + 1)), "最多 100 个条件"),
        (f"level in ({','.join(map(str, range(101)))})", "最多 100 个条件"),
        ("not (staff and " * 20 + "all" + ")" * 20, "一层套一层最多"),
    ):
        with pytest.raises(SegmentError, match=words):
            parse(text)


def test_saved_segments_cannot_multiply_without_end() -> None:
    saved = {"a": " and ".join(["@b"] * 90), "b": " and ".join(["@c"] * 90), "c": " and ".join(["staff"] * 90)}
    with pytest.raises(SegmentError, match="最多 500 个条件"):
        parse("@a", saved.get)


def test_what_has_to_be_read_is_told_also_of_saved_segments() -> None:
    query = parse("@两层 and tag:新手 and not group:wr1", SAVED.get)
    assert traits_of(query) == {"joined", "staff", "tag", "group"}
    assert names_of(query) == {("tag", "新手"), ("group", "wr1")}


def test_never_is_more_days_than_any_and_what_nobody_knows_fits_nothing_even_turned_round() -> None:
    rows = [dict(person) for person in people(Random(1), 3)]
    for row, silent, churn, stage in zip(rows, (NEVER, 3, 10), (np.nan, 0.9, 0.1), ("", "沉默", "活跃"), strict=True):
        row.update(silent_days=float(silent), churn=float(churn), stage=stage)
    block = PlainBlock(rows)
    assert fits(parse("silent_days > 32766"), block).tolist() == [True, False, False]
    assert fits(parse("silent_days = never"), block).tolist() == [True, False, False]
    assert fits(parse("churn > 50%"), block).tolist() == [False, True, False]
    assert fits(parse("not churn > 50%"), block).tolist() == [False, False, True]
    assert fits(parse("stage != 沉默"), block).tolist() == [False, False, True]
    assert fits(parse("churn > 50% or all"), block).tolist() == [True, True, True]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_a_block_answers_as_each_member_does_alone(seed: int) -> None:
    dice = Random(seed)
    query, asked = made_up(dice), people(dice)
    assert fits(query, PlainBlock(asked)).tolist() == [is_meant(query, person) is True for person in asked]


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*TRAITS, "and", "or", "not", "(", ")", ">", "3", ":", "@", '"', "30d", "%"])).map(" ".join)
)
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_the_parser(text: str) -> None:
    survive(text)


def test_texts_written_in_every_way_mean_what_was_meant() -> None:
    tried = fuzz(INPUTS // 2, seed=int.from_bytes(os.urandom(4), "big"))
    assert tried.written >= INPUTS // 8


def test_queries_are_added_to_each_other() -> None:
    staff = Flag("staff")
    assert LEVEL & staff == And((LEVEL, staff))
    assert Everybody() & staff == staff == staff & Everybody()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("level >= 3 and silent_days > 7", "等级至少 3 级，并且没说话超过 7 天（从来没有过的也算）"),
        ("not (customer or tag:新手)", "不符合（是外部客户，或者有标签“新手”）"),
        ("not opted_out and not staff and not reachable", "没说过“免打扰”，并且没有职务，并且不能私聊"),
        ("(stage in (沉默, 流失) or not @新人) and churn <= 12.5%", "（阶段是沉默或流失，或者不属于群体“新人”），并且流失概率最多 12.5%"),
        ("order_days = never or not level = 3", "从来没兑换过，或者不是“等级正好 3 级”"),
        ("not group:wr1 and mood >= 0.5", "最近没在群“wr1”说过话，并且情绪至少 50%"),
        ("not all", "没有人"),
    ],
)
def test_a_segment_is_explained_in_a_sentence(text: str, said: str) -> None:
    assert explain(parse(text, SAVED.get)) == said


def test_every_trait_can_be_asked_for_by_each_of_its_names() -> None:
    values = {"number": " > 1", "days": " > 1d", "share": " > 1%", "flag": "", "set": ":x"}
    for trait in TRAITS.values():
        for name in (trait.name, *trait.also, trait.name.upper()):
            value = f" = {next(iter(trait.words))}" if trait.sort == "word" else values[trait.sort]
            assert traits_of(parse(name + value)) == {trait.name}


def test_a_push_whose_readers_cannot_be_told_is_named() -> None:
    pushes = [Push("a", "", "x", segment="@新人"), Push("b", "", "x"), Push("c", "", "x", "main", segment="@我们的 and staff")]
    segments = Segments((Segment("1", "我们的", "all", "main"),))
    [told] = without_meaning(pushes, segments)
    assert "推送“a”" in told
    assert "没有存着叫“新人”的群体" in told


# Saved --------------------------------------------------------------------------------------------------------------
def test_a_community_means_its_own_segment_by_a_name_that_all_have() -> None:
    segments = Segments(
        (Segment("1", "新人", "joined < 14d"), Segment("2", "新人", "joined < 7d", "main"), Segment("3", "x", "@新人", "main"))
    )
    assert [one.id for one in segments.of("main")] == ["2", "3"]
    assert [one.id for one in segments.of("other")] == ["1"]
    found = segments.find("新人", "main")
    assert found is not None
    assert found.id == "2"
    assert explain(segments.query("@x", "main")) == "属于群体“x”"
    assert traits_of(segments.query("@x", "main")) == {"joined"}
    assert "没有存着" in wrong_with("@x", "other", segments)


def test_the_shipped_segments_are_right_and_survive_being_kept() -> None:
    segments = contents.parse(SEGMENTS, SHIPPED.read_text(encoding="utf-8"))
    assert len(segments.rows) >= 5
    items = to_items(SEGMENTS, SHIPPED.read_text(encoding="utf-8"))
    assert [read_segment(item) for item in items.values()] == list(segments.rows)
    assert KINDS["segments"] is SEGMENTS


def test_a_file_with_wrong_segments_is_told_all_of_it() -> None:
    text = """
- {id: a, name: 甲, text: "lvel > 3"}
- {id: b, name: 甲, text: "@乙"}
- {id: c, name: 乙, text: "@丙"}
- {id: d, name: 丙, text: "@乙"}
"""
    with pytest.raises(ContentProblem) as caught:
        to_items(SEGMENTS, text)
    told = "\n".join(caught.value.problems)
    for words in ("是不是 level？", "* 的 甲 已经有了", "绕回到了它自己"):
        assert words in told
