"""Experiments: who gets which wording, what is counted of it, and that nothing is concluded which the numbers do not carry."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from chat import MAIN, Chat, OpenChat
from hypothesis import given, settings
from hypothesis import strategies as st
from trying import TRIED, live_through, push_of, send, tend, trying

from benchmarks.experiments import push_with, simulate, through
from bot.communities import Communities
from bot.errors import UserError
from bot.experiment_desk import ExperimentDesk, arm_in_force, recount
from bot.mailing import fire
from bot.permissions import Actor
from handlers.contents import publish
from rules.content_pushes import PUSHES, push_row
from rules.experiments import (
    ALPHA,
    HOLDOUT,
    Plan,
    Tally,
    assign,
    boundaries,
    drift,
    fisher,
    holm,
    interval,
    judge,
    looks_at,
    mark_of,
    mean_z,
    read_mark,
    say_size,
    sequential_p,
    share_z,
    split_p,
)
from rules.exposures import Anew, Did, Exposed, read_event
from rules.pushes import Arm, Body, Push, Trial
from storage.community import CommunityKeys
from storage.connection import Database
from storage.embedded import EmbeddedServer
from storage.experiments import Experiments
from storage.moment import to_ms

pytest_plugins = ("chat",)

NOW = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)
HOME = CommunityKeys("home", 4)
TODAY = date(2026, 3, 24)
PUSH = push_with(2, 0.3)
MARK = mark_of(PUSH)
OPERATOR = Actor(7, "王店长", "operator")


# Who gets what ------------------------------------------------------------------------------------------------------------


def test_shares_are_as_planned() -> None:
    push = replace(PUSH, arms=(*PUSH.arms, Arm("C", Body("三"), 2)), trial=Trial(holdout=20))
    names = [arm.name if (arm := assign(push, f"m:{member}")) else HOLDOUT for member in range(20_000)]
    counts = [names.count(name) for name in ("A", "B", "C", HOLDOUT)]
    assert split_p(counts, [0.2, 0.2, 0.4, 0.2]) > 0.001


def test_a_unit_keeps_its_arm_until_the_arms_change() -> None:
    first = [assign(PUSH, f"m:{member}") for member in range(200)]
    same = replace(PUSH, title="别的名字", cron="0 10 * * *", trial=replace(PUSH.trial or Trial(), lift=0.5, roll_out=True))
    assert [assign(same, f"m:{member}") for member in range(200)] == first
    assert mark_of(same) == MARK
    other = replace(PUSH, arms=(PUSH.arms[0], Arm("B", Body("改了"))))
    assert [getattr(assign(other, f"m:{n}"), "name", "") for n in range(200)] != [getattr(arm, "name", "") for arm in first]
    assert mark_of(other) != MARK


def test_two_pushes_do_not_put_the_same_people_together() -> None:
    second = replace(PUSH, id="other")
    both = [(assign(PUSH, f"m:{n}") == PUSH.arms[0], assign(second, f"m:{n}") == PUSH.arms[0]) for n in range(8_000)]
    assert split_p([both.count((a, b)) for a in (True, False) for b in (True, False)], [1, 1, 1, 1]) > 0.001


def test_a_push_without_arms_is_said_as_it_is_or_held_back() -> None:
    push = Push("x", "0 9 * * *", "早", to="members", trial=Trial(holdout=50))
    got = [assign(push, f"m:{member}") for member in range(2_000)]
    assert {one.body.text for one in got if one} == {"早"}
    assert 900 < got.count(None) < 1_100


def test_a_mark_says_what_is_counted() -> None:
    assert read_mark(mark_of(replace(PUSH, trial=Trial("purchase", 72)))) == ("purchase", 72)
    assert mark_of(Push("x", "0 9 * * *", "早")) == ""
    with pytest.raises(ValueError, match="no mark"):
        read_mark("abc.dance.24")


# The looks ----------------------------------------------------------------------------------------------------------------


def test_boundaries_are_those_of_the_literature() -> None:
    """Lan and DeMets with O'Brien–Fleming's shape, five equal looks, two-sided 5 %: as gsDesign and ldbounds have them."""
    assert boundaries((0.2, 0.4, 0.6, 0.8, 1.0)) == pytest.approx((4.8769, 3.3570, 2.6803, 2.2898, 2.0310), abs=2e-4)
    assert boundaries((1.0,)) == pytest.approx((1.95996,), abs=1e-4)


def test_the_power_at_one_look_is_the_textbook_s() -> None:
    assert drift(ALPHA, 0.8) == pytest.approx((1.95996 + 0.84162) * math.sqrt(1.0463), rel=2e-3)


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12, unique=True), st.sampled_from([0.01, 0.05, 0.2]))
def test_any_looks_spend_no_more_than_the_level(found: list[float], alpha: float) -> None:
    fractions = [round(one, 2) for one in sorted(found)]
    fractions = [one for before, one in pairwise([0.0, *fractions]) if one - before >= 0.05]
    if not fractions:
        return
    bounds = boundaries(tuple(fractions), alpha)
    walks = np.cumsum(np.random.default_rng(1).normal(size=(20_000, len(fractions))) * np.sqrt(np.diff([0, *fractions])), axis=1)
    crossed = (np.abs(walks / np.sqrt(fractions)) >= bounds).any(axis=1).mean()
    assert crossed <= alpha + 4 * math.sqrt(alpha / 20_000)


def test_a_day_is_looked_at_when_enough_has_come_since_and_the_last_one_ends_it() -> None:
    assert looks_at([2, 10, 12, 60, 100, 140], 100) == [(1, 0.1), (3, 0.6), (4, 1.0)]
    assert looks_at([], 100) == []


def test_a_sequential_p_agrees_with_the_boundary() -> None:
    fractions = (0.25, 0.5, 1.0)
    bound = boundaries(fractions)[-1]
    assert sequential_p([0.0, 0.0, bound], fractions) == pytest.approx(ALPHA, rel=0.01)
    assert sequential_p([0.0, 0.0, bound + 1], fractions) < ALPHA < sequential_p([0.0, 0.0, bound - 1], fractions)


def test_holm_asks_more_of_the_first_than_of_the_second() -> None:
    z = {"B": np.array([[2.3], [2.0], [2.3], [9.0]]), "C": np.array([[2.0], [2.0], [1.0], [9.0]])}
    decided = holm(z, (1.0,))
    assert decided["B"].tolist() == [True, False, True, True]
    assert decided["C"].tolist() == [True, False, False, True]


# The tests ----------------------------------------------------------------------------------------------------------------


def test_two_shares_differ_by_the_textbook_s_z() -> None:
    [z] = share_z(np.array([90.0]), np.array([1_000.0]), np.array([120.0]), np.array([1_000.0]))
    assert z == pytest.approx(0.03 / math.sqrt(0.105 * 0.895 * 2 / 1_000))


def test_small_counts_have_fishers_word() -> None:
    assert fisher(1, 10, 9, 10) == pytest.approx(0.001093, abs=1e-6)  # R: fisher.test(matrix(c(1, 9, 9, 1), 2))
    assert fisher(0, 5, 0, 5) == 1.0
    [z] = share_z(np.array([0.0]), np.array([12.0]), np.array([5.0]), np.array([12.0]))
    assert z == pytest.approx(2.083, abs=1e-3)  # p = 0.037; without the exact test it would be 2.51


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_a_difference_turned_round_is_the_same_difference(a: int, n: int, b: int, m: int) -> None:
    one = share_z(np.array([min(a, n)]), np.array([n]), np.array([min(b, m)]), np.array([m]))[0]
    other = share_z(np.array([min(b, m)]), np.array([m]), np.array([min(a, n)]), np.array([n]))[0]
    assert one == pytest.approx(-other, abs=1e-9)


def test_groups_differ_by_welch_s_t() -> None:
    first, second = [3, 5, 4, 6, 2, 5, 4, 3], [6, 9, 8, 5, 9, 7, 10, 6]
    tallies = [Tally(len(row), len(row), sum(row), sum(one * one for one in row)) for row in (first, second)]
    assert mean_z(*tallies) == pytest.approx(3.43, abs=0.02)  # t = 4.49 with 13.1 degrees of freedom: p = 0.0006
    assert mean_z(Tally(1, 1, 3, 9), Tally(1, 1, 9, 81)) == 0.0


def test_no_split_but_chance_s_passes() -> None:
    assert split_p([500, 500], [1, 1]) == pytest.approx(1.0)
    assert split_p([450, 550], [1, 1]) == pytest.approx(0.001565, abs=1e-5)
    assert split_p([300, 330, 370], [1, 1, 1]) == pytest.approx(math.exp(-3.7), rel=1e-3)
    assert split_p([250, 230, 270, 250], [1, 1, 1, 1]) == pytest.approx(0.3618, abs=1e-3)


def test_an_interval_is_wilsons() -> None:
    assert interval(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)


# How many are needed ------------------------------------------------------------------------------------------------------


def test_the_size_is_said_before_the_start() -> None:
    assert "你只有 300 人，要" in say_size(PUSH, 300)
    assert "能看出的是" in say_size(PUSH, 300)
    assert say_size(PUSH, 100_000).startswith("人够")
    assert "什么差别也看不出来" in say_size(push_with(4, 0.9, lift=0.05), 10)


@pytest.mark.parametrize("arms", [2, 3, 5])
@pytest.mark.parametrize("baseline", [0.01, 0.2, 0.5])
def test_what_so_many_show_is_what_so_many_were_asked_for(arms: int, baseline: float) -> None:
    plan = Plan.of(push_with(arms, baseline, holdout=10))
    assert plan.detectable(plan.units) == pytest.approx(plan.lift, rel=0.01)
    assert plan.detectable(plan.units // 4) > plan.lift
    assert plan.readers == pytest.approx(plan.units / 0.9, abs=1)


def test_rarer_or_smaller_takes_more() -> None:
    units = [Plan.of(push).units for push in (PUSH, push_with(2, 0.1), push_with(2, 0.1, lift=0.1), push_with(3, 0.1, lift=0.1))]
    assert units == sorted(units)


def test_groups_take_a_plan_of_their_own() -> None:
    plan = Plan.of(replace(PUSH, to="groups"))
    assert plan.units > 500
    assert plan.detectable(30) > 1
    assert plan.detectable(10) == math.inf


def test_nothing_to_compare_is_no_plan() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Plan.of(Push("x", "0 9 * * *", "早", trial=Trial()))


# What is concluded --------------------------------------------------------------------------------------------------------


def days_of(plan: Plan, hits: dict[str, int], units: int, days: int = 10) -> dict[date, dict[str, Tally]]:
    """So many units and hits an arm and day, the last days' hours over."""
    first = TODAY - timedelta(days=days + 1)
    return {
        first + timedelta(days=day): {name: Tally(units, hits[name], hits[name], hits[name]) for name in plan.arms} for day in range(days)
    }  # fmt: skip


