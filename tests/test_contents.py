"""Operators' files: what they give, and what they are told when something is wrong."""

from __future__ import annotations

import string
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.live import starting_files
from rules import content_file
from rules.content_file import MOST_BYTES
from rules.contents import (
    FAQ,
    KINDS,
    MOST_ENTRIES,
    MOST_PROBLEMS,
    POINTS,
    PUSHES,
    WELCOME,
    WORDS,
    ContentProblem,
    Kind,
    Push,
    Welcome,
    dump,
    fill,
    parse,
    parse_cron,
)
from rules.entries import Entry
from rules.points import Bonus, CheckInRule, PointRules
from rules.wordlist import Word, WordList
from tests.timing import SLOWER

SHIPPED = Path(__file__).parent.parent / "rules" / "content"


def problems(kind: Kind[Any], raw: str) -> tuple[str, ...]:
    with pytest.raises(ContentProblem) as caught:
        parse(kind, raw)
    return caught.value.problems


# Good files -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_shipped_content_is_good_and_comes_back_the_same(kind: Kind[Any]) -> None:
    for _, file in starting_files(kind, SHIPPED):
        value = parse(kind, file.read_text(encoding="utf-8"))
        assert value
        assert parse(kind, dump(kind, value)) == value


def test_every_shipped_file_has_a_kind() -> None:
    assert {path.name for path in SHIPPED.glob("*.yaml")} == {kind.file for kind in KINDS.values() if not kind.in_folder}
    assert {path.name for path in SHIPPED.iterdir() if path.is_dir()} == {kind.file for kind in KINDS.values() if kind.in_folder}


def test_json_is_a_content_file_too() -> None:
    assert parse(FAQ, '[{"id": "a", "question": "问", "similar": [], "answer": "答"}]') == (Entry("a", "问", "答"),)


def test_texts_stay_what_was_written() -> None:
    raw = "- {id: 007, question: 2024-01-01, similar: [yes, 12:30, 1e3], answer: no}\n"
    assert parse(FAQ, raw) == (Entry("007", "2024-01-01", "no", ("yes", "12:30", "1e3")),)


def test_a_name_followed_by_nothing_counts_as_not_written() -> None:
    assert parse(FAQ, "- id: a\n  question: 问\n  similar:\n  answer: 答\n") == (Entry("a", "问", "答"),)
    assert parse(WELCOME, "first_message:\nenter_chat: 你好\n") == Welcome("", "你好")


@pytest.mark.parametrize(
    ("kind", "value"), [(FAQ, ()), (PUSHES, ()), (WORDS, WordList()), (WELCOME, Welcome())], ids=["faq", "pushes", "words", "welcome"]
)
def test_an_empty_file_is_empty_content(kind: Kind[Any], value: object) -> None:
    assert parse(kind, "# 只有注释\n") == value


# Bad files ------------------------------------------------------------------------------------------------------------
def test_all_problems_are_told_at_once_with_their_lines() -> None:
    raw = "- id: a\n  question: ''\n  anser: 答\n- id: a\n  question: 问\n  answer: 答\n- 3\n"
    assert problems(FAQ, raw) == (
        "第 1 行（第 1 条 的 answer）：缺少这一项，请补上",
        "第 2 行（第 1 条 的 question）：是空的，请写上内容",
        "第 3 行（第 1 条 的 anser）：没有“anser”这一项，是不是想写 answer？",
        "第 7 行（第 3 条）：应该是“名称: 内容”的形式",
    )


