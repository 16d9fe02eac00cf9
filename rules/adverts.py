"""Is this an advertisement, and does it lead somewhere? Trained and measured as docs/models/adverts.md tells.

Ways to reach somebody are only noted, unless they are disguised: a member who gives his phone number to a shop does nothing wrong. An advertisement
is what the model takes for one; a person decides, who knows what may be sold here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rules.advert_signs import Signs, SignWords, features, mark, shipped_words
from rules.contacts import TITLES, Contact, find_contacts, is_allowed
from rules.gram_model import GramModel, read_arrays
from rules.grams import grams
from rules.judgement import RULES, Category, Reason
from rules.unmask import Reading, View

SHIPPED = Path(__file__).parent / "models" / "adverts.npz"
LEAST_WORDS = 2
"""Different words of the trade below which a text without a way to reach somebody is no advertisement, and not looked at further."""
LIKELY = 0.5
_SCAMS = frozenset({"fraud", "bank", "gambling", "porn"})
_SHOWN = 4
_STEEPEST = 8.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What one way to read a text shows; ``marked`` is what the model reads, empty where it need not."""

    view: View
    signs: Signs
    contacts: tuple[Contact, ...]
    marked: str


@dataclass(frozen=True, slots=True)
class AdvertModel:
    """Runs of characters and signs, weighed together. ``weights`` are those of the signs, then of the runs' logit (whole, positive part), then 1.

    A score of 0.5 is the threshold of :attr:`shift`: it is set where hardly any ordinary message lies.
    """

    runs: GramModel
    weights: NDArray[np.float64]
    shift: float
    words: SignWords

    @classmethod
    def load(cls, file: Path) -> AdvertModel:
        """The model that :meth:`save` wrote. OSError without a file, ValueError or KeyError for another one."""
        words = shipped_words()
        kept = read_arrays(file)
        weights = kept["weights"]
        if weights.shape != inputs(words.find(""), (), "", 0.0, words).shape:
            raise ValueError("trained with other signs than these")
        return cls(GramModel.of(kept), weights, float(kept["shift"]), words)

    def save(self, file: Path) -> None:
        """Writes the model; the same model is the same bytes."""
        with file.open("wb") as opened:
            np.savez_compressed(opened, allow_pickle=False, **self.runs.arrays(), weights=self.weights, shift=self.shift)

    def score(self, reading: Reading, allowed: Collection[str] = ()) -> float:
        """How likely the text is an advertisement, in the worst way to read it: 0..1. ``allowed`` are the community's own domains and numbers."""
        return self.scores((reading,), allowed)[0]

    def scores(self, readings: Sequence[Reading], allowed: Collection[str] = ()) -> list[float]:
        """:meth:`score` of many texts."""
        return [worst for _, worst, _ in self._judge(readings, allowed)]

    def find(self, reading: Reading, allowed: Collection[str] = ()) -> tuple[Reason, ...]:
        """The reasons, advertisement first; none for most texts."""
        return self.find_many((reading,), allowed)[0]

    def find_many(self, readings: Sequence[Reading], allowed: Collection[str] = ()) -> list[tuple[Reason, ...]]:
        """:meth:`find` of many texts, in less time."""
        found = []
        for reading, (looks, worst, look) in zip(readings, self._judge(readings, allowed), strict=True):
            advert = (self._advert(look, worst),) if worst >= LIKELY else ()
            found.append((*advert, *_contacts(looks, reading.sent)))
        return found

    def _judge(self, readings: Sequence[Reading], allowed: Collection[str]) -> list[tuple[tuple[_Look, ...], float, _Look]]:
        """For each text what it shows, its score, and the way to read it that has that score."""
        looks = [self._looks(reading, allowed) for reading in readings]
        scores = self._probable([look for each in looks for look in each if look.marked])
        judged = []
        for each in looks:
            scored = [(next(scores) if look.marked else 0.0) for look in each]
            worst = max(scored)
            judged.append((each, worst, each[scored.index(worst)]))
        return judged

    def _looks(self, reading: Reading, allowed: Collection[str]) -> tuple[_Look, ...]:
        """The plain way to read the text, and the one in which everything is undone."""
        views = reading.views[:: max(1, len(reading.views) - 1)]
        return tuple(self._look(view, allowed) for view in views)

    def _look(self, view: View, allowed: Collection[str]) -> _Look:
        text, contacts = view.text, tuple(find_contacts(view.text))
        if allowed and (own := [contact for contact in contacts if is_allowed(contact, allowed)]):
            text = _without(text, own)
            contacts = tuple(contact for contact in contacts if contact not in own)
        signs = self.words.find(text, 0 if contacts else LEAST_WORDS)
        is_worth_reading = contacts or signs.trade >= LEAST_WORDS
        return _Look(view, signs, contacts, mark(text) if is_worth_reading else "")

    def _probable(self, looks: Sequence[_Look]) -> Iterator[float]:
        if not looks:
            return iter(())
        logits = self.runs.logits(grams([look.marked for look in looks])).tolist()
        shown = np.array(
            [inputs(look.signs, look.contacts, look.marked, logit, self.words) for look, logit in zip(looks, logits, strict=True)]
        )
        probable: list[float] = (1 / (1 + np.exp(self.shift - shown @ self.weights))).tolist()
        return iter(probable)

    def _advert(self, look: _Look, score: float) -> Reason:
        said: dict[str, list[str]] = {}
        for sign in sorted(look.signs.found, key=lambda sign: sign.start - sign.end):
            purpose = next((purpose for purpose in sign.purposes if purpose not in ("notice", "news")), None)
            if purpose and sign.word not in (words := said.setdefault(purpose, [])):
                words.append(sign.word)
        ranked = sorted(said.items(), key=lambda each: -len(each[1]))[:_SHOWN]
        shown = "；".join(f"{self.words.titles[purpose]}：{'、'.join(words[:_SHOWN])}" for purpose, words in ranked)
        ways = "、".join(dict.fromkeys(TITLES[contact.kind] for contact in look.contacts))
        parts = [(sign.start, sign.end) for sign in look.signs.found] + [(contact.start, contact.end) for contact in look.contacts]
        span = look.view.span(min(start for start, _ in parts), max(end for _, end in parts)) if parts else None
        category: Category = "scam" if ranked and ranked[0][0] in _SCAMS else "advert"
        said_of = "像诈骗" if category == "scam" else "像广告"
        told = "；".join(filter(None, (shown, f"带有{ways}" if ways else "")))
        return Reason("adverts", category, score, 2, RULES[category], f"{said_of}（{told}）" if told else said_of, span, look.view.steps)


