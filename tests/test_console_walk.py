"""Every page of the console in a real Chromium, and every write route against those who may not use it: both follow the table of routes.

The suite sees half of the pages, the other half tomorrow, each as somebody, in a width and colours that change from page to page and from day to
day; ``BOT_WALK=whole`` sees all of them (``make soak``).
"""

from __future__ import annotations

import html
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import visible
from casework import INSULT, by_words_alone, quotes
from chat import Chat, OpenChat
from flask import Flask
from playwright.sync_api import Browser, Page
from trying import send, tend, trying
from visits import code_of, eventful, visit, web
from werkzeug.routing import Rule
from werkzeug.serving import make_server

from bot.mailing import fire
from console.tables import TABLES
from rules.ladder import Ladder
from rules.metrics import METRICS
from storage.machine import Machine
from storage.moment import to_ms
from storage.outbox import Delivery
from tests.drawn import DAY, drawn

pytest_plugins = ("chat",)

ROLES = {"owner": "boss", "operator": "lilei", "viewer": "john"}
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SIZES = {"desk": DESK, "phone": PHONE}
IS_WHOLE = os.environ.get("BOT_WALK", "") == "whole"
TURN = 0 if DAY == "all" else int(DAY) // 2
"""Which day's widths, colours and visitors."""
PAGE_MS = 60_000
EXAMPLES = Path(__file__).parent.parent / "examples" / "extensions"
AXE = Path(__file__).parent / "vendor_peers" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ("serious", "critical")

