"""治理试运行: what would have been done is kept and told, nothing else happens; and what is counted of what members say."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chat import FAR, MAIN, Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.context import Context
from bot.judging import Judged, judged
from bot.message import Message, Reply
from bot.permissions import Actor
from bot.pipeline import Gated
from bot.trials import change_place, mode_of, ring_trials, sum_up
from rules.contents import MODERATION, text_of
from rules.judgement import Reason, Verdict
from rules.policy import Place, Policy
from storage.community import CommunityKeys
from storage.connection import Database
from storage.evidence import Seal
from storage.heard import Heard
from storage.inbox import Inbox, Said
from storage.inbox import Place as Where
from storage.trials import MOST_ROWS, TrialReport, Trials

pytest_plugins = ("chat",)
NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
HOME = CommunityKeys("home", 4)
KEY = base64.urlsafe_b64encode(b"k" * 32)
INSULT = "你这个傻逼"
WARNED = Verdict("warn", 3, (Reason("words", "insult", 1.0, 3, "友善交流，不辱骂他人", "词库里的“傻逼”", (3, 5)),), 0.99, 0.1)
REVIEWED = Verdict("review", 2, (Reason("abuse", "insult", 0.9, 2, "友善交流，不辱骂他人", "读起来像辱骂（0.90）"),), 0.9, 0.2)


@pytest.fixture
def trials(database: Database) -> Trials:
    return Trials(database, Seal(KEY))


# What is kept of a trial ----------------------------------------------------------------------------------------------


def test_a_report_counts_messages_and_people(trials: Trials) -> None:
    for n, (member, verdict) in enumerate([(1, WARNED), (1, WARNED), (2, WARNED), (3, REVIEWED)]):
        trials.note(HOME, member, verdict, f"话 {n}", NOW + timedelta(hours=n), once=f"m{n}")
    report = trials.report(HOME)
    assert (report.warned, report.people, report.reviewed, report.is_whole) == (3, 2, 1, True)
    assert [row.evidence.text for row in report.rows] == ["话 3", "话 2", "话 1", "话 0"]
    assert report.rows[-1].evidence.grounds[0].said == "词库里的“傻逼”"
    assert sum_up(report) == "要是开着，会提醒 2 人（3 条），转人工 1 条（辱骂 4）。"


def test_a_report_knows_the_ladder(trials: Trials) -> None:
    def note(member: int, text: str, minutes: int, *, is_newcomer: bool = False) -> None:
        trials.note(
            HOME, member, WARNED, text, NOW + timedelta(minutes=minutes), is_newcomer=is_newcomer, once=f"{member}:{text}:{minutes}"
        )

    for minutes in range(0, 100, 20):
        note(1, "同样的话！" if minutes % 40 else "同样的话", minutes)  # one text
    note(2, "甲", 0)
    note(2, "乙", 5)  # too soon
    note(2, "丙", 30)
    note(3, "新来的", 0, is_newcomer=True)
    report = trials.report(HOME)
    assert (report.warned, report.people, report.hinted, report.added) == (3, 2, 1, 5)
    assert "会提醒 2 人（3 条），只提示新人 1 条，另有 5 条是同样的话或刚提醒过，不再提醒，转人工 0 条" in sum_up(report)


def test_a_repeat_is_counted_once(trials: Trials) -> None:
    for _ in range(3):
        trials.note(HOME, 1, WARNED, "话", NOW, once="m1")
    assert trials.report(HOME).warned == 1


def test_nothing_found_is_said_so(trials: Trials) -> None:
    assert trials.report(HOME).since is None
    assert sum_up(TrialReport()) == "要是开着，一个人也不会提醒，也没有要转人工的话。"


def test_beyond_the_most_rows_it_only_counts(trials: Trials) -> None:
    for n in range(MOST_ROWS + 5):
        trials.note(HOME, n, REVIEWED, "话", NOW, once=f"m{n}")
    report = trials.report(HOME)
    assert (len(report.rows), report.reviewed, report.is_whole) == (MOST_ROWS, MOST_ROWS + 5, False)
    assert "至少" in sum_up(report)


def test_texts_lie_sealed_and_go_when_their_time_is_over(trials: Trials, database: Database) -> None:
    trials.note(HOME, 1, WARNED, "秘密的话", NOW, once="m1")
    kept = "".join(map(str, database.command("HGETALL", "qb:{4}:home:trial:rows")))
    assert "秘密" not in kept
    assert "傻逼" not in kept
    assert trials.drop_before(NOW) == 0
    assert trials.drop_before(NOW + timedelta(days=1)) == 1
    assert trials.report(HOME).rows == ()
    assert trials.report(HOME).warned == 1


def test_a_member_is_exported_and_forgotten(trials: Trials) -> None:
    trials.note(HOME, 1, WARNED, "我的话", NOW, once="m1")
    trials.note(HOME, 2, WARNED, "他的话", NOW, once="m2")
    assert trials.export_user(1)["home"][0]["原文"] == "我的话"
    trials.erase_user(1)
    assert trials.export_user(1) == {}
    assert [row.member for row in trials.report(HOME).rows] == [2]


def test_a_trial_begins_once(trials: Trials) -> None:
    assert trials.begin(HOME, NOW) == NOW
    assert trials.begin(HOME, NOW + timedelta(days=3)) == NOW


# What runs where ------------------------------------------------------------------------------------------------------


class Listening:
    """A gate that keeps what was judged, and lets floods go unanswered as the real one does."""

    def __init__(self) -> None:
        self.found: list[Judged] = []

    def __call__(self, message: Message, ctx: Context) -> Gated | None:
        self.found.append(judged(message, ctx))
        last = self.found[-1]
        return Gated((Reply(last.hint),), stops=True) if last.is_hushed else None


def listen(open_chat: OpenChat, **more: Any) -> tuple[Chat, list[Judged]]:
    gate = Listening()
    return open_chat(gates=(gate,), **more), gate.found


def ring(chat: Chat) -> int:
    return ring_trials(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


@pytest.mark.parametrize(
    ("dry_run", "own", "mode"),
    [
        (True, "auto", "on"), (False, "auto", "off"), ("first_week", "auto", "week"), (True, "off", "off"), (False, "on", "on"),
    ],
)  # fmt: skip
def test_a_communitys_own_word_goes_before_the_configuration(open_chat: OpenChat, dry_run: bool | str, own: Any, mode: str) -> None:
    chat = open_chat(dry_run=dry_run)
    assert mode_of(chat.config, Policy(places={"main": Place(trial=own)}), chat.community) == mode


def test_in_a_first_week_it_is_only_noted_and_told_once_when_it_is_over(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run="first_week")
    chat.says("大家好")
    assert ring(chat) == 0
    chat.says(INSULT)
    assert (found[-1].act, found[-1].is_trial, found[-1].verdict.verdict) == ("none", True, "warn")
    chat.later(days=6, hours=23)
    assert ring(chat) == 0
    chat.later(hours=2)
    assert [ring(chat), ring(chat)] == [1, 0]
    told = [str(delivery.body) for delivery in chat.outbox()]
    assert len(told) == 1
    assert "会提醒 0 人（0 条），只提示新人 1 条" in told[0]
    assert "试运行满一周" in told[0]
    chat.says(INSULT)
    assert (found[-1].act, found[-1].is_trial) == ("warn", False)


def test_without_a_message_no_week_begins(open_chat: OpenChat) -> None:
    chat = open_chat(dry_run="first_week")
    ring(chat)
    assert chat.stores.trials.report(chat.community.keys).since is None


def test_in_earnest_a_member_is_warned_and_a_newcomer_is_known_as_such(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    chat.says("大家好")
    chat.says(INSULT)
    assert found[-1].is_newcomer
    chat.later(days=8)
    chat.says(INSULT)
    assert (found[-1].act, found[-1].is_newcomer) == ("warn", False)


def test_nobody_is_warned_where_the_group_is_not_listed_or_paused(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    chat.says("大家好", group="wrSTRANGE")
    chat.says(INSULT, group="wrSTRANGE")
    assert found[-1].act == "file"
    chat.stores.pauses.set("far", "posts", once="p")
    chat.says(INSULT, group=FAR)
    assert found[-1].act == "file"


def test_a_judge_that_breaks_leaves_it_to_a_person(open_chat: OpenChat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat, found = listen(open_chat, dry_run=False)
    chat.says("大家好")
    monkeypatch.setattr(type(chat.live.current.judge), "judge", lambda *_: 1 / 0)
    chat.says("明天见")
    assert (found[-1].act, found[-1].verdict.category) == ("file", "fault")


# 治理, in chat ---------------------------------------------------------------------------------------------------------


def test_who_looks_after_the_community_sees_how_it_stands_and_what_would_have_been(open_chat: OpenChat) -> None:
    chat, _ = listen(open_chat, dry_run="first_week")
    chat.says("大家好", name="李雷")
    chat.says(INSULT)
    assert "试运行，到 03 月 17 日 10:00 为止" in chat.as_admin("治理")
    told = chat.as_admin("治理 报告")
    assert "要是开着，会提醒 0 人（0 条），只提示新人 1 条" in told
    assert "李雷：会提示新人，辱骂：“你这个傻逼”" in told
    assert "只有管理员可以用" in chat.privately("治理 报告")
    assert "治理 报告 1" in chat.as_admin("治理 报告 7")


def test_strictness_profile_and_trial_are_changed_in_words_and_kept_as_versions(chat: Chat) -> None:
    assert "宽松、聊天群" in chat.as_admin("治理 宽松")
    chat.live.refresh()
    assert chat.live.current.judge.policy.strictness_in("main") == "gentle"
    assert "改回去请说：治理 聊天群" in chat.as_admin("治理 客服群")
    chat.live.refresh()
    chat.as_admin("治理 试运行 关")
    chat.live.refresh()
    assert chat.live.current.judge.policy.place("main") == Place("gentle", "support", "off")
    assert "正式" in chat.as_admin("治理")
    text = text_of(MODERATION, chat.stores.content.items("moderation"))
    assert "# 社群治理" in text, "what operators wrote beside it stays"
    assert [version.note for version in chat.stores.content.history("moderation", 3)] == ["治理 试运行 关", "治理 客服群", "治理 宽松"]
    assert [entry.data["act"] for entry in chat.log("admin")].count("治理") == 4


def test_a_repeat_of_a_change_changes_nothing(chat: Chat) -> None:
    chat.says("治理 严格", user="boss", group="wrADMIN", id="same")
    chat.says("治理 严格", user="boss", group="wrADMIN", id="same")
    assert len(chat.stores.content.history("moderation", 5)) == 2


def test_after_a_crash_a_repeat_finishes_the_change(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.as_admin("治理")
    chat.stores.trials.begin(chat.community.keys, chat.clock())
    chat.later(days=20)
    boss, place = Actor(chat.member("boss"), "boss", "owner"), Place(trial="on")
    restart = Trials.restart
    monkeypatch.setattr(Trials, "restart", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        change_place(chat.stores, chat.community, boss, place, "治理 试运行 开", chat.clock(), once="k")
    monkeypatch.setattr(Trials, "restart", restart)
    for _ in range(2):
        change_place(chat.stores, chat.community, boss, place, "治理 试运行 开", chat.clock(), once="k")
        chat.later(hours=1)
    since = chat.stores.trials.report(chat.community.keys).since
    assert since is not None
    assert timedelta(0) <= chat.clock() - timedelta(hours=2) - since < timedelta(minutes=1)
    assert [row.act for row in chat.stores.audit.newest("main", 5)].count("治理") == 1
    assert len(chat.stores.content.history("moderation", 5)) == 2


def test_what_moderators_type_to_the_bot_alone_is_no_part_of_the_trial(open_chat: OpenChat) -> None:
    chat, _ = listen(open_chat, dry_run=True)
    chat.privately(INSULT, user="boss")
    assert chat.stores.trials.report(chat.community.keys).rows == ()


def test_members_words_lead_nowhere_in_a_report(open_chat: OpenChat) -> None:
    chat, _ = listen(open_chat, dry_run=True)
    chat.says(f"{INSULT} <@all>\n# [点我](http://x.example)")
    told = chat.as_admin("治理 报告")
    assert "<@all>" not in told
    assert "](" not in told
    assert "\n# " not in told


@pytest.mark.parametrize("words", ["治理 一般", "治理 试运行", "治理 试运行 马上", "治理 严格 宽松"])
def test_a_wrong_word_is_answered_with_an_example(chat: Chat, words: str) -> None:
    assert "治理 试运行 开（关）" in chat.as_admin(words)


# What is counted of what is said -------------------------------------------------------------------------------------------


def test_who_floods_is_told_once_and_goes_unanswered_for_a_moment(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    said = [chat.says(f"第 {n} 句随便说说") for n in range(12)]
    limit = chat.live.current.judge.policy.limits.ten_seconds
    hints = [n for n, words in enumerate(said) if "说得有点快" in words]
    assert hints == [limit - 1]
    assert said[-1] == ""
    assert [judgement.act for judgement in found].count("file") == 1
    assert chat.says("别的人不受影响", user="hanmei") != "" or not found[-1].is_hushed
    chat.later(seconds=90)
    chat.says("慢慢说一句")
    assert not found[-1].is_hushed


def test_a_clock_that_goes_back_makes_no_flood_of_what_was_said_before(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for n in range(7):
        chat.says(f"第 {n} 句随便说说")
        chat.later(seconds=7)
    chat.later(hours=-1)
    for _ in range(3):
        chat.says("群规是什么")
        assert not found[-1].is_hushed
        chat.later(seconds=70)


def test_a_hush_that_lies_in_the_future_is_over(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for n in range(12):
        chat.says(f"第 {n} 句随便说说")
    chat.later(days=-20)
    chat.says("群规是什么")
    assert [judgement.is_hushed for judgement in found[-2:]] == [True, False]
    said = [chat.says(f"第 {n} 句随便说说") for n in range(12)]
    assert sum("说得有点快" in words for words in said) == 1  # and a new one begins as ever


def test_copies_are_counted_over_any_ten_minutes(open_chat: OpenChat) -> None:
    chat, _ = listen(open_chat, dry_run=False)
    for n in range(12):
        chat.says("你好", user=f"u{n}")
    for n in range(5):
        chat.says("这个群主是骗子大家快跑啊别信他", user=f"u{n}")
    chat.later(minutes=9, seconds=59)
    chat.says("这个群主是骗子大家快跑啊别信他", user="u5")
    chat.later(seconds=2)
    limit = chat.live.current.judge.policy.limits.same_by_others
    for n in range(6, 7 + limit):
        chat.says("这个群主是骗子大家快跑啊别信他", user=f"u{n}")
    assert [delivery.id.partition(":")[0] for delivery in chat.outbox()].count("raid") == 1


def test_who_says_the_same_once_in_ten_minutes_copies_nothing(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for _ in range(12):
        chat.says("大家早上好，今天也要加油呀")
        chat.later(minutes=6)
    assert {judgement.act for judgement in found} == {"none"}


def test_who_talks_fast_to_others_floods_nobody(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for n in range(15):
        chat.receive(replace(chat.words(f"第 {n} 句说给大家", group=MAIN), overheard=True))
    assert len(found) == 16  # the first is new here, so it begins anew
    assert {judgement.act for judgement in found} == {"none"}


def test_on_trial_who_floods_is_answered_and_it_is_noted_once(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=True)
    for n in range(12):
        chat.says(f"第 {n} 句随便说说")
    assert not any(judgement.is_hushed for judgement in found)
    assert chat.stores.trials.report(chat.community.keys).by_category == {"flood": 1}


def test_the_same_words_again_and_again_are_filed_once(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for _ in range(6):
        chat.says("低价转让演唱会门票两张要的找我")
        chat.later(seconds=20)
    assert [judgement.verdict.category for judgement in found if judgement.act == "file"].count("copy") == 1


def test_a_raid_is_told_to_the_administrators_once_and_files_nobody(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for n in range(10):
        chat.says("这个群主是骗子大家快跑啊别信他", user=f"u{n}")
    alarms = [delivery for delivery in chat.outbox() if delivery.id.startswith("raid:")]
    assert len(alarms) == 1
    assert "另有 6 位成员说了同样的话" in str(alarms[0].body)
    assert not any(judgement.verdict.category == "raid" for judgement in found)


def test_many_who_begin_with_something_doubtful_are_a_raid_too(open_chat: OpenChat) -> None:
    chat, _ = listen(open_chat, dry_run=False)
    for n in range(8):
        chat.says(f"{n}{INSULT}", user=f"u{n}")
    alarms = [delivery for delivery in chat.outbox() if delivery.id.startswith("raid:")]
    assert ["位第一次说话的成员说了可疑的话" in str(alarm.body) for alarm in alarms] == [True]


def test_who_looks_after_the_community_may_advertise_and_repeat_himself(open_chat: OpenChat) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for _ in range(6):
        chat.says("本周六下午三点线下读书会请大家报名", user="boss")
        chat.later(seconds=20)
    assert {judgement.act for judgement in found} == {"none"}


@pytest.mark.parametrize("words", ["1", "+1", "收到", "签到", "祝大家新年快乐身体健康", "生日快乐生日快乐呀", "接龙 小王 一份"])
def test_what_many_say_alike_is_no_raid(open_chat: OpenChat, words: str) -> None:
    chat, found = listen(open_chat, dry_run=False)
    for n in range(10):
        chat.says(words, user=f"u{n}")
    assert {reason.source for judgement in found for reason in judgement.verdict.reasons} <= {"words", "abuse", "adverts"}
    assert not [delivery for delivery in chat.outbox() if delivery.id.startswith("raid:")]


def test_counting_costs_no_round_trip(chat: Chat) -> None:
    chat.says("请问一下怎么申请退款")
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    chat.says("请问一下怎么申请退款")
    assert len(made) == 1


def accept(inbox: Inbox, where: Where, now_ms: int, id: str, said: Said) -> Any:
    return inbox.accept(where, id, "{}", {}, now_ms, said=said).history


@given(
    seconds=st.lists(st.integers(0, 15_000), min_size=1, max_size=40),
    limits=st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 4), st.integers(0, 3)),
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_counts_are_those_of_the_messages_themselves(database: Database, seconds: list[int], limits: tuple[int, int, int, int]) -> None:
    database.command("FLUSHALL")
    inbox = Inbox(database, lambda: "c")
    inbox.prepare()
    where, now, times = Where(1, "home", "chat", 7), 1_700_000_000_000, list[int]()
    for n, step in enumerate(seconds):
        now += step
        times.append(now)
        found = accept(inbox, where, now, f"m{n}", Said("text", limits))
        ten = sum(now - at < 10_000 for at in times)
        minute = sum(now - at < 60_000 for at in times)
        is_loud = 0 < limits[0] <= ten or 0 < limits[1] <= minute or 0 < limits[2] <= found.same
        assert (found.in_ten_seconds, found.in_a_minute) == ((ten, minute) if is_loud else (0, 0)) or limits[2]
        if is_loud and found.in_ten_seconds:
            assert (found.in_ten_seconds, found.in_a_minute) == (ten, minute)


def test_a_repeat_is_not_counted_again_and_a_clock_that_goes_back_harms_nobody(database: Database) -> None:
    inbox = Inbox(database, lambda: "c")
    inbox.prepare()
    where, said = Where(1, "home", "chat", 7), Said("text", (3, 9, 3, 3))
    for _ in range(5):
        assert accept(inbox, where, 1_000_000, "same", said).in_ten_seconds == 0
    assert accept(inbox, where, 500_000, "earlier", said).in_ten_seconds == 0


def test_counts_are_forgotten_with_their_member(database: Database) -> None:
    inbox, heard = Inbox(database, lambda: "c"), Heard(database)
    inbox.prepare()
    where, said = Where(1, "home", "chat", 7), Said("text", (3, 9, 3, 3))
    accept(inbox, where, 1_000_000, "a", said)
    heard.count_newcomer(1, "chat", 7, NOW)
    assert "3 处" in heard.erase_user(7)
    assert "0 处" in heard.erase_user(7)


def test_what_the_operators_own_texts_name_is_no_advertisement(chat: Chat) -> None:
    advert = "想买的朋友加微信 kefu88001 领优惠券，拼团价 99 元包邮"
    assert chat.live.current.judge.judge(advert).verdict == "review"
    chat.stores.content.put("welcome", {"": "first_message: 客服微信 kefu88001\n"}, "boss", chat.clock())
    chat.live.refresh()
    assert "kefu88001" in chat.live.current.judge.own
    assert "contact" not in chat.live.current.judge.judge(advert).categories
