"""The stores on a real Redis: what holds whatever is done in whatever order, by however many at once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from rules.points import Bonus, CheckInRule, check_in_reward
from storage import keys
from storage.cases import Filing
from storage.check_ins import CheckIn
from storage.community import CommunityKeys, communities_with
from storage.connection import Database
from storage.events import Events
from storage.evidence import Evidence
from storage.inbox import DAY_MS, TAKEOVER_MS, Accepted, Ending, Place
from storage.moment import from_ms, to_ms
from storage.outbox import Delivery
from storage.points import Rewards
from storage.schema import VERSION, NewerData, settle_schema
from storage.stores import Stores, open_stores

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)
MAIN = CommunityKeys("main", 4)
FIVES = Rewards((5,), repeat=False)
EVIDENCE_KEY = Fernet.generate_key()
NAMES = itertools.count()
T = TypeVar("T")
on_a_shared_server = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def stores(database: Database) -> Stores:
    return open_as(database, "one")


def open_as(database: Database, process: str) -> Stores:
    """The stores as one process sees them."""
    stores = open_stores(database, 16, consumer=lambda: process, evidence_key=EVIDENCE_KEY, answers_hours=24)
    stores.inbox.prepare()
    stores.outbox.prepare()
    return stores


def somewhere() -> CommunityKeys:
    """A community that nobody has used: examples of one property do not meet."""
    number = next(NAMES)
    return CommunityKeys(f"c{number}", number % 16)


def at_once(act: Callable[[int], T], times: int = 32) -> list[T]:
    """What many threads get that do the same at once."""
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(act, range(times)))


# Points -------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), max_size=40))
@settings(on_a_shared_server, max_examples=60)
def test_the_ledger_balances_whatever_is_checked_in_repeated_or_late(stores: Stores, acts: list[tuple[int, int]]) -> None:
    where, paid_days = somewhere(), set()
    for once, (member, offset) in enumerate(sorted(acts, key=lambda act: act[1])):
        today = TODAY + timedelta(days=offset)

        def check_in(member: int = member, today: date = today, once: int = once) -> CheckIn:
            rewards = Rewards((5, 7, 11), True)
            return stores.check_ins.check_in(where, member, NOW, today=today, rewards=rewards, lapses=None, once=str(once))

        done = check_in()
        assert check_in() == done, "a repeat gets its first result"
        assert done.is_fresh == ((member, today) not in paid_days), "nobody is paid twice for a day"
        paid_days.add((member, today))
    assert stores.points.discrepancies(where) == []
    for member in {member for member, _ in acts}:
        assert stores.points.balance(where, member) == sum(row.amount for row in stores.points.rows(where, member, 50))


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(1, 12), st.integers(1, 50)), max_size=3, unique_by=lambda b: b[0]), st.booleans())
@settings(on_a_shared_server, max_examples=25)
def test_every_day_of_a_streak_earns_what_the_rule_says(stores: Stores, base: int, bonuses: list[tuple[int, int]], repeat: bool) -> None:
    rule = CheckInRule(base=base, bonuses=tuple(Bonus(days=d, points=p) for d, p in sorted(bonuses)), repeat=repeat)
    where, longest = somewhere(), max((days for days, _ in bonuses), default=0)
    repeats = repeat and bool(longest)
    rewards = Rewards(tuple(check_in_reward(day, rule) for day in range(1, (longest if repeats else longest + 1) + 1)), repeats)
    for day in range(1, 30):
        today = TODAY + timedelta(days=day)
        done = stores.check_ins.check_in(where, 1, NOW, today=today, rewards=rewards, lapses=None, once=str(day))
        assert (done.streak, done.reward) == (day, check_in_reward(day, rule))
    assert stores.points.discrepancies(where) == []


def test_of_many_check_ins_at_once_one_is_paid(stores: Stores) -> None:
    done = at_once(lambda n: stores.check_ins.check_in(MAIN, 1, NOW, today=TODAY, rewards=FIVES, lapses=None, once=str(n)))
    assert sum(result.is_fresh for result in done) == 1
    assert stores.points.balance(MAIN, 1) == 5
    assert stores.points.discrepancies(MAIN) == []


def test_a_ledger_that_does_not_add_up_is_found(stores: Stores) -> None:
    stores.check_ins.check_in(MAIN, 1, NOW, today=TODAY, rewards=FIVES, lapses=None, once="a")
    stores.database.command("HINCRBY", keys.BALANCES(shard=4, community="main"), "1", 3)
    assert stores.points.discrepancies(MAIN) == ["成员 1：余额 8，明细合计 5", "全部余额合计 3，应为 0"]


# The inbox ------------------------------------------------------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """Messages of two processes that accept, answer, crash and recover in any order; the model knows what must have happened."""

    def __init__(self, stores: Stores) -> None:
        super().__init__()
        self.stores = stores
        self.round = next(NAMES)
        self.place = Place(self.round % 16, f"c{self.round}", "wrMAIN", 7)
        self.now = to_ms(NOW)
        self.since: dict[str, int] = {}
        self.entries: dict[str, str] = {}
        self.answers: dict[str, str] = {}
        self.buried: set[str] = set()
        self.hands: list[tuple[str, str]] = []
        self.ends = 0
        self.inbound = self._events("inbound")

    def _id(self, number: int) -> str:
        return f"{self.round}-{number}"

    def _events(self, kind: str) -> int:
        return sum(entry.kind == kind for entry in self.stores.events.read(community=f"c{self.round}"))

    @rule(number=st.integers(0, 4))
    def deliver(self, number: int) -> None:
        """WeCom delivers a message, for the first time or again."""
        id = self._id(number)
        got = self.stores.inbox.accept(self.place, id, json.dumps({"id": id}), {}, self.now)
        assert got == self._expected(id, got)
        if got.state == "yours":
            self.since[id] = self.now
            self.entries[id] = got.entry
            self.hands.append((id, got.entry))

    def _expected(self, id: str, got: Accepted) -> Accepted:
        if id in self.answers:
            return Accepted("done", answer=self.answers[id])
        if id in self.since and self.now - self.since[id] < TAKEOVER_MS:
            return Accepted("busy")
        assert got.entry == self.entries.get(id, got.entry), "a repeat takes over the same entry"
        kept = json.dumps({"id": id}) if id in self.entries else ""
        return Accepted("yours", entry=got.entry, is_first=got.is_first, payload=kept)

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Somebody who holds a message ends it, perhaps after somebody else has."""
        id, entry = self.hands.pop(data.draw(st.integers(0, len(self.hands) - 1)))
        self.ends += 1
        mine = f"answer {self.ends}"
        ending = Ending(answer=mine, events=[("decision", {})], counts={"messages": 1}, is_active=True)
        was_first, answer = self.stores.inbox.finish(self.place, id, entry, "2026-03-10", ending, self.now)
        assert was_first == (id not in self.answers)
        assert answer == self.answers.setdefault(id, mine)

    @rule(number=st.integers(0, 4))
    def settle(self, number: int) -> None:
        """WeCom delivers a message that changes nothing: it comes in and ends in one act, unless somebody has it in hand or nobody knows its member."""
        id = self._id(number)
        self.ends += 1
        mine = f"answer {self.ends}"
        ending = Ending(answer=mine, events=[("decision", {})], counts={"messages": 1}, is_active=True)
        answer = self.stores.inbox.settle(self.place, id, {}, "2026-03-10", ending, self.now)
        if id in self.answers:
            assert answer == self.answers[id]
        elif id in self.since or not self.since:
            assert answer is None
        else:
            assert answer == mine
            self.answers[id] = mine
            self.since[id] = self.now

    @precondition(lambda self: self.hands)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """Somebody who holds a message dies."""
        self.hands.pop(data.draw(st.integers(0, len(self.hands) - 1)))

    @rule(ms=st.sampled_from([1, 1_000, 3_999, 4_000, 60_000]))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.now += ms

    @rule(gives_up=st.booleans())
    def recover(self, gives_up: bool) -> None:
        """A worker takes up everything that is not finished; what was tried five times is buried."""
        for left in list(self.stores.inbox.left_behind(self.place.shard, 0)):
            id = json.loads(left.payload)["id"]
            assert id not in self.answers, "what has ended does not come back"
            if left.tries > 5:
                assert self.stores.inbox.bury(self.place, id, left, "test", self.now)
                self.answers[id] = ""
                self.buried.add(id)
                continue
            resumed = self.stores.inbox.resume(self.place, id, left, self.now)
            if resumed is not None and not gives_up:
                self.hands.append((id, resumed.entry))

    @invariant()
    def the_books_are_right(self) -> None:
        """Each message came in once, ended once or lies in the inbox, and what ended was counted."""
        ended = len(self.answers) - len(self.buried)
        assert self.stores.inbox.depth() == len(self.since.keys() - self.answers.keys())
        counted = self.stores.tallies.of_day(self.place.community, TODAY)
        assert counted.counts.get("messages", 0) == ended
        assert counted.active == (1 if ended else 0)

    def teardown(self) -> None:
        """In the end everything is done: the inbox is empty, nothing is pending, and the log is complete."""
        while left := list(self.stores.inbox.left_behind(self.place.shard, 0)):
            for one in left:
                id = json.loads(one.payload)["id"]
                self.stores.inbox.finish(self.place, id, one.entry, "2026-03-10", Ending(events=[("decision", {})]), self.now)
                self.answers.setdefault(id, "")
        assert self.stores.inbox.depth() == 0
        assert self.stores.database.command("XPENDING", keys.INBOX(shard=self.place.shard), "bot")[0] == 0
        assert self._events("inbound") == len(self.since)
        assert self._events("decision") == len(self.since) - len(self.buried)
        assert self._events("error") == len(self.buried)
        super().teardown()


