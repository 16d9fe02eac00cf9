"""The rehearsal: what virtual members live through is what the pushes say, and the same seed gives the same report to the byte."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from chat import ROOT, a_config, settings

from bot.errors import StartError
from commands.rehearsal.living import Part, Told, live
from commands.rehearsal.people import people_of, story_of
from commands.rehearsal.report import Asked, report_of
from commands.rehearse import _communities, _settings

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 3, 2, tzinfo=ZONE)
DAYS, GROUPS, MUTE = 2, ["wrA", "wrB"], "wrC"
PUSHES: list[dict[str, Any]] = [
    {"id": "early", "title": "早安", "cron": "0 9 * * *", "community": "*", "enabled": True, "text": "早安，大家"},
    {"id": "offer", "title": "优惠", "cron": "30 9 * * *", "community": "*", "enabled": True, "marketing": True, "text": "今天有优惠"},
    {
        "id": "letter",
        "title": "单独说",
        "cron": "0 11 * * *",
        "community": "*",
        "to": "members",
        "segment": "all",
        "enabled": True,
        "text": "你好",
    },
    {"id": "draft", "title": "草稿", "cron": "0 10 * * *", "community": "*", "enabled": False, "text": "还没有想好"},
]
FAQ = [{"id": "hours", "question": "客服几点上班", "answer": "九点到六点。", "similar": ["客服什么时候在"]}]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped content with pushes and answers of our own."""
    folder = tmp_path_factory.mktemp("content") / "content"
    shutil.copytree(ROOT / "rules" / "content", folder)
    (folder / "pushes.yaml").write_text(yaml.safe_dump(PUSHES, allow_unicode=True), encoding="utf-8")
    (folder / "faq.yaml").write_text(yaml.safe_dump(FAQ, allow_unicode=True), encoding="utf-8")
    (folder / "faq_tests.yaml").unlink()
    return folder


def part_of(content: Path, seed: int = 1) -> Part:
    place = {
        "id": "main", "name": "主群", "groups": [*GROUPS, MUTE], "timezone": "Asia/Shanghai", "webhook": "hook-a", "webhooks": {"wrB": "hook-b"},
        "admin_group": "wrADMIN", "admin_webhook": "hook-admin",
    }  # fmt: skip
    settings = {
        "admins": ["boss"],
        "moderation": {"dry_run": False},
        "mood": {"enabled": False},
        "log": {"level": "error"},
        "communities": [place],
    }
    return Part(settings, content, {}, MONDAY, DAYS, 20, 60, 1, seed)


def report(part: Part, told: Told) -> str:
    return report_of(Asked(part.begin, part.days, part.seed, "测试"), [told])


@pytest.fixture(scope="module")
def told(content: Path) -> Told:
    """What came of it, lived through once."""
    return live(part_of(content))


def test_each_push_goes_to_each_group_at_each_of_its_moments(told: Told) -> None:
    said = sorted((event["push"], event["chat"]) for event in told.events if not event.get("why") and event.get("chat"))
    assert said == sorted((push, chat) for push in ("early", "offer") for chat in GROUPS for _ in range(DAYS))


def test_pushes_of_one_group_within_an_hour_are_told_as_crowding(content: Path, told: Told) -> None:
    assert f"| 早安 | 优惠 | {DAYS * len(GROUPS)} |" in report(part_of(content), told)


def test_too_much_marketing_is_told_first(content: Path, told: Told) -> None:
    to_look_at = report(part_of(content), told).partition("## 推送")[0]
    assert re.search(r"营销占全部推送的 \d+%，超过 20%", to_look_at)


def test_a_draft_is_not_said(told: Told) -> None:
    assert not [event for event in told.events if event["push"] == "draft"]


def test_the_same_seed_tells_the_same_whatever_the_hash_seed_and_the_zone(content: Path, told: Told, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; sys.path[:0] = [sys.argv[1], sys.argv[1] + '/tests']\n"
        "from commands.rehearsal.living import live; import test_rehearse as t\n"
        "part = t.part_of(Path(sys.argv[2])); Path(sys.argv[3]).write_text(t.report(part, live(part)), encoding='utf-8')\n"
    )
    other = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "America/New_York"}
    file = tmp_path / "report.md"
    subprocess.run([sys.executable, "-c", program, str(ROOT), str(content), str(file)], env=other, check=True, cwd=ROOT, timeout=120)
    assert file.read_text(encoding="utf-8") == report(part_of(content), told)


