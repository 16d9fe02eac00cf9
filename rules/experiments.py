"""Experiments: which wording somebody gets, how many are needed, and what may be concluded – from numbers alone.

A unit is whoever can be addressed apart: a member (``m:17``), or a whole group behind a webhook (``g:wr…``); then groups are what is counted, not the
people in them. A unit counts on the day of its first exposure, with all it did within the trial's hours; a day is looked at when these hours are over
for all its units. Looking every day is paid for: the level of 5 % is spent over the looks (Lan and DeMets 1983, O'Brien–Fleming's shape), the boundaries are
those of Armitage, McPherson and Rowe's recursion (Jennison and Turnbull, Group Sequential Methods, ch. 19). Several wordings are each held against the
first by Holm's procedure on sequential p-values (Liu and Anderson 2008). Why so: docs/decisions/0025-honest-experiments.md.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from rules.pushes import Arm, Outcome, Push, To, Trial

ALPHA = 0.05
POWER = 0.8
"""How often a lift of the size that was asked for is found, at least."""
AIMED = 0.83
"""What is aimed at, so that the promise holds with arms of uneven size and rare answers, too."""
HOLDOUT = ""
"""What the arm of those is called who get nothing."""
LOOK_STEP = 0.05
"""A day is looked at when so much of the planned sample has come since the look before; so there are never more than twenty."""
LEAST: Mapping[To, int] = {"members": 30, "groups": 10}
"""Units that every arm has at least before anything is concluded."""
SMALL = 10
"""Below so many expected cases in a cell Fisher's exact test has the word."""
SKEWED = 0.001
"""A split of the readers less likely than this is a fault of the sending, not chance: nothing is concluded."""
GROUPS_VARY = 1.0
"""How much groups differ before anything is known of them: standard deviation over mean."""
PACE_DAYS = 7
MOST_DAYS = 3_650
State = Literal["small", "skewed", "running", "won", "same"]
"""Not enough readers by far, a split that chance does not make, not decided yet, decided for an arm, looked at to the end without a difference."""
Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_NODES = 97
_FAR = 8.0


# Who gets what ------------------------------------------------------------------------------------------------------------


def mark_of(push: Push) -> str:
    """Which experiment a push is: '' without a trial; another as soon as its wordings, shares, or what they are judged by change.

    It says what the counting needs to know, so that the log alone is enough: ``<digest>.<outcome>.<hours>``.
    """
    if push.trial is None:
        return ""
    return f"{_digest(push)}.{push.trial.outcome}.{push.trial.within_hours}"


def read_mark(mark: str) -> tuple[Outcome, int]:
    """What an experiment looks for, and within how many hours. Raises ValueError for what is no mark."""
    digest, outcome, hours = mark.split(".")
    if not digest or outcome not in ("reply", "check_in", "purchase", "opt_out"):
        raise ValueError("no mark of an experiment")
    return cast(Outcome, outcome), int(hours)


def assign(push: Push, unit: str) -> Arm | None:
    """The arm of a unit, the same for ever as long as the arms are; None: it is held out and gets nothing. Without arms all get the push itself."""
    at = _place(f"{push.id}|{_digest(push)}|{unit}")
    held = (push.trial.holdout if push.trial else 0) / 100
    if at < held:
        return None
    if not push.arms:
        return Arm("", push.body)
    rest = (at - held) / (1 - held) * sum(arm.weight for arm in push.arms)
    for arm in push.arms:
        rest -= arm.weight
        if rest < 0:
            return arm
    return push.arms[-1]


@lru_cache(256)
def _digest(push: Push) -> str:
    trial = push.trial or Trial()
    told = [[asdict(arm) for arm in push.arms], trial.holdout, trial.outcome, trial.within_hours, push.to]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:10]


