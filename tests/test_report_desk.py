"""Reports: which days they are about, when they go out, what they say, show and write – and that each goes out once."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from chat import ADMINS, MAIN, Chat, OpenChat
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from visits import Visit, met, visit

from bot.drawing import Artist
from bot.files import Files
from bot.numbers import Figure, Numbers
from bot.report_desk import BOOKS, ReportDesk, book_file, ring_reports
from bot.report_facts import Report
from bot.report_words import act_of, picture_of, rest_of, text_of
from rules.changes import change, tone
from rules.contents import KINDS, ContentProblem, dump, parse
from rules.figures import Where
from rules.health import Light, Remedy
from rules.metrics import METRICS, Length
from rules.periods import Period, before, day_of, find_period, month_of, newest, parse_period, period_of, week_of
from rules.reports import Timetable, Timetables, due
from storage import keys
from storage.moment import to_ms

pytest_plugins = ("chat",)

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 3, 18)
"""A Wednesday."""
LENGTHS: tuple[Length, ...] = ("day", "week", "month")
LAST_WEEK = week_of(date(2026, 3, 9))
REPORTS = KINDS["reports"]


# Periods --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "words", "id"),
    [
        ("day", "", "2026-03-17"), ("day", "今天", "2026-03-18"), ("day", "前天", "2026-03-16"), ("day", "3月5日", "2026-03-05"),
        ("day", "12-30", "2025-12-30"), ("day", "2026年2月28日", "2026-02-28"), ("day", "2-30", None), ("day", "3-19", "2025-03-19"),
        ("day", "明天", None), ("day", "2026-03-19", None),
        ("week", "", "2026-W12"), ("week", "本周", "2026-W12"), ("week", "上周", "2026-W11"), ("week", "上上周", "2026-W10"),
        ("week", "2026-W11", "2026-W11"), ("week", "3-15", "2026-W11"), ("week", "2026-01-01", "2026-W01"), ("week", "2026-W99", None),
        ("week", "下周", None), ("week", "2027-W01", None),
        ("month", "", "2026-03"), ("month", "上月", "2026-02"), ("month", "2 月", "2026-02"), ("month", "12月", "2025-12"), ("month", "明年", None),
    ],
)  # fmt: skip
def test_a_period_is_understood_as_people_write_it(length: Length, words: str, id: str | None) -> None:
    found = parse_period(length, words, TODAY)
    assert (found.id if found else None) == id


@given(day=st.dates(date(2000, 1, 3), date(2190, 1, 1)), length=st.sampled_from(LENGTHS))
def test_a_period_has_its_day_is_found_by_its_id_and_follows_the_one_before(day: date, length: Length) -> None:
    period = period_of(length, day)
    assert period.first <= day <= period.last
    assert find_period(period.id) == period
    assert before(period).last + timedelta(days=1) == period.first
    assert newest(length, day, 3)[2] == before(before(period))


@given(words=st.text(max_size=14), length=st.sampled_from(LENGTHS))
def test_whatever_is_said_a_period_has_begun_or_is_none(words: str, length: Length) -> None:
    found = parse_period(length, words, TODAY)
    assert found is None or found.first <= TODAY


@pytest.mark.parametrize(
    "id", ["", "2026-13", "2026-W54", "2026-02-30", "0000-01", "9999-W53", "0001-W01", "1999-12", "../etc", "2026-03-18/"]
)
def test_what_is_no_period_is_none(id: str) -> None:
    assert find_period(id) is None


# When they go out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "ids"),
    [
        ("2026-03-18 08:59", []), ("2026-03-18 09:00", ["2026-03-17"]), ("2026-03-18 10:59", ["2026-03-17"]), ("2026-03-18 11:01", []),
        ("2026-03-16 09:45", ["2026-03-15", "2026-W11"]), ("2026-04-01 10:00", ["2026-03-31", "2026-03"]),
        ("2026-06-01 10:05", ["2026-05-31", "2026-W22", "2026-05"]),
    ],
)  # fmt: skip
def test_each_report_is_due_at_its_hour_and_a_while_later(at: str, ids: list[str]) -> None:
    assert [period.id for period in due(Timetable(), datetime.fromisoformat(at).replace(tzinfo=ZONE))] == ids


def test_a_report_planned_late_at_night_is_made_up_for_on_the_next_day() -> None:
    plan = Timetable(brief=time(23, 30), weekly=(6, time(23, 50)), monthly=None)
    assert [period.id for period in due(plan, datetime(2026, 3, 16, 0, 30, tzinfo=ZONE))] == ["2026-03-14", "2026-W10"]


def test_a_time_that_the_clocks_skip_comes_all_the_same_and_once() -> None:
    zone, plan = ZoneInfo("America/New_York"), Timetable(brief=time(2, 30), weekly=None, monthly=None, grace_minutes=30)
    minutes = [datetime(2026, 3, 8, 5, tzinfo=UTC) + timedelta(minutes=n) for n in range(300)]
    times = [f"{now.astimezone(zone):%H:%M}" for now in minutes if list(due(plan, now.astimezone(zone)))]
    assert (times[0], times[-1], len(times)) == ("03:30", "04:00", 31)


def test_no_report_is_due_where_all_are_off() -> None:
    plan = Timetable(brief=None, weekly=None, monthly=None)
    assert [list(due(plan, datetime(2026, 6, 1, hour, tzinfo=ZONE))) for hour in range(24)] == [[]] * 24


def test_a_timetable_is_a_file_that_can_be_written_and_read() -> None:
    text = 'plans:\n- {community: main, brief: "", weekly: "fri 18:05", monthly: "28 08:00", grace_minutes: 30}\n'
    found = parse(REPORTS, text)
    assert found.of("main") == Timetable("main", None, (4, time(18, 5)), (28, time(8)), 30)
    assert found.of("other") == Timetable()
    assert parse(REPORTS, dump(REPORTS, found)) == found


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ('brief: "25:00"', "要写成 09:00 这样的时间"), ("weekly: someday 09:00", "要写成“mon 09:30”"), ("weekly: mon", "要写成“mon 09:30”"),
        ('monthly: "31 10:00"', "要写成“1 10:00”"), ('monthly: "0019 10:00"', "要写成“1 10:00”"),
        ("grace_minutes: 1", "不能小于 5"), ("community: a}\n- {community: a", "写了两份"),
    ],
)  # fmt: skip
def test_a_wrong_timetable_is_refused_with_its_remedy(line: str, remedy: str) -> None:
    with pytest.raises(ContentProblem) as wrong:
        parse(REPORTS, f"plans:\n- {{{line}}}\n")
    assert remedy in str(wrong.value)


# How a figure changed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "value", "earlier", "said", "feeling"),
    [
        ("wau", 27.0, 41.0, "-34%", "bad"), ("wau", 4.0, 3.0, "+1", "good"), ("wau", 7.0, 7.0, "持平", "flat"), ("wau", 7.0, 0.0, "+7", "good"),
        ("wau", None, 7.0, "", "flat"), ("wau", 7.0, None, "", "flat"), ("self_service", 0.864, 0.832, "+3.2 点", "good"),
        ("negative_share", 0.31, 0.2, "+11.0 点", "bad"), ("nps", 40.0, 45.5, "-5.5", "bad"), ("messages_per_head", 3.5, 3.0, "+0.5", "good"),
        ("answer_minutes", 48.0, 20.0, "+140%", "bad"), ("points_in", 200.0, 100.0, "+100%", "flat"),
    ],
)  # fmt: skip
def test_a_change_is_told_and_judged(id: str, value: float | None, earlier: float | None, said: str, feeling: str) -> None:
    assert (change(METRICS[id], value, earlier), tone(METRICS[id], value, earlier)) == (said, feeling)


# A community with a past ----------------------------------------------------------------------------------------------------


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The main community on Wednesday, 18 March, with six weeks behind it; day n of them had 20 + n messages by 5 + n % 4 members."""
    chat = open_chat()
    chat.at("2026-03-18 10:00")
    chat.says("签到", user="boss", name="王店长", group=ADMINS)
    for n in range(42):
        day = date(2026, 2, 4) + timedelta(days=n)
        counts = {
            "messages": 20 + n,
            f"h:{9 + n % 12}": 20 + n,
            "faq_hit": 8,
            "faq_miss": 2,
            "hit:refund": 5,
            "hit:gone": 9,
            "check_ins": 3,
        }
        spoke = range(101, 106 + n % 4)
        chat.stores.daybook.bring(Where("main"), day, counts=counts, spoke=spoke, came=list(spoke) if n == 0 else [])
    return chat


