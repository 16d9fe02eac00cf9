"""案件与申诉 in the console: the same acts as in chat, seen on pages."""

from __future__ import annotations

import pytest
from casework import INSULT, OTHER, by_words_alone, quotes, settled, state, told
from chat import FAR, Chat, OpenChat
from visits import Visit, every_page, visit

pytest_plugins = ("chat",)

CASES = "/console/in/main/cases"


@pytest.fixture
def busy(open_chat: OpenChat) -> Chat:
    """A bot in service with a warned case of lilei's, a reported one, and a second moderator, lucy."""
    chat = settled(open_chat)
    chat.as_admin("角色 lucy 版主")
    chat.says(f"{INSULT}，滚")
    quotes(chat, "你这种人就该滚", "举报 @hanmei 骂人", user="lilei")
    return chat


def lucy(chat: Chat) -> Visit:
    return visit(chat, "lucy")


def test_the_queue_shows_what_waits_and_filters_by_category(busy: Chat) -> None:
    browser = visit(busy)
    page = browser.opens(CASES)
    assert "你个王八蛋" in page
    assert "你这种人就该滚" in page
    assert "你个王八蛋" not in browser.opens(f"{CASES}?category=report")
    assert "没有这一类的案件" in browser.opens(f"{CASES}?category=scam")
    assert "没有移交给你的案件" in browser.opens(f"{CASES}?show=mine")
    assert "你个王八蛋" in browser.opens(f"{CASES}?show=all")


def test_a_case_shows_why_with_the_words_pointed_out(busy: Chat) -> None:
    page = visit(busy).opens(f"{CASES}/1")
    assert "你个<mark>王八蛋</mark>，滚" in page
    assert "词库：辱骂 1.00" in page


def test_whose_words_were_quoted_is_shown_as_the_reporters_claim(busy: Chat) -> None:
    assert "举报人说是" in visit(busy).opens(CASES)
    assert "引用里看不到是谁" in visit(busy).opens(f"{CASES}/2")
    assert "引用里看不到是谁" not in visit(busy).opens(f"{CASES}/1")


def test_a_decision_is_made_on_its_page_and_the_member_told(busy: Chat) -> None:
    browser = visit(busy)
    browser.opens(f"{CASES}/2")
    page = browser.posts(f"{CASES}/2/act", act="warned", why="当众骂人")
    assert "已警告，也私下告诉他了" in page
    assert "警告，待处理 → 已警告：当众骂人" in page
    assert "案件 2" in told(busy, "hanmei")[-1]


def test_a_form_that_is_sent_twice_is_done_once(busy: Chat) -> None:
    browser = visit(busy)
    browser.opens(f"{CASES}/2")
    for _ in range(2):
        browser.posts(f"{CASES}/2/act", act="warned", once="a1b2")
    assert sum("案件 2" in words for words in told(busy, "hanmei")) == 1


def test_an_appeal_is_decided_by_another_one_and_the_page_says_so(busy: Chat) -> None:
    first = visit(busy)
    first.opens(f"{CASES}/1")
    first.posts(f"{CASES}/1/act", act="warned")
    busy.privately("申诉 1 朋友间的玩笑")
    assert "朋友间的玩笑" in first.opens(f"{CASES}/appeals")
    first.opens(f"{CASES}/1")
    refused = first.posts(f"{CASES}/1/act", act="granted", why="是玩笑")
    assert (first.status, "要由另一位来复核" in refused) == (400, True)
    second = lucy(busy)
    second.opens(f"{CASES}/1")
    assert "请写上理由" in second.posts(f"{CASES}/1/act", act="upheld")
    second.opens(f"{CASES}/1")
    assert "已私下道歉" in second.posts(f"{CASES}/1/act", act="granted", why="是玩笑")
    assert state(busy, 1) == "lifted"
    late = second.posts(f"{CASES}/1/act", act="upheld", why="再来")
    assert (second.status, "没有改动" in late) == (409, True)