def _place(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


# How many are needed ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment set out to do: its arms' shares among all units (with the holdout's, if any), and how many units it takes.

    ``control`` is the arm that the others are held against: the first, or the holdout where the push has no arms. ``units`` of the compared arms are needed
    until all is looked at.
    """

    arms: Mapping[str, float]
    control: str
    to: To = "members"
    outcome: Outcome = "reply"
    within_hours: int = 24
    baseline: float = 0.2
    lift: float = 0.2
    holdout: int = 0
    roll_out: bool = False
    texts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, push: Push) -> Plan:
        """The plan of a push with a trial. Raises ValueError for one without, or where there is nothing to compare."""
        trial = push.trial
        if trial is None or (len(push.arms) < 2 and not trial.holdout):
            raise ValueError("nothing is compared")
        held = trial.holdout / 100
        total = sum(arm.weight for arm in push.arms)
        arms = {arm.name: (1 - held) * arm.weight / total for arm in push.arms} or {push.label: 1 - held}
        texts = {arm.name: arm.body.text for arm in push.arms} or {push.label: push.text}
        if held:
            arms[HOLDOUT] = held
        control = next(iter(arms)) if len(push.arms) > 1 else HOLDOUT
        return cls(
            arms, control, push.to, trial.outcome, trial.within_hours, trial.baseline, trial.lift, trial.holdout, trial.roll_out, texts
        )  # fmt: skip

    @property
    def compared(self) -> dict[str, float]:
        """The shares of the arms that are judged; those held out are only shown, unless nothing else is there to compare with."""
        return {name: share for name, share in self.arms.items() if name != HOLDOUT or self.control == HOLDOUT}

    @property
    def others(self) -> tuple[str, ...]:
        """The arms that are held against the control."""
        return tuple(name for name in self.compared if name != self.control)

    @property
    def units(self) -> int:
        """Units of all compared arms together that find a lift of ``lift`` with POWER, all looks and arms paid for."""
        return max(self._needed(self.baseline, self.lift), self.least)

    @property
    def least(self) -> int:
        """Units below which nothing is concluded, chance in their split paid for."""
        whole = sum(self.compared.values())
        return math.ceil(1.5 * LEAST[self.to] * whole / min(self.compared.values()))

    @property
    def readers(self) -> int:
        """Units with those held out beside the test."""
        return math.ceil(self.units / sum(self.compared.values()))

    def detectable(self, units: int, baseline: float = 0.0) -> float:
        """The smallest relative lift that so many units of the compared arms find with POWER; infinite where none does.

        ``baseline`` as it turned out, 0: as it was expected.
        """
        base = baseline or self.baseline
        low, high = 0.001, 1 / base - 1 if self.to == "members" else 1_000.0
        if units < self.least or self._needed(base, high) > units:
            return math.inf
        for _ in range(40):
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self._needed(base, middle) <= units else (middle, high)
        return high

    def _needed(self, baseline: float, lift: float) -> int:
        return max(self._units(name, baseline, lift) for name in self.others)

    def _units(self, name: str, baseline: float, lift: float) -> int:
        whole = sum(self.compared.values())
        first, second = self.compared[self.control] / whole, self.compared[name] / whole
        better = min(baseline * (1 + lift), 1 - 1e-9)
        if self.to == "groups":
            spread, gap = GROUPS_VARY**2 * (1 / first + (1 + lift) ** 2 / second), lift
        else:
            middle = (first * baseline + second * better) / (first + second)
            spread = max(_noise(baseline) / first + _noise(better) / second, _noise(middle) * (1 / first + 1 / second))
            gap = better - baseline
        return math.ceil(drift(ALPHA / len(self.others)) ** 2 * spread / gap**2)


def _noise(share: float) -> float:
    return share * (1 - share)


# The looks ----------------------------------------------------------------------------------------------------------------


@lru_cache(4_096)
def boundaries(fractions: tuple[float, ...], alpha: float = ALPHA) -> tuple[float, ...]:
    """How large \\|z\\| must be at each look, ``fractions`` of the planned sample, so that all looks together err in ``alpha`` of the cases."""
    crowd, before, found = _Crowd(0.0), 0.0, []
    for fraction in fractions:
        spent, step = _spent(alpha, fraction), fraction - crowd.fraction
        bound = crowd.bound(step, spent - before)
        crowd.go(step, bound)
        before = spent
        found.append(bound / math.sqrt(fraction))
    return tuple(found)


@lru_cache(64)
def drift(alpha: float = ALPHA, power: float = AIMED) -> float:
    """What the mean of z has to be at the end for a difference to be found with ``power`` at one of twenty looks."""
    looks = tuple(round((number + 1) * LOOK_STEP, 6) for number in range(round(1 / LOOK_STEP)))
    bounds = boundaries(looks, alpha)
    low, high = 0.0, 10.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if _power(looks, bounds, middle) < power else (low, middle)
    return high


def _power(looks: Sequence[float], bounds: Sequence[float], drift: float) -> float:
    """The chance that one of the looks decides for the better one."""
    crowd, found = _Crowd(drift), 0.0
    for fraction, bound in zip(looks, bounds, strict=True):
        step, at = fraction - crowd.fraction, bound * math.sqrt(fraction)
        found += crowd.above(step, at)
        crowd.go(step, at)
    return found


def _spent(alpha: float, fraction: float) -> float:
    """What may have been spent of a two-sided level: O'Brien–Fleming's shape, either side its half."""
    return 4 * _NORMAL.cdf(-_NORMAL.inv_cdf(1 - alpha / 4) / math.sqrt(fraction))


class _Crowd:
    """Many tests that go on side by side: where they stand that have not been decided, as masses at the nodes of Gauss and Legendre."""

    def __init__(self, drift: float) -> None:
        self.fraction = 0.0
        self._drift = drift
        self._at: Floats = np.zeros(1)
        self._mass: Floats = np.ones(1)

    def above(self, step: float, bound: float) -> float:
        """The mass that is above a boundary after a step."""
        return float(self._mass @ _upper((bound - self._at - self._drift * step) / math.sqrt(step)))

    def bound(self, step: float, spend: float) -> float:
        """The boundary above and below which ``spend`` of the mass is after a step."""
        low, high = 0.0, _FAR * math.sqrt(self.fraction + step)
        if spend < 1e-13 or 2 * self.above(step, high) > spend:
            return high
        for _ in range(36):
            middle = (low + high) / 2
            low, high = (middle, high) if 2 * self.above(step, middle) > spend else (low, middle)
        return high

    def go(self, step: float, bound: float) -> None:
        """Takes a step; who is beyond the boundary is decided and leaves."""
        nodes, weights = _legendre()
        at = nodes * bound
        gap = (at[:, None] - self._at[None, :] - self._drift * step) / math.sqrt(step)
        density = np.exp(-0.5 * gap * gap) @ self._mass / math.sqrt(2 * math.pi * step)
        self._at, self._mass, self.fraction = at, density * weights * bound, self.fraction + step


@lru_cache(1)
def _legendre() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _upper(z: Floats) -> Floats:
    """The normal distribution's upper tail, to the last digit."""
    return np.array([0.5 * math.erfc(one / math.sqrt(2)) for one in z])


def looks_at(units: Sequence[int], planned: int) -> list[tuple[int, float]]:
    """Which of some days are looked at, by the units that had come by each: their places and fractions of the plan; the last one is 1."""
    found: list[tuple[int, float]] = []
    before = 0.0
    for place, come in enumerate(units):
        fraction = min(come / planned, 1.0)
        if fraction >= 1 or fraction - before >= LOOK_STEP:
            found.append((place, fraction))
            before = fraction
        if fraction >= 1:
            break
    return found


def sequential_p(z: Sequence[float], fractions: tuple[float, ...]) -> float:
    """The smallest level at which one of the looks so far would have decided."""
    low, high = 1e-6, 1.0
    for _ in range(18):
        middle = math.sqrt(low * high)
        bounds = boundaries(fractions, middle)
        low, high = (low, middle) if any(abs(one) >= bound for one, bound in zip(z, bounds, strict=True)) else (middle, high)
    return high


# The tests ----------------------------------------------------------------------------------------------------------------


def share_z(first_hits: Floats, first: Floats, second_hits: Floats, second: Floats) -> Floats:
    """z of the difference of two shares (second over first, pooled), arrays of any one shape; 0 where nothing can be said.

    Where cells are small the word is Fisher's exact test's, which never promises more.
    """
    a, n, b, m = (np.atleast_1d(np.asarray(one, dtype=np.float64)) for one in (first_hits, first, second_hits, second))
    whole = np.maximum(n + m, 1)
    pooled = (a + b) / whole
    noise = pooled * (1 - pooled) * (1 / np.maximum(n, 1) + 1 / np.maximum(m, 1))
    gap = b / np.maximum(m, 1) - a / np.maximum(n, 1)
    z = np.where((noise > 0) & (n > 0) & (m > 0), gap / np.sqrt(np.where(noise > 0, noise, 1)), 0.0)
    least = np.minimum(n, m) * np.minimum(pooled, 1 - pooled)
    for place in zip(*np.nonzero((least < SMALL) & (np.abs(z) > 1.5)), strict=True):
        p = fisher(int(a[place]), int(n[place]), int(b[place]), int(m[place]))
        z[place] = math.copysign(min(-_NORMAL.inv_cdf(max(p, 1e-15) / 2), abs(z[place])) if p < 1 else 0.0, z[place])
    return z


def fisher(first_hits: int, first: int, second_hits: int, second: int) -> float:
    """Fisher's exact two-sided p: all tables with the same margins that are no likelier than this one."""
    hits, whole = first_hits + second_hits, first + second
    places = range(max(0, hits - second), min(hits, first) + 1)
    chances = [_choose(first, k) + _choose(second, hits - k) - _choose(whole, hits) for k in places]
    here = chances[first_hits - places[0]]
    return min(math.fsum(math.exp(one) for one in chances if one <= here + 1e-9), 1.0)


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def mean_z(first: Tally, second: Tally) -> float:
    """z of the difference of two means (second over first) by Welch's test, its t turned into the z of the same p (Wallace 1959)."""
    if min(first.units, second.units) < 2:
        return 0.0
    parts = first.variance / first.units, second.variance / second.units
    if sum(parts) <= 0:
        return 0.0
    t = (second.mean - first.mean) / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (first.units - 1) + parts[1] ** 2 / (second.units - 1))
    size = (8 * freedom + 1) / (8 * freedom + 3) * math.sqrt(freedom * math.log1p(t * t / freedom))
    return math.copysign(size, t)


