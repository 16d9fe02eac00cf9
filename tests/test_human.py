"""人工: from the question to a person's answer, by dialogues on a real Redis; the clock of a ticket, and what goes wrong on the way."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
import redis
from chat import ADMINS, FAR, MAIN, Chat, OpenChat, Said

from bot.human_desk import HumanDesk, roster_problems
from bot.permissions import Actor
from handlers.human import ring
from storage.connection import StorageAway
from storage.outbox import Delivery
from tests.timing import await_until

pytest_plugins = ("chat",)

OFFICE = """
plans:
  - community: "*"
    hours: [{when: "mon-fri 09:00-18:00", people: [zhang, wang]}]
    answer_within_minutes: 30
    escalation: [{after_minutes: 15, tell: [duty]}, {after_minutes: 30, tell: [boss]}, {after_minutes: 60, tell: [admins]}]
"""


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Content with a roster of our own, and nothing else."""
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "duty.yaml").write_text(OFFICE, encoding="utf-8")
    return folder


@pytest.fixture
def office(open_chat: OpenChat, content: Path) -> Chat:
    """A bot with two on duty, who are moderators, and a member who has been welcomed."""
    return staffed(open_chat(content=content))


def staffed(chat: Chat) -> Chat:
    """The same, with everybody known."""
    for user, name in (("boss", "老板"), ("zhang", "张三"), ("wang", "王五")):
        chat.says("你好", user=user, group=ADMINS, name=name)
    for user in ("zhang", "wang"):
        chat.stores.roles.grant(chat.member(user), "main", "moderator", seen="", once=user)
    chat.says("你好", name="李雷")
    return chat


def rings(chat: Chat) -> int:
    """The clock rings once; gives how many tickets were told of."""
    return ring(chat.stores, chat.config, chat.live.current.duty, chat.communities, chat.clock())


def told(chat: Chat, target: str = "") -> list[Delivery]:
    """What tickets put into the outbox for a target, oldest first."""
    return [delivery for delivery in chat.outbox() if delivery.id.startswith("ticket:") and delivery.target.startswith(target)]


def text_of(delivery: Delivery) -> str:
    """What a delivery says."""
    return str(delivery.body)


def staff(chat: Chat, text: str, user: str = "zhang", id: str = "") -> Said:
    """Somebody on duty says something in the admin group."""
    return chat.says(text, user=user, group=ADMINS, id=id)


def desk(chat: Chat) -> HumanDesk:
    """The desk of the main community, now."""
    return HumanDesk(chat.stores, chat.config, chat.live.current.duty, chat.community, chat.clock())


def counted(chat: Chat, name: str) -> int:
    """How often something was counted this week."""
    return chat.stores.tallies.of_days("main", chat.clock().date(), 7).get(name, 0)


# Asking -------------------------------------------------------------------------------------------------------------------


def test_a_question_gets_a_number_and_a_time_and_those_on_duty_hear_of_it(office: Chat) -> None:
    said = office.says("人工 怎么退款？")

    assert "工单 1" in said
    assert "10:30 前回复" in said
    for user in ("zhang", "wang"):
        (private,) = told(office, f"app.desk.{office.member(user)}")
        assert "怎么退款" in text_of(private)
        assert private.about == (office.member(),)
    (post,) = told(office, "hook.main.admin")
    assert "工单 1" in text_of(post)
    assert "退款" not in text_of(post)
    assert told(office, f"app.desk.{office.member('boss')}") == []


@pytest.mark.parametrize("words", ["人工：怎么退款？", "转人工，怎么退款？", "转人工 怎么退款？", "找客服 怎么退款？", "真人 怎么退款？"])
def test_a_person_is_asked_for_in_many_words(office: Chat, words: str) -> None:
    assert "工单 1" in office.says(words)
    assert desk(office).get(1).words[0].text == "怎么退款？"


def test_the_question_just_asked_is_taken_over_in_its_chat(office: Chat) -> None:
    office.says("量子纠缠的贝尔不等式是什么意思？")

    assert "想问什么" in office.privately("人工")
    assert "量子纠缠" in office.says("人工")


def test_a_question_of_more_than_ten_minutes_ago_is_not(office: Chat) -> None:
    office.says("量子纠缠的贝尔不等式是什么意思？")
    office.later(minutes=10)
    assert "想问什么" in office.says("人工")