@pytest.mark.parametrize(
    ("kind", "raw", "said"),
    [
        (FAQ, "- {id: a, question: 问, answer: 答}\n- {id: a, question: 问二, answer: 答}", "第 2 行（第 2 条 的 id）：id“a”已经用过了"),
        (FAQ, "- {id: a, question: 问, answer: '   '}", "是空的"),
        (FAQ, "- {id: a, question: 问, answer: \u200b}", "看不见的字符"),
        (FAQ, f"- {{id: a, question: 问, answer: {'字' * 4001}}}", "最多 4000 个字"),
        (FAQ, "- {id: a, question: 问, answer: 答, keywords: [发票+]}", "“+”两边都要有词"),
        (FAQ, "- {id: a, question: 问, answer: 答, similar: 别的问法}", "应该是列表"),
        (FAQ, "- {id: a, question: {b: c}, answer: 答}", "应该是文字"),
        (FAQ, "faq: []", "问答文件应该是列表"),
        (FAQ, "- {id: a, id: b}", "“id”在同一处写了两次"),
        (FAQ, "- id: a\n  question: b: c\n", "第 2 行第 14 个字附近：YAML 写法有误"),
        (FAQ, "- {id: a\x00}", "不认识的字符"),
        (FAQ, "- &x {id: a}\n- {id: b}", "不支持 YAML 的锚点"),
        (FAQ, "- *x\n", "不支持 YAML 的引用"),
        (FAQ, "- !!python/object/apply:os.system [ls]", "不支持 YAML 的类型标记"),
        (FAQ, "- [a]: b", "冒号前面要有名称"),
        (FAQ, "[]\n---\n[]\n", "只能有一份内容"),
        (
            WORDS,
            "groups: [{category: spam, severity: 3, rule: 规, words: [词]}]",
            "只能是 insult、threat、porn、advert、contact、scam、despair、other",
        ),
        (WORDS, "groups: [{category: scam, severity: 4, rule: 规, words: [词]}]", "不能大于 3"),
        (WORDS, "groups: [{category: scam, severity: 2, rule: 规, words: [SB, ｓｂ]}]", "“sb”前面已经有了"),
        (WORDS, "groups: [{category: scam, severity: 2, rule: 规, words: []}]", "至少要有 1 项"),
        (WORDS, "groups: [{category: scam, severity: 2, rule: 规, words: [词]}]\nallow: [词]", "“词”同时在词库里"),
        (WELCOME, "enter_chat: 你好 {nickname} {name}", "没有 {name} 这个变量，可以用的是 {nickname}"),
        (POINTS, "check_in: {base: 五}", "应该是整数"),
        (POINTS, "check_in: {base: -1}", "不能小于 0"),
        (POINTS, "check_in: {bonuses: [{days: 3, points: 1}, {days: 3, points: 2}]}", "第 3 天的奖励写了两次"),
        (POINTS, "check_in: {repeat: 也许}", "只能是 true 或者 false"),
        (PUSHES, "- {id: a, cron: '0 25 * * *', text: 早}", "时“25”超出范围"),
        (PUSHES, "- {id: a, cron: '0 9 * * *', text: 早, grace_minutes: 99999}", "不能大于 1440"),
    ],
)
def test_a_problem_is_told_with_its_remedy(kind: Kind[Any], raw: str, said: str) -> None:
    told = problems(kind, raw)
    assert len(told) == 1
    assert said in told[0]


def test_a_flood_of_problems_is_counted() -> None:
    told = problems(FAQ, "- {}\n" * 100)
    assert len(told) == MOST_PROBLEMS + 1
    assert told[-1] == f"还有 {300 - MOST_PROBLEMS} 处问题，请先改好上面这些"


@pytest.mark.parametrize("raw", ["[" * 200_000, "- " * 200_000, "{a: " * 100_000, "a:\n" + "  " * 20 + "- b", "? " * 100_000], ids=range(5))
def test_deep_nesting_is_refused_without_harm(raw: str) -> None:
    assert problems(FAQ, raw)


def test_of_many_unknown_names_only_those_that_are_told_are_guessed_at() -> None:
    raw = "".join(f"- {{id: a{n}, question: 问, answer: 答, anser{n}: 答}}\n" for n in range(10_000))
    started = time.process_time()
    told = problems(FAQ, raw)
    assert "是不是想写 answer？" in told[0]
    assert told[-1] == "还有 9950 处问题，请先改好上面这些"
    assert time.process_time() - started < 0.2 * SLOWER


@pytest.mark.parametrize("depth", [20, 500, 990, 2_000, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":[', "]}]")])
def test_json_that_is_too_deep_is_told_so(depth: int, opening: str, closing: str) -> None:
    told = problems(FAQ, opening * depth + "1" + closing * depth)
    assert depth < 1_000 or "层数太多" in told[0]


def test_a_billion_laughs_is_refused_at_once() -> None:
    raw = "a: &a [x, x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20))
    started = time.process_time()
    assert "锚点" in problems(FAQ, raw)[0]
    assert time.process_time() - started < 0.5 * SLOWER