def split_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """How likely chance makes a split of units that is at least so far from the planned ``shares`` (chi-square)."""
    whole, total = sum(counts), sum(shares)
    if not whole or len(counts) < 2:
        return 1.0
    square = sum((count - whole * share / total) ** 2 / (whole * share / total) for count, share in zip(counts, shares, strict=True))
    return _chi_square_tail(square, len(counts) - 1)


def _chi_square_tail(square: float, freedom: int) -> float:
    half = square / 2
    tail, at = (math.erfc(math.sqrt(half)), 1) if freedom % 2 else (math.exp(-half), 2)
    while at < freedom:
        tail += math.exp(at / 2 * math.log(half) - half - math.lgamma(at / 2 + 1)) if half > 0 else 0.0
        at += 2
    return min(tail, 1.0)


def interval(hits: int, units: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, as if it were looked at once."""
    if not units:
        return 0.0, 1.0
    z = _NORMAL.inv_cdf(0.975)
    share, wide = hits / units, 1 + z * z / units
    middle = (share + z * z / (2 * units)) / wide
    half = z / wide * math.sqrt(_noise(share) / units + z * z / (4 * units * units))
    return max(middle - half, 0.0), min(middle + half, 1.0)


# What is concluded --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of an arm: its units; how many of them did it; and for groups how many people did, summed and squared over groups."""

    units: int = 0
    hits: int = 0
    people: int = 0
    squares: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.units + other.units, self.hits + other.hits, self.people + other.people, self.squares + other.squares)

    @property
    def share(self) -> float:
        """The share of units that did it."""
        return self.hits / self.units if self.units else 0.0

    @property
    def mean(self) -> float:
        """People that did it, a group."""
        return self.people / self.units if self.units else 0.0

    @property
    def variance(self) -> float:
        """How much groups differ in that."""
        return max(self.squares - self.people * self.mean, 0.0) / (self.units - 1) if self.units > 1 else 0.0

    def level(self, to: To) -> float:
        """What is compared: the share of members, or people a group."""
        return self.share if to == "members" else self.mean

    def interval(self, to: To) -> tuple[float, float]:
        """Where that lies with 95 %, looked at once."""
        if to == "members":
            return interval(self.hits, self.units)
        half = 1.96 * math.sqrt(self.variance / self.units) if self.units else 0.0
        return max(self.mean - half, 0.0), self.mean + half


