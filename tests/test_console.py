"""The console's doors and pages: who is let in, who is kept out, and what a page does with what strangers and operators write."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from chat import FAR, MAIN, Chat, OpenChat
from visits import MAIN_PAGE, Visit, code_of, met, new_web, visit, web

from bot.leavers import note_left
from console.doors import csrf_of

pytest_plugins = ("chat",)

FAQ = "/console/in/main/faq"
XSS = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def save(browser: Visit, **fields: str) -> str:
    """Fills in the form of an entry that is open and saves it."""
    return browser.posts(f"{FAQ}/save", **browser.form | fields)


# The login link -----------------------------------------------------------------------------------------------------------


def test_an_owner_logs_in_by_a_link(chat: Chat) -> None:
    browser = visit(chat)
    assert "主群" in browser.opens("/console/")
    assert browser.page
    assert browser.page.request.path == "/console/", "he looks after two communities"
    assert "王店长" in browser.opens(MAIN_PAGE)
    assert "登录控制台" in browser.opens("/console/in/main/audit")


def test_a_link_is_told_to_those_with_a_role_and_in_private_only(chat: Chat) -> None:
    assert "只有管理员" in chat.privately("控制台")
    assert "请私聊我" in chat.says("控制台", user="boss", group=MAIN)
    said = chat.as_admin("控制台")
    assert "http://127.0.0.1:8080/console/login#" in said
    assert "public_url" in said, "it says that others cannot open it"


def test_the_code_can_be_typed_however_it_is_written(chat: Chat) -> None:
    code = code_of(chat)
    assert "总览" in Visit.of(web(chat)).logs_in(f" {code.lower().replace('-', ' ')} ")


def test_a_link_works_once(chat: Chat) -> None:
    code, app = code_of(chat), web(chat)
    assert "总览" in Visit.of(app).logs_in(code)
    second = Visit.of(app)
    assert "用过了" in second.logs_in(code)
    assert second.status == 403


def test_a_link_works_for_five_minutes(chat: Chat) -> None:
    code, app = code_of(chat), web(chat)
    chat.later(minutes=5, seconds=1)
    assert "超过 5 分钟" in Visit.of(app).logs_in(code)


def test_what_opens_the_door_is_kept_as_a_digest_and_told_to_no_log(open_chat: OpenChat) -> None:
    chat = open_chat(keep_text=True)
    code = code_of(chat)
    assert "控制台登录链接" not in str([entry.data for entry in chat.log()])
    [key] = chat.stores.database.scan("qb:{console}:*")
    assert code.replace("-", "") not in key + chat.stores.database.command("GET", key)
    browser = Visit.of(web(chat))
    browser.logs_in(code)
    cookie = browser.client.get_cookie("console_session", path="/console")
    assert cookie
    [key] = chat.stores.database.scan("qb:{console}:*")
    assert cookie.value.split(".")[1] not in str(chat.stores.database.command("HGETALL", key))


def test_who_lost_his_role_cannot_use_his_link(chat: Chat) -> None:
    chat.as_admin("角色 李雷 观察员")
    code, app = code_of(chat, "lilei", group=""), web(chat)
    chat.as_admin("角色 李雷 无")
    assert "登录码不对" in Visit.of(app).logs_in(code)


def test_ten_thousand_guesses_are_stopped(chat: Chat) -> None:
    app = web(chat)
    guesser = Visit.of(app)
    guesser.opens("/console/login")
    tried = {guesser.client.post("/console/login", data={"csrf": guesser.csrf, "code": f"{n:016d}"}).status_code for n in range(10)}
    assert tried == {403}
    for n in range(10, 60):
        answer = guesser.client.post("/console/login", data={"csrf": guesser.csrf, "code": f"{n:016d}"})
        assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "总览" in visit(chat, app=web_from(chat, "10.1.2.3")).opens("/console/"), "others are not kept out"


def web_from(chat: Chat, address: str) -> object:
    """The application as a visitor from another address finds it."""
    app = new_web(chat)
    inner = app.wsgi_app
    app.wsgi_app = lambda environ, start: inner(environ | {"REMOTE_ADDR": address}, start)  # type: ignore[method-assign]
    return app


def test_guesses_from_many_addresses_are_stopped_together(chat: Chat) -> None:
    guesser = Visit.of(web(chat))
    guesser.opens("/console/login")
    codes = [
        guesser.client.post(
            "/console/login", data={"csrf": guesser.csrf}, environ_base={"REMOTE_ADDR": f"10.0.{n // 250}.{n % 250}"}
        ).status_code
        for n in range(210)
    ]
    assert codes[:200] == [403] * 200
    assert codes[-1] == 429
    assert "总览" in visit(chat, app=web_from(chat, "10.9.9.9")).opens("/console/"), "whoever has a code is not kept out"


def test_nobody_makes_anothers_browser_log_in_as_him(chat: Chat) -> None:
    code, victim = code_of(chat), Visit.of(web(chat))
    answer = victim.client.post("/console/login", data={"code": code})
    assert answer.status_code == 403
    fresh = Visit.of(victim.app)  # the refusal's page gave the first one its cookie
    answer = fresh.client.post("/console/login", data={"code": code, "csrf": csrf_of("")})
    assert answer.status_code == 403, "nor with the proof that fits no cookie at all"
    assert "总览" in Visit.of(web(chat)).logs_in(code), "and the code was not used up"


# The session --------------------------------------------------------------------------------------------------------------


def test_without_a_session_every_page_is_the_login(chat: Chat) -> None:
    stranger = Visit.of(web(chat))
    for path in (MAIN_PAGE, FAQ, f"{FAQ}/edit", f"{FAQ}/history", "/console/in/main/audit", "/console/nothing"):
        assert "登录码" in stranger.opens(path)
    assert stranger.client.post(f"{FAQ}/save", data={"question": "x"}).status_code == 303


def test_a_stolen_cookie_is_worthless_after_the_logout(chat: Chat) -> None:
    app = web(chat)
    browser, thief = visit(chat, app=app), Visit.of(app)
    cookie = browser.client.get_cookie("console_session", path="/console")
    assert cookie
    thief.client.set_cookie("console_session", cookie.value, path="/console")
    assert "总览" in thief.opens("/console/")
    browser.opens(MAIN_PAGE)
    assert "已退出" in browser.posts("/console/logout")
    assert "登录码" in thief.opens("/console/")


def test_a_session_ends_by_sleeping_and_by_age(chat: Chat) -> None:
    browser = visit(chat)
    for _ in range(3):
        chat.later(minutes=29)
        assert "总览" in browser.opens("/console/")
    chat.later(minutes=31)
    assert "登录码" in browser.opens("/console/")
    browser = visit(chat)
    for _ in range(36):
        chat.later(minutes=20)
        browser.opens("/console/")
    assert "登录码" in browser.opens("/console/"), "twelve hours are enough for anybody"


def test_other_sessions_are_ended_from_one(chat: Chat) -> None:
    app = web(chat)
    phone, desk = visit(chat, app=app), visit(chat, app=app)
    assert "还有 1 个登录" in desk.opens("/console/account")
    assert "别处的登录都已结束" in desk.posts("/console/others")
    assert "登录码" in phone.opens("/console/")
    assert "总览" in desk.opens("/console/")


def test_a_role_that_is_taken_ends_the_session_at_once(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    browser = visit(chat, "lilei")
    assert "新增" in browser.opens(FAQ)
    chat.as_admin("角色 李雷 无")
    assert "登录码" in browser.opens(FAQ)
    chat.as_admin("角色 李雷 运营")
    assert "登录码" in browser.opens(FAQ), "the session does not come back with the role"


def test_a_role_that_is_lowered_holds_from_the_next_click(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    browser = visit(chat, "lilei")
    browser.opens(f"{FAQ}/edit")
    chat.as_admin("角色 李雷 观察员")
    assert "角色不够" in save(browser, question="问", answer="答")
    assert browser.status == 403
    assert 'data-testid="new"' not in browser.opens(FAQ)


def test_who_leaves_the_company_is_out(chat: Chat) -> None:
    browser = visit(chat)
    note_left(chat.stores, chat.config, "boss", "test", chat.clock())
    assert "登录码" in browser.opens("/console/")


def test_an_erased_member_is_out(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    browser = visit(chat, "lilei")
    chat.erase("lilei")
    assert "登录码" in browser.opens("/console/")


def test_a_made_up_cookie_is_nobody(chat: Chat) -> None:
    stranger = Visit.of(web(chat))
    for value in ("1", "1." + "A" * 43, "1.x", "0." + "A" * 43, "9" * 40 + "." + "A" * 43, "é", "1|2"):
        stranger.client.set_cookie("console_session", value, path="/console")
        assert "登录码" in stranger.opens("/console/")


# What strangers' pages try ------------------------------------------------------------------------------------------------


def test_a_form_without_the_proof_changes_nothing(chat: Chat) -> None:
    browser = visit(chat)
    for proof in ("", "x", "é", "0" * 64):
        browser.opens(f"{FAQ}/edit")
        assert "页面已经过期" in browser.posts(f"{FAQ}/save", csrf=proof, question="黑客", answer="黑客")
        assert browser.status == 403
    assert "黑客" not in browser.opens(f"{FAQ}?page=9")


def test_the_proof_of_one_session_is_none_in_another(chat: Chat) -> None:
    app = web(chat)
    one, other = visit(chat, app=app), visit(chat, app=app)
    one.opens(MAIN_PAGE)
    proof = one.csrf
    assert "页面已经过期" in other.posts("/console/logout", csrf=proof)


def test_a_post_from_another_site_is_refused_by_its_origin(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(MAIN_PAGE)
    strange = ("https://evil.example", "null", "http://127.0.0.1:8080.evil.example", "http://localhost@evil.example", "")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, *({"Origin": origin} for origin in strange)):
        answer = browser.client.post("/console/logout", data={"csrf": browser.csrf}, headers=headers)
        assert answer.status_code == 403, headers
    answer = browser.client.post("/console/logout", data={"csrf": browser.csrf}, headers={"Origin": "http://localhost"})
    assert answer.status_code == 303, "its own"


def test_every_page_keeps_browsers_from_serving_strangers(chat: Chat) -> None:
    browser = visit(chat)
    for path in ("/console/login", MAIN_PAGE, FAQ, f"{FAQ}/edit?id=refund", "/console/nothing", "/console/in/main/audit"):
        text = browser.opens(path)
        assert browser.page
        headers = browser.page.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "Strict-Transport-Security" not in headers, "not without https"
        stopped = r"<script(?![^>]*\ssrc=)|\son[a-z]+=|\sstyle=|<style|javascript:|(?:src|href|action)=\"https?:"
        assert not re.search(stopped, text), "nothing that the policy would stop"


def test_behind_https_cookies_and_headers_say_so(chat: Chat, open_chat: OpenChat) -> None:
    config = chat.config.model_copy(update={"server": chat.config.server.model_copy(update={"public_url": "https://bot.example.com"})})
    secure = Chat(config, chat.stores, chat.live, chat.communities, chat.pipeline, chat.router, chat.metrics, chat.clock, iter(()))
    browser = Visit.of(web(secure))
    browser.client.environ_base["wsgi.url_scheme"] = "https"
    browser.opens("/console/login")
    assert browser.page
    assert browser.page.headers["Strict-Transport-Security"] == "max-age=31536000"
    outside = {"Origin": "https://bot.example.com"}  # as the browser knows it; behind the proxy it has another name
    answer = browser.client.post("/console/login", data={"csrf": browser.csrf, "code": code_of(chat)}, headers=outside)
    cookie = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("console_session"))
    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/console"):
        assert part in cookie


def test_a_body_that_is_too_large_is_refused_with_a_page(chat: Chat) -> None:
    browser = visit(chat)
    browser.opens(f"{FAQ}/edit")
    assert "内容太大了" in save(browser, answer="长" * 800_000)
    assert browser.status == 413


def test_static_files_are_kept_by_browsers_and_nothing_else_is_served(chat: Chat) -> None:
    stranger = Visit.of(web(chat))
    answer = stranger.client.get("/console/static/console.css")
    assert answer.status_code == 200
    assert "max-age" in answer.headers["Cache-Control"]
    for path in ("../doors.py", "..%2fdoors.py", "%2e%2e/doors.py", "vendor/../../doors.py"):
        assert stranger.client.get(f"/console/static/{path}").status_code in (303, 404)


# Communities --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def guest(chat: Chat) -> Visit:
    """An operator of New York, who has nothing to do with the main community."""
    chat.says("签到", user="john", name="John", group=FAR)
    chat.stores.roles.grant(chat.member("john"), "far", "operator", seen="", once="t")
    return visit(chat, "john")


def test_another_community_does_not_exist_for_who_has_no_role_there(guest: Visit) -> None:
    for path in ("", "faq", "faq/edit?id=refund", "faq/history", "faq/unanswered", "audit"):
        missing = guest.opens(f"/console/in/nowhere/{path}")
        assert guest.status == 404
        other = guest.opens(f"/console/in/main/{path}")
        assert guest.status == 404
        assert other == missing.replace("nowhere", "main"), "and looks like one that nobody has"
    assert "主群" not in guest.opens("/console/")


def test_what_is_shared_is_not_for_an_operator_of_one_community_to_change(chat: Chat, guest: Visit) -> None:
    guest.opens("/console/in/far/faq/edit?id=refund")
    assert "几个社群共用" in guest.posts(
        "/console/in/far/faq/save", of="refund", expect=guest.field("expect"), question="怎么退款", answer="不退"
    )
    assert "几个社群共用" in guest.posts("/console/in/far/faq/remove", of="refund")
    chat.live.refresh()
    assert "不退" not in chat.says("怎么退款")


def test_one_communitys_own_entry_is_no_others(chat: Chat, guest: Visit) -> None:
    owner = visit(chat)
    owner.opens(f"{FAQ}/edit")
    assert "已新增" in save(owner, id="secret", question="内部密码本在哪", answer="第三个抽屉", scope="here")
    assert "内部密码本" not in guest.opens("/console/in/far/faq")
    guest.opens("/console/in/far/faq/edit?id=secret")
    assert guest.status == 404
    guest.opens("/console/in/far/faq")
    assert "第三个抽屉" not in guest.posts("/console/in/far/faq/try", text="内部密码本在哪")
    assert "第三个抽屉" not in guest.opens("/console/in/far/faq/history?version=2")
    guest.opens("/console/in/far/faq/edit")
    guest.posts("/console/in/far/faq/remove", of="secret")
    assert guest.status == 404


def test_a_viewer_looks_and_changes_nothing(chat: Chat) -> None:
    chat.as_admin("角色 李雷 观察员")
    browser = visit(chat, "lilei")
    assert "怎么退款" in browser.opens(FAQ)
    browser.opens(f"{FAQ}/edit?id=refund")
    for path in ("save", "remove", "undo", "unanswered/settle"):
        assert "角色不够" in browser.posts(f"{FAQ}/{path}", of="refund", question="x", answer="y", version="1")
    browser.opens("/console/in/main/audit")
    assert browser.status == 403


def test_a_crisis_is_opened_and_lifted_on_the_overview_as_in_chat(chat: Chat) -> None:
    browser, page = visit(chat), "/console/in/main/"
    chat.says("谢谢大家，很开心")
    browser.posts(f"{page}crisis", crisis="on", once="c1")
    assert chat.stores.pauses.crisis_since("main") > 0
    shown = browser.opens(page)
    assert "危机模式" in shown
    assert "解除危机模式" in shown
    assert "情绪值（0–1）" in shown
    browser.posts(f"{page}crisis", crisis="", once="c2")
    assert chat.stores.pauses.crisis_since("main") == 0
    chat.as_admin("角色 李雷 运营")
    visit(chat, "lilei").posts(f"{page}crisis", crisis="on", once="c3")
    assert chat.stores.pauses.crisis_since("main") == 0


def test_the_bot_is_paused_and_goes_on_from_the_overview_as_in_chat(chat: Chat) -> None:
    browser, page = visit(chat), "/console/in/main/"
    assert "暂停中" not in browser.opens(page)
    for pause, shown in (("posts", "推送、警告和欢迎已停"), ("all", "推送、警告、欢迎和回答都已停")):
        browser.posts(f"{page}pause", pause=pause, once=f"p{pause}")
        assert chat.stores.pauses.of("main") == pause
        assert shown in browser.opens(page)
    browser.posts(f"{page}pause", pause="", once="on")
    assert chat.stores.pauses.of("main") == ""
    assert [row.act for row in chat.stores.audit.newest("main", 3)] == ["恢复", "暂停", "暂停"]
    browser.posts(f"{page}pause", pause="everything", once="x")
    assert browser.status == 400
    chat.as_admin("角色 李雷 运营")
    visit(chat, "lilei").posts(f"{page}pause", pause="all", once="q")
    assert chat.stores.pauses.of("main") == ""


def test_groups_that_nobody_listed_are_shown_with_what_to_write(chat: Chat) -> None:
    chat.says("签到", user="hanmei", name="韩梅梅", group="wrSTRANGE")
    page = visit(chat).opens("/console/in/main/groups")
    assert "wrSTRANGE" in page
    assert "- id: wrSTRANGE" in page
    assert "1 条" in page
    chat.as_admin("角色 李雷 管理员")
    own = visit(chat, "lilei").opens("/console/in/main/groups")
    assert "wrSTRANGE" not in own, "who looks after one community"
    assert MAIN in own


# 问答 ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(chat: Chat) -> Iterator[Visit]:
    """The owner at his desk."""
    return visit(chat)


def test_a_new_entry_is_answered_and_audited(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{FAQ}/edit")
    said = save(browser, question="可以带狗吗", similar="狗狗能进吗\n宠物可以吗", answer="可以，请牵绳。", scope="all")
    assert "已新增" in said
    assert "可以，请牵绳" in chat.says("宠物可以吗")
    assert "可以带狗吗" in browser.opens("/console/in/main/audit")


def test_an_entry_is_changed_removed_and_put_back(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{FAQ}/edit?id=refund")
    assert "已保存" in save(browser, question="怎么退款", answer="全额退款，七天到账。", scope="all")
    assert "七天到账" in chat.says("怎么退款")
    browser.opens(f"{FAQ}/edit?id=refund")
    said = browser.posts(f"{FAQ}/remove", of="refund", force="1")
    assert "已删除" in said
    assert "七天到账" not in chat.says("怎么退款")
    assert "已撤销" in browser.posts(f"{FAQ}/undo", version=browser.field("version"))
    assert "七天到账" in chat.says("怎么退款")


def test_a_double_click_adds_one(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{FAQ}/edit")
    fields = {"csrf": browser.csrf, "once": browser.field("once"), "question": "可以带狗吗", "answer": "可以", "scope": "all"}
    first = browser.client.post(f"{FAQ}/save", data=fields)
    second = browser.client.post(f"{FAQ}/save", data=fields)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]


def test_what_is_wrong_is_said_and_the_text_stays(browser: Visit) -> None:
    browser.opens(f"{FAQ}/edit")
    said = save(browser, question="可以带狗吗", answer="可以，{nickname} {unknown}")
    assert browser.status == 400
    assert "unknown" in said
    assert "可以带狗吗" in said


def test_two_who_edit_one_entry_see_each_other(chat: Chat) -> None:
    app = web(chat)
    one, other = visit(chat, app=app), visit(chat, app=app)
    one.opens(f"{FAQ}/edit?id=refund")
    other.opens(f"{FAQ}/edit?id=refund")
    save(one, question="怎么退款", answer="第一个人写的。", scope="all")
    said = save(other, question="怎么退款", answer="第二个人写的。", scope="all")
    assert other.status == 409
    assert "有人先改了" in said
    assert "第一个人写的" in said
    assert "第二个人写的" in said
    again = {name: other.field(name) for name in ("of", "expect", "question", "similar", "keywords", "answer", "scope", "role")}
    assert "已保存" in other.posts(f"{FAQ}/save", **again), "on purpose this time"
    assert "第二个人写的" in chat.says("怎么退款")


def test_two_who_edit_two_entries_do_not(chat: Chat) -> None:
    app = web(chat)
    one, other = visit(chat, app=app), visit(chat, app=app)
    one.opens(f"{FAQ}/edit?id=refund")
    other.opens(f"{FAQ}/edit?id=invoice")
    assert "已保存" in save(one, question="怎么退款", answer="第一个人写的。", scope="all")
    assert "已保存" in save(other, question="怎么开发票", answer="第二个人写的。", scope="all")


def test_what_an_edit_breaks_is_shown_before_it_is_published(chat: Chat, browser: Visit) -> None:
    chat.as_admin("问答 用例 添加 钱什么时候退给我 => refund")
    browser.opens(f"{FAQ}/edit?id=refund")
    said = save(browser, question="怎么办会员卡", similar="会员卡在哪里办", keywords="会员卡", answer="到前台办。")
    assert browser.status == 409
    assert "条用例中的" in said
    assert "钱什么时候退给我" in said
    assert "怎么办会员卡" in said, "what he wrote stays"
    assert "会员卡" not in chat.says("会员卡在哪里办"), "nothing is published yet"
    assert "已保存" in save(browser, force="1")
    assert "到前台办" in chat.says("会员卡在哪里办")


def test_what_a_removal_or_an_undoing_breaks_is_shown_too(chat: Chat, browser: Visit) -> None:
    chat.as_admin("问答 用例 添加 怎么退款 => refund")
    browser.opens(f"{FAQ}/edit?id=refund")
    said = browser.posts(f"{FAQ}/remove", of="refund")
    assert "条用例中的" in said
    assert 'data-testid="force-remove"' in said
    assert "已删除" in browser.posts(f"{FAQ}/remove", of="refund", force="1")
    browser.opens(f"{FAQ}/edit")
    save(browser, id="dogs", question="可以带狗吗", answer="可以", scope="all")
    version = browser.field("version")
    chat.as_admin("问答 用例 添加 可以带狗吗 => dogs")
    assert "条用例中的" in browser.posts(f"{FAQ}/undo", version=version)
    assert browser.status == 409
    assert "已撤销" in browser.posts(f"{FAQ}/undo", version=version, force="1")


def test_what_operators_write_is_text_on_every_page(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{FAQ}/edit")
    text = f"怎么画画 {XSS}"
    fields = {"question": text, "answer": text, "similar": f"{text} 呀", "keywords": "画画<script>alert(2)</script>", "markdown": "on"}
    save(browser, id="xss", scope="all", **fields)
    for path in ("?page=9", "/edit?id=xss", "/history?version=2", "?q=画画"):
        page = browser.opens(FAQ + path)
        assert "怎么画画" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "<script>alert" not in browser.posts(f"{FAQ}/try", text=f"怎么画画 {XSS}")
    assert "<script>alert" not in browser.opens("/console/in/main/audit")


def test_names_and_addresses_are_text_too(chat: Chat) -> None:
    chat.says("签到", user="lilei", name=XSS)
    chat.as_admin("角色 lilei 管理员")
    browser = visit(chat, "lilei")
    for path in (
        MAIN_PAGE,
        f"{FAQ}?q={XSS}",
        f"{FAQ}?only={XSS}",
        f"{FAQ}/edit?question={XSS}",
        "/console/in/main/audit",
        f"/console/?said={XSS}",
    ):
        assert "<script>alert" not in browser.opens(path)


def test_what_nobody_could_answer_becomes_an_entry(chat: Chat, browser: Visit) -> None:
    for _ in range(3):
        chat.says("停车场晚上几点关门呀")
    page = browser.opens(f"{FAQ}/unanswered")
    assert "停车场晚上几点关门" in page
    assert "已变成新的问答" in browser.posts(
        f"{FAQ}/unanswered/settle", act="adopt", key=browser.field("key"), question="停车场几点关门", answer="晚上十点。", once="abc"
    )
    assert "晚上十点" in chat.says("停车场晚上几点关门呀")
    assert "没有等答案的问题" in browser.opens(f"{FAQ}/unanswered")


def test_a_sentence_is_tried_without_anybody_hearing_it(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{FAQ}/try")
    said = browser.posts(f"{FAQ}/try", text="怎么退款呀")
    assert "直接回答" in said
    assert "<meter" in said
    assert "哪些字起了作用" in said
    assert chat.unanswered() == []


def test_the_history_shows_what_changed(chat: Chat, browser: Visit) -> None:
    browser.opens(f"{FAQ}/edit?id=refund")
    save(browser, question="怎么退款", answer="全额退款，七天到账。", scope="all")
    page = browser.opens(f"{FAQ}/history?version=2")
    assert "王店长" in page
    assert re.search(r"<ins>[^<]*七天到账", page)
    assert re.search(r"<del>", page)


def test_strange_addresses_are_answered_calmly(browser: Visit) -> None:
    strange = ("?page=99999", "?page=-1", "?page=x", "?page=²", "?only=wrong", "/history?version=999999999999", "/history?version=²")
    for path in (*strange, f"/edit?id={'x' * 3000}", "/edit?id=%00", "?q=%ff"):
        browser.opens(FAQ + path)
        assert browser.status in (200, 404)


# Files --------------------------------------------------------------------------------------------------------------------


def uploads(browser: Visit, name: str, data: bytes, **fields: str) -> str:
    """Sends a file through the form."""
    browser.opens(f"{FAQ}/files")
    return browser.posts(f"{FAQ}/import", file=(io.BytesIO(data), name), **fields)


def test_a_table_is_tried_taken_in_and_taken_back(chat: Chat, browser: Visit) -> None:
    table = "问题,相似问,答案\n可以带狗吗,狗狗能进吗,可以，请牵绳。\n".encode("gb18030")
    assert "新增 1" in uploads(browser, "知识库.csv", table, dry="on")
    assert "请牵绳" not in chat.says("可以带狗吗")
    assert "已导入" in uploads(browser, "知识库.csv", table)
    assert "请牵绳" in chat.says("狗狗能进吗")
    assert "已撤销" in browser.posts(f"{FAQ}/undo", version=browser.field("version"), force="1")
    assert "请牵绳" not in chat.says("狗狗能进吗")


def test_every_bad_row_is_named_and_nothing_is_taken_in(chat: Chat, browser: Visit) -> None:
    table = f"问题,答案\n可以带狗吗,可以\n没有答案,\n,没有问题\n{XSS},{{wrong}}\n"
    said = uploads(browser, "faq.csv", table.encode())
    assert browser.status == 400
    assert "一条都没有动" in said
    assert said.count("第 ") >= 3
    assert "<script>alert" not in said
    assert chat.stores.content.versions()["faq"] == 1


def test_files_that_are_none_are_refused(browser: Visit) -> None:
    for name, data in {
        "faq.xlsx": b"PK\x03\x04nonsense",
        "faq.exe": b"MZ",
        "faq.yaml": b"a: &x [*x]",
        "../../etc/passwd": b"x",
        "faq.csv": b"\xff\xfe\x00",
    }.items():
        uploads(browser, name, data)
        assert browser.status == 400
    browser.opens(f"{FAQ}/files")
    assert "没有选文件" in browser.posts(f"{FAQ}/import")
    assert "内容太大了" in uploads(browser, "faq.csv", b"x" * (9 * 1024 * 1024))
    assert browser.status == 413


def test_what_is_given_out_can_be_taken_in_again(chat: Chat, browser: Visit) -> None:
    for form in ("yaml", "csv", "xlsx"):
        answer = browser.client.get(f"{FAQ}/export/{form}")
        assert answer.headers["Content-Disposition"] == f'attachment; filename="faq-20260310.{form}"'
        assert "什么都不用改" in uploads(browser, f"faq.{form}", answer.get_data())
    browser.opens(f"{FAQ}/export/exe")
    assert browser.status == 404


def test_files_are_for_those_who_may_see_all_of_them(guest: Visit) -> None:
    guest.opens("/console/in/far/faq/export/yaml")
    assert guest.status == 403
    assert "在所有社群都是运营" in guest.opens("/console/in/far/faq/files")
    guest.opens("/console/in/far/faq")
    guest.posts("/console/in/far/faq/import", file=(io.BytesIO(b"[]"), "faq.yaml"), replace="on")
    assert guest.status == 403
