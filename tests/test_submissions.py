"""Submissions: taken in while their activity is open, reviewed once, liked once, forgotten with their author – and those without one lead to nobody."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import contents
from rules.activities import Activity, KindId, State
from rules.content_file import ContentProblem
from rules.contents import CONTRIBUTIONS
from rules.despair import is_despair
from rules.moderation import Judge
from rules.submissions import FROM, STATES, STEPS, Contributions, Decision, Step, Works, climbed, koc_score, next_step, step_of
from rules.wordlist import Lexicon, Word
from storage import keys
from storage.activities import Activities
from storage.activities import Draft as Planned
from storage.community import CommunityKeys
from storage.connection import Database
from storage.submissions import Draft, Submission, Submissions

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
HOME = CommunityKeys("home", 4)
SHARDS = 16
KEY = b"a key that stays outside"
NAMES = itertools.count()
on_a_shared_server = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(database: Database) -> Submissions:
    return Submissions(database, KEY)


def an_open(database: Database, kind: KindId = "contest", *, closes: datetime | None = None) -> Activity:
    activities = Activities(database, SHARDS)
    made = activities.create(HOME, Planned(kind, "我和一本书", 9, closes=closes), NOW, once=f"make{next(NAMES)}")
    return activities.change(HOME, made, NOW, state="open").activity


def close(database: Database, activity: Activity) -> None:
    store = Activities(database, SHARDS)
    fresh = store.find(HOME, activity.number)
    assert fresh
    assert store.change(HOME, fresh, NOW, state="closed").outcome == "done"


def put(
    store: Submissions, activity: Activity, draft: Draft, *, once: str = "", now: datetime = NOW, today: date = TODAY
) -> Submission | str:
    """What was handed in, or why it was not."""
    added = store.add(HOME, activity.number, activity.kind, draft, now, today=today, once=once or f"m{next(NAMES)}")
    found = store.find(HOME, added.number) if added.number else None
    return found or added.outcome


def handed_in(store: Submissions, activity: Activity, author: int = 1, text: str = "十年前的书签", **more: Any) -> Submission:
    found = put(store, activity, Draft(author, text, "waiting", **more))
    assert isinstance(found, Submission)
    return found


# Taking in ----------------------------------------------------------------------------------------------------------------


def test_what_is_handed_in_waits_in_its_order_under_its_number(store: Submissions, database: Database) -> None:
    activity = an_open(database)
    first, second = handed_in(store, activity, pictures=2, doubt="广告"), handed_in(store, activity, author=2)
    assert (first.author, first.text, first.pictures, first.doubt, first.state, first.at) == (1, "十年前的书签", 2, "广告", "waiting", NOW)
    assert [one.number for one in store.waiting(HOME)] == [first.number, second.number]
    assert store.best(HOME, activity.number) == []
    assert [one.number for one in store.newest(HOME, activity.number, 1)] == [second.number]
    assert [one.number for one in store.newest(HOME, activity.number, 5, skip=1)] == [first.number]


def test_a_repeat_of_the_message_hands_nothing_in_again_and_gets_the_same_number(store: Submissions, database: Database) -> None:
    activity, draft = an_open(database), Draft(1, "一次", "waiting")
    first = store.add(HOME, activity.number, "contest", draft, NOW, today=TODAY, once="same")
    close(database, activity)
    again = store.add(HOME, activity.number, "contest", draft, NOW + timedelta(days=3), today=TODAY, once="same")
    assert again == first
    assert store.count_waiting(HOME) == 1


@pytest.mark.parametrize("state", ["draft", "closed", "cancelled"])
def test_nothing_is_taken_in_by_an_activity_that_is_not_open(store: Submissions, database: Database, state: State) -> None:
    activities = Activities(database, SHARDS)
    activity = activities.create(HOME, Planned("contest", "书", 9), NOW, once=f"d{state}")
    if state != "draft":
        activity = activities.change(HOME, activity, NOW, state="open").activity
        activities.change(HOME, activity, NOW, state=state)
    assert put(store, activity, Draft(1, "晚了", "waiting")) == "closed"


def test_nothing_is_taken_in_at_the_moment_of_the_end_though_no_clock_has_rung_yet(store: Submissions, database: Database) -> None:
    activity = an_open(database, closes=NOW + timedelta(hours=1))
    assert isinstance(put(store, activity, Draft(1, "早", "waiting"), now=NOW + timedelta(minutes=59)), Submission)
    assert put(store, activity, Draft(1, "晚", "waiting"), now=NOW + timedelta(hours=1)) == "closed"


def test_closed_means_closed_whoever_hands_in_at_the_same_moment(store: Submissions, database: Database) -> None:
    activity = an_open(database)

    def hand_in(n: int) -> str:
        if n == 20:
            close(database, activity)
            return f"closed at {store.count_waiting(HOME)}"
        return store.add(HOME, activity.number, "contest", Draft(n, "x", "waiting"), NOW, today=TODAY, once=f"race{n}").outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(hand_in, range(40)))
    taken = store.count_waiting(HOME)
    assert outcomes.count("ok") == taken
    assert outcomes.count("closed") == 39 - taken
    assert put(store, activity, Draft(99, "nach", "waiting")) == "closed"


def test_the_limits_of_an_activity_and_of_a_day_hold(store: Submissions, database: Database) -> None:
    activity = an_open(database)
    two = Draft(1, "x", "waiting", most=2)
    assert [put(store, activity, two) == "most" for _ in range(3)] == [False, False, True]
    daily = Draft(2, "x", "waiting", most_a_day=1)
    assert isinstance(put(store, activity, daily), Submission)
    assert put(store, activity, daily) == "day"
    assert isinstance(put(store, activity, daily, today=TODAY + timedelta(days=1)), Submission)


def test_an_answer_needs_something_shown_in_the_same_activity(store: Submissions, database: Database) -> None:
    box, other = an_open(database, "box"), an_open(database, "box")
    voice = handed_in(store, box, is_unnamed=True)
    answer = Draft(2, "抱抱", "waiting", parent=voice.number, is_unnamed=True)
    assert put(store, box, answer) == "gone"
    store.review(HOME, voice, "approved", 9, NOW, once="yes")
    assert put(store, other, answer) == "gone"
    assert isinstance(found := put(store, box, answer), Submission)
    assert found.parent == voice.number


# Without a name -----------------------------------------------------------------------------------------------------------


def dump(database: Database) -> dict[str, str]:
    """All that Redis holds, as text."""
    found = {}
    for key in database.scan("*"):
        kind = database.command("TYPE", key)
        read = {
            "string": ("GET", key), "hash": ("HGETALL", key), "list": ("LRANGE", key, 0, -1), "set": ("SMEMBERS", key),
            "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"), "stream": ("XRANGE", key, "-", "+"),
        }[kind]  # fmt: skip
        found[key] = json.dumps(database.command(*read), ensure_ascii=False)
    return found


def test_what_is_said_without_a_name_leads_neither_to_a_member_nor_to_his_other_words(store: Submissions, database: Database) -> None:
    member, box = 7_654_321, an_open(database, "box")
    before = dump(database)
    one = handed_in(store, box, member, "第一句", is_unnamed=True, most_a_day=5)
    two = handed_in(store, box, member, "第二句", is_unnamed=True, most_a_day=5)
    added = {key: value for key, value in dump(database).items() if before.get(key) != value}
    assert not [key for key, value in added.items() if str(member) in key + value]
    assert not [key for key in added if key.endswith(":events")]
    records = [json.loads(database.command("HGET", keys.SUBMISSIONS(shard=4, community="home"), n.number)) for n in (one, two)]
    assert (one.author, one.at) == (0, datetime(2026, 3, 10, tzinfo=UTC))
    assert records[0]["mark"] != records[1]["mark"]
    assert records[0]["salt"] != records[1]["salt"]
    assert store.of_member(HOME, member) == []


def test_who_said_it_finds_it_again_and_nobody_else_does_without_the_key(store: Submissions, database: Database) -> None:
    box = an_open(database, "box")
    mine, other = handed_in(store, box, 1, "我的", is_unnamed=True), handed_in(store, box, 2, "别人的", is_unnamed=True)
    assert [one.number for one in store.unnamed_of(HOME, box.number, 1)] == [mine.number]
    assert [one.number for one in store.unnamed_of(HOME, box.number, 2)] == [other.number]
    assert Submissions(database, b"another key").unnamed_of(HOME, box.number, 1) == []


def test_words_of_despair_wait_before_all_others(store: Submissions, database: Database) -> None:
    box = an_open(database, "box")
    first = handed_in(store, box, is_unnamed=True)
    found = put(store, box, Draft(2, "不想活了", "help", is_unnamed=True))
    assert isinstance(found, Submission)
    assert [one.number for one in store.waiting(HOME)] == [found.number, first.number]


# Reviewing ----------------------------------------------------------------------------------------------------------------

decisions = st.lists(st.sampled_from(list(FROM)), max_size=6)


@given(acts=decisions)
@on_a_shared_server
def test_a_decision_follows_only_where_it_may_and_a_work_counts_once(store: Submissions, database: Database, acts: list[Decision]) -> None:
    author = 1_000 + next(NAMES)
    one = handed_in(store, an_open(database), author)
    close(database, _activity(database, one))  # what is decided later counts all the same
    state, approved, featured = "waiting", 0, 0
    for decision in acts:
        done = store.review(HOME, one, decision, 9, NOW, counts=True, once=f"r{next(NAMES)}")
        assert done
        assert (done.done, done.before) == (state in FROM[decision], state)
        was = Works(approved, featured)
        if done.done:
            state = decision
            approved = max(approved, int(decision != "rejected"))
            featured = max(featured, int(decision == "featured"))
        assert (done.works_before, done.works, done.is_first) == (was, Works(approved, featured), approved > was.approved)
    found = store.find(HOME, one.number)
    assert found
    assert found.state == state
    assert (one.number in {shown.number for shown in store.best(HOME, one.activity)}) == found.is_shown
    assert (one.number in {shown.number for shown in store.featured(HOME, 10_000)}) == (state == "featured")
    assert (one.number in {shown.number for shown in store.waiting(HOME, 10_000)}) == (state == "waiting")


def test_of_many_reviewers_at_once_one_decides(store: Submissions, database: Database) -> None:
    one = handed_in(store, an_open(database))

    def approve(n: int) -> bool:
        done = store.review(HOME, one, "approved", n, NOW, counts=True, once=f"at once {n}")
        return bool(done and done.done)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(approve, range(16))) == 1
    assert store.works(HOME, 1) == Works(1, 0)


def test_a_repeat_of_a_decision_gets_its_first_result(store: Submissions, database: Database) -> None:
    one = handed_in(store, an_open(database))
    first = store.review(HOME, one, "approved", 9, NOW, why="好", counts=True, once="again")
    assert store.review(HOME, one, "approved", 9, NOW + timedelta(days=2), counts=True, once="again") == first
    found = store.find(HOME, one.number)
    assert found
    assert (found.why, found.reviewer, found.decided) == ("好", 9, NOW)
    assert store.works(HOME, 1) == Works(1, 0)


def test_only_the_first_work_taken_in_an_activity_is_his_first(store: Submissions, database: Database) -> None:
    activity, other = an_open(database), an_open(database)
    works = [handed_in(store, where) for where in (activity, activity, other)]
    done = [store.review(HOME, one, "approved", 9, NOW, counts=True, once=f"first{one.number}") for one in works]
    assert [one and one.is_first for one in done] == [True, False, True]


# Liking -------------------------------------------------------------------------------------------------------------------


def test_likes_count_once_a_member_and_never_for_oneself(store: Submissions, database: Database) -> None:
    one = handed_in(store, an_open(database, "topic"))
    assert store.like(HOME, one, 2, NOW, once="early").outcome == "gone"
    store.review(HOME, one, "approved", 9, NOW, once="show")
    assert store.like(HOME, one, 1, NOW, once="own").outcome == "own"
    assert [store.like(HOME, one, member, NOW, once=f"l{member}").likes for member in (2, 3)] == [1, 2]
    assert store.like(HOME, one, 2, NOW, once="l2").outcome == "ok"  # a repeat of the message that liked it
    assert store.like(HOME, one, 2, NOW, once="other").outcome == "already"
    close(database, _activity(database, one))
    assert store.like(HOME, one, 4, NOW, once="late").outcome == "closed"
    found = store.find(HOME, one.number)
    assert found
    assert found.likes == 2


def _activity(database: Database, one: Submission) -> Activity:
    found = Activities(database, SHARDS).find(HOME, one.activity)
    assert found
    return found


@given(likes=st.lists(st.integers(0, 4), min_size=1, max_size=6))
@on_a_shared_server
def test_the_most_liked_stands_first_and_of_equals_the_earlier(store: Submissions, database: Database, likes: list[int]) -> None:
    activity = an_open(database, "topic")
    numbers = []
    for n in likes:
        one = put(store, activity, Draft(1, "x", "approved"))
        assert isinstance(one, Submission)
        for member in range(2, 2 + n):
            store.like(HOME, one, member, NOW, once=f"k{next(NAMES)}")
        numbers.append(one.number)
    wanted = [number for _, number in sorted(zip(likes, numbers, strict=True), key=lambda row: (-row[0], row[1]))]
    close(database, activity)
    assert [one.number for one in store.best(HOME, activity.number)] == wanted


def test_what_was_liked_keeps_its_likes_whatever_is_decided_of_it(store: Submissions, database: Database) -> None:
    activity = an_open(database, "topic")
    first, liked = (put(store, activity, Draft(1, "x", "approved")) for _ in range(2))
    assert isinstance(first, Submission)
    assert isinstance(liked, Submission)
    store.like(HOME, liked, 2, NOW, once="liked")
    decided: tuple[Decision, ...] = ("featured", "rejected", "approved")
    for n, decision in enumerate(decided):
        store.review(HOME, liked, decision, 9, NOW, once=f"liked{n}")
        if decision != "rejected":
            assert [(one.number, one.likes) for one in store.best(HOME, activity.number)] == [(liked.number, 1), (first.number, 0)]


def test_of_many_likes_at_once_none_is_lost_or_doubled(store: Submissions, database: Database) -> None:
    one = handed_in(store, an_open(database, "topic"))
    store.review(HOME, one, "approved", 99, NOW, once="show them")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.like(HOME, one, 2 + n % 30, NOW, once=f"c{n}"), range(90)))
    found = store.find(HOME, one.number)
    assert found
    assert found.likes == 30


# Persons and time ---------------------------------------------------------------------------------------------------------


def test_a_member_takes_away_what_he_wrote_and_forgets_it_with_all_that_leads_to_it(store: Submissions, database: Database) -> None:
    activity, box, member = an_open(database), an_open(database, "box"), 88_001
    own, other = handed_in(store, activity, member, "我写的"), handed_in(store, activity, 2)
    voice = handed_in(store, box, member, "没有名字", is_unnamed=True)
    for one in (own, other):
        store.review(HOME, one, "featured", 9, NOW, counts=True, once=f"f{one.number}")
    store.like(HOME, other, member, NOW, once="like")
    told = json.dumps(store.export_user(member), ensure_ascii=False)
    assert "我写的" in told
    assert f'"赞过": [{other.number}]' in told
    assert "没有名字" not in told
    assert "2 条" in store.erase_user(member)
    assert store.many(HOME, [own.number, voice.number]) == []
    assert [one.number for one in store.featured(HOME)] == [other.number]
    assert store.newest(HOME, box.number) == []
    assert (left := store.find(HOME, other.number))
    assert left.likes == 1
    assert not [
        key for key, value in dump(database).items() if str(member) in key or (str(member) in value and not key.endswith(":events"))
    ]
    assert store.export_user(member) == {}


def test_what_is_old_goes_save_what_is_featured(store: Submissions, database: Database) -> None:
    activity = an_open(database)
    kept, gone, waits = (handed_in(store, activity) for _ in range(3))
    store.review(HOME, kept, "featured", 9, NOW, once="keep")
    store.review(HOME, gone, "approved", 9, NOW, once="let go")
    assert store.drop_before(NOW) == 0
    assert store.drop_before(NOW + timedelta(days=1)) == 2
    assert [one.number for one in store.many(HOME, [kept.number, gone.number, waits.number])] == [kept.number]


# Rules --------------------------------------------------------------------------------------------------------------------

counts = st.builds(Works, st.integers(0, 40), st.integers(0, 12))


@given(before=counts, more=st.integers(0, 5), more_featured=st.integers(0, 3))
def test_who_contributes_more_never_goes_down_and_climbs_once(before: Works, more: int, more_featured: int) -> None:
    rules = Contributions()
    after = Works(before.approved + more, before.featured + more_featured)
    old, new = step_of(rules, before), step_of(rules, after)
    heights = [rules.steps.index(step) if step else -1 for step in (old, new)]
    assert heights == sorted(heights)
    assert climbed(rules, before, after) == (new if new != old else None)
    assert climbed(rules, after, after) is None
    assert koc_score(rules, after) - koc_score(rules, before) == more + 5 * more_featured
    ahead = next_step(rules, after)
    assert (ahead is None) == (new == rules.steps[-1])


def test_the_pyramid_has_four_steps_and_each_takes_more() -> None:
    assert [step_of(Contributions(), Works(works, featured)) for works, featured in ((0, 0), (1, 0), (3, 1), (8, 3), (20, 8), (20, 0))] == [
        None, *STEPS, STEPS[0],
    ]  # fmt: skip
    assert step_of(Contributions(steps=()), Works(9, 9)) is None


def test_a_file_of_contributions_reads_back_as_itself() -> None:
    rules = Contributions(2, 9, (Step("作者", 1), Step("好作者", 4, 2)))
    assert contents.parse(CONTRIBUTIONS, contents.dump(CONTRIBUTIONS, rules)) == rules
    assert contents.parse(CONTRIBUTIONS, "") == Contributions()


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("steps: [{tag: 作者}]", "至少写一个"),
        ("steps: [{tag: 甲, works: 3}, {tag: 乙, works: 2}]", "要比上一级高"),
        ("steps: [{tag: 甲, works: 3}, {tag: 甲, works: 4}]", "写了两次"),
        ("steps: [{tag: 有 空格, works: 3}]", "空白"),
        ("per_work: -1", "per_work"),
    ],
)
def test_what_is_wrong_with_a_file_of_contributions_is_said(file: str, says: str) -> None:
    with pytest.raises(ContentProblem, match=says):
        contents.parse(CONTRIBUTIONS, file)


def test_every_state_has_a_name_and_every_decision_a_way_to_it() -> None:
    assert set().union(*FROM.values()) | set(FROM) <= set(STATES)
    assert {decision for decision, states in FROM.items() if "help" in states} == {"cared"}
    assert not [decision for decision, states in FROM.items() if "cared" in states]


# Despair ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "我不想活了", "活着没意思", "真的 想 死", "有时候想，死了算了", "我想结束自己的生命", "想跳楼", "写好遗书了", "不如死了好", "我想自杀", "撑不下去了",
        "不 想.活 了",
        "我要去死", "死了就好了", "不想存在了", "没有活着的意义", "活着没劲", "我想离开人世", "想自sha", "怎么死不痛苦", "怎么活下去",
        "很长的话。" * 600 + "我不想活了", "I want to die", "没有我会更好吧",
    ],
)  # fmt: skip
def test_words_of_despair_are_heard(text: str) -> None:
    assert is_despair(text)


@pytest.mark.parametrize(
    "text",
    [
        "想死你了",
        "今天跳楼价大甩卖",
        "玩了跳楼机",
        "累死了但是很开心",
        "笑死我了",
        "去死吧你",
        "电脑怎么死机了",
        "服务器撑不住了",
        "想去海边",
        "生活不易，加油",
    ],
)
def test_everyday_words_are_no_despair(text: str) -> None:
    assert not is_despair(text)


def test_operators_may_add_words_of_despair() -> None:
    assert is_despair("我要去很远的地方", Judge(Lexicon([Word("很远的地方", 1, "despair", "自己的")])))
