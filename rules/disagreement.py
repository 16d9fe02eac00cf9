"""How often people found a judge wrong, by how sure it had been, and from which score on it would have been right often enough. Only told, never applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FEWEST = 10
"""Decisions below which nothing is suggested."""
FEWEST_LEFT = 5
"""Decisions that have to remain above a suggested threshold."""
MOST_WRONG: Mapping[str, float] = {"warn": 0.1, "review": 0.5}
"""The share of wrong verdicts that is put up with: a warning hurts, a look costs a minute."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often people agreed, and how often they found otherwise."""

    agreed: int = 0
    overturned: int = 0

    @property
    def n(self) -> int:
        """All decisions."""
        return self.agreed + self.overturned

    @property
    def wrong(self) -> float:
        """The share that was found wrong; 0 where nobody decided."""
        return self.overturned / self.n if self.n else 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.agreed + other.agreed, self.overturned + other.overturned)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """From ``score`` (0..1) on the judge would have been right often enough: what was decided above it, and how many right ones lie below."""

    score: float
    left: Tally
    lost: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the verdicts of one judge in one category. ``bands``: by score, the lowest first; ``floor`` the lowest score that occurred."""

    judge: str
    category: str
    verdict: str
    bands: tuple[tuple[float, Tally], ...]

    @property
    def floor(self) -> float:
        """The lowest score among them."""
        return self.bands[0][0]

    @property
    def total(self) -> Tally:
        """All of them."""
        return sum((tally for _, tally in self.bands), Tally())

    @property
    def suggestion(self) -> Suggestion | None:
        """A higher threshold, where people found too many wrong and there is one that helps; None else."""
        total, most = self.total, MOST_WRONG.get(self.verdict, 0.5)
        if total.n < FEWEST or total.wrong <= most:
            return None
        for at in range(1, len(self.bands)):
            left = sum((tally for _, tally in self.bands[at:]), Tally())
            if left.n >= FEWEST_LEFT and left.wrong <= most:
                return Suggestion(self.bands[at][0], left, total.agreed - left.agreed)
        return None


@dataclass(frozen=True, slots=True)
class Moderator:
    """What one moderator decided: each decision by its name, and how often an appeal against him was granted."""

    member: int
    decisions: Mapping[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Cases that he decided."""
        return self.decisions.get("warned", 0) + self.decisions.get("ignored", 0)

    @property
    def overruled(self) -> int:
        """How many of his warnings an appeal lifted."""
        return self.decisions.get("overruled", 0)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """The whole report."""

    judged: tuple[Judged, ...]
    rules: Mapping[str, Tally]
    moderators: tuple[Moderator, ...]


def disagreement(counts: Mapping[str, int]) -> Disagreement:
    """The report that counts make: ``agreed|judge|abuse|insult|warn|84``, ``overturned|rule|…``, ``by|9|warned``."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by: dict[int, dict[str, int]] = defaultdict(dict)
    for name, n in counts.items():
        kind, _, rest = name.partition("|")
        if kind == "by":
            member, _, decision = rest.partition("|")
            by[int(member)][decision] = n
        elif kind in ("agreed", "overturned"):
            found[rest][kind == "overturned"] += max(0, n)
    tallies = {name: Tally(*pair) for name, pair in found.items() if any(pair)}
    rules = {name.removeprefix("rule|"): tally for name, tally in tallies.items() if name.startswith("rule|")}
    judged = _judged((name.split("|")[1:], tally) for name, tally in tallies.items() if name.startswith("judge|"))
    moderators = (Moderator(member, decisions) for member, decisions in sorted(by.items()))
    return Disagreement(tuple(judged), rules, tuple(moderators))


def _judged(rows: Iterable[tuple[list[str], Tally]]) -> list[Judged]:
    bands: dict[tuple[str, str, str], dict[int, Tally]] = defaultdict(dict)
    for (judge, category, verdict, band), tally in rows:
        bands[judge, category, verdict][int(band)] = tally
    found = [
        Judged(*key, tuple((band / 100, tally) for band, tally in sorted(by_band.items()))) for key, by_band in bands.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one.total.overturned, -one.total.n, one.judge, one.category, one.verdict))
