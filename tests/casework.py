"""What tests of cases, reports and appeals share: a bot in service with the word list as its only judge, and looks at what waits to be said."""

from __future__ import annotations

from dataclasses import replace

from chat import ADMINS, MAIN, Chat, OpenChat, Said

from bot.message import Quote
from rules.ladder import Ladder
from rules.moderation import Judge, Models
from rules.policy import Place, Policy, Trial

INSULT, OTHER, THIRD = "你个王八蛋", "你就是傻逼", "真是个王八蛋啊你"
RUDE = "你就是个窝囊废"
"""What goes to a person, while INSULT and its like are warned of at once."""


def by_words_alone(chat: Chat, ladder: Ladder | None = None, *, trial: Trial = "auto") -> Chat:
    """The bot with the word list as its only judge, so that no model's figures are part of these tests."""
    current = chat.live.current
    policy = Policy(places={"main": Place(trial=trial)}, ladder=ladder or Ladder())
    chat.live.current = replace(current, judge=Judge(current.judge.lexicon, policy, Models()))
    return chat


def settled(open_chat: OpenChat, ladder: Ladder | None = None, **more: object) -> Chat:
    """A bot in service whose members have been there for a while."""
    chat = by_words_alone(open_chat(dry_run=False, **more), ladder)
    for user in ("lilei", "hanmei", "boss", "lucy"):
        chat.says("签到", user=user)
    chat.later(days=9)
    return chat


def told(chat: Chat, user: str = "lilei") -> list[str]:
    """What waits to be said to somebody alone."""
    return [str(one.body["text"]["content"]) for one in chat.outbox() if one.member == chat.member(user) and "text" in one.body]


def posted(chat: Chat) -> list[str]:
    """What waits to be posted in the main group."""
    return [str(one.body["markdown"]["content"]) for one in chat.outbox() if one.via == "webhook" and one.chat in ("", MAIN)]


def to_admins(chat: Chat) -> list[str]:
    """What waits to be posted in the admin group."""
    return [str(one.body["markdown"]["content"]) for one in chat.outbox() if one.target == "hook.main.admin"]


def state(chat: Chat, number: int) -> str:
    """The state of a case."""
    case = chat.stores.cases.find(chat.community.keys, number)
    assert case
    return case.state


def quotes(chat: Chat, quoted: str, text: str, *, user: str = "lilei", group: str = MAIN, id: str = "") -> Said:
    """A member says something with a message quoted; WeCom tells the quoted words, and not whose they are."""
    message = chat.words(text, user=user, group=group, id=id)
    return chat.hears(replace(message, quote=Quote("text", quoted)))


def as_moderator(chat: Chat, text: str, user: str = "lucy") -> Said:
    """A moderator says something in the admin group."""
    return chat.says(text, user=user, group=ADMINS)


def in_service(open_chat: OpenChat, **more: object) -> Chat:
    """A bot in service that warns from the first day on."""
    return by_words_alone(open_chat(dry_run=False, **more), Ladder(spare_newcomers=False))
