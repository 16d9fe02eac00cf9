"""Members arrive with a history and may take it along: ``python run.py members import`` and ``export``."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from chat import MAIN, Chat
from command_line import Cli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.member_reader import NOT_NOW, TOO_LONG, read, read_apart
from bot.member_transfer import MemberTransfer, standards_of
from bot.permissions import COMMAND_LINE
from rules.member_sheets import HEADS, BadRow, Lot, MemberRow, Reading, Run, Worn, members_of, report_of, table_of
from rules.sheets import Sheet, read_csv, read_excel, write_csv, write_excel
from storage.openings import Opening, PastDays
from storage.tags import MOST_OF_COMMUNITY, MOST_OF_MEMBER

pytest_plugins = ("chat", "command_line")

TODAY = date(2026, 3, 10)
SHEET = """\
会员ID,昵称,剩余积分,累计积分,会员等级,连签天数,最后签到,累计签到天数,补签卡,徽章,用户标签,加入时间,备注
lilei,李雷,"1,200",5000,,12,2026/3/9,40,2,一周不断（2026-01-07）、社群之光,上海；新人,2025年6月1日,老客户
hanmei,韩梅,30,,骨干,,,,,,,,
wmEXT_01,,100 分,,,0,,3,,,,,
"""
BAD = """\
成员ID,昵称,积分,等级,连续签到,最近签到,勋章,标签
u1,甲,10,,,,,
u1,乙,20,,,,,
,丙,5,,,,,
u2,,12.5,,,,,
u3,,-3,,,,,
u 4,,1,,,,,
u5,,1,钻石,,,,
u6,,1,,3,,,
u7,,1,,3,2026-03-32,,
u8,,1,,3,2199-01-01,,
u9,,1,,,,没有的勋章,
u10,,1,,,,,有 空格
u11,,99999999999,,,,,
u12,,#REF!,,,,,
"""


def cells(text: str) -> Reading:
    """What a CSV gives."""
    return members_of([read_csv(text.encode())], today=TODAY)


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A sheet as other tools write them, for Chinese Windows."""
    file = tmp_path / "会员.csv"
    file.write_text(SHEET, encoding="gb18030")
    return file


# Reading --------------------------------------------------------------------------------------------------------------


def test_a_sheet_says_what_other_tools_call_otherwise() -> None:
    first, second, third = cells(SHEET).rows
    assert (first.user, first.name, first.points, first.earned) == ("lilei", "李雷", 1200, 5000)
    assert (first.streak, first.longest, first.check_ins, first.last, first.cards) == (12, 12, 40, date(2026, 3, 9), 2)
    assert first.badges == (Worn("一周不断", date(2026, 1, 7)), Worn("社群之光"))
    assert (first.tags, first.joined) == (("上海", "新人"), date(2025, 6, 1))
    assert (second.level, second.points, second.earned, second.check_ins) == ("骨干", 30, None, None)
    assert (third.user, third.points, third.check_ins, third.last) == ("wmEXT_01", 100, 3, None)


@pytest.mark.parametrize(
    ("cell", "points"),
    [
        ("120", 120),
        ("1,200", 1200),
        ("１２０", 120),
        ("120.0", 120),
        (" 7分", 7),
        ("1e3", None),
        ("12.5", None),
        ("abc", None),
        ("=1+1", None),
    ],
)
def test_a_number_may_be_written_as_people_do(cell: str, points: int | None) -> None:
    reading = members_of([Sheet("", [(1, ["成员ID", "积分"]), (2, ["u1", cell])])], today=TODAY)
    assert [row.points for row in reading.rows] == ([points] if points is not None else [])
    assert bool(reading.bad) == (points is None)


@pytest.mark.parametrize(
    "cell", ["2026-03-09", "2026/3/9", "2026.3.9", "2026年3月9日", "20260309", "2026-03-09 00:00", "２０２６-０３-０９"]
)
def test_a_date_may_be_written_as_people_do(cell: str) -> None:
    reading = members_of([Sheet("", [(1, ["成员ID", "连续签到", "最近签到"]), (2, ["u1", "3", cell])])], today=TODAY)
    assert reading.rows[0].last == date(2026, 3, 9)


