"""The clock: several processes over one Redis, in a time that tests move; every planned moment rings once, or is made up for once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from threading import Event as Flag
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
import time_machine
from chat import ROOT, Chat, OpenChat
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.communities import Community
from bot.mailing import fire
from handlers.contents import publish
from rules.calendar import newest_moments
from rules.contents import PUSHES, Push
from rules.workdays import Workdays
from scheduler import clock as scheduler_clock
from scheduler.clock import trigger_of
from storage import keys
from storage.connection import StorageAway
from tests.timing import Clock

pytest_plugins = ("chat",)

START = datetime(2026, 3, 10, 0, 30, 20, tzinfo=UTC)
"""08:30:20 in Shanghai, 20:30:20 the evening before in New York."""
EVERY_FIVE = '- {id: five, cron: "*/5 * * * *", community: main, grace_minutes: 3, text: 五分钟}\n'
MORNING = '- {id: morning, cron: "0 9 * * *", community: "*", grace_minutes: 60, text: 早安}\n'


class MovedClock(Clock):
    """The time that the whole process has, which tests move: APScheduler looks at it too."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


def until(true: Callable[[], bool]) -> None:
    """Waits for a condition, a minute at most; counts pauses, as the time does not go by itself here."""
    pause = Flag()
    for _ in range(30_000):
        if true():
            return
        pause.wait(0.002)
    raise AssertionError("did not happen in a minute")


@dataclass(slots=True)
class Tower:
    """Some processes with a clock each, on one Redis."""

    open_chat: OpenChat
    content: Path
    time: time_machine.Traveller
    processes: list[tuple[Chat, scheduler_clock.Clock]] = field(default_factory=list)

    def start(self, count: int = 1) -> None:
        """Starts processes."""
        for _ in range(count):
            chat = self.open_chat(content=self.content, clock=MovedClock())
            ringing = scheduler_clock.Clock(chat.stores, chat.config, chat.live, chat.communities, chat.clock)
            ringing.start()
            self.processes.append((chat, ringing))

    def kill(self, count: int = 1) -> None:
        """Ends the processes that were started first."""
        for _ in range(count):
            _, ringing = self.processes.pop(0)
            ringing.stop()

    def writes(self, pushes: str) -> None:
        """An operator publishes other pushes, and every process notices."""
        publish(self.processes[0][0].stores, PUSHES, pushes, "boss", datetime.now(UTC))
        for chat, ringing in self.processes:
            assert chat.live.refresh()
            ringing.plan()

    def wait(self, minutes: int) -> None:
        """Lets minutes pass, each noticed by every process."""
        for _ in range(minutes):
            self.pass_s(60)

    def pass_s(self, seconds: float) -> None:
        """Lets seconds pass, and every process ring what is due."""
        self.time.shift(seconds)
        for _, ringing in self.processes:
            ringing._scheduler.wakeup()
        until(lambda: all(self._has_rung(ringing) for _, ringing in self.processes))

    def fired(self) -> list[str]:
        """Where and for which moment (in UTC) pushes went out, by the log, once all that ring have done so."""
        for _, ringing in self.processes:
            pool, free = ringing._scheduler._executors["default"]._pool, Barrier(4)
            for waits in [pool.submit(free.wait, 10) for _ in range(4)]:
                waits.result(10)  # all four threads are here, so none of them rings any more
        if not self.processes:
            return []
        chat = self.processes[0][0]
        found = chat.log("push")
        assert len([delivery for delivery in chat.outbox() if delivery.id.startswith("push:")]) == len(found), (
            "each firing has its delivery"
        )
        return sorted(f"{entry.community} {datetime.fromisoformat(entry.data['planned']).astimezone(UTC):%d %H:%M}" for entry in found)

    @staticmethod
    def _has_rung(ringing: scheduler_clock.Clock) -> bool:
        now = datetime.now(UTC)
        return all(job.next_run_time is None or job.next_run_time > now for job in ringing._scheduler.get_jobs())


