"""Challenges: days done and missed, proofs, the end – as the act decides, as the rules say, and as members hear it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chat import ROOT, Chat, OpenChat, read_answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import contents
from rules.challenges import Challenge, Run, due_days, find_challenge, is_open, missed_days
from rules.content_file import ContentProblem
from rules.contents import KINDS
from storage.challenges import Act, Challenges, Stepped
from storage.community import CommunityKeys
from storage.connection import Database
from storage.points import Points

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
HOME = CommunityKeys("home", 4)
NAMES = itertools.count()
on_a_shared_server = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(database: Database) -> Challenges:
    return Challenges(database)


def step(
    store: Challenges, challenge: Challenge, act: Act, today: date, once: str, *, where: CommunityKeys = HOME, member: int = 1, **more: Any
) -> Stepped:
    return store.step(where, member, challenge, act, NOW, today=today, lapses=None, once=once, **more)


# What the rules say and the act does --------------------------------------------------------------------------------------

challenges = st.builds(
    Challenge,
    id=st.just("c"),
    title=st.just("挑战"),
    days=st.integers(1, 6),
    weekdays=st.sets(st.integers(1, 7), min_size=1).map(lambda days: tuple(sorted(days))),
    points=st.integers(0, 5),
    points_end=st.integers(0, 9),
    misses=st.integers(0, 3),
    start=st.none() | st.integers(-2, 4).map(lambda n: TODAY + timedelta(days=n)),
    end=st.none() | st.integers(8, 40).map(lambda n: TODAY + timedelta(days=n)),
)
acts = st.lists(
    st.tuples(st.sampled_from([0, 1, 1, 1, 2, 3, -1]), st.sampled_from(["check_in"] * 6 + ["join", "join", "leave"])), max_size=40
)


class Model:
    """One member's way through one challenge, as its days."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        self.begin, self.state, self.times, self.points = date.min, "", 0, 0
        self.days: set[date] = set()

    def missed(self, today: date) -> int:
        due = [day for day in span(self.begin, today) if self.challenge.is_due(day)]
        return max(0, len(due) - sum(self.begin <= day < today for day in self.days))

    def join(self, today: date) -> str:
        one = self.challenge
        if one.end and today > one.end:
            return "over"
        if self.state == "on" and self.missed(today) <= one.misses:
            return "already"
        last = max(self.days, default=date.min)
        # the last day of a finished run is no day of the next, which cannot be begun earlier by leaving it either
        begin = max(today, one.start or today, last + timedelta(days=1) if self.state == "done" else last if self.days else self.begin)
        if one.end and sum(one.is_due(day) for day in span(begin, one.end + timedelta(days=1))) < one.days:
            return "late"
        self.begin, self.state, self.days = begin, "on", {last} if last == begin else set()
        return "joined"

    def leave(self, today: date) -> str:
        if self.state != "on":
            return self.state if self.state in ("done", "failed") else "out"
        self.state = "left"
        return "left"

    def check_in(self, today: date) -> str:
        one = self.challenge
        if self.state != "on":
            return self.state if self.state in ("done", "failed") else "out"
        if today < self.begin or (one.start and today < one.start):
            return "early"
        if max(self.days, default=date.min) >= today:
            return "already"
        if one.end and today > one.end:
            return "over"
        if self.missed(today) > one.misses:
            self.state = "failed"
            return "failed"
        if not one.is_due(today):
            return "off"
        self.days.add(today)
        self.points += one.points
        if len(self.days) >= one.days:
            self.state, self.times, self.points = "done", self.times + 1, self.points + one.points_end
        return "ok"


def span(first: date, behind: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((behind - first).days)]


@given(challenges, acts)
@settings(on_a_shared_server, max_examples=120)
def test_the_act_decides_as_the_rules_do_whatever_comes(
    store: Challenges, database: Database, challenge: Challenge, acts: Sequence[tuple[int, Act]]
) -> None:
    number = next(NAMES)
    where, model, today = CommunityKeys(f"h{number}", number % 16), Model(challenge), TODAY
    for once, (more, act) in enumerate([(0, "join"), *acts]):
        today += timedelta(days=more)
        done = step(store, challenge, act, today, str(once), where=where)
        assert done.begin is None or done.begin >= model.begin
        assert done.outcome == getattr(model, act)(today)
        again = step(store, challenge, act, today, str(once), where=where)
        if done.outcome in ("ok", "joined", "left"):
            assert again == done, "a repeat gets its first result"
        runs = store.of_member(where, 1, [challenge])
        if model.state == "on":
            run = runs["c"]
            assert run.done == len(model.days)
            assert missed_days(challenge, run, today) == model.missed(today)
    points = Points(database)
    assert points.balance(where, 1) == model.points
    assert store.finished(where, 1) == model.times
    assert points.discrepancies(where) == []


