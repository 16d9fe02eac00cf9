"""Flows, as members are led through them and operators write them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from chat import MAIN, ROOT, Chat, OpenChat
from hypothesis import given
from hypothesis import strategies as st

from bot.flow_desk import FlowDesk
from handlers.contents import current_text, publish
from handlers.flows import ring_flows
from rules import flows
from rules.content_flows import flow_from_source, parse_span
from rules.contents import FLOWS, ContentProblem, parse
from rules.contents import SHOP as SHOP_KIND
from rules.flows import Ask, Wait, after_quiet, ends_at, read_answer
from storage import keys
from storage.flows import Todo
from storage.keys import shard_of
from storage.moment import to_ms
from storage.stores import open_stores
from storage.tags import MOST_OF_MEMBER
from storage.tickets import MOST_A_DAY
from tests.machines import Shaky

pytest_plugins = ("chat",)

SHANGHAI = ZoneInfo("Asia/Shanghai")
SMALL = """
id: small
title: 小流程
start: {words: 小流程}
remind: 1d
deadline: 20d
steps:
  - say: 开始了，{nickname}
  - ask: {name: 城市, text: 你在哪个城市？, example: 例如：杭州}
  - ask: {name: 年限, text: 工作几年了？, kind: number, least: 0, most: 60}
  - branch:
      - {if: "年限 >= 10", goto: 老手}
  - say: 新手你好，{城市}的朋友
  - award: {reason: flow, points: 7}
  - goto: 等
  - label: 老手
    tag: {add: 老手}
  - label: 等
    wait: {until: check_in, timeout: 3d, late: 完}
  - say: 签到看到了
  - label: 完
    end: 再见，{城市}
"""


def put(chat: Chat, *sources: str) -> None:
    """Has these flows in force, and no others."""
    text = "\n".join("- " + source.strip().replace("\n", "\n  ") for source in sources)
    publish(chat.stores, FLOWS, text, "boss", chat.clock())
    chat.live.refresh()


def ring(chat: Chat) -> int:
    """The clock looks once."""
    return ring_flows(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def sent(chat: Chat) -> list[str]:
    """What was sent to members in private."""
    return [str(d.body["text"]["content"]) for d in chat.outbox() if d.via == "app" and "text" in d.body]


@pytest.fixture
def small(chat: Chat) -> Chat:
    chat.at("2026-03-10 10:00")
    put(chat, SMALL)
    return chat


# A member -------------------------------------------------------------------------------------------------------------
def test_a_member_is_led_through_by_his_answers(small: Chat) -> None:
    assert "开始了" in small.privately("小流程")
    assert "工作几年了" in small.privately("杭州")
    said = small.privately("3")
    assert "新手你好，杭州的朋友" in said
    assert "积分 +7" in said
    said = small.privately("签到")
    assert "签到成功" in said
    assert "再见，杭州" in said
    assert "已完成" in small.privately("流程")
    assert small.stores.points.discrepancies(small.community.keys) == []


def test_a_wrong_answer_is_told_an_example_and_asked_still(small: Chat) -> None:
    small.privately("小流程")
    small.privately("杭州")
    assert "0–60" in small.privately("99")
    assert "新手你好" in small.privately("5 年")


def test_choices_are_buttons_too_and_only_for_whom_they_are_meant(chat: Chat) -> None:
    said = chat.says("新人任务")
    assert said.choices == ["能做到", "我再想想"]
    assert "1. 能做到" in said
    chat.clicks(said, "能做到", user="hanmei", group=MAIN)
    assert "认识一下群规" in chat.says("流程"), "somebody else's click is none"
    assert chat.clicks(said, "能做到", user="lilei", group=MAIN).updated
    assert any("介绍自己" in str(delivery.body) for delivery in chat.outbox())
    chat.clicks(said, "我再想想", user="lilei", group=MAIN)
    assert "介绍自己" in chat.says("流程"), "an old question is not answered any more"
    assert "任务二" in chat.says("我在杭州做设计")


def test_a_free_answer_is_taken_for_half_an_hour_and_then_again_after_going_on(small: Chat) -> None:
    small.privately("小流程")
    small.later(minutes=31)
    assert "工作几年" not in small.privately("发票怎么开"), "a question days later is not swallowed"
    assert "你在哪个城市" in small.privately("继续")
    assert "工作几年" in small.privately("杭州")


def test_a_number_question_leaves_other_questions_alone(small: Chat) -> None:
    small.privately("小流程")
    small.privately("杭州")
    assert "没看懂" not in small.privately("怎么退款")
    assert "新手你好" in small.privately("3")


def test_commands_win_over_a_free_question(small: Chat) -> None:
    small.privately("小流程")
    assert "签到成功" in small.privately("签到")
    assert "你在哪个城市" in small.privately("流程")
    assert "工作几年" in small.privately("杭州")


def test_a_member_leaves_and_comes_back_to_the_same_question(small: Chat) -> None:
    small.privately("小流程")
    small.privately("杭州")
    assert "已离开" in small.privately("取消")
    assert "已离开" in small.privately("流程")
    small.later(days=3)
    assert ring(small) == 0, "who left is left alone"
    assert "工作几年" in small.privately("继续")
    assert "新手你好，杭州的朋友" in small.privately("3")


TWO = """
id: two
title: 另一个
start: {tags: 另}
steps:
  - wait: {for: 3d}
  - end: 完