@pytest.fixture
def tower(open_chat: OpenChat, tmp_path: Path) -> Iterator[Tower]:
    """Nobody rings yet; the only push comes every five minutes to the main group."""
    content = tmp_path / "content"
    shutil.copytree(ROOT / "rules" / "content", content)
    (content / "pushes.yaml").write_text(EVERY_FIVE, encoding="utf-8")
    with ExitStack() as stack:
        time = stack.enter_context(time_machine.travel(START, tick=False))
        tower = Tower(open_chat, content, time)
        yield tower
        tower.fired()
        tower.kill(len(tower.processes))


def test_three_clocks_ring_each_planned_moment_once(tower: Tower) -> None:
    tower.start(3)
    tower.wait(minutes=31)
    tower.pass_s(15)  # whoever found Redis too slow has asked again
    assert tower.fired() == [f"main 10 {hour:02d}:{minute:02d}" for hour, minute in [(0, 35), (0, 40), (0, 45), (0, 50), (0, 55), (1, 0)]]
    texts = [delivery.body["markdown"]["content"] for delivery in tower.processes[0][0].outbox()]
    assert set(texts) == {"五分钟"}


def test_the_clock_of_a_ticket_rings_in_whichever_process_and_once(tower: Tower) -> None:
    tower.start(3)
    chat = tower.processes[0][0]
    assert "不在值班时间" in chat.says("人工 怎么退款")  # 08:30
    tower.wait(minutes=1)
    tower.kill(1)
    tower.time.shift(30 * 60)
    tower.wait(minutes=5)  # a ring that finds the one before still at work lets it pass
    tower.fired()
    assert [entry.data["act"] for entry in chat.log("change") if "ticket" in entry.data] == ["ticket_open", "ticket_step"]
    assert [delivery.target for delivery in chat.outbox() if delivery.id.startswith("ticket:")] == ["app.desk.2", "hook.main.admin"]


def test_a_process_whose_threads_are_all_busy_lets_no_moment_pass(tower: Tower) -> None:
    tower.start()
    [(_, ringing)] = tower.processes
    free = Flag()
    busy = [ringing._scheduler._executors["default"]._pool.submit(free.wait, 30) for _ in range(4)]
    try:
        tower.wait(minutes=26)
    finally:
        free.set()
    assert all(one.result(10) for one in busy)
    assert tower.fired()[-1] == "main 10 00:55"


def test_a_clock_that_dies_leaves_no_gap(tower: Tower) -> None:
    tower.start(3)
    tower.wait(minutes=7)
    tower.kill(2)
    tower.wait(minutes=10)
    assert tower.fired() == ["main 10 00:35", "main 10 00:40", "main 10 00:45"]


def test_a_moment_that_nobody_rang_is_made_up_for_once_within_its_grace(tower: Tower) -> None:
    tower.start()
    tower.wait(minutes=5)
    tower.kill()
    tower.time.shift(6 * 60)  # 00:41:20, one minute after a moment
    tower.start(3)
    assert tower.fired() == ["main 10 00:35", "main 10 00:40"]
    assert tower.processes[0][0].log("push")[-1].data["late_s"] == 80.0


def test_a_moment_beyond_its_grace_is_let_go(tower: Tower) -> None:
    tower.start()
    tower.wait(minutes=5)
    tower.kill()
    tower.time.shift(9 * 60)  # 00:44:20
    tower.start(3)
    assert tower.fired() == ["main 10 00:35"]


def test_of_many_missed_moments_only_the_newest_is_made_up_for(tower: Tower) -> None:
    tower.start()
    tower.wait(minutes=5)
    tower.kill()
    tower.time.shift(26 * 3600)  # the next day, 02:35:20
    tower.start(2)
    assert tower.fired() == ["main 10 00:35", "main 11 02:35"]