@given(challenges, st.integers(-5, 5), st.integers(-5, 30))
def test_due_days_are_those_that_are_due(challenge: Challenge, first: int, behind: int) -> None:
    begin, until = TODAY + timedelta(days=first), TODAY + timedelta(days=behind)
    assert due_days(challenge, begin, until) == sum(challenge.is_due(day) for day in span(begin, until))


DAILY = Challenge("early", "早起打卡", days=3, points=2, points_end=10)


def test_of_many_check_ins_at_once_one_counts(store: Challenges, database: Database) -> None:
    step(store, DAILY, "join", TODAY, "j")
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: step(store, DAILY, "check_in", TODAY, str(n)).outcome, range(8)))
    assert sorted(done) == ["already"] * 7 + ["ok"]
    assert Points(database).balance(HOME, 1) == 2


def test_leaving_and_joining_again_does_not_earn_a_day_twice(store: Challenges, database: Database) -> None:
    acts: list[Act] = ["join", "check_in", "leave", "join", "check_in"]
    for n, act in enumerate(acts):
        done = step(store, DAILY, act, TODAY, str(n))
    assert done.outcome == "already"
    assert Points(database).balance(HOME, 1) == 2


def test_the_last_day_of_a_finished_challenge_is_no_day_of_the_next_one(store: Challenges, database: Database) -> None:
    challenge, tomorrow = Challenge("c", "挑战", days=1, points=3, points_end=7), TODAY + timedelta(days=1)
    step(store, challenge, "join", TODAY, "a")
    assert step(store, challenge, "check_in", TODAY, "b").finished
    again = step(store, challenge, "join", TODAY, "c")
    assert (again.outcome, again.begin, again.done) == ("joined", tomorrow, 0)
    assert step(store, challenge, "check_in", TODAY, "d").outcome == "early"
    step(store, challenge, "leave", TODAY, "e")
    assert step(store, challenge, "join", TODAY, "f").begin == tomorrow, "leaving what has not begun yet brings the day back to nobody"
    assert step(store, challenge, "check_in", TODAY, "g").points == 0
    assert step(store, challenge, "check_in", tomorrow, "h").finished
    assert Points(database).balance(HOME, 1) == 20


def test_the_points_of_a_day_stay_within_its_caps_and_the_end_is_exempt(store: Challenges, database: Database) -> None:
    points, rules = Points(database), {"cap_of_reason": 9, "cap_of_day": 12}
    points.award(HOME, 1, NOW, today=TODAY, reason="event", points=8, once="x", cap_of_day=12)
    got = []
    for id in "abc":
        challenge = Challenge(id, "挑战", days=1, points=3, points_end=20)
        step(store, challenge, "join", TODAY, f"{id}1")
        got.append(step(store, challenge, "check_in", TODAY, f"{id}2", **rules).points)
    assert got == [23, 21, 20]
    assert points.balance(HOME, 1) == 8 + 64
    other = Challenge("d", "挑战", days=9, points=10)
    step(store, other, "join", TODAY, "d1", member=2)
    assert step(store, other, "check_in", TODAY, "d2", member=2, **rules).points == 9, "the cap of the reason"


def test_a_level_is_asked_for_when_joining(store: Challenges) -> None:
    assert step(store, DAILY, "join", TODAY, "a", least_earned=1).outcome == "low"
    assert step(store, DAILY, "join", TODAY, "b", least_earned=0).outcome == "joined"