def test_days_alone_give_streak_longest_and_total() -> None:
    text = "成员ID,签到日\nu1,2026-02-01~2026-02-05；2026-03-08、2026-03-09"
    row = cells(text).rows[0]
    assert (row.streak, row.longest, row.check_ins, row.last) == (2, 5, 7, date(2026, 3, 9))
    assert row.days == (Run(date(2026, 2, 1), date(2026, 2, 5)), Run(date(2026, 3, 8), date(2026, 3, 9)))


def test_a_streak_without_a_date_takes_that_of_the_export() -> None:
    sheet = read_csv("成员ID,连续签到\nu1,3".encode())
    assert "最近签到" in str(members_of([sheet], today=TODAY).bad[0])
    assert members_of([sheet], today=TODAY, as_of=date(2026, 3, 9)).rows[0].last == date(2026, 3, 9)


def test_columns_are_found_below_a_title_and_without_a_head_it_is_said() -> None:
    assert cells("会员导出表,,\n,,\n会员ID,积分,\nu1,3,").rows[0].points == 3
    assert "成员 ID" in str(cells("张三,3\n李四,5").bad[0])


def test_the_report_holds_the_bad_rows_as_they_stood_and_can_be_mended() -> None:
    reading = cells(BAD)
    report = list(report_of(reading))
    assert report[0][:3] == ["成员ID", "昵称", "积分"]
    assert report[0][-2:] == ["问题", "原来的行"]
    assert len(report) == 1 + len(reading.bad)
    [row] = [row for row in report if row[0] == "u2"]
    assert row[2] == "12.5"
    assert "不是整数" in row[-2]
    row[2] = "12"
    assert [found.points for found in members_of([Sheet("", [(1, report[0]), (2, row)])], today=TODAY).rows] == [12]


days = st.dates(date(2024, 1, 1), TODAY)
names = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=20)


@st.composite
def member_rows(draw: st.DrawFn) -> MemberRow:
    """A member as an export has him."""
    points = draw(st.integers(0, 10**9))
    streak = draw(st.integers(1, 50))
    last = draw(days)
    runs = (Run(last - timedelta(days=streak - 1), last),) if streak else ()
    longest = streak + draw(st.integers(0, 50))
    lots = draw(st.dictionaries(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(1, 9), max_size=3)) if points > 30 else {}
    return MemberRow(
        line=2, user=draw(st.from_regex(r"[A-Za-z][A-Za-z0-9_\-]{0,30}", fullmatch=True)), community="main", name=draw(names), points=points,
        earned=draw(st.integers(0, 10**9)), lapses=tuple(Lot(day, n) for day, n in sorted(lots.items())), level="骨干",
        streak=streak, longest=longest, check_ins=longest + draw(st.integers(0, 99)), last=last, days=runs, cards=draw(st.integers(0, 9)),
        badges=tuple(Worn(name, draw(days)) for name in draw(st.lists(names, max_size=3, unique=True))),
        tags=tuple(draw(st.lists(names.filter(lambda name: name.lower() not in ("nan", "null", "none")), max_size=3, unique=True))),
        joined=draw(days),
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(member_rows())
def test_what_is_written_is_read_again(row: MemberRow) -> None:
    if row.name.lower() in ("nan", "null", "none"):
        return
    for table in (read_csv(write_csv(table_of([row]))), read_excel(write_excel("成员", table_of([row]), [10] * len(HEADS)))[0]):
        reading = members_of([table], today=TODAY)
        assert not reading.bad
        [found] = reading.rows
        assert list(table_of([found])) == list(table_of([row]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text(max_size=12), max_size=20), max_size=8))
def test_no_sheet_breaks_the_reader(rows: list[list[str]]) -> None:
    head = [names[0] for names in HEADS.values()]
    reading = members_of([Sheet("", [(1, head), *enumerate(rows, 2)])], today=TODAY)
    assert len(reading.rows) + len(reading.bad) <= len(rows)


