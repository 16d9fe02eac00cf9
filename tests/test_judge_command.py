"""``run.py judge``: the rules of moderation are tried on a chat before they are turned on; others rely on its output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from commands.build import HERE
from run import main

KEYS = ["judge", "category", "score", "severity", "said", "span", "steps"]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("judge") / "config.yaml"
    file.write_text(yaml.safe_dump({"content": str(HERE / "rules" / "content")}), encoding="utf-8")
    return file


def tried(config: Path, said: bytes | str, *more: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(config), "judge", *more], input=said)


def test_every_line_gets_a_line_of_json(config: Path) -> None:
    result = tried(config, "大家好\r\n\n你这个傻·逼\n没有换行的最后一行")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [each["verdict"] == "pass" for each in found] == [True, True, False, True]
    for each in found:
        assert list(each) == ["verdict", "abuse", "mood", "reasons"]
        assert 0 <= each["abuse"] <= 1
        assert 0 <= each["mood"] <= 1
    reason = next(each for each in found[2]["reasons"] if each["judge"] == "words")
    assert list(reason) == KEYS
    assert (reason["category"], reason["span"], reason["severity"]) == ("insult", [3, 6], 3)
    assert "读作" in reason["said"]


def test_the_reasons_are_told_in_chinese(config: Path) -> None:
    shown = tried(config, "你这个傻逼\n", "--explain").stdout
    assert shown.startswith("话：你这个傻逼\n→ ")
    assert "词库里的“傻逼”" in shown


def test_what_is_no_text_is_answered_too(config: Path) -> None:
    result = tried(config, b"\xff\xfe\x00\n\xf0\x9f\n")
    assert [json.loads(line)["verdict"] for line in result.stdout.splitlines()] == ["pass", "pass"]


def test_the_standard_of_a_community_counts(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "words.yaml").write_text("groups: [{category: insult, severity: 2, rule: 规则, words: [糊噜噜]}]", encoding="utf-8")
    (folder / "moderation.yaml").write_text("communities: [{community: help, profile: support}]", encoding="utf-8")
    own = tmp_path / "config.yaml"
    own.write_text(yaml.safe_dump({"content": str(folder)}), encoding="utf-8")
    by_place = [tried(own, "糊噜噜\n", *place).stdout for place in ((), ("--community", "help"))]
    assert [json.loads(line)["verdict"] for line in by_place] == ["review", "pass"]


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [("moderation.yaml", "strictness: hard", "只能是 strict"), ("words.yaml", "groups: 1", "应该是列表"), ("words.yaml", None, "读不了")],
)
def test_a_mistake_in_the_content_is_told(tmp_path: Path, file: str, text: str | None, problem: str) -> None:
    (tmp_path / "words.yaml").write_text("groups: []", encoding="utf-8")
    (tmp_path / "moderation.yaml").write_text("strictness: normal", encoding="utf-8")
    (tmp_path / file).unlink()
    if text is not None:
        (tmp_path / file).write_text(text, encoding="utf-8")
    own = tmp_path / "config.yaml"
    own.write_text(yaml.safe_dump({"content": str(tmp_path)}), encoding="utf-8")
    result = tried(own, "好\n")
    assert result.exit_code != 0
    assert problem in result.output


def test_who_waits_for_an_answer_before_he_says_the_next_line_gets_it(config: Path) -> None:
    words = [sys.executable, str(HERE / "run.py"), "--config", str(config), "judge"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as judge:
        assert judge.stdin
        assert judge.stdout
        for text in ("大家好", "你这个傻逼"):
            judge.stdin.write(f"{text}\n".encode())
            judge.stdin.flush()
            answer = json.loads(judge.stdout.readline())
            assert (answer["verdict"] == "pass") == (text == "大家好")
        judge.stdin.close()
        assert judge.wait(30) == 0