def test_what_is_said_next_is_the_question_then(office: Chat) -> None:
    assert "想问什么" in office.says("人工")
    assert "工单 1" in office.says("Wi-Fi 密码是多少 3")
    assert desk(office).get(1).words[0].text == "Wi-Fi 密码是多少 3"


def test_who_thinks_better_of_it_says_so(office: Chat) -> None:
    office.says("人工")
    assert "随时问我" in office.says("算了")
    assert "没有等待" in staff(office, "工单")


def test_asking_again_shows_what_waits_and_more_words_are_added(office: Chat) -> None:
    office.says("人工 怎么退款")

    assert "还没有人接单" in office.says("人工")
    assert "已补充到工单 1" in office.says("人工 我是昨天买的")
    assert "已补充到工单 1" in office.says("补充：订单号 A-7\n电话不用打")
    assert "已补充到工单 1" in office.says("补充 急\n真的很急")

    assert [row.text for row in desk(office).get(1).words] == ["怎么退款", "我是昨天买的", "订单号 A-7\n电话不用打", "急\n真的很急"]
    assert len(told(office, f"app.desk.{office.member('zhang')}")) == 4


def test_each_community_has_a_ticket_of_its_own(office: Chat) -> None:
    office.says("人工 怎么退款")
    assert "工单 2" in office.says("人工 怎么退款", group=FAR)
    assert "工单 1" in office.says("人工")


def test_a_member_opens_ten_a_day_and_his_words_are_short(office: Chat) -> None:
    assert "最多 500 字" in office.says("人工 " + "问" * 501)
    for number in range(10):
        assert f"工单 {number + 1}" in office.says(f"人工 问题 {number}")
        office.says("取消人工")
    assert "今天已经找过 10 次" in office.says("人工 还有")
    office.later(days=1)
    assert "转给人工" in office.says("人工 还有")


def test_a_ticket_takes_thirty_words_and_no_more(office: Chat) -> None:
    office.says("人工 怎么退款")
    for number in range(29):
        office.says(f"补充 {number}")
    assert "太多了" in office.says("补充 还有")


def test_a_member_who_cancels_spares_the_one_who_took_it(office: Chat) -> None:
    office.says("人工 怎么退款")
    staff(office, "接单 1")
    assert "已取消" in office.says("取消人工")

    assert "已由成员取消" in text_of(told(office, f"app.desk.{office.member('zhang')}")[-1])
    assert "成员已取消" in staff(office, "回复 1 好的")
    assert told(office, "hook.main.wrMAIN") == []
    assert "没有等待人工" in office.says("补充 x", user="hanmei")


def test_a_refused_question_uses_up_no_number(office: Chat) -> None:
    for number in range(10):
        office.says(f"人工 问题 {number}", id=f"Q{number}")
        office.says("取消人工")
    assert "今天已经找过 10 次" in office.says("人工 还有")
    assert "工单 11" in office.says("人工 怎么退款", user="hanmei")


def test_of_two_questions_at_once_the_second_is_added_to_the_first(open_chat: OpenChat, content: Path) -> None:
    chat = staffed(open_chat(content=content))
    others = [chat, *(open_chat(content=content, clock=chat.clock) for _ in range(3))]
    gate = Barrier(4)

    def ask(n: int) -> str:
        gate.wait(10)
        return others[n].says(f"人工 问题 {n}")

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(ask, range(4)))

    assert sorted("转给人工" in each for each in said) == [False, False, False, True]
    assert sum("已补充到工单" in each for each in said) == 3
    (thread,) = desk(chat).list_tickets()
    assert sorted(row.text for row in thread.words) == [f"问题 {n}" for n in range(4)]


def test_what_is_said_in_private_is_never_answered_in_the_group(office: Chat) -> None:
    office.says("人工 怎么退款？")
    assert "已补充到工单 1" in office.privately("补充 我的卡号是 6222")
    staff(office, "回复 1 这样")
    assert told(office, "hook.main.wrMAIN") == []
    assert "怎么退款" in text_of(told(office, f"app.desk.{office.member()}")[-1])


def test_a_question_asked_again_in_private_is_answered_in_private_for_good(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "回复 1 这样")
    office.privately("再问 我欠的钱呢？")
    staff(office, "回复 1 那样")
    office.says("再问 几天？")
    staff(office, "关闭 1 说过了")
    (post,) = told(office, "hook.main.wrMAIN")
    assert "这样" in text_of(post)
    assert "说过了" in text_of(told(office, f"app.desk.{office.member()}")[-1])


