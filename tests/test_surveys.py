"""问卷: questions one after the other, answers without names, and the figures that come of them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from math import isclose, sqrt
from typing import Any

import pytest
from chat import FAR, Chat, OpenChat, Said
from hypothesis import given
from hypothesis import strategies as st

from rules import contents
from rules.content_file import ContentProblem
from rules.content_surveys import SURVEYS
from rules.content_tables import table_of, text_of_table
from rules.sheets import read_csv, write_excel
from rules.survey_sheets import WIDTHS, merged, rows_of, surveys_of
from rules.surveys import (
    AnswerProblem,
    Question,
    Survey,
    could_answer,
    counted,
    find_survey,
    mean_of,
    next_question,
    nps_of,
    read_answer,
    scores_of,
    signed,
    survey_of,
    tallies_of,
    told_nps,
)

pytest_plugins = ("chat",)

SCORE = Question("愿意推荐吗？", "score", nps=True)
ONE = Question("喜欢什么时候？", "choice", options=("早上", "中午", "晚上"))
MANY = Question("想看什么？", "multi", options=("分享", "资料", "活动"), most=2)
WORDS = Question("为什么？", "text", optional=True)
ALL = Survey("all", "全部题型", (SCORE, ONE, MANY, WORDS))

# Answers --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "words", "value", "tallies"),
    [
        (0, "9", "9", ("q1:9",)),
        (0, "10 分", "10", ("q1:10",)),
        (0, "０", "0", ("q1:0",)),
        (0, "我打8分", "8", ("q1:8",)),
        (0, "9 分，因为你们很热心", "9", ("q1:9",)),
        (0, "10，非常好", "10", ("q1:10",)),
        (1, "2", "2", ("q2:2", "q2:n")),
        (1, "晚上", "3", ("q2:3", "q2:n")),
        (1, "选1", "1", ("q2:1", "q2:n")),
        (2, "3 1", "1,3", ("q3:1", "q3:3", "q3:n")),
        (2, "分享、资料", "1,2", ("q3:1", "q3:2", "q3:n")),
        (3, " 群里\n很好 ", "群里 很好", ("q4:text",)),
        (3, "跳过", "-", ("q4:-",)),
    ],
)
def test_an_answer_is_read_as_it_is_meant(at: int, words: str, value: str, tallies: tuple[str, ...]) -> None:
    answer = read_answer(ALL, at, words)
    assert (answer, tallies_of(ALL, {f"q{at + 1}": answer})) == (value, tallies)
    assert could_answer(ALL.questions[at], words)


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (0, "11"),
        (0, "很好"),
        (0, "-1"),
        (0, "9 分钟后再说"),
        (0, "9，10 都行"),
        (0, "跳过"),
        (1, "4"),
        (1, "1 2"),
        (1, "半夜"),
        (2, "1 2 3"),
        (2, "0"),
        (3, "。。"),
        (3, "长" * 501),
    ],
)
def test_what_is_no_answer_gets_an_example(at: int, words: str) -> None:
    with pytest.raises(AnswerProblem, match="例如"):
        read_answer(ALL, at, words)


def test_only_words_may_answer_a_question_of_words() -> None:
    assert not could_answer(SCORE, "今天天气不错")
    assert not could_answer(ONE, "签到怎么弄")
    assert not could_answer(SCORE, "10 点开会吗？")
    assert could_answer(SCORE, "9 或者 10"), "which of them is asked again"
    assert could_answer(ONE, "7"), "a wrong number is a wrong answer, and told so"
    assert could_answer(WORDS, "今天天气不错")


@given(st.integers(0, 3), st.text(max_size=40))
def test_whatever_is_typed_is_an_answer_or_told_why_not(at: int, words: str) -> None:
    try:
        answer = read_answer(ALL, at, words)
    except AnswerProblem as problem:
        assert "例如" in str(problem)
        return
    raised = tallies_of(ALL, {f"q{at + 1}": answer})
    assert raised
    assert all(name.startswith(f"q{at + 1}:") for name in raised)


def test_the_next_question_is_the_first_without_an_answer() -> None:
    assert next_question(ALL, ()) == 0
    assert next_question(ALL, ("q1", "q3")) == 1
    assert next_question(ALL, ("q1", "q2", "q3", "q4")) is None


# Figures --------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10), max_size=200))
def test_the_net_promoter_score_is_the_mean_of_plus_and_minus(given_scores: list[int]) -> None:
    tally = Counter(name for score in given_scores for name in tallies_of(ALL, {"q1": read_answer(ALL, 0, str(score))}))
    nps = nps_of(scores_of(tally, 0))
    signs = [1 if score >= 9 else -1 if score <= 6 else 0 for score in given_scores]
    assert nps.n == len(signs) == nps.promoters + nps.passives + nps.detractors
    if not signs:
        assert (nps.score, nps.margin) == (0, 0)
        return
    mean = sum(signs) / len(signs)
    variance = sum((sign - mean) ** 2 for sign in signs) / len(signs)
    assert isclose(nps.score, 100 * mean, abs_tol=1e-9)
    assert isclose(nps.margin, 100 * 1.96 * sqrt(variance / len(signs)), abs_tol=1e-4)
    assert isclose(mean_of(scores_of(tally, 0)), sum(given_scores) / len(given_scores))


def test_the_net_promoter_score_of_a_known_sample() -> None:
    nps = nps_of((0, 0, 0, 0, 0, 10, 10, 15, 15, 25, 25))
    assert (nps.n, nps.promoters, nps.passives, nps.detractors) == (100, 50, 30, 20)
    assert nps.score == 30
    assert round(nps.margin, 2) == 15.31
    assert told_nps(nps).startswith("NPS = +30（n = 100，95% 误差 ±15）")


def test_too_few_scores_say_so() -> None:
    assert "不到 10 人" in told_nps(nps_of((0,) * 9 + (9, 0)))
    assert told_nps(nps_of((0,) * 9 + (10, 0))).startswith("NPS = +100（n = 10，大家打的分同属一类")
    assert told_nps(nps_of((0,) * 11)) == "还没有人打分。"


@pytest.mark.parametrize(("score", "said"), [(31.6, "+32"), (-4.5, "−5"), (0.4, "0"), (-0.4, "0"), (100, "+100")])
def test_scores_have_their_sign(score: float, said: str) -> None:
    assert signed(score) == said


@given(st.lists(st.sets(st.integers(1, 3), min_size=1, max_size=2), max_size=30))
def test_the_counts_of_options_are_all_choices(chosen: list[set[int]]) -> None:
    tally = Counter(name for one in chosen for name in tallies_of(ALL, {"q3": read_answer(ALL, 2, " ".join(map(str, one)))}))
    n, times = counted(tally, MANY, 2)
    assert n == len(chosen)
    assert sum(times) == sum(map(len, chosen))


# Content --------------------------------------------------------------------------------------------------------------------


def test_a_questionnaire_is_the_same_from_file_and_back() -> None:
    raw = contents.dump(SURVEYS, (ALL,))
    assert contents.parse(SURVEYS, raw) == (ALL,)
    assert survey_of(ALL.spec) == ALL
    assert find_survey((ALL,), "全部题型") == find_survey((ALL,), "ALL") == ALL
    assert find_survey((ALL,), "别的") is None


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({"ask": "几点？", "kind": "choice"}, "至少要有两个选项"),
        ({"ask": "几点？", "kind": "choice", "options": ["早", "早"]}, "两个选项是一样的"),
        ({"ask": "几分？", "kind": "score", "options": ["早", "晚"]}, "没有选项|只有 choice 和 multi"),
        ({"ask": "几分？", "kind": "star"}, "只能是"),
        ({"ask": "几次？", "kind": "choice", "options": ["0", "1", "2 次以上"]}, "和选项的编号混在一起"),
        ({"ask": "几点？", "kind": "multi", "options": ["早", "晚"], "most": 3}, "不能多于选项数"),
        ({"ask": "为什么？", "kind": "text", "nps": True}, "只有打分题"),
        ({"ask": "", "kind": "text"}, "是空的"),
        ({"ask": "为什么？", "kind": "text", "must": True}, "没有“must”"),
    ],
)
def test_a_wrong_question_is_told_with_its_remedy(question: dict[str, Any], why: str) -> None:
    with pytest.raises(contents.Wrong) as wrong:
        contents.validate(SURVEYS, [{"id": "x", "title": "问卷", "questions": [question]}])
    assert any(re.search(why, say) for _, say in wrong.value.found)


def test_two_questionnaires_have_two_names() -> None:
    row = "- id: a\n  title: 一样\n  questions: [{ask: 为什么, kind: text}]\n"
    with pytest.raises(ContentProblem, match="已经用过了"):
        contents.parse(SURVEYS, row + row.replace("id: a", "id: b"))


def test_a_questionnaire_may_be_written_as_a_table() -> None:
    text = text_of_table(SURVEYS, {}, "问卷.xlsx", write_excel("问卷", rows_of((ALL,)), WIDTHS))
    assert contents.parse(SURVEYS, text) == (ALL,)
    present = contents.items_of(SURVEYS, (ALL,))
    assert surveys_of([read_csv(table_of(SURVEYS, present, "问卷.csv"))]) == (ALL,)


def test_a_table_of_somebody_is_read_and_takes_the_place_of_its_own_questionnaires_only() -> None:
    table = "问卷名称,题目,类型,选项\n活动反馈,满意吗？,单选题,满意；一般\n,几分？,打分,\n,还想说什么？,问答,\n".encode()
    found = surveys_of([read_csv(table)])
    assert [question.kind for question in found[0].questions] == ["choice", "score", "text"]
    assert found[0].questions[0].options == ("满意", "一般")
    assert merged((ALL,), found) == (ALL, *found)
    assert merged((ALL, *found), found) == (ALL, *found)
    with pytest.raises(ContentProblem, match="请换一个"):
        merged([replace(ALL, title="活动反馈")], found)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("题目\n满意吗？\n", "找不到表头"),
        ("问卷,题目,题型\n,满意吗？,问答\n", "第 2 行（问卷）：还没有写是哪一份问卷"),
        ("问卷,题目,题型,选项\n反馈,满意吗？,单选,满意\n", "第 2 行：选择题至少要有两个选项"),
        ("问卷,题目,题型\n反馈,满意吗？,猜\n", "第 2 行（题型）：只能是"),
        ("问卷,题目,题型\n反馈,满意吗？,问答\n,,打分\n", "第 3 行（题目）：缺少这一项"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_row(table: str, why: str) -> None:
    with pytest.raises(ContentProblem) as problem:
        surveys_of([read_csv(table.encode())])
    assert any(why in line for line in problem.value.problems), problem.value.problems


# In a single chat -----------------------------------------------------------------------------------------------------------


def begin(chat: Chat, words: str = "nps") -> Said:
    shown = chat.as_admin(f"发起问卷 {words}")
    chat.as_admin("1")
    return shown


def answers(chat: Chat, score: str, why: str, *, user: str = "lilei") -> Said:
    chat.says("你好", user=user)
    chat.privately("问卷", user=user)
    chat.privately(score, user=user)
    return chat.privately(why, user=user)


def tally(chat: Chat, number: int = 1) -> dict[str, int]:
    return chat.stores.activities.tally(chat.community.keys, number)


def choose(chat: Chat, said: Said, *ids: str, user: str = "lilei") -> Said:
    """Somebody chooses options on the card that he was last shown in a single chat, and presses its button."""
    card = said.card or said.updated
    assert card
    items = [{"question_key": card["checkbox"]["question_key"], "option_ids": {"option_id": list(ids)}}]
    event = {"event_key": card["submit_button"]["key"], "task_id": card["task_id"], "card_type": card["card_type"]}
    return chat.hears(chat._event("template_card_event", event | {"selected_items": {"selected_item": items}}, user, ""))


def test_a_survey_from_its_beginning_to_its_end(chat: Chat) -> None:
    shown = begin(chat, "社群推荐度 | 截止 明天20:00 | 奖励积分 5")
    assert "你有多愿意把本社群推荐给朋友？（打分）" in shown
    assert "为什么打这个分？（问答，可跳过）" in shown
    assert "请私聊我说“问卷 1号”" in chat.says("问卷")
    asked = chat.privately("问卷")
    assert "（1/2）你有多愿意" in asked
    assert "看不到是谁答的" in asked
    assert "（2/2）为什么打这个分？" in chat.privately("9")
    thanks = chat.privately("活动多，氛围好")
    assert "谢谢" in thanks
    assert "积分 +5" in thanks
    assert "已经答完了" in chat.privately("问卷")
    assert tally(chat) == {"q1:9": 1, "q2:text": 1, "done": 1}


def test_what_was_left_goes_on_where_it_stopped(chat: Chat) -> None:
    begin(chat, "content")
    chat.says("你好")
    chat.privately("问卷 1")
    assert "（2/4）" in chat.privately("1 2")
    assert "答过的都记着" in chat.privately("退出")
    chat.later(days=2)
    resumed = chat.privately("问卷 1号")
    assert "还有 3 题" in resumed
    assert "（2/4）" in resumed
    assert "（3/4）" in chat.privately("晚上")
    assert "（4/4）" in chat.privately("8")
    assert "答完了" in chat.privately("跳过")
    assert tally(chat)["done"] == 1


def test_who_began_may_go_on_behind_midnight(chat: Chat) -> None:
    begin(chat, "nps | 条件 签到")
    chat.says("签到")
    chat.privately("问卷")
    chat.privately("9")
    chat.later(days=1)
    assert "（2/2）" in chat.privately("问卷")
    assert "谢谢" in chat.privately("跳过")


def test_an_answer_counts_in_the_community_that_asked_wherever_its_member_spoke_since(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("发起问卷 nps", user="boss", group=FAR)
    chat.says("1", user="boss", group=FAR)
    far = chat.communities.named("far").keys
    chat.says("你好")
    chat.privately("问卷")
    chat.says("你好", group=FAR)
    assert "（2/2）" in chat.privately("9")
    chat.says("你好", group=FAR)
    assert "谢谢" in chat.privately("加我微信领资料")
    assert tally(chat) == {"q1:9": 1, "q2:text": 1, "done": 1}
    assert chat.stores.activities.entries_of(far, 1, chat.member()) == {}
    assert "没有待处理的案件" in chat.privately("案件", user="boss"), "an answer is judged as an answer"
    assert "（1/2）" in chat.privately("问卷"), "the survey of the other community"
    assert "（2/2）" in chat.privately("3")
    assert [kept.value for kept in chat.stores.activities.entries_of(far, 1, chat.member()).values()] == ["3"]
    assert tally(chat)["done"] == 1


def test_what_is_no_answer_is_said_where_its_member_is(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("你好")
    chat.privately("问卷")
    chat.says("签到", group=FAR)
    assert "（2/2）" not in chat.privately("我的积分")
    assert "（2/2）" in chat.privately("9"), "and the question still waits"


def test_who_switches_to_another_community_answers_nothing_there(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("你好")
    chat.says("你好", group=FAR)
    chat.privately("切换社群 主群")
    chat.privately("问卷")
    chat.privately("切换社群 纽约")
    assert "（2/2）" not in chat.privately("9")
    assert tally(chat) == {}


def test_a_wrong_answer_is_asked_again_with_an_example(chat: Chat) -> None:
    begin(chat, "content")
    chat.says("你好")
    chat.privately("问卷")
    for words in ("9", "1 2 3 4"):
        said = chat.privately(words)
        assert "例如" in said
        assert "（1/4）" in said
    assert tally(chat) == {}


def test_a_command_between_two_questions_is_no_answer(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("你好")
    chat.privately("问卷")
    assert "签到" in chat.privately("签到")
    assert tally(chat) == {}


def test_the_first_answer_to_a_question_holds(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("你好")
    first = chat.privately("问卷")
    choose(chat, first, "9")
    choose(chat, first, "0")
    chat.privately("跳过")
    assert tally(chat) == {"q1:9": 1, "q2:-": 1, "done": 1}


def test_cards_ask_and_take_the_answers(chat: Chat) -> None:
    begin(chat, "content")
    chat.says("你好")
    asked = chat.privately("问卷")
    assert asked.card
    assert asked.card["checkbox"]["mode"] == 1
    second = choose(chat, asked, "1", "3")
    assert second.updated
    assert "你喜欢什么时候看" in str(second.updated)
    third = choose(chat, second, "2")
    assert [option["id"] for option in (third.updated or {})["checkbox"]["option_list"]] == [str(n) for n in range(10, -1, -1)]
    fourth = choose(chat, third, "0")
    assert "还想对我们说什么" in str(fourth.updated)
    assert "答完了" in chat.privately("没有")
    assert tally(chat) == {"q1:1": 1, "q1:3": 1, "q1:n": 1, "q2:2": 1, "q2:n": 1, "q3:0": 1, "q4:-": 1, "done": 1}


def test_a_forged_card_answers_nothing(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("你好")
    asked = chat.privately("问卷")
    assert asked.card
    for key in ("survey:far:1:0", "survey:main:9:0", "survey:main:1:7", "survey:main:1"):
        asked.card["submit_button"]["key"] = key
        assert re.search("另一个社群|没有 9 号问卷|过期", str(choose(chat, asked, "9").updated))
    assert tally(chat) == {}


def test_a_full_survey_begins_with_nobody_else(chat: Chat) -> None:
    begin(chat, "nps | 上限 1")
    answers(chat, "9", "跳过")
    assert "已经答完了" in chat.privately("问卷")
    chat.says("你好", user="hanmei")
    assert "收满 1 份" in chat.privately("问卷", user="hanmei")
    assert tally(chat)["done"] == 1


def test_only_who_is_through_counts(chat: Chat) -> None:
    begin(chat, "nps | 上限 1")
    for user in ("lilei", "hanmei"):
        chat.says("你好", user=user)
        chat.privately("问卷", user=user)
    chat.privately("3")
    chat.privately("8", user="hanmei")
    assert tally(chat) == {}
    assert "谢谢" in chat.privately("太吵了")
    assert "满了" in chat.privately("氛围好", user="hanmei")
    assert tally(chat) == {"q1:3": 1, "q2:text": 1, "done": 1}
    chat.says("你好", user="jim")
    assert "收满 1 份" in chat.privately("问卷", user="jim")


def test_what_the_word_list_finds_in_an_answer_makes_no_case_with_a_name(chat: Chat) -> None:
    begin(chat, "nps")
    answers(chat, "9", "加我微信领资料")
    assert tally(chat) == {"q1:9": 1, "q2:text": 1, "done": 1}
    assert "没有待处理的案件" in chat.as_admin("案件")


def test_closed_is_closed(chat: Chat) -> None:
    begin(chat, "nps")
    chat.says("你好")
    chat.privately("问卷")
    chat.as_admin("活动 截止 1")
    assert "已经截止" in chat.privately("9")
    assert tally(chat) == {}


def test_operators_see_words_without_names_and_members_see_figures_only(chat: Chat) -> None:
    begin(chat, "nps")
    for n, (score, why) in enumerate([("9", "氛围好"), ("3", "太吵了"), ("10", "傻逼群主"), ("8", "跳过")]):
        answers(chat, score, why, user=f"u{n}")
    assert "运营" in chat.says("问卷 结果 1")
    assert "这里人多" in chat.says("问卷 结果 1", user="boss")
    said = chat.as_admin("问卷 结果 1")
    assert "• 9 分：氛围好\n• 3 分：太吵了" in said
    assert "不到 10 人" in said
    assert "傻逼" not in said
    assert not re.search("u[0-3]|成员", said)
    chat.as_admin("活动 截止 1")
    chat.as_admin("活动 结算 1")
    public = chat.says("活动 结果 1")
    assert "贬损者" in public
    assert "太吵了" not in public
    assert "太吵了" in chat.as_admin("问卷 结果 1")


def test_of_two_people_no_figures_are_told(chat: Chat) -> None:
    begin(chat, "nps")
    answers(chat, "9", "跳过")
    chat.as_admin("活动 截止 1")
    chat.as_admin("活动 结算 1")
    said = chat.says("活动 结果 1")
    assert "不到 3 人就不公布" in said
    assert "推荐者" not in said


def test_a_survey_that_is_not_told_is_for_operators_alone(chat: Chat) -> None:
    begin(chat, "nps | 不公布")
    for n in range(3):
        answers(chat, "9", "跳过", user=f"u{n}")
    chat.as_admin("活动 截止 1")
    chat.as_admin("活动 结算 1")
    assert "只给管理员看" in chat.says("活动 结果 1")
    assert "推荐者（9–10 分）3 人" in chat.as_admin("问卷 结果 1")


def test_who_is_erased_takes_his_answers_along(chat: Chat) -> None:
    begin(chat, "nps")
    answers(chat, "9", "氛围好")
    answers(chat, "3", "太吵了", user="hanmei")
    chat.erase()
    assert tally(chat) == {"q1:3": 1, "q2:text": 1, "done": 1}
    chat.as_admin("活动 截止 1")
    chat.erase("hanmei")
    said = chat.as_admin("问卷 结果 1")
    assert "太吵了" not in said
    assert tally(chat)["q1:3"] == 1, "what was counted when it closed stays, and is nobody's"


def test_answers_stand_in_no_log_that_keeps_texts(open_chat: OpenChat) -> None:
    chat = open_chat(keep_text=True)
    begin(chat, "nps")
    answers(chat, "7", "这里有一句心里话")
    texts = [entry.data["text"] for entry in chat.log("inbound") if "text" in entry.data]
    assert "你好" in str(texts), "the log does keep texts"
    assert "心里话" not in str(texts)
    assert not [entry for entry in chat.log() if entry.data.get("what") == "entered" and entry.member]


def test_every_wrong_way_of_typing_gets_an_example(chat: Chat) -> None:
    for words in ("发起问卷", "发起问卷 没有的", "发起问卷 nps | 看不懂的话"):
        assert re.search("例如|写法是", chat.as_admin(words)), words
    begin(chat, "nps")
    chat.says("你好")
    for words in ("问卷 abc", "问卷 99"):
        assert re.search("例如|写法是", chat.privately(words)), words
    for words in ("问卷 结果", "问卷 结果 abc", "问卷 结果 99"):
        assert re.search("例如|写法是", chat.as_admin(words)), words


def test_where_several_run_they_are_listed(chat: Chat) -> None:
    assert "没有进行中的问卷" in chat.privately("问卷")
    begin(chat, "nps")
    begin(chat, "content")
    chat.says("你好")
    listed = chat.privately("问卷")
    assert "1号 社群推荐度" in listed
    assert "2号 内容偏好" in listed
    assert "（1/4）" in chat.privately("问卷 2")