def test_a_case_is_handed_over_and_merged(busy: Chat) -> None:
    busy.later(minutes=15)
    busy.says(OTHER)
    browser = visit(busy)
    browser.opens(f"{CASES}/1")
    assert "已移交" in browser.posts(f"{CASES}/1/act", act="hand", to=str(busy.member("lucy")))
    assert "你个王八蛋" in lucy(busy).opens(f"{CASES}?show=mine")
    browser.opens(f"{CASES}/3")
    assert "请写上要并入的案件编号" in browser.posts(f"{CASES}/3/act", act="merge", to="abc")
    assert "已合并" in browser.posts(f"{CASES}/3/act", act="merge", to="1")
    assert state(busy, 3) == "merged"
    assert "请选一位" in browser.posts(f"{CASES}/1/act", act="hand", to=str(busy.member("hanmei")))


def test_a_case_is_handed_to_whoever_is_offered_though_he_never_spoke_there(busy: Chat) -> None:
    busy.as_admin("角色 lucy 版主 全部")
    quotes(busy, "滚", "举报", user="hanmei", group=FAR)
    browser, there = lucy(busy), "/console/in/far/cases/1"
    page = browser.opens(there)
    assert f'<option value="{busy.member("boss")}">' in page
    assert "已移交" in browser.posts(f"{there}/act", act="hand", to=str(busy.member("boss")))


def test_who_is_reported_never_learns_by_whom_though_he_is_a_moderator(busy: Chat) -> None:
    busy.as_admin("角色 hanmei 版主")
    number = busy.member("lilei")
    page = visit(busy, "hanmei").opens(f"{CASES}/2")
    assert "你这种人就该滚" in page
    assert "举报说明" not in page
    assert f"成员 {number}" not in page
    said = busy.privately("案件 2", user="hanmei")
    assert "举报说明" not in said
    assert "举报 1 人" not in said


def test_the_report_shows_what_people_overturned(busy: Chat) -> None:
    browser = visit(busy)
    assert "还没有可以比的" in browser.opens(f"{CASES}/report")
    browser.opens(f"{CASES}/1")
    browser.posts(f"{CASES}/1/act", act="ignored", why="玩笑")
    page = browser.opens(f"{CASES}/report")
    assert "词库·辱骂" in page
    assert "1（100%）" in page


def test_the_trial_shows_what_would_have_been(open_chat: OpenChat) -> None:
    chat = by_words_alone(open_chat(dry_run=True))
    chat.says("签到")
    chat.later(days=9)
    browser = visit(chat)
    assert "还没有试运行过" in browser.opens(f"{CASES}/trial") or "一个人也不会提醒" in browser.opens(f"{CASES}/trial")
    chat.says(INSULT)
    page = browser.opens(f"{CASES}/trial")
    assert "要是开着" in page
    assert "王八蛋" in page


def test_empty_pages_teach(open_chat: OpenChat) -> None:
    chat = settled(open_chat)
    browser = visit(chat)
    assert "没有待处理的案件" in browser.opens(CASES)
    assert "还没有案件" in browser.opens(f"{CASES}?show=all")
    assert "申诉 12 理由" in browser.opens(f"{CASES}/appeals")


@pytest.mark.parametrize("path", ["/99", "/0", "/1/act"])
def test_what_does_not_exist_is_not_found(busy: Chat, path: str) -> None:
    browser = visit(busy)
    browser.opens(CASES + path)
    assert browser.status in (404, 405)


def test_pages_are_for_moderators(busy: Chat) -> None:
    busy.as_admin("角色 hanmei 观察员")
    browser = visit(busy, "hanmei")
    for path in ("", "/1", "/appeals", "/report", "/trial"):
        browser.opens(CASES + path)
        assert browser.status == 403
    assert "案件与申诉" not in browser.opens("/console/in/main/")


def test_words_of_members_are_text_on_every_page(open_chat: OpenChat) -> None:
    chat = settled(open_chat)
    chat.says(f"<script>alert(1)</script>{INSULT}")
    quotes(chat, "<img src=x onerror=alert(2)>", "举报 <b>坏</b>", user="lucy")
    chat.privately("申诉 1 <i>冤</i>")
    pages = every_page(visit(chat))
    assert {f"{CASES}/1", f"{CASES}/2", f"{CASES}/appeals", f"{CASES}/report", f"{CASES}/trial"} <= pages.keys()
    for address, page in pages.items():
        if address.startswith(CASES):
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "<b>坏" not in page
            assert "<i>冤" not in page
