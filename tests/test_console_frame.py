"""The frame around every page: the menu by role, the search over everything, settings, groups, and notes about members."""

from __future__ import annotations

import re

import pytest
from chat import FAR, SUB, Chat, OpenChat
from visits import Visit, lively, met, visit

from bot import deliveries
from bot.profiles import mood_word
from console.navigation import GROUPS
from console.settings_pages import settings_of
from storage.moods import Mood
from storage.notes import MOST

pytest_plugins = ("chat",)

HERE = "/console/in/main/"
XSS = "<script>alert(1)</script>"
NEW_KEY = "hook-quite-new"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


@pytest.fixture
def browser(chat: Chat) -> Visit:
    """The owner at his desk."""
    return visit(chat)


def someone(chat: Chat, role: str, user: str = "lilei") -> Visit:
    """A visitor with a role in the main community."""
    chat.stores.roles.grant(chat.member(user), "main", role, seen="", once=f"{user}{role}")
    return visit(chat, user)


def menu(page: str) -> list[str]:
    """What the menu of a page offers."""
    nav = re.search(r'<nav aria-label="页面">(.*?)</nav>', page, re.DOTALL)
    assert nav
    return re.findall(r"<a [^>]*>([^<]+)</a>", nav[1])


def found(browser: Visit, words: str) -> str:
    """What the box shows for some words, without the frame."""
    browser.page = browser.client.get("/console/search", query_string={"in": "main", "q": words}, headers={"HX-Request": "true"})
    assert browser.status == 200
    return browser.page.get_data(as_text=True)


def audited(chat: Chat, community: str = "main") -> list[str]:
    return [f"{row.act} {row.subject} {row.before} → {row.after}" for row in chat.stores.audit.newest(community, 20)]


# The menu -----------------------------------------------------------------------------------------------------------------


def test_every_role_sees_the_pages_that_are_for_it(chat: Chat, browser: Visit) -> None:
    owner, viewer = menu(browser.opens(HERE)), menu(someone(chat, "viewer").opens(HERE))
    assert {"总览", "社群", "成员", "问答", "流程", "日历", "活动", "商城", "案件与申诉", "词库", "报表", "审计", "设置", "运行"} <= set(
        owner
    )
    assert "总览" in viewer
    assert not {"案件与申诉", "工单", "社群", "设置", "审计", "运行"} & set(viewer)


def test_the_pages_below_one_are_shown_while_it_is_open(browser: Visit) -> None:
    assert "未答" not in menu(browser.opens(HERE))
    page = browser.opens(f"{HERE}faq/unanswered")
    assert "未答" in menu(page)
    assert re.search(r'aria-current="page">未答<', page)
    assert not re.search(r'aria-current="page">问答<', page), "one page is open, not two"


def test_no_two_pages_have_one_key(chat: Chat) -> None:
    keys = [entry.key for entries in GROUPS.values() for one in entries for entry in (one, *one.subs) if entry.key]
    assert len(keys) == len(set(keys))


# The search ---------------------------------------------------------------------------------------------------------------


def test_one_box_finds_pages_members_answers_words_and_rules(chat: Chat, browser: Visit) -> None:
    assert 'href="/console/in/main/calendar"' in found(browser, "推送")
    assert f"members/{chat.member()}" in found(browser, "李雷")
    assert f"members/{chat.member()}" in found(browser, "lilei")
    assert "faq/edit?id=refund" in found(browser, "怎么退款")
    assert "words/edit?id=" in found(browser, "傻叉")
    assert "rules/levels" in found(browser, "等级")
    assert "没有找到" in found(browser, "什么都不是呀")
    assert "没有找到" not in found(browser, "  ")


def test_a_number_finds_what_has_it(chat: Chat) -> None:
    lively(chat)
    chat.says("人工 发票呢")
    hits = found(visit(chat), "1")
    assert "orders/1" in hits
    assert "tickets/1" in hits
    assert "members/1" in hits


def test_what_a_visitor_may_not_open_is_not_found(chat: Chat) -> None:
    lively(chat)
    chat.says("人工 发票呢")
    viewer = someone(chat, "viewer", "hanmei")
    hits = found(viewer, "1")
    assert "orders/1" in hits
    assert "tickets/1" not in hits
    assert "members?q=1" in hits, "the list is for him, the member's page is not"
    assert "rules/" not in found(viewer, "等级")
    assert viewer.client.get("/console/search?in=far&q=1").status_code == 404