def test_a_clear_winner_is_named_with_figures() -> None:
    plan = Plan.of(PUSH)
    verdict = judge(plan, days_of(plan, {"A": 30, "B": 50}, 110), TODAY)
    assert (verdict.state, verdict.winner, verdict.loser) == ("won", "B", "A")
    assert verdict.said == "“B”比“A”回话多 18.2 个百分点（45.5% 对 27.3%），p=0.012，可以推广"
    assert verdict.day
    assert verdict.day < TODAY - timedelta(days=4)  # long before the last day


def test_fewer_who_want_no_more_is_better() -> None:
    plan = replace(Plan.of(PUSH), outcome="opt_out")
    verdict = judge(plan, days_of(plan, {"A": 30, "B": 50}, 110), TODAY)
    assert verdict.winner == "A"
    assert "免打扰少" in verdict.said


def test_no_difference_is_said_as_such_at_the_end_only() -> None:
    plan = Plan.of(PUSH)
    verdict = judge(plan, days_of(plan, {"A": 33, "B": 34}, 112), TODAY)
    assert verdict.state == "same"
    assert verdict.said.startswith("没有差别")
    early = judge(plan, days_of(plan, {"A": 33, "B": 34}, 60), TODAY)
    assert early.state == "running"
    assert early.said.startswith("还看不出来，还要大约")