def test_proofs_go_with_time_and_with_their_member(store: Challenges) -> None:
    step(store, DAILY, "join", TODAY, "j")
    step(store, DAILY, "check_in", TODAY, "a", proof="六点起床")
    assert store.proofs(HOME, "early", [1, 2])[1].text == "六点起床"
    assert store.export_user(1)["home"][0]["最近打卡内容"]["文字"] == "六点起床"
    assert store.drop_proofs(NOW) == 0
    assert store.drop_proofs(NOW + timedelta(seconds=1)) == 1
    step(store, DAILY, "check_in", TODAY + timedelta(days=1), "b", proof="又是六点")
    store.erase_user(1)
    assert store.export_user(1) == {}
    assert store.proofs(HOME, "early", [1]) == {}


def test_a_challenge_is_found_by_number_title_or_part_of_it() -> None:
    listed = [DAILY, Challenge("read", "读书笔记"), Challenge("read2", "读书会")]
    assert find_challenge(listed, "2") is listed[1]
    assert find_challenge(listed, "“早起”") is DAILY
    assert find_challenge(listed, "读书笔记") is listed[1]
    assert find_challenge(listed, "读书") is None, "that fits two"
    assert find_challenge(listed, "0") is find_challenge(listed, "9") is find_challenge(listed, "") is None


def test_a_run_beyond_its_misses_is_not_open() -> None:
    run = Run(TODAY, "on", "1")
    assert is_open(DAILY, run, TODAY + timedelta(days=1))
    assert not is_open(DAILY, run, TODAY + timedelta(days=2))


# The file -----------------------------------------------------------------------------------------------------------------


def test_the_shipped_challenges_survive_a_round_trip() -> None:
    kind = KINDS["challenges"]
    text = (ROOT / "rules" / "content" / kind.file).read_text(encoding="utf-8")
    value = contents.parse(kind, text)
    assert [one.id for one in value] == ["early", "reading", "sports"]
    assert contents.from_items(kind, contents.to_items(kind, text)) == value


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{id: a, title: '12'}", "名字不能只是数字"),
        ("{id: a, title: 甲, weekdays: [1, 1]}", "重复的星期"),
        ("{id: a, title: 甲, start: 2026-03-02, end: 2026-03-01}", "结束日期比开始日期早"),
        ("{id: a, title: 甲, days: 9, start: 2026-03-02, end: 2026-03-09}", "只有 8 个打卡日"),
        ("{id: 'a|b', title: 甲}", "id"),
        ("{id: a, title: 甲, days: 0}", "days"),
        ("{id: a, title: 甲, proof: video}", "none、text、picture"),
    ],
)
def test_a_challenge_that_cannot_be_is_refused_with_its_remedy(row: str, problem: str) -> None:
    with pytest.raises(ContentProblem) as refused:
        contents.parse(KINDS["challenges"], f"- {row}\n")
    assert problem in "".join(refused.value.problems)


# In chat ------------------------------------------------------------------------------------------------------------------


def picture(chat: Chat, *, said: str = "", user: str = "lilei") -> str:
    """A member sends a picture alone with the bot, perhaps with words."""
    image = {"msgtype": "image", "image": {"url": "https://x/y"}}
    number = next(chat._numbers)
    head = {"msgid": f"P{number}", "aibotid": "BOT", "from": {"userid": user}, "chattype": "single"}
    body = {"msgtype": "mixed", "mixed": {"msg_item": [{"msgtype": "text", "text": {"content": said}}, image]}} if said else image
    return read_answer(chat.receive(chat._parse("assistant", head | body)).answer)


def test_a_challenge_without_proof_is_done_with_the_check_in(chat: Chat) -> None:
    assert "1. **早起打卡**：每天打卡，共 21 天，最多漏 2 天，每天 +2，完成再 +50" in chat.says("挑战")
    said = chat.says("参加挑战 1")
    assert "已参加“早起打卡”" in said
    assert "今天就可以开始：说“打卡”" in said
    said = chat.says("打卡")
    assert "“早起打卡”打卡成功，第 1/21 天，积分 +2" in said
    assert "签到成功！积分 +5" in said
    said = chat.says("打卡")
    assert "“早起打卡”今天已经打过卡了，第 1/21 天" in said
    assert "今天已经签到过了" in said
    assert "1/21 天，今天已打卡" in chat.says("打卡进度")


def test_without_a_challenge_checking_in_is_all_that_happens(chat: Chat) -> None:
    assert "签到成功" in chat.says("打卡 早安")
    assert "今天已经签到过了" in chat.says("打卡：加油")
    assert "没有正在进行的挑战" in chat.says("打卡进度")