def test_a_new_installation_makes_up_for_nothing(tower: Tower) -> None:
    tower.time.shift(5 * 60)  # 00:35:20
    tower.start(3)
    assert tower.fired() == []


def test_each_community_rings_by_its_own_time(tower: Tower) -> None:
    (tower.content / "pushes.yaml").write_text(MORNING, encoding="utf-8")
    tower.start(2)
    tower.wait(minutes=31)
    assert tower.fired() == ["main 10 01:00"], "nine in Shanghai"
    tower.pass_s(12 * 3600)
    assert tower.fired() == ["far 10 13:00", "main 10 01:00"], "nine in New York"
    far = [delivery for delivery in tower.processes[0][0].outbox() if delivery.community == "far"]
    assert [(delivery.via, delivery.target) for delivery in far] == [("webhook", "hook.far.main")]


def test_what_an_operator_changes_rings_as_changed(tower: Tower) -> None:
    tower.start(2)
    tower.wait(minutes=5)
    tower.writes('- {id: five, cron: "42 * * * *", community: main, grace_minutes: 3, text: 新的}\n')
    tower.wait(minutes=15)
    assert tower.fired() == ["main 10 00:35", "main 10 00:42"]
    assert tower.processes[0][0].outbox()[-1].body["markdown"]["content"] == "新的"
    tower.writes('- {id: five, cron: "42 * * * *", community: main, enabled: false, text: 新的}\n')
    tower.wait(minutes=60)
    assert len(tower.fired()) == 2, "switched off"


def test_a_change_does_not_ring_again_what_has_rung(tower: Tower) -> None:
    tower.start(2)
    tower.wait(minutes=5)
    tower.writes(EVERY_FIVE.replace("五分钟", "改过的五分钟"))
    assert tower.fired() == ["main 10 00:35"]


def test_a_time_that_is_moved_to_a_moment_just_past_is_not_missed_but_over(tower: Tower) -> None:
    tower.start(2)
    tower.wait(minutes=7)
    tower.writes('- {id: five, cron: "36 * * * *", community: main, grace_minutes: 3, text: 早一点}\n')
    assert tower.fired() == ["main 10 00:35"]


def test_what_is_switched_on_begins_with_its_next_moment(tower: Tower) -> None:
    tower.start(2)
    tower.writes(EVERY_FIVE.replace("text:", "enabled: false, text:"))
    tower.wait(minutes=6)
    tower.writes(EVERY_FIVE)
    tower.wait(minutes=5)
    assert tower.fired() == ["main 10 00:40"]


def test_a_community_without_a_webhook_hears_nothing_and_breaks_nothing(tower: Tower) -> None:
    tower.start()
    chat = tower.processes[0][0]
    chat.says("签到", group="wrSTRANGER")
    tower.writes(EVERY_FIVE.replace("main", '"*"'))
    tower.wait(minutes=5)
    assert tower.fired() == ["far 10 00:35", "main 10 00:35"]


def receipts(tower: Tower) -> list[tuple[str, str]]:
    """What became of each moment in the main community, in Shanghai's time."""
    chat = tower.processes[0][0]
    found = chat.stores.firings.receipts(chat.community.keys, START.date() - timedelta(days=1), START.date() + timedelta(days=9))
    return [(f"{moment.planned.astimezone(chat.community.zone):%d %H:%M}", moment.why) for one in found for moment in one.moments]


ONCE = "- {id: once, at: 2026-03-10 08:40, community: main, grace_minutes: 3, text: 只说一次}\n"


def test_what_is_said_once_is_said_once_by_however_many_clocks(tower: Tower) -> None:
    (tower.content / "pushes.yaml").write_text(ONCE, encoding="utf-8")
    tower.start(3)
    tower.kill(1)
    tower.wait(minutes=60)
    assert tower.fired() == ["main 10 00:40"]
    assert receipts(tower) == [("10 08:40", "")]