def test_a_day_whose_hours_run_is_not_looked_at() -> None:
    plan = Plan.of(PUSH)
    days = days_of(plan, {"A": 30, "B": 30}, 60)
    before = judge(plan, days, TODAY)
    assert (
        judge(plan, {**days, TODAY - timedelta(days=1): {"A": Tally(5_000, 0), "B": Tally(5_000, 5_000, 5_000, 5_000)}}, TODAY).total
        == before.total
    )


def test_more_data_after_the_verdict_does_not_change_it() -> None:
    plan = Plan.of(PUSH)
    days = days_of(plan, {"A": 30, "B": 50}, 110)
    verdict = judge(plan, days, TODAY)
    turned = {day: {"A": row["B"], "B": row["A"]} if verdict.day and day > verdict.day else row for day, row in days.items()}
    assert judge(plan, turned, TODAY) == verdict


def test_too_few_for_ever_is_said() -> None:
    plan = Plan.of(PUSH)
    long_ago = {day - timedelta(days=60): row for day, row in days_of(plan, {"A": 3, "B": 5}, 15).items()}
    verdict = judge(plan, long_ago, TODAY)
    assert verdict.state == "small"
    assert verdict.said.startswith("人不够：到现在 300 人，要")
    assert judge(plan, {}, TODAY).state == "small"