"""


def test_cancelling_at_a_question_leaves_the_flow_that_asks(small: Chat) -> None:
    put(small, SMALL, TWO)
    small.says("帮助")
    small.privately("小流程")
    small.as_admin("标签 @lilei 加 另")
    small.later(minutes=1)
    assert "“小流程”" in small.privately("取消")
    assert "已离开“另一个”" in small.privately("取消")


def test_cancelling_by_name_of_none_leaves_what_asks_before_what_waits(small: Chat) -> None:
    put(small, SMALL, TWO)
    small.says("帮助")
    small.privately("小流程")
    small.as_admin("标签 @lilei 加 另")
    small.later(hours=1)
    assert "“小流程”" in small.privately("取消")


@pytest.mark.parametrize("act", ["cancel", "stop", "deadline", "operator in a group"])
def test_a_question_that_is_over_swallows_no_words(small: Chat, act: str) -> None:
    says = small.says if "group" in act else small.privately
    small.says("帮助")
    put(small, SMALL.replace("deadline: 20d", "deadline: 20m"))
    says("小流程")
    if act == "cancel":
        assert "已离开" in small.privately("流程 取消")
    elif act == "deadline":
        small.later(minutes=21)
        assert ring(small) == 1
    else:
        assert "已为" in small.as_admin("流程 停止 小流程 @lilei")
    said = says("签到有什么用")
    assert "已经过去了" not in said
    assert "工作几年" not in said


def test_a_choice_that_was_clicked_waits_for_no_number(chat: Chat) -> None:
    put(chat, LATER.replace("  - wait: {for: 1h}\n", ""))
    chat.says("帮助")
    said = chat.says("一小时后")
    assert chat.clicks(said, "开心", user="lilei", group=MAIN).updated
    assert "记下了开心" in str([delivery.body for delivery in chat.outbox()])
    assert "已经过去了" not in chat.says("1")


def test_cancelling_and_going_on_mean_nothing_to_who_is_in_no_flow(small: Chat) -> None:
    assert "离开" not in small.privately("取消")
    assert "没有进行中" in small.privately("流程 取消")
    assert "小流程" in small.privately("流程"), "what there is to begin"


def test_a_flow_is_done_once(small: Chat) -> None:
    small.privately("小流程")
    assert "你在哪个城市" in small.privately("小流程"), "who is in it is asked again"
    for words in ("杭州", "3", "签到"):
        small.privately(words)
    assert "已经做过了" in small.privately("流程 开始 小流程")


def test_the_same_message_twice_gets_the_same_answer_and_one_award(small: Chat) -> None:
    small.privately("小流程")
    small.privately("杭州")
    first = small.stores.flows
    said = small.privately("3", id="same")
    desk = FlowDesk(small.stores, small.live.current, small.config, small.clock())
    again = desk.answer(small.community, small.member(), "main|small|1|2", "3", once="assistant:same")
    assert again.replies[0].text == str(said)
    assert small.points() == 7
    assert first.funnel(small.community.keys, "small", date(2026, 3, 10)) == {
        "2026-03-10": {"开始": 1, "1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1, "7": 1, "等": 1}
    }


def test_what_a_crash_left_undone_is_done_before_he_begins_anew(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    put(chat, "id: a\ntitle: 题\nstart: {words: 开始}\nrepeat: true\nsteps: [{award: {reason: flow, points: 2}}]")
    chat.privately("开始")
    done = chat.stores.flows.of_member(chat.community.keys, chat.member())["a"]
    owes = replace(done, revision=done.revision + 1, todo=(Todo("award", "flow", 5),))
    chat.stores.flows.step(chat.community.keys, chat.member(), owes, chat.clock(), expect=done.revision, due=None, once="")
    chat.privately("开始")
    assert chat.points() == 2 + 5 + 2


def test_a_twin_that_ended_a_former_version_first_gives_its_answer(chat: Chat) -> None:
    flow = "id: a\ntitle: 题\nstart: {words: 开始}\nsteps: [{ask: {name: 问, text: 问？}}, {say: 谢谢}]"
    put(chat, flow)
    chat.privately("开始")
    put(chat, flow.replace("谢谢", "多谢"))
    shaky = Shaky(chat.config.redis.url.get_secret_value())
    stores = open_stores(shaky, 16, consumer=lambda: "twin", evidence_key=b"A" * 43 + b"=", answers_hours=1)
    mine, theirs = (FlowDesk(one, chat.live.current, chat.config, chat.clock()) for one in (stores, chat.stores))
    shaky.blow = lambda: theirs.answer(chat.community, chat.member(), "main|a|1|1", "好", once="same")
    shaky.fuse = 1  # he was read, his version was not
    told = mine.answer(chat.community, chat.member(), "main|a|1|1", "好", once="same")
    shaky.close()
    assert [reply.text for reply in told.replies] == ["谢谢"]


def test_an_event_that_comes_again_does_not_end_a_wait_that_began_since(chat: Chat) -> None:
    one = "id: {0}\ntitle: {0}\nstart: {{words: 开始{0}}}\nsteps: [{{wait: {{until: check_in}}}}, {{say: 看到了{0}}}]"
    put(chat, one.format("a"), one.format("b"), one.format("c"))
    chat.privately("开始a")
    chat.privately("开始b")
    desk = FlowDesk(chat.stores, chat.live.current, chat.config, chat.clock())
    first = desk.happened(chat.community, chat.member(), "check_in", once="X")
    assert [told.outcome for told in first] == ["moved", "moved"]
    chat.privately("开始c")
    again = desk.happened(chat.community, chat.member(), "check_in", once="X")
    assert again[0] == first[0]
    assert chat.stores.flows.of_member(chat.community.keys, chat.member())["c"].status == "waiting"


def test_an_old_question_is_not_answered_any_more(small: Chat) -> None:
    small.privately("小流程")
    small.says("签到")
    small.privately("杭州")
    desk = FlowDesk(small.stores, small.live.current, small.config, small.clock())
    assert desk.answer(small.community, small.member(), "main|small|1|1", "北京", once="late").outcome == "stale"


def test_a_flow_speaks_where_it_was_spoken_to(small: Chat) -> None:
    assert "开始了" in small.says("小流程")
    assert "工作几年" in small.says("杭州")
    assert "工作几年" not in small.says("北京", user="hanmei"), "somebody else's words are no answer"


# The clock ------------------------------------------------------------------------------------------------------------
def test_a_wait_ends_by_its_timeout(small: Chat) -> None:
    for words in ("小流程", "杭州", "30"):
        small.privately(words)
    assert small.stores.tags.of(small.community.keys, small.member()) == ("老手",)
    small.later(days=3, hours=1)
    assert ring(small) >= 1
    assert sent(small)[-1] == "再见，杭州"
    assert "新人毕业" not in str(sent(small)), "that is for another flow"
    assert ring(small) == 0


def test_who_does_not_answer_is_reminded_once_by_day_and_may_answer_then(small: Chat) -> None:
    small.at("2026-03-10 21:00")
    small.privately("小流程")
    small.at("2026-03-11 21:30")
    assert ring(small) == 1
    assert "你在哪个城市" in sent(small)[-1]
    assert ring(small) == 0
    assert "工作几年" in small.privately("杭州")


def test_nobody_is_woken_at_night(small: Chat) -> None:
    small.privately("小流程")
    small.at("2026-03-12 23:30")
    assert ring(small) == 0
    small.at("2026-03-13 07:59")
    assert ring(small) == 0
    small.at("2026-03-13 08:01")
    assert ring(small) == 1


def test_a_flow_is_over_at_its_deadline(small: Chat) -> None:
    small.privately("小流程")
    small.later(days=20, hours=1)
    while ring(small):
        pass
    assert "已过期" in small.privately("流程")
    assert small.stores.flows.definition(small.community.keys, small.live.current.flows.by_id["small"].digest) is None


def test_where_no_channel_leads_words_wait_for_the_next_single_chat(open_chat: OpenChat) -> None:
    chat = open_chat(app=False)
    put(chat, SMALL)
    chat.privately("小流程")
    chat.later(days=1, hours=1)
    assert ring(chat) == 1
    said = chat.privately("我的积分")
    assert "你在哪个城市" in said
    assert "工作几年" in chat.privately("杭州")


def test_a_flow_of_the_group_calls_its_member_there(chat: Chat) -> None:
    put(chat, SMALL.replace("remind: 1d", "remind: 1d\nwhere: group"))
    chat.says("小流程", name="李雷")
    chat.later(days=1, hours=1)
    assert ring(chat) == 1
    assert sent(chat) == []
    post = next(str(d.body["markdown"]["content"]) for d in chat.outbox() if d.via == "webhook")
    assert post.startswith("@李雷 ")
    assert "你在哪个城市" in post
    assert "工作几年" in chat.says("杭州")


def test_what_is_for_a_customer_waits_until_he_speaks_to_the_bot(chat: Chat) -> None:
    put(chat, SMALL)
    customer = "wm" + "A" * 30
    chat.privately("小流程", user=customer)
    chat.later(days=1, hours=1)
    assert ring(chat) == 1
    assert sent(chat) == []
    assert "你在哪个城市" in chat.privately("签到", user=customer)


def test_reminders_and_last_words_reach_a_customer_each_once(chat: Chat) -> None:
    put(
        chat,
        "id: a\ntitle: 题\nstart: {words: 开始}\nremind: [1d, 3d]\ndeadline: 9d\nlate: 过期了\nsteps: [{wait: {for: 1h}}, {ask: {name: 问, text: 问？}}]",
    )
    customer = "wm" + "A" * 30
    chat.privately("开始", user=customer)
    for by in ({"hours": 2}, {"days": 1, "hours": 1}, {"days": 2}, {"days": 7}):
        chat.later(**by)
        assert ring(chat) == 1
        assert ring(chat) == 0
    kept = chat.stores.notices.export_user(chat.member(customer))["待转达"]
    assert [words.split("\n")[0] for words in kept] == ["问？", "“题”还有一步等着你：", "“题”还有一步等着你：", "过期了"]


LATER = """
id: later
title: 一小时后
start: {words: 一小时后, tags: 开心}
steps:
  - wait: {for: 1h}
  - ask: {name: 心情, text: 开心吗？, choices: [开心, 不开心]}
  - end: 记下了{心情}