SAID = datetime(2026, 3, 18, 1, tzinfo=UTC)
"""When the morning's push was due whose mailing is looked at."""
WHERE = "/console/in/main/"
ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "login": ("/console/login",),
    "home": ("/console/",),
    "search": ("/console/search?in=main&q=积分", "/console/search?in=main&q=什么都不是"),
    "overview": (WHERE,),
    "account": ("/console/account",),
    "logins": (f"{WHERE}logins",),
    "tokens": (f"{WHERE}tokens",),
    "numbers": (f"{WHERE}numbers", f"{WHERE}numbers?length=month"),
    "numbers_of": (f"{WHERE}numbers/of/{next(iter(METRICS))}",),
    "numbers_hours": (f"{WHERE}numbers/hours",),
    "numbers_retention": (f"{WHERE}numbers/retention",),
    "reports": (f"{WHERE}reports",),
    "report": (f"{WHERE}reports/2026-W11",),
    "calendar": (f"{WHERE}calendar", f"{WHERE}calendar?new=1"),
    "calendar_ahead": (f"{WHERE}calendar/ahead",),
    "calendar_files": (f"{WHERE}calendar/files",),
    "mailing": (f"{WHERE}calendar/mailing/morning/{to_ms(SAID)}",),
    "experiments": (f"{WHERE}experiments",),
    "experiment": (f"{WHERE}experiments/tea",),
    "groups": (f"{WHERE}groups",),
    "audit": (f"{WHERE}audit",),
    "faq": (f"{WHERE}faq", f"{WHERE}faq?q=什么都不是", f"{WHERE}faq?only=conflicts"),
    "faq_edit": (f"{WHERE}faq/edit?id=refund", f"{WHERE}faq/edit"),
    "faq_try": (f"{WHERE}faq/try?text=怎么退款",),
    "faq_unanswered": (f"{WHERE}faq/unanswered",),
    "faq_history": (f"{WHERE}faq/history?version=1",),
    "faq_files": (f"{WHERE}faq/files",),
    "members": (f"{WHERE}members", f"{WHERE}members?q=无此人"),
    "member": (f"{WHERE}members/{{member}}", f"{WHERE}members/{{quiet}}"),
    "member_past": (f"{WHERE}members/{{member}}/past",),
    "settings": (f"{WHERE}settings",),
    "running": ("/console/running",),
    "points": (f"{WHERE}points?board=all",),
    "segments": (f"{WHERE}segments",),
    "segment": (f"{WHERE}segments/one?id=core", f"{WHERE}segments/one?text=lvel > 3", f"{WHERE}segments/one"),
    "segments_history": (f"{WHERE}segments/history",),
    "shop": (f"{WHERE}shop",),
    "orders": (f"{WHERE}orders?only=all",),
    "order": (f"{WHERE}orders/2",),
    "flows": (f"{WHERE}flows",),
    "flow": (f"{WHERE}flows/newcomer",),
    "challenges": (f"{WHERE}challenges",),
    "challenge": (f"{WHERE}challenges/members?id=reading",),
    "activities": (f"{WHERE}activities",),
    "activity_kinds": (f"{WHERE}activities/new",),
    "activity_new": (f"{WHERE}activities/new/poll", f"{WHERE}activities/new/quiz"),
    "activity": tuple(f"{WHERE}activities/{number}" for number in (1, 2, 4, 5)),
    "submissions": (f"{WHERE}submissions",),
    "submissions_featured": (f"{WHERE}submissions/featured",),
    "submission": (f"{WHERE}submissions/1",),
    "invitations": (f"{WHERE}invitations",),
    "inviter": (f"{WHERE}invitations/of/{{member}}",),
    "tickets": (f"{WHERE}tickets",),
    "ticket": (f"{WHERE}tickets/1",),
    "cases": (f"{WHERE}cases", f"{WHERE}cases?show=all", f"{WHERE}cases?category=scam"),
    "case": tuple(f"{WHERE}cases/{number}" for number in (1, 2, 3)),
    "cases_appeals": (f"{WHERE}cases/appeals",),
    "cases_report": (f"{WHERE}cases/report",),
    "cases_trial": (f"{WHERE}cases/trial",),
    "words": (f"{WHERE}words", f"{WHERE}words?kind=allow", f"{WHERE}words?q=没有这个词"),
    "words_try": (f"{WHERE}words/try",),
    "words_history": (f"{WHERE}words/history",),
    "words_new": (f"{WHERE}words/new", f"{WHERE}words/new?word=坏坏坏"),
    "words_edit": (f"{WHERE}words/edit?id=傻叉",),
    "words_files": (f"{WHERE}words/files",),
    "rules": (f"{WHERE}rules/points", f"{WHERE}rules/flows?id=newcomer"),
    "extension": (f"{WHERE}x/birthdays",),
    "nothing": (f"{WHERE}nothing",),
}
"""Where each page is looked at: by the endpoint of its route, every state worth a look."""
NO_PAGES = {
    "static": "files of the console itself", "activity_picture": "a picture", "activity_proof": "a text to download",
    "activity_answers": "a file", "faq_export": "a file", "words_export": "a file", "numbers_file": "a file", "report_file": "a file",
    "calendar_export": "a file", "live": "a stream", "member_habits": "a part of a page", **{f"table_{name}": "a table as a file" for name in TABLES},
}  # fmt: skip
"""Routes that are read without being pages, and why."""


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """A community with something of everything, an operator and a viewer."""
    chat = eventful(open_chat(dry_run=False, extensions={"folder": str(EXAMPLES)}))
    chat.says("我的生日 3-20")
    by_words_alone(chat, Ladder(spare_newcomers=False), trial="off")
    for user, words in (("lilei", INSULT), ("hanmei", f"{'很长的前缀' * 30}{INSULT}")):
        chat.says(words, user=user)
    quotes(chat, "加我微信领资料，名额有限", "举报 @钱多多 又在发广告", user="wang")
    chat.privately("申诉 1 我们是老朋友，开玩笑的")
    for asked in ("停车场晚上几点关门", "停车场几点关门呀", "可以带宠物进店吗"):
        chat.says(asked)
    chat.says("你好", user="lucy", group="wrNOBODY")
    chat.as_admin("角色 lilei 运营")
    chat.as_admin("角色 john 观察员")
    chat.stores.notes.add(chat.community.keys, chat.member(), "对新品感兴趣，下周回访", chat.member("boss"), chat.clock(), once="note")
    send(trying(chat), range(1, 40))
    tend(chat)
    run_for_a_while(chat)
    return chat


