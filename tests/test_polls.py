"""Polls: what is asked, how ballots are read, and that the votes are those that were cast – and nobody's, where they are anonymous."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from chat import ADMINS, FAR, MAIN, Chat, OpenChat, Said
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.activities.poll import ballot
from rules.choices import is_choice
from rules.polls import Poll, PollProblem, bar, lines_of, percent, poll_of, read_ballot, read_poll, told, winners_of
from storage.activities import Activities, Draft
from storage.community import CommunityKeys
from storage.connection import Database

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
NUMBERS = itertools.count(1)
TRIP = Poll(("爬山", "看电影", "剧本杀，桌游", "18:00 聚餐"))
SEVERAL = Poll(TRIP.options, most=2)

# What may be asked ----------------------------------------------------------------------------------------------------------


def test_a_request_becomes_a_poll() -> None:
    assert read_poll(["10", "20", "1 月"], {}).options == ("10", "20", "1 月")
    assert read_poll(["爬山", "看电影"], {}) == Poll(("爬山", "看电影"))
    assert read_poll(["1. 爬山", "2、看电影"], {"多选": ("2",)}) == Poll(("爬山", "看电影"), most=2)
    assert read_poll(["爬山", "看电影", "聚餐"], {"多选": ("",)}).most == 3
    assert read_poll(["爬山", "看电影"], {"不可改": ("",)}).is_final
    hidden = read_poll(["爬山", "看电影"], {"匿名": ("",)})
    assert hidden.is_anonymous
    assert hidden.is_final, "what could be changed would have to be kept with its voter"


@pytest.mark.parametrize(
    ("lines", "settings", "why"),
    [
        ([], {}, "2–20 个选项"),
        (["爬山"], {}, "现在有 1 个"),
        ([f"选项{n}" for n in range(21)], {}, "现在有 21 个"),
        (["爬山", "爬 山", "爬山"], {}, "写了两次"),
        (["爬山", "！！"], {}, "是空的"),
        (["2", "4", "6"], {}, "和选项的编号混在一起"),
        (["爬山", "看" * 41], {}, "最多 40 个字"),
        (["爬山", "看电影"], {"多选": ("三",)}, "最多选几项"),
        (["爬山", "看电影"], {"多选": ("3",)}, "1–2 之间"),
        (["爬山", "看电影"], {"多选": ("0",)}, "1–2 之间"),
        (["爬山", "看电影"], {"多选": ("2",), "单选": ("",)}, "只能写一个"),
        (["爬山", "看电影"], {"匿名": ("",), "可改": ("",)}, "不能改"),
        (["爬山", "看电影"], {"不可改": ("",), "可改": ("",)}, "只能写一个"),
    ],
)
def test_what_cannot_be_asked_is_said_with_an_example(lines: list[str], settings: dict[str, tuple[str, ...]], why: str) -> None:
    with pytest.raises(PollProblem) as problem:
        read_poll(lines, settings)
    assert why in str(problem.value)
    assert re.search("例如|写法是", str(problem.value))


options = st.lists(st.text("甲乙丙丁aB12 ,", min_size=1, max_size=8), min_size=2, max_size=20, unique=True)


@given(options, st.integers(1, 20), st.booleans(), st.booleans())
def test_a_kept_poll_is_the_poll(texts: list[str], most: int, is_anonymous: bool, is_final: bool) -> None:
    poll = Poll(tuple(texts), min(most, len(texts)), is_anonymous, is_final or is_anonymous)
    try:
        kept = poll_of(poll.spec)
    except PollProblem as problem:
        assert re.search("写了两次|是空的|混在一起", str(problem)), "two spellings of one word, nothing but marks, or a number"
        return
    assert kept == replace(poll, options=tuple(" ".join(text.split()) for text in texts))


@pytest.mark.parametrize("most", ["2", True, None, 1.5, -1])
def test_a_spec_of_other_shape_is_refused(most: object) -> None:
    with pytest.raises(PollProblem):
        poll_of({"options": ["a", "b"], "most": most})


# How ballots are read -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "poll", "chosen"),
    [
        ("2", TRIP, (2,)),
        ("２", TRIP, (2,)),
        ("②", TRIP, (2,)),
        ("第 2 个", SEVERAL, (2,)),
        ("选2", TRIP, (2,)),
        ("2。", TRIP, (2,)),
        ("看电影", TRIP, (2,)),
        ("剧本杀", TRIP, (3,)),
        ("剧本杀，桌游", TRIP, (3,)),
        ("18:00 聚餐", TRIP, (4,)),
        ("3 1", SEVERAL, (1, 3)),
        ("1、3", SEVERAL, (1, 3)),
        ("1,1", SEVERAL, (1,)),
        ("爬山 看电影", SEVERAL, (1, 2)),
        ("👍", Poll(("👍", "👎")), (1,)),
    ],
)
def test_a_ballot_is_read_as_it_is_meant(words: str, poll: Poll, chosen: tuple[int, ...]) -> None:
    assert read_ballot(words, poll) == chosen
    assert is_choice(words, poll.options)


@pytest.mark.parametrize(
    ("words", "why"), [("", "选哪一项"), ("5", "没有“5”"), ("0", "没有“0”"), ("睡觉", "没有“睡觉”"), ("1 2", "只能选一项")]
)
def test_a_ballot_that_fits_nothing_gets_an_example(words: str, why: str) -> None:
    with pytest.raises(PollProblem, match=why) as problem:
        read_ballot(words, TRIP)
    assert re.search(r"例如|写法是", str(problem.value))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("同意", ("不同意", "弃权", "支持")),
        ("满意", ("不满意", "一般")),
        ("支持", ("反对支持", "弃权")),
        ("同意", ("同意不了", "弃权")),
        ("同意", ("同意涨价", "同意降价")),
        ("同意", ("同意涨价", "不同意涨价")),
    ],
)
def test_part_of_an_option_never_votes_for_its_contrary(words: str, options: tuple[str, ...]) -> None:
    assert not is_choice(words, options)
    with pytest.raises(PollProblem, match=f"没有“{words}”") as problem:
        read_ballot(words, Poll(options))
    assert f"1. {options[0]}" in str(problem.value)


def test_everyday_words_are_no_ballot() -> None:
    assert not is_choice("今天天气不错", TRIP.options)
    assert not is_choice("哈", TRIP.options)
    assert not is_choice("。", TRIP.options)
    assert is_choice("7", TRIP.options), "a wrong number is a wrong ballot, and told so"


@given(st.text(max_size=60), options)
def test_whatever_is_typed_is_a_ballot_or_told_why_not(words: str, texts: list[str]) -> None:
    poll = Poll(tuple(texts), most=2)
    try:
        chosen = read_ballot(words, poll)
    except PollProblem:
        return
    assert 1 <= len(chosen) <= 2
    assert all(1 <= number <= len(texts) for number in chosen)


# What comes of votes --------------------------------------------------------------------------------------------------------

votes = st.lists(st.sets(st.integers(1, 6), min_size=1, max_size=3), max_size=40)


@given(votes)
def test_the_votes_of_all_options_are_all_votes(cast: Sequence[set[int]]) -> None:
    poll = Poll(tuple("甲乙丙丁戊己"), most=3)
    tally = Counter(name for chosen in cast for name in ballot(poll, sorted(chosen)).tallies)
    lines = lines_of(poll, tally, tally["n"])
    assert tally["n"] == len(cast)
    assert sum(line.votes for line in lines) == sum(map(len, cast))
    assert [line.votes for line in lines] == sorted((line.votes for line in lines), reverse=True)
    assert all(line.rank == 1 + sum(other.votes > line.votes for other in lines) for line in lines)
    assert all(0 <= line.share <= 1 for line in lines)
    most = max((line.votes for line in lines), default=0)
    assert {line.number for line in winners_of(lines)} == ({line.number for line in lines if line.votes == most} if most else set())


ballots = st.lists(st.tuples(st.integers(1, 5), st.sets(st.integers(1, 4), min_size=1, max_size=2), st.booleans()), max_size=25)


@given(ballots, st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_counters_are_the_votes_that_hold(
    database: Database, cast: Sequence[tuple[int, set[int], bool]], is_anonymous: bool, is_final: bool
) -> None:
    store, number = Activities(database, 16), next(NUMBERS)
    where = CommunityKeys(f"poll{number}", number % 16)
    poll = Poll(tuple("甲乙丙丁"), 2, is_anonymous, is_final or is_anonymous)
    draft = store.create(where, Draft("poll", "题", 1, spec=poll.spec), NOW, once="d")
    activity = store.change(where, draft, NOW, state="open", once="o").activity
    held: dict[int, tuple[int, ...]] = {}
    for at, (member, chosen, leaves) in enumerate(cast):
        vote = ballot(poll, sorted(chosen))
        if leaves and not is_anonymous:
            store.withdraw(where, activity, member, NOW, today=NOW.date(), once=f"{at}")
            held.pop(member, None)
            continue
        done = [store.enter(where, activity, member, vote, NOW, today=NOW.date(), lapses=None, once=f"{at}") for _ in range(2)]
        assert done[0] == done[1], "a repeat gets its first result"
        if member not in held or not poll.is_final:
            held[member] = tuple(sorted(chosen))
    tally = store.tally(where, activity.number)
    assert tally.get("n", 0) == len(held) == len(store.entries(where, activity.number))
    assert {name: n for name, n in tally.items() if name != "n"} == Counter(str(one) for chosen in held.values() for one in chosen)
    values = {kept.member: kept.value for kept in store.entries(where, activity.number)}
    assert values == {member: "" if is_anonymous else ",".join(map(str, chosen)) for member, chosen in held.items()}


def test_a_tie_is_said_as_a_tie() -> None:
    said = told(TRIP, lines_of(TRIP, {"n": 5, "1": 2, "3": 2, "2": 1}, 5), 5)
    assert said.startswith("并列最多：“爬山”、“剧本杀，桌游”（各 2 票）")
    assert "1. 爬山\n████░░░░░░ 2 票 40%" in said
    assert told(TRIP, lines_of(TRIP, {}, 0), 0) == "还没有人投票。"


@pytest.mark.parametrize(("share", "said", "full"), [(0, "0%", 0), (0.004, "0%", 1), (1 / 3, "33%", 3), (0.005, "1%", 1), (1, "100%", 10)])
def test_shares_are_said_in_whole_percent(share: float, said: str, full: int) -> None:
    assert percent(share) == said
    assert bar(share).count("█") == full
    assert len(bar(share)) == 10


# In the group ---------------------------------------------------------------------------------------------------------------


def begin(chat: Chat, words: str) -> Said:
    """An operator begins a poll; gives what he was shown before."""
    shown = chat.as_admin(f"发起投票 {words}")
    chat.as_admin("1")
    return shown


def settle(chat: Chat, number: int) -> None:
    chat.as_admin(f"活动 截止 {number}")
    chat.as_admin(f"活动 结算 {number}")


def tally(chat: Chat, number: int = 1) -> dict[str, int]:
    return chat.stores.activities.tally(chat.community.keys, number)


def pick(chat: Chat, said: Said, *ids: str, user: str = "lilei") -> Said:
    """Somebody chooses options on the card that came with ``said`` in a single chat, and presses its button."""
    assert said.card
    items = [{"question_key": said.card["checkbox"]["question_key"], "option_ids": {"option_id": list(ids)}}]
    event = {
        "event_key": said.card["submit_button"]["key"], "task_id": said.card["task_id"], "card_type": said.card["card_type"],
        "selected_items": {"selected_item": items},
    }  # fmt: skip
    return chat.hears(chat._event("template_card_event", event, user, ""))


def test_a_poll_from_its_beginning_to_its_end(chat: Chat) -> None:
    shown = begin(chat, "周末去哪儿 | 爬山 | 看电影 | 剧本杀 | 截止 明天20:00")
    assert "1. 爬山\n2. 看电影\n3. 剧本杀" in shown
    assert "截止" in shown
    listed = chat.says("投票")
    assert "周末去哪儿" in listed
    assert "回复选项的编号" in listed
    assert "你投了：2. 看电影" in chat.says("2")
    assert "你投了：1. 爬山" in chat.says("投票 1", user="hanmei")
    assert "你投了：1. 爬山" in chat.says("投票 爬山", user="jim")
    results = chat.says("投票 结果 1")
    assert "最多：“爬山”（2 票）" in results
    assert "共 3 人投票" in results
    settle(chat, 1)
    assert "已经截止" in chat.says("投票 1号 2")
    posted = [delivery.body for delivery in chat.outbox() if "周末去哪儿" in str(delivery.body)]
    assert "最多：“爬山”" in str(posted[-1])
    assert any(delivery.body.get("msgtype") == "image" for delivery in chat.outbox()), "the result as a picture"


def test_a_vote_may_be_changed_and_counts_once(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    chat.says("投票 1")
    assert "改投了：2. 看电影" in chat.says("投票 2")
    assert "你已经投了：2. 看电影" in chat.says("投票 2")
    assert tally(chat) == {"n": 1, "2": 1}


def test_a_final_vote_stays(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影 | 不可改")
    chat.says("投票 1")
    assert "投出后不能改。你投了：1. 爬山" in chat.says("投票 2")
    assert tally(chat) == {"n": 1, "1": 1}


def test_the_same_message_votes_once(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    first = chat.says("投票 1", id="V1")
    chat.says("投票 2")
    assert chat.says("投票 1", id="V1") == first
    assert tally(chat) == {"n": 1, "2": 1}


def test_several_options_and_percent_of_voters(chat: Chat) -> None:
    begin(chat, "周末 | 爬山 | 看电影 | 聚餐 | 多选 2")
    assert "你投了：1. 爬山、3. 聚餐" in chat.says("投票 1 3")
    assert "最多选 2 项" in chat.says("投票 1 2 3", user="hanmei")
    chat.says("投票 3", user="hanmei")
    said = chat.says("投票 结果")
    assert "3. 聚餐\n██████████ 2 票 100%" in said
    assert "1. 爬山\n█████░░░░░ 1 票 50%" in said
    assert "可以多选" in said


def test_a_card_votes_in_a_single_chat_and_a_group_shows_none(chat: Chat) -> None:
    begin(chat, "周末 | 爬山 | 看电影 | 聚餐 | 多选 2")
    assert chat.says("投票").card is None
    said = chat.privately("投票")
    assert said.card
    assert said.card["checkbox"]["mode"] == 1
    assert [option["text"] for option in said.card["checkbox"]["option_list"]] == ["1. 爬山", "2. 看电影", "3. 聚餐"]
    updated = pick(chat, said, "1", "3").updated
    assert updated
    assert "你投了：1. 爬山、3. 聚餐" in str(updated)
    assert tally(chat) == {"n": 1, "1": 1, "3": 1}


def test_a_forged_card_votes_nothing(chat: Chat) -> None:
    begin(chat, "周末 | 爬山 | 看电影")
    chat.says("你好")
    said = chat.privately("投票")
    assert said.card
    for key, option in (("vote:far:1", "1"), ("vote:main:9", "1"), ("vote:main:x", "1"), ("vote:main", "1"), ("vote:main:1", "77")):
        said.card["submit_button"]["key"] = key
        assert any(why in str(pick(chat, said, option).updated) for why in ("另一个社群", "没有 9 号投票", "没有“77”这个选项"))
    assert tally(chat) == {}


def test_where_several_run_the_number_of_the_poll_stands_first(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    begin(chat, "吃什么 | 火锅 | 烧烤 | 寿司")
    listed = chat.says("投票")
    assert "1号 去哪儿" in listed
    assert "2号 吃什么" in listed
    assert "你投了：3. 寿司（“吃什么”" in chat.says("投票 2 3")
    assert "你投了：2. 看电影（“去哪儿”" in chat.says("投票 1号 2")
    assert "你投了：1. 火锅（“吃什么”" in chat.says("投票 火锅", user="hanmei")
    assert "几号" in chat.says("投票 9", user="hanmei")
    assert "1. 火锅" in chat.says("投票 2", user="jim"), "alone it is the poll's number"
    assert "你投了：3. 寿司" in chat.says("3", user="jim")


def test_an_option_may_begin_like_the_number_of_a_poll(chat: Chat) -> None:
    begin(chat, "在哪儿集合 | 1号楼集合 | 22号楼集合")
    assert "你投了：2. 22号楼集合" in chat.says("投票 22号楼集合")
    assert "改投了：1. 1号楼集合" in chat.says("投票 1号楼")


def test_a_question_about_voting_is_no_vote(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    for words in ("投票 怎么投", "投票 什么时候截止", "投票规则"):
        chat.says(words)
    assert tally(chat) == {}


def test_who_chose_what_is_for_operators_alone(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    chat.says("投票 2", name="李雷")
    assert "运营" in chat.says("投票 名单 1")
    assert "这里人多" in chat.says("投票 名单 1", user="boss", group=MAIN)
    assert "2. 看电影（1 票）：李雷" in chat.as_admin("投票 名单 1")


def test_the_names_of_many_voters_are_one_question_and_mention_nobody(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    for n in range(12):
        chat.says("投票 1", user=f"u{n}", name="<@all>" if n == 3 else f"群友{n}")
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    said = chat.as_admin("投票 名单 1")
    assert "1. 爬山（12 票）：群友0、群友1、群友2、＜@all>、" in said
    assert len(made) <= 6


def test_every_wrong_way_of_typing_gets_an_example(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    by_operators = (
        "发起投票", "发起投票 去哪儿", "发起投票 去哪儿 | 爬山", "发起投票 去哪儿 | 爬山 | 爬山", "发起投票 去哪儿 | 爬山 | 看电影 | 匿名 | 可改",
        "投票 名单", "投票 名单 abc",
    )  # fmt: skip
    for words in by_operators:
        assert re.search("例如|写法是", chat.as_admin(words)), words
    for words in ("投票 结果 abc", "投票 结果 99", "投票 5", "投票 睡觉", "投票 1 2", "投票 99号 1"):
        assert re.search("例如|写法是", chat.says(words)), words
    assert tally(chat) == {}


def test_no_poll_is_said_with_a_way_on(chat: Chat) -> None:
    assert "现在没有进行中的投票" in chat.says("投票")
    assert "例如" in chat.says("投票 2")


def test_a_vote_costs_few_round_trips_however_many_voted(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    for n in range(12):
        chat.says("投票 1", user=f"u{n}")
    chat.says("你好")
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    chat.says("投票 2")
    assert len(made) == 4, "taken in, which polls run, the vote, finished"


# Anonymous ------------------------------------------------------------------------------------------------------------------


def test_an_anonymous_vote_is_nowhere_to_be_read(open_chat: OpenChat) -> None:
    chat = open_chat(keep_text=True)
    begin(chat, "谁当班长 | 小红 | 小蓝 | 匿名")
    assert "请私聊我" in chat.says("投票 1")
    assert tally(chat) == {}
    people = ["lilei", "hanmei", "jim"]
    for user, words in zip(people, ("投票 1", "投票 小蓝", "投票1"), strict=True):
        chat.says("你好", user=user)
        said = chat.privately(words, user=user)
        assert "匿名" in said
        assert "小红" not in said
        assert "小蓝" not in said.replace("谁当班长", "")
    assert tally(chat) == {"n": 3, "1": 2, "2": 1}
    assert "投出后不能改" in chat.privately("投票 2", user="jim")
    assert {one.value for one in chat.stores.activities.entries(chat.community.keys, 1)} == {""}
    assert "没有记下谁选了什么" in chat.as_admin("投票 名单 1")
    assert "截止后公布" in chat.as_admin("投票 结果 1")
    assert "小红" not in str(chat.stores.activities.export_user(chat.member("lilei")))
    # what the log keeps, although it keeps texts: nothing of what was said behind 投票
    logged = [entry.data for entry in chat.log() if "投票" in str(entry.data.get("text", ""))]
    assert all("私聊" in str(data) or "发起" in str(data) or "匿名" in str(data) for data in logged)
    assert not [
        entry for entry in chat.log() if entry.data.get("act") == "activity" and entry.data.get("what") == "entered" and entry.member
    ]
    settle(chat, 1)
    assert "最多：“小红”（2 票）" in chat.says("投票 结果 1")


def test_what_is_said_of_an_anonymous_vote_tells_nothing_of_it(open_chat: OpenChat) -> None:
    chat = open_chat(keep_text=True)
    begin(chat, "谁当班长 | 小红 | 小蓝 | 小绿 | 匿名 | 多选 3")
    chat.says("你好")
    assert "3 项" not in chat.privately("投票 1 2 3")
    chat.says("你好", user="jim")
    for words in ("投票 反对张三", "投票 1 反对张三"):
        assert "没有“反对张三”" in chat.privately(words, user="jim")
    chat.privately("投票", user="jim")
    assert "没有“7”" in chat.privately("7", user="jim")
    chat.privately("投票", user="jim")
    assert "匿名" in chat.privately("小蓝", user="jim"), "a bare answer is a vote"
    assert tally(chat) == {"n": 2, "1": 1, "2": 2, "3": 1}
    mine = [entry.data for entry in chat.log() if entry.member == chat.member("jim")]
    assert not [data for data in mine if "反对张三" in str(data) or "“7”" in str(data) or data.get("text") in ("7", "小蓝")]
    assert chat.unanswered() == []


def test_an_answer_to_a_list_votes_in_the_community_that_asked(chat: Chat) -> None:
    begin(chat, "主群去哪 | 爬山 | 看电影")
    chat.says("发起投票 纽约去哪 | 保留 | 解散", user="boss", group=FAR)
    chat.says("1", user="boss", group=FAR)
    far = chat.communities.named("far").keys
    chat.says("你好")
    assert "主群去哪" in chat.privately("投票")
    chat.says("你好", group=FAR)
    assert "你投了：2. 看电影" in chat.privately("2")
    assert tally(chat) == {"n": 1, "2": 1}
    assert chat.stores.activities.tally(far, 1) == {}
    assert "纽约去哪" in chat.privately("投票"), "what he says himself is said where he was last seen"
    assert chat.stores.activities.tally(far, 1) == {}


def test_redis_holds_the_same_whatever_an_anonymous_voter_chose(open_chat: OpenChat) -> None:
    left = []
    for option in ("1", "2"):
        chat = open_chat(keep_text=True)
        chat.says("发起投票 谁当班长 | 小红 | 小蓝 | 匿名", user="boss", group=ADMINS, id="B0")
        chat.says("1", user="boss", group=ADMINS, id="B1")
        for n in range(3):
            chat.says("你好", user=f"u{n}", id=f"H{n}")
        chat.privately(f"投票 {option}", user="u0", id="V0")
        chat.privately("投票 1", user="u1", id="V1")
        left.append(all_in(chat.stores.database))
        chat.stores.database.command("FLUSHDB")
    differing = {key for key in left[0].keys() | left[1].keys() if left[0].get(key) != left[1].get(key)}
    assert [key.partition(":main:")[2] for key in differing] == ["activity:1:counts"]


def all_in(database: Database) -> dict[str, str]:
    """Every key of the shards with what it holds, but for what the clock of the machine gives: how long something took, the ids of streams."""
    ways = {
        "string": ("GET",),
        "hash": ("HGETALL",),
        "list": ("LRANGE", 0, -1),
        "set": ("SMEMBERS",),
        "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    }
    found: dict[str, str] = {}
    for key in database.scan("qb:{[0-9]*"):
        type = database.command("TYPE", key)
        if type == "stream":
            found[key] = str([re.sub(r'"ms": ?[0-9.]+', "", str(fields)) for _, fields in database.command("XRANGE", key, "-", "+")])
        else:
            name, *rest = ways[type]
            found[key] = re.sub(r"\d{13}-\d+", "", str(database.command(name, key, *rest)))
    return found


def test_an_anonymous_card_votes_and_its_face_does_not_tell(chat: Chat) -> None:
    begin(chat, "谁当班长 | 小红 | 小蓝 | 匿名")
    chat.says("你好")
    said = chat.privately("投票")
    updated = str(pick(chat, said, "2").updated)
    assert "匿名" in updated
    assert "小蓝" not in updated
    assert tally(chat) == {"n": 1, "2": 1}


def test_two_anonymous_voters_are_not_counted_in_public(chat: Chat) -> None:
    begin(chat, "谁当班长 | 小红 | 小蓝 | 匿名")
    for user in ("lilei", "hanmei"):
        chat.says("你好", user=user)
        chat.privately("投票 1", user=user)
    settle(chat, 1)
    said = chat.says("投票 结果 1")
    assert "不到 3 人就不公布" in said
    assert "小红" not in said


def test_an_erased_voter_goes_with_his_vote_where_it_is_known(chat: Chat) -> None:
    begin(chat, "去哪儿 | 爬山 | 看电影")
    begin(chat, "谁当班长 | 小红 | 小蓝 | 匿名")
    chat.says("投票 1号 2")
    chat.privately("投票 2号 1")
    chat.erase()
    assert tally(chat, 1) == {}
    assert tally(chat, 2) == {"n": 1, "1": 1}, "nobody knows any more whose it is"


# Pictures -------------------------------------------------------------------------------------------------------------------


def test_the_picture_of_the_longest_poll_fits_into_its_name(chat: Chat) -> None:
    texts = [f"{'选' * 36}{n:02}号" for n in range(20)]
    begin(chat, f"{'题' * 60} | {' | '.join(texts)}")
    chat.says("投票 3")
    answer = chat.receive(chat.words(f"@{chat.config.bot_name} 投票 结果 1", group=MAIN)).answer
    assert '"msgtype":"image"' in answer
