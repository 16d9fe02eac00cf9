"""Members whose names and words call everybody and lead elsewhere: what the bot says of them does neither, whatever it is asked."""

from __future__ import annotations

import re
from pathlib import Path

from chat import ADMINS, MAIN, OpenChat
from visits import PEOPLE, eventful

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
    bad = []
    for said in (said for word in words for said in (word, f"{word} {EVIL}")):
        answers = [chat.says(said), chat.privately(said)]
        if EVIL not in said:  # what operators write themselves is theirs
            answers.append(chat.as_admin(said))
        bad += [f"{said}: {answer[:300]}" for answer in answers if any(sign in answer for sign in SHOWN)]
    posts = [str(delivery.body) for delivery in chat.outbox() if delivery.body["msgtype"] == "markdown"]
    assert posts
    assert [*bad, *(post for post in posts if any(sign in post for sign in SHOWN))] == []