def test_a_split_that_chance_does_not_make_withholds_the_verdict() -> None:
    plan = Plan.of(PUSH)
    days = {TODAY - timedelta(days=5): {"A": Tally(1_000, 300, 300, 300), "B": Tally(700, 600, 600, 600)}}
    verdict = judge(plan, days, TODAY)
    assert (verdict.state, verdict.winner) == ("skewed", "")
    assert "1,000 : 700" in verdict.said


def test_those_held_out_are_counted_but_not_judged() -> None:
    plan = Plan.of(replace(PUSH, trial=Trial(baseline=0.3, holdout=10)))
    days = {day: {**row, HOLDOUT: Tally(24)} for day, row in days_of(plan, {"A": 33, "B": 34, HOLDOUT: 0}, 108).items()}
    assert judge(plan, days, TODAY).state in ("same", "running")
    alone = Plan.of(Push("x", "0 9 * * *", "早", to="members", trial=Trial(baseline=0.3, holdout=50)))
    verdict = judge(alone, days_of(alone, {"早": 50, HOLDOUT: 30}, 110), TODAY)
    assert (verdict.winner, verdict.loser) == ("早", HOLDOUT)
    assert "比“不发”" in verdict.said


def test_false_verdicts_stay_below_six_per_cent_with_daily_looks() -> None:
    assert [simulate(arms, 0.1, 0.0, 2_000, 5).any <= 0.06 for arms in (2, 4)] == [True, True]


def test_a_true_lift_is_found_at_the_size_that_was_asked_for() -> None:
    assert [simulate(arms, 0.1, 0.2, 2_000, 5).better >= 0.8 for arms in (2, 4)] == [True, True]


def test_an_a_a_test_of_assigned_members_finds_nothing_mostly() -> None:
    found = through(2, 0.4, 0.0, 40, 3, aimed=1.0)
    assert found.any <= 0.2  # 5 % of 40 is 2; more than 8 have a chance of one in ten thousand
    assert through(2, 0.4, 1.0, 20, 3, aimed=1.0).better >= 0.6


# Counting -----------------------------------------------------------------------------------------------------------------


def exposed(unit: str, *, arm: str = "A", at: datetime = NOW, push: str = "trial", mark: str = MARK) -> Exposed:
    return Exposed(push, mark, arm, unit, at)


def spoke(member: int, *, after: float = 1, chat: str = "") -> Did:
    return Did(member, chat, frozenset({"reply"}), NOW + timedelta(hours=after))


