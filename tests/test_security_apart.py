"""An administrator of one community against another: every address and every form of the console, with the other's numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from chat import FAR, Chat, OpenChat
from test_console_walk import ADDRESSES, WHERE, endpoint, rules_of, run_for_a_while
from visits import eventful, visit, web
from werkzeug.test import TestResponse

pytest_plugins = ("chat",)

THERE = "/console/in/far/"
SAID = (
    "韩梅梅", "王芳", "赵小敏", "钱多多", "团建去哪儿", "周年抽奖", "新年大奖", "周六爬山",
    "这本书教我", "发票怎么一直没有收到", "活动再多一些就好了", "对新品感兴趣", "带宠物进店", "你最近怎么读书",
)  # fmt: skip
"""Words of the main community that are in no content and no example of a page."""
HIDDEN = tuple(word for word in SAID if word not in ("韩梅梅", "周年抽奖", "周六爬山", "你最近怎么读书"))
"""Those that are in no example of a command either."""
FILES = {
    "activity_picture": (f"{WHERE}activities/2/picture.png",),
    "activity_proof": (f"{WHERE}activities/2/proof.txt",),
    "activity_answers": (f"{WHERE}activities/4/answers.csv",),
}


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, and what its fields and each of its buttons would send."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def sent(self) -> Iterator[dict[str, str]]:
        for name, value in self.buttons or [("", "")]:
            yield {**self.fields, name: value} if name else self.fields


class Forms(HTMLParser):
    """The forms of a page that change something."""

    def __init__(self, page: str, address: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._form: Form | None = None
        self._address, self._text, self._choice = address, "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        its = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(its.get("action") or self._address) if its.get("method", "").lower() == "post" else None
            self.found += [self._form] if self._form else []
        form, name = self._form, its.get("name", "")
        if not form:
            return
        if tag == "button" and name:
            form.buttons.append((name, its.get("value", "")))
        elif tag == "input" and name:
            form.fields[name] = its.get("value") or "1"
        elif tag == "textarea":
            self._text = name
            form.fields[name] = ""
        elif tag == "select":
            self._choice = name
        elif tag == "option" and (self._choice not in form.fields or "selected" in its):
            form.fields[self._choice] = its.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._form = None if tag == "form" else self._form
        self._text = "" if tag == "textarea" else self._text

    def handle_data(self, data: str) -> None:
        if self._form and self._text:
            self._form.fields[self._text] += data


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """Two communities: one full of life, and New York, whose administrator may do everything there and nothing here."""
    chat = eventful(open_chat(dry_run=False))
    for asked in ("停车场晚上几点关门", "可以带宠物进店吗"):
        chat.says(asked)
    chat.stores.notes.add(chat.community.keys, chat.member(), "对新品感兴趣，下周回访", chat.member("boss"), chat.clock(), once="note")
    run_for_a_while(chat)
    chat.says("签到", user="eve", name="Eve", group=FAR)
    chat.stores.roles.grant(chat.member("eve"), "far", "admin", seen="", once="t")
    return chat


def addresses(chat: Chat) -> list[str]:
    """Every address in the main community, with numbers that lead to something there."""
    named = {endpoint(rule): rule for rule in rules_of(web(chat)) if "<place>" in rule.rule and "GET" in (rule.methods or ())}
    found = []
    for name, rule in named.items():
        filled = re.sub(r"<any\(([a-z]+)[^>]*>", r"\1", rule.rule.replace("<place>", "main")).replace("<int:member>", "{member}")
        filled = re.sub(r"<[^>]*>", "poll", re.sub(r"<int:[a-z]+>", "1", filled))
        found += ADDRESSES.get(name) or FILES.get(name) or [f"{filled}?of={{member}}" if "/tables/" in filled else filled]
    return [path.format(member=chat.member("hanmei"), quiet=chat.member("zhao")) for path in found if path.startswith(WHERE)]


def kept(chat: Chat) -> Mapping[str, object]:
    """All that the main community has, and all content that is not New York's."""
    database = chat.stores.database
    content = {
        f"{key}:{name}": value
        for key in database.scan("qb:{content}:*:items")
        for name, value in database.rows(key)
        if not (str(value).startswith("far|") or str(name).endswith("＠far"))
    }
    return content | {key: database.command("DUMP", key) for key in database.scan("qb:*main*")}


