"""Who comes into the console, and how: passwords with codes of an app, sessions, and what no request may do without proof."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import pyotp
import pytest
from chat import Chat, OpenChat
from hypothesis import given
from hypothesis import strategies as st
from visits import Visit, inside, met, visit, web

from bot import account_desk
from bot.account_desk import METHOD, PER_ACCOUNT
from bot.leavers import note_left
from bot.peers import client_address, network_digest
from rules.passwords import problem_of
from storage.limits import Limits
from storage.moment import to_ms

pytest_plugins = ("chat",)

ACCOUNT = "/console/account"
GOOD, OTHER = "一只 蓝色的 鲸鱼 爱喝 茶 88", "另外 八个 陌生的 词 也行 42"
WRONG = "账号、密码或验证码不对"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that cost little to compare: what they cost is for those who guess."""
    monkeypatch.setattr(account_desk, "METHOD", "scrypt:1024:8:1")
    monkeypatch.setattr(account_desk, "NOBODYS", account_desk.NOBODYS.replace("32768", "1024"))


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


def secret_on(browser: Visit) -> str:
    """The secret that the page offers to a code app."""
    assert browser.page is not None
    found = re.search(r'data-testid="secret">([A-Z2-7]{32})<', browser.page.get_data(as_text=True))
    assert found
    return found[1]


def code(chat: Chat, secret: str, *, later: int = 0) -> str:
    """What the app shows, ``later`` half minutes from now."""
    return pyotp.TOTP(secret).at(chat.clock() + timedelta(seconds=30 * later))


def with_password(chat: Chat, user: str = "boss", password: str = GOOD) -> tuple[str, list[str]]:
    """A login by password, set up as a person does it; gives the app's secret and the recovery codes."""
    browser = inside(chat, user)
    browser.opens(ACCOUNT)
    secret = secret_on(browser)
    shown = browser.posts(
        f"{ACCOUNT}/set-up", once=browser.field("once"), fresh=password, again=password, code=code(chat, secret)
    )  # fmt: skip
    assert browser.status == 200, shown
    chat.later(seconds=30)
    return secret, re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", shown)


def enters(chat: Chat, user: str, password: str, number: str, *, address: str = "127.0.0.1") -> Visit:
    """Somebody at the login page with a password and a code."""
    browser = Visit.of(web(chat))
    browser.client.environ_base["REMOTE_ADDR"] = address
    browser.opens("/console/login")
    browser.posts("/console/login", user=user, password=password, code=number)
    return browser


# Passwords ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    ["海豚雨伞拿铁", "123456789012", "password1234", "qwertyuiop12", "lilei-lilei-2026", "aaaaaaaaaaaa", "海豚 雨伞 周三 拿铁 37", "x" * 201,
     "李雷李雷李雷李雷李雷李雷"],
)  # fmt: skip
def test_a_password_that_is_soon_guessed_is_refused_with_an_advice(password: str) -> None:
    assert problem_of(password, ("lilei", "李雷"))


@pytest.mark.parametrize("password", [GOOD, OTHER, "x8Fk2!pQz9Lm", "gravel tulip oxygen marble"])
def test_a_long_password_of_ones_own_is_taken(password: str) -> None:
    assert problem_of(password, ("lilei", "李雷")) == ""


@given(st.text(max_size=300))
def test_whatever_is_typed_as_a_password_is_judged(password: str) -> None:
    assert isinstance(problem_of(password, (password[:3],)), str)


# Coming in by password ------------------------------------------------------------------------------------------------------


def test_who_has_set_it_up_comes_in_by_password_and_code(chat: Chat) -> None:
    secret, codes = with_password(chat)
    assert len(set(codes)) == 10
    browser = enters(chat, "boss", GOOD, code(chat, secret))
    assert browser.status == 200
    assert "密码和验证码" in browser.opens(ACCOUNT)
    assert "剩 10 个恢复码" in browser.opens(ACCOUNT)
    assert "密码和验证码" in browser.opens("/console/in/main/audit")