def test_a_message_ends_exactly_once_whatever_happens_to_it(stores: Stores) -> None:
    run_state_machine_as_test(lambda: Life(stores), settings=settings(on_a_shared_server, max_examples=40, stateful_step_count=25))  # type: ignore[arg-type]


def test_of_many_deliveries_at_once_one_is_worked_on(stores: Stores) -> None:
    place = Place(4, "main", "wrMAIN", 1)
    got = at_once(lambda n: stores.inbox.accept(place, "same", "{}", {}, to_ms(NOW)))
    assert sorted(one.state for one in got) == ["busy"] * 31 + ["yours"]
    assert stores.inbox.depth() == 1


def test_a_finished_message_is_remembered_for_its_repeats_and_not_for_ever(stores: Stores) -> None:
    place = Place(4, "main", "", 1)
    accepted = stores.inbox.accept(place, "a", "{}", {}, to_ms(NOW))
    stores.inbox.finish(place, "a", accepted.entry, "2026-03-10", Ending(answer="da"), to_ms(NOW))
    life_ms = stores.database.command("PTTL", keys.MESSAGE(shard=4, id="a"))
    assert 0.99 * DAY_MS < life_ms <= DAY_MS


def test_names_of_processes_that_are_gone_do_not_pile_up(database: Database) -> None:
    for n in range(3):
        process = open_as(database, f"web.{n}")
        place = Place(4, "main", "", 1)
        accepted = process.inbox.accept(place, f"m{n}", "{}", {}, to_ms(NOW))
        process.inbox.finish(place, f"m{n}", accepted.entry, "2026-03-10", Ending(), to_ms(NOW))
    assert process.inbox.drop_idle_consumers() == 0, "they were busy just now"
    stream = keys.INBOX(shard=4)
    assert len(database.command("XINFO", "CONSUMERS", stream, "bot")) <= 3


