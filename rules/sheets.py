"""Tables of text as files: CSV and Excel, in and out.

What comes in may be anything: sizes are limited before anything is unpacked, every cell is text, a formula is the value that it had. What goes
out is safe to open: a cell that a spreadsheet would take for a formula gets an apostrophe in front, which is taken off again when it comes in.
"""

from __future__ import annotations

import csv
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, count, islice
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from xlsxwriter import Workbook

from rules.cells import CellKind, csv_pieces, defused, fused
from rules.content_file import ContentProblem

MOST_BYTES = 64 * 1024 * 1024
MOST_UNPACKED = 400 * 1024 * 1024
"""Bytes that an Excel file may unpack to: 100,000 entries take about 60 MB."""
MOST_MEMBERS = 2_000
MOST_ELSE = 4 * 1024 * 1024
"""Bytes that any member unpacks to that holds no cells: styles, themes. They are read whole, at some 2 s for a megabyte."""
MOST_DENSE = 100
"""How many times its packed size a member may unpack to that is larger than that and no sheet; text packs to a fifth."""
MOST_ROWS = 600_000
"""Rows of all sheets together, empty ones too."""
MOST_COLUMNS = 64
FIRST_ROWS = 200
"""Rows by which a written table's columns get their widths."""
LONGEST_CELL = 32_767
"""Excel's own limit, in characters; CSV has none, up to LONGEST_FIELD."""
LONGEST_FIELD = 1_000_000

_BAD_EXCEL = (
    zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, EOFError,
    NotImplementedError, RuntimeError, OverflowError, zlib.error, lzma.LZMAError,
)  # fmt: skip
_EXACT = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
"""Numbers that Excel keeps to the last digit."""
_IN_REFERENCES = re.compile(r"[\[\]:*?/\\]")
_FORMS: Mapping[CellKind, str] = {"text": "@", "number": "General", "day": "yyyy-mm-dd", "moment": "yyyy-mm-dd hh:mm"}
_READ: Mapping[CellKind, str] = {"day": "%Y-%m-%d", "moment": "%Y-%m-%d %H:%M"}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its name ("" in a CSV), and the rows that are not empty, each with the line it begins on."""

    name: str
    rows: Sequence[tuple[int, Sequence[str]]]


def read_csv(data: bytes) -> Sheet:
    """The table of a CSV file: UTF-8, UTF-16 with its mark, or GB18030; separated by commas, semicolons or tabs. Raises ContentProblem."""
    _refuse_large(len(data))
    text = decode(data)
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    rows: list[tuple[int, Sequence[str]]] = []
    line = 1
    try:
        for number, cells in enumerate(reader):
            _refuse_endless(number + 1)
            if any(cells):
                rows.append((line, [fused(cell) for cell in cells[:MOST_COLUMNS]]))
            line = reader.line_num + 1
    except csv.Error as error:
        remedy = f"有一格超过 {LONGEST_FIELD} 个字，请拆成几条" if "limit" in str(error) else "引号不成对，请检查这一行和它前后的引号"
        raise ContentProblem([f"第 {line} 行：{remedy}"]) from None
    return Sheet("", rows)


def read_excel(data: bytes, *, most_unpacked: int = MOST_UNPACKED) -> list[Sheet]:
    """The tables of an .xlsx file, which may unpack to ``most_unpacked`` bytes. Raises ContentProblem."""
    _refuse_large(len(data))
    if data.startswith(_OLD_EXCEL):
        raise ContentProblem(["是旧版 Excel（.xls）或者加了密码，请去掉密码并另存为 .xlsx"])
    try:
        _refuse_bomb(data, most_unpacked)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        lines = count(1)
        return [Sheet(str(sheet.title), list(_rows_of(sheet, lines))) for sheet in book.worksheets]
    except ContentProblem:
        raise
    except _BAD_EXCEL as error:
        raise ContentProblem([f"不是完好的 .xlsx 文件（{type(error).__name__}），请用 Excel 或 WPS 打开后另存一次"]) from None


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV file that Excel opens with the right characters: UTF-8 with its mark."""
    return b"".join(csv_pieces(rows))


def write_excel(name: str, rows: Iterable[Sequence[str]], widths: Sequence[int], kinds: Sequence[CellKind] = ()) -> bytes:
    """An .xlsx file of one sheet; the first row is its head. ``widths`` are in characters; ``name`` is told as far as Excel takes it.

    Cells are text, never formulas; in a column whose kind is number, day or moment those that can be are just that, so that they add up and sort.
    """
    out = io.BytesIO()
    with Workbook(out, {"constant_memory": True}) as book:
        sheet = book.add_worksheet(_sheet_name(name))
        head = book.add_format({"bold": True, "bg_color": "#DDEBF7", "num_format": "@"})
        formats = {
            kind: book.add_format({"num_format": form, "text_wrap": kind == "text", "valign": "top"}) for kind, form in _FORMS.items()
        }
        of = dict(enumerate(kinds))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width, formats[of.get(column, "text")])
        sheet.freeze_panes(1, 0)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                kind = of.get(column, "text")
                value = _value_of(cell, kind) if at else None
                if value is not None:
                    sheet.write(at, column, value, formats[kind])
                elif cell:
                    sheet.write_string(at, column, defused(cell), formats["text"] if at else head)
    return out.getvalue()