def test_a_code_works_once_and_a_recovery_code_too(chat: Chat) -> None:
    secret, codes = with_password(chat)
    now = code(chat, secret)
    assert enters(chat, "boss", GOOD, now).status == 200
    assert enters(chat, "boss", GOOD, now).status == 403
    assert enters(chat, "boss", GOOD, code(chat, secret, later=-1)).status == 403, "nor an older one after it"
    assert enters(chat, "boss", GOOD, f" {codes[3].lower().replace('-', ' ')} ").status == 200
    assert enters(chat, "boss", GOOD, codes[3]).status == 403
    assert "剩 9 个恢复码" in inside(chat).opens(ACCOUNT)


def test_what_is_wrong_is_not_told(chat: Chat) -> None:
    secret, _ = with_password(chat)
    right = code(chat, secret)
    answers = {
        enters(chat, user, password, number).page.get_data(as_text=True).replace(user, "…")  # type: ignore[union-attr]
        for user, password, number in (
            ("boss", OTHER, right), ("boss", GOOD, "000000"), ("boss", GOOD, ""), ("nobody", GOOD, right), ("lilei", GOOD, right), ("boss", "", right),
            ("boss", GOOD, "AAAAA-AAAAA"), ("boss", GOOD, "十二万三千"),
        )
    }  # fmt: skip
    plain = {re.sub(r'name="csrf" value="[^"]*"', "", answer) for answer in answers}
    assert len(plain) == 1, "the same page, whatever was wrong"
    assert WRONG in plain.pop()
    assert enters(chat, "boss", GOOD, right).status == 200, "none of them used the code up"


def test_a_password_costs_whoever_guesses_it_32_megabytes() -> None:
    name, n, r, p = METHOD.split(":")
    assert (name, 128 * int(n) * int(r) * int(p)) == ("scrypt", 32 * 1024 * 1024)


def test_what_is_kept_opens_nothing(chat: Chat) -> None:
    secret, codes = with_password(chat)
    number = chat.member("boss")
    kept = str(chat.stores.database.command("HGETALL", f"qb:{{console}}:account:{number}"))
    for word in (GOOD, secret, *codes, *(one.replace("-", "") for one in codes)):
        assert word not in kept
    assert GOOD not in str(chat.stores.accounts.find(number))


def test_tries_are_counted_for_whom_they_name_and_the_link_still_works(chat: Chat) -> None:
    secret, _ = with_password(chat)
    for name in ("boss", "nobody"):
        for _ in range(8):
            enter_wrongly(chat, name)
        tried = [enters(chat, name, OTHER, "000000", address=f"10.1.{n}.9").status for n in range(3)]
        assert tried == [403, 403, 429], name
    assert enters(chat, "boss", GOOD, code(chat, secret), address="10.2.0.1").status == 429
    assert visit(chat).status == 200, "the link is not refused"
    chat.later(minutes=16)
    assert enters(chat, "boss", GOOD, code(chat, secret), address="10.2.0.3").status == 200


def enter_wrongly(chat: Chat, name: str) -> None:
    """A try of somebody from elsewhere, without the work for his password."""
    mark = hashlib.sha256(name.encode()).hexdigest()[:16]
    Limits(chat.stores.database).acquire(f"console.password.{mark}", PER_ACCOUNT, to_ms(chat.clock()))


def test_others_who_guess_from_ones_address_do_not_keep_a_right_link_out(chat: Chat) -> None:
    for n in range(11):
        stranger = enters(chat, f"nobody{n}", GOOD, "000000")
    assert stranger.status == 429
    assert visit(chat).status == 200, "after passwords"
    guesser = Visit.of(web(chat))
    for _ in range(11):
        guesser.logs_in("AAAA-AAAA-AAAA-AAAA")
    assert guesser.status == 429
    assert visit(chat).status == 200, "after codes"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [("1.2.3.4", "::ffff:1.2.3.4", True), ("::ffff:1.2.3.4", "::ffff:9.8.7.6", False), ("1.2.3.4:5678", "1.2.3.4", True),
     ("[2001:db8::1]:443", "2001:db8::2", True), ("2001:db8::1", "2001:db8:0:1::1", False), ("::1", "0.0.0.1", False), ("x", "y", False)],
)  # fmt: skip
def test_an_address_is_the_same_however_it_is_written(one: str, other: str, is_same: bool) -> None:
    assert (network_digest(one) == network_digest(other)) is is_same


