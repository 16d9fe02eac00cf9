"""What members and administrators say, and what they hear: whole conversations with the shipped content."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from casework import INSULT, OTHER, RUDE, in_service
from chat import ADMINS, FAR, MAIN, SUB, Chat, OpenChat, Said, settings

from handlers import discover
from rules.contents import KINDS, from_items

pytest_plugins = ("chat",)

ADVERT = "低价代充，要的来"
WELCOME = "很高兴认识你"


@pytest.fixture
def service(open_chat: OpenChat) -> Chat:
    """The bot in service, past its trial run."""
    return in_service(open_chat)


def number_in(text: str, pattern: str) -> int:
    """The number that stands at the group of ``pattern``."""
    found = re.search(pattern, text)
    assert found, f"no {pattern} in “{text}”"
    return int(found[1])


# 签到 -------------------------------------------------------------------------------------------------------------------


def test_a_check_in_earns_its_points_once_a_day(chat: Chat) -> None:
    assert "签到成功！积分 +5，现有 **5** 积分，已连续签到 1 天" in chat.says("签到")
    assert "今天已经签到过了，连续 1 天，积分 5" in chat.says("打卡")
    assert chat.points() == 5


@pytest.mark.parametrize("typed", ["签到！", "  签到 。", "QD", "我要签到", "每日签到~", "签到"])
def test_a_check_in_is_understood_however_it_is_written(chat: Chat, typed: str) -> None:
    assert "积分 +5" in chat.says(typed)


def test_a_streak_grows_by_the_day_and_brings_its_bonuses(chat: Chat) -> None:
    rewards = []
    for _ in range(7):
        rewards.append(number_in(chat.says("签到"), r"积分 \+(\d+)"))
        chat.later(days=1)
    assert rewards == [5, 5, 10, 5, 5, 5, 20]
    assert chat.points() == 55


def test_a_missed_day_begins_the_streak_anew(chat: Chat) -> None:
    chat.says("签到")
    chat.later(days=2)
    assert "已连续签到 1 天" in chat.says("签到")


def test_the_rewards_begin_anew_after_the_longest_bonus(chat: Chat) -> None:
    said = ""
    for _ in range(33):
        said = chat.says("签到")
        chat.later(days=1)
    assert "积分 +10" in said, "day 33 is the third day of the second round"
    assert "已连续签到 33 天" in said


def test_the_day_changes_at_midnight_in_shanghai(chat: Chat) -> None:
    chat.at("2026-03-10 23:59")
    assert "已连续签到 1 天" in chat.says("签到")
    chat.at("2026-03-11 00:01")
    assert "已连续签到 2 天" in chat.says("签到")
    chat.at("2026-03-11 08:01")  # midnight in UTC
    assert "今天已经签到过了" in chat.says("签到")


def test_a_community_lives_by_its_own_clock(chat: Chat) -> None:
    chat.at("2026-03-10 11:59")  # 23:59 the day before in New York, in summer time
    assert "积分 +5" in chat.says("签到", group=FAR)
    chat.at("2026-03-10 12:01")
    assert "已连续签到 2 天" in chat.says("签到", group=FAR)


def test_groups_of_one_community_share_points_and_communities_do_not(chat: Chat) -> None:
    chat.says("签到", group=MAIN)
    assert "今天已经签到过了" in chat.says("签到", group=SUB)
    assert "积分 +5" in chat.says("签到", group=FAR)


def test_points_and_their_history_are_told(chat: Chat) -> None:
    assert "还没有积分记录" in chat.says("积分明细")
    chat.says("签到")
    chat.later(days=1)
    chat.says("签到")
    assert "**10** 积分" in chat.says("我的积分")
    history = chat.says("积分明细").splitlines()[1:]
    assert history == ["• 03-11 10:00 签到 +5，余额 10", "• 03-10 10:00 签到 +5，余额 5", "到期：2027 年 3 月 31 日 10 分"]


def test_points_of_another_member_are_his_own(chat: Chat) -> None:
    chat.says("签到", user="lilei")
    assert "**0** 积分" in chat.says("我的积分", user="hanmei")


# 帮助 -------------------------------------------------------------------------------------------------------------------


def test_help_lists_every_command_of_members_and_none_of_administrators(chat: Chat) -> None:
    said = chat.says("帮助")
    mine = [route.name for route in chat.router.listed(lambda role: role == "member")]
    others = [route.name for route in chat.router.listed(lambda role: role != "member")]
    assert len(mine) > 3
    assert len(others) > 3
    assert [name for name in mine if f"**{name}**" not in said] == []
    assert [name for name in others if f"**{name}**" in said] == []


def test_help_is_short_enough_for_one_answer_in_every_channel(chat: Chat) -> None:
    chat.says("签到")
    assert len(chat.says("帮助").encode()) <= 2_048, "an app's passive answer takes no more"


def test_help_with_the_name_of_a_command_tells_all_of_its_feature(chat: Chat) -> None:
    said = chat.says("帮助 补签")
    assert "签到：" in said
    assert "补签 3月8日" in said
    assert "说“帮助”看有哪些" in chat.says("帮助 飞天")
    assert "发积分 @李雷 20" in chat.as_admin("管理帮助 发积分")
    assert "发积分" not in chat.says("帮助 发积分").partition("。")[2], "what he may not use is not explained to a member"


def test_administrators_help_lists_their_commands(chat: Chat) -> None:
    said = chat.as_admin("管理帮助")
    assert [route.name for route in chat.router.listed(lambda role: role != "member") if f"**{route.name}**" not in said] == []


@pytest.mark.parametrize("command", ["管理帮助", "数据", "案件", "处理 1 忽略"])
def test_a_member_is_refused_politely_what_is_for_administrators_and_that_is_noted(chat: Chat, command: str) -> None:
    said = chat.privately(command)
    assert "只有管理员可以用" in said
    assert chat.log("decision")[-1].data["denied"] == command.split()[0]
    assert chat.log("admin") == []


@pytest.mark.parametrize(
    "words", ["精华 在哪里看", "标签", "成员 有多少", "会员 多少钱", "奖励 什么时候发", "加分", "扣分 规则是什么", "减分", "会员"]
)
def test_a_members_everyday_words_are_a_question_and_no_administrators_command(chat: Chat, words: str) -> None:
    assert "只有管理员可以用" not in chat.says(words)
    assert "faq" in chat.log("decision")[-1].data


@pytest.mark.parametrize("words", ["精华 @李雷 写得好", "标签 @李雷 加 VIP", "成员 12", "发积分 @李雷 5 好"])
def test_a_member_who_clearly_means_an_administrators_command_is_refused(chat: Chat, words: str) -> None:
    assert "只有管理员可以用" in chat.says(words)
    assert chat.log("decision")[-1].data["denied"] == words.split()[0]


@pytest.mark.parametrize(("words", "said"), [("取消", "没有什么要取消的"), ("继续", "没有进行到一半的事")])
@pytest.mark.parametrize("flows", [True, False])
def test_who_wants_to_leave_or_go_on_where_nothing_is_open_is_told_so(chat: Chat, words: str, said: str, flows: bool) -> None:
    if not flows:
        _, present = chat.stores.content.snapshot("flows")
        chat.stores.content.put("flows", dict.fromkeys(present), "boss", chat.clock())
        chat.live.refresh()
    assert said in chat.says(words)
    assert chat.unanswered() == []


TAKE_ANYTHING = frozenset({"打卡", "人工", "补充", "再问", "发起接龙", "发起征稿", "发起树洞", "导入成员"})
"""Behind these anything may stand: it is what is asked, what is begun, or a proof."""


def test_every_command_answers_the_wrong_way_of_typing_it_with_how_it_is_written(open_chat: OpenChat) -> None:
    chat = open_chat()
    lost = []
    for route in {id(route): route for route in discover().commands.values()}.values():
        text = f"{route.name} 嗡嗡嘎嘎"
        said = chat.privately(text, user="kate") if route.role == "member" else chat.as_admin(text)
        is_useful = re.search("例如|写法|用法|怎么用|说“|直接说|想用命令", str(said))
        if not is_useful and route.name not in TAKE_ANYTHING:
            lost.append(f"{text}: {said}")
    assert lost == []


def test_a_question_that_begins_with_a_command_is_still_a_question(chat: Chat) -> None:
    assert "想用命令" not in chat.says("签到 群规是什么")
    assert chat.says("抽奖 嗡嗡嘎嘎").splitlines()[0].startswith("这个问题我还没有答案")
    assert chat.says("抽奖 嗡嗡嘎嘎").startswith("想用命令的话这样写 —— 抽奖：")
    assert chat.says("嗡嗡嘎嘎 抽奖") == chat.says("抽奖 这个嗡嗡嘎嘎吗") == ""
    assert "题库" not in chat.says("题库 嗡嗡嘎嘎")


def test_an_administrators_command_leaves_an_audit_row(chat: Chat) -> None:
    chat.as_admin("数据")
    (row,) = chat.log("admin")
    assert (row.member, row.data["act"]) == (chat.member("boss"), "数据")


def test_every_command_has_a_help_line_that_begins_with_its_name(chat: Chat) -> None:
    assert [route.name for route in chat.router.listed(lambda role: True) if not re.match(rf"{route.name}.*：.", route.help)] == []


# 问答 -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "why", "entry"),
    [
        ("怎么退款", "exact", "refund"),
        ("请问怎么退款呢？", "exact", "refund"),
        ("我要退货", "keyword", "refund"),
        ("东西坏了要怎么处理呀", "similar", "exchange"),
        ("积分啥时候过期", "similar", "points-expire"),
    ],
)
def test_a_question_is_answered_from_the_operators_answers(chat: Chat, question: str, why: str, entry: str) -> None:
    chat.says("签到")
    said = chat.says(question)
    noted = chat.log("decision")[-1].data
    assert (noted["faq"], noted["why"], noted["entry"]) == ("answer", why, entry)
    assert said == next(row.answer for row in from_items(KINDS["faq"], chat.stores.content.items("faq")) if row.id == entry)


def test_near_misses_are_offered_and_chosen_by_number(chat: Chat) -> None:
    chat.says("签到")
    offer = chat.says("发票")
    assert offer.startswith("您是想问：\n1. ")
    wanted = offer.splitlines()[1].removeprefix("1. ")
    chosen = chat.says("1")
    assert chosen == chat.says(wanted)
    assert chat.log("decision")[-2].data["faq"] == "chosen"


def test_a_number_chooses_once_from_the_latest_offer_within_ten_minutes(chat: Chat) -> None:
    chat.says("发票", user="lilei")
    assert "还没有答案" not in chat.says("2", user="lilei")
    assert chat.log("decision")[-1].data["faq"] == "chosen"
    chat.says("1", user="lilei")
    assert chat.log("decision")[-1].data["faq"] != "chosen", "an offer is used up by a choice"
    chat.says("发票", user="lilei")
    chat.later(minutes=11)
    chat.says("1", user="lilei")
    assert chat.log("decision")[-1].data["faq"] != "chosen", "an offer is too old after ten minutes"


def test_an_offer_belongs_to_its_member_and_its_chat(chat: Chat) -> None:
    chat.says("发票", user="lilei")
    for elsewhere in (chat.words("1", user="hanmei", group=MAIN), chat.words("1", user="lilei", group=SUB), chat.words("1", user="lilei")):
        chat.hears(elsewhere)
        assert chat.log("decision")[-1].data["faq"] != "chosen"
    chat.says("1", user="lilei")
    assert chat.log("decision")[-1].data["faq"] == "chosen"


def test_a_question_that_nobody_can_answer_is_kept_without_its_sender(chat: Chat) -> None:
    question = "量子纠缠的贝尔不等式是什么意思"
    assert "还没有答案" in chat.says(question, user="lilei")
    assert chat.unanswered() == [question]
    assert [entry for entry in chat.log() if "lilei" in str(entry) or question in str(entry)] == []


def test_a_greeting_is_no_question(chat: Chat) -> None:
    assert "帮助" in chat.says("你好")
    assert "还没有答案" not in chat.says("谢谢")
    assert chat.unanswered() == []


def test_unanswered_questions_go_after_a_month(chat: Chat) -> None:
    chat.says("量子纠缠的贝尔不等式是什么意思")
    chat.later(days=29)
    assert chat.clean_up()["unanswered"] == 0
    chat.later(days=2)
    assert chat.clean_up()["unanswered"] == 1
    assert chat.unanswered() == []


# 欢迎 -------------------------------------------------------------------------------------------------------------------


def test_a_newcomer_is_welcomed_in_front_of_his_first_answer_and_only_then(chat: Chat) -> None:
    first = chat.says("签到")
    assert WELCOME in first
    assert first.index(WELCOME) < first.index("签到成功")
    assert WELCOME not in chat.says("签到")
    assert WELCOME not in chat.says("签到", group=SUB), "the community has welcomed him"
    assert WELCOME in chat.says("签到", group=FAR), "another community has not"


def test_fifty_first_messages_at_once_bring_one_welcome(chat: Chat) -> None:
    with ThreadPoolExecutor(50) as pool:
        said = list(pool.map(lambda n: chat.says("我的积分", id=f"first-{n}"), range(50)))
    assert sum(WELCOME in text for text in said) == 1
    assert all("积分" in text for text in said)


def test_nobody_is_welcomed_in_the_admin_group(chat: Chat) -> None:
    assert WELCOME not in chat.as_admin("帮助")


def test_opening_the_single_chat_is_greeted_by_name_once_it_is_known(chat: Chat) -> None:
    assert "你好，新朋友！" in chat.enters(user="lilei")
    chat.says("签到", user="lilei", name="李雷")
    assert "你好，李雷！" in chat.enters(user="lilei")


# 治理 -------------------------------------------------------------------------------------------------------------------


def test_in_the_trial_run_nobody_is_warned_and_no_case_is_filed(chat: Chat) -> None:
    chat.says("签到")
    said = chat.says(INSULT)
    assert "规则" not in said
    assert chat.outbox() == []
    assert "没有待处理的案件" in chat.as_admin("案件")


def test_the_one_who_insults_is_warned_in_private_and_the_group_hears_nothing(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("签到")
    assert chat.says(INSULT) == ""
    (warning,) = chat.outbox()
    assert (warning.via, warning.member, warning.lane) == ("app", chat.member("lilei"), "now")
    text = warning.body["text"]["content"]
    assert "友善交流" in text
    assert "第 1 次提醒" in text
    assert "“主群”" in text


def test_strikes_are_counted_by_member(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    for user, words in (("lilei", INSULT), ("lilei", OTHER), ("hanmei", INSULT)):
        chat.says(words, user=user)
        chat.later(minutes=11)
    assert [number_in(d.body["text"]["content"], r"第 (\d) 次提醒") for d in chat.outbox() if d.via == "app"] == [1, 2, 1]


def test_an_insult_in_a_single_chat_is_answered_there(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("签到")
    assert "友善交流" in chat.privately(INSULT)
    assert chat.outbox() == []


def test_without_an_app_a_warning_waits_for_the_next_single_chat_and_is_said_once(open_chat: OpenChat) -> None:
    chat = in_service(open_chat, app=False)
    assert chat.says(INSULT) == ""
    assert chat.outbox() == []
    assert "友善交流" not in chat.says("签到"), "nothing private is said in the group"
    private = chat.privately("签到")
    assert "友善交流" in private
    assert "今天已经签到过了" in private
    assert "友善交流" not in chat.privately("签到")


def test_an_advert_is_left_to_people(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says("签到")
    chat.says(ADVERT)
    assert chat.outbox() == []
    assert "未经同意不发广告" in chat.as_admin("案件")


def test_harmless_words_that_look_bad_are_left_alone(open_chat: OpenChat) -> None:
    chat = open_chat(dry_run=False)
    chat.says("推荐一款傻瓜相机")
    assert "没有待处理的案件" in chat.as_admin("案件")


def test_administrators_may_quote_in_their_own_group(open_chat: OpenChat) -> None:
    chat = open_chat(dry_run=False)
    chat.as_admin(f"他说了“{INSULT}”")
    assert "没有待处理的案件" in chat.as_admin("案件")


def test_a_case_is_decided_by_words(service: Chat) -> None:
    service.says(RUDE)
    assert RUDE in service.as_admin("案件")
    assert "待处理 → 已警告。该成员现有 1 次警告" in service.as_admin("处理 1 警告")
    (warning,) = service.outbox()
    assert warning.member == service.member("lilei")
    assert "没有待处理的案件" in service.as_admin("案件")


def test_a_case_is_decided_by_a_click_and_the_card_says_so(service: Chat) -> None:
    service.says(RUDE)
    cases = service.as_admin("案件")
    assert cases.choices == ["警告", "忽略"]
    done = service.clicks(cases, "警告")
    assert done.updated
    assert done.updated["main_title"]["title"] == "案件 1"
    assert cases.card
    assert done.updated["task_id"] == cases.card["task_id"]
    assert [delivery.member for delivery in service.outbox()] == [service.member("lilei")]


def test_all_cases_are_listed_beside_the_card_of_the_oldest(service: Chat) -> None:
    for user in ("lilei", "hanmei"):
        service.says(RUDE, user=user)
    cases = service.as_admin("案件")
    assert [line[:2] for line in cases.splitlines()[1:3]] == ["1.", "2."]
    assert cases.card
    assert cases.card["main_title"]["title"].startswith("案件 1")


def test_ignoring_a_warned_case_lifts_the_strike_and_warning_it_again_counts_it_again(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    chat.says(INSULT)
    chat.later(minutes=1)
    assert "已警告 → 已忽略。该成员现有 0 次警告" in chat.as_admin("处理 1 忽略")
    assert "已忽略 → 已警告。该成员现有 1 次警告" in chat.as_admin("处理 1 警告")
    assert "已警告 → 已警告。该成员现有 1 次警告" in chat.as_admin("处理 1 警告")
    assert len(chat.outbox()) == 3, "the warning, that it was taken back, the warning again; one that stands is not sent again"
    history = [row.data for row in chat.log("admin") if row.data["act"] == "decide_case"]
    assert [(row["before"], row["after"]) for row in history] == [("warned", "ignored"), ("ignored", "warned"), ("warned", "warned")]


@pytest.mark.parametrize("typed", ["处理", "处理 1", "处理 一 警告", "处理 1 表扬"])
def test_a_decision_that_cannot_be_understood_explains_itself(service: Chat, typed: str) -> None:
    service.says(RUDE)
    assert "写法是" in service.as_admin(typed)


@pytest.mark.parametrize("number", ["99", "0", "9" * 40])
def test_a_case_that_does_not_exist_is_said_not_to(service: Chat, number: str) -> None:
    assert f"没有编号为 {number} 的案件" in service.as_admin(f"处理 {number} 警告")


def test_cases_are_not_shown_where_many_read(service: Chat) -> None:
    service.says(RUDE)
    said = service.says("案件", user="boss", group=MAIN)
    assert "请私聊我" in said
    assert RUDE not in said
    assert said.card is None
    assert RUDE in service.privately("案件", user="boss")


def test_a_member_cannot_decide_by_clicking_a_card_he_got_hold_of(service: Chat) -> None:
    service.says(RUDE)
    cases = service.as_admin("案件")
    assert service.clicks(cases, "忽略", user="lilei", group=MAIN).updated is None
    assert RUDE in service.as_admin("案件")


def test_evidence_goes_when_its_time_has_come_and_the_case_stays(service: Chat) -> None:
    service.says(RUDE)
    service.later(days=91)
    assert service.clean_up()["evidence"] == 1
    cases = service.as_admin("案件")
    assert RUDE not in cases
    assert cases.card
    assert cases.card["sub_title_text"] == "（原文已清除）"


# 数据 -------------------------------------------------------------------------------------------------------------------


def test_the_figures_of_the_day_add_up(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    members = [f"m{n:02d}" for n in range(12)]
    for user in members:
        chat.says("签到", user=user)
    chat.says("签到", user=members[0])
    for user in members[:3]:
        chat.privately("怎么退款", user=user)  # lies in another shard than the group's messages
    chat.says("量子纠缠的贝尔不等式是什么意思", user=members[1])
    chat.says("发票", user=members[2])
    chat.says(INSULT, user=members[3])
    said = chat.privately("数据", user="boss")
    assert "消息 19 条，说过话的成员 12 人（累计 12 人）" in said
    assert "签到 12 次，欢迎新人 12 位" in said
    assert "答上 3 次，给出选项 1 次，没答上 1 次（自助率 75%）" in said
    assert "待处理案件 1 件，今天警告 1 次" in said


def test_figures_are_of_the_day_and_of_the_community(chat: Chat) -> None:
    chat.says("签到", group=FAR)
    chat.says("签到")
    chat.later(days=1)
    chat.says("签到")
    assert "消息 1 条，说过话的成员 1 人" in chat.as_admin("数据")


# Communities --------------------------------------------------------------------------------------------------------------


def test_an_unlisted_group_is_answered_but_never_warned(open_chat: OpenChat) -> None:
    chat = in_service(open_chat)
    assert "积分 +5" in chat.says("签到", group="wrSTRANGER")
    chat.says(INSULT, group="wrSTRANGER")
    assert chat.outbox() == []
    assert chat.stores.groups.all().keys() == {"wrSTRANGER"}
    (case,) = chat.stores.cases.undecided(chat.communities.named("wrSTRANGER").keys)
    assert (case.evidence, case.state) == (INSULT, "open")


def test_unlisted_groups_are_communities_of_their_own_up_to_a_thousand(chat: Chat) -> None:
    chat.says("签到", group="wrONE")
    assert "积分 +5" in chat.says("签到", group="wrTWO")
    chat.stores.database.command("HSET", "qb:{meta}:groups", *[word for n in range(998) for word in (f"wrX{n}", 1)])
    assert "积分 +5" in chat.says("签到", group="wrTOOMANY")
    assert "今天已经签到过了" in chat.says("签到", group="wrTOOMANY2"), "beyond, all share one"


def test_a_single_chat_is_about_the_community_where_the_member_was_last_seen(chat: Chat) -> None:
    chat.says("签到", group=FAR)
    assert "**5** 积分" in chat.privately("我的积分")
    chat.says("我的积分", group=MAIN)
    assert "**0** 积分" in chat.privately("我的积分")


def test_a_stranger_in_a_single_chat_belongs_to_the_first_community(chat: Chat) -> None:
    assert "积分 +5" in chat.privately("签到", user="stranger")
    assert chat.points("stranger") == 5


def test_the_admin_group_speaks_for_its_community(chat: Chat) -> None:
    chat.says("签到")
    assert "**主群**" in chat.as_admin("数据")
    assert chat.stores.directory.export_user(chat.member("boss"))["所在社群"] == "main"


def test_the_app_answers_like_the_aibot(chat: Chat) -> None:
    chat.says("签到")
    assert chat.privately("我的积分", through="desk") == chat.privately("我的积分", through="assistant").replace("**", "")


# Repeats ------------------------------------------------------------------------------------------------------------------


def test_a_message_delivered_twice_gets_its_first_answer_and_counts_once(chat: Chat) -> None:
    first = chat.says("签到", id="SAME")
    chat.later(days=1)
    assert chat.says("签到", id="SAME") == first
    assert chat.points() == 5
    assert len(chat.log("inbound")) == 1


def test_a_process_whose_clock_is_behind_does_not_open_a_day_again(chat: Chat) -> None:
    chat.at("2026-03-11 00:00")
    chat.says("签到")
    chat.at("2026-03-10 23:59")
    assert "今天已经签到过了" in chat.says("签到")
    chat.at("2026-03-11 00:01")
    assert "今天已经签到过了" in chat.says("签到")
    assert chat.points() == 5


def test_the_settings_of_these_tests_name_only_what_they_need() -> None:
    assert set(settings()) == {
        "wecom",
        "admins",
        "channels",
        "communities",
        "content",
        "moderation",
        "mood",
        "log",
        "console",
        "extensions",
    }
    assert ADMINS not in settings()["communities"][0]["groups"]


def test_a_newcomer_whose_first_act_is_a_click_is_welcomed_at_his_first_words(chat: Chat) -> None:
    card = Said("x", card={"task_id": "t", "card_type": "button_interaction", "button_list": [{"text": "好", "key": "nothing:1"}]})
    chat.clicks(card, "好", user="lilei", group=MAIN)
    assert "很高兴认识你" in chat.says("签到")
    assert "很高兴认识你" not in chat.says("签到")


def test_a_card_decides_nothing_in_another_community(service: Chat) -> None:
    for group in (MAIN, FAR):
        service.says(RUDE, group=group)
    service.says("你好", user="boss", group=MAIN)
    cases = service.privately("案件", user="boss")
    service.says("你好", user="boss", group=FAR)
    assert service.clicks(cases, "警告", user="boss", group="").updated is None
    assert "1." in service.privately("案件", user="boss"), "the other community's case is open still"


def test_marks_alone_ask_for_help_and_marks_behind_a_command_are_no_words_of_it(service: Chat) -> None:
    assert "签到" in service.says("？")
    service.says(RUDE)
    assert "已忽略" in service.as_admin("处理 1 忽略。")