def test_a_challenge_with_words_asks_for_them(chat: Chat) -> None:
    chat.privately("参加挑战 读书笔记")
    said = chat.privately("打卡")
    assert "“读书笔记”今天的打卡：请写一句话" in said
    assert "签到是另外的" in said
    assert "“读书笔记”打卡成功，第 1/14 天，积分 +3" in chat.privately("今天读到第三章")
    assert "签到成功" in chat.privately("签到")
    chat.later(days=1)
    assert "第 2/14 天" in chat.privately("打卡 第四章，讲的是坚持")
    assert "今天已经打过卡了" in chat.privately("打卡 再来一次")
    chat.later(days=1)
    assert "第 3/14 天" in chat.privately("打卡：第五章")
    proofs = chat.stores.challenges.proofs(chat.community.keys, "reading", [chat.member()])
    assert proofs[chat.member()].text == "第五章"
    assert not any("第五章" in str(entry) for entry in chat.log()), "what members write is not in the log"


def test_who_changes_his_mind_is_let_off(chat: Chat) -> None:
    chat.privately("参加挑战 2")
    chat.privately("打卡")
    assert "好的" in chat.privately("算了")
    assert "今天还没打卡" in chat.privately("打卡进度")


def test_a_picture_proves_what_wants_one(chat: Chat) -> None:
    chat.privately("参加挑战 3")
    assert "请发一张图片" in chat.privately("打卡")
    assert "请发一张图片" in chat.privately("跑了五公里"), "words alone are no picture"
    assert "打卡成功，第 1/10 天" in picture(chat)
    chat.later(days=1)
    assert "打卡成功，第 2/10 天" in picture(chat, said="打卡 跑了五公里")
    assert "[图片]跑了五公里" in chat.as_admin("挑战 名单 3")
    chat.later(days=1)
    assert "请发一张图片" in chat.privately("打卡 [图片]"), "typed words are no picture"


def test_a_picture_that_nobody_asked_for_is_left_alone(chat: Chat) -> None:
    chat.privately("参加挑战 3")
    assert picture(chat) == ""
    chat.privately("打卡")
    chat.later(minutes=11)
    assert picture(chat) == ""


def test_no_check_in_is_wanted_on_a_day_that_is_not_due(chat: Chat) -> None:
    chat.at("2026-03-13 10:00")
    chat.privately("参加挑战 3")
    assert "第 1/10 天" in picture(chat, said="打卡")
    chat.later(days=1)
    assert "今天不用打卡，下一次是 3 月 16 日（周一）" in picture(chat, said="打卡")
    said = chat.privately("打卡")
    assert "签到成功" in said
    assert "今天不用打卡，下一次是 3 月 16 日（周一）" in said
    chat.later(days=2)
    assert "第 2/10 天" in picture(chat, said="打卡")


def test_two_challenges_that_want_proof_are_told_apart(chat: Chat) -> None:
    for n in (2, 3):
        chat.privately(f"参加挑战 {n}")
    said = chat.privately("打卡")
    assert "签到成功" in said
    assert "给哪个挑战打卡？回复数字选一个：\n1. 读书笔记" in said
    assert "请写一句话" in chat.privately("1")
    assert "“读书笔记”打卡成功" in chat.privately("第三章")
    assert "“周一到周五动一动”打卡成功" in picture(chat, said="打卡")
    chat.later(days=1)
    assert "“读书笔记”打卡成功，第 2/14 天" in chat.privately("打卡 2 第四章")
    assert "“周一到周五动一动”打卡成功" in picture(chat, said="打卡 周一到周五动一动")


def test_words_for_two_challenges_are_kept_until_one_is_chosen(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 甲, proof: text}", "{id: b, title: 乙, proof: text}"))
    for title in "甲乙":
        chat.privately(f"参加挑战 {title}")
    assert "给哪个挑战打卡" in chat.privately("打卡 写了一页")
    assert "“乙”打卡成功" in chat.privately("2")
    assert "“甲”打卡成功" in chat.privately("打卡 再写一页"), "the other one is the only one left"
    assert "今天已经打过卡了" in chat.privately("打卡 甲 又一页")


