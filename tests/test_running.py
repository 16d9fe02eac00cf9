"""运行: what the page says of the machine, which alarms are raised with which cure, and dead letters sent again or dropped, once."""

from __future__ import annotations

import re
from dataclasses import replace
from threading import Event, Thread
from typing import Any

import pytest
from chat import Chat, OpenChat
from visits import Visit, met, visit

from bot.running import alarms, hooks_of
from bot.watch import keep_alive, leave
from bot.webhooks import WebhookKeys
from storage import keys
from storage.keys import shard_of
from storage.machine import DAY_MS, Line, Machine, Process, Server, State, Trouble, _together
from storage.moment import to_ms
from storage.outbox import Delivery
from tests.timing import PATIENCE_S, await_until

pytest_plugins = ("chat",)

RUNNING = "/console/running"
NOW = 1_800_000_000_000
SHARD = shard_of("main")
WELL = State(
    inbox=0, buried=0, jobs=0, pictures=0, parts=0, waiting=0, lines=(), hidden=0, is_more=False, dead=0, letters=(), held={}, turns={}, troubles=(),
    processes=(Process("worker.a.1", NOW - 1000, NOW - 1000, "aa"), Process("web.a.2", NOW, NOW, "aa")), arrivals={}, links={}, told={},
    layout=5, server=Server("Valkey 9", is_appending=True, is_written=True, latency_ms=0.3),
)  # fmt: skip


@pytest.fixture
def chat(open_chat: OpenChat) -> Chat:
    return met(open_chat())


@pytest.fixture
def browser(chat: Chat) -> Visit:
    return visit(chat)


def dead_letter(chat: Chat, id: str = "d1", text: str = "早安", **more: Any) -> Delivery:
    """A post that WeCom refused for good."""
    delivery = Delivery(id, "bulk", "hook.main.main", "webhook", "main", {"msgtype": "text", "text": {"content": text}}, born_ms=1, **more)
    chat.stores.outbox.enqueue(SHARD, [delivery], to_ms(chat.clock()))
    dies(chat)
    return delivery


def dies(chat: Chat) -> None:
    """The post at the head of the queue is refused."""
    outbox, now_ms = chat.stores.outbox, to_ms(chat.clock())
    lease = outbox.lease(SHARD, "bulk", "hook.main.main", "t", now_ms, 1000)
    assert lease
    assert outbox.dead(lease, "机器人已被移出群", now_ms, 93000)


# The alarms ---------------------------------------------------------------------------------------------------------------


def test_all_is_well_where_nothing_is_wrong(chat: Chat) -> None:
    assert alarms(WELL, chat.config, NOW) == []