def test_a_proxy_that_speaks_through_an_ipv6_socket_is_trusted_and_its_ports_are_left_out(chat: Chat) -> None:
    server = chat.config.server.model_copy(update={"trusted_proxies": ("127.0.0.1/32",)})
    config = chat.config.model_copy(update={"server": server})
    environ = {"REMOTE_ADDR": "::ffff:127.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 1.2.3.4:5678"}
    assert client_address(config, environ) == "1.2.3.4"
    assert client_address(chat.config, environ) == "::ffff:127.0.0.1", "nobody is believed who is not trusted"


def test_a_code_may_be_typed_in_wide_digits(chat: Chat) -> None:
    secret, _ = with_password(chat)
    wide = code(chat, secret).translate({ord("0") + n: ord("０") + n for n in range(10)})
    assert enters(chat, "boss", GOOD, wide).status == 200


def test_whose_last_role_is_taken_has_neither_login_nor_session(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    with_password(chat, "lilei")
    inside(chat, "lilei")
    chat.as_admin("角色 李雷 观察员")
    number = chat.member("lilei")
    assert chat.stores.accounts.find(number), "a lower role is one"
    chat.as_admin("角色 李雷 无")
    assert chat.stores.accounts.find(number) is None
    assert chat.stores.sessions.count(number, chat.clock()) == 0


def test_who_has_no_role_any_more_loses_his_password_login_too(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    secret, _ = with_password(chat, "lilei")
    number = chat.member("lilei")
    chat.as_admin("角色 李雷 无")
    assert WRONG in enters(chat, "lilei", GOOD, code(chat, secret)).page.get_data(as_text=True)  # type: ignore[union-attr]
    assert chat.stores.accounts.find(number) is None
    chat.as_admin("角色 李雷 运营")
    assert enters(chat, "lilei", GOOD, code(chat, secret, later=1)).status == 403, "it does not come back with the role"


def test_who_leaves_loses_it_at_once(chat: Chat) -> None:
    secret, _ = with_password(chat)
    note_left(chat.stores, chat.config, "boss", "test", chat.clock())
    assert chat.stores.accounts.find(chat.member("boss")) is None
    assert enters(chat, "boss", GOOD, code(chat, secret)).status == 403


def test_an_installation_may_do_without_passwords(open_chat: OpenChat) -> None:
    chat = met(open_chat(console={"password_login": False}))
    assert "用密码和验证码登录" not in Visit.of(web(chat)).opens("/console/login")
    browser = inside(chat)
    assert "password_login: false" in browser.opens(ACCOUNT)
    for act in ("set-up", "password", "codes"):
        browser.opens(ACCOUNT)
        browser.posts(f"{ACCOUNT}/{act}", fresh=GOOD, again=GOOD, code="1", password=GOOD)
        assert browser.status == 403
    assert enters(chat, "boss", GOOD, "123456").status == 403


# Setting up, changing, ending ---------------------------------------------------------------------------------------------


def test_what_is_wrong_in_the_form_is_said_and_the_apps_secret_stays(chat: Chat) -> None:
    browser = inside(chat)
    browser.opens(ACCOUNT)
    secret, once = secret_on(browser), browser.field("once")
    for fields, said in (
        ({"fresh": GOOD, "again": OTHER}, "不一样"), ({"fresh": "短", "again": "短"}, "太短了"),
        ({"fresh": GOOD, "again": GOOD, "code": "000000"}, "验证码不对"),
    ):  # fmt: skip
        assert said in browser.posts(f"{ACCOUNT}/set-up", once=once, **({"code": code(chat, secret)} | fields))
        assert (browser.status, secret_on(browser), browser.field("once")) == (400, secret, once)
    shown = [browser.posts(f"{ACCOUNT}/set-up", once=once, fresh=GOOD, again=GOOD, code=code(chat, secret)) for _ in range(2)]
    assert all("恢复码" in page for page in shown)
    codes = [re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", page) for page in shown]
    assert codes[0] == codes[1], "a double click shows the same codes"
    assert len(codes[0]) == 10


def test_who_came_by_password_cannot_set_up_another(chat: Chat) -> None:
    secret, _ = with_password(chat)
    browser = enters(chat, "boss", GOOD, code(chat, secret))
    chat.stores.accounts.drop(chat.member("boss"))
    assert "要从企业微信里" in browser.opens(ACCOUNT)
    browser.posts(f"{ACCOUNT}/set-up", fresh=OTHER, again=OTHER, code="123456")
    assert browser.status == 403


def test_a_password_is_changed_with_the_old_one_and_a_code(chat: Chat) -> None:
    secret, _ = with_password(chat)
    elsewhere, browser = inside(chat), inside(chat)
    browser.opens(ACCOUNT)
    once = browser.field("once")
    right = {"once": once, "fresh": OTHER, "again": OTHER, "code": code(chat, secret)}
    assert WRONG in browser.posts(f"{ACCOUNT}/password", **right, password="不是这个")
    for _ in range(2):
        assert "密码已换" in browser.posts(f"{ACCOUNT}/password", **right, password=GOOD), "also the second time"
    assert "登录码" in elsewhere.opens("/console/"), "sessions elsewhere have ended"
    chat.later(seconds=30)
    assert enters(chat, "boss", GOOD, code(chat, secret)).status == 403
    assert enters(chat, "boss", OTHER, code(chat, secret)).status == 200


def test_one_form_of_the_page_is_not_taken_for_another(chat: Chat) -> None:
    secret, _ = with_password(chat)
    browser = inside(chat)
    browser.opens(ACCOUNT)
    once = browser.field("once")
    wrong = {"once": once, "password": "不是这个", "code": "000000"}
    assert "恢复码</h2>" in browser.posts(f"{ACCOUNT}/codes", once=once, password=GOOD, code=code(chat, secret))
    assert WRONG in browser.posts(f"{ACCOUNT}/password", **wrong, fresh=OTHER, again=OTHER)
    assert "换密码" not in [row.act for row in chat.stores.audit.newest("", 20)]
    chat.later(seconds=30)
    browser.posts(f"{ACCOUNT}/password", once=once, password=GOOD, code=code(chat, secret), fresh=OTHER, again=OTHER)
    assert browser.status == 200
    assert WRONG in browser.posts(f"{ACCOUNT}/codes", **wrong), "nothing is shown without proof"


def test_strangers_who_try_do_not_keep_the_owner_from_his_own_login(chat: Chat) -> None:
    secret, _ = with_password(chat)
    for _ in range(PER_ACCOUNT[0][0]):
        enter_wrongly(chat, "boss")
    browser = inside(chat)
    browser.opens(ACCOUNT)
    assert "密码登录已关闭" in browser.posts(f"{ACCOUNT}/close", password=GOOD, code=code(chat, secret))


def test_his_own_tries_are_counted_too(chat: Chat) -> None:
    with_password(chat)
    browser = inside(chat)
    browser.opens(ACCOUNT)
    own = f"console.own.{chat.member('boss')}"
    for _ in range(PER_ACCOUNT[0][0]):
        Limits(chat.stores.database).acquire(own, PER_ACCOUNT, to_ms(chat.clock()))
    assert "试得太多了" in browser.posts(f"{ACCOUNT}/close", password=GOOD, code="000000")


@pytest.mark.parametrize("is_dropped", [False, True])
def test_after_an_end_the_same_form_gives_another_secret_and_other_codes(chat: Chat, is_dropped: bool) -> None:
    _, codes = with_password(chat)
    accounts, number = chat.stores.accounts, chat.member("boss")
    seen = accounts.find(number)
    assert seen
    before = accounts.secret_for(number, "a"), accounts.codes_for(number, "a")
    if is_dropped:
        assert accounts.drop(number)
    else:
        assert accounts.close(number, seen, recovery=codes[0]) == "done"
    after = accounts.secret_for(number, "a"), accounts.codes_for(number, "a")
    assert after == (accounts.secret_for(number, "a"), accounts.codes_for(number, "a"))
    assert after[0] != before[0]
    assert not set(after[1]) & set(before[1])


def test_new_recovery_codes_end_the_old_ones(chat: Chat) -> None:
    _, old = with_password(chat)
    browser = inside(chat)
    browser.opens(ACCOUNT)
    shown = browser.posts(f"{ACCOUNT}/codes", password=GOOD, code=old[0])
    new = re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", shown)
    assert len(new) == 10
    assert not set(new) & set(old)
    assert enters(chat, "boss", GOOD, old[1]).status == 403
    assert enters(chat, "boss", GOOD, new[9]).status == 200


def test_ending_it_asks_for_the_password_and_a_code(chat: Chat) -> None:
    secret, codes = with_password(chat)
    browser = inside(chat)
    browser.opens(ACCOUNT)
    for password, number in ((OTHER, codes[0]), (GOOD, "000000"), ("", "")):
        assert WRONG in browser.posts(f"{ACCOUNT}/close", password=password, code=number)
    assert "密码登录已关闭" in browser.posts(f"{ACCOUNT}/close", password=GOOD, code=code(chat, secret))
    assert chat.stores.accounts.find(chat.member("boss")) is None
    assert "关闭密码登录" in browser.opens("/console/in/main/audit")


def test_a_login_whose_sealing_key_was_lost_can_be_ended(chat: Chat) -> None:
    with_password(chat)
    number = chat.member("boss")
    chat.stores.database.command("HSET", f"qb:{{console}}:account:{number}", "secret", "sealed with another key")
    browser = inside(chat)
    assert "密钥换过了" in browser.opens(ACCOUNT)
    assert enters(chat, "boss", GOOD, "123456").status == 403
    assert "密码登录已关闭" in browser.posts(f"{ACCOUNT}/close", password=GOOD, code="1")


# Sessions -------------------------------------------------------------------------------------------------------------------


def test_sessions_are_listed_and_ended_one_by_one(chat: Chat) -> None:
    phone, desk = inside(chat), inside(chat)
    shown = desk.opens(ACCOUNT)
    assert "你在别处还有 1 个登录" in shown
    assert "同一个网络" in shown
    assert "那个登录已结束" in desk.posts(f"{ACCOUNT}/end", session=desk.field("session"))
    assert "登录码" in phone.opens("/console/")
    assert "别处还有" not in desk.opens(ACCOUNT)


def test_nobody_ends_anothers_session_by_its_digest(chat: Chat) -> None:
    chat.as_admin("角色 李雷 运营")
    owner, other = inside(chat), inside(chat, "lilei")
    [session] = chat.stores.sessions.of(chat.member("boss"), chat.clock())
    other.opens(ACCOUNT)
    other.posts(f"{ACCOUNT}/end", session=session.digest[:24])
    other.posts(f"{ACCOUNT}/end", session="")
    assert owner.opens("/console/")
    assert chat.stores.sessions.count(chat.member("boss"), chat.clock()) == 1


def test_coming_in_again_ends_the_session_before_in_the_same_browser(chat: Chat) -> None:
    secret, _ = with_password(chat)
    number = chat.member("boss")
    chat.stores.sessions.end_all(number)
    browser = enters(chat, "boss", GOOD, code(chat, secret))
    first = browser.client.get_cookie("console_session", path="/console")
    chat.later(seconds=30)
    browser.opens("/console/login")
    browser.posts("/console/login", user="boss", password=GOOD, code=code(chat, secret))
    second = browser.client.get_cookie("console_session", path="/console")
    assert first
    assert second
    assert first.value != second.value
    assert chat.stores.sessions.count(number, chat.clock()) == 1


def test_owners_see_and_end_everybodys_logins(chat: Chat) -> None:
    chat.as_admin("角色 李雷 管理员")
    with_password(chat, "lilei")
    admin, owner = inside(chat, "lilei"), inside(chat)
    assert admin.opens("/console/in/main/logins")
    assert admin.status == 403
    assert "李雷" in owner.opens("/console/in/main/logins")
    assert "已结束" in owner.posts("/console/in/main/logins/end", member=str(chat.member("lilei")), what="password")
    assert "登录码" in admin.opens("/console/")
    assert chat.stores.accounts.find(chat.member("lilei")) is None
    owner.opens("/console/in/main/logins")
    owner.posts("/console/in/main/logins/end", member=str(chat.member("boss")), what="password")
    assert owner.status == 403, "his own is ended with his password and a code"


def test_what_a_page_asks_by_itself_keeps_nobody_awake(chat: Chat) -> None:
    browser = inside(chat)
    cookie = browser.client.get_cookie("console_session", path="/console")
    assert cookie
    for _ in range(4):
        chat.later(minutes=10)
        chat.stores.sessions.look(cookie.value, chat.clock())
    assert chat.stores.sessions.look(cookie.value, chat.clock()) is None
    assert chat.stores.sessions.look("1.x", chat.clock()) is None


def test_a_session_that_an_older_version_began_is_still_good(chat: Chat) -> None:
    browser = inside(chat)
    number, at = chat.member("boss"), to_ms(chat.clock())
    [session] = chat.stores.sessions.of(number, chat.clock())
    chat.stores.database.command("HSET", f"qb:{{console}}:of:{number}", session.digest, f"{at}|{at}")
    chat.later(minutes=1)
    assert "浏览器不明" in browser.opens(ACCOUNT)


# All routes -----------------------------------------------------------------------------------------------------------------


def addresses(chat: Chat, method: str) -> dict[str, str]:
    """Every address of the console that takes a method, filled in, by its endpoint."""
    rules = [rule for rule in web(chat).url_map.iter_rules() if rule.endpoint.startswith("console.") and method in (rule.methods or ())]
    filled = {"place": "main", "number": 1, "member": 1, "planned": 1}
    adapter = web(chat).url_map.bind("localhost")
    return {
        rule.endpoint: adapter.build(
            rule.endpoint, {name: filled.get(name, "csv" if name in ("form", "ending") else "x") for name in rule.arguments}, method=method
        )
        for rule in rules
        if rule.endpoint != "console.nothing"
    }


def test_no_form_of_any_page_is_taken_without_its_proof(chat: Chat) -> None:
    browser = inside(chat)
    posted = addresses(chat, "POST")
    assert len(posted) > 40
    codes = {}
    for endpoint, address in posted.items():
        chat.later(seconds=30)  # the login counts tries
        codes[endpoint] = browser.client.post(address, data={"once": "a1"}).status_code
    assert set(codes.values()) == {403}, {endpoint: status for endpoint, status in codes.items() if status != 403}


def test_every_post_of_a_stranger_leads_to_the_login(chat: Chat) -> None:
    stranger = Visit.of(web(chat))
    for endpoint, address in addresses(chat, "POST").items():
        if endpoint != "console.login":
            assert stranger.client.post(address, data={"once": "a1", "csrf": "0" * 64}).status_code == 303, endpoint


def test_every_answer_keeps_browsers_from_serving_strangers(chat: Chat) -> None:
    browser = inside(chat)
    for endpoint, address in addresses(chat, "GET").items():
        answer = browser.client.get(address)
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy, endpoint
        assert "frame-ancestors 'none'" in policy, endpoint
        assert answer.headers["X-Content-Type-Options"] == "nosniff", endpoint
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin", endpoint
        if endpoint != "console.static":
            assert answer.headers["Cache-Control"] == "no-store", endpoint
        answer.close()


def test_cookies_are_for_this_site_and_no_script(chat: Chat) -> None:
    browser = Visit.of(web(chat))
    browser.opens("/console/login")
    assert browser.page
    answer = browser.client.post(
        "/console/login", data={"csrf": browser.csrf, "code": chat.stores.sessions.invite(chat.member("boss"), chat.clock())}
    )
    for cookie in (*browser.page.headers.getlist("Set-Cookie"), *answer.headers.getlist("Set-Cookie")):
        for word in ("HttpOnly", "SameSite=Strict", "Path=/console"):
            assert word in cookie
