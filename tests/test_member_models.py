"""Who will probably not come back, and whose word counts: the rules by their properties and against communities of which the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.backtest import TOWNS, VILLAGES, WORLDS, auc, edges_of, judge, listened_to, village
from rules import churn, koc

# Churn --------------------------------------------------------------------------------------------------------------------


def habit(days: NDArray[np.intp] | list[int] | range) -> NDArray[np.bool_]:
    """Somebody who spoke on these of the last 180 days; 179 is yesterday."""
    spoke = np.zeros((churn.DAYS, 1), dtype=bool)
    spoke[list(days), 0] = True
    return spoke


def chance(*members: NDArray[np.bool_], lengths: NDArray[np.float64] | None = None) -> list[float]:
    spoke = np.concatenate(members, axis=1)
    seen = churn.rhythms(spoke, np.ones(churn.DAYS) if lengths is None else lengths)
    return [float(one) for one in churn.gone(seen, churn.ordinary())]


def test_the_same_silence_means_much_of_who_spoke_daily_and_little_of_who_speaks_twice_a_month() -> None:
    daily, seldom = chance(habit(range(100, 165)), habit(range(14, 165, 15)))
    assert daily > 0.9
    assert seldom < 0.2


def test_whoever_spoke_yesterday_is_here_and_whoever_never_spoke_is_unknown() -> None:
    here, never = chance(habit(range(0, 180, 3)), habit([]))
    assert here < 0.02
    assert np.isnan(never)


def test_golden_values() -> None:
    found = chance(habit([179]), habit([90]), habit(range(0, 120, 7)), habit([0, 1, 2, 60, 61, 62, 120, 121]), habit(range(170)))
    assert found == pytest.approx(GOLDEN, abs=0.002)


GOLDEN = [0.0, 0.701, 0.945, 0.262, 0.818]


def test_a_holiday_of_everybody_makes_nobody_look_gone() -> None:
    rng = np.random.default_rng(5)
    spoke = rng.random((churn.DAYS, 400)) < rng.uniform(0.2, 0.6, 400)
    spoke[-9:] = rng.random((9, 400)) < 0.01
    lengths = churn.pace(spoke.sum(axis=1))
    by_pace = churn.gone(churn.rhythms(spoke, lengths), churn.ordinary())
    by_calendar = churn.gone(churn.rhythms(spoke, np.ones(churn.DAYS)), churn.ordinary())
    assert by_pace.mean() < 0.05
    assert by_calendar.mean() > 4 * by_pace.mean()


def test_the_pace_of_ordinary_days_is_one_and_of_a_community_without_a_word_too() -> None:
    assert churn.pace([50] * 60) == pytest.approx(1.0)
    assert churn.pace([0] * 60) == pytest.approx(1.0)
    assert len(churn.pace([])) == 0
    assert churn.pace([100] * 30 + [5] + [100] * 30)[30] < 0.1


@given(st.lists(st.integers(0, 120), min_size=1, max_size=60, unique=True), st.integers(1, 40))
@settings(max_examples=40)
def test_more_silence_is_never_less_churn(days: list[int], more: int) -> None:
    spoke, later = habit(days), habit([])
    later[: churn.DAYS - more] = spoke[more:]  # the same life, so many days ago
    if later.sum() == spoke.sum():  # nothing of it fell out of what is looked at
        (longer,), (shorter,) = chance(later), chance(spoke)
        assert longer >= shorter - 1e-9


@given(st.lists(st.integers(0, 179), max_size=180, unique=True), st.integers(0, 30))
@settings(max_examples=40)
def test_it_is_a_probability_and_falls_to_little_with_every_word(days: list[int], seed: int) -> None:
    lengths = np.random.default_rng(seed).uniform(0.05, 1.5, churn.DAYS)
    (found,) = chance(habit(days), lengths=lengths)
    assert np.isnan(found) if not days else 0 <= found <= 1
    (again,) = chance(habit([*days, 179]), lengths=lengths)
    assert again < 0.05


def test_a_member_is_judged_alike_alone_and_among_others() -> None:
    rng = np.random.default_rng(2)
    spoke = rng.random((churn.DAYS, 50)) < 0.1
    seen = churn.rhythms(spoke, np.ones(churn.DAYS))
    together = churn.gone(seen, churn.ordinary())
    apart = [churn.gone(seen.some(np.array([at])), churn.ordinary())[0] for at in range(50)]
    assert together == pytest.approx(apart, nan_ok=True)


def test_what_is_learned_of_a_community_is_a_share_of_each_kind() -> None:
    rng = np.random.default_rng(3)
    spoke = rng.random((churn.DAYS, 300)) < 0.3
    kinds = churn.fit(churn.rhythms(spoke, np.ones(churn.DAYS)))
    assert kinds.shares.sum() == pytest.approx(1.0)
    assert (kinds.shares >= 0).all()
    nobody = churn.fit(churn.rhythms(np.zeros((churn.DAYS, 3), dtype=bool), np.ones(churn.DAYS)))
    assert nobody.shares == pytest.approx(churn.ordinary().shares)


@pytest.mark.parametrize("name", WORLDS)
def test_the_model_tells_nearly_as_well_as_whoever_knows_everything_who_is_gone(name: str) -> None:
    towns = [replace(town, members=700) for town in TOWNS if town.members > 200]
    judged = [judge(WORLDS[name](town, np.random.default_rng(7))) for town in towns]
    for one in judged:
        assert one.auc >= 0.95 * one.best_auc
        assert one.auc > one.silent_auc
        assert one.brier < one.best_brier + 0.04
        assert one.world.is_gone[one.chance > churn.AT_RISK].mean() > 0.7


def test_small_communities_are_judged_by_common_sense() -> None:
    towns = [town for town in TOWNS if town.members < 200]
    judged = [judge(make(town, np.random.default_rng(seed))) for make in WORLDS.values() for town in towns for seed in range(1)]
    assert np.mean([one.auc for one in judged]) >= 0.95 * np.mean([one.best_auc for one in judged])


def test_auc_counts_ties_half() -> None:
    assert auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, False, True, True])) == pytest.approx(0.875)
    assert np.isnan(auc(np.array([1.0]), np.array([True])))


# Influence ----------------------------------------------------------------------------------------------------------------

Relation = tuple[int, int, float]


def edges(*rows: Relation) -> koc.Edges:
    givers, takers, weights = zip(*rows, strict=True)
    return koc.Edges(np.array(givers), np.array(takers), np.array(weights, dtype=float))


def heard(rows: list[Relation], days: dict[int, int] | int = 60) -> dict[int, float]:
    by_member = np.full(200, days) if isinstance(days, int) else np.array([days.get(number, 60) for number in range(200)])
    found = koc.influence(edges(*rows), by_member)
    return dict(zip(found.members.tolist(), found.scores.tolist(), strict=True))


def test_whoever_is_thanked_by_many_is_heard_and_self_thanks_are_nothing() -> None:
    found = heard([(giver, 1, 1.0) for giver in range(2, 8)] + [(9, 9, 50.0), (8, 2, 1.0)])
    assert max(found, key=lambda member: found[member]) == 1
    assert 9 not in found


def test_what_two_thank_each_other_for_counts_less_than_what_comes_from_others() -> None:
    apart = heard([(1, 2, 8.0), (3, 4, 8.0)])
    together = heard([(1, 2, 8.0), (2, 1, 8.0)])
    assert together[2] < 0.5 * apart[2]


def test_a_hundred_accounts_of_yesterday_are_less_than_ten_members() -> None:
    rows = [(giver, 1, 2.0) for giver in range(10, 110)] + [(giver, 2, 1.0) for giver in range(120, 130)]
    found = heard(rows, dict.fromkeys(range(10, 110), 1))
    assert found[1] < 1.5 * found[2]
    assert heard(rows)[1] > 10 * found[2]


def test_thanks_from_somebody_who_is_heard_say_more() -> None:
    rows: list[Relation] = [(giver, 1, 1.0) for giver in range(10, 30)]
    found = heard([*rows, (1, 2, 1.0), (5, 3, 1.0)])
    assert found[2] > found[3] > 0


@given(
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12), st.floats(0.1, 9)), min_size=1, max_size=40, unique_by=lambda row: row[:2]),
    st.integers(1, 12), st.floats(0.1, 5),
)  # fmt: skip
@settings(max_examples=40)
def test_thanks_from_an_independent_member_lower_nobody(rows: list[Relation], taker: int, weight: float) -> None:
    before, after = heard(rows), heard([*rows, (99, taker, weight)])
    assert after[taker] > before.get(taker, 0.0)
    assert all(after[member] >= score - 1e-6 for member, score in before.items())


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0.1, 9)), min_size=5, max_size=80, unique_by=lambda row: row[:2])
)
@settings(max_examples=40)
def test_going_on_from_the_night_before_comes_to_the_same(rows: list[Relation]) -> None:
    days = np.full(40, 30)
    before = koc.influence(edges(*rows[:-2]), days)
    cold, warm = koc.influence(edges(*rows), days), koc.influence(edges(*rows), days, before)
    assert warm.scores == pytest.approx(cold.scores, abs=1e-6)
    assert koc.influence(edges(*rows), days, cold).rounds <= cold.rounds


def test_a_place_is_told_among_those_who_are_active() -> None:
    found = koc.influence(edges(*[(giver, taker, 1.0) for taker in (1, 2, 3) for giver in range(10, 10 + 2 * taker)]), np.full(200, 60))
    places = dict(zip(found.members.tolist(), koc.standing(found, 100).tolist(), strict=True))
    assert places[3] == 1.0
    assert places[2] == pytest.approx(0.99)
    assert places[1] == pytest.approx(0.98)
    assert places[10] == 0.0


def test_influence_is_known_only_where_enough_members_thank() -> None:
    assert not koc.is_known(edges(*[(1, taker, 1.0) for taker in range(2, 30)]))
    assert not koc.is_known(edges((1, 2, 1.0), (2, 3, 1.0)))
    assert koc.is_known(edges(*[(giver, taker, 1.0) for giver in range(5) for taker in (10, 11)]))
    assert len(koc.influence(koc.Edges(np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)), np.zeros(0, dtype=int)).members) == 0


def test_the_model_finds_nearly_as_many_of_the_first_ten_as_whoever_knows_everything() -> None:
    seen = [village(members, thanks, np.random.default_rng(seed)) for members, thanks in VILLAGES[:2] for seed in range(6)]
    model = np.mean([one.precision(listened_to(one)) for one in seen])
    best = np.mean([one.precision(one.oracle) for one in seen])
    counted = np.mean([one.precision(one.thanked) for one in seen])
    assert model >= 0.95 * best
    assert counted < 0.5 * best  # rings and bought praise fool whoever only counts


def test_edges_fade_by_half_in_forty_five_days() -> None:
    one = village(120, 5, np.random.default_rng(1), rings=0, upstarts=0)
    assert edges_of(one).weights.sum() == pytest.approx((0.5 ** (one.ago / 45)).sum())