def test_the_last_day_ends_the_challenge_once(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 三天, days: 3, points: 2, points_end: 10, badge: gold}"))
    chat.says("参加挑战")
    for _ in range(2):
        chat.says("打卡")
        chat.later(days=1)
    said = chat.says("打卡", id="last")
    assert "第 3/3 天，积分 +12" in said
    assert "🎉 3 天完成了，真棒！其中 10 分是完成的奖励" in said
    assert chat.says("打卡", id="last") == said
    assert chat.points() == 3 * 2 + 10 + 5 + 5 + 10, "the challenge, and three check-ins"
    assert "已完成 1 次" in chat.says("打卡进度")
    assert "签到" in chat.says("打卡")
    said = chat.says("参加挑战 三天")
    assert "已参加" in said, "another round"
    assert "3 月 13 日（周五）开始" in said, "from the day after"
    assert "还没开始，3 月 13 日（周五）开始" in chat.says("打卡")
    chat.later(days=1)
    assert "第 1/3 天" in chat.says("打卡")


def test_a_level_that_was_lost_and_reached_again_is_told_once(open_chat: OpenChat, tmp_path: Path) -> None:
    rows = [f"{{id: {id}, title: {title}, points: 5, proof: text}}" for id, title in zip("ab", "甲乙", strict=True)]
    chat = open_chat(content=of_challenges(tmp_path, *rows))
    for title in "甲乙":
        chat.says(f"参加挑战 {title}")
    where, member = chat.community.keys, chat.member()
    chat.stores.points.award(where, member, chat.clock(), today=TODAY, reason="event", points=45, once="x")
    said = chat.says("打卡 甲 写了", id="a")
    assert "升级啦！你现在是 **常客**" in said
    assert chat.says("打卡 甲 写了", id="a") == said
    chat.stores.points.adjust(where, member, -5, chat.clock(), today=TODAY, reason="adjustment", actor=0, note="", once="y")
    said = chat.says("打卡 乙 写了")
    assert "“乙”打卡成功" in said
    assert "升级啦" not in said


def test_the_list_of_tasks_tells_of_challenges_what_is_to_be_had_today(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 甲, points: 7, proof: text}", "{id: b, title: 乙, weekdays: [1]}"))
    assert "⬜ 打卡挑战（每天 +7）：说“挑战”看看" in chat.says("任务")
    for title in "甲乙":
        chat.privately(f"参加挑战 {title}")
    said = chat.says("任务")
    assert "⬜ 甲（+7）：说“打卡”" in said
    assert "乙" not in said, "it is not due on a Tuesday"
    assert "说“挑战”" not in said
    chat.privately("打卡 写了")
    assert "✅ 甲（+7）" in chat.says("任务")


def test_without_challenges_the_list_of_tasks_does_not_speak_of_them(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 甲, enabled: false}"))
    assert "挑战" not in chat.says("任务")


def test_a_day_whose_points_are_full_says_so(chat: Chat) -> None:
    rules = chat.live.current.points
    chat.says("参加挑战 1")
    chat.stores.points.award(
        chat.community.keys, chat.member(), chat.clock(), today=TODAY, reason="event", points=199, once="x", cap_of_day=rules.cap_of_day
    )
    assert "第 1/21 天，积分 +1，现有 **200** 积分（今天能得的积分已经满了）" in chat.says("打卡")


def test_who_is_in_already_hears_that_and_not_of_a_check_in(chat: Chat) -> None:
    chat.says("参加挑战 1")
    said = chat.says("参加挑战 1")
    assert "你已经参加了“早起打卡”，完成了 0/21 天" in said
    assert "打过卡" not in said


def test_a_repeat_gets_its_first_result_where_another_challenge_still_waits(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 甲, days: 1, proof: text}", "{id: b, title: 乙, proof: picture}"))
    for title in "甲乙":
        chat.privately(f"参加挑战 {title}")
    challenge = chat.live.current.challenges[0]
    where, member = chat.community.keys, chat.member()
    step(chat.stores.challenges, challenge, "check_in", TODAY, "assistant:X", where=where, member=member, proof="一页")
    chat.later(days=1)
    said = chat.privately("打卡 一页", id="X")
    assert "“甲”打卡成功，第 1/1 天，积分 +52" in said
    assert "请发一张图片" not in said


