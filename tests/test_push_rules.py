"""What follows from a push alone: whom it is for, which episode is said, whose consent it needs – and what its file may not say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.content_pushes import push_row, read_push
from rules.contents import PUSHES, PUSHING, check_push, dump, parse
from rules.entries import LinkCard
from rules.pushes import After, Arm, Body, Cap, Push, PushRules, Trial, audience_of, body_at, is_granted, is_same_saying, needs_grant, said
from rules.workdays import Workdays

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLAIN = Push("p", "0 9 * * *", "早安", "main")
WHOLE = Push(
    "w", "0 10 * * *", "A", "main", to="members", segment="level >= 3", after=After("joined", 7), column="回访", quiet="skip", first=20, marketing=True,
    articles=(LinkCard("周报", "这一周", "https://example.com/w"),), card=LinkCard("卡片", "", "https://example.com/c"),
    arms=(Arm("A", Body("A", markdown=False)), Arm("B", Body("B", card=LinkCard("另一张", "", "https://example.com/b")), 2)),
    trial=Trial("check_in", 48, 10, roll_out=True), approval="asked", asked_by=3, asked_at=1_700_000_000,
)  # fmt: skip


@pytest.mark.parametrize(
    "push", [PLAIN, WHOLE, replace(PLAIN, episodes=("一", "二"), began="2026-03-09"), replace(PLAIN, receivers_of="p@1", at="")]
)
def test_a_push_comes_back_as_it_was_kept_and_as_a_file(push: Push) -> None:
    assert check_push(push) == ()
    assert read_push(json.dumps(push_row(push))) == push
    assert parse(PUSHES, dump(PUSHES, (push,))) == (push,)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text": ""}, "是空的"),
        ({"after": After("joined", 7)}, "to: members"),
        ({"to": "members", "groups": ("wr1",)}, "group:群的编号"),
        ({"groups": ("wr1",), "community": "*"}, "是哪个社群"),
        ({"arms": (Arm("A", Body("x")), Arm("B", Body("y")))}, "要一起写"),
        ({"trial": Trial()}, "要一起写"),
        ({"arms": (Arm("A", Body("x")),), "trial": Trial()}, "再写一个"),
        ({"arms": (Arm("A", Body("x")), Arm("A", Body("y"))), "trial": Trial()}, "同一个名字"),
        ({"arms": (Arm("A", Body("x")), Arm("B", Body("y"))), "trial": Trial(), "episodes": ("一",)}, "分成两条"),
        ({"to": "members", "segment": "level >= 3 and"}, "第 15 个字"),
        ({"column": "marketing"}, "换一个名字"),
        ({"began": "昨天"}, "日期"),
        ({"receivers_of": "x y"}, "不要手写"),
    ],
)
def test_what_does_not_fit_together_is_told_with_its_remedy(changes: dict[str, object], told: str) -> None:
    assert told in "；".join(check_push(replace(PLAIN, **changes)))  # type: ignore[arg-type]


def test_a_saved_segment_may_be_named_before_it_is_known() -> None:
    assert check_push(replace(PLAIN, to="members", segment="@沉默的老成员 and level > 2")) == ()


@pytest.mark.parametrize(
    ("push", "text"),
    [
        (replace(PLAIN, to="members"), "all"),
        (replace(PLAIN, to="members", segment="level > 2 or churn > 70%"), "level > 2 or churn > 70%"),
        (WHOLE, "(level >= 3) and joined = 7"),
        (replace(PLAIN, to="members", after=After("active", 3)), "silent_days = 3"),
    ],
)
def test_the_readers_are_one_expression(push: Push, text: str) -> None:
    assert audience_of(push) == text


def test_episodes_are_said_in_turn_on_the_days_that_are_worked() -> None:
    push = replace(PLAIN, days="workdays", episodes=("一", "二", "三"), began="2026-03-09")
    days = [date(2026, 3, 9) + timedelta(days=n) for n in (0, 1, 2, 3, 4, 7, 8)]
    moments = [datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI) for day in days]
    assert "".join(body_at(push, moment, SHANGHAI, Workdays()).text for moment in moments) == "一二三一二三一"
    assert body_at(replace(push, cron="0 9,21 * * *", days="all"), moments[1], SHANGHAI, Workdays()).text == "三", (
        "two a day were said before"
    )
    assert body_at(WHOLE, moments[0], SHANGHAI, Workdays(), WHOLE.arms[1]).text == "B"


def test_consent_is_needed_above_a_number_and_for_marketing_where_that_is_asked_for() -> None:
    rules = PushRules(approve_above=200)
    assert needs_grant(PLAIN, rules, 200) == ""
    assert "201" in needs_grant(PLAIN, rules, 201)
    assert needs_grant(replace(PLAIN, marketing=True), rules, 5) == ""
    assert "营销" in needs_grant(replace(PLAIN, marketing=True), replace(rules, approve_marketing=True), 5)
    assert [is_granted(replace(PLAIN, approval=one)) for one in ("", "asked", "granted")] == [True, False, True]


def test_a_title_changes_nothing_of_what_is_said_and_a_word_or_an_hour_does() -> None:
    assert is_same_saying(PLAIN, replace(PLAIN, title="早", enabled=False, approval="granted", granted_by=2))
    others: list[dict[str, str]] = [{"text": "晚安"}, {"cron": "0 10 * * *"}, {"segment": "level > 1"}, {"community": "*"}]
    assert not any(is_same_saying(PLAIN, replace(PLAIN, **one)) for one in others)  # type: ignore[arg-type]


def test_variables_are_filled_as_far_as_they_are_known() -> None:
    assert said("{nickname}，{community}{date}{weekday}{x}", community="书友会", on=date(2026, 3, 10)) == "大家，书友会3 月 10 日星期二{x}"
    assert said("{nickname}", nickname="{date}", on=date(2026, 3, 10)) == "{date}", "a name is never read as a variable"


def test_the_manners_of_one_community_are_those_of_all_but_for_what_it_says() -> None:
    own = "{community: main, brake_above: 5, caps: [{kind: 福利, most: 1, days: 30}]}"
    raw = f"quiet: '21:00-07:00'\ncommunities: [{own}]\ncolumns: [{{name: 福利, colour: pink}}]\n"
    pushing = parse(PUSHING, raw)
    assert (pushing.of("main").quiet, pushing.of("main").brake_above, pushing.of("far").brake_above) == ("21:00-07:00", 5, 100)
    assert pushing.of("main").caps == (Cap("福利", 1, 30),)
    assert pushing.colours == {"福利": "pink"}
    assert parse(PUSHING, dump(PUSHING, pushing)) == pushing


@pytest.mark.parametrize(
    "raw",
    [
        "quiet: 22:00", "quiet: '25:00-08:00'", "quiet: '08:00-08:00'", "caps: [{kind: all, most: 1, days: 1}, {kind: all, most: 2, days: 1}]",
        "communities: [{community: a}, {community: a}]", "columns: [{name: a}, {name: a}]", "columns: [{name: a, colour: red}]", "brake_above: -1",
    ],
)  # fmt: skip
def test_manners_that_cannot_be_are_refused(raw: str) -> None:
    with pytest.raises(Exception, match="第 1 行"):
        parse(PUSHING, raw)
