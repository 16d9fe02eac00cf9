"""From a question nobody could answer to an answer in every process: over HTTP, through the sealed callbacks of a real bot."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.outside import aibot_text
from tests.timing import SLOWER, await_until
from tests.tree import GROUP, Tree

IN_VAIN = ("停车场怎么收费", "停车场收费标准是什么", "请问停车场怎么收费呢", "停车场收费多少钱")
ANSWER = "每小时五元，前半小时免费。"
USERS = ("asker", "lilei", "hanmei", "lily")


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    tree = Tree(tmp_path_factory.mktemp("faq-journey"))
    try:
        tree.start()
        yield tree
    finally:
        tree.stop()


def says(bot: Tree, user: str, text: str, *, in_group: bool = True) -> str:
    """What the bot answers, in the group or alone."""
    payload = aibot_text(user, f"@小助手 {text}", chat=GROUP) if in_group else aibot_text(user, text)
    answer = bot.client.tell(bot.channels["assistant"], payload)
    assert answer.status == 200
    return answer.said


@contextmanager
def alone(bot: Tree, pid: int) -> Iterator[None]:
    """Lets one web process answer, and no other."""
    others = [other for other in bot.web_workers() if other != pid]
    assert others, "one process is no proof"
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


def test_an_unanswered_question_becomes_an_answer_in_every_process(bot: Tree) -> None:
    workers = bot.web_workers()
    for user in USERS:
        says(bot, user, "签到")  # nobody's first words: those are welcomed
    began = time.monotonic()
    for user, question in zip(USERS, IN_VAIN, strict=True):
        assert ANSWER not in says(bot, user, question)
    listed = says(bot, "boss", "未答", in_group=False)
    assert "4 次" in next(line for line in listed.splitlines() if line.startswith("1. "))
    assert "已添加" in says(bot, "boss", f"未答 1 添加 {ANSWER}", in_group=False)
    for pid in workers:
        with alone(bot, pid):
            for user, question in zip(
                USERS, IN_VAIN, strict=True
            ):  # one who asked all of them within seconds would be left alone for a minute
                await_until(
                    lambda user=user, question=question: says(bot, user, question) == ANSWER, 10, f"an answer of process {pid}", every_s=0.5
                )
    took_s = time.monotonic() - began
    assert bot.web_workers() == workers
    assert "没有没答上的问题" in says(bot, "boss", "未答", in_group=False)
    assert took_s < 5 * SLOWER, "on a quiet machine within five seconds"