# Cases ----------------------------------------------------------------------------------------------------------------------


def a_case(stores: Stores, where: CommunityKeys, member: int, once: str, *, warned: bool = False, now: datetime = NOW) -> int:
    filing = Filing(member, "友善", "insult", 3, Evidence(f"话 {once}"), stores.cases.mark(where, once))
    return stores.cases.open(where, filing, "warn" if warned else "file", now, once=once).number


@given(
    st.lists(st.tuples(st.integers(1, 3), st.booleans()), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["warned", "ignored"])), max_size=15),
)
@settings(on_a_shared_server, max_examples=40)
def test_a_members_strikes_are_his_warned_cases(stores: Stores, filed: list[tuple[int, bool]], decisions: list[tuple[int, str]]) -> None:
    where = somewhere()
    state: dict[int, str] = {}
    about: dict[int, int] = {}
    for n, (member, warned) in enumerate(filed):
        number = a_case(stores, where, member, f"m{n}", warned=warned)
        state[number], about[number] = ("warned" if warned else "open"), member
    assert sorted(state) == list(range(1, len(filed) + 1)), "numbers leave no gap"
    for n, (place, word) in enumerate(decisions):
        case = stores.cases.find(where, place % len(filed) + 1)
        assert case
        done = stores.cases.decide(where, case, word, 99, NOW, once=f"d{n}")
        assert done.done
        assert done.before == state[case.number]
        state[case.number] = word
        assert done.strikes == sum(state[k] == "warned" and about[k] == case.member for k in state)
        assert stores.cases.decide(where, case, "ignored", 99, NOW, once=f"d{n}") == done, "a repeat decides nothing"
    decided = {place % len(filed) + 1 for place, _ in decisions}
    assert stores.cases.count_undecided(where) == len(filed) - len(decided)


