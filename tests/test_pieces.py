"""Long texts in pieces: nothing lost, nothing too long, nothing torn that belongs together."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.pieces import split
from tests.timing import SLOWER

LINES = st.sampled_from(
    [
        "# 标题",
        "- 第一点，说得不长",
        "1. 先打开后台",
        "看[帮助](https://example.com/help?a=1)再问",
        "",
        "一句话。又一句话！还有一句？",
        '<font color="warning">注意</font> `make run`',
        "> 引用 **重点**",
        "👨‍👩‍👧 一家人",
        "x" * 40,
    ]
)
MARKDOWN = st.lists(LINES, max_size=30).map("\n".join)


def size(text: str) -> int:
    return len(text.encode())


@given(st.text(max_size=300), st.integers(4, 60))
def test_pieces_joined_are_the_text_and_none_is_too_long(text: str, limit: int) -> None:
    text = text.encode("utf-8", "ignore").decode().replace("`", "").replace("~", "")
    pieces = split(text, limit)
    assert "".join(pieces) == text
    assert all(size(piece) <= limit for piece in pieces)
    assert text == "" or all(pieces)


@given(MARKDOWN, st.integers(80, 300))
def test_links_items_headings_and_coloured_words_are_whole_in_one_piece(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert "".join(pieces) == text
    assert all(size(piece) <= limit for piece in pieces)
    for whole in (
        "[帮助](https://example.com/help?a=1)",
        '<font color="warning">注意</font>',
        "- 第一点，说得不长",
        "**重点**",
        "👨‍👩‍👧",
        "# 标题",
    ):
        assert sum(piece.count(whole) for piece in pieces) == text.count(whole)


@given(st.lists(st.text("ab字 \n", min_size=1, max_size=50), min_size=1, max_size=40), st.integers(60, 200))
def test_a_code_block_is_closed_at_the_end_of_a_piece_and_opened_in_the_next(lines: list[str], limit: int) -> None:
    code = "\n".join(lines)
    pieces = split(f"前言\n```python\n{code}\n```\n后记", limit)
    assert all(size(piece) <= limit for piece in pieces)
    assert all(len(re.findall(r"^```", piece, re.MULTILINE)) % 2 == 0 for piece in pieces)
    bare = [re.sub(r"^```(python)?\n|\n?```$", "", piece, flags=re.MULTILINE) for piece in pieces]
    assert "".join("".join(bare).split()) == "".join(f"前言{code}后记".split())


def test_a_text_is_cut_between_blocks_before_lines_and_a_heading_goes_with_what_follows() -> None:
    text = "第一段话，说了一些事情。\n\n# 第二节\n\n- 一\n- 二\n"
    assert split(text, 50) == ["第一段话，说了一些事情。\n\n", "# 第二节\n\n- 一\n- 二\n"]


def test_a_short_text_is_one_piece() -> None:
    assert split("你好", 6) == ["你好"]
    assert split("", 6) == [""]


def test_a_link_longer_than_a_piece_is_cut_all_the_same() -> None:
    pieces = split(f"[长](https://example.com/{'a' * 100})", 50)
    assert all(size(piece) <= 50 for piece in pieces)


def test_a_megabyte_is_split_soon() -> None:
    assert len(split("一句话。" * 20_000, 4_096)) < 80


def test_many_pieces_take_time_that_grows_with_the_text() -> None:
    """Each once looked at every border of the text: this took minutes."""
    began = time.process_time()
    assert len(split("- 一点。\n\n又一句话，`code`\n```\nx\n```\n" * 3_000, 40)) > 1_000
    assert time.process_time() - began < 1 * SLOWER


def test_a_limit_that_no_character_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        split("文", 3)