def test_a_push_that_is_moved_is_said_at_the_new_time_only(tower: Tower) -> None:
    (tower.content / "pushes.yaml").write_text(ONCE, encoding="utf-8")
    tower.start(3)
    tower.wait(minutes=5)
    tower.writes(ONCE.replace("08:40", "08:50"))
    tower.wait(minutes=30)
    assert tower.fired() == ["main 10 00:50"]


def test_a_process_that_has_not_noticed_the_change_yet_says_nothing_at_the_old_time(tower: Tower) -> None:
    (tower.content / "pushes.yaml").write_text(ONCE, encoding="utf-8")
    tower.start(2)
    chat, knows = tower.processes[0]
    publish(chat.stores, PUSHES, ONCE.replace("08:40", "08:50"), "boss", datetime.now(UTC))
    assert chat.live.refresh()
    knows.plan()
    tower.wait(minutes=15)  # past the old time, of which only the other process knows
    assert tower.fired() == []
    tower.wait(minutes=10)
    assert tower.fired() == ["main 10 00:50"]


def test_what_fell_due_while_its_change_was_being_noticed_is_said(tower: Tower) -> None:
    tower.start(2)
    chat = tower.processes[0][0]
    publish(chat.stores, PUSHES, ONCE.replace("08:40", "08:31"), "boss", datetime.now(UTC))
    tower.time.shift(41)  # 08:31:01
    for each, ringing in tower.processes:
        each.live.refresh()
        ringing.plan()
    tower.wait(minutes=1)
    assert tower.fired() == ["main 10 00:31"]


def test_what_nobody_was_awake_for_is_told_as_missed(tower: Tower) -> None:
    tower.start()
    tower.wait(minutes=5)
    tower.kill()
    tower.time.shift(19 * 60)  # 08:54:20: 08:50 is beyond its grace, too
    tower.start(3)
    assert tower.fired() == ["main 10 00:35"]
    assert receipts(tower) == [("10 08:35", ""), ("10 08:40", "missed"), ("10 08:45", "missed"), ("10 08:50", "missed")]


def test_what_fell_due_in_a_pause_is_told_as_held(tower: Tower) -> None:
    tower.start(2)
    chat = tower.processes[0][0]
    assert "已暂停" in chat.as_admin("暂停")
    for each, _ in tower.processes:
        each.stores.pauses.keep_up()
    tower.wait(minutes=5)
    assert tower.fired() == []
    assert "已恢复" in chat.as_admin("恢复")
    for each, _ in tower.processes:
        each.stores.pauses.keep_up()
    tower.wait(minutes=5)
    assert tower.fired() == ["main 10 00:40"]
    assert receipts(tower) == [("10 08:35", "paused"), ("10 08:40", "")]


def test_on_a_day_off_what_is_for_workdays_is_not_said(tower: Tower) -> None:
    (tower.content / "pushes.yaml").write_text(EVERY_FIVE.replace("*/5", "40").replace("grace", "days: workdays, grace"), encoding="utf-8")
    (tower.content / "workdays.yaml").write_text("days: [{day: 2026-03-11, work: false, name: 团建}]\n", encoding="utf-8")
    tower.start(2)
    tower.wait(minutes=12)
    assert tower.fired() == ["main 10 00:40"]
    tower.pass_s(24 * 3600)
    tower.pass_s(24 * 3600)
    assert {one[:7] for one in tower.fired()} == {"main 10", "main 12"}


def answers(chat: Chat) -> bool:
    """Whether the process speaks to Redis again: after a failure it lets it rest for a moment."""
    try:
        return bool(chat.stores.database.command("PING"))
    except StorageAway:
        return False


