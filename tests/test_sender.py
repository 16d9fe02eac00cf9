"""The sender: what is sent when, and what becomes of what cannot be sent."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Response
from vendor import Vendor, vendor

from bot.breaker import HOST, Breaker, Circuit
from bot.client import WeComClient, Wire
from bot.sender import LEASE_MS, Sender
from bot.verdicts import VERDICTS
from bot.ways import Lookups, Ways
from storage import keys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.limits import Limits
from storage.moment import to_ms
from storage.outbox import Bell, Delivery, Outbox
from storage.tokens import TokenStore
from tests.timing import await_until

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
SHARD = 7
KEYS = {"g1": "KEY-ONE", "g2": "KEY-TWO", "also g1": "KEY-ONE"}
USERS = {42: "zhangsan", 43: "lisi"}


class Stage:
    """A sender on a clock of its own between a real Redis and a double of WeCom."""

    def __init__(self, database: Database, wecom: Vendor) -> None:
        self.wecom, self.time, self.paused = wecom, NOON, set[str]()
        self.dead: list[tuple[str, str]] = []
        self.circuits: list[Circuit] = []
        self.database = database
        self.outbox, self.limits = Outbox(database, 16), Limits(database)
        self.wire = Wire(wecom.base)
        self.client = WeComClient("ww1", "SECRET", wire=self.wire, tokens=TokenStore(database), now=self.now)
        self.sender = self.another()

    def another(self, **more: Any) -> Sender:
        lookups = Lookups(
            webhook_key=lambda community, chat: KEYS.get(chat),
            user_id=USERS.get,
            app=lambda channel: (self.client, 1000002) if channel == "desk" else None,
        )
        return Sender(
            self.outbox,
            self.limits,
            Ways(self.wire, lookups).table(),
            is_paused=lambda delivery: delivery.lane == "bulk" and delivery.community in self.paused,
            now=self.now,
            shards=range(16),
            on_dead=lambda delivery, reason: self.dead.append((delivery.id, reason)),
            on_circuit=self.circuits.append,
            rng=random.Random(1),
            **more,
        )

    def now(self) -> datetime:
        return self.time

    @property
    def now_ms(self) -> int:
        return to_ms(self.time)

    def later(self, **by: float) -> None:
        self.time += timedelta(**by)

    def queue(self, *deliveries: Delivery) -> None:
        assert self.outbox.enqueue(SHARD, deliveries, self.now_ms) == len(deliveries)

    def drain(self, *, for_s: float = 0, step_s: float = 1) -> int:
        """Sends what is due, and what becomes due during ``for_s``."""
        sent, end = 0, self.time + timedelta(seconds=for_s)
        while True:
            sent += self.sender.drain_once()
            if self.time >= end:
                return sent
            self.later(seconds=step_s)

    def texts(self, path: str = "webhook/send") -> list[str]:
        return [body["text"]["content"] for body in self.wecom.sent(path)]


class Endless(deque[Any]):
    """A script that gives the same step for ever."""

    def __init__(self, step: Callable[[], Response]) -> None:
        super().__init__([step])

    def popleft(self) -> Any:
        return self[0]


@pytest.fixture
def wecom() -> Iterator[Vendor]:
    with vendor() as double:
        yield double


@pytest.fixture
def stage(database: Database, wecom: Vendor) -> Iterator[Stage]:
    stage = Stage(database, wecom)
    yield stage
    stage.wire.close()


def text(id: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": id}}


def hook(id: str, *, lane: str = "now", chat: str = "g1", community: str = "main") -> Delivery:
    return Delivery(id, lane, f"hook.{community}.{chat}", "webhook", community, text(id), chat=chat, born_ms=to_ms(NOON))


def app(id: str, member: int = 42, channel: str = "desk") -> Delivery:
    return Delivery(id, "now", f"app.{channel}.{member}", "app", "main", text(id), member, channel=channel, born_ms=to_ms(NOON))


def once(id: str, base: str, **more: Any) -> Delivery:
    url = f"{base}/cgi-bin/aibot/response?response_code=CODE-{id}"
    return Delivery(
        id, "now", f"once.{id}", "response_url", "main", text(id), channel="bot", chat="g1", url=url, born_ms=to_ms(NOON), **more
    )


# What goes where --------------------------------------------------------------------------------------------------------


def test_each_delivery_goes_the_way_it_names(stage: Stage, wecom: Vendor) -> None:
    robot = Delivery("r", "now", "once.r", "robot_webhook", "main", text("r"), url=f"{wecom.base}/cgi-bin/webhook/send?key=KEY-3")
    stage.queue(hook("h"), app("a"), once("o", wecom.base), robot)
    assert stage.drain() == 4
    assert sorted(query["key"] for query in wecom.queries("webhook/send")) == ["KEY-3", "KEY-ONE"]
    assert wecom.queries("aibot/response") == [{"response_code": "CODE-o"}]
    assert wecom.sent("message/send") == [{**text("a"), "touser": "zhangsan", "agentid": 1000002}]
    assert stage.outbox.depth() == 0


def test_one_target_gets_its_messages_in_order_answers_before_pushes(stage: Stage) -> None:
    stage.queue(hook("p1", lane="bulk"), hook("p2", lane="bulk"), hook("a1"), hook("a2"), hook("p3", lane="bulk"))
    stage.drain()
    assert stage.texts() == ["a1", "a2", "p1", "p2", "p3"]


def test_a_message_that_waits_holds_back_its_own_target_only(stage: Stage, wecom: Vendor) -> None:
    wecom.will("webhook/send", {"errcode": -1, "errmsg": "busy"})
    stage.queue(hook("1"), hook("2"))
    stage.drain()
    stage.queue(hook("other", chat="g2"))
    stage.drain()
    assert stage.texts() == ["1", "other"]
    stage.drain(for_s=5)
    assert stage.texts() == ["1", "other", "1", "2"]


# Limits -----------------------------------------------------------------------------------------------------------------


def test_no_minute_sees_more_than_twenty_messages_of_one_robot(stage: Stage, wecom: Vendor) -> None:
    times: list[float] = []

    def note() -> Response:
        times.append(stage.time.timestamp())
        return Response('{"errcode":0}')

    wecom.will("webhook/send", *[note] * 50)
    # two chats of different communities that share one robot share its limit
    stage.queue(*[hook(f"{n}", chat=("g1", "also g1")[n % 2], community=("main", "two")[n % 2]) for n in range(50)])
    assert stage.drain(for_s=130) == 50
    times.sort()
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[20:], strict=False))
    assert stage.dead == []
    for parity in (0, 1):
        assert [n for n in map(int, stage.texts()) if n % 2 == parity] == list(range(parity, 50, 2))


def test_an_answer_overtakes_pushes_that_wait_for_the_limit(stage: Stage) -> None:
    stage.queue(*[hook(f"p{n}", lane="bulk") for n in range(30)])
    stage.drain(for_s=5)
    stage.queue(hook("answer"))
    stage.drain(for_s=61)
    assert stage.texts()[20] == "answer"


def test_too_many_at_wecom_pauses_that_target_for_a_minute(stage: Stage, wecom: Vendor) -> None:
    wecom.will("webhook/send", {"errcode": 45009, "errmsg": "api freq out of limit"})
    stage.queue(hook("1"), hook("p", lane="bulk"))
    stage.drain()
    stage.queue(hook("other", chat="g2"))
    stage.drain(for_s=59)
    assert Counter(stage.texts()) == {"1": 1, "other": 1}
    stage.drain(for_s=2)
    assert Counter(stage.texts()) == {"1": 2, "p": 1, "other": 1}


def test_too_many_of_an_app_pauses_all_its_members(stage: Stage, wecom: Vendor) -> None:
    wecom.will("message/send", {"errcode": 45009, "errmsg": "api freq out of limit"})
    stage.queue(app("1", 42))
    stage.drain()
    stage.queue(app("2", 43))
    stage.drain(for_s=59)
    assert stage.texts("message/send") == ["1"]
    stage.drain(for_s=12)
    assert sorted(stage.texts("message/send")) == ["1", "1", "2"]


# Failures ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code, verdict in VERDICTS.items() if verdict.act == "dead"])
def test_what_cannot_be_sent_dies_at_once_with_a_reason_and_the_next_goes(stage: Stage, wecom: Vendor, code: int) -> None:
    wecom.will("webhook/send", {"errcode": code, "errmsg": "no"})
    stage.queue(hook("1"), hook("2"))
    stage.drain(for_s=1)
    assert stage.dead == [("1", f"{VERDICTS[code].reason}（错误码 {code}）")]
    assert stage.texts() == ["1", "2"]
    [letter] = stage.outbox.dead_letters(SHARD)
    assert (letter.delivery.id, letter.code) == ("1", code)


@pytest.mark.parametrize(("code", "tries"), [(-1, 4), (45033, 8), (12345, 5)])
def test_what_may_pass_is_tried_again_so_many_times(stage: Stage, wecom: Vendor, code: int, tries: int) -> None:
    wecom.will("message/send", *[{"errcode": code, "errmsg": "?"}] * 20)
    stage.queue(app("1"))
    stage.drain(for_s=4000, step_s=100)
    assert len(wecom.sent("message/send")) == tries
    assert [id for id, _ in stage.dead] == ["1"]


def test_a_dead_letter_goes_out_when_it_is_replayed(stage: Stage, wecom: Vendor) -> None:
    wecom.will("webhook/send", {"errcode": 93000, "errmsg": "no"})
    stage.queue(hook("1"))
    stage.drain()
    stage.later(days=3)
    assert stage.outbox.replay(SHARD, "1", stage.now_ms)
    assert stage.drain() == 1
    assert stage.outbox.count_dead() == 0


def test_a_repeat_to_an_app_asks_for_the_duplicate_check(stage: Stage, wecom: Vendor) -> None:
    wecom.will("message/send", lambda: Response("late", 504))
    stage.queue(app("1"))
    assert stage.drain(for_s=4) == 1
    assert [body.get("enable_duplicate_check") for body in wecom.sent("message/send")] == [None, 1]


def test_a_webhook_without_an_answer_is_repeated_once_and_then_left_to_an_admin(stage: Stage, wecom: Vendor) -> None:
    wecom.will("webhook/send", *[lambda: Response("late", 504)] * 9)
    stage.queue(hook("1"))
    stage.drain(for_s=60)
    assert len(stage.texts()) == 2
    assert "可能已经送达" in stage.dead[0][1]


def test_a_used_response_url_is_given_up_after_a_missing_answer(stage: Stage, wecom: Vendor) -> None:
    wecom.will("aibot/response", lambda: Response("late", 504), {"errcode": 600001, "errmsg": "used"})
    stage.queue(once("1", wecom.base))
    stage.drain(for_s=60)
    assert "可能已经用过" in stage.dead[0][1]


def test_a_server_error_is_retried_and_nothing_is_lost(stage: Stage, wecom: Vendor) -> None:
    wecom.will("webhook/send", *[lambda: Response("broken", 500)] * 3)
    stage.queue(hook("1"), hook("2"))
    assert stage.drain(for_s=40) == 2
    assert stage.texts() == ["1"] * 4 + ["2"]


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        (hook("1", chat="unknown"), "没有为这个群配置 webhook"),
        (app("1", member=99), "成员不在通讯录中（可能已被删除）"),
        (app("1", channel="gone"), "没有配置应用 gone"),
        (once("1", "https://evil.example"), "回调给出的地址不属于企业微信，拒绝发送（只允许 https，且主机与 wecom.api_base 相同）"),
        (Delivery("1", "now", "x", "pigeon", "main", {}), "未知的发送方式 pigeon"),
    ],
)
def test_what_has_no_address_dies_without_a_request(stage: Stage, wecom: Vendor, delivery: Delivery, reason: str) -> None:
    stage.queue(delivery)
    stage.drain()
    assert stage.dead == [("1", reason)]
    assert wecom.seen == []


def test_an_expired_response_url_is_not_tried(stage: Stage, wecom: Vendor) -> None:
    stage.queue(once("1", wecom.base))
    stage.later(hours=1, seconds=1)
    stage.drain()
    assert stage.dead == [("1", "回复地址已过期（只在 1 小时内有效）")]
    assert wecom.seen == []


def test_an_app_message_that_reached_nobody_is_dead(stage: Stage, wecom: Vendor) -> None:
    wecom.will("message/send", {"errcode": 0, "errmsg": "ok", "invaliduser": "zhangsan"})
    stage.queue(app("1"))
    stage.drain()
    assert stage.dead == [("1", "收件人全部无效")]


def test_a_wrong_secret_is_asked_for_once_whatever_waits(stage: Stage, wecom: Vendor) -> None:
    wecom.will("gettoken", *[{"errcode": 40001, "errmsg": "invalid credential"}] * 9)
    stage.queue(app("1", 42), app("2", 43))
    stage.drain()
    assert len(wecom.queries("gettoken")) == 1
    assert {reason for _, reason in stage.dead} == {"应用的 secret 不正确或应用已停用，请检查配置（错误码 40001）"}


def test_a_paused_community_is_held_back_and_goes_on_afterwards(stage: Stage) -> None:
    stage.paused.add("main")
    stage.queue(hook("push", lane="bulk"), hook("answer"))
    stage.drain(for_s=30)
    assert stage.texts() == ["answer"]
    stage.paused.clear()
    stage.drain(for_s=10)
    assert stage.texts() == ["answer", "push"]


def test_a_bug_in_a_lookup_does_not_stop_the_others(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.queue(app("1", channel="desk", member=[1]), hook("2"))  # type: ignore[arg-type]
    assert stage.drain() == 1
    assert stage.texts() == ["2"]


def test_no_secret_and_no_text_is_in_the_log(stage: Stage, wecom: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wecom.will("webhook/send", {"errcode": 93000, "errmsg": "bad key=KEY-ONE"}, lambda: Response("", 500))
    wecom.will("aibot/response", {"errcode": 40058, "errmsg": "bad response_code=CODE-o"})
    secret_text = hook("h")
    secret_text.body["text"]["content"] = "机密内容"
    stage.queue(secret_text, hook("i"), app("a"), once("o", wecom.base))
    with structlog.testing.capture_logs() as logs:
        stage.drain(for_s=5)
    logged = f"{logs}{caplog.text}"
    assert "delivery sent" in logged
    for secret in ("KEY-ONE", "CODE-o", "SECRET", "TOKEN-1", "机密内容", "zhangsan"):
        assert secret not in logged


# Many hands, crashes ----------------------------------------------------------------------------------------------------


def test_two_running_senders_deliver_everything_once_and_in_order(stage: Stage, wecom: Vendor, database: Database) -> None:
    stop = threading.Event()
    members = list(range(100, 120))
    USERS.update({n: f"user{n}" for n in members})
    senders = [threading.Thread(target=stage.another().run, args=(stop, Bell(database))) for _ in range(2)]
    for sender in senders:
        sender.start()
    for k in range(10):
        stage.queue(*[app(f"{n}-{k}", n) for n in members])
    await_until(lambda: stage.outbox.depth() == 0)
    stop.set()
    for sender in senders:
        sender.join(20)
    bodies = wecom.sent("message/send")
    assert len(bodies) == 200
    for n in members:
        assert [body["text"]["content"] for body in bodies if body["touser"] == f"user{n}"] == [f"{n}-{k}" for k in range(10)]
    assert wecom.tokens == 1


def test_a_running_sender_answers_a_bell_quickly(stage: Stage, wecom: Vendor, database: Database) -> None:
    stop = threading.Event()
    runner = threading.Thread(target=stage.sender.run, args=(stop, Bell(database)))
    runner.start()
    stage.queue(hook("1"))
    await_until(lambda: stage.texts() == ["1"], within_s=5)
    stop.set()
    runner.join(10)
    assert not runner.is_alive()


CRASHING = """
import sys, threading
from datetime import UTC, datetime
from bot.client import Wire
from bot.sender import Sender
from bot.ways import Lookups, Ways
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.limits import Limits
from storage.outbox import Bell, Outbox
database = Database(sys.argv[1])
lookups = Lookups(lambda community, chat: "KEY-ONE", lambda n: None, lambda channel: None)
sender = Sender(Outbox(database, 16), Limits(database), Ways(Wire(sys.argv[2]), lookups).table(), now=lambda: datetime(2026, 11, 22, 4, tzinfo=UTC),
                shards=range(16), on_dead=lambda d, r: None)