def test_words_of_one_group_are_not_said_in_another(office: Chat) -> None:
    office.says("人工 怎么退款？", user="wang")
    office.says("补充 内部价也退吗", user="wang", group=ADMINS)
    staff(office, "回复 1 这样")
    assert told(office, "hook.main.wrMAIN") == []


def test_an_unlisted_group_has_no_desk(office: Chat) -> None:
    assert "没有接入人工" in office.says("人工 怎么退款", group="wrNOBODY")
    assert told(office) == []


@pytest.mark.parametrize("words", ["量子纠缠的贝尔不等式是什么意思？", "没解决", "回复 1 这样"])
def test_an_unlisted_group_is_not_sent_to_a_desk_it_has_not(office: Chat, words: str) -> None:
    assert "人工" in office.says(words)
    assert "人工" not in office.says(words, group="wrNOBODY")


# Outside hours ------------------------------------------------------------------------------------------------------------


def test_outside_hours_the_question_is_kept_and_told_when_duty_begins(office: Chat) -> None:
    office.at("2026-03-10 20:00")
    said = office.says("人工 怎么退款")
    assert "不在值班时间" in said
    assert "明天 09:00后回复" in said.replace("09:00 后", "09:00后")
    assert told(office) == []
    assert rings(office) == 0

    office.at("2026-03-11 09:00")
    assert rings(office) == 1
    assert rings(office) == 0
    assert len(told(office)) == 3
    assert "09:30 前回复" in text_of(told(office, "hook.main.admin")[0])
    assert "还有 29 分钟" in staff(office, "工单")


def test_before_a_weekend_the_day_is_named(office: Chat) -> None:
    office.at("2026-03-13 18:30")
    assert "3 月 16 日 09:00" in office.says("人工 怎么退款")


def test_a_promise_that_reaches_over_night_says_so(office: Chat) -> None:
    office.at("2026-03-10 17:50")
    assert "明天 09:20 前回复" in office.says("人工 怎么退款")


# Answering ----------------------------------------------------------------------------------------------------------------


def test_the_answer_goes_where_the_question_was_asked_and_is_proposed(office: Chat) -> None:
    office.says("人工 怎么退款？")
    office.says("补充 我是昨天买的")
    assert "已答复李雷（成员" in staff(office, "回复 1 在订单页\n点“申请退款”")

    (post,) = told(office, "hook.main.wrMAIN")
    assert "@李雷 你问的“怎么退款？”（工单 1），值班同事答复：\n在订单页\n点“申请退款”" in post.body["markdown"]["content"]
    assert post.about == (office.member(),)
    (proposal,) = office.stores.proposals.waiting("main")
    assert (proposal.question, proposal.answer, proposal.source) == ("怎么退款？", "在订单页\n点“申请退款”", "人工 工单 1")
    assert [(row.actor, row.act, row.subject, row.after) for row in office.stores.audit.newest("main", 5) if "工单" in row.subject] == [
        (str(office.member("zhang")), "回复工单", "工单 1", "已答复")
    ]


@pytest.mark.parametrize("words", ["回复1 在订单页", "答复 1：在订单页", "回复#1，在订单页", "回复 1, 在订单页", "回复１在订单页"])
def test_the_number_may_stand_close_to_the_word(office: Chat, words: str) -> None:
    office.says("人工 怎么退款？")
    assert "怎么退款" in staff(office, "工单1")
    assert "由你回复" in staff(office, "接单#1")
    assert "已转给王五" in staff(office, "转给1@王五")
    assert "已答复李雷" in staff(office, words)
    assert desk(office).get(1).words[-1].text == "在订单页"
    office.says("再问 几天？")
    assert "已关闭" in staff(office, "关闭1，说过了")


@pytest.mark.parametrize("words", ["关闭2号门的通知怎么弄", "回复1-2天能到吗", "转给2个人可以吗", "工单1.5 是什么"])
def test_a_question_that_only_begins_so_is_a_question(office: Chat, words: str) -> None:
    assert "管理员可以用" not in office.says(words)
    assert "没有编号" not in staff(office, words)


def test_who_asked_in_private_is_answered_in_private(office: Chat) -> None:
    office.privately("人工 怎么退款？", through="desk")
    staff(office, "回复 1 在订单页点“申请退款”")
    assert "申请退款" in text_of(told(office, f"app.desk.{office.member()}")[-1])


