"""The outbox: in order, never lost, never settled by two."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import keys
from storage.connection import Database
from storage.outbox import Bell, Delivery, Lease, Outbox, encode_delivery

NOW = 1_795_000_000_000
LEASE = 30_000
SHARD = 7


def delivery(id: str, *, lane: str = "now", target: str = "hook.main.g1", member: int | None = None, **more: Any) -> Delivery:
    body = {"msgtype": "text", "text": {"content": f"第 {id} 条"}}
    return Delivery(id=id, lane=lane, target=target, via="webhook", community="main", body=body, member=member, born_ms=NOW, **more)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    outbox = Outbox(database, 16)
    outbox.prepare()
    return outbox


def take_all(outbox: Outbox, lane: str = "now", target: str = "hook.main.g1", now_ms: int = NOW) -> list[str]:
    ids = []
    while lease := outbox.lease(SHARD, lane, target, "a", now_ms, LEASE):
        ids.append(lease.delivery.id)
        assert outbox.done(lease, now_ms)
    return ids


def test_deliveries_to_one_target_come_in_the_order_in_which_they_were_queued(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1"), delivery("2")], NOW)
    outbox.enqueue(SHARD, [delivery("3")], NOW)
    assert take_all(outbox) == ["1", "2", "3"]
    assert outbox.due([SHARD], NOW + 10**9) == []


def test_what_is_due_names_answers_before_pushes_and_the_shards_in_turn(outbox: Outbox) -> None:
    outbox.enqueue(3, [delivery("1", lane="bulk", target="a"), delivery("2", lane="bulk", target="b")], NOW - 5)
    outbox.enqueue(9, [delivery("3", lane="bulk", target="c"), delivery("4", target="a")], NOW)
    assert outbox.due(range(16), NOW) == [(9, "now", "a"), (3, "bulk", "a"), (9, "bulk", "c"), (3, "bulk", "b")]
    assert outbox.due(range(16), NOW - 1) == [(3, "bulk", "a"), (3, "bulk", "b")]


def test_a_delivery_comes_out_as_it_went_in(outbox: Outbox) -> None:
    given_ = delivery("x", member=42, chat="wrG:1", channel="desk", url="https://e.com/?a=b", message="m1", attempts=2)
    outbox.enqueue(SHARD, [given_], NOW)
    lease = outbox.lease(SHARD, "now", given_.target, "a", NOW, LEASE)
    assert lease is not None
    assert lease.delivery == given_


def test_an_id_is_queued_once_even_after_it_was_sent(outbox: Outbox) -> None:
    assert outbox.enqueue(SHARD, [delivery("1"), delivery("1"), delivery("2")], NOW) == 2
    assert take_all(outbox) == ["1", "2"]
    assert outbox.enqueue(SHARD, [delivery("1")], NOW) == 0
    assert take_all(outbox) == []


def test_a_leased_head_is_lent_to_nobody_else_until_the_lease_ends(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1"), delivery("2")], NOW)
    assert outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert outbox.lease(SHARD, "now", "hook.main.g1", "b", NOW + LEASE - 1, LEASE) is None
    assert outbox.due([SHARD], NOW + LEASE - 1) == []


def test_after_a_crash_another_takes_over_and_the_late_one_cannot_settle(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1"), delivery("2")], NOW)
    first = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    second = outbox.lease(SHARD, "now", "hook.main.g1", "b", NOW + LEASE, LEASE)
    assert first
    assert second
    assert (second.delivery.id, second.losses) == ("1", 1)
    assert not outbox.done(first, NOW + LEASE)
    assert not outbox.again(first, NOW, count_attempt=True)
    assert not outbox.dead(first, "迟到", NOW)
    assert outbox.done(second, NOW + LEASE)
    assert not outbox.done(second, NOW + LEASE)
    assert take_all(outbox, now_ms=NOW + LEASE) == ["2"]


def test_lost_leases_count_as_attempts_once_the_delivery_is_put_off(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1")], NOW)
    for round_ in range(3):
        lease = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW + round_ * LEASE, LEASE)
    assert lease
    assert lease.losses == 2
    assert outbox.again(lease, NOW + 10 * LEASE, count_attempt=True)
    later = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW + 10 * LEASE, LEASE)
    assert later
    assert (later.delivery.attempts, later.losses) == (3, 0)


def test_a_delivery_put_off_stays_the_head_and_holds_back_those_behind_it(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1"), delivery("2")], NOW)
    lease = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert lease
    assert outbox.again(lease, NOW + 5_000, count_attempt=False)
    outbox.enqueue(SHARD, [delivery("3")], NOW + 1)
    assert outbox.due([SHARD], NOW + 4_999) == []
    assert take_all(outbox, now_ms=NOW + 5_000) == ["1", "2", "3"]


def test_a_sent_delivery_is_an_event_of_its_shard(outbox: Outbox, database: Database) -> None:
    outbox.enqueue(SHARD, [delivery("1", member=42)], NOW)
    lease = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert lease
    assert outbox.done(lease, NOW + 3, {"via": "webhook"})
    [[_, fields]] = database.command("XRANGE", keys.EVENTS(shard=SHARD), "-", "+")
    assert fields == [
        "v", "1", "t", str(NOW + 3), "kind", "outbound", "c", "main", "m", "42", "id", "1", "data", '{"via":"webhook"}',
    ]  # fmt: skip


def test_a_dead_letter_can_be_seen_replayed_and_dropped(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1", attempts=5), delivery("2")], NOW)
    for id in ("1", "2"):
        lease = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW + int(id), LEASE)
        assert lease
        assert outbox.dead(lease, f"原因 {id}", NOW + int(id), 93000)
    letters = outbox.dead_letters(SHARD)
    assert [(letter.delivery.id, letter.reason, letter.died_ms, letter.code) for letter in letters] == [
        ("1", "原因 1", NOW + 1, 93000),
        ("2", "原因 2", NOW + 2, 93000),
    ]
    assert letters[0].delivery.attempts == 6
    assert outbox.count_dead() == 2
    assert outbox.replay(SHARD, "1", NOW + 9)
    assert not outbox.replay(SHARD, "1", NOW + 9)
    again = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW + 9, LEASE)
    assert again
    assert (again.delivery.id, again.delivery.attempts, again.delivery.born_ms) == ("1", 0, NOW + 9)
    assert outbox.drop(SHARD, "2")
    assert not outbox.drop(SHARD, "2")
    assert outbox.dead_letters(SHARD) == []


def test_another_act_may_enqueue_by_the_documented_convention(outbox: Outbox, database: Database) -> None:
    queue, member, item = encode_delivery(SHARD, delivery("1"))
    lua = (
        "redis.call('RPUSH', KEYS[2], ARGV[3]) redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[2]) "
        "redis.call('PUBLISH', 'qb:bell', ARGV[4])"
    )
    database.command("EVAL", lua, 2, keys.OUTBOX_DUE(shard=SHARD), queue, NOW, member, item, SHARD)
    assert take_all(outbox) == ["1"]


def test_a_bell_rings_after_an_enqueue_and_many_rings_are_one(outbox: Outbox, database: Database) -> None:
    bell = Bell(database)
    bell.wait(0.05)
    outbox.enqueue(SHARD, [delivery("1")], NOW)
    outbox.enqueue(SHARD, [delivery("2")], NOW)
    assert any(bell.wait(0.5) for _ in range(3))  # the first word may be the subscription's own
    bell.wait(0.05)
    assert not bell.wait(0.05)
    bell.close()


def test_the_depth_counts_every_waiting_delivery(outbox: Outbox) -> None:
    assert outbox.depth() == 0
    outbox.enqueue(1, [delivery("1"), delivery("2")], NOW)
    outbox.enqueue(2, [delivery("3", lane="bulk")], NOW)
    assert outbox.depth() == 3


def test_erasing_a_member_removes_his_deliveries_and_dead_letters_and_nobody_elses(outbox: Outbox, database: Database) -> None:
    his, other = {"target": "app.desk.42", "member": 42}, {"target": "app.desk.7", "member": 7}
    outbox.enqueue(SHARD, [delivery("dead", **his)], NOW)
    lease = outbox.lease(SHARD, "now", "app.desk.42", "a", NOW, LEASE)
    assert lease
    assert outbox.dead(lease, "原因", NOW)
    outbox.enqueue(SHARD, [delivery("1", **his), delivery("2", lane="bulk", **his), delivery("3", **other), delivery("4")], NOW)
    assert len(outbox.export_user(42)["queued"]) == 2
    assert outbox.export_user(42)["dead"][0]["reason"] == "原因"
    held = outbox.lease(SHARD, "now", "app.desk.42", "a", NOW, LEASE)
    assert "3 条" in outbox.erase_user(42)
    assert held
    assert not outbox.done(held, NOW)
    assert outbox.export_user(42) == {"queued": [], "dead": []}
    assert outbox.depth() == 2
    assert "42" not in "".join(key for key in database.scan("qb:{7}:out:*"))


def test_erasing_the_head_of_a_shared_queue_lets_the_next_one_go(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1", member=42), delivery("2", member=7), delivery("3", member=42)], NOW)
    held = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert "2 条" in outbox.erase_user(42)
    assert held
    assert not outbox.done(held, NOW)
    assert take_all(outbox) == ["2"]


def test_erasing_behind_a_leased_head_leaves_the_lease_alone(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1", member=7), delivery("2", member=42)], NOW)
    held = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert "1 条" in outbox.erase_user(42)
    assert held
    assert outbox.done(held, NOW)
    assert outbox.depth() == 0


def _take(url: str, owner: str, targets: list[str]) -> list[tuple[str, str]]:
    database = Database(url, timeout_s=10)
    outbox, got = Outbox(database, 16), []
    for _ in range(60):
        for target in targets:
            lease = outbox.lease(SHARD, "now", target, owner, NOW, LEASE)
            if lease and outbox.done(lease, NOW):
                got.append((target, lease.delivery.id))
    database.close()
    return got


def _take_into(queue: Any, url: str, owner: str, targets: list[str]) -> None:
    queue.put(_take(url, owner, targets))


def test_many_threads_and_processes_take_each_delivery_once_and_in_order(outbox: Outbox, redis_server: Any) -> None:
    targets = [f"t{n}" for n in range(5)]
    outbox.enqueue(SHARD, [delivery(f"{t}-{n:03d}", target=t) for n in range(30) for t in targets], NOW)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_take_into, args=(answers, redis_server.url, f"p{n}", targets)) for n in range(2)]
    for process in processes:
        process.start()
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda n: _take(redis_server.url, f"t{n}", targets), range(4)))
    rows += [answers.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(30)
    taken = Counter(id for row in rows for _, id in row)
    assert set(taken.values()) == {1}
    assert len(taken) == 150
    for row in rows:  # what one worker saw of a target, it saw in order
        for target in targets:
            ids = [id for t, id in row if t == target]
            assert ids == sorted(ids)


class Course:
    """One course of events at one queue: every method is a step, and some do nothing at their moment."""

    def __init__(self, database: Database) -> None:
        self.outbox, self.now, self.made = Outbox(database, 16), NOW, 0
        self.sent: list[str] = []
        self.lease: Lease | None = None
        self.old: Lease | None = None

    def enqueue(self) -> None:
        self.made += 1
        self.outbox.enqueue(SHARD, [delivery(f"{self.made:03d}")], self.now)

    def take(self) -> None:
        lease = self.outbox.lease(SHARD, "now", "hook.main.g1", "a", self.now, LEASE)
        if lease:
            self.old, self.lease = self.lease or self.old, lease

    def wait(self) -> None:
        self.now += LEASE

    def done(self) -> None:
        if self.lease and self.outbox.done(self.lease, self.now):
            self.sent.append(self.lease.delivery.id)
        self.let_go()

    def again(self) -> None:
        if self.lease:
            self.outbox.again(self.lease, self.now + 1, count_attempt=True)
        self.let_go()

    def dead(self) -> None:
        if self.lease:
            self.outbox.dead(self.lease, "原因", self.now)
        self.let_go()

    def late(self) -> None:
        assert not (self.old and self.outbox.done(self.old, self.now))

    def replay(self) -> None:
        for letter in self.outbox.dead_letters(SHARD):
            self.outbox.replay(SHARD, letter.delivery.id, self.now)

    def let_go(self) -> None:
        self.old, self.lease = self.lease or self.old, None


STEPS = (Course.enqueue, Course.take, Course.wait, Course.done, Course.again, Course.dead, Course.late, Course.replay)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_whatever_happens_each_delivery_is_queued_or_sent_or_dead_exactly_once(
    database: Database, steps: list[Callable[[Course], None]]
) -> None:
    database.command("FLUSHALL")
    course = Course(database)
    for step in steps:
        step(course)
    queue = database.command("LRANGE", keys.OUTBOX(shard=SHARD, lane="now", target="hook.main.g1"), 0, -1)
    queued = [msgspec.json.decode(item)["id"] for item in queue]
    dead = [letter.delivery.id for letter in course.outbox.dead_letters(SHARD)]
    assert sorted(course.sent + queued + dead) == [f"{n:03d}" for n in range(1, course.made + 1)]
    assert bool(queued) == bool(database.command("ZCARD", keys.OUTBOX_DUE(shard=SHARD)))


def test_a_bell_without_a_server_says_nothing_and_does_not_fail() -> None:
    bell = Bell(Database("redis://127.0.0.1:1/0", timeout_s=0.2))
    done = threading.Event()
    assert not bell.wait(0.01)
    assert not done.is_set()


def test_parts_take_the_place_of_a_delivery_unless_its_lease_was_lost(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1"), delivery("2")], NOW)
    late = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    lease = outbox.lease(SHARD, "now", "hook.main.g1", "b", NOW + LEASE, LEASE)
    assert late
    assert lease
    parts = [delivery("1/1"), delivery("1/2")]
    assert not outbox.split(late, parts, NOW + LEASE)
    assert outbox.split(lease, parts, NOW + LEASE)
    assert not outbox.split(lease, parts, NOW + LEASE)
    assert take_all(outbox, now_ms=NOW + LEASE) == ["1/1", "1/2", "2"]


def test_notices_become_one_only_while_they_stand_right_behind_the_leased_head(outbox: Outbox, database: Database) -> None:
    outbox.enqueue(SHARD, [delivery(f"{n}", member=n) for n in range(1, 5)], NOW)
    lease = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert lease
    items = [item for item, _ in outbox.behind(lease, 2)]
    together = delivery("1", merged=("2", "3"))
    outbox.erase_user(3)
    assert not outbox.merge(lease, together, items)
    assert outbox.merge(lease, delivery("1", merged=("2",)), items[:1])
    lease = replace(lease, delivery=delivery("1", merged=("2",)))
    assert outbox.done(lease, NOW) == 2
    rows = database.command("XRANGE", keys.EVENTS(shard=SHARD), "-", "+")
    assert [fields[11] for _, fields in rows] == ["1", "2"]
    assert take_all(outbox) == ["4"]


def test_whichever_lane_of_a_target_is_due_is_lent_and_the_end_says_whether_more_waits(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("p", lane="bulk"), delivery("a")], NOW)
    first = outbox.lease_first(SHARD, "hook.main.g1", "me", NOW, LEASE)
    assert first
    assert first.delivery.id == "a"
    assert outbox.done(first, NOW) == 2
    second = outbox.lease_first(SHARD, "hook.main.g1", "me", NOW, LEASE)
    assert second
    assert outbox.done(second, NOW) == 1
    assert outbox.lease_first(SHARD, "hook.main.g1", "me", NOW, LEASE) is None


def test_what_waits_is_listed_with_the_time_of_its_next_try(outbox: Outbox) -> None:
    outbox.enqueue(SHARD, [delivery("1"), delivery("2"), delivery("p", lane="bulk")], NOW)
    lease = outbox.lease(SHARD, "now", "hook.main.g1", "a", NOW, LEASE)
    assert lease
    outbox.again(lease, NOW + 9_000, count_attempt=True)
    listed = {row.delivery.id: (row.delivery.attempts, row.next_ms) for row in outbox.waiting(SHARD)}
    assert listed == {"1": (1, NOW + 9_000), "2": (0, NOW + 9_000), "p": (0, NOW)}
