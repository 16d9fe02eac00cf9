"""What a hostile visitor tries at the console's door, and what every answer of the table of routes gives him."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest
from chat import Chat, OpenChat
from test_access import ACCOUNT, GOOD, cheap, code, enters, with_password  # noqa: F401  # cheap is a fixture
from test_console_walk import WHERE, endpoint, run_for_a_while, writes
from test_security_apart import FILES, addresses
from visits import Visit, code_of, eventful, inside, met, new_web, visit, web
from werkzeug.test import TestResponse

from bot.account_desk import PER_ACCOUNT
from console.doors import PER_ADDRESS
from console.tables import TABLES

pytest_plugins = ("chat",)

EVIL = "https://evil.example/"


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


@pytest.fixture
def full(open_chat: OpenChat) -> Chat:
    """A community with something on every page."""
    chat = eventful(open_chat(dry_run=False))
    run_for_a_while(chat)
    return chat


# Guessing -------------------------------------------------------------------------------------------------------------------


def tries(chat: Chat, kind: str, secret: str) -> Iterator[Visit]:
    """Wrong tries of one kind, without end: of one who guesses links, or who has the password and guesses what comes behind it."""
    guesser = Visit.of(web(chat))
    guesser.opens("/console/login")
    for number in range(1_000):
        if kind == "link":
            guesser.posts("/console/login", code=f"{number:016d}")
        else:
            guess = f"{(int(code(chat, secret)) + 5_000 + number) % 1_000_000:06d}" if kind == "code" else f"AAAAA-{number:05d}"
            guesser.client.environ_base["REMOTE_ADDR"] = f"10.{number}.0.1"  # as many addresses as he likes
            guesser.posts("/console/login", user="boss", password=GOOD, code=guess)
        yield guesser


@pytest.mark.parametrize(("kind", "most"), [("link", PER_ADDRESS[0][0]), ("code", PER_ACCOUNT[0][0]), ("recovery", PER_ACCOUNT[0][0])])
def test_who_guesses_is_stopped_and_told_how_long(chat: Chat, kind: str, most: int) -> None:
    secret, _ = with_password(chat)
    guesses = tries(chat, kind, secret)
    for _ in range(most):
        assert next(guesses).status == 403
    stopped = next(guesses)
    assert stopped.status == 429
    assert stopped.page
    wait_s = int(stopped.page.headers["Retry-After"])
    assert 0 < wait_s <= max(period for _, period in (*PER_ADDRESS, *PER_ACCOUNT)) + 1
    assert f"请 {wait_s} 秒后再试" in stopped.page.get_data(as_text=True)
    chat.later(seconds=wait_s - 2)
    assert next(guesses).status == 429, "not sooner"
    chat.later(seconds=3)
    assert next(guesses).status == 403, "the time that was told is the time"


def test_no_claimed_address_makes_a_guesser_another(chat: Chat) -> None:
    guesser = Visit.of(web(chat))
    guesser.opens("/console/login")
    answers = [
        guesser.client.post("/console/login", data={"csrf": guesser.csrf, "code": "A" * 16}, headers=dict.fromkeys(CLAIMS, f"10.0.0.{n}"))
        for n in range(11)
    ]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]


CLAIMS = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP", "CF-Connecting-IP", "True-Client-IP")


# Fixed sessions -------------------------------------------------------------------------------------------------------------


def test_a_session_that_a_stranger_chose_is_nobodys_after_the_login(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    hostile, victim = visit(chat, "lilei"), Visit.of(web(chat))
    planted = hostile.client.get_cookie("console_session", path="/console")
    assert planted
    for value in (planted.value, "1." + "A" * 43):
        victim.client.set_cookie("console_session", value, path="/console")
        victim.logs_in(code_of(chat))
        given = victim.client.get_cookie("console_session", path="/console")
        assert given
        assert given.value != value
        assert "王店长" in victim.opens(ACCOUNT) or "boss" in victim.opens(ACCOUNT)
    assert "登录码" in hostile.opens(WHERE), "the planted one has ended: what he sees is not what the victim does"


def test_the_proof_of_a_login_form_ends_with_the_login(chat: Chat) -> None:
    victim = Visit.of(web(chat))
    victim.client.set_cookie("console_login", "planted", path="/console")
    victim.logs_in(code_of(chat))
    assert victim.client.get_cookie("console_login", path="/console") is None


@pytest.mark.parametrize("url", ["https://bot.example.com", ""])
def test_every_cookie_is_for_this_site_alone(chat: Chat, url: str) -> None:
    config = chat.config.model_copy(update={"server": chat.config.server.model_copy(update={"public_url": url})})
    browser = Visit.of(
        new_web(Chat(config, chat.stores, chat.live, chat.communities, chat.pipeline, chat.router, chat.metrics, chat.clock, iter(())))
    )
    browser.client.environ_base["wsgi.url_scheme"] = "https" if url else "http"
    given = list[str]()

    def seen(answer: TestResponse) -> TestResponse:
        given.extend(answer.headers.getlist("Set-Cookie"))
        browser.page = answer
        return answer

    seen(browser.client.get("/console/login"))
    seen(browser.client.post("/console/login", data={"csrf": browser.csrf, "code": "A" * 16}))
    seen(browser.client.post("/console/login", data={"csrf": browser.csrf, "code": code_of(chat)}))
    seen(browser.client.get(WHERE))
    seen(browser.client.post("/console/logout", data={"csrf": browser.csrf}))
    browser.client.set_cookie("console_session", "1." + "A" * 43, path="/console")
    seen(browser.client.get(WHERE))
    assert len(given) >= 6, "given at the login, and taken back"
    wanted = ("HttpOnly", "SameSite=Strict", "Path=/console", *(["Secure"] if url else []))
    assert [cookie for cookie in given if not all(part in cookie.split("; ") for part in wanted) or "Domain" in cookie] == []


# Links and those who were erased -----------------------------------------------------------------------------------------------


def test_a_link_of_somebody_erased_opens_nothing_though_he_comes_back(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    secret, codes = with_password(chat, "lilei")
    first, browser = code_of(chat, "lilei", group=""), inside(chat, "lilei")
    number = chat.member("lilei")
    chat.erase("lilei")
    assert "登录码不对" in Visit.of(web(chat)).logs_in(first)
    assert "登录码" in browser.opens(WHERE)
    chat.says("签到", user="lilei", name="李雷")
    chat.as_admin("角色 李雷 运营")
    assert chat.member("lilei") != number
    for way in (first, codes[0]):
        assert "登录码" in Visit.of(web(chat)).logs_in(way)
    assert enters(chat, "lilei", GOOD, code(chat, secret)).status == 403
    assert "登录码" in browser.opens(WHERE)
    assert "总览" in visit(chat, "lilei").opens(WHERE), "he is let in as who he is now"


def test_a_link_that_was_asked_for_before_is_none_for_the_new_number(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    old = code_of(chat, "lilei", group="")
    chat.erase("lilei")
    chat.says("签到", user="lilei", name="李雷")
    chat.as_admin("角色 李雷 运营")
    assert "登录码不对" in Visit.of(web(chat)).logs_in(old)


# Forms of other sites -----------------------------------------------------------------------------------------------------------

FOREIGN: Mapping[str, Mapping[str, str]] = {
    "another site": {"Origin": EVIL.rstrip("/")}, "a hidden site": {"Origin": "null"}, "says the browser": {"Sec-Fetch-Site": "cross-site"},
    "a neighbour": {"Sec-Fetch-Site": "same-site"}, "our name as a user": {"Origin": "http://localhost@evil.example"},
}  # fmt: skip


def test_no_form_of_another_site_does_anything_though_it_has_the_proof(full: Chat) -> None:
    owner, other = visit(full), visit(full)
    owner.opens(WHERE)
    other.opens(WHERE)
    before, tried = everything(full), 0
    for rule, path in writes(web(full)):
        for headers in FOREIGN.values():
            answer = owner.client.post(path, data={"csrf": owner.csrf, "once": "a"}, headers=headers)
            assert (answer.status_code, path) == (403, path)
            tried += 1
        if endpoint(rule) != "login":
            for proof in (other.csrf, "", owner.csrf[:-1]):
                assert owner.client.post(path, data={"csrf": proof, "once": "a"}).status_code == 403, path
            assert owner.client.post(f"{path}?csrf={owner.csrf}", data={"once": "a"}).status_code == 403, "a proof in an address is none"
            for method in ("PUT", "PATCH", "DELETE"):
                assert owner.client.open(path, method=method, data={"once": "a"}).status_code in (403, 405), path
    assert tried > 300
    assert everything(full) == before
    assert owner.client.post("/console/logout", data={"csrf": owner.csrf}).status_code == 303, "with proof, from here, it is done"


# Looking --------------------------------------------------------------------------------------------------------------------

PASSING = re.compile(r"qb:(\{console\}:of|\{limit:|.*:audit)")
INLINE = ("image/png",)
TOOK = ("next", "to", "url", "return", "redirect", "back", "said", "n", "version", "in")


def test_looking_changes_nothing_leads_nowhere_and_leaves_no_copies(full: Chat) -> None:
    browser, cookie = web(full).test_client(use_cookies=False), full.stores.sessions.begin(full.member("boss"), full.clock())
    evil = {"Cookie": f"console_session={cookie}", "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    before, files, pages = everything(full), dict[str, TestResponse](), 0
    for path in [*addresses(full), "/console/", "/console/login", ACCOUNT, "/console/running", f"{WHERE}nothing", *tables(full)]:
        full.later(minutes=1)  # files may not be taken along without end
        bare, asked = path.partition("?")[0], dict.fromkeys(TOOK, EVIL)
        strange, answer = browser.get(bare, query_string=asked, headers=evil), browser.get(path, headers=evil)
        outside = browser.get(bare, query_string=asked, headers={"Host": "evil.example"})
        for one in (strange, answer, outside):
            check_answer(one, path)
        assert outside.location == "/console/login" or path == "/console/login", "a login remembers no place to go to"
        pages += answer.status_code == 200 and answer.mimetype == "text/html"
        if answer.status_code == 200 and answer.mimetype != "text/html":
            files[path] = answer
    after = everything(full)
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == set()
    assert pages > 60
    assert len(files) > 2 * len(TABLES)
    for path, file in files.items():
        check_file(file, path)


def check_answer(answer: TestResponse, path: str) -> None:
    headers, text = answer.headers, answer.get_data().decode(errors="ignore")
    assert re.match(r"/console(/|$)", answer.location or "/console"), path
    assert not re.search(r'(?:href|src|action|hx-[a-z]+|content)="(?:https?:)?//', text), path
    assert headers["X-Content-Type-Options"] == "nosniff", path
    assert headers["Cache-Control"] == "no-store", path
    assert "default-src 'none'" in headers["Content-Security-Policy"], path
    assert headers["X-Frame-Options"] == "DENY", path


def check_file(file: TestResponse, path: str) -> None:
    """What is taken along is saved and never shown; only a picture is."""
    assert file.mimetype not in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml"), path
    disposition = file.headers.get("Content-Disposition", "")
    if file.mimetype in INLINE and not disposition:
        return
    assert disposition.startswith("attachment; filename"), (path, file.mimetype)
    names = re.findall(r"""filename\*?=(?:UTF-8'')?"?([^";]*)""", disposition)
    assert names
    assert [name for name in names if re.search(r"[/\\\r\n\0]|%2[fF]|%5[cC]|%0[0aAdD]|^\.|\.\.", name)] == [], path


def tables(chat: Chat) -> list[str]:
    """Every file that is not reached by a page's own address."""
    found = [f"{WHERE}faq/export/{form}" for form in ("yaml", "csv", "xlsx")] + [f"{WHERE}words/export/{form}" for form in ("csv", "xlsx")]
    return (
        found
        + [path for paths in FILES.values() for path in paths]
        + [f"/console{table.path('main', form)}?of={chat.member('hanmei')}" for table in TABLES.values() for form in ("csv", "xlsx")]
    )


def everything(chat: Chat) -> Mapping[str, object]:
    """All that is kept but sessions, counted tries and what tells of having looked."""
    database = chat.stores.database
    return {key: database.command("DUMP", key) for key in database.scan("qb:*") if not PASSING.match(key)}
