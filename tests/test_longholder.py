"""The long connection as the bot uses it: who holds it, what is heard, how it is answered, and what becomes of it in trouble."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from chat import Chat, a_config, build

from bot import deliveries
from bot.longframes import ws_channel
from bot.longholder import Intake, Pace, holders, try_subscribe
from bot.longlink import Callback, LongLink
from bot.longway import DOUBTFUL, LongWay, Parts
from bot.message import Event, Message
from bot.metrics import Metrics
from bot.pipeline import Outcome
from bot.sender import Sender
from bot.streams import Makers
from rules.text import Words
from simulator.config import Channel, Group, Person, SimulatorConfig
from simulator.link_commands import Turn
from simulator.longlink import LongLink as PretendLink
from simulator.world import World
from storage.calls import LOST, NOBODY, Answered, Call, Calls
from storage.connection import Database, StorageAway
from storage.embedded import EmbeddedServer
from storage.keys import BELL, STREAM_BELL
from storage.leases import Leases
from storage.limits import Limits
from storage.moment import to_ms
from storage.outbox import Bell, Delivery
from tests.timing import SLOWER, Clock, await_until

pytest_plugins = ("chat",)

BOT, SECRET, MAIN, ADMINS = "BOTID", "the-secret-of-the-bot", "wrMAIN", "wrADMIN"
QUICK = Pace(lease_life=0.6, look=0.1, back_off=0.1, longest_back_off=0.2, kicked=30.0, refused=30.0)
ROOT = Path(__file__).parent.parent


class WallClock(Clock):
    """The real time: WeCom's limits of seconds are real here."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


class Stage:
    """A bot whose only way in and out is a long connection: its worker's threads, here."""

    def __init__(self, chat: Chat, wecom: PretendLink) -> None:
        self.chat, self.wecom, self.stores = chat, wecom, chat.stores
        self.dead: list[tuple[Delivery, str]] = []
        self._running: list[tuple[threading.Event, threading.Thread]] = []

    def holds(self, *, process: str = "one", pace: Pace = QUICK, receive: Callable[[Message], Outcome] | None = None) -> threading.Event:
        """Starts a process's holder; set the event to end it."""
        stores = replace(self.stores, leases=Leases(self.stores.database, lambda: process))
        (holder,) = holders(self.chat.config, stores, receive or self.chat.pipeline.receive, self.chat.metrics, self.now, pace)
        return self.runs(holder.run)

    def sends(self) -> None:
        """Starts a process's sender."""
        way = LongWay(self.stores.calls, self.stores.directory.find_user, self.keep_words, self.now).way()
        sender = Sender(
            self.stores.outbox,
            Limits(self.stores.database),
            {"aibot_ws": way},
            now=self.now,
            shards=range(self.stores.shards),
            on_dead=lambda delivery, reason: self.dead.append((delivery, reason)),
        )
        self.runs(lambda stop: sender.run(stop, Bell(self.stores.database)))

    def makes(self) -> None:
        """Starts a process's maker of answers in parts."""
        stores, pipeline = self.stores, self.chat.pipeline
        parts = Parts(stores.calls, Limits(stores.database), stores.directory.find_number, self.now)
        makers = Makers(stores, self.chat.config, pipeline.producers, pipeline.context_of, self.chat.metrics, self.now, parts.show)
        self.runs(lambda stop: makers.run(stop, Bell(stores.database, STREAM_BELL)))

    def runs(self, loop: Callable[[threading.Event], None]) -> threading.Event:
        stop = threading.Event()
        thread = threading.Thread(target=loop, args=(stop,), daemon=True)
        thread.start()
        self._running.append((stop, thread))
        return stop

    def ends(self) -> None:
        for stop, _ in self._running:
            stop.set()
        for _, thread in self._running:
            thread.join(10)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def keep_words(self, member: int, text: str, once: str) -> None:
        self.stores.notices.keep(0, member, text, once=once)

    def is_connected(self) -> bool:
        return await_until(lambda: self.wecom.live_connections(BOT) == 1)

    def answers(self, turn: Turn) -> str:
        """What a member is shown in answer."""
        assert self.wecom.wait_until(lambda: turn.settled), "no answer"
        (answer,) = turn.answers
        return str((answer.get("stream") or answer.get("text") or {}).get("content", ""))

    def shows(self, chat: str, count: int) -> list[str]:
        """The texts of the bot in a chat, once there are ``count``."""
        await_until(lambda: len(self.wecom.shown(chat)) >= count)
        return [post.text for post in self.wecom.shown(chat)]


