"""Tables of questions and answers: our own come back the same, other people's are understood, and every bad row is named."""

from __future__ import annotations

import io
import string
import time
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from bot.faq_reader import read as read_file
from bot.faq_reader import read_apart
from rules import sheets
from rules.contents import FAQ, ContentProblem, dump, entry_to_json, from_items, items_of, parse
from rules.entries import Entry, LinkCard, id_of
from rules.faq_sheets import HEADS, Reading, entries_of, rows_of
from rules.sheets import read_csv, read_excel, write_csv, write_excel
from tests.timing import SLOWER

PLAIN = "字 ab;；|｜\"'=+-@＝,，\n、{}#12："


def csv_of(*rows: str) -> bytes:
    return "\r\n".join(rows).encode()


def excel_of(*rows: Sequence[Any], title: str = "Sheet") -> bytes:
    book, out = Workbook(), io.BytesIO()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def read(*rows: str, ids: dict[str, str] | None = None) -> Reading:
    return entries_of([read_csv(csv_of(*rows))], ids or {})


# There and back ---------------------------------------------------------------------------------------------------------
lines = st.text(PLAIN.replace("\n", "").replace("{}", ""), min_size=1, max_size=12).map(lambda text: f"{text}字".strip())
answers = st.text(PLAIN.replace("{}", ""), max_size=20).map(lambda text: f"{text.strip()}字")
ids = st.text(string.ascii_lowercase + "=-07", min_size=1, max_size=6)
days = st.none() | st.dates(date(2020, 1, 1), date(2029, 12, 31))
cards = st.none() | st.builds(LinkCard, lines, st.just("") | answers, st.just("https://example.com/a?b=1"), st.just(""))
keywords = lines.map(lambda text: text.replace("+", "").strip())
entries = st.builds(
    Entry, ids, lines, answers, st.lists(lines, max_size=3, unique=True).map(tuple), st.lists(keywords, max_size=2, unique=True).map(tuple),
    st.booleans(), st.just("") | st.just("图/a.png"), st.just("") | st.just("https://example.com/f.pdf"), cards,
    st.lists(ids, max_size=2, unique=True).map(tuple), st.sampled_from(["member", "operator"]), days,
).filter(lambda entry: FAQ.model.validate_python(FAQ.unbuild((entry,))) is not None)  # fmt: skip
faqs = st.lists(entries, max_size=5, unique_by=lambda entry: entry.id).map(tuple)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faqs)
def test_an_faq_comes_back_the_same_from_yaml_and_from_csv(faq: tuple[Entry, ...]) -> None:
    assert parse(FAQ, dump(FAQ, faq)) == faq
    assert from_items(FAQ, items_of(FAQ, faq)) == faq
    assert entries_of([read_csv(write_csv(rows_of(faq)))], {}) == Reading(faq, (), ())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(faqs)
def test_an_faq_comes_back_the_same_from_excel(faq: tuple[Entry, ...]) -> None:
    assert entries_of(read_excel(write_excel("问答", rows_of(faq), ())), {}) == Reading(faq, (), ())


def test_a_list_too_long_for_a_cell_goes_on_in_the_next_row() -> None:
    faq = (Entry("a", "问", "答", tuple(f"{number}" + "很长的问法" * 60 for number in range(300))), Entry("b", "别的", "答"))
    rows = list(rows_of(faq))
    assert max(len(cell) for row in rows for cell in row) <= sheets.LONGEST_CELL
    assert entries_of(read_excel(write_excel("问答", rows, ())), {}).entries == faq


