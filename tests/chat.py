"""Talks to the whole bot without a network: the real pipeline, handlers and stores on a real Redis, and a clock that tests move.

::

    def test_a_second_check_in_earns_nothing(chat: Chat) -> None:
        assert "积分 +5" in chat.says("签到")              # 李雷 mentions the bot in the main group
        assert "已经签到过了" in chat.says("签到")
        chat.later(days=1)
        assert "已连续签到 2 天" in chat.says("签到")

The words go in as WeCom's own payload and come out of the passive answer, so the channels are in it too; what is left out is the envelope.
``chat`` is the shipped configuration with one community (group ``wrMAIN``, admin group ``wrADMIN``, owner ``boss``); other settings:
``open_chat(dry_run=False, app=False)``. A test module says ``pytest_plugins = ("chat",)`` to have both.

PYTEST_DONT_REWRITE: test modules import names from here before pytest sees it as a plugin.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from xml.etree import ElementTree as ET

import msgspec
import pytest
import structlog

from bot.channels import KINDS
from bot.communities import Communities, Community
from bot.config import Config, load
from bot.erased import ErasedRegister
from bot.extensions import Found, find_extensions
from bot.live import LiveContents
from bot.message import Message
from bot.metrics import Metrics
from bot.pipeline import Gate, Outcome, Pipeline
from bot.router import Router
from commands.build import models_in_use, open_all
from handlers import GATES, discover
from handlers.privacy import erase_person
from handlers.upkeep import clean_up
from rules.text import Words
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.events import LogEntry
from storage.outbox import Delivery
from storage.stores import Stores
from tests.timing import Clock

ROOT = Path(__file__).parent.parent
MAIN, SUB, ADMINS, FAR = "wrMAIN", "wrSUB", "wrADMIN", "wrFAR"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class Said(str):
    """What the bot said, as text. ``card`` is the card it showed, ``updated`` the card that took the place of a clicked one."""

    __slots__ = ("card", "updated")

    card: dict[str, Any] | None
    updated: dict[str, Any] | None

    def __new__(cls, text: str, card: dict[str, Any] | None = None, updated: dict[str, Any] | None = None) -> Self:
        said = super().__new__(cls, text)
        said.card, said.updated = card, updated
        return said

    @property
    def choices(self) -> list[str]:
        """What the buttons of its card say."""
        return [button["text"] for button in (self.card or {}).get("button_list", ())]


@dataclass(slots=True)
class Chat:
    """The bot, and everybody who talks to it."""

    config: Config
    stores: Stores
    live: LiveContents
    communities: Communities
    pipeline: Pipeline
    router: Router
    metrics: Metrics
    clock: Clock
    _numbers: Iterator[int]
    extensions: tuple[Found, ...] = ()

    @property
    def erased(self) -> ErasedRegister:
        """Who was erased, as the data folder knows."""
        return ErasedRegister(self.config.data_path, b"a key for tests")

    # Talking ------------------------------------------------------------------------------------------------------------

    def says(self, text: str, *, user: str = "lilei", group: str = MAIN, id: str = "", name: str = "") -> Said:
        """A member mentions the bot in a group; gives what it answers there."""
        return self.hears(self.words(f"@{self.config.bot_name} {text}", user=user, group=group, id=id, name=name))

    def privately(self, text: str, *, user: str = "lilei", id: str = "", through: str = "assistant") -> Said:
        """A member speaks to the bot alone, ``through`` the aibot (assistant) or the app (desk)."""
        if through == "desk":
            return self.hears(self._app_text(text, user, id))
        return self.hears(self.words(text, user=user, id=id))

    def as_admin(self, text: str) -> Said:
        """The owner says something in the admin group."""
        return self.says(text, user="boss", group=ADMINS)

    def clicks(self, said: Said, button: str, *, user: str = "boss", group: str = ADMINS) -> Said:
        """Somebody presses a button of the card that came with ``said``."""
        assert said.card, f"no card came with “{said}”"
        key = next(found["key"] for found in said.card["button_list"] if found["text"] == button)
        event = {"event_key": key, "task_id": said.card["task_id"], "card_type": said.card["card_type"]}
        return self.hears(self._event("template_card_event", event, user, group))

    def enters(self, *, user: str = "lilei") -> Said:
        """A member opens the single chat."""
        return self.hears(self._event("enter_chat", {}, user, ""))

    # Time ---------------------------------------------------------------------------------------------------------------

    def later(self, **by: float) -> None:
        """Lets time pass: ``days=1``, ``minutes=10``."""
        self.clock.later(**by)

    def at(self, local: str) -> None:
        """Sets the clock by the wall in Shanghai: ``2026-03-10 23:59``."""
        self.clock.set(datetime.fromisoformat(f"{local}+08:00"))

    def clean_up(self) -> dict[str, int]:
        """What the clock has done once an hour."""
        return clean_up(self.stores, self.config, self.clock())

    def erase(self, user: str = "lilei") -> dict[str, str]:
        """Forgets a person, as ``run.py erase`` does; gives what was done in each store."""
        return dict(erase_person(self.stores, self.erased, self.member(user)))

    # Looking ------------------------------------------------------------------------------------------------------------

    @property
    def community(self) -> Community:
        """The main community."""
        return self.communities.named("main")

    def member(self, user: str = "lilei") -> int:
        """The number of a member who has spoken."""
        number = self.stores.directory.find_number(user)
        assert number, f"nobody knows {user}"
        return number

    def points(self, user: str = "lilei") -> int:
        """What a member has."""
        return self.stores.points.balance(self.community.keys, self.member(user))

    def outbox(self) -> list[Delivery]:
        """What waits to be sent, oldest first."""
        database = self.stores.database
        items = [item for key in database.scan("qb:{*}:out:*") for item in database.command("LRANGE", key, 0, -1)]
        return sorted((msgspec.json.decode(item, type=Delivery) for item in items), key=lambda delivery: (delivery.born_ms, delivery.id))

    def log(self, kind: str = "") -> list[LogEntry]:
        """What was noted, oldest first, optionally of one kind."""
        return [entry for entry in self.stores.events.newest(1_000) if kind in ("", entry.kind)]

    def unanswered(self) -> list[str]:
        """The questions nobody could answer, as they are kept."""
        database = self.stores.database
        return [line.split("|", 1)[1] for key in database.scan("qb:{*}:main:unanswered") for line in database.command("LRANGE", key, 0, -1)]

    # Below: payloads in, answers out --------------------------------------------------------------------------------------

    def words(self, text: str, *, user: str = "lilei", group: str = "", id: str = "", name: str = "") -> Message:
        """What WeCom would send to the aibot, as the channel reads it."""
        tree = self._head(user, group, id) | {"msgtype": "text", "text": {"content": text}}
        tree["from"] |= {"name": name} if name else {}
        return self._parse("assistant", tree)

    def pictures(self, *urls: str, user: str = "lilei", group: str = MAIN, id: str = "") -> Message:
        """What WeCom would send of pictures that a member posts with a mention, as the channel reads it."""
        items = [{"msgtype": "image", "image": {"url": url}} for url in urls]
        said = {"msgtype": "text", "text": {"content": f"@{self.config.bot_name}"}}
        return self._parse("assistant", self._head(user, group, id) | {"msgtype": "mixed", "mixed": {"msg_item": [said, *items]}})

    def hears(self, message: Message) -> Said:
        """Takes a message through the pipeline and reads the passive answer."""
        return read_answer(self.receive(message).answer)

    def receive(self, message: Message) -> Outcome:
        """Takes a message through the pipeline."""
        return self.pipeline.receive(message)

    def _event(self, name: str, detail: dict[str, Any], user: str, group: str) -> Message:
        event = {"eventtype": name, name: detail}
        return self._parse("assistant", self._head(user, group, "") | {"msgtype": "event", "event": event})

    def _head(self, user: str, group: str, id: str) -> dict[str, Any]:
        place = {"chatid": group, "chattype": "group"} if group else {"chattype": "single"}
        given = id or f"M{next(self._numbers)}"
        return {"msgid": given, "create_time": int(self.clock().timestamp()), "aibotid": "BOT", "from": {"userid": user}, **place}

    def _app_text(self, text: str, user: str, id: str) -> Message:
        root = ET.Element("xml")
        fields = {"ToUserName": "wwCORP", "FromUserName": user, "CreateTime": int(self.clock().timestamp()), "MsgType": "text"}
        for name, value in {**fields, "Content": text, "MsgId": id or f"9{next(self._numbers)}", "AgentID": 1000002}.items():
            ET.SubElement(root, name).text = str(value)
        payload = ET.tostring(root, encoding="unicode")
        return KINDS["app"].parse(payload, channel="desk", names=self.config.mention_names("desk"))

    def _parse(self, channel: str, tree: dict[str, Any]) -> Message:
        return KINDS["aibot"].parse(msgspec.json.encode(tree).decode(), channel=channel, names=self.config.mention_names(channel))


def read_answer(plaintext: str) -> Said:
    """What a member sees of a passive answer."""
    if not plaintext:
        return Said("")
    if plaintext.startswith("<"):
        return Said(ET.fromstring(plaintext).findtext("Content") or "")
    tree = msgspec.json.decode(plaintext, type=dict[str, Any])
    if tree.get("response_type") == "update_template_card":
        return Said("", updated=tree["template_card"])
    text = (tree.get("stream") or tree.get("text") or {}).get("content", "")
    return Said(text, card=tree.get("template_card"))


# Building -----------------------------------------------------------------------------------------------------------------


def settings(
    *,
    dry_run: bool | str = True,
    app: bool = True,
    keep_text: bool = False,
    content: Path | None = None,
    mood: dict[str, Any] | None = None,
    pictures: bool = True,
    console: dict[str, Any] | None = None,
    extensions: dict[str, Any] | None = None,
    further: Sequence[str] = (),
) -> dict[str, Any]:
    """A configuration as an operator would write it; ``further`` are more groups of the main community, each with a webhook."""
    channels: list[dict[str, Any]] = [{"name": "assistant", "kind": "aibot", "token": "t", "aes_key": KEY}]
    if app:
        channels.append({"name": "desk", "kind": "app", "token": "t", "aes_key": KEY, "agent_id": 1000002, "secret": "s"})
    main = {
        "id": "main",
        "name": "主群",
        "groups": [MAIN, SUB, *further],
        "webhook": "hook-main",
        "webhooks": {chat: f"hook-{chat}" for chat in further},
        "admin_group": ADMINS,
        "admin_webhook": "hook-admin",
    }
    far = {"id": "far", "name": "纽约", "groups": [FAR], "webhook": "hook-far", "timezone": "America/New_York"}
    return {
        "wecom": {"corp_id": "wwCORP"},
        "admins": ["boss"],
        "channels": channels,
        "communities": [main, far],
        "content": str(content or ROOT / "rules" / "content"),
        "moderation": {"dry_run": dry_run, "pictures": pictures},
        "mood": mood or {},
        "log": {"keep_text": keep_text},
        "console": console or {},
        "extensions": extensions or {"folder": "none"},
    }


def a_config(folder: Path, url: str, tree: dict[str, Any]) -> Config:
    """The configuration as the bot loads it."""
    file = folder / "config.yaml"
    file.write_bytes(msgspec.json.encode({**tree, "data_dir": str(folder / "data")}))  # which is YAML too, and sooner made
    return load(file, {"BOT_REDIS_URL": url})


def build(
    numbers: Iterator[int],
    config: Config,
    words: Words,
    metrics: Metrics,
    *,
    clock: Clock | None = None,
    router: Router | None = None,
    gates: tuple[Gate, ...] = GATES,
) -> Chat:
    """The bot as ``commands.build`` makes it, with a clock of ours and a dictionary that all tests share."""
    clock = clock or Clock()
    extensions = find_extensions(config) if config.extensions.folder != "none" else ()  # looking among the packages takes time
    stores = open_all(config, "test", clock=clock, extensions=extensions)
    live = LiveContents(stores.content, stores.directory, words, is_eager=False, models=models_in_use(config))
    live.take_in(config.content_path, clock())
    communities = Communities(config, stores.groups, stores.shards)
    router = router or discover(found.extension.router for found in extensions)
    pipeline = Pipeline(stores, config, router, gates, live, communities, metrics, clock)
    return Chat(config, stores, live, communities, pipeline, router, metrics, clock, numbers, extensions)


OpenChat = Callable[..., Chat]


@pytest.fixture(scope="session")
def metrics() -> Metrics:
    """One set of figures for all tests."""
    return Metrics()


@pytest.fixture
def plain_logs() -> Iterator[None]:
    """Logs as in service: the development renderer takes a second to print a failure with all its variables."""
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def open_chat(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, dictionary: Words, metrics: Metrics, plain_logs: None
) -> Iterator[OpenChat]:
    """Builds bots on the test's Redis: ``open_chat(dry_run=False)``; takes what ``settings`` and ``build`` take. Two of them are two processes."""
    opened: list[Chat] = []
    numbers = itertools.count(1)  # no two messages of a test have one id, whichever process hears them

    def open_one(*, clock: Clock | None = None, router: Router | None = None, gates: tuple[Gate, ...] = GATES, **more: Any) -> Chat:
        config = a_config(tmp_path, redis_server.url, settings(**more))
        opened.append(build(numbers, config, dictionary, metrics, clock=clock, router=router, gates=gates))
        return opened[-1]

    yield open_one
    for one in opened:
        one.stores.database.close()


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    """The bot as it is shipped: nothing but a trial run of moderation."""
    return open_chat()