@pytest.fixture
def experiments(database: Database) -> Experiments:
    store = Experiments(database)
    store.begin(HOME, "trial", MARK, "试", Plan.of(PUSH), NOW)
    return store


def tally(store: Experiments, arm: str = "A", *, push: str = "trial", mark: str = MARK) -> Tally:
    return sum((day.get(arm, Tally()) for day in store.days(HOME, push, mark).values()), Tally())


def test_an_answer_within_the_hours_counts_once(experiments: Experiments) -> None:
    experiments.count(HOME, [exposed("m:1"), exposed("m:2"), spoke(1), spoke(1, after=2), spoke(3)], is_home=True)
    assert tally(experiments) == Tally(2, 1, 1, 1)
    experiments.count(HOME, [spoke(2, after=24)], is_home=True)
    assert tally(experiments).hits == 1  # a moment too late


def test_a_later_exposure_does_not_reopen(experiments: Experiments) -> None:
    experiments.count(HOME, [exposed("m:1")], is_home=True)
    experiments.count(HOME, [exposed("m:1", at=NOW + timedelta(days=7)), spoke(1, after=24 * 7 + 1)], is_home=True)
    assert tally(experiments) == Tally(1)


def test_a_page_that_is_read_again_changes_nothing(experiments: Experiments) -> None:
    page: list[Exposed | Did] = [exposed("m:1"), exposed("g:wr1", arm="B"), spoke(1, chat="wr1"), spoke(5, chat="wr1")]
    for _ in range(3):
        experiments.count(HOME, page, is_home=True)
    assert tally(experiments) == Tally(1, 1, 1, 1)
    assert tally(experiments, "B") == Tally(1, 1, 2, 4)


def test_what_was_said_before_the_exposure_does_not_count(experiments: Experiments) -> None:
    experiments.count(HOME, [exposed("m:1"), spoke(1, after=-1)], is_home=True)
    assert tally(experiments).hits == 0


def test_an_answer_in_private_that_is_read_before_its_push_counts(experiments: Experiments) -> None:
    experiments.count(HOME, [spoke(1), spoke(2, after=-1)], is_home=False)
    experiments.count(HOME, [exposed("m:1"), exposed("m:2")], is_home=True)
    experiments.count(HOME, [spoke(1)], is_home=False)
    assert tally(experiments) == Tally(2, 1, 1, 1)


def test_two_experiments_count_beside_each_other(experiments: Experiments) -> None:
    other = mark_of(replace(PUSH, id="other", trial=Trial(within_hours=2)))
    experiments.count(HOME, [exposed("m:1"), exposed("m:1", push="other", mark=other, arm="B"), spoke(1, after=3)], is_home=True)
    assert tally(experiments).hits == 1
    assert tally(experiments, "B", push="other", mark=other) == Tally(1)


def test_a_unit_is_forgotten_when_its_hours_are_long_over(experiments: Experiments, database: Database) -> None:
    experiments.count(HOME, [exposed("m:1")], is_home=True)
    later = NOW + timedelta(days=9)
    experiments.count(HOME, [exposed("m:2", at=later)], is_home=True)
    assert experiments.export_user(1) == {}
    assert set(experiments.export_user(2)) == {"home"}
    experiments.count(HOME, [exposed("m:1", at=later)], is_home=True)
    assert tally(experiments).units == 2  # it is still known that he was reached


def test_an_erased_member_leaves_sums_only(experiments: Experiments, database: Database) -> None:
    experiments.count(HOME, [exposed("m:1"), exposed("g:wr1", arm="B"), spoke(1, chat="wr1"), spoke(1, chat="")], is_home=False)
    assert "已从进行中的实验里删除" in experiments.erase_user(1)
    assert experiments.export_user(1) == {}
    assert tally(experiments, "B") == Tally(1, 1, 1, 1)
    key = next(key for key in database.scan("*experiment:open*"))
    assert set(database.command("HKEYS", key)) == {"rev", "g:wr1"}
    assert '"who":[0]' in database.command("HGET", key, "g:wr1")