Days = Mapping[date, Mapping[str, Tally]]
"""Tallies by the day of first exposure and by arm."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be concluded: ``winner`` over ``loser`` where ``state`` is won, decided by the look on ``day``.

    ``p`` pays for all looks and arms. ``counted`` are the compared units whose hours are over, of ``planned``; ``days_left`` 0: nobody knows. ``total`` has
    all arms with what counted; ``said`` is the verdict in a sentence.
    """

    state: State
    said: str
    winner: str = ""
    loser: str = ""
    p: float = 1.0
    day: date | None = None
    counted: int = 0
    planned: int = 0
    days_left: int = 0
    looks: int = 0
    total: Mapping[str, Tally] = field(default_factory=dict)


def is_ripe(day: date, within_hours: int, now_day: date) -> bool:
    """Whether the hours of all who were reached on a day are over before ``now_day`` begins."""
    return day + timedelta(days=1 + math.ceil(within_hours / 24)) <= now_day


def judge(plan: Plan, days: Days, today: date) -> Verdict:
    """What may be concluded from the days whose hours are over. Pure: the same days give the same verdict, whoever asks and however often."""
    ripe = sorted(day for day in days if is_ripe(day, plan.within_hours, today))
    sums = _sums(plan, days, ripe)
    come = [sum(total[name].units for name in plan.compared) for total in sums]
    planned = plan.units
    looks = looks_at(come, planned)
    total = sums[-1] if sums else dict.fromkeys(plan.arms, Tally())
    counted = come[-1] if come else 0
    split = [total[name].units for name in plan.arms]
    if counted and split_p(split, list(plan.arms.values())) < SKEWED:
        said = f"分组不对：应当按 {_split_said(plan.arms.values())} 分，实际 {_numbers(split)}，不像是碰巧。先不下结论，请检查推送是不是有一组发不出去"
        return Verdict("skewed", said, counted=counted, planned=planned, looks=len(looks), total=total)
    if found := _found(plan, sums, looks):
        at, winner, loser, p = found
        then = sums[looks[at][0]]
        return Verdict(
            "won", _won_said(plan, then, winner, loser, p), winner, loser, p, ripe[looks[at][0]], come[looks[at][0]], planned, 0, at + 1, then
        )  # fmt: skip
    if looks and looks[-1][1] >= 1:
        at = looks[-1][0]
        said = _same_said(plan, sums[at], come[at])
        return Verdict("same", said, "", "", 1.0, ripe[at], come[at], planned, 0, len(looks), sums[at])
    left = _days_left(plan, days, today)
    state: State = "running" if left else "small"
    return Verdict(
        state, _open_said(plan, days, counted, left), counted=counted, planned=planned, days_left=left, looks=len(looks), total=total
    )