def test_a_push_waits_for_redis_and_rings_late_rather_than_never(tower: Tower) -> None:
    tower.start()
    tower.wait(minutes=4)
    with redis.Redis.from_url(tower.processes[0][0].config.redis.url.get_secret_value()) as outside:
        outside.execute_command("CLIENT", "PAUSE", "1100", "ALL")
        tower.pass_s(60)
        outside.ping()
    chat, ringing = tower.processes[0]
    until(lambda: any(job.id.startswith("again:") for job in ringing._scheduler.get_jobs()))
    until(lambda: answers(chat))
    tower.pass_s(11)
    assert tower.fired() == ["main 10 00:35"]


def test_an_order_that_waits_is_recalled_by_whichever_process_and_once(tower: Tower) -> None:
    tower.start(3)
    chat = tower.processes[0][0]
    chat.stores.content.put("shop", {"": "items: [{id: a, name: 贴纸, price: 0, counted: false}]\n"}, "boss", chat.clock())
    for each, _ in tower.processes:
        each.live.refresh()
    assert "换到了“贴纸”" in chat.says("兑换 贴纸")
    tower.kill(1)
    tower.time.shift(3 * 86_400)
    tower.wait(minutes=5)
    tower.fired()
    assert [entry.data["act"] for entry in chat.log("change") if "order" in entry.data] == ["order_open", "order_reminded"]
    assert [delivery.id for delivery in chat.outbox() if delivery.id.startswith("order:")] == ["order:main:1:new", "order:main:1:reminded"]


def test_points_lapse_and_are_told_of_by_whichever_process_and_once(tower: Tower) -> None:
    tower.start()
    chat = tower.processes[0][0]
    chat.says("签到", name="李雷")
    chat.says("签到", group="wrSTRANGER")
    chat.as_admin("发积分 @李雷 45 开张")
    for days in (380.1, 30):  # at about eleven, in the week before the end of March; then after it
        tower.kill(len(tower.processes))
        tower.time.shift(days * 86_400)
        tower.start(2)
        tower.wait(minutes=11)
        tower.fired()
    assert [delivery.id for delivery in chat.outbox() if delivery.id.startswith("lapse:")] == [f"lapse:main:{chat.member()}:740071"]
    lapsed = [(entry.community, entry.member) for entry in chat.log("change") if entry.data.get("reason") == "lapse"]
    assert len(lapsed) == len(set(lapsed))
    assert {("main", chat.member()), ("wrSTRANGER", chat.member())} <= set(lapsed)
    assert chat.points() == 0


def test_points_lapse_where_one_process_of_all_looks_for_them(tower: Tower) -> None:
    tower.start()
    chat = tower.processes[0][0]
    chat.says("签到", name="李雷")
    tower.kill()
    lease = keys.LEASE(name="points")
    chat.stores.database.command("SET", lease, "another process")
    tower.time.shift(400 * 86_400)
    tower.start()
    tower.wait(minutes=11)
    tower.fired()
    assert [entry for entry in chat.log("change") if entry.data.get("reason") == "lapse"] == [], "the other one has it at hand"
    chat.stores.database.command("DEL", lease)  # it has died
    tower.wait(minutes=11)
    tower.fired()
    assert [entry.member for entry in chat.log("change") if entry.data.get("reason") == "lapse"] == [chat.member()]


def test_the_clock_of_a_ticket_waits_for_redis(tower: Tower) -> None:
    tower.start()
    chat = tower.processes[0][0]
    chat.says("人工 怎么退款")
    with redis.Redis.from_url(chat.config.redis.url.get_secret_value()) as outside:
        outside.execute_command("CLIENT", "PAUSE", "1100", "ALL")
        tower.pass_s(30 * 60)
        outside.ping()
    until(lambda: answers(chat))
    tower.wait(minutes=3)
    tower.fired()
    assert [entry.data["act"] for entry in chat.log("change") if "ticket" in entry.data] == ["ticket_open", "ticket_step"]


