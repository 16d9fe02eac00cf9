"""Builds the bot: every room's part made once and handed down. Heavy rooms are imported where they are needed, so that ``ask`` does not
pay for a web server."""

from __future__ import annotations

import atexit
import gc
import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from storage.moment import to_ms

if TYPE_CHECKING:
    from flask import Flask

    from bot.communities import Communities
    from bot.config import Config
    from bot.extensions import Found
    from bot.live import LiveContents
    from bot.metrics import Metrics
    from bot.pipeline import Pipeline
    from console.parts import Plan
    from rules.cells import CellKind
    from rules.content_kind import Kind
    from rules.moderation import Models
    from storage.connection import Database
    from storage.content import ContentStore
    from storage.stores import Stores

Model = TypeVar("Model")
HERE = Path(__file__).resolve().parent.parent
COLLECT_AFTER = (5_000, 10, 10)
"""Python's own (700, 10, 10) looks through everything every few seconds under load, and nobody is answered meanwhile."""


def now() -> datetime:
    """The one clock of the running bot."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything, built and connected."""

    config: Config
    stores: Stores
    live: LiveContents
    communities: Communities
    pipeline: Pipeline
    metrics: Metrics
    extensions: tuple[Found, ...] = ()


def build(config: Config, role: str, *, clock: Callable[[], datetime] = now) -> Bot:
    """The whole bot on the Redis of the configuration. Raises StartError with every problem.

    Only the role ``web`` indexes the FAQ ahead of the first question: in other processes there may never be one.
    """
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(metrics_folder(config)))
    from bot.communities import Communities
    from bot.extensions import find_extensions
    from bot.live import LiveContents
    from bot.metrics import Metrics
    from bot.pipeline import Pipeline
    from bot.tracing import check_tracing
    from handlers import GATES, discover
    from rules.text import Words

    check_tracing(config)
    metrics, extensions = Metrics(), find_extensions(config)
    stores = open_all(config, role, on_round_trip=metrics.round_trips.inc, clock=clock, extensions=extensions)
    words = Words(private_folder(config, "jieba"))
    live = LiveContents(
        stores.content, stores.directory, words, is_eager=role == "web", faq_folder=private_folder(config, "faq"),
        models=models_in_use(config), own=own_addresses(config),
    )  # fmt: skip
    live.take_in(config.content_path, clock())
    communities = Communities(config, stores.groups, stores.shards)
    router = discover(found.extension.router for found in extensions)
    pipeline = Pipeline(stores, config, router, GATES, live, communities, metrics, clock)
    gc.set_threshold(*COLLECT_AFTER)
    gc.freeze()  # what is built by now stays: no collection need look at it, and forks share its memory
    gc.enable()
    return Bot(config, stores, live, communities, pipeline, metrics, extensions)


def own_addresses(config: Config) -> frozenset[str]:
    """The domains that may always be named in a community: where the bot itself is found."""
    return frozenset(filter(None, (urlsplit(config.server.public_url).hostname,)))


def models_in_use(config: Config) -> Models:
    """The judges besides the word list: those that an operator trained (``run.py models train``), else those that ship. Raises StartError."""
    from rules import abuse, adverts, mood
    from rules.moderation import Models

    folder = config.data_path / "models"
    return Models(
        _load(abuse.AbuseModel.load, folder, abuse.SHIPPED, abuse.shipped),
        _load(adverts.AdvertModel.load, folder, adverts.SHIPPED, adverts.shipped),
        _load(mood.MoodModel.load, folder, mood.SHIPPED, mood.shipped),
    )


def _load(load: Callable[[Path], Model], folder: Path, file: Path, shipped: Callable[[], Model]) -> Model | None:
    from bot.errors import StartError

    own = folder / file.name
    if not own.exists():
        return shipped() if file.exists() else None
    try:
        return load(own)
    except (OSError, ValueError, KeyError) as error:
        raise StartError([f"读不了自己训练的模型 {own}，请重新训练（python run.py models train），或者删掉它，用自带的"]) from error


def open_all(
    config: Config,
    role: str,
    *,
    on_round_trip: Callable[[], None] | None = None,
    clock: Callable[[], datetime] = now,
    extensions: Sequence[Found] | None = None,
) -> Stores:
    """All stores, on the Redis of the configuration; those of the extensions too, which are looked for unless they are given."""
    from bot.errors import StartError
    from bot.extensions import find_extensions
    from bot.keyring import sealing_key
    from storage.schema import NewerData, settle_schema
    from storage.stores import open_stores

    found = find_extensions(config) if extensions is None else extensions
    database = _connect(config, on_round_trip)
    try:
        shards = settle_schema(database, to_ms(clock()))
    except NewerData as newer:
        raise StartError([str(newer)]) from newer
    # The tail of a pod's name is what tells it from the others; all of them have the same process ids.
    host = socket.gethostname()[-40:]
    stores = open_stores(
        database,
        shards,
        consumer=lambda: f"{role}.{host}.{os.getpid()}",
        evidence_key=sealing_key(config),
        answers_hours=config.retention.answers_hours,
        log_folder=config.log_path,
        extensions={one.extension.name: one.extension.store for one in found if one.extension.store},
    )
    stores.inbox.prepare()
    stores.outbox.prepare()
    stores.pauses.keep_up()
    stores.webhooks.keep_up()
    config.follow_webhooks(stores.webhooks.has)
    return stores


