"""How a text feels, and how feelings add up over time: the one home of snownlp."""

from __future__ import annotations

from collections.abc import Callable

from rules.text import normalise

LONGEST = 500
"""Characters of a text that are scored; SnowNLP needs about 50 µs for each."""
NEUTRAL = 0.5


class SnowMood:
    """SnowNLP's sentiment. Building one takes 2 s and 420 MB: only the background worker does.

    It was trained on reviews: everyday texts such as 收到 score below 0.4, so a single text is no evidence of anything; means over many are.
    """

    def __init__(self) -> None:
        from snownlp import SnowNLP

        self._judge: Callable[[str], float] = lambda text: float(SnowNLP(text).sentiments)

    def score(self, text: str) -> float:
        """From 0 (unhappy) to 1 (happy); 0.5 for a text without a word in it."""
        plain = normalise(text)[:LONGEST]
        if not any(char.isalnum() for char in plain):
            return NEUTRAL
        try:
            score = self._judge(plain)
        except (ArithmeticError, LookupError, ValueError):  # snownlp fails on some texts its segmenter leaves nothing of
            return NEUTRAL
        return min(1.0, max(0.0, score))