"""
SHOP = "confirm_from: 100\nitems:\n  - {id: mug, name: 马克杯, price: 150, counted: false}\n"


def has_points_and_a_shop(chat: Chat) -> None:
    """Puts a mug on sale, and gives a member what it costs."""
    publish(chat.stores, SHOP_KIND, SHOP, "boss", chat.clock())
    chat.live.refresh()
    chat.says("帮助")
    day = date(2026, 3, 10)
    chat.stores.points.award(chat.community.keys, chat.member(), chat.clock(), today=day, reason="task", points=500, once="p")


def test_the_clock_asks_nothing_while_something_else_waits_for_an_answer(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    put(chat, LATER)
    has_points_and_a_shop(chat)
    chat.privately("一小时后")
    chat.later(minutes=58)
    assert "马克杯" in chat.privately("兑换 马克杯")
    chat.later(minutes=3)
    assert ring(chat) == 0
    assert "开心吗？" not in str(sent(chat))
    chat.later(minutes=8)
    assert ring(chat) == 1
    assert "记下了开心" in chat.privately("1")
    assert chat.points() == 500, "nothing was paid for"


def test_what_was_asked_last_is_what_a_bare_number_answers(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    put(chat, LATER.replace("  - wait: {for: 1h}\n", ""))
    has_points_and_a_shop(chat)
    chat.privately("兑换 马克杯")
    chat.as_admin("流程 启动 一小时后 @lilei")
    assert "开心吗？" in sent(chat)[-1]
    assert "记下了开心" in chat.privately("1")
    assert chat.points() == 500, "the older question is not answered by it"


def test_a_question_that_is_sent_late_does_not_push_a_newer_one_aside(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    has_points_and_a_shop(chat)
    before = to_ms(chat.clock())
    chat.privately("兑换 马克杯")
    shard, member = shard_of("lilei", chat.stores.shards), chat.member()
    assert not chat.stores.flows.open_question(shard, "", member, "{}", 1_000, before)
    chat.privately("1")
    assert chat.points() == 350


# Activities -----------------------------------------------------------------------------------------------------------
VOTES = "id: votes\ntitle: 投一票\nstart: {words: 投一票}\nsteps: [{wait: {until: activity, timeout: 3d}}, {say: 谢谢你来投票}]"


def opens_a_poll(chat: Chat) -> None:
    chat.as_admin("发起投票 周末去哪 | 爬山 | 看电影")
    chat.as_admin("1")


@pytest.mark.parametrize("after", [VOTES, SMALL])
def test_a_flow_hears_of_taking_part_in_an_activity_even_a_former_version(chat: Chat, after: str) -> None:
    put(chat, VOTES)
    opens_a_poll(chat)
    chat.says("投票 2", user="hanmei")
    chat.privately("投一票")
    put(chat, after)
    said = chat.privately("投票 1")
    assert "爬山" in said
    assert "谢谢你来投票" in said
    assert "谢谢你来投票" not in chat.privately("投票 2"), "voting otherwise is no second activity"


def test_where_no_flow_waits_for_it_taking_part_costs_no_round_trip(chat: Chat) -> None:
    put(chat, SMALL)
    opens_a_poll(chat)
    desk = FlowDesk(chat.stores, chat.live.current, chat.config, chat.clock())
    assert not desk.may_wait(chat.community, "activity")
    before = chat.stores.database.command("INFO", "commandstats")
    assert not desk.may_wait(chat.community, "activity")
    assert desk.may_wait(chat.community, "check_in")
    after = chat.stores.database.command("INFO", "commandstats")
    assert re.findall(r"cmdstat_hvals:calls=\d+", before) == re.findall(r"cmdstat_hvals:calls=\d+", after) != []


# Versions -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("after", [SMALL, SMALL.replace("- wait: {until: check_in, timeout: 3d, late: 完}", "- say: 等完了"), ""])
def test_what_a_former_version_waits_for_happens_all_the_same(small: Chat, after: str) -> None:
    for words in ("小流程", "杭州", "3"):
        small.privately(words)
    put(small, after or LATER)
    assert "再见，杭州" in small.privately("签到")


def test_a_flow_that_is_gone_can_still_be_left_and_taken_up(small: Chat) -> None:
    small.privately("小流程")
    publish(small.stores, FLOWS, "[]", "boss", small.clock())
    small.live.refresh()
    assert not small.live.current.flows.by_id
    small.later(hours=1)
    assert "已离开“小流程”" in small.privately("取消")
    assert "你在哪个城市" in small.privately("继续")


def test_who_is_inside_finishes_the_version_he_began(small: Chat) -> None:
    small.privately("小流程")
    put(small, SMALL.replace("工作几年了", "今年几岁").replace("points: 7", "points: 9"))
    assert "工作几年了" in small.privately("杭州")
    small.privately("小流程", user="hanmei")
    assert "今年几岁" in small.privately("北京", user="hanmei")
    assert "积分 +7" in small.privately("3")


def test_a_flow_that_was_taken_away_is_finished_by_who_is_in_it(small: Chat) -> None:
    small.privately("小流程")
    put(small, SMALL.replace("id: small", "id: another").replace("小流程", "别的"))
    assert "工作几年了" in small.privately("杭州")
    assert "小流程" in small.privately("流程")


def test_a_state_costs_little(chat: Chat) -> None:
    for words in ("新人任务", "1", "我在杭州做设计", "签到", "多久有一次活动？"):
        chat.privately(words)
    key = keys.FLOWS_OF(shard=chat.community.shard, community="main", member=chat.member())
    assert chat.stores.database.command("MEMORY", "USAGE", key) < 2_000, "both flows of a newcomer"


def test_an_erased_member_leaves_nothing_but_counts(small: Chat) -> None:
    small.privately("小流程")
    small.privately("杭州")
    number = small.member()
    assert "杭州" in str(small.stores.flows.export_user(number))
    small.erase()
    part = {"shard": small.community.shard, "community": "main"}
    assert small.stores.flows.export_user(number) == {}
    assert small.stores.database.command("EXISTS", keys.FLOW_DEFINITIONS(**part), keys.FLOW_STEPS(**part)) == 0
    assert ring(small) == 0


# Operators --------------------------------------------------------------------------------------------------------------
def test_a_trial_walks_through_and_gives_nothing(small: Chat) -> None:
    small.as_admin("签到")
    before = small.points("boss")
    assert "你在哪个城市" in small.as_admin("流程 测试 小流程")
    assert "工作几年" in small.as_admin("杭州")
    said = small.as_admin("3")
    assert "会发积分，原因：flow，7 分" in said
    assert "下一步" in said
    assert "停在等待上" in small.as_admin("然后呢")
    assert "到这里结束" in small.as_admin("下一步")
    assert small.points("boss") == before
    assert "没有进行中" in small.as_admin("流程")


def test_operators_start_and_stop_a_flow_for_somebody(small: Chat) -> None:
    small.says("签到", name="李雷")
    assert "已为李雷启动" in small.as_admin("流程 启动 小流程 @李雷")
    assert "你在哪个城市" in sent(small)[-1]
    assert "已经在里面" in small.as_admin("流程 启动 小流程 @李雷")
    assert "工作几年" in small.privately("杭州"), "what the clock or an operator asks may be answered at once"
    assert "已为李雷停止" in small.as_admin("流程 停止 小流程 @李雷")
    assert "已停止" in small.privately("流程")
    assert [row.act for row in small.stores.audit.newest("main", 5) if row.act.startswith("流程")] == [
        "流程 停止",
        "流程 启动",
    ]


def test_the_funnel_shows_where_people_drop_out(small: Chat) -> None:
    for user in ("a", "b", "c", "d"):
        small.privately("小流程", user=user)
    small.privately("杭州", user="a")
    said = small.as_admin("流程 漏斗 小流程")
    assert "4（100%）" in said
    assert "1（25%）" in said


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("流程 啥", "例如：流程 继续"),
        ("流程 开始 没有的", "例如：流程 开始"),
        ("流程 测试", "例如：流程 测试"),
        ("流程 启动 小流程", "例如：流程 启动"),
        ("流程 启动 没有 @李雷", "例如：流程 启动"),
        ("流程 停止", "例如：流程 停止"),
        ("流程 漏斗", "例如：流程 漏斗"),
        ("流程 取消 没有", "说“流程”看看"),
    ],
)
def test_the_wrong_way_of_typing_it_is_answered_with_an_example(small: Chat, words: str, hint: str) -> None:
    assert hint in small.as_admin(words)


def test_members_may_not_steer_flows(small: Chat) -> None:
    assert "只有运营" in small.privately("流程 启动 小流程 @李雷")
    assert "私聊" in small.says("流程 列表", user="boss", group=MAIN)


# The shipped one ----------------------------------------------------------------------------------------------------------
def test_a_newcomer_does_the_shipped_tasks_and_is_asked_after_a_week_and_a_month(chat: Chat) -> None:
    chat.at("2026-03-10 10:00")
    chat.says("你好", name="李雷")
    assert "群规" in chat.privately("新人任务")
    assert "介绍自己" in chat.privately("1")
    said = chat.privately("我在杭州做设计")
    assert "自我介绍：积分 +10" in said
    assert "任务二" in said
    said = chat.privately("签到")
    assert "签到成功" in said
    assert "完成任务：积分 +5" in said
    assert "任务三" in said
    said = chat.privately("多久有一次活动？")
    assert "新人任务做完了" in said
    assert "新人毕业" in said
    assert chat.points() == 10 + 5 + 5 + 5
    assert "完成新人任务" in chat.stores.tags.of(chat.community.keys, chat.member())
    chat.at("2026-03-17 10:01")
    assert ring(chat) == 1
    assert "来这里一周了" in sent(chat)[-1]
    assert "请一位同事" in chat.privately("3")
    assert chat.stores.tickets.waiting(chat.community.keys)[0].member == chat.member()
    chat.at("2026-04-09 10:01")
    assert ring(chat) == 1
    assert "来这里一个月了" in sent(chat)[-1]
    assert "请多关照" in chat.privately("9")
    assert chat.stores.tags.of(chat.community.keys, chat.member()) == ("完成新人任务",)
    assert chat.stores.points.discrepancies(chat.community.keys) == []


def test_a_tag_starts_a_flow_and_flows_that_start_each_other_come_to_an_end(chat: Chat) -> None:
    first = (
        SMALL.replace("words: 小流程", "tags: 甲").replace("id: small", "id: first").replace("say: 开始了，{nickname}", "tag: {add: 乙}")
    )
    second = first.replace("id: first", "id: second").replace("tags: 甲", "tags: 乙").replace("add: 乙", "add: 甲")
    put(chat, first, second)
    chat.says("签到", name="李雷")
    chat.as_admin("标签 @李雷 加 甲")
    assert sum("你在哪个城市" in words for words in sent(chat)) == 2, "each once"


def test_flows_begin_by_joining_a_first_message_and_opening_the_chat(chat: Chat) -> None:
    sources = [
        SMALL.replace("id: small", f"id: on_{on}").replace("words: 小流程", f"on: {on}") for on in ("joined", "first_message", "enter_chat")
    ]
    put(chat, *sources)
    assert chat.says("帮助").count("开始了") == 2
    assert "开始了" not in chat.says("帮助")
    assert "开始了" in chat.enters()
    assert "开始了" not in chat.enters()


def test_a_step_that_wants_a_person_adds_to_the_ticket_that_waits(chat: Chat) -> None:
    put(chat, "id: h\ntitle: 找人\nstart: {words: 找人}\nsteps: [{human: '想谈合作'}, {end: 已转给同事}]")
    chat.says("帮助")
    chat.privately("人工 我的快递丢了怎么办")
    assert "已转给同事" in chat.privately("找人")
    [ticket] = chat.stores.tickets.waiting(chat.community.keys)
    assert [row.text for row in chat.stores.tickets.words(chat.community.keys, ticket.number)][-1] == "想谈合作"


def test_what_a_flow_could_not_do_is_told_to_administrators_once(chat: Chat) -> None:
    put(chat, "id: h\ntitle: 找人\nrepeat: true\nstart: {words: 找人}\nsteps: [{tag: {add: 老手}}, {human: '想谈合作'}, {end: 好}]")
    chat.says("帮助", name="李雷")
    for n in range(MOST_OF_MEMBER):
        chat.stores.tags.add(chat.community.keys, chat.member(), f"t{n}", chat.clock(), actor=1, once="")
    for n in range(MOST_A_DAY):
        chat.privately(f"人工 第{n}个问题怎么办呢")
        chat.privately("取消人工")
    chat.privately("找人", id="same")
    chat.privately("找人", id="same")
    told = [str(d.body["markdown"]["content"]) for d in chat.outbox() if d.via == "webhook" and "流程“找人”" in str(d.body)]
    assert sorted(line.split("，但")[0] for line in told) == ["⚠️ 流程“找人”要为李雷开工单", "⚠️ 流程“找人”要为李雷打上标签“老手”"]
    assert "想谈合作" in "".join(told)


def test_administrators_hear_of_a_ticket_in_a_group_without_duty_but_not_of_whom(chat: Chat) -> None:
    put(chat, "id: h\ntitle: 找人\nstart: {words: 找人}\nsteps: [{human: '{nickname}想谈合作'}, {end: 好}]")
    chat.says("找人", group="wrSTRANGE", name="李雷")
    [told] = [str(d.body["markdown"]["content"]) for d in chat.outbox() if d.via == "webhook" and "流程“找人”" in str(d.body)]
    assert "wrSTRANGE" in told
    assert "李雷" not in told
    assert "想谈合作" not in told


def test_a_flow_for_customers_is_not_for_employees(chat: Chat) -> None:
    put(chat, SMALL.replace("remind: 1d", "who: customers"))
    assert "开始了" not in chat.privately("小流程")
    assert "开始了" in chat.privately("小流程", user="wm" + "A" * 30)


# Rules ----------------------------------------------------------------------------------------------------------------------
STEPS = "id: a\ntitle: t\nsteps:\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- say: 你好 {城市}\n", "第 4 行（steps 的 第 1 条 的 say）：没有 {城市} 这个变量"),
        ("- goto: 那里\n", "没有标号为“那里”的步骤"),
        ("- label: 甲\n  say: 一\n- goto: 甲\n", "不停地循环"),
        ("- label: 甲\n  ask: {name: 问, text: 问}\n- goto: 甲\n", "永远走不到结束"),
        ("- end: 完\n- say: 多\n", "第 5 行（steps 的 第 2 条）：哪里都走不到这一步"),
        ("- say: 一\n  end: 二\n", "每一步只做一件事：这里写了 say、end"),
        ("- wait: {for: 三天}\n", "不是一段时间"),
        ("- wait: {until: 明天}\n", "可以等星期几的几点"),
        ("- wait: {until: check_in, late: 那里, timeout: 1d}\n", "没有标号为“那里”的步骤"),
        ("- ask: {name: 问, text: 问, choices: [甲]}\n", "至少要有两个选项"),
        ("- ask: {name: 问, text: 问, kind: number, least: 5, most: 1}\n", "least 比 most 大"),
        ("- branch: [{if: 城市 = 北京, goto: 完}]\n- label: 完\n  end: 完\n", "没有问过“城市”"),
        ("- branch: [{if: 看不懂, goto: 完}]\n- label: 完\n  end: 完\n", "条件“看不懂”看不懂"),
        ("- tag: {add: 有 空格}\n", "标签里不能有空白"),
        ("- label: 12\n  say: 一\n", "标号不能全是数字"),
        ("- say: 一\n  label: 甲\n- say: 二\n  label: 甲\n", "标号“甲”用了两次"),
        ("[]", "至少要有 1 项"),
    ],
)
def test_what_is_wrong_with_a_flow_is_told_with_its_line_and_remedy(text: str, problem: str) -> None:
    with pytest.raises(ContentProblem) as caught:
        parse(FLOWS, STEPS.rstrip("\n") + " []" if text == "[]" else STEPS + text)
    assert problem in "\n".join(caught.value.problems)


def test_a_definition_comes_back_from_its_source_as_it_was() -> None:
    [flow] = parse(FLOWS, SMALL)
    assert flow_from_source(flow.source) == flow


@pytest.mark.parametrize("said", ["3", "3 年", "约 10 公里", "30岁左右", "3.5", "80%", "5kg", "99", "3-5 年", "3000元。"])
def test_a_number_may_have_a_unit(said: str) -> None:
    assert flows.could_answer("number", (), said)


@pytest.mark.parametrize("said", ["第2期什么时候开始", "2期什么时候", "3号吗", "2楼在哪", "1？", "5个吗", "2026年会在哪", "我要3个", ""])
def test_a_question_with_a_number_in_it_is_no_number(said: str) -> None:
    assert not flows.could_answer("number", (), said)


@pytest.mark.parametrize(
    ("said", "is_answer"), [("3 月 10 日。", True), ("明天", True), ("2月30日", True), ("3月10日有活动吗", False), ("10号线怎么坐", False)]
)
def test_a_date_is_nothing_but_a_date(said: str, is_answer: bool) -> None:
    assert flows.could_answer("date", (), said) == is_answer


def test_an_ordinary_question_is_answered_while_a_number_is_asked(chat: Chat) -> None:
    put(chat, "id: n\ntitle: 数\nstart: {words: 打分}\nsteps: [{ask: {name: 分, text: '几分？', kind: number}}, {end: '记下了 {分}'}]")
    chat.privately("打分")
    chat.later(hours=5)
    assert "记下了" not in chat.privately("第2期盒饭什么馅")
    assert "记下了 9" in chat.privately("9 分")


@given(st.text(max_size=30), st.sampled_from(["free", "number", "choice", "date"]))
def test_whatever_is_said_is_read_or_refused(said: str, kind: flows.Kind) -> None:
    ask = Ask("a", "b", kind, ("甲", "乙") if kind == "choice" else (), 0 if kind == "number" else None, 9 if kind == "number" else None)
    value = read_answer(ask, said, date(2026, 3, 10))
    assert value is None or flows.could_answer(kind, ask.choices, said)
    assert value is None or kind != "number" or 0 <= float(value) <= 9


@given(st.integers(0, 1_000_000), st.integers(1, 20_000), st.integers(0, 40), st.integers(0, 6))
def test_waits_end_later_and_never_at_night(now: int, minutes: int, day: int, weekday: int) -> None:
    at = datetime(2025, 1, 1, tzinfo=SHANGHAI) + timedelta(minutes=now)
    for wait in (Wait(minutes=minutes), Wait(day=day), Wait(weekday=weekday), Wait(event="check_in", timeout=minutes)):
        ends = ends_at(wait, at, at)
        assert ends is not None
        assert ends >= at
        assert flows.QUIET_TO <= ends.time() < flows.QUIET_FROM
        assert after_quiet(ends) == ends


@given(st.integers(0, 30), st.integers(0, 23), st.integers(0, 59))
def test_a_span_is_the_sum_of_its_parts(days: int, hours: int, minutes: int) -> None:
    total = days * 1_440 + hours * 60 + minutes
    if total:
        assert parse_span(f"{days}d{hours}h{minutes}m") == total


def test_what_operators_are_shown_how_to_write_is_right() -> None:
    text = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        assert parse(FLOWS, example)
    assert {type(step.act) for step in parse(FLOWS, examples[1])[0].steps} >= {
        Ask,
        Wait,
        flows.Branch,
        flows.Award,
        flows.Human,
        flows.Goto,
    }


def test_importing_one_file_changes_that_flow_alone(chat: Chat) -> None:
    put(chat, SMALL, SMALL.replace("id: small", "id: other").replace("小流程", "另一个"))
    publish(chat.stores, FLOWS, SMALL.replace("你在哪个城市", "你住哪里").strip(), "boss", chat.clock())
    chat.live.refresh()
    assert set(chat.live.current.flows.by_id) == {"small", "other"}
    assert "你住哪里" in chat.privately("小流程")
    assert parse(FLOWS, current_text(chat.stores, FLOWS)) == tuple(chat.live.current.flows.by_id.values())