@pytest.mark.parametrize("asked", ["时间是几点？", "今天可以晚点发么？", "怎么请假", "需要什么材料"])
def test_a_question_is_no_proof(chat: Chat, asked: str) -> None:
    chat.privately("参加挑战 2")
    chat.privately("打卡")
    assert "打卡成功" not in chat.privately(asked)
    assert "打卡成功" not in chat.privately(f"打卡 {asked}")
    chat.privately("打卡")
    assert "“读书笔记”打卡成功，第 1/14 天" in chat.privately("今天读到怎么坚持那一章，没什么难的")


def test_no_proof_is_asked_for_what_too_many_missed_days_ended(chat: Chat) -> None:
    chat.privately("参加挑战 2")
    chat.privately("打卡 第一章")
    chat.later(days=6)
    said = chat.privately("打卡")
    assert "“读书笔记”漏了 5 天" in said
    assert "可以重新开始" in said
    assert "请写一句话" not in said
    assert "签到成功" in said


def test_what_is_over_does_not_stop_what_still_waits(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 甲, proof: text}", "{id: b, title: 乙, proof: text, misses: 9}"))
    for title in "甲乙":
        chat.privately(f"参加挑战 {title}")
    chat.later(days=3)
    said = chat.privately("打卡 写了一页", id="X")
    assert "“甲”漏了 3 天" in said
    assert "“乙”打卡成功" in said
    assert chat.privately("打卡 写了一页", id="X") == said
    assert "“甲”" not in chat.privately("打卡 又一页")


def test_those_that_are_over_have_the_last_numbers_in_the_list_of_who_takes_part(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 旧的, end: 2026-03-09}", "{id: b, title: 新的}"))
    assert "1. **新的**" in chat.says("挑战")
    assert "还没有人参加“新的”" in chat.as_admin("挑战 名单 1")
    assert "还没有人参加“旧的”" in chat.as_admin("挑战 名单 2")


def test_the_badge_of_a_challenge_comes_with_its_end(open_chat: OpenChat, tmp_path: Path) -> None:
    folder = of_challenges(tmp_path, "{id: a, title: 一天, days: 1, badge: gold}")
    (folder / "badges.yaml").write_text("- {id: gold, name: 金勋章, icon: 🥇}\n", encoding="utf-8")
    chat = open_chat(content=folder)
    chat.says("参加挑战 1")
    assert "🥇 获得勋章「金勋章」" in chat.says("打卡")
    assert [held.id for held in chat.stores.badges.of(chat.community.keys, chat.member())] == ["gold"]


def test_too_many_missed_days_end_a_run_and_it_may_begin_anew(chat: Chat) -> None:
    chat.says("参加挑战 1")
    chat.says("打卡")
    chat.later(days=4)
    said = chat.says("打卡")
    assert "漏了 3 天，超过了最多 2 天" in said
    assert "签到成功" in said
    assert "没有坚持到底（1/21 天，漏了 3 天）" in chat.says("打卡进度")
    assert "已参加" in chat.says("参加挑战 早起打卡")
    assert "第 1/21 天" in chat.says("打卡")


def test_a_process_that_dies_after_the_act_says_the_same_the_next_time(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 甲, days: 1, proof: text}", "{id: b, title: 乙}"))
    for title in "甲乙":
        chat.privately(f"参加挑战 {title}")
    challenge = chat.live.current.challenges[0]
    once = "assistant:X"
    step(chat.stores.challenges, challenge, "check_in", TODAY, once, where=chat.community.keys, member=chat.member(), proof="一页")
    assert "“甲”打卡成功，第 1/1 天，积分 +52" in chat.privately("打卡 一页", id="X")
    assert "你已经完成了" in chat.privately("打卡 一页", id="Y")
    assert chat.stores.challenges.finished(chat.community.keys, chat.member()) == 1


def test_a_missed_day_is_told_while_it_may_be_missed(chat: Chat) -> None:
    chat.says("参加挑战 1")
    chat.says("打卡")
    chat.later(days=2)
    assert "漏了 1 天，还可以漏 1 天" in chat.says("打卡")


def test_a_level_is_needed_where_the_challenge_asks_for_one(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 老朋友, min_level: '2'}"))
    assert "要到「常客」才能参加，再得 50 积分就到了" in chat.says("参加挑战 1")
    assert "要到「常客」才能参加" in chat.says("挑战 1")


