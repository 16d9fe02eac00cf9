"""Is this abuse or an advertisement? Independent judges give reasons, a policy makes a verdict of them; whether anybody is told is decided elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Protocol

from rules import flooding
from rules.judgement import NO_HISTORY, RULES, History, Reason, Verdict
from rules.policy import Policy, Standard, decide
from rules.restoring import shipped_with
from rules.scanned import find_reason, is_words
from rules.telling import is_addressed, is_harsh, unnamed, unquoted, without_crimes
from rules.unmask import Reading, deepen, glance, read
from rules.wordlist import Lexicon

BATCH = 256
"""Texts that are scored together: what a model costs for each falls to a fraction."""
REMEMBERED, LONGEST_REMEMBERED = 4096, 200
"""How many verdicts are kept for when the same is said again, and up to which length of a text (characters): what many ask is short."""
SHORT = 12
"""Characters of a text that may be nothing but disguise: it is always read in every way."""
SUSPICIOUS = 0.02
"""From this score of its plain words on a longer text is. Of disguised abuse a hundredth scores less, of all texts four in five."""
NEUTRAL = 0.5


class Model(Protocol):
    """A model that gives a text a number from 0 to 1."""

    def score(self, reading: Reading) -> float:
        """The number of one text."""

    def scores(self, readings: Sequence[Reading]) -> Sequence[float]:
        """The numbers of many texts."""


class Explained(Model, Protocol):
    """A model that can tell which of its characters a text owes its number."""

    def why(self, reading: Reading) -> Sequence[tuple[int, int]]:
        """Spans of the text as it was sent, those that weighed most."""


class Finder(Protocol):
    """A judge that gives reasons of its own."""

    def find(self, reading: Reading, allowed: Collection[str]) -> Sequence[Reason]:
        """What it found, but for the community's own domains and numbers."""

    def find_many(self, readings: Sequence[Reading], allowed: Collection[str]) -> Sequence[Sequence[Reason]]:
        """What it found in each of many texts."""


@dataclass(frozen=True, slots=True)
class Models:
    """The judges besides the word list; one that is missing is not asked."""

    abuse: Explained | None = None
    adverts: Finder | None = None
    mood: Model | None = None