def test_a_case_is_filed_once_for_a_message_and_numbered_without_gaps(stores: Stores) -> None:
    assert set(at_once(lambda n: a_case(stores, MAIN, 1, "same"))) == {1}
    assert sorted(at_once(lambda n: a_case(stores, MAIN, 1, f"m{n}"))) == list(range(2, 34))


def test_evidence_is_sealed_in_redis(stores: Stores) -> None:
    a_case(stores, MAIN, 1, "m")
    (kept,) = stores.database.command("HVALS", keys.EVIDENCE(shard=4, community="main"))
    assert "话" not in kept
    case = stores.cases.find(MAIN, 1)
    assert case
    assert case.evidence == "话 m"


def test_evidence_sealed_with_another_key_is_said_to_be_and_breaks_nothing(database: Database, stores: Stores) -> None:
    a_case(stores, MAIN, 1, "m")
    other = open_stores(database, 16, consumer=lambda: "x", evidence_key=Fernet.generate_key(), answers_hours=24)
    case = other.cases.find(MAIN, 1)
    assert case
    assert "密钥已更换" in case.evidence


# Notices, leases, firings -----------------------------------------------------------------------------------------------------


def test_a_notice_is_kept_once_found_with_the_next_message_and_gone_when_said(stores: Stores) -> None:
    assert [stores.notices.keep(3, 1, "悄悄话", once="a") for _ in range(3)] == [True, False, False]
    stores.notices.keep(3, 1, "第二句", once="b")
    place = Place(3, "main", "", 1)
    accepted = stores.inbox.accept(place, "m", "{}", {}, to_ms(NOW))
    assert accepted.notices == ("悄悄话", "第二句")
    stores.notices.keep(3, 1, "晚到的", once="c")
    stores.inbox.finish(place, "m", accepted.entry, "2026-03-10", Ending(notices_said=accepted.notices), to_ms(NOW))
    assert stores.notices.export_user(1) == {"待转达": ["晚到的"]}


def test_a_lease_has_one_holder_who_may_renew_it(database: Database) -> None:
    one, two = open_as(database, "one"), open_as(database, "two")
    assert one.leases.hold("mood", 60_000) == 1
    assert not two.leases.hold("mood", 60_000)
    assert one.leases.hold("mood", 1)
    assert _soon(lambda: two.leases.hold("mood", 60_000)), "a lease that is not renewed passes on"
    assert two.leases.hold("mood", 60_000) == 2, "each holder has a greater number than those before, and keeps it"
    assert not one.leases.hold("mood", 60_000)
    assert one.leases.hold("another", 60_000)


def _soon(true: Callable[[], bool]) -> bool:
    return any(true() for _ in range(10_000))


def a_push(planned: datetime) -> Delivery:
    return Delivery(
        id=f"push@{to_ms(planned)}", lane="bulk", target="hook.main.main", via="webhook", community="main", body={"msgtype": "markdown"}
    )


def test_a_firing_is_claimed_once_by_however_many(stores: Stores) -> None:
    claimed = at_once(lambda n: stores.firings.claim(MAIN, "morning", NOW, [a_push(NOW)], NOW, {}))
    assert sum(claimed) == 1
    assert stores.outbox.depth() == 1
    assert sum(entry.kind == "push" for entry in stores.events.read()) == 1


@given(st.permutations(range(6)))
@settings(on_a_shared_server, max_examples=10)
def test_the_last_firing_is_the_latest_planned_in_whatever_order_they_ring(stores: Stores, order: list[int]) -> None:
    where = somewhere()
    for n in order:
        planned = NOW + timedelta(minutes=n)
        assert stores.firings.claim(where, "morning", planned, [a_push(planned)], NOW, {})
    assert stores.firings.last(where, "morning") == NOW + timedelta(minutes=5)


def test_the_first_sight_of_a_push_is_noted_once(stores: Stores) -> None:
    assert stores.firings.last(MAIN, "morning") is None
    stores.firings.note_start(MAIN, "morning", NOW)
    stores.firings.note_start(MAIN, "morning", NOW + timedelta(days=1))
    assert stores.firings.last(MAIN, "morning") == NOW


