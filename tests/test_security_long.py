"""Words that no member would write and a program does: digits without end behind every command, in texts as long as WeCom brings them.

What fails in a handler comes back five times and ends as an alarm to the administrators; whoever likes could ring it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from chat import Chat, OpenChat
from visits import eventful

from bot.channels.text import MAX_TEXT_CHARS

pytest_plugins = ("chat",)

COMMANDS = Path(__file__).parent.parent / "docs" / "commands.md"
DIGITS = "9" * 4_400
"""More than Python reads as a number."""
BEHIND = (DIGITS, f"1 {DIGITS}", f"@李雷 {DIGITS}", f"000000001{DIGITS}", "9" * 19)
"""As a number, a page, an amount, a number behind nothings, and one that Redis cannot keep."""
PUMPS = (" ", "\n", "1", "a", "中", "@", "，", "1 ", "@a ", "| ", "[](", "**", "`", "：", "一", "\u200b")
LIVELY = (
    "",
    "签到",
    "转赠 @李雷 5",
    "发积分 @李雷 5",
    "投票",
    "接龙",
    "发起投票",
    "发起抽奖",
    "人工",
    "举报",
    "我叫",
    "群体 查",
    "推送 新建",
)
SLOWEST_S = 1.0


def said() -> Iterator[str]:
    words = sorted(set(re.findall(r"`([^`|\n]+)`", COMMANDS.read_text(encoding="utf-8"))))
    assert len(words) > 300
    yield from (f"{word} {behind}" for word in words for behind in BEHIND)


def failed(chat: Chat) -> float:
    """How many handlers and gates have failed."""
    return sum(sample.value for family in chat.metrics.failures.collect() for sample in family.samples if sample.name.endswith("_total"))


def test_no_command_fails_of_digits_without_end(open_chat: OpenChat) -> None:
    chat, bad = eventful(open_chat(dry_run=False)), []
    for number, words in enumerate(said()):
        before = failed(chat)
        if number % 2:
            chat.privately(words, user="boss")
        else:
            chat.as_admin(words)
        if failed(chat) > before:
            bad.append(words[:40])
        chat.later(seconds=90)
    assert bad == []


def test_no_text_takes_long_however_it_repeats_itself(open_chat: OpenChat) -> None:
    chat, slow = eventful(open_chat(dry_run=False)), []
    for words in (f"{word} {pump * (MAX_TEXT_CHARS // len(pump))}!" for word in LIVELY for pump in PUMPS):
        before, began = failed(chat), time.process_time()
        chat.privately(words, user="boss")
        if time.process_time() - began > SLOWEST_S or failed(chat) > before:
            slow.append((words[:20], time.process_time() - began))
        chat.later(seconds=90)
    assert slow == []