@settings(max_examples=40)
@given(st.data())
def test_counting_by_pages_is_counting_anew(redis_server: EmbeddedServer, data: st.DataObject) -> None:
    """Whatever the pages, and however often one is read."""
    moments = st.integers(0, 60).map(lambda hours: NOW + timedelta(hours=hours))
    exposures = st.builds(lambda n, at: exposed(f"m:{n}", arm="AB"[n % 2], at=at), st.integers(1, 4), moments)
    dids = st.builds(lambda n, at: Did(n, "", frozenset({"reply"}), at), st.integers(1, 4), moments)
    told: list[Exposed | Did] = sorted(data.draw(st.lists(st.one_of(exposures, dids), min_size=1, max_size=25)), key=lambda one: one.at)
    cut = data.draw(st.integers(0, len(told)))
    again = data.draw(st.integers(0, cut))
    anew = Anew("trial", MARK, HOME.day_of)
    for one in told:
        if isinstance(one, Exposed):
            anew.expose(one)
    for one in told:
        if isinstance(one, Did):
            anew.take(one)
    database = Database(redis_server.url)
    database.command("FLUSHALL")
    store = Experiments(database)
    for page in (told[:cut], told[again:]):
        if page:
            store.count(HOME, page, is_home=True)
    assert store.days(HOME, "trial", MARK) == anew.days()
    database.close()


def test_the_log_tells_what_counts() -> None:
    sent = {"push": "trial", "trial": MARK, "arm": "B"}
    assert read_event("push", 3, sent, NOW) == exposed("m:3", arm="B")
    assert read_event("push", 0, sent | {"chat": "wr1"}, NOW) == exposed("g:wr1", arm="B")
    assert read_event("outbound", 0, sent | {"chat": "wr1", "via": "webhook"}, NOW) == exposed("g:wr1", arm="B")
    assert read_event("outbound", 3, {"via": "app"}, NOW) is None
    assert read_event("push", 3, sent | {"arm": "", "why": "holdout"}, NOW) == exposed("m:3", arm="")
    assert read_event("push", 3, sent | {"why": "no_way"}, NOW) is None
    assert read_event("push", 3, {"push": "trial", "arm": ""}, NOW) is None
    assert read_event("decision", 3, {"counts": ["check_ins", "orders"], "chat": "wr1"}, NOW) == Did(
        3, "wr1", frozenset({"reply", "check_in", "purchase"}), NOW
    )
    assert read_event("decision", 3, {"event": True}, NOW) is None
    assert read_event("decision", 0, {}, NOW) is None
    assert read_event("decision", 3, {"counts": ["opted_out"], "event": True}, NOW) == Did(3, "", frozenset({"opt_out"}), NOW)


# The whole way ------------------------------------------------------------------------------------------------------------


def arrive(chat: Chat, *, is_dead: bool = False) -> None:
    """All that is queued arrives, or is given up."""
    outbox, now = chat.stores.outbox, to_ms(chat.clock())
    for shard, lane, target in outbox.due(range(chat.stores.shards), now):
        while lease := outbox.lease(shard, lane, target, "sender", now, 30_000):
            settled = outbox.dead(lease, "没有送到", now) if is_dead else outbox.done(lease, now)
            assert settled


@pytest.fixture
def tried(open_chat: OpenChat) -> Chat:
    """Tuesday, 10 March 2026, with a push on trial."""
    return trying(open_chat())


def desk(chat: Chat) -> ExperimentDesk:
    return ExperimentDesk(chat.stores, chat.config, chat.community, chat.clock())