def test_a_group_without_a_webhook_gets_nothing_and_that_is_told(content: Path, told: Told) -> None:
    assert not [event for event in told.events if event.get("chat") == MUTE and not event.get("why")]
    assert f"有 1 个群没有 webhook，推送到不了：主群 {MUTE}。" in report(part_of(content), told).partition("## 推送")[0]


def test_a_letter_goes_to_each_member_once_a_moment(told: Told) -> None:
    letters = Counter((event["m"], event["planned"]) for event in told.events if event["push"] == "letter" and not event.get("why"))
    assert len({planned for _, planned in letters}) == DAYS
    assert set(letters.values()) == {1}


def test_who_was_there_before_is_no_newcomer(told: Told) -> None:
    newcomers = sum(joins > MONDAY.isoformat() for stays in told.stays.values() for joins, _ in stays)
    assert told.days["main"]["welcomes"] <= newcomers < 20


def test_what_stands_in_the_answers_is_answered(told: Told) -> None:
    assert 0 < told.questions == told.answered


def test_secrets_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_AT_HAND", raising=False)
    file = tmp_path / "config.yaml"
    channel = {"name": "assistant", "kind": "aibot", "token": "${NOT_AT_HAND}", "aes_key": "${NOT_AT_HAND}"}
    file.write_text(yaml.safe_dump({"wecom": {"corp_id": "wwX"}, "channels": [channel]}), encoding="utf-8")
    assert _settings(file).channels[0].name == "assistant"
    file.write_text("wecom: {corp: wwX}", encoding="utf-8")
    with pytest.raises(StartError):
        _settings(file)


def test_configured_groups_come_first_with_their_own_ways_and_others_are_made_up(tmp_path: Path) -> None:
    listed = _communities(a_config(tmp_path, "redis://127.0.0.1:1", settings()), 6)
    assert [one["id"] for one in listed] == ["main", "far", "rehearsal-1"]
    assert (bool(listed[0]["webhook"]), listed[0]["webhooks"]) == (True, {}), "the second group of main has no webhook"
    assert [len(one["groups"]) for one in listed] == [2, 1, 3]
    assert len([listed[2]["webhook"], *listed[2]["webhooks"]]) == 3


def test_more_than_a_webhook_takes_in_a_minute_waits_and_is_told(content: Path, tmp_path: Path) -> None:
    crowd = shutil.copytree(content, tmp_path / "content")
    many = [{"id": f"p{n}", "cron": "0 9 * * *", "community": "*", "enabled": True, "text": f"第 {n} 条"} for n in range(23)]
    (crowd / "pushes.yaml").write_text(yaml.safe_dump(many, allow_unicode=True), encoding="utf-8")
    part = replace(part_of(crowd), days=1, members=3, messages=0)
    told = live(part)
    assert told.waited.total() == 3 * len(GROUPS), "twenty a minute go out at once"
    assert f"有 {3 * len(GROUPS)} 条推送因为频率限制等了一分钟以上。" in report(part, told)


def test_another_seed_gives_other_people() -> None:
    def story(seed: int) -> list[str]:
        dice = random.Random(seed)
        people = people_of(dice, GROUPS, 20, MONDAY, DAYS, 1)
        return [said.text for said in story_of(dice, people, ["客服几点上班"], MONDAY, DAYS, 100)]

    assert story(1) == story(1) != story(2)


def test_a_story_is_told_in_order_by_those_who_are_there() -> None:
    dice = random.Random(5)
    people = people_of(dice, GROUPS, 200, MONDAY, 30, 1)
    story = story_of(dice, people, [], MONDAY, 30, 3_000)
    here = {person.user: person for person in people}
    assert story == sorted(story)
    assert all(here[said.user].joins <= said.at < here[said.user].leaves for said in story)
    assert 2_000 < len(story) <= 3_000
