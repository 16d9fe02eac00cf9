"""What an operator types of an entry is understood, however he writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.entry_forms import Draft, parse_draft, parse_keywords, parse_wordings


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("怎么退款 | 点退款", Draft("怎么退款", "点退款")),
        ("怎么退款｜点退款｜退钱；如何退款", Draft("怎么退款", "点退款", ("退钱", "如何退款"))),
        ("怎么退款 | 点退款\n再等等 | 退钱 | 退款，退钱", Draft("怎么退款", "点退款\n再等等", ("退钱",), ("退款", "退钱"))),
        (
            "问：怎么退款\n答：点退款\n\n再等等\n相似：退钱\n如何退款\n关键词：退款 退钱",
            Draft("怎么退款", "点退款\n\n再等等", ("退钱", "如何退款"), ("退款", "退钱")),
        ),
        ("问题: 怎么退款 答案: 点退款 | 再等等", Draft("怎么退款", "点退款 | 再等等")),
        ("怎么退款\n答：点退款", Draft("怎么退款", "点退款")),
        ("怎么退款", Draft("怎么退款")),
        ("", Draft()),
        ("| |", Draft()),
    ],
)  # fmt: skip
def test_what_was_typed_is_understood(typed: str, meant: Draft) -> None:
    assert parse_draft(typed) == meant


def test_wordings_and_keywords_are_each_told_once() -> None:
    assert parse_wordings("甲；乙\n甲;  丙  丁 ；") == ("甲", "乙", "丙 丁")
    assert parse_keywords("甲，乙、甲  丙+丁;") == ("甲", "乙", "丙+丁")


_LINE = st.text(alphabet="退款怎么ab12？，", min_size=1, max_size=20).map(str.strip).filter(bool)


@given(_LINE, st.lists(_LINE, min_size=1, max_size=4).map("\n".join), st.lists(_LINE, max_size=4, unique=True).map(tuple))
def test_an_entry_written_line_by_line_is_read_back(question: str, answer: str, similar: tuple[str, ...]) -> None:
    typed = f"问：{question}\n答：{answer}\n相似：{'；'.join(similar)}"
    assert parse_draft(typed) == Draft(question, answer, similar)


@given(st.text(max_size=300))
def test_nothing_that_is_typed_breaks_it(typed: str) -> None:
    draft = parse_draft(typed)
    assert "\n" not in draft.question
    assert all("\n" not in wording for wording in draft.similar)