def test_where_no_channel_leads_to_him_the_answer_waits_for_his_next_word(open_chat: OpenChat, content: Path) -> None:
    chat = staffed(open_chat(content=content, app=False))
    chat.privately("你好", user="zhang")
    chat.privately("人工 怎么退款？")

    assert "工单 1" in chat.privately("在吗", user="zhang")
    staff(chat, "回复 1 在订单页点“申请退款”")
    assert "申请退款" in chat.privately("有人吗")


def test_the_first_answer_counts_and_the_second_is_told(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "回复 1 这样")
    said = staff(office, "回复 1 那样", user="wang")
    assert "已答复（张三" in said
    assert "没有发出" in said
    assert "张三" in staff(office, "关闭 1 重复", user="wang")
    assert len(told(office, "hook.main.wrMAIN")) == 1


def test_of_two_who_answer_at_once_one_is_first(open_chat: OpenChat, content: Path) -> None:
    chat = staffed(open_chat(content=content))
    other = open_chat(content=content, clock=chat.clock)
    chat.says("人工 怎么退款？")
    gate = Barrier(8)

    def answer(n: int) -> bool:
        where = desk(chat if n % 2 else other)
        gate.wait(10)
        return where.answer(1, Actor(chat.member("zhang"), "张三", "moderator"), f"答案 {n}", once=f"A{n}").done

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(answer, range(8)))

    assert sum(done) == 1
    assert len(told(chat, "hook.main.wrMAIN")) == 1
    assert len(chat.stores.proposals.waiting("main")) == 1


def test_a_taken_ticket_is_its_takers_until_he_passes_it_on(office: Chat) -> None:
    office.says("人工 怎么退款？")
    assert "由你回复" in staff(office, "接单 1")
    assert "由你回复" in staff(office, "接单 1")
    assert "已由张三（成员" in staff(office, "接单 1", user="wang")
    assert "已经有同事接单" in office.says("人工")

    assert "已转给王五" in staff(office, "转给 1 @王五")
    assert "转给了你" in text_of(told(office, f"app.desk.{office.member('wang')}")[-1])
    assert "还没有版主以上的角色" in staff(office, "转给 1 @李雷")
    office.says("补充 急")
    assert "急" in text_of(told(office, f"app.desk.{office.member('wang')}")[-1])
    assert len(told(office, f"app.desk.{office.member('zhang')}")) == 1


def test_of_two_with_one_name_a_number_chooses(office: Chat) -> None:
    for user in ("wang2", "wang3"):
        office.says("你好", user=user, name="小王")
        office.stores.roles.grant(office.member(user), "main", "moderator", seen="", once=user)
    office.says("人工 怎么退款？")
    assert "有 2 个人叫" in staff(office, "转给 1 小王")
    assert "已转给小王" in staff(office, "2")
    assert desk(office).get(1).ticket.taker in (office.member("wang2"), office.member("wang3"))


def test_a_closed_ticket_tells_its_member_why(office: Chat) -> None:
    office.says("人工 怎么退款？")
    assert "写法是：关闭" in staff(office, "关闭 1")
    assert "已关闭" in staff(office, "关闭 1 群里已经答过")
    assert "已关闭：群里已经答过" in text_of(told(office, "hook.main.wrMAIN")[-1])
    assert "没有发出" in staff(office, "回复 1 晚了")
    assert office.stores.proposals.waiting("main") == []


def test_the_list_has_the_first_due_first_and_shows_how_fast_we_are(office: Chat) -> None:
    office.says("人工 怎么退款？")
    office.later(minutes=12)
    office.says("人工 怎么开发票？", user="hanmei", name="韩梅")
    lines = staff(office, "工单").splitlines()
    assert lines[1].startswith(f"1. 还有 17 分钟，李雷（成员 {office.member()}）：“怎么退款？”")
    assert lines[2].startswith("2. 还有 29 分钟，韩梅")

    staff(office, "回复 1 这样")
    assert "中位数：12 分钟" in staff(office, "工单")
    office.later(minutes=40)
    assert "超时" in staff(office, "工单")
    assert office.stores.tickets.count_waiting([office.community.keys], office.clock()) == (1, 1)


def test_the_thread_is_shown_and_after_a_while_its_words_go(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "回复 1 这样")
    office.says("没解决")
    thread = staff(office, "工单 1")
    assert f"李雷（成员 {office.member()}）：怎么退款？" in thread
    assert f"张三（成员 {office.member('zhang')}）答复：这样" in thread
    assert "成员说：没解决" in thread

    office.later(days=181)
    assert office.clean_up()["ticket texts"] == 1
    assert "文字已清除" in staff(office, "工单 1")


