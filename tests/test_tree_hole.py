"""树洞 as people use it: nobody learns who spoke, nothing is shown unseen, and who may need help is told where it is."""

from __future__ import annotations

import json

import pytest
from casework import in_service
from chat import FAR, MAIN, Chat, OpenChat
from test_submissions import dump
from test_topics import begin, group_posts, to_admins

from bot.submission_desk import HELP_LINES, remind_reviewers
from handlers.privacy import export_person
from storage import keys

pytest_plugins = ("chat",)

BOX = "发起树洞 深夜树洞 | 说说心里话 | 每天 2"
WHISPER = "最近换了新工作，蓝鲸一样孤单"
AUTHOR = "user-7f3a9"


@pytest.fixture
def hole(open_chat: OpenChat) -> Chat:
    """A tree hole that is open, in a bot that keeps the texts of messages in its log."""
    chat = in_service(open_chat, keep_text=True)
    chat.stores.database.command("SET", keys.MEMBER_NEXT(), 7_654_320)  # a number that nothing else has by chance
    chat.says("你好", user=AUTHOR, name="李雷")
    begin(chat, BOX)
    return chat


def number_of(hole: Chat, text: str = WHISPER) -> int:
    """The number under which a text waits; it is drawn."""
    return next(one.number for one in hole.stores.submissions.waiting(hole.community.keys, 50) if text in one.text)


def test_what_is_said_is_reviewed_and_then_told_without_a_name(hole: Chat) -> None:
    said = hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    assert "他们看不到你是谁" in said
    assert not [post for post in group_posts(hole) if WHISPER in post]
    number = number_of(hole)
    shown = hole.as_admin(f"审稿 {number}")
    assert WHISPER in shown
    assert "没有留名" in shown
    assert "李雷" not in hole.as_admin("审稿") + shown
    assert hole.as_admin("1").startswith(f"{number} 号：等待审核 → 已通过")
    assert f"🌳 树洞 {number}：\n{WHISPER}" in group_posts(hole)[-1]
    assert any("drawn:voice" in str(delivery.body) for delivery in hole.outbox())


def test_in_a_group_it_is_refused_without_repeating_it(hole: Chat) -> None:
    said = hole.says(f"树洞 {WHISPER}", user=AUTHOR)
    assert said.startswith("树洞请私聊我说")
    assert WHISPER not in said
    assert hole.stores.submissions.count_waiting(hole.community.keys) == 0
    hole.says("树洞 你个傻逼", user=AUTHOR)  # before everybody's eyes it hides nobody
    assert hole.stores.cases.count_undecided(hole.community.keys) == 1


def test_nothing_that_is_kept_leads_from_the_words_to_who_said_them(hole: Chat) -> None:
    """Whatever the log, the audit, the outbox and the stores hold: the author's number stands nowhere with his words, their number or their mark."""
    before, member = dump(hole.stores.database), hole.member(AUTHOR)
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR, id="M77771")
    written = {key: value for key, value in dump(hole.stores.database).items() if before.get(key) != value}
    with_words = {key for key, value in written.items() if WHISPER in value}
    assert {key.rpartition(":")[2] for key in with_words} == {"submissions"}
    marks = json.loads(hole.stores.database.command("HGET", next(iter(with_words)), number_of(hole)))
    for key, value in written.items():
        leads_to_him = any(name in key + value for name in ("M77771", str(member), AUTHOR))
        leads_to_it = any(name in key + value for name in ("submission", WHISPER, marks["mark"], marks["salt"]))
        assert not (leads_to_him and leads_to_it), key
    newest = hole.log("decision")[-1]
    assert (newest.data, newest.member, newest.message) == ({"route": "（不记）"}, 0, "")
    mine = json.dumps([entry.data for entry in hole.log() if entry.member == member], ensure_ascii=False)
    assert "树洞" not in mine
    assert WHISPER not in mine
    assert not [entry for entry in hole.log("change") if entry.data.get("act") == "submit"]
    hole.as_admin(f"审稿 {number_of(hole)} 通过")
    rows = hole.stores.audit.newest("main", 10)
    assert not [row for row in rows if str(member) == row.actor or f"成员 {member}" in row.subject]
    assert not [delivery for delivery in hole.outbox() if WHISPER in str(delivery.body) and (delivery.member == member or delivery.about)]


