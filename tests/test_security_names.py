"""Members whose names and words call everybody and lead elsewhere: what the bot says of them does neither, whatever it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from chat import ADMINS, MAIN, OpenChat
from visits import PEOPLE, eventful

from bot.cards import (
    Button,
    ButtonInteraction,
    Checkbox,
    Done,
    Emphasis,
    Fact,
    ImageText,
    Jump,
    Link,
    Menu,
    MenuItem,
    MultipleInteraction,
    NewsNotice,
    Option,
    Paragraph,
    Picture,
    QuoteArea,
    Select,
    Source,
    Submit,
    TextNotice,
    VoteInteraction,
    task_of,
)  # fmt: skip

pytest_plugins = ("chat",)

EVIL = "<@all>[点我](http://e.cn)"
COMMANDS = Path(__file__).parent.parent / "docs" / "commands.md"
SHOWN = ("<@all>", "[点我](http")


def test_nobody_calls_everybody_through_the_bot(open_chat: OpenChat) -> None:
    chat = eventful(open_chat(dry_run=False))
    chat.says(f"人工 {EVIL} 发票没有收到")
    for user in (*PEOPLE, "boss"):
        chat.says("签到", user=user, name=EVIL, group=ADMINS if user == "boss" else MAIN)
    words = sorted(set(re.findall(r"`([^`|\n]+)`", COMMANDS.read_text(encoding="utf-8"))))
    assert len(words) > 300
    bad, cards = [], list[object]()
    for said in (said for word in words for said in (word, f"{word} {EVIL}")):
        answers = [chat.says(said), chat.privately(said)]
        if EVIL not in said:  # what operators write themselves is theirs
            answers.append(chat.as_admin(said))
        bad += [f"{said}: {answer[:300]}" for answer in answers if any(sign in answer for sign in SHOWN)]
        cards += [card for answer in answers for card in (answer.card, answer.updated) if card]
    posts = [delivery.body for delivery in chat.outbox()]
    cards += [post["template_card"] for post in posts if post["msgtype"] == "template_card"]
    told = [str(post) for post in posts if post["msgtype"] == "markdown"]
    assert told
    assert len(cards) > 20
    assert [*bad, *(text for text in (*told, *map(shown, cards)) if any(sign in text for sign in SHOWN))] == []


def shown(card: object) -> str:
    """What of a card people see: all its texts but the ones that come back to us with a click."""
    if isinstance(card, Mapping):
        return "\n".join(shown(value) for name, value in card.items() if name not in BEHIND)
    return "\n".join(map(shown, card)) if isinstance(card, list) else str(card)


BEHIND = ("key", "task_id", "question", "question_key", "submit_key", "url")


@pytest.mark.parametrize("place", ["aibot", "app"])
def test_no_card_mentions_anybody_or_leads_where_a_member_wrote(place: Literal["aibot", "app"]) -> None:
    told, task = Link("https://example.com"), task_of("t", "1")
    told_by = {"title": EVIL, "desc": EVIL, "source": Source(EVIL)}
    parts = {"quote": QuoteArea(EVIL, EVIL), "facts": (Fact(EVIL, EVIL),)}
    menu, options = Menu((MenuItem(EVIL, "m"),), EVIL), (Option("1", EVIL), Option("2", f"二{EVIL}"))
    cards: tuple[Any, ...] = (
        TextNotice(sub_title=EVIL, emphasis=Emphasis(EVIL, EVIL), jumps=(Jump(EVIL, told),), menu=menu, action=told, task=task, **told_by, **parts),
        NewsNotice(
            picture=Picture("https://example.com/a.png"), image_text=ImageText("https://example.com/b.png", EVIL, EVIL),
            paragraphs=(Paragraph(EVIL, EVIL),), action=told, **told_by, **parts,
        ),
        ButtonInteraction(sub_title=EVIL, buttons=(Button(EVIL, "b"),), task=task, **told_by, **parts),
        VoteInteraction(checkbox=Checkbox("q", options), submit=Submit("s", EVIL), task=task, **told_by),
        MultipleInteraction(selects=(Select("q", options, EVIL),), submit=Submit("s", EVIL), task=task, **told_by),
    )  # fmt: skip
    for card in cards:
        faces = [shown(card.body_for(place)), card.twin, card.words]
        faces += [shown(Done(card, EVIL).body_for(place))] if hasattr(card, "_finished") else []
        assert [face for face in faces if any(sign in face for sign in SHOWN) or "点我" not in face] == []
