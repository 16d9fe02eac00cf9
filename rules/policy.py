"""What the judges' reasons lead to: the thresholds of a community, and the few cases in which a listed word is no insult."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rules.flooding import Limits
from rules.judgement import Outcome, Reason, Verdict
from rules.ladder import Ladder
from rules.mood_rules import MoodRules
from rules.telling import is_addressed, is_caution, told
from rules.unmask import GUESSES, Reading

Strictness = Literal["strict", "normal", "gentle"]
Profile = Literal["chat", "support"]
Trial = Literal["auto", "on", "off"]

WORST = 3
NEVER = 2.0
LONG = 12
"""Letters from which a text says enough for the model of abuse to warn by itself."""
ADDRESSED = 6
"""The same where it is said to somebody."""
_HARD = frozenset({"insult", "threat"})
_OFFERS = frozenset({"advert", "contact", "scam"})
_ORDER: Mapping[Outcome, int] = {"pass": 0, "review": 1, "warn": 2}


@dataclass(frozen=True, slots=True)
class Standard:
    """How much it takes: from which score of the model of abuse a person looks (``review``; ``addressed`` where it is said to somebody or with a
    harsh word, the ``harsh`` part of that where both are so) or the member is warned (``warn``).

    ``word`` is the score from which the worst listed words warn: below it they may be a quote or a joke, and a person looks. ``least`` is the
    severity from which a person looks at what has no score to go by.
    """

    review: float = 0.7
    addressed: float = 0.45
    warn: float = 0.92
    word: float = 0.8
    least: int = 2
    harsh: float = 0.5

    def for_support(self) -> Standard:
        """Where people come to complain only the worst is looked at, and nobody is warned by the model alone."""
        return replace(
            self,
            review=max(self.review, self.warn),
            addressed=max(self.review, self.warn),
            warn=NEVER,
            word=max(self.word, 0.9),
            least=WORST,
            harsh=1.0,
        )


STANDARDS: Mapping[Strictness, Standard] = {
    "strict": Standard(0.5, 0.3, 0.88, 0.6), "normal": Standard(), "gentle": Standard(0.8, 0.65, 0.96, 0.9),
}  # fmt: skip
MILDER: Mapping[Strictness, Strictness] = {"strict": "normal", "normal": "gentle", "gentle": "gentle"}


@dataclass(frozen=True, slots=True)
class Place:
    """How one community differs from the others; '' is as strict as all."""

    strictness: Strictness | Literal[""] = ""
    profile: Profile = "chat"
    trial: Trial = "auto"


ORDINARY = Place()


@dataclass(frozen=True, slots=True)
class Policy:
    """How strict the bot is, everywhere and in single communities; ``allowed`` are domains and numbers that are no advertisement."""

    strictness: Strictness = "normal"
    places: Mapping[str, Place] = field(default_factory=dict)
    standards: Mapping[Strictness, Standard] = field(default_factory=lambda: STANDARDS)
    allowed: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    ladder: Ladder = field(default_factory=Ladder)
    mood: MoodRules = field(default_factory=MoodRules)

    def place(self, community: str) -> Place:
        """How a community is judged."""
        return self.places.get(community, ORDINARY)

    def strictness_in(self, community: str) -> Strictness:
        """How strict the bot is in a community."""
        return self.place(community).strictness or self.strictness

    def standard(self, community: str, *, is_newcomer: bool = False) -> Standard:
        """The thresholds of a community; a newcomer's are a step milder."""
        strictness = self.strictness_in(community)
        found = self.standards[strictness]
        if is_newcomer:
            milder = self.standards[MILDER[strictness]]
            found = replace(found, review=milder.review, addressed=milder.addressed, warn=milder.warn)
        return found.for_support() if self.place(community).profile == "support" else found


def decide(reading: Reading, found: Sequence[Reason], abuse: float, mood: float, standard: Standard, *, has_model: bool) -> Verdict:
    """The verdict that a standard makes of what was found. Without a model of abuse the word list stands alone."""
    if not found:
        return Verdict(abuse=abuse, mood=mood)
    outcomes = [_outcome(reason, found, reading, abuse if has_model else 1.0, standard) for reason in found]
    ranked = sorted(zip(outcomes, found, strict=True), key=lambda each: (-_ORDER[each[0]], -each[1].severity, -each[1].score))
    return Verdict(ranked[0][0], ranked[0][1].severity, tuple(reason for _, reason in ranked), abuse, mood)


def _outcome(reason: Reason, found: Sequence[Reason], reading: Reading, abuse: float, standard: Standard) -> Outcome:
    """What one reason leads to. An advertisement needs a person's eye, who knows what is allowed to be sold."""
    if reason.source == "abuse":
        wanted: Outcome = "warn" if reason.score >= standard.warn and _is_backed(reason, found, reading) else "review"
    elif reason.severity >= WORST and reason.score >= 1 and reason.category in _HARD and abuse >= standard.word:
        wanted = "warn"
    else:
        wanted = "review" if reason.severity >= standard.least else "pass"
    if wanted == "pass" or (reason.category in _OFFERS and is_caution(reading)):
        return "pass"
    if reason.category not in _HARD:
        return wanted
    most = told(reading, reason)
    return wanted if most is None or _ORDER[wanted] <= _ORDER[most] else most


def _is_backed(reason: Reason, found: Sequence[Reason], reading: Reading) -> bool:
    """Whether the model of abuse may warn: not of what was guessed, nor of an odd word that nobody listed (喷子, 滚)."""
    if not GUESSES.isdisjoint(reason.steps):
        return False
    if any(each.source == "words" and each.category in _HARD and each.score >= 1 and each.severity > 1 for each in found):
        return True
    letters = sum(map(str.isalnum, reading.plain))
    return letters >= LONG or (letters >= ADDRESSED and is_addressed(reading))