@pytest.mark.parametrize(
    ("wrong", "says", "cure"),
    [
        ({"server": replace(WELL.server, is_written=False)}, "写不进磁盘", "df -h"),
        ({"server": replace(WELL.server, is_appending=False)}, "没有开 AOF", "appendonly"),
        ({"server": replace(WELL.server, memory=1, most_memory=100, policy="allkeys-lru")}, "会丢数据", "noeviction"),
        ({"server": replace(WELL.server, latency_ms=80.0)}, "80 毫秒", "机房"),
        ({"processes": WELL.processes[1:]}, "没有后台进程", "run.py worker"),
        ({"processes": (replace(WELL.processes[0], seen_ms=NOW - 100_000), WELL.processes[1])}, "没有后台进程", "run.py worker"),
        ({"processes": (WELL.processes[0], replace(WELL.processes[1], program="bb"))}, "不同版本", "重启"),
        ({"told": {"silence:assistant": "1"}}, "静得不寻常", "run.py check"),
        ({"told": {"door": "1"}}, "到不了机器人", "证书"),
        ({"inbox": 201}, "还没处理完", "进程"),
        ({"troubles": (Trouble("host.qyapi.weixin.qq.com", 12, NOW + 1, NOW),)}, "企业微信没有应答", "网络"),
        ({"troubles": (Trouble("hook.1", 5, NOW + 1, NOW),)}, "连续失败 5 次", "死信"),
        ({"lines": (Line("now", "hook.main.main", 3, NOW - 400_000),)}, "3 条消息过了点", "worker"),
        ({"dead": 2}, "2 条没有送达", "重发"),
        ({"buried": 1}, "处理了五次都失败", "message buried"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_cure(chat: Chat, wrong: dict[str, Any], says: str, cure: str) -> None:
    [alarm] = alarms(replace(WELL, **wrong), chat.config, NOW)
    assert says in alarm.text
    assert cure in alarm.cure


def test_failures_that_opened_no_circuit_are_no_alarm(chat: Chat) -> None:
    assert alarms(replace(WELL, troubles=(Trouble("hook.1", 2, 0, 0),)), chat.config, NOW) == []


# Signs of life ------------------------------------------------------------------------------------------------------------


def test_a_process_gives_signs_of_life_until_it_is_forgotten(chat: Chat) -> None:
    stop, machine = Event(), chat.stores.machine
    stop.set()
    keep_alive(machine, chat.clock, lambda: "abcd1234", stop)
    [process] = machine.look(to_ms(chat.clock()), leases=[], channels=[], limits=[]).processes
    now_ms = process.seen_ms
    assert (process.program, process.is_alive(now_ms), process.is_alive(now_ms + 76_000)) == ("abcd1234", True, False)
    assert process.since_ms <= process.seen_ms
    assert machine.sweep(now_ms + DAY_MS) == 0
    assert machine.sweep(now_ms + DAY_MS + 1) == 1


def test_a_process_that_ended_in_order_is_not_waited_for(chat: Chat) -> None:
    stop, machine = Event(), chat.stores.machine
    signs = Thread(target=keep_alive, args=(machine, chat.clock, lambda: "abcd1234", stop))
    signs.start()
    await_until(machine.processes, PATIENCE_S, "a sign of life")
    leave(machine, signs, stop)
    assert not signs.is_alive()
    assert machine.processes() == ()


# The page -----------------------------------------------------------------------------------------------------------------


def test_the_page_costs_six_round_trips_beside_those_of_every_page(chat: Chat, browser: Visit) -> None:
    for n in range(120):
        dead_letter(chat, f"d{n}")
    browser.opens(RUNNING)
    made: list[int] = []
    chat.stores.database._on_round_trip = lambda: made.append(1)
    browser.opens(RUNNING)
    every_page = 4
    assert len(made) <= 6 + every_page


def test_the_page_tells_how_the_machine_is(chat: Chat, browser: Visit) -> None:
    chat.stores.arrivals.note("assistant", to_ms(chat.clock()))
    chat.stores.arrivals.flush()
    hook = hooks_of(WebhookKeys(chat.config, chat.stores.webhooks, chat.stores.groups))[0]
    chat.stores.database.command("RPUSH", keys.LIMIT_LOG(name=hook.limit), to_ms(chat.clock()) - 70_000, to_ms(chat.clock()) - 1000)
    page = browser.opens(RUNNING)
    assert "1 / 20" in page
    assert "最近一条：0 秒前" in page
    assert "Valkey" in page
    assert "hook-main" not in page


def test_a_dead_letter_is_sent_again_once_and_audited(chat: Chat, browser: Visit) -> None:
    dead_letter(chat)
    page = browser.opens(RUNNING)
    assert "机器人已被移出群" in page
    assert "早安" in page
    assert "已放回队尾" in browser.posts(f"{RUNNING}/letters", shard=SHARD, id="d1", act="replay")
    assert "刚刚已经处理过" in browser.posts(f"{RUNNING}/letters", shard=SHARD, id="d1", act="replay")
    assert [one.id for one in chat.outbox() if one.id == "d1"] == ["d1"]
    assert [row.act for row in chat.stores.audit.newest("main", 5)].count("重发死信") == 1


def test_a_dead_letter_is_dropped(chat: Chat, browser: Visit) -> None:
    dead_letter(chat)
    browser.opens(RUNNING)
    assert "已丢弃" in browser.posts(f"{RUNNING}/letters", shard=SHARD, id="d1", act="drop")
    assert chat.stores.outbox.count_dead() == 0
    for act, shard in (("burn", SHARD), ("drop", 99), ("drop", "x")):
        browser.posts(f"{RUNNING}/letters", id="d1", act=act, shard=shard)
        assert browser.status == 400


@pytest.mark.parametrize("act", ["replay", "drop"])
def test_a_form_that_is_posted_again_settles_once_even_when_the_letter_died_again(chat: Chat, browser: Visit, act: str) -> None:
    dead_letter(chat)
    browser.opens(RUNNING)
    form: dict[str, Any] = {"csrf": browser.csrf, "shard": SHARD, "id": "d1", "act": act, "once": "same"}
    first = browser.posts(f"{RUNNING}/letters", **form)
    if act == "drop":
        chat.stores.database.command("DEL", keys.OUTBOX_ONCE(shard=SHARD, id="d1"))
        dead_letter(chat)
    else:
        dies(chat)
    again = browser.posts(f"{RUNNING}/letters", **form)
    said = "已放回队尾" if act == "replay" else "已丢弃"
    assert said in first
    assert said in again, "the first result"
    assert chat.stores.outbox.count_dead() == 1
    assert len(chat.stores.audit.newest("main", 5)) == 1


def test_what_was_settled_without_a_word_in_the_audit_is_audited_by_the_repeat(chat: Chat, browser: Visit) -> None:
    dead_letter(chat)
    browser.opens(RUNNING)
    mark = f"console:{chat.member('boss')}:lost:replay"
    assert chat.stores.outbox.replay(SHARD, "d1", to_ms(chat.clock()), once=mark)
    browser.posts(f"{RUNNING}/letters", shard=SHARD, id="d1", act="replay", once="lost")
    [row] = [row for row in chat.stores.audit.newest("main", 5) if row.act == "重发死信"]
    assert (row.subject, row.before) == ("死信 d1", "机器人已被移出群")


def test_all_dead_letters_can_be_leafed_through_and_each_be_sent_again(chat: Chat, browser: Visit) -> None:
    for n in range(250):
        dead_letter(chat, f"d{n}")
    found, page, pages = set[str](), browser.opens(RUNNING), 1
    assert "一共 250 条" in page
    while more := re.search(r'href="([^"#]+)#letters" data-testid="more-letters"', page):
        found |= set(re.findall(r'name="id" value="(d\d+)"', page))
        page, pages = browser.opens(more[1]), pages + 1
    last = re.findall(r'name="id" value="(d\d+)"', page)
    assert found | {*last} == {f"d{n}" for n in range(250)}
    assert pages >= 2
    begin = browser.field("begin")
    browser.posts(f"{RUNNING}/letters", shard=SHARD, id=last[0], act="replay", begin=begin, follow=False)
    assert browser.page is not None
    assert f"begin={begin}" in browser.page.headers["Location"], "he goes on where he was"
    assert chat.stores.outbox.dead_letter(SHARD, last[0]) is None


@pytest.mark.parametrize("begin", ["x", "99999-0", "0-99999999999999999999", "-1-0", "٣-1", "1-"])
def test_a_page_of_dead_letters_that_does_not_exist_is_answered_calmly(chat: Chat, browser: Visit, begin: str) -> None:
    dead_letter(chat)
    browser.opens(f"{RUNNING}?begin={begin}")
    assert browser.status == 200


def test_what_the_page_looks_at_again_and_again_is_without_letters_and_tells_when_there_are_others(chat: Chat, browser: Visit) -> None:
    dead_letter(chat)
    page = browser.opens(RUNNING)
    assert "seen=1" in page
    assert re.search(r'id="letters-news"[^>]* hidden', page)
    dead_letter(chat, "d2")
    page = browser.opens(f"{RUNNING}?seen=1", headers={"X-Live": "1"})
    assert "（2）" in page
    assert "早安" not in page
    assert not re.search(r'id="letters-news"[^>]* hidden', page)
    assert "seen=1" in page


def test_all_that_waits_is_counted_though_a_hundred_queues_are_named(chat: Chat) -> None:
    posts = [Delivery(f"w{n}", "bulk", f"hook.main.{n}", "webhook", "main", {}) for n in range(130)]
    for shard, some in ((1, posts[:80]), (2, posts[80:])):
        chat.stores.outbox.enqueue(shard, some, 1)
    state = chat.stores.machine.look(2, leases=[], channels=[], limits=[])
    assert (state.waiting, len(state.lines), state.hidden, state.is_more) == (130, 100, 30, False)
    more = [Delivery(f"x{n}", "bulk", f"hook.far.{n}", "webhook", "far", {}) for n in range(110)]
    chat.stores.outbox.enqueue(3, more, 1)
    state = chat.stores.machine.look(2, leases=[], channels=[], limits=[])
    assert (state.waiting, state.hidden, state.is_more) == (230, 140, True)


def test_no_promise_is_made_of_channels_that_never_heard_anything(chat: Chat, browser: Visit) -> None:
    database = chat.stores.database
    Machine(database, lambda: "worker.a.1", 16).beat(to_ms(chat.clock()), to_ms(chat.clock()), "abcd1234")
    database.command("CONFIG", "SET", "appendonly", "yes")
    try:
        page = browser.opens(RUNNING)
    finally:
        database.command("CONFIG", "SET", "appendonly", "no")
    assert "最近一条：还没有" in page
    assert "没有发现问题" in page
    assert "收得到" not in page


def test_what_was_for_one_person_is_not_read_here(chat: Chat, browser: Visit) -> None:
    dead_letter(chat, text="你的兑换码 CAFE-1", member=2)
    assert "CAFE" not in browser.opens(RUNNING)


def test_only_who_looks_after_everything_sees_the_machine(chat: Chat) -> None:
    chat.stores.roles.grant(chat.member(), "main", "admin", seen="", once="x")
    admin = visit(chat, "lilei")
    assert "所有社群" in admin.opens(RUNNING)
    assert admin.status == 403
    assert admin.client.post(f"{RUNNING}/letters", data={"csrf": admin.csrf, "once": "a", "id": "d1", "act": "drop"}).status_code == 403


def test_of_several_servers_the_page_shows_the_worst() -> None:
    good = {
        "valkey_version": "9",
        "used_memory": "10",
        "maxmemory": "100",
        "aof_enabled": "1",
        "aof_last_write_status": "ok",
        "connected_slaves": "2",
    }
    bad = good | {"used_memory": "60", "aof_last_write_status": "err", "connected_slaves": "1", "uptime_in_seconds": "5"}
    server = _together([(good | {"uptime_in_seconds": "900"}, 1.0), (bad, 3.0)])
    assert (server.memory, server.most_memory, server.is_written, server.uptime_s, server.latency_ms) == (60, 100, False, 5, 3.0)
    assert (server.version, server.masters, server.replicas) == ("Valkey 9", 2, 1)
    assert _together([(good, 1.0), ({"aof_enabled": "1"}, 1.0)]).is_written is None