def test_the_word_list_files_no_case_with_a_name(hole: Chat) -> None:
    assert "收下了" in hole.privately("树洞 加我微信领资料", user=AUTHOR)
    assert hole.stores.cases.count_undecided(hole.community.keys) == 0
    assert "⚠️未经同意不发广告" in hole.as_admin("审稿")
    refused = hole.privately("树洞 你个傻逼", user=AUTHOR)
    assert "触发了规则" in refused
    assert hole.stores.cases.count_undecided(hole.community.keys) == 0


def test_neither_an_export_nor_his_own_list_of_works_shows_it_but_he_may_ask_alone(hole: Chat) -> None:
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    exported = json.dumps(export_person(hole.stores, hole.member(AUTHOR)), ensure_ascii=False)
    assert WHISPER not in exported
    assert WHISPER not in hole.privately("我的投稿", user=AUTHOR)
    own = hole.privately("我的树洞", user=AUTHOR)
    assert own.startswith(f"你对树洞说过的（只有你看得到）：\n{number_of(hole)}")
    assert own.endswith(f"等待审核：{WHISPER}")
    assert WHISPER not in hole.privately("我的树洞", user="hanmei")
    assert WHISPER not in hole.says("我的树洞", user=AUTHOR)
    assert WHISPER not in hole.says("活动 1", user="hanmei")


def test_whoever_is_forgotten_takes_his_words_along(hole: Chat) -> None:
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    number = number_of(hole)
    hole.as_admin(f"审稿 {number} 通过")
    hole.erase(AUTHOR)
    assert WHISPER not in json.dumps({key: value for key, value in dump(hole.stores.database).items() if "submission" in key})
    assert f"没有编号为 {number} 的稿子" in hole.as_admin(f"审稿 {number}")


def test_an_answer_is_reviewed_as_well_and_told_with_what_it_answers(hole: Chat) -> None:
    assert "没有树洞 1" in hole.privately("树洞 回复 1 抱抱你", user="hanmei")
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    number = number_of(hole)
    assert f"没有树洞 {number}" in hole.privately(f"树洞 回复 {number} 抱抱你", user="hanmei")
    hole.as_admin(f"审稿 {number} 通过")
    assert "收下了" in hole.privately(f"树洞 回复{number}：抱抱你", user="hanmei")
    answer = number_of(hole, "抱抱你")
    assert f"（回应树洞 {number}）" in hole.as_admin(f"审稿 {answer}")
    hole.as_admin(f"审稿 {answer} 通过")
    assert f"🌳 树洞 {answer}（回应树洞 {number}）：\n抱抱你" in group_posts(hole)[-1]


def test_so_much_a_day_and_again_tomorrow(hole: Chat) -> None:
    answers = [hole.privately(f"树洞 第 {n} 句", user=AUTHOR) for n in range(3)]
    assert ["收下了" in answer for answer in answers] == [True, True, False]
    assert "今天已经说了 2 条" in answers[2]
    hole.later(days=1)
    assert "收下了" in hole.privately("树洞 第二天", user=AUTHOR)


def test_a_repeat_of_the_message_says_it_once(hole: Chat) -> None:
    first = hole.privately(f"树洞 {WHISPER}", user=AUTHOR, id="same")
    assert hole.privately(f"树洞 {WHISPER}", user=AUTHOR, id="same") == first
    assert hole.stores.submissions.count_waiting(hole.community.keys) == 1


def test_a_closed_tree_hole_takes_nothing_and_says_what_it_heard(hole: Chat) -> None:
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    hole.as_admin(f"审稿 {number_of(hole)} 通过")
    assert "一共说出了 1 条心里话" in "".join(group_posts(hole)) + hole.as_admin("活动 截止 1") + "".join(group_posts(hole))
    assert "现在没有进行中的树洞" in hole.privately("树洞 晚了", user=AUTHOR)


def test_what_is_refused_is_told_to_nobody_but_who_asks_for_it(hole: Chat) -> None:
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    queued = len(hole.outbox())
    assert "作者没有留名" in hole.as_admin(f"审稿 {number_of(hole)} 退回 太像广告")
    assert len(hole.outbox()) == queued
    assert "已退回" in hole.privately("我的树洞", user=AUTHOR)


def test_questions_about_it_are_not_kept(hole: Chat) -> None:
    for words in ("树洞 怎么用", "树洞 是匿名的吗"):
        hole.privately(words, user=AUTHOR)
    assert hole.stores.submissions.count_waiting(hole.community.keys) == 0