def test_too_big_a_file_is_refused_unread() -> None:
    assert problems(FAQ, "字" * (MOST_BYTES // 3 + 1)) == ("文件超过 64 MB，请分成几个或者删去一些",)


def test_a_file_of_countless_pieces_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_file, "MOST_PIECES", 50_000)
    assert "太零碎" in problems(FAQ, "- a\n" * 60_000)[0]


def test_too_many_entries_are_refused() -> None:
    assert problems(FAQ, "- a\n" * (MOST_ENTRIES + 1)) == (f"一共有 {MOST_ENTRIES + 1} 条，最多 {MOST_ENTRIES} 条，请删去一些",)


@given(st.text(st.characters(), max_size=80) | st.text(st.sampled_from("-:[]{}&*!|>'\"#%@? \nab1~,"), max_size=40))
def test_any_text_is_content_or_a_problem(raw: str) -> None:
    for kind in KINDS.values():
        try:
            value = parse(kind, raw)
        except ContentProblem as problem:
            assert problem.problems
        else:
            assert parse(kind, dump(kind, value)) == value


# There and back -------------------------------------------------------------------------------------------------------
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Zl", "Zp", "Cn", "Co"), exclude_characters="{}"), min_size=1, max_size=20
).map(lambda text: "字" + text.strip())
bodies = st.lists(texts, min_size=1, max_size=3).map("\n".join)
ids = st.text(st.sampled_from(string.ascii_lowercase + "0123456789-_"), min_size=1, max_size=12) | st.sampled_from(
    ["null", "~", "yes", "1", "*"]
)
keywords = st.lists(texts.map(lambda text: text.replace("+", "")), min_size=1, max_size=2).map("+".join)
entries = st.builds(Entry, ids, texts, bodies, st.lists(texts, max_size=3).map(tuple), st.lists(keywords, max_size=2).map(tuple))
word_lists = st.lists(
    st.builds(
        Word, st.text(st.sampled_from("甲乙丙丁戊"), min_size=1, max_size=4), st.integers(1, 3), st.sampled_from(["insult", "scam"]), texts
    ),
    max_size=6,
    unique_by=lambda word: word.text,
).map(lambda words: WordList(tuple(words), ("天地",)))
point_rules = st.builds(
    CheckInRule,
    st.integers(0, 1000),
    st.lists(st.builds(Bonus, st.integers(2, 99), st.integers(0, 99)), max_size=4, unique_by=lambda bonus: bonus.days).map(tuple),
    st.booleans(),
).map(PointRules)
crons = st.sampled_from(["0 9 * * *", "*/10 8-20 * * mon-fri", "0 0 1 1,6 *", "30 7 * * 0,6"])
pushes = st.builds(Push, ids, crons, bodies, ids, st.booleans(), st.integers(0, 1440))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(entries, max_size=5, unique_by=lambda entry: entry.id).map(tuple))
def test_an_faq_comes_back_from_its_file_the_same(value: tuple[Entry, ...]) -> None:
    assert parse(FAQ, dump(FAQ, value)) == value


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(word_lists)
def test_a_word_list_comes_back_from_its_file_the_same(value: WordList) -> None:
    assert parse(WORDS, dump(WORDS, value)) == value


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(pushes, max_size=4, unique_by=lambda push: push.id).map(tuple), point_rules)
def test_pushes_and_point_rules_come_back_from_their_files_the_same(value: tuple[Push, ...], rules: PointRules) -> None:
    assert parse(PUSHES, dump(PUSHES, value)) == value
    assert parse(POINTS, dump(POINTS, rules)) == rules


# Variables and cron ---------------------------------------------------------------------------------------------------
def test_variables_are_filled_once_and_unknown_ones_stay() -> None:
    assert fill("你好 {nickname}，{else}", {"nickname": "{nickname}{0.__class__}"}) == "你好 {nickname}{0.__class__}，{else}"


def test_a_cron_names_what_fits() -> None:
    cron = parse_cron("*/20 8-10 * JAN,12 *")
    assert (cron.minutes, cron.hours, cron.months) == ((0, 20, 40), (8, 9, 10), (1, 12))
    assert cron.days == tuple(range(1, 32))
    assert cron.weekdays == ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("0", ("sun",)),
        ("7", ("sun",)),
        ("1-5", ("mon", "tue", "wed", "thu", "fri")),
        ("sat,sun", ("sat", "sun")),
        ("5-7", ("fri", "sat", "sun")),
    ],
)
def test_weekdays_count_as_cron_counts(field: str, days: tuple[str, ...]) -> None:
    assert parse_cron(f"0 9 * * {field}").weekdays == days


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *",
     "1,,2 * * * *", "-1 * * * *", "1.5 * * * *", "* * 30 feb *", "0 0 1 * mon", "@daily", "٣ * * * *", "*-5 * * * *"],
)  # fmt: skip
def test_a_bad_cron_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"[\u4e00-\u9fff]"):
        parse_cron(text)


@given(st.text(max_size=30) | st.text(st.sampled_from("0123456789*/-, monfeb"), max_size=25))
def test_a_cron_fits_some_time_or_is_refused(text: str) -> None:
    try:
        cron = parse_cron(text)
    except ValueError:
        return
    assert all((cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays))
    assert 0 <= min(cron.minutes) <= max(cron.minutes) <= 59
    assert 1 <= min(cron.months) <= max(cron.months) <= 12