def test_a_button_of_the_card_takes_the_ticket(office: Chat) -> None:
    office.says("人工 怎么退款？")
    card = told(office, f"app.desk.{office.member('zhang')}")[0].body["template_card"]
    for button in card["button_list"]:
        button.pop("type")
    said = office.clicks(Said("", card=card), "接单", user="zhang")
    assert said.updated
    assert "由你回复" in said.updated["sub_title_text"]
    assert desk(office).get(1).ticket.taker == office.member("zhang")


@pytest.mark.parametrize("words", ["接单", "接单 x", "回复 1", "回复 一 这样", "转给 1", "关闭 1", "工单 -1", "接单 99999999999"])
def test_wrong_words_are_told_how_to_say_it(office: Chat, words: str) -> None:
    office.says("人工 怎么退款？")
    assert "写法是" in staff(office, words)
    assert desk(office).get(1).ticket.state == "open"


def test_members_may_not_answer_and_nobody_does_in_front_of_all(office: Chat) -> None:
    office.says("人工 怎么退款？")
    assert "管理员" in office.says("回复 1 这样", user="hanmei")
    assert "请私聊我" in office.says("工单", user="boss", group=MAIN)
    assert desk(office).get(1).ticket.state == "open"


def test_a_ticket_is_not_to_be_seen_from_another_community(office: Chat) -> None:
    office.says("人工 怎么退款？", group=FAR)
    assert "没有编号为 1 的工单" in staff(office, "工单 1")
    assert "没有编号为 1 的工单" in staff(office, "回复 1 这样", user="boss")
    assert "怎么退款" in office.privately("工单 1", user="boss")  # the owner of all, alone with the bot
    assert "没有编号为 1 的工单" in office.privately("工单 1", user="zhang")
    assert "没有编号为 9" in staff(office, "工单 9")


def test_a_moderator_of_another_community_only_does_everything_in_private(office: Chat) -> None:
    office.says("你好", user="mei", name="韩梅")  # at home in the main community
    office.stores.roles.grant(office.member("mei"), "far", "moderator", seen="", once="mei")
    office.says("人工 怎么退款？", group=FAR)
    office.says("人工 蓝鲸在哪？")

    listing = office.privately("工单", user="mei")
    assert "纽约 · 等待回复的工单" in listing
    assert "蓝鲸" not in listing
    assert "怎么退款" in office.privately("工单 1", user="mei")
    assert "由你回复" in office.privately("接单 1", user="mei")
    assert "已答复李雷" in office.privately("回复 1 这样", user="mei")
    for words in ("工单 2", "接单 2", "回复 2 这样", "关闭 2 重复", "转给 2 @张三"):
        assert "它的版主和管理员" in office.privately(words, user="mei")
    for words in ("工单", "工单 1", "回复 2 这样"):
        assert "只有管理员" in office.says(words, user="mei")
        assert "只有管理员" in office.privately(words, user="lilei")
    assert "工单 编号" not in office.privately("帮助", user="mei")
    assert desk(office).get(2).ticket.state == "open"


def test_a_button_works_for_whom_it_was_sent_to_wherever_he_is_at_home(office: Chat) -> None:
    office.stores.roles.grant(office.member("zhang"), "far", "moderator", seen="", once="far")
    office.stores.roles.grant(office.member("zhang"), "main", "", seen="moderator", once="main")
    office.at("2026-03-10 23:00")  # ten in the morning in New York
    office.says("人工 怎么退款？", group=FAR)
    card = told(office, f"app.desk.{office.member('zhang')}")[0].body["template_card"]
    for button in card["button_list"]:
        button.pop("type")
    said = office.clicks(Said("", card=card), "接单", user="zhang", group="")
    assert said.updated
    assert "由你回复" in said.updated["sub_title_text"]
    denied = office.clicks(Said("", card=card), "看全部", user="lilei", group="")
    assert "怎么退款" not in str(denied.updated) + denied
    forged = {**card, "button_list": [{"text": "看全部", "key": "ticket:main:1:show"}]}
    refused = office.clicks(Said("", card=forged), "看全部", user="zhang", group="")
    assert "怎么退款" not in str(refused.updated) + refused