def test_a_challenge_with_dates_begins_and_ends_with_them(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(content=of_challenges(tmp_path, "{id: a, title: 春天, days: 2, misses: 1, start: 2026-03-12, end: 2026-03-14}"))
    assert "3 月 12 日（周四）开始，到时候说“打卡”" in chat.says("参加挑战 1")
    assert "还没开始，3 月 12 日（周四）开始" in chat.says("打卡")
    chat.later(days=2)
    assert "第 1/2 天" in chat.says("打卡")
    chat.later(days=2)
    assert "剩下的日子做不满 2 天" in chat.says("参加挑战 1", user="hanmei")
    chat.later(days=1)
    assert "现在没有打卡挑战" in chat.says("挑战")
    assert "已经结束（1/2 天" in chat.says("打卡进度")


def test_leaving_asks_first(chat: Chat) -> None:
    chat.says("参加挑战 1")
    chat.says("打卡")
    assert "1. 退出“早起打卡”" in chat.says("退出挑战")
    assert "已退出“早起打卡”" in chat.says("1")
    assert "没有正在进行的挑战" in chat.says("退出挑战")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("参加挑战", "例如：参加挑战 1"),
        ("参加挑战 9", "没有找到“9”。写法是：参加挑战 编号或名字"),
        ("参加挑战1", "已参加“早起打卡”"),
        ("我要参加挑战：读书笔记", "已参加“读书笔记”"),
        ("报名挑战 ２", "已参加“读书笔记”"),
        ("挑战 1", "说“参加挑战 1”加入"),
        ("挑战 跳高", "写法是：挑战 编号或名字"),
        ("退出挑战", "没有正在进行的挑战"),
        ("挑战 名单 1", "只有管理员可以看"),
    ],
)
def test_every_way_of_typing_it_wrong_is_answered_with_an_example(chat: Chat, typed: str, answer: str) -> None:
    assert answer in chat.says(typed)


def test_administrators_see_who_takes_part(chat: Chat) -> None:
    for user in ("lilei", "hanmei"):
        chat.says("参加挑战 2", user=user)
    chat.says("打卡 第三章")
    said = chat.as_admin("挑战 名单 读书笔记")
    assert "“读书笔记”有 2 人参加，2 人进行中，0 人完成过" in said
    assert "1/14 天，今天已打卡，03-10：第三章" in said
    assert "还没有人参加“早起打卡”" in chat.as_admin("挑战名单 1")
    assert "写法是：挑战 名单 编号" in chat.as_admin("挑战 名单")
    assert "请私聊我看" in chat.says("挑战 名单 1", user="boss")


def test_a_long_list_has_pages(chat: Chat) -> None:
    challenge = chat.live.current.challenges[0]
    for member in range(100, 145):
        step(chat.stores.challenges, challenge, "join", TODAY, "j", where=chat.community.keys, member=member)
    said = chat.as_admin("挑战 名单 1")
    assert "第 1/3 页，接着看：挑战 名单 早起打卡 第2页" in said
    assert "成员 144" in chat.as_admin("挑战 名单 早起打卡 第3页")


def test_the_picture_of_a_challenge_comes_with_its_progress(chat: Chat) -> None:
    chat.says("参加挑战 1")
    chat.says("打卡")
    tree = chat.receive(chat.words("打卡进度")).answer
    assert '"image"' in tree


def test_a_challenge_of_another_community_is_not_seen(open_chat: OpenChat, tmp_path: Path) -> None:
    chat = open_chat(
        content=of_challenges(tmp_path, "{id: a, title: 这里, communities: [main]}", "{id: b, title: 那里, communities: [far]}")
    )
    assert "那里" not in chat.says("挑战")
    assert "没有找到“那里”。写法是：参加挑战 编号或名字，例如：参加挑战 1" in chat.says("参加挑战 那里")


def of_challenges(folder: Path, *rows: str) -> Path:
    """The shipped content with other challenges."""
    content = folder / "content"
    content.mkdir()
    for file in (ROOT / "rules" / "content").glob("*.yaml"):
        (content / file.name).write_bytes(file.read_bytes())
    (content / "challenges.yaml").write_text("".join(f"- {row}\n" for row in rows), encoding="utf-8")
    return content