def test_nothing_of_another_community_is_found(chat: Chat, browser: Visit) -> None:
    chat.says("签到", user="john", name="远方的人", group=FAR)
    assert "members/" not in found(browser, "远方的人")


def test_what_is_looked_for_is_shown_as_it_was_typed(browser: Visit) -> None:
    assert XSS not in found(browser, XSS)
    page = browser.opens("/console/search", query_string={"q": XSS})
    assert XSS not in page
    assert "&lt;script&gt;" in page


def test_a_search_costs_a_handful_of_round_trips(chat: Chat, browser: Visit) -> None:
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    found(browser, "退款")
    assert len(made) <= 9


# Notes about a member -----------------------------------------------------------------------------------------------------


def test_a_note_is_written_read_by_others_and_removed(chat: Chat, browser: Visit) -> None:
    page = f"{HERE}members/{chat.member()}"
    browser.opens(page)
    assert "备注已记下" in browser.posts(f"{page}/notes", words=f"爱读书 {XSS}", act="add")
    colleague = someone(chat, "moderator", "hanmei") if chat.says("签到", user="hanmei", name="韩梅梅") else browser
    seen = colleague.opens(page)
    assert "爱读书 &lt;script&gt;" in seen
    assert "王店长" in seen
    assert "加分、扣分" not in seen, "what operators do is not for moderators"
    assert "备注已删除" in colleague.posts(f"{page}/notes", act="remove", number="1")
    assert "爱读书" not in colleague.opens(page)
    assert [row.split(" ")[0] for row in audited(chat)][:2] == ["删除备注", "写备注"]
    assert not any("爱读书" in row for row in audited(chat)), "the audit stays when he is erased"


def test_a_note_that_is_posted_twice_is_written_once(chat: Chat, browser: Visit) -> None:
    page = f"{HERE}members/{chat.member()}"
    browser.opens(page)
    proof = browser.csrf

    for _ in range(3):
        browser.client.post(f"{page}/notes", data={"csrf": proof, "once": "same", "words": "一次", "act": "add"})
    assert [note.text for note in chat.stores.notes.of(chat.community.keys, chat.member())] == ["一次"]


def test_a_note_keeps_its_lines_and_is_written_by_its_own_act_only(chat: Chat, browser: Visit) -> None:
    page = f"{HERE}members/{chat.member()}"
    browser.opens(page)
    browser.posts(f"{page}/notes", words="  下周回访\r\n带上   新品目录 \r\n", act="add")
    browser.opens(page)
    browser.posts(f"{page}/notes", words="不该写下的", act="burn")
    assert browser.status == 400
    assert [note.text for note in chat.stores.notes.of(chat.community.keys, chat.member())] == ["下周回访\n带上 新品目录"]


def test_a_moderator_is_led_to_the_page_of_a_member_and_a_viewer_is_not(chat: Chat) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅")
    own = f'{HERE}members/{chat.member()}"'
    moderator, viewer = someone(chat, "moderator", "hanmei"), someone(chat, "viewer")
    assert own in moderator.opens(f"{HERE}members")
    assert own in found(moderator, "李雷")
    assert "加分、扣分" not in moderator.opens(own.strip('"'))
    assert "版主以上看得到" in moderator.opens(own.strip('"'))
    assert own not in viewer.opens(f"{HERE}members")
    assert own not in found(viewer, "李雷")


def test_notes_have_a_length_and_a_number(chat: Chat, browser: Visit) -> None:
    page, where = f"{HERE}members/{chat.member()}", chat.community.keys
    browser.opens(page)
    assert "太长了" in browser.posts(f"{page}/notes", words="长" * 501, act="add")
    assert "请写备注" in browser.posts(f"{page}/notes", words=" ", act="add")
    for n in range(MOST):
        chat.stores.notes.add(where, chat.member(), str(n), 1, chat.clock(), once=str(n))
    assert f"最多 {MOST} 条" in browser.posts(f"{page}/notes", words="再来一条", act="add")
    assert "已经删掉了" in browser.posts(f"{page}/notes", act="remove", number="999")


def test_notes_go_with_the_member_and_to_him(chat: Chat) -> None:
    number, where = chat.member(), chat.community.keys
    chat.stores.notes.add(where, number, "下周回访", chat.member("boss"), chat.clock(), once="a")
    assert chat.stores.notes.export_user(number)["main"][0]["备注"] == "下周回访"
    assert "1 条" in chat.erase()["备注"]
    assert chat.stores.notes.of(where, number) == []


