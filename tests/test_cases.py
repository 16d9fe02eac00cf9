"""Cases in chat and store: the ladder, the queue, decisions of which one counts, evidence that goes, and what people's decisions teach."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from casework import INSULT, OTHER, THIRD, by_words_alone, posted, settled, state, to_admins, told
from chat import FAR, Chat, OpenChat
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.case_words import judged_line, marked
from rules.content_ladder import LadderSheet, check_ladder, ladder_of, ladder_sheet
from rules.disagreement import Disagreement, Judged, Tally, disagreement
from rules.ladder import Ladder, LadderStep, filled
from rules.moderation import Judge, Models
from storage import keys
from storage.cases import Case, Cases, Filing, convert_cases
from storage.community import CommunityKeys
from storage.connection import Database
from storage.evidence import Evidence, Ground, Seal
from storage.moment import to_ms

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
HOME = CommunityKeys("home", 4)
KEY = Fernet.generate_key()
NAMES = itertools.count()
MONTH, COOL = timedelta(days=30), timedelta(minutes=10)
on_a_shared_server = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def strict(open_chat: OpenChat) -> Chat:
    """A bot in service whose members have been there for a while."""
    return settled(open_chat)


# The ladder -----------------------------------------------------------------------------------------------------------------


def test_a_warning_names_the_rule_and_the_way_to_appeal_and_the_group_hears_nothing(strict: Chat) -> None:
    assert strict.says(INSULT) == ""
    (warning,) = told(strict)
    assert "友善交流" in warning
    assert "案件 1，第 1 次提醒" in warning
    assert "申诉 1 理由" in warning
    assert posted(strict) == []


def test_the_steps_go_from_private_to_all_without_a_name_to_the_administrators(strict: Chat) -> None:
    said = (INSULT, OTHER, THIRD)
    seen = []
    for words in said:
        strict.says(words)
        seen.append((len(told(strict)), len(posted(strict)), len(to_admins(strict))))
        strict.later(minutes=11)
    assert seen == [(1, 0, 0), (2, 1, 0), (3, 1, 1)]
    (public,) = posted(strict)
    assert "提醒大家" in public
    assert not any(words in public for words in said)
    assert "李雷" not in public
    assert "成员" not in public
    assert "第 3 次" in to_admins(strict)[0]


def test_within_the_cool_down_more_is_only_added_to_the_case(strict: Chat) -> None:
    strict.says(INSULT)
    strict.later(minutes=3)
    assert strict.says(OTHER) == ""
    assert len(told(strict)) == 1
    story = strict.stores.cases.story(strict.community.keys, 1)
    assert story
    assert [kept.evidence.text for kept in story.evidence] == [INSULT, OTHER]
    assert strict.stores.cases.count(strict.community.keys) == 1
    strict.later(minutes=8)
    strict.says(THIRD)
    assert len(told(strict)) == 2, "the cool-down begins with the warning"


def test_nobody_is_warned_twice_for_one_text_however_it_is_spaced(strict: Chat) -> None:
    strict.says(INSULT)
    strict.later(hours=3)
    assert strict.says(f"{INSULT[:2]} {INSULT[2:]} ！") == ""
    assert len(told(strict)) == 1
    assert strict.says(INSULT, user="hanmei") == ""
    assert len(told(strict, "hanmei")) == 1, "another member is another case"


def test_what_people_found_harmless_is_not_held_against_the_member_again(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("处理 1 忽略 朋友间玩笑")
    strict.later(days=2)
    before = len(told(strict))
    strict.says(INSULT)
    assert len(told(strict)) == before
    assert strict.stores.cases.count_undecided(strict.community.keys) == 0


def test_strikes_lapse_after_a_month_of_good_conduct_and_not_while_more_come(strict: Chat) -> None:
    lapse, who = MONTH, strict.member("lilei")

    def strikes() -> int:
        return strict.stores.cases.count_strikes(strict.community.keys, who, strict.clock(), lapse)

    strict.says(INSULT)
    strict.later(days=20)
    strict.says(OTHER)
    assert strikes() == 2
    strict.later(days=20)
    assert strikes() == 2, "a later one keeps the earlier one alive"
    strict.later(days=11)
    assert strikes() == 0
    strict.says(THIRD)
    assert "第 1 次提醒" in told(strict)[-1]


def test_a_newcomer_gets_a_hint_and_no_strike(open_chat: OpenChat) -> None:
    chat = by_words_alone(open_chat(dry_run=False), Ladder())
    current = chat.live.current
    sure = replace(current.judge.policy, standards=dict.fromkeys(("strict", "normal", "gentle"), current.judge.policy.standard("main")))
    chat.live.current = replace(current, judge=Judge(current.judge.lexicon, sure, Models()))
    chat.says("签到")
    chat.later(days=1)
    assert chat.says(INSULT) == ""
    (hint,) = told(chat)
    assert "不记警告" in hint
    assert "申诉 1 理由" in hint
    assert (state(chat, 1), chat.stores.cases.count_strikes(chat.community.keys, chat.member(), chat.clock())) == ("hinted", 0)


def test_the_operators_words_stand_in_the_warning_and_the_way_to_appeal_below_them(open_chat: OpenChat) -> None:
    chat = settled(open_chat, Ladder(steps=(LadderStep(1, "喂，{rule}"),)))
    chat.says(INSULT)
    first, second = told(chat)[0].split("\n")
    assert first.startswith("喂，友善交流")
    assert "申诉 1" in second


def test_a_repeat_of_the_message_warns_nobody_again(strict: Chat) -> None:
    for _ in range(3):
        strict.says(INSULT, id="same")
    assert len(told(strict)) == 1
    assert strict.stores.cases.count(strict.community.keys) == 1


def test_a_message_that_reports_or_appeals_is_not_punished_for_what_it_quotes(strict: Chat) -> None:
    strict.says("举报 @hanmei 她骂我王八蛋")
    strict.privately("申诉 1 他先骂我傻逼的")
    assert not any("触发了规则" in words for words in told(strict))


def test_what_a_moderator_types_to_the_bot_alone_is_work(strict: Chat) -> None:
    strict.privately("他说了王八蛋，怎么处理", user="boss")
    assert strict.stores.cases.count(strict.community.keys) == 0


def test_a_tree_hole_is_never_judged(strict: Chat) -> None:
    strict.as_admin("发起树洞 夜")
    strict.as_admin("1")
    strict.privately("树洞 我恨那个王八蛋")
    assert strict.stores.cases.count(strict.community.keys) == 0


def test_after_people_found_words_harmless_they_are_answered_again(strict: Chat) -> None:
    strict.says(f"签到 {INSULT}")
    strict.as_admin("处理 1 忽略")
    assert strict.says(f"签到 {INSULT}") != ""


def test_a_decided_warning_comes_back_to_the_queue_when_it_is_said_again_later(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("处理 1 警告")
    strict.later(minutes=3)
    strict.says(INSULT)
    assert strict.stores.cases.count_undecided(strict.community.keys) == 0, "within the cool-down it is one thing"
    strict.later(days=1)
    strict.says(INSULT)
    assert len(told(strict)) == 1, "nobody is warned twice for one text"
    assert "又 2 次" in strict.as_admin("案件")
    assert "又说了 2 次" in strict.as_admin("案件 1")


def test_a_case_filed_in_between_does_not_end_the_cool_down(strict: Chat) -> None:
    strict.says(INSULT)
    file_for(strict, 1, user="lilei")
    strict.later(minutes=2)
    strict.says(OTHER)
    assert len(told(strict)) == 1


def test_a_moderators_warning_begins_a_cool_down(strict: Chat) -> None:
    file_for(strict, 1, user="lilei")
    strict.as_admin("处理 1 警告")
    strict.later(minutes=2)
    strict.says(INSULT)
    assert len(told(strict)) == 1


def test_what_waits_becomes_the_warning_when_it_is_warned_of(store: Cases) -> None:
    assert file(store, 7, "一句话") == file(store, 7, "一句话", act="warn", at=NOW + timedelta(hours=1)) == 1
    assert (get(store, 1).state, store.count_strikes(HOME, 7, NOW), store.count(HOME)) == ("warned", 1, 1)
    assert store.decide(HOME, get(store, 1), "warned", 9, NOW + timedelta(hours=2), once="x").strikes == 1


def test_a_clock_that_was_a_month_ahead_shields_nobody(store: Cases) -> None:
    def say(text: str, at: datetime) -> str:
        filing = Filing(7, "友善", "insult", 3, Evidence(text), store.mark(HOME, text))
        return store.open(HOME, filing, "warn", at, lapse=MONTH, cool_down=COOL, once=f"c{next(NAMES)}").outcome

    assert say("一", NOW + MONTH) == "warned"
    assert say("二", NOW) == "added"
    assert say("三", NOW + timedelta(minutes=11)) == "warned"


def test_nobody_is_warned_who_was_erased(strict: Chat) -> None:
    file_for(strict, 1)
    number = strict.member("hanmei")
    strict.erase("hanmei")
    assert "已经注销" in strict.as_admin("处理 1 警告")
    assert not strict.stores.database.command("EXISTS", keys.WARNINGS(shard=strict.community.shard, community="main", member=number))


def test_a_merged_case_says_where_it_went(strict: Chat) -> None:
    strict.says(INSULT)
    strict.later(minutes=20)
    strict.says(OTHER)
    strict.as_admin("处理 2 合并 1")
    said = strict.as_admin("案件 2")
    assert "已并入案件 1" in said
    assert "要改判" not in said


# The queue ------------------------------------------------------------------------------------------------------------------


def file(store: Cases, member: int = 1, text: str = "", *, act: str = "file", severity: int = 2, at: datetime = NOW, **more: object) -> int:
    text = text or f"话 {next(NAMES)}"
    filing = Filing(member, "友善", "insult", severity, Evidence(text), store.mark(HOME, text), **more)  # type: ignore[arg-type]
    return store.open(HOME, filing, act, at, lapse=MONTH, once=f"m{next(NAMES)}").number  # type: ignore[arg-type]


@pytest.fixture
def store(database: Database) -> Cases:
    return Cases(database, Seal(KEY))


def get(store: Cases, number: int) -> Case:
    case = store.find(HOME, number)
    assert case
    return case


def test_the_queue_shows_first_what_weighs_more_and_what_is_older(store: Cases) -> None:
    mild = file(store, 1, severity=1)
    late = file(store, 2, severity=1, at=NOW + timedelta(hours=20))
    grave = file(store, 3, severity=3, at=NOW + timedelta(hours=5))
    assert [case.number for case in store.undecided(HOME)] == [grave, mild, late]
    assert [case.number for case in store.undecided(HOME, 1, skip=1)] == [mild]
    assert [case.number for case in store.newest(HOME, 2)] == [3, 2]


def test_a_case_is_told_whole_with_every_change_and_its_reason(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("处理 1 警告 当众骂人")
    strict.as_admin("处理 1 忽略 看错了")
    said = strict.as_admin("案件 1")
    assert INSULT in said
    assert "词库：辱骂" in said
    assert "已警告 → 已忽略：看错了" in said
    assert said.index("当众骂人") < said.index("看错了"), "amended, never overwritten"


def test_pages_of_the_queue_hold_ten(strict: Chat) -> None:
    for n in range(12):
        file_for(strict, n)
    first = strict.as_admin("案件")
    assert "还有 2 件，说“案件 第2页”看" in first
    assert len([line for line in strict.as_admin("案件 第2页").splitlines() if "成员" in line]) == 2
    assert "没有更多" in strict.as_admin("案件 第3页")


def file_for(chat: Chat, n: int, user: str = "hanmei") -> int:
    cases, where = chat.stores.cases, chat.community.keys
    filing = Filing(chat.member(user), "友善", "insult", 2, Evidence(f"第 {n} 句"), cases.mark(where, f"第 {n} 句"))
    return cases.open(where, filing, "file", chat.clock(), once=f"f{n}").number


@pytest.mark.parametrize(
    "typed", ["案件 abc", "案件 第零页", "案件 1 2", "处理", "处理 1", "处理 一 警告", "处理 1 表扬", "处理 1 合并", "处理 1 移交"]
)
def test_what_cannot_be_understood_is_answered_with_an_example(strict: Chat, typed: str) -> None:
    strict.says(INSULT)
    assert "写法是" in strict.as_admin(typed)


@pytest.mark.parametrize("typed", ["案件 9", "处理 9 警告", "处理 9 维持 是的", "处理 1 合并 9", f"处理 {'9' * 30} 忽略"])
def test_a_case_that_does_not_exist_is_said_not_to(strict: Chat, typed: str) -> None:
    strict.says(INSULT)
    assert "没有编号为 9" in strict.as_admin(typed)


def test_the_numbers_of_another_community_lead_to_nothing(strict: Chat) -> None:
    strict.says(INSULT)
    strict.says("签到", user="boss", group=FAR)
    assert "没有编号为 1" in strict.privately("案件 1", user="boss")
    assert "没有编号为 1" in strict.privately("处理 1 忽略", user="boss")
    assert state(strict, 1) == "warned"


# Deciding -------------------------------------------------------------------------------------------------------------------


def test_of_two_who_decide_at_once_one_counts_and_the_other_is_told(store: Cases) -> None:
    number = file(store)
    case = get(store, number)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: store.decide(HOME, case, "warned" if n % 2 else "ignored", 100 + n, NOW, once=f"d{n}"), range(16)))
    (counted,) = [n for n, done in enumerate(got) if done.done]
    assert all(done.by == 100 + counted for n, done in enumerate(got) if n != counted)
    assert get(store, number).state == ("warned" if counted % 2 else "ignored")
    assert get(store, number).revision == 1


def test_a_repeat_after_the_state_moved_on_gets_its_first_result(store: Cases) -> None:
    number = file(store)
    first = store.decide(HOME, get(store, number), "warned", 9, NOW, once="a")
    store.decide(HOME, get(store, number), "ignored", 9, NOW, once="b")
    assert store.decide(HOME, get(store, number), "warned", 9, NOW, once="a") == first
    assert get(store, number).state == "ignored"


def test_nobody_decides_about_himself_unless_he_is_the_only_one_and_has_slept_on_it(store: Cases) -> None:
    number = file(store, 7)
    case = get(store, number)
    assert store.decide(HOME, case, "ignored", 7, NOW + timedelta(hours=1), once="a").outcome == "own"
    assert store.decide(HOME, case, "ignored", 7, NOW + timedelta(minutes=9), is_alone=True, once="b").outcome == "own"
    done = store.decide(HOME, case, "ignored", 7, NOW + timedelta(minutes=11), is_alone=True, once="c")
    assert (done.outcome, done.alone) == ("done", True)


def test_a_case_is_handed_to_somebody_who_may_decide(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("角色 hanmei 版主")
    assert "不是这里的版主" in strict.as_admin("处理 1 移交 lucy 你来")
    assert "移交给" in strict.as_admin("处理 1 移交 hanmei 你认识他")
    assert "案件 1 移交给你了：你认识他" in told(strict, "hanmei")[-1]
    assert f"在成员 {strict.member('hanmei')} 手上" in strict.as_admin("案件")


def test_two_cases_about_one_thing_become_one_and_count_once(strict: Chat) -> None:
    strict.says(INSULT)
    strict.later(minutes=20)
    strict.says(OTHER)
    assert "并入案件 1" in strict.as_admin("处理 2 合并 1 一回事")
    who = strict.member("lilei")
    assert strict.stores.cases.count_strikes(strict.community.keys, who, strict.clock()) == 1
    assert "已经并入案件 1" in strict.as_admin("处理 2 警告")
    assert "不能并入" in strict.as_admin("处理 1 合并 2")
    assert "并进了案件 2" in strict.as_admin("案件 1")


def test_cases_of_two_members_are_not_merged(strict: Chat) -> None:
    strict.says(INSULT)
    strict.says(INSULT, user="hanmei")
    assert "不是同一个人" in strict.as_admin("处理 2 合并 1")
    assert state(strict, 2) == "warned"


def test_while_a_community_is_paused_nobody_is_warned(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("处理 1 忽略")
    strict.as_admin("暂停")
    assert "不发警告" in strict.as_admin("处理 1 警告")
    assert state(strict, 1) == "ignored"


def test_a_change_is_in_the_audit_with_before_after_and_why(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("处理 1 忽略 玩笑")
    row = strict.stores.audit.newest("main", 1)[0]
    assert (row.act, row.before, row.after) == ("处理案件", "已警告", "已忽略 玩笑")


# Evidence and persons -------------------------------------------------------------------------------------------------------


def test_when_evidence_has_gone_the_same_text_is_still_known_and_nowhere_to_be_read(strict: Chat) -> None:
    strict.says(INSULT)
    mark = strict.stores.cases.mark(strict.community.keys, INSULT)
    strict.later(days=91)
    assert strict.clean_up()["evidence"] == 1
    (filed,) = strict.stores.database.command("HVALS", keys.CASES(shard=strict.community.shard, community="main"))
    assert json.loads(filed)["mark"] == mark
    assert json.loads(filed)["category"] == "insult"
    assert "王八蛋" not in strict.as_admin("案件 1")


def test_nothing_that_redis_keeps_of_a_case_shows_what_was_said(strict: Chat) -> None:
    strict.says(INSULT)
    strict.says("举报 @hanmei 她说我是蠢材", user="lucy")
    database = strict.stores.database
    for key in database.scan("qb:{*}:main:*cases*"):
        kind = database.command("TYPE", key)
        held = str(database.command("HGETALL", key) if kind == "hash" else database.command("ZRANGE", key, 0, -1))
        assert "王八蛋" not in held
        assert "蠢材" not in held


def test_an_erased_member_leaves_cases_without_words_or_strikes(strict: Chat) -> None:
    strict.says(INSULT)
    strict.later(minutes=1)
    strict.says(OTHER)
    number = strict.member()
    strict.erase("lilei")
    assert "（原文已清除）" in strict.as_admin("案件 1")
    assert strict.stores.cases.count_strikes(strict.community.keys, number, strict.clock()) == 0
    assert strict.stores.cases.of_member(strict.community.keys, number) == []


def test_a_member_reads_in_his_export_what_was_decided_and_not_who_reported_him(strict: Chat) -> None:
    strict.says("签到", user="lilei")
    strict.says("举报 @lilei 他老是骂人", user="hanmei")
    strict.says(INSULT)
    strict.as_admin("处理 1 忽略")
    exported = strict.stores.cases.export_user(strict.member())
    assert [(row["编号"], row["状态"]) for row in exported["main"]] == [(1, "ignored"), (2, "warned")]
    assert "老是骂人" not in str(exported)


def test_cases_and_strikes_of_the_older_layout_are_read_on(database: Database, store: Cases) -> None:
    part = {"shard": HOME.shard, "community": HOME.id}
    row = {"member": 5, "rule": "友善", "category": "insult", "severity": 3, "t": to_ms(NOW), "message": "m"}
    database.command("HSET", keys.CASES(**part), 1, json.dumps(row))
    database.command("HSET", keys.CASES_STATE(**part), 1, "warned")
    database.command("HSET", keys.EVIDENCE(**part), 1, f"{to_ms(NOW)}|{Fernet(KEY).encrypt('老话'.encode()).decode()}")
    database.command("RPUSH", keys.STRIKES_V4(**part, member=5), 1)
    database.command(
        "RPUSH", keys.CASES_LOG_V4(**part), json.dumps({"case": 1, "by": 9, "before": "open", "after": "warned", "t": to_ms(NOW)})
    )
    for _ in range(2):
        convert_cases(database)
    story = store.story(HOME, 1)
    assert story
    assert (story.case.state, story.case.evidence, story.case.judge) == ("warned", "老话", "words")
    assert [(told.act, told.by) for told in story.told] == [("warned", 9)]
    assert store.count_strikes(HOME, 5, NOW) == 1
    assert store.decide(HOME, story.case, "ignored", 9, NOW, once="x").strikes == 0


# What decisions teach -------------------------------------------------------------------------------------------------------


def judged_cases(store: Cases, rows: Sequence[tuple[float, str]]) -> None:
    for score, decision in rows:
        number = file(store, next(NAMES) + 1_000, act="warn", judge="abuse", score=score, verdict="warn")
        store.decide(HOME, get(store, number), decision, 9, NOW, once=f"d{next(NAMES)}")  # type: ignore[arg-type]


def test_a_threshold_is_suggested_from_what_people_overturned_and_changes_nothing(store: Cases) -> None:
    judged_cases(store, [*[(0.81, "ignored")] * 6, *[(0.83, "warned")] * 2, *[(0.9, "warned")] * 11, (0.97, "ignored")])
    (found,) = disagreement(store.counts(HOME)).judged
    assert (found.floor, found.total) == (0.8, Tally(13, 7))
    suggestion = found.suggestion
    assert suggestion
    assert (suggestion.score, suggestion.left, suggestion.lost) == (0.82, Tally(13, 1), 0)
    assert judged_line(found) == (
        "辱骂模型·辱骂·直接提醒 ≥ 0.80 的 20 件里改判 7 件（35%），建议提到 0.82：剩下 14 件里改判 1 件，会漏掉判对的 0 件。"
    )


def test_an_amended_decision_is_counted_as_it_stands(store: Cases) -> None:
    judged_cases(store, [(0.9, "warned")])
    case = get(store, 1)
    store.decide(HOME, case, "ignored", 8, NOW, once="amend")
    (found,) = disagreement(store.counts(HOME)).judged
    assert found.total == Tally(0, 1)


def test_few_decisions_suggest_nothing() -> None:
    bands = ((0.8, Tally(0, 4)), (0.9, Tally(5, 0)))
    assert Judged("abuse", "insult", "warn", bands).suggestion is None
    assert disagreement({}) == Disagreement((), {}, ())


@given(
    st.lists(st.tuples(st.integers(0, 49), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12, unique_by=lambda row: row[0])
)
def test_a_suggestion_is_always_right_often_enough_and_higher_than_before(rows: list[tuple[int, int, int]]) -> None:
    bands = tuple((band * 2 / 100, Tally(agreed, overturned)) for band, agreed, overturned in sorted(rows) if agreed or overturned)
    if not bands:
        return
    found = Judged("abuse", "insult", "warn", bands)
    if suggestion := found.suggestion:
        assert suggestion.score > found.floor
        assert suggestion.left.wrong <= 0.1 < found.total.wrong
        assert suggestion.lost + suggestion.left.agreed == found.total.agreed


def test_the_report_shows_moderators_beside_each_other(strict: Chat) -> None:
    assert "还没有人处理过" in strict.as_admin("案件 报告")
    strict.says(INSULT)
    strict.says(INSULT, user="hanmei")
    strict.as_admin("处理 1 警告")
    strict.as_admin("处理 2 忽略")
    said = strict.as_admin("案件 报告")
    assert "人工看过 2 件，判错 1 件（50%）" in said
    assert "处理 2 件，警告占 50%" in said


# Rules ----------------------------------------------------------------------------------------------------------------------


def test_the_shipped_section_says_the_shipped_ladder() -> None:
    assert ladder_of(LadderSheet()) == Ladder()
    assert LadderSheet(**ladder_sheet(Ladder())) == LadderSheet()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"steps": ({"strikes": 2, "words": "{rule}"},)}, "strikes: 1"),
        ({"steps": ({"strikes": 1, "words": "{rule}"}, {"strikes": 1, "words": "{rule}"})}, "写了两遍"),
        ({"steps": ({"strikes": 1, "words": "{rule}"}, {"strikes": 3, "words": "{rule}"}, {"strikes": 2, "words": "{rule}"})}, "从少到多"),
    ],
)
def test_a_ladder_that_makes_no_sense_is_refused_with_what_to_write(change: dict[str, object], problem: str) -> None:
    assert any(problem in say for _, say in check_ladder(LadderSheet(**change)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "words", "problem"), [("hint", "欢迎", "rule"), ("hint", "{who}：{rule}", "who"), ("public", "{case} {rule}", "不点名")]
)
def test_words_of_a_ladder_say_the_rule_and_public_ones_name_nobody(field: str, words: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        LadderSheet(**{field: words})  # type: ignore[arg-type]


@given(st.text(max_size=60), st.text(max_size=20), st.integers(0, 99))
def test_filling_words_never_fails_and_values_are_not_read_as_names(words: str, rule: str, case: int) -> None:
    filled(words, community="群", rule=rule, case=case)
    assert filled("{rule}|{x}", community="群", rule="{case}", case=case) == "{case}|{x}"


@given(st.integers(0, 40))
def test_a_step_never_goes_back_down(strikes: int) -> None:
    ladder = Ladder()
    assert ladder.step(strikes).strikes <= ladder.step(strikes + 1).strikes


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40)), max_size=4))
def test_a_marked_text_is_the_text(text: str, spans: list[tuple[int, int]]) -> None:
    grounds = tuple(Ground("words", "insult", 1.0, 3, "友善", "", span) for span in spans)
    assert "".join(piece for piece, _ in marked(Evidence(text, grounds))) == text


@given(st.lists(st.integers(0, 90), max_size=12), st.integers(0, 100))
@settings(on_a_shared_server)
def test_redis_and_python_count_strikes_alike(store: Cases, days: list[int], later: int) -> None:
    member = 50_000 + next(NAMES)
    now = NOW
    filed = 0
    for day in sorted(days):
        now = NOW + timedelta(days=day)
        filing = Filing(member, "友善", "insult", 3, Evidence("x"), f"mark{next(NAMES)}")
        filed = store.open(HOME, filing, "warn", now, lapse=MONTH, once=f"s{next(NAMES)}").strikes
        assert filed == store.count_strikes(HOME, member, now, MONTH)
    then = now + timedelta(days=later)
    assert store.count_strikes(HOME, member, then, MONTH) == (0 if later > 30 else filed)


def at_once(act: Callable[[int], object]) -> list[object]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(act, range(16)))


def test_two_of_one_message_file_one_case(store: Cases) -> None:
    filing = Filing(1, "友善", "insult", 3, Evidence("x"), "mark")
    got = at_once(lambda n: store.open(HOME, filing, "warn", NOW, lapse=MONTH, cool_down=COOL, once="same"))
    assert len(set(map(str, got))) == 1
    assert store.count(HOME) == 1


def test_a_raid_of_one_member_is_one_case_and_one_warning(store: Cases) -> None:
    def say(n: int) -> str:
        filing = Filing(1, "友善", "insult", 3, Evidence(f"第 {n} 句"), f"mark{n}")
        return store.open(HOME, filing, "warn", NOW, lapse=MONTH, cool_down=COOL, once=f"r{n}").outcome

    assert sorted(map(str, at_once(say))) == [*["added"] * 15, "warned"]
    assert (store.count(HOME), store.count_strikes(HOME, 1, NOW)) == (1, 1)