def pretend(*, port: int = 0) -> PretendLink:
    config = SimulatorConfig(
        corp_id="wwCORP",
        channels=(Channel("live", "aibot_ws", bot_id=BOT, secret=SECRET),),
        people=(Person("lilei", "李雷"), Person("boss", "老板", admin=True)),
        groups=(Group(MAIN, "主群", ("lilei",)), Group(ADMINS, "管理群", ("boss",))),
    )
    return PretendLink(World(config, time.time), time.time, port=port)


@pytest.fixture
def wecom() -> Iterator[PretendLink]:
    """WeCom's side, with two groups."""
    with pretend() as link:
        yield link


def settings(url: str) -> dict[str, Any]:
    """A configuration with nothing but a long connection."""
    return {
        "wecom": {"ws_url": url},
        "admins": ["boss"],
        "mood": {"enabled": False},
        "content": str(ROOT / "rules" / "content"),
        "channels": [{"name": "live", "kind": "aibot_ws", "bot_id": BOT, "secret": SECRET}],
        "communities": [{"id": "main", "name": "主群", "groups": [MAIN], "admin_group": ADMINS}],
    }


@pytest.fixture
def stage(
    database: Database,
    redis_server: EmbeddedServer,
    tmp_path: Path,
    dictionary: Words,
    metrics: Metrics,
    plain_logs: None,
    wecom: PretendLink,
) -> Iterator[Stage]:
    """A bot with nothing running yet."""
    config = a_config(tmp_path, redis_server.url, settings(wecom.url))
    chat = build(itertools.count(1), config, dictionary, metrics, clock=WallClock())
    made = Stage(chat, wecom)
    yield made
    made.ends()
    chat.stores.database.close()


# In and out -----------------------------------------------------------------------------------------------------------------


