"""The console's pages of activities, of what members wrote and of invitations: who sees what, and that each act is the one of the chat, done once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chat import FAR, Chat, OpenChat
from visits import Visit, every_page, met, visit

from bot.activities.kinds import KINDS
from rules.activities import TITLES, Activity

pytest_plugins = ("chat",)

HERE = "/console/in/main/"
POLL = "发起投票 团建去哪儿 | 爬山 | 看电影 | <script>alert(1)</script>"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


@pytest.fixture
def browser(chat: Chat) -> Visit:
    """The owner at his desk."""
    return visit(chat)


def number_of(chat: Chat, user: str) -> int:
    return chat.stores.directory.find_number(user) or 0


def state_of(chat: Chat, number: int) -> str:
    found = chat.stores.activities.find(chat.community.keys, number)
    return found.state if found else "none"


def acts(browser: Visit, number: int, act: str, *, state: str, once: str = "a") -> str:
    return browser.posts(f"{HERE}activities/{number}/act", act=act, state=state, once=once)


def test_an_activity_lives_its_life_from_the_page(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    assert "团建去哪儿" in browser.opens(f"{HERE}activities")
    page = browser.opens(f"{HERE}activities/1")
    assert "草稿" in page
    assert "<script>alert" not in page
    acts(browser, 1, "open", state="draft")
    assert state_of(chat, 1) == "open"
    assert "已开始" in acts(browser, 1, "open", state="open", once="b") or browser.status == 400, "what is open is not opened again"
    chat.says("投票 1", user="lilei")
    page = browser.opens(f"{HERE}activities/1")
    assert "爬山" in page
    drawn = re.search(r'src="([^"]+picture\.png[^"]*)"', page)
    assert drawn is not None
    picture = browser.client.get(drawn[1].replace("&amp;", "&"))
    assert picture.get_data().startswith(b"\x89PNG")
    acts(browser, 1, "close", state="open", once="c")
    assert state_of(chat, 1) == "settled"
    assert [row.act for row in chat.stores.audit.newest("main", 20) if row.act.startswith("活动")].count("活动截止") == 1


def test_what_moved_on_is_not_done_from_an_old_page(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    acts(browser, 1, "open", state="draft")
    for act in ("open", "cancel"):
        said = acts(browser, 1, act, state="draft", once="b")
        assert browser.status == 409
        assert "刚刚有人动过" in said
    assert state_of(chat, 1) == "open"


def test_a_form_that_is_posted_twice_counts_once(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    for _ in range(2):
        acts(browser, 1, "open", state="draft", once="same")
    assert len([row for row in chat.stores.audit.newest("main", 20) if row.act == "活动开始"]) == 1


def test_times_are_changed_and_wrong_ones_explained(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    said = browser.posts(f"{HERE}activities/1/times", state="draft", once="a", opens="", closes="gestern")
    assert browser.status == 400
    assert "2026-03-01T20:00" in said
    tomorrow = chat.clock().astimezone(chat.community.zone).replace(hour=20, minute=0)
    tomorrow = tomorrow.replace(year=tomorrow.year + 1)
    said = browser.posts(f"{HERE}activities/1/times", state="draft", once="far", opens="", closes="9999-12-31T23:59")
    assert "最多提前两年" in said
    browser.posts(f"{HERE}activities/1/times", state="draft", once="b", opens="", closes=f"{tomorrow:%Y-%m-%dT%H:%M}")
    found = chat.stores.activities.find(chat.community.keys, 1)
    assert found is not None
    assert found.closes is not None
    assert found.closes == tomorrow.replace(second=0, microsecond=0)


def test_those_of_another_community_are_nobodys_here(chat: Chat) -> None:
    chat.as_admin(POLL)
    chat.says("签到", user="john", name="John", group=FAR)
    chat.stores.roles.grant(chat.member("john"), "far", "operator", seen="", once="t")
    guest = visit(chat, "john")
    for path in ("activities/1", "activities/1/picture.png", "activities/1/proof.txt", "activities/1/answers.csv", "submissions/1"):
        guest.opens(f"/console/in/far/{path}")
        assert guest.status == 404, path
    assert "团建去哪儿" not in guest.opens("/console/in/far/activities")


def test_a_viewer_looks_and_does_nothing(chat: Chat) -> None:
    chat.as_admin(POLL)
    chat.says("签到", user="han", name="韩梅梅")
    chat.as_admin("角色 韩梅梅 观察员")
    browser = visit(chat, "han")
    for path in ("activities", "activities/1", "submissions/featured", "invitations"):
        browser.opens(HERE + path)
        assert browser.status == 200, path
    for path in ("submissions", "submissions/1", "activities/new", "activities/new/poll", "activities/1/answers.csv", "tickets"):
        browser.opens(HERE + path)
        assert browser.status == 403, path
    browser.opens(HERE)
    for path in (
        "activities/1/act", "activities/1/times", "activities/1/witness", "activities/new/poll", "submissions/1/review", "invitations/1", "tickets/1/act",
    ):  # fmt: skip
        assert "角色不够" in browser.posts(HERE + path, once="a", act="open", state="draft"), path
    assert state_of(chat, 1) == "draft"


def test_a_work_is_reviewed_and_its_author_told(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发起征稿 我和一本书 | 200 字以内 | 奖励 20")
    chat.as_admin("1")
    chat.says("投稿 这本书教我把问题先写下来", user="lilei")
    assert "把问题先写下来" in browser.opens(f"{HERE}submissions")
    said = browser.posts(f"{HERE}submissions/1/review", act="rejected", state="waiting", words="", once="a")
    assert browser.status == 400
    assert "请写上理由" in said
    browser.opens(f"{HERE}submissions/1")
    browser.posts(f"{HERE}submissions/1/review", act="featured", state="waiting", words="写得真诚", once="b")
    found = chat.stores.submissions.find(chat.community.keys, 1)
    assert found is not None
    assert found.state == "featured"
    assert "把问题先写下来" in browser.opens(f"{HERE}submissions/featured")
    assert any("精华" in str(delivery.body) for delivery in chat.outbox() if delivery.member == chat.member("lilei"))


def test_moderators_review_as_in_chat_and_are_led_to_the_author(chat: Chat) -> None:
    chat.as_admin("发起征稿 我和一本书 | 200 字以内")
    chat.as_admin("1")
    chat.says("投稿 这本书教我把问题先写下来", user="lilei")
    chat.says("签到", user="han", name="韩梅梅")
    chat.as_admin("角色 韩梅梅 版主")
    moderator = visit(chat, "han")
    page = moderator.opens(f"{HERE}submissions/1").partition("<main")[2]
    assert "李雷" in page
    assert "/members/" in page
    moderator.posts(f"{HERE}submissions/1/review", act="approved", state="waiting", words="")
    found = chat.stores.submissions.find(chat.community.keys, 1)
    assert found is not None
    assert found.state == "approved"


def test_the_tree_hole_names_nobody_on_any_page(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发起树洞 深夜树洞 | 说说心里话")
    chat.as_admin("1")
    chat.privately("树洞 最近压力有点大，想找人聊聊", user="lilei")
    found = chat.stores.submissions.waiting(chat.community.keys)
    assert [one.author for one in found] == [0]
    for path in ("submissions", f"submissions/{found[0].number}"):
        page = browser.opens(HERE + path)
        assert "压力有点大" in page, path
        assert "李雷" not in page.partition("<main")[2], path


def test_an_inviters_page_tells_whom_he_brought(chat: Chat, browser: Visit) -> None:
    code = chat.stores.invitations.code_of(chat.community.keys, number_of(chat, "lilei"))
    chat.says(f"邀请码 {code}", user="xin", name="<b>新朋友")
    page = browser.opens(f"{HERE}invitations/of/{number_of(chat, 'lilei')}")
    assert "李雷 邀请的人" in page
    assert "&lt;b&gt;新朋友" in page
    assert "邀请码" in page
    assert "等满天数" in page
    assert "还没有邀请过人" in browser.opens(f"{HERE}invitations/of/{number_of(chat, 'xin')}")
    browser.opens(f"{HERE}invitations/of/999999")
    assert browser.status == 404


def test_every_page_of_it_opens(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    chat.as_admin("1")
    chat.as_admin("发起征稿 我和一本书 | 200 字以内")
    chat.as_admin("1")
    chat.says("投稿 这本书教我把问题先写下来", user="lilei")
    pages = every_page(browser)
    for path in ("activities", "activities/1", "activities/2", "submissions", "submissions/1", "invitations"):
        assert any(address.partition("?")[0] == HERE + path for address in pages), path


# A new activity -----------------------------------------------------------------------------------------------------------


def made(chat: Chat, number: int) -> Activity:
    found = chat.stores.activities.find(chat.community.keys, number)
    assert found is not None
    return found


FILLED: dict[str, tuple[str, dict[str, Any]]] = {
    "poll": (
        "发起投票 去哪儿 | 爬山 | 看电影 | 多选 2 | 匿名 | 不可改",
        {"title": "去哪儿", "lines": "爬山\r\n\r\n看电影\r\n", "多选": "2", "匿名": "1", "不可改": "1"},
    ),
    "quiz": (
        "发起答题 社群常识 | 题数 5 | 每题 20秒 | 抢答 | 队伍 红队 蓝队 | 奖励 50 30 | 标题 周五答题",
        {"title": "社群常识", "标题": "周五答题", "玩法": "抢答", "题数": "5", "每题": "20秒", "队伍": "红队 蓝队", "奖励": "50 30"},
    ),
    "lottery": ("发起抽奖 周年 | 奖品 咖啡券 3 | 积分50 10 | 公证数 上证指数收盘", {"title": "周年", "lines": "咖啡券 3\n积分50 10", "公证数": "上证指数收盘"}),
    "chain": ("发起接龙 爬山 | 早上 8 点集合", {"title": "爬山", "lines": "早上 8 点集合"}),
    "topic": (
        "发起话题 怎么读书？ | 说说看 | 奖励 30 | 每人 2 | 先审后发 | 每周 电影 / 周末",
        {"title": "怎么读书？", "lines": "说说看", "奖励": "30", "每人": "2", "先审后发": "1", "每周": "1", "接下来的题目": "电影 / 周末"},
    ),
    "box": ("发起树洞 深夜 | 说说心里话 | 每天 2", {"title": "深夜", "lines": "说说心里话", "每天": "2"}),
    "survey": ("发起问卷 nps | 不公布", {"title": "nps", "不公布": "1"}),
    "contest": ("发起征稿 一本书 | 200 字以内 | 奖励 20 | 每人 3", {"title": "一本书", "lines": "200 字以内", "奖励": "20", "每人": "3"}),
}  # fmt: skip
"""Of each kind the same activity, typed in chat and filled into its form."""
COMMON: tuple[str, dict[str, Any]] = ("花费 5 | 奖励积分 2 | 上限 50 | 条件 等级 2 / 标签 新手 / 入群 7天 / 签到 3天 / 签到", {
    "花费": "5", "奖励积分": "2", "上限": "50", "level": "2", "tag": "新手", "days": "7", "check_ins": "3", "checked_in": "1",
})  # fmt: skip


@pytest.mark.parametrize("kind", TITLES)
def test_a_form_makes_what_the_chat_makes(chat: Chat, browser: Visit, kind: str) -> None:
    typed, fields = FILLED[kind]
    given = {name: value for name, value in COMMON[1].items() if name not in KINDS[kind].form.never}
    common = COMMON[0] if given == COMMON[1] else COMMON[0][COMMON[0].index("条件") :]
    chat.as_admin(f"{typed} | {common} | 截止 2026-03-20 20:00")
    form = browser.opens(f"{HERE}activities/new/{kind}").partition("<main")[2].partition("</main>")[0]
    asked = {*re.findall(r'<(?:input|textarea|select)[^>]* name="([^"]+)"', form)}
    assert asked <= {*fields, *given, "title", "lines", "opens", "closes", "csrf", "once", "全程"}, "every field is compared"
    page = browser.posts(f"{HERE}activities/new/{kind}", closes="2026-03-20T20:00", **fields, **given)
    assert "草稿存好了" in page
    by_chat, by_form = made(chat, 1), made(chat, 2)
    for name in ("kind", "title", "spec", "state", "author", "closes", "cost", "award", "most", "conditions"):
        assert getattr(by_form, name) == getattr(by_chat, name), name


def test_what_is_wrong_with_a_form_is_said_and_what_was_typed_stays(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{HERE}activities/new/poll")
    page = browser.posts(f"{HERE}activities/new/poll", title="去哪<b>儿", lines="只有一个", 上限="很多")
    assert browser.status == 400
    assert "2–20 个选项" in page
    assert 'value="去哪&lt;b&gt;儿"' in page
    assert ">只有一个</textarea>" in page
    page = browser.posts(f"{HERE}activities/new/poll", title="去哪", lines="爬山\n看电影", 上限="很多")
    assert re.search(r'name="上限"[^>]*value="很多"[^>]*aria-invalid="true"', page)
    page = browser.posts(f"{HERE}activities/new/poll", title="去哪", lines="爬山\n看电影", closes="2020-01-01T08:00")
    assert "已经过了" in page
    assert browser.status == 400
    assert "先写标题" in browser.posts(f"{HERE}activities/new/poll", title=" ", lines="爬山\n看电影")
    assert state_of(chat, 1) == "none"


def test_a_form_that_is_sent_twice_makes_one_draft(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{HERE}activities/new/chain")
    for _ in range(2):
        browser.posts(f"{HERE}activities/new/chain", title="爬山", once="same")
    browser.opens(f"{HERE}activities/new/chain")
    browser.posts(f"{HERE}activities/new/chain", title="爬山", once="")
    assert browser.status == 400, "a form without a mark could be done twice"
    assert (state_of(chat, 1), state_of(chat, 2)) == ("draft", "none")


def test_the_list_is_narrowed_to_a_kind(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    chat.as_admin("发起接龙 周六爬山")
    page = browser.opens(f"{HERE}activities?only=chain")
    assert "周六爬山" in page
    assert "团建去哪儿" not in page
    assert "没有抽奖" in browser.opens(f"{HERE}activities?only=lottery")


# What a kind shows --------------------------------------------------------------------------------------------------------


def test_operators_see_who_chose_what_unless_it_is_anonymous(chat: Chat, browser: Visit) -> None:
    chat.says("签到", user="han", name="韩梅梅")
    chat.as_admin("角色 韩梅梅 观察员")
    chat.as_admin("发起投票 去哪 | 爬山 | 看电影")
    chat.as_admin("1")
    chat.says("投票 1", user="lilei")
    chat.as_admin("发起投票 换店长 | 同意 | 反对 | 匿名")
    chat.as_admin("1")
    chat.privately("投票 2号 2", user="lilei")
    assert "李雷" in browser.opens(f"{HERE}activities/1").partition("<main")[2]
    assert "李雷" not in browser.opens(f"{HERE}activities/2").partition("<main")[2]
    guest = visit(chat, "han")
    assert "李雷" not in guest.opens(f"{HERE}activities/1").partition("<main")[2]


def test_a_lottery_shows_what_was_published_and_never_the_sealed_seed(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发起抽奖 周年 | 咖啡券 1 | 积分50 1")
    chat.as_admin("1")
    for user in ("lilei", "zhao"):
        chat.says("抽奖", user=user)
    page = browser.opens(f"{HERE}activities/1")
    live = made(chat, 1).live
    assert live["commitment"] in page
    assert live["sealed"] not in page
    browser.opens(f"{HERE}activities/1/proof.txt")
    assert browser.status == 404, "there is no proof while it runs"
    browser.opens(f"{HERE}activities/1")
    acts(browser, 1, "close", state="open")
    page = browser.opens(f"{HERE}activities/1")
    settled = made(chat, 1)
    for shown in (settled.result["seed"], settled.live["list"], "要发的奖品", "自动到账的积分"):
        assert shown in page, shown
    proof = browser.opens(f"{HERE}activities/1/proof.txt")
    assert settled.result["seed"] in proof
    assert "李雷" not in proof


def test_a_public_number_is_given_once_and_draws(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发起抽奖 周年 | 咖啡券 1 | 公证数 上证指数收盘")
    chat.as_admin("1")
    chat.says("抽奖", user="lilei")
    browser.opens(f"{HERE}activities/1")
    acts(browser, 1, "close", state="open")
    assert state_of(chat, 1) == "closed"
    assert "上证指数收盘" in browser.opens(f"{HERE}activities/1")
    assert "核对一遍" in browser.posts(f"{HERE}activities/1/witness", state="closed", witness="4011.23")
    assert state_of(chat, 1) == "closed"
    for _ in range(2):
        browser.posts(f"{HERE}activities/1/witness", state="closed", witness="4011.23", sure="1", once="same")
        browser.opens(f"{HERE}activities/1")
    assert state_of(chat, 1) == "settled"
    assert made(chat, 1).live["witnessed"] == "4011.23"


def test_a_quiz_shows_operators_the_ranking_and_the_teams(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发起答题 社群常识 | 题数 2 | 个人 | 队伍 红队 蓝队")
    chat.as_admin("1")
    chat.says("答题 红队", user="lilei")
    for _ in range(2):
        chat.says("答题 A", user="lilei")
    page = browser.opens(f"{HERE}activities/1")
    assert "第 1 名" in page
    assert "红队" in page
    assert "下一题" not in page, "where everybody answers alone there is none"


def test_answers_to_a_survey_have_no_names_and_are_safe_to_open(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发起问卷 nps")
    chat.as_admin("1")
    for user, score, why in (("lilei", "9", "=1+1 很好"), ("zhao", "3", "太吵")):
        for words in ("问卷", score, why):
            chat.privately(words, user=user)
    page = browser.opens(f"{HERE}activities/1").partition("<main")[2]
    assert "太吵" in page
    assert "李雷" not in page
    table = browser.opens(f"{HERE}activities/1/answers.csv")
    assert "太吵" in table
    assert "'=1+1" in table, "a spreadsheet takes it for no formula"
    assert "李雷" not in table
    assert browser.client.get(f"{HERE}activities/1/answers.xlsx").get_data().startswith(b"PK")
    for path in ("activities/1/answers.exe", "activities/2/answers.csv"):
        browser.opens(HERE + path)
        assert browser.status == 404, path


# Tickets ------------------------------------------------------------------------------------------------------------------


def test_a_ticket_is_taken_on_answered_and_told(chat: Chat, browser: Visit) -> None:
    chat.privately("人工 发票<b>怎么没有收到", user="lilei")
    assert "发票&lt;b&gt;怎么没有收到" in browser.opens(f"{HERE}tickets")
    browser.opens(f"{HERE}tickets/1")
    assert "已接单" in browser.posts(f"{HERE}tickets/1/act", act="take")
    assert "请写上答案" in browser.posts(f"{HERE}tickets/1/act", act="answer", answer=" ")
    browser.opens(f"{HERE}tickets/1")
    for _ in range(2):
        browser.posts(f"{HERE}tickets/1/act", act="answer", answer="今天补寄。", once="same")
        browser.opens(f"{HERE}tickets/1")
    found = chat.stores.tickets.find(chat.community.keys, 1)
    assert found is not None
    assert found.state == "answered"
    assert len([delivery for delivery in chat.outbox() if "今天补寄" in str(delivery.body)]) <= 1
    assert "已答复，这次没有改动" in browser.posts(f"{HERE}tickets/1/act", act="close", words="晚了")
    assert browser.status == 409


def test_tickets_are_for_moderators_of_their_community(chat: Chat) -> None:
    chat.privately("人工 发票怎么没有收到", user="lilei")
    chat.says("签到", user="john", name="John", group=FAR)
    chat.stores.roles.grant(chat.member("john"), "far", "moderator", seen="", once="t")
    guest = visit(chat, "john")
    assert "发票怎么" not in guest.opens("/console/in/far/tickets")
    guest.opens("/console/in/far/tickets/1")
    assert guest.status == 404
    guest.opens(f"{HERE}tickets")
    assert guest.status == 404
    chat.says("签到", user="han", name="韩梅梅")
    chat.as_admin("角色 韩梅梅 观察员")
    viewer = visit(chat, "han")
    viewer.opens(f"{HERE}tickets/1")
    assert viewer.status == 403


def test_the_overview_counts_what_waits(chat: Chat, browser: Visit) -> None:
    chat.as_admin(POLL)
    chat.as_admin("1")
    chat.privately("人工 发票怎么没有收到", user="lilei")
    page = browser.opens(HERE)
    for said in ('<span class="picture-name">进行中的活动</span><strong>1 个</strong>', "<strong>1</strong> 个工单等人回复"):
        assert said in page