class Judge:
    """Judges texts. Built once for a version of the operators' content, used by all threads.

    ``own`` are domains and numbers that may always be named, besides those that the policy allows.
    """

    def __init__(self, lexicon: Lexicon, policy: Policy | None = None, models: Models | None = None, own: Collection[str] = ()) -> None:
        self.lexicon = lexicon
        self.policy = policy or Policy()
        self.own = own
        self._models = models or Models()
        self._allowed = self.policy.allowed.union(own)
        self._restorer = shipped_with(tuple(lexicon.worth_hiding))
        # 签到, the letters of a quiz, the question of the day: what many say costs its judging once
        self._said_before = lru_cache(maxsize=REMEMBERED)(self._judge)

    def judge(self, text: str, history: History = NO_HISTORY, community: str = "") -> Verdict:
        """The verdict on ``text``, with what was said before, by the standard of its community."""
        judge = self._said_before if len(text) <= LONGEST_REMEMBERED else self._judge
        return judge(text, history, community)

    def _judge(self, text: str, history: History, community: str) -> Verdict:
        models, text = self._models, unnamed(text)
        reading = glance(text)
        abuse = models.abuse.score(reading) if models.abuse else 0.0
        if _may_hide(reading, abuse, models) and len((whole := read(text, self._restorer)).views) > len(reading.views):
            reading = whole
            abuse = models.abuse.score(reading) if models.abuse else 0.0
        mood = models.mood.score(reading) if models.mood else NEUTRAL
        adverts = models.adverts.find(reading, self._allowed) if models.adverts else ()
        return self._verdict(reading, adverts, abuse, mood, history, community)

    def judge_many(self, texts: Iterable[str], community: str = "") -> Iterator[Verdict]:
        """The verdicts on many texts, in their order, each as :meth:`judge` gives it."""
        models, rest = self._models, map(unnamed, texts)
        while batch := list(islice(rest, BATCH)):
            readings = [glance(text) for text in batch]
            abuse = list(models.abuse.scores(readings)) if models.abuse else [0.0] * len(readings)
            hiding = [at for at, score in enumerate(abuse) if _may_hide(readings[at], score, models)]
            whole = deepen([readings[at] for at in hiding], self._restorer)
            deeper = {at: reading for at, reading in zip(hiding, whole, strict=True) if reading is not readings[at]}
            if models.abuse:
                for at, score in zip(deeper, models.abuse.scores(list(deeper.values())), strict=True):
                    abuse[at] = score
            for at, reading in deeper.items():
                readings[at] = reading
            moods = models.mood.scores(readings) if models.mood else [NEUTRAL] * len(readings)
            adverts = models.adverts.find_many(readings, self._allowed) if models.adverts else [()] * len(readings)
            for reading, found, score, mood in zip(readings, adverts, abuse, moods, strict=True):
                yield self._verdict(reading, found, float(score), float(mood), NO_HISTORY, community)

    def judge_codes(self, codes: Sequence[str], community: str) -> Verdict:
        """Whether a person should look at the codes that a picture shows; never a warning."""
        found = [reason for code in codes if (reason := find_reason(code, self._allowed))]
        shown = decide(read(""), found, 0.0, NEUTRAL, self.policy.standard(community), has_model=False)
        verdicts = [shown, *(self.judge(code, community=community) for code in codes if is_words(code))]
        reasons = [replace(reason, span=None) for verdict in verdicts if verdict.verdict != "pass" for reason in verdict.reasons]
        if not reasons:
            return Verdict()
        return Verdict("review", max(reason.severity for reason in reasons), tuple(sorted(reasons, key=lambda reason: -reason.severity)))

    def _verdict(
        self, reading: Reading, adverts: Sequence[Reason], abuse: float, mood: float, history: History, community: str
    ) -> Verdict:  # fmt: skip
        standard = self.policy.standard(community, is_newcomer=history.is_newcomer)
        found = [*self.lexicon.find(reading, community), *adverts]
        if self._models.abuse and _is_abuse(reading, abuse, standard) and not self._only_crimes(reading, standard):
            found.append(_of_model(reading, abuse, self._models.abuse, standard))
        if history is not NO_HISTORY:
            found += flooding.find(history, self.policy.limits)
        verdict = decide(reading, found, abuse, mood, standard, has_model=self._models.abuse is not None)
        return (
            replace(verdict, verdict="review") if verdict.verdict == "warn" and self._only_quotes(reading, standard, community) else verdict
        )

    def _only_quotes(self, reading: Reading, standard: Standard, community: str) -> bool:
        """Whether a text is harmless but for what it quotes: then a person looks, who sees what is whose."""
        rest = unquoted(reading.sent)
        if rest is None:
            return False
        own, model = read(rest, self._restorer), self._models.abuse
        return not self.lexicon.find(own, community) and (model is None or not _is_abuse(own, model.score(own), standard))

    def _only_crimes(self, reading: Reading, standard: Standard) -> bool:
        """Whether it is for crimes and courts alone that the model takes a text for abuse: who tells of them attacks nobody."""
        rest, model = without_crimes(reading), self._models.abuse
        return rest is not None and model is not None and not _is_abuse(rest, model.score(rest), standard)


def _is_abuse(reading: Reading, abuse: float, standard: Standard) -> bool:
    """Whether the model of abuse is so sure that a person should look: less sure where somebody is spoken to or a word is harsh, least where both are."""
    if abuse >= standard.review or abuse < standard.addressed * standard.harsh:
        return abuse >= standard.review
    signs = is_addressed(reading) + is_harsh(reading)
    return abuse >= (standard.review, standard.addressed, standard.addressed * standard.harsh)[signs]


def _may_hide(reading: Reading, abuse: float, models: Models) -> bool:
    """Whether a text is looked at once more with its disguises undone. What is long shows what it is about even where its worst words are disguised."""
    return models.abuse is None or len(reading.plain) <= SHORT or abuse >= SUSPICIOUS


def _of_model(reading: Reading, abuse: float, model: Explained, standard: Standard) -> Reason:
    """What the model of abuse says, with the words that weighed most: what is certain where that is enough to warn, else also what was guessed."""
    certain, steps = reading.certain, tuple[str, ...]()
    if certain is not reading:
        if (sure := model.score(certain)) >= min(abuse, standard.warn):
            reading, abuse = certain, sure
        else:
            steps = reading.views[-1].steps
    spans = model.why(reading)
    words = "、".join(f"“{reading.sent[start:end]}”" for start, end in spans)
    said = f"读起来像辱骂（{abuse:.2f}）" + (f"，最像的是{words}" if words else "")
    return Reason("abuse", "insult", abuse, 2, RULES["insult"], said, spans[0] if spans else None, steps)