def _sums(plan: Plan, days: Days, ripe: Sequence[date]) -> list[dict[str, Tally]]:
    sums: list[dict[str, Tally]] = []
    total = dict.fromkeys(plan.arms, Tally())
    for day in ripe:
        total = {name: before + days[day].get(name, Tally()) for name, before in total.items()}
        sums.append(total)
    return sums


def _found(plan: Plan, sums: Sequence[Mapping[str, Tally]], looks: Sequence[tuple[int, float]]) -> tuple[int, str, str, float] | None:
    """The first look that decided for an arm: which, for whom, over whom, and p."""
    paths: dict[str, list[float]] = {name: [] for name in plan.others}
    for at, (place, _) in enumerate(looks):
        for name, path in paths.items():
            path.append(_z(plan, sums[place], name))
        fractions = tuple(fraction for _, fraction in looks[: at + 1])
        decided = holm({name: np.array([path]) for name, path in paths.items()}, fractions)
        better = [name for name in plan.others if decided[name][0] and paths[name][-1] > 0]
        worse = [name for name in plan.others if decided[name][0] and paths[name][-1] < 0]
        if better:
            winner = max(better, key=lambda name: paths[name][-1])
            return at, winner, plan.control, _adjusted(paths, winner, fractions)
        if len(worse) == len(plan.others):
            loser = min(worse, key=lambda name: abs(paths[name][-1]))
            return at, plan.control, loser, _adjusted(paths, loser, fractions)
    return None