def write_table(name: str, title: str, rows: Iterable[Sequence[str]], kinds: Sequence[CellKind] = ()) -> bytes:
    """Rows as the file that the ending of ``name`` asks for, .csv or .xlsx; the first row is the head, and the first ones decide the widths.

    ``kinds`` says of the columns of an .xlsx what their cells are; those that are not named are text.
    """
    if name.endswith(".csv"):
        return write_csv(rows)
    coming = iter(rows)
    first = list(islice(coming, FIRST_ROWS))
    widths = [max(12, min(60, 2 * max(map(len, column)))) for column in zip(*first, strict=True)]
    return write_excel(title, chain(first, coming), widths, kinds)


def _sheet_name(name: str) -> str:
    """A name as Excel takes it: 31 characters, none of those that stand in its references."""
    return _IN_REFERENCES.sub(" ", name)[:31].strip(" '") or "1"


def _value_of(cell: str, kind: CellKind) -> float | datetime | None:
    """What a cell is where it can be what its column says, None where it stays text."""
    if kind == "number":
        return float(cell) if _EXACT.fullmatch(cell) else None
    try:
        moment = datetime.strptime(cell, _READ[kind]) if kind in _READ else None  # noqa: DTZ007 - a cell has no zone
    except ValueError:
        return None
    return moment if moment and moment.year >= 1900 else None  # Excel knows no days before


# Reading --------------------------------------------------------------------------------------------------------------
def _refuse_large(size: int) -> None:
    if size > MOST_BYTES:
        raise ContentProblem([f"文件超过 {MOST_BYTES // 1024 // 1024} MB，请分成几个或者删去一些"])


def _refuse_endless(rows: int) -> None:
    if rows > MOST_ROWS:
        raise ContentProblem([f"超过 {MOST_ROWS} 行，请分成几个文件；如果都是空行，请删掉它们再保存"])


def _refuse_bomb(data: bytes, most_unpacked: int) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        members = packed.infolist()
        if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > most_unpacked:
            raise ContentProblem([f"解压后超过 {most_unpacked // 1024 // 1024} MB，请分成几个文件或者删去图片"])
        if any(map(_is_bloated, members)):
            raise ContentProblem(["里面有大得不正常的部分（图片、格式或文字表），请把问答表复制到一个新文件里再保存"])


def _is_bloated(member: zipfile.ZipInfo) -> bool:
    """Whether a member is out of all proportion to what a table needs; sheets are read row by row, so that is found out then."""
    if member.file_size <= MOST_ELSE or member.filename.startswith("xl/worksheets/"):
        return False
    return member.filename != "xl/sharedStrings.xml" or member.file_size > MOST_DENSE * member.compress_size


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, or GB18030, whichever it is. Raises ContentProblem."""
    for encoding in ["utf-16"] if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "gb18030"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
    raise ContentProblem([f"第 {line} 行：文字编码不是 UTF-8，也不是 GB18030（GBK），请另存为 UTF-8"])


def _delimiter(text: str) -> str:
    """The separator that there is most of in the first line that holds one."""
    for line in text[:20_000].splitlines():
        counts = {mark: line.count(mark) for mark in ",\t;"}
        if any(counts.values()):
            return max(counts, key=counts.__getitem__)
    return ","


def _rows_of(sheet: Any, lines: Iterator[int]) -> Iterator[tuple[int, Sequence[str]]]:
    """The rows of a sheet; ``lines`` counts those of all sheets."""
    sheet.reset_dimensions()  # what the file says of its own size is not to be trusted
    for line, values in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), 1):
        _refuse_endless(next(lines))
        cells = [fused(_text_of(value)) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield line, cells


def _text_of(value: Any) -> str:
    for type, told in _TOLD:
        if isinstance(value, type):
            return told(value)
    return "" if value is None else str(value)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _moment(value: datetime) -> str:
    return value.date().isoformat() if value.time() == value.min.time() else value.isoformat(" ", "minutes")


_TOLD: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (str, lambda text: text.replace("_x000D_", "").replace("\r\n", "\n")),
    (bool, lambda is_so: "true" if is_so else "false"),
    (float, _number),
    (datetime, _moment),
    (date, date.isoformat),
)
