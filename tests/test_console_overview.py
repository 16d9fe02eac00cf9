"""总览 and 指标: what is wrong stands first with its reason and its button, figures are those of the book, and nobody sees another's."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chat import FAR, MAIN, SUB, Chat, OpenChat
from visits import MAIN_PAGE, Visit, met, new_web, visit, web

from bot.health_desk import ring_health
from commands.past import Past, bring_past, pasts
from console import home_pages, live
from console.glances import lamp_of
from console.live import Changes
from rules.figures import Where
from rules.health import Light, Remedy
from rules.metrics import METRICS

pytest_plugins = ("chat",)

NUMBERS = "/console/in/main/numbers"
WELL, SICK, YOUNG = pasts([f"u{n}" for n in range(30)], unwell=("main", MAIN), well=("far", FAR), young=("main", MAIN))


def has_a_past(chat: Chat, *found: Past) -> Chat:
    """The bot after nine weeks."""
    bring_past(chat.stores.database, chat.stores.shards, found, chat.clock().date())
    return met(chat)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return open_chat()


def cards(page: str) -> list[tuple[str, str, str]]:
    """The communities of the page over all of them: colour, place, text."""
    found = re.findall(r'<li class="well (\w+)"[^>]*data-place="(\w+)">(.*?)</li>', page, re.DOTALL)
    return [(colour, place, re.sub(r"<[^>]+>|\s+", " ", text)) for colour, place, text in found]


def weight_of(browser: Visit, path: str) -> int:
    """The bytes of a page with all that it loads, as they go over the wire."""
    page = browser.opens(path)
    files = set(re.findall(r'(?:src|href)="(/console/static/[^"]+)"', page))
    return len(page.encode()) + sum(len(browser.client.get(file, headers={"Accept-Encoding": "gzip"}).data) for file in files)


# Over all communities -------------------------------------------------------------------------------------------------------


def test_the_unwell_community_stands_first_with_its_reason_and_its_act_and_all_are_found(chat: Chat) -> None:
    browser = visit(has_a_past(chat, SICK, WELL))
    page = browser.opens("/console/")
    assert "1 个社群需要处理" in page
    (first, place, text), (second, _, fine) = cards(page)
    assert (first, place, second) == ("red", "main", "green")
    assert "34%（41 → 27 人）" in text
    assert "7 天（到昨天） 27 人" in " ".join(text.split()), "the figure beside the reason is of the same seven days"
    assert 'href="/console/in/main/calendar"' in page
    assert "项指标都好" in fine
    assert [place for _, place, _ in cards(browser.opens("/console/?q=纽约"))] == ["far"]
    assert [place for _, place, _ in cards(browser.opens("/console/?only=red"))] == ["main"]
    assert "没有这样的社群" in browser.opens("/console/?q=没有这个&page=9")
    for path in ("/console/", MAIN_PAGE):
        assert weight_of(browser, path) < 150_000, f"{path}: half of what is allowed, for no picture is in it"


def test_who_sees_one_community_is_there_at_once_and_of_others_he_sees_nothing(chat: Chat) -> None:
    met(chat)
    chat.as_admin("角色 李雷 观察员")
    browser = visit(chat, "lilei")
    page = browser.opens("/console/")
    assert browser.page
    assert browser.page.request.path == MAIN_PAGE
    assert "纽约" not in page
    browser.opens(f"{NUMBERS}?all=1")
    assert browser.status == 403
    browser.opens("/console/in/far/numbers")
    assert browser.status == 404
    browser.opens(f"{NUMBERS}?chat={FAR}")
    assert browser.status == 404


def test_without_a_past_nothing_is_called_well_or_unwell(chat: Chat) -> None:
    page = visit(met(chat)).opens("/console/")
    assert "还看不出来" in page
    assert {colour for colour, *_ in cards(page)} == {"grey"}


# Of one community -----------------------------------------------------------------------------------------------------------


def test_the_overview_says_what_is_wrong_and_what_can_not_be_told_yet(chat: Chat) -> None:
    page = visit(has_a_past(chat, SICK)).opens(MAIN_PAGE)
    health = page[page.index('id="health"') : page.index('id="todo-head"')]
    assert health.index("34%（41 → 27 人）") < health.index("首次答复") < health.index("还看不出来")
    assert "/console/in/main/tickets" in health
    assert "会话内容存档" in health, "what would light a grey lamp"


def test_a_light_leads_nobody_where_he_may_not_go(chat: Chat) -> None:
    has_a_past(chat, SICK)
    chat.as_admin("角色 李雷 观察员")
    browser = visit(chat, "lilei")
    page = browser.opens(MAIN_PAGE)
    health = page[page.index('id="health"') : page.index('id="todo-head"')]
    assert "先答等得最久的工单" in health
    assert "/console/in/main/tickets" not in health
    assert "没有要处理的事。" not in page, "he does not see what there may be"
    for href in re.findall(r'href="([^"]+)" data-testid="remedy"', health):
        browser.opens(href)
        assert browser.status == 200, href


def test_who_may_not_see_what_runs_is_led_to_the_groups(chat: Chat) -> None:
    met(chat)
    chat.stores.roles.grant(chat.member(), "main", "admin", seen="", once="admin")
    silent = Light("push_reach", "送达率", "red", "没送到", remedy=Remedy("看看哪一条没有送到", "看没送到的", "running"))
    for user, leads in (("boss", ("/console/running?place=main", "看没送到的")), ("lilei", ("/console/in/main/groups", "看社群"))):
        browser = visit(chat, user)
        with browser.app.test_request_context("/console/", headers={"Cookie": cookie_of(browser)}):
            browser.app.preprocess_request()
            lamp = lamp_of(silent, chat.community)
        assert (lamp.href, lamp.label) == leads


def cookie_of(browser: Visit) -> str:
    """What a browser shows at the door."""
    cookie = browser.client.get_cookie("console_session", path="/console")
    assert cookie
    return f"console_session={cookie.value}"


def test_todays_figures_are_what_was_said_today(chat: Chat) -> None:
    browser = visit(met(chat))
    for at in range(3):
        chat.says(f"你好 {at}", user="hanmei", name="韩梅梅")
    page = browser.opens(MAIN_PAGE)
    [day] = chat.stores.daybook.days(Where("main"), chat.clock().date(), chat.clock().date(), chat.clock().date())
    assert f"<strong>{day.counts['messages']} 次</strong>" in page
    assert f"<strong>{day.spoke.day} 人</strong>" in page


# 指标 ------------------------------------------------------------------------------------------------------------------------


def test_every_indicator_is_on_the_page_with_its_formula(chat: Chat) -> None:
    browser = visit(has_a_past(chat, YOUNG))
    for length in ("day", "week", "month"):
        page = browser.opens(f"{NUMBERS}?length={length}")
        for metric in METRICS.values():
            assert (metric.name in page) == (length in metric.lengths), (length, metric.id)
    assert METRICS["mau"].formula in page


def test_a_group_and_the_whole_installation_have_figures_of_their_own(chat: Chat) -> None:
    browser = visit(has_a_past(chat, YOUNG, replace(WELL, days=4)))

    def members(query: str) -> str:
        page = browser.opens(f"{NUMBERS}?length=day&{query}")
        found = re.search(r'data-metric="messages".*?<td class="number">([\d,]+) 次', page, re.DOTALL)
        return found[1] if found else ""

    main, everything = members(""), members("all=1")
    assert members(f"chat={MAIN}") == main
    assert int(everything) > int(main) > 0
    assert members(f"chat={SUB}") in ("", "0")


def test_every_indicator_has_a_page(chat: Chat) -> None:
    browser = visit(has_a_past(chat, YOUNG))
    for metric in METRICS.values():
        assert metric.formula in browser.opens(f"{NUMBERS}/of/{metric.id}"), metric.id
    browser.opens(f"{NUMBERS}/of/nonsense")
    assert browser.status == 404


def test_what_the_pages_show_is_what_stands_in_the_book(chat: Chat) -> None:
    browser, today = visit(has_a_past(chat, replace(SICK, days=21))), chat.clock().date()
    yesterday = today - timedelta(days=1)
    days = chat.stores.daybook.days(Where("main"), yesterday - timedelta(days=55), yesterday, today)

    page = browser.opens(f"{NUMBERS}?length=week")
    row = page[page.index('data-metric="wau"') :]
    assert f'<td class="number">{days[-1].spoke.week} 人</td>' in row[: row.index("</tr>")]

    page = browser.opens(f"{NUMBERS}/of/dau?length=day")
    values = re.findall(r"<td>(\d{4}-\d\d-\d\d)</td><td class=\"number\" data-value=\"([\d.]+)\"", page)
    assert values == [(day.day.isoformat(), str(day.spoke.day)) for day in reversed(days[-21:])]
    rows = browser.opens(f"{NUMBERS}/of/dau.csv?length=day").strip().splitlines()
    assert rows[-1].split(",") == list(values[0])
    assert browser.page
    assert "attachment" in browser.page.headers["Content-Disposition"]

    page = browser.opens(f"{NUMBERS}/hours")
    assert re.search(r"周六 21 点（\d+ 条）|周日 21 点（\d+ 条）", page)
    assert sum(int(n) for n in re.findall(r"点：(\d+) 条", page)) == sum(day.counts.get("messages", 0) for day in days)

    page = browser.opens(f"{NUMBERS}/retention")
    assert f'合计</th><td class="number">{sum(day.new for day in days)}</td>' in page


# What is sent, and how -------------------------------------------------------------------------------------------------------


def test_static_files_come_compressed_to_who_can_read_that(chat: Chat) -> None:
    stranger = Visit.of(web(chat))
    plain = stranger.client.get("/console/static/vendor/htmx.min.js")
    packed = stranger.client.get("/console/static/vendor/htmx.min.js", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    refused = stranger.client.get("/console/static/vendor/htmx.min.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers
    again = stranger.client.get("/console/static/vendor/htmx.min.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


# Live ------------------------------------------------------------------------------------------------------------------------


def events_of(lines: str) -> list[list[str]]:
    """Which communities the stream named."""
    return [json.loads(data) for data in re.findall(r"event: changed\ndata: (.*)", lines)]


def first_lines(browser: Visit, query: str = "", mark: str = "") -> str:
    answer = browser.client.get(f"/console/live{query}", headers={"Last-Event-ID": mark} if mark else {}, buffered=False)
    assert answer.mimetype == "text/event-stream"
    lines: Any = answer.response
    first = next(iter(lines))
    answer.close()
    return str(first, "utf-8") if isinstance(first, bytes) else str(first)


def test_a_stream_names_what_changed_since_the_browser_saw_it_and_only_what_he_may_see(chat: Chat) -> None:
    met(chat)
    chat.as_admin("角色 李雷 观察员")
    owner, viewer = visit(chat), visit(chat, "lilei")
    begun = first_lines(owner)
    assert "retry: 5000" in begun
    assert events_of(begun) == [], "his page is as new as that"
    assert events_of(first_lines(owner, mark="1")) == [["far", "main"]], "who was away for long is told to look anew"
    assert events_of(first_lines(viewer, mark="1")) == [["main"]]
    assert events_of(first_lines(owner, "?place=far", mark="1")) == [["far"]]
    viewer.opens("/console/live?place=far")
    assert viewer.status == 404


@pytest.mark.parametrize("loses", ["session", "role"])
def test_a_stream_of_a_busy_community_ends_with_the_session_and_with_the_role(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, loses: str
) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.01)
    monkeypatch.setattr(live, "BEAT_S", 0.5)
    met(chat)
    chat.as_admin("角色 李雷 观察员")
    held = visit(chat, "lilei", app=new_web(chat)).client.get("/console/live", buffered=False)
    lines: Any = iter(held.response)
    assert next(lines)
    if loses == "session":
        chat.stores.sessions.end_all(chat.member())
    else:
        chat.stores.roles.grant(chat.member(), "main", "", seen="viewer", once="taken")
    for at in range(500):
        chat.says(f"你好 {at}", user="hanmei", name="韩梅梅")
        if next(lines, None) is None:
            break
    else:
        pytest.fail("news put the look at his session off for ever")
    held.close()


def test_streams_are_few_and_their_places_are_given_back(chat: Chat) -> None:
    browser = visit(met(chat))
    most = chat.config.server.threads // 4
    held = [browser.client.get("/console/live", buffered=False) for _ in range(most)]
    late = browser.client.get("/console/live")
    assert "retry: 5000" in late.get_data(as_text=True), "he is sent away at once, and comes again"
    for stream in held:
        stream.close()
    again = [browser.client.get("/console/live", buffered=False) for _ in range(most)]
    for stream in again:
        assert next(iter(stream.response))
        stream.close()


def test_streams_end_when_the_process_is_asked_to_end(chat: Chat) -> None:
    app = new_web(met(chat))
    browser = visit(chat, app=app)
    held = browser.client.get("/console/live", buffered=False)
    lines: Any = iter(held.response)
    assert next(lines)
    for end in app.extensions["at_exit"]:
        end()
    assert list(lines) == [], "within the second in which it looks again"
    held.close()


def test_a_look_at_what_changed_serves_everybody_for_a_second(chat: Chat) -> None:
    now = [0.0]
    changes = Changes(chat.stores.events, monotonic=lambda: now[0])
    begun = changes.look()
    chat.says("你好")
    assert changes.look() == begun, "within the same second nobody asks again"
    now[0] = 1.0
    mark = changes.look()
    assert changes.since(begun, frozenset({"main", "far"})) == ["main"]
    assert changes.since(mark, frozenset({"main", "far"})) == []
    now[0] = 2.0
    assert changes.look() == mark, "and where nothing happened nothing changed"


def test_an_open_page_keeps_no_session_awake(chat: Chat) -> None:
    browser = visit(met(chat))
    for _ in range(4):
        chat.later(minutes=10)
        browser.client.get(MAIN_PAGE, headers={"X-Live": "1"})
    browser.opens(MAIN_PAGE)
    assert "登录码" in browser.opens(MAIN_PAGE), "forty minutes without a click"


# What a page costs, and what it leads to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "most"), [("/console/", 11), ("/console/in/main/", 26), (NUMBERS, 5), (f"{NUMBERS}/hours", 5), (f"{NUMBERS}/retention", 5)]
)
def test_a_page_of_figures_costs_as_many_round_trips_however_much_it_shows(chat: Chat, path: str, most: int) -> None:
    browser, today = visit(has_a_past(chat, SICK, WELL)), chat.community.keys.day_of(chat.clock())
    while chat.stores.daybook.close({}, today, chat.clock()):
        pass
    ring_health(chat.stores, chat.config, chat.live.current, chat.communities, chat.clock())
    trips: list[int] = []
    chat.stores.database._on_round_trip = lambda: trips.append(1)
    browser.opens(path)
    assert len(trips) <= most


def test_the_page_of_all_communities_has_the_menu_of_none(chat: Chat) -> None:
    browser = visit(has_a_past(chat, SICK, WELL))
    everywhere, here = (browser.opens(path).partition('aria-label="页面"')[2].partition("</nav>")[0] for path in ("/console/", MAIN_PAGE))
    assert "/console/in/main/faq" in here
    assert "/console/in/" not in everywhere
    assert "/console/running" in everywhere
    assert "<small>社群</small>全部社群" in browser.opens("/console/")


def test_communities_that_the_clock_has_yet_to_look_at_are_counted_and_few_are_judged_meanwhile(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = visit(has_a_past(chat, SICK, WELL))
    assert 'data-testid="late"' not in browser.opens("/console/")
    monkeypatch.setattr(home_pages, "FEW", 1)
    page = browser.opens("/console/")
    assert "1 个社群这一小时还没看过" in page
    assert [colour for colour, *_ in cards(page)].count("grey") == 1


def test_a_share_of_very_few_has_no_shade_and_the_busiest_hour_is_shown_first(chat: Chat) -> None:
    today = chat.community.keys.day_of(chat.clock())
    monday = today - timedelta(days=today.weekday() + 28)
    for first, came in ((monday, range(2, 5)), (monday + timedelta(days=7), range(10, 20))):
        chat.stores.daybook.bring(Where("main"), first, counts={"messages": 9, "h:20": 9}, spoke=came, came=came)
        chat.stores.daybook.bring(Where("main"), first + timedelta(days=1), counts={"messages": 8, "h:20": 8}, spoke=came)
    browser = visit(chat)
    shades = re.findall(r'shade-(\d)" title="(\d+) 人里 (\d+) 人"', browser.opens(f"{NUMBERS}/retention"))
    assert ("0", "3", "3") in shades
    assert ("5", "10", "10") in shades
    page = browser.opens(f"{NUMBERS}/hours")
    [busiest] = re.findall(r"<td[^>]* data-busiest[^>]*>", page)
    assert f"周{'一二三四五六日'[0]} 20 点" in busiest


def test_what_members_found_useful_is_counted_in_the_same_days_as_what_was_answered(chat: Chat) -> None:
    where = chat.community.keys
    for days, verdict in ((40, "useful"), (2, "useful"), (1, "useless")):
        at = chat.clock() - timedelta(days=days)
        chat.stores.feedback.give(where, "refund", f"{days}", 5, verdict, at)
    assert "有用 1，没用 1" in visit(chat).opens(MAIN_PAGE)