# Tallies, jobs -----------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(1, 300), st.sampled_from(["check_ins", "faq_hit"])), max_size=25))
@settings(on_a_shared_server, max_examples=25)
def test_what_is_counted_in_any_shard_adds_up(stores: Stores, messages: list[tuple[int, int, str]]) -> None:
    community = somewhere().id
    for n, (shard, member, what) in enumerate(messages):
        place = Place(shard, community, "", member)
        accepted = stores.inbox.accept(place, f"{community}-{n}", "{}", {}, to_ms(NOW))
        stores.inbox.finish(
            place, f"{community}-{n}", accepted.entry, "2026-03-10", Ending(counts={"messages": 1, what: 2}, is_active=True), to_ms(NOW)
        )
    tally = stores.tallies.of_day(community, TODAY)
    assert tally.counts.get("messages", 0) == len(messages)
    assert tally.counts.get("check_ins", 0) == 2 * sum(what == "check_ins" for _, _, what in messages)
    assert tally.active == len({member for _, member, _ in messages})


def test_a_job_is_taken_once_comes_back_when_its_process_dies_and_goes_when_done(database: Database) -> None:
    one, two = open_as(database, "one"), open_as(database, "two")
    database.command("XADD", keys.JOBS(shard=2), "*", "j", '{"job":"mood"}')
    (job,) = one.jobs.take()
    assert two.jobs.take() == []
    assert [left.body for left in two.jobs.left_behind(0)] == [job.body]
    two.jobs.done([job])
    assert list(one.jobs.left_behind(0)) == []
    assert database.command("XLEN", keys.JOBS(shard=2)) == 0


# The directory, groups, content --------------------------------------------------------------------------------------------------


def test_a_member_has_one_number_for_ever_and_it_is_his_alone(database: Database) -> None:
    processes = [open_as(database, str(n)) for n in range(8)]
    numbers = at_once(lambda n: processes[n % 8].directory.enrol(f"user{n % 4}").number)
    by_user = [{numbers[n] for n in range(32) if n % 4 == user} for user in range(4)]
    assert [len(found) for found in by_user] == [1, 1, 1, 1]
    assert len(set.union(*by_user)) == 4


@pytest.mark.parametrize("user", ["wmABC", "WMabc", "a b", "甲", "x" * 200, "1", "*", "{7}", "%s"])
def test_every_user_id_is_a_person_of_its_own(stores: Stores, user: str) -> None:
    stores.directory.enrol("1")
    stores.directory.enrol("wmabc")
    number = stores.directory.enrol(user).number
    assert stores.directory.find_user(number) == user
    assert stores.directory.find_number(user) == number


def test_the_name_and_the_home_that_were_learned_last_hold(stores: Stores) -> None:
    stores.directory.enrol("lilei", name="李雷", community="main")
    assert stores.directory.enrol("lilei", community="far").name == "李雷"
    person = stores.directory.enrol("lilei")
    assert (person.home, person.name) == ("far", "李雷")
    stores.directory.enrol("lilei", name="李大雷", community="far")
    assert stores.directory.find_name(person.number) == "李大雷"


def test_a_process_that_starts_anew_knows_the_names_that_were_learned(database: Database) -> None:
    open_as(database, "one").directory.enrol("lilei", name="李雷", community="main")
    assert open_as(database, "two").directory.enrol("lilei", community="main").name == "李雷"


def test_no_more_than_a_thousand_unlisted_groups_are_taken_in_even_at_once(stores: Stores) -> None:
    stores.database.command("HSET", keys.GROUPS(), *[word for n in range(990) for word in (f"g{n}", 1)])
    taken = at_once(lambda n: stores.groups.register(f"new{n}", to_ms(NOW)))
    assert sum(taken) == 10
    assert stores.groups.register("g1", to_ms(NOW)), "a known one stays"


# Events -------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(stores: Stores) -> Events:
    """Ten days of entries over all shards, of two communities and three members."""
    for n in range(40):
        stores.events.record(
            n % 16, "change", ("main", "far")[n % 2], NOW + timedelta(hours=6 * n), {"n": n}, member=n % 3, message=f"m{n}"
        )
    return stores.events