def holm(paths: Mapping[str, Floats], fractions: tuple[float, ...]) -> dict[str, NDArray[np.bool_]]:
    """Which of several comparisons are decided after some looks: for each the z of many tests (rows) at every look (columns), Holm's way."""
    names = list(paths)
    decided = np.zeros((len(names), len(next(iter(paths.values())))), dtype=bool)
    crossed = []
    for left in range(len(names), 0, -1):  # how many are still open decides at which level each is tested
        bounds = np.array(boundaries(fractions, ALPHA / left))
        crossed.append(np.stack([(np.abs(paths[name]) >= bounds).any(axis=1) for name in names]))
    for at in range(len(names)):
        fits = decided.sum(axis=0) == at
        decided = np.where(fits & (at < len(names)), decided | crossed[at], decided)
        for after in range(at + 1, len(names)):  # more than one may have gone at once
            jump = fits & (decided.sum(axis=0) == after)
            decided = np.where(jump, decided | crossed[after], decided)
    return dict(zip(names, decided, strict=True))


def _adjusted(paths: Mapping[str, Sequence[float]], name: str, fractions: tuple[float, ...]) -> float:
    """Holm's p of one comparison among several."""
    p = {one: sequential_p(path, fractions) for one, path in paths.items()}
    order = sorted(p, key=lambda one: p[one])
    return min(max((len(order) - at) * p[one] for at, one in enumerate(order[: order.index(name) + 1])), 1.0)


def _z(plan: Plan, total: Mapping[str, Tally], name: str) -> float:
    """How much better an arm does than the control, 0 while either is too small to be asked."""
    first, second = total[plan.control], total[name]
    if min(first.units, second.units) < LEAST[plan.to]:
        return 0.0
    if plan.to == "groups":
        z = mean_z(first, second)
    else:
        z = float(share_z(*(np.array([float(one)]) for one in (first.hits, first.units, second.hits, second.units)))[0])
    return -z if plan.outcome == "opt_out" else z


def _days_left(plan: Plan, days: Days, today: date) -> int:
    """In about how many days the planned sample has come at the pace of the last days; 0 where it never does."""
    come = sum(days[day].get(name, Tally()).units for day in days for name in plan.compared)
    recent = [day for day in days if today - timedelta(days=PACE_DAYS) <= day]
    pace = sum(days[day].get(name, Tally()).units for day in recent for name in plan.compared) / PACE_DAYS
    ripens = 1 + math.ceil(plan.within_hours / 24)
    if come >= plan.units:
        return ripens
    left = math.ceil((plan.units - come) / pace) + ripens if pace > 0 else 0
    return left if left <= MOST_DAYS else 0


# In words -----------------------------------------------------------------------------------------------------------------

DID: Mapping[Outcome, str] = {"reply": "回话", "check_in": "签到", "purchase": "兑换", "opt_out": "免打扰"}
"""What a trial looks for, in a word."""
UNITS: Mapping[To, str] = {"members": "人", "groups": "个群"}