def test_however_it_is_written_it_is_the_tree_hole_that_hears_it_and_nobody_else(hole: Chat) -> None:
    forms = (
        "树洞{}", "树洞。{}", "树洞~{}", "树洞……{}", "匿名树洞：{}", "【树洞】{}", "#树洞 {}", "我想对树洞说 {}", "树洞\n{}", "（匿名树洞）{}", "樹洞 {}",
    )  # fmt: skip
    for n, form in enumerate(forms):
        for words in (WHISPER, "如何面对分手"):
            assert "收下了" in hole.privately(form.format(words), user=f"u{n}"), form
        assert HELP_LINES in hole.privately(form.format("怎么办 我撑不住了"), user=f"u{n}"), form
    assert {one.text for one in hole.stores.submissions.waiting(hole.community.keys, 99)} == {WHISPER, "如何面对分手", "怎么办 我撑不住了"}
    others = {hole.member(f"u{n}") for n in range(len(forms))}
    kept = str([entry.data for entry in hole.log() if entry.member in others])
    assert not [words for words in ("树洞", "樹洞", WHISPER, "分手", "撑不住") if words in kept]
    assert not hole.unanswered()


def test_what_ends_in_a_mark_stands_in_no_log_either(hole: Chat) -> None:
    for said in ("我的树洞？", "我的树洞。", "#树洞？", "树洞！"):
        hole.privately(said, user=AUTHOR)
        assert "text" not in hole.log("inbound")[-1].data, said


def test_neither_number_nor_place_in_the_list_tells_when_something_was_said(hole: Chat) -> None:
    for n in range(12):
        hole.privately(f"树洞 第 {n} 个人想说", user=f"u{n}")
    waiting = hole.stores.submissions.waiting(hole.community.keys, 20)
    listed = hole.stores.submissions.newest(hole.community.keys, 1, 20)
    for texts in ([one.text for one in sorted(waiting, key=lambda one: one.number)], [one.text for one in listed]):
        assert len(texts) == 12
        assert texts not in (sorted(texts, key=lambda text: int(text.split()[1])), sorted(texts, key=lambda text: -int(text.split()[1])))
    assert all(one.number >= 1_000 for one in waiting)


def test_with_two_tree_holes_open_the_newest_hears_and_the_other_by_its_number(hole: Chat) -> None:
    begin(hole, "发起树洞 白天树洞 | 晒太阳")
    assert "收下了" in hole.privately("树洞 今天有点难过", user=AUTHOR)
    assert "收下了" in hole.privately("树洞 1号 晚上睡不着", user=AUTHOR)
    found = {one.text: one.activity for one in hole.stores.submissions.waiting(hole.community.keys)}
    assert found == {"今天有点难过": 2, "晚上睡不着": 1}


def test_it_promises_nothing_that_would_tell_who_spoke(chat: Chat) -> None:
    for setting in ("花费 10", "奖励积分 5", "上限 1"):
        assert "树洞不能设" in chat.as_admin(f"发起树洞 深夜 | 说说 | {setting}")


def test_who_despairs_before_the_bot_alone_reads_where_help_is(hole: Chat) -> None:
    assert HELP_LINES in hole.privately("我真的不想活了", user=AUTHOR)
    assert HELP_LINES not in hole.says("我真的不想活了", user=AUTHOR)
    assert HELP_LINES not in hole.privately("周末去哪玩", user=AUTHOR)


def test_said_with_nothing_it_tells_how(hole: Chat) -> None:
    assert "例如" in hole.as_admin("发起树洞 x | 每天 很多")
    assert "写法是：树洞 今天" in hole.privately("树洞", user=AUTHOR)


def test_of_what_waits_is_told_at_two_fixed_hours_only(hole: Chat) -> None:
    hole.at("2026-03-11 08:59")
    hole.privately(f"树洞 {WHISPER}", user=AUTHOR)
    before = to_admins(hole)
    for clock in ("09:59", "10:00", "10:01", "10:59", "11:00", "18:30", "19:00"):
        hole.at(f"2026-03-11 {clock}")
        remind_reviewers(hole.stores, hole.config, hole.live.current, hole.communities, hole.clock())
    assert to_admins(hole)[len(before) :] == ["📝 有 1 篇等待审核（投稿、话题、树洞）。说“审稿”看看。"] * 2


