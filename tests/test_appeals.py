"""Appeals: once for each decision, in a single chat, decided by another person, and said sorry for where they are right."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from casework import INSULT, OTHER, THIRD, as_moderator, posted, quotes, settled, state, to_admins, told
from chat import FAR, Chat, OpenChat
from cryptography.fernet import Fernet

from bot.case_desk import CaseDesk, remind_of_appeals
from bot.permissions import Actor
from rules.ladder import Ladder
from storage.appeals import Appeals, Ruled, Ruling, Taken
from storage.audit import Audit
from storage.cases import Case, Cases, Filing
from storage.community import CommunityKeys
from storage.connection import Database
from storage.evidence import Evidence, Seal
from storage.reports import Reports

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
HOME = CommunityKeys("home", 4)
KEY = Fernet.generate_key()
NAMES = itertools.count()
BOSS, LUCY, MEMBER = 91, 92, 5


@pytest.fixture
def strict(open_chat: OpenChat) -> Chat:
    """A bot in service; lucy is a moderator beside the owner."""
    chat = settled(open_chat)
    chat.as_admin("角色 lucy 版主")
    return chat


@pytest.fixture
def cases(database: Database) -> Cases:
    return Cases(database, Seal(KEY))


@pytest.fixture
def appeals(database: Database) -> Appeals:
    return Appeals(database, Seal(KEY))


def warned(cases: Cases, member: int = MEMBER) -> Case:
    filing = Filing(member, "友善", "insult", 3, Evidence("x"), f"m{next(NAMES)}")
    number = cases.open(HOME, filing, "warn", NOW, once=f"c{next(NAMES)}").number
    return get(cases, number)


def get(cases: Cases, number: int) -> Case:
    case = cases.find(HOME, number)
    assert case
    return case


def ask(store: Appeals, case: Case, *, once: str = "", most: int = 9, now: datetime = NOW) -> Taken:
    return store.appeal(HOME, case, "我没有骂人", now, today=TODAY, most_a_week=most, once=once or f"a{next(NAMES)}")


def rule(store: Appeals, case: Case, ruling: Ruling, actor: int, *, alone: bool = False, now: datetime = NOW, once: str = "") -> Ruled:
    return store.rule(HOME, case, ruling, actor, now, why="看过了", is_alone=alone, lapse=timedelta(0), once=once or f"r{next(NAMES)}")


# In chat --------------------------------------------------------------------------------------------------------------------


def test_an_appeal_is_taken_in_private_and_those_who_decide_hear_of_it_without_its_words(strict: Chat) -> None:
    strict.says(INSULT)
    assert "收到你对案件 1 的申诉" in strict.privately("申诉 1 我们是朋友，开玩笑的")
    (notice,) = to_admins(strict)
    assert "案件 1 有人申诉" in notice
    assert "开玩笑" not in notice
    assert "开玩笑" in strict.as_admin("案件 申诉")
    assert "没有待处理的案件。\n⚖️ 有 1 件申诉等复核" in strict.as_admin("案件"), "it waits in one place only"


def test_an_appeal_does_not_belong_into_a_group(strict: Chat) -> None:
    strict.says(INSULT)
    assert "请私聊我" in strict.says("申诉 1 我没有")
    assert strict.stores.appeals.count_waiting(strict.community.keys) == 0


@pytest.mark.parametrize("typed", ["申诉 我没骂人", "申诉 1 我没骂人", "申诉 案件1 我没骂人", "申诉 1号 我没骂人", "我要申诉 #1：我没骂人"])
def test_there_are_several_ways_to_say_it(strict: Chat, typed: str) -> None:
    strict.says(INSULT)
    assert "收到你对案件 1 的申诉" in strict.privately(typed)
    (waiting,) = strict.stores.appeals.waiting(strict.community.keys)
    assert waiting.words == "我没骂人"


def test_without_a_number_the_member_is_asked_which_of_several(strict: Chat) -> None:
    strict.says(INSULT)
    strict.later(minutes=20)
    strict.says(OTHER)
    said = strict.privately("申诉 我没骂人")
    assert "你有 2 件：2（" in said
    assert "例如：申诉 2 我没骂人" in said


@pytest.mark.parametrize("typed", ["申诉 1", "申诉 9 我没有", f"申诉 1 {'长' * 501}"])
def test_what_lacks_something_is_answered_with_an_example(strict: Chat, typed: str) -> None:
    strict.says(INSULT)
    said = strict.privately(typed)
    assert "例如" in said or "没有你的" in said
    assert strict.stores.appeals.count_waiting(strict.community.keys) == 0


def test_nobody_appeals_for_another_and_learns_nothing_of_his_case(strict: Chat) -> None:
    strict.says(INSULT)
    missing = strict.privately("申诉 7 冤枉", user="hanmei")
    assert strict.privately("申诉 1 冤枉", user="hanmei") == missing.replace("7", "1")


def test_granted_by_a_second_person_the_strike_goes_and_the_apology_comes_in_private(strict: Chat) -> None:
    strict.says(INSULT)
    strict.privately("申诉 1 开玩笑的")
    said = as_moderator(strict, "处理 1 撤销 确实是玩笑")
    assert "申诉成立" in said
    assert "现有 0 次警告" in said
    assert "人工看过 1 件，判错 1 件（100%）" in said
    sorry = told(strict)[-1]
    assert "对不起" in sorry
    assert "确实是玩笑" in sorry
    assert posted(strict) == [], "nothing is said in public"
    assert state(strict, 1) == "lifted"


def test_upheld_the_member_is_told_why_and_the_strike_stays(strict: Chat) -> None:
    strict.says(INSULT)
    strict.privately("申诉 1 开玩笑的")
    assert "请写上理由" in as_moderator(strict, "处理 1 维持")
    assert "现有 1 次警告" in as_moderator(strict, "处理 1 维持 当众骂人不是玩笑")
    assert "理由：当众骂人不是玩笑" in told(strict)[-1]
    assert state(strict, 1) == "warned"
    assert "维持原判：当众骂人不是玩笑" in strict.privately("申诉 1 再看看")


def test_who_decided_first_does_not_decide_the_appeal(strict: Chat) -> None:
    strict.says(INSULT)
    as_moderator(strict, "处理 1 警告")
    strict.privately("申诉 1 开玩笑的")
    assert "要由另一位来复核" in as_moderator(strict, "处理 1 维持 我看没错")
    assert "先复核申诉" in as_moderator(strict, "处理 1 忽略"), "and there is no way around it"
    assert "申诉成立" in strict.as_admin("处理 1 撤销 是玩笑")


def test_the_member_himself_does_not_decide_his_own_appeal(strict: Chat) -> None:
    strict.as_admin("角色 lilei 版主")
    strict.says(INSULT)
    strict.privately("申诉 1 开玩笑的")
    assert "关于你自己" in as_moderator(strict, "处理 1 撤销 我说了算", user="lilei")


def test_a_single_administrator_sleeps_on_it_and_it_is_noted(open_chat: OpenChat) -> None:
    chat = settled(open_chat)
    chat.says(INSULT)
    chat.as_admin("处理 1 警告")
    chat.privately("申诉 1 开玩笑的")
    assert "过 10 分钟" in chat.as_admin("处理 1 撤销 嗯")
    chat.later(minutes=11)
    assert "一个人决定" in chat.as_admin("处理 1 撤销 嗯")
    assert "一个人决定的" in chat.stores.audit.newest("main", 1)[0].after
    assert "没有别人能决定" in chat.as_admin("案件 1")


def test_a_week_allows_so_many_appeals(open_chat: OpenChat) -> None:
    chat = settled(open_chat, Ladder(appeals_a_week=1))
    for n, words in enumerate((INSULT, OTHER), 1):
        chat.says(words)
        chat.later(minutes=11)
        said = chat.privately(f"申诉 {n} 冤枉")
    assert "一周最多申诉 1 次" in said
    chat.later(days=7)
    assert "收到" in chat.privately("申诉 2 冤枉")


def test_a_moderators_appeal_is_ruled_by_who_decided_first_where_nobody_else_may(strict: Chat) -> None:
    strict.says(INSULT, user="lucy")
    strict.as_admin("处理 1 警告")
    strict.privately("申诉 1 我在开玩笑", user="lucy")
    assert "过 10 分钟" in strict.as_admin("处理 1 撤销 是玩笑")
    strict.later(minutes=11)
    assert "关于你自己" in as_moderator(strict, "处理 1 撤销 我说了算"), "not even then"
    assert "申诉成立" in strict.as_admin("处理 1 撤销 是玩笑")
    assert "一个人决定的" in strict.stores.audit.newest("main", 1)[0].after


def test_a_case_whose_appeal_waits_can_be_handed_over(strict: Chat) -> None:
    strict.says(INSULT)
    as_moderator(strict, "处理 1 警告")
    strict.privately("申诉 1 开玩笑的")
    assert "移交给" in as_moderator(strict, "处理 1 移交 @boss 请复核")
    assert "申诉成立" in strict.as_admin("处理 1 撤销 是玩笑")


@pytest.mark.parametrize(
    "typed",
    [
        "申诉 1 凭什么？", "申诉 1 我哪里骂人了？", "申诉 为什么判我？", "申诉：1 我开玩笑的", "申诉：我在开玩笑", "申诉1 我开玩笑的", "申诉1，我开玩笑的",
        "申诉，我没有骂人", "我要申诉1 开玩笑", "申诉案件1 我开玩笑的", "申诉#1 我开玩笑的", "案件申诉 1 我没说王八蛋", "申诉：我没有骂他王八蛋",
    ],
)  # fmt: skip
def test_natural_ways_to_appeal_are_taken_and_never_judged(strict: Chat, typed: str) -> None:
    strict.says(INSULT)
    strict.later(minutes=30)
    assert "收到你对案件 1 的申诉" in strict.privately(typed)
    assert strict.stores.cases.count(strict.community.keys) == 1


def test_in_a_group_the_word_alone_excuses_nothing_and_warns_nobody(strict: Chat) -> None:
    for n in range(5):
        assert "请私聊我" in strict.says(f"申诉 你这个王八蛋{n}", user="hanmei")
    assert [case.member for case in strict.stores.cases.undecided(strict.community.keys)] == [strict.member("hanmei")]
    assert state(strict, 1) == "open"
    assert not told(strict, "hanmei")


def test_a_ruling_reaches_its_member_while_the_community_is_paused(strict: Chat) -> None:
    strict.says(INSULT)
    strict.privately("申诉 1 误会")
    strict.as_admin("暂停 1小时")
    as_moderator(strict, "处理 1 撤销 对不起")
    assert [one.lane for one in strict.outbox() if "申诉成立" in str(one.body)] == ["now"]


def test_a_warning_taken_back_is_told_its_member(strict: Chat) -> None:
    strict.says(INSULT)
    strict.as_admin("处理 1 忽略 是歌词")
    assert "提醒撤销了，不再计数（是歌词）" in told(strict)[-1]


def test_a_merge_that_a_crash_cut_short_is_told_by_its_repeat(strict: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("坏话甲甲", "坏话乙乙"):
        quotes(strict, words, "举报", user="hanmei")
    strict.as_admin("案件")
    desk = CaseDesk(strict.stores, strict.live.current, strict.config, strict.community, strict.clock())
    boss, record = Actor(strict.member("boss"), "boss", "owner"), Audit.record
    monkeypatch.setattr(Audit, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        desk.decide(1, "merge", boss, to=2, once="k")
    monkeypatch.setattr(Audit, "record", record)
    for _ in range(2):
        assert desk.decide(1, "merge", boss, to=2, once="k").done.done
    assert [row.after for row in strict.stores.audit.newest("main", 9)].count("并入案件 2") == 1


def test_what_was_never_held_against_a_member_needs_no_appeal(strict: Chat) -> None:
    assert "没有提醒算在你头上" in strict.privately("申诉 冤枉啊")
    strict.says(INSULT)
    strict.as_admin("处理 1 忽略")
    assert "不用申诉" in strict.privately("申诉 1 冤枉")


def test_administrators_are_reminded_after_a_day_and_once_a_day(strict: Chat) -> None:
    strict.says(INSULT)
    strict.privately("申诉 1 冤枉")

    def remind() -> int:
        return remind_of_appeals(strict.stores, strict.config, strict.live.current, strict.communities, strict.clock())

    assert remind() == 0
    strict.later(hours=25)
    assert [remind(), remind()] == [1, 0]
    assert "等了一天以上：案件 1" in to_admins(strict)[-1]
    as_moderator(strict, "处理 1 维持 是骂人")
    strict.later(hours=25)
    assert remind() == 0


def test_a_question_about_appeals_is_a_question(strict: Chat) -> None:
    said = strict.privately("申诉 怎么弄？")
    assert "没有提醒算" not in said


def test_an_erased_member_leaves_no_appeal(strict: Chat) -> None:
    strict.says(INSULT)
    strict.privately("申诉 1 我叫李雷，冤枉")
    assert "冤枉" in str(strict.stores.appeals.export_user(strict.member()))
    strict.erase("lilei")
    assert strict.stores.appeals.count_waiting(strict.community.keys) == 0
    assert "李雷" not in strict.as_admin("案件 1")
    assert "没有等待复核" in strict.as_admin("案件 申诉")


def test_the_numbers_of_another_community_are_not_the_members(strict: Chat) -> None:
    strict.says(INSULT)
    strict.says("签到", group=FAR)
    assert "没有你的 1 号案件" in strict.privately("申诉 1 冤枉")


# In the store ---------------------------------------------------------------------------------------------------------------


def test_there_is_one_appeal_for_each_decision(cases: Cases, appeals: Appeals) -> None:
    case = warned(cases)
    assert ask(appeals, case).outcome == "ok"
    assert ask(appeals, case).outcome == "again"
    assert rule(appeals, case, "granted", BOSS).outcome == "done"
    assert ask(appeals, get(cases, case.number)).outcome == "state", "nothing is held against him"
    cases.decide(HOME, get(cases, case.number), "warned", LUCY, NOW, once="anew")
    assert ask(appeals, get(cases, case.number)).outcome == "ok", "against the new decision"


def test_twins_and_repeats_of_an_appeal_are_one(cases: Cases, appeals: Appeals) -> None:
    case = warned(cases)
    with ThreadPoolExecutor(8) as pool:
        got = set(pool.map(lambda _: ask(appeals, case, once="same"), range(16)))
    assert got == {Taken("ok", "warned")}
    rule(appeals, case, "granted", BOSS)
    assert ask(appeals, case, once="same") == Taken("ok", "warned"), "its first result, though the state moved on"
    assert appeals.count_waiting(HOME) == 0


def test_of_two_who_rule_at_once_one_counts(cases: Cases, appeals: Appeals) -> None:
    case = warned(cases)
    ask(appeals, case)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: rule(appeals, case, "granted" if n % 2 else "upheld", 100 + n), range(16)))
    (counted,) = [n for n, ruled in enumerate(got) if ruled.outcome == "done"]
    assert {(ruled.outcome, ruled.by) for n, ruled in enumerate(got) if n != counted} == {("late", 100 + counted)}
    assert get(cases, case.number).state == ("lifted" if counted % 2 else "warned")


def test_a_repeat_of_a_ruling_gets_its_first_result_after_the_state_moved_on(cases: Cases, appeals: Appeals) -> None:
    case = warned(cases)
    ask(appeals, case)
    first = rule(appeals, case, "granted", BOSS, once="same")
    cases.decide(HOME, get(cases, case.number), "warned", LUCY, NOW, once="anew")
    assert rule(appeals, case, "granted", BOSS, once="same") == first
    assert get(cases, case.number).state == "warned"


def test_nobody_washes_his_decision_by_anothers_agreement(cases: Cases, appeals: Appeals) -> None:
    case = warned(cases)
    cases.decide(HOME, case, "warned", LUCY, NOW, once="lucy")
    cases.decide(HOME, get(cases, case.number), "warned", BOSS, NOW, once="boss")
    case = get(cases, case.number)
    ask(appeals, case)
    later = NOW + timedelta(hours=1)
    assert [rule(appeals, case, "upheld", actor, now=later).outcome for actor in (LUCY, BOSS, 93)] == ["same", "same", "done"]


def test_where_both_deciders_have_decided_either_may_rule_alone_and_that_is_noted(strict: Chat) -> None:
    strict.says(INSULT)
    as_moderator(strict, "处理 1 警告")
    strict.as_admin("处理 1 警告 同意")
    strict.privately("申诉 1 我没有骂人")
    assert "10 分钟" in as_moderator(strict, "处理 1 维持 就是在骂人")
    strict.later(minutes=11)
    as_moderator(strict, "处理 1 维持 就是在骂人")
    assert "一个人决定的" in strict.as_admin("案件 1")


@pytest.mark.parametrize(
    ("actor", "alone", "minutes", "outcome"),
    [(BOSS, False, 60, "same"), (LUCY, False, 0, "done"), (MEMBER, False, 60, "own"), (BOSS, True, 5, "soon"), (BOSS, True, 11, "done")],
)
def test_four_eyes_are_the_acts_own(cases: Cases, appeals: Appeals, actor: int, alone: bool, minutes: int, outcome: str) -> None:
    case = warned(cases)
    cases.decide(HOME, case, "warned", BOSS, NOW, once="first")
    case = get(cases, case.number)
    ask(appeals, case)
    ruled = rule(appeals, case, "granted", actor, alone=alone, now=NOW + timedelta(minutes=minutes))
    assert ruled.outcome == outcome
    assert ruled.alone == (alone and outcome == "done")


def test_a_granted_appeal_takes_back_what_reporters_and_moderators_were_credited_with(
    cases: Cases, appeals: Appeals, database: Database
) -> None:
    reports = Reports(database, Seal(KEY))
    filing = Filing(MEMBER, "友善", "report", 1, Evidence("x"), "mark", "member")
    number = reports.report(HOME, 7, filing, NOW, today=TODAY, most=9, most_of_one=9, same_for=timedelta(1), once="r").number
    cases.decide(HOME, get(cases, number), "warned", BOSS, NOW, once="d")
    assert reports.record(HOME, 7) == (1, 0)
    ask(appeals, get(cases, number))
    rule(appeals, get(cases, number), "granted", LUCY)
    assert reports.record(HOME, 7) == (0, 1)
    counts = cases.counts(HOME)
    assert (counts["by|91|overruled"], counts["agreed|rule|友善"], counts["overturned|rule|友善"]) == (1, 0, 1)


def test_an_appeal_against_a_hint_is_possible_too(cases: Cases, appeals: Appeals) -> None:
    filing = Filing(MEMBER, "友善", "insult", 3, Evidence("x"), "mark")
    number = cases.open(HOME, filing, "hint", NOW, once="h").number
    assert ask(appeals, get(cases, number)).outcome == "ok"
    assert rule(appeals, get(cases, number), "granted", BOSS).outcome == "done"
    assert get(cases, number).state == "lifted"


def test_after_three_warnings_one_that_was_wrong_is_not_counted(strict: Chat) -> None:
    for words in (INSULT, OTHER):
        strict.says(words)
        strict.later(minutes=11)
    strict.privately("申诉 1 冤枉")
    as_moderator(strict, "处理 1 撤销")
    strict.says(THIRD)
    assert "第 2 次提醒" in told(strict)[-1]