def test_a_member_is_answered_in_a_group_and_in_private(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    assert stage.is_connected()

    assert "签到成功" in stage.answers(stage.wecom.say("lilei", "签到", MAIN))
    assert "已经签到过了" in stage.answers(stage.wecom.say("lilei", "签到"))
    assert "你好" in stage.answers(stage.wecom.event("lilei", "enter_chat"))

    cmds = [frame.cmd for frame in stage.wecom.frames if frame.sent_by == "bot" and frame.cmd != "ping"]
    assert cmds == ["aibot_subscribe", "aibot_respond_msg", "aibot_respond_msg", "aibot_respond_welcome_msg"]
    assert not stage.dead


def test_a_message_that_wecom_says_twice_is_answered_once(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    turn = stage.wecom.say("lilei", "签到", MAIN)
    stage.answers(turn)
    stage.wecom.deliver(turn.sent)  # the same callback under another req_id
    stage.answers(stage.wecom.say("lilei", "我的积分", MAIN))
    assert len(stage.wecom.shown(MAIN)) == 2
    assert stage.chat.points() == 5


def test_an_answer_in_parts_grows_in_one_post(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    stage.makes()
    assert stage.is_connected()
    turn = stage.wecom.say("boss", "本周数据", ADMINS)
    assert stage.wecom.wait_until(lambda: turn.settled)
    assert len(turn.answers) >= 3, "what is shown first, a part, the whole"
    assert [answer["stream"]["finish"] for answer in turn.answers] == [False] * (len(turn.answers) - 1) + [True]
    assert len({answer["stream"]["id"] for answer in turn.answers}) == 1
    (shown,) = stage.shows(ADMINS, 1)
    assert "最近七天" in shown


def test_posts_of_our_own_go_where_the_bot_was_spoken_to(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    stage.answers(stage.wecom.say("lilei", "帮助", MAIN))
    for delivery in (
        deliveries.to_group(stage.chat.config, "main", "", "早安", id="p1", lane="bulk", now_ms=to_ms(stage.now())),
        deliveries.to_admins(stage.chat.config, "main", "告警", id="p2", now_ms=to_ms(stage.now())),
    ):
        assert delivery
        stage.stores.outbox.enqueue(0, [delivery], to_ms(stage.now()))
    assert stage.shows(MAIN, 2)[1:] == ["早安"]
    assert await_until(lambda: bool(stage.dead))
    assert stage.dead[0][0].id == "p2"
    assert "先有人" in stage.dead[0][1], "nobody has spoken to the bot in the admin group"


def test_private_words_wait_for_the_member_where_the_bot_may_not_speak_first(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    stage.answers(stage.wecom.say("lilei", "帮助", MAIN))
    member = stage.chat.member()
    words = deliveries.to_member(
        stage.chat.config, member, "请注意", user="u", id="w1", community="main", message="", now_ms=to_ms(stage.now())
    )
    assert words
    stage.stores.outbox.enqueue(0, [words], to_ms(stage.now()))
    assert await_until(lambda: stage.stores.notices.export_user(member)["待转达"] == ["请注意"])
    assert not stage.dead


# Who holds it ---------------------------------------------------------------------------------------------------------------


def test_of_two_processes_one_connects_and_the_other_takes_over_when_it_ends(stage: Stage) -> None:
    first = stage.holds(process="one")
    assert stage.is_connected()
    stage.holds(process="two")
    first.set()
    assert await_until(lambda: sum(frame.cmd == "aibot_subscribe" for frame in stage.wecom.frames) == 2)
    assert stage.is_connected()
    assert not stage.chat.outbox(), "no alarm: it was one of ours"
    assert await_until(lambda: len(stage.chat.log("link")) == 1)
    (gap,) = [entry.data for entry in stage.chat.log("link")]
    assert 0 <= gap["seconds"] < 5 * SLOWER


def test_who_loses_the_lease_closes_the_connection(stage: Stage) -> None:
    stage.holds(process="one")
    assert stage.is_connected()
    key = next(stage.stores.database.scan("qb:{lease:ws:live}"))
    stage.stores.database.command("SET", key, "another", "PX", 60_000)
    assert await_until(lambda: stage.wecom.live_connections(BOT) == 0)
    stage.stores.database.command("DEL", key)
    assert stage.is_connected()


def test_a_stranger_who_takes_the_connection_is_told_to_admins_and_not_fought(stage: Stage) -> None:
    stage.holds()
    assert stage.is_connected()
    stranger = LongLink.open(stage.wecom.url, BOT, SECRET, lambda callback: None)
    assert await_until(lambda: bool(stage.chat.outbox()))
    (alarm,) = stage.chat.outbox()
    assert "顶掉" in alarm.body["text"]
    assert alarm.chat == ADMINS
    threading.Event().wait(0.5)  # five times the pause after any other ending
    assert sum(frame.cmd == "aibot_subscribe" for frame in stage.wecom.frames) == 2, "one of ours, one of the stranger's"
    stranger.close()


def test_a_wrong_secret_is_told_to_admins_once_and_not_hammered(stage: Stage) -> None:
    for _ in range(3):
        stage.wecom.faults.add("aibot_subscribe", errcode=40001)
    stage.holds(pace=Pace(lease_life=0.6, look=0.1, refused=0.1, longest_refused=0.4))
    assert await_until(lambda: sum(frame.cmd == "aibot_subscribe" for frame in stage.wecom.frames) >= 3)
    (alarm,) = stage.chat.outbox()
    assert "核对 bot_id 与 secret" in alarm.body["text"]
    assert stage.is_connected(), "and when it is mended, it works"


def test_a_cut_connection_is_made_anew(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    for _ in range(3):
        assert stage.is_connected()
        stage.answers(stage.wecom.say("lilei", "帮助", MAIN))
        stage.wecom.cut(BOT)
        assert await_until(lambda: stage.wecom.live_connections(BOT) == 0 or stage.wecom.frames[-1].cmd == "aibot_subscribe")
    assert not stage.dead


# Answers in trouble -----------------------------------------------------------------------------------------------------------


def test_an_answer_whose_acknowledgement_is_lost_is_shown_once(stage: Stage) -> None:
    stage.wecom.faults.add("aibot_respond_msg", drop="after")  # it took effect, then the connection broke
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    assert "签到成功" in stage.answers(stage.wecom.say("lilei", "签到", MAIN))
    assert await_until(lambda: not stage.chat.outbox())
    assert len(stage.shows(MAIN, 1)) == 1
    assert not stage.dead


def test_an_answer_that_was_lost_on_the_way_comes_again(stage: Stage) -> None:
    stage.wecom.faults.add("aibot_respond_msg", drop="before")
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    assert "签到成功" in stage.answers(stage.wecom.say("lilei", "签到", MAIN))
    assert len(stage.shows(MAIN, 1)) == 1


def test_an_answer_to_what_wecom_has_forgotten_becomes_a_post(stage: Stage) -> None:
    stage.wecom.faults.add("aibot_respond_msg", errcode=846605)
    stage.wecom.faults.add("aibot_respond_welcome_msg", errcode=846605)
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    stage.wecom.say("lilei", "签到", MAIN)
    assert "签到成功" in stage.shows(MAIN, 1)[0]
    stage.answers(stage.wecom.say("lilei", "帮助"))
    stage.wecom.event("lilei", "enter_chat")
    assert "你好" in stage.shows("lilei", 2)[1]
    assert stage.wecom.shown("lilei")[1].via == "push"


def test_a_welcome_that_may_have_been_said_is_not_said_again(stage: Stage) -> None:
    stage.wecom.faults.add("aibot_respond_welcome_msg", drop="after")
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    stage.answers(stage.wecom.say("lilei", "帮助"))
    stage.wecom.event("lilei", "enter_chat")
    assert await_until(lambda: bool(stage.dead))
    assert stage.dead[0][1] == DOUBTFUL
    assert len(stage.shows("lilei", 2)) == 2


def test_a_welcome_that_is_late_becomes_a_post(stage: Stage) -> None:
    stage.holds()
    assert stage.is_connected()
    stage.sends()
    stage.answers(stage.wecom.say("lilei", "帮助"))
    late = to_ms(stage.now()) - 10_000
    entered = Message(id="late", channel="live", kind="event", user="lilei", event=Event("enter_chat"), reply_id="R", arrived_ms=late)
    stage.chat.receive(entered)
    assert "你好" in stage.shows("lilei", 2)[1]
    assert not [frame for frame in stage.wecom.frames if frame.cmd == "aibot_respond_welcome_msg"]


def test_a_card_that_cannot_be_changed_in_time_is_given_up_with_the_reason(stage: Stage) -> None:
    stage.holds()
    stage.sends()
    assert stage.is_connected()
    body = {"cmd": "aibot_respond_update_msg", "frame": {"response_type": "update_template_card", "template_card": {}}, "text": ""}
    late = to_ms(stage.now()) - 6_000
    stage.stores.outbox.enqueue(
        0,
        [Delivery("u1", "now", "ws.live.1", "aibot_ws", "main", body, member=1, channel="live", url="R", born_ms=late)],
        to_ms(stage.now()),
    )
    assert await_until(lambda: bool(stage.dead))
    assert "5 秒" in stage.dead[0][1]


# Redis away -------------------------------------------------------------------------------------------------------------------


def test_what_is_heard_while_redis_is_away_is_taken_in_when_it_is_back(stage: Stage) -> None:
    away, taken = threading.Event(), list[str]()
    away.set()

    def receive(message: Message) -> Outcome:
        if away.is_set():
            raise StorageAway("away")
        taken.append(message.text)
        return Outcome("busy" if len(taken) == 1 else "answer")

    stage.holds(receive=receive)
    assert stage.is_connected()
    for number in range(20):
        stage.wecom.say("lilei", f"第 {number} 句", MAIN)
    threading.Event().wait(0.3)
    assert not taken
    away.clear()
    assert await_until(lambda: len(taken) == 21), "all, and the busy one twice"


def test_more_than_fits_is_said_to_be_lost_and_never_blocks(stage: Stage) -> None:
    intake = Intake("live", (), lambda message: Outcome("answer"), stage.chat.metrics, stage.now, most_waiting=2)
    for number in range(3):
        intake.offer(Callback(f"R{number}", "{}", is_event=False))
    assert stage.chat.metrics.callbacks.labels("live", "lost")._value.get() == 1


# Calls ------------------------------------------------------------------------------------------------------------------------


def test_a_call_that_nobody_takes_is_taken_back(database: Database) -> None:
    calls, now_ms = Calls(database), 1_000_000
    calls.note_alive("live", now_ms)
    assert calls.ask("live", "aibot_send_msg", "", {}, now_ms=now_ms, wait_s=0.2) == NOBODY
    assert calls.take("live", now_ms) is None


def test_a_dead_connection_is_not_waited_for(database: Database) -> None:
    began = time.monotonic()
    assert Calls(database).ask("live", "aibot_send_msg", "", {}, now_ms=1_000_000, wait_s=100) == NOBODY
    assert time.monotonic() - began < 50


def test_a_delivery_that_arrived_is_answered_from_memory(database: Database) -> None:
    calls, now_ms = Calls(database), 1_000_000
    calls.note_alive("live", now_ms)
    got: list[Answered] = []
    asking = threading.Thread(
        target=lambda: got.append(calls.ask("live", "aibot_send_msg", "", {"a": 1}, now_ms=now_ms, wait_s=5, once="d1"))
    )
    asking.start()
    call = calls.take("live", now_ms)
    assert call
    assert calls.begin("live", call) is None
    assert calls.begin("live", call) == LOST, "a repeat meanwhile"
    calls.end("live", call, Answered(0, body={"b": 2}))
    calls.answer("live", call, Answered(0, body={"b": 2}))
    asking.join(5)
    assert got == [Answered(0, body={"b": 2})]
    assert calls.begin("live", call) == Answered(0, body={"b": 2})


def test_a_clear_no_leaves_no_doubt(database: Database) -> None:
    calls = Calls(database)
    call = Call("x", "c", "", {}, once="d1")
    assert calls.begin("live", call) is None
    calls.end("live", call, Answered(45009, "too often"))
    assert calls.begin("live", call) is None


# Checking ---------------------------------------------------------------------------------------------------------------------


def test_checking_says_what_is_wrong_and_never_ends_a_living_connection(stage: Stage) -> None:
    config = stage.chat.config
    channel = ws_channel(config)
    assert channel
    now_ms = to_ms(stage.now())
    assert try_subscribe(channel, config, stage.stores.calls, now_ms) is None
    wrong = channel.model_copy(update={"secret": type(channel.secret)("wrong")})
    assert "40001" in (try_subscribe(wrong, config, stage.stores.calls, now_ms) or "")
    stage.holds()
    assert stage.is_connected()
    count = len(stage.wecom.frames)
    assert await_until(lambda: bool(stage.stores.calls.last_alive("live")))
    assert try_subscribe(wrong, config, stage.stores.calls, to_ms(stage.now())) is None
    assert "断着" in (try_subscribe(wrong, config, stage.stores.calls, to_ms(stage.now()) + 60_000) or "")
    assert len(stage.wecom.frames) == count


# Real processes -----------------------------------------------------------------------------------------------------------------


class Workers:
    """Two real workers on one Redis."""

    def __init__(self, folder: Path, redis_url: str, ws_url: str) -> None:
        self.config = folder / "config.yaml"
        tree = settings(ws_url) | {"redis": {"url": redis_url}, "data_dir": str(folder / "data")}
        self.config.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
        self._log = (folder / "workers.log").open("ab")
        self.running = [self._start(), self._start()]

    def kill(self, holder: str) -> None:
        """kill -9 of the process that a lease names."""
        doomed = next(process for process in self.running if holder.endswith(f".{process.pid}"))
        doomed.kill()
        doomed.wait(10)
        self.running.remove(doomed)

    def end(self) -> list[int]:
        for process in self.running:
            process.terminate()
        codes = [process.wait(20) for process in self.running]
        self._log.close()
        return codes

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("BOT_", "PROMETHEUS_"))}
        command = [sys.executable, str(ROOT / "run.py"), "--config", str(self.config), "worker"]
        return subprocess.Popen(command, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, env=environment)


def test_after_a_kill_another_worker_has_the_connection_in_five_seconds_and_nothing_is_said_twice(
    database: Database, redis_server: EmbeddedServer, tmp_path: Path, wecom: PretendLink
) -> None:
    workers = Workers(tmp_path, redis_server.url, wecom.url)
    try:
        assert wecom.wait_until(lambda: wecom.live_connections(BOT) == 1)
        before = [wecom.say("lilei", "签到", MAIN), wecom.say("lilei", "帮助"), wecom.event("lilei", "enter_chat")]
        assert wecom.wait_until(lambda: all(turn.settled for turn in before))
        assert await_until(lambda: database.command("PUBSUB", "NUMSUB", BELL)[1] == 2, 60), "both are up"
        assert await_until(lambda: not list(database.scan("qb:{*}:due"))), "all is settled"

        began = time.monotonic()
        workers.kill(database.command("GET", "qb:{lease:ws:live}"))
        assert wecom.wait_until(lambda: wecom.live_connections(BOT) == 0)
        assert wecom.wait_until(lambda: wecom.live_connections(BOT) == 1)
        took_s = time.monotonic() - began

        after = [wecom.say("lilei", "签到", MAIN), wecom.event("lilei", "enter_chat")]
        assert wecom.wait_until(lambda: all(turn.settled for turn in after))
        assert took_s < 5 * SLOWER, "five seconds where nothing else runs"
        assert len(wecom.shown(MAIN)) == 2
        assert len(wecom.shown("lilei")) == 3
    finally:
        codes = workers.end()
    assert codes == [0]