def test_the_past_of_a_member_is_told_newest_first_by_pages(chat: Chat) -> None:
    lively(chat)
    browser, page = visit(chat), f"{HERE}members/{chat.member()}"
    assert "最近的事" in browser.opens(page)
    past = browser.opens(f"{page}/past")
    lines = re.findall(r"<time [^>]*>([0-9-]+)</time><span>(.*?)</span>", past)
    assert [day for day, _ in lines] == sorted((day for day, _ in lines), reverse=True)
    said = " ".join(text for _, text in lines)
    for what in ("兑换 咖啡兑换码", "签到", "得到勋章", "第一次发言"):
        assert what in said
    assert "orders/1" in said
    assert browser.client.get(f"{HERE}members/999/past").status_code == 404


@pytest.mark.parametrize(
    ("mood", "word"), [(None, ""), (Mood(0.9, 4), ""), (Mood(0.9, 5), "愉快"), (Mood(0.5, 9), "平静"), (Mood(0.1, 9), "低落")]
)
def test_a_mood_is_a_word_once_enough_was_heard(mood: Mood | None, word: str) -> None:
    assert mood_word(mood) == word


# Settings -----------------------------------------------------------------------------------------------------------------


def test_a_role_is_given_and_taken_as_in_chat(chat: Chat, browser: Visit) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅")
    browser.opens(f"{HERE}settings")
    assert "角色已给" in browser.posts(f"{HERE}settings/role", who="李雷", role="operator")
    assert chat.stores.roles.granted(chat.member(), "main") == "operator"
    assert audited(chat)[0].startswith("设置角色")
    guest = visit(chat, "lilei")
    assert "角色已收回" in browser.posts(f"{HERE}settings/role", who=str(chat.member()), role="member")
    assert "登录" in guest.opens(HERE), "and whatever he had open is over"
    for fields, why in (
        (("没有这个人", "viewer"), "没有找到"), (("李雷", "owner"), "请选一个角色"), (("", "viewer"), "请写是谁"), (("boss", "viewer"), "是所有者"),
    ):  # fmt: skip
        assert why in browser.posts(f"{HERE}settings/role", who=fields[0], role=fields[1])
        assert browser.status == 400


def test_nobody_gives_more_than_he_has(chat: Chat) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅")
    admin = someone(chat, "admin")
    admin.opens(f"{HERE}settings")
    assert "只能给出和收回比自己低的角色" in admin.posts(f"{HERE}settings/role", who="hanmei", role="admin")
    assert "全部社群" in admin.posts(f"{HERE}settings/role", who="hanmei", role="viewer", everywhere="1")
    assert "角色已给" in admin.posts(f"{HERE}settings/role", who="hanmei", role="viewer")


def test_roles_that_hold_everywhere_are_shown_to_who_looks_after_everything(chat: Chat, browser: Visit) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅")
    chat.stores.roles.grant(chat.member("hanmei"), "*", "viewer", seen="", once="all")
    admin = someone(chat, "admin")
    told = re.compile(r"韩梅梅</strong> <span class=\"tag\">观察员，全部社群")
    assert told.search(browser.opens(f"{HERE}settings"))
    assert not told.search(admin.opens(f"{HERE}settings"))
    assert "韩梅梅" in chat.as_admin("角色")
    assert "韩梅梅" not in chat.privately("角色", user="lilei")


def test_settings_say_what_is_in_force_and_show_no_secret(chat: Chat, browser: Visit) -> None:
    page = browser.opens(f"{HERE}settings")
    assert "随程序带来的，没有改过" in page
    assert "已设置" in page
    for community in chat.config.communities:
        for secret in (community.webhook, community.admin_webhook):
            assert not secret or secret.get_secret_value() not in page
    told = {one.path: one for _, rows in settings_of(chat.config, chat.community) for one in rows}
    assert told["communities.main.webhook"].value == "已设置"
    assert told["evidence_key"].value == "没有设置"
    assert told["retention.events_days"].value == "180"
    assert not told["retention.events_days"].is_own
    assert "far" not in str([one.value for one in told.values()]), "other communities stay unnamed"


def test_an_operator_of_one_community_sees_no_roles_and_no_configuration(chat: Chat) -> None:
    page = someone(chat, "operator").opens(f"{HERE}settings")
    assert "谁能做什么" not in page
    assert "config.yaml" not in page


