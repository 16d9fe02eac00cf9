"""A push to ten thousand groups: through a pretend WeCom on loopback, the process that rings and sends killed in the middle; then what arrived is counted."""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog
from chat import Chat, a_config, build, settings

from bot.client import Wire
from bot.metrics import Metrics
from bot.second_look import SecondLook
from bot.sender import Sender
from bot.ways import Lookups, Ways
from handlers.contents import publish
from rules.contents import PUSHES
from rules.text import Words
from scheduler.clock import Agenda
from storage.embedded import EmbeddedServer
from storage.limits import Limits
from storage.outbox import Bell
from tests.timing import Clock

LEAST_KILLED_AT = 0.3
FASTER_MS = 2_000
"""Leases of the process that is killed run out this soon: what it had in hand waits no longer for another."""


@dataclass
class Hall:
    """A pretend WeCom: which webhook said what, and when (by the clock of the machine)."""

    port: int = 0
    posts: list[tuple[str, str, float]] = field(default_factory=list)

    def arrived(self) -> int:
        """How many posts came."""
        return len(self.posts)


@contextmanager
def hall() -> Iterator[Hall]:
    """One that listens on a port of its own."""
    heard = Hall()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = parse_qs(urlsplit(self.path).query)["key"][0]
            heard.posts.append((key, body["markdown"]["content"], time.time()))
            answer = b'{"errcode":0,"errmsg":"ok"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Says nothing of connections that end with their killed sender."""

    server = Server(("127.0.0.1", 0), Door)
    heard.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()


def _work(chat: Chat, port: int) -> None:
    """A worker: rings the agenda each second, and sends."""
    stop = threading.Event()
    lookups = Lookups(lambda community, chat: f"key-{chat or 'g00000'}", lambda number: None, lambda channel: None)

    def now() -> datetime:
        return datetime.now(UTC)

    sender = Sender(
        chat.stores.outbox, Limits(chat.stores.database), Ways(Wire(f"http://127.0.0.1:{port}"), lookups).table(), now=now,
        shards=range(chat.stores.shards), on_dead=lambda delivery, reason: None,
        look_again=SecondLook(chat.stores, chat.live, chat.communities), lease_ms=FASTER_MS, rng=random.Random(1),
    )  # fmt: skip
    agenda = Agenda(chat.stores, chat.config, chat.live, chat.communities, now, slowest_s=86_400)
    sending = threading.Thread(target=sender.run, args=(stop, Bell(chat.stores.database)), daemon=True)
    sending.start()
    while True:
        agenda.ring(now())
        stop.wait(0.2)


def push_to_many(folder: Path, seed: int, *, groups: int = 10_000, kills: int = 2) -> str:
    """Sends a push to so many groups; says what arrived. AssertionError where a group got it not once."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chats = [f"g{number:05}" for number in range(groups)]
    tree = settings(app=False)
    tree["communities"] = [
        {"id": "main", "name": "主群", "groups": chats, "webhook": "key-g00000", "webhooks": {chat: f"key-{chat}" for chat in chats[1:]}}
    ]
    with EmbeddedServer(folder, fsync="no") as server, hall() as heard:
        chat = build(itertools.count(1), a_config(folder, server.url, tree), Words(), Metrics(), clock=Clock(datetime.now(UTC)))
        at = datetime.now(UTC).astimezone(chat.community.zone) + timedelta(minutes=1)
        row = {"id": "p", "at": f"{at:%Y-%m-%d %H:%M}", "community": "main", "text": "一万个群", "quiet": "ignore"}
        publish(chat.stores, PUSHES, msgspec.json.encode([row]).decode(), "boss", datetime.now(UTC))
        assert chat.live.refresh()
        planned = at.replace(second=0, microsecond=0).astimezone(UTC)
        killed, seen, began = _drive(chat, heard, groups, kills, planned)
        took = time.time() - began
        mailing = chat.stores.mailings.find(chat.community.keys, "p", planned)
    return _judged(heard, mailing, groups, killed, took, seen)


def _drive(chat: Chat, heard: Hall, groups: int, kills: int, planned: datetime) -> tuple[int, list[int], float]:
    """Has workers work until all has arrived; kills them on the way. Gives how often, the progress that was shown, and when it began."""
    fork = multiprocessing.get_context("fork")
    worker = fork.Process(target=_work, args=(chat, heard.port))
    worker.start()
    killed, seen, pause = 0, list[int](), threading.Event()
    began, until = 0.0, time.time() + 900
    while time.time() < until:
        pause.wait(0.1)
        began = began or (time.time() if heard.posts else 0.0)
        if mailing := chat.stores.mailings.find(chat.community.keys, "p", planned):
            seen.append(mailing.sent)
            if mailing.state == "done":
                break
        if killed < kills and heard.arrived() > groups * (LEAST_KILLED_AT + 0.3 * killed) and worker.pid:
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
            killed += 1
            worker = fork.Process(target=_work, args=(chat, heard.port))
            worker.start()
    worker.kill()
    worker.join()
    return killed, seen, began


def _judged(heard: Hall, mailing: Any, groups: int, killed: int, took: float, seen: list[int]) -> str:
    got = Counter(key for key, _, _ in heard.posts)
    twice = sum(count == 2 for count in got.values())
    assert len(got) == groups, f"{groups - len(got)} groups got nothing"
    assert max(got.values()) <= 2, "no group gets it three times"
    assert twice <= 32 * killed, "only what a killed sender had in hand may come twice"
    assert mailing is not None
    assert (mailing.of, mailing.looked, mailing.queued, mailing.sent, mailing.failed) == (groups, groups, groups, groups, 0), str(mailing)
    assert seen == sorted(seen), "the progress never goes back"
    places: dict[str, float] = {}
    for key, _, at in heard.posts:
        places.setdefault(key, at)
    slots = defaultdict(list)
    for number, key in enumerate(sorted(places)):
        slots[number // 600].append(places[key])
    assert all(max(slots[n]) <= max(slots[n + 2]) for n in range(len(slots) - 2)), "in the order of the groups, 600 at a time"
    return (
        f"a push to {groups} groups, its process killed by SIGKILL {killed} times: each group got it, {twice} twice (in hand as their sender was killed), "
        f"in {took:.0f} s ({groups / took:.0f} a second), in order; progress shown {len(set(seen))} different figures, never back"
    )