def test_nobody_is_mentioned_by_a_members_words_or_name(office: Chat) -> None:
    office.says("人工 大家 <@all> 怎么退款？")
    staff(office, "回复 1 这样")
    assert "<@all>" not in told(office, "hook.main.wrMAIN")[0].body["markdown"]["content"]


# Afterwards ---------------------------------------------------------------------------------------------------------------


def test_a_member_asks_again_in_the_same_ticket_and_its_clock_begins_anew(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "回复 1 在订单页点")
    office.later(hours=2)
    assert "12:30 前回复" in office.says("再问 那要等几天？")

    assert "那要等几天" in text_of(told(office, f"app.desk.{office.member('zhang')}")[-1])  # who answered before
    assert len(told(office, f"app.desk.{office.member('wang')}")) == 1
    staff(office, "回复 1 三天", user="wang")
    assert "你问的“那要等几天？”" in text_of(told(office, "hook.main.wrMAIN")[-1])
    assert len(office.stores.proposals.waiting("main")) == 2
    assert desk(office).get(1).ticket.first_response_ms < 60_000
    for _ in range(3):
        assert "谢谢" in office.says("解决了")
    assert desk(office).get(1).ticket.rate == 1
    assert counted(office, "tickets_solved") == 1
    office.says("没用")
    assert desk(office).get(1).ticket.rate == -1


def test_a_word_about_an_answer_reaches_ten_minutes_back_and_not_a_week(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "回复 1 这样")
    office.later(days=2)
    assert "哪个回答" in office.says("不对")
    assert desk(office).get(1).ticket.rate == 0
    office.says("没解决")
    assert desk(office).get(1).ticket.rate == -1
    assert counted(office, "tickets_unsolved") == 1


def test_asking_again_after_a_week_or_of_a_closed_ticket_is_a_new_one(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "回复 1 在订单页点")
    office.later(days=7)
    assert "工单 2" in office.says("再问 那要等几天？")
    staff(office, "关闭 2 重复")
    assert "工单 3" in office.says("再问 到底几天？")
    assert "随时问我" in office.says("解决了", user="hanmei")


# The clock ----------------------------------------------------------------------------------------------------------------


def test_the_ladder_reminds_then_tells_the_next_then_alarms_each_once(office: Chat) -> None:
    office.says("人工 怎么退款？")
    before = len(told(office))
    heard: list[list[str]] = []
    for _ in range(70):
        office.later(minutes=1)
        rings(office)
        rings(office)
        after = told(office)
        if len(after) > before:
            heard.append(sorted({delivery.target for delivery in after[before:]}))
            before = len(after)

    zhang, wang, boss = (f"app.desk.{office.member(user)}" for user in ("zhang", "wang", "boss"))
    assert heard == [sorted([zhang, wang]), [boss], ["hook.main.admin"]]
    assert "等了 15 分钟" in text_of(told(office, zhang)[-1])
    assert "超时" in text_of(told(office, "hook.main.admin")[-1])
    assert "退款" not in text_of(told(office, "hook.main.admin")[-1])


def test_who_took_it_is_reminded_and_an_answer_ends_the_clock(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "接单 1")
    office.later(minutes=16)
    rings(office)
    assert len(told(office, f"app.desk.{office.member('zhang')}")) == 2
    assert len(told(office, f"app.desk.{office.member('wang')}")) == 1

    staff(office, "回复 1 这样")
    office.later(hours=3)
    assert rings(office) == 0


def test_where_the_takers_shift_is_over_those_on_duty_hear_too(office: Chat) -> None:
    office.says("人工 怎么退款？")
    staff(office, "接单 1", user="boss")  # who is on no roster
    office.later(minutes=16)
    rings(office)
    assert [len(told(office, f"app.desk.{office.member(user)}")) for user in ("boss", "zhang", "wang")] == [1, 2, 2]


def test_after_hours_of_downtime_everybody_concerned_hears_once(office: Chat) -> None:
    office.says("人工 怎么退款？")
    office.later(hours=5)
    before = len(told(office))
    assert rings(office) == 1
    assert rings(office) == 0
    assert [len(told(office, f"app.desk.{office.member(user)}")) for user in ("zhang", "wang", "boss")] == [2, 2, 1]
    assert len(told(office)) == before + 4


