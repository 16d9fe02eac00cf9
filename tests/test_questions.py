"""Words that ask something, and words that only sound like it."""

from __future__ import annotations

import pytest

from bot.message import Message
from bot.router import Router
from handlers import discover
from rules.questions import asks, is_question


@pytest.mark.parametrize(
    "words",
    [
        "时间是几点？", "几点", "需要什么材料", "怎么弄", "怎么算的", "今天可以晚点发吗", "可以补吗?", "请问怎么请假", "为什么没有分", "截止到几号",
        "要多久", "能不能晚点", "在哪里", "有没有补卡", "今天是干嘛呀", "哪天都可以吗", "为什么都要签到",
    ],
)  # fmt: skip
def test_these_ask(words: str) -> None:
    assert asks(words)
    assert is_question(words)


@pytest.mark.parametrize(
    "words",
    [
        "", "3月8日", "2026-03", "上个月", "本月", "昨天 积分", "@李雷 5", "今天读到第三章", "学会了怎么做一顿好饭", "没什么胃口，跑了三公里", "今天不怎么样",
        "什刹海跑步五公里", "读到第几章记不清了", "早安", "没多少时间，读了十页", "1",
        "什么都行", "哪天都可以", "什么时候都行，两个人", "多少人也可以",
    ],
)  # fmt: skip
def test_these_do_not(words: str) -> None:
    assert not asks(words)
    assert not is_question(words)


def test_a_mark_alone_asks_only_where_anything_may_be_written() -> None:
    assert is_question("今天休息不算漏？")
    assert is_question("第三章? ")
    assert not asks("本月？"), "排行榜 本月？ is a right way of asking for the board"


def test_words_for_which_a_command_was_not_meant_go_on_to_what_is_left() -> None:
    router = Router()
    router.command("榜", takes_words=True, unless=asks)(lambda message, ctx: None)
    router.fallback(lambda message, ctx: None)

    def falls_back(text: str) -> bool:
        match = router.find(Message(id="1", channel="a", kind="text", user="u", text=text), None)
        return match is not None and match.route.is_fallback

    assert falls_back("榜 怎么算")
    assert not falls_back("榜 本月？")
    assert not falls_back("榜")


@pytest.mark.parametrize(
    "asked", ["打卡 时间是几点？", "日历 2026 放假安排", "转账 怎么弄", "补卡 需要什么材料", "转赠 怎么弄", "积分明细 怎么看"]
)
def test_a_question_is_left_to_the_faq(asked: str) -> None:
    match = discover().find(Message(id="1", channel="a", kind="text", user="u", text=asked), None)
    assert match is not None
    assert match.route.is_fallback
