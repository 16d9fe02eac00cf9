"""The stage of a rehearsal: the bot with the operator's settings and content, a Redis that is thrown away, and a pretend WeCom on the same virtual clock."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml

from bot.channels import KINDS
from bot.communities import Communities
from bot.config import Config, load
from bot.live import LiveContents
from bot.message import Message
from bot.metrics import Metrics
from bot.pipeline import Pipeline
from bot.sender import Sender
from commands.build import Bot, models_in_use, open_all, private_folder
from commands.worker import sender_of
from handlers import GATES, discover
from rules.text import Words
from scheduler.clock import Agenda
from simulator.config import parse_config
from simulator.pretend import PretendWeCom
from simulator.server import serve
from storage import keys
from storage.connection import Database
from storage.embedded import EmbeddedServer, ask
from storage.moment import from_ms, to_ms
from storage.schema import settle_schema

ASSISTANT, DESK = "assistant", "desk"
AGENT = 1_000_001
SLOWEST_S = 3_600
"""How often, by the virtual clock, what life does every few seconds is done."""
UNTOLD = frozenset({"health", "vitals"})
"""Rounds of which nothing stands in a report: the lights of a community, and what monitoring reads."""
OF_SEGMENTS = frozenset({"traits", "recognitions", "models"})
"""Rounds that segments are read from. They take as long as everything else, so only where a push asks for members."""


class VirtualClock:
    """A clock that moves when told, and by a millisecond with every look, so that no two things happen at once."""

    def __init__(self, start: datetime) -> None:
        self.set(start)

    def __call__(self) -> datetime:
        return self._at + timedelta(milliseconds=next(self._looks))

    def set(self, moment: datetime) -> None:
        """Moves to a moment. Whatever its zone, the bot reads it in UTC, as it does in life."""
        self._at, self._looks = moment.astimezone(UTC), itertools.count()

    def unix(self) -> float:
        """The moment in Unix seconds, for the pretend WeCom."""
        return self._at.timestamp()


@dataclass(frozen=True, slots=True)
class Stage:
    """All that a rehearsal moves."""

    bot: Bot
    agenda: Agenda
    sender: Sender
    pretend: PretendWeCom
    clock: VirtualClock

    def hears(self, user: str, name: str, group: str, text: str, id: str) -> str:
        """A member speaks to the bot; gives what WeCom is answered."""
        place = {"chatid": group, "chattype": "group"} if group else {"chattype": "single"}
        said = f"@{self.bot.config.bot_name} {text}" if group else text
        tree = {
            "msgid": id, "create_time": int(self.clock.unix()), "aibotid": "BOT", "from": {"userid": user, "name": name}, **place,
            "msgtype": "text", "text": {"content": said},
        }  # fmt: skip
        return self.bot.pipeline.receive(self._message(tree)).answer

    def held_until(self) -> datetime | None:
        """When the first of what waits for a limit, or to be tried again, may go out; None where nothing waits. One round trip."""
        after = int(self.clock.unix() * 1000) + 1_000
        words = [
            ("ZRANGEBYSCORE", keys.OUTBOX_DUE(shard=shard), after, "+inf", "WITHSCORES", "LIMIT", 0, 1)
            for shard in range(self.bot.stores.shards)
        ]
        found = [int(score) for _, score in filter(None, self.bot.stores.database.pipeline(words))]
        return from_ms(min(found)) if found else None

    def _message(self, tree: Mapping[str, Any]) -> Message:
        return KINDS["aibot"].parse(msgspec.json.encode(tree).decode(), channel=ASSISTANT, names=self.bot.config.mention_names(ASSISTANT))


@contextmanager
def set_stage(
    folder: Path, settings: Mapping[str, Any], content: Path, items: Mapping[str, Mapping[str, str]], people: Mapping[str, list[str]], start: datetime,
    seed: int, has_app: bool = True,
) -> Iterator[Stage]:  # fmt: skip
    """A bot with the communities of ``settings``, the kept content ``items`` by kind (files of ``content`` where there are none), and who is in which group."""
    clock = VirtualClock(start)
    secrets = _secrets(seed)
    with ExitStack() as closing:
        pretend = PretendWeCom(parse_config(_pretend_tree(settings, people, secrets)), clock.unix)
        server = closing.enter_context(serve(pretend))
        redis = closing.enter_context(EmbeddedServer(folder / "redis", fsync="no"))
        ask(redis.socket, "CONFIG SET appendonly no")  # nobody misses it when it is gone
        _settle_one_shard(redis.url, start)
        config = _config(folder, settings, content, secrets, server.url, redis.url, has_app)
        stores = open_all(config, "rehearsal", clock=clock)
        live = LiveContents(
            stores.content, stores.directory, Words(private_folder(config, "jieba")), is_eager=False, models=models_in_use(config)
        )
        for kind, kept in items.items():
            stores.content.take_in(kind, kept, start)
        live.take_in(content, start)
        communities = Communities(config, stores.groups, stores.shards)
        metrics = Metrics()
        pipeline = Pipeline(stores, config, discover(), GATES, live, communities, metrics, clock)
        asks = any(push.enabled and (push.segment or push.to == "members") for push in live.current.pushes)
        without = UNTOLD if asks else UNTOLD | OF_SEGMENTS
        agenda = Agenda(stores, config, live, communities, clock, slowest_s=SLOWEST_S, without=without)
        bot = Bot(config, stores, live, communities, pipeline, metrics)
        sender = sender_of(bot, clock, rng=random.Random(f"sender:{seed}"), threads=1)
        closing.callback(stores.database.close)
        yield Stage(bot, agenda, sender, pretend, clock)


def _settle_one_shard(url: str, start: datetime) -> None:
    """One shard: there is one server, and whatever walks over all shards asks it once."""
    database = Database(url)
    database.command("HSET", keys.SCHEMA(), "shards", 1)
    settle_schema(database, to_ms(start))
    database.close()


def _config(
    folder: Path, settings: Mapping[str, Any], content: Path, secrets: Mapping[str, str], wecom: str, redis: str, has_app: bool
) -> Config:  # fmt: skip
    """The operator's settings with what a rehearsal has of its own: channels, addresses, folders."""
    channels: list[dict[str, Any]] = [{"name": ASSISTANT, "kind": "aibot", "token": "${R_TOKEN}", "aes_key": "${R_KEY}"}]
    if has_app:
        app = {"name": DESK, "kind": "app", "token": "${R_TOKEN}", "aes_key": "${R_KEY}", "agent_id": AGENT, "secret": "${R_SECRET}"}
        channels.append(app)
    tree = {
        **settings, "wecom": {"corp_id": "wwREHEARSAL", "api_base": wecom}, "data_dir": str(folder / "data"), "content": str(content),
        "channels": channels,
    }  # fmt: skip
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    return load(file, {**secrets, "BOT_REDIS_URL": redis})