def run_for_a_while(chat: Chat) -> None:
    """What the machine shows after a day: processes that are alive, and a post that WeCom refused."""
    now_ms, day_ms, shard = to_ms(chat.clock()), 86_400_000, chat.community.shard
    morning = next(push for push in chat.live.current.pushes if push.id == "morning")
    assert fire(morning, chat.community, SAID, chat.stores, chat.config, chat.live.current, chat.clock())
    for name in ("web.bot-1.4711", "web.bot-1.4712", "worker.bot-1.4713"):
        Machine(chat.stores.database, lambda name=name: name, 16).beat(now_ms - day_ms, now_ms, "3f9c21aa")  # type: ignore[misc]
    body = {"msgtype": "text", "text": {"content": "早安！今天也要读十页书。"}}
    outbox = chat.stores.outbox
    outbox.enqueue(shard, [Delivery("push:morning", "bulk", "hook.main.wrSUB", "webhook", "main", body, born_ms=now_ms)], now_ms)
    lease = outbox.lease(shard, "bulk", "hook.main.wrSUB", "test", now_ms, 1000)
    assert lease
    outbox.dead(lease, "机器人已被移出群：在群里重新添加“消息推送”，把新地址换上", now_ms, 93000)


def rules_of(app: Flask) -> list[Rule]:
    """The console's routes."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("console.")]


def endpoint(rule: Rule) -> str:
    return str(rule.endpoint).removeprefix("console.")


def test_every_page_of_the_route_table_is_walked(chat: Chat) -> None:
    read = {endpoint(rule) for rule in rules_of(web(chat)) if "GET" in (rule.methods or ())}
    assert sorted(read ^ {*ADDRESSES, *NO_PAGES}) == [], "a new page gets an address in this file, a file its reason"


# What is taken along --------------------------------------------------------------------------------------------------------


KEPT_HERE = {"account": "one's own logins; owners take everybody's along", "settings": "a menu of what may be set"}
"""Pages that list something which nobody takes along, and why."""
EMPTY = frozenset({"tokens", "featured", "invitations", "brought", "judged"})
"""Tables of which this community has nothing."""
LISTS = re.compile(r'<table|<ul class="entries')
TABLE = re.compile(r'href="([^"]*/tables/(\w+)\.csv[^"]*)"')
OTHER_FILES = re.compile(r'href="[^"]*(?:\.csv|/csv|/files)[^"]*"')


def test_whatever_a_page_lists_may_be_taken_along(chat: Chat) -> None:
    owner, bare, rows = visit(chat), set(), dict[str, int]()
    for name, paths in ADDRESSES.items():
        page = owner.opens(paths[0].format(member=chat.member("lilei"), quiet=chat.member("lucy")))
        found = TABLE.findall(page)
        for link, table in found:
            chat.later(seconds=30)
            answer = owner.client.get(html.unescape(link))
            assert answer.status_code == 200, link
            rows[table] = max(rows.get(table, 0), len(answer.get_data(as_text=True).splitlines()) - 1)
        if LISTS.search(page) and not found and not OTHER_FILES.search(page):
            bare.add(name)
    assert bare == KEPT_HERE.keys()
    assert rows.keys() == TABLES.keys(), "each is offered on the page that it names"
    assert {table for table, n in rows.items() if not n} == EMPTY


def test_what_is_taken_along_holds_no_secret_and_no_words_to_one_person(chat: Chat) -> None:
    owner, now = visit(chat), chat.clock()
    shown, made = chat.stores.api_tokens.make(
        "报表", "main", names=False, by=chat.member("boss"), now=now, until=now + timedelta(days=30), once="t"
    )
    now_ms, outbox, shard = to_ms(now), chat.stores.outbox, chat.community.shard
    letter = Delivery(
        "to-one", "now", "app.desk", "app", "main", {"msgtype": "text", "text": {"content": "只给你一个人的话"}}, member=2, born_ms=now_ms
    )
    outbox.enqueue(shard, [letter], now_ms)
    lease = outbox.lease(shard, "now", "app.desk", "test", now_ms, 1000)
    assert lease
    outbox.dead(lease, "不收", now_ms)
    told = "".join(owner.opens(f"/console{TABLES[name].path('main', 'csv')}") for name in ("tokens", "letters", "logins"))
    assert made.id in told
    assert shown not in told
    assert "to-one" in told
    assert "只给你" not in told
    assert "早安！今天也要读" in told, "what a group was to hear may be read"
    assert not [one.digest for one in chat.stores.sessions.of(chat.member("boss"), chat.clock()) if one.digest in told]


def test_what_is_about_all_communities_is_given_to_who_has_the_role_in_all(chat: Chat) -> None:
    chat.as_admin("角色 lilei 管理员")
    of_one, of_none = visit(chat, "lilei"), visit(chat, "john")
    for table in (one for one in TABLES.values() if one.is_for_all):
        assert [who.client.get(f"/console{table.path('', 'xlsx')}").status_code for who in (of_one, of_none)] == [403, 403]
    assert "/tables/" not in of_one.opens("/console/running")


# Who may not write ----------------------------------------------------------------------------------------------------------


def writes(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Every route that changes something, with an address of it in the main community."""
    for rule in rules_of(app):
        if "POST" not in (rule.methods or ()) or endpoint(rule) == "nothing":
            continue
        path = rule.rule.replace("<place>", "main")
        path = re.sub(r"<int:[a-z]+>", "1", path)
        yield rule, re.sub(r"<[^>]*>", "poll", path)