def desk_of(chat: Chat) -> ReportDesk:
    """The report desk of the main community, now."""
    numbers = Numbers(chat.stores, chat.communities, chat.clock, chat.live.current)
    return ReportDesk(chat.stores, chat.config, chat.live.current, numbers, chat.community, chat.clock())


def ring(chat: Chat) -> int:
    """What the clock has done each minute."""
    return ring_reports(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def figure(report: Report, id: str) -> Figure:
    """One indicator of a report."""
    return next(one for one in report.figures if one.metric.id == id)


def test_a_report_has_the_figures_of_its_days_and_of_those_before(chat: Chat) -> None:
    report = desk_of(chat).make(LAST_WEEK)
    assert (figure(report, "messages").value, figure(report, "messages").before) == (sum(range(53, 60)), sum(range(46, 53)))
    assert figure(report, "wau").value == 8
    assert figure(report, "faq_hit").value == 0.8
    assert [day.day for day in report.days] == [LAST_WEEK.first + timedelta(days=n) for n in range(7)]
    assert sum(map(sum, report.heat)) == sum(range(53, 60))
    assert report.questions == [("怎么退款", 35)], "an entry that was removed since has no question"


def test_a_week_so_far_is_compared_with_a_week_as_far(chat: Chat) -> None:
    report = desk_of(chat).make(week_of(TODAY))
    assert not report.is_over
    assert len(report.days) == 3
    assert figure(report, "messages").before == 53 + 54 + 55
    assert "截至 3 月 18 日" in text_of(report)
    assert "上周同期 162 次" in text_of(report)


def test_a_month_is_a_month(chat: Chat) -> None:
    report = desk_of(chat).make(month_of(date(2026, 2, 1)))
    assert [report.days[0].day, report.days[-1].day] == [date(2026, 2, 1), date(2026, 2, 28)]
    assert figure(report, "messages").value == sum(range(20, 45))


# Words and pictures ---------------------------------------------------------------------------------------------------------

RED = Light("wau", "周活", "red", "说话的人少了 34%（41 → 27）", remedy=Remedy("排一个互动话题", "去日历", "calendar", "发起话题"))
GREEN, GREY = Light("nps", "推荐", "green", "40"), Light("churn", "流失", "grey", "", why_grey="不知道群里有谁")


def test_what_is_wrong_stands_first_with_what_to_do(chat: Chat) -> None:
    report = replace(desk_of(chat).make(LAST_WEEK), lights=(RED, GREEN, GREY))
    lines = text_of(report).splitlines()
    assert lines[0] == "**主群** · 周报（3 月 9 日 – 3 月 15 日）"
    assert lines[1:4] == ["🔴 说话的人少了 34%（41 → 27）", "　→ 排一个互动话题，说：发起话题", "1 项正常，1 项还看不出来"]
    assert "消息数：392 次（+14%，上周 343 次）" in lines
    assert "问得最多：怎么退款（35 次）" in lines
    assert picture_of(report) != picture_of(replace(report, lights=()))


def test_lights_are_summed_up_in_one_line() -> None:
    assert [rest_of(lights) for lights in ((), (RED,), (GREEN, GREEN), (GREY,), (GREEN, GREY), (RED,) * 5 + (GREEN,))] == [
        "", "", "都好：2 项正常", "1 项还看不出来", "都好：1 项正常，1 项还看不出来", "另有 2 项要留意（说：健康），1 项正常",
    ]  # fmt: skip
    assert act_of(GREEN) == ""
    assert act_of(Light("a", "b", "red", "c", remedy=Remedy("说“工单”看看", command="工单"))) == "说“工单”看看"


@pytest.mark.parametrize(
    "period", [LAST_WEEK, week_of(TODAY), month_of(date(2026, 2, 1)), month_of(TODAY), day_of(TODAY), week_of(date(2025, 1, 1))]
)
def test_every_report_has_a_picture(chat: Chat, period: Period) -> None:
    report = desk_of(chat).make(period)
    assert Artist().draw(picture_of(report)).startswith(b"\x89PNG")


def test_the_longest_report_still_fits_into_the_name_of_its_picture(chat: Chat) -> None:
    worst = Light("wau", "周活", "red", "长" * 500, remedy=Remedy("长" * 500, command="长" * 100))
    busy = [[10**6] * 24] * 7
    report = replace(
        desk_of(chat).make(month_of(date(2026, 3, 1))), lights=(worst,) * 9 + (GREEN,) * 9, heat=busy, questions=[("长" * 500, 10**8)] * 10,
        community=replace(chat.community, name="长" * 100),
        days=[replace(day, spoke=replace(day.spoke, day=10**8)) for day in desk_of(chat).make(month_of(date(2026, 3, 1))).days] * 2,
    )  # fmt: skip
    assert Artist().draw(picture_of(report)).startswith(b"\x89PNG")


# In chat --------------------------------------------------------------------------------------------------------------------


def test_the_weekly_report_is_said_in_the_admin_group_with_a_picture(chat: Chat) -> None:
    answer = json.loads(chat.receive(chat.words("@小助手 周报 上周", user="boss", group=ADMINS)).answer)["stream"]
    assert "**主群** · 周报（3 月 9 日 – 3 月 15 日）" in answer["content"]
    assert "消息数：392 次" in answer["content"]
    assert base64.b64decode(answer["msg_item"][0]["image"]["base64"]).startswith(b"\x89PNG")


def test_each_report_has_its_command(chat: Chat) -> None:
    assert "日报（3 月 17 日 周二）" in chat.as_admin("日报")
    assert "日报（3 月 18 日 周三，到现在）" in chat.as_admin("日报 今天")
    assert "周报（3 月 16 日 – 3 月 22 日，截至 3 月 18 日）" in chat.as_admin("周报")
    assert "月报（2026 年 2 月）" in chat.as_admin("月报 上月")
    assert "还没有可说的" in chat.as_admin("月报 2025-01")


def test_who_writes_no_period_gets_examples(chat: Chat) -> None:
    assert "写法是：周报，周报 上周" in chat.as_admin("周报 下周")
    assert "月报 2026-10" in chat.as_admin("月报 2099-01")


def test_reports_are_for_those_with_a_role_and_not_shown_in_public(chat: Chat) -> None:
    assert "消息数" not in chat.says("周报 1")
    assert "请私聊我" in chat.says("周报", user="boss", group=MAIN)
    assert "周报（" in chat.privately("周报", user="boss")


def test_an_ordinary_question_is_not_taken_for_the_command(chat: Chat) -> None:
    assert "写法是" not in chat.as_admin("周报 怎么写？")


def test_the_day_comes_with_a_small_picture(chat: Chat) -> None:
    answer = json.loads(chat.receive(chat.words("@小助手 数据", user="boss", group=ADMINS)).answer)["stream"]
    assert [item["msgtype"] for item in answer["msg_item"]] == ["image"]


def test_a_workbook_comes_as_a_file(chat: Chat) -> None:
    chat.privately("周报 上周 表格", user="boss", through="desk")
    [name] = [delivery.body["file"]["file_to_show"] for delivery in chat.outbox() if delivery.body["msgtype"] == "file"]
    assert name == f"{BOOKS}:main/2026-W11/周报 2026-W11.xlsx"

    def book(rest: str) -> bytes:
        return book_file(chat.stores, chat.config, chat.live, chat.communities, chat.clock(), rest)

    assert Files(Path(), {BOOKS: book}).read(name, 10**7).startswith(b"PK")


def test_a_workbook_asked_for_in_the_admin_group_is_posted_there(chat: Chat) -> None:
    chat.as_admin("周报 上周 表格")
    [delivery] = chat.outbox()
    assert (delivery.target, delivery.body["msgtype"]) == ("hook.main.admin", "file")


# The workbook ---------------------------------------------------------------------------------------------------------------


def test_the_workbook_says_what_the_book_of_days_says(chat: Chat) -> None:
    desk = desk_of(chat)
    report = desk.make(LAST_WEEK)
    book = load_workbook(io.BytesIO(desk.book(report)))
    assert book.sheetnames == ["概览", "每日", "每小时", "留存", "问答", "指标说明"]
    rows = list(book["每日"].iter_rows(values_only=True))
    head, days = rows[0], [row for row in rows[1:] if row[0]]
    for row, day in zip(days, chat.stores.daybook.days(Where("main"), LAST_WEEK.first, LAST_WEEK.last, TODAY), strict=True):
        told = dict(zip(head, row, strict=True))
        assert (told["日期"].date(), told["消息"], told["说话的人"]) == (day.day, day.counts["messages"], day.spoke.day)
        assert (told["期末成员"], told["签到"], told["没答上"]) == (day.members, 3, 2)
    hours = [row[1:25] for row in book["每小时"].iter_rows(min_row=2, max_row=8, values_only=True)]
    assert [list(row) for row in hours] == [list(row) for row in report.heat]
    overview = {row[0]: row for row in book["概览"].iter_rows(values_only=True) if row[0]}
    assert overview["消息数"][1:4] == (392, 343, "+14%")
    assert overview["问答命中率"][1] == 0.8
    assert {row[0] for row in book["指标说明"].iter_rows(min_row=2, values_only=True)} == {metric.name for metric in METRICS.values()}
    drawn_of = {
        name: [series.val.numRef.f for chart in book[name]._charts for series in chart.series] for name in ("每日", "每小时", "问答")
    }
    assert drawn_of == {"每日": ["每日!$E$2:$E$8"], "每小时": ["每小时!$B$9:$Y$9"], "问答": ["问答!$B$2"]}


def test_the_same_report_is_written_as_the_same_bytes(chat: Chat) -> None:
    desk = desk_of(chat)
    assert desk.book(desk.make(LAST_WEEK)) == desk.book(desk.make(LAST_WEEK))


def test_a_question_that_looks_like_a_formula_stays_a_text(chat: Chat) -> None:
    desk = desk_of(chat)
    report = replace(desk.make(LAST_WEEK), questions=[('=HYPERLINK("http://evil.example","x")', 3)])
    cell = load_workbook(io.BytesIO(desk.book(report)))["问答"]["A2"]
    assert (cell.data_type, cell.value) == ("s", '=HYPERLINK("http://evil.example","x")')


@pytest.mark.parametrize("rest", ["", "main", "main/2026-W11", "main/nonsense/x.xlsx", "main/2099-W01/x.xlsx"])
def test_no_other_file_is_written(chat: Chat, rest: str) -> None:
    with pytest.raises(Exception, match="没有这份报表"):
        book_file(chat.stores, chat.config, chat.live, chat.communities, chat.clock(), rest)


# By the clock ---------------------------------------------------------------------------------------------------------------


def posted(chat: Chat) -> list[str]:
    """What is on its way to the admin group of a report: the kinds of posts by the report's id, in their order."""
    found = [delivery for delivery in chat.outbox() if delivery.id.startswith("report:")]
    assert {delivery.target for delivery in found} <= {"hook.main.admin"}
    return [f"{delivery.id.split(':')[2]} {delivery.body['msgtype']}" for delivery in found]


def test_reports_go_out_once_over_two_processes(open_chat: OpenChat, chat: Chat) -> None:
    chat.at("2026-03-16 09:31")
    other = open_chat()
    other.at("2026-03-16 09:31")
    threads = [Thread(target=ring, args=(one,)) for one in (chat, other) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(posted(chat)) == ["2026-03-15 markdown", "2026-W11 file", "2026-W11 image", "2026-W11 markdown"]
    assert ring(chat) == 0
    later = replace(chat.live.current, reports=Timetables((Timetable(weekly=(0, time(9, 31))),)))
    chat.live.current = later
    assert ring(chat) == 0, "another hour sends nothing twice"


def test_a_report_that_was_missed_is_made_up_for_and_an_old_one_is_not(chat: Chat) -> None:
    chat.at("2026-03-16 11:20")
    assert ring(chat) == 1
    assert [one for one in posted(chat) if "markdown" in one] == ["2026-W11 markdown"], "the brief was due at nine: too late"


def test_an_empty_community_hears_nothing(open_chat: OpenChat) -> None:
    chat = open_chat()
    chat.at("2026-03-16 09:31")
    assert ring(chat) == 0
    assert chat.outbox() == []
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    assert ring(chat) == 0
    assert len(made) <= 4, "what was settled is asked for and not worked out again"


def test_a_community_whose_reports_are_off_gets_none(chat: Chat) -> None:
    chat.live.current = replace(chat.live.current, reports=Timetables((Timetable(brief=None, weekly=None, monthly=None),)))
    chat.at("2026-03-16 09:31")
    assert ring(chat) == 0


def test_the_posts_stand_in_one_queue_picture_first(chat: Chat) -> None:
    desk = desk_of(chat)
    posts = list(desk.posts(desk.make(LAST_WEEK), id="x"))
    assert [post.body["msgtype"] for post in posts] == ["image", "markdown", "file"]
    assert len({post.target for post in posts}) == 1
    assert len({post.id for post in posts}) == 3


# In the console -------------------------------------------------------------------------------------------------------------

PAGE = "/console/in/main/reports"


def test_the_page_shows_the_last_whole_week_and_all_there_are(chat: Chat) -> None:
    browser = visit(met(chat))
    page = browser.opens(PAGE)
    assert "3 月 9 日 – 3 月 15 日" in page
    assert "2026 年 2 月" in page
    assert "392 条消息" in page
    assert "消息数" in browser.opens(f"{PAGE}/2026-02")
    assert "还没有可说的" in browser.opens(f"{PAGE}/2025-W20")


@pytest.mark.parametrize("id", ["2099-W01", "nonsense", "2026-W54"])
def test_what_is_no_report_is_not_there(chat: Chat, id: str) -> None:
    browser = visit(met(chat))
    browser.opens(f"{PAGE}/{id}")
    assert browser.status == 404


def test_a_report_can_be_taken_along(chat: Chat) -> None:
    browser = visit(met(chat))
    found = {form: browser.client.get(f"{PAGE}/2026-W11/{form}") for form in ("png", "xlsx", "csv")}
    assert {answer.status_code for answer in found.values()} == {200}
    assert found["png"].data.startswith(b"\x89PNG")
    assert load_workbook(io.BytesIO(found["xlsx"].data)).sheetnames[0] == "概览"
    assert "2026-03-09,周一,6,8,53,5" in found["csv"].data.decode("utf-8-sig")
    assert "2026-W11.csv" in found["csv"].headers["Content-Disposition"]


def test_a_report_is_sent_at_once_and_once_and_audited(chat: Chat) -> None:
    browser = visit(met(chat))
    browser.opens(f"{PAGE}/2026-W11")
    fields = {"csrf": browser.csrf, "once": "aa11"}
    for _ in range(2):
        assert browser.client.post(f"{PAGE}/2026-W11/send", data=fields).status_code == 303
    assert sorted(posted(chat)) == ["2026-W11 file", "2026-W11 image", "2026-W11 markdown"]
    [row] = [row for row in chat.stores.audit.newest("main", 20) if row.act == "发送报表"]
    assert row.subject == "周报 2026-W11"


def test_a_viewer_reads_reports_and_sends_none(chat: Chat) -> None:
    met(chat).as_admin("角色 lilei 观察员")
    browser = visit(chat, "lilei")
    assert "现在发到管理群" not in browser.opens(PAGE)
    browser.client.post(f"{PAGE}/2026-W11/send", data={"csrf": browser.csrf, "once": "aa11"})
    assert browser.client.post(f"{PAGE}/2026-W11/send", data={"csrf": csrf_in(browser), "once": "aa11"}).status_code == 403
    assert posted(chat) == []


def csrf_in(browser: Visit) -> str:
    """What a form of this session carries."""
    browser.opens("/console/")
    return browser.csrf


def test_the_moment_of_a_claim_is_the_end_of_what_it_is_about(chat: Chat) -> None:
    chat.at("2026-03-16 09:31")
    ring(chat)
    kept = chat.stores.firings.last(chat.community.keys, "report:week")
    assert kept
    assert to_ms(kept) == to_ms(datetime(2026, 3, 16, tzinfo=ZONE))


def test_a_report_of_a_clock_that_ran_ahead_does_not_keep_back_those_of_now(chat: Chat) -> None:
    now = chat.clock()
    ahead = now + timedelta(days=20)
    chat.stores.firings.claim(chat.community.keys, "report:day", ahead, (), ahead, None)

    assert ring(chat) == 1
    assert posted(chat) == ["2026-03-17 markdown"]
    assert ring(chat) == 0


def test_a_community_whose_report_fails_stops_no_other(chat: Chat) -> None:
    chat.stores.database.command("SET", keys.FIRED_LAST(shard=chat.community.shard, community="main"), "broken")

    assert ring(chat) == 0