def test_hostile_files_are_refused_within_their_limits(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", bytes(270_000_000))
    for name, data in {
        "a.xlsx": bomb.getvalue(),
        "b.xlsx": b"PK\x03\x04rubbish",
        "c.doc": b"x",
        "d.csv": b"\xff" * 100,
        "e.csv": b"",
    }.items():
        reading = read(name, data, today=TODAY)
        assert not reading.rows
        assert reading.bad[0].says
    many = write_csv(table_of(MemberRow(line=n, user=f"u{n}", points=n) for n in range(100_000)))
    assert read_apart("m.csv", many, today=TODAY, cpu_s=0).bad[0].says == (TOO_LONG,)


def test_a_file_for_which_no_process_can_be_started_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert read_apart("m.xlsx", b"", today=TODAY).bad[0].says == (NOT_NOW,)


# Booking --------------------------------------------------------------------------------------------------------------


def test_a_history_is_booked_once_and_members_go_on_from_there(chat: Chat, cli: Cli, sheet: Path) -> None:
    ran = cli("members", "import", "-c", "main", str(sheet))
    assert (ran.code, ran.err) == (0, "")
    assert "新导入 3 人，改动 0 人，没有变化 0 人；记入期初积分 +1330" in ran.out
    assert "1 人的累计获得不够所写的等级" in ran.out
    where, lilei = chat.community.keys, chat.member("lilei")
    assert chat.points("lilei") == 1200
    assert chat.stores.points.earned(where, chat.member("hanmei")) == 600
    assert chat.stores.check_ins.standing(where, lilei, TODAY).streak == 12
    assert {held.id: held.since for held in chat.stores.badges.of(where, lilei)}["week"] == date(2026, 1, 7)
    assert chat.stores.tags.of(where, lilei) == ("上海", "新人")
    assert chat.stores.points.discrepancies(where) == []
    said = chat.says("签到")
    assert "13" in said
    assert "欢迎" not in said


def test_the_same_file_again_changes_nothing(chat: Chat, cli: Cli, sheet: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    before = chat.log("change")
    assert "新导入 0 人，改动 0 人，没有变化 3 人；记入期初积分 +0" in cli("members", "import", "--dry-run", "-c", "main", str(sheet)).out
    assert "新导入 0 人，改动 0 人，没有变化 3 人；记入期初积分 +0" in cli("members", "import", "-c", "main", str(sheet)).out
    assert chat.points("lilei") == 1200
    assert chat.log("change") == before
    assert len(chat.stores.points.rows(chat.community.keys, chat.member("lilei"))) == 1


def test_a_corrected_file_books_the_difference(chat: Chat, cli: Cli, sheet: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    sheet.write_text(SHEET.replace('"1,200",5000', "1000,4000").replace("hanmei,韩梅,30", "hanmei,韩梅,50"), encoding="utf-8")
    assert "改动 2 人，没有变化 1 人；记入期初积分 -180" in cli("members", "import", "-c", "main", str(sheet)).out
    assert (chat.points("lilei"), chat.points("hanmei")) == (1000, 50)
    assert chat.stores.points.earned(chat.community.keys, chat.member("lilei")) == 4000
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_what_was_spent_is_not_taken_back(chat: Chat, cli: Cli, sheet: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    where, hanmei = chat.community.keys, chat.member("hanmei")
    chat.stores.points.transfer(where, hanmei, chat.member("lilei"), 25, chat.clock(), today=TODAY, once="t")
    sheet.write_text(SHEET.replace("hanmei,韩梅,30", "hanmei,韩梅,10"), encoding="utf-8")
    ran = cli("members", "import", "-c", "main", str(sheet))
    assert ran.code == 1
    assert "要收回的比他现有的 5 分还多" in ran.err
    assert chat.points("hanmei") == 5


def test_every_bad_row_is_told_and_nothing_is_booked(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "坏.csv"
    file.write_text(BAD, encoding="utf-8")
    ran = cli("members", "import", "-c", "main", str(file))
    assert ran.code == 1
    for line, says in {
        3: "和第 2 行是同一个人", 4: "没有成员 ID", 5: "不是整数", 6: "负数", 7: "不是企业微信的 ID", 8: "没有“钻石”这个等级", 9: "最近签到",
        10: "不是日期", 11: "在今天以后", 12: "没有“没有的勋章”这枚勋章", 13: "标签“有 空格”不能用", 14: "太大了", 15: "算错的公式",
    }.items():  # fmt: skip
        [told] = [told for told in ran.err.splitlines() if f"第 {line} 行：" in told]
        assert says in told
    assert chat.stores.directory.find_number("u1") is None
    [report] = read_excel((tmp_path / "坏.问题.xlsx").read_bytes())
    assert len(report.rows) == 1 + 13
    skipped = cli("members", "import", "--skip-bad", "-c", "main", str(file))
    assert (skipped.code, "新导入 1 人" in skipped.out) == (1, True)


def test_everything_that_is_wrong_in_a_row_is_told_at_once(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    del chat
    file = tmp_path / "坏.csv"
    file.write_text("成员ID,积分,等级,勋章,标签\nu1,三十,钻石,没有的,有 空格", encoding="utf-8")
    told = cli("members", "import", "-c", "main", str(file)).err
    assert all(part in told for part in ("不是整数", "没有“钻石”", "没有“没有的”", "标签“有 空格”不能用"))


def test_two_communities_and_no_column_is_asked_about(chat: Chat, cli: Cli, sheet: Path) -> None:
    del chat
    assert "请加“社群”一列，或者用 --community" in cli("members", "import", str(sheet)).err
    assert "没有“nowhere”这个社群" in cli("members", "import", "-c", "nowhere", str(sheet)).err


def test_who_was_erased_does_not_come_back(chat: Chat, cli: Cli, sheet: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    cli("erase", "lilei", "--yes")
    ran = cli("members", "import", "-c", "main", str(sheet))
    assert "他要求删除过个人数据" in ran.err
    assert chat.stores.directory.find_number("lilei") is None


def test_own_check_ins_stay_and_an_older_history_joins_them(chat: Chat) -> None:
    chat.says("签到")
    where, lilei = chat.community.keys, chat.member()
    past = PastDays(TODAY - timedelta(days=1), 5, 9, 30, [(date(2026, 1, 1), date(2026, 1, 9))])
    book = lambda opening: chat.stores.openings.book(where, lilei, opening, chat.clock(), today=TODAY, lapses=None, once="o")  # noqa: E731
    assert not book(Opening(points=10, days=past)).has_own_days
    standing = chat.stores.check_ins.standing(where, lilei, TODAY)
    assert (standing.streak, standing.longest, standing.total) == (6, 9, 31)
    assert len(chat.stores.check_ins.days(where, lilei)) == 9 + 5 + 1
    chat.later(days=1)
    chat.says("签到")
    assert book(Opening(points=10, days=PastDays(date(2026, 1, 2), 1, 1, 1))).has_own_days
    assert chat.stores.check_ins.standing(where, lilei, TODAY + timedelta(days=1)).total == 32


def test_opening_points_lapse_when_the_sheet_says_so(chat: Chat) -> None:
    chat.says("你好")
    where, lilei = chat.community.keys, chat.member()
    opening = Opening(points=100, lots=[(date(2026, 3, 31), 30)])
    chat.stores.openings.book(where, lilei, opening, chat.clock(), today=TODAY, lapses=None, once="o")
    assert [(lot.last, lot.n) for lot in chat.stores.points.account(where, lilei, TODAY).lots] == [(date(2026, 3, 31), 30)]
    chat.stores.points.lapse(where, chat.clock(), today=date(2026, 4, 1))
    assert chat.points() == 70


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example has its own member
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 90), st.integers(0, 3)), min_size=1, max_size=6))
def test_any_series_of_corrections_ends_at_its_last(chat: Chat, series: list[tuple[int, int, int]]) -> None:
    where, number = chat.community.keys, chat.stores.directory.enrol(f"u{chat.clock().timestamp()}", community="main").number
    for points, earned, cards in series:
        for _ in range(2):
            opening = Opening(points=points, earned=earned, cards=cards)
            chat.stores.openings.book(where, number, opening, chat.clock(), today=TODAY, lapses=TODAY, once="o")
    points, earned, cards = series[-1]
    assert (chat.stores.points.balance(where, number), chat.stores.points.earned(where, number)) == (points, earned)
    assert sum(row.amount for row in chat.stores.points.rows(where, number, 99)) == points
    assert chat.stores.points.discrepancies(where) == []


def test_two_imports_at_once_book_once(chat: Chat) -> None:
    rows = "\n".join(f"u{n},{10 + n},{n % 5},2026-03-09" for n in range(60))
    standards = standards_of(chat.stores.content, chat.config.content_path)
    transfer = MemberTransfer(chat.stores, standards, chat.communities, chat.erased, chat.clock)
    plan = transfer.plan(cells(f"成员ID,积分,连续签到,最近签到\n{rows}"), "main")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: transfer.bring_in(plan, COMMAND_LINE, "f.csv"), range(3)))
    assert (sum(one.new for one in done), sum(one.same for one in done)) == (60, 120)
    assert [chat.points(f"u{n}") for n in range(60)] == [10 + n for n in range(60)]
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_an_interrupted_import_is_taken_in_again(chat: Chat) -> None:
    standards = standards_of(chat.stores.content, chat.config.content_path)
    transfer = MemberTransfer(chat.stores, standards, chat.communities, chat.erased, chat.clock)
    plan = transfer.plan(cells("成员ID,积分\n" + "\n".join(f"u{n},7" for n in range(1_200))), "main")

    class Cut(Exception):
        """The power fails."""

    def cut(done: int, total: int) -> None:
        if done < total:
            raise Cut

    with pytest.raises(Cut):
        transfer.bring_in(plan, COMMAND_LINE, "f.csv", cut)
    done = transfer.bring_in(plan, COMMAND_LINE, "f.csv")
    assert (done.new, done.same) == (700, 500)
    assert chat.stores.points.balance(chat.community.keys, chat.member("u3")) == 7


# What is here already -------------------------------------------------------------------------------------------------


def write(tmp_path: Path, text: str) -> str:
    """A sheet."""
    file = tmp_path / "m.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


def earn(chat: Chat, points: int, user: str = "lilei") -> int:
    """Points that a member earned here; his number."""
    where, number = chat.community.keys, chat.stores.directory.enrol(user, name=user, community="main").number
    chat.stores.points.award(where, number, chat.clock(), today=TODAY, reason="task", points=points, once=f"{user}:{points}")
    return number


def test_an_export_taken_in_where_it_was_made_doubles_nobody(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    earn(chat, 100)
    file = str(tmp_path / "m.csv")
    cli("members", "export", file)
    for words in ((), ("--dry-run",)):
        ran = cli("members", "import", *words, file)
        assert ran.code == 1
        assert "1 人在这里已经有 100 积分（累计获得 100），导入会加在上面" in ran.err
        assert "--add" in ran.err
        assert chat.points() == 100
    ran = cli("members", "import", "--add", file)
    assert (ran.code, ran.err, chat.points()) == (0, "", 200)


def test_an_export_of_somebody_who_was_brought_and_earned_since_doubles_nobody(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,积分\nlilei,100"))
    earn(chat, 50)
    ran = cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,积分\nlilei,150"))
    assert (ran.code, chat.points()) == (1, 150)
    ran = cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,积分\nlilei,120"))
    assert (ran.code, chat.points()) == (0, 170)


def test_a_level_raises_by_what_is_missing(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    number = earn(chat, 500)
    earned = lambda: chat.stores.points.earned(chat.community.keys, number)  # noqa: E731
    sheet = write(tmp_path, "成员 ID,等级\nlilei,骨干")
    assert cli("members", "import", "-c", "main", sheet).code == 0
    assert earned() == 600
    earn(chat, 30)
    assert "没有变化 1 人" in cli("members", "import", "-c", "main", sheet).out
    assert earned() == 630
    cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,等级\nlilei,新芽"))
    assert earned() == 530


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example has its own member
@given(st.integers(0, 900), st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=1, max_size=5))
def test_any_series_of_levels_ends_at_its_last(chat: Chat, own: int, series: list[tuple[int, int]]) -> None:
    where, number = chat.community.keys, chat.stores.directory.enrol(f"l{chat.clock().timestamp()}", community="main").number
    chat.later(seconds=1)
    if own:
        chat.stores.points.award(where, number, chat.clock(), today=TODAY, reason="task", points=own, once=f"{number}")
    for earned, level_at in series:
        for _ in range(2):
            opening = Opening(earned=earned, level_at=level_at)
            chat.stores.openings.book(where, number, opening, chat.clock(), today=TODAY, lapses=TODAY, once="o")
    earned, level_at = series[-1]
    assert chat.stores.points.earned(where, number) == max(own + earned, level_at)


@pytest.mark.parametrize(
    "rows",
    ["main,lilei,10\n主群,lilei,999", "main,lilei,10\n,lilei,5", "main,lilei,10\nmain,LiLei,5", "oops,x,1\nmain,lilei,1\nwrMAIN,lilei,5"],
)
def test_one_person_on_two_rows_is_seen_however_they_name_the_community(chat: Chat, cli: Cli, tmp_path: Path, rows: str) -> None:
    rows = rows.replace("主群", chat.community.name).replace("wrMAIN", MAIN)
    ran = cli("members", "import", "-c", "main", write(tmp_path, f"社群,成员 ID,积分\n{rows}"))
    assert ran.code == 1
    assert "是同一个人（" in ran.err
    assert chat.stores.directory.find_number("lilei") is None


def test_points_that_were_corrected_count_as_earned_while_nothing_else_is_said(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    for points in (10, 1000):
        cli("members", "import", "-c", "main", write(tmp_path, f"成员 ID,积分\nlilei,{points}"))
        assert chat.stores.points.earned(chat.community.keys, chat.member("lilei")) == points
    cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,累计获得\nlilei,700"))
    cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,积分\nlilei,900"))
    assert (chat.points("lilei"), chat.stores.points.earned(chat.community.keys, chat.member("lilei"))) == (900, 700)


def test_when_points_lapse_cannot_be_corrected_and_the_row_says_so(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    head = "成员 ID,积分,积分到期"
    assert cli("members", "import", "-c", "main", write(tmp_path, f"{head}\nlilei,100,2027-03-31 60")).code == 0
    assert cli("members", "import", "-c", "main", write(tmp_path, f"{head}\nlilei,120,2027-03-31 60")).code == 0
    for corrected in ("永不", "2027-04-30 60"):
        ran = cli("members", "import", "--dry-run", "-c", "main", write(tmp_path, f"{head}\nlilei,100,{corrected}"))
        assert ran.code == 1
        assert "“积分到期”在上次导入时就定下了，不能再改" in ran.err
    assert chat.points("lilei") == 120


def test_an_export_of_those_who_were_brought_changes_nothing(chat: Chat, cli: Cli, sheet: Path, tmp_path: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    cli("members", "export", str(tmp_path / "m.xlsx"))
    cli("members", "export", str(tmp_path / "before.csv"))
    ran = cli("members", "import", str(tmp_path / "m.xlsx"))
    assert (ran.code, ran.err) == (0, "")
    assert "记入期初积分 +0" in ran.out
    cli("members", "export", str(tmp_path / "after.csv"))
    assert (tmp_path / "after.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()


def test_when_points_lapse_may_come_with_the_first_points(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,补签卡\nlilei,1"))
    assert cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,积分,积分到期\nlilei,100,2027-03-31 60")).code == 0
    [lot] = chat.stores.points.account(chat.community.keys, chat.member("lilei"), TODAY).lots
    assert (lot.last, lot.n) == (date(2027, 3, 31), 60)


def test_a_mistyped_chat_is_no_community(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    chat.says("你好", group="wrELSEWHERE")
    ran = cli("members", "import", write(tmp_path, "社群,成员 ID,积分\nwrELSEWHERE,a,1\nwrELSEWERE,b,2"))
    assert ran.code == 1
    assert "没有“wrELSEWERE”这个社群" in ran.err
    assert "第 2 行" not in ran.err
    assert chat.stores.directory.find_number("b") is None


def test_an_id_in_other_case_is_no_second_person(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    chat.says("你好", user="ZhangSan")
    ran = cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,积分\nzhangsan,10\nlisi,1"))
    assert ran.code == 1
    assert "第 2 行：这里已经有“ZhangSan”" in ran.err
    assert "第 3 行" not in ran.err
    assert chat.stores.directory.find_number("zhangsan") is None


def test_tags_that_do_not_fit_are_told_before_anything_is_booked(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    rows = "".join(f"u{n},标{n}\n" for n in range(MOST_OF_COMMUNITY + 2))
    ran = cli("members", "import", "-c", "main", write(tmp_path, f"成员 ID,标签\n{rows}"))
    assert (ran.code, ran.err.count("标签已满")) == (1, 2)
    assert chat.stores.tags.all(chat.community.keys) == {}
    where, lilei = chat.community.keys, chat.stores.directory.enrol("lilei", community="main").number
    for n in range(MOST_OF_MEMBER):
        chat.stores.tags.add(where, lilei, f"旧{n}", chat.clock(), actor=1, once="")
    ran = cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,标签\nlilei,旧1\nlisi,旧1"))
    assert ran.code == 0
    ran = cli("members", "import", "-c", "main", write(tmp_path, "成员 ID,标签\nlilei,新"))
    assert (ran.code, "标签已满：他已经有 30 个" in ran.err) == (1, True)


def test_tags_that_found_no_room_while_importing_are_told(chat: Chat) -> None:
    standards = standards_of(chat.stores.content, chat.config.content_path)
    transfer = MemberTransfer(chat.stores, standards, chat.communities, chat.erased, chat.clock)
    plan = transfer.plan(cells("成员ID,积分,标签\nlilei,7,新、旧1"), "main")
    where, lilei = chat.community.keys, chat.stores.directory.enrol("lilei", community="main").number
    for n in range(MOST_OF_MEMBER):
        chat.stores.tags.add(where, lilei, f"旧{n}", chat.clock(), actor=1, once="")
    [bad] = transfer.bring_in(plan, COMMAND_LINE, "f.csv").bad
    assert bad.says == ("标签已满，“新”没有加上，别的都导入了",)
    assert chat.points("lilei") == 7


# Out and in again -----------------------------------------------------------------------------------------------------


def test_an_export_taken_into_an_empty_installation_exports_the_same(chat: Chat, cli: Cli, sheet: Path, tmp_path: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    for day in range(3):
        chat.at(f"2026-03-1{day} 12:00")
        chat.says("签到", name="李雷")
        chat.says("签到", user="newcomer")
    for ending in ("xlsx", "csv"):
        first, again = tmp_path / f"成员.{ending}", tmp_path / f"又.{ending}"
        assert cli("members", "export", str(first)).code == 0
        chat.stores.database.command("FLUSHALL")
        ran = cli("members", "import", str(first))
        assert (ran.code, ran.err) == (0, "")
        cli("members", "export", str(again))
        tables = [read_excel(file.read_bytes())[0] if ending == "xlsx" else read_csv(file.read_bytes()) for file in (first, again)]
        rows = [sorted(list(cells) for _, cells in table.rows) for table in tables]  # who is first in the file may get a later number
        assert rows[0] == rows[1]
        assert len(tables[0].rows) == 1 + 4


def test_the_ledger_is_exported_with_its_reasons(chat: Chat, cli: Cli, sheet: Path, tmp_path: Path) -> None:
    cli("members", "import", "-c", "main", str(sheet))
    chat.says("签到", user="hanmei")
    file = tmp_path / "账本.csv"
    assert cli("points", "export", str(file)).code == 0
    rows = [row for _, row in read_csv(file.read_bytes()).rows]
    of_hanmei = [(row[5], row[7], row[10]) for row in rows if len(row) > 3 and row[3] == "hanmei"]
    assert of_hanmei == [("30", "期初余额", "30"), ("5", "签到", "35")]
    assert cli("points", "export", "-u", "wmEXT_01", str(file)).code == 0
    assert len(read_csv(file.read_bytes()).rows) == 1 + 1


def test_what_was_brought_is_exported_and_erased_with_the_person(chat: Chat) -> None:
    chat.says("你好")
    where, lilei = chat.community.keys, chat.member()
    chat.stores.openings.book(where, lilei, Opening(points=7), datetime(2026, 3, 10, tzinfo=UTC), today=TODAY, lapses=None, once="o")
    assert chat.stores.openings.export_user(lilei)["main"]["积分"] == 7
    chat.stores.openings.erase_user(lilei)
    assert chat.stores.openings.export_user(lilei) == {}


def test_a_bad_row_says_where_and_what() -> None:
    assert str(BadRow(3, "第 3 行", ("少了 ID", "积分不对"))) == "第 3 行：少了 ID；积分不对"


def test_who_asks_for_the_import_in_chat_is_told_the_way_that_works(chat: Chat, cli: Cli, tmp_path: Path) -> None:
    said = chat.as_admin("导入成员 会员.xlsx")
    told = re.search(r"python run\.py (members import) 会员\.xlsx --community main --dry-run", said)
    assert told
    file = tmp_path / "会员.csv"
    file.write_text("成员 ID,积分\nlilei,120\n", encoding="utf-8")
    assert cli(*told[1].split(), str(file), "--community", "main", "--dry-run").code == 0
    assert "只有管理员可以用" in chat.privately("导入成员", user="hanmei")
