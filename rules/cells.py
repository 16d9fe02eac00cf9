"""Cells of tables that are safe to open, and CSV made row by row.

A cell that a spreadsheet would take for a formula gets an apostrophe in front, which is taken off again when it comes in. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

CellKind = Literal["text", "number", "day", "moment"]
"""What the cells of a column are; days and moments are written as in 2026-11-23 and 2026-11-23 09:05, and have no zone."""
TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
"""The media types of tables, by the ending of the file."""
CHUNK = 200
"""Rows that are written at a time."""
MARK = b"\xef\xbb\xbf"
"""By this Excel knows UTF-8."""
_FORMULA = re.compile(r"['\s]*[=+\-@＝＋－＠\t\r]")
"""What a spreadsheet may calculate, also behind blanks and line ends, which some leave out."""
_DEFUSED = re.compile(r"'['\s]*[=+\-@＝＋－＠\t\r]")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def fused(cell: str) -> str:
    """What a cell said before :func:`defused`."""
    return cell[1:] if _DEFUSED.match(cell) else cell


def csv_pieces(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """A CSV file that Excel opens with the right characters, piece by piece: UTF-8 with its mark."""
    out, left = io.StringIO(newline=""), CHUNK
    writer = csv.writer(out)
    yield MARK
    for row in rows:
        writer.writerow([defused(cell) for cell in row])
        left -= 1
        if not left:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
            left = CHUNK
    yield out.getvalue().encode()