def called(name: str) -> str:
    """What an arm is called in sentences."""
    return "不发" if name == HOLDOUT else name


def say_level(plan: Plan, tally: Tally) -> str:
    """What is compared, as it is written: 12.4%, or people a group."""
    return f"{tally.share:.1%}" if plan.to == "members" else f"每群 {tally.mean:.1f} 人"


def say_size(push: Push, readers: int) -> str:
    """What is said before an experiment begins: how many it takes, and what so many ``readers`` can show. Raises ValueError as :meth:`Plan.of`."""
    return say_plan(Plan.of(push), readers)


def say_plan(plan: Plan, readers: int) -> str:
    """The same of a plan."""
    unit, found = UNITS[plan.to], plan.detectable(math.floor(readers * sum(plan.compared.values())))
    whole = f"要 {plan.readers:,} {unit}才看得出 {_percent(plan.lift)} 的差别（原来 {_baseline(plan)}，{len(plan.compared)} 组）"
    if readers >= plan.readers:
        return f"人够：{whole}，现在有 {readers:,} {unit}"
    if math.isinf(found):
        return f"你只有 {readers:,} {unit}，{whole}；这么少什么差别也看不出来"
    return f"你只有 {readers:,} {unit}，{whole}；能看出的是 {_percent(found)} 以上的差别"


def _baseline(plan: Plan) -> str:
    return f"{plan.baseline:.1%}" if plan.to == "members" else "按群和群差别很大算"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _won_said(plan: Plan, total: Mapping[str, Tally], winner: str, loser: str, p: float) -> str:
    first, second = total[winner], total[loser]
    more = "少" if plan.outcome == "opt_out" else "多"
    gap = abs(first.level(plan.to) - second.level(plan.to))
    apart = f"{gap * 100:.1f} 个百分点" if plan.to == "members" else f"平均 {gap:.1f} 人"
    ends = "" if plan.control == HOLDOUT else "，可以推广"
    told = f"p={p:.3f}" if p >= 0.001 else "p<0.001"
    return (
        f"“{called(winner)}”比“{called(loser)}”{DID[plan.outcome]}{more} {apart}"
        f"（{say_level(plan, first)} 对 {say_level(plan, second)}），{told}{ends}"
    )  # fmt: skip


def _same_said(plan: Plan, total: Mapping[str, Tally], counted: int) -> str:
    unit = UNITS[plan.to]
    base = total[plan.control].share if plan.to == "members" else plan.baseline
    found = plan.detectable(counted, base) if 0 < base < 1 else math.inf
    if found <= plan.lift * 1.25:
        return f"没有差别：{counted:,} {unit}都看完了；要是真差 {_percent(plan.lift)}，多半（八成）已经看出来了"
    could = f"只能看出 {_percent(found)} 以上的" if found < math.inf else "什么差别也看不出来"
    return f"没看出差别：{counted:,} {unit}都看完了，但{DID[plan.outcome]}的比原来想的少，这么多{unit}{could}"


def _open_said(plan: Plan, days: Days, counted: int, left: int) -> str:
    unit = UNITS[plan.to]
    come = sum(one.units for day in days.values() for name, one in day.items() if name in plan.compared)
    if left:
        return f"还看不出来，还要大约 {left} 天（看完了 {counted:,} {unit}，一共要 {plan.units:,} {unit}）"
    found = plan.detectable(come) if come else math.inf
    could = f"；这么多能看出的是 {_percent(found)} 以上的差别" if found < math.inf else ""
    short = "人不够" if plan.to == "members" else "群不够"
    return f"{short}：到现在 {come:,} {unit}，要 {plan.units:,} {unit}才看得出 {_percent(plan.lift)}{could}"


def _split_said(shares: object) -> str:
    return " : ".join(f"{share:.0%}" for share in shares)  # type: ignore[attr-defined]


def _numbers(counts: Sequence[int]) -> str:
    return " : ".join(f"{count:,}" for count in counts)