def test_events_are_read_by_whom_they_concern(logged: Events) -> None:
    assert {entry.data["n"] % 2 for entry in logged.newest(100, community="far")} == {1}
    assert sorted(entry.data["n"] for entry in logged.read(member=2)) == list(range(2, 40, 3))
    assert next(logged.read(community="main", member=0)).at == NOW


def test_the_newest_events_of_all_shards_come_in_the_order_of_the_server(stores: Stores) -> None:
    for n in range(20):
        facts = ("v", "1", "t", to_ms(NOW), "kind", "change", "c", "main", "m", 0, "id", "", "data", json.dumps({"n": n}))
        stores.database.command("XADD", keys.EVENTS(shard=7 * n % 16), f"{1000 + n // 2}-{n}", *facts)
    assert [entry.data["n"] for entry in stores.events.newest(5)] == [15, 16, 17, 18, 19]


def test_events_can_be_followed(stores: Stores, logged: Events) -> None:
    tail = logged.tail()
    assert logged.since(tail) == []
    for n in (100, 101):
        logged.record(n % 16, "push", "main", NOW, {"n": n})
    assert [entry.data["n"] for entry in logged.since(tail)] == [100, 101]
    assert logged.since(tail) == []


def test_events_go_by_age_and_by_nothing_else(logged: Events) -> None:
    assert logged.trim(NOW) == 0
    assert logged.trim(NOW + timedelta(hours=6 * 10)) == 10
    assert sorted(entry.data["n"] for entry in logged.read()) == list(range(10, 40))
    assert logged.trim(NOW + timedelta(days=365)) == 30


def test_more_events_than_a_page_are_trimmed(stores: Stores) -> None:
    facts: list[tuple[Any, ...]] = [
        ("XADD", keys.EVENTS(shard=1), "*", "v", "1", "t", n, "kind", "change", "c", "main", "m", 0, "id", "", "data", "{}")
        for n in range(2_500)
    ]
    stores.database.pipeline(facts)
    assert stores.events.trim(from_ms(2_400)) == 2_400
    assert stores.database.command("XLEN", keys.EVENTS(shard=1)) == 100


# Schema, communities -------------------------------------------------------------------------------------------------------------


def test_the_number_of_shards_is_settled_at_the_first_start(database: Database) -> None:
    assert settle_schema(database, 1) == 16
    database.command("HSET", keys.SCHEMA(), "shards", 4)
    assert settle_schema(database, 2) == 4
    assert database.command("HGET", keys.SCHEMA(), "first_start_ms") == "1"


def test_data_of_a_newer_program_are_left_alone(database: Database) -> None:
    settle_schema(database, 1)
    database.command("HSET", keys.SCHEMA(), "version", VERSION + 1)
    with pytest.raises(NewerData, match="升级程序"):
        settle_schema(database, 2)
    assert database.command("HGET", keys.SCHEMA(), "version") == str(VERSION + 1)


@pytest.mark.parametrize("id", ["main", "~single", "wr-G_1", "a:b", "x:members", "[ab]*?", "群"])
def test_a_community_is_found_by_its_keys_whatever_it_is_called(database: Database, id: str) -> None:
    database.command("HSET", keys.MEMBERS(shard=11, community=id), "1", "2")
    database.command("ZADD", keys.WARNINGS(shard=3, community=id, member=5), 1, "2")
    assert list(communities_with(database, keys.MEMBERS)) == [CommunityKeys(id, 11)]
    assert list(communities_with(database, keys.WARNINGS)) == [CommunityKeys(id, 3)]
    assert list(communities_with(database, keys.MOOD)) == []


def test_a_process_remembers_whom_another_made_known(database: Database) -> None:
    one, two = open_as(database, "one").directory, open_as(database, "two").directory
    known = one.enrol("lilei", name="李雷", community="main")
    two.keep_up()
    database.command("HSET", keys.MEMBER_IDS(), "lilei", 999)  # only who asks Redis would see this
    assert two.enrol("lilei", community="main") == known
    two.keep_up()
    assert two.enrol("lilei", community="main") == known


def test_what_was_remembered_goes_with_an_erasure_elsewhere(database: Database) -> None:
    one, two = open_as(database, "one").directory, open_as(database, "two").directory
    number = one.enrol("lilei", community="main").number
    one.enrol("hanmei", community="main")
    two.keep_up()
    one.erase_user(number)
    two.keep_up()
    assert two.enrol("lilei", community="main").number not in (number, one.enrol("hanmei", community="main").number)