def test_upkeep_happens_once_an_hour_however_many_clocks_there_are(tower: Tower) -> None:
    tower.start(3)
    chat = tower.processes[0][0]
    chat.stores.events.record(1, "change", "main", START - timedelta(days=181), {"old": True})
    chat.stores.events.record(1, "change", "main", START - timedelta(days=179), {"old": False})
    tower.wait(minutes=2)
    tower.fired()
    assert [entry.data["old"] for entry in chat.log("change")] == [False]
    assert chat.stores.leases.hold("upkeep", 1), "the lease is this process's: all three share its name here"


# When ----------------------------------------------------------------------------------------------------------------------


def a_community(zone: str) -> Community:
    return Community("c", "c", 0, ZoneInfo(zone), True)


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        ("Asia/Shanghai", "0 9 * * *", "2026-03-10T02:00", "2026-03-10T01:00"),
        ("Asia/Shanghai", "0 9 * * mon", "2026-03-10T02:00", "2026-03-09T01:00"),
        ("Asia/Shanghai", "0 9 * * 7", "2026-03-10T02:00", "2026-03-08T01:00"),
        ("America/New_York", "0 9 * * *", "2026-03-08T14:00", "2026-03-08T13:00"),  # summer time began that night
        ("America/New_York", "0 9 * * *", "2026-03-07T15:00", "2026-03-07T14:00"),
        ("Asia/Shanghai", "0 9 29 2 *", "2026-03-10T02:00", None),
    ],
)
def test_the_newest_planned_moment_is_found(zone: str, cron: str, after: str, expected: str | None) -> None:
    push, now = Push("p", cron, "", "*", True, 60), datetime.fromisoformat(f"{after}+00:00")
    found = newest_moments(push, ZoneInfo(zone), now - timedelta(days=14), now, Workdays(), 1)
    assert found == ([datetime.fromisoformat(f"{expected}+00:00")] if expected else [])


@given(
    st.sampled_from(["*/7 * * * *", "0 9 * * *", "30 2 * * *", "15,45 8-18 * * 1-5", "0 0 1 * *"]),
    st.sampled_from(["Asia/Shanghai", "America/New_York", "UTC"]),
    st.integers(0, 365 * 24 * 60),
    st.integers(0, 3 * 24 * 60),
)
@settings(deadline=None, max_examples=40)
def test_no_planned_moment_lies_between_the_newest_and_now(cron: str, zone: str, start: int, minutes: int) -> None:
    push, community = Push("p", cron, "", "*", True, 60), a_community(zone)
    after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    now = after + timedelta(minutes=minutes)
    newest = newest_moments(push, community.zone, after, now, Workdays(), 1)
    assert all(after < moment <= now for moment in newest)
    following = trigger_of(push, community, Workdays()).get_next_fire_time(None, [after, *newest][-1] + timedelta(microseconds=1))
    assert following is None or following > now


def test_what_waited_for_redis_until_the_next_moment_is_told_as_missed(tower: Tower) -> None:
    tower.start()
    tower.wait(minutes=4)
    with redis.Redis.from_url(tower.processes[0][0].config.redis.url.get_secret_value()) as outside:
        outside.execute_command("CLIENT", "PAUSE", "1100", "ALL")
        tower.pass_s(60)  # 08:35:20
        outside.ping()
    chat, ringing = tower.processes[0]
    until(lambda: any(job.id.startswith("again:") for job in ringing._scheduler.get_jobs()))
    [again] = [job for job in ringing._scheduler.get_jobs() if job.id.startswith("again:")]
    until(lambda: answers(chat))
    again.modify(next_run_time=datetime.now(UTC) + timedelta(minutes=5))  # Redis stays away until just before the next moment
    tower.pass_s(4 * 60 + 50)
    assert tower.fired() == ["main 10 00:40"]
    assert receipts(tower) == [("10 08:35", "missed"), ("10 08:40", "")]


