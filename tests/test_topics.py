"""话题 as people use it: replies, likes, the best of them, the next week's, and a member who proposes one."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial

import pytest
from chat import ADMINS, FAR, MAIN, Chat, OpenChat

from bot.activities.desk import ActivityDesk, ring_due
from bot.permissions import Actor
from rules import contents
from rules.contents import KINDS, LEVELS
from rules.levels import level_of, rights_of

pytest_plugins = ("chat",)

TOPIC = "发起话题 你最近怎么读书？ | 说说你的办法 | 截止 3天后 | 奖励 30"


@pytest.fixture
def talk(chat: Chat) -> Chat:
    """Three who know each other, and a topic that is open."""
    for user, name in (("lilei", "李雷"), ("hanmei", "韩梅梅"), ("jim", "吉姆")):
        chat.says("你好", user=user, name=name)
    begin(chat, TOPIC)
    return chat


def begin(chat: Chat, words: str) -> None:
    preview = chat.as_admin(words)
    assert "预览" in preview, preview
    assert "开始了" in chat.as_admin("1")


def ring(chat: Chat) -> int:
    return ring_due(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())


def group_posts(chat: Chat) -> list[str]:
    return [str(d.body["markdown"]["content"]) for d in chat.outbox() if d.target.startswith("hook.main.") and "markdown" in d.body]


def to_admins(chat: Chat) -> list[str]:
    return [str(d.body["markdown"]["content"]) for d in chat.outbox() if d.target == "hook.main.admin" and "markdown" in d.body]


def told(chat: Chat, user: str) -> list[str]:
    number = chat.member(user)
    return [str(d.body["text"]["content"]) for d in chat.outbox() if d.target == f"app.desk.{number}" and "text" in d.body]


# Replies and likes --------------------------------------------------------------------------------------------------------


def test_a_topic_begins_with_its_rules_in_the_group(talk: Chat) -> None:
    [opening] = [post for post in group_posts(talk) if "话题：" in post]
    assert opening.startswith("💬 话题：你最近怎么读书？\n说说你的办法\n截止：")
    assert "最佳回复 +30 积分" in opening


def test_replies_are_numbered_and_liked(talk: Chat) -> None:
    assert talk.says("话题 每天睡前读二十页") == "记下了，你的是 1 号。大家喜欢就说：赞 1"
    assert "你的是 2 号" in talk.says("话题：边走边听书", user="hanmei")
    assert talk.says("赞 2") == "👍 2 号现在有 1 个赞。"
    assert talk.says("话题 赞 2", user="jim") == "👍 2 号现在有 2 个赞。"
    assert talk.says("给 2 号点赞", user="boss") == "👍 2 号现在有 3 个赞。"
    assert talk.says("赞2号") == "你已经赞过 2 号了，它有 3 个赞。"
    assert talk.says("赞 1") == "不能给自己点赞，看看别人的吧。"
    shown = talk.says("话题")
    assert shown.index("韩梅梅：边走边听书（赞 3）") < shown.index("李雷：每天睡前读二十页")


def test_a_repeat_of_the_message_says_the_same_and_keeps_one_reply(talk: Chat) -> None:
    first = talk.says("话题 每天睡前读二十页", id="same")
    assert talk.says("话题 每天睡前读二十页", id="same") == first
    assert talk.stores.submissions.count_shown(talk.community.keys, 1) == 1
    assert talk.says("赞 1", user="jim", id="like") == talk.says("赞 1", user="jim", id="like")


def test_each_may_say_so_much_and_no_more(talk: Chat) -> None:
    answers = [talk.says(f"话题 第 {n} 个办法") for n in range(4)]
    assert ["记下了" in answer for answer in answers] == [True, True, True, False]
    assert "每人最多 3 条" in answers[-1]


def test_taking_part_is_awarded_once(chat: Chat) -> None:
    begin(chat, "发起话题 周末去哪 | 奖励积分 5")
    assert "积分 +5" in chat.says("话题 爬山")
    assert "积分" not in chat.says("话题 看电影")
    assert chat.points() == 5


def test_what_the_word_list_warns_of_is_refused_with_the_reason_and_the_doubtful_is_looked_at_first(talk: Chat) -> None:
    refused = talk.privately("话题 你个傻逼")
    assert "触发了规则：友善交流，不辱骂他人" in refused
    assert "例如：话题" in refused
    assert talk.says("话题 加我微信领资料") == "收到（1 号），审核后大家就能看到。"
    assert "（词库提示：未经同意不发广告）" in to_admins(talk)[-1]
    assert "1 号还看不到" in talk.says("赞 1", user="jim")
    assert "⚠️未经同意不发广告" in talk.as_admin("审稿")
    assert talk.as_admin("审稿 1 通过").startswith("1 号：等待审核 → 已通过")
    assert "👍 1 号现在有 1 个赞" in talk.says("赞 1", user="jim")


def test_a_topic_that_is_reviewed_first_shows_nothing_unseen(chat: Chat) -> None:
    begin(chat, "发起话题 想对公司说的 | 先审后发")
    assert "审核后大家就能看到" in chat.says("话题 希望有个休息室")
    assert chat.stores.submissions.count_shown(chat.community.keys, 1) == 0


def test_questions_about_topics_are_no_replies(talk: Chat) -> None:
    for words in ("话题 怎么参加？", "话题是什么意思", "话题 什么时候截止"):
        talk.says(words)
    assert talk.stores.submissions.newest(talk.community.keys, 1) == []


def test_a_topic_may_be_talked_about_with_asking_words_in_it(talk: Chat) -> None:
    assert "记下了" in talk.says("话题 我很想知道大家都看什么书")


@pytest.mark.parametrize("words", ["8号那天我去了海边", "1号那天我去了海边", "99号 好"])
def test_a_number_in_front_that_names_no_running_topic_is_part_of_the_words(talk: Chat, words: str) -> None:
    assert "你的是 1 号" in talk.says(f"话题 {words}")
    found = talk.stores.submissions.find(talk.community.keys, 1)
    assert found is not None
    assert found.text == words


def test_a_question_that_is_the_reply_is_taken_and_one_about_the_topic_is_not(talk: Chat) -> None:
    for n, words in enumerate(("什么是幸福", "如何看待加班", "怎么会有人不喜欢猫")):
        assert "记下了" in talk.says(f"话题 {words}", user=f"u{n}"), words
    for words in ("有奖励吗", "截止了吗", "怎么参加", "什么时候结束", "什么意思？", "还能参加吗"):
        assert "记下了" not in talk.says(f"话题 {words}", user="jim"), words
    assert "预览" in talk.as_admin("发起话题 如何看待加班")


def test_links_and_mentions_in_names_and_texts_lead_nowhere(chat: Chat) -> None:
    chat.says("你好", user="u1", name="<@all> [红包](http://evil.example)")
    begin(chat, TOPIC)
    begin(chat, "发起征稿 写写 | x")
    chat.says("话题 [点我](http://evil.example) <@all>", user="u1")
    chat.says("投稿 [点我](http://evil.example) <@all>", user="u1")
    said = [chat.says("话题"), chat.as_admin("审稿"), chat.as_admin("审稿 2"), chat.as_admin("审稿 2 精华 好"), chat.says("精华列表")]
    said += [chat.says("我的投稿", user="u1"), chat.as_admin("活动 截止 1"), *group_posts(chat), *to_admins(chat)]
    assert any("点我］" in words for words in said)
    assert not [words for words in said if "](http" in words or "<@" in words]


def test_what_is_typed_wrongly_is_answered_with_an_example(talk: Chat) -> None:
    for words, example in (("赞 99", "赞 3"), ("话题 赞", "赞 3"), ("话题 。", "话题 我每天")):
        assert example in talk.says(words), words


def test_without_a_topic_one_hears_how_it_would_be_said(chat: Chat) -> None:
    assert "话题 我每天睡前读二十页" in chat.says("话题")


def test_with_several_topics_a_number_says_which(talk: Chat) -> None:
    begin(talk, "发起话题 周末去哪")
    assert "2号 周末去哪" in talk.says("话题")
    assert "请带上编号" in talk.says("话题 爬山")
    assert "记下了" in talk.says("话题 2号 爬山")
    assert [one.activity for one in talk.stores.submissions.of_member(talk.community.keys, talk.member())] == [2]


def test_another_community_sees_nothing_of_it(talk: Chat) -> None:
    talk.says("话题 只在主群")
    assert "现在没有正在聊的话题" in talk.says("话题", user="far", group=FAR)
    assert "没有 1 号" in talk.says("赞 1", user="far", group=FAR)


# The end ------------------------------------------------------------------------------------------------------------------


def test_the_best_reply_is_told_drawn_and_paid_once(talk: Chat) -> None:
    talk.says("话题 甲")
    talk.says("话题 乙", user="hanmei")
    for user in ("lilei", "jim"):
        talk.says("赞 2", user=user)
    talk.later(days=4)
    assert ring(talk) == 1
    ring(talk)
    [result] = [post for post in group_posts(talk) if "结束了" in post]
    assert "🏆 最佳：韩梅梅 的 2 号，2 个赞，积分 +30。" in result
    assert talk.points("hanmei") == 30
    assert any("drawn:replies" in str(delivery.body) for delivery in talk.outbox())
    assert any("你在“你最近怎么读书？”的 2 号得了最多的赞" in words for words in told(talk, "hanmei"))
    assert "没有进行中的话题" in talk.says("话题 晚了")
    assert "已经截止" in talk.says("赞 1", user="hanmei")


def test_of_replies_with_as_many_likes_the_earlier_wins_and_the_tie_is_told(talk: Chat) -> None:
    talk.says("话题 甲")
    talk.says("话题 乙", user="hanmei")
    talk.says("赞 2", user="jim")
    talk.says("赞 1", user="hanmei")
    said = talk.as_admin("活动 截止 1")
    assert "🏆 最佳：李雷 的 1 号，1 个赞（2 条并列，先说的在前），积分 +30。" in said


def test_of_many_with_as_many_likes_all_are_counted(talk: Chat) -> None:
    for n in range(8):
        talk.says(f"话题 第 {n} 种办法", user=f"u{n}")
        talk.says(f"赞 {n + 1}", user="jim")
    assert "8 条并列" in talk.as_admin("活动 截止 1")


def test_without_likes_nobody_is_the_best(talk: Chat) -> None:
    talk.says("话题 甲")
    assert "不评最佳" in talk.as_admin("活动 截止 1")
    assert talk.points() == 0


def test_a_name_and_a_text_mention_nobody(chat: Chat) -> None:
    chat.says("你好", name="<@all>")
    begin(chat, TOPIC)
    chat.says("话题 <@all> 都来看")
    chat.says("赞 1", user="jim")
    chat.as_admin("活动 截止 1")
    assert not [post for post in group_posts(chat) if "<@" in post]


def test_a_weekly_topic_makes_the_next_by_itself_and_once(chat: Chat) -> None:
    chat.at("2026-03-09 09:00")
    begin(chat, "发起话题 在读什么书 | 截止 周日20:00 | 每周 最近看的电影 / 周末去哪")
    chat.at("2026-03-15 20:01")
    ring(chat)
    ring(chat)
    _, [following, _first] = chat.stores.activities.newest(chat.community.keys)
    assert (following.title, following.state) == ("最近看的电影", "scheduled")
    zone = chat.community.zone
    assert following.opens
    assert following.closes
    assert [f"{at.astimezone(zone):%m-%d %H:%M}" for at in (following.opens, following.closes)] == ["03-16 09:00", "03-22 20:00"]
    assert following.spec["queue"] == ["周末去哪"]
    for day in ("2026-03-16 09:01", "2026-03-22 20:01", "2026-03-23 09:01", "2026-03-29 20:01"):
        chat.at(day)
        ring(chat)
    titles = [one.title for one in chat.stores.activities.newest(chat.community.keys)[1]]
    assert titles == ["周末去哪", "周末去哪", "最近看的电影", "在读什么书"]  # when no more are named the last comes again


def test_a_weekly_topic_keeps_its_hour_when_the_clocks_are_changed(chat: Chat) -> None:
    far = partial(chat.says, user="boss", group=FAR)  # New York: summer time begins on 8 March
    chat.clock.set(datetime.fromisoformat("2026-03-05T09:00:00-05:00"))
    far("发起话题 周会 | x | 开始 今晚20:00 | 截止 周六20:00 | 每周")
    far("1")
    for moment in ("2026-03-05T20:00:05-05:00", "2026-03-07T20:00:05-05:00"):
        chat.clock.set(datetime.fromisoformat(moment))
        ring(chat)
    following = chat.stores.activities.find(chat.communities.named("far").keys, 2)
    assert following
    assert following.opens == datetime.fromisoformat("2026-03-12T20:00:00-04:00")
    assert following.closes == datetime.fromisoformat("2026-03-14T20:00:00-04:00")


def test_a_weekly_topic_that_is_cancelled_is_the_last(chat: Chat) -> None:
    begin(chat, "发起话题 在读什么书 | 每周")
    chat.as_admin("活动 取消 1")
    chat.as_admin("1")
    assert chat.stores.activities.newest(chat.community.keys)[0] == 1


# Members' topics ----------------------------------------------------------------------------------------------------------


def a_regular(chat: Chat, user: str = "hanmei") -> None:
    chat.says("你好", user=user, name="韩梅梅")
    chat.as_admin("发积分 @韩梅梅 300 老朋友")


def test_who_has_not_the_level_hears_what_it_takes(chat: Chat) -> None:
    said = chat.says("发起话题 我的话题")
    assert "到「熟人」（累计 200 积分）就可以发起话题了" in said
    assert "例如：话题" in said


def test_a_members_topic_begins_at_an_operators_click(open_chat: OpenChat) -> None:
    chat = open_chat(app=True)
    a_regular(chat)
    assert "交给运营" in chat.says("发起话题 养了什么宠物 | 晒晒照片", user="hanmei")
    assert "韩梅梅 想发起话题“养了什么宠物”（活动 1）" in to_admins(chat)[-1]
    assert "现在没有正在聊的话题" in chat.says("话题")
    assert "开始了" not in chat.says("活动 开始 1", user="hanmei")
    assert click(chat, "topic:main:1:yes", "hanmei") != "开始了"  # a member's own click is none of an operator's
    assert "现在没有正在聊的话题" in chat.says("话题")
    assert click(chat, "topic:main:1:yes", "boss") == "话题“养了什么宠物”开始了。"
    assert "已经有人处理过了" in click(chat, "topic:main:1:no", "boss")
    assert "记下了" in chat.says("话题 一只猫")
    assert any("你提的话题“养了什么宠物”通过了" in words for words in told(chat, "hanmei"))


def click(chat: Chat, key: str, user: str) -> str:
    detail = {"event_key": key, "task_id": "topic@1", "card_type": "button_interaction"}
    said = chat.hears(chat._event("template_card_event", detail, user, ADMINS if user == "boss" else MAIN))
    return str((said.updated or {}).get("sub_title_text", "") or said)


def test_a_topic_that_is_not_wanted_is_told_to_who_proposed_it(chat: Chat) -> None:
    a_regular(chat)
    chat.says("发起话题 养了什么宠物", user="hanmei")
    assert click(chat, "topic:main:1:no", "boss") == "话题“养了什么宠物”没有采用。"
    assert any("没有采用" in words for words in told(chat, "hanmei"))
    assert "交给运营" in chat.says("发起话题 喜欢什么花", user="hanmei")


def test_however_an_operator_decides_who_proposed_it_is_told_once(chat: Chat) -> None:
    a_regular(chat)
    chat.privately("发起话题 周末去哪 | 说说", user="hanmei")
    for _ in range(2):
        chat.says("活动 开始 1", user="boss", group=ADMINS, id="same")
    assert sum("周末去哪”通过了" in words for words in told(chat, "hanmei")) == 1
    chat.privately("发起话题 喜欢什么花", user="hanmei")
    chat.as_admin("活动 取消 2")
    assert sum("喜欢什么花”这次没有采用" in words for words in told(chat, "hanmei")) == 1
    chat.as_admin("活动 截止 1")
    begin(chat, "发起话题 运营自己的")
    assert not [words for words in told(chat, "boss") if "你提的" in words]


def test_a_process_that_dies_behind_the_decision_still_tells_who_proposed_it(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    a_regular(chat)
    chat.says("发起话题 养了什么宠物", user="hanmei")
    desk = ActivityDesk(chat.stores, chat.live.current, chat.config, chat.community, chat.clock())
    boss = Actor(chat.member("boss"), "boss", "owner")
    with monkeypatch.context() as broken:
        broken.setattr("bot.activities.desk.tell", None)
        with pytest.raises(TypeError):
            desk.open(desk.get(1), boss, once="same")
    assert desk.open(desk.get(1), boss, once="same").outcome == "again"
    assert sum("通过了" in words for words in told(chat, "hanmei")) == 1


def test_a_proposal_in_other_words_takes_the_place_of_the_first(chat: Chat) -> None:
    a_regular(chat)
    chat.says("发起话题 周末去哪 | 说说", user="hanmei")
    assert "交给运营" in chat.says("发起话题 周末去哪 | 说说近的 | 截止 3天后", user="hanmei")
    _, [draft] = chat.stores.activities.newest(chat.community.keys)
    assert draft.spec["note"] == "说说近的"
    assert draft.closes is not None
    assert sum("想发起话题" in words for words in to_admins(chat)) == 2
    chat.as_admin("活动 开始 1")
    assert any("通过了" in words for words in told(chat, "hanmei"))


def test_one_proposal_waits_at_a_time_and_brings_no_points(chat: Chat) -> None:
    a_regular(chat)
    for setting in ("奖励 500", "奖励积分 50", "每周"):
        assert "由运营来定" in chat.says(f"发起话题 宠物 | {setting}", user="hanmei")
    chat.says("发起话题 宠物", user="hanmei")
    assert "还在等运营点头" in chat.says("发起话题 花", user="hanmei")
    assert "交给运营" in chat.says("发起话题 宠物", user="hanmei")  # the same again is the same
    assert [one.state for one in chat.stores.activities.newest(chat.community.keys)[1]] == ["draft"]
    assert "不合适的内容" in chat.says("发起话题 加我微信领资料", user="hanmei")


def test_the_right_to_propose_is_one_that_the_bot_keeps_also_where_it_was_written_in_words() -> None:
    old = "- {id: '1', name: 新芽, at: 0}\n- {id: '2', name: 熟人, at: 200, rights: [可以发起话题, 优先报名]}"
    levels = contents.parse(LEVELS, old)
    assert [level.topics for level in levels.steps] == [False, True]
    assert rights_of(levels.steps[1]) == ("可以转赠积分", "可以发起话题", "优先报名")
    assert contents.parse(LEVELS, contents.dump(LEVELS, levels)) == levels
    assert level_of(levels, 199).topics is False
    assert KINDS["levels"] is LEVELS


def test_a_setting_that_is_no_number_is_answered_with_an_example(chat: Chat) -> None:
    for words in ("发起话题 书 | 奖励 很多", "发起话题 书 | 每人 0", f"发起话题 书 | {'长' * 501}", "发起话题"):
        assert re.search("例如|写法是", chat.as_admin(words)), words