def inputs(signs: Signs, contacts: Sequence[Contact], marked: str, logit: float, words: SignWords) -> NDArray[np.float64]:
    """What the weights of a model are multiplied with."""
    kinds = frozenset(contact.kind for contact in contacts if contact.kind != "link") | {
        "hidden" for contact in contacts if contact.is_hidden
    }
    bounded = min(max(logit, -_STEEPEST), _STEEPEST)
    return np.append(features(signs, marked, kinds, words), (bounded / 4, max(bounded, 0.0) / 4, 1.0))


def _without(text: str, contacts: Sequence[Contact]) -> str:
    """The text with blanks where the contacts stand, so that all else stays where it is."""
    for contact in contacts:
        text = text[: contact.start] + " " * (contact.end - contact.start) + text[contact.end :]
    return text


def _contacts(looks: Sequence[_Look], sent: str) -> list[Reason]:
    """One reason for each kind of contact, in the first way to read the text in which it stands."""
    found: dict[str, Reason] = {}
    for look in looks:
        for contact in look.contacts:
            if contact.kind not in found:
                found[contact.kind] = _contact(contact, look.view, sent)
    return list(found.values())


def _contact(contact: Contact, view: View, sent: str) -> Reason:
    span = view.span(contact.start, contact.end)
    said = f"{'改头换面的' if contact.is_hidden else ''}{TITLES[contact.kind]}“{sent[slice(*span)]}”"
    score, severity = (0.8, 2) if contact.is_hidden else (0.3, 1)
    return Reason("adverts", "contact", score, severity, RULES["contact"], said, span, view.steps)


@lru_cache(maxsize=1)
def shipped() -> AdvertModel:
    """The model that comes with the program, read once."""
    return AdvertModel.load(SHIPPED)


def find(reading: Reading, allowed: Collection[str] = ()) -> tuple[Reason, ...]:
    """What the shipped model finds."""
    return shipped().find(reading, allowed)


def score(reading: Reading, allowed: Collection[str] = ()) -> float:
    """How likely the shipped model takes a text for an advertisement."""
    return shipped().score(reading, allowed)