class SlowClock(MovedClock):
    """The time of a process that is slow as it begins: six seconds pass whenever it looks for the first times."""

    def __init__(self, time: time_machine.Traveller, looks: int) -> None:
        super().__init__()
        self._time = time
        self._looks = looks

    def __call__(self) -> datetime:
        now = super().__call__()
        self._looks -= 1
        if self._looks >= 0:
            self._time.shift(6)
        return now


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_what_falls_due_while_a_process_plans_is_rung(tower: Tower, looks: int) -> None:
    tower.time.shift(4 * 60 + 35)  # 08:34:55
    tower.start()
    chat, ringing = tower.processes.pop()
    ringing.stop()
    slow = scheduler_clock.Clock(chat.stores, chat.config, chat.live, chat.communities, SlowClock(tower.time, looks))
    slow.start()
    tower.processes.append((chat, slow))
    tower.pass_s(1)
    assert tower.fired() == ["main 10 00:35"]


def test_rounds_go_on_where_the_time_is_put_back(tower: Tower) -> None:
    tower.start()
    _, ringing = tower.processes[0]
    tower.pass_s(5)
    tower.time.shift(-3600)
    until(lambda: all(job.next_run_time < datetime.now(UTC) + timedelta(minutes=59) for job in rounds_of(ringing)))


def rounds_of(ringing: scheduler_clock.Clock) -> list[Any]:
    """What is looked after every few minutes or sooner."""
    return [job for job in ringing._scheduler.get_jobs() if not job.id.startswith(("push:", "customers", "upkeep"))]


def test_what_a_living_process_slept_through_is_missed_and_not_said_hours_late(tower: Tower) -> None:
    (tower.content / "pushes.yaml").write_text(ONCE, encoding="utf-8")
    tower.start()
    tower.pass_s(5 * 3600)
    assert tower.fired() == []
    assert receipts(tower) == [("10 08:40", "missed")]


def test_of_moments_that_a_living_process_slept_through_the_newest_is_said_and_the_others_are_missed(tower: Tower) -> None:
    tower.start()
    tower.pass_s(11 * 60)  # 08:41:20
    assert tower.fired() == ["main 10 00:40"]
    assert receipts(tower) == [("10 08:35", "missed"), ("10 08:40", "")]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_push_that_cannot_be_said_holds_up_no_other(open_chat: OpenChat, monkeypatch: pytest.MonkeyPatch, is_restarted: bool) -> None:
    chat = open_chat()
    at_nine = '- {{id: {id}, cron: "0 9 * * *", community: main, text: 早安}}\n'
    publish(chat.stores, PUSHES, at_nine.format(id="bad") + at_nine.format(id="good"), "boss", chat.clock())
    chat.live.refresh()
    agenda = scheduler_clock.Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock)
    agenda.ring(chat.clock())

    def fire_good(push: Push, *rest: Any) -> bool:
        if push.id == "bad":
            raise ValueError("what nobody thought of")
        return fire(push, *rest)

    monkeypatch.setattr("scheduler.clock.fire", fire_good)
    if is_restarted:
        agenda = scheduler_clock.Agenda(chat.stores, chat.config, chat.live, chat.communities, chat.clock)
    now = chat.clock()
    [nine] = newest_moments(chat.live.current.pushes[0], chat.community.zone, now, now + timedelta(days=1), Workdays(), 1)
    chat.later(seconds=(nine - now).total_seconds())
    assert agenda.ring(chat.clock()) == (0 if is_restarted else 1)
    assert [entry.data["push"] for entry in chat.log("push")] == ["good"]


def test_what_was_published_while_no_process_was_awake_is_made_up_for(tower: Tower) -> None:
    tower.start()
    chat = tower.processes[0][0]
    ringing = tower.processes[0][1]
    ringing.stop()
    publish(chat.stores, PUSHES, ONCE, "boss", datetime.now(UTC))
    tower.processes.clear()
    tower.time.shift(11 * 60)  # 08:41:20
    tower.start(2)
    assert tower.fired() == ["main 10 00:40"]
