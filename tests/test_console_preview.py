"""The preview of an answer: whatever is written, nothing but the preview's own few tags comes out, and links lead to the web only."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.preview import preview

TAGS = re.compile(
    r'</?(?:p|strong|code|blockquote)>|<br>|<p class="(?:heading|item)">|<a href="https?://[^"<>\s]*" rel="noopener noreferrer" target="_blank">|</a>'
)
PIECES = st.sampled_from(
    [
        "<script>",
        "</p>",
        "<img src=x onerror=y>",
        "**",
        "`",
        "[",
        "](",
        ")",
        "https://a.b/",
        "javascript:alert(1)",
        '"',
        "'",
        "&",
        ">",
        "# ",
        "- ",
        "\n",
        "{nickname}",
        "{x",
        "词",
    ]
)


@given(st.lists(PIECES | st.text(max_size=5), max_size=12).map("".join), st.booleans())
def test_nothing_written_is_taken_for_html(answer: str, markdown: bool) -> None:
    left = TAGS.sub("", str(preview(answer, markdown=markdown)))
    assert "<" not in left
    assert ">" not in left
    assert '"' not in left


@given(st.text(alphabet="abc<>&\"'词 ", max_size=40))
def test_plain_text_is_shown_as_it_is(answer: str) -> None:
    assert html.unescape(str(preview(answer, markdown=False))) == "<br>".join(answer.splitlines())


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("**粗** `x`", "<p><strong>粗</strong> <code>x</code></p>"),
        ("# 标题", '<p class="heading">标题</p>'),
        ("1. 一\n- 二", '<p class="item">一</p><p class="item">二</p>'),
        ("> 引用", "<blockquote>引用</blockquote>"),
        ("[群规](https://a.b/?x=1&y=2)", '<p><a href="https://a.b/?x=1&amp;y=2" rel="noopener noreferrer" target="_blank">群规</a></p>'),
        ("[点我](javascript:alert(1))", "<p>[点我](javascript:alert(1))</p>"),
        ("{nickname}，{bot_name}", "<p>李雷，小助手</p>"),
    ],
)
def test_markdown_is_shown_as_far_as_wecom_shows_it(written: str, shown: str) -> None:
    assert preview(written, markdown=True) == shown