OWN = frozenset({"login", "logout", "end_others", *(f"account_{act}" for act in ("close", "codes", "end", "password", "set_up"))})
"""What everybody does with his own session."""
TRIES = frozenset({"faq_preview", "faq_try", "words_try"})
"""What is posted because it is long, and changes nothing."""


def test_a_viewer_writes_nothing(chat: Chat) -> None:
    viewer = visit(chat, "john")
    viewer.opens(WHERE)
    answers = {}
    for rule, path in writes(web(chat)):
        if endpoint(rule) in OWN | TRIES:
            continue
        viewer.page = viewer.client.post(path, data={"csrf": viewer.csrf, "once": "a"})
        answers[path] = viewer.status
    assert answers
    assert {path: status for path, status in answers.items() if status != 403} == {}


def test_nobody_reads_or_writes_in_a_community_where_he_has_no_role(chat: Chat) -> None:
    viewer = visit(chat, "john")
    viewer.opens(WHERE)
    answers = {}
    for rule in rules_of(web(chat)):
        if "<place>" not in rule.rule:
            continue
        path = re.sub(r"<[^>]*>", "poll", re.sub(r"<int:[a-z]+>", "1", rule.rule.replace("<place>", "far")))
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        answer = viewer.client.open(path, method=method, data={"csrf": viewer.csrf, "once": "a"} if method == "POST" else None)
        answers[f"{method} {path}"] = answer.status_code
    assert {path: status for path, status in answers.items() if status != 404} == {}


def test_nothing_is_written_without_the_proof_of_a_page(chat: Chat) -> None:
    owner = visit(chat)
    for rule, path in writes(web(chat)):
        if endpoint(rule) != "login":
            assert owner.client.post(path, data={"once": "a"}).status_code == 403, path


# The walk -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one page: as whom, how wide, by day or by night."""

    name: str
    path: str
    role: str
    size: str
    scheme: str


def looks(member: int, quiet: int) -> Iterator[Look]:
    """All of them, or one of each second state of a page: as somebody, in a width and colours that change from one to the next."""
    ways = list(itertools.product(SIZES, ("light", "dark")))
    states = [(name, at, path) for name, paths in ADDRESSES.items() for at, path in enumerate(paths)]
    for place, (name, at, path) in enumerate(states if IS_WHOLE else drawn(states, 2), TURN):
        roles = list(ROLES) if IS_WHOLE else [("owner", "operator", "owner", "viewer", "owner")[place % 5]]
        for role, (size, scheme) in itertools.product(roles, ways if IS_WHOLE else [ways[place % 4]]):
            yield Look(f"{name}{f'-{at + 1}' if at else ''}", path.format(member=member, quiet=quiet), role, size, scheme)