def test_a_winner_is_found_told_and_rolled_out_by_hand(tried: Chat) -> None:
    live_through(tried, chances={"A": 0.2, "B": 0.8})
    tend(tried)
    shown = desk(tried).get("tea")
    assert (shown.experiment.row.state, shown.verdict.winner) == ("decided", "B")
    assert sum(one.units for one in shown.total.values()) == 240
    [notice] = [one for one in tried.outbox() if one.id.startswith("experiment:")]
    assert "可以推广。要都发这个请说：实验 推广 tea B" in str(notice.body)
    assert arm_in_force(tried.stores, tried.community.keys, push_of(tried)) == ""
    assert tend(tried) == 0  # once
    for _ in range(2):
        desk(tried).roll_out("tea", "B", OPERATOR, once="r1")
    assert arm_in_force(tried.stores, tried.community.keys, push_of(tried)) == "B"
    taken = desk(tried).take_back("tea", OPERATOR, once="r2")
    assert taken.experiment.row.state == "decided"
    assert arm_in_force(tried.stores, tried.community.keys, push_of(tried)) == ""
    assert [row.act for row in tried.stores.audit.newest("main", 3)] == ["实验 撤回推广", "实验 推广", "实验 有结论"]
    assert [step.act for step in taken.experiment.row.steps] == ["begun", "won", "rolled_out", "taken_back"]


def test_a_winner_rolls_out_by_itself_where_that_was_wanted(tried: Chat) -> None:
    publish(tried.stores, PUSHES, TRIED.replace("lift: 1.0}", "lift: 1.0, roll_out: true}"), "boss", tried.clock())
    live_through(tried, chances={"A": 0.8, "B": 0.2})
    tend(tried)
    assert arm_in_force(tried.stores, tried.community.keys, push_of(tried)) == "A"
    assert desk(tried).get("tea").experiment.row.state == "rolled_out"
    [notice] = [one for one in tried.outbox() if one.id.startswith("experiment:")]
    assert "以后都发“A”；不要的话请说：实验 撤回 tea" in str(notice.body)


def test_new_wordings_end_what_was_tried_and_what_was_rolled_out(tried: Chat) -> None:
    tend(tried)
    desk(tried).roll_out("tea", "A", OPERATOR, once="r1")
    publish(tried.stores, PUSHES, TRIED.replace("今天喝什么茶？", "来杯茶？"), "boss", tried.clock())
    assert arm_in_force(tried.stores, tried.community.keys, push_of(tried)) == ""
    tend(tried)
    tried.later(minutes=1)
    publish(tried.stores, PUSHES, TRIED.replace("今天喝什么茶？", "再来一杯？"), "boss", tried.clock())
    tend(tried)
    states = {shown.experiment.row.plan.texts["B"]: shown.experiment.row.state for shown in desk(tried).list_all()}
    assert states == {"今天喝什么茶？": "rolled_out", "来杯茶？": "over", "再来一杯？": "running"}
    over = next(one for one in desk(tried).list_all() if one.experiment.row.state == "over")
    with pytest.raises(UserError, match="已经结束"):
        desk(tried).roll_out(over.experiment.name, "A", OPERATOR, once="r9")


def test_what_cannot_be_rolled_out_is_refused_with_an_example(tried: Chat) -> None:
    tend(tried)
    with pytest.raises(UserError, match="例如：实验 推广 tea A"):
        desk(tried).roll_out("tea", "Z", OPERATOR, once="r1")
    with pytest.raises(UserError, match="没有推广"):
        desk(tried).take_back("tea", OPERATOR, once="r2")
    with pytest.raises(UserError, match="没有实验 nix"):
        desk(tried).get("nix")


def test_a_skewed_split_is_told_once(tried: Chat) -> None:
    push = push_of(tried)
    wrong = [member for member in range(1, 400) if assign(push, f"m:{member}") == push.arms[0]]
    for member in wrong:
        send(tried, range(member, member + 1))
    tried.later(days=3)
    assert (tend(tried), tend(tried)) == (1, 0)
    shown = desk(tried).get("tea")
    assert (shown.verdict.state, shown.experiment.row.state) == ("skewed", "running")
    assert len([one for one in tried.outbox() if one.id.startswith("experiment:")]) == 1


