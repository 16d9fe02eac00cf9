"""``run.py ask``: an FAQ is tried before it is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from run import main

FAQ = """
- id: refund
  question: 怎么退款
  similar: [如何申请退款, 钱能退吗]
  answer: 点申请退款
- id: invoice
  question: 怎么开发票
  answer: 点申请开票
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "faq.yaml"
    path.write_text(FAQ, encoding="utf-8")
    return path


def asked(file: Path, said: str, *more: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(file.parent / "none.yaml"), "ask", "--faq", str(file), *more], input=said)


def test_every_line_gets_a_line_of_json(file: Path) -> None:
    result = asked(file, "钱能退吗\r\n\n今天天气不错\n发票\n")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [each["outcome"] for each in answers] == ["answer", "silent", "silent", "offer"]
    assert answers[0] == {
        "outcome": "answer",
        "id": "refund",
        "score": 1.0,
        "answer": "点申请退款",
        "candidates": [{"id": "refund", "score": 1.0}],
    }
    assert (answers[3]["id"], answers[3]["answer"]) == (None, None)
    assert [each["id"] for each in answers[3]["candidates"]] == ["invoice"]


def test_the_reasons_are_told_in_chinese(file: Path) -> None:
    result = asked(file, "我要申请退款啊\n", "--explain")
    assert "问：我要申请退款啊\n结果：最像“怎么退款”，得分" in result.stdout
    assert "最像的问法“如何申请退款”" in result.stdout


def test_a_file_with_mistakes_is_told_with_its_places(file: Path) -> None:
    file.write_text(FAQ.replace("question: 怎么开发票", "question: ''"), encoding="utf-8")
    result = asked(file, "怎么退款\n")
    assert result.exit_code == 1
    assert "问题" in result.stderr
    assert not result.stdout