# Groups -------------------------------------------------------------------------------------------------------------------


def test_groups_show_their_figures_and_what_posts_into_them(chat: Chat, browser: Visit) -> None:
    page = browser.opens(f"{HERE}groups")
    assert "有 Webhook" in page
    assert "没有 Webhook" in page
    assert "为什么可能收不到消息" in page
    assert "发得到" not in page.partition('data-testid="own"')[2].partition("</article>")[0], "whether posts arrive is not known here"
    assert "hook-main" not in page


def test_a_webhook_is_replaced_and_never_shown(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{HERE}groups")
    page = browser.posts(f"{HERE}groups/webhook", chat="wrMAIN", webhook=NEW_KEY)
    assert "Webhook 已换" in page
    assert NEW_KEY not in page
    assert "后来换过" in page
    [row] = [row for row in audited(chat) if row.startswith("换 Webhook")]
    assert NEW_KEY not in row
    assert "hook-main" not in row
    assert NEW_KEY not in browser.posts(f"{HERE}groups/webhook", chat="wrMAIN", webhook=f"{NEW_KEY} mit Leerzeichen")
    assert browser.status == 400
    assert "没有这个群" in browser.posts(f"{HERE}groups/webhook", chat="wrNOWHERE", webhook=NEW_KEY)
    assert "Webhook 已换" in browser.posts(f"{HERE}groups/webhook", chat="~admin", webhook="hook-office-new")


def test_a_group_without_a_webhook_gets_one_here_and_loses_it_here(chat: Chat, browser: Visit) -> None:
    def posts() -> bool:
        return deliveries.to_group(chat.config, "main", SUB, "早安", id="p", lane="bulk", now_ms=0) is not None

    browser.opens(f"{HERE}groups")
    assert not posts()
    page = browser.posts(f"{HERE}groups/webhook", chat=SUB, webhook=NEW_KEY)
    assert "Webhook 已放入" in page
    assert "拿走 Webhook" in page
    assert NEW_KEY not in page
    assert posts()
    assert "已经在用这个 Webhook" in browser.posts(f"{HERE}groups/webhook", chat="~admin", webhook=NEW_KEY)
    assert "Webhook 已拿走" in browser.posts(f"{HERE}groups/webhook/remove", chat=SUB)
    assert not posts()
    assert "config.yaml" in browser.posts(f"{HERE}groups/webhook/remove", chat="wrMAIN")
    assert browser.status == 400
    assert [row.split()[:2] for row in audited(chat) if "Webhook" in row] == [["拿走", "Webhook"], ["添加", "Webhook"]]
    assert NEW_KEY not in str(audited(chat))


def test_a_group_that_nobody_listed_gets_a_webhook_from_who_may_see_it(chat: Chat, browser: Visit) -> None:
    chat.says("签到", user="hanmei", group="wrSTRANGE")
    browser.opens(f"{HERE}groups")
    assert "Webhook 已放入" in browser.posts(f"{HERE}groups/webhook", chat="wrSTRANGE", unlisted="1", webhook=NEW_KEY)
    assert chat.config.has_webhook("wrSTRANGE", "wrSTRANGE")
    assert [row.act for row in chat.stores.audit.newest("wrSTRANGE", 2)] == ["添加 Webhook"]
    own = someone(chat, "admin")
    own.opens(f"{HERE}groups")
    own.posts(f"{HERE}groups/webhook/remove", chat="wrSTRANGE", unlisted="1")
    assert own.status == 403
    browser.posts(f"{HERE}groups/webhook", chat="far", unlisted="1", webhook="another-key")
    assert browser.status == 403, "a listed community has its own page"


# Rules --------------------------------------------------------------------------------------------------------------------


def test_a_published_rule_is_taken_back_on_the_spot(chat: Chat, browser: Visit) -> None:
    page = f"{HERE}rules/contributions"
    browser.opens(page)
    form = browser.form
    changed = form["text"].replace("1", "2", 1)
    assert "已发布" in browser.posts(f"{page}/save", **form | {"text": changed, "act": "publish"})
    version = browser.field("version")
    assert "已撤销" in browser.posts(f"{page}/undo", version=version)
    assert browser.form["text"].strip() == form["text"].strip()
    assert "没有改动" in browser.posts(f"{page}/undo", version="999")
    assert browser.status == 409