# Other people's sheets ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "rows",
    [
        ["问题,相似问,答案", '怎么退款,"退钱\n如何退款",点申请'],
        ["分类,标准问题,回复内容,相似问题", "售后,怎么退款,点申请,退钱；如何退款"],
        ["序号,标 准 问（必填）,相似问法1,相似问法2,回 答（必填）,关键词", "1,怎么退款,退钱,如何退款,点申请,"],
        ["问题;答案;相似问", "怎么退款;点申请;退钱｜如何退款"],
        ["问题\t答案\t相似问", "怎么退款\t点申请\t退钱|如何退款"],
        ["客服知识库导出,,", "", "标准问,相似问,答案", "怎么退款,退钱,点申请", ",如何退款,"],
        ["question,similar,answer", "怎么退款,退钱,点申请", "怎么退款？,如何退款,点申请"],
    ],
)
def test_sheets_that_people_have_are_understood(rows: list[str]) -> None:
    read_one = read(*rows)
    assert read_one.problems == ()
    assert read_one.entries == (Entry(id_of("怎么退款"), "怎么退款", "点申请", ("退钱", "如何退款")),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_usual_encoding_is_read(encoding: str) -> None:
    data = "问题,答案\r\n怎么退款,点“申请” 囧\r\n".encode(encoding)
    assert entries_of([read_csv(data)], {}).entries[0].answer == "点“申请” 囧"


def test_other_columns_are_read_as_people_write_them() -> None:
    reading = read(
        "问题,答案,关键词,角色,生效日期,失效时间,Markdown,卡片标题,卡片链接,所属分类,备注",
        "怎么退款,点申请,退款;退钱,运营,2026/3/1,2026年12月31日,是,退款,https://example.com,售后,无",
        "怎么换货,点换货,,成员,长期,永久,否,,,,",
    )
    card = LinkCard("退款", "", "https://example.com")
    assert reading.entries == (
        Entry(
            id_of("怎么退款"),
            "怎么退款",
            "点申请",
            (),
            ("退款", "退钱"),
            True,
            "",
            "",
            card,
            (),
            "operator",
            date(2026, 3, 1),
            date(2026, 12, 31),
        ),
        Entry(id_of("怎么换货"), "怎么换货", "点换货"),
    )
    assert reading.notes == ("没有用到的列：所属分类、备注",)


def test_a_question_that_is_there_keeps_its_id() -> None:
    assert read("问题,答案", "怎么退款？,点申请", ids={"怎么退款": "refund"}).entries[0].id == "refund"
    assert read("编号,问题,答案", "r2,怎么退款？,点申请", ids={"怎么退款": "refund"}).entries[0].id == "r2"


def test_an_excel_file_of_several_sheets_with_numbers_and_dates_is_read() -> None:
    book, out = Workbook(), io.BytesIO()
    book.active.title = "说明"
    book.active.append(["请按格式填写"])
    for title, question in (("售前", "几天到"), ("售后", 10086)):
        sheet = book.create_sheet(title)
        sheet.append(["问题", "答案", "生效日期"])
        sheet.append([question, 3, date(2026, 3, 1)])
    book.save(out)
    reading = entries_of(read_excel(out.getvalue()), {})
    assert [(entry.question, entry.answer, entry.valid_from) for entry in reading.entries] == [
        ("几天到", "3", date(2026, 3, 1)),
        ("10086", "3", date(2026, 3, 1)),
    ]
    assert reading.notes == ("工作表“说明”没有“问题”和“答案”两列，没有读",)


# What is wrong --------------------------------------------------------------------------------------------------------------
def test_every_bad_row_is_named_with_column_and_remedy() -> None:
    reading = read(
        "编号,标准问,相似问,答案,失效日期,角色",
        "a,,,没有问题,,",
        "b,怎么退款,,,,",
        "c,怎么换货,,点换货,下周,老板",
        f"c,怎么付款,{'长' * 501},支付宝,,",
        "d,怎么换货？,,别的答案,,",
        "c,怎么换货,,又一个答案,,",
    )
    assert reading.entries == ()
    assert reading.problems == (
        "第 2 行（问题）：缺少问题，请补上；不要的行请整行删去",
        "第 3 行（答案）：缺少这一项，请补上",
        "第 4 行（角色）：只能是 member、viewer、moderator、operator、admin、owner",
        "第 4 行（失效日期）：应该是日期，例如 2026-03-10",
        "第 5 行（相似问）：太长了，最多 500 个字",
        "第 7 行（答案）：和第 4 行是同一个问题，内容却不一样，请只保留一个",
    )


def test_a_row_that_is_there_twice_is_taken_once() -> None:
    reading = read("问题,答案,角色", "怎么退款,点申请,", "怎么退款？,点申请,")
    assert [entry.question for entry in reading.entries] == ["怎么退款"]


def test_more_wordings_in_a_row_of_their_own_say_nothing_else() -> None:
    assert read("问题,相似问,答案,角色", "怎么退款,退钱,点申请,", ",如何退款,别的答案,运营").problems == (
        "第 3 行（答案）：和第 2 行是同一个问题，内容却不一样，请只保留一个",
        "第 3 行（角色）：和第 2 行是同一个问题，内容却不一样，请只保留一个",
    )


def test_a_bad_wording_is_named_with_its_own_row() -> None:
    assert read("问题,相似问,答案", "怎么退款,退钱,点申请", f",{'长' * 501},").problems == ("第 3 行（相似问）：太长了，最多 500 个字",)


def test_an_id_that_is_there_twice_is_named() -> None:
    assert read("编号,问题,答案", "a,问一,答", "a,问二,答").problems == ("第 3 行（编号）：id“a”已经用过了，请换一个",)


def test_every_bad_row_of_many_is_named() -> None:
    reading = read("问题,答案", *[f"问题 {number}," for number in range(3_000)])
    assert len(reading.problems) == 3_000
    assert reading.problems[-1].startswith("第 3001 行（答案）")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "找不到表头"),
        ("名称,说明\n1,2\n".encode(), "找不到表头"),
        ('问题,答案\n甲,"乙\n'.encode(), "引号不成对"),
        ("问题,答案\n甲,".encode() + b"\xff\xff\xff\n", "第 2 行：文字编码"),
        (f"问题,答案\n甲,{'长' * 1_000_001}\n".encode(), "超过 1000000 个字"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_why(data: bytes, said: str) -> None:
    try:
        problems: Sequence[str] = entries_of([read_csv(data)], {}).problems
    except ContentProblem as problem:
        problems = problem.problems
    assert len(problems) == 1
    assert said in problems[0]


# Hostile files ----------------------------------------------------------------------------------------------------------------
def test_what_a_spreadsheet_would_run_goes_out_as_text_and_comes_back_itself() -> None:
    faq = (Entry("=1+1", "=HYPERLINK(1)", "@SUM(A1)", ("-1", "+2"), ("'=x",)),)
    data = write_csv(rows_of(faq))
    cells = data.decode("utf-8-sig").replace('"', "").replace("\r\n", ",").split(",")
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert entries_of([read_csv(data)], {}).entries == faq
    book = load_workbook(io.BytesIO(write_excel("问答", rows_of(faq), ())))
    assert {cell.data_type for row in book.active.iter_rows() for cell in row if cell.value} == {"s"}


def test_a_formula_in_an_excel_file_is_not_computed() -> None:
    data = excel_of(["问题", "答案"], ["甲", '=HYPERLINK("http://evil.example","点我")'])
    assert entries_of(read_excel(data), {}).problems == ("第 2 行（答案）：缺少这一项，请补上",)


def test_a_zip_bomb_is_refused_unread() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", bytes(8 * 1024 * 1024))
    with pytest.raises(ContentProblem, match="解压后超过"):
        read_excel(out.getvalue(), most_unpacked=1024 * 1024)


BOMBS = {
    "xl/sharedStrings.xml": b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + b"<si/>" * 2_000_000 + b"</sst>",
    "xl/styles.xml": b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs>'
    + b"<xf/>" * 2_000_000
    + b"</cellXfs></styleSheet>",
}


def bomb_of(member: str, content: bytes) -> bytes:
    """A sheet of two rows, with one of its members exchanged."""
    out, plain = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(plain) as book:
        sheet = book.add_worksheet()
        for row, cells in enumerate([["问题", "答案"], ["甲", "乙"]]):
            sheet.write_row(row, 0, cells)
    with (
        zipfile.ZipFile(plain) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in good.namelist():
            packed.writestr(name, content if name == member else good.read(name))
    return out.getvalue()


@pytest.mark.parametrize("member", BOMBS)
def test_a_small_file_with_a_member_out_of_proportion_is_refused_unread(member: str) -> None:
    data = bomb_of(member, BOMBS[member])
    assert len(data) < 100_000
    started = time.process_time()
    with pytest.raises(ContentProblem, match="大得不正常"):
        read_excel(data)
    assert time.process_time() - started < 1 * SLOWER


@pytest.fixture(scope="module")
def heavy() -> bytes:
    """A sheet with minutes of work in it, not so dense that it is refused unread."""
    content = b"".join(b"<si><t>%d</t></si>" % (number * 7919) for number in range(1_500_000))
    return bomb_of("xl/sharedStrings.xml", b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + content + b"</sst>")


@pytest.mark.parametrize(
    ("limits", "said"),
    [({"cpu_s": 1}, "时间太长"), ({"wall_s": 1.5}, "时间太长"), ({"memory": 220 * 1024 * 1024}, "展开后太大")],
    ids=str,
)
def test_what_would_take_too_long_or_too_much_is_given_up_elsewhere(heavy: bytes, limits: dict[str, Any], said: str) -> None:
    used, started = time.process_time(), time.monotonic()
    reading = read_apart("faq.xlsx", heavy, {}, **limits)
    assert [said in problem for problem in reading.problems] == [True]
    assert time.monotonic() - started < 2 * SLOWER
    assert time.process_time() - used < 1 * SLOWER


def test_what_is_read_elsewhere_is_the_same() -> None:
    card = LinkCard("退款", "", "https://example.com")
    faq = (Entry("a", "怎么退款", "点申请", ("退钱",), card=card, valid_from=date(2026, 3, 1)), Entry("b", "怎么换货", "点换货"))
    present = {"old": entry_to_json(Entry("old", "怎么发货", "等"))}
    data = write_excel("问答", rows_of(faq), ())
    assert read_apart("faq.xlsx", data, present) == read_file("faq.xlsx", data, present) == Reading(faq, (), ())
    table = csv_of("问题,答案,分类", "怎么发货,快了,x")
    found = read_apart("faq.csv", table, present)
    assert (found.entries[0].id, found.notes) == ("old", ("没有用到的列：分类",))
    assert "不认识" in read_apart("faq.exe", table, present).problems[0]


def test_a_sheet_of_a_million_empty_rows_is_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 5_000)
    book, out = Workbook(), io.BytesIO()
    book.active["A1"], book.active["A1048576"] = "问题", "答案"
    book.save(out)
    with pytest.raises(ContentProblem, match="超过 5000 行"):
        read_excel(out.getvalue())
    with pytest.raises(ContentProblem, match="超过 5000 行"):
        read_csv(b"a,b\n" * 5_001)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04", b"not a zip at all", b"\xd0\xcf\x11\xe0" + bytes(600)],
    ids=["empty", "cut", "text", "old"],
)
def test_what_is_no_excel_file_is_told_so(data: bytes) -> None:
    with pytest.raises(ContentProblem, match="另存"):
        read_excel(data)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_excel_file_is_read_or_refused(damages: list[tuple[float, int]]) -> None:
    data = bytearray(excel_of(["问题", "答案"], ["甲", "乙"]))
    for where, what in damages:
        data[int(where * len(data))] = what
    try:
        assert isinstance(entries_of(read_excel(bytes(data)), {}), Reading)
    except ContentProblem as problem:
        assert problem.problems


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(PLAIN, max_size=60).map(lambda text: f"问题,答案\n{text}".encode()))
def test_any_bytes_are_a_table_or_a_problem(data: bytes) -> None:
    try:
        reading = entries_of([read_csv(data)], {})
    except ContentProblem as problem:
        assert problem.problems
    else:
        assert not (reading.entries and reading.problems)


def test_every_field_of_an_entry_has_a_column() -> None:
    assert {head.split(".")[0] for head in HEADS} == set(Entry.__dataclass_fields__)


@pytest.mark.parametrize(("name", "shown"), [("粘性 DAU/MAU", "粘性 DAU MAU"), ("[问]：*?", "问 ："), ("长" * 40, "长" * 31), ("'/'", "1")])
def test_a_sheet_bears_any_name_as_far_as_excel_takes_it(name: str, shown: str) -> None:
    assert load_workbook(io.BytesIO(write_excel(name, [["词"], ["好"]], (10,)))).sheetnames == [shown]
