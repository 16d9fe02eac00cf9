"""What no form of ours sends: every page with strange arguments, every form with strange fields, from somebody who may use it; nothing breaks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from random import Random

import pytest
from chat import Chat, OpenChat
from test_console_walk import run_for_a_while
from test_security_apart import addresses, forms_of
from visits import eventful, visit
from werkzeug.test import TestResponse

pytest_plugins = ("chat",)

ARGUMENTS = (
    "q", "page", "id", "only", "length", "month", "chat", "of", "version", "kind", "text", "board", "show", "category", "tag", "word", "said", "n",
    "in", "place", "group", "question", "name", "here", "all", "new", "after", "begin",
)  # fmt: skip
STRANGE = (
    "9" * 4_400, "0001" + "9" * 4_400, "9" * 19, "-1", "²", "٣", "\0", "\x1b[31m\r\nSet-Cookie: a=b", "1e999", "NaN", "../../etc/passwd", "{{7*7}}",
    "<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "%s{0.__class__}", "9999-99-99", "9999-12-31T23:59", "0001-01-01T00:00", "25:61",
    "a" * 20_000, "𠮷" * 3_000, "\u202e\u200b", "|", "\n" * 200,
    "https://evil.example/", "//evil.example",
)  # fmt: skip
MOST = int(os.environ.get("BOT_DOORS", "350"))
"""Requests of each kind in a run; ``BOT_DOORS_SEED`` deals others, and a number above all there are (150,000) sends each."""

pytestmark = pytest.mark.timeout(300 if MOST < 1_000 else 7_200)


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    chat = eventful(open_chat(dry_run=False))
    run_for_a_while(chat)
    return chat


def some(all_of_them: Iterator[tuple[object, ...]]) -> tuple[str, list[tuple[object, ...]]]:
    seed = os.environ.get("BOT_DOORS_SEED", "1")
    dealt = list(all_of_them)
    Random(seed).shuffle(dealt)
    return seed, dealt[:MOST]


def is_run(answer: TestResponse) -> bool:
    """Whether a page holds what was written as if it were its own; a table that is taken along holds words as they stand."""
    return answer.mimetype == "text/html" and (b"<script>alert" in answer.data or b"<img src=x" in answer.data)


def test_no_page_breaks_of_strange_arguments(chat: Chat) -> None:
    owner, broken = visit(chat), []
    seed, asked = some((path, name, value) for path in addresses(chat) for name in ARGUMENTS for value in STRANGE)
    for path, name, value in asked:
        answer = owner.client.get(str(path).partition("?")[0], query_string={str(name): value})
        if answer.status_code >= 500 or is_run(answer) or "a=b" in str(answer.headers):
            broken.append((path, name, str(value)[:30], answer.status_code))
    assert broken == [], seed


def test_no_form_breaks_of_strange_fields(chat: Chat) -> None:
    owner, broken = visit(chat), []
    forms = [form for path in addresses(chat) for form in forms_of(owner.client.get(path), path) if not form.action.endswith("/logout")]
    owner.opens("/console/in/main/")
    seed, asked = some(
        (form, sent, name, value) for form in forms for sent in form.sent() for name in sent if name != "csrf" for value in STRANGE
    )
    assert len(asked) > 100
    for number, (form, sent, name, value) in enumerate(asked):
        fields = {"once": f"d{number}", **sent, str(name): value, "csrf": owner.csrf}  # type: ignore[dict-item]
        answer = owner.client.post(form.action, data=fields)  # type: ignore[attr-defined]
        if (
            answer.status_code >= 500
            or is_run(answer)
            or "a=b" in str(answer.headers.getlist("Set-Cookie"))
            or not re.match(r"/console(/|$)", answer.location or "/console")
        ):
            broken.append((form.action, name, str(value)[:30], answer.status_code))  # type: ignore[attr-defined]
        if "/login" in (answer.location or ""):  # the form ended the session in which it was sent
            owner = visit(chat)
            owner.opens("/console/in/main/")
        chat.later(seconds=1)
    assert broken == [], seed
