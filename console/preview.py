"""How an answer will look: its variables filled with examples, its Markdown as far as WeCom shows it. Everything else is text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup, escape

from rules.contents import fill

EXAMPLES: Mapping[str, str] = {
    "nickname": "李雷", "points": "35", "streak": "3", "community": "主群", "date": "3 月 10 日", "weekday": "星期二", "time": "10:05",
    "bot_name": "小助手",
}  # fmt: skip
"""What stands for each variable of an answer in a preview."""

_INLINE = (
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*([^*\n]+)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\[([^\[\]\n]+)\]\((https?://[^\s()<>]+)\)"), r'<a href="\2" rel="noopener noreferrer" target="_blank">\1</a>'),
)


def preview(answer: str, *, markdown: bool) -> Markup:
    """An answer as HTML. Nothing of it is taken for HTML: it is escaped before anything else is done."""
    lines = str(escape(fill(answer, EXAMPLES))).splitlines()
    if not markdown:
        return Markup("<br>").join(Markup(line) for line in lines)  # noqa: S704 - escaped above
    return Markup("".join(_line(line) for line in lines))  # noqa: S704 - escaped above


def _line(line: str) -> str:
    for pattern, shown in _INLINE:
        line = pattern.sub(shown, line)
    if found := re.match(r"(#{1,6})\s+(.*)", line):
        return f'<p class="heading">{found[2]}</p>'
    if line.startswith("&gt;"):
        return f"<blockquote>{line[4:].strip()}</blockquote>"
    if found := re.match(r"\s*(?:[-*•]|\d+\.)\s+(.*)", line):
        return f'<p class="item">{found[1]}</p>'
    return f"<p>{line}</p>" if line.strip() else ""