def create_web(bot: Bot) -> Flask:
    """The web application."""
    from bot.forward import demo_page
    from bot.http import create_app
    from bot.invite_page import invite_page
    from console.api import api
    from console.pages import console
    from console.parts import Parts

    def is_ready() -> bool:
        return bool(bot.stores.database.command("PING"))

    app = create_app(bot.config, bot.pipeline, bot.metrics, is_ready, now)
    parts = Parts(
        bot.config, bot.stores, bot.live, bot.communities, now, _plan_import, _export_file, _write_table, _read_items, _table_of,
        partial(try_webhook, bot.config), extensions=[found.extension for found in bot.extensions],
    )  # fmt: skip
    app.register_blueprint(console(parts))
    app.register_blueprint(api(parts))
    app.register_blueprint(invite_page(bot.stores, bot.config, bot.live, bot.communities, now))
    if target := os.environ.get("BOT_DEMO_URL"):
        app.register_blueprint(demo_page(target))
    return app


def try_webhook(config: Config, key: str) -> str:
    """Why nothing can be posted through a webhook, '' where something can; nothing is posted."""
    from bot.client import Wire
    from bot.tries import refusal_of

    wire = Wire(config.wecom.api_base)
    try:
        return refusal_of(wire, key)
    finally:
        wire.close()


def _plan_import(store: ContentStore, name: str, data: bytes, replace: bool) -> Plan:
    from bot.faq_transfer import plan_import

    return plan_import(store, name, data, replace=replace)


def _export_file(store: ContentStore, name: str) -> bytes:
    from bot.faq_transfer import export_file

    return export_file(store, name)


def _write_table(name: str, title: str, rows: Iterable[Sequence[str]], kinds: Sequence[CellKind] = ()) -> bytes:
    from rules.sheets import write_table

    return write_table(name, title, rows, kinds)


def _read_items(kind: Kind[Any], name: str, data: bytes) -> dict[str, str]:
    from bot.table_reader import read_apart

    return read_apart(kind, name, data)


def _table_of(kind: Kind[Any], items: Mapping[str, str], name: str) -> bytes:
    from rules.content_tables import table_of

    return table_of(kind, items, name)


def watch(bot: Bot, on_change: Callable[[], None] = lambda: None) -> None:
    """Looks for new content from now on, in a thread of its own, and calls ``on_change`` after each; others keep the
    count of arrivals, learn of pauses, webhooks and how much to log, and give signs of life; and tells of its spans, where that is wanted."""
    import structlog

    from bot.logs import turn_logs
    from bot.watch import LOG_LEVEL_S, PAUSES_S, WEBHOOKS_S, keep_alive, keep_count, keep_up, leave

    if bot.config.tracing.endpoint:  # behind every fork, for a thread sends them; and without it there is no OpenTelemetry
        from bot.telemetry import Telemetry
        from bot.tracing import span

        span.begin_by(Telemetry(bot.config.tracing, bot.stores.machine.name()).begin)
    ending, machine = threading.Event(), bot.stores.machine
    signs = threading.Thread(target=keep_alive, args=(machine, now, program_mark, ending), name="alive", daemon=True)
    signs.start()
    atexit.register(leave, machine, signs, ending)
    threading.Thread(target=keep_count, args=(bot.stores.arrivals, threading.Event()), name="arrivals", daemon=True).start()

    def turn() -> None:
        if turn_logs(level := bot.stores.machine.log_level(to_ms(now())) or bot.config.log.level):
            structlog.get_logger(__name__).warning("log level changed", to=level)

    kept_up = (
        ("pauses", bot.stores.pauses.keep_up, PAUSES_S),
        ("webhooks", bot.stores.webhooks.keep_up, WEBHOOKS_S),
        ("log level", turn, LOG_LEVEL_S),
    )
    for name, learn, every_s in kept_up:
        threading.Thread(target=keep_up, args=(name, learn, every_s, threading.Event()), name=name, daemon=True).start()
    threading.Thread(target=bot.live.watch, args=(threading.Event(), on_change), name="content", daemon=True).start()


def program_mark() -> str:
    """What tells one version of the program from another: the beginning of a digest of all that it is made of."""
    rooms = ("rules", "storage", "bot", "handlers", "scheduler", "console", "commands")
    files = (path for room in rooms for path in sorted((HERE / room).rglob("*")) if path.suffix in (".py", ".lua", ".html", ".js", ".css"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def metrics_folder(config: Config) -> Path:
    """Where the processes of one machine leave their figures for each other."""
    return private_folder(config, "metrics")


def private_folder(config: Config, name: str) -> Path:
    """A folder of the bot's own below the data folder, made where there is none."""
    folder = config.data_path / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_database(config: Config) -> Database:
    """The Redis of the configuration alone, whatever lies in it."""
    return _connect(config, None)


def _connect(config: Config, on_round_trip: Callable[[], None] | None) -> Database:
    from bot.errors import StartError
    from storage.connection import Database

    try:
        return Database(config.redis.url.get_secret_value(), wait_replicas=config.redis.wait_replicas, on_round_trip=on_round_trip)
    except ValueError as error:
        raise StartError(["redis.url：不是 Redis 地址，写法见 docs/redis.md"]) from error
