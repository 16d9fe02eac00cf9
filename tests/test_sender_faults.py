"""The sender in bad weather: every code, silence, cut connections and storms, on a clock of its own, judged by what WeCom has seen."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
from chat import Chat, OpenChat
from visits import every_page, met, visit

import bot.client
from bot.breaker import Circuit
from bot.client import WeComClient, Wire
from bot.metrics import Metrics
from bot.outbox_cli import rows_of
from bot.sender import Sender
from bot.verdicts import UNSURE, USED, VERDICTS
from bot.ways import Lookups, Ways
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.faults import Fault, Weather
from simulator.pretend import PretendWeCom
from simulator.server import serve
from simulator.world import Post, single_chat
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.limits import Limits
from storage.moment import to_ms
from storage.outbox import Delivery, Outbox
from storage.tokens import TokenStore

pytest_plugins = ("chat", "visits")

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
GROUPS, MEMBERS, ADDRESSES, CODES = 25, 25, 40, 20
SECRET, TOKEN, AES_KEY = "APP-SECRET-zzz", "CALLBACK-TOKEN-zzz", "k" * 43
HOOK, APP, ONCE, GETTOKEN = "/cgi-bin/webhook/send", "/cgi-bin/message/send", "/cgi-bin/aibot/response", "/cgi-bin/gettoken"
WELCOME, FACE = "/cgi-bin/externalcontact/send_welcome_msg", "/cgi-bin/message/update_template_card"
SENDING = (HOOK, APP, ONCE, WELCOME, FACE)
HTTP = (500, 502, 503, 504)
ASKED = "asked"
WORDS = ("welcome_code", "response_code", "access_token", "key=")
"""Behind which the demo's page shortens secrets."""
STORM = 12
"""As many calls in a row as open a host's circuit, and two more."""
ENOUGH_S = 6 * 3_600
SHORT_S = (3.0, 1.0)
"""How long the run waits for an answer."""
MOST_FAULTS = 200
"""About: a storm of refusals silences a whole app for a minute, so that a longer run with as many in a hundred would not end within a day."""


def weather(seed: int, messages: int) -> Weather:
    """A tenth of all calls fails, less in a long run, in every way that an endpoint in use can fail."""
    ways = (HOOK, APP, ONCE)
    kinds = [Fault(path, http_status=status) for path in (*ways, GETTOKEN) for status in HTTP]
    kinds += [Fault(path, drop=when) for path in ways for when in ("before", "after") for _ in range(3)]
    kinds += [Fault(path, errcode=code) for path in ways for code in (-1, 45033, 60020, 12345)]
    kinds += [Fault(path, errcode=45009, times=5) for path in (HOOK, APP)] + [Fault(GETTOKEN, errcode=-1)]
    kinds += [Fault(path, drop=when) for path in (WELCOME, FACE) for when in ("before", "after")]
    kinds += [Fault(HOOK, http_status=502, times=STORM), Fault(APP, errcode=-1, times=STORM)]
    once = [Fault(path, errcode=code) for path in (HOOK, APP) for code in VERDICTS]
    once += [Fault(path, delay_s=1.3) for path in ways]
    rng = random.Random(seed)
    rng.shuffle(once)
    return Weather(rng, min(0.1, MOST_FAULTS / messages), kinds, once)


@dataclass
class Report:
    """What a run came to."""

    queued: dict[str, Delivery]
    arrived: Counter[str]
    dead: dict[str, str]
    outcomes: Counter[str]
    rows: list[dict[str, Any]]
    written: str
    secrets: set[str]
    minutes: float
    circuits: list[Circuit] = field(default_factory=list)
    token_failures: int = 0
    timed_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        reasons = Counter(reason.split("（")[0] for reason in self.dead.values())
        told = ", ".join(f"{what} {times}" for what, times in sorted(self.outcomes.items()))
        why = ", ".join(f"{reason} {times}" for reason, times in reasons.most_common(5))
        return (
            f"{len(self.queued)} deliveries in {self.minutes:.0f} virtual minutes by {len(self.rows)} requests: {told}; "
            f"{len(self.arrived)} arrived, {sum(times == 2 for times in self.arrived.values())} of them twice after a lost answer; "
            f"{sum(circuit.is_open for circuit in self.circuits)} circuits opened; dead for {len(reasons)} reasons: {why}…"
        )