@pytest.fixture
def address(chat: Chat) -> Iterator[str]:
    """Where the console is served."""
    server = make_server("127.0.0.1", 0, web(chat), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)


def logged_in(chromium: Browser, address: str, chat: Chat, user: str, complaints: list[str]) -> Page:
    """A browser of somebody who has logged in; what its pages complain of is collected."""
    context = chromium.new_context(locale="zh-CN", device_scale_factor=1, reduced_motion="reduce")
    if AXE.exists():
        context.add_init_script(path=AXE)  # half a megabyte, given to the browser once
    page = context.new_page()
    page.set_default_timeout(PAGE_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" and "status of 4" not in said.text else None)
    page.goto(f"{address}/console/login#{code_of(chat, user, group='wrADMIN' if user == 'boss' else '')}")
    page.get_by_test_id("enter").click()
    page.get_by_test_id("me").wait_for(state="attached")
    return page


def faults(page: Page, look: Look) -> list[str]:
    """What is wrong with a page as it is seen now."""
    seen: Any = page.evaluate(SEEN)
    found = [f"sticks out: {seen['widest']}"] if seen["is_wide"] else []
    found += [f"a field without a label: {field}" for field in seen["unnamed"]]
    found += [
        f"{one['id']}: {one['nodes'][0]['html'][:120]} ({len(one['nodes'])}) {one['nodes'][0]['failureSummary'][:200]}"
        for one in seen["violations"]
        if one["impact"] in GRAVE
    ]
    return [f"{look.role} {look.size} {look.scheme} {look.path}: {fault}" for fault in found]


SEEN = """async () => ({
  is_wide: document.documentElement.scrollWidth > innerWidth,
  widest: [...document.querySelectorAll('main *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 3).map(one => one.outerHTML.slice(0, 100)).join(' | '),
  unnamed: [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
    .filter(one => !one.labels.length && !one.ariaLabel).map(one => one.outerHTML.slice(0, 100)),
  violations: globalThis.axe ? (await axe.run(document, {resultTypes: ['violations']})).violations : [],
})"""
"""All that is asked of a page, in one go."""


@pytest.mark.skipif(not visible.CHROMIUM.exists(), reason="no /usr/bin/chromium here: the console was not looked at")
@pytest.mark.timeout(3600 if IS_WHOLE else 600)
def test_every_page_is_well_seen_by_everybody(address: str, chat: Chat) -> None:
    complaints: list[str] = []
    wrong: list[str] = []
    statuses: dict[tuple[str, str], int] = {}
    with visible.a_browser() as chromium:
        pages = {role: logged_in(chromium, address, chat, user, complaints) for role, user in ROLES.items()}
        waiting = list(looks(chat.member(), chat.member("zhao")))
        while waiting:
            look = waiting.pop(0)
            page = pages[look.role]
            page.set_viewport_size(SIZES[look.size])  # type: ignore[arg-type]
            page.emulate_media(color_scheme=look.scheme)  # type: ignore[arg-type]
            answer = page.goto(f"{address}{look.path}")
            statuses[look.name, look.role] = status = answer.status if answer else 0
            if status == 403 and not IS_WHOLE:  # it is not for him: somebody else looks
                waiting.insert(0, replace(look, role="owner"))
                continue
            wrong += faults(page, look)
            visible.keep(page, f"walk-{look.name}-{look.role}-{look.size}-{look.scheme}", whole=True)
    assert wrong == []
    assert complaints == [], "nothing was stopped by the policy, no script failed"
    assert {where: status for where, status in statuses.items() if status not in (200, 403) and where[0] != "nothing"} == {}
    assert {where[0]: status for where, status in statuses.items() if where[1] == "owner" and status not in (200, 404)} == {}
