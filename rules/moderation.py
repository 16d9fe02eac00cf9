"""Is this abuse or an advertisement? Independent judges give reasons, a policy makes a verdict of them; whether anybody is told is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from rules.judgement import NO_HISTORY, History, Outcome, Reason, Verdict
from rules.unmask import read
from rules.wordlist import Lexicon

WORST = 3
_OUTCOMES: tuple[Outcome, ...] = ("pass", "review", "warn")


class Judge:
    """Judges texts. Built once for a version of the operators' content, used by all threads."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def judge(self, text: str, history: History = NO_HISTORY) -> Verdict:
        """The verdict on ``text``, with what was said before."""
        return _verdict(self.lexicon.find(read(text)))


def _verdict(found: Sequence[Reason]) -> Verdict:
    if not found:
        return Verdict()
    ranked = tuple(sorted(found, key=lambda reason: (-_weight(reason), -reason.severity)))
    return Verdict(_OUTCOMES[_weight(ranked[0])], ranked[0].severity, ranked)


def _weight(reason: Reason) -> int:
    """0 pass, 1 review, 2 warn. Only the worst insults warn: an advertisement needs a person's eye, who knows what is allowed to be sold."""
    if reason.severity >= WORST and reason.category == "insult":
        return 2
    return 1 if reason.severity > 1 else 0