def test_nobody_is_woken_at_night_for_what_was_missed_by_day(office: Chat) -> None:
    office.says("人工 怎么退款？")
    before = len(told(office))
    office.at("2026-03-10 23:00")
    assert rings(office) == 0
    office.at("2026-03-11 09:00")
    assert rings(office) == 1
    assert len(told(office)) == before + 4


def test_processes_that_ring_at_once_tell_once(open_chat: OpenChat, content: Path) -> None:
    chat = staffed(open_chat(content=content))
    other = open_chat(content=content, clock=chat.clock)
    for number in range(5):
        chat.says(f"人工 问题 {number}", user=f"u{number}")
    before = len(told(chat))
    chat.later(minutes=16)
    gate = Barrier(6)

    def ring_once(n: int) -> int:
        gate.wait(10)
        return rings(chat if n % 2 else other)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ring_once, range(6))) == 5
    assert len(told(chat)) == before + 10


def test_a_clock_that_goes_back_tells_nothing_twice(office: Chat) -> None:
    office.says("人工 怎么退款？")
    office.later(minutes=16)
    assert rings(office) == 1
    office.later(minutes=-10)
    assert rings(office) == 0
    office.later(minutes=10)
    assert rings(office) == 0


def test_a_roster_that_changes_meanwhile_is_followed(office: Chat, content: Path) -> None:
    office.says("人工 怎么退款？")
    longer = desk(office).plans.of("main")
    plans = type(office.live.current.duty)((type(longer)("*", longer.hours, escalation=()),))
    office.later(minutes=16)
    assert ring(office.stores, office.config, plans, office.communities, office.clock()) == 0
    assert office.stores.tickets.due(office.clock()) == []
    assert [entry.data["act"] for entry in office.log("change") if "ticket" in entry.data] == ["ticket_open"], "nothing happened to tell of"


# What goes wrong ----------------------------------------------------------------------------------------------------------


def test_a_repeat_of_a_message_does_nothing_twice(office: Chat) -> None:
    first = office.says("人工 怎么退款？", id="Q1")
    assert office.says("人工 怎么退款？", id="Q1") == first
    staff(office, "回复 1 这样", id="A1")
    staff(office, "回复 1 这样", id="A1")
    assert len(desk(office).get(1).words) == 2
    assert len(told(office, "hook.main.wrMAIN")) == 1


def test_what_a_crash_left_behind_is_done_to_its_end_and_once(office: Chat) -> None:
    # The acts were done, then the process died before the message was finished: the same message comes again.
    member, zhang = office.member(), Actor(office.member("zhang"), "张三", "moderator")
    desk(office).open(member, "怎么退款？", MAIN, once="assistant:Q1")
    assert "转给人工，工单 1" in office.says("人工 怎么退款？", id="Q1")
    assert len(desk(office).get(1).words) == 1

    desk(office).answer(1, zhang, "这样", once="assistant:A1")
    assert "已答复李雷" in staff(office, "回复 1 这样", id="A1")
    desk(office).ask_again(desk(office).get(1).ticket, "几天？", MAIN, once="assistant:Q2")
    assert "已接着问" in office.says("再问 几天？", id="Q2")
    desk(office).cancel(desk(office).get(1).ticket, once="assistant:Q3")
    assert "已取消" in office.says("取消人工", id="Q3")

    assert [row.text for row in desk(office).get(1).words] == ["怎么退款？", "这样", "几天？"]
    assert len(told(office, "hook.main.wrMAIN")) == 1
    assert len(office.stores.proposals.waiting("main")) == 1


def test_an_answer_whose_process_died_before_its_proposal_is_proposed_and_noted_by_the_next_try(office: Chat) -> None:
    office.says("人工 怎么退款？")
    office.stores.tickets.change(
        office.community.keys, 1, "answer", office.clock(), actor=office.member("zhang"), text="这样", once="assistant:A1"
    )  # fmt: skip
    for _ in range(2):
        assert "已答复李雷" in staff(office, "回复 1 这样", id="A1")

    assert [(each.question, each.answer) for each in office.stores.proposals.waiting("main")] == [("怎么退款？", "这样")]
    rows = [row for row in office.stores.audit.newest("main", 9) if row.subject == "工单 1"]
    assert [(row.act, row.before, row.after) for row in rows] == [("回复工单", "等人接", "已答复")]