def test_no_page_tells_an_administrator_of_another_community_anything(chat: Chat) -> None:
    owner, eve = visit(chat), visit(chat, "eve")
    told, seen = set[str](), 0
    leaks: dict[str, set[str]] = {}
    for path in addresses(chat):
        told |= words_in(owner.client.get(path))
        page = eve.client.get(path.replace(WHERE, THERE))
        assert page.status_code in (200, 303, 400, 403, 404), path
        if found := words_in(page):
            leaks[path] = found
        seen += page.status_code == 200
        assert eve.client.get(path).status_code == 404, path
    assert leaks == {}
    assert told == set(SAID), "else the words would be nowhere to leak from"
    assert seen > 40, "she sees her own pages"


def test_no_form_of_a_page_does_anything_in_a_community_of_others(chat: Chat) -> None:
    owner, eve = visit(chat), visit(chat, "eve")
    forms = [form for path in addresses(chat) for form in forms_of(owner.client.get(path), path)]
    eve.opens(THERE)
    before, answers = kept(chat), Counter[int]()
    leaks: dict[str, set[str]] = {}
    for number, (form, fields) in enumerate((one, fields) for one in forms for fields in one.sent()):
        sent = {**fields, "csrf": eve.csrf, "once": f"o{number}"}
        assert eve.client.post(form.action, data=sent).status_code == 404, form.action
        answer = eve.client.post(form.action.replace(WHERE, THERE), data=sent)
        answers[answer.status_code] += 1
        if found := {word for word in words_in(answer) if word not in str(fields)}:
            leaks[form.action] = found
    after = kept(chat)
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == set()
    assert leaks == {}
    assert answers[303] > 5, "what is her own she may change"
    assert answers[404] > 20
    owner.opens(WHERE)
    for number, form in enumerate(forms):
        owner.client.post(form.action, data={**next(form.sent()), "csrf": owner.csrf, "once": f"w{number}"})
    assert kept(chat) != after, "and whom the forms are for they obey"


def test_no_command_tells_or_does_anything_in_a_community_of_others(chat: Chat) -> None:
    commands = list({id(route): route.names[0] for route in chat.router.commands.values()}.values())
    behind = ("", "1", "2", "李雷", str(chat.member()), f"{chat.member('hanmei')} 5", "main", "main 1", "1 确认", "1 忽略")
    before, leaks, refused = kept(chat), dict[str, str](), 0
    for number, words in enumerate(f"{name} {rest}" for name in commands for rest in behind):
        answer = chat.privately(words, user="eve") if number % 3 else chat.says(words, user="eve", group=FAR)
        if any(word in answer for word in HIDDEN if word not in words):
            leaks[words] = answer
        refused += "只有" in answer or not answer
        chat.later(seconds=30)
    assert leaks == {}
    assert refused < len(commands) * len(behind) / 4, "in her own community she is obeyed"
    after = kept(chat)
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    assert {key for key in changed if ":opted_" not in key} == set(), "what pushes she herself wants, she may say for everywhere"
    told = "".join(chat.as_admin(f"{name} {rest}") for name in commands for rest in behind[:3])
    assert sum(word in told for word in HIDDEN) > 5, "its own administrators hear them"


def words_in(answer: TestResponse) -> set[str]:
    text = answer.get_data().decode(errors="ignore")
    return {word for word in SAID if word in text}


def forms_of(answer: TestResponse, path: str) -> list[Form]:
    """The forms of the main community that a page shows, if it is one."""
    if answer.mimetype != "text/html":
        return []
    return [form for form in Forms(answer.get_data(as_text=True), path).found if form.action.startswith(WHERE)]