def _pretend_tree(settings: Mapping[str, Any], people: Mapping[str, list[str]], secrets: Mapping[str, str]) -> dict[str, Any]:
    users = sorted({user for members in people.values() for user in members})
    hooked = {chat for listed in settings["communities"] for chat, _ in _hooks(listed)}
    bare = [chat for listed in settings["communities"] for chat in listed["groups"] if chat not in hooked]
    groups = [{"id": chat, "name": chat, "members": people.get(chat, []), "customer": False} for chat in bare] + [
        {"id": chat, "name": chat, "members": people.get(chat, []), "webhook_key": key, "customer": False}
        for listed in settings["communities"]
        for chat, key in _hooks(listed)
    ]
    return {
        "corp_id": "wwREHEARSAL", "bot": "http://127.0.0.1:9", "bot_name": settings.get("bot_name", "小助手"),
        "channels": [
            {"name": ASSISTANT, "kind": "aibot", "token": secrets["R_TOKEN"], "aes_key": secrets["R_KEY"]},
            {"name": DESK, "kind": "app", "token": secrets["R_TOKEN"], "aes_key": secrets["R_KEY"], "agent_id": AGENT, "secret": secrets["R_SECRET"]},
        ],
        "people": [{"user": user, "name": user} for user in [*settings.get("admins", []), *users]],
        "groups": groups,
    }  # fmt: skip


def _hooks(listed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The groups of a community with their webhooks, '' where there is none."""
    first, *others = listed["groups"]
    yield first, listed.get("webhook", "")
    for chat in others:
        yield chat, listed.get("webhooks", {}).get(chat, "")
    if listed.get("admin_webhook"):
        yield listed["admin_group"], listed["admin_webhook"]


def _secrets(seed: int) -> dict[str, str]:
    """Secrets that nobody outside this process ever sees; of the same seed the same, so that nothing of a rehearsal is left to chance."""
    dice = random.Random(f"secrets:{seed}")
    key = base64.b64encode(dice.randbytes(32)).decode().rstrip("=")
    return {"R_TOKEN": dice.randbytes(8).hex(), "R_KEY": key, "R_SECRET": dice.randbytes(16).hex()}
