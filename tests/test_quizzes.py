"""答题: how it is scored, the banks as files, both ways to play – and everything that counts for nothing."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from chat import MAIN, ROOT, SUB, Chat, OpenChat, Said, read_answer
from command_line import Cli
from hypothesis import given
from hypothesis import strategies as st

from bot.activities.desk import ring_due
from bot.activities.quiz import QuizKind, paper_of
from bot.context import Context
from bot.drawing import Artist
from bot.errors import UserError
from bot.message import Message, Reply
from bot.router import Router
from rules import contents
from rules.activities import Activity
from rules.content_file import ContentProblem
from rules.content_quizzes import QUIZZES
from rules.content_tables import TABLES, text_of_table
from rules.quiz import (
    BONUSES,
    LETTERS,
    MODES,
    RIGHT,
    RIGHT_ALONE,
    Answered,
    Mark,
    Question,
    Quiz,
    QuizProblem,
    TeamPlace,
    drawn,
    find_bank,
    find_team,
    means_told,
    order_of,
    places_of,
    prizes_of,
    read_answered,
    read_quiz,
    read_settings,
    score_alone,
    team_places,
)
from rules.quiz import read_answer as read_option
from rules.quiz_sheets import merged, questions_of, rows_of
from rules.sheets import read_csv, write_csv, write_excel
from storage import keys
from tests.test_cli import writes

pytest_plugins = ("chat", "command_line")

SHIPPED = contents.parse(QUIZZES, (ROOT / "rules" / "content" / "quizzes.yaml").read_text(encoding="utf-8"))


# The rules ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "options", "at"),
    [
        ("B", "两天 三天 四天", 1), ("b.", "两天 三天 四天", 1), ("Ｂ", "两天 三天 四天", 1), ("2", "两天 三天 四天", 1), ("②", "两天 三天 四天", 1),
        ("选B", "两天 三天 四天", 1), ("我觉得选 b 吧", "两天 三天 四天", 1), ("答案是B", "两天 三天 四天", 1), ("第2个", "两天 三天 四天", 1),
        ("三天", "两天 三天 四天", 1), ("三天。", "两天 三天 四天", 1), ("D", "两天 三天 四天", None), ("9", "两天 三天 四天", None),
        ("", "两天 三天 四天", None), ("不知道", "两天 三天 四天", None), ("三", "两天 三天 四天", None), ("B 还是 C", "两天 三天 四天", None),
        # where options are numbers themselves, a number is the option's words
        ("2", "4 2 1", 1), ("1", "4 2 1", 2), ("3", "4 2 1", None), ("A", "4 2 1", 0),
    ],
)  # fmt: skip
def test_an_answer_is_a_letter_a_number_or_the_options_words(words: str, options: str, at: int | None) -> None:
    assert read_option(words, options.split()) == at


@given(st.integers(1, 12), st.text(max_size=8), st.integers(0, 99))
def test_an_order_of_ones_own_has_everything_once_and_stays(n: int, seed: str, member: int) -> None:
    order = order_of(n, seed, "member", member)
    assert sorted(order) == list(range(n))
    assert order == order_of(n, seed, "member", member)


def test_a_neighbours_letter_is_no_better_than_a_guess() -> None:
    orders = [order_of(4, "seed", "member", member, "1") for member in range(4_000)]
    counts = [sum(order.index(0) == at for order in orders) for at in range(4)]
    assert all(850 < n < 1_150 for n in counts), "the right option is as often in each place"


def test_a_quiz_draws_different_questions_with_their_right_answers() -> None:
    asked = drawn(SHIPPED, 10, "seed")
    rights = {one.id: one.options[one.answer] for one in SHIPPED}
    assert len({one.id for one in asked}) == 10
    assert all(one.options[one.answer] == rights[one.id] for one in asked)
    assert {one.answer for one in asked} != {0}, "the options are mixed"
    assert [one.id for one in drawn(SHIPPED, 10, "other")] != [one.id for one in asked]
    assert len(drawn(SHIPPED[:3], 10, "seed")) == 3


@given(st.integers(1, 50), st.integers(5, 600), st.integers(-9_000, 700_000), st.integers(-9_000, 700_000))
def test_speed_brings_more_the_sooner_and_never_as_much_as_one_right_answer(count: int, seconds: int, one_ms: int, other_ms: int) -> None:
    quiz = Quiz("b", "own", count, seconds)
    sooner, later = sorted((one_ms, other_ms))
    assert score_alone(quiz, sooner) >= score_alone(quiz, later) >= RIGHT_ALONE
    assert count * (score_alone(quiz, sooner) - RIGHT_ALONE) < RIGHT_ALONE
    assert score_alone(quiz, seconds * 1_000) == RIGHT_ALONE


marks = st.lists(
    st.builds(Mark, st.integers(1, 6), st.sampled_from("123"), st.sampled_from([0, 10, 15]), st.integers(0, 3).map(lambda n: n * 500), st.booleans()),
    max_size=15,
    unique_by=lambda mark: (mark.member, mark.question),
)  # fmt: skip


@given(marks, st.sets(st.sampled_from("123")), st.randoms(use_true_random=False))
def test_places_follow_from_the_marks_in_whatever_order_and_a_withdrawn_question_counts_for_nobody(
    marks: Sequence[Mark], void: set[str], dice: random.Random
) -> None:
    teams = dict.fromkeys(range(1, 7), "")
    mixed = dice.sample(list(marks), len(marks))
    places = places_of(marks, teams, void)
    assert places == places_of(mixed, teams, void) == places_of([mark for mark in marks if mark.question not in void], teams)
    assert sum(place.score for place in places) == sum(mark.score for mark in marks if mark.question not in void)
    for place in places:
        better = [one for one in places if (-one.score, one.used_ms) < (-place.score, place.used_ms)]
        assert place.rank == 1 + len(better)


def test_equal_scores_are_told_apart_by_time_and_who_is_equal_in_both_shares_place_and_prize() -> None:
    marks = [Mark(1, "1", 10, 900, True), Mark(2, "1", 10, 700, True), Mark(3, "1", 10, 900, True), Mark(4, "1", 0, 100, False)]
    places = places_of(marks, {1: "", 2: "", 3: "", 4: "", 5: ""})
    assert [(place.rank, place.member) for place in places] == [(1, 2), (2, 1), (2, 3), (4, 4), (4, 5)]
    assert [(place.member, n) for place, n in prizes_of(places, [50, 30, 20, 10])] == [(2, 50), (1, 30), (3, 30)], (
        "nothing for no right answer"
    )


def test_a_teams_score_is_the_mean_of_who_answered_and_equal_means_are_a_tie() -> None:
    marks = [Mark(1, "1", 10, 1, True), Mark(2, "1", 20, 1, True), Mark(3, "1", 15, 1, True)]
    places = places_of(marks, {1: "红队", 2: "红队", 3: "蓝队", 4: "蓝队"})
    teams = team_places(places, ("红队", "蓝队", "绿队"))
    assert teams == [
        TeamPlace(1, "红队", Fraction(15), 2), TeamPlace(1, "蓝队", Fraction(15), 1), TeamPlace(3, "绿队", Fraction(0), 0)
    ]  # fmt: skip
    assert means_told(teams) == ["15.0", "15.0", "0.0"]
    near = [TeamPlace(1, "a", Fraction(10, 3), 3), TeamPlace(2, "b", Fraction(333, 100), 3)]
    assert means_told(near) == ["3.333", "3.330"], "what differs is not told as the same"


def test_the_settings_are_read_as_people_write_them() -> None:
    given = {"题数": "5题", "每题": "1分钟", "全程": "10分钟", "队伍": "红队、蓝队 绿队", "奖励": "50/30 20分"}
    quiz = read_settings("常识", given, ["个人"])
    assert quiz == Quiz("常识", "own", 5, 60, 600, ("红队", "蓝队", "绿队"), (50, 30, 20))
    assert read_quiz(quiz.spec) == quiz
    assert read_settings("常识", {}, ["8题", "抢答"]) == Quiz("常识", "race", 8, 20)
    assert {read_settings("常识", {"玩法": word}).mode for word in MODES} == {"race", "own"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"题数": "很多"}, ()), ({"题数": "0"}, ()), ({"题数": "51"}, ()), ({"每题": "快点"}, ()), ({"每题": "2秒"}, ()), ({"每题": "1小时"}, ()),
        ({"全程": "10分钟"}, ("抢答",)), ({"队伍": "红队"}, ()), ({"队伍": "红队 红队"}, ()), ({"队伍": "A B"}, ()), ({"队伍": "1 2"}, ()),
        ({"队伍": "排名 红队"}, ()), ({"队伍": "一二三四五六七"}, ()), ({"队伍": "一 二 三 四 五 六 七"}, ()), ({"奖励": "很多"}, ()),
        ({"奖励": "99999"}, ()), ({"奖励": " ".join("1" * 11)}, ()), ({"玩法": "乱答"}, ()), ({}, ("快一点",)),
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_refused_with_an_example(given: Mapping[str, str], words: Sequence[str]) -> None:
    with pytest.raises(QuizProblem, match="例如"):
        read_settings("常识", given, words)


def test_a_team_and_a_bank_are_found_by_what_people_call_them() -> None:
    assert [find_team(("红队", "蓝"), words) for words in ("红队", "红", "加入蓝", "我要红队", "绿队", "")] == [
        "红队",
        "红队",
        "蓝",
        "红队",
        "",
        "",
    ]
    assert [find_bank(SHIPPED, words) for words in ("社群常识", "社群", "生活", "常识", "")] == ["社群常识", "社群常识", "生活常识", "", ""]


# Banks as files ---------------------------------------------------------------------------------------------------------------


def test_the_shipped_banks_have_questions_enough_and_survive_every_kind_of_file() -> None:
    assert len(SHIPPED) >= 15
    assert contents.parse(QUIZZES, contents.dump(QUIZZES, SHIPPED)) == SHIPPED
    assert contents.from_items(QUIZZES, contents.to_items(QUIZZES, contents.dump(QUIZZES, SHIPPED))) == SHIPPED
    items = contents.items_of(QUIZZES, SHIPPED)
    table = TABLES["quizzes"]
    for name, data in (("a.csv", write_csv(rows_of(SHIPPED))), ("a.xlsx", write_excel("题库", rows_of(SHIPPED), table.widths))):
        assert contents.parse(QUIZZES, text_of_table(QUIZZES, items, name, data)) == SHIPPED


GOOD = "- {id: a, bank: 库, question: 几天？, options: [两天, 三天], answer: B}\n"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("- {id: b, bank: 库, question: 问, options: [甲], answer: A}", "第 2 行（第 2 条 的 options）：至少要有 2 项"),
        ("- {id: b, bank: 库, question: 问, options: [甲, 乙], answer: C}", "第 2 行（第 2 条）：answer 写选项的字母（A 到 B）或者选项原文，这里写的是“C”"),
        ("- {id: b, bank: 库, question: 问, options: [甲, 甲], answer: A}", "有两个选项写得一样"),
        ("- {id: b, bank: 库, question: 问, options: [a, 乙], answer: A}", "选项不能只是一个字母"),
        ("- {id: a, bank: 库, question: 问, options: [甲, 乙], answer: A}", "第 2 行（第 2 条 的 id）：id“a”已经用过了"),
        ("- {id: b, bank: 库, question: 几天？, options: [甲, 乙], answer: A}", "题库“库”里的“几天？”已经有了"),
        ("- {id: b, bank: 库, question: 问, options: [甲, 乙], answer: A, why: 好}", "没有“why”这一项"),
        ("- {id: 中, bank: 库, question: 问, options: [甲, 乙], answer: A}", "第 2 行（第 2 条 的 id）"),
        ("- {id: b, bank: 库, question: 问, options: [甲, 乙]}", "缺少这一项"),
    ],
)  # fmt: skip
def test_a_wrong_question_is_told_with_its_line(row: str, says: str) -> None:
    with pytest.raises(ContentProblem) as problem:
        contents.parse(QUIZZES, f"{GOOD}{row}\n")
    assert any(says in line for line in problem.value.problems), problem.value.problems


def test_an_answer_may_be_written_as_the_options_words() -> None:
    (one,) = contents.parse(QUIZZES, '- {id: a, bank: 库, question: 火警？, options: ["110", "119"], answer: "119"}\n')
    assert one.answer == 1


def test_a_table_is_read_whatever_its_columns_are_called_and_in_whatever_order() -> None:
    found = questions_of([read_csv("答案,选项 B,选项A（必填）,题干,分类\nB,三天,两天,几天？,库\n两天,三天,两天,再问？,库\n".encode())])
    assert [(one.bank, one.question, one.options, one.answer) for one in found] == [
        ("库", "几天？", ("两天", "三天"), 1), ("库", "再问？", ("两天", "三天"), 0)
    ]  # fmt: skip
    (one,) = questions_of([read_csv("题目\t选项\t正确答案\n几天？\tA. 两天;B. 三天|C、四天\t三天\n".encode())])
    assert (one.options, one.answer, one.bank) == (("两天", "三天", "四天"), 1, "默认题库")


def test_every_wrong_row_of_a_table_is_told_with_line_and_column() -> None:
    with pytest.raises(ContentProblem) as problem:
        questions_of([read_csv("题目,A,B,C,正确答案\n一加一？,一,二,,D\n,甲,乙,,A\n问,甲,,丙,A\n".encode())])
    told = "\n".join(problem.value.problems)
    assert "第 2 行：answer" in told
    assert "第 3 行（题目）：缺少这一项" in told
    assert "第 4 行（B）：是空的" in told, "a gap is not closed: the letters behind it would mean other options"
    with pytest.raises(ContentProblem, match="找不到表头"):
        questions_of([read_csv("姓名,电话\n李雷,1\n".encode())])
    with pytest.raises(ContentProblem, match="没有题目"):
        questions_of([read_csv("题目,A,B,答案\n".encode())])


def test_a_table_takes_the_place_of_its_banks_and_leaves_all_others() -> None:
    new = Question("n", "社群常识", "新问题？", ("甲", "乙"), 0)
    there = merged(SHIPPED, [new])
    assert [one for one in there if one.bank == "社群常识"] == [new]
    assert [one for one in there if one.bank == "生活常识"] == [one for one in SHIPPED if one.bank == "生活常识"]
    with pytest.raises(ContentProblem, match="已经用过"):
        merged(SHIPPED, [replace(new, id="hotline-fire")])


def test_banks_go_out_and_come_in_as_excel_on_the_command_line(cli: Cli, tmp_path: Path, chat: Chat) -> None:
    writes(tmp_path)
    file = tmp_path / "bank.xlsx"
    assert cli("content", "export", "quizzes", "--to", str(file)).code == 0
    assert (
        "没有改动" in cli("content", "import", "quizzes", str(file)).out or "第 1 版" in cli("content", "import", "quizzes", str(file)).out
    )
    file.write_bytes(write_excel("旅行", [["题目", "选项A", "选项B", "答案"], ["几天？", "两天", "三天", "C"]], [20] * 4))
    wrong = cli("content", "import", "quizzes", str(file))
    assert (wrong.code, "第 2 行" in wrong.err) == (1, True)
    file.write_bytes(write_excel("旅行", [["题目", "选项A", "选项B", "答案"], ["几天？", "两天", "三天", "B"]], [20] * 4))
    assert cli("content", "import", "quizzes", str(file)).code == 0
    chat.live.refresh()
    assert "旅行：1 题" in chat.as_admin("题库")
    assert "生活常识：12 题" in chat.as_admin("题库")
    assert cli("content", "export", "points", "--to", str(file)).code == 1
    assert cli("content", "export", "quizzes", "--to", str(tmp_path / "bank.doc")).code == 1


# Playing --------------------------------------------------------------------------------------------------------------------


def begin(chat: Chat, how: str, *, bank: str = "生活常识") -> Activity:
    """A quiz that is open."""
    chat.says(f"发起答题 {bank} | {how}", user="boss")
    chat.says("1", user="boss")
    return now_of(chat)


def now_of(chat: Chat) -> Activity:
    activity = chat.stores.activities.find(chat.community.keys, 1)
    assert activity is not None
    return activity


def ring(chat: Chat, **later: float) -> None:
    """Lets time pass, and the clock look at what has come."""
    chat.later(**later)
    ring_due(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def right(chat: Chat, user: str = "") -> str:
    """The letter of the right answer to what is asked now: of everybody, or of who plays alone."""
    activity = now_of(chat)
    paper = paper_of(activity)
    if not user:
        return LETTERS[paper.question(activity.round).answer]
    kept = chat.stores.activities.entries_of(chat.community.keys, 1, chat.member(user))
    part = next(part for part in paper.own_order(chat.member(user)) if part not in kept and part not in paper.void)
    return LETTERS[paper.own_question(chat.member(user), part).answer]


def wrong(letter: str) -> str:
    return "A" if letter != "A" else "B"


def posts(chat: Chat) -> list[str]:
    return [delivery.body["markdown"]["content"] for delivery in chat.outbox() if "markdown" in delivery.body and delivery.chat != "admin"]


def result(chat: Chat) -> list[tuple[int, str, int]]:
    """Place, user and score of everybody."""
    users = {chat.member(user): user for user in ("lilei", "han", "jim", "lucy") if chat.stores.directory.find_number(user)}
    return [(rank, users[member], score) for rank, member, score, *_ in now_of(chat).result["top"]]


def test_a_race_from_the_first_question_to_the_prizes(chat: Chat) -> None:
    begin(chat, "2题 | 每题 20秒 | 抢答 | 奖励 50 30")
    assert "第一题 10 秒后开始" in posts(chat)[0]
    assert "第一题马上开始" in chat.says("答题", user="jim")
    ring(chat, seconds=10)
    assert "第 1/2 题" in posts(chat)[-1]
    chat.later(seconds=2)
    letter = right(chat)
    chat.says(f"答题 {letter}", user="han")
    heard = chat.says(f"答题{letter}", user="lilei")
    missed = chat.says(f"答题 {wrong(letter)}", user="jim")
    assert "收到，第 1 题" in heard
    option = re.compile(r"^(?:.*\n\n)?收到，第 1 题你答的是 [A-D]\. .*，(?=18 秒后)", re.DOTALL)
    assert option.sub("", heard) == option.sub("", missed) != heard, "nobody hears yet whether he was right"
    assert now_of(chat).entries == 3
    assert not chat.stores.points.balance(chat.community.keys, chat.member("han"))
    ring(chat, seconds=20)
    told = posts(chat)[-1]
    assert f"第 1 题正确答案：{letter}." in told
    assert "3 人回答，2 人答对，最先答对：" in told
    assert "第 2/2 题" in told
    chat.later(seconds=2)
    assert "收到，第 2 题" in chat.says(right(chat), user="lilei"), "a bare letter goes on answering"
    ring(chat, seconds=20)
    assert now_of(chat).state == "settled"
    assert result(chat) == [(1, "lilei", 2 * RIGHT + BONUSES[0] + BONUSES[1]), (2, "han", RIGHT + BONUSES[0]), (3, "jim", 0)]
    assert (chat.points("lilei"), chat.points("han"), chat.points("jim")) == (50, 30, 0)
    assert "🥇" in posts(chat)[-1]
    assert any(delivery.body.get("msgtype") == "image" for delivery in chat.outbox())
    said = chat.says("答题 解析", user="han")
    assert "正确答案" in said
    assert "你的回答" in said
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_only_the_first_answer_counts_whichever_way_it_comes(chat: Chat) -> None:
    begin(chat, "2题 | 抢答")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    letter = right(chat)
    chat.says(f"答题 {wrong(letter)}")
    for again in (f"答题 {letter}", letter, f"答题 {wrong(letter)}"):
        assert "已经答过了" in chat.says(again)
    assert "已经答过了" in chat.privately(f"答题 {letter}")
    assert chat.stores.activities.scores(chat.community.keys, 1) == []


def test_what_is_done_again_after_a_crash_is_not_taken_for_the_next_question(open_chat: OpenChat) -> None:
    chat = open_chat()
    begin(chat, "3题 | 抢答")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    message = chat.words(f"@小助手 答题 {right(chat)}", group=MAIN)
    died = open_chat(clock=chat.clock, router=_dying(chat.router))
    died.receive(message)
    ring(chat, seconds=20)
    chat.later(seconds=2)
    for shard in range(keys.SHARDS):
        for left in list(chat.stores.inbox.left_behind(shard, 0)):
            chat.pipeline.recover(left)
    kept = chat.stores.activities.entries_of(chat.community.keys, 1, chat.member())
    assert {part for part in kept if part} == {"1"}
    assert chat.stores.activities.scores(chat.community.keys, 1) == [(chat.member(), RIGHT + BONUSES[0])]
    assert any("第 1 题你答的是" in str(delivery.body) for delivery in chat.outbox()), "and he hears what he had answered"


def test_alone_the_same_message_is_one_answer_however_often_it_is_done(open_chat: OpenChat) -> None:
    chat = open_chat()
    begin(chat, "3题 | 个人")
    died = open_chat(clock=chat.clock, router=_dying(chat.router))
    for words in ("答题 A", "答题 B"):
        died.receive(chat.words(f"@小助手 {words}", group=MAIN))
        before = chat.stores.activities.entries_of(chat.community.keys, 1, chat.member())
        for shard in range(keys.SHARDS):
            for left in list(chat.stores.inbox.left_behind(shard, 0)):
                chat.pipeline.recover(left)
        assert chat.stores.activities.entries_of(chat.community.keys, 1, chat.member()) == before
    assert len(before) == 2, "the beginning, and one answer"


def _dying(whole: Router) -> Router:
    """The same routes, whose process dies when 答题 has done its work."""
    dying = Router()
    dying.include(whole)
    route = dying.commands["答题"]

    def die(message: Message, ctx: Context) -> Reply:
        route.handler(message, ctx)
        raise MemoryError

    for name, one in dying.commands.items():
        if one is route:
            dying.commands[name] = replace(route, handler=die)
    return dying


def test_answers_outside_of_their_round_count_for_nothing(chat: Chat) -> None:
    begin(chat, "2题 | 每题 20秒 | 抢答")
    assert "马上开始" in chat.says("答题 A"), "before the first"
    ring(chat, seconds=10)
    assert "刚刚换题了" in chat.says(f"答题 {right(chat)}"), "sooner than anybody reads"
    chat.later(seconds=21)
    assert "时间到了" in chat.says(f"答题 {right(chat)}"), "late, and the clock has not come by yet"
    ring(chat)
    late = chat.words(f"@小助手 答题 {right(chat)}", group=MAIN)
    chat.later(seconds=10)
    ring_due(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    old = replace(late, sent_at=late.sent_at - 30)
    assert "刚刚换题了" in chat.hears(old), "sent, by WeCom's clock, when the round before was on"
    ring(chat, seconds=20)
    assert now_of(chat).state == "settled"
    assert "没有进行中" in chat.says("答题 A")
    assert result(chat) == []


def test_an_operator_goes_on_and_withdraws_a_question_and_others_do_not(chat: Chat) -> None:
    begin(chat, "3题 | 抢答 | 奖励 50")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    chat.says(f"答题 {right(chat)}", user="han")
    assert "只有运营" in chat.says("答题 下一题", user="han")
    assert "只有运营" in chat.says("答题 作废 1", user="han")
    assert "第 2/3 题" in chat.says("下一题", user="boss")
    chat.later(seconds=2)
    chat.says(f"答题 {right(chat)}", user="jim")
    for mistyped in ("答题 作废", "答题 作废 三", "答题 作废 9"):
        assert "例如" in chat.says(mistyped, user="boss")
    assert "第 1 题作废了" in chat.says("答题 作废 第1题", user="boss")
    assert "第 3 题作废了" in chat.says("答题 作废 3", user="boss")
    assert "出完了" in chat.says("答题 下一题", user="boss"), "a withdrawn question is not asked any more"
    ring(chat)
    assert result(chat) == [(1, "jim", RIGHT + BONUSES[0]), (2, "han", 0)]
    assert (chat.points("jim"), chat.points("han")) == (50, 0)
    assert [row.act for row in chat.stores.audit.newest("main", 10)].count("答题作废题目") == 2
    assert "例如" in chat.says("答题 作废 1", user="boss") or "已经结算" in chat.says("答题 作废 1", user="boss")


def test_members_are_put_where_fewer_are_and_a_team_is_kept(chat: Chat) -> None:
    begin(chat, "1题 | 抢答 | 队伍 红队 蓝队")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    letter = right(chat)
    assert "你加入了红队" in chat.says("答题 红队", user="han")
    assert "不能换队" in chat.says("答题 蓝", user="han")
    chat.says(f"答题 {letter}", user="han")
    chat.says(f"答题 {wrong(letter)}", user="jim")
    chat.says(f"答题 {letter}", user="lilei")
    chat.says("答题 蓝队", user="lucy")
    tally = chat.stores.activities.tally(chat.community.keys, 1)
    assert (tally["team:红队"], tally["team:蓝队"]) == (2, 2)
    ring(chat, seconds=20)
    teams = now_of(chat).result["teams"]
    # 红队: han 15, lilei 13; 蓝队: jim 0, while lucy answered nothing and counts for neither
    assert [[rank, name, mean, n] for rank, name, mean, n in teams] == [[1, "红队", "14.0", 2], [2, "蓝队", "0.0", 1]]
    assert "红队获胜" in posts(chat)[-1]


def test_who_plays_alone_gets_questions_and_options_in_an_order_of_his_own(chat: Chat) -> None:
    begin(chat, "5题 | 个人 | 每题 30秒 | 截止 2小时后 | 奖励 30 20")
    seen: dict[str, list[str]] = {}
    for user in ("han", "jim"):
        said: Said = chat.says("答题", user=user)
        for n in range(1, 6):
            assert f"第 {n}/5 题" in said
            seen.setdefault(user, []).append(said.partition("内回答）\n")[2].partition("\n@我")[0])
            chat.later(seconds=3)
            said = chat.says(right(chat, user) if user == "han" or n > 1 else wrong(right(chat, user)), user=user)
            assert "答对" not in said
        assert "都答完了" in said
        assert "都答完了" in chat.says("答题", user=user)
    assert seen["han"] != seen["jim"]
    assert {text.partition("\n")[0] for text in seen["han"]} == {text.partition("\n")[0] for text in seen["jim"]}, "the same questions"
    assert "截止后公布" in chat.says("答题 解析", user="han")
    assert "截止后公布" in chat.says("答题 排名", user="han")
    ring(chat, hours=2)
    ((_, first, best), (_, second, other)) = result(chat)
    assert (first, second, best // RIGHT_ALONE, other // RIGHT_ALONE) == ("han", "jim", 5, 4)
    each = score_alone(Quiz("b", "own", 5, 30), 3_003)
    assert abs(best - 5 * each) <= 5, "the time of each runs from when it was shown"
    assert (chat.points("han"), chat.points("jim")) == (30, 20)


def test_time_that_is_over_is_over_for_who_plays_alone(chat: Chat) -> None:
    begin(chat, "3题 | 个人 | 每题 10秒 | 全程 1分钟")
    chat.says("答题")
    chat.later(seconds=13)
    assert "超时了" in chat.says(right(chat, "lilei"))
    chat.later(seconds=11)
    assert "收到" in chat.says(right(chat, "lilei")), "words are a while on their way"
    chat.later(seconds=60)
    assert "都答完了" in chat.says("A"), "the whole of it has a limit too"
    kept = chat.stores.activities.entries_of(chat.community.keys, 1, chat.member())
    assert sorted(one.score for part, one in kept.items() if part) == [0, RIGHT_ALONE]


def test_a_question_withdrawn_under_somebodys_eyes_gives_him_the_next_with_its_full_time(chat: Chat) -> None:
    begin(chat, "2题 | 个人 | 每题 10秒")
    chat.says("答题")
    first = paper_of(now_of(chat)).own_order(chat.member())[0]
    chat.says(f"答题 作废 {first}", user="boss")
    chat.later(seconds=60)
    said = chat.says("A")
    assert "作废了" in said
    assert "第 1/1 题（10 秒内回答）" in said
    chat.later(seconds=5)
    assert "都答完了" in chat.says(right(chat, "lilei"))
    chat.says("活动 截止 1", user="boss")
    ring(chat)
    assert [score // RIGHT_ALONE for *_, score in result(chat)] == [1]


def test_in_a_single_chat_a_question_is_a_card_that_turns_into_the_next_one(chat: Chat) -> None:
    begin(chat, "2题 | 个人")
    said = chat.privately("答题")
    assert said.choices[:2] == ["A", "B"]
    letter = right(chat, "lilei")
    clicked = chat.clicks(said, letter, user="lilei", group="")
    assert clicked.updated
    assert clicked.updated["main_title"]["desc"].startswith("第 2/2 题")
    again = chat.clicks(said, letter, user="lilei", group="")
    assert again.updated
    assert "已经答过了" in again.updated["main_title"]["title"]
    assert len(chat.stores.activities.entries_of(chat.community.keys, 1, chat.member())) == 2, "the beginning, and one answer"
    assert "都答完了" in chat.privately(right(chat, "lilei"))


def test_a_forged_or_foreign_click_counts_for_nothing(chat: Chat) -> None:
    begin(chat, "2题 | 个人")
    chat.says("帮助", user="han")
    said = chat.privately("答题")
    chat.clicks(said, "A", user="han", group="")
    assert chat.log("decision")[-1].data["refused"]
    assert said.card
    mine = said.card["button_list"][0]["key"].split(":")
    for at, forged in ((1, "far"), (2, "99"), (2, "x"), (4, "7"), (4, ""), (5, "Z"), (5, "")):
        key = ":".join([*mine[:at], forged, *mine[at + 1 :]])
        card = {**said.card, "button_list": [{"text": "A", "key": key}]}
        heard = chat.clicks(Said("", card), "A", user="lilei", group="")
        assert isinstance(heard, Said)
    assert set(chat.stores.activities.entries_of(chat.community.keys, 1, chat.member())) == {""}


def test_in_a_race_a_click_on_an_older_question_counts_for_nothing(chat: Chat) -> None:
    begin(chat, "2题 | 抢答")
    ring(chat, seconds=10)
    said = chat.privately("答题")
    ring(chat, seconds=20)
    chat.later(seconds=2)
    clicked = chat.clicks(said, "A", user="lilei", group="")
    assert clicked.updated
    assert "刚刚换题" in clicked.updated["main_title"]["title"]
    assert chat.stores.activities.entries_of(chat.community.keys, 1, chat.member()) == {}


def test_of_several_quizzes_the_number_says_which(chat: Chat) -> None:
    begin(chat, "2题 | 个人")
    chat.says("发起答题 社群常识 | 2题 | 个人", user="boss")
    chat.says("1", user="boss")
    assert "有 2 个答题" in chat.says("答题")
    assert "第 1/2 题" in chat.says("答题 2")
    assert "收到" in chat.says("A"), "the question that he was asked last"
    assert chat.stores.activities.entries_of(chat.community.keys, 1, chat.member()) == {}
    assert "第 1/2 题" in chat.says("答题 1号")
    assert "收到" in chat.says("答题 1号 A")
    assert "例如" in chat.says("答题 我不知道")


def test_what_is_said_of_a_quiz_is_of_the_one_that_runs_here(chat: Chat) -> None:
    for user in ("boss", "lilei"):
        chat.says("你好", user=user, group=SUB)
    begin(chat, "2题 | 个人")
    chat.says("发起答题 社群常识 | 2题 | 个人", user="boss", group=SUB)
    chat.says("1", user="boss", group=SUB)
    assert "生活常识答题”第 1 题作废了" in chat.says("答题 作废 1", user="boss"), "not the newest one"
    assert "社群常识答题" in chat.says("答题 规则", group=SUB)
    assert "例如：答题 1号 作废 2" in chat.says("答题 作废 2", user="boss", group="")
    assert "例如：答题 1号 下一题" in chat.says("下一题", user="boss", group="")
    assert not paper_of(chat.stores.activities.find(chat.community.keys, 2) or now_of(chat)).void


def test_a_quiz_that_was_called_off_has_no_places_and_no_answers(chat: Chat) -> None:
    begin(chat, "2题 | 个人")
    chat.says("活动 取消 1", user="boss")
    chat.says("1", user="boss")
    for words in ("答题 1号 排名", "答题 1号 解析", "答题 1号 规则"):
        assert "取消了，没有结果" in chat.says(words)
    assert "还没有办过答题" in chat.says("答题 排名")


def test_a_withdrawn_question_is_out_of_the_places_between_two_rounds(chat: Chat) -> None:
    begin(chat, "3题 | 抢答")
    ring(chat, seconds=10)
    for user in ("han", "jim"):
        chat.later(seconds=2)
        chat.says(f"答题 {right(chat)}", user=user)
        chat.says("下一题", user="boss")
    assert paper_of(now_of(chat)).told == ((chat.member("han"), 15), (chat.member("jim"), 15))
    chat.later(seconds=2)
    chat.says(f"答题 {right(chat)}", user="jim")
    chat.says("答题 作废 1", user="boss")
    assert dict(paper_of(now_of(chat)).told) == {chat.member("han"): 0, chat.member("jim"): 15}, "without the round that runs"
    chat.says("答题 作废 2", user="boss")
    chat.says("下一题", user="boss")
    assert dict(paper_of(now_of(chat)).told) == {chat.member("han"): 0, chat.member("jim"): 15}


def test_in_a_race_a_letter_alone_answers_and_elsewhere_it_does_not(chat: Chat) -> None:
    assert "收到" not in chat.says("B"), "nothing runs"
    begin(chat, "2题 | 抢答")
    assert "收到" not in chat.says("B"), "nothing was asked"
    ring(chat, seconds=10)
    chat.later(seconds=2)
    assert "收到，第 1 题" in chat.says(right(chat).lower(), user="han")
    assert "不像这一题的选项" in chat.says("H", user="jim")
    assert "收到" not in chat.says("B", user="lucy", group=SUB), "it runs in another group"
    assert [kept.member for kept in chat.stores.activities.entries(chat.community.keys, 1)] == [chat.member("han")]


@pytest.mark.parametrize(
    "mistyped",
    [
        "发起答题", "发起答题 没有这个题库", "发起答题 生活常识 | 题数 很多", "发起答题 生活常识 | 乱写", "发起答题 生活常识 | 每题 光速",
        "发起答题 生活常识 | 队伍 红队", "发起答题 生活常识 | 标题 ***",
    ],
)  # fmt: skip
def test_who_begins_a_quiz_wrongly_is_shown_how(chat: Chat, mistyped: str) -> None:
    assert re.search("例如|写法是", chat.says(mistyped, user="boss"))
    assert chat.stores.activities.newest(chat.community.keys)[0] == 0


def test_an_answer_that_is_none_is_told_how_and_the_question_stays(chat: Chat) -> None:
    begin(chat, "2题 | 抢答")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    assert "例如：答题 B" in chat.says("答题 我觉得都对")
    assert "不像这一题的选项" in chat.says("H"), "a letter that is no option here"
    assert "收到" in chat.says(right(chat)), "and still a letter answers"
    assert "发起答题" not in chat.says("答题 怎么玩？"), "a question is for others"


def test_the_bank_may_change_while_a_quiz_runs_and_no_draft_without_a_bank_opens(chat: Chat) -> None:
    begin(chat, "2题 | 个人")
    chat.says("发起答题 社群常识 | 2题", user="boss")
    chat.stores.content.put("quizzes", contents.to_items(QUIZZES, GOOD) | dict.fromkeys(one.id for one in SHIPPED), "boss", chat.clock())
    chat.live.refresh()
    assert "第 1/2 题" in chat.says("答题", user="han"), "its questions are its own"
    assert "没有“社群常识”这个题库" in chat.says("1", user="boss")
    assert "第 2/2 题" in chat.says(right(chat, "han"), user="han")


def test_an_erased_member_leaves_the_running_quiz_and_the_settled_result_names_nobody(chat: Chat) -> None:
    begin(chat, "1题 | 抢答 | 奖励 50 30")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    letter = right(chat)
    for user in ("han", "jim"):
        chat.says(f"答题 {letter}", user=user)
    chat.erase("han")
    ring(chat, seconds=20)
    assert now_of(chat).result["n"] == 1
    assert result(chat) == [(1, "jim", RIGHT + BONUSES[1])], "who came after him stays second in the race"
    chat.erase("jim")
    assert "jim" not in chat.says("答题 排名")
    assert "正确答案" in chat.says("答题 解析")


def test_an_answer_costs_four_round_trips(chat: Chat) -> None:
    begin(chat, "2题 | 抢答")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    letter = right(chat)
    for user in ("han", "jim"):
        chat.says("帮助", user=user)
    chat.says(f"答题 {letter}", user="han")
    trips: list[int] = []
    chat.stores.database._on_round_trip = lambda: trips.append(1)
    chat.says(f"答题 {letter}", user="jim")
    chat.stores.database._on_round_trip = lambda: None
    # taken in, which quizzes run and what he has answered, the answer itself, finished
    assert len(trips) == 4


def test_three_hundred_who_answer_at_once_are_scored_in_the_order_in_which_redis_took_them(open_chat: OpenChat) -> None:
    chat = open_chat()
    second = open_chat(clock=chat.clock)
    begin(chat, "1题 | 每题 60秒 | 抢答")
    ring(chat, seconds=10)
    chat.later(seconds=5)
    letter, dice, numbers = right(chat), random.Random(300), itertools.count()
    said = {f"user{n:03}": letter if dice.random() < 0.5 else wrong(letter) for n in range(300)}

    def answered(user: str) -> str:
        one = (chat, second)[next(numbers) % 2]
        return one.hears(one.words(f"@小助手 答题 {said[user]}", user=user, group=MAIN))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(answered, said))
    assert all("收到" in answer for answer in answers)
    ring(chat, seconds=60)
    users = {chat.member(user): user for user in said}
    log = chat.stores.events.read(community="main")
    entered = [entry.member for entry in log if entry.data.get("what") == "entered" and entry.member in users]
    assert len(entered) == len(set(entered)) == 300
    in_order = [member for member in entered if said[users[member]] == letter]
    expected = {member: RIGHT + (BONUSES[at] if at < len(BONUSES) else 0) for at, member in enumerate(in_order)}
    scored = {member: score for _, member, score, *_ in now_of(chat).result["top"] if score}
    assert len(scored) == min(100, len(in_order))
    assert scored.items() <= expected.items()
    assert {member for member, score in expected.items() if score > RIGHT} <= scored.keys()
    assert dict(chat.stores.activities.scores(chat.community.keys, 1, 300)) == expected


# Pictures ---------------------------------------------------------------------------------------------------------------------


def test_what_is_kept_of_an_answer_says_nothing_of_being_right_and_is_read_again() -> None:
    answered = Answered(2, 1_234, "abc")
    assert read_answered(answered.kept) == answered
    assert read_answered(Answered(-1, 5).kept) == Answered(-1, 5)


def test_the_podium_is_drawn_for_one_and_for_many(chat: Chat) -> None:
    begin(chat, "1题 | 抢答 | 队伍 红队 蓝队")
    ring(chat, seconds=10)
    chat.later(seconds=2)
    letter = right(chat)
    for n in range(12):
        chat.says(f"答题 {letter}", user=f"user{n}", name="一个名字特别特别特别特别特别长的群友😀" if n % 2 else "")
    ring(chat, seconds=20)
    said = read_answer(chat.receive(chat.words("答题 排名", user="user1")).answer)
    assert "🥇" in said
    image = next(next(iter(delivery.body["image"].values())) for delivery in chat.outbox() if delivery.body.get("msgtype") == "image")
    assert Artist().draw(image).startswith(b"\x89PNG")
    assert len(now_of(chat).result["top"]) == 12


def test_a_spec_that_was_made_elsewhere_is_checked_the_same(chat: Chat) -> None:
    for spec in ({}, {"bank": "x", "mode": "y"}, {"bank": "x", "count": "a"}, {"bank": "x", "teams": ["一"]}):
        with pytest.raises(UserError, match="例如"):
            QuizKind().check(spec)


@pytest.mark.parametrize("said", ["答题 好难啊", "答题 真有意思", "答题 题目太难了吧", "答题 越来越难了"])
def test_what_is_said_of_quizzes_is_no_answer_to_one(chat: Chat, said: str) -> None:
    assert "写法" not in chat.says(said)
    assert "没有正在进行" not in chat.says(said)