def test_an_answer_that_redis_did_not_take_is_not_acknowledged_and_comes_once_with_the_next_try(office: Chat) -> None:
    office.says("人工 怎么退款？")
    with redis.Redis.from_url(office.config.redis.url.get_secret_value()) as outside:
        outside.execute_command("CLIENT", "PAUSE", "1100", "ALL")
        with pytest.raises(StorageAway):
            staff(office, "回复 1 这样", id="A1")
        outside.ping()

    def tried_again() -> bool:
        with contextlib.suppress(StorageAway):
            return "已答复" in staff(office, "回复 1 这样", id="A1")
        return False

    await_until(tried_again, 20, "the answer")
    assert len(told(office, "hook.main.wrMAIN")) == 1
    assert len(office.stores.proposals.waiting("main")) == 1


def test_an_erased_member_leaves_no_words_and_nobody_to_answer(office: Chat) -> None:
    office.says("人工 蓝鲸怎么退款？")
    number = office.member()
    assert "蓝鲸" in str(office.stores.tickets.export_user(number))
    office.erase()

    assert office.stores.tickets.export_user(number).get("main", [{}])[0].get("往来", []) == []
    assert "成员已删除数据" in staff(office, "回复 1 这样")
    assert "没有等待" in staff(office, "工单")
    assert [delivery for delivery in told(office) if "蓝鲸" in text_of(delivery)] == []
    office.later(hours=1)
    assert rings(office) == 0
    database = office.stores.database
    texts = list(database.scan("qb:*tickets:texts")) + list(database.scan("qb:*once:ticket*"))
    kept = [database.command("HGETALL" if key.endswith("texts") else "GET", key) for key in texts]
    assert kept
    assert "蓝鲸" not in str(kept)


def test_an_erased_member_takes_his_question_out_of_the_proposals(office: Chat) -> None:
    for user in ("lilei", "hanmei"):
        office.says(f"人工 {user} 怎么退款？", user=user)
    staff(office, "回复 1 这样")
    staff(office, "回复 2 这样")
    assert "lilei 怎么退款" in str(office.stores.proposals.export_user(office.member()))

    assert "已删除 1 条" in office.erase()["待采纳"]
    assert [each.question for each in office.stores.proposals.waiting("main")] == ["hanmei 怎么退款？"]


def test_where_the_only_one_on_duty_asks_himself_the_owners_hear_of_it(office: Chat) -> None:
    office.stores.leavers.leave("wang", office.clock(), is_admin=False)
    office.says("人工 怎么退款？", user="zhang")
    assert [delivery.target for delivery in told(office)] == [f"app.desk.{office.member('boss')}", "hook.main.admin"]
    staff(office, "接单 1")
    office.says("补充 急", user="zhang")
    assert "急" in text_of(told(office, f"app.desk.{office.member('boss')}")[-1])


def test_who_left_is_not_told_and_the_owners_stand_in(office: Chat) -> None:
    for user in ("zhang", "wang"):
        office.stores.leavers.leave(user, office.clock(), is_admin=False)
    office.says("人工 怎么退款？")
    assert [delivery.target for delivery in told(office)] == [f"app.desk.{office.member('boss')}", "hook.main.admin"]


def test_who_could_not_answer_is_named_by_check(office: Chat) -> None:
    assert roster_problems(office.stores, office.config, office.live.current.duty) == [
        "值班（far）：zhang 没有版主以上的角色，收到工单也不能回复。请说：角色 @zhang 版主",
        "值班（far）：wang 没有版主以上的角色，收到工单也不能回复。请说：角色 @wang 版主",
    ]
    office.stores.leavers.leave("wang", office.clock(), is_admin=False)
    assert "wang 已经离职" in roster_problems(office.stores, office.config, office.live.current.duty)[0]


def test_the_log_knows_numbers_and_no_words(office: Chat) -> None:
    office.says("人工 蓝鲸怎么退款？")
    staff(office, "回复 1 座头鲸")
    acts = [entry.data["act"] for entry in office.log("change") if "ticket" in entry.data]
    assert acts == ["ticket_open", "ticket_answer"]
    assert [entry for entry in office.log() if "鲸" in str(dict(entry.data))] == []


def test_a_median_leaves_old_answers_out(office: Chat) -> None:
    office.says("人工 怎么退款？")
    office.later(minutes=20)
    staff(office, "回复 1 这样")
    tickets, keys = office.stores.tickets, office.community.keys
    assert round((tickets.median_response(keys, office.clock() - timedelta(days=1)) or timedelta()).total_seconds() / 60) == 20
    assert tickets.median_response(keys, office.clock() + timedelta(days=1)) is None
