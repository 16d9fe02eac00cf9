"""Reports: several of one thing are one case, a reporter's word weighs what it was worth, and whoever is reported never learns who did it."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from casework import INSULT, OTHER, RUDE, as_moderator, by_words_alone, posted, quotes, settled, state, to_admins, told
from chat import FAR, MAIN, Chat, OpenChat
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from rules.ladder import Ladder
from rules.reporting import appeal_in, asks_about_pleas, category_of, is_campaign, report_in, weight
from storage import keys
from storage.cases import Case, Cases, Filing
from storage.community import CommunityKeys
from storage.connection import Database
from storage.evidence import Evidence, Seal
from storage.reports import Reported, Reports

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
HOME = CommunityKeys("home", 4)
KEY = Fernet.generate_key()
NAMES = itertools.count()


@pytest.fixture
def strict(open_chat: OpenChat) -> Chat:
    return settled(open_chat)


@pytest.fixture
def cases(database: Database) -> Cases:
    return Cases(database, Seal(KEY))


@pytest.fixture
def reports(database: Database) -> Reports:
    return Reports(database, Seal(KEY))


def report(store: Reports, reporter: int, about: int = 5, mark: str = "m", *, once: str = "", most: int = 99, of_one: int = 99) -> Reported:
    filing = Filing(about, "友善", "report", 1, Evidence("原话", note="骂人", by=reporter), mark, "member")
    return store.report(
        HOME, reporter, filing, NOW, today=TODAY, most=most, most_of_one=of_one, same_for=timedelta(days=30), once=once or f"r{next(NAMES)}"
    )


def get(cases: Cases, number: int) -> Case:
    case = cases.find(HOME, number)
    assert case
    return case


# In chat --------------------------------------------------------------------------------------------------------------------


def test_a_quoted_message_is_reported_and_the_reporter_thanked_in_private(strict: Chat) -> None:
    assert quotes(strict, "你这种人就该滚", "举报 他骂人", user="hanmei") == "", "nothing is said in the group"
    (thanks,) = told(strict, "hanmei")
    assert "案件 1" in thanks
    assert "不会知道是你说的" in thanks
    listed = strict.as_admin("案件")
    assert "你这种人就该滚" in listed
    assert "说话的人不明" in listed


def test_a_report_by_name_tells_whom_and_what(strict: Chat) -> None:
    assert "案件 1" in strict.privately("举报 @lilei 他说我是废物", user="hanmei")
    said = strict.as_admin("案件 1")
    assert "他说我是废物" in said
    assert f"成员 {strict.member('lilei')}" in said
    assert "举报 1 人" in said


@pytest.mark.parametrize("typed", ["举报@lilei 骂人", "举报 lilei 骂人", "我要举报 @lilei 骂人", "举报 @lilei\u2005骂人"])
def test_there_are_several_ways_to_say_it(strict: Chat, typed: str) -> None:
    assert "案件 1" in strict.privately(typed, user="hanmei")
    (case,) = strict.stores.cases.undecided(strict.community.keys)
    assert (case.member, case.kept.note) == (strict.member("lilei"), "骂人")


@pytest.mark.parametrize("typed", ["举报", "举报 @lilei", "举报 有人骂我", "举报 @没有这个人 骂人"])
def test_a_report_that_lacks_something_is_answered_with_an_example(strict: Chat, typed: str) -> None:
    said = strict.privately(typed, user="hanmei")
    assert "举报 @李雷" in said or "没有找到" in said
    assert strict.stores.cases.count(strict.community.keys) == 0


def test_a_question_about_reporting_is_a_question(strict: Chat) -> None:
    said = strict.privately("举报 怎么用？", user="hanmei")
    assert "写法是" not in said
    assert strict.stores.cases.count(strict.community.keys) == 0


def test_nobody_reports_himself(strict: Chat) -> None:
    assert "不能举报自己" in strict.privately("举报 @lilei 我骂人", user="lilei")


def test_a_report_of_words_that_the_machine_has_a_case_of_joins_that_case_and_knows_who_said_them(strict: Chat) -> None:
    strict.says(INSULT)
    quotes(strict, INSULT, "举报", user="hanmei")
    assert strict.stores.cases.count(strict.community.keys) == 1
    said = strict.as_admin("案件 1")
    assert f"成员 {strict.member('lilei')}" in said
    assert "举报 1 人" in said


def test_several_reports_of_one_thing_are_one_case_and_rise_in_the_queue(strict: Chat) -> None:
    quotes(strict, "别的话", "举报", user="lilei")
    for user in ("hanmei", "lucy", "boss"):
        quotes(strict, "滚出去", "举报", user=user)
    assert strict.stores.cases.count(strict.community.keys) == 2
    first = strict.stores.cases.undecided(strict.community.keys)[0]
    assert (first.evidence, len(first.reporters), round(first.weight, 2)) == ("滚出去", 3, 1.5)
    assert "已经举报过了" in privately_quoted(strict, "滚出去", "hanmei")


def privately_quoted(chat: Chat, quoted: str, user: str) -> str:
    return quotes(chat, quoted, "举报", user=user, group="")


def test_whoever_is_reported_hears_nothing_of_it_and_never_by_whom(strict: Chat) -> None:
    strict.privately("举报 @lilei 他骂人", user="hanmei")
    assert told(strict) == []
    strict.as_admin("处理 1 警告")
    (warning,) = told(strict)
    assert "hanmei" not in warning
    assert f"成员 {strict.member('hanmei')}" not in warning
    strict.privately("申诉 1 我没有骂人")
    exported = {name: str(kept.export_user(strict.member("lilei"))) for name, kept in strict.stores.of_persons().items() if name == "案件"}
    assert "他骂人" not in str(exported)


@pytest.mark.parametrize(
    "typed", ["举报 这人是不是骗子？", "举报 怎么还没人管", "举报 为什么老骂我", "举报 他凭什么骂人", "举报：骂人", "举报，骂人"]
)
def test_with_a_quote_whatever_is_asked_is_a_report(strict: Chat, typed: str) -> None:
    quotes(strict, "加我微信带你赚钱", typed, user="hanmei")
    assert strict.stores.cases.count(strict.community.keys) == 1
    assert "收到，谢谢你告诉我们" in told(strict, "hanmei")[-1]


@pytest.mark.parametrize(
    "typed", ["举报@lucy 他骂我王八蛋", "举报：lucy 说我是傻逼", "举报＠lucy 他骂我王八蛋", "我要举报@lucy 他骂我王八蛋"]
)
def test_who_reports_is_not_judged_by_what_he_reports(strict: Chat, typed: str) -> None:
    strict.says(typed, user="hanmei")
    (case,) = strict.stores.cases.undecided(strict.community.keys)
    assert case.member == strict.member("lucy")


def test_a_report_of_nobody_excuses_no_abuse(strict: Chat) -> None:
    assert "不知道举报的是谁" in strict.says("举报 你这个王八蛋", user="hanmei")
    (case,) = strict.stores.cases.undecided(strict.community.keys)
    assert (case.member, case.state) == (strict.member("hanmei"), "open")


def test_whose_words_were_quoted_stays_the_reporters_claim(strict: Chat) -> None:
    quotes(strict, "你真是没救了", "举报 @lucy 骂人", user="hanmei")
    for shown in (strict.as_admin("案件"), strict.as_admin("案件 1")):
        assert "举报人说是" in shown
        assert "引用里看不到是谁" in shown
    assert "你真是没救了" not in str(strict.stores.cases.export_user(strict.member("lucy")))


def test_in_a_group_nobody_reads_who_reported_one_of_those_who_decide(strict: Chat) -> None:
    strict.as_admin("角色 lucy 版主")
    strict.privately("举报 lucy 她偏心还骂人", user="hanmei")
    for shown in (strict.as_admin("案件"), strict.as_admin("案件 1")):
        assert "偏心" not in shown
        assert "hanmei" not in shown
    assert "偏心" in strict.privately("案件 1", user="boss")


def test_what_was_decided_is_not_filed_again(strict: Chat) -> None:
    quotes(strict, "滚出去", "举报 @lilei", user="hanmei", group="")
    strict.as_admin("处理 1 忽略 只是玩笑")
    assert "已经看过了（案件 1）" in quotes(strict, "滚出去", "举报 @lilei 还在说", user="lucy", group="")
    assert strict.stores.cases.count_undecided(strict.community.keys) == 0
    assert "还在说" in strict.as_admin("案件 1")


def test_what_was_decided_of_one_does_not_shield_who_may_have_said_it_too(strict: Chat) -> None:
    quotes(strict, "滚出去", "举报 @lilei", user="hanmei", group="")
    strict.as_admin("处理 1 忽略 只是玩笑")
    assert "案件 2" in privately_quoted(strict, "滚出去", "lucy")


def test_one_refused_report_of_a_member_shields_him_from_no_other(strict: Chat) -> None:
    strict.privately("举报 lilei 他头像不好看", user="hanmei")
    strict.as_admin("处理 1 忽略")
    strict.later(days=2)
    assert "案件 2" in strict.privately("举报 lilei 他骗了我五千块钱", user="lucy")
    assert "五千块" in strict.as_admin("案件")


def test_what_a_reporter_adds_is_kept_while_his_case_waits(strict: Chat) -> None:
    strict.privately("举报 lilei 他头像不好看", user="hanmei")
    assert "也记下了" in strict.privately("举报 lilei 他骗了我五千块钱", user="hanmei")
    said = strict.as_admin("案件 1")
    assert "五千块" in said
    assert "举报 1 人，共重 0.5" in said


def test_the_first_who_reports_what_the_machine_filed_is_heard_and_can_be_forgotten(strict: Chat) -> None:
    strict.says(INSULT)
    quotes(strict, INSULT, "举报 他天天这样", user="hanmei", group="")
    assert "他天天这样" in strict.as_admin("案件 1")
    strict.erase("hanmei")
    assert "他天天这样" not in strict.as_admin("案件 1")


def test_who_reported_a_case_is_not_its_judge_where_there_is_another(strict: Chat) -> None:
    strict.as_admin("角色 lucy 版主")
    strict.as_admin("角色 hanmei 版主")
    strict.privately("举报 lilei 他骂人", user="lucy")
    assert "是你举报的" in as_moderator(strict, "处理 1 警告")
    assert state(strict, 1) == "open"
    strict.as_admin("处理 1 警告")
    strict.privately("申诉 1 没有骂", user="lilei")
    assert "是你举报的" in as_moderator(strict, "处理 1 维持 就是骂了")


def test_who_is_reported_reads_nothing_of_the_report_in_his_export(strict: Chat) -> None:
    strict.privately("举报 lilei 他骂人", user="hanmei", id="whose")
    database = strict.stores.database
    kept = str(database.command("XRANGE", keys.EVENTS(shard=strict.community.shard), "-", "+"))
    assert '"reported"' not in kept


def test_where_nobody_knows_whose_words_they_were_all_are_reminded_without_a_name(strict: Chat) -> None:
    quotes(strict, "滚出去", "举报", user="hanmei")
    assert "已在群里不点名地提醒" in strict.as_admin("处理 1 警告")
    (public,) = posted(strict)
    assert "提醒大家" in public
    assert "滚出去" not in public


def test_a_day_allows_so_many_reports_and_fewer_of_one(open_chat: OpenChat) -> None:
    chat = settled(open_chat, Ladder(reports_a_day=3, reports_of_one_a_day=2))
    said = [chat.privately(f"举报 @{who} 原话{n}", user="boss") for n, who in enumerate(("lilei", "hanmei"))]
    assert all("收到" in one for one in said)
    for quoted in ("第一句", "第二句"):
        last = quotes(chat, quoted, "举报 @lilei", user="boss", group="")
    assert "同一个人一天最多举报 2 次" in last or "一天最多举报 3 次" in last
    chat.later(days=1)
    assert "收到" in privately_quoted(chat, "第三句", "boss")


def test_several_who_only_ever_report_one_member_are_pointed_out_and_nothing_else_is_done(strict: Chat) -> None:
    for n in range(2):
        for user in ("hanmei", "lucy", "boss"):
            quotes(strict, f"第 {n} 句", "举报 @lilei 骂人", user=user)
    assert "只举报过他一个人" in strict.as_admin("案件 1")
    assert state(strict, 1) == "open"


def test_a_report_in_another_community_is_a_case_there(strict: Chat) -> None:
    strict.says("签到", user="lilei", group=FAR)
    strict.says("签到", user="hanmei", group=FAR)
    quotes(strict, "滚", "举报", user="hanmei", group=FAR)
    assert strict.stores.cases.count(strict.community.keys) == 0
    assert strict.stores.cases.count(strict.communities.named("far").keys) == 1


def test_a_repeat_of_the_report_changes_nothing(strict: Chat) -> None:
    for _ in range(3):
        quotes(strict, "滚出去", "举报", user="hanmei", id="same")
    (case,) = strict.stores.cases.undecided(strict.community.keys)
    assert (len(case.reporters), len(told(strict, "hanmei"))) == (1, 1)


def test_a_picture_can_be_reported(strict: Chat) -> None:
    from dataclasses import replace

    from bot.message import Attachment, Quote

    message = strict.words("举报 发黄图", user="hanmei", group=MAIN)
    strict.hears(replace(message, quote=Quote("image", "", (Attachment("image", "https://x.invalid/1"),))))
    assert "引用了一张图片" in strict.as_admin("案件 1")


# In the store ---------------------------------------------------------------------------------------------------------------


def test_a_reporters_word_weighs_less_the_more_of_his_reports_were_refused(cases: Cases, reports: Reports) -> None:
    weights = []
    for n in range(4):
        got = report(reports, 1, about=50 + n, mark=f"w{n}")
        weights.append(got.weight)
        cases.decide(HOME, get(cases, got.number), "ignored", 9, NOW, once=f"d{n}")
    assert weights == pytest.approx([1 / 2, 1 / 3, 1 / 4, 1 / 5], abs=1e-3)
    assert reports.record(HOME, 1) == (0, 4)


def test_an_amended_decision_gives_the_reporters_their_due(cases: Cases, reports: Reports) -> None:
    got = report(reports, 1)
    cases.decide(HOME, get(cases, got.number), "ignored", 9, NOW, once="a")
    cases.decide(HOME, get(cases, got.number), "warned", 9, NOW, once="b")
    assert reports.record(HOME, 1) == (1, 0)


def test_twins_of_a_report_are_one_report(cases: Cases, reports: Reports) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(lambda _: report(reports, 1, once="same"), range(16)))
    assert len(got) == 1
    assert get(cases, 1).weight == 0.5


def test_many_reporters_at_once_make_one_case(cases: Cases, reports: Reports) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: report(reports, 100 + n).outcome, range(20)))
    assert sorted(got) == ["filed", *["joined"] * 19]
    assert len(get(cases, 1).reporters) == 20
    assert get(cases, 1).weight == pytest.approx(10)


def test_a_case_names_fifty_reporters_and_no_more_make_it_heavier(cases: Cases, reports: Reports) -> None:
    for n in range(53):
        report(reports, 100 + n)
    assert len(get(cases, 1).reporters) == 50
    assert get(cases, 1).weight == pytest.approx(25)


def test_a_report_of_one_member_does_not_join_the_same_words_of_another(cases: Cases, reports: Reports) -> None:
    first, second = report(reports, 1, about=5, mark="m"), report(reports, 1, about=6, mark="m")
    assert (first.number, second.number, cases.count(HOME)) == (1, 2, 2)


def test_merging_two_cases_joins_their_reporters(cases: Cases, reports: Reports) -> None:
    report(reports, 1, mark="a"), report(reports, 2, mark="a"), report(reports, 2, mark="b"), report(reports, 3, mark="b")
    cases.decide(HOME, get(cases, 2), "merge", 9, NOW, to=1, once="x")
    assert set(get(cases, 1).reporters) == {1, 2, 3}
    assert report(reports, 4, mark="b").number == 1, "and who reports it later comes to the one that is left"
    assert get(cases, 2).state == "merged"


def test_an_erased_reporter_is_gone_from_the_case_that_his_was_merged_into(cases: Cases, reports: Reports) -> None:
    for n, mark in enumerate("abc", 1):
        report(reports, n, mark=mark)
    cases.decide(HOME, get(cases, 1), "merge", 9, NOW, to=2, once="x")
    cases.decide(HOME, get(cases, 2), "merge", 9, NOW, to=3, once="y")
    assert set(get(cases, 3).reporters) == {1, 2, 3}
    reports.erase_user(1)
    assert set(get(cases, 3).reporters) == {2, 3}


def test_an_erased_reporter_is_no_longer_named_and_his_words_go(cases: Cases, reports: Reports) -> None:
    report(reports, 1), report(reports, 2)
    exported = reports.export_user(2)
    assert exported["home"]["举报"][0]["说明"] == ["骂人"]
    reports.erase_user(2)
    assert set(get(cases, 1).reporters) == {1}
    assert reports.export_user(2) == {}
    story = cases.story(HOME, 1)
    assert story
    assert [kept.evidence.by for kept in story.evidence] == [1]


def test_an_erased_reporter_takes_his_weight_along_and_nobody_elses_words(cases: Cases, reports: Reports) -> None:
    for n in (1, 2, 3):
        report(reports, n)
    other = report(reports, 9, about=6, mark="other").number
    reports.erase_user(2)
    report(reports, 4)
    story = cases.story(HOME, 1)
    assert story
    assert sorted(kept.evidence.by for kept in story.evidence) == [1, 3, 4]
    assert story.case.weight == pytest.approx(1.5)
    reports.erase_user(1), reports.erase_user(3), reports.erase_user(4)
    assert get(cases, 1).weight == pytest.approx(0)
    assert [case.number for case in cases.undecided(HOME)] == [other, 1]


def test_a_report_finds_the_case_at_the_end_of_a_chain(cases: Cases, reports: Reports) -> None:
    for n, mark in enumerate("abc", 1):
        report(reports, n, mark=mark)
    cases.decide(HOME, get(cases, 1), "merge", 9, NOW, to=2, once="x")
    cases.decide(HOME, get(cases, 2), "merge", 9, NOW, to=3, once="y")
    assert report(reports, 4, mark="a").number == 3


def test_of_two_merges_into_each_other_one_counts(cases: Cases, reports: Reports) -> None:
    report(reports, 1, mark="a"), report(reports, 2, mark="b")
    first, second = get(cases, 1), get(cases, 2)
    assert cases.decide(HOME, first, "merge", 9, NOW, to=2, once="x").done
    assert cases.decide(HOME, second, "merge", 8, NOW, to=1, once="y").outcome == "target"
    assert [case.number for case in cases.undecided(HOME)] == [2]


def test_the_only_one_who_decides_may_decide_what_he_reported_and_that_is_noted(cases: Cases, reports: Reports) -> None:
    number = report(reports, 9).number
    assert cases.decide(HOME, get(cases, number), "warned", 9, NOW, once="a").outcome == "party"
    done = cases.decide(HOME, get(cases, number), "warned", 9, NOW, is_alone=True, once="b")
    assert (done.outcome, done.alone) == ("done", True)


# Rules ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "report", "appeal"),
    [
        ("举报 他骂我傻逼", "他骂我傻逼", None), ("  举报：傻逼", "傻逼", None), ("举报", "", None), ("我要举报@lucy 骂人", "@lucy 骂人", None),
        ("舉報 @lucy 罵人", "@lucy 罵人", None), ("申诉 3 他先骂的", None, "3 他先骂的"), ("案件申诉 1 没有", None, "1 没有"),
        ("申诉1 没有", None, "1 没有"), ("申诉#1 没有", None, "#1 没有"), ("申诉案件1 没有", None, "案件1 没有"), ("申诉，没有", None, "没有"),
        ("我举报你全家", None, None), ("举报人是谁", None, None), ("申诉期多长", None, None), ("", None, None), ("傻逼", None, None),
    ],
)  # fmt: skip
def test_what_is_a_report_and_what_an_appeal(text: str, report: str | None, appeal: str | None) -> None:
    assert (report_in(text), appeal_in(text)) == (report, appeal)


@pytest.mark.parametrize("words", ["怎么用", "有用吗？", "怎么弄", "要多久", "会被别人知道吗", "举报：怎么用？", "在哪里申诉"])
def test_how_it_works_is_asked(words: str) -> None:
    assert asks_about_pleas(words)


@pytest.mark.parametrize(
    "words", ["1 凭什么？", "1 我哪里骂人了？", "为什么判我？", "这人是不是骗子？", "怎么还没人管", "他凭什么骂人", "@lucy 为什么老骂我"]
)
def test_what_is_asked_in_anger_is_none_of_that(words: str) -> None:
    assert not asks_about_pleas(words)


@pytest.mark.parametrize(
    ("note", "category"),
    [("老发兼职广告", "advert"), ("骗我加微信转账", "scam"), ("一直刷屏", "flood"), ("他骂人", "report"), ("", "report")],
)
def test_a_reporter_says_what_it_is_about(note: str, category: str) -> None:
    assert category_of(note) == category


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_a_weight_is_a_share_and_follows_the_record(accepted: int, refused: int) -> None:
    assert 0 < weight(accepted, refused) < 1
    assert weight(accepted + 1, refused) > weight(accepted, refused) > weight(accepted, refused + 1)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ([[5, 5], [5, 5], [5, 5]], True),
        ([[5]] * 4, False),
        ([[5]] * 5, True),
        ([[5, 5], [5, 5], [5, 6]], False),
        ([], False),
        ([[5, 5, 5]] * 2, False),
    ],
)
def test_a_campaign_is_several_who_report_one_only_and_more_than_once(reported: list[list[int]], expected: bool) -> None:
    assert is_campaign(reported) == expected


def test_what_is_filed_lies_nowhere_but_sealed(open_chat: OpenChat) -> None:
    chat = settled(open_chat)
    chat.as_admin("案件")
    assert "记下来" not in chat.says(RUDE)
    assert state(chat, 1) == "open"
    lies = [
        key for key in chat.stores.database.scan("qb:*")
        if "窝囊废" in str(chat.stores.database.command(*READ[chat.stores.database.command("TYPE", key)](key)))
    ]  # fmt: skip
    assert [key for key in lies if not key.startswith("qb:{content}")] == []


READ = {
    "string": lambda key: ("GET", key), "hash": lambda key: ("HGETALL", key), "list": lambda key: ("LRANGE", key, 0, -1),
    "set": lambda key: ("SMEMBERS", key), "zset": lambda key: ("ZRANGE", key, 0, -1), "stream": lambda key: ("XRANGE", key, "-", "+"),
}  # fmt: skip


def test_administrators_get_a_card_of_a_report(open_chat: OpenChat) -> None:
    chat = by_words_alone(open_chat(dry_run=False))
    chat.as_admin("案件")
    chat.says("签到", user="lilei")
    chat.privately(f"举报 @lilei {OTHER}", user="lilei")
    chat.says("签到", user="hanmei")
    chat.privately("举报 @lilei 他骂人", user="hanmei")
    cards = [one for one in chat.outbox() if one.body.get("msgtype") == "template_card"]
    assert [one.member for one in cards] == [chat.member("boss")]
    assert to_admins(chat) == []