# Help ---------------------------------------------------------------------------------------------------------------------

DESPAIR = "我真的不想活了"


def test_words_of_despair_are_not_shown_but_told_at_once_and_answered_kindly(hole: Chat) -> None:
    said = hole.privately(f"树洞 {DESPAIR}", user=AUTHOR)
    for line in ("12356", "120", "110", "谢谢你愿意说出来", "我只是一个机器人", "没有你的名字"):
        assert line in said
    [alarm] = [words for words in to_admins(hole) if "🆘" in words]
    assert DESPAIR in alarm
    assert "李雷" not in alarm
    assert f"成员 {hole.member(AUTHOR)}" not in alarm
    assert "🆘 树洞（没有留名）" in hole.as_admin("审稿")
    number = number_of(hole, DESPAIR)
    assert "不能公开" in hole.as_admin(f"审稿 {number} 通过")
    assert hole.as_admin(f"审稿 {number} 已联系") == f"{number} 号记为关心过了。谢谢你。"
    assert "关心过了" in hole.as_admin(f"审稿 {number}")  # and now nothing leads on from there
    for word in ("通过", "退回 再想想", "精华 好", "1"):
        hole.as_admin(f"审稿 {number} {word}")
    assert [one.state for one in hole.stores.submissions.many(hole.community.keys, [number])] == ["cared"]
    assert not [post for post in group_posts(hole) if DESPAIR in post and "🆘" not in post]


def test_a_repeat_of_it_alarms_once(hole: Chat) -> None:
    for _ in range(2):
        hole.privately(f"树洞 {DESPAIR}", user=AUTHOR, id="same")
    assert len([words for words in to_admins(hole) if "🆘" in words]) == 1


def test_nothing_stands_before_help(hole: Chat) -> None:
    for n in range(2):
        hole.privately(f"树洞 第 {n} 句", user=AUTHOR)  # the day's limit is reached
    despairing = ["你个傻逼，我不想活了", "怎么才能不想活", "回复 99 我也不想活了", f"{'很长' * 600}不想活了"]
    for words in despairing:
        assert HELP_LINES in hole.privately(f"树洞 {words}", user=AUTHOR), words
    assert len([said for said in to_admins(hole) if "🆘" in said]) == len(despairing)


def test_help_is_told_of_also_where_no_tree_hole_is_open(chat: Chat) -> None:
    chat.says("你好", user=AUTHOR, name="李雷")
    said = chat.privately(f"树洞 {DESPAIR}", user=AUTHOR)
    assert "12356" in said
    assert "我把原话告诉了管理员" in said
    [alarm] = [words for words in to_admins(chat) if "🆘" in words]
    assert DESPAIR in alarm


def test_nobody_is_said_to_have_heard_it_where_nobody_can_be_told(open_chat: OpenChat) -> None:
    chat = open_chat(app=False)
    chat.says("你好", user=AUTHOR, group="wrNOBODYS", name="李雷")  # a group that nobody configured
    said = chat.privately(f"树洞 {DESPAIR}", user=AUTHOR)
    assert "12356" in said
    assert "没有别人看到" in said


def test_what_only_reviewers_will_see_is_said_to_be_just_that(open_chat: OpenChat) -> None:
    chat = open_chat(app=False)
    chat.says("发起树洞 深夜 | 说", user="boss", group=FAR)
    chat.says("1", user="boss", group=FAR)
    chat.says("你好", user=AUTHOR, group=FAR)
    said = chat.privately(f"树洞 {DESPAIR}", user=AUTHOR)
    assert "🆘" not in str([delivery.body for delivery in chat.outbox()])
    assert "我把原话告诉了管理员" not in said
    assert "只留给这里的审核人员看" in said


def test_who_wants_to_be_called_gives_his_name_himself(hole: Chat) -> None:
    said = hole.privately("树洞 请联系我", user=AUTHOR)
    assert "我不能保证他们多快看到" in said
    assert "12356" in said
    [call] = [words for words in to_admins(hole) if "希望有人找他聊聊" in words]
    assert f"李雷（成员 {hole.member(AUTHOR)}）" in call
    hole.privately("树洞 请联系我", user=AUTHOR)
    assert len([words for words in to_admins(hole) if "希望有人找他聊聊" in words]) == 1
    assert MAIN not in call