sender.run(threading.Event(), Bell(database))
"""


def test_what_a_killed_sender_held_is_sent_by_another_after_its_lease(stage: Stage, redis_server: Any) -> None:
    with socket.socket() as deaf:  # a WeCom that takes the request and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        stage.queue(hook("1"), hook("2"))
        base = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        root = Path(__file__).parent.parent
        victim = subprocess.Popen(
            [sys.executable, "-c", CRASHING, redis_server.url, base], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
        )
        deaf.settimeout(30)
        connection, _ = deaf.accept()
        with contextlib.suppress(ProcessLookupError):
            victim.send_signal(signal.SIGKILL)
        victim.wait(10)
        connection.close()
    assert stage.drain() == 0
    stage.later(milliseconds=LEASE_MS)
    assert stage.drain() == 2
    assert stage.texts() == ["1", "2"]


def test_what_was_sent_while_redis_went_away_is_settled_when_it_is_back(wecom: Vendor, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        stage, is_gone = Stage(Database(server.url), wecom), threading.Event()

        def answer_and_break() -> Response:
            server.stop()
            is_gone.set()
            return Response('{"errcode":0}')

        wecom.will("webhook/send", answer_and_break)
        stage.queue(hook("1"), hook("2"))
        sending = threading.Thread(target=stage.drain)
        sending.start()
        assert is_gone.wait(20)
        server.start()
        sending.join(30)
        stage.drain()
        assert stage.texts() == ["1", "2"]
        assert stage.outbox.depth() == 0


# Long and small -----------------------------------------------------------------------------------------------------------


def markdown(id: str, text: str, **more: Any) -> Delivery:
    return replace(hook(id), body={"msgtype": "markdown", "markdown": {"content": text}}, **more)


def test_a_long_post_goes_in_parts_in_order_and_what_came_later_goes_later(stage: Stage, wecom: Vendor) -> None:
    lines = [f"- 第 {n} 条：说明文字" for n in range(400)]
    stage.queue(markdown("long", "\n".join(lines)), hook("after"))
    assert stage.drain() == 4
    *parts, after = wecom.sent("webhook/send")
    contents = [part["markdown"]["content"] for part in parts]
    assert all(len(content.encode()) <= 4096 for content in contents)
    assert "\n".join(contents).split("\n") == lines
    assert after["text"]["content"] == "after"


def test_a_part_that_fails_is_tried_again_alone(stage: Stage, wecom: Vendor) -> None:
    wecom.will("webhook/send", {"errcode": 0}, {"errcode": -1, "errmsg": "busy"})
    stage.queue(markdown("long", "\n".join(f"- {n} {'字' * 100}" for n in range(40))))
    stage.drain(for_s=5)
    openings = [body["markdown"]["content"][:4] for body in wecom.sent("webhook/send")]
    assert openings[1] == openings[2]
    assert len(openings) == len(set(openings)) + 1


def test_small_notices_share_a_message_when_the_limit_is_near_and_each_is_settled_once(
    stage: Stage, wecom: Vendor, database: Database
) -> None:
    notices = [replace(markdown(f"n{n}", f"第 {n} 位新成员"), mergeable=True) for n in range(60)]
    stage.queue(*notices)
    assert stage.drain() == 16  # the limit is near after fifteen
    said = "\n\n".join(body["markdown"]["content"] for body in wecom.sent("webhook/send"))
    assert said.split("\n\n") == [f"第 {n} 位新成员" for n in range(60)]
    rows = database.command("XRANGE", keys.EVENTS(shard=SHARD), "-", "+")
    assert sorted(fields[11] for _, fields in rows) == sorted(notice.id for notice in notices)


def test_what_was_tried_or_is_meant_for_another_place_is_not_merged(stage: Stage, wecom: Vendor) -> None:
    stage.queue(*[hook(f"{n}") for n in range(16)])
    stage.drain()
    card = replace(hook("card"), body={"msgtype": "template_card", "template_card": {}}, mergeable=True)
    stage.queue(replace(markdown("a", "甲"), mergeable=True), card, replace(markdown("b", "乙"), mergeable=True))
    stage.drain()
    assert [body["msgtype"] for body in wecom.sent("webhook/send")][16:] == ["markdown", "template_card", "markdown"]


# Broken circuits ------------------------------------------------------------------------------------------------------------


def broken() -> Response:
    return Response("broken", 502)


def test_a_host_that_does_not_answer_is_tried_by_one_until_it_does_and_nobody_loses_his_tries(stage: Stage, wecom: Vendor) -> None:
    USERS.update({n: f"user{n}" for n in range(500, 540)})
    is_down = True
    wecom.script["message/send"] = Endless(lambda: broken() if is_down else Response('{"errcode":0}'))
    stage.queue(*[app(f"{n}", n) for n in range(500, 540)])
    stage.drain(for_s=600, step_s=5)
    tries = len(wecom.sent("message/send"))
    assert tries < 40 + 30  # not 40 × 8
    assert [circuit.is_open for circuit in stage.circuits if circuit.is_host] == [True]  # a member that is tried on its behalf may rest too
    assert stage.dead == []
    is_down = False
    stage.drain(for_s=900, step_s=5)
    assert stage.outbox.depth() == 0
    assert stage.dead == []
    assert [circuit.is_open for circuit in stage.circuits if circuit.is_host] == [True, False]


def test_a_broken_target_waits_longer_each_time_and_does_not_hold_up_another(stage: Stage, wecom: Vendor) -> None:
    wecom.script["message/send"] = Endless(lambda: Response('{"errcode":-1,"errmsg":"busy"}'))
    stage.queue(*[app(f"{n}") for n in range(10)])
    stage.drain(for_s=300, step_s=1)
    stage.queue(hook("other"))
    stage.drain()
    assert stage.texts() == ["other"]
    assert len(wecom.sent("message/send")) < 12
    assert [(circuit.is_host, circuit.is_open) for circuit in stage.circuits] == [(False, True)]


def test_two_processes_share_one_trial(stage: Stage) -> None:
    for _ in range(HOST.failures):
        stage.limits.failed("host.wecom", HOST, stage.now_ms)
    stage.later(milliseconds=HOST.first_ms)
    breakers = [Breaker(Limits(stage.database), lambda circuit: None) for _ in range(2)]
    assert sorted(breaker.wait_ms("wecom", stage.now_ms) > 0 for breaker in breakers) == [False, True]


# Fairness -------------------------------------------------------------------------------------------------------------------


def test_ten_thousand_posts_of_one_community_hold_up_neither_anothers_first_post_nor_an_answer(stage: Stage, wecom: Vendor) -> None:
    for n in range(0, 6_000, 1_000):
        stage.queue(*[hook(f"{k}", lane="bulk", chat=f"c{k}", community="big") for k in range(n, n + 1_000)])
    stage.later(seconds=1)
    stage.queue(hook("first", lane="bulk", chat="g2", community="small"), hook("answer"))
    due = stage.outbox.due(range(16), stage.now_ms)
    assert due[0] == (SHARD, "now", "hook.main.g1")
    assert (SHARD, "bulk", "hook.small.g2") in due[:3]
    assert len(due) == 6_002


def test_an_answer_does_not_wait_for_posts_that_are_being_sent(stage: Stage, wecom: Vendor, database: Database) -> None:
    def slowly() -> Response:
        threading.Event().wait(0.02)
        return Response('{"errcode":0}')

    def noted() -> Response:
        arrived.append(len(wecom.sent("message/send")))
        return Response('{"errcode":0}')

    arrived: list[int] = []
    wecom.script["message/send"], wecom.script["webhook/send"] = Endless(slowly), Endless(noted)
    USERS.update({n: f"user{n}" for n in range(1_000, 1_200)})
    stage.queue(*[replace(app(f"{n}-{k}", n), lane="bulk", community="big") for n in range(1_000, 1_200) for k in range(3)])
    stop, sender = threading.Event(), stage.another(threads=4)
    runner = threading.Thread(target=sender.run, args=(stop, Bell(database)))
    runner.start()
    await_until(lambda: len(wecom.sent("message/send")) >= 20)
    stage.queue(hook("answer"))
    before = len(wecom.sent("message/send"))
    await_until(lambda: arrived)
    between = arrived[0] - before
    stop.set()
    runner.join(20)
    assert between < 200, "of 600"