def test_the_log_alone_gives_the_same_figures(tried: Chat) -> None:
    live_through(tried, days=3, chances={"A": 0.4, "B": 0.4})
    tend(tried)
    places = Communities(tried.config, tried.stores.groups, tried.stores.shards)
    assert list(recount(tried.stores, places, "tea")) == []
    key = next(tried.stores.database.scan("*experiment:days*"))
    field_, n = next(iter(tried.stores.database.rows(key)))
    tried.stores.database.command("HSET", key, field_, int(n) + 1)
    [line] = recount(tried.stores, places, "tea")
    assert "账上" in line


def test_a_real_message_in_the_group_counts(tried: Chat) -> None:
    tried.says("你好")
    member = tried.member()
    send(tried, range(member, member + 1))
    tried.later(minutes=5)
    tried.says("好啊", group=MAIN)
    tend(tried)
    assert sum((one for one in desk(tried).get("tea").total.values()), Tally()) == Tally(1, 1, 1, 1)


def test_an_unknown_push_is_counted_all_the_same(tried: Chat) -> None:
    """What was changed within the seconds until it is read has no plan any more, but its figures are in the log and in the sums."""
    entry = {"push": "gone", "trial": MARK, "arm": "A"}
    tried.stores.events.record(tried.community.shard, "push", "main", tried.clock(), entry, member=4)
    tend(tried)
    assert tried.stores.experiments.days(tried.community.keys, "gone", MARK)
    assert [shown.experiment.row.push for shown in desk(tried).list_all()] == ["tea"]


def test_a_mailing_to_groups_is_an_exposure_of_each(tried: Chat) -> None:
    """From the clock's ring to the page: what a real mailing logs is what is counted, and a winner is what it sends."""
    groups = replace(push_of(tried), id="groups", to="groups")
    tried.stores.content.put(PUSHES.name, {"groups": msgspec.json.encode(push_row(groups)).decode()}, "boss", tried.clock())
    tried.live.refresh()
    moment = tried.clock()
    assert fire(groups, tried.community, moment, tried.stores, tried.config, tried.live.current, moment)
    tend(tried)
    arm = assign(groups, f"g:{MAIN}")
    assert arm
    assert desk(tried).get("groups").total[arm.name].units == 0, "queued is not shown"
    arrive(tried)
    tend(tried)
    assert desk(tried).get("groups").total[arm.name].units == 1
    assert list(recount(tried.stores, tried.communities, "groups")) == []
    other = next(one.name for one in groups.arms if one != arm)
    desk(tried).roll_out("groups", other, OPERATOR, once="r")
    tried.later(days=1)
    assert fire(groups, tried.community, tried.clock(), tried.stores, tried.config, tried.live.current, tried.clock())
    assert [entry.data["arm"] for entry in tried.log("push") if entry.data["push"] == "groups" and entry.data.get("chat") == MAIN] == [
        arm.name,
        other,
    ]
    arrive(tried)
    tend(tried)
    assert desk(tried).get("groups").total[other].units == 0, "what all get is no trial any more"


@pytest.mark.parametrize("ends", ["failed", "stopped"])
def test_what_never_arrived_was_shown_to_nobody_until_it_is_sent_again(tried: Chat, ends: str) -> None:
    groups = replace(push_of(tried), id="groups", to="groups")
    tried.stores.content.put(PUSHES.name, {"groups": msgspec.json.encode(push_row(groups)).decode()}, "boss", tried.clock())
    tried.live.refresh()
    moment = tried.clock()
    assert fire(groups, tried.community, moment, tried.stores, tried.config, tried.live.current, moment)
    if ends == "failed":
        arrive(tried, is_dead=True)
    else:
        tried.stores.mailings.stop(tried.community.keys, "groups", moment, 1, moment, "s")
        arrive(tried)
    tend(tried)
    assert [one.units for one in desk(tried).get("groups").total.values()] == [0, 0]
    for letter in tried.stores.outbox.dead_letters(tried.community.shard):
        assert tried.stores.outbox.replay(tried.community.shard, letter.delivery.id, to_ms(tried.clock()))
    arrive(tried)
    tend(tried)
    assert sum(one.units for one in desk(tried).get("groups").total.values()) == (1 if ends == "failed" else 0)
    assert list(recount(tried.stores, tried.communities, "groups")) == []
