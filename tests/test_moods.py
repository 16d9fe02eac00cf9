"""Moods added up: means, days, the alarm and what it is about, crises, and what of it is anybody's business."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from chat import FAR, MAIN, SUB, Chat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.mailing import fire
from bot.moods import ring_moods, set_crisis
from bot.permissions import Actor
from rules.content_moderation import MODERATION
from rules.contents import Push
from rules.moderation import Judge
from rules.mood import MoodModel
from rules.mood_topics import Said, topics, words_of
from storage import keys
from storage.community import CommunityKeys
from storage.connection import Database
from storage.moment import to_ms
from storage.moods import Scored, keys_of_moods

pytest_plugins = ("chat",)

BAD = ("退款一直没人处理，太差了", "客服态度恶劣，气死我了", "等了三天还没退款，失望透顶", "退款太慢了，再也不来了")
FINE = ("今天天气不错", "谢谢大家，很开心", "哈哈哈太好了", "周末一起去爬山")


def complain(chat: Chat, count: int, *, people: int = 4, group: str = MAIN) -> None:
    """Some members complain about refunds."""
    for n in range(count):
        chat.says(BAD[n % len(BAD)], user=f"unhappy{n % people}", group=group)


def chatter(chat: Chat, count: int, *, group: str = MAIN) -> None:
    """Others are content."""
    for n in range(count):
        chat.says(FINE[n % len(FINE)], user=f"content{n % 5}", group=group)


def ring(chat: Chat) -> int:
    """The clock looks whether somebody is to be told."""
    return ring_moods(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def notices(chat: Chat) -> list[str]:
    """What administrators are told of moods."""
    return [str(delivery.body) for delivery in chat.outbox() if delivery.id.startswith("mood:")]


def mood_of(chat: Chat, user: str) -> dict[str, Any]:
    return dict(chat.stores.moods.export_user(chat.member(user)).get("main", {}))


# Adding up -------------------------------------------------------------------------------------------------------------------


def test_what_is_said_in_a_group_moves_member_group_and_day_in_the_act_that_ends_it(chat: Chat) -> None:
    chat.says("谢谢大家，今天好开心")
    mood = chat.stores.moods.find_group(chat.community.keys)
    assert mood
    assert mood.messages == 1
    assert mood.mean > 0.6
    assert mood_of(chat, "lilei") == {"情绪均值": mood.mean, "消息数": 1}
    today = chat.clock().astimezone(chat.community.zone).date()
    (day,) = chat.stores.moods.line(chat.community.keys, today, 30)
    assert (day.day, day.messages, day.unhappy) == (today, 1, 0)
    assert list(chat.stores.moods.chats(chat.community.keys, (MAIN, SUB))) == [MAIN]


def test_among_many_members_every_group_is_found(chat: Chat) -> None:
    where = CommunityKeys("crowded", 3)
    scored = [Scored(n, f"g{n % 20}", 1_700_000_000_000 + n, "2026-03-10", 0.5, False) for n in range(3000)]
    chat.stores.moods.mix(where, scored)
    groups = [f"g{n}" for n in range(20)]
    assert list(chat.stores.moods.chats(where, [*groups, "silent"])) == groups
    assert chat.stores.moods.chats(where, ()) == {}


def test_a_repeated_message_is_mixed_once(chat: Chat) -> None:
    for _ in range(3):
        chat.says(BAD[0], id="same")
    assert mood_of(chat, "lilei")["消息数"] == 1


def test_commands_and_what_administrators_say_among_themselves_have_no_mood(chat: Chat) -> None:
    chat.says("签到")
    chat.as_admin("气死我了，太差了")
    assert chat.stores.moods.find_group(chat.community.keys) is None


def test_a_single_chat_is_its_members_own(chat: Chat) -> None:
    chat.says("谢谢大家，今天好开心")
    for n in range(3):
        chat.privately(BAD[n])
    mood = chat.stores.moods.find_group(chat.community.keys)
    assert mood
    assert mood.messages == 1
    assert mood_of(chat, "lilei")["消息数"] == 4
    assert mood_of(chat, "lilei")["情绪均值"] < mood.mean


def test_scoring_costs_no_round_trip_and_no_job(chat: Chat, open_chat: Callable[..., Chat]) -> None:
    without = open_chat(mood={"enabled": False})
    costs = Counter[str]()
    for one, group in ((chat, MAIN), (without, FAR)):
        one.says("你好呀", group=group)
        one.stores.database._on_round_trip = lambda group=group: costs.update([group])  # type: ignore[misc]
        one.says("今天天气不错", group=group)
        one.stores.database._on_round_trip = lambda: None
    assert costs[MAIN] == costs[FAR] > 0
    assert chat.stores.jobs.take() == []
    assert without.stores.moods.find_group(without.communities.named("far").keys) is None


def test_the_mean_forgets_slowly(chat: Chat) -> None:
    chatter(chat, 8)
    high = chat.stores.moods.find_group(chat.community.keys)
    complain(chat, 8)
    low = chat.stores.moods.find_group(chat.community.keys)
    assert high
    assert low
    assert 0.3 < low.mean < high.mean


@given(st.lists(st.tuples(st.integers(1, 3), st.floats(0, 1), st.sampled_from(["", "g1", "g2"])), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mood_lies_between_the_scores_that_made_it(chat: Chat, said: list[tuple[int, float, str]]) -> None:
    stores, where = chat.stores, CommunityKeys("hyp", 3)
    stores.database.command("DEL", *keys_of_moods(3, "hyp", "2026-03-10"))
    scored = [
        Scored(member, group, 1_700_000_000_000 + n, "2026-03-10", score, score < 0.3) for n, (member, score, group) in enumerate(said)
    ]
    stores.moods.mix(where, scored[: len(scored) // 2])
    stores.moods.mix(where, scored[len(scored) // 2 :])
    in_groups = [score for _, score, group in said if group]
    mood, days = stores.moods.find_group(where), stores.moods.line(where, date(2026, 3, 10), 1)
    assert (mood is None) == (not in_groups)
    if mood:
        assert mood.messages == days[0].messages == len(in_groups)
        assert min(in_groups) - 0.001 <= mood.mean <= max(in_groups) + 0.001
        assert days[0].mean == pytest.approx(sum(in_groups) / len(in_groups), abs=0.01)
        assert days[0].unhappy == sum(round(score, 4) < 0.3 or score < 0.3 for score in in_groups)
    people = {member: [score for one, score, _ in said if one == member] for member, _, _ in said}
    for member, scores in people.items():
        exported = stores.moods.export_user(member)["hyp"]
        assert exported["消息数"] == len(scores)
        assert min(scores) - 0.001 <= exported["情绪均值"] <= max(scores) + 0.001


def test_400_days_are_kept_and_no_more(chat: Chat) -> None:
    stores, where, first = chat.stores, CommunityKeys("long", 5), date(2025, 1, 1)
    for n in range(430):
        day = first + timedelta(days=n)
        stores.moods.mix(where, [Scored(1, "g", to_ms_of(day), day.isoformat(), 0.6, False)])
    line = stores.moods.line(where, first + timedelta(days=429), 430)
    assert len(line) == 400
    assert line[0].day == first + timedelta(days=30)
    assert stores.database.command("HLEN", keys.MOOD_LINE(shard=5, community="long")) <= 400 + 24


def to_ms_of(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400_000


# The alarm -------------------------------------------------------------------------------------------------------------------


def test_administrators_hear_once_that_the_mood_fell_and_what_it_is_about(chat: Chat) -> None:
    chatter(chat, 21)
    complain(chat, 8)
    assert ring(chat) == 0, "29 messages are too few"
    complain(chat, 4)
    assert ring(chat) == 1
    (notice,) = notices(chat)
    assert "“主群”的情绪在变差：24 小时里" in notice
    assert "退款" in notice
    assert "客服" in notice or "大家在说" in notice
    assert "危机模式 开启" in notice
    assert "可以这样回应" in notice
    assert not any(text in notice for text in BAD), "no member's words are told"
    complain(chat, 10)
    assert ring(chat) == 0
    assert len(notices(chat)) == 1


def test_one_angry_member_alone_rings_nothing(chat: Chat) -> None:
    chatter(chat, 20)
    complain(chat, 20, people=2)
    assert chat.stores.moods.window(chat.community.keys, to_ms(chat.clock())).unhappy >= 15
    assert ring(chat) == 0


def test_it_rings_again_only_after_six_calm_hours(chat: Chat) -> None:
    complain(chat, 32)
    assert ring(chat) == 1
    chat.later(hours=25)
    chatter(chat, 30)
    complain(chat, 30)
    assert ring(chat) == 0, "it was calm for a moment only"
    chat.later(hours=25)
    chatter(chat, 30)
    chat.later(hours=7)
    chatter(chat, 1)
    complain(chat, 40)
    assert ring(chat) == 1
    assert len(notices(chat)) == 2


def test_a_crash_behind_the_notice_sends_no_second_one(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    complain(chat, 32)
    with monkeypatch.context() as crashing:
        crashing.setattr(type(chat.stores.moods), "told", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            ring(chat)
    assert ring(chat) == 1
    assert ring(chat) == 0
    assert len(notices(chat)) == 1


def test_two_processes_ring_once(chat: Chat, database: Database, open_chat: Callable[..., Chat]) -> None:
    complain(chat, 32)
    shard, community = chat.stores.moods.ringing(to_ms(chat.clock()))[0]
    assert ring(chat) == 1
    chat.stores.database.command("ZADD", keys.MOOD_BELLS(shard=shard), 0, community)  # as the other process saw it
    assert ring(chat) == 1
    assert len(notices(chat)) == 1


def test_what_was_said_a_day_ago_no_longer_counts(chat: Chat) -> None:
    complain(chat, 29)
    chat.later(hours=25)
    complain(chat, 20)
    assert ring(chat) == 0
    window = chat.stores.moods.window(chat.community.keys, to_ms(chat.clock()))
    assert window.messages == 20


@pytest.mark.parametrize("back", [{"hours": -2}, {"days": -3}])
def test_a_clock_that_goes_back_breaks_nothing(chat: Chat, back: dict[str, float]) -> None:
    complain(chat, 20)
    chat.later(**back)
    complain(chat, 20)
    window = chat.stores.moods.window(chat.community.keys, to_ms(chat.clock()))
    assert 0 <= window.unhappy <= window.messages <= 40
    assert chat.stores.moods.find_group(chat.community.keys)
    assert ring(chat) <= 1


def test_a_clock_that_was_ahead_does_not_blind_the_window(chat: Chat) -> None:
    chat.later(days=3)
    complain(chat, 40)
    assert ring(chat) == 1
    chat.later(days=-3)
    complain(chat, 40)
    window = chat.stores.moods.window(chat.community.keys, to_ms(chat.clock()))
    assert (window.messages, window.unhappy > 20) == (40, True)
    assert 0 < window.alarm_ms <= to_ms(chat.clock())
    assert ring(chat) == 1


def test_where_people_come_to_complain_it_takes_more(chat: Chat) -> None:
    support = [{"community": "main", "profile": "support"}]
    _with_policy(chat, {"communities": support})
    chatter(chat, 18)
    complain(chat, 16)
    assert ring(chat) == 0
    complain(chat, 30)
    assert ring(chat) == 1


def test_the_threshold_and_the_prepared_answer_are_the_operators(chat: Chat) -> None:
    _with_policy(chat, {"mood": {"alarm_messages": 5, "alarm_share": 0.9, "response": "我们在查，今天六点前给大家答复。"}})
    complain(chat, 6)
    assert ring(chat) == 1
    assert "我们在查，今天六点前给大家答复。" in notices(chat)[0]


def test_an_unlisted_group_rings_nobody_and_keeps_no_bell(chat: Chat) -> None:
    complain(chat, 32, group="wrSTRANGE")
    assert ring(chat) == 1
    assert notices(chat) == []
    assert ring(chat) == 0


def test_communities_do_not_mix(chat: Chat) -> None:
    complain(chat, 32, group=FAR)
    assert ring(chat) == 1
    assert chat.stores.moods.find_group(chat.community.keys) is None
    assert "纽约" in notices(chat)[0] if notices(chat) else True


# Words -----------------------------------------------------------------------------------------------------------------------


def test_a_word_of_two_members_is_nobodys_business(chat: Chat) -> None:
    for n in range(12):
        chat.says(f"{'离婚' if n % 2 else '退款'}的事太糟心了，难过死了", user=f"unhappy{n % 2 or n % 8}")
    answer = chat.as_admin("情绪")
    assert "退款" in answer
    assert "离婚" not in answer


def test_no_number_name_or_everyday_word_is_counted() -> None:
    said = ["我们", "13800138000", "退款", "abc123", "lilei", "x" * 40, "退款", "的", "物业"]
    assert words_of("", lambda _: said) == ("退款", "物业")


def test_topics_are_what_unhappy_messages_say_more_often_than_others() -> None:
    counted = [Said("退款", 9, 0, 5), Said("会员", 9, 30, 5), Said("秘密", 9, 0, 2), Said("快递", 3, 0, 3)]
    assert [found.word for found in topics(counted, 12, 100)] == ["退款", "快递"]
    assert topics([], 0, 0) == []


def test_words_are_bounded_and_live_two_days(chat: Chat) -> None:
    where = chat.community.keys
    names = keys_of_moods(where.shard, where.id, "2026-03-10")
    fields = [part for n in range(3_000) for part in (f"-词{n}", "1|1")]
    chat.stores.database.command("HSET", names[2], *fields)
    complain(chat, 4)
    words = keys.MOOD_WORDS(shard=where.shard, community=where.id, day=chat.clock().astimezone(chat.community.zone).date().isoformat())
    assert chat.stores.database.command("HLEN", words) <= 3_000
    assert 0 < chat.stores.database.command("PTTL", words) <= 172_800_000


def test_nothing_that_is_kept_holds_a_text(chat: Chat) -> None:
    chat.says("我家住在三号楼的张小花阿姨态度恶劣，气死我了")
    kept = [str(chat.stores.database.command("HGETALL", key)) for key in chat.stores.database.scan("qb:{*}:main:mood*")]
    assert kept
    assert not any(word in text for text in kept for word in ("张小花", "三号楼", "我家"))


# Crises ----------------------------------------------------------------------------------------------------------------------

SALE = Push("sale", "0 9 * * *", "全场八折", marketing=True)
MORNING = Push("morning", "0 9 * * *", "早安")


def test_a_crisis_stops_marketing_and_nothing_else_until_it_is_lifted(chat: Chat) -> None:
    now = chat.clock()
    assert "已开启危机模式" in chat.as_admin("危机模式 开启")
    assert "危机模式已经开着" in chat.as_admin("危机模式 开启")
    assert not fire(SALE, chat.community, now, chat.stores, chat.config, chat.live.current, now)
    assert fire(MORNING, chat.community, now, chat.stores, chat.config, chat.live.current, now)
    assert chat.says("签到"), "members are answered"
    assert "从" in chat.as_admin("危机模式")
    assert "已解除危机模式" in chat.as_admin("危机模式 解除")
    later = now + timedelta(days=1)
    assert fire(SALE, chat.community, later, chat.stores, chat.config, chat.live.current, later)
    assert "营销推送照常" in chat.as_admin("危机模式")
    assert [entry.data["act"] for entry in chat.log("audit")].count("危机模式") == 2 if chat.log("audit") else True


@pytest.mark.parametrize("words", ["开启危机模式", "危机模式开启", "危机模式：开启", "启动 危机模式！", "危机模式 开", "危机模式 开启。"])
def test_in_an_emergency_any_order_of_the_words_will_do(chat: Chat, words: str) -> None:
    assert "已开启危机模式" in chat.as_admin(words)


@pytest.mark.parametrize("words", ["解除危机模式", "关闭危机模式", "危机模式解除", "危机模式：结束", "退出危机模式。"])
def test_so_it_will_when_it_is_over(chat: Chat, words: str) -> None:
    chat.as_admin("危机模式 开启")
    assert "已解除危机模式" in chat.as_admin(words)


@pytest.mark.parametrize("words", ["怎么开启危机模式", "开启危机模式是什么意思", "危机模式开启吗"])
def test_who_asks_about_it_opens_nothing(chat: Chat, words: str) -> None:
    chat.as_admin(words)
    assert chat.stores.pauses.crisis_since("main") == 0


def test_a_repeated_opening_after_it_was_lifted_opens_nothing(chat: Chat) -> None:
    chat.says("危机模式 开启", user="boss", id="open")
    chat.says("危机模式 解除", user="boss", id="close")
    actor = Actor(chat.member("boss"), "boss", "admin")
    assert set_crisis(chat.stores, chat.community, actor, is_on=True, now=chat.clock(), once="assistant:open")
    assert chat.stores.pauses.crisis_since("main") == 0


def test_other_processes_hear_of_a_crisis(chat: Chat, open_chat: Callable[..., Chat]) -> None:
    other = open_chat()
    chat.as_admin("危机模式 开启")
    other.stores.pauses.keep_up()
    assert other.stores.pauses.crisis_since("main") == chat.stores.pauses.crisis_since("main") > 0
    assert other.stores.pauses.crisis_since("far") == 0


def test_only_administrators_open_a_crisis_and_questions_are_answered(chat: Chat) -> None:
    chat.says("危机模式 开启")
    assert chat.stores.pauses.crisis_since("main") == 0
    assert "写法是" in chat.as_admin("危机模式 随便")


# Looking ---------------------------------------------------------------------------------------------------------------------


def test_moderators_see_the_mood_with_a_picture(chat: Chat) -> None:
    assert "还没有可看的情绪" in chat.as_admin("情绪")
    chatter(chat, 6)
    complain(chat, 3, group=SUB)
    said = chat.as_admin("情绪 7")
    assert "情绪值" in said
    assert re.search(r"24 小时：9 条，不高兴 \d 条", said)
    assert "第 1 个群" in said
    assert "第 2 个群" in said
    assert "写法是" in chat.as_admin("情绪 0")
    assert "写法是" in chat.as_admin("情绪 三百")
    assert chat.as_admin("情绪 365")


def test_members_may_speak_of_moods(chat: Chat) -> None:
    assert "只有管理员" not in chat.says("情绪 不太好怎么办")


def test_a_model_that_breaks_costs_a_figure_and_no_answer(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> float:
        raise ValueError("broken")

    monkeypatch.setattr(MoodModel, "score", breaks)
    assert chat.says("群里的规矩是什么呀")
    assert chat.stores.inbox.depth() == 0
    assert chat.stores.moods.find_group(chat.community.keys) is None


def test_jobs_that_nobody_works_on_any_more_are_dropped(open_chat: Callable[..., Chat]) -> None:
    before = open_chat(mood={"model": "snownlp"})
    before.says(BAD[0])
    before.clean_up()
    assert before.stores.database.command("XLEN", keys.JOBS(shard=before.community.shard)) == 1
    now = open_chat()
    assert now.clean_up()["mood jobs"] == 1
    assert now.stores.jobs.take() == []


# SnowNLP, and privacy ----------------------------------------------------------------------------------------------------------


def test_with_snownlp_the_text_is_queued_and_nothing_is_scored_at_once(open_chat: Callable[..., Chat]) -> None:
    chat = open_chat(mood={"model": "snownlp"})
    chat.says(BAD[0])
    (job,) = chat.stores.jobs.take()
    body = msgspec.json.decode(job.body)
    assert (body["job"], body["chat"], body["text"]) == ("mood", MAIN, BAD[0])
    assert chat.stores.moods.find_group(chat.community.keys) is None


def test_erasing_a_member_takes_his_mood_and_leaves_the_groups(chat: Chat) -> None:
    chatter(chat, 3)
    chat.privately(BAD[0], user="content1")
    number = chat.member("content1")
    assert chat.stores.moods.export_user(number)
    chat.stores.moods.erase_user(number)
    assert list(chat.stores.database.scan("qb:{*}:main:mood:words:*")) == []
    assert chat.stores.moods.export_user(number) == {}
    assert chat.stores.moods.find_group(chat.community.keys)


def test_an_erasure_that_was_cut_off_is_finished_by_its_repeat(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    complain(chat, 4)
    number, database = chat.member("unhappy0"), chat.stores.database
    really = database.command

    def cut_off(*args: Any) -> Any:
        if args[0] == "DEL":
            raise ConnectionError("cut off")
        return really(*args)

    with monkeypatch.context() as patch:
        patch.setattr(database, "command", cut_off)
        with pytest.raises(ConnectionError):
            chat.stores.moods.erase_user(number)
    assert list(database.scan("qb:{*}:main:mood:words:*"))
    chat.stores.moods.erase_user(number)
    assert list(database.scan("qb:{*}:main:mood:words:*")) == []
    assert chat.stores.moods.export_user(number) == {}


def _with_policy(chat: Chat, sheet: dict[str, Any]) -> None:
    """Puts a policy of moderation in force."""
    policy = MODERATION.build(MODERATION.model.validate_python(sheet))
    judge = Judge(chat.live.current.judge.lexicon, policy, chat.live.models)
    chat.live.current = dataclasses.replace(chat.live.current, judge=judge)
