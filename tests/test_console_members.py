"""The console's pages of members, points, shop, flows and challenges: who sees what, and that each act is the one of the chat, done once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest
from chat import FAR, Chat, OpenChat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from visits import Visit, every_page, lively, met, visit

from bot.communities import Communities
from bot.readers import ring_log
from rules.contents import FLOWS, is_one_of, text_of_one, to_items
from storage import keys
from storage.boards import Boards
from storage.community import CommunityKeys
from storage.connection import Database

pytest_plugins = ("chat",)

HERE = "/console/in/main/"
XSS = "<script>alert(1)</script>"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


@pytest.fixture
def browser(chat: Chat) -> Visit:
    """The owner at his desk."""
    return visit(chat)


@pytest.fixture
def guest(chat: Chat) -> Visit:
    """An operator of New York, who has nothing to do with the main community."""
    chat.says("签到", user="john", name="John", group=FAR)
    chat.stores.roles.grant(chat.member("john"), "far", "operator", seen="", once="t")
    return visit(chat, "john")


def page_of(chat: Chat, user: str = "lilei") -> str:
    return f"{HERE}members/{chat.member(user)}"


def told(chat: Chat, user: str = "lilei") -> list[str]:
    """What is on its way to a member alone."""
    number = chat.member(user)
    return [delivery.body["text"]["content"] for delivery in chat.outbox() if delivery.member == number and "text" in delivery.body]


def audited(chat: Chat) -> list[str]:
    return [f"{row.act} {row.subject} {row.before} → {row.after}" for row in chat.stores.audit.newest("main", 50)]


def calls(chat: Chat) -> dict[str, int]:
    """How often each command was sent to Redis."""
    found = chat.stores.database.command("INFO", "commandstats")
    return {name: int(n) for name, n in re.findall(r"cmdstat_(\w+):calls=(\d+)", found)}


# 成员 ----------------------------------------------------------------------------------------------------------------------


def test_members_are_listed_by_what_they_earned(chat: Chat, browser: Visit) -> None:
    chat.as_admin("发积分 @李雷 60 热心解答")
    page = browser.opens(f"{HERE}members")
    assert page.index("李雷") < page.index("王店长</span>")
    assert "常客" in page, "his level"
    assert "累计第 1" in page


def test_a_member_is_found_by_a_part_of_his_name_his_number_or_his_userid(chat: Chat, browser: Visit) -> None:
    for wanted in ("雷", "LILEI", "lilei", str(chat.member())):
        found = browser.opens(f"{HERE}members?q={wanted}")
        assert ("李雷" in found) == (wanted != "LILEI"), wanted
    assert "没有找到“无此人”" in browser.opens(f"{HERE}members?q=无此人")


def test_members_of_another_community_are_nobodys_here(chat: Chat, guest: Visit, browser: Visit) -> None:
    for browsing, path in ((guest, f"/console/in/far/members/{chat.member()}"), (browser, page_of(chat, "john"))):
        browsing.opens(path)
        assert browsing.status == 404
    assert "没有找到“李”" in guest.opens("/console/in/far/members?q=李")
    assert "没有找到“John”" in browser.opens(f"{HERE}members?q=John")
    guest.opens("/console/in/far/members")
    guest.posts(f"/console/in/far/members/{chat.member()}/points", once="a", n="5", note="x", act="give")
    assert guest.status == 404
    assert chat.points() == 5


def test_the_list_looks_at_no_more_members_than_it_shows(chat: Chat, browser: Visit) -> None:
    where, today = chat.community.keys, chat.clock().date()
    for n in range(30):
        member = chat.stores.directory.enrol(f"u{n}", name=f"路人{n}", community="main").number
        chat.stores.points.award(where, member, chat.clock(), today=today, reason="task", points=n + 1, once=f"{n}")
    before = calls(chat)
    page = browser.opens(f"{HERE}members")
    assert "下一页" in page
    assert "路人29" in page
    grown = {name: n - before.get(name, 0) for name, n in calls(chat).items()}
    assert grown.get("hgetall", 0) <= 2, "the tags of the community, and the roles"
    assert not any(grown.get(name) for name in ("scan", "keys", "hscan", "hkeys", "zscan", "smembers"))
    assert sum(grown.values()) - grown.get("getbit", 0) < 60
    assert "路人0<" in browser.opens(f"{HERE}members?page=2")


def test_a_viewer_sees_the_list_and_no_more(chat: Chat) -> None:
    chat.says("签到", user="han", name="韩梅梅")
    chat.as_admin("角色 韩梅梅 观察员")
    browser = visit(chat, "han")
    assert f"members/{chat.member()}" not in browser.opens(f"{HERE}members")
    for path in (f"members/{chat.member()}", "rules/points", "challenges/members?id=early"):
        browser.opens(HERE + path)
        assert browser.status == 403, path
    browser.opens(HERE)
    number = chat.member()
    posts = (f"members/{number}/points", f"members/{number}/tags", f"members/{number}/badges", "shop/stock", "shop/codes", "orders/1/settle",
             "flows/newcomer/member", "rules/points/save")  # fmt: skip
    for path in posts:
        assert "角色不够" in browser.posts(HERE + path, once="a", n="5", note="x", tag="x", item="sticker", text="x"), path
    assert chat.points() == 5
    for path in ("points", "shop", "orders", "flows", "flows/newcomer", "challenges"):
        browser.opens(HERE + path)
        assert browser.status == 200, path


# What operators do for a member -----------------------------------------------------------------------------------------


def test_points_are_given_once_told_and_audited(chat: Chat, browser: Visit) -> None:
    browser.opens(page_of(chat))
    csrf, once = browser.csrf, browser.field("once")
    for _ in range(2):
        assert "积分已发" in browser.posts(f"{page_of(chat)}/points", csrf=csrf, once=once, n="100", note="热心解答", act="give")
    page = browser.opens(page_of(chat))
    assert chat.points() == 105
    assert "管理员发放（王店长）" in page
    assert "热心解答" in page
    assert [line for line in audited(chat) if line.startswith("发积分")] == [f"发积分 成员 {chat.member()} 5 → 105（热心解答）"]
    heard = told(chat)
    assert sum("管理员给你发了 100 积分" in text for text in heard) == 1
    assert any("升级啦" in text for text in heard), "and of the level that they brought"


def test_of_many_clicks_at_once_one_counts(chat: Chat, browser: Visit) -> None:
    browser.opens(page_of(chat))
    csrf, path = browser.csrf, f"{page_of(chat)}/points"
    cookie = browser.client.get_cookie("console_session", path="/console")
    assert cookie

    def click(n: int) -> int:
        client = browser.app.test_client()
        client.set_cookie("console_session", cookie.value, path="/console")
        return client.post(path, data={"csrf": csrf, "once": "a", "n": "100", "note": "热心解答", "act": "give"}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(click, range(8))) == {303}
    assert chat.points() == 105
    assert sum("管理员给你发了" in text for text in told(chat)) == 1
    assert sum(line.startswith("发积分") for line in audited(chat)) == 1


def test_strange_addresses_are_answered_calmly(chat: Chat, browser: Visit) -> None:
    for path in ("members/0", "members/99999999999999999999", f"members/{'9' * 5000}", "orders/" + "9" * 5000, "flows/%00", "flows/..", "members/-1",
                 "challenges/members", "challenges/members?id=none", "rules/faq", "rules/words", "rules/flows?id=none", "points?board=x"):  # fmt: skip
        browser.opens(HERE + path)
        assert browser.status == 404, path[:60]
    for path in ("members?page=999999999", "members?page=-1", "members?q=%00", f"members?q={'长' * 500}", "members?tag=%0a", "orders?only=x&page=77",
                 f"members/{chat.member()}?page=500", "members?q=@@", "members?q=９", "shop?said=codes_added&n=" + "9" * 40):  # fmt: skip
        browser.opens(HERE + path)
        assert browser.status == 200, path[:60]


def test_points_are_taken_but_never_more_than_there_are(chat: Chat, browser: Visit) -> None:
    browser.opens(page_of(chat))
    assert "只有 5 积分" in browser.posts(f"{page_of(chat)}/points", once="a", n="6", note="更正", act="take")
    assert browser.status == 400
    assert 'value="更正"' in browser.posts(f"{page_of(chat)}/points", once="a", n="6", note="更正", act="take"), "what was typed stays"
    assert "积分已扣" in browser.posts(f"{page_of(chat)}/points", once="b", n="5", note="更正", act="take")
    assert chat.points() == 0
    assert any("管理员扣除了你 5 积分" in text for text in told(chat))


@pytest.mark.parametrize(
    ("n", "note", "problem"),
    [("20", "", "请写上理由"), ("二十", "x", "请写一个整数"), ("-5", "x", "请写一个整数"), ("0", "x", "1 到 10000"), ("10001", "x", "1 到 10000"),
     ("5", "长" * 201, "太长了")],
)  # fmt: skip
def test_what_is_wrong_with_points_is_said(chat: Chat, browser: Visit, n: str, note: str, problem: str) -> None:
    browser.opens(page_of(chat))
    assert problem in browser.posts(f"{page_of(chat)}/points", once="a", n=n, note=note, act="give")
    assert chat.points() == 5


def test_a_form_without_its_mark_or_its_proof_does_nothing(chat: Chat, browser: Visit) -> None:
    browser.opens(page_of(chat))
    browser.posts(f"{page_of(chat)}/points", once="", n="5", note="x", act="give")
    assert browser.status == 400
    browser.opens(page_of(chat))
    browser.posts(f"{page_of(chat)}/points", csrf="0" * 64, once="a", n="5", note="x", act="give")
    assert browser.status == 403
    assert chat.points() == 5


def test_tags_are_put_on_and_taken_off(chat: Chat, browser: Visit) -> None:
    browser.opens(page_of(chat))
    assert "已加上标签" in browser.posts(f"{page_of(chat)}/tags", once="a", tag="老客户，北京", act="add")
    assert chat.stores.tags.of(chat.community.keys, chat.member()) == ("老客户", "北京")
    assert "李雷" in browser.opens(f"{HERE}members?tag=北京")
    browser.opens(page_of(chat))
    assert "已去掉" in browser.posts(f"{page_of(chat)}/tags", once="b", tag="北京", act="remove")
    assert "没有人有标签“北京”" in browser.opens(f"{HERE}members?tag=北京")
    browser.opens(page_of(chat))
    assert "不能做标签" in browser.posts(f"{page_of(chat)}/tags", once="c", tag="a|b", act="add")
    assert any("标签：去北京" in line for line in audited(chat))


def test_a_badge_is_given_once_and_taken_back(chat: Chat, browser: Visit) -> None:
    browser.opens(page_of(chat))
    for _ in range(2):
        assert "已授勋" in browser.posts(f"{page_of(chat)}/badges", csrf=browser.csrf, once="a", badge="pillar", act="授勋")
    browser.opens(page_of(chat))
    assert "已经有“社群之光”" in browser.posts(f"{page_of(chat)}/badges", once="b", badge="pillar", act="授勋")
    assert sum("社群之光" in text for text in told(chat)) == 1
    assert "已收回" in browser.posts(f"{page_of(chat)}/badges", once="c", badge="pillar", act="收回勋章")
    assert "没有这枚勋章" in browser.posts(f"{page_of(chat)}/badges", once="d", badge="none", act="授勋")


def test_the_calendar_shows_the_days_of_a_month(chat: Chat) -> None:
    chat.later(days=1)
    chat.says("签到")
    chat.later(days=30)
    browser = visit(chat)  # the session of then has ended
    page = browser.opens(page_of(chat))
    assert "签到 0 天" in page
    before = browser.opens(f"{page_of(chat)}?month=2026-03")
    assert "签到 2 天" in before
    assert before.count('class="day did"') == 2
    for nonsense in ("2026-13", "9999-01", "0001-01", "x", "2026-3", "１２３４-０１"):
        assert "签到 0 天" in browser.opens(f"{page_of(chat)}?month={nonsense}"), nonsense


# 商城 ----------------------------------------------------------------------------------------------------------------------


def test_codes_are_put_in_and_never_shown(chat: Chat, browser: Visit) -> None:
    assert "0</strong><small>个码" in browser.opens(f"{HERE}shop")
    said = browser.posts(f"{HERE}shop/codes", once="a", item="coffee", codes="SECRET-1\nSECRET-2\n\nSECRET-1\n")
    assert "新加 2 个" in said
    assert "1 个以前加过" in browser.posts(f"{HERE}shop/codes", once="b", item="coffee", codes="SECRET-2\nSECRET-3")
    wrong = browser.posts(f"{HERE}shop/codes", once="c", item="coffee", codes="SECRET-4\n" + "x" * 201)
    assert "第 2 行不像兑换码" in wrong
    chat.as_admin("发积分 @李雷 200 测试")
    assert "SECRET-1" in chat.privately("兑换 咖啡兑换码")
    shown = every_page(browser)
    assert f"{HERE}orders/1" in shown
    for path, text in shown.items():
        assert "SECRET" not in text, path
    assert "SECRET" not in str(audited(chat))


def test_stock_is_changed_once_and_its_number_is_checked(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{HERE}shop")
    for _ in range(2):
        assert "库存已改" in browser.posts(f"{HERE}shop/stock", once="a", item="sticker", n="10")
    assert "库存已改" in browser.posts(f"{HERE}shop/stock", once="b", item="sticker", n="-3")
    for n in ("", "0", "一", "1.5", "--3", "99999999999"):
        assert "请写一个整数" in browser.posts(f"{HERE}shop/stock", once="c", item="sticker", n=n), n
    assert "7</strong><small>件" in browser.opens(f"{HERE}shop")
    assert "不限库存" in browser.posts(f"{HERE}shop/stock", once="d", item="makeup-card", n="1")
    browser.posts(f"{HERE}shop/stock", once="e", item="nothing", n="1")
    assert browser.status == 404


@pytest.fixture
def ordered(chat: Chat) -> Chat:
    """李雷 waits for his stickers, order 1."""
    chat.as_admin("商城 补货 群贴纸一套 5")
    chat.as_admin("发积分 @李雷 200 测试")
    chat.says("兑换 群贴纸一套")
    chat.says("1")
    assert chat.points() == 85
    return chat


def test_an_order_is_handed_over_and_its_member_told_once(ordered: Chat, browser: Visit) -> None:
    assert "1</strong> 个订单等着发货" in browser.opens(HERE)
    assert "群贴纸一套" in browser.opens(f"{HERE}orders")
    browser.opens(f"{HERE}orders/1")
    for _ in range(2):
        assert "已完成，也告诉他了" in browser.posts(f"{HERE}orders/1/settle", csrf=browser.csrf, once="a", act="done", words="顺丰 SF123")
        browser.opens(f"{HERE}orders/1")
    assert sum("已处理好。备注：顺丰 SF123" in text for text in told(ordered)) == 1
    assert "没有等待处理的订单" in browser.opens(f"{HERE}orders")
    browser.opens(HERE)
    assert "已完成，这次没有改动" in browser.posts(f"{HERE}orders/1/settle", once="b", act="refund", words="缺货")
    assert browser.status == 409
    assert ordered.points() == 85


def test_what_was_handed_over_is_refunded_from_its_page(ordered: Chat, browser: Visit) -> None:
    ordered.as_admin("订单 1 完成 顺丰 SF123")
    page = browser.opens(f"{HERE}orders/1")
    assert "库存不变" in page
    assert 'name="seen" value="done"' in page
    for _ in range(2):
        assert "已退款" in browser.posts(f"{HERE}orders/1/settle", csrf=browser.csrf, once="a", act="refund", words="坏了", seen="done")
        browser.opens(f"{HERE}orders/1")
    assert ordered.points() == 205
    assert "库存不变" not in browser.opens(f"{HERE}orders/1")
    assert sum("已退款，120 积分已退回。理由：坏了" in text for text in told(ordered)) == 1


def test_a_refund_wants_a_reason_and_gives_the_points_back(ordered: Chat, browser: Visit, guest: Visit) -> None:
    guest.opens("/console/in/far/orders/1")
    assert guest.status == 404
    guest.opens("/console/in/far/orders")
    guest.posts("/console/in/far/orders/1/settle", once="x", act="refund", words="我的")
    assert ordered.points() == 85
    browser.opens(f"{HERE}orders/1")
    assert "请写上理由" in browser.posts(f"{HERE}orders/1/settle", once="a", act="refund", words=" ")
    assert "已退款" in browser.posts(f"{HERE}orders/1/settle", once="b", act="refund", words="缺货")
    assert ordered.points() == 205
    assert any("理由：缺货" in text for text in told(ordered))
    for path in ("orders/2", "orders/0", "orders/99999999999999999999"):
        browser.opens(HERE + path)
        assert browser.status == 404


# 流程, 挑战 -----------------------------------------------------------------------------------------------------------------


def test_a_flow_is_started_and_stopped_for_somebody(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{HERE}flows/newcomer")
    assert "已为他启动" in browser.posts(f"{HERE}flows/newcomer/member", once="a", who="李雷", act="start")
    page = browser.opens(f"{HERE}flows/newcomer")
    assert "等他回答 · 群规" in page
    assert "1 人" in page
    assert "已经在里面了" in browser.posts(f"{HERE}flows/newcomer/member", once="b", who="李雷", act="start")
    assert "没有找到" in browser.posts(f"{HERE}flows/newcomer/member", once="c", who="无此人", act="start")
    assert "请写成员" in browser.posts(f"{HERE}flows/newcomer/member", once="c", who="", act="start")
    number = str(chat.member())
    stopped = browser.posts(f"{HERE}flows/newcomer/member", once="d", who=number, act="stop", back="member")
    assert "已停止，他不会" in stopped
    assert "积分怎么来的" in stopped, "back on his page"
    assert {line.split(" ")[1] for line in audited(chat) if line.startswith("流程")} == {"启动", "停止"}
    browser.opens(f"{HERE}flows/none")
    assert browser.status == 404


def test_nobody_from_elsewhere_is_led_into_a_flow(chat: Chat, guest: Visit) -> None:
    guest.opens("/console/in/far/flows/newcomer")
    assert "没有来过" in guest.posts("/console/in/far/flows/newcomer/member", once="a", who="lilei", act="start")
    assert not chat.stores.flows.of_member(chat.communities.named("far").keys, chat.member())


def test_every_problem_of_a_flow_is_named_with_its_line_and_nothing_is_published(chat: Chat, browser: Visit) -> None:
    page = browser.opens(f"{HERE}rules/flows?id=newcomer")
    assert "自我介绍" in page
    wrong = "id: newcomer\ntitle: 坏的\nsteps:\n  - goto: 没有\n  - say: 好\n    end: 完\n"
    said = browser.posts(f"{HERE}rules/flows/save", expect=browser.field("expect"), id="newcomer", text=wrong, act="publish")
    assert browser.status == 400
    assert "第 5 行" in said
    assert "坏的" in said, "what was typed stays"
    broken = "id: newcomer\ntitle: 坏的\nsteps:\n  - goto: 没有\n  - label: 甲\n    goto: 乙\n"
    said = browser.posts(f"{HERE}rules/flows/save", expect=browser.field("expect"), text=broken, act="publish")
    assert "第 4 行" in said
    assert "第 6 行" in said
    assert chat.live.current.flows.by_id["newcomer"].title == "新人任务"


def test_rules_are_checked_published_and_not_overwritten(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{HERE}rules/flows?id=newcomer")
    old = browser.field("expect")
    text = "id: hello\ntitle: 打招呼\nstart: {words: [打招呼]}\nsteps:\n  - say: 你好\n"
    assert "发布会改 1 处" in browser.posts(f"{HERE}rules/flows/save", expect=old, text=text, act="check")
    before = set(chat.live.current.flows.by_id)
    assert "hello" not in before
    for _ in range(2):
        assert "已发布" in browser.posts(f"{HERE}rules/flows/save", expect=old, text=text, act="publish"), "a second click too"
    assert set(chat.live.current.flows.by_id) == before | {"hello"}, "one flow speaks for itself only"
    assert "你好" in chat.says("打招呼")
    other = browser.posts(f"{HERE}rules/flows/save", expect=old, text=text.replace("你好", "您好"), act="publish")
    assert "刚刚被别人改过" in other
    assert any("流程 发布" in row.act for row in chat.stores.audit.newest("", 10))


def test_rules_are_for_those_who_may_in_all_communities(chat: Chat, guest: Visit) -> None:
    for kind in ("points", "flows", "shop"):
        assert "所有社群" in guest.opens(f"/console/in/far/rules/{kind}")
        assert guest.status == 403
    guest.opens("/console/in/far/flows")
    guest.posts("/console/in/far/rules/points/save", expect="1", text="{}", act="publish")
    assert guest.status == 403


def test_one_flow_written_out_is_read_back_as_itself(chat: Chat) -> None:
    items = to_items(FLOWS, (chat.config.content_path / "flows" / "newcomer.yaml").read_text(encoding="utf-8"))
    text = text_of_one(FLOWS, items["newcomer"])
    assert is_one_of(FLOWS, text)
    assert to_items(FLOWS, text) == items


# All of it --------------------------------------------------------------------------------------------------------------


def test_a_lively_community_is_told_as_it_is_and_names_are_text(open_chat: OpenChat) -> None:
    chat = lively(open_chat())
    chat.says("签到", user="evil", name=XSS)
    chat.says("参加挑战 读书笔记", user="evil")
    chat.says(f"打卡 {XSS} 第一章", user="evil")
    chat.says("新人任务", user="evil")
    browser = visit(chat)
    browser.opens(page_of(chat, "evil"))
    browser.posts(f"{page_of(chat, 'evil')}/points", once="a", n="5", note=XSS, act="give")
    pages = every_page(browser)
    assert {f"{HERE}{name}" for name in ("members", "points", "shop", "orders", "flows", "challenges", "rules/points")} <= pages.keys()
    for path, text in pages.items():
        assert XSS not in text, path
    totals = chat.stores.points.totals(chat.community.keys)
    assert f">{totals.issued}</strong>" in pages[f"{HERE}points"]
    assert totals.issued == totals.held + totals.spent + totals.lapsed
    runs = browser.opens(f"{HERE}challenges/members?id=reading")
    assert "今天读到第三章" in runs
    assert "2</strong><span>人参加" in runs
    members = [chat.member(user) for user in ("lilei", "hanmei", "boss")]
    where, today = chat.community.keys, chat.clock().astimezone(chat.community.zone).date()
    assert chat.stores.points.accounts(where, members, today) == {n: chat.stores.points.account(where, n, today) for n in members}
    users = chat.stores.directory.find_users(members)
    seen = chat.stores.roster.last_actives(where, users, today)
    assert seen == {n: chat.stores.roster.last_active(where, n, users[n], today, 30) for n in members}
    chat.erase("lilei")
    browser.opens(f"{HERE}members/{members[0]}")
    assert browser.status == 404
    assert f"members/{members[0]}" not in browser.opens(f"{HERE}orders/2"), "his orders lead to nobody"
    assert "李雷" not in str(every_page(browser))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(points=st.lists(st.integers(1, 5), max_size=12), first=st.integers(1, 14), count=st.integers(1, 5))
def test_any_part_of_a_board_has_the_ranks_of_the_whole(database: Database, points: list[int], first: int, count: int) -> None:
    where = CommunityKeys("c", 3)
    key = keys.BOARD_ALL(shard=3, community="c")
    database.command("DEL", key)
    for member, n in enumerate(points, 1):
        database.command("ZADD", key, n, member)
    size, found = Boards(database).places(where, "all", date(2026, 3, 10), first=first, count=count)
    assert size == len(points)
    assert [place.points for place in found] == sorted(points, reverse=True)[first - 1 : first - 1 + count]
    for place in found:
        assert place.points == points[place.member - 1]
        assert place.rank == sum(n > place.points for n in points) + 1


# 画像 ----------------------------------------------------------------------------------------------------------------------


def test_a_member_is_portrayed_and_it_is_said_why(chat: Chat, browser: Visit) -> None:
    assert "还没有画像" in browser.opens(page_of(chat))
    ring_log(chat.stores, chat.config, chat.live.current, Communities(chat.config, chat.stores.groups, chat.stores.shards), chat.clock())
    page = browser.opens(page_of(chat))
    assert "来了 0 天，不到 30 天" in page
    assert "还没有签到满 7 次" in page
    assert page.count('class="unknown"') == 2, "churn and influence are worked out at night"
    numbers = np.array([chat.member("lilei")], np.uint32)
    chat.stores.traits.put(chat.community.keys, numbers, {"churn": np.array([0.82]), "koc": np.array([0.0])})
    page = browser.opens(page_of(chat))
    assert "82%" in page
    assert "还没有人感谢过他" in page


def test_when_a_member_speaks_and_what_he_asks_is_read_from_the_log(chat: Chat, browser: Visit) -> None:
    chat.says("怎么退款")
    chat.says("怎么退款呀")
    page = browser.opens(f"{page_of(chat)}/habits")
    assert "10 点：3 条" in page
    assert "2 次" in page
    assert browser.client.get(f"{HERE}members/999999/habits").status_code == 404