class Field:
    """Two senders on one Redis, a pretend WeCom over HTTP, and one clock for all of them."""

    def __init__(self, database: Database, folder: Path, messages: int, seed: int) -> None:
        self.time, self.record = NOON, folder / "wire.jsonl"
        self.groups = [Group(f"g{n}", f"群{n}", ("u0",), webhook_key=f"HOOK-KEY-{n:02d}-zzz") for n in range(GROUPS)]
        self.people = [Person(f"u{n}", f"成员{n}") for n in range(MEMBERS)]
        channels = (Channel("desk", "app", TOKEN, AES_KEY, 1000002, SECRET), Channel("bot", "aibot", TOKEN, AES_KEY))
        config = SimulatorConfig("ww1", channels, tuple(self.people), tuple(self.groups))
        self.pretend = PretendWeCom(config, now=self._unix_s, record=self.record)
        self.pretend.faults = weather(seed, messages)
        self.server = serve(self.pretend)
        self.rng, self.outcomes, self.circuits = random.Random(seed), Counter[str](), list[Circuit]()
        self.wire = ""
        self.metrics = Metrics()
        self.lock, self.codes = threading.Lock(), list[str]()
        self.outbox, self.database = Outbox(database, 16), database
        self.senders = [self._sender(n) for n in range(2)]

    def _sender(self, seed: int) -> Sender:
        wire = Wire(self.server.url)
        client = WeComClient("ww1", SECRET, wire=wire, tokens=TokenStore(self.database), now=lambda: self.time)
        lookups = Lookups(
            webhook_key=lambda community, chat: f"HOOK-KEY-{int(chat[1:]):02d}-zzz",
            user_id=lambda number: f"u{number - 1}",
            app=lambda channel: (client, 1000002),
        )
        return Sender(
            self.outbox, Limits(self.database), Ways(wire, lookups).table(), now=lambda: self.time, shards=range(16),
            on_dead=lambda delivery, reason: None, on_outcome=self._count, on_circuit=self._circuit_changed, rng=random.Random(seed),
        )  # fmt: skip

    def _count(self, via: str, outcome: str) -> None:
        with self.lock:
            self.outcomes[outcome] += 1
        self.metrics.sent.labels(via, outcome).inc()

    def _circuit_changed(self, circuit: Circuit) -> None:
        self.circuits.append(circuit)
        self.metrics.broken.labels(circuit.name).set(int(circuit.is_open))

    def figures(self) -> str:
        """All that the metrics page would tell of the run."""
        return "".join(str(list(metric.collect())) for metric in vars(self.metrics).values())

    def pages(self) -> str:
        """All that the demo's page shows to a visitor."""
        return self._page("", "api/start", *(f"api/updates?who={person.user}" for person in self.people))

    def _page(self, *reads: str) -> str:
        found = [requests.get(f"{self.server.url}/demo/{read}", timeout=10) for read in reads]
        assert all(page.status_code == 200 for page in found)
        return "".join(page.text for page in found)

    def queue(self, messages: int) -> dict[str, Delivery]:
        """A share for each target: every fourth an answer, the others posts; and some answers to addresses that work once."""
        queued: dict[str, Delivery] = {}
        for k in range(messages // (GROUPS + MEMBERS)):
            batch = [self._delivery(target, k) for target in range(GROUPS + MEMBERS)]
            for shard, group in groupby(batch, lambda delivery: int(delivery.community[1:])):
                self.outbox.enqueue(shard, list(group), to_ms(self.time))
            queued |= {delivery.id: delivery for delivery in batch}
        once = [make(n) for make, count in ((self._once, ADDRESSES), (self._welcome, CODES), (self._face, CODES)) for n in range(count)]
        self.outbox.enqueue(7, once, to_ms(self.time))
        return queued | {delivery.id: delivery for delivery in once}

    def _delivery(self, target: int, k: int) -> Delivery:
        lane, community, born_ms = "bulk" if k % 4 else "now", f"c{target % 5}", to_ms(self.time)
        if target < GROUPS:
            id = f"g{target}#{lane}#{k:04d}"
            return Delivery(id, lane, f"hook.{community}.g{target}", "webhook", community, _text(id), chat=f"g{target}", born_ms=born_ms)
        member = target - GROUPS + 1
        id = f"u{member - 1}#{lane}#{k:04d}"
        return Delivery(id, lane, f"app.desk.{member}", "app", community, _text(id), member, channel="desk", born_ms=born_ms)

    def _once(self, n: int) -> Delivery:
        place, id = single_chat("bot", "u0"), f"once#now#{n:04d}"
        code = self._code("response", channel="bot", chat=place, quote=None)
        url, body = f"{self.server.url}{ONCE}?response_code={code}", {"msgtype": "markdown", "markdown": {"content": id}}
        return Delivery(
            id, "now", f"once.{id}", "response_url", "c2", body, chat=f"single{n}", channel="bot", url=url, born_ms=to_ms(self.time)
        )

    def _welcome(self, n: int) -> Delivery:
        id = f"welcome#now#{n:04d}"
        code = self._code("welcome", channel="bot", user="u0")
        body = {"text": {"content": id}}
        born_ms = to_ms(self.time) + 600_000  # it is taken for 20 s only, and storms last longer
        return Delivery(id, "now", f"once.{id}", "welcome_code", "c2", body, channel="desk", code=code, born_ms=born_ms)

    def _face(self, n: int) -> Delivery:
        id, user = f"face#now#{n:04d}", self.people[n % MEMBERS].user
        card = {
            "card_type": "text_notice",
            "main_title": {"title": ASKED},
            "card_action": {"type": 1, "url": "https://a.cn"},
            "task_id": f"face-{n}",
        }
        asked = self.pretend.world.post(single_chat("desk", user), "bot", "card", card=card, channel="desk")
        code = self._code("card", channel="desk", posts=[asked.id])
        body = {"template_card": {**card, "main_title": {"title": id}}}
        return Delivery(
            id, "now", f"once.{id}", "app_update", "c2", body, n % MEMBERS + 1, channel="desk", code=code, born_ms=to_ms(self.time)
        )

    def _code(self, kind: str, **detail: Any) -> str:
        code = self.pretend.world.give_code(kind, 3_600, **detail)
        self.codes.append(code)
        return code

    def drain(self) -> None:
        """Lets both senders work until nothing is left, second after second."""
        with ThreadPoolExecutor(2) as pool:
            for round in itertools.count():
                if not self.outbox.depth():
                    break
                list(pool.map(lambda sender: sender.drain_once(), self.senders))
                if round < 20 or round % 10 == 0:
                    self.wire += self._page("api/wire")  # requests and answers, the newest 200
                assert self.time < NOON + timedelta(seconds=ENOUGH_S), f"{self.outbox.depth()} are left, {dict(self.outcomes)}"
                self.time += timedelta(seconds=self._next_s())
                if self.rng.random() < 0.02:
                    self.rng.choice([self.pretend.tokens.expire, self.pretend.tokens.forget])()

    def _next_s(self) -> int:
        """A second, or more when nothing is due before."""
        now_ms = to_ms(self.time)
        return next(s for s in (1, 2, 5, 10, 30, 60, 300) if s == 300 or self.outbox.due(range(16), now_ms + s * 1000))

    def arrived(self) -> Counter[str]:
        """How often each delivery stands in a chat."""
        chats = [group.id for group in self.groups] + [single_chat(name, person.user) for name in ("desk", "bot") for person in self.people]
        said = Counter(_said(post) for chat in chats for post in self.pretend.world.posts(chat))
        del said[ASKED]
        return said

    def order(self) -> dict[str, list[str]]:
        """What stands in each chat, from each lane, repeats left out."""
        found: dict[str, list[str]] = defaultdict(list)
        for group in self.groups:
            _by_lane(found, group.id, [post.text for post in self.pretend.world.posts(group.id)])
        for person in self.people:
            posts = self.pretend.world.posts(single_chat("desk", person.user))
            _by_lane(found, person.user, [post.text for post in posts if not post.card])
        return found

    def close(self) -> None:
        """Stops the pretend WeCom."""
        self.server.close()

    def _unix_s(self) -> float:
        return self.time.timestamp()


def _said(post: Post) -> str:
    return str(post.card["main_title"]["title"]) if post.card else post.text


def _by_lane(found: dict[str, list[str]], chat: str, texts: Iterable[str]) -> None:
    for text in dict.fromkeys(texts):
        found[f"{chat}#{text.split('#')[1]}"].append(text)


def _text(id: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": id}}


def withstand_faults(database: Database, folder: Path, *, messages: int, seed: int) -> Report:
    """Sends ``messages`` through bad weather and checks every promise; raises AssertionError when one is broken."""
    ground = Field(database, folder, messages, seed)
    try:
        with structlog.testing.capture_logs() as logs:
            queued = ground.queue(messages)
            ground.drain()
        letters = [letter for shard in range(16) for letter in ground.outbox.dead_letters(shard)]
        rows = [json.loads(line) for line in ground.record.read_text(encoding="utf-8").splitlines()]
        listed = [row.as_json() for shard in range(16) for row in rows_of(ground.outbox, shard, to_ms(ground.time))]
        tokens = {json.loads(row["answer"]).get("access_token", "") for row in rows if row["target"] == GETTOKEN and row["answer"]}
        report = Report(
            queued,
            ground.arrived(),
            {letter.delivery.id: letter.reason for letter in letters},
            ground.outcomes,
            [row for row in rows if row["target"] in SENDING and not _is_token_refused(row)],
            f"{logs}{listed}{ground.circuits}{ground.figures()}{ground.pages()}{ground.wire}",
            {SECRET, TOKEN, AES_KEY, *ground.codes, *tokens - {""}, *(group.webhook_key for group in ground.groups)},
            (ground.time - NOON).total_seconds() / 60,
            ground.circuits,
            sum("access_token" in str(entry.get("error")) for entry in logs),
            Counter(str(entry["id"]) for entry in logs if entry["event"] == "delivery failed" and "Timeout" in str(entry["error"])),
        )
        _check(report, ground.order())
        return report
    finally:
        ground.close()


def _is_token_refused(row: dict[str, Any]) -> bool:
    """The client asks again by itself with a new token, unnoticed by the sender; the limits are the platform's, and it took nothing."""
    return row["target"] in (APP, WELCOME, FACE) and bool(row["answer"]) and json.loads(row["answer"]).get("errcode") in (40014, 42001)


def _check(report: Report, order: dict[str, list[str]]) -> None:
    """The promises, read off WeCom's side."""
    may_double = report.timed_out + Counter(_content(row) for row in report.rows if "after" in row["problem"])
    for id in report.queued:
        times = report.arrived[id]
        assert times or id in report.dead, f"{id} is lost"
        assert times <= 1 + min(may_double[id], 1), f"{id} arrived {times} times, {may_double[id]} answers were lost"
        if times and id in report.dead:
            assert report.dead[id] in (UNSURE.reason, USED.reason) or may_double[id], f"{id} arrived and is dead: {report.dead[id]}"
    assert set(report.arrived) <= set(report.queued)
    for lane, texts in order.items():
        assert texts == sorted(texts), f"{lane} is out of order"
    for name, at_s in _requests(report.rows).items():
        most = 20 if name.startswith("HOOK") else 30
        assert all(later - earlier >= 60 for earlier, later in zip(at_s, at_s[most:], strict=False)), (
            f"{name} got more than {most} a minute"
        )
    assert report.outcomes["sent"] + report.outcomes["dead"] == len(report.queued)
    assert report.outcomes["dead"] == len(report.dead)
    asked = sum(times for what, times in report.outcomes.items() if what != "wait")
    too_late = sum(reason.startswith("欢迎语已过期") for reason in report.dead.values())
    assert asked == len(report.rows) + report.token_failures + too_late, (
        f"{asked} tries, {len(report.rows)} requests, {report.token_failures} without token, {too_late} not tried any more"
    )
    assert "bot_sent" in report.written
    for secret in report.secrets:
        assert secret not in report.written, "a secret was written down"


def _content(row: dict[str, Any]) -> str:
    body = json.loads(row["plaintext"])
    if row["target"] == FACE:
        return str(body["template_card"]["main_title"]["title"])
    return str(body[body.get("msgtype", "text")]["content"])


def _requests(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The times of all requests by who is limited, in order; not of those that outlast the sender's patience: their time is that of their end."""
    times: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["ms"] >= SHORT_S[1] * 1000:
            continue
        if row["target"] == HOOK:
            times[row["query"].removeprefix("key=")].append(row["at"])
        elif row["target"] == APP:
            times[json.loads(row["plaintext"])["touser"]].append(row["at"])
    return {name: sorted(found) for name, found in times.items()}


def run_in(folder: Path, *, messages: int, seed: int) -> str:
    """The run on a Redis of its own; says what it saw."""
    patience, bot.client.TIMEOUT_S = bot.client.TIMEOUT_S, SHORT_S
    try:
        with EmbeddedServer(folder, fsync="no") as server:
            return str(withstand_faults(Database(server.url), folder, messages=messages, seed=seed))
    finally:
        bot.client.TIMEOUT_S = patience


def console_pages(chat: Chat) -> dict[str, str]:
    """All that the console shows its owner of what the run left behind; the address of his own session's page aside."""
    return every_page(visit(met(chat)))


def test_a_thousand_messages_arrive_once_in_order_and_within_the_limits_whatever_fails(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, open_chat: OpenChat
) -> None:
    monkeypatch.setattr(bot.client, "TIMEOUT_S", SHORT_S)
    caplog.set_level("DEBUG")
    report = withstand_faults(database, tmp_path, messages=1_000, seed=7)
    print(report)
    assert report.outcomes["sent"] > 800
    assert all(word in report.written for word in WORDS), "the search is worth nothing where no secret stood"
    for kind in ("once", "welcome", "face"):
        assert sum(id.startswith(kind) for id in report.arrived) > CODES // 2, (
            f"{kind}: {[report.dead.get(id) for id in report.queued if id.startswith(kind)]}"
        )
    assert len(set(report.dead.values())) > 20
    pages = console_pages(open_chat())
    assert len(pages) > 5, sorted(pages)
    for secret in report.secrets:
        assert secret not in caplog.text
        assert not [place for place, text in pages.items() if secret in text]
