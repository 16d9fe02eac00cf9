"""What people say all the time tells nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.faq_ordinary import SHIPPED, of_text, shipped, to_text

pairs = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=2, max_size=2)


def test_what_is_rare_in_chat_surprises_more() -> None:
    told = of_text(to_text(1_000, {"朋友": 200, "退款": 3}, "made up"))
    assert told.surprise(["朋友"]) < told.surprise(["退款"]) < told.surprise(["亲情"])
    assert told.surprise([]) == 0
    assert told.surprise(["朋友", "退款"]) == pytest.approx(told.surprise(["朋友"]) + told.surprise(["退款"]))


@settings(deadline=None)
@given(st.dictionaries(pairs, st.integers(3, 9_999)), st.integers(10_000, 99_999))
def test_the_file_keeps_every_count(counts: dict[str, int], messages: int) -> None:
    text = to_text(messages, counts, "made up")
    read = of_text(text)
    assert all(
        read.surprise([pair]) == pytest.approx(of_text(to_text(messages, {pair: count}, "")).surprise([pair]))
        for pair, count in counts.items()
    )
    assert to_text(messages, counts, "made up") == text


def test_the_shipped_counts_are_small_and_name_their_sources() -> None:
    assert SHIPPED.stat().st_size < 200_000
    assert "MIT" in SHIPPED.read_text(encoding="utf-8").splitlines()[0]
    assert shipped().surprise(["我们"]) < 5 < shipped().surprise(["套餐"])
